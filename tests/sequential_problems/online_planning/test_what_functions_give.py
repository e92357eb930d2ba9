"""What a problem's functions give is checked by every search: one clear error, never NaN; and names of states."""

import numpy as np
import pytest

import decision_making as dm


def nothing(s):
    return np.zeros(len(s))


@pytest.mark.parametrize("S", [["a", 1, (2, 3), "end"], ["a", 1, 2.5, "end"], [(0,), (0, 1), (1, 1), (2,)]], ids=str)
def test_ends_are_asked_of_the_names_whatever_their_types(S):
    """A walk along the list: 1 a step, to the terminal last state; what it would pay there does not count."""
    asked = []

    def over(s):
        asked.extend(s)
        return [x == S[-1] for x in s]

    after = {x: S[min(i + 1, 3)] for i, x in enumerate(S)}
    P = dm.MDP(1.0, S, [0], lambda s, a, t: float(t == after[s]), lambda s, a: 1.0, None, terminal=over)
    high = lambda s: np.full(len(s), 9.0)  # noqa: E731
    for M in (
        dm.ForwardSearch(P, 9, nothing),
        dm.LabeledHeuristicSearch(P, high, 9, 1e-9, rng=0),
        dm.HeuristicSearch(P, high, 9, 9, rng=0),
        dm.OpenLoopPlanning(P, 9),
        dm.OpenLoopPlanning(P, 9, outcome="worst"),
        dm.RolloutLookahead(P, None, 9),
        dm.SparseSampling(P, 9, 1, nothing),
    ):
        assert dm.plan(M, S).u.tolist() == [3.0, 2.0, 1.0, 0.0]
        assert dm.plan(M, S[0]).u == 3.0
    assert all(x in S for x in asked)
    assert [type(x) for x in asked[:4]] == [type(x) for x in S]
    assert dm.solve(dm.ValueIteration(9), P).U.tolist() == [3.0, 2.0, 1.0, 0.0]
    with pytest.raises(ValueError, match=r"P\.terminal gave an array \(3,\) for 4 states: must be \(4,\)"):
        dm.ForwardSearch(dm.MDP(1.0, S, [0], P.T, P.R, None, terminal=lambda s: np.zeros(3, bool)), 2, nothing)
