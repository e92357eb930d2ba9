"""Beliefs that can be reached, to plan at (algorithms 21.11 to 21.13)."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.pomdp import POMDP, Belief, belief, filtered, tabulated
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, indices, inverse_transform
from decision_making.verbs import randstep

SAME = 1e-9  # beliefs that differ by no more in any state are one


@randstep.register
def randstep_of_a_belief(P: POMDP, b: Belief, a: Any, rng: RNG = None) -> tuple[Array, Any]:
    """The belief after action a and a random observation, and the reward that was paid: (b', r) (algorithm 21.11).

    A state is drawn from b, and the next one, the reward and the observation from P. b is (S,), or a batch (B, S) with
    an action for each.
    """
    P, rng = tabulated(P), default_rng(rng)
    b = belief(b, len(P.S))
    B = np.atleast_2d(b)
    a = indices("a", a, len(P.A), len(B))
    s = inverse_transform(cumulative(B), np.arange(len(B)), rng.random(len(B)))
    _, r, o = P.TRO(s, a, rng)
    b_next, _ = filtered(P, B, a, o)
    return (b_next[0], r[0]) if b.ndim == 1 else (b_next, r)


def random_belief_expansion(P: POMDP, B: Belief, *, rng: RNG = None) -> Array:
    """B (K, S) and a belief that follows each by a random action and observation, without repetition (algorithm 21.12).

    Raises ValueError where B is empty or a row of it is not a belief.
    """
    P, B, rng = tabulated(P), _some(P, B), default_rng(rng)
    return distinct(np.concatenate([B, randstep(P, B, rng.integers(len(P.A), size=len(B)), rng=rng)[0]]))


def exploratory_belief_expansion(P: POMDP, B: Belief, *, rng: RNG = None) -> Array:
    """B (K, S) and for each belief the successor that is furthest from all beliefs so far (algorithm 21.13).

    One successor is drawn for each action; distances are sums of absolute differences. Errors are those of
    `random_belief_expansion`.
    """
    P, B, rng = tabulated(P), _some(P, B), default_rng(rng)
    drawn = np.stack([randstep(P, B, np.full(len(B), a), rng=rng)[0] for a in range(len(P.A))], axis=1)  # (K, A, S)
    found = B
    for successors in drawn:
        distance = abs(successors[:, None] - found).sum(axis=2).min(axis=1)
        found = np.concatenate([found, successors[[distance.argmax()]]])
    return distinct(found)


def _some(P: POMDP, B: Belief) -> Array:
    B = np.atleast_2d(belief(B, len(P.S), "B"))
    if not len(B):
        raise ValueError("B is empty: one belief at least is needed to begin with")
    return B


def distinct(B: Array) -> Array:
    """The rows of B that differ from all before them, in their order."""
    _, first = np.unique(np.round(B / SAME).astype(np.int64), axis=0, return_index=True)
    return B[np.sort(first)]
