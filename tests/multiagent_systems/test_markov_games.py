"""Markov games: utilities, responses and equilibria against loops, chapter 7, chapter 24 and closed forms."""

import math
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making.multiagent_systems.sequential_problems import nash_equilibrium, zero_sum
from decision_making.multiagent_systems.sequential_problems.equilibria import certified
from decision_making.multiagent_systems.sequential_problems.logit_path import LogitPath
from decision_making.multiagent_systems.sequential_problems.nonlinear_program import (
    NashProgram,
    largest_gain,
    polished,
    solved_on_support,
)
from decision_making.multiagent_systems.sequential_problems.policies import induced, probabilities, uniform
from decision_making.multiagent_systems.sequential_problems.zero_sum import matrix_games
from decision_making.problems import PredatorPreyHexWorld, PrisonersDilemma, RockPaperScissors
from decision_making.problems.predator_prey import TWELVE_TILES
from tests.multiagent_systems.test_methods_of_simple_games import game_made_for
from tests.oracles.markov_games import Game


def random_game(seed, sizes=(2, 3), n_states=3, γ=0.8, zero_sum=False):
    rng = np.random.default_rng(seed)
    T = rng.dirichlet(np.full(n_states, 0.7), size=(n_states, *sizes))
    R = rng.normal(size=(len(sizes), n_states, *sizes))
    if zero_sum:
        R[1] = 3 - R[0]
    return dm.MG.from_arrays(T, R, γ)


def random_policies(P, seed):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(k), size=len(P.S)) for k in P.sizes]


def sparse(P):
    return dm.MG.from_arrays(csr_array(P.T.array.reshape(-1, len(P.S))), P.R.array, P.γ)


CASES = [((2, 3), 3), ((3,), 2), ((2, 2, 3), 2), ((1, 2), 1)]


@pytest.mark.parametrize(("sizes", "n_states"), CASES)
@pytest.mark.parametrize("how", ["dense", "sparse"])
def test_utilities_and_responses_are_those_of_loops(sizes, n_states, how):
    P = random_game(1, sizes, n_states)
    p = random_policies(P, 2)
    g = Game(P.T.array, P.R.array, P.γ)
    P = sparse(P) if how == "sparse" else P
    U, gaps = dm.utility(P, p), dm.gap(P, p)
    assert U.shape == gaps.shape == (len(sizes), n_states)
    for i in P.I:
        best, Q = g.optimal(p, i)
        np.testing.assert_allclose(U[i], g.utility(p, i), atol=1e-12)
        np.testing.assert_array_equal(dm.utility(P, p, i), U[i])
        np.testing.assert_allclose(gaps[i], best - U[i], atol=1e-11)
        response = dm.best_response(P, p, i)
        np.testing.assert_array_equal(response.mode, Q.argmax(axis=1))
        new = [*p[:i], response, *p[i + 1 :]]
        np.testing.assert_allclose(dm.utility(P, new, i), best, atol=1e-11)
        for λ in (0.0, 0.7, 5.0):
            weights = np.exp(λ * Q)
            expected = weights / weights.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(dm.softmax_response(P, p, i, λ).p, expected, atol=1e-11)


def test_the_softmax_response_looks_ahead():
    """The listing of 25.4 asks functions of aⁱ for joint actions: it answers rewards alone, as if γ were 0."""
    P = random_game(3, γ=0.95)
    p = random_policies(P, 4)
    myopic = dm.MG.from_arrays(P.T.array, P.R.array, 0.0)
    _, Q = Game(P.T.array, P.R.array, P.γ).optimal(p, 0)
    found, blind = (dm.softmax_response(x, p, 0, 2.0).p for x in (P, myopic))
    expected = np.exp(2 * Q) / np.exp(2 * Q).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert abs(found - blind).max() > 0.05


def test_a_precise_softmax_response_is_a_best_response():
    P = random_game(5)
    p = random_policies(P, 6)
    best = dm.utility(P, [dm.best_response(P, p, 0), p[1]], 0)
    for λ in (1e6, math.inf):
        π = dm.softmax_response(P, p, 0, λ)
        np.testing.assert_allclose(dm.utility(P, [π, p[1]], 0), best, atol=1e-8)


def test_equally_good_actions_share_an_infinite_precision_and_the_first_is_a_best_response():
    P = dm.MG.repeated(dm.SimpleGame.from_arrays([[1, 0], [1, 0], [0, 0]], np.zeros((3, 2))), 0.5)
    π = [[0, 0, 1], [1, 0]]
    assert dm.softmax_response(P, π, 0, math.inf).p.tolist() == [[0.5, 0.5, 0]]
    assert dm.best_response(P, π, 0).p.tolist() == [[1, 0, 0]]
    assert dm.softmax_response(P, π, 0, 1e8).p[0, 2] == 0


def test_one_agent_is_a_decision_process():
    P = random_game(7, (3,), 4)
    M = dm.MDP.from_arrays(P.T.array, P.R.array[0], P.γ)
    (p,) = random_policies(P, 8)
    np.testing.assert_allclose(dm.utility(P, [p], 0), dm.policy_evaluation(M, p), atol=1e-12)
    found = dm.solve(dm.NashEquilibrium(), P)
    expected = dm.solve(dm.PolicyIteration(np.zeros(4, int), 100), M)
    assert found.status == "equilibrium"
    np.testing.assert_array_equal(found.π[0].mode, expected.a)
    np.testing.assert_array_equal(induced(P, [p], 0).T.array, P.T.array / P.T.array.sum(axis=-1, keepdims=True))


