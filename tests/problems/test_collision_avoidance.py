"""Aircraft collision avoidance against exact steps, its symmetry, and published values of policies on a grid."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.problems import CollisionAvoidance
from decision_making.problems.collision_avoidance import NOISE, NOISE_PROBABILITY, RATES
from decision_making.sequential_problems.approximate_value_functions import GridSolution
from tests import problems
from tests.strategies import numbers

DESCEND, NOTHING, CLIMB = range(3)
P = CollisionAvoidance()
actions = st.sampled_from([DESCEND, NOTHING, CLIMB])
states = st.tuples(numbers(-200, 200), numbers(-10, 10), st.sampled_from(RATES), st.integers(-1, 40).map(float)).map(
    np.array
)


@pytest.fixture(scope="module")
def optimal():
    return GridSolution(P)


@pytest.fixture(scope="module")
def simple():
    return GridSolution(P, P.simple_policy)


@pytest.mark.parametrize(
    ("rate", "after"), [(-3, (-4, -3, -2)), (4.5, (3.5, 4.5, 5.0)), (5, (4, 5, 5)), (6.2, (5.2, 6.2, 5.2))]
)
def test_rate_before_the_noise(rate, after):
    """At ḣ = 5 a climb leaves 5: the difference to the command is added, not the command."""
    for a in (DESCEND, NOTHING, CLIMB):
        s_next = P.successor(np.array([100.0, rate, 0, 20]), np.array(a), 0.0)
        assert s_next[1] == pytest.approx(after[a])


@pytest.mark.parametrize("a", [DESCEND, NOTHING, CLIMB])
def test_altitude_moves_by_the_old_rate(a):
    s_next, _ = P.TR(np.array([[100.0, -3, 0, 20]]), np.array([a]), np.random.default_rng(0))
    assert s_next[0, 0] == 97
    assert s_next[0, 2] == RATES[a]
    assert s_next[0, 3] == 19


@given(states, actions)
def test_negated_aircraft_and_command_give_the_negated_successors(s, a):
    sign = np.array([-1, -1, -1, 1])
    s_next, p = P.successors(s, np.array(a))
    mirrored, q = P.successors(sign * s, np.array(2 - a))
    assert p.sum() == q.sum() == 1
    np.testing.assert_array_equal(p, q[::-1])
    np.testing.assert_array_equal(sign * s_next, mirrored[::-1])
    assert P.R(s, np.array(a)) == P.R(sign * s, np.array(2 - a))


def test_noise_has_its_three_probabilities():
    m = 40_000
    s, a = np.tile([100.0, 1.0, 0.0, 20.0], (m, 1)), np.full(m, CLIMB)
    s_next, _ = P.TR(s, a, np.random.default_rng(0))
    for ν, p in zip(NOISE, NOISE_PROBABILITY, strict=True):
        assert abs((s_next[:, 1] == 2 + ν).mean() - p) <= 5 * np.sqrt(p * (1 - p) / m)
    assert set(np.unique(s_next[:, 1])) == {0.0, 2.0, 4.0}


@pytest.mark.parametrize(
    ("s", "a", "r"),
    [
        ((0, 0, 0, 0), NOTHING, -1),
        ((49.9, 0, 0, 0), NOTHING, -1),
        ((-49.9, 0, 5, 0), NOTHING, -1.01),
        ((50, 0, 0, 0), NOTHING, 0),
        ((-50, 0, 0, 0), CLIMB, -0.01),
        ((0, 0, 0, 1), NOTHING, 0),
        ((0, 0, 5, 7), CLIMB, 0),
        ((0, 0, 5, 7), DESCEND, -0.01),
        ((0, 0, 5, 7), NOTHING, -0.01),
        ((0, 0, 0, -1), CLIMB, 0),
    ],
)
def test_reward(s, a, r):
    assert P.R(np.array(s, float), np.array(a)) == pytest.approx(r, abs=1e-15)


def test_closest_approach_is_found_in_spite_of_rounding():
    for t in (1e-9, -1e-9):
        s = np.array([[0, 0, 0, t]])
        assert not P.terminal(s).any()
        assert P.R(s, np.array([NOTHING])) == [-1]


def test_after_the_closest_approach_nothing_happens():
    problems.check_terminal(P, np.array([[0, 3, 0, -1.0], [10, -3, 5, -1], [200, 0, -5, -1]]))
    assert not P.terminal(np.array([[0, 3, 0, 0.0]])).any()


def test_there_are_41_decisions():
    τs = problems.check_rollouts(P, d=60)
    assert τs.terminated.all()
    assert (τs.lengths == 41).all()
    assert (τs.s_end[:, 3] == -1).all()


def test_start():
    m = 20_000
    s = P.b(m, np.random.default_rng(0))
    assert (s[:, 2] == 0).all()
    assert (s[:, 3] == 40).all()
    for x, high in ((s[:, 0], 200), (s[:, 1], 10)):
        assert abs(x).max() <= high
        assert abs(x.mean()) <= 5 * high / np.sqrt(3 * m)
        assert x.var() == pytest.approx(high**2 / 3, rel=0.05)


@pytest.mark.parametrize(
    ("s", "U", "Q", "U_simple"),
    [
        ((0, 0, 40), -0.012917, (-0.013352, -0.012917, -0.013352), -0.087321),
        ((0, 0, 20), -0.135969, (-0.135969, -0.142241, -0.135969), -0.235429),
        ((0, 0, 10), -0.708727, (-0.708727, -0.733491, -0.708727), -0.781106),
        ((0, 5, 10), -0.436601, (-0.493560, -0.436601, -0.446579), -0.679256),
        ((40, 5, 20), -0.008593, (-0.024732, -0.008593, -0.013902), -0.074233),
        ((100, -5, 20), -0.041980, (-0.071885, -0.062048, -0.041980), -0.510917),
        ((20, 0, 1), -1.000000, (-1.010000, -1.000000, -1.010000), -1.010000),
    ],
)
def test_values_on_the_grid(s, U, Q, U_simple, optimal, simple):
    s = np.array([s[0], s[1], 0, s[2]], float)
    assert optimal.utility(s) == pytest.approx(U, abs=1e-6)
    np.testing.assert_allclose(optimal.Q(s), Q, atol=1e-6)
    assert simple.utility(s) == pytest.approx(U_simple, abs=1e-6)


def test_of_equally_good_advisories_none_is_given_before_the_others(optimal):
    s = np.array([[0.0, 0, 0, 40], [0, 0, 0, 20], [0, 5, 0, 10], [100, -5, 0, 20], [5000, 0, 0, 40]])
    Q = optimal.Q(s)
    assert Q[1, CLIMB] == pytest.approx(Q[1, DESCEND], abs=1e-12)
    assert optimal(s).tolist() == [NOTHING, int(np.argmax(Q[1])), NOTHING, CLIMB, NOTHING]
    after = np.array([0.0, 0, 0, -1])
    assert optimal.Q(after).tolist() == [0.0, 0.0, 0.0]
    assert optimal(after) == NOTHING
    assert repr(optimal) == f"GridSolution({P!r}, policy=None)"


def test_the_package_s_bug_would_change_the_values():
    class WithBug(CollisionAvoidance):
        def successor(self, s, a, ν):
            s_next = CollisionAvoidance.successor(self, s, a, ν)
            command = np.array(RATES)[a]
            near = (abs(command - s[..., 1]) < self.acceleration) & (np.asarray(a) != NOTHING) & (s[..., 3] >= 0)
            s_next[..., 1] = np.where(near, s[..., 1] + command + ν, s_next[..., 1])
            return s_next

    grid = GridSolution(WithBug())
    for (h, rate, t), U in (((0, 0, 40), -0.008231), ((0, 5, 10), -0.171369), ((100, -5, 20), -0.034563)):
        assert grid.utility(np.array([h, rate, 0.0, t])) == pytest.approx(U, abs=1e-6)


def test_optimal_values_are_symmetric_and_no_worse_than_the_simple_policy_s(optimal, simple):
    np.testing.assert_allclose(optimal.U, optimal.U[:, ::-1, ::-1, ::-1], atol=1e-14)
    assert (optimal.U >= simple.U - 1e-12).all()
    assert (optimal.U <= 0).all()
    assert set(np.unique(optimal.U[0])) == {-1.0, 0.0}  # going on with the last command is free
    assert set(np.unique(simple.U[0]).round(12)) == {-1.01, -1.0, -0.01, 0.0}
    assert abs(simple.U - simple.U[:, ::-1, ::-1, ::-1]).max() > 0.01


def test_the_grid_interpolates_linearly_and_clamps(optimal):
    def utility(*s):
        return optimal.utility(np.array(s, float))

    assert utility(10, 0.5, 0, 10) == pytest.approx(
        (utility(0, 0, 0, 10) + utility(20, 0, 0, 10) + utility(0, 1, 0, 10) + utility(20, 1, 0, 10)) / 4
    )
    assert utility(5000, 40, 5, 10) == utility(200, 10, 5, 10)
    assert utility(0, 0, 0, -1) == 0


def fly(policy, m, seed):
    """Probabilities of a collision and of any advisory, mean number of changes, with their standard errors."""
    rng = np.random.default_rng(seed)
    s = P.b(m, rng)
    collided, advised, changes = np.zeros(m, bool), np.zeros(m, bool), np.zeros(m)
    for _ in range(41):
        a = policy(s)
        collided |= (abs(s[:, 0]) < 50) & (s[:, 3] == 0)
        advised |= a != NOTHING
        changes += np.array(RATES)[a] != s[:, 2]
        s, _ = P.TR(s, a, rng)
    return [(x.mean(), x.std() / np.sqrt(m)) for x in (collided, advised, changes)]


def test_flights_have_the_published_statistics(optimal):
    """The published means are of 200,000 flights, rounded to the digits given."""
    published = (
        (lambda s: np.full(len(s), NOTHING), 40_000, (0.1141, 0.0, 0.0)),
        (P.simple_policy, 40_000, (0.0743, 0.446, 1.00)),
        (optimal, 10_000, (1.4e-4, 0.52, 0.52)),
    )
    for policy, m, means in published:
        for (mean, se), expected, rounding in zip(fly(policy, m, 0), means, (5e-5, 5e-3, 5e-3), strict=True):
            se = max(se, np.sqrt(1.4e-4 / m)) if expected == 1.4e-4 else se
            assert abs(mean - expected) <= 5 * se * np.sqrt(1 + m / 200_000) + rounding


def test_simple_policy():
    s = np.array([[10, 0, 0, 29], [-10, 0, 0, 29], [0, 0, 0, 29], [10, 0, 0, 30], [50, 0, 0, 1], [-49, 0, 0, 0]], float)
    np.testing.assert_array_equal(P.simple_policy(s), [CLIMB, DESCEND, DESCEND, NOTHING, NOTHING, DESCEND])


def test_batches():
    start = P.b(10_000, np.random.default_rng(0))
    problems.check_batches(P, start)
    s, a = problems.visited(P, d=41), np.arange(200) % 3
    problems.check_batches(P, s)
    for ν in NOISE:
        whole = P.successor(s, a, ν)
        np.testing.assert_array_equal(whole, [P.successor(s[i], a[i], ν) for i in range(200)])
    low, high = P.state_bounds
    assert ((s >= low) & (s <= high)).all()


def test_float32_stays_float32():
    s = P.b(30, np.random.default_rng(0)).astype(np.float32)
    s_next, r = P.TR(s, np.arange(30) % 3, np.random.default_rng(0))
    assert (s_next.dtype, r.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("a", [3, -1, 0.5])
def test_unknown_action_is_refused(a):
    with pytest.raises((ValueError, TypeError), match="a "):
        P.TR(np.zeros((1, 4)), np.array([a]), np.random.default_rng(0))


def test_pictures():
    problems.check_picture(
        P,
        np.array(
            [[0, 0, 0, 40], [100, 5, 5, 40], [100, -5, 5, 40], [100, -5, -5, 40], [100, 5, 5, 0], [9e3, 9, 0, -1]]
        ),
    )
