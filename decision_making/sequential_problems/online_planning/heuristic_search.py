"""Heuristic search: greedy simulations that back up an upper bound where they pass (algorithm 9.8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count, flag
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.policies import ValueFunctionPolicy
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.one_tree import Uniforms
from decision_making.sequential_problems.online_planning.plans import (
    OnlinePlanner,
    Plan,
    counted,
    generator,
    planned,
    simulated,
)
from decision_making.sequential_problems.online_planning.utilities import Utilities
from decision_making.sizes import ROWS, check_size
from decision_making.structs import struct
from decision_making.verbs import plan


@struct(repr=False)
class HeuristicSearch(OnlinePlanner):
    """m greedy simulations of d steps with respect to U, which begins as the upper bound Uhi (algorithm 9.8).

    Each step backs up the state at hand, U(s) ← max_a R + γ Σ T U, and goes on greedily. Where Uhi is at least its own
    backup, U only falls and never below the optimum. Utilities are kept of states that were met or could have been
    next, so the states need not be listed. A batch is as many independent searches, each with utilities of its own.

    States that are never left and pay nothing are worth 0 whatever Uhi says; with `zero_at_end=False` they begin with
    Uhi, as in the book, and a constant bound then lets U rise above itself where the walk ends.
    """

    Uhi: Any  # upper bound of the utility: an array over the states, or a function of a batch of states
    d: int = field(validator=count)  # depth, steps of a simulation
    m: int = field(validator=count)  # simulations
    zero_at_end: bool = field(default=True, kw_only=True, validator=flag)  # absorbing states are worth 0

    def did(self, found: Plan) -> str:
        """Backups of the bound."""
        way = simulated(self, found, "greedy simulation")
        return f"backed up its upper bound along {way}, and met {counted(found.visits, 'state')}."


@plan.register
def plan_by_heuristic_search(M: HeuristicSearch, s: State, *, rng: RNG = None) -> Plan:
    """One state by a dictionary; many states of a problem with tables as arrays, else one after the other."""
    model, rng = M._model, generator(M, rng)
    s, single = model.rows(s)
    if len(s) > 1 and isinstance(model, FiniteModel) and largest_support(model) * len(model.R) <= ROWS:
        U = searched_tables(M, model, s, rng.spawn(1)[0])
        Q = lookahead_in_rows(model, U, np.arange(len(s)), s)
        ended = over(M, model, s)
        Q[ended] = model.resting(s[ended])
        return planned(M, s, Q, single, tree=U)
    known = [searched(M, s[i : i + 1], rng.spawn(1)[0]) for i in range(len(s))]
    Q = np.array([x.Q(x.meet(s[i : i + 1])) for i, x in enumerate(known)]).reshape(len(s), model.n_actions)
    visits = np.array([len(x.U) for x in known])
    return planned(M, s, Q, single, visits=visits, tree=known[0] if single else known)


def searched(M: HeuristicSearch, s: Array, rng: np.random.Generator) -> Utilities:
    """The utilities after the simulations from the state s (1, ...)."""
    known, uniforms = Utilities(M._model, M.Uhi, M.zero_at_end), Uniforms(rng)
    root = known.meet(s)
    for _ in range(M.m):
        x = root
        for _ in range(M.d):
            if known.ends[x]:
                break
            a, known.U[x] = known.greedy(x)
            x = known.draw(x, a, uniforms.one())
    return known


def over(M: HeuristicSearch, model: FiniteModel, s: Array) -> Array:
    """Which of the states s (n,) are worth 0 whatever the bound says."""
    return np.asarray(model.terminal(s) | (M.zero_at_end & model.ended(s)))


def largest_support(model: FiniteModel) -> int:
    """The largest number of successors that a state and action have, times the number of actions."""
    return int(np.diff(model.first).max()) * model.n_actions


def padded(model: FiniteModel) -> tuple[Array, Array]:
    """Successors (S, A, K) and their probabilities, 0 where there are fewer."""
    lengths = np.diff(model.first)
    K = lengths.max()
    column = np.arange(K)
    there = column < lengths[:, None]
    entry = np.where(there, model.first[:-1, None] + column, 0)
    shape = (len(model.R), model.n_actions, K)
    return np.where(there, model.columns[entry], 0).reshape(shape), np.where(there, model.p[entry], 0.0).reshape(shape)


def lookahead_in_rows(model: FiniteModel, U: Array, rows: Array, s: Array, tables: Any = None) -> Array:
    """Q (n, A) of the states s (n,) by the utilities U (B, S) of these rows."""
    if model.γ == 0:
        return np.asarray(model.R[s])
    s_next, p = (x[s] for x in (padded(model) if tables is None else tables))
    expected = np.multiply(p, U[rows[:, None, None], s_next], out=np.zeros(p.shape), where=p > 0)  # U may be -∞
    return np.asarray(model.R[s] + model.γ * expected.sum(axis=2))


def searched_tables(M: HeuristicSearch, model: FiniteModel, s: Array, rng: np.random.Generator) -> Array:
    """Utilities (B, S) after the simulations of B searches side by side."""
    check_size("utilities", len(s) * len(model.R), "use fewer states at a time")
    all_states, rows = np.arange(len(model.R)), np.arange(len(s))
    ends = over(M, model, all_states)
    U = np.tile(np.where(ends, 0.0, model.leaf(M.Uhi, all_states)), (len(s), 1))
    tables, sampler = padded(model), model.sampler
    for _ in range(M.m):
        here, going = s, rows
        for _ in range(M.d):
            kept = np.flatnonzero(~ends[here])
            going, here = going[kept], here[kept]
            if not len(going):
                break
            Q = lookahead_in_rows(model, U, going, here, tables)
            a = Q.argmax(axis=1)
            U[going, here] = Q[np.arange(len(going)), a]
            here = model.columns.take(sampler(here * model.n_actions + a, rng.random(len(going))))
    return U


def extract_policy(M: HeuristicSearch, s: State, *, rng: RNG = None) -> ValueFunctionPolicy:
    """The policy that is greedy in the utilities after a search from the one state s, for problems with a list S."""
    found = plan(M, s, rng=rng)
    if not isinstance(found.tree, Utilities):
        raise ValueError(f"s = {s!r}: must be one state")
    return ValueFunctionPolicy(M.P, found.tree.table())
