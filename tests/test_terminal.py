"""The installed command at a terminal, a pseudo-terminal whose screen is read back, and in a pipe."""

import csv
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import NamedTuple

import pyte
import pytest

COMMAND = Path(sys.executable).with_name("decision-making")
# the terminal becomes the one that controls the command, so that Ctrl-C is a signal
CONTROLLED = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
PLAIN = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")}
TRAIN = (
    "train",
    "SimpleRegulator",
    "--update",
    "natural",
    "--updates",
    "100",
    "--set",
    "trajectories=500",
    "--out",
    "run",
)


class Seen(NamedTuple):
    status: int
    sent: str  # all that the terminal was sent
    screen: list[str]  # what stands on it in the end, without empty lines
    cursor: bool  # whether the cursor shows


def at_a_terminal(*arguments, cwd, columns=100, interrupt=None, **environment):
    """The command at a terminal of that width; Ctrl-C is typed as soon as `interrupt(text so far)` is true."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    sent = bytearray()
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, str(COMMAND), *arguments],
        cwd=cwd,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
        env=PLAIN | {"TERM": "xterm-256color"} | environment,
    ) as process:
        os.close(secondary)
        while data := _read(primary):
            sent += data
            if interrupt is not None and interrupt(sent.decode("utf-8", "replace")):
                os.write(primary, b"\x03")
                interrupt = None
    os.close(primary)
    screen = pyte.Screen(columns, 40)
    pyte.ByteStream(screen).feed(bytes(sent))
    lines = [line.rstrip() for line in screen.display if line.strip()]
    return Seen(process.returncode, sent.decode("utf-8"), lines, not screen.cursor.hidden)


def _read(primary):
    try:
        return os.read(primary, 65536)
    except OSError:  # nobody is at the other end
        return b""


@pytest.mark.parametrize("columns", [50, 120])
def test_bar_of_a_training_shows_and_is_erased(columns, tmp_path):
    seen = at_a_terminal(*TRAIN, cwd=tmp_path, columns=columns)
    assert seen.status == 0
    assert "━" in seen.sent
    assert re.search(r"\d+/100\b", seen.sent)
    if columns == 120:
        assert re.search(r"return -[\d.]+ +KL [\d.]+ +[\d,]+ steps/s", seen.sent)  # ε bounds another divergence
    assert seen.cursor
    assert "".join(seen.screen).startswith("run: stopped by updates = 100 after 100 updates and 500000 steps; mean ret")
    assert "━" not in "".join(seen.screen)


def test_bar_of_a_training_shows_what_is_known(tmp_path):
    """No episode ends in this one, and a time limits it."""
    options = ("--set", "steps_per_update=128", "--set", "hidden=[4]", "--seconds", "2", "--out", "run")
    seen = at_a_terminal("train", "MountainCar-v0", *options, cwd=tmp_path, columns=120)
    assert seen.status == 0
    assert re.search(r"(?<!\d)[1-9]\d*/2(?!\d)", seen.sent)  # a slow update ends late
    found = re.findall(r"KL ([\d.e-]+) of ([\d.e-]+) +[\d,]+ steps/s", seen.sent)
    assert found
    assert all(float(kl) <= float(bound) and 0.01 * 0.04 <= float(bound) <= 0.04 for kl, bound in found)  # the gate's
    assert "nan" not in seen.sent.partition("stopped by")[0]


def test_bar_of_a_chapter_shows_and_is_erased(tmp_path):
    seen = at_a_terminal("chapter", "7", "--fast", "--out", "drawn", cwd=tmp_path)
    assert seen.status == 0
    assert "━" in seen.sent
    assert "━" not in "".join(line for line in seen.screen if "│" not in line and "┃" not in line)
    assert seen.screen[-1] == "drawn/example_7_4.png"
    assert seen.cursor


def test_bar_of_a_sweep_shows_and_is_erased(tmp_path):
    seen = at_a_terminal("sweep", "SimpleRegulator", "--seeds", "0:2", "--updates", "2", "--out", "all", cwd=tmp_path)
    assert seen.status == 0
    assert "2/2" in seen.sent
    assert seen.screen == ["all/sweep.csv: 2 runs; draw them with: decision-making plot all"]


def test_error_stands_alone_on_the_screen(tmp_path):
    seen = at_a_terminal("train", "NoSuch-v0", cwd=tmp_path, columns=200)
    assert seen.status == 1
    assert len(seen.screen) == 1
    assert seen.screen[0].startswith("decision-making: env = 'NoSuch-v0': no environment of that id")
    assert seen.cursor


def test_the_belief_of_a_simulation_moves_in_place_and_without_colours_where_they_are_not_wanted(tmp_path):
    play = ("simulate", "tiger", "tiger.alpha", "--steps", "3", "--pause", "0", "--secret")
    solved = at_a_terminal("solve", "tiger", "--gap", "1", cwd=tmp_path)
    assert solved.status == 0
    assert solved.screen[0] == "tiger: 2 states, 3 actions, 2 observations, discount 0.95"
    seen = at_a_terminal(*play, cwd=tmp_path)
    plain = at_a_terminal(*play, cwd=tmp_path, NO_COLOR="1")
    assert (seen.status, seen.cursor) == (0, True)
    assert seen.screen == plain.screen
    assert [line.split()[:3] for line in seen.screen[:3]] == [[str(k), "listen", "seen"] for k in (1, 2, 3)]
    assert sum("█" in line for line in seen.screen) in (1, 2)
    assert seen.sent.count("belief:") >= 3
    assert seen.screen[-1].startswith("discounted return -2.8525 after 3 actions")
    assert "\x1b[34m" in seen.sent
    assert "\x1b[3" not in plain.sent.replace("\x1b[3A", "")


def test_ctrl_c_ends_with_status_130_and_a_run_that_goes_on_as_if_nothing_had_been(tmp_path):
    stopped = at_a_terminal(
        *TRAIN, "--updates", "100000", cwd=tmp_path, interrupt=lambda text: re.search(r" [1-9]\d*/100000", text)
    )
    assert stopped.status == 130
    assert stopped.screen[-1] == "decision-making: stopped; go on with: decision-making resume run"
    assert "━" not in "".join(stopped.screen)
    assert stopped.cursor
    done = len(numbers(tmp_path / "run"))
    assert 0 < done < 100000
    more = str(done + 5)
    assert at_a_terminal("resume", "run", "--updates", more, cwd=tmp_path).status == 0
    assert at_a_terminal(*TRAIN, "--out", "whole", "--updates", more, cwd=tmp_path).status == 0
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")


def numbers(folder):
    """The lines of metrics.csv but for the times."""
    with (folder / "metrics.csv").open(newline="") as table:
        return [{k: v for k, v in row.items() if "second" not in k} for row in csv.DictReader(table)]


COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9\d|10\d)(?:;[\d;]*)?m")


def test_no_color_has_none(tmp_path):
    for arguments, out in ((("--help",), ()), (TRAIN[:-1], ("coloured", "plain"))):
        coloured = at_a_terminal(*arguments, *out[:1], cwd=tmp_path)
        plain = at_a_terminal(*arguments, *out[1:], cwd=tmp_path, NO_COLOR="1")
        assert coloured.status == plain.status == 0
        assert COLOUR.search(coloured.sent)
        assert not COLOUR.search(plain.sent)


@pytest.mark.parametrize("terminal", ["dumb", None], ids=["dumb terminal", "pipe"])
def test_no_control_codes(terminal, tmp_path):
    for arguments, status in [
        (("--help",), 0),
        (("problems",), 0),
        (("train", "--stesp"), 2),
        ((*TRAIN, "--updates", "2"), 0),
        (TRAIN, 1),  # the folder holds a run already
    ]:
        if terminal:
            seen = at_a_terminal(*arguments, cwd=tmp_path, TERM=terminal)
            found, text = seen.status, seen.sent.replace("\r\n", "\n")
        else:
            options = {"cwd": tmp_path, "env": PLAIN | {"TERM": "xterm-256color"}, "stdin": subprocess.DEVNULL}
            done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, **options)
            found, text = done.returncode, done.stdout + done.stderr
        assert found == status, text
        assert text.strip()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


def test_a_terminal_without_a_cursor_has_lines_of_progress(tmp_path):
    seen = at_a_terminal(*TRAIN, "--log-every", "1e-9", cwd=tmp_path, TERM="dumb")
    assert seen.status == 0
    assert re.search(r"^\d+ of 100 updates  return ", seen.sent, re.MULTILINE)
    assert "━" not in seen.sent


def test_reader_that_goes_away_is_no_error():
    done = subprocess.run(f"'{COMMAND}' problems | head -c 1", shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
