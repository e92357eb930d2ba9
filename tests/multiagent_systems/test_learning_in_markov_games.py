"""Learners of Markov games: against loops that do one number at a time, chapter 24, and what they converge to."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making.multiagent_systems.sequential_problems.learners import own_part
from decision_making.problems import PrisonersDilemma
from tests.multiagent_systems.test_markov_games import ANCHOR, random_game
from tests.oracles.markov_games import Climber, FictitiousPlayer, Game

SETTINGS = (dm.MGFictitiousPlay, dm.MGGradientAscent, dm.NashQLearning)


def steps(P, k, seed, batch=()):
    """Random transitions (s, a, s_next), one after the other."""
    rng = np.random.default_rng(seed)
    s = rng.integers(len(P.S), size=batch)
    for _ in range(k):
        a = np.stack([rng.integers(n, size=batch) for n in P.sizes], axis=-1)
        s_next, _ = P.TR(s, a, rng)
        yield s, a, s_next
        s = s_next


def sparse(P):
    return dm.MG.from_arrays(csr_array(P.T.array.reshape(-1, len(P.S))), P.R.array, P.γ)


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("sizes", [(2, 3), (2, 2, 2), (3,)])
@pytest.mark.parametrize("how", ["dense", "sparse"])
def test_fictitious_play_is_that_of_loops(sizes, at_once, how):
    """25.7: own counts in its own estimate, and Q set in place, the first agent's action fastest, unless at_once."""
    P = random_game(1, sizes, 3)
    g = Game(P.T.array, P.R.array, P.γ)
    P = sparse(P) if how == "sparse" else P
    for i in P.I[:2]:
        model, plain = dm.start(dm.MGFictitiousPlay(P, i, at_once=at_once)), FictitiousPlayer(g, i, at_once=at_once)
        for s, a, s_next in steps(P, 40, 2):
            action = model.behavior(s).argmax()
            values = np.sort(plain.values(int(s)))
            assert action == plain.act(int(s)) or values[-1] - values[-2] < 1e-12
            dm.update(model, s, a, None, s_next)
            plain.update(int(s), tuple(a.tolist()), int(s_next))
        for (s, a), q in plain.Q.items():
            assert model.Q[(s, *a)] == pytest.approx(q, abs=1e-12)
        for s in range(3):
            assert model.U[s] == pytest.approx(plain.U(s), abs=1e-12)
            assert model.policy[s].argmax() == plain.act(s)
        np.testing.assert_allclose(
            np.concatenate(model.frequencies(), axis=-1),
            [np.concatenate([f[s] for f in plain.frequencies()]) for s in range(3)],
        )


def test_the_order_of_the_actions_matters_in_place_only():
    P = random_game(1, (2, 3), 3)
    models = [dm.start(dm.MGFictitiousPlay(P, 0, at_once=x)) for x in (False, True)]
    for s, a, s_next in steps(P, 1, 3):
        for model in models:
            dm.update(model, s, a, None, s_next)
    assert abs(models[0].Q - models[1].Q).max() > 1e-3


@pytest.mark.parametrize("sizes", [(2, 3), (2, 2, 2)])
@pytest.mark.parametrize("α", [1.0, 0.1])
def test_gradient_ascent_is_that_of_loops(sizes, α):
    """25.8: the others' present actions at s', too; one step counter for all states."""
    P = random_game(4, sizes, 3)
    g = Game(P.T.array, P.R.array, P.γ)
    for i in P.I:
        model, plain = dm.start(dm.MGGradientAscent(P, i, α=α)), Climber(g, i, α)
        for s, a, s_next in steps(P, 60, 5):
            np.testing.assert_allclose(model.behavior(s), plain.behavior(int(s)), atol=1e-12)
            dm.update(model, s, a, None, s_next)
            plain.update(int(s), tuple(a.tolist()), int(s_next))
        np.testing.assert_allclose(model.policy, plain.π, atol=1e-11)
        for (s, a), q in plain.Q.items():
            assert model.Q[(s, *a)] == pytest.approx(q, abs=1e-11)


