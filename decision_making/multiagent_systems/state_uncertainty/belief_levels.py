"""All beliefs that one decision maker can reach within some steps, level by level, without repetition.

It is used for best responses to the plans of others (chapter 26), and for a team that shares its observations (chapter
27). The transitions `reached` (A, Ω, E, E') may differ from step to step: x(a, o, e, e') = p(e', o | e, a).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decision_making.checks import Array
from decision_making.sizes import check_size
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct

DECIMALS = 12  # to which beliefs are equal
NUMBERS = 30_000_000  # numbers of all beliefs that may follow those of one level
KEPT = 4 * NUMBERS  # numbers that all levels together may keep
TIES = 1e-12  # of what is within that of the best, relative to its size, the first is taken


@struct
class Level:
    """The beliefs after the same number of steps, and their successors."""

    B: Array  # beliefs (N, E)
    r: Array  # expected reward of each action (N, A)
    p: Array | None = None  # probability of each observation after each action (N, A, Ω); None: not looked at
    child: Array | None = None  # the belief that then follows, among those of the next level (N, A, Ω)


def belief_levels(
    b: Array, rewards: Sequence[Array], reached: Sequence[Array], *, partial: bool = False
) -> list[Level]:
    """Beliefs by level: `rewards` (E, A) of each of h steps, `reached` (A, Ω, E, E') of the h - 1 between them.

    Raises `TooLargeError` where a level would not fit, or all of them; with `partial=True` the levels then end before
    it.
    """
    B, levels, kept = b[None], [], 0
    for r, x in zip(rewards[:-1], reached, strict=True):
        A, Ω, _, E = x.shape
        size = len(B) * A * Ω * E
        kept += len(B) * (E + A + 2 * A * Ω)
        if partial and (size > NUMBERS or kept > KEPT):
            levels.append(Level(B, B @ r))
            return levels
        check_size("numbers in the beliefs of all levels", kept, "use a smaller d", KEPT)
        check_size("numbers in the beliefs of one level", size, "use a smaller d, or fewer observations", NUMBERS)
        y = np.einsum("ne,aoef->naof", B, x, optimize=True)
        p = y.sum(axis=-1)
        possible = p > 0
        after = y[possible] / p[possible][:, None]
        _, first, place = np.unique(after.round(DECIMALS), axis=0, return_index=True, return_inverse=True)
        child = np.zeros(p.shape, dtype=np.intp)
        child[possible] = place.ravel()
        levels.append(Level(B, B @ r, p, child))
        B = after[first]
    levels.append(Level(B, B @ rewards[-1]))
    return levels


def backward(levels: Sequence[Level], γ: float) -> list[Array]:
    """Q (N, A) of every level by backward induction: the utility of each action if all later ones are optimal."""
    Q = [levels[-1].r]
    for level in reversed(levels[:-1]):
        assert level.p is not None
        assert level.child is not None
        Q.append(level.r + γ * (level.p * Q[-1].max(axis=1)[level.child]).sum(axis=-1))
    return Q[::-1]


def best_actions_of(Q: Array, size: float) -> Array:
    """The first of the best actions, up to rounding, (N,); `size` is that of rewards."""
    best = Q.max(axis=1, keepdims=True)
    return np.asarray((best - TIES * np.maximum(size, abs(best)) <= Q).argmax(axis=1))


def best_plan(levels: Sequence[Level], Q: Sequence[Array], size: float) -> ConditionalPlan:
    """The conditional plan that takes the best action in every belief, with rewards of that size.

    Equal beliefs share their plan.
    """
    below: list[ConditionalPlan] = []
    for level, q in zip(reversed(levels), reversed(Q), strict=True):
        a = best_actions_of(q, size)
        if level.child is None:
            below = [ConditionalPlan(int(k)) for k in a]
        else:
            rows = level.child[np.arange(len(a)), a].tolist()
            below = [
                ConditionalPlan(int(k), {o: below[x] for o, x in enumerate(row)})
                for k, row in zip(a, rows, strict=True)
            ]
    return below[0]
