"""Chapter 11: the five estimators against enumeration, closed forms, their own definitions, and awkward inputs."""

import warnings

import attrs
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from decision_making import (
    MDP,
    BaselineSubtractionGradient,
    FiniteDifferenceGradient,
    LikelihoodRatioGradient,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    RegressionGradient,
    RewardToGoGradient,
    SoftmaxPolicy,
    Trajectories,
    gradient,
    rollouts,
)
from decision_making.problems import HexWorld, SimpleRegulator
from decision_making.trajectories import mean_return, rewards_to_go
from tests import strategies
from tests.oracles import enumeration, regulator
from tests.support import counting

EXACT_GAUSSIAN = LinearGaussianPolicy(σ_min=0)
GAUSSIAN = LinearGaussianPolicy()
FROM_RECORDS = [LikelihoodRatioGradient, RewardToGoGradient, BaselineSubtractionGradient]
LINEAR = FROM_RECORDS[:2]  # linear in the rewards of each trajectory


class Untouchable:
    """A problem that must not be simulated."""

    S = None

    def __init__(self, γ=0.9):
        self.γ = γ

    def TR(self, s, a, rng):
        raise AssertionError("simulated")


def untouchable_start(m, rng):
    raise AssertionError("simulated")


def replay(Estimator, γ=0.9, **options):
    """An estimator for recorded trajectories: d and m are beside the point, and nothing can be simulated."""
    return Estimator(Untouchable(γ), untouchable_start, 7, 11, **options)


def with_rewards(τs, r):
    return Trajectories(τs.s, τs.a, np.where(τs.mask, r, 0), τs.mask, τs.s_end, τs.terminated, τs.truncated)


def weighted(E):
    """The enumerated trajectories with rewards × N × probability: the mean of what is linear in the rewards of each
    trajectory is then the exact expectation."""
    return with_rewards(E.trajectories(), E.r * (len(E.weights) * E.weights)[:, None])


def one_by_one(M, π, θ, τs):
    """The estimates from each trajectory alone, (N, n)."""
    return np.array([gradient(M, π, θ, τs=τs[[i]]) for i in range(len(τs))])


# a fixed problem small enough for N² pairs of trajectories
T = np.array([[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]])
R = np.array([[1.0, -0.5], [2.0, 0.3]])
B = np.array([0.4, 0.6])
SOFTMAX, θ_SOFTMAX = SoftmaxPolicy(2, 2), np.array([0.3, -0.5, 1.0, 0.2])


def enumerated(d, γ=0.8):
    P = MDP.from_arrays(T, R, γ)
    return P, enumeration.enumerate_problem(P, B, SOFTMAX, θ_SOFTMAX, d)


SCORES = enumeration.scores_of(SOFTMAX, θ_SOFTMAX)


# expectations (A3 - A7)


@pytest.mark.parametrize("Estimator", LINEAR)
@given(
    strategies.tabular_problems(n_states=st.just(2), n_actions=st.integers(1, 2), terminal=st.booleans()),
    st.integers(1, 3),
)
def test_expectation_is_the_gradient_of_the_utility(Estimator, problem, d):
    P, b, π, θ = problem
    E = enumeration.enumerate_problem(P, b, π, θ, d, n_terminal=int(P.terminal is not None))
    expected = E.utility_gradient(enumeration.scores_of(π, θ))
    np.testing.assert_allclose(gradient(replay(Estimator, P.γ), π, θ, τs=weighted(E)), expected, atol=1e-10)


def test_local_rewards_to_go_without_the_discount_would_be_another_gradient():
    _, E = enumerated(3)
    g = E.step_scores(SCORES)
    wrong = E.expectation(np.einsum("Nkn,Nk->Nn", g, E.local_rewards_to_go()))
    assert abs(wrong - E.utility_gradient(SCORES)).max() > 0.02
    got = gradient(replay(RewardToGoGradient, 0.8), SOFTMAX, θ_SOFTMAX, τs=weighted(E))
    np.testing.assert_allclose(got, E.utility_gradient(SCORES), atol=1e-10)


def test_scores_are_uncorrelated_with_earlier_rewards():
    _, E = enumerated(3)
    g = SOFTMAX.step_scores(θ_SOFTMAX, E.trajectories())
    for k in range(3):
        for l in range(3):
            moment = E.expectation(g[:, k] * E.r[:, l, None])
            if l < k:
                np.testing.assert_allclose(moment, 0, atol=1e-12)
            else:
                assert abs(moment).max() > 1e-4


@given(strategies.arrays((3, 2), strategies.numbers(-5.0, 5.0)))
def test_any_baseline_of_step_and_state_leaves_the_expectation(baseline):
    _, E = enumerated(3)
    τs = E.trajectories()
    G = rewards_to_go(τs, 0.8) - baseline[np.arange(3), τs.s]
    estimate = E.expectation(np.einsum("Nkn,Nk->Nn", SOFTMAX.step_scores(θ_SOFTMAX, τs), G))
    np.testing.assert_allclose(estimate, E.utility_gradient(SCORES), atol=1e-10)


def base_of(E, scores):
    """(base(τ), Σ ℓ_k) of each trajectory by loops, each (N, n)."""
    N, d = E.r.shape
    L, g = E.local_rewards_to_go(), E.step_scores(scores)
    base, total = np.zeros((N, g.shape[2])), np.zeros((N, g.shape[2]))
    for i in range(N):
        for c in range(g.shape[2]):
            l = [E.γ**k * g[i, k, c] for k in range(d)]
            below = sum(x**2 for x in l)
            base[i, c] = sum(x**2 * L[i, k] for k, x in enumerate(l)) / below if below > 0 else 0.0
            total[i, c] = sum(l)
    return base, total


