"""explain(step): one paragraph on every rule's step, accepted and rejected, with the step's own numbers."""

import math

import attrs
import numpy as np
import pytest

from decision_making import (
    MDP,
    ActorCriticUpdate,
    ClampedSurrogateUpdate,
    DeterministicPolicyGradient,
    FiniteDifferenceGradient,
    FunctionPolicy,
    GeneralizedAdvantageEstimation,
    LinearCritic,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    RewardToGoGradient,
    Step,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    exact,
    explain,
    rollouts,
    step,
)
from decision_making.policies.heads import Categorical
from decision_making.policies.neural import NeuralPolicy
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization import Status

P = SimpleRegulator(γ=0.9)
π = LinearGaussianPolicy()
θ = np.array([-0.5, 0.5])
SIZE = (P, P.b, 3, 500)
τs = rollouts(P, P.b, π, θ, 3, 500, rng=1)


def refusing(s, a, rng):
    raise AssertionError("explain must not simulate")


def stepped(M, policy=π, at=θ, τs=τs):
    """A step on recorded trajectories of which nothing can be simulated any more."""
    dead = MDP(0.9, None, None, None, None, refusing)
    grad_U = attrs.evolve(M.grad_U, P=dead) if hasattr(M, "grad_U") else None
    M = attrs.evolve(M, P=dead) if grad_U is None else attrs.evolve(M, grad_U=grad_U)
    return step(M, policy, at, τs=τs)


