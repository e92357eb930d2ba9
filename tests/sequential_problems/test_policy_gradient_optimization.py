"""Chapter 12: its worked example and exercises to every digit, gradient ascent, and what all updates have in common."""

import math

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from decision_making import (
    ClampedSurrogateUpdate,
    FiniteDifferenceGradient,
    FunctionPolicy,
    LikelihoodRatioGradient,
    LinearCritic,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    Step,
    Trajectories,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    clamped_gradient,
    clip_gradient,
    gradient,
    natural_update,
    rollouts,
    scale_gradient,
    step,
    surrogate_constraint,
    surrogate_objective,
    update,
)
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization import (
    check_critic,
    linesearch,
    searched,
)
from decision_making.trajectories import rewards_to_go
from tests import strategies
from tests.support import OVER_STEPS, counting, gradient_of, replayed, scores_and_returns, surrogate

REGULATOR = SimpleRegulator(0.9)

NORMAL = FunctionPolicy(  # a ~ N(θ₁, θ₂²), the policy of example 11.3
    2,
    lambda θ, s, rng: rng.normal(θ[0] + 0 * s, θ[1] + 0 * s),
    lambda θ, a, s: -0.5 * ((a - θ[0]) / θ[1]) ** 2 - anp.log(θ[1]) - 0.5 * math.log(2 * math.pi),
    lambda θ, η, s: anp.log(η[1] / θ[1]) + (θ[1] ** 2 + (θ[0] - η[0]) ** 2) / (2 * η[1] ** 2) - 0.5 + 0 * s,
)

# ---- example 12.1

ACTIONS = np.array([[-0.532, 0.597, 1.947], [-0.263, -2.212, 2.364]])
TWO = Trajectories(np.zeros((2, 3)), ACTIONS, ACTIONS)
θ_OLD = np.array([0.0, 1.0])
TRPO = replayed(TrustRegionUpdate, 0.1, 0.5)
DIGITS = {"rtol": 0, "atol": 5.1e-7}


def test_example_12_1_scores_and_fisher_matrices():
    g, R = scores_and_returns(TRPO, NORMAL, θ_OLD, TWO)
    np.testing.assert_allclose(np.outer(g[0], g[0]), [[4.048144, 2.877647], [2.877647, 2.045592]], **DIGITS)
    np.testing.assert_allclose(np.outer(g[1], g[1]), [[0.012321, -0.838118], [-0.838118, 57.011696]], **DIGITS)
    F = g.T @ g / 2
    np.testing.assert_allclose(F, [[2.030232, 1.019765], [1.019765, 29.528644]], **DIGITS)
    np.testing.assert_allclose(g.T @ R / 2, [2.030232, 1.019765], **DIGITS)
    np.testing.assert_allclose(np.linalg.solve(F, g.T @ R / 2), [1, 0], atol=1e-12)


def test_example_12_1_rewards_to_go():
    np.testing.assert_allclose(
        rewards_to_go(TWO, 1.0), [[2.012, 2.544, 1.947], [-0.111, 0.152, 2.364]], rtol=0, atol=1e-12
    )


def test_example_12_1_update():
    taken = step(TRPO, NORMAL, θ_OLD, τs=TWO)
    np.testing.assert_allclose(taken.θ, [0.313864, 1.0], **DIGITS)
    np.testing.assert_array_equal(taken.θ, update(TRPO, NORMAL, θ_OLD, τs=TWO))
    np.testing.assert_allclose(taken.θ, update(replayed(NaturalPolicyUpdate, 0.1), NORMAL, θ_OLD, τs=TWO), rtol=1e-14)
    assert (taken.accepted, taken.backtracks) == (True, 0)
    assert taken.kl == pytest.approx(0.049255, abs=5e-7)
    assert taken.improvement == pytest.approx(2.109559 - 1.484667, abs=1e-6)


def test_example_12_1_surrogates():
    θ_new = [0.313864, 1.0]
    assert surrogate_objective(TRPO, NORMAL, θ_OLD, θ_OLD, TWO) == pytest.approx(1.484667, abs=5e-7)
    assert surrogate_objective(TRPO, NORMAL, θ_OLD, θ_OLD, TWO[:1]) == pytest.approx(2.167667, abs=5e-7)
    assert surrogate_objective(TRPO, NORMAL, θ_OLD, θ_OLD, TWO[1:]) == pytest.approx(0.801667, abs=5e-7)
    assert surrogate_objective(TRPO, NORMAL, θ_OLD, θ_new, TWO) == pytest.approx(2.109559, abs=2e-6)
    assert surrogate_constraint(TRPO, NORMAL, θ_OLD, θ_new, TWO) == pytest.approx(0.049255, abs=5e-7)


