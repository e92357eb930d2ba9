"""Which α-vectors are needed, and the beliefs that say so (algorithms 20.6 and 20.7)."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog

from decision_making import POMDP, ValueIteration, find_dominating, find_maximal_belief, sweeps
from decision_making.problems import Tiger
from decision_making.state_uncertainty.exact_belief_state_planning import pruning


def vectors(seed):
    """Vectors with duplicates, some pointwise below others, and some that a mixture covers."""
    rng = np.random.default_rng(seed)
    n, k = rng.integers(1, 5), rng.integers(1, 12)
    Γ = rng.normal(size=(k, n)).round(rng.integers(1, 3))
    mixed = rng.dirichlet(np.ones(k), 2) @ Γ
    return np.concatenate([Γ, Γ[:2], Γ[:1] - 0.5, mixed, mixed - 0.01])[rng.permutation(k + 2 + 1 + 4 - (k < 2))]


def beliefs(n):
    return np.concatenate([np.eye(n), np.random.default_rng(5).dirichlet(np.ones(n), 1000)])


@given(st.integers(0, 10**6))
def test_pruning_keeps_the_maximum_everywhere(seed):
    Γ = vectors(seed)
    b = beliefs(Γ.shape[1])
    np.testing.assert_allclose((b @ Γ[find_dominating(Γ)].T).max(axis=1), (b @ Γ.T).max(axis=1), atol=1e-9)


@given(st.integers(0, 10**6))
def test_no_vector_that_is_kept_can_be_left_out(seed):
    """By a linear program of its own: the largest advantage of each over the others is positive."""
    Γ = vectors(seed)
    kept = Γ[find_dominating(Γ)]
    n = Γ.shape[1]
    for i in range(len(kept)):
        others = np.delete(kept, i, axis=0)
        if not len(others):
            continue
        found = linprog(
            np.append(np.zeros(n), -1),
            A_ub=np.hstack([others - kept[i], np.ones((len(others), 1))]),
            b_ub=np.zeros(len(others)),
            A_eq=[np.append(np.ones(n), 0)],
            b_eq=[1],
            bounds=[(0, None)] * n + [(None, None)],
        )
        assert -found.fun > 0


@given(st.integers(0, 10**6))
def test_pruning_twice_is_pruning_once(seed):
    Γ = vectors(seed)
    kept = Γ[find_dominating(Γ)]
    assert find_dominating(kept).all()


@given(st.integers(0, 10**6))
def test_a_maximal_belief_is_where_the_vector_is_above_the_others(seed):
    rng = np.random.default_rng(seed)
    α, Γ = rng.normal(size=3), rng.normal(size=(4, 3))
    b = find_maximal_belief(α, Γ)
    gains = ((α - Γ) @ beliefs(3).T).min(axis=0)
    if b is None:
        assert gains.max() <= 1e-8
    else:
        assert b.sum() == pytest.approx(1)
        assert (b >= 0).all()
        assert ((α - Γ) @ b).min() >= gains.max() - 1e-9


@pytest.mark.parametrize(("θ", "needed"), [(0.5, False), (0.500001, True), (0.4, False), (0.9, True)])
def test_the_third_of_three_vectors_is_needed_above_a_half(θ, needed):
    """(1, 0), (0, 1) and (θ, θ): at θ = 1/2 it only ties, at one belief."""
    Γ = [[1.0, 0.0], [0.0, 1.0], [θ, θ]]
    assert find_dominating(Γ).tolist() == [True, True, needed]


def test_of_equal_vectors_the_first_is_kept():
    assert find_dominating([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]).tolist() == [True, False, False]


def test_a_vector_that_ties_at_its_only_belief_is_not_kept_in_place_of_the_one_that_covers_it():
    """Both are best in state 0; the second is below the first elsewhere."""
    assert find_dominating([[1.0, 0.0], [1.0, 0.5]]).tolist() == [False, True]
    assert find_dominating([[1.0, 0.5], [1.0, 0.0]]).tolist() == [True, False]


def test_large_utilities_are_compared_by_their_own_size():
    Γ = 1e12 * np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6], [0.4, 0.4]])
    assert find_dominating(Γ).tolist() == [True, True, True, False]
    assert find_dominating(Γ - 2e12).tolist() == [True, True, True, False]


@pytest.mark.parametrize(("more", "needed"), [(0.1, True), (0.0005, False)])
def test_a_constant_that_all_vectors_share_changes_nothing_but_rounding(more, needed):
    """The regret is 5e6, of which 1e-9 is nothing."""
    Γ = -1e12 + np.array([[1e7, 0.0], [0.0, 1e7], [5e6 + more, 5e6 + more]])
    assert find_dominating(Γ).tolist() == [True, True, needed]
    assert (find_maximal_belief(Γ[2], Γ[:2]) is not None) == needed


def test_the_largest_numbers_are_compared_without_overflow():
    Γ = 1e308 * np.array([[1.0, -1.0], [-1.0, 1.0], [0.5, 0.5], [-0.5, -0.5]])
    assert find_dominating(Γ).tolist() == [True, True, True, False]
    np.testing.assert_allclose(find_maximal_belief(Γ[2], Γ[:2]), [0.5, 0.5])
    assert find_maximal_belief(Γ[3], Γ[:2]) is None


@pytest.mark.parametrize("bad", [-1e3, -1e6, -1e9, -1e12])
def test_what_is_far_below_in_one_state_may_be_best_in_others_by_little(bad):
    assert find_dominating([[0.0, 0.0], [0.09, bad]]).tolist() == [True, True]
    np.testing.assert_array_equal(find_maximal_belief([0.09, bad], [[0.0, 0.0]]), [1, 0])
    Γ = [[0.0, 0.4, 0.0], [0.4, 0.0, 0.0], [0.3, 0.3, bad]]
    np.testing.assert_allclose(find_maximal_belief(Γ[2], Γ[:2]), [0.5, 0.5, 0])
    assert find_dominating(Γ).all()
    assert find_dominating([*Γ[:2], [0.2, 0.2, bad]]).tolist() == [True, True, False]


def test_without_others_any_belief_will_do():
    np.testing.assert_array_equal(find_maximal_belief([1.0, 2.0], np.empty((0, 2))), [0.5, 0.5])


def test_of_vectors_that_tie_in_a_corner_none_is_kept_that_two_others_cover():
    """In state 0 three are best; the first is nowhere above the best of the other two."""
    Γ = [[1.0, 0.3, 0.3], [1.0, 0.5, 0.2], [1.0, 0.2, 0.5], [0.0, 0.0, 1.0]]
    assert find_dominating(Γ).tolist() == [False, True, True, True]


@pytest.mark.parametrize("witnesses", [2, 40])
def test_vectors_that_no_random_belief_finds_are_found_by_linear_programs(witnesses, monkeypatch):
    """Tangents to a parabola are all needed; a little lower, others are covered by their two neighbours."""
    monkeypatch.setattr(pruning, "WITNESSES", witnesses)
    p = np.arange(1, 48) / 48
    tangents = np.stack([-(p**2), 2 * p - p**2], axis=1)  # of p², at the belief (1 - p, p)
    between = (tangents[1:] + tangents[:-1]) / 2 - 1e-5
    Γ = np.concatenate([tangents, between])
    order = np.random.default_rng(3).permutation(len(Γ))
    np.testing.assert_array_equal(find_dominating(Γ[order]), (np.arange(len(Γ)) < len(p))[order])


@pytest.mark.parametrize("block", [1, 1 << 22])
@given(st.integers(0, 10**6))
def test_vectors_below_another_go_first_and_of_equal_ones_all_but_the_first(block, seed):
    Γ = vectors(seed).round(6)
    right = [
        i
        for i in range(len(Γ))
        if not any((Γ[j] >= Γ[i]).all() and ((Γ[j] > Γ[i]).any() or j < i) for j in range(len(Γ)) if j != i)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pruning, "BLOCK", block)
        assert pruning.not_below_another(Γ, 1e-12).tolist() == right


@pytest.mark.parametrize("unit", [1e-100, 1e-9, 1e-6, 1e-3, 1e6])
def test_plans_do_not_depend_on_the_unit_of_rewards(unit):
    P = Tiger()
    scaled = POMDP.from_arrays(P.T.array, unit * P.R.array, P.O.array, P.γ)
    for plans, same in zip(sweeps(ValueIteration(5), P), sweeps(ValueIteration(5), scaled), strict=True):
        np.testing.assert_array_equal(plans.a, same.a)
        np.testing.assert_allclose(same.Γ / unit, plans.Γ, rtol=1e-9)


def test_of_vectors_that_are_all_zero_one_is_kept():
    assert find_dominating(np.zeros((3, 2))).tolist() == [True, False, False]
    assert find_maximal_belief([0.0, 0.0], [[0.0, 0.0]]) is None


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e12])
def test_vectors_of_any_scale_are_pruned_alike(scale):
    Γ = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6], [0.45, 0.45]])
    b = find_maximal_belief(scale * Γ[2], scale * Γ[:2])
    np.testing.assert_allclose(b, [0.5, 0.5], atol=1e-6)
    assert find_maximal_belief(scale * Γ[3], scale * Γ[:3]) is None
    assert find_dominating(scale * Γ).tolist() == [True, True, True, False]


@pytest.mark.parametrize("bad", [1e3, 1e9, 1e11])
def test_where_every_vector_is_very_bad_somewhere_each_is_needed_where_it_is_best(bad):
    """In state 1 the first is best by two, and the others have the same; none is safe in both."""
    assert find_dominating([[-bad, 1.0], [-bad + 5, -1.1], [0.0, -bad]]).all()
    np.testing.assert_allclose(find_maximal_belief([-bad, 1.0], [[-bad + 5, -1.1], [0.0, -bad]]), [0, 1], atol=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(2, 8), st.sampled_from([1e3, 1e8, 1e12]))
@settings(max_examples=60)
def test_the_maximum_at_every_belief_is_kept_beside_very_bad_entries(seed, n, k, bad):
    rng = np.random.default_rng(seed)
    Γ = np.where(rng.random((k, n)) < 0.3, -bad * rng.random((k, n)), rng.normal(size=(k, n)))
    needed = find_dominating(Γ)
    b = np.concatenate([np.eye(n), rng.dirichlet(np.ones(n), 200), rng.dirichlet(np.full(n, 0.05), 200)])
    best, kept = (b @ Γ.T).max(axis=1), (b @ Γ[needed].T).max(axis=1)
    np.testing.assert_allclose(kept, best, rtol=1e-9, atol=1e-8)


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_a_state_in_which_all_vectors_are_0_decides_nothing(seed):
    rng = np.random.default_rng(seed)
    Γ = -np.where(rng.random((6, 3)) < 0.4, 1e11, rng.random((6, 3)).round(1))
    Γ = np.column_stack([Γ[:, :1], np.zeros(6), Γ[:, 1:]])
    np.testing.assert_array_equal(find_dominating(Γ), find_dominating(np.delete(Γ, 1, axis=1)))


def test_what_counts_as_a_difference_is_the_least_of_the_minimax_regret_and_the_best_quarter():
    """In state 0 the third best vector is 2 below the best, in state 1 it is 8; the smallest regret is 5."""
    Δ = -np.array([[0, 24], [1, 20], [2, 16], [3, 12], [4, 8], [5, 4], [6, 0], [7, 1e6]])
    for constant in (0, 100, -100):
        found, gain = pruning.compared(Δ + constant)
        np.testing.assert_array_equal(found, Δ)
        np.testing.assert_allclose(gain, [2e-9, 5e-9])
    np.testing.assert_allclose(pruning.compared(Δ + 1e9)[1], 8 * 2**-52 * 1e9)
    np.testing.assert_allclose(pruning.compared(Δ[:2])[1], [1e-9, 1e-9])
    np.testing.assert_allclose(pruning.compared(np.array([[3.0, 5.0]]))[1], 8 * 2**-52 * 5)
