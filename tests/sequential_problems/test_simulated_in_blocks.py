"""Trajectories that are simulated again for each reading: the same numbers in little memory, where the caller asks."""

import tracemalloc

import numpy as np
import pytest

from decision_making import (
    MDP,
    ClampedSurrogateUpdate,
    LikelihoodRatioGradient,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    SimulatedAgain,
    TrustRegionUpdate,
    rollouts,
    step,
    trajectories as kept_whole,
    update,
)
from decision_making.problems import SimpleRegulator
from decision_making.simulation import tallied
from tests.support import counting

P, π, θ, m = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([0.0, 1.0]), 3 * kept_whole.BLOCK - 100
STRUCTS = {"natural": (NaturalPolicyUpdate, ()), "trust region": (TrustRegionUpdate, (0.5,))}


def struct(name, m, ε=0.01, P=P, d=5, **options):
    Struct, α = STRUCTS[name]
    return Struct(P, SimpleRegulator().b, d, m, ε, *α, **options)


def again(M, θ=θ, rng=1):
    """Another generator in the state of the seed."""
    return SimulatedAgain(M.P, M.b, π, θ, M.d, M.m, rng)


@pytest.mark.parametrize("name", STRUCTS)
@pytest.mark.parametrize("ε", [0.01, 30.0])  # the second makes the search go back
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_as_from_the_recorded_trajectories(name, ε, dtype):
    M, start = struct(name, m, ε), θ.astype(dtype)
    rng, other = np.random.default_rng(1), np.random.default_rng(1)
    blocked = step(M, π, start, τs=again(M, start, rng))
    kept = step(M, π, start, rng=other)
    np.testing.assert_array_equal(blocked.θ, kept.θ)
    assert (blocked.reason, blocked.backtracks) == (kept.reason, kept.backtracks)
    assert blocked.kl == pytest.approx(kept.kl, rel=1e-9)
    assert blocked.improvement == pytest.approx(kept.improvement, rel=1e-6, abs=1e-12)
    assert rng.bit_generator.state == other.bit_generator.state  # left where rollouts leave it


@pytest.mark.parametrize(
    ("Rule", "settings"),
    [
        (RestrictedPolicyUpdate, (0.01,)),
        (ClampedSurrogateUpdate, (0.2, 0.05, 3)),
        (PenalizedSurrogateUpdate, (1.0, 0.05, 3)),
    ],
)
@pytest.mark.parametrize("over_steps", ["mean", "sum"])
def test_other_rules_read_them_too(Rule, settings, over_steps):
    over = {} if Rule is RestrictedPolicyUpdate else {"over_steps": over_steps}
    M = Rule(P, P.b, 5, m, *settings, **over)
    blocked, kept = step(M, π, θ, τs=again(M)), step(M, π, θ, rng=1)
    np.testing.assert_allclose(blocked.θ, kept.θ, rtol=1e-12)
    assert blocked.kl == pytest.approx(kept.kl, rel=1e-9)
    assert blocked.β == kept.β


def test_trajectories_that_end_early_come_out_the_same():
    P = MDP(0.9, None, None, None, None, lambda s, a, rng: (s + a, -(s**2)), terminal=lambda s: np.abs(s) > 0.4)
    M = struct("trust region", m, P=P)
    blocked, kept = step(M, π, θ, τs=again(M)), step(M, π, θ, τs=rollouts(P, M.b, π, θ, M.d, m, 1))
    np.testing.assert_array_equal(blocked.θ, kept.θ)
    assert blocked.kl == pytest.approx(kept.kl, rel=1e-9)


@pytest.mark.parametrize("ε", [0.01, 30.0])
@pytest.mark.parametrize("m", [10, 300_000])
def test_a_line_search_simulates_nothing_whatever_the_size_of_the_record(m, ε):
    problem, rows = counting(P)
    M = TrustRegionUpdate(problem, P.b, 10, m, ε, 0.5)
    taken = step(M, π, θ, rng=1)
    assert taken.kl is not None
    assert sum(rows) == m * 10


def test_price_is_one_simulation_for_the_direction_one_for_θ_and_one_for_each_point():
    (problem, rows), near_the_optimum = counting(P), np.array([-0.9, 0.1])
    M = TrustRegionUpdate(problem, P.b, 2, m, 2.0, 0.5)
    taken = step(M, π, near_the_optimum, τs=again(M, near_the_optimum))
    assert taken.backtracks >= 1
    assert sum(rows) == 2 * m * (1 + 1 + taken.backtracks + 1)


