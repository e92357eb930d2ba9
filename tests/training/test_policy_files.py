"""Trained policies: saved, loaded, damaged; acting and evaluation."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from decision_making import FunctionPolicy, LinearGaussianPolicy, LinearSoftmaxPolicy, NeuralPolicy, SoftmaxPolicy
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.problems import GymnasiumProblem, SimpleRegulator
from decision_making.training import TrainedPolicy, evaluate, load_policy, save_checkpoint, save_policy
from tests.problems.test_gymnasium_problem import Counting, Spaces

POLICIES = {
    "linear Gaussian": LinearGaussianPolicy(1e-3),
    "softmax": SoftmaxPolicy(3, 4),
    "categorical": NeuralPolicy((3, 8, 5), Categorical(2)),
    "multi-categorical": NeuralPolicy((3, 4), MultiCategorical([2, 3])),
    "Bernoulli": NeuralPolicy((3, 4), Bernoulli(2)),
    "Gaussian": NeuralPolicy((3, 4), Gaussian(2)),
}


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_policy_comes_back_whole(tmp_path, name, dtype):
    π = POLICIES[name]
    θ = np.random.default_rng(0).normal(size=π.n).astype(dtype)
    save_policy(tmp_path / "policy.npz", π, θ)
    loaded = load_policy(tmp_path / "policy.npz")
    assert loaded.π == π
    assert loaded.θ.dtype == dtype
    np.testing.assert_array_equal(loaded.θ, θ)
    s = np.array([2, 0]) if name == "softmax" else np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
    s = s[:, 0] if name == "linear Gaussian" else s
    np.testing.assert_array_equal(loaded.act(s), π.mode(θ, s))
    np.testing.assert_array_equal(
        loaded.act(s, mode=False, rng=3), π(θ, s, np.random.default_rng(3)), "draws are those of the policy"
    )


@pytest.mark.parametrize(
    "π", [FunctionPolicy(1, lambda θ, s, rng: s, lambda θ, a, s: a), LinearSoftmaxPolicy(np.ones((2, 2, 1)))]
)
def test_policy_that_is_made_of_functions_cannot_be_saved(tmp_path, π):
    with pytest.raises(TypeError, match="only LinearGaussianPolicy, NeuralPolicy, SoftmaxPolicy can be saved"):
        save_policy(tmp_path / "policy.npz", π, np.zeros(1))
    assert not list(tmp_path.iterdir())


def test_θ_of_the_wrong_length_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="θ has shape"):
        save_policy(tmp_path / "policy.npz", LinearGaussianPolicy(), np.zeros(3))
    assert not list(tmp_path.iterdir())


GOOD = {"name": "NeuralPolicy", "sizes": [3, 4], "head": "Categorical", "size": 2}


@pytest.mark.parametrize(
    "policy",
    [
        None,
        [],
        {},
        {"name": "FunctionPolicy"},
        {"name": ["NeuralPolicy"]},
        {"name": "SoftmaxPolicy", "n_states": 2},
        {"name": "SoftmaxPolicy", "n_states": -2, "n_actions": 2},
        {"name": "SoftmaxPolicy", "n_states": 2, "n_actions": 2, "extra": 1},
        {**GOOD, "head": "__class__"},
        {**GOOD, "sizes": "34"},
        {**GOOD, "sizes": [3, 10**12]},
        {**GOOD, "size": 0},
        {k: v for k, v in GOOD.items() if k != "size"},
    ],
)
def test_file_that_describes_no_policy_is_refused(tmp_path, policy):
    path = tmp_path / "policy.npz"
    save_checkpoint(path, {"θ": np.zeros(NeuralPolicy((3, 4), Categorical(2)).n)}, {"policy": policy})
    with pytest.raises(ValueError, match=r"policy\.npz is not a saved policy"):
        load_policy(path)


@pytest.mark.parametrize(
    "arrays", [{}, {"θ": np.zeros(2)}, {"θ": np.full(26, np.nan)}, {"observation.mean": np.ones(3)}]
)
def test_file_whose_arrays_do_not_fit_is_refused(tmp_path, arrays):
    path = tmp_path / "policy.npz"
    θ = {"θ": np.zeros(NeuralPolicy((3, 4), Categorical(2)).n)} if "observation.mean" in arrays else {}
    save_checkpoint(path, θ | arrays, {"policy": GOOD})
    with pytest.raises(ValueError, match=r"policy\.npz is not a saved policy"):
        load_policy(path)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_policy(tmp_path / "none.npz")
    save_policy(tmp_path / "policy.npz", LinearGaussianPolicy(), [0.0, 1.0])
    whole = (tmp_path / "policy.npz").read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.npz").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"cut\.npz is not a"):
            load_policy(tmp_path / "cut.npz")


# ---- acting in an environment


def test_observation_statistics_are_saved_with_the_policy(tmp_path):
    P = GymnasiumProblem("Pendulum-v1", 0.9, n_envs=4, normalize_observations=True, seed=0)
    π = P.policy((8,))
    θ = π.init(0)
    P.collect(π, θ, 400, rng=0)
    save_policy(tmp_path / "policy.npz", π, θ, P)
    loaded, observation = load_policy(tmp_path / "policy.npz"), np.array([0.5, -0.5, 3.0], np.float32)
    seen = np.clip(
        (observation - P.observation_statistics["mean"]) / np.sqrt(P.observation_statistics["variance"]), -10, 10
    )
    np.testing.assert_allclose(loaded.act(observation), np.clip(2 * π.mode(θ, seen), -2, 2), rtol=1e-5)
    P.collect(π, θ, 400, rng=0)  # what the problem sees later does not reach the loaded one
    np.testing.assert_allclose(loaded.act(observation), np.clip(2 * π.mode(θ, seen), -2, 2), rtol=1e-5)


@pytest.mark.parametrize(
    ("space", "expected"),
    [(spaces.Discrete(3, start=5), 7), (spaces.MultiDiscrete([3, 2], start=[1, -1]), [3, -1]), (spaces.Discrete(3), 2)],
)
def test_whole_number_actions_count_as_the_environment_does(tmp_path, space, expected):
    P = GymnasiumProblem(lambda: Spaces(spaces.Box(-1, 1, (2,)), space), 0.9, n_envs=2)
    π = P.policy((4,))
    θ = np.zeros(π.n)
    θ[-π.head.n_outputs :] = [0, 0, 9] if isinstance(space, spaces.Discrete) else [0, 0, 9, 9, 0]
    save_policy(tmp_path / "policy.npz", π, θ, P)
    a = load_policy(tmp_path / "policy.npz").act(np.zeros(2, np.float32))
    np.testing.assert_array_equal(a, expected)
    assert space.contains(a if isinstance(space, spaces.Discrete) else np.asarray(a, space.dtype))


def test_real_actions_stay_within_the_bounds_of_the_environment(tmp_path):
    P = GymnasiumProblem("Pendulum-v1", 0.9, n_envs=1)
    π = P.policy((4,))
    θ = np.zeros(π.n)
    θ[-2] = 50.0  # bias of the mean
    save_policy(tmp_path / "policy.npz", π, θ, P)
    a = load_policy(tmp_path / "policy.npz").act(np.zeros(3, np.float32))
    assert P.env.single_action_space.contains(a)
    np.testing.assert_array_equal(a, [2.0])


# ---- evaluation


def counting_policy():
    π = NeuralPolicy((2, 4), Categorical(2))
    return TrainedPolicy(π, np.zeros(π.n))


def test_evaluation_plays_whole_episodes():
    """Odd and even episodes of a counting environment: 0 + 1 + .. and 10 more a step."""
    found = evaluate(counting_policy(), Counting(), 4)
    even, odd = 1 + 2 + 3 + 4, 10 * 3 + 1 + 2 + 3
    assert found.returns.tolist() == [even, odd, 2 * 10 * 4 + even, 3 * 10 * 3 + 6]
    assert found.lengths.tolist() == [4, 3, 4, 3]
    assert found.mean == pytest.approx(np.mean(found.returns))
    assert found.low < found.mean < found.high


def test_every_copy_plays_its_share_so_that_short_episodes_are_not_favoured():
    P = GymnasiumProblem(gymnasium.vector.SyncVectorEnv([lambda: Counting(2, 2), lambda: Counting(9, 9)]), 0.9)
    found = evaluate(counting_policy(), P, 5)
    assert sorted(found.lengths.tolist()) == [2, 2, 2, 9, 9]
    assert P.steps == 0


def test_equal_returns_have_an_interval_with_a_width():
    found = evaluate(counting_policy(), lambda: Counting(3, 3), 8)
    assert found.low < found.mean == 6.0 < found.high
    said = "with fewer than 20 the interval says little; all alike, which leaves room for rare others"
    assert str(found) == f"6 (3.977 to 8.023, 8 episodes; {said})"
    within = evaluate(counting_policy(), lambda: Counting(3, 3), 8, bounds=(0, 6))
    assert 0 <= within.low < within.mean == within.high == 6.0
    assert str(evaluate(counting_policy(), Counting(), 20)).endswith(", 20 episodes)")


@pytest.mark.parametrize("wrong", [3, "x", [0.0, 0.0], [[0.0]], [[0.0] * 4] * 2, [0.0, np.nan, 0.0], [0, 0, 1j]])
def test_what_a_network_cannot_see_is_refused_by_name(wrong):
    π = NeuralPolicy((3, 4), Categorical(2))
    policy = TrainedPolicy(π, π.init(rng=0), {}, {})
    with pytest.raises(ValueError, match=r"observation = .*: must be 3 finite numbers, or a batch of such rows"):
        policy.act(wrong)
    assert policy.act([[0.0, 0.0, 0.0]]).shape == (1,)


def test_a_policy_of_another_environment_is_told_by_what_it_cannot_see():
    π = NeuralPolicy((4, 4), Categorical(2))
    with pytest.raises(ValueError, match=r"observation = .*: must be 4 finite numbers"):
        evaluate(TrainedPolicy(π, π.init(rng=0), {}, {}), "MountainCar-v0", 2)


@pytest.mark.parametrize("bounds", [(0.0, 5.0), (7, 9), (2, 1), 3, (0, np.nan)])
def test_bounds_that_are_not_around_all_returns_are_refused(bounds):
    with pytest.raises(ValueError, match="bounds = "):
        evaluate(counting_policy(), lambda: Counting(3, 3), 8, bounds=bounds)


def test_interval_covers_the_mean_about_as_often_as_it_says():
    """Returns of N(0, 1): intervals of 80 % from 30 episodes, 200 times; 160 expected, standard deviation 5.7."""

    class Noise(gymnasium.Env):
        observation_space, action_space = spaces.Box(-1, 1, (2,)), spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(2, np.float32), {}

        def step(self, action):
            return np.zeros(2, np.float32), float(self.np_random.normal()), True, False, {}

    found = [evaluate(counting_policy(), Noise(), 30, seed=k, confidence=0.8) for k in range(200)]
    assert 135 <= sum(x.low <= 0 <= x.high for x in found) <= 180


def test_same_seed_gives_the_same_evaluation():
    π = NeuralPolicy((4, 4), Categorical(2))
    policy = TrainedPolicy(π, π.init(0))
    for mode in (True, False):
        first, second, other = (evaluate(policy, "CartPole-v1", 10, mode=mode, seed=k) for k in (1, 1, 2))
        np.testing.assert_array_equal(first.returns, second.returns)
        assert not np.array_equal(first.returns, other.returns)


def test_sampled_actions_differ_from_the_mode():
    π = LinearGaussianPolicy()
    policy, P = TrainedPolicy(π, np.array([-0.5, 1.0])), SimpleRegulator(0.9)
    best, drawn = (evaluate(policy, P, 200, mode=mode, d=10) for mode in (True, False))
    assert best.low > drawn.high
    assert best.lengths.tolist() == [10] * 200


def test_episode_that_never_ends_is_an_error():
    P = GymnasiumProblem(lambda: Counting(10**9, 10**9), 0.9, n_envs=2)
    with pytest.raises(ValueError, match="an episode takes more than max_steps = 50 steps"):
        P.play(counting_policy().choose, 2, 0, max_steps=50)
