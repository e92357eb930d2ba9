"""Bayesian networks: a joint distribution as a product of conditional ones (algorithms 2.2 and 2.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from decision_making.checks import Array, as_tuple, instance, made_array, refuse, rounding, shortened, suggestion
from decision_making.probabilistic_reasoning.representation.factors import Factor, checked_factor, factor_list, product
from decision_making.probabilistic_reasoning.representation.variables import Variable, checked_variables, told_apart
from decision_making.sampling import indices
from decision_making.shown import Shown
from decision_making.structs import struct

if TYPE_CHECKING:
    import networkx

ROUNDED = 1e-6  # how far from 1 a row of a table may sum, as the networks in circulation do; it is then scaled


@struct(repr=False, slots=False)
class BayesianNetwork(Shown):
    """P(x) = Π_i P(x_i | pa(x_i)): factors on a directed graph without cycles (algorithm 2.2).

    The graph is a networkx DiGraph, or a list of edges, on the variables' names or their numbers 0..n-1; None takes
    factor i to be that of variable i given the others in its scope. Parents are sorted by number, whatever the order of
    edges. A factor belongs to the variable that it is the distribution of given its parents, wherever it stands.

    Raises TypeError unless these are variables, factors and a graph; ValueError for a graph with a cycle, an edge of
    unknown variables, a factor that fits no variable, and a row of a table that does not sum to 1 within 1e-6.

    >>> rain, wet = Variable("rain", 2), Variable("wet", 2)
    >>> bn = BayesianNetwork(
    ...     [rain, wet], [Factor([rain], [0.8, 0.2]), Factor([wet, rain], [[0.9, 0.1], [0.1, 0.9]])], [("rain", "wet")]
    ... )
    >>> print(round(probability(bn, {"rain": 1, "wet": 1}), 3))
    0.18
    """

    vars: tuple[Variable, ...] = field(converter=as_tuple)  # its variables
    factors: tuple[Factor, ...] = field(converter=as_tuple)  # one for each
    graph: networkx.DiGraph[int] = field(default=None)  # edges from parent to child, on 0..n-1
    plans: dict[Any, Any] = field(init=False, factory=dict)  # how queries were answered, kept for others of their kind
    single: frozenset[int] = field(init=False)  # the numbers of variables that have one value only

    def __attrs_post_init__(self) -> None:
        checked_variables("BayesianNetwork", self.vars)
        factor_list(self.factors, "BayesianNetwork.factors")
        if len(self.factors) != len(self.vars):
            raise ValueError(
                f"BayesianNetwork.factors: {len(self.factors)} of them; there must be one for each of "
                f"{len(self.vars)} variables"
            )
        known = self.index
        for v in (v for φ in self.factors for v in φ.vars):
            if v.name not in known or self.vars[known[v.name]] != v:
                if v.name not in known:
                    raise ValueError(
                        f"BayesianNetwork.factors: {v} is no variable of the network{suggestion(v.name, known)}"
                    )
                one, other = told_apart(v, self.vars[known[v.name]])
                raise ValueError(f"BayesianNetwork.factors: {one} is no variable of the network, not {other}")
        graph = self._own_edges() if self.graph is None else self.graph
        object.__setattr__(self, "graph", directed_graph(graph, self.vars, "BayesianNetwork.graph"))
        object.__setattr__(self, "factors", self._by_child())
        object.__setattr__(self, "single", _single(self.vars))

    def _own_edges(self) -> list[tuple[str, str]]:
        """The edges of factors that stand in the order of their variables."""
        pairs = zip(self.vars, self.factors, strict=True)
        return [(u.name, v.name) for v, φ in pairs for u in φ.vars if u.name != v.name]

    def _by_child(self) -> tuple[Factor, ...]:
        """For each variable the factor of it given its parents, scope (parents..., variable), rows summing to 1."""
        found = {frozenset(v.name for v in φ.vars): φ for φ in self.factors}
        return tuple(self._conditional(i, found) for i in range(len(self.vars)))

    def _conditional(self, i: int, found: Mapping[frozenset[str], Factor]) -> Factor:
        family = [self.vars[j] for j in self.families[i]]
        names = [v.name for v in family]
        φ = found.get(frozenset(names))
        if φ is None:
            given = f" given {', '.join(names[:-1])}" if names[:-1] else ""
            raise ValueError(
                f"BayesianNetwork.factors: there must be one of {names[-1]}{given}, and of no other variables"
            )
        order = [v.name for v in φ.vars]
        values = φ.values.transpose([order.index(name) for name in names])
        with np.errstate(over="ignore"):
            sums = values.sum(axis=-1, keepdims=True)
        missed = abs(sums - 1) > rounding(1.0, values.shape[-1])
        if missed.any():  # the other rows stay, bit for bit
            wrong = wrong_row(family, values)
            if wrong is not None:
                raise ValueError(f"BayesianNetwork.factors: {wrong[1]}")
            values = np.where(missed, values / sums, values)
        return checked_factor(tuple(family), values)

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: all but the plans, which are functions and would be made again."""
        return vars(self) | {"plans": {}}

    def __repr__(self) -> str:
        n, k = len(self.vars), self.graph.number_of_edges()
        return f"BayesianNetwork({n} variables, {k} edges, {self.parameters} parameters)"

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each variable by its name."""
        return {v.name: i for i, v in enumerate(self.vars)}

    @cached_property
    def parents(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of each variable's parents, sorted."""
        return tuple(tuple(sorted(self.graph.predecessors(i))) for i in range(len(self.vars)))

    @cached_property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """For each variable its parents and then itself: the axes of its factor."""
        return tuple((*parents, i) for i, parents in enumerate(self.parents))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The numbers of the variables, parents before children: of all such orders the first by number."""
        import networkx

        return tuple(networkx.lexicographical_topological_sort(self.graph))

    @property
    def parameters(self) -> int:
        """How many independent numbers the network has, Σ_i (r_i - 1) q_i, q_i the number of rows of its table."""
        return sum(
            (v.r - 1) * math.prod(self.vars[j].r for j in p) for v, p in zip(self.vars, self.parents, strict=True)
        )

    def number(self, name: object) -> int:
        """The number of the variable of that name, or of that number. ValueError where there is none."""
        if isinstance(name, str) and name in self.index:
            return self.index[name]
        if isinstance(name, int | np.integer) and not isinstance(name, bool) and 0 <= name < len(self.vars):
            return int(name)
        known = list(self.index)
        some = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ValueError(f"{shortened(name)}: must be one of the network's variables {some}{suggestion(name, known)}")

    def numbers(self, names: object, said: str) -> tuple[int, ...]:
        """The numbers of one variable or several, by name or number, which errors call `said`."""
        given = (names,) if isinstance(names, str | int | np.integer) else as_tuple(names)
        if not isinstance(given, tuple):
            refuse(None, said, names, "the name of a variable, or a list of names", TypeError)
        return tuple(self.number(x) for x in given)


def _single(vars: Sequence[Variable]) -> frozenset[int]:
    return frozenset([i for i, v in enumerate(vars) if v.r == 1])


def wrong_row(family: Sequence[Variable], values: Array) -> tuple[tuple[int, ...], str] | None:
    """Where a table P(last of the family | others) has the first row whose sum is not 1, and what is said of it."""
    with np.errstate(over="ignore"):
        sums = values.sum(axis=-1)
    wrong = abs(sums - 1) > ROUNDED
    if not wrong.any():
        return None
    at = tuple(int(k) for k in np.argwhere(wrong)[0])
    given = ", ".join(f"{v.name} = {v.labels[k]}" for v, k in zip(family[:-1], at, strict=True))
    said = f"P({family[-1].name}{' | ' + given if given else ''}) sums to {sums[at]:.9g}; must be 1"
    return at, said


def checked_network(
    vars: tuple[Variable, ...], parents: Sequence[tuple[int, ...]], tables: Sequence[Array]
) -> BayesianNetwork:
    """The network of each variable's parents and tables (q_i, r_i), known to be right: they are not looked at again."""
    families = [[vars[j] for j in (*p, i)] for i, p in enumerate(parents)]
    factors = [
        checked_factor(tuple(family), table.reshape([v.r for v in family]))
        for family, table in zip(families, tables, strict=True)
    ]
    graph = numbered_graph(len(vars), [(j, i) for i, p in enumerate(parents) for j in p])
    bn: BayesianNetwork = object.__new__(BayesianNetwork)
    found = {"vars": vars, "factors": tuple(factors), "graph": graph, "plans": {}, "single": _single(vars)}
    for name, x in found.items():
        object.__setattr__(bn, name, x)
    return bn


