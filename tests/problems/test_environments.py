"""The problems as gymnasium environments: gymnasium's own check, seeds, one copy against many, automatic resets."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from scipy.sparse import csr_array

from decision_making import MDP, problems
from decision_making.problems import (
    CartPole,
    HexWorld,
    ProblemEnvironment,
    ProblemVectorEnvironment,
    TwentyFortyEight,
    register_environments,
)
from decision_making.problems.environments import EPISODE_STEPS

NAMES = sorted(EPISODE_STEPS)
IDS = [f"decision_making/{name}-v0" for name in NAMES]
each = pytest.mark.parametrize("id", IDS)


def episode(env, seed, n=60):
    """Observations, rewards and ends of n steps of seeded actions, resetting where an episode ends."""
    rng = np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    record = [np.array(observation)]
    for _ in range(n):
        observation, r, terminated, truncated, _ = env.step(action(env.action_space, rng))
        record += [np.array(observation), r, terminated, truncated]
        if terminated or truncated:
            observation, _ = env.reset()
            record.append(np.array(observation))
    return record


def action(space, rng):
    return rng.integers(space.n) if isinstance(space, gymnasium.spaces.Discrete) else rng.uniform(-1, 1, space.shape)


def batch_of_actions(envs, rng):
    space, n = envs.single_action_space, envs.num_envs
    if isinstance(space, gymnasium.spaces.Discrete):
        return rng.integers(space.n, size=n)
    return rng.uniform(-1, 1, (n, *space.shape))


def same(x, y):
    assert len(x) == len(y)
    for a, b in zip(x, y, strict=True):
        np.testing.assert_array_equal(a, b)


@each
def test_gymnasium_s_check_has_nothing_to_say(id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(id, render_mode="rgb_array")
        check_env(env.unwrapped)
        env.reset(seed=0)
        assert env.render().dtype == np.uint8
        env.close()


@each
def test_reset_seed_alone_decides_everything(id):
    one, two = gymnasium.make(id), gymnasium.make(id)
    first = episode(one, 5)
    same(first, episode(two, 5))
    same(first, episode(one, 5))
    other = episode(two, 6)
    assert len(other) != len(first) or any((a != b).any() for a, b in zip(first, other, strict=True) if np.ndim(a))


@each
def test_vector_reset_seed_alone_decides_everything(id):
    def record(envs):
        rng, (observation, _) = np.random.default_rng(0), envs.reset(seed=7)
        steps = [observation]
        for _ in range(60):
            *step, _ = envs.step(batch_of_actions(envs, rng))
            steps += step
        return steps

    one, two = gymnasium.make_vec(id, num_envs=9), gymnasium.make_vec(id, num_envs=9)
    first = record(one)
    same(first, record(two))
    same(first, record(one))


@each
def test_one_copy_of_the_vector_environment_is_the_single_one(id):
    """With the same seed, action by action, through truncations and resets, against gymnasium's own SAME_STEP."""
    for seed in range(3):
        sync = SyncVectorEnv([lambda: gymnasium.make(id)], autoreset_mode=AutoresetMode.SAME_STEP)
        ours, rng = gymnasium.make_vec(id, num_envs=1), np.random.default_rng(seed)
        same([sync.reset(seed=seed)[0]], [ours.reset(seed=seed)[0]])
        for _ in range(150):
            a = batch_of_actions(ours, rng)
            *step, info = ours.step(a)
            *expected, expected_info = sync.step(a)
            same(step, expected)
            assert info.keys() == expected_info.keys()
            if "final_obs" in info:
                np.testing.assert_array_equal(info["final_obs"][0], expected_info["final_obs"][0])
                np.testing.assert_array_equal(info["_final_obs"], expected_info["_final_obs"])
                assert info["final_info"].keys() == expected_info["final_info"].keys()
            if "action_mask" in info:
                np.testing.assert_array_equal(info["action_mask"], expected_info["action_mask"])


