"""Responses to responses and learners: against recursions in whole numbers, closed forms and bounds."""

import itertools

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import PrisonersDilemma, RockPaperScissors, TravelersDilemma
from tests.oracles import games as oracle

RPS, PRISONERS = RockPaperScissors(), PrisonersDilemma()
ALMOST = dm.SimpleGame.from_arrays([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
DINNER = dm.SimpleGame.from_arrays([[2, 0], [0, 1]], [[1, 0], [0, 2]])
CLIMB = dm.SimpleGame.from_arrays([[-4, 0], [-1, -5]], [[-4, -1], [0, -5]])


def fictitious(P, **options):
    return [dm.FictitiousPlay(P, i, **options) for i in P.I]


def ascending(P, **options):
    return [dm.GradientAscent(P, i, **options) for i in P.I]


# ---- iterated best response, hierarchical softmax


def test_iterated_best_response_goes_down_to_the_lowest_claim():
    P = TravelersDilemma()
    for k, claim in ((1, 96), (2, 95), (94, 3), (95, 2), (96, 2), (10**9, 2)):
        found = dm.solve(dm.IteratedBestResponse(k), P)
        assert [q.mode for q in found] == [claim, claim]
        assert found.status == ("equilibrium" if k >= 95 else "k_max")
    assert found.iterations == 96


def test_agents_that_change_at_once_go_round_and_in_turn_they_come_to_rest():
    for P, cells in ((DINNER, {(0, 1), (1, 0)}), (CLIMB, {(0, 0), (1, 1)})):
        found = dm.solve(dm.IteratedBestResponse(50), P)
        assert found.status == "cycle"
        assert set(found.cycle) == cells
        assert dm.solve(dm.IteratedBestResponse(50, order="cyclic"), P).status == "equilibrium"
    found = dm.solve(dm.IteratedBestResponse(50, order="cyclic"), RPS)
    assert found.status == "cycle"


@pytest.mark.parametrize("order", ["simultaneous", "cyclic"])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7, 50])
def test_the_result_after_a_cycle_is_that_of_going_on(order, k):
    for P in (DINNER, CLIMB, RPS):
        π = [np.full(s, 1 / s) for s in P.sizes]
        for _ in range(k):
            new = list(π)
            for i in P.I:
                new[i] = dm.best_response(P, new if order == "cyclic" else π, i).p
            π = new
        found = dm.solve(dm.IteratedBestResponse(k, order=order), P)
        assert [q.p.argmax() for q in found] == [q.argmax() for q in π]


def test_an_action_that_is_best_already_is_kept_in_turn():
    P = dm.SimpleGame.from_arrays(np.zeros((2, 2)), np.zeros((2, 2)))
    start = [[0.0, 1.0], [0.0, 1.0]]
    assert [q.mode for q in dm.solve(dm.IteratedBestResponse(5, start, order="cyclic"), P)] == [1, 1]
    assert [q.mode for q in dm.solve(dm.IteratedBestResponse(5, start), P)] == [0, 0]  # the book takes the first


LEVELS = {
    (0.3, 1): (96, 0.037389, 84.4513, 0.40394),
    (0.3, 4): (96, 0.082670, 93.3586, 0.79807),
    (0.5, 2): (96, 0.083159, 93.4956, 0.80386),
    (0.5, 3): (96, 0.102816, 94.7274, 0.90575),
}


@pytest.mark.parametrize(("λ", "k"), LEVELS)
def test_claims_of_a_level(λ, k):
    p, claim = dm.solve(dm.HierarchicalSoftmax(λ, k), TravelersDilemma()).π[0].p, np.arange(2, 101)
    found = (claim[p.argmax()], p.max(), p @ claim, p[claim >= 90].sum())
    assert np.abs(np.subtract(found, LEVELS[λ, k])).max() <= 5.1e-5


def test_levels_of_a_batch_and_of_infinite_precision():
    P = dm.SimpleGame.from_arrays(*np.random.default_rng(0).normal(size=(2, 4, 3, 3)))
    found = dm.solve(dm.HierarchicalSoftmax(1.0, 3), P)
    sharp = dm.solve(dm.HierarchicalSoftmax(np.inf, 3), P)
    for k in range(4):
        assert found.π[1].p[k] == pytest.approx(dm.solve(dm.HierarchicalSoftmax(1.0, 3), P[k]).π[1].p)
        responses = dm.solve(dm.IteratedBestResponse(3), P[k])
        assert [q.mode[k] for q in sharp] == [q.mode for q in responses]
    assert dm.solve(dm.HierarchicalSoftmax(1.0, 0), P).π[0].p[3].tolist() == [1 / 3] * 3


# ---- fictitious play


