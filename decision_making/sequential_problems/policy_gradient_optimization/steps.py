"""What an update did: a `Step`, its status, and the sentence made from it (chapter 12)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import define, field

from decision_making.checks import Array, all_finite, brief, shortened
from decision_making.dispatching import unknown
from decision_making.sequential_problems.policy_gradient_optimization.local_model import LocalModel, Point, Status
from decision_making.structs import struct
from decision_making.verbs import follow, step, update


@define(eq=False)
class Change:
    """Divergence and improvement between two points, computed at first access; then the points are released."""

    _points: tuple[Point, Point] | None = None  # before and after
    _numbers: tuple[float | None, float | None] = (None, None)  # divergence and improvement, where known already

    @property
    def numbers(self) -> tuple[float | None, float | None]:
        """The surrogate constraint after, in nats, and the surrogate objective after less that before.

        A NaN becomes the worst value: a divergence of inf, an improvement of -inf.
        """
        if self._points is not None:
            before, after = self._points
            kl, improvement = after.constraint, after.objective - before.objective
            self._numbers = math.inf if math.isnan(kl) else kl, -math.inf if math.isnan(improvement) else improvement
            self._points = None
        return self._numbers

    def __getstate__(self) -> tuple[float | None, float | None]:
        return self.numbers

    def __setstate__(self, numbers: tuple[float | None, float | None]) -> None:
        self._points, self._numbers = None, numbers


@struct(repr=False)
class Step:
    """What one update did. θ is the result, the old one where nothing was accepted."""

    θ: Array  # (n,)
    status: Status  # why θ moved, or did not
    backtracks: int | None = None  # line search shrinks before acceptance; None if nothing was accepted
    β: float | None = None  # penalty weight for the next update
    φ: Array | None = None  # critic parameters, where there are any
    critic_status: Status | None = None  # why φ moved, or did not, by a step of its own
    info: dict[str, float] = field(factory=dict)  # what else the update measured, by name
    M: Any = None  # the struct that made the step
    rule: Any = None  # the struct of chapter 12 whose body it is: M, or M's rule
    θ_old: Array | None = None  # (n,), where the step began
    _change: Change = field(factory=Change)  # divergence and improvement of the step

    def __repr__(self) -> str:
        shown = {"accepted": self.accepted, "reason": self.reason, "backtracks": self.backtracks, "β": self.β}
        φ = None if self.φ is None else brief(self.φ)
        return f"Step(θ={brief(self.θ)}, {', '.join(f'{k}={x!r}' for k, x in shown.items())}, φ={φ})"

    @property
    def accepted(self) -> bool:
        """Whether θ moved."""
        return self.status.moved

    @property
    def kl(self) -> float | None:
        """Surrogate constraint at θ, in nats; None where the update had no likelihoods of recorded actions.

        It is inf where it overflows, which can happen only with a rule that does not bound it; never NaN.
        """
        return self._change.numbers[0]

    @property
    def improvement(self) -> float | None:
        """Surrogate objective at θ minus its value before; None where the update had no likelihoods.

        It is inf or -inf where the surrogate overflows, and -inf where that is NaN; never NaN itself.
        """
        return self._change.numbers[1]

    @property
    def reason(self) -> str:
        """Why θ moved, or did not, and why φ did not."""
        unchanged = "; θ is unchanged" if self.status is Status.NOTHING_ACCEPTED else ": θ is unchanged"
        said = why(self) + ("" if self.accepted else unchanged)
        return said + ("; the critic's step overflows: φ is unchanged" if self.critic_overflows else "")

    @property
    def critic_overflows(self) -> bool:
        """Whether φ stays because the critic's own step overflows."""
        return self.critic_status is Status.STEP_OVERFLOWS