def edges_of(graph: Any, where: str) -> list[tuple[Any, Any]]:
    """The edges of a networkx graph or a list of pairs, called `where` in errors."""
    if hasattr(graph, "is_directed"):
        if not graph.is_directed():
            raise TypeError(f"{where} = {shortened(graph)}: must be directed")
        return list(graph.edges())
    try:
        return [(u, v) for u, v in graph]
    except (TypeError, ValueError) as error:
        allowed = "a networkx.DiGraph or a list of pairs (parent, child)"
        raise TypeError(f"{where} = {shortened(graph)}: must be {allowed}") from error


def checked_edges(graph: Any, vars: tuple[Variable, ...], where: str) -> list[tuple[int, int]]:
    """The edges of a graph, or a list of edges, between names or numbers as pairs of numbers.

    ValueError for an edge between unknown variables, and where there is a cycle.
    """
    number = {v.name: i for i, v in enumerate(vars)} | {i: i for i in range(len(vars))}
    edges, names = [], (str, int, np.integer)
    for edge in edges_of(graph, where):
        for x in edge:
            if not isinstance(x, names) or x not in number:
                known = [v.name for v in vars]
                raise ValueError(f"{where}: {shortened(x)} is no variable of the network{suggestion(x, known)}")
        edges.append((number[edge[0]], number[edge[1]]))
    if has_cycle(len(vars), edges):
        import networkx

        cycle = [vars[u].name for u, _ in networkx.find_cycle(networkx.DiGraph(edges))]
        raise ValueError(f"{where}: {' -> '.join([*cycle, cycle[0]])} is a cycle; there must be none")
    return edges


