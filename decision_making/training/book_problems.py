"""The book's problems, as runs know them, and their own defaults of settings."""

from __future__ import annotations

from typing import Any, NamedTuple


class BookProblem(NamedTuple):
    """One line of the list of problems, and the problem's own defaults of settings."""

    chapter: str  # chapters or sections of the book
    state: str  # what a state is, in words
    action: str  # what an action is, in words
    horizon: str  # when a trajectory ends, in words
    textbook: bool  # simulated as trajectories of fixed depth; the others step as gymnasium environments
    settings: dict[str, Any]  # own defaults, by setting
    rules: dict[str, dict[str, Any]] = {}  # own defaults of the rule's settings, by update  # noqa: RUF012


# more trajectories than the table's 150 parameters, and enough damping that actions of tiny probability do not matter
_HEXES = {"depth": 30, "trajectories": 2000}
_HEX_RULES = {
    **{update: {"epsilon": 0.3, "damping": 0.01} for update in ("trust-region", "natural")},
    "restricted": {"epsilon": 0.3},
    **{update: {"alpha": 10.0} for update in ("penalized", "clamped", "gradient")},
}

PROBLEMS = {
    "SimpleRegulator": BookProblem("F.5", "a real number", "a real number", "depth", True, {}),
    "HexWorld": BookProblem("7, F.1", "25 hexes", "6 directions", "depth", True, _HEXES, _HEX_RULES),
    "StraightLineHexWorld": BookProblem("7, F.1", "8 hexes", "6 directions", "depth", True, _HEXES, _HEX_RULES),
    "TwentyFortyEight": BookProblem("F.2", "4 x 4 board", "4 moves", "until no move is left", False, {}),
    "CartPole": BookProblem("F.3", "4 real numbers", "2 forces", "until it falls", False, {}),
    "MountainCar": BookProblem("F.4", "2 real numbers", "3 accelerations", "until the top", False, {}),
    "CollisionAvoidance": BookProblem("F.6", "4 real numbers", "3 climb rates", "40 s", False, {}),
}


def is_textbook(env: str) -> bool:
    """Whether runs of this environment simulate trajectories of fixed depth."""
    return env in PROBLEMS and PROBLEMS[env].textbook


def gymnasium_id(env: str) -> str:
    """The id by which gymnasium knows an environment of a run; call `register_environments` first."""
    return f"decision_making/{env}-v0" if env in PROBLEMS else env
