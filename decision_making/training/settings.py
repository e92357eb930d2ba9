"""The table of settings: each with its default, what it may be, and what it means.

`Configuration` checks by it, and `decision-making settings` prints it. What a setting may be is said by its check, in
the words of the check's own error; the settings of a rule, and others that are a field of a struct, have the check and
the comment of that field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from decision_making.checks import (
    Named,
    count,
    count_or_zero,
    discount,
    enough_for_an_interval,
    finite,
    flag,
    is_number,
    not_negative,
    one_of,
    optional,
    positive,
    refuse,
)
from decision_making.structs import ascii_name, field_comments, struct
from decision_making.training.book_problems import PROBLEMS, is_textbook
from decision_making.training.presets import PRESETS
from decision_making.trust_region_policy_optimization import NeuralCritic, TrustRegionPolicyOptimization
from decision_making.trust_region_policy_optimization.update import BOUNDED, NAMED_RULES

TRPO = TrustRegionPolicyOptimization
WIDEST = 65_536  # units in a layer at most


@struct
class Setting:
    """One line of the table."""

    default: Any  # None: not given
    check: Any  # validator of attrs
    said: str | tuple[Any, str]  # what it means, or the struct and its field whose comment says it

    @property
    def allowed(self) -> str:
        """What it may be, in the words of the check's error.

        >>> COMMON["gamma"].allowed
        'a number in [0, 1]'
        """
        try:
            self.check(None, Named("x"), _Nothing())
        except (ValueError, TypeError) as error:
            return str(error).partition("must be ")[2]
        return "anything"

    @property
    def meaning(self) -> str:
        """What it means, in a few words."""
        return self.said if isinstance(self.said, str) else field_comments(self.said[0])[self.said[1]]


class _Nothing:
    """A value that no check lets pass."""


def _of(struct: Any, field: str, default: Any, said: str = "") -> Setting:
    """The setting that is a field of a struct, with its check; `said` where its comment needs the struct around it."""
    return Setting(default, getattr(attrs.fields(struct), field).validator, said or (struct, field))


def _widths(M: Any, field: Any, x: Any) -> None:
    """Validator: a list of layer widths."""
    whole = isinstance(x, list | tuple) and all(isinstance(k, int) and not isinstance(k, bool) for k in x)
    if not (whole and all(0 < k <= WIDEST for k in x)):
        refuse(M, field.name, x, f"a list of whole numbers in 1..{WIDEST}, such as [64, 64]")


def _environment(M: Any, field: Any, x: Any) -> None:
    """Validator: the name of an environment."""
    if not isinstance(x, str) or not x:
        refuse(M, field.name, x, f"a gymnasium id or one of {', '.join(PROBLEMS)}")


UPDATES = {name.replace("_", "-"): name for name in NAMED_RULES}  # names on the command line: short names of rules

# settings of every run
COMMON: dict[str, Setting] = {
    "env": Setting("", _environment, "what to learn"),
    "update": Setting("trust-region", one_of(*UPDATES), "rule of the update; clamped is PPO's"),
    "preset": Setting(None, optional(one_of(*PRESETS)), "a peer's settings, in place of the defaults"),
    "seed": Setting(0, count_or_zero, "what all random numbers follow from"),
    "steps": Setting(None, optional(count), "stop after so many environment steps; gymnasium, no limit: 100,000"),
    "updates": Setting(None, optional(count), "stop after so many updates; book's problems, no limit: 100"),
    "seconds": Setting(None, optional(positive), "stop after so many seconds of work"),
    "threshold": Setting(None, optional(finite), "stop when the mean return of 100 episodes reaches it"),
    "checkpoint_every": Setting(50, count, "updates from one checkpoint to the next"),
    "eval_every": Setting(None, optional(count), "updates from one evaluation to the next; not given: none"),
    "eval_episodes": Setting(20, enough_for_an_interval, "episodes of an evaluation"),
    "tensorboard": Setting(False, flag, "write event files for TensorBoard"),
    "gamma": Setting(None, optional(discount), "discount γ; not given: 0.99, or 0.999 if a first look says so"),
    "hidden": Setting(None, optional(_widths), "widths of the policy's hidden layers; not given: [32, 32] or [64, 64]"),
}
# those that say when a run ends and what it writes, not what its update is
OF_A_RUN = (
    "steps",
    "updates",
    "seconds",
    "threshold",
    "checkpoint_every",
    "eval_every",
    "eval_episodes",
    "tensorboard",
)
# further settings of runs on gymnasium environments
GYMNASIUM: dict[str, Setting] = {
    "n_envs": Setting(16, count, "copies of the environment, stepped at once"),
    "blocks": Setting(0, count_or_zero, "tasks of a batch that workers share; 0: one process, episodes go on"),
    "steps_per_update": Setting(None, optional(count), "steps of a batch, of all copies; not given: 1024 to 4096"),
    "lambda": Setting(None, optional(discount), "λ of the generalized advantages; not given: 1 - √(1 - γ) / 2"),
    "cg_iterations": _of(TRPO, "cg_iterations", 10),
    "fisher_subsample": _of(TRPO, "fisher_subsample", 1.0, "share of the states in Fisher products"),
    "gate": _of(TRPO, "gate", 0.01, "δ times what the critic explained, but times this at least; 1: δ"),
    "anneal": _of(TRPO, "anneal", 0.0, "last share of the steps, or updates, in which δ falls to a 20th"),
    "selection": _of(TRPO, "selection", 0.05, "last share of the steps, in which the last policies are compared"),
    "max_kl": _of(TRPO, "max_kl", None, "bound on KL in every state (delta: the mean); not given: 0.3 or none"),
    "advantage": _of(TRPO, "advantage", "generalized"),
    "normalize_advantages": _of(TRPO, "normalize_advantages", True, "advantages to mean 0, deviation 1"),
    "minibatch": _of(TRPO, "minibatch", 64, "steps in a minibatch, of penalized and clamped updates"),
    "activation": _of(NeuralCritic, "activation", "tanh", "what the hidden layers of both networks end in"),
    "critic": Setting("neural", one_of("neural", "linear"), "network, or polynomial of the observation"),
    "critic_hidden": Setting(None, optional(_widths), "widths of the critic's hidden layers; not given: as `hidden`"),
    "critic_optimizer": _of(NeuralCritic, "optimizer", "lbfgs", "what fits the critic's network"),
    "critic_iterations": Setting(
        None, optional(count), "of L-BFGS, or passes of Adam; not given: 15, more in short episodes"
    ),
    "critic_learning_rate": _of(NeuralCritic, "learning_rate", 1e-3, "step factor of the critic's Adam"),
    "critic_minibatch": _of(NeuralCritic, "minibatch", 128, "states in a minibatch of the critic's Adam"),
    "log_sigma": Setting(None, optional(finite), "first log σ of k real actions; not given: σ = √6 / k, at most 1"),
    "noise_correlation": Setting(0.0, discount, "correlation in time of the noise, in a quarter of the copies"),
    "rescale_actions": Setting(True, flag, "-1 and 1 of the policy are the bounds of real actions"),
    "stagger": Setting(True, flag, "let the copies' episodes end in turn, where a time limit ends them"),
    "normalize_observations": Setting(None, optional(flag), "centre and scale them; not given: unless all are 0 or 1"),
    "scale_rewards": Setting(True, flag, "divide rewards by the deviation of the returns"),
}
# further settings of runs on textbook problems
TEXTBOOK: dict[str, Setting] = {
    "gamma": Setting(0.9, discount, "discount factor γ"),  # in place of the other runs'
    "depth": Setting(10, count, "steps of a trajectory"),
    "trajectories": Setting(100, count, "trajectories of an update"),
}

# defaults of a rule on textbook problems, where its struct has none or another; for gymnasium NAMED_RULES has them
TEXTBOOK_RULES: dict[str, dict[str, Any]] = {
    "trust-region": {"epsilon": 0.05, "alpha": 0.5},
    "natural": {"epsilon": 0.05},
    "restricted": {"epsilon": 0.05},
    "penalized": {"beta": 1.0, "alpha": 0.01, "k_max": 10},
    "clamped": {"epsilon": 0.2, "alpha": 0.01, "k_max": 10},
    "gradient": {"alpha": 0.01},
}
NOT_SETTINGS = {"clip"}  # fields of rules that a run cannot set
OF_TRAJECTORIES = {"direction", "over_steps"}  # fields without meaning for a batch of single steps


def plain(name: str) -> str:
    """The name of a field as a setting: `β_max` is `beta_max`, and λ is `lambda`, which files may say."""
    spelt = ascii_name(name)
    return "lambda" if spelt == "lam" else spelt


def rule_fields(struct: Any) -> list[Any]:
    """The fields of a rule that are settings of a run."""
    return [a for a in attrs.fields(struct) if a.name not in struct.evidence and a.name not in NOT_SETTINGS]


def rule_defaults(env: str, update: str) -> dict[str, Any]:
    """The settings of the update's rule, with their defaults in this environment; None: follows from others."""
    struct, own = NAMED_RULES[UPDATES[update]]
    found = {a.name: a.default for a in rule_fields(struct) if a.default is not attrs.NOTHING}
    if is_textbook(env):
        return {plain(k): x for k, x in found.items()} | TEXTBOOK_RULES[update] | PROBLEMS[env].rules.get(update, {})
    found = {plain(name): x for name, x in (found | own).items() if name not in OF_TRAJECTORIES}
    of_all = {"delta": None} if issubclass(struct, BOUNDED) else {}
    return found | of_all | ({"damping": None} if "damping" in found else {})


