"""Actor-critic gradients against the loops of the book, finite differences and exact expectations; their updates."""

import re

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, strategies as st

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
    explain,
    gradient,
    rollouts,
    standard_error,
    step,
    surrogate_constraint,
    update,
)
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.actor_critic import (
    ActorCritic,
    ActorCriticUpdate,
    DeterministicPolicyGradient,
    GeneralizedAdvantageEstimation,
    advantages,
)
from tests.oracles import enumeration, regulator
from tests.strategies import arrays, discounts, ended_trajectories, gaussian_parameters, numbers
from tests.support import gradient_of

EXACT = {"rtol": 1e-9, "atol": 1e-10}
GAUSSIAN = LinearGaussianPolicy(σ_min=0.0)
REGULATOR = SimpleRegulator(0.9)
B = REGULATOR.b
MODES = st.sampled_from(["book", "bootstrap"])
θ_0, φ_0 = np.array([-0.2, 0.7]), np.array([0.1, -0.8])


def U(φ, s):
    return φ[0] * s + φ[1] * s**2


def U_curved(φ, s):
    return φ[0] * anp.tanh(φ[1] * s) + φ[2] * s**2


def nothing(φ, s):
    return 0.0 * s


def Q(φ, s, a):
    return φ[0] + φ[1] * s + φ[2] * s**2 + φ[3] * (s + a) ** 2


def straight(θ, s):
    return θ[0] * s


def problem(γ):
    return SimpleRegulator(γ)


class Counting(SimpleRegulator):
    """A regulator that counts the steps asked of it."""

    calls = 0

    def TR(self, s, a, rng):
        type(self).calls += 1
        return SimpleRegulator.TR(self, s, a, rng)


@pytest.fixture
def counting():
    Counting.calls = 0
    return Counting(0.9)


def same_steps(τs, r):
    return Trajectories(τs.s, τs.a, r, τs.mask, τs.s_end, τs.terminated)


# ---------------------------------------------------------------- the listings, one trajectory and one step at a time


def score(θ, a, s):
    """∇log N(a; θ₁ s, θ₂²) by hand."""
    z = a - θ[0] * s
    return np.array([z * s / θ[1] ** 2, (z**2 - θ[1] ** 2) / θ[1] ** 3])


def actor_critic_by_loops(τs, θ, φ, γ, λ, last_step):
    """Algorithms 13.1 and 13.2 with U = φ₁ s + φ₂ s²."""
    grad_θ, grad_φ = np.zeros(2), np.zeros(2)
    for i, τ in enumerate(τs):
        s, a, r = ([x[j] for x in τ] for j in range(3))
        d, δ = len(τ), []
        for k in range(d):
            if k + 1 < d:
                δ.append(r[k] + γ * U(φ, s[k + 1]) - U(φ, s[k]))
            elif last_step == "bootstrap":
                δ.append(r[k] + γ * (0.0 if τs.terminated[i] else U(φ, τs.s_end[i])) - U(φ, s[k]))
        for k in range(len(δ)):
            A = sum((γ * λ) ** (j - k) * δ[j] for j in range(k, len(δ)))
            grad_θ = grad_θ + γ**k * score(θ, a[k], s[k]) * A
        for k in range(d):
            L = sum(γ ** (j - k) * r[j] for j in range(k, d))
            grad_φ = grad_φ + (U(φ, s[k]) - L) * np.array([s[k], s[k] ** 2])
    return grad_θ / len(τs), grad_φ / len(τs)


def deterministic_by_loops(τs, θ, φ, γ, last_step):
    """Algorithm 13.3 with π = θ s and the Q above."""
    grad_θ, grad_φ = np.zeros(1), np.zeros(4)

    def grad_Qφ(s, a):
        return np.array([1.0, s, s**2, (s + a) ** 2])

    for i, τ in enumerate(τs):
        for k, (s, a, r) in enumerate(τ):
            grad_θ = grad_θ + γ**k * s * 2 * φ[3] * (s + θ[0] * s)
            if k + 1 < len(τ):
                s_next = τ[k + 1][0]
            elif last_step == "book":
                continue
            elif τs.terminated[i]:
                grad_φ = grad_φ + (r - Q(φ, s, a)) * (-grad_Qφ(s, a))
                continue
            else:
                s_next = τs.s_end[i]
            a_next = θ[0] * s_next
            δ = r + γ * Q(φ, s_next, a_next) - Q(φ, s, a)
            grad_φ = grad_φ + δ * (γ * grad_Qφ(s_next, a_next) - grad_Qφ(s, a))
    return grad_θ / len(τs), grad_φ / len(τs)


@given(ended_trajectories(), gaussian_parameters(), arrays(2, numbers(-2.0, 2.0)), discounts, discounts, MODES)
def test_actor_critic_follows_the_listing(τs, θ, φ, γ, λ, last_step):
    P = problem(γ)
    for M, decay in (
        (ActorCritic(P, B, 1, 1, U, last_step=last_step), 0.0),
        (GeneralizedAdvantageEstimation(P, B, 1, 1, U, λ, last_step=last_step), λ),
    ):
        expected = actor_critic_by_loops(τs, np.array([θ[0], abs(θ[1])]), φ, γ, decay, last_step)
        got = gradient(M, GAUSSIAN, θ, φ, τs=τs)
        expected[0][1] *= np.sign(θ[1])
        np.testing.assert_allclose(got[0], expected[0], **EXACT)
        np.testing.assert_allclose(got[1], expected[1], **EXACT)


@given(ended_trajectories(), arrays(1, numbers(-2.0, 1.0)), arrays(4, numbers(-2.0, 2.0)), discounts, MODES)
def test_hazard_13_3_the_critic_keeps_both_terms_of_the_residual_as_listed(τs, θ, φ, γ, last_step):
    M = DeterministicPolicyGradient(problem(γ), B, 1, 1, Q, 0.5, last_step=last_step)
    got = gradient(M, straight, θ, φ, τs=τs)
    for x, y in zip(got, deterministic_by_loops(τs, θ, φ, γ, last_step), strict=True):
        np.testing.assert_allclose(x, y, **EXACT)


@given(ended_trajectories(), discounts, MODES)
def test_actor_critic_is_generalized_advantage_estimation_at_λ_0(τs, γ, last_step):
    P = problem(γ)
    one = gradient(ActorCritic(P, B, 1, 1, U, last_step=last_step), GAUSSIAN, θ_0, φ_0, τs=τs)
    two = gradient(GeneralizedAdvantageEstimation(P, B, 1, 1, U, 0.0, last_step=last_step), GAUSSIAN, θ_0, φ_0, τs=τs)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


