"""Fisher products and recorded entropies of every policy, against sums over actions, differences and outer products."""

import itertools
import tracemalloc

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import LinearGaussianPolicy, LinearSoftmaxPolicy, NeuralPolicy, Policy, SoftmaxPolicy, Trajectories
from decision_making.policies import CategoricalPolicy
from decision_making.policies.base import At
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from tests import strategies

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)  # exact for the squares of a normal's scores, of degree 4
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def matrix(F, n):
    """The matrix of v ↦ F v."""
    return np.array([F(e) for e in np.eye(n)])


def possible_actions(π, θ, s):
    """The actions that π_θ can take in one state s, or the nodes of a quadrature, with their probabilities."""
    head = getattr(π, "head", None)
    if isinstance(π, LinearGaussianPolicy):
        return [(θ[0] * s + (abs(θ[1]) + π.σ_min) * z, w) for z, w in zip(NODES, WEIGHTS, strict=True)]
    if isinstance(head, Gaussian):
        z = π.outputs(θ, s)
        μ, σ = z[: head.k], np.exp(z[head.k :])
        nodes = itertools.product(range(5), repeat=head.k)
        return [(μ + σ * NODES[list(i)], WEIGHTS[list(i)].prod()) for i in nodes]
    if isinstance(head, MultiCategorical | Bernoulli):
        sides = head.nvec if isinstance(head, MultiCategorical) else (2,) * head.n
        actions = [np.array(a) for a in itertools.product(*map(range, sides))]
    else:
        n_actions = {SoftmaxPolicy: lambda: π.n_actions, LinearSoftmaxPolicy: lambda: π.features.shape[1]}
        actions = list(map(np.array, range(n_actions.get(type(π), lambda: head.n)())))
    return [(a, np.exp(π.logpdf(θ, a, s))) for a in actions]


def score(π, θ, a, s, h=1e-5):
    """∇log π_θ(a | s) by central differences."""
    a, s = np.asarray(a), np.asarray(s)
    return np.array([(π.logpdf(θ + e, a, s) - π.logpdf(θ - e, a, s)) / (2 * h) for e in h * np.eye(π.n)])


def expected_outer_products(π, θ, states):
    """Mean over the states of Σ_a π(a | s) g gᵀ."""
    F = [
        sum(p * np.outer(g, g) for a, p in possible_actions(π, θ, s) for g in [score(π, θ, a, s)]) for s in list(states)
    ]
    return np.mean(F, axis=0)


def second_differences(f, θ, h=1e-4):
    """The Hessian of f at θ by central differences."""
    E = h * np.eye(len(θ))
    return np.array([[(f(θ + u + v) - f(θ + u - v) - f(θ - u + v) + f(θ - u - v)) / (4 * h * h) for v in E] for u in E])


def recorded_outer_products(π, θ, τs):
    """Mean over the real steps of g gᵀ at the recorded actions."""
    g = π.step_scores(θ, τs)[τs.mask]
    return g.T @ g / len(g)


def assert_matrix(F, expected, rtol):
    np.testing.assert_allclose(F, expected, atol=rtol * max(abs(expected).max(), 1e-3))


# ---- what F is


