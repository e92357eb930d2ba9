"""Two agents whose rewards add up to a constant: Shapley's iteration on the values of matrix games (chapter 25)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count, flag, optional, positive
from decision_making.markov_game import MG, check_markov_game
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import Equilibrium
from decision_making.multiagent_systems.multiagent_reasoning.policies import distribution
from decision_making.multiagent_systems.multiagent_reasoning.zero_sum import constant_sum
from decision_making.multiagent_systems.sequential_problems.equilibria import certified
from decision_making.multiagent_systems.sequential_problems.policies import continuation, optimal_values
from decision_making.structs import struct
from decision_making.verbs import solve, sweeps

EQUAL = 1e-12  # payoffs that differ by less, relative to their span, are equal
SINGULAR = 1e-10  # singular values of a system that are no larger, relative to the largest, are 0


@struct
class ShapleyIteration:
    """k_max sweeps U(s) ← value of the matrix game R(s, ·) + γ Σ T U, from U = 0 (Shapley 1953).

    For two agents whose rewards add up to a constant; U are the utilities of the first. A sweep brings U nearer to the
    solution by the factor γ; its matrix games are one linear program, or linear systems with the supports of the sweep
    before where these fit. With δ the sweeps end as soon as the largest change is below δ. With evaluate=True U is the
    utility of a best response to the policy of agent 2 from these games (Hoffman and Karp 1966): then a few sweeps
    suffice. `solve(M, P)` is an `Equilibrium`.

    Raises ValueError for another number of agents, rewards without a constant sum, and γ = 1.
    """

    k_max: int = field(default=1000, validator=count)  # number of sweeps
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # change that ends the sweeps
    evaluate: bool = field(default=False, kw_only=True, validator=flag)  # whether agent 2's policy is evaluated


def matrix_games(R: Array, near: tuple[Array, Array] | None = None) -> tuple[Array, Array, Array]:
    """Values v (S,) and optimal mixed actions x (S, m), y (S, n) of the payoffs R (S, m, n) of the first agent.

    Games in which those of `near` (x, y) are still optimal, or others on their supports, are linear systems, all solved
    at once; the rest is one linear program.
    """
    least = R.min(axis=(1, 2))
    span = R.max(axis=(1, 2)) - least
    scale = np.where(span > 0, span, 1.0)
    A = (R - least[:, None, None]) / scale[:, None, None]
    x, y, left = np.zeros(R.shape[:2]), np.zeros(R.shape[::2]), np.ones(len(R), dtype=bool)
    if near is not None:
        played = near[0] > 0, near[1] > 0
        mixed = _equalizing(A, *played), _equalizing(np.swapaxes(A, 1, 2), *reversed(played))
        for u, w in (near, mixed):
            better = left & _optimal(A, u, w)
            x[better], y[better] = distribution(u[better]), distribution(w[better])
            left &= ~better
    if left.any():
        x[left], y[left] = _linear_program(A[left])
    low, high = _bounds(A, x, y)
    return least + scale * (low + high) / 2, x, y


def _bounds(A: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """What x (S, m) guarantees in the games A (S, m, n), and the most that y (S, n) concedes: bounds of the value."""
    return (x[:, None] @ A)[:, 0].min(axis=1), (A @ y[:, :, None])[:, :, 0].max(axis=1)


def _optimal(A: Array, x: Array, y: Array) -> Array:
    """Whether x and y are distributions, and optimal, in each of the games."""
    low, high = _bounds(A, x, y)
    sums = np.maximum(abs(x.sum(axis=1) - 1), abs(y.sum(axis=1) - 1))
    positive = np.minimum(x.min(axis=1), y.min(axis=1)) >= -EQUAL
    return np.asarray(positive & (sums <= EQUAL) & (high - low <= EQUAL))


def _equalizing(A: Array, own: Array, other: Array) -> Array:
    """The least x (S, m), 0 where not played, with Σ x = 1 and x·A the same for all actions that the other plays."""
    n_games, m, n = A.shape
    M, b = np.zeros((n_games, n + 1, m + 1)), np.zeros((n_games, n + 1, 1))
    M[:, :n, :m] = np.swapaxes(A, 1, 2) * other[:, :, None] * own[:, None, :]
    M[:, :n, m], M[:, n, :m], b[:, n] = -1.0 * other, own, 1.0
    return np.asarray((np.linalg.pinv(M, rcond=SINGULAR) @ b)[:, :m, 0])


def _linear_program(A: Array) -> tuple[Array, Array]:
    """x (S, m) and y (S, n) of the games A (S, m, n), by one linear program with a block for each."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n_games, m, n = A.shape
    game, _, a = np.meshgrid(np.arange(n_games), np.arange(n), np.arange(m), indexing="ij")
    # a row for each game and action b: v - Σ_a x(a) A(a, b) <= 0; unknown: x of all games, then v of all games
    data = np.concatenate([-np.swapaxes(A, 1, 2), np.ones((n_games, n, 1))], axis=2)
    columns = np.concatenate([game * m + a, n_games * m + game[:, :, :1]], axis=2)
    size = n_games * (m + 1)
    rows = csr_array((data.ravel(), columns.ravel(), np.arange(n_games * n + 1) * (m + 1)), (n_games * n, size))
    sums = csr_array((np.ones(n_games * m), np.arange(n_games * m), np.arange(n_games + 1) * m), (n_games, size))
    found = linprog(
        np.append(np.zeros(n_games * m), -np.ones(n_games)),
        A_ub=rows,
        b_ub=np.zeros(n_games * n),
        A_eq=sums,
        b_eq=np.ones(n_games),
        bounds=[(0, None)] * (n_games * m) + [(None, None)] * n_games,
        method="highs-ds",
    )
    if found.x is None:
        raise ValueError(f"the linear program of the matrix games was not solved: {found.message}")
    x = distribution(found.x[: n_games * m].reshape(n_games, m))
    return x, distribution(-found.ineqlin.marginals.reshape(n_games, n))


def _iterated(M: ShapleyIteration, P: MG) -> Iterator[tuple[Array, Array, Array]]:
    """U (S,) after each sweep, and the policies x (S, A¹) and y (S, A²) of its matrix games."""
    check_markov_game(P)
    if not constant_sum(P):
        raise ValueError(f"P = {P!r}: ShapleyIteration is for 2 agents whose rewards add up to a constant")
    if not P.γ < 1:
        raise ValueError(f"γ = {P.γ}: must be below 1, else the sweeps need not come to rest")
    U, near = np.zeros(len(P.S)), None
    for _ in range(M.k_max):
        v, x, y = matrix_games(P.R.array[0] + continuation(P, U), near)
        near = x, y
        U_old, U = U, optimal_values(P, [x, y], 0)[0] if M.evaluate else v
        yield U, x, y
        if M.δ is not None and abs(U - U_old).max() < M.δ:
            return


@sweeps.register
def utilities_of_shapley_iteration(M: ShapleyIteration, P: Any) -> Iterator[Array]:
    """U = 0, and U after each sweep."""
    for k, (U, _, _) in enumerate(_iterated(M, P)):
        if k == 0:
            yield np.zeros_like(U)
        yield U


@solve.register
def solve_by_shapley_iteration(M: ShapleyIteration, P: Any = None) -> Equilibrium:
    """The policies of the last matrix games; `iterations` is the number of sweeps, `gap` the error left."""
    for k, (_, x, y) in enumerate(_iterated(M, P), 1):
        p, taken = [x, y], k
    return certified(P, p, "Shapley iteration", taken, otherwise="k_max")
