"""What names a file or a folder: a text or a path, everywhere; anything else is one error that names the argument."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import decision_making as dm
from decision_making.formats import read_bif, write_nfg
from decision_making.model_uncertainty.imitation_learning.runs import imitate
from decision_making.pictures.canvas import write_figure
from decision_making.pictures.films import check_film, film
from decision_making.pictures.runs import run_picture
from decision_making.problems import CryingBaby
from decision_making.training import load_policy, save_policy, sweep, table
from decision_making.training.checkpoint import load_checkpoint
from decision_making.training.configuration import Configuration
from decision_making.training.evaluations import read_evaluations
from decision_making.training.onnx_files import check_onnx
from decision_making.training.runs import evaluate_run, read_configuration, read_metrics, read_policy, resume, run
from decision_making.training.sweeps import going_on, run_folders

SETTINGS = {"env": "CartPole-v1", "updates": 1}
π = dm.SoftmaxPolicy(2, 2)
GAME = dm.SimpleGame.from_arrays([[1, 0], [0, 1]], [[0, 1], [1, 0]])
DOORS = {
    "folder": {
        "run": lambda x: run(Configuration(SETTINGS), x),
        "resume": resume,
        "evaluate_run": evaluate_run,
        "read_configuration": read_configuration,
        "read_metrics": read_metrics,
        "read_policy": read_policy,
        "read_evaluations": read_evaluations,
        "sweep": lambda x: sweep({"env": ["CartPole-v1"], "updates": [1]}, x),
        "table": table,
        "run_folders": run_folders,
        "going_on": going_on,
        "run_picture": lambda x: run_picture(x, "a.png"),
        "film": film,
        "imitate": lambda x: imitate(x, "cloning"),
    },
    "path": {
        "load_policy": load_policy,
        "save_policy": lambda x: save_policy(x, π, np.zeros(4)),
        "load_checkpoint": load_checkpoint,
        "load_model": lambda x: dm.load_model(x, None),
        "read_alpha": lambda x: dm.read_alpha(x, CryingBaby()),
        "read_bif": read_bif,
        "write_nfg": lambda x: write_nfg(GAME, x),
        "check_onnx": check_onnx,
    },
    "out": {
        "write_figure": lambda x: write_figure(Figure(), x),
        "check_film": check_film,
        "imitate": lambda x: imitate("no run", "cloning", out=x),
    },
}


@pytest.mark.parametrize(("name", "door"), [(name, door) for name, doors in DOORS.items() for door in doors])
def test_what_is_no_path_is_named(name, door):
    for x in (None, 3, b"x"):
        if (x, name, door) == (None, "out", "imitate"):  # that is its default
            continue
        with pytest.raises(TypeError, match=f"{name} = {x!r}: must be a path, as a text or a pathlib.Path"):
            DOORS[name][door](x)
    for x in ("a\0b", Path("a\0b")):
        with pytest.raises(ValueError, match=rf"{name} = .*: must be a path, which has no character of number 0"):
            DOORS[name][door](x)
