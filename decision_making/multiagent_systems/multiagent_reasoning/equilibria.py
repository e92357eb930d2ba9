"""What solvers of simple games return (chapter 24): policies, with a certificate computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from decision_making.agents import Policies
from decision_making.checks import Array
from decision_making.multiagent_systems.multiagent_reasoning.policies import (
    SimpleGamePolicy,
    contracted,
    of_agent,
    values,
)
from decision_making.simple_game import SimpleGame, check_game
from decision_making.structs import struct

Polished: TypeAlias = Callable[[Any, Sequence[Array], float], tuple[list[Array], bool]]


@struct(repr=False)
class Equilibrium(Policies):
    """A joint policy, and how far it is from an equilibrium; it can be used like the list of its policies.

    U and gap are computed from the policies π, not taken from the solver. `status` is "equilibrium" where the gap of
    each agent is at most 1e-9 of the span of its own payoffs, plus rounding. Otherwise an iterative method came back to
    an earlier joint policy ("cycle") or made its k_max rounds ("k_max"), or no start led further ("local").
    """

    π: list[Any]  # one policy an agent, SimpleGamePolicy or MGPolicy
    U: Array  # utilities (..., n); of a Markov game (n, S)
    gap: Array  # what each agent could gain alone, likewise
    status: str  # "equilibrium", "cycle", "k_max" or "local"
    method: str  # how it was found
    iterations: int = 0  # steps, pivots or linear systems
    exact: bool = False  # whether the probabilities solve the linear equations of their support
    cycle: tuple[Any, ...] = ()  # the joint actions, by position, of the cycle

    def __repr__(self) -> str:
        by = f" by {self.method}" if self.method else ""
        π = ", ".join(repr(πi).removeprefix("SimpleGamePolicy") for πi in self.π[:4]) + (
            ", ..." if len(self) > 4 else ""
        )
        shown = np.array2string(self.U, precision=4, threshold=6, max_line_width=120).replace("\n", "")
        return f"Equilibrium({self.status}{by}: {π}, U = {shown}, gap {self.gap.max():.1e})"


def certified(
    P: SimpleGame,
    p: Sequence[Array],
    method: str,
    iterations: int = 0,
    *,
    otherwise: str = "local",
    exact: bool = False,
) -> Equilibrium:
    """The result of policies that are arrays: `otherwise` is its status where the gap is too large."""
    return _equilibrium(P, p, *gains(P, p), P.no_gain, method, iterations, otherwise, exact)


def certified_each(
    P: SimpleGame, p: Sequence[Array], method: str, iterations: int, *, exact: bool
) -> list[Equilibrium]:
    """The results of N joint policies of one game, arrays (N, Aⁱ); all utilities are computed at once."""
    (U, gaps), most = gains(P, p), P.no_gain
    return [
        _equilibrium(P, [q[k] for q in p], U[k], gaps[k], most, method, iterations, "local", exact)
        for k in range(len(U))
    ]


def gains(P: SimpleGame, p: Sequence[Array]) -> tuple[Array, Array]:
    """Utilities (…, n) of policies that are arrays, and what each agent could gain alone, likewise."""
    V, U = values(P, p)
    return U, np.maximum(np.stack([v.max(axis=-1) for v in V], axis=-1) - U, 0)


def excess(P: Any, gaps: Array) -> float:
    """The largest of the gaps (n,) in units of the largest gap that counts as none; at most 1 in an equilibrium."""
    most = P.no_gain
    return float((gaps / np.where(most > 0, most, 1)).max())


def largest_gain(P: SimpleGame, p: Sequence[Array]) -> float:
    """The largest gain of any agent by another policy, in units of the largest gap that counts as none."""
    return excess(P, gains(P, p)[1])


def _equilibrium(
    P: SimpleGame,
    p: Sequence[Array],
    U: Array,
    gaps: Array,
    most: Array,
    method: str,
    iterations: int,
    otherwise: str,
    exact: bool,
) -> Equilibrium:
    within = bool((gaps <= most).all())
    π = [SimpleGamePolicy(q, Ai) for q, Ai in zip(p, P.A, strict=True)]
    return Equilibrium(π, U, gaps, "equilibrium" if within else otherwise, method, iterations, exact and within)


def one_game(P: object, what: str) -> SimpleGame:
    """P as a single game. TypeError unless it is a game, ValueError for a batch."""
    check_game(P)
    assert isinstance(P, SimpleGame)
    if P.batch:
        raise ValueError(
            f"P is a batch {P.batch} of games: {what} takes one, such as P[{', '.join('0' * len(P.batch))}]"
        )
    return P


def solved_on_support(P: SimpleGame, supports: Sequence[Array], p: Sequence[Array]) -> list[Array] | None:
    """Policies on the supports (Aⁱ,) that make all actions of a support equally good, found by Newton's steps from p.

    With two agents the equations are linear, and one step solves them. None where the steps do not converge to
    probabilities. It is not checked that no other action is better.
    """
    places = [np.flatnonzero(s) for s in supports]
    if P.n == 2 and len(places[0]) != len(places[1]):
        return None
    scale = float(P.span) or max(float(abs(P.R.array).max()), 1.0)  # where all payoffs are equal their size
    p = [np.where(s, q, 0.0) / q[s].sum() if q[s].sum() > 0 else s / s.sum() for s, q in zip(supports, p, strict=True)]
    ends = np.cumsum([0, *map(len, places)])
    for _ in range(20):
        J = np.zeros((ends[-1] + P.n, ends[-1] + P.n))  # unknown: the probabilities of the supports, and the utilities
        F = np.zeros(len(J))
        for i, own in enumerate(places):
            r, R = slice(ends[i], ends[i + 1]), of_agent(P, i) / scale
            v = contracted(R, p, (i,))[own]
            J[r, ends[-1] + i] = -1
            for j, other in enumerate(places):
                if j != i:
                    D = contracted(R, p, (min(i, j), max(i, j)))
                    J[r, ends[j] : ends[j + 1]] = (D if i < j else D.T)[np.ix_(own, other)]
            F[r] = v - v.mean()
            J[ends[-1] + i, r] = 1
            F[ends[-1] + i] = p[i].sum() - 1
        try:
            step = np.linalg.solve(J, F)
        except np.linalg.LinAlgError:
            return None
        for i, own in enumerate(places):
            p[i][own] -= step[ends[i] : ends[i + 1]]
        if not all(np.isfinite(q).all() for q in p) or max(abs(q).max() for q in p) > 1e3:
            return None
        if abs(step[: ends[-1]]).max() <= 1e-14:
            break
    return p if min(q.min() for q in p) >= -1e-12 else None


def polished(P: SimpleGame, p: Sequence[Array], least: float) -> tuple[list[Array], bool]:
    """p, or the solution of the equations of its support if its gap is no larger; and whether it is the solution.

    The support of p are its probabilities above `least` of the largest one.
    """
    supports = [q > least * q.max() for q in p]
    better = solved_on_support(P, supports, p)
    if better is None:
        return list(p), False
    better = [np.maximum(q, 0) / np.maximum(q, 0).sum() for q in better]
    worth = largest_gain(P, better) <= max(largest_gain(P, p), 1)
    return (better, True) if worth else (list(p), False)


class Closest:
    """Of the joint policies of a method, solved on their supports, the one whose largest gain is least.

    It begins with p. `polished(P, p, least)` and `excess_of(P, p)` are those of the kind of game.
    """

    def __init__(self, P: Any, p: list[Array], polished: Polished, excess_of: Callable[[Any, list[Array]], float]):
        self.P, self.polished, self.excess_of = P, polished, excess_of
        self.p, self.exact, self.excess = p, False, math.inf

    def reaches(self, p: Sequence[Array], *least: float) -> bool:
        """Whether p, solved on its support (probabilities above each `least`), or one before it is an equilibrium."""
        for found, exact in (self.polished(self.P, p, bound) for bound in least):
            excess = self.excess_of(self.P, found)
            if excess < self.excess:
                self.p, self.exact, self.excess = found, exact, excess
        return self.excess <= 1
