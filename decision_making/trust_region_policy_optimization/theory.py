"""The theory of the TRPO paper, exactly, on tabular problems (Schulman et al. 2015, arXiv 1502.05477v5, sections 2-3).

A policy π is an array (S, A) of probabilities π(a|s); functions that are also given the problem P take an array (S,) of
actions, or a function s -> a, too. Horizons are infinite, so γ must be below 1. A state that ends a trajectory is one
that leads to itself and pays 0.

Everything here is a closed form, or the root of one monotone function; nothing is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from attrs import Attribute, field
from numpy.typing import ArrayLike

from decision_making.checks import Array, are_probabilities, count, refuse
from decision_making.mdp import check_every_action_available
from decision_making.problem import Enumerable, offers
from decision_making.sampling import start_probabilities
from decision_making.sequential_problems.exact_solution_methods import (
    TIE,
    action_probabilities,
    policy_evaluation,
    tensorform,
)
from decision_making.sequential_problems.exact_solution_methods.evaluation import check_discount
from decision_making.structs import struct

LARGEST = 705.0  # largest |log x| while solving: e^705 and its inverse are within the range of float64
TINY = float(np.finfo(np.float64).tiny)
NEGLIGIBLE = 1e-280  # probabilities up to this count as 0: times any logarithm in range they remain negligible

StatePolicy = ArrayLike | Callable[..., object]  # probabilities (S, A), actions (S,), or a function s -> a


def visitation(P: Enumerable, b: ArrayLike, π: StatePolicy) -> Array:
    """ρ_π(s) = Σ_t γ^t P(s_t = s), t from 0, (S,): discounted and not normalised, of mass 1 / (1 - γ) (section 2).

    b is a probability vector (S,). Raises ValueError for γ = 1 and where a shape or a probability is wrong.

    >>> from decision_making import MDP
    >>> P = MDP.from_arrays([[[0.0, 1.0]], [[0.0, 1.0]]], [[1.0], [0.0]], γ=0.9)
    >>> visitation(P, [1.0, 0.0], [0, 0]).round(9)
    array([1., 9.])
    """
    check_discount(P, "sums over an infinite horizon diverge")
    b, p, T = _start(P, b), _probabilities(P, π), tensorform(P)[0]
    ρ = np.linalg.solve(np.eye(len(b)) - P.γ * np.einsum("sa,sat->ts", p, T), b)
    return np.maximum(ρ, 0)  # by rounding, a state that is never visited may come out as -1e-17


def performance(P: Enumerable, b: ArrayLike, π: StatePolicy) -> float:
    """η(π) = E[Σ γ^t r_t], the expected discounted return from b (section 2). Errors as of `visitation`."""
    check_discount(P, "sums over an infinite horizon diverge")
    return float(_start(P, b) @ policy_evaluation(P, _probabilities(P, π)))


def advantages(P: Enumerable, π: StatePolicy) -> Array:
    """A_π(s, a) = Q_π(s, a) - V_π(s), (S, A), in units of return (section 2). Errors as of `visitation`."""
    Q = _action_values(P, π)
    # V computed as the mean of Q, so that the advantages average to 0 but for the last digit
    return Q - np.einsum("sa,sa->s", _probabilities(P, π), Q)[:, None]


def surrogate(P: Enumerable, b: ArrayLike, π: StatePolicy, π_new: StatePolicy) -> float:
    """L_π(π_new) = η(π) + Σ_s ρ_π(s) Σ_a π_new(a|s) A_π(s, a) (equation 3). Errors as of `visitation`."""
    gain = np.einsum("s,sa,sa->", visitation(P, b, π), _probabilities(P, π_new), advantages(P, π))
    return performance(P, b, π) + float(gain)


def penalty_coefficient(P: Enumerable, π: StatePolicy) -> float:
    """C = 4 ε γ / (1 - γ)² with ε = max_{s,a} |A_π(s, a)|, in units of return per nat (theorem 1 and equation 9).

    In theorem 1 the same number multiplies the square of the largest total variation. Errors as of `visitation`.
    """
    return _coefficient(advantages(P, π), P.γ)


def largest_kl(π: ArrayLike, π_new: ArrayLike) -> float:
    """max_s KL(π(·|s) ‖ π_new(·|s)), in nats; ∞ where π_new excludes an action that π takes (equation 9).

    π and π_new are arrays (S, A) of probabilities; ValueError otherwise.
    """
    p, q = _pair(π, π_new)
    return float(_kl(p, q).max())


def largest_total_variation(π: ArrayLike, π_new: ArrayLike) -> float:
    """max_s ½ Σ_a |π(a|s) - π_new(a|s)|, in 0..1 (the α of theorem 1). Arguments as of `largest_kl`."""
    p, q = _pair(π, π_new)
    return float(0.5 * abs(p - q).sum(axis=1).max())


def lower_bound(P: Enumerable, b: ArrayLike, π: StatePolicy, π_new: StatePolicy) -> float:
    """M(π_new) = L_π(π_new) - C max_s KL(π ‖ π_new), at most η(π_new) (equation 9). Errors as of `visitation`.

    Where C = 0 (γ = 0, or all actions equally good) the penalty is 0 even if the divergence is infinite: L is then η.
    """
    kl = largest_kl(_probabilities(P, π), _probabilities(P, π_new))
    return surrogate(P, b, π, π_new) - _penalty(penalty_coefficient(P, π), kl)


@struct
class Improvement:
    """What one iteration of `MonotonePolicyIteration` did."""

    π: Array  # (S, A), the new policy; the old one if accepted is False
    accepted: bool  # whether the new policy is better
    kl: float  # largest KL divergence from the old policy over the states, in nats
    improvement: float  # lower bound at π minus η of the old policy, in units of return: η rose by at least this
    C: float  # coefficient of the penalty


def _tabular(M: object, attribute: Attribute[Enumerable], P: Enumerable) -> None:
    if not offers(P, Enumerable):
        refuse(M, attribute.name, P, "a tabular problem, such as MDP.from_arrays(T, R, γ)", TypeError)
    check_discount(P, "sums over an infinite horizon diverge")


def _of_states(M: MonotonePolicyIteration, attribute: Attribute[ArrayLike], b: ArrayLike) -> None:
    _start(M.P, b)


@struct
class MonotonePolicyIteration:
    """Policy iteration that never makes a policy worse (the paper's algorithm 1).

    Each iteration goes to π_{i+1} = argmax_π [L_{π_i}(π) - C max_s KL(π_i ‖ π)] with exact advantages of π_i. The
    expression in brackets is a lower bound of η(π), and equals η(π_i) at π = π_i: η rises by at least as much as the
    bound does. `improved(M, π)` is one iteration, `improvements(M, π)` a run of them.

    Raises TypeError or ValueError, naming the field, where P is not tabular, γ = 1, or b is not a distribution over
    its states.
    """

    P: Enumerable = field(validator=_tabular)  # tabular problem, γ < 1
    b: ArrayLike = field(validator=_of_states)  # start distribution, a probability vector (S,)
    k_max: int = field(validator=count)  # number of iterations at most


def improvements(M: MonotonePolicyIteration, π: StatePolicy) -> Iterator[Improvement]:
    """The iterations from π on: k_max of them, or fewer, since one that finds nothing better is the last."""
    for _ in range(M.k_max):
        taken = improved(M, π)
        yield taken
        if not taken.accepted:
            return
        π = taken.π


def improved(M: MonotonePolicyIteration, π: StatePolicy) -> Improvement:
    """One iteration from π: the policy p of the largest lower bound, or π itself if that is no better.

    For a given radius δ = max_s KL(π ‖ p) each state can be solved on its own: maximise Σ_a p(a) A(s, a) subject to
    KL(π ‖ p) <= δ. The bound at those p is a concave function of δ, which is then maximised. Advantages are rounded to
    1e-12 times the largest |Q|. States that π never visits do not matter to the bound, and are treated in the same way.
    Raises ValueError where π is not a policy of P.
    """
    π = _probabilities(M.P, π)
    Q = _action_values(M.P, π)
    A = Q - np.einsum("sa,sa->s", π, Q)[:, None]
    C, ρ = _coefficient(A, M.P.γ), visitation(M.P, M.b, π)
    unit = TIE * float(abs(Q).max()) or 1.0
    A_rounded = np.round(A / unit) * unit  # so that floating-point errors do not prefer one of equally good actions
    π_new = _greedy(π, A_rounded) if C == 0 else _maximiser(π, A_rounded, ρ, C)
    kl = largest_kl(π, π_new)
    # summed over differences: the difference of two large sums would lose its digits
    improvement = float(np.einsum("s,sa,sa->", ρ, π_new - π, A)) - _penalty(C, kl)
    if not improvement > 0:
        return Improvement(π, False, 0.0, 0.0, C)
    return Improvement(π_new, True, kl, improvement, C)


def _maximiser(π: Array, A: Array, ρ: Array, C: float) -> Array:
    """argmax of Σ_s ρ(s) Σ_a p(a|s) A(s, a) - C max_s KL(π ‖ p), (S, A), for C > 0.

    As the radius δ grows, the gain rises at the rate Σ_s ρ(s) λ_s(δ), with λ_s the Lagrange multiplier of the
    constraint in state s. The rate falls from ∞ to 0; the maximum is where it equals C, found as a root in log δ.
    """
    from scipy.optimize import brentq

    balls = _KLBalls(π, A)

    def excess(log_δ: float) -> float:
        slope = float(ρ @ balls.solve(math.exp(log_δ))[1])
        return math.log(slope) - math.log(C) if slope > 0 else -math.inf

    # no gain exceeds `most`, so the best δ is at most most / C; divergences above 1 are rare
    most = float(ρ @ np.maximum(A.max(axis=1), 0))
    if not most > 0:
        return π
    high = low = max(min(math.log(most) - math.log(C), 0.0), -LARGEST)
    while excess(low) <= 0:
        high, low = low, low - 4
        if low < -LARGEST / 4:  # KL is quadratic in the step: it would not change a digit of π
            return π
    while excess(high) > 0:
        low, high = high, high + 4
        if high > math.log(LARGEST):  # the probabilities of all but the best have underflowed
            return balls.solve(math.exp(high))[0]
    if excess(high) == -math.inf:  # brentq needs numbers
        return balls.solve(math.exp(low))[0]
    return balls.solve(math.exp(brentq(excess, low, high, xtol=1e-12, rtol=1e-14)))[0]


class _KLBalls:
    """For each state the p that maximises Σ_a p(a) A(a) subject to KL(π ‖ p) <= δ.

    Setting the derivative of the Lagrangian to 0 gives p(a) = λ π(a) / (ν - A(a)) with ν > max A. In terms of
    d(a) = (max A - A(a)) / (max A - min A), and of one number x > 0 in place of ν, that is p(a) = π(a) w(a) / Z with
    w(a) = 1 / (1 + x d(a)) and Z = Σ_a π(a) w(a). Its divergence from π rises with x, from 0.

    An action that π never takes adds nothing to KL(π ‖ p) directly. If only such an action is best, the divergence
    stays below a limit as x → ∞; if δ is above that limit, probability is moved to that action until KL = δ.
    """

    def __init__(self, π: Array, A: Array) -> None:
        self.possible, self.taken = π > 0, π > NEGLIGIBLE  # possible but not taken: no divergence unless p is 0 there
        self.π = np.where(self.taken, π, 0)
        self.scale = np.ptp(A, axis=1)
        self.moves = self.scale > 0
        self.d = (A.max(axis=1, keepdims=True) - A) / np.where(self.moves, self.scale, 1)[:, None]
        self.best = np.argmin(self.d, axis=1)
        self.unreached = self.moves & ~(self.taken & (self.d == 0)).any(axis=1)  # only untaken actions are best
        mean = np.einsum("sa,sa->s", self.π, self.d)
        self.variance = np.einsum("sa,sa->s", self.π, (self.d - mean[:, None]) ** 2)
        # elsewhere the actions that π takes are equally good, and p = π for every x
        self.trades = self.moves & (self.variance > 0)
        self.limit = self._at(np.full(len(π), LARGEST))[1]  # KL(π ‖ p) at x = ∞ where that is finite

    def solve(self, δ: float) -> tuple[Array, Array]:
        """p (S, A), and the multipliers λ (S,): how fast the maximum rises with δ, in units of A a nat."""
        x, p, Z = self._root(δ)
        λ = np.where(self.trades, self.scale * np.exp(-x) / Z, 0)
        rest = np.where(self.unreached, np.maximum(δ - self.limit, 0), 0)
        if rest.any():
            # by how much the best action, which π never takes, is better than p
            lost = np.einsum("sa,sa->s", p, self.d) * self.scale
            λ = np.where(rest > 0, lost * np.exp(-rest), λ)
            p = p * np.exp(-rest)[:, None]
            p[np.arange(len(p)), self.best] -= np.expm1(-rest)
        return p, λ

    def _root(self, δ: float) -> tuple[Array, Array, Array]:
        """log x, p and Z at KL = δ, or at the largest log x there is: Newton on log KL, kept in a bracket."""
        low, high = np.full(len(self.π), -LARGEST), np.full(len(self.π), LARGEST)
        with np.errstate(divide="ignore"):
            x = np.where(self.trades, 0.5 * (math.log(2 * δ) - np.log(self.variance)), -LARGEST)  # KL ≈ x² Var d / 2
        x = np.clip(x, -LARGEST / 4, LARGEST - 1)
        for _ in range(100):
            _, kl, _, slope = self._at(x)
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                low, high = np.where(kl < δ, x, low), np.where(kl < δ, high, x)
                guess = x + (math.log(δ) - np.log(kl)) * kl / slope
            inside = (guess > low) & (guess < high)
            x, before = np.where(inside, guess, (low + high) / 2), x
            # Newton's error after a step is about the square of the step, so 1e-8 is enough; bisection needs more
            if np.all(~self.trades | (abs(x - before) < np.where(inside, 1e-8, 1e-13 * LARGEST))):
                break
        p, _, Z, _ = self._at(x)
        return x, p, Z

    def _at(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """p, KL(π ‖ p), Z and the derivative of KL at log x.

        The ratio p / π is computed as 1 + x w (mean of d under p - d), which is accurate for small and for large x.
        """
        x = np.exp(x)[:, None]
        xd = x * self.d * self.trades[:, None]
        πw = self.π / (1 + xd)
        Z = πw.sum(axis=1, keepdims=True)
        p = πw / Z
        mean = np.einsum("sa,sa->s", p, self.d)[:, None]
        u = np.where(self.trades[:, None], x / (1 + xd) * (mean - self.d), 0)
        log_ratio = np.where(abs(u) < 0.5, np.log1p(np.clip(u, -0.5, 0.5)), -np.log1p(xd) - np.log(Z))
        kl = np.maximum(np.einsum("sa,sa->s", self.π, u - log_ratio), 0)
        slope = Z[:, 0] * np.einsum("sa,sa->s", self.π * u, u)
        return np.where(self.possible, np.maximum(p, TINY), p), kl, Z[:, 0], slope


def _greedy(π: Array, A: Array) -> Array:
    """All probability on the best actions, in the proportions of π, (S, A); π itself where all are equally good."""
    best = np.equal(A, A.max(axis=1, keepdims=True))
    mass = np.where(best, π, 0)
    mass = np.where(mass.sum(axis=1, keepdims=True) > 0, mass, best)
    return mass / mass.sum(axis=1, keepdims=True)


def _penalty(C: float, kl: float) -> float:
    """C · kl, 0 for C = 0 even if the divergence is infinite."""
    return C * kl if C else 0.0


def _coefficient(A: Array, γ: float) -> float:
    """`penalty_coefficient` from the advantages A (S, A)."""
    return float(4 * abs(A).max() * γ / (1 - γ) ** 2)


def _action_values(P: Enumerable, π: StatePolicy) -> Array:
    """Q_π(s, a), (S, A)."""
    check_discount(P, "sums over an infinite horizon diverge")
    T, R = tensorform(P)
    check_every_action_available(R, "the advantage")
    return R + P.γ * (T @ policy_evaluation(P, _probabilities(P, π)))


def _kl(p: Array, q: Array) -> Array:
    """KL(p ‖ q) of each row, in nats, as a sum of terms p (u - log(1 + u)) >= 0 with u = q / p - 1.

    For q near p this is accurate, while the terms of Σ p log(p / q) have both signs and cancel.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        u = (q - p) / p
        near, far = p * (u - np.log1p(u)), q - p - p * (np.log(q) - np.log(p))
    return np.where(p > 0, np.where(abs(u) < 0.5, near, far), q).sum(axis=1)


def _start(P: Enumerable, b: ArrayLike) -> Array:
    """b as a probability vector (S,)."""
    b = start_probabilities(b, len(P.S))
    return b / b.sum()


def _probabilities(P: Enumerable, π: StatePolicy) -> Array:
    """π as probabilities (S, A) whose rows sum to 1 but for the last digit; 1 + 1e-8 would look like a divergence."""
    p = np.asarray(action_probabilities(P, π), dtype=np.float64)
    return p / p.sum(axis=1, keepdims=True)


def _pair(π: ArrayLike, π_new: ArrayLike) -> tuple[Array, Array]:
    """Both as probabilities (S, A) of one shape; ValueError where they are not."""
    pair = []
    for name, p in (("π", π), ("π_new", π_new)):
        p = np.asarray(p, dtype=np.float64)
        if p.ndim != 2 or 0 in p.shape:
            raise ValueError(f"{name} has shape {p.shape}: must be (S, A) probabilities")
        if not are_probabilities(p).all():
            raise ValueError(f"{name} = {p.tolist()}: every row must be probabilities that sum to 1")
        pair.append(p / p.sum(axis=1, keepdims=True))
    if pair[0].shape != pair[1].shape:
        raise ValueError(f"π_new has shape {pair[1].shape}: must be that of π, {pair[0].shape}")
    return pair[0], pair[1]
