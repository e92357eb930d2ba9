"""MDPs and start distributions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import MDP, lookahead, rollouts
from decision_making.sampling import GuideTable, cumulative, inverse_transform, sample_start
from tests import strategies

T = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]]])
R = np.array([[1.0, 2.0], [3.0, 4.0]])


def with_entry(x, index, value):
    x = x.copy()
    x[index] = value
    return x


@pytest.mark.parametrize(
    ("T", "R", "γ", "said"),
    [
        (with_entry(T, (0, 1, 0), 0.9), R, 0.9, r"T\[0, 1\] sums to 0\.9"),
        (with_entry(T, (1, 0), [-0.5, 1.5]), R, 0.9, r"T\[1, 0, 0\] = -0\.5"),
        (with_entry(T, (1, 1, 0), np.nan), R, 0.9, r"T\[1, 1, 0\] = nan"),
        (T, with_entry(R, (0, 1), np.inf), 0.9, r"R\[0, 1\] = inf"),
        (T, with_entry(R, (1, 0), np.nan), 0.9, r"R\[1, 0\] = nan"),
        (T[:, :, :1], R, 0.9, r"T has shape \(2, 2, 1\)"),
        (T[0], R, 0.9, r"T has shape \(2, 2\)"),
        (np.zeros((0, 2, 0)), R, 0.9, r"T has shape \(0, 2, 0\)"),
        (T, R[:, :1], 0.9, r"R has shape \(2, 1\)"),
        (T, R.ravel(), 0.9, r"R has shape \(4,\)"),
        (T, R, 1.5, r"MDP\.γ = 1\.5"),
        (T, R, -0.1, r"MDP\.γ = -0\.1"),
        (T, R, np.nan, r"MDP\.γ = nan"),
        (T, R, None, r"MDP\.γ = None"),
    ],
)
def test_faulty_table_is_an_error_that_names_field_and_value(T, R, γ, said):
    with pytest.raises(ValueError, match=said):
        MDP.from_arrays(T, R, γ)


@pytest.mark.parametrize("name", ["T", "R", "TR"])
def test_field_that_must_be_a_function_is_named(name):
    fields = {"T": None, "R": None, "TR": None, name: 3}
    with pytest.raises(TypeError, match=rf"MDP\.{name} = 3"):
        MDP(0.9, None, None, **fields)
    with pytest.raises(TypeError, match=r"MDP\.terminal = 3"):
        MDP(0.9, None, None, None, None, None, terminal=3)


def test_table_is_a_copy_that_cannot_be_changed():
    mine = T.copy()
    P = MDP.from_arrays(mine, R, 0.9)
    mine[0, 0] = [0, 1]
    assert P.T(0, 0, 0) == 0.5
    with pytest.raises(ValueError, match="read-only"):
        P.T.array[0, 0, 0] = 1


@given(strategies.tabular_mdps())
def test_table_is_also_the_book_s_function(P):
    S, A = P.R.array.shape
    for s in range(S):
        for a in range(A):
            assert P.R(s, a) == np.asarray(P.R)[s, a]
            assert [P.T(s, a, s_next) for s_next in P.S] == np.asarray(P.T)[s, a].tolist()
    assert P.S.tolist() == list(range(S))
    assert P.A.tolist() == list(range(A))


@given(strategies.tabular_mdps(), st.integers(0, 1000))
def test_sampler_never_draws_a_successor_of_probability_zero_and_pays_the_table_s_reward(P, seed):
    S, A = P.R.array.shape
    rng = np.random.default_rng(seed)
    s, a = rng.integers(S, size=200), rng.integers(A, size=200)
    s_next, r = P.TR(s, a, rng)
    assert (P.T.array[s, a, s_next] > 0).all()
    assert (r == P.R.array[s, a]).all()


@given(strategies.probabilities(3, 5))
def test_inverse_transform_skips_impossible_outcomes_even_at_the_edges_of_the_uniform(p):
    i, edges = np.arange(3), np.cumsum(p, axis=1).ravel()
    for u in (0.0, np.nextafter(1.0, 0.0), *edges[edges < 1]):
        k = inverse_transform(cumulative(p), i, np.full(3, u))
        assert (p[i, k] > 0).all()


def first_beyond(c, i, u):
    return np.array([np.flatnonzero(c[row] > v)[0] for row, v in zip(i, u, strict=True)])


@given(strategies.probabilities(3, 5), st.integers(0, 9))
def test_guide_table_finds_what_a_search_from_the_start_of_the_row_finds(p, seed):
    c, rng = cumulative(p), np.random.default_rng(seed)
    edges = np.concatenate([[0.0, np.nextafter(1.0, 0.0)], c[c < 1], np.nextafter(c, 0)[c > 0], rng.random(50)])
    i, u = np.repeat(np.arange(3), len(edges)), np.tile(edges, 3)
    expected = first_beyond(c, i, u)
    np.testing.assert_array_equal(GuideTable.from_dense(c)(i, u) - 5 * i, expected)
    np.testing.assert_array_equal(inverse_transform(c, i, u), expected)


@pytest.mark.parametrize("smallest", [1.0, 1e-3, 1e-9, 1e-300])
def test_guide_table_with_most_outcomes_in_one_cell(smallest):
    """Ragged rows of very unequal probabilities: hundreds of outcomes share a cell and are told apart by bisection."""
    rng = np.random.default_rng(0)
    lengths = [1, 700, 3, 900]
    rows = [cumulative((smallest ** rng.random(k))[None])[0] for k in lengths]
    c, start = np.concatenate(rows), np.concatenate([[0], np.cumsum(lengths)])
    i = rng.integers(4, size=20_000)
    u = np.concatenate([rng.random(10_000), rng.random(5_000) ** 20, np.minimum(rng.choice(c, 5_000), 1 - 1e-16)])
    expected = start[i] + first_beyond(rows, i, u)
    np.testing.assert_array_equal(GuideTable.from_rows(c, start)(i, u), expected)


@given(strategies.probabilities(1, 7))
def test_inverse_transform_gives_each_outcome_its_interval(p):
    u = (np.arange(4200) + 0.5) / 4200  # a grid that hits every interval in proportion to its length
    k = inverse_transform(cumulative(p), np.zeros(4200, int), u)
    assert (np.diff(k) >= 0).all()
    np.testing.assert_allclose(np.bincount(k, minlength=7) / 4200, p[0], atol=2 / 4200)


@given(strategies.tabular_mdps(), st.integers(0, 3))
def test_sampler_draws_the_table_s_frequencies(P, seed):
    S, A = P.R.array.shape
    m = 4000
    for s in range(S):
        for a in range(A):
            s_next, _ = P.TR(np.full(m, s), np.full(m, a), np.random.default_rng([seed, s, a]))
            p = P.T.array[s, a]
            error = np.abs(np.bincount(s_next, minlength=S) / m - p)
            assert (error <= 5 * np.sqrt(p * (1 - p) / m)).all()


def test_sampler_takes_batches_of_any_shape_with_independent_draws():
    P = MDP.from_arrays(T, R, 0.9)
    s_next, r = P.TR(np.zeros((30, 40), int), np.zeros((30, 40), int), np.random.default_rng(0))
    assert s_next.shape == r.shape == (30, 40)
    assert abs(s_next.mean() - 0.5) < 5 * 0.5 / np.sqrt(1200)
    assert s_next.std(axis=0).min() > 0


@pytest.mark.parametrize(
    ("s", "a", "said"),
    [([2], [0], "s runs from 2 to 2"), ([0], [-1], "a runs from -1"), ([0.5], [0], "s has dtype"), (["x"], [0], "s")],
)
def test_unknown_state_or_action_is_an_error_not_another_row(s, a, said):
    P = MDP.from_arrays(T, R, 0.9)
    with pytest.raises((ValueError, TypeError), match=said):
        P.TR(np.array(s), np.array(a), np.random.default_rng(0))


@given(strategies.tabular_mdps(), st.data())
def test_lookahead_is_reward_plus_discounted_expected_utility(P, data):
    S, A = P.R.array.shape
    U = data.draw(strategies.arrays(S, strategies.numbers(-2.0, 2.0)))
    plain = MDP(P.γ, P.S, P.A, P.T, P.R, None)
    for s in range(S):
        for a in range(A):
            expected = P.R.array[s, a] + P.γ * sum(P.T.array[s, a, t] * U[t] for t in range(S))
            assert lookahead(P, U, s, a) == pytest.approx(expected, abs=1e-12)
            assert lookahead(P, lambda t: U[t], s, a) == pytest.approx(expected, abs=1e-12)
            assert lookahead(plain, U, s, a) == pytest.approx(expected, abs=1e-12)


def test_start_states_have_the_vector_s_frequencies_and_skip_zeros():
    b, m = np.array([0.2, 0.0, 0.5, 0.3]), 20_000
    s = sample_start(b, m, np.random.default_rng(1))
    frequencies = np.bincount(s, minlength=4) / m
    assert frequencies[1] == 0
    assert (abs(frequencies - b) <= 5 * np.sqrt(b * (1 - b) / m)).all()


def test_start_distribution_may_be_frozen_or_callable():
    frozen = sample_start(stats.norm(0.3, 0.1), 10_000, np.random.default_rng(1))
    assert abs(frozen.mean() - 0.3) <= 5 * 0.1 / 100
    called = sample_start(lambda m, rng: rng.normal(size=(m, 2)), 3, np.random.default_rng(1))
    assert np.array_equal(called, np.random.default_rng(1).normal(size=(3, 2)))


@pytest.mark.parametrize("b", [lambda m, rng: np.zeros(m + 1), lambda m, rng: 0.0])
def test_start_states_of_wrong_number_are_an_error(b):
    with pytest.raises(ValueError, match="b gave start states"):
        sample_start(b, 3, np.random.default_rng(0))


@pytest.mark.parametrize("b", [stats.norm(0.3, 0.1), stats.norm(0.3, scale=0.1), stats.norm([0.3], 0.1), stats.norm()])
def test_a_normal_start_is_drawn_as_scipy_draws_it(b):
    s = b.rvs(size=7, random_state=np.random.default_rng(1))
    np.testing.assert_array_equal(sample_start(b, 7, np.random.default_rng(1)), s)


@pytest.mark.parametrize(
    "b",
    [
        stats.multivariate_normal([1.0, 2.0]),
        stats.multivariate_normal([1.0]),
        stats.multivariate_t([1.0, 2.0, 3.0]),
        stats.matrix_normal(np.zeros((2, 3))),
        stats.wishart(3, np.eye(2)),
        stats.dirichlet([1.0, 2.0]),
        stats.uniform_direction(3),
    ],
)
def test_a_single_start_state_of_a_multivariate_distribution_keeps_its_shape(b):
    """scipy drops the axis of a single draw from some of them; the draw itself is scipy's."""
    one, many = sample_start(b, 1, np.random.default_rng(1)), sample_start(b, 4, np.random.default_rng(1))
    assert one.shape == (1, *many.shape[1:])
    np.testing.assert_array_equal(one.ravel(), np.ravel(b.rvs(size=1, random_state=np.random.default_rng(1))))


def test_one_trajectory_from_a_multivariate_normal():
    P = MDP(0.9, None, None, None, None, lambda s, a, rng: (s + a[:, None], -(s**2).sum(axis=1)))
    τs = rollouts(P, stats.multivariate_normal([1.0, 2.0]), lambda θ, s, rng: θ[0] * s[:, 0], [0.5], 3, 1, 0)
    assert τs.s.shape == (1, 3, 2)


def test_a_vector_of_scalar_distributions_is_not_one_start_state():
    with pytest.raises(ValueError, match=r"norm with parameters of shape \(2,\).: must be one distribution"):
        sample_start(stats.norm([0.3, 0.4], 0.1), 1, np.random.default_rng(0))
