"""Products of labelled arrays, summed over labels: the steps of which plans of inference are made."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array

BATCH = -1  # the label of the axis of cases
FUSED, AT_ONCE = 2**12, 8  # entries of the largest product that is made in one call, and of how many arrays
Labels = tuple[int, ...]


class Product:
    """One multiplication of labelled arrays, summed over all labels but those kept: an einsum with its own letters."""

    def __init__(self, scopes: Sequence[Labels], kept: Labels) -> None:
        letters: dict[int, str] = {}
        for label in (label for scope in scopes for label in scope):
            letters.setdefault(label, string.ascii_letters[len(letters)])
        self.subscripts = (
            ",".join("".join(letters[x] for x in s) for s in scopes) + "->" + "".join(letters[x] for x in kept)
        )

    def __call__(self, *arrays: Array) -> Array:
        """The product, axes in the order of the labels kept."""
        return np.einsum(self.subscripts, *arrays)


def pairwise(scopes: Sequence[Labels], out: int | None) -> tuple[list[Product], Labels]:
    """The products, two factors at a time, that end in a factor without the variable `out`."""
    scope, products = scopes[0], []
    for k, other in enumerate(scopes[1:]):
        union = tuple(dict.fromkeys((*scope, *other)))
        if BATCH in union:
            union = (BATCH, *(x for x in union if x != BATCH))
        last = k == len(scopes) - 2
        kept = tuple(x for x in union if not (last and x == out))
        products.append(Product((scope, other), kept))
        scope = kept
    if len(scopes) == 1 and out is not None:
        kept = tuple(x for x in scope if x != out)
        products, scope = [Product((scope,), kept)], kept
    return products, scope


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
        self.used, self.scopes = list(used), list(scopes)
        self.products, self.scope = pairwise(scopes, out) if scopes else ([], ())
        self.batched = BATCH in self.scope
        self.each = list(
            itertools.accumulate(
                (BATCH in s for s in scopes[1:]), lambda x, y: x or y, initial=bool(scopes and BATCH in scopes[0])
            )
        )[1:]

    def __call__(self, arrays: Sequence[Array], careful: bool) -> tuple[Array, Any]:
        """The result, scaled, and the logarithm of the scale."""
        if not arrays:
            return np.ones(()), 0.0
        φ, logs = arrays[0], 0.0
        if len(arrays) == 1 and self.products:
            φ = self.products[0](φ)
        for f, other, batched in zip(self.products, arrays[1:], self.each, strict=False):
            φ = f(φ, other)
            if careful:
                φ, log = scaled(φ, batched)
                logs = logs + log
        φ, log = scaled(φ, self.batched)
        return φ, logs + log

    def quick(self, r: Sequence[int], kept: Labels | None = None) -> Callable[..., Array]:
        """What makes the result of arrays, not scaled: in one call where it is small, otherwise two at a time.

        r: the number of values of each label; kept: the order of the result's axes, None for that of `scope`.
        """
        kept = self.scope if kept is None else kept
        union = {label for scope in self.scopes for label in scope}
        if len(self.scopes) <= AT_ONCE and math.prod(r[label] for label in union) <= FUSED:
            return Product(self.scopes, kept) if self.scopes else lambda: np.ones(())
        last = None if kept == self.scope else Product([self.scope], kept)

        def one_after_the_other(*arrays: Array) -> Array:
            φ, others = arrays[0], arrays[1:]
            if not others and self.products:
                φ = self.products[0](φ)
            for f, other in zip(self.products, others, strict=False):
                φ = f(φ, other)
            return φ if last is None else last(φ)

        return one_after_the_other
