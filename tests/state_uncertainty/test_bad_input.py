"""A catalogue of wrong calls of part IV: each is one clear error."""

import re
from types import SimpleNamespace

import autograd.numpy as anp
import numpy as np
import pytest

import decision_making as dm
from decision_making import (
    POMDP,
    QMDP,
    AdaptiveInjectionParticleFilter,
    AlphaVectorPolicy,
    ConditionalPlan,
    ControllerGradient,
    ControllerPolicy,
    ControllerPolicyIteration,
    ExtendedKalmanFilter,
    FastInformedBound,
    FreudenthalTriangulation,
    GaussianModel,
    InjectionParticleFilter,
    KalmanFilter,
    LinearGaussianModel,
    LookaheadAlphaVectorPolicy,
    NonlinearProgramming,
    ParticleFilter,
    PointBasedValueIteration,
    RandomizedPointBasedValueIteration,
    RejectionParticleFilter,
    SawtoothHeuristicSearch,
    SawtoothIteration,
    SawtoothPolicy,
    TriangulatedIteration,
    TriangulatedPolicy,
    UnscentedKalmanFilter,
    alphavector,
    alphavector_iteration,
    baws_lowerbound,
    belief_rollouts,
    belief_simplex,
    belief_vertices,
    blind_lowerbound,
    controller_derivatives,
    controller_rollouts,
    evaluate_controller,
    evaluate_plan,
    exploratory_belief_expansion,
    find_dominating,
    find_maximal_belief,
    greedy,
    lookahead,
    project_to_simplex,
    random_belief_expansion,
    randstep,
    solve,
    unscented_transform,
    update,
    utility,
    value_iteration,
)
from decision_making.pomdp import lookahead_in_a_pomdp
from decision_making.problems import CryingBaby, MachineReplacement, Tiger

UNIFORM = [0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"O": [[[1.0]]]}, "O has shape (1, 1, 1): must be (A, S, Ω) = (1, 2, ...), action first"),
        ({"O": [[[0.5, 0.6], [1.0, 0.0]]]}, "O[0, 0] sums to 1.1"),
        ({"O": [[[-0.5, 1.5], [1.0, 0.0]]]}, "O[0, 0, 0] = -0.5"),
        ({"O": [[[np.nan, 1.0], [1.0, 0.0]]]}, "O[0, 0, 0] = nan"),
        ({"R": [[-np.inf, 0.0], [0.0, 0.0]], "T": np.tile(np.eye(2)[:, None], (1, 2, 1))}, "R[0, 0] = -inf"),
        ({"b": [0.5, 0.6]}, "must be probabilities that sum to 1"),
        ({"b": [1.0]}, "b has shape (1,): must be probabilities of the 2 states"),
        ({"γ": 2}, "γ = 2"),
    ],
)
def test_a_wrong_model_is_named(change, named):
    right = {"T": [[[1.0, 0.0]], [[0.0, 1.0]]], "R": [[0.0], [0.0]], "O": [[[1.0, 0.0], [0.0, 1.0]]], "γ": 0.9}
    with pytest.raises(ValueError, match=re.escape(named)):
        POMDP.from_arrays(**(right | change))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda P: lookahead(P, lambda b: b[:, 0], np.array([0.5, 0.6]), 0), "must be probabilities that sum to 1"),
        (lambda P: lookahead(P, np.zeros((2, 3)), 0, 0), "U has shape (2, 3): must be (Ω, S) = (2, 2)"),
        (lambda P: lookahead(P, np.zeros((2, 2)), 2, 0), "s runs from 2 to 2"),
        (lambda P: lookahead(P, np.zeros((2, 2)), 0, 3), "a runs from 3 to 3"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 7, 1, 1), "π(b) runs from 7 to 7"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 0, 0, 1), "d = 0"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 0, 10**15, 1), "1e+15 steps of all trajectories"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 0, np.int64(1), np.int64(2**62)), "steps of all trajectories"),
        (lambda P: belief_rollouts(P, P.b, lambda b: 0, 1, 2**31), "probabilities of beliefs: must be at most"),
        (lambda P: belief_rollouts(P, [1.0], lambda b: 0, 1, 1), "b has shape (1,)"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        call(CryingBaby())


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: KalmanFilter([0.0], [[-1.0]]), ValueError, "Σb = [[-1.0]]: must be a covariance"),
        (lambda: KalmanFilter([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), ValueError, "symmetric"),
        (lambda: KalmanFilter([0.0], np.eye(2)), ValueError, "μb = 'an array (1,)'"),
        (lambda: KalmanFilter([np.nan], np.eye(1)), ValueError, "μb"),
        (lambda: KalmanFilter([0.0], [[np.nan]]), ValueError, "Σb = [[nan]]: must be a covariance"),
        (lambda: KalmanFilter(np.zeros(5), -np.eye(5)), ValueError, "Σb = 'an array (5, 5)': must be a covariance"),
        *(
            (lambda λ=λ: update(UnscentedKalmanFilter([0.0], [[1.0]], λ), SMOOTH, 0, [1.0, 2.0]), ValueError, "o = ")
            for λ in (2.0, 0.0)
        ),
        (lambda: UnscentedKalmanFilter([0.0], [[1.0]], -1.0), ValueError, "λ = -1.0: must be a number > -n = -1"),
        (lambda: LinearGaussianModel([[1.0]], [[1.0]], [[1.0, 0.0]], [[1.0]], [[1.0]]), ValueError, "Os"),
        (lambda: update(KalmanFilter([0.0], [[1.0]]), 3, 0, 0), TypeError, "P = 3: must be a LinearGaussianModel"),
        (lambda: update(ExtendedKalmanFilter([0.0], [[1.0]]), 3, 0, 0), TypeError, "P = 3: must be a GaussianModel"),
        (lambda: update(KalmanFilter([0.0], [[1.0]]), ONE, 0, np.nan), ValueError, "o = array([nan])"),
        (lambda: update(KalmanFilter([0.0], [[1.0]]), ONE, 0, [1.0, 2.0]), ValueError, "o = array([1., 2.])"),
        (
            lambda: unscented_transform(np.zeros(1), np.eye(1), np.sin, -1.0),
            ValueError,
            "λ = -1.0: must be a number > -n",
        ),
        (lambda: update(ExtendedKalmanFilter([0.0], [[1.0]]), CUSP, 0, 1.0), ValueError, "the derivative of fO"),
    ],
)
def test_a_wrong_normal_belief_is_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


