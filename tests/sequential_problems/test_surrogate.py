"""The surrogates against hand arithmetic, loops, finite differences and their exact expectations."""

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from decision_making import (
    ClampedSurrogateUpdate,
    FunctionPolicy,
    RewardToGoGradient,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionUpdate,
    gradient,
    surrogate_constraint,
    surrogate_objective,
)
from decision_making.sequential_problems.policy_gradient_optimization.surrogate import Surrogate
from tests import strategies
from tests.oracles import enumeration, loops, regulator
from tests.oracles.population import FEATURES, LOG3, POLICIES, everything, population
from tests.support import OVER_STEPS, gradient_of, replayed

cases = st.tuples(st.sampled_from(list(POLICIES)), st.sampled_from([1.0, 0.5, 0.9, 0.0]), st.booleans())


# ---- by hand

COIN = SoftmaxPolicy(1, 2)
EVEN, THREE_TO_ONE = np.zeros(2), np.array([LOG3, 0.0])  # ratios: 3/2 of action 0, 1/2 of action 1
LONG, SHORT = [(0, 0, 1.0), (0, 1, 2.0)], [(0, 1, -4.0)]
KL_COIN = 0.5 * np.log(4 / 3)  # ½ log(½ / ¾) + ½ log(½ / ¼)


@pytest.mark.parametrize(
    ("τs", "over_steps", "objective", "constraint"),
    [  # γ = 1/2: rewards-to-go from the start are 1 + ½·2 and ½·2
        ([LONG], "mean", (1.5 * 2 + 0.5 * 1) / 2, (1 + 0.5) / 2),
        ([LONG], "sum", 1.5 * 2 + 0.5 * 1, 1 + 0.5),
        ([SHORT], "mean", 0.5 * -4, 1.0),
        ([LONG, SHORT], "mean", (1.75 - 2) / 2, (0.75 + 1) / 2),
        ([LONG, SHORT], "sum", (3.5 - 2) / 2, (1.5 + 1) / 2),
    ],
)
def test_surrogates_by_hand(τs, over_steps, objective, constraint):
    M, τs = replayed(TrustRegionUpdate, 0.1, 0.5, γ=0.5, over_steps=over_steps), Trajectories.from_lists(τs)
    assert surrogate_objective(M, COIN, EVEN, THREE_TO_ONE, τs) == pytest.approx(objective, rel=1e-14)
    assert surrogate_constraint(M, COIN, EVEN, THREE_TO_ONE, τs) == pytest.approx(constraint * KL_COIN, rel=1e-14)


def test_constraint_is_not_the_divergence_from_new_to_old():
    M, τs = replayed(TrustRegionUpdate, 0.1, 0.5), Trajectories.from_lists([SHORT])
    backwards = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert surrogate_constraint(M, COIN, THREE_TO_ONE, EVEN, τs) == pytest.approx(backwards, rel=1e-14)
    assert abs(backwards - KL_COIN) > 0.01


def test_values_on_padding_do_not_count():
    """Whatever stands in s and a beyond the end of a trajectory is not read as a step."""
    τs = Trajectories.from_lists([LONG, SHORT])
    other = τs.a.copy()
    other[1, 1] = 0
    changed = Trajectories(τs.s, other, τs.r, τs.mask)
    for over_steps in OVER_STEPS:
        M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=0.5, over_steps=over_steps)
        for f in (surrogate_objective, surrogate_constraint):
            assert f(M, COIN, EVEN, THREE_TO_ONE, changed) == f(M, COIN, EVEN, THREE_TO_ONE, τs)


def test_zero_discount_keeps_the_first_step_only():
    M, τs = replayed(TrustRegionUpdate, 0.1, 0.5, γ=0.0), Trajectories.from_lists([LONG])
    assert surrogate_objective(M, COIN, EVEN, THREE_TO_ONE, τs) == pytest.approx(1.5 * 1 / 2)
    assert surrogate_constraint(M, COIN, EVEN, THREE_TO_ONE, τs) == pytest.approx(KL_COIN / 2)


# ---- exact expectations


@given(cases, st.integers(1, 3), st.sampled_from(OVER_STEPS), st.data())
def test_surrogates_of_the_whole_population_are_their_expectations(case, d, over_steps, data):
    π, θ, E = everything(*case[:2], d, case[2])
    θ_new = data.draw(strategies.parameters(π.n))
    p_new = enumeration.softmax(enumeration.features_of(π), θ_new)
    M, τs = replayed(TrustRegionUpdate, 0.1, 0.5, γ=case[1], over_steps=over_steps), population(E)
    assert surrogate_objective(M, π, θ, θ_new, τs) == pytest.approx(
        E.surrogate_objective(p_new, over_steps), rel=1e-10, abs=1e-12
    )
    assert surrogate_constraint(M, π, θ, θ_new, τs) == pytest.approx(
        E.surrogate_constraint(p_new, over_steps), rel=1e-10, abs=1e-12
    )


