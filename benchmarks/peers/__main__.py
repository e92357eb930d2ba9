"""`python -m benchmarks.peers [update cartpole speed exact_solution]`: the named tables, or all.

Each writes benchmarks/peers_*.md.
"""

import argparse
from importlib import import_module

from benchmarks.peers.report import one_core

PARTS = ("update", "cartpole", "speed", "exact_solution")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
parser.add_argument("--repeats", type=int, default=5)
options = parser.parse_args()
one_core()
for part in options.parts or PARTS:
    import_module(f"benchmarks.peers.{part}").main(options.repeats)
