"""The four verbs of search, and the plan that leads to what they find (appendix E)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, count_or_zero, flag, function
from decision_making.problem import State
from decision_making.sampling import indices
from decision_making.sequential_problems.exact_solution_methods import Greedy
from decision_making.sequential_problems.search.levels import BEAM, MAX_ROWS, NONE, Bound, best_paths
from decision_making.sequential_problems.search.problem import Leaf, NextStates, SearchProblem, leaf_values, rows_of
from decision_making.verbs import branch_and_bound, dynamic_programming, forward_search, heuristic_search, plan


@forward_search.register
def forward_search_of_paths(P: SearchProblem, s: State, d: int, U: Leaf, *, max_rows: int = MAX_ROWS) -> Greedy:
    """Every path of at most d actions: max Σ R + U(last state); grows as |A|^d.

    s may be a batch of states; where there is no action, a is None, or -1 in a batch. Of equally good actions the first
    is given. Raises ValueError where more than `max_rows` paths would have to be kept, and for a NaN or inf of R or U.
    """
    return _found(P, s, d, U, merge=False, max_rows=max_rows)


@branch_and_bound.register
def branch_and_bound_of_paths(
    P: SearchProblem,
    s: State,
    d: int,
    Ulo: Leaf,
    Qhi: Callable[[Array, Array], Array],
    *,
    check: bool = False,
    max_rows: int = MAX_ROWS,
    beam: int = BEAM,
) -> Greedy:
    """Every path but those whose bound Qhi(s, a), of the utility of a in s, is no higher than what has been found.

    Of equally good actions one is given. With `check` the answer is compared with that of `dynamic_programming`, and a
    Qhi that is no upper bound is a ValueError.
    """
    function(None, Named("Qhi"), Qhi)
    found = _found(P, s, d, Ulo, lambda s, a, r, s_next: Qhi(s, a), merge=False, max_rows=max_rows, beam=beam)
    return _checked(P, s, d, Ulo, found, "Qhi", max_rows) if _flag(check) else found


@dynamic_programming.register
def dynamic_programming_of_levels(P: SearchProblem, s: State, d: int, U: Leaf, *, max_rows: int = MAX_ROWS) -> Greedy:
    """Paths that meet in a state after the same number of steps go on as one, the one that was paid most.

    On tables (`Search.from_arrays`) it is done backwards for all states at once, as d sweeps.
    """
    if isinstance(P.T, NextStates):
        return _swept(P, s, d, U)
    return _found(P, s, d, U, merge=True, max_rows=max_rows)


@heuristic_search.register
def heuristic_search_of_levels(
    P: SearchProblem,
    s: State,
    d: int,
    Uhi: Leaf,
    U: Leaf,
    *,
    check: bool = False,
    max_rows: int = MAX_ROWS,
    beam: int = BEAM,
) -> Greedy:
    """`dynamic_programming` without the paths whose R + Uhi(next state) cannot be better than what has been found.

    Of equally good actions one is given. With `check` the answer is compared with that of `dynamic_programming`, and a
    Uhi that is no upper bound is a ValueError.
    """
    found = _found(P, s, d, U, _by_state(Uhi), merge=True, max_rows=max_rows, beam=beam)
    return _checked(P, s, d, U, found, "Uhi", max_rows) if _flag(check) else found


@plan.register
def plan_of_a_path(
    P: SearchProblem, s: State, d: int, U: Leaf, Uhi: Leaf | None = None, *, max_rows: int = MAX_ROWS
) -> Array:
    """The actions (k,), k <= d, of a best path from the one state s: by `heuristic_search` with a Uhi, else without.

    `follow_plan` gives the states on the way. All levels are kept: `max_rows` counts their paths together.

    >>> from decision_making.problems import SlidingTilePuzzle
    >>> P = SlidingTilePuzzle()
    >>> plan(P, np.array([1, 2, 3, 4, 5, 6, 0, 7, 8]), 9, P.U, P.Uhi).tolist()  # right, right
    [2, 2]
    """
    rows, batch = rows_of(P, s)
    if batch != ():
        raise ValueError(f"s is a batch of shape {batch}: a plan is for one state")
    bound = None if Uhi is None else _by_state(Uhi)
    return best_paths(P, rows, d, U, bound, merge=True, max_rows=max_rows, keep=True).path()


def follow_plan(P: SearchProblem, s: State, a: ArrayLike) -> Array:
    """The states (k + 1, ...) from s on when the actions a (k,) are taken in turn.

    Raises ValueError, naming it, for the first action that is not valid where it is taken.
    """
    states = [np.asarray(s)]
    for k, action in enumerate(np.asarray(a)):
        here = states[-1][None]
        valid = np.flatnonzero(np.asarray(P.A(here))[0])
        if action not in valid:
            raise ValueError(f"a[{k}] = {action}: must be one of {valid.tolist()}, the valid actions in {here[0]}")
        states.append(np.asarray(P.T(here, np.array([action])))[0])
    return np.array(states)


def _found(P: Any, s: State, d: int, U: Leaf, bound: Bound | None = None, **options: Any) -> Greedy:
    """The pair (a, u) of the best path from s, or of each state of a batch."""
    rows, batch = rows_of(P, s)
    best = best_paths(P, rows, d, U, bound, **options)
    return _answer(best.a, best.u, batch)


def _answer(a: Array, u: Array, batch: tuple[int, ...]) -> Greedy:
    """The pair (a, u); where there is no action None, or -1 in a batch."""
    if batch:
        return Greedy(np.where(a == NONE, -1, a).reshape(batch), u.reshape(batch))
    return Greedy(None if a[0] == NONE else int(a[0]), float(u[0]))


def _swept(P: Any, s: State, d: int, U: Leaf) -> Greedy:
    """U_d(s) = max_a R(s, a) + U_{d-1}(T(s, a)) of all states of tables, from U_0 = U."""
    count_or_zero(None, Named("d"), d)
    function(None, Named("U"), U)
    T, R = P.T.array, P.R.array
    s, ends = indices("s", s, len(R)), np.isneginf(R).all(axis=1)
    leaf = u = leaf_values(U, np.arange(len(R)))
    a = np.full(len(R), NONE)
    for _ in range(d):
        Q = R + u[T]
        u = np.where(ends, leaf, Q.max(axis=1))
        best = np.where(np.isneginf(u), np.isfinite(R).argmax(axis=1), Q.argmax(axis=1))
        a = np.where(ends, NONE, best)
    return _answer(a[s].ravel(), u[s].ravel(), s.shape)


def _checked(P: Any, s: State, d: int, U: Leaf, found: Greedy, name: str, max_rows: int) -> Greedy:
    """What was found with a bound, if dynamic programming finds nothing better; else ValueError."""
    exact = np.asarray(dynamic_programming_of_levels(P, s, d, U, max_rows=max_rows).u)
    size = np.maximum(abs(np.where(np.isneginf(exact), 0, exact)), 1)
    worse = exact > np.asarray(found.u) + 1e-9 * size
    if worse.any():
        u, v = np.asarray(found.u)[worse][0], exact[worse][0]
        raise ValueError(f"{name} is not an upper bound: it leaves out the utility {v:g}, and {u:g} is left")
    return found


def _by_state(Uhi: Leaf) -> Bound:
    """The bound R + Uhi(s')."""
    function(None, Named("Uhi"), Uhi)
    return lambda s, a, r, s_next: r + np.asarray(Uhi(s_next))


def _flag(check: bool) -> bool:
    flag(None, Named("check"), check)
    return bool(check)
