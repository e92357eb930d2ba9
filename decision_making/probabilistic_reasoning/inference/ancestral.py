"""Samples of factors and networks: a uniform number for each variable, looked up in its row (algorithm 3.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any

import numpy as np

from decision_making import dispatching
from decision_making.checks import Array, Named, count
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor, ImpossibleEvidenceError
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, inverse_transform
from decision_making.sizes import NUMBERS, check_size

BLOCK = 2**16  # samples at a time, whose random numbers are drawn together


@singledispatch
def sample(x: object, m: int, rng: RNG = None) -> Array:
    """m samples of a factor or a network, an integer array with a row each and a column for each variable.

    Of a `Factor` assignments are drawn in proportion to φ; of a `BayesianNetwork` each variable is drawn given its
    parents (algorithm 3.6). What has probability 0 is never drawn. The same rng gives the same samples.
    Raises TypeError for anything else, ValueError for m < 1, ImpossibleEvidenceError for a factor that is 0 everywhere,
    TooLargeError, before anything is drawn, where the array does not fit in memory.
    """
    dispatching.unknown(sample, "x", x)


@sample.register
def sample_factor(φ: Factor, m: int, rng: RNG = None) -> Array:
    """Assignments drawn in proportion to φ, by inverse transform in the order of the array."""
    _check_samples(m, len(φ.vars))
    p = φ.values.ravel()
    if not p.any():
        raise ImpossibleEvidenceError(f"{φ!r} is 0 everywhere: there is nothing to draw")
    u = default_rng(rng).random(m)
    k = inverse_transform(cumulative(p[None] / p.max()), np.zeros(m, dtype=np.intp), u)
    return np.stack(np.unravel_index(k, φ.values.shape), axis=-1) if φ.vars else np.zeros((m, 0), dtype=np.intp)


@sample.register
def sample_network(bn: BayesianNetwork, m: int, rng: RNG = None) -> Array:
    """Ancestral samples: each variable given its parents, which come first."""
    _check_samples(m, len(bn.vars))
    return np.concatenate([x.T for x in blocks(Ancestral(bn), m, rng, {})])


def _check_samples(m: int, n: int) -> None:
    count(None, Named("m"), m)
    check_size("numbers of samples", m * max(n, 1), "draw fewer at a time", NUMBERS)


class Ancestral:
    """What draws the variables of a network in topological order, from one uniform number each."""

    def __init__(self, bn: BayesianNetwork) -> None:
        self.bn = bn
        self.rows = [cumulative(φ.values.reshape(-1, φ.values.shape[-1])) for φ in bn.factors]
        self.strides = [strides([bn.vars[j].r for j in parents]) for parents in bn.parents]

    def __call__(self, u: Array, hard: Mapping[int, Any]) -> Array:
        """Values (n, m) from uniform numbers (n, m); what is observed has its value, whatever its number."""
        x = np.empty(u.shape, dtype=np.intp)
        for i in self.bn.order:
            if i in hard:
                x[i] = hard[i]
                continue
            row = position(x, self.bn.parents[i], self.strides[i])
            if self.bn.vars[i].r == 2:
                x[i] = u[i] >= self.rows[i][row, 0]
            else:
                x[i] = inverse_transform(self.rows[i], row, u[i])
        return x


def strides(r: list[int]) -> list[int]:
    """How far apart rows are when one of the variables goes up by 1, the last one fastest.

    >>> strides([2, 3, 4])
    [12, 4, 1]
    """
    found = [1] * len(r)
    for k in range(len(r) - 2, -1, -1):
        found[k] = found[k + 1] * r[k + 1]
    return found


def position(x: Array, vars: tuple[int, ...], apart: list[int]) -> Array:
    """The row of a table for each column of x (n, m)."""
    row = np.zeros(x.shape[1], dtype=np.intp)
    for j, step in zip(vars, apart, strict=True):
        row += x[j] * step if step > 1 else x[j]
    return row


def blocks(draw: Ancestral, m: int, rng: RNG, hard: Mapping[int, Any]) -> Iterator[Array]:
    """Samples (n, up to BLOCK), m of them in all."""
    generator = default_rng(rng)
    for first in range(0, int(m), BLOCK):
        yield draw(generator.random((len(draw.bn.vars), min(BLOCK, int(m) - first))), hard)
