"""Genetic search: the best of a population have perturbed children (algorithm 10.3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field

from decision_making.checks import Array, count, not_negative, refuse
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.policy_search.generations import Generation, best_point
from decision_making.sequential_problems.policy_search.populations import check_elite, elite, start_θs
from decision_making.sequential_problems.policy_search.utilities import Utility, utilities
from decision_making.structs import struct
from decision_making.verbs import generations, optimize


@struct
class GeneticPolicySearch:
    """Each generation is m - 1 children of the elite, θ + σ N(0, I), and the unchanged best, last (algorithm 10.3).

    The parent of a child is drawn uniformly from the m_elite best.

    Raises ValueError, naming the field, for fewer than 2 start points or any that is not finite, σ < 0, m_elite
    outside 1..m, k_max < 1.
    """

    θs: Array = field(converter=start_θs)  # first population (m, n)
    σ: float = field(validator=not_negative)  # standard deviation of a child from its parent
    m_elite: int = field(validator=count)  # number of elite points
    k_max: int = field(validator=count)  # number of generations

    def __attrs_post_init__(self) -> None:
        if len(self.θs) < 2:
            refuse(self, "θs", self.θs.tolist(), "a population of at least 2, a parameter vector a row")
        check_elite(self, self.m_elite, len(self.θs))


optimize.register(GeneticPolicySearch, best_point)


@generations.register
def generations_of_genetic_search(
    M: GeneticPolicySearch, π: object, U: Utility, *, rng: RNG = None
) -> Iterator[Generation]:
    """The first population, then each one of children."""
    rng, θs = default_rng(rng), M.θs.copy()
    for _ in range(M.k_max):
        us = utilities(U, π, θs, rng)
        parents = elite(us, M.m_elite)
        best = θs[parents[0]]
        yield Generation(θs, us, best, us[parents[0]])
        parents = rng.choice(parents, len(θs) - 1)
        children = θs[parents] + M.σ * rng.standard_normal((len(parents), θs.shape[1]))
        θs = np.concatenate([children.astype(θs.dtype), best[None]])
