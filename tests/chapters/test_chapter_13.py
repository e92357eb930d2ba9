"""The chapter 13 script: its numbers against derivations by hand, its figures, and its verdict."""

import attrs
import numpy as np
import pytest

from decision_making import ActorCriticUpdate, LinearGaussianPolicy, rollouts
from decision_making.trajectories import local_rewards_to_go
from tests.support import assert_main_agrees, judged

CHAPTER = "13"


def test_generalized_advantages_worked_by_hand(chapter):
    by_hand = chapter.advantages_by_hand()
    δ, A = by_hand["cut by a time limit"]
    np.testing.assert_allclose(δ, [1 + 0.9 * 1 - 0.5, 2 + 0.9 * -1 - 1, 3 + 0.9 * 2 + 1], rtol=1e-12)
    np.testing.assert_allclose(A, [1.4 + 0.72 * (0.1 + 0.72 * 5.8), 0.1 + 0.72 * 5.8, 5.8], rtol=1e-12)
    δ, A = by_hand["s₄ terminal"]
    np.testing.assert_allclose(δ, [1.4, 0.1, 3 + 1], rtol=1e-12)
    np.testing.assert_allclose(A, [3.5456, 2.98, 4.0], rtol=1e-12)
    δ, A = by_hand["the book's loop"]
    np.testing.assert_allclose(A, [1.472, 0.1, 0.0], rtol=1e-12)


def test_exact_critic_is_the_one_of_the_book_s_form(chapter):
    np.testing.assert_allclose(chapter.exact_critic((1, 2)), [0.010, -1.513], atol=5e-4)
    np.testing.assert_allclose(chapter.exact_critic((0, 1, 2)), [-0.029, -0.019, -1.121], atol=5e-4)


@pytest.mark.parametrize("θ", [(-1.0, 0.0), (-0.5, 0.3)])
def test_exact_critic_is_the_least_squares_fit_of_many_rollouts(chapter, θ):
    """20,000 rollouts: within 5 standard errors, estimated from 50 groups of them."""
    π, P = LinearGaussianPolicy(σ_min=1e-9), chapter.P
    τs = rollouts(P, P.b, π, np.array(θ), chapter.D, 20_000, 0)
    L = local_rewards_to_go(τs, P.γ)

    def fit(i):
        s = τs.s[i].ravel()
        return np.linalg.lstsq(np.column_stack([s, s**2]), L[i].ravel(), rcond=None)[0]

    groups = np.array([fit(slice(400 * j, 400 * j + 400)) for j in range(50)])
    error = groups.std(axis=0, ddof=1) / np.sqrt(50)
    assert np.all(abs(fit(slice(None)) - chapter.exact_critic((1, 2), θ)) < 5 * error)


@pytest.mark.parametrize("s", [-1.3, 0.0, 0.4])
def test_example_13_1_is_its_formula(chapter, s):
    traced, formula = chapter.example_13_1(s=s)
    assert traced.shape == (5, 2)
    np.testing.assert_allclose(traced, formula, rtol=1e-12, atol=1e-15)


def test_exercise_13_2_five_forms_have_the_same_expectation(chapter):
    forms = chapter.exercise_13_2()
    assert len(forms) == 5
    assert all(error < 1e-12 for error in forms.values())


def test_exercise_13_4_gradients(chapter):
    traced, formula = chapter.exercise_13_4(0.3, 0.2)
    np.testing.assert_allclose(traced, formula, rtol=1e-12)
    np.testing.assert_allclose(formula[1:], [1, 0.3, 0.09, 0.25], rtol=1e-12)


def test_figure_13_1_starts_together_and_reaches_the_optimum(chapter, values):
    data = chapter.figure_13_1(iterations=40, seeds=4)
    assert list(data) == ["actor-critic", "λ = 0.5", "λ = 0.7", "λ = 0.9"]
    for run in data.values():
        assert run["θ"].shape == run["φ"].shape == (4, 41, 2)
        assert np.all(run["θ"][:, 0] == [0, 1])
        np.testing.assert_allclose(run["U"][:, 0], -24.639929, atol=1e-2)  # σ is |θ₂| + 1e-5
        assert np.median(run["U"][:, -1]) > -0.3
        lengths = np.linalg.norm(np.diff(run["θ"], axis=1), axis=2)
        assert lengths.max() < 0.1 + 1e-12
    assert judged(values.compare_13_1, data)


