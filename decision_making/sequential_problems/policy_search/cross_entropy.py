"""The cross-entropy method: refit a search distribution to the best of its samples (algorithm 10.4)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field

from decision_making.checks import count
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.policy_search.generations import Generation, last_distribution
from decision_making.sequential_problems.policy_search.populations import check_elite, elite
from decision_making.sequential_problems.policy_search.search_distributions import (
    Refittable,
    mode,
    refittable,
    sampled,
)
from decision_making.sequential_problems.policy_search.utilities import Utility, utilities
from decision_making.structs import struct
from decision_making.verbs import generations, optimize_dist


@struct
class CrossEntropyPolicySearch:
    """Draw m points from the search distribution and refit it to the m_elite best, k_max times (algorithm 10.4).

    p is a `GaussianSearchDistribution` or anything with `sample(m, rng)` and `fit(θs)`. The refit by maximum
    likelihood narrows too soon where the elite is few; see `GaussianSearchDistribution.added_variance`.

    Raises TypeError for a p without these, ValueError for m, m_elite or k_max below 1 and m_elite > m.
    """

    p: Refittable = field(validator=refittable)  # initial search distribution
    m: int = field(validator=count)  # number of samples
    m_elite: int = field(validator=count)  # number of elite samples
    k_max: int = field(validator=count)  # number of iterations

    def __attrs_post_init__(self) -> None:
        check_elite(self, self.m_elite, self.m)


optimize_dist.register(CrossEntropyPolicySearch, last_distribution)


@generations.register
def generations_of_cross_entropy(
    M: CrossEntropyPolicySearch, π: object, U: Utility, *, rng: RNG = None
) -> Iterator[Generation]:
    """The samples of each iteration and the distribution refitted to the best of them."""
    rng, p = default_rng(rng), M.p
    for _ in range(M.k_max):
        θs = sampled(p, M.m, rng)
        us = utilities(U, π, θs, rng)
        p = p.fit(θs[elite(us, M.m_elite)])
        yield Generation(θs, us, mode(p), p=p)
