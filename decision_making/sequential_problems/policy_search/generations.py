"""The verbs of a search: `generations` one after the other, and where they lead, `optimize` and `optimize_dist`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from decision_making.checks import Array
from decision_making.problem import RNG, offers
from decision_making.sequential_problems.policy_search.search_distributions import HasMode, SearchDistribution
from decision_making.sequential_problems.policy_search.utilities import Utility
from decision_making.structs import struct


@struct
class Generation:
    """What a search has evaluated at once, and where it stands afterwards."""

    θs: Array  # points evaluated (k, n), in the order drawn
    us: Array  # their utilities (k,)
    θ: Array | None = None  # the point reached (n,): the best so far, or the mode of p; None where p has no mode
    u: float | None = None  # utility of θ as it was evaluated; None where there is a p, whose mode is not evaluated
    p: SearchDistribution | None = None  # the search distribution reached, where there is one
    α: float | None = None  # step size reached (Hooke-Jeeves)


@singledispatch
def generations(M: object, π: object, U: Utility, *, rng: RNG = None) -> Iterator[Generation]:
    """The search by M, one `Generation` after the other; `optimize` and `optimize_dist` take the last.

    The lengths of all `us` add up to the number of evaluations. Hooke-Jeeves begins with its start, evaluated alone.

    Raises TypeError for an unknown M.
    """
    raise TypeError(f"M = {M!r}: generations knows {_known(generations)}")


@singledispatch
def optimize(M: object, π: object, U: Utility, *, rng: RNG = None) -> Array:
    """Parameters θ (n,) of high utility U(π, θ), by the search M (algorithms 10.2 to 10.6).

    Of a search that moves a distribution this is the mode of the last one. The same rng, an int or a Generator in the
    same state, gives the same bits, if U draws from no other source. π is handed on to U; if it has a number of
    parameters n, it is checked.

    Raises TypeError for an unknown M or a U that cannot be called; ValueError for a U that does not return a number
    for each θ, or nothing but NaN for a population.
    """
    if optimize_dist.dispatch(type(M)) is optimize_dist.dispatch(object):
        raise TypeError(f"M = {M!r}: optimize knows {_known(optimize, optimize_dist)}")
    p = optimize_dist(M, π, U, rng=rng)
    if not offers(p, HasMode):
        raise TypeError(f"p = {p!r}: must have mode(); optimize_dist gives the distribution itself")
    return p.mode()


@singledispatch
def optimize_dist(M: object, π: object, U: Utility, *, rng: RNG = None) -> Any:  # of the kind that M searches with
    """The search distribution that M ends with (algorithms 10.4 to 10.6); arguments and errors of `optimize`."""
    raise TypeError(f"M = {M!r}: optimize_dist knows {_known(optimize_dist)}")


def _known(*verbs: Any) -> str:
    return ", ".join(sorted(t.__name__ for verb in verbs for t in verb.registry if t is not object))


def best_point(M: object, π: object, U: Utility, *, rng: RNG = None) -> Array:
    """`optimize` by a search that moves a point: the best so far of the last generation."""
    θ = _last(generations(M, π, U, rng=rng)).θ
    assert θ is not None
    return θ.copy()


def last_distribution(M: object, π: object, U: Utility, *, rng: RNG = None) -> SearchDistribution | None:
    """`optimize_dist` by a search that moves a distribution: that of the last generation."""
    return _last(generations(M, π, U, rng=rng)).p


def _last(iterator: Iterator[Generation]) -> Generation:
    for generation in iterator:
        last = generation
    return last
