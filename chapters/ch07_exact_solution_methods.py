"""Chapter 7, exact solution methods: evaluation and solvers on hex world, the linear quadratic example, exercises.

Run this file, its cells, or `decision-making chapter 7`. Functions named after the book return data; drawing is apart.
"""

# %%
from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from decision_making import MDP, lookahead
from decision_making.pictures.policies import decimal, draw_hex_world
from decision_making.problems import HexWorld, StraightLineHexWorld
from decision_making.problems.hex_world import DIRECTIONS
from decision_making.sequential_problems.exact_solution_methods import (
    GaussSeidelValueIteration,
    LinearProgramFormulation,
    LinearQuadraticProblem,
    PolicyIteration,
    ValueFunctionPolicy,
    ValueIteration,
    greedy,
    iterative_policy_evaluation,
    policy_evaluation,
    solve,
    sweeps,
)

if "__file__" in globals():  # for report.py beside this file, wherever that is; a notebook runs in their folder
    sys.path.insert(0, str(Path(__file__).resolve().parent))
from report import Item, Report, command_line, run

P = HexWorld()
EAST = np.zeros(len(P.S), dtype=int)
ACTIONS = ("E", "NE", "NW", "W", "SW", "SE")


def tile(i: int, j: int) -> int:
    """The state of tile (i, j) of the standard map."""
    return P.tiles.index((i, j))


# %% Policy evaluation: always east, by sweeps and by one linear solve
def policy_evaluation_on_hex_world(k_max: int = 200) -> dict[str, np.ndarray]:
    """Utilities of always going east.

    Returns U (S,) by the linear solve and, for k = 0..k_max sweeps, the largest error (k_max + 1,) of the sweeps.
    """
    U = policy_evaluation(P, EAST)
    errors = [abs(iterative_policy_evaluation(P, EAST, k) - U).max() for k in range(k_max + 1)]
    return {"U": U, "error": np.array(errors)}


# %% Figures 7.3 to 7.5: policy iteration on hex world
def figures_7_3_to_7_5() -> dict[str, np.ndarray]:
    """Policy iteration from always east.

    Returns the actions a (K, S) of the policies in turn, and their utilities U (K, S); the last policy is there twice.
    """
    a = np.array([π.a for π in sweeps(PolicyIteration(EAST, 20), P)])
    return {"a": a, "U": np.array([policy_evaluation(P, x) for x in a])}


# %% Value iteration on hex world
def value_iteration_on_hex_world(k_max: int = 200) -> dict[str, np.ndarray]:
    """Utilities U (k_max + 1, S) after each synchronous sweep from 0, and the greedy actions a of the same shape."""
    U = np.array(list(sweeps(ValueIteration(k_max), P)))
    return {"U": U, "a": np.array([ValueFunctionPolicy(P, u)(P.S) for u in U])}


# %% All solvers on hex world
def solvers_on_hex_world() -> dict[str, np.ndarray]:
    """The optimal utilities (S,) by each of the four solvers."""
    return {
        "policy iteration": policy_evaluation(P, solve(PolicyIteration(EAST, 20), P)),
        "value iteration": solve(ValueIteration(1000, δ=1e-12), P).U,
        "Gauss-Seidel value iteration": solve(GaussSeidelValueIteration(1000, δ=1e-12), P).U,
        "linear program": solve(LinearProgramFormulation(), P).U,
    }


# %% Convergence: the Bellman residual and the error
DISCOUNTS = (0.5, 0.9, 0.99)


def outwards() -> list[int]:
    """The states of the standard map, those fewest moves from a tile that pays first, the absorbing state before all.

    In this order a backup in place finds its successors backed up already.
    """
    moves = np.full(len(P.S), len(P.S))
    moves[[P.tiles.index(t) for t in P.rewards]] = 0
    for _ in P.S:
        for s, (i, j) in enumerate(P.tiles):
            neighbours = [P.tiles.index(t) for Δi, Δj in DIRECTIONS if (t := (i + Δi, j + Δj)) in P.tiles]
            moves[s] = min(moves[s], *(moves[neighbours] + 1))
    moves[-1] = -1
    return [int(s) for s in np.argsort(moves, kind="stable")]


