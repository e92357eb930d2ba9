"""What every policy must satisfy: scores, leading axes of θ, divergences, types."""

import numpy as np
import pytest
from autograd import grad, hessian
from hypothesis import given, strategies as st

from decision_making import FunctionPolicy, LinearGaussianPolicy, LinearSoftmaxPolicy, Policy, SoftmaxPolicy
from decision_making.policies.base import weighted_score
from tests import strategies
from tests.support import gradient_of


def loop_scores(π, θ, τs):
    """Σ_k ∇log π(a_k | s_k), one step at a time by central differences."""
    return np.array(
        [
            sum(
                (
                    gradient_of(lambda x, s=s, a=a: float(π.logpdf(x, np.array([a]), np.array([s]))[0]), θ)
                    for s, a, _ in τ
                ),
                np.zeros(π.n),
            )
            for τ in τs
        ]
    )


@given(strategies.records())
def test_scores_are_the_derivatives_of_the_log_likelihood_of_the_real_steps(record):
    π, θ, τs = record
    scale = 1 + abs(loop_scores(π, θ, τs))
    np.testing.assert_allclose(π.scores(θ, τs) / scale, loop_scores(π, θ, τs) / scale, atol=1e-6)


@given(strategies.records())
def test_likelihood_s_gradient_is_the_likelihood_times_the_score(record):
    π, θ, τs = record
    s, a = np.array([τs.s[0, 0]]), np.array([τs.a[0, 0]])
    p = float(np.exp(π.logpdf(θ, a, s)[0]))
    score = grad(lambda θ: π.logpdf(θ, a, s)[0])(θ)
    finite = gradient_of(lambda θ: float(np.exp(π.logpdf(θ, a, s)[0])), θ)
    np.testing.assert_allclose(finite, p * score, rtol=1e-6, atol=1e-8 * (1 + p * abs(score).max()))


@given(strategies.records())
def test_scores_in_blocks_of_any_size_are_the_same(record):
    π, θ, τs = record
    import decision_making.policies.base as base

    whole, size = Policy.scores(π, θ, τs), base.SCORE_BLOCK
    try:
        for base.SCORE_BLOCK in (1, 2 * max(τs.r.shape[1], π.n)):
            np.testing.assert_allclose(Policy.scores(π, θ, τs), whole, rtol=1e-12, atol=1e-12)
    finally:
        base.SCORE_BLOCK = size


@given(strategies.records())
def test_step_scores_add_up_to_the_scores_and_are_zero_on_padding(record):
    π, θ, τs = record
    g = π.step_scores(θ, τs)
    assert g.shape == (*τs.r.shape, π.n)
    assert not g[~τs.mask].any()
    np.testing.assert_allclose(g.sum(axis=1), π.scores(θ, τs), rtol=1e-10, atol=1e-10)


