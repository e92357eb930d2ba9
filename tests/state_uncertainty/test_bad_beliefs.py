"""Wrong beliefs, utilities of beliefs, solvers and controllers of part IV: each is one clear error."""

import re

import numpy as np
import pytest

from decision_making import (
    AlphaVectorPolicy,
    BranchAndBound,
    ConditionalPlan,
    ControllerGradient,
    ControllerPolicy,
    ForwardSearch,
    GapHeuristicSearch,
    HistoryMonteCarloTreeSearch,
    LookaheadAlphaVectorPolicy,
    NonlinearProgramming,
    ParticleBeliefs,
    PointBasedValueIteration,
    RandomizedPointBasedValueIteration,
    RolloutLookahead,
    SawtoothHeuristicSearch,
    SawtoothIteration,
    SawtoothPolicy,
    SparseSampling,
    advance,
    backup,
    belief_rollouts,
    controller_derivatives,
    controller_rollouts,
    evaluate_controller,
    greedy,
    improve_controller,
    lookahead,
    plan,
    randstep,
    search_for_seconds,
    solve,
    update,
)
from decision_making.problems import Catch, CryingBaby, Tiger
from decision_making.sequential_problems.online_planning import TooLargeError

UNIFORM = [0.5, 0.5]
BABY = CryingBaby()


def of_beliefs(u):
    return lambda b: np.full(len(b), u)


LOOKING_AHEAD = {
    "ForwardSearch": lambda b: plan(ForwardSearch(BABY, 2, of_beliefs(0.0)), b),
    "BranchAndBound": lambda b: plan(BranchAndBound(BABY, 2, of_beliefs(-99.0), lambda b, a: 0.0), b),
    "SparseSampling": lambda b: plan(SparseSampling(BABY, 2, 3, of_beliefs(0.0), rng=0), b),
    "RolloutLookahead": lambda b: plan(RolloutLookahead(BABY, lambda b: np.zeros(len(b), int), 2, rng=0), b),
}


@pytest.mark.parametrize("search", LOOKING_AHEAD.values(), ids=LOOKING_AHEAD)
def test_searches_of_chapter_9_take_nothing_but_beliefs(search):
    """Sparse sampling gave a plan for probabilities that sum to 1.1; others named what followed, not b."""
    for b, named in (
        ([0.5, 0.6], "b = array([0.5, 0.6]): must be probabilities that sum to 1"),
        ([1.5, -0.5], "b = array([ 1.5, -0.5]): must be probabilities"),
        ([np.nan, 0.5], "b = array([nan, 0.5]): must be probabilities"),
        ([1.0], "b has shape (1,): must be probabilities of the 2 states"),
    ):
        with pytest.raises(ValueError, match=re.escape(named)):
            search(b)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: lookahead(BABY, of_beliefs(np.nan), np.array(UNIFORM), 2), ValueError, "U of belief array("),
        (lambda: lookahead(BABY, of_beliefs(np.inf), np.array(UNIFORM), 2), ValueError, "is inf: must be a number"),
        (lambda: greedy(BABY, lambda b: None, UNIFORM), ValueError, "is nan: must be a number"),
        (lambda: greedy(BABY, lambda b: "x", UNIFORM), TypeError, "U(b) = 'x': must be an array of numbers"),
        (lambda: greedy(BABY, lambda b: "1.5", UNIFORM), TypeError, "U(b) = '1.5': must be an array of numbers"),
        (lambda: greedy(BABY, lambda b: b, UNIFORM), ValueError, "U gave an array (2, 2) for 2 beliefs: must be (2,)"),
        *(
            (lambda low=low: plan(GapHeuristicSearch(BABY, low, of_beliefs(0.0), 0.1, 2, 2), UNIFORM), error, named)
            for low, error, named in (
                (lambda b: b, ValueError, "Ulo gave an array (1, 2) for 1 beliefs: must be (1,)"),
                (lambda b: "x", TypeError, "Ulo(b) = 'x': must be an array of numbers"),
            )
        ),
    ],
)
def test_utilities_of_beliefs_that_are_no_numbers_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


def test_a_batch_of_no_beliefs_has_no_plans():
    found = plan(GapHeuristicSearch(BABY, of_beliefs(-99.0), of_beliefs(0.0), 0.1, 2, 2), np.empty((0, 2)))
    assert (found.a.shape, found.Q.shape) == ((0,), (0, 3))


