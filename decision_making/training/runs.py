"""A run is a folder: config.toml, metrics.csv, checkpoint.npz, policy.npz and, where matplotlib is, curve.png.

With `eval_every` it has evaluations.csv and best_policy.npz too, with `tensorboard` a folder of event files. All but
metrics.csv and event files is written beside and moved into place. metrics.csv grows by a line an update; when a run is
resumed, updates after the last checkpoint are made again, and no line is written twice. A run that fails, for whatever
reason, leaves its last checkpoint, its metrics up to then, and the policy of its last update. A run that has compared
its last policies leaves the best of them, and selection.csv. Only one process at a time works in a folder; one whose
folder is moved stops, and writes nothing where it was.
"""

from __future__ import annotations

import csv
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array, instance, shortened
from decision_making.files import append_text, hold, path_of, remove_leftovers, short_text, write_whole
from decision_making.problem import offers
from decision_making.sequential_problems.policy_gradient_optimization import Step
from decision_making.training.book_problems import is_textbook
from decision_making.training.callbacks import Callback
from decision_making.training.configuration import FOUND, LONGEST, Configuration, parsed
from decision_making.training.evaluations import BEST, Evaluations
from decision_making.training.event_files import EventFiles, check_writer
from decision_making.training.history import METRICS, History, Selection
from decision_making.training.loop import CHECKPOINT, OfAProblem, recorded_rows, train
from decision_making.training.parts import Parts, said
from decision_making.training.policy_files import Evaluation, TrainedPolicy, evaluate, load_policy, save_policy
from decision_making.training.selection import steps_to_select

if TYPE_CHECKING:
    from decision_making.pictures.curves import Curve

CONFIG, TABLE, POLICY, CURVE, SELECTION = "config.toml", "metrics.csv", "policy.npz", "curve.png", "selection.csv"
SWEEP = "sweep.csv"  # in the folder of a sweep
LIMITS = ("steps", "updates", "seconds", "threshold")  # that a run may be resumed with others of
OF_TRAIN = (  # what to do about a folder that has a checkpoint alone
    "train(…, folder=…, resume=True) goes on from its checkpoint; commands read the folder that "
    "run(Configuration(…), folder) of decision_making.training makes, and save_policy keeps a policy alone"
)
WAIT = 3.0  # seconds that a process killed just now may take to end


def run(
    configuration: Configuration,
    folder: Path | str,
    *,
    callbacks: Sequence[Callback] = (),
    allow_imports: bool = False,
    workers: int | None = None,
) -> History:
    """Train in a new folder, the blocks of a batch on so many workers if the configuration has any.

    A batch longer than `steps` is warned of. Raises FileExistsError if the folder holds a run, BlockingIOError if one
    is at work there, OSError if it is moved.
    """
    instance(configuration, "configuration", Configuration)
    folder = path_of(folder, "folder")
    # what is wrong shows before anything is written
    if configuration["tensorboard"]:
        check_writer()
    if folder.is_dir():
        with _alone_in(folder):
            check_free(folder)  # before steps are taken for a first look
    parts = configuration.parts(allow_imports=allow_imports, workers=workers)
    n, steps = getattr(parts.M, "n", 0), configuration["steps"]  # no n: trajectories of a textbook problem
    if steps is not None and n > steps:
        said = f"steps = {steps}: the first batch alone has about n = {n}, so that the run goes beyond"
        warnings.warn(f"{said}; give more steps, or a smaller steps_per_update", stacklevel=2)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        check_free(folder)
        write_text(folder / CONFIG, _settings(configuration, parts))
        return _trained(configuration, parts, folder, callbacks, resume=False)


