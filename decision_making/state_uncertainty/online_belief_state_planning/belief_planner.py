"""What the searches of this chapter share."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, settings
from decision_making.pomdp import POMDP, Belief, belief, tabulated
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.online_planning import Plan
from decision_making.structs import struct
from decision_making.verbs import plan


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

    def action_name(self, a: int) -> str:
        """What the problem calls an action."""
        return str(self.P.A[a] if self.P.names is None else self.P.names["A"][a])


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
