"""Advantages: the recursion against the loops of the book, telescoping, ends and cuts, exact expectations."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import MDP, SoftmaxPolicy, Trajectories, exact
from decision_making.checks import rounding
from decision_making.sequential_problems.advantages import (
    end_states,
    generalized_advantages,
    next_states,
    normalized,
    temporal_differences,
)
from decision_making.trajectories import last_steps, local_rewards_to_go
from tests.strategies import arrays, batch_sizes, discounts, ended_trajectories, numbers

EXACT = {"rtol": 1e-10, "atol": 1e-12}
VALUES = numbers(-3.0, 3.0)


@st.composite
def valued_trajectories(draw, **shape):
    """(τs, U (m, d), U_end (m,))."""
    τs = draw(ended_trajectories(**shape))
    return τs, draw(arrays(τs.r.shape, VALUES)), draw(arrays(len(τs), VALUES))


def residuals_by_loops(τs, U, γ, U_end=None):
    """The book's δ of each trajectory, a list for each; the last step only with U_end."""
    out = []
    for i, τ in enumerate(τs):
        d, δ = len(τ), []
        for k, (_, _, r) in enumerate(τ):
            if k + 1 < d:
                δ.append(r + γ * U[i, k + 1] - U[i, k])
            elif U_end is not None:
                δ.append(r + γ * (0.0 if τs.terminated[i] else U_end[i]) - U[i, k])
        out.append(δ)
    return out


def advantages_by_double_sum(δ, γ, λ):
    """Â_k = Σ_l (γλ)^(l-1) δ_{k+l-1}, as the book's loop adds it up."""
    return [sum((γ * λ) ** (j - k) * δ[j] for j in range(k, len(δ))) for k in range(len(δ))]


def estimates(τs, U, γ, λ, U_end=None):
    return generalized_advantages(temporal_differences(τs, U, γ, U_end), γ, λ)


def padded(lists, d):
    return np.array([[*x, *[0.0] * (d - len(x))] for x in lists])


BY_HAND = Trajectories.from_lists([[(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (0.0, 0.0, 3.0)]])
U_BY_HAND = np.array([[0.5, 1.0, -1.0]])


@pytest.mark.parametrize(
    ("terminated", "U_end", "δ", "A"),
    [
        (False, np.array([2.0]), [1.4, 0.1, 5.8], [4.47872, 4.276, 5.8]),
        (True, np.array([2.0]), [1.4, 0.1, 4.0], [3.5456, 2.98, 4.0]),
        (False, None, [1.4, 0.1, 0.0], [1.472, 0.1, 0.0]),
    ],
    ids=["cut", "terminal", "book"],
)
def test_advantages_worked_by_hand(terminated, U_end, δ, A):
    τs = Trajectories(BY_HAND.s, BY_HAND.a, BY_HAND.r, s_end=np.zeros(1), terminated=np.array([terminated]))
    got = temporal_differences(τs, U_BY_HAND, 0.9, U_end)
    np.testing.assert_allclose(got[0], δ, **EXACT)
    np.testing.assert_allclose(generalized_advantages(got, 0.9, 0.8)[0], A, **EXACT)


@given(valued_trajectories(), discounts, discounts, st.booleans())
def test_hazard_13_2_the_recursion_equals_the_double_sum_of_the_book(record, γ, λ, bootstrap):
    τs, U, U_end = record
    U_end = U_end if bootstrap else None
    loops = residuals_by_loops(τs, U, γ, U_end)
    d = τs.r.shape[1]
    np.testing.assert_allclose(temporal_differences(τs, U, γ, U_end), padded(loops, d), **EXACT)
    expected = padded([advantages_by_double_sum(δ, γ, λ) for δ in loops], d)
    np.testing.assert_allclose(estimates(τs, U, γ, λ, U_end), expected, **EXACT)


@given(valued_trajectories(), discounts)
def test_λ_0_is_the_residual(record, γ):
    τs, U, U_end = record
    np.testing.assert_array_equal(estimates(τs, U, γ, 0.0, U_end), temporal_differences(τs, U, γ, U_end))


@given(valued_trajectories(), discounts)
def test_λ_1_telescopes_to_the_whole_rollout(record, γ):
    τs, U, U_end = record
    left = τs.lengths[:, None] - np.arange(τs.r.shape[1])
    end = np.where(τs.terminated, 0.0, U_end)[:, None] * np.asarray(γ) ** np.maximum(left, 0)
    expected = np.where(τs.mask, local_rewards_to_go(τs, γ) + end - U, 0.0)
    np.testing.assert_allclose(estimates(τs, U, γ, 1.0, U_end), expected, **EXACT)


@given(valued_trajectories(), discounts)
def test_without_values_λ_1_is_the_local_reward_to_go(record, γ):
    τs, U, U_end = record
    np.testing.assert_allclose(estimates(τs, 0 * U, γ, 1.0, 0 * U_end), local_rewards_to_go(τs, γ), **EXACT)


@given(valued_trajectories(), discounts, discounts, st.data())
def test_advantages_are_linear_in_rewards_and_values_jointly(record, γ, λ, data):
    τs, U, U_end = record
    r, V = data.draw(arrays(τs.r.shape, VALUES)) * τs.mask, data.draw(arrays(τs.r.shape, VALUES))
    V_end = data.draw(arrays(len(τs), VALUES))

    def with_rewards(r):
        return Trajectories(τs.s, τs.a, r, τs.mask, τs.s_end, τs.terminated)

    both = estimates(with_rewards(2 * τs.r - r), 2 * U - V, γ, λ, 2 * U_end - V_end)
    apart = 2 * estimates(τs, U, γ, λ, U_end) - estimates(with_rewards(r), V, γ, λ, V_end)
    np.testing.assert_allclose(both, apart, **EXACT)


@given(valued_trajectories(), discounts, discounts)
def test_nothing_leaks_between_trajectories_or_from_padding(record, γ, λ):
    τs, U, U_end = record
    together = estimates(τs, U, γ, λ, U_end)
    for i in range(len(τs)):
        one, d = τs[i : i + 1], τs.lengths[i]
        short = Trajectories(one.s[:, :d], one.a[:, :d], one.r[:, :d], None, one.s_end, one.terminated)
        np.testing.assert_array_equal(together[i, :d], estimates(short, U[i : i + 1, :d], γ, λ, U_end[i : i + 1])[0])
    assert not together[~τs.mask].any()
    other = np.where(τs.mask, U, np.nan)  # values of padding do not count
    np.testing.assert_array_equal(together, estimates(τs, other, γ, λ, U_end))


def test_a_time_limit_bootstraps_and_a_terminal_state_does_not():
    cut = Trajectories([[0.0]], [[0.0]], [[1.0]], s_end=[5.0], terminated=[False])
    over = Trajectories([[0.0]], [[0.0]], [[1.0]], s_end=[5.0], terminated=[True])
    assert temporal_differences(cut, np.array([[3.0]]), 0.5, np.array([10.0])) == 1 + 0.5 * 10 - 3
    assert temporal_differences(over, np.array([[3.0]]), 0.5, np.array([10.0])) == 1 - 3
    assert temporal_differences(over, np.array([[3.0]]), 0.5, np.array([np.inf])) == 1 - 3


@given(st.integers(1, 8), discounts, discounts)
def test_weights_of_the_k_step_advantages_sum_to_one(d, γ, λ):
    """Equation 13.17: (1-λ)(A⁽¹⁾ + λA⁽²⁾ + ...) + λ^(d-1) A⁽ᵈ⁾ is the sum Σ (γλ)^(k-1) δ_k."""
    δ = np.random.default_rng(d).normal(size=d)
    k_step = [sum(γ**j * δ[j] for j in range(k)) for k in range(1, d + 1)]
    weights = [(1 - λ) * λ**k for k in range(d - 1)] + [λ ** (d - 1)]
    assert sum(weights) == pytest.approx(1, rel=1e-12)
    got = generalized_advantages(δ[None], γ, λ)[0, 0]
    np.testing.assert_allclose(got, np.dot(weights, k_step), **EXACT)


@pytest.mark.parametrize(("γ", "λ"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.5, 0.0)])
def test_γλ_0_has_no_nan(γ, λ):
    δ = np.array([[1.0, -2.0, 3.0]])
    np.testing.assert_array_equal(generalized_advantages(δ, γ, λ), δ)