def convergence(k_max: int = 300) -> dict[float, dict[str, dict[str, np.ndarray]]]:
    """Largest change (the Bellman residual) and largest error after each sweep on hex world.

    Returns for each γ and each kind of sweep "change" (k_max,) and "error" (k_max,), sweep 1 first. The error is
    against policy iteration.
    """
    orders = {"in the order of the states": None, "outwards from the tiles that pay": outwards()}
    data: dict[float, dict[str, dict[str, np.ndarray]]] = {}
    for γ in DISCOUNTS:
        world = HexWorld(γ)
        best = policy_evaluation(world, solve(PolicyIteration(EAST, 50), world))
        methods: dict[str, Any] = {"synchronous": ValueIteration(k_max)}
        for name, order in orders.items():
            methods[f"Gauss-Seidel, {name}"] = GaussSeidelValueIteration(k_max, order=order)
        data[γ] = {}
        for name, M in methods.items():
            U = np.array(list(sweeps(M, world)))
            change = abs(np.diff(U, axis=0)).max(axis=1)
            data[γ][name] = {"change": change, "error": abs(U[1:] - best).max(axis=1)}
    return data


# %% Example 7.2
def example_7_2() -> dict[float, np.ndarray]:
    """Value iteration on the straight line of seven tiles until the largest change is below 1, for two discounts.

    Returns for each γ the utilities (sweeps + 1, 8) from the start on.
    """
    return {γ: np.array(list(sweeps(ValueIteration(100, δ=1.0), StraightLineHexWorld(γ)))) for γ in (0.9, 0.5)}


# %% Example 7.3
def example_7_3(δ: float = 1.0) -> dict[str, np.ndarray]:
    """Sweeps on the straight line of seven tiles until the largest change is below δ, in three orders.

    Returns for each order the utilities (sweeps + 1, 8) from the start on.
    """
    line, leftwards = StraightLineHexWorld(), range(7, -1, -1)
    methods: dict[str, Any] = {
        "synchronous": ValueIteration(1000, δ=δ),
        "left to right": GaussSeidelValueIteration(1000, δ=δ),
        "right to left": GaussSeidelValueIteration(1000, δ=δ, order=leftwards),
    }
    return {name: np.array(list(sweeps(M, line))) for name, M in methods.items()}


# %% Example 7.4
EXAMPLE_7_4 = LinearQuadraticProblem([[1, 1], [0, 1]], [0.5, 1], -np.eye(2), [-0.5], 5, Σ=0.1 * np.eye(2))
STARTS = np.array([[-10.0, 0.0], [-5.0, 6.0], [8.0, 4.0]])  # position and speed


def example_7_4(m: int = 20, seed: int = 0) -> dict[str, Any]:
    """Position and speed of a mass, to be brought to 0 in five steps.

    Returns the gains K (5, 2) with 1..5 steps to go, V (5, 2, 2) and q (5,) of the utilities, and m noisy trajectories
    s (3, m, 6, 2) from each of three starts with the rewards (3, m) they collect in five steps.
    """
    M, rng = EXAMPLE_7_4, np.random.default_rng(seed)
    policies = solve(M)
    s = np.broadcast_to(STARTS[:, None], (len(STARTS), m, 2))
    states, rewards = [s], np.zeros(s.shape[:2])
    for π in reversed(policies):
        a = π(s)
        rewards = rewards + ((s @ M.Rs) * s).sum(axis=-1) + ((a @ M.Ra) * a).sum(axis=-1)
        s = s @ M.Ts.T + a @ M.Ta.T + rng.multivariate_normal(np.zeros(2), M.Σ, s.shape[:2])
        states.append(s)
    return {
        "K": np.array([π.K[0] for π in policies]),
        "V": np.array([π.V for π in policies]),
        "q": np.array([π.q for π in policies]),
        "s": np.stack(states, axis=2),
        "r": rewards,
    }


# %% Exercise 7.2
def exercise_7_2() -> float:
    """The discount for which ten, three sure steps away, is worth 1: a root of U*(s₁) - 1."""
    from scipy.optimize import brentq

    def excess(γ: float) -> float:
        line = HexWorld(γ, tuple((i, 0) for i in range(4)), {(3, 0): 10.0}, p_intended=1.0)
        return float(solve(ValueIteration(10), line).U[0]) - 1

    return float(brentq(excess, 0.1, 0.9, xtol=1e-12))


