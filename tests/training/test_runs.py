"""Configurations and run folders: what is checked, what is written, what is read again."""

import csv
import itertools
import re
import tomllib
from importlib import import_module, metadata
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import ValueIteration, exact, train
from decision_making.pictures.curves import labels
from decision_making.sequential_problems.exact_solution_methods import sweeps
from decision_making.training import Configuration, evaluate_run, load_policy, loop, resume, run
from decision_making.training.book_problems import PROBLEMS
from decision_making.training.evaluations import read_evaluations
from decision_making.training.history import METRICS
from decision_making.training.runs import learning_curves, read_configuration, read_metrics, read_policy
from decision_making.training.settings import COMMON, GYMNASIUM, TEXTBOOK, UPDATES, defaults, rule_defaults

SMALL = {"env": "CartPole-v1", "steps_per_update": 128, "n_envs": 4, "hidden": [8], "checkpoint_every": 2}
TEXT = {"env": "SimpleRegulator", "updates": 3, "trajectories": 20, "checkpoint_every": 2}


def table(folder):
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- configurations


@pytest.mark.parametrize("env", [*PROBLEMS, "CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("update", UPDATES)
def test_every_rule_runs_on_every_problem(env, update):
    small = {
        "hidden": [4],
        **({"trajectories": 10, "depth": 5} if "depth" in defaults(env) else {"steps_per_update": 64}),
    }
    M, π, θ, φ = Configuration({"env": env, "update": update, **small}).parts()
    history = train(M, π, θ, φ, rng=0, updates=1)
    assert np.isfinite(history.θ).all()
    assert history.steps > 0


@pytest.mark.parametrize("update", UPDATES)
def test_every_rule_learns_hex_world_with_the_settings_it_comes_with(update):
    c = Configuration({"env": "StraightLineHexWorld", "update": update})
    P, (M, π, θ, _) = c.problem(), c.parts()
    history = train(M, π, θ, rng=0, updates=20)
    best = P.b @ list(sweeps(ValueIteration(30), P))[-1]
    assert 0.9 * best < exact.utility(P, P.b, π, history.θ, 30) <= best


@given(st.sampled_from([*PROBLEMS, "Any-v0"]), st.integers(0, 2**40), st.floats(0, 1), st.lists(st.integers(1, 99)))
def test_configuration_survives_toml(env, seed, gamma, hidden):
    c = Configuration({"env": env, "seed": seed, "gamma": gamma, "hidden": hidden, "updates": 3})
    assert Configuration.from_toml(c.to_toml()).values == c.values
    written = tomllib.loads(c.to_toml())["versions"]
    assert written["numpy"] == np.__version__
    assert written["algorithms-for-decision-making"] == metadata.version("algorithms-for-decision-making")


def test_every_setting_is_used():
    """A setting that nothing reads would be a promise that is not kept."""
    read = set()

    class Spy(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)

    for env in ("CartPole-v1", "SimpleRegulator"):
        for update in UPDATES:
            c = Configuration({"env": env, "update": update, "hidden": [4], "gamma": 0.9})
            object.__setattr__(c, "values", Spy(c.values))
            c.parts()
            c.limits  # noqa: B018
    of_rules = {name for env in ("CartPole-v1", "HexWorld") for x in UPDATES for name in rule_defaults(env, x)}
    beside = {"checkpoint_every", "preset", "eval_every", "eval_episodes", "tensorboard"}  # what `run` reads
    assert set(COMMON) | set(GYMNASIUM) | set(TEXTBOOK) | of_rules == read | beside


# ---- folders

FOUND = ["", "[found]", "gamma = 0.99"]  # what a first look says where γ is not given
FIT = ", critic_iterations = 15"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"env": "Pendulum-v1", "gamma": 0.999},
            [
                "# with this environment: γ = 0.999, hidden = [4], n = 2672, λ = 0.984189, damping = 0.2, δ = 0.04, "
                "max_kl = 0.3" + FIT
            ],
        ),
        (
            {**SMALL, "lambda": 1.0},
            [
                *FOUND,
                "# with this environment: γ = 0.99, hidden = [8], n = 128, λ = 1, damping = 0.1, δ = 0.04" + FIT,
            ],
        ),
        (
            {**SMALL, "update": "restricted"},
            [
                *FOUND,
                "# with this environment: γ = 0.99, hidden = [8], n = 128, λ = 0.95, δ = 0.04" + FIT,
            ],
        ),
        (TEXT, []),
    ],
)
def test_configuration_says_what_follows_from_it_and_the_environment(tmp_path, settings, said):
    c = Configuration({**settings, "updates": 1, **({"hidden": [4]} if "hidden" not in settings else {})})
    run(c, tmp_path)
    text = (tmp_path / "config.toml").read_text(encoding="utf-8")
    assert text == c.to_toml() + "".join(f"{line}\n" for line in said)
    assert read_configuration(tmp_path).values == Configuration.from_toml(text).values == c.values
    resume(tmp_path, updates=2)
    now = (tmp_path / "config.toml").read_text(encoding="utf-8")
    assert now == text.replace("updates = 1\n", "updates = 2\n")


