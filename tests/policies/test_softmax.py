"""Softmax policies against sums over the actions, the tiled scores, and each other."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, hessian
from hypothesis import given, strategies as st

from decision_making import LinearSoftmaxPolicy, Policy, SoftmaxPolicy, Trajectories
from decision_making.policies.softmax import TableScores
from tests import strategies
from tests.oracles import enumeration


@st.composite
def tabular(draw, policies=strategies.tabular_policies):
    S, A = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    π = draw(policies(S, A))
    return π, draw(strategies.parameters(π.n)), S, A


@given(tabular())
def test_probabilities_are_the_softmax_and_sum_to_one(case):
    π, θ, S, A = case
    s, a = np.meshgrid(np.arange(S), np.arange(A), indexing="ij")
    p = np.exp(π.logpdf(θ, a, s))
    np.testing.assert_allclose(p, enumeration.softmax(enumeration.features_of(π), θ), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(π.log_probabilities(θ, np.arange(S))), p, rtol=1e-12)


@given(tabular())
def test_expected_score_is_zero_in_each_state(case):
    π, θ, S, A = case
    p = enumeration.softmax(enumeration.features_of(π), θ)
    for s in range(S):
        τs = Trajectories(np.full((A, 1), s), np.arange(A)[:, None], np.zeros((A, 1)))
        np.testing.assert_allclose(p[s] @ π.scores(θ, τs), 0, atol=1e-12)
        np.testing.assert_allclose(π.scores(θ, τs), enumeration.scores_of(π, θ)[s], atol=1e-12)


@given(tabular())
def test_hessian_of_the_divergence_is_the_fisher_matrix(case):
    π, θ, S, _ = case
    p, g = enumeration.softmax(enumeration.features_of(π), θ), enumeration.scores_of(π, θ)
    for s in range(S):
        F = np.einsum("a,ai,aj->ij", p[s], g[s], g[s])
        np.testing.assert_allclose(hessian(lambda x, s=s: π.kl(θ, x, np.array([s]))[0])(θ), F, atol=1e-10)


@given(tabular(), st.data())
def test_divergence_and_entropy_are_sums_over_the_actions(case, data):
    π, θ, S, _ = case
    θ_new = data.draw(strategies.parameters(π.n))
    p, q = (enumeration.softmax(enumeration.features_of(π), x) for x in (θ, θ_new))
    s = np.arange(S)
    np.testing.assert_allclose(π.kl(θ, θ_new, s), (p * np.log(p / q)).sum(axis=1), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(π.entropy(θ, s), -(p * np.log(p)).sum(axis=1), rtol=1e-9, atol=1e-12)
    assert (p[s, π.mode(θ, s)] == p.max(axis=1)).all()


def test_first_action_wins_a_tie():
    assert SoftmaxPolicy(2, 3).mode(np.array([0.0, 1, 1, 2, 2, 2]), np.array([0, 1])).tolist() == [1, 0]


@given(strategies.tabular_records(policies=lambda S, A: st.just(SoftmaxPolicy(S, A))))
def test_scores_by_counting_equal_the_tiled_ones(record):
    π, θ, τs = record
    np.testing.assert_allclose(π.scores(θ, τs), Policy.scores(π, θ, τs), atol=1e-12)
    np.testing.assert_allclose(π.step_scores(θ, τs), Policy.step_scores(π, θ, τs), atol=1e-12)


@given(strategies.tabular_records(policies=lambda S, A: st.just(SoftmaxPolicy(S, A))), st.integers(0, 9))
def test_sparse_scores_multiply_like_the_tiled_ones(record, seed):
    π, θ, τs = record
    sparse, G = TableScores.of(π, θ, τs), Policy.scores(π, θ, τs)
    u, w = (np.random.default_rng(seed).normal(size=k) for k in (π.n, len(τs)))
    assert sparse.shape == G.shape
    assert sparse.counts.nnz == τs.mask.sum()
    np.testing.assert_allclose(np.asarray(sparse), G, atol=1e-12)
    np.testing.assert_allclose(sparse.matvec(u), G @ u, atol=1e-10)
    np.testing.assert_allclose(sparse.rmatvec(w), G.T @ w, atol=1e-10)


def test_scores_of_a_large_table_are_sparse():
    π, rng = SoftmaxPolicy(500, 10), np.random.default_rng(0)
    θ, s, a = rng.normal(size=π.n), rng.integers(0, 500, (900, 7)), rng.integers(0, 10, (900, 7))
    τs = Trajectories(s, a, np.zeros((900, 7)))
    G = π.scores(θ, τs)
    assert isinstance(G, TableScores)
    np.testing.assert_allclose(np.asarray(G)[::90], π.scores(θ, τs[::90]), atol=1e-12)


@given(strategies.tabular_records(policies=lambda S, A: st.just(SoftmaxPolicy(S, A))))
def test_one_feature_for_each_state_and_action_is_the_table(record):
    table, θ, τs = record
    linear = LinearSoftmaxPolicy(enumeration.one_feature_each(table.n_states, table.n_actions))
    assert linear.n == table.n
    for f in (
        lambda π: π.logpdf(θ, τs.a, τs.s),
        lambda π: π.kl(θ, θ[::-1], τs.s),
        lambda π: π.entropy(θ, τs.s),
        lambda π: π.scores(θ, τs),
        lambda π: π.logpdf(np.broadcast_to(θ, (len(τs), table.n)), τs.a, τs.s),
        lambda π: grad(lambda x: anp.sum(π.kl(θ, x, τs.s)))(θ[::-1].copy()),
    ):
        np.testing.assert_allclose(f(linear), f(table), atol=1e-12)
    np.testing.assert_array_equal(linear.mode(θ, τs.s), table.mode(θ, τs.s))
    np.testing.assert_array_equal(linear(θ, τs.s, 3), table(θ, τs.s, 3))


@given(tabular(), st.integers(0, 9))
def test_sampled_frequencies(case, seed):
    π, θ, S, A = case
    p, m = enumeration.softmax(enumeration.features_of(π), θ), 2000
    for s in range(S):
        for parameters in (θ, np.broadcast_to(θ, (m, π.n))):
            frequencies = np.bincount(π(parameters, np.full(m, s), seed), minlength=A) / m
            assert (abs(frequencies - p[s]) <= 5 * np.sqrt(p[s] * (1 - p[s]) / m)).all()


def test_each_trajectory_samples_from_its_own_parameters():
    π, choices = SoftmaxPolicy(2, 3), np.arange(300) % 3
    θ = np.zeros((300, 2, 3))
    θ[np.arange(300), :, choices] = 60.0
    assert (π(θ.reshape(300, 6), np.ones(300, int), 0) == choices).all()
    s = np.ones((300, 4), int)
    assert (π(θ.reshape(300, 6), s, 0) == choices[:, None]).all()


@given(strategies.parameters(4), strategies.numbers(-50.0, 50.0))
def test_shift_of_a_state_s_logits_changes_nothing(θ, shift):
    π, s, a = SoftmaxPolicy(2, 2), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    shifted = θ + np.array([shift, shift, 0, 0])
    np.testing.assert_allclose(π.logpdf(shifted, a, s), π.logpdf(θ, a, s), atol=1e-10)
    np.testing.assert_allclose(π.kl(θ, shifted, s), 0, atol=1e-10)


def test_extreme_logits_neither_overflow_nor_warn():
    π, θ, s = SoftmaxPolicy(1, 3), np.array([1e4, 0.0, -1e4]), np.array([0])
    assert π.logpdf(θ, np.array([2]), s)[0] == -2e4
    assert π.logpdf(θ, np.array([0]), s)[0] == 0
    assert π.entropy(θ, s)[0] == 0
    assert π.kl(θ, -θ, s)[0] == 2e4
    assert π(θ, np.zeros(100, int), 0).tolist() == [0] * 100
    assert np.isfinite(π.scores(θ, Trajectories([[0]], [[2]], [[0.0]]))).all()


def test_real_states_with_callable_features():
    def features(s):
        s = np.asarray(s)[..., None]
        return np.stack([np.concatenate([s, 2 * s, 0 * s], -1), np.concatenate([s**2, 0 * s, 1 + s], -1)], axis=-1)

    π, θ = LinearSoftmaxPolicy(features, 2), np.array([0.5, -1.0])
    s, a = np.array([[0.3, -1.0], [2.0, 0.5]]), np.array([[0, 1], [2, 2]])
    z = np.stack([0.5 * s - s**2, s, -1 - s], axis=-1)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    chosen = np.take_along_axis(p, a[..., None], -1)[..., 0]
    np.testing.assert_allclose(π.logpdf(θ, a, s), np.log(chosen), rtol=1e-12)
    np.testing.assert_allclose(π.logpdf(np.stack([θ, θ]), a, s), np.log(chosen), rtol=1e-12)
    score = np.take_along_axis(features(s), a[..., None, None], 2)[:, :, 0] - np.einsum("mka,mkan->mkn", p, features(s))
    np.testing.assert_allclose(π.step_scores(θ, Trajectories(s, a, np.zeros((2, 2)))), score, atol=1e-12)


@pytest.mark.parametrize(
    ("s", "a", "said"),
    [
        ([2], [0], "s runs from 2 to 2: must lie in 0..1"),
        ([-1], [0], "s runs from -1"),
        ([0], [3], "a runs from 3 to 3: must lie in 0..2"),
        ([0], [-1], "a runs from -1"),
        ([0.5], [0], "s has dtype"),
    ],
)
@pytest.mark.parametrize("π", [SoftmaxPolicy(2, 3), LinearSoftmaxPolicy(np.zeros((2, 3, 6)))])
def test_unknown_state_or_action_is_an_error_not_another_row(π, s, a, said):
    with pytest.raises((ValueError, TypeError), match=said):
        π.logpdf(np.zeros(6), np.array(a), np.array(s))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SoftmaxPolicy(0, 2), r"SoftmaxPolicy\.n_states = 0"),
        (lambda: SoftmaxPolicy(2, 1.5), r"SoftmaxPolicy\.n_actions = 1\.5"),
        (lambda: LinearSoftmaxPolicy(np.zeros((2, 3))), r"LinearSoftmaxPolicy\.features = \(2, 3\)"),
        (lambda: LinearSoftmaxPolicy(np.full((1, 1, 1), np.nan)), r"LinearSoftmaxPolicy\.features"),
        (lambda: LinearSoftmaxPolicy(len), r"LinearSoftmaxPolicy\.n = None"),
        (lambda: LinearSoftmaxPolicy(np.zeros((2, 3, 4)), 5), r"LinearSoftmaxPolicy\.n = 5"),
    ],
)
def test_wrong_construction_names_the_field(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_features_of_the_wrong_width_are_an_error():
    π = LinearSoftmaxPolicy(lambda s: np.zeros((*np.shape(s), 2, 3)), 2)
    with pytest.raises(ValueError, match="features has shape"):
        π.logpdf(np.zeros(2), np.array([0]), np.array([0.5]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-2, 1e-3, 1e-4])
def test_divergence_of_a_policy_nearby_is_not_what_rounding_leaves(dtype, size):
    """Σ p (log p - log p') in float32 was -3e-8 where it is 1e-6: its terms are of both signs, and cancel."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5, 3, 2)).astype(dtype).astype(float)
    for π, θ in ((SoftmaxPolicy(5, 3), rng.normal(size=15)), (LinearSoftmaxPolicy(table), rng.normal(size=2))):
        θ = θ.astype(dtype)
        Δ = (size * rng.normal(size=len(θ))).astype(dtype)
        θ_new = (θ + Δ).astype(dtype)
        f = enumeration.features_of(π)
        p, p_new = (enumeration.softmax(f, x.astype(float)) for x in (θ, θ_new))
        u = (p_new - p) / p
        expected = (p * (u - np.log1p(u))).sum(axis=1)
        found = π.kl(θ, θ_new, np.arange(5))
        assert found.dtype == dtype
        assert (found >= 0).all()
        bound = 2e-6 * size if dtype == np.float32 else 1e-14 * size
        np.testing.assert_allclose(found, expected, rtol=0.02 if dtype == np.float32 else 1e-6, atol=bound)


def test_divergence_from_a_policy_far_away_does_not_overflow():
    """Where p is 1e-300 of p' the quotient is not formed."""
    π = SoftmaxPolicy(1, 2)
    θ, θ_new = np.array([0.0, 700.0]), np.array([700.0, 0.0])
    np.testing.assert_allclose(π.kl(θ, θ_new, [0]), [700.0], rtol=1e-12)
    np.testing.assert_allclose(π.kl(2 * θ, 2 * θ_new, [0]), [1400.0], rtol=1e-12)


@pytest.mark.parametrize("π", [SoftmaxPolicy(2, 2), LinearSoftmaxPolicy(np.ones((2, 2, 4)))], ids=["table", "linear"])
@pytest.mark.parametrize("θ", [np.zeros(3), 1.0, np.zeros((2, 2)), [], np.zeros((4, 1))])
def test_parameters_of_the_wrong_length_are_named(π, θ):
    with pytest.raises(ValueError, match=r"^θ has shape .*: must be \(n,\) with n = 4"):
        π.kl(θ, np.zeros(4), [0, 1])
    with pytest.raises(TypeError, match=r"^θ = 'x': must be an array of numbers"):
        π.entropy("x", [0, 1])


@pytest.mark.parametrize("head", ["categorical", "bernoulli"])
def test_no_divergence_is_below_zero_and_its_curvature_is_the_fisher_matrix(head):
    """Where a distribution is all but certain its terms of both signs leave -7e-17; clamping keeps all derivatives."""
    from autograd import hessian

    from decision_making.policies.heads import Bernoulli, Categorical

    rng = np.random.default_rng(0)
    of = Categorical(2) if head == "categorical" else Bernoulli(2)
    z = rng.normal(size=(20_000, 2)) * 20
    kl = of.kl(z, z + rng.normal(size=z.shape) * 1e-4)
    assert (kl >= 0).all()
    assert (kl == 0).sum() > 100  # the case is met
    z = np.array([0.3, -0.2])
    F = hessian(lambda z_new: of.kl(z, z_new))(z)
    np.testing.assert_allclose(F, np.stack([of.metric(z)(v) for v in np.eye(2)], axis=1), rtol=1e-6, atol=1e-12)
