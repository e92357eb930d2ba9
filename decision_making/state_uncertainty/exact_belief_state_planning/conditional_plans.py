"""Conditional plans: an action, and for each observation the plan that follows (algorithms 20.1 to 20.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any, Self

import numpy as np
from attrs import field

from decision_making.checks import Array, Field, instance, refuse
from decision_making.pomdp import POMDP, tabulated
from decision_making.sampling import indices
from decision_making.structs import struct
from decision_making.verbs import lookahead


def _subplans(M: object, attribute: Field, subplans: Any) -> None:
    """Attrs validator: plans by observation."""
    if not isinstance(subplans, dict) or not all(isinstance(x, ConditionalPlan) for x in subplans.values()):
        refuse(M, attribute.name, subplans, "a dictionary from observations to conditional plans", TypeError)


@struct(repr=False)
class ConditionalPlan:
    """Take action a, then follow the subplan of the observation (algorithm 20.1). Without subplans it ends there.

    `π()` is the action, `π(o)` the subplan after observation o. `print` shows the book's tree. KeyError for an
    observation without a subplan.

    >>> cry_then_feed = ConditionalPlan(2, {0: ConditionalPlan(0), 1: ConditionalPlan(2)})
    >>> cry_then_feed
    2
    ├ 0: 0
    └ 1: 2
    """

    a: int  # index of the action
    subplans: Mapping[int, ConditionalPlan] = field(factory=dict, validator=_subplans)  # plan by observation

    def __call__(self, o: int | None = None) -> Any:
        """The action; given an observation, the subplan after it."""
        return self.a if o is None else self.subplans[o]

    def __repr__(self) -> str:
        return "\n".join(self._lines("", str(self.a)))

    def _lines(self, indent: str, here: str) -> Iterator[str]:
        yield here
        for i, (o, plan) in enumerate(self.subplans.items()):
            last = i == len(self.subplans) - 1
            yield from plan._lines(indent + ("  " if last else "│ "), f"{indent}{'└' if last else '├'} {o}: {plan.a}")


class PlanRows:
    """Base of plans that are rows of arrays: an action each, and the rows that follow among plans of one step less."""

    __slots__ = ()

    a: Array
    child: Array | None
    shorter: Self | None

    def __len__(self) -> int:
        return len(self.a)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(horizon={self.horizon}, {len(self)} plans)"

    @property
    def horizon(self) -> int:
        """Number of actions of each plan."""
        return sum(1 for _ in self.levels())

    def levels(self) -> Iterator[Self]:
        """These plans, then those of one step less, and so on."""
        plans: Self | None = self
        while plans is not None:
            yield plans
            plans = plans.shorter

    def tree(self) -> list[ConditionalPlan]:
        """The plans as the book's trees, which share their subplans."""
        below: list[ConditionalPlan] = []
        for plans in reversed(list(self.levels())):
            child = np.empty((len(plans), 0), dtype=np.intp) if plans.child is None else plans.child
            below = [
                ConditionalPlan(int(a), {o: below[i] for o, i in enumerate(row)})
                for a, row in zip(plans.a, child.tolist(), strict=True)
            ]
        return below


def alphavector(P: POMDP, π: ConditionalPlan) -> Array:
    """Expected utility of the plan from each state, α (S,): `evaluate_plan` everywhere (algorithm 20.3).

    A subplan that occurs several times is evaluated once. Raises ValueError for an unknown action, and for a plan
    with subplans for some observations but not for all.
    """
    return _evaluated(tabulated(P), _plan(π), {})


@singledispatch
def evaluate_plan(P: Any, π: Any, s: Any = None) -> Any:
    """R(s, π()) + γ Σ_s' T(s, π(), s') Σ_o O(π(), s', o) U(π(o), s'), the last term where π goes on (algorithm 20.2).

    Without s the result has the utilities of all states, (S,); with an array of states it has that array's shape. In a
    POMG π has a plan for each agent, and the result a utility for each (algorithm 26.2); see `evaluate_joint_plan`.
    Errors are those of `alphavector`.
    """
    α = alphavector(P, π)
    u = α if s is None else α[indices("s", s, len(P.S))]
    return u if u.ndim else float(u)


def _plan(π: object) -> ConditionalPlan:
    return instance(π, "π", ConditionalPlan)


def _evaluated(P: POMDP, π: ConditionalPlan, known: dict[int, Array]) -> Array:
    """The α-vector of π; `known` has those of plans already met, by identity."""
    if id(π) not in known:
        a = int(indices("a", π.a, len(P.A)))
        if not π.subplans:
            known[id(π)] = P.R.array[:, a]
        else:
            missing = set(range(len(P.Ω))) - set(π.subplans)
            if missing:
                raise ValueError(f"subplans of {list(π.subplans)}: must be of all observations, or of none; {missing}")
            U = np.array([_evaluated(P, π(o), known) for o in range(len(P.Ω))])
            known[id(π)] = lookahead(P, U, np.arange(len(P.S)), a)
    return known[id(π)]
