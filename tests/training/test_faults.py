"""What may go wrong around a run: one clear error, the last good state kept, and the run goes on bit for bit."""

import csv
import errno
import fcntl
import functools
import io
import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from typer.testing import CliRunner

from decision_making import LinearGaussianPolicy, PolicyGradientUpdate, cli, train
from decision_making.problems import GymnasiumProblem, SimpleRegulator
from decision_making.training import Configuration, limits, load_checkpoint, load_policy, resume, run, runs, sweep
from decision_making.training.runs import read_configuration, read_metrics
from decision_making.training.sweeps import name_of
from tests.training import killed

pytestmark = pytest.mark.usefixtures("no_pictures")

REGULATOR = {"env": "SimpleRegulator", "updates": 30, "trajectories": 20, "checkpoint_every": 3}
CART_POLE = {
    **{"env": "CartPole-v1", "updates": 8, "checkpoint_every": 2, "steps_per_update": 64, "n_envs": 4},
    **{"hidden": [8], "normalize_observations": True, "scale_rewards": True},
}
FILES = ["checkpoint.npz", "config.toml", "metrics.csv", "policy.npz"]


def facts(folder):
    """All that a run has found, without the measured times: bits of the policy, text of the metrics."""
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = [{k: x for k, x in row.items() if "second" not in k} for row in csv.DictReader(file)]
    policy = load_policy(folder / "policy.npz")
    return policy.θ.tobytes(), {name: x.tobytes() for name, x in policy.statistics.items()}, rows


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@functools.cache
def _whole(given):
    with tempfile.TemporaryDirectory() as folder:
        killed.work(dict(given), folder)
        return facts(Path(folder))


def whole(given):
    """The facts of the run that nothing has happened to."""
    return _whole(tuple((name, tuple(x) if isinstance(x, list) else x) for name, x in given.items()))


def assert_whole(folder, given):
    assert facts(folder) == whole(given)
    assert sorted(path.name for path in folder.iterdir()) == FILES


def assert_nothing_half_written(folder):
    """Every file under its own name can be read; a process that was killed may have left half of another beside."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name == "config.toml":
            read_configuration(folder)
        elif path.name == "metrics.csv":
            read_metrics(folder)
        elif path.name in FILES:
            load_checkpoint(path)
        else:
            assert path.name.endswith(".tmp")
            assert path.name.startswith(".")


# ---- SIGKILL


@pytest.fixture(scope="module")
def processes():
    """Starts processes quickly: each is a copy of one that has imported the library."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["decision_making.training.runs", "decision_making.problems", "gymnasium"])
    return context.Process


@pytest.mark.parametrize(
    ("given", "kills"),
    [
        (REGULATOR, 3),
        (CART_POLE, 2),
        pytest.param(REGULATOR, 25, marks=pytest.mark.slow),
        pytest.param(CART_POLE, 25, marks=pytest.mark.slow),
    ],
    ids=lambda x: x["env"] if isinstance(x, dict) else str(x),
)
def test_run_killed_at_random_moments_goes_on_bit_for_bit(tmp_path, processes, given, kills):
    """Killed again and again, until it gets through: within the time that it takes when it is left alone."""
    rng = np.random.default_rng(kills)
    start = time.monotonic()
    alone = processes(target=killed.work, args=(given, tmp_path / "alone"))
    alone.start()
    alone.join()
    took = time.monotonic() - start
    assert_whole(tmp_path / "alone", given)
    done, folders = 0, 0
    folder = tmp_path / "0"
    while done < kills:
        process = processes(target=killed.work, args=(given, folder))
        process.start()
        process.join(rng.uniform(0, took))
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        assert_nothing_half_written(folder)
        if process.exitcode == 0:
            assert_whole(folder, given)
            folders += 1
            folder = tmp_path / str(folders)
        done += process.exitcode != 0
    killed.work(given, folder)
    assert_whole(folder, given)