def test_a_repeated_game_is_worth_its_rewards_over_and_over():
    G = PrisonersDilemma()
    P = dm.MG.repeated(G)
    for a, worth in (("defect", -30), ("cooperate", -10)):
        π = [dm.SimpleGamePolicy(a, G.A[0])] * 2
        np.testing.assert_allclose(dm.utility(P, π), worth, atol=1e-12)
    np.testing.assert_allclose(dm.utility(dm.MG.repeated(RockPaperScissors()), [np.full(3, 1 / 3)] * 2), 0, atol=1e-14)
    π = [[0.3, 0.7], [0.6, 0.4]]
    np.testing.assert_allclose(dm.utility(P, π)[:, 0], dm.utility(G, π) / (1 - 0.9), rtol=1e-12)
    np.testing.assert_allclose(dm.gap(P, π)[:, 0], dm.gap(G, π) / (1 - 0.9), rtol=1e-12)
    assert dm.best_response(P, π, 0)("again").mode == dm.best_response(G, π, 0).mode


def grim(P):
    """Cooperate as long as both have."""
    return [{s: "cooperate" if s == ("cooperate", "cooperate") else "defect" for s in P.S}] * 2


def test_a_grim_trigger_is_an_equilibrium_from_one_third_on():
    for γ, expected in ((0.2, 0.5), (1 / 3, 0.0), (0.5, 0.0), (0.9, 0.0)):
        P = dm.MG.remembering(PrisonersDilemma(), γ)
        assert dm.gap(P, grim(P)).max() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_of_a_grim_trigger(seed):
    punished, rewarded, tempted = np.sort(np.random.default_rng(seed).uniform(-5, 5, size=3))
    sucker = punished - 1
    R = np.array([[rewarded, sucker], [tempted, punished]])
    G = dm.SimpleGame.from_arrays(R, R.T, A=[("cooperate", "defect")] * 2)
    least = (tempted - rewarded) / (tempted - punished)
    for γ, holds in ((least + 1e-3, True), (least - 1e-3, False)):
        P = dm.MG.remembering(G, γ)
        assert (dm.gap(P, grim(P)).max() < 1e-9) == holds


@pytest.mark.parametrize("seed", range(3))
def test_utilities_are_linear_in_the_rewards(seed):
    P, p = random_game(seed), random_policies(random_game(seed), 9)
    other = np.random.default_rng(99).normal(size=P.R.array.shape)
    Q = dm.MG.from_arrays(P.T.array, 2 * P.R.array - 3 * other, P.γ)
    S = dm.MG.from_arrays(P.T.array, other, P.γ)
    np.testing.assert_allclose(dm.utility(Q, p), 2 * dm.utility(P, p) - 3 * dm.utility(S, p), atol=1e-11)


@pytest.mark.parametrize("how", ["dense", "sparse"])
def test_a_batch_of_joint_policies_is_each_of_them(how):
    P = random_game(10, (2, 3), 3)
    P = sparse(P) if how == "sparse" else P
    rng = np.random.default_rng(11)
    p = [
        rng.dirichlet(np.ones(k), size=(4, 1, 3)) if k == 2 else rng.dirichlet(np.ones(k), size=(5, 3)) for k in (2, 3)
    ]
    U, gaps = dm.utility(P, p), dm.gap(P, p)
    assert U.shape == gaps.shape == (4, 5, 2, 3)
    np.testing.assert_allclose(U[3, 2], dm.utility(P, [p[0][3, 0], p[1][2]]), atol=1e-12)
    np.testing.assert_allclose(gaps[1, 4], dm.gap(P, [p[0][1, 0], p[1][4]]), atol=1e-12)


def test_a_batch_of_policies_of_one_agent_is_the_array_of_it():
    P = random_game(10, (2, 3), 3)
    q = np.random.default_rng(0).dirichlet(np.ones(2), (4, 3))
    other = np.full((3, 3), 1 / 3)
    U = dm.utility(P, [dm.MGPolicy(q, P.S, P.A[0]), other])
    np.testing.assert_allclose(U, [dm.utility(P, [x, other]) for x in q], atol=1e-12)


def test_an_empty_batch_of_policies_is_one_and_a_policy_without_states_or_actions_is_none():
    assert dm.MGPolicy(np.ones((0, 2, 3))).p.shape == (0, 2, 3)
    for shape in ((0, 3), (2, 0), (4, 0, 3), (4, 2, 0)):
        with pytest.raises(ValueError, match="one or more states and actions"):
            dm.MGPolicy(np.ones(shape))


def test_utilities_of_a_sparse_game_are_not_solved_as_a_dense_system(monkeypatch):
    P = random_game(10, (2, 3), 3)
    p = [q.p for q in uniform(P)]
    U = dm.utility(P, p)
    monkeypatch.setattr(np.linalg, "solve", None)
    np.testing.assert_allclose(dm.utility(sparse(P), p), U, atol=1e-12)


def test_reprs_of_policies_tell_sizes_and_the_batch():
    assert repr(dm.MGPolicy(np.ones((2, 3)))) == "MGPolicy(2 states, 3 actions)"
    assert repr(dm.MGPolicy(np.ones((4, 2, 3)))) == "MGPolicy((4,) policies of 2 states, 3 actions)"
    P = random_game(1)
    for one in ({0: 0, 1: 0}, uniform(P)[0], "ab", dm.SimpleGamePolicy([1.0, 1.0])):
        with pytest.raises(ValueError, match="2 policies, one of each agent"):
            dm.utility(P, one)


