"""Open-loop planning (chapter 9) over listed states and actions: a sequence of actions fixed in advance.

The best sequence of d actions, in expectation or in the worst case (equations 9.3 and 9.5). It is worth at most as much
as forward search, which chooses each action knowing the state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, one_of
from decision_making.problem import RNG, State
from decision_making.sequential_problems.online_planning.batch_model import BatchModel
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, planned
from decision_making.sizes import check_size, power
from decision_making.structs import struct
from decision_making.verbs import plan


@struct(repr=False)
class OpenLoopPlanning(OnlinePlanner):
    """The best of all sequences of d actions, decided upon at once: maximises U(a_1, ..., a_d) (equation 9.3).

    With `outcome="mean"` U is the expected return, with "worst" the least return of any path that is possible (equation
    9.5). Called with s it gives the first action; asked again after each step, it is receding-horizon control. The
    sequences are in `plan(M, s).tree` (..., d). All of them are evaluated side by side: `TooLargeError` where sequences
    times states are more than 20 million. ValueError where every sequence may come to a state in which its next action
    is not available. Needs a problem that lists its states.
    """

    d: int = field(validator=count)  # number of actions
    outcome: str = field(default="mean", kw_only=True, validator=one_of("mean", "worst"))  # what a sequence is worth

    def did(self, found: Plan) -> str:
        """All sequences."""
        worth = "expected" if self.outcome == "mean" else "least possible"
        sequences = f"{counted(found.visits, 'sequence')} of {counted(self.d, 'action')} from {self.origin(found)}"
        return f"compared the {worth} returns of {sequences}; the best is {', '.join(map(str, found.tree))}."


def sequence_values(model: FiniteModel, s: Array, d: int, outcome: str) -> Array:
    """The worth of every sequence of d actions from each state, (B, A^d); the last action changes fastest."""
    from scipy.sparse import csr_array

    S, A = model.R.shape
    matrix = csr_array((model.p, model.columns, model.first), (S * A, S))
    moves = [matrix[np.arange(S) * A + a] for a in range(A)]
    mean = outcome == "mean"
    known = np.full((len(s), S), 0.0 if mean else np.inf)  # probability of each state, or least return on the way to it
    known[np.arange(len(s)), s] = 1.0 if mean else 0.0
    value, factor, over = np.zeros(len(s)), 1.0, model.terminal(np.arange(S))
    for _ in range(d):
        nexts, values = [], []
        for a in range(A):
            r = factor * model.R[:, a] if factor > 0 else np.where(np.isneginf(model.R[:, a]), -np.inf, 0.0)
            if mean:
                values.append(value + np.multiply(known, r, out=np.zeros_like(known), where=known > 0).sum(axis=1))
                nexts.append((moves[a].T @ np.where(over, 0.0, known).T).T)  # beyond an end nothing is paid
            else:
                least = np.add(known, r, out=np.full_like(known, np.inf), where=known < np.inf)
                nexts.append(_least(least, moves[a], over))
        known = np.stack(nexts, axis=1).reshape(-1, S)
        value = np.stack(values, axis=1).ravel() if mean else value
        factor *= model.γ
    return (value if mean else known.min(axis=1)).reshape(len(s), A**d)


def _least(known: Array, move: Any, over: Array) -> Array:
    """The least return (n, S) on the way to each next state."""
    found = np.full(known.shape, np.inf)
    for x in np.flatnonzero(np.isfinite(known).any(axis=0) | np.isneginf(known).any(axis=0)):
        to = [x] if over[x] else move.indices[move.indptr[x] : move.indptr[x + 1]]
        found[:, to] = np.minimum(found[:, to], known[:, [x]])
    return found


@plan.register
def plan_open_loop(M: OpenLoopPlanning, s: State, *, rng: RNG = None) -> Plan:
    """All sequences from all states at once."""
    model = M._model
    if isinstance(model, BatchModel):
        raise TypeError(f"{M!r}: needs a problem that lists its states S; ModelPredictiveControl plans in real numbers")
    assert isinstance(model, FiniteModel)
    s, single = model.rows(s)
    A = model.n_actions
    check_size("sequences times states", len(s) * power(A, M.d) * len(model.R), "use a smaller d, or ForwardSearch")
    U = sequence_values(model, s, M.d, M.outcome)
    none = np.isneginf(U).all(axis=1)
    if none.any():
        raise ValueError(
            f"s = {brief(model.state(s)[int(np.argmax(none))])}: each sequence of {M.d} actions may come to a state"
            " where its next one is not available; take a smaller d, or ForwardSearch, which decides in every state"
        )
    first = U.argmax(axis=1)
    sequences = first[:, None] // A ** np.arange(M.d - 1, -1, -1) % A
    Q = U.reshape(len(s), A, A ** (M.d - 1)).max(axis=2)
    named = model.action(sequences)
    return planned(M, s, Q, single, tree=named[0] if single else named, a=sequences[:, 0], visits=U.shape[1])
