"""Chapter 14, policy validation: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import Estimate
from decision_making.pictures import validation
from decision_making.problems import HexWorld

from .. import ch14_policy_validation as chapter
from .items import Item, run
from .report import Report

METRICS = {  # collision, advisory, changes; of 200,000 encounters by other code
    "no advisories": ("0.1141", "0", "0"),
    "simple": ("0.0743", "0.446", "1.00"),
    "optimal": ("0.00014", "0.52", "0.52"),
}
ADVERSARY = {
    0.5: "-1.284979, -1.562935, -1.871775, -2.214931, -2.596215, -3.019864, -10",
    1.0: "-5.569959, -9.039728, -10",
    2.0: "-7.251198, -9.413350, -10",
}
ROBUST_LINE = "-0.500231, 0.499717, 1.721877, 3.215627, 5.041322, 7.272727, 10"
MAP = HexWorld().tiles


def compare_example_14_1(report: Report, data: dict[str, dict[str, Estimate]]) -> None:
    """Each metric of each policy; where nothing was seen, by its interval."""
    for policy, texts in METRICS.items():
        for (metric, found), text in zip(data[policy].items(), texts, strict=True):
            item = f"{policy}: {metric}"
            if found.standard_error > 0 and float(text) > 0.01:
                report.sampled(item, text, found.mean, found.standard_error, "derived")
            else:
                inside = found.low <= float(text) <= found.high
                report.holds(item, text, f"[{found.low:.2g}, {found.high:.2g}] with 95 %", inside, "derived")


def compare_figure_14_1(report: Report, data: dict[str, np.ndarray]) -> None:
    """The optimal policy separates, the others leave a share below 50 m."""
    share = {name: float((x < 50).mean()) for name, x in data.items()}
    computed = ", ".join(f"{x:.2%}" for x in share.values())
    falls = share["no advisories"] > share["simple"] > share["optimal"]
    report.holds("below 50 m: no advisories, simple, optimal", "less and less", computed, falls)


def compare_example_14_3(report: Report, data: dict[str, Estimate]) -> None:
    """The standard error, the interval and the relative error; the other intervals are above 0."""
    normal = data["normal"]
    report.compare("standard deviation", "0.0173", normal.standard_error * np.sqrt(normal.n))
    report.compare("standard error", "0.000173", normal.standard_error)
    report.compare("interval, times 10,000", "-0.394, 6.39", np.array([normal.low, normal.high]) * 1e4)
    report.compare("relative error (the book prints 0.578)", "0.577", normal.relative_error, "derived")
    low = min(data[kind].low for kind in ("exact", "beta"))
    report.holds("lower ends of the exact and the Beta interval", "above 0", f"{low:.1e}", low > 0, "derived")


def compare_exercise_14_2(report: Report, data: Estimate) -> None:
    """Mean, standard deviation and relative error."""
    report.compare("mean, times 100,000", "1", data.mean * 1e5)
    report.compare("standard deviation", "0.00316", data.standard_error * np.sqrt(data.n))
    report.compare("relative error", "0.316", data.relative_error)


def compare_exercise_14_1(report: Report, data: float) -> None:
    """The log-likelihood."""
    report.compare("log-likelihood", "-11.183", data)
    report.compare("log-likelihood, more digits", "-11.183140", data, "derived")


def compare_exercises_14_3_and_14_4(report: Report, data: dict[str, float]) -> None:
    """Weight, estimate and exact answer."""
    report.compare("weight of 0.3, estimate, exact answer", "0.2, 0.2, 0.2", list(data.values()))


def compare_a_rare_event(report: Report, data: dict[str, Any]) -> None:
    """Estimates against the exact probability, and relative standard deviations of one sample."""
    report.compare("P(X > 4), times 100,000", "3.167124", data["exact"] * 1e5, "derived")
    for name in ("N(4, 1)", "cross entropy"):
        found = data[name]
        error = found.standard_error * 1e5
        report.sampled(f"by {name}, times 100,000", "3.167124", found.mean * 1e5, error, "derived")
    found = data["N(4, 1)"]
    deviation = found.standard_error * np.sqrt(found.n) / data["exact"]
    near = abs(deviation / 2.123937 - 1) < 0.05
    report.holds("relative deviation of a sample of N(4, 1)", "2.124", f"{deviation:.3f}", near, "derived")
    direct = np.sqrt((1 - data["exact"]) / data["exact"])
    report.compare("relative deviation of a direct sample", "177.689", direct, "derived")
    ratio = (direct / deviation) ** 2
    report.holds("variance, direct to N(4, 1)", "about 7,000", f"{ratio:,.0f}", 6000 < ratio < 8000, "derived")


def compare_risky_starts(report: Report, data: dict[str, Any]) -> None:
    """The ratio of the numbers of collisions, and two estimates of one probability."""
    direct, proposal = (data[name] for name in ("direct", "proposal"))
    k = np.array([direct["failed"].sum(), proposal["failed"].sum()])
    ratio, error = k[1] / k[0], k[1] / k[0] * np.sqrt((1 / k + np.array([1 / 246, 1 / 939])).sum())
    report.sampled("collisions, proposal to direct: 939 to 246", "3.8", ratio, error)
    a, b = direct["estimate"], proposal["estimate"]
    apart = abs(a.mean - b.mean) / np.hypot(a.standard_error, b.standard_error)
    report.holds(
        "the two estimates", "of one probability", f"{a.mean:.4f} and {b.mean:.4f}, {apart:.1f} s.e. apart", apart < 5
    )
    weight = b.mean_weight
    report.holds("mean weight", "near 1", f"{weight:.3f}", 0.8 < weight < 1.2)


def compare_example_14_4(report: Report, data: dict[str, Any]) -> None:
    """A weaker aircraft than the model's collides more often, the more the stronger the model."""
    weakest = [found[0].mean for name, found in data.items() if name != "limits"]
    computed = ", ".join(f"{x:.3f}" for x in weakest)
    rises = weakest[0] < weakest[1] < weakest[2]
    report.holds("collisions at 0.25 m/s² of policies made for 0.25, 1, 1.25", "more and more", computed, rises)
    found = data["made for 1 m/s²"]
    computed = f"{found[-1].mean:.4f} at 1.5, {found[0].mean:.4f} at 0.25"
    report.holds("made for 1 m/s²", "fails as the limit falls", computed, found[0].low > found[-1].high)


