"""Generative adversarial imitation learning (section 18.6; Ho and Ermon 2016).

A discriminator learns to distinguish the learner's state-action pairs from the expert's, and the learner to make that
impossible. Its policy step is any update of chapter 12, or TRPO, on the trajectories that the discriminator has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import attrs
import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    count,
    function,
    not_negative,
    one_of,
    parameters,
    positive,
    refuse,
    widths,
)
from decision_making.model_uncertainty.imitation_learning.cloning import climbed, policy
from decision_making.model_uncertainty.imitation_learning.demonstrations import Demonstrations, demonstrations
from decision_making.model_uncertainty.imitation_learning.rewards import policy_step
from decision_making.policies import Policy
from decision_making.policies.network import Passes, orthogonal, size, values
from decision_making.problem import RNG
from decision_making.sampling import default_rng, indices
from decision_making.sequential_problems.policy_gradient_estimation import recorded
from decision_making.sequential_problems.policy_gradient_optimization import Step, WithCritic
from decision_making.simulation import frozen, policy_parameters
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct
from decision_making.trajectories import Trajectories
from decision_making.trust_region_policy_optimization import TrustRegionPolicyOptimization
from decision_making.trust_region_policy_optimization.adam import adam
from decision_making.trust_region_policy_optimization.update import recorded_batch
from decision_making.verbs import optimize, rounds, step


def _hidden(M: object, attribute: Any, sizes: Any) -> None:
    """Attrs validator: a tuple of whole numbers of at least 1, which may be empty."""
    if not isinstance(sizes, tuple):
        refuse(M, attribute.name, sizes, "a tuple of widths, () for a linear discriminator")
    for width in sizes:
        count(M, attribute, width)


@struct
class Discriminator:
    """C_w(s, a) = 1 / (1 + exp(-z_w(s, a))), the probability that a pair comes from the learner.

    Its logits z are a network of β(s, a), (N, k), which without hidden layers is linear in β. Everything is computed
    from logits, ln C = -softplus(-z) and ln(1 - C) = -softplus(z), so that no logarithm of 0 can occur.

    "adam" makes `iterations` passes through learner's and expert's pairs in minibatches; "L-BFGS" as many iterations
    on all of them. Without hidden layers the objective is concave, and L-BFGS finds the best C for its features.
    """

    β: Callable[[Array, Array], Array] = field(validator=function)  # inputs β(s, a) (N, k) of N pairs
    k: int = field(validator=count)  # number of inputs
    hidden: tuple[int, ...] = field(default=(), converter=widths, validator=_hidden)  # widths of hidden layers
    optimizer: str = field(default="L-BFGS", kw_only=True, validator=one_of("adam", "L-BFGS"))  # of both
    iterations: int = field(default=30, kw_only=True, validator=count)  # of L-BFGS, or passes of Adam
    learning_rate: float = field(default=1e-3, kw_only=True, validator=positive)  # of Adam
    minibatch: int = field(default=256, kw_only=True, validator=count)  # pairs in a minibatch of Adam
    ridge: float = field(default=0.0, kw_only=True, validator=not_negative)  # c of ½ c ‖w‖², keeps C away from 0 and 1

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer."""
        return list(pairwise((self.k, *self.hidden, 1)))

    @property
    def n(self) -> int:
        """Number of parameters."""
        return size(self._shapes)

    def init(self, rng: RNG = None) -> Array:
        """Initial parameters w (n,): C is near 1/2 for every pair."""
        return orthogonal(self._shapes, default_rng(rng), last=0.01)

    def inputs(self, s: Array, a: Array) -> Array:
        """β(s, a) of N pairs, (N, k), finite. ValueError otherwise."""
        x = np.asarray(self.β(s, a), dtype=np.float64)
        if x.shape != (len(s), self.k):
            raise ValueError(f"β(s, a) has shape {x.shape} for {len(s)} pairs: must be (N, k) = {(len(s), self.k)}")
        if not all_finite(x):
            raise ValueError(f"β(s, a) of pair {int(np.argwhere(~np.isfinite(x))[0][0])}: must be finite")
        return x

    def logits(self, w: Array, s: Array, a: Array) -> Array:
        """z (N,) of N pairs."""
        return values(parameters(w, self.n, "w"), self.inputs(s, a), self._shapes)[:, 0]

    def reward(self, w: Array, s: Array, a: Array) -> Array:
        """-ln C_w(s, a), (N,): high where a pair is taken for the expert's; never negative."""
        return softplus(-self.logits(w, s, a))

    def objective(self, w: Array, learner: Any, D: Any) -> float:
        """E_learner[ln C] + E_D[ln(1 - C)] (18.19), in nats: at best -2 ln 2 where both do the same."""
        learner, D = demonstrations(learner), demonstrations(D)
        return float(
            -np.mean(softplus(-self.logits(w, learner.s, learner.a))) - np.mean(softplus(self.logits(w, D.s, D.a)))
        )

    def fit(self, w: Array, learner: Any, D: Any, rng: RNG = None) -> Array:
        """Parameters (n,) of a higher objective, from w on, which is not modified."""
        w, learner, D = parameters(w, self.n, "w"), demonstrations(learner), demonstrations(D)
        x = np.concatenate([self.inputs(learner.s, learner.a), self.inputs(D.s, D.a)])
        sign = np.where(np.arange(len(x)) < len(learner), -1.0, 1.0)  # of z in the loss, softplus(sign z)
        weight = np.where(sign < 0, 1 / len(learner), 1 / len(D))

        passes = Passes(self._shapes)

        def loss(w: Array, i: Any = slice(None), share: float = 1.0) -> tuple[float, Array]:
            """Σ weight softplus(sign z) + ½ c ‖w‖² and its gradient; a minibatch has a share of the rows."""
            forward = passes(w, x[i])
            y = sign[i] * forward.outputs[:, 0]
            down = weight[i] / share * sign[i] * sigmoid(y)
            value = float(np.sum(weight[i] / share * softplus(y)) + self.ridge / 2 * (w @ w))
            return value, forward.pull(down[:, None]) + self.ridge * w

        if self.optimizer == "L-BFGS":

            def up(w: Array) -> tuple[float, Array]:
                value, slope = loss(w)
                return -value, -slope

            return climbed(up, w, self.iterations)
        N = len(x)
        return adam(
            lambda w, i: loss(w, i, len(i) / N)[1],
            *(w, N, self.iterations, self.minibatch, self.learning_rate, default_rng(rng)),
        )


