"""A dictionary of the utilities of states for the searches of chapter 9: an upper bound when a state is first met."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model

Outcomes = list[tuple[float, Any]]  # (probability, name of the next state)


class Utilities:
    """U of the states met so far, by name: the position in P.S, or the bytes of a state."""

    def __init__(self, model: Model, Uhi: Any, zero_at_end: bool) -> None:
        self.model, self.Uhi, self.zero_at_end = model, Uhi, zero_at_end
        self.U: dict[Any, float] = {}
        self.states: dict[Any, Array] = {}  # (1, ...)
        self.ends: dict[Any, bool] = {}
        self._successors: dict[Any, tuple[list[float], list[Outcomes]]] = {}
        self._sums: dict[tuple[Any, int], list[float]] = {}

    def meet(self, s: Array) -> Any:
        """The name of the state s (1, ...)."""
        name = int(s[0]) if isinstance(self.model, FiniteModel) else s.tobytes()
        if name not in self.U:
            model = self.model
            over = model.terminal(s)[0] or (self.zero_at_end and model.ended(s)[0])
            self.states[name], self.ends[name] = s, bool(over)
            self.U[name] = 0.0 if over else float(model.leaf(self.Uhi, s)[0])
        return name

    def successors(self, name: Any) -> tuple[list[float], list[Outcomes]]:
        """Expected reward of each action, and what follows it."""
        if name not in self._successors:
            edges, A = self.model.edges(self.states[name]), self.model.n_actions
            cut = np.searchsorted(edges.pair, np.arange(A + 1))
            names = [self.meet(edges.s_next[e : e + 1]) for e in range(len(edges.pair))]
            each = list(zip(edges.p.tolist(), names, strict=True))
            self._successors[name] = edges.r[0].tolist(), [each[cut[a] : cut[a + 1]] for a in range(A)]
        return self._successors[name]

    def Q(self, name: Any) -> list[float]:
        """The lookahead of each action."""
        if self.ends[name]:
            resting: list[float] = self.model.resting(self.states[name])[0].tolist()
            return resting
        rewards, outcomes = self.successors(name)
        U, γ = self.U, self.model.γ
        if γ == 0:
            return rewards
        return [r + γ * sum([p * U[x] for p, x in each]) for r, each in zip(rewards, outcomes, strict=True)]

    def greedy(self, name: Any) -> tuple[int, float]:
        """The first best action and its utility; ValueError where a utility is NaN."""
        Q = self.Q(name)
        u = max(Q)
        if u != u or any(q != q for q in Q):
            raise ValueError(f"the utilities {Q} of the actions in state {self.states[name][0]}: must be numbers")
        return Q.index(u), u

    def draw(self, name: Any, a: int, u: float) -> Any:
        """The successor of action a that the uniform number u draws."""
        if self.ends[name]:
            return name
        outcomes = self.successors(name)[1][a]
        if (name, a) not in self._sums:
            self._sums[name, a] = list(accumulate(p for p, _ in outcomes))
        return outcomes[bisect_right(self._sums[name, a], u, 0, len(outcomes) - 1)][1]

    def table(self) -> Array:
        """U of all states (S,) of a problem that lists them; of those not met, the bound."""
        if not isinstance(self.model, FiniteModel):
            raise TypeError("a table of utilities needs a problem that lists its states S")
        s = np.arange(len(self.model.R))
        U = np.where(
            self.model.terminal(s) | (self.zero_at_end & self.model.ended(s)), 0.0, self.model.leaf(self.Uhi, s)
        )
        U[list(self.U)] = list(self.U.values())
        return U