def test_example_12_1_is_none_of_the_look_alikes():
    """Rewards-to-go in the direction, or outer products of single steps, give other moments: those of an option."""
    single = replayed(TrustRegionUpdate, 0.1, 0.5, direction="surrogate", over_steps="sum")
    G, L = scores_and_returns(single, NORMAL, θ_OLD, TWO)
    to_go, per_step = [4.760329, 6.948054], [[7.490426, 3.955867], [3.955867, 22.896317]]
    np.testing.assert_allclose(G.T @ L / len(G), to_go, **DIGITS)
    np.testing.assert_allclose(G.T @ G / len(G), per_step, **DIGITS)
    g, R = scores_and_returns(TRPO, NORMAL, θ_OLD, TWO)
    assert not np.allclose(g.T @ R / 2, to_go, rtol=1e-2)
    assert not np.allclose(g.T @ g / 2, per_step, rtol=1e-2)
    for ε, γ in ((0.1, 1.0), (0.1, 0.9)):
        u = np.linalg.solve(per_step, to_go)
        other = θ_OLD + u * np.sqrt(2 * ε / (to_go @ u))
        assert not np.allclose(
            update(replayed(TrustRegionUpdate, ε, 0.5, γ=γ), NORMAL, θ_OLD, τs=TWO), other, rtol=1e-2
        )
    discounted = update(replayed(TrustRegionUpdate, 0.1, 0.5, γ=0.9), NORMAL, θ_OLD, τs=TWO)
    assert not np.allclose(discounted, [0.313864, 1.0], rtol=1e-4)


# ---- exercises


def test_exercise_12_1_slope_of_the_surrogate_is_the_reward_to_go_gradient():
    to_go = gradient(replayed(RewardToGoGradient), NORMAL, θ_OLD, τs=TWO)
    np.testing.assert_allclose(to_go, [4.760329, 6.948054], **DIGITS)
    for over_steps, expected in (("mean", [1.586776, 2.316018]), ("sum", [4.760329, 6.948054])):
        M = replayed(ClampedSurrogateUpdate, 0.2, 1.0, 1, over_steps=over_steps)
        np.testing.assert_allclose(clamped_gradient(M, NORMAL, θ_OLD, θ_OLD, TWO), expected, **DIGITS)
        slope = gradient_of(lambda x, M=M: surrogate_objective(M, NORMAL, θ_OLD, x, TWO), θ_OLD)
        np.testing.assert_allclose(slope, expected, atol=1e-6)


def test_exercise_12_2_natural_step_from_the_printed_fisher_matrix():
    F = np.array([[2.030232, 1.019765], [1.019765, 29.528644]])
    inverse = np.linalg.inv(F)
    np.testing.assert_allclose(inverse, [[0.501249, -0.017311], [-0.017311, 0.034463]], **DIGITS)
    np.testing.assert_allclose(inverse @ F[0], [1, 0], atol=1e-12)
    G = np.linalg.cholesky(2 * F).T
    θ_new = natural_update(θ_OLD, G, np.linalg.solve(G.T, 2 * F[0]), 0.1)
    np.testing.assert_allclose(θ_new, [math.sqrt(0.2 / 2.030232), 1.0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(θ_new, [0.314, 1.0], atol=5e-4)


def test_exercise_12_3_mean_divergence_of_the_sampled_states():
    old = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.6, 0.2]])
    new = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.5, 0.3]])
    π, θ, θ_new = SoftmaxPolicy(2, 4), np.log(old).ravel(), np.log(new).ravel()

    def constraint(states, θ=θ, θ_new=θ_new, **options):
        s = np.array([states])
        return surrogate_constraint(
            replayed(TrustRegionUpdate, 0.1, 0.5, **options), π, θ, θ_new, Trajectories(s, 0 * s, 0.0 * s)
        )

    assert constraint([0]) == pytest.approx(0.456435, abs=5e-7)
    assert constraint([1]) == pytest.approx(0.028300, abs=5e-7)
    assert constraint([0, 1, 0, 0, 1]) == pytest.approx(0.285181, abs=5e-7)
    assert constraint([0, 1, 0, 0, 1], over_steps="sum") == pytest.approx(5 * 0.285181, abs=3e-6)
    assert constraint([0, 1], γ=0.9) == pytest.approx((0.456435 + 0.9 * 0.028300) / 2, abs=1e-6)
    forward, backward = (old * np.log(old / new)).sum(axis=1), (new * np.log(new / old)).sum(axis=1)
    assert constraint([0, 1]) == pytest.approx(forward.mean(), rel=1e-12)
    assert constraint([0, 1], θ_new, θ) == pytest.approx(backward.mean(), rel=1e-12)


