"""Games, learners and teams with many states or actions take little memory; what does not fit is refused."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making.agents import position, positions
from decision_making.multiagent_systems.collaborative_agents.joint_rules import best_rules
from decision_making.multiagent_systems.multiagent_reasoning.dominance import _beaten
from decision_making.multiagent_systems.multiagent_reasoning.learning_in_games import Play
from decision_making.multiagent_systems.multiagent_reasoning.zero_sum import solve_matrix_game
from tests.support import peak


def test_many_actions_take_no_square_table():
    rng = np.random.default_rng(0)
    k = 5_000
    P = dm.SimpleGame.from_arrays(rng.random((k, 2)), rng.random((k, 2)))
    π = [np.full(k, 1 / k), [0.5, 0.5]]
    best, size = peak(lambda: dm.best_response(P, π, 0))
    assert best.mode == dm.best_response(P, [0, [0.5, 0.5]], 0).mode == int(P.R.array[0].sum(axis=1).argmax())
    assert size < 2e7
    for M in (dm.IteratedBestResponse(3), dm.NashEquilibrium()):
        found, size = peak(lambda M=M: dm.solve(M, P))
        assert size < 1e8, M
    assert found.status == "equilibrium"
    learner = dm.play(P, [dm.FictitiousPlay(P, i) for i in P.I], 5, 0).π[0]
    assert peak(lambda: learner.policy)[1] < 1e7


def test_beaten_rows_are_those_that_another_exceeds_everywhere():
    rng = np.random.default_rng(0)
    for _ in range(200):
        V = rng.integers(4, size=(rng.integers(1, 9), rng.integers(1, 4))).astype(float)
        ever_best = (V.max(axis=0) <= V).any(axis=1)
        expected = [k for k in range(len(V)) if (V[k] < V).all(axis=1).any()]
        assert sorted(_beaten(V, ever_best)) == expected


def test_equilibria_that_need_too_large_tables_are_refused():
    P = dm.SimpleGame.from_arrays(np.zeros((1, 20_000)), np.zeros((1, 20_000)))
    with pytest.raises(dm.TooLargeError, match="pure actions"):
        dm.solve(dm.NashEquilibrium("supports"), P)
    with pytest.raises(dm.TooLargeError, match="400,040,000 numbers of a tableau"):
        dm.solve(dm.NashEquilibrium("lemke_howson"), P)
    with pytest.raises(dm.TooLargeError, match="288,036,001 numbers of a tableau"):
        solve_matrix_game(np.broadcast_to(0.0, (12_000, 12_000)))
    few = np.arange(600.0)[None]
    assert dm.solve(dm.NashEquilibrium("supports"), dm.SimpleGame.from_arrays(few, few)).π[1].p[-1] == 1


def test_all_equilibria_of_one_agent_are_its_best_actions():
    found = dm.nash(dm.SimpleGame.from_arrays([1.0, 3.0, 3.0]), all=True)
    assert [x.π[0].p.tolist() for x in found] == [[0, 1, 0], [0, 0, 1]]


def test_a_remembered_game_of_many_actions_is_sparse():
    rng = np.random.default_rng(0)
    G = dm.SimpleGame.zero_sum(rng.random((17, 17)))
    P, size = peak(lambda: dm.MG.remembering(G, 0.9))
    assert size < 1e8
    assert P.T((0, 0), (3, 4), (3, 4)) == 1
    assert P.T((5, 1), (3, 4), (5, 1)) == 0
    np.testing.assert_allclose(P.R((2, 2), (3, 4)), G.R((3, 4)))
    big = dm.SimpleGame.zero_sum(np.zeros((300, 300)))
    with pytest.raises(dm.TooLargeError, match="rewards"):
        dm.MG.remembering(big)


def test_a_zero_sum_markov_game_of_many_states_is_solved_without_dense_equations():
    rng, S = np.random.default_rng(0), 510
    n = S * 4
    T = csr_array((np.ones(n), (np.arange(n), rng.integers(S, size=n))), (n, S))
    R = rng.random((S, 2, 2))
    P = dm.MG.from_arrays(T, [R, -R], 0.5)
    found, size = peak(lambda: dm.solve(dm.NashEquilibrium(), P))
    assert (found.status, found.exact) == ("equilibrium", False)
    assert size < 6e7


def test_policies_in_another_order_of_many_labels_are_read_in_one_pass():
    labels = (*range(30_000), "a", ("b", 1), frozenset((1, 2)), np.nan, True)
    assert positions(labels[::-1], labels) == list(range(len(labels)))[::-1]
    some = (*labels[-9:], [1, 2], {})  # what is no key of a dictionary
    assert positions(some[::-1], some) == list(range(len(some)))[::-1]
    assert positions([0.0], [0.0, -0.0]) == [0]
    assert positions([1.0, np.int64(3), "a"], labels) == [position(x, labels) for x in (1.0, np.int64(3), "a")]
    with pytest.raises(KeyError, match="'z': must be one of"):
        positions(["z"], labels)


def test_frequencies_of_joint_actions_are_counted_at_once():
    rng = np.random.default_rng(0)
    P = dm.SimpleGame.from_arrays(*rng.random((3, 2, 3, 2)))
    played = dm.play(P, [dm.GradientAscent(P, i, batch=(2, 2)) for i in P.I], 40, 0)
    found = played.joint_frequencies()
    assert found.shape == (2, 2, 2, 3, 2)
    for i in np.ndindex(2, 2):
        for a in np.ndindex(2, 3, 2):
            assert found[(*i, *a)] == (played.a[(slice(None), *i)] == a).all(axis=-1).mean()


def test_frequencies_of_too_many_actions_are_refused():
    learner = SimpleNamespace(size=3000, P=SimpleNamespace(sizes=(3000, 3000)))
    with pytest.raises(dm.TooLargeError, match="3,000,000,000 frequencies"):
        Play([learner] * 2, np.broadcast_to(0, (10**6, 2))).frequencies(0)
    with pytest.raises(dm.TooLargeError, match="9,000,000,000 frequencies"):
        Play([learner] * 2, np.broadcast_to(0, (1, 1000, 2))).joint_frequencies()


def test_controllers_of_too_many_nodes_are_refused():
    with pytest.raises(dm.TooLargeError, match="nodes"):
        dm.AgentController.from_nodes(5, np.zeros(3000, int), np.zeros((3000, 5), int))


def test_a_response_to_many_joint_nodes_is_refused():
    """900 joint nodes of two agents with 8 actions and 8 observations each: their own problem has few states."""
    T, R, O = np.ones((1, 2, 8, 8, 1)), np.zeros((3, 1, 2, 8, 8)), np.full((2, 8, 8, 1, 3, 8, 8), 1 / 192)
    first = dm.AgentController.from_nodes(2, [0], [[0] * 3])
    other = dm.AgentController.from_nodes(8, np.zeros(30, int), np.zeros((30, 8), int))
    with pytest.raises(dm.TooLargeError, match="3,317,760,000 numbers of joint controllers"):
        dm.best_response_pomdp(dm.POMG.from_arrays(T, R, O, 0.9), [first, other, other], 0)


def test_rules_of_many_histories_wait_in_little_memory():
    x = np.zeros((40, 40, 2, 2))
    x[..., 0, 0] = x[..., 1, 1] = np.random.default_rng(0).random((40, 40)) * np.eye(40)
    value, rules = best_rules(x)
    assert value == pytest.approx(x[..., 0, 0].sum())
    np.testing.assert_array_equal(*rules)


# ---- distributions in float32


def rounded(*shape: int) -> Any:
    x = np.random.default_rng(0).random(shape).astype(np.float32)
    return x / x.sum(axis=-1, keepdims=True)


def test_games_take_distributions_in_float32_as_they_round():
    T, R = rounded(7, 3, 2, 7), np.random.default_rng(1).random((2, 7, 3, 2), np.float32)
    sparse = csr_array(T.reshape(-1, 7))
    for P in (dm.MG.from_arrays(T, R, 0.9), dm.MG.from_arrays(sparse, R, 0.9)):
        np.testing.assert_allclose(P.T.array.sum(axis=-1), 1, atol=1e-14)
        π = [rounded(7, 3), rounded(2)]
        assert (dm.gap(P, π) >= 0).all()
    O, b = rounded(3, 2, 7, 6).reshape(3, 2, 7, 2, 3), rounded(7)
    for game in (dm.POMG.from_arrays(T, R, O, 0.9, b=b), dm.DecPOMDP.from_arrays(T, R[0], O, 0.9, b=b)):
        np.testing.assert_allclose(game.joint_observations.sum(axis=-1), 1, atol=1e-14)
    assert dm.solve(dm.MultiagentAStar(b, 1), game).status == "optimal"
    paid = np.tile(np.array([1, 2], np.float32) / np.float32(3), (2, 7, 3, 1))  # rows that sum to 1 by chance
    game = dm.POMG(0.9, range(2), range(7), [range(3), range(2)], [range(2), range(3)], T, O, paid, b=b)
    for p in (game.joint_transitions, game.joint_observations, game.b):
        np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-14)
    np.testing.assert_array_equal(game.R.array, paid)
    G = dm.SimpleGame.from_arrays(*np.random.default_rng(2).random((2, 30, 40)))
    assert np.isfinite(dm.utility(G, [rounded(30), rounded(40)])).all()
    wrong = T.copy()
    wrong[0, 0, 0] *= np.float32(1.001)
    for bad in (wrong, csr_array(wrong.reshape(-1, 7))):
        with pytest.raises(ValueError, match="must sum to 1"):
            dm.MG.from_arrays(bad, R, 0.9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sparse_entry_that_is_no_probability_is_named_where_it_stands(dtype):
    for x in (np.nan, np.inf, -1.0):
        rows = np.array([[1, 0, 0], [0, 1, 0], [x, -x, 0]], dtype)
        for T in (csr_array(rows), rows[:, None]):
            with pytest.raises(ValueError, match=rf"T = {x} .*state 2.*: must be probabilities"):
                dm.MG.from_arrays(T, np.zeros((1, 3, 1)), 0.9)


# ---- what is handed to learners


def test_learners_of_games_name_what_they_are_handed():
    P = dm.MG.from_arrays(np.full((2, 2, 2, 2), 0.5), np.zeros((2, 2, 2, 2)), 0.9)
    models = [dm.start(dm.MGGradientAscent(P, i), (3,)) for i in P.I]
    zeros = np.zeros(3, int)
    for bad in ([True, False], "x", np.nan, 2):
        with pytest.raises(ValueError, match="terminated"):
            dm.update(models[0], zeros, np.zeros((3, 2), int), None, zeros, terminated=bad)
    with pytest.raises(ValueError, match="s has shape"):
        dm.learn(P, models, None, 2, [0, 1])
    with pytest.raises(TypeError, match="s = "):
        dm.learn(P, models, None, 2, [[1], [1, 2]])
    assert (dm.learn(P, models, None, 2, 1)[1].s[:, 0] == 1).all()
    for s in (None, [0, 0, 0]):
        with pytest.raises(ValueError, match="b has shape"):
            dm.learn(P, models, None, 2, s, b=[0.5, 0.25, 0.25])
    with pytest.raises(ValueError, match="s has shape"):
        dm.learn(P, models, None, 2, b=lambda m, rng: np.zeros((m, 2), int))
    G = dm.SimpleGame.zero_sum(np.eye(2))
    played = dm.play(G, [dm.FictitiousPlay(G, i, batch=3) for i in G.I], 2, 0, first=[0, 1])
    assert played.a[0].tolist() == [[0, 1]] * 3
    with pytest.raises(ValueError, match="a has shape"):
        dm.play(G, [dm.FictitiousPlay(G, i, batch=3) for i in G.I], 2, 0, first=[0, 1, 0])
