"""Agents that learn while they play: simulation, fictitious play, gradient ascent (algorithms 24.10 to 24.12).

Joint actions are positions here: arrays (…, n) of whole numbers, one an agent. Leading axes are a batch: of games, of
seeds of one game, or both. All rounds of the whole batch are one loop over time.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, made_array, positive, refuse
from decision_making.multiagent_systems.multiagent_reasoning.policies import (
    SimpleGamePolicy,
    certain,
    contracted,
    draw,
    joint_positions,
    of_agent,
)
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.simple_game import SimpleGame, check_game
from decision_making.simplexes import nearest_distribution
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct
from decision_making.verbs import update


def _batch_shape(x: Any) -> Any:
    shape = tuple(x) if isinstance(x, tuple | list) else (x,)
    for k in shape:
        count(None, Named("batch"), k)
    return tuple(map(int, shape))


@struct(frozen=False, repr=False)
class _LearnerInAGame:
    """What learners of simple games share: the game, the agent, and the number of copies that learn side by side."""

    P: SimpleGame  # the game
    i: Any  # the agent that learns
    batch: tuple[int, ...] = field(default=(), kw_only=True, converter=_batch_shape)  # seeds, before the batch of games

    def __attrs_post_init__(self) -> None:
        check_game(self.P)
        self.at = self.P.position(self.i)
        self.size = self.P.sizes[self.at]
        self.shape = (*self.batch, *self.P.batch)
        self.R = of_agent(self.P, self.at)
        own_last = np.moveaxis(self.R, self.R.ndim - self.P.n + self.at, -1)
        self.rows = np.ascontiguousarray(own_last).reshape(-1, self.size)
        self.games = np.arange(math.prod(self.P.batch)).reshape(self.P.batch)
        self.begin()

    at: int = field(init=False)
    size: int = field(init=False)
    shape: tuple[int, ...] = field(init=False)
    R: Array = field(init=False)
    rows: Array = field(init=False)  # payoffs of its own actions, a row for each game and joint action of the others
    games: Array = field(init=False)  # the number of each game (…)

    def begin(self) -> None:
        """Set the learnt arrays to their initial values."""
        raise NotImplementedError

    def payoffs_against(self, a: Array) -> Array:
        """Rⁱ(aⁱ, a^-i) of each own action (…, Aⁱ), for joint actions a (…, n)."""
        row: Any = self.games
        for j, size in enumerate(self.P.sizes):
            if j != self.at:
                row = row * size + a[..., j]
        return np.asarray(self.rows.take(row, axis=0))

    def __call__(self, a: Any = None, *, rng: RNG = None) -> Any:
        """The probability (…) of action a at present; without a, a random action."""
        return SimpleGamePolicy(self.policy, self.P.A[self.at])(a, rng=rng)

    @property
    def policy(self) -> Array:
        """Probabilities (…, Aⁱ) of its next action."""
        raise NotImplementedError

    def act(self, rng: np.random.Generator) -> Array:
        """Positions (…) of the actions that it takes next."""
        return draw(self.policy, rng)

    def __repr__(self) -> str:
        many = f", batch {self.shape}" if self.shape else ""
        return f"{type(self).__name__}(agent {self.i!r} of {self.P!r}{many})"


@struct(frozen=False, repr=False)
class FictitiousPlay(_LearnerInAGame):
    """A best response to the frequencies of the others' past actions (algorithm 24.11).

    N[j] counts the actions of each agent j, also its own, and starts at `prior`. The first action is uniform, later
    ones are the first best response to the frequencies N[j]/ΣN[j]. With two agents the payoffs are added up instead,
    without a division: with payoffs that are whole numbers ties are exact.
    """

    prior: float = field(default=1.0, kw_only=True, validator=positive)  # counts to begin with
    N: list[Array] = field(init=False)  # counts (..., A) of each agent's actions
    V: Array = field(init=False)  # payoffs of its own actions (..., Ai) against the counts
    k: int = field(init=False, default=0)  # rounds so far

    def begin(self) -> None:
        """Every action was taken `prior` times."""
        self.N = [np.full((*self.shape, size), float(self.prior)) for size in self.P.sizes]
        self.V = np.array(np.broadcast_to(contracted(self.R, self.N, (self.at,)), (*self.shape, self.size)))

    @property
    def policy(self) -> Array:
        """Uniform before the first round, then all on the best response."""
        if self.k == 0:
            return np.full((*self.shape, self.size), 1 / self.size)
        return certain(self.V.argmax(axis=-1), self.size)

    def act(self, rng: np.random.Generator) -> Array:
        """The best responses (…)."""
        return draw(self.policy, rng) if self.k == 0 else np.asarray(self.V.argmax(axis=-1))

    def frequencies(self, j: Any) -> Array:
        """The frequencies N[j]/ΣN[j] (…, A) of agent j's actions, prior counts included."""
        N = self.N[self.P.position(j)]
        return np.asarray(N / N.sum(axis=-1, keepdims=True))


