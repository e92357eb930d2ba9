"""Sweeps and rollouts on several processes: the same bits, nothing lost, nothing counted twice, clear refusals."""

import csv
import fcntl
import itertools
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import threadpoolctl
from typer.testing import CliRunner

from decision_making import (
    MDP,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    gradient,
    step,
    update,
)
from decision_making.cli import app
from decision_making.cli.options import several_settings
from decision_making.problems import HexWorld, SimpleRegulator
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.training import Configuration, grid, in_parallel, parallel, parallel_rollouts, run, sweep, table
from decision_making.training.parallel import WorkerLostError
from decision_making.training.policy_files import load_policy
from decision_making.training.sweeps import going_on, name_of, run_folders

pytestmark = pytest.mark.usefixtures("no_pictures")

SMALL = {"env": "SimpleRegulator", "updates": 5, "trajectories": 20, "checkpoint_every": 2}
LONG = {"env": "SimpleRegulator", "updates": 60, "trajectories": 400, "checkpoint_every": 10, "seed": range(3)}
COMMAND = [sys.executable, "-m", "decision_making"]


def facts(rows):
    """What must be the same wherever the sweep runs."""
    return [{name: x for name, x in row.items() if name != "seconds"} for row in rows]


def bits(folder):
    """The parameters and the metrics of all runs, without the measured times."""
    found = {}
    for path in run_folders(folder):
        with open(path / "metrics.csv", newline="", encoding="utf-8") as file:
            rows = [{k: x for k, x in row.items() if "second" not in k} for row in csv.DictReader(file)]
        found[path.name] = load_policy(path / "policy.npz").θ.tobytes(), rows
    return found


def assert_same(a, b):
    assert facts(table(a)) == facts(table(b))
    assert bits(a) == bits(b)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, no_pictures):
    """LONG in this process, without an interruption."""
    folder = tmp_path_factory.mktemp("alone")
    sweep(LONG, folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _end_workers():
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


# ---- names and grids


def test_grid_is_all_combinations():
    found = grid({"env": ["CartPole-v1", "Pendulum-v1"], "seed": np.arange(2), "delta": (0.1, 0.2)})
    assert [(c["env"], c["seed"], c["delta"]) for c in found] == [
        *(("CartPole-v1", 0, 0.1), ("CartPole-v1", 0, 0.2), ("CartPole-v1", 1, 0.1), ("CartPole-v1", 1, 0.2)),
        *(("Pendulum-v1", 0, 0.1), ("Pendulum-v1", 0, 0.2), ("Pendulum-v1", 1, 0.1), ("Pendulum-v1", 1, 0.2)),
    ]


@pytest.mark.parametrize(
    ("given", "found"), [([8, 8], [[8, 8]]), ([[8, 8], [4]], [[8, 8], [4]]), ([], [[]]), ([[]], [[]])]
)
def test_a_setting_that_is_a_list_is_one_value(given, found):
    assert [c["hidden"] for c in grid({"env": "CartPole-v1", "hidden": given})] == found


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (3, TypeError, "'int' object is not iterable"),
        ([], ValueError, "a sweep needs at least one run"),
        ([SMALL], TypeError, "must be a Configuration"),
        ({}, ValueError, "env = None"),
        ({"env": "CartPole-v1", "seed": []}, ValueError, r"seed = \[\]: must have at least one value"),
        ({"env": "CartPole-v1", "seed": range(0)}, ValueError, r"seed = range\(0, 0\): must have at least one value"),
        ({"env": "CartPole-v1", "sed": range(2)}, ValueError, "sed: unknown setting; did you mean seed?"),
        ({"env": "CartPole-v1", "delta": [0.1, "x"]}, ValueError, "delta = 'x': must be a finite number > 0"),
        ({"env": "CartPole-v1", "seed": [1, 1]}, ValueError, "seed=1: two runs of the sweep have these settings"),
        ({"env": "CartPole-v1", "seed": range(10**5), "delta": [0.1, 0.2]}, ValueError, "has 200000 runs: must be"),
        ({"env": ["CartPole-v1", "SimpleRegulator"], "delta": 0.1}, ValueError, "delta: unknown setting"),
        ({"env": ["SimpleRegulator", "NoSuch-v0"]}, ValueError, "env = 'NoSuch-v0'"),
        ({"env": "os:CartPole-v1"}, ValueError, "names a module to import"),
        ({"env": "SimpleRegulator", "gamma": [0.9, 2.0]}, ValueError, "gamma = 2"),
    ],
)
def test_bad_grid_is_named_and_leaves_nothing(tmp_path, given, error, message):
    with pytest.raises(error, match=message):
        sweep(given, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    "env", ["../../escaped", "/etc/x", "..", "a/../b", ".hidden", "ns/CartPole-v1", "x\0y", "λ", "é" * 300]
)
def test_name_is_one_plain_part_of_a_path(tmp_path, env):
    name = name_of(Configuration({"env": env}))
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert name.isascii()
    assert len(name) < 128
    assert name[0] not in ".-"


