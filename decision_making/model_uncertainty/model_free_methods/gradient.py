"""Q-learning with a function Q(θ, s, a) in place of a table (algorithm 17.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    all_finite,
    count,
    discount,
    function,
    numbers,
    optional,
    parameters,
    positive,
    read_only,
    refuse,
)
from decision_making.model_uncertainty.learners import Learner, batch_shape, each, initial, rates, revise, values
from decision_making.model_uncertainty.model_free_methods.tables import Rate, learning_rate
from decision_making.structs import struct
from decision_making.verbs import start

ValueFunction: TypeAlias = Callable[[Any, Any, Any], Any]


def listed_actions(A: Any) -> Any:
    """Attrs converter of a list of actions: a number n stands for 0..n-1; a list of other numbers becomes an array."""
    empty = not A.size if isinstance(A, np.ndarray) else isinstance(A, list | tuple | range) and not A
    if empty or isinstance(A, int | np.integer):
        return int(A) if isinstance(A, np.integer) else A
    try:
        found = numbers(A, "A")
    except TypeError:
        return A
    if found.ndim == 1 and np.array_equal(found, np.arange(len(found))):
        return len(found)
    return read_only(found)


def few_actions(M: object, field: Any, A: Any) -> None:
    """Attrs validator: a number of actions, or an array of different finite numbers."""
    real = isinstance(A, np.ndarray) and A.ndim == 1 and A.dtype.kind == "f"  # not what `listed_actions` left as it was
    if real and np.isfinite(A).all() and len(np.unique(A)) == len(A):
        return
    if isinstance(A, np.ndarray) or not isinstance(A, int):
        refuse(M, field.name, A, "a number of actions, or a list of different finite numbers")
    count(M, field, A)


@struct
class LinearQ:
    """Q(θ, s, a) = θ_aᵀ β(s): a copy of the features for each of A actions 0, 1, …, θ being the rows θ_a in turn.

    >>> Q = LinearQ(lambda s: np.stack([s, s * s], axis=-1), 2)
    >>> float(Q(np.array([1.0, 2.0, 3.0, 4.0]), np.array(0.5), np.array(1)))  # 3 · 0.5 + 4 · 0.25
    2.5
    """

    features: Callable[[Array], Array] = field(validator=function)  # β(s) (…, k) of states s (…, …)
    A: int = field(validator=count)  # number of actions

    def values(self, θ: Array, s: Array) -> Array:
        """Q of all actions (…, A), for θ (n, …). ValueError where θ is not as long as A copies of the features."""
        β, θ = np.asarray(self.features(s)), np.moveaxis(θ, 0, -1)
        if β.ndim == 0 or θ.shape[-1] != self.A * β.shape[-1]:
            have = f"features of states {np.shape(s)} have shape {β.shape}"
            raise ValueError(f"{have}: must be (…, k) with A·k = {θ.shape[-1]}, the number of parameters")
        return (θ.reshape(*θ.shape[:-1], self.A, β.shape[-1]) @ β[..., None])[..., 0]

    def __call__(self, θ: Array, s: Array, a: Array) -> Array:
        """Q (…) of the actions a (…), for θ (n, …)."""
        return np.take_along_axis(self.values(θ, s), np.asarray(a)[..., None], axis=-1)[..., 0]

    def grad(self, θ: Array, s: Array, a: Array) -> Array:
        """Its gradient by θ, (n, …): β(s) in the rows of a, 0 elsewhere."""
        β = np.asarray(self.features(s))
        own = np.asarray(a)[..., None] == np.arange(self.A)
        return np.moveaxis((own[..., None] * β[..., None, :]).reshape(*own.shape[:-1], -1), -1, 0)


@struct
class _GradientSettings:
    """The settings that both kinds of gradient Q-learning share."""

    A: Any = field(converter=listed_actions, validator=few_actions)  # the actions: their number, or a list of numbers
    γ: Rate = field(converter=rates, validator=each(discount))  # discount factor
    Q: ValueFunction = field(validator=function)  # Q(θ, s, a), or a LinearQ
    grad_Q: ValueFunction | None = field(validator=optional(function))  # ∇Q(θ, s, a) by θ; None: by autograd
    θ: Array = field(converter=parameters)  # parameters to begin with (n,)
    α: Rate = field(converter=rates, validator=learning_rate)  # learning rate
    limit: float = field(default=1.0, kw_only=True, validator=positive)  # length of Δ at most

    def __attrs_post_init__(self) -> None:
        n = self.A if isinstance(self.A, int) else len(self.A)
        if isinstance(self.Q, LinearQ) and n != self.Q.A:
            refuse(self, "Q", self.Q, f"of {n} actions, as many as A has")


@struct
class GradientQLearning(_GradientSettings):
    """θ ← θ + α scale(Δ), Δ = (r + γ max_a' Q(θ, s', a') - Q(θ, s, a)) ∇Q(θ, s, a) (algorithm 17.5, 17.21).

    Q(θ, s, a) acts on whole batches: θ (n, …) has the parameters first, so that θ[0] is a number or an array as s is;
    grad_Q gives (n, …). None takes autograd's. Δ is shortened to the length `limit` if it is longer, 1 in the book. The
    target counts as a constant. The iteration may diverge; the scaled step hides it for a while, so look at ‖θ‖.

    ValueError, and no change, where θ would not stay finite.
    """


@struct(frozen=False, repr=False)
class QFunction(Learner):
    """Learnt parameters of a function Q(θ, s, a) (`start(GradientQLearning(…))`)."""

    θ: Array  # parameters (…, n)


@start.register
def start_gradient_q_learning(M: GradientQLearning, batch: Any = (), *, θ: Any = None) -> QFunction:
    """A copy of M.θ, or of the θ that is given, (n,) or (…, n), for each replication."""
    batch = batch_shape(M, batch)
    return QFunction(M, np.zeros(batch, int), initial("θ", M.θ if θ is None else θ, batch, M.θ.shape))


def values_of_all(M: Any, θ: Array, s: Array) -> Array:
    """Q(θ, s, ·), (…, A), for θ (n, …)."""
    if isinstance(M.Q, LinearQ):
        return M.Q.values(θ, s)
    actions = range(M.A) if isinstance(M.A, int) else M.A
    found = [numbers(M.Q(θ, s, a), "Q(θ, s, a)") for a in actions]
    return np.stack(np.broadcast_arrays(*found), axis=-1)


def gradient_of_q(M: Any, θ: Array, s: Array, a: Array) -> Array:
    """∇Q(θ, s, a), (n, …), for θ (n, …)."""
    if isinstance(M.Q, LinearQ) and M.grad_Q is None:
        return M.Q.grad(θ, s, action_indices_of(M, a))
    if M.grad_Q is not None:
        found = numbers(M.grad_Q(θ, s, a), "grad_Q(θ, s, a)")
    else:
        from autograd import grad

        found = grad(lambda θ: M.Q(θ, s, a).sum() if np.ndim(a) else M.Q(θ, s, a))(θ)
    if found.shape != (len(M.θ), *np.shape(a)):
        raise ValueError(f"∇Q has shape {found.shape}: must be {(len(M.θ), *np.shape(a))}, parameters first")
    return found


def semi_gradient(M: Any, θ: Array, s: Array, a: Array, r: Array, s_next: Array, terminated: Any) -> Array:
    """Δ (n, …) of transitions of any shape, for θ (n, …) (equation 17.21)."""
    ahead, here = values_of_all(M, θ, s_next), values_of_all(M, θ, s)
    for Q in (ahead, here):
        if Q.shape[:-1] != np.shape(r):
            raise ValueError(f"Q(θ, s, a) has shape {Q.shape[:-1]}: must be {np.shape(r)}, a number for each state")
    u = ahead.max(axis=-1)
    if terminated is not None:
        u = np.where(terminated, 0.0, u)
    q = np.take_along_axis(here, action_indices_of(M, a)[..., None], axis=-1)[..., 0]
    δ = r + M.γ * u - q
    if np.isnan(δ).any() and np.isnan([ahead, here]).any():  # and not the difference of two that are infinite
        raise ValueError("Q(θ, s, a) = nan: must be a number")
    return δ * gradient_of_q(M, θ, s, a)


def action_indices_of(M: Any, a: Array) -> Array:
    """The position of each action in M.A."""
    return np.asarray(a, np.intp) if isinstance(M.A, int) else np.abs(a[..., None] - M.A).argmin(axis=-1)


def scaled_step(M: Any, θ: Array, Δ: Array) -> Array:
    """θ (…, n) after a step α Δ, Δ (n, …) being shortened to M.limit; ValueError where that is not finite."""
    Δ = np.moveaxis(Δ, 0, -1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        largest = np.abs(Δ).max(axis=-1, keepdims=True)
        length = largest * np.sqrt((np.where(largest > 0, Δ / largest, 0.0) ** 2).sum(axis=-1, keepdims=True))
        Δ = np.where(length > M.limit, M.limit * (Δ / length), Δ)
        α = np.asarray(M.α)[..., None] if np.ndim(M.α) else M.α
        θ_new = θ + α * Δ
    if not np.isfinite(θ_new).all():
        size = float(np.abs(θ).max())
        raise ValueError(f"θ would not stay finite, its largest entry being {size:g}: try a smaller α than {M.α}")
    return θ_new


@values.register
def action_values_of_a_function(model: QFunction, s: Any) -> Array:
    """Q(θ, s, ·). ValueError without s: there is no list of all states."""
    if s is None:
        raise ValueError("s = None: must be states, for this model does not list them")
    Q = values_of_all(model.M, np.moveaxis(model.θ, -1, 0), s)
    if not all_finite(Q):
        raise ValueError(f"Q(θ, s, a) = {Q[~np.isfinite(Q)][0]}: must be finite")
    return Q


@revise.register
def revise_q_function(model: QFunction, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """Algorithm 17.5."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows makes θ infinite, which is said
        Δ = semi_gradient(model.M, np.moveaxis(model.θ, -1, 0), s, a, r, s_next, terminated)
    model.θ[...] = scaled_step(model.M, model.θ, Δ)
