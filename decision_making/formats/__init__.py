"""Files of the field, read and written: Bayesian networks in the interchange format BIF."""

from decision_making.formats.bif import read_bif, write_bif

__all__ = [
    "read_bif",
    "write_bif",
]