@pytest.mark.parametrize("event", ["half", "all", "in place"])
@pytest.mark.parametrize("name", FILES)
def test_run_killed_while_it_writes_a_file_goes_on_bit_for_bit(tmp_path, processes, name, event):
    first = name in ("config.toml", "metrics.csv")  # the others are written again and again
    process = processes(target=killed.killed_in_writing, args=(REGULATOR, tmp_path, name, event, 1 if first else 4))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert any(path.name.startswith(f".{name}") for path in tmp_path.iterdir()) == (event != "in place")
    assert_nothing_half_written(tmp_path)
    if name == "checkpoint.npz":
        assert load_checkpoint(tmp_path / name)[1]["update"] == (9 if event == "in place" else 6)
    killed.work(REGULATOR, tmp_path)
    assert_whole(tmp_path, REGULATOR)


# ---- two processes in one folder


@pytest.fixture
def at_work(tmp_path, processes):
    """A process that has paused in its run in tmp_path / "run", and the call that lets it go on."""
    started = []

    def start(given, **options):
        process = processes(target=killed.paused, args=(given, tmp_path / "run", tmp_path), kwargs=options)
        process.start()
        started.append(process)
        killed.wait_for(tmp_path / "paused")
        return process, (tmp_path / "go").touch

    yield start
    (tmp_path / "go").touch()
    for process in started:
        process.join()


def test_second_process_is_refused_and_the_first_goes_on_undisturbed(tmp_path, at_work, monkeypatch):
    given = REGULATOR
    folder = tmp_path / "sweep" / name_of(Configuration(given))
    folder.mkdir(parents=True)
    (tmp_path / "run").symlink_to(folder)  # it is locked by any name
    process, go_on = at_work(given)
    before = contents(folder)
    monkeypatch.setattr(runs, "WAIT", 0.1)
    for call in (lambda: resume(folder), lambda: run(Configuration(given), folder)):
        with pytest.raises(BlockingIOError, match="another process is at work in this run; wait until") as caught:
            call()
        assert str(caught.value).startswith(f"{folder}: ")
    settings = [x for name, value in given.items() if name != "env" for x in ("--set", f"{name}={value}")]
    for command in (
        ["resume", str(folder)],
        ["train", given["env"], *settings, "--out", str(folder)],
        ["sweep", given["env"], *settings, "--out", str(folder.parent)],
    ):
        done = CliRunner().invoke(cli.app, command)
        assert done.exit_code == 1
        assert done.stderr.count("\n") == 1
        assert f"{folder}: another process is at work in this run" in done.stderr
    (folder / ".lock").unlink()  # of the sweep
    assert contents(folder) == before
    go_on()
    process.join()
    assert_whole(folder, given)


def wait_until_free(folder, seconds=60):
    """Until no process holds the lock of the folder."""
    opened, end = os.open(folder, os.O_RDONLY), time.monotonic() + seconds
    try:
        while True:
            try:
                return fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                assert time.monotonic() < end, f"{folder} is still locked after {seconds} s"
                time.sleep(0.01)
    finally:
        os.close(opened)


def test_run_goes_on_after_sigkill_though_a_fork_of_its_process_lives(tmp_path, at_work, monkeypatch):
    """It is found locked first: a process that was killed just now may take a moment to end."""
    process, _ = at_work(REGULATOR, fork=True)
    waits = []

    def kill(seconds):
        waits.append(seconds)
        process.kill()
        process.join()
        wait_until_free(tmp_path / "run")  # the fork gives the folder up as soon as it is given a processor

    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=time.monotonic, sleep=kill))
    killed.work(REGULATOR, tmp_path / "run")
    assert len(waits) == 1
    assert not (tmp_path / "go").exists()  # the fork still waits for it
    assert_whole(tmp_path / "run", REGULATOR)


def test_run_gives_back_its_folder(tmp_path):
    def stop(row, taken):
        if row["update"] == 7:
            raise ArithmeticError

    before = set(os.listdir("/proc/self/fd"))  # what an earlier test has left open may be closed in between
    with pytest.raises(ArithmeticError):
        run(Configuration(REGULATOR), tmp_path, callbacks=[stop])
    assert set(os.listdir("/proc/self/fd")) <= before
    resume(tmp_path)
    assert set(os.listdir("/proc/self/fd")) <= before
    assert_whole(tmp_path, REGULATOR)


def moving(change, at=7):
    """A callback that does something to the folders after an update."""

    def callback(row, taken):
        if row["update"] == at:
            change()

    return callback


def replaced_by_another(folder, to):
    folder.rename(to)
    folder.mkdir()


