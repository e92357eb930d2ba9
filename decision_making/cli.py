"""The command line, `decision-making`: chapters of the book, runs, and pictures of them. Needs the extra "cli"."""

from __future__ import annotations

import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import decision_making
from decision_making import book
from decision_making.checks import printable
from decision_making.files import short_text
from decision_making.pictures.films import film
from decision_making.progress import sweep_progress, train_progress
from decision_making.training import History, runs, sweeps
from decision_making.training.configuration import LONGEST, PROBLEMS, UPDATES, Configuration, parsed, replaced

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Run = Annotated[Path, typer.Argument(help="Folder of a run.")]
Imports = Annotated[
    bool, typer.Option("--allow-imports", help='Let an id "module:name" import, and so run, that module.')
]
Seconds = Annotated[float | None, typer.Option(help="Stop after so many seconds of work.")]
Steps = Annotated[int | None, typer.Option(help="Stop after so many environment steps.")]
Updates = Annotated[int | None, typer.Option(help="Stop after so many updates.")]
Workers = Annotated[
    int | None, typer.Option(help="Processes that collect the blocks of a batch; needs --set blocks=16, say.")
]
Threshold = Annotated[float | None, typer.Option(help="Stop when the mean of 100 episodes reaches this return.")]


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Algorithms for Decision Making, in Python. Example: decision-making chapter 12"""
    _state["debug"] = debug
    if version:
        print(decision_making.__version__)
        raise typer.Exit


_state = {"debug": False}


@app.command()
def chapter(
    number: Annotated[str, typer.Argument(help="Number of the chapter in the book, E for appendix E, or trpo.")],
    fast: Annotated[bool, typer.Option("--fast", help="Fewer samples, in a few seconds.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("figures"),
    figure: Annotated[
        str | None, typer.Option(help="Draw only this one, as in 12.5 or trust-region; a wrong name lists them.")
    ] = None,
    theta: Annotated[str | None, typer.Option(help="θ of that figure, as in 0,1.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="ε of that figure, as in 0.5.")] = None,
) -> None:
    """Recompute a chapter's numbers and figures. Example: decision-making chapter 12 --fast

    The exit status is 0 if every number agrees with the book, else 1. One update looked into, for any θ and ε:
    decision-making chapter 12 --figure trust-region --theta 0,1 --epsilon 1
    """
    if number not in book.scripts():
        fail(f"chapter {number}: must be one of {', '.join(book.scripts()) or 'none: reinstall the package'}", 2)
    one: dict[str, Any] = {} if figure is None else {"figure": figure}
    one |= {} if theta is None else {"θ": _vector("--theta", theta)}
    one |= {} if epsilon is None else {"ε": epsilon}
    if one and figure is None:
        fail("--theta and --epsilon: belong to a --figure", 2)
    try:
        status = book.values(number).main(out=out, fast=fast, **one)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'decision-making[cli,plot]'")
    except ValueError as error:
        if figure is None or _state["debug"]:
            raise
        fail(str(error), 2)
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")
    raise typer.Exit(status)


@app.command()
def train(
    env: Annotated[
        str | None, typer.Argument(help="A gymnasium id, or a name from `decision-making problems`.")
    ] = None,
    update: Annotated[str | None, typer.Option(help=f"One of {', '.join(UPDATES)}.")] = None,
    seed: Annotated[int | None, typer.Option(help="What all random numbers follow from.")] = None,
    steps: Steps = None,
    updates: Updates = None,
    seconds: Seconds = None,
    threshold: Threshold = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of settings; options given here replace them.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, as in --set delta=0.02. May be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/ENV-UPDATE-seed.")] = None,
    workers: Workers = None,
    allow_imports: Imports = False,
) -> None:
    """Train a policy. Example: decision-making train CartPole-v1 --steps 60000

    The folder of the run holds config.toml, metrics.csv, checkpoint.npz, policy.npz and curve.png. Ctrl-C stops it
    with exit status 130; `decision-making resume` goes on as if it had never stopped.
    """
    given: dict[str, object] = {
        "env": env,
        "update": update,
        "seed": seed,
        "steps": steps,
        "updates": updates,
        "seconds": seconds,
        "threshold": threshold,
    }
    changes = {name: x for name, x in given.items() if x is not None} | _settings(settings or [])
    with one_line_errors():
        if config is None and "env" not in changes:
            raise ValueError("ENV or --config: one of them must say what to train on")
        c = Configuration(replaced(_settings_in(config), changes))
        folder = out or Path("runs") / f"{_plain(c['env'])}-{c['update']}-{c['seed']}"

        def work(callback: runs.Callback) -> History:
            return runs.run(c, folder, callbacks=[callback], allow_imports=allow_imports, workers=workers)

        _train(c, folder, work)


@app.command()
def sweep(
    env: Annotated[
        list[str] | None, typer.Argument(help="Gymnasium ids, or names from `decision-making problems`.")
    ] = None,
    update: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(UPDATES)}. May be repeated.")] = None,
    seeds: Annotated[str | None, typer.Option(help="As in 0:10 (0 to 9), or 1,4,7.")] = None,
    steps: Steps = None,
    updates: Updates = None,
    seconds: Seconds = None,
    threshold: Threshold = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of settings, lists being several values; options replace them.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, as in --set delta=0.01,0.02. May be repeated.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine; -1: one a core. Default: 1.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask cluster instead, as in tcp://host:8786.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")] = Path("runs/sweep"),
    allow_imports: Imports = False,
) -> None:
    """Train all combinations. Example: decision-making sweep CartPole-v1 --seeds 0:10 --set delta=0.01,0.02 --workers 2

    Each run is a sub-folder, and sweep.csv holds a line for each that is finished. Ctrl-C stops with exit status 130;
    the same command does the rest, and goes on with the runs that had begun.
    """
    given: dict[str, object] = {
        "env": env or None,
        "update": update or None,
        "seed": None if seeds is None else _seeds(seeds),
        "steps": steps,
        "updates": updates,
        "seconds": seconds,
        "threshold": threshold,
    }
    changes = {name: x for name, x in given.items() if x is not None} | _several(settings or [])
    with one_line_errors():
        all_settings = replaced(_settings_in(config), changes)
        if "env" not in all_settings:
            raise ValueError("ENV or --config: one of them must say what to train on")
        tasks = sweeps.grid(all_settings)
        try:
            with sweep_progress(out, len(tasks)) as progress:
                rows = sweeps.sweep(
                    *(tasks, out),
                    workers=workers,
                    scheduler=scheduler,
                    progress=progress,
                    allow_imports=allow_imports,
                )
        except KeyboardInterrupt:
            fail(f"stopped with {len(sweeps.table(out))} runs finished in {out}; the same command does the rest", 130)
        say(f"{out / sweeps.TABLE}: {len(rows)} runs; draw them with: decision-making plot {out}")


@app.command()
def resume(
    run: Run,
    steps: Steps = None,
    updates: Updates = None,
    seconds: Seconds = None,
    threshold: Threshold = None,
    workers: Workers = None,
    allow_imports: Imports = False,
) -> None:
    """Go on with a run that was stopped, or beyond its limits. Example: decision-making resume runs/my-run"""
    limits = {"steps": steps, "updates": updates, "seconds": seconds, "threshold": threshold}
    changes = {name: x for name, x in limits.items() if x is not None}
    with one_line_errors():
        c = runs.read_configuration(run, **changes)

        def work(callback: runs.Callback) -> History:
            return runs.resume(run, callbacks=[callback], allow_imports=allow_imports, workers=workers, **changes)

        _train(c, run, work)


@app.command()
def evaluate(
    run: Run,
    episodes: Annotated[int, typer.Option(help="Number of episodes, at least 2.")] = 20,
    sampled: Annotated[bool, typer.Option("--sampled", help="Draw actions; else the most likely ones.")] = False,
    seed: Annotated[int, typer.Option(help="What all random numbers follow from.")] = 0,
    render: Annotated[bool, typer.Option("--render", help="Show one episode in a window.")] = False,
    video: Annotated[Path | None, typer.Option(help="A moving picture (GIF) of one episode.")] = None,
    allow_imports: Imports = False,
) -> None:
    """Play whole episodes with a trained policy. Example: decision-making evaluate runs/my-run --episodes 50

    Prints the mean return with a 95 % interval, which says little with fewer than 20 episodes.
    """
    with one_line_errors():
        found = runs.evaluate_run(run, episodes, mode=not sampled, seed=seed, allow_imports=allow_imports)
        say(f"return {found}, mean length {found.lengths.mean():.1f}")
        if render or video is not None:
            film(run, video, window=render, mode=not sampled, seed=seed, allow_imports=allow_imports)
            if video is not None:
                say(video)


@app.command()
def plot(
    run: Annotated[
        list[Path], typer.Argument(help="Folders of runs or sweeps; seeds of the same run become one curve.")
    ],
    out: Annotated[Path | None, typer.Option(help="The picture. Default: curves.png or policy.png.")] = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="Of one run what the policy does in each state, and the value.")
    ] = False,
    allow_imports: Imports = False,
) -> None:
    """Draw learning curves. Example: decision-making plot runs/a-0 runs/a-1 --out curves.png

    Or a policy that has few states or two observations: decision-making plot runs/my-run --policy
    """
    with one_line_errors():
        if policy:
            if len(run) > 1:
                raise ValueError(f"--policy: takes one run, not {len(run)}")
            from decision_making.pictures.runs import run_picture

            say(run_picture(run[0], out or Path("policy.png"), allow_imports=allow_imports))
            return

        folders = [folder for given in run for folder in sweeps.run_folders(given)]
        say(runs.learning_curves(folders, out or Path("curves.png")))


@app.command()
def problems() -> None:
    """List the book's problems. Example: decision-making problems"""
    table = Table(box=None, pad_edge=False)
    for name in ("problem", "state", "action", "horizon", "chapter"):
        table.add_column(name, no_wrap=name == "problem")
    for name, p in PROBLEMS.items():
        table.add_row(name, p.state, p.action, p.horizon, p.chapter)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print(f"\nEach is a gymnasium environment too, as in decision_making/{name}-v0.", highlight=False)


