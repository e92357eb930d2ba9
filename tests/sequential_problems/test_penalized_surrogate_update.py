"""The penalised update: ascent on objective - β · constraint, and the rule that adapts β."""

import math

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from decision_making import (
    ClampedSurrogateUpdate,
    LinearGaussianPolicy,
    PenalizedSurrogateUpdate,
    Trajectories,
    rollouts,
    step,
    surrogate_constraint,
    surrogate_objective,
    update,
)
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization.rules import adapted_β
from tests import strategies
from tests.oracles.population import everything, population
from tests.support import OVER_STEPS, gradient_of, hessian_of, replayed, unit_normal

UNIT_NORMAL = unit_normal()
ONE = Trajectories([[0.0]], [[1.0]], [[1.0]])  # w = exp(x - x²/2), objective w, constraint x²/2


def penalty(β, α, k_max, **options):
    return replayed(PenalizedSurrogateUpdate, β, α, k_max, **options)


# ---- the ascent


def test_two_ascents_by_hand():
    β, α = 0.5, 0.3
    x = 0.0
    for k_max in (1, 2):
        x += α * (math.exp(x - x**2 / 2) * (1 - x) - β * x)
        assert update(penalty(β, α, k_max), UNIT_NORMAL, [0.0], τs=ONE)[0] == pytest.approx(x, rel=1e-12)


@given(
    strategies.records(),
    strategies.discounts,
    st.sampled_from([0.0, 0.3, 4.0]),
    st.sampled_from(OVER_STEPS),
)
def test_each_ascent_follows_the_finite_differences_of_the_public_helpers(record, γ, β, over_steps):
    """The second ascent is the telling one: at θ the constraint has no slope."""
    π, θ, τs = record
    α = 1e-3
    M = penalty(β, α, 1, γ=γ, over_steps=over_steps)

    def penalised(x):
        return surrogate_objective(M, π, θ, x, τs) - β * surrogate_constraint(M, π, θ, x, τs)

    first = update(M, π, θ, τs=τs)
    np.testing.assert_allclose(first, θ + α * gradient_of(penalised, θ, 1e-4 * 0.05), rtol=1e-5, atol=1e-6)
    second = update(evolve(M, k_max=2), π, θ, τs=τs)
    if np.linalg.norm(first - θ) < 0.05:
        np.testing.assert_allclose(second, first + α * gradient_of(penalised, first, 5e-6), rtol=1e-5, atol=1e-6)


