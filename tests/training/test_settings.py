"""The table of settings, the presets, and the command that lists them."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from decision_making import train
from decision_making.checks import Named
from decision_making.cli import app
from decision_making.training import Configuration, grid
from decision_making.training.configuration import replaced
from decision_making.training.presets import PRESETS
from decision_making.training.settings import (
    COMMON,
    GYMNASIUM,
    UPDATES,
    defaults,
    lines,
    rule_defaults,
    table,
)
from decision_making.training.sweeps import name_of

FAMILIES = ("CartPole-v1", "HexWorld", "SimpleRegulator")


@pytest.mark.parametrize("env", FAMILIES)
@pytest.mark.parametrize("update", UPDATES)
def test_every_line_has_a_default_that_its_check_lets_pass_and_says_what_is_allowed_and_meant(env, update):
    for name, line in table(env, update).items():
        line.check(None, Named(name), line.default)
        assert line.allowed not in ("", "anything"), name
        assert 2 < len(line.meaning) < 70, name
        assert not line.meaning.endswith("."), name


def test_what_is_allowed_is_what_the_error_says():
    for name, line in table("CartPole-v1").items():
        if name not in ("env", "update", "preset"):
            with pytest.raises((ValueError, TypeError)) as error:
                Configuration({"env": "CartPole-v1", name: {}})
            assert str(error.value) == f"{name} = {{}}: must be {line.allowed}"


@pytest.mark.parametrize("env", FAMILIES)
@pytest.mark.parametrize("update", UPDATES)
def test_the_command_lists_what_a_configuration_takes_with_its_defaults(env, update):
    done = CliRunner().invoke(app, ["settings", env, "--update", update])
    assert done.exit_code == 0, done.stderr
    listed = [line.split()[0] for line in done.stdout.splitlines() if re.match(r"\w", line)]
    c = Configuration({"env": env, "update": update})
    assert listed == ["setting", *(name for name in c.values if name != "env")]
    for name, default, _, _ in lines(env, update):
        assert re.search(rf"^{name} +{re.escape(default)}( |$)", done.stdout, re.MULTILINE), name
    limits = ("steps", "updates")
    assert {k: x for k, x in c.values.items() if k not in limits} == {
        k: x for k, x in defaults(env, update).items() if k not in limits
    }


def test_the_command_shows_a_preset_and_refuses_a_wrong_one_in_one_line():
    done = CliRunner().invoke(app, ["settings", "Hopper-v5", "--preset", "sb3-contrib"])
    assert re.search(r"^cg_iterations +15 ", done.stdout, re.MULTILINE)
    assert re.search(r"^n_envs +1 ", done.stdout, re.MULTILINE)
    assert re.search(r"^preset +sb3-contrib ", done.stdout, re.MULTILINE)
    assert "sb3-contrib: the defaults of TRPO in sb3-contrib" in done.stdout
    plain = CliRunner().invoke(app, ["settings"])
    assert all(f"  {name}: " in plain.stdout for name in PRESETS)
    for arguments, said in (
        (["--preset", "sb3"], "preset = 'sb3': must be one of 'tutorial', 'sb3-contrib', 'paper'"),
        (["HexWorld", "--preset", "paper"], "preset = 'paper': is for gymnasium environments, not for HexWorld"),
        (["--update", "natural", "--preset", "paper"], "preset = 'paper': is of update = trust-region, not natural"),
        (["--update", "trust"], "update = 'trust': must be one of"),
    ):
        wrong = CliRunner().invoke(app, ["settings", *arguments])
        assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (1, "", 1)
        assert said in wrong.stderr


# ---- presets


FREE = {"env", "preset", "seed", "steps", "updates", "seconds", "threshold", "checkpoint_every"} | {
    "eval_every",
    "eval_episodes",
    "tensorboard",
}  # change no learning


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_leaves_nothing_that_changes_what_is_learnt_to_the_librarys_defaults(name):
    known = {*COMMON, *GYMNASIUM, *rule_defaults("CartPole-v1", "trust-region")}
    assert set(PRESETS[name].settings) == known - FREE


def test_presets_are_what_their_sources_say():
    """Of sb3-contrib's signature and class, of the paper's table, of the usual tutorial."""
    said = {
        "tutorial": {"hidden": [24, 24], "gamma": 0.99, "lambda": 0.95, "delta": 0.01, "cg_iterations": 10},
        "sb3-contrib": {
            **{"n_envs": 1, "steps_per_update": 2048, "critic_minibatch": 128, "critic_iterations": 10},
            **{"gamma": 0.99, "lambda": 0.95, "delta": 0.01, "cg_iterations": 15, "damping": 0.1, "alpha": 0.8},
            **{"max_backtracks": 10, "critic_learning_rate": 1e-3, "critic_optimizer": "adam", "hidden": [64, 64]},
            **{"normalize_advantages": True, "fisher_subsample": 1.0, "log_sigma": 0.0},
        },
        "paper": {
            **{"gamma": 0.99, "delta": 0.01, "cg_iterations": 10, "fisher_subsample": 0.1, "steps_per_update": 50_000},
            **{"hidden": [50], "advantage": "reward_to_go"},
        },
    }
    for name, settings in said.items():
        c = Configuration({"env": "CartPole-v1", "preset": name})
        assert {k: c[k] for k in settings} == settings


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains(name):
    c = Configuration({"env": "Pendulum-v1", "preset": name, "steps_per_update": 400, "updates": 2})
    M, π, θ, φ = c.parts()
    assert train(M, π, θ, φ, rng=0, updates=2).steps == 800
    assert (M.critic.optimizer, M.critic.minibatch, M.rule.damping) == ("adam", 128, c["damping"])


def test_critic_has_widths_of_its_own_where_they_are_given():
    given = {"env": "CartPole-v1", "hidden": [8, 4]}
    M, π, _, φ = Configuration({**given, "critic_hidden": [16], "critic_learning_rate": 0.5}).parts()
    assert (π.sizes, M.critic.sizes, M.critic.learning_rate) == ((4, 8, 4), (4, 16), 0.5)
    assert φ.shape == (4 * 16 + 16 + 16 + 1,)
    assert Configuration(given).parts().M.critic.sizes == (4, 8, 4)
    assert Configuration({**given, "critic_hidden": []}).parts().M.critic.sizes == (4,)


def test_both_networks_end_their_hidden_layers_in_the_activation():
    M, π, _, _ = Configuration({"env": "CartPole-v1", "activation": "relu", "hidden": [5]}).parts()
    assert π.activation == M.critic.activation == "relu"
    s, φ = np.random.default_rng(0).normal(size=(7, 4)), M.critic.init(0)
    W, v = φ[:20].reshape(4, 5), φ[25:30]
    np.testing.assert_allclose(M.critic.predict(φ, s), np.where(s @ W > 0, s @ W, 0) @ v)


def test_what_is_given_goes_before_a_preset_and_a_preset_before_the_defaults():
    c = Configuration({"env": "CartPole-v1", "preset": "sb3-contrib", "delta": 0.5})
    assert (c["delta"], c["cg_iterations"], c["preset"]) == (0.5, 15, "sb3-contrib")
    assert Configuration.from_toml(c.to_toml()).values == c.values


def test_preset_of_an_option_goes_before_what_a_file_says_and_falls_with_the_update():
    text = Configuration({"env": "CartPole-v1", "cg_iterations": 3, "seed": 7, "hidden": [5]}).to_toml()
    c = Configuration.from_toml(text, preset="sb3-contrib", hidden=[6])
    assert (c["cg_iterations"], c["seed"], c["hidden"], c["n_envs"]) == (15, 7, [6], 1)
    again = Configuration.from_toml(c.to_toml(), preset="sb3-contrib")
    assert again["hidden"] == [6]  # the preset is the file's already
    other = Configuration.from_toml(c.to_toml(), update="clamped")
    assert (other["preset"], other["alpha"], other["seed"]) == (None, 3e-4, 7)
    assert replaced({"env": "CartPole-v1", "delta": 0.5}, {"preset": "nonsense"})["delta"] == 0.5


def test_runs_of_a_sweep_over_presets_are_told_apart_by_the_preset_alone():
    found = grid({"env": "CartPole-v1", "preset": ["tutorial", "sb3-contrib"], "steps": 10})
    assert [name_of(c) for c in found] == [
        f"CartPole-v1-trust-region-preset={name}-steps=10-seed=0" for name in ("tutorial", "sb3-contrib")
    ]
    assert [c["cg_iterations"] for c in found] == [10, 15]
    several = grid({"env": "CartPole-v1", "critic_hidden": [[8], [9]]})
    assert [c["critic_hidden"] for c in several] == [[8], [9]]


# ---- whole numbers as people write them


def test_whole_numbers_may_be_written_as_1e5():
    c = Configuration({"env": "CartPole-v1", "steps": 1e5, "n_envs": 4.0, "seconds": 3.0, "gamma": 1.0})
    assert c.values.items() >= {"steps": 100_000, "n_envs": 4}.items()
    assert type(c["steps"]) is type(c["n_envs"]) is int
    assert type(c["seconds"]) is type(c["gamma"]) is float
    assert Configuration.from_toml('env = "CartPole-v1"\nsteps = 1e5').values["steps"] == 100_000
    for name, x in (("steps", 2.5), ("steps", 0.0), ("steps", 1e300), ("n_envs", float("inf")), ("hidden", [8.0])):
        with pytest.raises(ValueError, match=f"{name} = "):
            Configuration({"env": "CartPole-v1", name: x})
    with pytest.raises(ValueError, match=r"normalize_observations = 1.0: must be True or False"):
        Configuration({"env": "CartPole-v1", "normalize_observations": 1.0})


@pytest.mark.parametrize(("given", "steps"), [("2e2", 200), ("1.28e2", 128), ("300", 300)])
def test_steps_of_the_command_line_may_be_written_as_1e5(given, steps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["--set", "hidden=[4]", "--set", "steps_per_update=6.4e1"]
    done = CliRunner().invoke(app, ["train", "CartPole-v1", "--steps", given, *small, "--out", "run"])
    assert done.exit_code == 0, done.stderr
    assert f"stopped by steps = {steps} after" in done.stdout


@pytest.mark.parametrize("given", ["1.5", "1e-3", "nan", "inf", "1e5x", ""])
def test_what_is_no_whole_number_is_refused_by_the_command_line(given):
    done = CliRunner().invoke(app, ["train", "CartPole-v1", "--steps", given])
    assert done.exit_code == 2
    assert "Invalid value for '--steps'" in done.stderr


def test_problems_of_the_book_bring_defaults_of_their_own():
    assert Configuration({"env": "HexWorld"}).values.items() >= {"gamma": 0.9, "depth": 30, "epsilon": 0.3}.items()
    assert Configuration({"env": "SimpleRegulator"})["gamma"] == 0.9
    assert Configuration({"env": "CartPole-v1"})["gamma"] is Configuration({"env": "MountainCar"})["gamma"] is None
    assert {name: line.default for name, line in table("HexWorld", "natural").items() if name in ("env", "update")} == {
        "env": "HexWorld",
        "update": "natural",
    }


@pytest.mark.parametrize(
    ("name", "ours"), [("n_steps", "steps_per_update"), ("target_kl", "delta"), ("net_arch", "hidden")]
)
def test_a_setting_by_the_name_of_a_peer_is_answered_with_ours(name, ours):
    with pytest.raises(ValueError, match=rf"^{name}: unknown setting; did you mean {ours}\? All are listed by"):
        Configuration({"env": "CartPole-v1", name: 3})


def may_be_none():
    """Every preset, and every setting that may be None with it."""
    for preset in (None, *PRESETS):
        for name in table("Pendulum-v1").keys() - {"preset"}:
            try:
                Configuration({"env": "Pendulum-v1", "preset": preset, name: None})
            except (ValueError, TypeError):
                continue
            yield preset, name


@pytest.mark.parametrize(("preset", "name"), sorted(may_be_none(), key=str))
def test_a_setting_that_is_none_is_none_again_when_its_file_is_read(preset, name):
    """TOML has no None, and what a file lacks has its default, or that of the preset."""
    c = Configuration({"env": "Pendulum-v1", "preset": preset, name: None})
    assert Configuration.from_toml(c.to_toml()).values == c.values
    assert Configuration.from_toml(c.to_toml(), gate=0.5)["gate"] == 0.5


def test_a_file_says_which_settings_are_none():
    assert {(None, "gate"), ("paper", "damping"), ("sb3-contrib", "lambda")} <= {*may_be_none()}
    read = Configuration.from_toml('env = "Pendulum-v1"\npreset = "paper"\nnone = ["gate", "damping"]\n')
    assert read["gate"] is read["damping"] is None
    assert "none" not in Configuration({"env": "Pendulum-v1"}).to_toml()
    assert Configuration.from_toml('env = "Pendulum-v1"\npreset = "paper"\nnone = ["delta"]\n')["delta"] is None
    with pytest.raises(ValueError, match=r"alpha = None: must be"):
        Configuration.from_toml('env = "Pendulum-v1"\nnone = ["alpha"]\n')
    with pytest.raises(ValueError, match=r"^gat: unknown setting; did you mean"):
        Configuration.from_toml('env = "Pendulum-v1"\nnone = ["gat"]\n')
    for wrong in ('"gate"', "1", "[1]", '[["gate"]]', "{gate = 1}", "true"):
        with pytest.raises(ValueError, match=r"^none = .*: must be a list of names of settings"):
            Configuration.from_toml(f'env = "Pendulum-v1"\nnone = {wrong}\n')
