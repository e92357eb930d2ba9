"""What a `Step` holds and shows: it pickles, and it lets go of what it was computed from."""

import gc
import pickle
import weakref

import numpy as np
import pytest

from decision_making import (
    ActorCriticUpdate,
    ClampedSurrogateUpdate,
    FeatureCritic,
    GeneralizedAdvantageEstimation,
    LikelihoodRatioGradient,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    SimulatedAgain,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    exact,
    explain,
    rollouts,
    step,
)
from decision_making.problems import SimpleRegulator
from decision_making.verbs import follow

P, π, θ, φ = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([-0.2, 0.6]), np.array([0.1, -0.5])
EVIDENCE = (P, P.b, 4, 20)
RULES = {  # what follows the evidence
    "restricted": lambda *e: RestrictedPolicyUpdate(*e, 0.01),
    "natural": lambda *e: NaturalPolicyUpdate(*e, 0.01),
    "natural_surrogate": lambda *e: NaturalPolicyUpdate(*e, 0.01, direction="surrogate"),
    "trust_region": lambda *e: TrustRegionUpdate(*e, 0.01, 0.5),
    "trust_region_surrogate": lambda *e: TrustRegionUpdate(*e, 0.01, 0.5, direction="surrogate"),
    "clamped": lambda *e: ClampedSurrogateUpdate(*e, 0.2, 0.01, 2),
    "penalized": lambda *e: PenalizedSurrogateUpdate(*e, 1.0, 0.01, 2),
    "rejected": lambda *e: TrustRegionUpdate(*e, 1e-300, 0.5, max_backtracks=1),
    "gradient": lambda *e: PolicyGradientUpdate(LikelihoodRatioGradient(*e), 0.01),
}


def U(φ, s):
    return φ[0] * s + φ[1] * s**2


def recorded(make):
    """(step, what it was computed from) of recorded trajectories."""
    τs = rollouts(*EVIDENCE[:2], π, θ, *EVIDENCE[2:], 0)
    return step(make(*EVIDENCE), π, θ, τs=τs), τs


def expected(make):
    """Of expectations."""
    here = exact.evidence(make(*EVIDENCE), π, θ)
    return follow(make(*EVIDENCE), here), here


def with_a_critic(make):
    """Of a critic's advantages on recorded trajectories."""
    τs = rollouts(*EVIDENCE[:2], π, θ, *EVIDENCE[2:], 0)
    rule = make(*EVIDENCE)
    rule = PolicyGradientUpdate.rule(0.01) if isinstance(rule, PolicyGradientUpdate) else rule
    grad_U = GeneralizedAdvantageEstimation(*EVIDENCE, U, 0.9)
    return step(ActorCriticUpdate(grad_U, rule, 0.1), π, θ, φ, τs=τs), τs


def features(s):
    return np.stack([s, s**2], axis=-1)


def of_a_batch(make):
    """Of TRPO's batch of steps."""
    τs = rollouts(*EVIDENCE[:2], π, θ, *EVIDENCE[2:], 0)
    rule = make(*EVIDENCE)
    rule = "gradient" if isinstance(rule, PolicyGradientUpdate) else rule
    M = TrustRegionPolicyOptimization(P, 80, FeatureCritic(features, 2), rule=rule)
    return step(M, π, θ, φ, τs=τs, rng=0), τs


SOURCES = [recorded, expected, with_a_critic, of_a_batch]


@pytest.fixture
def no_cycles():
    """Python does not look for cycles: what is let go must be free of them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


cases = [pytest.mark.parametrize("make", RULES.values(), ids=RULES), pytest.mark.parametrize("source", SOURCES)]


def every_step(test):
    for mark in cases:
        test = mark(test)
    return test


@every_step
def test_step_lets_go_of_what_it_was_computed_from_once_its_numbers_are_known(source, make, no_cycles):
    taken, τs = source(make)
    kept = weakref.ref(τs)
    del τs
    numbers = taken.kl, taken.improvement
    assert kept() is None
    assert (taken.kl, taken.improvement) == numbers
    assert explain(taken)


@pytest.mark.parametrize(
    ("source", "shown"), [(recorded, "φ=None)"), (with_a_critic, "φ=array([")], ids=["none", "some"]
)
def test_step_shows_the_critic_s_parameters_where_there_are_any(source, shown):
    taken, _ = source(RULES["natural"])
    assert shown in repr(taken)


@pytest.mark.parametrize("source", SOURCES)
def test_step_of_a_line_search_knows_its_numbers_and_holds_nothing(source, no_cycles):
    taken, τs = source(RULES["trust_region"])
    kept = weakref.ref(τs)
    del τs
    assert taken.accepted
    assert kept() is None


@every_step
def test_step_that_is_let_go_leaves_nothing_behind(source, make, no_cycles):
    """Nobody asked for its numbers, as after `update`."""
    taken, τs = source(make)
    kept = weakref.ref(τs)
    del taken, τs
    assert kept() is None


@every_step
def test_step_pickles_with_its_numbers(source, make):
    """Before they are asked for and after; the copy says the same."""
    taken, _ = source(make)
    for original in (taken, pickle.loads(pickle.dumps(taken))):
        twin = pickle.loads(pickle.dumps(original))
        np.testing.assert_array_equal(twin.θ, taken.θ)
        assert (twin.kl, twin.improvement, twin.status) == (taken.kl, taken.improvement, taken.status)
        assert explain(twin) == explain(taken)


def test_pickle_of_a_step_holds_no_trajectories():
    τs = rollouts(P, P.b, π, θ, 4, 10_000, 0)
    assert len(pickle.dumps(step(RULES["trust_region"](*EVIDENCE), π, θ, τs=τs))) < τs.r.nbytes / 10


def test_step_of_trajectories_simulated_again_leaves_nothing_behind(no_cycles):
    τs = SimulatedAgain(P, P.b, π, θ, 4, 20, 0)
    kept = weakref.ref(τs)
    taken = step(RULES["trust_region"](*EVIDENCE), π, θ, τs=τs)
    del τs
    assert np.isfinite(taken.kl)
    assert kept() is None


def test_sources_move_and_stay():
    """The cases above are steps of both kinds."""
    moved = {source(make)[0].accepted for source in SOURCES for make in RULES.values()}
    assert moved == {True, False}
