"""Bayesian networks by their definition: every assignment, one by one, with its probability from plain dictionaries."""

import itertools
import math

import numpy as np

import decision_making as dm


def posterior(bn, query, evidence, soft=None):
    """{values of the query: probability}, and P(evidence), by a sum over all assignments."""
    names = [v.name for v in bn.vars]
    found, total = {}, 0.0
    for values in itertools.product(*(range(v.r) for v in bn.vars)):
        a = dict(zip(names, values, strict=True))
        if any(a[name] != value for name, value in evidence.items()):
            continue
        p = 1.0
        for φ in bn.factors:
            p *= φ.values[tuple(a[v.name] for v in φ.vars)]
        for name, weights in (soft or {}).items():
            p *= weights[a[name]]
        key = tuple(a[name] for name in query)
        found[key] = found.get(key, 0.0) + p
        total += p
    return {key: p / total for key, p in found.items()} if total else None, total


def as_array(bn, query, table):
    """The posterior as an array on the query's axes."""
    x = np.zeros([bn.vars[bn.number(name)].r for name in query])
    for key, p in table.items():
        x[key] = p
    return x


def random_network(seed, n=5, r=3, zeros=0.0, degree=2):
    """A network on up to n variables, whose numbering need not be topological, factors with shuffled axes."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, n + 1))
    order = rng.permutation(n)
    vars = [dm.Variable(f"X{i}", int(rng.integers(1, r + 1))) for i in range(n)]
    edges, factors = [], []
    for k, i in enumerate(order):
        some = rng.permutation(order[:k])[: int(rng.integers(0, degree + 1))]
        edges += [(f"X{j}", f"X{i}") for j in some]
        shape = [vars[j].r for j in some]
        rows = rng.dirichlet(np.full(vars[i].r, 0.5), size=math.prod(shape)) + 1e-12
        rows[rng.random(rows.shape) < zeros] = 0
        rows[rows.sum(axis=1) == 0, 0] = 1
        values = (rows / rows.sum(axis=1, keepdims=True)).reshape([*shape, vars[i].r])
        axes = rng.permutation(len(shape) + 1)
        scope = [vars[j] for j in (*some, i)]
        factors.append(dm.Factor([scope[a] for a in axes], values.transpose(axes)))
    return dm.BayesianNetwork(vars, [factors[k] for k in rng.permutation(n)], edges)


def satellite():
    """The book's network of a satellite (example 2.5)."""
    B, S, E, D, C = (dm.Variable(name, 2) for name in "BSEDC")
    e = np.array([[0.10, 0.96], [0.95, 0.99]])
    return dm.BayesianNetwork(
        [B, S, E, D, C],
        [
            dm.Factor([B], [0.99, 0.01]),
            dm.Factor([S], [0.98, 0.02]),
            dm.Factor([B, S, E], np.stack([1 - e, e], axis=-1)),
            dm.Factor([E, D], [[0.96, 0.04], [0.03, 0.97]]),
            dm.Factor([E, C], [[0.98, 0.02], [0.01, 0.99]]),
        ],
        [("B", "E"), ("S", "E"), ("E", "D"), ("E", "C")],
    )