def why(taken: Step) -> str:
    """Why θ moved, or did not, in a few words."""
    if taken.status is Status.ACCEPTED:
        return f"accepted after {taken.backtracks} backtrack{'s' * (taken.backtracks != 1)}"
    if taken.status is Status.NOTHING_ACCEPTED:
        max_kl = getattr(taken.M, "max_kl", None)
        in_all = "" if max_kl is None else f", had a divergence <= max_kl = {max_kl:g} in every state,"
        return (
            f"no step accepted: none of {taken.rule.max_backtracks + 1} points on the segment to the natural update "
            f"met the constraint <= {taken.rule.ε}{in_all} and improved the surrogate objective"
        )
    if taken.status is Status.BEYOND_MAX_KL:
        return f"{taken.status.value} = {taken.M.max_kl}"
    return taken.status.value


class WithCritic:
    """An update that fits a critic too: `step` and `update` want its parameters φ."""

    __slots__ = ()


def check_critic(M: Any, φ: Any) -> None:
    """Raise TypeError if `step` does not know M, if M has a critic and φ is None, or if it has none and φ is given."""
    if step.dispatch(type(M)) is step.dispatch(object):
        unknown(update, "M", M)
    if isinstance(M, WithCritic) and φ is None:
        raise TypeError(f"φ = None: {type(M).__name__} needs its critic's parameters, as in step(M, π, θ, φ)")
    if not isinstance(M, WithCritic) and φ is not None:
        raise TypeError(f"φ: {type(M).__name__} has no critic, and takes no parameters of one")


def followed(M: Any, here: LocalModel) -> Step:
    """The Step of the body registered for M; TypeError, naming M, where the body gives anything else."""
    taken = follow(M, here)
    if not isinstance(taken, Step):
        raise TypeError(
            f"the body of {type(M).__name__} gave {shortened(taken)}: must be a Step, as `stepped` makes it"
        )
    return taken


def stepped(M: Any, here: LocalModel, θ_new: Array) -> Step:
    """The Step of the rule M from here.θ to θ_new; it stays where θ_new is not finite, is θ, or is refused."""
    if np.shape(θ_new) != here.θ.shape:
        raise ValueError(f"θ_new of {type(M).__name__} has shape {np.shape(θ_new)}: must be that of θ, {here.θ.shape}")
    with np.errstate(over="ignore"):
        θ_new = np.asarray(θ_new, here.θ.dtype)
    return landed(M, here, here.at(θ_new))


def landed(M: Any, here: LocalModel, point: Point, *, bounded: bool = False, β: float | None = None) -> Step:
    """The Step of the rule M from here.θ to the point; it stays where the point is not finite, is θ, or is refused.

    The local model may refuse a point; with `bounded` it is refused too where the surrogates overflow there. β is the
    penalty weight for the next update.
    """
    if not all_finite(point.θ):
        return stayed(M, here, Status.STEP_OVERFLOWS, β)
    if np.array_equal(point.θ, here.θ):
        return stayed(M, here, Status.NO_DIRECTION, β)
    refusal = here.refusal(point) or (Status.SURROGATE_OVERFLOWS if bounded and point.overflows else None)
    return stayed(M, here, refusal, β) if refusal else arrived(M, here, point, Status.STEPPED, 0, β)


def stayed(M: Any, here: LocalModel, status: Status, β: float | None = None) -> Step:
    """The Step of the rule M that leaves θ where it is, with the reason `status`."""
    change = Change(None, (0.0, 0.0) if here.measures else (None, None))
    return Step(here.θ, status, None, β, M=M, rule=M, θ_old=here.θ, change=change)


def arrived(M: Any, here: LocalModel, point: Point, status: Status, backtracks: int, β: float | None = None) -> Step:
    """The Step of the rule M from here.θ to the point, without further checks."""
    change = Change((here.start, point)) if here.measures else Change()
    if status is Status.ACCEPTED:
        change.numbers  # noqa: B018  the line search has computed them: release the points now
    return Step(point.θ, status, backtracks, β, M=M, rule=M, θ_old=here.θ, change=change)
