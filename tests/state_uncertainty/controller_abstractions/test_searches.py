"""Searches for controllers: policy iteration, nonlinear programming, gradient ascent (algorithms 23.3 to 23.6)."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import brentq

from decision_making import (
    POMDP,
    ControllerGradient,
    ControllerPolicy,
    ControllerPolicyIteration,
    FastInformedBound,
    NonlinearProgramming,
    evaluate_controller,
    improve_controller,
    project_to_simplex,
    solve,
    sweeps,
    utility,
)
from decision_making.problems import Catch, CryingBaby, MachineReplacement, Tiger
from decision_making.state_uncertainty.controller_abstractions import (
    controller_gradient,
    nonlinear_programming,
    policy_iteration,
)
from decision_making.state_uncertainty.controller_abstractions.policy_iteration import Nodes
from tests.oracles.controllers import controller_utility, deterministic_controllers
from tests.state_uncertainty.controller_abstractions.test_controllers import random_controller
from tests.support import gradient_of
from tests.test_pomdp import beliefs, random_pomdp

SMALL = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
MIDDLE = [0.5, 0.5]
CANDIDATES = pytest.mark.parametrize("candidates", ["all", "needed"])


@CANDIDATES
@given(seed=st.integers(0, 10**6), sizes=SMALL)
@settings(max_examples=20)
def test_no_utility_falls_over_rounds_and_none_is_above_the_bound(candidates, seed, sizes):
    P = random_pomdp(seed, sizes)
    b = beliefs(np.random.default_rng(seed), 20, sizes[0])
    bound = utility(solve(FastInformedBound(300, start="bound"), P), b)
    before = -np.inf
    for π in sweeps(ControllerPolicyIteration(3, candidates=candidates, max_nodes=4000), P):
        u = (b @ π.U.T).max(axis=1)
        assert (u >= before - 1e-9).all()
        assert (u <= bound + 1e-6).all()
        assert π.U[π.x].sum() == pytest.approx(π.U.sum(axis=1).max())  # P.b is None: the best for the uniform belief
        before = u


@CANDIDATES
@given(seed=st.integers(0, 10**6), sizes=SMALL, X=st.integers(1, 3))
@settings(max_examples=30)
def test_improvement_reaches_one_step_of_lookahead_everywhere(candidates, seed, sizes, X):
    """Pruning preserves the highest of all nodes, old and new: the nodes left are worth it, or more."""
    P = random_pomdp(seed, sizes)
    π = random_controller(P, X, seed)
    b = beliefs(np.random.default_rng(seed), 20, sizes[0])
    M = P.T.array.transpose(1, 0, 2)[:, None] * P.O.array.transpose(0, 2, 1)[:, :, None]  # (A, Ω, S, S)
    Q = np.stack(
        [
            b @ P.R.array[:, a] + P.γ * sum((b @ M[a, o] @ π.U.T).max(axis=1) for o in range(sizes[2]))
            for a in range(sizes[1])
        ]
    )
    better = improve_controller(π, candidates=candidates)
    u = (b @ better.U.T).max(axis=1)
    assert (u >= np.maximum(Q.max(axis=0), (b @ π.U.T).max(axis=1)) - 1e-9).all()
    assert len(better) >= X


def test_policy_iteration_on_the_crying_baby():
    """-38.239130 and -25.880500 with 3 and 6 nodes; the listing stands still at -25.606394."""
    rounds = list(sweeps(ControllerPolicyIteration(5), CryingBaby()))
    u = [utility(π, MIDDLE) for π in rounds]
    assert [len(π) for π in rounds[:3]] == [1, 3, 6]
    np.testing.assert_allclose(u[1:4], [-38.239130, -25.880500, -25.606394], atol=5e-7)
    assert u[4] > -25.388585
    assert u[5] > -25.144992
    assert u[-1] <= -24.674934


def test_policy_iteration_finds_the_five_nodes_of_the_tiger():
    π = solve(ControllerPolicyIteration(3), Tiger())
    assert utility(π, MIDDLE) == pytest.approx(19.371368, abs=5e-7)
    assert len(π.trimmed()) == 5


def test_mutual_deletion_of_equal_new_nodes():
    """Two new nodes that are equal: the listing compares each with one that is already gone, and neither stays."""
    P = CryingBaby()
    π = ControllerPolicy.from_nodes(P, [0], [[0, 0]])
    new = Nodes(np.array([[0.0, -99.0], [0.0, -99.0]]), np.array([1, 1]), np.zeros((2, 2), dtype=int))
    left = policy_iteration._pruned(π, np.array([[-10.0, -10.0]]), new)
    assert len(left) == 2
    assert left.ψ[1].argmax() == 1


def test_pruning_by_its_three_rules():
    P = CryingBaby()
    π = ControllerPolicy.from_nodes(P, [0, 0], [[0, 1], [1, 0]])
    U = np.array([[0.0, 0.0], [3.0, -3.0]])
    new = Nodes(
        np.array([[1.0, 1.0], [3.0, -3.0], [2.0, -1.0], [1.5, -2.0], [-5.0, 0.9]]),
        np.array([1, 2, 2, 2, 2]),
        np.array([[1, 0], [0, 0], [0, 1], [1, 1], [1, 1]]),
    )
    left = policy_iteration._pruned(π, U, new)
    assert len(left) == 3
    np.testing.assert_array_equal(left.ψ.argmax(axis=1), [1, 0, 2])  # the first acts as the new one above it
    np.testing.assert_array_equal(left.η[0, 0].argmax(axis=1), [1, 0])
    np.testing.assert_array_equal(left.η[2, 0].argmax(axis=1), [0, 1])  # (2, -1); (1.5, -2), (3, -3), (-5, 0.9) are not


def test_too_few_sweeps_stand_still():
    """Twenty sweeps from 0 overrate old nodes when rewards are negative: no new one is ever kept."""
    short, long = (solve(ControllerPolicyIteration(k, 20), CryingBaby()) for k in (5, 30))
    assert len(short) == len(long) == 6
    assert utility(long.at_best_node(MIDDLE), MIDDLE) == utility(short.at_best_node(MIDDLE), MIDDLE) < -25.1
    assert utility(solve(ControllerPolicyIteration(5), CryingBaby()), MIDDLE) > -25.1


def test_sweeps_of_an_evaluation_need_no_discount():
    """From a machine without a fault five steps are worth 3.786967."""
    π = solve(ControllerPolicyIteration(1, 5), MachineReplacement())
    assert evaluate_controller(π, 5)[0, 0] == pytest.approx(3.786967, abs=5e-7)


def test_it_ends_when_a_round_changes_nothing():
    rounds = list(sweeps(ControllerPolicyIteration(50, candidates="needed"), CryingBaby()))
    assert len(rounds) < 20
    assert utility(rounds[-1], MIDDLE) == pytest.approx(-24.674935, abs=5e-7)


def test_more_nodes_than_allowed_are_refused_before_they_are_made():
    with pytest.raises(ValueError, match=r"3 actions, 3 nodes and 2 observations make 27 new nodes: more than"):
        solve(ControllerPolicyIteration(4, max_nodes=20), CryingBaby())
    three = solve(ControllerPolicyIteration(1), CryingBaby())
    assert len(improve_controller(three, max_nodes=27)) == 6
    with pytest.raises(ValueError, match="make 27 new nodes: more than max_nodes = 26"):
        improve_controller(three, max_nodes=26)


def test_a_controller_of_too_many_probabilities_is_refused(monkeypatch):
    three = solve(ControllerPolicyIteration(1), CryingBaby())
    monkeypatch.setattr(policy_iteration, "PROBABILITIES", 6 * 6 * 3 * 2)
    assert len(improve_controller(three)) == 6
    monkeypatch.setattr(policy_iteration, "PROBABILITIES", 6 * 6 * 3 * 2 - 1)
    with pytest.raises(ValueError, match="216 probabilities of 6 nodes: must be at most 215"):
        improve_controller(three)


def test_rounds_differ_from_one_another():
    """None is given twice, not at the end either."""
    for M in (ControllerPolicyIteration(50, candidates="needed"), ControllerPolicyIteration(9, 20)):
        rounds = list(sweeps(M, CryingBaby()))
        assert len(rounds) < M.k_max
        for π, after in itertools.pairwise(rounds):
            assert len(π) != len(after) or abs(π.U - after.U).max() > 1e-12


@pytest.mark.parametrize(("P", "b"), [(CryingBaby(), MIDDLE), (CryingBaby(), [1.0, 0.0]), (Tiger(), MIDDLE)])
@pytest.mark.parametrize("n_nodes", [1, 2])
def test_programs_are_no_worse_than_every_deterministic_controller(P, b, n_nodes):
    best = max(
        float(np.dot(b, ControllerPolicy.from_nodes(P, a, child).U[0]))
        for a, child in deterministic_controllers(P, n_nodes)
    )
    π = solve(NonlinearProgramming(b, n_nodes, rng=0), P)
    assert π.found.u == pytest.approx(utility(π, b))
    assert π.found.u == max(π.found.us)
    assert π.found.u >= best - 1e-6


def test_the_best_single_node_of_the_crying_baby_acts_at_random():
    """-40.2323, where the best action for ever, feeding, gives -55: one node must not be rounded."""
    π = solve(NonlinearProgramming(MIDDLE, 1, restarts=2, rng=0), CryingBaby())
    assert π.found.u == pytest.approx(-40.2323, abs=5e-5)
    p = np.linspace(0, 1, 100_001)[1:-1]  # feeding with probability p, else ignoring
    sated = np.stack([np.stack([1 - 0.9 * (p + 0.9 * (1 - p)), -0.9 * 0.1 * (1 - p)]), [-0.9 * p, 1 - 0.9 * (1 - p)]])
    U = np.linalg.solve(sated.transpose(2, 0, 1), np.stack([-5 * p, -10 - 5 * p], axis=1)[..., None])
    assert π.found.u == pytest.approx(U.mean(axis=1).max(), abs=1e-4)


def test_two_nodes_of_catch():
    """Throw 50 and 40: a catch leads to the first, a drop to the second; random nodes gain a little more."""
    P = Catch()
    two = ControllerPolicy.from_nodes(P, [4, 3], [[0, 1], [0, 1]])
    assert utility(two, P.b) == pytest.approx(255.676924, abs=5e-7)
    assert solve(NonlinearProgramming(P.b, 2, rng=0), P).found.u >= 255.6769


@given(st.integers(0, 10**6), SMALL, st.integers(1, 2))
@settings(max_examples=10)
def test_a_warm_start_is_never_left_for_worse(seed, sizes, X):
    P = random_pomdp(seed, sizes)
    b = np.random.default_rng(seed).dirichlet(np.ones(sizes[0]))
    start = random_controller(P, X, seed)
    for M in (
        NonlinearProgramming(b, X + 1, restarts=1, start=start, rng=0),
        ControllerGradient(b, X, 1.0, 5, start=start, rng=0),
    ):
        π = solve(M, P)
        assert utility(π, b) >= utility(start, b) - 1e-9
        assert π.found.u == pytest.approx(utility(π, b))
        assert len(π) <= X + 1


@given(st.integers(0, 10**6), SMALL)
@settings(max_examples=10)
def test_no_step_along_the_gradient_lowers_the_utility(seed, sizes):
    """The listing's fixed steps may, and its first numbers are not normalised."""
    P = random_pomdp(seed, sizes)
    π = solve(ControllerGradient(np.full(sizes[0], 1 / sizes[0]), 2, 100.0, 8, rng=seed), P)
    assert (np.diff(π.found.us) > 0).all()
    np.testing.assert_allclose(π.η.sum(axis=-1), 1, atol=1e-12)