@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)])
def test_baseline_of_the_same_trajectories_is_biased_by_exactly_one_mth_of_base_times_score(d, m):
    P, E = enumerated(d)
    τs, N = E.trajectories(), len(E.weights)
    M = BaselineSubtractionGradient(P, B, d, m)
    mean = np.zeros(SOFTMAX.n)
    for rows in np.ndindex((N,) * m):
        mean += E.weights[list(rows)].prod() * gradient(M, SOFTMAX, θ_SOFTMAX, τs=τs[list(rows)])
    base, total = base_of(E, SCORES)
    bias = -E.expectation(base * total) / m
    assert abs(bias).max() > 0.01
    np.testing.assert_allclose(mean, E.utility_gradient(SCORES) + bias, atol=1e-10)


@pytest.mark.parametrize("baseline", ["mean_of_ratios", "ratio_of_means"])
@pytest.mark.parametrize("d", [1, 2])
def test_leave_one_out_baseline_is_unbiased(baseline, d):
    P, E = enumerated(d)
    τs, N = E.trajectories(), len(E.weights)
    M = BaselineSubtractionGradient(P, B, d, 2, baseline=baseline, leave_one_out=True)
    pairs = np.ndindex(N, N)
    mean = sum(E.weights[i] * E.weights[j] * gradient(M, SOFTMAX, θ_SOFTMAX, τs=τs[[i, j]]) for i, j in pairs)
    np.testing.assert_allclose(mean, E.utility_gradient(SCORES), atol=1e-10)


def test_baseline_estimate_from_one_trajectory_of_one_step_is_zero():
    P = SimpleRegulator()
    for seed in range(5):
        got = gradient(BaselineSubtractionGradient(P, P.b, 1, 1), GAUSSIAN, np.array([-0.3, 0.5]), rng=seed)
        np.testing.assert_allclose(got, 0, atol=1e-12)


# sampling


@pytest.mark.parametrize("Estimator", FROM_RECORDS)
@pytest.mark.parametrize("γ", [1.0, 0.8])
def test_sampled_estimate_is_within_five_exact_standard_errors(Estimator, γ):
    d, m = 3, 20_000
    P, E = enumerated(d, γ)
    g, R_τ, G = E.step_scores(SCORES), E.returns(), E.rewards_to_go()
    whole = np.broadcast_to(R_τ[:, None], G.shape)
    x = np.einsum("Nkn,Nk->Nn", g, whole if Estimator is LikelihoodRatioGradient else G)
    if Estimator is BaselineSubtractionGradient:
        base, total = base_of(E, SCORES)
        x = x - E.expectation(base) * total
    error = gradient(Estimator(P, B, d, m), SOFTMAX, θ_SOFTMAX, rng=1) - E.utility_gradient(SCORES)
    assert (abs(error) <= 5 * np.sqrt(np.diag(E.covariance(x)) / m) + 10 / m).all()


# standard deviations of single estimates from six trajectories, depth 10, θ = (0, 1)
SPREAD = {
    (1.0, LikelihoodRatioGradient): (541, 186),
    (1.0, RewardToGoGradient): (420, 166),
    (1.0, BaselineSubtractionGradient): (324, 123),
    (0.9, LikelihoodRatioGradient): (271, 98),
    (0.9, RewardToGoGradient): (199, 85),
    (0.9, BaselineSubtractionGradient): (147, 60),
}


@pytest.mark.parametrize(("γ", "Estimator"), SPREAD)
def test_regulator_s_gradient_within_five_published_standard_errors(γ, Estimator):
    P, m, θ = SimpleRegulator(γ), 20_000, np.array([0.0, 1.0])
    error = gradient(Estimator(P, P.b, 10, m), EXACT_GAUSSIAN, θ, rng=2) - regulator.utility_gradient(γ, θ, 10)
    assert (abs(error) <= 5 * np.array(SPREAD[γ, Estimator]) * np.sqrt(6 / m)).all()


def test_variances_fall_from_likelihood_ratio_over_reward_to_go_to_exact_baseline():
    """Typical, not a theorem: asserted on this problem, rewards far from zero."""
    P = MDP.from_arrays(T, R + 3, 0.9)
    E = enumeration.enumerate_problem(P, B, SOFTMAX, θ_SOFTMAX, 3)
    τs, p = E.trajectories(), E.p
    V = np.zeros((4, 2))
    for k in (2, 1, 0):
        V[k] = (p * (R + 3 + 0.9 * T @ V[k + 1])).sum(axis=1)
    advantage = rewards_to_go(τs, 0.9) - 0.9 ** np.arange(3) * V[np.arange(3), τs.s]
    critic = np.einsum("Nkn,Nk->Nn", SOFTMAX.step_scores(θ_SOFTMAX, τs), advantage)
    ratio, to_go = (one_by_one(replay(Estimator, 0.9), SOFTMAX, θ_SOFTMAX, τs) for Estimator in LINEAR)
    spread = [np.trace(E.covariance(x)) for x in (ratio, to_go, critic)]
    assert spread[0] > 1.3 * spread[1] > 1.3**2 * spread[2]


# published examples


def test_example_11_3():
    τs = Trajectories.from_lists([[(0.0, a, a)] for a in (0.5, -1.0, 0.7)])
    # the action does not depend on the state here: θ₁ is the mean, so every state is 1
    τs = Trajectories(np.ones((3, 1)), τs.a, τs.r)
    for Estimator in LINEAR:
        got = gradient(replay(Estimator, 1.0), EXACT_GAUSSIAN, [0, 1], τs=τs)
        np.testing.assert_allclose(got, [0.58, -0.244], rtol=1e-12)


