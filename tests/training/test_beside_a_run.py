"""What stands beside a run: evaluations and the best policy, event files, a line now and then."""

import csv
import math
import re
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from decision_making import progress
from decision_making.cli import app
from decision_making.training import (
    Configuration,
    evaluate,
    evaluate_run,
    load_checkpoint,
    load_policy,
    resume,
    run,
    runs,
)
from decision_making.training.evaluations import Evaluated, read_evaluations
from decision_making.training.history import METRICS
from decision_making.trust_region_policy_optimization.update import named_rule

SMALL = {"env": "CartPole-v1", "steps_per_update": 64, "n_envs": 4, "hidden": [8], "checkpoint_every": 3}
PENDULUM = {**SMALL, "env": "Pendulum-v1", "normalize_observations": True, "scale_rewards": True}
BLOCKS = {**SMALL, "blocks": 2, "normalize_observations": True}
TEXT = {"env": "HexWorld", "trajectories": 20, "depth": 5, "checkpoint_every": 3}
FAMILIES = {"CartPole": SMALL, "Pendulum, normalised": PENDULUM, "blocks": BLOCKS, "textbook": TEXT}
EVAL = {"eval_every": 2, "eval_episodes": 3}


@pytest.fixture(autouse=True)
def no_picture(monkeypatch):
    """Which takes longer than these runs."""
    monkeypatch.setattr(runs, "learning_curves", lambda folders, out: None)


class StopError(Exception):
    pass


def stop_after(update):
    def callback(row, taken):
        if row["update"] == update:
            raise StopError

    return callback


