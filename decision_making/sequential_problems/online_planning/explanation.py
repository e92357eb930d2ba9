"""Explanations of a search of chapter 9: what it visited and why it chose its action."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from decision_making.problem import RNG, State
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan
from decision_making.shown import explain
from decision_making.verbs import plan

SHOWN = 8  # actions that are listed


@explain.register
def explain_search(M: OnlinePlanner, s: State, rng: RNG = None) -> str:
    """One paragraph on the search of one state: what it visited, what the actions are worth, why it chose one.

    >>> from decision_making import ForwardSearch
    >>> from decision_making.problems import HexWorld
    >>> print(explain(ForwardSearch(HexWorld(), 3, np.zeros(25)), 0))
    ForwardSearch looked at every path of 3 steps from state 0: 1,657 visits, of 9 different states at most in a level.
    Action 1 is chosen: it is worth 3.82, 0.926 more than action 0. In order: 1: 3.82, 0: 2.9, 2: 2.1, 5: 1.85,
    3: 1.68, 4: 1.68.
    """
    return explain_plan(plan(M, s, rng=rng))


@explain.register
def explain_plan(found: Plan, *, name: Callable[[str], str] = str) -> str:
    """The same of a search that was made, where `name` says what an action is called that the problem calls so.

    Raises ValueError for a batch of states.
    """
    if found.Q.ndim != 1:
        raise ValueError(f"s: a batch of {len(found.Q)} states; explain one state at a time")

    def called(i: int | None) -> str:
        return name(found.M.action_name(found, i))

    said = [f"{type(found.M).__name__} {found.M.did(found)}", choice(found, called), ranking(found, called)]
    return " ".join(said).rstrip()


def choice(found: Plan, called: Callable[[int | None], str]) -> str:
    """Which action was chosen, by how much; `called` says what one is called by its index, None the chosen one."""
    tried, chosen = np.flatnonzero(np.isfinite(found.Q)), called(None)
    if len(tried) == 0:
        return f"No action was tried, so the first one, {chosen}, is returned: it takes more simulations."
    order = tried[np.argsort(-found.Q[tried], kind="stable")]
    said = f"Action {chosen} is chosen: it is worth {found.u:.3g}"
    if len(order) == 1:
        return said + ", and no other was compared."
    ahead = found.Q[order[0]] - found.Q[order[1]]
    second = called(int(order[1]))
    if ahead == 0:
        return said + f", as much as action {second}; of equally good actions the first one considered is taken."
    return said + f", {ahead:.3g} more than action {second}."


def ranking(found: Plan, called: Callable[[int | None], str]) -> str:
    """The actions in order of their utilities, with their visits."""
    order = [i for i in np.argsort(-found.Q, kind="stable") if np.isfinite(found.Q[i])]
    if len(order) < 2:
        return ""
    N = found.N
    visits = (lambda i: "") if N is None else (lambda i: f" ({N[i]:.0f} visits)")
    shown = [f"{called(int(i))}: {found.Q[i]:.3g}{visits(i)}" for i in order[:SHOWN]]
    more = f", and {len(order) - SHOWN} more" if len(order) > SHOWN else ""
    left = len(found.Q) - len(order)
    untried = f" {left} action{'s were' if left > 1 else ' was'} not tried or cut off." if left else ""
    return f"In order: {', '.join(shown)}{more}.{untried}"
