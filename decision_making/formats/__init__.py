"""Files of the field: POMDPs in Cassandra's format (`.pomdp`)."""

from decision_making.formats.pomdp import parse_pomdp, pomdp_text, read_pomdp, write_pomdp

__all__ = ["parse_pomdp", "pomdp_text", "read_pomdp", "write_pomdp"]