@given(strategies.tabular_problems(terminal=st.booleans()), st.integers(1, 2), st.sampled_from(OVER_STEPS), st.data())
def test_weighted_trajectories_give_expectations(problem, d, over_steps, data):
    P, b, π, θ = problem
    E = enumeration.enumerate_problem(P, b, π, θ, d, n_terminal=0 if P.terminal is None else 1)
    assume((E.lengths > 0).all())
    θ_new = data.draw(strategies.parameters(π.n))
    p_new = enumeration.softmax(enumeration.features_of(π), θ_new)
    M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=P.γ, over_steps=over_steps)
    surrogate = Surrogate(π, θ, E.trajectories(), M.P.γ, M.over_steps, E.weights)
    assert surrogate.objective(θ_new) == pytest.approx(E.surrogate_objective(p_new, over_steps), rel=1e-9, abs=1e-10)
    assert surrogate.constraint(θ_new) == pytest.approx(E.surrogate_constraint(p_new, over_steps), rel=1e-9, abs=1e-10)
    np.testing.assert_allclose(
        surrogate.objective_gradient(θ_new), gradient_of(surrogate.objective, θ_new), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        surrogate.constraint_gradient(θ_new), gradient_of(surrogate.constraint, θ_new), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("θ_new", [-1.5, 0.3, 2.0])
def test_expected_ratio_is_1(name, θ_new):
    """With one reward of 1 at the end and γ = 1 every reward-to-go is 1, and the objective is the mean ratio."""
    π, θ, E = everything(name, 1.0, 3, terminal=False)
    τs = population(E)
    τs = Trajectories(τs.s, τs.a, np.broadcast_to([0.0, 0.0, 1.0], τs.r.shape))
    value = surrogate_objective(replayed(TrustRegionUpdate, 0.1, 0.5), π, θ, θ_new * θ[::-1] + 0.1, τs)
    assert value == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("γ", [1.0, 0.7])
@pytest.mark.parametrize("terminal", [False, True])
def test_summed_objective_follows_the_utility_to_first_order(γ, terminal):
    """U(θ + hΔ) - U(θ) minus the change of the objective is O(h²); with the mean over steps it is not."""
    π, θ, E = everything("linear", γ, 3, terminal)
    τs, Δ = population(E), np.array([0.6, -0.8])

    def gap(h, over_steps):
        M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ, over_steps=over_steps)
        change = surrogate_objective(M, π, θ, θ + h * Δ, τs) - surrogate_objective(M, π, θ, θ, τs)
        return abs(everything("linear", γ, 3, terminal, θ + h * Δ)[2].utility() - E.utility() - change)

    assert gap(1e-2, "sum") / gap(1e-3, "sum") == pytest.approx(100, rel=0.1)
    assert gap(1e-2, "mean") / gap(1e-3, "mean") == pytest.approx(10, rel=0.1)


# ---- on any sample


gaussian_cases = st.tuples(strategies.gaussian_records(), strategies.gaussian_parameters(), strategies.discounts)


@given(gaussian_cases, st.sampled_from(OVER_STEPS))
def test_surrogates_are_their_definitions(case, over_steps):
    """Trajectories of unequal length, a floor under σ, any discount: step by step as the book writes it."""
    (π, θ, τs), θ_new, γ = case
    M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ, over_steps=over_steps)

    def objective(k, s, a, G):
        return loops.ratio(π, θ, θ_new, a, s) * G

    def constraint(k, s, a, G):
        return γ**k * regulator.kl(θ, θ_new, s, π.σ_min)

    for f, term in ((surrogate_objective, objective), (surrogate_constraint, constraint)):
        expected = loops.mean_over_steps(τs, γ, over_steps, term)
        assert f(M, π, θ, θ_new, τs) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(strategies.scalar_trajectories(), strategies.discounts)
def test_constraint_without_a_closed_form_is_w_minus_1_minus_log_w(τs, γ):
    π, θ, θ_new = strategies.normal_functions(kl=False), np.array([0.1, 1.0]), np.array([0.3, 0.8])

    def term(k, s, a, G):
        w = loops.ratio(π, θ, θ_new, a, s)
        return γ**k * (w - 1 - np.log(w))

    value = surrogate_constraint(replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ), π, θ, θ_new, τs)
    assert value == pytest.approx(loops.mean_over_steps(τs, γ, "mean", term), rel=1e-9)
    assert value >= 0


