"""A long run, watched: `python -m tests.training.soaked SETTINGS UPDATES` prints what it took, as JSON.

Memory is the resident set of the process, read from the system at twenty times of the run, less what the run is asked
to remember: METRICS and the episodes' returns, 8 bytes a number. The first tenth of the run warms up.
"""

import gc
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from decision_making.training import Configuration, train
from decision_making.training.history import METRICS
from decision_making.training.loop import CHECKPOINT

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def main(given, updates):
    seen, numbers = [], [0]

    def watch(row, taken):
        numbers[0] += len(METRICS) + int(row["episodes"])
        if row["update"] % (updates // 20) == 0:
            gc.collect()
            seen.append((resident() - 8 * numbers[0], len(os.listdir("/proc/self/fd"))))
        if row["update"] == updates + 1:
            shutil.copy(Path(folder) / CHECKPOINT, Path(folder) / "before")  # the one at the end takes its place

    def trained(folder, **options):
        M, π, θ, φ = Configuration(given).parts()  # all anew
        return train(
            *(M, π, θ, φ),
            rng=given["seed"],
            updates=updates + 1,
            checkpoint_every=updates // 20,  # so that one is before the last update
            folder=folder,
            **options,
        )

    with tempfile.TemporaryDirectory() as folder:
        first = trained(folder, callbacks=[watch])
        shutil.move(Path(folder) / "before", Path(folder) / CHECKPOINT)
        repeated = []
        again = trained(folder, resume=True, callbacks=[lambda row, taken: repeated.append(row["update"])])
    memory, files = np.array(seen[2:]).T  # from a tenth on
    clocks = [METRICS.index(name) for name in ("seconds", "steps_per_second")]
    same = [
        np.array_equal(first.θ, again.θ),
        first.φ is again.φ is None or np.array_equal(first.φ, again.φ),
        np.array_equal(np.delete(first.metrics, clocks, 1), np.delete(again.metrics, clocks, 1), equal_nan=True),
        np.array_equal(first.returns, again.returns),
    ]
    found = {
        "megabytes": round(float(memory[0]) / 2**20, 2),
        "grown": float((memory.max() - memory.min()) / memory[0]),
        "files": sorted(set(files.tolist())),
        "repeated": repeated,
        "same": same,
        "moved": bool(np.isfinite(first.θ).all() and not np.array_equal(first.θ, Configuration(given).parts().θ)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