# %% Exercise 7.5
def exercise_7_5() -> dict[str, np.ndarray]:
    """One round of policy iteration on three tiles from the policy E, NE, SW.

    Returns T (4, 4) and R (4,) under the policy, its utilities U (4,), Q (2, 6) in the first two tiles, and the
    greedy actions a (4,).
    """
    line, π = StraightLineHexWorld(n=3), np.array([0, 1, 4, 0])
    s = np.arange(4)
    U = policy_evaluation(line, π)
    Q = np.array([[lookahead(line, U, s, a) for a in range(6)] for s in range(2)])
    return {"T": line.T.array[s, π], "R": line.R.array[s, π], "U": U, "Q": Q, "a": greedy(line, U, s).a}


# %% Exercise 7.6
def exercise_7_6() -> np.ndarray:
    """Utilities (3, 4) on three tiles before and after each of two sweeps of value iteration."""
    return np.array(list(sweeps(ValueIteration(2), StraightLineHexWorld(n=3))))


# %% Exercise 7.7
def exercise_7_7() -> dict[str, np.ndarray]:
    """Utilities (4,) on three tiles after one Gauss-Seidel sweep from right to left, and the optimal ones."""
    line = StraightLineHexWorld(n=3)
    return {
        "one sweep": solve(GaussSeidelValueIteration(1, order=[3, 2, 1, 0]), line).U,
        "optimal": policy_evaluation(line, solve(PolicyIteration(np.zeros(4, dtype=int), 20), line)),
    }


