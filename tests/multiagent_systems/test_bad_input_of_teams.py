"""Wrong models, plans and settings of chapters 26 and 27: each is one clear error that names what is wrong."""

import math
import re

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import CollaborativePredatorPrey, DecTiger, MultiCaregiverCryingBaby
from tests.support import assert_refused

P, GAME = DecTiger(), MultiCaregiverCryingBaby()
T, O, R = P.T.array, P.O.array, P.R.array
LEAF = dm.ConditionalPlan(0)
LONG = dm.ConditionalPlan(0, {0: LEAF, 1: LEAF})
ONE = dm.AgentController.from_nodes(3, [0], [[0, 0]])
Π = dm.create_conditional_plans(P, 0)


def changed(x, at, value):
    x = np.array(x)
    x[at] = value
    return x


def never(*_):
    pytest.fail("called")


def solved(M, Q=P):
    return lambda: dm.solve(M, Q)


WRONG = {
    "discount": (lambda: dm.DecPOMDP.from_arrays(T, R, O, 1.5), "DecPOMDP.γ = 1.5"),
    "T not finite": (lambda: dm.DecPOMDP.from_arrays(changed(T, (0, 0, 1, 1), math.nan), R, O, 1), "T[0, 0, 1, 1]"),
    "T negative": (lambda: dm.DecPOMDP.from_arrays(changed(T, (0, 0, 1), [-0.5, 1.5]), R, O, 1), "DecPOMDP.T = -0.5"),
    "T sum": (lambda: dm.DecPOMDP.from_arrays(changed(T, (0, 0, 1, 1), 0.7), R, O, 1), "sum to 1 in each row"),
    "O sum": (lambda: dm.DecPOMDP.from_arrays(T, R, changed(O, (0, 0, 1, 1, 0), 0.7), 1), "DecPOMDP.O"),
    "R shape": (lambda: dm.DecPOMDP.from_arrays(T, R[None], O, 1), "R has shape (1, 2, 3, 3): must be (2, 3, 3)"),
    "R of a game": (lambda: dm.POMG.from_arrays(T, R, O, 1), "must be (2, 2, 3, 3)"),
    "R infinite": (lambda: dm.DecPOMDP.from_arrays(T, changed(R, (1, 2, 0), math.inf), O, 1), "R[1, 2, 0] = inf"),
    "O axes": (lambda: dm.DecPOMDP.from_arrays(T, R, O[0], 1), "must be (S, A1, ..., An, S)"),
    "letters": (lambda: dm.DecPOMDP.from_arrays([["a"]], R, O, 1), "T = "),
    "belief": (lambda: dm.DecPOMDP.from_arrays(T, R, O, 1, b=[0.5, 0.4]), "b = "),
    "lists": (lambda: dm.DecPOMDP(1, (0, 1), (0, 1), [(0, 1, 2)], P.Ω, T, O, R), "DecPOMDP.A"),
    "observations twice": (lambda: dm.DecPOMDP(1, (0, 1), (0, 1), P.A, [("x", "x")] * 2, T, O, R), "DecPOMDP.Ω"),
    "rewards of a function": (
        lambda: dm.POMG(1, P.I, P.S, P.A, P.Ω, P.T, P.O, lambda s, a: 1.0),
        "2 rewards, one of each agent",
    ),
    "too many to tabulate": (
        lambda: dm.DecPOMDP(1, range(9), range(9), [range(9)] * 9, [range(2)] * 9, never, never, never),
        "entries of T: must be at most",
    ),
    "unknown label": (lambda: P.R("tiger", ("listen", "listen")), "'tiger': must be one of"),
    "short action": (lambda: P.R("tiger left", ("listen",)), "2 entries, one of each agent"),
    "variant": (lambda: MultiCaregiverCryingBaby(variant="other"), "variant = 'other'"),
    "tiger": (lambda: DecTiger(left=2), "left = 2"),
    "tiles": (lambda: CollaborativePredatorPrey("plane"), "tiles = 'plane'"),
    "no model": (lambda: dm.create_conditional_plans(dm.MDP, 1), "a POMG or a DecPOMDP"),
    "d of plans": (lambda: dm.create_conditional_plans(P, -1), "d = -1"),
    "expand": (lambda: dm.expand_conditional_plans(3, []), "P = 3"),
    "no team": (solved(dm.MultiagentAStar(None, 1), GAME), "a DecPOMDP"),
    "no team to improve": (solved(dm.DecPOMDPIteratedBestResponse(None, 1, 1), GAME), "a DecPOMDP"),
    "no game": (solved(dm.POMGNashEquilibrium(None, 1)), "a DecPOMDP has one as P.game"),
    "no game to prune": (solved(dm.POMGDynamicProgramming(None, 1)), "a DecPOMDP has one as P.game"),
    "no belief": (solved(dm.POMGNashEquilibrium(None, 0), GAME), "b = None: the POMG has no belief"),
    "beliefs": (solved(dm.MultiagentAStar([[0.5, 0.5]] * 2, 0)), "b = "),
    "belief of three": (solved(dm.MultiagentAStar([0.5, 0.5, 0], 0)), "b has shape (3,)"),
    "number of plans": (lambda: dm.utility(P, None, [LEAF]), "2 conditional plans"),
    "plans of other kinds": (lambda: dm.utility(P, None, [LEAF, 3]), "2 conditional plans"),
    "a plan alone": (lambda: dm.evaluate_plan(P, LEAF), "2 conditional plans, one of each agent"),
    "no plans": (lambda: dm.evaluate_plan(P, 3), "π = 3: must be 2 conditional plans"),
    "an action of a name": (lambda: dm.evaluate_plan(P, [dm.ConditionalPlan("x"), LEAF]), "π[0] takes action 'x'"),
    "half an action": (lambda: dm.evaluate_plan(P, [LEAF, dm.ConditionalPlan(0.5)]), "π[1] takes action 0.5"),
    "a batch of mixtures": (
        lambda: dm.utility(P, None, [LEAF, dm.SimpleGamePolicy(np.ones((3, 2)), [LEAF, LONG])]),
        "2 conditional plans or mixtures of them",
    ),
    "unknown action": (lambda: dm.utility(P, None, [LEAF, dm.ConditionalPlan(7)]), "π[1] takes action 7"),
    "observations missing": (
        lambda: dm.evaluate_plan(P, [LONG, dm.ConditionalPlan(0, {0: LEAF})], 0),
        "π[1] has subplans of [0]",
    ),
    "ragged": (lambda: dm.evaluate_plan(P, [dm.ConditionalPlan(0, {0: LEAF, 1: LONG})] * 2, 0), "all must be as long"),
    "state": (lambda: dm.evaluate_plan(P, [LEAF, LEAF], 2), "s runs from 2 to 2"),
    "U of lookahead": (lambda: dm.lookahead(GAME, np.zeros((1, 4, 2)), "sated", ("feed", "feed")), "U has shape"),
    "unknown agent": (lambda: dm.best_response(P, [LEAF, LEAF], 3), "3: must be one of 1, 2"),
    "agent of pruning": (lambda: dm.is_dominated(P, Π, 9, 0), "9: must be one of 1, 2"),
    "sets of plans": (lambda: dm.joint_values(P, Π[:1]), "must be 2, one of each agent"),
    "prune_dominated": (lambda: dm.prune_dominated(P, Π[:1]), "must be 2, one of each agent"),
    "plan_game": (lambda: dm.plan_game(GAME, Π), "no belief to begin with"),
    "undominated_plans": (lambda: dm.undominated_plans("P", 1), "P = 'P'"),
    "number_of_plans": (lambda: dm.number_of_plans(3, 2, "d"), "'d'"),
    "AgentController": (lambda: dm.AgentController([[0.5, 0.4]], np.ones((1, 2, 1, 1))), "AgentController.ψ"),
    "η of another shape": (lambda: dm.AgentController([[1.0]], np.ones((1, 2, 1, 1))), "AgentController.η"),
    "nodes": (lambda: dm.AgentController.from_nodes(3, [0], [0]), "child has shape"),
    "JointController": (lambda: dm.evaluate_joint_controller(P.discounted(0.9), [ONE]), "2 AgentControllers"),
    "evaluate_joint_controller": (lambda: dm.evaluate_joint_controller(P, [ONE, ONE]), "γ = 1"),
    "best_response_pomdp": (lambda: dm.best_response_pomdp(P, [LEAF, LEAF], 1), "2 AgentControllers"),
    "responding_belief": (lambda: dm.responding_belief(P, [ONE, ONE], 5), "5: must be one of 1, 2"),
    "actions of a controller": (
        lambda: dm.best_response_pomdp(P, [ONE, dm.AgentController.from_nodes(2, [0], [[0, 0]])], 1),
        "π[1] has 2 actions",
    ),
    "joint_controller_derivatives": (lambda: dm.joint_controller_derivatives(P, [ONE, ONE]), "γ = 1"),
    "programs need a discount": (solved(dm.DecPOMDPNonlinearProgramming(None, 1)), "γ = 1"),
    "start": (lambda: dm.DecPOMDPNonlinearProgramming(None, 1, start=3), "DecPOMDPNonlinearProgramming.start"),
    "start too large": (
        solved(
            dm.DecPOMDPNonlinearProgramming(
                None, 1, start=dm.JointController([dm.AgentController.from_nodes(3, [0, 0], [[0, 0]] * 2)] * 2)
            ),
            P.discounted(0.9),
        ),
        "start = '2 nodes'",
    ),
    "n_nodes": (lambda: dm.DecPOMDPNonlinearProgramming(None, 0), "n_nodes = 0"),
    "d": (lambda: dm.MultiagentAStar(None, -1), "MultiagentAStar.d = -1"),
    "d of DecPOMDPDynamicProgramming": (lambda: dm.DecPOMDPDynamicProgramming(None, 1.5), "d = 1.5"),
    "max_nodes": (lambda: dm.MultiagentAStar(None, 1, max_nodes=0), "max_nodes = 0"),
    "k_max": (lambda: dm.DecPOMDPIteratedBestResponse(None, 1, 0), "k_max = 0"),
    "π_max": (lambda: dm.DecPOMDPHeuristicSearch(None, 1, 0), "π_max = 0"),
    "explore": (lambda: dm.DecPOMDPHeuristicSearch(None, 1, 1, explore="all"), "explore = 'all'"),
    "nash": (lambda: dm.POMGNashEquilibrium(None, 1, nash="auto"), "POMGNashEquilibrium.nash"),
    "nash of POMGDynamicProgramming": (lambda: dm.POMGDynamicProgramming(None, 1, nash=3), "nash = 3"),
    "team_bounds": (lambda: dm.team_bounds(P, [1, 1], 2), "b = "),
    "read-only": (lambda: P.T.array.__setitem__(0, 1), "read-only"),
}
MADE = (
    "AgentPlans",
    "JointPlan",
    "JointControllerDerivatives",
    "PlanEquilibrium",
    "TeamBounds",
)  # by the library alone


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_a_named_error(name):
    call, said = WRONG[name]
    assert_refused(call, (ValueError, TypeError, KeyError), re.escape(said))


def test_what_the_library_makes_is_small_on_the_screen():
    found = dm.solve(dm.MultiagentAStar(None, 1), P)
    equilibrium = dm.solve(dm.POMGDynamicProgramming([0.5, 0.5], 1), GAME)
    for x in (P, GAME, P.T, found, equilibrium, Π[0], dm.JointController([ONE, ONE]), ONE, dm.MultiagentAStar(None, 1)):
        assert len(repr(x)) < 240
        assert "\n" not in repr(x)
    assert all(hasattr(dm, name) for name in MADE)


def test_list_like_results_are_lists_of_the_agents():
    found = dm.solve(dm.MultiagentAStar(None, 1), P)
    equilibrium = dm.solve(dm.POMGDynamicProgramming([0.5, 0.5], 1), GAME)
    controller = dm.JointController([ONE, ONE])
    for x in (found, equilibrium, controller):
        assert len(x) == len(list(x)) == 2
        assert x[1] is list(x)[1]
