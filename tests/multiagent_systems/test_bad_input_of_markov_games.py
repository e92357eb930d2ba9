"""Wrong Markov games, policies and learners: each is one clear error that names what is wrong."""

import math
import re

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making.problems import PredatorPreyHexWorld, PrisonersDilemma
from decision_making.verbs import randstep
from tests.support import assert_refused

NAN, INF = math.nan, math.inf
P = dm.MG.remembering(PrisonersDilemma(), 0.5)
ENDLESS = dm.MG.repeated(PrisonersDilemma(), 1.0)
EVEN = [[0.5, 0.5]] * 2
T, R = np.full((2, 2, 1, 2), 0.5), np.zeros((2, 2, 2, 1))


def changed(x, index, value):
    x = x.copy()
    x[index] = value
    return x


def learner(kind=dm.MGGradientAscent, i=0, batch=()):
    return dm.start(kind(P, i), batch)


def learners(*batches):
    return [learner(i=i, batch=b) for i, b in zip(P.I, batches or ((), ()), strict=True)]


WRONG = {
    "MG.γ": (lambda: dm.MG.from_arrays(T, R, 1.5), "MG.γ = 1.5"),
    "MG.I": (lambda: dm.MG(0.5, (0, 0), (0, 1), [(0, 1), (0,)], T, R), "MG.I"),
    "MG.S": (lambda: dm.MG(0.5, (0, 1), (), [(0, 1), (0,)], T, R), "MG.S"),
    "MG.A": (lambda: dm.MG(0.5, (0, 1), (0, 1), [(0, 1)], T, R), "a list of 2 lists"),
    "MG.b": (lambda: dm.MG.from_arrays(T, R, 0.5, b=[0.5, 0.4]), "MG.b"),
    "T shape": (lambda: dm.MG.from_arrays(T[:, :, :, :1], R, 0.5), "T has shape (2, 2, 1, 1)"),
    "T sparse": (lambda: dm.MG.from_arrays(csr_array(np.eye(2)), R, 0.5), "sparse T has shape (2, 2)"),
    "T sums": (
        lambda: dm.MG.from_arrays(changed(T, (1, 0, 0, 1), 0.4), R, 0.5),
        "T sums to 0.9 in state 1 at the joint",
    ),
    "T negative": (
        lambda: dm.MG.from_arrays(changed(changed(T, (1, 0, 0, 1), -0.1), (1, 0, 0, 0), 1.1), R, 0.5),
        "T = -0.1 in state 1 at the joint action (0, 0)",
    ),
    "T sparse sums": (
        lambda: dm.MG.from_arrays(csr_array(changed(T, (1, 1, 0, 1), 0.4).reshape(-1, 2)), R, 0.5),
        "T sums to 0.9 in state 1 at the joint action (1, 0)",
    ),
    "T NaN": (lambda: dm.MG.from_arrays(changed(T, (0, 1, 0, 0), NAN), R, 0.5), "T = nan in state 0"),
    "R": (lambda: dm.MG.from_arrays(T, changed(R, (1, 0, 1, 0), INF), 0.5), "R = inf for agent 1 in state 0"),
    "R shape": (lambda: dm.MG.from_arrays(T, R[:, :, 0], 0.5), "R has shape (2, 2, 1)"),
    "R other": (lambda: dm.MG(0.5, (0, 1), (0, 1), [(0, 1), (0,)], T, R[:1]), "R has shape (1, 2, 2, 1)"),
    "R short": (
        lambda: dm.MG(0.5, (0, 1), (0, 1), [(0, 1), (0,)], T, lambda s, a: [1.0]),
        "R(0, (0, 0)) has shape (1,)",
    ),
    "too many": (
        lambda: dm.MG(0.5, range(9), range(50), [range(4)] * 9, lambda s, a, s_next: 0.02, lambda s, a: [0] * 9),
        "655,360,000 transitions to tabulate",
    ),
    "call of R": (lambda: P.R("nowhere", ("defect", "defect")), "'nowhere'"),
    "call of T": (lambda: P.T(P.S[0], ("defect",), P.S[0]), "must be 2 actions"),
    "repeated": (lambda: dm.MG.repeated(3), "one SimpleGame"),
    "remembering": (lambda: dm.MG.remembering(dm.SimpleGame.from_arrays(*np.zeros((2, 3, 2, 2)))), "one SimpleGame"),
    "TR": (lambda: P.TR([0], [[0, 2]], np.random.default_rng(0)), "a[..., 1]"),
    "TR shape": (lambda: randstep(P, [0], [0, 1], 0), "a has shape (2,): must be (1, 2)"),
    "agent": (lambda: dm.utility(P, EVEN, 7), "must be one of 0, 1"),
    "MGPolicy": (lambda: dm.MGPolicy([[0, 0]]), "not all of them 0"),
    "MGPolicy flat": (lambda: dm.MGPolicy([1, 2]), "MGPolicy.p"),
    "MGPolicy lists": (lambda: dm.MGPolicy([[1, 2]], (0, 1), (0, 1)), "(..., 2, 2)"),
    "policies": (lambda: dm.utility(P, [[0.5, 0.5]]), "2 policies"),
    "policy sums": (lambda: dm.utility(P, [[0.5, 0.4], [1, 0]]), "π[0]"),
    "policy shape": (lambda: dm.gap(P, [np.full((3, 2), 0.5), [1, 0]]), "π[0] has shape (3, 2)"),
    "policy of other states": (lambda: dm.utility(P, [dm.MGPolicy({0: {"defect": 1}}), [1, 0]]), "must be one of 0"),
    "utility at γ = 1": (lambda: dm.utility(ENDLESS, EVEN), "γ = 1.0: must be below 1"),
    "best_response": (lambda: dm.best_response(P, EVEN, 3), "must be one of 0, 1"),
    "best response at γ = 1": (lambda: dm.best_response(ENDLESS, EVEN, 0), "γ = 1.0"),
    "λ": (lambda: dm.softmax_response(P, EVEN, 0, -1), "λ = -1"),
    "ShapleyIteration": (lambda: dm.ShapleyIteration(0), "ShapleyIteration.k_max"),
    "ShapleyIteration δ": (lambda: dm.ShapleyIteration(δ=-1), "ShapleyIteration.δ"),
    "ShapleyIteration of what": (lambda: dm.solve(dm.ShapleyIteration(), 3), "a Markov game"),
    "ShapleyIteration sum": (lambda: dm.solve(dm.ShapleyIteration(), P), "add up to a constant"),
    "ShapleyIteration γ": (
        lambda: dm.solve(dm.ShapleyIteration(), dm.MG.repeated(dm.SimpleGame.zero_sum([[1]]), 1.0)),
        "γ = 1.0: must be below 1, else the sweeps need not come to rest",
    ),
    "NashEquilibrium γ": (lambda: dm.solve(dm.NashEquilibrium(), ENDLESS), "γ = 1.0: must be below 1"),
    "NashEquilibrium method": (lambda: dm.solve(dm.NashEquilibrium("pure"), P), "is for simple games"),
    "NashEquilibrium zero_sum": (lambda: dm.solve(dm.NashEquilibrium("zero_sum"), P), "add up to a constant"),
    "NashEquilibrium logit": (lambda: dm.solve(dm.NashEquilibrium("logit"), PrisonersDilemma()), "for Markov games"),
    "NashEquilibrium size": (
        lambda: dm.solve(dm.NashEquilibrium("nonlinear"), PredatorPreyHexWorld()),
        "504 unknowns: must be at most 300",
    ),
    "MGFictitiousPlay": (lambda: dm.MGFictitiousPlay(3, 0), "a Markov game"),
    "MGFictitiousPlay.i": (lambda: dm.MGFictitiousPlay(P, 5), "must be one of 0, 1"),
    "MGFictitiousPlay.prior": (lambda: dm.MGFictitiousPlay(P, 0, prior=0), "MGFictitiousPlay.prior"),
    "MGFictitiousPlay.at_once": (lambda: dm.MGFictitiousPlay(P, 0, at_once=3), "MGFictitiousPlay.at_once"),
    "MGGradientAscent": (lambda: dm.MGGradientAscent(P, 0, α=-1), "MGGradientAscent.α"),
    "NashQLearning": (lambda: dm.NashQLearning(PrisonersDilemma(), 0), "a Markov game"),
    "start": (lambda: learner(batch=0), "batch = 0"),
    "start large": (lambda: learner(batch=10**7), "numbers of a learner"),
    "update s": (lambda: dm.update(learner(), 4, [0, 0], None, 0), "s runs from 4"),
    "update a": (lambda: dm.update(learner(), 0, [0, 2], None, 0), "a[..., 1]"),
    "update a shape": (lambda: dm.update(learner(), 0, 0, None, 0), "a has shape ()"),
    "update r": (lambda: dm.update(learner(), 0, [0, 0], [1.0, NAN], 0), "finite rewards of shape (2,)"),
    "update r shape": (lambda: dm.update(learner(dm.NashQLearning), 0, [0, 0], 1.0, 0), "finite rewards of shape (2,)"),
    "learn with whom": (lambda: dm.learn(P, [learner(), 3], None, 2), "learners of this game"),
    "learn out of order": (lambda: dm.learn(P, learners()[::-1], None, 2), "learners of this game"),
    "learn alone": (lambda: dm.learn(P, learner(), None, 2), "one of each of its 2 agents"),
    "learn batches": (lambda: dm.learn(P, learners((), 2), None, 2), "batches [(), (2,)]"),
    "learn h": (lambda: dm.learn(P, learners(), None, 0), "h = 0"),
    "learn episode": (lambda: dm.learn(P, learners(), None, 2, episode=0), "episode = 0"),
    "learn π": (lambda: dm.learn(P, learners(), 3, 2), "π = 3"),
    "learn s": (lambda: dm.learn(P, learners(), None, 2, s=9), "s runs from 9"),
    "learn actions": (lambda: dm.learn(P, learners(), lambda m, s, rng: [0, 5], 2), "a[..., 1]"),
    "learn too long": (lambda: dm.learn(P, learners(), None, 10**8), "numbers to keep"),
    "PredatorPreyHexWorld": (lambda: PredatorPreyHexWorld(predator=(1, NAN)), "predator = nan"),
    "PredatorPreyHexWorld prey": (lambda: PredatorPreyHexWorld(prey=3), "prey = 3: must be two rewards"),
    "PredatorPreyHexWorld tiles": (lambda: PredatorPreyHexWorld(tiles=[(0, 0)] * 2), "HexWorld.tiles"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_a_named_error(name):
    call, said = WRONG[name]
    assert_refused(call, (ValueError, TypeError, KeyError), re.escape(said))


def test_a_wrong_step_changes_nothing():
    model = dm.start(dm.NashQLearning(P, 0))
    before = {name: x.copy() for name, x in model.arrays().items()}
    with pytest.raises(ValueError, match="finite rewards"):
        dm.update(model, 0, [0, 0], [NAN, 0.0], 0)
    for name, x in model.arrays().items():
        np.testing.assert_array_equal(x, before[name])


def test_what_is_printed_fits_a_line():
    found = dm.solve(dm.IteratedBestResponse(3), P)
    models, τs = dm.learn(P, learners((), ()), None, 5, rng=0)
    shown = [P, P.R, P.T, dm.MGPolicy([[1, 2]]), dm.MGPolicy(np.ones((3, 2, 2))), models[0], τs, dm.ShapleyIteration()]
    for x in [*shown, dm.MGFictitiousPlay(P, 0), found]:
        assert len(repr(x)) < 400
        assert "array" not in repr(x)