@given(ended_trajectories(), discounts)
def test_λ_1_without_values_is_the_reward_to_go_gradient(τs, γ):
    P = problem(γ)
    M = GeneralizedAdvantageEstimation(P, B, 1, 1, nothing, 1.0, last_step="bootstrap")
    got = gradient(M, GAUSSIAN, θ_0, [0.0], τs=τs)[0]
    np.testing.assert_allclose(got, gradient(RewardToGoGradient(P, B, 1, 1), GAUSSIAN, θ_0, τs=τs), **EXACT)


# ---------------------------------------------------------------- finite differences


@given(ended_trajectories(), arrays(3, numbers(-1.0, 1.0)), discounts, MODES)
def test_critic_gradient_is_the_derivative_of_half_the_squared_error(τs, φ, γ, last_step):
    M = ActorCritic(problem(γ), B, 1, 1, U_curved, last_step=last_step)
    L = [[sum(γ ** (j - k) * τ[j][2] for j in range(k, len(τ))) for k in range(len(τ))] for τ in τs]

    def loss(φ):
        errors = [U_curved(φ, s) - L[i][k] for i, τ in enumerate(τs) for k, (s, _, _) in enumerate(τ)]
        return 0.5 * np.sum(np.square(errors)) / len(τs)

    np.testing.assert_allclose(gradient(M, GAUSSIAN, θ_0, φ, τs=τs)[1], gradient_of(loss, φ), rtol=1e-6, atol=1e-6)


def bending(θ, s):
    """The policy of example 13.1: two action components, five parameters."""
    return anp.stack(
        [θ[0] + θ[1] * s + θ[2] * s**2, θ[0] + anp.sin(θ[3] * s) + anp.cos(θ[4] * s)],
        axis=-1,
    )


def Q_vector(φ, s, a):
    return φ[0] * s + φ[1] * anp.tanh(a[..., 0] * s) + φ[2] * a[..., 1] ** 2


def vector_trajectories(m=4, d=3, seed=0):
    rng = np.random.default_rng(seed)
    mask = np.arange(d) < rng.integers(1, d + 1, m)[:, None]
    s, a, r = rng.normal(size=(m, d)), rng.normal(size=(m, d, 2)), rng.normal(size=(m, d)) * mask
    return Trajectories(s, a, r, mask, rng.normal(size=m), rng.random(m) < 0.5)


