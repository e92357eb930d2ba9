"""Part I beside pyagrum and pgmpy: `python -m benchmarks.networks [inference sampling decisions]`, or all.

Networks are those that pgmpy comes with. A section of benchmarks/networks.md is written anew when it is run.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from benchmarks.peers.report import FOLDER, spread, table
from decision_making.formats import read_bif

FILE = FOLDER / "networks.md"
QUERIES: Mapping[str, tuple[str, dict[str, str]]] = {  # what is asked, and what is known
    "asia": ("dysp", {"asia": "yes", "xray": "yes"}),
    "insurance": ("PropCost", {"Age": "Adolescent", "Accident": "Moderate"}),
    "alarm": ("LVFAILURE", {"HRBP": "HIGH", "CO": "LOW", "BP": "HIGH"}),
    "hailfinder": ("R5Fcst", {"N0_7muVerMo": "StrongUp"}),
}


def cpu_ms(f: Callable[[], object], calls: int = 1) -> float:
    """CPU milliseconds of one call."""
    start = time.process_time()
    for _ in range(calls):
        f()
    return 1000 * (time.process_time() - start) / calls


def beside(ours: Callable[[], object], other: Callable[[], object], repeats: int, calls: tuple[int, int]) -> list[Any]:
    """Least time of each, and their ratio: the median (minimum-maximum) over neighbours."""
    ours(), other()
    pairs = np.array([[cpu_ms(ours, calls[0]), cpu_ms(other, calls[1])] for _ in range(repeats)])
    a, b = pairs.min(axis=0)
    return [f"{a:.3g}", f"{b:.3g}", spread(pairs[:, 0] / pairs[:, 1], 3)]


@cache
def text_of(name: str) -> str:
    """A network that pgmpy comes with, in the format BIF."""
    import pgmpy

    path = Path(pgmpy.__file__).parent / "utils" / "example_models" / f"{name}.bif.gz"
    return gzip.decompress(path.read_bytes()).decode()


@cache
def networks(name: str) -> tuple[dm.BayesianNetwork, Any, Any]:
    """One network as ours, pyagrum's and pgmpy's."""
    import pyagrum
    from pgmpy.readwrite import BIFReader

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.bif"
        path.write_text(text_of(name), encoding="utf-8")
        return read_bif(path), pyagrum.loadBN(str(path)), BIFReader(str(path)).get_model()


def turning(bn: dm.BayesianNetwork, evidence: dict[str, str], f: Callable[[dict[str, str]], Any]) -> Callable[[], Any]:
    """A call of f with the evidence, and the next time with the first variable at another value."""
    first = next(iter(evidence))
    states = bn.vars[bn.number(first)].labels
    other = evidence | {first: states[0] if evidence[first] != states[0] else states[1]}
    cases = [evidence, other]

    def call() -> Any:
        cases.reverse()
        return f(cases[1])

    return call


def inference(repeats: int) -> list[str]:
    """One posterior, all posteriors, and a hundred thousand cases."""
    import pyagrum
    from pgmpy.inference import VariableElimination

    one, every = [], []
    for name, (asked, evidence) in QUERIES.items():
        bn, agrum, pgmpy = networks(name)
        lazy = pyagrum.LazyPropagation(agrum)
        lazy.setTargets({asked})
        lazy.setEvidence(evidence)

        def kept(e: dict[str, str], lazy: Any = lazy, asked: str = asked) -> Any:
            for k, value in e.items():
                lazy.chgEvidence(k, value)
            lazy.makeInference()
            return lazy.posterior(asked)

        def ours(e: dict[str, str], bn: Any = bn, asked: str = asked) -> Any:
            return dm.infer(dm.VariableElimination(), bn, asked, e)

        def other(e: dict[str, str], order: str = "greedy", model: Any = pgmpy, asked: str = asked) -> Any:
            asks = VariableElimination(model).query
            return asks([asked], evidence=e, elimination_order=order, show_progress=False)

        warm = turning(bn, evidence, ours)
        assert np.allclose(warm().values, turning(bn, evidence, kept)().toarray(), atol=1e-7)
        few = min(repeats, 5)
        new = [fresh(name) for _ in range(5 * repeats + few + 2)]

        def cold(new: Any = new, asked: str = asked, evidence: Any = evidence) -> Any:
            return dm.infer(dm.VariableElimination(), new.pop(), asked, evidence)

        theirs = turning(bn, evidence, other)
        first, pgmpy_ms, first_ratio = beside(cold, theirs, 5 * repeats, (1, 1))
        again, agrum_ms, agrum_ratio = beside(warm, turning(bn, evidence, kept), repeats, (50, 20))
        pgmpy_ratio = beside(warm, theirs, few, (50, 2))[2]
        filled = turning(bn, evidence, partial(other, order="MinFill"))
        _, filled_ms, filled_ratio = beside(cold, filled, few, (1, 1))
        row = [name, first, again, agrum_ms, agrum_ratio, pgmpy_ms, pgmpy_ratio, first_ratio, filled_ms, filled_ratio]
        one.append(row)
        names = [v.name for v in bn.vars if v.name not in evidence]

        def all_ours(e: dict[str, str], bn: Any = bn, names: Any = names) -> Any:
            return dm.infer(dm.JunctionTree(), bn, names, e)

        whole = pyagrum.LazyPropagation(agrum)
        whole.setEvidence(evidence)

        def all_kept(e: dict[str, str], whole: Any = whole, names: Any = names) -> Any:
            for k, value in e.items():
                whole.chgEvidence(k, value)
            whole.makeInference()
            return [whole.posterior(n) for n in names]

        every.append(
            [name, *beside(turning(bn, evidence, all_ours), turning(bn, evidence, all_kept), repeats, (10, 5))]
        )
    bn = networks("asia")[0]
    D = dm.sample(bn, 100_000, 0)
    cases = {v.name: D[:, i] for i, v in enumerate(bn.vars) if v.name != "dysp"}
    soft = {"xray": dm.Likelihood(np.random.default_rng(0).random((100_000, 2))), "asia": 0}
    work = [partial(dm.infer, dm.VariableElimination(), bn, "dysp", e) for e in (cases, soft)]
    many = [min(cpu_ms(f) for _ in range(9)) for f in work]
    columns = ["network", "first", "again", "pyagrum", "again / pyagrum", "pgmpy", "again / pgmpy", "first / pgmpy"]
    columns += ["pgmpy, min-fill", "first / that"]
    return [
        "One posterior. *first*: of a network that has answered nothing yet, so the plan is made; *again*: another "
        "value in the evidence, as with pyagrum, whose LazyPropagation is kept and told the new values; pgmpy makes a "
        "new VariableElimination, by its own choice of order and, as ours, by min-fill.",
        table(columns, one),
        "All posteriors, `JunctionTree` beside LazyPropagation.",
        table(["network", "ours", "pyagrum", "ours / pyagrum"], every),
        f"100,000 cases at once on asia: {many[0]:.2g} ms with seven variables observed, {many[1]:.2g} ms with a "
        "likelihood of its own for each case.",
    ]


def fresh(name: str) -> dm.BayesianNetwork:
    """A network that has answered nothing yet."""
    bn = networks(name)[0]
    return dm.BayesianNetwork(bn.vars, bn.factors, list(bn.graph.edges()))


def sampling(repeats: int) -> list[str]:
    """Likelihood weighting, ancestral samples and Gibbs sampling, per sample."""
    import pyagrum
    from pgmpy.factors.discrete import State
    from pgmpy.sampling import BayesianModelSampling

    m, few = 100_000, 2_000
    rows = []
    for name in ("asia", "alarm"):
        bn, agrum, pgmpy = networks(name)
        asked, evidence = QUERIES[name]

        def weighted(agrum: Any = agrum, asked: str = asked, evidence: Any = evidence) -> Any:
            ie = pyagrum.WeightedSampling(agrum)
            ie.setEvidence(evidence)
            ie.setMaxIter(few)
            ie.setEpsilon(1e-12)
            ie.setMinEpsilonRate(1e-12)
            ie.setMaxTime(600)
            ie.makeInference()
            assert ie.nbrIterations() >= few
            return ie.posterior(asked)

        states = [State(k, x) for k, x in evidence.items()]
        sampler = BayesianModelSampling(pgmpy)
        work: dict[str, tuple[Any, Any, Any]] = {
            "weighted": (
                lambda bn=bn, q=asked, e=evidence: dm.infer(dm.LikelihoodWeightedSampling(m), bn, q, e, rng=0),
                weighted,
                lambda s=sampler, e=states: s.likelihood_weighted_sample(e, size=few, show_progress=False),
            ),
            "ancestral": (
                lambda bn=bn: dm.sample(bn, m, 0),
                lambda agrum=agrum: pyagrum.BNDatabaseGenerator(agrum).drawSamples(m),
                lambda s=sampler: s.forward_sample(size=few, show_progress=False),
            ),
        }
        for what, (ours, first, second) in work.items():
            per = few if what == "weighted" else m
            pairs = np.array(
                [[cpu_ms(ours) / m, cpu_ms(first) / per, cpu_ms(second) / few] for _ in range(min(repeats, 5))]
            )
            a, b, c = 1e6 * pairs.min(axis=0)
            ratios = [spread(pairs[:, k] / pairs[:, 0], 0) for k in (1, 2)]
            rows.append([f"{name}, {what}", f"{a:,.0f}", f"{b:,.0f}", f"{c:,.0f}", *ratios])
    columns = ["network, samples", "ours", "pyagrum", "pgmpy", "pyagrum / ours", "pgmpy / ours"]
    return [
        f"Time per sample in ns: ours of {m:,}; peers of {few:,}, pyagrum's ancestral samples of {m:,} as well.",
        table(columns, rows),
    ]


def decisions(repeats: int) -> list[str]:
    """A decision network solved, and the value of information."""
    import pyagrum

    from tests.oracles.decisions import diagnosis

    P = diagnosis()
    diagram = pyagrum.InfluenceDiagram()
    for v in P.chance_vars:
        diagram.addChanceNode(pyagrum.LabelizedVariable(v.name, "", v.r))
    diagram.addDecisionNode(pyagrum.LabelizedVariable("T", "", 2))
    diagram.addUtilityNode(pyagrum.LabelizedVariable("U", "", 1))
    for test in ("O1", "O2", "O3"):
        diagram.addArc("D", test)
    for parent in ("D", "T"):
        diagram.addArc(parent, "U")
    diagram.cpt("D").fillWith([0.9, 0.1])
    for test, (a, b) in {"O1": (0.45, 0.995), "O2": (0.3, 0.97), "O3": (0.1, 0.9)}.items():
        diagram.cpt(test)[{"D": 0}], diagram.cpt(test)[{"D": 1}] = [1 - a, a], [1 - b, b]
    for t, d, u in ((0, 0, 0), (0, 1, -10), (1, 0, -1), (1, 1, -1)):
        diagram.utility("U")[{"T": t, "D": d}] = u

    def solved() -> float:
        ie = pyagrum.ShaferShenoyLIMIDInference(diagram)
        ie.addEvidence("O1", 1)
        ie.makeInference()
        return float(ie.MEU()["mean"])

    def informed() -> float:
        values = []
        for known in ((), ("O1", "O2", "O3")):
            ie = pyagrum.ShaferShenoyLIMIDInference(diagram if not known else observed)
            ie.makeInference()
            values.append(float(ie.MEU()["mean"]))
        return values[1] - values[0]

    observed = pyagrum.InfluenceDiagram(diagram)
    for test in ("O1", "O2", "O3"):
        observed.addArc(test, "T")
    assert abs(solved() - dm.solve(P, {"O1": 1})[1]) < 1e-9
    assert abs(informed() - dm.value_of_information(P, ["O1", "O2", "O3"])) < 1e-9
    rows = [
        ["best decision given O1", *beside(lambda: dm.solve(P, {"O1": 1}), solved, repeats, (50, 50))],
        [
            "value of three tests",
            *beside(lambda: dm.value_of_information(P, ["O1", "O2", "O3"]), informed, repeats, (50, 50)),
        ],
    ]
    return ["The network of example 6.4.", table(["work", "ours", "pyagrum", "ours / pyagrum"], rows)]


SECTIONS: dict[str, Callable[[int], list[str]]] = {
    "inference": inference,
    "sampling": sampling,
    "decisions": decisions,
}


def write(name: str, blocks: list[str]) -> None:
    """The section of that name in the file, in place of what it was."""
    versions = ", ".join(f"{package} {version(package)}" for package in ("numpy", "pyagrum", "pgmpy"))
    text = "\n\n".join(
        [f"## {name}", *blocks, f"Python {platform.python_version()}, {versions}. One core, one thread."]
    )
    head = (
        "Part I beside pyagrum and pgmpy. Least CPU time in ms; ratios are the median (minimum-maximum) of neighbours."
    )
    old = FILE.read_text(encoding="utf-8") if FILE.exists() else head + "\n"
    parts = {part.split("\n", 1)[0]: "## " + part.strip() for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]}
    FILE.write_text("\n\n".join([head, *(parts | {name: text}).values()]) + "\n", encoding="utf-8")
    print(text, flush=True)


def main() -> None:
    """Run the sections that are named, or all."""
    import pyagrum

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=", ".join(SECTIONS))
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    pyagrum.setNumberOfThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in options.sections or SECTIONS:
        write(name, SECTIONS[name](options.repeats))


if __name__ == "__main__":
    main()
