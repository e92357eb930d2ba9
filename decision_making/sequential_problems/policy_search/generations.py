"""The verbs of a search (chapter 10): `generations` one by one, and where they lead, `optimize`, `optimize_dist`."""

from __future__ import annotations

from decision_making.checks import Array
from decision_making.dispatching import known
from decision_making.problem import RNG, offers
from decision_making.sequential_problems.exact_solution_methods.solvers import last
from decision_making.sequential_problems.policy_search.search_distributions import HasMode, SearchDistribution
from decision_making.sequential_problems.policy_search.utilities import Utility
from decision_making.structs import struct
from decision_making.verbs import generations, optimize, optimize_dist


@struct
class Generation:
    """What a search has evaluated at once, and where it stands afterwards."""

    θs: Array  # points evaluated (k, n), in the order drawn
    us: Array  # their utilities (k,)
    θ: Array | None = None  # the point reached (n,): the best so far, or the mode of p; None where p has no mode
    u: float | None = None  # utility of θ as it was evaluated; None where there is a p, whose mode is not evaluated
    p: SearchDistribution | None = None  # the search distribution reached, where there is one
    α: float | None = None  # step size reached (Hooke-Jeeves)


@optimize.register(object)
def mode_of_the_last_distribution(M: object, π: object, U: Utility, *, rng: RNG = None) -> Array:
    """`optimize` by any search that has `optimize_dist`: the mode of its distribution."""
    if optimize_dist.dispatch(type(M)) is optimize_dist.dispatch(object):
        raise TypeError(f"M = {M!r}: optimize knows {known(optimize, optimize_dist)}")
    p = optimize_dist(M, π, U, rng=rng)
    if not offers(p, HasMode):
        raise TypeError(f"p = {p!r}: must have mode(); optimize_dist gives the distribution itself")
    return p.mode()


def best_point(M: object, π: object, U: Utility, *, rng: RNG = None) -> Array:
    """`optimize` by a search that moves a point: the best so far of the last generation."""
    θ = last(generations(M, π, U, rng=rng)).θ
    assert θ is not None
    return θ.copy()


def last_distribution(M: object, π: object, U: Utility, *, rng: RNG = None) -> SearchDistribution | None:
    """`optimize_dist` by a search that moves a distribution: that of the last generation."""
    return last(generations(M, π, U, rng=rng)).p
