"""A first look at an environment, which says how far ahead its rewards count.

Where the reward of an episode's last step is far larger than those before, what counts comes at the end, as where a
lander touches down or a walker falls, and a discount of 0.99 a step leaves little of it: 0.05 after 300 steps, where
0.999 leaves 0.74. Where rewards go one way for a while and then back, as those of a swimmer who swings, what the next
steps bring is soon taken back, and what remains shows after many.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.problems.vector_environments import time_limit
from decision_making.sampling import default_rng

if TYPE_CHECKING:
    from decision_making.problems.vector_environments import Given

USUAL_γ, PATIENT_γ = 0.99, 0.999
AHEAD, FAR = 100, 1000  # steps that the one and the other look ahead, 1 / (1 - γ)
OUTWEIGHS = 10.0  # times the other rewards
SOON, LATE = 16, 256  # steps of a short row and of a long one
PERSIST = 2.0  # a short row adds up to more than this where rewards go one way
CANCEL = 0.4  # and a long one to less than this share of it where they go back again
COPIES, STEPS = 8, 2048  # of a look: 256 steps of each copy


class Look(NamedTuple):
    """What T steps of n copies of an environment brought."""

    r: Array  # (T, n), rewards
    terminated: Array  # (T, n), whether the episode terminated by it
    over: Array  # (T, n), whether it ended by it, terminated or cut, and where nothing was done but to begin one
    played: Array  # (T, n), False where nothing was done but to begin an episode

    @property
    def ends(self) -> Array:
        """The rewards with which episodes terminated."""
        return self.r[self.terminated]

    @property
    def others(self) -> Array:
        """The rewards of all other steps."""
        return self.r[self.played & ~self.terminated]


def usual_γ(env: Given) -> float:
    """The discount factor for an environment, as `GymnasiumProblem` takes it.

    By a look from seed 0 it is 0.999 where episodes may take more than 100 steps and the rewards with which they
    terminate outweigh the others more than ten times, and where episodes may take 1,000 steps and rewards swing; else
    0.99. Raises as `GymnasiumProblem.collect` does.
    """
    import gymnasium

    alone = isinstance(env, gymnasium.Env)
    P = GymnasiumProblem(env, 1.0, n_envs=1 if alone else COPIES)
    its_own = not (alone or isinstance(env, gymnasium.vector.VectorEnv))
    try:
        limit = time_limit(P.env) or math.inf
        if limit <= AHEAD:
            return USUAL_γ
        seen = look(P, seed=0)
        if not its_own:  # a reset without a seed is not to go on from the look
            P.restart(int(default_rng(None).integers(2**31)))
        at_ends = weight_of_ends(seen.ends, seen.others) > OUTWEIGHS
        later = limit >= FAR and swing(*(adds_up(seen.r, seen.over, w) for w in (SOON, LATE)))
        return PATIENT_γ if at_ends or later else USUAL_γ
    finally:
        if its_own:
            P.close()


def look(P: GymnasiumProblem, seed: int) -> Look:
    """What an untrained policy sees in 2,048 steps, or 256 of each copy if that is more. Episodes under way end."""
    π, rng = P.policy(), default_rng(seed)
    θ, live = π.init(rng), P.restart(seed)
    steps = []
    for _ in range(max(STEPS // P.n_envs, STEPS // COPIES)):
        played = ~live["skip"]
        r, _, terminated, over = P.advance(live, π(θ, live["observation"], rng))
        for name in ("return", "length"):
            live[name][over] = 0
        steps.append((r, terminated, over | ~played, played))
    return Look(*(np.array(x) for x in zip(*steps, strict=True)))


def weight_of_ends(ends: Array, others: Array) -> float:
    """The root mean square of the rewards at the ends of episodes, in units of that of the others.

    0 where there are none, or no others, as an episode of one step has nothing ahead.

    >>> weight_of_ends(np.array([-30.0, 30.0]), np.array([1.0, -2.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0]))
    20.0
    >>> weight_of_ends(np.array([1.0]), np.zeros(5)), weight_of_ends(np.zeros(0), np.ones(5))
    (inf, 0.0)
    """
    if not len(ends) or not len(others) or not ends.any():
        return 0.0
    unit = np.abs(ends).max()  # so that no square overflows, unless the others' make the weight 0
    with np.errstate(over="ignore"):
        at_ends, elsewhere = (float(np.mean((r / unit) ** 2)) for r in (ends, others))
    return math.sqrt(at_ends / elsewhere) if elsewhere else math.inf


def adds_up(r: Array, over: Array, w: int) -> float:
    """How much rows of w rewards add up to: Σ S² over their sums S, in units of the same of single rewards, Σ r².

    It is 1 for independent rewards of mean 0, w for rewards that are all the same, and less than 1 where rewards
    cancel. A row begins with an episode or where the row before it is full, and ends with the episode at the latest.

    r, over: (T, n), the rewards of T steps of n copies, and whether an episode ended. 0 where all rewards are 0.

    >>> r = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> adds_up(r, np.array([[False], [False], [True], [False]]), 2)  # (1 + 2)² + 3² + 4² in units of 1 + 4 + 9 + 16
    1.1333333333333333
    """
    if not r.any():
        return 0.0
    r = r / np.abs(r).max()  # so that no square overflows
    S, steps, squares = np.zeros(r.shape[1]), np.zeros(r.shape[1], int), 0.0
    for reward, ended in zip(r, over, strict=True):
        S, steps = S + reward, steps + 1
        full = ended | (steps == w)
        squares += float(S[full] @ S[full])
        S[full] = steps[full] = 0
    return (squares + float(S @ S)) / float(np.sum(r**2))


def swing(soon: float, late: float) -> bool:
    """Whether rewards go one way for 16 steps, and cancel in 256, by what they add up to (`adds_up`)."""
    return soon > PERSIST and late < CANCEL * soon
