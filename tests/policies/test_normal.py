"""The normal log-density against SciPy, and its derivatives."""

import numpy as np
import pytest
from autograd.test_util import check_grads
from hypothesis import given
from scipy import stats

from decision_making.policies.normal import normal_logpdf
from tests import strategies

reals, deviations = strategies.numbers(-2.0, 2.0), strategies.numbers(0.25, 2.0)


@given(strategies.arrays((2, 3), reals), strategies.arrays((2, 3), reals), strategies.arrays((2, 3), deviations))
def test_values_are_scipy_s(x, μ, σ):
    np.testing.assert_allclose(normal_logpdf(x, μ, σ), stats.norm.logpdf(x, μ, σ), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("μ", "σ"), [((2, 3), (2, 3)), ((2, 1), (1, 3)), ((3,), ()), ((), (2, 1))])
@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_derivatives_of_first_and_second_order_with_broadcasting(μ, σ, mode):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3))
    μ, σ = np.array(rng.normal(size=μ)), np.array(rng.uniform(0.5, 2, size=σ))
    for argnum, value in enumerate((x, μ, σ)):

        def f(v, argnum=argnum):
            return normal_logpdf(*(v if i == argnum else y for i, y in enumerate((x, μ, σ))))

        check_grads(f, modes=[mode], order=2)(value)
