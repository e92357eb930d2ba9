"""What a problem is to a search: its successors, samples, ends and names, against the problem itself."""

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import HexWorld, TwentyFortyEight, packed_boards
from decision_making.sequential_problems.online_planning.batch_model import BatchModel, axes_of_a_state, model_of
from decision_making.sequential_problems.online_planning.branches import branches
from decision_making.sequential_problems.online_planning.draws import RowStreams, SharedStream, draws_of
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model, entries, some_action
from decision_making.sequential_problems.online_planning.one_tree import OneState, OneTree, Uniforms, one_state
from decision_making.sequential_problems.online_planning.packed import PackedModel, compact
from decision_making.sequential_problems.online_planning.plans import best, counted
from decision_making.sequential_problems.online_planning.trees import HashTable, Trees, exploration

INF = np.inf
P = HexWorld()


class Stairs:
    """Whole numbers from 0 up; action 1 climbs two for 10 times the step, action 0 one for 1; over from 4 on."""

    γ = 0.5
    A = ("one", "two")

    def __init__(self):
        self.calls = 0

    def TR(self, s, a, rng):
        self.calls += 1
        two = np.asarray(a) == "two"
        return s + 1 + two, np.where(two, 10.0, 1.0)

    def successors(self, s, a):
        s_next, r = self.TR(s, a, None)
        far = np.where(np.asarray(a) == "two", 0.25, 0.0)
        return np.stack([s_next, s_next + 1]), np.stack([1 - far, far]), r

    def terminal(self, s):
        return np.asarray(s) >= 4


def stairs(**more):
    problem = Stairs()
    for name, x in more.items():
        setattr(problem, name, x)
    return problem, BatchModel(problem, 0)


def sizes_asked(monkeypatch, module):
    """What check_size is asked by that module."""
    asked = []
    monkeypatch.setattr(module, "check_size", lambda what, size, instead: asked.append((size, instead)))
    return asked


# a problem of functions


def test_wandering_pays_discounted_rewards_until_the_end():
    problem, model = stairs()
    s, rng = np.array([0, 3, 7]), np.random.default_rng(8)
    found = model.wander(s, 6, SharedStream(np.random.default_rng(8)), np.arange(3))
    expected, at, steps = np.zeros(3), s.copy(), 0
    while (at < 4).any():
        a = rng.integers(2, size=3)
        expected += np.where(at < 4, 0.5**steps * np.where(a == 1, 10.0, 1.0), 0)
        at, steps = at + 1 + a, steps + 1
    np.testing.assert_array_equal(found, expected)
    assert found[2] == 0
    assert problem.calls == steps  # and no step after all have ended
    assert model.wander(s[:1], 1, SharedStream(np.random.default_rng(8)), np.arange(1))[0] in (1.0, 10.0)


def test_names_of_actions_go_to_the_problem_and_back():
    _, model = stairs()
    assert model.index(["two", "one"]).tolist() == [1, 0]
    assert model.action(np.array([1, 0])).tolist() == ["two", "one"]
    with pytest.raises(ValueError, match=r"must be one of P\.A"):
        model.index(["three"])


def test_successors_are_sorted_by_state_and_action_and_possible():
    _, model = stairs()
    edges = model.edges(np.array([0, 1]))
    assert edges.pair.tolist() == [0, 1, 1, 2, 3, 3]  # "one" has a single successor of probability above 0
    assert edges.s_next.tolist() == [1, 2, 3, 2, 3, 4]
    assert edges.p.tolist() == [1, 0.75, 0.25, 1, 0.75, 0.25]
    assert edges.r.tolist() == [[1, 10], [1, 10]]
    assert edges.expect(np.array([1, 2, 4, 8, 16, 32.0])).tolist() == [[1, 2.5], [8, 20]]


def test_what_follows_a_state_is_asked_once():
    """Of states 0 to 3, each by three calls: how many there are, and for each of two actions. Two steps up pay 15."""
    for M in (
        dm.HeuristicSearch(problem := Stairs(), lambda s: 40.0 + 0 * s, 5, 50, rng=0),
        dm.LabeledHeuristicSearch(problem, lambda s: 40.0 + 0 * s, 5, 1e-6, rng=0),
    ):
        problem.calls = 0
        found = dm.plan(M, 0)
        assert problem.calls <= 4 * 3
        assert found.u == pytest.approx(10 + 0.5 * 10, abs=1e-6)


def test_successors_of_no_state_are_none():
    _, model = stairs()
    edges = model.edges(np.array([], int))
    assert (len(edges.pair), edges.r.shape) == (0, (0, 2))


