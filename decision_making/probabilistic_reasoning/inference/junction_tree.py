"""All marginals at once: messages up and down the tree of the tables that elimination makes (chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import Array, count
from decision_making.probabilistic_reasoning.inference.cases import by_kind
from decision_making.probabilistic_reasoning.inference.contraction import BATCH, Labels, Product, Stage, scaled
from decision_making.probabilistic_reasoning.inference.elimination import (
    KEPT,
    LARGE,
    SURE,
    arrays_of,
    checked_entries,
    kept,
    scopes_of,
)
from decision_making.probabilistic_reasoning.inference.evidence import Asked, Inputs, Known, Question, sizes
from decision_making.probabilistic_reasoning.inference.ordering import elimination, neighbours
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor
from decision_making.probabilistic_reasoning.representation.factors import ENTRIES, checked_factor
from decision_making.structs import struct

SMALLEST = 1e-300  # no message is divided by less


@struct
class JunctionTree:
    """The distribution of each of many variables, in the time of about three eliminations (section 3.4, on a tree).

    Each variable that min-fill eliminates has a table, on it and its neighbours then. Tables form trees. A message up
    sums a table over its variable; one down makes it agree with its parent. Then each table is, up to a factor, the
    distribution of its variables given the evidence.
    """

    max_entries: int = field(default=ENTRIES, validator=count, kw_only=True)  # of one table


class Tree:
    """The tables of one kind of question, and what is multiplied where."""

    def __init__(self, q: Question, limit: int) -> None:
        bn = q.bn
        self.members = sorted(q.relevant())
        scopes = scopes_of(q, self.members)
        free = [tuple(x for x in s if x != BATCH) for s in scopes]
        order = elimination(neighbours(free), [v.r for v in bn.vars])
        self.entries = checked_entries(bn, order, limit)
        self.place = {v: k for k, (v, *_) in enumerate(order)}
        self.constants = [k for k, s in enumerate(free) if not s]
        self.batched = [BATCH in s for s in scopes]
        inputs: list[list[tuple[int, Labels]]] = [[] for _ in order]
        for k, s in enumerate(scopes):
            if free[k]:
                inputs[min(self.place[x] for x in free[k])].append((k, s))
        self.parent: list[int | None] = []
        self.tables: list[Stage] = []
        self.up: list[Product] = []
        self.separators: list[Labels] = []
        for k, (v, near, _) in enumerate(order):
            given = sorted(inputs[k], key=lambda pair: len(pair[1]))
            self.tables.append(Stage([i for i, _ in given], [s for _, s in given], None))
            scope = self.tables[-1].scope
            self.separators.append(tuple(x for x in scope if x != v))
            self.up.append(Product([scope], self.separators[-1]))
            self.parent.append(min((self.place[x] for x in near), default=None))
            if self.parent[-1] is not None:
                inputs[self.parent[-1]].append((len(scopes) + k, self.separators[-1]))
        self.down = [self._down(k) for k in reversed(range(len(order)))][::-1]  # parents first
        self.marginal = {v: self._marginal(k, v) for v, k in self.place.items()}
        self.quick = QuickTree(self, q) if q.cases is None else None

    def _down(self, k: int) -> tuple[Product, Product, Labels] | None:
        """What sums the parent's table to the separator, and what multiplies the table with the message down."""
        parent = self.parent[k]
        if parent is None:
            return None
        above, scope, near = self.tables[parent].scope, self.tables[k].scope, self.separators[k]
        message = (BATCH, *(x for x in near if x != BATCH)) if BATCH in above else near
        union = (BATCH, *(x for x in scope if x != BATCH)) if BATCH in message else scope
        self.tables[k].scope = union  # once it has heard from above
        return Product([above], message), Product([scope, message], union), message

    def _marginal(self, k: int, v: int) -> Product:
        scope = self.tables[k].scope
        return Product([scope], (BATCH, v) if BATCH in scope else (v,))

    def run(self, arrays: Sequence[Array], q: Question) -> tuple[dict[int, Array], Array]:
        """The distribution of each variable, not normalised, and for each case 0 where it is impossible."""
        possible = np.ones(()) if q.cases is None else np.ones(q.cases)
        for k in self.constants:
            possible = possible * (arrays[k] > 0)
        values: list[Any] = [scaled(x, batched)[0] for x, batched in zip(arrays, self.batched, strict=True)]
        values += [np.empty(0)] * len(self.tables)  # their messages
        beliefs: list[Array] = []
        for k, table in enumerate(self.tables):
            φ, _ = table([values[i] for i in table.used], careful=True)
            message, _ = scaled(self.up[k](φ), BATCH in self.separators[k])
            if self.parent[k] is None:
                possible = possible * (message > 0)
            beliefs.append(φ)
            values[len(arrays) + k] = message
        for k in reversed(range(len(self.tables))):
            ways, parent = self.down[k], self.parent[k]
            if ways is None or parent is None:
                continue
            above, multiply, scope = ways
            heard, said = above(beliefs[parent]), values[len(arrays) + k]
            said = said[None] if BATCH in scope and BATCH not in self.separators[k] else said
            ratio = np.divide(heard, said, out=np.zeros_like(heard), where=np.broadcast_to(said > 0, heard.shape))
            beliefs[k], _ = scaled(multiply(beliefs[k], ratio), BATCH in scope)
        return {v: f(beliefs[self.place[v]]) for v, f in self.marginal.items()}, possible