@pytest.mark.parametrize("P", [RPS, ALMOST, PRISONERS, DINNER])
def test_fictitious_play_is_the_recursion_in_whole_numbers(P):
    for first in itertools.product(*map(range, P.sizes)):
        played = dm.play(P, fictitious(P), 150, 0, first=first)
        assert list(map(tuple, played.a)) == oracle.fictitious_play(*P.R.array, first, 150)
        for j, learner in itertools.product(range(2), played.π):
            counts = 1 + np.bincount(played.a[:, j], minlength=P.sizes[j])
            assert learner.N[j].tolist() == counts.tolist()
            assert learner.frequencies(j).tolist() == (counts / counts.sum()).tolist()


def test_lengths_of_the_turns():
    assert [k for _, k in dm.play(RPS, fictitious(RPS), 25, 0, first=(0, 0)).runs()] == [1, 3, 5, 7, 9]
    lengths = [1, 1, 2, 4, 6, 9, 14, 21, 31, 46, 68, 100, 147, 216]
    runs = dm.play(ALMOST, fictitious(ALMOST), sum(lengths), 0, first=(0, 1)).runs()
    assert [k for _, k in runs] == lengths
    assert [a for a, _ in runs[:6]] == [(0, 1), (2, 1), (2, 0), (1, 0), (1, 2), (0, 2)]


def test_three_agents_answer_the_product_of_the_frequencies():
    R = np.random.default_rng(1).integers(-5, 6, size=(3, 2, 3, 2))
    P = dm.SimpleGame.from_arrays(*R)
    played = dm.play(P, fictitious(P), 40, 3)
    for k in range(1, 40):
        for i in range(3):
            counts = [1.0 + np.bincount(played.a[:k, j], minlength=s) for j, s in enumerate(P.sizes)]
            V = oracle.deviations(R, counts, i)
            assert V[played.a[k, i]] == max(V)


def test_a_batch_of_games_and_seeds_is_each_alone():
    P = dm.SimpleGame.from_arrays(*np.random.default_rng(0).integers(-4, 5, size=(2, 3, 3, 2)))
    first = np.random.default_rng(1).integers(0, [3, 2], size=(5, 3, 2))
    played = dm.play(P, fictitious(P, batch=5), 30, 0, first=first)
    assert played.a.shape == (30, 5, 3, 2)
    for seed, game in np.ndindex(5, 3):
        one = dm.play(P[game], fictitious(P[game]), 30, 0, first=first[seed, game])
        assert (one.a == played.a[:, seed, game]).all()
        for i in range(2):
            assert (one.frequencies(i) == played.frequencies(i)[:, seed, game]).all()
    seeds = dm.play(RPS, fictitious(RPS, batch=9), 30, 0, first=[[a, b] for a in range(3) for b in range(3)])
    for k in range(9):
        assert (dm.play(RPS, fictitious(RPS), 30, 0, first=divmod(k, 3)).a == seeds.a[:, k]).all()


def test_frequencies_of_a_zero_sum_game_approach_an_equilibrium():
    played = dm.play(RPS, fictitious(RPS), 3000, 0)
    gaps = [dm.gap(RPS, [played.frequencies(i)[k] for i in range(2)]).sum() for k in (100, 2999)]
    assert gaps[1] < gaps[0] / 2
    assert gaps[1] < 0.05


def test_play_is_repeatable_and_leaves_the_learners_as_they_are():
    learners = fictitious(RPS)
    a, b = (dm.play(RPS, learners, 20, 7) for _ in range(2))
    assert (a.a == b.a).all()
    assert learners[0].k == 0
    assert a.π[0].k == 20
    on = dm.play(RPS, a.π, 20)
    assert (np.concatenate([a.a, on.a]) == dm.play(RPS, learners, 40, 7).a).all()


def test_own_counts_do_not_matter_and_the_prior_does():
    P = dm.SimpleGame.from_arrays([[3, 0], [0, 2]], np.zeros((2, 2)))
    for prior, action in ((1.0, 1), (10.0, 0)):  # one turn of agent 2's second action: 3 p against 2 (p + 1)
        learner = dm.update(dm.FictitiousPlay(P, 0, prior=prior), (0, 1))
        assert learner.policy.argmax() == action


def test_joint_frequencies_add_up_to_those_of_the_agents():
    played = dm.play(ALMOST, fictitious(ALMOST), 60, 2)
    shares = played.joint_frequencies()
    assert shares.sum(axis=1) == pytest.approx(played.frequencies(0)[-1])
    assert shares.sum(axis=0) == pytest.approx(played.frequencies(1)[-1])


# ---- gradient ascent


