"""Games as PettingZoo parallel environments: all agents act at once, each with its own observation.

`pip install "algorithms-for-decision-making[pettingzoo]"` makes `GameEnvironment` a `pettingzoo.ParallelEnv`. Without
that package it has the same methods, and only PettingZoo's wrappers are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, count, refuse
from decision_making.markov_game import MG
from decision_making.mdp import absorbing
from decision_making.pomdp import Belief, belief
from decision_making.pomg import HiddenStateGame
from decision_making.sampling import cumulative, inverse_transform, sample_start
from decision_making.simple_game import SimpleGame

if TYPE_CHECKING:
    ParallelEnv = object
else:
    try:
        from pettingzoo import ParallelEnv
    except ImportError:
        ParallelEnv = object


class GameEnvironment(ParallelEnv):
    """A game as a PettingZoo parallel environment; actions are positions in the agents' lists, A[i].

    P is a `SimpleGame`, played round after round: each agent observes the joint action before, a position for each
    agent, at first the number of that agent's actions. In an `MG` each observes the position of the state. In a
    `POMG` or `DecPOMDP` each observes the position of its own observation, at first the number of its observations;
    in the latter all get the team's reward.

    Agents are named by their labels, as strings. All stay until the common end: the episode is truncated after
    max_steps steps, and terminates in a state of P that no joint action leaves and in which none pays; `agents` is then
    empty until the next `reset`. b replaces the start distribution P.b; without one the start is uniform. All random
    numbers follow from the seed of the last `reset` that was given one.

    Raises TypeError unless P is a game, ValueError for a batch of games, max_steps < 1, agents whose names are the same
    as strings, actions that are not one position for each agent, and a step where no episode is under way.

    >>> from decision_making.problems import PrisonersDilemma
    >>> env = GameEnvironment(PrisonersDilemma(), max_steps=1)
    >>> observations, infos = env.reset(seed=0)
    >>> env.step({"0": 1, "1": 0})[1]
    {'0': 0.0, '1': -4.0}
    """

    metadata: dict[str, Any] = {"render_modes": [], "name": "decision_making_game_v0"}  # noqa: RUF012  PettingZoo's
    render_mode = None

    def __init__(self, P: SimpleGame | MG | HiddenStateGame, b: Belief | None = None, *, max_steps: int = 100) -> None:
        if not isinstance(P, SimpleGame | MG | HiddenStateGame):
            refuse(None, "P", P, "a SimpleGame, an MG, a POMG or a DecPOMDP", TypeError)
        if isinstance(P, SimpleGame) and P.batch:
            refuse(None, "P", P, "one game, such as P[0] of a batch")
        count(self, Named("max_steps"), max_steps)
        self.P, self.max_steps, self.steps = P, max_steps, 0
        self.possible_agents = [str(i) for i in P.I]
        if len(set(self.possible_agents)) < P.n:
            refuse(None, "I", P.I, "agents whose names differ as strings")
        self.agents: list[str] = []
        self._game: _Repeated | _Seen | _Hidden
        if isinstance(P, SimpleGame):
            self._game = _Repeated(P)
        else:
            start = P.b if b is None else b
            self._game = _Seen(P, start) if isinstance(P, MG) else _Hidden(P, start)
        self.observation_spaces = dict(zip(self.possible_agents, self._game.spaces, strict=True))
        self.action_spaces = dict(zip(self.possible_agents, map(spaces.Discrete, P.sizes), strict=True))
        self._rng = np.random.default_rng()

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """What the agent may observe."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The positions of the agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """The first observations, and infos, which are empty; no options are known."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self.agents, self.steps = list(self.possible_agents), 0
        return self._of_each(self._game.start(self._rng)), {i: {} for i in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Observations, rewards, terminations, truncations and infos of all agents, after an action of each."""
        if not self.agents:
            raise ValueError("step: no episode is under way; reset begins one")
        if set(actions) != set(self.agents):
            refuse(None, "actions", dict(actions), f"one action for each of {self.agents}")
        for i in self.agents:
            if not self.action_spaces[i].contains(actions[i]):
                refuse(None, f"actions[{i!r}]", actions[i], f"a position from 0 to {self.action_spaces[i].n - 1}")
        everyone, a = self.agents, np.array([int(actions[i]) for i in self.agents])
        seen, r, over = self._game.step(a, self._rng)
        self.steps += 1
        truncated = self.steps >= self.max_steps
        found: tuple[Any, Any, Any, Any, Any] = (
            self._of_each(seen),
            self._of_each(r.tolist()),
            dict.fromkeys(everyone, over),
            dict.fromkeys(everyone, truncated),
            {i: {} for i in everyone},
        )
        if over or truncated:
            self.agents = []
        return found

    def state(self) -> Array:
        """The position of the hidden state (1,); of a simple game the joint action before (n,)."""
        return np.atleast_1d(self._game.s).copy()

    def render(self) -> None:
        """There is no picture."""

    def close(self) -> None:
        """There is nothing to close."""

    def _of_each(self, x: Any) -> dict[str, Any]:
        return dict(zip(self.possible_agents, x, strict=True))


class _Repeated:
    """A simple game, round after round."""

    def __init__(self, P: SimpleGame):
        self.P = P
        self.spaces = [spaces.MultiDiscrete([k + 1 for k in P.sizes]) for _ in P.I]
        self.s = np.array(P.sizes)

    def start(self, rng: np.random.Generator) -> list[Array]:
        self.s = np.array(self.P.sizes)
        return [self.s.copy() for _ in self.P.I]

    def step(self, a: Array, rng: np.random.Generator) -> tuple[list[Array], Array, bool]:
        self.s = a
        return [a.copy() for _ in self.P.I], self.P.R.array[(slice(None), *a)], False


class _Seen:
    """A Markov game."""

    def __init__(self, P: MG, b: Any):
        self.P, self.s = P, np.int64(0)
        self.b = np.full(len(P.S), 1 / len(P.S)) if b is None else b
        sample_start(self.b, 1, np.random.default_rng(0))  # raises unless b is a start distribution
        self.spaces = [spaces.Discrete(len(P.S)) for _ in P.I]
        self.over = _over(P.T.matrix, P.R.array)

    def start(self, rng: np.random.Generator) -> list[np.int64]:
        self.s = np.int64(sample_start(self.b, 1, rng)[0])
        return [self.s] * self.P.n

    def step(self, a: Array, rng: np.random.Generator) -> tuple[list[np.int64], Array, bool]:
        s_next, r = self.P.TR(self.s, a, rng)
        self.s = np.int64(s_next)
        return [self.s] * self.P.n, r, bool(self.over[self.s])


class _Hidden:
    """A game, or a team, whose agents do not see the state."""

    def __init__(self, P: HiddenStateGame, b: Belief | None):
        n = len(P.S)
        self.P, self.s = P, np.int64(0)
        self.b = np.full(n, 1 / n) if b is None else belief(b, n)
        self.T = cumulative(P.joint_transitions.reshape(-1, n))
        self.O = cumulative(P.joint_observations.reshape(self.T.shape[0], -1))
        self.R = np.broadcast_to(P.rewards, (P.n, *P.rewards.shape[1:]))
        self.spaces = [spaces.Discrete(k + 1) for k in P.n_observations]
        self.over = _over(P.joint_transitions.reshape(-1, n), P.rewards)

    def start(self, rng: np.random.Generator) -> list[np.int64]:
        self.s = _drawn(cumulative(self.b[None]), 0, rng)
        return [np.int64(k) for k in self.P.n_observations]

    def step(self, a: Array, rng: np.random.Generator) -> tuple[list[np.int64], Array, bool]:
        ja = int(np.ravel_multi_index(tuple(a), self.P.sizes))
        r = self.R[:, self.s, ja]
        self.s = _drawn(self.T, int(self.s) * self.R.shape[2] + ja, rng)
        o = _drawn(self.O, ja * len(self.P.S) + int(self.s), rng)
        return [np.int64(k) for k in np.unravel_index(o, self.P.n_observations)], r, bool(self.over[self.s])


def _drawn(rows: Array, i: int, rng: np.random.Generator) -> np.int64:
    """A random outcome of row i of cumulative probabilities."""
    return np.int64(inverse_transform(rows, np.array([i]), rng.random(1))[0])


def _over(T: Any, R: ArrayLike) -> Array:
    """Which states (S,) no joint action leaves, T (S·|A|, S), nor pays in, R (k, S, …)."""
    R = np.asarray(R)
    return absorbing(T, (R.reshape(len(R), T.shape[1], -1) != 0).any(axis=(0, 2)))
