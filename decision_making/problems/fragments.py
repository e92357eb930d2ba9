"""The steps of live environments as trajectories: a row is an episode or a piece of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.problems.running_statistics import RunningStatistics
from decision_making.structs import struct
from decision_making.trajectories import Trajectories


@struct
class Collected:
    """The result of a number of steps: rewards as they came, observations as the policy saw them."""

    τs: Trajectories  # the pieces of episodes
    origin: Array  # which environment each row comes from
    episodes: tuple[Array, Array]  # returns and lengths of those that ended, or of those that were asked for
    weights: Array | None  # of these episodes, of sum 1, for an unbiased mean; None: all the same
    spent: int  # environment steps taken, also by copies that only waited for others
    observed: RunningStatistics  # of the observations as they came
    returned: RunningStatistics  # of the discounted returns so far, after every step


class Played(NamedTuple):
    """Whole episodes, in the order in which they ended."""

    returns: Array  # undiscounted (E,)
    lengths: Array  # steps (E,)
    copies: Array  # which copy of the environment each was played in (E,)


def fragments(record: dict[str, Array]) -> tuple[Trajectories, Array]:
    """Trajectories of the steps (k, n) of n environments, and which environment each of them comes from.

    The steps of an environment are cut after each step that ended an episode, and after the last one. Steps in which
    an environment did nothing but reset itself are left out.
    """
    k, n = record["r"].shape

    def stream(x: Array) -> Array:
        return np.swapaxes(x, 0, 1).reshape(n * k, *x.shape[2:])

    real = stream(record["real"])
    s, a, r, s_next, terminated, over = (
        stream(record[name])[real] for name in ("s", "a", "r", "next", "terminated", "over")
    )
    env = np.repeat(np.arange(n), k)[real]
    first = np.ones(len(s), bool)
    first[1:] = over[:-1] | (env[1:] != env[:-1])
    start = np.flatnonzero(first)
    lengths = np.diff(np.append(start, len(s)))
    steps = np.arange(lengths.max())
    mask = steps < lengths[:, None]
    i = start[:, None] + np.minimum(steps, lengths[:, None] - 1)  # padding repeats the last real step
    last = start + lengths - 1
    return Trajectories(s[i], a[i], np.where(mask, r[i], 0.0), mask, s_next[last], terminated[last]), env[start]


def concatenated(parts: Sequence[Trajectories], d: int) -> Trajectories:
    """All rows in one batch, each padded to d steps."""
    return Trajectories(*map(np.concatenate, zip(*(_padded(τs, d) for τs in parts), strict=True)))


def _padded(τs: Trajectories, d: int) -> tuple[Array, ...]:
    """The arrays of τs, padded to d steps."""
    i = np.minimum(np.arange(d), τs.r.shape[1] - 1)
    mask = τs.mask[:, i] & (np.arange(d) < τs.r.shape[1])
    return τs.s[:, i], τs.a[:, i], np.where(mask, τs.r[:, i], 0), mask, τs.s_end, τs.terminated


def unbiased_weights(lengths: Array, copy: Array, k: int) -> Array:
    """Weights of episodes (N,) for an unbiased mean, where each copy plays episodes until it has made k steps in all.

    Long episodes are more likely to be the last ones, so that the plain mean over the episodes of a copy is biased,
    while its first episode alone is unbiased. The copy's episodes could have come in any order in which all but the
    last make fewer than k steps; the weight of an episode is the share of these orders in which it is the first (Murthy
    1957). Each copy counts the same, and the weights sum to 1. An episode belongs to the copy `copy` (N,), and those of
    one copy are in any order.

    >>> unbiased_weights(np.array([1, 1, 20, 30]), np.array([0, 0, 0, 1]), 20)  # 20 can only be the last of its copy
    array([0.25, 0.25, 0.  , 0.5 ])
    """
    weights = np.empty(len(lengths))
    copies = np.unique(copy)
    for c in copies:
        own = lengths[copy == c]
        last = own.sum() - own < k  # those that can be the last
        N = len(own)
        weights[copy == c] = (1 - last / last.sum()) / (N - 1) if N > 1 else 1.0
    return weights / len(copies)