def compare_robust_utilities(report: Report, data: dict[str, Any]) -> None:
    """The line is as bad as its worst model; the map is worse than any."""
    report.compare("line: robust utilities", ROBUST_LINE, data["line"]["robust"][:7], "derived")
    apart = abs(data["line"]["robust"] - data["line"]["each"][0]).max()
    report.holds("line", "the optimum of the model 0.5", f"within {apart:.0e}", apart < 1e-9, "derived")
    robust, each = data["map"]["robust"], data["map"]["each"]
    report.compare("map: mean over the tiles", "3.074766", robust[:-1].mean(), "derived")
    tiles = [MAP.index((0, 0)), MAP.index((3, 0))]
    report.compare("map: (0, 0), (3, 0)", "3.743045, -1.477577", robust[tiles], "derived")
    report.compare("map: means of single models", "3.127029, 4.168631, 4.958564", each[:, :-1].mean(axis=1), "derived")
    report.compare("map: (3, 0) in single models", "-0.223265, 0.711472, 2.525593", each[:, tiles[1]], "derived")
    gap = float((each - robust).min())
    report.holds("map", "below each single model", f"least difference {gap:.0e}", gap > -1e-9)


def compare_example_14_5(report: Report, data: dict[str, np.ndarray]) -> None:
    """The front, by its definition; more weight on collisions buys safety with advisories."""
    x = np.concatenate([data["optimal"], data["simple"]])
    dominated = [any((y <= z).all() and (y < z).any() for y in x) for z in x]
    agrees = bool((~np.array(dominated) == data["front"]).all())
    report.holds("front", "what no other policy dominates", f"{data['front'].sum()} of {len(x)} policies", agrees)
    collision, advisory = data["optimal"].T
    computed = (
        f"collisions {collision[0]:.3f} to {collision[-1]:.3f}, advisories {advisory[0]:.2f} to {advisory[-1]:.2f}"
    )
    bought = collision[0] > collision[-1] and advisory[0] < advisory[-1]
    report.holds("larger λ", "fewer collisions, more advisories", computed, bool(bought))


