"""Decision networks: Bayesian networks with decisions and utilities, and the best decision (algorithm 6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import evolve, field
from numpy.typing import ArrayLike

from decision_making import verbs
from decision_making.checks import (
    Array,
    as_tuple,
    instance,
    mapping,
    numbers,
    read_only,
    refuse,
    rounding,
    shortened,
    suggestion,
)
from decision_making.probabilistic_reasoning.inference import (
    DirectSampling,
    ExactInference,
    GibbsSampling,
    LikelihoodWeightedSampling,
    VariableElimination,
)
from decision_making.probabilistic_reasoning.inference.evidence import Question
from decision_making.probabilistic_reasoning.representation import Assignment, BayesianNetwork, Factor, Variable
from decision_making.probabilistic_reasoning.representation.factors import factor_list
from decision_making.probabilistic_reasoning.representation.variables import checked_variables, told_apart
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.structs import struct

EXACT = ExactInference | VariableElimination
SAMPLING = DirectSampling | LikelihoodWeightedSampling | GibbsSampling
Known = Mapping[str, Any] | None


def _listed(x: Any) -> Any:
    """Attrs converter: one variable or name, or several, as a tuple; the rest is left for the checks."""
    return (x,) if isinstance(x, str | Variable) else as_tuple(x)


@struct(repr=False, slots=False)
class SimpleProblem:
    """A decision network: chance, decision and utility variables (algorithm 6.1).

    bn is a Bayesian network of all variables. Whatever it says of the probability of a decision does not matter; edges
    into a decision say what is known when it is made, and `solve` takes what is known as evidence. All decisions are
    made at once: what would be seen between two of them is not used. A utility variable has no children, and is worth
    utilities[name][k] where its value is k; the utilities of several add up.

    Raises TypeError for a bn that is none; ValueError where the three lists do not name each variable of bn once, where
    there is no utility variable or one with children, and for utilities that are not one finite number for each value.

    >>> P = SimpleProblem.from_tables(
    ...     [Variable("rain", 2)],
    ...     [Variable("umbrella", 2)],
    ...     [Factor([Variable("rain", 2)], [0.7, 0.3])],
    ...     {"U": (["rain", "umbrella"], [[1.0, 0.9], [-1.0, -0.1]])},
    ... )
    >>> verbs.solve(P, {"rain": 1})
    (Assignment({'umbrella': 1}), -0.1)
    """

    bn: BayesianNetwork  # a Bayesian network of all variables
    chance_vars: tuple[Variable, ...] = field(converter=_listed)  # left to chance
    decision_vars: tuple[Variable, ...] = field(converter=_listed)  # decided
    utility_vars: tuple[Variable, ...] = field(converter=_listed)  # say what is worth how much
    utilities: Mapping[str, Array]  # by name of a utility variable what each of its values is worth

    def __attrs_post_init__(self) -> None:
        instance(self.bn, "SimpleProblem.bn", BayesianNetwork)
        numbered: list[int] = []
        for name in ("chance_vars", "decision_vars", "utility_vars"):
            given = getattr(self, name)
            if not isinstance(given, tuple):
                raise TypeError(f"SimpleProblem.{name} = {shortened(given)}: must be a list of Variables or names")
            found = [self._numbered(name, v) for v in given]
            object.__setattr__(self, name, tuple(self.bn.vars[i] for i in found))
            numbered += found
        for i, v in enumerate(self.bn.vars):
            if numbered.count(i) != 1:
                lists = "chance_vars, decision_vars and utility_vars"
                raise ValueError(f"SimpleProblem: {v.name} is {numbered.count(i)} times in {lists}; must be once")
        object.__setattr__(self, "utilities", self._worth())

    def _numbered(self, name: str, v: Any) -> int:
        i = self.bn.number(v.name if isinstance(v, Variable) else v)
        if isinstance(v, Variable) and self.bn.vars[i] != v:
            one, other = told_apart(v, self.bn.vars[i])
            raise ValueError(f"SimpleProblem.{name}: {one} is {other} in the network")
        return i

    def _worth(self) -> dict[str, Array]:
        """The utilities as arrays; ValueError for what is wrong with them."""
        names = [v.name for v in self.utility_vars]
        if not names:
            raise ValueError("SimpleProblem.utility_vars: must have one or more variables")
        if not isinstance(self.utilities, Mapping) or {*self.utilities} != {*names}:
            said = f"a mapping from each of {names}, and no others, to a number for each value"
            raise ValueError(f"SimpleProblem.utilities = {shortened(self.utilities)}: must be {said}")
        for name in names:
            if self.bn.graph.out_degree(self.bn.number(name)):
                raise ValueError(f"SimpleProblem.utility_vars: {name} has children; a utility variable must have none")
        return {v.name: _utilities(v, self.utilities[v.name]) for v in self.utility_vars}

    @classmethod
    def from_tables(
        cls,
        chance: Iterable[Variable],
        decisions: Iterable[Variable],
        factors: Iterable[Factor],
        utilities: Mapping[str, tuple[Sequence[str], ArrayLike]],
        information: Mapping[str, Sequence[str]] | None = None,
    ) -> SimpleProblem:
        """The problem of utilities that are tables, {name: (names of what it depends on, array of an axis for each)}.

        There is a factor for each chance variable in turn, P(it | its parents), whose other variables are its parents;
        decisions need none. `information` {decision: names} says what is known when it is made.
        Raises what the constructor raises, and ValueError for a table of another shape or an unknown name.
        """
        chance, decisions = checked_variables("chance", chance), checked_variables("decisions", decisions)
        factors = [*factor_list(factors, "factors")]
        known = {v.name: v for v in (*chance, *decisions)}
        if len(factors) != len(chance):
            raise ValueError(f"factors: {len(factors)} of them; must be one for each of {len(chance)} chance variables")
        edges = [(u.name, v.name) for v, φ in zip(chance, factors, strict=True) for u in φ.vars if u.name != v.name]
        informed = mapping(information, "information")
        _known({d.name: d for d in decisions}, tuple(informed), "information")
        for d in decisions:
            others = {name: v for name, v in known.items() if name != d.name}
            scope = _known(others, informed.get(d.name, ()), f"information of {d.name}")
            edges += [(v.name, d.name) for v in scope]
            factors.append(Factor([*scope, d], np.full([v.r for v in (*scope, d)], 1 / d.r)))
        made, worth = [], {}
        for name, given in mapping(utilities, "utilities").items():
            if not isinstance(given, tuple | list) or len(given) != 2:
                refuse(None, f"utilities of {name}", given, "a pair (names of what it depends on, table)", TypeError)
            names, table = given
            if name in known:
                raise ValueError(
                    f"utilities: {shortened(name)} is the name of another variable; must be one of its own"
                )
            scope = _known(known, names, f"utilities of {name}")
            u, φ, worth[name] = _utility_variable(name, scope, table)
            made.append(u)
            factors.append(φ)
            edges += [(v.name, name) for v in scope]
        bn = BayesianNetwork([*chance, *decisions, *made], factors, edges)
        return cls(bn, chance, decisions, made, worth)

    def __repr__(self) -> str:
        n, d, u = len(self.chance_vars), len(self.decision_vars), len(self.utility_vars)
        return f"SimpleProblem({n} chance, {d} decision and {u} utility variables)"

    @cached_property
    def network(self) -> BayesianNetwork:
        """The network in which decisions have no parents and are all equally likely: given them, what they lead to."""
        decided = {self.bn.number(v.name) for v in self.decision_vars}
        edges = [(i, j) for i, j in self.bn.graph.edges() if j not in decided]
        factors = [
            Factor([v], np.full(v.r, 1 / v.r)) if i in decided else φ
            for i, (v, φ) in enumerate(zip(self.bn.vars, self.bn.factors, strict=True))
        ]
        return BayesianNetwork(self.bn.vars, factors, edges)

    @cached_property
    def without_utilities(self) -> BayesianNetwork:
        """The same without the utility variables: with functions of others, as most of these are, no chain moves."""
        worth, bn = {v.name for v in self.utility_vars}, self.network
        kept = [(v, φ) for v, φ in zip(bn.vars, bn.factors, strict=True) if v.name not in worth]
        return BayesianNetwork([v for v, _ in kept], [φ for _, φ in kept])

    @property
    def information(self) -> dict[str, tuple[str, ...]]:
        """By name of a decision what is known when it is made: its parents in bn."""
        numbered = {v.name: self.bn.parents[self.bn.number(v.name)] for v in self.decision_vars}
        return {name: tuple(self.bn.vars[j].name for j in parents) for name, parents in numbered.items()}


def _known(known: Mapping[str, Variable], names: Any, where: str) -> list[Variable]:
    """The variables of these names."""
    listed = _listed(names)
    if not isinstance(listed, tuple):
        refuse(None, where, names, "a list of names", TypeError)
    for name in listed:
        if not isinstance(name, str) or name not in known:
            allowed = f"one of {', '.join(known)}" if known else "none: there are none"
            raise ValueError(f"{where}: {shortened(name)} must be {allowed}{suggestion(name, known)}")
        if listed.count(name) > 1:
            raise ValueError(f"{where}: {shortened(name)} is there twice; must be there once")
    return [known[name] for name in listed]


def _utilities(v: Variable, given: Any) -> Array:
    worth = numbers(given, f"SimpleProblem.utilities[{v.name!r}]")
    if worth.shape != (v.r,) or not np.isfinite(worth).all():
        allowed = f"{v.r} finite numbers, one for each value"
        raise ValueError(f"SimpleProblem.utilities[{v.name!r}] = {shortened(given)}: must be {allowed}")
    return read_only(worth)


def _utility_variable(name: str, scope: list[Variable], table: ArrayLike) -> tuple[Variable, Factor, Array]:
    """A variable with a value for each different number of a table, its factor of zeros and ones, and the numbers."""
    worth = numbers(table, f"utilities of {name}")
    shape = tuple(v.r for v in scope)
    if worth.shape != shape or not np.isfinite(worth).all():
        names = ", ".join(v.name for v in scope)
        raise ValueError(f"utilities of {name} = {shortened(table)}: must be finite numbers, {shape} for {names}")
    values, k = np.unique(worth, return_inverse=True)
    u = Variable(name, len(values))
    return u, Factor([*scope, u], np.eye(u.r)[k.reshape(shape)]), values


class Situation:
    """A problem, what is known and how probabilities are found: checked once, for every question about it."""

    def __init__(self, P: SimpleProblem, evidence: Known, M: object, rng: RNG) -> None:
        self.P, self.M = instance(P, "P", SimpleProblem), VariableElimination() if M is None else M
        if not isinstance(self.M, EXACT | SAMPLING):
            allowed = "VariableElimination, ExactInference or a method that samples"
            raise TypeError(f"M = {shortened(M)}: must be {allowed}")
        if isinstance(self.M, GibbsSampling) and self.M.ordering is not None:  # of all: but no utility is drawn
            names, worth = [P.bn.vars[P.bn.number(x)].name for x in self.M.ordering], {v.name for v in P.utility_vars}
            self.M = evolve(self.M, ordering=[name for name in names if name not in worth])
        self.rng = None if isinstance(self.M, EXACT) else default_rng(rng)
        bn = P.bn
        self.known = known = Question(P.network, (), evidence)
        self.evidence = {bn.vars[bn.number(name)].name: value for name, value in mapping(evidence, "evidence").items()}
        for v in P.utility_vars:
            if v.name in self.evidence:
                raise ValueError(f"evidence: {v.name} is a utility, which is not observed")
        for v in P.decision_vars:
            if bn.number(v.name) in known.soft:
                raise ValueError(f"evidence: {v.name} is a decision: it has a value, and no likelihood")
        self.free = [v for v in P.decision_vars if v.name not in self.evidence]

    @property
    def exact(self) -> bool:
        """Whether answers have no error but rounding."""
        return isinstance(self.M, EXACT)

    def outcomes(self, query: Sequence[str]) -> tuple[Array, Array]:
        """Σ_u P(query, u | decisions, evidence) U(u), and P(query | evidence), by one elimination for each utility.

        Axes are the case, where there are many, the query, and in the former the free decisions. A decision that the
        evidence rules out has -inf.
        """
        asked = [*query, *(v.name for v in self.free)]
        worth: Any = 0.0
        joint = np.ones(())
        for u in self.P.utility_vars:
            p = verbs.infer(self.M, self.P.network, [*asked, u.name], self.evidence).values
            worth, joint = worth + p @ self.P.utilities[u.name], p.sum(axis=-1)
        first = joint.ndim - len(asked)  # the axis of cases
        of_query = tuple(range(first, first + len(query)))
        share = joint.sum(axis=of_query, keepdims=True)  # of the decisions, all equally likely before the evidence
        possible = np.broadcast_to(share > 0, worth.shape)
        given = np.divide(worth, share, out=np.full(worth.shape, -np.inf), where=possible)
        return given, joint.sum(axis=tuple(range(joint.ndim - len(self.free), joint.ndim)))

    def sampled(self, evidence: Mapping[str, Any]) -> Array:
        """Expected utilities with other evidence by sampling, one decision after the other, as in the book.

        The parents of a utility are sampled: what it is worth given them is known.
        """
        bn, worth = self.P.network, np.zeros([v.r for v in self.free])
        for d in np.ndindex(*worth.shape):
            known = dict(evidence) | {v.name: k for v, k in zip(self.free, d, strict=True)}
            for u in self.P.utility_vars:
                φ = bn.factors[bn.number(u.name)]
                p = self.estimated([v.name for v in φ.vars[:-1]], known)
                worth[d] += (p * (φ.values @ self.P.utilities[u.name])).sum()
        return worth

    def estimated(self, query: Sequence[str], evidence: Mapping[str, Any]) -> Array:
        """P(query | evidence) by sampling, an axis for each of its variables."""
        p: Array = verbs.infer(self.M, self.P.without_utilities, query, evidence, rng=self.rng).values
        return p

    def expected_utilities(self) -> Array:
        """Of each free decision, (r...) or (B, r...)."""
        return self.outcomes(())[0] if self.exact else self.sampled(self.evidence)

    def rounding(self) -> float:
        """Differences of expected utilities that are no larger are none."""
        return float(rounding(sum(abs(x).max() for x in self.P.utilities.values()), self.P.network.parameters + 1))

    def best(self, worth: Array, p: Array | float = 1.0) -> tuple[Array, Array]:
        """The first best decision as a number in the order of the axes, and its utility, of rows (..., decisions).

        p (...) are numbers that the rows have been multiplied by.
        """
        top = worth.max(axis=-1)
        return np.argmax(worth >= (top - p * self.rounding())[..., None], axis=-1), top

    def assignment(self, k: Any) -> dict[str, Any]:
        """The values of all decisions of decision number k among the free ones, a number or an array of them."""
        values = np.unravel_index(k, [v.r for v in self.free]) if self.free else ()
        chosen = {v.name: x for v, x in zip(self.free, values, strict=True)}
        fixed = {self.P.bn.vars[i].name: x for i, x in self.known.hard.items()}
        return {v.name: (chosen | fixed)[v.name] for v in self.P.decision_vars}


def expected_utilities(P: SimpleProblem, evidence: Known = None, M: object = None, *, rng: RNG = None) -> Array:
    """EU(d | e) = Σ_u P(u | d, e) U(u) of each decision, an array with an axis for each decision variable.

    Decisions that the evidence fixes have no axis; those that it rules out have -inf. With arrays (B,) as evidence the
    first axis is the case. M is None or another method of inference, `rng` for one that samples.
    Raises ValueError for evidence on a utility, TooLargeError where decisions are too many for one table, and otherwise
    what `infer` raises.
    """
    return Situation(P, evidence, M, rng).expected_utilities()


def best_decisions(P: SimpleProblem, evidence: Known = None, M: object = None) -> list[Assignment]:
    """All decisions whose expected utility is the largest, up to rounding; the first is that of `solve`.

    The arguments and errors are those of `expected_utilities`; the evidence is of one case.
    """
    now = Situation(P, evidence, M, None)
    worth = now.expected_utilities()
    if worth.ndim > len(now.free):
        raise ValueError("evidence: has arrays of cases; must be that of one case")
    best = np.flatnonzero(worth >= worth.max() - now.rounding())
    return [Assignment({name: int(x) for name, x in now.assignment(int(k)).items()}) for k in best]


@verbs.solve.register
def solve_simple_problem(
    P: SimpleProblem, evidence: Known = None, M: object = None, *, rng: RNG = None
) -> tuple[Mapping[str, Any], Any]:
    """The best decision given the evidence, and its expected utility (algorithm 6.1).

    Of several that are equally good, up to rounding, it is the first, the last decision variable fastest. With arrays
    (B,) as evidence each decision is an array (B,), and so is the utility. The arguments and errors are those of
    `expected_utilities`.
    """
    now = Situation(P, evidence, M, rng)
    worth = now.expected_utilities()
    many = worth.ndim > len(now.free)
    k, top = now.best(worth.reshape(len(worth) if many else 1, -1))
    if many:
        return {name: np.broadcast_to(x, top.shape) for name, x in now.assignment(k).items()}, top
    return Assignment({name: int(x) for name, x in now.assignment(int(k[0])).items()}), float(top[0])