def resume(
    folder: Path | str,
    *,
    callbacks: Sequence[Callback] = (),
    allow_imports: bool = False,
    workers: int | None = None,
    **limits: float | None,
) -> History:
    """Go on from the last checkpoint of a run to its limits, or to others: steps, updates, seconds, threshold.

    What was done after that checkpoint is done again, and its lines and policy stay until then. The result is that of a
    run that never stopped; with `anneal`, δ is from then on that of a run to the new limits. Other limits are written
    into config.toml, and are the run's own from then on.

    Raises FileNotFoundError if the folder holds no run, ValueError if its files are damaged, for other settings than
    limits, or if it went beyond those limits already, BlockingIOError if a process is at work there. It went beyond
    `steps` too where it has learnt in some that are now for a selection.
    """
    folder = path_of(folder, "folder")
    if other := [name for name in limits if name not in LIMITS]:
        raise ValueError(f"{other[0]}: a run may be resumed with another {', '.join(LIMITS)}, and no other setting")
    configuration = read_configuration(folder, **limits)
    with _alone_in(folder):
        own = read_configuration(folder)
        parts = _as_begun(folder, configuration).parts(allow_imports=allow_imports, workers=workers)
        for name, column in (("steps", "steps"), ("updates", "update"), ("seconds", "seconds")):
            (before, done), limit = _last_two(folder, column), limits.get(name)
            if limit is None or limit == own[name]:
                continue
            if limit < done:  # to go back would lose what was done since
                raise ValueError(f"{name} = {limit}: must be at least the {done:.6g} that {folder} has done already")
            to_select = steps_to_select(parts.M, configuration["steps"]) if name == "steps" else 0
            if to_select and before >= limit - to_select:
                raise ValueError(
                    f"steps = {limit}: {to_select} of them are for the selection, and {folder} has learnt in more than "
                    "the others already; give more"
                )
        # what was done after the checkpoint is done again, and comes out as it is there unless δ follows the limits
        again = not configuration.values.get("anneal") or configuration.limits == own.limits
        if configuration["tensorboard"]:
            check_writer()
        if any(x is not None for x in limits.values()):
            write_text(folder / CONFIG, _settings(configuration, parts))
        return _trained(configuration, parts, folder, callbacks, resume=begun(folder), again=again)


def check_free(folder: Path) -> None:
    """FileExistsError where the folder holds a run, a checkpoint or a sweep."""
    if (folder / CONFIG).exists():
        raise FileExistsError(f"{folder} holds a run already: resume it, or choose another folder")
    if begun(folder):
        raise FileExistsError(f"{folder} holds the checkpoint of another run: choose another folder")
    if (folder / SWEEP).exists():
        raise FileExistsError(f"{folder} holds a sweep: choose another folder")


def _settings(c: Configuration, parts: Parts) -> str:
    """The text of config.toml: all settings, the γ that was found where none is given, what follows as a comment."""
    found = "" if c["gamma"] is not None else f"\n[{FOUND}]\ngamma = {parts.M.P.γ}\n"
    return c.to_toml() + found + "".join(f"# {line}\n" for line in [said(parts)] if line)


def _as_begun(folder: Path, c: Configuration) -> Configuration:
    """The configuration with the γ that the run found when it began, which it does not look for again.

    ValueError where what the file says of it is damaged; where it says nothing, the run looks again.
    """
    file = folder / CONFIG
    found = parsed(short_text(file, LONGEST)).get(FOUND, {})
    if not (isinstance(found, dict) and found.keys() <= {"gamma"}):
        raise ValueError(f"{file}: {FOUND} = {shortened(found)}: must be a table with gamma alone")
    try:
        return c.settled(found["gamma"]) if found else c
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: {FOUND}.{error}") from error


def begun(folder: Path | str) -> bool:
    """Whether there is a checkpoint; a run may have been stopped before its first one."""
    return (path_of(folder, "folder") / CHECKPOINT).is_file()


def read_configuration(folder: Path | str, **changes: object) -> Configuration:
    """The configuration of a run. Raises FileNotFoundError if there is none, ValueError if it is damaged."""
    file = path_of(folder, "folder") / CONFIG
    if not file.is_file():
        said = f"{folder} holds no run: {CONFIG} is missing"
        raise FileNotFoundError(said + (f"; {OF_TRAIN}" if begun(folder) else ""))
    try:
        return Configuration.from_toml(short_text(file, LONGEST), **changes)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: {error}") from error