def _settings_in(config: Path | None) -> dict[str, object]:
    """The settings of a TOML file, without its table [versions]; ValueError, naming the file, where it is none."""
    if config is None:
        return {}
    try:
        return {name: x for name, x in parsed(short_text(config, LONGEST)).items() if name != "versions"}
    except ValueError as error:
        raise ValueError(f"{config}: {error}") from error


def _pairs(given: list[str], form: str) -> Iterator[tuple[str, str]]:
    """Name and value of each text name=value."""
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            fail(f"--set {text}: must be {form}", 2)
        yield name.strip(), value


def _value(text: str) -> object:
    """A value as in TOML, a bare word as a text."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):
        return text


def _settings(given: list[str]) -> dict[str, object]:
    """Settings from texts name=value."""
    return {name: _value(text) for name, text in _pairs(given, "name=value")}


def _several(given: list[str]) -> dict[str, object]:
    """Settings with several values each, from texts name=value,value,..."""
    found: dict[str, object] = {}
    for name, text in _pairs(given, "name=value or name=value,value"):
        values = _value(f"[{text}]")  # a text, where a value among them is a bare word
        found[name] = values if isinstance(values, list) else [_value(x.strip()) for x in text.split(",")]
    return found


def _seeds(text: str) -> list[int]:
    """The seeds that first:end or a list stands for."""
    first, colon, end = text.partition(":")
    try:
        if not colon:
            return [int(x) for x in text.split(",")]
        seeds = range(int(first or 0), int(end))
        return list(seeds[: sweeps.MOST + 1])  # more are refused
    except ValueError:
        fail(f"--seeds {text}: must be as in 0:10 (0 to 9), or 1,4,7", 2)


def _vector(option: str, text: str) -> list[float]:
    """The numbers of an option, as in 0,1."""
    try:
        return [float(x) for x in text.split(",")]
    except ValueError:
        fail(f"{option} {text}: must be numbers with commas between them, as in 0,1", 2)


def _plain(name: str) -> str:
    """A name that is one part of a path."""
    return "".join(x if x.isalnum() or x in "-_." else "-" for x in name).strip(".") or "run"


def _train(c: Configuration, folder: Path, work: Callable[[runs.Callback], History]) -> None:
    """Do the work under a progress bar, and say how it ended."""
    try:
        # one thread: the matrices are small, and the results are the same bit for bit
        with train_progress(c) as callback, threadpool_limits(1):
            history = work(callback)
    except KeyboardInterrupt:
        fail(f"stopped; go on with: decision-making resume {folder}", 130)
    say(
        f"{folder}: {history.reason} after {len(history)} updates and {history.steps} steps; "
        f"mean return of the last 100 episodes {history.mean_return():.4g}"
    )


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Say what goes wrong in one line on standard error, with exit status 1; with --debug, show the traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        _show_traceback()
        extra = {"joblib": "parallel", "dask": "distributed", "distributed": "distributed"}.get(
            error.name or "", "plot"
        )
        fail(f"{error.name} is not installed: pip install 'decision-making[cli,{extra}]', or the package it comes with")
    except Exception as error:
        if isinstance(error, typer.Exit):
            raise
        _show_traceback()
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        fail(" ".join(said.split()) or type(error).__name__)


def _show_traceback() -> None:
    """With --debug, the traceback of the error at hand, and exit status 1."""
    if _state["debug"]:
        for line in traceback.format_exc().splitlines():
            say(line, sys.stderr)
        raise typer.Exit(1)


def fail(message: str, status: int = 1) -> NoReturn:
    """One clear line on standard error, and the exit status."""
    say(f"decision-making: {message}", sys.stderr)
    raise typer.Exit(status)


def say(text: object, to: TextIO | None = None) -> None:
    """A line on standard output, or to `to`; names in it may be a stranger's, and a terminal does what they say."""
    print(printable(str(text)), file=to)
