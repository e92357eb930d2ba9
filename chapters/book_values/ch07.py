"""Chapter 7, exact solution methods: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import policy_evaluation
from decision_making.pictures import values
from decision_making.problems import StraightLineHexWorld

from .. import ch07_exact_solution_methods as chapter
from .items import Item, run
from .report import Report

ACTIONS = ("E", "NE", "NW", "W", "SW", "SE")


def tile(i: int, j: int) -> int:
    """The state of tile (i, j) of the standard map."""
    return chapter.P.tiles.index((i, j))


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
    bound = chapter.P.γ ** np.arange(len(error)) * error[0]
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
    fine = [len(U) - 1 for U in chapter.example_7_3(1e-6).values()]
    report.compare("sweeps to 1e-6: three orders", "26, 26, 20", fine, "derived")
    text = "-0.134881, 0.262094, 0.892212, 1.8924, 3.48, 6, 10"
    report.compare("U after one sweep from right to left", text, data["right to left"][1, :7], "derived")


def compare_example_7_4(report: Report, data: dict[str, Any]) -> None:
    """The gains, and the utility of each start against noisy trajectories."""
    rows = ("0, 0", "-0.286, -0.857", "-0.462, -1.077", "-0.499, -1.118", "-0.504, -1.124")
    for h, (text, K) in enumerate(zip(rows, data["K"], strict=True), start=1):
        report.compare(f"gains with {h} step{'s' if h > 1 else ''} to go", text, K)
    for s, r in zip(chapter.STARTS, data["r"], strict=True):
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
    Item(
        "Policy evaluation on hex world, always east",
        chapter.policy_evaluation_on_hex_world,
        compare_policy_evaluation,
    ),
    Item(
        "Figures 7.3 to 7.5, policy iteration",
        chapter.figures_7_3_to_7_5,
        compare_figures_7_3_to_7_5,
        values.policy_iteration,
        "policy_iteration",
    ),
    Item(
        "Value iteration on hex world",
        chapter.value_iteration_on_hex_world,
        compare_value_iteration,
        values.value_iteration,
        "value_iteration",
    ),
    Item("All solvers on hex world", chapter.solvers_on_hex_world, compare_solvers),
    Item("Convergence on hex world", chapter.convergence, compare_convergence, values.convergence, "value_convergence"),
    Item("Example 7.2", chapter.example_7_2, compare_example_7_2, values.sweeps_by_discount, "example_7_2"),
    Item("Example 7.3", chapter.example_7_3, compare_example_7_3, values.sweeps_by_order, "example_7_3"),
    Item("Example 7.4", chapter.example_7_4, compare_example_7_4, values.linear_quadratic, "example_7_4"),
    Item("Exercise 7.2", chapter.exercise_7_2, compare_exercise_7_2),
    Item("Exercise 7.5", chapter.exercise_7_5, compare_exercise_7_5),
    Item("Exercise 7.6", chapter.exercise_7_6, compare_exercise_7_6),
    Item("Exercise 7.7", chapter.exercise_7_7, compare_exercise_7_7),
    Item("Exercise 7.9", chapter.exercise_7_9, compare_exercise_7_9, fast={"rounds": 400}),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Chapter 7. Exact solution methods", ITEMS, out, fast, progress, **one)
