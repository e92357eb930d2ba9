"""Simulations per second of pomdp-py's tree searches on the tiger; run by the interpreter that has pomdp-py.

python benchmarks/peers/pomdp_py_tiger.py 2000
prints POUCT's and POMCP's simulations per second on the models here, which do no more than they must, and POUCT's on
the models of pomdp-py's own tiger.
"""

import random
import sys
import time
from typing import Any

import pomdp_py
from pomdp_py.problems.tiger.tiger_problem import TigerProblem


class State(pomdp_py.State):
    """Where the tiger is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.name == other.name


class Action(pomdp_py.Action):
    """What is done."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Action) and self.name == other.name


class Observation(pomdp_py.Observation):
    """What is heard."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observation) and self.name == other.name


STATES, HEARD = [State("left"), State("right")], [Observation("left"), Observation("right")]
ACTIONS = [Action("left"), Action("right"), Action("listen")]


class Transitions(pomdp_py.TransitionModel):
    """The tiger stays while one listens."""

    def sample(self, state: State, action: Action) -> State:
        return state if action.name == "listen" else random.choice(STATES)


class Observations(pomdp_py.ObservationModel):
    """It is heard behind its own door with probability 0.85."""

    def sample(self, next_state: State, action: Action) -> Observation:
        if action.name != "listen":
            return random.choice(HEARD)
        own = HEARD[0] if next_state.name == "left" else HEARD[1]
        return own if random.random() < 0.85 else HEARD[1 - HEARD.index(own)]


class Rewards(pomdp_py.RewardModel):
    """-1, 10 or -100."""

    def sample(self, state: State, action: Action, next_state: State) -> float:
        if action.name == "listen":
            return -1.0
        return -100.0 if action.name == state.name else 10.0


class Rollouts(pomdp_py.RolloutPolicy):
    """Random actions."""

    def rollout(self, state: State, history: Any) -> Action:
        return random.choice(ACTIONS)

    def get_all_actions(self, state: State | None = None, history: Any = None) -> list[Action]:
        return ACTIONS


def speed(kind: Any, belief: Any, simulations: int) -> float:
    """Simulations per second of a search of depth 20."""
    return speed_of(kind, pomdp_py.Agent(belief, Rollouts(), Transitions(), Observations(), Rewards()), simulations)


def speed_of(kind: Any, agent: Any, simulations: int) -> float:
    """The same of an agent with its models."""
    search = kind(
        max_depth=20,
        discount_factor=0.95,
        num_sims=simulations,
        exploration_const=60.0,
        rollout_policy=agent.policy_model,
        action_prior=None,
    )
    begun = time.process_time()
    search.plan(agent)
    return simulations / (time.process_time() - begun)


if __name__ == "__main__":
    n = int(sys.argv[1])
    particles = pomdp_py.Particles([random.choice(STATES) for _ in range(1000)])
    lean = speed(pomdp_py.POUCT, pomdp_py.Histogram(dict.fromkeys(STATES, 0.5)), n), speed(pomdp_py.POMCP, particles, n)
    print(*lean, speed_of(pomdp_py.POUCT, TigerProblem.create().agent, n))
