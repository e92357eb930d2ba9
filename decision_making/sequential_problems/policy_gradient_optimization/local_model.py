"""What is known of objective and divergence around θ: local models, and the points at which they are asked.

A rule of chapter 12 (`follow`) sees nothing but a local model, so it is written once for every source of evidence:
recorded trajectories, expectations (`exact`), a critic's advantages (chapter 13), a batch of environment steps (TRPO).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, all_finite


class Status(Enum):
    """Why θ moved, or did not."""

    STEPPED = "stepped"
    ACCEPTED = "accepted"  # by a line search
    NO_DIRECTION = "the gradient or the step factor is zero"
    STEP_OVERFLOWS = "the step overflows"
    SURROGATE_OVERFLOWS = "the surrogate overflows"
    BEYOND_MAX_KL = "the divergence in some state exceeds max_kl"
    NOTHING_ACCEPTED = "no step accepted"  # by a line search
    NO_DATA = "every start state is terminal, so that there is no step to learn from"

    @property
    def moved(self) -> bool:
        """Whether θ moved."""
        return self in (Status.STEPPED, Status.ACCEPTED)


class LocalModel:
    """The surrogate objective and the surrogate constraint around θ, as far as they are known.

    A source of evidence is a subclass. It sets `θ` and overrides the methods whose answers it knows: `gradient` and
    `natural`, and `objective`, `constraint` and their gradients as functions of θ_new. The others raise TypeError.
    Rules ask for values at θ_new through the points that `at` makes, which remember the answers.
    """

    θ: Array  # (n,), where the step begins
    measures = True  # whether objective and constraint are known

    def gradient(self) -> Array:
        """An estimate of ∇U(θ), (n,)."""
        self._not_known("gradient")

    def natural(self, M: Any) -> Array:
        """θ + u √(2ε / ∇ᵀu) with u = F⁺∇ and ε = M.ε, (n,): the natural gradient step to the divergence ε, in nats.

        M has ε, damping and direction. θ where the gradient is zero; not finite where the step overflows.
        """
        self._not_known("natural direction")

    def objective(self, θ_new: Array) -> float:
        """The surrogate objective at θ_new; not finite where a ratio overflows."""
        self._not_known("surrogate objective")

    def constraint(self, θ_new: Array) -> float:
        """The surrogate constraint at θ_new, a divergence of π_θ_new from π_θ in nats, never negative."""
        self._not_known("surrogate constraint")

    def objective_gradient(self, θ_new: Array) -> Array:
        """∇ of the surrogate objective at θ_new, (n,)."""
        self._not_known("gradient of the surrogate objective")

    def constraint_gradient(self, θ_new: Array) -> Array:
        """∇ of the surrogate constraint at θ_new, (n,)."""
        self._not_known("gradient of the surrogate constraint")

    def clamped_gradient(self, θ_new: Array, ε: float) -> Array:
        """∇ of the objective with ratios clamped to [1 - ε, 1 + ε], at θ_new, (n,) (algorithm 12.6)."""
        self._not_known("clamped gradient")

    def _not_known(self, what: str) -> NoReturn:
        raise TypeError(f"{type(self).__name__}: no {what} is known here")

    @cached_property
    def objective_at_θ(self) -> float:
        """The surrogate objective at θ."""
        return self.objective(self.θ)

    @cached_property
    def objective_gradient_at_θ(self) -> Array:
        """∇ of the surrogate objective at θ, (n,)."""
        return self.objective_gradient(self.θ)

    @property
    def rounding(self) -> float:
        """The floating-point error of objective and gradient: an improvement or a gradient no larger is none."""
        return 0.0

    @property
    def start(self) -> Point:
        """The point θ itself."""
        return Start(self, self.θ)

    def at(self, θ_new: Array) -> Point:
        """The point θ_new (n,)."""
        return self.start if np.array_equal(θ_new, self.θ) else Point(self, θ_new)

    def refusal(self, point: Point) -> Status | None:
        """The reason why a rule without a line search must not step to the point; None if it may."""
        return None

    def along(self, θ: Array, g: Array, α: float) -> Array:
        """θ after one ascent along g with step factor α: θ + α g, not finite where that overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(θ + α * g, θ.dtype)

    def ascend(self, slope: Callable[[Point], Array], α: float, k_max: int) -> Array:
        """θ after at most k_max ascents with step factor α along slope(point), (n,).

        Ends early where the slope is zero. Not finite if a slope or a step is not finite.
        """
        θ = self.θ
        for _ in range(k_max):
            g = slope(self.at(θ))
            if not all_finite(g):
                return np.full_like(θ, np.nan)
            if not g.any():
                break
            θ = self.along(θ, g, α)
            if not all_finite(θ):
                break
        return θ


