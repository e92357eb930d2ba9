"""`python -m benchmarks.planning [values search]`: the named tables of chapters 8 and 9, or both.

Each writes benchmarks/planning_*.md.
"""

import argparse
import sys
from importlib import import_module

PARTS = ("values", "search")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
parser.add_argument("--repeats", type=int, default=5)
options = parser.parse_args()
if unknown := set(options.parts) - set(PARTS):
    parser.error(f"{', '.join(sorted(unknown))}: must be of {', '.join(PARTS)}")
for part in options.parts or PARTS:
    sys.argv[1:] = ["--repeats", str(options.repeats)]
    import_module(f"benchmarks.planning.{part}").main()