def test_the_gradient_climbs_to_the_best_two_nodes():
    us = [solve(ControllerGradient(MIDDLE, 2, 1.0, 200, rng=seed), CryingBaby()).found.u for seed in range(4)]
    assert max(us) == pytest.approx(-24.674935, abs=5e-7)


def test_one_seed_gives_one_controller():
    for M in (NonlinearProgramming(MIDDLE, 2, restarts=2, rng=3), ControllerGradient(MIDDLE, 2, 1.0, 4, rng=3)):
        x, y = solve(M, CryingBaby()), solve(M, CryingBaby())
        assert (x.ψ == y.ψ).all()
        assert (x.η == y.η).all()


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6))
def test_the_projection_is_the_nearest_distribution(y):
    p = project_to_simplex(y)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1)
    shift = brentq(lambda c: np.maximum(np.array(y) + c, 0).sum() - 1, -60, 60, xtol=1e-13)
    np.testing.assert_allclose(p, np.maximum(np.array(y) + shift, 0), atol=1e-9)
    np.testing.assert_allclose(project_to_simplex(p), p, atol=1e-12)
    np.testing.assert_allclose(project_to_simplex(y[::-1]), p[::-1], atol=1e-12)


def test_projections_of_a_batch_are_those_of_its_rows():
    y = np.random.default_rng(0).normal(size=(4, 3, 5))
    np.testing.assert_array_equal(project_to_simplex(y)[2, 1], project_to_simplex(y[2, 1]))


