"""Where a policy goes: exact state and pair visitations of a tabular problem over d steps (chapter 18)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, axes, count, distributions_in, refuse
from decision_making.problem import Enumerable
from decision_making.sampling import start_probabilities
from decision_making.sequential_problems.exact_solution_methods import action_probabilities
from decision_making.sequential_problems.exact_solution_methods.tables import is_tabular, tables, terminal_states
from decision_making.sizes import NUMBERS, check_size
from decision_making.trajectories import discounts


def tabular(P: Any) -> Enumerable:
    """P itself. TypeError unless its states and actions are 0, 1, … and T is a table."""
    if not (hasattr(P, "T") and is_tabular(P)):
        refuse(None, "P", P, "a tabular problem, as MDP.from_arrays makes it", TypeError)
    return P


def policy_steps(P: Enumerable, π: Any, d: int) -> Array:
    """π as probabilities of each step, (d, S, A): of a policy that depends on the step, or the same at all steps."""
    if not callable(π) and axes(π, "π") == 3:
        p = distributions_in(π, "π")
        if p.shape != (d, len(P.S), len(P.A)):
            raise ValueError(f"π has shape {p.shape}: must be (d, S, A) = {(d, len(P.S), len(P.A))}")
        return np.stack([action_probabilities(P, step) for step in p])
    return np.broadcast_to(action_probabilities(P, π), (d, len(P.S), len(P.A)))


def pair_visitations(P: Enumerable, b: Any, π: Any, d: int) -> Array:
    """Probabilities of the pair (s, a) at each of d steps, (d, S, A): x_1 = b, x_{k+1} = Σ x_k(s) π_k(a | s) T.

    No step is made in a terminal state of P: its pairs have probability 0, and the others less than 1 in all from there
    on. π is a policy of states, or probabilities (d, S, A), one policy for each step.
    """
    P = tabular(P)
    count(None, Named("d"), d)
    x, p = start_probabilities(b, len(P.S)), policy_steps(P, π, d)
    check_size("probabilities of pairs", p.size, "take a smaller d", NUMBERS)
    pairs = np.empty(p.shape)
    for k, now in enumerate(_each_step(P, x, p)):
        pairs[k] = now
    return pairs


def discounted_pairs(P: Enumerable, x: Array, π: Array, γs: Array) -> Array:
    """Σ_k γs[k] x_k(s) π_k(a | s), (S, A), without keeping what is summed."""
    total = np.zeros(π.shape[1:])
    for γ, pairs in zip(γs, _each_step(P, x, π), strict=True):
        total += γ * pairs
    return total


def _each_step(P: Enumerable, x: Array, π: Array) -> Iterator[Array]:
    """Probabilities of pairs (S, A) at each step."""
    T, goes_on = tables(P)[0].reshape(-1, len(x)).T, ~terminal_states(P)
    for p in π:
        pairs = (x * goes_on)[:, None] * p
        yield pairs
        x = T @ pairs.ravel()


def discounted_state_visitations(P: Enumerable, b: Any, π: Any, d: int, *, scaled: bool = False) -> Array:
    """Σ_k γ^(k-1) P(s_k = s) over d steps, (S,); their sum is Σ γ^(k-1) (algorithm 18.6, equation 18.18).

    The sum is smaller where a terminal state of P may be reached, since no step is made there. scaled=True divides by
    it, as the book's listing does; ValueError where it is 0 because all starts are terminal.

    >>> from decision_making import MDP
    >>> P = MDP.from_arrays([[[0.8, 0.2], [0.3, 0.7]], [[0.6, 0.4], [0.1, 0.9]]], np.zeros((2, 2)), 0.9)
    >>> discounted_state_visitations(P, [0.75, 0.25], [[0.6, 0.4], [0.25, 0.75]], 3).round(6)
    array([1.541648, 1.168352])
    """
    P = tabular(P)
    count(None, Named("d"), d)
    ρ = discounted_pairs(P, start_probabilities(b, len(P.S)), policy_steps(P, π, d), discounts(P.γ, d)).sum(axis=1)
    if scaled and not ρ.any():
        refuse(None, "b", b, "the start of at least one step: these states are all terminal")
    return np.asarray(ρ / ρ.sum() if scaled else ρ)