def test_actions_that_are_not_available_are_worth_minus_infinity():
    _, model = stairs(legal_actions=lambda s: np.stack([s >= 0, s < 1], axis=-1))
    assert model.edges(np.array([0, 1])).r.tolist() == [[1, 10], [1, -INF]]
    assert stairs()[1].available(np.array([0])) is None
    _, none = stairs(legal_actions=lambda s: np.stack([s < 1, s < 1], axis=-1))
    with pytest.raises(ValueError, match="s = 5: has no available action"):
        none.available(np.array([0, 5]))


def test_numbers_of_a_level_are_counted_before_they_are_made(monkeypatch):
    asked = sizes_asked(monkeypatch, import_module(BatchModel.__module__))
    _, model = stairs()
    model.edges(np.arange(5))
    assert asked[0][0] == 2 * 2 * 5  # actions, successors, states
    game = TwentyFortyEight()
    board = game.b(1, np.random.default_rng(0))
    K = len(game.successors(board, np.array([0]))[0])
    BatchModel(game, 2).edges(np.repeat(board, 3, axis=0))
    assert asked[1][0] == 4 * K * 3 * 16


@pytest.mark.parametrize("ndim", [0, None])
def test_states_come_as_one_or_as_a_batch(ndim):
    model = BatchModel(Stairs(), ndim)
    rows, single = model.rows([3, 4])
    assert (rows.tolist(), single) == ([3, 4], False)
    rows, single = model.rows(3)
    assert (rows.tolist(), single) == ([3], True)
    with pytest.raises(ValueError, match="must be finite"):
        model.rows([np.nan])


def test_states_of_other_axes_are_refused():
    with pytest.raises(ValueError, match=r"s has shape \(2, 2\): one state has 0 axes, a batch one more"):
        BatchModel(Stairs(), 0).rows(np.zeros((2, 2)))
    assert BatchModel(Stairs(), None).rows(np.zeros((2, 3)))[0].shape == (2, 3)
    assert axes_of_a_state(Stairs()) is None
    assert axes_of_a_state(SimpleNamespace(state_bounds=([0, 0], [1, 1]))) == 1


def test_equal_states_have_equal_keys_and_others_have_not():
    model = BatchModel(Stairs(), None)
    s = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [0.0, 2.0]])
    k = model.key(s)
    assert k[0] == k[1]
    assert len(set(k.tolist())) == 3
    assert model.key(np.array([-0.0, 0.0])).tolist() == [0, 0]
    assert model.key(np.array([3, -1], np.int8)).tolist() == [3, 2**64 - 1]
    assert len(set(model.key(np.array([[1, 2, 3], [3, 2, 1], [2, 1, 3]])).tolist())) == 3


def test_a_problem_that_lacks_something_is_told_what_would_do():
    M = SimpleNamespace()
    lacks = SimpleNamespace(γ=0.9, A=[0], TR=lambda s, a, rng: (s, 0.0 * s))
    with pytest.raises(TypeError, match=r"no model: .* need only TR"):
        model_of(lacks, M, exact=True)
    assert isinstance(model_of(lacks, M, exact=False), BatchModel)
    with pytest.raises(TypeError, match="no discount γ"):
        model_of(SimpleNamespace(A=[0]), M, exact=False)
    with pytest.raises(TypeError, match="no sampler TR"):
        model_of(SimpleNamespace(γ=0.9, A=[0], successors=lambda s, a: None), M, exact=False)
    with pytest.raises(TypeError, match="no list of actions A"):
        model_of(SimpleNamespace(γ=0.9, TR=lacks.TR), M, exact=False)
    assert model_of(SimpleNamespace(γ=0.9, TR=lacks.TR), M, exact=False, listed=False).n_actions == 0
    with pytest.raises(ValueError, match="at least one action in A"):
        model_of(SimpleNamespace(γ=0.9, A=[], TR=lacks.TR), M, exact=False)


# a problem with tables


def test_a_small_table_is_kept_whole(monkeypatch):
    module = import_module(FiniteModel.__module__)
    dense = FiniteModel(P).dense
    T, R = P.T.array, P.R.array
    for a in range(6):
        np.testing.assert_allclose(dense.T.reshape(6, 25, 25)[a], P.γ * T[:, a])
    np.testing.assert_array_equal(dense.R, R.T)
    np.testing.assert_array_equal(dense.ways, (T > 0).sum(axis=1))
    monkeypatch.setattr(module, "DENSE", 25 * 6 * 25 - 1)
    assert FiniteModel(P).dense is None
    monkeypatch.setattr(module, "DENSE", 25 * 6 * 25)
    assert FiniteModel(P).dense is not None


