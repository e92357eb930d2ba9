"""Files of the field, read and written: Bayesian networks (`.bif`), POMDPs in Cassandra's format (.pomdp), and policies
of α-vectors (`.alpha`).
"""

from decision_making.formats.alpha import alpha_text, parse_alpha, read_alpha, write_alpha
from decision_making.formats.bif import read_bif, write_bif
from decision_making.formats.pomdp import parse_pomdp, pomdp_text, read_pomdp, write_pomdp

__all__ = [
    "alpha_text",
    "parse_alpha",
    "parse_pomdp",
    "pomdp_text",
    "read_alpha",
    "read_bif",
    "read_pomdp",
    "write_alpha",
    "write_bif",
    "write_pomdp",
]
