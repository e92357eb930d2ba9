"""Nearest neighbours against a full sort, kernel smoothing against its sum."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.spatial.distance import cdist

from decision_making import (
    LocallyWeightedValueFunction,
    NearestNeighborValueFunction,
    gaussian_kernel,
    inverse_distance_kernel,
)
from decision_making.sequential_problems.approximate_value_functions import neighbors
from tests.strategies import arrays, numbers

METRIC = {1: "cityblock", 2: "euclidean", np.inf: "chebyshev"}


@st.composite
def stored(draw, few=1, many=9):
    """States S (n, 2), often at equal distances, and values θ (n,)."""
    n = draw(st.integers(few, many))
    return draw(arrays((n, 2), st.integers(-3, 3))), draw(arrays(n, numbers(-4, 4)))


def by_sorting(k, d, S, s):
    """Indices of the k nearest by (distance, index)."""
    x = cdist(s, S, METRIC[d])
    return np.array([sorted(range(len(S)), key=lambda i: (row[i], i))[:k] for row in x])


@given(stored(), st.sampled_from([1, 2, np.inf]), st.data())
def test_neighbors_are_the_first_of_a_full_sort(given_, d, data):
    S, θ = given_
    k, s = data.draw(st.integers(1, len(S))), data.draw(arrays((4, 2), numbers(-3, 3, 12)))
    found = by_sorting(k, d, S, s)
    U = NearestNeighborValueFunction(k, d, S, θ)
    np.testing.assert_array_equal(U.neighbors(s), found)
    np.testing.assert_allclose(U(s), θ[found].mean(axis=1), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, np.inf])
@pytest.mark.parametrize("k", [1, 3, 8])
def test_a_tree_finds_the_same_neighbors_also_where_many_are_equally_near(d, k):
    """A grid of 20 x 20 and states on its nodes, its edges and the middles of its cells."""
    S = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    S = rng.permutation(S)
    s = np.concatenate([rng.integers(-2, 44, (150, 2)) / 2, rng.uniform(0, 19, (50, 2))])
    assert len(S) >= neighbors.FEW
    U = NearestNeighborValueFunction(k, d, S, np.arange(400.0))
    np.testing.assert_array_equal(U.neighbors(s), by_sorting(k, d, S, s))


def test_ties_of_many_states_are_looked_at_in_pieces(monkeypatch):
    """Four corners of each cell are as near as the middle of it, and a hundred states stand on one of them."""
    monkeypatch.setattr(neighbors, "BLOCK", 1)
    S = np.concatenate([np.zeros((100, 2)), np.random.default_rng(0).integers(0, 9, (150, 2))])
    s = np.array([[0.0, 0.0], [0.5, 0.5], [0.0, 0.1]])
    np.testing.assert_array_equal(
        NearestNeighborValueFunction(3, 2, S, np.arange(250.0)).neighbors(s), by_sorting(3, 2, S, s)
    )


def test_a_tree_of_few_states_finds_all(monkeypatch):
    monkeypatch.setattr(neighbors, "FEW", 1)
    S = np.random.default_rng(0).normal(size=(5, 2))
    U = NearestNeighborValueFunction(5, 2, S, np.arange(5.0))
    np.testing.assert_array_equal(U.neighbors(S), by_sorting(5, 2, S, S))


def test_a_function_of_one_s_own_gets_batches_that_broadcast_and_may_take_whole_numbers():
    far = np.array([[0, 5, 1], [5, 0, 9], [1, 9, 0]])
    U = NearestNeighborValueFunction(1, lambda s, t: far[s, t], [0, 1], [7.0, 8.0])
    assert U(np.array([0, 1, 2])).tolist() == [7, 8, 7]
    K = LocallyWeightedValueFunction(lambda s, t: 1.0 / (1 + far[s, t]), [0, 1], [7.0, 8.0])
    assert K(2) == pytest.approx((7 / 2 + 8 / 10) / (1 / 2 + 1 / 10))


def test_numbers_as_states():
    U = NearestNeighborValueFunction(1, 2, [0.0, 1.0, 4.0], [5, 6, 7])
    assert U([0.5, 0.6, 9.0]).tolist() == [5, 6, 7]  # of two equally near the first


def test_exercise_8_4():
    S = [[4, 5], [2, 6], [-1, -1]]
    for d, value in ((1, 20), (2, 20), (np.inf, 16)):
        assert NearestNeighborValueFunction(2, d, S, [2, 10, 30])([1, 2]) == value


@given(stored(few=1), st.sampled_from([1, 2, np.inf]), st.data())
def test_kernel_smoothing_is_the_quotient_of_two_sums(given_, d, data):
    S, θ = given_
    s, ε = data.draw(arrays((3, 2), numbers(-3, 3))), 0.25
    w = 1 / np.maximum(cdist(s, S, METRIC[d]), ε)
    U = LocallyWeightedValueFunction(inverse_distance_kernel(d, ε), S, θ)
    np.testing.assert_allclose(U(s), (w * θ).sum(axis=1) / w.sum(axis=1), atol=1e-12)
    W = U.weights(s)
    assert (W.data > 0).all()
    np.testing.assert_allclose(W.sum(axis=1), 1)
    w = np.exp(-(cdist(s, S, METRIC[d]) ** 2) / 4)
    G = LocallyWeightedValueFunction(gaussian_kernel(2.0, d), S, θ)
    np.testing.assert_allclose(G(s), (w * θ).sum(axis=1) / w.sum(axis=1), atol=1e-9)


@given(stored(), arrays((3, 2), numbers(-3, 3)), numbers(0.5, 4))
def test_kernel_smoothing_does_not_depend_on_the_scale_of_the_kernel_and_reproduces_constants(given_, s, c):
    S, θ = given_
    k = inverse_distance_kernel(2, 0.1)
    np.testing.assert_allclose(
        LocallyWeightedValueFunction(lambda s, t: c * k(s, t), S, θ)(s), LocallyWeightedValueFunction(k, S, θ)(s)
    )
    np.testing.assert_allclose(LocallyWeightedValueFunction(k, S, np.full(len(S), 3.5))(s), 3.5)


def test_a_narrow_kernel_is_the_nearest_neighbor():
    rng = np.random.default_rng(0)
    S, θ, s = rng.normal(size=(9, 2)), rng.normal(size=9), rng.normal(size=(40, 2))
    U = LocallyWeightedValueFunction(lambda s, t: np.linalg.norm(s - t, axis=-1) ** -200.0, S, θ)
    x = np.sort(cdist(s, S), axis=1)
    clear = x[:, 0] < 0.9 * x[:, 1]
    assert clear.sum() > 20
    np.testing.assert_allclose(U(s[clear]), NearestNeighborValueFunction(1, 2, S, θ)(s[clear]), atol=1e-6)


# Hazards


def test_a_number_of_neighbors_that_cannot_be_is_refused():
    for k in (0, 4, 1.5):
        with pytest.raises(ValueError, match="k ="):
            NearestNeighborValueFunction(k, 2, [[0.0], [1.0], [2.0]], [1, 2, 3])
    with pytest.raises(ValueError, match="S ="):
        NearestNeighborValueFunction(1, 2, np.zeros((0, 2)), [])


@pytest.mark.parametrize("d", [3, "euclid", True, None])
def test_an_unknown_distance_is_refused(d):
    with pytest.raises(ValueError, match="d ="):
        NearestNeighborValueFunction(1, d, [[0.0]], [1])


def test_a_far_state_from_which_all_weights_vanish_is_an_error_and_never_nan():
    U = LocallyWeightedValueFunction(gaussian_kernel(0.1), [[0.0], [1.0]], [1, 2])
    with pytest.raises(ValueError, match=r"s = \[50\.\].*wider"):
        U([[0.5], [50.0]])


def test_an_infinite_kernel_is_an_error():
    def k(s, t):
        with np.errstate(divide="ignore"):
            return 1 / np.linalg.norm(s - t, axis=-1)

    with pytest.raises(ValueError, match="finite"):
        LocallyWeightedValueFunction(k, [[0.0], [1.0]], [1, 2])([[0.0]])


def test_kernels_by_hand():
    """3, 4 in the plane are 5 from the origin, 7 along the axes."""
    s, t = np.zeros((1, 2)), np.array([[3.0, 4.0], [0.0, 0.0]])
    assert inverse_distance_kernel(2, 0.5)(s, t).tolist() == [0.2, 2.0]
    assert inverse_distance_kernel(1)(s, t).tolist() == pytest.approx([1 / 7, 1000])
    assert gaussian_kernel(5.0)(s, t).tolist() == pytest.approx([np.exp(-1), 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_states_that_are_not_finite_are_refused(bad):
    for U in (
        NearestNeighborValueFunction(1, 2, [[0.0], [1.0]], [1, 2]),
        LocallyWeightedValueFunction(inverse_distance_kernel(), [[0.0], [1.0]], [1, 2]),
    ):
        with pytest.raises(ValueError, match="must be finite"):
            U([[0.5], [bad]])


@pytest.mark.parametrize("bad", [-0.5, np.nan])
def test_negative_and_nan_weights_and_distances_are_refused(bad):
    def f(s, t):
        return np.where((s == 3.0) & (t == 1.0), bad, 1.0)[..., 0]

    for U in (
        LocallyWeightedValueFunction(f, [[0.0], [1.0]], [1, 2]),
        NearestNeighborValueFunction(1, f, [[0.0], [1.0]], [1, 2]),
    ):
        U([[0.0]])
        with pytest.raises(ValueError, match=r"at least 0"):
            U([[3.0]])


def test_a_function_of_one_pair_is_refused():
    with pytest.raises(ValueError, match=r"d\(s, s'\) has shape"):
        NearestNeighborValueFunction(1, lambda s, t: np.abs(s - t), [[0.0], [1.0]], [1, 2])([[0.0]])


@pytest.mark.parametrize("bad", [{"θ": [1]}, {"θ": [1, np.nan]}, {"S": [[np.nan], [0]]}, {"S": 3.0}])
def test_bad_fields_are_named(bad):
    (name,) = bad
    for kind, first in (
        (NearestNeighborValueFunction, (1, 2)),
        (LocallyWeightedValueFunction, (gaussian_kernel(1.0),)),
    ):
        fields = {"S": [[0.0], [1.0]], "θ": [1, 2]} | bad
        with pytest.raises(ValueError, match=f"{name} ="):
            kind(*first, *fields.values())


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_bad_widths_of_kernels_are_named(bad):
    with pytest.raises(ValueError, match="ε ="):
        inverse_distance_kernel(2, bad)
    with pytest.raises(ValueError, match="σ ="):
        gaussian_kernel(bad)


def test_states_and_values_are_kept_and_not_changed():
    S, θ = np.array([[0.0], [1.0]]), np.array([1.0, 2.0])
    U = NearestNeighborValueFunction(1, 2, S, θ)
    for x in (U.S, U.θ):
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 7.0
    S[0], θ[0] = 5.0, 5.0
    assert (U.S[0, 0], U.θ[0]) == (0.0, 1.0)
    with pytest.raises((TypeError, ValueError), match="S"):
        NearestNeighborValueFunction(1, 2, [["a"], ["b"]], θ)


def test_a_distance_of_one_s_own_is_asked_also_of_many_states():
    S = np.random.default_rng(0).normal(size=(neighbors.FEW + 5, 2))
    own = NearestNeighborValueFunction(3, lambda s, t: abs(s - t).sum(axis=-1), S, S[:, 0])
    np.testing.assert_array_equal(own.neighbors(S[:9]), by_sorting(3, 1, S, S[:9]))
    assert own.weights(S[:9]).shape == (9, len(S))


@pytest.mark.parametrize("k", [1, 2, 203])
def test_a_tree_with_equal_states_takes_those_listed_first(k):
    """Every state is stored twice or more, and asked for where it stands: distances of 0."""
    S = np.repeat(np.arange(41.0), 5)[np.random.default_rng(1).permutation(205), None]
    s = np.arange(41.0)[:, None]
    U = NearestNeighborValueFunction(k, 2, S, np.arange(205.0))
    np.testing.assert_array_equal(U.neighbors(s), by_sorting(k, 2, S, s))


def test_one_wrong_pair_is_named():
    U = LocallyWeightedValueFunction(lambda s, t: (s * t)[..., 0] + 1, [[1.0], [2.0]], [1, 2])
    with pytest.raises(ValueError, match=r"k\(s, s'\) = -1\.0 for s = \[-1\.\] and s' = \[2\.\]: must be at least 0"):
        U([[-1.0]])


def test_states_of_different_lengths_are_named():
    with pytest.raises(TypeError, match=r"S = \[\[1\], \[1, 2\]\]: must have rows of one length"):
        LocallyWeightedValueFunction(gaussian_kernel(0.1), [[1], [1, 2]], [0.0, 0.0])
