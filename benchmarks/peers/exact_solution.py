"""Value iteration, policy iteration and modified policy iteration beside quantecon's DiscreteDP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix

from benchmarks.peers.report import spread, table, timed, write
from decision_making import (
    MDP,
    ModifiedPolicyIteration,
    PolicyIteration,
    TabularPolicy,
    ValueIteration,
    policy_evaluation,
    solve,
)
from decision_making.checks import Array

γ = 0.95
ε = 1e-6  # of quantecon: the utilities found are within ε / 2 of the optimal ones
SWEEPS = 100
SIZES = (("sparse", 1_000), ("sparse", 10_000), ("dense", 100), ("dense", 300), ("dense", 500), ("dense", 1_000))


def problem(n_states: int, n_actions: int = 5, n_successors: int = 5) -> tuple[csr_array, Array]:
    """T (S·A, S) and R (S, A): five random successors, and rewards of which one in fifty is not 0."""
    rng = np.random.default_rng(0)
    rows, columns = n_states * n_actions, rng.integers(0, n_states, n_states * n_actions * n_successors)
    p = rng.dirichlet(np.ones(n_successors), rows).ravel()
    T = csr_array((p, columns, np.arange(0, len(p) + 1, n_successors)), (rows, n_states))
    T.sum_duplicates()
    R = rng.normal(size=(n_states, n_actions)) * (rng.random((n_states, n_actions)) < 0.02)
    return T, R


def both(form: str, n_states: int) -> tuple[MDP, Any]:
    """The same problem as an MDP and as a DiscreteDP."""
    from quantecon.markov import DiscreteDP

    T, R = problem(n_states)
    if form == "sparse":  # quantecon takes sparse arrays as state-action pairs
        pairs = np.divmod(np.arange(R.size), R.shape[1])
        return MDP.from_arrays(T, R, γ), DiscreteDP(R.ravel(), csr_matrix(T), γ, *pairs)
    dense = T.toarray().reshape(*R.shape, n_states)
    return MDP.from_arrays(dense, R, γ), DiscreteDP(R, dense, γ)


def tasks(form: str, n_states: int) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Name -> what we and what quantecon do: the same method, start and end."""
    P, dp = both(form, n_states)
    U, start = np.zeros(n_states), np.argmax(dp.R.reshape(n_states, -1), axis=1)
    δ = ε * (1 - γ) / γ  # quantecon ends modified policy iteration where our δ has this value, value iteration at half
    found: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        f"value iteration, {SWEEPS} sweeps": (
            lambda: solve(ValueIteration(SWEEPS), P),
            lambda: dp.solve("vi", v_init=U, epsilon=1e-300, max_iter=SWEEPS).v,
        ),
        "value iteration": (
            lambda: solve(ValueIteration(10_000, δ=δ / 2), P),
            lambda: dp.solve("vi", v_init=U, epsilon=ε, max_iter=10_000).v,
        ),
        "modified policy iteration, m = 20": (
            lambda: solve(ModifiedPolicyIteration(10_000, 20, δ=δ), P),
            lambda: dp.solve("mpi", v_init=U, epsilon=ε, max_iter=10_000, k=20).v,
        ),
    }
    if form == "dense" or n_states <= 1_000:  # above, quantecon's sparse solve takes minutes: it fills in
        found["policy iteration"] = (
            lambda: solve(PolicyIteration(start, 100), P),
            lambda: dp.solve("pi", v_init=U).v,
        )
    return found


def main(repeats: int) -> None:
    rows = []
    for form, n_states in SIZES:
        for name, (ours, peer) in tasks(form, n_states).items():
            π, U = ours(), peer()  # which compiles numba's functions too
            np.testing.assert_allclose(
                policy_evaluation(π.P, π) if isinstance(π, TabularPolicy) else π.U, U, atol=2 * ε
            )
            times = []
            for _ in range(4 * repeats + 1):  # in turn, so that both meet the same machine
                times.append([timed(ours), timed(peer)])
            ratio = np.array(times)[:, 0] / np.array(times)[:, 1]
            ours_ms, peer_ms = 1e3 * np.min(np.array(times)[:, :, 1], axis=0)
            rows.append([f"{form}, {n_states:,}", name, f"{ours_ms:.3g}", f"{peer_ms:.3g}", spread(ratio[:, 1], 2)])
            print(*rows[-1], flush=True)
    write(
        "peers_exact_solution",
        f"Chapter 7 beside quantecon's DiscreteDP: the same method on the same problem from the same start to the same "
        f"accuracy, in turn, {4 * repeats + 1} times. 5 actions, 5 random successors, γ = {γ}; a dense problem holds "
        f"all S of them. Where it ends by accuracy, utilities are within {ε / 2:g} of the optimal ones. "
        "Least CPU time in ms; ours / "
        "quantecon is the median (minimum-maximum) of the ratios of neighbours: below 1 we are faster.",
        table(["states", "method", "ours", "quantecon", "ours / quantecon"], rows),
        packages=("numpy", "scipy", "numba", "quantecon"),
    )
