"""Progressive widening where actions are proposed: words, vectors, names of states, boards, and what is refused."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import TwentyFortyEight
from decision_making.sequential_problems.online_planning.progressive_widening import room_for


def walk(γ=0.9, **more):
    """A walk by real actions on a line, at a cost; without noise."""
    step = lambda s, a, rng: (s + np.reshape(a, s.shape), -(s**2).sum(axis=1))  # noqa: E731
    return SimpleNamespace(**{"γ": γ, "state_bounds": ([-9.0], [9.0]), "TR": step, **more})


def nothing(s):
    return np.zeros(len(s))


def uniform(s, rng):
    return rng.uniform(-1, 1, len(s))


def plain_widening(P, s, M, rng):
    """Double progressive widening as a recursion, on the random numbers that the search of one state takes."""
    most = lambda rule, N: max(1.0, rule[0] * N ** rule[1])  # noqa: E731
    over = lambda s: bool(P.terminal(s[None])[0])  # noqa: E731
    leaf = lambda s: 0.0 if over(s) else float(M.U(s[None])[0])  # noqa: E731

    def node(s):
        return {"s": s, "a": [], "N": [], "sum": [], "after": []}

    def simulate(x, left):
        if left == 0 or over(x["s"]):
            return leaf(x["s"])
        n = sum(x["N"])
        if len(x["a"]) < most(M.actions, n):
            new = M.propose(x["s"][None], rng)[0]
            for name, value in (("a", new), ("N", 0), ("sum", 0.0), ("after", [])):
                x[name].append(value)
        score = [
            math.inf if k == 0 else q / k + M.c * math.sqrt(math.log(max(n, 1))) / math.sqrt(k)
            for k, q in zip(x["N"], x["sum"], strict=True)
        ]
        j, u = score.index(max(score)), rng.random(1)[0]
        after = x["after"][j]
        if len(after) < most(M.successors, x["N"][j]):
            s_next, r = P.TR(x["s"][None], np.array([x["a"][j]]), rng)
            after.append([node(s_next[0]), float(r[0]), 0])
            taken, q = after[-1], r[0] + P.γ * leaf(s_next[0])
        else:
            below = np.cumsum([visits for *_, visits in after])
            taken = after[int((below <= u * below[-1]).sum())]
            q = taken[1] + P.γ * simulate(taken[0], left - 1)
        taken[2] += 1
        x["N"][j] += 1
        x["sum"][j] += q
        return q

    root = node(s)
    for _ in range(M.m):
        simulate(root, M.d)
    return root


@pytest.mark.parametrize("seed", range(40))
def test_widening_of_actions_and_successors_is_its_recursion(seed):
    """With noise, ends, discounts of 0 and 1, and one or two numbers to an action."""
    case = np.random.default_rng(seed)
    k, γ, edge = int(case.integers(1, 3)), float(case.choice([0.0, 0.9, 1.0])), float(case.choice([0.8, 1.5, 99.0]))
    move = lambda s, a, rng: (s + a + 0.3 * rng.normal(size=s.shape), -(s**2).sum(1) - 0.1 * (a**2).sum(1))  # noqa: E731
    P = SimpleNamespace(γ=γ, TR=move, terminal=lambda s: abs(s).max(axis=1) > edge, state_bounds=([-1.0] * k,) * 2)
    θ = [(float(case.uniform(0.3, 3)), float(case.choice([0.0, 0.3, 0.5, 1.0]))) for _ in range(2)]
    M = dm.ProgressiveWidening(
        *(P, int(case.integers(1, 6)), int(case.integers(1, 80)), float(case.choice([0.0, 3.0]))),
        *(lambda s: -2 * (s**2).sum(axis=1),),
        propose=lambda s, rng: rng.uniform(-1, 1, (len(s), k)),
        **{"actions": θ[0], "successors": θ[1], "rng": seed},
    )
    s = case.uniform(-1, 1, k)
    found, root = dm.plan(M, s), plain_widening(P, s, M, np.random.default_rng(seed).spawn(1)[0])
    tried = len(root["a"])
    assert found.N[:tried].tolist() == root["N"]
    assert not found.N[tried:].any()
    if not tried:
        assert (found.u, found.visits, found.a.shape) == (0.0, 1, (k,))
        return
    Q = np.array(root["sum"]) / root["N"]
    np.testing.assert_allclose(found.Q[:tried], Q)
    np.testing.assert_array_equal(found.a, root["a"][int(Q.argmax())])
    assert found.u == pytest.approx(Q.max())


def test_words_are_proposed_as_they_are_whatever_came_first():
    words, steps = ["up", "down", "leftward"], {"up": 1.0, "down": -1.0, "leftward": 0.5}
    turn = iter(words * 99)
    P = walk(TR=lambda s, a, rng: (s + np.array([[steps[x]] for x in a]), -(s**2).sum(axis=1)))
    M = dm.ProgressiveWidening(P, 2, 30, 1.0, nothing, propose=lambda s, rng: [next(turn) for _ in s], rng=0)
    found = dm.plan(M, [1.0])
    assert set(found.tree.a[0, : int((found.N > 0).sum())]) == set(words)
    assert found.a in words


def test_whole_numbers_that_are_proposed_first_do_not_round_what_follows():
    turn = iter([0, 0.25, 0.75] * 99)
    M = dm.ProgressiveWidening(walk(), 1, 3, 1.0, nothing, propose=lambda s, rng: np.array([next(turn)]), rng=0)
    assert dm.plan(M, [1.0]).tree.a[0, :3].tolist() == [0.0, 0.25, 0.75]


@pytest.mark.parametrize(
    ("first", "then", "pays"),
    [
        (np.array(["a"]), "goal", lambda s: 1.0 * (s == "goal")),
        (np.array([0], np.int8), 300, lambda s: 1.0 * (s == 300)),
        (np.array([True]), 2, lambda s: 1.0 * (s == 2)),
        (np.array([0], np.float32), 1 + 1e-9, lambda s: 1.0 * (s > 1)),
        (np.array([0]), "goal", lambda s: np.array([1.0 * (x == "goal") for x in s])),
    ],
    ids=["words", "small numbers", "flags", "single precision", "a word after a number"],
)
def test_states_of_the_tree_are_what_the_problem_gave(first, then, pays):
    P = SimpleNamespace(γ=1.0, A=[0], TR=lambda s, a, rng: (np.full(len(s), then), pays(s)))
    found = dm.plan(dm.ProgressiveWidening(P, 2, 3, 1.0, nothing, successors=(1.0, 0.0), rng=0), first)
    assert found.u.tolist() == [2 / 3]  # the first simulation ends at the leaf, the next two go beyond it


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [([1], [2.5], "f"), ([2.5], [1], "f"), ([True], [2], "i"), (["a"], ["long"], "U"), ([1], ["a"], "O")],
    ids=str,
)
def test_there_is_room_for_what_comes_beside_what_was_there(old, new, kind):
    held = room_for(np.array(new), np.array(old))
    assert (held.dtype.kind, held.tolist()) == (kind, old)
    held[:] = new
    assert held.tolist() == new


@pytest.mark.parametrize("S", [["a", 1, "end"], [(0, 0), (0, 1), (1, 1)], [(0,), (0, 1), "end"]], ids=str)
def test_proposals_and_samplers_have_the_names_of_the_states(S):
    """Of a problem that lists them: never positions."""
    name = lambda x: tuple(x) if isinstance(x, np.ndarray) else x  # noqa: E731
    at = {x: i for i, x in enumerate(S)}
    seen = []

    def sampler(s, a, rng):
        seen.extend(map(name, s))
        return [S[min(at[name(x)] + 1, 2)] for x in s], np.array([3.0 - at[name(x)] for x in s])

    T = lambda s, a, s_next: float(at[s_next] == min(at[s] + 1, 2))  # noqa: E731
    P = dm.MDP(0.5, S, ["go"], T, lambda s, a: 3.0 - at[s], sampler, terminal=lambda s: [name(x) == S[2] for x in s])
    propose = lambda s, rng: seen.extend(map(name, s)) or ["go"] * len(s)  # noqa: E731
    M = dm.ProgressiveWidening(P, 5, 8, 1.0, nothing, propose=propose, actions=(1, 0), successors=(1, 0), rng=0)
    found = dm.plan(M, S)
    assert set(seen) == set(S)
    np.testing.assert_allclose(found.u, [(3 + 7 * 4) / 8, 2.0, 0.0])
    assert list(found.a) == ["go"] * 3


def test_boards_are_proposed_for_as_boards():
    P = TwentyFortyEight()
    shapes = set()

    def propose(s, rng):
        shapes.add(s.shape[1:])
        return rng.integers(4, size=len(s))

    s = P.b(3, np.random.default_rng(0))
    assert set(dm.ProgressiveWidening(P, 3, 9, 1.0, nothing, propose=propose, rng=0)(s)) <= set(range(4))
    assert shapes == {(4, 4)}


def test_where_it_is_over_the_first_proposal_is_returned():
    P = walk(terminal=lambda s: s[:, 0] > 1)
    found = dm.plan(dm.ProgressiveWidening(P, 3, 9, 1.0, nothing, propose=lambda s, rng: [[7.0]] * len(s)), [2.0])
    assert (found.a.tolist(), found.u, found.visits) == ([7.0], 0.0, 1)


def test_rollouts_take_actions_that_are_not_listed_from_their_policy():
    """Two steps of -s, from s + a: the second begins at 0."""
    M = dm.ProgressiveWidening(
        *(walk(0.5), 1, 4, 1.0, dm.RolloutEstimate(2, lambda s: -s[:, 0])),
        propose=lambda s, rng: np.full(len(s), 1.0),
    )
    assert dm.plan(M, [1.0]).u == -1.0 - 0.5 * 4.0
    with pytest.raises(ValueError, match=r"RolloutEstimate\.π = None: must be a policy: the problem has no list A"):
        dm.ProgressiveWidening(walk(), 1, 4, 1.0, dm.RolloutEstimate(2), propose=uniform)([1.0])


def test_rules_that_allow_more_than_there_are_simulations_cost_no_more():
    """A simulation adds one action and one successor at most, and the rule may overflow."""
    M = dm.ProgressiveWidening(
        walk(), 3, 20, 1.0, nothing, propose=uniform, actions=(1e308, 1.0), successors=(1e308, 1)
    )
    found = dm.plan(M, [0.5])
    assert found.N.tolist() == [1.0] * 20
    assert found.Q.shape == (20,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, r"propose\(s, rng\) = None: must be an action for each of the 2 states"),
        (0.5, r"propose\(s, rng\) = 0\.5: must be an action for each of the 2 states"),
        ([], r"propose\(s, rng\) = \[\]: must be an action for each of the 2 states"),
        ([1.0, 2.0, 3.0], r"must be an action for each of the 2 states"),
        ([0.0, math.nan], r"propose\(s, rng\)\[1\] = nan: must be finite"),
        ([0.0, math.inf], r"propose\(s, rng\)\[1\] = inf: must be finite"),
    ],
    ids=str,
)
def test_proposals_that_are_not_an_action_for_each_state_are_named(given, said):
    with pytest.raises(ValueError, match=said):
        dm.ProgressiveWidening(walk(), 2, 3, 1.0, nothing, propose=lambda s, rng: given)([[0.0], [1.0]])


def test_proposals_keep_their_shape():
    turn = iter([[1.0], [[1.0]]])
    with pytest.raises(ValueError, match=r"must be an action of shape \(\) for each of the 1 states"):
        dm.ProgressiveWidening(walk(), 2, 3, 1.0, nothing, propose=lambda s, rng: next(turn))([0.0])


def test_proposals_need_a_sampler():
    P = dm.MDP(0.5, ["a"], ["go"], lambda s, a, s_next: 1.0, lambda s, a: 1.0, None)
    with pytest.raises(TypeError, match=r"has no sampler TR\(s, a, rng\); actions that are proposed need one"):
        dm.ProgressiveWidening(P, 2, 3, 1.0, nothing, propose=lambda s, rng: ["go"] * len(s))


def test_a_step_of_a_problem_with_tables_is_a_pair_too():
    P = dm.MDP(0.5, ["a"], ["go"], lambda s, a, s_next: 1.0, lambda s, a: 1.0, lambda s, a, rng: None)
    with pytest.raises(TypeError, match=r"P\.TR\(s, a, rng\) = None: must be a pair \(s_next, r\)"):
        dm.ProgressiveWidening(P, 2, 3, 1.0, nothing, propose=lambda s, rng: ["go"] * len(s))("a")
