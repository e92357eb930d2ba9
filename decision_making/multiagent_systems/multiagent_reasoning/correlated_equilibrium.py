"""Correlated equilibria (algorithms 24.6 and 24.7): a mediator recommends actions, and nobody gains by deviating."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.agents import listed_once, lists_of_labels, position
from decision_making.checks import Array, numbers, one_of, refuse
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import one_game
from decision_making.multiagent_systems.multiagent_reasoning.policies import (
    SimpleGamePolicy,
    distribution,
    draw,
    of_agent,
    shares,
)
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.simple_game import SimpleGame
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import solve

ENTRIES = 20_000_000  # numbers in the constraints of the linear program that are not 0


@struct(repr=False)
class JointCorrelatedPolicy:
    """Probabilities of joint actions (algorithm 24.6): π(a) is that of one, π(rng=…) draws one.

    p is a dictionary of weights by joint action, with a tuple of actions for each agent in A, or weights (A¹, …, Aⁿ).
    They are divided by their sum. The results of solvers also have U and gap, computed from p.

    Raises ValueError for weights that are negative, not finite, or all 0.
    """

    p: Any  # weights (A1, ..., An), or by joint action; kept as probabilities
    A: Any = None  # a list of actions for each agent; 0, 1, ... without
    U: Array | None = field(default=None, kw_only=True, repr=False)  # utilities (n,) in the game that was solved
    gap: Array | None = field(default=None, kw_only=True, repr=False)  # largest gain (n,) by deviating from them

    def __attrs_post_init__(self) -> None:
        p, A = self.p, self.A
        if isinstance(p, Mapping):
            if len({len(a) for a in p}) != 1:
                refuse(self, "p", p, "weights of joint actions, each with an action of every agent")
            if A is None:
                A = [list(dict.fromkeys(Ai)) for Ai in zip(*p, strict=True)]
            table: Array = np.zeros([len(Ai) for Ai in A])
            for a, weight in p.items():
                table[tuple(position(x, Ai) for x, Ai in zip(a, A, strict=True))] = weight
            p = table
        p = numbers(p, "p")
        A = tuple(tuple(range(k)) for k in p.shape) if A is None else tuple(map(tuple, lists_of_labels(A)))
        for Ai in A:
            listed_once(self, "A", Ai)
        if p.shape != tuple(map(len, A)) or p.ndim == 0:
            raise ValueError(f"p has shape {p.shape}: must be {tuple(map(len, A))}, a weight for each joint action")
        object.__setattr__(self, "p", shares(self, p.ravel()).reshape(p.shape))
        object.__setattr__(self, "A", A)

    def __call__(self, a: Sequence[Any] | None = None, *, rng: RNG = None) -> Any:
        """The probability of the joint action a, 0 where an agent does not have its action; without a, a random one."""
        if a is None:
            index = np.unravel_index(int(draw(self.p.ravel(), default_rng(rng))), self.p.shape)
            return tuple(Ai[int(k)] for Ai, k in zip(self.A, index, strict=True))
        try:
            return float(self.p[tuple(position(x, Ai) for x, Ai in zip(a, self.A, strict=True))])
        except KeyError:
            return 0.0

    @property
    def marginals(self) -> list[SimpleGamePolicy]:
        """The marginal of each agent as a policy of its own; together these lose the correlation."""
        others = [tuple(j for j in range(self.p.ndim) if j != i) for i in range(self.p.ndim)]
        return [SimpleGamePolicy(self.p.sum(axis=axes), Ai) for axes, Ai in zip(others, self.A, strict=True)]

    def _of(self, P: SimpleGame) -> Array:
        if P.A == self.A:
            return np.asarray(self.p)
        if len(P.A) != len(self.A):
            refuse(None, "π", self, f"a distribution over the joint actions of {P!r}")
        p = np.zeros(P.sizes)
        p[np.ix_(*([position(a, known) for a in Ai] for Ai, known in zip(self.A, P.A, strict=True)))] = self.p
        return p

    def expected(self, P: SimpleGame) -> Array:
        """Utilities (…, n): the payoffs of the joint actions, weighted by their probabilities."""
        return np.asarray((P.R.array * self._of(P)).sum(axis=tuple(range(-P.n, 0))))

    def gains(self, P: SimpleGame) -> Array:
        """The largest gain of each agent (…, n) by taking some other action wherever one action is recommended."""
        p, found = self._of(P), []
        for i in range(P.n):
            R = np.moveaxis(of_agent(P, i), len(P.batch) + i, -1).reshape(*P.batch, -1, P.sizes[i])
            q = np.moveaxis(p, i, -1).reshape(-1, P.sizes[i])
            worth = np.swapaxes(R, -1, -2) @ q  # of doing a' where a is recommended (..., a', a)
            kept = np.diagonal(worth, axis1=-2, axis2=-1)
            found.append((worth - kept[..., None, :]).max(axis=(-1, -2)))  # 0 or more: that of a' = a is 0
        return np.stack(found, axis=-1)

    def __repr__(self) -> str:
        likely = np.argsort(-self.p, axis=None, kind="stable")[:4]
        index = [np.unravel_index(int(k), self.p.shape) for k in likely if self.p.flat[k] > 0]
        named = [(tuple(Ai[int(k)] for Ai, k in zip(self.A, a, strict=True)), self.p[a]) for a in index]
        more = ", ..." if np.count_nonzero(self.p) > len(named) else ""
        return f"JointCorrelatedPolicy({', '.join(f'{a}: {x:.4g}' for a, x in named)}{more})"


@struct
class CorrelatedEquilibrium:
    """A correlated equilibrium, by a linear program (algorithm 24.7).

    `solve(M, P)` is a `JointCorrelatedPolicy` π that maximises the objective subject to
    Σ over a^-i of π(a) (Rⁱ(a) - Rⁱ(a', a^-i)) >= 0 for all i, aⁱ and a'. The objective is the sum of the utilities
    ("utilitarian", the book's), the least of them ("egalitarian"), the largest ("plutocratic"), or that of `agent`
    ("dictatorial"). There may be several optimal ones.

    Raises `TooLargeError` where the constraints have more than 20,000,000 numbers.

    >>> P = SimpleGame.from_arrays([[6, 2], [7, 0]], [[6, 7], [2, 0]])
    >>> solve(CorrelatedEquilibrium(), P).p.round(6)
    array([[0.5 , 0.25],
           [0.25, 0.  ]])
    """

    objective: str = field(
        default="utilitarian", validator=one_of("utilitarian", "egalitarian", "plutocratic", "dictatorial")
    )  # what is maximised
    agent: Any = field(default=None, kw_only=True)  # the dictator


@solve.register
def solve_correlated_equilibrium(M: CorrelatedEquilibrium, P: SimpleGame) -> JointCorrelatedPolicy:
    """The optimal distribution, cut off at 0 and normalised, with utilities and gaps of what is returned."""
    P = one_game(P, "CorrelatedEquilibrium")
    entries = math.prod(P.sizes) * sum(k - 1 for k in P.sizes)
    check_size("numbers in the constraints", entries, "learn a coarse one by fictitious play", ENTRIES)
    R = P.R.array.reshape(P.n, -1)
    incentives = _incentives(P)
    if M.objective == "dictatorial":
        found = [_program(R[[P.position(M.agent)]], incentives)]
    elif M.objective == "plutocratic":
        found = [_program(r[None], incentives) for r in R]
    elif M.objective == "egalitarian":
        found = [_program(R, incentives)]
    else:
        found = [_program(R.sum(axis=0, keepdims=True), incentives)]
    p = max(found, key=lambda x: x[1])[0].reshape(P.sizes)
    π = JointCorrelatedPolicy(p, P.A)
    return JointCorrelatedPolicy(p, P.A, U=π.expected(P), gap=π.gains(P))


def _incentives(P: SimpleGame) -> Any:
    """The sparse matrix G with one row for each agent and pair of its actions a != a': G π <= 0."""
    from scipy.sparse import csr_array, vstack

    places, blocks = np.arange(math.prod(P.sizes)).reshape(P.sizes), []
    for i, k in enumerate(P.sizes):
        span = P.spans[i] if P.spans[i] > 0 else 1.0  # its own: all its rows may be divided
        if k == 1:
            continue
        R = np.moveaxis(of_agent(P, i), i, 0).reshape(k, -1) / span
        at = np.moveaxis(places, i, 0).reshape(k, -1)
        others = np.array([[b for b in range(k) if b != a] for a in range(k)])
        gains = R[others] - R[:, None, :]  # (a, a', what the others do)
        columns = np.broadcast_to(at[:, None, :], gains.shape)
        indptr = np.arange(k * (k - 1) + 1) * R.shape[1]
        blocks.append(csr_array((gains.ravel(), columns.ravel(), indptr), (k * (k - 1), places.size)))
    return vstack(blocks, format="csr") if blocks else csr_array((0, places.size))


def _program(R: Array, incentives: Any) -> tuple[Array, float]:
    """The distribution that maximises the least of the rows R π, and that value."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack, vstack

    size, span = R.shape[1], np.ptp(R)
    scaled = (R - R.min()) / (span if span > 0 else 1.0)  # the solver's tolerances are absolute
    # one variable more: the least utility v, v - Rⁱ π <= 0
    least = hstack([csr_array(-scaled), csr_array(np.ones((len(R), 1)))])
    G = vstack([hstack([incentives, csr_array((incentives.shape[0], 1))]), least], format="csr")
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=G,
        b_ub=np.zeros(G.shape[0]),
        A_eq=csr_array(np.append(np.ones(size), 0.0)[None]),
        b_eq=[1.0],
        bounds=[(0, None)] * size + [(None, None)],
        method="highs",
    )
    if found.x is None:
        raise ValueError(f"the linear program of correlated equilibria was not solved: {found.message}")
    p = distribution(found.x[:size])
    return p, float((R @ p).min())