def test_example_12_1_s_gradients():
    τs = Trajectories.from_lists([[(1.0, a, a) for a in τ] for τ in ((-0.532, 0.597, 1.947), (-0.263, -2.212, 2.364))])
    got = gradient(replay(LikelihoodRatioGradient, 1.0), EXACT_GAUSSIAN, [0, 1], τs=τs)
    np.testing.assert_allclose(got, [2.030232, 1.019765], atol=1e-6)
    got = gradient(replay(RewardToGoGradient, 1.0), EXACT_GAUSSIAN, [0, 1], τs=τs)
    np.testing.assert_allclose(got, [4.760329, 6.948054], atol=1e-6)


class Uniform:
    """a uniform on [θ₁, scale θ₂]."""

    n = 2

    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, θ, s, rng):
        θ = θ.T
        return θ[0] + rng.random(s.shape) * (self.scale * θ[1] - θ[0])


PAYS_THE_ACTION = MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a))


def zeros(m, rng):
    return np.zeros(m)


@pytest.mark.parametrize(("scale", "expected"), [(1.0, [0.5, 0.5]), (100.0, [0.5, 50.0])])
def test_example_11_1(scale, expected):
    m = 20_000
    M = FiniteDifferenceGradient(PAYS_THE_ACTION, zeros, 1, m, 0.01)
    error = gradient(M, Uniform(scale), [0.0, 1.0], rng=0) - expected
    assert (abs(error) <= 5 * np.array([1, scale]) / np.sqrt(12 * m)).all()


# definitions, by loops


@given(strategies.records(), strategies.discounts, st.sampled_from(LINEAR))
def test_linear_estimators_are_their_definitions(record, γ, Estimator):
    π, θ, τs = record
    total = np.zeros(π.n)
    g = π.step_scores(θ, τs)
    for i, τ in enumerate(τs):
        r = [float(step[2]) for step in τ]
        for k in range(len(τ)):
            first = 0 if Estimator is LikelihoodRatioGradient else k
            total += g[i, k] * sum(γ**l * r[l] for l in range(first, len(τ)))
    np.testing.assert_allclose(gradient(replay(Estimator, γ), π, θ, τs=τs), total / len(τs), rtol=1e-9, atol=1e-9)


@given(
    strategies.records(m=st.integers(2, 5)),
    strategies.discounts,
    st.sampled_from(["mean_of_ratios", "ratio_of_means"]),
    st.booleans(),
)
def test_baseline_subtraction_is_its_definition(record, γ, baseline, leave_one_out):
    π, θ, τs = record
    m, g = len(τs), π.step_scores(θ, τs)
    expected = np.zeros(π.n)
    for c in range(π.n):
        above, below = np.zeros(m), np.zeros(m)
        L = [[sum(γ ** (j - k) * float(τ[j][2]) for j in range(k, len(τ))) for k in range(len(τ))] for τ in τs]
        for i, τ in enumerate(τs):
            above[i] = sum((γ**k * g[i, k, c]) ** 2 * L[i][k] for k in range(len(τ)))
            below[i] = sum((γ**k * g[i, k, c]) ** 2 for k in range(len(τ)))
        assume(((below == 0) | (below > 1e-6)).all())
        for i, τ in enumerate(τs):
            others = [j for j in range(m) if j != i or not leave_one_out]
            if baseline == "mean_of_ratios":
                base = np.mean([above[j] / below[j] if below[j] > 0 else 0.0 for j in others])
            else:
                base = above[others].sum() / below[others].sum() if below[others].sum() > 0 else 0.0
            expected[c] += sum(γ**k * g[i, k, c] * (L[i][k] - base) for k in range(len(τ))) / m
    M = replay(BaselineSubtractionGradient, γ, baseline=baseline, leave_one_out=leave_one_out)
    np.testing.assert_allclose(gradient(M, π, θ, τs=τs), expected, rtol=1e-8, atol=1e-8 * (1 + abs(g).max() ** 2))


# algebra on the same samples (A10 - A12)


@given(strategies.records(), strategies.discounts, strategies.numbers(-3.0, 3.0), st.sampled_from(FROM_RECORDS))
def test_scaled_rewards_scale_the_estimate(record, γ, c, Estimator):
    π, θ, τs = record
    M = replay(Estimator, γ)
    scaled, plain = (gradient(M, π, θ, τs=x) for x in (with_rewards(τs, c * τs.r), τs))
    np.testing.assert_allclose(scaled, c * plain, rtol=1e-10, atol=1e-9)


@given(strategies.records(), strategies.discounts, strategies.numbers(-3.0, 3.0), st.sampled_from(LINEAR))
def test_shifted_rewards_shift_the_estimate_by_the_discounted_steps_they_reach(record, γ, c, Estimator):
    π, θ, τs = record
    M, g = replay(Estimator, γ), π.step_scores(θ, τs)
    shift = np.zeros(π.n)
    for i, τ in enumerate(τs):
        for k in range(len(τ)):
            first = 0 if Estimator is LikelihoodRatioGradient else k
            shift += c * sum(γ**l for l in range(first, len(τ))) * g[i, k] / len(τs)
    shifted, plain = (gradient(M, π, θ, τs=x) for x in (with_rewards(τs, τs.r + c), τs))
    np.testing.assert_allclose(shifted - plain, shift, rtol=1e-8, atol=1e-8)


