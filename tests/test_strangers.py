"""Settings, names and texts of strangers: numbers without end, keys of many parts, escape codes, formulas."""

import csv
import json

import pytest
from typer.testing import CliRunner

from decision_making import cli
from decision_making.checks import is_number, printable, shortened
from decision_making.training import Configuration, run, sweep
from decision_making.training.runs import read_configuration, read_metrics
from decision_making.training.sweeps import grid, table
from tests.test_hostile_files import MEGABYTE, modest

HUGE = 10**5000
SMALL = {"env": "SimpleRegulator", "updates": 1, "trajectories": 5}


@pytest.mark.parametrize("name", ["seed", "steps", "updates", "n_envs", "blocks", "gamma", "threshold", "hidden"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("power", [63, 15_000])
def test_whole_number_without_end_is_refused_by_name(name, sign, power):
    """seed = 10**5000 passed, and could then not be written: Python does not write so many digits."""
    value = [sign * 2**power] if name == "hidden" else sign * 2**power
    with pytest.raises(ValueError, match=f"^{name} = .*: must be "):
        Configuration({"env": "CartPole-v1", name: value})


def test_whole_number_without_end_in_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "config.toml").write_text(f'env = "CartPole-v1"\nseed = 0x{"f" * 5000}\n')
    with pytest.raises(ValueError, match=r"config\.toml: seed = int of very many digits: must be at most 92233"):
        read_configuration(tmp_path)
    done = CliRunner().invoke(cli.app, ["train", "CartPole-v1", "--set", f"seed=0x{'f' * 5000}"])
    assert done.exit_code == 1
    assert "seed = int of very many digits: must be at most" in done.stderr
    done = CliRunner().invoke(cli.app, ["train", "CartPole-v1", "--set", f"seed={'9' * 5000}"])
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1


def test_largest_seed_is_kept(tmp_path):
    c = Configuration({**SMALL, "seed": 2**63 - 1})
    run(c, tmp_path / "run")
    assert read_configuration(tmp_path / "run")["seed"] == 2**63 - 1


def test_number_beyond_all_floats_is_no_number():
    assert not is_number(HUGE)
    assert shortened([HUGE]) == "list of very many digits"


@pytest.mark.parametrize(
    "key", ["a." * 100_000 + "a = 1", "[" + "a." * 100_000 + "a]", "x = " + "[" * 200_000], ids=["key", "table", "list"]
)
def test_long_settings_are_refused_unread(tmp_path, key):
    """A key of 100,000 parts in 200 kB took 4 GB."""
    (tmp_path / "config.toml").write_text(f'env = "CartPole-v1"\n{key}\n')
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"config\.toml: longer than 8192 bytes"):
        read_configuration(tmp_path)
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"not settings: .* characters, must be at most 8192"):
        Configuration.from_toml((tmp_path / "config.toml").read_text())
    done = CliRunner().invoke(cli.app, ["train", "--config", str(tmp_path / "config.toml")])
    assert done.exit_code == 1
    assert f"{tmp_path / 'config.toml'}: longer than 8192 bytes" in done.stderr


def test_settings_as_long_as_they_may_be_take_little_memory(tmp_path):
    (tmp_path / "config.toml").write_text("a." * 4000 + "a = 1\n")
    with modest(100 * MEGABYTE), pytest.raises(ValueError, match=r"config\.toml: "):
        read_configuration(tmp_path)


def test_long_result_is_refused_unread(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.toml").write_text('env = "SimpleRegulator"\n')
    (tmp_path / "one" / "result.json").write_text(json.dumps({"return": 1, "reason": "x" * 10**7}))
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"result\.json is damaged: .*longer than 65536 bytes"):
        table(tmp_path)


