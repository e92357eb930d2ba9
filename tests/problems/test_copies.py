"""Copies: the steps of gymnasium's own SyncVectorEnv, and shapes that are not the space's."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from decision_making import LinearCritic, TrustRegionPolicyOptimization, rollouts, train
from decision_making.problems import GymnasiumProblem
from decision_making.problems.copies import Copies
from tests.training.test_loop import same


@pytest.mark.parametrize(("name", "n"), [("Pendulum-v1", 3), ("MountainCar-v0", 2), ("Acrobot-v1", 1)])
def test_steps_are_those_of_gymnasium(name, n):
    """Bit for bit over 450 steps, in which every episode is cut at least twice."""
    makers = [lambda: gymnasium.make(name, max_episode_steps=150)] * n
    ours, theirs = Copies(makers), SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)
    np.testing.assert_array_equal(ours.reset(seed=5)[0], theirs.reset(seed=5)[0])
    theirs.action_space.seed(0)
    ends = 0
    for _ in range(450):
        a = theirs.action_space.sample()
        (*mine, info), (*expected, expected_info) = ours.step(a), theirs.step(a)
        for x, y in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(x, y)
        for i, last in info["final_obs"].items():
            np.testing.assert_array_equal(last, expected_info["final_obs"][i])
            ends += 1
        assert sorted(info["final_obs"]) == np.flatnonzero(mine[2] | mine[3]).tolist()
    assert ends >= 2 * n


class Misshapen(gymnasium.Env):
    observation_space, action_space = spaces.Box(-1, 1, (3,), np.float32), spaces.Discrete(2)

    def __init__(self, s, r):
        self.given = s, r

    def reset(self, *, seed=None, options=None):
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return *self.given, False, False, {}


@pytest.mark.parametrize(
    ("s", "r", "said"),
    [
        (np.zeros(1, np.float32), 0.0, r"observation has shape \(1,\): must be \(3,\)"),
        (np.zeros(3, np.float32), np.zeros(1), r"reward has shape \(1,\): must be \(\)"),
    ],
)
def test_a_wrong_shape_is_named_and_not_broadcast(s, r, said):
    envs = Copies([lambda: Misshapen(s, r)] * 2)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=said):
        envs.step(np.zeros(2, int))


def test_a_wrong_shape_of_a_first_observation_is_named(monkeypatch):
    monkeypatch.setattr(Misshapen, "reset", lambda self, **options: (self.given[0], {}))
    with pytest.raises(ValueError, match=r"observation has shape \(1,\): must be \(3,\)"):
        Copies([lambda: Misshapen(np.zeros(1, np.float32), 0.0)] * 2).reset(seed=0)


BYTES = spaces.Box(0, 255, (3,), np.uint8)


@pytest.mark.parametrize("space", [spaces.Box(0, 100, (3,), np.int8), BYTES, spaces.MultiBinary(3)], ids=str)
@pytest.mark.parametrize("x", [np.array([1, 0, -135]), np.array([0.9, 0, 0]), [1, 300, 0], np.array([np.nan, 0, 1])])
def test_a_number_that_the_space_has_no_room_for_is_named_and_not_wrapped(space, x, monkeypatch):
    monkeypatch.setattr(Misshapen, "observation_space", space)
    P = GymnasiumProblem(lambda: Misshapen(x, 0.0), 0.9, n_envs=2)
    π = P.policy((2,))
    said = r"step raised ValueError: observation has a number (-135|0\.9|0\.8999|300|nan).*: its space has numbers of"
    with pytest.raises(RuntimeError, match=said):
        P.collect(π, π.init(0), 4, 0)


def test_whole_numbers_of_another_type_are_taken_as_they_are(monkeypatch):
    monkeypatch.setattr(Misshapen, "observation_space", spaces.Box(0, 100, (3,), np.int8))
    envs = Copies([lambda: Misshapen([1, 2, 127], 0.0)])
    envs.reset(seed=0)
    np.testing.assert_array_equal(envs.step(np.zeros(1, int))[0], [[1, 2, 127]])


def test_copies_must_be_different_environments():
    made = gymnasium.make("CartPole-v1")
    said = "gave the same CartPoleEnv twice; each of the 3 copies must be one of its own"
    with pytest.raises(ValueError, match=said):
        GymnasiumProblem(lambda: made, 0.99, n_envs=3)
    assert GymnasiumProblem(lambda: made, 0.99, n_envs=1).n_envs == 1
    wrapped = gymnasium.make("FrozenLake-v1")  # each copy has a wrapper of its own
    with pytest.raises(ValueError, match="gave the same FrozenLakeEnv twice"):
        GymnasiumProblem(lambda: wrapped, 0.99, n_envs=3)


@pytest.mark.parametrize("given", [np.zeros(3), None, (np.zeros(3),)], ids=repr)
def test_a_reset_that_gives_no_pair_is_named(given, monkeypatch):
    monkeypatch.setattr(Misshapen, "reset", lambda self, **options: given)
    with pytest.raises(ValueError, match=r"reset returned .*: must be an observation and a dictionary"):
        Copies([lambda: Misshapen(np.zeros(3), 0.0)]).reset(seed=0)


def test_all_copies_are_closed_though_one_cannot_be_and_it_is_said_once(monkeypatch):
    closed = []

    def close(self):
        closed.append(self.given)
        if len(closed) == 1:
            raise OSError("port not open")

    monkeypatch.setattr(Misshapen, "close", close)
    P = GymnasiumProblem(lambda: Misshapen(np.zeros(3, np.float32), 0.0), 0.9, n_envs=3)
    with pytest.warns(UserWarning, match="close raised OSError: port not open"):
        P.close()
    P.close()
    assert len(closed) == 3


class Endless(gymnasium.Env):
    """Observes its own step; ends only by a time limit, or itself after `own` steps. Reward 1 a step."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    own = 10**6

    def reset(self, *, seed=None, options=None):
        self.k = 0
        return np.array([self.k], np.float32), {}

    def step(self, action):
        self.k += 1
        return np.array([self.k], np.float32), 1.0, self.k == self.own, False, {}