ACCEPTED = {
    "gradient": (PolicyGradientUpdate(RewardToGoGradient(*SIZE), 0.1, L2_max=1.0), ["α = 0.1", "at most 1", "nothing"]),
    "clipped": (PolicyGradientUpdate(RewardToGoGradient(*SIZE), 0.1, clip=(-1, 1)), ["clipped to (-1, 1)"]),
    "restricted": (RestrictedPolicyUpdate(*SIZE, 0.01), ["½‖θ_new - θ‖² = ε = 0.01", "nothing bounds"]),
    "natural": (NaturalPolicyUpdate(*SIZE, 0.1), ["of whole trajectories", "ε = 0.1 nats"]),
    "natural, surrogate": (NaturalPolicyUpdate(*SIZE, 0.1, direction="surrogate"), ["of ε = 0.1 nats, its bound to"]),
    "trust region": (TrustRegionUpdate(*SIZE, 2.0, 0.5), ["after 1 backtrack, at 0.5 of", "of ε = 2 nats, its bound"]),
    "whole step": (TrustRegionUpdate(*SIZE, 0.01, 0.5), ["at the natural step itself"]),
    "clamped": (ClampedSurrogateUpdate(*SIZE, 0.2, 0.1, 5), ["k_max = 5", "1 ± 0.2", "nothing bounds"]),
    "penalized": (PenalizedSurrogateUpdate(*SIZE, 1.0, 0.1, 5), ["penalized by β = 1", "β stays 1", "no kl_target"]),
    "adaptive": (PenalizedSurrogateUpdate(*SIZE, 1.0, 0.1, 5, kl_target=0.01), ["β goes from 1 to 2", "0.01 nats"]),
    "on target": (PenalizedSurrogateUpdate(*SIZE, 1.0, 0.1, 5, kl_target=0.0165), ["β stays 1, since kl_target"]),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_step_of_every_rule_is_told_with_its_numbers_and_without_simulating(name):
    M, phrases = ACCEPTED[name]
    taken = stepped(M)
    said = explain(taken)
    assert said.startswith(f"{type(M).__name__} moved θ")
    for phrase in phrases:
        assert phrase in said
    assert f"is {taken.kl:.3g} nats" in said
    assert f"{'rose' if taken.improvement > 0 else 'fell'} by {abs(taken.improvement):.3g}" in said
    assert f"2 numbers, moved by {math.dist(taken.θ, θ):.3g}" in said
    assert "\n" not in said
    assert len(said) < 700


def test_share_of_the_bound_is_that_of_the_step():
    M = TrustRegionUpdate(*SIZE, 2.0, 0.5)
    taken = step(M, π, θ, τs=τs)
    assert f", {100 * taken.kl / 2.0:.0f}% of ε" in explain(taken)


REJECTED = {
    "trust region": (TrustRegionUpdate(*SIZE, 2.0, 0.5, max_backtracks=0), "none of 1 points"),
    "gradient": (PolicyGradientUpdate(RewardToGoGradient(*SIZE), 0.0), "step factor is zero"),
    "clamped": (ClampedSurrogateUpdate(*SIZE, 0.2, 0.0, 5), "step factor is zero"),
    "penalized": (PenalizedSurrogateUpdate(*SIZE, 1.0, 1e308, 5, kl_target=0.01), "overflows"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_rejected_step_says_why_and_claims_no_movement(name):
    M, why = REJECTED[name]
    said = explain(stepped(M, τs=attrs.evolve(τs, r=1e3 * τs.r) if name == "penalized" else τs))
    assert said.startswith(f"{type(M).__name__} did not move θ: ")
    assert why in said
    assert "moved by" not in said
    assert "θ is unchanged" not in said
    if name == "penalized":
        assert "β goes from 1 to 2" in said


@pytest.mark.parametrize("rule", [RestrictedPolicyUpdate(*SIZE, 0.1), NaturalPolicyUpdate(*SIZE, 0.1)])
def test_zero_gradient_of_the_rules_that_cannot_search(rule):
    flat = attrs.evolve(τs, r=0 * τs.r)
    assert "gradient or the step factor is zero" in explain(step(rule, π, θ, τs=flat))


def test_exact_step_is_told_as_a_sampled_one():
    said = explain(exact.step(NaturalPolicyUpdate(*SIZE, 0.1), π, θ))
    assert said.startswith("NaturalPolicyUpdate moved θ along the natural gradient")


def test_step_without_trajectories_says_that_nothing_is_known():
    for grad_U in (lambda θ: -θ, FiniteDifferenceGradient(*SIZE, 1e-3)):
        said = explain(step(PolicyGradientUpdate(grad_U, 0.1), π, θ, rng=0))
        assert "Divergence and improvement are not known" in said
        assert "nats" not in said


def test_overflow_of_what_is_measured_is_said():
    thin = FunctionPolicy(
        1, sample=lambda θ, s, rng: 0 * s, logpdf=lambda θ, a, s: -θ[0] + 0 * a, kl=lambda θ, θ_new, s: np.inf + 0 * s
    )
    taken = stepped(PolicyGradientUpdate(RewardToGoGradient(*SIZE), 0.1), thin, np.array([1.0]))
    assert "divergence or the surrogate objective overflows" in explain(taken)


U = GeneralizedAdvantageEstimation(P, P.b, 3, 500, lambda φ, s: φ[0] * s**2, 0.9)


@pytest.mark.parametrize(("α_φ", "critic"), [(0.1, "The critic's φ moved by"), (0.0, "The critic did not move.")])
def test_actor_and_critic(α_φ, critic):
    M = ActorCriticUpdate(U, TrustRegionUpdate(*SIZE, 2.0, 0.5), α_φ)
    taken = step(M, π, θ, np.array([-1.0]), τs=τs)
    said = explain(taken)
    assert said.startswith("ActorCriticUpdate moved θ by TrustRegionUpdate, the line search stopped")
    assert "of ε = 2 nats, its bound" in said
    assert critic in said
    if α_φ:
        assert f"{abs(taken.φ[0] + 1):.3g}" in said


def test_deterministic_actor_has_no_divergence():
    grad_U = DeterministicPolicyGradient(P, P.b, 3, 500, lambda φ, s, a: -φ[0] * (s + a) ** 2, 0.1)
    M = ActorCriticUpdate(grad_U, PolicyGradientUpdate(grad_U, 0.1), 0.1)
    said = explain(step(M, lambda θ, s: θ[0] * s, np.array([-0.5]), np.array([1.0]), τs=τs))
    assert "not known" in said
    assert "The critic's φ moved" in said


class Recorded:
    """A problem of which only recorded steps are left."""

    γ = 0.9

    def collect(self, *_):
        raise AssertionError("explain must not simulate")


class TestTrustRegionPolicyOptimization:
    π = NeuralPolicy((1, 4), Categorical(2))
    critic = LinearCritic(1)
    rng = np.random.default_rng(3)

    def taken(self, reward=1.0, **options):
        s = np.random.default_rng(0).normal(size=(4, 8, 1)).astype(np.float32)
        a = (s[..., 0] > 0).astype(int)
        batch = attrs.evolve(τs, s=s, a=a, r=reward * a, mask=None, s_end=s[:, -1], terminated=None, truncated=None)
        M = TrustRegionPolicyOptimization(Recorded(), 32, self.critic, **options)
        return step(M, self.π, self.π.init(rng=0), self.critic.init(rng=0), rng=0, τs=batch)

    @pytest.mark.parametrize(
        ("rule", "phrase"),
        [
            ("trust_region", "the line search stopped"),
            ("natural", "along the natural gradient until the divergence below reaches ε = 0.01 nats"),
            ("restricted", "along the gradient until ½‖θ_new - θ‖² = ε = 0.01"),
            ("penalized", "10 ascents with α = 0.0003, the divergence penalized by β = 1; an ascent is a pass of Adam"),
            ("clamped", "clamped at 1 ± 0.2"),
            ("gradient", "by one step of Adam"),
        ],
    )
    def test_accepted(self, rule, phrase):
        taken = self.taken(rule=rule)
        assert taken.accepted
        said = explain(taken)
        assert phrase in said
        assert f"{taken.kl:.3g} nats" in said
        assert f"to {taken.info['surrogate_after']:.3g}" in said
        assert "The critic was fitted" in said
        assert ("of ε = 0.01 nats, its bound" in said) == (rule in ("trust_region", "natural"))
        assert ("β stays 1" in said) == (rule == "penalized")
        if rule in ("trust_region", "natural"):
            assert f"took {taken.info['cg_iterations']:.0f} iteration" in said
            assert f"residual of {taken.info['cg_residual']:.2g}" in said

    def test_rejected_by_the_largest_divergence(self):
        said = explain(self.taken(rule="natural", max_kl=1e-9))
        assert said.startswith("TrustRegionPolicyOptimization did not move θ: the divergence in some state exceeds")
        assert "The critic was fitted" in said

    def test_rejected_for_want_of_an_advantage(self):
        assert "is zero" in explain(self.taken(reward=0.0))


def test_step_of_another_struct_gives_its_own_reason():
    assert explain(Step(θ, Status.STEPPED)).startswith("The update moved θ: stepped. Divergence")


def test_what_is_no_step_is_refused():
    with pytest.raises(TypeError, match=r"explain knows .*Step"):
        explain(θ)