ONE = LinearGaussianModel([[1.0]], [[0.0]], [[1.0]], [[1.0]], [[1.0]])
SMOOTH = GaussianModel(lambda s, a: s + a, lambda s: s, [[1.0]], [[1.0]])
CUSP = GaussianModel(lambda s, a: s + a, lambda s: anp.sqrt(anp.abs(s)), [[1.0]], [[1.0]])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: ParticleFilter(np.empty(0)), "ParticleFilter.states"),
        (lambda: ParticleFilter([np.nan]), "ParticleFilter.states"),
        (lambda: ParticleFilter([0], resampling="best"), "resampling = 'best'"),
        (lambda: InjectionParticleFilter([0], 2, UNIFORM), "m_inject = 2: must be at most the number of particles, 1"),
        (lambda: InjectionParticleFilter([0], -1, UNIFORM), "m_inject = -1"),
        (lambda: AdaptiveInjectionParticleFilter([0], 1, 1, 0.5, 0.1, 1, UNIFORM), "α_fast = 0.1"),
        (lambda: AdaptiveInjectionParticleFilter([0], -1, 1, 0.1, 0.5, 1, UNIFORM), "w_slow = -1"),
        (lambda: RejectionParticleFilter([0], max_tries=0), "max_tries = 0"),
        (lambda: update(ParticleFilter([0]), NOT_A_NUMBER, 0, 0), "O(a, s_next, o) of 1 states is array([nan])"),
        (
            lambda: update(ParticleFilter([0, 1]), HALF_A_NUMBER, 0, 0),
            "of 2 states is array([ 1., nan])",
        ),
    ],
)
def test_wrong_particles_are_named(call, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        call()


HALF_A_NUMBER = SimpleNamespace(TR=lambda s, a, rng: (s, 0), O=lambda a, s, o: np.array([1.0, np.nan]))
NOT_A_NUMBER = SimpleNamespace(TR=lambda s, a, rng: (s, 0), O=lambda a, s, o: np.full(len(s), np.nan))


BABY = CryingBaby()
FED = ConditionalPlan(0)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: AlphaVectorPolicy(BABY, [[1.0, 2.0, 3.0]], [0]), ValueError, "Γ = 'an array (1, 3)'"),
        (lambda: AlphaVectorPolicy(BABY, np.empty((0, 2)), []), ValueError, "one or more finite vectors (k, 2)"),
        (lambda: AlphaVectorPolicy(BABY, [[np.nan, 0.0]], [0]), ValueError, "one or more finite vectors"),
        (lambda: AlphaVectorPolicy(BABY, [[0.0, 0.0]], [3]), ValueError, "a runs from 3 to 3"),
        (lambda: AlphaVectorPolicy(BABY, [[0.0, 0.0]], [0, 1]), ValueError, "an action for each of 1 vectors"),
        (lambda: LookaheadAlphaVectorPolicy(BABY, "x"), TypeError, "Γ = 'x'"),
        (lambda: LookaheadAlphaVectorPolicy(BABY, [[0.0, 0.0]])([0.5, 0.6]), ValueError, "must be probabilities"),
        (lambda: utility(LookaheadAlphaVectorPolicy(BABY, [[0.0, 0.0]]), [1.0]), ValueError, "b has shape (1,)"),
        (lambda: greedy(BABY, lambda b: b[:, 0], [0.5, 0.6]), ValueError, "must be probabilities"),
        (lambda: utility(3, [1.0]), TypeError, "π = 3: utility knows"),
        (lambda: ConditionalPlan(0, {0: 3}), TypeError, "a dictionary from observations to conditional plans"),
        (lambda: ConditionalPlan(0, [FED]), TypeError, "a dictionary from observations to conditional plans"),
        (lambda: AlphaVectorPolicy(BABY, np.zeros((1, 2, 2)), [0]), ValueError, "Γ = 'an array (1, 2, 2)'"),
        (lambda: find_maximal_belief([], []), ValueError, "α = "),
        (lambda: find_maximal_belief([0.0, 0.0], [[np.nan, 0.0]]), ValueError, "Γ = "),
        (lambda: find_maximal_belief([0.0, 0.0], np.zeros((1, 2, 2))), ValueError, "Γ = "),
        (lambda: alphavector(BABY, ConditionalPlan(7)), ValueError, "a runs from 7 to 7"),
        (
            lambda: alphavector(BABY, ConditionalPlan(0, {0: FED})),
            ValueError,
            "subplans of [0]: must be of all 2 observations, 0, 1, ..., or of none",
        ),
        (
            lambda: alphavector(BABY, ConditionalPlan(0, {0: FED, 1: FED, 2: FED})),
            ValueError,
            "subplans of [0, 1, 2]: must be of all 2 observations",
        ),
        (lambda: evaluate_plan(BABY, FED, 2), ValueError, "s runs from 2 to 2"),
        (lambda: find_maximal_belief([np.nan, 0.0], [[0.0, 0.0]]), ValueError, "must be a finite vector (S,)"),
        (lambda: find_dominating([[np.inf, 0.0]]), ValueError, "finite"),
        (lambda: value_iteration(BABY, 0), ValueError, "k_max = 0"),
    ],
)
def test_wrong_plans_and_vectors_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


