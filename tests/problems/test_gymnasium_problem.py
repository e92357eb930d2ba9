"""GymnasiumProblem: every kind of environment, the three ways of resetting, statistics, seeds, errors."""

import math

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, strategies as st

from decision_making import (
    LinearCritic,
    NeuralPolicy,
    TrustRegionPolicyOptimization,
    for_environment,
    rollouts,
    step,
    train,
)
from decision_making.problems import GymnasiumProblem, check
from decision_making.problems.running_statistics import RunningStatistics, normalized_observations
from decision_making.training import evaluate
from decision_making.training.policy_files import trained
from decision_making.trust_region_policy_optimization.update import estimates


class Counting(gymnasium.Env):
    """Counts its steps. Even episodes terminate after `long` steps, odd ones are truncated after `short`.

    The observation is (steps in this episode, episode), the reward 10 · episode + steps.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, long=4, short=3):
        self.long, self.short, self.episode = long, short, -1

    def _observation(self):
        return np.array([self.k, self.episode], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.episode = -1
        self.k, self.episode = 0, self.episode + 1
        return self._observation(), {}

    def step(self, action):
        self.k += 1
        even = self.episode % 2 == 0
        return (
            *(self._observation(), 10.0 * self.episode + self.k),
            *(even and self.k == self.long, not even and self.k == self.short, {}),
        )


MODES = {"next": AutoresetMode.NEXT_STEP, "same": AutoresetMode.SAME_STEP, "disabled": AutoresetMode.DISABLED}


def counting(mode, n=3, γ=0.9, **options):
    """Copies whose episodes have different lengths, so that they end at different times."""
    makers = [lambda i=i: Counting(4 + i, 3 + i) for i in range(n)]
    return GymnasiumProblem(SyncVectorEnv(makers, autoreset_mode=MODES[mode]), γ, **options)


def stream(i, steps, mode):
    """What copy i goes through in so many vector steps: (s, r, s_next, terminated, truncated) of the real ones."""
    env, out, k = Counting(4 + i, 3 + i), [], 0
    s, _ = env.reset(seed=0)
    while k < steps:
        s_next, r, terminated, truncated, _ = env.step(0)
        out.append((s, r, s_next, terminated, truncated))
        k += 1
        s = s_next
        if terminated or truncated:
            s, _ = env.reset()
            k += mode == "next"  # the reset takes a step of its own
    return out


def pieces(steps):
    """The steps of one copy, cut after every end."""
    rows, row = [], []
    for x in steps:
        row.append(x)
        if x[3] or x[4]:
            rows, row = [*rows, row], []
    return [*rows, row] if row else rows


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("k", [1, 2, 5, 9, 23])
def test_batch_is_what_a_loop_over_single_environments_sees(mode, k):
    P = counting(mode)
    τs = P.collect(P.policy((4,)), np.zeros(P.policy((4,)).n), 3 * k, rng=0)
    expected = [row for i in range(3) for row in pieces(stream(i, k, mode))]
    assert len(τs) == len(expected)
    assert P.steps == τs.mask.sum() == sum(map(len, expected))
    for i, row in enumerate(expected):
        length = len(row)
        assert τs.lengths[i] == length
        np.testing.assert_array_equal(τs.s[i, :length], [x[0] for x in row])
        np.testing.assert_array_equal(τs.r[i, :length], [x[1] for x in row])
        np.testing.assert_array_equal(τs.s_end[i], row[-1][2])
        assert τs.terminated[i] == row[-1][3]
        assert τs.truncated[i] == (not row[-1][3])
    finished = [row for row in expected if row[-1][3] or row[-1][4]]
    assert sorted(P.episodes[0]) == sorted(sum(x[1] for x in row) for row in finished)
    assert sorted(P.episodes[1]) == sorted(map(len, finished))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("λ", [0.0, 0.7, 1.0])
def test_exact_advantages_of_the_counting_environment(mode, λ):
    """Ends bootstrap by nothing, time limits and the end of the batch by the value of their true last observation."""
    P, γ, k = counting(mode), 0.9, 11
    critic, φ = LinearCritic(2, degree=1), np.array([2.0, -1.0, 0.5])
    M = TrustRegionPolicyOptimization(P, 3 * k, critic, λ=λ, normalize_advantages=False)
    A, targets, V = estimates(M, φ, P.collect(P.policy((4,)), np.zeros(P.policy((4,)).n), 3 * k, rng=0))

    def value(s):
        return float(np.clip(s, -10, 10) @ φ[:2] + φ[2])

    expected = []
    for i in range(3):
        for row in pieces(stream(i, k, mode)):
            δ = [r + γ * (0.0 if terminated else value(s_next)) - value(s) for s, r, s_next, terminated, _ in row]
            expected += [sum((γ * λ) ** (h - j) * δ[h] for h in range(j, len(δ))) for j in range(len(δ))]
    np.testing.assert_allclose(A, expected, rtol=1e-6)
    np.testing.assert_allclose(targets - V, expected, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_episodes_go_on_from_one_batch_to_the_next(mode):
    """Two batches are one long one, cut once more; returns are of whole episodes."""
    π = counting(mode).policy((4,))
    θ, whole, halves = np.zeros(π.n), counting(mode), counting(mode)
    τs = whole.collect(π, θ, 3 * 20, rng=0)
    finished = np.sort(whole.episodes[0])
    first, ended = halves.collect(π, θ, 3 * 10, rng=0), halves.episodes[0]
    second = halves.collect(π, θ, 3 * 10, rng=1)
    rewards = np.concatenate([first.flat()[2], second.flat()[2]])
    np.testing.assert_array_equal(np.sort(rewards), np.sort(τs.flat()[2]))
    np.testing.assert_array_equal(np.sort([*ended, *halves.episodes[0]]), finished)


@pytest.mark.parametrize("mode", MODES)
def test_restart_ends_the_episodes(mode):
    P = counting(mode)
    π = P.policy((4,))
    P.collect(π, np.zeros(π.n), 3 * 2, rng=0)
    P.restart(0)
    τs = P.collect(π, np.zeros(π.n), 3, rng=0)
    np.testing.assert_array_equal(τs.s[:, 0], np.zeros((3, 2)))
    P.collect(π, np.zeros(π.n), 3 * 3, rng=0)
    assert P.episodes[1].tolist() == [4]  # the steps before the restart are not counted


def test_rollouts_are_whole_episodes_from_fresh_resets():
    P = counting("next")
    π = P.policy((4,))
    τs = rollouts(P, None, π, np.zeros(π.n), 6, 5, rng=0)
    assert τs.r.shape == (5, 6)
    np.testing.assert_array_equal(τs.lengths, [4, 5, 6, 4, 5])
    np.testing.assert_array_equal(τs.s[:, 0], np.zeros((5, 2)))
    np.testing.assert_array_equal(τs.terminated, [True] * 5)
    short = rollouts(P, None, π, np.zeros(π.n), 3, 2, rng=0)
    np.testing.assert_array_equal(short.lengths, [3, 3])
    assert short.truncated.all()
    np.testing.assert_array_equal(short.s_end[:, 0], [3, 3])


# ---- spaces


class Spaces(gymnasium.Env):
    """Any spaces; a step checks that its action is in the space."""

    def __init__(self, observations, actions):
        self.observation_space, self.action_space, self.k = observations, actions, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise AssertionError(f"{action!r} is not in {self.action_space}")
        self.k += 1
        return self.observation_space.sample(), 1.0, self.k % 7 == 0, False, {}


ACTIONS = {
    "Discrete": (spaces.Discrete(3), "Categorical"),
    "Discrete from 5": (spaces.Discrete(3, start=5), "Categorical"),
    "MultiDiscrete": (spaces.MultiDiscrete([3, 2]), "MultiCategorical"),
    "MultiDiscrete from": (spaces.MultiDiscrete([3, 2], start=[1, -1]), "MultiCategorical"),
    "MultiBinary": (spaces.MultiBinary(3), "Bernoulli"),
    "Box": (spaces.Box(-0.5, 0.5, (2,), np.float32), "Gaussian"),
    "unbounded Box": (spaces.Box(-np.inf, np.inf, (1,), np.float64), "Gaussian"),
}
OBSERVATIONS = {
    "Box": (spaces.Box(-1, 1, (3,)), 3),
    "image": (spaces.Box(0, 255, (2, 2, 3), np.uint8), 12),
    "Discrete": (spaces.Discrete(4), 4),
    "MultiBinary": (spaces.MultiBinary(3), 3),
    "Tuple": (spaces.Tuple((spaces.Discrete(3), spaces.Box(-1, 1, (2,)))), 5),
    "Dict": (spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Discrete(2)}), 4),
}


@pytest.mark.parametrize("actions", ACTIONS)
@pytest.mark.parametrize("observations", ["Box", "Dict"])
def test_action_space(actions, observations):
    """Every action reaches the environment as a member of its space, and one update learns from the batch."""
    space, head = ACTIONS[actions]
    P = GymnasiumProblem(lambda: Spaces(OBSERVATIONS[observations][0], space), 0.9, n_envs=2)
    assert type(P.head).__name__ == head
    π = P.policy((4,))
    M = TrustRegionPolicyOptimization(P, 40, LinearCritic(P.observation_width, 1))
    taken = step(M, π, π.init(0), M.critic.init(), rng=0)
    assert np.isfinite(taken.θ).all()


@pytest.mark.parametrize("observations", OBSERVATIONS)
@pytest.mark.parametrize("made", ["factory", "environment", "vector environment"])
def test_observation_space(observations, made):
    space, width = OBSERVATIONS[observations]
    env = {
        "factory": lambda: Spaces(space, spaces.Discrete(2)),
        "environment": Spaces(space, spaces.Discrete(2)),
        "vector environment": SyncVectorEnv([lambda: Spaces(space, spaces.Discrete(2))] * 2),
    }[made]
    P = GymnasiumProblem(env, 0.9, n_envs=1 if made == "environment" else 2)
    assert P.observation_width == width
    π = P.policy((4,))
    τs = P.collect(π, π.init(0), 20, rng=0)
    assert τs.s.shape[2:] == (width,)
    assert τs.s.dtype == np.float32
    if observations == "Discrete":
        np.testing.assert_array_equal(τs.s.sum(axis=-1), 1)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 10**6, (2,), np.int32),
        spaces.Box(-1, 1, (0,)),
        spaces.Dict({"a": spaces.Discrete(2)}),
        spaces.Text(3),
    ],
)
def test_action_space_that_is_not_supported_is_named(space):
    with pytest.raises(TypeError, match=r"(?s)GymnasiumProblem\.action_space = .*: must be Discrete, MultiDiscrete"):
        GymnasiumProblem(lambda: Spaces(spaces.Box(-1, 1, (2,)), space), 0.9)


# ---- where it comes from


def test_vector_entry_point_is_used_where_there_is_one():
    assert GymnasiumProblem("CartPole-v1", 0.99, n_envs=3).env.unwrapped.__class__.__name__ == "CartPoleVectorEnv"
    assert isinstance(GymnasiumProblem("Acrobot-v1", 0.99, n_envs=3).env, SyncVectorEnv)


def test_time_limits_of_the_registry_are_kept():
    """Pendulum never terminates: all its episodes are cut at 200 steps."""
    P = GymnasiumProblem("Pendulum-v1", 0.9, n_envs=2)
    π = P.policy((4,))
    τs = P.collect(π, π.init(0), 2 * 250, rng=0)
    assert P.episodes[1].tolist() == [200, 200]
    assert not τs.terminated.any()
    assert np.isfinite(τs.s_end).all()
    assert isinstance(P.env.single_action_space, spaces.Box)


def test_cart_pole_entry_point_matches_single_environments():
    """The vector entry point's rows follow the dynamics: no step joins the end of one episode to the next start."""
    P = GymnasiumProblem("CartPole-v1", 0.99, n_envs=4, seed=0)
    π = P.policy((4,))
    τs = P.collect(π, π.init(0), 4 * 200, rng=0)
    x_next = np.concatenate([τs.s[:, 1:, 0], np.zeros((len(τs), 1), np.float32)], axis=1)
    last = τs.lengths - 1
    x_next[np.arange(len(τs)), last] = τs.s_end[:, 0]
    predicted = τs.s[..., 0] + 0.02 * τs.s[..., 1]
    np.testing.assert_allclose(x_next[τs.mask], predicted[τs.mask], atol=1e-6)
    np.testing.assert_array_equal(τs.flat()[2], 1.0)
    fell = (abs(τs.s_end[:, 0]) > 2.4) | (abs(τs.s_end[:, 2]) > 12 * 2 * math.pi / 360)
    np.testing.assert_array_equal(τs.terminated, fell)