def test_policies_may_be_written_in_many_ways():
    P = dm.MG(
        0.5, ["a", "b"], ("x", "y"), [("l", "r"), ("u",)], lambda s, a, z: 0.5, lambda s, a: [s == "x", a[0] == "r"]
    )
    ways = [
        {"x": "l", "y": {"l": 1, "r": 3}},
        {"y": dm.SimpleGamePolicy({"r": 3, "l": 1}), "x": "l"},
        dm.MGPolicy([[0, 1], [3, 1]], ("x", "y"), ("r", "l")),
        dm.MGPolicy([[1, 3], [1, 0]], ("y", "x"), ("l", "r")),
        [[1.0, 0.0], [0.25, 0.75]],
        lambda s: "l" if s == "x" else dm.SimpleGamePolicy({"l": 1, "r": 3}),
    ]
    for way in ways:
        np.testing.assert_allclose(dm.utility(P, [way, [1.0]], "b"), [0.375, 1.125])
    assert P.T("x", ("r", "u"), "y") == 0.5
    assert P.R("x", ("r", "u")).tolist() == [1, 1]
    np.testing.assert_allclose(dm.utility(P, [dm.SimpleGamePolicy("r"), [1.0]], "b"), 2)


# ---- equilibria

ANCHOR_R = np.array([[[3.0, -1], [-2, 1]], [[0, 2], [1, -1]]])
ANCHOR_T = np.array([np.full((2, 2, 2), 0.5), [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]])
ANCHOR = dm.MG.from_arrays(ANCHOR_T, [ANCHOR_R, -ANCHOR_R], 0.9)


@pytest.mark.parametrize("M", [dm.NashEquilibrium(), dm.ShapleyIteration(δ=1e-12), dm.NashEquilibrium("logit")])
def test_two_states_with_a_known_value(M):
    found = dm.solve(M, ANCHOR)
    assert found.status == "equilibrium"
    np.testing.assert_allclose(found.U[0], [85 / 28, 95 / 28], atol=1e-9)
    np.testing.assert_allclose(found.U[1], [-85 / 28, -95 / 28], atol=1e-9)
    np.testing.assert_allclose(found.π[0].p, [[3 / 7, 4 / 7], [1 / 2, 1 / 2]], atol=1e-9)
    np.testing.assert_allclose(found.π[1].p, [[2 / 7, 5 / 7], [93 / 130, 37 / 130]], atol=1e-9)
    assert found.gap.max() < 1e-12 * 200


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("evaluate", [False, True])
def test_sweeps_contract_to_a_fixed_point_with_no_gap(seed, evaluate):
    P = random_game(seed, (3, 2), 4, zero_sum=True)
    U = np.array(list(dm.sweeps(dm.ShapleyIteration(120, evaluate=evaluate), P)))
    assert U.shape == (121, 4)
    assert not U[0].any()
    errors = abs(U[:-1] - U[-1]).max(axis=1)
    assert (errors[1:] <= P.γ * errors[:-1] + 1e-9).all() or evaluate
    for s in range(4):  # the fixed point, by the linear program of chapter 24
        ahead = P.R.array[0, s] + P.γ * P.T.array[s] @ U[-1]
        assert dm.nash(dm.SimpleGame.zero_sum(ahead)).U[0] == pytest.approx(U[-1, s], abs=1e-9)
    found = dm.solve(dm.ShapleyIteration(120, evaluate=evaluate), P)
    assert found.status == "equilibrium"
    np.testing.assert_allclose(found.U[0], U[-1], atol=1e-9)
    np.testing.assert_allclose(found.U.sum(axis=0), 3 / (1 - P.γ))


def test_sweeps_end_by_their_number_or_by_their_change():
    found = dm.solve(dm.ShapleyIteration(1), random_game(3, (3, 2), 4, zero_sum=True))
    assert (found.status, found.iterations) == ("k_max", 1)
    U = np.array(list(dm.sweeps(dm.ShapleyIteration(δ=0.01), ANCHOR)))
    change = abs(np.diff(U, axis=0)).max(axis=1)
    assert change[-1] < 0.01 <= change[-2]


@pytest.mark.parametrize("sign", [1, -1])
def test_sweeps_end_at_a_change_below_the_limit_and_not_at_it(sign):
    """Rewards of 1 and -1 whatever is done: U = 1, 3/2, 7/4, with changes of 1, 1/2 and 1/4; evaluated U = 2, 2."""
    R = sign * np.array([1.0, -1.0])[:, None, None, None] * np.ones((2, 1, 2, 2))
    P = dm.MG.from_arrays(np.ones((1, 2, 2, 1)), R, 0.5)
    for δ, k in ((0.6, 2), (0.5, 3), (0.25, 4)):
        assert dm.solve(dm.ShapleyIteration(δ=δ), P).iterations == k
        assert dm.solve(dm.ShapleyIteration(δ=δ, evaluate=True), P).iterations == 2


def test_a_linear_program_of_matrix_games_that_is_not_solved_is_an_error_with_its_message(monkeypatch):
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: SimpleNamespace(x=None, message="gave up"))
    with pytest.raises(ValueError, match="the linear program of the matrix games was not solved: gave up"):
        matrix_games(np.ones((1, 2, 2)))


def test_mixed_actions_that_are_no_distributions_are_not_optimal():
    """The value is 0, so that multiples of optimal actions are sure of it too."""
    A, x, y = np.array([[[0.0, 1.0], [0.0, 1.0]]]), np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])
    assert zero_sum._optimal(A, x, y).tolist() == [True]
    for other in (x / 2, 2 * x, np.array([[1.5, -0.5]])):
        assert zero_sum._optimal(A, other, y).tolist() == [False]
    for other in (y / 2, 2 * y, np.array([[1.5, -0.5]])):
        assert zero_sum._optimal(A, x, other).tolist() == [False]


def test_many_matrix_games_are_one_linear_program():
    R = np.random.default_rng(0).normal(size=(7, 3, 4)) * np.array([1e-3, 1, 1, 1e3, 1, 0, 1])[:, None, None]
    v, x, y = matrix_games(R)
    again = matrix_games(R, (x, y))
    np.testing.assert_allclose(again[0], v, rtol=1e-9)
    wrong = matrix_games(R, (x[::-1], y[::-1]))  # supports that do not fit are not believed
    np.testing.assert_allclose(wrong[0], v, rtol=1e-9)
    small = np.random.default_rng(1).normal(size=(60, 2, 2))
    expected = matrix_games(small)[0]
    full = np.full((60, 2), 0.5)  # equal payoffs may want negative weights
    np.testing.assert_allclose(matrix_games(small, (full, full))[0], expected, rtol=1e-9)
    for s in range(7):
        assert v[s] == pytest.approx(dm.nash(dm.SimpleGame.zero_sum(R[s])).U[0], rel=1e-9, abs=1e-12)
        span = R[s].max() - R[s].min()
        assert (R[s] @ y[s]).max() - (x[s] @ R[s]).min() <= 1e-9 * span