@given(strategies.closed_form_records())
def test_fisher_matrix_in_closed_form_is_the_expected_outer_product_of_scores(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    assert_matrix(matrix(π.fisher_product(θ, a, s), π.n), expected_outer_products(π, θ, s), rtol=1e-6)


@given(strategies.closed_form_records())
def test_fisher_matrix_in_closed_form_is_the_hessian_of_the_mean_divergence(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    H = second_differences(lambda θ_new: np.mean(π.kl(θ, θ_new, s)), θ)
    assert_matrix(matrix(π.fisher_product(θ, a, s), π.n), H, rtol=1e-4)


@given(strategies.closed_form_records())
def test_recorded_actions_do_not_matter_where_the_fisher_matrix_is_known(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    v = np.linspace(-1, 1, π.n)
    np.testing.assert_array_equal(π.fisher_product(θ, None, s)(v), π.fisher_product(θ, a, s)(v))


@given(strategies.every_record())
def test_default_is_the_mean_outer_product_of_recorded_scores(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    F = matrix(Policy.fisher_product(π, θ, a, s), π.n)
    assert_matrix(F, recorded_outer_products(π, θ, τs), rtol=1e-9)


@given(strategies.function_records())
def test_functions_of_a_reader_have_the_default(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    assert_matrix(matrix(π.fisher_product(θ, a, s), π.n), recorded_outer_products(π, θ, τs), rtol=1e-9)


@given(strategies.function_records(kl=strategies.never), st.integers(0, 99))
def test_default_is_the_hessian_of_the_divergence_that_stands_in_where_none_is_known(record, seed):
    """w - 1 - log w has the second derivative g gᵀ at w = 1, whatever the action: to second order the two agree."""
    π, θ, τs = record
    s, _, _ = τs.flat()
    a = π(θ, s, seed)
    H = second_differences(lambda θ_new: np.mean(π.recorded_kl(θ, θ_new, a, s)), θ)
    assert_matrix(matrix(π.fisher_product(θ, a, s), π.n), H, rtol=1e-3)


class Regression(Policy):
    """a ~ N(θᵀs, 1) with nothing but its log-likelihood, in which a NumPy number turns float32 into float64."""

    n = 3

    def logpdf(self, θ, a, s):
        return -0.5 * (a - anp.sum(s * θ, axis=-1)) ** 2 - 0.5 * np.log(2 * np.pi)

    __call__ = kl = entropy = mode = None  # not asked for


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_policy_of_a_reader_s_own_has_the_default_and_keeps_its_number_type(dtype):
    rng = np.random.default_rng(0)
    θ, s, a = (rng.normal(size=k).astype(dtype) for k in (3, (5, 3), 5))
    F = Regression().fisher_product(θ, a, s)
    assert F(θ).dtype == dtype
    g = ((a - s @ θ)[:, None] * s).astype(float)
    np.testing.assert_allclose(matrix(F, 3), g.T @ g / 5, rtol=1e-12 if dtype == np.float64 else 1e-4)


def test_default_is_right_in_expectation():
    """Over many drawn actions the estimate is the closed form, within 5 standard errors of each entry."""
    π, exact, θ, N = strategies.normal_functions(kl=False), LinearGaussianPolicy(σ_min=0.0), np.array([0.5, -0.7]), 4000
    s = np.random.default_rng(0).normal(size=N)
    a = π(θ, s, 1)
    g = π.step_scores(θ, Trajectories(s[:, None], a[:, None], np.zeros((N, 1))))[:, 0]
    error = np.std(g[:, :, None] * g[:, None], axis=0) / np.sqrt(N)
    difference = matrix(π.fisher_product(θ, a, s), 2) - matrix(exact.fisher_product(θ, a, s), 2)
    assert (abs(difference) <= 5 * error).all()


@given(strategies.every_record(), st.integers(0, 99))
def test_fisher_matrix_is_symmetric_and_has_no_negative_curvature(record, seed):
    π, θ, τs = record
    s, a, _ = τs.flat()
    for product in (π.fisher_product(θ, a, s), Policy.fisher_product(π, θ, a, s)):
        F = matrix(product, π.n)
        np.testing.assert_allclose(F, F.T, atol=1e-12 * max(abs(F).max(), 1e-3))
        assert np.linalg.eigvalsh(F).min() >= -1e-12 * max(abs(F).max(), 1e-3)
        v = np.random.default_rng(seed).normal(size=π.n)
        np.testing.assert_allclose(product(v), F @ v, rtol=1e-9, atol=1e-9 * max(abs(F).max(), 1e-3))


@given(strategies.tabular_records())
def test_closed_form_of_a_table_is_the_one_of_any_policy_over_finitely_many_actions(record):
    π, θ, τs = record
    general = matrix(CategoricalPolicy.fisher_product(π, θ, τs.a, τs.s), π.n)
    np.testing.assert_allclose(matrix(π.fisher_product(θ, τs.a, τs.s), π.n), general, atol=1e-12)


def test_features_of_real_states():
    π = LinearSoftmaxPolicy(lambda s: np.stack([s, -s, s**2], axis=-1)[..., None] * [1.0, 0.5], n=2)
    θ, s = np.array([0.3, -1.0]), np.array([0.4, -1.5, 2.0])
    F = 0
    for x in s:
        f = π.features(x)
        p = np.exp(f @ θ) / np.exp(f @ θ).sum()
        F = F + (f - p @ f).T @ (p[:, None] * (f - p @ f)) / 3
    assert_matrix(matrix(π.fisher_product(θ, None, s), 2), F, rtol=1e-12)


# ---- over which steps


@given(strategies.every_record())
def test_fisher_matrix_is_a_mean_so_the_same_steps_twice_change_nothing(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    F = matrix(π.fisher_product(θ, a, s), π.n)
    twice = matrix(π.fisher_product(θ, np.concatenate([a, a]), np.concatenate([s, s])), π.n)
    assert_matrix(twice, F, rtol=1e-12)


@given(strategies.every_record())
def test_the_shape_of_the_batch_does_not_matter(record):
    π, θ, τs = record
    s, a = τs.s, τs.a
    flat_s, flat_a = s.reshape(-1, *s.shape[2:]), a.reshape(-1, *a.shape[2:])
    F = matrix(π.fisher_product(θ, flat_a, flat_s), π.n)
    for x, y in ((s, a), (flat_s[:, None], flat_a[:, None])):
        assert_matrix(matrix(π.fisher_product(θ, y, x), π.n), F, rtol=1e-12)
        for at in (At(π, θ, x), π.at(θ, x)):
            assert_matrix(matrix(at.fisher_product(y), π.n), F, rtol=1e-12)


# ---- edges


@pytest.mark.parametrize("σ_min", [0.3, 1e-5])
def test_where_the_second_parameter_is_zero_its_derivative_counts_as_zero_in_fisher_matrix_and_scores(σ_min):
    π, θ, s, a = LinearGaussianPolicy(σ_min), np.array([0.5, 0.0]), np.array([1.0, -2.0]), np.array([0.4, -0.9])
    scores = π.step_scores(θ, Trajectories(s[:, None], a[:, None], np.zeros((2, 1))))
    assert not scores[..., 1].any()
    np.testing.assert_allclose(matrix(π.fisher_product(θ, a, s), 2), np.diag([2.5 / σ_min**2, 0]), rtol=1e-12)
    assert not Policy.fisher_product(π, θ, a, s)(np.array([0.0, 1.0])).any()


@given(strategies.every_record())
def test_float32_stays_float32_and_near_float64(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    small = [x.astype(np.float32) if x.dtype == np.float64 else x for x in (a, s)]
    v = np.linspace(-1, 1, π.n)
    for method in (type(π).fisher_product, Policy.fisher_product):
        F = method(π, θ.astype(np.float32), *small)
        assert F(v.astype(np.float32)).dtype == F(v).dtype == np.float32
        exact = method(π, θ, a, s)(v)
        assert method(π, θ, a, s)(v.astype(np.float32)).dtype == np.float64
        np.testing.assert_allclose(F(v), exact, atol=5e-3 * (1 + abs(exact).max()))


@given(strategies.every_record())
def test_products_leave_what_they_are_given_alone_and_do_not_share_memory(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    v = np.linspace(-1, 1, π.n)
    before = [x.copy() for x in (θ, a, s, v)]
    for F in (π.fisher_product(θ, a, s), Policy.fisher_product(π, θ, a, s)):
        first = F(v)
        kept = first.copy()
        F(2 * v)
        np.testing.assert_array_equal(first, kept)
        np.testing.assert_array_equal(F(v), kept)
        assert not np.shares_memory(first, v)
    for x, old in zip((θ, a, s, v), before, strict=True):
        np.testing.assert_array_equal(x, old)


@given(strategies.records())
def test_parameters_of_lists_are_converted(record):
    π, _, τs = record
    s, a, _ = τs.flat()
    ones, v = [1] * π.n, np.linspace(-1, 1, π.n)
    for method in (type(π).fisher_product, Policy.fisher_product):
        np.testing.assert_array_equal(method(π, ones, a, s)(v), method(π, np.ones(π.n), a, s)(v))


def test_a_density_that_is_not_finite_gives_no_finite_product_and_no_warning():
    """Floating-point errors raise in the tests: reaching the end means that none escaped."""
    s, a, v = np.array([1.0, 0.5]), np.array([0.3, 0.1]), np.ones(2)
    for π in (LinearGaussianPolicy(σ_min=0.0), strategies.normal_functions(kl=False)):
        for θ2 in (0.0, 1e-200):
            for method in (type(π).fisher_product, Policy.fisher_product):
                F = method(π, np.array([0.5, θ2]), a, s)
                assert not np.isfinite(F(v)).all()
                F(1e300 * v)


def test_extreme_logits_give_finite_products():
    s, a, v = np.array([0, 0]), np.array([0, 2]), np.array([1.0, -2.0, 3.0])
    π, θ = SoftmaxPolicy(1, 3), np.array([1e4, 0.0, -1e4])
    for method in (SoftmaxPolicy.fisher_product, CategoricalPolicy.fisher_product):
        np.testing.assert_array_equal(method(π, θ, a, s)(v), np.zeros(3))
    np.testing.assert_allclose(Policy.fisher_product(π, θ, a, s)(v), [-1, 0, 1], atol=1e-12)


def test_default_holds_neither_the_matrix_nor_the_scores():
    """2,000 steps under 1,083 parameters: the scores alone would take 17 MB."""
    π, rng = NeuralPolicy((3, 30, 30), Categorical(3)), np.random.default_rng(0)
    θ, s = π.init(0), rng.normal(size=(2000, 3))
    a = π(θ, s, rng)
    Policy.fisher_product(π, θ, a, s)(θ)
    tracemalloc.start()
    try:
        Policy.fisher_product(π, θ, a, s)(θ)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2000 * π.n * 8 / 2


def test_states_a_table_does_not_have_are_named():
    π = SoftmaxPolicy(2, 3)
    with pytest.raises(ValueError, match=r"s runs from 0 to 2: must lie in 0\.\.1"):
        π.fisher_product(np.zeros(6), np.array([0, 0]), np.array([0, 2]))


def test_derivatives_that_were_not_asked_for_are_refused():
    π = NeuralPolicy((3, 4), Categorical(2))
    at = π.at(π.init(0), np.zeros((5, 3)), derivatives=False)
    for asked in (lambda: at.fisher_product(None), lambda: at.pullback(np.zeros(5, int))[0](np.ones(5))):
        with pytest.raises(TypeError, match="derivatives=False"):
            asked()


# ---- entropy as a report sees it


@given(strategies.closed_form_records())
def test_recorded_entropy_is_the_entropy_where_it_is_known(record):
    π, θ, τs = record
    s, a, _ = τs.flat()
    np.testing.assert_array_equal(π.recorded_entropy(θ, a, s), π.entropy(θ, s))
    for at in (At(π, θ, s), π.at(θ, s), π.at(θ, s, derivatives=False)):
        np.testing.assert_allclose(at.entropy(a), π.entropy(θ, s), rtol=1e-12)


@given(strategies.function_records())
def test_recorded_entropy_of_functions_is_minus_the_log_likelihood(record):
    π, θ, τs = record
    np.testing.assert_array_equal(π.recorded_entropy(θ, τs.a, τs.s), -π.logpdf(θ, τs.a, τs.s))
    np.testing.assert_array_equal(π.at(θ, τs.s).entropy(τs.a), -π.logpdf(θ, τs.a, τs.s))


def test_mean_recorded_entropy_estimates_the_entropy():
    π, exact, θ, N = strategies.normal_functions(kl=True), LinearGaussianPolicy(σ_min=0.0), np.array([0.5, -0.7]), 4000
    s = np.random.default_rng(0).normal(size=N)
    recorded = π.recorded_entropy(θ, π(θ, s, 1), s)
    assert abs(recorded.mean() - exact.entropy(θ, s).mean()) <= 5 * np.sqrt(0.5 / N)  # log-density: variance 1/2
