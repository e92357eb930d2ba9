"""A catalogue of wrong calls of part IV: each is one clear error."""

import re

import numpy as np
import pytest

from decision_making import POMDP, belief_rollouts, lookahead
from decision_making.problems import CryingBaby


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"O": [[[1.0]]]}, "O has shape (1, 1, 1): must be (A, S, Ω) = (1, 2, ...), action first"),
        ({"O": [[[0.5, 0.6], [1.0, 0.0]]]}, "O[0, 0] sums to 1.1"),
        ({"O": [[[-0.5, 1.5], [1.0, 0.0]]]}, "O[0, 0, 0] = -0.5"),
        ({"O": [[[np.nan, 1.0], [1.0, 0.0]]]}, "O[0, 0, 0] = nan"),
        ({"R": [[-np.inf, 0.0], [0.0, 0.0]], "T": np.tile(np.eye(2)[:, None], (1, 2, 1))}, "R[0, 0] = -inf"),
        ({"b": [0.5, 0.6]}, "must be probabilities that sum to 1"),
        ({"b": [1.0]}, "b has shape (1,): must be probabilities of the 2 states"),
        ({"γ": 2}, "γ = 2"),
    ],
)
def test_a_wrong_model_is_named(change, named):
    right = {"T": [[[1.0, 0.0]], [[0.0, 1.0]]], "R": [[0.0], [0.0]], "O": [[[1.0, 0.0], [0.0, 1.0]]], "γ": 0.9}
    with pytest.raises(ValueError, match=re.escape(named)):
        POMDP.from_arrays(**(right | change))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda P: lookahead(P, lambda b: b[:, 0], np.array([0.5, 0.6]), 0), "must be probabilities that sum to 1"),
        (lambda P: lookahead(P, np.zeros((2, 3)), 0, 0), "U has shape (2, 3): must be (Ω, S) = (2, 2)"),
        (lambda P: lookahead(P, np.zeros((2, 2)), 2, 0), "s runs from 2 to 2"),
        (lambda P: lookahead(P, np.zeros((2, 2)), 0, 3), "a runs from 3 to 3"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 7, 1, 1), "π(b) runs from 7 to 7"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 0, 0, 1), "d = 0"),
        (lambda P: belief_rollouts(P, [1.0], lambda b: 0, 1, 1), "b has shape (1,)"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        call(CryingBaby())
