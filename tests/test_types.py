"""float32 stays float32: every value and every derivative on the way, in forward passes and in reverse passes."""

import numpy as np
import pytest
from autograd import core

from decision_making import (
    MDP,
    ClampedSurrogateUpdate,
    LinearCritic,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    NeuralCritic,
    NeuralPolicy,
    PenalizedSurrogateUpdate,
    RestrictedPolicyUpdate,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    rollouts,
    step,
    surrogate_constraint,
    surrogate_objective,
)
from decision_making.policies import heads, network, neural, softmax
from decision_making.policies.base import Policy, reverse_pass
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.policies.network import ForwardPass
from decision_making.problems import SimpleRegulator
from decision_making.trajectories import returns, rewards_to_go
from decision_making.trust_region_policy_optimization import named_rule

HEADS = [Categorical(3), MultiCategorical((2, 3)), Bernoulli(2), Gaussian(2)]
RULES = ["trust_region", "natural", "restricted", "penalized", "clamped", "gradient"]


class Batch:
    """A problem that has its steps already."""

    γ = 0.99


@pytest.fixture
def graph(monkeypatch):
    """[(what, dtype)] of every array that autograd computes, values of nodes and what their derivatives hand on, and of
    every layer of a network with what goes into its Jacobian products and comes out.

    The divergence of discrete distributions is left out: it is computed in double, as near θ it would be rounding."""
    seen, in_double = [], []
    built = core.VJPNode.__init__

    def note(what, x):
        if getattr(x, "dtype", np.dtype(int)).kind == "f":
            seen.append((what, x.dtype))

    def recording(node, value, fun, args, kwargs, parent_argnums, parents):
        built(node, value, fun, args, kwargs, parent_argnums, parents)
        if in_double:
            return
        name, vjp = getattr(fun, "__name__", str(fun)), node.vjp

        def recorded(g):
            note(f"{name}: derivative of what follows", g)
            for slope in (handed_on := list(vjp(g))):
                note(f"{name}: derivative handed on", slope)
            return handed_on

        note(f"{name}: value", value)
        node.vjp = recorded

    def passed(forward, *args, moved=ForwardPass.move):
        moved(forward, *args)
        for layer in (*forward.inputs, forward.outputs, *forward.slopes):
            note("layer of a network", layer)

    def valued(*args, plain=network.values):
        outputs = plain(*args)
        note("values of a network", outputs)
        return outputs

    def chosen(z, a, plain=neural.chosen_log_softmax):
        back, logp = plain(z, a)
        for x in (z, logp):
            note("chosen log-probabilities", x)

        def noted(w):
            slope = back(w)
            for x in (w, slope):
                note("their derivative", x)
            return slope

        return noted, logp

    def product(name):
        plain = getattr(ForwardPass, name)

        def noted(forward, *given):
            result = plain(forward, *given)
            for x in (*given, result):
                for array in x if isinstance(x, list) else [x]:
                    note(name, array)
            return result

        return noted

    def doubled(f):
        def computed(*given):
            in_double.append(f)
            try:
                return f(*given)
            finally:
                in_double.pop()

        return computed

    for owner, name in ((softmax, "divergence"), (heads, "divergence"), (Bernoulli, "kl")):
        monkeypatch.setattr(owner, name, doubled(getattr(owner, name)))
    monkeypatch.setattr(core.VJPNode, "__init__", recording)
    monkeypatch.setattr(ForwardPass, "move", passed)
    monkeypatch.setattr(network, "values", valued)
    monkeypatch.setattr(neural, "chosen_log_softmax", chosen)
    for name in ("push", "pull", "push_rows", "pull_rows"):
        monkeypatch.setattr(ForwardPass, name, product(name))
    return seen


def assert_single(graph, least):
    assert len(graph) >= least
    assert [x for x in graph if x[1] != np.float32] == []