@struct(frozen=False, repr=False)
class GradientAscent(_LearnerInAGame):
    """Steps along the payoffs against what the others just did, projected onto the simplex (algorithm 24.12).

    πⁱ ← the distribution nearest to πⁱ + α r/√t, with r(aⁱ) = Rⁱ(aⁱ, a^-i) at the drawn actions of the others. The step
    of the book, α = 1, ignores the scale of the rewards: with a wide span it jumps from corner to corner, and α =
    1/span suits any game. In zero-sum games the last policy need not converge; the average over time does.
    """

    α: float = field(default=1.0, kw_only=True, validator=positive)  # factor of the step, 1/reward
    π: Array = field(init=False)  # present policy (..., Ai)
    total: Array = field(init=False)  # sum of the policies of all rounds so far
    t: int = field(init=False, default=1)  # number of the next round

    def begin(self) -> None:
        """The uniform policy."""
        self.π = np.full((*self.shape, self.size), 1 / self.size)
        self.total = np.zeros_like(self.π)

    @property
    def policy(self) -> Array:
        """The present policy."""
        return self.π

    @property
    def average(self) -> Array:
        """The mean (…, Aⁱ) of the policies of all rounds so far; before the first the present one."""
        return self.total / (self.t - 1) if self.t > 1 else self.π


@update.register
def update_fictitious_play(learner: FictitiousPlay, a: Any) -> FictitiousPlay:
    """Count the joint action a (…, n); changes the learner, and returns it."""
    return _count(learner, joint_positions(learner.P.sizes, learner.shape, a))


def _count(learner: FictitiousPlay, a: Array) -> FictitiousPlay:
    for j, N in enumerate(learner.N):
        first = np.arange(0, N.size, N.shape[-1])
        N.reshape(-1)[first + a[..., j].reshape(-1)] += 1
    if learner.P.n <= 2:
        learner.V += learner.payoffs_against(a)
    else:
        learner.V = contracted(learner.R, learner.N, (learner.at,))
    learner.k += 1
    return learner


@update.register
def update_gradient_ascent(learner: GradientAscent, a: Any) -> GradientAscent:
    """One step against the joint action a (…, n); changes the learner, and returns it."""
    return _climb(learner, joint_positions(learner.P.sizes, learner.shape, a))


def _climb(learner: GradientAscent, a: Array) -> GradientAscent:
    learner.total += learner.π
    r = learner.payoffs_against(a)
    learner.π = nearest_distribution(learner.π + learner.α / np.sqrt(learner.t) * r)
    learner.t += 1
    return learner