@frozen(eq=False, slots=False)
class Point:
    """A parameter θ and the values of a local model there, each computed at first access and then kept."""

    model: LocalModel = field(repr=False)  # computes the values
    θ: Array  # (n,)

    @cached_property
    def objective(self) -> float:
        """The surrogate objective."""
        return self.model.objective(self.θ)

    @cached_property
    def constraint(self) -> float:
        """The surrogate constraint, in nats."""
        return self.model.constraint(self.θ)

    @cached_property
    def objective_gradient(self) -> Array:
        """∇ of the surrogate objective, (n,)."""
        return self.model.objective_gradient(self.θ)

    @cached_property
    def constraint_gradient(self) -> Array:
        """∇ of the surrogate constraint, (n,)."""
        return self.model.constraint_gradient(self.θ)

    def clamped_gradient(self, ε: float) -> Array:
        """∇ of the objective with ratios clamped to [1 - ε, 1 + ε], (n,)."""
        return self.model.clamped_gradient(self.θ, ε)

    @property
    def overflows(self) -> bool:
        """Whether objective or constraint is not finite."""
        return not (math.isfinite(self.constraint) and math.isfinite(self.objective))


class Start(Point):
    """The point θ from which the step begins: there the constraint is 0, its minimum.

    The values at this point are kept by the model. If the model kept the point instead, the two would refer to each
    other, and the trajectories would stay in memory until Python's garbage collector searches for cycles.
    """

    @property
    def objective(self) -> float:
        """The surrogate objective."""
        return self.model.objective_at_θ

    @property
    def objective_gradient(self) -> Array:
        """∇ of the surrogate objective, (n,)."""
        return self.model.objective_gradient_at_θ

    @cached_property
    def constraint(self) -> float:
        """0."""
        return 0.0

    @cached_property
    def constraint_gradient(self) -> Array:
        """0, (n,)."""
        return np.zeros_like(self.θ)


@frozen(eq=False, slots=False)
class GradientOnly(LocalModel):
    """A local model that knows only a gradient: without likelihoods of actions there is no objective or divergence."""

    θ: Array  # (n,)
    g: Array  # (n,), ∇U(θ)
    measures = False

    def gradient(self) -> Array:
        """∇U(θ), (n,)."""
        return self.g


@frozen(eq=False, slots=False)
class Functions(LocalModel):
    """A local model that knows objective f and constraint g alone, given as functions of θ_new.

    Where one of them overflows, it has a value that is refused, and nothing is warned of.
    """

    θ: Array  # (n,)
    f: Callable[[Array], float]  # objective
    g: Callable[[Array], float]  # constraint

    def objective(self, θ_new: Array) -> float:
        """f(θ_new)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.f(θ_new)

    def constraint(self, θ_new: Array) -> float:
        """g(θ_new)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.g(θ_new)


@frozen(eq=False, slots=False)
class WithGradient(LocalModel):
    """A local model with its gradient replaced by another estimate g."""

    model: LocalModel  # answers all but the gradient
    g: Array  # (n,)

    @property
    def θ(self) -> Array:  # type: ignore[override]
        """(n,), where the step begins."""
        return self.model.θ

    def gradient(self) -> Array:
        """The estimate, (n,)."""
        return self.g

    def natural(self, M: Any) -> Array:
        """The natural step of the model, (n,)."""
        return self.model.natural(M)

    @property
    def rounding(self) -> float:
        """The floating-point error of the model."""
        return self.model.rounding

    @property
    def start(self) -> Point:
        """The point θ of the model."""
        return self.model.start

    def at(self, θ_new: Array) -> Point:
        """The point θ_new of the model."""
        return self.model.at(θ_new)
