"""Which protocols the library's own problems and critics fulfil, and how `offers` asks."""

import numpy as np
import pytest

from decision_making import MDP, LinearCritic, NeuralCritic
from decision_making.problem import (
    Collects,
    Critic,
    Enumerable,
    FrozenDistribution,
    HasActions,
    HasStart,
    HasStates,
    HasSuccessors,
    HasTerminal,
    Live,
    Problem,
    Simulable,
    offers,
)
from decision_making.problems import (
    CartPole,
    CollisionAvoidance,
    GymnasiumProblem,
    HexWorld,
    MountainCar,
    SimpleRegulator,
    TwentyFortyEight,
)

ASKED = (Simulable, Enumerable, HasStates, HasActions, HasTerminal, HasSuccessors, HasStart, Collects, Live)
OFFERED = {
    CartPole: {Simulable, HasActions, HasTerminal, HasStart},
    CollisionAvoidance: {Simulable, HasActions, HasTerminal, HasSuccessors, HasStart},
    HexWorld: {Simulable, Enumerable, HasStates, HasActions, HasStart},
    MountainCar: {Simulable, HasActions, HasTerminal, HasSuccessors, HasStart},
    SimpleRegulator: {Simulable, HasStart},
    TwentyFortyEight: {Simulable, HasActions, HasTerminal, HasSuccessors, HasStart},
    lambda: GymnasiumProblem("CartPole-v1", 0.99, n_envs=1): {Collects, Live},
    lambda: MDP.from_arrays([[[1.0]]], [[0.0]], 0.9): {Simulable, Enumerable, HasStates, HasActions},
    lambda: MDP.from_arrays([[[1.0]]], [[0.0]], 0.9, terminal=np.isnan): {
        *(Simulable, Enumerable, HasStates, HasActions, HasTerminal)
    },
    lambda: MDP(0.9, None, None, None, None, None): set(),
}


@pytest.mark.parametrize("made", OFFERED, ids=lambda made: made.__name__)
def test_what_a_problem_offers(made):
    P = made()
    assert offers(P, Problem)
    assert {what for what in ASKED if offers(P, what)} == OFFERED[made]


def test_a_member_that_is_none_or_cannot_be_called_is_not_offered():
    class Odd:
        γ, S, A, T, R = 1.0, [0], [0], (lambda s, a, s_next: 1.0), 0.0

    assert not offers(Odd(), Enumerable)
    assert offers(Odd(), HasStates)
    assert not offers(Odd(), HasTerminal)
    assert not offers(None, Problem)


def test_critics_and_distributions():
    from scipy import stats

    assert offers(LinearCritic(1), Critic)
    assert offers(NeuralCritic((1, 2)), Critic)
    assert not offers(object(), Critic)
    assert offers(stats.norm(0, 1), FrozenDistribution)
    assert not offers(np.ones(3), FrozenDistribution)