@given(strategies.gaussian_records(d=st.just(1)), strategies.numbers(-3.0, 3.0))
def test_baseline_takes_a_constant_of_single_rewards_away(record, c):
    π, θ, τs = record
    M = replay(BaselineSubtractionGradient)
    g = π.step_scores(θ, τs)
    assume((abs(g) > 1e-3).all())
    shifted, plain = (gradient(M, π, θ, τs=x) for x in (with_rewards(τs, τs.r + c), τs))
    np.testing.assert_allclose(shifted, plain, atol=1e-8 * (1 + abs(g).max()))


@given(strategies.records(), strategies.discounts, st.randoms(), st.sampled_from(FROM_RECORDS))
def test_order_and_repetition_of_the_trajectories_do_not_matter(record, γ, random, Estimator):
    π, θ, τs = record
    order = list(range(len(τs)))
    random.shuffle(order)
    M = replay(Estimator, γ)
    estimate = gradient(M, π, θ, τs=τs)
    for rows in (order, order * 2):
        np.testing.assert_allclose(gradient(M, π, θ, τs=τs[rows]), estimate, rtol=1e-9, atol=1e-9)


@given(strategies.records(m=st.integers(2, 5)), strategies.discounts, st.data(), st.sampled_from(LINEAR))
def test_estimate_is_the_weighted_mean_of_its_parts(record, γ, data, Estimator):
    π, θ, τs = record
    m, M = len(τs), replay(Estimator, γ)
    cut = data.draw(st.integers(1, m - 1))
    parts = cut * gradient(M, π, θ, τs=τs[:cut]) + (m - cut) * gradient(M, π, θ, τs=τs[cut:])
    np.testing.assert_allclose(gradient(M, π, θ, τs=τs), parts / m, rtol=1e-9, atol=1e-9)


@given(strategies.records(full=st.just(False)), strategies.discounts, st.sampled_from(FROM_RECORDS))
def test_what_is_written_on_padding_does_not_count(record, γ, Estimator):
    π, θ, τs = record
    s, a = τs.s.copy(), τs.a.copy()
    s[~τs.mask], a[~τs.mask] = τs.s.ravel()[0], τs.a.ravel()[0]
    other = Trajectories(s, a, τs.r, τs.mask)
    M = replay(Estimator, γ)
    np.testing.assert_allclose(gradient(M, π, θ, τs=other), gradient(M, π, θ, τs=τs), rtol=1e-10, atol=1e-10)


# finite differences (algorithm 11.2)


class Deterministic:
    """a = θ₁ s + θ₂, nothing random. Remembers the parameters it was called with."""

    n = 2

    def __init__(self):
        self.calls = []

    def __call__(self, θ, s, rng):
        self.calls.append(np.array(θ))
        θ = θ.T
        return θ[0] * s + θ[1]


def drift(s, a, rng):
    return s + a, -(s**2)


def ones(m, rng):
    return np.ones(m)


def noise_free_utility(θ, d, γ):
    s, U = 1.0, 0.0
    for k in range(d):
        U -= γ**k * s**2
        s = s + θ[0] * s + θ[1]
    return U


@given(strategies.parameters(2, -1.0, 1.0), strategies.depths, strategies.discounts, st.sampled_from([0.1, 0.01]))
@pytest.mark.parametrize("common", [True, False])
def test_noise_free_finite_difference_is_the_forward_difference_of_the_utility(common, θ, d, γ, δ):
    P = MDP(γ, None, None, None, None, drift)
    M = FiniteDifferenceGradient(P, ones, d, 3, δ, common_random_numbers=common)
    U = noise_free_utility(θ, d, γ)
    expected = [(noise_free_utility(θ + e, d, γ) - U) / δ for e in δ * np.eye(2)]
    np.testing.assert_allclose(gradient(M, Deterministic(), θ, rng=0), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("common", [True, False])
def test_finite_difference_expects_the_forward_difference(common):
    d, m, δ = 2, 20_000, 0.5
    P, E = enumerated(d)
    got = gradient(FiniteDifferenceGradient(P, B, d, m, δ, common_random_numbers=common), SOFTMAX, θ_SOFTMAX, rng=3)
    spread = np.sqrt(E.covariance(E.returns()[:, None])[0, 0])
    for i, e in enumerate(δ * np.eye(4)):
        other = enumeration.enumerate_problem(P, B, SOFTMAX, θ_SOFTMAX + e, d)
        error = got[i] - (other.utility() - E.utility()) / δ
        other_spread = np.sqrt(other.covariance(other.returns()[:, None])[0, 0])
        assert abs(error) <= 5 * (spread + other_spread) / (δ * np.sqrt(m))


def test_finite_difference_with_common_random_numbers_does_not_blow_up_as_the_difference_shrinks():
    P, θ = SimpleRegulator(), np.array([-0.5, 0.3])
    coarse, fine = (gradient(FiniteDifferenceGradient(P, P.b, 4, 50, δ), GAUSSIAN, θ, rng=0) for δ in (1e-4, 1e-6))
    np.testing.assert_allclose(fine, coarse, rtol=1e-3)
    fresh = FiniteDifferenceGradient(P, P.b, 4, 50, 1e-6, common_random_numbers=False)
    assert abs(gradient(fresh, GAUSSIAN, θ, rng=0)).max() > 1e3  # the book's form: noise of order 1 / δ


@pytest.mark.parametrize(("common", "simulations"), [(True, 3), (False, 4)])
def test_finite_difference_simulates_n_plus_one_times_m_or_twice_n_times_m_rollouts(common, simulations):
    P, rows = counting(MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a)))
    gradient(FiniteDifferenceGradient(P, zeros, 2, 5, 0.1, common_random_numbers=common), Deterministic(), [0.0, 1.0])
    assert rows == [5] * (simulations * 2)


# regression (algorithm 11.3)


