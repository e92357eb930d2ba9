"""Products of labelled arrays, summed over labels: the steps of variable elimination (algorithm 3.5)."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.sizes import check_size

BATCH = -1  # the label of the axis of cases
FUSED, AT_ONCE = 2**12, 8  # entries of the largest product that is made in one call, and of how many arrays
Labels = tuple[int, ...]


class Product:
    """One multiplication of labelled arrays, summed over all labels but those kept: an einsum with its own letters."""

    def __init__(self, scopes: Sequence[Labels], kept: Labels) -> None:
        self.scopes, self.kept = scopes, kept

    @cached_property
    def subscripts(self) -> str:
        """What einsum calls the axes."""
        letters = lettered(itertools.chain(*self.scopes))
        *given, kept = ["".join([letters[x] for x in scope]) for scope in (*self.scopes, self.kept)]
        return f"{','.join(given)}->{kept}"

    def __call__(self, *arrays: Array) -> Array:
        """The product, axes in the order of the labels kept."""
        return np.einsum(self.subscripts, *arrays)


def lettered(labels: Iterable[Any]) -> dict[Any, str]:
    """For each label the letter that einsum calls it. TooLargeError where it has not enough of them."""
    different = dict.fromkeys(labels)
    check_size("axes of a product", len(different), "observe more", len(string.ascii_letters))
    return dict(zip(different, string.ascii_letters, strict=False))


def is_small(factors: int, entries: int) -> bool:
    """Whether so many factors are multiplied in one call where their product has so many entries."""
    return factors <= AT_ONCE and entries <= FUSED


def union(scopes: Iterable[Labels], out: int | None = None) -> Labels:
    """All labels but `out` as they first occur, the label of cases before them."""
    labels = dict.fromkeys(itertools.chain.from_iterable(scopes))
    batch = (BATCH,) if BATCH in labels else ()
    return (*batch, *[x for x in labels if x not in (BATCH, out)])


def pairwise(scopes: Sequence[Labels], out: int | None) -> list[Product]:
    """The products, two factors at a time, that end in a factor without the variable `out`."""
    if len(scopes) == 1:
        return [Product(scopes, union(scopes, out))]
    scope, products = scopes[0], []
    for k, other in enumerate(scopes[1:], 2):
        products.append(Product((scope, other), union((scope, other), out if k == len(scopes) else None)))
        scope = products[-1].kept
    return products


def scaled(φ: Array, batched: bool) -> tuple[Array, Any]:
    """φ divided by its largest number, of each case where it is batched, and the logarithm of that; 0 stays 0."""
    if not batched:
        largest = φ.max()
        return (φ / largest, np.log(largest)) if largest > 0 else (φ, 0.0)
    largest = φ.max(axis=tuple(range(1, φ.ndim)), keepdims=True)
    safe = np.where(largest > 0, largest, 1.0)
    return φ / safe, np.log(safe).ravel()


class Stage:
    """Some factors, multiplied two at a time, and summed over a variable that no other factor has."""

    def __init__(self, used: Sequence[int], scopes: Sequence[Labels], out: int | None) -> None:
        self.used, self.scopes, self.out = list(used), list(scopes), out
        self.scope = union(scopes, out)

    @cached_property
    def products(self) -> list[Product]:
        """The steps, where not all is done in one call."""
        return pairwise(self.scopes, self.out)

    def __call__(self, arrays: Sequence[Array], careful: bool) -> tuple[Array, Any]:
        """The result, scaled, and the logarithm of the scale."""
        φ, logs = arrays[0] if len(arrays) > 1 else self.products[0](arrays[0]), 0.0
        for f, other in zip(self.products, arrays[1:], strict=False):
            φ = f(φ, other)
            if careful:
                φ, log = scaled(φ, BATCH in f.kept)
                logs = logs + log
        φ, log = scaled(φ, any(BATCH in scope for scope in self.scopes))
        return φ, logs + log

    def quick(self, r: Sequence[int], kept: Labels | None = None) -> Callable[..., Array]:
        """What makes the result of arrays, not scaled: in one call where it is small, otherwise two at a time.

        r: the number of values of each label; kept: the order of the result's axes, None for that of `scope`.
        """
        kept = self.scope if kept is None else kept
        if is_small(len(self.scopes), math.prod([r[label] for label in union(self.scopes)])):
            return Product(self.scopes, kept) if self.scopes else lambda: np.ones(())
        last = Product([self.scope], kept)

        def one_after_the_other(*arrays: Array) -> Array:
            φ = arrays[0] if len(arrays) > 1 else self.products[0](arrays[0])
            for f, other in zip(self.products, arrays[1:], strict=False):
                φ = f(φ, other)
            return last(φ)

        return one_after_the_other


class QuickProducts:
    """The products of a plan, one after the other: each is of some of the arrays, and its result becomes one of them.

    scopes: the labels of the arrays; labels: all of these; r: the number of values of each. A label is called by one
    letter in the whole plan, so that the text for einsum is made of texts that are there.
    """

    def __init__(self, scopes: Sequence[Labels], labels: Iterable[int], r: Sequence[int]) -> None:
        self.scopes, self.r = list(scopes), r
        letters = itertools.chain(string.ascii_letters, map(chr, itertools.count(256)))  # einsum knows the first 52
        self.letters = dict(zip(labels, letters, strict=False))
        self.said = ["".join([self.letters[x] for x in scope]) for scope in scopes]

    def __call__(
        self, used: list[int], out: int | None, kept: Labels, entries: int
    ) -> tuple[int, list[int], Callable[..., Array]]:
        """The number of the product of these arrays, summed over all labels but those kept, and what makes it of them.

        Between the two are the numbers of the arrays in the order in which they are taken. Of many entries, before they
        are summed, or many arrays two are multiplied at a time, and the label `out` is summed with the last of them.
        """
        made = len(self.scopes)
        self.scopes.append(kept)
        self.said.append("".join([self.letters[x] for x in kept]))
        if used and is_small(len(used), entries):
            return made, used, partial(np.einsum, self._subscripts(used))
        used = sorted(used, key=lambda k: math.prod([self.r[x] for x in self.scopes[k]]))
        return made, used, Stage(used, [self.scopes[k] for k in used], out).quick(self.r, kept)

    def _subscripts(self, used: Sequence[int]) -> str:
        """What einsum is to do to make the last of the arrays."""
        text = f"{','.join([self.said[k] for k in used])}->{self.said[-1]}"
        if text.isascii():
            return text
        letters = lettered(text.replace(",", "").replace("->", ""))
        return "".join([letters.get(x, x) for x in text])
