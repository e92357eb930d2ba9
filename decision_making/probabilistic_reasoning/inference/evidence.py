"""A query and evidence on a network, checked once for every method of inference (chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    brief,
    instance,
    made_array,
    mapping,
    numbers,
    read_only,
    refuse,
    shortened,
    unmasked,
)
from decision_making.probabilistic_reasoning.representation import (
    BayesianNetwork,
    Factor,
    ImpossibleEvidenceError,
    Variable,
)
from decision_making.probabilistic_reasoning.representation.factors import ENTRIES, check_table
from decision_making.structs import struct

CASE = "(case)"  # the variable of the first axis where many cases are asked at once
Asked = str | int | Iterable[str | int]
Known = Mapping[str, Any] | None


class NoSampleAgreesError(ValueError):
    """The evidence is possible, but no sample has agreed with it."""


@struct
class Likelihood:
    """Soft evidence on a variable: a number >= 0 for each of its values, proportional to P(what was seen | value).

    Weights (r,), or (B, r) for B cases. Raises ValueError for numbers that are negative, not finite, or all 0.
    """

    weights: Array = field(repr=brief)  # P(what was seen | value), up to a factor

    def __attrs_post_init__(self) -> None:
        weights = numbers(self.weights, "Likelihood.weights")
        if weights.ndim not in (1, 2) or not weights.size or not (np.isfinite(weights).all() and (weights >= 0).all()):
            refuse(self, "weights", self.weights, "finite numbers >= 0, one for each value, (r,) or (B, r)")
        if not weights.any(axis=-1).all():
            raise ImpossibleEvidenceError(f"Likelihood.weights = {shortened(self.weights)}: must not all be 0")
        object.__setattr__(self, "weights", read_only(weights))


class Question:
    """A query and evidence on a network, by number of the variables."""

    def __init__(self, bn: BayesianNetwork, query: Asked, evidence: Known) -> None:
        self.bn = instance(bn, "bn", BayesianNetwork)
        self.query = bn.numbers(query, "query")
        for i in self.query:
            if self.query.count(i) > 1:
                raise ValueError(f"query: {bn.vars[i].name} is asked for twice")
        self.hard: dict[int, Any] = {}  # values, or arrays (B,) of them
        self.soft: dict[int, Array] = {}  # weights (r,) or (B, r)
        for name, value in mapping(evidence, "evidence").items():
            self._add(bn.number(name), value)
        sizes = {len(x) for x in self.hard.values() if isinstance(x, np.ndarray)}
        sizes |= {len(x) for x in self.soft.values() if x.ndim == 2}
        if len(sizes) > 1:
            raise ValueError(f"evidence: has arrays of {', '.join(map(str, sorted(sizes)))} cases; they must be equal")
        self.cases = sizes.pop() if sizes else None  # None for a single one

    def _add(self, i: int, value: Any) -> None:
        v = self.bn.vars[i]
        if i in self.hard or i in self.soft:
            raise ValueError(f"evidence: {v.name} is there twice, by name and by number")
        if isinstance(value, Likelihood):
            if value.weights.shape[-1] != v.r:
                raise ValueError(
                    f"{v.name}: {value.weights.shape[-1]} weights; there must be {v.r}, one for each value"
                )
            self.soft[i] = value.weights
        elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
            self.hard[i] = _values(v, value)
        else:
            self.hard[i] = v.index(value)

    def names(self, case: int | None = None) -> str:
        """The evidence in words, for errors: that of one case where there are many."""
        vars = self.bn.vars
        values = {i: x[case] if isinstance(x, np.ndarray) else x for i, x in self.hard.items()}
        shown = [f"{vars[i].name} = {vars[i].labels[x]}" for i, x in values.items() if vars[i].r > 1]
        shown += [f"a likelihood of {vars[i].name}" for i in self.soft]
        return ", ".join(shown) or "nothing"

    @property
    def free(self) -> tuple[int, ...]:
        """The variables that are asked for and not observed, in the query's order."""
        return tuple(i for i in self.query if i not in self.hard)

    @property
    def vars(self) -> list[Variable]:
        """The variables of the answer."""
        asked = [self.bn.vars[i] for i in self.query]
        if self.cases is None:
            return asked
        case = CASE
        while any(v.name == case for v in asked):  # a variable of the network may be called so
            case = f"({case})"
        return [Variable(case, self.cases), *asked]

    def single(self, M: object) -> None:
        """Raise ValueError where there are many cases: M answers one at a time."""
        if self.cases is not None:
            raise ValueError(f"{type(M).__name__} takes one case at a time; VariableElimination takes arrays")

    def check_answer(self, limit: int = ENTRIES) -> None:
        """Raise TooLargeError where the answer to a case has more entries than the limit, or that to all than 2²⁷."""
        check_table("the answer", [self.bn.vars[i] for i in self.query], "ask for fewer variables at once", limit)
        if self.cases is not None:
            check_table("the answer", self.vars, "ask for fewer variables or cases at once", max(limit, ENTRIES))

    def settled(self, among: Iterable[int] | None = None) -> Question:
        """The same question, in which what has one value only counts as observed: it needs no axis.

        That is so of the variables `among` them; None: of those that matter.
        """
        if not self.bn.single:
            return self
        same = copy(self)
        among = self.relevant() if among is None else among
        single = self.bn.single.intersection(among).difference(self.hard, self.soft)
        same.hard = self.hard | dict.fromkeys(sorted(single), 0)
        return same

    def impossible(self, case: int | None = None) -> ImpossibleEvidenceError:
        """The error of evidence of probability 0."""
        where = "" if case is None else f"case {case}: "
        return ImpossibleEvidenceError(f"{where}the evidence {self.names(case)} has probability 0")

    def answer(self, p: Array) -> Factor:
        """The factor on the query of numbers on its free variables, (r...) or (B, r...), which are normalised."""
        axes = tuple(range(p.ndim - len(self.free), p.ndim))
        totals = p.sum(axis=axes, keepdims=True)
        if not (totals > 0).all():
            raise self.impossible(None if self.cases is None else int(np.argmin(totals.ravel() > 0)))
        p = p / totals
        if len(self.free) == len(self.query):
            return Factor(self.vars, p)
        full = np.zeros([v.r for v in self.vars])
        lead, k = int(self.cases is not None), 0
        ones = [1] * p.ndim
        at: list[Any] = [np.arange(self.cases or 0).reshape([-1, *ones[1:]])] if lead else []
        for i in self.query:
            if i in self.hard:
                x = self.hard[i]
                at.append(x.reshape([-1, *ones[1:]]) if isinstance(x, np.ndarray) else x)
            else:
                shape = [*ones]
                shape[lead + k] = -1
                at.append(np.arange(self.bn.vars[i].r).reshape(shape))
                k += 1
        full[tuple(at)] = p
        return Factor(self.vars, full)

    def observed_first(self, i: int) -> tuple[Array, tuple[int, ...]]:
        """The table of variable i with the axes of observed variables first, and these variables."""
        table, family = self.bn.factors[i].values, self.bn.families[i]
        if self.hard.keys().isdisjoint(family):
            return table, ()
        seen = [k for k, j in enumerate(family) if j in self.hard]
        left = [k for k, j in enumerate(family) if j not in self.hard]
        return table.transpose(seen + left), tuple([family[k] for k in seen])

    def sliced(self, i: int) -> Array:
        """The table of variable i at the evidence: an axis for many cases, then one for each free variable."""
        table, seen = self.observed_first(i)
        return table[tuple([self.hard[j] for j in seen])] if seen else table

    def relevant(self) -> set[int]:
        """The variables of the query, of the evidence and their ancestors: the rest sums to 1."""
        found: set[int] = set()
        waiting = [*self.query, *self.hard, *self.soft]
        while waiting:
            i = waiting.pop()
            if i not in found:
                found.add(i)
                waiting.extend(self.bn.parents[i])
        return found

    def kind(self) -> tuple[object, ...]:
        """What the plan of the answer depends on: which variables are asked and known, not their values."""
        return (
            self.query,
            tuple((i, isinstance(x, np.ndarray)) for i, x in self.hard.items()),
            tuple((i, x.ndim) for i, x in self.soft.items()),
        )


