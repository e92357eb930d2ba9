"""`learn` from a gymnasium environment: a copy of it for each replication of the model (chapters 15 to 17)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from decision_making.checks import Array, refuse
from decision_making.model_uncertainty.experience import Experience, Recorder
from decision_making.model_uncertainty.learners import (
    Exploration,
    Learner,
    copied,
    known_actions,
    part,
    put,
    update_learner,
)
from decision_making.model_uncertainty.learning import check_learning
from decision_making.problem import RNG
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.sampling import default_rng
from decision_making.simulation import tally
from decision_making.verbs import end, learn


@learn.register
def learn_in_environments(
    P: GymnasiumProblem,
    model: Learner,
    π: Exploration,
    h: int,
    s: Any = None,
    *,
    rng: RNG = None,
    **begin: Any,
) -> tuple[Any, Experience]:
    """`learn` in a `GymnasiumProblem` with a copy for each replication; episodes that it has begun end here.

    For a model with a table the observations must be whole numbers, as many as it has states; any other model takes
    flat vectors. Ends and time limits are the environment's own: after a time limit the value of the last observation
    still counts. A step that only resets a copy is not learnt from; the other copies go on, until each has made h
    steps.
    """
    check_learning(model, π, h)
    m = math.prod(model.batch)
    if m != P.n_envs:
        raise ValueError(f"model has {m} replications: must be n_envs = {P.n_envs}, a copy for each")
    for name, x in {"s": s, **begin}.items():
        if x is not None:
            refuse(None, name, x, "None, for environments start and end their episodes themselves")
    if P.normalize_observations or P.scale_rewards:
        raise ValueError("normalize_observations and scale_rewards: must be False to learn step by step")
    acting, planning = default_rng(rng).spawn(2)
    model, batch, record = copied(model), model.batch, Recorder(m, h, True)
    live, taken = P.restart(int(acting.integers(2**31))), np.zeros(m, dtype=np.intp)
    while (taken < h).any():
        s = _states(model, P, live["observation"])
        real = ~live["skip"] & (taken < h)
        spent = int(np.count_nonzero(~live["skip"]))
        a = known_actions(model, π(model, s.reshape((*batch, *s.shape[1:])), acting)).reshape(m)
        r, last, ended, over = P.advance(live, a)
        P.steps += spent
        live["return"][over], live["length"][over] = 0, 0
        i = np.flatnonzero(real)
        if not i.size:
            continue
        x = {"s": s, "a": a, "r": r, "s_next": _states(model, P, last), "ended": ended, "over": over}
        _learn_from(model, i, x, planning)
        record.note_rows(taken[i], i, **{name: y[i] for name, y in x.items()})
        taken += real
        if (over & real).any():
            end(model, (over & real).reshape(batch))
    τs = record.experience(np.empty(0))
    tally(τs.r.sum(axis=1), τs.lengths, m * h)
    return model, τs


def _learn_from(model: Learner, i: Array, x: dict[str, Array], rng: Any) -> None:
    """`update` of the replications i alone."""
    names = ("s", "a", "r", "s_next")
    if len(i) == math.prod(model.batch):
        given = [x[name].reshape((*model.batch, *x[name].shape[1:])) for name in names]
        update_learner(model, *given, terminated=x["ended"].reshape(model.batch), rng=rng)
        return
    where = np.unravel_index(i, model.batch)
    some = part(model, where)
    update_learner(some, *(x[name][i] for name in names), terminated=x["ended"][i], rng=rng)
    put(model, where, some)


def _states(model: Learner, P: GymnasiumProblem, observation: Array) -> Array:
    """Observations as the model takes them: vectors, or states 0, 1, … where these are one-hot vectors."""
    n = getattr(model.M, "S", None)
    if n is None:
        return observation.astype(np.float64)
    found = np.argmax(observation, axis=1)
    if P.observation_width != n or not np.array_equal(observation, found[:, None] == np.arange(n)):
        raise ValueError(f"{P.name}: observations must be the whole numbers 0..{n - 1} for a model of {n} states")
    return found
