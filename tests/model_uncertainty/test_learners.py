"""The ground of learners: learn, replay, update, values, and what a model refuses."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse import csr_array

import decision_making as dm
from decision_making.model_uncertainty.learners import copied
from decision_making.problems import GymnasiumProblem, HexWorld, MountainCar, SimpleRegulator

P = HexWorld()
explore = dm.EpsilonGreedyExploration(0.3)
R = P.R.array
EXITS = dm.MDP.from_arrays(
    [[[0.0, 0.5, 0.5]] * 2, [[0.5, 0.0, 0.5]] * 2, [[0.0, 0.0, 1.0]] * 2],
    [[1.0, 2.0], [0.5, -1.0], [0.0, 0.0]],
    0.9,
    terminal=lambda s: s == 2,
)
SETTINGS = {
    "Q-learning": dm.QLearning(25, 6, 0.9, 0.1),
    "Sarsa": dm.Sarsa(25, 6, 0.9, 0.1),
    "Sarsa, kept": dm.Sarsa(25, 6, 0.9, 0.1, at_end="keep"),
    "Sarsa(λ)": dm.SarsaLambda(25, 6, 0.9, 0.1, 0.9),
    "full": dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.FullUpdate(every=3)),
    "randomised": dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.RandomizedUpdate(3)),
    "prioritised": dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.PrioritizedUpdate(3)),
    "R-MAX": dm.RmaxMDP(25, 6, 0.9, dm.PrioritizedUpdate(3), 2, 10.0),
    "Bayes": dm.BayesianMDP(25, 6, 1.0, R, 0.9, dm.PrioritizedUpdate(2)),
    "posterior sampling": dm.BayesianMDP(25, 6, 1.0, R, 0.9, dm.PosteriorSamplingUpdate(per_episode=True)),
}
every = pytest.mark.parametrize("name", SETTINGS)


def bits(a, b):
    """Whether two models have the same arrays, bit for bit."""
    x, y = a.arrays(), b.arrays()
    return x.keys() == y.keys() and all(np.array_equal(x[name], y[name]) for name in x)


@every
@pytest.mark.parametrize("batch", [(), 3, (2, 2)])
def test_learn_then_replay_gives_the_same_bits_and_leaves_its_argument_alone(name, batch):
    model = dm.start(SETTINGS[name], batch)
    before = copied(model)
    found, τs = dm.learn(P, model, explore, 23, rng=7, episode=5)
    assert bits(model, before)
    assert (found.k == 23).all()
    assert not bits(found, before)
    assert bits(dm.replay(model, τs, rng=7), found)
    assert bits(model, before)
    again, _ = dm.learn(P, model, explore, 23, rng=7, episode=5)
    assert bits(again, found)


BEGINNINGS = {
    "Q-learning": {"Q": np.arange(150.0).reshape(25, 6)},
    "Sarsa(λ)": {"Q": np.arange(150.0).reshape(25, 6)},
    "prioritised": {"U": np.arange(25.0), "N": np.ones((25, 6, 25)), "ρ": np.arange(150.0).reshape(25, 6)},
    "R-MAX": {"U": np.arange(25.0), "N": np.ones((25, 6, 25)), "ρ": np.arange(150.0).reshape(25, 6)},
    "Bayes": {"U": np.arange(25.0)},
}


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("batch", [3, (2, 2)])
def test_what_all_replications_begin_with_is_changed_by_update(name, batch):
    """One array for all replications becomes one for each, which `update` writes to; NumPy may lay it out otherwise."""
    model, one = dm.start(SETTINGS[name], batch, **BEGINNINGS[name]), dm.start(SETTINGS[name], **BEGINNINGS[name])
    full = np.full(model.batch, 1)
    for s, a, r, s_next in ((3, 2, 4.0, 5), (5, 1, -1.0, 3), (3, 2, 2.0, 5)):
        dm.update(model, full * s, full * a, full * r, full * s_next)
        dm.update(one, s, a, r, s_next)
    for found, x in zip(model.arrays().values(), one.arrays().values(), strict=True):
        np.testing.assert_allclose(found, np.broadcast_to(x, found.shape), rtol=1e-12, atol=1e-12)


@every
def test_arrays_laid_out_otherwise_are_written_to(name):
    """Such as a file may hold: columns first."""
    model, _ = dm.learn(P, dm.start(SETTINGS[name], (2, 3)), explore, 10, rng=0)
    other = attrs.evolve(model, **{key: np.asfortranarray(x) for key, x in model.arrays().items()})
    s, a, r = np.full((2, 3), 4), np.full((2, 3), 1), np.full((2, 3), 2.5)
    for x in (model, other):
        dm.update(x, s, a, r, s + 1, rng=3)
        dm.update(x, s + 1, a, r, s, rng=4)
    assert bits(model, other)


@every
def test_learning_goes_on_from_where_it_was(name):
    """Recorded steps fed in two parts are the same as fed at once."""
    model = dm.start(SETTINGS[name], 2)
    _, τs = dm.learn(P, model, explore, 20, rng=1)
    first, second = (
        dm.Experience(τs.s[:, i], τs.a[:, i], τs.r[:, i], s_next=τs.s_next[:, i]) for i in (slice(0, 8), slice(8, 20))
    )
    if name not in ("randomised", "posterior sampling"):
        assert bits(dm.replay(dm.replay(model, first), second), dm.replay(model, τs))


@every
def test_replications_share_nothing(name):
    """Each row of a batch is what a model of its own learns from the same steps."""
    if name in ("randomised", "posterior sampling"):
        return  # which draw for all replications at once
    model = dm.start(SETTINGS[name], 3)
    found, τs = dm.learn(P, model, explore, 30, rng=2, episode=6)
    for i in range(3):
        one = dm.replay(dm.start(SETTINGS[name]), τs[i : i + 1])
        for x, y in zip(one.arrays().values(), found.arrays().values(), strict=True):
            np.testing.assert_allclose(x, y[i], rtol=1e-12, atol=1e-12)


def test_settings_may_differ_between_replications():
    α, γ = np.array([0.1, 0.5]), np.array([0.9, 0.3])
    both = dm.start(dm.QLearning(25, 6, γ, α), 2)
    _, τs = dm.learn(P, both, explore, 50, rng=0, episode=10)
    found = dm.replay(both, τs)
    for i in range(2):
        one = dm.replay(dm.start(dm.QLearning(25, 6, float(γ[i]), float(α[i]))), τs[i : i + 1])
        np.testing.assert_array_equal(found.Q[i], one.Q)
    part = dm.part(found, slice(1, 2))
    assert part.M.α.tolist() == [0.5]
    np.testing.assert_array_equal(part.Q, found.Q[1:])


def test_episodes_begin_where_the_first_did_and_end_in_terminal_states():
    model = dm.start(dm.QLearning(3, 2, 0.9, 0.5), 200)
    found, τs = dm.learn(EXITS, model, explore, 40, np.zeros(200, int), rng=0)
    assert (τs.s[:, 0] == 0).all()
    assert (τs.s != 2).all()  # nothing is done in the terminal state
    np.testing.assert_array_equal(τs.ended, τs.s_next == 2)
    np.testing.assert_array_equal(τs.over, τs.ended)
    after = τs.s[:, 1:][τs.over[:, :-1]]
    assert len(after) > 1000
    assert (after == 0).all()
    assert (τs.s[:, 1:] == τs.s_next[:, :-1])[~τs.over[:, :-1]].all()
    assert (found.Q[:, 2] == 0).all()
    episodes = τs.episodes()
    assert episodes.lengths.sum() == 200 * 40
    np.testing.assert_allclose(episodes.r.sum(), τs.r.sum())
    assert (episodes.s_end[episodes.terminated] == 2).all()
    assert (episodes.s_end[~episodes.terminated] != 2).all()
    _, τs = dm.learn(EXITS, model, explore, 40, rng=0, b=[0.5, 0.5, 0.0], episode=2)
    assert τs.episodes().lengths.max() == 2
    assert abs((τs.s[:, 0] == 1).mean() - 0.5) < 5 * 0.5 / np.sqrt(200)


def test_episodes_of_equal_length_replay_as_plain_trajectories():
    model = dm.start(dm.Sarsa(25, 6, 0.9, 0.1), 4)
    found, τs = dm.learn(P, model, explore, 60, rng=3, episode=10)
    episodes = τs.episodes()
    assert len(episodes) == 24
    assert bits(dm.replay(model, episodes), found)


def test_rows_of_different_lengths_replay_to_one_model():
    model = dm.start(dm.QLearning(3, 2, 0.9, 0.5))
    found, τs = dm.learn(EXITS, model, explore, 25, np.array(0), rng=3)
    episodes = τs.episodes()
    assert len(set(episodes.lengths.tolist())) > 1
    assert bits(dm.replay(model, episodes), found)
    with pytest.raises(ValueError, match="for each of the 2 replications"):
        dm.replay(dm.start(model.M, 2), episodes[: len(episodes) // 2 * 2 - 1])
    with pytest.raises(ValueError, match="s_end"):
        dm.replay(model, dm.Trajectories.from_lists([[(0, 0, 1.0)]]))


@given(seed=st.integers(0, 50), γ=st.sampled_from([0.0, 0.5, 0.9]))
@settings(max_examples=15)
def test_value_is_that_of_the_greedy_policy(seed, γ):
    rng = np.random.default_rng(seed)
    T, R = rng.dirichlet(np.ones(4), (4, 3)), rng.normal(size=(4, 3))
    P, b = dm.MDP.from_arrays(T, R, γ), rng.dirichlet(np.ones(4))
    model = dm.start(dm.QLearning(4, 3, γ, 0.1), (2, 3), Q=rng.normal(size=(2, 3, 4, 3)))
    found = dm.value(model, P, b)
    assert found.shape == (2, 3)
    for i in np.ndindex(2, 3):
        assert found[i] == pytest.approx(b @ dm.policy_evaluation(P, model.Q[i].argmax(axis=1)), rel=1e-10)
    from scipy.sparse import csr_array

    sparse = dm.MDP.from_arrays(csr_array(T.reshape(12, 4)), R, γ)
    np.testing.assert_allclose(dm.value(model, sparse, b), found, rtol=1e-9)
    with pytest.raises(ValueError, match="b = None"):
        dm.value(model, P)
    with pytest.raises(ValueError, match="below 1"):
        dm.value(model, dm.MDP.from_arrays(T, R, 1.0), b)
    with pytest.raises(ValueError, match="of 4 states: P has 25"):
        dm.value(model, HexWorld())


def test_lookahead_greedy_and_backup_of_a_model():
    Q = np.arange(24.0).reshape(2, 4, 3) % 7
    model = dm.start(dm.QLearning(4, 3, 0.9, 0.1), 2, Q=Q)
    s = np.array([1, 3])
    rows = Q[[0, 1], s]
    np.testing.assert_array_equal(dm.action_values(model, s), rows)
    np.testing.assert_array_equal(dm.lookahead(model, s, np.array([2, 0])), rows[[0, 1], [2, 0]])
    np.testing.assert_array_equal(dm.lookahead(model, s, np.tile([0, 1, 2], (2, 1))), rows)
    a, u = dm.greedy(model, s)
    np.testing.assert_array_equal(a, rows.argmax(axis=1))
    np.testing.assert_array_equal(u, rows.max(axis=1))
    np.testing.assert_array_equal(dm.backup(model, s), rows.max(axis=1))
    many = np.array([[0, 1, 2], [3, 3, 0]])
    np.testing.assert_array_equal(dm.action_values(model, many)[1, 2], Q[1, 0])


BAD = {
    "unknown state": ((np.array([0, 25]), [0, 0], 0.0, [0, 0]), "s runs from 0 to 25"),
    "unknown next state": (([0, 0], [0, 0], 0.0, [0, -1]), "s_next runs from -1"),
    "unknown action": (([0, 0], [0, 6], 0.0, [0, 0]), "a runs from 0 to 6"),
    "state of the wrong shape": ((0, [0, 0], 0.0, [0, 0]), r"s has shape \(\)"),
    "action of the wrong shape": (([0, 0], [0], 0.0, [0, 0]), r"a has shape \(1,\)"),
    "reward NaN": (([0, 0], [0, 0], [0.0, np.nan], [0, 0]), "r = nan of replication 1"),
    "reward of the wrong shape": (([0, 0], [0, 0], [0.0, 1.0, 2.0], [0, 0]), r"r has shape \(3,\)"),
}


@pytest.mark.parametrize("bad", BAD)
@every
def test_a_bad_step_is_named_and_changes_nothing(name, bad):
    model, (step, said) = dm.start(SETTINGS[name], 2), BAD[bad]
    before = copied(model)
    with pytest.raises(ValueError, match=said):
        dm.update(model, *step)
    assert bits(model, before)


def test_bad_calls_of_learn_are_named():
    model = dm.start(dm.QLearning(3, 2, 0.9, 0.5))
    for call, error, said in [
        (lambda: dm.learn(EXITS, 3, explore, 3, 0), TypeError, "model = 3"),
        (lambda: dm.learn(EXITS, model, 3, 3, 0), TypeError, "π = 3"),
        (lambda: dm.learn(EXITS, model, explore, 0, 0), ValueError, "h = 0"),
        (lambda: dm.learn(EXITS, model, explore, 3, 0, episode=0), ValueError, "episode = 0"),
        (lambda: dm.learn(EXITS, model, explore, 3), ValueError, "s = None and b = None"),
        (lambda: dm.learn(object(), model, explore, 3, 0), TypeError, "sampler TR"),
        (lambda: dm.learn(EXITS, model, lambda m, s, rng: 2, 3, 0), ValueError, "a runs from 2"),
        (lambda: dm.replay(3, None), TypeError, "model = 3"),
        (lambda: dm.replay(model, [(0, 0, 1.0)]), TypeError, "τs = 'list'"),
        (lambda: dm.start(dm.QLearning(3, 2, 0.9, 0.5), 0), ValueError, "batch = 0"),
        (lambda: dm.start(dm.QLearning(3, 2, 0.9, 0.5), Q=np.zeros(5)), ValueError, "Q has shape"),
        (lambda: dm.start(dm.QLearning(3, 2, 0.9, 0.5), Q=np.nan), ValueError, "Q = nan"),
        (lambda: dm.QLearning(3, 2, 0.9, [0.5, 1.5]), ValueError, "α = 1.5"),
        (lambda: dm.start(3), TypeError, "start knows .*QLearning"),
        (lambda: dm.end(3), TypeError, "end knows"),
        (lambda: dm.learn(None, 1, 2, 3), TypeError, "P = None"),
        (lambda: dm.action_values(3), TypeError, "action_values knows"),
    ]:
        with pytest.raises(error, match=said):
            call()


def test_lists_of_states_and_actions_stand_for_their_number():
    assert dm.QLearning(P.S, P.A, 0.9, 0.1).S == 25
    assert dm.QLearning(list(range(4)), (0, 1), gamma=0.9, alpha=0.1).A == 2
    with pytest.raises(ValueError, match="S = "):
        dm.QLearning([1, 2, 3], 2, 0.9, 0.1)


def test_start_copies_what_it_is_given():
    Q = np.zeros((3, 2))
    model = dm.start(dm.QLearning(3, 2, 0.9, 0.5), Q=Q)
    dm.update(model, 0, 0, 1.0, 1)
    assert Q[0, 0] == 0
    assert model.Q[0, 0] == 0.5
    assert repr(model) == "QTable(1 updates, Q (3, 2))"


def test_states_that_are_numbers_and_vectors():
    M = dm.GradientQLearning(3, 0.99, dm.LinearQ(lambda s: s, 3), None, np.zeros(6), 0.1)
    car, model = MountainCar(0.99), dm.start(M, 5)
    found, τs = dm.learn(car, model, explore, 30, rng=0, episode=10)
    assert τs.s.shape == (5, 30, 2)
    assert bits(dm.replay(model, τs), found)
    assert dm.greedy_policy(found)(τs.s[:, 0]).shape == (5,)
    number = dm.GradientQLearning([-1, 0, 1], 0.9, lambda θ, s, a: θ[0] * s * a, None, [0.1], 0.1)
    one, τs = dm.learn(SimpleRegulator(0.9), dm.start(number), explore, 10, 0.5, rng=0)
    assert τs.s[0, 0] == 0.5
    assert set(np.unique(τs.a)) <= {-1, 0, 1}
    assert bits(dm.replay(dm.start(number), τs), one)
    with pytest.raises(ValueError, match="s = None"):
        dm.action_values(one)
    with pytest.raises(ValueError, match="among the actions"):
        dm.update(one, 0.5, 0.5, 0.0, 0.5)
    with pytest.raises(ValueError, match="s_next = nan"):
        dm.update(one, 0.5, 1.0, 0.0, np.nan)


@pytest.mark.parametrize("env", ["FrozenLake-v1", "Taxi-v4"])
def test_learning_from_whole_observations_of_gymnasium(env):
    S, A = {"FrozenLake-v1": (16, 4), "Taxi-v4": (500, 6)}[env]
    model = dm.start(dm.QLearning(S, A, 0.9, 0.5), 3)
    with GymnasiumProblem(env, 0.9, n_envs=3) as live:
        found, τs = dm.learn(live, model, explore, 250, rng=0)
        again, _ = dm.learn(live, model, explore, 250, rng=0)
        assert live.steps >= 1500
    assert bits(found, again)
    assert bits(dm.replay(model, τs), found)
    assert (τs.s_next[:, :-1] == τs.s[:, 1:])[~τs.over[:, :-1]].all()
    assert (found.k == 250).all()
    if env == "Taxi-v4":  # a time limit cuts an episode, which is no end: its last state counts
        cut = τs.over & ~τs.ended
        assert cut.any()
        lengths = τs.episodes().lengths
        assert lengths.max() == 200


def test_steps_that_only_reset_an_environment_are_not_learnt_from():
    M = dm.GradientQLearning(2, 0.9, dm.LinearQ(lambda s: s, 2), None, np.zeros(8), 0.1)
    model = dm.start(M, 3)
    with GymnasiumProblem("CartPole-v1", 0.9, n_envs=3) as live:
        found, τs = dm.learn(live, model, dm.EpsilonGreedyExploration(1.0), 120, rng=0)
    assert (found.k == 120).all()
    assert (τs.r == 1).all()  # a step that only resets pays 0
    assert (abs(τs.s[:, 1:][τs.over[:, :-1]]) <= 0.05).all()
    assert bits(dm.replay(model, τs), found)
    for i in range(3):
        one = dm.replay(dm.start(M), τs[i : i + 1])
        np.testing.assert_allclose(one.θ, found.θ[i], rtol=1e-12)


def test_what_environments_cannot_do_is_named():
    model = dm.start(dm.QLearning(16, 4, 0.9, 0.5), 2)
    with GymnasiumProblem("FrozenLake-v1", 0.9, n_envs=2) as live:
        for options, said in [
            ({"s": np.zeros(2, int)}, "s = "),
            ({"b": [1.0]}, "b = "),
            ({"episode": 3}, "episode = 3"),
        ]:
            with pytest.raises(ValueError, match=said):
                dm.learn(live, model, explore, 5, **options)
        with pytest.raises(ValueError, match="n_envs = 2"):
            dm.learn(live, dm.start(model.M, 3), explore, 5)
        with pytest.raises(ValueError, match=r"whole numbers 0\.\.16"):
            dm.learn(live, dm.start(dm.QLearning(17, 4, 0.9, 0.5), 2), explore, 5)
    with (
        GymnasiumProblem("CartPole-v1", 0.9, n_envs=2) as live,
        pytest.raises(ValueError, match=r"whole numbers 0\.\.3"),
    ):
        dm.learn(live, dm.start(dm.QLearning(4, 2, 0.9, 0.5), 2), explore, 5)
    with (
        GymnasiumProblem("CartPole-v1", 0.9, n_envs=2, scale_rewards=True) as live,
        pytest.raises(ValueError, match="scale_rewards"),
    ):
        dm.learn(live, dm.start(dm.QLearning(4, 2, 0.9, 0.5), 2), explore, 5)


def test_experience_is_indexed_like_trajectories():
    model = dm.start(dm.QLearning(25, 6, 0.9, 0.1), 4)
    _, τs = dm.learn(P, model, explore, 6, rng=0, episode=3)
    assert len(τs[0]) == 6
    some = τs[[2, 0]]
    assert isinstance(some, dm.Experience)
    np.testing.assert_array_equal(some.s_next, τs.s_next[[2, 0]])
    whole = attrs.evolve(τs, over=None, ended=None)
    assert len(whole.episodes()) == 4
    assert dm.standard_error(lambda x: x.r.mean(), τs, groups=4) >= 0


def test_a_time_limit_of_gymnasium_ends_the_episode_of_sarsa():
    model = dm.start(dm.Sarsa(500, 6, 0.9, 0.5), 2)
    with GymnasiumProblem("Taxi-v4", 0.9, n_envs=2) as live:
        found, τs = dm.learn(live, model, explore, 200, rng=0)
    assert τs.over[:, -1].all()
    assert not τs.ended[:, -1].any()
    assert not found.has_last.any()  # dropped: the next episode has nothing to do with it


class Drifting:
    """A problem of real states, from whole numbers."""

    γ = 0.9

    def TR(self, s, a, rng):
        return s + 0.25, np.ones(len(s))


@pytest.mark.parametrize("episode", [None, 3])
def test_states_that_begin_as_whole_numbers_are_recorded_with_their_fractions(episode):
    M = dm.GradientQLearning(2, 0.9, dm.LinearQ(lambda s: np.stack([s, s * s], axis=-1), 2), None, np.zeros(4), 0.5)
    model, τs = dm.learn(Drifting(), dm.start(M), dm.EpsilonGreedyExploration(0.5), 5, s=0, rng=0, episode=episode)
    assert τs.s[0].tolist() == [0.0, 0.25, 0.5] + ([0.75, 1.0] if episode is None else [0.0, 0.25])
    assert np.array_equal(dm.replay(dm.start(M), τs).θ, model.θ)


def test_no_episode_begins_in_a_terminal_state():
    P = dm.MDP.from_arrays(np.full((3, 2, 3), 1 / 3), np.ones((3, 2)), 0.9, terminal=lambda s: s == 2)
    model, π = dm.start(dm.QLearning(3, 2, 0.9, 0.5), 20), dm.EpsilonGreedyExploration(0.5)
    learnt, τs = dm.learn(P, model, π, 30, b=[0.3, 0.1, 0.6], rng=0)
    assert set(τs.s.ravel().tolist()) == {0, 1}
    assert not learnt.Q[:, 2].any()
    with pytest.raises(ValueError, match="s = 2: must not be terminal"):
        dm.learn(P, model, π, 30, s=2)
    with pytest.raises(ValueError, match="terminal start states in a row"):
        dm.learn(P, model, π, 30, b=[0.0, 0.0, 1.0])


@pytest.mark.parametrize("sparse", [False, True])
def test_the_value_of_a_policy_that_takes_what_is_not_available_is_refused(sparse):
    P = unavailable(sparse)
    model = dm.start(dm.QLearning(2, 2, 0.9, 0.5), 2, Q=[[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])
    with pytest.raises(ValueError, match="π takes action 1 in state 0, where it is not available"):
        dm.value(model, P, b=[1.0, 0.0])
    assert np.isfinite(dm.value(dm.part(model, 0), P, b=[1.0, 0.0]))


def unavailable(sparse):
    T = np.array([[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    return dm.MDP.from_arrays(csr_array(T.reshape(4, 2)) if sparse else T, [[1.0, -np.inf], [0.0, 1.0]], 0.9)


def test_learning_says_what_a_reward_of_minus_infinity_stands_for():
    π = dm.ExploreThenCommitExploration(50)
    with pytest.raises(ValueError, match=r"r = -inf .*not available, and learners know of none"):
        dm.learn(unavailable(False), dm.start(dm.QLearning(2, 2, 0.9, 0.5)), π, 50, s=0, rng=0)


def test_a_rate_may_be_an_array_without_axes():
    M = dm.QLearning(2, 2, np.array(0.9), np.array(0.5))
    assert isinstance(M.γ, float)
    assert dm.start(M, 3).Q.shape == (3, 2, 2)
    assert dm.EpsilonGreedyExploration(np.array(0.0))(dm.start(M, 3), [0, 1, 1], 0).tolist() == [0, 0, 0]
