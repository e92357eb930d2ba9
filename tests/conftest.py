"""Hypothesis profiles, and floating-point errors as exceptions in every test."""

import os
import signal
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=30, print_blob=True)
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("slow", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# a shell's background job is started with Ctrl-C ignored, and so would be every command that a test starts and stops
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    """The library hides an overflow only where it expects one; anywhere else it is a fault."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield
