"""update(b, P, a, o) of a vector of probabilities (algorithm 19.2)."""

import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import POMDP, update
from decision_making.problems import CryingBaby
from tests.test_pomdp import SIZES, random_pomdp


@given(st.integers(0, 10**6), SIZES)
def test_it_is_bayes_rule_written_out(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    b = rng.dirichlet(np.ones(sizes[0]))
    for a in range(sizes[1]):
        for o in range(sizes[2]):
            w = [P.O(a, x, o) * sum(P.T(s, a, x) * b[s] for s in range(sizes[0])) for x in range(sizes[0])]
            if sum(w) > 1e-12:
                np.testing.assert_allclose(update(b, P, a, o), np.array(w) / sum(w), atol=1e-12)


@given(st.integers(0, 10**6), SIZES)
def test_splitting_a_state_into_identical_halves_changes_nothing(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    n = sizes[0]
    copies = np.append(np.arange(n), 0)  # state 0 twice
    T = P.T.array[copies][:, :, copies]
    T[:, :, 0] /= 2
    T[:, :, n] /= 2
    Q = POMDP.from_arrays(T, P.R.array[copies], P.O.array[:, copies], P.γ)
    b = rng.dirichlet(np.ones(n))
    split = b[copies] * np.where(copies == 0, 0.5, 1)
    found = update(split, Q, 0, 0, on_impossible="predict")
    joined = found[:n] + np.append(found[n], np.zeros(n - 1))
    np.testing.assert_allclose(joined, update(b, P, 0, 0, on_impossible="predict"), atol=1e-12)


@given(st.integers(0, 10**6), SIZES)
def test_permuted_states_give_the_permuted_belief(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    i = rng.permutation(sizes[0])
    Q = POMDP.from_arrays(P.T.array[i][:, :, i], P.R.array[i], P.O.array[:, i], P.γ)
    b = rng.dirichlet(np.ones(sizes[0]))
    options = {"on_impossible": "predict"}
    np.testing.assert_allclose(update(b[i], Q, 0, 0, **options), update(b, P, 0, 0, **options)[i], atol=1e-12)


def test_an_impossible_observation_is_an_error_or_what_was_asked_for():
    """The book's listing gives the uniform belief without a word."""
    P = CryingBaby()
    sated = np.array([1.0, 0.0])
    fed_and_sung_to = POMDP.from_arrays(P.T.array[:, [0]], P.R.array[:, [0]], P.O.array[[1]], 0.9)  # cannot cry
    with pytest.raises(ValueError, match=re.escape("o = 0 has probability 0 after a = 0 in the belief [1. 0.]")):
        update(sated, fed_and_sung_to, 0, 0)
    np.testing.assert_array_equal(update(sated, fed_and_sung_to, 0, 0, on_impossible="uniform"), [0.5, 0.5])
    np.testing.assert_array_equal(update([0.0, 1.0], fed_and_sung_to, 0, 0, on_impossible="predict"), [1, 0])


def test_a_tiny_probability_is_not_impossible():
    P = POMDP.from_arrays([[[1.0, 0.0]], [[0.0, 1.0]]], [[0.0], [0.0]], [[[1e-300, 1 - 1e-300], [0.0, 1.0]]], 0.9)
    np.testing.assert_allclose(update([0.5, 0.5], P, 0, 0), [1, 0])


def test_a_batch_takes_an_action_and_an_observation_for_each_and_leaves_its_argument_alone():
    P, b = CryingBaby(), np.array([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]])
    before = b.copy()
    found = update(b, P, [2, 1, 2], [0, 1, 1])
    for i, (a, o) in enumerate([(2, 0), (1, 1), (2, 1)]):
        np.testing.assert_allclose(found[i], update(b[i], P, a, o), atol=1e-15)
    np.testing.assert_array_equal(b, before)


def test_a_long_chain_stays_a_belief():
    P, b, rng = CryingBaby(), np.array([0.5, 0.5]), np.random.default_rng(0)
    for _ in range(2000):
        b = update(b, P, 2, int(rng.random() < 0.5))
    assert b.sum() == pytest.approx(1, abs=1e-12)


def test_beliefs_actions_and_observations_that_do_not_go_together_are_named():
    P = CryingBaby()
    with pytest.raises(ValueError, match=r"b has shape \(2, 2, 2\): must be .*\(S,\) or \(B, S\)"):
        update(np.full((2, 2, 2), 0.5), P, 2, 0)
    for a, o, name in (([2, 2], 0, "a"), (2, [[0]], "o"), (2, [], "o")):
        with pytest.raises(ValueError, match=f"{name} has shape .*: must be one for all, or one for each of 1"):
            update([0.5, 0.5], P, a, o)
