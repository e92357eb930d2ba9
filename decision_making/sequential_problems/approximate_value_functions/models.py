"""The finite MDP that a local representation makes of a problem, and the backups of any problem (chapter 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, brief, numbers, refuse
from decision_making.mdp import MDP, SparseTable, Table
from decision_making.problem import Enumerable, offers
from decision_making.sequential_problems.approximate_value_functions.outcomes import (
    absorbing,
    actions_of,
    at_rest,
    outcomes,
    positions,
)
from decision_making.sequential_problems.approximate_value_functions.policies import ApproximateValueFunctionPolicy
from decision_making.sequential_problems.approximate_value_functions.representations import (
    LinearValueFunction,
    LocalValueFunction,
)
from decision_making.sequential_problems.exact_solution_methods import TabularPolicy, policy_evaluation
from decision_making.sequential_problems.exact_solution_methods.tables import ended, tables
from decision_making.structs import struct
from decision_making.verbs import fit

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ROWS = 1 << 16  # pairs of a state and an action that are expanded at a time


@struct(repr=False)
class Backups:
    """What one sweep of backups of n states needs: r (n, A), and for each pair the mean weights of what follows it.

    A terminal state has reward 0 and nothing follows it; a terminal successor has no weights, so its value is 0.
    """

    r: Array  # expected rewards (n, A)
    weights: Any  # (n A, parameters), a CSR array or an array; row i A + a


def backups(P: object, U: LinearValueFunction, S: Array, samples: int | None = None, seed: int = 0) -> Backups:
    """The backups of the states S of P, whose successors U values.

    Where P has to be sampled, the same random numbers are used for each action.
    """
    if offers(P, Enumerable):
        return _tabular_backups(P, U, S)
    n_actions = len(actions_of(P))
    step = max(1, ROWS // n_actions)
    parts = [_part(P, U, S[i : i + step], n_actions, samples, (seed, i)) for i in range(0, len(S), step)]
    return Backups(np.concatenate([r for r, _ in parts]), _stacked([w for _, w in parts]))


def _part(P: Any, U: LinearValueFunction, S: Array, A: int, samples: int | None, seed: Any) -> tuple[Array, Any]:
    """Rewards (n, A) and mean weights (n A, parameters) of some states."""
    if samples is None:
        s, a = np.repeat(S, A, axis=0), np.tile(np.arange(A), len(S))
        s_next, p, r = outcomes(P, s, actions_of(P)[a])
    else:
        each = [outcomes(P, S, np.full(len(S), x), samples, np.random.default_rng(seed)) for x in actions_of(P)]
        s_next, p, r = (np.stack(x, axis=1).reshape(len(S) * A, *x[0].shape[1:]) for x in zip(*each, strict=True))
    K = s_next.shape[1]
    flat = s_next.reshape(-1, *s_next.shape[2:])
    over = ended(P, S)
    lost = ended(P, flat) | np.repeat(over, A * K)
    return at_rest(over, r.reshape(-1, A)), mean_weights(U, flat, p.ravel(), K, lost)


def mean_weights(U: LinearValueFunction, s: Array, p: Array, K: int, lost: Array) -> csr_array | Array:
    """Σ_k p_k w(s_k) over each K states that follow one another in s, (m / K, parameters); `lost` ones count as 0."""
    kept = ~lost
    w = U.weights(s) if kept.all() else U.weights(s[kept])
    if isinstance(w, np.ndarray):
        every = np.zeros((len(s), w.shape[1]))
        every[kept] = w * p[kept, None]
        return every.reshape(-1, K, w.shape[1]).sum(axis=1)
    from scipy.sparse import csr_array

    entries = np.zeros(len(s), np.int64)
    entries[kept] = np.diff(w.indptr)
    indptr = np.concatenate([[0], np.cumsum(entries)])
    data = w.data if K == 1 else w.data * np.repeat(p, entries)
    mean = csr_array((data, w.indices, indptr[::K]), (len(s) // K, w.shape[1]))
    if K > 1:
        mean.sum_duplicates()
    return mean


def _stacked(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")


def _tabular_backups(P: Enumerable, U: LinearValueFunction, S: Array) -> Backups:
    """The weights of all states, averaged with T; absorbing states without reward have none."""
    from scipy.sparse import csr_array

    T, R = tables(P)
    n_states, n_actions = R.shape
    matrix = csr_array(T.reshape(-1, n_states))
    states, over = np.asarray(P.S), absorbing(P)
    w = csr_array(mean_weights(U, states, np.ones(n_states), 1, over))
    i = positions(states, S)
    rows = (i[:, None] * n_actions + np.arange(n_actions)).ravel()
    follows = matrix[rows]
    follows.data[np.repeat(over[rows // n_actions], np.diff(follows.indptr))] = 0
    found = (follows @ w).tocsr()
    found.eliminate_zeros()
    return Backups(at_rest(over[i], R[i]), found)


@struct(repr=False)
class InterpolatedMDP:
    """The finite MDP whose states are the states S of a local value function (section 8.3 as one of chapter 7).

    From a state s_i and an action the next state is s_j with probability Σ_k p_k w_j(s_k), where s_k are the successors
    with probabilities p_k, and w are the weights of U. Terminal states and successors lead to one state more, the last:
    it absorbs and pays 0. Approximate value iteration is value iteration of this MDP, and every solver of chapter 7
    takes it; `policy` makes of an answer a policy of P. It is built once, when made.

    Where P has neither tables nor `successors`, `samples` draws of TR(s, a), the same for each action as far as they
    go, stand for the distribution: the MDP of these draws is solved, exactly.

    >>> from decision_making import MultilinearValueFunction, PolicyIteration, solve
    >>> from decision_making.problems import MountainCar
    >>> P = MountainCar(γ=0.99)
    >>> grid = InterpolatedMDP(P, MultilinearValueFunction.over(*P.state_bounds, 11))
    >>> grid
    InterpolatedMDP of MountainCar(γ=0.99): 121 states of MultilinearValueFunction and the end, 3 actions
    >>> π = grid.policy(solve(PolicyIteration([0] * 122, 50), grid))
    >>> π(np.array([[-0.5, 0.0], [0.2, 0.06]])).tolist()
    [0, 2]
    """

    P: Any  # problem
    U: LocalValueFunction  # representation; its parameters do not matter
    samples: int | None = field(default=None, kw_only=True)  # draws of TR where P has no distribution
    seed: int = field(default=0, kw_only=True)  # of these draws
    mdp: MDP = field(init=False, repr=False)

    @mdp.default
    def _build(self) -> MDP:
        from scipy.sparse import csr_array, hstack, vstack

        if not isinstance(self.U, LocalValueFunction):
            refuse(self, "U", self.U, "a local value function, whose weights are probabilities", TypeError)
        if getattr(self.U, "outside", "clamp") == "extrapolate":
            refuse(self, "U", self.U, "one that does not extrapolate: its weights are no probabilities")
        found = backups(self.P, self.U, np.asarray(self.U.S), self.samples, self.seed)
        n, n_actions = found.r.shape
        missing = np.maximum(1 - np.asarray(found.weights.sum(axis=1)), 0)
        missing[missing < 1e-12] = 0
        T = hstack([found.weights, csr_array(missing[:, None])], format="csr")
        end = csr_array((np.ones(n_actions), (np.arange(n_actions), np.full(n_actions, n))), (n_actions, n + 1))
        R = np.vstack([found.r, np.zeros(n_actions)])
        return MDP.from_arrays(vstack([T, end], format="csr"), R, self.P.γ)

    @property
    def γ(self) -> float:
        """Discount factor of P."""
        return self.mdp.γ

    @property
    def S(self) -> Array:
        """Indices of the states; the last is the end."""
        return self.mdp.S

    @property
    def A(self) -> Array:
        """Indices into the actions of P."""
        return self.mdp.A

    @property
    def T(self) -> SparseTable:
        """Transition probabilities."""
        return self.mdp.T

    @property
    def R(self) -> Table:
        """Expected rewards."""
        return self.mdp.R

    @property
    def TR(self) -> Any:
        """Batched sampler."""
        return self.mdp.TR

    @property
    def terminal(self) -> None:
        """No state ends a trajectory: the end goes on paying 0."""

    def value_function(self, U: ArrayLike) -> LocalValueFunction:
        """The representation with the utilities U (n,) or, with that of the end, (n + 1,)."""
        u = numbers(U, "U").ravel()
        return fit(self.U, None, u[:-1] if len(u) == len(self.S) else u)

    def actions(self, π: Any) -> Array:
        """A function s -> a of batches of states of P as indices of actions in the states of this MDP, (n + 1,)."""
        chosen = np.asarray(π(np.asarray(self.U.S)))
        names = actions_of(self.P)
        found = chosen[:, None] == names
        if chosen.shape != (len(self.S) - 1,) or not found.any(axis=1).all():
            raise ValueError(f"π(S) = {brief(chosen)}: must be an action of P for each of the {len(self.S) - 1} states")
        return np.append(found.argmax(axis=1), 0)

    def policy(self, solution: Any) -> ApproximateValueFunctionPolicy:
        """The policy of P that is greedy in a solution of this MDP: utilities, or what a solver gave."""
        if isinstance(solution, TabularPolicy):
            solution = policy_evaluation(self, solution)
        U = getattr(solution, "U", solution)
        return ApproximateValueFunctionPolicy(self.P, self.value_function(U), samples=self.samples, seed=self.seed)

    def __repr__(self) -> str:
        states = f"{len(self.S) - 1} states of {type(self.U).__name__} and the end"
        return f"InterpolatedMDP of {brief(self.P)}: {states}, {len(self.A)} actions"
