"""What the exact local models share: the natural step from an explicit Fisher matrix."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np

from decision_making.checks import Array, all_finite, rounding
from decision_making.sequential_problems.policy_gradient_optimization import LocalModel, restricted_update


class Expectation(LocalModel):
    """The local model in which every sample mean is replaced by its expectation."""

    @abstractmethod
    def utility(self) -> float:
        """U(θ), the expected return."""

    @abstractmethod
    def utility_gradient(self) -> Array:
        """∇U(θ), (n,)."""

    @abstractmethod
    def size(self) -> float:
        """The expected sum of |γ^(k-1) r_k|."""

    @cached_property
    def rounding(self) -> float:
        """The floating-point error of expected returns and of their gradients."""
        return rounding(self.size())

    @abstractmethod
    def fisher(self) -> Array:
        """Fisher matrix of the trajectories, (n, n)."""

    @abstractmethod
    def constraint_hessian(self) -> Array:
        """Hessian of the constraint at θ, (n, n)."""

    def surrogate_fisher(self) -> Array:
        """Expectation of the Fisher matrix that a step in direction "surrogate" takes from trajectories, (n, n).

        Where the share of a step does not depend on its action, it is `constraint_hessian`.
        """
        return self.constraint_hessian()

    def checked(self) -> Expectation:
        """Itself, where an update can begin from it; ValueError, saying why, where not."""
        return self

    def gradient(self) -> Array:
        """∇U(θ), (n,)."""
        return self.utility_gradient()

    def natural(self, M: Any) -> Array:
        """θ + u √(2ε / ∇ᵀu) with u = (F + cI)⁺∇, (n,); not finite where ∇ or F is not.

        With the eigenvalues F = V diag(λ) Vᵀ it is a restricted update (algorithm 12.3) in the coordinates
        √(λ + c) Vᵀθ, without those whose λ is no larger than floating-point error.
        """
        surrogate = M.direction == "surrogate"
        g = self.start.objective_gradient if surrogate else self.gradient()
        F = self.surrogate_fisher() if surrogate else self.fisher()
        if not (all_finite(g) and all_finite(F)):
            return np.full_like(self.θ, np.nan)
        λ, V = np.linalg.eigh(F)
        keep = λ > len(λ) * np.finfo(float).eps * λ[-1]
        V, root = V[:, keep], np.sqrt(λ[keep] + M.damping)
        w = V.T @ g / root  # ‖w‖² = ∇ᵀu; this product itself might underflow or overflow
        return self.θ + V @ (restricted_update(np.zeros(len(w)), w, M.ε, self.rounding) / root) if w.any() else self.θ
