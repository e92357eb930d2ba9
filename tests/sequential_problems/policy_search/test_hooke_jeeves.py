"""Hooke-Jeeves search (algorithm 10.2)."""

from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given

from decision_making import HookeJeevesPolicySearch, PopulationUtility, exact, generations, optimize
from decision_making.problems import SimpleRegulator
from tests import strategies
from tests.sequential_problems.policy_search import bowl, π


@pytest.mark.parametrize(("γ", "end"), [(1.0, -0.190229), (0.9, -0.155273)])
def test_hooke_jeeves_with_the_exact_utility_of_the_regulator_takes_the_known_path(γ, end):
    problem, evaluations = SimpleRegulator(γ), []

    def U(π, θ):
        evaluations.append(θ)
        return exact.utility(problem, problem.b, π, θ, 10)

    seen = list(generations(HookeJeevesPolicySearch([0, 1], 0.75, 0.75, 0.01), π, U))
    assert len(seen) - 1 == 38
    assert len(evaluations) == sum(len(g.us) for g in seen) == 153
    path = [(0, 1), (0, 0.25), (-0.75, 0.25), (-0.75, 0.25), (-0.75, 0.25), (-0.75, -0.171875), (-1.171875, -0.171875)]
    np.testing.assert_allclose([g.θ for g in seen[:7]], path, atol=1e-15)
    assert seen[4].α == 0.421875
    np.testing.assert_allclose(seen[-1].θ, [-0.995013, 0.004987], atol=5e-7)
    assert abs(seen[-1].u - end) < 5e-7
    assert seen[-1].α <= 0.01 < seen[-2].α
    if γ == 1:
        np.testing.assert_allclose(
            [seen[i].u for i in (1, 2, 5, 6)], [-4.262725, -0.797559, -0.483481, -0.468537], atol=5e-7
        )


@given(
    strategies.arrays((2, 2), strategies.numbers(-1.0, 1.0)),
    strategies.parameters(2),
    strategies.numbers(0.1, 1.0),
    strategies.numbers(0.25, 0.75),
)
def test_hooke_jeeves_moves_one_step_along_one_coordinate_and_never_down(A, θ, α, c):
    """On a concave quadratic: what one iteration may do, and where the search ends."""

    def U(π, θ):
        return -float(np.sum((A @ θ - 1) ** 2) + 0.1 * θ @ θ)

    M = HookeJeevesPolicySearch(θ, α, c, 0.05)
    old = None
    for g in generations(M, None, U):
        if old is not None:
            moved = g.θ - old.θ
            stencil = old.θ + old.α * np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
            np.testing.assert_allclose(g.θs, stencil, atol=1e-12)
            if moved.any():
                assert np.count_nonzero(moved) == 1
                assert abs(moved).sum() == pytest.approx(old.α)
                assert g.u == g.us.max() > old.u
                assert g.α == old.α
            else:
                assert g.us.max() <= old.u == g.u
                assert g.α == c * old.α
        old = g
    assert g.α <= 0.05
    np.testing.assert_array_equal(optimize(M, None, U), g.θ)


def test_hooke_jeeves_takes_the_first_of_equally_good_points():
    """Minus before plus, coordinate after coordinate."""
    M = HookeJeevesPolicySearch([0.0, 0.0], 1.0, 0.5, 0.9)
    steps = list(generations(M, None, lambda π, θ: float(np.sum(θ**2) > 0)))
    assert steps[1].θ.tolist() == [-1.0, 0.0]


def test_hooke_jeeves_returns_the_start_where_its_step_is_small_enough_already():
    assert optimize(HookeJeevesPolicySearch([0.5, 2], 0.1, 0.5, 0.1), None, bowl).tolist() == [0.5, 2.0]


def test_hazard_10_2_a_lucky_start_is_stuck_unless_it_is_reevaluated():
    """10.2, noisy U: the first estimate is +100 too high; without a new one nothing ever beats it."""

    def lucky():
        calls = []

        def U(π, θ):
            calls.append(1)
            return bowl(π, θ) + (100 if len(calls) == 1 else 0)

        return U

    M = HookeJeevesPolicySearch([0.0, 1.0], 0.5, 0.5, 0.01)
    assert optimize(M, None, lucky()).tolist() == [0.0, 1.0]
    again = attrs.evolve(M, reevaluate=True)
    np.testing.assert_allclose(optimize(again, None, lucky()), [-1, 0], atol=0.02)
    seen = list(generations(again, None, lucky()))
    assert {len(g.us) for g in seen[1:]} == {5}
    for old, new in pairwise(seen):
        np.testing.assert_array_equal(new.θs[0], old.θ)


def test_hazard_10_2_the_search_ends_where_the_utility_has_no_maximum():
    M = HookeJeevesPolicySearch([0.0], 1.0, 0.5, 0.01, max_iterations=25)
    seen = list(generations(M, None, lambda π, θ: θ[0]))
    assert len(seen) == 26
    assert seen[-1].θ.tolist() == [25.0]
    default = HookeJeevesPolicySearch([0.0], 1.0, 0.5, 0.01)
    assert optimize(default, None, PopulationUtility(lambda π, θs: θs[:, 0])).tolist() == [default.max_iterations]


@pytest.mark.parametrize("c", [0.0, 1.0, 1.5, -0.5, np.nan, True])
def test_hazard_10_2_a_search_that_would_never_shrink_is_refused(c):
    with pytest.raises(ValueError, match="c = "):
        HookeJeevesPolicySearch([0.0], 1.0, c, 0.01)


@pytest.mark.parametrize("ε", [0.0, -0.1, np.nan, np.inf])
def test_hazard_10_2_a_search_that_would_never_stop_is_refused(ε):
    with pytest.raises(ValueError, match="ε = "):
        HookeJeevesPolicySearch([0.0], 1.0, 0.5, ε)


def test_exercise_10_6_a_first_step_just_under_four_thirds_still_improves():
    """U = -3θ² + 4θ + 1 from θ = 0 is back at its first value at θ = 4/3."""

    def U(π, θ):
        return float(-3 * θ[0] ** 2 + 4 * θ[0] + 1)

    def first_move(α):
        return list(generations(HookeJeevesPolicySearch([0.0], α, 0.5, 1e-3), None, U))[1].θ[0]

    assert first_move(4 / 3 - 1e-6) == pytest.approx(4 / 3 - 1e-6)
    assert first_move(4 / 3 + 1e-6) == 0.0
    assert optimize(HookeJeevesPolicySearch([0.0], 4 / 3 + 1e-6, 0.5, 1e-6), None, U)[0] == pytest.approx(
        2 / 3, abs=2e-6
    )
