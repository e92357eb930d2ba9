"""The cart-pole against exact steps, the conservation of energy, and gymnasium's."""

import math

import gymnasium
import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.problems import CartPole
from tests import problems
from tests.strategies import arrays, numbers

RIGHT, LEFT = 0, 1
TWELVE_DEGREES = math.radians(12)
states = st.tuples(numbers(-4, 4), numbers(-3, 3), numbers(-0.4, 0.4), numbers(-3, 3)).map(np.array)


def step(s, a, P=None):
    s_next, r = (P or CartPole()).TR(np.asarray(s, float)[None], np.array([a]))
    return s_next[0], r[0]


PINS = [
    ((0, 0, 0, 0), RIGHT, (0, 0.195122, 0, -0.292683)),
    ((0.01, 0.02, 0.03, 0.04), RIGHT, (0.010400, 0.214679, 0.030800, -0.243069)),
    ((0.01, 0.02, 0.03, 0.04), LEFT, (0.010400, -0.175539, 0.030800, 0.341995)),
    ((0.1, -0.5, 0.15, 1.2), RIGHT, (0.090000, -0.307102, 0.174000, 0.957837)),
    ((0.1, -0.5, 0.15, 1.2), LEFT, (0.090000, -0.696710, 0.174000, 1.535686)),
]


@pytest.mark.parametrize(("s", "a", "s_next"), PINS)
def test_one_step(s, a, s_next):
    got, r = step(s, a)
    np.testing.assert_allclose(got, s_next, atol=1e-6)
    assert r == 1


def test_five_steps():
    s = np.array([0.01, 0.02, 0.03, 0.04])
    for a in (RIGHT, RIGHT, LEFT, LEFT, RIGHT):
        s, _ = step(s, a)
    np.testing.assert_allclose(s, (0.027529, 0.213496, 0.012366, -0.216849), atol=1e-6)


def test_the_pole_s_mass_is_in_the_centrifugal_term():
    """Without it the fourth state would go to (0.09, -0.305216, 0.174, 0.95504)."""
    s, _ = step((0.1, -0.5, 0.15, 1.2), RIGHT)
    assert abs(s[1] - -0.305216) > 1e-3
    assert abs(s[3] - 0.955040) > 1e-3


def energy_gradient(P, s):
    _, v, θ, ω = s
    M, half = P.m_cart + P.m_pole, P.length / 2
    k = P.m_pole * half
    return np.array(
        [
            0.0,
            M * v + k * ω * math.cos(θ),
            -k * v * ω * math.sin(θ) - k * P.g * math.sin(θ),
            k * v * math.cos(θ) + 4 / 3 * k * half * ω,
        ]
    )


@given(
    states, st.sampled_from([RIGHT, LEFT]), numbers(0.5, 3.0), numbers(0.05, 1.0), numbers(0.5, 2.0), numbers(1.0, 20.0)
)
def test_power_is_force_times_speed(s, a, m_cart, m_pole, length, g):
    """dE/dt = F v along the flow that the Euler step discretises; length, masses and gravity are free."""
    P = CartPole(m_cart=m_cart, m_pole=m_pole, length=length, g=g, x_limit=9.0, θ_limit=1.0)
    F = P.force if a == RIGHT else -P.force
    flow = (step(s, a, P)[0] - s) / P.Δt
    assert energy_gradient(P, s) @ flow == pytest.approx(F * s[1], abs=1e-9)


@given(states, st.sampled_from([RIGHT, LEFT]))
def test_mirrored_state_and_force_give_the_mirrored_next_state(s, a):
    np.testing.assert_array_equal(step(-s, 1 - a)[0], -step(s, a)[0])


@given(arrays(1, numbers(1.0, 20.0)))
def test_angular_acceleration_at_rest(force):
    P = CartPole(force=force[0])
    s, _ = step(np.zeros(4), RIGHT, P)
    M = P.m_cart + P.m_pole
    assert s[3] / P.Δt == pytest.approx(-force[0] / (M * P.length / 2 * (4 / 3 - P.m_pole / M)))


@given(states, st.sampled_from([RIGHT, LEFT]))
def test_agrees_with_gymnasium_s_step(s, a):
    P, theirs = CartPole(1.0, 2.4, TWELVE_DEGREES), gymnasium.make("CartPole-v1").unwrapped
    theirs.reset(seed=0)
    if P.terminal(s):
        return
    theirs.state = s.copy()
    _, r, terminated, _, _ = theirs.step(1 - a)
    s_next, r_ours = step(s, a, P)
    np.testing.assert_allclose(s_next, theirs.state, rtol=1e-12, atol=1e-14)
    assert r_ours == r
    assert P.terminal(s_next) == terminated