@pytest.mark.parametrize(
    ("env", "options", "error", "message"),
    [
        ("NoSuchEnvironment-v0", {}, ValueError, "env = 'NoSuchEnvironment-v0': no environment of that id"),
        ("Not/Mine-v0", {}, ValueError, 'one that a module of yours registers is "module:Not/Mine-v0"'),
        ("CartPole-v1", {"γ": 1.5}, ValueError, r"GymnasiumProblem\.γ = 1.5"),
        ("CartPole-v1", {"γ": float("nan")}, ValueError, r"GymnasiumProblem\.γ = nan"),
        ("CartPole-v1", {"n_envs": 0}, ValueError, r"GymnasiumProblem\.n_envs = 0"),
        ("CartPole-v1", {"n_envs": 2.0}, ValueError, r"GymnasiumProblem\.n_envs = 2.0"),
        (7, {}, TypeError, r"GymnasiumProblem\.env = 7: must be an id, an environment, a factory"),
        (Counting(), {"n_envs": 2}, ValueError, "n_envs = 2: must be 1 for an environment that is already made"),
    ],
)
def test_bad_construction_is_named(env, options, error, message):
    with pytest.raises(error, match=message):
        GymnasiumProblem(env, **{"γ": 0.9, **options})


@pytest.mark.parametrize("steps", [0, 1, 7, -3])
def test_batch_that_n_envs_does_not_divide_is_refused(steps):
    P = counting("next")
    with pytest.raises(ValueError, match=rf"steps = {steps}: must be a multiple of n_envs = 3"):
        P.collect(P.policy((4,)), np.zeros(P.policy((4,)).n), steps)