@each
def test_many_copies_behave_as_one_in_the_mean(id):
    """Streams differ, so rewards and ends of the first steps are compared in the mean, 5 standard errors apart."""
    n, d = 3000, 6
    envs, rng = gymnasium.make_vec(id, num_envs=n), np.random.default_rng(0)
    envs.reset(seed=0)
    R, ends = np.zeros(n), np.zeros(n)
    for _ in range(d):
        _, r, terminated, _, _ = envs.step(batch_of_actions(envs, rng))
        R += r
        ends += terminated
    env, m = gymnasium.make(id).unwrapped, 400
    R_one, ends_one = np.zeros(m), np.zeros(m)
    env.reset(seed=1)
    for i in range(m):
        env.reset()
        for _ in range(d):
            _, r, terminated, _, _ = env.step(action(env.action_space, rng))
            R_one[i] += r
            ends_one[i] += terminated
            if terminated:
                env.reset()
    for many, one in ((R, R_one), (ends, ends_one)):
        se = np.hypot(many.std() / np.sqrt(n), max(one.std(), many.std()) / np.sqrt(m))
        assert abs(many.mean() - one.mean()) <= 5 * se


@each
def test_spaces_hold_what_is_returned(id):
    envs, rng = gymnasium.make_vec(id, num_envs=50), np.random.default_rng(0)
    observation, _ = envs.reset(seed=0)
    assert observation in envs.observation_space
    for _ in range(60):
        observation, r, terminated, truncated, info = envs.step(batch_of_actions(envs, rng))
        assert observation in envs.observation_space
        assert (r.shape, r.dtype) == ((50,), np.float64)
        assert terminated.dtype == truncated.dtype == np.bool_
        for final in info.get("final_obs", ()):
            assert final is None or final in envs.single_observation_space


@each
def test_ten_thousand_copies_step_at_once(id):
    envs = gymnasium.make_vec(id, num_envs=10_000)
    envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        observation, r, *_ = envs.step(batch_of_actions(envs, rng))
    assert observation.shape[0] == r.shape[0] == 10_000
    assert len(np.unique(observation, axis=0)) > 1


@each
def test_truncation_comes_at_the_documented_depth(id):
    name = id.split("/")[1].removesuffix("-v0")
    assert gymnasium.spec(id).max_episode_steps == EPISODE_STEPS[name]
    env, envs = gymnasium.make(id, max_episode_steps=3), gymnasium.make_vec(id, num_envs=4, max_episode_steps=3)
    still = {"CartPole": [0, 1, 0]}.get(name, [0, 0, 0])
    for seed in range(20):
        env.reset(seed=seed)
        ends = []
        for a in still:
            _, _, terminated, truncated, _ = env.step(a if env.action_space.shape == () else np.zeros(1))
            ends.append((terminated, truncated))
            if terminated:
                break
        if not ends[-1][0]:
            break
    assert ends == [(False, False), (False, False), (False, True)]
    envs.reset(seed=0)
    lengths = np.zeros(4, int)
    rng = np.random.default_rng(0)
    for _ in range(10):
        _, _, terminated, truncated, _ = envs.step(batch_of_actions(envs, rng))
        lengths += 1
        np.testing.assert_array_equal(truncated, lengths == 3)
        lengths[terminated | truncated] = 0


def test_same_step_reset_returns_the_first_observation_and_keeps_the_last():
    """On a line of two tiles where the second ends everything, with starts known."""
    b = np.array([1.0, 0.0, 0.0])
    P = problems.StraightLineHexWorld(n=2)
    P = HexWorld(0.9, P.tiles, P.rewards, p_intended=1.0)
    envs = ProblemVectorEnvironment(P, b, num_envs=3)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    np.testing.assert_array_equal(envs.reset(seed=0)[0], [0, 0, 0])
    observation, r, terminated, truncated, info = envs.step(np.array([0, 0, 3]))  # E, E, W
    np.testing.assert_array_equal(observation, [1, 1, 0])
    np.testing.assert_array_equal(r, [0, 0, -1])
    assert not terminated.any()
    assert not truncated.any()
    assert info == {}
    observation, r, terminated, _, info = envs.step(np.array([0, 5, 0]))
    np.testing.assert_array_equal(terminated, [True, True, False])
    np.testing.assert_array_equal(r, [10, 10, 0])
    np.testing.assert_array_equal(observation, [0, 0, 1])
    np.testing.assert_array_equal(info["_final_obs"], terminated)
    assert list(info["final_obs"]) == [2, 2, None]
    observation, r, terminated, _, _ = envs.step(np.array([0, 3, 0]))
    np.testing.assert_array_equal(observation, [1, 0, 0])
    np.testing.assert_array_equal(r, [0, -1, 10])
    np.testing.assert_array_equal(terminated, [False, False, True])


