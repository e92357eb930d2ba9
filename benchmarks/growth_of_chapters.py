"""How time and memory of one method of each family of chapters grow with the size of its problem.

Run with `make bench-growth`: benchmarks/growth_of_chapters.md has the exponents, growth_of_chapters.svg the pictures.
Time is processor time of one thread, the median of the repeats; memory as in `benchmarks.growth`. Problems are random,
and the same for the same size.
"""

import argparse
import platform
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

import decision_making as dm
from benchmarks.growth import Work, measure, slope
from decision_making.checks import Array


class Family(NamedTuple):
    """A method of some chapters, and what its time and memory should grow by."""

    chapters: str
    what: str
    axis: str
    values: tuple[int, ...]
    stated: tuple[float, float]  # exponents of time and memory, for large values
    work: Callable[[int], Work]


def rng_of(n: int) -> np.random.Generator:
    return np.random.default_rng(n)


def random_mdp(S: int, A: int = 4) -> tuple[Array, Array]:
    """Dense transitions T (S, A, S) and rewards R (S, A)."""
    rng = rng_of(S)
    return rng.dirichlet(np.ones(S), (S, A)), rng.normal(size=(S, A))


def random_pomdp(S: int) -> dm.POMDP:
    """With two actions and two observations."""
    T, R = random_mdp(S, 2)
    return dm.POMDP.from_arrays(T, R, rng_of(S).dirichlet(np.ones(2), (2, S)), 0.9)


def chain(n: int) -> dm.BayesianNetwork:
    """n binary variables in a row."""
    vars = [dm.Variable(f"X{k}", 2) for k in range(n)]
    table = [[0.9, 0.1], [0.2, 0.8]]
    rest = [dm.Factor([x, y], table) for x, y in pairwise(vars)]
    return dm.BayesianNetwork(vars, [dm.Factor(vars[:1], [0.5, 0.5]), *rest], [(k, k + 1) for k in range(n - 1)])


def elimination(n: int) -> Work:
    bn = chain(n)
    return lambda seed: dm.infer(dm.VariableElimination(list(range(n))), bn, ["X0"], {f"X{n - 1}": 0})


def weighting(m: int) -> Work:
    bn = chain(20)
    return lambda seed: dm.infer(dm.LikelihoodWeightedSampling(m), bn, ["X10"], {"X19": 1}, rng=seed)


def scoring(m: int) -> Work:
    bn = chain(8)
    D = dm.sample(bn, m, rng=0).T
    return lambda seed: dm.bayesian_score(bn.vars, bn.graph, D)


def value_iteration(S: int) -> Work:
    P = dm.MDP.from_arrays(*random_mdp(S), 0.9)
    return lambda seed: dm.solve(dm.ValueIteration(30), P)


def evaluation(S: int) -> Work:
    P = dm.MDP.from_arrays(*random_mdp(S, 1), 0.9)
    return lambda seed: dm.policy_evaluation(P, np.zeros(S, dtype=int))


def tree_search(m: int) -> Work:
    P = dm.MDP.from_arrays(*random_mdp(50), 0.9)
    return lambda seed: dm.plan(dm.MonteCarloTreeSearch(P, None, None, 8, m, 1.0, np.zeros(50), rng=seed), 0)


def q_learning(h: int) -> Work:
    P = dm.MDP.from_arrays(*random_mdp(50), 0.9)
    π = dm.EpsilonGreedyExploration(0.1)
    return lambda seed: dm.learn(P, dm.start(dm.QLearning(50, 4, 0.9, 0.1), 100), π, h, 0, rng=seed)


def state_filter(S: int) -> Work:
    P, b = random_pomdp(S), np.full(S, 1 / S)
    return lambda seed: dm.update(b, P, 0, 1)


def particle_filter(m: int) -> Work:
    P, s = random_pomdp(50), rng_of(0).integers(50, size=m)
    return lambda seed: dm.update(dm.ParticleFilter(s), P, 0, 1, rng=seed)


def point_based(K: int) -> Work:
    P, B = random_pomdp(20), rng_of(K).dirichlet(np.ones(20), K)
    return lambda seed: dm.solve(dm.PointBasedValueIteration(B, 5), P)


def controller(X: int) -> Work:
    P, rng = random_pomdp(5), rng_of(X)
    ψ, η = rng.dirichlet(np.ones(2), X), rng.dirichlet(np.ones(X), (X, 2, 2))
    return lambda seed: dm.utility(dm.ControllerPolicy(P, ψ, η), P.b if P.b is not None else np.full(5, 0.2))


def matrix_game(A: int) -> Work:
    R = rng_of(A).normal(size=(A, A))
    P = dm.SimpleGame.from_arrays(R, -R)
    return lambda seed: dm.nash(P)


