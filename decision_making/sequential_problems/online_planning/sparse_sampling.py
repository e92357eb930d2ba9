"""Sparse sampling: forward search over m sampled successors of each action (algorithm 9.4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, count_or_zero
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.policies import Greedy
from decision_making.sequential_problems.online_planning.draws import Draws, draws_of
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, generator, planned
from decision_making.sequential_problems.online_planning.rollouts import leaf_values
from decision_making.sizes import check_size, power
from decision_making.structs import struct
from decision_making.verbs import plan

BLOCK = 1 << 18  # samples of the last level at a time


@struct(repr=False)
class SparseSampling(OnlinePlanner):
    """The best action by looking d steps ahead along m samples of each action (algorithm 9.4).

        Q(s, a) = 1/m Σ r + γ max_a' Q(s', a'),    (s', r) ~ TR(s, a)

    Needs no model, only TR. For d = 1 each Q is unbiased; the maximum over noisy values is too high, by less the larger
    m is. Time (m A)^d; the samples of a level are one array, those of the last level in blocks.
    Raises `TooLargeError` where a level would have more than 20 million samples.
    """

    d: int = field(validator=count)  # depth, steps
    m: int = field(validator=count)  # samples of each action
    U: Any  # leaf value: an array over the states, a function of a batch of states, or a RolloutEstimate

    exact = False

    def did(self, found: Plan) -> str:
        """Samples of each action."""
        samples = f"{counted(self.m, 'successor')} of every action from {self.origin(found)} on"
        return f"drew {samples}, {counted(self.d, 'step')} deep: {counted(found.visits, 'state')}."


def sampled_level(model: Model, s: Array, m: int, draws: Draws) -> tuple[Array, Array, Array]:
    """m samples of every action of the n live rows: s_next (n A m, ...); r (N, A, m), -inf if not available; rows."""
    N, A = len(s), model.n_actions
    live = np.flatnonzero(~model.terminal(s))
    available = model.available(s[live])
    many = np.repeat(live, A * m)
    a = np.broadcast_to(np.arange(A)[:, None], (len(live), A, m)).ravel()
    if available is None:
        s_next, rewards = model.step(s[many], a, draws, many)
    else:
        there = np.repeat(available, m)
        s_next, rewards = s[many], np.full(len(many), -np.inf)
        s_next[there], rewards[there] = model.step(s[many[there]], a[there], draws, many[there])
    r = np.zeros((N, A, m))
    return s_next, _plus(r, live, rewards), live


def _plus(r: Array, live: Array, u: Array) -> Array:
    """r (N, A, m) with u (n A m,) added to the n live rows, in place; quicker where all are."""
    r[slice(None) if len(live) == len(r) else live] += u.reshape(len(live), *r.shape[1:])
    return r


def sampled_values(model: Model, s: Array, d: int, m: int, U: Any, draws: Draws) -> Array:
    """Q (N, A) of the states s by d levels of samples."""
    A, levels = model.n_actions, []
    for _ in range(d - 1):
        s_next, r, live = sampled_level(model, s, m, draws)
        levels.append((r, live))
        s = s_next
    step = max(1, BLOCK // (A * m))
    parts = [_last_level(model, s[i : i + step], m, U, draws) for i in range(0, len(s), step)]
    Q = np.concatenate(parts) if parts else np.zeros((0, A))
    for r, live in reversed(levels):
        Q = _plus(r, live, model.γ * Q.max(axis=1)).mean(axis=2)
    return Q


def _last_level(model: Model, s: Array, m: int, U: Any, draws: Draws) -> Array:
    s_next, r, live = sampled_level(model, s, m, draws)
    if model.γ > 0 and len(live):
        r = _plus(r, live, model.γ * leaf_values(U, model, s_next, draws))
    return np.asarray(r.mean(axis=2))


@plan.register
def plan_by_sparse_sampling(M: SparseSampling, s: State, *, rng: RNG = None) -> Plan:
    """All states of the batch at once, each with samples of its own."""
    model = M._model
    s, single = model.rows(s)
    branching = model.n_actions * M.m
    instead = "use a smaller d or m, or MonteCarloTreeSearch, whose nodes are at most its simulations"
    check_size("samples in one level", len(s) * power(branching, M.d), instead)
    Q = sampled_values(model, s, M.d, M.m, M.U, draws_of(generator(M, rng), len(s)))
    return planned(M, s, Q, single, visits=sum(branching**j for j in range(M.d + 1)))


def sparse_sampling(P: Any, s: State, d: int, m: int, U: Any, rng: RNG = None) -> Greedy:
    """The pair (a, u) of `SparseSampling(P, d, m, U)`; for d = 0 the action is None and u the leaf value."""
    count_or_zero(None, Named("d"), d)
    M = SparseSampling(P, max(d, 1), m, U, rng=rng)
    if d > 0:
        found = plan(M, s)
        return Greedy(found.a, found.u)
    states, single = M._model.rows(s)
    u = leaf_values(U, M._model, states, draws_of(M.rng, len(states)))
    return Greedy(None, float(u[0]) if single else u)
