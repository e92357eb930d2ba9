"""Where chapter 12's updates get their local model from: recorded trajectories, or ones that are simulated again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from attrs import frozen

from decision_making.checks import Array, parameters
from decision_making.policies import Policy
from decision_making.problem import RNG
from decision_making.sequential_problems.policy_gradient_estimation import (
    ELSEWHERE,
    FiniteDifferenceGradient,
    RegressionGradient,
    check_evidence,
    recorded,
)
from decision_making.sequential_problems.policy_gradient_optimization.local_model import (
    GradientOnly,
    LocalModel,
    Point,
    WithGradient,
)
from decision_making.sequential_problems.policy_gradient_optimization.natural_step import natural_update
from decision_making.sequential_problems.policy_gradient_optimization.rules import PolicyGradientUpdate, Rule
from decision_making.sequential_problems.policy_gradient_optimization.steps import Step, check_critic, followed
from decision_making.sequential_problems.policy_gradient_optimization.surrogate import Surrogate
from decision_making.simulation import SimulatedAgain, policy_parameters
from decision_making.speed import columns
from decision_making.trajectories import Trajectories, returns
from decision_making.verbs import gradient, step, update


@step.register
def step_from_trajectories(
    M: Rule, π: Policy, θ: Array, φ: Array | None = None, *, rng: RNG = None, τs: Trajectories | None = None
) -> Step:
    """The rule's step from recorded trajectories, or from m new ones of depth d."""
    check_critic(M, φ)
    return followed(M, evidence(M, π, θ, rng, τs))


@update.register
def updated_parameters(
    M: Rule, π: Policy, θ: Array, φ: Array | None = None, *, rng: RNG = None, τs: Trajectories | None = None
) -> Array:
    """The parameters after the rule's step, (n,)."""
    return step_from_trajectories(M, π, θ, φ, rng=rng, τs=τs).θ


def evidence(M: Any, π: Policy, θ: Array, rng: RNG, τs: Trajectories | SimulatedAgain | None) -> LocalModel:
    """The local model around θ of the given trajectories τs, else of M.m new ones of depth M.d, rolled out once."""
    if isinstance(M, PolicyGradientUpdate):
        return _evidence_of_estimator(M.grad_U, π, θ, rng, τs)
    if isinstance(τs, SimulatedAgain):
        return _evidence_simulated_again(M, π, θ, τs)
    θ, τs = recorded(M, π, θ, rng, τs)
    return Surrogate(π, θ, τs, M.P.γ, M.over_steps)


def _evidence_of_estimator(grad_U: Any, π: Policy, θ: Array, rng: RNG, τs: Any) -> LocalModel:
    """The local model of an estimator of ∇U, or of ∇U itself as a callable of θ."""
    if grad_U is ELSEWHERE:
        raise TypeError("grad_U = …: a rule without evidence of its own; give PolicyGradientUpdate an estimator")
    if callable(grad_U):
        θ = parameters(θ)
        return GradientOnly(θ, parameters(grad_U(θ.copy()), len(θ), name="grad_U(θ)"))
    if isinstance(grad_U, FiniteDifferenceGradient | RegressionGradient):
        θ = policy_parameters(π, θ)
        return GradientOnly(θ, gradient(grad_U, π, θ, rng=rng, τs=τs))
    θ, τs = recorded(grad_U, π, θ, rng, τs)
    return WithGradient(Surrogate(π, θ, τs, grad_U.P.γ), gradient(grad_U, π, θ, τs=τs))


def _evidence_simulated_again(M: Any, π: Policy, θ: Array, τs: SimulatedAgain) -> LocalModel:
    """The local model of trajectories that are not stored; ValueError if they are of another policy or θ."""
    check_evidence(M)
    θ = policy_parameters(π, θ)
    if τs.π is not π or not np.array_equal(τs.θ, θ):
        raise ValueError("τs: SimulatedAgain has another policy or θ than the update it is given to: must be the same")
    return SurrogateSimulatedAgain(π, θ, τs, M.P.γ, M.over_steps)