def test_names_tell_apart_what_plain_letters_do_not():
    names = {name_of(Configuration({"env": env})) for env in ("a/b", "a_b", "a:b", "a b", "a\\b")}
    assert len(names) == 5


def test_name_does_not_depend_on_the_rest_of_the_sweep(tmp_path):
    sweep(SMALL, tmp_path)
    written = (tmp_path / name_of(Configuration(SMALL)) / "metrics.csv").stat().st_mtime_ns
    rows = sweep({**SMALL, "seed": [1, 0], "update": ["natural", "trust-region"]}, tmp_path)
    assert [(row["update"], row["seed"]) for row in rows] == [
        *(("natural", 0), ("natural", 1), ("trust-region", 0), ("trust-region", 1))
    ]
    assert (tmp_path / name_of(Configuration(SMALL)) / "metrics.csv").stat().st_mtime_ns == written


def test_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / name_of(Configuration(SMALL))).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="must be a folder of its own, inside"):
        sweep(SMALL, tmp_path / "sweep")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_run_of_other_settings_in_the_way_is_refused(tmp_path):
    c = Configuration(SMALL)
    run(Configuration({**SMALL, "gamma": 0.5}), tmp_path / name_of(c))
    with pytest.raises(FileExistsError, match=r"holds a run with gamma = 0\.5, not 0.9: choose another folder"):
        sweep([c], tmp_path)


def test_a_sweep_does_not_go_into_the_folder_of_a_run(tmp_path):
    run(Configuration(SMALL), tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileExistsError, match="holds a run: choose another folder for a sweep"):
        sweep(SMALL, tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "config.toml").unlink()
    with pytest.raises(FileExistsError, match="holds a run: choose another folder for a sweep"):
        sweep(SMALL, tmp_path)


def test_a_run_does_not_go_into_the_folder_of_a_sweep(tmp_path):
    sweep(SMALL, tmp_path)
    with pytest.raises(FileExistsError, match="holds a sweep: choose another folder"):
        run(Configuration(SMALL), tmp_path)
    sweep(SMALL, tmp_path)


# ---- the table