@pytest.mark.parametrize("last_step", ["book", "bootstrap"])
@pytest.mark.parametrize("seed", range(3))
def test_vector_actions_against_finite_differences(last_step, seed):
    τs, γ = vector_trajectories(seed=seed), 0.8
    rng = np.random.default_rng(seed)
    θ, φ = rng.normal(size=5), rng.normal(size=3)
    M = DeterministicPolicyGradient(problem(γ), B, 1, 1, Q_vector, 0.1, last_step=last_step)

    def expected_return(θ):
        return sum(γ**k * Q_vector(φ, s, bending(θ, np.array(s))) for τ in τs for k, (s, _, _) in enumerate(τ)) / len(
            τs
        )

    def squared_residuals(φ):
        total = 0.0
        for i, τ in enumerate(τs):
            for k, (s, a, r) in enumerate(τ):
                last = k + 1 == len(τ)
                if last and last_step == "book":
                    continue
                s_next = np.array(τs.s_end[i] if last else τ[k + 1][0])
                after = 0.0 if last and τs.terminated[i] else γ * Q_vector(φ, s_next, bending(θ, s_next))
                total += 0.5 * (r + after - Q_vector(φ, s, a)) ** 2
        return total / len(τs)

    grad_θ, grad_φ = gradient(M, bending, θ, φ, τs=τs)
    np.testing.assert_allclose(grad_θ, gradient_of(expected_return, θ), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(grad_φ, gradient_of(squared_residuals, φ), rtol=1e-6, atol=1e-8)


# ---------------------------------------------------------------- expectations over all trajectories

QUARTERS = np.array([[[1, 3], [2, 2]], [[3, 1], [1, 3]]]) / 4  # transition probabilities
PAY = np.array([[1.0, -0.5], [0.3, 2.0]])


def with_the_step_in_the_state(d, γ=0.8):
    """A small MDP whose states k·2 + s also count the steps, so that a critic of the state knows V_k; it ends at d."""
    T, R = np.zeros((2 * d + 2, 2, 2 * d + 2)), np.zeros((2 * d + 2, 2))
    for k in range(d):
        T[2 * k : 2 * k + 2, :, 2 * k + 2 : 2 * k + 4], R[2 * k : 2 * k + 2] = QUARTERS, PAY
    T[2 * d :, :, -1] = 1
    P = MDP.from_arrays(T, R, γ, terminal=lambda s: np.asarray(s) >= 2 * d)
    π = SoftmaxPolicy(2 * d + 2, 2)
    V = np.zeros(2 * d + 2)
    for s in range(2 * d - 1, -1, -1):
        V[s] = (R[s] + γ * T[s] @ V).mean()  # both actions have probability 1/2 at θ = 0
    b = np.zeros(2 * d + 2)
    b[:2] = 0.25, 0.75
    return P, b, π, V


def equally_likely(E):
    """The enumerated trajectories, each repeated in proportion to its probability: their mean is the expectation."""
    copies = E.weights / E.weights.min()
    assert np.allclose(copies, copies.round())
    return E.trajectories()[np.repeat(np.arange(len(copies)), copies.round().astype(int))]


def tabular_U(φ, s):
    return φ[s]


@pytest.mark.parametrize("λ", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_hazard_13_1_13_2_the_dropped_last_step_biases_the_book_form_and_not_the_complete_one(d, λ):
    P, b, π, V = with_the_step_in_the_state(d)
    θ = np.zeros(π.n)
    E = enumeration.enumerate_problem(P, b, π, θ, d, n_terminal=2)
    τs = equally_likely(E)
    grad_U = E.utility_gradient(enumeration.scores_of(π, θ))
    complete = GeneralizedAdvantageEstimation(P, b, d, 1, tabular_U, λ, last_step="bootstrap")
    book = GeneralizedAdvantageEstimation(P, b, d, 1, tabular_U, λ)
    np.testing.assert_allclose(gradient(complete, π, θ, V, τs=τs)[0], grad_U, rtol=1e-10, atol=1e-12)
    dropped = gradient(book, π, θ, V, τs=τs)[0]
    assert np.linalg.norm(dropped - grad_U) > 0.1 * np.linalg.norm(grad_U)
    last = np.zeros(2 * d + 2, bool)
    last[2 * d - 2 : 2 * d] = True  # what is missing is the last step
    assert not dropped.reshape(-1, 2)[last].any()
    np.testing.assert_allclose(gradient(complete, π, θ, V, τs=τs)[1], 0, atol=1e-12)  # V is the critic's minimum


@pytest.mark.parametrize("seed", range(3))
def test_any_critic_leaves_the_whole_rollout_unbiased(seed):
    """λ = 1 subtracts U(s_k) from the reward-to-go: a baseline of the state alone."""
    P, b, π, _ = with_the_step_in_the_state(2)
    θ, φ = np.zeros(π.n), np.random.default_rng(seed).normal(size=6)
    E = enumeration.enumerate_problem(P, b, π, θ, 2, n_terminal=2)
    M = GeneralizedAdvantageEstimation(P, b, 2, 1, tabular_U, 1.0, last_step="bootstrap")
    expected = E.utility_gradient(enumeration.scores_of(π, θ))
    np.testing.assert_allclose(gradient(M, π, θ, φ, τs=equally_likely(E))[0], expected, rtol=1e-10, atol=1e-12)


def test_sampled_actor_gradient_is_right_on_the_regulator():
    """λ = 1 with U = 0, m = 20,000: within 5 standard errors of the exact ∇U; the book's last step is missing."""
    M = GeneralizedAdvantageEstimation(REGULATOR, B, 3, 20_000, nothing, 1.0, last_step="bootstrap")
    τs = rollouts(REGULATOR, B, GAUSSIAN, θ_0, 3, 20_000, 0)
    error = standard_error(lambda τs: gradient(M, GAUSSIAN, θ_0, [0.0], τs=τs)[0], τs, groups=50)
    exact = regulator.utility_gradient(0.9, θ_0, 3)
    assert np.all(abs(gradient(M, GAUSSIAN, θ_0, [0.0], τs=τs)[0] - exact) < 5 * error)
    book = GeneralizedAdvantageEstimation(REGULATOR, B, 3, 20_000, nothing, 1.0)
    assert np.any(abs(gradient(book, GAUSSIAN, θ_0, [0.0], τs=τs)[0] - exact) > 5 * error)


def test_hazard_13_3_exploration_noise_is_independent_in_each_component():
    class Plane:
        γ, S, A, T, R = 0.9, None, None, None, None
        seen = []  # noqa: RUF012

        def TR(self, s, a, rng):
            self.seen.append(a - bending(θ, s))
            return s + a.sum(axis=1), -(s**2)

    θ, P, m = np.array([0.1, -0.2, 0.0, 0.1, 0.2]), Plane(), 5000
    M = DeterministicPolicyGradient(P, lambda m, rng: rng.normal(size=m), 2, m, Q_vector, 0.3)
    gradient(M, bending, θ, np.ones(3), rng=0)
    noise = np.concatenate(P.seen)
    N = len(noise)
    assert len(noise) == 2 * m
    covariance = noise.T @ noise / N
    assert abs(covariance[0, 1]) < 5 * 0.09 / np.sqrt(N)
    assert np.all(abs(np.diag(covariance) - 0.09) < 5 * 0.09 * np.sqrt(2 / N))
    first, second = P.seen
    assert abs(np.mean(first * second)) < 5 * 0.09 / np.sqrt(2 * m)
    P.seen.clear()
    gradient(DeterministicPolicyGradient(P, B, 2, 3, Q_vector, 0.0), bending, θ, np.ones(3), rng=0)
    assert not np.any(P.seen)


# ---------------------------------------------------------------- hazards


@pytest.mark.parametrize("λ", [0.0, 0.7])
def test_hazard_13_1_to_13_3_depth_1_leaves_an_empty_sum(λ):
    M = GeneralizedAdvantageEstimation(REGULATOR, B, 1, 5, U, λ)
    grad_θ, grad_φ = gradient(M, GAUSSIAN, θ_0, φ_0, rng=0)
    np.testing.assert_array_equal(grad_θ, np.zeros(2))
    assert grad_φ.any()
    D = DeterministicPolicyGradient(REGULATOR, B, 1, 5, Q, 0.1)
    grad_θ, grad_φ = gradient(D, straight, [0.0], [0.0, 1.0, 0.0, -1.0], rng=0)
    assert grad_θ.any()
    np.testing.assert_array_equal(grad_φ, np.zeros(4))


def test_hazard_13_2_short_episodes_use_their_own_length():
    """A trajectory of 2 steps beside one of 4 counts as it does by itself."""
    long = [(0.3, 0.1, -0.1), (0.4, -0.5, -0.2), (-0.1, 0.3, -0.3), (0.2, 0.0, -0.4)]
    both = Trajectories.from_lists([long, long[:2]])
    for last_step in ("book", "bootstrap"):
        both = Trajectories(both.s, both.a, both.r, both.mask, [0.5, 0.6], [True, False])
        alone = [
            Trajectories(
                *(x[i : i + 1, :k] for x in (both.s, both.a, both.r)),
                None,
                both.s_end[i : i + 1],
                both.terminated[i : i + 1],
            )
            for i, k in ((0, 4), (1, 2))
        ]
        for M, π, θ, φ in (
            (GeneralizedAdvantageEstimation(REGULATOR, B, 9, 9, U, 0.8, last_step=last_step), GAUSSIAN, θ_0, φ_0),
            (
                DeterministicPolicyGradient(REGULATOR, B, 9, 9, Q, 0.8, last_step=last_step),
                straight,
                [0.2],
                np.arange(4.0),
            ),
        ):
            apart = [gradient(M, π, θ, φ, τs=τ) for τ in alone]
            together = gradient(M, π, θ, φ, τs=both)
            for x, one, two in zip(together, *apart, strict=True):
                np.testing.assert_allclose(x, (one + two) / 2, **EXACT)


def test_a_trajectory_that_starts_at_its_end_contributes_nothing():
    P, b, π, V = with_the_step_in_the_state(2)
    b = np.array([0.5, 0, 0, 0, 0.5, 0])
    for M in (ActorCritic(P, b, 3, 40, tabular_U), ActorCritic(P, b, 3, 40, tabular_U, last_step="bootstrap")):
        τs = rollouts(P, b, π, np.zeros(π.n), 3, 40, 0)
        assert 0 < (τs.lengths == 0).sum() < 40
        some = gradient(M, π, np.zeros(π.n), 1 + V, τs=τs)
        real = gradient(M, π, np.zeros(π.n), 1 + V, τs=τs[np.flatnonzero(τs.lengths)])
        for x, y in zip(some, real, strict=True):
            np.testing.assert_allclose(x, y * (τs.lengths > 0).mean(), **EXACT)


def test_γλ_0_works():
    for γ, λ in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0)):
        M = GeneralizedAdvantageEstimation(problem(γ), B, 3, 5, U, λ, last_step="bootstrap")
        assert all(np.isfinite(g).all() for g in gradient(M, GAUSSIAN, θ_0, φ_0, rng=0))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda P: ActorCritic(P, B, 0, 5, U), ValueError, "ActorCritic.d"),
        (lambda P: ActorCritic(P, B, 5, 0, U), ValueError, "ActorCritic.m"),
        (lambda P: ActorCritic(P, B, 5, 5, 1.0), TypeError, "ActorCritic.U"),
        (lambda P: ActorCritic(P, B, 5, 5, U, last_step="none"), ValueError, "last_step = 'none': must be one of"),
        (lambda P: DeterministicPolicyGradient(P, B, 5, 5, Q, -1.0), ValueError, "σ = -1.0"),
        (lambda P: DeterministicPolicyGradient(P, B, 5, 5, Q, np.nan), ValueError, "σ = nan"),
        (lambda P: DeterministicPolicyGradient(P, B, 5, 5, None, 1.0), TypeError, "Q = None"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, [1.0], φ_0), ValueError, "θ has shape"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, [1.0, np.nan], φ_0), ValueError, "θ[1] = nan"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, θ_0, [np.inf, 0.0]), ValueError, "φ[0] = inf"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, θ_0, [[0.0, 0.0]]), ValueError, "φ has shape"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, θ_0), TypeError, "φ = None: ActorCritic needs"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, θ_0, φ_0, rng=-1), ValueError, "rng = -1"),
        (lambda P: gradient(ActorCritic(P, B, 5, 5, U), GAUSSIAN, θ_0, φ_0, τs=[1]), TypeError, "τs = list"),
        (
            lambda P: gradient(DeterministicPolicyGradient(P, B, 5, 5, Q, 1.0), 3, [0.0], np.zeros(4)),
            TypeError,
            "π = 3: must be callable",
        ),
    ],
)
def test_bad_parameters_are_refused_before_any_rollout(counting, make, error, text):
    with pytest.raises(error, match=re.escape(text)):
        make(counting)
    assert counting.calls == 0


