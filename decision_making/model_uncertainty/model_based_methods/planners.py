"""Planners: how a learnt model changes its utilities after each step (algorithms 16.3 to 16.5 and 16.9).

A planner is frozen settings. `update(planner, model, s, a, r, s_next)` changes model.U, and, for prioritised sweeping,
model.priority, in place, for all replications at once.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import singledispatch
from typing import Any, ClassVar

import numpy as np
from attrs import field

from decision_making.checks import Array, count, count_or_zero, flag, not_negative
from decision_making.dispatching import unknown
from decision_making.model_uncertainty.learners import Learner, known_states, replications, rows_of, values
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.exact_solution_methods import TIE
from decision_making.structs import struct
from decision_making.verbs import update


@struct
class FullUpdate:
    """The exact utilities of the learnt model, after every step or every `every` steps (algorithm 16.3).

    The listing solves a linear program; here it is policy iteration from the policy that the old utilities suggest,
    which mostly ends in a round or two. The model's γ must be below 1.
    """

    every: int = field(default=1, kw_only=True, validator=count)  # steps between solutions


@struct
class RandomizedUpdate:
    """A backup of the state that was left, then of m states drawn uniformly, one after the other (algorithm 16.4)."""

    m: int = field(validator=count_or_zero)  # states drawn


@struct
class PrioritizedUpdate:
    """Prioritised sweeping: m backups, where utilities are likely to change most (algorithm 16.5).

    The state that was left comes first. When a backup changes U(x) by δ, each state s⁻ that may lead to x gets the
    priority max_a T(x | s⁻, a) |δ|, if that is more than it has. The queue lives on from one step to the next. The
    largest priority is next, of equal ones the lowest state.
    """

    m: int = field(validator=count)  # backups at most
    threshold: float = field(default=0.0, kw_only=True, validator=not_negative)  # states of priority up to it wait


@struct
class PosteriorSamplingUpdate:
    """The utilities of a model drawn from the posterior, sampled anew after every step (algorithm 16.9).

    With `per_episode` a sampled model is kept until the episode ends: a plan that changes after every step may never
    reach a state that is many steps away. For a `BayesianMDP`; its γ must be below 1.
    """

    per_episode: bool = field(default=False, kw_only=True, validator=flag)  # whether one is drawn for each episode


BLOCK = 1 << 22  # numbers of a block of tables
ROUNDS = 1000  # of policy iteration at most
EXACT = FullUpdate, PosteriorSamplingUpdate
PLANNERS = (*EXACT, RandomizedUpdate, PrioritizedUpdate)


@struct(frozen=False, repr=False)
class ModelBased(Learner):
    """A learnt model of a problem, with utilities that a planner keeps up to date."""

    U: Array  # utilities (…, S)
    priority: Array  # of states in the queue of prioritised sweeping, 0 for the others (…, S)
    backups: Array  # of single states so far (…)
    ended: Array  # which states are known to end an episode, and are worth 0 (…, S)

    bounds: ClassVar = {"priority": (0, 1e300), "backups": (0, 2.0**62)}

    @abstractmethod
    def tables(self) -> tuple[Array, Array]:
        """T (…, S, A, S) and R (…, S, A) that would hold if no state ended an episode; a row of T may be 0: it ends."""

    @abstractmethod
    def rows(self, i: Array) -> tuple[Array, Array]:
        """T (…, A, S) and R (…, A) of the states in the rows i (…) of all replications, likewise."""

    @abstractmethod
    def columns(self, x: Array) -> Array:
        """T(x | s, a), (…, S, A), of a state x (…) of each replication, likewise."""


def note_ends(model: ModelBased, s: Array, s_next: Array, terminated: Any) -> None:
    """Remember which of the states s_next are terminal: from now on they are worth 0. A state that was left is not.

    Nothing is ever tried in a terminal state, so that without this R-MAX would hope for it for ever.
    """
    ended, U = model.ended.reshape(-1), model.U.reshape(-1)
    ended[rows_of(model, s)] = False
    if terminated is None or not terminated.any():
        return
    k = rows_of(model, s_next)[terminated]
    if isinstance(model.M.planner, PrioritizedUpdate):  # a backup of its own tells those that lead there
        model.priority.reshape(-1)[k] = np.abs(U[k])
    else:
        U[k] = 0.0
    ended[k] = True


@values.register
def action_values_of_a_model(model: ModelBased, s: Any) -> Array:
    """R + γ Σ T U, of the states s (…) or of all."""
    i = rows_of(model, np.broadcast_to(np.arange(model.M.S), model.U.shape) if s is None else s)
    T, R = model.rows(i)
    ended = model.ended.reshape(-1)[i][..., None]
    U = model.U.reshape(*model.batch, *(1,) * (i.ndim - len(model.batch)), -1)
    return np.where(ended, 0.0, R + model.M.γ * (T @ U[..., None])[..., 0])


def q(T: Array, R: Array, γ: float, U: Array) -> Array:
    """R + γ Σ T U of all states, (…, S, A)."""
    *batch, n_states, n_actions = R.shape
    return R + γ * (T.reshape(*batch, n_states * n_actions, n_states) @ U[..., None]).reshape(R.shape)


def best_utilities(T: Array, R: Array, γ: float, U: Array) -> Array:
    """U* (B, S) of B models T (B, S, A, S), R (B, S, A), by policy iteration from what U (B, S) suggests.

    Rows of T may sum to less than 1. An action among the best (within 1e-12 of the largest |Q|) is kept.
    """
    n_states = R.shape[1]
    a, s, going = np.argmax(q(T, R, γ, U), axis=-1), np.arange(n_states), np.arange(len(R))
    U = U.copy()
    for _ in range(ROUNDS):
        i = going[:, None]
        U[going] = np.linalg.solve(np.eye(n_states) - γ * T[i, s, a[going]], R[i, s, a[going]][..., None])[..., 0]
        Q = q(T[going], R[going], γ, U[going])
        best = np.argmax(Q, axis=-1)
        gain = (np.take_along_axis(Q, best[..., None], -1) - np.take_along_axis(Q, a[going][..., None], -1))[..., 0]
        better = gain > TIE * np.abs(Q).max(axis=(1, 2))[:, None]
        a[going] = np.where(better, best, a[going])
        going = going[better.any(axis=1)]
        if not going.size:
            break
    return U


def solved(model: ModelBased, which: Array, T: Any, R: Any) -> None:
    """U ← U* for the replications `which` (numbers) of the tables T(i), R(i) of a block of them; 0 in ended states."""
    n_states = model.M.S
    U, ended = model.U.reshape(-1, n_states), model.ended.reshape(-1, n_states)
    block = max(1, BLOCK // (n_states**2 * model.M.A))
    for j in range(0, len(which), block):
        i = which[j : j + block]
        over = ended[i][..., None]
        U[i] = best_utilities(np.where(over[..., None], 0.0, T(i)), np.where(over, 0.0, R(i)), model.M.γ, U[i])


# ---- planning: one method for each planner


@singledispatch
def plan(planner: object, model: ModelBased, s: Array, rng: Any) -> None:
    """Plan after a step from the states s (…): the utilities change in place."""
    unknown(plan, "planner", planner)


@update.register
def update_by_a_planner(
    planner: FullUpdate | RandomizedUpdate | PrioritizedUpdate | PosteriorSamplingUpdate,
    model: Any,
    s: Any,
    a: Any = None,
    r: Any = None,
    s_next: Any = None,
    rng: RNG = None,
) -> Any:
    """The book's update!(planner, model, s, a, r, s′): the model, its utilities changed in place."""
    plan_in(model, planner, known_states(model, "s", s), default_rng(rng))
    return model