@pytest.mark.parametrize("given", [{**SMALL, "updates": 3}, TEXT])
def test_run_writes_its_folder(tmp_path, given):
    history = run(Configuration(given), tmp_path)
    assert sorted(x.name for x in tmp_path.iterdir()) == [
        *("checkpoint.npz", "config.toml", "curve.png", "metrics.csv", "policy.npz")
    ]
    rows = table(tmp_path)
    assert [float(row["update"]) for row in rows] == [1, 2, 3]
    np.testing.assert_array_equal([float(row["kl"]) for row in rows], history["kl"])
    np.testing.assert_array_equal(load_policy(tmp_path / "policy.npz").θ, history.θ)
    assert read_configuration(tmp_path).values == Configuration(given).values
    assert np.isfinite(evaluate_run(tmp_path, 3).mean)
    with pytest.raises(FileExistsError, match="holds a run already"):
        run(Configuration(given), tmp_path)


class StopError(Exception):
    pass


def test_new_limits_are_the_run_s_own_from_then_on(tmp_path):
    """Resumed without limits, the longer run would else be one of 2 updates again."""
    run(Configuration({**SMALL, "updates": 2}), tmp_path)
    longer = resume(tmp_path, updates=5)
    assert read_configuration(tmp_path)["updates"] == 5
    again = resume(tmp_path)
    assert len(again) == 5
    np.testing.assert_array_equal(again.θ, longer.θ)
    for name, value in (("gamma", 0.9), ("delta", 0.1), ("update", "clamped"), ("seed", 1)):
        with pytest.raises(ValueError, match=rf"{name}: a run may be resumed with another steps, updates, seconds"):
            resume(tmp_path, **{name: value})


@pytest.mark.parametrize(
    "given",
    [
        {**SMALL, "normalize_observations": True, "scale_rewards": True, "anneal": 0.8, "updates": 7},
        {**SMALL, "gate": None, "updates": 7},
        {**TEXT, "updates": 7},
    ],
)
@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_run_that_was_stopped_and_resumed_is_the_run_that_never_stopped(tmp_path, given, after):
    def stop(row, taken):
        if row["update"] == after:
            raise StopError

    whole = run(Configuration(given), tmp_path / "whole")
    with pytest.raises(StopError):
        run(Configuration(given), tmp_path / "stopped", callbacks=[stop])
    stopped = resume(tmp_path / "stopped")
    np.testing.assert_array_equal(stopped.θ, whole.θ)
    np.testing.assert_array_equal(stopped.returns, whole.returns)
    for name in METRICS:
        if name not in ("seconds", "steps_per_second"):
            np.testing.assert_array_equal(stopped[name], whole[name], err_msg=name)
            assert [row[name] for row in table(tmp_path / "stopped")] == [
                row[name] for row in table(tmp_path / "whole")
            ]
    first, second = (load_policy(tmp_path / name / "policy.npz") for name in ("whole", "stopped"))
    np.testing.assert_array_equal(first.θ, second.θ)
    for name, x in first.statistics.items():
        np.testing.assert_array_equal(x, second.statistics[name])


def test_run_resumes_beyond_its_limits(tmp_path):
    run(Configuration(TEXT), tmp_path / "a")
    longer = resume(tmp_path / "a", updates=6)
    whole = run(Configuration({**TEXT, "updates": 6}), tmp_path / "b")
    np.testing.assert_array_equal(longer.θ, whole.θ)
    assert len(table(tmp_path / "a")) == 6


@pytest.mark.parametrize("given", [{**SMALL, "updates": 3, "eval_every": 2, "eval_episodes": 2}, TEXT])
def test_resumed_run_that_is_stopped_again_leaves_no_less_than_there_was(tmp_path, given):
    """Where environments are live its last checkpoint may be far back: what was done since is done again."""
    live, seen = "eval_every" in given, []

    def stop(at):
        def callback(row, taken):
            seen.append(row["update"])
            if row["update"] == at:
                raise StopError

        return callback

    def files():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "curve.png"}

    first = run(Configuration({**given, "checkpoint_every": 50}), tmp_path)
    before = files()
    with pytest.raises(StopError):
        resume(tmp_path, updates=7, callbacks=[stop(2 if live else 4)])
    assert seen == ([1, 2] if live else [4])
    after = files()
    assert after.pop("config.toml") != before.pop("config.toml")
    if live:
        assert after == before
    seen.clear()
    with pytest.raises(StopError):
        resume(tmp_path, callbacks=[stop(5)])
    assert seen == ([1, 2, 3, 4, 5] if live else [4, 5])
    assert [row["update"] for row in table(tmp_path)] == ["1.0", "2.0", "3.0", "4.0", "5.0"]
    last = resume(tmp_path)
    whole = run(Configuration({**given, "updates": 7, "checkpoint_every": 50}), tmp_path / "whole")
    np.testing.assert_array_equal(last.θ, whole.θ)
    np.testing.assert_array_equal(last.returns, whole.returns)
    np.testing.assert_array_equal(last["return_mean"][:3], first["return_mean"])
    assert len(table(tmp_path)) == 7
    if live:
        assert (tmp_path / "evaluations.csv").read_text() == (tmp_path / "whole" / "evaluations.csv").read_text()


