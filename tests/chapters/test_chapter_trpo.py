"""The script of the TRPO paper: its numbers by other means, its figures, and its verdict."""

from itertools import pairwise

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, hessian

from decision_making import MDP
from decision_making.pictures.canvas import write_figure
from tests.support import judged

CHAPTER = "trpo"


@pytest.fixture(scope="module")
def data(values):
    return {item.name: item.compute(**item.fast) for item in values.THEORY}


@pytest.fixture(scope="module")
def algorithm_1(values, data):
    return data[values.THEORY[1].name]


@pytest.fixture(scope="module")
def badly_scaled(values, data):
    return data[values.THEORY[2].name]


def test_every_row_agrees(values, data):
    report = values.Report("")
    for item in values.THEORY:
        item.compare(report, data[item.name])
    assert len(report.rows) == 14
    assert [row for row in report.rows if not row[4]] == []


def test_figures_are_written_and_not_blank(values, data, tmp_path):
    imread = pytest.importorskip("matplotlib.image").imread
    for item in values.THEORY:
        if item.draw is not None:
            image = imread(write_figure(item.draw(data[item.name]), tmp_path / "x.png"))
            assert image.shape[1] >= 700
            assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50


def test_coefficients_are_4_γ_over_1_minus_γ_squared(chapter):
    np.testing.assert_allclose(chapter.coefficients(), [4 * 0.9 * 100, 4 * 0.99 * 10_000], rtol=1e-11)


def test_bound_lies_between_the_old_performance_and_the_new(algorithm_1):
    η, bound = algorithm_1["η"]["algorithm 1"], algorithm_1["bound"]
    assert len(η) == len(bound) + 1 == 41
    assert (η[:-1] < bound).all()
    assert (bound < η[1:]).all()
    assert (η < algorithm_1["best"]).all()


def test_bounds_touch_performance_and_are_highest_at_the_next_policy(algorithm_1):
    along = algorithm_1["along"]
    np.testing.assert_allclose(along["M"][:, 0], along["η"][:, 0], rtol=1e-12)
    assert (along["M"] <= along["η"] + 1e-12).all()
    for x, M in zip(along["x"], along["M"], strict=True):
        assert x[M.argmax()] - x[0] == pytest.approx(1)
    np.testing.assert_allclose(along["η"][:, 0], algorithm_1["η"]["algorithm 1"][:5], rtol=1e-12)


def test_first_radii_fall_by_a_hundred_as_the_horizon_grows_tenfold(algorithm_1):
    first = algorithm_1["first"]
    kl = dict(zip(first["γ"].tolist(), first["kl"], strict=True))
    assert kl[0.99] / kl[0.999] == pytest.approx(100, rel=0.1)


def two_state_performance(log_odds, b=(0.5, 0.5), γ=0.9):
    """η from the closed form of the two Bellman equations V_s = p_s (r_s + γ V_s) + (1 - p_s) γ V_other."""
    p = 1 / (1 + anp.exp(-log_odds))
    a, d, c, e = 1 - γ * p[0], 1 - γ * p[1], γ * (1 - p[0]), γ * (1 - p[1])
    V = ((d * 2 * p[0] + c * p[1]) / (a * d - c * e), (a * p[1] + e * 2 * p[0]) / (a * d - c * e))
    return b[0] * V[0] + b[1] * V[1]


def test_performances_of_the_two_states_are_their_closed_form(chapter, badly_scaled):
    P, b = chapter.two_state_mdp()
    assert isinstance(P, MDP)
    for key in (("gradient", "θ"), ("natural", "D ψ")):
        θ, η = badly_scaled["paths"][key][:10], badly_scaled["η"][key][:10]
        np.testing.assert_allclose(η, [two_state_performance(x, b) for x in θ], rtol=1e-10)


def test_gradient_path_is_ascent_on_the_closed_form(badly_scaled):
    """Under ψ the gradient in θ is multiplied by D²: 10,000 in the second component."""
    α, derivative = badly_scaled["α"]["θ"], grad(two_state_performance)
    for scale, D in (("θ", [1, 1]), ("D ψ", [1, 100])):
        θ = badly_scaled["paths"]["gradient", scale]
        step = α * np.square(D) * derivative(θ[0])
        np.testing.assert_allclose(θ[1] - θ[0], step, rtol=1e-4)  # the exact gradient has depth 150: γ^150 is 1e-7


