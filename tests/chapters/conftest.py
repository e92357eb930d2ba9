"""What every test of a chapter has: its script and its table of values, named by CHAPTER in the module."""

import pytest

from tests.support import script, table


@pytest.fixture(scope="module")
def chapter(request):
    """The chapter's script, loaded once."""
    return script(request.module.CHAPTER)


@pytest.fixture(scope="module")
def values(request):
    """Its table "book | computed | agrees"."""
    return table(request.module.CHAPTER)
