"""Trajectories, their simulation, and what is computed from their rewards."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import MDP, LinearGaussianPolicy, SoftmaxPolicy, Trajectories, rollouts, simulate, standard_error
from decision_making.problems import SimpleRegulator
from decision_making.trajectories import BLOCK, local_rewards_to_go, returns, rewards_to_go
from tests import strategies
from tests.oracles import enumeration, regulator

REGULATOR = SimpleRegulator()
GAUSSIAN = LinearGaussianPolicy()


class Walk:
    """s' = s + a, r = s, nothing random; states of at least `top` are terminal. Counts its calls."""

    γ, S, A, T, R = 0.9, None, None, None, None

    def __init__(self, top=3):
        self.top, self.calls = top, 0

    def TR(self, s, a, rng):
        self.calls += 1
        return s + a, s.astype(float)

    def terminal(self, s):
        return s >= self.top


def same(x, y):
    return all(
        np.array_equal(getattr(x, name), getattr(y, name))
        for name in ("s", "a", "r", "mask", "s_end", "terminated", "truncated")
    )


# simulate


def test_simulation_follows_the_definition_step_by_step():
    P = Walk(top=100)
    τs = simulate(P, np.array([0, 5]), lambda s: s + 1, 3)
    assert τs.s.tolist() == [[0, 1, 3], [5, 11, 23]]
    assert τs.a.tolist() == [[1, 2, 4], [6, 12, 24]]
    assert τs.r.tolist() == [[0, 1, 3], [5, 11, 23]]  # the reward of the state acted in
    assert τs.s_end.tolist() == [7, 47]
    assert τs.mask.all()
    assert not τs.terminated.any()
    assert τs.truncated.all()


def test_simulator_is_called_once_a_step_for_the_whole_batch():
    P = Walk(top=100)
    simulate(P, np.arange(50), np.ones_like, 7)
    assert P.calls == 7


def test_early_end_is_padded_with_the_last_real_state_and_action_and_pays_nothing():
    τs = simulate(Walk(top=3), np.array([0, 2, 1]), lambda s: 10 * s + 1, 4)
    # 0 -> 1 -> 12 (terminal); 2 -> 23; 1 -> 12
    assert τs.lengths.tolist() == [2, 1, 1]
    assert τs.mask.tolist() == [[True, True, False, False], [True, False, False, False], [True, False, False, False]]
    assert τs.s.tolist() == [[0, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1]]
    assert τs.a.tolist() == [[1, 11, 11, 11], [21, 21, 21, 21], [11, 11, 11, 11]]
    assert τs.r.tolist() == [[0, 1, 0, 0], [2, 0, 0, 0], [1, 0, 0, 0]]
    assert τs.s_end.tolist() == [12, 23, 12]
    assert τs.terminated.all()
    assert not τs.truncated.any()


def test_end_on_the_last_step_is_terminated_and_not_truncated():
    τs = simulate(Walk(top=3), np.array([1, 0]), np.ones_like, 2)
    assert τs.lengths.tolist() == [2, 2]
    assert τs.terminated.tolist() == [True, False]
    assert τs.truncated.tolist() == [False, True]
    assert τs.s_end.tolist() == [3, 2]


def test_terminal_start_state_gives_length_zero_and_everything_stays_finite():
    τs = simulate(Walk(top=3), np.array([3, 0]), np.ones_like, 2)
    assert τs.lengths.tolist() == [0, 2]
    assert τs.s_end.tolist() == [3, 2]
    assert τs.terminated.tolist() == [True, False]
    assert τs.r[0].tolist() == [0, 0]
    for f in (returns, rewards_to_go, local_rewards_to_go):
        assert np.isfinite(f(τs, 0.9)).all()
        assert not f(τs, 0.9)[0].any()
    assert next(iter(τs)) == []
    assert len(τs.flat()[0]) == 2


def test_all_starts_terminal_is_not_an_error():
    τs = simulate(Walk(top=3), np.array([3, 4]), np.ones_like, 2)
    assert not τs.mask.any()
    assert returns(τs, 1.0).tolist() == [0, 0]


def test_simulator_s_rewards_after_the_end_do_not_count():
    class Poisoned(Walk):
        def TR(self, s, a, rng):
            return s + a, np.where(s >= self.top, np.nan, 1.0)

    τs = simulate(Poisoned(top=2), np.array([0, 1]), np.ones_like, 3)
    assert returns(τs, 1.0).tolist() == [2, 1]


@given(strategies.tabular_problems(terminal=st.just(True)), strategies.depths, st.integers(0, 99))
def test_rollouts_of_a_tabular_problem_are_possible_trajectories_with_their_padding(problem, d, seed):
    P, b, π, θ = problem
    τs = rollouts(P, b, π, θ, d, 20, seed)
    E = enumeration.enumerate_problem(P, b, π, θ, d, n_terminal=1)
    possible = {
        (*s, *(a * mask), *r, *mask, s_end) for s, a, r, mask, s_end in zip(E.s, E.a, E.r, E.mask, E.s_end, strict=True)
    }
    real = τs.mask.any(axis=1)
    a = np.where(τs.mask, τs.a, 0)
    for i in range(20):
        row = (*τs.s[i], *a[i], *τs.r[i], *τs.mask[i], τs.s_end[i])
        assert row in possible
    for i in np.flatnonzero(real):
        last = τs.lengths[i] - 1
        assert (τs.a[i, last:] == τs.a[i, last]).all()
    assert np.array_equal(τs.terminated, τs.s_end == len(P.S) - 1)
    assert np.array_equal(τs.truncated, ~τs.terminated)


def test_rollouts_have_the_enumerated_probabilities():
    T = np.array([[[0.7, 0.3], [0.0, 1.0]], [[0.2, 0.8], [0.5, 0.5]]])
    P, b, π, θ = MDP.from_arrays(T, [[0.0, 1.0], [2.0, 3.0]], 0.9), [0.25, 0.75], SoftmaxPolicy(2, 2), [0.3, -0.5, 1, 0]
    E, m = enumeration.enumerate_problem(P, b, π, θ, 2), 40_000
    τs = rollouts(P, b, π, np.array(θ), 2, m, 3)

    def code(x):
        return x.s[:, 0] + 2 * x.a[:, 0] + 4 * x.s[:, 1] + 8 * x.a[:, 1] + 16 * x.s_end

    p = np.bincount(code(E), E.weights, minlength=32)
    error = abs(np.bincount(code(τs), minlength=32) / m - p)
    assert (error <= 5 * np.sqrt(p * (1 - p) / m)).all()


def test_rollouts_of_the_regulator_have_its_moments():
    θ, m, d = np.array([-0.5, 0.4]), 40_000, 4
    s = rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, d, m, 0).s
    M = regulator.second_moments(θ, d, σ_min=1e-5)
    mean = 0.3 * 0.5 ** np.arange(d)
    fourth = 3 * (M - mean**2) ** 2 + 6 * mean**2 * (M - mean**2) + mean**4
    assert (abs((s**2).mean(axis=0) - M) <= 5 * np.sqrt((fourth - M**2) / m)).all()


def test_each_trajectory_may_have_parameters_of_its_own_across_blocks():
    m = 2 * BLOCK + 5
    θ = np.stack([np.linspace(-1, 1, m), np.zeros(m)], axis=1)
    τs = rollouts(REGULATOR, REGULATOR.b, LinearGaussianPolicy(σ_min=0), θ, 2, m, 0)
    np.testing.assert_allclose(τs.a, θ[:, :1] * τs.s, rtol=1e-12)
    assert len(np.unique(τs.s[:, 0])) == m  # no block repeats another's draws
    single = rollouts(REGULATOR, REGULATOR.b, LinearGaussianPolicy(σ_min=0), θ[0], 2, m, 0)
    np.testing.assert_allclose(single.a, -single.s, rtol=1e-12)


def test_more_than_one_block_records_every_trajectory_with_its_start_and_end():
    P, m = Walk(top=6), BLOCK + 7
    starts = np.arange(m) % 5

    class Step:
        n = 1

        def __call__(self, θ, s, rng):
            return np.ones_like(s)

    τs = rollouts(P, lambda m, rng: starts, Step(), np.zeros(1), 3, m, 0)
    assert P.calls == 6
    assert np.array_equal(τs.s[:, 0], starts)
    assert np.array_equal(τs.s_end, np.minimum(starts + 3, 6))
    assert np.array_equal(τs.lengths, np.minimum(6 - starts, 3))
    assert np.array_equal(τs.terminated, starts >= 3)


