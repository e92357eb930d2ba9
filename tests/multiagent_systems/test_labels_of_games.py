"""Labels of agents, states and actions in odd forms and orders: nothing that is named is lost or taken for another."""

import numpy as np
import pytest

import decision_making as dm

G = dm.SimpleGame.from_arrays([[1, 2], [3, 4]], [[5, 6], [7, 8]], A=[("x", "y")] * 2)
T = np.random.default_rng(1).dirichlet(np.ones(2), (2, 2, 2))
P = dm.MG.from_arrays(T, np.arange(16.0).reshape(2, 2, 2, 2), 0.9, S=["s", "t"], A=[("x", "y")] * 2)
TEAM = dm.DecPOMDP.from_arrays(
    T,
    np.arange(8.0).reshape(2, 2, 2),
    np.random.default_rng(2).dirichlet(np.ones(4), (2, 2, 2)).reshape(2, 2, 2, 2, 2),
    0.9,
    b=[0.5, 0.5],
    S=["s", "t"],
    A=[("x", "y")] * 2,
    Ω=[("lo", "hi")] * 2,
)


@pytest.mark.parametrize(
    "π",
    [
        dm.SimpleGamePolicy({"x": 0.5, "typo": 0.5}),
        {"s": {"x": 0.5, "typo": 0.5}, "t": "x"},
        lambda s: dm.SimpleGamePolicy({"x": 0.5, "typo": 0.5}),
        dm.MGPolicy({"s": {"x": 0.5, "typo": 0.5}, "t": "x"}),
    ],
)
def test_an_action_that_a_markov_game_lacks_is_refused_and_not_shared_out_among_the_others(π):
    with pytest.raises(KeyError, match="typo"):
        dm.utility(P, [π, [1, 0]])


def test_a_state_without_a_policy_is_named():
    with pytest.raises(KeyError, match="'t': p must have a policy for every state"):
        dm.utility(P, [{"s": "x"}, [1, 0]])


@pytest.mark.parametrize("k", [2, 3])
def test_a_batch_of_policies_of_a_simple_game_is_a_batch_in_a_markov_game(k):
    p = np.random.default_rng(k).dirichlet(np.ones(2), k)
    many = dm.utility(P, [dm.SimpleGamePolicy(p, ("x", "y")), [1, 0]])
    np.testing.assert_allclose(many, [dm.utility(P, [q, [1, 0]]) for q in p])
    by_state = {s: dm.SimpleGamePolicy(p, ("x", "y")) for s in P.S}
    np.testing.assert_allclose(dm.utility(P, [by_state, [1, 0]]), many)


@pytest.mark.parametrize(
    "make",
    [
        lambda: dm.SimpleGamePolicy([0.5, 0.5], ["x", "x"]),
        lambda: dm.SimpleGamePolicy([0.5, 0.5], [["x"], ["x"]]),
        lambda: dm.MGPolicy([[0.5, 0.5]], ["s"], ["x", "x"]),
        lambda: dm.MGPolicy([[1], [1]], ["x", "x"], ["a"]),
        lambda: dm.JointCorrelatedPolicy([[0.5, 0.5]], [["a"], ["x", "x"]]),
    ],
)
def test_a_label_that_is_listed_twice_would_lose_probability_and_is_refused(make):
    with pytest.raises(ValueError, match=r"x.*must be in the list once"):
        make()


def test_labels_may_be_arrays():
    names, lists = np.array(["u", "v"]), np.array([["x", "y"]] * 2)
    assert dm.SimpleGame.from_arrays(*G.R.array, I=names, A=lists).A == G.A
    assert dm.MG.from_arrays(T, P.R.array, 0.9, I=names, S=names, A=lists).S == ("u", "v")
    made = dm.DecPOMDP.from_arrays(T, TEAM.R.array, TEAM.O.array, 0.9, I=names, S=names, A=lists, Ω=lists)
    assert (made.S, made.A, made.Ω) == (("u", "v"), G.A, G.A)
    assert dm.SimpleGamePolicy([1, 3], names)("v") == 0.75
    assert type(dm.SimpleGamePolicy([0, 1], np.array([3, 5]))()) is int


def test_a_table_of_another_game_is_read_by_its_labels_where_they_stand_in_another_order():
    turned = dm.SimpleGame(1.0, G.I, [("y", "x"), ("x", "y")], G.R)
    assert all((turned.R(a) == G.R(a)).all() for a in dm.joint_actions(G.A))
    from scipy.sparse import csr_array

    sparse = dm.MG.from_arrays(csr_array(T.reshape(8, 2)), P.R.array, 0.9, S=P.S, A=P.A)
    for known in (P, sparse):
        game = dm.MG(0.9, P.I, ("t", "s"), [("x", "y"), ("y", "x")], known.T, known.R)
        for s in P.S:
            for a in dm.joint_actions(P.A):
                assert (game.R(s, a) == P.R(s, a)).all()
                assert [game.T(s, a, x) for x in P.S] == [P.T(s, a, x) for x in P.S]
    for known in (TEAM, TEAM.game):
        Ω = [("lo", "hi"), ("hi", "lo")]
        game = type(known)(0.9, P.I, ("t", "s"), [("y", "x"), ("x", "y")], Ω, known.T, known.O, known.R)
        for s in P.S:
            for a in dm.joint_actions(P.A):
                assert np.array_equal(game.R(s, a), known.R(s, a))
                assert [game.T(s, a, x) for x in P.S] == [known.T(s, a, x) for x in P.S]
                for o in dm.joint_actions(Ω):
                    assert game.O(a, s, o) == known.O(a, s, o)


