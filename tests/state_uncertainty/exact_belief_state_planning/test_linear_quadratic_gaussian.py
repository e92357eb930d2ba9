"""Section 20.6: the gain of algorithm 7.11 at the mean of the Kalman filter, and what it is worth."""

import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decision_making import (
    KalmanFilter,
    LinearGaussianModel,
    LinearQuadraticGaussianProblem,
    LinearQuadraticProblem,
    solve,
    update,
    utility,
)


def random_problem(seed, n=2, l=1, k=1, h=4):
    rng = np.random.default_rng(seed)

    def spread(size):
        x = rng.normal(size=(size, size))
        return x @ x.T + 0.1 * np.eye(size)

    P = LinearGaussianModel(
        rng.normal(size=(n, n)), rng.normal(size=(n, l)), rng.normal(size=(k, n)), spread(n), spread(k)
    )
    return LinearQuadraticGaussianProblem(P, -spread(n), -spread(l), h), KalmanFilter(rng.normal(size=n), spread(n))


def returns_of(M, policies, b, m, rng):
    """Returns (m,) of h steps: states, observations and Kalman filters simulated, all m at once."""
    P = M.P
    s = b.μb + rng.multivariate_normal(np.zeros(len(b.μb)), b.Σb, m)
    b = KalmanFilter(np.tile(b.μb, (m, 1)), np.tile(b.Σb, (m, 1, 1)))
    total = np.zeros(m)
    for π in reversed(policies):
        a = π(b)
        total += np.einsum("mi,ij,mj->m", s, M.Rs, s) + np.einsum("mi,ij,mj->m", a, M.Ra, a)
        s = s @ P.Ts.T + a @ P.Ta.T + rng.multivariate_normal(np.zeros(len(P.Σs)), P.Σs, m)
        o = s @ P.Os.T + rng.multivariate_normal(np.zeros(len(P.Σo)), P.Σo, m)
        b = update(b, P, a, o)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_simulations_pay_what_the_utility_says(seed):
    M, b = random_problem(seed, *((2, 1, 1), (3, 2, 1), (1, 1, 1), (2, 2, 2))[seed])
    policies, m = solve(M), 20_000
    R = returns_of(M, policies, b, m, np.random.default_rng(seed))
    assert abs(R.mean() - utility(policies[-1], b)) < 5 * R.std() / np.sqrt(m)


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_no_other_gain_of_the_first_step_is_better(seed):
    """Two steps to go: the utility as a function of the first action has its maximum at the policy's."""
    M, b = random_problem(seed, h=2)
    first, P = solve(M)[1], M.P
    a = first(b)

    def value(a):
        mean = P.Ts @ b.μb + P.Ta @ a  # of the state in which the last step pays
        return a @ M.Ra @ a + mean @ M.Rs @ mean

    best = value(a)
    for step in (1e-2, -1e-2):
        assert value(a + step) < best
    constant = np.trace(M.Rs @ b.Σb) + b.μb @ M.Rs @ b.μb + np.trace(M.Rs @ (P.Ts @ b.Σb @ P.Ts.T + P.Σs))
    assert utility(first, b) == pytest.approx(best + constant)


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_a_state_that_is_seen_is_worth_what_algorithm_7_11_says_and_noise_takes_from_it(seed):
    M, b = random_problem(seed)
    P, n = M.P, len(M.P.Σs)
    certain = KalmanFilter(b.μb, np.zeros((n, n)))
    clear = LinearGaussianModel(P.Ts, P.Ta, np.eye(n), P.Σs, 1e-12 * np.eye(n))
    seen = solve(LinearQuadraticProblem(P.Ts, P.Ta, M.Rs, M.Ra, M.h_max, Σ=P.Σs))
    policies = solve(LinearQuadraticGaussianProblem(clear, M.Rs, M.Ra, M.h_max))
    for h in range(M.h_max):
        assert utility(policies[h], certain) == pytest.approx(float(seen[h].U(b.μb)), rel=1e-6)
        np.testing.assert_allclose(policies[h](b), seen[h](b.μb))
        assert utility(solve(M)[h], certain) <= seen[h].U(b.μb) + 1e-9 * abs(seen[h].U(b.μb))


def test_batches_are_rows_and_what_is_wrong_is_named():
    M, b = random_problem(0)
    π = solve(M)[-1]
    batch = KalmanFilter(np.stack([b.μb, 2 * b.μb]), np.stack([b.Σb, 3 * b.Σb]))
    rows = [KalmanFilter(μ, Σ) for μ, Σ in zip(batch.μb, batch.Σb, strict=True)]
    np.testing.assert_allclose(utility(π, batch), [utility(π, x) for x in rows])
    np.testing.assert_allclose(π(batch), [π(x) for x in rows])
    assert repr(π).startswith("LinearQuadraticGaussianPolicy(K=[[")
    for b_wrong in ([0.0, 0.0], KalmanFilter([0.0], [[1.0]])):
        with pytest.raises(TypeError, match="must be a KalmanFilter with 2 components"):
            π(b_wrong)
    with pytest.raises(TypeError, match="must be a LinearGaussianModel"):
        LinearQuadraticGaussianProblem(None, M.Rs, M.Ra, 2)
    with pytest.raises(ValueError, match=re.escape("Ra = ")):
        LinearQuadraticGaussianProblem(M.P, M.Rs, -M.Ra, 2)
    with pytest.raises(TypeError, match="P = 1: must be left out"):
        solve(M, 1)
