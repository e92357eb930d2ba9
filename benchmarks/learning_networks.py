"""Learning of networks beside pgmpy and pyagrum: `python -m benchmarks.learning_networks [asia alarm] [--repeats 3]`.

Data are sampled from networks that pgmpy comes with. Writes learning_networks.md; CPU time.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from benchmarks.peers.report import spread, table, write
from decision_making.formats import read_bif

ROWS, ESS = 5000, 10


def cpu_ms(f: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    begun = time.process_time()
    f()
    return 1000 * (time.process_time() - begun)


def beside(ours: Callable[[], object], *others: Callable[[], object] | None, repeats: int) -> list[str]:
    """Least times, ours first, and the ratio of each peer's time to ours, taken in turn: median (minimum-maximum)."""
    ours()
    there = [f for f in others if f is not None]
    times = np.array([[min(cpu_ms(ours) for _ in range(3)), *(cpu_ms(f) for f in there)] for _ in range(repeats)])
    least, ratios = iter(times.min(axis=0)), iter((times / times[:, :1]).T)
    cells, quotients = [f"{next(least):,.1f}"], []
    next(ratios)
    for f in others:
        cells.append("-" if f is None else f"{next(least):,.1f}")
        quotients.append("-" if f is None else spread(next(ratios)))
    return [*cells, *quotients]


def case(name: str) -> tuple[dm.BayesianNetwork, np.ndarray, Any, Any]:
    """A network, data of it (n, m), these as a table of pandas, and as a learner of pyagrum."""
    import pandas as pd
    import pgmpy
    import pyagrum

    bn = read_bif(Path(pgmpy.__file__).parent / "utils" / "example_models" / f"{name}.bif.gz")
    D = dm.sample(bn, ROWS, rng=0).T
    frame = pd.DataFrame(
        {v.name: pd.Categorical.from_codes(row, categories=v.labels) for v, row in zip(bn.vars, D, strict=True)}
    )

    kept: list[Any] = []  # pyagrum does not keep what it is given

    def learner() -> Any:
        pattern = pyagrum.BayesNet()
        for v in bn.vars:
            pattern.add(pyagrum.LabelizedVariable(v.name, v.name, list(v.labels)))
        found = pyagrum.BNLearner(frame.astype(str), pattern)
        found.useScoreBDeu()
        kept[:] = [pattern, found]
        return found

    return bn, D, frame, learner


def rows_of(name: str, repeats: int) -> list[list[str]]:
    """The rows of one network."""
    from pgmpy.causal_discovery import HillClimbSearch
    from pgmpy.models import DiscreteBayesianNetwork
    from pgmpy.parameter_estimator import DiscreteBayesianEstimator
    from pgmpy.structure_score import BDeu

    bn, D, frame, learner = case(name)
    states = {v.name: list(v.labels) for v in bn.vars}
    edges = [(bn.vars[u].name, bn.vars[v].name) for u, v in bn.graph.edges]
    graph = DiscreteBayesianNetwork(edges)
    graph.add_nodes_from(list(states))
    score, order = dm.BDeuScore(ESS), [bn.vars[i].name for i in bn.order]
    whole = BDeu(frame, equivalent_sample_size=ESS, state_names=states).score(graph)
    assert abs(dm.bayesian_score(bn.vars, bn.graph, D, score) - whole) < 1e-6 * abs(whole)

    def learnt(choose: Callable[[Any], object]) -> Any:
        """What pyagrum finds; the learner must live until then."""
        found = learner()
        choose(found)
        return found.learnDAG()

    def smoothed(found: Any) -> Any:
        """The tables of pyagrum, with one more of each value."""
        found.useSmoothingPrior(1)
        return found.learnParameters(learner_dag(bn))

    def climbed() -> Any:
        search = HillClimbSearch(BDeu(frame, ESS, state_names=states), return_type="dag", show_progress=False)
        search.fit(frame)
        return search.causal_graph_

    work: dict[str, tuple[Any, ...]] = {
        "hill climbing, BDeu": (
            lambda: dm.fit(dm.HillClimbing(score=score), bn.vars, D),
            climbed,
            lambda: learnt(lambda x: x.useGreedyHillClimbing()),
        ),
        "K2, right ordering, up to 4 parents": (
            lambda: dm.fit(dm.K2Search(order, max_parents=4, score=score), bn.vars, D),
            None,
            lambda: learnt(lambda x: (x.setMaxIndegree(4), x.useK2(order))),
        ),
        "score of the true graph": (
            lambda: dm.bayesian_score(bn.vars, bn.graph, D, score),
            lambda: BDeu(frame, equivalent_sample_size=ESS, state_names=states).score(graph),
            None,
        ),
        "tables, pseudo-counts of 1": (
            lambda: dm.posterior_mean(bn.vars, bn.graph, D),
            lambda: DiscreteBayesianEstimator(prior_type="K2", state_names=states).fit(graph.copy(), frame),
            lambda: smoothed(learner()),
        ),
    }
    few = {"hill climbing, BDeu": 1 if name == "alarm" else repeats}
    return [[f"{name}, {what}", *beside(*f, repeats=few.get(what, repeats))] for what, f in work.items()]


def learner_dag(bn: dm.BayesianNetwork) -> Any:
    """The graph of a network as pyagrum has it."""
    import pyagrum

    dag = pyagrum.DAG()
    for _ in bn.vars:
        dag.addNode()
    for u, v in bn.graph.edges:
        dag.addArc(u, v)
    return dag


def main() -> None:
    """Run the networks that are named, or both."""
    import pyagrum

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["asia", "alarm"])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    pyagrum.config["core", "default_maxNumberOfThreads"] = 1
    pyagrum.setNumberOfThreads(1)
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = [row for name in options.networks for row in rows_of(name, options.repeats)]
    columns = ["network, work", "ours", "pgmpy", "pyagrum", "pgmpy / ours", "pyagrum / ours"]
    head = (
        f"Learning from {ROWS:,} data. Least CPU time in ms; ratios are the median (minimum-maximum) of runs side by "
        "side. pyagrum's times include reading the table into its database."
    )
    write("learning_networks", head, table(columns, rows), packages=("numpy", "pgmpy", "pyagrum"))


if __name__ == "__main__":
    main()