SEEN = BABY.mdp
TIED = SawtoothPolicy(BABY, [0.0, 0.0], np.empty((0, 2)), [])


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: QMDP(0), ValueError, "QMDP.k_max = 0"),
        (lambda: FastInformedBound(1, start="above"), ValueError, "start = 'above': must be one of 'zeros', 'bound'"),
        (lambda: solve(QMDP(1), SEEN), TypeError, "must be a POMDP"),
        (lambda: update(BABY, 3, [[0.0, 0.0]]), TypeError, "M = 3: must be QMDP or FastInformedBound"),
        (lambda: alphavector_iteration(BABY, 3, [[0.0, 0.0]]), TypeError, "M = 3: must be QMDP or FastInformedBound"),
        (lambda: baws_lowerbound(SEEN), TypeError, "must be a POMDP"),
        (lambda: blind_lowerbound(BABY, 0), ValueError, "k_max = 0"),
        (lambda: solve(PointBasedValueIteration([[0.5, 0.6]], 1), BABY), ValueError, "must be probabilities"),
        (lambda: solve(RandomizedPointBasedValueIteration([[1.0]], 1), BABY), ValueError, "B has shape (1, 1)"),
        (lambda: dm.backup(BABY, [[0.0, 0.0]], [0.5, 0.6]), ValueError, "must be probabilities"),
        (lambda: random_belief_expansion(BABY, np.empty((0, 2))), ValueError, "B is empty"),
        (lambda: exploratory_belief_expansion(BABY, np.empty((0, 2))), ValueError, "B is empty"),
        (lambda: randstep(BABY, [0.5, 0.5], 3), ValueError, "a runs from 3 to 3"),
        (lambda: randstep(BABY, [0.5, 0.6], 0), ValueError, "must be probabilities"),
        (lambda: SawtoothPolicy(BABY, [0.0], np.empty((0, 2)), []), ValueError, "finite, (2,), (K, 2) and (K,)"),
        (lambda: SawtoothPolicy(BABY, [0.0, 0.0], [[0.5, 0.6]], [1.0]), ValueError, "must be probabilities"),
        (lambda: TIED([0.5, 0.6]), ValueError, "must be probabilities"),
        (lambda: SawtoothIteration([0.0, 0.0], [[0.5, 0.5]], 0), ValueError, "k_max = 0"),
        (lambda: SawtoothHeuristicSearch([0.5, 0.5], 0.0, 1, 1, 1), ValueError, "δ = 0.0"),
        (lambda: solve(SawtoothHeuristicSearch([1.0], 0.1, 1, 1, 1), BABY), ValueError, "b has shape (1,)"),
        (lambda: FreudenthalTriangulation(2, 0), ValueError, "m = 0"),
        (lambda: belief_simplex(FreudenthalTriangulation(2, 2), [1.0]), ValueError, "b has shape (1,)"),
        (lambda: belief_vertices(FreudenthalTriangulation(0, 2)), ValueError, "n = 0"),
        (lambda: TriangulatedPolicy(BABY, 2, [0.0]), ValueError, "finite, one for each of 3 vertices"),
        (lambda: TriangulatedIteration(2, 1, start="x"), ValueError, "start = 'x'"),
    ],
)
def test_wrong_bounds_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


