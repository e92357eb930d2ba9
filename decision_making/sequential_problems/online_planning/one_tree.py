"""A search of one state (chapter 9) on Python's own lists and numbers, which are then quicker than arrays.

The numbers are those of `trees` with one row, bit for bit: both take them from the same stream in the same order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.problems import packed_boards
from decision_making.sequential_problems.online_planning.draws import SharedStream
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.sequential_problems.online_planning.packed import PackedModel
from decision_making.sequential_problems.online_planning.rollouts import RolloutEstimate, leaf_values
from decision_making.sequential_problems.online_planning.trees import TABLE, Given, exploration

AHEAD = 4096  # uniform numbers that are drawn at a time


class Uniforms:
    """The uniform numbers of a generator, one at a time or k at a time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.used = rng, 0
        self.ahead: list[float] = []

    def one(self) -> float:
        """The next."""
        if self.used == len(self.ahead):
            self.ahead, self.used = self.rng.random(AHEAD).tolist(), 0
        self.used += 1
        return self.ahead[self.used - 1]

    def some(self, k: int) -> list[float]:
        """The next k."""
        while len(self.ahead) - self.used < k:
            self.ahead = self.ahead[self.used :] + self.rng.random(AHEAD).tolist()
            self.used = 0
        self.used += k
        return self.ahead[self.used - k : self.used]


class OneState:
    """What a search of one state asks of its problem: a state is a whole number."""

    γ: float

    def step(self, s: int, a: int, u: float) -> tuple[int, float]:
        """The successor and reward that the uniform number u draws."""
        raise NotImplementedError

    def wander(self, s: int, us: list[float]) -> float:
        """The discounted return of uniformly random actions, a step for each of the uniform numbers."""
        raise NotImplementedError

    def ended(self, s: int) -> bool:
        """Whether nothing can be gained or lost any more."""
        raise NotImplementedError

    def fresh(self, s: int) -> list[float]:
        """Q of a new node: ∞ for the actions that are available, -∞ for the others."""
        raise NotImplementedError


class OneFinite(OneState):
    """A problem with tables."""

    def __init__(self, model: FiniteModel) -> None:
        self.γ, self.A = model.γ, model.n_actions
        self.first, self.columns = model.first.tolist(), model.columns.tolist()
        self.c, self.R = model.sampler.c.tolist(), model.R.ravel().tolist()
        table, first, columns, rewards = model.wandering
        self.wander_c, self.wander_columns, self.wander_r = table.c.tolist(), columns.tolist(), rewards.tolist()
        self.wander_first = first.tolist()
        self.end = model.end.tolist()
        self.missing = None if model.missing is None else model.missing.tolist()

    def step(self, s: int, a: int, u: float) -> tuple[int, float]:
        """By bisection in the cumulative probabilities."""
        i = s * self.A + a
        return self.columns[bisect_right(self.c, u, self.first[i], self.first[i + 1] - 1)], self.R[i]

    def wander(self, s: int, us: list[float]) -> float:
        """Action and successor at once."""
        value, factor = 0.0, 1.0
        for u in us:
            k = bisect_right(self.wander_c, u, self.wander_first[s], self.wander_first[s + 1] - 1)
            s = self.wander_columns[k]
            value += self.wander_r[k] * factor
            factor *= self.γ
        return value

    def ended(self, s: int) -> bool:
        """From a list."""
        return self.end[s]

    def fresh(self, s: int) -> list[float]:
        """Rewards of -∞ say what is not available."""
        if self.missing is None:
            return [np.inf] * self.A
        return [np.inf if x else -np.inf for x in self.missing[s]]


class OneBoard(OneState):
    """A packed board of 2048."""

    def __init__(self, model: PackedModel) -> None:
        self.γ, self.p_two = model.γ, model.P.p_two

    def step(self, s: int, a: int, u: float) -> tuple[int, float]:
        """A push and a new tile."""
        return packed_boards.one_step(s, a, u, self.p_two)

    def wander(self, s: int, us: list[float]) -> float:
        """All four moves, also those that change nothing."""
        value, factor = 0.0, 1.0
        for u in us:
            x = u * 4
            s, r = packed_boards.one_step(s, int(x), x - int(x), self.p_two)
            value += r * factor
            factor *= self.γ
        return value

    def ended(self, s: int) -> bool:
        """Whether no move changes the board."""
        return not any(packed_boards.one_legal(s))

    def fresh(self, s: int) -> list[float]:
        """Moves that change nothing are not available."""
        return [np.inf if x else -np.inf for x in packed_boards.one_legal(s)]