@pytest.mark.parametrize(("φ", "error"), [(None, TypeError), ([[0.1, -0.8]], ValueError), ([np.nan, 0.0], ValueError)])
def test_advantages_name_parameters_of_the_critic_that_are_none(φ, error):
    τs = Trajectories.from_lists([[(1.0, 0.0, 0.0), (0.0, 0.0, 0.0)]])
    with pytest.raises(error, match="φ"):
        advantages(ActorCritic(REGULATOR, B, 3, 2, lambda φ, s: 0.0 * s), φ, τs)


@pytest.mark.parametrize(
    ("Struct", "by_place", "by_name"),
    [
        (ActorCritic, "P b d m U", {"last_step": "book"}),
        (GeneralizedAdvantageEstimation, "P b d m U λ", {"last_step": "book"}),
        (DeterministicPolicyGradient, "P b d m Q σ", {"last_step": "book"}),
        (ActorCriticUpdate, "grad_U rule α_φ", {"L2_max": None}),
    ],
)
def test_fields_come_in_the_order_of_the_book_and_options_by_name_only(Struct, by_place, by_name):
    fields = attrs.fields(Struct)
    assert [f.name for f in fields if not f.kw_only] == by_place.split()
    assert {f.name: f.default for f in fields if f.kw_only} == by_name


def test_functions_that_do_not_act_on_batches_or_are_not_finite_are_named():
    M = ActorCritic(REGULATOR, B, 3, 2, lambda φ, s: φ[0])
    with pytest.raises(ValueError, match=r"U\(φ, s\) has shape \(\) on a batch \(2, 3\)"):
        gradient(M, GAUSSIAN, θ_0, φ_0, rng=0)
    τs = Trajectories.from_lists([[(1.0, 0.0, 0.0), (0.0, 0.0, 0.0)]])
    M = ActorCritic(REGULATOR, B, 3, 2, lambda φ, s: φ[0] / s)
    with pytest.raises(ValueError, match=r"U\(φ, s\) of trajectory 0, step 1 \(counting from 0\) is inf"):
        gradient(M, GAUSSIAN, θ_0, [1.0], τs=τs)
    D = DeterministicPolicyGradient(REGULATOR, B, 3, 2, lambda φ, s, a: φ[0] / s + a, 0.1)
    with pytest.raises(ValueError, match=r"Q\(φ, s, π\(θ, s\)\) of trajectory 0, step 1"):
        gradient(D, straight, [1.0], [1.0], τs=τs)
    D = DeterministicPolicyGradient(REGULATOR, B, 3, 2, Q, 0.1)
    with pytest.raises(ValueError, match=r"π\(θ, s\) has shape \(1, 2, 2\), the recorded actions \(1, 2\)"):
        gradient(D, bending, np.ones(5), np.ones(4), τs=τs)
    D = DeterministicPolicyGradient(REGULATOR, B, 3, 2, lambda φ, s, a: φ[0] + 0 * a[..., :1], 0.1)
    with pytest.raises(ValueError, match=r"has shape"):
        gradient(D, straight, [1.0], [1.0], τs=Trajectories(τs.s, τs.a, τs.r))


def test_bootstrap_needs_the_state_after_a_cut():
    τs = Trajectories.from_lists([[(1.0, 0.0, 0.0)]])
    for M, π, φ in (
        (ActorCritic(REGULATOR, B, 3, 2, U, last_step="bootstrap"), GAUSSIAN, φ_0),
        (DeterministicPolicyGradient(REGULATOR, B, 3, 2, Q, 0.1, last_step="bootstrap"), straight, np.ones(4)),
    ):
        θ = θ_0 if π is GAUSSIAN else [0.1]
        with pytest.raises(ValueError, match="s_end = None: trajectory 0 was cut"):
            gradient(M, π, θ, φ, τs=τs)
        gradient(M, π, θ, φ, τs=Trajectories(τs.s, τs.a, τs.r, terminated=[True]))