def markov_game(S: int) -> Work:
    rng = rng_of(S)
    R = rng.normal(size=(S, 2, 2))
    P = dm.MG.from_arrays(rng.dirichlet(np.ones(S), (S, 2, 2)), [R, -R], 0.9)
    return lambda seed: dm.solve(dm.ShapleyIteration(20), P)


SAMPLES = (10**3, 10**4, 10**5, 3 * 10**5)
FAMILIES = [
    Family("2, 3", "`VariableElimination`, a chain of n variables", "n", (400, 800, 1600), (1, 1), elimination),
    Family("2, 3", "`LikelihoodWeightedSampling`, m samples", "m", SAMPLES, (1, 1), weighting),
    Family("4, 5", "`bayesian_score`, m data", "m", SAMPLES, (1, 1), scoring),
    Family("7", "`ValueIteration`, S states, dense", "S", (100, 200, 400, 800), (2, 1), value_iteration),
    Family("7", "`policy_evaluation`, S states, dense", "S", (200, 400, 800, 1600), (3, 2), evaluation),
    Family("8, 9", "`MonteCarloTreeSearch`, m simulations", "m", (100, 300, 1000, 3000), (1, 0), tree_search),
    Family("15 to 17", "`QLearning`, 100 copies, h steps", "h", (30, 100, 300, 1000), (1, 1), q_learning),
    Family("19", "the discrete filter, S states", "S", (300, 600, 1200, 2400), (2, 1), state_filter),
    Family("19", "`ParticleFilter`, m particles", "m", SAMPLES, (1, 1), particle_filter),
    Family("20 to 22", "`PointBasedValueIteration`, K beliefs", "K", (250, 500, 1000, 2000), (1, 1), point_based),
    Family("23", "a controller of X nodes", "X", (40, 80, 160, 320), (3, 2), controller),
    Family("24", "`nash` of a zero-sum game, A actions", "A", (40, 80, 160, 320), (3, 2), matrix_game),
    Family("25", "`ShapleyIteration`, S states", "S", (100, 200, 400, 800), (2, 2), markov_game),
]


def draw(found: list[tuple[Family, list[float], list[int]]], path: Path) -> None:
    """A panel for each family of chapters: time over the size, both scales logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "growth", "svg.fonttype": "none"}
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    names = list(dict.fromkeys(family.chapters for family, *_ in found))
    figure, cells = plt.subplots(2, (len(names) + 1) // 2, figsize=(13, 6), sharey=True, layout="constrained")
    for cell in cells.flat[len(names) :]:
        cell.set_axis_off()
    for name, cell in zip(names, cells.flat, strict=False):
        for family, seconds, _ in found:
            if family.chapters == name:
                cell.loglog(family.values, seconds, "o-", ms=3, lw=1, label=family.what.replace("`", ""))
        cell.set_title(f"chapter {name}" if name.isdigit() else f"chapters {name}", loc="left", fontsize=9)
        cell.set_xlabel(" or ".join(dict.fromkeys(f.axis for f, *_ in found if f.chapters == name)))
        cell.legend(loc="upper left", fontsize=6.5, frameon=False, bbox_to_anchor=(0, -0.2))
        cell.xaxis.set_minor_formatter(NullFormatter())  # 4 × 10² beside 5 × 10² would overlap
        cell.grid(alpha=0.3)
    for row in cells:
        row[0].set_ylabel("seconds")
    figure.suptitle("How processor time grows with the size of the problem", x=0.01, ha="left", fontsize=10)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    options = parser.parse_args()
    here, found = Path(__file__).parent, []
    lines = [
        "| chapters | what | time, stated | measured | memory, stated | measured | the largest |",
        "|---" * 7 + "|",
    ]
    for family in FAMILIES:
        measured = [measure(family.work(value), options.repeats) for value in family.values]
        seconds, peaks = [float(np.median(x)) for x, _ in measured], [peak for _, peak in measured]
        found.append((family, seconds, peaks))
        x, axis = family.values, family.axis
        exponents = zip(family.stated, (slope(x, seconds), slope(x, peaks)), strict=True)
        cells = " | ".join(f"{axis}^{e:g} | {axis}^{f:.2f}" for e, f in exponents)
        largest = f"{axis} = {x[-1]:,}: {seconds[-1] * 1e3:.3g} ms, {peaks[-1] / 1e6:.3g} MB"
        lines.append(f"| {family.chapters} | {family.what} | {cells} | {largest} |")
        print(lines[-1], flush=True)
    about = f"Processor time of one thread, medians. Python {platform.python_version()}, NumPy {np.__version__}."
    (here / "growth_of_chapters.md").write_text("\n".join([*lines, "", about, ""]), encoding="utf-8")
    draw(found, here / "growth_of_chapters.svg")


if __name__ == "__main__":
    main()
