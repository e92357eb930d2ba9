"""The discount factor that a first look at an environment finds, and that the look leaves nothing else behind."""

from fractions import Fraction
from functools import partial
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from decision_making import for_environment, train
from decision_making.cli import app
from decision_making.problems import GymnasiumProblem
from decision_making.training.configuration import Configuration
from decision_making.training.first_look import adds_up, look, swing, weight_of_ends
from decision_making.training.runs import resume, run
from decision_making.training.sweeps import sweep, table
from tests.training.test_loop import same


class Lands(gymnasium.Env):
    """Episodes of `length` steps with reward 1 or -1, and the reward `last` in the last one."""

    observation_space, action_space = spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (1,))
    stepped = 0  # all of them

    def __init__(self, last=0.0, length=10, truncates=False):
        self.last, self.length, self.truncates = last, length, truncates

    def seen(self):
        return self.np_random.uniform(-1, 1, 3).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.k = 0
        return self.seen(), {}

    def step(self, action):
        Lands.stepped += 1
        self.k += 1
        over = self.k == self.length
        return self.seen(), self.last if over else (-1.0) ** self.k, over and not self.truncates, over, {}


class Drawn(Lands):
    """Its last reward is 30 times the action, and all rewards have noise."""

    def step(self, action):
        s, _, *ended, info = super().step(action)
        over = self.k == self.length
        return s, 30 * float(action[0]) * over + self.np_random.normal(), *ended, info


LATE = {"γ": 0.999, "λ": 1 - np.sqrt(0.001) / 2, "n": 4096, "c": 1.0}
SOON = {"γ": 0.99, "λ": 0.95, "n": 2048, "c": 0.1}
ENDS = [
    *[(last, LATE) for last in (10.1, -10.1, 1e3, 1e200, -1e308)],
    *[(last, SOON) for last in (9.9, -9.9, 1.0, 0.0)],
]


@pytest.mark.parametrize(("last", "expected"), ENDS)
def test_γ_and_what_follows_from_it_say_whether_the_ends_of_episodes_outweigh_the_rest_ten_times(last, expected):
    M, *_ = for_environment(partial(Lands, last))
    np.testing.assert_allclose((M.P.γ, M.λ, M.n, M.update_rule.damping), list(expected.values()), rtol=1e-12)
    assert for_environment(partial(Lands, last, length=250, truncates=True))[0].P.γ == 0.99  # a time limit is no end


@pytest.mark.parametrize("mode", gymnasium.vector.AutoresetMode)
@pytest.mark.parametrize(("last", "γ"), [(10.1, 0.999), (9.9, 0.99)])
def test_the_look_takes_environments_factories_and_vector_environments(mode, last, γ):
    """In NEXT_STEP mode steps that do nothing but reset are none of the others, of which they would be a third."""
    vector = gymnasium.vector.SyncVectorEnv([partial(Lands, last, length=2)] * 3, autoreset_mode=mode)
    for env in (Lands(last), partial(Lands, last), vector):
        assert for_environment(env)[0].P.γ == γ


class Swings(Lands):
    """Rewards of 16 steps forward, then of 16 steps back, and a little more forward: `drift`."""

    def __init__(self, drift=0.0, length=256):
        super().__init__(length=length, truncates=True)
        self.drift = drift

    def step(self, action):
        s, _, *ended, info = super().step(action)
        return s, (1.0 if (self.k - 1) % 32 < 16 else -1.0) + self.drift, *ended, info


def limited(make, steps=1000, **arguments):
    return gymnasium.wrappers.TimeLimit(make(**arguments), steps)


@pytest.mark.parametrize("mode", gymnasium.vector.AutoresetMode)
def test_γ_says_whether_rewards_go_one_way_and_back_again(mode):
    """16 steps add up to 16 (1 + d) and -16 (1 - d), 256 steps to 256 d: 16, and 16 d² / (1 + d²) times that."""
    for drift, γ in ((0.1, 0.999), (0.16, 0.999), (-0.16, 0.999), (0.161, 0.99), (-0.161, 0.99), (1.0, 0.99)):
        assert (16 * drift**2 / (1 + drift**2) < 0.4) == (γ == 0.999)
        make = partial(Swings, drift)
        vector = gymnasium.vector.SyncVectorEnv([make] * 8, autoreset_mode=mode)
        for env in (make, make(), vector):
            M, *_ = for_environment(env)
            assert (M.P.γ, M.n) == ((γ, 4096) if γ == 0.999 else (γ, 2048))
    for steps, γ in ((100, 0.99), (999, 0.99), (1000, 0.999)):  # of a time limit
        assert for_environment(partial(limited, Swings, steps, drift=0.01, length=1000))[0].P.γ == γ


