"""What a problem's functions give is checked by every search: one clear error, never NaN; and names of states."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import decision_making as dm

NAN, INF = math.nan, math.inf


def nothing(s):
    return np.zeros(len(s))


def problem(**changed):
    """A problem with functions on batches, in which nothing happens."""
    return SimpleNamespace(
        **{
            **{"γ": 0.9, "A": [0, 1], "state_bounds": ([0.0], [1.0])},
            **{"TR": lambda s, a, rng: (s, np.zeros(len(s)))},
            **changed,
        }
    )


SAMPLED = {
    "sparse sampling": lambda P, U=nothing: dm.SparseSampling(P, 2, 2, U, rng=0),
    "tree search": lambda P, U=nothing: dm.MonteCarloTreeSearch(P, None, None, 3, 9, 1.0, U, rng=0),
    "widening": lambda P, U=nothing: dm.ProgressiveWidening(P, 3, 9, 1.0, U, rng=0),
    "rollouts": lambda P, U=nothing: dm.RolloutLookahead(P, None, 2, rng=0),
    "proposals": lambda P, U=nothing: dm.ProgressiveWidening(
        P, 3, 9, 1.0, U, propose=lambda s, rng: rng.integers(2, size=len(s)), rng=0
    ),
}
STEPS = {
    "None": (lambda s: None, TypeError, r"P\.TR\(s, a, rng\) = None: must be a pair \(s_next, r\)"),
    "three": (lambda s: (s, 0.0, 0.0), TypeError, r"must be a pair \(s_next, r\)"),
    "states of another shape": (
        lambda s: (np.zeros((len(s), 2)), nothing(s)),
        ValueError,
        r"P\.TR gave s_next \(\d, 2\)",
    ),
    "fewer states": (
        lambda s: (s[1:], nothing(s)),
        ValueError,
        r"P\.TR gave s_next .* and r .* for states .*: must be",
    ),
    "fewer rewards": (lambda s: (s, nothing(s)[1:]), ValueError, r"P\.TR gave s_next .* and r \(\d,\) for states"),
    "a column of rewards": (lambda s: (s, nothing(s)[:, None]), ValueError, r"P\.TR gave s_next .* and r \(\d, 1\)"),
    "words for rewards": (
        lambda s: (s, ["x"] * len(s)),
        TypeError,
        r"r of P\.TR = \['x'.*: must be an array of numbers",
    ),
    "rewards NaN": (lambda s: (s, nothing(s) + NAN), ValueError, r"P\.TR gave r\[0\] = nan: must be a number"),
    "rewards inf": (lambda s: (s, nothing(s) + INF), ValueError, r"P\.TR gave r\[0\] = inf: must be a number, or -inf"),
    "states NaN": (lambda s: (s + NAN, nothing(s)), ValueError, r"P\.TR gave s_next\[0\] = \[nan\]: must be finite"),
}


@pytest.mark.parametrize("made", SAMPLED)
@pytest.mark.parametrize("name", STEPS)
def test_a_sampled_step_that_is_none_is_named(made, name):
    given, error, said = STEPS[name]
    with pytest.raises(error, match=said):
        SAMPLED[made](problem(TR=lambda s, a, rng: given(s)))([[0.0], [1.0]])


@pytest.mark.parametrize("made", SAMPLED)
def test_lists_are_steps_too_and_one_reward_may_be_that_of_all(made):
    plain = dm.plan(SAMPLED[made](problem(TR=lambda s, a, rng: (s, nothing(s) + 2.0))), [[0.0], [1.0]])
    for given in (lambda s: (s, 2.0), lambda s: [s.tolist(), [2] * len(s)]):
        found = dm.plan(SAMPLED[made](problem(TR=lambda s, a, rng, given=given: given(s))), [[0.0], [1.0]])
        np.testing.assert_array_equal(found.Q, plain.Q)


def test_the_first_that_is_not_finite_is_named():
    still = lambda s: 0  # noqa: E731
    for given, said in (
        (lambda s: (s, np.array([0.0, NAN])), r"P\.TR gave r\[1\] = nan"),
        (lambda s: (s + np.array([[0.0, 0.0], [0.0, NAN]]), 0.0), r"P\.TR gave s_next\[1\] = \[ ?0\. nan\]"),
    ):
        with pytest.raises(ValueError, match=said):
            dm.rollout(problem(TR=lambda s, a, rng, given=given: given(s)), np.zeros((2, 2)), still, 2)


@pytest.mark.parametrize("made", SAMPLED)
def test_ends_and_legal_actions_are_one_for_each_state(made):
    search = SAMPLED[made]
    with pytest.raises(ValueError, match=r"P\.terminal gave an array \(2, 1\) for 2 states: must be \(2,\)"):
        search(problem(terminal=lambda s: s > 2))([[0.0], [1.0]])
    assert (dm.plan(search(problem(terminal=lambda s: False)), [[0.0], [1.0]]).u == 0).all()
    if made not in ("rollouts", "proposals"):
        with pytest.raises(ValueError, match=r"P\.legal_actions gave an array \(\d, 3\): must be \(\d, 2\)"):
            search(problem(legal_actions=lambda s: np.ones((len(s), 3))))([[0.0], [1.0]])


def test_what_follows_an_end_does_not_matter():
    """Rollouts step all walks on until the last one ends; what an ended one is paid then is not looked at."""
    P = problem(TR=lambda s, a, rng: (s + 1, np.where(s[:, 0] > 1, NAN, 1.0)), terminal=lambda s: s[:, 0] > 1, γ=1.0)
    assert dm.rollout(P, [[1.0], [-2.0]], lambda s: np.zeros(len(s), int), 9).tolist() == [1.0, 4.0]
    assert dm.plan(dm.RolloutLookahead(P, None, 9), [[1.0], [-2.0]]).u.tolist() == [1.0, 4.0]


@pytest.mark.parametrize("made", SAMPLED)
def test_without_a_future_a_leaf_of_minus_infinity_is_no_nan(made):
    lost = lambda s: np.full(len(s), -INF)  # noqa: E731
    table = dm.MDP.from_arrays(np.ones((1, 2, 1)), [[1.0, 1.0]], 0.0)
    pays = problem(γ=0.0, TR=lambda s, a, rng: (s, np.ones(len(s))))
    assert dm.plan(SAMPLED[made](pays, lost), [0.5]).u == 1.0
    assert dm.plan(SAMPLED[made](table, lost), 0).u == 1.0
    assert dm.plan(SAMPLED[made](table, lost), [0, 0]).u.tolist() == [1.0, 1.0]


def test_without_a_future_what_a_policy_may_not_do_later_is_no_nan():
    P = dm.MDP.from_arrays(np.ones((1, 2, 1)), [[-INF, 1.0]], 0.0)
    assert dm.plan(dm.RolloutLookahead(P, lambda s: np.zeros(len(s), int), 3), 0).Q.tolist() == [-INF, 1.0]
    P = problem(γ=0.0, TR=lambda s, a, rng: (s, np.where(a == 0, -INF, 1.0)))
    assert dm.plan(dm.RolloutLookahead(P, lambda s: np.zeros(len(s), int), 3), [0.0]).Q.tolist() == [-INF, 1.0]


EXACT = {
    "forward search": lambda P: dm.ForwardSearch(P, 2, nothing),
    "heuristic search": lambda P: dm.HeuristicSearch(P, nothing, 2, 3, rng=0),
    "labelled search": lambda P: dm.LabeledHeuristicSearch(P, nothing, 2, 0.1, rng=0),
    "rollouts": lambda P: dm.RolloutLookahead(P, None, 2, rng=0),
}
SUCCESSORS = {
    "None": (lambda s: None, TypeError, r"P\.successors\(s, a\) = None: must be \(s_next, p, r\)"),
    "no rewards": (lambda s: (s[None], [1.0]), TypeError, r"or \(s_next, p\) of a problem with R\(s, a\)"),
    "no axis": (lambda s: (s, [1.0], nothing(s)), ValueError, r"P\.successors gave s_next \(\d, 1\), p \(1,\)"),
    "a number": (lambda s: (0.0, [1.0], 0.0), ValueError, r"P\.successors gave s_next \(\), p \(1,\)"),
    "more rewards": (
        lambda s: (s[None], [1.0], np.zeros(5)),
        ValueError,
        r"and r \(5,\) for states \(\d, 1\): must be",
    ),
    "more p": (lambda s: (s[None], [0.5, 0.5], nothing(s)), ValueError, r"P\.successors gave .* p \(2,\)"),
    "NaN": (lambda s: (s[None], [1.0], nothing(s) + NAN), ValueError, r"P\.successors gave r\[0, 0\] = nan: must be"),
    "inf": (lambda s: (s[None], [1.0], nothing(s) + INF), ValueError, r"P\.successors gave r\[0, 0\] = inf: must be"),
}


@pytest.mark.parametrize("made", EXACT)
@pytest.mark.parametrize("name", SUCCESSORS)
def test_successors_that_are_none_are_named(made, name):
    given, error, said = SUCCESSORS[name]
    with pytest.raises(error, match=said):
        EXACT[made](problem(successors=lambda s, a: given(s)))([[0.0], [1.0]])


@pytest.mark.parametrize("made", EXACT)
def test_lists_are_successors_and_legal_actions_too(made):
    legal = lambda s: [[True, False]] * len(s)  # noqa: E731
    for given in (lambda s: (s[None], [1.0], nothing(s) + 2.0), lambda s: ([s.tolist()], [1.0], [2.0] * len(s))):
        P = problem(successors=lambda s, a, given=given: given(s), legal_actions=legal)
        assert dm.plan(EXACT[made](P), [0.5]).Q[1] == -INF
        assert dm.plan(EXACT[made](P), [0.5]).Q[0] >= 2.0


PAIR = dm.MDP.from_arrays(np.tile(np.eye(2)[::-1, None], (1, 2, 1)), [[1.0, 0.0], [0.0, 1.0]], 0.9)
NAMED = dm.MDP(0.9, ["a", "b"], [(0, 1), (1, 0)], lambda s, a, t: float(s != t), lambda s, a: 1.0, None)
POLICIES = [
    (PAIR, lambda s: np.zeros(len(s) + 1, int), ValueError, r"π\(s\) has shape \(5,\) for 4 states: must be an action"),
    (PAIR, lambda s: [0], ValueError, r"π\(s\) has shape \(1,\) for 4 states"),
    (PAIR, lambda s: np.zeros((len(s), 2), int), ValueError, r"π\(s\) has shape \(4, 2\): must be an action for each"),
    (NAMED, lambda s: None, TypeError, r"π\(s\) = None: must be a list of actions of P\.A"),
    (NAMED, lambda s: np.zeros((len(s), 2), int), TypeError, r"π\(s\) = array.*: must be a list of actions of P\.A"),
]


@pytest.mark.parametrize(("P", "π", "error", "said"), POLICIES)
def test_a_policy_that_gives_no_action_for_each_state_is_named(P, π, error, said):
    with pytest.raises(error, match=f"(?s){said}"):
        dm.RolloutLookahead(P, π, 2)(list(P.S))


def test_rollouts_are_of_a_problem_from_a_batch():
    still = lambda s: np.zeros(len(s), int)  # noqa: E731
    for call, error, said in (
        (lambda: dm.rollout(PAIR, 0, still, 2), ValueError, r"s = array\(0\): must be a batch of states"),
        (lambda: dm.rollout(problem(γ=NAN), [[0.0]], still, 2), ValueError, "γ = nan: must be a number in"),
        (lambda: dm.rollout(problem(TR=lambda s, a, rng: None), [[0.0]], still, 2), TypeError, "must be a pair"),
        (lambda: dm.rollout(PAIR, [0, 1], lambda s: [0], 2), ValueError, r"π\(s\) has shape \(1,\) for 2 states"),
    ):
        with pytest.raises(error, match=said):
            call()


def test_trees_of_states_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match=r"s = array\(\['a'\].*: must be numbers, to be told apart"):
        SAMPLED["tree search"](SimpleNamespace(γ=0.9, A=[0], TR=lambda s, a, rng: (s, nothing(s))))(np.array(["a"]))


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


def test_names_that_are_tuples_are_given_as_tuples_or_rows():
    P = dm.MDP(0.9, [(0, 1), (1, 0)], ["x"], lambda s, a, t: float(s != t), lambda s, a: float(s[0]), None)
    M = dm.ForwardSearch(P, 1, nothing)
    assert dm.plan(M, (1, 0)).u == 1.0
    assert dm.plan(M, [(1, 0), (0, 1)]).u.tolist() == dm.plan(M, np.array([(1, 0), (0, 1)])).u.tolist() == [1.0, 0.0]
    with pytest.raises(TypeError, match=r"s = \[\[1, 0\]\]: must be one of P\.S, or a list of them"):
        dm.plan(M, [[1, 0]])
    with pytest.raises(TypeError, match=r"s = array\(3\): must be one of P\.S, or a list of them"):
        dm.plan(M, np.array(3))
    assert dm.plan(M, []).u.tolist() == []
    ends = dm.MDP(0.9, P.S, P.A, P.T, P.R, None, terminal=lambda s: s[:, 0] == 0)
    assert dm.solve(dm.ValueIteration(9), ends).U.tolist() == [0.0, 1.0]


def test_actions_with_texts_beside_numbers_reach_a_sampler_as_they_are():
    seen = set()
    P = problem(A=["up", 1], TR=lambda s, a, rng: (s, seen.update(a) or np.zeros(len(s))))
    assert dm.SparseSampling(P, 1, 1, nothing)([0.0]) == "up"
    assert seen == {"up", 1}


def test_an_action_that_is_available_nowhere_is_never_sampled():
    legal = lambda s: np.tile([True, False], (len(s), 1))  # noqa: E731
    P = problem(TR=lambda s, a, rng: (s, 1.0 - 9.0 * a), legal_actions=legal)
    assert dm.plan(dm.RolloutLookahead(P, lambda s: np.zeros(len(s), int), 1), [[0.0]]).Q.tolist() == [[1.9, -INF]]