# ---- gradient ascent


@given(strategies.parameters(3), strategies.numbers(0.0, 2.0), strategies.parameters(3))
def test_gradient_ascent_is_θ_plus_α_g(θ, α, g):
    np.testing.assert_array_equal(update(PolicyGradientUpdate(lambda θ: g, α), None, θ), θ + α * g)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({}, lambda g: g),
        ({"L2_max": 1.0}, lambda g: g / np.linalg.norm(g)),
        ({"clip": (-1.0, 2.0)}, lambda g: np.clip(g, -1, 2)),
        ({"L2_max": 1.0, "clip": (-0.1, 0.1)}, lambda g: np.clip(g / np.linalg.norm(g), -0.1, 0.1)),
    ],
)
def test_gradient_ascent_with_an_estimator_scaling_and_clipping(options, changed):
    P, π = REGULATOR, LinearGaussianPolicy()
    τs, E = rollouts(P, P.b, π, np.array([0.0, 1.0]), 5, 20, 0), replayed(RewardToGoGradient, γ=0.9)
    got = update(PolicyGradientUpdate(E, 0.2, **options), π, [0, 1], τs=τs)
    np.testing.assert_allclose(got, [0, 1] + 0.2 * changed(gradient(E, π, [0, 1], τs=τs)), rtol=1e-12)


@given(strategies.records(), strategies.discounts, strategies.numbers(-2.0, 2.0), strategies.numbers(0.0, 2.0))
def test_gradient_ascent_is_linear_in_α_and_in_the_rewards(record, γ, c, α):
    π, θ, τs = record
    scaled = Trajectories(τs.s, τs.a, c * τs.r, τs.mask)
    for Estimator in (LikelihoodRatioGradient, RewardToGoGradient):
        E = replayed(Estimator, γ=γ)
        g = update(PolicyGradientUpdate(E, 1.0), π, θ, τs=τs) - θ
        Δ = update(PolicyGradientUpdate(E, α), π, θ, τs=scaled) - θ
        np.testing.assert_allclose(Δ, α * c * g, rtol=1e-9, atol=1e-9)


def test_gradient_ascent_with_step_factor_0_returns_θ():
    taken = step(PolicyGradientUpdate(lambda θ: np.ones(2), 0.0), None, [1.0, 2.0])
    np.testing.assert_array_equal(taken.θ, [1.0, 2.0])
    assert not taken.accepted


def test_function_of_θ_for_a_gradient():
    """U = -½ (θ - c)² and α = 1 reach the maximum at once; with a callable there is nothing to measure."""
    c = np.array([3.0, -1.0])
    taken = step(PolicyGradientUpdate(lambda θ: c - θ, 1.0), None, [0, 0])
    np.testing.assert_array_equal(taken.θ, c)
    assert (taken.accepted, taken.kl, taken.improvement) == (True, None, None)
    again = step(PolicyGradientUpdate(lambda θ: c - θ, 1.0), None, taken.θ)
    assert not again.accepted


def test_function_that_writes_into_its_argument_does_not_touch_θ():
    def grad_U(θ):
        θ += 1.0
        return θ

    θ = np.array([1.0, 2.0])
    np.testing.assert_array_equal(update(PolicyGradientUpdate(grad_U, 1.0), None, θ), [3.0, 5.0])
    np.testing.assert_array_equal(θ, [1.0, 2.0])


def test_gradient_of_the_wrong_length_is_named():
    with pytest.raises(ValueError, match=r"grad_U\(θ\) has shape \(3,\)"):
        update(PolicyGradientUpdate(lambda θ: np.ones(3), 1.0), None, [0.0, 0.0])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradient_that_is_not_finite_is_named(bad):
    with pytest.raises(ValueError, match=r"grad_U\(θ\)\[0\]"):
        update(PolicyGradientUpdate(lambda θ: np.array([bad]), 0.1), None, [0.0])


