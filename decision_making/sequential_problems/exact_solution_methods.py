"""Exact solution methods (chapter 7): evaluation of policies, and structs of solvers with the verb `solve`.

A problem is tabular (`MDP.from_arrays`, dense or sparse, or a struct with such arrays behind T and R) or has functions
T(s, a, s') and R(s, a) over the lists P.S and P.A; the functions are then evaluated once. A utility U is an array over
the states in the order of P.S, or a function of the state; what is returned is always an array.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from attrs import field, frozen

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    brief,
    count,
    count_or_zero,
    is_number,
    numbers,
    optional,
    positive,
    refuse,
)
from decision_making.mdp import SparseTable, Table, lookahead, tabular_arrays
from decision_making.sampling import indices

TIE = 1e-12  # Q values closer than this, relative to the largest, are equally good


def tensorform(P: Any) -> tuple[Array, Array]:
    """T (S, A, S) and R (S, A) of P as arrays; functions are evaluated over P.S and P.A (algorithm 7.10).

    Raises TypeError where P has no lists S and A or no functions T and R.
    """
    T, R = _tables(P)
    return (T if isinstance(T, np.ndarray) else T.toarray().reshape(*R.shape, len(R))), R


def _tables(P: Any) -> tuple[Any, Array]:
    """R (S, A), and T (S, A, S) as an array or (S·A, S) as a scipy.sparse one."""
    _require_enumerable(P)
    if isinstance(P.T, Table):
        return P.T.array, P.R.array
    if isinstance(P.T, SparseTable):
        return P.T.matrix, P.R.array
    T = [[[P.T(s, a, s_next) for s_next in P.S] for a in P.A] for s in P.S]
    return tabular_arrays(T, [[P.R(s, a) for a in P.A] for s in P.S])


def _require_enumerable(P: Any) -> None:
    lists, functions = (getattr(P, x, None) for x in "SA"), (getattr(P, x, None) for x in "TR")
    if any(x is None for x in lists) or not all(map(callable, functions)):
        refuse(None, "P", P, "a problem with lists S and A and functions T and R", TypeError)


def _tabular(P: Any) -> bool:
    return isinstance(P.T, Table | SparseTable)


def _index(name: str, x: Any, P: Any, listed: str) -> int:
    """The position of x in the list P.S or P.A."""
    known = list(getattr(P, listed))
    if x not in known:
        raise ValueError(f"{name} = {x!r}: must be one of P.{listed}")
    return known.index(x)


def action_probabilities(P: Any, π: Any) -> Array:
    """π(a | s) as an array (S, A), from such an array, an array of actions (S,) or a function s -> a of P.S.

    Actions in an array are indices into P.A, those of a function are elements of P.A. Raises ValueError where
    probabilities are negative or do not sum to 1, or an action is unknown; TypeError where P is not enumerable.
    """
    _require_enumerable(P)
    shape = (len(P.S), len(P.A))
    π = _action_indices(P, π)
    if π.shape == shape[:1]:
        return np.eye(shape[1])[indices("π", π, shape[1])]
    if π.shape != shape:
        raise ValueError(f"π has shape {π.shape}: must be (S,) = {shape[:1]} actions or (S, A) = {shape} probabilities")
    bad = ~((π >= 0).all(axis=1) & (abs(π.sum(axis=1) - 1) <= 1e-8))
    if bad.any():
        s = int(np.argmax(bad))
        raise ValueError(f"π[{s}] = {π[s]}: must be probabilities that sum to 1")
    return π


def _under(P: Any, π: Any) -> tuple[Any, Array]:
    """Transition matrix (S, S), sparse where that of P is, and expected rewards (S,) of the chain π makes of P."""
    (T, R), p = _tables(P), action_probabilities(P, π)
    r = np.einsum("sa,sa->s", p, R)
    if isinstance(T, np.ndarray):
        return np.einsum("sa,sat->st", p, T), r
    from scipy.sparse import csr_array

    n_states, n_actions = p.shape
    choice = csr_array((p.ravel(), np.arange(p.size), np.arange(0, p.size + 1, n_actions)), (n_states, p.size))
    choice.eliminate_zeros()
    return choice @ T, r


def iterative_policy_evaluation(P: Any, π: Any, k_max: int) -> Array:
    """U after k_max sweeps U ← R^π + γ T^π U from U = 0, (S,): the expected return of depth k_max (algorithm 7.3).

    π as in `action_probabilities`. Raises ValueError unless k_max is a whole number >= 0.
    """
    count_or_zero(None, Named("k_max"), k_max)
    T, R = _under(P, π)
    U = np.zeros(len(R))
    for _ in range(k_max):
        U = R + P.γ * (T @ U)
    return U


def policy_evaluation(P: Any, π: Any) -> Array:
    """U^π = (I - γ T^π)⁻¹ R^π, (S,), by a linear solve (algorithm 7.4).

    π as in `action_probabilities`. Where T is sparse the solve is iterative (BiCGSTAB, to rounding), and a direct
    sparse one if that does not get there. Raises ValueError for γ = 1, where the system is singular.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> policy_evaluation(StraightLineHexWorld(n=3), [0, 1, 4, 0]).round(6)  # E, NE, SW: exercise 7.5
    array([ 1.42524,  2.12766, 10.     ,  0.     ])
    """
    _require_discount(P, "I - γT is singular; use iterative_policy_evaluation")
    T, R = _under(P, π)
    if isinstance(T, np.ndarray):
        return np.linalg.solve(np.eye(len(R)) - P.γ * T, R)
    return _sparse_solve(T, R, P.γ)


def _sparse_solve(T: Any, R: Array, γ: float) -> Array:
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import bicgstab, spsolve

    system = (eye_array(len(R), format="csr") - γ * T).tocsr()
    with np.errstate(all="ignore"):  # a breakdown shows in the residual
        U, _ = bicgstab(system, R, rtol=1e-14, maxiter=1000)
        residual = abs(system @ U - R).max(initial=0)
    scale = max(abs(R).max(initial=0), (1 - γ) * abs(U).max(initial=0))
    if not residual <= 1e-13 * scale:
        U = np.atleast_1d(spsolve(system.tocsc(), R))
    return U


def _require_discount(P: Any, reason: str) -> None:
    if not (is_number(P.γ) and 0 <= P.γ < 1):
        raise ValueError(f"γ = {P.γ}: must be below 1, else {reason}")


def _action_values(T: Any, R: Array, γ: float, U: Array) -> Array:
    """`lookahead` of every state and action, Q (S, A)."""
    n_states, n_actions = R.shape
    return R + γ * (T.reshape(-1, n_states) @ U).reshape(n_states, n_actions)


class Greedy(NamedTuple):
    """A greedy action and its utility; arrays where several states were asked about."""

    a: Any
    u: Any


def greedy(P: Any, U: Any, s: Any) -> Greedy:
    """The action a with the highest `lookahead` in s, the first of equals, and that value u (algorithm 7.5).

    On a tabular problem s may be an array; a and u have its shape. Raises ValueError if U has the wrong length or
    a state is unknown.
    """
    u = _utilities(P, U)
    if _tabular(P):
        s = indices("s", s, len(P.S))
        Q = np.asarray(lookahead(P, u, s[..., None], np.arange(len(P.A))))
    else:
        _index("s", s, P, "S")
        Q = np.array([lookahead(P, u, s, a) for a in P.A])
    best = np.argmax(Q, axis=-1)
    values = np.take_along_axis(Q, best[..., None], axis=-1)[..., 0]
    return Greedy(np.asarray(P.A)[best] if _tabular(P) else P.A[int(best)], values[()])


def backup(P: Any, U: Any, s: Any) -> Any:
    """max_a lookahead(P, U, s, a) (algorithm 7.7); on a tabular problem s may be an array."""
    return greedy(P, U, s).u


def _utilities(P: Any, U: Any) -> Array:
    """U over P.S as a float array (S,)."""
    _require_enumerable(P)
    u = np.array([U(s) for s in P.S] if callable(U) else U, dtype=np.float64)
    if u.shape != (len(P.S),):
        raise ValueError(f"U has shape {u.shape}: must be (S,) = ({len(P.S)},), or a function of the state")
    if not all_finite(u):
        i = int(np.argmax(~np.isfinite(u)))
        raise ValueError(f"U[{i}] = {u[i]}: must be finite")
    return u


def _frozen_copy(x: Any) -> Array:
    x = np.array(x)
    x.setflags(write=False)
    return x


@frozen(eq=False, repr=False)
class ValueFunctionPolicy:
    """The policy that is greedy with respect to U: π(s) is `greedy(P, U, s).a` (algorithm 7.5, equation 7.11).

    Raises ValueError if U has the wrong length or is not finite.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> P = StraightLineHexWorld(n=3)
    >>> π = ValueFunctionPolicy(P, [6.7, 8.2, 10.0, 0.0])
    >>> int(π(0)), π(np.array([0, 1])).tolist()  # east
    (0, [0, 0])
    """

    P: Any  # problem
    U: Any  # utilities (S,); a function of the state is evaluated at once

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "U", _frozen_copy(_utilities(self.P, self.U)))

    def __call__(self, s: Any) -> Any:
        """The greedy action in s; on a tabular problem s may be an array."""
        return greedy(self.P, self.U, s).a

    def __repr__(self) -> str:
        return f"ValueFunctionPolicy(U {self.U.shape}, {self.U.min():.4g}..{self.U.max():.4g})"


@frozen(eq=False, repr=False)
class TabularPolicy:
    """A deterministic policy as a table: π(s) is the action listed for s.

    Raises ValueError, naming π, where the table has the wrong length or an action is unknown.
    """

    P: Any  # problem
    a: Any  # indices into P.A (S,), in the order of P.S

    def __attrs_post_init__(self) -> None:
        _require_enumerable(self.P)
        a = indices("π", self.a, len(self.P.A))
        if a.shape != (len(self.P.S),):
            raise ValueError(f"π has shape {a.shape}: must be (S,) = ({len(self.P.S)},) actions")
        object.__setattr__(self, "a", _frozen_copy(a))

    def __call__(self, s: Any) -> Any:
        """The action in s; on a tabular problem s may be an array."""
        if _tabular(self.P):
            return np.asarray(self.P.A)[self.a[indices("s", s, len(self.P.S))]]
        return self.P.A[int(self.a[_index("s", s, self.P, "S")])]

    def __repr__(self) -> str:
        return f"TabularPolicy{self.a.shape}"


@frozen(eq=False)
class PolicyIteration:
    """Evaluate the policy exactly, make it greedy, until no state changes its action (algorithm 7.6).

    An action that is among the best (within 1e-12 of the largest |Q|) is kept, so that equally good policies do not
    alternate. It also ends where a new policy does not raise the sum of the utilities: then the last improvement was
    one of rounding errors, which γ close to 1 makes larger. `solve` returns a `TabularPolicy`; its P.γ must be below 1.
    """

    π: Any = field(repr=brief)  # initial policy: actions (S,), or a function of the state
    k_max: int = field(validator=count)  # number of improvements at most


@frozen(eq=False)
class ValueIteration:
    """k_max synchronous sweeps U ← max_a lookahead from U = 0 (algorithm 7.8).

    With δ the sweeps end as soon as the largest change is below δ: then |U - U*| <= δγ/(1 - γ) everywhere.
    """

    k_max: int = field(validator=count)  # number of sweeps
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # change that ends the sweeps


@frozen(eq=False)
class GaussSeidelValueIteration:
    """k_max sweeps of backups in place, in the order of the states, from U = 0 (algorithm 7.9).

    `order` names another order: indices of all states. δ ends the sweeps as in `ValueIteration`.
    """

    k_max: int = field(validator=count)  # number of sweeps
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # change that ends the sweeps
    order: Any = field(default=None, kw_only=True)  # permutation of 0..S-1


@frozen(eq=False)
class LinearProgramFormulation:
    """min Σ U(s) subject to U(s) >= lookahead(U, s, a) for all s and a, by HiGHS (algorithm 7.10); P.γ below 1."""


def _matrix(x: Any, name: str) -> Array:
    return _frozen_copy(np.atleast_2d(numbers(x, name)))


def _column(x: Any, name: str) -> Array:
    x = numbers(x, name)
    return _frozen_copy(x.reshape(-1, 1) if x.ndim < 2 else x)


def _symmetric(x: Any, name: str) -> Array:
    x = np.atleast_2d(numbers(x, name))
    return _frozen_copy((x + x.T) / 2 if x.ndim == 2 and x.shape[0] == x.shape[1] else x)


@frozen(eq=False)
class LinearQuadraticProblem:
    """s' = Ts s + Ta a + w with reward sᵀRs s + aᵀRa a, undiscounted over h_max steps (algorithm 7.11).

    States have k components, actions l. Of Rs and Ra the symmetric part counts. The covariance Σ of the noise w
    changes the utilities, never the actions. `solve(M)` gives h_max policies.
    Raises ValueError, naming the field, for shapes that disagree, numbers that are not finite, an Rs that is not
    negative semidefinite, an Ra that is not negative definite, a Σ that is not positive semidefinite.
    """

    Ts: Any = field(repr=brief)  # dynamics (k, k)
    Ta: Any = field(repr=brief)  # dynamics (k, l)
    Rs: Any = field(repr=brief)  # rewards of the state (k, k), negative semidefinite
    Ra: Any = field(repr=brief)  # rewards of the action (l, l), negative definite
    h_max: int = field(validator=count)  # horizon in steps
    Σ: Any = field(default=None, kw_only=True, repr=brief)  # covariance of w (k, k), default 0

    def __attrs_post_init__(self) -> None:
        for name, form in (("Ts", _matrix), ("Ta", _column), ("Rs", _symmetric), ("Ra", _symmetric), ("Σ", _symmetric)):
            x = np.zeros(np.shape(self.Ts)) if name == "Σ" and self.Σ is None else getattr(self, name)
            object.__setattr__(self, name, form(x, name))
        k, n_actions = len(self.Ts), self.Ta.shape[1]
        shapes = {"Ts": (k, k), "Ta": (k, n_actions), "Rs": (k, k), "Ra": (n_actions, n_actions), "Σ": (k, k)}
        for name, shape in shapes.items():
            x = getattr(self, name)
            if x.shape != shape or 0 in shape:
                refuse(self, name, f"an array {x.shape}", f"{shape} to go with the others")
            if not all_finite(x):
                refuse(self, name, x.tolist(), "finite")
        slack = 1e-12
        for name, sign, low, allowed in (
            ("Rs", -1, -slack, "negative semidefinite"),
            ("Ra", -1, slack, "negative definite"),
            ("Σ", 1, -slack, "positive semidefinite"),
        ):
            x = sign * getattr(self, name)
            least = np.linalg.eigvalsh(x)[0]
            if not least >= low * abs(x).max() or (low > 0 and least <= 0):
                refuse(self, name, (sign * x).tolist(), allowed)


@frozen(eq=False, repr=False)
class LinearQuadraticPolicy:
    """The optimal first action with h steps to go, π(s) = K s, and its utility sᵀV s + q (equations 7.22-7.33)."""

    K: Array  # gain (l, k)
    V: Array  # (k, k)
    q: float

    def __call__(self, s: Any) -> Array:
        """Actions (..., l) in states (..., k)."""
        return np.asarray(s) @ self.K.T

    def U(self, s: Any) -> Any:
        """Expected reward of the steps to go from states (..., k)."""
        s = np.asarray(s, dtype=np.float64)
        return np.einsum("...i,ij,...j->...", s, self.V, s) + self.q

    def __repr__(self) -> str:
        return f"LinearQuadraticPolicy(K={self.K.round(6).tolist()})"


@singledispatch
def solve(M: Any, P: Any = None) -> Any:
    """The solution of P by M (chapter 7): a policy that is called as π(s).

    `PolicyIteration` gives a `TabularPolicy`, the others a `ValueFunctionPolicy`, a `LinearQuadraticProblem` (which
    takes no P) a list of h_max policies: entry h - 1 is the first action with h steps to go, entry 0 is always zero.

    Raises TypeError for an unknown M and for a P without lists S and A; ValueError for γ = 1 where the method needs a
    discount.
    """
    raise TypeError(f"M = {M!r}: solve knows {_known(solve)}")


@singledispatch
def sweeps(M: Any, P: Any) -> Iterator[Any]:
    """What M has after each of its sweeps, beginning with the start; `solve` takes the last.

    Policy iteration yields policies, the last one twice if no state changed; value iteration yields utilities (S,).
    """
    raise TypeError(f"M = {M!r}: sweeps knows {_known(sweeps)}")


def _known(verb: Any) -> str:
    return ", ".join(sorted(t.__name__ for t in verb.registry if t is not object))


@sweeps.register
def _(M: PolicyIteration, P: Any) -> Iterator[TabularPolicy]:
    _require_discount(P, "a policy has no finite utility; use ValueIteration")
    (T, R), s = _tables(P), np.arange(len(P.S))
    π, total = TabularPolicy(P, _action_indices(P, M.π)), -np.inf
    yield π
    for _ in range(M.k_max):
        U = policy_evaluation(P, π)
        total_old, total = total, U.sum()
        if not total > total_old:  # no true improvement lowers the utility of any state
            yield π
            return
        Q = _action_values(T, R, P.γ, U)
        best = np.argmax(Q, axis=1)
        better = Q[s, best] - Q[s, π.a] > TIE * abs(Q).max()
        π = TabularPolicy(P, np.where(better, best, π.a))
        yield π
        if not better.any():
            return


def _action_indices(P: Any, π: Any) -> Array:
    """A policy as indices into P.A (S,); what is an array already comes back as it is."""
    if not callable(π):
        return np.asarray(π)
    shared = isinstance(π, TabularPolicy | ValueFunctionPolicy) and (π.P is P or (_tabular(π.P) and _tabular(P)))
    if shared:  # all states at once
        if isinstance(π, TabularPolicy):
            return np.asarray(π.a)
        return np.argmax(_action_values(*_tables(π.P), π.P.γ, π.U), axis=1)
    return np.array([_index(f"π({s!r})", π(s), P, "A") for s in P.S])


@sweeps.register
def _(M: ValueIteration, P: Any) -> Iterator[Array]:
    T, R = _tables(P)
    U = np.zeros(len(R))
    yield U
    for _ in range(M.k_max):
        U_old, U = U, _action_values(T, R, P.γ, U).max(axis=1)
        yield U
        if M.δ is not None and abs(U - U_old).max() < M.δ:
            return


@sweeps.register
def _(M: GaussSeidelValueIteration, P: Any) -> Iterator[Array]:
    T, R = _tables(P)
    order = np.arange(len(R)) if M.order is None else indices("order", M.order, len(R))
    if not np.array_equal(np.sort(order), np.arange(len(R))):
        raise ValueError(f"order = {M.order}: must name each of the {len(R)} states once")
    action_values = _one_state(T, R, P.γ)
    U = np.zeros(len(R))
    yield U
    for _ in range(M.k_max):
        U_old, U = U, U.copy()
        for s in order.tolist():
            U[s] = action_values(U, s).max()
        yield U
        if M.δ is not None and abs(U - U_old).max() < M.δ:
            return


def _one_state(T: Any, R: Array, γ: float) -> Any:
    """A function (U, s) -> Q(s, ·), (A,)."""
    if isinstance(T, np.ndarray):
        return lambda U, s: R[s] + γ * (T[s] @ U)
    n_actions, data, columns = R.shape[1], γ * T.data, T.indices
    starts = T.indptr[:-1].reshape(R.shape)
    first, last = starts[:, 0].tolist(), T.indptr[n_actions::n_actions].tolist()
    offsets = starts - starts[:, :1]  # of the actions within the entries of their state; no row is empty

    def action_values(U: Array, s: int) -> Array:
        i = slice(first[s], last[s])
        return R[s] + np.add.reduceat(data[i] * U[columns[i]], offsets[s])

    return action_values


@solve.register(PolicyIteration)
def _(M: PolicyIteration, P: Any = None) -> TabularPolicy:
    return _last(sweeps(M, P))


@solve.register(ValueIteration)
@solve.register(GaussSeidelValueIteration)
def _(M: Any, P: Any = None) -> ValueFunctionPolicy:
    return ValueFunctionPolicy(P, _last(sweeps(M, P)))


def _last(iterator: Iterator[Any]) -> Any:
    for x in iterator:
        last = x
    return last


@solve.register
def _(M: LinearProgramFormulation, P: Any = None) -> ValueFunctionPolicy:
    from scipy import sparse
    from scipy.optimize import linprog

    _require_discount(P, "the linear program may be unbounded; use ValueIteration")
    T, R = _tables(P)
    n_states, n_actions = R.shape
    own = sparse.kron(sparse.eye_array(n_states), np.ones((n_actions, 1)), format="csr")  # U(s) in the rows of s
    A = P.γ * sparse.csr_array(T.reshape(-1, n_states)) - own
    found = linprog(np.ones(n_states), A_ub=A, b_ub=-R.ravel(), bounds=(None, None), method="highs")
    if found.x is None:
        raise ValueError(f"the linear program of {type(P).__name__} was not solved: {found.message}")
    return ValueFunctionPolicy(P, found.x)


@solve.register
def _(M: LinearQuadraticProblem, P: Any = None) -> list[LinearQuadraticPolicy]:
    if P is not None:
        raise TypeError(f"P = {P!r}: a LinearQuadraticProblem is itself the problem; call solve(M)")
    V, q = M.Rs, 0.0
    policies = [LinearQuadraticPolicy(np.zeros((M.Ta.shape[1], len(V))), V, q)]
    for _ in range(M.h_max - 1):
        K = -np.linalg.solve(M.Ta.T @ V @ M.Ta + M.Ra, M.Ta.T @ V @ M.Ts)
        q = q + float(np.trace(M.Σ @ V))
        V = M.Rs + M.Ts.T @ V @ (M.Ts + M.Ta @ K)
        V = (V + V.T) / 2
        policies.append(LinearQuadraticPolicy(K, V, q))
    return policies