def test_wandering_takes_each_available_action_equally_often():
    T = np.array([[[1, 0], [0.25, 0.75], [0, 1]], [[1, 0], [1, 0], [1, 0]]])
    R = np.array([[-INF, 2.0, 4.0], [0.0, -INF, -INF]])
    table, first, columns, rewards = FiniteModel(dm.MDP.from_arrays(T, R, 0.9)).wandering
    assert first.tolist() == [0, 3, 4]
    assert columns.tolist() == [0, 1, 1, 0]
    assert rewards.tolist() == [2.0, 2.0, 4.0, 0.0]
    np.testing.assert_allclose(np.diff(table.c[:3], prepend=0), [0.125, 0.375, 0.5])


def test_actions_count_alike_also_where_some_are_missing_elsewhere():
    """In state 0 the second and third action, in state 1 the first and second: half each, whatever others lack."""
    R = np.array([[-INF, 2.0, 4.0], [5.0, 6.0, -INF]])
    table, _, _, rewards = FiniteModel(dm.MDP.from_arrays(np.tile([1.0, 0.0], (2, 3, 1)), R, 0.9)).wandering
    assert rewards.tolist() == [2.0, 4.0, 5.0, 6.0]
    np.testing.assert_allclose(table.c, [0.5, 1.0, 0.5, 1.0])


def test_random_walks_of_a_table_end_where_the_problem_ends():
    """From 0 half of the steps lead to the end, which the table would leave again: 1 + 1/2 + 1/4 + ... is paid."""
    T, R = np.full((2, 2, 2), 0.5), np.array([[1.0, 1.0], [7.0, 7.0]])
    model = FiniteModel(dm.MDP.from_arrays(T, R, 1.0, terminal=lambda s: np.asarray(s) == 1))
    s, one = np.zeros(4000, int), one_state(model)
    found = model.wander(s, 60, SharedStream(np.random.default_rng(0)), s)
    assert abs(found.mean() - 2.0) <= 5 * found.std() / 4000**0.5
    uniforms = np.random.default_rng(0).random((60, 4000))
    assert [one.wander(0, u) for u in uniforms[:, :50].T.tolist()] == found[:50].tolist()
    assert model.wander(s[:1] + 1, 9, SharedStream(np.random.default_rng(0)), s[:1])[0] == 0
    assert model.terminal(np.array([0, 1])).tolist() == [False, True]
    assert FiniteModel(P).terminal(np.array([0, 24])).tolist() == [False, False]


def test_names_of_states_are_found_one_or_many():
    named = dm.MDP(0.9, ["a", "b"], ["x"], lambda s, a, s_next: 0.5, lambda s, a: 1.0, None)
    model = FiniteModel(named)
    assert model.rows("b")[0].tolist() == [1]
    assert model.rows("b")[1] is True
    assert [x.tolist() if i == 0 else x for i, x in enumerate(model.rows(["b", "a"]))] == [[1, 0], False]
    assert model.state(np.array([1, 0])) == ["b", "a"]
    with pytest.raises(ValueError, match=r"must be one of P\.S"):
        model.rows("c")


def test_successors_of_a_level_of_a_table_are_counted(monkeypatch):
    asked = sizes_asked(monkeypatch, import_module(FiniteModel.__module__))
    edges = FiniteModel(P).edges(np.array([0, 3]))
    n = int((P.T.array[[0, 3]] > 0).sum())
    assert asked[0][0] == n == len(edges.pair)
    assert "SparseSampling" in asked[0][1]


# what all of them share


def test_a_model_says_what_it_does_not_know():
    model, one = Model(), OneState()
    s = np.zeros(1, int)
    asked = [
        lambda: model.rows(s),
        lambda: model.index(s),
        lambda: model.edges(s),
        lambda: model.step(s, s, SharedStream(None), s),
        lambda: model.wander(s, 1, SharedStream(None), s),
        lambda: model.key(s),
        lambda: one.step(0, 0, 0.5),
        lambda: one.wander(0, []),
        lambda: one.ended(0),
        lambda: one.fresh(0),
    ]
    for ask in asked:
        with pytest.raises(NotImplementedError):
            ask()
    assert model.ended(np.zeros(3)).tolist() == model.terminal(np.zeros(3)).tolist() == [False] * 3
    assert model.available(s) is None
    assert model.action(s) is s
    assert model.state(s) is s


