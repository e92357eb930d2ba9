"""What the tests of chapter 10 share: a bowl, a regulator with its exact utility, one search of each kind."""

import attrs
import autograd.numpy as anp
import numpy as np

from decision_making import (
    CrossEntropyPolicySearch,
    EvolutionStrategies,
    GaussianSearchDistribution,
    GeneticPolicySearch,
    HookeJeevesPolicySearch,
    IsotropicEvolutionStrategies,
    LinearGaussianPolicy,
    PopulationUtility,
)
from decision_making.problems import SimpleRegulator

π = LinearGaussianPolicy()

P = SimpleRegulator()

N = GaussianSearchDistribution

START = N([0.0, 3.0], 2 * np.eye(2))


def bowl(π, θ):
    """A bowl with its maximum 0 at (-1, 0)."""
    return -((θ[0] + 1) ** 2) - 2 * θ[1] ** 2


@PopulationUtility
def bowls(π, θs):
    return -((θs[:, 0] + 1) ** 2) - 2 * θs[:, 1] ** 2


def searches(k_max=4, m=12):
    """One of each search, from around (0, 3) in the plane."""
    θs = START.sample(m, 0)
    return [
        HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.1),
        GeneticPolicySearch(θs, 0.25, 4, k_max),
        CrossEntropyPolicySearch(N([0.0, 3.0], 2 * np.eye(2), added_variance=0.01), m, m // 2, k_max),
        CrossEntropyPolicySearch(N([0.0, 3.0], [2.0, 2.0], added_variance=0.01), m, m // 2, k_max),
        EvolutionStrategies(N.from_factor, START.factored(), N.grad_logp, m, 0.1, k_max),
        IsotropicEvolutionStrategies([0.0, 1.0], 0.25, m, 0.05, k_max),
    ]


SEARCHES = searches()


@attrs.frozen(eq=False)
class Bernoulli:
    """A family of a user: independent coins, θ of zeros and ones."""

    ψ: np.ndarray

    def sample(self, m, rng):
        return (rng.random((m, len(self.ψ))) < self.ψ).astype(int)

    def fit(self, θs):
        return Bernoulli(θs.mean(axis=0))


class BernoulliWithMode(Bernoulli):
    def mode(self):
        return (self.ψ > 0.5).astype(int)

    def fit(self, θs):
        return BernoulliWithMode(θs.mean(axis=0))


def ones_and_zero(π, θ):
    return float(θ[0] + θ[1] - θ[2])


def plain_logp(ψ, θ):
    """log N(θ; μ, AᵀA) for autograd."""
    n = len(θ)
    A = anp.reshape(ψ[n:], (n, n))
    δ, Σ = θ - ψ[:n], anp.dot(A.T, A)
    return -0.5 * anp.dot(δ, anp.linalg.solve(Σ, δ)) - 0.5 * anp.linalg.slogdet(Σ)[1]