class Linear:
    """a = c·θ, whatever the state; remembers its θ."""

    def __init__(self, c, quadratic=0.0):
        self.c, self.n, self.quadratic, self.calls = np.array(c, float), len(c), quadratic, []

    def __call__(self, θ, s, rng):
        self.calls.append(np.array(θ))
        return np.broadcast_to(θ @ self.c + self.quadratic * (θ**2).sum(axis=-1), s.shape).copy()


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(strategies.parameters(n), strategies.parameters(n))), st.data())
def test_regression_on_a_linear_utility_is_exact_from_n_perturbations_of_the_given_length_on(case, data):
    c, θ = case
    n, δ = len(c), data.draw(st.sampled_from([0.1, 1.0]))
    m = data.draw(st.integers(n, 2 * n + 2))
    for base in ("fresh", "shared"):
        π = Linear(c)
        got = gradient(RegressionGradient(PAYS_THE_ACTION, zeros, 1, m, δ, base=base), π, θ, rng=5)
        np.testing.assert_allclose(got, c, atol=1e-6)
        perturbed = next(x for x in π.calls if x.ndim == 2)
        assert perturbed.shape == (m, n)
        np.testing.assert_allclose(np.linalg.norm(perturbed - θ, axis=1), δ, rtol=1e-9)


def test_regression_with_fewer_perturbations_than_parameters_warns():
    c, θ = np.array([1.0, -2.0, 0.5, 3.0]), np.zeros(4)
    π = Linear(c)
    with pytest.warns(UserWarning, match=r"RegressionGradient\.m = 2 < n = 4"):
        got = gradient(RegressionGradient(PAYS_THE_ACTION, zeros, 1, 2, 0.1), π, θ, rng=5)
    D = next(x for x in π.calls if x.ndim == 2)
    projection = D.T @ np.linalg.solve(D @ D.T, D @ c)  # of the gradient on the span of the perturbations
    np.testing.assert_allclose(got, projection, rtol=1e-9)


def test_regression_with_as_many_perturbations_as_parameters_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient(RegressionGradient(PAYS_THE_ACTION, zeros, 1, 2, 0.1), Linear([1.0, 2.0]), np.zeros(2), rng=5)


class Mirrored(np.random.Generator):
    """The same stream with the sign of its normal numbers turned."""

    def standard_normal(self, *args, **kwargs):
        return -super().standard_normal(*args, **kwargs)


def test_regression_error_on_a_quadratic_utility_flips_with_the_perturbations():
    c, θ = np.array([1.0, -2.0, 0.5]), np.array([0.2, -0.1, 0.4])
    M, exact = RegressionGradient(PAYS_THE_ACTION, zeros, 1, 8, 0.3), c + 2 * 0.7 * θ
    one, two = (
        gradient(M, Linear(c, 0.7), θ, rng=Generator(np.random.PCG64(3))) - exact
        for Generator in (np.random.Generator, Mirrored)
    )
    assert abs(one).max() > 1e-3
    np.testing.assert_allclose(one, -two, atol=1e-10)


def test_regression_perturbations_have_no_preferred_direction():
    π, m = Linear(np.ones(3)), 3000
    gradient(RegressionGradient(PAYS_THE_ACTION, zeros, 1, m, 1.0), π, np.zeros(3), rng=0)
    D = next(x for x in π.calls if x.ndim == 2)
    assert (abs(D.mean(axis=0)) <= 5 / np.sqrt(3 * m)).all()
    # entries of D Dᵀ have mean 1/3 on the diagonal, variance 4/45; 0 off it, variance 1/15
    assert abs(D.T @ D / m - np.eye(3) / 3).max() <= 5 * np.sqrt(4 / 45 / m)


@pytest.mark.parametrize("base", ["fresh", "shared"])
def test_regression_subtracts_a_rollout_each_or_their_mean(base):
    paid = []

    def TR(s, a, rng):
        paid.append(a + rng.normal(size=a.shape))
        return s, paid[-1]

    π, m, δ = Linear([1.0, 2.0]), 6, 0.5
    P = MDP(1.0, None, None, None, None, TR)
    got = gradient(RegressionGradient(P, zeros, 1, m, δ, base=base), π, np.zeros(2), rng=0)
    at = [x.ndim for x in π.calls]
    perturbed, plain = paid[at.index(2)], paid[at.index(1)]
    assert len(paid) == 2
    assert len(plain) == m
    ΔU = perturbed - (plain if base == "fresh" else plain.mean())
    np.testing.assert_allclose(got, np.linalg.pinv(π.calls[at.index(2)]) @ ΔU, rtol=1e-9)


@pytest.mark.parametrize("base", ["fresh", "shared"])
def test_regression_on_the_regulator_finds_the_exact_gradient(base):
    P, θ, m, δ, d = SimpleRegulator(0.9), np.array([-0.5, 0.3]), 20_000, 0.05, 4
    got = gradient(RegressionGradient(P, P.b, d, m, δ, base=base), EXACT_GAUSSIAN, θ, rng=1)
    R_τ = rollouts(P, P.b, EXACT_GAUSSIAN, θ, d, m, 2).r @ 0.9 ** np.arange(d)
    error = np.sqrt(2 * R_τ.var() / m) / (δ / np.sqrt(2))  # noise 2 Var R on each ΔU, E[Δ Δᵀ] = δ² I / 2
    assert (abs(got - regulator.utility_gradient(0.9, θ, d)) <= 6 * error).all()


@pytest.mark.parametrize("Estimator", [FiniteDifferenceGradient, RegressionGradient])
def test_estimators_that_perturb_refuse_recorded_trajectories(Estimator):
    τs = Trajectories.from_lists([[(0.0, 0.0, 0.0)]])
    with pytest.raises(ValueError, match=rf"τs: {Estimator.__name__}"):
        gradient(Estimator(Untouchable(), untouchable_start, 1, 4, 0.1), GAUSSIAN, [0.0, 1.0], τs=τs)


