"""Gibbs sampling with many chains side by side (algorithms 3.9 and 3.10)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, as_tuple, count, count_or_zero, instance, mapping, shortened
from decision_making.probabilistic_reasoning.inference.ancestral import strides
from decision_making.probabilistic_reasoning.inference.elimination import different_names
from decision_making.probabilistic_reasoning.inference.estimates import (
    PosteriorEstimate,
    cells,
    nothing_agrees,
    sampling_method,
    shape,
    spread,
)
from decision_making.probabilistic_reasoning.inference.evidence import Question
from decision_making.probabilistic_reasoning.inference.sampling import weighted
from decision_making.probabilistic_reasoning.representation import (
    BayesianNetwork,
    Factor,
    condition,
    in_scope,
    normalize,
    product,
)
from decision_making.probabilistic_reasoning.representation.factors import ENTRIES
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, inverse_transform
from decision_making.sizes import check_size
from decision_making.structs import struct

TRIES = 64  # blocks of weighted samples among which the first states of the chains are looked for


class ZerosInTablesWarning(UserWarning):
    """Tables hold zeros, so a chain may not reach every state, and Gibbs sampling may be wrong however long it runs."""


@struct
class GibbsSampling:
    """Frequencies along chains in which one variable after another is drawn given all others (algorithm 3.10).

    A chain starts at a possible state, takes m_burnin sweeps, then m_skip sweeps before every state that counts.
    m_samples states count in all; of several chains each gives m_samples / chains, rounded up. Tables that hold zeros
    give a `ZerosInTablesWarning`, because chains may then not reach all states.
    """

    m_samples: int = field(validator=count)  # states that count, over all chains
    m_burnin: int = field(default=0, validator=count_or_zero)  # sweeps before the first of them
    m_skip: int = field(default=1, validator=count)  # sweeps before each of them
    ordering: Sequence[str | int] | None = field(
        default=None, converter=as_tuple, validator=different_names
    )  # in which variables are drawn; None: parents first
    chains: int = field(default=1, validator=count, kw_only=True)  # side by side; 1 is the book's


def blanket(bn: BayesianNetwork, a: Mapping[str, int | str], i: str | int) -> Factor:
    """P(X_i | all others), from the factors that have X_i in their scope (algorithm 3.9).

    `a` is an assignment of all variables but X_i, whose own value does not matter; i its name or number.
    ImpossibleEvidenceError where the other values are impossible together, so that no value of X_i fits.
    """
    i = instance(bn, "bn", BayesianNetwork).number(i)
    name = bn.vars[i].name
    others = {bn.vars[bn.number(k)].name: value for k, value in mapping(a, "a").items() if bn.number(k) != i}
    φ = product(condition(φ, others) for φ in bn.factors if in_scope(name, φ))
    if len(φ.vars) > 1:
        missing = ", ".join(v.name for v in φ.vars if v.name != name)
        raise ValueError(f"a: has no value of {missing}; every variable of the blanket of {name} must have one")
    return normalize(φ)


class Conditional:
    """P(X_i | rest) for many states at once: the logarithms of its rows in the tables that have it, added up."""

    def __init__(self, q: Question, i: int) -> None:
        bn, self.i = q.bn, i
        self.tables: list[tuple[Array, list[int], list[int]]] = []
        for φ, family in zip(bn.factors, bn.families, strict=True):
            if i in family:
                others = [j for j in family if j != i]
                moved = np.moveaxis(φ.values, family.index(i), -1).reshape(-1, bn.vars[i].r)
                with np.errstate(divide="ignore"):
                    self.tables.append((np.log(moved), others, strides([bn.vars[j].r for j in others])))
        with np.errstate(divide="ignore"):
            self.soft = np.log(q.soft[i]) if i in q.soft else np.zeros(bn.vars[i].r)

    def draw(self, x: Array, u: Array) -> None:
        """Replace X_i in each state, a column of x (n, chains), by one drawn with the uniform numbers u (chains,)."""
        log_p = np.repeat(self.soft[None], x.shape[1], axis=0)
        for table, others, apart in self.tables:
            row = np.zeros(x.shape[1], dtype=np.intp)
            for j, step in zip(others, apart, strict=True):
                row += x[j] * step
            log_p += table[row]
        x[self.i] = (u[:, None] >= cumulative(np.exp(log_p - log_p.max(axis=1, keepdims=True)))).sum(axis=1)


@sampling_method(GibbsSampling)
def estimate_by_gibbs(M: GibbsSampling, q: Question, rng: RNG) -> PosteriorEstimate:
    """The estimate by Gibbs sampling."""
    kept, size = -(-M.m_samples // M.chains), int(np.prod(shape(q), dtype=np.int64))
    check_size("counts of chains", (M.chains + min(kept, 20)) * size, "ask for fewer variables at once", ENTRIES)
    generator = default_rng(rng)
    variables = [Conditional(q, i) for i in _order(M, q)]
    _warn_of_zeros(q)
    x = first_states(q, M.chains, generator)
    counts = np.zeros((M.chains, size))
    batches = np.zeros((min(kept, 20), size))  # of a single chain, one after the other
    for t in range(-M.m_burnin, kept * M.m_skip):
        for variable in variables:
            variable.draw(x, generator.random(M.chains))
        if t >= 0 and (t + 1) % M.m_skip == 0:
            code = cells(x, q)
            counts[np.arange(M.chains), code] += 1
            if M.chains == 1:
                batches[(t // M.m_skip) * len(batches) // kept, code] += 1
    return _estimate(q, counts, batches if M.chains == 1 else counts, kept)


def _estimate(q: Question, counts: Array, parts: Array, kept: int) -> PosteriorEstimate:
    """Frequencies; their errors from how far independent chains, or the batches of a single one, differ."""
    p = counts.sum(axis=0) / counts.sum()
    k = len(parts)
    share = parts / parts.sum(axis=1, keepdims=True)
    variance = ((share - p) ** 2).sum(axis=0) / max(k * (k - 1), 1)
    error = np.sqrt(variance) if k > 1 else np.full(len(p), np.inf)
    free = (p * (1 - p)).sum()
    n = counts.sum()
    effective = float(min(n, free / variance.sum())) if variance.sum() > 0 else float(n if k > 1 else 1)
    r_hat = None
    if len(counts) > 1 and kept > 1:
        within = (share * (1 - share)).sum() / k * kept / (kept - 1)
        between = variance.sum() * k
        r_hat = (
            float(np.sqrt((kept - 1) / kept + between / within)) if within > 0 else (1.0 if between == 0 else np.inf)
        )
    factor = q.answer(p.reshape(shape(q)))
    return PosteriorEstimate(factor, spread(q, error.reshape(shape(q))), effective, int(n), None, r_hat)


def first_states(q: Question, m: int, rng: np.random.Generator) -> Array:
    """Possible states (n, m) that agree with the evidence: weighted samples, drawn again in proportion to weight."""
    tried = 0
    for _ in range(TRIES):
        x, log_w = next(weighted(q, max(4 * m, 1024), rng))
        tried += x.shape[1]
        top = log_w.max()
        if top > -np.inf:
            w = np.exp(log_w - top)
            return x[:, inverse_transform(cumulative(w[None]), np.zeros(m, dtype=np.intp), rng.random(m))]
    raise nothing_agrees(q, tried)


def _order(M: GibbsSampling, q: Question) -> list[int]:
    """The variables that are drawn, in order. ValueError where the ordering lacks one, or has one twice."""
    free = [i for i in q.bn.order if i not in q.hard]
    if M.ordering is None:
        return free
    given = [q.bn.number(x) for x in M.ordering]
    if len(set(given)) != len(given) or not set(free) <= set(given):
        missing = ", ".join(q.bn.vars[i].name for i in free if i not in given)
        said = f"{missing} is missing" if missing else "one is there twice"
        raise ValueError(f"GibbsSampling.ordering = {shortened(M.ordering)}: must have every variable once; {said}")
    return [i for i in given if i not in q.hard]


def _warn_of_zeros(q: Question) -> None:
    """Warn where the tables hold zeros at the evidence."""
    arrays: list[tuple[str, Any]] = [(v.name, q.sliced(i)) for i, v in enumerate(q.bn.vars)]
    names = [name for name, x in arrays if x.ndim and not x.all()]
    if names:
        some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        said = f"the tables of {some} hold zeros: chains may not reach every state; compare with an exact method"
        warnings.warn(said, ZerosInTablesWarning, stacklevel=6)
