"""The exact answers against other exact answers: enumeration by recursion, closed forms, adaptive quadrature."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, hessian
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import (
    MDP,
    BaselineSubtractionGradient,
    ClampedSurrogateUpdate,
    FiniteDifferenceGradient,
    LikelihoodRatioGradient,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RegressionGradient,
    RestrictedPolicyUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    TrustRegionUpdate,
    exact,
    step,
    update,
)
from decision_making.problems import SimpleRegulator, StraightLineHexWorld
from decision_making.sequential_problems.exact_solution_methods import iterative_policy_evaluation
from tests.support import LINE_SEARCHES, TRUE_UTILITIES, UPDATES

S, A = 3, 2
π = SoftmaxPolicy(S, A)


def all_trajectories(P, b, p, d):
    """(probability, [(s, a, r), ...]) of every trajectory of depth d under action probabilities p, by recursion."""
    ends = np.zeros(S, bool) if P.terminal is None else P.terminal(np.arange(S))

    def go_on(s, steps):
        if steps == 0 or ends[s]:
            yield 1.0, []
            return
        for a in range(A):
            for t in range(S):
                if P.T(s, a, t) > 0:
                    for probability, rest in go_on(t, steps - 1):
                        yield p[s, a] * P.T(s, a, t) * probability, [(s, a, P.R(s, a)), *rest]

    for s in range(S):
        for probability, τ in go_on(s, d):
            yield b[s] * probability, τ


def softmax(θ):
    z = anp.exp(anp.reshape(θ, (S, A)))
    return z / anp.sum(z, axis=1, keepdims=True)


def expected(P, b, θ, d, f):
    return sum(probability * f(τ) for probability, τ in all_trajectories(P, b, softmax(θ), d))


def ret(τ, γ):
    return sum(γ**k * r for k, (_, _, r) in enumerate(τ))


def to_go(τ, γ, k):
    return sum(γ**j * r for j, (_, _, r) in enumerate(τ) if j >= k)


def score(θ, s, a):
    g = np.zeros((S, A))
    g[s] = -softmax(θ)[s]
    g[s, a] += 1
    return g.ravel()


def step_share(τ, over_steps):
    return 1 / len(τ) if over_steps == "mean" else 1.0


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    T = rng.dirichlet(np.ones(S), size=(S, A)) * rng.integers(0, 2, (S, A, S))
    T += 0.2 * np.eye(S)[rng.integers(0, S, (S, A))]
    terminal = (lambda s: s == 0) if draw(st.booleans()) else None
    γ = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    P = MDP.from_arrays(T / T.sum(axis=2, keepdims=True), rng.normal(size=(S, A)), γ, terminal=terminal)
    θ, θ_new = rng.normal(size=(2, S * A))
    return P, rng.dirichlet(np.ones(S)), θ, θ_new, draw(st.integers(1, 4)), draw(st.sampled_from(["mean", "sum"]))


@given(problems())
def test_tabular_utility_and_gradient_are_those_of_all_trajectories(case):
    P, b, θ, _, d, _ = case
    assert exact.utility(P, b, π, θ, d) == pytest.approx(
        expected(P, b, θ, d, lambda τ: ret(τ, P.γ)), rel=1e-10, abs=1e-12
    )

    # probability of start and transitions alone: that under uniform actions divided by the actions' share
    listed = [(w * A ** len(τ), τ) for w, τ in all_trajectories(P, b, np.full((S, A), 1 / A), d)]

    def U_of(θ):
        p = softmax(θ)
        total = 0.0
        for w, τ in listed:
            path = w * ret(τ, P.γ)
            for s, a, _ in τ:
                path = path * p[s, a]
            total = total + path
        return total

    np.testing.assert_allclose(exact.utility_gradient(P, b, π, θ, d), grad(U_of)(θ), rtol=1e-9, atol=1e-11)


@given(problems())
def test_tabular_fisher_is_the_mean_outer_product_of_trajectory_scores(case):
    P, b, θ, _, d, _ = case

    def outer(τ):
        g = sum((score(θ, s, a) for s, a, _ in τ), np.zeros(S * A))
        return np.outer(g, g)

    np.testing.assert_allclose(exact.fisher(P, b, π, θ, d), expected(P, b, θ, d, outer), rtol=1e-9, atol=1e-12)


@given(problems())
def test_tabular_surrogates_are_those_of_all_trajectories(case):
    P, b, θ, θ_new, d, over_steps = case
    p, p_new = softmax(θ), softmax(θ_new)
    E = exact.expectation(P, b, π, θ, d, over_steps)

    def objective(τ):
        return sum(
            step_share(τ, over_steps) * p_new[s, a] / p[s, a] * to_go(τ, P.γ, k) for k, (s, a, _) in enumerate(τ)
        )

    def constraint(τ):
        kl = (p * np.log(p / p_new)).sum(axis=1)
        return sum(step_share(τ, over_steps) * P.γ**k * kl[s] for k, (s, _, _) in enumerate(τ))

    assert E.objective(θ_new) == pytest.approx(expected(P, b, θ, d, objective), rel=1e-9, abs=1e-12)
    assert E.constraint(θ_new) == pytest.approx(expected(P, b, θ, d, constraint), rel=1e-9, abs=1e-12)
    for f, g in ((E.objective, E.objective_gradient), (E.constraint, E.constraint_gradient)):
        h = 1e-5
        difference = [(f(θ_new + h * e) - f(θ_new - h * e)) / (2 * h) for e in np.eye(S * A)]
        np.testing.assert_allclose(g(θ_new), difference, rtol=1e-5, atol=1e-8)
    if over_steps == "mean":
        assert exact.expected_kl(P, b, π, θ, θ_new, d) == E.constraint(θ_new)
        assert exact.expected_surrogate(P, b, π, θ, θ_new, d) == E.objective(θ_new)


@given(problems(), st.sampled_from([0.05, 0.2, 1.5]))
def test_tabular_clamped_gradient_is_that_of_all_trajectories(case, ε):
    P, b, θ, θ_new, d, over_steps = case
    p, p_new = softmax(θ), softmax(θ_new)

    def clamped(τ):
        total = np.zeros(S * A)
        for k, (s, a, _) in enumerate(τ):
            w, G = p_new[s, a] / p[s, a], to_go(τ, P.γ, k)
            if not ((G > 0 and w > 1 + ε) or (G < 0 and w < 1 - ε)):
                total += step_share(τ, over_steps) * w * G * score(θ_new, s, a)
        return total

    got = exact.expectation(P, b, π, θ, d, over_steps).clamped_gradient(θ_new, ε)
    np.testing.assert_allclose(got, expected(P, b, θ, d, clamped), rtol=1e-9, atol=1e-12)


@given(problems())
def test_constraint_hessian_is_the_hessian_of_the_expected_kl(case):
    P, b, θ, _, d, over_steps = case
    E = exact.expectation(P, b, π, θ, d, over_steps)
    h = 1e-4
    e = h * np.eye(S * A)
    difference = [(E.constraint_gradient(θ + x) - E.constraint_gradient(θ - x)) / (2 * h) for x in e]
    np.testing.assert_allclose(E.constraint_hessian(), difference, rtol=1e-4, atol=1e-7)


@given(problems(), st.sampled_from([0.0, 0.1]))
def test_step_along_the_surrogates_is_the_limit_of_the_sampled_one(case, damping):
    """The matrix of the limit is E[share γ^(k-1) g gᵀ], also where an action decides how long a trajectory is."""
    P, b, θ, _, d, over_steps = case
    d = min(d, 3)
    M = NaturalPolicyUpdate(P, b, d, 1, 0.1, direction="surrogate", over_steps=over_steps, damping=damping)

    def moments(τ):
        g = [score(θ, s, a) for s, a, _ in τ]
        w = [step_share(τ, over_steps) * P.γ**k for k in range(len(τ))]
        F = sum((x * np.outer(y, y) for x, y in zip(w, g, strict=True)), np.zeros((S * A, S * A)))
        grad_U = sum((step_share(τ, over_steps) * to_go(τ, P.γ, k) * y for k, y in enumerate(g)), np.zeros(S * A))
        return np.column_stack([F, grad_U])

    both = expected(P, b, θ, d, moments)
    F, g = both[:, :-1] + damping * np.eye(S * A), both[:, -1]
    np.testing.assert_allclose(
        exact.expectation(P, b, π, θ, d, over_steps).surrogate_fisher(), both[:, :-1], atol=1e-12
    )
    u = np.linalg.lstsq(F, g, rcond=1e-11)[0]
    if g @ u > 1e-12:
        np.testing.assert_allclose(exact.step(M, π, θ).θ, θ + u * np.sqrt(0.2 / (g @ u)), rtol=1e-6, atol=1e-7)


def test_many_trajectories_step_along_the_surrogates_where_their_expectation_does():
    """Action 1 ends the trajectory: its steps have the larger share, which the Hessian of the constraint averages."""
    T = np.zeros((2, 2, 2))
    T[0] = np.eye(2)
    T[1, :, 1] = 1
    P = MDP.from_arrays(T, np.array([[1.0, 3.0], [0.0, 0.0]]), 0.9, terminal=lambda s: s == 1)
    policy, θ, b = SoftmaxPolicy(2, 2), np.array([0.3, 0.0, 0.0, 0.0]), [1.0, 0.0]
    M = NaturalPolicyUpdate(P, b, 3, 200_000, 0.1, direction="surrogate")
    limit, sampled = exact.step(M, policy, θ).θ - θ, step(M, policy, θ, rng=0).θ - θ
    np.testing.assert_allclose(sampled, limit, rtol=0.01)
    E = exact.expectation(P, b, policy, θ, 3)
    assert limit @ E.surrogate_fisher() @ limit == pytest.approx(0.2)
    assert abs(limit @ E.constraint_hessian() @ limit / 0.2 - 1) > 0.05


def test_utility_without_a_depth_limit_in_sight_is_policy_evaluation():
    P = StraightLineHexWorld(n=3)
    uniform = np.full((4, 6), 1 / 6)
    U = iterative_policy_evaluation(P, uniform, 7)
    assert exact.utility(P, P.b, SoftmaxPolicy(4, 6), np.zeros(24), 7) == pytest.approx(P.b @ U, rel=1e-12)


@pytest.mark.parametrize(("γ", "θ", "U", "grad_U", "F", "restricted", "natural", "kl"), UPDATES)
def test_regulator_table(γ, θ, U, grad_U, F, restricted, natural, kl):
    P, policy = SimpleRegulator(γ), LinearGaussianPolicy(0.0)
    case = (P, P.b, policy, θ)
    assert exact.utility(*case, 10) == pytest.approx(U, abs=5e-7)
    np.testing.assert_allclose(exact.utility_gradient(*case, 10), grad_U, atol=5e-7)
    np.testing.assert_allclose(exact.fisher(*case, 10), np.diag(F), atol=5e-7)
    M = NaturalPolicyUpdate(P, P.b, 10, 1, 0.01)
    np.testing.assert_allclose(
        exact.update(RestrictedPolicyUpdate(P, P.b, 10, 1, 0.01), policy, θ), restricted, atol=6e-7
    )
    np.testing.assert_allclose(exact.update(M, policy, θ), natural, atol=6e-7)
    assert exact.step(M, policy, θ).kl == pytest.approx(kl, rel=5e-6)
    assert exact.expected_kl(*case, exact.update(M, policy, θ), 10) == pytest.approx(kl, rel=5e-6)


@pytest.mark.parametrize(
    ("d", "γ", "θ", "ε", "nat", "nat_kl", "result", "backtracks", "before", "after"), LINE_SEARCHES
)
def test_large_sample_trust_region_table(d, γ, θ, ε, nat, nat_kl, result, backtracks, before, after):
    P, policy = SimpleRegulator(γ), LinearGaussianPolicy(0.0)
    natural = exact.update(NaturalPolicyUpdate(P, P.b, d, 1, ε), policy, θ)
    step = exact.step(TrustRegionUpdate(P, P.b, d, 1, ε, 0.5), policy, θ)
    np.testing.assert_allclose(natural, nat, atol=6e-7)
    assert exact.expected_kl(P, P.b, policy, θ, natural, d) == pytest.approx(nat_kl, rel=2e-5, abs=6e-7)
    np.testing.assert_allclose(step.θ, result, atol=6e-7)
    assert step.backtracks == backtracks
    f = exact.expected_surrogate(P, P.b, policy, θ, θ, d)
    assert f == pytest.approx(before, abs=6e-7)
    assert f + step.improvement == pytest.approx(after, abs=6e-7)


def test_regulator_hessians_are_those_of_the_expected_kl():
    P, policy, θ = SimpleRegulator(0.9), LinearGaussianPolicy(0.0), np.array([-0.3, 0.7])
    E = exact.expectation(P, P.b, policy, θ, 6)
    np.testing.assert_allclose(E.constraint_hessian(), hessian(E._constraint)(θ), rtol=1e-8, atol=1e-10)
    # the trajectory Fisher matrix is the Hessian of the summed, undiscounted KL
    undiscounted = exact.expectation(SimpleRegulator(1.0), P.b, policy, θ, 6, "sum")
    np.testing.assert_allclose(E.fisher(), undiscounted.constraint_hessian(), rtol=1e-12)


def test_regulator_objective_gradient_at_θ_is_the_step_mean_of_the_utility_gradient():
    P, policy, θ = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([-0.3, -0.7])
    E = exact.expectation(P, P.b, policy, θ, 6)
    np.testing.assert_allclose(6 * E.objective_gradient(θ), E.utility_gradient(), rtol=1e-10)


@pytest.mark.parametrize(
    ("θ", "θ_new", "ε"),
    [((0.0, 1.0), (-0.1, 1.02), 0.2), ((-0.5, 0.5), (-0.4, 0.4), 0.1), ((0.2, 0.5), (0.3, 0.5), 0.3)],
)
def test_regulator_clamped_gradient_against_truncated_normal_moments(θ, θ_new, ε):
    """Depth 2: the expected reward-to-go is -s² - γ ((s + a)² + 0.1²) at step 1 and -s² at step 2.

    In z = (a - θ₁' s) / σ' the integrand is a polynomial over the region where the ratio is not clamped.
    """
    P, policy, γ = SimpleRegulator(0.9), LinearGaussianPolicy(0.0), 0.9
    (θ1, σ), (η1, σ_new) = θ, θ_new
    expected = np.zeros(2)
    for k, (mean, sd) in enumerate(((0.3, 0.1), ((1 + θ1) * 0.3, np.sqrt((1 + θ1) ** 2 * 0.01 + σ**2 + 0.01)))):
        s, h = np.linspace(mean - 9 * sd, mean + 9 * sd, 400_001, retstep=True)
        shift = (η1 - θ1) * s  # log w = log(σ/σ') + ((σ' z + shift)/σ)² / 2 - z² / 2
        quadratic = (
            0.5 * (σ_new / σ) ** 2 - 0.5,
            σ_new * shift / σ**2,
            0.5 * (shift / σ) ** 2 + np.log(σ / σ_new / (1 - ε)),
        )
        if abs(quadratic[0]) < 1e-14:  # linear: one root; the region is on the side of the slope
            root = -quadratic[2] / quadratic[1]
            low, high = np.where(quadratic[1] > 0, root, -np.inf), np.where(quadratic[1] > 0, np.inf, root)
            outside = False
        else:
            discriminant = quadratic[1] ** 2 - 4 * quadratic[0] * quadratic[2]
            width = np.sqrt(np.maximum(discriminant, 0)) / (2 * abs(quadratic[0]))
            middle = -quadratic[1] / (2 * quadratic[0])
            low, high, outside = middle - width, middle + width, quadratic[0] > 0
        inside, whole = moments(low, high), [1, 0, 1, 0, 3]
        I = [w - x if outside else x for w, x in zip(whole, inside, strict=True)]
        x = (1 + η1) * s  # (s + a)² = (x + σ' z)²
        c = γ if k == 0 else 0.0
        L = (-(s**2) - c * (x**2 + 0.01), -2 * c * x * σ_new, -c * σ_new**2 + 0 * s)
        first = s / σ_new * sum(L[j] * I[j + 1] for j in range(3))
        second = sum(L[j] * (I[j + 2] - I[j]) for j in range(3)) / σ_new
        density = stats.norm(mean, sd).pdf(s)
        expected += 0.5 * γ**k * h * np.array([(density * first).sum(), (density * second).sum()])
    np.testing.assert_allclose(exact.clamped_gradient(P, P.b, policy, θ, θ_new, 2, ε), expected, rtol=1e-6)


def moments(low, high):
    """∫ zⁿ φ(z) dz from low to high, n = 0..4."""
    φ, power = stats.norm.pdf, lambda z, n: np.where(np.isfinite(z), z, 0.0) ** n
    I = [stats.norm.cdf(high) - stats.norm.cdf(low), φ(low) - φ(high)]
    for n in range(2, 5):
        I.append((n - 1) * I[n - 2] + power(low, n - 1) * φ(low) - power(high, n - 1) * φ(high))
    return I


@pytest.mark.parametrize("θ", [(0.0, 1.0), (-0.5, 0.5)])
def test_regulator_clamped_gradient_without_an_edge_is_the_surrogate_gradient(θ):
    P, policy, θ = SimpleRegulator(1.0), LinearGaussianPolicy(), np.array(θ)
    E = exact.expectation(P, P.b, policy, θ, 5)
    θ_new = θ + np.array([-0.1, 0.02])
    np.testing.assert_allclose(E.clamped_gradient(θ_new, 50.0), E.objective_gradient(θ_new), rtol=1e-10)


def regulator_updates(m):
    P = SimpleRegulator(0.9)
    b = P.b
    return {
        "gradient": PolicyGradientUpdate(RewardToGoGradient(P, b, 10, m), 0.001),
        "likelihood_ratio": PolicyGradientUpdate(LikelihoodRatioGradient(P, b, 10, m), 0.001),
        "baseline": PolicyGradientUpdate(BaselineSubtractionGradient(P, b, 10, m), 0.001),
        "finite_difference": PolicyGradientUpdate(FiniteDifferenceGradient(P, b, 10, m, 1e-3), 0.001),
        "restricted": RestrictedPolicyUpdate(P, b, 10, m, 0.01),
        "natural": NaturalPolicyUpdate(P, b, 10, m, 0.01),
        "natural_damped": NaturalPolicyUpdate(P, b, 10, m, 0.01, damping=10.0),
        "natural_surrogate": NaturalPolicyUpdate(P, b, 10, m, 0.01, direction="surrogate"),
        "trust_region": TrustRegionUpdate(P, b, 2, m, 1.0, 0.5),
        "trust_region_sum": TrustRegionUpdate(P, b, 10, m, 0.05, 0.5, direction="surrogate", over_steps="sum"),
        "clamped": ClampedSurrogateUpdate(P, b, 10, m, 0.2, 0.005, 3),
        "penalized": PenalizedSurrogateUpdate(P, b, 10, m, 1.0, 0.002, 3),
    }


def hex_world_updates(m):
    P = StraightLineHexWorld(n=3)
    return {
        "restricted": RestrictedPolicyUpdate(P, P.b, 3, m, 0.01),
        "natural": NaturalPolicyUpdate(P, P.b, 3, m, 0.01),
        "natural_surrogate": NaturalPolicyUpdate(P, P.b, 3, m, 0.01, direction="surrogate"),
        "trust_region": TrustRegionUpdate(P, P.b, 3, m, 0.5, 0.5),
        "clamped": ClampedSurrogateUpdate(P, P.b, 3, m, 0.2, 0.05, 3),
        "penalized": PenalizedSurrogateUpdate(P, P.b, 3, m, 1.0, 0.05, 3),
    }


def slope_of_the_error(updates, name, policy, θ):
    limit = exact.update(updates(1)[name], policy, θ)
    errors = []
    for m, repeats in ((1_000, 60), (10_000, 30), (100_000, 8)):
        M = updates(m)[name]
        Δ = np.array([update(M, policy, θ, rng=1000 + i) - limit for i in range(repeats)])
        errors.append(np.sqrt((Δ**2).sum(axis=1).mean()))
    return np.polyfit([3, 4, 5], np.log10(errors), 1)[0]


@pytest.mark.parametrize("name", regulator_updates(1000))
def test_error_on_the_regulator_falls_as_one_over_root_m(name):
    slope = slope_of_the_error(regulator_updates, name, LinearGaussianPolicy(), np.array([0.0, 1.0]))
    assert slope == pytest.approx(-0.5, abs=0.15)


@pytest.mark.parametrize("name", hex_world_updates(1000))
def test_error_on_hex_world_falls_as_one_over_root_m(name):
    θ = np.random.default_rng(0).normal(size=24) * 0.5
    assert slope_of_the_error(hex_world_updates, name, SoftmaxPolicy(4, 6), θ) == pytest.approx(-0.5, abs=0.15)


def test_true_utility_after_exact_trust_region_updates():
    P, policy = SimpleRegulator(1.0), LinearGaussianPolicy(0.0)
    for ε, U in TRUE_UTILITIES:
        θ = exact.update(TrustRegionUpdate(P, P.b, 10, 1, ε, 0.5), policy, (0, 1))
        assert exact.utility(P, P.b, policy, θ, 10) == pytest.approx(U, abs=6e-7)


def test_exact_small_steps_improve_the_true_utility():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        P = MDP.from_arrays(rng.dirichlet(np.ones(S), size=(S, A)), rng.normal(size=(S, A)), 0.9)
        θ, b = rng.normal(size=S * A), rng.dirichlet(np.ones(S))
        for M in (NaturalPolicyUpdate(P, b, 4, 1, 1e-4), TrustRegionUpdate(P, b, 4, 1, 1e-4, 0.5)):
            assert exact.utility(P, b, π, exact.update(M, π, θ), 4) > exact.utility(P, b, π, θ, 4)


def test_zero_gradient_leaves_θ_unchanged():
    P, policy = SimpleRegulator(), LinearGaussianPolicy()
    for M in (
        NaturalPolicyUpdate(P, P.b, 1, 1, 0.1),
        RestrictedPolicyUpdate(P, P.b, 1, 1, 0.1),
        TrustRegionUpdate(P, P.b, 1, 1, 0.1, 0.5),
    ):
        step = exact.step(M, policy, [0, 1])
        assert not step.accepted
        np.testing.assert_array_equal(step.θ, [0.0, 1.0])


@pytest.mark.parametrize("concentration", [1.0, 0.5])
def test_natural_steps_into_saturation_stay_finite_and_measured(concentration):
    """The slope ∇ᵀu underflows where the softmax is nearly deterministic: √(2ε / slope) u was ∞ · 0."""
    rng = np.random.default_rng(2)
    T, R = rng.dirichlet(np.full(5, concentration), size=(5, 3)), rng.normal(size=(5, 3))
    P, b = MDP.from_arrays(T, R, 0.9), rng.dirichlet(np.ones(5))
    M = NaturalPolicyUpdate(P, b, 150, 1, 0.1, direction="surrogate", over_steps="sum")
    θ, policy = np.zeros(15), SoftmaxPolicy(5, 3)
    for _ in range(40):
        taken = exact.step(M, policy, θ)
        assert np.isfinite([*taken.θ, taken.kl, taken.improvement]).all()
        θ = taken.θ
    assert not taken.accepted  # every action is certain by now


@pytest.mark.parametrize("direction", ["trajectory", "surrogate"])
@pytest.mark.parametrize("scale", [2.0**-700, 2.0**700])
def test_natural_step_does_not_depend_on_the_scale_of_the_rewards(direction, scale):
    rng = np.random.default_rng(0)
    T, R, b = rng.dirichlet(np.ones(S), size=(S, A)), rng.normal(size=(S, A)), np.full(S, 1 / S)
    options = {"direction": direction, "damping": 0.01}
    at_one, scaled = (
        exact.update(NaturalPolicyUpdate(MDP.from_arrays(T, r, 0.9), b, 5, 1, 0.1, **options), π, np.zeros(S * A))
        for r in (R, scale * R)
    )
    np.testing.assert_array_equal(scaled, at_one)


def test_callable_gradient_is_its_own_limit():
    M = PolicyGradientUpdate(lambda θ: -θ, 0.5, L2_max=1.0)
    np.testing.assert_allclose(exact.update(M, None, [3.0, 4.0]), [2.7, 3.6])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda P: exact.utility(P, lambda m, rng: rng.normal(size=m), LinearGaussianPolicy(), [0, 1], 3),
            "no exact answer",
        ),
        (
            lambda P: exact.utility(SimpleRegulator(truncated=True), P.b, LinearGaussianPolicy(), [0, 1], 3),
            "no exact answer",
        ),
        (lambda P: exact.utility(P, P.b, LinearGaussianPolicy(), [0, 1, 2], 3), "θ has shape"),
        (lambda P: exact.utility(P, P.b, LinearGaussianPolicy(), [0, 1], 0), "d = 0"),
        (
            lambda P: exact.update(
                PolicyGradientUpdate(RegressionGradient(P, P.b, 3, 9, 0.1), 0.1), LinearGaussianPolicy(), [0, 1]
            ),
            "no closed form",
        ),
        (
            lambda P: exact.clamped_gradient(P, stats.uniform(0, 1), LinearGaussianPolicy(), [0, 1], [0.1, 1], 2, 0.2),
            "normal",
        ),
        (
            lambda P: exact.clamped_gradient(
                StraightLineHexWorld(n=7),
                StraightLineHexWorld(n=7).b,
                SoftmaxPolicy(8, 6),
                np.zeros(48),
                np.ones(48),
                9,
                0.2,
            ),
            "trajectories to enumerate",
        ),
    ],
)
def test_where_nothing_exact_is_known_an_error_says_so(call, said):
    with pytest.raises(ValueError, match=said):
        call(SimpleRegulator())


def test_unknown_update_lists_the_known_ones():
    with pytest.raises(TypeError, match="NaturalPolicyUpdate"):
        exact.update(object(), π, np.zeros(6))


@pytest.mark.parametrize("ε", [1.0, 1.5])
def test_lower_clamp_that_never_acts_is_integrated_without_a_warning(ε):
    """With ε >= 1 every ratio counts: at θ_new = θ, where σ' = σ, the clamped gradient is that of the surrogate."""
    P, linear, θ = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([-0.3, 0.5])
    clamped = exact.clamped_gradient(P, P.b, linear, θ, θ, 4, ε)
    M = PenalizedSurrogateUpdate(P, P.b, 4, 1, β=0.0, α=1.0, k_max=1)
    np.testing.assert_allclose(clamped, exact.update(M, linear, θ) - θ, rtol=1e-8)
    moved = exact.update(ClampedSurrogateUpdate(P, P.b, 4, 1, ε, 1e-3, 3), linear, θ)
    assert np.isfinite(moved).all()


def test_moments_that_overflow_are_an_error_without_a_warning():
    P = SimpleRegulator(0.9)
    with pytest.raises(ValueError, match="squares of the states overflow within d = 4 steps"):
        exact.update(NaturalPolicyUpdate(P, P.b, 4, 1, 0.1), LinearGaussianPolicy(), [1e100, 1.0])


@pytest.mark.parametrize("direction", ["trajectory", "surrogate"])
def test_exact_natural_step_that_overflows_is_rejected_without_a_warning(direction):
    """σ² underflows: the Fisher matrix is infinite."""
    P, θ = SimpleRegulator(0.9), np.array([-0.3, 1e-200])
    taken = exact.step(NaturalPolicyUpdate(P, P.b, 4, 1, 0.1, direction=direction), LinearGaussianPolicy(0.0), θ)
    assert not taken.accepted
    assert "overflow" in taken.reason


def test_exact_gradient_beyond_float32_is_a_rejected_step_without_a_warning():
    """The expected squares of the states are within float64, their derivative is not within θ's float32."""
    P, θ = SimpleRegulator(1.0), np.array([1e16, 1.0], np.float32)
    taken = exact.step(RestrictedPolicyUpdate(P, P.b, 3, 1, 0.1), LinearGaussianPolicy(), θ)
    np.testing.assert_array_equal(taken.θ, θ)
    assert "overflows" in taken.reason