# randomness and types


def test_same_seed_gives_the_same_bits_and_another_seed_does_not():
    θ = np.array([0.1, 0.5])
    one, two = (rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 8, 7) for _ in range(2))
    assert same(one, two)
    assert same(one, rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 8, np.random.default_rng(7)))
    assert not np.array_equal(one.s, rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 8, 8).s)


def test_a_generator_is_advanced_so_that_two_calls_differ():
    rng, θ = np.random.default_rng(0), np.array([0.1, 0.5])
    one, two = (rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 8, rng) for _ in range(2))
    assert not np.array_equal(one.s, two.s)


def test_global_random_state_is_neither_read_nor_written():
    θ = np.array([0.1, 0.5])
    results = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 8, 7))
        rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 8, None)
        assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert same(*results)


@pytest.mark.parametrize("rng", ["seed", -1, 1.5])
def test_rng_of_the_wrong_kind_is_named(rng):
    with pytest.raises((ValueError, TypeError), match="rng = "):
        rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, np.array([0.0, 1.0]), 3, 8, rng)


def test_float32_parameters_give_float32_trajectories_and_float64_returns():
    τs = rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, np.array([0.0, 1.0], np.float32), 3, 5, 0)
    assert {x.dtype for x in (τs.s, τs.a, τs.r, τs.s_end)} == {np.dtype(np.float32)}
    assert {f(τs, 0.9).dtype for f in (returns, rewards_to_go, local_rewards_to_go)} == {np.dtype(np.float64)}


def test_inputs_are_not_modified():
    s, θ, b = np.array([0, 1, 3]), np.array([0.1, 0.5]), np.array([0.5, 0.5])
    for x in (s, θ, b):
        x.setflags(write=False)
    simulate(Walk(), s, np.ones_like, 3)
    rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, θ, 3, 4, 0)
    P = MDP.from_arrays(np.full((2, 1, 2), 0.5), np.zeros((2, 1)), 1.0)
    rollouts(P, b, SoftmaxPolicy(2, 1), θ, 3, 4, 0)
    given_r = np.ones((2, 2))
    τs = Trajectories(np.zeros((2, 2)), np.zeros((2, 2)), given_r)
    for f in (returns, rewards_to_go, local_rewards_to_go):
        f(τs, 0.5)
    assert (given_r == 1).all()


# errors


