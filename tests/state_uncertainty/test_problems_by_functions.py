"""A POMDP that is given by functions of named states, or with sparse transitions, is solved as its arrays are."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making import POMDP, ConditionalPlan, ControllerPolicy
from tests.test_pomdp import by_functions, random_pomdp

P = random_pomdp(11, (3, 2, 2), 0.6)
OTHERS = {
    "functions": by_functions(P),
    "sparse": POMDP.from_arrays(csr_array(P.T.array.reshape(6, 3)), P.R.array, P.O.array, P.γ),
}
B = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1]])
Γ = np.array([[1.0, 0.0, -1.0], [-1.0, 0.5, 2.0]])
V = np.array([9.0, 8.0, 7.0])
PLAN = ConditionalPlan(0, {0: ConditionalPlan(1), 1: ConditionalPlan(0)})
HIGHEST = lambda b: (b @ Γ.T).max(axis=-1)  # noqa: E731


def controller(P):
    return ControllerPolicy.from_nodes(P, [0, 1], [[0, 1], [1, 0]])


def vectors(π):
    return π.Γ, π.a


def probabilities(π):
    return π.ψ, π.η, π.x


def paths(τs):
    return τs.s, τs.a, τs.r, τs.o


SAME = {
    "update": lambda P: dm.update(B[0], P, 1, 0),
    "randstep": lambda P: dm.randstep(P, B, [0, 1, 1], rng=0),
    "belief_rollouts": lambda P: paths(dm.belief_rollouts(P, B[0], lambda b: 0, 3, 4, rng=0)),
    "lookahead": lambda P: (dm.lookahead(P, HIGHEST, B, 1), dm.lookahead(P, np.ones((2, 3)), [0, 2], 0)),
    "greedy": lambda P: dm.greedy(P, HIGHEST, B),
    "backup": lambda P: dm.backup(P, Γ, B),
    "alphavector": lambda P: (dm.alphavector(P, PLAN), dm.evaluate_plan(P, PLAN, 2)),
    "value_iteration": lambda P: (dm.value_iteration(P, 2).Γ, dm.solve(dm.ValueIteration(2), P).Γ),
    "QMDP": lambda P: vectors(dm.solve(dm.QMDP(3), P)),
    "FastInformedBound": lambda P: vectors(dm.solve(dm.FastInformedBound(3, start="bound"), P)),
    "alphavector_iteration": lambda P: (dm.alphavector_iteration(P, dm.QMDP(2), Γ), dm.update(P, dm.QMDP(2), Γ)),
    "baws_lowerbound": lambda P: (dm.baws_lowerbound(P), dm.blind_lowerbound(P, 5)),
    "AlphaVectorPolicy": lambda P: (dm.AlphaVectorPolicy(P, Γ, [0, 1])(B), dm.LookaheadAlphaVectorPolicy(P, Γ)(B)),
    "PointBasedValueIteration": lambda P: vectors(dm.solve(dm.PointBasedValueIteration(B, 4), P)),
    "RandomizedPointBasedValueIteration": lambda P: vectors(
        dm.solve(dm.RandomizedPointBasedValueIteration(B, 4, rng=0), P)
    ),
    "expansions": lambda P: (
        dm.random_belief_expansion(P, B, rng=0),
        dm.exploratory_belief_expansion(P, B, rng=0),
    ),
    "SawtoothPolicy": lambda P: dm.greedy(dm.SawtoothPolicy(P, V, B[:1], [1.0]), B),
    "SawtoothIteration": lambda P: dm.utility(dm.solve(dm.SawtoothIteration(V, B, 3), P), B),
    "SawtoothHeuristicSearch": lambda P: vectors(dm.solve(dm.SawtoothHeuristicSearch(B[0], 1e-3, 5, 3, 20), P)),
    "TriangulatedPolicy": lambda P: dm.greedy(dm.TriangulatedPolicy(P, 1, V), B),
    "TriangulatedIteration": lambda P: dm.utility(dm.solve(dm.TriangulatedIteration(3, 4), P), B),
    "HistoryMonteCarloTreeSearch": lambda P: dm.plan(dm.HistoryMonteCarloTreeSearch(P, 3, 30, 1.0, V, rng=0), B[0]).Q,
    "DeterminizedSparseTreeSearch": lambda P: dm.plan(dm.DeterminizedSparseTreeSearch(P, 2, 9, V, rng=0), B).Q,
    "GapHeuristicSearch": lambda P: dm.plan(dm.GapHeuristicSearch(P, lambda b: -99, lambda b: 99, 0.1, 3, 3), B).Q,
    "ForwardSearch": lambda P: dm.plan(dm.ForwardSearch(P, 2, HIGHEST), B).Q,
    "ControllerPolicy": lambda P: (
        *(dm.utility(controller(P), B), dm.evaluate_controller(controller(P), 4)),
        *dm.controller_derivatives(controller(P), B[0]),
    ),
    "controller_rollouts": lambda P: paths(dm.controller_rollouts(P, B[0], controller(P), 3, 4, rng=0)),
    "improve_controller": lambda P: probabilities(dm.improve_controller(controller(P))),
    "from_plan": lambda P: probabilities(ControllerPolicy.from_plan(P, PLAN)),
    "from_vectors": lambda P: probabilities(ControllerPolicy.from_vectors(dm.AlphaVectorPolicy(P, Γ, [0, 1]), B[0])),
    "ControllerPolicyIteration": lambda P: probabilities(dm.solve(dm.ControllerPolicyIteration(2), P)),
    "NonlinearProgramming": lambda P: probabilities(dm.solve(dm.NonlinearProgramming(B[0], 2, restarts=1, rng=0), P)),
    "ControllerGradient": lambda P: probabilities(dm.solve(dm.ControllerGradient(B[0], 2, 1.0, 3, rng=0), P)),
    "a controller made of it": lambda P: (
        *ControllerPolicy(P, [[0.5, 0.5]], np.ones((1, 2, 2, 1))).U,
        *dm.improve_controller(ControllerPolicy(P, [[0.5, 0.5]], np.ones((1, 2, 2, 1)))).U,
    ),
}


@pytest.mark.parametrize("Q", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("solved", SAME.values(), ids=SAME)
def test_what_is_found_is_what_the_arrays_give(solved, Q):
    found, expected = solved(Q), solved(P)
    assert type(found) is type(expected)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-12)