class QuickTree:
    """A tree for one case at a time: messages that do not depend on the evidence are kept, and nothing is scaled.

    This is for speed: `benchmarks/networks.md` says what it pays for.
    """

    def __init__(self, tree: Tree, q: Question) -> None:
        bn = q.bn
        r = [v.r for v in bn.vars]
        self.tree = tree
        self.inputs = Inputs(q, tree.members)
        self.first = len(self.inputs.values)  # messages follow the factors
        self.values = self.inputs.values + [None] * len(tree.tables)
        varies = self.inputs.varies.copy()
        self.multiply = [stage.quick(r) for stage in tree.tables]
        self.beliefs: list[Any] = [None] * len(tree.tables)
        self.changing: list[int] = []
        kept = 0
        for k, stage in enumerate(tree.tables):
            kept += sizes(bn, stage.scope)
            if varies.isdisjoint(stage.used) and kept <= KEPT:
                self.beliefs[k], self.values[self.first + k] = self._up(k, self.values)
            else:
                varies.add(self.first + k)
                self.changing.append(k)
        self.roots = [self.first + k for k, parent in enumerate(tree.parent) if parent is None]
        self.fits = sum(math.log(r[v]) for v in tree.place) < 230  # sums do not grow beyond 1e100

    def _up(self, k: int, values: list[Any]) -> tuple[Array, Array]:
        """A table, and its sum over its variable."""
        φ = self.multiply[k](*[values[i] for i in self.tree.tables[k].used])
        return φ, self.tree.up[k](φ)

    def __call__(self, q: Question) -> list[Array] | None:
        """The tables once they agree; None where numbers are so small that messages must be scaled."""
        tree, values, beliefs = self.tree, self.values.copy(), self.beliefs.copy()
        self.inputs.set(values, q)
        for k in self.changing:
            beliefs[k], values[self.first + k] = self._up(k, values)
        certain = all(values[k] > 0 for k in tree.constants)
        if not (self.fits and certain and all(SURE < values[k] < LARGE for k in self.roots)):
            return None
        for k in range(len(beliefs) - 1, -1, -1):
            ways, parent = tree.down[k], tree.parent[k]
            if ways is not None and parent is not None:
                above, multiply, _ = ways
                heard, said = above(beliefs[parent]), values[self.first + k]
                beliefs[k] = multiply(beliefs[k], heard / np.maximum(said, SMALLEST))  # where it said 0 it hears 0
        return beliefs


@verbs.infer.register
def infer_all(M: JunctionTree, bn: BayesianNetwork, query: Asked, evidence: Known = None) -> dict[str, Factor]:
    """The distribution of each variable of the query given the evidence, by name."""
    q = Question(bn, query, evidence).settled()
    key = ("tree", M.max_entries, q.kind())
    tree: Tree = kept(bn, key, lambda: Tree(q, M.max_entries))
    beliefs = tree.quick(q) if tree.quick is not None else None
    if beliefs is not None:
        found = {i: tree.marginal[i](beliefs[tree.place[i]]) for i in q.free}
        return {bn.vars[i].name: _one(q, i, found) if i in q.hard else _alone(bn, i, found[i]) for i in q.query}

    def ask(some: Question) -> tuple[Array, Array]:
        """The distributions, side by side, and 0 where a case is impossible."""
        found, possible = tree.run(arrays_of(some, tree.members), some)
        lead = () if some.cases is None else (some.cases,)
        parts = [np.broadcast_to(found[i], (*lead, bn.vars[i].r)) for i in q.free]
        return np.concatenate(parts, axis=-1) if parts else np.ones((*lead, 0)), possible

    side_by_side, possible = ask(q) if q.cases is None else by_kind(q, ask, tree.entries)
    if not np.all(possible):
        raise q.impossible(None if q.cases is None else int(np.argmin(possible)))
    ends = np.cumsum([bn.vars[i].r for i in q.free])
    parts = dict(zip(q.free, np.split(side_by_side, ends[:-1], axis=-1), strict=False))
    return {bn.vars[i].name: _one(q, i, parts) for i in q.query}


def _alone(bn: BayesianNetwork, i: int, p: Array) -> Factor:
    """The distribution of a variable that is not observed, from numbers in proportion to it."""
    return checked_factor((bn.vars[i],), p / p.sum())


def _one(q: Question, i: int, parts: dict[int, Any]) -> Factor:
    """The answer of one variable."""
    alone = Question(q.bn, i, None)
    alone.hard, alone.cases = {j: x for j, x in q.hard.items() if j == i}, q.cases
    return alone.answer(parts[i] if i in parts else np.ones(() if q.cases is None else q.cases))