@given(strategies.records(), st.integers(0, 99))
def test_weighted_score_is_the_weighted_sum_of_step_scores(record, seed):
    π, θ, τs = record
    c = np.random.default_rng(seed).normal(size=τs.r.shape) * τs.mask
    got, logp = weighted_score(π, θ, τs, c)
    np.testing.assert_allclose(got, np.einsum("mk,mkn->n", c, π.step_scores(θ, τs)), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(logp, π.logpdf(θ, τs.a, τs.s))


@given(strategies.records(), st.integers(0, 99))
def test_leading_axes_of_parameters_pair_rows_with_rows(record, seed):
    π, θ, τs = record
    m, d = τs.r.shape
    rng = np.random.default_rng(seed)
    for lead in ((), (m,), (m, d)):
        own = θ + rng.uniform(0, 0.125, (*lead, π.n)) * np.sign(θ)
        new = own * 1.25
        logp, kl = π.logpdf(own, τs.a, τs.s), π.kl(own, new, τs.s)
        entropy, mode = π.entropy(own, τs.s), π.mode(own, τs.s)
        assert logp.shape == kl.shape == entropy.shape == mode.shape == (m, d)
        for i in range(m):
            for k in range(d):
                index = (i, k)[: len(lead)]
                s, a = τs.s[i, k][None], τs.a[i, k][None]
                assert logp[i, k] == pytest.approx(π.logpdf(own[index], a, s)[0], rel=1e-12, abs=1e-12)
                assert kl[i, k] == pytest.approx(π.kl(own[index], new[index], s)[0], rel=1e-9, abs=1e-12)
                assert entropy[i, k] == pytest.approx(π.entropy(own[index], s)[0], rel=1e-12, abs=1e-12)
                assert mode[i, k] == pytest.approx(π.mode(own[index], s)[0], rel=1e-12)


@pytest.mark.parametrize("π", [LinearGaussianPolicy(), SoftmaxPolicy(2, 1), LinearSoftmaxPolicy(np.ones((2, 1, 2)))])
@pytest.mark.parametrize("lead", [(3, 2, 1), (3, 2, 4), (1, 1, 1)])
def test_more_leading_axes_of_parameters_than_batch_axes_are_an_error(π, lead):
    batch = np.zeros((3, 2), int)
    with pytest.raises(ValueError, match="leading axes"):
        π.logpdf(np.ones((*lead, 2)), batch, batch)


@given(strategies.records(), st.data())
def test_divergence_is_not_negative_and_zero_only_for_the_same_policy(record, data):
    π, θ, τs = record
    θ_new = data.draw(
        strategies.gaussian_parameters() if isinstance(π, LinearGaussianPolicy) else strategies.parameters(π.n)
    )
    assert (π.kl(θ, θ_new, τs.s) >= -1e-12).all()
    assert (abs(π.kl(θ, θ, τs.s)) <= 1e-15).all()
    differ = abs(π.logpdf(θ, τs.a, τs.s) - π.logpdf(θ_new, τs.a, τs.s)) > 1e-3
    assert (π.kl(θ, θ_new, τs.s)[differ] > 0).all()


@given(strategies.records())
def test_recorded_divergence_is_the_divergence_where_it_is_known(record):
    π, θ, τs = record
    np.testing.assert_array_equal(π.recorded_kl(θ, θ * 1.25, τs.a, τs.s), π.kl(θ, θ * 1.25, τs.s))


@given(strategies.records())
def test_parameters_of_lists_or_integers_are_converted(record):
    π, _, τs = record
    integers = [1] * π.n
    np.testing.assert_array_equal(
        π.logpdf(np.array(integers), τs.a, τs.s), π.logpdf(np.array(integers, float), τs.a, τs.s)
    )


@given(strategies.records())
def test_float32_parameters_keep_float32(record):
    π, θ, τs = record
    small = θ.astype(np.float32)
    if isinstance(π, LinearGaussianPolicy):
        τs = type(τs)(τs.s.astype(np.float32), τs.a.astype(np.float32), τs.r, τs.mask)
    assert π.logpdf(small, τs.a, τs.s).dtype == np.float32
    assert π.kl(small, small, τs.s).dtype == np.float32
    scores = π.scores(small, τs)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, π.scores(θ, τs), rtol=1e-2, atol=2e-2)
    assert weighted_score(π, small, τs, np.ones(τs.r.shape))[0].dtype == np.float32


@given(strategies.records(), st.integers(0, 99))
def test_sampling_is_determined_by_the_seed_and_independent_along_the_batch(record, seed):
    π, θ, τs = record
    a = π(θ, τs.s, seed)
    assert a.shape == τs.s.shape
    np.testing.assert_array_equal(a, π(θ, τs.s, np.random.default_rng(seed)))
    if isinstance(π, LinearGaussianPolicy):
        noise = (a - π.mode(θ, τs.s)).ravel()
        assert len(np.unique(noise.round(10))) == noise.size


@given(strategies.records())
def test_nothing_given_is_modified(record):
    π, θ, τs = record
    before = [x.copy() for x in (θ, τs.s, τs.a, τs.r)]
    π(θ, τs.s, 0), π.scores(θ, τs), π.kl(θ, θ * 1.25, τs.s), π.entropy(θ, τs.s), π.mode(θ, τs.s)
    for x, old in zip((θ, τs.s, τs.a, τs.r), before, strict=True):
        np.testing.assert_array_equal(x, old)


@given(strategies.records())
def test_hessian_of_the_divergence_is_the_derivative_of_its_gradient(record):
    π, θ, τs = record
    s = τs.s[0, :1]
    H = hessian(lambda x: π.kl(θ, x, s)[0])(θ)
    finite = gradient_of(grad(lambda y: π.kl(θ, y, s)[0]), θ)
    np.testing.assert_allclose(H, finite, atol=1e-6 * (1 + abs(H).max()))
    np.testing.assert_allclose(H, H.T, atol=1e-10 * (1 + abs(H).max()))


def test_each_policy_knows_its_number_of_parameters():
    assert LinearGaussianPolicy().n == 2
    assert SoftmaxPolicy(3, 2).n == 6
    assert LinearSoftmaxPolicy(np.zeros((3, 2, 4))).n == 4
    assert FunctionPolicy(3, len, len).n == 3
