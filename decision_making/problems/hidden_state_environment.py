"""A POMDP as a gymnasium environment: it returns its observations, and the state stays hidden."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from decision_making.checks import Named, count
from decision_making.mdp import SparseTable, absorbing
from decision_making.pomdp import POMDP, belief, filtered, start_belief
from decision_making.sampling import cumulative, indices, inverse_transform


class HiddenStateEnvironment(gymnasium.Env[np.int64, np.int64]):
    """The tabular POMDP P, observed by the position of its observation; |Ω| at first stands for "none yet".

    An episode begins in a state drawn from P.b, or uniformly where there is none, and is truncated after max_steps
    steps. It terminates in a state that every action leaves as it is without a reward. `info["state"]` has the hidden
    state, for evaluation, and after a step `info["belief"]` the belief about it.

    Raises TypeError unless P is a POMDP with lists, ValueError for max_steps < 1.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  gymnasium's

    def __init__(self, P: POMDP, max_steps: int = 100):
        if not isinstance(P, POMDP):
            raise TypeError(f"P = {P!r}: must be a POMDP")
        count(None, Named("max_steps"), max_steps)
        self.P, self.max_steps = P.tabulated(), max_steps
        n = len(self.P.S)
        self.start = belief(start_belief(self.P), n)
        T = self.P.T.matrix if isinstance(self.P.T, SparseTable) else self.P.T.array
        self.over = absorbing(T, (self.P.R.array != 0).any(axis=1))
        self.observation_space = gymnasium.spaces.Discrete(len(self.P.Ω) + 1)
        self.action_space = gymnasium.spaces.Discrete(len(self.P.A))
        self.state, self.steps, self.b = 0, 0, self.start

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """The observation "nothing yet", and the hidden state in `info`."""
        super().reset(seed=seed)
        u = np.array([self.np_random.random()])
        self.state = int(inverse_transform(cumulative(self.start[None]), np.zeros(1, np.intp), u)[0])
        self.steps, self.b = 0, self.start
        return np.int64(len(self.P.Ω)), {"state": self.state, "belief": self.b.copy()}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Observation, reward, whether the state is one that ends, whether max_steps are over."""
        a = indices("action", [action], len(self.P.A))
        s_next, r, o = self.P.TRO(np.array([self.state]), a, self.np_random)
        self.state, self.steps = int(s_next[0]), self.steps + 1
        self.b = filtered(self.P, self.b[None], a, o)[0][0]
        info = {"state": self.state, "belief": self.b.copy()}
        return np.int64(o[0]), float(r[0]), bool(self.over[self.state]), self.steps >= self.max_steps, info