def test_gradient_is_scaled_before_it_is_clipped():
    """(3, 4) scaled to length 1 is (0.6, 0.8), clipped to ±0.7 (0.6, 0.7); clipped first it would be (0.71, 0.71)."""
    M = PolicyGradientUpdate(lambda θ: np.array([3.0, 4.0]), 2.0, L2_max=1.0, clip=(-0.7, 0.7))
    np.testing.assert_allclose(update(M, None, [1.0, 1.0]), [2.2, 2.4], rtol=1e-14)
    for options, expected in (({"L2_max": 1.0}, [0.6, 0.8]), ({"clip": (-0.7, 3.5)}, [3.0, 3.5])):
        M = PolicyGradientUpdate(lambda θ: np.array([3.0, 4.0]), 1.0, **options)
        np.testing.assert_allclose(update(M, None, [0.0, 0.0]), expected, rtol=1e-14)


def test_estimator_that_perturbs_θ_simulates_and_refuses_recorded_trajectories():
    P, π = REGULATOR, LinearGaussianPolicy()
    M = PolicyGradientUpdate(FiniteDifferenceGradient(P, P.b, 3, 50, 0.1), 0.1)
    taken = step(M, π, [0.0, 1.0], rng=0)
    np.testing.assert_allclose(taken.θ, np.array([0.0, 1.0]) + 0.1 * gradient(M.grad_U, π, [0.0, 1.0], rng=0))
    assert (taken.kl, taken.improvement) == (None, None)
    with pytest.raises(ValueError, match="cannot use recorded"):
        step(M, π, [0.0, 1.0], τs=TWO)


# ---- scaling and clipping


@given(strategies.parameters(3, -50.0, 50.0), strategies.numbers(0.5, 20.0))
def test_scaled_gradient(g, L2_max):
    scaled, length = scale_gradient(g, L2_max), np.linalg.norm(g)
    if length <= L2_max:
        np.testing.assert_array_equal(scaled, g)
    else:
        np.testing.assert_allclose(scaled, g * L2_max / length, rtol=1e-13)
    np.testing.assert_allclose(scale_gradient(scaled, L2_max), scaled, rtol=1e-14)
    assert scaled is not g


@given(strategies.parameters(3, -5.0, 5.0), strategies.numbers(-6.0, 6.0), strategies.numbers(0.0, 3.0))
def test_clipped_gradient(g, a, width):
    clipped = clip_gradient(g, a, a + width)
    np.testing.assert_array_equal(clipped, [min(max(x, a), a + width) for x in g])
    np.testing.assert_array_equal(clip_gradient(clipped, a, a + width), clipped)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_clip_gradient_refuses_nan(bad):
    for helper in (lambda g: clip_gradient(g, -1.0, 1.0), lambda g: scale_gradient(g, 1.0)):
        with pytest.raises(ValueError, match=r"g\[2\] = "):
            helper([0.0, 1.0, bad])


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1e308])
def test_scaled_gradient_at_the_ends_of_the_floating_range(size):
    g = np.array([0.6, 0.8])
    np.testing.assert_allclose(scale_gradient(g * size, 1.0), g * min(size, 1), rtol=1e-3)


@pytest.mark.parametrize(("a", "b", "length"), [(7, 24, 25), (9, 40, 41), (20, 21, 29)])
def test_gradient_of_the_largest_length_comes_back_to_the_last_bit(a, b, length):
    """Its direction times its length would not be it."""
    np.testing.assert_array_equal(scale_gradient([a, b], length), [a, b])


def test_scale_gradient_of_zero_is_zero():
    np.testing.assert_array_equal(scale_gradient([0.0, 0.0], 1e-300), [0.0, 0.0])


def test_integers_are_not_truncated():
    np.testing.assert_allclose(scale_gradient(np.array([3, 4]), 1.0), [0.6, 0.8])
    np.testing.assert_array_equal(clip_gradient([3, -4], -0.5, 0.5), [0.5, -0.5])
    np.testing.assert_array_equal(update(PolicyGradientUpdate(lambda θ: [1, 1], 0.25), None, [0, 1]), [0.25, 1.25])


# ---- restricted step


