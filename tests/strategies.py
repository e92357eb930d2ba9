"""Hypothesis strategies: problems, parameters, policies and recorded trajectories.

Everything is built from bounded numbers on a coarse grid, so that examples shrink to readable ones and exact
identities are not drowned in rounding.
"""

import autograd.numpy as anp
import numpy as np
from hypothesis import strategies as st

from decision_making import (
    MDP,
    FunctionPolicy,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    NeuralPolicy,
    SoftmaxPolicy,
    Trajectories,
)
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical


def numbers(low, high, steps=64):
    """Multiples of (high - low) / steps in [low, high]."""
    return st.integers(0, steps).map(lambda i: low + (high - low) * i / steps)


def arrays(shape, elements):
    """Float arrays of a fixed shape."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = int(np.prod(shape))
    return st.lists(elements, min_size=size, max_size=size).map(lambda x: np.array(x, dtype=float).reshape(shape))


discounts = st.sampled_from([1.0, 0.0, 0.9, 0.5]) | numbers(0.0, 1.0)
depths = st.integers(1, 4)
batch_sizes = st.integers(1, 5)
coin, never, two_or_three, one_to_three = st.booleans(), st.just(False), st.integers(2, 3), st.integers(1, 3)


def probabilities(rows, size, *, zeros=True):
    """A (rows, size) array of probability vectors; some entries are exactly 0 where zeros are allowed."""
    weights = arrays((rows, size), st.integers(0 if zeros else 1, 4))

    def normalise(w):
        w[w.sum(axis=1) == 0, 0] = 1
        return w / w.sum(axis=1, keepdims=True)

    return weights.map(normalise)


def starts(n_states, *, zeros=True):
    """Start distributions, vectors of probabilities."""
    return probabilities(1, n_states, zeros=zeros).map(lambda p: p[0])


@st.composite
def tabular_mdps(draw, *, n_states=two_or_three, n_actions=one_to_three, γ=discounts, terminal=never):
    """MDPs of `MDP.from_arrays`; where `terminal` draws True the last state ends a trajectory."""
    S, A = draw(n_states), draw(n_actions)
    T = draw(probabilities(S * A, S)).reshape(S, A, S)
    R = draw(arrays((S, A), numbers(-2.0, 2.0)))
    ends = (lambda s: np.asarray(s) == S - 1) if draw(terminal) else None
    return MDP.from_arrays(T, R, draw(γ), terminal=ends)


def parameters(n, low=-2.0, high=2.0):
    """θ of n numbers."""
    return arrays(n, numbers(low, high))


def gaussian_parameters(*, negative=True):
    """θ = (θ₁, θ₂) of a `LinearGaussianPolicy`, |θ₂| in [0.25, 2], of either sign where allowed."""
    sign = st.sampled_from([1.0, -1.0]) if negative else st.just(1.0)
    return st.builds(lambda a, b, c: np.array([a, b * c]), numbers(-2.0, 1.0), numbers(0.25, 2.0), sign)


def linear_softmax_policies(n_states, n_actions, n=one_to_three):
    """`LinearSoftmaxPolicy` with a random table of features."""
    return n.flatmap(lambda n: arrays((n_states, n_actions, n), numbers(-1.0, 1.0))).map(LinearSoftmaxPolicy)


def tabular_policies(n_states, n_actions):
    """Policies over finitely many states and actions."""
    return st.just(SoftmaxPolicy(n_states, n_actions)) | linear_softmax_policies(n_states, n_actions)


gaussian_policies = st.sampled_from([1e-5, 0.0, 0.1]).map(LinearGaussianPolicy)


@st.composite
def tabular_problems(draw, *, policies=tabular_policies, **mdp):
    """(P, b, π, θ): a tabular MDP, a start vector, a policy for it and its parameters."""
    P = draw(tabular_mdps(**mdp))
    S, A = P.R.array.shape
    π = draw(policies(S, A))
    return P, draw(starts(S)), π, draw(parameters(π.n))


@st.composite
def trajectories(draw, states, actions, *, m=batch_sizes, d=depths, full=coin):
    """Recorded trajectories of scalar states and actions drawn from two strategies, full or of unequal length."""
    m, d = draw(m), draw(d)
    lengths = [d] * m if draw(full) else draw(st.lists(st.integers(1, d), min_size=m, max_size=m))
    step = st.tuples(states, actions, numbers(-3.0, 3.0))
    return Trajectories.from_lists([draw(st.lists(step, min_size=k, max_size=k)) for k in lengths])


def tabular_trajectories(n_states, n_actions, **shape):
    """Trajectories through a tabular problem."""
    return trajectories(st.integers(0, n_states - 1), st.integers(0, n_actions - 1), **shape)


def scalar_trajectories(**shape):
    """Trajectories of real states and actions."""
    return trajectories(numbers(-2.0, 2.0), numbers(-2.0, 2.0), **shape)


@st.composite
def ended_trajectories(draw, **shape):
    """Scalar trajectories with the state after each, some terminated, some cut."""
    τs = draw(scalar_trajectories(**shape))
    m = len(τs)
    s_end = draw(arrays(m, numbers(-2.0, 2.0)))
    return Trajectories(
        τs.s, τs.a, τs.r, τs.mask, s_end, np.array(draw(st.lists(st.booleans(), min_size=m, max_size=m)))
    )


@st.composite
def tabular_records(draw, *, policies=tabular_policies, **shape):
    """(π, θ, τs) of a tabular problem."""
    S, A = draw(two_or_three), draw(one_to_three)
    π = draw(policies(S, A))
    return π, draw(parameters(π.n)), draw(tabular_trajectories(S, A, **shape))


@st.composite
def gaussian_records(draw, **shape):
    """(π, θ, τs) of a `LinearGaussianPolicy`."""
    return draw(gaussian_policies), draw(gaussian_parameters()), draw(scalar_trajectories(**shape))


def records(**shape):
    """(π, θ, τs): any policy of the vocabulary with parameters and trajectories that suit it."""
    return tabular_records(**shape) | gaussian_records(**shape)


def normal_sample(θ, s, rng):
    """a ~ N(θ₁ s, θ₂²)."""
    return θ[0] * s + abs(θ[1]) * rng.standard_normal(s.shape)


def normal_logpdf(θ, a, s):
    """Its log-density."""
    return -0.5 * ((a - θ[0] * s) / θ[1]) ** 2 - anp.log(abs(θ[1])) - 0.5 * anp.log(2 * anp.pi)


def normal_kl(θ, θ_new, s):
    """Its divergence from that of θ_new."""
    σ, σ_new = abs(θ[1]), abs(θ_new[1])
    return anp.log(σ_new / σ) + (σ**2 + ((θ[0] - θ_new[0]) * s) ** 2) / (2 * σ_new**2) - 0.5


def normal_functions(*, kl):
    """A `FunctionPolicy` a ~ N(θ₁ s, θ₂²), with or without its divergence."""
    return FunctionPolicy(2, normal_sample, normal_logpdf, normal_kl if kl else None)


@st.composite
def function_records(draw, *, kl=coin, **shape):
    """(π, θ, τs) of a `FunctionPolicy`."""
    return normal_functions(kl=draw(kl)), draw(gaussian_parameters()), draw(scalar_trajectories(**shape))


HEADS = (Categorical(3), MultiCategorical((2, 3)), Bernoulli(2), Gaussian(2))


@st.composite
def neural_records(draw, heads=HEADS):
    """(π, θ, τs) of a small `NeuralPolicy`; the actions are drawn from it."""
    π = NeuralPolicy((2, 3), draw(st.sampled_from(heads)))
    m, d, rng = draw(batch_sizes), draw(depths), np.random.default_rng(draw(st.integers(0, 99)))
    θ, s = rng.normal(0, 0.7, π.n), rng.normal(size=(m, d, 2))
    return π, θ, Trajectories(s, π(θ, s, rng), rng.normal(size=(m, d)))


def closed_form_records(**shape):
    """(π, θ, τs): policies whose divergence, entropy and Fisher matrix are known."""
    return records(**shape) | neural_records()


def every_record(**shape):
    """(π, θ, τs): any policy there is."""
    return closed_form_records(**shape) | function_records(**shape)
