"""The problems of appendix F. A problem has a discount γ, a batched sampler TR and a start distribution b."""

from decision_making.problems.hex_world import HexWorld, StraightLineHexWorld
from decision_making.problems.simple_regulator import SimpleRegulator

__all__ = ["HexWorld", "SimpleRegulator", "StraightLineHexWorld"]
