"""Beliefs about probabilities: Dirichlet distributions, the beta distribution being that of two (section 4.2)."""

from __future__ import annotations

from typing import Any

from attrs import field
from scipy.special import gammaln

from decision_making import verbs
from decision_making.checks import Array, brief, made_array_later, numbers, read_only, refuse
from decision_making.probabilistic_reasoning.parameter_learning.data import LEAST, MOST
from decision_making.structs import struct


@struct
class Dirichlet:
    """A belief about the probabilities θ (…, r) of r values, p(θ) ∝ Π_k θ_k^(α_k - 1).

    Leading axes of α are many of them, such as one for each row of a table. Beta(α, β) of the probability of 1 is
    `Dirichlet([β, α])`. `update(prior, counts)` adds what was counted. ValueError for an α that is not above 0.

    >>> heads = verbs.update(Dirichlet([1, 1]), [1, 2])  # one throw of tails, two of heads (exercise 4.1)
    >>> heads.mean, heads.mode.round(3)
    (array([0.4, 0.6]), array([0.333, 0.667]))
    """

    α: Array = field(converter=made_array_later, repr=brief)  # pseudo-counts (…, r)

    def __attrs_post_init__(self) -> None:
        α = numbers(self.α, "α")
        if α.ndim == 0 or not α.shape[-1] or not ((α >= LEAST) & (α <= MOST)).all():
            refuse(self, "α", self.α, f"numbers > 0, from {LEAST:g} to {MOST:g}, one for each value")
        object.__setattr__(self, "α", read_only(α))

    @property
    def mean(self) -> Array:
        """E[θ_k] = α_k / α_0, α_0 being the sum; (…, r)."""
        return self.α / self.α.sum(axis=-1, keepdims=True)

    @property
    def variance(self) -> Array:
        """Var[θ_k] = E[θ_k] (1 - E[θ_k]) / (α_0 + 1), (…, r)."""
        return self.mean * (1 - self.mean) / (self.α.sum(axis=-1, keepdims=True) + 1)

    @property
    def mode(self) -> Array:
        """The θ of highest density, (α_k - 1) / (α_0 - r). ValueError for an α below 1, and where all are 1."""
        above = self.α - 1
        total = above.sum(axis=-1, keepdims=True)
        if (above < 0).any() or (total == 0).any():
            refuse(self, "α", self.α, "at least 1, and somewhere above 1, to have a mode")
        return above / total

    def log_evidence(self, counts: Any) -> Array:
        """ln of the probability of data with these counts (…, r), in the order in which they came; (…).

        ln Γ(α_0) - ln Γ(α_0 + m_0) + Σ_k (ln Γ(α_k + m_k) - ln Γ(α_k)); exactly 0 where nothing was counted.
        """
        m = self._counts(counts)
        total = self.α.sum(axis=-1)
        of_values = (gammaln(self.α + m) - gammaln(self.α)).sum(axis=-1)
        return gammaln(total) - gammaln((self.α + m).sum(axis=-1)) + of_values

    def _counts(self, counts: Any) -> Array:
        m = numbers(counts, "counts")
        if m.shape[-1:] != self.α.shape[-1:] or not ((m >= 0) & (m <= MOST)).all():
            allowed = f"numbers >= 0 and at most {MOST:g}, {self.α.shape[-1]} in a row"
            raise ValueError(f"counts of shape {m.shape}: must be {allowed}")
        return m


@verbs.update.register
def update_dirichlet(b: Dirichlet, counts: Any) -> Dirichlet:
    """The belief after data with these counts (…, r): Dirichlet(α + m)."""
    return Dirichlet(b.α + b._counts(counts))
