"""What explain says of a search is what the search found; trees are cut to what is worth looking at."""

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import CollisionAvoidance, HexWorld, TwentyFortyEight
from decision_making.sequential_problems.online_planning.branches import branches

P = HexWorld()
ROLLOUT = dm.RolloutEstimate(5)
Q = np.full((25, 6), 99.0)
SEARCHES = {
    "forward": (dm.ForwardSearch(P, 2, np.zeros(25)), "every path of 2 steps from state 0: 151 visits"),
    "bound": (dm.BranchAndBound(P, 2, np.zeros(25), Q), "bounds did not cut off: 151 visits"),
    "sparse": (dm.SparseSampling(P, 2, 3, np.zeros(25), rng=0), "drew 3 successors of every action from state 0 on"),
    "rollout": (dm.RolloutLookahead(P, None, 1, rng=0), "followed one rollout of 1 step with random actions"),
    "rollouts": (
        dm.RolloutLookahead(P, lambda s: 0 * s, 4, m=3, rng=0),
        "3 rollouts of 4 steps with the rollout policy",
    ),
    "tree": (
        dm.MonteCarloTreeSearch(P, None, None, 5, 40, 5.0, ROLLOUT, rng=0),
        "made 40 simulations of up to 5 steps",
    ),
    "trees": (dm.MonteCarloTreeSearch(P, None, None, 5, 40, 5.0, ROLLOUT, trees=3, rng=0), "in each of 3 trees"),
    "wide": (dm.ProgressiveWidening(P, 5, 40, 5.0, ROLLOUT, rng=0), "41 nodes, 6 actions tried at the root"),
    "heuristic": (dm.HeuristicSearch(P, np.full(25, 10.0), 5, 7, rng=0), "along 7 greedy simulations of up to 5 steps"),
    "labels": (dm.LabeledHeuristicSearch(P, np.full(25, 10.0), 5, 0.1, rng=0), "to solve state 0 to within δ = 0.1"),
    "open": (dm.OpenLoopPlanning(P, 2), "expected returns of 36 sequences of 2 actions"),
    "worst": (dm.OpenLoopPlanning(P, 2, outcome="worst"), "least possible returns of 36 sequences"),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_explanation_says_what_was_visited_and_why_the_action_was_chosen(name):
    M, said = SEARCHES[name]
    found = dm.plan(M, 0, rng=1)
    text = dm.explain(M, 0, rng=1)
    assert text == dm.explain(found)
    assert said in text
    assert f"Action {found.a} is chosen: it is worth {found.u:.3g}" in text
    ranked = np.sort(found.Q[np.isfinite(found.Q)])[::-1]
    if ranked[0] == ranked[1]:
        assert f"as much as action {np.flatnonzero(ranked[0] == found.Q)[1]}" in text
    else:
        assert f"{ranked[0] - ranked[1]:.3g} more than action {np.flatnonzero(ranked[1] == found.Q)[0]}" in text
    assert f"{found.a}: {found.Q[found.a]:.3g}" in text
    assert ("visits)" in text) == (found.N is not None)


def test_untried_actions_and_ties_are_said():
    few = dm.MonteCarloTreeSearch(P, None, None, 5, 4, 5.0, ROLLOUT, rng=0)
    assert "3 actions were not tried or cut off" in dm.explain(few, 0)
    one = dm.MonteCarloTreeSearch(P, None, None, 5, 1, 5.0, ROLLOUT, rng=0)
    assert "No action was tried, so the first one, 0, is returned" in dm.explain(one, 0)
    two = dm.MonteCarloTreeSearch(P, None, None, 5, 2, 5.0, ROLLOUT, rng=0)
    assert dm.explain(two, 0).endswith("and no other was compared.")
    assert "of equally good actions the first one" in dm.explain(dm.ForwardSearch(P, 1, np.zeros(25)), 2)


def test_a_batch_is_not_explained():
    with pytest.raises(ValueError, match="a batch of 2 states; explain one state at a time"):
        dm.explain(dm.ForwardSearch(P, 2, np.zeros(25)), [0, 1])


def test_huge_numbers_of_visits_are_rounded():
    """Two states and an action: a search of d steps visits 2^(d+1) - 1."""
    M = dm.ForwardSearch(dm.MDP.from_arrays([[[0.5, 0.5]]] * 2, [[0.0], [1.0]], 0.9), 99, np.zeros(2))
    assert "1.27e+30 visits" in dm.explain(M, 0)


def test_long_states_are_not_spelt_out():
    game = TwentyFortyEight()
    M = dm.MonteCarloTreeSearch(game, None, None, 5, 9, 100.0, ROLLOUT, rng=0)
    assert "of up to 5 steps from the state," in dm.explain(M, game.b(1, np.random.default_rng(0))[0])
    M = dm.RolloutLookahead(CollisionAvoidance(), None, 2, rng=0)
    assert "from every successor of state array((4,)" in dm.explain(M, np.zeros(4)).replace(
        "array([0., 0., 0., 0.])", "array((4,)"
    )


@pytest.mark.parametrize("by", ["state", "depth"])
def test_branches_are_the_most_tried_actions_and_the_states_after_them(by):
    for problem, s in ((P, 0), (TwentyFortyEight(), TwentyFortyEight().b(1, np.random.default_rng(1))[0])):
        M = dm.MonteCarloTreeSearch(problem, None, None, 6, 200, 50.0, ROLLOUT, by=by, rng=0)
        found = dm.plan(M, s)
        tree = branches(found, levels=2, widest=2)
        assert tree.visits == found.N.sum()
        order = np.argsort(-found.N, kind="stable")[:2]
        assert [a for a, *_ in tree.actions] == order.tolist()
        for a, N, Q, below in tree.actions:
            assert (found.N[a], found.Q[a]) == (N, Q)
            assert 1 <= len(below) <= 2
            assert [x.visits for x in below] == sorted((x.visits for x in below), reverse=True)
            for x in below:
                assert all(not states for *_, states in x.actions)
        assert tree.leaves == sum(max(1, sum(x.leaves for x in below)) for *_, below in tree.actions)


def test_branches_need_a_tree_of_one_state():
    with pytest.raises(TypeError, match="must be what a MonteCarloTreeSearch found"):
        branches(dm.plan(dm.ForwardSearch(P, 1, np.zeros(25)), 0))
    with pytest.raises(ValueError, match="must be of one state"):
        branches(dm.plan(dm.MonteCarloTreeSearch(P, None, None, 5, 9, 5.0, ROLLOUT), [0, 1]))


@pytest.mark.parametrize(("n", "more"), [(8, ""), (10, ", and 2 more")])
def test_at_most_eight_actions_are_listed(n, more):
    P = dm.MDP.from_arrays(np.ones((1, n, 1)), np.arange(float(n))[None], 0.0)
    listed = ", ".join(f"{a}: {a}" for a in range(n - 1, n - 9, -1))
    assert dm.explain(dm.ForwardSearch(P, 1, [0.0]), 0).endswith(f" In order: {listed}{more}.")


@pytest.mark.parametrize(("k", "said"), [(1, "1 action was"), (2, "2 actions were")])
def test_actions_that_were_not_tried_are_counted(k, said):
    P = dm.MDP.from_arrays(np.ones((1, 4, 1)), [[-np.inf] * k + [1.0] * (4 - k)], 0.5)
    assert dm.explain(dm.ForwardSearch(P, 1, [0.0]), 0).endswith(f" {said} not tried or cut off.")


def test_labels_say_how_many_states_are_solved():
    found = dm.plan(dm.LabeledHeuristicSearch(P, np.full(25, 10.0), 5, 0.1, rng=0), 0)
    tree = found.tree
    assert found.visits == len(tree.U)
    text = dm.explain(found)
    assert f"needed {tree.simulations} simulations to solve" in text
    assert f": {len(tree.solved)} of the {len(tree.U)} states it met are solved." in text