@given(strategies.records(), strategies.discounts)
def test_without_a_penalty_it_is_the_unclamped_surrogate(record, γ):
    π, θ, τs = record
    free = replayed(ClampedSurrogateUpdate, 1e300, 1e-3, 3, γ=γ)  # an ascent may multiply a likelihood by 1e87
    np.testing.assert_allclose(
        update(penalty(0.0, 1e-3, 3, γ=γ), π, θ, τs=τs), update(free, π, θ, τs=τs), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("β", [0.3, 2.0, 50.0])
def test_ascent_ends_where_objective_and_penalty_balance(β):
    """exp(x - x²/2) (1 - x) = β x, solved by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        x = (low + high) / 2
        low, high = (x, high) if math.exp(x - x**2 / 2) * (1 - x) > β * x else (low, x)
    got = update(penalty(β, 0.5 / (β + 2), 200), UNIT_NORMAL, [0.0], τs=ONE)
    assert got[0] == pytest.approx(x, rel=1e-9)


def test_large_penalty_holds_θ_with_the_natural_gradient_over_β():
    """To second order the maximiser is θ + H⁻¹ g / β, with g and H of the surrogates by differences."""
    π, θ, E = everything("linear", 0.8, 2, terminal=False)
    τs, M = population(E), penalty(1.0, 1.0, 200, γ=0.8)
    g = gradient_of(lambda x: surrogate_objective(M, π, θ, x, τs), θ, 1e-3)
    H = hessian_of(lambda x: surrogate_constraint(M, π, θ, x, τs), θ, 1e-2)
    u, steepest = np.linalg.solve(H, g), np.linalg.eigvalsh(H)[-1]
    gaps = []
    for β in (1e2, 1e3, 1e4):
        Δ = update(evolve(M, β=β, α=1 / (β * steepest)), π, θ, τs=τs) - θ
        gaps.append(np.linalg.norm(β * Δ - u) / np.linalg.norm(u))
        assert np.linalg.norm(Δ) < 1.2 * np.linalg.norm(u) / β
    assert gaps[0] < 0.05
    np.testing.assert_allclose(gaps[1:], np.array(gaps[:-1]) / 10, rtol=0.2)


def test_step_factor_0_leaves_θ():
    taken = step(penalty(1.0, 0.0, 5), UNIT_NORMAL, [0.3], τs=ONE)
    assert (taken.θ[0], taken.accepted, taken.kl, taken.improvement) == (0.3, False, 0.0, 0.0)


# ---- β


def test_fixed_β_comes_back():
    for β in (0.0, 1.0, 1e9):  # the bounds are the adaptive rule's
        assert step(penalty(β, 1e-12, 1), UNIT_NORMAL, [0.0], τs=ONE).β == β


@pytest.mark.parametrize(
    ("share", "factor"),
    [(10.0, 0.5), (1.51, 0.5), (1.49, 1.0), (1.0, 1.0), (1 / 1.49, 1.0), (1 / 1.51, 2.0), (0.01, 2.0)],
)
def test_β_is_halved_kept_or_doubled_by_the_constraint_the_step_came_out_at(share, factor):
    """One ascent of α = 0.2 reaches x = 0.2, where the constraint is 0.02."""
    taken = step(penalty(3.0, 0.2, 1, kl_target=0.02 * share), UNIT_NORMAL, [0.0], τs=ONE)
    assert taken.kl == pytest.approx(0.02, rel=1e-12)
    assert taken.β == 3.0 * factor


def test_edges_of_the_adaptive_rule_keep_β():
    M = penalty(3.0, 0.2, 1, kl_target=0.5)
    assert adapted_β(M, 0.75) == 3.0
    assert adapted_β(M, np.nextafter(0.75, 1)) == 6.0
    assert adapted_β(M, 0.5 / 1.5) == 3.0
    assert adapted_β(M, np.nextafter(0.5 / 1.5, 0)) == 1.5


@pytest.mark.parametrize(("kl", "factor"), [(math.nan, 2), (math.inf, 2), (0.0, 0.5)])
def test_kl_that_is_not_a_number_counts_as_too_large(kl, factor):
    assert adapted_β(penalty(3.0, 0.2, 1, kl_target=0.5), kl) == 3.0 * factor


def test_step_that_overflows_doubles_β_and_leaves_θ():
    """An action 100 standard deviations away: the first ascent reaches it, where its ratio exp(5000) is infinite."""
    far = Trajectories([[0.0]], [[100.0]], [[1.0]])
    taken = step(penalty(3.0, 1.0, 2, kl_target=0.01), UNIT_NORMAL, [0.0], τs=far)
    assert (taken.θ[0], taken.accepted, taken.β) == (0.0, False, 6.0)
    assert (taken.kl, taken.improvement) == (0.0, 0.0)
    assert "overflow" in taken.reason


def test_β_stays_between_its_bounds():
    bounds = {"β_min": 2.0, "β_max": 5.0}
    assert step(penalty(3.0, 0.2, 1, kl_target=1e3, **bounds), UNIT_NORMAL, [0.0], τs=ONE).β == 2.0
    assert step(penalty(3.0, 0.2, 1, kl_target=1e-9, **bounds), UNIT_NORMAL, [0.0], τs=ONE).β == 5.0
    default = penalty(3.0, 0.2, 1, kl_target=1e3)
    for _ in range(60):
        default = evolve(default, β=step(default, UNIT_NORMAL, [0.0], τs=ONE).β)
    assert default.β == default.β_min == 1e-6


def test_adapted_β_brings_the_divergence_to_its_target():
    """Many updates on the same trajectories, each continued with attrs.evolve: the KL ends within a factor of 1.5·2."""
    M, kls = penalty(1000.0, 1e-3, 60, kl_target=0.01), []
    for _ in range(20):
        taken = step(evolve(M, α=0.5 / (M.β + 2)), UNIT_NORMAL, [0.0], τs=ONE)
        kls.append(taken.kl)
        M = evolve(M, β=taken.β)
    assert kls[0] < 0.001
    assert all(0.01 / 3 <= kl <= 0.03 for kl in kls[-8:])


def test_step_measures_what_the_helpers_measure():
    P, π, θ = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([0.0, 1.0])
    τs = rollouts(P, P.b, π, θ, 5, 30, 0)
    for over_steps in OVER_STEPS:
        M = penalty(2.0, 1e-3, 4, γ=0.9, over_steps=over_steps)
        taken = step(M, π, θ, τs=τs)
        assert taken.accepted
        assert taken.kl == surrogate_constraint(M, π, θ, taken.θ, τs)
        assert taken.improvement == surrogate_objective(M, π, θ, taken.θ, τs) - surrogate_objective(M, π, θ, θ, τs)