@pytest.mark.parametrize("anneal", [0.0, 0.5])
def test_what_a_run_to_other_limits_does_otherwise_takes_the_place_of_what_was_there(tmp_path, anneal):
    """With `anneal` δ follows the limits: evaluations after the last checkpoint are then those of the longer run."""
    given = {**SMALL, "anneal": anneal, "eval_every": 1, "eval_episodes": 2, "checkpoint_every": 50}
    run(Configuration({**given, "updates": 4}), tmp_path / "part")
    resume(tmp_path / "part", updates=6)
    run(Configuration({**given, "updates": 6}), tmp_path / "whole")
    first, second = (read_evaluations(tmp_path / name) for name in ("part", "whole"))
    assert first == second


def test_a_limit_of_seconds_that_ends_a_resumed_run_before_it_is_where_it_was_loses_nothing(tmp_path, monkeypatch):
    run(Configuration({**SMALL, "updates": 5, "checkpoint_every": 50}), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("metrics.csv", "policy.npz")}
    with (tmp_path / "metrics.csv").open(newline="") as file:
        done = float(list(csv.DictReader(file))[-1]["seconds"])
    said = rf"^seconds = 1e-09: must be at least the {re.escape(f'{done:.6g}')} that .* has done already"
    with pytest.raises(ValueError, match=said):
        resume(tmp_path, seconds=1e-9)
    clock = itertools.count(0, 1000)
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    assert len(resume(tmp_path, seconds=1500)) == 2
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    monkeypatch.undo()
    assert len(resume(tmp_path, seconds=1500)) == 5


def test_a_policy_that_was_not_written_at_the_end_is_written_by_resume(tmp_path):
    run(Configuration(TEXT), tmp_path)
    policy = (tmp_path / "policy.npz").read_bytes()
    (tmp_path / "policy.npz").unlink()
    resume(tmp_path)
    assert (tmp_path / "policy.npz").read_bytes() == policy


def test_the_limit_that_a_run_has_is_no_way_back(tmp_path):
    """A run to 200 steps takes two batches of 128, less the steps in which episodes begin."""
    steps = run(Configuration({**SMALL, "steps": 200}), tmp_path).steps
    assert resume(tmp_path, steps=200).steps == steps > 201
    with pytest.raises(ValueError, match=rf"steps = 201: must be at least the {steps} that"):
        resume(tmp_path, steps=201)


def test_a_batch_that_is_longer_than_the_limit_is_told_before_the_run_begins(tmp_path):
    def begun(row, taken):
        assert any("steps = 127: the first batch alone has about n = 128" in str(x.message) for x in told)

    with pytest.warns(UserWarning, match="give more steps, or a smaller steps_per_update") as told:
        run(Configuration({**SMALL, "steps": 127}), tmp_path / "short", callbacks=[begun])
    assert len(told) == 1
    run(Configuration({**SMALL, "steps": 128}), tmp_path / "enough")


def test_a_folder_with_the_checkpoint_of_train_is_left_as_it_is(tmp_path):
    M, π, θ, φ = Configuration(TEXT).parts()
    train(M, π, θ, φ, rng=0, updates=2, folder=tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="holds the checkpoint of another run: choose another folder"):
        run(Configuration(TEXT), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize("given", [{**SMALL, "updates": 4}, TEXT])
def test_resuming_a_run_that_has_ended_at_a_checkpoint_does_nothing(tmp_path, given):
    first = run(Configuration(given), tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "curve.png"}
    again = resume(tmp_path, callbacks=[lambda row, taken: pytest.fail("an update")])
    assert again.reason == first.reason
    np.testing.assert_array_equal(again.metrics, first.metrics)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "curve.png"} == files


@pytest.mark.parametrize("limit", [{"updates": 2}, {"steps": 1}])
def test_resuming_to_a_limit_that_was_passed_loses_nothing(tmp_path, limit):
    run(Configuration(TEXT), tmp_path / "a")
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(
        ValueError, match=rf"{next(iter(limit))} = \d: must be at least the \d+ that .* has done already"
    ):
        resume(tmp_path / "a", **limit)
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


