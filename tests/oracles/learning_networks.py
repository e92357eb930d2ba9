"""Learning of networks by its definitions: loops over data, sums over completions, all graphs on a few nodes."""

import functools
import itertools
import math

import numpy as np


def sub2ind_last_fastest(sizes, x):
    """The position of values among all combinations, the last fastest, by counting up to it."""
    return list(itertools.product(*map(range, sizes))).index(tuple(x))


def counts(r, parents, D):
    """m_ijk by a loop over data, the columns of D."""
    found = [np.zeros((math.prod(r[j] for j in sorted(pa)), r[i])) for i, pa in enumerate(parents)]
    for datum in np.asarray(D).T:
        for i, pa in enumerate(parents):
            pa = sorted(pa)
            found[i][sub2ind_last_fastest([r[j] for j in pa], [datum[j] for j in pa]), datum[i]] += 1
    return found


def log_score(r, parents, D, pseudo):
    """The Bayesian score as a product, over data, of the predictive probabilities of each variable."""
    log_p = 0.0
    for i, pa in enumerate(parents):
        pa = sorted(pa)
        q = math.prod(r[j] for j in pa)
        α = pseudo(q, r[i])
        seen = {}
        for datum in np.asarray(D).T:
            row = seen.setdefault(tuple(datum[j] for j in pa), [0] * r[i])
            log_p += math.log((α + row[datum[i]]) / (r[i] * α + sum(row)))
            row[datum[i]] += 1
    return log_p


def log_gamma_score(M, α):
    """The score of one variable from counts and pseudo-counts, term by term."""
    total = 0.0
    for m, a in zip(M, α, strict=True):
        total += math.lgamma(sum(a)) - math.lgamma(sum(a) + sum(m))
        total += sum(math.lgamma(x + y) - math.lgamma(x) for x, y in zip(a, m, strict=True))
    return total


def bic(r, parents, D):
    """The log-likelihood at its maximum, less half of ln m for each parameter."""
    total, m = 0.0, np.asarray(D).shape[1]
    for i, M in enumerate(counts(r, parents, D)):
        total += sum(x * math.log(x / row.sum()) for row in M for x in row if x)
        total -= 0.5 * math.log(m) * (r[i] - 1) * math.prod(r[j] for j in parents[i])
    return total


def completions(r, datum, missing=-1):
    """All full data that agree with one that has gaps."""
    return [
        x for x in itertools.product(*map(range, r)) if all(d in (missing, v) for v, d in zip(x, datum, strict=True))
    ]


def probability(r, parents, tables, x):
    """P(x) from tables (q, r)."""
    p = 1.0
    for i, pa in enumerate(parents):
        pa = sorted(pa)
        p *= tables[i][sub2ind_last_fastest([r[j] for j in pa], [x[j] for j in pa]), x[i]]
    return p


def em_step(r, parents, tables, D, α=1.0):
    """ln P(D) under the tables, the expected counts, and the tables after one step."""
    expected = [np.zeros_like(θ) for θ in tables]
    log_p = 0.0
    for datum in np.asarray(D).T:
        full = completions(r, datum)
        p = [probability(r, parents, tables, x) for x in full]
        log_p += math.log(sum(p))
        for x, w in zip(full, p, strict=True):
            for i, pa in enumerate(parents):
                pa = sorted(pa)
                row = sub2ind_last_fastest([r[j] for j in pa], [x[j] for j in pa])
                expected[i][row, x[i]] += w / sum(p)
    after = [
        np.array([new / new.sum() if new.sum() else row for new, row in zip(m + α - 1, θ, strict=True)])
        for m, θ in zip(expected, tables, strict=True)
    ]  # a row of which nothing is expected stays
    return log_p, expected, after


def has_cycle(n, edges):
    """Whether a path of edges comes back, by powers of the matrix."""
    A = np.zeros((n, n), dtype=int)
    for u, v in edges:
        A[u, v] = 1
    return bool(np.trace(sum(np.linalg.matrix_power(A, k) for k in range(1, n + 1))) > 0)


@functools.cache
def all_dags(n):
    """Every directed graph without cycles on 0..n-1, a set of edges: each pair is joined one way, the other, or not."""
    pairs, found = list(itertools.combinations(range(n), 2)), []
    for ways in itertools.product(range(3), repeat=len(pairs)):
        edges = frozenset(((u, v), (v, u))[way] for (u, v), way in zip(pairs, ways, strict=True) if way < 2)
        if not has_cycle(n, edges):
            found.append(edges)
    return found


def looks(edges):
    """The skeleton and the v-structures of a graph, which tell its class."""
    joined = {frozenset(e) for e in edges}
    into = {}
    for u, v in edges:
        into.setdefault(v, []).append(u)
    vees = {
        (frozenset((a, b)), c)
        for c, parents in into.items()
        for a, b in itertools.combinations(parents, 2)
        if frozenset((a, b)) not in joined
    }
    return frozenset(joined), frozenset(vees)


def classes(n):
    """All graphs on n nodes by class: {looks: list of graphs}."""
    found = {}
    for edges in all_dags(n):
        found.setdefault(looks(edges), []).append(edges)
    return found


def random_data(seed, n=4, r=3, m=12):
    """Sizes of variables, and data (n, m)."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, r + 1, n)
    return sizes.tolist(), np.stack([rng.integers(0, k, m) for k in sizes])


def random_parents(seed, n, most=3):
    """Parents of each of n variables, whose numbering need not be topological."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n).tolist()
    found = [[] for _ in range(n)]
    for k, i in enumerate(order):
        found[i] = sorted(rng.permutation(order[:k])[: rng.integers(0, most + 1)].tolist())
    return found
