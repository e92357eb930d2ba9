"""The last policies of a run are compared in its last steps, and the best of them is its result."""

import math
from collections import Counter
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from decision_making import FunctionPolicy, for_environment, train
from decision_making.policies import NeuralPolicy
from decision_making.policies.heads import Gaussian
from decision_making.problems import GymnasiumProblem
from decision_making.training import Configuration, resume, run
from decision_making.training.checkpoint import load_checkpoint, save_checkpoint
from decision_making.training.policy_files import evaluate, load_policy, trained
from decision_making.training.runs import read_policy
from decision_making.training.selection import kept_for_selection, selected, steps_to_select
from tests.training.test_loop import same


class Target(gymnasium.Env):
    """Episodes of so many steps, a reward of -(a - 0.5)² each and, once an episode, noise of its own seed."""

    observation_space = spaces.Box(-np.inf, np.inf, (1,))
    action_space = spaces.Box(-np.inf, np.inf, (1,))

    def __init__(self, length=5, noise=0.0):
        self.length, self.noise = length, noise

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.k = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.k += 1
        r = -((float(action[0]) - 0.5) ** 2) + (self.noise * self.np_random.standard_normal() if self.k == 1 else 0.0)
        return np.zeros(1, np.float32), r, self.k == self.length, False, {}


def problem(n_envs, limit=5, mode=None, **options):
    def make():
        return gymnasium.wrappers.TimeLimit(Target(**options), limit)

    if mode is None:
        return GymnasiumProblem(make, 0.9, n_envs=n_envs)
    return GymnasiumProblem(gymnasium.vector.SyncVectorEnv([make] * n_envs, autoreset_mode=mode), 0.9)


π = NeuralPolicy((1,), Gaussian(1))  # a = bias at the observation 0
MODES = [None, *gymnasium.vector.AutoresetMode]


def policies(actions):
    """Policies whose most likely action is given, by update."""
    found = {}
    for u, a in actions.items():
        θ = np.zeros(π.n)
        θ[1] = a
        assert π.mode(θ, np.zeros(1)) == pytest.approx(a)
        found[u] = θ
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("best", range(8))
def test_best_of_eight_is_found(best, mode):
    θs = policies({10 * k + 3: 0.5 if k == best else 1.0 + k for k in range(8)})
    found = selected(problem(16, mode=mode), π, θs, 1000, 0)
    assert (found.update, found.mean) == (10 * best + 3, 0.0)


def test_of_equal_ones_the_last_is_taken():
    assert selected(problem(16), π, policies(dict.fromkeys((10, 20, 25), 0.0)), 1000, 0).update == 25
    assert selected(problem(16), π, policies({10: 0.0, 20: 0.0, 25: 3.0}), 1000, 0).update == 20