@frozen(eq=False, slots=False)
class SurrogateSimulatedAgain(LocalModel):
    """The surrogates of trajectories that are not stored: sums over blocks, simulated again for each sum."""

    π: Policy  # policy
    θ: Array  # (n,), the parameters that sample
    τs: SimulatedAgain  # trajectories
    γ: float  # discount factor
    over_steps: str  # "mean" or "sum"

    def parts(self) -> Iterator[Surrogate]:
        """The surrogates of each block, whose trajectories count 1/m each: their sum is the whole."""
        for block in self.τs.blocks():
            yield Surrogate(self.π, self.θ, block, self.γ, self.over_steps, np.full(len(block), 1 / len(self.τs)))

    def _sum(self, f: Callable[[Surrogate], Array]) -> Array:
        """Σ f(part) over all blocks, (n,), added in float64 and returned in θ's dtype."""
        return np.asarray(sum(f(part).astype(np.float64) for part in self.parts()), self.θ.dtype)

    def gradient(self) -> Array:
        """The likelihood-ratio estimate of ∇U(θ), (n,)."""
        return self._sum(lambda part: part.gradient() * (len(part.τs) / len(self.τs)))

    def natural(self, M: Any) -> Array:
        """The natural update from scores and returns of whole trajectories, (n,)."""
        if M.direction != "trajectory":
            raise ValueError(f"direction = {M.direction!r}: must be 'trajectory' with SimulatedAgain")
        m, i = len(self.τs), 0
        G, R = columns(m, self.π.n, self.θ.dtype), np.empty(m)
        try:
            for part in self.parts():
                rows = slice(i, i + len(part.τs))
                G[rows], R[rows] = part.scores_and_returns("trajectory")
                i = rows.stop
        except ValueError:
            kept = self.τs.kept()  # the same check on all of them: its error numbers the trajectory among all
            self.π.scores(self.θ, kept), returns(kept, self.γ)
            raise
        return natural_update(self.θ, G, R, M.ε, M.damping)

    def at(self, θ_new: Array) -> Point:
        """The point θ_new (n,)."""
        return self.start if np.array_equal(θ_new, self.θ) else PointSimulatedAgain(self, θ_new)

    def values(self, θ_new: Array) -> tuple[float, float]:
        """Objective and constraint at θ_new, from a single simulation of the trajectories."""
        pairs = [(part.objective(θ_new), part.constraint(θ_new)) for part in self.parts()]
        objective, constraint = np.sum(pairs, axis=0)
        return float(objective), float(constraint)

    @cached_property
    def _at_θ(self) -> tuple[float, float]:
        """Objective at θ and its floating-point error, from a single simulation of the trajectories."""
        objective, rounding = np.sum([(part.objective_at_θ, part.rounding) for part in self.parts()], axis=0)
        return float(objective), float(rounding)

    @property
    def objective_at_θ(self) -> float:
        """The surrogate objective at θ."""
        return self._at_θ[0]

    @property
    def rounding(self) -> float:
        """The floating-point error of the surrogate objective."""
        return self._at_θ[1]

    def objective_gradient(self, θ_new: Array) -> Array:
        """∇ of the objective, (n,)."""
        return self._sum(lambda part: part.objective_gradient(θ_new))

    def constraint_gradient(self, θ_new: Array) -> Array:
        """∇ of the constraint, (n,)."""
        return self._sum(lambda part: part.constraint_gradient(θ_new))

    def clamped_gradient(self, θ_new: Array, ε: float) -> Array:
        """∇ of the clamped objective, (n,)."""
        return self._sum(lambda part: part.clamped_gradient(θ_new, ε))


class PointSimulatedAgain(Point):
    """A point whose objective and constraint are computed together, from a single simulation."""

    model: SurrogateSimulatedAgain

    @cached_property
    def _values(self) -> tuple[float, float]:
        return self.model.values(self.θ)

    @cached_property
    def objective(self) -> float:
        """The surrogate objective."""
        return self._values[0]

    @cached_property
    def constraint(self) -> float:
        """The surrogate constraint, in nats."""
        return self._values[1]
