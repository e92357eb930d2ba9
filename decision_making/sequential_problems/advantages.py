"""Advantages from a value function on recorded trajectories (chapter 13; Schulman et al. 2016, arXiv 1506.02438).

One row is one trajectory, so nothing can leak from one to the next. A row that `terminated` ends in a state of value 0;
one that was cut (by the depth or by a time limit) may bootstrap from the value of the state after its last step.
All sums run in float64, and padding gets 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, Named, all_finite, discount, numbers, refuse, rounding
from decision_making.trajectories import Trajectories, check_trajectories, last_steps, states_after


def checked_values(u: Array, shape: tuple[int, ...], mask: Any = True, name: str = "U(φ, s)") -> Array:
    """u as float64, with 0 where the mask is False.

    Raises ValueError if u has not the given shape, and naming the trajectory and the step if it is not finite where the
    mask is True. `name` is what errors call u.
    """
    if u.shape != shape:
        raise ValueError(f"{name} has shape {u.shape} on a batch {shape} of states: must be the same")
    u = np.where(mask, u, 0).astype(np.float64)
    if not all_finite(u):
        i = tuple(map(int, np.argwhere(~np.isfinite(u))[0]))
        step = f"step {i[1]} (counting from 0)" if len(i) > 1 else "the state after its last step"
        raise ValueError(f"{name} of trajectory {i[0]}, {step} is {u[i]}: must be finite")
    return u


def next_states(τs: Trajectories) -> Array:
    """`states_after`, with s_k itself on padding, and where the trajectory ends in a terminal or unknown state."""
    s_next, last = states_after(τs), last_steps(τs)
    stays = ~τs.mask | (last if τs.s_end is None else last & τs.terminated[:, None])
    s_next[stays] = τs.s[stays]
    return s_next


def end_states(τs: Trajectories) -> Array:
    """The state after the last step of each trajectory that was cut, (m, ...).

    For the other trajectories their last recorded state is a placeholder. Raises ValueError if the state after a cut is
    not known.
    """
    cut = ~τs.terminated & τs.mask[:, 0]
    if τs.s_end is None and cut.any():
        i = int(np.argmax(cut))
        raise ValueError(f"τs.s_end = None: trajectory {i} was cut, and the state after its last step must be known")
    s = τs.s[np.arange(len(τs)), np.maximum(τs.lengths - 1, 0)]
    return s if τs.s_end is None else np.where(cut.reshape(-1, *(1,) * (s.ndim - 1)), τs.s_end, s)


def temporal_differences(τs: Trajectories, U: Array, γ: float, U_end: Array | None = None) -> Array:
    """δ_k = r_k + γ U(s_{k+1}) - U(s_k), (m, d) (equation 13.11), 0 where no larger than floating-point error.

    U (m, d) holds the values of the states τs.s, U_end (m,) those of the states after the last steps; it is taken as
    0 where the trajectory terminated. Without U_end the last step of a trajectory has no successor, as in the book's
    loops, and its δ is 0.

    Raises ValueError if a shape is wrong.

    >>> τs = Trajectories.from_lists([[(0.0, 0, 1.0), (0.0, 0, 2.0), (0.0, 0, 3.0)]])
    >>> temporal_differences(τs, np.array([[0.5, 1.0, -1.0]]), 0.9, np.array([2.0])).round(6)
    array([[1.4, 0.1, 5.8]])
    """
    check_trajectories(τs)
    discount(None, Named("γ"), γ)
    m, d = τs.r.shape
    U = checked_values(numbers(U, "U"), (m, d), τs.mask, "U")
    last = last_steps(τs)
    U_next = np.zeros((m, d))
    U_next[:, :-1] = U[:, 1:]
    if U_end is None:
        return np.where(τs.mask & ~last, _residual(τs.r, γ * U_next, U), 0.0)
    U_end = checked_values(numbers(U_end, "U_end"), (m,), ~τs.terminated & τs.mask[:, 0], "U_end")
    return np.where(τs.mask, _residual(τs.r, γ * np.where(last, U_end[:, None], U_next), U), 0.0)


def _residual(r: Array, later: Array, U: Array) -> Array:
    """r + later - U; of values that are right, nothing is left but rounding errors, and they are no advantages."""
    δ = r + later - U
    return np.where(abs(δ) <= sum(rounding(abs(x)) for x in (r, later, U)), 0.0, δ)


def generalized_advantages(δ: Array, γ: float, λ: float) -> Array:
    """Â_k = δ_k + γλ Â_{k+1} = Σ_l (γλ)^(l-k) δ_l, (m, d), backward over the steps (equations 13.17 and 13.21).

    δ (m, d) are the temporal differences, 0 on padding. λ = 0 gives δ, λ = 1 the whole rollout:
    local reward-to-go + γ^(steps left) U(s_end) - U(s_k). O(d) steps, each on all trajectories.

    Raises ValueError if γ or λ is outside [0, 1], and for a δ that is not finite.

    >>> generalized_advantages(np.array([[1.4, 0.1, 5.8]]), 0.9, 0.8).round(6)
    array([[4.47872, 4.276  , 5.8    ]])
    """
    discount(None, Named("γ"), γ)
    discount(None, Named("λ"), λ)
    A = numbers(δ, "δ").T.copy()
    if A.ndim != 2:
        refuse(None, "δ", A.shape[::-1], "an array (m, d)")
    if not all_finite(A):
        refuse(None, "δ", δ, "finite numbers")
    for k in range(len(A) - 2, -1, -1):
        A[k] += γ * λ * A[k + 1]
    return A.T


def normalized(A: Array, mask: Array | None = None) -> Array:
    """A (m, d), shifted and scaled to mean 0 and standard deviation 1 over the real steps; 0 on padding.

    The mask (m, d) is True on real steps; None: on all. Constant advantages prefer no action and become 0. Raises
    ValueError if the shapes differ, and where a real step has one that is not finite.

    >>> normalized(np.array([[1.0, 3.0]])), normalized(np.array([[2.0, 2.0]]))
    (array([[-1.,  1.]]), array([[0., 0.]]))
    """
    A = np.asarray(A, dtype=np.float64)
    mask = np.ones(A.shape, bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != A.shape:
        raise ValueError(f"mask has shape {mask.shape}: must be {A.shape}, as A")
    if not mask.any():
        return np.zeros(A.shape)
    real = A[mask]
    if not all_finite(real):
        refuse(None, "A", A, "finite numbers")
    scale = float(np.max(abs(real)))
    scale = scale if scale > 0 else 1.0
    centred = real / scale - (real / scale).mean()
    sd = float(centred.std())
    out = np.zeros(A.shape)
    if sd > rounding(1.0):  # else constant
        out[mask] = centred / sd
    return out
