"""One TRPO step on a recorded batch: our Fisher product and our step beside torch's and sb3-contrib's.

The batch is synthetic. Conjugate gradients run 10 iterations to the end on both sides (sb3-contrib's residual
tolerance, absolute 1e-10, is set to 0), then the step's length and the line search.
"""

import functools
import time
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import sb3_contrib.trpo.trpo as sb3_trpo
import torch
from attrs import frozen
from gymnasium import spaces
from numpy.typing import ArrayLike
from sb3_contrib import TRPO

from benchmarks.peers.report import spread, table, timed, write
from decision_making import NeuralCritic, NeuralPolicy, Trajectories, TrustRegionPolicyOptimization, step
from decision_making.checks import Array
from decision_making.policies.heads import Categorical, Gaussian
from decision_making.problem import RNG
from decision_making.trust_region_policy_optimization.update import batch

Head: TypeAlias = Categorical | Gaussian

CASES: dict[str, tuple[int, Head]] = {
    "CartPole's shape (4, 2)": (4, Categorical(2)),
    "Hopper's shape (11, 3)": (11, Gaussian(3)),
}
SIZES = (2048, 20_000)
PASSES = 10  # of the critic over the batch


class Shape(gymnasium.Env[Array, ArrayLike]):
    """Carries the spaces; it is never stepped."""

    def __init__(self, width: int, head: Head) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.action_space: spaces.Space[Any] = (
            spaces.Discrete(head.n) if isinstance(head, Categorical) else spaces.Box(-1, 1, (head.k,), np.float32)
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[Array, dict[str, object]]:
        super().reset(seed=seed)
        return np.zeros(self.observation_space.shape or (), np.float32), {}


@frozen
class Unfitted(NeuralCritic):
    """A critic that is not fitted: what is left is the actor's part of the step."""

    def fit(self, φ: Array, s: Array, targets: Array, rng: RNG = None) -> Array:
        return φ


@frozen
class Batch:
    """Made-up steps of one peer model's policy, with advantages that depend on the actions."""

    s: Array
    a: Array
    r: Array


class Peer:
    """sb3-contrib's model.train() on the batch, from the same weights each time."""

    def __init__(self, width: int, head: Head, N: int, passes: int) -> None:
        minibatch = 128 if N % 128 == 0 else 125
        options = {"n_steps": N, "batch_size": minibatch, "n_critic_updates": passes, "cg_max_steps": 10}
        self.model = TRPO("MlpPolicy", Shape(width, head), seed=0, device="cpu", **options)
        self.model._setup_learn(N)
        self.model._current_progress_remaining = 1.0
        rng, buffer = np.random.default_rng(0), self.model.rollout_buffer
        buffer.reset()
        s = rng.normal(size=(N, width)).astype(np.float32)
        with torch.no_grad():
            actions, values, logp = self.model.policy(torch.as_tensor(s))
        a = actions.numpy().reshape(N, -1)
        buffer.observations[:, 0], buffer.actions[:, 0] = s, a
        buffer.values[:, 0], buffer.log_probs[:, 0] = values.numpy()[:, 0], logp.numpy()
        buffer.advantages[:, 0] = np.tanh(s[:, 0]) * a[:, 0] + 0.5 * rng.normal(size=N)
        buffer.returns[:, 0] = s[:, :2].sum(axis=1) + 0.5 * rng.normal(size=N)
        buffer.pos, buffer.full = N, True
        names = ("observations", "actions", "values", "log_probs", "advantages", "returns")
        self.recorded = {name: getattr(buffer, name).copy() for name in names}
        self.weights = {name: x.clone() for name, x in self.model.policy.state_dict().items()}
        actions = a[:, 0].astype(int) if isinstance(head, Categorical) else a
        self.batch = Batch(s, actions, buffer.advantages[:, 0].astype(np.float64))
        self.products: list[float] = []
        product = self.model.hessian_vector_product

        def measured(*args: object, **options: object) -> object:
            start = time.process_time()
            result = product(*args, **options)
            self.products.append(time.process_time() - start)
            return result

        self.model.hessian_vector_product = measured

    def train(self) -> tuple[float, float]:
        for name, x in self.recorded.items():  # sb3 flattens its buffer in place
            setattr(self.model.rollout_buffer, name, x.copy())
        self.model.rollout_buffer.generator_ready = False
        self.model.policy.load_state_dict(self.weights)
        self.products.clear()
        return timed(self.model.train)[1], float(np.median(self.products))


class Ours:
    """Our step on the same batch; advantages from its rewards, V = 0 apart from the initial critic."""

    def __init__(self, width: int, head: Head, batch: Batch, passes: int, dtype: type[np.floating]) -> None:
        N, rows = len(batch.s), 16

        def shaped(x: Array) -> Array:
            return x.reshape(rows, N // rows, *x.shape[1:])

        s, a, r = map(shaped, (batch.s.astype(dtype), batch.a, batch.r))
        self.τs = Trajectories(s, a, r, s_end=batch.s[:rows])
        self.π = NeuralPolicy((width, 64, 64), head)
        kind = NeuralCritic if passes else Unfitted
        minibatch = 128 if N % 128 == 0 else 125
        critic = kind((width, 64, 64), optimizer="adam", iterations=passes or 1, minibatch=minibatch)
        self.θ, self.φ = self.π.init(0, dtype=dtype), critic.init(0, dtype=dtype)
        problem = type("Recorded", (), {"γ": 0.99, "collect": None})()
        self.M = TrustRegionPolicyOptimization(problem, N, critic, 0.01, λ=0.95)

    def train(self) -> tuple[float, float]:
        took = timed(lambda: step(self.M, self.π, self.θ, self.φ, rng=0, τs=self.τs))[1]
        here = batch(self.M, self.π, self.θ, self.τs, np.zeros(self.τs.mask.sum()), 0)
        F = here.damped_fisher(self.M.update_rule.damping)
        v = np.ones_like(self.θ)
        return took, float(np.median([timed(F, v)[1] for _ in range(10)]))


def main(repeats: int) -> None:
    solver = sb3_trpo.conjugate_gradient_solver
    sb3_trpo.conjugate_gradient_solver = functools.partial(solver, residual_tol=0.0)
    products: list[list[str]] = []
    steps: list[list[str]] = []
    growth: list[list[str]] = []
    for label, (width, head) in CASES.items():
        medians = {}
        for N in SIZES:
            peers = [Peer(width, head, N, passes) for passes in (0, PASSES)]
            batch = peers[0].batch
            runs: dict[str, Peer | Ours] = {
                "sb3 actor": peers[0],
                "actor": Ours(width, head, batch, 0, np.float32),
                "actor f64": Ours(width, head, batch, 0, np.float64),
                "sb3 whole": peers[1],
                "whole": Ours(width, head, batch, PASSES, np.float32),
            }
            measured: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
            for repeat in range(repeats + 1):
                for name, run in runs.items():
                    took = run.train()
                    if repeat:  # the first one warms up
                        measured[name].append(took)
            times = {name: 1e3 * np.array(x).T for name, x in measured.items()}
            medians[N] = {name: np.median(x, axis=1) for name, x in times.items()}
            (sb3, torch_product), (ours, single), (_, double) = (times[x] for x in ("sb3 actor", "actor", "actor f64"))
            products.append(
                [
                    *(label, f"{N:,}", spread(torch_product, 2), spread(single, 2), spread(double, 2)),
                    *(spread(torch_product / single), spread(torch_product / double)),
                ]
            )
            for part, peer, own in (
                ("actor alone", sb3, ours),
                ("with the critic", times["sb3 whole"][0], times["whole"][0]),
            ):
                steps.append([label, f"{N:,}", part, spread(peer), spread(own), spread(peer / own)])
            print(products[-1], *steps[-2:], sep="\n", flush=True)
        small, large = (medians[N] for N in SIZES)
        names = {"actor": "actor alone", "whole": "with the critic", "actor f64": "actor alone, float64"}
        for name, shown in names.items():
            step_growth, product_growth = large[name] / small[name]
            growth.append([label, shown, f"{step_growth:.1f}", f"{product_growth:.1f}"])
    write(
        "peers_update",
        f"One TRPO step on a recorded batch of N steps, 64×64 tanh network: gradient, 10 conjugate gradient steps, "
        f"line search. CPU milliseconds, median (minimum-maximum) of {repeats} runs in turn; ratios pair by pair.",
        "One Fisher-vector product (torch's is the median of the products within a step; ours is damped):",
        table(
            [
                "network",
                "N",
                "torch float32, ms",
                "ours float32, ms",
                "ours float64, ms",
                "torch / float32",
                "torch / float64",
            ],
            products,
        ),
        f"The whole step, float32. The actor alone: `model.train()` without critic updates beside a step whose critic "
        f"is left alone (values and advantages are computed in our step, outside `train()` in sb3-contrib). With the "
        f"critic: {PASSES} passes of Adam over minibatches of 128 (125 for N = 20,000) on both sides.",
        table(["network", "N", "part", "sb3-contrib, ms", "ours, ms", "sb3-contrib / ours"], steps),
        "Growth of our medians from N = 2,048 to N = 20,000, which is 9.8 times as many:",
        table(["network", "part", "step", "Fisher product"], growth),
    )
