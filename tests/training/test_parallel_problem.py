"""One learner on several processes: the bits of one process, whole episodes, statistics of all blocks."""

import functools
import os
import signal

import gymnasium
import numpy as np
import pytest
from typer.testing import CliRunner

from decision_making import cli
from decision_making.problems import gymnasium_problem
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.training import ParallelProblem, parallel_rollouts, train
from decision_making.training.policy_files import load_policy
from decision_making.trust_region_policy_optimization import LinearCritic, TrustRegionPolicyOptimization
from tests.problems.test_gymnasium_problem import Counting

BOTH = {"normalize_observations": True, "scale_rewards": True}
ARRAYS = ("s", "a", "r", "mask", "s_end", "terminated", "truncated")


def batch(P, steps=200, rng=3):
    π = P.policy((4,))
    return P.collect(π, π.init(0), steps, rng)


def raw(x):
    return [getattr(x, name).tobytes() for name in ARRAYS]


def assert_same_state(P, Q):
    for name, x in P.state().items():
        np.testing.assert_array_equal(x, Q.state()[name], err_msg=name)


@pytest.mark.parametrize(
    ("env", "options"),
    [
        ("CartPole-v1", BOTH),
        ("Pendulum-v1", {"scale_rewards": True}),
        (functools.partial(gymnasium.make, "Acrobot-v1", max_episode_steps=60), {"normalize_observations": True}),
        (Counting, {}),
    ],
)
def test_batches_have_the_same_bits_from_two_processes(env, options):
    one, two = (ParallelProblem(env, 0.9, n_envs=2, blocks=5, seed=1, workers=n, **options) for n in (1, 2))
    for rng in (3, 4):  # the second batch is normalised with what the first has taught
        assert raw(batch(one, rng=rng)) == raw(batch(two, rng=rng))
        assert [x.tolist() for x in one.episodes] == [x.tolist() for x in two.episodes]
    assert_same_state(one, two)


def learner(n, **options):
    P = ParallelProblem("CartPole-v1", 0.99, n_envs=2, blocks=3, workers=n, **BOTH)
    π, critic = P.policy((8,)), LinearCritic(P.observation_width)
    M = TrustRegionPolicyOptimization(P, 150, critic)
    return train(M, π, π.init(0), critic.init(0), rng=7, **options)


def test_training_has_the_same_bits_from_two_processes_and_when_it_is_resumed(tmp_path):
    one = learner(1, updates=4, checkpoint_every=2)
    learner(2, updates=3, folder=tmp_path, checkpoint_every=2)
    two = learner(2, updates=4, folder=tmp_path, checkpoint_every=2, resume=True)
    assert one.θ.tobytes() == two.θ.tobytes()
    assert one.φ.tobytes() == two.φ.tobytes()
    np.testing.assert_array_equal(one.returns, two.returns)
    assert one.steps == two.steps > 4 * 150


def test_batch_is_of_whole_episodes_until_each_copy_has_its_share():
    """Episodes of 4 and 3 steps in turn, and the share of a copy is 60 / (3 · 2) = 10 steps: 4 + 3 + 4."""
    P = ParallelProblem(Counting, 0.9, n_envs=2, blocks=3)
    τs = batch(P, 60)
    assert τs.lengths.tolist() == [4, 3, 4] * 6
    assert τs.terminated.tolist() == [True, False, True] * 6
    assert (τs.truncated == ~τs.terminated).all()
    np.testing.assert_array_equal(τs.s[τs.mask][:11], [[k, e] for e, d in ((0, 4), (1, 3), (2, 4)) for k in range(d)])
    np.testing.assert_array_equal(τs.s_end[:3], [[4, 0], [3, 1], [4, 2]])
    np.testing.assert_array_equal(τs.r[2], [21, 22, 23, 24])
    assert P.steps == 66
    returns, lengths = P.episodes
    assert sorted(lengths) == sorted(τs.lengths)
    np.testing.assert_array_equal(sorted(returns), sorted(τs.r.sum(axis=1)))


@pytest.mark.parametrize(("steps", "lengths"), [(1, [4]), (4, [4]), (5, [4, 3]), (7, [4, 3]), (8, [4, 3, 4])])
def test_share_is_reached_and_not_passed_by_an_episode(steps, lengths):
    assert batch(ParallelProblem(Counting, 0.9, n_envs=1, blocks=1), steps).lengths.tolist() == lengths


