"""The commands that train: `train`, `sweep`, `resume`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from threadpoolctl import threadpool_limits

from decision_making.checks import Named, not_negative
from decision_making.cli.messages import fail, note, one_line_errors, say
from decision_making.cli.options import (
    Imports,
    LogEvery,
    Preset,
    Run,
    Seconds,
    Steps,
    Threshold,
    Updates,
    Workers,
    among,
    seed_list,
    settings_in,
    several_settings,
    single_settings,
)
from decision_making.progress import LINES_EVERY, sweep_progress, train_progress
from decision_making.sequential_problems.policy_gradient_optimization import Step
from decision_making.sequential_problems.policy_gradient_optimization.local_model import Status
from decision_making.sequential_problems.policy_gradient_optimization.steps import why
from decision_making.training import History, runs, sweeps
from decision_making.training.book_problems import PROBLEMS
from decision_making.training.callbacks import Callback
from decision_making.training.configuration import Configuration, replaced
from decision_making.training.settings import UPDATES


def train(
    env: Annotated[
        str | None,
        typer.Argument(
            help="A gymnasium id, or a name from `decision-making problems`.", autocompletion=among(PROBLEMS)
        ),
    ] = None,
    update: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(UPDATES)}.", autocompletion=among(UPDATES))
    ] = None,
    preset: Preset = None,
    seed: Annotated[int | None, typer.Option(help="What all random numbers follow from.")] = None,
    steps: Steps = None,
    updates: Updates = None,
    seconds: Seconds = None,
    threshold: Threshold = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of settings; options given here replace them.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, as in --set delta=0.02; see `decision-making settings`."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/ENV-UPDATE-seed.")] = None,
    eval_every: Annotated[
        int | None,
        typer.Option(help="Evaluate after every so many updates, and keep the best policy, best_policy.npz."),
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files for TensorBoard.")] = False,
    log_every: LogEvery = LINES_EVERY,
    workers: Workers = None,
    allow_imports: Imports = False,
) -> None:
    """Train a policy. Example: decision-making train CartPole-v1 --steps 60000

    Without a limit it takes 100,000 steps, on the book's problems 100 updates. A long run spends its last 5 % of steps
    on comparing its last policies, and keeps the best. The folder of the run holds config.toml, metrics.csv,
    checkpoint.npz, policy.npz and curve.png. Ctrl-C stops it with exit status 130; `decision-making resume` goes on as
    if it had never stopped.
    """
    given: dict[str, object] = {
        "env": env,
        "update": update,
        "preset": preset,
        "seed": seed,
        "steps": steps,
        "updates": updates,
        "seconds": seconds,
        "threshold": threshold,
        "eval_every": eval_every,
        "tensorboard": tensorboard or None,
    }
    changes = {name: x for name, x in given.items() if x is not None} | single_settings(settings or [])
    with one_line_errors():
        if config is None and "env" not in changes:
            raise ValueError("ENV or --config: one of them must say what to train on")
        c = Configuration(replaced(settings_in(config), changes))
        folder = out or Path("runs") / f"{_plain(c['env'])}-{c['update']}-{c['seed']}"

        def work(callback: Callback) -> History:
            return runs.run(c, folder, callbacks=[callback], allow_imports=allow_imports, workers=workers)

        _train(c, folder, log_every, work)


def sweep(
    env: Annotated[
        list[str] | None,
        typer.Argument(help="Gymnasium ids, or names from `decision-making problems`.", autocompletion=among(PROBLEMS)),
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
        "seed": None if seeds is None else seed_list(seeds),
        "steps": steps,
        "updates": updates,
        "seconds": seconds,
        "threshold": threshold,
    }
    changes = {name: x for name, x in given.items() if x is not None} | several_settings(settings or [])
    with one_line_errors():
        all_settings = replaced(settings_in(config), changes)
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


def resume(
    run: Run,
    steps: Steps = None,
    updates: Updates = None,
    seconds: Seconds = None,
    threshold: Threshold = None,
    log_every: LogEvery = LINES_EVERY,
    workers: Workers = None,
    allow_imports: Imports = False,
) -> None:
    """Go on with a run that was stopped, or beyond its limits. Example: decision-making resume runs/my-run"""
    limits = {"steps": steps, "updates": updates, "seconds": seconds, "threshold": threshold}
    changes = {name: x for name, x in limits.items() if x is not None}
    with one_line_errors():
        c = runs.read_configuration(run, **changes)

        def work(callback: Callback) -> History:
            return runs.resume(run, callbacks=[callback], allow_imports=allow_imports, workers=workers, **changes)

        _train(c, run, log_every, work)


def _plain(name: str) -> str:
    """A name that is one part of a path."""
    return "".join(x if x.isalnum() or x in "-_." else "-" for x in name).strip(".") or "run"


def _train(c: Configuration, folder: Path, log_every: float, work: Callable[[Callback], History]) -> None:
    """Do the work under a progress bar, or with a line now and then, and say how it ended."""
    not_negative(None, Named("--log-every"), log_every)
    refused = _Refused()
    try:
        # one thread: the matrices are small, and the results are the same bit for bit
        with train_progress(c, log_every) as callback, threadpool_limits(1):
            history = work(refused.beside(callback))
    except KeyboardInterrupt:
        begun = (folder / runs.CONFIG).exists()
        fail(f"stopped; go on with: decision-making resume {folder}" if begun else "stopped before the run began", 130)
    n = min(100, len(history.returns))
    mean = f"mean return of the last {n} episode{'s' * (n != 1)} {history.mean_return():.4g}"
    ended = mean if len(history.returns) else "no episode has ended yet"
    updates = f"{len(history)} update{'s' * (len(history) != 1)}"
    say(f"{folder}: {history.reason} after {updates} and {history.steps} steps; {ended}")
    if (kept := history.selection) is not None:
        of_it = f"mean return {kept.mean:.4g} in {kept.episodes} episode{'s' * (kept.episodes != 1)}"
        which = f"update {kept.update}, the best of the last"
        say(f"{folder}: keeps the policy of {which}: {of_it}, the most likely actions")
    refused.tell(history)


class _Refused:
    """Why updates did not move the policy."""

    def __init__(self) -> None:
        self.times: Counter[Status] = Counter()
        self.said: dict[Status, str] = {}  # with the numbers of the last one, as bounds may change

    def beside(self, callback: Callback) -> Callback:
        """The callback, before which each step is looked at."""

        def look(row: dict[str, float], taken: Step) -> object:
            if not taken.accepted:
                self.times[taken.status] += 1
                self.said[taken.status] = why(taken)
            return callback(row, taken)

        return look

    def tell(self, history: History) -> None:
        """A note where fewer than half of the updates moved the policy, with the reason most often given."""
        moved, n = int(history["accepted"].sum()), len(history)
        if 2 * moved < n:
            since = "" if self.times.total() == n - moved else ", of those since it was resumed"
            usual = [f"; most often{since}: {self.said[status]}" for status, _ in self.times.most_common(1)]
            note(f"only {moved} of {n} updates moved the policy{''.join(usual)}")
