"""`python -m tests.fuzzing --seconds 3600`: every fuzzer in turn for so long; `NAME --case K` repeats one case."""

import argparse
import sys
import time

from tests.fuzzing import everything  # noqa: F401  registers them
from tests.fuzzing.harness import FUZZERS, fuzz, play


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of fuzzers, or how they begin; all without")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all together (60)")
    parser.add_argument("--first", type=int, default=None, help="number of the first case (the time of day)")
    parser.add_argument("--case", type=int, default=None, help="play this one alone")
    given = parser.parse_args(arguments)
    names = [x for x in FUZZERS if not given.names or any(x.startswith(name) for name in given.names)]
    if not names:
        parser.error(f"no fuzzer of that name; there are {', '.join(FUZZERS)}")
    if given.case is not None:
        for name in names:
            play(name, given.case)
        return 0
    first = int(time.time()) if given.first is None else given.first
    print(f"cases from {first} on, {given.seconds:g} s", flush=True)
    played, failures = fuzz(names, given.seconds, first, tell=lambda text: print(text, flush=True))
    for name, n in played.items():
        print(f"{n:8d}  {name}")
    print(f"{sum(played.values()):8d}  cases in {time.process_time():.0f} s of the processor, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
