"""Partially observable Markov decision processes (algorithm 19.1): the model, and what follows an action and a belief.

The observation space is called Ω, as Python reads the book's script O as the letter O, which is the observation
function. A belief is a vector of probabilities over the states in the order of P.S, (S,), or a batch of them, (B, S).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import (
    Array,
    Named,
    are_probabilities,
    brief,
    count,
    discount,
    distributions_in,
    function,
    instance,
    mapping,
    name_first,
    numbers,
    optional,
    refuse,
)
from decision_making.dispatching import load_all
from decision_making.mdp import MDP, SparseTable, Table, TabularSampler, check_every_action_available, check_row_sums
from decision_making.problem import RNG
from decision_making.sampling import (
    GuideTable,
    cumulative,
    default_rng,
    indices,
    inverse_transform,
    is_vector,
    start_distribution,
)
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct
from decision_making.trajectories import Trajectories
from decision_making.utilities import utilities_of, utility_function
from decision_making.verbs import lookahead

Belief: TypeAlias = ArrayLike
"""b: probabilities of the states (S,), or a batch of beliefs (B, S)."""

BeliefUtility: TypeAlias = Callable[[Array], Array]
"""U(b): the utilities (B,) of a batch of beliefs (B, S)."""


@struct(repr=False)
class POMDP:
    """A partially observable Markov decision process (algorithm 19.1). Build tabular ones with `POMDP.from_arrays`.

    After action a in state s the state is s_next with probability T(s, a, s_next), and then o is observed with
    probability O(a, s_next, o): the observation is of the state that was reached.

    Raises ValueError or TypeError, naming the field, if γ is outside [0, 1] or any other field is not as said.
    """

    γ: float = field(validator=discount)  # discount factor
    S: Any  # states, in the order of the arrays
    A: Any  # actions, likewise
    Ω: Any  # observations, likewise
    T: Any = field(validator=optional(function))  # T(s, a, s_next) -> transition probability
    R: Any = field(validator=optional(function))  # R(s, a) -> expected reward
    O: Any = field(validator=optional(function))  # O(a, s_next, o) -> probability of the observation
    TRO: Any = field(validator=optional(function))  # TRO(s, a, rng) -> (s_next, r, o), on whole batches
    b: Any = field(default=None, kw_only=True, validator=optional(start_distribution))  # belief to begin with
    names: Mapping[str, Sequence[str]] | None = field(
        default=None, kw_only=True
    )  # what states, actions and observations are called: {"S": ..., "A": ..., "Ω": ...}

    def __attrs_post_init__(self) -> None:
        for key, x in mapping(self.names, "names").items():
            listed = getattr(self, key) if key in ("S", "A", "Ω") else ()
            if listed is not None and (isinstance(x, str) or not hasattr(x, "__len__") or len(x) != len(listed)):
                refuse(self, f"names[{key!r}]", x, "a name for each of its kind, under 'S', 'A' or 'Ω'")
        load_all("decision_making.state_uncertainty")  # what the verbs mean for it

    def __repr__(self) -> str:
        sizes = f"{len(self.S)} states, {len(self.A)} actions, {len(self.Ω)} observations"
        return f"POMDP(γ={self.γ:g}, {sizes})"

    @classmethod
    def from_arrays(
        cls,
        T: Any,
        R: Any,
        O: ArrayLike,
        γ: float,
        *,
        b: ArrayLike | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> POMDP:
        """The tabular POMDP with T (S, A, S), expected rewards R (S, A) and O (A, S, Ω) = O(o | a, s_next).

        States, actions and observations are the indices 0, 1, .... T may be a scipy.sparse matrix (S·A, S), row
        s·A + a for action a in state s. b (S,) is the belief to begin with.

        Raises ValueError if the shapes disagree, a probability is negative or not finite, a row of T or O does not
        sum to 1 (within 1e-8; the rounding of float32 is taken out), a reward is not finite, or b is no distribution.

        >>> P = POMDP.from_arrays(T=[[[1.0, 0.0]], [[0.0, 1.0]]], R=[[0.0], [1.0]], O=[[[0.9, 0.1], [0.2, 0.8]]], γ=0.9)
        >>> P, float(P.O(0, 1, 1))
        (POMDP(γ=0.9, 2 states, 1 actions, 2 observations), 0.8)
        """
        mdp = MDP.from_arrays(T, R, γ)
        check_every_action_available(mdp.R.array, "a POMDP")
        table = Table(_observation_probabilities(O, *mdp.R.array.shape))
        n_observations = table.array.shape[2]
        if b is not None:
            b = one_belief(b, len(mdp.S))
            b.setflags(write=False)
        sampler = ObservingSampler(
            mdp.TR, GuideTable.from_dense(cumulative(table.array.reshape(-1, n_observations))), n_observations
        )
        return cls(γ, mdp.S, mdp.A, np.arange(n_observations), mdp.T, mdp.R, table, sampler, b=b, names=names)

    @cached_property
    def mdp(self) -> MDP:
        """The same problem with its states observed."""
        TRO = self.TRO
        return MDP(self.γ, self.S, self.A, self.T, self.R, lambda s, a, rng: TRO(s, a, rng)[:2])

    @cached_property
    def beliefs(self) -> BeliefMDP:
        """The same problem as an MDP whose states are beliefs, which searches of chapters 9 and 22 look ahead in."""
        return BeliefMDP(self.tabulated())

    @cached_property
    def transitions(self) -> list[Any]:
        """T(s, a, s_next) of each action, A matrices (S, S), each an array or a scipy.sparse one."""
        T, n = self.T, len(self.A)
        if isinstance(T, SparseTable):
            return [T.matrix[a::n] for a in range(n)]
        return list(np.ascontiguousarray(T.array.transpose(1, 0, 2)))

    @cached_property
    def seen(self) -> Array:
        """O as (A, Ω, S): the probability of each observation in each next state, a row of memory an observation."""
        return np.ascontiguousarray(self.tabulated().O.array.transpose(0, 2, 1))

    @cached_property
    def observed_transitions(self) -> list[tuple[Any, Array]]:
        """Of each action the rows T(s, a, ·) O(a, ·, o) but 0, sparse (N, S), and where those of a state begin.

        All that can follow a state, in one product. Rows are ordered by state, then observation.
        """
        from scipy.sparse import coo_array, csr_array

        found, n = [], len(self.Ω)
        for a, T_a in enumerate(self.transitions):
            T, O = coo_array(T_a), csr_array(self.O.array[a])
            s, s_next = T.coords
            many = np.diff(O.indptr)[s_next]  # observations that each transition may show
            at = np.repeat(O.indptr[s_next] - np.cumsum(many) + many, many) + np.arange(many.sum())
            pair, row = np.unique(np.repeat(s, many) * n + O.indices[at], return_inverse=True)
            data = np.repeat(T.data, many) * O.data[at]
            rows = csr_array((data, (row, np.repeat(s_next, many))), (len(pair), len(self.S)))
            found.append((rows, np.searchsorted(pair // n, np.arange(len(self.S)))))
        return found

    def tabulated(self) -> POMDP:
        """The problem as arrays: itself, or its functions T, R and O evaluated over the lists S, A and Ω.

        Raises TypeError where a list or a function is missing.
        """
        if isinstance(self.T, Table | SparseTable) and isinstance(self.R, Table) and isinstance(self.O, Table):
            return self
        for name in ("S", "A", "Ω", "T", "R", "O"):
            if getattr(self, name) is None:
                raise TypeError(f"POMDP.{name} = None: lists S, A, Ω and functions T, R, O are needed here")
        S, A, Ω = list(self.S), list(self.A), list(self.Ω)
        return POMDP.from_arrays(
            [[[self.T(s, a, x) for x in S] for a in A] for s in S],
            [[self.R(s, a) for a in A] for s in S],
            [[[self.O(a, x, o) for o in Ω] for x in S] for a in A],
            self.γ,
            b=self.b if self.b is not None and is_vector(self.b) else None,
            names=self.names,
        )


def tabulated(P: object) -> POMDP:
    """P as arrays. TypeError where it is no POMDP."""
    return instance(P, "P", POMDP).tabulated()


@struct(repr=False)
class BeliefMDP:
    """A POMDP as an MDP of beliefs, with a next belief for each observation (equations 20.1 to 20.6).

    States are beliefs (m, S), actions indices (m,). It samples by drawing an observation; the reward is then the
    expected one, Σ_s b(s) R(s, a).
    """

    P: POMDP = field(converter=tabulated)  # problem, as arrays

    @property
    def γ(self) -> float:
        """Discount factor."""
        return self.P.γ

    @property
    def A(self) -> Array:
        """Actions."""
        return np.arange(len(self.P.A))

    @property
    def b(self) -> Any:
        """The belief to begin with."""
        return self.P.b

    @property
    def state_bounds(self) -> tuple[Array, Array]:
        """Probabilities of the states lie between these arrays (S,)."""
        return np.zeros(len(self.P.S)), np.ones(len(self.P.S))

    def R(self, b: Array, a: Array) -> Array:
        """Expected rewards (m,)."""
        return np.einsum("ms,sm->m", b, self.P.R.array[:, a])

    def successors(self, b: Array, a: Array) -> tuple[Array, Array, Array]:
        """The belief after each observation (Ω, m, S), its probability (Ω, m), and the expected reward (m,)."""
        b_next, p = np.empty((len(b), len(self.P.Ω), b.shape[1])), np.empty((len(b), len(self.P.Ω)))
        for action in np.unique(a):
            rows = a == action
            b_next[rows], p[rows] = next_beliefs(self.P, b[rows], int(action))
        return b_next.swapaxes(0, 1), p.T, self.R(b, a)

    def TR(self, b: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next beliefs (m, S) after observations that are drawn, and expected rewards (m,)."""
        b_next, p, r = self.successors(b, np.broadcast_to(a, (len(b),)))
        o = inverse_transform(cumulative(p.T), np.arange(len(b)), rng.random(len(b)))
        return b_next[o, np.arange(len(b))], r