def replaced_by_a_copy(folder, to):
    folder.rename(to)
    copied(to, folder)


@pytest.mark.parametrize("change", [Path.rename, replaced_by_another, replaced_by_a_copy])
def test_run_whose_folder_is_moved_stops_and_writes_nothing_where_it_was(tmp_path, change):
    """It went on where it was, without a lock, while others could begin there, or resume it where it is now."""
    folder, to = tmp_path / "run", tmp_path / "moved"
    found = {}

    def move():
        change(folder, to)
        found["before"] = contents(folder) if folder.exists() else None

    with pytest.raises(OSError, match="its folder was moved or replaced while a run was at work in it") as caught:
        run(Configuration(REGULATOR), folder, callbacks=[moving(move)])
    assert caught.value.filename in {str(folder / name) for name in FILES}
    assert (contents(folder) if folder.exists() else None) == found["before"]
    assert_nothing_half_written(to)
    resume(to)
    assert_whole(to, REGULATOR)


def test_run_in_a_moved_folder_is_still_locked(tmp_path, at_work, monkeypatch):
    process, go_on = at_work(REGULATOR)
    (tmp_path / "run").rename(tmp_path / "moved")
    before = contents(tmp_path / "moved")
    monkeypatch.setattr(runs, "WAIT", 0.1)
    with pytest.raises(BlockingIOError, match="another process is at work in this run"):
        resume(tmp_path / "moved")
    assert contents(tmp_path / "moved") == before
    other = {**REGULATOR, "seed": 1}
    run(Configuration(other), tmp_path / "run")  # in the place of the one that was moved
    state = contents(tmp_path / "run")
    go_on()
    process.join()
    assert process.exitcode == 1
    assert contents(tmp_path / "run") == state
    resume(tmp_path / "moved")
    assert_whole(tmp_path / "moved", REGULATOR)


def test_folder_moved_and_moved_back_is_the_same_folder(tmp_path):
    folder, to = tmp_path / "run", tmp_path / "moved"

    def there_and_back():
        folder.rename(to)
        to.rename(folder)

    run(Configuration(REGULATOR), folder, callbacks=[moving(there_and_back)])
    assert_whole(folder, REGULATOR)


def test_run_of_a_sweep_whose_folder_is_moved_is_named_and_leaves_no_result_where_it_was(tmp_path, monkeypatch):
    folder, to = tmp_path / "sweep" / name_of(Configuration(REGULATOR)), tmp_path / "moved"
    trained = runs.run

    def run_and_move(*arguments, callbacks, **options):
        return trained(*arguments, callbacks=[*callbacks, moving(lambda: folder.rename(to))], **options)

    monkeypatch.setattr(runs, "run", run_and_move)
    with pytest.raises(RuntimeError, match="its folder was moved or replaced"):
        sweep(REGULATOR, tmp_path / "sweep")
    assert not folder.exists()
    assert not (to / "result.json").exists()


