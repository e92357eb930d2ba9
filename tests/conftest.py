"""Hypothesis profiles, and floating-point errors as exceptions in every test."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=30, print_blob=True)
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("slow", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    """The library hides an overflow only where it expects one; anywhere else it is a fault."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield
