"""Chapter 12 against the book's numbers, its equations written out in loops, and independent exact values."""

import math

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import assume, given
from hypothesis import strategies as st

from decision_making import (
    MDP,
    ClampedSurrogateUpdate,
    FunctionPolicy,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionUpdate,
    clamped_gradient,
    clip_gradient,
    gradient,
    linesearch,
    natural_update,
    rollouts,
    scale_gradient,
    step,
    surrogate_constraint,
    surrogate_objective,
    update,
)
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization.rules import adapted_β
from tests import strategies
from tests.oracles import regulator
from tests.support import scores_and_returns

P = SimpleRegulator(0.9)
B = P.b


def normal_policy(closed_form=True):
    """a ~ N(θ₁, θ₂²), the policy of example 11.3."""
    return FunctionPolicy(
        2,
        lambda θ, s, rng: rng.normal(θ[0] + 0 * s, θ[1]),
        lambda θ, a, s: -0.5 * ((a - θ[0]) / θ[1]) ** 2 - anp.log(θ[1]) - 0.5 * math.log(2 * math.pi),
        (lambda θ, η, s: anp.log(η[1] / θ[1]) + (θ[1] ** 2 + (θ[0] - η[0]) ** 2) / (2 * η[1] ** 2) - 0.5 + 0 * s)
        if closed_form
        else None,
    )


A_12_1 = [[-0.532, 0.597, 1.947], [-0.263, -2.212, 2.364]]
TWO = Trajectories.from_lists([[(0.0, a, a) for a in row] for row in A_12_1])
UNDISCOUNTED = SimpleRegulator(1.0)
M_12_1 = TrustRegionUpdate(UNDISCOUNTED, UNDISCOUNTED.b, 3, 2, 0.1, 0.5)
θ_12_1 = np.array([0.0, 1.0])


def replayed(Struct, *rest, γ=0.9, **options):
    """A struct for recorded trajectories: its problem cannot be simulated."""

    def TR(s, a, rng):
        raise AssertionError("simulated")

    return Struct(MDP(γ, None, None, None, None, TR), lambda m, rng: np.zeros(m), 1, 1, *rest, **options)


UPDATES = {
    "restricted": (RestrictedPolicyUpdate, (0.05,), {}),
    "natural": (NaturalPolicyUpdate, (0.05,), {}),
    "natural_damped": (NaturalPolicyUpdate, (0.05,), {"damping": 0.5}),
    "natural_surrogate": (NaturalPolicyUpdate, (0.05,), {"direction": "surrogate"}),
    "trust_region": (TrustRegionUpdate, (0.05, 0.5), {}),
    "trust_region_surrogate": (TrustRegionUpdate, (0.05, 0.5), {"direction": "surrogate", "over_steps": "sum"}),
    "clamped": (ClampedSurrogateUpdate, (0.2, 0.01, 3), {}),
    "penalized": (PenalizedSurrogateUpdate, (1.0, 0.01, 3), {"kl_target": 0.01}),
}
SCALE_FREE = [name for name in UPDATES if name not in ("clamped", "penalized")]


def struct(name, γ=0.9, **changes):
    Struct, rest, options = UPDATES[name]
    return replayed(Struct, *rest, γ=γ, **options | changes)


# loops that follow the definitions, one step of one trajectory at a time


def score(π, θ, a, s):
    return grad(lambda θ: anp.sum(π.logpdf(θ, np.array([a]), np.array([s]))))(θ)


def to_go(τ, γ, k):
    return sum(γ**j * τ[j][2] for j in range(k, len(τ)))


def ratio(π, θ, θ_new, a, s):
    a, s = np.array([a]), np.array([s])
    return float(np.exp(π.logpdf(θ_new, a, s) - π.logpdf(θ, a, s))[0])


def mean_over(τs, over_steps, f):
    """Mean over τ of the mean (or sum) over its own steps of f(k, s, a, τ)."""
    return sum(
        sum(f(k, s, a, τ) for k, (s, a, _) in enumerate(τ)) / (len(τ) if over_steps == "mean" else 1) for τ in τs
    ) / len(τs)


def book_trust_region_point(M, π, θ, τs, j):
    """θ + αʲ Δ with Δ by pseudo-inverse from the sums of the book."""
    G = np.array([sum(score(π, θ, a, s) for s, a, _ in τ) for τ in τs])
    R = np.array([to_go(τ, M.P.γ, 0) for τ in τs])
    g, F = (G * R[:, None]).mean(axis=0), np.einsum("mi,mj->ij", G, G) / len(G)
    u = np.linalg.pinv(F, rcond=1e-12) @ g
    return θ + M.α**j * u * np.sqrt(2 * M.ε / (g @ u))


gaussian_cases = st.tuples(strategies.gaussian_records(), strategies.gaussian_parameters(), strategies.discounts)


# ---- example 12.1 and the exercises


def test_example_12_1():
    π = normal_policy()
    G, R = scores_and_returns(M_12_1, π, θ_12_1, TWO)
    np.testing.assert_allclose(np.outer(G[0], G[0]), [[4.048144, 2.877647], [2.877647, 2.045592]], atol=5e-7)
    np.testing.assert_allclose(np.outer(G[1], G[1]), [[0.012321, -0.838118], [-0.838118, 57.011696]], atol=5e-7)
    np.testing.assert_allclose(G.T @ G / 2, [[2.030232, 1.019765], [1.019765, 29.528644]], atol=1e-6)
    np.testing.assert_allclose(G.T @ R / 2, [2.030232, 1.019765], atol=1e-6)
    taken = step(M_12_1, π, θ_12_1, τs=TWO)
    np.testing.assert_allclose(taken.θ, [0.313864, 1.0], atol=5e-7)
    assert (taken.accepted, taken.backtracks) == (True, 0)
    before = surrogate_objective(M_12_1, π, θ_12_1, θ_12_1, TWO)
    assert before == pytest.approx(1.484667, abs=5e-7)
    assert before + taken.improvement == pytest.approx(2.109559, abs=5e-7)
    assert taken.kl == pytest.approx(0.049255, abs=5e-7)
    np.testing.assert_allclose(surrogate_objective(M_12_1, π, θ_12_1, θ_12_1, TWO[:1]), 2.167667, atol=5e-7)
    np.testing.assert_allclose(surrogate_objective(M_12_1, π, θ_12_1, θ_12_1, TWO[1:]), 0.801667, atol=5e-7)


def test_exercise_12_1_surrogate_gradient_is_the_reward_to_go_gradient_over_d():
    π = normal_policy()
    M = ClampedSurrogateUpdate(UNDISCOUNTED, UNDISCOUNTED.b, 3, 2, 1e9, 1.0, 1)
    reward_to_go = gradient(RewardToGoGradient(UNDISCOUNTED, UNDISCOUNTED.b, 3, 2), π, θ_12_1, τs=TWO)
    np.testing.assert_allclose(reward_to_go, [4.760329, 6.948054], atol=1e-6)
    np.testing.assert_allclose(clamped_gradient(M, π, θ_12_1, θ_12_1, TWO), [1.586776, 2.316018], atol=1e-6)
    np.testing.assert_allclose(update(M, π, θ_12_1, τs=TWO), θ_12_1 + reward_to_go / 3, rtol=1e-12)


def test_exercise_12_2_natural_step():
    G, R = scores_and_returns(M_12_1, normal_policy(), θ_12_1, TWO)
    F_inverse = np.linalg.inv(G.T @ G / 2)
    np.testing.assert_allclose(F_inverse, [[0.501249, -0.017311], [-0.017311, 0.034463]], atol=1e-6)
    np.testing.assert_allclose(natural_update(θ_12_1, G, R, 0.1), [np.sqrt(0.2 / 2.030232), 1.0], atol=1e-6)


def test_exercise_12_3_mean_kl():
    old = np.log([[0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.6, 0.2]])
    new = np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.5, 0.3]])
    π, s = SoftmaxPolicy(2, 4), np.array([[0, 1, 0, 0, 1]])
    τs = Trajectories(s, 0 * s, 0.0 * s)
    M = TrustRegionUpdate(UNDISCOUNTED, UNDISCOUNTED.b, 5, 1, 0.1, 0.5)
    np.testing.assert_allclose(π.kl(old.ravel(), new.ravel(), np.array([0, 1])), [0.456435, 0.028300], atol=5e-7)
    assert surrogate_constraint(M, π, old.ravel(), new.ravel(), τs) == pytest.approx(0.285181, abs=5e-7)


# ---- surrogates, written out


@given(gaussian_cases, st.sampled_from(["mean", "sum"]))
def test_surrogates_are_their_definitions(case, over_steps):
    (π, θ, τs), θ_new, γ = case
    M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ, over_steps=over_steps)
    objective = mean_over(list(τs), over_steps, lambda k, s, a, τ: ratio(π, θ, θ_new, a, s) * to_go(τ, γ, k))
    constraint = mean_over(list(τs), over_steps, lambda k, s, a, τ: γ**k * regulator.kl(θ, θ_new, s, π.σ_min))
    assert surrogate_objective(M, π, θ, θ_new, τs) == pytest.approx(objective, rel=1e-9, abs=1e-9)
    assert surrogate_constraint(M, π, θ, θ_new, τs) == pytest.approx(constraint, rel=1e-9, abs=1e-9)
    assert surrogate_constraint(M, π, θ, θ, τs) == 0


@given(gaussian_cases, st.sampled_from([0.05, 0.2, 1.5]), st.sampled_from(["mean", "sum"]))
def test_clamped_gradient_is_its_definition(case, ε, over_steps):
    (π, θ, τs), θ_new, γ = case
    M = replayed(ClampedSurrogateUpdate, ε, 0.1, 1, γ=γ, over_steps=over_steps)

    def term(k, s, a, τ):
        w, G = ratio(π, θ, θ_new, a, s), to_go(τ, γ, k)
        beyond = (G > 0 and w > 1 + ε) or (G < 0 and w < 1 - ε)
        return 0.0 if beyond or G == 0 else w * G * score(π, θ_new, a, s)

    expected = mean_over(list(τs), over_steps, term)
    np.testing.assert_allclose(clamped_gradient(M, π, θ, θ_new, τs), expected + np.zeros(2), rtol=1e-8, atol=1e-9)


def test_a_ratio_on_the_edge_of_the_clamp_counts():
    π, s = SoftmaxPolicy(1, 2), np.zeros((1, 1), int)
    θ, θ_new = np.log([0.5, 0.5]), np.log([0.75, 0.25])  # ratios exactly 1.5 and 0.5
    w = np.exp(π.logpdf(θ_new, np.array([0, 1]), np.zeros(2, int)) - π.logpdf(θ, np.array([0, 1]), np.zeros(2, int)))
    for a, r, edge in ((0, 1.0, w[0] - 1), (1, -1.0, 1 - w[1])):
        τs = Trajectories(s, s + a, s + r)
        for ε, counts in ((edge, True), (np.nextafter(edge, 0) - 1e-15, False)):
            g = clamped_gradient(replayed(ClampedSurrogateUpdate, float(ε), 0.1, 1), π, θ, θ_new, τs)
            assert g.any() == counts


def test_clamped_gradient_counts_the_steps_the_clamp_does_not_act_on():
    """G > 0 with w < 1 - ε and G < 0 with w > 1 + ε still contribute."""
    π, s, θ = SoftmaxPolicy(1, 2), np.zeros((1, 1), int), np.log([0.5, 0.5])
    M = replayed(ClampedSurrogateUpdate, 0.2, 0.1, 1)
    for θ_new, r, counts in (
        ([1.0, 0], 1.0, False),
        ([-1.0, 0], 1.0, True),
        ([1.0, 0], -1.0, True),
        ([-1.0, 0], -1.0, False),
    ):
        assert clamped_gradient(M, π, θ, np.array(θ_new), Trajectories(s, s, s + r)).any() == counts


@given(gaussian_cases)
def test_constraint_without_closed_form_is_w_minus_1_minus_log_w(case):
    (_, _, τs), _, γ = case
    π, θ, θ_new = normal_policy(closed_form=False), np.array([0.1, 1.0]), np.array([0.3, 0.8])
    M = replayed(TrustRegionUpdate, 0.1, 0.5, γ=γ)

    def term(k, s, a, τ):
        w = ratio(π, θ, θ_new, a, s)
        return γ**k * (w - 1 - np.log(w))

    value = surrogate_constraint(M, π, θ, θ_new, τs)
    assert value == pytest.approx(mean_over(list(τs), "mean", term), rel=1e-9)
    assert value >= 0


def test_constraint_is_the_divergence_from_the_old_to_the_new_policy():
    τs = Trajectories([[1.0]], [[0.0]], [[0.0]])
    π, M = LinearGaussianPolicy(0.0), replayed(TrustRegionUpdate, 0.1, 0.5)
    θ, θ_new = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert surrogate_constraint(M, π, θ, θ_new, τs) == pytest.approx(np.log(2) + 2 / 8 - 0.5)
    assert surrogate_constraint(M, π, θ_new, θ, τs) == pytest.approx(-np.log(2) + 5 / 2 - 0.5)


# ---- gradient ascent, scaling, clipping


@given(strategies.parameters(3), strategies.numbers(0.0, 2.0), strategies.parameters(3))
def test_gradient_ascent_is_θ_plus_α_g(θ, α, g):
    np.testing.assert_array_equal(update(PolicyGradientUpdate(lambda θ: g, α), None, θ), θ + α * g)


def test_gradient_ascent_with_an_estimator_scaling_and_clipping():
    τs = rollouts(P, B, LinearGaussianPolicy(), np.array([0.0, 1.0]), 5, 20, 0)
    E = replayed(RewardToGoGradient)
    g = gradient(E, LinearGaussianPolicy(), [0, 1], τs=τs)
    for options, expected in (
        ({}, g),
        ({"L2_max": 1.0}, g / np.linalg.norm(g)),
        ({"clip": (-1.0, 2.0)}, np.clip(g, -1, 2)),
        ({"L2_max": 1.0, "clip": (-0.1, 0.1)}, np.clip(g / np.linalg.norm(g), -0.1, 0.1)),
    ):
        got = update(PolicyGradientUpdate(E, 0.2, **options), LinearGaussianPolicy(), [0, 1], τs=τs)
        np.testing.assert_allclose(got, [0, 1] + 0.2 * expected, rtol=1e-12)


@given(strategies.parameters(4, -1e3, 1e3), strategies.numbers(0.1, 10.0))
def test_scaled_gradient_keeps_its_direction_and_a_bounded_length(g, L):
    scaled = scale_gradient(g, L)
    assert np.linalg.norm(scaled) == pytest.approx(min(np.linalg.norm(g), L), rel=1e-12, abs=1e-300)
    np.testing.assert_allclose(scaled * np.linalg.norm(g), g * np.linalg.norm(scaled), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scale_gradient(scaled, L), scaled, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1e308])
def test_scaled_gradient_at_the_ends_of_the_floating_range(size):
    np.testing.assert_allclose(
        scale_gradient(np.array([0.6, 0.8]) * size, 1.0), np.array([0.6, 0.8]) * min(size, 1), rtol=1e-3
    )


def test_scale_gradient_of_zero_is_zero_without_a_warning():
    np.testing.assert_array_equal(scale_gradient(np.zeros(3), 1.0), np.zeros(3))


@given(strategies.parameters(4), strategies.numbers(-2.0, 0.0), strategies.numbers(0.0, 2.0))
def test_clipped_gradient_is_inside_and_leaves_what_was(g, a, b):
    clipped = clip_gradient(g, a, b)
    assert (clipped >= a).all()
    assert (clipped <= b).all()
    inside = (g >= a) & (g <= b)
    np.testing.assert_array_equal(clipped[inside], g[inside])
    np.testing.assert_array_equal(clip_gradient(clipped, a, b), clipped)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clip_and_scale_refuse_what_is_not_finite(bad):
    with pytest.raises(ValueError, match=r"g\[1\]"):
        clip_gradient([0.0, bad], -1, 1)
    with pytest.raises(ValueError, match=r"g\[1\]"):
        scale_gradient([0.0, bad], 1.0)
    with pytest.raises(ValueError, match=r"grad_U\(θ\)\[0\]"):
        update(PolicyGradientUpdate(lambda θ: np.array([bad]), 0.1), None, [0.0])


# ---- restricted and natural steps


@given(gaussian_cases, st.sampled_from([1e-6, 0.01, 1.0]))
def test_restricted_step_has_length_root_2ε_along_the_gradient(case, ε):
    (π, θ, τs), _, γ = case
    τ_list = list(τs)
    u = sum(to_go(τ, γ, 0) * sum(score(π, θ, a, s) for s, a, _ in τ) for τ in τ_list) / len(τ_list)
    assume(np.linalg.norm(u) > 1e-9)
    got = update(replayed(RestrictedPolicyUpdate, ε, γ=γ), π, θ, τs=τs)
    np.testing.assert_allclose(got, θ + np.sqrt(2 * ε) * u / np.linalg.norm(u), rtol=1e-7, atol=1e-9)


matrices = st.integers(0, 10_000).map(np.random.default_rng)


@given(matrices, st.integers(1, 6), st.integers(1, 4), st.sampled_from([1e-4, 0.1, 2.0]), st.sampled_from([0.0, 0.3]))
def test_natural_step_meets_the_constraint_and_is_the_longest_ascent_in_it(rng, m, n, ε, damping):
    G, R, θ = rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=n)
    Δ = natural_update(θ, G, R, ε, damping) - θ
    g, F = G.T @ R / m, G.T @ G / m + damping * np.eye(n)
    np.testing.assert_allclose(0.5 * Δ @ F @ Δ, ε, rtol=1e-9)
    best = np.sqrt(2 * ε * (g @ np.linalg.pinv(F, rcond=1e-12) @ g))
    assert g @ Δ == pytest.approx(best, rel=1e-8)
    np.testing.assert_allclose(natural_update(θ, G, 7 * R, ε, damping) - θ, Δ, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(natural_update(θ, G, -R, ε, damping) - θ, -Δ, rtol=1e-9, atol=1e-12)
    order = rng.permutation(m)
    np.testing.assert_allclose(natural_update(θ, G[order], R[order], ε, damping) - θ, Δ, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        natural_update(θ, np.vstack([G, G]), np.append(R, R), ε, damping) - θ, Δ, rtol=1e-8, atol=1e-10
    )


@given(matrices, st.integers(2, 6))
def test_natural_step_of_fewer_rows_than_parameters_is_the_minimum_norm_one(rng, n):
    G, R, θ = rng.normal(size=(n - 1, n)), rng.normal(size=n - 1), np.zeros(n)
    Δ = natural_update(θ, G, R, 0.1)
    u = np.linalg.pinv(G) @ R
    np.testing.assert_allclose(Δ / np.linalg.norm(Δ), u / np.linalg.norm(u), rtol=1e-8, atol=1e-9)


@given(matrices, strategies.numbers(-2.0, 2.0))
def test_natural_step_of_one_trajectory(rng, R):
    assume(R != 0)
    g = rng.normal(size=3)
    np.testing.assert_allclose(
        natural_update(np.zeros(3), g[None], np.array([R]), 0.3), np.sign(R) * np.sqrt(0.6) * g / (g @ g), rtol=1e-10
    )


def test_natural_step_in_more_than_one_block_of_rows():
    rng = np.random.default_rng(0)
    G, R = rng.normal(size=(20_000, 3)), rng.normal(size=20_000)
    g, F = G.T @ R / len(R), G.T @ G / len(R)
    u = np.linalg.solve(F, g)
    np.testing.assert_allclose(natural_update(np.zeros(3), G, R, 0.1), u * np.sqrt(0.2 / (g @ u)), rtol=1e-9)


def test_natural_step_where_the_normal_equations_have_lost_everything():
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(200, 2)))[0]
    G = Q @ np.diag([1.0, 1e-9]) @ np.linalg.qr(rng.normal(size=(2, 2)))[0]  # condition 1e9; of F 1e18
    u = np.array([1.0, 2.0])
    Δ = natural_update(np.zeros(2), G, G @ u, 0.5)
    np.testing.assert_allclose(Δ / np.linalg.norm(Δ), u / np.linalg.norm(u), rtol=1e-5)


@pytest.mark.parametrize(("γ", "θ"), [(1.0, (0.0, 1.0)), (0.9, (0.0, 1.0)), (0.9, (-0.5, 0.5)), (0.9, (-0.8, 0.1))])
def test_natural_step_fed_with_exact_moments_is_the_exact_natural_step(γ, θ):
    g, F = regulator.utility_gradient(γ, θ, 10), regulator.fisher(θ, 10)
    G = np.linalg.cholesky(2 * F).T  # GᵀG / 2 = F
    R = np.linalg.solve(G.T, 2 * g)  # GᵀR / 2 = g
    np.testing.assert_allclose(
        natural_update(np.array(θ), G, R, 0.01), regulator.natural_update(γ, θ, 10, 0.01), rtol=1e-10
    )


@given(strategies.tabular_records(policies=lambda S, A: st.just(SoftmaxPolicy(S, A))), strategies.discounts)
def test_policy_of_a_tabular_natural_step_does_not_depend_on_the_null_space(record, γ):
    """Shifting the logits of a state changes θ and not the policy: neither may the step's policy change."""
    π, θ, τs = record
    M = replayed(NaturalPolicyUpdate, 0.01, γ=γ)
    shift = np.repeat(np.arange(1.0, π.n_states + 1), π.n_actions)
    Δ = update(M, π, θ, τs=τs) - θ
    Δ_shifted = update(M, π, θ + shift, τs=τs) - θ - shift
    assert np.isfinite(Δ).all()
    states = np.repeat(np.arange(π.n_states), π.n_actions)
    np.testing.assert_allclose(
        np.exp(π.log_probabilities(θ + Δ, states)),
        np.exp(π.log_probabilities(θ + Δ_shifted, states)),
        rtol=1e-6,
        atol=1e-9,
    )


def affine(B, c):
    """The linear Gaussian policy in coordinates ψ with θ = B ψ + c."""
    π = LinearGaussianPolicy(0.0)

    def θ(ψ):
        return [B[i, 0] * ψ[0] + B[i, 1] * ψ[1] + c[i] for i in range(2)]

    def logpdf(ψ, a, s):
        μ, σ = θ(ψ)[0] * s, anp.abs(θ(ψ)[1])
        return -0.5 * ((a - μ) / σ) ** 2 - anp.log(σ) - 0.5 * math.log(2 * math.pi)

    def kl(ψ, ψ_new, s):
        (t1, t2), (n1, n2) = θ(ψ), θ(ψ_new)
        return anp.log(anp.abs(n2 / t2)) + (t2**2 + ((t1 - n1) * s) ** 2) / (2 * n2**2) - 0.5

    return π, FunctionPolicy(2, lambda ψ, s, rng: 0 * s, logpdf, kl)


@pytest.mark.parametrize("name", ["natural", "natural_surrogate", "trust_region", "trust_region_surrogate"])
def test_natural_and_trust_region_steps_are_equivariant_under_affine_maps(name):
    B_map, c, θ = np.array([[2.0, 0.3], [-0.5, 0.1]]), np.array([0.4, -0.2]), np.array([-0.3, 0.7])
    π, π_ψ = affine(B_map, c)
    τs = rollouts(P, B, π, θ, 4, 50, 3)
    ψ = np.linalg.solve(B_map, θ - c)
    M = struct(name)
    np.testing.assert_allclose(B_map @ update(M, π_ψ, ψ, τs=τs) + c, update(M, π, θ, τs=τs), rtol=1e-7)


@pytest.mark.parametrize("name", ["restricted", "clamped", "penalized"])
def test_the_other_steps_are_not(name):
    B_map, θ = np.diag([3.0, 0.5]), np.array([-0.3, 0.7])
    π, π_ψ = affine(B_map, np.zeros(2))
    τs = rollouts(P, B, π, θ, 4, 50, 3)
    M = struct(name)
    assert not np.allclose(B_map @ update(M, π_ψ, np.linalg.solve(B_map, θ), τs=τs), update(M, π, θ, τs=τs), rtol=1e-3)


@given(gaussian_cases, st.sampled_from(["mean", "sum"]))
def test_surrogate_direction_has_the_surrogate_s_gradient_and_hessian(case, over_steps):
    (π, θ, τs), _, γ = case
    M = replayed(NaturalPolicyUpdate, 0.1, γ=γ, direction="surrogate", over_steps=over_steps)
    G, R = scores_and_returns(M, π, θ, τs)
    τ_list = list(τs)
    g = mean_over(τ_list, over_steps, lambda k, s, a, τ: to_go(τ, γ, k) * score(π, θ, a, s))
    F = mean_over(τ_list, over_steps, lambda k, s, a, τ: γ**k * np.outer(score(π, θ, a, s), score(π, θ, a, s)))
    np.testing.assert_allclose(G.T @ R / len(G), g, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(G.T @ G / len(G), F, rtol=1e-8, atol=1e-8)


# ---- trust region


@given(gaussian_cases, st.sampled_from([0.01, 0.5, 5.0]), st.sampled_from([0.3, 0.5, 0.9]))
def test_trust_region_accepts_the_first_point_that_passes_both_tests(case, ε, α):
    (π, θ, τs), _, γ = case
    M = replayed(TrustRegionUpdate, ε, α, γ=γ, max_backtracks=8)
    G = np.array([sum(score(π, θ, a, s) for s, a, _ in τ) for τ in τs])
    σ = np.linalg.svd(G, compute_uv=False)
    assume(σ[-1] > 1e-3 * σ[0])  # away from a rank that rounding decides
    assume(any(abs(to_go(τ, γ, 0)) > 1e-3 for τ in τs))
    taken = step(M, π, θ, τs=τs)
    before = surrogate_objective(M, π, θ, θ, τs)

    def passes(j):
        point = book_trust_region_point(M, π, θ, τs, j)
        gain = surrogate_objective(M, π, θ, point, τs) - before
        kl = surrogate_constraint(M, π, θ, point, τs)
        assume(abs(kl - ε) > 1e-9 and abs(gain) > 1e-9)
        return kl <= ε and 0 < gain < np.inf

    if taken.accepted:
        j = taken.backtracks
        assert passes(j)
        assert not any(passes(i) for i in range(j))
        np.testing.assert_allclose(taken.θ, book_trust_region_point(M, π, θ, τs, j), rtol=1e-6, atol=1e-7)
    else:
        assert taken.backtracks is None
        assert not any(passes(j) for j in range(9))
        np.testing.assert_array_equal(taken.θ, θ)


def line(f, g, ε=1.0, α=0.5, max_backtracks=4):
    M = replayed(TrustRegionUpdate, ε, α, max_backtracks=max_backtracks)
    return linesearch(M, f, g, np.zeros(1), np.ones(1))


@pytest.mark.parametrize(
    ("f", "g", "j"),
    [
        (lambda x: x[0], lambda x: 0.0, 0),
        (lambda x: x[0], lambda x: x[0] * 2, 1),  # at 0.5 the constraint is exactly ε: inside
        (lambda x: x[0], lambda x: x[0] * 2 + 1e-9, 2),
        (lambda x: -((x[0] - 0.125) ** 2), lambda x: 0.0, 3),  # at 0.25 just as good as at 0: not an improvement
        (lambda x: 0.0, lambda x: 0.0, None),
        (lambda x: x[0], lambda x: 2.0, None),
        (lambda x: np.nan if x[0] > 0.3 else x[0], lambda x: 0.0, 2),
        (lambda x: np.inf if x[0] > 0.3 else x[0], lambda x: 0.0, 2),
        (lambda x: x[0], lambda x: np.nan if x[0] > 0.3 else 0.0, 2),
        (lambda x: np.nan, lambda x: 0.0, None),
    ],
)
def test_linesearch(f, g, j):
    θ, backtracks = line(f, g)
    assert backtracks == j
    assert θ[0] == (0.0 if j is None else 0.5**j)


def test_line_search_ends_when_nothing_improves():
    calls = []
    θ, backtracks = line(lambda x: calls.append(x) or -x[0], lambda x: 0.0, max_backtracks=7)
    assert (θ[0], backtracks) == (0.0, None)
    assert len(calls) == 1 + 8  # f(θ) once, then one candidate and seven shrinks


def test_direction_that_is_no_ascent_of_the_surrogate_leaves_θ_and_says_why():
    """The direction follows g(τ) R(τ), the test rewards-to-go: on some samples they disagree."""
    π, θ = LinearGaussianPolicy(), np.array([0.0, 1.0])
    M = TrustRegionUpdate(P, B, 10, 3, 0.01, 0.5, max_backtracks=12)
    steps = [step(M, π, θ, rng=seed) for seed in range(200)]
    failed = [s for s in steps if not s.accepted]
    assert 1 <= len(failed) <= 40
    for s in failed:
        np.testing.assert_array_equal(s.θ, θ)
        assert s.backtracks is None
        assert "none of 13 points" in s.reason
        assert (s.kl, s.improvement) == (0, 0)


def test_trust_region_backtracks_where_the_exact_one_does():
    problem = SimpleRegulator(1.0)
    taken = step(TrustRegionUpdate(problem, problem.b, 2, 100_000, 1.0, 0.5), LinearGaussianPolicy(), [0, 1], rng=0)
    assert taken.backtracks == 1


def counting(problem):
    rows = []

    def TR(s, a, rng):
        rows.append(len(s))
        return problem.TR(s, a, rng)

    return MDP(problem.γ, None, None, None, None, TR), rows


@pytest.mark.parametrize("name", UPDATES)
def test_every_update_simulates_m_d_steps_and_none_while_it_steps(name):
    Struct, rest, options = UPDATES[name]
    problem, rows = counting(P)
    step(Struct(problem, B, 7, 33, *rest, **options), LinearGaussianPolicy(), [0, 1], rng=0)
    assert sum(rows) == 7 * 33


# ---- clamped and penalised


@given(gaussian_cases, st.sampled_from([0.01, 0.1]))
def test_clamped_update_is_k_max_ascent_steps(case, α):
    (π, θ, τs), _, γ = case
    M = replayed(ClampedSurrogateUpdate, 0.2, α, 3, γ=γ)
    expected = θ
    for _ in range(3):
        expected = expected + α * clamped_gradient(M, π, θ, expected, τs)
    assume(np.isfinite(expected).all())
    np.testing.assert_allclose(update(M, π, θ, τs=τs), expected, rtol=1e-12)


def test_every_tuple_clamped_stands_still():
    π, s = SoftmaxPolicy(1, 2), np.zeros((3, 1), int)
    M = replayed(ClampedSurrogateUpdate, 0.1, 1.0, 50)
    θ, τs = np.zeros(2), Trajectories(s, s, s + 1.0)
    first = update(attrs.evolve(M, k_max=1), π, θ, τs=τs)
    np.testing.assert_array_equal(update(M, π, θ, τs=τs), first)  # after one step the only ratio is beyond 1.1


@given(gaussian_cases, st.sampled_from([2.0, 0.5]))
def test_clamped_update_depends_on_the_scale_of_the_rewards_as_on_α(case, c):
    (π, θ, τs), _, γ = case
    scaled = Trajectories(τs.s, τs.a, c * τs.r, τs.mask)
    M = replayed(ClampedSurrogateUpdate, 0.2, 0.02, 3, γ=γ)
    np.testing.assert_allclose(
        update(M, π, θ, τs=scaled), update(attrs.evolve(M, α=c * 0.02), π, θ, τs=τs), rtol=1e-9, atol=1e-12
    )


@given(gaussian_cases, st.sampled_from([0.0, 0.5, 3.0]), st.sampled_from(["mean", "sum"]))
def test_penalised_update_ascends_objective_minus_β_constraint(case, β, over_steps):
    (π, θ, τs), _, γ = case
    M = replayed(PenalizedSurrogateUpdate, β, 0.01, 1, γ=γ, over_steps=over_steps)
    h = 1e-6

    def penalised(x):
        return surrogate_objective(M, π, θ, x, τs) - β * surrogate_constraint(M, π, θ, x, τs)

    for M_k in (M, attrs.evolve(M, k_max=2)):
        start = update(M, π, θ, τs=τs) if M_k.k_max == 2 else θ
        slope = np.array([(penalised(start + h * e) - penalised(start - h * e)) / (2 * h) for e in np.eye(2)])
        assume((abs(slope) < 1e3).all())
        np.testing.assert_allclose(update(M_k, π, θ, τs=τs), start + 0.01 * slope, rtol=1e-4, atol=1e-6)


def test_large_penalty_holds_θ():
    π, θ = LinearGaussianPolicy(), np.array([0.0, 1.0])
    τs = rollouts(P, B, π, θ, 5, 50, 0)
    moves = [
        np.linalg.norm(update(replayed(PenalizedSurrogateUpdate, β, 1 / (100 + 20 * β), 2000), π, θ, τs=τs) - θ)
        for β in (1.0, 100.0, 10_000.0)
    ]
    assert moves[0] > 10 * moves[1] > 100 * moves[2] > 0


@pytest.mark.parametrize(
    ("kl", "β"),
    [(0.0, 1.0), (0.0066, 1.0), (0.0067, 2.0), (0.01, 2.0), (0.015, 2.0), (0.01501, 4.0), (np.nan, 4.0), (np.inf, 4.0)],
)
def test_adaptive_rule(kl, β):
    M = replayed(PenalizedSurrogateUpdate, 2.0, 0.01, 1, kl_target=0.01)
    assert adapted_β(M, kl) == β


def test_adaptive_rule_stays_between_its_bounds():
    M = replayed(PenalizedSurrogateUpdate, 2.0, 0.01, 1, kl_target=0.01, β_min=1.5, β_max=3.0)
    assert (adapted_β(M, 0.0), adapted_β(M, 1.0)) == (1.5, 3.0)


def test_fixed_and_adapted_β_are_in_the_step():
    π, θ = LinearGaussianPolicy(), np.array([0.0, 1.0])
    τs = rollouts(P, B, π, θ, 5, 50, 0)
    assert step(replayed(PenalizedSurrogateUpdate, 2.0, 1e-3, 1), π, θ, τs=τs).β == 2.0
    M = replayed(PenalizedSurrogateUpdate, 2.0, 1e-6, 1, kl_target=0.1)
    taken = step(M, π, θ, τs=τs)
    assert taken.β == 1.0
    assert attrs.evolve(M, β=taken.β).β == 1.0


def test_ratio_underflow_and_overflow_is_a_rejected_step():
    """A huge step factor sends the second ascent to where ratios overflow: θ stays, nothing is NaN, nothing warns."""
    π, θ = LinearGaussianPolicy(0.0), np.array([0.0, 1.0])
    τs = Trajectories([[1.0], [1.0]], [[1.0], [-2.0]], [[1.0], [-1.0]])
    for Struct, rest in ((ClampedSurrogateUpdate, (0.2, 1e200, 5)), (PenalizedSurrogateUpdate, (1.0, 1e200, 5))):
        taken = step(replayed(Struct, *rest), π, θ, τs=τs)
        assert np.isfinite(taken.θ).all()
        if not taken.accepted:
            np.testing.assert_array_equal(taken.θ, θ)
            assert "overflow" in taken.reason
    M = replayed(TrustRegionUpdate, 1e6, 0.5)
    assert not np.isfinite(surrogate_objective(M, π, np.array([0.0, 1e-3]), θ, τs))
    assert np.isfinite(update(M, π, θ, τs=τs)).all()


# ---- what every update owes


@pytest.mark.parametrize("name", UPDATES)
@given(case=gaussian_cases)
def test_update_is_a_pure_function_of_recorded_trajectories(name, case):
    (π, θ, τs), _, γ = case
    M, copies = struct(name, γ), [x.copy() for x in (θ, τs.s, τs.a, τs.r, τs.mask)]
    taken = step(M, π, θ, τs=τs)
    for x, copy in zip((θ, τs.s, τs.a, τs.r, τs.mask), copies, strict=True):
        np.testing.assert_array_equal(x, copy)
    assert np.isfinite(taken.θ).all()
    assert taken.θ is not θ
    np.testing.assert_array_equal(update(M, π, θ, τs=τs), taken.θ)
    assert taken.accepted == (not np.array_equal(taken.θ, θ))
    assert taken.kl == surrogate_constraint(M, π, θ, taken.θ, τs)
    assert taken.improvement == surrogate_objective(M, π, θ, taken.θ, τs) - surrogate_objective(M, π, θ, θ, τs)
    assert taken.reason


@pytest.mark.parametrize("name", UPDATES)
def test_order_and_duplication_of_trajectories_do_not_matter(name):
    π, θ, M = LinearGaussianPolicy(), np.array([-0.2, 0.8]), struct(name)
    τs = rollouts(P, B, π, θ, 6, 40, 1)
    expected = update(M, π, θ, τs=τs)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(update(M, π, θ, τs=τs[order]), expected, rtol=1e-9)
    np.testing.assert_allclose(update(M, π, θ, τs=τs[np.tile(np.arange(40), 2)]), expected, rtol=1e-9)


@pytest.mark.parametrize("name", SCALE_FREE)
@pytest.mark.parametrize("c", [1e-200, 0.3, 7.0, 1e100])
def test_scale_of_the_rewards_does_not_matter(name, c):
    π, θ, M = LinearGaussianPolicy(), np.array([-0.2, 0.8]), struct(name)
    τs = rollouts(P, B, π, θ, 6, 40, 1)
    scaled = Trajectories(τs.s, τs.a, c * τs.r)
    np.testing.assert_allclose(update(M, π, θ, τs=scaled), update(M, π, θ, τs=τs), rtol=1e-9)


@pytest.mark.parametrize("name", UPDATES)
def test_same_seed_gives_the_same_bits_and_leaves_the_global_state(name):
    Struct, rest, options = UPDATES[name]
    M, π = Struct(P, B, 5, 20, *rest, **options), LinearGaussianPolicy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    results = [update(M, π, [0, 1], rng=seed) for seed in (7, np.random.default_rng(7), 7, 8)]
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[3])


@pytest.mark.parametrize("name", UPDATES)
def test_integer_and_list_θ_are_converted_and_float32_stays(name):
    π, M = LinearGaussianPolicy(), struct(name)
    τs = rollouts(P, B, π, np.array([0.0, 1.0]), 6, 40, 1)
    expected = update(M, π, np.array([0.0, 1.0]), τs=τs)
    for θ in ([0, 1], (0.0, 1), np.array([0, 1])):
        np.testing.assert_array_equal(update(M, π, θ, τs=τs), expected)
    Struct, rest, options = UPDATES[name]
    single = update(Struct(P, B, 6, 500, *rest, **options), π, np.array([0, 1], np.float32), rng=0)
    double = update(Struct(P, B, 6, 500, *rest, **options), π, np.array([0, 1.0]), rng=0)
    assert single.dtype == np.float32
    assert np.linalg.norm(single - double) < 0.2  # not the same noise: a rough check that it is the same step


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("m", [1, 2])
def test_one_step_and_one_trajectory_work(name, m):
    Struct, rest, options = UPDATES[name]
    taken = step(Struct(P, B, 1, m, *rest, **options), LinearGaussianPolicy(), [0, 1], rng=0)
    assert np.isfinite(taken.θ).all()


@pytest.mark.parametrize("name", UPDATES)
def test_zero_gradient_leaves_θ_unchanged(name):
    π, θ = LinearGaussianPolicy(), np.array([-0.2, 0.8])
    τs = rollouts(P, B, π, θ, 6, 40, 1)
    taken = step(struct(name), π, θ, τs=Trajectories(τs.s, τs.a, 0 * τs.r))
    np.testing.assert_array_equal(taken.θ, θ)
    assert (taken.accepted, taken.backtracks, taken.kl, taken.improvement) == (False, None, 0, 0)
    assert "zero" in taken.reason


@pytest.mark.parametrize("name", UPDATES)
def test_policy_without_parameters_in_it_has_zero_scores_and_stays(name):
    π = FunctionPolicy(2, lambda θ, s, rng: s, lambda θ, a, s: 0 * s, lambda θ, θ_new, s: 0 * s)
    taken = step(struct(name), π, [0, 1], τs=Trajectories([[1.0, 2.0]], [[1.0, 1.0]], [[1.0, 1.0]]))
    np.testing.assert_array_equal(taken.θ, [0.0, 1.0])
    assert not taken.accepted


def test_returns_orthogonal_to_the_scores_are_a_zero_gradient_and_not_a_step_of_rounding():
    G = np.array([[0.1], [0.2], [0.3]])
    R = np.array([3.0, 0.0, -1.0])
    np.testing.assert_array_equal(natural_update(np.array([5.0]), G, R, 0.1), [5.0])


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize(("quantity", "bad"), [("reward", np.nan), ("state", np.inf), ("action", -np.inf)])
def test_non_finite_data_is_named(name, quantity, bad):
    arrays = {x: np.ones((3, 2)) for x in "sar"}
    arrays[quantity[0]][2, 1] = bad
    with pytest.raises(ValueError, match=rf"{quantity} of trajectory 2, step 1 "):
        update(struct(name), LinearGaussianPolicy(), [0, 1], τs=Trajectories(**arrays))


@pytest.mark.parametrize("name", [n for n in UPDATES if n.startswith(("natural", "trust"))])
def test_action_of_probability_zero_is_named(name):
    τs = Trajectories(np.ones((2, 2)), np.array([[0.0, 1.0], [0.0, 1e200]]), np.ones((2, 2)))
    with pytest.raises(ValueError, match="log-likelihood of trajectory 1, step 1 "):
        update(struct(name), LinearGaussianPolicy(0.0), [0, 1], τs=τs)


def test_short_trajectories_divide_by_their_own_length():
    π, θ, θ_new = LinearGaussianPolicy(0.0), np.array([0.0, 1.0]), np.array([0.1, 0.9])
    long, short = [(1.0, 0.5, 1.0), (0.5, 1.0, 2.0), (0.2, -1.0, 1.0)], [(1.0, -0.5, 3.0)]
    M = replayed(TrustRegionUpdate, 0.1, 0.5)
    both = Trajectories.from_lists([long, short])
    for f in (surrogate_objective, surrogate_constraint):
        alone = [f(M, π, θ, θ_new, Trajectories.from_lists([τ])) for τ in (long, short)]
        assert f(M, π, θ, θ_new, both) == pytest.approx(np.mean(alone), rel=1e-12)


def test_σ_parameter_may_cross_zero():
    """The restricted step of the last row of the regulator's table crosses 0; the policy goes on with |θ₂|."""
    π, M = LinearGaussianPolicy(), RestrictedPolicyUpdate(P, B, 10, 2000, 0.01)
    θ = update(M, π, [-0.8, 0.1], rng=0)
    assert θ[1] < 0
    assert np.isfinite(update(M, π, θ, rng=1)).all()


class Refusing:
    γ = 0.9
    S = None

    def TR(self, s, a, rng):
        raise AssertionError("simulated before the parameters were checked")


def build(Struct, *rest, P=None, b=None, d=3, m=4, **options):
    return Struct(P or Refusing(), b or (lambda m, rng: np.zeros(m)), d, m, *rest, **options)


BAD = [
    (lambda: build(NaturalPolicyUpdate, 0.0), "ε = 0.0"),
    (lambda: build(NaturalPolicyUpdate, -1.0), "ε = -1.0"),
    (lambda: build(NaturalPolicyUpdate, np.nan), "ε = nan"),
    (lambda: build(NaturalPolicyUpdate, np.inf), "ε = inf"),
    (lambda: build(NaturalPolicyUpdate, "small"), "ε = 'small'"),
    (lambda: build(NaturalPolicyUpdate, 0.1, damping=-1.0), "damping = -1.0"),
    (lambda: build(NaturalPolicyUpdate, 0.1, direction="up"), "direction = 'up'"),
    (lambda: build(NaturalPolicyUpdate, 0.1, over_steps="max"), "over_steps = 'max'"),
    (lambda: build(NaturalPolicyUpdate, 0.1, m=0), "m = 0"),
    (lambda: build(NaturalPolicyUpdate, 0.1, m=2.5), "m = 2.5"),
    (lambda: build(NaturalPolicyUpdate, 0.1, d=0), "d = 0"),
    (lambda: build(NaturalPolicyUpdate, 0.1, d=True), "d = True"),
    (lambda: build(NaturalPolicyUpdate, 0.1, b=[0.5, 0.4]), r"b = \[0.5, 0.4\]"),
    (lambda: build(NaturalPolicyUpdate, 0.1, P=MDP.from_arrays([[[1.0]]], [[0.0]], 0.9), b=[0.5, 0.5]), "b = "),
    (lambda: build(RestrictedPolicyUpdate, 0.0), "ε = 0.0"),
    (lambda: build(TrustRegionUpdate, 0.1, 1.0), "α = 1.0"),
    (lambda: build(TrustRegionUpdate, 0.1, 0.0), "α = 0.0"),
    (lambda: build(TrustRegionUpdate, 0.1, 1.5), "α = 1.5"),
    (lambda: build(TrustRegionUpdate, 0.1, 0.5, max_backtracks=-1), "max_backtracks = -1"),
    (lambda: build(ClampedSurrogateUpdate, 0.2, -0.1, 1), "α = -0.1"),
    (lambda: build(ClampedSurrogateUpdate, 0.0, 0.1, 1), "ε = 0.0"),
    (lambda: build(ClampedSurrogateUpdate, 0.2, 0.1, 0), "k_max = 0"),
    (lambda: build(PenalizedSurrogateUpdate, -1.0, 0.1, 1), "β = -1.0"),
    (lambda: build(PenalizedSurrogateUpdate, 1.0, 0.1, 1, kl_target=0.0), "kl_target = 0.0"),
    (lambda: build(PenalizedSurrogateUpdate, 1.0, 0.1, 1, β_min=2.0, β_max=1.0), "β_min = 2.0"),
    (lambda: PolicyGradientUpdate(lambda θ: θ, -1.0), "α = -1.0"),
    (lambda: PolicyGradientUpdate(lambda θ: θ, 1.0, L2_max=0.0), "L2_max = 0.0"),
    (lambda: PolicyGradientUpdate(lambda θ: θ, 1.0, clip=1.0), "clip = 1.0"),
    (lambda: PolicyGradientUpdate(lambda θ: θ, 1.0, clip=(1.0, -1.0)), "clip = "),
    (lambda: PolicyGradientUpdate("up", 1.0), "grad_U = 'up'"),
    (lambda: scale_gradient([1.0], 0.0), "L2_max = 0.0"),
    (lambda: clip_gradient([1.0], 1.0, -1.0), r"\(a, b\)"),
    (lambda: natural_update(np.zeros(2), np.ones((3, 1)), np.ones(3), 0.1), r"G has shape \(3, 1\)"),
    (lambda: natural_update(np.zeros(1), np.full((3, 1), np.nan), np.ones(3), 0.1), "finite"),
    (lambda: update(build(NaturalPolicyUpdate, 0.1), LinearGaussianPolicy(), [0.0, 1.0, 2.0]), r"θ has shape \(3,\)"),
    (lambda: update(build(NaturalPolicyUpdate, 0.1), LinearGaussianPolicy(), [[0.0, 1.0]]), r"θ has shape \(1, 2\)"),
    (lambda: update(build(NaturalPolicyUpdate, 0.1), LinearGaussianPolicy(), [0.0, np.nan]), r"θ\[1\] = nan"),
    (lambda: update(build(NaturalPolicyUpdate, 0.1), LinearGaussianPolicy(), "ab"), "θ = 'ab'"),
    (lambda: update(build(NaturalPolicyUpdate, 0.1), LinearGaussianPolicy(), [0, 1], rng="seed"), "rng = 'seed'"),
    (lambda: update(build(NaturalPolicyUpdate, 0.1), LinearGaussianPolicy(), [0, 1], τs=[[(0, 0, 0)]]), "τs = list"),
]


@pytest.mark.parametrize("i", range(len(BAD)))
def test_bad_parameters_are_named_before_any_rollout(i):
    call, said = BAD[i]
    with pytest.raises((ValueError, TypeError), match=said):
        call()


def test_discount_outside_the_unit_interval_is_named():
    for γ in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="γ = "):
            SimpleRegulator(γ)
        bad = Refusing()
        bad.γ = γ
        with pytest.raises(ValueError, match="γ = "):
            build(NaturalPolicyUpdate, 0.1, P=bad)


@pytest.mark.parametrize("M", [None, 3, "natural", SimpleRegulator(), NaturalPolicyUpdate])
def test_unknown_struct_gets_a_list_of_the_known(M):
    with pytest.raises(TypeError, match=r"ClampedSurrogateUpdate, .*NaturalPolicyUpdate, .*TrustRegionUpdate"):
        update(M, LinearGaussianPolicy(), [0, 1])


def test_positional_arguments_are_in_the_documented_order():
    M = PenalizedSurrogateUpdate(P, B, 3, 4, 1.0, 0.1, 5)
    assert (M.P, M.b, M.d, M.m, M.β, M.α, M.k_max) == (P, B, 3, 4, 1.0, 0.1, 5)
    M = TrustRegionUpdate(P, B, 3, 4, 0.2, 0.5)
    assert (M.d, M.m, M.ε, M.α, M.max_backtracks) == (3, 4, 0.2, 0.5, 30)
    M = ClampedSurrogateUpdate(P, B, 3, 4, 0.2, 0.1, 5)
    assert (M.ε, M.α, M.k_max) == (0.2, 0.1, 5)