def test_a_table_of_another_game_stays_as_it_is_under_new_names():
    assert (dm.SimpleGame(1.0, G.I, [("q", "r")] * 2, G.R).R.array == G.R.array).all()
    game = dm.MG(0.9, P.I, ("q", "r"), P.A, P.T, P.R)
    assert (game.T.array == P.T.array).all()
    assert (game.R.array == P.R.array).all()


def test_transitions_of_a_game_of_another_size_are_refused():
    with pytest.raises(ValueError, match="T has shape"):
        dm.MG(0.9, P.I, ("q", "r", "s"), P.A, P.T, np.zeros((2, 3, 2, 2)))


def test_an_action_that_is_a_tuple_is_no_vector_of_probabilities():
    game = dm.SimpleGame(1.0, ["a", "b"], [[(0, 1), (1, 0)], [0, 1]], lambda a: (10 * a[0][0] + a[1], 0))
    assert dm.utility(game, [(1, 0), 1], "a") == 11
    assert dm.utility(game, [[1, 0], 1], "a") == 1


def test_an_index_of_a_batch_of_games_does_not_reach_into_payoffs():
    games = dm.SimpleGame.from_arrays(np.arange(8.0).reshape(2, 2, 2), np.zeros((2, 2, 2)))
    with pytest.raises(IndexError, match="too many indices"):
        games[:, 0]
    assert games[[True, False]].batch == (1,)
    assert games[None].batch == (1, 2)
    assert (games[1].R.array == games.R.array[1]).all()


def test_the_batch_of_a_learner_may_be_any_whole_number_and_nothing_else():
    assert dm.FictitiousPlay(G, 0, batch=np.int64(3)).shape == (3,)
    for wrong in (-3, 2.0, True, "ab", (2, 0)):
        with pytest.raises(ValueError, match=r"batch = .*: must be a whole number >= 1"):
            dm.GradientAscent(G, 0, batch=wrong)


def test_lookahead_takes_labels_alone():
    with pytest.raises(KeyError, match="0: must be one of 's', 't'"):
        dm.lookahead(TEAM, np.zeros((4, 2)), 0, ("x", "y"))
    with pytest.raises(KeyError, match="'q': must be one of 'x', 'y'"):
        dm.lookahead(TEAM, np.zeros((4, 2)), "s", ("x", "q"))
    with pytest.raises(ValueError, match="must be 2 actions, one of each agent"):
        dm.lookahead(TEAM, np.zeros((4, 2)), "s", ("x",))


def test_correlated_policies_are_read_by_label():
    def some(p):
        return dm.JointCorrelatedPolicy(p)

    assert dm.utility(G, some({("y", "x"): 1})).tolist() == [3, 7]
    assert dm.utility(G, some({("y", "x"): 1, ("x", "y"): 3})).tolist() == [2.25, 6.25]
    assert dm.gap(G, some({("x", "y"): 3, ("y", "x"): 1})).tolist() == [1.5, 0.25]
    with pytest.raises(KeyError, match="'z': must be one of 'x', 'y'"):
        dm.utility(G, some({("y", "z"): 1}))
    with pytest.raises(ValueError, match="a distribution over the joint actions of SimpleGame"):
        dm.utility(G, some({("y",): 1}))
    for wrong in ({}, {("x", "y"): 1, ("x",): 1}):
        with pytest.raises(ValueError, match="must be weights of joint actions, each with an action of every agent"):
            some(wrong)


@pytest.mark.parametrize("π", [5, None, (x for x in ())])
def test_what_is_no_list_of_policies_is_refused_by_name(π):
    for game in (G, P):
        with pytest.raises(ValueError, match=r"π = .*: must be 2 policies, one of each agent"):
            dm.utility(game, π)


def test_all_plans_of_a_mixture_are_checked():
    short, long = dm.ConditionalPlan(0), dm.ConditionalPlan(0, {o: dm.ConditionalPlan(0) for o in (0, 1)})
    for verb in (lambda π: dm.best_response(TEAM, π, 1), lambda π: dm.best_response(TEAM, π, 0)):
        with pytest.raises(ValueError, match=r"π\[0\] mixes plans of \[1, 2\] actions: all must be as long"):
            verb([dm.SimpleGamePolicy([0.5, 0.5], [short, long]), short])
        with pytest.raises(ValueError, match=r"π\[0\] takes action 9: must be a whole number from 0 to 1"):
            verb([dm.SimpleGamePolicy([0.5, 0.5], [short, dm.ConditionalPlan(9)]), short])


def test_payoffs_whose_sums_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"R = 1e\+308 for agent 1 at the joint action .*of a size up to 1e\+300"):
        dm.SimpleGame.from_arrays([[1, -1]], [[-1, 1e308]])
