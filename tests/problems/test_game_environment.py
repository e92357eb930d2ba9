"""Games as PettingZoo parallel environments: what is seen, what is paid, when it ends."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making import problems
from decision_making.problems import GameEnvironment

GAMES = [
    "PrisonersDilemma",
    "RockPaperScissors",
    "TravelersDilemma",
    "PredatorPreyHexWorld",
    "MultiCaregiverCryingBaby",
    "DecTiger",
    "MeetingOnAGrid",
    "RecyclingRobots",
    "BroadcastChannel",
    "TwoGenerals",
]


def random_actions(env, rng):
    return {i: int(rng.integers(env.action_space(i).n)) for i in env.agents}


def played(env, steps, seed=0):
    """Observations, joint actions, rewards and states of so many steps of random play."""
    rng = np.random.default_rng(seed)
    seen, _ = env.reset(seed=seed)
    found = [(seen, None, None, env.state())]
    for _ in range(steps):
        a = random_actions(env, rng)
        seen, r, *_ = env.step(a)
        found.append((seen, list(a.values()), r, env.state()))
        if not env.agents:
            break
    return found


@pytest.mark.parametrize("name", GAMES)
def test_all_agents_live_to_the_common_end(name):
    env = GameEnvironment(getattr(problems, name)(), max_steps=3)
    rng, agents = np.random.default_rng(0), list(env.possible_agents)
    for _ in range(2):
        seen, infos = env.reset(seed=1)
        assert env.agents == agents == list(seen) == list(infos)
        for k in range(3):
            assert env.agents == agents
            found = env.step(random_actions(env, rng))
            assert all(list(x) == agents for x in found)
            assert all(env.observation_space(i).contains(found[0][i]) for i in agents)
            assert all(isinstance(r, float) for r in found[1].values())
            assert found[2] == dict.fromkeys(agents, False)
            assert found[3] == dict.fromkeys(agents, k == 2)
        assert env.agents == []


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_every_game_passes_the_test_of_pettingzoo(name):
    pettingzoo, tests = pytest.importorskip("pettingzoo"), pytest.importorskip("pettingzoo.test")
    env = GameEnvironment(getattr(problems, name)(), max_steps=20)
    assert isinstance(env, pettingzoo.ParallelEnv)
    tests.parallel_api_test(env, num_cycles=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_every_game_gives_the_same_for_the_same_seed_in_the_test_of_pettingzoo(name):
    tests = pytest.importorskip("pettingzoo.test")
    tests.parallel_seed_test(lambda: GameEnvironment(getattr(problems, name)(), max_steps=20), num_cycles=30)


def test_a_simple_game_shows_the_joint_action_before():
    P = problems.PrisonersDilemma()
    env = GameEnvironment(P)
    seen, _ = env.reset()
    assert seen["0"].tolist() == seen["1"].tolist() == [2, 2]
    for a in ((0, 1), (1, 1), (1, 0)):
        seen, r, *_ = env.step({"0": a[0], "1": a[1]})
        assert seen["0"].tolist() == seen["1"].tolist() == list(a) == env.state().tolist()
        assert list(r.values()) == P.R(tuple(P.A[i][k] for i, k in enumerate(a))).tolist()


def test_a_markov_game_shows_the_state_and_moves_by_its_transitions():
    P = problems.PredatorPreyHexWorld()
    T, R = P.T.array, P.R.array
    last = None
    for seen, a, r, s in played(GameEnvironment(P, max_steps=300), 300):
        assert set(seen.values()) == {int(s[0])}
        if last is not None:
            assert T[(last, *a, int(s[0]))] > 0
            assert list(r.values()) == R[(slice(None), last, *a)].tolist()
        last = int(s[0])


def test_hidden_states_are_drawn_and_observed_with_their_probabilities():
    P = problems.DecTiger()
    env = GameEnvironment(P, [1.0, 0.0], max_steps=10**6)
    seen, _ = env.reset(seed=3)
    assert list(seen.values()) == [2, 2]
    counts = np.zeros((2, 2))
    for _ in range(4000):  # both listen: the tiger stays on the left
        seen, r, *_ = env.step({"1": 0, "2": 0})
        assert env.state().tolist() == [0]
        assert list(r.values()) == [-2.0, -2.0]
        counts[tuple(seen.values())] += 1
    p = P.O.array[0, 0, 0]
    assert np.all(abs(counts / 4000 - p) <= 5 * np.sqrt(p * (1 - p) / 4000))
    states = []
    for _ in range(2000):  # a door is opened: it is anywhere
        env.step({"1": 1, "2": 2})
        states.append(int(env.state()[0]))
    assert abs(np.mean(states) - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_each_agent_has_its_own_reward_and_observation():
    P = problems.MultiCaregiverCryingBaby()
    last = None
    for seen, a, r, s in played(GameEnvironment(P, max_steps=200), 200):
        if last is not None:
            assert list(r.values()) == P.R.array[(slice(None), last, *a)].tolist()
            assert P.O.array[(*a, int(s[0]), *seen.values())] > 0
            assert P.T.array[(last, *a, int(s[0]))] > 0
        last = int(s[0])


@pytest.mark.parametrize("sparse", [False, True])
def test_it_terminates_where_nothing_moves_and_nothing_is_paid(sparse):
    T = np.zeros((3, 1, 1, 3))
    T[0, 0, 0, 1] = T[1, 0, 0, 2] = T[2, 0, 0, 2] = 1
    R = np.zeros((2, 3, 1, 1))
    R[0, :2] = 1
    P = dm.MG.from_arrays(csr_array(T.reshape(3, 3)) if sparse else T, R, 0.9, b=[1.0, 0, 0])
    env = GameEnvironment(P)
    assert env.reset()[0] == {"0": 0, "1": 0}
    assert env.step({"0": 0, "1": 0})[2] == {"0": False, "1": False}
    seen, r, terminated, truncated, _ = env.step({"0": 0, "1": 0})
    assert (seen, r) == ({"0": 2, "1": 2}, {"0": 1.0, "1": 0.0})
    assert terminated == {"0": True, "1": True}
    assert truncated == {"0": False, "1": False}
    assert env.agents == []


def test_a_state_that_pays_one_agent_does_not_end_the_episode():
    P = dm.MG.from_arrays([[[[1.0]]]], [[[[0.0]]], [[[1.0]]]], 0.9)
    env = GameEnvironment(P)
    env.reset()
    assert env.step({"0": 0, "1": 0})[2] == {"0": False, "1": False}


def test_the_seed_decides_and_is_not_needed_again():
    def run(env, seed):
        first = played(env, 30, seed)
        return first, env.reset()[0], env.state()

    a, b, c = (run(GameEnvironment(problems.DecTiger()), seed) for seed in (4, 4, 5))
    assert str(a) == str(b) != str(c)


def test_labels_name_the_agents():
    P = dm.SimpleGame(1.0, ("row", "column"), [("up", "down"), ("a", "b", "c")], np.zeros((2, 2, 3)))
    env = GameEnvironment(P)
    assert env.possible_agents == ["row", "column"]
    assert env.action_space("column").n == 3
    assert env.observation_space("row") is env.observation_space("row")


def test_what_cannot_be_played_is_refused_by_name():
    P = problems.DecTiger()
    with pytest.raises(TypeError, match="a SimpleGame, an MG, a POMG or a DecPOMDP"):
        GameEnvironment(3)
    with pytest.raises(ValueError, match="batch"):
        GameEnvironment(dm.SimpleGame.from_arrays(np.zeros((4, 2, 2)), np.zeros((4, 2, 2))))
    with pytest.raises(ValueError, match="max_steps"):
        GameEnvironment(P, max_steps=0)
    with pytest.raises(ValueError, match="b"):
        GameEnvironment(P, [0.5, 0.6])
    with pytest.raises(ValueError, match="b"):
        GameEnvironment(problems.PredatorPreyHexWorld(), [0.5, 0.6])
    with pytest.raises(ValueError, match="differ as strings"):
        GameEnvironment(dm.SimpleGame(1.0, (1, "1"), [range(2)] * 2, np.zeros((2, 2, 2))))
    env = GameEnvironment(P)
    with pytest.raises(ValueError, match="no episode is under way"):
        env.step({"1": 0, "2": 0})
    env.reset()
    for a in ({"1": 0}, {"1": 0, "2": 3}, {"1": 0, "2": -1}, {"1": 0, "2": 0.5}, {"1": 0, "3": 0}):
        with pytest.raises(ValueError, match="actions"):
            env.step(a)
