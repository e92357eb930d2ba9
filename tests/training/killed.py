"""What the processes do that test_faults.py starts and kills; without pytest, so that they start quickly."""

import os
import signal
import sys
import time
from pathlib import Path

from decision_making.training import Configuration, resume, run


def work(given, folder, pictures=False, **options):
    """Begin the run, or go on with it. A picture takes longer than the runs here."""
    if not pictures:
        sys.modules["decision_making.pictures.curves"] = None
    folder = Path(folder)
    begun = (folder / "config.toml").exists()
    return resume(folder, **options) if begun else run(Configuration(given), folder, **options)


def paused(given, folder, signs, *, update=7, fork=False):
    """Work until there is a file `paused` in the folder `signs`, then until there is one named `go`."""

    def callback(row, taken):
        if row["update"] == update:
            if fork and os.fork() == 0:
                wait_for(signs / "go")
                os._exit(0)
            (signs / "paused").touch()
            wait_for(signs / "go")

    work(given, folder, callbacks=[callback])


def wait_for(path, seconds=60):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def killed_in_writing(given, folder, name, event, nth):
    """Killed when the file `name` is written for the nth time, with half of it, all of it, or all of it in place."""
    fsync, replace, seen = os.fsync, os.replace, []

    def reached(path):
        seen.extend([path] if Path(path).name == name or Path(path).name.startswith(f".{name}.") else [])
        return len(seen) >= nth

    def flush(fd):
        path = os.readlink(f"/proc/self/fd/{fd}")
        if event in ("half", "all") and reached(path):
            if event == "half":
                os.ftruncate(fd, os.fstat(fd).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(fd)

    def move(old, new, **folders):
        replace(old, new, **folders)
        if event == "in place" and reached(new):
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync, os.replace = flush, move
    work(given, folder)
