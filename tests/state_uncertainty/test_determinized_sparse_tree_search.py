"""Scenarios of problems with many states, of which few can follow one another (algorithm 22.3)."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse import csr_array

from decision_making import POMDP, DeterminizedSparseTreeSearch, plan
from decision_making.problems import RockSample
from decision_making.sequential_problems.online_planning import TooLargeError
from decision_making.state_uncertainty.online_belief_state_planning.determinized_sparse_tree_search import following


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=20)
def test_what_follows_are_the_pairs_of_positive_probability(seed, sparse):
    """One after the other, states changing fastest, with the running sums of T O."""
    rng = np.random.default_rng(seed)
    S, A, Ω = rng.integers(1, 4, size=3)
    T, O = (np.where(rng.random(n) < 0.5, 0.0, rng.random(n)) for n in ((S, A, S), (A, S, Ω)))
    for p in (T, O):
        p[..., 0] += p.sum(axis=-1) == 0
        p /= p.sum(axis=-1, keepdims=True)
    P = POMDP.from_arrays(csr_array(T.reshape(S * A, S)) if sparse else T, np.zeros((S, A)), O, 0.9)
    found, end = following(P), 0
    for a in range(A):
        for s in range(S):
            pairs = [(o, x) for o in range(Ω) for x in range(S) if T[s, a, x] * O[a, x, o] > 0]
            begin, end = end, end + len(pairs)
            assert list(zip(found.o[begin:end], found.s_next[begin:end], strict=True)) == pairs
            sums = np.cumsum([T[s, a, x] * O[a, x, o] for o, x in pairs])
            np.testing.assert_allclose(found.rows.c[begin:end], sums, atol=1e-12)
            u = rng.random()
            assert found.rows(np.array([a * S + s]), np.array([u]))[0] == begin + np.searchsorted(sums, u, side="right")
    assert end == len(found.o)


@pytest.mark.parametrize("weights", ["scenarios", "model"])
def test_many_states_take_no_more_memory_than_what_follows_them(weights):
    """A table of all pairs of states would have six billion numbers; nothing is paid in two steps but the leaf."""
    P = RockSample()
    found = plan(DeterminizedSparseTreeSearch(P, 2, 20, np.full(len(P.S), 1.0), weights=weights, rng=0), P.b)
    assert found.u == pytest.approx(0.95**2)
    assert found.visits < 1 + 13 * 2 + (13 * 2) ** 2


def test_few_pairs_that_follow_many_states_are_not_refused():
    """All of 5000 states lead to the first, which alone shows two observations: 10,000 pairs of 50 million."""
    S = 5000
    O = np.tile([1.0, 0.0], (1, S, 1))
    O[0, 0] = 0.5
    P = POMDP.from_arrays(csr_array((np.ones(S), (np.arange(S), np.zeros(S, int))), (S, S)), np.zeros((S, 1)), O, 0.9)
    found = plan(DeterminizedSparseTreeSearch(P, 1, 4, np.eye(S)[0], rng=0), np.full(S, 1 / S))
    assert found.u == pytest.approx(0.9)


def test_too_many_pairs_of_a_state_and_an_observation_are_refused():
    """From each of 300 states every state and every observation may follow."""
    P = POMDP.from_arrays(np.full((300, 1, 300), 1 / 300), np.zeros((300, 1)), np.full((1, 300, 300), 1 / 300), 0.9)
    with pytest.raises(TooLargeError, match="27,000,000 pairs of a state and an observation that follow: must be at"):
        plan(DeterminizedSparseTreeSearch(P, 1, 2, np.zeros(300)), np.full(300, 1 / 300))