WAIT = ControllerPolicy.from_nodes(BABY, [0], [[0, 0]])
CATCH = ControllerPolicy.from_nodes(Catch(), [0], [[0, 0]])
TREE = plan(HistoryMonteCarloTreeSearch(BABY, 1, 1, 1.0, np.zeros(2), rng=0), UNIFORM).tree
SEARCH = SawtoothHeuristicSearch(UNIFORM, 0.1, 3, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: backup(BABY, np.zeros((1, 3)), UNIFORM), ValueError, "must be one or more finite vectors (k, 2)"),
        (lambda: backup(BABY, [[np.nan, 0.0]], UNIFORM), ValueError, "must be one or more finite vectors (k, 2)"),
        (lambda: backup(BABY, np.empty((0, 2)), UNIFORM), ValueError, "must be one or more finite vectors (k, 2)"),
        (lambda: backup(BABY, np.zeros((1, 2)), np.empty((0, 2))), ValueError, "must be one belief at least"),
        (lambda: solve(PointBasedValueIteration(np.empty((0, 2)), 1), BABY), ValueError, "must be one belief at least"),
        (
            lambda: solve(RandomizedPointBasedValueIteration(np.empty((0, 2)), 1), BABY),
            ValueError,
            "must be one belief at least",
        ),
        (lambda: PointBasedValueIteration([UNIFORM], 1, keep="no"), ValueError, "keep = 'no': must be True or False"),
        (lambda: SawtoothIteration([0, 0], [UNIFORM], 1, corners="no"), ValueError, "corners = 'no': must be True or"),
        (lambda: AlphaVectorPolicy(BABY, [[0, 0]], [0], bound="x"), ValueError, "bound = 'x': must be one of 'lower'"),
        (lambda: LookaheadAlphaVectorPolicy(BABY, [[0, 0]], bound="x"), ValueError, "bound = 'x': must be one of 'low"),
        (lambda: SawtoothPolicy(BABY, [0, 0], [UNIFORM], [0], bound="x"), ValueError, "bound = 'x': must be one of"),
        (lambda: LookaheadAlphaVectorPolicy(BABY, [[0, 0]], a=[9]), ValueError, "a runs from 9 to 9"),
        (lambda: LookaheadAlphaVectorPolicy(BABY, [[0, 0]], a=[0, 1]), ValueError, "an action for each of 1 vectors"),
        (lambda: list(search_for_seconds(3, BABY, 0.1)), TypeError, "M = 3: must be a SawtoothHeuristicSearch"),
        (
            lambda: list(search_for_seconds(SEARCH, BABY, 0.1, every=np.nan)),
            ValueError,
            "every = nan: must be a finite",
        ),
        (lambda: randstep(BABY, [UNIFORM] * 2, [0, 1, 2]), ValueError, "a has shape (3,): must be one for all, or one"),
        (lambda: lookahead(BABY, of_beliefs(0.0), np.array(UNIFORM), [0, 1]), ValueError, "a has shape (2,): must be"),
        (lambda: advance(TREE, [0, 1], 0), ValueError, "a has shape (2,): must be one for all, or one for each of 1"),
        (lambda: belief_rollouts(BABY, UNIFORM, lambda b: [0, 0, 0], 1, 2), ValueError, "π(b) has shape (3,): must be"),
        (lambda: ParticleBeliefs([[0, 1]]).probabilities(-1), ValueError, "n_states = -1: must be a whole number >= 1"),
    ],
)
def test_wrong_settings_of_solvers_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


def test_beliefs_that_are_kept_cannot_be_written_to():
    given = np.array([UNIFORM])
    for kept in (SawtoothPolicy(BABY, [0, 0], given, [0]).B, SawtoothIteration([0, 0], given, 1).B, SEARCH.b):
        with pytest.raises(ValueError, match="read-only"):
            kept[...] = 1.0
    given[:] = 0.0  # they are copies


def test_actions_of_vectors_are_indices_whatever_holds_them():
    for a in ([1], [1.0], np.array([1], np.int8)):
        assert LookaheadAlphaVectorPolicy(BABY, [[0, 0]], a=a).a.tolist() == [1]
    with pytest.raises(TypeError, match="B = 'x': must be an array of numbers"):
        PointBasedValueIteration("x", 1)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: ControllerPolicy(3, [[1.0]], [[[[1.0]]]]), TypeError, "ControllerPolicy.P = 3: must be a POMDP"),
        (lambda: ControllerPolicy(BABY, 1.0, WAIT.η), ValueError, "ControllerPolicy.ψ = 'an array ()': must be"),
        (lambda: ControllerPolicy.from_nodes(3, [0], [[0, 0]]), TypeError, "P = 3: must be a POMDP"),
        (lambda: ControllerPolicy.from_plan(3, ConditionalPlan(0)), TypeError, "P = 3: must be a POMDP"),
        (lambda: ControllerPolicy.from_plan(BABY, ConditionalPlan(0), then=3), TypeError, "then = 3: must be a Contr"),
        (lambda: ControllerPolicy.from_vectors(3, UNIFORM), TypeError, "π = 3: must be a AlphaVectorPolicy"),
        (
            lambda: update(WAIT, [0, 0], [0, 1, 2], 0),
            ValueError,
            "x, a, o have shapes (2,), (3,), (): must be of",
        ),
        (
            lambda: ControllerPolicy.from_plan(Tiger(), ConditionalPlan(0), then=CATCH),
            ValueError,
            "must be a controller with 3 actions and 2 observations",
        ),
        (lambda: evaluate_controller(3), TypeError, "π = 3: must be a ControllerPolicy"),
        (lambda: controller_derivatives(3, UNIFORM), TypeError, "π = 3: must be a ControllerPolicy"),
        (lambda: controller_rollouts(3, UNIFORM, WAIT, 1, 1), TypeError, "P = 3: must be a POMDP"),
        (lambda: controller_rollouts(BABY, UNIFORM, 3, 1, 1), TypeError, "π = 3: must be a ControllerPolicy"),
        (
            lambda: controller_rollouts(Catch(), [0.25] * 4, WAIT, 1, 1),
            ValueError,
            "a controller with 10 actions and 2",
        ),
        (lambda: controller_rollouts(BABY, UNIFORM, WAIT, 10**8, 10**8), TooLargeError, "1e+16 steps of all traject"),
        (
            lambda: controller_rollouts(BABY, UNIFORM, WAIT, 1, 2 * 10**9),
            TooLargeError,
            "4,000,000,000 probabilities of beliefs: must be at most",
        ),
        (lambda: improve_controller(WAIT, candidates="x"), ValueError, "candidates = 'x': must be one of 'all', 'need"),
        (lambda: improve_controller(WAIT, max_nodes=-1), ValueError, "max_nodes = -1: must be a whole number >= 1"),
        *(
            (lambda M=M: solve(M, BABY), TooLargeError, "6,000,000,000,000 probabilities of 1000000 nodes: must be at")
            for M in (NonlinearProgramming(UNIFORM, 10**6), ControllerGradient(UNIFORM, 10**6, 1.0, 1))
        ),
    ],
)
def test_wrong_controllers_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()