def test_rows_end_where_an_episode_is_cut():
    """16 steps forward and 8 back add up to 8, 16 and 4 to 12; without an end every episode would add to the last."""
    assert for_environment(partial(Swings, length=24))[0].P.γ == 0.999  # 8² is 0.2 of 16² + 8²
    assert for_environment(partial(Swings, length=20))[0].P.γ == 0.99  # 12² is 0.53 of 16² + 4²


@pytest.mark.parametrize("mode", gymnasium.vector.AutoresetMode)
def test_a_look_knows_where_episodes_begin(mode):
    """Of ten steps each; in NEXT_STEP mode an eleventh does nothing but begin the next."""
    vector = gymnasium.vector.SyncVectorEnv([Lands] * 8, autoreset_mode=mode)
    seen = look(GymnasiumProblem(vector, 1.0), 0)
    waits = mode == gymnasium.vector.AutoresetMode.NEXT_STEP
    k = np.arange(256) % (10 + waits)
    for found, expected in ((seen.terminated, k == 9), (seen.over, k >= 9), (seen.played, k < 10)):
        np.testing.assert_array_equal(found, np.tile(expected[:, None], 8))
    np.testing.assert_array_equal(seen.r[:11, 0], [*[-1, 1] * 4, -1, 0, 0 if waits else -1])


@pytest.mark.parametrize("settings", [{"n_envs": 1}, {"n_envs": 64}, {"n_envs": 3000}, {"n_envs": 2, "blocks": 2}])
def test_γ_does_not_depend_on_the_number_of_copies(settings):
    for last, γ in ((20.0, 0.999), (0.5, 0.99)):
        assert for_environment(partial(Lands, last, length=250), **settings)[0].P.γ == γ


