"""What runs a fuzzer: cases from numbers, floating-point errors and warnings as exceptions, a limit of time."""

import signal
import tempfile
import time
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

FUZZERS = {}  # name -> function(rng, folder)
LONGEST = 60  # seconds of the processor for one case: more is a hang


def fuzzer(f):
    """Decorator: a fuzzer under its own name."""
    assert f.__name__ not in FUZZERS
    FUZZERS[f.__name__] = f
    return f


@contextmanager
def at_most(seconds):
    """TimeoutError in this block after so many seconds of the processor."""

    def late(*_):
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # so that a busy machine is no fault
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def play(name, case):
    """One case of a fuzzer; it raises what the case raises, with the command that repeats it."""
    rng = np.random.default_rng([*name.encode(), case])
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            warnings.catch_warnings(),
            np.errstate(divide="raise", over="raise", invalid="raise"),
            at_most(LONGEST),
        ):
            warnings.simplefilter("error")
            FUZZERS[name](rng, Path(folder))
    except Exception as error:
        error.add_note(f"python -m tests.fuzzing {name} --case {case}")
        raise


def fuzz(names, seconds, first, *, tell=None):
    """Play the fuzzers in turn, a second each, for so long in all; (cases played of each, the failures).

    Cases are numbered from `first`. A fuzzer is left out after its third failure; `tell` is called with each.
    """
    played, failed = dict.fromkeys(names, 0), {name: [] for name in names}
    end = time.monotonic() + seconds
    while time.monotonic() < end and (going := [name for name in names if len(failed[name]) < 3]):
        for name in going:
            turn = min(end, time.monotonic() + max(1.0, seconds / 100 / len(names)))
            while len(failed[name]) < 3:
                try:
                    play(name, first + played[name])
                except Exception:  # any is a finding: it is kept whole, told, and fails the test at the end
                    failed[name].append(traceback.format_exc())
                    if tell:
                        tell(failed[name][-1])
                played[name] += 1
                if time.monotonic() >= turn:
                    break
    return played, [text for texts in failed.values() for text in texts]
