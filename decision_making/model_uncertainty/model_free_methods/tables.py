"""Q-learning, Sarsa and Sarsa(λ) with a table of action values (algorithms 17.2 to 17.4), all replications at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from attrs import field

from decision_making.checks import Array, count, discount, flag, one_of, probability
from decision_making.model_uncertainty.learners import (
    Learner,
    batch_shape,
    each,
    how_many,
    initial,
    of_which,
    rates,
    revise,
    rows_of,
    values,
)
from decision_making.model_uncertainty.model_free_methods.trails import Trail
from decision_making.speed import largest
from decision_making.structs import struct
from decision_making.verbs import end, start

Rate = float | Array
learning_rate = each(probability)


@struct
class QLearning:
    """Q-learning: Q(s, a) ← Q(s, a) + α (r + γ max_a' Q(s', a') - Q(s, a)) (algorithm 17.2, equation 17.10).

    `start(M, batch, Q=0.0)` makes the model. α and γ may be arrays, one number for each replication.
    """

    S: int = field(converter=how_many, validator=count)  # number of states
    A: int = field(converter=how_many, validator=count)  # number of actions
    γ: Rate = field(converter=rates, validator=each(discount))  # discount factor
    α: Rate = field(converter=rates, validator=learning_rate)  # learning rate


@struct
class Sarsa:
    """Sarsa: Q(s, a) ← Q(s, a) + α (r + γ Q(s', a') - Q(s, a)), with the next action a' (algorithm 17.3, 17.11).

    As in the book, a step is learnt from in the next call of `update`, when a' is known; s' is not used. A step that
    `update` is told leads to a terminal state is learnt from at once, with value 0 after it. Where an episode is cut
    off, its last step is dropped; the listing keeps it, as `at_end="keep"` does, and so takes the first pair of the
    next episode for its successor.
    """

    S: int = field(converter=how_many, validator=count)  # number of states
    A: int = field(converter=how_many, validator=count)  # number of actions
    γ: Rate = field(converter=rates, validator=each(discount))  # discount factor
    α: Rate = field(converter=rates, validator=learning_rate)  # learning rate
    at_end: str = field(default="drop", kw_only=True, validator=one_of("drop", "keep"))  # of a step not learnt from


@struct
class SarsaLambda:
    """Sarsa with eligibility traces: Q ← Q + α δ N for all pairs, N ← γλN (algorithm 17.4, equations 17.12 to 17.14).

    N(s, a) grows by 1 when a is taken in s; with `replacing` it is set to 1. Ends of episodes are treated as in
    `Sarsa`; where the last step is dropped, the traces are cleared.
    """

    S: int = field(converter=how_many, validator=count)  # number of states
    A: int = field(converter=how_many, validator=count)  # number of actions
    γ: Rate = field(converter=rates, validator=each(discount))  # discount factor
    α: Rate = field(converter=rates, validator=learning_rate)  # learning rate
    λ: Rate = field(converter=rates, validator=learning_rate)  # decay of the traces
    replacing: bool = field(default=False, kw_only=True, validator=flag)  # whether traces are set to 1
    at_end: str = field(default="drop", kw_only=True, validator=one_of("drop", "keep"))  # of a step not learnt from


@struct(frozen=False, repr=False)
class QTable(Learner):
    """A learnt table of action values, that of Q-learning (`start(QLearning(…))`)."""

    Q: Array  # action values (…, S, A)


@struct(frozen=False, repr=False)
class SarsaTable(QTable):
    """The table of Sarsa, with the step that it has not learnt from yet."""

    last_s: Array  # its state (…)
    last_a: Array  # its action (…)
    last_r: Array  # its reward (…)
    has_last: Array  # whether there is one (…)

    bounds: ClassVar = {"last_s": (0, 2**62), "last_a": (0, 2**62)}

    def check_contents(self, arrays: Mapping[str, Array]) -> None:
        """ValueError where the last step is of a state or an action that the table does not have."""
        for name, n in (("last_s", self.M.S), ("last_a", self.M.A)):
            if (arrays[name] >= n).any():
                raise ValueError(f"{name} holds {arrays[name].max()}: must be below {n}")


@struct(frozen=False, repr=False)
class TracesTable(SarsaTable):
    """The table of Sarsa(λ), with its eligibility traces."""

    N: Array  # traces (…, S, A)
    _trail: Trail | None = field(init=False, default=None)  # where they are; made when needed

    bounds: ClassVar = {**SarsaTable.bounds, "N": (0, 2.0**53)}

    def trail(self) -> Trail:
        """Where the traces are."""
        if self._trail is None:
            self._trail = Trail(self.N)
        return self._trail

    def changed(self) -> None:
        """Where the traces are is not known any more."""
        self._trail = None


@start.register
def start_q_learning(M: QLearning, batch: Any = (), *, Q: Any = 0.0) -> QTable:
    """A table that begins with a copy of Q: a number, (S, A) or (…, S, A)."""
    batch = batch_shape(M, batch)
    return QTable(M, np.zeros(batch, int), initial("Q", Q, batch, (M.S, M.A)))


def _begun(M: Sarsa | SarsaLambda, batch: tuple[int, ...], Q: Any) -> dict[str, Any]:
    """The arrays of Sarsa's table."""
    dtypes = {"k": int, "last_s": np.intp, "last_a": np.intp, "last_r": float, "has_last": bool}
    zeros: dict[str, Array] = {name: np.zeros(batch, dtype) for name, dtype in dtypes.items()}
    return {"M": M, "Q": initial("Q", Q, batch, (M.S, M.A)), **zeros}


@start.register
def start_sarsa(M: Sarsa, batch: Any = (), *, Q: Any = 0.0) -> SarsaTable:
    """A table that begins with a copy of Q: a number, (S, A) or (…, S, A)."""
    return SarsaTable(**_begun(M, batch_shape(M, batch), Q))


@start.register
def start_sarsa_lambda(M: SarsaLambda, batch: Any = (), *, Q: Any = 0.0) -> TracesTable:
    """A table that begins with a copy of Q: a number, (S, A) or (…, S, A), and no traces."""
    batch = batch_shape(M, batch)
    return TracesTable(**_begun(M, batch, Q), N=np.zeros((*batch, M.S, M.A)))


@values.register
def action_values_in_a_table(model: QTable, s: Any) -> Array:
    """The rows of the table, which is not copied where s is None."""
    if s is None:
        return model.Q
    return rows_at(model.Q, rows_of(model, s))


def move(x: Array, k: Array, δ: Any) -> None:
    """x[k] += δ in the flat array x. No index may be there twice: the replications are disjoint."""
    x = x.reshape(-1)
    x[k] = x.take(k) + δ


@revise.register
def revise_q_table(model: QTable, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """Algorithm 17.2."""
    M = model.M
    u = M.γ * best_at(model.Q, rows_of(model, s_next))
    if terminated is not None:
        u = np.where(terminated, 0.0, u)
    k, Q = rows_of(model, s) * M.A + a, model.Q.reshape(-1)
    q = Q.take(k)
    Q[k] = q + M.α * (r + u - q)


@revise.register
def revise_sarsa(model: SarsaTable, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """Algorithm 17.3: the step before is learnt from, and this one kept."""
    M, Q = model.M, model.Q.reshape(-1)
    k, last = rows_of(model, s) * M.A + a, rows_of(model, model.last_s) * M.A + model.last_a
    move(Q, last, np.where(model.has_last, M.α * (model.last_r + M.γ * Q.take(k) - Q.take(last)), 0.0))
    if terminated is not None and terminated.any():
        move(Q, k, np.where(terminated, M.α * (r - Q.take(k)), 0.0))
    _keep(model, s, a, r, terminated)


def _keep(model: SarsaTable, s: Array, a: Array, r: Array, terminated: Any) -> None:
    """Keep the step (s, a, r), except where it has been learnt from already."""
    model.last_s[...], model.last_a[...], model.last_r[...] = s, a, r
    model.has_last[...] = True if terminated is None else ~terminated


@revise.register
def revise_sarsa_lambda(
    model: TracesTable, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any
) -> None:
    """Algorithm 17.4."""
    M, Q = model.M, model.Q.reshape(-1)
    if not model.has_last.all():
        model.N[~model.has_last] = 0
        model.trail().clear(~model.has_last)
    k, last = rows_of(model, s) * M.A + a, rows_of(model, model.last_s) * M.A + model.last_a
    δ = np.where(model.has_last, model.last_r + M.γ * Q.take(k) - Q.take(last), 0.0)
    _trace(model, last, model.has_last, δ)
    if terminated is not None and terminated.any():
        _trace(model, k, terminated, np.where(terminated, r - Q.take(k), 0.0))
    _keep(model, s, a, r, terminated)


def _trace(model: TracesTable, k: Array, some: Array, δ: Array) -> None:
    """Raise the traces k where `some` is true, move all values by them, and let them decay there."""
    M, Q, N = model.M, model.Q.reshape(-1), model.N.reshape(-1)
    N[k] = np.where(some, 1.0 if M.replacing else N.take(k) + 1, N.take(k))
    change, decay = (M.α * δ)[..., None], np.where(some, M.γ * M.λ, 1.0)[..., None]
    i = model.trail().noted(k, some)
    if i is None:
        model.Q += change[..., None] * model.N
        model.N *= decay[..., None]
    else:
        n = N.take(i)
        Q[i] = Q.take(i) + change * n
        N[i] = n * decay


@end.register
def end_sarsa(model: SarsaTable, which: Any = None) -> SarsaTable:
    """Drop the step that was not learnt from, unless M.at_end is "keep"."""
    which = of_which(model, which)
    if model.M.at_end == "drop":
        model.has_last[which] = False
    return model


def rows_at(x: Array, i: Array) -> Array:
    """The rows i (…) of x, whose last axis they are, all other axes taken as one: (…, x.shape[-1])."""
    return x.reshape(-1, x.shape[-1]).take(i, axis=0)


def best_at(x: Array, i: Array) -> Array:
    """The largest entry of each of these rows, (…)."""
    rows = rows_at(x, i)
    return rows.max(axis=-1) if rows.ndim != 2 else largest(rows)
