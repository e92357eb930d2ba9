"""Forward search: all that can happen in the next d steps (algorithm 9.2).

The book's recursion is

    U_0(s) = U(s),    U_d(s) = max_a R(s, a) + γ Σ T(s' | s, a) U_{d-1}(s')

and visits a state anew each time it is reached. Here the states that can be reached in j steps are one level; equal
states of a level are one, and the levels are backed up from the last to the first. That gives the value of the
recursion, and the number of states that it would visit, in time proportional to the states of the levels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, count_or_zero
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.policies import Greedy
from decision_making.sequential_problems.online_planning.draws import Draws, draws_of
from decision_making.sequential_problems.online_planning.finite_model import Dense, FiniteModel
from decision_making.sequential_problems.online_planning.models import Edges, Model
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, generator, planned
from decision_making.sequential_problems.online_planning.rollouts import leaf_values, listed_leaves
from decision_making.structs import struct
from decision_making.verbs import forward_search, plan

MANY = 1e300  # visits are counted up to here


@struct(repr=False)
class ForwardSearch(OnlinePlanner):
    """The best action by looking d steps ahead along every path, with U as the value after them (algorithm 9.2).

    Exact: the value is that of d sweeps of value iteration from U. Time and memory are proportional to the states that
    can be reached, which for d steps without equal states among them are (A K)^d with K successors of each action.
    Raises `TooLargeError` where the successors of a level would be more than 20 million numbers.
    """

    d: int = field(validator=count)  # depth, steps
    U: Any  # leaf value: an array over the states, a function of a batch of states, or a RolloutEstimate

    def did(self, found: Plan) -> str:
        """Every path."""
        return (
            f"looked at every path of {counted(self.d, 'step')} from {self.origin(found)}: "
            f"{counted(found.visits, 'visit')}, of {max(map(len, found.tree)):,} different states at most in a level."
        )


class Level(NamedTuple):
    """The different states that can be reached in some number of steps."""

    s: Array  # (n, ...)
    live: Array  # positions of those that are not terminal
    edges: Edges  # of these
    place: Array  # for each edge the position of its successor in the next level


def search_levels(model: Model, s: Array, d: int, U: Any, draws: Draws) -> tuple[Array, Array, list[Level], Array]:
    """Q (n, A) and visits (n,) of the different states s (n, ...); the levels from them on; the leaves' states."""
    levels, here = [], s
    for _ in range(d):
        live = np.flatnonzero(~model.terminal(here))
        edges = model.edges(here[live])
        s_next, place = model.merged(edges.s_next)
        levels.append(Level(here, live, edges, place))
        here = s_next
    u, visits = leaf_values(U, model, here, draws), np.ones(len(here))
    for level in reversed(levels):
        Q = np.zeros((len(level.s), model.n_actions))
        Q[level.live] = level.edges.r
        if model.γ > 0:
            Q[level.live] += model.γ * level.edges.expect(u[level.place])
        below = np.zeros(Q.shape)
        below[level.live] = np.bincount(level.edges.pair, visits[level.place], level.edges.r.size).reshape(
            -1, Q.shape[1]
        )
        u, visits = Q.max(axis=1), np.minimum(1 + below.sum(axis=1), MANY)
    return Q, visits, levels, here


def swept(table: Dense, s: Array, d: int, u: Array) -> tuple[Array, Array, list[Array]]:
    """Q (n, A), visits (n,) and levels from states s (n,) by d sweeps over all states, from leaf values u (S,).

    For a small table that is quicker than to find out which states are reached (benchmarks/planning_search.md).
    """
    T, R, ways = table
    visits = np.ones(len(u))
    here = np.zeros(len(u))
    here[s] = 1
    levels = [here.nonzero()[0]]
    for _ in range(d):
        Q = (T @ u).reshape(R.shape)
        Q += R
        u, visits = Q.max(axis=0), np.minimum(1 + ways @ visits, MANY)
        here = np.minimum(here @ ways, 1)
        levels.append(here.nonzero()[0])
    return Q.T[s], visits[s], levels


@plan.register
def plan_by_forward_search(M: ForwardSearch, s: State, *, rng: RNG = None) -> Plan:
    """All states of the batch at once; states that several of them reach are searched once."""
    model, rng = M._model, generator(M, rng)
    s, single = model.rows(s)
    if isinstance(model, FiniteModel) and model.dense is not None and (u := listed_leaves(M.U, model)) is not None:
        Q, visits, tree = swept(model.dense, s, M.d, u)
        return planned(M, s, Q, single, visits=visits, tree=tree)
    roots, place = model.merged(s)
    Q, visits, levels, leaves = search_levels(model, roots, M.d, M.U, draws_of(rng, len(roots)))
    return planned(M, s, Q[place], single, visits=visits[place], tree=[*(x.s for x in levels), leaves])


@forward_search.register(object)
def forward_search_of_a_problem(P: Any, s: State, d: int, U: Any) -> Greedy:
    """The pair (a, u) of `ForwardSearch(P, d, U)`; for d = 0 the action is None and u the leaf value."""
    count_or_zero(None, Named("d"), d)
    found = plan(ForwardSearch(P, max(d, 1), U), s)
    if d > 0:
        return Greedy(found.a, found.u)
    model = found.M._model
    states, single = model.rows(s)
    u = leaf_values(U, model, states, draws_of(np.random.default_rng(0), 1))
    return Greedy(None, float(u[0]) if single else u)
