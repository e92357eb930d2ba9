"""The library's defaults as objects: what `decision-making train ENV` trains with, for use in a program."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

from decision_making.checks import refuse, shortened
from decision_making.problems.vector_environments import name_of
from decision_making.training.configuration import Configuration
from decision_making.training.loop import train
from decision_making.training.parts import Parts
from decision_making.training.settings import OF_A_RUN, plain

if TYPE_CHECKING:
    from decision_making.problems.vector_environments import Given


def for_environment(env: Given, *, seed: int = 0, allow_imports: bool = False, **settings: object) -> Parts:
    """Update, policy and first parameters for a gymnasium environment: M, π, θ, φ, as `train` takes them.

    `env` is what `GymnasiumProblem` takes: an id, an environment, a factory or a vector environment. The settings and
    their defaults are those of `decision-making train`, one configuration for every environment. What a task needs is
    taken from its spaces: observations are normalised where they are real numbers, actions have -1 and 1 at the bounds
    of their Box, networks are narrower where actions are choices and observations have fewer than 8 numbers, damping
    grows with the numbers of an observation and δ with those of an action, and a batch holds the next multiple of
    `n_envs` steps. If γ is not given, 2,048 steps are played with random actions, which are not counted: γ is 0.99, or
    0.999 if episodes may be longer than 100 steps and the rewards with which they terminate are more than ten times the
    others, by root mean squares. An environment that is made already plays that itself, and is reset.

    Settings have the names of the command line, or Greek ones (δ for delta; λ or lam for lambda). `seed` gives the
    first parameters. The problem M.P remembers what it has seen, so that each run wants parts of its own.

    Raises ValueError or TypeError, naming the setting, for an unknown or a bad one, and for one of a run, such as
    `steps`, which `train` takes; ValueError for an id "module:name" without allow_imports, because gymnasium runs the
    code of that module; what `GymnasiumProblem.collect` raises where the environment fails.

    >>> M, π, θ, φ = for_environment("Pendulum-v1", δ=0.01)
    >>> M.n, M.δ, M.P.normalize_observations, π.sizes
    (2048, 0.01, True, (3, 64, 64))
    """
    import gymnasium

    given: dict[str, object] = {}
    for name, x in settings.items():
        if plain(name) in given:
            raise ValueError(f"{name} = {shortened(x)}: {plain(name)} is given twice, under two names")
        if plain(name) in OF_A_RUN:
            taker = "train" if name in signature(train).parameters else "training.run, with a Configuration,"
            raise ValueError(f"{name} = {shortened(x)}: is of a run, not of its parts; {taker} takes it")
        given[plain(name)] = x
    if env is None:
        refuse(None, "env", env, "an id, an environment, a factory or a vector environment", TypeError)
    if isinstance(env, str):
        return Configuration({"env": env, "seed": seed, **given}).parts(allow_imports=allow_imports)
    if isinstance(env, gymnasium.Env):
        given = {"n_envs": 1} | given
    elif isinstance(env, gymnasium.vector.VectorEnv) and given.setdefault("n_envs", env.num_envs) != env.num_envs:
        raise ValueError(f"n_envs = {given['n_envs']}: must be {env.num_envs}, as the vector environment has")
    return Configuration({"env": f"{name_of(env)}()", "seed": seed, **given}).parts(env=env)
