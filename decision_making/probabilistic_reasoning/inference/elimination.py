"""Exact inference: from the joint distribution, and one variable after another (algorithms 3.4 and 3.5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import Array, as_tuple, count, refuse, shortened
from decision_making.probabilistic_reasoning.inference.cases import by_kind
from decision_making.probabilistic_reasoning.inference.contraction import (
    BATCH,
    Labels,
    Product,
    QuickProducts,
    Stage,
    scaled,
)
from decision_making.probabilistic_reasoning.inference.evidence import Asked, Inputs, Known, Question, sizes
from decision_making.probabilistic_reasoning.inference.ordering import elimination, neighbours
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor
from decision_making.probabilistic_reasoning.representation.factors import AXES, ENTRIES, aligned, checked_factor
from decision_making.sizes import check_size
from decision_making.structs import struct

PLANS = 512  # that a network keeps
KEPT = 2**14  # entries of tables that do not depend on the evidence and are kept with a plan
SURE, LARGE = 1e-100, 1e100  # what is lost to underflow is nothing beside numbers between them
LITTLE = 64  # assignments of what is left that are summed out at once
TINY = -460.0  # logarithm of numbers whose products may be too small for floating point


def different_names(M: object, attribute: Any, x: Any) -> None:
    """Attrs validator: None, or a tuple of different names or numbers of variables."""
    if x is None:
        return
    names = isinstance(x, tuple) and all(isinstance(name, str | int | np.integer) for name in x)
    if not names or len(set(x)) != len(x):
        refuse(M, attribute.name, x, "a list of different names or numbers of variables")


@struct
class ExactInference:
    """The joint distribution at the evidence, summed over what is not asked (algorithm 3.4).

    Time and memory grow as the number of assignments of all variables that are not observed.
    """

    max_entries: int = field(default=ENTRIES, validator=count, kw_only=True)  # of the joint table


@struct
class VariableElimination:
    """Sum-product variable elimination (algorithm 3.5): factors are multiplied when a variable of theirs is summed out.

    What the query and the evidence do not depend on is left out; the plan is kept with the network for the next query
    of its kind, whatever the values. `ordering` says which variables go first, by name or number; those that it lacks
    follow in min-fill order.
    """

    ordering: Sequence[str | int] | None = field(
        default=None, converter=as_tuple, validator=different_names
    )  # what goes first; None: min-fill
    max_entries: int = field(default=ENTRIES, validator=count, kw_only=True)  # of one table


def scopes_of(q: Question, members: Sequence[int]) -> list[Labels]:
    """The labels of the factors of these variables at the evidence, and of the soft evidence after them."""
    batched = {i for i, x in q.hard.items() if isinstance(x, np.ndarray)}
    scopes: list[Labels] = []
    for i in members:
        family = q.bn.families[i]
        free = family if q.hard.keys().isdisjoint(family) else tuple([j for j in family if j not in q.hard])
        scopes.append(free if batched.isdisjoint(family) else (BATCH, *free))
    return scopes + [(BATCH, i) if x.ndim == 2 else (i,) for i, x in q.soft.items()]


def arrays_of(q: Question, members: Sequence[int]) -> list[Array]:
    """The factors of these variables at the evidence, and the soft evidence after them."""
    return [q.sliced(i) for i in members] + [*q.soft.values()]


class EliminationPlan:
    """How a kind of query is answered: which factors are multiplied when, and what is summed out."""

    def __init__(self, q: Question, ordering: Sequence[int], limit: int) -> None:
        bn = q.bn
        self.members = sorted(q.relevant())
        scopes = scopes_of(q, self.members)
        free = [tuple(x for x in s if x != BATCH) for s in scopes]
        order, self.entries = checked_order(q, free, ordering, limit)
        live, entries = dict(enumerate(scopes)), [sizes(bn, s) for s in free]
        self.batched = [BATCH in s for s in scopes]
        self.steps: list[Stage] = []
        for v, *_ in order:
            used = sorted([k for k, s in live.items() if v in s], key=entries.__getitem__)
            stage = Stage(used, [live.pop(k) for k in used], v)
            entries.append(sizes(bn, stage.scope[BATCH in stage.scope :]))
            live[len(scopes) + len(self.steps)] = stage.scope
            self.steps.append(stage)
        batch = () if q.cases is None else (BATCH,)
        self.last = Stage([*live, *(-1 for _ in batch)], [*live.values(), *((label,) for label in batch)], None)
        self.output = Product([self.last.scope], (*batch, *q.free))

    def run(self, arrays: Sequence[Array], cases: int | None) -> tuple[Array, Array]:
        """The answer, not normalised, divided by a number, and the logarithm of that number: () or (B,).

        Every step's result is scaled. Where numbers become so small that this is not enough, all is done again, and
        every factor and every product is scaled.
        """
        found = self._run(arrays, cases, False)
        p, logs, _ = found if found[2] else self._run(arrays, cases, True)
        return p, logs

    def _run(self, arrays: Sequence[Array], cases: int | None, careful: bool) -> tuple[Array, Array, bool]:
        values, fine = list(arrays), True
        logs = np.zeros(()) if cases is None else np.zeros(cases)
        if careful:
            for k, batched in enumerate(self.batched):
                values[k], log = scaled(values[k], batched)
                logs = logs + log
        values += [np.empty(0)] * len(self.steps)  # their results
        for k, stage in enumerate([*self.steps, self.last], len(arrays)):
            used = [values[i] for i in stage.used if i >= 0] + [np.ones(cases or 1) for i in stage.used if i < 0]
            φ, log = stage(used, careful)
            each = φ.reshape(len(φ) if BATCH in stage.scope else 1, -1)
            fine = fine and bool(each.any(axis=1).all()) and float(np.min(log)) > TINY
            logs = logs + log
            if stage is self.last:
                return self.output(φ), logs, fine
            values[k] = φ
        raise AssertionError("a plan has a last stage")


class QuickPlan:
    """A plan for one case at a time: what does not depend on the evidence is computed once, and nothing is scaled.

    Elimination ends where little is left; the last product sums that out.
    This is for speed: `benchmarks/networks.md` says what it pays for.
    """

    def __init__(self, q: Question, ordering: Sequence[int], limit: int) -> None:
        bn, members = q.bn, sorted(q.relevant())
        scopes = scopes_of(q, members)
        order, largest = checked_order(q, scopes, ordering, limit, min(LITTLE, limit))
        holding: dict[int, list[int]] = {}  # for each variable, the numbers of the arrays that have it
        for k, scope in enumerate(scopes):
            for i in scope:
                holding.setdefault(i, []).append(k)
        product = QuickProducts(scopes, holding, [v.r for v in bn.vars])
        self.inputs = Inputs(q, members)
        self.values = self.inputs.values + [None] * len(order)
        self.calls: list[tuple[int, list[int], Callable[..., Array]]] = []
        varies, live, room = self.inputs.varies.copy(), set(range(len(scopes))), KEPT
        for v, near, entries in order:
            used = [k for k in holding.pop(v) if k in live]
            k, used, f = product(used, v, near, entries)
            live.difference_update(used)
            live.add(k)
            for i in near:
                holding[i].append(k)
            room -= entries // bn.vars[v].r
            if varies.isdisjoint(used) and largest <= KEPT and room >= 0:
                self.values[k] = f(*[self.values[i] for i in used])
            else:
                varies.add(k)
                self.calls.append((k, used, f))
        self.last = product(sorted(live), None, q.free, sizes(bn, holding))[1:]
        needed = {i for _, used, _ in self.calls for i in used} | live
        self.values = [x if k in needed else None for k, x in enumerate(self.values)]
        self.fits = sizes(bn, product.letters) < LARGE  # so sums are, too

    def __call__(self, q: Question) -> Array | None:
        """The answer, not normalised; None where numbers are so small that the steps must be scaled."""
        if not self.fits:
            return None
        values = self.values.copy()
        self.inputs.set(values, q)
        for k, used, f in self.calls:
            values[k] = f(*[values[i] for i in used])
        used, f = self.last
        p = f(*[values[i] for i in used])
        return p if SURE < p.max() < LARGE else None


def checked_order(
    q: Question, scopes: Sequence[Labels], ordering: Sequence[int], limit: int, enough: int = 0
) -> tuple[list[tuple[int, Labels, int]], int]:
    """The order of elimination, and the entries of its largest table. TooLargeError where these are above the limit."""
    order = elimination(neighbours(scopes), [v.r for v in q.bn.vars], q.free, ordering, enough)
    entries = checked_entries(q.bn, order, limit)
    q.check_answer(limit)
    return order, entries


def checked_entries(bn: BayesianNetwork, order: Sequence[tuple[int, Labels, int]], limit: int) -> int:
    """The entries of the largest table in which a variable is summed out. TooLargeError where it is above the limit."""
    entries, v = max([(entries, v) for v, _, entries in order], default=(1, 0))
    if entries > limit:
        width = max(len(near) for _, near, _ in order)
        what = f"entries of the table in which {bn.vars[v].name} is summed out (width {width})"
        check_size(what, entries, "use LikelihoodWeightedSampling or GibbsSampling, or observe more", limit)
    return entries


Plan = TypeVar("Plan", EliminationPlan, QuickPlan)


def plan_of(M: VariableElimination, q: Question, make: type[Plan]) -> Plan:
    """The plan of a question, made when the first of its kind is asked."""
    first = tuple(q.bn.number(x) for x in M.ordering or ())
    found: Plan = kept(q.bn, (make, first, M.max_entries, q.kind()), lambda: make(q, first, M.max_entries))
    return found


def kept(bn: BayesianNetwork, key: object, make: Callable[[], Any]) -> Any:
    """What the network keeps under the key, made where it is not there; the oldest goes where there are too many."""
    if key not in bn.plans:
        plan = make()
        while len(bn.plans) >= PLANS:
            bn.plans.pop(next(iter(bn.plans)))
        bn.plans[key] = plan
    return bn.plans[key]


def eliminated(M: VariableElimination, q: Question) -> tuple[Array, Array]:
    """The answer before it is normalised, and the logarithm of its scale."""
    p = plan_of(M, q, QuickPlan)(q) if q.cases is None else None
    if p is not None:
        return p, np.zeros(())
    plan = plan_of(M, q, EliminationPlan)
    return plan.run(arrays_of(q, plan.members), q.cases)


def eliminated_by_kind(M: VariableElimination, q: Question) -> tuple[Array, Array]:
    """The same of many cases: equal ones are asked once."""
    return by_kind(q, lambda some: eliminated(M, some), plan_of(M, q, EliminationPlan).entries)


def by_joint(M: ExactInference, q: Question) -> tuple[Array, Array]:
    """The joint distribution of the query and the evidence, divided by a number, and the logarithm of that number."""
    bn, members = q.bn, range(len(q.bn.vars))
    hidden = [i for i in members if i not in q.hard]
    lead = () if q.cases is None else (q.cases,)
    size = sizes(bn, hidden) * math.prod(lead)
    check_size("entries of the joint distribution", size, "use VariableElimination", M.max_entries)
    check_size("axes of the joint distribution", len(lead) + len(hidden), "use VariableElimination", AXES)
    scopes, arrays = scopes_of(q, members), arrays_of(q, members)
    axis = {label: k for k, label in enumerate((*(BATCH for _ in lead), *hidden))}
    total, logs = np.ones((*lead, *(bn.vars[i].r for i in hidden))), np.zeros(lead)
    for scope, x in zip(scopes, arrays, strict=True):
        total = total * aligned(scaled(x, BATCH in scope)[0], [axis[label] for label in scope], total.ndim)
        logs = logs + scaled(x, BATCH in scope)[1]
        total, log = scaled(total, bool(lead))
        logs = logs + log
    p = total.sum(axis=tuple(axis[i] for i in hidden if i not in q.free))
    order = np.argsort(np.argsort([axis[i] for i in q.free])) + len(lead)
    return p.transpose((*range(len(lead)), *order)), logs


@verbs.infer.register
def infer_exactly(M: ExactInference, bn: BayesianNetwork, query: Asked, evidence: Known = None) -> Factor:
    """The distribution of the query given the evidence, from the joint distribution (algorithm 3.4)."""
    q = Question(bn, query, evidence).settled(bn.single)
    q.check_answer(M.max_entries)
    return q.answer(by_joint(M, q)[0])


@verbs.infer.register
def infer_by_elimination(M: VariableElimination, bn: BayesianNetwork, query: Asked, evidence: Known = None) -> Factor:
    """The distribution of the query given the evidence, by variable elimination (algorithm 3.5)."""
    q = Question(bn, query, evidence).settled()
    if q.cases is not None:
        q.check_answer(M.max_entries)
        return q.answer(eliminated_by_kind(M, q)[0])
    p = plan_of(M, q, QuickPlan)(q) if q.hard.keys().isdisjoint(q.query) else None
    return q.answer(eliminated(M, q)[0]) if p is None else checked_factor(tuple(q.vars), p / p.sum())


def evidence_log_probability(M: object, bn: BayesianNetwork, evidence: Mapping[str, Any] | None = None) -> Any:
    """ln P(evidence) by an exact method, a number, or (B,) for B cases; -inf where it is impossible.

    M is `ExactInference()` or `VariableElimination()`. With a `Likelihood` it is the logarithm of its mean.
    Raises TypeError for another M, and the other errors of `infer`.
    """
    q = Question(bn, (), evidence).settled()
    if isinstance(M, VariableElimination):
        p, logs = eliminated(M, q) if q.cases is None else eliminated_by_kind(M, q)
    elif isinstance(M, ExactInference):
        p, logs = by_joint(M, q.settled(bn.single))
    else:
        raise TypeError(f"M = {shortened(M)}: must be ExactInference or VariableElimination")
    with np.errstate(divide="ignore"):
        total = np.log(p) + logs
    return float(total) if q.cases is None else total
