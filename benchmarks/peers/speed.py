"""Environment steps per second of the whole training loop, and the share of its time inside the simulator."""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from benchmarks.peers import sb3
from benchmarks.peers.report import spread, table, write
from decision_making import NeuralCritic, NeuralPolicy, TrustRegionPolicyOptimization, train
from decision_making.checks import Array
from decision_making.problems import GymnasiumProblem

Options: TypeAlias = dict[str, Any]  # of a struct, by name

STEPS = 20_480  # of one measurement
OWN: Options = {"optimizer": "lbfgs", "iterations": 10, "cg_iterations": 10}  # for the share of the simulator
NORMALIZED: Options = {"normalize_observations": True, "scale_rewards": True}
# steps per update, passes of the critic, conjugate gradient iterations and KL bound as in sb3's configuration
OURS: dict[str, tuple[Options, Options, int]] = {
    "pendulum": ({"γ": 0.9}, {"δ": 0.01, "cg_iterations": 15}, 15),
    "hopper": ({"γ": 0.99} | NORMALIZED, {"δ": 0.01, "cg_iterations": 25}, 20),
    "halfcheetah": ({"γ": 0.99} | NORMALIZED, {"δ": 0.04, "cg_iterations": 25}, 20),
}


def learner(
    name: str, n_envs: int = 32, n: int = 2048, seed: int = 0, cg_iterations: int | None = None, **critic: Any
) -> tuple[TrustRegionPolicyOptimization, NeuralPolicy, Array, Array]:
    """(struct, policy, θ, φ) with sb3's steps per update, and Adam over minibatches of 128 for the critic."""
    problem, update, passes = OURS[name]
    update = update if cg_iterations is None else update | {"cg_iterations": cg_iterations}
    P = GymnasiumProblem(sb3.CONFIGS[name][0], n_envs=n_envs, **problem)
    fitted: Options = {"optimizer": "adam", "iterations": passes, "minibatch": 128, **critic}
    π, V = P.policy(), NeuralCritic((P.observation_width, 64, 64), **fitted)
    M = TrustRegionPolicyOptimization(P, n, V, λ=0.95, **update)
    return M, π, π.init(seed, dtype=np.float32), V.init(seed, dtype=np.float32)


def ours(name: str, seed: int, **options: Any) -> Array:
    """(wall, CPU) seconds per step of our training loop."""
    M, π, θ, φ = learner(name, seed=seed, **options)
    wall, cpu = time.perf_counter(), time.process_time()
    history = train(M, π, θ, φ, rng=seed, steps=STEPS)
    times = np.array([time.perf_counter() - wall, time.process_time() - cpu])
    M.P.close()
    return times / history.steps


def peer(name: str, seed: int) -> Array:
    steps, wall, cpu, _ = sb3.learn(name, seed, STEPS)
    return np.array([wall, cpu]) / steps


def tianshou(seed: int) -> Array:
    from benchmarks.peers.tianshou_trpo import seconds

    steps, wall, cpu = seconds("Hopper-v5", STEPS, seed)
    return np.array([wall, cpu]) / steps


def shares(steps: int, **options: Any) -> list[str]:
    """Shares of the wall time of training on Hopper: mj_* functions, do_simulation, the environment's step, reset."""
    import mujoco
    from gymnasium.envs.mujoco.hopper_v5 import HopperEnv

    spent: dict[str, float] = {}
    patched: list[tuple[Any, str, Callable[..., object]]] = []

    def clocked(owner: Any, name: str, part: str) -> None:
        inner, clock = getattr(owner, name), time.perf_counter

        def timed(*args: object, **kwargs: object) -> object:
            start = clock()
            try:
                return inner(*args, **kwargs)
            finally:
                spent[part] = spent.get(part, 0.0) + clock() - start

        patched.append((owner, name, inner))
        setattr(owner, name, timed)

    for function in ("mj_step", "mj_rnePostConstraint", "mj_forward", "mj_resetData"):
        clocked(mujoco, function, "mj")
    clocked(HopperEnv, "do_simulation", "do_simulation")
    clocked(HopperEnv, "step", "environment")
    clocked(HopperEnv, "reset", "environment")
    try:
        M, π, θ, φ = learner("hopper", **options)
        spent.clear()
        start = time.perf_counter()
        history = train(M, π, θ, φ, rng=0, steps=steps)
        wall = time.perf_counter() - start
    finally:
        for owner, name, inner in patched:
            setattr(owner, name, inner)
    parts = [100 * spent[part] / wall for part in ("mj", "do_simulation", "environment")]
    return [f"{history.steps:,}", f"{history.steps / wall:,.0f}", *(f"{x:.0f} %" for x in parts)]


def main(repeats: int) -> None:
    warnings.simplefilter("ignore")
    rows = []
    for name in OURS:
        runs: dict[str, Callable[[int], Array]] = {
            "sb3-contrib": partial(peer, name),
            "ours": partial(ours, name),
        }
        if name == "hopper":
            runs["tianshou"] = tianshou
        measured: dict[str, list[Array]] = {who: [] for who in runs}
        for seed in range(repeats):
            for who, run in runs.items():
                measured[who].append(run(seed))
                print(name, who, "steps per second, wall and CPU:", 1 / measured[who][-1], flush=True)
        times = {who: np.array(x).T for who, x in measured.items()}
        for who, x in times.items():
            if who != "ours":
                ratios = x / times["ours"]
                per_second = (spread(1 / times[which][1], 0) for which in (who, "ours"))
                rows.append([sb3.CONFIGS[name][0], who, *per_second, spread(ratios[0]), spread(ratios[1])])
    share = [
        ["as above", *shares(200_000)],
        ["L-BFGS critic, 10 iterations; 10 CG iterations", *shares(200_000, **OWN)],
    ]
    write(
        "peers_speed",
        f"Training loops, {STEPS:,} steps each from a fresh start, in turn, {repeats} seeds; median (minimum-maximum). "
        "64×64 tanh networks. sb3-contrib as in rl-baselines3-zoo (2 environments, 2,048 steps per update, 15 or 20 "
        "passes of the critic over minibatches of 128, without gSDE on Pendulum); ours the same numbers, 15 or 25 CG "
        "iterations included, with 32 environments and in float32. tianshou as in its MuJoCo example (16 environments, "
        "1,024 steps per update, 20 critic iterations on the whole batch, 10 CG iterations).",
        table(
            [
                "environment",
                "peer",
                "peer, steps per CPU second",
                "ours, steps per CPU second",
                "ours / peer, wall time",
                "ours / peer, CPU time",
            ],
            rows,
        ),
        "Of the wall time of our training on Hopper-v5: inside MuJoCo's functions (mj_step, mj_rnePostConstraint, "
        "mj_forward, mj_resetData), inside the environment's do_simulation, and inside its step and reset.",
        table(["critic", "steps", "steps per second", "MuJoCo", "do_simulation", "step and reset"], share),
    )
