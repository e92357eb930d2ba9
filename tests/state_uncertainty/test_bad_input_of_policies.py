"""Wrong calls of policies in files, of searches in time, of K filters at once and of linear systems."""

import re

import numpy as np
import pytest

from decision_making import (
    POMDP,
    QMDP,
    ControllerPolicy,
    ForwardSearch,
    GapHeuristicSearch,
    HistoryMonteCarloTreeSearch,
    KalmanFilter,
    LinearGaussianModel,
    LinearQuadraticGaussianPolicy,
    LinearQuadraticGaussianProblem,
    NonlinearProgramming,
    ParticleBeliefs,
    SawtoothHeuristicSearch,
    alpha_text,
    controller_rollouts,
    greedy,
    lookahead,
    parse_alpha,
    plan,
    read_alpha,
    search_for_seconds,
    solve,
    update,
    write_alpha,
)
from decision_making.problems import CryingBaby

BABY = CryingBaby()
ONE = LinearGaussianModel([[1.0]], [[1.0]], [[1.0]], [[1.0]], [[1.0]])
SEARCH = SawtoothHeuristicSearch([0.5, 0.5], 0.1, 5, 5, 5)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: alpha_text(3), TypeError, "π = 3: must be an AlphaVectorPolicy"),
        (lambda: write_alpha(3, "never.alpha"), TypeError, "π = 3: must be an AlphaVectorPolicy"),
        (lambda: parse_alpha("0\n1 2", 3), TypeError, "P = 3: must be a POMDP"),
        (lambda: parse_alpha("0\n1", BABY), ValueError, "text:2: 1 numbers: must be one for each of the problem's 2"),
        (lambda: read_alpha("no.alpha", BABY), FileNotFoundError, "no.alpha"),
        (lambda: list(search_for_seconds(SEARCH, BABY, 0)), ValueError, "seconds = 0: must be a finite number > 0"),
        (lambda: list(search_for_seconds(SEARCH, BABY, np.nan)), ValueError, "seconds = nan"),
        (lambda: SawtoothHeuristicSearch([0.5, 0.5], 0.1, 5, 5, 5, width=0), ValueError, "width = 0"),
        (lambda: ParticleBeliefs([0]), ValueError, "states = 'an array (1,)'"),
        (lambda: update(ParticleBeliefs([[0]]), 3, 0, 0), TypeError, "P = 3: must be a problem with a sampler"),
        (lambda: LinearQuadraticGaussianProblem(3, [[-1.0]], [[-1.0]], 1), TypeError, "must be a LinearGaussianModel"),
        (lambda: LinearQuadraticGaussianProblem(ONE, [[1.0]], [[-1.0]], 1), ValueError, "Rs = [[1.0]]"),
        (lambda: LinearQuadraticGaussianProblem(ONE, [[-1.0]], [[-1.0]], 0), ValueError, "h_max = 0"),
        (lambda: two_steps()([0.0]), TypeError, "must be a KalmanFilter with 1 components"),
        (lambda: two_steps()(KalmanFilter([0.0, 0.0], np.eye(2))), TypeError, "must be a KalmanFilter with 1"),
    ],
)
def test_each_is_one_clear_error_and_leaves_no_file(call, error, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(named)):
        call()
    assert not list(tmp_path.iterdir())


def two_steps():
    π = solve(LinearQuadraticGaussianProblem(ONE, [[-1.0]], [[-1.0]], 2))[-1]
    assert isinstance(π, LinearQuadraticGaussianPolicy)
    return π


@pytest.mark.parametrize(
    "use",
    [
        lambda P, π: lookahead(P, π, [0.5, 0.5], 0),
        lambda P, π: greedy(P, π, [0.5, 0.5]),
        lambda P, π: plan(ForwardSearch(P, 2, π), [0.5, 0.5]),
        lambda P, π: GapHeuristicSearch(P, π, π, 0.1, 3, 3),
    ],
)
def test_a_policy_is_not_taken_for_the_utilities_that_it_is_not_called_for(use):
    P = CryingBaby()
    with pytest.raises(TypeError, match=r"U\w* = AlphaVectorPolicy.*must be a function that gives utilities"):
        use(P, solve(QMDP(3), P))


@pytest.mark.parametrize(
    "use",
    [
        lambda P, b: ControllerPolicy.from_vectors(solve(QMDP(3), P), b),
        lambda P, b: ControllerPolicy.from_nodes(P, [0], [[0, 0]]).at_best_node(b),
        lambda P, b: controller_rollouts(P, b, ControllerPolicy.from_nodes(P, [0], [[0, 0]]), 2, 2),
        lambda P, b: solve(SawtoothHeuristicSearch(b, 0.1, 2, 2, 2), P),
        lambda P, b: solve(NonlinearProgramming(b, 1), P),
        lambda P, b: POMDP.from_arrays(P.T.array, P.R.array, P.O.array, P.γ, b=b),
    ],
)
def test_a_batch_where_one_belief_is_wanted_is_named(use):
    with pytest.raises(ValueError, match=r"b has shape \(2, 2\): must be one belief"):
        use(CryingBaby(), np.eye(2))


def test_a_tree_of_a_problem_with_fewer_observations_is_refused():
    P = CryingBaby()
    more = POMDP.from_arrays(P.T.array, P.R.array, np.full((3, 2, 3), 1 / 3), P.γ)
    tree = plan(HistoryMonteCarloTreeSearch(P, 3, 20, 5.0, np.zeros(2), rng=0), [0.5, 0.5]).tree
    with pytest.raises(TypeError, match=r"tree = .*3 actions and 3 observations"):
        plan(HistoryMonteCarloTreeSearch(more, 3, 20, 5.0, np.zeros(2), rng=0), [0.5, 0.5], tree=tree)