NORMAL = LinearGaussianModel([[1.0]], [[1.0]], [[1.0]], [[1.0]], [[1.0]])
NO_PROBLEM = {
    "update of a vector": lambda P: update([0.5, 0.5], P, 0, 0),
    "lookahead": lambda P: lookahead_in_a_pomdp(P, lambda b: b[:, 0], [0.5, 0.5], 0),
    "belief_rollouts": lambda P: belief_rollouts(P, [0.5, 0.5], lambda b: 0, 1, 1),
    "alphavector": lambda P: alphavector(P, ConditionalPlan(0)),
    "evaluate_plan": lambda P: evaluate_plan(P, ConditionalPlan(0), 0),
    "value_iteration": lambda P: value_iteration(P, 1),
    "AlphaVectorPolicy": lambda P: AlphaVectorPolicy(P, [[0.0, 0.0]], [0]),
    "LookaheadAlphaVectorPolicy": lambda P: LookaheadAlphaVectorPolicy(P, [[0.0, 0.0]]),
    "alphavector_iteration": lambda P: alphavector_iteration(P, QMDP(1), [[0.0, 0.0]]),
    "SawtoothPolicy": lambda P: SawtoothPolicy(P, [0.0, 0.0], np.empty((0, 2)), []),
    "TriangulatedPolicy": lambda P: TriangulatedPolicy(P, 1, [0.0, 0.0]),
}