def test_leaf_values_are_numbers_one_for_each_state():
    model = FiniteModel(P)
    s = np.array([2, 0])
    assert model.leaf(lambda s: 7.0, s).tolist() == [7, 7]
    assert model.leaf(np.arange(25), s).tolist() == [2, 0]
    assert model.leaf(lambda s: -INF * (s + 1.0), s).tolist() == [-INF, -INF]
    with pytest.raises(ValueError, match="U of state 0 is inf: must be a number"):
        model.leaf(lambda s: np.where(s == 0, INF, 1.0), s)
    with pytest.raises(ValueError, match="U of state 2 is nan: must be a number"):
        model.leaf(lambda s: np.where(s == 2, np.nan, 1.0), s)
    with pytest.raises(ValueError, match=r"U gave an array \(3,\) for 2 states"):
        model.leaf(lambda s: np.zeros(3), s)
    assert entries(np.arange(3), "U", np.array([2]), 3).tolist() == [2]
    assert entries(np.arange(4), "U", np.array([2]), None).tolist() == [2]
    x = np.arange(3)
    for wrong, at, n in ((x, np.array([0, 3]), None), (x, np.array([0.5]), 3), ("abc", s, 3), (1.0, s, 3), (x, s, 2)):
        with pytest.raises(ValueError, match=r"U = .*: must be a function of states"):
            entries(wrong, "U", at, n)
    assert some_action(np.array([[True, False]]), s).tolist() == [[True, False]]


