"""Networks of the sizes of those in circulation, made from their published statistics, and a second way to answer."""

import math

import numpy as np

import decision_making as dm


def sized_network(seed, n, arcs, sizes, window, most):
    """n variables with about so many arcs, numbers of values drawn from `sizes`, at most `most` parents, all of which
    are among the `window` variables before: so an order of elimination of about that width exists."""
    rng = np.random.default_rng(seed)
    vars = [dm.Variable(f"X{i}", int(rng.choice(sizes))) for i in range(n)]
    pairs = [(i, j) for j in range(1, n) for i in range(max(0, j - window), j)]
    parents = {j: [] for j in range(n)}
    for k in rng.permutation(len(pairs)).tolist():
        i, j = pairs[k]
        if len(parents[j]) < most and sum(map(len, parents.values())) < arcs:
            parents[j].append(i)
    factors, edges = [], []
    for j, v in enumerate(vars):
        scope = [vars[i] for i in parents[j]]
        rows = rng.dirichlet(np.ones(v.r), size=math.prod(u.r for u in scope))
        factors.append(dm.Factor([*scope, v], rows.reshape([u.r for u in scope] + [v.r])))
        edges += [(i, j) for i in parents[j]]
    return dm.BayesianNetwork(vars, factors, edges)


def forward(bn, query, evidence):
    """P(query | evidence) and P(evidence), one variable after the other in a dictionary of what still matters."""
    last = {i: max([j for j, parents in enumerate(bn.parents) if i in parents], default=i) for i in range(len(bn.vars))}
    asked, known = bn.number(query), {bn.number(name): value for name, value in evidence.items()}
    alive, table = [], {(): 1.0}
    for i, v in enumerate(bn.vars):
        there = [*alive, i]
        kept = [k for k in there if last[k] > i or k == asked]
        at = [there.index(k) for k in kept]
        seen = [there.index(k) for k in bn.families[i]]
        values, new = bn.factors[i].values, {}
        for state, p in table.items():
            for x in [known[i]] if i in known else range(v.r):
                full = (*state, x)
                key = tuple(full[k] for k in at)
                new[key] = new.get(key, 0.0) + p * float(values[tuple(full[k] for k in seen)])
        alive, table = kept, new
    total = sum(table.values())
    posterior = np.zeros(bn.vars[asked].r)
    for (x,), p in table.items():
        posterior[x] += p / total
    return posterior, total


def alarm_sized(seed=0):
    """37 variables of 2 to 4 values, 46 arcs, at most 4 parents: what is published of alarm."""
    return sized_network(seed, 37, 46, [2, 2, 3, 4], 4, 4)


def hailfinder_sized(seed=0):
    """56 variables of 2 to 11 values, 66 arcs, at most 4 parents: what is published of hailfinder."""
    return sized_network(seed, 56, 66, [2, 3, 4, 4, 4, 11], 3, 3)


def munin1_sized(seed=0):
    """186 variables of up to 21 values, 273 arcs, at most 3 parents, a table of more than 2²⁷ entries to eliminate."""
    return sized_network(seed, 186, 273, [2, 3, 4, 5, 6, 7, 21], 24, 3)
