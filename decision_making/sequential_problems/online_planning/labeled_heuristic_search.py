"""Labelled heuristic search: heuristic search that knows when it is done (algorithms 9.9 to 9.11)."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count, flag, positive
from decision_making.problem import RNG, State
from decision_making.sequential_problems.exact_solution_methods.policies import ValueFunctionPolicy
from decision_making.sequential_problems.online_planning.one_tree import Uniforms
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, generator, planned
from decision_making.sequential_problems.online_planning.utilities import Utilities
from decision_making.structs import struct
from decision_making.verbs import plan


@struct(repr=False)
class LabeledHeuristicSearch(OnlinePlanner):
    """Greedy simulations from the bound Uhi until the state at hand is solved to within δ (algorithm 9.9).

    A state is solved when its own residual |U(s) - max_a lookahead(U, s, a)| is at most δ, and so are those of all
    states that greedy actions lead to from it. Then U is within δ / (1 - γ) of the optimum there, if Uhi is an upper
    bound that is at least its own backup.

    `zero_at_end` as in `HeuristicSearch`: without it a state that pays nothing and is never left counts as solved at
    any value up to δ / (1 - γ). Raises ValueError where a state is not solved after `max_simulations` simulations, as
    can happen for γ = 1 where no end is reached. A batch is searched state by state, each anew.
    """

    Uhi: Any  # upper bound of the utility: an array over the states, or a function of a batch of states
    d: int = field(validator=count)  # depth, steps of a simulation
    δ: float = field(validator=positive)  # gap threshold: largest residual of a solved state
    zero_at_end: bool = field(default=True, kw_only=True, validator=flag)  # absorbing states are worth 0
    max_simulations: int = field(default=100_000, kw_only=True, validator=count)  # after which it gives up

    def did(self, found: Plan) -> str:
        """Until the state is solved."""
        needed = counted(found.tree.simulations, "simulation")
        met = f"{len(found.tree.solved):,} of the {counted(found.visits, 'state')} it met are solved"
        return f"needed {needed} to solve {self.origin(found)} to within δ = {self.δ:g}: {met}."


class Labels(Utilities):
    """Utilities, and which states are solved; the order of everything is that of discovery."""

    def __init__(self, M: LabeledHeuristicSearch) -> None:
        super().__init__(M._model, M.Uhi, M.zero_at_end)
        self.δ, self.solved, self.simulations = M.δ, set[Any](), 0

    def simulate(self, x: Any, d: int, uniforms: Uniforms) -> None:
        """At most d greedy steps, then labels for the states on the way, last to first (algorithm 9.10)."""
        visited = []
        for _ in range(d):
            if x in self.solved:
                break
            visited.append(x)
            a, self.U[x] = self.greedy(x)
            x = self.draw(x, a, uniforms.one())
        while visited and not self.label(visited.pop()):
            pass
        self.simulations += 1

    def expand(self, x: Any) -> tuple[bool, list[Any]]:
        """Whether a residual above δ was found in the greedy envelope of x, and that envelope (algorithm 9.11)."""
        found, envelope, open_, met = False, [], [x], {x}
        while open_:
            x = open_.pop()
            envelope.append(x)
            a, u = self.greedy(x)
            if abs(self.U[x] - u) > self.δ:
                found = True
                continue
            for _, x_next in self.successors(x)[1][a] if not self.ends[x] else ():
                if x_next not in met and x_next not in self.solved:
                    met.add(x_next)
                    open_.append(x_next)
        return found, envelope

    def label(self, x: Any) -> bool:
        """Whether x is *not* solved: then its envelope is backed up, else it is labelled (algorithm 9.11)."""
        if x in self.solved:
            return False
        found, envelope = self.expand(x)
        if found:
            for y in reversed(envelope):
                self.U[y] = self.greedy(y)[1]
        else:
            self.solved.update(envelope)
        return found


def solved(M: LabeledHeuristicSearch, s: Array, rng: np.random.Generator) -> Labels:
    """The utilities and labels when the state s (1, ...) is solved."""
    known, uniforms = Labels(M), Uniforms(rng)
    root = known.meet(s)
    while root not in known.solved:
        if known.simulations == M.max_simulations:
            raise ValueError(
                f"max_simulations = {M.max_simulations}: the state {s[0]} is not solved to within δ = {M.δ:g}; for "
                "γ = 1 an end must be reached from every state"
            )
        known.simulate(root, M.d, uniforms)
    return known


@plan.register
def plan_by_labels(M: LabeledHeuristicSearch, s: State, *, rng: RNG = None) -> Plan:
    """One state after the other."""
    model, rng = M._model, generator(M, rng)
    s, single = model.rows(s)
    known = [solved(M, s[i : i + 1], rng.spawn(1)[0]) for i in range(len(s))]
    Q = np.array([x.Q(x.meet(s[i : i + 1])) for i, x in enumerate(known)]).reshape(len(s), model.n_actions)
    return planned(M, s, Q, single, visits=np.array([len(x.U) for x in known]), tree=known[0] if single else known)


def extract_solved_policy(M: LabeledHeuristicSearch, s: State, *, rng: RNG = None) -> ValueFunctionPolicy:
    """The policy that is greedy in the utilities when the one state s is solved, for problems with a list S."""
    found = plan(M, s, rng=rng)
    if not isinstance(found.tree, Labels):
        raise ValueError(f"s = {s!r}: must be one state")
    return ValueFunctionPolicy(M.P, found.tree.table())