def test_whole_episodes_agree_with_gymnasium_s():
    P, rng = CartPole(1.0, 2.4, TWELVE_DEGREES), np.random.default_rng(0)
    theirs = gymnasium.make("CartPole-v1").unwrapped
    for seed in range(5):
        theirs.reset(seed=seed)
        s, steps, total, done = np.array(theirs.state), 0, 0.0, False
        while not done:
            a = int(rng.integers(2))
            _, r, done, _, _ = theirs.step(1 - a)
            total += r
            s, r = step(s, a, P)
            steps += r
            np.testing.assert_allclose(s, theirs.state, rtol=1e-9, atol=1e-12)
        assert P.terminal(s)
        assert steps == total


def lengths_of_falls(P, m, seed, policy=None):
    rng = np.random.default_rng(seed)
    s, R = P.b(m, rng) if policy is None else np.zeros((m, 4)), np.zeros(m)
    while not P.terminal(s).all():
        s, r = P.TR(s, rng.integers(2, size=m) if policy is None else np.full(m, policy), rng)
        R += r
    return R


@pytest.mark.parametrize(("limits", "steps"), [((4.8, math.radians(24)), 13), ((2.4, TWELVE_DEGREES), 9)])
def test_always_right_from_rest_ends_after(limits, steps):
    assert lengths_of_falls(CartPole(1.0, *limits), 1, 0, RIGHT) == [steps]
    assert lengths_of_falls(CartPole(1.0, *limits), 1, 0, LEFT) == [steps]


@pytest.mark.parametrize(("limits", "mean"), [((4.8, math.radians(24)), 29.9), ((2.4, TWELVE_DEGREES), 22.3)])
def test_mean_return_of_random_actions(limits, mean):
    """The published mean is itself of 4000 episodes, and rounded to a tenth."""
    R = lengths_of_falls(CartPole(1.0, *limits), 10_000, 1)
    se = R.std() * np.sqrt(1 / 10_000 + 1 / 4000)
    assert abs(R.mean() - mean) <= 5 * se + 0.05


def test_default_limits_are_the_package_s():
    P = CartPole()
    assert (P.x_limit, P.θ_limit) == (4.8, pytest.approx(0.418879, abs=1e-6))


def test_limits_are_strict_and_terminal_states_absorb():
    P = CartPole()
    assert not P.terminal(np.array([[4.8, 9, 0, 9], [-4.8, 0, P.θ_limit, 0], [0, 9, -P.θ_limit, 9]])).any()
    beyond = np.array([[4.81, 1, 0, 1], [-4.81, 2, 0, 0], [0, 1, 0.42, 1], [0, 1, -0.42, 1], [50.0, 1e9, 9, 1e9]])
    problems.check_terminal(P, beyond)


def test_start_is_uniform_within_five_hundredths():
    s = CartPole().b(20_000, np.random.default_rng(0))
    assert s.shape == (20_000, 4)
    assert abs(s).max() <= 0.05
    assert (abs(s.mean(axis=0)) <= 5 * 0.1 / np.sqrt(12 * 20_000)).all()
    np.testing.assert_allclose(s.var(axis=0), 0.01 / 12, rtol=0.05)
    assert (abs(np.corrcoef(s.T) - np.eye(4)) <= 5 / np.sqrt(20_000)).all()


def test_batches():
    P = CartPole()
    problems.check_batches(P, P.b(10_000, np.random.default_rng(0)))
    problems.check_batches(P, problems.visited(P))
    problems.check_one_by_one(P, problems.visited(P))
    τs = problems.check_rollouts(P, d=60)
    assert τs.terminated.any()
    np.testing.assert_array_equal(τs.lengths, τs.r.sum(axis=1))


def test_float32_stays_float32():
    P, s = CartPole(), CartPole().b(10, np.random.default_rng(0))
    a = np.arange(10) % 2
    s32, r = P.TR(s.astype(np.float32), a)
    assert (s32.dtype, r.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(s32, P.TR(s, a)[0], atol=1e-6)


@pytest.mark.parametrize("a", [2, -1, 0.5])
def test_unknown_action_is_refused(a):
    with pytest.raises((ValueError, TypeError), match="a "):
        CartPole().TR(np.zeros((1, 4)), np.array([a]))


def test_pictures():
    problems.check_picture(CartPole(), [np.zeros(4), np.array([1, 0, 0, 0]), np.array([0, 0, 0.2, 0]), np.full(4, 5.0)])
    CartPole(1.0, 2.4, TWELVE_DEGREES, length=3.0).draw(np.array([1e3, 0, 1e3, 0]))