def has_cycle(n: int, edges: Sequence[tuple[int, int]]) -> bool:
    """Whether there is a cycle: taking away nodes without parents, again and again, leaves some of the n.

    >>> has_cycle(2, [(0, 1)]), has_cycle(3, [(0, 1), (1, 2), (2, 1)])
    (False, True)
    """
    waits: list[int] = [0] * n  # for so many parents
    children: list[list[int]] = [[] for _ in range(n)]
    for u, v in edges:
        children[u].append(v)
        waits[v] += 1
    free = [v for v in range(n) if not waits[v]]
    for u in free:  # which grows
        for v in children[u]:
            waits[v] -= 1
            if not waits[v]:
                free.append(v)
    return len(free) < n


def parents_in(graph: Any, vars: tuple[Variable, ...], where: str) -> tuple[tuple[int, ...], ...]:
    """The numbers of each variable's parents, sorted, in a graph or a list of edges; the errors of `checked_edges`."""
    found: list[set[int]] = [set() for _ in vars]
    for u, v in checked_edges(graph, vars, where):
        found[v].add(u)
    return tuple([tuple(sorted(parents)) for parents in found])


def directed_graph(graph: Any, vars: tuple[Variable, ...], where: str) -> networkx.DiGraph[int]:
    """A graph, or a list of edges, between names or numbers as one on 0..n-1; the errors of `checked_edges`."""
    return numbered_graph(len(vars), checked_edges(graph, vars, where))


def numbered_graph(n: int, edges: Iterable[tuple[int, int]]) -> networkx.DiGraph[int]:
    """The graph on 0..n-1 with these edges, which nothing changes."""
    import networkx

    found: networkx.DiGraph[int] = networkx.DiGraph()
    found.add_nodes_from(range(n))
    found.add_edges_from(edges)
    return networkx.freeze(found)


def log_probability(bn: BayesianNetwork, a: Mapping[str, int | str] | Array) -> Any:
    """ln P(a), the sum of the logarithms of the entries of each table; -inf where P(a) = 0.

    `a` is one full assignment, by name, or an array (m, n) of them, a column for each variable; then the result is
    (m,). ValueError where a variable is missing or unknown, or a value out of range.
    """
    instance(bn, "bn", BayesianNetwork)
    if isinstance(a, Mapping):
        unknown = next((name for name in a if name not in bn.index), None)
        if unknown is not None:
            bn.number(unknown)
        missing = [v.name for v in bn.vars if v.name not in a]
        if missing:
            raise ValueError(f"a: has no value of {', '.join(missing[:6])}; every variable must have one")
        x = np.array([v.index(a[v.name]) for v in bn.vars], dtype=np.intp)
    else:
        given = made_array(a, "a")
        if given.shape[-1:] != (len(bn.vars),):
            raise ValueError(f"a has shape {given.shape}: must be (m, {len(bn.vars)}), a column for each variable")
        columns = [indices(v.name, given[..., i], v.r) for i, v in enumerate(bn.vars)]
        x = np.stack(columns, axis=-1) if columns else np.zeros(given.shape, dtype=np.intp)
    log_p = np.zeros(x.shape[:-1])
    with np.errstate(divide="ignore"):
        for φ, family in zip(bn.factors, bn.families, strict=True):
            log_p += np.log(φ.values[tuple(x[..., j] for j in family)])
    return float(log_p) if log_p.ndim == 0 else log_p


def probability(bn: BayesianNetwork, a: Mapping[str, int | str] | Array) -> Any:
    """P(a) = Π_i P(a_i | pa(a_i)) of a full assignment, or of each row of an array (m, n) (algorithm 2.3).

    The arguments and errors are those of `log_probability`.
    """
    p = np.exp(log_probability(bn, a))
    return float(p) if p.ndim == 0 else p


def joint(bn: BayesianNetwork) -> Factor:
    """The joint distribution as one factor on all variables; TooLargeError where that has more than 2²⁷ entries.

    Its axes are in the order in which the factors name them: for each variable in turn its parents, which may have been
    there already, and then itself.
    """
    return product(instance(bn, "bn", BayesianNetwork).factors)


def d_separated(bn: BayesianNetwork, a: str | Iterable[str], b: str | Iterable[str], given: Iterable[str] = ()) -> bool:
    """Whether the graph alone says that A and B are independent given C, all sets of names (section 2.6).

    Every path from A to B has a chain or fork with its middle in C, or a collider that is not in C, nor is any of its
    descendants. ValueError for an unknown name, and sets that overlap.
    """
    import networkx

    instance(bn, "bn", BayesianNetwork)
    sets = [set(bn.numbers(names, said)) for names, said in ((a, "a"), (b, "b"), (given, "given"))]
    if sum(map(len, sets)) != len(set().union(*sets)):
        raise ValueError("a, b, given: must have no variable in common")
    return bool(networkx.is_d_separator(bn.graph, *sets))
