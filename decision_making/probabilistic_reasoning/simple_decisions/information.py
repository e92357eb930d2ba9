"""The value of information: of one observation (algorithm 6.2), or of several, one after the other (section 6.6)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, brief, mapping, not_negative, shortened
from decision_making.probabilistic_reasoning.representation import Assignment, Variable
from decision_making.probabilistic_reasoning.simple_decisions.decision_networks import (
    Known,
    SimpleProblem,
    Situation,
)
from decision_making.problem import RNG
from decision_making.sizes import check_size
from decision_making.structs import struct

PLANNED = 2**24  # entries of the table of a plan of observations


def value_of_information(
    P: SimpleProblem, query: str | Iterable[str], evidence: Known = None, M: object = None, *, rng: RNG = None
) -> Any:
    """What it is worth to observe the query before deciding (algorithm 6.2):

    VOI(O' | o) = Σ_o' P(o' | o) EU*(o, o') - EU*(o).

    query: the name of a chance variable, or several that are observed together; what is in the evidence already adds
    nothing. An exact M, and None, answers by one elimination over query, decisions and utility, and never below 0;
    with arrays (B,) as evidence it gives (B,). By sampling it is the book's loop, may be negative, and takes `rng`.

    Raises ValueError for a query that is no chance variable, and where the decision changes the probability of what
    is observed, so that it cannot be observed before; otherwise what `expected_utilities` raises.
    """
    now = Situation(P, evidence, M, rng)
    names = observable(now, query)
    if not now.exact:
        return _sampled(now, names)
    given, _ = now.outcomes(names)
    lead = given.ndim - len(names) - len(now.free)
    size = math.prod(given.shape[lead : lead + len(names)])
    table = given.reshape(*given.shape[:lead], size, -1)
    gain = table.max(axis=-1).sum(axis=-1) - table.sum(axis=-2).max(axis=-1)
    gain = np.maximum(gain, 0)  # rounding
    return gain if lead else float(gain)


def observable(now: Situation, query: str | Iterable[str]) -> list[str]:
    """The names of a query that may be observed before deciding; the errors of `value_of_information`."""
    P = now.P
    names = [P.bn.vars[i].name for i in P.bn.numbers(query, "query")]
    chance = {v.name for v in P.chance_vars}
    for name in names:
        if name not in chance:
            raise ValueError(f"query: {name} must be a chance variable, one of {', '.join(sorted(chance))}")
    for name in names:
        if P.bn.number(name) not in now.known.hard and not _undecided(now, name):
            free = ", ".join(v.name for v in now.free)
            raise ValueError(f"query: the probability of {name} depends on {free}; must be fixed before the decision")
    return names


def _undecided(now: Situation, name: str) -> bool:
    """Whether no free decision changes the probability of a variable given the evidence, whatever the tables."""
    import networkx

    bn = now.P.network
    if not now.free:
        return True
    graph = networkx.DiGraph(bn.graph)
    seen = {i: ("seen", i) for i in now.known.soft}  # a likelihood is a child of its variable that was observed
    graph.add_edges_from(seen.items())
    known = {*now.known.hard, *seen.values()}
    return bool(networkx.is_d_separator(graph, {bn.number(name)}, {bn.number(v.name) for v in now.free}, known))


def _sampled(now: Situation, names: Sequence[str]) -> float:
    """The value by the book's loop over what may be observed, which skips what has probability 0."""
    total = 0.0
    p = now.estimated(names, now.evidence)
    for k in np.ndindex(*p.shape):
        if p[k] > 0:
            total += p[k] * now.sampled(now.evidence | dict(zip(names, k, strict=True))).max()
    return float(total - now.sampled(now.evidence).max())


@struct
class ObservationPlan:
    """Which observation to make next, by what was observed so far, and what to decide in the end.

    `plan_observations` makes one. `observe(known)` is the next observation, None where none is worth its cost;
    `decide(known)` is the best decision then.
    """

    vars: tuple[Variable, ...]  # what may be observed
    costs: tuple[float, ...]  # of each observation
    value: float  # what the plan gains over deciding at once, costs taken off, >= 0
    expected_utility: float  # of decisions by the plan, costs taken off
    probability: Array = field(repr=brief)  # of each partial observation (r + 1, ...); r stands for not observed
    chosen: Array = field(repr=brief)  # number of the next observation at each (r + 1, ...); -1: decide
    decisions: tuple[Assignment, ...] = field(repr=brief)  # all decisions
    decided: Array = field(repr=brief)  # number of the best decision at each (r + 1, ...)

    def _position(self, given: Mapping[str, int | str] | None) -> tuple[int, ...]:
        known = mapping(given, "known")
        names = [v.name for v in self.vars]
        unknown = [name for name in known if name not in names]
        if unknown:
            raise ValueError(f"known: {shortened(unknown[0])} must be one of {', '.join(names)}")
        at = tuple(v.index(known[v.name]) if v.name in known else v.r for v in self.vars)
        if not self.probability[at] > 0:
            raise ValueError(f"known = {shortened(dict(known))}: has probability 0")
        return at

    def observe(self, known: Mapping[str, int | str] | None = None) -> str | None:
        """The name of what to observe next; None where it is best to decide. ValueError for unknown names or values."""
        k = int(self.chosen[self._position(known)])
        return None if k < 0 else self.vars[k].name

    def decide(self, known: Mapping[str, int | str] | None = None) -> Assignment:
        """The best decision given what was observed. ValueError for unknown names or values."""
        return self.decisions[int(self.decided[self._position(known)])]


def plan_observations(
    P: SimpleProblem, costs: Mapping[str, float], evidence: Known = None, M: object = None
) -> ObservationPlan:
    """The best plan of observations that have costs, each chosen in the light of those before (section 6.6).

    With V(o) the best expected utility once o is known and c_i the cost of observation i,

        V(o) = max(EU*(o), max_i Σ_x P(o_i = x | o) V(o, x) - c_i),

    computed backwards over all partial observations, Π(r_i + 1) of them, times the decisions, from one elimination.
    At cost 0 the plan is worth what all observations together are. Of equally good ways it decides, or takes the first.

    Raises ValueError for costs that are not numbers >= 0 or arrays as evidence, TypeError for an M that samples,
    TooLargeError, before anything is computed, for too many partial observations, and otherwise what
    `value_of_information` raises.
    """
    now = Situation(P, evidence, M, None)
    if not now.exact:
        raise TypeError(f"M = {shortened(M)}: must be VariableElimination or ExactInference")
    if not isinstance(costs, Mapping):
        raise TypeError(f"costs = {shortened(costs)}: must be a mapping {{name: cost}}")
    names = observable(now, costs)
    for name, cost in zip(names, costs.values(), strict=True):
        not_negative("costs", Named(name), cost)
    if now.known.cases is not None:
        raise ValueError("evidence: has arrays of cases; must be that of one case")
    vars = [P.bn.vars[P.bn.number(name)] for name in names]
    size = math.prod(v.r + 1 for v in vars) * math.prod(v.r for v in now.free)
    check_size("entries of the plan", size, "ask for fewer observations", PLANNED)
    given, p = now.outcomes(names)
    k = len(names)
    worth, p = _with_unknown(given.reshape(*given.shape[:k], -1), k), _with_unknown(p, k)
    decided, stop = now.best(worth, p)
    V, chosen = _backwards(p, stop, [float(cost) for cost in costs.values()], now.rounding())
    unknown = tuple(v.r for v in vars)
    at_once = float(stop[unknown])
    decisions = tuple(Assignment({n: int(x) for n, x in now.assignment(i).items()}) for i in range(worth.shape[-1]))
    value = float(V[unknown]) - at_once
    return ObservationPlan(
        tuple(vars), tuple(map(float, costs.values())), value, at_once + value, p, chosen, decisions, decided
    )


def _with_unknown(x: Array, k: int) -> Array:
    """x with one entry more along each of its first k axes, the sum over the others: not observed."""
    for axis in range(k):
        x = np.concatenate([x, x.sum(axis=axis, keepdims=True)], axis=axis)
    return x


def _backwards(p: Array, stop: Array, costs: Sequence[float], rounding: float) -> tuple[Array, Array]:
    """P(o) V(o) of each partial observation, and the number of the next observation, -1 where it is best to decide.

    p and stop are P(o) and P(o) EU*(o), with one entry more along each axis for what is not observed.
    """
    V, chosen = np.array(stop), np.full(np.shape(stop), -1)
    for seen in sorted(itertools.product((True, False), repeat=len(costs)), key=sum, reverse=True):
        here = tuple(slice(0, -1) if x else -1 for x in seen)
        best, choice = V[here], chosen[here]
        for i, cost in enumerate(costs):
            if not seen[i]:
                axis = sum(seen[:i])
                there = tuple(slice(0, -1) if x or j == i else -1 for j, x in enumerate(seen))
                value = V[there].sum(axis=axis) - cost * p[here]
                better = value > best + rounding * p[here]
                best, choice = np.where(better, value, best), np.where(better, i, choice)
        V[here], chosen[here] = best, choice
    return V, chosen
