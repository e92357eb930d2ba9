"""What a run is made of, as names and plain values: checked, read from and written to TOML, and put together.

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

import numpy as np
from attrs import field, frozen

from decision_making.checks import (
    Array,
    Named,
    count,
    count_or_zero,
    discount,
    finite,
    flag,
    not_negative,
    one_of,
    optional,
    positive,
    refuse,
    share,
    shrink_factor,
    suggestion,
)
from decision_making.policies import LinearGaussianPolicy, Policy, SoftmaxPolicy
from decision_making.sequential_problems import policy_gradient_optimization as chapter_12
from decision_making.sequential_problems.policy_gradient_estimation import RewardToGoGradient
from decision_making.trust_region_policy_optimization import LinearCritic, NeuralCritic, TrustRegionPolicyOptimization

# what every run has; None is "not given"
COMMON: dict[str, Any] = {
    "env": "",
    "update": "trust-region",
    "seed": 0,
    "steps": None,
    "updates": None,
    "seconds": None,
    "threshold": None,
    "checkpoint_every": 20,
    "gamma": 0.99,
    "hidden": [64, 64],
    "beta": 1.0,
    "kl_target": None,
    "damping": None,
}
GYMNASIUM: dict[str, Any] = {
    "n_envs": 8,
    "blocks": 0,
    "steps_per_update": 1024,
    "delta": 0.01,
    "lambda": 0.95,
    "cg_iterations": 10,
    "fisher_subsample": 1.0,
    "max_kl": None,
    "line_search_factor": 0.8,
    "max_backtracks": 10,
    "advantage": "generalized",
    "normalize_advantages": True,
    "learning_rate": 3e-4,
    "passes": 10,
    "minibatch": 64,
    "clamp": 0.2,
    "critic": "neural",
    "critic_iterations": 10,
    "log_sigma": 0.0,
    "normalize_observations": False,
    "scale_rewards": False,
}
TEXTBOOK: dict[str, Any] = {
    "depth": 10,
    "trajectories": 100,
    "epsilon": 0.05,
    "alpha": 0.5,
    "ascents": 10,
    "step_size": 0.01,
    "clamp": 0.2,
    "L2_max": None,
}

RULES = {
    "trust-region": "trust_region",
    "natural": "natural",
    "restricted": "restricted",
    "clamped": "clamped",
    "penalized": "penalized",
    "gradient": "gradient",
}


WIDEST = 65_536  # of a layer


def _widths(M: Any, field: Any, x: Any) -> None:
    whole = isinstance(x, list | tuple) and all(isinstance(k, int) and not isinstance(k, bool) for k in x)
    if not (whole and all(0 < k <= WIDEST for k in x)):
        refuse(M, field.name, x, f"a list of whole numbers in 1..{WIDEST}")


# what each setting may be; the structs check again, but by names of their own and when the run's folder may be there
CHECKS: dict[str, Any] = {
    "update": one_of(*RULES),
    "advantage": one_of("generalized", "baseline", "reward_to_go", "total_return"),
    "critic": one_of("neural", "linear"),
    "hidden": _widths,
    **dict.fromkeys(("steps", "updates"), optional(count)),
    **dict.fromkeys(("n_envs", "steps_per_update", "cg_iterations", "passes", "minibatch", "critic_iterations"), count),
    **dict.fromkeys(("checkpoint_every", "depth", "trajectories", "ascents"), count),
    **dict.fromkeys(("seed", "max_backtracks", "blocks"), count_or_zero),
    **dict.fromkeys(("seconds", "kl_target", "max_kl", "L2_max"), optional(positive)),
    **dict.fromkeys(("delta", "epsilon", "learning_rate", "clamp"), positive),
    **dict.fromkeys(("beta", "step_size"), not_negative),
    **dict.fromkeys(("gamma", "lambda"), discount),
    **dict.fromkeys(("alpha", "line_search_factor"), shrink_factor),
    **dict.fromkeys(("normalize_advantages", "normalize_observations", "scale_rewards"), flag),
    "damping": optional(not_negative),
    "fisher_subsample": share,
    "threshold": optional(finite),
    "log_sigma": finite,
}


class Parts(NamedTuple):
    """What `train` takes."""

    M: Any
    π: Policy
    θ: Array
    φ: Array | None


class Problem(NamedTuple):
    """What the list of problems says of one, and the settings in which it departs from the defaults."""

    chapter: str
    state: str
    action: str
    horizon: str
    textbook: bool  # simulated as trajectories of fixed depth; the others step as gymnasium environments
    settings: dict[str, Any]


# more trajectories than the 150 parameters of a table, and enough damping that probabilities near 0 do not decide
_HEXES = {"gamma": 0.9, "depth": 30, "trajectories": 2000, "epsilon": 0.3, "damping": 0.01, "step_size": 10.0}

PROBLEMS = {
    "SimpleRegulator": Problem("F.5", "a real number", "a real number", "depth", True, {"gamma": 0.9}),
    "HexWorld": Problem("7, F.1", "25 hexes", "6 directions", "depth", True, _HEXES),
    "StraightLineHexWorld": Problem("7, F.1", "8 hexes", "6 directions", "depth", True, _HEXES),
    "TwentyFortyEight": Problem("F.2", "4 x 4 board", "4 moves", "until no move is left", False, {}),
    "CartPole": Problem("F.3", "4 real numbers", "2 forces", "until it falls", False, {}),
    "MountainCar": Problem("F.4", "2 real numbers", "3 accelerations", "until the top", False, {}),
    "CollisionAvoidance": Problem("F.6", "4 real numbers", "3 climb rates", "40 s", False, {}),
}


def is_textbook(env: str) -> bool:
    """Whether runs of this environment simulate trajectories of fixed depth."""
    return env in PROBLEMS and PROBLEMS[env].textbook


def defaults(env: str) -> dict[str, Any]:
    """All settings that a run of this environment has."""
    own = PROBLEMS[env].settings if env in PROBLEMS else {}
    return {**COMMON, **(TEXTBOOK if is_textbook(env) else GYMNASIUM), **own, "env": env}


@frozen(eq=False)
class Configuration:
    """Checked settings of a run. Raises ValueError, naming the setting, what was given and what may be.

    >>> Configuration({"env": "CartPole-v1", "delt": 0.02})
    Traceback (most recent call last):
    ...
    ValueError: delt: unknown setting; did you mean delta?
    """

    given: dict[str, Any]
    values: dict[str, Any] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.given, Mapping):
            refuse(self, "given", self.given, "settings by name, such as {'env': 'CartPole-v1'}", TypeError)
        env = self.given.get("env")
        if not isinstance(env, str) or not env:
            refuse(None, "env", env, f"a gymnasium id or one of {', '.join(PROBLEMS)}")
        known = defaults(env)
        for name, value in self.given.items():
            if name not in known:
                raise ValueError(f"{name}: unknown setting{suggestion(name, known)}")
            if name != "env":
                known[name] = _checked(name, value)
        if all(known[name] is None for name in ("steps", "updates", "seconds", "threshold")):
            known |= {"updates": 100} if is_textbook(env) else {"steps": 100_000}
        object.__setattr__(self, "values", known)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @classmethod
    def from_toml(cls, text: str, **changes: Any) -> Configuration:
        """From TOML, with some settings replaced; a table [versions] is passed over."""
        try:
            given = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not TOML: {error}") from error
        given.pop("versions", None)
        return cls(given | changes)

    def to_toml(self) -> str:
        """All settings that are not None, and the versions they were written with."""
        lines = [f"{name} = {_toml(value)}" for name, value in self.values.items() if value is not None]
        return "\n".join([*lines, "", "[versions]", *(f"{k} = {_toml(v)}" for k, v in versions().items()), ""])

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments of `train` that stop it."""
        return {name: self[name] for name in ("steps", "updates", "seconds", "threshold")}

    def parts(self, *, allow_imports: bool = False, workers: int | None = None) -> Parts:
        """Problem, update, policy and first parameters, put together. Raises ValueError as `problem` does."""
        P = self.problem(allow_imports=allow_imports, workers=workers)
        return (_textbook if is_textbook(self["env"]) else _gymnasium)(self, P)

    def problem(self, *, allow_imports: bool = False, workers: int | None = None) -> Any:
        """The problem alone. Raises ValueError for an unknown environment; for an id "module:name" unless imports are
        allowed: gymnasium runs the code of that module; for workers without `blocks` of steps to give them."""
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
        options = {name: self[name] for name in ("n_envs", "normalize_observations", "scale_rewards")}
        where = f"decision_making/{env}-v0" if env in PROBLEMS else env, self["gamma"]
        if blocks:
            return ParallelProblem(*where, **options, blocks=blocks, workers=workers)
        return GymnasiumProblem(*where, **options)


