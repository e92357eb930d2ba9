"""A reader's own functions: right ones are the policy they describe, wrong ones are caught before they are used."""

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from decision_making import FunctionPolicy, LikelihoodRatioGradient, LinearGaussianPolicy, Trajectories, gradient
from decision_making.problems import SimpleRegulator
from tests import strategies
from tests.strategies import normal_kl as kl, normal_logpdf as logpdf, normal_sample as sample

EXACT = LinearGaussianPolicy(σ_min=0)
P = SimpleRegulator()


def mode(θ, s):
    return θ[0] * s


def policy(**functions):
    return FunctionPolicy(2, **({"sample": sample, "logpdf": logpdf, "kl": kl, "mode": mode} | functions))


def square(m):
    """m trajectories of m steps: rows and columns that can be confused."""
    rng = np.random.default_rng(m)
    return Trajectories(rng.normal(size=(m, m)), rng.normal(size=(m, m)), rng.normal(size=(m, m)))


@given(strategies.scalar_trajectories(), strategies.gaussian_parameters())
def test_right_functions_are_the_policy_they_describe(τs, θ):
    π = policy()
    np.testing.assert_allclose(π.logpdf(θ, τs.a, τs.s), EXACT.logpdf(θ, τs.a, τs.s), rtol=1e-10)
    np.testing.assert_allclose(π.scores(θ, τs), EXACT.scores(θ, τs), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(π.step_scores(θ, τs), EXACT.step_scores(θ, τs), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(π.kl(θ, θ * 1.25, τs.s), EXACT.kl(θ, θ * 1.25, τs.s), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(π.mode(θ, τs.s), EXACT.mode(θ, τs.s))
    np.testing.assert_allclose(π(θ, τs.s, 0), EXACT(θ, τs.s, 0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_parameters_of_each_row_act_on_that_row_where_rows_and_columns_can_be_confused(m):
    π, τs, θ = policy(), square(m), np.linspace([-1, 0.5], [1, 2], m)
    np.testing.assert_allclose(π.logpdf(θ, τs.a, τs.s), EXACT.logpdf(θ, τs.a, τs.s), rtol=1e-10)
    np.testing.assert_allclose(π(θ, τs.s, 0), EXACT(θ, τs.s, 0), rtol=1e-12)


def test_without_a_divergence_the_recorded_ratio_stands_in():
    π, τs, θ, θ_new = policy(kl=None), square(3), np.array([0.0, 1.0]), np.array([0.1, 1.1])
    w = np.exp(EXACT.logpdf(θ_new, τs.a, τs.s) - EXACT.logpdf(θ, τs.a, τs.s))
    got = π.recorded_kl(θ, θ_new, τs.a, τs.s)
    np.testing.assert_allclose(got, w - 1 - np.log(w), rtol=1e-9, atol=1e-12)
    assert (got >= 0).all()
    assert not π.recorded_kl(θ, θ, τs.a, τs.s).any()
    with pytest.raises(TypeError, match="kl"):
        π.kl(θ, θ_new, τs.s)


def test_recorded_ratio_is_the_divergence_in_expectation():
    π, θ, θ_new, s = policy(kl=None), np.array([0.0, 1.0]), np.array([0.2, 1.1]), 0.7
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    value = π.recorded_kl(θ, θ_new, z, np.full(80, s)) @ (weights / weights.sum())
    assert value == pytest.approx(kl(θ, θ_new, s), rel=1e-6)


def test_what_was_not_given_is_a_type_error_that_says_so():
    π = policy(kl=None, mode=None)
    with pytest.raises(TypeError, match=r"FunctionPolicy\.mode"):
        π.mode(np.array([0.0, 1.0]), np.zeros(2))
    with pytest.raises(TypeError, match="entropy"):
        π.entropy(np.array([0.0, 1.0]), np.zeros(2))


def squeezed(θ, a, s):
    """Written for one row: with as many rows as columns it pairs parameters with steps instead of trajectories."""
    return logpdf([anp.squeeze(θ[0]), anp.squeeze(θ[1])], a, s)


WRONG = {
    "a scalar result": lambda θ, a, s: anp.sum(logpdf(θ, a, s)),
    "a mean over the steps": lambda θ, a, s: anp.mean(logpdf(θ, a, s), axis=-1) if np.ndim(s) else logpdf(θ, a, s),
    "an axis too many": lambda θ, a, s: logpdf(θ, a, s)[..., None],
    "parameters mixed between rows": squeezed,
    "parameters of the first row for all": lambda θ, a, s: logpdf(
        [θ[0].flat[0] if np.ndim(θ[0]) else θ[0], θ[1].flat[0] if np.ndim(θ[1]) else θ[1]], a, s
    ),
    "states centred over the batch": lambda θ, a, s: logpdf(θ, a, s - np.mean(s)),
    "sums over the batch": lambda θ, a, s: 0 * a + anp.sum(logpdf(θ, a, s)),
    "the transposed batch": lambda θ, a, s: anp.transpose(logpdf(θ, a, s)),
    "reversed rows": lambda θ, a, s: logpdf(θ, a, s)[::-1] if np.ndim(s) else logpdf(θ, a, s),
    "a function that is not vectorised": lambda θ, a, s: logpdf(θ, a, s) if a > 0 else 1.0 * logpdf(θ, a, s),
    "a list of parameters": lambda θ, a, s: logpdf([float(θ[0]), float(θ[1])], a, s),
}


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize("m", [2, 3])
def test_log_likelihood_that_broadcasts_wrongly_is_caught_at_its_first_use(how, m):
    τs = square(m)
    with pytest.raises(ValueError, match="logpdf "):
        policy(logpdf=WRONG[how]).logpdf(np.array([0.3, 1.0]), τs.a, τs.s)
    with pytest.raises((ValueError, TypeError), match="logpdf "):
        policy(logpdf=WRONG[how]).scores(np.array([0.3, 1.0]), τs)


def test_divergence_that_broadcasts_wrongly_is_caught():
    τs = square(3)
    for wrong in (
        lambda θ, θ_new, s: anp.mean(kl(θ, θ_new, s)),
        lambda θ, θ_new, s: kl(θ, θ_new, s)[..., None],
        lambda θ, θ_new, s: kl([anp.squeeze(x) for x in θ], θ_new, s),
    ):
        with pytest.raises(ValueError, match="kl "):
            policy(kl=wrong).kl(np.array([0.3, 1.0]), np.array([0.2, 1.1]), τs.s)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda θ, s, rng: θ[0] * s + rng.normal(), "noise once for the whole batch"),
        (lambda θ, s, rng: rng.normal(), "sample has shape"),
        (lambda θ, s, rng: (θ[0] * s + rng.normal(size=s.shape))[:2], "sample has shape"),
        (lambda θ, s, rng: float(θ[0] * s), "must act on arrays"),
    ],
)
def test_sample_that_does_not_draw_one_action_for_each_state_is_caught(wrong, said):
    with pytest.raises(ValueError, match=said):
        policy(sample=wrong)(np.array([0.3, 1.0]), np.zeros(40), 0)


def test_deterministic_sample_is_allowed():
    π = policy(sample=lambda θ, s, rng: θ[0] * s)
    np.testing.assert_array_equal(π(np.array([2.0, 1.0]), np.arange(5.0), 0), 2 * np.arange(5.0))


def test_check_of_sample_leaves_the_caller_s_numbers_alone():
    θ, s = np.array([0.3, 1.0]), np.arange(5.0)
    expected = sample(θ, s, np.random.default_rng(7))
    np.testing.assert_array_equal(policy()(θ, s, 7), expected)
    np.testing.assert_array_equal(policy()(θ, s, np.random.default_rng(7)), expected)


PLAIN = {
    "np.exp": lambda θ, a, s: logpdf(θ, a, s) + 0 * np.exp(θ[1]),
    "np.where": lambda θ, a, s: np.where(a > 100, 0.0, logpdf(θ, a, s)),
    "np.asarray": lambda θ, a, s: np.asarray(logpdf(θ, a, s)),
    "np.asarray of a part": lambda θ, a, s: logpdf(θ, a, s) + np.asarray(θ[1]) - θ[1],
    "np.where of a parameter": lambda θ, a, s: logpdf([np.where(a > 100, 0.0, θ[0]), θ[1]], a, s),
    "np.stack": lambda θ, a, s: np.sum(np.stack([logpdf(θ, a, s), 0 * a]), axis=0),
    "np.broadcast_to": lambda θ, a, s: logpdf([θ[0], np.broadcast_to(θ[1], np.shape(θ[1]))], a, s),
    "scipy.stats": lambda θ, a, s: stats.norm.logpdf(a, θ[0] * s, abs(θ[1])),
    "float": lambda θ, a, s: logpdf([θ[0] * 1.0, np.asarray(θ[1], float)], a, s),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_numpy_instead_of_autograd_s_never_gives_wrong_scores_silently(name):
    θ, τs = np.array([0.3, 1.0]), square(3)
    refusal = None
    try:
        scores = policy(logpdf=PLAIN[name]).scores(θ, τs)
    except TypeError as error:
        refusal = str(error)
    if refusal is None:
        np.testing.assert_allclose(scores, EXACT.scores(θ, τs), rtol=1e-9)
    else:
        assert "autograd.numpy" in refusal


def test_gradient_with_own_functions_is_the_gradient_of_the_policy_they_describe():
    M, θ = LikelihoodRatioGradient(P, P.b, 3, 20), np.array([-0.3, 0.5])
    np.testing.assert_allclose(gradient(M, policy(), θ, rng=0), gradient(M, EXACT, θ, rng=0), rtol=1e-9)


def test_vector_states():
    def two(θ, a, s):
        return logpdf([θ[0], 1.0], a, s[..., 0] + s[..., 1])

    π = FunctionPolicy(1, lambda θ, s, rng: rng.normal(size=s.shape[:-1]), two, state_ndim=1)
    rng = np.random.default_rng(0)
    s, a, θ = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3)), np.array([0.5])
    z = a - 0.5 * s.sum(axis=-1)
    expected = (z * s.sum(axis=-1)).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(π.scores(θ, Trajectories(s, a, np.zeros((4, 3)))), expected, rtol=1e-10)
    assert π(θ, s, 0).shape == (4, 3)
    with pytest.raises(ValueError, match="state_ndim"):
        π.logpdf(θ, np.float64(0.0), np.float64(0.0))


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ((0, sample, logpdf), ValueError, r"FunctionPolicy\.n = 0"),
        ((2, None, logpdf), TypeError, "sample"),
        ((2, sample, 3.0), TypeError, "logpdf"),
        ((2, sample, logpdf, 1), TypeError, "kl"),
    ],
)
def test_wrong_construction_names_the_field(fields, error, said):
    with pytest.raises(error, match=said):
        FunctionPolicy(*fields)