@pytest.mark.parametrize("mode", list(gymnasium.vector.AutoresetMode))
def test_whole_episodes_in_every_autoreset_mode(mode):
    makers = [lambda i=i: Counting(4 + i, 3 + i) for i in range(2)]
    P = GymnasiumProblem(gymnasium.vector.SyncVectorEnv(makers, autoreset_mode=mode), 0.9)
    π = P.policy((4,))
    collected = P.observe(π, π.init(0), 5, 0, whole=True)
    assert collected.τs.lengths.tolist() == [4, 3, 5]
    assert collected.origin.tolist() == [0, 0, 1]
    assert sorted(collected.episodes[1]) == [3, 4, 5]
    assert P.steps == 0  # until it is learned from
    P.learn([collected])
    assert P.steps == 14  # with the two that the second copy makes while it waits for the first


class Chance(gymnasium.Env):
    """Each step ends the episode with probability 1/10."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, bool(self.np_random.random() < 0.1), False, {}


def test_long_and_short_episodes_are_taken_as_often_as_they_come():
    """Steps per episode have mean 10, by Wald's equation, though a copy's share is less than that."""
    P = ParallelProblem(Chance, 0.9, n_envs=4, blocks=150)
    lengths = batch(P, 150 * 4 * 6).lengths
    assert abs(lengths.mean() - 10) < 4 * lengths.std() / np.sqrt(len(lengths))
    assert len(lengths) > 600


def test_blocks_differ_and_batches_too():
    P = ParallelProblem("CartPole-v1", 0.9, n_envs=2, blocks=6)
    rng = np.random.default_rng(0)
    starts = np.concatenate([batch(P, 240, rng).s[:, 0] for _ in range(2)])
    assert len(np.unique(starts, axis=0)) == len(starts)


def test_statistics_of_a_batch_are_those_of_all_its_blocks():
    """Normalised with those from before; afterwards with those of everything seen."""
    P = ParallelProblem("CartPole-v1", 0.9, n_envs=2, blocks=5, seed=1, normalize_observations=True)
    batch(P, rng=2)
    before = P.state()
    τs = batch(P, rng=3)
    s = τs.s[τs.mask] * np.sqrt(before["observed_variance"] + 1e-8) + before["observed_mean"]
    n, N = before["observed_count"], len(s)
    mean = (n * before["observed_mean"] + N * s.mean(axis=0)) / (n + N)
    square = n * (before["observed_variance"] + before["observed_mean"] ** 2) + (s**2).sum(axis=0)
    after = P.state()
    assert after["observed_count"] == n + N
    assert abs(τs.s).max() < 10  # else the clipped ones are lost
    np.testing.assert_allclose(after["observed_mean"], mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after["observed_variance"], square / (n + N) - mean**2, rtol=1e-4)
    assert after["steps"] > before["steps"] + N  # with those of copies that wait for others


def test_rewards_of_all_blocks_are_divided_by_one_scale():
    scaled, plain = (ParallelProblem("Pendulum-v1", 0.9, n_envs=1, blocks=4, scale_rewards=x) for x in (True, False))
    r, raw_r = batch(scaled).r, batch(plain).r
    G = np.zeros(len(raw_r))  # discounted return up to each step, which is what the scale is the deviation of
    every = np.stack([G := 0.9 * G + x for x in raw_r.T])
    np.testing.assert_allclose(r, raw_r / np.sqrt(every.var() + 1e-8), rtol=1e-12)


class Deadly:
    """Makes CartPole; where `armed` is a file, removes it and kills the process."""

    def __init__(self, armed):
        self.armed = armed

    def __call__(self):
        if self.armed.exists():
            self.armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return gymnasium.make("CartPole-v1")


def test_blocks_of_a_killed_worker_are_collected_again_and_counted_once(tmp_path):
    factory = Deadly(tmp_path / "armed")
    one, two = (ParallelProblem(factory, 0.9, n_envs=2, blocks=5, seed=1, workers=n, **BOTH) for n in (1, 2))
    factory.armed.touch()
    got = batch(two)
    assert not factory.armed.exists()
    assert raw(got) == raw(batch(one))
    assert_same_state(one, two)


def test_episode_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr(gymnasium_problem, "MAX_STEPS", 50)
    P = ParallelProblem(lambda: Counting(60, 60), 0.9, n_envs=1, blocks=1)
    with pytest.raises(ValueError, match="an episode takes more than 50 steps"):
        batch(P, 10)
    assert P.steps == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ParallelProblem(Counting(), 0.9, n_envs=1), TypeError, "env = .*Counting.*an id or a factory"),
        (lambda: ParallelProblem(gymnasium.make_vec("CartPole-v1"), 0.9), TypeError, "env = .*an id or a factory"),
        (lambda: ParallelProblem("CartPol-v1", 0.9), ValueError, "env = 'CartPol-v1'"),
        (lambda: ParallelProblem(Counting, 0.9, blocks=0), ValueError, "blocks = 0: must be a whole number >= 1"),
        (lambda: batch(ParallelProblem(Counting, 0.9), 0), ValueError, "steps = 0: must be a whole number >= 1"),
        (lambda: ParallelProblem(Counting, 0.9, workers=0), ValueError, "workers = 0"),
        (lambda: ParallelProblem(Counting, 0.9, workers=1, scheduler="tcp://x"), ValueError, "workers = 1 with"),
        (
            lambda: parallel_rollouts(GymnasiumProblem(Counting, 0.9), None, None, np.ones(2), 2, 3),
            *(TypeError, "live environments .* for ParallelProblem"),
        ),
    ],
)
def test_wrong_call_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_repr_names_the_blocks():
    assert repr(ParallelProblem("CartPole-v1", 0.9, n_envs=2, blocks=5)) == (
        "ParallelProblem('CartPole-v1', γ=0.9, blocks=5, n_envs=2, 0 steps taken)"
    )


def test_id_that_only_this_process_knows():
    gymnasium.register("Counted-v0", entry_point=Counting)
    try:
        one, two = (batch(ParallelProblem("Counted-v0", 0.9, n_envs=2, blocks=2, workers=n), 20) for n in (1, 2))
    finally:
        del gymnasium.registry["Counted-v0"]
    assert raw(one) == raw(two)


def test_fault_in_a_worker_names_the_environment():
    P = ParallelProblem(Raising, 0.9, n_envs=2, blocks=2, workers=2)
    with pytest.raises(RuntimeError, match="Raising: step raised OSError: the robot fell over"):
        batch(P)
    assert P.steps == 0


class Raising(Counting):
    def step(self, action):
        raise OSError("the robot fell over")


# ---- runs and the command line

RUN = ("CartPole-v1", "--set", "blocks=3", "--set", "n_envs=2", "--set", "checkpoint_every=2")


def command(*arguments):
    return CliRunner().invoke(cli.app, list(map(str, arguments)))


def test_run_has_the_same_bits_whatever_its_workers(tmp_path):
    """Also where it is resumed with others, and where its blocks are collected within a sweep."""
    for name, n, options in (("one", 4, ()), ("two", 3, ("--workers", 2))):
        ran = command("train", *RUN, "--updates", n, "--out", tmp_path / name, *options)
        assert ran.exit_code == 0, ran.output
    assert command("resume", tmp_path / "two", "--updates", 4).exit_code == 0
    swept = command("sweep", *RUN, "--updates", 4, "--seeds", "0,1", "--workers", 2, "--out", tmp_path / "all")
    assert swept.exit_code == 0, swept.output
    folders = [tmp_path / "one", tmp_path / "two", *sorted(path.parent for path in tmp_path.glob("all/*/policy.npz"))]
    one, two, zero, other = (load_policy(folder / "policy.npz").θ.tobytes() for folder in folders)
    assert one == two == zero != other


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("CartPole-v1", "--workers", 2), "workers = 2: needs blocks of steps to share out, as in blocks = 16"),
        (("HexWorld", "--workers", 2), "workers = 2: needs blocks of steps"),
        ((*RUN, "--workers", 0), "workers = 0: must be a whole number >= 1, or -1"),
        (("HexWorld", "--set", "blocks=2"), "blocks"),
    ],
)
def test_wrong_command_leaves_no_folder(arguments, said, tmp_path):
    ran = command("train", *arguments, "--updates", 2, "--out", tmp_path / "run")
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_cluster_gives_the_same_bits():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        options = {"n_envs": 2, "blocks": 5, "seed": 1, **BOTH}
        one = ParallelProblem("CartPole-v1", 0.9, **options)
        two = ParallelProblem("CartPole-v1", 0.9, scheduler=cluster.scheduler_address, **options)
        for rng in (3, 4):
            assert raw(batch(one, rng=rng)) == raw(batch(two, rng=rng))
        assert_same_state(one, two)
