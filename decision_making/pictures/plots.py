"""The picture of each object that has one, by `plot(x)` or `x.plot()`, and its table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, numbers, refuse
from decision_making.mdp import MDP
from decision_making.pictures.beliefs import map_of_vectors
from decision_making.pictures.canvas import new_figure, styled
from decision_making.pictures.games import draw_table
from decision_making.pictures.networks import posteriors
from decision_making.pictures.policies import grid_map, policy_map, utility_map
from decision_making.pictures.runs import plane_map
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor, assignments
from decision_making.problems import HexWorld
from decision_making.sequential_problems.exact_solution_methods import StatePolicy, TabularPolicy, ValueFunctionPolicy
from decision_making.shown import plot, table
from decision_making.simple_game import SimpleGame
from decision_making.state_uncertainty.exact_belief_state_planning import (
    AlphaVectorPolicy,
    LookaheadAlphaVectorPolicy,
    Plans,
)
from decision_making.training.history import METRICS, History
from decision_making.training.policy_files import TrainedPolicy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot", "table"]

ROWS = 40  # of a table in a notebook; of a longer one the ends are shown


@plot.register(HexWorld)
def plot_hex_world(P: HexWorld, U: ArrayLike | None = None, π: StatePolicy | None = None) -> Figure:
    """The map, coloured by U (S,) or else by the rewards of its tiles, with arrows for π where it is given."""
    label = "reward of the tile" if U is None else "utility"
    shown = [*(P.rewards.get(tile, 0.0) for tile in P.tiles), 0.0] if U is None else U
    return utility_map(P, _utilities(shown, len(P.S)), π, label=label)


@plot.register(MDP)
def plot_mdp(
    P: MDP, U: ArrayLike | None = None, π: StatePolicy | None = None, *, shape: tuple[int, int] | None = None
) -> Figure:
    """U (S,) as a grid of `shape` rows and columns, the states row by row, and the action of π (S,) in each cell.

    Without a shape it is a table of π, greedy for U where none is given, beside U.
    """
    if U is None:
        refuse(None, "U", U, "utilities of the states (S,); an MDP has no picture without them", TypeError)
    if shape is None:
        values = _utilities(U, len(P.S))
        return policy_map(P, ValueFunctionPolicy(P, values) if π is None else π, values)
    rows, columns = shape
    if not rows * columns <= len(P.S):
        refuse(None, "shape", shape, f"rows and columns of at most {len(P.S)} states")
    return grid_map(P, _utilities(U, len(P.S)), π, (rows, columns))


def _utilities(U: ArrayLike, n: int) -> Array:
    values = numbers(U, "U")
    if values.shape != (n,):
        raise ValueError(f"U has shape {values.shape}: must be (S,) = ({n},)")
    return values


@plot.register(TabularPolicy)
def plot_tabular_policy(π: TabularPolicy, U: ArrayLike | None = None) -> Figure:
    """A map of a hex world, or a table; U (S,) is by default the utility of π, which needs γ < 1."""
    return policy_map(π.P, π, U)


@plot.register(ValueFunctionPolicy)
def plot_greedy_policy(π: ValueFunctionPolicy) -> Figure:
    """A map of a hex world, or a table, with the utilities U that the policy is greedy for."""
    return policy_map(π.P, π, π.U)


@plot.register(TrainedPolicy)
def plot_trained_policy(π: TrainedPolicy, low: ArrayLike, high: ArrayLike, **options: Any) -> Figure:
    """A policy of two observations over the box from `low` to `high`; the options are those of `plane_map`."""
    return plane_map(π, low, high, **options)


@plot.register(BayesianNetwork)
def plot_network(bn: BayesianNetwork, evidence: Mapping[str, Any] | None = None) -> Figure:
    """The graph, with the distribution of each variable given the evidence {name: value}."""
    return posteriors((bn, evidence or {}))


@plot.register(SimpleGame)
def plot_game(P: SimpleGame) -> Figure:
    """The payoffs of two agents as a table, with all equilibria: shaded where pure, below it in numbers."""
    rows, columns = _of_two(P)
    first, second = (_named("agent", i) for i in P.I)
    with styled():
        figure = new_figure(max(1.2 + 1.1 * columns, 3.4), 1.6 + 0.9 * rows)
        draw_table(figure.add_subplot(), P, f"{first} gets what stands below left,\n{second} what stands above right")
    return figure


def _of_two(P: SimpleGame) -> tuple[int, int]:
    """Numbers of actions. ValueError for other than two agents, and for a batch of games."""
    if len(P.sizes) != 2 or P.R.array.ndim != 3:
        refuse(None, "P", P, "one game of two agents, to be drawn as a table")
    rows, columns = P.sizes
    return rows, columns


@plot.register(AlphaVectorPolicy)
@plot.register(LookaheadAlphaVectorPolicy)
def plot_alpha_vectors(π: AlphaVectorPolicy | LookaheadAlphaVectorPolicy) -> Figure:
    """Of two states: max α·b over the probability of the second one. Of more: the α-vectors as a table of colours."""
    a = π.a if isinstance(π, AlphaVectorPolicy) else None
    names = [f"α-vector {k + 1}" for k in range(len(π.Γ))] if a is None else [_named("action", π.P.A[k]) for k in a]
    return map_of_vectors({"Γ": π.Γ, "a": names, "S": [_named("state", s) for s in π.P.S]})


def _named(what: str, x: Any) -> str:
    """A name as it is; a number after the kind of thing that it counts."""
    return x if isinstance(x, str) else f"{what} {x}"


@plot.register(Plans)
def plot_plans(plans: Plans, actions: Sequence[Any] | None = None) -> Figure:
    """The α-vectors of plans, named after their first actions; `actions` are the names of all actions."""
    names = [_named("action", int(k) if actions is None else actions[k]) for k in plans.a]
    return map_of_vectors({"Γ": plans.Γ, "a": names, "S": [f"state {s}" for s in range(plans.Γ.shape[1])]})


@plot.register(History)
def plot_history(history: History, **options: Any) -> Figure:
    """The learning curve, as `history.plot()` draws it."""
    return history.plot(**options)


# Tables in notebooks


@table.register(Factor)
def table_of_factor(φ: Factor) -> str:
    """A row for each assignment, the names of its states and the number."""
    head = [*(v.name for v in φ.vars), "φ"]
    rows = (
        [*(v.labels[k] for v, k in zip(φ.vars, a.values(), strict=True)), f"{x:.6g}"]
        for a, x in zip(assignments(φ.vars), φ.values.ravel(), strict=True)
    )
    return html(head, list(_ends(rows, φ.values.size)))


@table.register(SimpleGame)
def table_of_game(P: SimpleGame) -> str | None:
    """The payoffs of two agents: a row for each action of the first; None of any other game."""
    if len(P.sizes) != 2 or P.R.array.ndim != 3 or max(P.sizes) > ROWS:
        return None
    first, second = P.R.array
    head = ["", *map(str, P.A[1])]
    return html(head, [[str(a), *_pairs(x, y)] for a, x, y in zip(P.A[0], first, second, strict=True)])


def _pairs(first: Array, second: Array) -> list[str]:
    return [f"{x:g}, {y:g}" for x, y in zip(first, second, strict=True)]


@table.register(History)
def table_of_history(history: History) -> str:
    """A row for each update, its metrics as columns; metrics that are nowhere a number are left out."""
    shown = [name for name in METRICS if np.isfinite(history[name]).any()]
    columns = [history[name] for name in shown]
    rows = ([f"{column[k]:.6g}" for column in columns] for k in range(len(history)))
    return html(shown, list(_ends(rows, len(history))))


def _ends(rows: Iterable[list[str]], n: int) -> Iterable[list[str]]:
    """The rows, or if there are many the first and last of them, and a row of dots."""
    for k, row in enumerate(rows):
        if n <= ROWS or k < ROWS // 2 or k >= n - ROWS // 2:
            yield row
        elif k == ROWS // 2:
            yield ["…"] * len(row)


def html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in HTML, its texts escaped.

    >>> html(["x", "φ"], [["<a>", "0.5"]])
    '<table><thead><tr><th>x</th><th>φ</th></tr></thead><tbody><tr><td>&lt;a&gt;</td><td>0.5</td></tr></tbody></table>'
    """
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(x)}</td>" for x in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
