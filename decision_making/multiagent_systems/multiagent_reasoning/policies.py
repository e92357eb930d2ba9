"""Policies of simple games, and their utilities (algorithms 24.2 to 24.4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from decision_making.agents import labels, listed_once, position, positions
from decision_making.checks import (
    Array,
    Field,
    Named,
    are_probabilities,
    distributions_in,
    is_number,
    made_array,
    numbers,
    read_only,
    refuse,
    rounding,
    shortened,
)
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, indices, inverse_transform
from decision_making.simple_game import SimpleGame, check_game
from decision_making.structs import struct
from decision_making.verbs import best_response, gap, softmax_response, utility

JointPolicy: TypeAlias = Sequence[Any]
"""A policy for each agent, in their order: a `SimpleGamePolicy`, a dictionary, probabilities (…, A), or an action."""


def shares(M: Any, p: Array) -> Array:
    """Weights p (..., k) divided by their sum, read-only. ValueError, naming M's p, where that is not possible."""
    largest = p.max(axis=-1, keepdims=True)
    if p.size and not (p.min() >= 0 and largest.min() > 0 and largest.max() < math.inf):
        refuse(M, "p", M.p, "finite weights >= 0, not all of them 0")
    p = p / largest  # the sum of large weights may overflow
    return read_only(p / p.sum(axis=-1, keepdims=True))


def precision(M: object, field: Field, λ: Any) -> None:
    """Attrs validator: a number >= 0, or inf."""
    if λ != math.inf and not (is_number(λ) and λ >= 0):
        refuse(M, field.name, λ, "a number >= 0, or inf for the best responses alone")


@struct(repr=False)
class SimpleGamePolicy:
    """Probabilities of one agent's actions (algorithm 24.2).

    p is a dictionary of weights by action, weights (…, A) for the actions of the list A (0, 1, … without one), or a
    single action, which is then certain. Weights are divided by their sum. Leading axes are a batch.

    Raises ValueError for weights that are negative, not finite, or all 0.

    >>> π = SimpleGamePolicy({"rock": 1, "paper": 3})
    >>> π("paper"), π("lizard"), π.p
    (0.75, 0.0, array([0.25, 0.75]))
    """

    p: Any  # weights by action: a dictionary, an array, or one certain action; kept as probabilities (..., A)
    A: Any = None  # actions, in the order of p

    def __attrs_post_init__(self) -> None:
        p, A = self.p, self.A
        if isinstance(p, Mapping):
            p, A = list(p.values()), tuple(p)
        elif not isinstance(p, np.ndarray | list):
            A = (p,) if A is None else tuple(labels(A))
            p = certain(position(p, A), len(A))
        p = numbers(p, "p")
        if p.ndim == 0 or p.shape[-1] == 0:
            refuse(self, "p", self.p, "weights of one or more actions")
        A = tuple(range(p.shape[-1])) if A is None else tuple(labels(A))
        if len(A) != p.shape[-1]:
            raise ValueError(f"p has shape {p.shape}: must have a weight for each of the {len(A)} actions")
        listed_once(self, "A", A)
        object.__setattr__(self, "p", shares(self, p))
        object.__setattr__(self, "A", A)

    def __call__(self, a: Any = None, *, rng: RNG = None) -> Any:
        """The probability (…) of action a, 0 for one that is not listed; without a, a random action, or a batch."""
        if a is None:
            return self._named(draw(self.p, default_rng(rng)))
        try:
            found = self.p[..., position(a, self.A)]
        except KeyError:
            found = np.zeros(self.p.shape[:-1])
        return float(found) if found.ndim == 0 else found

    @property
    def mode(self) -> Any:
        """The most probable action, the first of several, or a batch of them."""
        return self._named(np.asarray(self.p.argmax(axis=-1)))

    def _named(self, k: Array) -> Any:
        """The actions at positions k (…); labels that are tuples stay tuples."""
        return self.A[int(k)] if k.ndim == 0 else np.fromiter(self.A, dtype=object, count=len(self.A))[k]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.p, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        if self.p.ndim > 1:
            return f"SimpleGamePolicy({self.p.shape[:-1]} policies of {len(self.A)} actions)"
        likely = [k for k in np.argsort(-self.p, kind="stable")[:4] if self.p[k] > 0]
        more = ", ..." if np.count_nonzero(self.p) > len(likely) else ""
        return f"SimpleGamePolicy({', '.join(f'{self.A[k]}: {self.p[k]:.4g}' for k in sorted(likely))}{more})"


