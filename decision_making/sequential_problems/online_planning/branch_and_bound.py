"""Branch and bound: forward search that leaves out what cannot be better (algorithm 9.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define, field

from decision_making.checks import Array, Named, count, count_or_zero, flag
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.policies import Greedy
from decision_making.sequential_problems.online_planning.models import Model, entries
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, planned
from decision_making.structs import struct
from decision_making.verbs import branch_and_bound, plan

SLACK = 1e-9  # by which rounding may put a bound on the wrong side, relative to the values


@struct(repr=False)
class BranchAndBound(OnlinePlanner):
    """Forward search with leaf value Ulo that stops at the first action whose bound Qhi is below the best so far.

    The value is that of `ForwardSearch(P, d, Ulo)` as long as Qhi(s, a) is at least the value of a in s with the steps
    that are left. Actions are tried in order of falling Qhi, equal ones in their own order; so where several actions
    are equally good, the chosen one may differ from that of forward search.

    Sequential, as every value may cut off the next: a batch is searched state by state. With `memo` a state is searched
    once for each number of steps left: the same value from far fewer visits. With `check`, a bound that is found to be
    wrong raises ValueError; Ulo above Qhi always does. Source: algorithm 9.3, there a recursion.
    """

    d: int = field(validator=count)  # depth, steps
    Ulo: Any  # lower bound of the utility, the leaf value: an array (S,), or a function of a batch of states
    Qhi: Any  # upper bound of the utility of an action: an array (S, A), or a function of one state and one action
    memo: bool = field(default=False, kw_only=True, validator=flag)  # search equal states once for each depth
    check: bool = field(default=False, kw_only=True, validator=flag)  # compare bounds with values

    def did(self, found: Plan) -> str:
        """What was not cut off."""
        paths = f"the paths of {counted(self.d, 'step')} from {self.origin(found)}"
        return f"looked at {paths} that the bounds did not cut off: {counted(found.visits, 'visit')}."


@define(eq=False)
class _Visit:
    """A state that is being searched: which action is at hand, and what is known so far."""

    key: bytes
    left: int  # steps left
    r: list[float]
    order: list[int]  # actions, best bound first
    bounds: list[float]
    successors: list[list[tuple[float, Array]]]  # for each action (p, s')
    Q: list[float]
    tried: int = 0  # actions done
    done: int = 0  # successors of the action at hand that are done
    sum: float = 0.0  # of p u over these


class _Search:
    """The search of one state, with a stack of its own instead of recursion."""

    def __init__(self, M: BranchAndBound) -> None:
        self.M, self.model = M, M._model
        self.visits = 0
        self.known: dict[tuple[bytes, int], float] = {}
        self.asked: dict[bytes, tuple[Any, ...]] = {}

    def expand(self, s: Array, left: int) -> _Visit:
        """The state s (1, ...) with its successors and bounds."""
        key, A = s.tobytes(), self.model.n_actions
        if key not in self.asked:
            edges = self.model.edges(s)
            cut = np.searchsorted(edges.pair, np.arange(A + 1))
            each = [[(float(edges.p[e]), edges.s_next[e : e + 1]) for e in range(cut[a], cut[a + 1])] for a in range(A)]
            bounds = upper_bounds(self.M.Qhi, self.model, s)
            bounds = np.where(np.isneginf(edges.r[0]), -np.inf, bounds)
            order = sorted(range(A), key=lambda a: -bounds[a])
            self.asked[key] = edges.r[0].tolist(), order, bounds.tolist(), each
        r, order, bounds, each = self.asked[key]
        return _Visit(key, left, r, order, bounds, each, [-np.inf] * A)

    def value(self, s: Array, left: int) -> float | None:
        """The utility of a state that needs no search, else None."""
        if self.M.memo and (known := self.known.get((s.tobytes(), left))) is not None:
            return known
        if left > 0 and not self.model.terminal(s)[0]:
            return None
        self.visits += 1
        return 0.0 if self.model.terminal(s)[0] else float(self.model.leaf(self.M.Ulo, s)[0])

    def __call__(self, s: Array) -> list[float]:
        """The utilities of the actions in s (1, ...), -inf for those that were cut off."""
        if self.model.terminal(s)[0]:
            self.visits = 1
            return [0.0] * self.model.n_actions
        stack, γ = [self.expand(s, self.M.d)], self.model.γ
        self.visits += 1
        while True:
            here = stack[-1]
            if here.tried == len(here.order) or here.bounds[here.order[here.tried]] < max(here.Q):
                u = max(here.Q)
                stack.pop()
                if not stack:
                    return here.Q
                if self.M.memo:
                    self.known[here.key, here.left] = u
                self.receive(stack[-1], u)
                continue
            a = here.order[here.tried]
            if here.done == len(here.successors[a]) or here.r[a] == -np.inf:
                here.Q[a] = here.r[a] + (γ * here.sum if γ > 0 else 0.0)
                self.compare(here, a)
                here.tried, here.done, here.sum = here.tried + 1, 0, 0.0
                continue
            s_next = here.successors[a][here.done][1]
            u_next = self.value(s_next, here.left - 1)
            if u_next is None:
                self.visits += 1
                stack.append(self.expand(s_next, here.left - 1))
            else:
                self.receive(here, u_next)

    def receive(self, here: _Visit, u: float) -> None:
        """The utility of the successor at hand."""
        here.sum += here.successors[here.order[here.tried]][here.done][0] * u
        here.done += 1

    def compare(self, here: _Visit, a: int) -> None:
        """ValueError where a value is NaN, or above its bound and `check` is on."""
        if np.isnan(here.Q[a]):
            raise ValueError(f"the utility of action {a} is nan: rewards and bounds must be numbers")
        if self.M.check and here.Q[a] > here.bounds[a] + SLACK * (1 + abs(here.bounds[a])):
            raise ValueError(
                f"Qhi of action {a} is {here.bounds[a]:g} with {here.left} steps left, where the utility is "
                f"{here.Q[a]:g}: must be an upper bound"
            )


def upper_bounds(Qhi: Any, model: Model, s: Array) -> Array:
    """Qhi of every action (A,) in the state s (1, ...)."""
    if not callable(Qhi):
        found = entries(Qhi, "Qhi", s[:1], model.n_states)[0]
    else:
        state, actions = model.state(s)[0], model.action(np.arange(model.n_actions))
        found = np.array([float(Qhi(state, a)) for a in actions])
    if found.shape != (model.n_actions,) or np.isnan(found).any():
        raise ValueError(f"Qhi gave {found}: must be a number for each of the {model.n_actions} actions")
    return found


def check_bounds(M: BranchAndBound, s: Array) -> None:
    """ValueError where the lower bound of a root lies above its upper one."""
    low, high = M._model.leaf(M.Ulo, s)[0], upper_bounds(M.Qhi, M._model, s).max()
    if low > high + SLACK * (1 + abs(high)):
        raise ValueError(f"Ulo = {low:g} is above the largest Qhi = {high:g}: must be a lower and an upper bound")


@plan.register
def plan_by_branch_and_bound(M: BranchAndBound, s: State, *, rng: RNG = None) -> Plan:
    """One state after the other."""
    model = M._model
    s, single = model.rows(s)
    Q, visits = np.empty((len(s), model.n_actions)), np.empty(len(s), dtype=np.int64)
    actions = np.empty(len(s), dtype=np.intp)
    for i in range(len(s)):
        check_bounds(M, s[i : i + 1])
        search = _Search(M)
        Q[i], visits[i] = search(s[i : i + 1]), search.visits
        order = search.expand(s[i : i + 1], M.d).order if not model.terminal(s[i : i + 1])[0] else [0]
        actions[i] = next(a for a in order if Q[i, a] == Q[i].max())
    return planned(M, s, Q, single, visits=visits, a=actions)


@branch_and_bound.register(object)
def branch_and_bound_of_a_problem(P: Any, s: State, d: int, Ulo: Any, Qhi: Any) -> Greedy:
    """The pair (a, u) of `BranchAndBound(P, d, Ulo, Qhi)`; for d = 0 the action is None and u the lower bound."""
    count_or_zero(None, Named("d"), d)
    M = BranchAndBound(P, max(d, 1), Ulo, Qhi)
    if d > 0:
        found = plan(M, s)
        return Greedy(found.a, found.u)
    states, single = M._model.rows(s)
    u = M._model.leaf(Ulo, states)
    return Greedy(None, float(u[0]) if single else u)
