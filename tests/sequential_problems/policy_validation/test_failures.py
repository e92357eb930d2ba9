"""The adversary against enumeration and the book's numbers; most likely failures against enumeration."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse

import decision_making as dm
from decision_making.problems import StraightLineHexWorld
from tests import strategies

EAST = np.zeros(8, dtype=int)


def sparse_copy(P):
    """The same MDP with sparse tables."""
    n, k = P.R.array.shape
    return dm.MDP.from_arrays(sparse.csr_array(P.T.array.reshape(n * k, n)), P.R.array, P.γ)


def solved(P, π, λ):
    return dm.solve(dm.LinearProgramFormulation(), dm.adversarial(P, π, λ)).U


@given(
    strategies.tabular_mdps(γ=st.sampled_from([0.0, 0.5, 0.9])), st.integers(0, 20), st.sampled_from([0.0, 0.3, 2.0])
)
@settings(max_examples=40)
def test_adversary_takes_the_worst_of_all_ways(P, seed, λ):
    """U = max over all choices of one successor for each state of the utility of that deterministic chain."""
    n, k = P.R.array.shape
    a = np.random.default_rng(seed).integers(k, size=n)
    T, r = P.T.array[np.arange(n), a], P.R.array[np.arange(n), a]
    best = np.full(n, -np.inf)
    for chosen in itertools.product(*(np.flatnonzero(row > 0) for row in T)):
        reward = -r + λ * np.log(T[np.arange(n), chosen])
        best = np.maximum(best, np.linalg.solve(np.eye(n) - P.γ * np.eye(n)[list(chosen)], reward))
    for problem in (P, sparse_copy(P)):
        np.testing.assert_allclose(solved(problem, a, λ), best, atol=1e-8)


def test_adversary_is_a_problem_in_matrix_form():
    P = StraightLineHexWorld()
    found = dm.adversarial(P, EAST, 0.5)
    assert len(found.S) == len(found.A) == 8
    assert found.γ == P.γ
    T = P.T.array[:, 0]
    for s, a in itertools.product(range(8), repeat=2):
        assert found.T(s, a, a) == 1
        right = -P.R(s, 0) + 0.5 * math.log(T[s, a]) if T[s, a] > 0 else -math.inf
        assert found.R(s, a) == pytest.approx(right)
    s_next, r = found.TR(np.array([0, 5]), np.array([1, 5]), np.random.default_rng(0))
    assert s_next.tolist() == [1, 5]
    np.testing.assert_allclose(r, [0.3 + 0.5 * math.log(0.7), 0.3 + 0.5 * math.log(0.3)])


def test_adversary_without_plausibility_keeps_to_what_can_happen():
    """λ = 0: ln 0 · 0 would be NaN; what cannot happen stays out of reach."""
    R = dm.adversarial(StraightLineHexWorld(), EAST, 0.0).R.array
    assert not np.isnan(R).any()
    np.testing.assert_array_equal(np.isfinite(R), StraightLineHexWorld().T.array[:, 0] > 0)


@given(strategies.tabular_mdps(γ=st.sampled_from([0.5, 0.9])), st.integers(0, 9))
@settings(max_examples=30)
def test_adversarial_utility_falls_and_is_convex_in_λ(P, seed):
    n, k = P.R.array.shape
    a = np.random.default_rng(seed).integers(k, size=n)
    low, middle, high = (solved(P, a, λ) for λ in (0.2, 0.7, 1.2))
    assert (low >= middle - 1e-8).all()
    assert (middle >= high - 1e-8).all()
    assert (low + high >= 2 * middle - 1e-8).all()
    without = solved(P, a, 0.0)
    assert (without >= low - 1e-8).all()
    assert (without >= -dm.policy_evaluation(P, a) - 1e-8).all()  # the worst case is no better than the mean


def random_chain(seed, n=6):
    """An MDP of one action, with some zeros, and a certain transition in the first state."""
    rng = np.random.default_rng(seed)
    T = rng.dirichlet(np.full(n, 0.4), n)
    T[T < 0.05] = 0
    T[0] = np.eye(n)[rng.integers(n)]
    return dm.MDP.from_arrays((T / T.sum(axis=1, keepdims=True))[:, None], np.zeros((n, 1)), 1.0)


def likeliest(T, failed, s, d):
    """Over all sequences of at most d transitions from s, the highest probability to end in a failure, the first."""
    if failed[s]:
        return 1.0
    return max((p * likeliest(T, failed, t, d - 1) for t, p in enumerate(T[s]) if p > 0), default=0) if d else 0.0


@pytest.mark.parametrize("seed", range(12))
def test_most_likely_failure_is_the_best_of_all_sequences(seed):
    P = random_chain(seed)
    T, failed = P.T.array[:, 0], np.arange(6) == 5
    for problem, s, d in itertools.product((P, sparse_copy(P)), range(6), (1, 2, 4)):
        found, right = dm.most_likely_failure(problem, np.zeros(6, int), failed, s, d), likeliest(T, failed, s, d)
        assert found.probability == pytest.approx(right)
        if right:
            assert found.s[0] == s
            assert failed[found.s[-1]]
            assert not failed[found.s[:-1]].any()
            assert len(found.s) <= d + 1
            assert T[found.s[:-1], found.s[1:]].prod() == pytest.approx(right)
        else:
            assert len(found.s) == 0
            assert found.log_likelihood == -math.inf


@pytest.mark.parametrize("seed", range(12))
def test_most_likely_failure_without_a_horizon_is_a_shortest_path(seed):
    P = random_chain(seed)
    T = P.T.array[:, 0]
    best = np.where(np.arange(6) >= 4, 1.0, 0.0)
    for _ in range(6):  # Bellman and Ford
        best = np.maximum(best, (T * best).max(axis=1))
    for s in range(6):
        found = dm.most_likely_failure(P, np.zeros(6, int), [4, 5], s)
        right = math.log(best[s]) if best[s] > 0 else -math.inf
        assert found.log_likelihood == pytest.approx(right)
        long = dm.most_likely_failure(P, np.zeros(6, int), [4, 5], s, 6)
        assert long.log_likelihood == pytest.approx(right)
        if right > -math.inf:
            assert T[found.s[:-1], found.s[1:]].prod() == pytest.approx(math.exp(right))
            assert found.s[0] == s
            assert found.s[-1] in (4, 5)


@pytest.mark.parametrize("d", [None, 3])
def test_a_certain_transition_is_not_lost(d):
    """ln 1 = 0 is an edge of length 0, not the absence of one."""
    P = dm.MDP.from_arrays([[[0, 1, 0]], [[0.5, 0, 0.5]], [[0, 0, 1]]], np.zeros((3, 1)), 1.0)
    found = dm.most_likely_failure(P, [0, 0, 0], [2], 0, d)
    assert found.s.tolist() == [0, 1, 2]
    assert found.probability == pytest.approx(0.5)


@pytest.mark.parametrize("d", [None, 4])
def test_an_end_that_is_no_failure_counts_as_none_without_a_nan(d):
    """State 3 absorbs and is no failure: a path that enters it never fails."""
    P = dm.MDP.from_arrays([[[0, 0.1, 0, 0.9]], [[0, 0, 1, 0]], [[0, 0, 1, 0]], [[0, 0, 0, 1]]], np.zeros((4, 1)), 1.0)
    assert dm.most_likely_failure(P, [0] * 4, [2], 0, d).s.tolist() == [0, 1, 2]
    assert dm.most_likely_failure(P, [0] * 4, [2], 3, d).log_likelihood == -math.inf
    assert dm.most_likely_failure(P, [0] * 4, [], 0, d).log_likelihood == -math.inf


def test_the_start_is_chosen_with_its_probability():
    P = dm.MDP.from_arrays([[[0.2, 0.8]], [[0, 1]]], np.zeros((2, 1)), 1.0)
    for d in (None, 2):
        assert dm.most_likely_failure(P, [0, 0], [1], [0.9, 0.1], d).s.tolist() == [0, 1]
        found = dm.most_likely_failure(P, [0, 0], [1], [0.2, 0.8], d)
        assert found.s.tolist() == [1]
        assert found.probability == pytest.approx(0.8)
        assert type(found.log_likelihood) is type(found.probability) is float


def test_a_random_policy_has_failures_too():
    P = dm.MDP.from_arrays([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], np.zeros((2, 2)), 1.0)
    assert dm.most_likely_failure(P, [[0.75, 0.25], [1, 0]], [1], 0, 3).probability == pytest.approx(0.25)


LINE = StraightLineHexWorld()
LARGE = dm.MDP.from_arrays(sparse.eye_array(5000, format="csr"), np.zeros((5000, 1)), 0.9)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dm.adversarial(LINE, EAST, -1.0), ValueError, "λ = -1.0"),
        (lambda: dm.adversarial(LINE, EAST, math.nan), ValueError, "λ = nan"),
        (lambda: dm.adversarial(LINE, np.full((8, 6), 1 / 6), 1.0), ValueError, "deterministic"),
        (lambda: dm.adversarial(LARGE, np.zeros(5000, int), 1.0), ValueError, "25,000,000 entries of the adversary"),
        (lambda: dm.adversarial(3, EAST, 1.0), TypeError, "P = 3"),
        (lambda: dm.failure_probability(LINE, EAST, [8], 3), ValueError, "failures runs from 8"),
        (lambda: dm.failure_probability(LINE, EAST, [True], 3), ValueError, "failures has shape"),
        (lambda: dm.failure_probability(LINE, EAST, [7], -1), ValueError, "d = -1"),
        (lambda: dm.most_likely_failure(LINE, EAST, [7], 8), ValueError, "b runs from 8"),
        (lambda: dm.most_likely_failure(LINE, EAST, [7], [0.5, 0.5]), ValueError, "b has shape"),
        (lambda: dm.most_likely_failure(LINE, EAST, [7], np.full(8, 0.2)), ValueError, "sum to 1"),
        (lambda: dm.most_likely_failure(LINE, EAST, [7], 0, -1), ValueError, "d = -1"),
        (lambda: dm.most_likely_failure(LINE, EAST, [7], 0, 10**7), ValueError, "80,000,000 states of all steps"),
    ],
)
def test_wrong_input_is_an_error_that_says_what(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_within_no_transitions_only_a_start_is_a_failure():
    found = dm.most_likely_failure(LINE, EAST, [0, 7], [0.25, 0.75, 0, 0, 0, 0, 0, 0], 0)
    assert (found.s.tolist(), found.probability) == ([0], pytest.approx(0.25))
    assert dm.most_likely_failure(LINE, EAST, [7], 0, 0).s.tolist() == []