def test_nash_q_learning_is_that_of_loops():
    """25.9, with the equilibrium of every visited state found anew from its definition."""
    P = random_game(6, (2, 2), 2)
    i, rng = 1, np.random.default_rng(0)
    model = dm.start(dm.NashQLearning(P, i))
    Q, N = np.zeros((2, 2, 2, 2)), np.ones((2, 2, 2))  # Q by agent, state and joint action
    for s, a, s_next in steps(P, 50, 7):
        found = dm.nash(dm.SimpleGame(1, P.I, P.A, Q[:, s]), all=True)[0]
        ε = 1 / N[s].sum()
        np.testing.assert_allclose(model.behavior(s), ε / 2 + (1 - ε) * found.π[i].p, atol=1e-12)
        ahead = dm.nash(dm.SimpleGame(1, P.I, P.A, Q[:, s_next]), all=True)[0].U
        r = P.R.array[(slice(None), s, *a)] + rng.normal(size=2)
        here = (s, *a)
        N[here] += 1
        for j in range(2):
            Q[(j, *here)] += (r[j] + P.γ * ahead[j] - Q[(j, *here)]) / np.sqrt(N[here])
        dm.update(model, s, a, r, s_next)
    np.testing.assert_allclose(np.moveaxis(model.Q, 1, 0), Q, atol=1e-12)
    np.testing.assert_array_equal(model.N, N)
    assert model.k == 50


def test_the_first_step_of_nash_q_learning_has_the_rate_of_two_visits():
    P = dm.MG.repeated(PrisonersDilemma())
    model = dm.start(dm.NashQLearning(P, 0))
    dm.update(model, 0, [1, 1], None, 0)
    assert model.Q[0, :, 1, 1].tolist() == [-3 / np.sqrt(2)] * 2


def test_values_against_what_the_others_do():
    rng = np.random.default_rng(0)
    for sizes in ((3,), (2, 3), (2, 3, 4)):
        Q, a = rng.normal(size=(5, 2, *sizes)), np.stack([rng.integers(k, size=(5, 2)) for k in sizes], axis=-1)
        for i in range(len(sizes)):
            found = own_part(Q, a, i)
            for b in np.ndindex(5, 2):
                index = [int(a[(*b, j)]) if j != i else slice(None) for j in range(len(sizes))]
                np.testing.assert_array_equal(found[b], Q[(*b, *index)])


@pytest.mark.parametrize("kind", SETTINGS)
def test_replications_share_nothing(kind):
    """A batch of learners is each of them, fed its own steps."""
    P = random_game(8, (2, 3), 3)
    batch = dm.start(kind(P, 0), (2, 3))
    alone = [[dm.start(kind(P, 0)) for _ in range(3)] for _ in range(2)]
    for s, a, s_next in steps(P, 12, 9, (2, 3)):
        dm.update(batch, s, a, None, s_next)
        for k in np.ndindex(2, 3):
            dm.update(alone[k[0]][k[1]], s[k], a[k], None, s_next[k])
    s = np.array([[0, 1, 2], [2, 1, 0]])
    for k in np.ndindex(2, 3):
        one = alone[k[0]][k[1]]
        for name, x in one.arrays().items():
            np.testing.assert_allclose(batch.arrays()[name][k], x, atol=1e-12)
        np.testing.assert_allclose(batch.behavior(s)[k], one.behavior(s[k]), atol=1e-12)
        np.testing.assert_allclose(batch.policy[k], one.policy, atol=1e-12)


@pytest.mark.parametrize("kind", SETTINGS)
def test_learn_is_update_after_each_step_and_leaves_what_it_was_given(kind):
    P = random_game(10, (2, 3), 3)
    models = [dm.start(kind(P, i), 4) for i in P.I]
    learnt, τs = dm.learn(P, models, None, 15, rng=0)
    assert all(not x.k.any() for x in models)
    assert τs.s.shape == τs.s_next.shape == (4, 15)
    assert τs.a.shape == τs.r.shape == (4, 15, 2)
    np.testing.assert_array_equal(τs.s[:, 1:], τs.s_next[:, :-1])
    again = [dm.start(kind(P, i), 4) for i in P.I]
    for k in range(15):
        for x in again:
            dm.update(x, τs.s[:, k], τs.a[:, k], τs.r[:, k], τs.s_next[:, k])
    for x, y in zip(learnt, again, strict=True):
        for name, z in y.arrays().items():
            np.testing.assert_array_equal(x.arrays()[name], z)
    same, other = dm.learn(P, models, None, 15, rng=0)[1], dm.learn(P, models, None, 15, rng=1)[1]
    np.testing.assert_array_equal(same.a, τs.a)
    assert (other.s != τs.s).any()


