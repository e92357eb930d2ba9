"""Wrong beliefs and wrong utilities of beliefs: each is one clear error, whatever asks for them."""

import re

import numpy as np
import pytest

from decision_making import (
    BranchAndBound,
    ForwardSearch,
    GapHeuristicSearch,
    RolloutLookahead,
    SparseSampling,
    greedy,
    lookahead,
    plan,
)
from decision_making.problems import CryingBaby

UNIFORM = [0.5, 0.5]
BABY = CryingBaby()


def of_beliefs(u):
    return lambda b: np.full(len(b), u)


LOOKING_AHEAD = {
    "ForwardSearch": lambda b: plan(ForwardSearch(BABY, 2, of_beliefs(0.0)), b),
    "BranchAndBound": lambda b: plan(BranchAndBound(BABY, 2, of_beliefs(-99.0), lambda b, a: 0.0), b),
    "SparseSampling": lambda b: plan(SparseSampling(BABY, 2, 3, of_beliefs(0.0), rng=0), b),
    "RolloutLookahead": lambda b: plan(RolloutLookahead(BABY, lambda b: np.zeros(len(b), int), 2, rng=0), b),
}


@pytest.mark.parametrize("search", LOOKING_AHEAD.values(), ids=LOOKING_AHEAD)
def test_searches_of_chapter_9_take_nothing_but_beliefs(search):
    """Sparse sampling gave a plan for probabilities that sum to 1.1; others named what followed, not b."""
    for b, named in (
        ([0.5, 0.6], "b = array([0.5, 0.6]): must be probabilities that sum to 1"),
        ([1.5, -0.5], "b = array([ 1.5, -0.5]): must be probabilities"),
        ([np.nan, 0.5], "b = array([nan, 0.5]): must be probabilities"),
        ([1.0], "b has shape (1,): must be probabilities of the 2 states"),
    ):
        with pytest.raises(ValueError, match=re.escape(named)):
            search(b)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: lookahead(BABY, of_beliefs(np.nan), np.array(UNIFORM), 2), ValueError, "U of belief array("),
        (lambda: lookahead(BABY, of_beliefs(np.inf), np.array(UNIFORM), 2), ValueError, "is inf: must be a number"),
        (lambda: greedy(BABY, lambda b: None, UNIFORM), ValueError, "is nan: must be a number"),
        (lambda: greedy(BABY, lambda b: "x", UNIFORM), TypeError, "U(b) = 'x': must be numbers, one for each belief"),
        (lambda: greedy(BABY, lambda b: b, UNIFORM), ValueError, "U gave an array (2, 2) for 2 beliefs: must be (2,)"),
        *(
            (lambda low=low: plan(GapHeuristicSearch(BABY, low, of_beliefs(0.0), 0.1, 2, 2), UNIFORM), error, named)
            for low, error, named in (
                (lambda b: b, ValueError, "Ulo gave an array (1, 2) for 1 beliefs: must be (1,)"),
                (lambda b: "x", TypeError, "Ulo(b) = 'x': must be numbers, one for each belief"),
            )
        ),
    ],
)
def test_utilities_of_beliefs_that_are_no_numbers_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


def test_a_batch_of_no_beliefs_has_no_plans():
    found = plan(GapHeuristicSearch(BABY, of_beliefs(-99.0), of_beliefs(0.0), 0.1, 2, 2), np.empty((0, 2)))
    assert (found.a.shape, found.Q.shape) == ((0,), (0, 3))