def _checked(name: str, value: Any) -> Any:
    """The value as a plain one, if the setting may have it."""
    CHECKS[name](None, Named(name), value)
    if isinstance(value, tuple):
        return list(value)
    return value.item() if isinstance(value, np.generic) else value


def _toml(value: Any) -> str:
    """A plain value as TOML: JSON but for the names of nothing, which are not written."""
    return json.dumps(value, ensure_ascii=False)


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for name in ("decision-making", "numpy", "scipy", "autograd", "gymnasium", "mujoco"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _gymnasium(c: Configuration, P: Any) -> Parts:
    π, critic = P.policy(tuple(c["hidden"])), _critic(c, P.observation_width)
    M = TrustRegionPolicyOptimization(
        *(P, c["steps_per_update"], critic, c["delta"]),
        rule=RULES[c["update"]],
        λ=c["lambda"],
        α=c["line_search_factor"],
        β=c["beta"],
        damping=0.1 if c["damping"] is None else c["damping"],
        **{
            name: c[name]
            for name in (
                *("cg_iterations", "fisher_subsample", "max_kl", "max_backtracks", "advantage"),
                *("normalize_advantages", "learning_rate", "passes", "minibatch", "clamp", "kl_target"),
            )
        },
    )
    if not c["blocks"] and c["steps_per_update"] % c["n_envs"]:
        raise ValueError(f"steps_per_update = {c['steps_per_update']}: must be a multiple of n_envs = {c['n_envs']}")
    seed, options = c["seed"], {"dtype": np.float32}
    return Parts(M, π, π.init(seed, log_σ=c["log_sigma"], **options), critic.init(seed, **options))


def _critic(c: Configuration, width: int) -> Any:
    if c["critic"] == "linear":
        return LinearCritic(width)
    return NeuralCritic((width, *c["hidden"]), iterations=c["critic_iterations"])


def _textbook(c: Configuration, P: Any) -> Parts:
    regulator = c["env"] == "SimpleRegulator"
    π: Any = LinearGaussianPolicy() if regulator else SoftmaxPolicy(len(P.S), len(P.A))
    θ = np.array([0.0, 1.0]) if regulator else np.zeros(π.n)
    size = (P, P.b, c["depth"], c["trajectories"])
    damping = 0.0 if c["damping"] is None else c["damping"]
    M: Any = {
        "trust-region": lambda: chapter_12.TrustRegionUpdate(*size, c["epsilon"], c["alpha"], damping=damping),
        "natural": lambda: chapter_12.NaturalPolicyUpdate(*size, c["epsilon"], damping=damping),
        "restricted": lambda: chapter_12.RestrictedPolicyUpdate(*size, c["epsilon"]),
        "clamped": lambda: chapter_12.ClampedSurrogateUpdate(*size, c["clamp"], c["step_size"], c["ascents"]),
        "penalized": lambda: chapter_12.PenalizedSurrogateUpdate(
            *size, c["beta"], c["step_size"], c["ascents"], kl_target=c["kl_target"]
        ),
        "gradient": lambda: chapter_12.PolicyGradientUpdate(
            RewardToGoGradient(*size), c["step_size"], L2_max=c["L2_max"]
        ),
    }[c["update"]]()
    return Parts(M, π, θ, None)
