"""Many runs at once: seeds, problems and settings, each a folder of its own, on processes or machines.

A task is one whole run. What is sent to a worker is its settings, what comes back is a row of the table: all else is on
the disk, which the workers share. result.json says that a run is finished, and is written before it is reported; so a
sweep that is called again does only the rest, and a run whose worker was lost goes on from its checkpoint.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from decision_making.checks import is_number, printable
from decision_making.files import hold, path_of, short_text
from decision_making.problem import offers
from decision_making.training import runs
from decision_making.training.configuration import Configuration
from decision_making.training.history import METRICS
from decision_making.training.parallel import RETRIES, WorkerLostError, end_if_orphaned, in_parallel
from decision_making.training.settings import COMMON, GYMNASIUM, TEXTBOOK, defaults

RESULT, TABLE, LOCK = "result.json", runs.SWEEP, ".lock"
RESULTS = ("return", "updates", "steps", "seconds", "reason")
MOST = 100_000  # runs in one sweep
LISTS = {name for name, line in {**COMMON, **GYMNASIUM, **TEXTBOOK}.items() if "list" in line.allowed}

Row: TypeAlias = dict[str, Any]  # of the table: numbers, texts, None
Task: TypeAlias = tuple[dict[str, object], str, bool]  # settings, folder, whether imports are allowed


class HasList(Protocol):
    """An array, of whatever library."""

    def tolist(self) -> list[object]:
        """Its values as Python's own."""


def grid(settings: Mapping[str, object]) -> list[Configuration]:
    """All combinations of the settings, a list (tuple, range, array) being several values; the last one varies fastest.

    A setting that is a list itself, `hidden`, has several values in a list of lists. Raises ValueError or TypeError as
    `Configuration` does, and for an empty list.

    >>> [c["seed"] for c in grid({"env": "CartPole-v1", "seed": range(3)})]
    [0, 1, 2]
    """
    if not isinstance(settings, Mapping):
        raise TypeError(f"a grid is a mapping from settings to values, not {type(settings).__name__}")
    values = {name: _values(name, x) for name, x in settings.items()}
    number = math.prod(map(len, values.values()))
    if number > MOST:
        raise ValueError(f"the grid has {number} runs: must be at most {MOST}")
    return [Configuration(dict(zip(values, x, strict=True))) for x in itertools.product(*values.values())]


def sweep(
    configurations: Mapping[str, object] | Iterable[Configuration],
    folder: Path | str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[Row, int, int], object] = lambda row, finished, total: None,
    allow_imports: bool = False,
) -> list[Row]:
    """Do all runs, each in a sub-folder named by its settings, and return the table of `folder` (see `table`).

    `configurations` is a grid of settings or a list of `Configuration`. `workers` processes, or the Dask cluster at
    `scheduler`, or what joblib's configuration says (see `in_parallel`); the workers must see the same disk. Results
    are the same bit for bit for any of them, unless runs are limited by `seconds`. `progress(row, finished, total)` is
    called after each run. Called again after it was stopped, a sweep does only what is not finished.

    A run that fails does not stop the others; RuntimeError at the end names it. Raises ValueError or TypeError for
    wrong settings before anything is written, FileExistsError where `folder` holds a run itself, or one of other
    settings is in the way, and as `in_parallel` does.
    """
    folder = path_of(folder, "folder").absolute()
    given = grid(configurations) if isinstance(configurations, Mapping) else list(configurations)
    if (folder / runs.CONFIG).exists() or runs.begun(folder):
        raise FileExistsError(f"{folder} holds a run: choose another folder for a sweep")
    tasks = _tasks(given, folder, allow_imports)
    failed: dict[str, str] = {}
    work = in_parallel(_run, tasks, workers=workers, scheduler=scheduler)
    try:
        for finished, (i, (row, error)) in enumerate(work, 1):
            name = Path(tasks[i][1]).name
            if error:
                failed[name] = error
            elif not (folder / name / RESULT).exists():
                raise RuntimeError(f"{folder}: the workers do not share this folder; it must be on a common disk")
            progress({"run": name, **row}, finished, len(tasks))
    except WorkerLostError as error:
        name = Path(tasks[error.index][1]).name
        raise RuntimeError(
            f"{name}: its worker was lost {RETRIES + 1} times, the last time running nothing else; is there memory "
            "enough for it? The other runs go on when the sweep is called without it"
        ) from error
    finally:
        work.close()
        rows = table(folder)
        if folder.is_dir():  # the workers make it, if they come to start
            runs.write_text(folder / TABLE, _csv(rows))
    if failed:
        more = f" (and {len(failed) - 1} more of {len(tasks)} failed)" if len(failed) > 1 else ""
        raise RuntimeError("{}: {}{}".format(*next(iter(failed.items())), more))
    return rows