def read_metrics(folder: Path | str) -> dict[str, list[float]]:
    """The columns of metrics.csv; a line that is not whole, as the last of a killed run may be, is left out."""
    file = path_of(folder, "folder") / TABLE
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no run: {TABLE} is missing")
    with open(file, newline="", encoding="utf-8", errors="replace") as opened:
        whole = opened.read().rpartition("\n")[0]  # the last number of a line without an end may lack digits
    try:
        lines = list(csv.reader(whole.splitlines()))
    except csv.Error as error:
        raise ValueError(f"{file}: {error}") from error
    if not lines or tuple(lines[0]) != METRICS:
        raise ValueError(f"{file}: the first line must name the metrics {', '.join(METRICS)}")
    rows = [row for row in map(_numbers, lines[1:]) if row is not None]
    return {name: [row[i] for row in rows] for i, name in enumerate(METRICS)}


def evaluate_run(
    folder: Path | str,
    episodes: int = 20,
    *,
    mode: bool = True,
    seed: int = 0,
    allow_imports: bool = False,
    best: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Evaluation:
    """`evaluate` the policy of a run on its problem: the one it ended with, or the best one that `eval_every` has kept.

    Raises as `read_configuration` and `load_policy` do, ValueError where there is no best one.
    """
    configuration, policy = read_configuration(folder), read_policy(folder, best=best)
    problem = configuration.problem(allow_imports=allow_imports)
    d = configuration["depth"] if is_textbook(configuration["env"]) else None
    return evaluate(policy, problem, episodes, mode=mode, seed=seed, d=d, bounds=bounds)


def read_policy(folder: Path | str, *, best: bool = False) -> TrainedPolicy:
    """The policy that a run ended with, or its best one. ValueError where there is none, and as `load_policy`."""
    file = path_of(folder, "folder") / (BEST if best else POLICY)
    if best and not file.is_file():
        raise ValueError(f"{folder} has no {BEST}: its setting eval_every keeps one")
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no run: {POLICY} is missing")
    return load_policy(file)


def learning_curves(folders: Sequence[Path | str], out: Path | str, *, points: int = 200) -> Path:
    """Draw the runs in these folders to a picture; runs that differ in nothing but their seed are one curve.

    Several seeds make an interquartile mean with a 95 % bootstrap band, one seed its own curve. Each curve is as
    `History.plot` says. Raises ModuleNotFoundError where matplotlib is not installed.
    """
    from decision_making.pictures.canvas import write_figure  # imported where used
    from decision_making.pictures.curves import curve, figure, labels

    kinds: list[dict[str, Any]] = []  # settings but the seed
    groups: list[list[Curve]] = []
    for folder in folders:
        settings = dict(read_configuration(folder).values)
        seed = settings.pop("seed")
        metrics = {name: np.array(x) for name, x in read_metrics(folder).items()}
        if settings not in kinds:
            kinds.append(settings)
            groups.append([])
        groups[kinds.index(settings)].append(curve(metrics, seed))
    titles = ", ".join(dict.fromkeys(settings["env"] for settings in kinds))
    return write_figure(figure(list(zip(labels(kinds), groups, strict=True)), titles, points), out)


def _last_two(folder: Path, column: str) -> list[float]:
    """The last two numbers of a column of metrics.csv, 0 before the first; damaged or missing, it can be made anew."""
    try:
        return [0.0, 0.0, *sorted(read_metrics(folder)[column])][-2:]
    except (FileNotFoundError, ValueError):
        return [0.0, 0.0]


def _with_later(folder: Path, rows: list[list[float]]) -> list[list[float]]:
    """The rows of a checkpoint, and those that metrics.csv has after them if it begins with them."""
    try:
        found = [list(row) for row in zip(*read_metrics(folder).values(), strict=True)]
    except (FileNotFoundError, ValueError):
        return rows
    return found if np.array_equal(found[: len(rows)], rows, equal_nan=True) else rows


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder. The lock is on the folder itself, moved or not, and ends with this process.

    Raises BlockingIOError where another one is still at work there after WAIT. There is no lock where the system has
    none.
    """
    try:
        import fcntl  # noqa: F401
    except ModuleNotFoundError:  # not a POSIX system
        yield
        return
    with hold(folder) as opened:
        until = time.monotonic() + WAIT
        while opened is not None and not _taken(opened):
            if time.monotonic() >= until:
                raise BlockingIOError(
                    f"{folder}: another process is at work in this run; wait until it ends, or end it and resume the "
                    "run, or choose another folder"
                )
            time.sleep(0.02)
        yield


def _taken(opened: int) -> bool:
    """Whether this process has the lock now, or the disk knows no locks, as some network disks do."""
    import fcntl

    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


def _write_selection(file: Path, selection: Selection | None) -> None:
    """A table of one line on the policy that the run ended with, where its last ones were compared; else no file."""
    if selection is None:
        file.unlink(missing_ok=True)
    else:
        write_text(file, _line(Selection._fields) + _line(selection))


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole(path, text.encode())


def _line(cells: Sequence[object]) -> str:
    return ",".join(map(str, cells)) + "\n"


def _numbers(cells: list[str]) -> list[float] | None:
    try:
        return [float(x) for x in cells] if len(cells) == len(METRICS) else None
    except ValueError:
        return None


def _trained(
    c: Configuration,
    parts: Parts,
    folder: Path,
    callbacks: Sequence[Callback],
    *,
    resume: bool,
    again: bool = False,
) -> History:
    """`train`, with the files of the run written beside it: the body of `run` and `resume`.

    With `again`, what the files have of updates after the checkpoint stays until the run goes beyond them.
    """
    M, π, θ, φ = parts
    rows = recorded_rows(M, π, θ, φ, folder / CHECKPOINT, c["seed"]) if resume else []
    remove_leftovers(folder)
    of_checkpoint = len(rows)
    rows = _with_later(folder, rows) if resume and again else rows
    done = rows[-1][METRICS.index("update")] if rows else 0
    write_text(folder / TABLE, "".join(map(_line, [METRICS, *rows])))
    latest: list[Array] = []
    P = M.P if offers(M, OfAProblem) else None
    evaluations = None if c["eval_every"] is None else Evaluations(c, folder, π, P)
    if evaluations is not None and resume:
        evaluations.resume(math.inf if again else of_checkpoint)
    seen = [dict(zip(METRICS, row, strict=True)) for row in rows]
    events = EventFiles(folder, seen, evaluations) if c["tensorboard"] else None
    beside: list[Callback] = [x for x in (evaluations, events) if x is not None]

    def save() -> None:
        for θ in latest:
            save_policy(folder / POLICY, π, θ, P)

    def keep(row: dict[str, float], taken: Step) -> None:
        if row["update"] > done:
            append_text(folder / TABLE, _line([row[name] for name in METRICS]))
        if row["update"] >= done:
            latest[:] = [taken.θ]
        if row["update"] % c["checkpoint_every"] == 0:
            save()

    try:
        history = train(
            *(M, π, θ, φ),
            **c.limits,
            rng=c["seed"],
            folder=folder,
            resume=resume,
            checkpoint_every=c["checkpoint_every"],
            callbacks=[keep, *beside, *callbacks],
        )
    except BaseException:
        with suppress(OSError):  # what went wrong first is what is told
            save()
        raise
    finally:
        if events is not None:
            events.close()
    if len(history) >= done:  # `seconds` may have ended it before
        latest[:] = [history.θ]
        save()
        history.to_csv(folder / TABLE)
        _write_selection(folder / SELECTION, history.selection)
    with suppress(ModuleNotFoundError):  # without matplotlib there is no picture
        learning_curves([folder], folder / CURVE)
    return history