def test_learners_may_be_told_what_to_do_and_begin_where_they_are_told():
    P = random_game(11, (2, 3), 3)
    models = [dm.start(dm.MGGradientAscent(P, i), 2) for i in P.I]
    _, τs = dm.learn(P, models, lambda models, s, rng: np.stack([s % 2, s], axis=-1), 9, s=[2, 1], episode=3, rng=0)
    assert τs.s[:, ::3].tolist() == [[2] * 3, [1] * 3]
    np.testing.assert_array_equal(τs.a[..., 1], τs.s)
    _, τs = dm.learn(P, models, None, 4, b=[0, 0, 1.0], rng=0)
    assert τs.s[:, 0].tolist() == [2, 2]


def test_an_episode_begins_where_the_game_does_once_and_after_so_many_steps():
    """Three states in a ring, that begins in state 2."""
    ring = np.broadcast_to(np.eye(3)[[1, 2, 0]][:, None, None], (3, 2, 1, 3))
    P = dm.MG.from_arrays(ring, np.zeros((2, 3, 2, 1)), 0.5, b=[0, 0, 1.0])
    models, drawn = tuple(dm.start(dm.MGFictitiousPlay(P, i)) for i in P.I), []
    for episode, expected in ((None, [2, 0, 1, 2, 0]), (2, [2, 0, 2, 0, 2]), (5, [2, 0, 1, 2, 0])):
        assert dm.learn(P, models, None, 5, rng=0, episode=episode)[1].s.tolist() == expected
    dm.learn(P, models, None, 5, b=lambda m, rng: drawn.append(m) or np.zeros(m, int), episode=2)
    assert drawn == [1, 1, 1]


def test_numbers_to_keep_are_counted():
    """States before and after, actions and rewards of two agents, of 4 replications."""
    P = random_game(1)
    models = [dm.start(dm.MGGradientAscent(P, i), 4) for i in P.I]
    with pytest.raises(dm.TooLargeError, match="24,000,000,000 numbers to keep"):
        dm.learn(P, models, None, 10**9)


@pytest.mark.parametrize("other", ["γ", "states", "actions", "transitions", "rewards"])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_learners_of_another_game_are_refused_and_of_an_equal_one_taken(kind, other):
    P = random_game(1)
    made = {"dense": lambda P: P, "sparse": sparse}[kind]
    changed = {
        "γ": lambda: dm.MG(0.1, P.I, P.S, P.A, P.T, P.R),
        "states": lambda: dm.MG(P.γ, P.I, ("a", "b", "c"), P.A, P.T.array, P.R.array),
        "actions": lambda: dm.MG(P.γ, P.I, P.S, [("x", "y"), P.A[1]], P.T.array, P.R.array),
        "transitions": lambda: dm.MG(P.γ, P.I, P.S, P.A, P.T.array[::-1], P.R),
        "rewards": lambda: dm.MG(P.γ, P.I, P.S, P.A, P.T, 2 * P.R.array),
    }[other]()
    models = [dm.start(dm.MGGradientAscent(G, i)) for i, G in enumerate((P, changed))]
    with pytest.raises(ValueError, match="learners of this game"):
        dm.learn(P, models, None, 1)
    equal = dm.MG(P.γ, P.I, P.S, P.A, P.T.array, P.R.array)
    models = [dm.start(dm.MGGradientAscent(made(G), i)) for i, G in enumerate((P, equal))]
    assert dm.learn(P, models, None, 2)[1].s.shape == (2,)


def test_replications_of_a_sparse_game_are_those_of_a_dense_one():
    P, found = random_game(3, (2, 3), 3), []
    for G in (P, sparse(P)):
        model = dm.start(dm.MGFictitiousPlay(G, 0), (2, 2))
        for s, a, s_next in steps(P, 12, 5, (2, 2)):
            dm.update(model, s, a, None, s_next)
        found.append(model.Q)
    np.testing.assert_allclose(*found, atol=1e-12)


def test_where_an_episode_ends_nothing_is_expected():
    T = random_game(12, (2, 2), 2).T.array
    P = dm.MG.from_arrays(T, np.ones((2, 2, 2, 2)), 0.9)  # wherever it goes, there is more to come
    for kind in SETTINGS[1:]:
        model = dm.start(kind(P, 0), 2)
        for a in 5 * [(1, 0), (1, 1), (0, 0), (0, 1)]:
            ended = dm.update(model, [0, 0], [a, a], None, [1, 1], terminated=[True, False])
            dm.update(model, [1, 1], [a, a], None, [0, 0])
        assert ended is model
        if kind is dm.MGGradientAscent:  # the first step has rate 1
            np.testing.assert_array_equal(model.Q[0, 0, 1, 0], 1)
        assert (model.Q[0] <= 1).any()
        assert abs(model.Q[0] - model.Q[1]).max() > 1e-3


