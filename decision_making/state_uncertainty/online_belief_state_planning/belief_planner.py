"""What the searches of chapter 22 share."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, settings
from decision_making.pomdp import POMDP, Belief, belief, tabulated
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.online_planning import Plan, explain_plan
from decision_making.shown import explain
from decision_making.structs import struct
from decision_making.verbs import plan

SHOWN = 3  # states of a belief that are named


@struct(repr=False)
class BeliefPlanner:
    """A search from the current belief: called with b (S,) it gives an action, with a batch (B, S) one for each."""

    P: POMDP = field(converter=tabulated)  # problem
    rng: np.random.Generator = field(default=None, kw_only=True, converter=default_rng, repr=False)  # random numbers

    def __repr__(self) -> str:
        return settings(self)

    def __call__(self, b: Belief, rng: RNG = None) -> Any:
        """The action in b, or the actions (B,) in a batch; rng replaces the search's own generator."""
        return plan(self, b, rng=rng).a

    def did(self, found: Plan) -> str:
        """What it did, the rest of a sentence that begins with its name."""
        raise NotImplementedError

    def origin(self, found: Plan) -> str:
        """The belief that it began in: its likeliest states."""
        b, names = found.s, (self.P.names or {}).get("S", range(len(self.P.S)))
        order = [int(s) for s in np.argsort(-b, kind="stable")[:SHOWN] if b[s] > 0]
        said = ", ".join(f"{names[s]} {b[s]:.2g}" for s in order)
        more = int(np.count_nonzero(b)) - len(order)
        return said + (f" and {more} more states" if more else "")

    def action_name(self, found: Plan, i: int | None) -> str:
        """What the problem calls the action of index i; None: the chosen one."""
        a = int(found.a if i is None else i)
        return str((self.P.names or {}).get("A", self.P.A)[a])


@explain.register
def explain_belief_search(M: BeliefPlanner, b: Belief, rng: RNG = None) -> str:
    """One paragraph on the search of one belief: what it looked at, what the actions are worth, why it chose one.

    Raises ValueError for a batch of beliefs.

    >>> from decision_making import DeterminizedSparseTreeSearch
    >>> from decision_making.problems import Tiger
    >>> search = DeterminizedSparseTreeSearch(Tiger(), 2, 50, np.full(2, -20.0), rng=0)
    >>> print(explain(search, [0.5, 0.5]).replace(". ", ".\\n"))
    DeterminizedSparseTreeSearch compared all plans of 2 steps in 50 scenarios from left 0.5, right 0.5: 43 nodes.
    Action listen is chosen: it is worth -20, 35.2 more than action open-left.
    In order: listen: -20, open-left: -55.2, open-right: -72.8.
    """
    return explain_plan(plan(M, b, rng=rng))


def beliefs_of(M: BeliefPlanner, b: Belief) -> tuple[Array, bool]:
    """b as a batch (B, S), and whether it was one belief."""
    b = belief(b, len(M.P.S))
    return np.atleast_2d(b), b.ndim == 1


def planned(M: BeliefPlanner, b: Array, single: bool, a: Array, Q: Array, **more: Any) -> Plan:
    """The `Plan` of beliefs b (B, S) with chosen actions a (B,) of utilities Q (B, A)."""
    u = np.take_along_axis(Q, a[:, None], axis=1)[:, 0]
    if not single:
        return Plan(M, b, a, u, Q, **more)
    more = {name: x[0] if isinstance(x, np.ndarray) else x for name, x in more.items()}
    return Plan(M, b[0], a[0], float(u[0]), Q[0], **more)