# ---------------------------------------------------------------- contracts

STRUCTS = [
    (ActorCritic, (U,), GAUSSIAN, θ_0, φ_0),
    (GeneralizedAdvantageEstimation, (U, 0.8), GAUSSIAN, θ_0, φ_0),
    (DeterministicPolicyGradient, (Q, 0.5), straight, np.array([-0.3]), np.array([0.1, 1.0, -0.2, -1.0])),
]


@pytest.mark.parametrize("last_step", ["book", "bootstrap"])
@pytest.mark.parametrize(("Struct", "extra", "π", "θ", "φ"), STRUCTS)
class TestContracts:
    def test_the_same_seed_gives_the_same_bits(self, Struct, extra, π, θ, φ, last_step):
        M = Struct(REGULATOR, B, 4, 6, *extra, last_step=last_step)
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        one, two = gradient(M, π, θ, φ, rng=3), gradient(M, π, θ, φ, rng=np.random.default_rng(3))
        for x, y in zip(one, two, strict=True):
            np.testing.assert_array_equal(x, y)
        assert not np.array_equal(one[0], gradient(M, π, θ, φ, rng=4)[0])
        np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002

    def test_recorded_trajectories_are_all_it_needs(self, Struct, extra, π, θ, φ, last_step, counting):
        τs = rollouts(REGULATOR, B, GAUSSIAN, θ_0, 4, 6, 1)
        Counting.calls = 0
        results = [
            gradient(Struct(counting, B, d, m, *extra, last_step=last_step), π, θ, φ, rng=rng, τs=τs)
            for d, m, rng in ((1, 1, 0), (7, 9, 5))
        ]
        assert counting.calls == 0
        for x, y in zip(*results, strict=True):
            np.testing.assert_array_equal(x, y)

    def test_nothing_handed_in_is_modified(self, Struct, extra, π, θ, φ, last_step):
        θ, φ = θ.copy(), φ.copy()
        τs = rollouts(REGULATOR, B, GAUSSIAN, θ_0, 4, 6, 1)
        before = [x.copy() for x in (θ, φ, τs.s, τs.a, τs.r, τs.s_end)]
        for x in (θ, φ, τs.s, τs.a, τs.r, τs.s_end):
            x.setflags(write=False)
        M = Struct(REGULATOR, B, 4, 6, *extra, last_step=last_step)
        for g in gradient(M, π, θ, φ, τs=τs):
            g += 1.0  # the result is the caller's own
        for x, y in zip(before, (θ, φ, τs.s, τs.a, τs.r, τs.s_end), strict=True):
            np.testing.assert_array_equal(x, y)

    def test_float32_stays_float32(self, Struct, extra, π, θ, φ, last_step):
        M = Struct(REGULATOR, B, 4, 50, *extra, last_step=last_step)
        τs = rollouts(REGULATOR, B, GAUSSIAN, θ_0.astype(np.float32), 4, 50, 1)
        low = gradient(M, π, θ.astype(np.float32), φ.astype(np.float32), τs=τs)
        high = gradient(M, π, θ, φ, τs=τs)
        assert [g.dtype for g in low] == [np.float32] * 2
        assert [g.dtype for g in high] == [np.float64] * 2
        for x, y in zip(low, high, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4)
        simulated = gradient(M, π, θ.astype(np.float32), φ.astype(np.float32), rng=1)
        assert [g.dtype for g in simulated] == [np.float32] * 2

    def test_whole_numbers_and_lists_are_parameters_too(self, Struct, extra, π, θ, φ, last_step):
        M = Struct(REGULATOR, B, 4, 6, *extra, last_step=last_step)
        τs = rollouts(REGULATOR, B, GAUSSIAN, θ_0, 4, 6, 1)
        θ, φ = [1] * len(θ), [2] * len(φ)
        for x, y in zip(
            gradient(M, π, θ, φ, τs=τs), gradient(M, π, np.ones(len(θ)), 2 * np.ones(len(φ)), τs=τs), strict=True
        ):
            np.testing.assert_array_equal(x, y)

    def test_order_and_copies_of_trajectories_do_not_matter(self, Struct, extra, π, θ, φ, last_step):
        M = Struct(REGULATOR, B, 4, 6, *extra, last_step=last_step)
        τs = rollouts(REGULATOR, B, GAUSSIAN, θ_0, 4, 6, 1)
        whole = gradient(M, π, θ, φ, τs=τs)
        for other in (τs[np.array([3, 1, 0, 5, 2, 4])], τs[np.repeat(np.arange(6), 2)]):
            for x, y in zip(whole, gradient(M, π, θ, φ, τs=other), strict=True):
                np.testing.assert_allclose(x, y, **EXACT)
        parts = [gradient(M, π, θ, φ, τs=τs[i]) for i in (slice(0, 2), slice(2, 6))]
        for x, one, two in zip(whole, *parts, strict=True):
            np.testing.assert_allclose(x, (2 * one + 4 * two) / 6, **EXACT)


# ---------------------------------------------------------------- updates

COMPLETE = GeneralizedAdvantageEstimation(REGULATOR, B, 4, 30, U, 0.8, last_step="bootstrap")
WHOLE = GeneralizedAdvantageEstimation(REGULATOR, B, 4, 30, nothing, 1.0, last_step="bootstrap")
RECORDED = rollouts(REGULATOR, B, GAUSSIAN, θ_0, 4, 30, 2)
ANY = (REGULATOR, B, 1, 1)


def rules(M):
    return [
        PolicyGradientUpdate(M, 0.2, L2_max=1.0),
        RestrictedPolicyUpdate(*ANY, 0.01),
        NaturalPolicyUpdate(*ANY, 0.01),
        NaturalPolicyUpdate(*ANY, 0.01, direction="surrogate", damping=0.1),
        TrustRegionUpdate(*ANY, 0.5, 0.5),
        TrustRegionUpdate(*ANY, 0.5, 0.5, direction="surrogate", over_steps="sum"),
        ClampedSurrogateUpdate(*ANY, 0.2, 0.05, 3),
        PenalizedSurrogateUpdate(*ANY, 0.5, 0.05, 3, kl_target=0.01),
    ]