def test_games_that_change_little_are_linear_systems(monkeypatch):
    """The supports of the games before are those of the games now; no linear program is asked."""
    rng = np.random.default_rng(3)
    R = rng.normal(size=(12, 3, 3))
    _, *near = matrix_games(R)
    monkeypatch.setattr(zero_sum, "_linear_program", None)
    for change in (0, 1e-6 * rng.normal(size=R.shape)):
        v, x, y = matrix_games(R + change, tuple(near))
        assert abs((x[:, None] @ (R + change))[:, 0].min(axis=1) - v).max() <= 1e-10
        assert abs(((R + change) @ y[:, :, None])[:, :, 0].max(axis=1) - v).max() <= 1e-10


@pytest.mark.parametrize("scale", [1e-9, -1e-9, 1e9])
def test_units_of_matrix_games_do_not_matter(scale):
    R = scale * np.random.default_rng(4).random((5, 3, 3))
    v, x, y = matrix_games(R)
    assert ((R @ y[:, :, None]).max(axis=(1, 2)) - v).max() <= 1e-10 * abs(scale)
    assert (v - (x[:, None] @ R).min(axis=(1, 2))).max() <= 1e-10 * abs(scale)


def test_nobody_gains_less_than_nothing():
    for seed in range(30):
        P = random_game(seed, (3,), 4)
        assert dm.gap(P, [dm.best_response(P, uniform(P), 0)]).min() >= 0


def test_probabilities_that_nearly_sum_to_1_are_divided_by_their_sum():
    P = random_game(1)
    p = [(1 + 5e-9) * q for q in random_policies(P, 2)]
    for q in probabilities(P, p):
        np.testing.assert_allclose(q.sum(axis=-1), 1, rtol=1e-14)


