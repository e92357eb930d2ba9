"""Decision networks by their definition: all assignments, one by one; plans of observations by recursion."""

import itertools

import numpy as np

import decision_making as dm
from tests.oracles.networks import random_network


def expected_utility(P, decision, evidence):
    """Expected utility of {decision: value} given the evidence, and P(evidence | decision), from all assignments."""
    names = [v.name for v in P.bn.vars]
    decided = {v.name for v in P.decision_vars}
    total, worth = 0.0, 0.0
    for values in itertools.product(*(range(v.r) for v in P.bn.vars)):
        a = dict(zip(names, values, strict=True))
        if any(a[name] != value for name, value in {**evidence, **decision}.items()):
            continue
        p = 1.0
        for name, φ in zip(names, P.bn.factors, strict=True):
            if name not in decided:
                p *= φ.values[tuple(a[v.name] for v in φ.vars)]
        total += p
        worth += p * sum(P.utilities[v.name][a[v.name]] for v in P.utility_vars)
    return (worth / total if total else -np.inf), total


def decisions(P, evidence):
    """All decisions that agree with the evidence, the last variable fastest."""
    for values in itertools.product(*(range(v.r) for v in P.decision_vars)):
        d = {v.name: k for v, k in zip(P.decision_vars, values, strict=True)}
        if all(evidence.get(name, k) == k for name, k in d.items()):
            yield d


def best(P, evidence):
    """The largest expected utility given the evidence."""
    return max(expected_utility(P, d, evidence)[0] for d in decisions(P, evidence))


def outcomes(P, query, evidence):
    """Each outcome {name: value} of the query with its probability given the evidence, those of probability 0 left out;
    under the first decision, as it must not matter."""
    d = next(decisions(P, evidence))
    _, whole = expected_utility(P, d, evidence)
    for values in itertools.product(*(range(P.bn.vars[P.bn.number(name)].r) for name in query)):
        o = dict(zip(query, values, strict=True))
        if any(evidence.get(name, k) != k for name, k in o.items()):
            continue
        _, p = expected_utility(P, d, {**evidence, **o})
        if p > 0:
            yield o, p / whole


def value_of_information(P, query, evidence):
    """Equation of algorithm 6.2, word by word."""
    return sum(p * best(P, {**evidence, **o}) for o, p in outcomes(P, query, evidence)) - best(P, evidence)


def planned(P, costs, evidence):
    """The best expected utility, costs taken off, where observations may follow each other."""
    values = [best(P, evidence)]
    for name, cost in costs.items():
        rest = {other: c for other, c in costs.items() if other != name}
        values.append(sum(p * planned(P, rest, {**evidence, **o}) for o, p in outcomes(P, [name], evidence)) - cost)
    return max(values)


def random_problem(seed, zeros=0.0, two=True):
    """A decision network on a random network of chance variables, of one or two decisions and utilities.

    The second decision has a child, X9, whose probability it changes.
    """
    rng = np.random.default_rng(seed)
    chance = random_network(seed, n=4, r=3, zeros=zeros)
    names = list(rng.permutation([v.name for v in chance.vars]))
    D, E, X9 = dm.Variable("D", 3), dm.Variable("E", 2), dm.Variable("X9", 2)
    rows = rng.dirichlet([1, 1], size=(2, chance.vars[chance.number(names[0])].r))
    child = dm.Factor([E, chance.vars[chance.number(names[0])], X9], rows)
    shapes = {"U": [names[0], "D"], "V": [names[-1], "E", "X9"]}
    known = {v.name: v for v in (*chance.vars, D, E, X9)}
    tables = {u: (scope, np.round(rng.normal(size=[known[n].r for n in scope]), 1)) for u, scope in shapes.items()}
    if not two:
        return dm.SimpleProblem.from_tables(chance.vars, [D], chance.factors, {"U": tables["U"]})
    return dm.SimpleProblem.from_tables([*chance.vars, X9], [D, E], [*chance.factors, child], tables)


def diagnosis():
    """Example 6.4: treat or not, a disease, three tests; the probabilities are the Python port's."""
    D, O1, O2, O3, T = (dm.Variable(name, 2) for name in ("D", "O1", "O2", "O3", "T"))
    rates = {O1: (0.45, 0.995), O2: (0.3, 0.97), O3: (0.1, 0.9)}
    tests = [dm.Factor([D, o], [[1 - a, a], [1 - b, b]]) for o, (a, b) in rates.items()]
    return dm.SimpleProblem.from_tables(
        [D, *rates],
        [T],
        [dm.Factor([D], [0.9, 0.1]), *tests],
        {"U": (["T", "D"], [[0, -10], [-1, -1]])},
        {"T": ["O1", "O2", "O3"]},
    )
