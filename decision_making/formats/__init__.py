"""Files of the field, read and written: Bayesian networks (`.bif`) and POMDPs in Cassandra's format (.pomdp)."""

from decision_making.formats.bif import read_bif, write_bif
from decision_making.formats.pomdp import parse_pomdp, pomdp_text, read_pomdp, write_pomdp

__all__ = ["parse_pomdp", "pomdp_text", "read_bif", "read_pomdp", "write_bif", "write_pomdp"]
