"""`learn` in a Markov game: all agents act, the game makes a step, all learn (algorithm 25.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, count, function, made_array, refuse
from decision_making.markov_game import MG
from decision_making.model_uncertainty.learners import copied, known_states
from decision_making.multiagent_systems.multiagent_reasoning.policies import joint_positions
from decision_making.multiagent_systems.sequential_problems.learners import (
    GameLearner,
    taken_in,
)
from decision_making.pomdp import start_belief
from decision_making.problem import RNG
from decision_making.sampling import default_rng, is_vector, sample_start, start_probabilities
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import learn


@struct(repr=False)
class GameTrajectories:
    """What happened to the replications of learners in h steps of a Markov game, by position of states and actions."""

    s: Array  # states (..., h)
    a: Array  # joint actions (..., h, n)
    r: Array  # rewards (..., h, n)
    s_next: Array  # the states after each step (..., h)

    def __repr__(self) -> str:
        return f"GameTrajectories({self.s.shape[-1]} steps, {self.a.shape[-1]} agents, batch {self.s.shape[:-1]})"


@learn.register
def learn_in_a_markov_game(
    P: MG,
    model: Sequence[GameLearner],
    π: Any,
    h: int,
    s: Any = None,
    *,
    b: Any = None,
    rng: RNG = None,
    episode: int | None = None,
) -> tuple[list[Any], GameTrajectories]:
    """`learn` in a Markov game: model is a list of learners, one of each agent in their order, with the same batch.

    π = None: each agent acts as its algorithm says; else π(models, s, rng) gives the joint actions (…, n). The game
    begins in the states s (…), or in states drawn from b, by default P.b, uniform if there is none; with `episode` it
    begins anew after that many steps. The given learners stay as they are.
    """
    models = _known_learners(P, model)
    batch, m = models[0].batch, int(np.prod(models[0].batch))
    count(None, Named("h"), h)
    if π is not None:
        function(None, Named("π"), π)
    if episode is not None:
        count(None, Named("episode"), episode)
    check_size("numbers to keep", h * m * 2 * (P.n + 1), "take fewer steps, and go on from the result")
    models, rng = [copied(x) for x in models], default_rng(rng)
    b = start_belief(P) if b is None else b
    b = start_probabilities(b, len(P.S)) if is_vector(b) else b

    def begin() -> Array:
        if s is None:
            drawn = sample_start(b, m, rng)
            return known_states(models[0], "s", drawn.reshape(batch) if drawn.shape == (m,) else drawn)
        given = made_array(s, "s")
        return known_states(models[0], "s", given if given.ndim else np.broadcast_to(given, batch))

    states = np.empty((h, *batch), dtype=np.intp)
    after, actions, paid = np.empty_like(states), np.empty((h, *batch, P.n), np.intp), np.empty((h, *batch, P.n))
    now = begin()
    for k in range(h):
        if k and episode is not None and k % episode == 0:
            now = begin()
        if π is None:
            for j, learner in enumerate(models):
                actions[k, ..., j] = learner.act(now, rng)
        else:
            actions[k] = joint_positions(P.sizes, batch, π(models, now, rng))
        a = actions[k]
        s_next, r = P.TR(now, a, rng)
        for learner in models:
            taken_in(learner, now, a, r, s_next, None)
        states[k], after[k], paid[k] = now, s_next, r
        now = s_next
    time_last = [np.moveaxis(x, 0, len(batch)) for x in (states, actions, paid, after)]
    return models, GameTrajectories(*time_last)


def _known_learners(P: MG, model: Any) -> list[GameLearner]:
    models = list(model) if isinstance(model, list | tuple) else [model]
    if len(models) != P.n or any(not _learns(x, P, j) for j, x in enumerate(models)):
        refuse(None, "model", model, f"learners of this game, one of each of its {P.n} agents in their order")
    if len({id(x) for x in models}) < len(models) or len({x.batch for x in models}) > 1:
        raise ValueError(f"model has the batches {[x.batch for x in models]}: must be different learners of one batch")
    return models


def _learns(x: Any, P: MG, j: int) -> bool:
    """Whether x is a learner of the agent at position j of this game."""
    return isinstance(x, GameLearner) and x.M.at == j and (x.M.P is P or _same(x.M.P, P))


def _same(P: MG, other: MG) -> bool:
    """Whether two games are equal."""
    told = P.γ == other.γ and P.A == other.A and P.S == other.S and np.array_equal(P.R.array, other.R.array)
    return told and bool(np.sum(P.T.matrix != other.T.matrix) == 0)