def table(folder: Path | str) -> list[Row]:
    """One row for each finished run in the folder of a sweep, sorted; sweep.csv holds the same.

    Columns: the settings that vary (but where environment or update bring their own), seed, return (mean of the last
    100 episodes), updates, steps (of the environment), seconds (of work), reason (why it stopped) and run (its
    sub-folder). `pandas.DataFrame(table(folder))` takes it.
    Raises ValueError for a damaged file, naming it.
    """
    found = [(path.parent, _result(path)) for path in path_of(folder, "folder").glob(f"*/{RESULT}")]
    settings = {path: runs.read_configuration(path).values for path, _ in found}
    names = dict.fromkeys(name for values in settings.values() for name in values)
    varying = [name for name in names if name != "seed" and _varies(name, list(settings.values()))]
    rows = [
        {name: settings[path].get(name) for name in (*varying, "seed")} | result | {"run": path.name}
        for path, result in found
    ]
    return sorted(rows, key=lambda row: [_order(row[name]) for name in (*varying, "seed", "run")])


def _varies(name: str, settings: list[dict[str, Any]]) -> bool:
    """Whether a setting differs between runs, and not only since their environments or updates have other defaults."""
    if len({json.dumps(values.get(name)) for values in settings}) == 1:
        return False
    own = (values[name] != _usual(values)[name] for values in settings if name in values)
    return name in ("env", "update") or any(own)


def _usual(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a run would have if no more were said than its environment, update and preset."""
    return defaults(values["env"], values["update"], values.get("preset")) | {"preset": None}


def run_folders(folder: Path | str) -> list[Path]:
    """The runs that a folder stands for: itself if it is a run, else those that are its sub-folders.

    Raises FileNotFoundError if there are none.
    """
    folder = path_of(folder, "folder")
    inside = [] if (folder / runs.CONFIG).exists() else sorted(x.parent for x in folder.glob(f"*/{runs.TABLE}"))
    if not inside:
        runs.read_configuration(folder)  # says what is missing
    return inside or [folder]


def going_on(folder: Path | str) -> dict[str, float]:
    """How far the runs of a sweep are that have begun and are not finished: name -> fraction of their limit."""
    found = {}
    for path in sorted(path_of(folder, "folder").glob(f"*/{runs.CONFIG}")):
        if not (path.parent / RESULT).exists():
            try:
                found[path.parent.name] = _fraction(path.parent)
            except (OSError, ValueError):  # it is being written
                continue
    return found


def name_of(c: Configuration) -> str:
    """The name of a run's sub-folder: environment, update, the settings that are not the defaults, and the seed.

    It depends on nothing else, so that a sweep may grow; it is one plain part of a path.
    """
    usual = _usual(c.values)
    others = {name: x for name, x in c.values.items() if name not in ("env", "update", "seed") and x != usual[name]}
    said = "-".join(f"{name}={json.dumps(x) if isinstance(x, list) else x}" for name, x in others.items())
    exact = "-".join(x for x in (c["env"], c["update"], said, f"seed={c['seed']}") if x)
    plain = "".join(x if x.isascii() and (x.isalnum() or x in "._=+-") else "_" for x in exact).lstrip(".-")
    if plain == exact and len(plain) <= 120:
        return plain
    mark = hashlib.sha256(exact.encode()).hexdigest()[:12]  # keeps apart what plain letters do not
    return f"{plain[:100]}-{mark}"


def _values(name: str, x: object) -> list[object]:
    """The values of a setting: those of a list, or the one that is given."""
    x = x.tolist() if offers(x, HasList) else x
    if not isinstance(x, list | tuple | range):
        return [x]
    if name in LISTS and not (len(x) and all(isinstance(y, list | tuple) for y in x)):
        return [x]  # a list is one value here; Configuration refuses an empty one where it must not be
    if not len(x):
        raise ValueError(f"{name} = {x!r}: must have at least one value")
    if len(x) > MOST:
        raise ValueError(f"{name}: the grid has {len(x)} runs: must be at most {MOST}")
    return list(x)


def _tasks(given: Sequence[Configuration], folder: Path, allow_imports: bool) -> list[Task]:
    """What the workers get: settings, folder, and whether to import. Whatever is wrong shows before anything runs."""
    if not given:
        raise ValueError("a sweep needs at least one run")
    tasks: dict[str, Task] = {}
    made: set[str] = set()
    for c in given:
        if not isinstance(c, Configuration):
            raise TypeError(f"{c!r}: must be a Configuration")
        name = name_of(c)
        if name.casefold() in tasks:
            raise ValueError(f"{name}: two runs of the sweep have these settings")
        path = folder / name
        if path.is_symlink() or path.parent != folder:
            raise ValueError(f"{path}: must be a folder of its own, inside {folder}")
        if (path / runs.CONFIG).exists():
            _check_same(c, path)
        others = json.dumps({key: x for key, x in c.values.items() if key != "seed"})
        if others not in made:  # seeds differ in nothing that could be wrong
            made.add(others)
            c.settled().parts(allow_imports=allow_imports)
        tasks[name.casefold()] = (c.values, str(path), allow_imports)
    return list(tasks.values())


def _check_same(c: Configuration, path: Path) -> None:
    found = runs.read_configuration(path)
    for name, x in c.values.items():
        if found.values.get(name) != x:
            raise FileExistsError(
                f"{path} holds a run with {name} = {found.values.get(name)!r}, not {x!r}: choose another folder"
            )


def _run(task: Task) -> tuple[Row, str]:
    """Do or finish one run, in a worker: its row, or what went wrong."""
    values, folder, allow_imports = task
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with _held(path):
            if not (path / RESULT).exists():
                _train(Configuration(values), path, allow_imports)
            return _result(path / RESULT), ""
    except Exception as error:
        return dict.fromkeys(RESULTS), " ".join(str(error).split()) or type(error).__name__


def _train(c: Configuration, path: Path, allow_imports: bool) -> None:
    callbacks = [lambda row, taken: end_if_orphaned()]
    if (path / runs.CONFIG).exists():
        history = runs.resume(path, callbacks=callbacks, allow_imports=allow_imports)
    else:
        history = runs.run(c, path, callbacks=callbacks, allow_imports=allow_imports)
    mean = history.mean_return()
    row = {
        "return": mean if math.isfinite(mean) else None,  # None where no episode has ended
        "updates": len(history),
        "steps": history.steps,
        "seconds": round(float(history["seconds"][-1]), 3),
        "reason": history.reason,
    }
    runs.write_text(path / RESULT, json.dumps(row, ensure_ascii=False) + "\n")


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """One process at a time in a run's folder: a worker taken for lost may still be there. The file says which."""
    try:
        import fcntl
    except ModuleNotFoundError:  # not a POSIX system
        yield
        return
    with hold(path) as folder, open(LOCK, "a+", encoding="utf-8", opener=_in(folder)) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # ends with the process, however it ends
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _in(folder: int | None) -> Callable[[str, int], int]:
    """Opens files of a folder, never through a link."""
    return lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o666, dir_fd=folder)


