"""Models from dictionaries and from gymnasium's tables."""

import pickle

import gymnasium
import numpy as np
import pytest

from decision_making import MDP, ValueIteration, rollouts, simulate, solve


@pytest.mark.parametrize(
    ("name", "states", "values"),
    [
        ("FrozenLake-v1", 16, (0.068891, 0.542026, 0.823529)),
        ("FrozenLake8x8-v1", 64, (0.006411, 0.414640, 1.0)),
        ("Taxi-v4", 500, (-1.263323, 6.327464, 7.93)),
        ("CliffWalking-v1", 48, (-7.458134, -12.247898, -13)),
    ],
)
def test_optimal_values_of_the_toy_text_environments(name, states, values):
    """From the tables by another program, for γ = 0.9, 0.99 and 1."""
    for γ, value in zip((0.9, 0.99, 1.0), values, strict=True):
        P = MDP.from_gymnasium(name, γ)
        assert len(P.S) == states + 1
        assert P.b @ solve(ValueIteration(100_000, δ=1e-11), P).U == pytest.approx(value, abs=1e-6)


def test_episodes_of_the_model_are_those_of_the_environment():
    """Same distribution of return and length under the uniform policy, within five standard errors."""
    P, rng = MDP.from_gymnasium("FrozenLake-v1", 1.0), np.random.default_rng(0)
    m = 3000
    τs = simulate(P, np.zeros(m, int), lambda s: rng.integers(4, size=len(s)), 100, 1)
    ours = np.stack([τs.r.sum(axis=1), τs.lengths])
    theirs = np.zeros((2, 600))
    with gymnasium.make("FrozenLake-v1") as env:
        env.reset(seed=0)
        for i in range(600):
            env.reset()
            done = False
            while not done:
                _, r, over, cut, _ = env.step(rng.integers(4))
                theirs[:, i] += r, 1
                done = over or cut
    for x, y in zip(ours, theirs, strict=True):
        assert abs(x.mean() - y.mean()) <= 5 * np.sqrt(x.var() / m + y.var() / 600)
    assert τs.terminated.all()
    assert set(np.unique(τs.r)) == {0.0, 1.0}  # paid on arrival, not in expectation


def test_an_environment_may_be_given_with_its_options():
    sure = MDP.from_gymnasium("FrozenLake-v1", 0.9, is_slippery=False)
    assert (sure.T.matrix.data == 1).all()
    with gymnasium.make("FrozenLake-v1", is_slippery=False) as env:
        np.testing.assert_array_equal(MDP.from_gymnasium(env, 0.9).T.matrix.toarray(), sure.T.matrix.toarray())


@pytest.mark.filterwarnings("ignore:.*out of date")
def test_environments_without_a_table_and_unknown_ones_are_errors_that_say_so():
    with pytest.raises(ValueError, match="Taxi-v4"):
        MDP.from_gymnasium("Taxi-v3", 0.9)
    with pytest.raises(ValueError, match="Nope-v0"):
        MDP.from_gymnasium("Nope-v0", 0.9)
    for env in ("CartPole-v1", 3):
        with pytest.raises(TypeError, match="GymnasiumProblem"):
            MDP.from_gymnasium(env, 0.9)