def one_state(model: Model) -> OneState | None:
    """The model for one state at a time; None where the problem has only functions of batches."""
    if isinstance(model, FiniteModel):
        return OneFinite(model)
    return OneBoard(model) if isinstance(model, PackedModel) else None


class Node:
    """Statistics of a state: N(s), and for each action N, the sum of returns, Q and 1/√N."""

    __slots__ = ("N", "Ns", "Q", "W", "sums")

    def __init__(self, Q: list[float]) -> None:
        A = len(Q)
        self.Ns, self.N, self.sums, self.Q, self.W = 0, [0] * A, [0.0] * A, Q, [0.0] * A


class OneTree:
    """A search tree by state, or by state and steps left: a dictionary of nodes."""

    def __init__(self, model: Model, one: OneState, d: int, m: int, c: float, by: str, given: Given = (0, 0)) -> None:
        self.model, self.one, self.d, self.c, self.by = model, one, d, c, by
        self.known: dict[Any, Node] = {}
        self.table = exploration(c, min(m * d + given[1], TABLE)).tolist()

    def key(self, s: int, left: int) -> Any:
        """The name of a state with that many steps left."""
        return (s, left) if self.by == "depth" else s

    def add(self, s: int, left: int) -> Node:
        """A new node."""
        node = self.known[self.key(s, left)] = Node(self.one.fresh(s))
        return node

    def run(self, s: int, m: int, U: Any, rng: np.random.Generator) -> None:
        """m simulations from s: algorithms 9.6 and 9.7 without recursion."""
        uniforms, one, γ, table, known = Uniforms(rng), self.one, self.one.γ, self.table, self.known
        leaf, by_depth, last = self.leaf(U, uniforms), self.by == "depth", len(self.table)
        for _ in range(m):
            x, path, left = s, [], self.d
            while left:
                node = known.get((x, left) if by_depth else x)
                if node is None:
                    break
                bonus = table[node.Ns] if node.Ns < last else float(self.c * np.sqrt(np.log(node.Ns)))
                scores = [q + w * bonus for q, w in zip(node.Q, node.W, strict=True)]
                a = scores.index(max(scores))
                x, r = one.step(x, a, uniforms.one())
                path.append((node, a, r))
                left -= 1
            q = 0.0
            if not one.ended(x):
                if left:
                    self.add(x, left)
                q = leaf(x)
            for node, a, r in reversed(path):
                q = q * γ + r if γ else r  # q may be -∞
                n = node.N[a] + 1
                node.N[a], node.Ns = n, node.Ns + 1
                total = node.sums[a] = q + node.sums[a]
                node.Q[a], node.W[a] = total / n, 1.0 / n**0.5

    def leaf(self, U: Any, uniforms: Uniforms) -> Callable[[int], float]:
        """The leaf value of one state."""
        one, model = self.one, self.model
        if isinstance(U, RolloutEstimate) and U.π is None:
            return lambda x: sum([one.wander(x, uniforms.some(U.d)) for _ in range(U.m)]) / U.m
        draws = SharedStream(uniforms.rng)
        dtype = np.uint64 if isinstance(model, PackedModel) else np.intp
        return lambda x: float(leaf_values(U, model, np.array([x], dtype), draws)[0])

    def look(self, row: int, s: Array, left: int) -> tuple[Array, Array] | None:
        """N (A,) and Q (A,), -∞ where untried, of one state (1, ...); None if it has no node. There is one row."""
        node = self.known.get(self.key(int(s[0]), left))
        if node is None:
            return None
        N = np.array(node.N, dtype=float)
        return N, np.where(N > 0, node.Q, -np.inf)

    def nodes(self) -> Array:
        """How many nodes the tree has, (1,)."""
        return np.array([len(self.known)])