def test_counts_are_said_in_words():
    assert [counted(n, "step") for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
    assert counted(2, "history", "histories") == "2 histories"
    assert counted(1, "history", "histories") == "1 history"
    assert counted(999_999_999_999_999, "visit") == "999,999,999,999,999 visits"
    assert counted(1e15, "visit") == "1e+15 visits"


# random numbers


def test_numbers_ahead_are_the_generator_s_whatever_is_asked_at_a_time():
    expected = np.random.default_rng(3).random(4096 * 3).tolist()
    uniforms, found = Uniforms(np.random.default_rng(3)), []
    for k in (4095, 3, 1, 4096, 0, 2, 4000):
        found += uniforms.some(k)
    found.append(uniforms.one())
    assert found == expected[: len(found)]
    single = Uniforms(np.random.default_rng(3))
    assert [single.one() for _ in range(4098)] == expected[:4098]


def test_streams_of_rows_do_not_depend_on_each_other():
    draws = draws_of(np.random.default_rng(0), 2, "row")
    assert isinstance(draws, RowStreams)
    alone = [x.random(9000) for x in np.random.default_rng(0).spawn(2)]
    used = [0, 0]
    for rows, k in (([0, 1], 3), ([1], 4095), ([0], 1), ([0, 1], 4096)):
        found = draws.block(np.array(rows), k)
        assert found.shape == (k, len(rows))
        for i, row in enumerate(rows):
            np.testing.assert_array_equal(found[:, i], alone[row][used[row] : used[row] + k])
            used[row] += k
    assert draws.one(np.array([1]))[0] == alone[1][used[1]]


# packed boards


def test_packed_boards_end_step_and_wander_as_the_game_does():
    game = TwentyFortyEight(γ=0.9)
    stuck = np.array([[1, 2, 1, 2], [2, 1, 2, 1], [1, 2, 1, 2], [2, 1, 2, 1]])
    open_ = stuck.copy()
    open_[3, 3] = 2
    boards = np.stack([stuck, open_, np.eye(4, dtype=int)])
    model, words = compact(BatchModel(game, 2), boards)
    assert isinstance(model, PackedModel)
    assert model.ended(words).tolist() == [True, False, False]
    assert model.ended(packed_boards.pack(np.zeros((1, 4, 4), int))).tolist() == [True]  # there is nothing to move
    sideways = np.array([[1, 1, 2, 3], [2, 3, 4, 5], [1, 2, 3, 4], [2, 3, 4, 5]])
    assert game.legal_actions(sideways).tolist() == [True, False, True, False]
    assert model.ended(packed_boards.pack(sideways[None])).tolist() == [False]
    assert model.available(words[1:]).tolist() == game.legal_actions(boards[1:]).tolist()
    assert model.index([3, 0]).tolist() == [3, 0]
    np.testing.assert_array_equal(model.state(words), boards)
    u = np.random.default_rng(1).random((5, 2))
    found = model.wander(words[1:], 5, SharedStream(np.random.default_rng(1)), np.arange(2))
    expected, s, factor = np.zeros(2), words[1:], 1.0
    for k in range(5):
        a = (4 * u[k]).astype(np.intp)
        s, r = packed_boards.step(s, a, 4 * u[k] - a, game.p_two)
        expected += factor * r
        factor *= game.γ
    np.testing.assert_allclose(found, expected)
    one = one_state(model)
    assert [one.ended(int(w)) for w in words] == [True, False, False]
    assert one.wander(int(words[1]), u[:, 0].tolist()) == pytest.approx(expected[0])
    assert one_state(BatchModel(game, 2)) is None


# trees


def test_a_hash_table_keeps_apart_what_falls_into_one_slot():
    table, known = HashTable(2, 5), [{}, {}]
    rng = np.random.default_rng(0)
    for key in rng.permutation(40)[:5].astype(np.uint64):
        rows = np.array([0, 1])
        keys = np.array([key, key + np.uint64(7)])
        assert table.find(rows, keys).tolist() == [-1, -1]
        new = table.add(rows, keys)
        for i in (0, 1):
            known[i][int(keys[i])] = int(new[i])
        for i in (0, 1):
            for k, node in known[i].items():
                assert table.find(np.array([i]), np.array([k], np.uint64)).tolist() == [node]
    assert sorted(known[0].values()) == [0, 1, 2, 3, 4]
    assert sorted(known[1].values()) == [5, 6, 7, 8, 9]


def test_bonuses_beyond_the_table_are_computed(monkeypatch):
    expected = [0.0, 0.0, 3 * np.log(2) ** 0.5, 3 * np.log(3) ** 0.5]
    np.testing.assert_allclose(exploration(3.0, 3), expected)
    module = import_module(Trees.__module__)
    monkeypatch.setattr(module, "TABLE", 3)
    trees = Trees(FiniteModel(P), 1, 10, 100, 3.0, "state")
    np.testing.assert_allclose(trees.bonus(np.array([0, 1, 2, 3])), expected)
    np.testing.assert_allclose(trees.bonus(np.array([2, 50])), [expected[2], 3 * np.log(50) ** 0.5])


def chain_tree(by="state"):
    """A search of three tiles in a row: action 0 goes on, action 1 stays; with its numbers of tries."""
    T = np.zeros((3, 2, 3))
    T[[0, 1, 2], 0, [1, 2, 2]] = 1
    T[[0, 1, 2], 1, [0, 1, 2]] = 1
    chain = dm.MDP.from_arrays(T, [[1.0, 0.5], [2.0, 0.0], [0.0, 1.0]], 0.9)
    M = dm.MonteCarloTreeSearch(chain, None, None, 3, 30, 1.0, np.zeros(3), by=by, rng=0)
    return dm.plan(M, 0)


def test_branches_by_hand():
    for by in ("state", "depth"):
        found = chain_tree(by)
        tree = branches(found, levels=2, widest=2)
        assert (tree.s, tree.visits) == (0, found.N.sum())
        assert isinstance(found.tree, OneTree)
        order = np.argsort(-found.N, kind="stable").tolist()
        assert [(int(a), N, Q) for a, N, Q, _ in tree.actions] == [(a, found.N[a], found.Q[a]) for a in order]
        for a, _, _, below in tree.actions:
            (after,) = below
            N, Q = found.tree.look(0, np.array([after.s]), 2)
            assert after.s == (1 if a == 0 else 0)
            assert after.visits == N.sum()
            assert {int(x[0]): x[1:] for x in after.actions} == {
                i: (N[i], Q[i], []) for i in np.flatnonzero(N).tolist()
            }
        assert tree.leaves == sum(max(1, len(x[3][0].actions)) for x in tree.actions)
        bare = branches(found, levels=0)
        assert (bare.s, bare.visits, bare.actions, bare.leaves) == (0, found.N.sum(), [], 1)
        one = branches(found, levels=1, widest=1)
        assert [(int(a), below) for a, _, _, below in one.actions] == [(order[0], [])]


def test_branches_are_no_deeper_than_the_search():
    """States that lead to themselves: the nodes of a tree by state have branches for ever."""
    loop = dm.MDP.from_arrays([[[1.0], [1.0]]], [[1.0, 0.0]], 0.9)
    deep = branches(dm.plan(dm.MonteCarloTreeSearch(loop, None, None, 2, 20, 1.0, [0.0], rng=0), 0), levels=9)
    levels = 0
    while deep.actions:
        levels, deep = levels + 1, deep.actions[0][3][0]
    assert levels == 2


def test_branches_end_where_no_step_is_left():
    found = chain_tree("depth")
    deep = branches(found, levels=9, widest=1)
    levels = 0
    while deep.actions:
        levels, deep = levels + 1, deep.actions[0][3][0] if deep.actions[0][3] else deep._replace(actions=[])
    assert levels <= 3
    few = dm.plan(dm.MonteCarloTreeSearch(found.M.P, None, None, 3, 1, 1.0, np.zeros(3), rng=0), 0)
    assert branches(few).actions == []
    ended = dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 5, 1.0, np.zeros(25), rng=0), 24)
    assert branches(ended) == (24, 0.0, [])