def test_termination_is_of_the_transition_and_not_of_the_state():
    """As a taxi's drop-off, which leads to a state that is ordinary otherwise."""
    P = MDP.from_dict({0: {0: [(0.5, 1, 4.0, True), (0.5, 1, 2.0, False)]}, 1: {0: [(1.0, 0, 1.0)]}}, 0.5)
    np.testing.assert_array_equal(P.T.matrix.toarray(), [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(P.R.array, [[3], [1], [0]])
    assert P.terminal([0, 1, 2]).tolist() == [False, False, True]
    U = solve(ValueIteration(100), P).U
    np.testing.assert_allclose(U, np.linalg.solve(np.eye(3) - 0.5 * P.T.matrix.toarray(), [3, 1, 0]))


def test_the_sampler_pays_the_reward_of_the_transition_drawn():
    table = {0: {0: [(0.2, 0, 1.0), (0.3, 0, 6.0), (0.5, 1, -2.0)]}, 1: {0: [(1.0, 1, 0.0)]}}
    P = MDP.from_dict(table, 0.9)
    s, r = P.TR(np.zeros(2000, int), np.zeros(2000, int), np.random.default_rng(0))
    np.testing.assert_allclose(r[s == 0], 4)  # the mean of 1 and 6 given that the next state is 0
    assert set(r[s == 1]) == {-2.0}
    assert abs((s == 0).mean() - 0.5) < 5 * np.sqrt(0.25 / 2000)
    assert P.R(0, 0) == pytest.approx(1.0)
    assert P.terminal is None


@pytest.mark.parametrize("without", [("s", "a"), ("t", "a"), ("t", "b"), ("u", "b")])
def test_an_action_that_a_state_does_not_have_changes_no_reward_of_the_others(without):
    """Its row of T has an entry too, and the rewards of all rows after it would be those of others."""
    table = {
        "s": {"a": [(1.0, "s", 1.0)], "b": [(0.5, "t", 2.0), (0.5, "s", 4.0)]},
        "t": {"a": [(0.25, "s", 5.0), (0.75, "u", 6.0)], "b": [(1.0, "s", 7.0)]},
        "u": {"a": [(1.0, "u", 8.0)], "b": [(1.0, "s", 9.0)]},
    }
    del table[without[0]][without[1]]
    P, actions = MDP.from_dict(table, γ=0.9), [*dict.fromkeys(a for s in table for a in table[s])]
    for i, s in enumerate("stu"):
        for j, a in enumerate(actions):
            s_next, r = P.TR(np.full(50, i), np.full(50, j), np.random.default_rng(0))
            if (s, a) == without:
                assert np.isneginf(P.R(i, j))
                assert np.isneginf(r).all()
            else:
                assert {("stu"[k], x) for k, x in zip(s_next, r, strict=True)} == {(t, x) for _, t, x in table[s][a]}
                assert P.R(i, j) == sum(p * x for p, _, x in table[s][a])
    always = np.full(50, actions.index(without[1]))
    with pytest.raises(ValueError, match=r"-inf"):
        simulate(P, np.full(50, "stu".index(without[0])), lambda s: always, 1, rng=0)


def test_names_are_numbered_in_their_order_and_numbers_keep_theirs():
    table = {"b": {"x": [(1, "a", 1)]}, "a": {"y": [(1, "b", 2)], "x": [(1, "a", 3)]}}
    P = MDP.from_dict(table, 0.9)
    np.testing.assert_array_equal(P.R.array, [[1, -np.inf], [3, 2]])
    np.testing.assert_array_equal(P.T.matrix.toarray(), [[0, 1], [1, 0], [0, 1], [1, 0]])
    swapped = MDP.from_dict({1: {0: [(1, 0, 5)]}, 0: {0: [(1, 1, 7)]}}, 0.9)
    np.testing.assert_array_equal(swapped.R.array, [[7], [5]])
    named = MDP.from_dict({5: {0: [(1, 9, 5)]}, 9: {0: [(1, 5, 7)]}}, 0.9)
    np.testing.assert_array_equal(named.R.array, [[5], [7]])


def test_a_state_without_actions_is_where_an_episode_ends():
    P = MDP.from_dict({"go": {"on": [(1.0, "home", 3.0)]}, "home": {}}, 0.5)
    np.testing.assert_array_equal(solve(ValueIteration(10), P).U, [3, 0, 0])
    assert P.R.array.tolist() == [[3], [0], [0]]


def test_the_start_distribution_comes_with_the_model():
    P = MDP.from_gymnasium("Taxi-v4", 0.9)
    assert P.b.shape == (501,)
    assert np.count_nonzero(P.b) == 300
    assert P.b.sum() == pytest.approx(1)
    assert MDP.from_dict({0: {0: [(1, 0, 0)]}}, 0.9).b is None
    assert MDP.from_dict({0: {0: [(1, 0, 0, True)]}}, 0.9, b=[1.0]).b.tolist() == [1, 0]
    with pytest.raises(ValueError, match="b has shape"):
        MDP.from_dict({0: {0: [(1, 0, 0)]}}, 0.9, b=[0.5, 0.5])


def test_models_are_pickled():
    P = pickle.loads(pickle.dumps(MDP.from_gymnasium("FrozenLake-v1", 0.9)))
    assert P.terminal(np.array([16, 0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        (3, TypeError, "table ="),
        ({}, TypeError, "table ="),
        ({0: [1]}, TypeError, "table ="),
        ({0: {0: [(1.0, 0)]}}, TypeError, r"table\[0\]\[0\] has \(1.0, 0\)"),
        ({0: {0: [3]}}, TypeError, "must be"),
        ({0: {0: [(-0.5, 0, 0), (1.5, 0, 0)]}}, ValueError, "p = -0.5"),
        ({0: {0: [(0.5, 0, 0)]}}, ValueError, "sum to 0.5"),
        ({0: {0: [(1.0, 0, np.nan)]}}, ValueError, "r = nan"),
        ({0: {0: [(1.0, 4, 0.0)]}}, ValueError, "leads to 4"),
        ({0: {0: []}}, ValueError, "no outcome"),
    ],
)
def test_a_table_of_another_form_is_an_error_that_says_where(table, error, said):
    with pytest.raises(error, match=said):
        MDP.from_dict(table, 0.9)


def test_rollouts_of_a_gymnasium_model_start_where_the_environment_does():
    from decision_making import SoftmaxPolicy

    P = MDP.from_gymnasium("CliffWalking-v1", 0.9)
    τs = rollouts(P, P.b, SoftmaxPolicy(49, 4), np.zeros(49 * 4), 5, 7, 0)
    assert (τs.s[:, 0] == 36).all()
