"""Sparse sampling: forward search over m sampled successors of each action (algorithm 9.4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, count_or_zero
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.policies import Greedy
from decision_making.sequential_problems.online_planning.draws import Draws, SharedStream
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, generator, planned
from decision_making.sequential_problems.online_planning.rollouts import Leaf, leaf_function, leaf_values
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


class Level(NamedTuple):
    """N states from which every action was sampled m times, unless they are terminal."""

    N: int
    live: Array  # positions of those that are not terminal (n,)
    r: Array  # mean rewards of these (A, n); actions come first, so that sums and maxima run over whole rows


def sampled_level(model: Model, s: Array, m: int, draws: Draws) -> tuple[Array, Level]:
    """The samples (m A n, ...) of m successors of every action, sample by sample, and the level."""
    live = np.flatnonzero(~model.terminal(s))
    s_next, r = model.samples(s[live], m, draws)
    return s_next, Level(len(s), live, r)


def backed_up(level: Level, γ: float, u: Array) -> Array:
    """Q (A, N) of the states from the values u (m A n,) of the samples."""
    A, n = level.r.shape
    Q = level.r
    if γ > 0 and n:
        samples = u.reshape(-1, A, n)
        Q = Q + γ / len(samples) * samples.sum(axis=0)
    if n == level.N:
        return Q
    every = np.zeros((A, level.N))
    every[:, level.live] = Q
    return every


def sampled_values(model: Model, s: Array, d: int, m: int, leaf: Leaf, draws: Draws) -> Array:
    """Q (A, N) of the states s by d levels of samples."""
    levels = []
    for _ in range(d - 1):
        s, level = sampled_level(model, s, m, draws)
        levels.append(level)
    step = max(1, BLOCK // (model.n_actions * m))
    parts = [last_level(model, s[i : i + step], m, leaf, draws) for i in range(0, len(s), step)]
    Q = np.concatenate(parts, axis=1) if parts else np.zeros((model.n_actions, 0))
    for level in reversed(levels):
        Q = backed_up(level, model.γ, Q.max(axis=0))
    return Q


def last_level(model: Model, s: Array, m: int, leaf: Leaf, draws: Draws) -> Array:
    """Q (A, N) of states whose samples are leaves, which without a future are not asked for."""
    s_next, level = sampled_level(model, s, m, draws)
    return backed_up(level, model.γ, leaf(s_next) if model.γ > 0 and len(s_next) else np.zeros(0))


@plan.register
def plan_by_sparse_sampling(M: SparseSampling, s: State, *, rng: RNG = None) -> Plan:
    """All states of the batch at once, each with samples of its own."""
    model = M._model
    s, single = model.rows(s)
    branching = model.n_actions * M.m
    instead = "use a smaller d or m, or MonteCarloTreeSearch, whose nodes are at most its simulations"
    check_size("samples in one level", len(s) * power(branching, M.d), instead)
    draws = SharedStream(generator(M, rng))
    Q = sampled_values(model, s, M.d, M.m, leaf_function(M.U, model, draws), draws)
    return planned(M, s, Q.T, single, visits=sum(branching**j for j in range(M.d + 1)))


def sparse_sampling(P: Any, s: State, d: int, m: int, U: Any, rng: RNG = None) -> Greedy:
    """The pair (a, u) of `SparseSampling(P, d, m, U)`; for d = 0 the action is None and u the leaf value."""
    count_or_zero(None, Named("d"), d)
    M = SparseSampling(P, max(d, 1), m, U, rng=rng)
    if d > 0:
        found = plan(M, s)
        return Greedy(found.a, found.u)
    states, single = M._model.rows(s)
    u = leaf_values(U, M._model, states, SharedStream(M.rng))
    return Greedy(None, float(u[0]) if single else u)
