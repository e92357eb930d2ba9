"""The settings of a run, as names and plain values: checked, read from TOML, written to it, and made into objects.

A configuration reproduces a run: environment, update rule, seed, limits and settings. There are two families. A
textbook problem (`PROBLEMS`) is simulated, m trajectories of depth d, and learnt by an update of chapter 12; anything
else is a gymnasium id, and learnt by `TrustRegionPolicyOptimization` with one of its rules.
"""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Mapping
from importlib import metadata
from typing import Any, NamedTuple

import attrs
import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    Named,
    count,
    count_or_zero,
    discount,
    finite,
    flag,
    one_of,
    optional,
    positive,
    refuse,
    suggestion,
)
from decision_making.policies import LinearGaussianPolicy, Policy, SoftmaxPolicy
from decision_making.sequential_problems.policy_gradient_estimation import RewardToGoGradient
from decision_making.sequential_problems.policy_gradient_optimization import PolicyGradientUpdate
from decision_making.structs import struct
from decision_making.trust_region_policy_optimization import LinearCritic, NeuralCritic, TrustRegionPolicyOptimization
from decision_making.trust_region_policy_optimization.update import BOUNDED, NAMED_RULES

# settings of every run, with their defaults; None means "not given"
COMMON: dict[str, Any] = {
    "env": "",
    "update": "trust-region",
    "seed": 0,
    "steps": None,
    "updates": None,
    "seconds": None,
    "threshold": None,
    "checkpoint_every": 50,
    "gamma": 0.99,
    "hidden": [64, 64],
}
# further settings of runs on gymnasium environments
GYMNASIUM: dict[str, Any] = {
    "n_envs": 16,
    "blocks": 0,
    "steps_per_update": 1024,
    "lambda": 0.97,
    "cg_iterations": 10,
    "fisher_subsample": 1.0,
    "gate": 0.05,
    "max_kl": None,
    "advantage": "generalized",
    "normalize_advantages": True,
    "minibatch": 64,
    "critic": "neural",
    "critic_iterations": 15,
    "log_sigma": -0.5,
    "noise_correlation": 0.0,
    "rescale_actions": True,
    "stagger": True,
    "normalize_observations": None,
    "scale_rewards": True,
}
# further settings of runs on textbook problems
TEXTBOOK: dict[str, Any] = {
    "depth": 10,
    "trajectories": 100,
}

OF_THE_PROBLEM = (
    "n_envs",
    "normalize_observations",
    "scale_rewards",
    "rescale_actions",
    "noise_correlation",
    "stagger",
)

UPDATES = {name.replace("_", "-"): name for name in NAMED_RULES}  # names on the command line: short names of rules
# defaults of a rule on textbook problems, where its struct has none or another; for gymnasium NAMED_RULES has them
TEXTBOOK_RULES: dict[str, dict[str, Any]] = {
    "trust-region": {"epsilon": 0.05, "alpha": 0.5},
    "natural": {"epsilon": 0.05},
    "restricted": {"epsilon": 0.05},
    "penalized": {"beta": 1.0, "alpha": 0.01, "k_max": 10},
    "clamped": {"epsilon": 0.2, "alpha": 0.01, "k_max": 10},
    "gradient": {"alpha": 0.01},
}
PLAIN = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "λ": "lambda",
    "σ": "sigma",
}  # Greek letters in settings
NOT_SETTINGS = {"clip"}  # fields of rules that a run cannot set
OF_TRAJECTORIES = {"direction", "over_steps"}  # fields without meaning for a batch of single steps


def plain(name: str) -> str:
    """The name of a field as a setting: `β_max` is `beta_max`."""
    return "".join(PLAIN.get(letter, letter) for letter in name)


WIDEST = 65_536  # units in a layer at most
LARGEST = 2**63 - 1  # of whole numbers
LONGEST = 8192  # bytes of settings in TOML; those of a run are about a thousand


def _widths(M: Any, field: Any, x: Any) -> None:
    """Validator: a list of layer widths."""
    whole = isinstance(x, list | tuple) and all(isinstance(k, int) and not isinstance(k, bool) for k in x)
    if not (whole and all(0 < k <= WIDEST for k in x)):
        refuse(M, field.name, x, f"a list of whole numbers in 1..{WIDEST}")


