"""The choice among a run's last policies, beside a plain loop that plays every episode alone."""

from contextlib import suppress

import gymnasium
import numpy as np
from gymnasium.vector import SyncVectorEnv

import decision_making as dm
from decision_making.problems import GymnasiumProblem
from decision_making.training.selection import selected, steps_to_select
from tests.fuzzing.fuzz_environments import MODES, Logged, actions, observations, sent
from tests.fuzzing.fuzz_numbers import one_of
from tests.fuzzing.harness import fuzzer


def limited(rng):
    """A function that makes a problem with a time limit, and the environments in it; and one that makes them alone."""
    observation, action, limit = observations(rng), actions(rng), int(rng.integers(1, 9))
    settings = {
        "terminates": one_of(rng, 0.0, 0.1, 0.5),
        "truncates": one_of(rng, 0.0, 0.2),
        "reuses": bool(rng.integers(2)),
        "reward": one_of(rng, float, lambda x: int(2 * x), lambda x: x > 0),  # some returns are equal
        "longest": 100,
    }
    how, n, normalised = rng.integers(4), int(rng.integers(2, 7)), bool(rng.integers(2))

    def make():
        envs = []

        def one():
            envs.append(Logged(observation, action, **settings))
            return gymnasium.wrappers.TimeLimit(envs[-1], limit)

        if how == 3:
            return GymnasiumProblem(one, 0.9, n_envs=n, normalize_observations=normalised), envs
        copies = SyncVectorEnv([one] * n, autoreset_mode=MODES[how])
        return GymnasiumProblem(copies, 0.9, normalize_observations=normalised), envs

    return make, lambda: Logged(observation, action, **settings), limit


def alone(env, seed, limit):
    """(return, length) of the episode that begins with this seed; what happens does not depend on the actions."""
    env.reset(seed=seed)
    G, k, over = 0.0, 0, False
    while not over:
        _, r, terminated, truncated, _ = env.step(env.action_space.sample())
        G, k = G + float(r), k + 1
        over = terminated or truncated or k == limit
    return G, k


def halving(updates, n, limit, budget, seed, episode):
    """(best, mean of its returns, its episodes, steps) of successive halving, or None; and who played what."""
    left, got, spent, rows = sorted(updates)[::-1][:n], {u: [] for u in updates}, 0, []
    while len(left) >= 2:
        rounds = int(np.floor(np.log2(len(left))))
        goal, before = spent + (budget - spent) // rounds, len(rows)
        while spent + n * limit <= budget:
            found = [episode(seed + n * len(rows) + i) for i in range(n)]
            steps = n * max(k for _, k in found)
            rows.append([left[i % len(left)] for i in range(n)])
            for u, (G, _) in zip(rows[-1], found, strict=True):
                got[u].append(G)
            spent += steps
            if spent + steps > goal:
                break
        if len(rows) == before:
            break
        left = sorted(left, key=lambda u: (np.mean(got[u]), u))[::-1][: len(left) // 2]
    best = left[0]
    return ((best, float(np.mean(got[best])), len(got[best]), spent) if got[best] else None), rows


@fuzzer
def selected_policies(rng, folder):
    make, single, limit = limited(rng)
    P, envs = make()
    n, seed = P.n_envs, int(rng.integers(10**6))
    π = P.policy(one_of(rng, (), (3,)))
    P.collect(π, π.init(rng), 4 * n, rng)
    updates = rng.choice(100, int(rng.integers(1, 10)), replace=False).tolist()
    θs = {u: rng.normal(size=π.n) for u in updates}
    budget = int(rng.integers(0, 12 * n * limit))
    state, starts = P.state(), [len(env.log) for env in envs]
    found = selected(P, π, θs, budget, seed)
    expected, rows = halving(updates, n, limit, budget, seed, lambda seed: alone(single(), seed, limit))
    for name, x in P.state().items():
        np.testing.assert_array_equal(x, state[name])
    assert (found is None) == (expected is None)
    if found is None:
        return
    assert (found.update, found.episodes, found.steps) == (expected[0], *expected[2:]), (found, expected)
    np.testing.assert_allclose(found.mean, expected[1], rtol=1e-12, atol=1e-12)
    assert found.steps <= budget
    for i, env in enumerate(envs):  # the first episode of each play is of the policy whose turn it was
        log = env.log[starts[i] :]
        seeded = [k for k, x in enumerate(log) if x["what"] == "reset" and x["seed"] is not None]
        assert [log[k]["seed"] for k in seeded] == [seed + n * play + i for play in range(len(rows))]
        for k, row in zip(seeded, rows, strict=True):
            s = P._statistics.seen(log[k]["observation"])
            a = sent(env.action_space, π.mode(θs[row[i]], s))
            np.testing.assert_allclose(a, log[k + 1]["action"], rtol=1e-4, atol=1e-5)


@fuzzer
def training_with_a_selection(rng, folder):
    """Its steps are what the log says; what is broken off and resumed, or begun with fewer steps, is the same run."""
    make, _, limit = limited(rng)
    P, _ = make()
    n = P.n_envs * int(rng.integers(1, 5))
    share, seed = float(rng.uniform(0.1, 0.6)), int(rng.integers(100))
    critic = dm.LinearCritic(P.observation_width)
    π = P.policy(())
    θ, φ = π.init(rng), critic.init(0)

    def run(name, steps, **options):
        P, envs = make()
        M = dm.TrustRegionPolicyOptimization(P, n, critic, selection=share)
        with suppress(KeyboardInterrupt):
            history = dm.train(M, π, θ, φ, rng=seed, steps=steps, folder=folder / name, **options)
            return history, sum(x["what"] == "step" for env in envs for x in env.log), M
        return None

    steps = int((11 * n + P.n_envs * limit + n) / min(share, 1 - share) * rng.uniform(0.7, 1.6))
    every = {"checkpoint_every": int(rng.integers(1, 9))}
    whole, taken, M = run("whole", steps, **every)
    for_it = steps_to_select(M, steps)
    assert (whole.selection is not None) == (for_it > 0)
    if M.P._mode == "next_step" and for_it:  # copies that wait for others, and only reset themselves, count
        assert taken <= whole.steps
    else:
        assert taken == whole.steps, (taken, whole.steps)
    assert whole["steps"][-1] + (whole.selection.steps if whole.selection else 0) == whole.steps
    if for_it:
        assert whole.steps <= steps
        assert whole["steps"][-1] >= steps - for_it
    stop = int(rng.integers(1, len(whole) + 1))

    def interrupted(row, taken):
        if row["update"] == stop:
            raise KeyboardInterrupt

    assert run("broken", steps, **every, callbacks=[interrupted]) is None
    again, *_ = run("broken", steps, **every, resume=True)
    assert again.selection == whole.selection
    np.testing.assert_array_equal(again.θ, whole.θ)
    np.testing.assert_array_equal(again.φ, whole.φ)