def test_a_step_of_gradient_ascent_is_projected():
    for first, expected in (((0, 0), [0, 1]), ((0, 1), [0, 1])):
        assert dm.update(dm.GradientAscent(PRISONERS, 0), first).policy.tolist() == expected
    P = dm.SimpleGame.from_arrays([[0.2, 0.0], [0.0, 0.4]], np.zeros((2, 2)))
    learner = dm.update(dm.GradientAscent(P, 0), (0, 0))
    assert learner.policy == pytest.approx([0.6, 0.4])
    dm.update(learner, (0, 1))  # the second step is 1/√2 as long
    assert learner.policy == pytest.approx([0.6 - 0.2 / np.sqrt(2), 0.4 + 0.2 / np.sqrt(2)])
    assert learner.average == pytest.approx([0.55, 0.45])
    assert dm.update(dm.GradientAscent(P, 0, alpha=0.5), (0, 0)).policy == pytest.approx([0.55, 0.45])


def test_regret_of_gradient_ascent_against_any_opponent_is_bounded():
    """Zinkevich: at most D²√T/2 + (√T - ½) G², D² = 2, G² = 3, for payoffs in [0, 1]."""
    R = np.random.default_rng(0).random((3, 4))
    P, T = dm.SimpleGame.from_arrays(R, np.zeros((3, 4))), 400
    for opponent in (np.arange(T) % 4, np.random.default_rng(1).integers(0, 4, T), np.zeros(T, int)):
        learner, won = dm.GradientAscent(P, 0), 0.0
        for b in opponent:
            won += learner.policy @ R[:, b]
            dm.update(learner, (0, b))
        regret = R[:, opponent].sum(axis=1).max() - won
        assert regret <= np.sqrt(T) + (np.sqrt(T) - 0.5) * 3


def test_the_average_of_gradient_ascent_comes_to_rest_and_the_last_policy_does_not():
    π = dm.play(RPS, ascending(RPS, batch=20), 1000, 0).π
    last, average = dm.gap(RPS, π).mean(), dm.gap(RPS, [x.average for x in π]).mean()
    assert average < last / 5
    assert average < 0.1


def test_learners_draw_what_their_policies_say():
    P = dm.SimpleGame.from_arrays([[0.2, 0.0, 0.0]], [[0.3, 0.0, -0.3]])
    learner = dm.update(dm.GradientAscent(P, 1, batch=4000), np.zeros((4000, 2), int))
    a = learner.act(np.random.default_rng(0))
    share, p = np.bincount(a, minlength=3) / 4000, learner.policy[0]
    assert p == pytest.approx([19 / 30, 1 / 3, 1 / 30])
    assert (abs(share - p) < 5 * np.sqrt(p * (1 - p) / 4000)).all()
    assert dm.GradientAscent(PRISONERS, 0)("defect") == 0.5
    assert dm.utility(PRISONERS, ascending(PRISONERS)).tolist() == [-2, -2]  # learners are a joint policy


# ---- wrong input


def test_a_learner_that_is_in_the_list_twice_is_refused():
    one, two = fictitious(RPS)
    for wrong in ([one, one], [two, one], [one], [one, dm.FictitiousPlay(ALMOST, 1)], [one, "learner"]):
        with pytest.raises(ValueError, match="one of each of its 2 agents"):
            dm.play(RPS, wrong, 3)


def test_wrong_calls_are_named_errors():
    with pytest.raises(ValueError, match="batches"):
        dm.play(RPS, [dm.FictitiousPlay(RPS, 0), dm.FictitiousPlay(RPS, 1, batch=2)], 3)
    with pytest.raises(ValueError, match="k_max"):
        dm.play(RPS, fictitious(RPS), 0)
    with pytest.raises(ValueError, match="actions: must be at most"):
        dm.play(RPS, fictitious(RPS), 10**9)
    with pytest.raises(ValueError, match="a has shape"):
        dm.update(dm.FictitiousPlay(RPS, 0), (0, 1, 2))
    with pytest.raises(ValueError, match=r"must lie in 0\.\.2"):
        dm.update(dm.GradientAscent(RPS, 0), (0, 3))
    with pytest.raises(ValueError, match="runs are those of one"):
        dm.play(RPS, fictitious(RPS, batch=2), 3, 0).runs()
    with pytest.raises(TypeError, match="a SimpleGame"):
        dm.FictitiousPlay("game", 0)
    with pytest.raises(ValueError, match="order"):
        dm.IteratedBestResponse(3, order="random")


def test_before_the_first_round_any_action_is_as_likely():
    """Then all is on the best response: paper, after three rounds of rock."""
    learner = dm.FictitiousPlay(RockPaperScissors(), 0, batch=600)
    assert (learner.policy == 1 / 3).all()
    drawn = np.bincount(learner.act(np.random.default_rng(0)), minlength=3)
    assert (abs(drawn - 200) < 5 * np.sqrt(600 * 2 / 9)).all()
    for _ in range(3):
        dm.update(learner, np.zeros((600, 2), int))
    assert (learner.policy == [0, 1, 0]).all()
    assert (learner.act(np.random.default_rng(0)) == 1).all()
    assert repr(dm.FictitiousPlay(RockPaperScissors(), 0)).endswith("3 x 3 actions))")
    assert repr(learner).endswith("batch (600,))")
