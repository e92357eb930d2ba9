"""What the tests of runs and sweeps share."""

import sys

import pytest


@pytest.fixture(scope="module")
def no_pictures():
    """A picture takes longer than these runs: in this process let there be no matplotlib."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "decision_making.pictures.curves", None)
        yield