@given(strategies.records(), strategies.discounts, st.sampled_from([1e-8, 0.02, 3.0]))
def test_restricted_step_goes_root_2ε_along_the_likelihood_ratio_gradient(record, γ, ε):
    π, θ, τs = record
    u = gradient(replayed(LikelihoodRatioGradient, γ=γ), π, θ, τs=τs)
    assume(np.linalg.norm(u) > 1e-9)
    Δ = update(replayed(RestrictedPolicyUpdate, ε, γ=γ), π, θ, τs=τs) - θ
    np.testing.assert_allclose(Δ, math.sqrt(2 * ε) * u / np.linalg.norm(u), rtol=1e-9, atol=1e-15)
    scaled = Trajectories(τs.s, τs.a, 1e-3 * τs.r, τs.mask)
    Δ_scaled = update(replayed(RestrictedPolicyUpdate, ε, γ=γ), π, θ, τs=scaled) - θ
    np.testing.assert_allclose(Δ_scaled, Δ, rtol=1e-7, atol=1e-12)


def test_rescaled_parameter_changes_the_policy_a_restricted_step_reaches():
    """The control to the natural step's invariance: θ₁ = 5 ψ₁."""
    P, π, θ = REGULATOR, LinearGaussianPolicy(0.0), np.array([-0.3, 0.7])

    def logpdf(ψ, a, s):
        return -0.5 * ((a - 5 * ψ[0] * s) / ψ[1]) ** 2 - anp.log(ψ[1])

    π_ψ = FunctionPolicy(2, lambda ψ, s, rng: s, logpdf)
    τs = rollouts(P, P.b, π, θ, 4, 100, 0)
    for Struct, same in ((RestrictedPolicyUpdate, False), (NaturalPolicyUpdate, True)):
        M = replayed(Struct, 0.05, γ=0.9)
        back = update(M, π_ψ, θ / [5, 1], τs=τs) * [5, 1]
        assert np.allclose(back, update(M, π, θ, τs=τs), rtol=1e-6) == same


def test_orthogonal_map_of_the_parameters_does_not():
    """θ = Q ψ with Q a rotation: scores are multiplied by Q, the step turns with them."""
    rng = np.random.default_rng(0)
    G, r = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    Q = np.array([[0.6, -0.8], [0.8, 0.6]])
    π = FunctionPolicy(
        2, lambda θ, s, rng: s[..., 0], lambda θ, a, s: θ[0] * s[..., 0] + θ[1] * s[..., 1], state_ndim=1
    )
    M = replayed(RestrictedPolicyUpdate, 0.1)
    Δ, Δ_ψ = (update(M, π, [0, 0], τs=Trajectories(x[:, None], np.zeros((6, 1)), r)) for x in (G, G @ Q))
    np.testing.assert_allclose(Q @ Δ_ψ, Δ, rtol=1e-12)


# ---- what all updates have in common

UPDATES = {
    "ascent": lambda *f: PolicyGradientUpdate(RewardToGoGradient(*f), 0.01),
    "restricted": lambda *f: RestrictedPolicyUpdate(*f, 0.05),
    "natural": lambda *f: NaturalPolicyUpdate(*f, 0.05),
    "natural_surrogate": lambda *f: NaturalPolicyUpdate(*f, 0.05, direction="surrogate", damping=0.2),
    "trust_region": lambda *f: TrustRegionUpdate(*f, 0.05, 0.5),
    "trust_region_sum": lambda *f: TrustRegionUpdate(*f, 0.05, 0.5, direction="surrogate", over_steps="sum"),
    "clamped": lambda *f: ClampedSurrogateUpdate(*f, 0.2, 0.02, 3),
    "penalized": lambda *f: PenalizedSurrogateUpdate(*f, 1.0, 0.02, 3, kl_target=0.01, over_steps="sum"),
}
every_update = pytest.mark.parametrize("name", UPDATES)


@every_update
@given(strategies.records(), strategies.discounts, st.randoms(use_true_random=False))
def test_order_and_duplication_of_trajectories_change_nothing(name, record, γ, random):
    π, θ, τs = record
    G = π.scores(θ, τs)
    singular = np.linalg.svd(G, compute_uv=False)
    assume(name not in ("natural", "trust_region") or all(x < 1e-13 or x > 1e-3 for x in singular))
    M, order = replayed(UPDATES[name], γ=γ), random.sample(range(len(τs)), len(τs))
    expected = step(M, π, θ, τs=τs)
    for other in (τs[np.array(order)], τs[np.repeat(np.arange(len(τs)), 3)]):
        got = step(M, π, θ, τs=other)
        if expected.accepted == got.accepted and expected.backtracks == got.backtracks:
            np.testing.assert_allclose(got.θ, expected.θ, rtol=1e-7, atol=1e-9)
        else:  # a gradient or an improvement that is zero but for rounding
            assert abs((got if got.accepted else expected).improvement) < 1e-9


@every_update
@given(strategies.records(), strategies.discounts)
def test_step_reads_and_does_not_write(name, record, γ):
    π, θ, τs = record
    arrays = (θ, τs.s, τs.a, τs.r, τs.mask)
    copies = [x.copy() for x in arrays]
    for x in arrays:
        x.setflags(write=False)
    M = replayed(UPDATES[name], γ=γ)
    taken = step(M, π, θ, τs=τs)
    assert isinstance(taken, Step)
    assert not np.shares_memory(taken.θ, θ)
    assert np.isfinite(taken.θ).all()
    assert taken.accepted == (not np.array_equal(taken.θ, θ))
    np.testing.assert_array_equal(taken.θ, update(M, π, θ, τs=τs))
    for x, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(x, copy)
    own = getattr(M, "grad_U", M)
    assert taken.kl == surrogate_constraint(own, π, θ, taken.θ, τs)
    assert taken.improvement == surrogate_objective(own, π, θ, taken.θ, τs) - surrogate_objective(own, π, θ, θ, τs)


@every_update
def test_same_seed_same_bits(name):
    P, π = REGULATOR, LinearGaussianPolicy()
    M = UPDATES[name](P, P.b, 4, 25)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = update(M, π, [0, 1], rng=3)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002, the global one
    for rng in (3, np.random.default_rng(3)):
        np.testing.assert_array_equal(update(M, π, [0, 1], rng=rng), first)
    assert not np.array_equal(update(M, π, [0, 1], rng=4), first)
    recorded = rollouts(P, P.b, π, np.array([0.0, 1.0]), 4, 25, 3)
    np.testing.assert_array_equal(update(M, π, [0, 1], τs=recorded), first)


@every_update
def test_m_d_steps_are_simulated_and_none_while_it_steps(name):
    P, rows = counting(REGULATOR)
    step(UPDATES[name](P, REGULATOR.b, 7, 33), LinearGaussianPolicy(), [0, 1], rng=0)
    assert sum(rows) == 7 * 33


@pytest.mark.parametrize("name", [name for name in UPDATES if name not in ("ascent", "clamped", "penalized")])
@pytest.mark.parametrize("c", [1e-200, 0.3, 7.0, 1e100])
def test_scale_of_the_rewards_does_not_matter(name, c):
    P, π, θ, M = REGULATOR, LinearGaussianPolicy(), np.array([-0.2, 0.8]), replayed(UPDATES[name], γ=0.9)
    τs = rollouts(P, P.b, π, θ, 6, 40, 1)
    scaled = Trajectories(τs.s, τs.a, c * τs.r)
    np.testing.assert_allclose(update(M, π, θ, τs=scaled), update(M, π, θ, τs=τs), rtol=1e-9)


def affine(A, c):
    """The linear Gaussian policy in coordinates ψ with θ = A ψ + c."""

    def θ(ψ):
        return [A[i, 0] * ψ[0] + A[i, 1] * ψ[1] + c[i] for i in range(2)]

    return FunctionPolicy(
        2,
        lambda ψ, s, rng: 0 * s,
        lambda ψ, a, s: strategies.normal_logpdf(θ(ψ), a, s),
        lambda ψ, ψ_new, s: strategies.normal_kl(θ(ψ), θ(ψ_new), s),
    )


INVARIANT = ("natural", "natural_undamped_surrogate", "trust_region", "trust_region_surrogate", "trust_region_sum")
COORDINATES = UPDATES | {
    "natural_undamped_surrogate": lambda *f: NaturalPolicyUpdate(*f, 0.05, direction="surrogate"),
    "trust_region_surrogate": lambda *f: TrustRegionUpdate(*f, 0.05, 0.5, direction="surrogate"),
}


