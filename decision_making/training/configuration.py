"""The settings of a run, as names and plain values: checked by the table of settings, read from TOML, written to it.

A configuration reproduces a run: environment, update rule, seed, limits and settings. There are two families. A
textbook problem (`PROBLEMS`) is simulated, m trajectories of depth d, and learnt by an update of chapter 12; anything
else is a gymnasium id, and learnt by `TrustRegionPolicyOptimization` with one of its rules.
"""

from __future__ import annotations

import difflib
import json
import platform
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Named, refuse
from decision_making.extras import DISTRIBUTION
from decision_making.structs import struct
from decision_making.training.book_problems import is_textbook
from decision_making.training.first_look import USUAL_γ
from decision_making.training.parts import Parts, made, problem
from decision_making.training.presets import PRESETS
from decision_making.training.settings import (
    COMMON,
    UPDATES,
    Setting,
    all_settings,
    defaults,
    plain,
    rule_defaults,
    table,
)

LARGEST = 2**63 - 1  # of whole numbers
NONE = "none"  # TOML has no word for None: this lists the settings that are
FOUND = "found"  # the table of what a run has found out where a setting is not given: γ
LONGEST = 8192  # bytes of settings in TOML; those of a run are about a thousand

ELSEWHERE: dict[object, str] = {  # what settings are called in Stable-Baselines3, or as fields of structs
    "n": "steps_per_update",
    "n_steps": "steps_per_update",
    "target_kl": "delta",
    "gae_lambda": "lambda",
    "net_arch": "hidden",
    "learning_rate": "critic_learning_rate",
    "n_critic_updates": "critic_iterations",
    "cg_max_steps": "cg_iterations",
    "total_timesteps": "steps",
}
OF_ASCENT = {"learning_rate": "alpha", "clip_range": "epsilon", "n_epochs": "k_max", "batch_size": "minibatch"}