def plain_ascent(P, b, ψ, η, α_max, k_max, enough):
    """The utilities after each step of algorithm 23.6; the gradient by differences, projections by bisection."""
    n = ψ.size

    def parts(z):
        return z[:n].reshape(ψ.shape), z[n:].reshape(η.shape)

    def u(z):
        return float(controller_utility(P, *parts(z))[0] @ b)

    def nearest(z):
        rows = [row for x in parts(z) for row in x.reshape(-1, x.shape[-1])]
        shifts = (brentq(lambda c, y=y: np.maximum(y + c, 0).sum() - 1, -1e4, 1e4, xtol=1e-13) for y in rows)
        return np.concatenate([np.maximum(y + c, 0) for y, c in zip(rows, shifts, strict=True)])

    z, α = np.concatenate([ψ.ravel(), η.ravel()]), α_max
    us = [u(z)]
    for _ in range(k_max):
        slope = gradient_of(u, z, 1e-4)
        while True:
            new = nearest(z + α * slope)
            if u(new) >= us[-1] + enough * ((new - z) * slope).sum():
                break
            α /= 2
            if α < 1e-12:
                return us
        if u(new) <= us[-1]:
            return us
        z, α = new, min(2 * α, α_max)
        us.append(u(z))
    return us


@pytest.mark.parametrize(
    ("α", "enough", "seed"),
    [(50.0, 1e-4, 8), (50.0, 0.6, 11), (0.02, 1e-4, 2), (0.02, 0.9, 3), (3.0, 0.5, 8), (1.0, 0.8, 8), (0.3, 0.95, 12)],
)
def test_steps_along_the_gradient_are_those_of_the_algorithm_in_its_words(α, enough, seed, monkeypatch):
    """From a given controller of the same size: halved until they gain enough, then doubled, and never above α."""
    monkeypatch.setattr(controller_gradient, "ENOUGH", enough)
    P = random_pomdp(seed, (2, 2, 2), 0.7)
    b, π = np.array([0.4, 0.6]), random_controller(P, 2, seed)
    π = ControllerPolicy(P, π.ψ, π.η)
    found = solve(ControllerGradient(b, 2, α, 6, start=π), P).found
    right = plain_ascent(P, b, π.ψ, π.η, α, 6, enough)
    assert len(found.us) == len(right) > 2
    np.testing.assert_allclose(found.us, right, atol=1e-6)
    assert found.u == found.us[-1]


