"""Monte Carlo tree search (algorithms 9.5 to 9.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count, is_number, not_negative, one_of, refuse
from decision_making.problem import RNG, State
from decision_making.sequential_problems.online_planning.draws import draws_of
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.sequential_problems.online_planning.one_tree import OneTree, one_state
from decision_making.sequential_problems.online_planning.packed import compact
from decision_making.sequential_problems.online_planning.plans import (
    OnlinePlanner,
    Plan,
    best_available,
    counted,
    generator,
    planned,
    simulated,
)
from decision_making.sequential_problems.online_planning.trees import Given, Trees
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import plan, statistics

BLOCK = 2048  # searches at a time
Pairs = dict[tuple[Any, Any], float]  # a number for each (s, a)
Statistics = Mapping[tuple[Any, int], float]


def _statistics(M: object, attribute: Any, x: Any) -> None:
    if x is None:
        return
    if not isinstance(x, Mapping) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in x):
        refuse(M, attribute.name, x, "None, or a dictionary with (state, action) as keys", TypeError)
    visits = attribute.name == "N"
    for pair, value in x.items():
        if not is_number(value) or (visits and (value < 0 or value != int(value))):
            refuse(M, f"{attribute.name}[{pair}]", value, "a whole number >= 0" if visits else "a finite number")


@struct(repr=False)
class MonteCarloTreeSearch(OnlinePlanner):
    """m simulations of up to d steps from the current state, each one adding a state to the tree (algorithm 9.5).

    Within the tree a simulation takes the action of largest

        Q(s, a) + c √(ln N(s) / N(s, a)),    N(s) = Σ_a N(s, a)

    ∞ where a is untried, the first of equal ones; at a state that is new, U estimates what follows. The first
    simulation only makes the root, so N(s) adds up to m - 1; m should be above the number of actions. The action
    returned is the one of largest Q among those tried. c is on the scale of the returns: of 2048, hundreds.

    Each call begins with the statistics N and Q, without them with none. To go on with those of an earlier search, give
    `statistics(found)`; the dictionaries are not changed.

    Statistics are kept by state, as in the book, so that a state reached with different numbers of steps left has one
    entry; `by="depth"` keeps them apart. Simulations end in absorbing and terminal states. Where an action is not
    available (a reward of -inf, or a problem's `legal_actions`) it is not tried.

    A batch is as many independent searches, side by side as arrays; `streams="row"` gives each its own random numbers,
    so that a search does not depend on what else is in the batch. With `trees` above 1 every state has that many trees,
    whose statistics at the root are added. Raises `TooLargeError` for more than 20 million pairs of node and action.
    """

    N: Statistics | None = field(validator=_statistics, repr=False)  # visit counts (s, a) -> number to begin with
    Q: Statistics | None = field(validator=_statistics, repr=False)  # action values (s, a) -> number, likewise
    d: int = field(validator=count)  # depth, steps
    m: int = field(validator=count)  # simulations, of each tree
    c: float = field(validator=not_negative)  # weight of exploration, in units of the return
    U: Any  # leaf value: a RolloutEstimate, a function of a batch of states, or an array over the states
    trees: int = field(default=1, kw_only=True, validator=count)  # trees of each state, merged at the root
    by: str = field(default="state", kw_only=True, validator=one_of("state", "depth"))  # what a node stands for
    streams: str = field(default="shared", kw_only=True, validator=one_of("shared", "row"))  # of random numbers

    exact = False

    def __attrs_post_init__(self) -> None:
        OnlinePlanner.__attrs_post_init__(self)
        if (self.N or self.Q) and not isinstance(self._model, FiniteModel):
            refuse(self, "N", self.N, "None, for a problem that does not list its states S")
        if set(self.N or ()) != set(self.Q or ()):
            refuse(self, "Q", self.Q, "a dictionary with the keys of N")

    def did(self, found: Plan) -> str:
        """Simulations, and the nodes that they made."""
        trees = "" if self.trees == 1 else f" in each of {self.trees} trees"
        return f"made {simulated(self, found)}{trees}, and kept statistics of {counted(found.visits, 'state')}."


@plan.register
def plan_by_tree_search(M: MonteCarloTreeSearch, s: State, *, rng: RNG = None) -> Plan:
    """One state on lists, many as arrays; both give the same numbers."""
    rng = generator(M, rng)
    states, single = M._model.rows(s)
    model, words = compact(M._model, states)
    many = np.repeat(words, M.trees, axis=0)
    check_size(
        "pairs of node and action",
        min(len(many), BLOCK) * (M.m + 1) * model.n_actions,
        "use a smaller m, or fewer states at a time",
    )
    one = one_state(model) if len(many) == 1 else None
    if one is not None:
        tree = OneTree(model, one, M.d, M.m, M.c, M.by, _given(M))
        _begin(M, model, tree)
        child = rng.spawn(1)[0]
        if not model.ended(many)[0]:
            tree.run(int(many[0]), M.m, M.U, child)
        found: OneTree | Trees = tree
        N, Q = (x[None] for x in _root(model, tree, 0, many))
        nodes = tree.nodes()
    else:
        parts = [_searched(M, model, many[i : i + BLOCK], rng) for i in range(0, max(len(many), 1), BLOCK)]
        found = parts[0][0]
        N, Q, nodes = (np.concatenate([x[i] for x in parts]) for i in (1, 2, 3))
    N, Q, nodes = merged_roots(N, Q, nodes, M.trees)
    ended = model.ended(words)
    Q[ended] = model.resting(words[ended])
    a = best_available(model, words, Q)
    return planned(M, states, Q, single, N=N, visits=nodes, tree=found, a=a)


def _searched(M: MonteCarloTreeSearch, model: Model, s: Array, rng: np.random.Generator) -> tuple[Any, ...]:
    """The trees of the states s, and N, Q and the number of nodes of each."""
    trees = Trees(model, len(s), M.d, M.m, M.c, M.by, _given(M))
    _begin(M, model, trees)
    draws, live = draws_of(rng, len(s), M.streams), ~model.ended(s)
    trees.rows = np.flatnonzero(live)
    for _ in range(M.m if live.any() else 0):
        trees.simulate(s[trees.rows], M.U, draws)
    trees.rows = np.arange(len(s))
    node, Ns = trees.find(trees.rows, s, M.d)
    N = np.where((Ns >= 0)[:, None], trees.N[node], 0.0)
    return trees, N, np.where(N > 0, trees.scores[node, 0], -np.inf), trees.nodes()


def _root(model: Model, tree: OneTree | Trees, row: int, s: Array) -> tuple[Array, Array]:
    """N and Q (A,) at the root."""
    A = model.n_actions
    return tree.look(row, s, tree.d) or (np.zeros(A), np.full(A, -np.inf))


def _given(M: MonteCarloTreeSearch) -> Given:
    """How many nodes the given statistics make, and the largest N(s) among them."""
    sums: dict[Any, float] = {}
    for (x, _), n in (M.N or {}).items():
        sums[x] = sums.get(x, 0) + n
    return len(sums) * (M.d if M.by == "depth" else 1), int(max(sums.values(), default=0))


def _begin(M: MonteCarloTreeSearch, model: Model, tree: OneTree | Trees) -> None:
    """Put the statistics N and Q into the tree, by depth into every level."""
    if not M.N or M.Q is None:
        return
    each: dict[Any, list[tuple[int, float, float]]] = {}
    for (x, a), n in M.N.items():
        each.setdefault(x, []).append((int(model.index([a])[0]), float(n), float(M.Q[x, a])))
    for x, known in each.items():
        s = model.rows(x)[0]
        if model.ended(s)[0]:
            continue
        for left in range(1, M.d + 1) if M.by == "depth" else [0]:
            if isinstance(tree, OneTree):
                node = tree.add(int(s[0]), left)
                for a, n, q in known:
                    if n > 0:
                        node.N[a], node.sums[a], node.Q[a], node.W[a] = int(n), n * q, q, n**-0.5
                node.Ns = sum(node.N)
                continue
            rows = tree.rows
            at = tree.add(rows, np.repeat(s, len(rows), axis=0), left)
            for a, n, q in known:
                if n > 0:
                    tree.N[at, a], tree.sums[at, a] = n, n * q
                    tree.scores[at, 0, a], tree.scores[at, 1, a] = q, n**-0.5
            tree.Ns[at] = tree.N[at].sum(axis=1).astype(np.int64)


def merged_roots(N: Array, Q: Array, nodes: Array, trees: int) -> tuple[Array, Array, Array]:
    """N and Q (B, A) of roots that each had `trees` trees: ΣN, and ΣN Q / ΣN where any tree tried the action."""
    if trees == 1:
        return N, Q, nodes
    N, Q = (x.reshape(-1, trees, x.shape[1]) for x in (N, Q))
    total = N.sum(axis=1)
    sums = (N * np.where(N > 0, Q, 0.0)).sum(axis=1)
    return total, np.where(total > 0, sums / np.maximum(total, 1), -np.inf), nodes.reshape(-1, trees).sum(axis=1)


@statistics.register
def statistics_of_search(found: Plan, row: int = 0) -> tuple[Pairs, Pairs]:
    """The book's dictionaries N and Q, by (state, action), of the search of one state, or of a row of a batch.

    For a problem that lists its states S, whose nodes stand for states. Given to a new search, it goes on with them.
    """
    tree, model = found.tree, found.M._model
    if not isinstance(model, FiniteModel) or found.M.by != "state" or found.M.trees > 1:
        raise ValueError("statistics: need a problem that lists its states, by='state' and a single tree")
    if row >= BLOCK:
        raise ValueError(f"row = {row}: must be below {BLOCK}; the trees of later rows are not kept")
    N, Q, n_actions = {}, {}, model.n_actions
    for i in range(len(model.R)):
        looked = tree.look(row, np.array([i]), found.M.d)
        for a in range(n_actions) if looked is not None else ():
            pair = _plain(model.P.S[i]), _plain(model.P.A[a])
            N[pair], Q[pair] = float(looked[0][a]), float(looked[1][a]) if looked[0][a] > 0 else 0.0
    return N, Q


def _plain(x: Any) -> Any:
    return int(x) if isinstance(x, np.integer) else x
