"""Double progressive widening: tree search where states, and perhaps actions, are too many to try (section 9.6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    count,
    function,
    is_number,
    name_first,
    not_negative,
    optional,
    refuse,
    shortened,
)
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.tables import batch_of
from decision_making.sequential_problems.online_planning.draws import Draws, draws_of
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.sequential_problems.online_planning.packed import compact
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, generator, simulated
from decision_making.sequential_problems.online_planning.rollouts import leaf_values
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import plan


def _pair(x: Any) -> Any:
    return tuple(x) if isinstance(x, list | np.ndarray) else x


def _widening(M: object, attribute: Any, x: Any) -> None:
    if not isinstance(x, tuple) or len(x) != 2 or not all(map(is_number, x)) or x[0] <= 0 or not 0 <= x[1] <= 1:
        refuse(M, attribute.name, x, "a pair (θ₁, θ₂) with θ₁ > 0 and θ₂ in [0, 1]")


@struct(repr=False)
class ProgressiveWidening(OnlinePlanner):
    """Monte Carlo tree search that considers few actions and successors at first, and more as visits grow.

    With N visits at most max(1, θ₁ N^θ₂), rounded up, are considered: of actions in a state, and of successors of a
    state and action. While there are fewer successors a new one is drawn, which ends the simulation with the estimate U
    of its value; else an old one is taken, with probability proportional to its visits. Exploration as in
    `MonteCarloTreeSearch`. States are nodes of a tree, never the same twice, so they may be real numbers.

    New actions are the next of P.A; where actions are not listed, `propose(s, rng)` gives one for each state of a
    batch, and P.TR samples what follows. `plan` numbers the actions of the root by the order in which they were
    proposed; in a state that has ended the first proposal is returned.
    Raises `TooLargeError` for more than 20 million entries of its tables, nodes times actions or successors.
    """

    d: int = field(validator=count)  # depth, steps
    m: int = field(validator=count)  # simulations
    c: float = field(validator=not_negative)  # weight of exploration, in units of the return
    U: Any  # leaf value: a RolloutEstimate, or a function of a batch of states
    actions: Any = field(default=(10.0, 0.5), kw_only=True, converter=_pair, validator=_widening)  # (θ₁, θ₂)
    successors: Any = field(default=(10.0, 0.5), kw_only=True, converter=_pair, validator=_widening)  # (θ₁, θ₂)
    propose: Any = field(default=None, kw_only=True, validator=optional(function))  # (s, rng) -> actions of a batch

    exact = False

    @property
    def listed(self) -> bool:
        """Whether the actions are those of a list."""
        return self.propose is None

    def did(self, found: Plan) -> str:
        """The same as of any tree search, and how many actions were considered."""
        tried = counted(int(np.count_nonzero(np.asarray(found.N))), "action")
        return f"made {simulated(self, found)}: {counted(found.visits, 'node')}, {tried} tried at the root."

    def action_name(self, found: Plan, i: int | None) -> str:
        """The i-th action that was considered at the root; a proposed one has no name but what it is."""
        tried = np.asarray(found.N) > 0
        considered = found.tree.a[0, : len(tried)] if tried.any() else np.arange(len(tried))
        if i is not None and self.propose is None:
            others = np.setdiff1d(np.arange(len(self.P.A)), considered[tried])  # in the order of the list
            a = considered[i] if tried[i] else others[np.count_nonzero(~tried[:i])]
            return OnlinePlanner.action_name(self, found, int(a))
        a = found.a if i is None else considered[i] if tried[i] else i
        return f"{a:.3g}" if isinstance(a, np.floating) else str(a)


def limit(widening: tuple[float, float], N: Any) -> Any:
    """How many are considered after N visits: max(1, θ₁ N^θ₂), a real number."""
    with np.errstate(over="ignore"):
        return np.maximum(1.0, widening[0] * np.asarray(N, dtype=np.float64) ** widening[1])


def proposals(given: Any, n: int, shape: tuple[int, ...] | None) -> Array:
    """What `propose` gave for n states, of the shape of earlier actions. ValueError unless it is an action for each."""
    a = batch_of(given)
    wanted = f"must be an action{'' if shape is None else f' of shape {shape}'} for each of the {n} states"
    if a.ndim == 0 or len(a) != n or shape not in (None, a.shape[1:]):
        raise ValueError(f"propose(s, rng) = {shortened(given)}: {wanted}")
    if a.dtype.kind == "f":
        name_first(~np.isfinite(a), "propose(s, rng)", a, "finite")
    return a


def room_for(new: Array, x: Array) -> Array:
    """x, in a type that holds the entries of `new` as they are: no word is cut, no number rounded."""
    if x.dtype == new.dtype:
        return x
    kinds = {x.dtype.kind, new.dtype.kind}
    mixed = len(kinds) > 1 and not kinds <= set("biuf")
    return x.astype(object if mixed else np.promote_types(x.dtype, new.dtype))


class WideningTrees:
    """B trees as flat arrays: nodes (n,), their actions (n, KA), and the successors of node and action (n, KS).

    A simulation makes one node, so that there are no more pairs with successors than nodes.
    """

    def __init__(self, M: ProgressiveWidening, model: Model, s: Array) -> None:
        self.M, self.model, B = M, model, len(s)
        known = model.n_actions if M.propose is None else M.m  # a simulation adds one action and one successor at most
        self.KA = int(np.ceil(min(limit(M.actions, M.m), known)))
        self.KS, nodes = int(np.ceil(min(limit(M.successors, M.m), M.m))), B * (M.m + 1)
        instead = "use a smaller m, or a smaller θ₁ or θ₂"
        check_size("entries of the tables of successors", nodes * max(self.KA, self.KS), instead)
        self.N, self.sums = np.zeros((nodes, self.KA)), np.zeros((nodes, self.KA))
        self.considered, self.found = np.zeros(nodes, np.intp), np.zeros((nodes, self.KA), np.intp)
        self.edge = np.zeros((nodes, self.KA), np.intp)  # row of the next three: the first successor, once it is there
        self.child = np.zeros((nodes, self.KS), np.intp)
        self.taken, self.r = np.zeros(self.child.shape), np.zeros(self.child.shape)
        self.ended, self.used = np.zeros(nodes, bool), np.ones(B, np.intp)
        self.root = np.arange(B) * (M.m + 1)
        self.s = np.zeros((nodes, *s.shape[1:]), s.dtype)
        self.s[self.root], self.ended[self.root] = s, model.ended(s)
        self.a: Any = None  # actions (nodes, KA, ...)
        self.order: Any = None  # of the listed actions, which are available first (nodes, KA)

    def widen(self, node: Array, draws: Draws) -> None:
        """Consider one more action in those of the nodes whose visits allow it."""
        M, model = self.M, self.model
        available = None if M.propose is not None else model.available(self.s[node])
        most = np.full(len(node), self.KA) if available is None else np.minimum(available.sum(axis=1), self.KA)
        more = (self.considered[node] < limit(M.actions, self.N[node].sum(axis=1))) & (self.considered[node] < most)
        some, k = node[more], self.considered[node][more]
        if not len(some):
            return
        if M.propose is not None:
            given = M.propose(model.batch(self.s[some]), draws.rng)
            a = proposals(given, len(some), None if self.a is None else self.a.shape[2:])
        elif available is None:
            a = k
        else:
            a = np.argsort(~available[more], axis=1, kind="stable")[np.arange(len(some)), k]
        if self.a is None:
            self.a = np.zeros((len(self.s), self.KA, *a.shape[1:]), a.dtype)
        self.a = room_for(a, self.a)
        self.a[some, k] = a
        self.considered[some] += 1

    def simulate(self, draws: Draws) -> None:
        """One simulation of every search."""
        M, model = self.M, self.model
        rows = np.flatnonzero(~self.ended[self.root])
        node, path, q = self.root[rows], [], np.zeros(len(self.root))
        for _ in range(M.d):
            if not len(rows):
                break
            self.widen(node, draws)
            N = self.N[node]
            with np.errstate(divide="ignore", invalid="ignore"):
                spread = np.sqrt(np.log(np.maximum(N.sum(axis=1), 1)))[:, None] / np.sqrt(N)
                score = np.where(N > 0, self.sums[node] / N + M.c * spread, np.inf)
            score[np.arange(self.KA) >= self.considered[node][:, None]] = -np.inf
            j = score.argmax(axis=1)
            fresh = self.found[node, j] < limit(M.successors, self.N[node, j])
            k = np.where(fresh, self.found[node, j], self.old(node, j, draws))
            self.grow(rows[fresh], node[fresh], j[fresh], draws)
            edge = self.edge[node, j]
            path.append((rows, node, j, k, edge, self.r[edge, k]))
            child = self.child[edge, k]
            going = ~fresh & ~self.ended[child]
            self.leaves(rows[fresh], child[fresh], q, draws)
            rows, node = rows[going], child[going]
        self.leaves(rows, node, q, draws)
        for rows, node, j, k, edge, r in reversed(path):
            q[rows] = r + model.γ * q[rows] if model.γ > 0 else r  # q may be -∞
            self.N[node, j] += 1
            self.sums[node, j] += q[rows]
            self.taken[edge, k] += 1

    def old(self, node: Array, j: Array, draws: Draws) -> Array:
        """One of the successors so far, with probability proportional to its visits."""
        taken = np.cumsum(self.taken[self.edge[node, j]], axis=1)
        x = draws.one(node) * taken[:, -1]
        return np.minimum((taken <= x[:, None]).sum(axis=1), self.KS - 1)

    def grow(self, rows: Array, node: Array, j: Array, draws: Draws) -> None:
        """A new successor of each of these nodes and actions."""
        if not len(rows):
            return
        s, a = self.s[node], self.a[node, j]
        if self.M.propose is None:
            s_next, r = self.model.step(s, a, draws, rows)
        else:
            s_next, r = self.model.act(s, a, draws)
        self.s = room_for(s_next, self.s)
        k, new = self.found[node, j], self.root[rows] + self.used[rows]
        self.edge[node, j] = edge = np.where(k == 0, new, self.edge[node, j])
        self.child[edge, k], self.r[edge, k] = new, r
        self.s[new], self.ended[new] = s_next, self.model.ended(s_next)
        self.found[node, j] += 1
        self.used[rows] += 1

    def leaves(self, rows: Array, node: Array, q: Array, draws: Draws) -> None:
        """q of the rows: U of the nodes, 0 where they have ended."""
        live = ~self.ended[node]
        if live.any():
            q[rows[live]] = leaf_values(self.M.U, self.model, self.s[node[live]], draws, rows[live])


@plan.register
def plan_by_widening(M: ProgressiveWidening, s: State, *, rng: RNG = None) -> Plan:
    """All states at once, each with a tree of its own."""
    states, single = M._model.rows(s)
    model, words = compact(M._model, states) if M.propose is None else (M._model, states)
    draws = draws_of(generator(M, rng), len(words))
    trees = WideningTrees(M, model, words)
    if M.propose is not None:
        trees.widen(trees.root[trees.ended[trees.root]], draws)
    for _ in range(M.m):
        trees.simulate(draws)
    N = trees.N[trees.root]
    Q = np.where(N > 0, trees.sums[trees.root] / np.maximum(N, 1), -np.inf)
    ended = trees.ended[trees.root]
    Q[ended] = 0.0
    j = Q.argmax(axis=1)
    a = np.zeros(len(words), np.intp) if trees.a is None else trees.a[trees.root, j]
    if M.propose is None:
        a[ended] = model.resting(words[ended]).argmax(axis=1)
        a = model.action(a)
    u = Q[np.arange(len(words)), j]
    if single:
        return Plan(M, M._model.state(states)[0], a[0], float(u[0]), Q[0], N[0], int(trees.used[0]), trees)
    return Plan(M, M._model.state(states), a, u, Q, N, trees.used, trees)