def test_table_is_tidy(tmp_path):
    reported = []
    rows = sweep(
        {**SMALL, "update": ["natural", "clamped"], "gamma": [1.0, 0.9], "seed": [10, 2]},
        *(tmp_path,),
        progress=lambda row, finished, total: reported.append((row["run"], finished, total)),
    )
    assert [n for _, n, _ in reported] == list(range(1, 9))
    assert {n for *_, n in reported} == {8}
    assert sorted(name for name, *_ in reported) == sorted(row["run"] for row in rows)
    with open(tmp_path / "sweep.csv", newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == [
        *("update", "gamma", "seed", "return", "updates", "steps", "seconds", "reason", "run")
    ]  # what does not vary is left out
    assert [(row["update"], row["gamma"], row["seed"]) for row in read] == [
        (name, γ, seed) for name in ("clamped", "natural") for γ in ("0.9", "1.0") for seed in ("2", "10")
    ]
    for row, same in zip(read, rows, strict=True):
        assert float(row["return"]) == same["return"]
        assert (row["updates"], row["steps"], row["reason"]) == ("5", "1000", "stopped by updates = 5")
        assert (tmp_path / row["run"] / "config.toml").is_file()
    assert table(tmp_path) == rows


def test_run_without_an_episode_has_no_return(tmp_path):
    (row,) = sweep({"env": "CartPole-v1", "hidden": [4], "n_envs": 2, "steps_per_update": 4, "updates": 1}, tmp_path)
    assert row["return"] is None
    assert ",," in (tmp_path / "sweep.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"return": 1}'])
def test_damaged_result_is_named(tmp_path, text):
    (row,) = sweep(SMALL, tmp_path)
    (tmp_path / row["run"] / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"result\.json is damaged: remove it to do the run again"):
        table(tmp_path)


def test_failed_run_is_named_and_does_not_stop_the_others(tmp_path, monkeypatch):
    import decision_making.training.sweeps as module

    train = module.runs.run

    def faulty(c, *arguments, **options):
        if c["seed"] in (1, 2):
            raise ValueError(f"reward {c['seed']} is nan")
        return train(c, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module.runs, "run", faulty)
        with pytest.raises(RuntimeError, match=r"seed=1: reward 1 is nan \(and 1 more of 4 failed\)"):
            sweep({**SMALL, "seed": range(4)}, tmp_path)
    assert [row["seed"] for row in table(tmp_path)] == [0, 3]
    assert [row["seed"] for row in sweep({**SMALL, "seed": range(4)}, tmp_path)] == [0, 1, 2, 3]


# ---- processes


def test_two_processes_give_the_same_bits(alone, tmp_path):
    sweep(LONG, tmp_path, workers=2)
    assert_same(tmp_path, alone)
    assert os.getpid() not in {int(x.read_text()) for x in tmp_path.glob("*/.lock")}


def kill_once(folder, killed):
    """SIGKILL the worker of the first run that has done 15 updates."""
    while not killed:
        for metrics in folder.glob("*/metrics.csv"):
            begun = len(metrics.read_text(encoding="utf-8").splitlines()) > 15
            if begun and not (metrics.parent / "result.json").exists():
                os.kill(int((metrics.parent / ".lock").read_text()), signal.SIGKILL)
                killed.append(metrics.parent.name)
                return
        time.sleep(0.005)


def test_killed_worker_costs_nothing_but_time(alone, tmp_path):
    killed, reported = [], []
    thread = threading.Thread(target=kill_once, args=(tmp_path, killed), daemon=True)
    thread.start()
    sweep(LONG, tmp_path, workers=2, progress=lambda row, finished, total: reported.append((row["run"], finished)))
    thread.join(10)
    assert killed
    assert [n for _, n in reported] == [1, 2, 3]
    assert len({name for name, _ in reported}) == 3
    assert_same(tmp_path, alone)


def deadly(x):
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def test_task_that_kills_every_worker_is_named(monkeypatch):
    monkeypatch.setattr(parallel, "RETRIES", 1)
    done = []
    with pytest.raises(WorkerLostError, match="the worker of task 3 was lost 2 times") as caught:
        done.extend(i for i, _ in in_parallel(deadly, range(5), workers=2))
    assert caught.value.index == 3
    assert sorted(done) in ([0, 1, 2], [0, 1, 2, 4])  # once each; whether 4 ran beside 3 is a matter of time


def test_lost_task_of_a_sweep_is_named(tmp_path, monkeypatch):
    import decision_making.training.sweeps as module

    def lost(*arguments, **options):
        yield from ()
        raise WorkerLostError(1)

    monkeypatch.setattr(module, "in_parallel", lost)
    with pytest.raises(RuntimeError, match=r"^SimpleRegulator.*seed=1: its worker was lost 4 times"):
        sweep({**SMALL, "seed": range(2)}, tmp_path)


def fails(x):
    raise ZeroDivisionError(f"task {x}")


def test_error_of_a_task_passes_through():
    with pytest.raises(ZeroDivisionError, match="task"):
        list(in_parallel(fails, range(2), workers=2))


def python(code):
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_killed_sweep_does_the_rest_when_it_is_called_again(alone, tmp_path):
    """A finished run is on the disk before it is reported: here nothing comes after the report."""
    kill = "lambda row, *_: print(row['run'], flush=True) or os.kill(os.getpid(), signal.SIGKILL)"
    process = python(
        "import os, signal, sys; sys.modules['decision_making.pictures.curves'] = None\n"
        f"from decision_making.training import sweep; sweep({LONG!r}, {str(tmp_path)!r}, progress={kill})"
    )
    name = process.communicate()[0].strip()
    assert process.returncode == -signal.SIGKILL
    assert [row["run"] for row in table(tmp_path)] == [name]
    before = (tmp_path / name / "result.json").stat().st_mtime_ns
    sweep(LONG, tmp_path)
    assert (tmp_path / name / "result.json").stat().st_mtime_ns == before
    assert_same(tmp_path, alone)


def test_killed_sweep_takes_its_workers_along(tmp_path):
    process = python(
        f"from decision_making.training import sweep; sweep({LONG | {'updates': 2000}!r}, {str(tmp_path)!r}, workers=2)"
    )
    wait_for(lambda: len(going_on(tmp_path)) == 2 and all(begun(path) for path in run_folders(tmp_path)))
    process.kill()
    process.communicate()
    wait_for(lambda: not any(is_held(path) for path in run_folders(tmp_path)))
    assert table(tmp_path) == []


def is_held(path):
    """Whether a process is at work in the folder of a run."""
    with open(path / ".lock", "a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def begun(path):
    return len((path / "metrics.csv").read_text(encoding="utf-8").splitlines()) > 3


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ---- refusals


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("threading", "autograd keeps one global trace.*use processes"),
        ("multiprocessing", "waits for ever for a worker"),
    ],
)
def test_backend_that_would_be_wrong_is_refused(tmp_path, backend, message):
    with joblib.parallel_config(backend, n_jobs=2), pytest.raises(RuntimeError, match=message):
        sweep(SMALL, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("wish", [{"prefer": "threads"}, {"require": "sharedmem"}])
def test_wish_for_threads_is_refused(wish):
    with joblib.parallel_config(**wish), pytest.raises(RuntimeError, match="use processes"):
        list(in_parallel(abs, [1], workers=2))


def test_one_job_is_one_job_whatever_the_backend(tmp_path):
    with joblib.parallel_config("threading", n_jobs=1):
        assert len(sweep(SMALL, tmp_path)) == 1


def test_workers_and_a_cluster_contradict_each_other():
    with pytest.raises(ValueError, match="workers = 2 with scheduler = 'tcp://x:1'"):
        list(in_parallel(deadly, [0], workers=2, scheduler="tcp://x:1"))


def test_library_that_keeps_its_threads_is_refused(monkeypatch):
    for kind in (threadpoolctl.OpenBLASController, threadpoolctl.OpenMPController):
        monkeypatch.setattr(kind, "get_num_threads", lambda self: 4)
    with pytest.raises(RuntimeError, match=r"keeps 4 threads.*OPENBLAS_NUM_THREADS=1"):
        list(in_parallel(deadly, [0]))


def test_two_tasks_at_a_time_in_a_process_are_refused():
    """Whatever backend does that: Dask's threads, Ray's actors."""
    inside, leave, found = threading.Event(), threading.Event(), []

    def wait(_):
        inside.set()
        leave.wait(10)

    thread = threading.Thread(target=lambda: found.extend(in_parallel(wait, [0])))
    thread.start()
    inside.wait(10)
    try:
        with pytest.raises(RuntimeError, match="this process has two tasks at a time: autograd is not thread-safe"):
            list(in_parallel(deadly, [0]))
    finally:
        leave.set()
        thread.join()
    assert found == [(0, None)]


def test_task_may_use_the_seam_itself():
    P = SimpleRegulator()
    ((_, τs),) = in_parallel(lambda n: parallel_rollouts(P, P.b, LinearGaussianPolicy(), np.ones(2), 2, n, 0), [7])
    assert len(τs) == 7


def one_thread(_):
    return {x["num_threads"] for x in threadpoolctl.threadpool_info()}, os.environ.get("OPENBLAS_NUM_THREADS")


def test_workers_compute_with_one_thread():
    for _, (threads, variable) in in_parallel(one_thread, range(2), workers=2):
        assert threads == {1}
        assert variable == "1"


class WholeList(joblib.parallel.LokyBackend):
    """As Ray's backend, which gives all results at the end."""

    supports_return_generator = False


def test_backend_that_gives_all_results_at_the_end():
    joblib.register_parallel_backend("whole-list", WholeList)
    with joblib.parallel_config("whole-list", n_jobs=2):
        assert sorted(in_parallel(abs, [-1, -2, -3])) == [(0, 1), (1, 2), (2, 3)]


# ---- rollouts


def moving(s, a, rng):
    return s + a + rng.normal(0, 0.1, s.shape), -(s**2)


ENDING = MDP(0.9, None, None, None, None, TR=moving, terminal=lambda s: np.abs(s) > 1)
ROLLOUTS = [
    (SimpleRegulator(γ=0.9), LinearGaussianPolicy(), np.array([0.0, 1.0]), None),
    (SimpleRegulator(γ=0.9), LinearGaussianPolicy(), np.array([0.0, 1.0], np.float32), None),
    (HexWorld(γ=0.9), SoftmaxPolicy(25, 6), np.zeros(150), None),
    (ENDING, LinearGaussianPolicy(), np.array([-0.1, 0.5]), lambda m, rng: rng.normal(0.3, 0.1, m)),
]


@pytest.mark.parametrize(("P", "π", "θ", "b"), ROLLOUTS)
def test_rollouts_are_the_same_bits_from_two_processes(P, π, θ, b):
    b = P.b if b is None else b
    one, two = (parallel_rollouts(P, b, π, θ, 6, 100, 3, blocks=7, workers=n) for n in (1, 2))
    for name in ("s", "a", "r", "mask", "s_end", "terminated", "truncated"):
        x, y = getattr(one, name), getattr(two, name)
        assert (x.dtype, x.shape, x.strides) == (y.dtype, y.shape, y.strides), name
        assert x.tobytes() == y.tobytes(), name
    assert len(one) == 100
    M = NaturalPolicyUpdate(P, b, 6, 100, 0.01)
    assert update(M, π, θ, τs=one).tobytes() == update(M, π, θ, τs=two).tobytes()
    assert step(M, π, θ, τs=one).kl == step(M, π, θ, τs=two).kl


class DeadlyOnce:
    """The linear Gaussian policy, whose first call kills its process."""

    def __init__(self, path):
        self.path = path

    def __call__(self, θ, s, rng):
        if not self.path.exists():
            self.path.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return LinearGaussianPolicy()(θ, s, rng)


def test_rollouts_of_a_killed_worker_are_done_again(tmp_path):
    P, θ = SimpleRegulator(), np.ones(2)
    got = parallel_rollouts(P, P.b, DeadlyOnce(tmp_path / "called"), θ, 3, 40, 5, workers=2)
    np.testing.assert_array_equal(got.r, parallel_rollouts(P, P.b, LinearGaussianPolicy(), θ, 3, 40, 5).r)


def test_rollouts_of_parameters_of_their_own():
    P, θ = SimpleRegulator(), np.column_stack([np.zeros(10), np.arange(10.0)])
    τs = parallel_rollouts(P, P.b, LinearGaussianPolicy(), θ, 1000, 10, 0, blocks=3)
    np.testing.assert_allclose(τs.a.std(axis=1), np.arange(10), rtol=0.1, atol=1e-4)


def test_rollouts_are_of_the_right_distribution():
    """Blocks are independent: the mean return agrees with plain rollouts, and no two blocks are alike."""
    from decision_making import rollouts

    P, π, θ = SimpleRegulator(), LinearGaussianPolicy(), np.array([0.0, 1.0])
    τs = parallel_rollouts(P, P.b, π, θ, 5, 20_000, 0)
    R, plain = τs.r.sum(axis=1), rollouts(P, P.b, π, θ, 5, 20_000, 1).r.sum(axis=1)
    assert abs(R.mean() - plain.mean()) < 4 * np.sqrt((R.var() + plain.var()) / 20_000)
    assert len(np.unique(τs.s[:, 0])) == 20_000


def test_gradient_and_fisher_product_of_a_batch_are_the_averages_over_its_blocks():
    """Why whole batches are sent: they give what averaging would, and the bits of one process besides."""
    P, π, θ = SimpleRegulator(γ=0.9), LinearGaussianPolicy(), np.array([-0.3, 0.8])
    τs = parallel_rollouts(P, P.b, π, θ, 5, 100, 3, blocks=7)
    edges = np.arange(8) * 100 // 7
    M = RewardToGoGradient(P, P.b, 5, 100)

    def fisher_product(τs, v):
        G = π.scores(θ, τs)
        return G.T @ (G @ v) / len(G)

    for f in (lambda τs: gradient(M, π, θ, τs=τs), lambda τs: fisher_product(τs, np.array([1.0, -2.0]))):
        averaged = sum((j - i) / 100 * f(τs[i:j]) for i, j in itertools.pairwise(edges))
        np.testing.assert_allclose(averaged, f(τs), rtol=1e-12)


def test_rollouts_draw_on_from_a_generator():
    P, π, rng = SimpleRegulator(), LinearGaussianPolicy(), np.random.default_rng(0)
    first, second = (parallel_rollouts(P, P.b, π, np.ones(2), 2, 30, rng) for _ in range(2))
    assert not np.isin(first.s, second.s).any()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"m": 0}, ValueError, "m = 0: must be a whole number >= 1"),
        ({"m": 2.0}, ValueError, "m = 2.0"),
        ({"d": 0}, ValueError, "d = 0"),
        ({"blocks": 0}, ValueError, "blocks = 0: must be a whole number >= 1"),
        ({"blocks": True}, ValueError, "blocks = True"),
        ({"rng": "x"}, TypeError, "rng = 'x'"),
        ({"P": GymnasiumProblem("CartPole-v1", 0.9, n_envs=1)}, TypeError, "live environments"),
    ],
)
def test_wrong_call_of_rollouts_is_named(changes, error, message):
    P = SimpleRegulator()
    given = {"P": P, "b": P.b, "π": LinearGaussianPolicy(), "θ": np.ones(2), "d": 2, "m": 3, "rng": 0, **changes}
    with pytest.raises(error, match=message):
        parallel_rollouts(**given)