def test_actions_that_are_missing_are_not_tried_by_a_search_of_one_state():
    T = np.full((2, 3, 2), 0.5)
    problem = dm.MDP.from_arrays(T, [[-INF, 1.0, 2.0], [0.0, 0.0, -INF]], 0.9)
    one = one_state(FiniteModel(problem))
    assert one.fresh(0) == [-INF, INF, INF]
    assert one.fresh(1) == [INF, INF, -INF]
    assert one_state(FiniteModel(P)).fresh(0) == [INF] * 6
    found = dm.plan(dm.MonteCarloTreeSearch(problem, None, None, 3, 20, 1.0, np.zeros(2), rng=0), 0)
    assert isinstance(found.tree, OneTree)
    assert found.N[0] == 0 < found.N[1:].min()
    assert found.Q[0] == -INF


def test_tables_of_bonuses_are_as_long_as_visits_can_be_many():
    model = FiniteModel(P)
    assert len(OneTree(model, one_state(model), 4, 5, 1.0, "state", (3, 7)).table) == 4 * 5 + 7 + 1
    assert len(Trees(model, 2, 4, 5, 1.0, "state", (3, 7)).table) == 4 * 5 + 7 + 1
    root = dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 9, 1.0, np.zeros(25), rng=0), 0).tree
    assert root.nodes().tolist() == [len(root.known)]


def test_a_search_that_begins_at_the_end_visits_it_alone():
    T, R = np.full((2, 2, 2), 0.5), np.ones((2, 2))
    over = dm.MDP.from_arrays(T, R, 0.9, terminal=lambda s: np.asarray(s) == 1)
    found = dm.plan(dm.BranchAndBound(over, 3, np.zeros(2), np.full((2, 2), 9.0)), [1, 0])
    assert found.Q[0].tolist() == [0.0, 0.0]
    assert (found.visits[0], found.a[0]) == (1, 0)
    assert found.visits[1] == dm.plan(dm.ForwardSearch(over, 3, np.zeros(2)), 0).visits


def test_a_table_of_states_is_no_batch():
    with pytest.raises(ValueError, match=r"s has shape \(1, 2\): must be one state, or a batch \(B,\)"):
        dm.plan(dm.ForwardSearch(P, 1, np.zeros(25)), [[0, 1]])


def test_a_batch_of_no_states_has_no_actions():
    rollout, high = dm.RolloutEstimate(2), np.full(25, 10.0)
    for M in (
        dm.ForwardSearch(P, 2, np.zeros(25)),
        dm.BranchAndBound(P, 2, np.zeros(25), np.full((25, 6), 99.0)),
        dm.SparseSampling(P, 2, 3, rollout),
        dm.RolloutLookahead(P, None, 2),
        dm.MonteCarloTreeSearch(P, None, None, 3, 5, 1.0, rollout),
        dm.MonteCarloTreeSearch(P, None, None, 3, 5, 1.0, rollout, trees=2),
        dm.ProgressiveWidening(P, 3, 5, 1.0, rollout),
        dm.HeuristicSearch(P, high, 3, 5),
        dm.LabeledHeuristicSearch(P, high, 3, 0.1),
        dm.OpenLoopPlanning(P, 2),
        dm.OpenLoopPlanning(P, 2, outcome="worst"),
    ):
        assert M(np.zeros(0, int)).tolist() == []
        assert dm.plan(M, []).Q.shape == (0, 6)


def test_states_searched_once_are_visited_less():
    low, high = np.append(np.full(24, -10.0), 0.0), np.full((25, 6), 99.0)
    plain, memo = (dm.plan(dm.BranchAndBound(P, 3, low, high, memo=x), 0) for x in (False, True))
    assert memo.u == pytest.approx(plain.u)
    assert plain.visits == dm.plan(dm.ForwardSearch(P, 3, low), 0).visits
    assert memo.visits < plain.visits / 4


