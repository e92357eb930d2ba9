"""The fuzzers: a few cases of each always, FUZZ_SECONDS of each kind in `make test-slow`; `make fuzz` runs an hour."""

import os
import time

import numpy as np
import pytest

import decision_making as dm
from tests.fuzzing import everything  # noqa: F401  registers them
from tests.fuzzing.fuzz_arguments import CALLS
from tests.fuzzing.harness import FUZZERS, fuzz, play

KINDS = sorted({f.__module__.rpartition("fuzz_")[2] for f in FUZZERS.values()})


def of_kind(kind):
    return [name for name, f in FUZZERS.items() if f.__module__.endswith(f"fuzz_{kind}")]


@pytest.mark.parametrize("name", FUZZERS)
def test_first_cases_of_every_fuzzer(name):
    for case in range(2):
        play(name, case)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_fuzzing_finds_nothing(kind):
    """Other cases every day: what fails prints the command that repeats it."""
    played, failures = fuzz(of_kind(kind), float(os.environ.get("FUZZ_SECONDS", "60")), int(time.time()))
    assert all(played.values())
    assert not failures, "\n".join(failures)


def test_fuzzer_that_finds_something_is_heard(monkeypatch):
    def wrong(rng, folder):
        assert rng.random() < 0.5

    monkeypatch.setitem(FUZZERS, "wrong", wrong)
    played, failures = fuzz(["wrong"], 5, 0)
    assert len(failures) == 3
    assert "python -m tests.fuzzing wrong --case" in failures[0]
    case = int(failures[0].split("--case ")[1].split()[0])
    with pytest.raises(AssertionError):
        play("wrong", case)
    assert played["wrong"] >= 3


def test_case_is_the_same_each_time(monkeypatch):
    seen = []
    monkeypatch.setitem(FUZZERS, "seen", lambda rng, folder: seen.append(rng.random(3)))
    play("seen", 7)
    play("seen", 7)
    play("seen", 8)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[1] != seen[2]).all()


def test_warnings_and_hangs_are_found(monkeypatch):
    monkeypatch.setattr("tests.fuzzing.harness.LONGEST", 1)
    monkeypatch.setitem(FUZZERS, "hangs", lambda rng, folder: [x for x in iter(int, 1) if x])
    monkeypatch.setitem(FUZZERS, "overflows", lambda rng, folder: np.exp(np.float64(1000)))
    with pytest.raises(TimeoutError):
        play("hangs", 0)
    with pytest.raises(FloatingPointError):
        play("overflows", 0)


def test_every_public_name_is_called_with_wrong_arguments():
    """Of chapters 7 and 10 to 13 and of TRPO, but for what a user does not call."""
    called = {name.split()[0].split(".")[0].removesuffix("()") for name in CALLS} | {
        *("exact", "problems", "struct", "Status", "Rule", "LocalModel", "Policy", "Sampled", "follow", "stepped"),
        *("explain", "History", "Step", "Generation", "PopulationUtility", "LinearGaussianPolicy"),
        *("LinearSoftmaxPolicy", "NeuralPolicy", "LinearProgramFormulation"),
    }
    parts = ("exact_solution_methods", "policy_search", "policy_gradient", "actor_critic", "advantages", "trust_region")
    parts += (
        "decision_making.simulation",
        "trajectories",
        "decision_making.mdp",
        "decision_making.policies",
        "training.loop",
    )
    modules = {name: getattr(getattr(dm, name), "__module__", "") for name in dm.__all__}
    covered = {name for name, module in modules.items() if any(part in module for part in parts)}
    assert not covered - called
