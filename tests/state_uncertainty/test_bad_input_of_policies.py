"""Wrong calls of policies in files, of searches in time, of K filters at once and of linear systems."""

import re

import numpy as np
import pytest

from decision_making import (
    KalmanFilter,
    LinearGaussianModel,
    LinearQuadraticGaussianPolicy,
    LinearQuadraticGaussianProblem,
    ParticleBeliefs,
    SawtoothHeuristicSearch,
    alpha_text,
    parse_alpha,
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