def test_seeds_differ():
    a, b = (Configuration({**SMALL, "seed": seed}).parts().θ for seed in (0, 1))
    assert not np.array_equal(a, b)


def test_folder_that_holds_no_run_is_named(tmp_path):
    for call in (resume, read_configuration, evaluate_run):
        with pytest.raises(FileNotFoundError, match=r"holds no run: config\.toml is missing"):
            call(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no run: metrics\.csv is missing"):
        read_metrics(tmp_path)


def test_damaged_files_are_named_and_stay(tmp_path):
    run(Configuration(TEXT), tmp_path)
    for name in ("config.toml", "checkpoint.npz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2] + b"\x00[")
        with pytest.raises(ValueError, match=name):
            resume(tmp_path)
        (tmp_path / name).write_bytes(whole)
    assert len(resume(tmp_path, updates=4)) == 4


@pytest.mark.parametrize("tail", ["", "4.0,12", "4.0," * 30, "\x00\xff"])
def test_torn_last_line_of_the_metrics_is_left_out(tmp_path, tail):
    run(Configuration(TEXT), tmp_path)
    with open(tmp_path / "metrics.csv", "a", encoding="latin-1") as file:
        file.write(tail)
    assert read_metrics(tmp_path)["update"] == [1, 2, 3]
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: the first line must name the metrics"):
        read_metrics(tmp_path)


# ---- pictures


def test_curves_are_named_by_what_they_differ_in(tmp_path, monkeypatch):
    drawn = []

    def figure(groups, title, points):
        drawn.extend([(label, len(curves)) for label, curves in groups])

    monkeypatch.setattr(import_module("decision_making.pictures.curves"), "figure", figure)
    monkeypatch.setattr(import_module("decision_making.pictures.canvas"), "write_figure", lambda picture, out: out)
    folders = []
    for seed, updates, steps in ((0, 1, 32), (1, 1, 32), (0, 2, 32), (0, 2, 64)):
        folders.append(tmp_path / str(len(folders)))
        run(
            Configuration({**SMALL, "n_envs": 2, "seed": seed, "updates": updates, "steps_per_update": steps}),
            folders[-1],
        )
    drawn.clear()  # each run has drawn its own
    learning_curves(folders, "curves.png")
    name = "CartPole-v1, trust-region, "
    assert drawn == [
        (f"{name}updates = 1, steps_per_update = 32", 2),
        (f"{name}updates = 2, steps_per_update = 32", 1),
        (f"{name}updates = 2, steps_per_update = 64", 1),
    ]


def test_names_of_curves_say_the_preset_and_three_settings_at_most():
    kinds = [
        Configuration({"env": "CartPole-v1", **settings}).values
        for settings in (
            {},
            {"preset": "sb3-contrib"},
            {"gamma": 0.5},
            {"gamma": 0.5, "n_envs": 2, "lambda": 1, "hidden": [4]},
        )
    ]
    assert labels(kinds) == [
        "CartPole-v1, trust-region, no preset, gamma not given, hidden not given, n_envs = 16, 1 more",
        "CartPole-v1, trust-region, sb3-contrib",
        "CartPole-v1, trust-region, no preset, gamma = 0.5, hidden not given, n_envs = 16, 1 more",
        "CartPole-v1, trust-region, no preset, gamma = 0.5, hidden = [4], n_envs = 2, 1 more",
    ]


def test_curves_of_several_seeds_are_one_with_a_band(tmp_path):
    from PIL import Image

    folders = []
    for seed in range(3):
        folders.append(tmp_path / str(seed))
        run(Configuration({**TEXT, "seed": seed, "updates": 5}), folders[-1])
    out = learning_curves(folders, tmp_path / "curves.png")
    with Image.open(out) as picture:
        assert picture.size == (960, 570)
    run(Configuration({**SMALL, "steps_per_update": 4, "n_envs": 1, "updates": 1}), tmp_path / "none")
    learning_curves([tmp_path / "none"], tmp_path / "none.png")  # no episode has ended


def test_curves_of_one_seed_twice_are_runs_and_not_seeds(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        import_module("decision_making.pictures.canvas"), "write_figure", lambda x, out: drawn.append(x)
    )
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(Configuration({**TEXT, "seed": seed, "updates": 2}), tmp_path / folder)
    drawn.clear()
    for folders, said in (("ab", "2 runs"), ("ac", "2 seeds"), ("abc", "3 runs")):
        learning_curves([tmp_path / x for x in folders], "curves.png")
        assert f", {said}, interquartile mean" in drawn.pop().axes[0].lines[0].get_label()


def test_a_folder_without_a_policy_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no run: policy.npz is missing"):
        read_policy(tmp_path)