def test_a_smaller_controller_can_be_improved_with_more_nodes():
    start = ControllerPolicy.from_nodes(CryingBaby(), [0], [[0, 0]])
    π = solve(ControllerGradient(MIDDLE, 2, 1.0, 5, start=start, rng=0), CryingBaby())
    assert len(π) == 2
    found = π.found
    assert found.u > found.us[0] > utility(start, MIDDLE) - 1


def test_a_start_is_the_first_of_the_starts_and_nearly_itself():
    """The five nodes of the tiger, which no random start finds; the other starts are what they were without it."""
    five = ControllerPolicy.from_nodes(Tiger(), [2, 2, 2, 1, 0], [[1, 2], [3, 0], [0, 4], [0, 0], [0, 0]])
    warm, cold = (
        solve(NonlinearProgramming(MIDDLE, 6, restarts=2, start=start, rng=1), Tiger()).found for start in (five, None)
    )
    assert warm.us[0] > 19
    assert cold.us[0] < 0
    assert warm.us[1] == cold.us[1]
    climb = nonlinear_programming.Climb(Tiger(), np.array(MIDDLE), 6)
    ψ, η = climb.begun(five, np.random.default_rng(0))
    for p, right in ((ψ, five.ψ), (η, np.pad(five.η, ((0, 0), (0, 0), (0, 0), (0, 1))))):
        np.testing.assert_allclose(p.sum(axis=-1), 1)
        assert (p > 0).all()
        assert abs(p[:5] - right).max() <= 1e-3