def test_result_of_a_number_without_end_is_refused(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.toml").write_text('env = "SimpleRegulator"\n')
    text = '{"return": %s, "updates": 1, "steps": 1, "seconds": 1, "reason": "x"}' % ("9" * 4000)
    (tmp_path / "one" / "result.json").write_text(text)
    with pytest.raises(ValueError, match=r"result\.json is damaged"):
        table(tmp_path)


def test_cell_of_metrics_longer_than_a_table_may_have_is_refused_by_name(tmp_path):
    (tmp_path / "metrics.csv").write_text("x" * 200_000 + "\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: field larger than field limit"):
        read_metrics(tmp_path)


def test_range_of_very_many_seeds_is_refused_before_it_is_listed():
    with modest(MEGABYTE), pytest.raises(ValueError, match="seed: the grid has 10000000000 runs: must be at most"):
        grid({"env": "SimpleRegulator", "seed": range(10**10)})
    with modest(32 * MEGABYTE):
        done = CliRunner().invoke(cli.app, ["sweep", "SimpleRegulator", "--seeds", "0:10000000000000000000000"])
    assert done.exit_code == 1
    assert "must be at most 100000" in done.stderr


# ---- what a terminal would obey

RED = "\x1b[31m\x9b2J\u202e\x07"


def test_printable_text_is_left_as_it_is():
    assert printable("θ ≥ 0, π_θ(a | s): 'x' \\ \"y\"") == "θ ≥ 0, π_θ(a | s): 'x' \\ \"y\""
    assert printable(RED) == "\\x1b[31m\\x9b2J\\u202e\\x07"
    assert printable("\udc80\n") == "\\udc80\\n"


def plain_output(done):
    assert all(line.isprintable() for line in (done.stdout + done.stderr).split("\n"))
    return done


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_escape_codes_of_names_do_not_reach_the_terminal(tmp_path, debug):
    folder = tmp_path / f"run{RED}"
    folder.mkdir()
    (folder / "config.toml").write_text('env = "SimpleRegulator"\n"\\u001b[31mred" = 1\n')
    for command in ("resume", "evaluate", "plot"):
        done = plain_output(CliRunner().invoke(cli.app, [*debug, command, str(folder)]))
        assert done.exit_code == 1
        assert "\\x1b[31mred: unknown setting" in done.stderr or command == "plot"
        assert ("Traceback" in done.stderr) == bool(debug)
    settings = [x for name, value in SMALL.items() if name != "env" for x in ("--set", f"{name}={value}")]
    done = plain_output(
        CliRunner().invoke(cli.app, ["train", "SimpleRegulator", *settings, "--out", str(tmp_path / f"new{RED}")])
    )
    assert done.exit_code == 0
    assert f"new{printable(RED)}: stopped by" in done.stdout
    done = plain_output(CliRunner().invoke(cli.app, ["train", f"Env{RED}-v0"]))
    assert done.exit_code == 1
    assert plain_output(CliRunner().invoke(cli.app, ["train", "CartPole-v1", "--set", RED])).exit_code == 2


# ---- formulas


@pytest.mark.parametrize("text", ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_formula_of_a_stranger_is_a_text_in_the_table(tmp_path, text):
    """The reason that a result.json tells, and the name of its folder, were copied into sweep.csv as they are."""
    sweep(SMALL, tmp_path)
    stranger = tmp_path / text.replace("/", "_")
    stranger.mkdir()
    (stranger / "config.toml").write_text('env = "=HYPERLINK(1)"\n')
    row = {"return": -1.5, "updates": 1, "steps": 1, "seconds": 1.0, "reason": text}
    (stranger / "result.json").write_text(json.dumps(row))
    rows = sweep(SMALL, tmp_path)
    assert text in {row["reason"] for row in rows}
    with open(tmp_path / "sweep.csv", newline="", encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 2
    for row in cells:
        assert float(row["return"]) < 0  # numbers stay numbers
        for name in ("env", "reason", "run"):
            assert row[name][0] not in "=+-@\t\r"
    assert {"'" * (text[0] in "=+-@") + printable(text)} < {row["reason"] for row in cells}
