"""Exact solutions bound what policy gradients and policy search may reach."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import (
    MonteCarloPolicyEvaluation,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    RestrictedPolicyUpdate,
    SoftmaxPolicy,
    TrustRegionUpdate,
    exact,
    update,
)
from decision_making.problems import HexWorld
from decision_making.sequential_problems.exact_solution_methods import (
    LinearProgramFormulation,
    ValueIteration,
    solve,
    sweeps,
)
from tests.strategies import depths, tabular_problems


def optimum(P, b, d):
    """max over all policies, time-dependent ones included, of the utility of depth d: d backups from zero."""
    return float(b @ list(sweeps(ValueIteration(d), P))[-1])


@given(tabular_problems(), depths)
def test_no_policy_is_better_than_the_optimum_of_its_depth(problem, d):
    P, b, π, θ = problem
    assert exact.utility(P, b, π, θ, d) <= optimum(P, b, d) + 1e-12


@given(tabular_problems(policies=lambda S, A: st.just(SoftmaxPolicy(S, A))), depths, st.integers(0, 2**32 - 1))
def test_no_estimate_is_above_the_optimum_beyond_its_error(problem, d, seed):
    P, b, π, _ = problem
    m, largest = 2000, sum(P.γ**k for k in range(d)) * abs(P.R.array).max()
    U = list(sweeps(ValueIteration(d), P))[-1]
    θ = 20 * (P.R.array + P.γ * P.T.array @ U)  # nearly greedy, so that the bound is near
    estimate = MonteCarloPolicyEvaluation(P, b, d, m)(π, θ.ravel(), rng=seed)
    assert estimate <= optimum(P, b, d) + largest * np.sqrt(2 * np.log(1e9) / m) + 1e-12  # Hoeffding: once in 1e9


UPDATES = [
    lambda P, b: RestrictedPolicyUpdate(P, b, 5, 300, 0.5),
    lambda P, b: NaturalPolicyUpdate(P, b, 5, 300, 0.5),
    lambda P, b: TrustRegionUpdate(P, b, 5, 300, 0.5, 0.5),
    lambda P, b: PenalizedSurrogateUpdate(P, b, 5, 300, 1.0, 0.5, 5),
]


@pytest.mark.parametrize("make", UPDATES)
@given(problem=tabular_problems(), seed=st.integers(0, 2**32 - 1))
def test_no_update_leads_above_the_optimum(make, problem, seed):
    P, b, π, θ = problem
    θ = update(make(P, b), π, θ, rng=seed)
    assert exact.utility(P, b, π, θ, 5) <= optimum(P, b, 5) + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_the_natural_gradient_comes_within_one_percent_of_the_optimum_on_hex_world(seed):
    P, d, rng = HexWorld(), 40, np.random.default_rng(seed)
    π = SoftmaxPolicy(len(P.S), len(P.A))
    M = NaturalPolicyUpdate(P, P.b, d, 4000, 1.0, damping=0.01)
    θ = np.zeros(π.n)
    for _ in range(20):
        θ = update(M, π, θ, rng=rng)
    best = optimum(P, P.b, d)
    assert 0.99 * best <= exact.utility(P, P.b, π, θ, d) <= best
    np.testing.assert_allclose(best, P.b @ solve(LinearProgramFormulation(), P).U, rtol=1e-3)  # d is enough
