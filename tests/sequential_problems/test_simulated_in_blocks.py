"""Updates whose trajectories are simulated block by block and not kept: the same numbers in little memory."""

import tracemalloc

import attrs
import numpy as np
import pytest

from decision_making import MDP, LinearGaussianPolicy, NaturalPolicyUpdate, TrustRegionUpdate, rollouts, step, update
from decision_making import simulation as sim
from decision_making.problems import SimpleRegulator

P, π, θ, m = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([0.0, 1.0]), 3 * sim.BLOCK - 100
STRUCTS = {"natural": (NaturalPolicyUpdate, ()), "trust region": (TrustRegionUpdate, (0.5,))}


def struct(name, m, ε=0.01, P=P, d=5):
    Struct, α = STRUCTS[name]
    return Struct(P, SimpleRegulator().b, d, m, ε, *α)


@pytest.fixture
def _nothing_is_kept(monkeypatch):
    monkeypatch.setattr(sim, "KEPT", 0)


@pytest.mark.usefixtures("_nothing_is_kept")
@pytest.mark.parametrize("name", STRUCTS)
@pytest.mark.parametrize("ε", [0.01, 3.0])  # the second makes the search go back
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_as_from_the_recorded_trajectories(name, ε, dtype):
    M, start = struct(name, m, ε), θ.astype(dtype)
    rng, other = np.random.default_rng(1), np.random.default_rng(1)
    blocked = step(M, π, start, rng=rng)
    kept = step(M, π, start, τs=rollouts(M.P, M.b, π, start, M.d, M.m, other))
    np.testing.assert_array_equal(blocked.θ, kept.θ)
    assert (blocked.reason, blocked.backtracks) == (kept.reason, kept.backtracks)
    assert blocked.kl == pytest.approx(kept.kl, rel=1e-9)
    assert blocked.improvement == pytest.approx(kept.improvement, rel=1e-6, abs=1e-12)
    assert rng.bit_generator.state == other.bit_generator.state  # left where rollouts leave it


@pytest.mark.usefixtures("_nothing_is_kept")
def test_trajectories_that_end_early_come_out_the_same():
    P = MDP(0.9, None, None, None, None, lambda s, a, rng: (s + a, -(s**2)), terminal=lambda s: np.abs(s) > 0.4)
    M = struct("trust region", m, P=P)
    blocked, kept = step(M, π, θ, rng=1), step(M, π, θ, τs=rollouts(P, M.b, π, θ, M.d, m, 1))
    np.testing.assert_array_equal(blocked.θ, kept.θ)
    assert blocked.kl == pytest.approx(kept.kl, rel=1e-9)


@pytest.mark.usefixtures("_nothing_is_kept")
@pytest.mark.parametrize("name", STRUCTS)
def test_direction_of_single_steps_keeps_its_trajectories(name):
    M = attrs.evolve(struct(name, m), direction="surrogate")
    kept = step(M, π, θ, τs=rollouts(M.P, M.b, π, θ, M.d, M.m, 1))
    np.testing.assert_array_equal(step(M, π, θ, rng=1).θ, kept.θ)


@pytest.mark.usefixtures("_nothing_is_kept")
def test_sampler_with_a_generator_of_its_own_is_found_out():
    own = np.random.default_rng(0)
    P = MDP(0.9, None, None, None, None, lambda s, a, rng: (s + a, -(s**2) + own.normal(size=s.shape)))
    with pytest.raises(ValueError, match="TR gave other rewards"):
        update(struct("trust region", m, P=P), π, θ, rng=1)


@pytest.mark.usefixtures("_nothing_is_kept")
@pytest.mark.parametrize("quantity", ["reward", "return"])
def test_error_names_the_trajectory_by_its_number_among_all(quantity):
    def TR(s, a, rng):
        worst = s == start.max()
        return s, np.where(worst, np.nan if quantity == "reward" else 1e308, 0.0)

    P = MDP(1.0, None, None, None, None, TR)
    start = P_start(m)
    i = int(start.argmax())
    assert i > sim.BLOCK
    with pytest.raises(ValueError, match=f"{quantity} of trajectory {i}"):
        update(NaturalPolicyUpdate(P, lambda m, rng: P_start(m), 5, m, 0.1), π, θ, rng=1)


def P_start(m):
    return np.random.default_rng(12).normal(size=m)


@pytest.mark.parametrize("name", STRUCTS)
def test_many_trajectories_in_little_memory(name):
    """Beside the blocks: start states, scores and returns, 32 bytes a trajectory, and temporaries of their size."""
    M = struct(name, 300_000, d=10)
    update(struct(name, 100), π, θ, rng=0)  # what is imported where used
    tracemalloc.start()
    try:
        update(M, π, θ, rng=0)
        assert tracemalloc.get_traced_memory()[1] < 64 * M.m
    finally:
        tracemalloc.stop()
