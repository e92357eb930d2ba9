"""Value iteration over conditional plans (algorithms 20.8 and 20.9), exact for a finite horizon.

The book makes all |A| |Γ|^|Ω| plans of one step more and prunes them. Here the α-vectors of each observation are pruned
before they are combined, and again after each observation (incremental pruning, Cassandra, Littman and Zhang 1997): the
vectors are the same, with far fewer candidates. Plans are rows of arrays: an action, and for each observation the row
of the next plan among those of one step less.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from decision_making.checks import Array, Named, count
from decision_making.pomdp import POMDP, tabulated
from decision_making.sequential_problems.exact_solution_methods import ValueIteration
from decision_making.sequential_problems.exact_solution_methods.solvers import last, solve_problem, sweeps_of_problem
from decision_making.shown import Shown
from decision_making.sizes import check_size
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import (
    AlphaVectors,
    LookaheadAlphaVectorPolicy,
)
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import PlanRows
from decision_making.state_uncertainty.exact_belief_state_planning.pruning import find_dominating
from decision_making.structs import struct

MOST = 200_000  # candidates that are compared at a time


@struct(repr=False)
class Plans(PlanRows, Shown):
    """The plans of one horizon that are best somewhere, and their α-vectors; those of one step less are `shorter`."""

    Γ: AlphaVectors  # expected utility of each plan from each state (k, S)
    a: Array  # action of each plan (k,)
    child: Array | None = None  # for each observation the row of the next plan in `shorter` (k, Ω)
    shorter: Plans | None = None  # plans of one step less; None: these end after their action


def one_step_plans(P: POMDP) -> Plans:
    """The actions that are best somewhere if nothing follows."""
    Γ = P.R.array.T
    kept = np.flatnonzero(find_dominating(Γ))
    return Plans(Γ[kept], kept)


def expand(plans: Plans, P: POMDP, *, max_vectors: int | None = None) -> Plans:
    """The plans of one step more that are best somewhere (algorithm 20.9, pruned while they are made).

    α(s) = R(s, a) + γ Σ_s' T(s, a, s') Σ_o O(a, s', o) α_o(s'), with one α_o of `plans` for each observation. Raises
    ValueError where more than max_vectors would be kept.
    """
    Γ, a, child = (np.concatenate(x) for x in zip(*(_of_action(P, plans.Γ, a) for a in range(len(P.A))), strict=True))
    kept = np.flatnonzero(find_dominating(Γ))
    if max_vectors is not None and len(kept) > max_vectors:
        raise ValueError(
            f"{len(kept)} vectors are needed for horizon {plans.horizon + 1}: more than max_vectors = {max_vectors}; a "
            "point-based method keeps one for each belief"
        )
    return Plans(Γ[kept], a[kept], child[kept], plans)


def _of_action(P: POMDP, Γ: AlphaVectors, a: int) -> tuple[AlphaVectors, Array, Array]:
    """Vectors, actions and children of the plans that begin with a and are best of those somewhere."""
    found, child = P.R.array[:, a][None], np.empty((1, 0), dtype=np.intp)
    for o in range(len(P.Ω)):
        after = P.γ * (P.transitions[a] @ (P.O.array[a][:, o, None] * Γ.T)).T  # what o and then each plan adds
        some = np.flatnonzero(find_dominating(after))
        check_size("plans to be compared", len(found) * len(some), "use fewer steps, or a point-based method", MOST)
        found = (found[:, None] + after[some]).reshape(-1, Γ.shape[1])
        child = np.column_stack([np.repeat(child, len(some), axis=0), np.tile(some, len(child))])
        kept = np.flatnonzero(find_dominating(found))
        found, child = found[kept], child[kept]
    return found, np.full(len(found), a), child


@sweeps_of_problem.register
def plans_of_value_iteration(P: POMDP, M: ValueIteration) -> Iterator[Plans]:
    """The plans of horizon 1, 2, ..., M.k_max; with M.δ until every α-vector is within δ of one before."""
    P, plans = tabulated(P), None
    for _ in range(M.k_max):
        before, plans = plans, one_step_plans(P) if plans is None else expand(plans, P)
        yield plans
        if M.δ is not None and before is not None and _distance(before.Γ, plans.Γ) < M.δ:
            return


def _distance(Γ: AlphaVectors, Γ_new: AlphaVectors) -> float:
    """The largest distance, the maximum over states, from a vector of one set to the nearest of the other."""
    d = abs(Γ[:, None] - Γ_new).max(axis=2)
    return float(max(d.min(axis=0).max(), d.min(axis=1).max()))


@solve_problem.register
def solve_pomdp_by_value_iteration(P: POMDP, M: ValueIteration) -> LookaheadAlphaVectorPolicy:
    """The policy that looks one step ahead to the plans of horizon M.k_max."""
    return LookaheadAlphaVectorPolicy(tabulated(P), last(plans_of_value_iteration(P, M)).Γ)


def value_iteration(P: POMDP, k_max: int) -> Plans:
    """The plans of horizon k_max that are best at some belief, with their α-vectors (algorithm 20.8).

    The utility of a belief is max_α α·b, exactly, with nothing after the last action. Raises ValueError for k_max < 1.

    >>> from decision_making.problems import CryingBaby
    >>> value_iteration(CryingBaby(), 2).tree()[1]  # ignore, whatever is heard
    2
    ├ 0: 2
    └ 1: 2
    """
    count(None, Named("k_max"), k_max)
    return last(plans_of_value_iteration(P, ValueIteration(k_max)))
