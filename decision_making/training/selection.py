"""Which of a run's last policies is its result: all play episodes, the worse half goes, and so on until one is left.

One update more, or one less, and a policy may be much worse; what is seen while training says so too late, with few
episodes and the noise of the actions in them. So a run may spend its last steps on episodes of its last policies, with
their most likely actions. That half of what is left goes in each round is successive halving (Karnin, Koren and Somekh,
Almost Optimal Exploration in Multi-Armed Bandits, 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

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
    """Whether the last policies of a run of M are compared."""
    return isinstance(M, TrustRegionPolicyOptimization) and M.selection > 0


def steps_to_select(M: object, steps: int | None) -> int:
    """How many of a run's steps are for the comparison: the share `selection` of them, or none.

    None where the run has no limit of steps or an episode has none, where there is one copy of the environment alone,
    where the share is not enough for an episode of each copy beside the batch that may go beyond it, and where the
    others are not enough for a second policy.
    """
    from decision_making.problems.gymnasium_problem import GymnasiumProblem  # imported where used

    if steps is None or not isinstance(M, TrustRegionPolicyOptimization) or not isinstance(M.P, GymnasiumProblem):
        return 0
    share, limit = int(M.selection * steps), time_limit(M.P.env) or math.inf
    room = M.P.n_envs > 1 and share >= M.P.n_envs * limit + M.n and steps - share > APART * M.n
    return share if room else 0


def kept_for_selection(M: object, update: int) -> list[int]:
    """The updates up to that one whose policies are to be kept: with the last one they are those that are compared."""
    return list(range(APART, update + 1, APART)[1 - MOST :]) if selects(M) else []


def selected(P: GymnasiumProblem, π: Policy, θs: Mapping[int, Array], budget: int, seed: int) -> Selection | None:
    """The best of the policies θs, given by update, in at most about so many steps of P; None if these are too few.

    In each round every copy of the environment plays as many episodes as its part of the steps allows, one at least,
    and the policies share out the copies. The half that is better, by the mean of all its episodes so far, goes on. A
    round that might not fit in, were its episodes as long as the longest of its policies, is not begun.
    """
    players = {u: trained(π, θ, P) for u, θ in θs.items()}
    returns: dict[int, list[float]] = {u: [] for u in θs}
    longest: dict[int, float] = dict.fromkeys(θs, time_limit(P.env) or math.inf)
    left, spent = sorted(θs, reverse=True)[: P.n_envs], 0  # the later first: of two that are as good it is the one
    while len(left) > 1:
        rounds, steps = math.ceil(math.log2(len(left))), P.n_envs * max(longest[u] for u in left)
        if spent + steps > budget:
            break
        plays = np.resize(left, P.n_envs)  # whose episodes each copy plays
        found = _played(P, players, plays, max(1, int((budget - spent) // (rounds * steps))), seed + rounds)
        spent += P.n_envs * int(np.bincount(found.copies, found.lengths).max())
        for u in left:
            mine = plays[found.copies] == u
            returns[u] += found.returns[mine].tolist()
            longest[u] = float(found.lengths[mine].max())
        left = sorted(left, key=lambda u: -np.mean(returns[u]))[: len(left) // 2]
    best = left[0]
    return Selection(best, float(np.mean(returns[best])), len(returns[best]), spent) if returns[best] else None


def _played(
    P: GymnasiumProblem, players: Mapping[int, TrainedPolicy], plays: Array, episodes: int, seed: int
) -> Played:
    """So many episodes in each copy of the environment, of the policy that `plays` names for it."""
    copies = {int(u): np.flatnonzero(plays == u) for u in np.unique(plays)}
    order = np.argsort(np.concatenate([*copies.values()]))

    def act(s: Array) -> Array:
        return np.concatenate([players[u].choose(s[of]) for u, of in copies.items()])[order]

    return P.play(act, episodes * P.n_envs, seed)
