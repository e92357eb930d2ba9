"""All completions of data on discrete variables with missing values, each with a weight (section 4.4)."""

from __future__ import annotations

import math

import numpy as np

from decision_making.checks import Array
from decision_making.probabilistic_reasoning.parameter_learning.counting import family_codes
from decision_making.probabilistic_reasoning.parameter_learning.data import MISSING
from decision_making.probabilistic_reasoning.representation import ImpossibleEvidenceError, Variable
from decision_making.sizes import check_size

ENTRIES = 2**26  # of the array of all completions


class Completions:
    """All completions of data (n, m), of equal data once; the completions of one datum stand side by side.

    TooLargeError, before they are made, where they would have more than 2²⁶ entries.
    """

    def __init__(self, vars: tuple[Variable, ...], X: Array) -> None:
        if not X.size:
            raise ValueError(f"D has shape {X.shape}: must have at least one variable and one datum")
        self.vars = vars
        self.cases, inverse, self.times = np.unique(X, axis=1, return_inverse=True, return_counts=True)
        self.case = inverse.reshape(-1)  # of each datum
        gaps = self.cases == MISSING
        ways = [math.prod(v.r for v, gap in zip(vars, column, strict=True) if gap) for column in gaps.T]
        instead = "impute what is missing, or leave out the data that lack most"
        check_size("entries of all completions of D", sum(ways) * len(vars), instead, ENTRIES)
        self.first = np.concatenate([[0], np.cumsum(ways)[:-1]]).astype(np.intp)  # completion of each case
        self.x = np.repeat(self.cases, ways, axis=1)  # the completions (n, C)
        self.owner = np.repeat(np.arange(len(ways)), ways)  # the case of each (C,)
        code = np.arange(self.x.shape[1]) - self.first[self.owner]
        for i in reversed(range(len(vars))):
            gap = self.x[i] == MISSING
            self.x[i, gap] = code[gap] % vars[i].r
            code[gap] //= vars[i].r

    def codes(self, parents: tuple[tuple[int, ...], ...]) -> list[Array]:
        """For each variable the position of each completion in its table, flat (C,)."""
        return [family_codes(self.x, self.vars, parents[i], i) for i in range(len(self.vars))]

    def weights(self, log_p: Array) -> tuple[Array, Array]:
        """P(completion | case) from ln P(completion) (C,), and ln P(case), which is a sum over its completions.

        ImpossibleEvidenceError where a case has probability 0.
        """
        largest = np.maximum.reduceat(log_p, self.first)
        if not (largest > -np.inf).all():
            k = int(np.argmax(self.case == np.argmin(largest)))
            raise ImpossibleEvidenceError(f"D[:, {k}] has probability 0 in the network to begin with")
        w = np.exp(log_p - largest[self.owner])
        total = np.add.reduceat(w, self.first)
        return w / total[self.owner], largest + np.log(total)


def log_probabilities(codes: list[Array], tables: list[Array]) -> Array:
    """ln P(x) = Σ_i ln θ_i of each completion (C,), from its positions in tables (q_i, r_i)."""
    with np.errstate(divide="ignore"):
        return sum((np.log(θ).ravel()[c] for c, θ in zip(codes, tables, strict=True)), np.zeros(()))
