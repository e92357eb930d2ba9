"""Long runs: memory and open files stay as they are, and the last update can be made again, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGULATOR = {"env": "SimpleRegulator", "trajectories": 10, "seed": 1}
CART_POLE = {
    **{"env": "CartPole-v1", "steps_per_update": 256, "hidden": [16], "seed": 1},
    **{"normalize_observations": True, "scale_rewards": True},
}


@pytest.mark.parametrize(
    ("given", "updates"),
    [
        (REGULATOR, 2_000),
        (CART_POLE, 60),
        pytest.param(REGULATOR, 20_000, marks=pytest.mark.slow),
        pytest.param(CART_POLE, 500, marks=pytest.mark.slow),
    ],
    ids=lambda x: x["env"] if isinstance(x, dict) else str(x),
)
def test_long_run_takes_no_more_than_it_records(given, updates):
    """See `soaked` for what is measured; in a process of its own, so that nothing else is."""
    command = [sys.executable, "-m", "tests.training.soaked", json.dumps(given), str(updates)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["grown"] < 0.02, found
    assert len(found["files"]) == 1, found
    assert found["repeated"] == [updates + 1]  # what is compared is the last update, made again
    assert all(found["same"]), found
    assert found["moved"]
