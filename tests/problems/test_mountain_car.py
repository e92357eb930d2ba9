"""The mountain car against exact steps, its symmetry and energy, and gymnasium's."""

import math

import gymnasium
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from decision_making.problems import MountainCar
from tests import problems
from tests.strategies import numbers

BACK, COAST, AHEAD = range(3)
actions = st.sampled_from([BACK, COAST, AHEAD])
states = st.tuples(numbers(-1.2, 0.6), numbers(-0.07, 0.07)).map(np.array)


def step(s, a):
    s_next, r = MountainCar().TR(np.asarray(s, float)[None], np.array([a]))
    return s_next[0], r[0]


@pytest.mark.parametrize(
    ("s", "a", "s_next"),
    [
        ((-0.5, 0), BACK, (-0.501177, -0.001177)),
        ((-0.5, 0), COAST, (-0.500177, -0.000177)),
        ((-0.5, 0), AHEAD, (-0.499177, 0.000823)),
        ((0.2, 0.03), BACK, (0.226937, 0.026937)),
        ((0.2, 0.03), COAST, (0.227937, 0.027937)),
        ((0.2, 0.03), AHEAD, (0.228937, 0.028937)),
        ((-0.55, 0.0699), AHEAD, (-0.478902, 0.070000)),
        ((-1.19, -0.05), AHEAD, (-1.2, -0.046726)),
        ((0.55, 0.069), AHEAD, (0.6, 0.07)),
    ],
)
def test_one_step(s, a, s_next):
    got, r = step(s, a)
    np.testing.assert_allclose(got, s_next, atol=1e-6)
    assert r == -1


def test_the_clamped_goal_is_terminal():
    """x can be 0.6 at most, so the goal is x >= 0.6 and never x > 0.6."""
    P = MountainCar()
    s, _ = step((0.55, 0.069), AHEAD)
    assert s[0] == 0.6
    assert P.terminal(s[None]).all()
    assert not P.terminal(np.array([[0.599999, 0.07], [-1.2, 0.0]])).any()
    problems.check_terminal(P, np.array([[0.6, 0.07], [0.6, 0.0], [0.6, -0.07], [0.7, 0.0]]))
    assert P.terminal(np.array([[0.6, 0.0]], np.float32)).all()


def test_ten_steps_ahead():
    s = np.array([-0.5, 0.0])
    for _ in range(10):
        s, _ = step(s, AHEAD)
    np.testing.assert_allclose(s, (-0.457690, 0.007255), atol=1e-6)


def test_always_ahead_never_arrives():
    s, largest = np.array([-0.5, 0.0]), -np.inf
    for _ in range(2000):
        s, _ = step(s, AHEAD)
        largest = max(largest, s[0])
    assert largest == pytest.approx(-0.266716, abs=1e-6)


@pytest.mark.parametrize(
    ("x", "at_rest", "steps"),
    [
        (-0.5, AHEAD, 126),
        (-0.5, COAST, 218),
        (-0.6, AHEAD, 136),
        (-0.6, COAST, 136),
        (-0.4, AHEAD, 125),
        (-0.4, COAST, 89),
    ],
)
def test_steps_to_the_goal_when_pushing_in_the_direction_of_travel(x, at_rest, steps):
    P, s, taken = MountainCar(), np.array([[x, 0.0]]), 0.0
    for _ in range(300):
        v = s[:, 1]
        s, r = P.TR(s, np.where(v > 0, AHEAD, np.where(v < 0, BACK, at_rest)))
        taken -= r[0]
    assert P.terminal(s).all()
    assert taken == steps


@given(states, actions)
def test_mirrored_about_the_bottom_of_the_valley(s, a):
    """d = x + π/6: (d, v, a) -> (-d, -v, -a), away from the walls."""
    s_next, _ = step(s, a)
    mirror = np.array([-math.pi / 3 - s[0], -s[1]])
    mirrored, _ = step(mirror, 2 - a)
    for x in (s[0], s_next[0], mirror[0], mirrored[0]):
        assume(-1.199 < x < 0.599)
    np.testing.assert_allclose(mirrored, [-math.pi / 3 - s_next[0], -s_next[1]], atol=1e-15)