def test_reset_mask_starts_only_some_copies_anew():
    envs = gymnasium.make_vec("decision_making/CartPole-v0", num_envs=4, max_episode_steps=5)
    first, _ = envs.reset(seed=0)
    envs.step(np.zeros(4, int))
    before, *_ = envs.step(np.zeros(4, int))
    mask = np.array([True, False, False, True])
    after, _ = envs.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(after[~mask], before[~mask])
    assert (abs(after[mask]) <= 0.05).all()
    assert (after[mask] != first[mask]).any()
    for k in range(5):
        *_, truncated, _ = envs.step(np.arange(4) % 2)
        np.testing.assert_array_equal(truncated, ~mask if k == 2 else mask if k == 4 else np.full(4, False))
    for wrong in (np.array([True]), np.ones(4)):
        with pytest.raises(ValueError, match="reset_mask"):
            envs.reset(options={"reset_mask": wrong})
    with pytest.raises(ValueError, match="first reset"):
        ProblemVectorEnvironment(CartPole(), num_envs=4).reset(options={"reset_mask": mask})


def test_returned_arrays_are_the_reader_s():
    envs = gymnasium.make_vec("decision_making/TwentyFortyEight-v0", num_envs=3)
    observation, info = envs.reset(seed=0)
    kept, mask = observation.copy(), info["action_mask"].copy()
    envs.step(np.array([0, 1, 2]))
    np.testing.assert_array_equal(observation, kept)
    np.testing.assert_array_equal(info["action_mask"], mask)
    observation[:] = 17
    assert envs.step(np.array([0, 1, 2]))[0].max() < 17


def test_action_mask_leads_a_game_of_2048_to_its_end():
    env = gymnasium.make("decision_making/TwentyFortyEight-v0")
    _, info = env.reset(seed=0)
    env.action_space.seed(0)
    terminated, board, moves = False, None, 0
    while not terminated:
        before = board
        board, _, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
        assert not truncated
        assert before is None or (board != before).any()
        moves += 1
    assert not info["action_mask"].any()
    assert TwentyFortyEight().terminal(board[None]).all()
    assert moves > 20


def test_absorbing_state_of_hex_world_terminates():
    env = gymnasium.make("decision_making/HexWorld-v0")
    lengths = []
    for seed in range(30):
        observation, _ = env.reset(seed=seed)
        k, terminated, truncated = 0, False, False
        while not (terminated or truncated):
            last, (observation, r, terminated, truncated, _) = observation, env.step(0)
            k += 1
        assert terminated == (observation == 24)
        if terminated:
            assert (r, HexWorld().tiles[last] in HexWorld().rewards) == (
                HexWorld().rewards[HexWorld().tiles[last]],
                True,
            )
        lengths.append(k)
    assert max(lengths) <= 100
    assert min(lengths) == 1 or min(lengths) < 20


@pytest.mark.parametrize("form", [np.array, csr_array])
def test_absorbing_state_that_pays_nothing_terminates_whether_the_model_is_dense_or_sparse(form):
    """State 0 leads on, 1 is left by one action, 2 stays and pays, 3 stays and pays nothing."""
    T = np.zeros((4, 2, 4))
    T[0, :, 1] = T[1, 0, 1] = T[1, 1, 3] = T[2, :, 2] = T[3, :, 3] = 1
    R = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    P = MDP.from_arrays(T if form is np.array else csr_array(T.reshape(8, 4)), R, 0.9)
    ends = []
    for s in range(4):
        env = ProblemEnvironment(P, np.eye(4)[s])
        env.reset(seed=0)
        ends.append(env.step(np.int64(1))[2])
    assert ends == [False, True, False, True]


