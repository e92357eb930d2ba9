"""Policy iteration and policy evaluation on problems of parts that no transition connects, of different scales."""

import numpy as np
import pytest

from decision_making import MDP
from decision_making.sequential_problems.exact_solution_methods import (
    PolicyIteration,
    policy_evaluation,
    solve,
    tensorform,
)
from decision_making.sequential_problems.exact_solution_methods.tables import connected_parts, transitions
from tests.sequential_problems.exact_solution_methods import in_form, random_mdp, value


def blocks(scales, form, γ=0.9):
    """Copies of one kind of random problem with rewards times the scales, their states interleaved; and the parts."""
    parts = [random_mdp(seed, γ)[0] for seed in range(len(scales))]
    n = 4 * len(scales)
    T, R = np.zeros((n, 3, n)), np.empty((n, 3))
    where = np.arange(n).reshape(4, -1).T  # the states of each part
    for states, P, scale in zip(where, parts, scales, strict=True):
        t, r = tensorform(P)
        T[states[:, None, None], np.arange(3)[:, None], states], R[states] = t, scale * r
    return in_form(MDP.from_arrays(T, R, γ), form), where


SCALES = [(1.0, 1e12), (1e-12, 1e3, 1.0), (1e200, 1.0), (1.0, 1e-15, 0.0)]


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("scales", SCALES)
def test_large_rewards_of_one_part_do_not_hide_what_is_better_in_another(form, scales):
    P, where = blocks(scales, form)
    found = solve(PolicyIteration(np.zeros(len(P.S), int), 100), P).a
    for part, (states, scale) in enumerate(zip(where, scales, strict=True)):
        alone = random_mdp(part)[0]
        best = value(alone, solve(PolicyIteration([0] * 4, 100), alone).a)
        if scale:
            np.testing.assert_allclose(value(alone, found[states]), best, rtol=1e-12)


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("scales", SCALES)
def test_utilities_are_exact_in_each_part(form, scales):
    P, where = blocks(scales, form)
    U = policy_evaluation(P, np.ones(len(P.S), int))
    for part, (states, scale) in enumerate(zip(where, scales, strict=True)):
        np.testing.assert_allclose(U[states], scale * value(random_mdp(part)[0], [1] * 4), rtol=1e-11)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_parts_are_those_of_the_available_actions(form):
    P, where = blocks((1.0, 1.0), form)
    T, R = tensorform(P)
    parts = connected_parts(transitions(P.T.array if form == "dense" else P.T.matrix, R))
    assert [np.unique(parts[states]).size for states in where] == [1, 1]
    assert len(np.unique(parts)) == 2
    T, R = T.copy(), R.copy()
    T[0, 0] = 1 / 8
    bridge = in_form(MDP.from_arrays(T, R, 0.9), form)
    assert not connected_parts(transitions(bridge.T.array if form == "dense" else bridge.T.matrix, R)).any()
    R[0, 0] = -np.inf
    closed = in_form(MDP.from_arrays(T, R, 0.9), form)
    assert connected_parts(transitions(closed.T.array if form == "dense" else closed.T.matrix, R)).max() == 1