def test_files_that_stay_are_those_that_the_docs_name(tmp_path):
    run(Configuration(SMALL), tmp_path / "alone")
    assert sorted(path.name for path in (tmp_path / "alone").iterdir()) == FILES
    sweep(SMALL, tmp_path / "sweep")
    (inside,) = (path for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert sorted(path.name for path in inside.iterdir()) == sorted([*FILES, ".lock", "result.json"])
    text = " ".join((Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8").split())
    assert "locks the file `.lock` in the folder of each of its runs" in text
    (inside / ".lock").unlink()
    assert len(sweep(SMALL, tmp_path / "sweep")) == 1


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, None])
def test_run_works_where_there_are_no_locks(tmp_path, monkeypatch, number):
    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    if number is None:
        monkeypatch.setitem(sys.modules, "fcntl", None)
    killed.work(REGULATOR, tmp_path)
    assert_whole(tmp_path, REGULATOR)


# ---- disks


def _can_mount():
    """Whether this process may mount a file system, as root may outside most containers."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "tmpfs", folder]
        if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
    return True


MOUNTS = _can_mount()
SMALL = {**REGULATOR, "updates": 12}


@pytest.fixture
def disk(tmp_path):
    """A folder with a file system of 256 kB of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


@contextmanager
def room(folder, pages):
    """No more than so many pages of 4096 bytes are free."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(free - 4096 * pages))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def longest_file(n):
    """No file may become longer than n bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def runs_until_it_fits(folder, limits, number):
    """The names of the files that could not be written, for ever more room; every run is finished when there is."""
    found = []
    for n in range(100):
        path = folder / str(n)
        with limits(n):
            done, error = outcome(killed.work, SMALL, path)
        if done is None:
            assert error.errno == number
            name = Path(error.filename)
            assert name == path or name.parent == path
            assert str(name) in str(error)
            found.append(name.name)
            assert_nothing_half_written(path)
            assert not list(path.glob(".*"))
            killed.work(SMALL, path)
        assert_whole(path, SMALL)
        if done is not None:
            break
        for file in path.iterdir():
            file.unlink()
    return found


# without the right to mount, a limit on the length of files stands for the full disk
@pytest.mark.parametrize("way", ["a full tmpfs", "RLIMIT_FSIZE"] if MOUNTS else ["RLIMIT_FSIZE"])
def test_full_disk_is_named_and_costs_nothing_but_time(tmp_path, request, way):
    if way == "RLIMIT_FSIZE":
        found = runs_until_it_fits(tmp_path, lambda n: longest_file(200 * n), errno.EFBIG)
    else:
        disk = request.getfixturevalue("disk")
        found = runs_until_it_fits(disk, lambda n: room(disk, n), errno.ENOSPC)
    assert {"config.toml", "checkpoint.npz"} <= set(found)


def read_only_by_mount(folder):
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def writable_by_mount(folder):
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)


def permissions(mode):
    def change(folder):
        for path in (folder, *folder.rglob("*")):
            if path.is_dir():
                path.chmod(mode)

    return change


# root may write in spite of permissions
READ_ONLY = [(read_only_by_mount, writable_by_mount)] * MOUNTS + [(permissions(0o555), permissions(0o755))] * (
    os.geteuid() != 0
)


@pytest.fixture
def place(request, tmp_path):
    return request.getfixturevalue("disk") if MOUNTS else tmp_path


@pytest.mark.parametrize(("forbid", "allow"), READ_ONLY, ids=lambda f: f.__name__)
def test_folder_that_becomes_read_only_is_named_and_keeps_its_state(place, forbid, allow):
    folder = place / "run"

    def callback(row, taken):
        if row["update"] == 7:
            forbid(place)

    try:
        with pytest.raises(OSError, match=r"Read-only|Permission") as caught:
            run(Configuration(SMALL), folder, callbacks=[callback])
        assert caught.value.filename in {str(folder / name) for name in FILES}
        state = contents(folder)
        assert load_checkpoint(folder / "checkpoint.npz")[1]["update"] == 6
        for call, named in ((lambda: resume(folder), folder), (lambda: killed.work(SMALL, place / "new"), place)):
            with pytest.raises(OSError, match=r"Read-only|Permission") as caught:
                call()
            assert str(named) in str(caught.value)
        assert contents(folder) == state
        assert not (place / "new").exists()
    finally:
        allow(place)
    resume(folder)
    assert_whole(folder, SMALL)


def test_file_where_a_folder_is_expected_is_named(tmp_path):
    (tmp_path / "file").write_text("kept")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match=str(tmp_path / "file")):
            run(Configuration(SMALL), folder)
    assert contents(tmp_path) == {"file": b"kept"}


def test_folder_where_a_file_is_expected_is_named(tmp_path):
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(OSError, match=str(tmp_path / "metrics.csv")):
        run(Configuration(SMALL), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "metrics.csv"]


def test_run_that_fails_says_why_even_where_its_policy_cannot_be_saved(tmp_path):
    def callback(row, taken):
        if row["update"] == 7:
            (tmp_path / "policy.npz").unlink()
            (tmp_path / "policy.npz").mkdir()
            raise ArithmeticError("the first fault")

    with pytest.raises(ArithmeticError, match="the first fault"):
        run(Configuration(SMALL), tmp_path, callbacks=[callback])