def limited(steps, own=10**6):
    def make():
        env = Endless()
        env.own = own
        return gymnasium.wrappers.TimeLimit(env, steps)

    return make


def lengths(P, steps, collects=1):
    """Of every piece of an episode, copy by copy, and whether it terminated."""
    π = P.policy((4,))
    found = []
    for _ in range(collects):
        τs = P.collect(π, π.init(0), steps, rng=0)
        first = τs.s[:, 0, 0]
        found.append([(int(a), int(b), bool(x)) for a, b, x in zip(first, τs.s_end[:, 0], τs.terminated, strict=True)])
    return found


def test_staggered_copies_are_cut_in_turn_and_go_on_with_whole_episodes():
    P = GymnasiumProblem(limited(20), 0.9, n_envs=4, stagger=True)
    (pieces,) = lengths(P, 4 * 27)
    assert pieces == [
        *[(0, 20, False), (0, 7, False)],
        *[(0, 5, False), (0, 20, False), (0, 2, False)],
        *[(0, 10, False), (0, 17, False)],
        *[(0, 15, False), (0, 12, False)],
    ]
    assert [x.tolist() for x in P.episodes] == [[20, 20], [20, 20]]  # what was cut is not reported


def test_staggering_begins_anew_with_restart_and_only_then():
    P = GymnasiumProblem(limited(8), 0.9, n_envs=2, stagger=True)
    first, second = lengths(P, 2 * 6, collects=2)
    assert first == [(0, 6, False), (0, 4, False), (0, 2, False)]
    assert second == [(6, 8, False), (0, 4, False), (2, 8, False)]
    P.restart(3)
    assert lengths(P, 2 * 6)[0] == first


def test_episodes_that_are_played_or_rolled_out_are_not_cut():
    P = GymnasiumProblem(limited(8), 0.9, n_envs=4, stagger=True)
    lengths(P, 8)  # begins, so that cuts are due
    assert P.play(lambda s: np.zeros(4, int), 8, seed=0)[1].tolist() == [8] * 8
    π = P.policy((4,))
    assert rollouts(P, None, π, π.init(0), 8, 4, rng=0).lengths.tolist() == [8] * 4


def test_an_episode_that_ends_in_the_step_of_its_cut_has_ended_itself():
    P = GymnasiumProblem(limited(8, own=4), 0.9, n_envs=2, stagger=True)
    (pieces,) = lengths(P, 2 * 4)
    assert pieces == [(0, 4, True), (0, 4, True)]
    assert P.episodes[1].tolist() == [4, 4]


def test_an_episode_that_ends_before_its_cut_is_followed_by_whole_ones():
    P = GymnasiumProblem(limited(8, own=3), 0.9, n_envs=2, stagger=True)
    (pieces,) = lengths(P, 2 * 7)
    assert pieces == [(0, 3, True), (0, 3, True), (0, 1, False)] * 2


@pytest.mark.parametrize("options", [{"stagger": False}, {"stagger": True}])
def test_without_a_time_limit_or_without_staggering_nothing_is_cut(options):
    make = Endless if options["stagger"] else limited(8)
    (pieces,) = lengths(GymnasiumProblem(make, 0.9, n_envs=4, **options), 4 * 8)
    assert pieces == [(0, 8, False)] * 4


def interrupted(row, taken):
    """A callback of a run that is stopped in its third update, after a checkpoint."""
    if row["update"] == 3:
        raise KeyboardInterrupt


def test_resumed_run_is_staggered_as_the_run_that_never_stopped(tmp_path):
    def trained(folder, updates, **options):
        P = GymnasiumProblem(limited(12), 0.9, n_envs=4, stagger=True)
        M, π = TrustRegionPolicyOptimization(P, 20, LinearCritic(1)), P.policy((4,))
        return train(M, π, π.init(0), np.zeros(3), rng=5, updates=updates, folder=folder, checkpoint_every=2, **options)

    whole = trained(tmp_path / "whole", 6)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "part", 6, callbacks=[interrupted])
    same(trained(tmp_path / "part", 6, resume=True), whole)


def test_a_copy_can_be_cut_after_its_first_step():
    P = GymnasiumProblem(limited(4), 0.9, n_envs=4, stagger=True)
    (pieces,) = lengths(P, 4 * 4)
    assert [x[1] for x in pieces] == [4, 1, 3, 2, 2, 3, 1]
    P = GymnasiumProblem(limited(3), 0.9, n_envs=4, stagger=True)  # 3/4 of a step is none
    assert [x[1] for x in lengths(P, 4 * 3)[0]] == [3, 3, 1, 2, 2, 1]
