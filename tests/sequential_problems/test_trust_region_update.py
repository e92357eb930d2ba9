"""The trust-region update: its line search, what it accepts and what it leaves alone."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from decision_making import (
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    Trajectories,
    TrustRegionUpdate,
    linesearch,
    natural_update,
    rollouts,
    step,
    surrogate_constraint,
    surrogate_objective,
    update,
)
from decision_making.problems import SimpleRegulator
from tests import strategies
from tests.oracles import enumeration, regulator
from tests.oracles.population import everything, population
from tests.support import LINE_SEARCHES, OVER_STEPS, counting, replayed, unit_normal

P, π = SimpleRegulator(0.9), LinearGaussianPolicy(0.0)


def trajectory(a, r):
    return Trajectories(np.zeros((1, len(a))), np.array([a], float), np.array([r], float))


# the scores are the actions. ∇ = (0.1 + 2)(3 - 1) > 0, but the objective (2 w₁ - w₂) / 2 with w = exp(a θ - θ²/2) has
# slope (2 · 0.1 - 2) / 2 < 0 at 0, and falls for every θ > 0
NO_ASCENT = trajectory([0.1, 2.0], [3.0, -1.0])


# ---- the point that is accepted


@given(
    strategies.gaussian_records(),
    strategies.discounts,
    st.sampled_from([0.01, 0.5, 5.0, 100.0]),
    st.sampled_from([0.3, 0.5, 0.9]),
    st.sampled_from(["trajectory", "surrogate"]),
    st.sampled_from(OVER_STEPS),
)
def test_accepts_the_smallest_number_of_shrinks_that_passes(record, γ, ε, α, direction, over_steps):
    """Both tests, every point before, and the segment, all by the public helpers."""
    π, θ, τs = record
    options = {"γ": γ, "direction": direction, "over_steps": over_steps}
    M = replayed(TrustRegionUpdate, ε, α, max_backtracks=10, **options)
    Δ = update(replayed(NaturalPolicyUpdate, ε, **options), π, θ, τs=τs) - θ
    before = surrogate_objective(M, π, θ, θ, τs)

    def passes(j):
        point = θ + α**j * Δ
        return (
            surrogate_constraint(M, π, θ, point, τs) <= ε
            and before < surrogate_objective(M, π, θ, point, τs) < math.inf
        )

    first = next((j for j in range(11) if passes(j)), None) if Δ.any() else None
    taken = step(M, π, θ, τs=τs)
    assert taken.backtracks == first
    assert taken.accepted == (first is not None)
    np.testing.assert_array_equal(taken.θ, θ if first is None else θ + α**first * Δ)
    if taken.accepted:
        assert taken.kl <= ε
        assert taken.improvement > 0


@pytest.mark.parametrize(
    ("d", "γ", "θ", "ε", "natural", "constraint", "result", "backtracks", "before", "after"),
    LINE_SEARCHES,
)
def test_table_of_large_sample_updates(d, γ, θ, ε, natural, constraint, result, backtracks, before, after):
    """The line search on the expected surrogates of the regulator, from the natural step of the exact moments."""
    θ = np.array(θ, float)
    g, F = regulator.utility_gradient(γ, θ, d), regulator.fisher(θ, d)
    G = np.linalg.cholesky(2 * F).T
    θ_nat = natural_update(θ, G, np.linalg.solve(G.T, 2 * g), ε)
    np.testing.assert_allclose(θ_nat, natural, atol=6e-7)

    def objective(x):
        return regulator.surrogate_objective(γ, θ, x, d)

    def divergence(x):
        return regulator.surrogate_constraint(γ, θ, x, d)

    assert divergence(θ_nat) == pytest.approx(constraint, rel=1e-5, abs=6e-7)
    θ_new, j = linesearch(replayed(TrustRegionUpdate, ε, 0.5), objective, divergence, θ, θ_nat)
    np.testing.assert_allclose(θ_new, result, atol=6e-7)
    assert j == backtracks
    assert objective(θ) == pytest.approx(before, abs=6e-7)
    assert objective(θ_new) == pytest.approx(after, abs=6e-7)


def test_large_sample_backtracks_where_the_exact_update_does():
    P = SimpleRegulator(1.0)
    assert step(TrustRegionUpdate(P, P.b, 2, 100_000, 1.0, 0.5), LinearGaussianPolicy(), [0, 1], rng=0).backtracks == 1


@pytest.mark.parametrize("γ", [1.0, 0.6])
@pytest.mark.parametrize("ε", [0.05, 3.0])
def test_update_of_the_whole_population_is_the_exact_one(γ, ε):
    """Gradient, Fisher matrix, objective and constraint all from an enumeration of the trajectories."""
    π, θ, E = everything("linear", γ, 3, terminal=True)
    scores = enumeration.scores_of(π, θ)
    g, F = E.utility_gradient(scores), E.fisher(scores)
    u = np.linalg.solve(F, g)
    Δ, before = u * np.sqrt(2 * ε / (g @ u)), E.surrogate_objective(E.p)

    def passes(x):
        p_new = enumeration.softmax(π.features, x)
        return E.surrogate_constraint(p_new) <= ε and E.surrogate_objective(p_new) > before

    j = next(j for j in range(20) if passes(θ + 0.7**j * Δ))
    taken = step(replayed(TrustRegionUpdate, ε, 0.7, γ=γ), π, θ, τs=population(E))
    assert taken.backtracks == j
    np.testing.assert_allclose(taken.θ, θ + 0.7**j * Δ, rtol=1e-10)
    p_new = enumeration.softmax(π.features, taken.θ)
    assert taken.kl == pytest.approx(E.surrogate_constraint(p_new), rel=1e-9)
    assert taken.improvement == pytest.approx(E.surrogate_objective(p_new) - before, rel=1e-9)


@pytest.mark.parametrize(
    ("a", "ε", "α", "j"),
    [  # the objective decides: 0.1; 10, 5, 2.5; 50, 25, 12.5, 6.25, 3.125; 5, 4.5, 4.05, 3.645
        (2.0, 0.02, 0.5, 0),
        (2.0, 200.0, 0.5, 2),
        (2.0, 5000.0, 0.5, 4),
        (2.0, 50.0, 0.9, 3),
        # the constraint decides: 0.4, then 0.16 or 0.4 · 0.9⁷ < 0.2 < 0.4 · 0.9⁶
        (0.5, 0.02, 0.4, 1),
        (0.5, 0.02, 0.9, 7),
    ],
)
def test_number_of_shrinks_by_hand(a, ε, α, j):
    """One step with r = 1 and score a: Δ = √(2ε) / a, KL ½ x² <= ε, and w = exp(a x - x²/2) > 1 while 0 < x < 2a."""
    taken = step(replayed(TrustRegionUpdate, ε, α), unit_normal(), [0.0], τs=trajectory([a], [1.0]))
    x = math.sqrt(2 * ε) / a * α**j
    assert taken.backtracks == j
    assert taken.θ[0] == pytest.approx(x, rel=1e-12)
    assert taken.kl == pytest.approx(x**2 / 2, rel=1e-12)
    assert taken.improvement == pytest.approx(math.exp(a * x - x**2 / 2) - 1, rel=1e-9)


@pytest.mark.parametrize("α", [0.1, 0.5, 0.9])
def test_α_matters_only_after_a_rejected_point(α):
    θ = np.array([0.0, 1.0])
    τs = rollouts(P, P.b, π, θ, 10, 200, 0)
    M, reference = (replayed(TrustRegionUpdate, 0.01, a, γ=0.9) for a in (α, 0.3))
    assert step(M, π, θ, τs=τs).backtracks == 0
    np.testing.assert_array_equal(update(M, π, θ, τs=τs), update(reference, π, θ, τs=τs))


@given(strategies.records(), strategies.discounts, st.sampled_from([1e-4, 0.1, 50.0]), st.sampled_from(OVER_STEPS))
def test_direction_of_the_surrogate_always_finds_a_point(record, γ, ε, over_steps):
    """Its slope along the step is √(2ε gᵀF⁺g) > 0: some shrink passes both tests, whatever ε."""
    π, θ, τs = record
    options = {"γ": γ, "direction": "surrogate", "over_steps": over_steps}
    Δ = update(replayed(NaturalPolicyUpdate, ε, **options), π, θ, τs=τs) - θ
    assume(Δ.any())
    M = replayed(TrustRegionUpdate, ε, 0.5, max_backtracks=60, **options)
    before = surrogate_objective(M, π, θ, θ, τs)
    slope = surrogate_objective(M, π, θ, θ + 1e-6 * Δ, τs) - before
    assume(slope > 1e-9 * max(abs(before), 1))  # above rounding
    taken = step(M, π, θ, τs=τs)
    assert taken.accepted
    assert taken.backtracks < 50


def test_ε_to_0_leaves_θ():
    θ = np.array([0.0, 1.0])
    τs = rollouts(P, P.b, π, θ, 5, 200, 0)
    distances = [
        np.linalg.norm(update(replayed(TrustRegionUpdate, ε, 0.5, γ=0.9), π, θ, τs=τs) - θ) for ε in (1e-2, 1e-4, 1e-6)
    ]
    np.testing.assert_allclose(distances[1:], np.array(distances[:-1]) / 10, rtol=1e-6)


# ---- the line search by itself


def search(f, g, ε=1.0, α=0.5, max_backtracks=5, θ=(0.0,), θ_new=(1.0,)):
    M = replayed(TrustRegionUpdate, ε, α, max_backtracks=max_backtracks)
    return linesearch(M, f, g, np.array(θ), np.array(θ_new))


def test_constraint_equal_to_ε_is_inside_and_objective_equal_to_the_old_one_is_not_better():
    assert search(lambda x: x[0], lambda x: 1.0)[1] == 0
    assert search(lambda x: x[0], lambda x: np.nextafter(1.0, 2.0))[1] is None
    assert search(lambda x: 1.0, lambda x: 0.0)[1] is None
    assert search(lambda x: 1.0 if x[0] == 0 else np.nextafter(1.0, 2.0), lambda x: 0.0)[1] == 0


def test_points_are_α_to_the_j_of_the_whole_step_from_θ():
    points = []
    search(lambda x: 0.0, lambda x: points.append(x) or 0.0, α=0.3, max_backtracks=3, θ=(1.0, 2.0), θ_new=(2.0, 0.0))
    expected = [[1 + 0.3**j, 2 - 2 * 0.3**j] for j in range(4)]
    np.testing.assert_allclose(points, expected, rtol=1e-15)


@pytest.mark.parametrize("max_backtracks", [0, 1, 9])
def test_line_search_ends_when_nothing_improves(max_backtracks):
    calls = []
    θ, j = search(lambda x: calls.append(x) or -abs(x[0]), lambda x: 0.0, max_backtracks=max_backtracks)
    assert (θ[0], j) == (0.0, None)
    assert len(calls) == 1 + 1 + max_backtracks  # once at θ, then the whole step and each shrink


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_objective_that_is_not_finite_is_rejected(bad):
    θ, j = search(lambda x: bad if x[0] > 0.2 else x[0], lambda x: 0.0)
    assert (θ[0], j) == (0.125, 3)
    assert search(lambda x: bad if x[0] > 0 else 0.0, lambda x: 0.0)[1] is None
    assert search(lambda x: bad, lambda x: 0.0)[1] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_constraint_that_is_not_finite_is_rejected(bad):
    θ, j = search(lambda x: x[0], lambda x: bad if x[0] > 0.2 else 0.0)
    assert (θ[0], j) == (0.125, 3)
    assert search(lambda x: x[0], lambda x: bad)[1] is None


def test_functions_that_overflow_are_rejected_without_a_warning():
    """Warnings are errors here; of f = exp(1000 x) and g = f - f only 1/2, where exp(500) is finite, is left."""
    f = lambda x: np.exp(1000 * x[0])  # noqa: E731
    θ, j = search(f, lambda x: f(x) - f(x))
    assert (θ[0], j) == (0.5, 1)


def test_line_search_leaves_its_arguments_alone():
    θ, θ_new = np.array([0.5]), np.array([1.5])
    linesearch(replayed(TrustRegionUpdate, 1.0, 0.5), lambda x: x[0] < 1, lambda x: 0.0, θ, θ_new)
    assert (θ[0], θ_new[0]) == (0.5, 1.5)


# ---- failure


@pytest.mark.parametrize("max_backtracks", [0, 5, 30])
def test_direction_that_is_no_ascent_of_the_surrogate_leaves_θ(max_backtracks):
    M = replayed(TrustRegionUpdate, 0.1, 0.5, max_backtracks=max_backtracks)
    natural = update(replayed(NaturalPolicyUpdate, 0.1), unit_normal(), [0.0], τs=NO_ASCENT)
    assert natural[0] == pytest.approx(math.sqrt(0.2) / 2.1)  # the direction itself is fine
    taken = step(M, unit_normal(), [0.0], τs=NO_ASCENT)
    assert (taken.θ[0], taken.accepted, taken.backtracks) == (0.0, False, None)
    assert (taken.kl, taken.improvement) == (0.0, 0.0)
    assert f"none of {max_backtracks + 1} points" in taken.reason
    assert taken.reason.endswith("improved the surrogate objective; θ is unchanged")
    better = replayed(TrustRegionUpdate, 0.1, 0.5, direction="surrogate")
    assert step(better, unit_normal(), [0.0], τs=NO_ASCENT).θ[0] < 0


def test_direction_that_is_no_ascent_of_the_surrogate_is_met_now_and_then():
    """The direction follows g(τ) R(τ), the search the rewards-to-go: on a few of 200 small samples they disagree."""
    M = TrustRegionUpdate(P, P.b, 10, 3, 0.01, 0.5, max_backtracks=12)
    steps = [step(M, LinearGaussianPolicy(), [0, 1], rng=seed) for seed in range(200)]
    failed = [taken for taken in steps if not taken.accepted]
    assert 1 <= len(failed) <= 40
    for taken in failed:
        np.testing.assert_array_equal(taken.θ, [0, 1])
        assert taken.backtracks is None
        assert "none of 13 points" in taken.reason
        assert (taken.kl, taken.improvement) == (0, 0)


def test_max_backtracks_counts_the_shrinks_and_not_the_points():
    """√(2ε) = 6: the points are 6, 3, 1.5, and the third is the first with w > 1."""
    for max_backtracks, accepted in ((1, False), (2, True)):
        M = replayed(TrustRegionUpdate, 18.0, 0.5, max_backtracks=max_backtracks)
        taken = step(M, unit_normal(), [0.0], τs=trajectory([1.0], [1.0]))
        assert taken.accepted == accepted
        assert taken.backtracks == (2 if accepted else None)


@pytest.mark.parametrize(("d", "m", "ε", "backtracks"), [(6, 11, 0.01, range(1)), (2, 5000, 1.0, range(10, 50))])
def test_line_search_simulates_nothing(d, m, ε, backtracks):
    """m d simulated steps in all, however often it backtracks."""
    problem, rows = counting(P)
    M = TrustRegionUpdate(problem, P.b, d, m, ε, 0.97, max_backtracks=100)
    taken = step(M, π, [0, 1], rng=0)
    assert taken.backtracks in backtracks
    assert rows == [m] * d
    assert (taken.kl > 0, taken.improvement > 0) == (True, True)
    assert rows == [m] * d  # nor do the measurements


# ---- rewards


@given(strategies.gaussian_records(), strategies.discounts, st.sampled_from([0.25, 8.0, 2.0**40]))
def test_positive_scale_of_the_rewards_changes_nothing(record, γ, c):
    """Powers of two: not one bit differs."""
    π, θ, τs = record
    M = replayed(TrustRegionUpdate, 1.0, 0.5, γ=γ)
    taken, scaled = (step(M, π, θ, τs=Trajectories(τs.s, τs.a, x * τs.r, τs.mask)) for x in (1.0, c))
    np.testing.assert_array_equal(scaled.θ, taken.θ)
    assert scaled.backtracks == taken.backtracks
    assert scaled.improvement == c * taken.improvement


def test_constant_added_to_the_rewards_changes_a_sampled_update():
    θ = np.array([0.0, 1.0])
    τs = rollouts(P, P.b, π, θ, 5, 20, 0)
    M = replayed(TrustRegionUpdate, 0.05, 0.5, γ=0.9)
    shifted = update(M, π, θ, τs=Trajectories(τs.s, τs.a, τs.r + 1.0))
    assert not np.allclose(shifted, update(M, π, θ, τs=τs), rtol=1e-3)


def test_damping_shortens_the_step_and_keeps_the_acceptance_test():
    θ = np.array([0.0, 1.0])
    τs = rollouts(P, P.b, π, θ, 5, 50, 0)
    plain, damped = (step(replayed(TrustRegionUpdate, 0.1, 0.5, γ=0.9, damping=c), π, θ, τs=τs) for c in (0.0, 10.0))
    natural = update(replayed(NaturalPolicyUpdate, 0.1, γ=0.9, damping=10.0), π, θ, τs=τs)
    np.testing.assert_array_equal(damped.θ, natural)
    assert plain.accepted
    assert damped.accepted
    assert damped.kl < plain.kl


def test_policy_without_a_divergence_is_held_by_w_minus_1_minus_log_w():
    """One step, a = r = 1, θ = 0: at x the ratio is exp(x - x²/2)."""
    M, τs = replayed(TrustRegionUpdate, 0.5, 0.9), trajectory([1.0], [1.0])
    taken = step(M, unit_normal(kl=False), [0.0], τs=τs)
    log_w = taken.θ[0] - taken.θ[0] ** 2 / 2
    assert taken.kl == pytest.approx(math.exp(log_w) - 1 - log_w, rel=1e-9)
    assert taken.kl != pytest.approx(taken.θ[0] ** 2 / 2, rel=1e-2)