@pytest.mark.parametrize("name", COORDINATES)
def test_only_undamped_natural_and_trust_region_steps_are_equivariant_under_affine_maps(name):
    P, π, θ, M = REGULATOR, LinearGaussianPolicy(0.0), np.array([-0.3, 0.7]), replayed(COORDINATES[name], γ=0.9)
    τs = rollouts(P, P.b, π, θ, 4, 50, 3)
    expected = update(M, π, θ, τs=τs)
    for A, c in ((np.array([[2.0, 0.3], [-0.5, 0.1]]), np.array([0.4, -0.2])), (np.diag([3.0, 0.5]), np.zeros(2))):
        got = A @ update(M, affine(A, c), np.linalg.solve(A, θ - c), τs=τs) + c
        if name in INVARIANT:
            np.testing.assert_allclose(got, expected, rtol=1e-7)
        else:
            assert not np.allclose(got, expected, rtol=1e-3)


@every_update
def test_m_and_d_are_ignored_with_recorded_trajectories(name):
    P, π, θ = REGULATOR, LinearGaussianPolicy(), np.array([0.0, 1.0])
    τs = rollouts(P, P.b, π, θ, 4, 25, 3)
    results = [update(UPDATES[name](P, P.b, d, m), π, θ, τs=τs) for d, m in ((4, 25), (1, 1), (100, 7))]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@every_update
def test_recorded_trajectories_must_be_trajectories(name):
    with pytest.raises(TypeError, match=r"Trajectories\.from_lists"):
        update(replayed(UPDATES[name]), LinearGaussianPolicy(), [0, 1], τs=[[(0.0, 1.0, 1.0)]])


def test_unknown_struct_is_told_what_is_known():
    for M in (None, "natural", TrustRegionUpdate, RewardToGoGradient(REGULATOR, REGULATOR.b, 1, 1)):
        for verb in (step, update):
            with pytest.raises(TypeError) as error:
                verb(M, LinearGaussianPolicy(), [0, 1])
            for Struct in (
                PolicyGradientUpdate,
                RestrictedPolicyUpdate,
                NaturalPolicyUpdate,
                TrustRegionUpdate,
                ClampedSurrogateUpdate,
                PenalizedSurrogateUpdate,
            ):
                assert Struct.__name__ in str(error.value)


@pytest.mark.parametrize("over_steps", OVER_STEPS)
def test_structs_are_frozen_and_continue_with_evolve(over_steps):
    M = replayed(PenalizedSurrogateUpdate, 1.0, 0.1, 3, over_steps=over_steps)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        M.β = 2.0
    N = attrs.evolve(M, β=2.0)
    assert (M.β, N.β, N.α, N.over_steps) == (1.0, 2.0, 0.1, over_steps)


POSITIONAL = {
    PolicyGradientUpdate: "grad_U α",
    RestrictedPolicyUpdate: "P b d m ε",
    NaturalPolicyUpdate: "P b d m ε",
    TrustRegionUpdate: "P b d m ε α",
    ClampedSurrogateUpdate: "P b d m ε α k_max",
    PenalizedSurrogateUpdate: "P b d m β α k_max",
}


@pytest.mark.parametrize("Struct", POSITIONAL)
def test_fields_come_in_the_book_s_order_and_options_by_name_only(Struct):
    fields, names = attrs.fields(Struct), POSITIONAL[Struct].split()
    assert [f.name for f in fields if not f.kw_only] == names
    values = {"P": REGULATOR, "b": REGULATOR.b, "d": 5, "m": 6, "ε": 0.25, "β": 0.25, "α": 0.5, "k_max": 7}
    values["grad_U"] = RewardToGoGradient(REGULATOR, REGULATOR.b, 5, 6)
    M = Struct(*(values[name] for name in names))
    assert all(getattr(M, name) is values[name] for name in names)
    defaults = {"L2_max": None, "clip": None, "damping": 0.0, "direction": "trajectory", "over_steps": "mean"}
    defaults |= {"max_backtracks": 30, "kl_target": None, "β_min": 1e-6, "β_max": 1e6}
    assert all(getattr(M, f.name) == defaults[f.name] for f in fields if f.kw_only)
    assert M == M != attrs.evolve(M)  # structs are compared by identity: arrays in them have no truth value
    assert len({M, attrs.evolve(M)}) == 2