class Broken(Counting):
    """Gives what is not finite at its fifth step."""

    def __init__(self, what):
        super().__init__(100, 100)
        self.what = what

    def step(self, action):
        s, r, *rest = super().step(action)
        if self.k == 5:
            s, r = (s * np.nan, r) if self.what == "observation" else (s, float(self.what))
        return s, r, *rest


@pytest.mark.parametrize(("what", "shown"), [("nan", "nan"), ("inf", "inf"), ("observation", r"\[nan nan\]")])
def test_environment_that_returns_what_is_not_finite_is_named(what, shown):
    P = GymnasiumProblem(lambda: Broken(what), 0.9, n_envs=2)
    π = P.policy((4,))
    with pytest.raises(ValueError, match=rf"environment 0 gave .*{shown}.* after 4 steps of its episode"):
        P.collect(π, np.zeros(π.n), 20, rng=0)


# ---- statistics


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 9))
def test_running_statistics_are_those_of_all_rows(sizes, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(100.0, 3.0, (sum(sizes), 2)) * [1.0, 1e-3]
    statistics, i = RunningStatistics.empty(2), 0
    for size in sizes:
        statistics.merge(RunningStatistics.of(x[i : i + size]))
        i += size
    statistics.merge(RunningStatistics.of(x[:0]))
    assert statistics.count == len(x)
    np.testing.assert_allclose(statistics.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.variance, x.var(axis=0), rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_statistics_are_frozen_within_a_batch_and_of_real_steps_only(mode):
    """A second batch is seen through the mean and the variance of the first, s_end included."""
    P, raw = counting(mode, normalize_observations=True), counting(mode)
    π = P.policy((4,))
    for Q in (P, raw):
        Q.collect(π, np.zeros(π.n), 3 * 10, rng=0)
    seen = P.observation_statistics
    τs, plain = (Q.collect(π, np.zeros(π.n), 3 * 10, rng=0) for Q in (P, raw))
    np.testing.assert_array_equal(τs.s, normalized_observations(plain.s, seen["mean"], seen["variance"]))
    np.testing.assert_array_equal(τs.s_end, normalized_observations(plain.s_end, seen["mean"], seen["variance"]))
    np.testing.assert_array_equal(τs.r, plain.r)
    first = [x[0] for i in range(3) for x in stream(i, 10, mode)]
    np.testing.assert_allclose(seen["mean"], np.mean(first, axis=0), rtol=1e-6)
    np.testing.assert_allclose(seen["variance"], np.var(first, axis=0), rtol=1e-6)
    assert raw.observation_statistics is None


@pytest.mark.parametrize("mode", MODES)
def test_rewards_are_divided_by_the_deviation_of_the_discounted_return(mode):
    P, γ = counting(mode, scale_rewards=True), 0.9
    π = P.policy((4,))
    τs = P.collect(π, np.zeros(π.n), 3 * 15, rng=0)
    discounted = []
    for i in range(3):
        for row in pieces(stream(i, 15, mode)):
            R = 0.0
            for x in row:
                R = γ * R + x[1]
                discounted.append(R)
    scale = math.sqrt(np.var(discounted) + 1e-8)
    plain = counting(mode).collect(π, np.zeros(π.n), 3 * 15, rng=0)
    np.testing.assert_allclose(τs.r, np.clip(plain.r / scale, -10, 10), rtol=1e-9)
    whole = [
        sum(x[1] for x in row) for i in range(3) for row in pieces(stream(i, 15, mode)) if row[-1][3] or row[-1][4]
    ]
    np.testing.assert_allclose(sorted(P.episodes[0]), sorted(whole))  # the returns reported are the environment's own


# ---- the same seed, the same numbers


def options():
    return {"n_envs": 4, "normalize_observations": True, "scale_rewards": True}


def same(τs, others):
    for name in ("s", "a", "r", "mask", "s_end", "terminated"):
        np.testing.assert_array_equal(getattr(τs, name), getattr(others, name))


def test_same_seed_gives_the_same_batch():
    for env in ("CartPole-v1", "Pendulum-v1"):
        P, Q = (GymnasiumProblem(env, 0.99, seed=7, **options()) for _ in range(2))
        π = P.policy((4,))
        same(P.collect(π, π.init(0), 400, rng=3), Q.collect(π, π.init(0), 400, rng=3))


def test_state_and_restart_resume_bit_for_bit():
    P, Q = (GymnasiumProblem("CartPole-v1", 0.99, **options()) for _ in range(2))
    π = P.policy((4,))
    for k in range(3):
        P.collect(π, π.init(0), 400, rng=k)
    Q.restore(P.state())
    for R in (P, Q):
        R.restart(99)
    same(P.collect(π, π.init(0), 400, rng=5), Q.collect(π, π.init(0), 400, rng=5))
    assert P.steps == Q.steps
    for name, value in P.state().items():
        np.testing.assert_array_equal(value, Q.state()[name])


def test_state_is_a_copy():
    P = counting("next", normalize_observations=True)
    π = P.policy((4,))
    P.restart(0)
    before = P.state()
    kept = {name: np.copy(value) for name, value in before.items()}
    P.collect(π, np.zeros(π.n), 30, rng=0)
    for name, value in before.items():
        np.testing.assert_array_equal(value, kept[name])


def test_state_of_another_problem_is_refused():
    with pytest.raises(ValueError, match=r"statistics of observations \(4,\), this problem's are \(2,\)"):
        counting("next").restore(GymnasiumProblem("CartPole-v1", 0.9).state())


def test_policy_suits_the_spaces_and_the_context_closes_the_environments():
    with GymnasiumProblem("Acrobot-v1", 0.99, n_envs=2) as P:
        assert P.policy((8, 8)) == NeuralPolicy((6, 8, 8), P.head)
        assert "Acrobot-v1" in repr(P)
    assert P.env.unwrapped.closed


class Jammed(Counting):
    """Cannot be closed."""

    def close(self):
        raise OSError("port not open")


def test_what_was_done_with_an_environment_that_cannot_be_closed_is_not_lost():
    said = r"Jammed: close raised OSError: port not open"
    with pytest.warns(UserWarning, match=said):
        assert check(Jammed, steps=50).name == "Jammed"
    with pytest.warns(UserWarning, match=said):
        M, π, θ, φ = for_environment(Jammed, n_envs=2, steps_per_update=16)
    assert len(train(M, π, θ, φ, rng=0, updates=1)) == 1
    with pytest.warns(UserWarning, match=said):
        assert len(evaluate(trained(π, θ, M.P), Jammed, 3).returns) == 3
    with pytest.warns(UserWarning, match=said), pytest.raises(ZeroDivisionError), M.P:
        1 / 0  # noqa: B018


def test_environment_that_reuses_its_buffer_is_copied():
    env = SyncVectorEnv([Counting] * 2, copy=False)
    P = GymnasiumProblem(env, 0.9)
    π = P.policy((4,))
    τs = P.collect(π, np.zeros(π.n), 2 * 4, rng=0)
    np.testing.assert_array_equal(τs.s[0, :, 0], [0, 1, 2, 3])


@pytest.mark.parametrize("whole_batches", [1, 2, 3])
def test_batch_in_which_every_copy_only_resets_itself_goes_on_for_a_step(whole_batches):
    """In NEXT_STEP mode a batch of one step each is nothing but resets where all episodes have just ended."""
    makers = [lambda: Counting(2, 2)] * 2
    P = GymnasiumProblem(SyncVectorEnv(makers, autoreset_mode=MODES["next"]), 0.9)
    π = P.policy((4,))
    seen = [P.collect(π, np.zeros(π.n), 2, rng=0) for _ in range(2 + whole_batches)]
    assert all(τs.mask.sum() == 2 for τs in seen)
    assert [τs.s[0, 0, 0] for τs in seen] == [0, 1, 0, 1, 0][
        : len(seen)
    ]  # steps in the episode: the third batch goes on
    assert P.steps == 2 * len(seen)