def test_fields_of_the_problem_are_arguments():
    env = gymnasium.make("decision_making/CartPole-v0", x_limit=2.4, γ=0.5)
    assert (env.unwrapped.problem.x_limit, env.unwrapped.problem.γ) == (2.4, 0.5)
    assert env.observation_space.high[0] == pytest.approx(4.8)
    envs = gymnasium.make_vec("decision_making/TwentyFortyEight-v0", num_envs=2, p_two=1.0)
    assert envs.reset(seed=0)[0].max() == 1
    env = gymnasium.make("decision_making/SimpleRegulator-v0", truncated=True)
    assert (env.observation_space.low, env.observation_space.high) == (-10, 10)


def test_any_problem_will_do():
    P = MDP.from_arrays([[[0.5, 0.5]], [[0.0, 1.0]]], [[1.0], [0.0]], 0.9)
    env = ProblemEnvironment(P, [1.0, 0.0])
    assert env.reset(seed=0)[0] == 0
    terminated = False
    while not terminated:
        observation, r, terminated, _, _ = env.step(0)
        assert r == 1
        assert terminated == (observation == 1)


def test_pictures_come_with_rgb_array_only():
    envs = gymnasium.make_vec("decision_making/MountainCar-v0", num_envs=2, render_mode="rgb_array")
    assert envs.render() is None
    envs.reset(seed=0)
    frames = envs.render()
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[0], envs.problem.draw(envs._s[0]))
    silent = ProblemEnvironment("HexWorld")
    silent.reset(seed=0)
    assert silent.render() is None
    assert ProblemVectorEnvironment("HexWorld").render() is None


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: ProblemEnvironment("Chess"), ValueError, "P = 'Chess'.*CartPole"),
        (lambda: ProblemEnvironment(HexWorld(), γ=0.5), TypeError, "γ"),
        (lambda: ProblemEnvironment("HexWorld", render_mode="human"), ValueError, "render_mode = 'human'"),
        (lambda: ProblemEnvironment("HexWorld", [0.5, 0.6]), ValueError, r"\.b = "),
        (lambda: ProblemEnvironment("HexWorld", p_intended=2), ValueError, r"HexWorld\.p_intended = 2"),
        (lambda: ProblemEnvironment(MDP.from_arrays([[[1.0]]], [[0.0]], 0.9)), TypeError, r"\.b = None"),
        (
            lambda: ProblemEnvironment(MDP.from_arrays([[[1.0]]], [[0.0]], 0.9), [1.0], render_mode="rgb_array"),
            TypeError,
            "no draw",
        ),
        (
            lambda: ProblemEnvironment(MDP(0.9, None, np.arange(2), None, None, lambda s, a, rng: (s, s)), [1.0]),
            TypeError,
            "state_bounds",
        ),
        (lambda: ProblemVectorEnvironment("HexWorld", num_envs=0), ValueError, "num_envs = 0"),
        (lambda: ProblemVectorEnvironment("HexWorld", max_episode_steps=0), ValueError, "max_episode_steps = 0"),
        (lambda: ProblemEnvironment("HexWorld").step(0), ValueError, "before reset"),
        (lambda: ProblemVectorEnvironment("HexWorld").step([0]), ValueError, "before reset"),
    ],
)
def test_faulty_arguments_are_named(make, error, said):
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize(
    ("name", "a"), [("CartPole", 2), ("CartPole", -1), ("CartPole", 0.5), ("SimpleRegulator", [np.nan])]
)
def test_faulty_actions_are_refused(name, a):
    env, envs = ProblemEnvironment(name), ProblemVectorEnvironment(name, num_envs=2)
    env.reset(seed=0)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(np.array(a))
    with pytest.raises(ValueError, match="action"):
        envs.step(np.array([a, a]))
    with pytest.raises(ValueError, match="one for each of 2"):
        envs.step(np.array([0]))


def test_registering_again_does_nothing():
    before = dict(gymnasium.registry)
    register_environments()
    assert gymnasium.registry == before
    assert set(IDS) <= set(before)


def test_an_id_can_name_the_module_that_registers_it():
    code = (
        "import gymnasium; env = gymnasium.make("
        "'decision_making.problems.environments:decision_making/HexWorld-v0'); print(env.reset(seed=0)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) in range(24)


def test_the_problems_import_neither_gymnasium_nor_scipy():
    code = (
        "import sys, decision_making.problems as p; p.CartPole(), p.TwentyFortyEight().b;"
        "print([m for m in ('gymnasium', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