def _result(path: Path) -> Row:
    try:
        row = json.loads(short_text(path, 1 << 16))
        found = {name: row[name] for name in RESULTS}
        for name, x in found.items():
            if not (isinstance(x, str) if name == "reason" else is_number(x) or (x is None and name == "return")):
                raise ValueError(f"{name} = {x!r}")
        return found
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: remove it to do the run again ({error})") from error


def _fraction(path: Path) -> float:
    with open(path / runs.TABLE, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
        lines = file.read().decode(errors="replace").split("\n")
    cells = lines[-2].split(",") if len(lines) > 1 else []  # after the last line end there may be half a line
    if len(cells) != len(METRICS) or cells[0] == METRICS[0]:
        return 0.0
    c, row = runs.read_configuration(path), dict(zip(METRICS, map(float, cells), strict=True))
    reached = {"updates": row["update"], "steps": row["steps"], "seconds": row["seconds"]}
    return min(1.0, max((x / c[name] for name, x in reached.items() if c[name] is not None), default=0.0))


def _order(x: object) -> tuple[bool, float, str]:
    """What rows are sorted by: texts and lists first, then numbers."""
    if isinstance(x, int | float) and not isinstance(x, bool):
        return True, x, ""
    return False, 0.0, json.dumps(x)


def _csv(rows: list[Row]) -> str:
    columns = list(rows[0]) if rows else ["seed", *RESULTS, "run"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(x) for name, x in row.items()} for row in rows)
    return text.getvalue()


def _cell(x: object) -> object:
    """A value in a table. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(x, str):
        return f"'{printable(x)}" if x.startswith(("=", "+", "-", "@")) else printable(x)
    return json.dumps(x) if isinstance(x, list | bool) else x