def test_example_13_2_converges_for_every_noise(chapter, values):
    data = chapter.example_13_2(seeds=2)
    for run in data.values():
        assert run["θ"].shape == (2, 51, 1)
        assert np.all(run["φ"][:, 0] == [0, 1, 0, -1])
        assert np.all(abs(run["θ"][:, -1] + 1) < 0.15)
    assert judged(values.compare_13_2, data)


def test_regulator_page_counts_every_simulated_step(chapter):
    for name, (number, M, cost) in chapter.regulator_methods(m=2).items():
        seen = []

        class Counting(type(chapter.P)):
            def TR(self, s, a, rng, seen=seen):
                seen.append(len(s))
                return chapter.SimpleRegulator.TR(self, s, a, rng)

        assert number in (10, 11, 12, 13), name
        if number == 10:
            U = attrs.evolve(M.U, P=Counting(0.9))
            steps, utilities = chapter.learn(chapter.Search(M.M, U), cost, 3 * cost + 10, 0)
            assert sum(seen) == steps[-1], name  # every generation, and Hooke-Jeeves' start
            assert np.all(np.diff(steps)[1:] == cost)
            assert 3 * cost <= steps[-1] <= 3 * cost + 10
            assert len(steps) == len(utilities)
            assert np.isfinite(utilities).all()
        if number > 10:
            steps, utilities = chapter.learn(with_problem(M, Counting(0.9)), cost, 3 * cost, 0)
            assert steps.tolist() == [0, cost, 2 * cost, 3 * cost]
            assert sum(seen) == 4 * cost, name  # an update after each of the four points
            assert np.isfinite(utilities).all()


def with_problem(M, P):
    """M with its problem replaced, also inside."""
    changes = {"P": P} if hasattr(M, "P") else {}
    if hasattr(M, "grad_U"):
        changes["grad_U"] = with_problem(M.grad_U, P)
    if isinstance(M, ActorCriticUpdate):
        rule = with_problem(M.rule, P)
        changes["rule"] = attrs.evolve(rule, grad_U=changes["grad_U"]) if hasattr(rule, "grad_U") else rule
    return attrs.evolve(M, **changes)


def test_a_search_that_has_ended_stays_where_it_is_until_the_budget_is_spent(chapter):
    M, cost = chapter.regulator_searches()["Hooke-Jeeves"]
    M = chapter.Search(attrs.evolve(M.M, max_iterations=3), M.U)
    steps, utilities = chapter.learn(M, cost, 800, 0)
    assert steps.tolist() == [0, 20, *range(100, 800, 80)]
    assert len(set(utilities[5:])) == 1


def test_regulator_page_keeps_runs_that_blow_up(chapter):
    import decision_making as dm

    M = dm.PolicyGradientUpdate(dm.LikelihoodRatioGradient(chapter.P, chapter.P.b, 10, 2), 1e6)
    steps, utilities = chapter.learn(M, 20, 200, 0)
    assert len(steps) == len(utilities) == 11
    assert utilities[-1] == chapter.BLOW_UP


def test_steps_until_the_median_is_below_the_bound(values):
    losses = np.array([[3.0, 1.0, 0.5], [3.0, 2.0, 0.7]])
    assert values.steps_until(losses, np.array([0, 10, 20]), 1.0) == 20
    assert values.steps_until(losses, np.array([0, 10, 20]), 0.1) == np.inf


def test_a_slower_advantage_or_a_lost_policy_is_noticed(chapter, values):
    data = chapter.figure_13_1(iterations=40, seeds=1)
    worse = {**data, "λ = 0.5": {**data["λ = 0.5"], "U": np.full((1, 41), -20.0)}}
    assert not judged(values.compare_13_1, worse)
    lost = {**data, "λ = 0.7": {**data["λ = 0.7"], "θ": np.zeros((1, 41, 2))}}
    assert not judged(values.compare_13_1, lost)
    assert not judged(values.compare_critics, [np.array([0.0, -0.7]), np.zeros(3)])


def test_main_agrees_with_the_book_and_writes_the_figures(values, tmp_path, capsys):
    assert_main_agrees(values, tmp_path / "new", capsys, ("figure_13_1", "example_13_2", "regulator_page"))