# awkward inputs


@pytest.mark.parametrize("baseline", ["mean_of_ratios", "ratio_of_means"])
def test_baseline_component_with_zero_scores_has_base_zero(baseline):
    """State 1 is never visited, and state 0 only by one of two trajectories."""
    π, θ = SoftmaxPolicy(3, 2), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    τs = Trajectories.from_lists([[(0, 1, 2.0), (2, 0, 1.0)], [(2, 1, -1.0)]])
    got = gradient(replay(BaselineSubtractionGradient, 1.0, baseline=baseline), π, θ, τs=τs)
    assert np.isfinite(got).all()
    assert (got[2:4] == 0).all()
    p = np.exp(0.2) / (np.exp(0.1) + np.exp(0.2))
    base = 3.0 / 2 if baseline == "mean_of_ratios" else 3.0  # the second trajectory's ratio is 0/0, which is 0
    np.testing.assert_allclose(got[1], (1 - p) * (3.0 - base) / 2, rtol=1e-12)


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_deterministic_problem_of_one_action_has_gradient_zero(leave_one_out):
    π = SoftmaxPolicy(2, 1)
    τs = Trajectories.from_lists([[(0, 0, 1.0), (1, 0, 1.0)], [(1, 0, 5.0)]])
    M = replay(BaselineSubtractionGradient, 1.0, leave_one_out=leave_one_out)
    for estimator in (M, replay(LikelihoodRatioGradient), replay(RewardToGoGradient)):
        assert not gradient(estimator, π, np.array([0.5, -0.5]), τs=τs).any()


@pytest.mark.parametrize("Estimator", FROM_RECORDS)
@pytest.mark.parametrize("P", [MDP.from_arrays(T, R, 1.0, terminal=lambda s: np.full(np.shape(s), True))])
def test_trajectories_that_end_before_they_start_give_gradient_zero(Estimator, P):
    assert not gradient(Estimator(P, B, 3, 5), SOFTMAX, θ_SOFTMAX, rng=0).any()


@pytest.mark.parametrize("Estimator", FROM_RECORDS)
def test_one_trajectory_of_one_step_works(Estimator):
    P = SimpleRegulator()
    assert np.isfinite(gradient(Estimator(P, P.b, 1, 1), GAUSSIAN, np.array([0.0, 1.0]), rng=0)).all()


@pytest.mark.parametrize("Estimator", FROM_RECORDS)
def test_recorded_trajectories_are_used_as_they_are_and_nothing_is_simulated(Estimator):
    P, θ = SimpleRegulator(0.9), np.array([-0.3, 0.5])
    τs = rollouts(P, P.b, GAUSSIAN, θ, 5, 9, 4)
    got = gradient(replay(Estimator), GAUSSIAN, θ, τs=τs)
    np.testing.assert_array_equal(got, gradient(Estimator(P, P.b, 5, 9), GAUSSIAN, θ, rng=4))


@pytest.mark.parametrize("Estimator", FROM_RECORDS)
@pytest.mark.parametrize("quantity", ["reward", "state", "action"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_recorded_value_that_is_not_finite_is_named(Estimator, quantity, bad):
    arrays = {x: np.ones((3, 2)) for x in "sar"}
    arrays[quantity[0]][2, 1] = bad
    with pytest.raises(ValueError, match=rf"{quantity} of trajectory 2, step 1 .*{bad}"):
        gradient(replay(Estimator), GAUSSIAN, [0.0, 1.0], τs=Trajectories(**arrays))


@pytest.mark.parametrize("Estimator", FROM_RECORDS)
def test_rewards_whose_sum_overflows_are_an_error_without_a_warning(Estimator):
    τs = Trajectories(np.ones((2, 3)), np.ones((2, 3)), np.full((2, 3), 1e308))
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"overflow|finite"):
            gradient(replay(Estimator, 1.0), GAUSSIAN, [0.0, 1.0], τs=τs)


ALL = [
    *FROM_RECORDS,
    lambda P, b, d, m: FiniteDifferenceGradient(P, b, d, m, 0.1),
    lambda P, b, d, m: RegressionGradient(P, b, d, m, 0.1),
]


@pytest.mark.parametrize("make", ALL)
def test_same_seed_same_bits_and_no_global_state(make):
    P, θ = SimpleRegulator(), np.array([-0.3, 0.5])
    M, results = make(P, P.b, 3, 8), []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(gradient(M, GAUSSIAN, θ, rng=7))
        assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0], gradient(M, GAUSSIAN, θ, rng=np.random.default_rng(7)))
    assert (gradient(M, GAUSSIAN, θ, rng=8) != results[0]).all()


@pytest.mark.parametrize("make", ALL)
def test_float32_parameters_give_a_float32_gradient(make):
    P = SimpleRegulator()
    got = gradient(make(P, P.b, 3, 8), GAUSSIAN, np.array([-0.3, 0.5], np.float32), rng=7)
    assert got.dtype == np.float32
    assert got.shape == (2,)
    assert gradient(make(P, P.b, 3, 8), GAUSSIAN, np.array([-0.3, 0.5]), rng=7).dtype == np.float64


