"""The local model: how it ascends, what a point remembers, and what it says of what it does not know."""

import numpy as np
import pytest

from decision_making.sequential_problems.policy_gradient_optimization import LocalModel


class Valley(LocalModel):
    """Starts at (0, 0); counts how often the objective is asked for."""

    def __init__(self):
        self.θ = np.zeros(2)
        self.asked = 0

    def objective(self, θ_new):
        self.asked += 1
        return float(θ_new.sum())


def ascent(slopes, α=1.0, k_max=10):
    """(θ after the ascent, the points at which a slope was asked for); the slopes in their order."""
    points, slopes = [], iter(slopes)

    def slope(point):
        points.append(point.θ)
        return np.array(next(slopes), float)

    return Valley().ascend(slope, α, k_max), points


def test_ascent_takes_k_max_steps_of_α_along_the_slope_at_each_point():
    θ, points = ascent([[1, 0], [0, 2], [3, 3]], α=0.5, k_max=3)
    np.testing.assert_array_equal(points, [[0, 0], [0.5, 0], [0.5, 1]])
    np.testing.assert_array_equal(θ, [2, 2.5])


def test_ascent_ends_where_the_slope_is_zero():
    θ, points = ascent([[1, 0], [0, 0], [1, 1]])
    np.testing.assert_array_equal(θ, [1, 0])
    assert len(points) == 2


def test_ascent_asks_for_no_slope_at_a_point_that_is_not_finite():
    θ, points = ascent([[1e300, 0], [0, 1]], α=1e10)
    np.testing.assert_array_equal(θ, [np.inf, 0])
    assert len(points) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_ascent_whose_slope_is_not_finite_has_no_end(bad):
    θ, points = ascent([[1, 0], [bad, 0], [1, 1]])
    assert np.isnan(θ).all()
    assert len(points) == 2


def test_a_point_is_asked_once():
    here = Valley()
    point = here.at(np.ones(2))
    assert (point.objective, point.objective, here.asked) == (2.0, 2.0, 1)


def test_at_θ_the_constraint_and_its_slope_are_0_whoever_knows_them():
    for point in (Valley().start, Valley().at(np.zeros(2))):
        assert point.constraint == 0.0
        np.testing.assert_array_equal(point.constraint_gradient, [0, 0])


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda here: here.gradient(), "gradient"),
        (lambda here: here.natural(None), "natural direction"),
        (lambda here: here.at(np.ones(2)).constraint, "surrogate constraint"),
        (lambda here: here.at(np.ones(2)).objective_gradient, "gradient of the surrogate objective"),
        (lambda here: here.at(np.ones(2)).constraint_gradient, "gradient of the surrogate constraint"),
        (lambda here: here.at(np.ones(2)).clamped_gradient(0.2), "clamped gradient"),
        (lambda here: LocalModel.objective(here, np.ones(2)), "surrogate objective"),
    ],
)
def test_what_is_not_known_is_a_type_error_that_names_it(ask, what):
    with pytest.raises(TypeError, match=f"Valley: no {what} is known here"):
        ask(Valley())