def test_verbs_take_trajectories_and_generators_by_name_only():
    M, π, θ, τs = replayed(NaturalPolicyUpdate, 0.1), NORMAL, θ_OLD, TWO
    for verb in (step, update):
        for rest in ((None, None), (None, None, τs)):
            with pytest.raises(TypeError, match="positional"):
                verb(M, π, θ, *rest)
    np.testing.assert_array_equal(update(M, π=π, θ=θ, φ=None, τs=τs), update(M, π, θ, τs=τs))


@every_update
def test_step_tells_what_it_did_and_shows_what_is_short(name):
    M = replayed(UPDATES[name])
    taken = step(M, NORMAL, θ_OLD, τs=TWO)
    assert taken.M is M
    np.testing.assert_array_equal(taken.θ_old, θ_OLD)
    assert taken.backtracks == 0
    assert "info" not in repr(taken)
    assert "M=" not in repr(taken)
    assert "θ_old" not in repr(taken)
    assert "measure" not in repr(taken)
    assert taken == taken != attrs.evolve(taken)


@pytest.mark.parametrize(("backtracks", "said"), [(0, "0 backtracks"), (1, "1 backtrack"), (2, "2 backtracks")])
def test_search_says_how_often_it_went_back(backtracks, said):
    """Scaling ε by 4 doubles the natural step, so that the search has to halve it once more."""
    M = replayed(TrustRegionUpdate, 0.1, 0.5)
    assert step(M, NORMAL, θ_OLD, τs=TWO).backtracks == 0
    Δ = update(M, NORMAL, θ_OLD, τs=TWO) - θ_OLD
    taken = searched(M, surrogate(M, NORMAL, θ_OLD, TWO), θ_OLD + 2**backtracks * Δ)
    assert (taken.backtracks, taken.reason) == (backtracks, f"accepted after {said}")


@pytest.mark.parametrize("θ_new", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_search_between_parameters_of_different_shapes_is_refused(θ_new):
    M = replayed(TrustRegionUpdate, 0.1, 0.5)
    with pytest.raises(ValueError, match=r"θ_new has shape \(.*must be that of θ, \(2,\)"):
        linesearch(M, sum, lambda θ: 0.0, θ_OLD, np.array(θ_new))


def test_critic_parameters_where_there_is_no_critic_are_refused():
    M = replayed(NaturalPolicyUpdate, 0.1)
    with pytest.raises(TypeError, match="φ: NaturalPolicyUpdate has no critic"):
        update(M, NORMAL, θ_OLD, np.zeros(2), τs=TWO)
    check_critic(M, None)
    with_critic = TrustRegionPolicyOptimization(REGULATOR, 10, LinearCritic(1))
    check_critic(with_critic, np.zeros(1))
    with pytest.raises(TypeError, match="φ = None: TrustRegionPolicyOptimization needs its critic's parameters"):
        check_critic(with_critic, None)
    for φ in (None, np.zeros(1)):
        with pytest.raises(TypeError, match="update knows"):
            check_critic("natural", φ)


def test_penalty_may_be_held_at_one_value():
    M = replayed(PenalizedSurrogateUpdate, 1.0, 0.1, 3, β_min=2.0, β_max=2.0)
    assert (M.β_min, M.β_max) == (2.0, 2.0)
    with pytest.raises(ValueError, match="β_min"):
        replayed(PenalizedSurrogateUpdate, 1.0, 0.1, 3, β_min=2.0, β_max=1.0)


@pytest.mark.parametrize("L2_max", [0, -1.0, math.nan, "1"])
def test_scale_gradient_refuses_a_length_that_is_not_positive(L2_max):
    with pytest.raises(ValueError, match="L2_max"):
        scale_gradient(np.ones(2), L2_max)


def test_clipping_by_numbers_of_numpy_keeps_float32():
    """np.float64 bounds, as from an array, made the gradient float64."""
    g = np.array([1.0, -2.0, 0.5], np.float32)
    found = clip_gradient(g, np.float64(-1.0), np.float64(0.75))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([0.75, -1.0, 0.5], np.float32))


def test_gradient_of_no_parameters_is_scaled_to_itself():
    assert scale_gradient(np.zeros(0), 1.0).shape == (0,)


def test_huge_damping_does_not_overflow_on_its_way():
    """Damping times the number of rows was inf, and the step NaN."""
    found = natural_update(np.zeros(2), np.eye(2), np.ones(2), 0.1, 1e308)
    assert np.isfinite(found).all()