def batch(head, N=40):
    rng = np.random.default_rng(0)
    π = NeuralPolicy((3, 8), head)
    θ, s = π.init(0, last=1.0, dtype=np.float32), rng.normal(size=(4, N // 4, 3)).astype(np.float32)
    end = rng.normal(size=(4, 3)).astype(np.float32)
    return π, θ, Trajectories(s, π(θ, s, rng), rng.normal(size=(4, N // 4)), None, end)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_trpo_update(graph, head, rule):
    π, θ, τs = batch(head)
    critic = NeuralCritic((3, 8), iterations=3)
    short = {"k_max": 2} if rule in ("penalized", "clamped") else {}
    M = TrustRegionPolicyOptimization(Batch(), 40, critic, rule=named_rule(rule, **short), minibatch=16)
    taken = step(M, π, θ, critic.init(0, dtype=np.float32), rng=0, τs=τs)
    assert taken.accepted
    assert taken.θ.dtype == taken.φ.dtype == np.float32
    assert_single(graph, 50)


@pytest.mark.parametrize("critic", [NeuralCritic((3, 8)), NeuralCritic((3, 8), optimizer="adam"), LinearCritic(3)])
def test_fit_of_a_critic(graph, critic):
    rng = np.random.default_rng(0)
    φ, s = critic.init(0, dtype=np.float32), rng.normal(size=(50, 3)).astype(np.float32)
    assert critic.fit(φ, s, rng.normal(size=50), 0).dtype == np.float32
    assert critic.predict(φ, s).dtype == np.float32
    assert_single(graph, 0 if isinstance(critic, LinearCritic) else 50)


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_fisher_product_and_what_the_policy_says_of_a_state(graph, head):
    π, θ, τs = batch(head)
    s, a, _ = τs.flat()
    F = π.fisher_product(θ, a, s)
    assert F(np.ones(π.n, np.float32)).dtype == np.float32
    for x in (π.logpdf(θ, a, s), π.kl(θ, 1.1 * θ, s), π.entropy(θ, s), π.outputs(θ, s)):
        assert x.dtype == np.float32
    for f in (lambda x: π.kl(θ, x, s), lambda x: π.entropy(x, s), lambda x: π.logpdf(x, a, s)):
        vjp, value = reverse_pass(f, θ)
        assert vjp(np.ones_like(value)).dtype == np.float32
    assert_single(graph, 20)


def regulator():
    P, π = SimpleRegulator(0.9), LinearGaussianPolicy()
    return P, P.b, π, np.array([-0.3, 0.7], np.float32)


def table():
    rng = np.random.default_rng(1)
    P = MDP.from_arrays(rng.dirichlet(np.ones(4), (4, 3)), rng.normal(size=(4, 3)), 0.9)
    return P, np.full(4, 0.25), SoftmaxPolicy(4, 3), rng.normal(size=12).astype(np.float32)


UPDATES = {
    "restricted": lambda *x: RestrictedPolicyUpdate(*x, 0.01),
    "natural": lambda *x: NaturalPolicyUpdate(*x, 0.01),
    "natural, of the surrogates": lambda *x: NaturalPolicyUpdate(*x, 0.01, direction="surrogate"),
    "trust region": lambda *x: TrustRegionUpdate(*x, 0.01, 0.5),
    "clamped": lambda *x: ClampedSurrogateUpdate(*x, 0.2, 1e-3, 3),
    "penalized": lambda *x: PenalizedSurrogateUpdate(*x, 1.0, 1e-3, 3),
}


@pytest.mark.parametrize("problem", [regulator, table])
@pytest.mark.parametrize("name", UPDATES)
def test_chapter_12_update(graph, problem, name):
    P, b, π, θ = problem()
    taken = step(UPDATES[name](P, b, 5, 300), π, θ, rng=0)
    assert taken.accepted
    assert taken.θ.dtype == np.float32
    assert_single(graph, 0)


@pytest.mark.parametrize("problem", [regulator, table])
def test_scores_of_every_kind(graph, problem):
    P, b, π, θ = problem()
    τs = rollouts(P, b, π, θ, 5, 300, 0)
    assert τs.s.dtype in (np.float32, np.intp)
    for G in (π.scores(θ, τs), Policy.scores(π, θ, τs), π.step_scores(θ, τs), π.pullback(θ, τs.a, τs.s)[1]):
        assert G.dtype == np.float32
    vjp, value = reverse_pass(lambda x: π.logpdf(x, τs.a, τs.s), θ)
    assert vjp(np.ones_like(value)).dtype == np.float32
    vjp, value = reverse_pass(lambda x: π.kl(θ, x, τs.s), θ)
    assert vjp(np.ones_like(value)).dtype == np.float32
    assert_single(graph, 4)


def test_returns_and_means_accumulate_in_float64():
    """In float32 the sums below would stop growing: 2²⁴ + 1 is 2²⁴ there."""
    M = NaturalPolicyUpdate(*regulator()[:2], 5, 300, 0.01)
    r = np.ones((1, 3), np.float32)
    r[0, 0] = 2**24
    τs = Trajectories(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), r)
    assert returns(τs, 1.0).tolist() == [2**24 + 2]
    assert rewards_to_go(τs, 1.0).tolist() == [[2**24 + 2, 2, 1]]
    P, b, π, θ = regulator()
    many = rollouts(P, b, π, θ, 5, 20_000, 0)
    exact = Trajectories(*(x.astype(np.float64) for x in (many.s, many.a, many.r)))
    for f in (surrogate_objective, surrogate_constraint):
        single, double = f(M, π, θ, 1.1 * θ, many), f(M, π, θ.astype(float), (1.1 * θ).astype(float), exact)
        assert isinstance(single, float)
        assert single == pytest.approx(double, rel=2e-6)