class Inputs:
    """The arrays that a plan for one case at a time begins with: the tables of some variables, then soft evidence."""

    def __init__(self, q: Question, members: Sequence[int]) -> None:
        self.values: list[Any] = [q.bn.factors[i].values for i in members] + [None] * len(q.soft)
        tables = [(k, *q.observed_first(i)) for k, i in enumerate(members)]
        self.sliced = [x for x in tables if x[2]]  # where, a table, and the variables that are observed
        self.soft = list(enumerate(q.soft, len(members)))  # where, and on which variable
        self.varies = {k for k, *_ in self.sliced} | {k for k, _ in self.soft}  # what depends on the evidence

    def set(self, values: list[Any], q: Question) -> None:
        """Put the evidence of a question of the same kind into values that begin with these arrays."""
        hard = q.hard
        for k, table, seen in self.sliced:
            values[k] = table[tuple([hard[j] for j in seen])]
        for k, i in self.soft:
            values[k] = q.soft[i]


def _values(v: Variable, given: Any) -> Array:
    """Values of a variable as numbers (B,), given as such or by name."""
    unmasked(given, f"evidence of {v.name}")
    array = made_array(given, f"evidence of {v.name}")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{v.name} has evidence of shape {array.shape}: must be a value, or an array (B,) of them")
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() < v.r:
        return array.astype(np.intp, copy=False)
    if array.dtype.kind == "U" and not isinstance(given, np.ndarray):  # among names numpy makes a text of a number
        return np.array([v.index(x) for x in given], dtype=np.intp)
    unique, inverse = np.unique(array, return_inverse=True)
    return np.array([v.index(str(x) if array.dtype.kind == "U" else x) for x in unique], dtype=np.intp)[inverse]


def sizes(bn: BayesianNetwork, labels: Iterable[int]) -> int:
    """The number of entries of a table on these variables."""
    return math.prod([bn.vars[i].r for i in labels])