def _of_struct(struct: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Validators of settings that are fields of a struct; `names` maps each setting to its field."""
    return {name: getattr(attrs.fields(struct), field).validator for name, field in names.items()}


# validator of each setting; those of a rule's own fields come from its struct
CHECKS: dict[str, Any] = {
    "update": one_of(*UPDATES),
    "critic": one_of("neural", "linear"),
    "hidden": _widths,
    **dict.fromkeys(("steps", "updates"), optional(count)),
    **dict.fromkeys(("n_envs", "steps_per_update", "critic_iterations"), count),
    **dict.fromkeys(("checkpoint_every", "depth", "trajectories"), count),
    **dict.fromkeys(("seed", "blocks"), count_or_zero),
    **dict.fromkeys(("rescale_actions", "scale_rewards", "stagger"), flag),
    "normalize_observations": optional(flag),
    "noise_correlation": discount,
    "gamma": discount,
    "seconds": optional(positive),
    "threshold": optional(finite),
    "log_sigma": finite,
    **_of_struct(
        TrustRegionPolicyOptimization,
        {"delta": "δ", "lambda": "λ"}
        | {name: name for name in ("cg_iterations", "fisher_subsample", "gate", "max_kl", "advantage", "minibatch")}
        | {"normalize_advantages": "normalize_advantages"},
    ),
}


class Parts(NamedTuple):
    """What `train` takes."""

    M: Any  # update
    π: Policy  # policy
    θ: Array  # (n,), its first parameters
    φ: Array | None  # first parameters of the critic, if there is one


class Problem(NamedTuple):
    """One line of the list of problems, and the problem's own defaults of settings."""

    chapter: str  # chapters or sections of the book
    state: str  # what a state is, in words
    action: str  # what an action is, in words
    horizon: str  # when a trajectory ends, in words
    textbook: bool  # simulated as trajectories of fixed depth; the others step as gymnasium environments
    settings: dict[str, Any]  # own defaults, by setting
    rules: dict[str, dict[str, Any]] = {}  # own defaults of the rule's settings, by update  # noqa: RUF012


# more trajectories than the table's 150 parameters, and enough damping that actions of tiny probability do not matter
_HEXES = {"gamma": 0.9, "depth": 30, "trajectories": 2000}
_HEX_RULES = {
    **{update: {"epsilon": 0.3, "damping": 0.01} for update in ("trust-region", "natural")},
    "restricted": {"epsilon": 0.3},
    **{update: {"alpha": 10.0} for update in ("penalized", "clamped", "gradient")},
}

PROBLEMS = {
    "SimpleRegulator": Problem("F.5", "a real number", "a real number", "depth", True, {"gamma": 0.9}),
    "HexWorld": Problem("7, F.1", "25 hexes", "6 directions", "depth", True, _HEXES, _HEX_RULES),
    "StraightLineHexWorld": Problem("7, F.1", "8 hexes", "6 directions", "depth", True, _HEXES, _HEX_RULES),
    "TwentyFortyEight": Problem("F.2", "4 x 4 board", "4 moves", "until no move is left", False, {}),
    "CartPole": Problem("F.3", "4 real numbers", "2 forces", "until it falls", False, {}),
    "MountainCar": Problem("F.4", "2 real numbers", "3 accelerations", "until the top", False, {}),
    "CollisionAvoidance": Problem("F.6", "4 real numbers", "3 climb rates", "40 s", False, {}),
}


def is_textbook(env: str) -> bool:
    """Whether runs of this environment simulate trajectories of fixed depth."""
    return env in PROBLEMS and PROBLEMS[env].textbook


def defaults(env: str, update: str = "trust-region") -> dict[str, Any]:
    """All settings of a run of this environment with this update, with their defaults."""
    own = PROBLEMS[env].settings if env in PROBLEMS else {}
    family = TEXTBOOK if is_textbook(env) else GYMNASIUM
    return {**COMMON, **family, **own, **rule_defaults(env, update), "env": env, "update": update}


def rule_defaults(env: str, update: str) -> dict[str, Any]:
    """The settings of the update's rule, with their defaults in this environment."""
    struct, own = NAMED_RULES[UPDATES[update]]
    found = {a.name: a.default for a in rule_fields(struct) if a.default is not attrs.NOTHING}
    if is_textbook(env):
        return {plain(k): x for k, x in found.items()} | TEXTBOOK_RULES[update] | PROBLEMS[env].rules.get(update, {})
    found = {plain(name): x for name, x in (found | own).items() if name not in OF_TRAJECTORIES}
    return found | ({"delta": 0.02} if issubclass(struct, BOUNDED) else {})


def rule_fields(struct: Any) -> list[Any]:
    """The fields of a rule that are settings of a run."""
    return [a for a in attrs.fields(struct) if a.name not in struct.evidence and a.name not in NOT_SETTINGS]


@struct
class Configuration:
    """Checked settings of a run. Those that are not given have the defaults of `defaults`.

    Raises ValueError, naming the setting, what was given and what is allowed; TypeError for a value of the wrong type.

    >>> Configuration({"env": "CartPole-v1", "delt": 0.02})
    Traceback (most recent call last):
    ...
    ValueError: delt: unknown setting; did you mean delta?
    """

    given: dict[str, Any]  # settings by name
    values: dict[str, Any] = field(init=False, repr=False)  # all settings

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.given, Mapping):
            refuse(self, "given", self.given, "settings by name, such as {'env': 'CartPole-v1'}", TypeError)
        env = self.given.get("env")
        if not isinstance(env, str) or not env:
            refuse(None, "env", env, f"a gymnasium id or one of {', '.join(PROBLEMS)}")
        update = self.given.get("update", COMMON["update"])
        CHECKS["update"](None, Named("update"), update)
        known = defaults(env, update)
        checks = CHECKS | {plain(a.name): a.validator for a in rule_fields(NAMED_RULES[UPDATES[update]][0])}
        for name, value in self.given.items():
            if name not in known:
                of = "" if name not in _all_settings() else f" of update = {update} on {env}"
                raise ValueError(f"{name}: unknown setting{of}{suggestion(name, known)}")
            if name != "env":
                known[name] = _checked(checks[name], name, value)
        if "n_envs" in known and "steps_per_update" not in self.given:  # whole steps of every copy
            known["steps_per_update"] += -known["steps_per_update"] % known["n_envs"]
        if all(known[name] is None for name in ("steps", "updates", "seconds", "threshold")):
            known |= {"updates": 100} if is_textbook(env) else {"steps": 100_000}
        object.__setattr__(self, "values", known)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @classmethod
    def from_toml(cls, text: str, **changes: Any) -> Configuration:
        """From TOML, with some settings replaced as by `replaced`. ValueError where the text is not TOML."""
        return cls(replaced(parsed(text), changes))

    def to_toml(self) -> str:
        """All settings that are not None, and the versions they were written with."""
        lines = [f"{name} = {_toml(value)}" for name, value in self.values.items() if value is not None]
        return "\n".join([*lines, "", "[versions]", *(f"{k} = {_toml(v)}" for k, v in versions().items()), ""])

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments of `train` that stop it."""
        return {name: self[name] for name in ("steps", "updates", "seconds", "threshold")}

    def parts(self, *, allow_imports: bool = False, workers: int | None = None, made: Any = None) -> Parts:
        """Update, policy and first parameters for `train`. Arguments and errors are those of `problem`."""
        P = self.problem(allow_imports=allow_imports, workers=workers, made=made)
        return (_textbook if is_textbook(self["env"]) else _gymnasium)(self, P)

    def problem(self, *, allow_imports: bool = False, workers: int | None = None, made: Any = None) -> Any:
        """The problem alone; with the setting `blocks` its steps are collected by `workers` processes.

        `made` is the environment itself, its factory or spec, where it has no id.
        Raises ValueError for an unknown environment, for workers without `blocks`, and unless allow_imports is True for
        an id "module:name", because gymnasium runs the code of that module.
        """
        from decision_making import problems

        env, blocks = self["env"], self.values.get("blocks", 0)
        if workers is not None and not blocks:
            raise ValueError(f"workers = {workers}: needs blocks of steps to share out, as in blocks = 16")
        if is_textbook(env):
            return getattr(problems, env)(γ=self["gamma"])
        if ":" in env and not allow_imports:
            raise ValueError(
                f"env = {env!r}: names a module to import, whose code would run; allow imports if you trust it"
            )
        from decision_making.problems.environments import register_environments
        from decision_making.problems.gymnasium_problem import GymnasiumProblem
        from decision_making.training.parallel_problem import ParallelProblem

        register_environments()
        options = {name: self[name] for name in OF_THE_PROBLEM}
        where = f"decision_making/{env}-v0" if env in PROBLEMS else env, self["gamma"]
        where = where if made is None else (made, self["gamma"])
        if blocks:
            return ParallelProblem(*where, **options, blocks=blocks, workers=workers)
        return GymnasiumProblem(*where, **options)


def parsed(text: str) -> dict[str, Any]:
    """What a text in TOML says. ValueError where it is none, or too long: a key of many parts takes its square."""
    if len(text) > LONGEST:
        raise ValueError(f"not settings: {len(text)} characters, must be at most {LONGEST}")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from error


def replaced(given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings read from a file, with changes; a table [versions] is ignored.

    If `changes` names another update than the file, the settings of the file's rule are dropped.
    """
    kept = {name: x for name, x in given.items() if name != "versions"}
    update, env = kept.get("update"), str(kept.get("env", ""))
    if isinstance(update, str) and update in UPDATES and changes.get("update", update) != update:
        kept = {name: x for name, x in kept.items() if name not in rule_defaults(env, update)}
    return kept | dict(changes)