# ---- damaged files


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped after update 7, its last checkpoint after update 6."""
    folder = tmp_path_factory.mktemp("stopped")

    def stop(row, taken):
        if row["update"] == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Configuration(SMALL), folder, callbacks=[stop])
    return folder


def copied(folder, to):
    to.mkdir()
    for name, data in contents(folder).items():
        (to / name).write_bytes(data)
    return to


def regions(data):
    """The first and last bytes of every part of an .npz file: headers, names, data, directory, end."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        starts = [info.header_offset for info in file.infolist()]
        entries = [*starts, file.start_dir, data.rindex(b"PK\x05\x06"), len(data)]
    for begin, end in itertools.pairwise(entries):
        header = 30 + int.from_bytes(data[begin + 26 : begin + 30][:2], "little")
        parts = (*range(6), 14, 18, 22, 26, 30, header, header + 10, header + 90, header + 130, (end - begin) // 2)
        yield from {begin + min(i, end - begin - 1) for i in parts} | {end - 1}


def test_checkpoint_damaged_anywhere_is_refused_or_harmless(tmp_path, stopped):
    """Refused by name, all files left as they are; or the flipped bit is one that nothing depends on."""
    folder = copied(stopped, tmp_path / "run")
    file, before = folder / "checkpoint.npz", contents(folder)
    good, refused = before["checkpoint.npz"], 0
    flipped = [good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :] for i in regions(good)]
    cut = [good[:i] for i in (0, 1, *sorted(regions(good))[::4], len(good) - 1)]
    for data in [*flipped, *cut]:
        file.write_bytes(data)
        found, said = outcome(resume, folder)
        if found is None:
            refused += 1
            assert str(file) in str(said)
            assert contents(folder) == before | {"checkpoint.npz": data}
            continue
        assert data not in cut
        assert_whole(folder, SMALL)
        for name, old in before.items():
            (folder / name).write_bytes(old)
    assert refused > 0.6 * len([*flipped, *cut])
    file.write_bytes(good)
    resume(folder)
    assert_whole(folder, SMALL)


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_byte_of_a_checkpoint_is_guarded(tmp_path, stride):
    """Whichever is changed: an error, or the same arrays and the same meta."""
    killed.work({**CART_POLE, "updates": 3}, tmp_path)
    file = tmp_path / "checkpoint.npz"
    good, expected = file.read_bytes(), bits(load_checkpoint(file))
    for i in range(0, len(good), stride):
        file.write_bytes(good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :])
        found, said = outcome(load_checkpoint, file)
        assert str(file) in str(said) if found is None else bits(found) == expected


def bits(loaded):
    arrays, meta = loaded
    return {name: (x.dtype, x.shape, x.tobytes()) for name, x in arrays.items()}, meta


def outcome(f, *arguments):
    """What f returns, or the ValueError or OSError that it raises."""
    try:
        return f(*arguments), None
    except (ValueError, OSError) as error:
        return None, error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays, meta: arrays.pop("θ"), "'θ' is missing"),
        (lambda arrays, meta: arrays.pop("returns"), "'returns' is missing"),
        (lambda arrays, meta: meta.pop("seed"), "'seed' is missing"),
        (lambda arrays, meta: arrays.update(θ=np.zeros(3)), r"θ has shape \(3,\): must be \(2,\)"),
        (lambda arrays, meta: arrays.update(φ=np.zeros(3)), "it has 'φ', which this run does not have"),
        (lambda arrays, meta: arrays.update(rows=np.zeros((6, 2))), r"rows has shape \(6, 2\)"),
        (lambda arrays, meta: meta.update(update=5), r"rows has shape \(6, 19\), .*: must be \(5, 19\)"),
        (lambda arrays, meta: meta.update(update=-1), "update = -1: must be a whole number >= 0"),
        (lambda arrays, meta: meta.update(seed="7"), "seed = '7': must be 0 in this run"),
        (lambda arrays, meta: meta.update(steps=1.5), "steps = 1.5: must be a whole number >= 0"),
    ],
)
def test_checkpoint_of_something_else_is_named_and_changes_nothing(tmp_path, stopped, change, said):
    from decision_making.training import save_checkpoint

    folder = copied(stopped, tmp_path / "run")
    arrays, meta = load_checkpoint(folder / "checkpoint.npz")
    change(arrays, meta)
    save_checkpoint(folder / "checkpoint.npz", arrays, meta)
    before = contents(folder)
    with pytest.raises(ValueError, match=said) as caught:
        resume(folder)
    assert str(folder / "checkpoint.npz") in str(caught.value)
    assert contents(folder) == before


