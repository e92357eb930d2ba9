"""A first look at an environment, which says how far ahead its rewards count.

Where the reward of an episode's last step is far larger than those before, what counts comes at the end, as where a
lander touches down or a walker falls, and a discount of 0.99 a step leaves little of it: 0.05 after 300 steps, where
0.999 leaves 0.74.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from decision_making.checks import Array
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.problems.vector_environments import time_limit
from decision_making.sampling import default_rng

if TYPE_CHECKING:
    from decision_making.problems.vector_environments import Given

USUAL_γ, PATIENT_γ = 0.99, 0.999
AHEAD = 100  # steps that the usual γ looks ahead, 1 / (1 - γ)
OUTWEIGHS = 10.0  # times the other rewards
COPIES, STEPS = 8, 2048  # of a look: 256 steps of each copy


def usual_γ(env: Given) -> float:
    """The discount factor for an environment, as `GymnasiumProblem` takes it.

    It is 0.999 where episodes may take more than 100 steps, and the rewards with which they terminate outweigh the
    others more than ten times in a look from seed 0; else 0.99. Raises as `GymnasiumProblem.collect` does.
    """
    import gymnasium

    alone = isinstance(env, gymnasium.Env)
    P = GymnasiumProblem(env, 1.0, n_envs=1 if alone else COPIES)
    its_own = not (alone or isinstance(env, gymnasium.vector.VectorEnv))
    try:
        if (time_limit(P.env) or math.inf) <= AHEAD:
            return USUAL_γ
        rewards = rewards_seen(P, seed=0)
        if not its_own:  # a reset without a seed is not to go on from the look
            P.restart(int(default_rng(None).integers(2**31)))
        return PATIENT_γ if weight_of_ends(*rewards) > OUTWEIGHS else USUAL_γ
    finally:
        if its_own:
            P.close()


def rewards_seen(P: GymnasiumProblem, seed: int) -> tuple[Array, Array]:
    """The rewards of steps in which an episode terminated, and those of all others, under an untrained policy.

    It plays 2,048 steps, or 256 of each copy if that is more. Episodes under way end.
    """
    π, rng = P.policy(), default_rng(seed)
    θ, live = π.init(rng), P.restart(seed)
    ends, others = [], []
    for _ in range(max(STEPS // P.n_envs, STEPS // COPIES)):
        real = ~live["skip"]
        r, _, terminated, over = P.advance(live, π(θ, live["observation"], rng))
        for name in ("return", "length"):
            live[name][over] = 0
        ends.append(r[terminated])
        others.append(r[real & ~terminated])
    return np.concatenate(ends), np.concatenate(others)


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