def draw(p: Array, rng: np.random.Generator) -> Array:
    """Random positions (…) of actions with probabilities p (…, A), by inverse transform."""
    rows, u = cumulative(p.reshape(-1, p.shape[-1])), rng.random(math.prod(p.shape[:-1]))
    return inverse_transform(rows, np.arange(len(rows)), u).reshape(p.shape[:-1])


def joint_actions(X: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """All joint actions of a list of action lists, the last agent's changing fastest (algorithm 24.2).

    >>> joint_actions(["ab", (0, 1)])
    [('a', 0), ('a', 1), ('b', 0), ('b', 1)]
    """
    from itertools import product

    return list(product(*X))


def uniform(P: SimpleGame) -> list[SimpleGamePolicy]:
    """Every agent chooses each action with equal probability."""
    return [SimpleGamePolicy(np.ones(len(Ai)), Ai) for Ai in P.A]


def probabilities(P: SimpleGame, π: JointPolicy) -> list[Array]:
    """The joint policy π as arrays (…, Aⁱ) in the order of the game's actions, checked.

    Raises ValueError for another number of policies, and for arrays that are not probabilities; KeyError for an action
    that the game does not have.
    """
    check_game(P)
    if isinstance(π, str | Mapping | SimpleGamePolicy) or not hasattr(π, "__len__") or len(π) != P.n:
        refuse(None, "π", π, f"{P.n} policies, one of each agent")
    return [_of_agent(P, πi, i) for i, πi in enumerate(π)]


def _of_agent(P: SimpleGame, πi: Any, i: int) -> Array:
    πi = getattr(πi, "policy", πi)  # what a learner does at present
    is_action = isinstance(πi, tuple) and any(isinstance(a, tuple) and a == πi for a in P.A[i])
    if is_action or not isinstance(πi, SimpleGamePolicy | np.ndarray | list | tuple):
        πi = SimpleGamePolicy(πi)
    if isinstance(πi, SimpleGamePolicy):
        return in_order(πi, P.A[i])
    p = distributions_in(πi, f"π[{i}]")
    if p.shape[-1:] != (len(P.A[i]),):
        raise ValueError(f"π[{i}] has shape {p.shape}: must be (..., {len(P.A[i])}), a probability for each action")
    if not are_probabilities(p).all():
        raise ValueError(f"π[{i}] = {shortened(πi)}: must be probabilities that sum to 1")
    return p


def in_order(π: SimpleGamePolicy, A: tuple[Any, ...]) -> Array:
    """Probabilities (…, A) of the actions A by the policy π. KeyError where it has an action that is none of them."""
    if A == π.A:
        return np.asarray(π.p)
    p = np.zeros((*π.p.shape[:-1], len(A)))
    p[..., positions(π.A, A)] = π.p
    return p


def certain(k: Any, size: int) -> Array:
    """The actions at positions k (…) alone, as probabilities (…, size)."""
    return np.asarray(np.asarray(k)[..., None] == np.arange(size), dtype=np.float64)


def joint_positions(sizes: Sequence[int], batch: tuple[int, ...], a: Any) -> Array:
    """The joint actions a as positions (…, n) of the actions of all agents, of which each has as many as sizes say."""
    a = made_array(a, "a")
    if a.shape != (*batch, len(sizes)):
        raise ValueError(f"a has shape {a.shape}: must be {(*batch, len(sizes))}, positions of actions")
    return np.stack([indices(f"a[..., {j}]", a[..., j], k) for j, k in enumerate(sizes)], axis=-1)


def contracted(x: Array, p: Sequence[Array], keep: Sequence[int]) -> Array:
    """Σ x(…, a¹, …, aⁿ) Π p^j(a^j) over the actions of all agents but those to keep, whose axes stay."""
    for j in reversed(range(len(p))):
        if j not in keep:
            after = sum(k > j for k in keep)  # axes that are still there behind that of j
            x, q = np.moveaxis(x, -1 - after, -1) if after else x, p[j]
            x = (x @ q.reshape(*q.shape[:-1], *(1,) * (j + after - 1), -1, 1))[..., 0]
    return x


def of_agent(P: SimpleGame, i: int) -> Array:
    """The payoffs (…, A¹, …, Aⁿ) of the agent at position i."""
    return np.asarray(P.R.array[(..., i) + (slice(None),) * P.n])


def payoffs(P: SimpleGame, π: JointPolicy, i: Any) -> Array:
    """Uⁱ(aⁱ, π^-i) of each action of agent i against the others' policies, (…, Aⁱ): also the gradient of Uⁱ by πⁱ.

    >>> payoffs(SimpleGame.zero_sum([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]), [[1, 0, 0], [0, 0, 1]], 0)
    array([ 1., -1.,  0.])
    """
    p = probabilities(P, π)
    i = P.position(i)
    return contracted(of_agent(P, i), p, (i,))


def values(P: SimpleGame, p: Sequence[Array]) -> tuple[list[Array], Array]:
    """Payoffs (…, Aⁱ) of each agent's actions, and utilities (…, n), of policies that are arrays."""
    V = [contracted(of_agent(P, i), p, (i,)) for i in range(P.n)]
    return V, np.stack([(v * q).sum(axis=-1) for v, q in zip(V, p, strict=True)], axis=-1)


@utility.register
def utility_in_a_game(P: SimpleGame, π: Any, i: Any = None) -> Any:
    """Uⁱ(π) = Σ_a Rⁱ(a) Π_j π^j(a^j), of all agents (…, n) without i (algorithm 24.2)."""
    expected = getattr(π, "expected", None)  # of a distribution over joint actions
    U = values(P, probabilities(P, π))[1] if expected is None else expected(P)
    return U if i is None else U[..., P.position(i)]


@gap.register
def gap_in_a_game(P: SimpleGame, π: Any) -> Array:
    """max over aⁱ of Uⁱ(aⁱ, π^-i), less Uⁱ(π), (…, n)."""
    gains = getattr(π, "gains", None)
    if gains is not None:
        return np.asarray(gains(P))
    V, U = values(P, probabilities(P, π))
    return np.maximum(np.stack([v.max(axis=-1) for v in V], axis=-1) - U, 0)


def best_actions(P: SimpleGame, π: JointPolicy, i: Any) -> Array:
    """Whether each action of agent i is a best response (…, Aⁱ): equal payoffs count as equal despite rounding."""
    return best(P, payoffs(P, π, i), P.position(i))


def best(P: SimpleGame, V: Array, i: int) -> Array:
    """Which payoffs V (…, Aⁱ) of the agent at position i are the largest, within the rounding of its rewards' sums."""
    largest = abs(of_agent(P, i)).max(axis=tuple(range(-P.n, 0)))[..., None]
    return np.asarray(V.max(axis=-1, keepdims=True) - rounding(largest, math.prod(P.sizes)) <= V)


@best_response.register
def best_response_in_a_game(P: SimpleGame, π: JointPolicy, i: Any) -> SimpleGamePolicy:
    """argmax over aⁱ of Uⁱ(aⁱ, π^-i) (algorithm 24.3), the first of equally good ones."""
    k, Ai = best_actions(P, π, i).argmax(axis=-1), P.A[P.position(i)]
    return SimpleGamePolicy(certain(k, len(Ai)), Ai)


@softmax_response.register
def softmax_response_in_a_game(P: SimpleGame, π: JointPolicy, i: Any, λ: float) -> SimpleGamePolicy:
    """πⁱ(aⁱ) ∝ exp(λ Uⁱ(aⁱ, π^-i)) (algorithm 24.4)."""
    precision(None, Named("λ"), λ)
    V, Ai = payoffs(P, π, i), P.A[P.position(i)]
    if λ == math.inf:
        return SimpleGamePolicy(best(P, V, P.position(i)).astype(float), Ai)
    with np.errstate(over="ignore", under="ignore"):  # far below the largest the weight is 0
        return SimpleGamePolicy(np.exp(λ * (V - V.max(axis=-1, keepdims=True))), Ai)


def distribution(x: ArrayLike) -> Array:
    """A solver's numbers made probabilities: negative rounding is set to 0, the rest divided by its sum."""
    x = np.maximum(np.asarray(x, dtype=np.float64), 0)
    return np.asarray(x / x.sum(axis=-1, keepdims=True))
