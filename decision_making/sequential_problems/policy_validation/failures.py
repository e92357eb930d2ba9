"""Failures of a policy (chapter 14): how likely they are, the likeliest one, and an adversary that seeks bad ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, axes, count_or_zero, not_negative, numbers
from decision_making.mdp import MDP
from decision_making.problem import Enumerable, HasTerminal, offers
from decision_making.sampling import indices, start_distribution
from decision_making.sequential_problems.exact_solution_methods.evaluation import chain, chain_of_actions
from decision_making.sequential_problems.exact_solution_methods.policies import StatePolicy, checked_policy
from decision_making.sequential_problems.exact_solution_methods.tables import tables
from decision_making.sizes import check_size
from decision_making.structs import struct

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def adversarial(P: Enumerable, π: StatePolicy, λ: float) -> MDP:
    """The problem of an adversary that chooses what happens to the deterministic policy π (algorithm 14.1).

    Its states are those of P, as indices, and so are its actions: action a in state s moves to a, and pays
    -R(s, π(s)) + λ ln T(a | s, π(s)) (equation 14.15). So a good adversary finds ways that are bad for π, and with a
    larger weight λ >= 0 more plausible ones. What cannot happen, T = 0, is not available (R = -inf), also for λ = 0. It
    can be solved as any tabular problem, by `ValueIteration`, `PolicyIteration` or `LinearProgramFormulation`.

    The discount is that of P: with γ < 1 late transitions count less, so that the adversary's way is not exactly the
    likeliest of its return; for that see `most_likely_failure`.

    Raises TypeError for a P without model, ValueError for λ < 0, for a policy that is random or takes an action that
    is not available, and for more than 4,472 states, whose table would be too large.

    >>> from decision_making import LinearProgramFormulation, solve
    >>> from decision_making.problems import StraightLineHexWorld
    >>> adversary = adversarial(StraightLineHexWorld(), np.zeros(8, dtype=int), 2.0)  # of always going east
    >>> solve(LinearProgramFormulation(), adversary)(np.arange(8)).tolist()  # nothing is worse that is plausible
    [1, 2, 3, 4, 5, 6, 7, 7]
    """
    not_negative(None, Named("λ"), λ)
    a = checked_policy(P, π)
    if a.ndim != 1:
        raise ValueError("π gives probabilities: the adversary of algorithm 14.1 needs a deterministic policy")
    n = len(P.S)
    check_size("entries of the adversary's table", n * n, "use a problem with fewer states")
    T, r = chain_of_actions(*tables(P), a)
    (row, column), p = support(T)
    R = np.full((n, n), -np.inf)
    R[row, column] = -r[row] + λ * np.log(p)
    from scipy.sparse import csr_array

    moves = csr_array((np.ones(n * n), np.tile(np.arange(n), n), np.arange(n * n + 1)), (n * n, n))
    return MDP.from_arrays(moves, R, P.γ, terminal=P.terminal if offers(P, HasTerminal) else None)


def support(T: Array | csr_array) -> tuple[tuple[Array, Array], Array]:
    """The rows, which never fall, and columns of what is above 0 in the chain T (S, S), and its probabilities (N,)."""
    from scipy.sparse import csr_array

    T = csr_array(T).tocoo()
    return (T.row.astype(np.intp), T.col.astype(np.intp)), T.data


def failure_probability(P: Enumerable, π: StatePolicy, failures: ArrayLike, d: int) -> Array:
    """The probability that π meets a failure within d transitions, from each state, (S,) (equation 14.4).

    `failures` are state indices or a mask (S,). The policy may be random. By d sweeps U ← 1 on failures, T^π U
    elsewhere. The mean Σ b(s) U(s) is that of a start distribution b.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> line = StraightLineHexWorld()
    >>> failure_probability(line, np.zeros(8, dtype=int), [7], 8).round(3).tolist()  # to leave within 8 steps
    [0.329, 0.647, 0.874, 0.971, 0.996, 1.0, 1.0, 1.0]
    """
    count_or_zero(None, Named("d"), d)
    failed = state_set(failures, len(P.S))
    T, _ = chain(P, π)
    U = failed.astype(np.float64)
    for _ in range(d):
        U = np.where(failed, 1.0, T @ U)
    return U


@struct
class Failure:
    """What `most_likely_failure` returns."""

    s: Array  # states from the start to the failure (k + 1,); empty where none can be reached
    log_likelihood: float  # ln b(s₁) + Σ ln T(s_{k+1} | s_k, π(s_k)); -inf where none can be reached

    @property
    def probability(self) -> float:
        """The probability of these states in this order."""
        return float(np.exp(self.log_likelihood))


def most_likely_failure(
    P: Enumerable, π: StatePolicy, failures: ArrayLike, b: int | ArrayLike, d: int | None = None
) -> Failure:
    """The likeliest states from the start to a failure under π, undiscounted (equation 14.16).

    `failures` are state indices or a mask (S,); b is a start state, or a probability vector. With d at most that many
    transitions are made, by dynamic programming: in a failure 0, else the largest ln T(s' | s, π(s)) plus what is left
    in s', and -inf where no step is left or no failure can be reached. Without d it is a shortest path with lengths
    -ln T, by Dijkstra's method. Of equally likely ways one is given.

    Raises ValueError for failures or a b that are unknown, and where d · S is too large to be kept.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> found = most_likely_failure(StraightLineHexWorld(), np.zeros(8, dtype=int), [7], 3)
    >>> found.s.tolist(), round(found.probability, 3)  # 0.7³: the tile that pays is left for certain
    ([3, 4, 5, 6, 7], 0.343)
    """
    failed = state_set(failures, len(P.S))
    log_b = _log_start(b, len(P.S))
    T, _ = chain(P, π)
    (row, column), p = support(T)
    if d is None:
        V, following = _shortest(row, column, -np.log(p), failed)
        chosen = [following] * len(V)
    else:
        count_or_zero(None, Named("d"), d)
        check_size("states of all steps", d * len(failed), "give no d")
        V, chosen = _best(row, column, np.log(p), failed, d)
    total = log_b + V
    s = int(np.argmax(total))
    if np.isneginf(total[s]):
        return Failure(np.empty(0, dtype=np.intp), -np.inf)
    path = [s]
    for following in chosen:
        if failed[path[-1]]:
            break
        path.append(int(following[path[-1]]))
    return Failure(np.array(path), float(total[s]))


def _best(row: Array, column: Array, log_p: Array, failed: Array, d: int) -> tuple[Array, list[Array]]:
    """V (S,) with d transitions left, and for d, d - 1, ... of them the best next states (S,)."""
    start = np.flatnonzero(np.append(True, np.diff(row) > 0))  # of each state's transitions; every state has some
    V, chosen = np.where(failed, 0.0, -np.inf), []
    for _ in range(d):
        gain = log_p + V[column]
        best = np.maximum.reduceat(gain, start)
        at = np.flatnonzero(gain == best[row])
        _, first = np.unique(row[at], return_index=True)
        chosen.append(column[at[first]])
        V = np.where(failed, 0.0, best)
    return V, chosen[::-1]


def _shortest(row: Array, column: Array, length: Array, failed: Array) -> tuple[Array, Array]:
    """V (S,), minus the shortest way to a failure, and the next state on it (S,), -9999 where there is none."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    n = len(failed)
    if not failed.any():
        return np.full(n, -np.inf), np.full(n, -9999)
    backward = csr_array((length, (column, row)), (n, n))  # keeps the lengths 0 of what is certain
    distance, following, _ = dijkstra(backward, indices=np.flatnonzero(failed), min_only=True, return_predecessors=True)
    return -distance, following


def state_set(failures: ArrayLike, n: int) -> Array:
    """A set of states as a mask (n,), from such a mask or from indices. ValueError for states that are unknown."""
    x = np.asarray(failures)
    if x.dtype == bool:
        if x.shape != (n,):
            raise ValueError(f"failures has shape {x.shape}: a mask must be (S,) = ({n},)")
        return x
    mask = np.zeros(n, dtype=bool)
    mask[indices("failures", x, n) if x.size else x.astype(np.intp)] = True
    return mask


def _log_start(b: Any, n: int) -> Array:
    """ln b (S,), of a start state or a probability vector."""
    p = np.eye(n)[indices("b", b, n)] if axes(b, "b") == 0 else numbers(b, "b")
    start_distribution(None, Named("b"), p)
    if p.shape != (n,):
        raise ValueError(f"b has shape {p.shape}: must be a state, or probabilities (S,) = ({n},)")
    with np.errstate(divide="ignore"):
        return np.log(p)