@pytest.mark.parametrize("i", range(8))
@pytest.mark.parametrize("last_step", ["book", "bootstrap"])
def test_every_rule_of_chapter_12_steps_with_a_critic(i, last_step):
    grad_U = GeneralizedAdvantageEstimation(REGULATOR, B, 4, 30, U, 0.8, last_step=last_step)
    M = ActorCriticUpdate(grad_U, rules(grad_U)[i], 0.01)
    one = step(M, GAUSSIAN, θ_0, φ_0, rng=3)
    assert one.accepted
    assert np.isfinite(one.kl)
    assert one.improvement > 0
    _, grad_φ = gradient(grad_U, GAUSSIAN, θ_0, φ_0, rng=3)
    np.testing.assert_array_equal(one.φ, φ_0 - 0.01 * grad_φ)
    θ_new, φ_new = update(M, GAUSSIAN, θ_0, φ_0, rng=3)
    np.testing.assert_array_equal(θ_new, one.θ)
    np.testing.assert_array_equal(φ_new, one.φ)
    replayed = step(M, GAUSSIAN, θ_0, φ_0, τs=rollouts(REGULATOR, B, GAUSSIAN, θ_0, 4, 30, 3))
    np.testing.assert_array_equal(replayed.θ, one.θ)
    low = update(M, GAUSSIAN, θ_0.astype(np.float32), φ_0.astype(np.float32), rng=3)
    assert [x.dtype for x in low] == [np.float32] * 2


def test_ascent_and_restricted_step_take_the_actors_gradient():
    g, _ = gradient(COMPLETE, GAUSSIAN, θ_0, φ_0, τs=RECORDED)
    ascent = ActorCriticUpdate(COMPLETE, PolicyGradientUpdate(COMPLETE, 0.2, L2_max=0.5, clip=(-0.3, 0.3)), 0.0)
    θ_new, φ_new = update(ascent, GAUSSIAN, θ_0, φ_0, τs=RECORDED)
    np.testing.assert_allclose(θ_new, θ_0 + 0.2 * np.clip(0.5 * g / np.linalg.norm(g), -0.3, 0.3), rtol=1e-12)
    np.testing.assert_array_equal(φ_new, φ_0)
    θ_new, _ = update(
        ActorCriticUpdate(COMPLETE, RestrictedPolicyUpdate(*ANY, 0.02), 0.1), GAUSSIAN, θ_0, φ_0, τs=RECORDED
    )
    np.testing.assert_allclose(θ_new - θ_0, 0.2 * g / np.linalg.norm(g), rtol=1e-10)


@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_natural_step_is_the_solve_with_the_trajectory_fisher(damping):
    g, _ = gradient(COMPLETE, GAUSSIAN, θ_0, φ_0, τs=RECORDED)
    G = GAUSSIAN.scores(θ_0, RECORDED)
    F = G.T @ G / len(G) + damping * np.eye(2)
    u = np.linalg.solve(F, g)
    M = ActorCriticUpdate(COMPLETE, NaturalPolicyUpdate(*ANY, 0.01, damping=damping), 0.1)
    Δ = update(M, GAUSSIAN, θ_0, φ_0, τs=RECORDED)[0] - θ_0
    np.testing.assert_allclose(Δ, u * np.sqrt(0.02 / (g @ u)), rtol=1e-9)
    np.testing.assert_allclose(0.5 * Δ @ F @ Δ, 0.01, rtol=1e-9)


@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_natural_step_with_a_singular_fisher_matrix_is_finite(damping):
    """Six trajectories, twelve logits: a step of the asked size in the range of F."""
    P, b, π, V = with_the_step_in_the_state(2)
    M = GeneralizedAdvantageEstimation(P, b, 2, 6, tabular_U, 0.5, last_step="bootstrap")
    θ = np.zeros(π.n)
    τs = rollouts(P, b, π, θ, 2, 6, 0)
    rule = NaturalPolicyUpdate(P, b, 1, 1, 0.01, damping=damping)
    Δ = update(ActorCriticUpdate(M, rule, 0.1), π, θ, 0 * V, τs=τs)[0]
    G = π.scores(θ, τs)
    F = G.T @ G / 6 + damping * np.eye(π.n)
    np.testing.assert_allclose(0.5 * Δ @ F @ Δ, 0.01, rtol=1e-8)
    g, _ = gradient(M, π, θ, 0 * V, τs=τs)
    assert g @ Δ > 0
    u = np.linalg.pinv(F, rcond=1e-10) @ g
    np.testing.assert_allclose(Δ, u * np.sqrt(0.02 / (u @ F @ u)), rtol=1e-7, atol=1e-12)


def test_without_values_the_surrogate_rules_are_those_of_chapter_12():
    """λ = 1, U = 0 makes γ^(k-1) Â_k the reward-to-go."""
    for rule in rules(WHOLE)[3:4] + rules(WHOLE)[5:]:
        with_critic = step(ActorCriticUpdate(WHOLE, rule, 0.1), GAUSSIAN, θ_0, [0.0], τs=RECORDED)
        alone = step(rule, GAUSSIAN, θ_0, τs=RECORDED)
        np.testing.assert_allclose(with_critic.θ, alone.θ, rtol=1e-9)
        assert with_critic.β == alone.β
        assert with_critic.kl == pytest.approx(alone.kl, rel=1e-7)
        assert with_critic.improvement == pytest.approx(alone.improvement, rel=1e-7)
        assert with_critic.backtracks == alone.backtracks


def test_first_ascent_on_the_surrogate_follows_the_actors_gradient():
    g, _ = gradient(COMPLETE, GAUSSIAN, θ_0, φ_0, τs=RECORDED)
    for rule in (
        ClampedSurrogateUpdate(*ANY, 0.2, 0.05, 1, over_steps="sum"),
        PenalizedSurrogateUpdate(*ANY, 3.0, 0.05, 1, over_steps="sum"),
    ):
        θ_new, _ = update(ActorCriticUpdate(COMPLETE, rule, 0.1), GAUSSIAN, θ_0, φ_0, τs=RECORDED)
        np.testing.assert_allclose(θ_new, θ_0 + 0.05 * g, rtol=1e-10)


def test_trust_region_with_a_critic_meets_its_two_conditions():
    rule = TrustRegionUpdate(REGULATOR, B, 1, 1, 0.4, 0.5, direction="surrogate", damping=1e-3)
    one = step(ActorCriticUpdate(COMPLETE, rule, 0.1), GAUSSIAN, θ_0, φ_0, τs=RECORDED)
    assert one.accepted
    assert surrogate_constraint(rule, GAUSSIAN, θ_0, one.θ, RECORDED) <= 0.4
    A = 0.9 ** np.arange(4) * advantages(COMPLETE, φ_0, RECORDED)

    def objective(θ):
        w = np.exp(GAUSSIAN.logpdf(θ, RECORDED.a, RECORDED.s) - GAUSSIAN.logpdf(θ_0, RECORDED.a, RECORDED.s))
        return np.mean(w * A)

    assert one.improvement == pytest.approx(objective(one.θ) - objective(θ_0), rel=1e-9)
    assert one.improvement > 0