def test_nash_q_learning_of_a_dominant_equilibrium_converges():
    """One state, both defect whatever the other does: Q of that joint action tends to -3/(1 - γ)."""
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    models = [dm.start(dm.NashQLearning(P, i)) for i in P.I]
    learnt, _ = dm.learn(P, models, lambda m, s, rng: rng.integers(2, size=2), 250, rng=0)
    for x in learnt:
        np.testing.assert_allclose(x.Q[0, :, 1, 1], -6, atol=0.05)
        assert x.policy.tolist() == [[0, 1]]


def test_agents_that_saw_the_same_agree_on_the_equilibrium():
    P = random_game(13, (2, 3), 2)
    learnt, _ = dm.learn(P, [dm.start(dm.NashQLearning(P, i)) for i in P.I], None, 30, rng=0)
    np.testing.assert_array_equal(learnt[0].Q, learnt[1].Q)
    np.testing.assert_array_equal(learnt[0].U, learnt[1].U)
    for s in range(2):
        G = dm.SimpleGame(P.γ, P.I, P.A, learnt[0].Q[s])
        assert dm.gap(G, [x.policy[s] for x in learnt]).max() < 1e-9 * G.span


def test_nash_q_learning_finds_the_values_of_a_zero_sum_game():
    learnt, _ = dm.learn(
        ANCHOR,
        [dm.start(dm.NashQLearning(ANCHOR, i)) for i in ANCHOR.I],
        lambda m, s, rng: rng.integers(2, size=2),
        800,
        rng=0,
    )
    np.testing.assert_allclose(learnt[0].U[:, 0], [85 / 28, 95 / 28], atol=0.5)
    assert dm.gap(ANCHOR, learnt).max() < 0.8


def test_fictitious_players_of_a_zero_sum_game_come_near_its_equilibrium():
    learnt, _ = dm.learn(ANCHOR, [dm.start(dm.MGFictitiousPlay(ANCHOR, i), 5) for i in ANCHOR.I], None, 1500, rng=0)
    frequencies = [learnt[0].frequencies()[j] for j in range(2)]
    before = dm.gap(ANCHOR, [np.full(2, 0.5)] * 2).max()
    after = dm.gap(ANCHOR, frequencies).max(axis=(1, 2))
    assert (after < before / 3).all()


def test_fictitious_play_of_one_agent_evaluates_its_own_frequencies():
    """25.7 counts its own actions too: with one agent U is the worth of the mixture of what it did, not of the best."""
    P = random_game(14, (2,), 2, 0.5)
    model = dm.start(dm.MGFictitiousPlay(P, 0, prior=1e9))  # which stays uniform
    for s, a, s_next in steps(P, 400, 15):
        dm.update(model, s, a, None, s_next)
    np.testing.assert_allclose(model.U, dm.utility(P, [[0.5, 0.5]], 0), atol=1e-6)


def test_few_actions_of_two_agents_are_looked_at_all_and_others_by_what_fits():
    for sizes, method in (((2, 3), "supports"), ((7, 7), "auto"), ((2, 2, 2), "auto")):
        P = dm.MG.from_arrays(np.ones((1, *sizes, 1)), np.zeros((len(sizes), 1, *sizes)), 0.9)
        assert dm.NashQLearning(P, 0).method.method == method
    asked = dm.NashEquilibrium("lemke_howson")
    assert dm.NashQLearning(P, 0, M=asked).method is asked


@pytest.mark.parametrize("kind", SETTINGS)
def test_replications_that_would_not_fit_are_refused_with_their_number(kind):
    """Six joint actions in three states, for Nash Q-learning of both agents, 100 million times."""
    P = random_game(0)
    with pytest.raises(dm.TooLargeError, match="3,600,000,000" if kind is dm.NashQLearning else "1,800,000,000"):
        dm.start(kind(P, 0), 10**8)


def test_nash_q_learners_explore_less_the_more_they_saw_in_a_state():
    """The share 1/ΣN(s, ·) is uniform: N begins at 1 for each of 4 joint actions, so a quarter at first."""
    P = dm.MG.repeated(PrisonersDilemma(), 0.5)
    model = dm.start(dm.NashQLearning(P, 0))
    model.π[...] = [0.0, 1.0]
    np.testing.assert_allclose(model.behavior(np.array(0)), [1 / 8, 7 / 8])
    model.N[...] = 5
    np.testing.assert_allclose(model.behavior(np.array(0)), [1 / 40, 39 / 40])
