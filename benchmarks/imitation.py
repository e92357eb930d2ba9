"""Chapter 18 beside the listing as loops, scikit-learn and the package `imitation`; writes imitation.md.

    python -m benchmarks.imitation [--package ENV/bin/python] [--seeds 3]

scikit-learn is beside it where it is installed. The package `imitation` wants a gymnasium older than this library's, so
it has an environment of its own, in which benchmarks/peers/imitation_package.py runs:

    python -m venv ENV && ENV/bin/pip install imitation==1.0.1 "numpy<2.3"

Processor time, each beside its peer in turn, the median of several pairs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from benchmarks.learners import ratio, seconds, us
from decision_making.model_uncertainty.imitation_learning.runs import imitate
from decision_making.policies import NeuralPolicy
from decision_making.policies.heads import Categorical
from decision_making.problems import HexWorld
from decision_making.training import Configuration
from decision_making.training.runs import run

OUT = Path(__file__).with_suffix(".md")
Row = tuple[str, str, str, str, str]
ROUNDS, STEPS = 50, 1024  # of adversarial imitation, and environment steps of each


def shown_by_the_soft_policy(P: dm.MDP, d: int, m: int = 200) -> tuple[dm.Trajectories, np.ndarray]:
    """Demonstrations of depth d by the soft policy of the true rewards, and where they start."""
    b = HexWorld().b
    π = dm.soft_policy(P, np.where(np.isfinite(P.R.array), P.R.array, 0.0), d).π
    rng, s, steps = np.random.default_rng(0), np.random.default_rng(1).choice(len(b), m, p=b), []
    for k in range(d):
        a = (π[k, s].cumsum(axis=1) > rng.random((m, 1))).argmax(axis=1)
        s_next, r = P.TR(s, a, rng)
        steps.append((s, a, r))
        s = s_next
    s, a, r = (np.stack(x, axis=1) for x in zip(*steps, strict=True))
    return dm.Trajectories(s, a, r), b


def visitations_of_the_listing(S: Any, A: Any, b: Any, π: Any, T: Any, γ: float, d: int) -> Any:
    """Algorithm 18.6: the visitations of a policy as the listing sums them, T(s, a, s') and π(a, s) being functions."""
    now, total = list(b), list(b)
    for _ in range(d - 1):
        now = [γ * sum(now[s] * sum(T(s, a, t) * π(a, s) for a in A) for s in S) for t in S]
        total = [x + y for x, y in zip(total, now, strict=True)]
    return [x / sum(total) for x in total]


def entropy_rows() -> list[Row]:
    """A gradient of maximum entropy inverse reinforcement learning on hex world, beside the listing's sums."""
    world, d = HexWorld(), 10
    P = dm.MDP.from_arrays(world.T.array, world.R.array, world.γ)
    D, b = shown_by_the_soft_policy(P, d)
    M = dm.MaximumEntropyIRL(P, b, d, np.eye(150).reshape(25, 6, 150), 0.01, 50)
    table = np.full((25, 6), 1 / 6)

    def listed() -> None:
        visitations_of_the_listing(range(25), range(6), b, lambda a, s: table[s, a], P.T, P.γ, d)

    (c, a), times = ratio(listed, lambda: dm.optimize(M, D, np.zeros(150)), (1, 51))
    return [
        (
            "maximum entropy, a gradient, hex world, d = 10",
            us(a),
            f"the listing's visitation sums as Python loops {us(c)}",
            f"{times:.0f} × faster",
            "≥ 200 ×",
        )
    ]


def cloning_rows(n: int, k: int = 8, actions: int = 4) -> list[Row]:
    """A linear softmax policy cloned by L-BFGS, beside scikit-learn's multinomial regression on the same pairs."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return []
    rng, c = np.random.default_rng(0), 1e-4
    s, w = rng.normal(size=(n, k)), rng.normal(size=(k, actions))
    a = np.argmax(s @ w + rng.gumbel(size=(n, actions)), axis=1)
    π = NeuralPolicy((k,), Categorical(actions))
    M = dm.BehavioralCloning(1.0, 100, π, optimizer="L-BFGS", ridge=c)
    D, peer = dm.Demonstrations(s, a), LogisticRegression(C=1 / (c * n), max_iter=100)
    θ = dm.optimize(M, D, np.zeros(π.n))
    peer.fit(s, a)
    theirs = float(np.log(peer.predict_proba(s)[np.arange(n), a]).mean())
    (p, o), times = ratio(lambda: peer.fit(s, a), lambda: dm.optimize(M, D, np.zeros(π.n)), (1, 1), 5)
    return [
        (
            f"cloning, {n:,} pairs, {k} features, {actions} actions",
            f"{o * 1e3:.1f} ms, mean log-likelihood {dm.mean_log_likelihood(π, θ, D):.6f}",
            f"scikit-learn's LogisticRegression {p * 1e3:.1f} ms, {theirs:.6f}",
            f"{times:.1f} × faster",
            "≥ 1 ×",
        )
    ]


def asked(package: str, folder: Path, *task: str) -> Any:
    """What benchmarks/peers/imitation_package.py prints, run by the package's own Python."""
    script = Path(__file__).parent / "peers" / "imitation_package.py"
    command = [package, "-I", "-W", "ignore", str(script), str(folder), *task]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def rows_beside_entropy_of_the_package(package: str, folder: Path) -> list[Row]:
    """An iteration of each, rewards of states, no discount; and how far the visits are from the data's at the end."""
    d, world, k_max = 10, HexWorld(), 500
    P = dm.MDP.from_arrays(world.T.array, world.R.array, 1.0)
    D, _ = shown_by_the_soft_policy(P, d, 20_000)
    b = np.bincount(D.s[:, 0], minlength=25) / len(D)
    features = np.repeat(np.eye(25)[:, None], 6, axis=1)
    M = dm.MaximumEntropyIRL(P, None, d, features, 1e-4, k_max)
    visits = np.bincount(D.s.ravel(), minlength=25) / len(D)
    np.savez(folder / "entropy.npz", T=P.T.array, b=b, visits=visits, d=d, k_max=k_max)
    spent = seconds(lambda: dm.optimize(M, D, np.zeros(25))) / (k_max + 1)
    off = float(abs(dm.pair_visitations(P, b, dm.optimize(M, D, np.zeros(25))[1], d).sum(axis=(0, 2)) - visits).max())
    theirs = asked(package, folder, "entropy")
    return [
        (
            f"maximum entropy, hex world, an iteration; visits off the data's after {k_max}",
            f"{us(spent)}; {off:.1e}",
            f"imitation's MCEIRL {us(theirs['seconds'])}; {theirs['off']:.1e}",
            f"{theirs['seconds'] / spent:.0f} × faster",
            "-",
        ),
    ]


def rows_beside_gail_of_the_package(package: str, folder: Path, seeds: int) -> list[Row]:
    """Adversarial imitation on CartPole, both from nothing: the same demonstrations, and as many environment steps.

    Our seconds include the expert's showing and 40 episodes that are played at the end.
    """
    settings = {"env": "CartPole-v1", "updates": 60, "n_envs": 8, "steps_per_update": STEPS}
    run(Configuration(settings), folder / "expert")
    ours, spent, theirs, expert = [], [], [], 0.0
    for seed in range(seeds):
        begun = time.process_time()
        found = imitate(folder / "expert", "gail", rounds=ROUNDS, seed=seed, from_scratch=True)
        spent.append(time.process_time() - begun)
        ours.append(found.learner_return.mean)
        D, expert = found.demonstrations, found.expert_return.mean
        np.savez(folder / "gail.npz", s=D.s, a=D.a, s_end=D.s_end, lengths=D.lengths, steps=ROUNDS * STEPS)
        theirs.append(asked(package, folder, "gail", str(seed)))
    returns, times = [x["return"] for x in theirs], [x["seconds"] for x in theirs]
    said = lambda x: ", ".join(f"{y:.0f}" for y in x)  # noqa: E731
    return [
        (
            f"GAIL, CartPole, {ROUNDS * STEPS:,} steps from nothing, expert {expert:.0f}; returns of {seeds} seeds",
            f"{np.median(spent):.1f} s, returns {said(ours)}",
            f"imitation's GAIL with PPO {np.median(times):.1f} s, {said(returns)}",
            f"{np.median(times) / np.median(spent):.1f} × faster",
            "-",
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", help="a Python that has the package imitation")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = [*entropy_rows(), *cloning_rows(2_000), *cloning_rows(20_000)]
    if options.package:
        with tempfile.TemporaryDirectory() as folder:
            rows += rows_beside_entropy_of_the_package(options.package, Path(folder))
            rows += rows_beside_gail_of_the_package(options.package, Path(folder), options.seeds)
    lines = ["| work | here | beside | ratio | goal |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(OUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