# ---- the command line


def command(*arguments):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def drawing(monkeypatch):
    monkeypatch.delitem(sys.modules, "decision_making.pictures.curves")  # see `no_pictures`


def test_command_does_a_sweep_and_plots_it(drawing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text('env = "SimpleRegulator"\nupdates = 9\ntrajectories = 20\nseed = 7\n', encoding="utf-8")
    done = command(
        *("sweep", "--config", "run.toml", "--seeds", "3:5", "--update", "natural", "--update", "clamped"),
        *("--updates", "2", "--set", "epsilon=0.01,0.02", "--out", "sweep"),
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "sweep/sweep.csv: 8 runs; draw them with: decision-making plot sweep\n"
    rows = table(tmp_path / "sweep")
    assert [(row["update"], row["epsilon"], row["seed"]) for row in rows] == [
        (name, ε, seed) for name in ("clamped", "natural") for ε in (0.01, 0.02) for seed in (3, 4)
    ]
    assert {row["steps"] for row in rows} == {2 * 20 * 10}
    done = command("plot", "sweep", "--out", "x.png")
    assert (done.exit_code, done.stdout) == (0, "x.png\n")
    assert Path("x.png").read_bytes()[:4] == b"\x89PNG"


def test_plot_of_a_folder_without_runs_is_one_line(drawing, tmp_path):
    done = command("plot", str(tmp_path))
    assert done.exit_code == 1
    assert done.stderr == f"decision-making: {tmp_path} holds no run: config.toml is missing\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hidden=[8,8]", [[8, 8]]),
        ("hidden=[8],[4,4]", [[8], [4, 4]]),
        ("delta=0.01", [0.01]),
        ("delta=0.01, none", [0.01, None]),
        ("delta=none", [None]),
        ("advantage=generalized,monte-carlo", ["generalized", "monte-carlo"]),
        ("scale_rewards=true,false", [True, False]),
    ],
)
def test_values_of_a_setting(text, found):
    assert list(several_settings([text]).values()) == [found]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 1, "ENV or --config: one of them must say"),
        (["SimpleRegulator", "--seeds", "0:0"], 1, "seed = []: must have at least one value"),
        (["SimpleRegulator", "--seeds", "few"], 2, "--seeds few: must be as in 0:10"),
        (["SimpleRegulator", "--set", "epsilon"], 2, "--set epsilon: must be name=value"),
        (["SimpleRegulator", "--set", "epsilom=0.1,0.2"], 1, "epsilom: unknown setting; did you mean epsilon?"),
        (["SimpleRegulator", "--update", "best"], 1, "update = 'best'"),
        (["SimpleRegulator", "--workers", "0"], 1, "workers = 0: must be a whole number >= 1"),
        (["SimpleRegulator", "--workers", "2", "--scheduler", "tcp://x:1"], 1, "workers = 2 with scheduler"),
        (["--config", "none.toml"], 1, "none.toml"),
    ],
)
def test_wrong_command_is_one_line_and_leaves_nothing(arguments, status, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = command("sweep", *arguments)
    assert done.exit_code == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_on_a_terminal_leaves_a_folder_to_go_on_with(tmp_path):
    arguments = ["SimpleRegulator", "--seeds", "0:3", "--set", "trajectories=400", "--updates", "2000"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*COMMAND, "sweep", *arguments, "--workers", "2", "--out", str(tmp_path)])
    shown, stopped, deadline = b"", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
        if not stopped and len(going_on(tmp_path)) == 2 and all(begun(path) for path in run_folders(tmp_path)):
            os.write(terminal, b"\x03")
            stopped = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    text = shown.decode()
    assert "0/3" in text  # the bar
    said = f"stopped with 0 runs finished in {tmp_path}; the same command does the rest"
    assert "".join(said.split()) in "".join(text.split())  # a terminal breaks lines anywhere
    assert "Traceback" not in text
    assert len(going_on(tmp_path)) == 2


