"""Files of the field, read and written: networks (.bif), POMDPs in Cassandra's format (.pomdp), and games (.nfg)."""

from decision_making.formats.bif import read_bif, write_bif
from decision_making.formats.nfg import nfg_text, parse_nfg, read_nfg, write_nfg
from decision_making.formats.pomdp import parse_pomdp, pomdp_text, read_pomdp, write_pomdp

__all__ = [
    "nfg_text",
    "parse_nfg",
    "parse_pomdp",
    "pomdp_text",
    "read_bif",
    "read_nfg",
    "read_pomdp",
    "write_bif",
    "write_nfg",
    "write_pomdp",
]