@pytest.mark.parametrize("make", ALL)
def test_integer_or_list_parameters_are_converted_and_never_changed(make):
    P = SimpleRegulator()
    M, θ = make(P, P.b, 3, 8), np.array([-1.0, 1.0])
    θ.setflags(write=False)
    expected = gradient(M, GAUSSIAN, θ, rng=7)
    for other in ([-1, 1], np.array([-1, 1]), (-1.0, 1.0)):
        np.testing.assert_array_equal(gradient(M, GAUSSIAN, other, rng=7), expected)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("θ", [[0.0], [0.0, 1.0, 2.0], [[0.0, 1.0]], [0.0, np.nan], [np.inf, 1.0], "ab", None])
def test_bad_parameters_of_the_policy_are_an_error_before_any_rollout(make, θ):
    with pytest.raises((ValueError, TypeError), match="θ"):
        gradient(make(Untouchable(), untouchable_start, 3, 4), GAUSSIAN, θ, rng=0)


def test_start_vector_must_count_the_states():
    with pytest.raises(ValueError, match=r"LikelihoodRatioGradient\.b = .*25 states"):
        LikelihoodRatioGradient(HexWorld(), np.full(24, 1 / 24), 3, 4)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replay(BaselineSubtractionGradient, baseline="median"), r"\.baseline = 'median'"),
        (lambda: replay(BaselineSubtractionGradient, leave_one_out=1), r"\.leave_one_out = 1"),
        (lambda: RegressionGradient(Untouchable(), zeros, 1, 1, 0.1, base="both"), r"\.base = 'both'"),
        (
            lambda: FiniteDifferenceGradient(Untouchable(), zeros, 1, 1, 0.1, common_random_numbers="no"),
            r"\.common_random_numbers = 'no'",
        ),
        (
            lambda: BaselineSubtractionGradient(Untouchable(), zeros, 1, 1, leave_one_out=True),
            r"BaselineSubtractionGradient\.m = 1",
        ),
    ],
)
def test_bad_option_is_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_leave_one_out_needs_two_recorded_trajectories():
    τs = Trajectories.from_lists([[(0.1, 0.2, -1.0)]])
    with pytest.raises(ValueError, match="leave_one_out needs at least 2"):
        gradient(replay(BaselineSubtractionGradient, leave_one_out=True), GAUSSIAN, [0.0, 1.0], τs=τs)


@pytest.mark.parametrize("M", [None, 3, "RewardToGoGradient", RewardToGoGradient, SimpleRegulator()])
def test_unknown_estimator_gets_a_list_of_the_known(M):
    with pytest.raises(
        TypeError, match=r"BaselineSubtractionGradient, .*FiniteDifferenceGradient, .*RewardToGoGradient"
    ):
        gradient(M, GAUSSIAN, [0.0, 1.0])


def test_recorded_trajectories_of_another_kind_are_refused_by_name():
    with pytest.raises(TypeError, match=r"τs = list.*from_lists"):
        gradient(replay(RewardToGoGradient), GAUSSIAN, [0.0, 1.0], τs=[[(0.0, 0.0, 0.0)]])


def test_fields_go_in_the_book_s_order():
    P = Untouchable()
    for Estimator in FROM_RECORDS:
        M = Estimator(P, zeros, 3, 4)
        assert (M.P, M.b, M.d, M.m) == (P, zeros, 3, 4)
    for Estimator in (FiniteDifferenceGradient, RegressionGradient):
        M = Estimator(P, zeros, 3, 4, 0.1)
        assert (M.P, M.b, M.d, M.m, M.δ) == (P, zeros, 3, 4, 0.1)


def test_warning_of_too_few_perturbations_recommends_twice_the_parameters():
    π = SoftmaxPolicy(2, 3)
    problem = MDP.from_arrays(np.full((2, 3, 2), 0.5), np.zeros((2, 3)), 0.9)
    with pytest.warns(UserWarning, match=r"m = 2 < n = 6.*take m >= 12"):
        gradient(RegressionGradient(problem, [0.5, 0.5], 2, 2, 0.1), π, np.zeros(6), rng=0)


@pytest.mark.parametrize("b", [[1.0], [0.5, 0.3, 0.2]])
def test_start_vector_of_another_length_than_the_states_is_an_error(b):
    problem = MDP.from_arrays(np.full((2, 3, 2), 0.5), np.zeros((2, 3)), 0.9)
    with pytest.raises(ValueError, match=r"b = .*2 states"):
        LikelihoodRatioGradient(problem, b, 2, 2)


@pytest.mark.parametrize(
    ("Estimator", "options"),
    [
        (FiniteDifferenceGradient, (0.1, False)),
        (RegressionGradient, (0.1, "shared")),
        (BaselineSubtractionGradient, ("ratio_of_means",)),
        (BaselineSubtractionGradient, ("mean_of_ratios", True)),
    ],
)
def test_options_are_given_by_name(Estimator, options):
    with pytest.raises(TypeError, match="positional"):
        Estimator(SimpleRegulator(), SimpleRegulator().b, 2, 2, *options)


def test_different_seeds_give_different_common_random_numbers():
    M = FiniteDifferenceGradient(SimpleRegulator(), SimpleRegulator().b, 2, 1, 0.1)
    estimates = {tuple(gradient(M, GAUSSIAN, [0.0, 1.0], rng=seed)) for seed in range(200)}
    assert len(estimates) == 200


# ---- overflow

HUGE = 1e307
FROM_ROLLOUTS = [
    lambda P: FiniteDifferenceGradient(P, START, 1, 20, 1e-3),
    lambda P: FiniteDifferenceGradient(P, START, 1, 20, 1e-3, common_random_numbers=False),
    lambda P: RegressionGradient(P, START, 1, 20, 1e-3),
    lambda P: RegressionGradient(P, START, 1, 20, 1e-3, base="shared"),
]


def START(m, rng):
    return np.ones(m)