def softplus(z: Array) -> Array:
    """ln(1 + eᶻ), for any z."""
    return np.logaddexp(0.0, z)


def sigmoid(z: Array) -> Array:
    """1 / (1 + e⁻ᶻ), for any z, without overflow."""
    return np.exp(-softplus(-z))


@struct
class GenerativeAdversarialImitation:
    """Train a policy until a discriminator, trained beside it, cannot tell it from the expert (18.19).

    Each of k_max rounds simulates once, fits the discriminator C to the learner's pairs and D, replaces the recorded
    rewards by -ln C, and takes the policy step of `update` on these same trajectories: that of chapter 12's
    `TrustRegionUpdate`, or of `TrustRegionPolicyOptimization` with its critic. The rewards of the problem are never
    used.

    Since -ln C is not negative, an episode that goes on is worth more than one that ends, whatever happens in it: good
    for staying upright, misleading where the aim is to arrive.

    `optimize(M, D, θ)` gives (θ, w), the parameters of policy and discriminator; `rounds(M, D, θ)` each round's
    `Adversarial`. D and θ are not modified.
    """

    update: Any = field(validator=policy_step)  # a struct of chapter 12 with its evidence, or TRPO
    π: Policy = field(validator=policy)  # policy
    C: Discriminator = field(validator=attrs.validators.instance_of(Discriminator))  # discriminator
    k_max: int = field(validator=count)  # number of rounds


class Adversarial(NamedTuple):
    """A round of adversarial imitation."""

    θ: Array  # parameters of the policy (n,)
    w: Array  # parameters of the discriminator
    φ: Array | None  # parameters of the critic, where the update has one
    objective: float  # of the fitted discriminator (18.19); -2 ln 2 where it cannot tell
    taken: Step  # the policy step
    τs: Trajectories  # the trajectories it is made from, as the problem rewarded them


@rounds.register
def adversarial_rounds(
    M: GenerativeAdversarialImitation, D: Any, θ: Array, *, rng: RNG = None
) -> Iterator[Adversarial]:
    """`rounds` of adversarial imitation."""
    rng, D = default_rng(rng), demonstrations(D)
    θ, w = policy_parameters(M.π, θ), M.C.init(rng)
    M.C.inputs(D.s, D.a)  # bad input is found before anything is simulated
    φ = M.update.critic.init(rng) if isinstance(M.update, TrustRegionPolicyOptimization) else None
    with frozen(getattr(M.update, "P", None), learn=False):
        for _ in range(M.k_max):
            τs = simulated(M.update, M.π, θ, rng)
            learner = Demonstrations(*τs.flat()[:2])
            w = M.C.fit(w, learner, D, rng)
            taken = step(M.update, M.π, θ, φ, rng=rng, τs=paid(M.C, w, τs))
            θ, φ = taken.θ, taken.φ
            yield Adversarial(θ, w, φ, M.C.objective(w, learner, D), taken, τs)


@optimize.register
def optimize_adversarially(
    M: GenerativeAdversarialImitation, D: Any, θ: Array, *, rng: RNG = None
) -> tuple[Array, Array]:
    """Parameters of policy and discriminator after the last round."""
    *_, last = adversarial_rounds(M, D, θ, rng=rng)
    return last.θ, last.w


def simulated(update: Any, π: Policy, θ: Array, rng: np.random.Generator) -> Trajectories:
    """The trajectories of one policy step of `update`."""
    if isinstance(update, TrustRegionPolicyOptimization):
        return recorded_batch(update, π, θ, rng, None)
    if isinstance(update, WithCritic):
        raise TypeError(f"update = {update!r}: of updates with a critic only TrustRegionPolicyOptimization is known")
    return recorded(getattr(update, "grad_U", update), π, θ, rng, None)[1]


def paid(C: Discriminator, w: Array, τs: Trajectories) -> Trajectories:
    """The same trajectories with -ln C_w(s, a) for rewards; 0 on padding."""
    r = np.zeros(τs.r.shape)
    r[τs.mask] = C.reward(w, *τs.flat()[:2])
    return attrs.evolve(τs, r=r)


def pair_indicators(n_states: int, n_actions: int) -> Callable[[Array, Array], Array]:
    """β(s, a) of a tabular problem: one input for each pair, (N, S·A).

    It raises TypeError or ValueError for states and actions that there are not, `TooLargeError` for too many numbers.
    """
    count(None, Named("n_states"), n_states)
    count(None, Named("n_actions"), n_actions)
    k = n_states * n_actions

    def indicators(s: Array, a: Array) -> Array:
        pair = indices("s", s, n_states) * n_actions + indices("a", a, n_actions)
        check_size("indicators of pairs", pair.size * k, "give fewer pairs, or features of fewer inputs", NUMBERS)
        x = np.zeros((*pair.shape, k))
        x.reshape(-1)[np.arange(pair.size) * k + pair.ravel()] = 1
        return x

    return indicators