def test_newtons_steps_begin_at_the_given_policies():
    """A support may have several solutions; from one of them the steps end there."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        p = [rng.dirichlet(np.full(2, 2.0)) for _ in range(3)]
        P = dm.MG.repeated(dm.SimpleGame.from_arrays(*game_made_for(p, rng)), 0.5)
        found = solved_on_support(P, [np.ones((1, 2), bool)] * 3, [q[None] for q in p])
        for q, r in zip(found, p, strict=True):
            np.testing.assert_allclose(q[0], r, atol=1e-7)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("sizes", "n_states"), [((2, 2), 2), ((3, 2), 3), ((2, 2, 2), 2)])
def test_general_games_have_an_equilibrium_that_is_certified(seed, sizes, n_states):
    P = random_game(100 + seed, sizes, n_states)
    found = dm.solve(dm.NashEquilibrium("logit"), P)
    assert found.status == "equilibrium"
    assert found.exact
    g = Game(P.T.array, P.R.array, P.γ)
    for i in P.I:
        best, _ = g.optimal([q.p for q in found], i)
        np.testing.assert_allclose(found.U[i], best, atol=1e-9)


def test_one_state_has_the_equilibria_of_the_simple_game():
    rng = np.random.default_rng(5)
    for _ in range(5):
        G = dm.SimpleGame.from_arrays(*rng.normal(size=(2, 3, 3)))
        all_of_them = [np.concatenate([q.p for q in found]) for found in dm.nash(G, all=True)]
        found = dm.solve(dm.NashEquilibrium("logit"), dm.MG.repeated(G, 0.0))
        p = np.concatenate([q.p[0] for q in found])
        assert min(abs(p - q).max() for q in all_of_them) < 1e-8


def test_without_restarts_the_nonlinear_program_may_end_where_agents_gain_and_says_so():
    """25.5 by a local solver: a stationary point that is no equilibrium is reported as such."""
    seen = {
        dm.solve(dm.NashEquilibrium("nonlinear", restarts=1), random_game(k, (2, 2), 2, 0.9)).status for k in range(8)
    }
    assert seen == {"equilibrium", "local"}
    for k in range(2):
        found = dm.solve(dm.NashEquilibrium("nonlinear"), random_game(k, (2, 2), 2, 0.9))
        assert found.status == "equilibrium"
        assert found.gap.max() < 1e-8


def numerical(f, x):
    return np.stack([(f(x + 1e-6 * e) - f(x - 1e-6 * e)) / 2e-6 for e in np.eye(len(x))], axis=-1)


@pytest.mark.parametrize("flat", [False, True])
def test_the_programs_are_of_rewards_from_0_to_1(flat):
    """Of each agent, on a scale of its own: what one has in millions does not hide what another has in ones."""
    P = random_game(4)
    R = np.full_like(P.R.array, 7.0) if flat else P.R.array * [[[[1.0]]], [[[3.0]]]]
    R[1] -= 100 * (not flat)
    R[0] /= 100
    program = NashProgram(dm.MG.from_arrays(P.T.array, R, P.γ))
    least, span = R.min(axis=(1, 2, 3), keepdims=True), np.ptp(R, axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(program.R, (R - least) / (1 if flat else span), atol=1e-12)


@pytest.mark.parametrize("how", ["dense", "sparse"])
def test_derivatives_of_the_programs_are_those_of_finite_differences(how):
    P = random_game(12, (2, 3, 2), 2)
    P = sparse(P) if how == "sparse" else P
    V, p = NashProgram(P), random_policies(P, 13)
    z = V.joined(p, V.utilities(p) + np.random.default_rng(14).normal(size=(3, 2)))
    np.testing.assert_allclose(V.objective(z)[1], numerical(lambda z: V.objective(z)[0], z), atol=1e-6)
    np.testing.assert_allclose(V.slack_slope(z), numerical(V.slack, z), atol=1e-7)
    L = LogitPath(P)
    x = np.append(z, 1.7)
    x[: L.ends[-1]] = np.log(x[: L.ends[-1]])
    np.testing.assert_allclose(L.equations(x)[1], numerical(lambda x: L.equations(x)[0], x), atol=1e-6)


def test_points_of_the_path_are_logit_equilibria():
    """What each agent plays is a softmax of what its actions are worth just now, on the scale of its own rewards."""
    P = random_game(15, (2, 3), 2)
    scale = np.ptp(P.R.array, axis=(1, 2, 3))
    for k, (p, λ) in enumerate(LogitPath(P).points(8)):
        if k < 2:
            continue
        U = dm.utility(P, p)
        for i in P.I:
            T, R = (x.array for x in (induced(P, p, i).T, induced(P, p, i).R))
            weights = np.exp(λ / scale[i] * (R + P.γ * T @ U[i]))
            np.testing.assert_allclose(p[i], weights / weights.sum(axis=1, keepdims=True), atol=1e-6)


def test_of_the_starts_of_the_nonlinear_program_the_one_with_the_least_gap_is_kept(monkeypatch):
    P, starts = dm.MG.repeated(PrisonersDilemma(), 0.5), []
    monkeypatch.setattr(NashProgram, "solved", lambda program, p: (starts.append(p) or p, 7))
    found = dm.solve(dm.NashEquilibrium("nonlinear", restarts=6, rng=3), P)
    assert (found.status, found.iterations, found.exact, found.method) == ("local", 42, False, "nonlinear")
    assert [q.tolist() for q in starts[0]] == [[[0.5, 0.5]]] * 2
    gaps = [dm.gap(P, p).max() for p in starts]
    assert len(set(gaps)) == 6
    assert found.gap.max() == pytest.approx(min(gaps))
    monkeypatch.setattr(NashProgram, "solved", lambda program, p: ([np.array([[0.0, 1.0]])] * 2, 7))
    assert dm.solve(dm.NashEquilibrium("nonlinear"), P).iterations == 7


@pytest.mark.parametrize("least", [1e-1, 1e-3, 1e-5])
def test_what_the_nonlinear_program_finds_is_solved_on_supports_of_three_sizes(least, monkeypatch):
    """An action is played with so small a probability, and another, that is not, comes out of the program near it."""
    p = [np.array([1 - least, least, 0.0]), np.array([0.7, 0.3, 0.0])]
    R = game_made_for(p, np.random.default_rng(1))
    R[0][2], R[1][:, 2] = -9, -9  # nobody plays the last action
    ends = [((q + e) / (q + e).sum())[None] for q, e in zip(p, [np.array([0, 0, least / 30])] * 2, strict=True)]
    monkeypatch.setattr(NashProgram, "solved", lambda program, p: (ends, 1))
    found = dm.solve(dm.NashEquilibrium("nonlinear"), dm.MG.repeated(dm.SimpleGame.from_arrays(*R), 0.5))
    assert (found.status, found.exact, found.iterations) == ("equilibrium", True, 1)
    for q, r in zip(found, p, strict=True):
        np.testing.assert_allclose(q.p[0], r, atol=1e-10)


def test_the_nonlinear_program_takes_back_what_is_no_joint_policy(monkeypatch):
    program = NashProgram(random_game(2, (2, 3), 2))
    start = [np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])]
    no_policy_in_a_state = np.append([0.0, 0.0], np.ones(12))
    for ends, expected in (
        (np.full(14, 0.7), [np.full((2, 2), 1 / 2), np.full((2, 3), 1 / 3)]),
        (np.zeros(14), start),
        (no_policy_in_a_state, start),
        (np.append(np.nan, np.ones(13)), start),
    ):
        monkeypatch.setattr("scipy.optimize.minimize", lambda *_, x=ends, **__: SimpleNamespace(x=x, nit=3))
        found, iterations = program.solved(start)
        assert iterations == 3
        for q, r in zip(found, expected, strict=True):
            np.testing.assert_allclose(q, r)


def test_the_path_begins_at_uniform_play():
    path = LogitPath(random_game(15, (2, 3), 2))
    x = path.start()
    assert abs(path.equations(x)[0]).max() <= 1e-12
    assert x[-1] == 0
    np.testing.assert_allclose(np.exp(x[:10]), [0.5] * 4 + [1 / 3] * 6)


def test_every_fifth_point_of_the_path_is_looked_at(monkeypatch):
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    cooperate, looked = [np.array([[1.0, 0.0]])] * 2, []
    monkeypatch.setattr(nash_equilibrium, "polished", lambda P, p, least: looked.append(p) or (p, True))
    for k, looks in ((0, 0), (7, 1), (12, 2)):
        monkeypatch.setattr(LogitPath, "points", lambda path, k_max, k=k: iter([(cooperate, 1.0)] * k))
        looked.clear()
        found = dm.solve(dm.NashEquilibrium("logit"), P)
        assert (found.iterations, len(looked), found.status, found.exact) == (k, looks, "local", False)
        assert found.π[0].p.tolist() == [[1.0, 0.0] if looks else [0.5, 0.5]]


def test_unknowns_of_the_path_and_of_the_program_are_counted(monkeypatch):
    P = random_game(1, (2, 3), 3)  # 3·(2 + 3) probabilities, 3·2 utilities
    for method, limit in (("logit", "PATH"), ("nonlinear", "UNKNOWNS")):
        monkeypatch.setattr(nash_equilibrium, limit, 20)
        with pytest.raises(dm.TooLargeError, match="21 unknowns"):
            dm.solve(dm.NashEquilibrium(method), P)
        monkeypatch.setattr(nash_equilibrium, limit, 21)
        assert dm.solve(dm.NashEquilibrium(method, restarts=1), P).method == method


@pytest.mark.parametrize("method", ["auto", "zero_sum", "logit", "nonlinear"])
def test_a_game_without_discounting_may_have_no_equilibrium_to_look_for(method):
    P = dm.MG.repeated(RockPaperScissors(), 1.0)
    with pytest.raises(ValueError, match=r"γ = 1.0: must be below 1, else a joint policy may have no finite utility"):
        dm.solve(dm.NashEquilibrium(method), P)


def test_units_of_the_rewards_do_not_change_how_a_zero_sum_game_is_solved():
    P = random_game(4, (3, 3), 3, zero_sum=True)
    found = [
        dm.solve(dm.NashEquilibrium("zero_sum"), dm.MG.from_arrays(P.T.array, x * P.R.array, P.γ))
        for x in (1.0, 2.0**40, 2.0**-40)
    ]
    assert len({x.iterations for x in found}) == 1
    assert all(x.exact and x.status == "equilibrium" for x in found)
    flat = dm.MG.from_arrays(np.ones((1, 2, 2, 1)), np.ones((2, 1, 2, 2)), 0.5)
    assert dm.solve(dm.NashEquilibrium("zero_sum"), flat).status == "equilibrium"


def test_policies_that_solve_their_equations_and_are_worse_are_not_taken():
    """Of matching pennies the first action of both: solved at once, and one of them gains."""
    P = dm.MG.repeated(dm.SimpleGame.zero_sum([[1, -1], [-1, 1]]), 0.5)
    p = [np.array([[0.6, 0.4]])] * 2
    found, exact = polished(P, p, 0.9)
    assert not exact
    assert [q.tolist() for q in found] == [[[0.6, 0.4]]] * 2
    assert polished(P, p, 0.1)[1]


def test_the_largest_gain_is_that_of_any_agent_from_any_state():
    """Two states that never change: in the first one agent 0 could gain 1 a step, for ever."""
    T = np.broadcast_to(np.eye(2)[:, None, None], (2, 2, 1, 2))
    R = np.zeros((2, 2, 2, 1))
    R[0, 0, 1] = 1
    P = dm.MG.from_arrays(T, R, 0.5)
    p = [np.tile([1.0, 0.0], (2, 1)), np.ones((2, 1))]
    assert largest_gain(P, p) == pytest.approx(2 / P.no_gain[0])
    assert dm.gap(P, p).tolist() == [[2, 0], [0, 0]]


def test_what_fits_the_game_is_chosen():
    assert dm.solve(dm.NashEquilibrium(), ANCHOR).method == "Shapley iteration"
    assert dm.solve(dm.NashEquilibrium(), random_game(102)).method in ("iterated best response", "logit")


def test_best_responses_that_come_to_rest_are_exact():
    found = dm.solve(dm.NashEquilibrium(), dm.MG.repeated(PrisonersDilemma(), 0.5))
    assert (found.method, found.exact, found.gap.max()) == ("iterated best response", True, 0)


def test_an_equilibrium_is_what_nobody_gains_more_by_than_is_no_gain():
    P = dm.MG.repeated(dm.SimpleGame.from_arrays([1.0, 0.0]), 0.5)
    for times, status in ((0.9, "equilibrium"), (1.1, "local"), (1.9, "local")):
        ε = times * float(P.no_gain[0]) / 2
        assert certified(P, [np.array([[1 - ε, ε]])], "x").status == status


def test_what_is_best_for_all_is_an_equilibrium():
    P = random_game(16, (2, 2), 3)
    P = dm.MG.from_arrays(P.T.array, P.R.array[[0, 0]], P.γ)
    together = dm.solve(dm.PolicyIteration(np.zeros(3, int), 100), P.joint).a
    p = [np.eye(2)[together // 2], np.eye(2)[together % 2]]
    assert dm.gap(P, p).max() < 1e-12
    found = dm.solve(dm.NashEquilibrium(), P)
    assert (found.status, found.method) == ("equilibrium", "iterated best response")


def test_equations_of_a_support_without_a_solution_leave_the_policies_as_they_are():
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    p = [np.array([[0.5, 0.5]])] * 2
    assert solved_on_support(P, [q > 0 for q in p], p) is None
    kept, better = polished(P, p, 1e-3)
    assert not better
    assert kept[0] is p[0]


def test_newtons_steps_go_on_where_an_agent_has_but_one_action():
    """What it plays never changes; the other two are indifferent in both states in the end."""
    P = random_game(3, (2, 2, 1), 2)
    p = [q.p for q in uniform(P)]
    found = solved_on_support(P, [q > 0 for q in p], p)
    U = dm.utility(P, found)
    for i in P.I:
        M = induced(P, found, i)
        assert np.ptp(M.R.array + P.γ * M.T.array @ U[i], axis=1).max() <= 1e-12


def test_policies_that_solve_their_equations_already_are_solved():
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    found, solved = polished(P, [np.array([[1.0, 0.0]])] * 2, 0.1)
    assert solved
    assert [q.tolist() for q in found] == [[[1.0, 0.0]]] * 2


@pytest.mark.parametrize("order", [1, -1])
def test_equations_of_a_support_that_only_numbers_below_0_solve_have_no_policies(order):
    """One agent is indifferent where the other plays (2, -1), and that one where it is played against evenly."""
    payoffs = [np.array([[1.0, 2.0], [0.0, 0.0]]), np.eye(2)]
    P = dm.MG.repeated(dm.SimpleGame.from_arrays(*(R if order > 0 else R.T for R in payoffs[::order])), 0.5)
    p = [np.array([[0.5, 0.5]])] * 2
    assert solved_on_support(P, [q > 0 for q in p], p) is None


# ---- responses to responses


def test_best_responses_at_once_and_in_turn():
    ring = PredatorPreyHexWorld()
    for order, length in (("simultaneous", 4), ("cyclic", 2)):
        found = dm.solve(dm.IteratedBestResponse(100, order=order), ring)
        assert found.status == "cycle"
        assert len(found.cycle) == length
        p = [np.eye(6)[list(a)] for a in found.cycle[0]]
        for _ in range(length):
            new = list(p)
            for i, agent in enumerate(ring.I):
                new[i] = dm.best_response(ring, new if order == "cyclic" else p, agent).p
            p = new
        if order == "simultaneous":
            assert tuple(tuple(q.argmax(axis=1).tolist()) for q in p) == found.cycle[0]


@pytest.mark.parametrize("k", [1, 2, 5, 6, 7, 50])
def test_the_result_after_a_cycle_is_that_of_going_on(k):
    P = dm.MG.repeated(RockPaperScissors(), 0.5)
    p = [np.full((1, 3), 1 / 3)] * 2
    for _ in range(k):
        p = [dm.best_response(P, p, i).p for i in P.I]
    found = dm.solve(dm.IteratedBestResponse(k), P)
    assert [q.mode.tolist() for q in found] == [q.argmax(axis=-1).tolist() for q in p]
    assert (found.status == "k_max") == (k < 4)


def test_a_start_is_where_the_responses_begin():
    P = random_game(17)
    p = random_policies(P, 18)
    found = dm.solve(dm.IteratedBestResponse(1, p), P)
    for i in P.I:
        np.testing.assert_array_equal(found.π[i].p, dm.best_response(P, p, i).p)
    found = dm.solve(dm.IteratedBestResponse(1, p, order="cyclic"), P)
    new = [dm.best_response(P, p, 0), p[1]]
    np.testing.assert_array_equal(found.π[1].p, dm.best_response(P, new, 1).p)


def test_what_never_changes_is_an_equilibrium_without_a_cycle():
    """From both defect, a fixed point; from a mixed start it is met one round later."""
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    for π, rounds in (([[[0.0, 1.0]]] * 2, 1), (None, 2), ([[[0.0, 1.0]], [[0.5, 0.5]]], 2)):
        found = dm.solve(dm.IteratedBestResponse(9, π), P)
        assert (found.status, found.cycle, found.iterations) == ("equilibrium", (), rounds)
        assert [float(q.p[0, 1]) for q in found] == [1, 1]


def test_a_cycle_begins_where_it_was_entered():
    """Matching pennies from (heads, heads): four joint actions, the first of them the start."""
    P = dm.MG.repeated(dm.SimpleGame.zero_sum([[1, -1], [-1, 1]]), 0.5)
    found = dm.solve(dm.IteratedBestResponse(8, [[[1.0, 0.0]]] * 2), P)
    assert found.status == "cycle"
    assert found.cycle == (((0,), (0,)), ((0,), (1,)), ((1,), (1,)), ((1,), (0,)))
    assert [q.p.argmax() for q in found] == [0, 0]  # eight rounds are twice around


def test_results_say_what_their_policies_do():
    """No difference of the rewards: all is an equilibrium. `exact` is for equilibria that solve their equations."""
    flat = dm.MG.from_arrays(np.ones((1, 2, 2, 1)), np.ones((2, 1, 2, 2)), 0.5)
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    cooperate, defect = [np.array([[1.0, 0.0]])] * 2, [np.array([[0.0, 1.0]])] * 2
    assert certified(flat, defect, "x").status == "equilibrium"
    for p, said, exact in ((cooperate, "local", False), (defect, "equilibrium", True)):
        found = certified(P, p, "x", exact=True)
        assert (found.status, found.exact) == (said, exact)
        assert not certified(P, p, "x").exact


def test_level_0_is_the_start():
    P = random_game(3)
    π = [np.full((3, 2), 0.5), np.tile([0.5, 0.25, 0.25], (3, 1))]
    found = dm.solve(dm.HierarchicalSoftmax(1.0, 0, π), P)
    for q, expected in zip(found, π, strict=True):
        np.testing.assert_allclose(q.p, expected)


def test_an_action_that_is_best_already_is_kept_in_turn():
    P = dm.MG.repeated(dm.SimpleGame.from_arrays(np.zeros((2, 2)), np.zeros((2, 2))), 0.5)
    start = [[0.0, 1.0], [0.0, 1.0]]
    kept = dm.solve(dm.IteratedBestResponse(5, start, order="cyclic"), P)
    assert [q.mode.tolist() for q in kept] == [[1], [1]]
    assert [q.mode.tolist() for q in dm.solve(dm.IteratedBestResponse(5, start), P)] == [[0], [0]]
    half = [[0.5, 0.5], [0.0, 1.0]]  # a policy with chance is not kept
    assert dm.solve(dm.IteratedBestResponse(5, half, order="cyclic"), P).π[0].p.tolist() == [[1, 0]]


def test_levels_are_softmax_responses_to_the_level_below():
    P = random_game(19)
    π = uniform(P)
    for k in range(4):
        found = dm.solve(dm.HierarchicalSoftmax(0.5, k), P)
        for q, expected in zip(found, π, strict=True):
            np.testing.assert_allclose(q.p, expected.p, atol=1e-12)
        π = [dm.softmax_response(P, π, i, 0.5) for i in P.I]


# ---- predator and prey

WORLDS = {
    "ring": (PredatorPreyHexWorld(), (0.718529, -206.466765), (10.682603, -296.143426), (-3.811176, -165.699418),
             (40.007237, 180.139648)),
    "12 tiles": (PredatorPreyHexWorld(tiles=TWELVE_TILES), (-11.125510, -99.870411), (-0.743978, -193.304194),
                 (-16.161782, -54.543958), (34.249637, 112.321624)),
}  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
def test_uniform_predator_and_prey(name):
    P, mean, together, apart, gap = WORLDS[name]
    U, gaps = dm.utility(P, uniform(P)), dm.gap(P, uniform(P))
    np.testing.assert_allclose(U.mean(axis=1), mean, atol=1e-6)
    np.testing.assert_allclose(U[:, 0], together, atol=1e-6)
    np.testing.assert_allclose(U[:, 5], apart, atol=1e-6)
    np.testing.assert_allclose(gaps.max(axis=1), gap, atol=1e-6)


def test_moves_of_predator_and_prey():
    P = PredatorPreyHexWorld()
    near, far = ((0, 0), (1, 0)), ((0, 0), (-1, 2))
    assert P.T(near, ("E", "E"), ((1, 0), (1, 0))) == pytest.approx(0.7 * (0.7 + 0.15))  # E and SE leave the map
    assert P.T(far, ("E", "W"), ((1, 0), (-1, 1))) == pytest.approx(0.7 * 0.15)
    caught = ((1, 0), (1, 0))
    for tile in {s[1] for s in P.S}:
        assert P.T(caught, ("W", "W"), ((1, 0), tile)) == pytest.approx(1 / 6)
    assert P.R(caught, ("E", "E")).tolist() == [10, -100]
    assert P.R(near, ("E", "E")).tolist() == [-1, -1]
    book = PredatorPreyHexWorld(predator=(1, -1), prey=(-100, 0))
    assert book.R(caught, ("E", "E")).tolist() == [1, -100]
    assert book.R(near, ("E", "E")).tolist() == [-1, 0]


def test_an_equilibrium_of_predator_and_prey_is_mixed_and_certified():
    P = PredatorPreyHexWorld()
    found = dm.solve(dm.NashEquilibrium(), P)
    assert (found.status, found.method) == ("equilibrium", "logit")
    assert found.gap.max() < 1e-6
    zero_sum = dm.MG(P.γ, P.I, P.S, P.A, P.T, np.stack([P.R.array[0], -P.R.array[0]]))
    U = dm.solve(dm.NashEquilibrium(), zero_sum).U[0]
    assert U.mean() == pytest.approx(-2.217, abs=0.002)
    np.testing.assert_allclose(U[[0, 1, 5]], [7.894, -1.321, -6.843], atol=0.003)


# ---- sampling


def test_a_game_keeps_its_labels_its_table_and_its_first_agent(monkeypatch):
    T, R = np.full((2, 2, 2, 2), 0.5), np.random.default_rng(0).normal(size=(2, 2, 2, 2))
    rows = csr_array(T.reshape(8, 2))
    P = dm.MG.from_arrays(rows, R, 0.9, I=("x", "y"), S=("left", "right"), A=[("u", "d"), (0, 1)])
    assert (P.I, P.S, P.A) == (("x", "y"), ("left", "right"), (("u", "d"), (0, 1)))
    rows.data[:] = 7  # what is handed in may be changed later
    assert P.T("left", ("d", 1), "right") == 0.5
    np.testing.assert_array_equal(P.joint.R.array, R[0].reshape(2, 4))
    monkeypatch.setattr("decision_making.markov_game.LARGEST", 1)
    again = attrs.evolve(P, γ=0.5)  # tables are not asked for their entries
    assert again.T.matrix is P.T.matrix
    np.testing.assert_array_equal(again.R.array, R)
    with pytest.raises(dm.TooLargeError, match="16 transitions to tabulate"):
        dm.MG(0.9, ("a", "b"), (0, 1), [(0, 1)] * 2, lambda s, a, s_next: 0.5, R)
    lists = dm.MG(0.9, ("a", "b"), (0, 1), [(0, 1)] * 2, T.tolist(), R.tolist())
    np.testing.assert_array_equal(lists.R.array, R)
    with pytest.raises(TypeError, match="must be one SimpleGame"):
        dm.MG.repeated(dm.SimpleGame.zero_sum(np.zeros((3, 2, 2))))


def test_the_span_is_that_of_discounted_sums():
    assert ANCHOR.span == pytest.approx(5 / 0.1)
    assert dm.MG.repeated(PrisonersDilemma(), 1.0).span == 4


def test_sampled_steps_follow_the_game():
    P = random_game(20, (2, 3), 3)
    rng = np.random.default_rng(0)
    for s, a in ((0, (1, 2)), (2, (0, 1))):
        s_next, r = P.TR(np.full(20000, s), np.tile(a, (20000, 1)), rng)
        p = P.T.array[(s, *a)]
        assert (abs(np.bincount(s_next, minlength=3) / 20000 - p) < 5 * np.sqrt(p * (1 - p) / 20000)).all()
        np.testing.assert_array_equal(r, np.broadcast_to(P.R(s, a), (20000, 2)))
    one, r = dm.verbs.randstep(P, 1, (0, 0), 3)
    assert np.shape(one) == ()
    np.testing.assert_array_equal(r, P.R(1, (0, 0)))


def test_tiles_and_rewards_of_predator_and_prey_may_be_lists():
    tiles = [[0, 0], [1, 0], [0, 1]]
    P = PredatorPreyHexWorld(tiles=tiles, predator=[1.0, -2.0])
    assert P.S[1] == ((0, 0), (1, 0))
    assert sorted(set(P.R.array[0].ravel().tolist())) == [-2, 1]
    for wrong in ((1.0,), (1.0, 2.0, 3.0), 5.0):
        with pytest.raises(ValueError, match=r"prey = .*: must be two rewards"):
            PredatorPreyHexWorld(prey=wrong)


def test_tables_of_a_markov_game_are_not_changed():
    P = random_game(1)
    for table in (P.R.array, P.T.matrix):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 1