def test_a_policy_of_the_readers_own_has_an_actor_and_a_critic():
    π = FunctionPolicy(
        2,
        sample=lambda θ, s, rng: θ[0] * s + abs(θ[1]) * rng.standard_normal(np.shape(s)),
        logpdf=lambda θ, a, s: -0.5 * ((a - θ[0] * s) / θ[1]) ** 2 - anp.log(anp.abs(θ[1])),
    )
    for rule in (TrustRegionUpdate(*ANY, 0.5, 0.5), ClampedSurrogateUpdate(*ANY, 0.2, 0.05, 3)):
        M = ActorCriticUpdate(COMPLETE, rule, 0.1)
        np.testing.assert_allclose(
            update(M, π, θ_0, φ_0, τs=RECORDED)[0], update(M, GAUSSIAN, θ_0, φ_0, τs=RECORDED)[0], rtol=1e-2
        )


def test_depth_1_moves_only_the_critic():
    M = ActorCritic(REGULATOR, B, 1, 5, U)
    for rule in rules(M):
        one = step(ActorCriticUpdate(M, rule, 0.1), GAUSSIAN, θ_0, φ_0, rng=0)
        np.testing.assert_array_equal(one.θ, θ_0)
        assert not one.accepted
        assert not np.array_equal(one.φ, φ_0)


def test_a_deterministic_policy_steps_by_ascent_or_by_the_restricted_step():
    D = DeterministicPolicyGradient(REGULATOR, B, 4, 5, Q, 0.3)
    θ, φ = np.array([0.1]), np.array([0.0, 1.0, 0.0, -1.0])
    g = gradient(D, straight, θ, φ, rng=0)
    one = step(ActorCriticUpdate(D, PolicyGradientUpdate(D, 0.1), 0.2), straight, θ, φ, rng=0)
    np.testing.assert_allclose(one.θ, θ + 0.1 * g[0])
    np.testing.assert_allclose(one.φ, φ - 0.2 * g[1])
    assert one.kl is None
    θ_new, _ = update(ActorCriticUpdate(D, RestrictedPolicyUpdate(*ANY, 0.02), 0.2), straight, θ, φ, rng=0)
    assert abs(θ_new - θ) == pytest.approx(0.2)
    for rule in rules(D)[2:]:
        with pytest.raises(TypeError, match="PolicyGradientUpdate or RestrictedPolicyUpdate"):
            ActorCriticUpdate(D, rule, 0.2)


def test_a_step_that_overflows_leaves_the_parameters():
    M = ActorCriticUpdate(COMPLETE, PolicyGradientUpdate(COMPLETE, 1e308), 1e308)
    one = step(M, GAUSSIAN, θ_0, 1e3 * φ_0, τs=RECORDED)
    np.testing.assert_array_equal(one.θ, θ_0)
    np.testing.assert_array_equal(one.φ, 1e3 * φ_0)
    assert one.reason == "the step overflows: θ is unchanged; the critic's step overflows: φ is unchanged"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: ActorCriticUpdate(RewardToGoGradient(*ANY), rules(COMPLETE)[1], 0.1), TypeError, "grad_U = Reward"),
        (lambda: ActorCriticUpdate(COMPLETE, RewardToGoGradient(*ANY), 0.1), TypeError, "rule = Reward"),
        (lambda: ActorCriticUpdate(COMPLETE, 0.1, 0.1), TypeError, "rule = 0.1: must be one of ClampedSurrogateUpdate"),
        (lambda: ActorCriticUpdate(COMPLETE, rules(COMPLETE)[1], -0.1), ValueError, "α_φ = -0.1"),
        (lambda: ActorCriticUpdate(COMPLETE, rules(COMPLETE)[1], np.inf), ValueError, "α_φ = inf"),
        (lambda: ActorCriticUpdate(COMPLETE, rules(WHOLE)[0], 0.1), ValueError, "rule.grad_U = "),
        (
            lambda: ActorCriticUpdate(COMPLETE, RestrictedPolicyUpdate(problem(0.5), B, 1, 1, 0.01), 0.1),
            ValueError,
            "rule.P = SimpleRegulator(γ=0.5",
        ),
        (lambda: update(ActorCriticUpdate(COMPLETE, rules(WHOLE)[1], 0.1), GAUSSIAN, θ_0), TypeError, "φ = None"),
        (lambda: gradient(COMPLETE, GAUSSIAN, θ_0), TypeError, "GeneralizedAdvantageEstimation needs its critic"),
        (lambda: step(PolicyGradientUpdate(COMPLETE, 0.1), GAUSSIAN, θ_0), TypeError, "φ = None"),
    ],
)
def test_bad_updates_are_refused(make, error, text):
    with pytest.raises(error, match=re.escape(text)):
        make()


def test_learning_on_the_regulator_gets_better_with_a_critic():
    """Fifty trust-region steps of GAE with bootstrap raise the exact utility from -24.6 to near the optimum."""
    grad_U = GeneralizedAdvantageEstimation(REGULATOR, B, 10, 50, U, 0.9, last_step="bootstrap")
    M = ActorCriticUpdate(grad_U, TrustRegionUpdate(*ANY, 1.0, 0.5), 1e-4)
    θ, φ, rng = np.array([0.0, 1.0]), np.zeros(2), np.random.default_rng(0)
    before = regulator.utility(0.9, θ, 10)
    for _ in range(50):
        θ, φ = update(M, GAUSSIAN, θ, φ, rng=rng)
    assert before < -24
    assert regulator.utility(0.9, θ, 10) > -0.5


def test_critic_that_moves_beyond_the_root_of_the_largest_number_leaks_no_warning():
    """The square of its way overflows, the way does not."""
    τs = Trajectories([[1.0]], [[0.5]], [[-1.0]], s_end=[0.0], terminated=[True])
    grad_U = ActorCritic(REGULATOR, B, 1, 1, U, last_step="bootstrap")
    taken = step(ActorCriticUpdate(grad_U, PolicyGradientUpdate.rule(0.1), 1e200), GAUSSIAN, θ_0, φ_0, τs=τs)
    np.testing.assert_allclose(taken.info["critic_moved"], 1e200 * np.sqrt(2) * abs(φ_0.sum() + 1), rtol=1e-12)
    assert np.isfinite(taken.φ).all()