def _all_settings() -> set[str]:
    """The names of the settings of all runs."""
    return {name for update in UPDATES for env in ("", "SimpleRegulator") for name in defaults(env, update)}


def _checked(check: Any, name: str, value: Any) -> Any:
    """The value as a plain one (a list, a Python number); an error if the setting `name` may not have it."""
    numbers = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(x, int) and abs(x) > LARGEST for x in numbers):
        refuse(None, name, value, f"at most {LARGEST}")
    check(None, Named(name), value)
    if isinstance(value, tuple):
        return list(value)
    return value.item() if isinstance(value, np.generic) else value


def _toml(value: Any) -> str:
    """A plain value as TOML. JSON writes these values alike, except None, which is never written."""
    return json.dumps(value, ensure_ascii=False)


def versions() -> dict[str, str]:
    """The versions of Python and of the packages on which results depend, by name."""
    found = {"python": platform.python_version()}
    for name in ("decision-making", "numpy", "scipy", "autograd", "gymnasium", "mujoco"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _rule(c: Configuration, evidence: tuple[Any, ...] = ()) -> Any:
    """The update's rule with the settings of the run; with evidence the update itself."""
    struct, _ = NAMED_RULES[UPDATES[c["update"]]]
    settings = {a.name: c[plain(a.name)] for a in rule_fields(struct) if plain(a.name) in c.values}
    if issubclass(struct, BOUNDED) and "delta" in c.values:
        settings["ε"] = c["delta"]
    return struct(*evidence, **settings) if evidence else struct.rule(**settings)


def _gymnasium(c: Configuration, P: Any) -> Parts:
    """The parts of a run on a gymnasium environment."""
    π, critic = P.policy(tuple(c["hidden"])), _critic(c, P.observation_width)
    own = ("cg_iterations", "fisher_subsample", "gate", "max_kl", "advantage", "normalize_advantages", "minibatch")
    M = TrustRegionPolicyOptimization(
        *(P, c["steps_per_update"], critic), rule=_rule(c), λ=c["lambda"], **{name: c[name] for name in own}
    )
    if not c["blocks"] and c["steps_per_update"] % c["n_envs"]:
        raise ValueError(f"steps_per_update = {c['steps_per_update']}: must be a multiple of n_envs = {c['n_envs']}")
    seed, options = c["seed"], {"dtype": np.float32}
    return Parts(M, π, π.init(seed, log_σ=c["log_sigma"], **options), critic.init(seed, **options))


def _critic(c: Configuration, width: int) -> Any:
    """The critic of the run, for observations of that width."""
    if c["critic"] == "linear":
        return LinearCritic(width)
    return NeuralCritic((width, *c["hidden"]), iterations=c["critic_iterations"])


def _textbook(c: Configuration, P: Any) -> Parts:
    """The parts of a run on a textbook problem."""
    regulator = c["env"] == "SimpleRegulator"
    π: Any = LinearGaussianPolicy() if regulator else SoftmaxPolicy(len(P.S), len(P.A))
    θ = np.array([0.0, 1.0]) if regulator else np.zeros(π.n)
    size = (P, P.b, c["depth"], c["trajectories"])
    ascends = NAMED_RULES[UPDATES[c["update"]]][0] is PolicyGradientUpdate
    M = _rule(c, (RewardToGoGradient(*size),) if ascends else size)
    return Parts(M, π, θ, None)