@struct
class Configuration:
    """Checked settings of a run. Those that are not given have the defaults of `defaults`, or of their preset.

    A whole number may be written as 1e5. Raises ValueError, naming the setting, what was given and what is allowed;
    TypeError for a value of the wrong type.

    >>> Configuration({"env": "CartPole-v1", "delt": 0.02})
    Traceback (most recent call last):
    ...
    ValueError: delt: unknown setting; did you mean delta? All are listed by: decision-making settings CartPole-v1
    """

    given: dict[str, Any]  # settings by name
    values: dict[str, Any] = field(init=False, repr=False)  # all settings

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.given, Mapping):
            refuse(self, "given", self.given, "settings by name, such as {'env': 'CartPole-v1'}", TypeError)
        env, update = self.given.get("env"), self.given.get("update", COMMON["update"].default)
        preset = self.given.get("preset")
        for name, x in (("env", env), ("update", update), ("preset", preset)):
            COMMON[name].check(None, Named(name), x)
        _check_preset(preset, str(env), update)
        lines, known = table(str(env), update), defaults(str(env), update, preset)
        for name, value in self.given.items():
            if name not in lines:
                of = "" if name not in all_settings() else f" of update = {update} on {env}"
                raise ValueError(f"{name}: unknown setting{of}{_elsewhere(name, lines)}")
            known[name] = _checked(lines[name].check, name, value)
        if all(known[name] is None for name in ("steps", "updates", "seconds", "threshold")):
            known |= {"updates": 100} if is_textbook(known["env"]) else {"steps": 100_000}
        object.__setattr__(self, "values", known)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @classmethod
    def from_toml(cls, text: str, **changes: Any) -> Configuration:
        """From TOML, with some settings replaced as by `replaced`. ValueError where the text is not TOML."""
        return cls(replaced(parsed(text), changes))

    def to_toml(self) -> str:
        """All settings, and the versions they were written with; `none` names what is None but by default is not."""
        lines = [f"{name} = {_toml(value)}" for name, value in self.values.items() if value is not None]
        usual = defaults(self["env"], self["update"], self["preset"])
        if none := [name for name, value in self.values.items() if value is None and usual[name] is not None]:
            lines.append(f"{NONE} = {_toml(none)}")
        return "\n".join([*lines, "", "[versions]", *(f"{k} = {_toml(v)}" for k, v in versions().items()), ""])

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments of `train` that stop it."""
        return {name: self[name] for name in ("steps", "updates", "seconds", "threshold")}

    def parts(self, *, allow_imports: bool = False, workers: int | None = None, env: Any = None) -> Parts:
        """Update, policy and first parameters for `train`. Arguments and errors are those of `problem`.

        If γ is not given, the environment is played for a first look (`first_look`), and fails with its own errors.
        """
        return made(self.values, self.problem(allow_imports=allow_imports, workers=workers, env=env), env)

    def settled(self, γ: float = USUAL_γ) -> Configuration:
        """The same with this γ where none is given: its parts are made without a look at the environment."""
        return self if self["gamma"] is not None else Configuration({**self.given, "gamma": γ})

    def problem(self, *, allow_imports: bool = False, workers: int | None = None, env: Any = None) -> Any:
        """The problem alone, with γ = 0.99 if none is given; if `blocks` is, `workers` processes collect its steps.

        `env` is the environment itself, its factory or spec, where it has no id (see `for_environment`).
        Raises ValueError for an unknown environment, for workers without `blocks`, and unless allow_imports is True for
        an id "module:name", because gymnasium runs the code of that module.
        """
        return problem(self.values, allow_imports=allow_imports, workers=workers, env_made=env)


def _check_preset(preset: str | None, env: str, update: object) -> None:
    """ValueError where the preset is of another update, or of other problems."""
    of = None if preset is None else PRESETS[preset].settings["update"]
    if preset is not None and is_textbook(env):
        raise ValueError(f"preset = {preset!r}: is for gymnasium environments, not for {env}")
    if of is not None and of != update:
        raise ValueError(f"preset = {preset!r}: is of update = {of}, not {update}")


def _elsewhere(name: object, lines: Mapping[str, Setting]) -> str:
    """The end of an error about an unknown setting: those that are near, and the command that lists all."""
    near = difflib.get_close_matches(name, lines, n=3) if isinstance(name, str) else []
    update = lines["update"].default
    elsewhere = ELSEWHERE | (OF_ASCENT if update in ("clamped", "penalized") else {})
    near = [x for x in (elsewhere.get(name, ""), plain(str(name))) if x in lines][:1] or near
    option = "" if update == COMMON["update"].default else f" --update {update}"
    of_another = f"; update = clamped has it, as {OF_ASCENT[str(name)]}" if name in OF_ASCENT else ""
    said = f"; did you mean {' or '.join(near)}? All" if near else f"{of_another}; all"
    env = "" if str(lines["env"].default).endswith("()") else f" {lines['env'].default}"  # an object has no id
    return f"{said} are listed by: decision-making settings{env}{option}"


def parsed(text: str) -> dict[str, Any]:
    """The settings in a TOML text. ValueError unless it is TOML, and short: a key of k parts takes k² steps to read."""
    if len(text) > LONGEST:
        raise ValueError(f"not settings: {len(text)} characters, must be at most {LONGEST}")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from error


def replaced(given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings read from a file, with changes; those that `none` names are None, [versions] and [found] are ignored.

    If `changes` names another update than the file, the settings of the file's rule and its preset are dropped; if it
    names a preset, all settings that the preset says.
    """
    none = given.get(NONE, [])
    if not (isinstance(none, list) and all(isinstance(name, str) for name in none)):
        refuse(None, NONE, none, "a list of names of settings")
    kept = {name: x for name, x in given.items() if name not in ("versions", FOUND, NONE)} | dict.fromkeys(none)
    update, env = kept.get("update"), str(kept.get("env", ""))
    if isinstance(update, str) and update in UPDATES and changes.get("update", update) != update:
        kept = {name: x for name, x in kept.items() if name not in rule_defaults(env, update) and name != "preset"}
    preset = changes.get("preset")
    if isinstance(preset, str) and preset in PRESETS and preset != kept.get("preset"):
        kept = {name: x for name, x in kept.items() if name not in PRESETS[preset].settings}
    return kept | dict(changes)


def _checked(check: Any, name: str, value: Any) -> Any:
    """The value as a plain one (a list, a Python number); an error if the setting `name` may not have it.

    A real number without a fraction, 1e5, is a whole one where only that is allowed.
    """
    numbers = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(x, int) and abs(x) > LARGEST for x in numbers):
        refuse(None, name, value, f"at most {LARGEST}")
    try:
        check(None, Named(name), value)
    except (ValueError, TypeError):
        if not (isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST):
            raise
        with suppress(ValueError, TypeError):
            check(None, Named(name), int(value))
            return int(value)
        raise
    if isinstance(value, tuple):
        return list(value)
    return value.item() if isinstance(value, np.generic) else value


def _toml(value: Any) -> str:
    """A plain value as TOML. JSON writes these values alike, except None, which is never written."""
    return json.dumps(value, ensure_ascii=False)


def versions() -> dict[str, str]:
    """The versions of Python and of the packages on which results depend, by name."""
    found = {"python": platform.python_version()}
    for name in (DISTRIBUTION, "numpy", "scipy", "autograd", "gymnasium", "mujoco"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