@pytest.mark.parametrize("P", [None, 3, "x", NORMAL, SEEN], ids=repr)
@pytest.mark.parametrize("call", NO_PROBLEM.values(), ids=NO_PROBLEM)
def test_what_is_no_pomdp_is_named(call, P):
    with pytest.raises(TypeError, match=r"P = .*must be a POMDP"):
        call(P)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        *(
            (lambda o=o: update(ParticleFilter(np.zeros(9, int)), BABY, 0, o, rng=0), error, "o ")
            for o, error in ((-1, ValueError), (2, ValueError), (None, TypeError), (0.5, TypeError))
        ),
        (lambda: update(RejectionParticleFilter(np.zeros(9, int)), BABY, 0, -1, rng=0), ValueError, "o runs from -1"),
        (lambda: KalmanFilter("x", [[1.0]]), TypeError, "μb = 'x'"),
        (lambda: LinearGaussianModel([[1.0]], [[1.0]], [[1.0]], 1j, [[1.0]]), TypeError, "Σs = 1j"),
        (lambda: UnscentedKalmanFilter(0.0, [[1.0]]), ValueError, "μb = "),
        (lambda: unscented_transform([0.0], [[-1.0]], np.sin, 2.0), ValueError, "Σ = [[-1.0]]: must be a covariance"),
        (lambda: unscented_transform([np.nan], [[1.0]], np.sin, 2.0), ValueError, "μ = "),
        (lambda: unscented_transform([0.0], np.eye(2), np.sin, 2.0), ValueError, "Σ = "),
        (lambda: unscented_transform([0.0], [[1.0]], 3, 2.0), TypeError, "f = 3"),
        (lambda: unscented_transform([0.0], [[1.0]], lambda x: 1.0, 2.0), ValueError, "f(points) has shape ()"),
        (lambda: alphavector(BABY, 3), TypeError, "π = 3: must be a ConditionalPlan"),
        (lambda: find_maximal_belief(3.0, [[0.0]]), ValueError, "α = "),
        (lambda: find_maximal_belief([0.0, 0.0], [[0.0]]), ValueError, "Γ = "),
        (lambda: find_maximal_belief([0.0, 0.0], np.zeros((1, 4))), ValueError, "Γ = "),
        (lambda: find_dominating([]), ValueError, "Γ = "),
        (lambda: alphavector_iteration(BABY, QMDP(1), [[np.nan, 0.0]]), ValueError, "Γ = "),
        (lambda: alphavector_iteration(BABY, QMDP(1), np.empty((0, 2))), ValueError, "Γ = "),
        (lambda: alphavector_iteration(BABY, QMDP(1), np.zeros((1, 2, 2))), ValueError, "Γ = "),
        (lambda: update([0.5, 0.5], BABY, 0, 0, on_impossible="skip"), ValueError, "on_impossible = 'skip'"),
        (lambda: alphavector_iteration(BABY, FastInformedBound(1), [[0.0]]), ValueError, "Γ = "),
        (lambda: FreudenthalTriangulation(10**30, 2), ValueError, "n, m = "),
        (lambda: FreudenthalTriangulation(2, 10**30), ValueError, "n, m = "),
        (lambda: belief_simplex(3, UNIFORM), TypeError, "T = 3: must be a FreudenthalTriangulation"),
        (lambda: belief_vertices(None), TypeError, "T = None: must be a FreudenthalTriangulation"),
        (lambda: solve(SawtoothIteration([0.0], [[0.5, 0.5]], 1), BABY), ValueError, "V = "),
        (lambda: CryingBaby(p_cry_sing=1.5), ValueError, "p_cry_sing = 1.5"),
        (lambda: CryingBaby(r_feed=None), ValueError, "r_feed = None"),
        (lambda: Tiger(p_correct="x"), ValueError, "p_correct = 'x'"),
    ],
)
def test_wrong_arguments_of_part_iv_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


def test_no_adaptive_injection_where_the_slow_average_stays_0():
    b = AdaptiveInjectionParticleFilter(np.ones(9, int), 0.0, 0.0, 0.0, 0.3, 2.0, [1.0, 0.0])
    assert update(b, BABY, 2, 0, rng=0).states.tolist() == [1] * 9