def test_statistics_to_begin_with_need_states_that_are_listed():
    given = {(0, "one"): 1.0}
    for N, Q in ((None, given), (given, None), (given, given)):
        with pytest.raises(ValueError, match=r"N = .*: must be None, for a problem that does not list its states"):
            dm.MonteCarloTreeSearch(Stairs(), N, Q, 3, 5, 1.0, dm.RolloutEstimate(2))
    with pytest.raises(ValueError, match="the keys of N"):
        dm.MonteCarloTreeSearch(P, {(0, 0): 1.0}, {(0, 1): 1.0}, 3, 5, 1.0, dm.RolloutEstimate(2))


def test_bounds_are_compared_with_values_up_to_rounding():
    one = dm.MDP.from_arrays([[[1.0], [1.0]]], [[1.0, 3.0]], 0.0)
    for low, wrong in ((0.0, 1e-7), (-1e3, 1e-3)):  # the slack is 1e-9 of the size of the bound, and 1e-9
        shifted = dm.MDP.from_arrays([[[1.0], [1.0]]], [[low, low + 3.0]], 0.0)
        exact = np.array([[low, low + 3.0]])
        assert dm.plan(dm.BranchAndBound(shifted, 1, [low], exact - 1e-13, check=True), 0).a == 1
        with pytest.raises(ValueError, match="must be an upper bound"):
            dm.plan(dm.BranchAndBound(shifted, 1, [low], exact - [0.0, wrong], check=True), 0)
    assert dm.plan(dm.BranchAndBound(one, 1, [2.0], [[1.0, 3.0]]), 0).u == 3  # above the least bound, not the largest
    assert dm.plan(dm.BranchAndBound(one, 1, [3.0 + 1e-10], [[1.0, 3.0]]), 0).u == 3
    with pytest.raises(ValueError, match="is above the largest Qhi = 3"):
        dm.plan(dm.BranchAndBound(one, 1, [3.0 + 1e-7], [[1.0, 3.0]]), 0)
    with pytest.raises(ValueError, match="is above the largest Qhi = 0"):
        dm.plan(dm.BranchAndBound(dm.MDP.from_arrays([[[1.0]]], [[0.0]], 0.5), 1, [1e-7], [[0.0]]), 0)


def test_actions_of_a_list_and_of_an_array_are_found_by_name():
    from decision_making.sequential_problems.online_planning.models import positions_in

    assert positions_in([0, 1, 2], [2, 0]).tolist() == [2, 0]
    assert positions_in(np.arange(3), [2.0, 0.0]).tolist() == [2, 0]
    assert positions_in(np.array([5, 7]), [7, 5]).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"π\(s\) = 3: must be one of P\.A"):
        positions_in([0, 1, 2], [3])
    with pytest.raises(ValueError, match=r"π\(s\) runs from 3"):
        positions_in(np.arange(3), [3])


def test_a_single_search_beyond_its_table_is_that_with_the_table(monkeypatch):
    module = import_module(OneTree.__module__)
    M = dm.MonteCarloTreeSearch(P, None, None, 3, 60, 5.0, np.zeros(25), rng=0)
    whole = dm.plan(M, 0, rng=1)
    monkeypatch.setattr(module, "TABLE", 4)
    short = dm.plan(M, 0, rng=1)
    assert len(short.tree.table) == 5
    np.testing.assert_array_equal(short.N, whole.N)
    np.testing.assert_array_equal(short.Q, whole.Q)


def test_leaves_follow_a_policy_also_in_a_single_search():
    T = np.eye(3)[[[1, 0], [2, 0], [2, 0]]]
    chain = dm.MDP.from_arrays(T, [[0.0, 0.0], [1.0, -9.0], [4.0, -9.0]], 0.5)
    M = dm.MonteCarloTreeSearch(chain, None, None, 1, 9, 1.0, dm.RolloutEstimate(3, lambda s: 0 * s), rng=0)
    assert isinstance(dm.plan(M, 0).tree, OneTree)
    assert dm.plan(M, 0).Q[0] == pytest.approx(0.5 * (1 + 0.5 * 4 + 0.25 * 4))


def test_roots_of_several_trees_are_added():
    M = dm.MonteCarloTreeSearch(P, None, None, 3, 9, 1.0, np.zeros(25), trees=3, by="depth", rng=0)
    found = dm.plan(M, [0, 7])
    assert found.N.sum(axis=1).tolist() == [24.0, 24.0]
    assert "in each of 3 trees" in dm.explain(dm.plan(M, 0))
    assert "trees" not in dm.explain(dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 9, 1.0, np.zeros(25)), 0))