def rule_settings(env: str, update: str) -> dict[str, Setting]:
    """The lines of the table for the update's rule; one that has no default there is found by its check alone."""
    struct, known = NAMED_RULES[UPDATES[update]][0], rule_defaults(env, update)
    found = {plain(a.name): _of(struct, a.name, known.get(plain(a.name))) for a in rule_fields(struct)}
    if not is_textbook(env):
        of_kl = "bound on the mean KL, in nats; not given: 0.04, more for many actions"
        of_θ = "bound on half the squared change of θ; not given: 0.04"
        found["delta"] = Setting(None, optional(positive), of_θ if update == "restricted" else of_kl)
        said = "c in F + cI; not given: 0.1, more for many observations or γ > 0.99"
        found["damping"] = Setting(None, optional(not_negative), said)
    return {name: line for name, line in found.items() if name in known}


def table(env: str, update: str = "trust-region") -> dict[str, Setting]:
    """All settings of a run of this environment with this update; the defaults are those without a preset."""
    lines = {**COMMON, **(TEXTBOOK if is_textbook(env) else GYMNASIUM), **rule_settings(env, update)}
    own = (PROBLEMS[env].settings if env in PROBLEMS else {}) | {"env": env, "update": update}
    return {name: attrs.evolve(line, default=own.get(name, line.default)) for name, line in lines.items()}


def defaults(env: str, update: str = "trust-region", preset: str | None = None) -> dict[str, Any]:
    """All settings of a run of this environment with this update, with their defaults, or those of a preset."""
    known = {name: line.default for name, line in table(env, update).items()}
    return known | (PRESETS[preset].settings if preset else {}) | {"preset": preset}


def all_settings() -> set[str]:
    """The names of the settings of all runs."""
    return {name for update in UPDATES for env in ("", "SimpleRegulator") for name in table(env, update)}


def shown(value: object) -> str:
    """A default or a value in the list of settings."""
    if value is None:
        return "not given"
    return f"{value:g}" if is_number(value) and isinstance(value, float) else str(value).replace("'", '"')


def lines(env: str, update: str, preset: str | None = None) -> list[tuple[str, str, str, str]]:
    """The table as `decision-making settings` prints it: name, default, what is allowed, what it means."""
    values: Mapping[str, Any] = defaults(env, update, preset)
    return [
        (name, shown(values[name]), line.allowed, line.meaning)
        for name, line in table(env, update).items()
        if name != "env"
    ]
