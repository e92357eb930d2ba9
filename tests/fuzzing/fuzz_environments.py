"""Environments of a grammar, which keep a log of what was done with them: it is recounted by a plain loop."""

import math
from contextlib import suppress

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import decision_making as dm
from decision_making.problems import GymnasiumProblem
from decision_making.training import evaluate, load_policy, save_policy
from decision_making.training.policy_files import TrainedPolicy
from tests.fuzzing.fuzz_numbers import one_of
from tests.fuzzing.harness import fuzzer

MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


def box(rng):
    shape = one_of(rng, (), (1,), (3,), (2, 2), (2, 1, 2))
    kind = rng.integers(6)
    if kind == 0:
        return spaces.Box(-np.inf, np.inf, shape, np.float32)
    if kind == 1:
        return spaces.Box(-1, 2, shape, one_of(rng, np.float32, np.float64, np.float16))
    if kind == 2:
        return spaces.Box(0, 255, shape, np.uint8)
    if kind == 3:
        return spaces.Box(-(2**40), 2**40, shape, np.int64)
    if kind == 4:
        return spaces.Box(0, np.inf, shape, np.float64)
    low = rng.normal(size=shape).astype(np.float32)
    return spaces.Box(low, np.asarray(low + 1, np.float32))


def observations(rng, depth=2):
    kind = rng.integers(9 if depth else 6)
    if kind in (0, 1):
        return box(rng)
    if kind == 2:
        return spaces.Discrete(int(rng.integers(1, 6)), start=int(rng.integers(-3, 4)))
    if kind == 3:
        return spaces.MultiDiscrete(rng.integers(1, 4, size=one_of(rng, (1,), (3,), (2, 2))))
    if kind == 4:
        return spaces.MultiBinary(one_of(rng, 1, 3, (2, 2)))
    if kind == 5:
        return one_of(rng, spaces.Text(3), spaces.OneOf([spaces.Discrete(2), spaces.Box(-1, 1, (2,))]), box(rng))
    parts = [observations(rng, depth - 1) for _ in range(rng.integers(1, 4))]
    if kind == 6:
        return spaces.Tuple(parts)
    return spaces.Dict({f"{'zyxab'[i]}": part for i, part in enumerate(parts)})


def actions(rng):
    return one_of(
        rng,
        spaces.Discrete(int(rng.integers(1, 5)), start=int(rng.integers(-2, 3))),
        spaces.MultiDiscrete(rng.integers(1, 4, size=int(rng.integers(1, 4)))),
        spaces.MultiBinary(int(rng.integers(1, 4))),
        spaces.Box(-1, 1, (int(rng.integers(1, 4)),), one_of(rng, np.float32, np.float64)),
        spaces.Box(-np.inf, np.inf, (2,), np.float32),
        spaces.Box(np.array([-2, 0], np.float32), np.array([0.5, np.inf], np.float32)),
        spaces.Box(-1, 1, (), np.float32),
    )


class Logged(gymnasium.Env):
    """Observations, rewards and ends are random numbers of the seed of the last seeded reset; everything is logged."""

    def __init__(self, observation_space, action_space, *, terminates, truncates, reuses, reward, longest):
        self.observation_space, self.action_space = observation_space, action_space
        self.terminates, self.truncates, self.reuses, self.reward = terminates, truncates, reuses, reward
        self.longest, self.log, self.buffer, self.numbers = longest, [], None, np.random.default_rng(0)

    def observed(self):
        self.observation_space.seed(int(self.numbers.integers(2**31)))
        x = self.observation_space.sample()
        self.log[-1]["observation"] = spaces.flatten(self.observation_space, x).astype(np.float32)
        if self.reuses and isinstance(x, np.ndarray) and x.ndim:
            if self.buffer is None:
                self.buffer = np.empty_like(x)
            self.buffer[...] = x
            return self.buffer
        return x

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self.numbers = np.random.default_rng(seed)
        self.k = 0
        self.log.append({"what": "reset", "seed": seed})
        return self.observed(), {}

    def step(self, action):
        action = np.asarray(action) if isinstance(self.action_space, spaces.Box) else action
        assert self.action_space.contains(action), action
        self.k += 1
        u = self.numbers.random(2)
        r = self.reward(float(self.numbers.normal()))
        terminated = bool(u[0] < self.terminates)
        truncated = bool(u[1] < self.truncates) or self.k >= self.longest
        entry = {"what": "step", "action": np.array(action), "r": float(r)}
        self.log.append(entry | {"terminated": terminated, "truncated": truncated})
        x = self.observed()
        if isinstance(action, np.ndarray) and action.ndim and action.flags.writeable:
            action[...] = 0  # as environments may
        return x, r, terminated, truncated, {}