def test_expectation_with_the_exact_value_function_is_the_advantage_for_every_λ():
    """E[Â_k | s_k, a_k] = Q_k - V_k, over all trajectories of a small MDP with their probabilities."""
    T = [[[0.3, 0.7], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]]
    P, b = MDP.from_arrays(T, [[1.0, -0.5], [0.3, 2.0]], 0.8), np.array([0.4, 0.6])
    π, θ, d = SoftmaxPolicy(2, 2), np.array([0.3, -0.2, 0.5, 0.1]), 3
    p = np.exp(π.logpdf(θ, np.array([[0, 1], [0, 1]]), np.array([[0, 0], [1, 1]])))
    V, Q = np.zeros((d + 1, 2)), np.zeros((d, 2, 2))
    for k in range(d - 1, -1, -1):
        Q[k] = P.R.array + P.γ * P.T.array @ V[k + 1]
        V[k] = (p * Q[k]).sum(axis=1)
    τs, weight = exact.expectation(P, b, π, θ, d).trajectories
    assert weight.sum() == pytest.approx(1)
    U = V[np.arange(d), τs.s]
    for λ in (0.0, 0.3, 0.9, 1.0):
        A = estimates(τs, U, P.γ, λ, V[d][τs.s_end])
        for k in range(d):
            for s in range(2):
                for a in range(2):
                    here = (τs.s[:, k] == s) & (τs.a[:, k] == a)
                    mean = np.average(A[here, k], weights=weight[here])
                    assert mean == pytest.approx(Q[k, s, a] - V[k, s], rel=1e-10, abs=1e-12)


@given(ended_trajectories())
def test_last_steps_and_next_states_follow_the_lists(τs):
    s_next, last = next_states(τs), last_steps(τs)
    for i, τ in enumerate(τs):
        for k in range(len(τ)):
            assert last[i, k] == (k == len(τ) - 1)
            after = τs.s_end[i] if not τs.terminated[i] else τ[k][0]
            assert s_next[i, k] == (τ[k + 1][0] if k + 1 < len(τ) else after)
    np.testing.assert_array_equal(s_next[~τs.mask], τs.s[~τs.mask])
    ends = end_states(τs)
    assert all(ends[i] == (τ[-1][0] if τs.terminated[i] else τs.s_end[i]) for i, τ in enumerate(τs))


def test_vector_states_have_their_own_end():
    s = np.arange(12.0).reshape(2, 3, 2)
    mask = np.array([[True, True, False], [True, True, True]])
    τs = Trajectories(s, np.zeros((2, 3)), np.zeros((2, 3)), mask, [[-1.0, -2.0], [-3.0, -4.0]], [False, True])
    np.testing.assert_array_equal(next_states(τs)[0], [[2, 3], [-1, -2], [4, 5]])
    np.testing.assert_array_equal(next_states(τs)[1], [[8, 9], [10, 11], [10, 11]])
    np.testing.assert_array_equal(end_states(τs), [[-1, -2], [10, 11]])


def test_a_cut_without_its_last_state_is_an_error():
    τs = Trajectories.from_lists([[(0.0, 0.0, 1.0)], [(0.0, 0.0, 1.0)]])
    with pytest.raises(ValueError, match=r"s_end = None: trajectory 0 was cut"):
        end_states(τs)
    with pytest.raises(ValueError, match=r"s_end = None: trajectory 1 was cut"):
        end_states(Trajectories(τs.s, τs.a, τs.r, terminated=[True, False]))
    np.testing.assert_array_equal(end_states(Trajectories(τs.s, τs.a, τs.r, terminated=[True, True])), [0, 0])


def test_without_end_states_the_last_step_is_followed_by_its_own_state():
    s, mask = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[True, True, True], [True, False, False]])
    np.testing.assert_array_equal(next_states(Trajectories(s, s, 0 * s, mask)), [[2, 3, 3], [4, 5, 6]])
    over = [True, True]  # as where the trajectory is over, whether the end is known or not, and on padding
    np.testing.assert_array_equal(next_states(Trajectories(s, s, 0 * s, mask, None, over)), [[2, 3, 3], [4, 5, 6]])
    np.testing.assert_array_equal(
        next_states(Trajectories(s, s, 0 * s, mask, [7.0, 8.0], over)), [[2, 3, 3], [4, 5, 6]]
    )
    np.testing.assert_array_equal(next_states(Trajectories(s, s, 0 * s, mask, [7.0, 8.0])), [[2, 3, 7], [8, 5, 6]])


def test_a_trajectory_without_steps_has_its_first_state_as_its_end():
    s, mask = np.array([[1.0, 2.0], [4.0, 5.0]]), np.array([[True, True], [False, False]])
    np.testing.assert_array_equal(end_states(Trajectories(s, s, 0 * s, mask, [3.0, 9.0])), [3, 4])
    np.testing.assert_array_equal(end_states(Trajectories(s, s, 0 * s, mask, terminated=[True, False])), [2, 4])


@pytest.mark.parametrize("size", [1e-6, 1.0, -1.0, 1e6])
def test_a_residual_is_0_up_to_the_rounding_of_its_three_terms_and_no_further(size):
    τs = Trajectories([[0.0]], [[0.0]], [[0.1 * size]], s_end=[0.0])
    of_terms = rounding((0.1 + 0.2 + 0.3) * abs(size))
    for share, found in ((0.9, 0.0), (-0.9, 0.0), (1.1, 1.1), (-1.1, -1.1)):
        U = np.array([[0.1 * size + 0.2 * size - share * of_terms]])
        δ = temporal_differences(τs, U, 0.5, np.array([0.4 * size]))
        assert δ.item() == pytest.approx(found * of_terms, rel=0.1, abs=0)


@given(batch_sizes, st.integers(1, 5), st.integers(0, 99))
def test_normalized_advantages_have_mean_0_and_sd_1(m, d, seed):
    rng = np.random.default_rng(seed)
    A, mask = 5 + 3 * rng.normal(size=(m, d)), rng.random((m, d)) < 0.8
    got = normalized(A, mask)
    assert not got[~mask].any()
    if mask.sum() > 1:
        assert got[mask].mean() == pytest.approx(0, abs=1e-12)
        assert got[mask].std() == pytest.approx(1, rel=1e-12)
        np.testing.assert_allclose(got, normalized(7 * A - 2, mask), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("c", [0.0, 0.1, -1e300, 1e-300])
def test_normalizing_constant_advantages_does_not_divide_by_zero(c):
    np.testing.assert_array_equal(normalized(np.full((3, 7), c)), np.zeros((3, 7)))


@pytest.mark.parametrize("c", [-1e300, 1e300, 1e-300, 1.0, -1.0])
def test_advantages_of_any_size_and_sign_are_normalized(c):
    np.testing.assert_allclose(normalized(c * np.array([[1.0, 1.5]])), np.sign(c) * np.array([[-1, 1]]), rtol=1e-12)


def test_advantages_are_constant_where_their_deviation_is_within_rounding():
    for share, expected in ((0.75, [[0, 0]]), (1.25, [[-1, 1]])):
        np.testing.assert_allclose(normalized(np.array([[1.0, 1 + 2 * share * rounding(1.0)]])), expected, atol=0.2)


def test_no_real_step_normalizes_to_zero():
    np.testing.assert_array_equal(normalized(np.ones((2, 2)), np.zeros((2, 2), bool)), np.zeros((2, 2)))


@pytest.mark.parametrize("λ", [-0.1, 1.1, np.nan, np.inf, "1", True, None])
def test_λ_out_of_range(λ):
    with pytest.raises(ValueError, match=r"λ = .*must be a number in"):
        generalized_advantages(np.zeros((1, 1)), 0.9, λ)


@pytest.mark.parametrize("γ", [-0.1, 1.1, np.nan])
def test_γ_out_of_range(γ):
    for f in (
        lambda: generalized_advantages(np.zeros((1, 1)), γ, 0.5),
        lambda: temporal_differences(BY_HAND, U_BY_HAND, γ),
    ):
        with pytest.raises(ValueError, match=r"γ = .*must be a number in"):
            f()


def test_wrong_shapes_and_values_that_are_not_finite():
    with pytest.raises(ValueError, match=r"U has shape \(3,\) on a batch \(1, 3\)"):
        temporal_differences(BY_HAND, U_BY_HAND[0], 0.9)
    with pytest.raises(TypeError, match="τs = "):
        temporal_differences([[0.0]], U_BY_HAND, 0.9)
    with pytest.raises(ValueError, match=r"U_end has shape \(1, 1\)"):
        temporal_differences(BY_HAND, U_BY_HAND, 0.9, np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"U of trajectory 0, step 1 \(counting from 0\) is nan"):
        temporal_differences(BY_HAND, np.array([[0.0, np.nan, 0.0]]), 0.9)
    with pytest.raises(ValueError, match="U_end of trajectory 0, the state after its last step is inf"):
        temporal_differences(BY_HAND, U_BY_HAND, 0.9, np.array([np.inf]))
    with pytest.raises(ValueError, match=r"δ = .*must be an array"):
        generalized_advantages(np.zeros(3), 0.9, 0.5)
    with pytest.raises(ValueError, match=r"δ = \(2, 3, 4\): must be an array \(m, d\)"):
        generalized_advantages(np.zeros((2, 3, 4)), 0.9, 0.5)
    with pytest.raises(ValueError, match="mask has shape"):
        normalized(np.zeros((2, 2)), np.ones(2, bool))


def test_inputs_are_not_modified():
    δ, U, U_end = np.array([[1.0, 2.0, 3.0]]), U_BY_HAND.copy(), np.array([2.0])
    for x in (δ, U, U_end):
        x.setflags(write=False)
    generalized_advantages(δ, 0.9, 0.8)
    temporal_differences(BY_HAND, U, 0.9, U_end)
    normalized(δ)
