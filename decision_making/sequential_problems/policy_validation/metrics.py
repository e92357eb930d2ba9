"""Metrics of recorded trajectories: one number for each (section 14.1), and their likelihood (equation 14.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from decision_making.checks import Array, Named, function, refuse
from decision_making.sampling import indices, start_distribution
from decision_making.trajectories import Trajectories, check_trajectories, states_after

LogTransition: TypeAlias = Callable[[Array, Array, Array], Array]
"""ln T(s' | s, a) of batches s (N, ...), a (N, ...) and s' (N, ...), (N,)."""


def states(τs: Trajectories) -> Array:
    """All states of trajectories, the one after the last step included where it is known, (m, d + 1, ...).

    A trajectory of fewer than d steps repeats its last ones.
    """
    check_trajectories(τs)
    return τs.s if τs.s_end is None else np.concatenate([τs.s, τs.s_end[:, None]], axis=1)


def over_states(τs: Trajectories, f: Callable[[Array], Array], reduce: Callable[..., Array] = np.min) -> Array:
    """The least (or with `np.max` the largest, with `np.any` whether any) of f(s) over the states of each trajectory.

    f takes states (m, d + 1, ...) and gives a number for each; `reduce` is one to which repetition makes no difference.
    The states are those of `states`. Returns (m,).

    >>> τs = Trajectories.from_lists([[(3.0, 0, 0.0), (-1.0, 0, 0.0)], [(2.0, 0, 0.0)]])
    >>> over_states(τs, abs).tolist()
    [1.0, 2.0]
    """
    function(None, Named("f"), f)
    s = states(τs)
    x = np.asarray(f(s))
    if x.shape != s.shape[:2]:
        raise ValueError(f"f(s) has shape {x.shape} for states {s.shape}: must be {s.shape[:2]}, one for each state")
    return np.asarray(reduce(x, axis=1))


def ever(τs: Trajectories, event: Callable[[Array], Array]) -> Array:
    """Whether each trajectory has a state, the last included, with the event; bool (m,), whose mean is a probability.

    `event` takes states (m, d + 1, ...) and gives a bool for each.
    """
    return over_states(τs, lambda s: np.asarray(event(s), dtype=bool), np.any)


def log_likelihood(τs: Trajectories, log_T: Any = None, log_b: Any = None) -> Array:
    """ln p(τ) = ln b(s₁) + Σ_k ln T(s_{k+1} | s_k, a_k) of each trajectory, (m,) (equation 14.2).

    log_T is a function of batches, (s, a, s_next) -> ln T, or a tabular problem; log_b a function s -> ln b(s), a
    probability vector or a frozen scipy.stats distribution. What is None is left out: in a quotient p/q of
    distributions that share it, it cancels. The actions count as given; a policy's likelihood is its `logpdf`.

    Raises ValueError where log_T is given and the states after the last steps are not known, and for a NaN.

    >>> from scipy import stats
    >>> τs = Trajectories([[6.0, 1.4]], [[2.2, 0.7]], [[0.0, 0.0]], s_end=[6.0])
    >>> normal = lambda s, a, s_next: stats.norm.logpdf(s_next, 2 * s + a, 5)
    >>> log_likelihood(τs, normal, stats.norm(5, 6)).round(6)  # exercise 14.1
    array([-11.18314])
    """
    check_trajectories(τs)
    total = np.zeros(len(τs))
    if log_b is not None:
        total += _log_start(log_b)(τs.s[:, 0])
    if log_T is not None:
        if τs.s_end is None:
            raise ValueError("τs.s_end is None: the state after each last step must be known; `rollouts` records it")
        s, a, _ = τs.flat()
        steps = np.zeros(τs.r.shape)
        steps[τs.mask] = _log_transition(log_T)(s, a, states_after(τs)[τs.mask])
        total += steps.sum(axis=1)
    if np.isnan(total).any():
        i = int(np.argmax(np.isnan(total)))
        raise ValueError(f"log-likelihood of trajectory {i} is NaN: log_T and log_b must give numbers or -inf")
    return total


def _log_transition(log_T: Any) -> LogTransition:
    if callable(log_T):
        return log_T
    T = getattr(log_T, "T", None)
    if not callable(T):
        refuse(None, "log_T", log_T, "a function (s, a, s_next) -> ln T, or a problem with T", TypeError)

    def of_a_model(s: Array, a: Array, s_next: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(T(s, a, s_next))

    return of_a_model


def _log_start(b: Any) -> Callable[[Array], Array]:
    if callable(b):
        return b
    for name in ("logpdf", "logpmf"):
        if hasattr(b, name):
            return getattr(b, name)
    if np.ndim(b) != 1:
        refuse(None, "log_b", b, "a function s -> ln b(s), a probability vector or a frozen distribution", TypeError)
    start_distribution(None, Named("log_b"), b)
    p = np.asarray(b, dtype=np.float64)

    def of_a_vector(s: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(p)[indices("s", s, len(p))]

    return of_a_vector
