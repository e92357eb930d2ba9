"""Chapter 8 beside a C loop and loops in Python, and value iteration of 100,000 states beside its peers.

Run with `python -m benchmarks.planning.values`, from an environment that has quantecon and pymdptoolbox for the peers.
"""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.peers.exact_solution import problem
from benchmarks.peers.report import spread, table, timed, write
from decision_making import (
    MDP,
    ApproximateValueIteration,
    MultilinearValueFunction,
    NearestNeighborValueFunction,
    SimplexValueFunction,
    ValueIteration,
    solve,
)
from decision_making.checks import Array
from decision_making.problems import MountainCar
from decision_making.sequential_problems.approximate_value_functions.models import backups

P = MountainCar()
KINDS: dict[str, Any] = {"multilinear": MultilinearValueFunction, "simplex": SimplexValueFunction}
REPEATS = 11
γ = 0.95  # of the problem of 100,000 states


def c_sweeps() -> Callable[[Array, int, bool], None]:
    """A function (U, sweeps, simplex) that sweeps U (n, n) in place, from values.c at -O2."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("no C compiler found")
    library = Path(tempfile.mkdtemp()) / "values.so"
    source = Path(__file__).with_name("values.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"], check=True)
    call = ctypes.CDLL(str(library)).sweeps

    def sweep(U: Array, k: int, simplex: bool) -> None:
        V, c = np.empty_like(U), ctypes
        call(U.ctypes.data_as(c.c_void_p), V.ctypes.data_as(c.c_void_p), len(U), c.c_double(P.γ), k, int(simplex))

    return sweep


def in_turn(ours: Callable[[], object], theirs: Callable[[], object], repeats: int = REPEATS) -> tuple[Array, Array]:
    """Processor seconds (2, repeats) of both, in turn, and the ratios (repeats,) of neighbours."""
    ours(), theirs()
    times = np.array([[timed(f)[1] for f in (ours, theirs)] for _ in range(repeats)]).T
    return times, times[0] / times[1]


def sweep_rows() -> list[list[str]]:
    """Sweeps of interpolated value iteration beside the C loop, and what building the weights costs."""
    c, rows = c_sweeps(), []
    for n, k in ((51, 400), (101, 200), (201, 50)):
        for name, kind in KINDS.items():
            rows.append([f"{name}, {n} x {n}", *sweep_row(kind.over(*P.state_bounds, n), k, c, name == "simplex")])
            print(*rows[-1], flush=True)
    return rows


def sweep_row(U: Any, k: int, c: Callable[[Array, int, bool], None], simplex: bool) -> list[str]:
    """ms a sweep of ours and of C, their ratio, and the cost of the weights in sweeps; k sweeps at a time."""
    V = np.zeros(U.θ.shape)
    c(V, 20, simplex)
    np.testing.assert_allclose(swept(U, 20), V, atol=1e-9)
    build = min(timed(lambda: backups(P, U, U.S))[1] for _ in range(REPEATS))
    (ours, theirs), _ = in_turn(lambda: swept(U, k), lambda: c(np.zeros(U.θ.shape), k, simplex))
    once = min(timed(lambda: swept(U, 1))[1] for _ in range(REPEATS))
    sweep = (ours - once) / (k - 1)
    ratio = spread(sweep / (theirs / k), 2)
    return [f"{1e3 * sweep.min():.3f}", f"{1e3 * theirs.min() / k:.3f}", ratio, f"{build / sweep.min():.0f}"]


def swept(U: Any, k: int) -> Array:
    """The values after k sweeps, (n, n)."""
    return solve(ApproximateValueIteration(U, None, k), P).Uθ.θ


def in_a_plane(θ: Array, i: float, j: float) -> float:
    """The interpolated value at a place in units of the grid, the four vertices written out."""
    i0, j0 = min(int(i), len(θ) - 2), min(int(j), len(θ) - 2)
    i, j = i - i0, j - j0
    below = (1 - j) * θ[i0, j0] + j * θ[i0, j0 + 1]
    return (1 - i) * below + i * ((1 - j) * θ[i0 + 1, j0] + j * θ[i0 + 1, j0 + 1])


def in_any_dimension(θ: Array, *place: float) -> float:
    """The interpolated value at a place in units of the grid, by a loop over the vertices of its cell."""
    cell = [min(int(x), n - 2) for x, n in zip(place, θ.shape, strict=True)]
    u = 0.0
    for vertex in product((0, 1), repeat=len(place)):
        weight = 1.0
        for x, i, up in zip(place, cell, vertex, strict=True):
            weight *= x - i if up else 1 - x + i
        u += weight * θ[tuple([i + up for i, up in zip(cell, vertex, strict=True)])]
    return u


def one_at_a_time(θ: Array, value: Callable[..., float]) -> Array:
    """A sweep of multilinear value iteration with one state and action at a time."""
    n = len(θ)
    (x0, v0), (x1, v1) = P.state_bounds
    dx, dv = (x1 - x0) / (n - 1), (v1 - v0) / (n - 1)
    new = np.zeros((n, n))
    for i in range(n - 1):
        for j in range(n):
            x, v, best = x0 + i * dx, v0 + j * dv, -math.inf
            for a in (-1, 0, 1):
                w = v + 0.001 * a - 0.0025 * math.cos(3 * x)
                y, w = min(max(x + w, x0), x1), min(max(w, v0), v1)
                best = max(best, -1 + P.γ * (value(θ, (y - x0) / dx, (w - v0) / dv) if y < x1 else 0.0))
            new[i, j] = best
    return new


def python_rows() -> list[list[str]]:
    """Loops in Python, and brute force over all distances."""
    U = MultilinearValueFunction.over(*P.state_bounds, 51)
    found, loops = solve(ApproximateValueIteration(U, None, 2), P).Uθ.θ, {}
    for kind, value in (("two dimensions written out", in_a_plane), ("any dimension", in_any_dimension)):
        first = one_at_a_time(np.zeros((51, 51)), value)
        np.testing.assert_allclose(one_at_a_time(first, value), found, atol=1e-9)
        loops[kind] = min(timed(one_at_a_time, first, value)[1] for _ in range(3))
    many, once = (min(timed(swept, U, k)[1] for _ in range(REPEATS)) for k in (401, 1))
    sweep = (many - once) / 400
    rng = np.random.default_rng(0)
    S, s = rng.uniform(size=(2000, 2)), rng.uniform(size=(20_000, 2))
    near = NearestNeighborValueFunction(5, 2, S, rng.normal(size=2000))

    def brute() -> Array:
        """All distances in blocks, and a full sort."""
        found = [
            near.θ[np.argsort(cdist(s[i : i + 1000], S), axis=1)[:, :5]].mean(axis=1) for i in range(0, 20_000, 1000)
        ]
        return np.concatenate(found)

    np.testing.assert_allclose(near(s), brute())
    (tree, all_), ratio = in_turn(lambda: near(s), brute, 5)
    return [
        *(
            [
                "one sweep, 51 x 51",
                f"Python, a vertex at a time, {kind}",
                f"{1e3 * sweep:.3f}",
                f"{1e3 * loop:.0f}",
                f"{loop / sweep:,.0f}",
            ]
            for kind, loop in loops.items()
        ),
        [
            "5 nearest of 2,000 states, 20,000 queries",
            "all distances in blocks, sorted",
            f"{1e3 * tree.min():.0f}",
            f"{1e3 * all_.min():.0f}",
            f"{np.median(1 / ratio):,.0f}",
        ],
    ]


def peer_rows(n_states: int = 100_000, sweeps: int = 50) -> list[list[str]]:
    """Value iteration of a sparse problem beside quantecon and pymdptoolbox, where they are installed."""
    T, R = problem(n_states)
    rows = []
    ours = MDP.from_arrays(T, R, γ)
    U = solve(ValueIteration(sweeps), ours).U
    if find_spec("quantecon"):
        from quantecon.markov import DiscreteDP
        from scipy.sparse import csr_matrix

        dp = DiscreteDP(R.ravel(), csr_matrix(T), γ, *np.divmod(np.arange(R.size), R.shape[1]))

        def quantecon() -> Any:
            return dp.solve("vi", v_init=np.zeros(n_states), epsilon=1e-300, max_iter=sweeps).v

        np.testing.assert_allclose(quantecon(), U, atol=1e-10)
        (a, b), ratio = in_turn(lambda: solve(ValueIteration(sweeps), ours), quantecon)
        rows.append(
            [f"quantecon, {sweeps} sweeps", f"{1e3 * a.min():.0f}", f"{1e3 * b.min():.0f}", spread(1 / ratio, 2)]
        )
        print(*rows[-1], flush=True)
    if find_spec("mdptoolbox"):
        (a, b), ratio = in_turn(lambda: solve(ValueIteration(sweeps), ours), toolbox(T, R, sweeps, False, U), 3)
        what = f"pymdptoolbox without check and bound, {sweeps} sweeps"
        rows.append([what, f"{1e3 * a.min():.0f}", f"{1e3 * b.min():.0f}", spread(1 / ratio, 2)])
        print(*rows[-1], flush=True)
        T, R = problem(2_000)
        small = MDP.from_arrays(T, R, γ)
        U = solve(ValueIteration(sweeps), small).U
        (a, b), ratio = in_turn(lambda: solve(ValueIteration(sweeps), small), toolbox(T, R, sweeps, True, U), 3)
        what = f"pymdptoolbox as it is, {sweeps} sweeps, 2,000 states"
        rows.append([what, f"{1e3 * a.min():.1f}", f"{1e3 * b.min():.0f}", spread(1 / ratio, 0)])
        print(*rows[-1], flush=True)
    return rows


def toolbox(T: Any, R: Array, sweeps: int, whole: bool, U: Array) -> Callable[[], Any]:
    """Value iteration by pymdptoolbox, which finds U; not whole: without its check and its bound on the sweeps."""
    from mdptoolbox.mdp import ValueIteration as Toolbox
    from scipy.sparse import csr_matrix

    each = [csr_matrix(T[a :: R.shape[1]]) for a in range(R.shape[1])]
    kind = Toolbox if whole else type("Unbounded", (Toolbox,), {"_boundIter": lambda self, epsilon: None})

    def run() -> Any:
        with nullcontext() if whole else patch("mdptoolbox.mdp._util.check"):
            M = kind(each, R, γ, epsilon=1e-300, max_iter=sweeps)
        M.max_iter, M.V = sweeps, np.zeros(len(R))  # both of which the bound replaces
        M.run()
        return np.array(M.V)

    np.testing.assert_allclose(run(), U, atol=1e-10)
    return run


def main() -> None:
    """All tables."""
    write(
        "planning_values",
        "Chapter 8: interpolated value iteration on the mountain car, ms of processor time a sweep (least of "
        f"{REPEATS}), beside a C loop at -O2 that computes the dynamics anew in each sweep; ratio: median "
        "(minimum-maximum) of neighbours, below 1 we are faster. Building the weights, once, takes as long as so many "
        "sweeps.",
        table(["grid", "ours", "C", "ours / C", "build, in sweeps"], sweep_rows()),
        "The same beside plain Python, and nearest neighbours beside brute force; ms.",
        table(["work", "beside", "ours", "theirs", "times faster"], python_rows()),
        "Value iteration of 100,000 states, 5 actions, 5 random successors, sparse, γ = 0.95, from U = 0; ms. The same "
        "utilities to 1e-10. pymdptoolbox first checks T, in memory S², and bounds the sweeps, in time S²: "
        "both are left out at 100,000 states.",
        table(["beside", "ours", "theirs", "theirs / ours"], peer_rows()),
        packages=(
            "numpy",
            "scipy",
            *(x for x, y in (("quantecon", "quantecon"), ("pymdptoolbox", "mdptoolbox")) if find_spec(y)),
        ),
    )


if __name__ == "__main__":
    main()
