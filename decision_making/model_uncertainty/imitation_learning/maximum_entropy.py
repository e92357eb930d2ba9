"""Maximum entropy inverse reinforcement learning (algorithm 18.6; Ziebart et al. 2008, 2010)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    count,
    discount,
    flag,
    numbers,
    one_of,
    optional,
    parameters,
    positive,
    problem,
)
from decision_making.model_uncertainty.imitation_learning.cloning import ascended, climbed
from decision_making.model_uncertainty.imitation_learning.occupancies import (
    discounted_pairs,
    discounted_state_visitations,
    tabular,
)
from decision_making.model_uncertainty.imitation_learning.rewards import OptimalPolicy
from decision_making.policies.base import reverse_pass
from decision_making.problem import RNG, Enumerable
from decision_making.sampling import indices, start_distribution, start_probabilities
from decision_making.sequential_problems.exact_solution_methods.tables import tables, terminal_states
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct
from decision_making.trajectories import Trajectories, check_finite, check_trajectories, discounts
from decision_making.verbs import optimize, rounds


@struct
class MaximumEntropyIRL:
    """The reward R_φ under which the demonstrations are likeliest, a trajectory having p(τ) ∝ exp(R_φ(τ)) (18.8).

    P is tabular; of its own rewards only those of -inf matter: they mark actions that are not available. R is an array
    of features (S, A, k), for φᵀβ(s, a), or a function φ -> (S, A) written with autograd.numpy.

    Each of k_max iterations goes up the gradient (18.17) of f(φ) = Σ_τ R_φ(τ) - Σ_τ V_1(s_1), which is the difference
    of the discounted pair counts of the data and of the model. The model's policy is soft and depends on the step,

        π_k(a | s) ∝ exp(γ^(k-1) R(s, a) + Σ T(s' | s, a) V_{k+1}(s')),   V_k(s) = ln Σ_a exp(…),   V_{d+1} = 0,

    for as many steps as a demonstration has, or d where it came to a terminal state of P, in which V = 0 and nothing is
    done, from where it starts (or from b, where that is not None). In a deterministic problem f is the log-likelihood;
    in others this is the maximum causal entropy form, since p(τ) ∝ exp(R(τ)) would let the policy choose the outcomes
    of chance. `as_listed=True` is the book's listing instead: a policy that is optimal rather than soft, the same at
    all steps, and visitations scaled to sum 1, whose gradient is not 0 at the truth.

    `optimize(M, D, φ)` gives (φ, π) from `Trajectories` D, π (d, S, A) being the soft policy; `rounds(M, D, φ)` gives
    each iteration's `Fit`. φ is not unique: adding a constant, or shaping the reward, explains the data equally well.
    With discounting, late steps hardly count.
    """

    P: Any = field(validator=problem)  # tabular problem
    b: Any = field(validator=optional(start_distribution))  # start distribution; None: as the demonstrations start
    d: int = field(validator=count)  # depth: steps of a demonstration at most
    R: Any  # features (S, A, k), or a function φ -> (S, A)
    α: float = field(validator=positive)  # step factor
    k_max: int = field(validator=count)  # number of iterations
    optimizer: str = field(default="gradient", kw_only=True, validator=one_of("gradient", "L-BFGS"))  # of both
    as_listed: bool = field(default=False, kw_only=True, validator=flag)  # the listing's policy and scaling

    def __attrs_post_init__(self) -> None:
        P = tabular(self.P)
        if not callable(self.R):
            R = numbers(self.R, "R")
            shape = (len(P.S), len(P.A))
            if R.ndim != 3 or R.shape[:2] != shape or not R.size or not all_finite(R):
                raise ValueError(f"R has shape {R.shape}: must be finite features (S, A, k) with (S, A) = {shape}")
            object.__setattr__(self, "R", R)


class Fit(NamedTuple):
    """An iteration of maximum entropy inverse reinforcement learning."""

    φ: Array  # parameters of the reward (k,)
    f: float  # Σ_τ R(τ) - Σ_τ V_1(s_1) there
    gradient: Array  # ∇f there (k,)


class Counts(NamedTuple):
    """The counts of the demonstrations of one length."""

    d: int  # their number of steps, if none comes to a terminal state
    m: int  # how many they are
    b: Array  # where they start (S,)
    pairs: Array  # Σ_τ Σ_k γ^(k-1) of each pair (S, A)


class SoftPolicy(NamedTuple):
    """The soft policy of d steps, and the logarithm of its partition function."""

    π: Array  # probabilities (d, S, A)
    V: Array  # V_1 (S,), in nats


def soft_policy(P: Enumerable, R: Any, d: int, *, γ: float | None = None) -> SoftPolicy:
    """π_k ∝ exp(γ^(k-1) R + Σ T V_{k+1}), V_k = ln Σ_a exp(…), V_{d+1} = 0, backwards from the last of d steps.

    R (S, A) is a reward; actions whose own reward in P is -inf are not available. In terminal states of P nothing is
    done, and V_k = 0. γ is P's unless it is given.

    >>> from decision_making import MDP
    >>> P = MDP.from_arrays([[[1.0, 0.0], [0.0, 1.0]]] * 2, np.zeros((2, 2)), 0.9)  # action j leads to state j
    >>> soft_policy(P, [[0.3, -0.2], [0.5, 1.0]], 3).V.round(6)
    array([2.904636, 3.781134])
    """
    P = tabular(P)
    count(None, Named("d"), d)
    if γ is not None:
        discount(None, Named("γ"), γ)
    T, own = tables(P)
    R = numbers(R, "R")
    if R.shape != own.shape or not all_finite(R):
        raise ValueError(f"R has shape {R.shape}: must be finite rewards (S, A) = {own.shape}")
    closed = np.where(np.isneginf(own), -np.inf, 0.0)
    return softened(T, closed, terminal_states(P), R, discounts(P.γ if γ is None else γ, d))


def softened(T: Any, closed: Array, over: Array, R: Array, γs: Array) -> SoftPolicy:
    """`soft_policy` without checks of its arguments.

    closed (S, A) is -inf where an action is not available, over (S,) is true of terminal states.
    """
    check_size("probabilities of a soft policy", len(γs) * R.size, "take a smaller d", NUMBERS)
    T, V, π = T.reshape(-1, len(R)), np.zeros(len(R)), np.empty((len(γs), *R.shape))
    for k in range(len(γs) - 1, -1, -1):
        Q = γs[k] * R + closed + (T @ V).reshape(R.shape)
        most = Q.max(axis=1, keepdims=True)
        w = np.exp(Q - most)
        Z = w.sum(axis=1, keepdims=True)
        π[k], V = w / Z, np.where(over, 0.0, (most + np.log(Z))[:, 0])
    return SoftPolicy(π, V)


def counted(M: MaximumEntropyIRL, D: Any) -> list[Counts]:
    """The discounted pair counts of the demonstrations, a `Counts` for each length; M.d for those that P itself ended.

    Raises TypeError where D is not `Trajectories`; ValueError, naming trajectory and step, for states and actions that
    P does not have, for transitions of probability 0 in P, and for more steps than M.d.
    """
    check_trajectories(D)
    check_finite(D)
    n_states, n_actions = len(M.P.S), len(M.P.A)
    s, a = indices("s", D.s, n_states), indices("a", D.a, n_actions)
    if s.shape != D.r.shape or a.shape != D.r.shape:
        raise ValueError(f"D has states {s.shape} and actions {a.shape}: must be indices {D.r.shape}")
    if D.lengths.max() > M.d:
        raise ValueError(f"D has a trajectory of {D.lengths.max()} steps: must be at most d = {M.d}")
    check_moves(M.P, D, s, a)
    found = []
    lengths = D.lengths
    if D.s_end is not None:  # what ended in a terminal state could have gone on
        lengths = np.where(terminal_states(M.P)[indices("s_end", D.s_end, n_states)] & (lengths > 0), M.d, lengths)
    weights = D.mask * discounts(M.P.γ, D.r.shape[1])
    for length in np.unique(lengths[lengths > 0]):
        own = np.flatnonzero(lengths == length)
        b, pairs = np.bincount(s[own, 0], minlength=n_states) / len(own), np.zeros((n_states, n_actions))
        np.add.at(pairs, (s[own], a[own]), weights[own])
        b = b if M.b is None else start_probabilities(M.b, n_states)
        found.append(Counts(int(length), len(own), b, pairs))
    if not found:
        raise ValueError("D: all trajectories are without steps: there is nothing to imitate")
    return found


def check_moves(P: Enumerable, D: Trajectories, s: Array, a: Array) -> None:
    """ValueError naming the first step of D that no policy could have taken: an action or a move that is not there."""
    T, own = tables(P)
    s_next = np.concatenate([s[:, 1:], s[:, -1:]], axis=1)
    known = np.concatenate([D.mask[:, 1:], np.zeros((len(D), 1), bool)], axis=1)
    if D.s_end is not None:
        last = np.maximum(D.lengths - 1, 0)
        rows = np.arange(len(D))
        s_next = s_next.copy()
        s_next[rows, last], known[rows, last] = indices("s_end", D.s_end, len(P.S)), D.lengths > 0
    pair = s * len(P.A) + a
    p = np.asarray(T.reshape(-1, len(P.S))[pair.ravel(), s_next.ravel()]).reshape(s.shape)
    bad = (D.mask & (np.isneginf(own)[s, a] | terminal_states(P)[s])) | (known & ~(p > 0))
    if bad.any():
        i, k = map(int, np.argwhere(bad)[0])
        here = np.isneginf(own[s[i, k], a[i, k]]) or terminal_states(P)[s[i, k]]
        what = f"to state {s_next[i, k]} " if known[i, k] and not here else ""
        raise ValueError(
            f"trajectory {i}, step {k} (counting from 0) of D: action {a[i, k]} in state {s[i, k]} {what}is not "
            "possible in P: no policy could have done that"
        )


def likelihood(M: MaximumEntropyIRL, D: Any, φ: Array) -> Fit:
    """f(φ) and its gradient on the demonstrations D (18.14, 18.17)."""
    return _fit(M, counted(M, D), parameters(φ, name="φ"))


def _fit(M: MaximumEntropyIRL, data: list[Counts], φ: Array) -> Fit:
    pull, R = _rewards(M, φ)
    (T, own), over = tables(M.P), terminal_states(M.P)
    f, g, closed = 0.0, np.zeros(R.shape), np.where(np.isneginf(own), -np.inf, 0.0)
    for x in data:
        if M.as_listed:
            expected = _listed_counts(M, R, x)
            f += float(np.sum((x.pairs - x.m * expected) * R))
        else:
            γs = discounts(M.P.γ, x.d)
            π, V = softened(T, closed, over, R, γs)
            expected = discounted_pairs(M.P, x.b, π, γs)
            f += float(np.sum(x.pairs * R) - x.m * (x.b @ V))
        g += x.pairs - x.m * expected
    return Fit(φ, f, np.asarray(pull(g), φ.dtype))


def _rewards(M: MaximumEntropyIRL, φ: Array) -> tuple[Callable[[Array], Array], Array]:
    """The function g ↦ Σ g(s, a) ∇R_φ(s, a), and R_φ (S, A)."""
    if not callable(M.R):
        if len(φ) != M.R.shape[2]:
            raise ValueError(f"φ has shape {φ.shape}: must be (k,) = ({M.R.shape[2]},), a weight for each feature")
        return lambda g: np.tensordot(g, M.R, 2), M.R @ φ
    pull, R = reverse_pass(M.R, φ)
    shape = (len(M.P.S), len(M.P.A))
    if np.shape(R) != shape or not all_finite(R):
        raise ValueError(f"R(φ) has shape {np.shape(R)}: must be finite rewards (S, A) = {shape}")
    return pull, R


def _listed_counts(M: MaximumEntropyIRL, R: Array, x: Counts) -> Array:
    """The listing's expected pairs: visitations of an optimal policy, scaled to sum 1, (S, A)."""
    θ = OptimalPolicy(M.P)(lambda s, a: R[s, a]).reshape(R.shape)
    π = np.eye(R.shape[1])[θ.argmax(axis=1)]
    return np.asarray(discounted_state_visitations(M.P, x.b, π, x.d, scaled=True)[:, None] * π)


@rounds.register
def entropy_rounds(M: MaximumEntropyIRL, D: Any, φ: Array, *, rng: RNG = None) -> Iterator[Fit]:
    """`rounds` of gradient ascent, k_max of them after the start; nothing is random."""
    data, φ = counted(M, D), parameters(φ, name="φ")
    found = _fit(M, data, φ)
    for _ in range(M.k_max):
        yield found
        slope = found.gradient
        φ = ascended(lambda φ: slope, found.φ, M.α, 1)  # noqa: B023
        found = _fit(M, data, φ)
    yield found


@optimize.register
def optimize_entropy(M: MaximumEntropyIRL, D: Any, φ: Array, *, rng: RNG = None) -> tuple[Array, Array]:
    """φ (k,), and the soft policy (d, S, A) of its reward."""
    if M.optimizer == "L-BFGS":
        data, φ = counted(M, D), parameters(φ, name="φ")
        φ = climbed(lambda φ: _fit(M, data, φ)[1:], φ, M.k_max)
    else:
        *_, last = entropy_rounds(M, D, φ)
        φ = last.φ
    return φ, soft_policy(M.P, _rewards(M, φ)[1], M.d).π