FEEDS = ControllerPolicy.from_nodes(BABY, [0], [[0, 0]])
TWO = ControllerPolicy.from_nodes(BABY, [0, 1], [[0, 1], [0, 1]])
ENDLESS = MachineReplacement()


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: ControllerPolicy(BABY, [[1.0]], [[[[1.0]]]]), ValueError, "must be (X, A) = (X, 3) and (X, A, Ω, X)"),
        (lambda: ControllerPolicy(BABY, FEEDS.ψ, TWO.η), ValueError, "η = 'an array (2, 3, 2, 2)'"),
        (lambda: ControllerPolicy(BABY, [[0.5, 0.6, 0.0]], FEEDS.η), ValueError, "must be probabilities that sum to 1"),
        (lambda: ControllerPolicy(BABY, [[np.nan, 0.6, 0.0]], FEEDS.η), ValueError, "must be probabilities that sum"),
        (
            lambda: ControllerPolicy(BABY, FEEDS.ψ, FEEDS.η, x=1),
            ValueError,
            "x = 1: must be one of the 1 nodes, 0 to 0",
        ),
        (lambda: ControllerPolicy.from_nodes(BABY, [3], [[0, 0]]), ValueError, "a runs from 3 to 3"),
        (lambda: ControllerPolicy.from_nodes(BABY, [0], [[0, 1]]), ValueError, "child runs from 0 to 1"),
        (lambda: ControllerPolicy.from_nodes(BABY, [0], [0, 0]), ValueError, "child has shape (2,): must be (X, Ω)"),
        (lambda: ControllerPolicy.from_plan(BABY, ConditionalPlan(0, {0: FED})), ValueError, "of all 2 observations"),
        (lambda: FEEDS(1), ValueError, "x runs from 1 to 1"),
        (lambda: update(FEEDS, 0, 3, 0), ValueError, "a runs from 3 to 3"),
        (lambda: update(FEEDS, 0, 0, 2), ValueError, "o runs from 2 to 2"),
        (lambda: utility(FEEDS, [1.0]), ValueError, "b has shape (1,)"),
        (lambda: controller_rollouts(BABY, BABY.b, FEEDS, 0, 1), ValueError, "d = 0"),
        (lambda: evaluate_controller(FEEDS, -1), ValueError, "k_max = -1"),
        (lambda: controller_derivatives(FEEDS, [0.5, 0.6]), ValueError, "must be probabilities"),
        (
            lambda: utility(ControllerPolicy.from_nodes(ENDLESS, [0], [[0, 0]]), ENDLESS.b),
            ValueError,
            "γ = 1.0: a controller without k_max needs a discount below 1",
        ),
        (lambda: ControllerPolicyIteration(0), ValueError, "k_max = 0"),
        (lambda: ControllerPolicyIteration(1, candidates="some"), ValueError, "must be one of 'all', 'needed'"),
        (lambda: solve(ControllerPolicyIteration(1), SEEN), TypeError, "must be a POMDP"),
        (lambda: solve(ControllerPolicyIteration(1), ENDLESS), ValueError, "γ = 1.0: ControllerPolicyIteration"),
        (lambda: NonlinearProgramming([0.5, 0.5], 0), ValueError, "n_nodes = 0"),
        (lambda: NonlinearProgramming([0.5, 0.5], 1, start=3), TypeError, "start = 3: must be a ControllerPolicy"),
        (lambda: solve(NonlinearProgramming([1.0], 1), BABY), ValueError, "b has shape (1,)"),
        (
            lambda: solve(NonlinearProgramming([0.5, 0.5], 1, start=TWO), BABY),
            ValueError,
            "at most 1 nodes, for 3 actions",
        ),
        (lambda: ControllerGradient([0.5, 0.5], 1, 0.0, 1), ValueError, "α = 0.0"),
        (lambda: project_to_simplex([np.nan]), ValueError, "must be one or more finite numbers"),
    ],
)
def test_wrong_controllers_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: dm.BeliefMDP(3), "P = 3: must be a POMDP"),
        (lambda: dm.DeterminizedSparseTreeSearch(3, 1, 1, 0), "P = 3: must be a POMDP"),
        (lambda: dm.GapHeuristicSearch(3, 0, 0, 0.1, 1, 1), "P = 3: must be a POMDP"),
        (lambda: dm.HistoryMonteCarloTreeSearch(3, 1, 1, 1.0, 0), "P = 3: must be a POMDP"),
        (lambda: dm.advance(3, 0, 0), "trees = 3: must be HistoryTrees"),
        (lambda: dm.improve_controller(3), "π = 3: must be a ControllerPolicy"),
    ],
)
def test_searches_of_what_is_no_pomdp_are_named(call, named):
    with pytest.raises(TypeError, match=re.escape(named)):
        call()