def test_probabilities_near_1_are_made_certain_where_that_is_no_worse():
    p = np.array([[0.9, 0.1, 0.0], [0.89, 0.0, 0.11], [0.02, 0.03, 0.95]])
    np.testing.assert_array_equal(nonlinear_programming.certain(p), [[1, 0, 0], [0.89, 0, 0.11], [0, 0, 1]])
    baby = CryingBaby()
    idle, paying = (POMDP.from_arrays(baby.T.array, [[r, 0.0, 0.0]] * 2, baby.O.array, 0.9) for r in (0.0, 1.0))
    for P, ψ, right in (
        (idle, [[0.95, 0.05, 0.0]], [[1, 0, 0]]),
        (baby, [[0.95, 0.0, 0.05]], [[0.95, 0, 0.05]]),
        (paying, [[0.95, 0.05, 0.0]], [[1, 0, 0]]),
    ):
        climb, η = nonlinear_programming.Climb(P, np.array(MIDDLE), 1), np.ones((1, 3, 2, 1))
        u, found, _ = climb.sure(np.array(ψ), η)
        np.testing.assert_array_equal(found, right)
        assert u == climb.utility(np.array(right, float), η)


@pytest.mark.parametrize("method", [NonlinearProgramming, ControllerGradient])
def test_a_start_that_was_made_for_another_discount_is_worth_what_it_is_here(method):
    far, near = random_pomdp(3, (2, 2, 2), γ=0.99), random_pomdp(3, (2, 2, 2), γ=0.5)
    start = ControllerPolicy.from_nodes(far, [1], [[0, 0]])
    options = {"restarts": 1} if method is NonlinearProgramming else {"α": 1e-3, "k_max": 1}
    π = solve(method(MIDDLE, 1, start=start, rng=0, **options), near)
    assert π.found.u == pytest.approx(utility(π, MIDDLE))
    here = ControllerPolicy(near, start.ψ, start.η)
    assert π.found.u >= utility(here, MIDDLE) - 1e-12


def test_utilities_to_improve_by_are_checked():
    π = ControllerPolicy.from_nodes(CryingBaby(), [0], [[0, 0]])
    assert len(improve_controller(π, π.U.tolist())) == len(improve_controller(π))
    for U in (np.zeros((2, 2)), [[np.nan, 0.0]], [0.0, 0.0]):
        with pytest.raises(ValueError, match=r"U = .*must be finite utilities of each node"):
            improve_controller(π, U)