def test_rest_at_the_bottom_of_the_valley():
    s, _ = step((-math.pi / 6, 0.0), COAST)
    np.testing.assert_allclose(s, (-math.pi / 6, 0), atol=1e-15)


def test_energy_of_coasting_only_oscillates():
    def energy(s):
        return s[1] ** 2 / 2 + 0.0025 / 3 * math.sin(3 * s[0])

    s = np.array([-0.9, 0.0])
    start = energy(s)
    assert start == pytest.approx(-0.000356150, abs=1e-9)
    away = 0.0
    for _ in range(1000):
        s, _ = step(s, COAST)
        away = max(away, abs(energy(s) - start))
    assert away == pytest.approx(1.99e-5, abs=1e-7)


@given(states, actions)
def test_agrees_with_gymnasium_where_nothing_is_clamped(s, a):
    theirs = gymnasium.make("MountainCar-v0").unwrapped
    theirs.reset(seed=0)
    s_next, _ = step(s, a)
    assume(abs(s_next[1]) < 0.07)
    assume(s_next[0] > -1.2)
    assume(s[0] < 0.6)
    theirs.state = tuple(s)
    theirs.step(a)
    np.testing.assert_allclose(s_next, theirs.state, atol=1e-15)


def test_walls_and_speed_limit_depart_from_gymnasium_as_documented():
    theirs = gymnasium.make("MountainCar-v0").unwrapped
    theirs.reset(seed=0)
    for s, a, expected in (((-0.55, 0.0699), AHEAD, (-0.48, 0.07)), ((-1.19, -0.05), AHEAD, (-1.2, 0))):
        theirs.state = s
        theirs.step(a)
        np.testing.assert_allclose(theirs.state, expected, atol=1e-6)
        assert (abs(step(s, a)[0] - expected) > 1e-4).any()


def test_start_is_uniform_in_the_box():
    m = 20_000
    s = MountainCar().b(m, np.random.default_rng(0))
    low, high = MountainCar().state_bounds
    assert (s >= low).all()
    assert (s <= high).all()
    assert (abs(s.mean(axis=0) - (low + high) / 2) <= 5 * (high - low) / np.sqrt(12 * m)).all()
    np.testing.assert_allclose(s.var(axis=0), (high - low) ** 2 / 12, rtol=0.05)


def test_batches():
    P = MountainCar()
    problems.check_batches(P, P.b(10_000, np.random.default_rng(0)))
    problems.check_one_by_one(P, problems.visited(P))
    τs = problems.check_rollouts(P, d=60)
    assert τs.terminated.any()
    assert not τs.terminated.all()
    np.testing.assert_array_equal(-τs.r.sum(axis=1), τs.lengths)


@given(states, actions)
def test_states_stay_in_the_box(s, a):
    s_next, _ = step(s, a)
    low, high = MountainCar().state_bounds
    assert (s_next >= low).all()
    assert (s_next <= high).all()


def test_float32_stays_float32():
    P, s = MountainCar(), MountainCar().b(30, np.random.default_rng(0))
    s32, r = P.TR(s.astype(np.float32), np.arange(30) % 3)
    assert (s32.dtype, r.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(s32, P.TR(s, np.arange(30) % 3)[0], atol=1e-6)


@pytest.mark.parametrize("a", [3, -1, 0.5])
def test_unknown_action_is_refused(a):
    with pytest.raises((ValueError, TypeError), match="a "):
        MountainCar().TR(np.zeros((1, 2)), np.array([a]))


def test_pictures():
    problems.check_picture(MountainCar(), np.array([[-0.5, 0.0], [-0.5, 0.03], [0.1, -0.05], [0.6, 0.07], [-1.2, 0]]))