def compare_exercise_14_5(report: Report, data: np.ndarray) -> None:
    """Only the first is dominated."""
    report.compare("on the front", "0, 1, 1, 1", data)


def compare_adversary_on_the_line(report: Report, data: dict[float, dict[str, np.ndarray]]) -> None:
    """Its utilities, and where it goes."""
    for λ, text in ADVERSARY.items():
        U = data[λ]["U"][:7]
        report.compare(f"λ = {λ:g}: utilities of tiles", text, U if λ == 0.5 else U[[0, 5, 6]], "derived")
    stays = [data[λ]["a"][5] == 5 for λ in data]
    computed = ", ".join("stays" if x else "goes on" for x in stays)
    report.holds(
        "λ = 0.5, 1, 2: in tile 6 it", "stays, stays, goes on", computed, stays == [True, True, False], "derived"
    )
    stay = {λ: (0.3 + λ * np.log(0.3)) / 0.1 for λ in (0.5, 1.0)}
    apart = max(abs(data[λ]["U"][5] - u) for λ, u in stay.items())
    report.holds("value of staying", "(0.3 + λ ln 0.3) / (1 - γ)", f"within {apart:.0e}", apart < 1e-6, "derived")


def compare_most_likely_collisions(report: Report, data: dict[str, dict[str, Any]]) -> None:
    """They end in a collision; the optimal policy needs the least likely noise."""
    ends = all(abs(found["s"][-1, 0]) < 50 and found["s"][-1, 3] == 0 for found in data.values())
    report.holds("each", "ends in a collision", "yes" if ends else "no", ends)
    p = [found["log p"] for found in data.values()]
    computed = ", ".join(f"{x:.2f}" for x in p)
    item = "log-probability: no advisories, simple, optimal"
    report.holds(item, "the optimal policy is the hardest to bring down", computed, p[2] < min(p[:2]))


ITEMS = [
    Item("Example 14.1", chapter.example_14_1, compare_example_14_1, fast={"m": 4000}),
    Item(
        "Figure 14.1", chapter.figure_14_1, compare_figure_14_1, validation.miss_distances, "figure_14_1", {"m": 3000}
    ),
    Item("Example 14.3", chapter.example_14_3, compare_example_14_3),
    Item("Exercise 14.2", chapter.exercise_14_2, compare_exercise_14_2),
    Item("Exercise 14.1", chapter.exercise_14_1, compare_exercise_14_1),
    Item("Exercises 14.3 and 14.4", chapter.exercises_14_3_and_14_4, compare_exercises_14_3_and_14_4),
    Item("A rare event", chapter.a_rare_event, compare_a_rare_event, validation.rare_event, "rare_event"),
    Item(
        "Section 14.2", chapter.risky_starts, compare_risky_starts, validation.risky_starts, "risky_starts", {"m": 6000}
    ),
    Item(
        "Example 14.4",
        chapter.example_14_4,
        compare_example_14_4,
        validation.robustness,
        "example_14_4",
        {"m": 1500, "limits": (0.25, 0.75, 1.5)},
    ),
    Item("Robust dynamic programming", chapter.robust_utilities, compare_robust_utilities),
    Item("Example 14.5", chapter.example_14_5, compare_example_14_5, validation.trade_off, "example_14_5", {"m": 300}),
    Item("Exercise 14.5", chapter.exercise_14_5, compare_exercise_14_5),
    Item("Algorithm 14.1", chapter.adversary_on_the_line, compare_adversary_on_the_line),
    Item(
        "Most likely failure",
        chapter.most_likely_collisions,
        compare_most_likely_collisions,
        validation.likeliest_collisions,
        "likeliest_collisions",
    ),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About half a minute."""
    return run("Chapter 14. Policy validation", ITEMS, out, fast, progress, **one)
