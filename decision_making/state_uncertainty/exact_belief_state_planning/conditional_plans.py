"""Conditional plans: an action, and for each observation the plan that follows (algorithms 20.1 to 20.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import singledispatch
from itertools import islice
from typing import Any, Self, TypeVar

import numpy as np
from attrs import field

from decision_making.checks import Array, Field, instance, refuse, shortened
from decision_making.pomdp import POMDP, tabulated
from decision_making.sampling import indices
from decision_making.structs import struct
from decision_making.verbs import lookahead


def _subplans(M: object, attribute: Field, subplans: Any) -> None:
    """Attrs validator: plans by observation."""
    if not isinstance(subplans, dict) or not all(isinstance(x, ConditionalPlan) for x in subplans.values()):
        refuse(M, attribute.name, subplans, "a dictionary from observations to conditional plans", TypeError)


def _own(subplans: Any) -> Any:
    """A dictionary of the plan's own."""
    return dict(subplans) if isinstance(subplans, dict) else subplans


LINES = 1000  # of a tree that is shown
T = TypeVar("T")


@struct(repr=False)
class ConditionalPlan:
    """Take action a, then follow the subplan of the observation (algorithm 20.1). Without subplans it ends there.

    `π()` is the action, `π(o)` the subplan after observation o. `print` shows the book's tree, of a large one
    the first thousand lines. KeyError for an observation without a subplan.

    >>> cry_then_feed = ConditionalPlan(2, {0: ConditionalPlan(0), 1: ConditionalPlan(2)})
    >>> cry_then_feed
    2
    ├ 0: 0
    └ 1: 2
    """

    a: int  # index of the action
    subplans: Mapping[int, ConditionalPlan] = field(
        factory=dict, converter=_own, validator=_subplans
    )  # plan by observation

    def __call__(self, o: int | None = None) -> Any:
        """The action; given an observation, the subplan after it."""
        return self.a if o is None else self.subplans[o]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as rows, each after its subplans': however long a plan is, nothing is nested."""
        row: dict[int, int] = {}
        rows: list[tuple[int, dict[int, int]]] = []
        for plan in bottom_up(self, lambda x: x.subplans.values()):
            row[id(plan)] = len(rows)
            rows.append((plan.a, {o: row[id(sub)] for o, sub in plan.subplans.items()}))
        return _from_rows, (rows,)

    def __repr__(self) -> str:
        lines = list(islice(self._lines(), LINES + 1))
        return "\n".join([*lines[:LINES], *["..."] * (len(lines) > LINES)])

    def _lines(self) -> Iterator[str]:
        waiting = [(self, str(self.a), "")]
        while waiting:
            plan, here, indent = waiting.pop()
            yield here
            rows = []
            for i, (o, sub) in enumerate(plan.subplans.items()):
                last = i == len(plan.subplans) - 1
                rows.append((sub, f"{indent}{'└' if last else '├'} {o}: {sub.a}", indent + ("  " if last else "│ ")))
            waiting += reversed(rows)


def _from_rows(rows: list[tuple[int, dict[int, int]]]) -> ConditionalPlan:
    """The plan of the last row; each row has an action and, by observation, the rows of its subplans."""
    plans: list[ConditionalPlan] = []
    for a, below in rows:
        plans.append(ConditionalPlan(a, {o: plans[i] for o, i in below.items()}))
    return plans[-1]


def bottom_up(root: T, below: Callable[[T], Iterable[T]], key: Callable[[T], Any] = id) -> Iterator[T]:
    """What is below the root and the root itself, each once by its key, and each after what is below it.

    Raises ValueError where something is below itself.

    >>> wait = ConditionalPlan(1)
    >>> π = ConditionalPlan(0, {0: wait, 1: ConditionalPlan(2, {0: wait, 1: wait})})
    >>> [plan.a for plan in bottom_up(π, lambda plan: plan.subplans.values())]
    [1, 2, 0]
    """
    waiting, done = [(root, False)], dict[Any, bool]()
    while waiting:
        x, ready = waiting.pop()
        if ready:
            done[key(x)] = True
            yield x
        elif key(x) not in done:
            done[key(x)] = False
            waiting.append((x, True))
            waiting += [(y, False) for y in below(x)]
        elif not done[key(x)]:
            raise ValueError("a plan is one of its own subplans: a plan must end")


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

    A subplan that occurs several times is evaluated once. Raises ValueError for an unknown action, for a plan with
    subplans for some observations but not for all or for unknown ones, and for one that is its own subplan.
    """
    P, α = tabulated(P), dict[int, Array]()
    for plan in bottom_up(instance(π, "π", ConditionalPlan), lambda x: x.subplans.values()):
        a = int(indices("a", plan.a, len(P.A)))
        if plan.subplans and set(plan.subplans) != set(range(len(P.Ω))):
            given = shortened(list(plan.subplans))
            raise ValueError(f"subplans of {given}: must be of all {len(P.Ω)} observations, 0, 1, ..., or of none")
        if plan.subplans:
            U = np.array([α[id(plan(o))] for o in range(len(P.Ω))])
            α[id(plan)] = lookahead(P, U, np.arange(len(P.S)), a)
        else:
            α[id(plan)] = P.R.array[:, a]
    return α[id(π)]


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