@pytest.mark.parametrize("name", STRUCTS)
def test_direction_of_single_steps_is_refused(name):
    M = struct(name, m, direction="surrogate")
    with pytest.raises(ValueError, match="direction = 'surrogate': must be 'trajectory' with SimulatedAgain"):
        update(M, π, θ, τs=again(M))


def test_other_parameters_or_another_policy_than_those_that_sample_are_refused():
    M = struct("natural", 10)
    with pytest.raises(ValueError, match="SimulatedAgain has another policy or θ"):
        update(M, π, θ + 1, τs=again(M))
    with pytest.raises(ValueError, match="SimulatedAgain has another policy or θ"):
        update(M, LinearGaussianPolicy(0.1), θ, τs=again(M))
    with pytest.raises(ValueError, match=r"SimulatedAgain.d = 0"):
        SimulatedAgain(P, P.b, π, θ, 0, 10)
    with pytest.raises(ValueError, match=r"θ has shape \(3,\)"):
        SimulatedAgain(P, P.b, π, np.zeros(3), 5, 10)


def test_estimators_want_a_record():
    M = LikelihoodRatioGradient(P, P.b, 5, 10)
    with pytest.raises(TypeError, match="τs = SimulatedAgain: must be Trajectories"):
        update(PolicyGradientUpdate(M, 0.1), π, θ, τs=again(M))


def test_sampler_with_a_generator_of_its_own_is_found_out():
    own = np.random.default_rng(0)
    P = MDP(0.9, None, None, None, None, lambda s, a, rng: (s + a, -(s**2) + own.normal(size=s.shape)))
    M = struct("trust region", m, P=P)
    with pytest.raises(ValueError, match="came out different when they were simulated again"):
        update(M, π, θ, τs=again(M))


def test_policy_with_a_generator_of_its_own_is_found_out_though_rewards_do_not_show_it():
    class Own(LinearGaussianPolicy):
        def sampler(self, θ):
            own = np.random.default_rng()
            return lambda s, rng: self(θ, s, own)

    drawing = Own()
    M = TrustRegionUpdate(P, P.b, 1, 50, 0.1, 0.5)  # the reward of a single step is the state's
    with pytest.raises(ValueError, match="came out different"):
        update(M, drawing, θ, τs=SimulatedAgain(P, P.b, drawing, θ, 1, 50, 0))


def test_a_reading_that_is_broken_off_leaves_no_trace():
    M = struct("trust region", m)
    broken = again(M)
    blocks = broken.blocks()
    next(blocks)
    blocks.close()
    np.testing.assert_array_equal(update(M, π, θ, τs=broken), update(M, π, θ, τs=again(M)))


@pytest.mark.parametrize("quantity", ["reward", "return"])
def test_error_names_the_trajectory_by_its_number_among_all(quantity):
    def TR(s, a, rng):
        worst = s == start.max()
        return s, np.where(worst, np.nan if quantity == "reward" else 1e308, 0.0)

    start = P_start(m)
    i = int(start.argmax())
    assert i > kept_whole.BLOCK
    M = NaturalPolicyUpdate(MDP(1.0, None, None, None, None, TR), lambda m, rng: P_start(m), 5, m, 0.1)
    with pytest.raises(ValueError, match=f"{quantity} of trajectory {i}"):
        update(M, π, θ, τs=again(M))


def P_start(m):
    return np.random.default_rng(12).normal(size=m)


@pytest.mark.parametrize("name", STRUCTS)
def test_many_trajectories_in_little_memory(name):
    """Beside the blocks: start states, scores and returns, 32 bytes a trajectory, and temporaries of their size."""
    M = struct(name, 300_000, d=10)
    update(struct(name, 100), π, θ, rng=0)  # what is imported where used
    tracemalloc.start()
    try:
        update(M, π, θ, τs=again(M, rng=0))
        assert tracemalloc.get_traced_memory()[1] < 64 * M.m
    finally:
        tracemalloc.stop()


def test_a_tally_has_each_episode_once_however_often_it_is_read():
    """Its steps are those of every reading; one that is broken off counts as far as it went."""
    M, block = struct("trust region", m, d=2), kept_whole.BLOCK
    τs = again(M)
    with tallied() as seen:
        next(τs.blocks())
        assert sum(map(len, seen.returns)) == block
        step(M, π, θ, τs=τs)
        list(τs.blocks())
    np.testing.assert_array_equal(np.concatenate(seen.returns), τs.kept().r.sum(axis=1))
    assert sum(map(len, seen.lengths)) == sum(map(len, seen.weights)) == m
    readings, rest = divmod(seen.steps - 2 * block, 2 * m)
    assert rest == 0
    assert readings >= 4  # for the direction, for θ, for one more point at least, and the last one
