"""Wrong games, policies and settings: each is one clear error that names what is wrong."""

import math
import re

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import PrisonersDilemma, TravelersDilemma
from decision_making.simplexes import project_to_simplex
from tests.support import assert_refused

NAN, INF = math.nan, math.inf

P = PrisonersDilemma()
MANY = dm.SimpleGame.from_arrays(*np.zeros((2, 4, 2, 2)))
WRONG = {
    "not finite": (lambda: dm.SimpleGame.from_arrays([[0, NAN]], [[0, 1]]), "agent 0 at the joint action (0, 1)"),
    "not finite in a batch": (
        lambda: dm.SimpleGame(1, list("ab"), [[0], [0, 1]], np.array([[[[0, 0]], [[0, 0]]], [[[0, 0]], [[INF, 0]]]])),
        "agent 'b' at the joint action (0, 0) of game (1,)",
    ),
    "ragged": (lambda: dm.SimpleGame.from_arrays([[0, 1], [2]], [[0, 1], [2, 3]]), "R[0]"),
    "different shapes": (lambda: dm.SimpleGame.from_arrays([[0, 1]], [[0], [1]]), "shapes (1, 2), (2, 1)"),
    "other shape": (lambda: dm.SimpleGame(1, (0, 1), [(0, 1), (0, 1)], np.zeros((2, 2, 3))), "(2, 2, 3)"),
    "short reward": (lambda: dm.SimpleGame(1, (0, 1), [(0, 1)] * 2, lambda a: [1.0]), "one reward an agent"),
    "discount": (lambda: dm.SimpleGame(1.5, (0,), [(0,)], [[0.0]]), "SimpleGame.γ"),
    "agents twice": (lambda: dm.SimpleGame(1, (0, 0), [(0,)] * 2, np.zeros((2, 1, 1))), "SimpleGame.I"),
    "action twice": (lambda: dm.SimpleGame(1, (0,), [("a", "a")], np.zeros((1, 2))), "SimpleGame.A"),
    "no actions": (lambda: dm.SimpleGame(1, (0,), [()], np.zeros((1, 0))), "SimpleGame.A"),
    "lists missing": (lambda: dm.SimpleGame(1, (0, 1), [(0,)], np.zeros((2, 1, 1))), "a list of 2 lists"),
    "sum": (lambda: dm.utility(P, [[0.5, 0.4], [1, 0]]), "π[0] = [0.5, 0.4]"),
    "negative": (lambda: dm.utility(P, [[1.5, -0.5], [1, 0]]), "π[0]"),
    "policies missing": (lambda: dm.utility(P, [[1, 0]]), "2 policies"),
    "length": (lambda: dm.utility(P, [[1, 0], [1, 0, 0]]), "π[1] has shape (3,)"),
    "unknown action": (lambda: dm.utility(P, ["cooperate", "confess"]), "'confess'"),
    "unknown agent": (lambda: dm.utility(P, [[1, 0]] * 2, 2), "must be one of 0, 1"),
    "weights 0": (lambda: dm.SimpleGamePolicy([0, 0]), "not all of them 0"),
    "weights negative": (lambda: dm.SimpleGamePolicy({"a": -1, "b": 3}), "SimpleGamePolicy.p"),
    "weights inf": (lambda: dm.SimpleGamePolicy([INF, 1]), "SimpleGamePolicy.p"),
    "λ": (lambda: dm.softmax_response(P, [[1, 0]] * 2, 0, -1), "λ = -1"),
    "λ of a response that is no number": (lambda: dm.softmax_response(P, [[1, 0]] * 2, 0, "x"), "λ = 'x'"),
    "λ of levels": (lambda: dm.HierarchicalSoftmax(-1, 1), "HierarchicalSoftmax.λ"),
    "λ that is no number": (lambda: dm.HierarchicalSoftmax("x", 1), "HierarchicalSoftmax.λ"),
    "λ NaN": (lambda: dm.HierarchicalSoftmax(NAN, 1), "HierarchicalSoftmax.λ"),
    "no batch": (lambda: P[0], "only a batch"),
    "projection": (lambda: project_to_simplex([NAN, 1]), "y"),
    "a name": (lambda: dm.payoffs("game", [[1, 0]] * 2, 0), "SimpleGame"),
    "best_actions": (lambda: dm.best_actions(P, [[1, 0], [NAN, 1]], 0), "π[1]"),
    "best_response": (lambda: dm.best_response(P, [[1, 0]] * 3, 0), "2 policies"),
    "best_response of what": (lambda: dm.best_response(3, [], 0), "best_response knows"),
    "softmax_response of what": (lambda: dm.softmax_response(3, [], 0, 1), "softmax_response knows"),
    "gap of what": (lambda: dm.gap(3, []), "gap knows"),
    "gap": (lambda: dm.gap(P, [[1, 0], [2, 0]]), "π[1] = [2, 0]"),
    "nash": (lambda: dm.nash(3), "SimpleGame"),
    "dominant_actions": (lambda: dm.dominant_actions(3, 0), "SimpleGame"),
    "undominated_actions": (lambda: dm.undominated_actions(MANY), "batch (4,)"),
    "pure_equilibria": (lambda: dm.pure_equilibria([[1]]), "SimpleGame"),
    "joint_actions": (lambda: dm.joint_actions(3), "iterable"),
    "play": (lambda: dm.play(3, [], 3), "SimpleGame"),
    "play of whom": (lambda: dm.play(P, [1, 2], 3), "learners of this game"),
    "FictitiousPlay": (lambda: dm.FictitiousPlay(P, 3), "must be one of 0, 1"),
    "FictitiousPlay.prior": (lambda: dm.FictitiousPlay(P, 0, prior=0), "FictitiousPlay.prior"),
    "GradientAscent": (lambda: dm.GradientAscent(P, 0, α=-1), "GradientAscent.α"),
    "IteratedBestResponse": (lambda: dm.IteratedBestResponse(0), "IteratedBestResponse.k_max"),
    "IteratedBestResponse of many": (lambda: dm.solve(dm.IteratedBestResponse(3), MANY), "batch (4,)"),
    "HierarchicalSoftmax": (lambda: dm.HierarchicalSoftmax(1, -1), "HierarchicalSoftmax.k"),
    "HierarchicalSoftmax of what": (lambda: dm.solve(dm.HierarchicalSoftmax(1, 1), 3), "SimpleGame"),
    "NashEquilibrium": (lambda: dm.NashEquilibrium(restarts=0), "NashEquilibrium.restarts"),
    "CorrelatedEquilibrium": (lambda: dm.CorrelatedEquilibrium("kind"), "CorrelatedEquilibrium.objective"),
    "CorrelatedEquilibrium for whom": (
        lambda: dm.solve(dm.CorrelatedEquilibrium("dictatorial"), P),
        "None: must be one of 0, 1",
    ),
    "JointCorrelatedPolicy": (lambda: dm.JointCorrelatedPolicy([[0.0, NAN]]), "JointCorrelatedPolicy.p"),
    "claims": (lambda: TravelersDilemma(low=5, high=4), "high = 4"),
    "least claim": (lambda: TravelersDilemma(low=0), "low = 0"),
    "largest claim": (lambda: TravelersDilemma(high=9.5), "high = 9.5"),
    "bonus": (lambda: TravelersDilemma(bonus=NAN), "bonus = nan"),
    "agents": (lambda: dm.SimpleGame(1, 5, [(0,)], [[0.0]]), "SimpleGame.I = 5"),
    "actions": (lambda: dm.SimpleGame(1, (0,), 5, [[0.0]]), "SimpleGame.A = 5"),
    "actions of one": (lambda: dm.SimpleGame(1, (0,), [5], [[0.0]]), "SimpleGame.A = 5"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_a_named_error(name):
    call, said = WRONG[name]
    assert_refused(call, (ValueError, TypeError, KeyError), re.escape(said))


def test_joint_actions_too_many_are_refused_before_the_function_is_called():
    def R(a):
        raise AssertionError("called")

    with pytest.raises(ValueError, match=r"1,073,741,824 joint actions: must be at most 16,777,216"):
        dm.SimpleGame(1.0, range(30), [(0, 1)] * 30, R)