def test_pairs_of_a_tree_search_are_counted_before_they_are_made(monkeypatch):
    module = import_module(dm.MonteCarloTreeSearch.__module__)
    asked = sizes_asked(monkeypatch, module)
    dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 9, 1.0, np.zeros(25), trees=2, rng=0), [0, 1, 2])
    assert asked[0][0] == 6 * (9 + 1) * 6


def test_sizes_of_a_batch_count_all_its_states(monkeypatch):
    U, s = np.zeros(25), [0, 1, 2]
    wide = {"actions": (2.0, 0.5), "successors": (3.0, 0.5)}
    some = {"propose": lambda s, rng: rng.integers(6, size=len(s)), "actions": (2.0, 0.5), "successors": (1.0, 0.5)}
    for M, size in (
        (dm.SparseSampling(P, 2, 2, U, rng=0), 3 * (6 * 2) ** 2),
        (dm.RolloutLookahead(P, None, 2, m=4, rng=0), 3 * 6 * 4),
        (dm.OpenLoopPlanning(P, 2), 3 * 6**2 * 25),
        (dm.HeuristicSearch(P, np.full(25, 10.0), 2, 2, rng=0), 3 * 25),
        (dm.ProgressiveWidening(P, 3, 9, 1.0, U, rng=0, **wide), 3 * (9 + 1) * 9),  # 3 · √9 successors
        (dm.ProgressiveWidening(P, 3, 9, 1.0, U, rng=0, **some), 3 * (9 + 1) * 6),  # 2 · √9 actions
    ):
        asked = sizes_asked(monkeypatch, import_module(type(M).__module__))
        dm.plan(M, s)
        assert asked[0][0] == size


def test_packed_boards_have_the_successors_and_samples_of_the_game():
    game = TwentyFortyEight(γ=0.9)
    boards = game.b(3, np.random.default_rng(4))
    plain = BatchModel(game, 2)
    model, words = compact(plain, boards)
    assert (model.γ, model.n_actions) == (0.9, 4)
    found, right = model.edges(words), plain.edges(boards)
    np.testing.assert_array_equal(found.s_next, packed_boards.pack(right.s_next))
    for name in ("r", "pair", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(right, name))
    np.testing.assert_array_equal(model.key(words), words)
    a, u = np.array([0, 3, 2]), np.random.default_rng(5).random(3)
    s_next, r = model.step(words, a, SharedStream(np.random.default_rng(5)), np.arange(3))
    expected = packed_boards.step(words, a, u, game.p_two)
    np.testing.assert_array_equal(s_next, expected[0])
    np.testing.assert_array_equal(r, expected[1])
    assert model.terminal(words).tolist() == [False] * 3
    s = np.array([3, 4])
    same, given = compact(BatchModel(Stairs(), 0), s)
    assert isinstance(same, BatchModel)
    assert given is s
    huge = boards.copy()
    huge[1, 0, 0] = 16
    assert compact(plain, huge)[0] is plain  # one board that does not fit: all stay as they are


def test_a_table_too_large_to_be_kept_whole_is_searched_level_by_level(monkeypatch):
    whole = dm.plan(dm.ForwardSearch(P, 3, np.arange(25.0)), [0, 24])
    monkeypatch.setattr(import_module(FiniteModel.__module__), "DENSE", 0)
    found = dm.plan(dm.ForwardSearch(P, 3, np.arange(25.0)), [0, 24])
    np.testing.assert_allclose(found.Q, whole.Q)
    assert found.visits.tolist() == whole.visits.tolist()


def test_the_first_best_action_is_taken_and_nan_is_named():
    assert best(np.array([[1.0, 3.0, 3.0], [-INF, -INF, -INF], [2.0, 1.0, 0.0]])).tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="the utility of action 1 in state 2 of the batch is nan"):
        best(np.array([[1.0, 3.0], [1.0, 2.0], [0.0, np.nan], [np.nan, np.nan]]))


def test_a_search_draws_from_its_own_generator_unless_one_is_given():
    first, again = (dm.SparseSampling(P, 2, 2, np.zeros(25), rng=3) for _ in range(2))
    assert dm.plan(first, 0).Q.tolist() == dm.plan(again, 0).Q.tolist()
    assert dm.plan(first, 0, rng=5).Q.tolist() == dm.plan(again, 0, rng=5).Q.tolist()
    assert dm.plan(first, 0).Q.tolist() == dm.plan(again, 0).Q.tolist()  # the one given took nothing from it
