"""Gradient Q-learning from a buffer of past steps (algorithm 17.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from attrs import field

from decision_making.checks import Array, count, flag, refuse
from decision_making.model_uncertainty.learners import batch_shape, initial, revise
from decision_making.model_uncertainty.model_free_methods.gradient import (
    QFunction,
    _GradientSettings,
    scaled_step,
    semi_gradient,
)
from decision_making.sampling import default_rng
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct
from decision_making.verbs import start


def _tuple(x: Any) -> Any:
    return tuple(x) if isinstance(x, tuple | list) else (x,)


def _shape(M: object, field: Any, shape: tuple[Any, ...]) -> None:
    for n in shape:
        count(M, field, n)


@struct
class ReplayGradientQLearning(_GradientSettings):
    """Gradient Q-learning with experience replay (algorithm 17.6, equation 17.22).

    The last `capacity` steps are kept. A step that finds the buffer full makes θ move by the mean Δ of m_grad steps
    drawn from it with replacement, shortened to `limit`; then the m oldest leave and the new one is stored. With
    `as_listed` the new step is lost, as in the listing. Nothing is learnt before `capacity` steps were made: choose it
    smaller than the run. Q, grad_Q and θ as in `GradientQLearning`.
    """

    capacity: int = field(validator=count)  # steps that the buffer holds
    m: int = field(validator=count)  # oldest steps that leave it after a move of θ
    m_grad: int = field(validator=count)  # steps drawn for a move of θ
    state_shape: tuple[int, ...] = field(default=(), kw_only=True, converter=_tuple, validator=_shape)  # of one state
    as_listed: bool = field(default=False, kw_only=True, validator=flag)  # whether the new step is lost

    def __attrs_post_init__(self) -> None:
        _GradientSettings.__attrs_post_init__(self)
        if self.m > self.capacity:
            refuse(self, "m", self.m, f"at most the capacity {self.capacity}")


@struct(frozen=False, repr=False)
class ReplayQFunction(QFunction):
    """Learnt parameters, and the buffer: a ring in which `size` steps begin at the place `first`."""

    s: Array  # states (…, capacity, …)
    a: Array  # actions (…, capacity)
    r: Array  # rewards (…, capacity)
    s_next: Array  # states after them (…, capacity, …)
    ended: Array  # whether these are terminal (…, capacity)
    first: Array  # place of the oldest step (…)
    size: Array  # number of steps (…)

    bounds: ClassVar = {"first": (0, 2**31), "size": (0, 2**31)}

    def check_contents(self, arrays: Mapping[str, Array]) -> None:
        """ValueError where the places are not in the ring, or an action is not in the list."""
        C = self.M.capacity
        if (arrays["first"] >= C).any() or (arrays["size"] > C).any():
            raise ValueError(f"first or size is beyond the capacity {C}")
        kept = np.arange(C) < arrays["size"][..., None]
        a = np.take_along_axis(arrays["a"], (arrays["first"][..., None] + np.arange(C)) % C, axis=-1)[kept]
        if not (((a >= 0) & (a < self.M.A)).all() if isinstance(self.M.A, int) else np.isin(a, self.M.A).all()):
            raise ValueError("a holds an action that is not in the list of the model")


@start.register
def start_replay(M: ReplayGradientQLearning, batch: Any = (), *, θ: Any = None) -> ReplayQFunction:
    """A copy of M.θ, or of the θ that is given, and an empty buffer for each replication."""
    batch, C = batch_shape(M, batch), M.capacity
    check_size("numbers in the buffer", math.prod((*batch, C, *M.state_shape)), "take a smaller capacity", NUMBERS)
    k, first, size = (np.zeros(batch, int) for _ in range(3))
    s, s_next = (np.zeros((*batch, C, *M.state_shape)) for _ in range(2))
    a = np.zeros((*batch, C), int if isinstance(M.A, int) else float)
    steps = s, a, np.zeros((*batch, C)), s_next, np.zeros((*batch, C), bool)
    return ReplayQFunction(M, k, initial("θ", M.θ if θ is None else θ, batch, M.θ.shape), *steps, first, size)


@revise.register
def revise_replay(
    model: ReplayQFunction, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any
) -> None:
    """Algorithm 17.6: replications whose buffer is full move θ, all store the step."""
    M, m = model.M, math.prod(model.batch)
    if s.shape != (*model.batch, *M.state_shape):
        raise ValueError(f"s has shape {s.shape}: must be {(*model.batch, *M.state_shape)}; see state_shape")
    first, size = model.first.reshape(m), model.size.reshape(m)
    full = np.flatnonzero(size == M.capacity)
    if full.size:
        _move(model, full, default_rng(rng))
        first[full] = (first[full] + M.m) % M.capacity
        size[full] -= M.m
    i = np.setdiff1d(np.arange(m), full) if M.as_listed and full.size else np.arange(m)
    place = (first[i] + size[i]) % M.capacity
    ended = np.zeros(m, bool) if terminated is None else terminated.reshape(m)
    for name, x in (("s", s), ("a", a), ("r", r), ("s_next", s_next), ("ended", ended)):
        kept = getattr(model, name)
        rest = kept.shape[len(model.batch) + 1 :]
        kept.reshape(m, M.capacity, *rest)[i, place] = x.reshape(m, *rest)[i]
    size[i] += 1


def _move(model: ReplayQFunction, i: Array, rng: np.random.Generator) -> None:
    """One step of θ for the replications i, whose buffers are full."""
    M, m = model.M, math.prod(model.batch)
    j = i[:, None], rng.integers(M.capacity, size=(len(i), M.m_grad))

    def drawn(x: Array) -> Array:
        return x.reshape(m, *x.shape[len(model.batch) :])[j]

    θ = model.θ.reshape(m, -1)
    tiled = np.broadcast_to(θ[i].T[..., None], (θ.shape[1], len(i), M.m_grad))
    γ = M.γ.reshape(m)[i, None] if isinstance(M.γ, np.ndarray) else M.γ
    steps = (drawn(x) for x in (model.s, model.a, model.r, model.s_next, model.ended))
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows makes θ infinite, which is said
        Δ = semi_gradient(_of_rows(M, γ=γ), tiled, *steps).mean(axis=-1)
    α = M.α.reshape(m)[i] if isinstance(M.α, np.ndarray) else M.α
    θ[i] = scaled_step(_of_rows(M, α=α), θ[i], Δ)


class _of_rows:
    """The settings M with some replaced, unchecked: the discounts here have another shape, one for each drawn step."""

    def __init__(self, M: Any, **other: Any) -> None:
        self.M, self.other = M, other

    def __getattr__(self, name: str) -> Any:
        return self.other[name] if name in self.other else getattr(self.M, name)
