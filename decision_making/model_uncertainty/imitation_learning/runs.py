"""A trained policy as the expert: another one learns from it, and both are played (chapter 18)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, count_or_zero, flag, one_of, optional, refuse
from decision_making.files import path_of
from decision_making.model_uncertainty.imitation_learning import (
    BehavioralCloning,
    DataSetAggregation,
    Discriminator,
    GenerativeAdversarialImitation,
    pair_indicators,
)
from decision_making.model_uncertainty.imitation_learning.adversarial import adversarial_rounds
from decision_making.model_uncertainty.imitation_learning.aggregation import aggregated
from decision_making.model_uncertainty.imitation_learning.cloning import cloned
from decision_making.policies import NeuralPolicy, Policy, SoftmaxPolicy
from decision_making.policies.heads import Categorical
from decision_making.problem import RNG, HasStart, offers
from decision_making.sampling import default_rng
from decision_making.simulation import frozen, rollouts
from decision_making.structs import struct
from decision_making.training.book_problems import is_textbook
from decision_making.training.configuration import Configuration
from decision_making.training.parts import made, problem
from decision_making.training.policy_files import Evaluation, TrainedPolicy, evaluate, save_policy, trained
from decision_making.training.runs import (
    CONFIG,
    POLICY,
    TABLE,
    begun,
    check_free,
    read_configuration,
    read_policy,
    write_text,
)
from decision_making.trajectories import Trajectories

Said = Callable[[str], None]

METHODS = ("cloning", "dagger", "gail")
LONGEST_EPISODE = 1000  # steps of a demonstration on gymnasium at most
RIDGE = 1e-4  # of cloning: with an expert that always takes the same action parameters would grow without bound
ITERATIONS = 50  # of L-BFGS, of a cloning
PASSES, LEARNING_RATE, HIDDEN = 1, 3e-4, (32, 32)  # of the discriminator on gymnasium: one that is sure teaches little


@struct
class Imitation:
    """A policy that learnt from an expert, and how both do."""

    learner: TrainedPolicy  # what was learnt
    expert_return: Evaluation  # of the expert's most likely actions
    learner_return: Evaluation  # of the learner's, on the same seeds
    demonstrations: Trajectories = field(repr=False)  # what the expert showed

    def __str__(self) -> str:
        m, steps = len(self.demonstrations), int(self.demonstrations.mask.sum())
        return (
            f"from {m} demonstrations of {steps} steps: return {self.learner_return}; the expert's {self.expert_return}"
        )


@struct
class Asked:
    """The expert of a run, asked for actions: it draws them."""

    policy: TrainedPolicy  # expert

    takes_rng = True

    def __call__(self, s: Array, rng: RNG = None) -> Array:
        """Actions in the states s as the problem gives them to policies."""
        return self.policy.π(self.policy.θ, s, rng)


def imitate(
    folder: Path | str,
    method: str = "gail",
    *,
    demonstrations: int = 10,
    rounds: int | None = None,
    episodes: int = 20,
    seed: int = 0,
    best: bool = False,
    from_scratch: bool = False,
    out: Path | str | None = None,
    allow_imports: bool = False,
    said: Said | None = None,
) -> Imitation:
    """Learn from the policy of a run, play both for so many episodes, and keep the learner in the folder `out`.

    The expert shows so many episodes on the problem of its run, drawing its actions. "cloning" learns from these alone;
    "dagger" also asks the expert, in `rounds` rounds, for its actions in the states that the learner came to; "gail"
    takes `rounds` policy steps with the settings of the run, rewarded by a discriminator. It starts from a cloned
    policy, or with `from_scratch` from a new one, which needs many more steps. None sees the problem's rewards. The
    default is 5 rounds of "dagger" and 50 of "gail". `said` is called with a line of text on each round.

    `out` is folder/imitation-METHOD unless it is given; the commands that look at runs take it. A learner that is there
    already is replaced.

    Raises the errors of `read_configuration` and `read_policy`; ValueError where the expert does not suit the problem
    of its run, and for counts that are not whole numbers >= 1; FileExistsError where `out` holds a run, or a sweep.
    """
    one_of(*METHODS)(None, Named("method"), method)
    count(None, Named("demonstrations"), demonstrations)
    optional(count)(None, Named("rounds"), rounds)
    count_or_zero(None, Named("seed"), seed)
    flag(None, Named("from_scratch"), from_scratch)
    to = path_of(folder, "folder") / f"imitation-{method}" if out is None else path_of(out, "out")
    if not holds_learner(to):
        check_free(to)
    c, expert = read_configuration(folder), read_policy(folder, best=best)
    P = problem_of(c, expert, allow_imports=allow_imports)
    π, d = expert.π, c["depth"] if is_textbook(c["env"]) else LONGEST_EPISODE
    b = P.b if offers(P, HasStart) else None
    rng, said = default_rng(seed), said or (lambda line: None)
    try:
        with frozen(P, learn=False):
            D = rollouts(P, b, π, expert.θ, d, demonstrations, rng)
            θ = made(c.values, P).θ  # what a run with these settings begins with
            if method == "dagger":
                θ = aggregated_from(P, expert, D, θ, rounds or 5, rng, said)
            elif method == "cloning" or not from_scratch:
                θ = cloned(cloning(π), D, θ)
            if method == "gail":
                θ = adversarially_from(P, c, π, D, θ, rounds or 50, rng, said)
            learner = trained(π, θ, P)
            depth = d if is_textbook(c["env"]) else None
            by_expert, by_learner = (evaluate(x, P, episodes, seed=seed, d=depth) for x in (expert, learner))
        save_policy(to / POLICY, π, θ, P)
        write_text(to / CONFIG, c.to_toml())
    finally:
        if hasattr(P, "close"):
            P.close()
    return Imitation(learner, by_expert, by_learner, D)


def holds_learner(folder: Path) -> bool:
    """Whether the folder holds what `imitate` writes, and nothing of a run."""
    return (
        (folder / CONFIG).exists() and (folder / POLICY).exists() and not ((folder / TABLE).exists() or begun(folder))
    )


def problem_of(c: Configuration, expert: TrainedPolicy, *, allow_imports: bool = False) -> Any:
    """The problem of a run as its expert saw it, with the same normalisation of observations, but unscaled rewards.

    ValueError where the expert's policy does not suit it.
    """
    alone = {"blocks": 0, "scale_rewards": False, "noise_correlation": 0.0, "stagger": False}
    values = dict(c.values) | {name: x for name, x in alone.items() if name in c.values}
    P = problem(values, allow_imports=allow_imports, workers=None)
    suited = made(c.values, P).π
    if type(suited) is not type(expert.π) or suited.n != expert.π.n:
        refuse("expert", "π", expert.π, f"the policy of its run's problem, {suited!r}")
    if expert.statistics:
        observed = {f"observed_{name}": x for name, x in expert.statistics.items()}
        P.restore(P.state() | observed | {"observed_count": 1.0})
    return P


def cloning(π: Policy) -> BehavioralCloning:
    """How the methods here clone."""
    return BehavioralCloning(1.0, ITERATIONS, π, optimizer="L-BFGS", ridge=RIDGE)


def aggregated_from(
    P: Any, expert: TrainedPolicy, D: Trajectories, θ: Array, k_max: int, rng: np.random.Generator, said: Said
) -> Array:
    """Parameters by `DataSetAggregation`."""
    b = P.b if offers(P, HasStart) else None
    M = DataSetAggregation(P, cloning(expert.π), k_max, len(D), D.r.shape[1], b, Asked(expert))
    for k, found in enumerate(aggregated(M, D, θ, rng=rng), 1):
        said(f"round {k} of {k_max}: {len(found.D)} pairs")
    return found.θ


def adversarially_from(
    P: Any, c: Configuration, π: Policy, D: Trajectories, θ: Array, k_max: int, rng: np.random.Generator, said: Said
) -> Array:
    """Parameters by `GenerativeAdversarialImitation`, with the policy step of the run."""
    M = GenerativeAdversarialImitation(made(c.values, P).M, π, discriminator(π), k_max)
    for k, found in enumerate(adversarial_rounds(M, D, θ, rng=rng), 1):
        if k % 10 == 0 or k == k_max:
            said(f"round {k} of {k_max}: objective {found.objective:.3f}; where nothing is told {-2 * np.log(2):.3f}")
    return found.θ


def discriminator(π: Policy) -> Discriminator:
    """A discriminator for the pairs of a policy: of its table, of a network, or of quadratic features."""
    if isinstance(π, SoftmaxPolicy):
        return Discriminator(pair_indicators(π.n_states, π.n_actions), π.n_states * π.n_actions, ridge=1e-3)
    if not isinstance(π, NeuralPolicy):
        return Discriminator(quadratic, 5)
    if isinstance(π.head, Categorical):
        eye, width = np.eye(π.head.n), π.head.n
        inputs = lambda s, a: np.hstack([s, eye[a]])  # noqa: E731
    else:
        width = np.atleast_1d(π.mode(np.zeros(π.n), np.zeros(π.sizes[0]))).size
        inputs = lambda s, a: np.hstack([s, np.reshape(a, (len(s), -1))])  # noqa: E731
    options = {"optimizer": "adam", "iterations": PASSES, "learning_rate": LEARNING_RATE, "ridge": 1e-3}
    return Discriminator(inputs, π.sizes[0] + width, HIDDEN, **options)  # type: ignore[arg-type]


def quadratic(s: Array, a: Array) -> Array:
    """s, a, s², s a and a² of real states and actions, (N, 5)."""
    return np.stack([s, a, s * s, s * a, a * a], axis=-1)
