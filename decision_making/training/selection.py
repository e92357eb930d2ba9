"""Which of a run's last policies is its result: all play episodes, the worse half goes, and so on until one is left.

One update more, or one less, and a policy may be much worse; what is seen while training says so too late, with few
episodes and the noise of the actions in them. So a run may spend its last steps on episodes of its last policies, with
their most likely actions. That half of what is left goes in each round is successive halving (Karnin, Koren and Somekh,
Almost Optimal Exploration in Multi-Armed Bandits, 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.policies import Policy
from decision_making.problems.vector_environments import time_limit
from decision_making.training.history import Selection
from decision_making.training.policy_files import TrainedPolicy, trained
from decision_making.trust_region_policy_optimization import TrustRegionPolicyOptimization

if TYPE_CHECKING:
    from decision_making.problems.fragments import Played
    from decision_making.problems.gymnasium_problem import GymnasiumProblem

MOST = 8  # policies that are compared, the last one among them
APART = 10  # updates from one of the others to the next


def selects(M: object) -> bool:
    """Whether runs of M may end with a comparison of their last policies.

    M is TRPO with a share for it, and its problem has two live copies of an environment or more, with a time limit.
    """
    from decision_making.problems.gymnasium_problem import GymnasiumProblem  # imported where used
    from decision_making.training.parallel_problem import ParallelProblem

    if not isinstance(M, TrustRegionPolicyOptimization) or M.selection == 0 or not isinstance(M.P, GymnasiumProblem):
        return False
    return not isinstance(M.P, ParallelProblem) and M.P.n_envs > 1 and time_limit(M.P.env) is not None


def steps_to_select(M: object, steps: int | None) -> int:
    """How many of a run's steps are for the comparison: the share `selection` of them, or 0.

    It is 0 where the share does not hold an episode of every copy and a batch, by which learning may go beyond its own
    share, and where that has no more than ten batches.
    """
    if steps is None or not isinstance(M, TrustRegionPolicyOptimization) or not selects(M):
        return 0
    share, episodes = int(M.selection * steps), M.P.n_envs * (time_limit(M.P.env) or 0)
    return share if share >= episodes + M.n and steps - share > APART * M.n else 0


def kept_for_selection(M: object, update: int) -> list[int]:
    """The updates up to that one whose policies are to be kept, to be compared with the last one."""
    return list(range(APART, update + 1, APART)[1 - MOST :]) if selects(M) else []


def check_player(M: Any, π: Policy, θ: Array) -> None:
    """Raise now what a policy without most likely actions raises, not when all is learnt."""
    trained(π, θ, M.P).choose(np.zeros((1, M.P.observation_width)))


def selected(P: GymnasiumProblem, π: Policy, θs: Mapping[int, Array], budget: int, seed: int) -> Selection | None:
    """The best of the policies θs, given by update, in at most so many steps of P; None if these are too few.

    In each round the policies share out the copies of the environment, and every copy plays an episode, and more of
    them as long as the steps are within the round's part of the budget. The half that is better, by the mean of all its
    episodes so far, goes on. No episodes are begun that might not fit in, by the time limit. Where there are fewer
    copies than policies the earliest of these are left out.
    """
    n, limit = P.n_envs, time_limit(P.env) or math.inf
    players = {u: trained(π, θ, P) for u, θ in θs.items()}
    returns: dict[int, list[float]] = {u: [] for u in θs}
    left, spent, plays = sorted(θs, reverse=True)[:n], 0, 0
    while len(left) > 1 and spent + n * limit <= budget:
        rounds = len(left).bit_length() - 1
        last, until = 0, spent + (budget - spent) // rounds
        while spent + last <= until and spent + n * limit <= budget:
            of_copy = np.resize(left, n)  # whose episode each copy plays
            found = _played(P, players, of_copy, seed + n * plays)  # copy i has the i-th seed from there on
            last = n * int(found.lengths.max())
            plays, spent = plays + 1, spent + last
            for copy, G in zip(found.copies, found.returns, strict=True):
                returns[of_copy[copy]].append(float(G))
        left = sorted(left, key=lambda u: (-np.mean(returns[u]), -u))[: len(left) // 2]
    best = left[0]
    return Selection(best, float(np.mean(returns[best])), len(returns[best]), spent) if returns[best] else None


def _played(P: GymnasiumProblem, players: Mapping[int, TrainedPolicy], of_copy: Array, seed: int) -> Played:
    """An episode in each copy of the environment, of the policy that is given for it.

    ValueError where one takes more steps than the time limit.
    """
    copies = {u: np.flatnonzero(of_copy == u) for u in players}
    order = np.argsort(np.concatenate([*copies.values()]))

    def act(s: Array) -> Array:
        return np.concatenate([players[u].choose(s[of]) for u, of in copies.items() if of.size])[order]

    return P.play(act, P.n_envs, seed, max_steps=time_limit(P.env) or 0)