def grammar(rng):
    """A function that makes a problem, and the environments in it, afresh; the same each time."""
    observation, action = observations(rng), actions(rng)
    settings = {
        "terminates": one_of(rng, 0.0, 0.1, 0.5, 1.0),
        "truncates": one_of(rng, 0.0, 0.1, 0.5),
        "reuses": bool(rng.integers(2)),
        "reward": one_of(rng, float, np.float32, np.float64, lambda x: int(10 * x), lambda x: x > 0, lambda x: 0.0),
        "longest": int(rng.integers(1, 12)),
    }
    how, n = rng.integers(5), int(rng.integers(1, 5))
    options = {"normalize_observations": bool(rng.integers(2)), "scale_rewards": bool(rng.integers(2))}
    options["seed"] = one_of(rng, None, 0, 5)

    def make(**more):
        envs = []

        def one():
            envs.append(Logged(observation, action, **settings))
            return envs[-1]

        if how == 0:
            return GymnasiumProblem(one, 0.9, n_envs=n, **options | more), envs
        if how == 1:
            return GymnasiumProblem(one(), 0.9, n_envs=1, **options | more), envs
        vector = SyncVectorEnv([one] * n, autoreset_mode=MODES[how - 2])
        return GymnasiumProblem(vector, 0.9, **options | more), envs

    return make


def pieces(log, at, k, mode):
    """Of one environment, the steps of its next k turns from place `at` of its log, cut after ends; and the next place.

    `at` is that of the reset or step whose observation comes first.
    """
    rows, row, turns = [], [], 0
    while turns < k:
        before, at = log[at], at + 1
        now = log[at]
        if now["what"] == "reset":
            turns += mode == "next_step"
            continue
        turns += 1
        row.append({**now, "s": before["observation"], "s_next": now["observation"]})
        if now["terminated"] or now["truncated"]:
            rows, row = [*rows, row], []
    return [*rows, row] if row else rows, at


def in_bounds(a, low, high):
    """One component of an action in the units of the environment: -1 and 1 are the bounds that there are."""
    if np.isfinite(low) and np.isfinite(high):
        a = low + (float(a) + 1) / 2 * (float(high) - low)
    elif np.isfinite(low):
        a = low + 1 + float(a)
    elif np.isfinite(high):
        a = high - 1 + float(a)
    return min(max(a, low), high)


def sent(space, a):
    if isinstance(space, spaces.Box):
        return np.reshape(
            [in_bounds(*x) for x in zip(a, space.low.ravel(), space.high.ravel(), strict=True)], space.shape
        )
    return a + space.start if isinstance(space, spaces.Discrete | spaces.MultiDiscrete) else a


@fuzzer
def collected_steps(rng, folder):
    make = grammar(rng)
    P, envs = make(normalize_observations=False, scale_rewards=False)
    π = P.policy(one_of(rng, (), (4,)))
    θ = rng.normal(size=π.n).astype(one_of(rng, np.float64, np.float32))
    at, total = None, 0
    for _ in range(rng.integers(1, 4)):
        k = int(rng.integers(1, 12))
        τs = P.collect(π, θ, k * P.n_envs, rng)
        at = [0] * P.n_envs if at is None else at
        expected = []
        while not expected:  # turns in which every copy only reset itself are no batch: one more
            begun, expected = list(at), []
            for i, env in enumerate(envs):
                found, begun[i] = pieces(env.log, at[i], k, P._mode)
                expected += found
            k += 1
        at = begun
        for i, env in enumerate(envs):
            if P._mode != "next_step" and at[i] + 1 < len(env.log) and env.log[at[i] + 1]["what"] == "reset":
                at[i] += 1
        assert len(τs) == len(expected)
        for i, row in enumerate(expected):
            assert τs.lengths[i] == len(row)
            np.testing.assert_array_equal(τs.s[i, : len(row)], [x["s"] for x in row])
            np.testing.assert_array_equal(τs.r[i, : len(row)], [x["r"] for x in row])
            np.testing.assert_array_equal(τs.s_end[i], row[-1]["s_next"])
            assert τs.terminated[i] == row[-1]["terminated"]
            for j, x in enumerate(row):
                np.testing.assert_allclose(sent(envs[0].action_space, τs.a[i, j]), x["action"], rtol=1e-5, atol=1e-6)
        total += sum(map(len, expected))
        assert P.steps == total
    P.close()


def played(log):
    """(return, length) of each episode in a log, the last one perhaps not ended."""
    rows = []
    for x in log:
        if x["what"] == "reset":
            rows.append([0.0, 0, False])
        else:
            rows[-1][0] += x["r"]
            rows[-1][1] += 1
            rows[-1][2] = x["terminated"] or x["truncated"]
    return rows


@fuzzer
def evaluated_episodes(rng, folder):
    make = grammar(rng)
    P, envs = make()
    π = P.policy((3,))
    θ = rng.normal(size=π.n)
    P.collect(π, θ, 4 * P.n_envs, rng)
    save_policy(folder / "policy.npz", π, θ, P)
    policy = load_policy(folder / "policy.npz")
    statistics = P.observation_statistics or {}
    direct = TrainedPolicy(π, θ, statistics, P.action_convention)
    x = rng.normal(size=(5, P.observation_width)).astype(np.float32)
    a = policy.act(x)
    np.testing.assert_array_equal(a, direct.act(x))
    space = envs[0].action_space
    assert all(space.contains(np.asarray(y) if isinstance(space, spaces.Box) else y) for y in a), a
    found = []
    episodes, mode = int(rng.integers(2, 12)), bool(rng.integers(2))
    for _ in range(2):
        P, envs = make()
        if rng.random() < 0.5:
            P.collect(π, θ, P.n_envs, 0)
        starts = [len(env.log) for env in envs]
        found.append(evaluate(policy, P, episodes, seed=3, mode=mode))
        expected = []
        for i, env in enumerate(envs):
            rows = [row for row in played(env.log[starts[i] :]) if row[2]]
            expected += rows[: episodes // P.n_envs + (i < episodes % P.n_envs)]
        order = np.lexsort((found[-1].returns, found[-1].lengths))
        expected.sort(key=lambda x: (x[1], x[0]))
        np.testing.assert_array_equal(found[-1].lengths[order], [x[1] for x in expected])
        np.testing.assert_allclose(found[-1].returns[order], [x[0] for x in expected], rtol=1e-12, atol=1e-12)
        assert found[-1].low <= found[-1].mean <= found[-1].high
        assert math.isclose(found[-1].mean, np.mean([x[0] for x in expected]), rel_tol=1e-9, abs_tol=1e-12)
    np.testing.assert_array_equal(found[0].returns, found[1].returns)


def an_update(rng, P):
    """A function that makes an update of the problem, and whether it has a critic."""
    kind = rng.integers(6)
    if kind < 4:
        n = P.n_envs * int(rng.integers(1, 8))
        critic = one_of(
            rng, dm.LinearCritic(P.observation_width), dm.NeuralCritic((P.observation_width, 3), iterations=2)
        )
        rule = one_of(rng, "trust_region", "natural", "restricted", "penalized", "clamped", "gradient")
        return lambda P: dm.TrustRegionPolicyOptimization(P, n, critic, rule=rule), critic.init(0)
    d, m = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    if kind == 4:
        return lambda P: dm.NaturalPolicyUpdate(P, lambda m, rng: np.zeros(m), d, m, 0.01), None
    width = P.observation_width
    φ = np.zeros(width)

    def U(φ, s):
        return (s * φ).sum(axis=-1)

    def make(P):
        pair = dm.GeneralizedAdvantageEstimation(P, lambda m, rng: np.zeros(m), d, m, U, 0.9, last_step="bootstrap")
        return dm.ActorCriticUpdate(pair, dm.PolicyGradientUpdate.rule(0.01), 1e-6)

    return make, φ


@fuzzer
def training_and_resuming(rng, folder):
    """Steps and episodes are what the log says; a run that is broken off and resumed is the same bit for bit."""
    make = grammar(rng)
    P, _ = make()
    π = P.policy(one_of(rng, (), (3,)))
    θ = rng.normal(size=π.n).astype(one_of(rng, np.float64, np.float64, np.float32)) * 0.1
    update, φ = an_update(rng, P)
    updates, every, seed = int(rng.integers(2, 6)), int(rng.integers(1, 4)), int(rng.integers(100))
    P, envs = make()
    try:
        whole = dm.train(update(P), π, θ, φ, rng=seed, updates=updates, folder=folder / "whole", checkpoint_every=every)
    except ValueError as error:  # steps along a plain gradient may diverge, and say so
        if isinstance(update(P), dm.ActorCriticUpdate) and any(
            x in str(error) for x in ("overflow", "density", "action of")
        ):
            return
        raise
    steps = sum(x["what"] == "step" for env in envs for x in env.log)
    assert whole["steps"][-1] == steps == P.steps, (whole["steps"], steps, P.steps)
    assert np.isfinite(whole.θ).all()
    assert len(whole) == updates
    assert len(whole.returns) == np.nansum(whole["episodes"])

    stop = int(rng.integers(1, updates + 1))
    seen = []

    def interrupted(row, taken):
        seen.append(row["kl"])
        if row["update"] == stop:
            raise KeyboardInterrupt

    P, _ = make()
    with suppress(KeyboardInterrupt):
        dm.train(
            *(update(P), π, θ, φ),
            rng=seed,
            updates=updates,
            folder=folder / "broken",
            checkpoint_every=every,
            callbacks=[interrupted],
        )
    np.testing.assert_array_equal(seen, whole["kl"][:stop])
    P, _ = make()
    again = dm.train(update(P), π, θ, φ, updates=updates, folder=folder / "broken", resume=True, checkpoint_every=every)
    np.testing.assert_array_equal(again.θ, whole.θ)
    if φ is not None:
        np.testing.assert_array_equal(again.φ, whole.φ)
    np.testing.assert_array_equal(again.returns, whole.returns)
    for name in ("update", "steps", "episodes", "kl", "return_mean", "episode_length", "accepted"):
        np.testing.assert_array_equal(again[name], whole[name])


def spoiler(rng):
    """What goes wrong in a step: a change of its answer."""

    class BrokenError(Exception):
        pass

    def raising(answer):
        raise BrokenError("of the environment")

    def reward(x):
        return lambda answer: (answer[0], x, *answer[2:])

    def seen(f):
        def change(answer):
            return (f(answer[0]), *answer[1:])

        return change

    return one_of(
        rng,
        raising,
        *map(reward, (np.nan, np.inf, -np.inf, None, "x", [1.0], np.zeros(2), 1e308, 1j)),
        seen(lambda x: x * np.nan if isinstance(x, np.ndarray) and x.dtype.kind == "f" else np.nan),
        seen(lambda x: np.inf),
        seen(lambda x: None),
        seen(lambda x: "long text"),
        seen(lambda x: np.zeros((2, 7))),
        seen(lambda x: {}),
        seen(lambda x: ()),
        seen(lambda x: np.asarray(x).ravel()[:0] if isinstance(x, np.ndarray) else -99),
        lambda answer: (*answer[:2], None, None, {}),
        lambda answer: (*answer[:2], "x", [True], {}),
        lambda answer: answer[:4],
        lambda answer: None,
    )


class Faulty(Logged):
    spoil, at = None, 0

    def step(self, action):
        answer = super().step(action)
        return self.spoil(answer) if len(self.log) >= self.at else answer


@fuzzer
def faulty_environments(rng, folder):
    """What comes of a fault is an error that names the environment, or nothing that is not finite."""
    observation, action = observations(rng), actions(rng)
    spoil, at, made = spoiler(rng), int(rng.integers(0, 8)), []
    settings = {"terminates": 0.2, "truncates": 0.1, "reuses": bool(rng.integers(2)), "reward": float, "longest": 5}

    def one():
        env = Faulty(observation, action, **settings)
        env.spoil, env.at = spoil, at
        made.append(env)
        return env

    options = {"normalize_observations": bool(rng.integers(2)), "scale_rewards": bool(rng.integers(2))}
    how = rng.integers(4)
    try:
        if how == 0:
            P = GymnasiumProblem(one, 0.9, n_envs=2, **options)
        else:
            P = GymnasiumProblem(SyncVectorEnv([one] * 2, autoreset_mode=MODES[how - 1]), 0.9, **options)
        π = P.policy(())
        θ = np.zeros(π.n)
        for _ in range(2):
            τs = P.collect(π, θ, 8, rng)
            assert np.isfinite(τs.s).all()
            assert np.isfinite(τs.r).all()
            assert np.isfinite(τs.s_end).all()
    except (ValueError, RuntimeError) as error:
        said = str(error)
        assert said.startswith(("one: ", "SyncVectorEnv: ")), said