def test_error_of_the_critic_that_overflows_is_an_error_without_a_warning():
    """The value 1e308 and the reward-to-go -1e308 are finite, their difference is not."""
    τs = Trajectories([[1.0]], [[0.5]], [[-1e308]], s_end=[0.0], terminated=[True])
    with pytest.raises(ValueError, match="must be finite"):
        gradient(ActorCritic(REGULATOR, B, 1, 1, U), GAUSSIAN, θ_0, [1e308, 0.0], τs=τs)


@pytest.mark.parametrize(("r", "θ", "quantity"), [(1e39, 1.0, "residual"), (1.0, 3e38, "Q(φ, s, π(θ, s))")])
def test_what_overflows_in_float32_of_a_deterministic_policy_is_named_without_a_warning(r, θ, quantity):
    """A reward that float64 alone can hold, or an action that is infinite."""
    M = DeterministicPolicyGradient(REGULATOR, B, 1, 1, Q, 0.0, last_step="bootstrap")
    τs = Trajectories(np.full((1, 1), 2, np.float32), [[0.5]], [[r]], s_end=[0.0], terminated=[True])
    with pytest.raises(ValueError, match=re.escape(quantity)):
        gradient(M, straight, np.array([θ], np.float32), np.ones(4, np.float32), τs=τs)


@pytest.mark.parametrize("Rule", [NaturalPolicyUpdate, TrustRegionUpdate])
@pytest.mark.parametrize("direction", ["trajectory", "surrogate"])
@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_start_states_that_are_all_terminal_leave_both_parameters(Rule, direction, damping):
    P = MDP(0.9, None, None, None, None, lambda s, a, rng: (s, -(s**2)), terminal=lambda s: s == 1)
    settings = {"ε": 0.1} if Rule is NaturalPolicyUpdate else {"ε": 0.1, "α": 0.5}
    rule = Rule.rule(**settings, direction=direction, damping=damping)
    grad_U = GeneralizedAdvantageEstimation(P, lambda m, rng: np.ones(m), 3, 4, U, 0.9, last_step="bootstrap")
    taken = step(ActorCriticUpdate(grad_U, rule, 0.1), GAUSSIAN, θ_0, φ_0, rng=0)
    np.testing.assert_array_equal(taken.θ, θ_0)
    np.testing.assert_array_equal(taken.φ, φ_0)
    assert not taken.accepted


@pytest.mark.parametrize("direction", ["trajectory", "surrogate"])
def test_scores_that_overflow_when_weighted_are_a_rejected_step_without_a_warning(direction):
    """Scores of 1e308 are finite; with the rows of the damping each counts √3 times."""
    τs = Trajectories([[1.03e154]], [[1.03e154]], [[1.0]], s_end=[0.0])
    grad_U = ActorCritic(REGULATOR, B, 1, 1, nothing, last_step="bootstrap")
    for Rule, settings in ((NaturalPolicyUpdate, (0.1,)), (TrustRegionUpdate, (0.1, 0.5))):
        M = ActorCriticUpdate(grad_U, Rule.rule(*settings, damping=0.1, direction=direction), 0.0)
        taken = step(M, GAUSSIAN, [0.0, 1.0], φ_0, τs=τs)
        np.testing.assert_array_equal(taken.θ, [0.0, 1.0])
        assert not taken.accepted


def test_the_way_of_the_critic_is_the_length_of_its_step():
    grad_U = ActorCritic(REGULATOR, B, 4, 20, U, last_step="bootstrap")
    M = ActorCriticUpdate(grad_U, RestrictedPolicyUpdate.rule(0.1), 0.01)
    taken = step(M, GAUSSIAN, θ_0, φ_0, rng=0)
    np.testing.assert_allclose(taken.info["critic_moved"], np.sqrt(((taken.φ - φ_0) ** 2).sum()), rtol=1e-12)
    assert "φ moved by" in explain(taken)
    assert "The critic did not move." in explain(step(attrs.evolve(M, α_φ=0.0), GAUSSIAN, θ_0, φ_0, rng=0))
    overflows = step(attrs.evolve(M, α_φ=1e300, grad_U=attrs.evolve(grad_U, U=steep)), GAUSSIAN, θ_0, φ_0, rng=0)
    assert "The critic's step overflows: φ is unchanged." in explain(overflows)
    assert "by RestrictedPolicyUpdate" in explain(taken)


def steep(φ, s):
    return 1e30 * U(φ, s)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exploration_has_the_precision_of_the_actions(dtype):
    class Line:
        γ, S, A, T, R = 0.9, None, None, None, None
        seen = []  # noqa: RUF012

        def TR(self, s, a, rng):
            self.seen.append(a)
            return s, 0 * s

    P, θ = Line(), np.zeros(1, dtype)
    M = DeterministicPolicyGradient(P, lambda m, rng: np.ones(m), 3, 50, Q, 0.3)
    gradient(M, straight, θ, np.ones(4, dtype), rng=0)
    a = np.array(P.seen)
    assert a.dtype == dtype
    assert np.array_equal(a, a.astype(np.float32)) == (dtype == np.float32)


@pytest.mark.parametrize("direction", ["trajectory", "surrogate"])
def test_a_natural_step_drops_the_same_redundant_parameters_in_either_precision(direction):
    """The scores of a softmax have a direction of length 0 in each state, which float32 shows as one of length 1e-8."""
    S, A, rng = 3, 2, np.random.default_rng(0)
    P, π = MDP.from_arrays(rng.dirichlet(np.ones(S), (S, A)), rng.normal(size=(S, A)), 0.9), SoftmaxPolicy(S, A)
    M = ActorCriticUpdate(
        ActorCritic(P, np.ones(S) / S, 4, 60, lambda φ, s: φ[s], last_step="bootstrap"),
        NaturalPolicyUpdate.rule(0.1, direction=direction),
        0.1,
    )
    θ, φ = rng.normal(size=π.n), np.arange(S, dtype=float)
    τs = rollouts(P, M.grad_U.b, π, θ, 4, 60, 0)
    high, low = (step(M, π, θ.astype(x), φ.astype(x), τs=τs).θ for x in (np.float64, np.float32))
    assert low.dtype == np.float32
    assert np.linalg.norm(high - θ) > 0.1
    np.testing.assert_allclose(low, high, atol=1e-3)
