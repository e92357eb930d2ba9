"""A policy of a user's own that reads θ along the wrong axis is refused: its scores would be wrong in silence."""

import autograd.numpy as anp
import numpy as np
import pytest

from decision_making import NaturalPolicyUpdate, Trajectories, step
from decision_making.policies import Policy
from decision_making.policies.base import components
from decision_making.problems import SimpleRegulator


def normal(read, n):
    """A class of policies a ~ N(θ₁ s + …, 1) with n parameters, which `read(θ, s)` finds."""

    class Normal(Policy):
        def __init__(self):
            self.n = n

        def mean(self, θ, s):
            return sum(read(θ, s, i) * s ** (i + 1) for i in range(n))

        def __call__(self, θ, s, rng=None):
            return np.random.default_rng(rng).normal(self.mean(θ, s), 1.0)

        def logpdf(self, θ, a, s):
            return -0.5 * (a - self.mean(θ, s)) ** 2 - 0.5 * anp.log(2 * anp.pi)

        def kl(self, θ, θ_new, s):
            return 0.5 * (self.mean(θ, s) - self.mean(θ_new, s)) ** 2

        def entropy(self, θ, s):
            return np.full(np.shape(s), 0.5 * np.log(2 * np.pi * np.e))

        def mode(self, θ, s):
            return self.mean(θ, s)

    return Normal()


def first_axis(θ, s, i):
    return θ[i]


def last_axis_alone(θ, s, i):
    return θ[..., i]


def last_axis(θ, s, i):
    return components(θ, np.ndim(s))[i]


def recorded(m, d):
    rng = np.random.default_rng(0)
    s, a, r = rng.normal(size=(3, m, d))
    return Trajectories(s, a, r)


@pytest.mark.parametrize(("read", "n", "d"), [(first_axis, 1, 4), (first_axis, 2, 2), (last_axis_alone, 2, 5)])
def test_a_log_likelihood_that_mixes_the_parameters_of_trajectories_is_refused(read, n, d):
    τs, π = recorded(5, d), normal(read, n)
    for _ in range(2):  # a class that failed is no more trusted the second time
        with pytest.raises(ValueError, match=r"Normal\.logpdf broadcasts wrongly.*last axis of θ"):
            π.scores(np.full(n, 0.3), τs)
    M = NaturalPolicyUpdate(SimpleRegulator(), SimpleRegulator().b, d, 5, 0.1)
    with pytest.raises(ValueError, match="broadcasts wrongly"):
        step(M, π, np.full(n, 0.3), τs=τs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_one_that_reads_the_last_axis_has_its_scores(n, dtype):
    τs, π, θ = recorded(5, 4), normal(last_axis, n), np.linspace(0.1, 0.3, n).astype(dtype)
    mean = sum(x * τs.s ** (i + 1) for i, x in enumerate(θ))
    scores = np.stack([((τs.a - mean) * τs.s ** (i + 1)).sum(axis=1) for i in range(n)], axis=1)
    np.testing.assert_allclose(π.scores(θ, τs), scores, rtol=1e-5, atol=1e-5)


def test_the_check_is_made_once_for_each_class():
    π, calls = normal(last_axis, 2), []
    inner = π.pullback
    π.pullback = lambda *x: calls.append(x) or inner(*x)
    for expected in (1 + 2, 1, 1):  # the first and the last trajectory by themselves
        calls.clear()
        π.scores(np.zeros(2), recorded(5, 4))
        assert len(calls) == expected