@struct(repr=False)
class ObservingSampler:
    """TRO(s, a, rng) of a tabular POMDP: the sampler of its MDP, then one uniform number and a look-up for each o."""

    TR: TabularSampler  # of next states and rewards
    rows: GuideTable  # of the distributions O(a, s_next, ·), row a·S + s_next
    n_observations: int  # number of observations

    def __call__(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Next states, rewards and observations of a batch of any shape."""
        s_next, r = self.TR(s, a, rng)
        i = np.asarray(a) * len(self.TR.R) + s_next
        return s_next, r, self.rows(i, np.asarray(rng.random(i.shape))) - i * self.n_observations


def _observation_probabilities(O: Any, n_states: int, n_actions: int) -> Array:
    """O as a checked array (A, S, Ω)."""
    O = distributions_in(O, "O")
    if O.ndim != 3 or O.shape[:2] != (n_actions, n_states) or not O.shape[2]:
        raise ValueError(f"O has shape {O.shape}: must be (A, S, Ω) = ({n_actions}, {n_states}, ...), action first")
    name_first(~np.isfinite(O) | (O < 0), "O", O, "a probability")
    check_row_sums(O.sum(axis=2), "O", "O[a, s_next]")
    return O


def belief(b: Belief, n_states: int, name: str = "b") -> Array:
    """b as a fresh float64 array of probabilities, (S,) or (B, S). ValueError where it has another shape or is none."""
    b = distributions_in(b, name)
    if b.ndim not in (1, 2) or b.shape[-1] != n_states:
        raise ValueError(f"{name} has shape {b.shape}: must be probabilities of the {n_states} states, (S,) or (B, S)")
    for row in b[~are_probabilities(b)]:
        found = f"one is {min(row):.9g}" if min(row) < 0 else f"their sum is {sum(row.tolist()):.9g}"
        raise ValueError(f"{name} = {brief(row)}: must be probabilities that sum to 1; {found}")
    return b


def one_belief(b: Belief, n_states: int) -> Array:
    """`belief` of one b (S,). ValueError for a batch too."""
    if np.ndim(b) != 1:
        raise ValueError(f"b has shape {np.shape(b)}: must be one belief, (S,) = ({n_states},)")
    return belief(b, n_states)


def start_belief(P: Any) -> Array:
    """The belief (S,) that a problem begins with: its own b, uniform where it has none."""
    return np.full(len(P.S), 1 / len(P.S)) if P.b is None else np.asarray(P.b)


def joint(P: POMDP, b: Array, a: int) -> Array:
    """Probability of each observation and next state after action a in the belief b (..., S): x (..., Ω, S).

    x(o, s') = O(a, s', o) Σ_s T(s, a, s') b(s). Its sum over s' is p(o | b, a); divided by that it is the next belief.
    """
    return (b @ P.transitions[a])[..., None, :] * P.O.array[a].T


def next_beliefs(P: POMDP, b: Array, a: int) -> tuple[Array, Array]:
    """The belief after action a and each observation, (..., Ω, S), and its probability p(o | b, a), (..., Ω).

    Where p is 0 the belief is a row of zeros, which weighs nothing in a sum over the observations.
    """
    x = joint(P, b, a)
    p = x.sum(axis=-1)
    return np.divide(x, p[..., None], out=np.zeros_like(x), where=p[..., None] > 0), p


class Successors(NamedTuple):
    """What can be observed after each action in beliefs (B, S), a row each possible case; those of a pair adjoin."""

    pair: Array  # a·B + number of the belief, in order (N,)
    o: Array  # observation (N,)
    x: Array  # O(a, s', o) Σ_s T(s, a, s') b(s), which sums to p(o | b, a), (N, S)
    p: Array  # p(o | b, a) > 0, (N,)


def possible_successors(P: POMDP, B: Array) -> Successors:
    """What follows every action in the beliefs B (B, S), without the observations of probability 0.

    Where few observations are possible, as in a problem that shows part of its state, this is far less than `joint`.
    """
    found = []
    for a, T_a in enumerate(P.transitions):
        predicted = B @ T_a
        p = predicted @ P.O.array[a]
        row, o = np.nonzero(p > 0)
        found.append(Successors(a * len(B) + row, o, predicted[row] * P.seen[a][o], p[row, o]))
    return Successors(*(np.concatenate(x) for x in zip(*found, strict=True)))


@lookahead.register
def lookahead_in_a_pomdp(P: POMDP, U: Any, s: Any, a: Any) -> Any:
    """`lookahead` from a state, with U(o, s_next) or an array (Ω, S); or from a belief, with a function U of beliefs.

    From a state (algorithm 20.2): R(s, a) + γ Σ_s' T(s, a, s') Σ_o O(a, s', o) U(o, s').
    From a belief b, given in place of s (algorithm 20.5): Σ_s b(s) R(s, a) + γ Σ_o p(o | b, a) U(b'). U is called with
    the batch of all next beliefs of positive probability, (N, S), and returns their utilities (N,), below infinity.
    """
    P, x = tabulated(P), np.asarray(s)
    a = int(indices("a", a, len(P.A), 1)[0])
    if x.dtype.kind == "f" and x.ndim:
        return _lookahead_from_beliefs(P, U, belief(x, len(P.S)), a)
    u = np.array([[U(o, x) for x in P.S] for o in P.Ω]) if callable(U) else numbers(U, "U")
    if u.shape != (len(P.Ω), len(P.S)):
        raise ValueError(f"U has shape {u.shape}: must be (Ω, S) = {(len(P.Ω), len(P.S))}, or a function U(o, s_next)")
    values = P.R.array[:, a] + P.γ * (P.transitions[a] @ (P.O.array[a] * u.T).sum(axis=1))
    return values[indices("s", s, len(P.S))]


def _lookahead_from_beliefs(P: POMDP, U: BeliefUtility, b: Array, a: int) -> Any:
    utility_function(None, Named("U"), U)
    b_next, p = next_beliefs(P, b, a)
    u = np.zeros(p.shape)
    u[p > 0] = utilities_of(U, b_next[p > 0])
    return (b @ P.R.array[:, a] + P.γ * (p * u).sum(axis=-1))[()]


def belief_rollouts(P: POMDP, b: Belief, π: Any, d: int, m: int, rng: RNG = None) -> Trajectories:
    """m `Trajectories` of depth d of the POMDP P, with actions π(b) that know only the belief; `.o` are observations.

    b (S,) is the belief to begin with; each start state is drawn from it. π takes a batch of beliefs (m, S) and gives
    actions (m,), indices into P.A. After each step the beliefs are updated exactly (algorithm 19.2). Time and memory
    are proportional to d·m·S.

    Raises ValueError for d < 1 or m < 1, where b is no belief, and where an action is unknown; TooLargeError, before
    anything is allocated, where an array would have more than 2³¹ numbers; TypeError where π cannot be called.
    """
    count(None, Named("d"), d)
    count(None, Named("m"), m)
    function(None, Named("π"), π)
    rng, P = default_rng(rng), tabulated(P)
    for what, size in (("steps of all trajectories", int(d) * int(m)), ("probabilities of beliefs", int(m) * len(P.S))):
        check_size(what, size, "simulate fewer trajectories at a time", NUMBERS)
    b = np.broadcast_to(one_belief(b, len(P.S)), (m, len(P.S)))
    S, A, R, O = (np.empty((d, m), kind) for kind in (np.intp, np.intp, np.float64, np.intp))
    s = inverse_transform(cumulative(b), np.arange(m), rng.random(m))
    for k in range(d):
        a = indices("π(b)", π(b), len(P.A), m)
        s_next, r, o = P.TRO(s, a, rng)
        S[k], A[k], R[k], O[k] = s, a, r, o
        b, s = filtered(P, b, a, o)[0], s_next
    return Trajectories(S.T, A.T, R.T, s_end=s, o=O.T)


def filtered(P: POMDP, b: Array, a: Array, o: Array) -> tuple[Array, Array]:
    """The beliefs (B, S) after actions a (B,) and observations o (B,) in the beliefs b (B, S), and p(o | b, a), (B,).

    Where p is 0 the row is zeros.
    """
    x = np.empty_like(b)
    for action in np.unique(a):
        rows = a == action
        x[rows] = (b[rows] @ P.transitions[action]) * P.O.array[action][:, o[rows]].T
    p = x.sum(axis=1)
    return np.divide(x, p[:, None], out=x, where=p[:, None] > 0), p
