"""The fused normal log-density against the plain one, its derivatives and SciPy."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd.test_util import check_grads
from hypothesis import given
from scipy import stats

from decision_making.policies.normal import normal_logpdf, plain_normal_logpdf
from tests import strategies

reals, deviations = strategies.numbers(-2.0, 2.0), strategies.numbers(0.25, 2.0)


@given(strategies.arrays((2, 3), reals), strategies.arrays((2, 3), reals), strategies.arrays((2, 3), deviations))
def test_fused_equals_plain_and_scipy(x, μ, σ):
    expected = stats.norm.logpdf(x, μ, σ)
    np.testing.assert_allclose(plain_normal_logpdf(x, μ, σ), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(normal_logpdf(x, μ, σ), expected, rtol=1e-12, atol=1e-12)


@given(strategies.arrays((2, 3), reals), strategies.arrays((2, 3), reals), strategies.arrays((2, 3), deviations))
def test_fused_has_the_plain_one_s_gradients(x, μ, σ):
    for argnum in range(3):
        fused, plain = (
            grad(lambda *xs, f=f: anp.sum(f(*xs) ** 2), argnum)(x, μ, σ) for f in (normal_logpdf, plain_normal_logpdf)
        )
        np.testing.assert_allclose(fused, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("μ", "σ"), [((2, 3), (2, 3)), ((2, 1), (1, 3)), ((3,), ()), ((), (2, 1))])
@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_fused_derivatives_of_first_and_second_order_with_broadcasting(μ, σ, mode):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3))
    μ, σ = np.array(rng.normal(size=μ)), np.array(rng.uniform(0.5, 2, size=σ))
    for argnum, value in enumerate((x, μ, σ)):

        def f(v, argnum=argnum):
            return normal_logpdf(*(v if i == argnum else y for i, y in enumerate((x, μ, σ))))

        check_grads(f, modes=[mode], order=2)(value)
