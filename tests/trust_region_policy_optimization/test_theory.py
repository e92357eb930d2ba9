"""The bound of the TRPO paper and its policy iteration, on tabular problems."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import brentq, minimize
from scipy.stats import entropy, norm

from decision_making import MDP
from decision_making.problems import HexWorld, StraightLineHexWorld
from decision_making.sequential_problems.exact_solution_methods import PolicyIteration, policy_evaluation, solve
from decision_making.trust_region_policy_optimization.theory import (
    MonotonePolicyIteration,
    advantages,
    improved,
    improvements,
    largest_kl,
    largest_total_variation,
    lower_bound,
    penalty_coefficient,
    performance,
    surrogate,
    visitation,
)
from tests.strategies import numbers, one_to_three, probabilities, starts, tabular_mdps

below_1 = st.sampled_from([0.0, 0.5, 0.9, 0.99]) | numbers(0.0, 0.96875)
SHRINK = 10.0 ** -np.arange(6)


@st.composite
def problems(draw, k=2, *, zeros=True, γ=below_1):
    """(P, b, π₁..π_k): a tabular problem with a discount below 1 and k policies for it."""
    P = draw(tabular_mdps(n_states=one_to_three, γ=γ))
    policies = [draw(probabilities(*P.R.array.shape, zeros=zeros)) for _ in range(k)]
    return P, draw(starts(len(P.S))), *policies


def slack(P):
    """What rounding may add to a difference of returns."""
    return 1e-12 * (1 + abs(P.R.array).max()) / (1 - P.γ) ** 2


def by_summation(P, b, π):
    """ρ and η from the definition, term by term until γ^t is below 1e-17 of the sum."""
    T = np.einsum("sa,sat->st", π, P.T.array)
    r = (π * P.R.array).sum(axis=1)
    ρ, η, weight = np.zeros(len(b)), 0.0, np.array(b)
    for _ in range(1 + (math.ceil(math.log(1e-17 * (1 - P.γ)) / math.log(P.γ)) if P.γ else 0)):
        ρ, η, weight = ρ + weight, η + weight @ r, P.γ * weight @ T
    return ρ, η


def tight(γ, α):
    """A problem and two policies for which the bound leaves almost nothing over, (P, b, π, π_new).

    From state 0 the rare actions 1 and 2 lead to the absorbing states 1 and 2, where action 0 pays 1 and the others
    cost 1, so that every advantage of the uniform choice between them is 1, -1 or 0. π_new makes the state 1, where it
    does better, more likely in each step, and the state 2, where it does worse, less.
    """
    T = np.zeros((3, 3, 3))
    T[0] = np.eye(3)
    T[1, :, 1] = T[2, :, 2] = 1
    P = MDP.from_arrays(T, [[0, 0, 0], [1, -1, -1], [1, -1, -1]], γ)
    π = np.array([[1 - 2 * α, α, α], [0.5, 0.5, 0], [0.5, 0.5, 0]])
    π_new = np.array([[1 - 2 * α, 2 * α, 0], [0.5 + α, 0.5 - α, 0], [0.5 - α, 0.5 + α, 0]])
    return P, np.array([1.0, 0, 0]), π, π_new


# quantities


@given(problems(1, γ=st.sampled_from([0.0, 0.3, 0.9])))
def test_visitation_and_performance_are_the_sums_that_define_them(case):
    P, b, π = case
    ρ, η = by_summation(P, b, π)
    np.testing.assert_allclose(visitation(P, b, π), ρ, rtol=1e-11, atol=1e-13)
    assert abs(performance(P, b, π) - η) <= slack(P)


@given(problems(1))
def test_visitation_has_the_mass_of_all_steps(case):
    P, b, π = case
    ρ = visitation(P, b, π)
    assert (ρ >= 0).all()
    np.testing.assert_allclose(ρ.sum(), 1 / (1 - P.γ), rtol=1e-12)
    np.testing.assert_allclose(performance(P, b, π), ρ @ (π * P.R.array).sum(axis=1), rtol=0, atol=slack(P))


@given(problems(1))
def test_advantages_are_those_of_one_deviation_and_average_to_nothing(case):
    """A(s, a): the gain from another first action, by an MDP with one more state in which a is all there is."""
    P, _, π = case
    A, V, (S, n) = advantages(P, π), policy_evaluation(P, π), P.R.array.shape
    np.testing.assert_allclose((π * A).sum(axis=1), 0, atol=slack(P))
    s, a = divmod(int(abs(A).argmax()), n)
    T, R, p = np.zeros((S + 1, n, S + 1)), np.zeros((S + 1, n)), np.vstack([π, np.eye(n)[a]])
    T[:S, :, :S], T[S, :, :S] = P.T.array, P.T.array[s]
    R[:S], R[S] = P.R.array, P.R.array[s]
    deviating = policy_evaluation(MDP.from_arrays(T, R, P.γ), p)
    assert abs(deviating[S] - V[s] - A[s, a]) <= slack(P)


@given(problems(2))
def test_performance_difference_is_the_new_visitation_times_the_old_advantages(case):
    P, b, π, π_new = case
    gain = np.einsum("s,sa,sa->", visitation(P, b, π_new), π_new, advantages(P, π))
    assert abs(performance(P, b, π_new) - performance(P, b, π) - gain) <= slack(P)


@given(problems(2, zeros=False))
def test_surrogate_and_performance_agree_in_value_and_gradient_at_the_old_policy(case):
    P, b, π, other = case
    assert abs(surrogate(P, b, π, π) - performance(P, b, π)) <= slack(P)
    D, h = other - π, 1e-4
    slope = (performance(P, b, π + h * D) - performance(P, b, π - h * D)) / (2 * h)
    expected = (surrogate(P, b, π, π + h * D) - surrogate(P, b, π, π - h * D)) / (2 * h)
    # a third derivative of η is at most of the order of (1 - γ)⁻⁴
    assert abs(slope - expected) <= slack(P) / h + 20 * h**2 / (1 - P.γ) ** 4


@given(problems(2))
def test_divergences_are_the_largest_over_the_states(case):
    _, _, π, π_new = case
    kl = entropy(π, π_new, axis=1).max()  # scipy's is KL(π ‖ π_new)
    assert largest_kl(π, π_new) == kl or abs(largest_kl(π, π_new) - kl) <= 1e-12
    tv = max(sum(abs(x - y) for x, y in zip(p, q, strict=True)) / 2 for p, q in zip(π, π_new, strict=True))
    assert abs(largest_total_variation(π, π_new) - tv) <= 1e-15


def test_kl_is_taken_from_the_old_policy_to_the_new():
    π, π_new = [[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.1]]
    assert largest_kl(π, π_new) == pytest.approx(math.log(2), rel=1e-14)
    assert largest_kl(π[1:], π_new[1:]) == pytest.approx(0.5 * math.log(0.25 / 0.09), rel=1e-14)
    assert largest_kl(π_new, π) == math.inf
    assert largest_total_variation(π, π_new) == 0.5


@pytest.mark.parametrize("h", [1e-3, 1e-6, 1e-9, 1e-12])
def test_kl_of_a_tiny_step_keeps_its_digits(h):
    """KL((½, ½) ‖ (½ + h, ½ - h)) = -½ log(1 - 4h²), where the sum of p log(p / q) has none from h = 1e-8 on."""
    h = (0.5 + h) - 0.5  # what can be represented
    assert largest_kl([[0.5, 0.5]], [[0.5 + h, 0.5 - h]]) == pytest.approx(-0.5 * math.log1p(-4 * h**2), rel=2e-4)


@pytest.mark.parametrize("by", [1 - 9e-9, 1 + 9e-9])
def test_probabilities_that_sum_to_1_within_the_tolerance_count_as_those_that_do(by):
    """Otherwise a start of too much mass would be a larger return, and a policy twice written a divergence."""
    P, b, π, π_new = tight(0.5, 0.1)
    np.testing.assert_allclose(visitation(P, by * b, by * π), visitation(P, b, π), rtol=1e-14)
    np.testing.assert_allclose(advantages(P, by * π), advantages(P, π), atol=1e-15)
    assert performance(P, by * b, by * π_new) == pytest.approx(performance(P, b, π_new), rel=1e-14)
    assert surrogate(P, b, π, by * π_new) == pytest.approx(surrogate(P, b, π, π_new), rel=1e-14)
    assert largest_kl(π, by * π) < 1e-28
    assert largest_kl(by * π, π) < 1e-28
    assert largest_total_variation(π, by * π) <= 1e-15


# the bound


@given(problems(3, zeros=True), st.sampled_from([1.0, 0.1, 0.01]))
def test_the_surrogate_is_off_by_at_most_the_penalty_on_both_sides(case, t):
    P, b, π, other, third = case
    π = 0.9 * π + 0.1 * third
    π_new = π + t * (other - π)
    off = abs(performance(P, b, π_new) - surrogate(P, b, π, π_new))
    C, tv, kl = penalty_coefficient(P, π), largest_total_variation(π, π_new), largest_kl(π, π_new)
    assert off <= C * tv**2 + slack(P)
    assert tv**2 <= kl + 1e-15
    bound = lower_bound(P, b, π, π_new)
    assert bound <= performance(P, b, π_new) + slack(P)
    if C and kl < math.inf:
        assert abs(bound + C * kl - surrogate(P, b, π, π_new)) <= slack(P) + 1e-12 * C * kl


@pytest.mark.parametrize("γ", [0.01, 0.5, 0.9, 0.99])
def test_no_smaller_coefficient_would_do(γ):
    """Half of it, or one factor 1 / (1 - γ) less, or a mean of |A| instead of the largest, would be no bound."""
    P, b, π, π_new = tight(γ, 0.01 * (1 - γ))
    C, tv = penalty_coefficient(P, π), largest_total_variation(π, π_new)
    off = performance(P, b, π_new) - surrogate(P, b, π, π_new)
    assert 0.9 * C * tv**2 < off <= C * tv**2


@pytest.mark.parametrize(("γ", "ratio"), [(0.0, 0), (0.5, 8), (0.9, 360), (0.99, 39600)])
def test_penalty_coefficient_for_advantages_of_at_most_1(γ, ratio):
    P, _, π, _ = tight(γ, 0.1)
    assert abs(advantages(P, π)).max() == pytest.approx(1, rel=1e-13)
    assert penalty_coefficient(P, π) == pytest.approx(ratio, rel=1e-12)


def test_a_bound_without_a_penalty_is_exact_whatever_the_divergence():
    P = MDP.from_arrays([[[1.0], [1.0]]], [[3.0, -1.0]], γ=0.0)
    assert lower_bound(P, [1.0], [0], [1]) == performance(P, [1.0], [1]) == -1  # KL is infinite
    P = MDP.from_arrays([[[1.0], [1.0]]], [[2.0, 2.0]], γ=0.5)
    assert lower_bound(P, [1.0], [0], [1]) == performance(P, [1.0], [1]) == 4
    P = MDP.from_arrays([[[1.0], [1.0]]], [[3.0, -1.0]], γ=0.5)
    assert lower_bound(P, [1.0], [0], [1]) == -math.inf


# policy iteration


def bound_gain(P, b, π):
    """A function of π_new: the lower bound there minus that at π."""
    ρA, C = visitation(P, b, π)[:, None] * advantages(P, π), penalty_coefficient(P, π)
    return lambda π_new: np.sum(ρA * (π_new - π)) - (C * largest_kl(π, π_new) if C else 0)


@given(problems(2))
def test_no_other_policy_has_a_higher_bound(case):
    """The bound is concave: that it does not rise at once towards any policy is enough."""
    P, b, π, other = case
    gain, found = bound_gain(P, b, π), improved(MonotonePolicyIteration(P, b, 1), π).π
    most = gain(found)
    for end in (π, other, *(np.eye(other.shape[1])[[a] * len(π)] for a in range(π.shape[1]))):
        for t in SHRINK:
            assert gain(found + t * (end - found)) <= most + 1e-9 * t + slack(P)


@given(problems(1), st.sampled_from([0.0, 0.1, 0.5]))
def test_policies_of_single_actions_in_single_states_have_no_higher_bound(case, mix):
    P, b, π = case
    π = (1 - mix) * π + mix / π.shape[1]
    gain, found = bound_gain(P, b, π), improved(MonotonePolicyIteration(P, b, 1), π).π
    most = gain(found)
    for s in range(len(π)):
        for a in range(π.shape[1]):
            for t in SHRINK:
                p = found.copy()
                p[s] += t * (np.eye(π.shape[1])[a] - p[s])
                assert gain(p) <= most + 1e-9 * t + slack(P)


@pytest.mark.parametrize("γ", [0.1, 0.3, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("seed", range(3))
def test_the_argmax_of_two_actions_is_that_of_a_search_over_radii(γ, seed):
    """With two actions a ball is an interval: its end is a root in one probability, by brentq, for each radius."""
    rng = np.random.default_rng(seed)
    P = MDP.from_arrays(rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)), γ)
    b, π = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2), 3)
    A, better = advantages(P, π), advantages(P, π).argmax(axis=1)

    def end(s, δ):
        p = np.empty(2)
        best, k = π[s, better[s]], better[s]
        p[1 - k] = brentq(lambda q: entropy([best, 1 - best], [1 - q, q]) - δ, 1e-300, 1 - best, xtol=1e-16)
        p[k] = 1 - p[1 - k]
        return p

    def at(log_δ):
        p = np.array([end(s, math.exp(log_δ)) for s in range(3)])
        return visitation(P, b, π) @ ((p - π) * A).sum(axis=1) - penalty_coefficient(P, π) * math.exp(log_δ)

    found = improved(MonotonePolicyIteration(P, b, 1), π)
    for width in (0.5, 0.1, 0.02):
        others = [at(math.log(found.kl) + width * k) for k in range(-5, 6)]
        assert max(others) <= found.improvement * (1 + 1e-6)
    assert at(math.log(found.kl)) == pytest.approx(found.improvement, rel=1e-6)
    assert bound_gain(P, b, π)(found.π) == pytest.approx(found.improvement, rel=1e-9)
    assert largest_kl(π, found.π) == pytest.approx(found.kl, rel=1e-9)


@pytest.mark.parametrize("γ", [0.0, 0.01, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("untaken", [0, 1])
def test_the_argmax_is_that_of_a_general_solver(γ, seed, untaken):
    rng = np.random.default_rng(10 * seed + untaken)
    S, n = 2, 3
    P = MDP.from_arrays(rng.dirichlet(np.ones(S), (S, n)), rng.normal(size=(S, n)), γ)
    b, π = rng.dirichlet(np.ones(S)), rng.dirichlet(np.ones(n), S)
    π[0, :untaken] = 0
    π /= π.sum(axis=1, keepdims=True)
    ρ, A, C = visitation(P, b, π), advantages(P, π), penalty_coefficient(P, π)

    def within(z):  # variables: the probabilities, then the radius
        p = np.maximum(z[:-1].reshape(S, n), 1e-300)
        return z[-1] - (π * (np.log(np.where(π > 0, π, 1)) - np.log(p))).sum(axis=1)

    best = -math.inf
    for _ in range(3):
        start = np.append(0.9 * π + 0.1 * rng.dirichlet(np.ones(n), S), 0.1)
        result = minimize(
            lambda z: C * z[-1] - ρ @ ((z[:-1].reshape(S, n) - π) * A).sum(axis=1),
            start,
            bounds=[(0, 1)] * (S * n) + [(0, 600)],
            constraints=[
                {"type": "eq", "fun": lambda z: z[:-1].reshape(S, n).sum(axis=1) - 1},
                {"type": "ineq", "fun": within},
            ],
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        if np.min(within(result.x)) > -1e-9:  # whatever it says of its success
            best = max(best, -result.fun)
    assert improved(MonotonePolicyIteration(P, b, 1), π).improvement == pytest.approx(best, rel=1e-6)


@given(problems(1))
def test_performance_rises_by_no_less_than_the_bound_in_every_iteration(case):
    P, b, π = case
    for taken in improvements(MonotonePolicyIteration(P, b, 5), π):
        assert np.isfinite(taken.π).all()
        assert (taken.π >= 0).all()
        np.testing.assert_allclose(taken.π.sum(axis=1), 1, rtol=1e-12)
        assert taken.accepted == (taken.improvement > 0)
        assert taken.improvement >= 0
        if taken.C:
            bound = lower_bound(P, b, π, taken.π) - lower_bound(P, b, π, π)
            assert abs(bound - taken.improvement) <= slack(P)
        assert performance(P, b, taken.π) - performance(P, b, π) >= taken.improvement - slack(P)
        π = taken.π


@pytest.mark.parametrize("γ", [0.01, 0.5, 0.8])
def test_policy_iteration_approaches_the_optimum(γ):
    rng = np.random.default_rng(7)
    P, b = MDP.from_arrays(rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)), γ), np.ones(3) / 3
    π = np.full((3, 2), 0.5)
    best = performance(P, b, solve(PolicyIteration([0, 0, 0], 20), P))
    steps = list(improvements(MonotonePolicyIteration(P, b, 200), π))
    η = np.array([performance(P, b, π), *(performance(P, b, i.π) for i in steps)])
    assert (np.diff(η) > -slack(P)).all()
    assert η.max() <= best + slack(P)
    assert best - η[-1] < {0.01: 1e-6, 0.5: 0.2, 0.8: 0.9}[γ] * (best - η[0])


def test_steps_shrink_as_the_discount_nears_1():
    """The radius is about (1 - γ)² of a nat: half a million iterations to move by one at γ = 0.999."""
    rng = np.random.default_rng(3)
    T, R, b, π = rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)), np.ones(3) / 3, np.full((3, 2), 0.5)
    for γ in (0.9, 0.99, 0.999, 0.9999, 0.99999):
        taken = improved(MonotonePolicyIteration(MDP.from_arrays(T, R, γ), b, 1), π)
        assert taken.accepted
        assert taken.improvement > 0
        assert 0.001 < taken.kl / (1 - γ) ** 2 < 0.1


def test_without_a_discounted_future_one_iteration_is_greedy():
    P = MDP.from_arrays(np.ones((1, 3, 1)), [[1.0, 2.0, 2.0]], γ=0.0)
    taken = improved(MonotonePolicyIteration(P, [1.0], 1), [[0.5, 0.3, 0.2]])
    np.testing.assert_allclose(taken.π, [[0, 0.6, 0.4]], rtol=1e-14)
    assert (taken.kl, taken.C) == (math.inf, 0)
    assert taken.improvement == pytest.approx(0.5, rel=1e-14)


def test_greedy_actions_that_were_never_taken_have_equal_shares():
    P = MDP.from_arrays(np.ones((1, 3, 1)), [[1.0, 2.0, 2.0]], γ=0.0)
    taken = improved(MonotonePolicyIteration(P, [1.0], 1), [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(taken.π, [[0, 0.5, 0.5]], rtol=1e-14)
    assert taken.improvement == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("γ", [0.0, 0.9, 0.9999])
def test_equally_good_actions_are_left_alone(γ):
    """The third action is a copy of the first, up to rounding; in state 1 all are copies."""
    rng = np.random.default_rng(0)
    T, π = rng.dirichlet(np.ones(2), (2, 3)), rng.dirichlet(np.ones(3), 2)
    T[1] = T[0, 0]
    P = MDP.from_arrays(T, [[1 / 3] * 3, [1 / 3, 0.1 + 1 / 3 - 0.1, 1 / 3]], γ)
    M = MonotonePolicyIteration(P, [0.5, 0.5], 10)
    (only,) = improvements(M, π)
    assert not only.accepted
    np.testing.assert_allclose(only.π, π, rtol=1e-15)
    assert (only.kl, only.improvement) == (0, 0)


def test_where_nothing_is_paid_no_policy_is_better():
    P, π = MDP.from_arrays(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), γ=0.9), np.array([[0.25, 0.75], [1.0, 0.0]])
    taken = improved(MonotonePolicyIteration(P, [0.5, 0.5], 1), π)
    assert (taken.accepted, taken.kl, taken.improvement, taken.C) == (False, 0, 0, 0)
    np.testing.assert_array_equal(taken.π, π)


def test_an_action_that_was_never_taken_is_taken_up_only_if_it_is_the_best():
    """KL(π ‖ p) does not forbid it: taking it with probability m costs -log(1 - m), so m is 1 - C / (gain ρ)."""
    P = MDP.from_arrays(np.ones((1, 2, 1)), [[0.0, 1.0]], γ=0.1)
    taken = improved(MonotonePolicyIteration(P, [1.0], 1), [[1.0, 0.0]])
    C, ρ = 0.4 / 0.81, 1 / 0.9
    np.testing.assert_allclose(taken.π, [[C / ρ, 1 - C / ρ]], rtol=1e-10)
    P = MDP.from_arrays(np.ones((1, 3, 1)), [[0.0, 1.0, 0.5]], γ=0.1)
    taken = improved(MonotonePolicyIteration(P, [1.0], 1), [[0.5, 0.5, 0.0]])
    assert taken.accepted
    assert taken.π[0, 2] == 0


def test_nearly_certain_policies_are_handled():
    """Where the bad action has almost no probability left its divergence hardly rises, and would underflow."""
    P = MDP.from_arrays(np.ones((1, 2, 1)), [[0.0, 1.0]], γ=1e-12)
    for q in (1e-3, 1e-10, 1e-16, 1e-279, 1e-281, 1e-320):
        taken = improved(MonotonePolicyIteration(P, [1.0], 1), [[q, 1.0 - q]])
        assert np.isfinite(taken.π).all()
        assert 0 <= taken.π[0, 0] <= q
        back = improved(MonotonePolicyIteration(P, [1.0], 1), [[1.0 - q, q]])
        assert back.accepted
        assert back.π[0, 1] > 0.99


@pytest.mark.parametrize("γ", [1e-30, 1e-100])
def test_a_penalty_of_almost_nothing_leaves_almost_nothing_to_the_worse_action(γ):
    P = MDP.from_arrays(np.ones((1, 2, 1)), [[0.0, 1.0]], γ)
    taken = improved(MonotonePolicyIteration(P, [1.0], 1), [[0.5, 0.5]])
    np.testing.assert_allclose(taken.π, [[0, 1]], atol=1e-20)
    assert taken.improvement == pytest.approx(0.5, rel=1e-14)


def test_the_unit_of_reward_does_not_matter_where_multipliers_underflow():
    """With rewards of 1e-20 the gain from the last divergence of 0.7 nats is not a float."""
    found = []
    for unit in (1.0, 1e-20):
        P = MDP.from_arrays(np.ones((1, 2, 1)), [[0.0, unit]], γ=1e-10)
        found.append(improved(MonotonePolicyIteration(P, [1.0], 1), [[0.001, 0.999]]))
    assert found[1].accepted
    np.testing.assert_allclose(found[1].π, found[0].π, rtol=0, atol=1e-9)
    assert found[1].improvement == pytest.approx(1e-20 * found[0].improvement, rel=1e-6)


@pytest.mark.parametrize("γ", [0.0, 1e-14, 1e-6, 0.3, 0.99, 0.999999])
@pytest.mark.parametrize("spread", [1, 30, 700])
def test_extreme_policies_and_rewards_of_any_size_are_improved_as_far_as_possible(γ, spread):
    """Logits as far apart as numbers allow, with impossible actions, and rewards from 1e-9 to 1e9."""
    rng = np.random.default_rng(spread)
    for size in (1e-9, 1.0, 1e9):
        S, n = rng.integers(1, 7, 2)
        P = MDP.from_arrays(rng.dirichlet(np.full(S, 0.1), (S, n)), size * rng.normal(size=(S, n)), γ)
        z = spread * rng.normal(size=(S, n))
        π = np.exp(np.maximum(z - z.max(axis=1, keepdims=True), -740))
        π[rng.random((S, n)) < 0.2] = 0
        π[π.sum(axis=1) == 0, 0] = 1
        π /= π.sum(axis=1, keepdims=True)
        b = rng.dirichlet(np.ones(S))
        gain, taken = bound_gain(P, b, π), improved(MonotonePolicyIteration(P, b, 1), π)
        assert np.isfinite(taken.π).all()
        most, rounding = gain(taken.π), slack(P) * size / (1 + size)
        for end in (*(np.eye(n)[[a] * S] for a in range(n)), np.eye(n)[advantages(P, π).argmax(axis=1)]):
            for t in SHRINK:
                assert gain(taken.π + t * (end - taken.π)) <= most + 1e-9 * t * size / (1 - γ) + 100 * rounding
        assert performance(P, b, taken.π) - performance(P, b, π) >= taken.improvement - 100 * rounding


@given(problems(1), st.sampled_from([2.0**-20, 2.0**20]))
def test_the_next_policy_does_not_depend_on_the_unit_of_reward(case, unit):
    P, b, π = case
    scaled = MDP.from_arrays(P.T.array, unit * P.R.array, P.γ)
    a, c = (improved(MonotonePolicyIteration(Q, b, 1), π) for Q in (P, scaled))
    assert a.accepted == c.accepted
    np.testing.assert_allclose(c.π, a.π, atol=1e-9)
    np.testing.assert_allclose([c.improvement, c.C], [unit * a.improvement, unit * a.C], rtol=1e-9)


def test_states_that_are_never_visited_do_no_harm():
    P = MDP.from_arrays(np.broadcast_to(np.eye(2)[:, None], (2, 2, 2)), [[0.0, 1.0], [5.0, -5.0]], γ=0.5)
    taken = improved(MonotonePolicyIteration(P, [1.0, 0.0], 1), np.full((2, 2), 0.5))
    assert taken.accepted
    assert taken.π[0, 1] > 0.5
    P = MDP.from_arrays(P.T.array, [[1.0, 1.0], [5.0, -5.0]], γ=0.5)
    assert not improved(MonotonePolicyIteration(P, [1.0, 0.0], 1), np.full((2, 2), 0.5)).accepted


@pytest.mark.parametrize("P", [HexWorld(0.9), StraightLineHexWorld(0.9)], ids=["hex", "line"])
def test_the_worlds_of_the_book_improve(P):
    π = np.full((len(P.S), len(P.A)), 1 / len(P.A))
    η = performance(P, P.b, π)
    steps = list(improvements(MonotonePolicyIteration(P, P.b, 3), π))
    assert len(steps) == 3
    assert performance(P, P.b, steps[-1].π) - η >= sum(i.improvement for i in steps) > 0


def test_iterations_end_at_k_max_and_at_the_optimum():
    rng = np.random.default_rng(1)
    P = MDP.from_arrays(rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)), 0.9)
    M = MonotonePolicyIteration(P, np.ones(3) / 3, 4)
    assert len(list(improvements(M, np.full((3, 2), 0.5)))) == 4
    (only,) = improvements(M, solve(PolicyIteration([0, 0, 0], 20), P))
    assert not only.accepted


# errors


P1 = MDP.from_arrays([[[1.0], [1.0]]], [[0.0, 1.0]], γ=1.0)
P2 = MDP.from_arrays(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), γ=0.5)
HALF = np.full((2, 2), 0.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: visitation(P1, [1.0], [0]),
        lambda: performance(P1, [1.0], [0]),
        lambda: advantages(P1, [0]),
        lambda: surrogate(P1, [1.0], [0], [1]),
        lambda: penalty_coefficient(P1, [0]),
        lambda: lower_bound(P1, [1.0], [0], [1]),
        lambda: MonotonePolicyIteration(P1, [1.0], 1),
    ],
)
def test_an_undiscounted_problem_is_refused(call):
    with pytest.raises(ValueError, match=r"γ = 1.0: must be below 1"):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: visitation(P2, [1.0], HALF), r"b has shape \(1,\): must be \(S,\) = \(2,\)"),
        (lambda: visitation(P2, [0.7, 0.7], HALF), r"b = \[0.7, 0.7\]: must be probabilities that sum to 1"),
        (lambda: performance(P2, [0.5, 0.5], HALF[:, :1]), r"π has shape \(2, 1\)"),
        (lambda: surrogate(P2, [0.5, 0.5], HALF, HALF.T[:1]), r"π has shape \(1, 2\)"),
        (lambda: advantages(P2, 2 * HALF), r"π\[0\] = \[1. 1.\]: must be probabilities"),
        (lambda: improved(MonotonePolicyIteration(P2, [0.5, 0.5], 1), HALF[:1]), r"π has shape \(1, 2\)"),
        (lambda: MonotonePolicyIteration(P2, [0.5, 0.2, 0.3], 1), r"b has shape \(3,\)"),
        (lambda: MonotonePolicyIteration(P2, [0.5, 0.5], 0), "k_max = 0: must be a whole number >= 1"),
        (lambda: largest_kl(HALF, HALF[:1]), r"π_new has shape \(1, 2\): must be that of π, \(2, 2\)"),
        (lambda: largest_kl(HALF[0], HALF[0]), r"π has shape \(2,\): must be \(S, A\)"),
        (lambda: largest_total_variation(HALF, [[0.5, 0.6], [1, 0]]), "π_new = .*sum to 1"),
        (lambda: largest_kl([[math.nan, 1.0]], [[0.0, 1.0]]), "π = .*sum to 1"),
        (lambda: largest_kl([[0.5, 0.5]], [[-0.5, 1.5]]), "π_new = .*must be probabilities"),
        (lambda: largest_kl([[0.5, 0.5 + 1.1e-8]], [[0.5, 0.5]]), "π = .*sum to 1"),
        (lambda: largest_kl([[0.5, 0.5 - 1.1e-8]], [[0.5, 0.5]]), "π = .*sum to 1"),
        (lambda: largest_kl(np.ones((0, 2)), np.ones((0, 2))), r"π has shape \(0, 2\): must be \(S, A\)"),
    ],
)
def test_wrong_shapes_and_probabilities_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_action_that_is_not_available_has_no_advantage():
    P = MDP.from_arrays(np.full((2, 2, 2), 0.5), [[0.0, -np.inf], [1.0, 0.0]], γ=0.5)
    for call in (lambda: advantages(P, [0, 0]), lambda: improved(MonotonePolicyIteration(P, [1.0, 0.0], 1), [0, 0])):
        with pytest.raises(ValueError, match="the advantage"):
            call()


def test_only_tabular_problems_and_start_vectors_will_do():
    with pytest.raises(TypeError, match=r"P = .*tabular"):
        MonotonePolicyIteration(MDP(0.9, None, None, None, None, lambda s, a, rng: (s, s)), [1.0], 1)
    with pytest.raises(TypeError, match=r"b = .*probability vector"):
        visitation(P2, norm(0, 1), HALF)
