"""A rule is written once: a new one, registered in one place, steps from every source of evidence."""

import numpy as np
import pytest

from decision_making import (
    ActorCriticUpdate,
    GeneralizedAdvantageEstimation,
    LinearCritic,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    NeuralPolicy,
    RestrictedPolicyUpdate,
    SimulatedAgain,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    exact,
    explain,
    named_rule,
    step,
    struct,
    update,
)
from decision_making.policies.heads import Categorical
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_estimation import Sampled
from decision_making.sequential_problems.policy_gradient_optimization import Rule, stepped
from decision_making.trajectories import Trajectories
from decision_making.verbs import follow

P, π, θ = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([-0.2, 0.8])


@struct
class SignUpdate(Sampled, Rule):
    """Each parameter moves by α in the direction of its gradient."""

    α: float  # step


@follow.register
def sign_step(M: SignUpdate, here):
    return stepped(M, here, here.θ + M.α * np.sign(here.gradient()))


class Batch:
    """A problem of which a batch of steps is recorded."""

    γ = 0.9


def batch():
    rng = np.random.default_rng(0)
    s = rng.normal(size=(4, 8, 1))
    a = (s[..., 0] > 0).astype(int)
    return Trajectories(s, a, rng.normal(size=(4, 8)), None, s[:, -1])


def from_trajectories(M):
    return step(M, π, θ, rng=0)


def from_trajectories_simulated_again(M):
    return step(M, π, θ, τs=SimulatedAgain(M.P, M.b, π, θ, M.d, M.m, 0))


def from_expectations(M):
    return exact.step(M, π, θ)


def from_a_critic(M):
    critic = GeneralizedAdvantageEstimation(P, P.b, 5, 200, lambda φ, s: φ[0] * s**2, 0.9)
    return step(ActorCriticUpdate(critic, M, 0.1), π, θ, np.array([-1.0]), rng=0)


def from_a_batch_of_steps(M):
    network, critic = NeuralPolicy((1, 4), Categorical(2)), LinearCritic(1)
    M = TrustRegionPolicyOptimization(Batch(), 32, critic, rule=M)
    return step(M, network, network.init(rng=0), critic.init(), rng=0, τs=batch())


MODELS = [
    from_trajectories,
    from_trajectories_simulated_again,
    from_expectations,
    from_a_critic,
    from_a_batch_of_steps,
]


@pytest.mark.parametrize("model", MODELS)
def test_a_new_rule_registered_in_one_place_steps_from_every_source_of_evidence(model):
    M = SignUpdate(P, P.b, 5, 200, 0.01)
    taken = model(M)
    assert taken.accepted
    assert taken.rule is M
    np.testing.assert_allclose(abs(taken.θ - taken.θ_old), 0.01, rtol=1e-6)
    assert taken.kl > 0
    assert taken.improvement is not None
    assert type(taken.M).__name__ in explain(taken)
    assert "stepped" in explain(taken)


def test_a_new_rule_is_known_to_update_and_without_evidence():
    M = SignUpdate(P, P.b, 5, 200, 0.01)
    np.testing.assert_array_equal(update(M, π, θ, rng=0), step(M, π, θ, rng=0).θ)
    assert repr(SignUpdate.rule(0.01)) == "SignUpdate(P=…, b=…, d=…, m=…, α=0.01)"
    alone = from_a_critic(SignUpdate.rule(0.01))
    np.testing.assert_array_equal(alone.θ, from_a_critic(M).θ)


@pytest.mark.parametrize("model", [from_a_critic, from_a_batch_of_steps])
@pytest.mark.parametrize(
    ("Update", "settings"),
    [(RestrictedPolicyUpdate, (0.01,)), (NaturalPolicyUpdate, (0.01,)), (TrustRegionUpdate, (0.01, 0.5))],
)
def test_a_rule_without_evidence_is_the_rule_with_evidence(model, Update, settings):
    alone, with_evidence = Update.rule(*settings), Update(P, P.b, 5, 200, *settings)
    np.testing.assert_array_equal(model(alone).θ, model(with_evidence).θ)


@pytest.mark.parametrize("call", [lambda M: step(M, π, θ), lambda M: exact.step(M, π, θ), lambda M: update(M, π, θ)])
def test_a_rule_without_evidence_says_so_where_it_needs_some(call):
    with pytest.raises(TypeError, match="a rule without evidence of its own; give NaturalPolicyUpdate P, b, d and m"):
        call(NaturalPolicyUpdate.rule(0.1))


def test_evidence_of_another_kind_is_refused_by_its_own_names():
    with pytest.raises(ValueError, match=r"NaturalPolicyUpdate.ε = -1: must be"):
        NaturalPolicyUpdate.rule(-1)
    with pytest.raises(TypeError):
        NaturalPolicyUpdate.rule()


@struct
class Whatever(Sampled, Rule):
    """A rule whose body hands on what it is given."""

    result: object  # what the body gives


@follow.register
def whatever(M: Whatever, here):
    return stepped(M, here, M.result) if isinstance(M.result, np.ndarray) else M.result


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("result", [None, 3, (1, 2)])
def test_a_body_that_gives_no_step_is_named(model, result):
    with pytest.raises(TypeError, match=r"the body of Whatever gave .*: must be a Step"):
        model(Whatever(P, P.b, 5, 200, result))


@pytest.mark.parametrize("model", MODELS)
def test_a_body_that_steps_to_another_shape_is_named(model):
    with pytest.raises(ValueError, match=r"θ_new of Whatever has shape \(77,\): must be that of θ"):
        model(Whatever(P, P.b, 5, 200, np.zeros(77)))


@struct
class HalfNatural(Sampled, Rule):
    """Half of the natural step, whose other settings are the defaults."""

    ε: float  # bound on the divergence of the whole step


@follow.register
def half_natural_step(M: HalfNatural, here):
    return stepped(M, here, (here.θ + here.natural(M)) / 2)


@pytest.mark.parametrize("model", MODELS)
def test_a_rule_of_ones_own_may_take_the_natural_direction(model):
    assert model(HalfNatural(P, P.b, 5, 200, 0.01)).accepted


def test_short_names_take_ascii_settings():
    assert named_rule("clamped", epsilon=0.1).ε == 0.1
    assert named_rule("trust_region", epsilon=0.1, alpha=0.3).α == 0.3
