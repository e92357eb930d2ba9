"""Maximum likelihood models of many states, which store only the transitions seen (chapter 16).

Each transition seen is an entry. The entries of a pair (s, a), and those that lead to a state, are linked lists in
arrays, so that a backup sees only successors and prioritised sweeping only predecessors. There is one model at a time,
and no array operation: the work of a step does not depend on the number of states. `make bench`, learners: a backup
beside a scan of all pairs.
"""

from __future__ import annotations

import heapq
from typing import Any, ClassVar

import numpy as np
from attrs import field

from decision_making.checks import Array
from decision_making.mdp import MDP
from decision_making.model_uncertainty.learners import Learner, initial, revise, values
from decision_making.model_uncertainty.model_based_methods.planners import PrioritizedUpdate, RandomizedUpdate, plan_in
from decision_making.sampling import default_rng
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct

NONE = -1  # the end of a list


@struct(frozen=False, repr=False)
class SparseCountedModel(Learner):
    """Counts of the transitions seen, and utilities (`start(MaximumLikelihoodMDP(…, sparse=True))`); one replication.

    Pairs are numbered s·A + a. The entry of a new transition comes first in its two lists.
    """

    U: Array  # utilities (S,)
    priority: Array  # of states in the queue of prioritised sweeping, 0 for the others (S,)
    backups: Array  # of single states so far ()
    n: Array  # tries of each pair (S·A,)
    ρ: Array  # summed rewards of each pair (S·A,)
    first_of_pair: Array  # its first entry, or -1 (S·A,)
    first_to: Array  # the first entry that leads to a state, or -1 (S,)
    entries: Array  # how many there are ()
    pair: Array  # of each entry (E,)
    s_next: Array  # where it leads (E,)
    N: Array  # how often it was seen (E,)
    next_of_pair: Array  # the next entry of the same pair, or -1 (E,)
    next_to: Array  # the next entry that leads to the same state, or -1 (E,)
    _heap: Any = field(init=False, default=None)  # (-priority, s), with outdated ones among them; made when needed

    growing: ClassVar = frozenset(("pair", "s_next", "N", "next_of_pair", "next_to"))
    bounds: ClassVar = {
        **dict.fromkeys(("priority", "backups", "n", "N", "entries", "pair", "s_next"), (0, 2.0**53)),
        **dict.fromkeys(("first_of_pair", "first_to", "next_of_pair", "next_to"), (-1, 2.0**53)),
    }

    def changed(self) -> None:
        """The heap is made anew."""
        self._heap = None

    def views(self, *names: str) -> list[Any]:
        """Arrays as memory that Python reads and writes number by number, three times as fast as arrays."""
        return [memoryview(getattr(self, name)) for name in names]

    def reserve(self) -> None:
        """Room for another entry: twice as many where there is none."""
        E = len(self.pair)
        if int(self.entries) == E:
            for name in self.growing:
                x = getattr(self, name)
                setattr(self, name, np.concatenate([x, np.zeros(max(E, 16), x.dtype)]))

    def seen(self) -> tuple[Array, Array, Array]:
        """pair, s_next and count of all entries."""
        E = int(self.entries)
        return self.pair[:E], self.s_next[:E], self.N[:E]

    def estimates(self) -> MDP:
        """The learnt model as a sparse `MDP`; pairs never tried lead to one more, absorbing, state."""
        from scipy.sparse import csr_array

        S, A = self.M.S, self.M.A
        pair, s_next, N = self.seen()
        new = np.append(np.flatnonzero(self.n == 0), np.arange(S * A, S * A + A))
        rows, columns = np.append(pair, new), np.append(s_next, np.full(len(new), S))
        p = np.append(N / self.n[pair], np.ones(len(new)))
        R = np.append(self.ρ / np.maximum(self.n, 1), np.zeros(A)).reshape(S + 1, A)
        return MDP.from_arrays(csr_array((p, (rows, columns)), ((S + 1) * A, S + 1)), R, self.M.γ)

    def check_contents(self, arrays: Any) -> None:
        """ValueError where the lists have a cycle, or lead to an entry that does not exist."""
        E, S, A = int(arrays["entries"]), self.M.S, self.M.A
        if len({len(arrays[name]) for name in self.growing}) > 1 or len(arrays["pair"]) < E:
            raise ValueError("pair, s_next, N, next_of_pair and next_to are not of one length, or shorter than entries")
        if (arrays["pair"] >= S * A).any() or (arrays["s_next"] >= S).any():
            raise ValueError("pair or s_next: an entry is of no pair, or leads to no state")
        for first, rest in (("first_of_pair", "next_of_pair"), ("first_to", "next_to")):
            if (arrays[first] >= E).any() or (arrays[rest][:E] >= np.arange(E)).any():
                raise ValueError(f"{first} or {rest} leads to no entry before")
        if not np.array_equal(np.bincount(arrays["pair"][:E], arrays["N"][:E], S * A), arrays["n"]):
            raise ValueError("n is not the sum of N over the next states")


