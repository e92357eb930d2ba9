"""The problems of appendix F. A problem has a discount γ, a batched sampler TR and a start distribution b.

`ProblemEnvironment` and `ProblemVectorEnvironment` make gymnasium environments of them, `register_environments`
registers those under their names, `GymnasiumProblem` makes a problem of any gymnasium environment, and `check` reports
in words how the library sees it; gymnasium is imported with the first use of these. `GameEnvironment` makes a
PettingZoo environment of any game.
"""

from typing import TYPE_CHECKING

from decision_making.problems.cart_pole import CartPole
from decision_making.problems.collision_avoidance import CollisionAvoidance
from decision_making.problems.games import PrisonersDilemma, RockPaperScissors, TravelersDilemma
from decision_making.problems.hex_world import HexWorld, StraightLineHexWorld
from decision_making.problems.hidden_states import Catch, CryingBaby, MachineReplacement, Tiger
from decision_making.problems.larger_hidden_states import RockSample, Tag
from decision_making.problems.mountain_car import MountainCar
from decision_making.problems.predator_prey import PredatorPreyHexWorld
from decision_making.problems.simple_regulator import SimpleRegulator
from decision_making.problems.sliding_tiles import SlidingTilePuzzle
from decision_making.problems.teams import (
    BroadcastChannel,
    CollaborativePredatorPrey,
    DecTiger,
    MeetingOnAGrid,
    MultiCaregiverCryingBaby,
    RecyclingRobots,
    TwoGenerals,
)
from decision_making.problems.twenty_forty_eight import TwentyFortyEight

if TYPE_CHECKING:
    from decision_making.problems.checking import EnvironmentReport, check
    from decision_making.problems.environments import (
        ProblemEnvironment,
        ProblemVectorEnvironment,
        register_environments,
    )
    from decision_making.problems.game_environment import GameEnvironment
    from decision_making.problems.gymnasium_problem import GymnasiumProblem
    from decision_making.problems.hidden_state_environment import HiddenStateEnvironment

__all__ = [
    "BroadcastChannel",
    "CartPole",
    "Catch",
    "CollaborativePredatorPrey",
    "CollisionAvoidance",
    "CryingBaby",
    "DecTiger",
    "EnvironmentReport",
    "GameEnvironment",
    "GymnasiumProblem",
    "HexWorld",
    "HiddenStateEnvironment",
    "MachineReplacement",
    "MeetingOnAGrid",
    "MountainCar",
    "MultiCaregiverCryingBaby",
    "PredatorPreyHexWorld",
    "PrisonersDilemma",
    "ProblemEnvironment",
    "ProblemVectorEnvironment",
    "RecyclingRobots",
    "RockPaperScissors",
    "RockSample",
    "SimpleRegulator",
    "SlidingTilePuzzle",
    "StraightLineHexWorld",
    "Tag",
    "Tiger",
    "TravelersDilemma",
    "TwentyFortyEight",
    "TwoGenerals",
    "check",
    "register_environments",
]


def __getattr__(name: str) -> object:
    if name == "GameEnvironment":
        from decision_making.problems.game_environment import GameEnvironment

        return GameEnvironment
    if name == "GymnasiumProblem":
        from decision_making.problems.gymnasium_problem import GymnasiumProblem

        return GymnasiumProblem
    if name == "HiddenStateEnvironment":
        from decision_making.problems.hidden_state_environment import HiddenStateEnvironment

        return HiddenStateEnvironment
    if name in ("EnvironmentReport", "check"):
        from decision_making.problems import checking

        return getattr(checking, name)
    if name in ("ProblemEnvironment", "ProblemVectorEnvironment", "register_environments"):
        from decision_making.problems import environments

        return getattr(environments, name)
    raise AttributeError(f"module 'decision_making.problems' has no attribute {name!r}")