@given(strategies.records(), strategies.discounts, st.sampled_from(OVER_STEPS))
def test_at_θ_the_objective_is_the_mean_reward_to_go_and_the_constraint_is_0(record, γ, over_steps):
    π, θ, τs = record
    M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ, over_steps=over_steps)
    expected = loops.mean_over_steps(τs, γ, over_steps, lambda k, s, a, G: G)
    assert surrogate_objective(M, π, θ, θ, τs) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert surrogate_constraint(M, π, θ, θ, τs) == 0


@given(strategies.records(full=st.just(True)), strategies.discounts)
def test_slope_of_the_objective_at_θ_is_the_reward_to_go_gradient(record, γ):
    """Exercise 12.1: summed over the steps; with the mean over d steps 1/d of it."""
    π, θ, τs = record
    expected = gradient(replayed(RewardToGoGradient, γ=γ), π, θ, τs=τs)
    for over_steps, share in (("sum", 1), ("mean", 1 / τs.r.shape[1])):
        M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ, over_steps=over_steps)
        slope = gradient_of(lambda x, M=M: surrogate_objective(M, π, θ, x, τs), θ)
        np.testing.assert_allclose(slope, share * expected, rtol=1e-6, atol=1e-6)


@given(strategies.records(full=st.just(True)), strategies.discounts, st.data())
def test_sum_over_d_steps_is_d_times_the_mean(record, γ, data):
    π, θ, τs = record
    θ_new = data.draw(strategies.parameters(π.n, 0.25, 1.5))
    mean, total = (replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ, over_steps=o) for o in OVER_STEPS)
    for f in (surrogate_objective, surrogate_constraint):
        assert f(total, π, θ, θ_new, τs) == pytest.approx(τs.r.shape[1] * f(mean, π, θ, θ_new, τs), rel=1e-12)


@given(strategies.records(), strategies.discounts, st.data())
def test_constraint_is_never_negative_and_objective_is_linear_in_the_rewards(record, γ, data):
    π, θ, τs = record
    θ_new = data.draw(strategies.parameters(π.n, 0.25, 1.5))
    M = replayed(ClampedSurrogateUpdate, 0.2, 0.1, 1, γ=γ)
    assert surrogate_constraint(M, π, θ, θ_new, τs) >= 0
    scaled = Trajectories(τs.s, τs.a, -2.5 * τs.r, τs.mask)
    assert surrogate_objective(M, π, θ, θ_new, scaled) == pytest.approx(
        -2.5 * surrogate_objective(M, π, θ, θ_new, τs), rel=1e-12, abs=1e-12
    )
    assert surrogate_constraint(M, π, θ, θ_new, scaled) == surrogate_constraint(M, π, θ, θ_new, τs)


@pytest.mark.parametrize(("terminal", "over_steps"), [(False, "mean"), (False, "sum"), (True, "sum")])
def test_constraint_without_a_closed_form_is_right_in_expectation(terminal, over_steps):
    """w - 1 - log w at the recorded actions of the whole population is the KL(old ‖ new) of the closed form.

    Not so for the mean over the steps where a trajectory's length depends on its actions: 1 / length does too.
    """
    π, θ, E = everything("linear", 0.9, 3, terminal)
    τs, M = population(E), replayed(TrustRegionUpdate, 0.1, 0.5, γ=0.9, over_steps=over_steps)

    def logpdf(θ, a, s):
        f = FEATURES[s.astype(int), 1]
        z = θ[0] * f[..., 0] + θ[1] * f[..., 1]
        return a * z - anp.log(1 + anp.exp(z))

    π_open = FunctionPolicy(2, lambda θ, s, rng: rng.integers(0, 2, s.shape), logpdf)
    θ_new = np.array([-0.4, 1.7])
    expected = surrogate_constraint(M, π, θ, θ_new, τs)
    assert surrogate_objective(M, π_open, θ, θ_new, τs) == pytest.approx(
        surrogate_objective(M, π, θ, θ_new, τs), rel=1e-10
    )
    assert surrogate_constraint(M, π_open, θ, θ_new, τs) == pytest.approx(expected, rel=1e-10)
    assert abs(surrogate_constraint(M, π, θ_new, θ, τs) - expected) > 1e-3  # the other direction is another number


def test_constraint_whose_sum_is_below_0_by_rounding_is_0():
    π = FunctionPolicy(1, lambda θ, s, rng: s, lambda θ, a, s: θ[0] * s, lambda θ, θ_new, s: -1e-17 + 0 * s)
    τs = Trajectories(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)))
    assert surrogate_constraint(replayed(TrustRegionUpdate, 0.1, 0.5), π, np.zeros(1), np.ones(1), τs) == 0