@pytest.mark.parametrize("quantity", ["reward", "state", "action"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_named_with_trajectory_and_step(quantity, bad):
    class Faulty:
        γ, k = 1.0, 0

        def TR(self, s, a, rng):
            self.k += 1
            s_next, r = s.copy(), np.zeros_like(s)
            if quantity == "reward" and self.k == 3:
                r[1] = bad
            if quantity == "state" and self.k == 2:
                s_next[1] = bad
            return s_next, r

    P = Faulty()

    def π(s):
        a = np.zeros_like(s)
        if quantity == "action" and P.k == 2:
            a[1] = bad
        return a

    with pytest.raises(ValueError, match=rf"{quantity} of trajectory 1, step 2 .*{bad}"):
        simulate(P, np.zeros(3), π, 4)


def test_end_state_that_is_not_finite_is_named():
    class Faulty:
        γ = 1.0

        def TR(self, s, a, rng):
            return np.full_like(s, np.inf), np.zeros_like(s)

    with pytest.raises(ValueError, match="state of trajectory 0, step 1 "):
        simulate(Faulty(), np.zeros(2), lambda s: s, 1)


def test_states_that_run_away_are_named_without_a_warning():
    with pytest.raises(ValueError, match=r"(reward|state|action) of trajectory \d+, step \d+ .*must be finite"):
        rollouts(REGULATOR, REGULATOR.b, GAUSSIAN, np.array([1e200, 1.0]), 4, 3, 0)


@pytest.mark.parametrize(
    ("π", "TR", "said"),
    [
        (lambda s: np.zeros(2), lambda s, a, rng: (s, s), r"action batch .* shape \(2,\)"),
        (lambda s: 0.0, lambda s, a, rng: (s, s), r"action batch .* shape \(\)"),
        (lambda s: s, lambda s, a, rng: (s[:2], s), "s_next"),
        (lambda s: s, lambda s, a, rng: (s, 1.0), "r of TR"),
        (lambda s: s, lambda s, a, rng: (np.zeros((3, 2)), s), "s_next"),
        (lambda s: s, lambda s, a, rng: (s, np.zeros((3, 1))), "r"),
    ],
)
def test_batch_of_the_wrong_shape_is_an_error(π, TR, said):
    with pytest.raises(ValueError, match=said):
        simulate(MDP(1.0, None, None, None, None, TR), np.zeros(3), π, 2)


def test_problem_without_a_sampler_is_an_error():
    with pytest.raises(TypeError, match="TR"):
        simulate(MDP(1.0, None, None, None, None, None), np.zeros(3), lambda s: s, 2)


@pytest.mark.parametrize("s", [0.0, np.zeros(0)])
def test_start_states_must_be_a_batch(s):
    with pytest.raises(ValueError, match="s has shape"):
        simulate(REGULATOR, s, lambda s: s, 2)


# Trajectories


LISTS = [[(0.5, 1, -1.0), (0.25, 2, 2.0)], [(1.0, 0, 3.0)]]


def test_from_lists_and_iteration_are_inverse():
    τs = Trajectories.from_lists(LISTS)
    assert [[tuple(map(float, step)) for step in τ] for τ in τs] == LISTS
    assert τs.mask.tolist() == [[True, True], [True, False]]
    assert τs.s.tolist() == [[0.5, 0.25], [1.0, 1.0]]
    assert τs.a.tolist() == [[1, 2], [0, 0]]
    assert τs.r.tolist() == [[-1, 2], [3, 0]]
    assert τs.a.dtype.kind == "i"
    assert len(τs) == 2


@given(strategies.scalar_trajectories())
def test_flat_gives_the_real_steps_in_order(τs):
    steps = [step for τ in τs for step in τ]
    for column, x in zip(range(3), τs.flat(), strict=True):
        assert x.tolist() == [step[column] for step in steps]
    assert τs.lengths.tolist() == [len(τ) for τ in τs]
    assert τs.lengths.sum() == len(steps)


@given(strategies.scalar_trajectories())
def test_slices_and_index_arrays_keep_rows_together(τs):
    for index in (slice(0, 1), slice(None, None, -1), np.arange(len(τs))[::-1], np.array([0, 0])):
        assert list(τs[index]) == [list(τs)[i] for i in np.arange(len(τs))[index]]
    assert τs[len(τs) - 1] == list(τs)[-1]


def test_slices_keep_ends_and_flags():
    τs = simulate(Walk(top=3), np.array([0, 2, 1]), np.ones_like, 2)
    part = τs[1:]
    assert part.s_end.tolist() == τs.s_end[1:].tolist()
    assert part.terminated.tolist() == τs.terminated[1:].tolist()
    assert part.truncated.tolist() == τs.truncated[1:].tolist()


def test_vector_states_keep_their_axis():
    τs = simulate(
        MDP(1.0, None, None, None, None, lambda s, a, rng: (s + a, s.sum(axis=1))),
        np.zeros((4, 3)),
        np.ones_like,
        2,
    )
    assert τs.s.shape == τs.a.shape == (4, 2, 3)
    assert τs.s_end.tolist() == [[2.0, 2.0, 2.0]] * 4
    assert τs.r.tolist() == [[0.0, 3.0]] * 4
    assert τs.flat()[0].shape == (8, 3)


@pytest.mark.parametrize("lists", [[], [[]], [[(0, 0, 0.0)], []]])
def test_from_lists_refuses_empty_trajectories(lists):
    with pytest.raises(ValueError, match="at least one"):
        Trajectories.from_lists(lists)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"r": np.zeros(3)}, "r has shape"),
        ({"r": np.zeros((0, 2))}, "r has shape"),
        ({"s": np.zeros((3, 2))}, "s has shape"),
        ({"a": np.zeros((2, 1))}, "a has shape"),
        ({"mask": np.ones((2, 3), bool)}, "mask has shape"),
        ({"mask": [[False, True], [True, True]]}, "come first"),
        ({"mask": [[True, False], [True, True]], "r": np.ones((2, 2))}, "padding"),
        ({"s_end": np.zeros(3)}, "s_end has shape"),
        ({"terminated": np.zeros(3, bool)}, "terminated has shape"),
        ({"truncated": np.zeros((2, 2), bool)}, "truncated has shape"),
    ],
)
def test_trajectories_that_do_not_fit_together_are_refused(fields, said):
    arrays = {"s": np.zeros((2, 2)), "a": np.zeros((2, 2)), "r": np.zeros((2, 2))}
    with pytest.raises(ValueError, match=said):
        Trajectories(**(arrays | fields))


