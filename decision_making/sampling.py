"""Sampling from discrete distributions and from start distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, Field, Named, are_probabilities, distributions_in, made_array, refuse
from decision_making.problem import FrozenDistribution, offers
from decision_making.speed import are_indices
from decision_making.structs import struct

RNG = int | np.random.SeedSequence | np.random.Generator | None  # what `default_rng` makes a generator of


@struct(repr=False)
class GuideTable:
    """Rows of discrete distributions, sampled by inverse transform with a guide (Chen and Asau 1974).

    [0, 1) is divided into equal cells. For row i and u in cell j, [j/cells, (j+1)/cells), the guide holds the first and
    the last position at which the search for u can end. With two to eight cells for each entry nearly all searches
    end at the first. A search from the start of the row would give the same samples. Expected time O(1) for each
    sample; memory a few times that of the rows.
    """

    c: Array  # cumulative probabilities, row after row, each row ending in 1
    guide: Array  # (rows, cells + 1) positions in c, flat
    cells: int  # a power of 2, so that u · cells is exact

    @classmethod
    def from_dense(cls, c: Array) -> GuideTable:
        """A table of N distributions over K outcomes from their cumulative probabilities c (N, K)."""
        N, K = c.shape
        return cls.from_rows(c.ravel(), np.arange(0, N * K + 1, K))

    @classmethod
    def from_rows(cls, c: Array, indptr: Array) -> GuideTable:
        """A table from cumulative rows of any lengths: row i is c[indptr[i] : indptr[i + 1]], as in a CSR array."""
        lengths = np.diff(indptr)
        finer = 8 if len(c) < 1 << 18 else 2  # cells for each entry; eight only while the guide fits the cache
        cells = 1 << int(finer * lengths.max() - 1).bit_length()
        guide = np.empty((len(lengths), cells + 1), np.int32 if len(c) < 1 << 31 else np.int64)
        step = max(1, (1 << 18) // cells)  # rows at a time
        for first in range(0, len(lengths), step):
            some = lengths[first : first + step]
            cell = np.ceil(c[indptr[first] : indptr[first + len(some)]] * cells).astype(np.intp)
            cell += np.repeat(np.arange(len(some)) * (cells + 1), some)
            below = np.bincount(cell, minlength=len(some) * (cells + 1)).reshape(len(some), cells + 1).cumsum(axis=1)
            guide[first : first + step] = indptr[first : first + len(some), None] + np.minimum(below, some[:, None] - 1)
        return cls(c, guide.ravel(), cells)

    def __call__(self, i: Array, u: Array) -> Array:
        """For each row number in i the first position in c, within that row, whose value exceeds u.

        u lies in [0, 1); i broadcasts to the shape of u, which is that of the result.
        """
        j = (u * self.cells).astype(np.intp)
        j += i * (self.cells + 1)
        k = self.guide.take(j)
        late = (self.c.take(k) <= u).ravel().nonzero()[0]
        if late.size:
            low, high, v = k.ravel()[late] + 1, self.guide.take(j.ravel()[late] + 1), u.ravel()[late]
            while (low < high).any():
                middle = (low + high) // 2
                beyond = self.c.take(middle) <= v
                low, high = np.where(beyond, middle + 1, low), np.where(beyond, high, middle)
            k.ravel()[late] = low
        return k


def sparse_cumulative(T: Any) -> Array:
    """Cumulative sums along each row of the CSR array T, scaled to end in exactly 1, in the order of T.data."""
    c, start, lengths = T.data.copy(), T.indptr[:-1], np.diff(T.indptr)
    for k in range(1, lengths.max(initial=0)):
        i = start[lengths > k] + k
        c[i] += c[i - 1]
    end = T.indptr[1:] - 1
    c /= np.repeat(c[end], lengths)
    c[end] = 1.0
    return c


def indices(name: str, x: Any, n: int, many: int | None = None) -> Array:
    """x, called `name` in errors, as integer indices in 0..n-1; floats with whole values are accepted.

    With `many` there must be one for all or one for each of so many, and the result is (many,). Raises TypeError for
    any other type or value that is not whole, ValueError for an index outside 0..n-1, and for another number of them.
    """
    x = made_array(x, name)
    if x.dtype.kind not in "iu":
        if x.dtype.kind not in "fb" or not (np.isfinite(x).all() and np.array_equal(x, np.floor(x))):
            raise TypeError(
                f"{name} has dtype {x.dtype}: must be whole numbers in 0..{n - 1}"
                " (what has names is counted from 0, in the order of its list)"
            )
        if (abs(x) > 2.0**53).any():
            raise ValueError(f"{name} has a value of {x.flat[np.argmax(abs(x))]}: must lie in 0..{n - 1}")
        x = x.astype(np.intp)
    if not are_indices(x, n):
        raise ValueError(f"{name} runs from {x.min()} to {x.max()}: must lie in 0..{n - 1}")
    if many is None:
        return x
    if x.shape not in ((), (1,), (many,)):
        raise ValueError(f"{name} has shape {x.shape}: must be one for all, or one for each of {many}")
    return np.broadcast_to(x, (many,))


def cumulative(p: Array) -> Array:
    """Cumulative sums along the rows of p (rows, K), exactly 1 from the last outcome of positive probability on."""
    c = np.cumsum(p, axis=1)
    c /= c[:, -1:]
    last = p.shape[1] - 1 - np.argmax(p[:, ::-1] > 0, axis=1)
    c[np.arange(p.shape[1]) >= last[:, None]] = 1.0
    return c


def inverse_transform(rows: Array, i: Array, u: Array) -> Array:
    """The first outcome whose cumulative probability in rows[i] exceeds u, for arrays i and u of equal shape.

    An outcome of probability 0 is never returned.
    """
    K = rows.shape[1]
    flat, start = rows.ravel(), np.asarray(i) * K
    k = np.zeros(np.shape(u), dtype=np.intp)
    half = 1 << max(K - 1, 0).bit_length() >> 1
    while half:
        beyond = flat[start + np.minimum(k + (half - 1), K - 1)] <= u
        k += half * beyond
        half >>= 1
    return k


def is_vector(b: object) -> bool:
    """Whether a start distribution is a vector of probabilities: neither a function nor a frozen distribution."""
    return not callable(b) and not offers(b, FrozenDistribution)


def start_distribution(M: object, field: Field, b: Any) -> None:
    """Attrs validator: a probability vector, a frozen scipy.stats distribution, or a callable b(m, rng) -> s.

    Raises TypeError for anything else, ValueError for a vector of numbers that are no probabilities, or a distribution
    of scipy.stats with arrays as parameters: that is many distributions.
    """
    if not is_vector(b):
        given = (*getattr(b, "args", ()), *getattr(b, "kwds", {}).values()) if hasattr(b, "dist") else ()
        many = sorted({str(np.shape(x)) for x in given if np.size(x) != 1})
        if many:
            allowed = "one distribution: a function b(m, rng) may draw from several"
            refuse(M, field.name, f"{b.dist.name} with parameters of shape {', '.join(many)}", allowed)
        return
    allowed = "a probability vector, a frozen scipy.stats distribution or a callable b(m, rng)"
    try:
        p = distributions_in(b, field.name)
    except TypeError:
        p = np.empty(0)
    if p.ndim != 1 or p.size == 0:
        refuse(M, field.name, b, allowed, TypeError)
    if not are_probabilities(p):
        refuse(M, field.name, b, "probabilities that sum to 1 where it is a vector")


def start_probabilities(b: Any, n: int) -> Array:
    """b as a fresh vector of probabilities (n,). TypeError unless it is a vector, ValueError for another length."""
    if not is_vector(b):
        refuse(None, "b", b, f"a probability vector ({n},)", TypeError)
    start_distribution(None, Named("b"), b)
    p = distributions_in(b, "b")
    if p.shape != (n,):
        raise ValueError(f"b has shape {p.shape}: must be (S,) = ({n},) probabilities")
    return p


def sample_start(b: Any, m: int, rng: np.random.Generator) -> Array:
    """m start states drawn from b, (m, ...). ValueError where b gives another number of states."""
    start_distribution(None, Named("b"), b)
    if type(getattr(b, "dist", None)).__name__ == "norm_gen" and len(b.args) == 2 and not b.kwds:
        s = rng.standard_normal(m) * b.args[1] + b.args[0]  # the numbers of `rvs`, without its slow checks
    elif offers(b, FrozenDistribution):
        s = np.asarray(b.rvs(size=m, random_state=rng))
        if (
            m == 1
            and s.shape[:1] != (1,)
            and s.shape == np.shape(b.rvs(size=2, random_state=np.random.default_rng(0)))[1:]
        ):
            s = s[None]  # scipy's multivariate distributions drop the first axis of a single draw, here put back
    elif callable(b):
        s = b(m, rng)
    else:
        p = np.asarray(b, dtype=np.float64)
        s = inverse_transform(cumulative(p[None]), np.zeros(m, dtype=np.intp), rng.random(m))
    s = np.asarray(s)
    if s.ndim == 0 or len(s) != m:
        raise ValueError(f"b gave start states of shape {s.shape}: must be {m} of them on the first axis")
    return s


def default_rng(rng: RNG) -> np.random.Generator:
    """A generator from None, an int, a SeedSequence or a generator (Scientific Python SPEC 7)."""
    try:
        if isinstance(rng, bool | np.bool_):
            raise TypeError("True and False are no seeds")
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng = {rng!r}: must be None, an int >= 0 or a numpy.random.Generator") from error