@struct(repr=False)
class Play:
    """What happened in `play`: the learners after it, and the joint actions of all rounds."""

    π: list[Any]  # learners, one an agent, as they are at the end
    a: Array  # positions of the joint actions (k_max, ..., n)

    def frequencies(self, i: int) -> Array:
        """Frequencies of the actions of the agent at position i after each round (k_max, …, Aⁱ), without a prior."""
        check_size("frequencies", self.a[..., i].size * self.π[i].size, "ask for fewer rounds", NUMBERS)
        taken = self.a[..., i, None] == np.arange(self.π[i].size)
        rounds = np.arange(1, len(self.a) + 1).reshape(-1, *(1,) * (taken.ndim - 1))
        return np.asarray(np.cumsum(taken, axis=0) / rounds)

    def joint_frequencies(self) -> Array:
        """How often each joint action was taken in all rounds (…, A¹, …, Aⁿ)."""
        sizes = self.π[0].P.sizes
        flat, joint = np.ravel_multi_index(tuple(np.moveaxis(self.a, -1, 0)), sizes), math.prod(sizes)
        k_max, *batch = flat.shape
        plays = math.prod(batch)
        check_size("frequencies", plays * joint, "ask for those of fewer plays", NUMBERS)
        counts = np.bincount((flat.reshape(k_max, -1) + joint * np.arange(plays)).ravel(), minlength=plays * joint)
        return np.asarray(counts / k_max).reshape(*batch, *sizes)

    def runs(self) -> list[tuple[tuple[int, ...], int]]:
        """The joint actions of one play, by position, each with the number of successive rounds that took it."""
        if self.a.ndim != 2:
            raise ValueError(f"this is a batch {self.a.shape[1:-1]} of plays: runs are those of one")
        change = np.flatnonzero((np.diff(self.a, axis=0) != 0).any(axis=1)) + 1
        first = np.concatenate([[0], change, [len(self.a)]])
        return [(tuple(self.a[k].tolist()), int(n)) for k, n in zip(first[:-1], np.diff(first), strict=True)]

    def __repr__(self) -> str:
        return f"Play({len(self.a)} rounds, {self.π!r})"


def play(P: SimpleGame, π: Sequence[Any], k_max: int, rng: RNG = None, *, first: Any = None) -> Play:
    """k_max rounds of P by learners π: all draw their actions, then all learn from the joint action (algorithm 24.10).

    The given learners stay as they are. `first`, positions (n,) or (…, n), are the joint action of the first round
    instead of random ones.

    Raises ValueError for k_max < 1, unless there is one learner for each agent, in their order and none of them twice,
    and for batches that differ; `TooLargeError` for more than 20,000,000 actions to keep.
    """
    check_game(P)
    count(None, Named("k_max"), k_max)
    π = list(π)
    if len(π) != P.n or any(not _learns(x, P, j) for j, x in enumerate(π)):
        refuse(None, "π", π, f"learners of this game, one of each of its {P.n} agents in their order")
    if len({x.shape for x in π}) > 1:
        raise ValueError(f"π have the batches {[x.shape for x in π]}: must be the same")
    shape = π[0].shape
    check_size("actions", k_max * P.n * int(np.prod(shape)), "play fewer rounds, and go on from the result")
    π, rng = [copied(x) for x in π], default_rng(rng)
    record = np.empty((k_max, *shape, P.n), dtype=np.intp)
    learn = [
        _count if isinstance(x, FictitiousPlay) else _climb if isinstance(x, GradientAscent) else update for x in π
    ]
    for k in range(k_max):
        a = record[k]
        for j, learner in enumerate(π):
            a[..., j] = learner.act(rng)
        if k == 0 and first is not None:
            given = made_array(first, "first")
            given = np.broadcast_to(given, a.shape) if given.shape == (P.n,) else given
            a[...] = joint_positions(P.sizes, shape, given)
        for take, learner in zip(learn, π, strict=True):
            take(learner, a)
    return Play(π, record)


def copied(learner: Any) -> Any:
    """A copy of a learner, whose game is the same."""
    return copy.deepcopy(learner, {id(x): x for x in (learner.P, learner.R, learner.rows)})


def _learns(x: Any, P: SimpleGame, j: int) -> bool:
    """Whether x is a learner of the agent at position j of a game with the payoffs of P."""
    same = isinstance(x, _LearnerInAGame) and (x.P is P or np.array_equal(x.P.R.array, P.R.array))
    return same and x.at == j