def test_metrics_cut_anywhere_lose_at_most_the_last_line(tmp_path, stopped):
    folder = copied(stopped, tmp_path / "run")
    text = (folder / "metrics.csv").read_bytes()
    last = text[:-1].rindex(b"\n") + 1
    for i in range(last, len(text)):
        (folder / "metrics.csv").write_bytes(text[:i])
        assert read_metrics(folder)["update"] == [1, 2, 3, 4, 5, 6]
    resume(folder)
    assert_whole(folder, SMALL)


def test_resumed_run_that_fails_at_once_keeps_the_policy(tmp_path, stopped):
    folder = copied(stopped, tmp_path / "run")
    before = contents(folder)["policy.npz"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SimpleRegulator, "TR", lambda self, s, a, rng: (s, np.full(len(s), np.nan)))
        with pytest.raises(ValueError, match="reward of trajectory 0, step 0 "):
            resume(folder)
    assert contents(folder)["policy.npz"] == before
    resume(folder)
    assert_whole(folder, SMALL)


# ---- environments


class Walk(gymnasium.Env):
    """A random walk in the plane for ten steps; `fault` happens in the call `at` of all environments together."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Discrete(2)
    fault, at, calls = None, 0, 0

    def due(self, *faults):
        Walk.calls += 1
        return Walk.fault in faults and Walk.calls > Walk.at

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.k = self.np_random.normal(size=2).astype(np.float32), 0
        if self.due("reset raises"):
            raise LookupError("no more worlds")
        return np.full(2, np.inf, np.float32) if Walk.fault == "reset NaN" and Walk.calls > Walk.at else self.x, {}

    def step(self, action):
        self.x, self.k = self.x + self.np_random.normal(size=2).astype(np.float32), self.k + 1
        observation, reward = self.x, float(action) - 0.1 * float(self.x @ self.x)
        if self.due("raises", "NaN reward", "NaN observation", "observation shape", "reward shape", "few"):
            match Walk.fault:
                case "raises":
                    raise KeyError("the robot fell over")
                case "NaN reward":
                    reward = float("nan")
                case "NaN observation":
                    observation = np.array([0, np.nan], np.float32)
                case "observation shape":
                    observation = np.zeros(3, np.float32)
                case "reward shape":
                    reward = np.zeros(2)
                case "few":
                    return observation, reward, False
        return observation, reward, Walk.fault != "never ends" and self.k == 10, False, {}


WALK = {
    **{"env": "Walk-v0", "updates": 8, "checkpoint_every": 2, "steps_per_update": 32, "n_envs": 2, "hidden": [4]},
    "gamma": 0.99,  # given, so that no first look makes calls that are not of the run
}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    gymnasium.register("Walk-v0", Walk, disable_env_checker=True)
    yield
    del gymnasium.registry["Walk-v0"]


@pytest.fixture
def faulty():
    """Lets a fault happen after so many calls; without arguments none."""

    def change(fault=None, at=180):
        Walk.fault, Walk.at, Walk.calls = fault, at, 0

    yield change
    change()


FAULTS = [
    ("raises", "step raised KeyError: 'the robot fell over'"),
    ("reset raises", "(step|reset) raised LookupError: no more worlds"),
    ("NaN reward", r"environment \d gave reward nan and observation"),
    ("NaN observation", r"environment \d gave .*observation \[ ?0\. nan\]"),
    ("reset NaN", r"environment \d gave .*observation \[inf inf\]"),
    ("observation shape", r"step raised ValueError: observation has shape \(3,\): must be \(2,\)"),
    ("reward shape", r"step raised ValueError: reward has shape \(2,\): must be \(\)"),
    ("few", "step raised ValueError: not enough values to unpack"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS, ids=[fault for fault, _ in FAULTS])
def test_fault_of_an_environment_is_named_and_the_run_can_go_on(tmp_path, faulty, fault, said):
    faulty()
    run(Configuration(WALK), tmp_path / "whole")
    faulty(fault)
    with pytest.raises((ValueError, RuntimeError), match=f"^Walk-v0: .*{said}"):
        run(Configuration(WALK), tmp_path / "run")
    assert_nothing_half_written(tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "checkpoint.npz")[1]["update"] == 4
    assert read_metrics(tmp_path / "run")["update"][:4] == [1, 2, 3, 4]
    assert np.isfinite(load_policy(tmp_path / "run" / "policy.npz").θ).all()
    faulty()
    resume(tmp_path / "run")
    assert facts(tmp_path / "run") == facts(tmp_path / "whole")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda s, r: (s[:, None] + s, r), r"TR gave s_next \(20, 20\) and r \(20,\) in step 4 for states \(20,\)"),
        (lambda s, r: (s, r[:, None]), r"TR gave s_next \(20,\) and r \(20, 1\) in step 4 for states \(20,\)"),
        (lambda s, r: (s[:-1], r), r"s_next of TR has shape \(19,\): must hold one row for each of the 20"),
        (lambda s, r: (s, r * np.inf), r"reward of trajectory 0, step 4 \(counting from 0\) is -?inf: must be finite"),
    ],
)
def test_fault_of_a_sampler_is_named_and_the_run_can_go_on(tmp_path, monkeypatch, wrong, said):
    sampler, calls = SimpleRegulator.TR, []

    def TR(self, s, a, rng):
        calls.append(1)
        s_next, r = sampler(self, s, a, rng)
        return wrong(s_next, r) if len(calls) == 75 else (s_next, r)

    with monkeypatch.context() as patched:
        patched.setattr(SimpleRegulator, "TR", TR)
        with pytest.raises(ValueError, match=said):
            run(Configuration(SMALL), tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.npz")[1]["update"] == 6
    resume(tmp_path)
    assert_whole(tmp_path, SMALL)


def test_fault_of_an_environment_is_one_line_of_the_command(tmp_path, faulty):
    faulty("raises")
    out = str(tmp_path / "run")
    done = CliRunner().invoke(cli.app, ["train", "Walk-v0", "--set", "hidden=[4]", "--updates", "9", "--out", out])
    assert done.exit_code == 1
    assert done.stderr == "decision-making: Walk-v0: step raised KeyError: 'the robot fell over'\n"


def test_fault_in_one_run_of_a_sweep_is_named_and_the_rest_is_done_later(tmp_path, faulty):
    faulty("NaN reward")
    given = {**WALK, "seed": [0, 1]}
    del given["hidden"]  # the names of the runs are then short enough to say the seed
    with pytest.raises(RuntimeError, match=r"Walk-v0.*seed=0.*: Walk-v0: environment \d gave reward nan"):
        sweep(given, tmp_path)
    faulty()
    assert [row["updates"] for row in sweep(given, tmp_path)] == [8, 8]


def test_episodes_that_never_end_do_not_hang_a_run(tmp_path, faulty):
    faulty("never ends")
    history = run(Configuration(WALK), tmp_path)
    assert len(history) == 8
    assert np.isnan(history["return_mean"]).all()
    assert np.isfinite(history.θ).all()


def test_threshold_that_no_episode_can_reach_is_an_error(tmp_path, faulty, monkeypatch):
    faulty("never ends")
    monkeypatch.setattr(limits, "PATIENCE", 100)
    c = Configuration({**{name: x for name, x in WALK.items() if name != "updates"}, "threshold": 5.0})
    with pytest.raises(ValueError, match=r"threshold = 5\.0: no episode has ended in 7 updates and 224 steps"):
        run(c, tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.npz")[1]["update"] == 6


def test_threshold_of_an_update_that_reports_no_episodes_is_an_error():
    M = PolicyGradientUpdate(lambda θ: -θ, 1e-3)
    with pytest.raises(ValueError, match="threshold = 0: no episode has ended in 1 updates and 0 steps"):
        train(M, LinearGaussianPolicy(), [0, 1], rng=0, threshold=0)


def test_evaluation_of_episodes_that_never_end_is_an_error(faulty):
    faulty("never ends")
    P = GymnasiumProblem("Walk-v0", 0.9, n_envs=2)
    with pytest.raises(ValueError, match="Walk-v0: an episode takes more than max_steps = 50 steps"):
        P.play(lambda s: np.zeros(len(s), int), 3, seed=0, max_steps=50)