def paying(reward):
    """A problem of one step whose reward is reward(a)."""
    return MDP(1.0, None, None, None, None, lambda s, a, rng: (s, reward(a)))


@pytest.mark.parametrize("baseline", ["mean_of_ratios", "ratio_of_means"])
@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_baseline_subtraction_refuses_an_estimate_that_overflows(baseline, leave_one_out, dtype):
    """As its siblings do: no NaN, no warning."""
    M = replay(BaselineSubtractionGradient, baseline=baseline, leave_one_out=leave_one_out)
    s, a = np.random.default_rng(0).normal(size=(2, 5, 2))
    τs = Trajectories(s, a, np.where(np.arange(2), HUGE, [[HUGE], [-HUGE], [HUGE], [0.5 * HUGE], [HUGE]]))
    with pytest.raises(ValueError, match=r"the gradient estimate is .* overflow"):
        gradient(M, GAUSSIAN, np.array([0.0, 0.01], dtype), τs=τs)


@pytest.mark.parametrize("make", FROM_ROLLOUTS)
def test_difference_of_returns_that_overflows_is_an_error(make):
    """Returns of ±1e307 are finite, their difference over a distance of 0.001 is not."""
    with pytest.raises(ValueError, match=r"the gradient estimate is .* overflow"):
        gradient(make(paying(lambda a: HUGE * np.sin(1e6 * a))), GAUSSIAN, np.array([0.0, 1.0]), rng=0)


@pytest.mark.parametrize("make", [*FROM_RECORDS, *FROM_ROLLOUTS])
def test_estimate_beyond_float32_is_an_error_without_a_warning(make):
    """Rewards of 1e39 are within float64 alone; θ decides the type of the estimate."""
    θ = np.array([0.0, 1.0], np.float32)
    if make in FROM_RECORDS:
        s, a, r = np.random.default_rng(0).normal(size=(3, 5, 2))
        M, given = replay(make), {"τs": Trajectories(s, a, 1e39 * r)}
    else:
        M, given = make(paying(lambda a: 1e39 * a.astype(np.float64))), {"rng": 0}
    with pytest.raises(ValueError, match=r"the gradient estimate is .* overflow"):
        gradient(M, GAUSSIAN, θ, **given)


@pytest.mark.parametrize("make", FROM_ROLLOUTS)
def test_perturbation_beyond_float32_is_an_error_without_a_warning(make):
    M = attrs.evolve(make(paying(np.sign)), δ=1e39)
    with pytest.raises(ValueError, match="every parameter must be finite"):
        gradient(M, GAUSSIAN, np.array([0.0, 1.0], np.float32), rng=0)


def test_mean_return_is_finite_where_the_sum_of_returns_overflows():
    R = np.array([[1e308, 1.5e308, -0.5e308, 1e308], [1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(mean_return(R), [0.75e308, 2.5, 0.0])
    np.testing.assert_allclose(mean_return(R[0]), 0.75e308)
    np.testing.assert_array_equal(mean_return(R[1:]), R[1:].mean(axis=1))


@pytest.mark.parametrize("make", FROM_ROLLOUTS)
def test_equal_returns_whose_sum_overflows_have_no_gradient(make):
    M = make(paying(lambda a: np.full(len(a), 1e308)))
    np.testing.assert_array_equal(gradient(M, GAUSSIAN, np.array([0.0, 1.0]), rng=0), 0.0)


@pytest.mark.parametrize(
    "options", [{}, {"leave_one_out": True}, {"baseline": "ratio_of_means", "leave_one_out": True}]
)
def test_score_that_is_zero_but_for_rounding_has_no_base(options):
    """In state 1 both actions have the features (1/3, 1/3): their scores are 0, in floating-point numbers 1e-17."""
    features = np.array([[[0.0, 1.0], [1.0, 0.3]], [[1 / 3, 1 / 3], [1 / 3, 1 / 3]]])
    θ, γ = np.array([0.3, -0.7]), 0.9
    M = BaselineSubtractionGradient(tabular_problem(γ), [0.5, 0.5], 2, 3, **options)
    s, a = np.array([[0, 0], [1, 1], [1, 1]]), np.array([[0, 1], [1, 0], [0, 0]])
    r = np.array([[1.0, 2.0], [50.0, -30.0], [20.0, 70.0]])
    found = gradient(M, LinearSoftmaxPolicy(features), θ, τs=Trajectories(s, a, r))
    # the same where these scores are 0 to the last digit
    features[1] = 0
    expected = gradient(M, LinearSoftmaxPolicy(features), θ, τs=Trajectories(s, a, r))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def tabular_problem(γ):
    return MDP.from_arrays(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), γ)


def test_base_from_the_others_is_theirs_where_their_scores_are_tiny():
    """The sum of all less one's own left 1e-16 of squares of 1e-17, and a base as wrong as that."""
    θ = np.array([0.0, -20.0])  # action 1 has probability 2e-9: the score of taking 0 is -2e-9, its square 4e-18
    M = BaselineSubtractionGradient(
        MDP.from_arrays(np.ones((1, 2, 1)), np.zeros((1, 2)), 0.9),
        *([1.0], 1, 3),
        baseline="ratio_of_means",
        leave_one_out=True,
    )
    τs = Trajectories(np.zeros((3, 1), int), np.array([[1], [0], [0]]), np.array([[5.0], [2.0], [4.0]]))
    found = gradient(M, SoftmaxPolicy(1, 2), θ, τs=τs)
    # the base of the first is the mean of 2 and 4, its score (-1, 1) but for 2e-9; the others hardly count
    np.testing.assert_allclose(found, np.array([-1, 1]) * (5 - 3) / 3, rtol=1e-7)