def facts(folder):
    """All that a run writes but the times."""
    arrays, meta = load_checkpoint(folder / "checkpoint.npz")
    rows = [[x for name, x in zip(METRICS, row, strict=True) if "second" not in name] for row in arrays.pop("rows")]
    policies = [load_policy(path).θ.tolist() for path in sorted(folder.glob("*policy.npz"))]
    rest = {name: x.tolist() for name, x in arrays.items()}
    return rows, rest, {k: x for k, x in meta.items() if k != "seconds"}, policies, read_evaluations(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_evaluation_does_not_change_a_bit_of_the_training(family, tmp_path):
    for name, more in (("plain", {}), ("evaluated", EVAL)):
        run(Configuration({**FAMILIES[family], "updates": 6, **more}), tmp_path / name)
    plain, evaluated = (facts(tmp_path / name) for name in ("plain", "evaluated"))
    np.testing.assert_equal(plain[:3], evaluated[:3])
    assert plain[3] == evaluated[3][1:]
    assert plain[4] == []
    assert [row.update for row in evaluated[4]] == [2, 4, 6]


@pytest.mark.parametrize("family", ["Pendulum, normalised", "textbook"])
def test_rows_and_best_policy_are_what_evaluating_the_policies_gives(family, tmp_path):
    """Of each update on its own: the policy of a run that was limited to it."""
    c = {**FAMILIES[family], **EVAL}
    run(Configuration({**c, "updates": 6}), tmp_path / "run")
    rows = read_evaluations(tmp_path / "run")
    policies = {}
    for row in rows:
        run(Configuration({**c, "updates": row.update}), tmp_path / str(row.update))
        policies[row.update] = load_policy(tmp_path / str(row.update) / "policy.npz")
    seed = int(np.random.SeedSequence([0, 1 << 20]).generate_state(1)[0])
    textbook = Configuration(c).problem() if family == "textbook" else c["env"]
    for row in rows:
        found = evaluate(policies[row.update], textbook, 3, seed=seed, d=5)
        assert row[2:] == (found.mean, found.low, found.high, found.lengths.mean())
    best = max(rows, key=lambda row: (row.mean, -row.update))
    kept = load_policy(tmp_path / "run" / "best_policy.npz")
    np.testing.assert_array_equal(kept.θ, policies[best.update].θ)
    for name, x in policies[best.update].statistics.items():
        np.testing.assert_array_equal(kept.statistics[name], x)


@pytest.mark.parametrize(
    ("family", "after"),
    [*((family, 5) for family in FAMILIES), ("Pendulum, normalised", 1), ("Pendulum, normalised", 3), ("textbook", 4)],
)
def test_run_stopped_and_resumed_has_the_evaluations_of_one_that_never_stopped(family, after, tmp_path):
    c = Configuration({**FAMILIES[family], **EVAL, "updates": 8})
    run(c, tmp_path / "whole")
    with pytest.raises(StopError):
        run(c, tmp_path / "stopped", callbacks=[stop_after(after)])
    resume(tmp_path / "stopped")
    np.testing.assert_equal(facts(tmp_path / "stopped"), facts(tmp_path / "whole"))


def test_what_was_evaluated_before_a_kill_is_not_played_again(tmp_path, monkeypatch):
    c = Configuration({**SMALL, **EVAL, "updates": 6})
    with pytest.raises(StopError):
        run(c, tmp_path, callbacks=[stop_after(5)])
    played = []
    own = sys.modules["decision_making.training.evaluations"]
    monkeypatch.setattr(own, "evaluate", lambda *x, **y: (played.append(1), evaluate(*x, **y))[1])
    resume(tmp_path)  # from update 3; 4 has been evaluated
    assert len(played) == 1


def test_best_policy_written_before_its_row_is_written_again_where_the_run_was_killed_between(tmp_path, monkeypatch):
    c = Configuration({**SMALL, **EVAL, "updates": 6})
    run(c, tmp_path / "whole")
    own = sys.modules["decision_making.training.evaluations"]
    write, count = own.write_whole, []

    def killed(path, data):
        count.append(path)
        if len(count) == 2:
            raise StopError
        write(path, data)

    monkeypatch.setattr(own, "write_whole", killed)
    with pytest.raises(StopError):
        run(c, tmp_path / "killed")
    assert len(read_evaluations(tmp_path / "killed")) == 1
    monkeypatch.undo()
    resume(tmp_path / "killed")
    np.testing.assert_equal(facts(tmp_path / "killed"), facts(tmp_path / "whole"))


def test_lost_best_policy_is_made_anew_and_a_damaged_table_is_named(tmp_path):
    run(Configuration({**SMALL, **EVAL, "updates": 3}), tmp_path)
    (tmp_path / "best_policy.npz").unlink()
    before = read_evaluations(tmp_path)
    resume(tmp_path, updates=5)
    after = read_evaluations(tmp_path)
    assert [row.update for row in after] == [2, 4]
    assert after[:1] == before
    load_policy(tmp_path / "best_policy.npz")
    for text in (
        "",
        "nonsense\n",
        "update,steps,mean,low,high,length\n1,2\n",
        ",".join(Evaluated._fields) + "\n1,2,nan,0,0,0\n",
    ):
        (tmp_path / "evaluations.csv").write_text(text)
        with pytest.raises(ValueError, match=r"evaluations\.csv: .*; remove it to evaluate anew"):
            resume(tmp_path, updates=7)


def test_best_policy_is_evaluated_on_demand_and_missed_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(Configuration({**SMALL, "eval_every": 1, "eval_episodes": 5, "updates": 4}), "run")
    shutil.copy("run/best_policy.npz", "best.npz")
    assert evaluate_run("run", 4, best=True).mean == evaluate(load_policy("best.npz"), "CartPole-v1", 4).mean
    done = CliRunner().invoke(app, ["evaluate", "run", "--best", "--episodes", "4"])
    assert done.stdout.startswith(f"return {evaluate_run('run', 4, best=True)}")
    run(Configuration({**SMALL, "updates": 1}), "none")
    missed = CliRunner().invoke(app, ["evaluate", "none", "--best"])
    assert (missed.exit_code, missed.stdout) == (1, "")
    assert missed.stderr == "decision-making: none has no best_policy.npz: its setting eval_every keeps one\n"


# ---- event files


def scalars(folder):
    """What tensorboardX wrote, read back record by record: tag -> [(step, value)]."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = (folder / "tensorboard").glob("events.out.tfevents.*")
    data, found, at = file.read_bytes(), {}, 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        event = Event.FromString(data[at + 12 : at + 12 + length])
        at += 12 + length + 4
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_event_files_hold_every_metric_of_every_update_and_every_evaluation(tmp_path):
    history = run(Configuration({**SMALL, **EVAL, "tensorboard": True, "updates": 5}), tmp_path)
    found = scalars(tmp_path)
    expected = {
        name: [
            (int(steps), np.float32(x))
            for steps, x in zip(history["steps"], history[name], strict=True)
            if math.isfinite(x)
        ]
        for name in METRICS
        if name not in ("update", "steps", "seconds")
    }
    rows = read_evaluations(tmp_path)
    expected["evaluation/return_mean"] = [(row.steps, np.float32(row.mean)) for row in rows]
    expected["evaluation/episode_length"] = [(row.steps, np.float32(row.length)) for row in rows]
    assert found == {name: x for name, x in expected.items() if x}


def test_resumed_run_has_each_update_once_in_its_event_file(tmp_path):
    c = Configuration({**SMALL, **EVAL, "tensorboard": True, "updates": 8})
    run(c, tmp_path / "whole")
    with pytest.raises(StopError):
        run(c, tmp_path / "stopped", callbacks=[stop_after(5)])
    assert len(scalars(tmp_path / "stopped")["accepted"]) == 5
    resume(tmp_path / "stopped")
    found, whole = scalars(tmp_path / "stopped"), scalars(tmp_path / "whole")
    assert found.keys() == whole.keys()
    assert all(found[name] == whole[name] for name in whole if name != "steps_per_second")
    assert len(found["accepted"]) == 8


def test_missing_writer_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["train", "CartPole-v1", "--tensorboard"])
    assert done.exit_code == 1
    assert "tensorboardX is not installed: pip install 'algorithms-for-decision-making[cli,tensorboard]'" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_tensorboard_reads_the_event_files(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = run(Configuration({**SMALL, "tensorboard": True, "updates": 3}), tmp_path)
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    np.testing.assert_allclose([x.value for x in read.Scalars("kl")], history["kl"], rtol=1e-6)
    assert [x.step for x in read.Scalars("kl")] == history["steps"].tolist()


# ---- lines


def test_line_is_said_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    row = dict.fromkeys(METRICS, math.nan) | {"steps_per_second": 5300.0, "kl": 0.0098}
    c = Configuration({"env": "CartPole-v1", "steps": 100_000})
    taken = SimpleNamespace(rule=named_rule("trust_region", ε=0.01))
    with progress.train_progress(c, 10) as callback:
        for k in range(1, 26):
            clock[0] = 2.0 * k
            callback(row | {"update": k, "steps": 1024.0 * k, "return_mean": 40.0 + k if k < 9 else math.nan}, taken)
    assert capsys.readouterr().err.splitlines() == [
        f"{1024 * k:,} of 100,000 steps  update {k}  return {min(40 + k, 48)}  KL 0.0098 of 0.01  5,300 steps/s"
        for k in (5, 10, 15, 20, 25)
    ]
    with progress.train_progress(c, 0) as callback:
        clock[0] = 1e9
        callback(row | {"update": 1, "steps": 1.0}, taken)
    assert capsys.readouterr().err == ""


def test_lines_of_a_command_in_a_pipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["--set", "hidden=[4]", "--set", "steps_per_update=64", "--updates", "3"]
    done = CliRunner().invoke(app, ["train", "CartPole-v1", *small, "--log-every", "1e-9"])
    assert [line[:6] for line in done.stderr.splitlines()] == [f"{k} of 3" for k in (1, 2, 3)]
    quiet = CliRunner().invoke(app, ["train", "CartPole-v1", *small, "--log-every", "0", "--out", "quiet"])
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_a_line_says_the_bound_that_its_update_had_after_gate_and_fall(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["--set", "hidden=[4]", "--set", "steps_per_update=64", "--updates", "6", "--set", "anneal=0.5"]
    done = CliRunner().invoke(app, ["train", "CartPole-v1", *small, "--log-every", "1e-9", "--out", "run"])
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    explained = np.clip([float(row["explained_variance"]) for row in rows], 0.01, 1)
    fall = np.minimum(1, np.arange(6, 0, -1) / 6 / 0.5)  # of the share that is left when an update begins
    said = [re.search(r"KL (\S+) of (\S+) ", line).groups() for line in done.stderr.splitlines()]
    assert [b for _, b in said] == [f"{x:.2g}" for x in 0.04 * fall * explained]
    assert [kl for kl, _ in said] == [f"{float(row['kl']):.2g}" for row in rows]
    assert len({b for _, b in said}) > 2


def test_options_of_the_command_are_settings_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["--set", "hidden=[4]", "--set", "steps_per_update=64", "--updates", "4", "--set", "eval_episodes=2"]
    done = CliRunner().invoke(
        app, ["train", "CartPole-v1", *small, "--eval-every", "2", "--tensorboard", "--out", "run"]
    )
    assert done.exit_code == 0, done.stderr
    with open("run/evaluations.csv", newline="") as file:
        assert [row["update"] for row in csv.DictReader(file)] == ["2", "4"]
    assert sorted(x.name for x in (tmp_path / "run").iterdir()) == [
        *("best_policy.npz", "checkpoint.npz", "config.toml", "evaluations.csv"),
        *("metrics.csv", "policy.npz", "tensorboard"),
    ]
