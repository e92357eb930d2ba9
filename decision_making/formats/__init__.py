"""Files of the field, read and written: networks (.bif), POMDPs (.pomdp), Dec-POMDPs (.dpomdp) and games (.nfg)."""

from decision_making.formats.bif import read_bif, write_bif
from decision_making.formats.dpomdp import parse_dpomdp, read_dpomdp
from decision_making.formats.dpomdp_text import dpomdp_text, write_dpomdp
from decision_making.formats.nfg import nfg_text, parse_nfg, read_nfg, write_nfg
from decision_making.formats.pomdp import parse_pomdp, read_pomdp
from decision_making.formats.pomdp_text import pomdp_text, write_pomdp

__all__ = [
    "dpomdp_text",
    "nfg_text",
    "parse_dpomdp",
    "parse_nfg",
    "parse_pomdp",
    "pomdp_text",
    "read_bif",
    "read_dpomdp",
    "read_nfg",
    "read_pomdp",
    "write_bif",
    "write_dpomdp",
    "write_nfg",
    "write_pomdp",
]
