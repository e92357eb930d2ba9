"""The commands that look at a run, or take it elsewhere: `evaluate`, `plot`, `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from decision_making.cli.messages import one_line_errors, say
from decision_making.cli.options import Imports, Run, numbers_in
from decision_making.pictures.films import check_film, check_pictures, film
from decision_making.training import runs, sweeps
from decision_making.training.onnx_files import check_onnx, export_onnx


def evaluate(
    run: Run,
    episodes: Annotated[int, typer.Option(help="Number of episodes, at least 2.")] = 20,
    sampled: Annotated[bool, typer.Option("--sampled", help="Draw actions; else the most likely ones.")] = False,
    seed: Annotated[int, typer.Option(help="What all random numbers follow from.")] = 0,
    render: Annotated[bool, typer.Option("--render", help="Show one episode in a window.")] = False,
    best: Annotated[
        bool, typer.Option("--best", help="The best policy that --eval-every has kept, not the last one.")
    ] = False,
    bounds: Annotated[
        str | None, typer.Option(help="Least and greatest return of an episode, as in 0,500: a narrower interval.")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="A film of one episode: a .gif, or by ffmpeg an .mp4.")] = None,
    allow_imports: Imports = False,
) -> None:
    """Play whole episodes with a trained policy. Example: decision-making evaluate runs/my-run --episodes 50

    Prints the mean return with a 95 % interval, which says little with fewer than 20 episodes.
    """
    with one_line_errors():
        among: dict[str, Any] = {"mode": not sampled, "seed": seed, "allow_imports": allow_imports, "best": best}
        limits: Any = None if bounds is None else tuple(numbers_in("--bounds", bounds))  # a pair, as `evaluate` checks
        if video is not None:
            check_film(video)
        if render or video is not None:  # an environment may have no pictures
            check_pictures(run, allow_imports=allow_imports)
        found = runs.evaluate_run(run, episodes, bounds=limits, **among)
        say(f"return {found}, mean length {found.lengths.mean():.1f}")
        if render or video is not None:
            film(run, video, window=render, **among)
            if video is not None:
                say(video)


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


def export(
    run: Run,
    out: Annotated[Path, typer.Argument(help="The model, as in policy.onnx.")],
    best: Annotated[
        bool, typer.Option("--best", help="The best policy that --eval-every has kept, not the last one.")
    ] = False,
) -> None:
    """Write a policy as an ONNX model, for other programs. Example: decision-making export runs/my-run policy.onnx

    It is written only if onnxruntime gives the same actions as this library. Needs the extra "onnx".
    """
    with one_line_errors():
        check_onnx(out)
        say(export_onnx(runs.read_policy(run, best=best), out))