# %% Exercise 7.9
def exercise_7_9(rounds: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Policy iteration where both actions of both states are optimal, with two rules for ties.

    Returns how often the policy changed in that many rounds where ties are broken at random, how often where an action
    among the best is kept, and the spread of the utilities of all four policies.
    """
    T = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    twins, rng = MDP.from_arrays(T, np.ones((2, 2)), 0.9), np.random.default_rng(seed)
    s, a, changes = np.arange(2), np.zeros(2, dtype=int), 0
    for _ in range(rounds):
        U = policy_evaluation(twins, a)
        Q = np.array([lookahead(twins, U, s, b) for b in range(2)]).T
        best = Q.max(axis=1, keepdims=True) - Q <= 1e-9
        a_new = np.array([rng.choice(np.flatnonzero(x)) for x in best])
        changes += bool((a_new != a).any())
        a = a_new
    kept = [π.a for π in sweeps(PolicyIteration([0, 0], rounds), twins)]
    U_all = np.array([policy_evaluation(twins, [i, j]) for i in range(2) for j in range(2)])
    return {
        "at random": changes,
        "kept": sum(bool((x != y).any()) for x, y in pairwise(kept)),
        "spread": float(np.ptp(U_all, axis=0).max()),
    }


# %% Drawing
COLOURS = ("#444444", "#D55E00", "#0072B2")


def draw_figures_7_3_to_7_5(data: dict[str, np.ndarray], figure: Any) -> None:
    """The policies in turn, each with its own utilities."""
    a, U = data["a"][:-1], data["U"][:-1]
    axes = figure.subplots(3, 2).ravel()
    for k, ax in enumerate(axes):
        if k >= len(a):
            ax.axis("off")
            continue
        changed = "" if k == 0 else f", {int((a[k] != a[k - 1]).sum())} actions changed"
        name = "always east" if k == 0 else f"improvement {k}"
        colours = draw_hex_world(ax, P, U[k], a[k], f"{name}{changed}", 10.0)
    bar = figure.colorbar(colours, ax=axes, location="bottom", shrink=0.5, aspect=40, label="utility of the policy")
    bar.outline.set_visible(False)


def draw_value_iteration(data: dict[str, np.ndarray], figure: Any) -> None:
    """Utilities and greedy actions after a few of the sweeps."""
    axes = figure.subplots(3, 2).ravel()
    shown = (1, 2, 3, 6, 10, len(data["U"]) - 1)
    for k, ax in zip(shown, axes, strict=True):
        colours = draw_hex_world(ax, P, data["U"][k], data["a"][k], f"{k} sweep{'s' if k > 1 else ''}", 10.0)
    bar = figure.colorbar(colours, ax=axes, location="bottom", shrink=0.5, aspect=40, label="U, greedy action")
    bar.outline.set_visible(False)


def draw_convergence(data: dict[float, dict[str, dict[str, np.ndarray]]], figure: Any) -> None:
    """Error against sweeps for each discount, and the bound on it that the largest change promises."""
    axes = figure.subplots(1, len(data), sharey=True)
    for (γ, methods), ax in zip(data.items(), axes, strict=True):
        for (name, x), colour in zip(methods.items(), COLOURS, strict=True):
            k = np.arange(1, len(x["error"]) + 1)
            here = np.maximum(x["error"], 1e-12)
            ax.semilogy(k, here, color=colour, lw=1.6, label=name)
            bound = x["change"] * γ / (1 - γ)
            ax.semilogy(k, np.maximum(bound, 1e-12), color=colour, lw=0.9, ls=":")
        done = max(int(np.argmax(x["error"] < 1e-10)) or len(k) for x in methods.values())
        ax.set(xlabel="sweep", title=f"γ = {γ:g}", xlim=(1, done), ylim=(1e-10, 100))
    axes[0].set_ylabel("largest error of U\n(dotted: its bound δγ/(1 - γ))")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def draw_lines(rows: dict[str, np.ndarray], figure: Any) -> None:
    """Utilities on a straight line of tiles, a sweep a row, one panel for each of the named runs."""
    axes = figure.subplots(1, len(rows), squeeze=False)[0]
    n_rows = max(map(len, rows.values()))  # cells of one height in all panels
    for (name, U), ax in zip(rows.items(), axes, strict=True):
        U = U[:, :-1]  # without the absorbing state
        image = ax.imshow(U, cmap="RdBu", vmin=-10, vmax=10, aspect="auto")
        for (k, s), u in np.ndenumerate(U):
            ink = "white" if abs(u) > 6 else "black"
            ax.text(s, k, decimal(u), ha="center", va="center", fontsize=6.5, color=ink)
        ax.set(xlabel="tile", ylabel="sweeps", title=name, yticks=range(len(U)), ylim=(n_rows - 0.5, -0.5))
        ax.set_xticks(range(U.shape[1]), range(1, U.shape[1] + 1))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, label="U", aspect=30)
    bar.outline.set_visible(False)


def draw_example_7_2(data: dict[float, np.ndarray], figure: Any) -> None:
    """The sweeps for both discounts."""
    draw_lines({f"γ = {γ:g}: {len(U) - 1} sweeps": U for γ, U in data.items()}, figure)


def draw_example_7_3(data: dict[str, np.ndarray], figure: Any) -> None:
    """The sweeps in the three orders."""
    draw_lines({f"{name}: {len(U) - 1} sweeps": U for name, U in data.items()}, figure)


def draw_example_7_4(data: dict[str, Any], figure: Any) -> None:
    """Optimal actions over the states with each number of steps to go, and noisy trajectories among utilities."""
    gains, plane = figure.subplots(1, 2, width_ratios=(2, 3))
    h = np.arange(1, len(data["K"]) + 1)
    for i, (name, colour) in enumerate((("position", COLOURS[2]), ("speed", COLOURS[1]))):
        gains.plot(h, data["K"][:, i], "o-", color=colour, lw=1.6, label=f"gain on the {name}")
    gains.set(xlabel="steps to go", ylabel="gain", xticks=h, title="a = K s")
    gains.legend(loc="upper right")
    x, v = np.meshgrid(np.linspace(-14, 14, 141), np.linspace(-9, 9, 91))
    s = np.stack([x, v], axis=-1)
    U = np.einsum("...i,ij,...j->...", s, data["V"][-1], s) + data["q"][-1]
    levels = -np.geomspace(1200, 4, 11)
    filled = plane.contourf(x, v, U, levels=levels, cmap="Greys_r", alpha=0.6, extend="both", norm="symlog")
    bar = figure.colorbar(filled, ax=plane, label="utility with 5 steps to go", ticks=levels[::2], format="%.0f")
    bar.outline.set_visible(False)
    for runs, colour in zip(data["s"], ("#009E73", "#D55E00", "#0072B2"), strict=True):
        plane.plot(runs[:, :, 0].T, runs[:, :, 1].T, color=colour, lw=0.7, alpha=0.6)
        plane.plot(*runs[0, 0], "o", color=colour, ms=6)
    plane.plot(0, 0, "k+", ms=10, mew=2)
    plane.set(xlabel="position", ylabel="speed", title="noisy trajectories from three starts")


# %% The book beside the computation
OPTIMUM = {
    (0, 0): ("4.137781", "NE"),
    (1, 0): ("4.290229", "NW"),
    (3, 0): ("0.711472", "NW"),
    (1, 1): ("4.308362", "W"),
    (2, 1): ("3.357815", "NW"),
    (-1, 2): ("4.137781", "SE"),
    (0, 2): ("4.290229", "SW"),
    (1, 2): ("3.746754", "SW"),
    (2, 2): ("3.079491", "W"),
    (3, 2): ("3.013494", "E"),
    (4, 2): ("3.729922", "E"),
    (5, 2): ("4.798163", "E"),
    (6, 2): ("6.035967", "E"),
    (7, 2): ("7.044383", "SE"),
    (8, 2): ("6.912224", "SW"),
    (4, 1): ("3.013494", "NE"),
    (5, 0): ("3.371243", "E"),
    (6, 0): ("4.382552", "E"),
    (7, 0): ("5.554385", "NE"),
    (7, 1): ("6.912224", "E"),
    (8, 1): ("8.219178", "SE"),
}  # plain tiles of the standard map, γ = 0.9: U* and the one optimal action


def compare_policy_evaluation(report: Report, data: dict[str, np.ndarray]) -> None:
    """The utilities of always going east, and the rate of the sweeps."""
    U, error = data["U"], data["error"]
    report.compare("mean of U over the tiles", "-4.789586", U[:-1].mean(), "derived")
    tiles = [tile(0, 0), tile(2, 1), tile(8, 1)]
    report.compare("U(0, 0), U(2, 1), U(8, 1)", "-5.570161, -7.261658, -1.891892", U[tiles], "derived")
    bound = P.γ ** np.arange(len(error)) * error[0]
    computed = f"off by {error[0]:.1f} at first, {error[-1]:.0e} after {len(error) - 1} sweeps"
    report.holds("sweeps", "the error is at most γᵏ times the first", computed, bool((error <= bound + 1e-12).all()))


def compare_figures_7_3_to_7_5(report: Report, data: dict[str, np.ndarray]) -> None:
    """How many actions change, and that no utility falls."""
    changed = (np.diff(data["a"], axis=0) != 0).sum(axis=1)
    if len(changed) == 5:
        report.compare("actions changed in each round", "18, 7, 4, 2, 0", changed, "derived")
    else:
        report.holds("actions changed in each round", "18, 7, 4, 2, 0", f"{changed.tolist()}", False, "derived")
    fall = float(np.diff(data["U"], axis=0).min())
    report.holds("utilities", "no round lowers any", f"least change {min(fall, 0.0):.0e}", fall > -1e-9)
    U, a = data["U"][-1], data["a"][-1]
    report.compare("mean of U* over the tiles", "4.168631", U[:-1].mean(), "derived")
    tiles = list(OPTIMUM)
    for i in range(0, len(tiles), 3):
        here = tiles[i : i + 3]
        states, named = [tile(*t) for t in here], ", ".join(map(str, here))
        report.compare(f"U* of {named}", ", ".join(OPTIMUM[t][0] for t in here), U[states], "derived")
        names, found = (", ".join(x) for x in ([OPTIMUM[t][1] for t in here], [ACTIONS[a[s]] for s in states]))
        report.holds(f"actions in {named}", names, found, names == found, "derived")


def compare_value_iteration(report: Report, data: dict[str, np.ndarray]) -> None:
    """The first sweeps at two tiles."""
    U = data["U"]
    report.compare("U(0, 0) after 1, 2, 3 sweeps", "-0.15, 2.97975, 3.824783", U[1:4, tile(0, 0)], "derived")
    report.compare("U(8, 1) after 2, 3 sweeps", "6, 7.62", U[2:4, tile(8, 1)], "derived")
    report.compare("mean of U over the tiles at the end", "4.168631", U[-1, :-1].mean(), "derived")
    fit = [ACTIONS[data["a"][-1, tile(*t)]] == name for t, (_, name) in OPTIMUM.items()]
    report.holds("greedy actions at the end", "optimal", f"in {sum(fit)} of {len(fit)} plain tiles", all(fit))


def compare_solvers(report: Report, data: dict[str, np.ndarray]) -> None:
    """Each against policy iteration."""
    best = data["policy iteration"]
    report.compare("U*(0, 0) by policy iteration", "4.137781", best[tile(0, 0)], "derived")
    for name, U in list(data.items())[1:]:
        error = abs(U - best).max()
        report.holds(name, "the same utilities", f"within {error:.0e}", error < 1e-6, "derived")


def compare_convergence(report: Report, data: dict[float, dict[str, dict[str, np.ndarray]]]) -> None:
    """The bound on the error, and how many sweeps each order needs."""
    for γ, methods in data.items():
        kept = all((x["error"] <= x["change"] * γ / (1 - γ) + 1e-11).all() for x in methods.values())
        report.holds(f"γ = {γ:g}: error", "at most δγ/(1 - γ)", "in every sweep" if kept else "not always", kept)
        until = {name: sweeps_until(x["change"], 1e-6) for name, x in methods.items()}
        synchronous, *in_place = until.values()
        computed = " and ".join(f"{k:g}" for k in in_place) + f" sweeps to 1e-6, not {synchronous:g}"
        report.holds(
            f"γ = {γ:g}: in place", "can take fewer sweeps than synchronous", computed, min(in_place) < synchronous
        )


def sweeps_until(change: np.ndarray, δ: float) -> float:
    """The first sweep whose largest change is below δ, counted from 1; inf if there is none."""
    below = change < δ
    return float(np.argmax(below) + 1) if below.any() else np.inf


def compare_example_7_2(report: Report, data: dict[float, np.ndarray]) -> None:
    """Sweeps until the largest change is below 1."""
    for (γ, U), text in zip(data.items(), ("9", "4"), strict=True):
        report.compare(f"γ = {γ:g}: sweeps until the change is below 1", text, len(U) - 1, "derived")
    best = policy_evaluation(StraightLineHexWorld(), np.zeros(8, dtype=int))
    text = "2.370930, 3.223459, 4.211309, 5.355961, 6.682304, 8.219178, 10"
    report.compare("γ = 0.9: U*, always E", text, best[:7], "derived")
    error = abs(data[0.9][-1] - best).max()
    report.holds("γ = 0.9: error then", "below 9, δγ/(1 - γ)", f"{error:.2f}", error < 9)


def compare_example_7_3(report: Report, data: dict[str, np.ndarray]) -> None:
    """Sweeps until the largest change is below 1, and below 1e-6."""
    report.compare("sweeps to 1: three orders", "9, 9, 3", [len(U) - 1 for U in data.values()], "derived")
    fine = [len(U) - 1 for U in example_7_3(1e-6).values()]
    report.compare("sweeps to 1e-6: three orders", "26, 26, 20", fine, "derived")
    text = "-0.134881, 0.262094, 0.892212, 1.8924, 3.48, 6, 10"
    report.compare("U after one sweep from right to left", text, data["right to left"][1, :7], "derived")


def compare_example_7_4(report: Report, data: dict[str, Any]) -> None:
    """The gains, and the utility of each start against noisy trajectories."""
    rows = ("0, 0", "-0.286, -0.857", "-0.462, -1.077", "-0.499, -1.118", "-0.504, -1.124")
    for h, (text, K) in enumerate(zip(rows, data["K"], strict=True), start=1):
        report.compare(f"gains with {h} step{'s' if h > 1 else ''} to go", text, K)
    for s, r in zip(STARTS, data["r"], strict=True):
        U = float(s @ data["V"][-1] @ s + data["q"][-1])
        error = r.std(ddof=1) / np.sqrt(r.size)
        report.sampled(f"mean reward from {tuple(map(float, s))}: U", f"{U:.3f}", r.mean(), error, "derived")


def compare_exercise_7_2(report: Report, data: float) -> None:
    """The discount, which is the cube root of 1 / 10."""
    report.compare("γ with U*(s₁) = 1", "0.464159", data, "derived")


def compare_exercise_7_5(report: Report, data: dict[str, np.ndarray]) -> None:
    """The model, the utilities and the improvement."""
    rows = ("0.3, 0.7, 0, 0", "0, 0.85, 0.15, 0", "0, 0, 0, 1", "0, 0, 0, 1")
    for s, text in enumerate(rows):
        report.compare(f"row {s + 1} of T under the policy", text, data["T"][s])
    report.compare("R under the policy", "-0.3, -0.85, 10, 0", data["R"])
    report.compare("U", "1.42524, 2.12766, 10, 0", data["U"])
    first = "1.425240, 0.527543, 0.282716, 0.282716, 0.282716, 0.527543"
    second = "6.574468, 2.127660, 0.970067, 1.172370, 0.970067, 2.127660"
    report.compare("Q in tile 1", first, data["Q"][0], "derived")
    report.compare("Q in tile 2", second, data["Q"][1], "derived")
    found = ", ".join(ACTIONS[a] for a in data["a"][:2])
    report.holds("improved policy in tiles 1, 2", "E, E", found, found == "E, E", "derived")


def compare_exercise_7_6(report: Report, data: np.ndarray) -> None:
    """Both sweeps."""
    report.compare("U after one sweep", "-0.3, -0.3, 10", data[1, :3])
    report.compare("U after two sweeps", "-0.57, 5.919, 10", data[2, :3])


def compare_exercise_7_7(report: Report, data: dict[str, np.ndarray]) -> None:
    """One sweep, and the optimum."""
    report.compare("U after one sweep from right to left", "3.48, 6, 10", data["one sweep"][:3])
    report.compare("U*", "6.682304, 8.219178, 10", data["optimal"][:3], "derived")


def compare_exercise_7_9(report: Report, data: dict[str, Any]) -> None:
    """Policies that are both optimal may alternate for ever, unless a best action is kept."""
    report.holds("all four policies", "both optimal", f"utilities within {data['spread']:.0e}", data["spread"] < 1e-9)
    computed = f"{data['at random']} changes"
    report.holds("ties at random", "policies may alternate for ever", computed, data["at random"] > 100)
    report.holds("a best action is kept", "no change", f"{data['kept']} changes", data["kept"] == 0, "derived")


ITEMS = [
    Item("Policy evaluation on hex world, always east", policy_evaluation_on_hex_world, compare_policy_evaluation),
    Item(
        "Figures 7.3 to 7.5, policy iteration",
        figures_7_3_to_7_5,
        compare_figures_7_3_to_7_5,
        draw_figures_7_3_to_7_5,
        "policy_iteration",
        (9.5, 6.2),
    ),
    Item(
        "Value iteration on hex world",
        value_iteration_on_hex_world,
        compare_value_iteration,
        draw_value_iteration,
        "value_iteration",
        (9.5, 6.2),
    ),
    Item("All solvers on hex world", solvers_on_hex_world, compare_solvers),
    Item(
        "Convergence on hex world", convergence, compare_convergence, draw_convergence, "value_convergence", (10, 3.6)
    ),
    Item("Example 7.2", example_7_2, compare_example_7_2, draw_example_7_2, "example_7_2", (8, 3.4)),
    Item("Example 7.3", example_7_3, compare_example_7_3, draw_example_7_3, "example_7_3", (10, 3.4)),
    Item("Example 7.4", example_7_4, compare_example_7_4, draw_example_7_4, "example_7_4", (9.5, 3.8)),
    Item("Exercise 7.2", exercise_7_2, compare_exercise_7_2),
    Item("Exercise 7.5", exercise_7_5, compare_exercise_7_5),
    Item("Exercise 7.6", exercise_7_6, compare_exercise_7_6),
    Item("Exercise 7.7", exercise_7_7, compare_exercise_7_7),
    Item("Exercise 7.9", exercise_7_9, compare_exercise_7_9, fast={"rounds": 400}),
]


def main(out: Any = "figures", fast: bool = False, progress: Any = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Chapter 7. Exact solution methods", ITEMS, out, fast, progress, **one)


if __name__ == "__main__":
    command_line(main, "Chapter 7: exact solution methods")
