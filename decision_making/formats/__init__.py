"""Files of the field, read and written: Bayesian networks (`.bif`), POMDPs (`.pomdp`) and Dec-POMDPs (`.dpomdp`)."""

from decision_making.formats.bif import read_bif, write_bif
from decision_making.formats.dpomdp import parse_dpomdp, read_dpomdp
from decision_making.formats.dpomdp_text import dpomdp_text, write_dpomdp
from decision_making.formats.pomdp import parse_pomdp, pomdp_text, read_pomdp, write_pomdp

__all__ = [
    "dpomdp_text",
    "parse_dpomdp",
    "parse_pomdp",
    "pomdp_text",
    "read_bif",
    "read_dpomdp",
    "read_pomdp",
    "write_bif",
    "write_dpomdp",
    "write_pomdp",
]
