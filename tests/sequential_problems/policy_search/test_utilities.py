"""Monte Carlo policy evaluation against exact utilities (algorithm 10.1)."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import MonteCarloPolicyEvaluation, SoftmaxPolicy, rollouts
from decision_making.problems import CartPole, HexWorld, SimpleRegulator
from decision_making.trajectories import returns
from tests import strategies
from tests.oracles import enumeration, regulator
from tests.sequential_problems.policy_search import P, π


class Line:
    """s' = s, r = a: with a = θ₁ a rollout of depth d returns d θ₁ exactly. Counts the calls of TR."""

    γ, S = 1.0, None

    def __init__(self):
        self.calls = []

    def TR(self, s, a, rng):
        self.calls.append(len(s))
        return s, a


def first_parameter(θ, s, rng):
    return np.broadcast_to(θ[..., 0], s.shape).copy()


def test_monte_carlo_evaluation_is_unbiased():
    """The mean of 1,000 estimates, within 5 of its standard errors of the closed form."""
    for θ in ([0.0, 1.0], [-0.8, 0.1], [-1.2, -0.3]):
        us = MonteCarloPolicyEvaluation(SimpleRegulator(0.9), P.b, 10, 4)(π, np.tile(θ, (1000, 1)), rng=0)
        error = us.std(ddof=1) / np.sqrt(len(us))
        assert abs(us.mean() - regulator.utility(0.9, θ, 10, 1e-5)) < 5 * error


@given(strategies.tabular_problems(), st.integers(1, 3), st.integers(1, 4))
def test_exercise_10_1_the_variance_is_that_of_a_return_over_m(problem, m, d):
    """1,500 estimates: their mean and variance within 5 standard errors, from the enumerated moments of R(τ)."""
    tabular, b, soft, θ = problem
    E = enumeration.enumerate_problem(tabular, b, soft, θ, d)
    R, n = E.returns(), 1500
    δ = R - E.expectation(R)
    variance, fourth = E.expectation(δ**2), E.expectation(δ**4)
    fourth = (fourth + 3 * (m - 1) * variance**2) / m**3  # of the mean of m returns
    us = MonteCarloPolicyEvaluation(tabular, b, d, m)(soft, np.tile(θ, (n, 1)), rng=1)
    assert abs(us.mean() - E.expectation(R)) <= 5 * np.sqrt(variance / m / n) + 1e-9
    spread = np.sqrt(max(fourth - (variance / m) ** 2, 0) / n)
    assert abs(us.var() - variance / m) <= 5 * spread + 5 * variance / m / n + 1e-9


def test_a_population_is_one_batched_simulation():
    line = Line()
    U = MonteCarloPolicyEvaluation(line, lambda m, rng: rng.random(m), 7, 5)
    np.testing.assert_array_equal(U(first_parameter, [[1.0, 9.0], [-2.0, 9.0], [0.5, 9.0]]), [7.0, -14.0, 3.5])
    assert line.calls == [15] * 7


def test_a_population_of_deterministic_rollouts_equals_its_rows_bit_for_bit():
    """Cart-pole from one start with a policy that draws nothing, depth 60; rollouts end at different times."""

    def sign(θ, s, rng):
        return np.asarray((s * θ).sum(axis=-1) > 0).astype(int)

    start = np.array([0.01, 0.02, -0.03, 0.04])
    U = MonteCarloPolicyEvaluation(CartPole(), lambda m, rng: np.tile(start, (m, 1)), 60, 2)
    θs = np.random.default_rng(0).standard_normal((20, 4))
    us = U(sign, θs, rng=0)
    np.testing.assert_array_equal(us, [U(sign, θ, rng=1) for θ in θs])
    assert len(np.unique(us)) > 3


def test_a_population_agrees_with_its_rows_statistically():
    θs = np.array([[0.0, 1.0], [-0.5, 0.3], [-1.0, 0.1]])
    U = MonteCarloPolicyEvaluation(P, P.b, 10, 4000)
    together, alone = U(π, θs, rng=0), [U(π, θ, rng=1 + i) for i, θ in enumerate(θs)]
    error = [returns(rollouts(P, P.b, π, θ, 10, 4000, 9), 1.0).std() / np.sqrt(4000) for θ in θs]
    assert np.all(abs(together - alone) < 5 * np.sqrt(2) * np.array(error))


def test_one_theta_is_a_population_of_one():
    U = MonteCarloPolicyEvaluation(P, P.b, 10, 3)
    u = U(π, [0.0, 1.0], rng=4)
    assert isinstance(u, float)
    assert U(π, [[0.0, 1.0]], rng=4).tolist() == [u]
    assert u == float(returns(rollouts(P, P.b, π, np.array([0.0, 1.0]), 10, 3, 4), 1.0).mean())


def test_a_policy_of_states_is_evaluated_without_parameters():
    hexes = HexWorld()
    b = np.eye(len(hexes.S))[3]
    U = MonteCarloPolicyEvaluation(hexes, b, 5, 400)
    θ = np.zeros(len(hexes.S) * len(hexes.A))
    θ[::6] = 50.0  # always action 0
    certain = SoftmaxPolicy(len(hexes.S), len(hexes.A))
    east = U(lambda s: np.zeros(len(s), int), rng=0)
    R = returns(rollouts(hexes, b, certain, θ, 5, 400, 1), hexes.γ)
    assert abs(east - R.mean()) <= 5 * R.std() * np.sqrt(2 / 400)


def test_live_environments_are_evaluated_row_by_row():
    from decision_making.problems import GymnasiumProblem

    cart = GymnasiumProblem("CartPole-v1", 1.0, n_envs=2)
    net = cart.policy((4,))
    us = MonteCarloPolicyEvaluation(cart, None, 15, 4)(net, np.stack([net.init(rng=0)] * 3), rng=0)
    assert us.shape == (3,)
    assert np.all((us > 5) & (us <= 15))


def test_float32_parameters_simulate_in_float32():
    seen = []

    def policy(θ, s, rng):
        seen.append((θ.dtype, s.dtype))
        return np.zeros_like(s)

    U = MonteCarloPolicyEvaluation(P, P.b, 2, 2)
    assert isinstance(U(policy, np.zeros(2, np.float32), rng=0), float)
    assert set(seen) == {(np.dtype(np.float32), np.dtype(np.float32))}


@pytest.mark.parametrize("θ", [[0.0], [0.0, 1.0, 2.0], [[0.0, 1.0, 2.0]], [0.0, np.nan], [[0.0, np.inf]], [[[0.0]]]])
def test_evaluation_refuses_parameters_that_do_not_suit_before_any_rollout(θ):
    def start(m, rng):
        raise AssertionError("simulated")

    with pytest.raises(ValueError, match="θ"):
        MonteCarloPolicyEvaluation(P, start, 3, 2)(π, θ)


def test_mean_of_finite_returns_whose_sum_overflows_is_finite():
    """Every rollout returns 1e308."""
    U = MonteCarloPolicyEvaluation(Line(), lambda m, rng: np.zeros(m), 1, 4)
    assert U(first_parameter, [1e308]) == 1e308
    np.testing.assert_array_equal(U(first_parameter, [[1e308], [3.0]]), [1e308, 3.0])
    assert U(lambda s: np.full(len(s), -1e308)) == -1e308