def start_sparse(M: Any, U: Any) -> SparseCountedModel:
    """Nothing counted; utilities 0, or a copy of those given."""
    S, pairs = M.S, M.S * M.A
    check_size("pairs of a state and an action", pairs, "begin with fewer states", NUMBERS)
    empty = [np.zeros(0, dtype) for dtype in (np.int64, np.int32, float, np.int32, np.int32)]
    lists = np.full(pairs, NONE, np.int32), np.full(S, NONE, np.int32), np.zeros((), int)
    k, backups, n, ρ = np.zeros((), int), np.zeros((), int), np.zeros(pairs), np.zeros(pairs)
    return SparseCountedModel(M, k, initial("U", U, (), (S,)), np.zeros(S), backups, n, ρ, *lists, *empty)


@values.register
def action_values_of_sparse_counts(model: SparseCountedModel, s: Any = None) -> Array:
    """(ρ + γ Σ N U) / n of the states s (…) or of all; 0 where a pair was never tried."""
    A = model.M.A
    if s is None:
        pair, s_next, N = model.seen()
        total = model.ρ + model.M.γ * np.bincount(pair, N * model.U[s_next], len(model.n))
        return (total / np.maximum(model.n, 1)).reshape(-1, A)
    look = _looks(model)
    return np.array([[look(x * A + a) for a in range(A)] for x in s.ravel().tolist()]).reshape(*s.shape, A)


def _looks(model: SparseCountedModel) -> Any:
    """A function from a pair to its value."""
    n, ρ, first, following, s_next, N, U = model.views("n", "ρ", "first_of_pair", "next_of_pair", "s_next", "N", "U")
    γ = model.M.γ

    def look(pair: int) -> float:
        tries = n[pair]
        if not tries:
            return 0.0
        total, e = 0.0, first[pair]
        while e >= 0:
            total += N[e] * U[s_next[e]]
            e = following[e]
        return (ρ[pair] + γ * total) / tries

    return look


def _backs_up(model: SparseCountedModel) -> Any:
    """A function from a state to the change of its utility by a backup."""
    look, (U,), A = _looks(model), model.views("U"), range(model.M.A)

    def back_up(s: int) -> float:
        old = U[s]
        U[s] = new = max([look(s * len(A) + a) for a in A])
        return new - old

    return back_up


@revise.register
def revise_sparse_counts(
    model: SparseCountedModel, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any
) -> None:
    """Count the transition, then plan."""
    i, to = int(s) * model.M.A + int(a), int(s_next)
    e = int(model.first_of_pair[i])
    while e >= 0 and model.s_next[e] != to:
        e = int(model.next_of_pair[e])
    if e < 0:
        model.reserve()
        e = int(model.entries)
        model.entries += 1
        model.pair[e], model.s_next[e], model.N[e] = i, to, 0
        model.next_of_pair[e], model.first_of_pair[i] = model.first_of_pair[i], e
        model.next_to[e], model.first_to[to] = model.first_to[to], e
    model.N[e] += 1
    model.n[i] += 1
    model.ρ[i] += float(r)
    if terminated is not None and terminated and model.U[to]:  # nothing is tried there: a backup makes it 0
        if isinstance(model.M.planner, PrioritizedUpdate):
            model.priority[to] = abs(model.U[to])
            model.changed()
        else:
            model.U[to] = 0.0
    plan_in(model, model.M.planner, s, rng)


@plan_in.register
def plan_sparsely(model: SparseCountedModel, planner: Any, s: Array, rng: Any) -> None:
    """The planner's work after a step from s, number by number."""
    if isinstance(planner, PrioritizedUpdate):
        _sweep(model, int(s), planner)
    elif isinstance(planner, RandomizedUpdate):
        back_up = _backs_up(model)
        for x in [int(s), *default_rng(rng).integers(model.M.S, size=planner.m).tolist()]:
            back_up(x)
        model.backups += planner.m + 1
    elif (int(model.k) + 1) % planner.every == 0:
        _solve(model)


def _sweep(model: SparseCountedModel, s: int, planner: PrioritizedUpdate) -> None:
    """Algorithm 16.5 with a heap, from which outdated priorities are dropped when they come up."""
    A, back_up = model.M.A, _backs_up(model)
    priority, first, following, pair, N, n = model.views("priority", "first_to", "next_to", "pair", "N", "n")
    if model._heap is None:
        waiting = np.flatnonzero(model.priority)
        model._heap = sorted(zip((-model.priority[waiting]).tolist(), waiting.tolist(), strict=True))
    heap, x = model._heap, s
    for left in range(planner.m - 1, -1, -1):
        priority[x] = 0.0
        δ = abs(back_up(x))
        model.backups += 1
        e = first[x] if δ > 0 else NONE
        while e >= 0:
            i = pair[e]
            p, before = N[e] / n[i] * δ, i // A
            if p > planner.threshold and p > priority[before]:
                priority[before] = p
                heapq.heappush(heap, (-p, before))
            e = following[e]
        while heap and -heap[0][0] != priority[heap[0][1]]:
            heapq.heappop(heap)
        if not heap or not left:
            return
        x = heapq.heappop(heap)[1]


def _solve(model: SparseCountedModel) -> None:
    """Algorithm 16.3: U* of the learnt model."""
    from decision_making.sequential_problems.exact_solution_methods import PolicyIteration, policy_evaluation, solve

    P = model.estimates()
    a = np.append(np.argmax(action_values_of_sparse_counts(model), axis=1), 0)
    model.U[...] = policy_evaluation(P, solve(PolicyIteration(a, 1000), P))[:-1]