def test_natural_step_has_the_size_and_direction_of_the_closed_form(chapter, badly_scaled):
    """x = F⁻¹ ∇η, F the Hessian of the mean KL: staying with probability p has the Fisher information p (1 - p)."""
    θ = badly_scaled["paths"]["natural", "θ"]
    P, b = chapter.two_state_mdp()
    p = 1 / (1 + np.exp(-θ[0]))
    ρ = chapter.theory.visitation(P, b, np.column_stack([p, 1 - p])) * (1 - P.γ)
    F = np.diag(ρ * p * (1 - p))

    def mean_kl(x):
        q = 1 / (1 + anp.exp(-x))
        return anp.sum(ρ * (p * anp.log(p / q) + (1 - p) * anp.log((1 - p) / (1 - q))))

    np.testing.assert_allclose(hessian(mean_kl)(θ[0]), F, rtol=1e-9, atol=1e-15)
    x = np.linalg.solve(F, grad(two_state_performance)(θ[0]))
    np.testing.assert_allclose(θ[1] - θ[0], np.sqrt(2 * chapter.Δ_MEAN / (x @ F @ x)) * x, rtol=1e-4)


@pytest.mark.parametrize("name", ["natural", "trust region"])
def test_natural_and_trust_region_paths_do_not_depend_on_the_scale(name, badly_scaled):
    a, b = (badly_scaled["paths"][name, scale][:12] for scale in ("θ", "D ψ"))
    assert abs(a[-1] - a[0]).max() > 1
    np.testing.assert_allclose(b, a, atol=1e-9)


def test_trust_region_steps_stay_within_the_radius(chapter, badly_scaled):
    P, b = chapter.two_state_mdp()
    θ = badly_scaled["paths"]["trust region", "θ"]
    p = 1 / (1 + np.exp(-θ))
    for x, y in pairwise(p):
        ρ = chapter.theory.visitation(P, b, np.column_stack([x, 1 - x])) * (1 - P.γ)
        kl = ρ @ (x * np.log(x / y) + (1 - x) * np.log((1 - x) / (1 - y)))
        assert kl <= chapter.Δ_MEAN * (1 + 1e-5)
    assert (np.diff(badly_scaled["η"]["trust region", "θ"]) > 0).all()


def test_main_prints_the_table_and_writes_the_figures(values, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert values.main(tmp_path, fast=True, progress=False) == 0
    printed = capsys.readouterr().out
    assert "rows agree" in printed
    assert "DO NOT" not in printed
    assert {p.name for p in tmp_path.iterdir()} >= {"trpo_algorithm_1.png", "trpo_badly_scaled.png"}


# ---- CartPole


@pytest.fixture(scope="module")
def anatomy(chapter):
    return chapter.anatomy()


def test_parts_of_one_update_are_the_update(anatomy):
    """The step of the library is the first of the points on the segment that passes, and comes after a backtrack."""
    step, points, δ = anatomy["step"], anatomy["points"], anatomy["M"].δ
    j = next(j for j, (_, kl, gain) in enumerate(points) if kl <= δ and gain > 0)
    assert step.backtracks == j >= 1
    assert step.kl == pytest.approx(points[j][1], rel=1e-6)
    assert step.improvement == pytest.approx(points[j][2], rel=1e-6)
    assert anatomy["quadratic KL"] == pytest.approx(δ, rel=1e-9)


def test_conjugate_gradients_of_the_anatomy_start_at_zero_and_converge(anatomy):
    assert anatomy["residuals"][0] == 1
    assert anatomy["residuals"][-1] < 1e-4
    assert len(anatomy["residuals"]) == 1 + anatomy["M"].cg_iterations


def test_cart_pole_is_solved(chapter):
    (history,) = chapter.solved(seeds=1)
    assert history.mean_return() >= 475
    assert history.steps <= 80_000
    assert np.nanmax(history["kl"]) <= 0.01


def test_anatomy_that_does_not_add_up_is_a_no(values, anatomy):
    assert judged(values.compare_anatomy, anatomy)
    assert not judged(values.compare_anatomy, anatomy | {"quadratic KL": 0.02})