@singledispatch
def plan_in(model: object, planner: Any, s: Array, rng: Any) -> None:
    """What a planner does in a model of this kind after a step from the states s (…)."""
    unknown(plan_in, "model", model)


@plan_in.register
def plan_in_tables(model: ModelBased, planner: Any, s: Array, rng: Any) -> None:
    """`plan`, by the method of the planner."""
    plan(planner, model, s, rng)


@plan.register
def plan_fully(planner: FullUpdate, model: ModelBased, s: Array, rng: Any) -> None:
    """Algorithm 16.3."""
    due = np.flatnonzero((model.k.reshape(-1) + 1) % planner.every == 0)
    if due.size:
        T, R = model.tables()
        n_states, n_actions = R.shape[-2:]
        T, R = T.reshape(-1, n_states, n_actions, n_states), R.reshape(-1, n_states, n_actions)
        solved(model, due, lambda i: T[i], lambda i: R[i])


def back_up(model: ModelBased, i: Array) -> Array:
    """U ← max_a Q in the rows i of all states, one for each replication of the flat batch; the changes (m,)."""
    U = model.U.reshape(-1, model.M.S)
    T, R = model.rows(i)
    b = i // model.M.S
    u = np.where(model.ended.reshape(-1)[i], 0.0, (R + model.M.γ * (T @ U[b][..., None])[..., 0]).max(axis=-1))
    flat = model.U.reshape(-1)
    change = u - flat[i]
    flat[i] = u
    model.backups.reshape(-1)[b] += 1
    return change


@plan.register
def plan_randomly(planner: RandomizedUpdate, model: ModelBased, s: Array, rng: Any) -> None:
    """Algorithm 16.4."""
    first = replications(model.batch).ravel() * model.M.S
    back_up(model, first + s.ravel())
    for x in default_rng(rng).integers(model.M.S, size=(planner.m, len(first))):
        back_up(model, first + x)


@plan.register
def plan_by_priority(planner: PrioritizedUpdate, model: ModelBased, s: Array, rng: Any) -> None:
    """Algorithm 16.5; the state that was left, whose priority is infinite there, is backed up before all."""
    n_states = model.M.S
    priority, b, x = model.priority.reshape(-1, n_states), replications(model.batch).ravel(), s.ravel()
    for _ in range(planner.m):
        priority[b, x] = 0
        δ = np.zeros(len(priority))
        δ[b] = np.abs(back_up(model, b * n_states + x))
        whole = np.zeros(len(priority), np.intp)
        whole[b] = x
        p = model.columns(whole.reshape(model.batch)).reshape(len(priority), n_states, -1).max(axis=-1)
        p = np.where(model.ended.reshape(p.shape), 0.0, p * δ[:, None])
        np.maximum(priority, np.where(p > planner.threshold, p, 0), out=priority)
        x = np.argmax(priority, axis=1)
        b = np.flatnonzero(priority[np.arange(len(x)), x] > 0)
        x = x[b]
        if not b.size:
            return