# ---- a Dask cluster


@pytest.fixture(scope="module")
def distributed():
    return pytest.importorskip("distributed")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_cluster_gives_the_same_bits(alone, tmp_path, distributed):
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        sweep(LONG, tmp_path / "named", scheduler=cluster.scheduler_address)
        assert_same(tmp_path / "named", alone)
        for P, π, θ, b in ROLLOUTS[:3]:
            one = parallel_rollouts(P, P.b, π, θ, 6, 100, 3)
            two = parallel_rollouts(P, P.b, π, θ, 6, 100, 3, scheduler=cluster.scheduler_address)
            assert b is None
            assert one.s.tobytes() == two.s.tobytes()
            assert one.r.tobytes() == two.r.tobytes()
        with distributed.Client(cluster, set_as_default=True), joblib.parallel_config("dask"):
            sweep(LONG, tmp_path / "around")
        assert_same(tmp_path / "around", alone)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_killed_worker_of_a_cluster_costs_nothing_but_time(alone, tmp_path, distributed):
    killed = []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        thread = threading.Thread(target=kill_once, args=(tmp_path, killed), daemon=True)
        thread.start()
        sweep(LONG, tmp_path, scheduler=cluster.scheduler_address)
        thread.join(10)
    assert killed
    assert_same(tmp_path, alone)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_workers": 1, "threads_per_worker": 2}, "has 2: autograd is not thread-safe; start workers with"),
        ({"n_workers": 2, "threads_per_worker": 1, "processes": False}, "threads of one process"),
    ],
)
def test_cluster_with_threads_is_refused(tmp_path, distributed, options, said):
    with (
        distributed.LocalCluster(dashboard_address=None, **options) as cluster,
        distributed.Client(cluster, set_as_default=True),
        joblib.parallel_config("dask"),
        pytest.raises(RuntimeError, match=said),
    ):
        sweep(SMALL, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.slow
def test_scheduler_that_does_not_answer_is_named(tmp_path, distributed):
    with pytest.raises(OSError, match=r"scheduler = 'tcp://127.0.0.1:1': no Dask scheduler answers there"):
        sweep(SMALL, tmp_path / "sweep", scheduler="tcp://127.0.0.1:1")
    assert not (tmp_path / "sweep").exists()