def plain(actions, n, length, budget):
    """Successive halving where an episode's return is 5·-(a - 0.5)²: the choice, its episodes, and the steps."""
    left, episodes, spent = sorted(actions, reverse=True)[:n], Counter(), 0
    while len(left) > 1 and budget - spent >= n * length:
        rounds = {2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 2, 8: 3}[len(left)]
        each = max(1, (budget - spent) // rounds // (n * length))
        for copy in range(n):
            episodes[left[copy % len(left)]] += each
        spent += n * length * each
        left = sorted(left, key=lambda u: (actions[u] - 0.5) ** 2)[: len(left) // 2]
    return (left[0], episodes[left[0]], spent) if spent else None


@pytest.mark.parametrize("n", [2, 3, 5, 8, 16])
@pytest.mark.parametrize("budget", [0, 9, 24, 25, 79, 80, 200, 239, 240, 700])
def test_rounds_are_those_of_successive_halving(n, budget):
    rng = np.random.default_rng(n + budget)
    for k in (1, 2, 5, 8):
        actions = dict(zip(rng.choice(100, k, replace=False).tolist(), rng.normal(size=k).tolist(), strict=True))
        found, expected = selected(problem(n), π, policies(actions), budget, 0), plain(actions, n, 5, budget)
        assert (found is None) == (expected is None)
        if found is not None:
            assert (found.update, found.episodes, found.steps) == expected
            assert found.mean == pytest.approx(-5 * (actions[found.update] - 0.5) ** 2, rel=1e-4)
            assert found.steps <= budget


def test_no_episode_is_begun_that_might_not_fit_in():
    """Of 55 steps a copy the limit of 50 leaves room for one long episode, or for short ones until 50 are left."""
    θs = policies(dict.fromkeys(range(0, 80, 10), 0.0))
    assert selected(problem(16, limit=50, length=5), π, θs, 16 * 55, 0).steps == 16 * 5 * 2
    assert selected(problem(16, limit=50, length=50), π, θs, 16 * 55, 0).steps == 16 * 50
    assert selected(problem(16, limit=56, length=5), π, θs, 16 * 55, 0) is None


class Varied(Target):
    """Episodes of one to forty steps, by the seed; it notes the seeds of its resets, and its steps."""

    seeds: ClassVar[list] = []
    steps: ClassVar[list] = []

    def step(self, action):
        self.steps.append(action)
        return super().step(action)

    def reset(self, *, seed=None, options=None):
        found = super().reset(seed=seed, options=options)
        self.length = int(self.np_random.integers(1, 41))
        if seed is not None:
            self.seeds.append(seed)
        return found


@pytest.mark.parametrize("n", [2, 7, 16])
def test_budget_is_kept_and_no_start_is_used_twice(n):
    P = GymnasiumProblem(lambda: gymnasium.wrappers.TimeLimit(Varied(), 40), 0.9, n_envs=n)
    θs = policies({10 * k: 0.3 * k for k in range(8)})
    for seed, budget in enumerate((n * 40, n * 81, n * 200, n * 1000)):
        Varied.seeds.clear()
        Varied.steps.clear()
        found = selected(P, π, θs, budget, 1000 * seed)
        assert found.steps == len(Varied.steps) <= budget
        assert len(set(Varied.seeds)) == len(Varied.seeds)
        assert found.steps > budget - n * 40 or len(Varied.seeds) // n >= 3


def test_episodes_of_all_rounds_count_and_the_seed_decides_them():
    """With noise the better of two is mostly found, and more surely with more episodes."""

    def right(budget, noise):
        θs, P = policies({10: 0.5, 20: 1.5}), problem(2, noise=noise)
        return np.mean([selected(P, π, θs, budget, seed).update == 10 for seed in range(200)])

    assert right(10, 0.0) == 1
    # the difference of the means of k episodes each has deviation √(2 / k) 10, and expectation 5
    for k in (1, 9):
        expected = 0.5 * (1 + math.erf(5 / (10 * math.sqrt(2 / k)) / math.sqrt(2)))
        assert abs(right(10 * k, 10.0) - expected) < 4 * math.sqrt(expected * (1 - expected) / 200)
    θs = policies({10: 0.5, 20: 0.6})
    assert selected(problem(4, noise=1.0), π, θs, 200, 7) == selected(problem(4, noise=1.0), π, θs, 200, 7)
    assert selected(problem(4, noise=1.0), π, θs, 200, 7) != selected(problem(4, noise=1.0), π, θs, 200, 8)


def test_policies_see_observations_as_they_did_in_training_and_statistics_stay():
    M, π, θ, φ = for_environment("Pendulum-v1", seed=0, n_envs=4, steps_per_update=400)
    θ = train(M, π, θ, φ, rng=0, updates=2).θ
    before = M.P.state()
    returns = [selected(M.P, π, {1: θ, 2: x}, 4 * 200, 3).mean for x in (θ, θ + 1)]
    assert np.all([np.array_equal(x, y) for x, y in zip(before.values(), M.P.state().values(), strict=True)])
    alone = evaluate(trained(π, θ, M.P), "Pendulum-v1", 200, seed=1)
    assert abs(returns[0] - alone.mean) < 4 * alone.returns.std() / math.sqrt(2)


# ---- in a run

SMALL = {"n_envs": 4, "steps_per_update": 40, "hidden": [4], "critic_iterations": 2, "checkpoint_every": 7}


def parts(share, limit=5, **options):
    def make():
        return gymnasium.wrappers.TimeLimit(Target(noise=0.1), limit)

    given = {name: x for name, x in SMALL.items() if name != "checkpoint_every"}
    return for_environment(make, **given | options, selection=share)


def seen(kept):
    return lambda row, taken: kept.update({int(row["update"]): taken.θ.copy()})


@pytest.mark.parametrize("steps", [2000, 2001, 4790, 8000])
def test_run_learns_in_the_first_steps_and_ends_with_one_of_its_last_policies(steps):
    kept = {}
    M, π, θ, φ = parts(0.2)
    history = train(M, π, θ, φ, rng=3, steps=steps, callbacks=[seen(kept)])
    M, π, θ, φ = parts(0.0)
    learnt = train(M, π, θ, φ, rng=3, steps=steps - int(0.2 * steps))
    seconds = ["seconds", "steps_per_second"]
    for row, other in zip(history.rows, learnt.rows, strict=True):
        assert [x for name, x in row.items() if name not in seconds] == pytest.approx(
            [x for name, x in other.items() if name not in seconds], nan_ok=True
        )
    last = len(history)
    candidates = {last} | set([u for u in range(1, last + 1) if u % 10 == 0][-7:])
    assert history.selection.update in candidates
    np.testing.assert_array_equal(history.θ, kept[history.selection.update])
    np.testing.assert_array_equal(history.φ, learnt.φ)
    assert learnt.selection is None
    assert history.steps == learnt.steps + history.selection.steps <= steps
    assert history.reason == f"stopped by steps = {steps}"
    expected = selected(parts(0.0)[0].P, π, {u: kept[u] for u in candidates}, steps - learnt.steps, 0)
    assert (expected.episodes, expected.steps) == (history.selection.episodes, history.selection.steps)


def test_how_many_steps_are_left_for_it():
    M = parts(0.2)[0]
    assert steps_to_select(M, 1000) == 200
    assert steps_to_select(M, 504) == 100
    assert steps_to_select(M, 499) == 0  # no more than 400 for updates, of which ten have 40 steps each
    assert steps_to_select(parts(0.2, n_envs=20)[0], 704) == 140  # an episode of each of the copies, and a batch
    assert steps_to_select(parts(0.2, n_envs=20)[0], 699) == 0
    assert steps_to_select(M, None) == 0
    assert steps_to_select(parts(0.0)[0], 10**9) == 0
    assert steps_to_select(parts(0.5, n_envs=1)[0], 1000) == 0  # one copy has nothing to share out
    assert steps_to_select(for_environment(Target, n_envs=4)[0], 10**9) == 0  # no limit is known
    assert steps_to_select(for_environment("Pendulum-v1")[0], 100_000) == 0
    assert steps_to_select(for_environment("Pendulum-v1")[0], 200_000) == 10_000
    assert steps_to_select(object(), 1000) == 0


@pytest.mark.parametrize("limit", [{"updates": 30}, {"steps": 499}, {"steps": 2000, "updates": 30}])
def test_without_room_or_by_another_limit_the_last_policy_is_the_result(limit):
    kept = {}
    M, π, θ, φ = parts(0.2)
    history = train(M, π, θ, φ, rng=3, **limit, callbacks=[seen(kept)])
    assert history.selection is None
    np.testing.assert_array_equal(history.θ, kept[len(history)])
    assert history.steps == 40 * len(history)


class Breaks(Target):
    """It raises, or goes on for ever, when all has been learnt."""

    steps, how = 0, "raises"

    def step(self, action):
        Breaks.steps += 1
        late = Breaks.steps > 8100
        if late and self.how == "raises":
            raise RuntimeError("broken")
        *found, terminated, truncated, info = super().step(action)
        return *found, terminated and not late, truncated, info


@pytest.mark.parametrize("how", ["raises", "lies"])
def test_what_was_learnt_is_not_lost_where_the_environment_fails_at_the_end(how, monkeypatch):
    monkeypatch.setattr(Breaks, "steps", 0)
    monkeypatch.setattr(Breaks, "how", how)
    gymnasium.register("Breaks-v0", Breaks, max_episode_steps=5)
    env = gymnasium.vector.SyncVectorEnv([Breaks] * 4)
    env.spec = gymnasium.spec("Breaks-v0")  # which sets no limit of its own
    kept = {}
    given = {name: x for name, x in SMALL.items() if name != "checkpoint_every"}
    M, π, θ, φ = for_environment(env, **given, selection=0.2, γ=0.99)  # given, so that no first look takes steps
    with pytest.warns(
        UserWarning, match="the last policy is kept, others were not compared with it: .*(broken|max_steps = 5)"
    ):
        history = train(M, π, θ, φ, rng=0, steps=10_000, callbacks=[seen(kept)])
    assert history.selection is None
    np.testing.assert_array_equal(history.θ, kept[len(history)])
    del gymnasium.registry["Breaks-v0"]


def test_policy_without_most_likely_actions_is_refused_before_anything_is_learnt():
    M, _, _, φ = parts(0.2)
    without = FunctionPolicy(
        1,
        lambda θ, s, rng: rng.normal(size=(*s.shape[:-1], 1)),
        lambda θ, a, s: -((a[..., 0] - θ[0]) ** 2),
        state_ndim=1,
    )
    with pytest.raises((TypeError, ValueError), match="mode"):
        train(M, without, np.zeros(1), φ, rng=0, steps=2000)
    assert M.P.steps == 0


def test_blocks_have_no_selection():
    M = for_environment("CartPole-v1", blocks=2, n_envs=2, selection=0.5)[0]
    assert steps_to_select(M, 10**9) == 0
    assert kept_for_selection(M, 100) == []


def test_limit_that_is_within_the_steps_for_a_selection_is_refused(tmp_path):
    c = Configuration({**CARTPOLE, "selection": 0.3, "steps": 6760})  # no room for a selection
    assert run(c, tmp_path / "a").selection is None
    with pytest.raises(ValueError, match="steps = 6800: 2040 of them are for the selection"):
        resume(tmp_path / "a", steps=6800)
    run(Configuration({**CARTPOLE, "selection": 0.3, "steps": 8000}), tmp_path / "b")
    with pytest.raises(ValueError, match="steps = 7000: 2100 of them are for the selection"):
        resume(tmp_path / "b", steps=7000)
    assert resume(tmp_path / "b").selection is not None


def test_kept_are_the_last_seven_of_every_tenth_update():
    M = parts(0.1)[0]
    for update in range(200):
        assert kept_for_selection(M, update) == [u for u in range(1, update + 1) if u % 10 == 0][-7:]
        assert kept_for_selection(parts(0.0)[0], update) == []


CARTPOLE = {"env": "CartPole-v1", **SMALL, "selection": 0.5, "seed": 2}


def test_run_that_is_stopped_and_resumed_selects_as_one_that_never_was(tmp_path):
    """And one that is resumed with more steps is the longer run, whatever was selected before."""
    whole = run(Configuration({**CARTPOLE, "steps": 6000}), tmp_path / "whole")
    assert whole.selection is not None

    def stop(row, taken):
        if row["update"] == 66:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Configuration({**CARTPOLE, "steps": 6000}), tmp_path / "a", callbacks=[stop])
    run(Configuration({**CARTPOLE, "steps": 4800}), tmp_path / "b")
    for name, limits in (("a", {}), ("b", {"steps": 6000})):
        history = resume(tmp_path / name, **limits)
        assert history.selection == whole.selection
        same(history, whole)
        np.testing.assert_array_equal(read_policy(tmp_path / name).θ, whole.θ)
        lines = (tmp_path / name / "selection.csv").read_text().splitlines()
        assert lines == ["update,mean,episodes,steps", ",".join(map(str, whole.selection))]
        again = resume(tmp_path / name)
        assert again.selection == whole.selection
        same(again, whole)
    assert load_policy(tmp_path / "a" / "policy.npz").θ.tobytes() == whole.θ.tobytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda kept: kept[1:], r"kept has shape \(6, 30\): must be \(7, 30\)"),
        (lambda kept: np.vstack([kept, kept]), r"kept has shape \(14, 30\)"),
        (lambda kept: kept[:, 1:], r"kept has shape \(7, 29\)"),
        (lambda kept: kept.astype(np.float64), "kept has dtype <f8: must be <f4"),
        (lambda kept: kept * np.nan, "kept holds nan"),
        (None, "'kept' is missing"),
    ],
)
def test_checkpoint_with_other_policies_is_refused(change, said, tmp_path):
    run(Configuration({**CARTPOLE, "updates": 84}), tmp_path / "a")
    arrays, meta = load_checkpoint(tmp_path / "a" / "checkpoint.npz")
    kept = arrays.pop("kept")
    assert kept.shape == (7, 30)
    save_checkpoint(
        tmp_path / "a" / "checkpoint.npz", arrays | ({} if change is None else {"kept": change(kept)}), meta
    )
    with pytest.raises(ValueError, match=said):
        resume(tmp_path / "a", updates=90)


def test_share_is_a_default_that_presets_do_without():
    assert for_environment("Pendulum-v1").M.selection == 0.05
    assert Configuration({"env": "Pendulum-v1", "preset": "paper"})["selection"] == 0