# rewards


@given(strategies.scalar_trajectories(), strategies.discounts)
def test_rewards_to_go_against_loops(τs, γ):
    d = τs.r.shape[1]
    R, G, L = returns(τs, γ), rewards_to_go(τs, γ), local_rewards_to_go(τs, γ)
    for i, τ in enumerate(τs):
        r = [float(step[2]) for step in τ]
        assert R[i] == pytest.approx(sum(γ**k * x for k, x in enumerate(r)), abs=1e-12)
        for k in range(d):
            assert G[i, k] == pytest.approx(sum(γ**j * r[j] for j in range(k, len(r))), abs=1e-12)
            assert L[i, k] == pytest.approx(sum(γ ** (j - k) * r[j] for j in range(k, len(r))), abs=1e-12)


def test_discounts_of_zero_and_one():
    τs = Trajectories.from_lists([[(0, 0, 1.0), (0, 0, 2.0), (0, 0, 4.0)]])
    assert returns(τs, 0).tolist() == [1]
    assert rewards_to_go(τs, 0).tolist() == [[1, 0, 0]]
    assert local_rewards_to_go(τs, 0).tolist() == [[1, 2, 4]]
    assert returns(τs, 1).tolist() == [7]
    assert rewards_to_go(τs, 1).tolist() == local_rewards_to_go(τs, 1).tolist() == [[7, 6, 4]]
    assert rewards_to_go(τs, 0.5).tolist() == [[3, 2, 1]]
    assert local_rewards_to_go(τs, 0.5).tolist() == [[3, 4, 4]]


# the standard error


@given(strategies.arrays(12, strategies.numbers(-3.0, 3.0)))
def test_standard_error_of_a_mean_with_groups_of_one_is_the_textbook_s(r):
    τs = Trajectories.from_lists([[(0, 0, x)] for x in r])
    expected = np.std(r, ddof=1) / np.sqrt(12)
    assert standard_error(lambda τs: τs.r.mean(), τs, groups=12) == pytest.approx(expected, abs=1e-12)
    assert standard_error(lambda τs: τs.r.mean(), τs, groups=500) == pytest.approx(expected, abs=1e-12)


def test_standard_error_of_a_mean_is_near_the_exact_one():
    m = 2000
    r = np.random.default_rng(0).normal(0, 3.0, m)
    τs = Trajectories(np.zeros((m, 1)), np.zeros((m, 1)), r[:, None])
    exact, groups = 3.0 / np.sqrt(m), 100
    # the jackknife variance is a χ² of groups - 1 degrees of freedom: relative error √(1/(2 groups))
    assert abs(standard_error(lambda τs: τs.r.mean(), τs, groups=groups) / exact - 1) <= 5 / np.sqrt(2 * groups)


def test_standard_error_of_a_vector_has_its_shape_and_of_a_constant_is_zero():
    τs = Trajectories.from_lists(LISTS * 5)
    assert standard_error(lambda τs: np.array([1.0, 2.0]), τs).tolist() == [0, 0]


def test_standard_error_of_one_trajectory_is_refused():
    with pytest.raises(ValueError, match="groups = 1 of m = 1"):
        standard_error(lambda τs: 0.0, Trajectories.from_lists(LISTS)[:1])


@pytest.mark.parametrize("d", [1 << 62, 10**30])
def test_more_steps_than_any_memory_holds_are_refused_by_name(d):
    P = SimpleRegulator(0.9)
    with pytest.raises(ValueError, match=f"d = {d} of each of m = 3 trajectories: must be at most"):
        simulate(P, np.zeros(3), lambda s: s, d)
    with pytest.raises(ValueError, match=f"d = 3 of each of m = {d} trajectories: must be at most"):
        rollouts(P, lambda m, rng: np.zeros(m), lambda θ, s, rng: s, np.zeros(1), 3, d)