def test_episodes_that_have_nothing_far_ahead_keep_the_usual_γ(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Lands-v0", EnvSpec("Lands-v0", Lands, kwargs={"last": 50.0}))
    assert for_environment(partial(Lands, 100.0, length=1))[0].P.γ == 0.99
    assert for_environment(partial(Lands, 100.0, length=2))[0].P.γ == 0.999
    for limit, γ in ((50, 0.99), (100, 0.99), (101, 0.999), (1000, 0.999)):
        before = Lands.stepped
        made = partial(gymnasium.make, "Lands-v0", max_episode_steps=limit)
        for env in (made, made(), gymnasium.vector.SyncVectorEnv([made] * 2)):
            assert for_environment(env)[0].P.γ == γ
        assert (Lands.stepped > before) == (γ == 0.999)  # no look where the limit decides


LOOKS = [
    *[(Lands, n_envs, 2048) for n_envs in (1, 16, 3000)],
    (Lands(), 1, 2048),
    *[(gymnasium.vector.SyncVectorEnv([Lands] * n), n, n * (k - k // 11)) for n, k in ((3, 682), (8, 256), (20, 256))],
]  # vector environments reset themselves in a step of its own, the eleventh


@pytest.mark.parametrize(("env", "n_envs", "steps"), LOOKS)
def test_the_look_takes_a_batch_of_steps_or_256_of_each_copy_and_counts_none(env, n_envs, steps):
    before = Lands.stepped
    M, *_ = for_environment(env, n_envs=n_envs, steps_per_update=n_envs)
    assert Lands.stepped - before == steps
    assert M.P.steps == 0
    assert not M.P.acquainted


def test_no_step_is_taken_where_γ_is_given_or_for_a_problem_alone_or_if_a_setting_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Lands-v0", EnvSpec("Lands-v0", Lands))
    before = Lands.stepped
    assert for_environment(partial(Lands, 100.0), γ=0.5)[0].P.γ == 0.5
    assert for_environment(partial(Lands, 100.0), preset="sb3-contrib")[0].P.γ == 0.99
    assert Configuration({"env": "Lands()"}).problem(env=Lands).γ == 0.99
    for settings, said in (
        ({"steps_per_update": 10}, "steps_per_update = 10: must be a multiple of n_envs = 16"),
        ({"γ": 2}, "gamma = 2: must be"),
        ({"update": "penalized", "beta_min": 5.0, "beta_max": 1.0}, "β_min = 5"),
        ({"n_envs": 3, "blocks": 2, "minibatch": 0}, "minibatch = 0"),
    ):
        with pytest.raises(ValueError, match=said):
            for_environment(Lands, **settings)
    (tmp_path / "config.toml").touch()
    with pytest.raises(FileExistsError):
        run(Configuration({"env": "Lands-v0"}), tmp_path)
    assert Lands.stepped == before


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1", Lands, partial(Lands, 50.0)])
@pytest.mark.parametrize("settings", [{}, {"n_envs": 2, "blocks": 2}])
def test_a_run_is_the_same_as_if_γ_had_been_given(env, settings):
    settings = {"steps_per_update": 256, **settings}
    looked, *rest = for_environment(env, seed=3, **settings)
    assert looked.P.steps == 0
    assert not looked.P.acquainted
    given, *_ = for_environment(env, seed=3, γ=looked.P.γ, **settings)
    same(*(train(M, *rest, rng=5, updates=2) for M in (looked, given)))


def test_a_run_with_an_environment_that_was_looked_at_is_the_same_as_with_a_new_one():
    made = [Lands(50.0), gymnasium.vector.SyncVectorEnv([partial(Lands, 50.0)] * 4)]
    new = [Lands(50.0), gymnasium.vector.SyncVectorEnv([partial(Lands, 50.0)] * 4)]
    for a, b in zip(made, new, strict=True):
        looked = for_environment(a, steps_per_update=256)
        given = for_environment(b, steps_per_update=256, γ=0.999)
        same(*(train(*parts, rng=5, updates=2) for parts in (looked, given)))


def test_a_look_follows_from_its_seed_and_from_what_the_policy_does():
    P, other = (GymnasiumProblem(Drawn, 1.0, n_envs=8) for _ in range(2))
    seen, again, of_another_seed, of_a_new_one = look(P, 0), look(P, 0), look(P, 1), look(other, 0)
    for x, y, a_new_one in zip(seen, again, of_a_new_one, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(x, a_new_one)
    assert not (seen.r == of_another_seed.r).any()
    assert (len(seen.ends), len(seen.others)) == (8 * 25, 8 * (256 - 25))
    # of actions of deviation 1, which are clipped to the bounds -1 and 1: mean a² is 0.5161
    assert weight_of_ends(seen.ends, seen.others) == pytest.approx(np.sqrt(900 * 0.5161 + 1), rel=0.1)
    assert {for_environment(Drawn, seed=seed)[0].P.γ for seed in range(3)} == {0.999}


class Seeded(Lands):
    """Notes the seeds that it is reset with."""

    seeds: ClassVar[list[int]] = []

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            Seeded.seeds.append(seed)
        return super().reset(seed=seed)


def test_a_look_is_of_eight_copies_from_seed_0_whatever_the_seed_of_the_run(monkeypatch):
    monkeypatch.setattr(Seeded, "seeds", [])
    for_environment(Seeded, seed=9, n_envs=2)
    assert Seeded.seeds == [*range(8)]


@pytest.mark.parametrize("γ", [2, -0.1, np.nan, np.inf, "0.9", True, [0.9]], ids=repr)
def test_a_wrong_γ_of_a_gymnasium_environment_is_named(γ):
    with pytest.raises((ValueError, TypeError), match=r"^gamma = .*: must be"):
        Configuration({"env": "CartPole-v1", "gamma": γ})


def test_episodes_after_a_look_at_an_environment_that_was_made_do_not_repeat():
    vector = [gymnasium.vector.SyncVectorEnv([Lands] * 2) for _ in range(2)]
    for made in ([Lands(), Lands()], vector):
        starts = [for_environment(env)[0].P.begin()["observation"] for env in made]
        assert not np.array_equal(*starts)


SHORT = {"env": "Lands-v0", "n_envs": 2, "steps_per_update": 64, "checkpoint_every": 2}


@pytest.fixture
def registered(monkeypatch):
    spec = EnvSpec("Lands-v0", Lands, kwargs={"last": 50.0})
    monkeypatch.setitem(gymnasium.registry, "Lands-v0", spec)
    return spec


def test_a_resumed_run_is_the_run_that_never_stopped_and_does_not_look_again(registered, tmp_path):
    whole = run(Configuration({**SHORT, "updates": 5}), tmp_path / "whole")
    run(Configuration({**SHORT, "updates": 3}), tmp_path / "cut")
    before = Lands.stepped
    same(whole, resume(tmp_path / "cut", updates=5))
    assert Lands.stepped - before == (5 - 2) * 64  # from the checkpoint on
    for folder in ("whole", "cut"):
        text = (tmp_path / folder / "config.toml").read_text()
        assert "\n[found]\ngamma = 0.999\n# with this environment: γ = 0.999, hidden" in text
        assert Configuration.from_toml(text)["gamma"] is None
    same(whole, run(Configuration.from_toml(text), tmp_path / "again"))


def test_a_run_keeps_its_γ_where_the_environment_has_changed(registered, tmp_path):
    run(Configuration({**SHORT, "updates": 2}), tmp_path)
    registered.kwargs["last"] = 0.0
    assert for_environment("Lands-v0")[0].P.γ == 0.99
    seen = []
    resume(tmp_path, updates=4, callbacks=[lambda row, taken: seen.append(row["update"])])
    assert seen == [3, 4]
    assert "\n[found]\ngamma = 0.999\n# with this environment: γ = 0.999" in (tmp_path / "config.toml").read_text()
    given = tmp_path / "given"
    run(Configuration({**SHORT, "updates": 2, "gamma": 0.5}), given)
    assert "[found]" not in (given / "config.toml").read_text()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("[found]\ngamma = 2", "found.gamma = 2: must be a number in"),
        ("[found]\ngamma = 'x'", "found.gamma = 'x': must be a number in"),
        ("[found]\nbeta = 2", "must be a table with gamma alone"),
        ("[[found]]\ngamma = 0.5", "must be a table with gamma alone"),
    ],
)
def test_a_damaged_γ_of_a_run_is_refused(registered, tmp_path, found, said):
    run(Configuration({**SHORT, "updates": 1}), tmp_path)
    file = tmp_path / "config.toml"
    file.write_text(file.read_text().replace("[found]\ngamma = 0.999", found))
    with pytest.raises(ValueError, match=f"config.toml: .*{said}"):
        resume(tmp_path, updates=2)


class Breaks(Lands):
    """Raises, or pays what is no number, in the third step of its sixth episode."""

    def __init__(self, reward=None):
        super().__init__()
        self.reward, self.episodes = reward, 0

    def reset(self, *, seed=None, options=None):
        self.episodes += 1
        return super().reset(seed=seed)

    def step(self, action):
        s, r, *rest = super().step(action)
        if self.k < 3 or self.episodes < 6:
            return s, r, *rest
        if self.reward is None:
            raise ArithmeticError("no such speed")
        return s, self.reward, *rest


def test_an_environment_that_breaks_is_named():
    with pytest.raises(RuntimeError, match="Breaks: step raised ArithmeticError: no such speed"):
        for_environment(Breaks)
    for reward, said in ((np.nan, "gave reward nan"), (np.inf, "gave reward inf")):
        with pytest.raises(ValueError, match=f"Breaks.*{said} and observation .* after 2 steps of its episode"):
            for_environment(Breaks(reward))


def test_a_look_that_fails_leaves_no_folder_and_does_not_stop_other_runs(registered, monkeypatch, tmp_path):
    monkeypatch.setitem(gymnasium.registry, "Breaks-v0", EnvSpec("Breaks-v0", Breaks))
    with pytest.raises(RuntimeError, match="Breaks-v0: step raised ArithmeticError"):
        run(Configuration({**SHORT, "env": "Breaks-v0", "updates": 1}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    before = Lands.stepped
    with pytest.raises(RuntimeError, match=r"Breaks-v0.*: Breaks-v0: step raised ArithmeticError"):
        sweep({**SHORT, "env": ["Breaks-v0", "Lands-v0"], "updates": 1}, tmp_path / "sweep")
    assert Lands.stepped - before < 2 * 2048  # one look each, which of the first is cut short
    (finished,) = table(tmp_path / "sweep")
    assert finished["run"].startswith("Lands-v0")


def test_settings_say_that_an_environment_fails(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Breaks-v0", EnvSpec("Breaks-v0", Breaks))
    done = CliRunner().invoke(app, ["settings", "Breaks-v0"])
    assert done.exit_code == 0
    assert "gamma" in done.stdout
    assert "with this environment: not known here: Breaks-v0: step raised ArithmeticError: no such speed" in done.stdout


def test_who_stops_a_look_is_not_told_to_resume(monkeypatch, tmp_path):
    def stop(self, action):
        raise KeyboardInterrupt

    monkeypatch.setitem(gymnasium.registry, "Lands-v0", EnvSpec("Lands-v0", Lands))
    monkeypatch.setattr(Lands, "step", stop)
    done = CliRunner().invoke(app, ["train", "Lands-v0", "--out", str(tmp_path / "run")])
    assert (done.exit_code, done.stderr) == (130, "decision-making: stopped before the run began\n")


rewards = arrays(float, st.integers(0, 20), elements=st.floats(-1e3, 1e3).map(lambda x: round(x, 3)))


@given(rewards, rewards, st.integers(-300, 300))
def test_the_weight_of_ends_depends_neither_on_the_unit_nor_on_the_sign_nor_on_the_order(ends, others, power):
    found = weight_of_ends(ends, others)
    if len(ends) and len(others) and ends.any():
        at_ends, elsewhere = (sum(Fraction(x) ** 2 for x in r.tolist()) / len(r) for r in (ends, others))
        assert found == pytest.approx(float(at_ends / elsewhere) ** 0.5 if elsewhere else np.inf, rel=1e-12)
    else:
        assert found == 0
    assert weight_of_ends(-ends[::-1], others[::-1]) == pytest.approx(found, rel=1e-12)
    assert weight_of_ends(ends * 2.0**power, others * 2.0**power) == pytest.approx(found, rel=1e-12)


def test_the_weight_of_ends_is_a_number_whatever_the_rewards_are():
    for end, other, weight in ((1e308, 1e308, 1.0), (5e-324, 5e-324, 1.0), (1.0, 1e308, 0.0), (1e308, 1e-308, np.inf)):
        assert weight_of_ends(np.full(3, end), np.full(3, other)) == weight


def plainly_added(r, over, w):
    """Σ S² of one copy's sums S of w rewards in a row, number by number."""
    squares, row = Fraction(0), []
    for reward, ended in zip(r, over, strict=True):
        row.append(Fraction(reward))
        if ended or len(row) == w:
            squares, row = squares + sum(row) ** 2, []
    return squares + sum(row) ** 2


@given(st.integers(1, 600), st.integers(1, 3), st.floats(0, 0.1), st.integers(0, 2**32), st.integers(-300, 300))
def test_rewards_add_up_in_rows_within_episodes(T, n, p, seed, power):
    rng = np.random.default_rng(seed)
    r, over = rng.integers(-3, 4, (T, n)).astype(float), rng.random((T, n)) < p
    for w in (1, 16, 256):
        one, row = (sum(plainly_added(r[:, i], over[:, i], size) for i in range(n)) for size in (1, w))
        for unit in (2.0**power, -1.0):
            assert adds_up(unit * r, over, w) == pytest.approx(float(row / one) if one else 0, rel=1e-12)


def test_what_rewards_add_up_to_is_a_number_whatever_they_are():
    never = np.zeros((256, 2), bool)
    for r in (1e308, 5e-324, -1.0):
        assert [adds_up(np.full((256, 2), r), never, w) for w in (1, 16, 256)] == [1, 16, 256]
    assert adds_up(np.zeros((256, 2)), never, 16) == adds_up(np.zeros((0, 2)), never[:0], 16) == 0
    noise = np.random.default_rng(0).normal(size=(256, 1000))
    for w in (16, 256):
        assert adds_up(noise, np.zeros((256, 1000), bool), w) == pytest.approx(1, abs=0.1)
        assert adds_up(noise, np.ones((256, 1000), bool), w) == pytest.approx(1)


def test_rewards_swing_where_short_rows_add_up_and_long_ones_cancel():
    for soon, late, swings in (
        (2.1, 0.83, True),
        (2.1, 0.85, False),
        (2.0, 0.1, False),
        (16, 6.3, True),
        (0, 0, False),
    ):
        assert swing(soon, late) == swings


def test_rewards_that_cancel_at_once_are_no_swing():
    """Each takes back what the one before was: one row of any length adds up to little."""

    class Back(Lands):
        def step(self, action):
            s, _, *ended, info = super().step(action)
            x = self.np_random.normal()
            r, self.x = x - getattr(self, "x", 0.0), x
            return s, r, *ended, info

    seen = look(GymnasiumProblem(partial(Back, length=1000), 1.0, n_envs=8), 0)
    assert adds_up(seen.r, seen.over, 256) < 0.4 * adds_up(seen.r, seen.over, 16) < 0.4
    assert for_environment(partial(Back, length=1000))[0].P.γ == 0.99
