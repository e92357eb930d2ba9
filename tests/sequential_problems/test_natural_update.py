"""The natural step, and its Fisher matrix, against linear algebra and exact expectations."""

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from scipy.sparse.linalg import aslinearoperator

from decision_making import (
    MDP,
    FunctionPolicy,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    NaturalPolicyUpdate,
    Policy,
    RestrictedPolicyUpdate,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionUpdate,
    natural_update,
    rollouts,
    surrogate_constraint,
    surrogate_objective,
    update,
)
from decision_making.policies import softmax
from decision_making.policies.softmax import TableScores
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization import natural_along, natural_step
from decision_making.trajectories import local_rewards_to_go, returns
from tests import strategies
from tests.oracles import enumeration, loops, regulator
from tests.oracles.population import POLICIES, B, R, T, everything, population
from tests.support import OVER_STEPS, UPDATES, gradient_of, hessian_of, replayed, scores_and_returns, surrogate

generators = st.integers(0, 10_000).map(np.random.default_rng)


def linear_policy(n):
    """log π is linear in θ with the state as its gradient: trajectories of one step have the scores one likes."""

    def logpdf(θ, a, s):
        return sum(θ[i] * s[..., i] for i in range(n))

    return FunctionPolicy(n, lambda θ, s, rng: s[..., 0], logpdf, state_ndim=1)


def with_scores(G, R):
    """(π, τs): trajectories of one step with scores G (m, n) and returns R (m,)."""
    G, R = np.asarray(G, float), np.asarray(R, float)
    return linear_policy(G.shape[1]), Trajectories(G[:, None], np.zeros((len(G), 1)), R[:, None])


def moments(g, F):
    """(G, R) with GᵀR / m = g and GᵀG / m = F."""
    m = len(g)
    G = np.linalg.cholesky(m * F).T
    return G, np.linalg.solve(G.T, m * np.asarray(g))


def closed_form(g, F, ε):
    u = np.linalg.solve(F, g)
    return u * np.sqrt(2 * ε / (g @ u))


# ---- the regulator's table, at depth 10 with ε = 0.01


@pytest.mark.parametrize(("γ", "θ", "U", "g", "F", "restricted", "natural", "kl"), UPDATES)
def test_regulator_table_from_exact_moments(γ, θ, U, g, F, restricted, natural, kl):
    π, τs = with_scores(*moments(np.array(g), np.diag(F)))
    np.testing.assert_allclose(update(replayed(NaturalPolicyUpdate, 0.01, γ=γ), π, θ, τs=τs), natural, atol=1.1e-6)
    np.testing.assert_allclose(
        update(replayed(RestrictedPolicyUpdate, 0.01, γ=γ), π, θ, τs=τs), restricted, atol=1.1e-6
    )


# ---- the step in its ellipsoid


@given(generators, st.integers(1, 4), st.sampled_from([1e-4, 0.1]), st.sampled_from([0.0, 0.03, 5.0]))
def test_update_solves_the_damped_system_and_uses_all_of_ε(rng, n, ε, damping):
    G, R, θ = rng.normal(size=(n + 3, n)), rng.normal(size=n + 3), rng.normal(size=n)
    π, τs = with_scores(G, R)
    g, F = G.T @ R / len(R), G.T @ G / len(R)
    damped = F + damping * np.eye(n)
    Δ = update(replayed(NaturalPolicyUpdate, ε, damping=damping), π, θ, τs=τs) - θ
    np.testing.assert_allclose(Δ, closed_form(g, damped, ε), rtol=1e-7, atol=1e-12)
    spent, undamped = 0.5 * Δ @ damped @ Δ, 0.5 * Δ @ F @ Δ
    assert spent == pytest.approx(ε, rel=1e-8)
    assert undamped <= ε * (1 + 1e-8)
    assert g @ Δ == pytest.approx(np.sqrt(2 * ε * (g @ np.linalg.solve(damped, g))), rel=1e-8)
    for v in rng.normal(size=(20, n)):  # no other vector of the ellipsoid's surface gains more
        assert g @ v * np.sqrt(2 * ε / (v @ damped @ v)) <= g @ Δ * (1 + 1e-9)


@given(generators, st.integers(1, 6), st.integers(1, 4), st.sampled_from([1e-4, 0.1, 2.0]), st.sampled_from([0.0, 0.3]))
def test_natural_step_is_the_longest_ascent_within_ε_whatever_the_number_of_rows(rng, m, n, ε, damping):
    """Of fewer rows than parameters the minimum-norm one; neither the returns' scale nor the order counts."""
    G, R, θ = rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=n)
    Δ = natural_update(θ, G, R, ε, damping) - θ
    g, F = G.T @ R / m, G.T @ G / m + damping * np.eye(n)
    u = np.linalg.pinv(F, rcond=1e-12) @ g
    np.testing.assert_allclose(0.5 * Δ @ F @ Δ, ε, rtol=1e-9)
    assert g @ Δ == pytest.approx(np.sqrt(2 * ε * (g @ u)), rel=1e-8)
    if not damping:
        u = np.linalg.pinv(G) @ R
    np.testing.assert_allclose(Δ / np.linalg.norm(Δ), u / np.linalg.norm(u), rtol=1e-8, atol=1e-9)
    for c in (7, -1):
        np.testing.assert_allclose(natural_update(θ, G, c * R, ε, damping) - θ, np.sign(c) * Δ, rtol=1e-9, atol=1e-12)
    order = rng.permutation(m)
    for rows, L in ((G[order], R[order]), (np.vstack([G, G]), np.append(R, R))):
        np.testing.assert_allclose(natural_update(θ, rows, L, ε, damping) - θ, Δ, rtol=1e-8, atol=1e-10)


@given(generators, strategies.numbers(-2.0, 2.0))
def test_natural_step_of_one_trajectory(rng, R):
    assume(R != 0)
    g = rng.normal(size=3)
    Δ = natural_update(np.zeros(3), g[None], np.array([R]), 0.3)
    np.testing.assert_allclose(Δ, np.sign(R) * np.sqrt(0.6) * g / (g @ g), rtol=1e-10)


def test_natural_step_in_more_than_one_block_of_rows():
    rng, m = np.random.default_rng(0), 2 * natural_step.ROWS + 3616
    G, R = rng.normal(size=(m, 3)), rng.normal(size=m)
    Δ = natural_update(np.zeros(3), G, R, 0.1)
    np.testing.assert_allclose(Δ, closed_form(G.T @ R / m, G.T @ G / m, 0.1), rtol=1e-9)


def test_natural_step_where_the_normal_equations_have_lost_everything():
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(200, 2)))[0]
    G = Q @ np.diag([1.0, 1e-9]) @ np.linalg.qr(rng.normal(size=(2, 2)))[0]  # condition 1e9; of F 1e18
    u = np.array([1.0, 2.0])
    Δ = natural_update(np.zeros(2), G, G @ u, 0.5)
    np.testing.assert_allclose(Δ / np.linalg.norm(Δ), u / np.linalg.norm(u), rtol=1e-5)


@given(generators, st.integers(1, 4))
def test_heavy_damping_turns_the_natural_into_the_restricted_step(rng, n):
    G, R, θ, c = rng.normal(size=(n + 2, n)), rng.normal(size=n + 2), np.zeros(n), 1e9
    π, τs = with_scores(G, R)
    restricted = update(replayed(RestrictedPolicyUpdate, 0.1), π, θ, τs=τs)
    Δ = update(replayed(NaturalPolicyUpdate, 0.1, damping=c), π, θ, τs=τs)
    np.testing.assert_allclose(np.sqrt(c) * Δ, restricted, rtol=1e-5, atol=1e-7)


@given(strategies.gaussian_records(), strategies.discounts)
def test_quadrupled_ε_doubles_the_step_and_negative_rewards_reverse_it(record, γ):
    π, θ, τs = record
    assume(any(abs(x) > 1e-3 for x in (τs.r * γ ** np.arange(τs.r.shape[1])).sum(axis=1)))
    for Struct in (RestrictedPolicyUpdate, NaturalPolicyUpdate):
        Δ = update(replayed(Struct, 0.01, γ=γ), π, θ, τs=τs) - θ
        np.testing.assert_allclose(update(replayed(Struct, 0.04, γ=γ), π, θ, τs=τs) - θ, 2 * Δ, rtol=1e-7, atol=1e-13)
        for c in (-1.0, -3.0):
            flipped = Trajectories(τs.s, τs.a, c * τs.r, τs.mask)
            reversed_step = update(replayed(Struct, 0.01, γ=γ), π, θ, τs=flipped) - θ
            np.testing.assert_allclose(reversed_step, -Δ, rtol=1e-6, atol=1e-12)


@given(generators, strategies.numbers(-2.0, 2.0))
def test_in_one_dimension_natural_and_restricted_steps_differ_in_length_only(rng, θ):
    G, R = rng.normal(size=(5, 1)), rng.normal(size=5)
    π, τs = with_scores(G, R)
    natural, restricted = (
        update(replayed(S, 0.1), π, [θ], τs=τs) - θ for S in (NaturalPolicyUpdate, RestrictedPolicyUpdate)
    )
    assert natural[0] == pytest.approx(restricted[0] / np.sqrt((G**2).mean()), rel=1e-9)
    assert abs(restricted[0]) == pytest.approx(np.sqrt(0.2), rel=1e-12)


@pytest.mark.parametrize("size", [1e-170, 1e-3, 1e3, 1e170])
def test_scores_whose_squares_leave_the_floating_range(size):
    rng = np.random.default_rng(3)
    G, R = rng.normal(size=(6, 3)), rng.normal(size=6)
    expected = natural_update(np.zeros(3), G, R, 0.1) / size
    np.testing.assert_allclose(natural_update(np.zeros(3), size * G, R, 0.1), expected, rtol=1e-9)


def test_natural_update_leaves_its_arguments_alone():
    rng = np.random.default_rng(4)
    arguments = [rng.normal(size=2), rng.normal(size=(5, 2)), rng.normal(size=5)]
    copies = [x.copy() for x in arguments]
    assert natural_update(*arguments, 0.1) is not arguments[0]
    assert natural_update(arguments[0], arguments[1], 0 * arguments[2], 0.1) is not arguments[0]
    for x, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(x, copy)


# ---- singular Fisher matrices


def test_repeated_features_share_the_step():
    """Two copies of a parameter move half as far each: the policy reached is that of one parameter."""
    rng = np.random.default_rng(5)
    G, R = rng.normal(size=(8, 2)), rng.normal(size=8)
    alone = natural_update(np.zeros(2), G, R, 0.1)
    doubled = natural_update(np.zeros(3), G[:, [0, 1, 1]], R, 0.1)
    np.testing.assert_allclose(doubled, [alone[0], alone[1] / 2, alone[1] / 2], rtol=1e-9)


@given(generators, st.integers(1, 3))
def test_parameter_without_influence_stays_where_it_is(rng, n):
    G, R = rng.normal(size=(6, n)), rng.normal(size=6)
    Δ = natural_update(np.zeros(n + 1), np.column_stack([G, np.zeros(6)]), R, 0.1)
    np.testing.assert_allclose(Δ, [*natural_update(np.zeros(n), G, R, 0.1), 0.0], rtol=1e-9, atol=1e-12)


@given(strategies.tabular_records(m=st.integers(1, 3)), strategies.discounts)
def test_singular_fisher_with_fewer_rollouts_than_parameters(record, γ):
    """The step is finite, lies in the span of the scores and, where there is one, uses all of ε."""
    π, θ, τs = record
    M = replayed(NaturalPolicyUpdate, 0.1, γ=γ)
    G, R = scores_and_returns(M, π, θ, τs)
    Δ = update(M, π, θ, τs=τs) - θ
    assert np.isfinite(Δ).all()
    F = G.T @ G / len(G)
    eigenvalues = np.linalg.eigvalsh(F)
    assert eigenvalues[0] >= -1e-12 * max(eigenvalues[-1], 1)
    assert np.linalg.matrix_rank(F) <= min(len(G), π.n)
    singular = np.linalg.svd(G, compute_uv=False)
    assume(all(x > 1e-6 or x < 1e-13 for x in singular))
    span = np.linalg.pinv(G, rcond=1e-10) @ G
    np.testing.assert_allclose(span @ Δ, Δ, atol=1e-8 * max(1, np.linalg.norm(Δ)))
    g = G.T @ R / len(R)
    if np.linalg.norm(g) > 1e-6:
        spent = 0.5 * Δ @ F @ Δ
        assert spent == pytest.approx(0.1, rel=1e-7)
        assert g @ Δ > 0


@given(strategies.tabular_records(policies=lambda S, A: st.just(SoftmaxPolicy(S, A))), strategies.discounts)
def test_policy_of_a_tabular_step_does_not_depend_on_the_null_space(record, γ):
    """Shifting the logits of a state changes θ and not the policy: neither may the step's policy change."""
    π, θ, τs = record
    M = replayed(NaturalPolicyUpdate, 0.01, γ=γ)
    states = np.repeat(np.arange(π.n_states), π.n_actions)
    shift = 1.0 + states
    Δ = update(M, π, θ, τs=τs) - θ
    Δ_shifted = update(M, π, θ + shift, τs=τs) - θ - shift
    assert np.isfinite(Δ).all()
    p, p_shifted = (np.exp(π.log_probabilities(θ + x, states)) for x in (Δ, Δ_shifted))
    np.testing.assert_allclose(p, p_shifted, rtol=1e-6, atol=1e-9)


def test_affine_invariance_of_the_policy_where_the_fisher_matrix_is_singular():
    """∇ lies in the range of F: whatever the null space does, the logits the policy sees move alike."""
    rng = np.random.default_rng(6)
    A, G, R = rng.normal(size=(3, 3)), rng.normal(size=(7, 2)) @ rng.normal(size=(2, 3)), rng.normal(size=7)
    Δ, Δ_ψ = natural_update(np.zeros(3), G, R, 0.1), natural_update(np.zeros(3), G @ A, R, 0.1)
    np.testing.assert_allclose(G @ A @ Δ_ψ, G @ Δ, rtol=1e-6)


@given(generators, st.integers(1, 3))
def test_affine_invariance(rng, n):
    A, G, R = rng.normal(size=(n, n)), rng.normal(size=(n + 3, n)), rng.normal(size=n + 3)
    assume(np.linalg.cond(A) < 100)
    π, τs = with_scores(G, R)
    π_ψ, τs_ψ = with_scores(G @ A, R)  # θ = A ψ: scores are multiplied by A
    M = replayed(NaturalPolicyUpdate, 0.1)
    Δ, Δ_ψ = update(M, π, np.zeros(n), τs=τs), update(M, π_ψ, np.zeros(n), τs=τs_ψ)
    np.testing.assert_allclose(A @ Δ_ψ, Δ, rtol=1e-6, atol=1e-8)
    M = replayed(NaturalPolicyUpdate, 0.1, damping=1.0)  # damping has its own idea of length
    damped, damped_ψ = update(M, π, np.zeros(n), τs=τs), update(M, π_ψ, np.zeros(n), τs=τs_ψ)
    if np.linalg.norm(A.T @ A - np.eye(n)) > 0.5:
        assert not np.allclose(A @ damped_ψ, damped, rtol=1e-6, atol=1e-8)


def test_smooth_reparametrisation_agrees_to_first_order():
    """σ = exp(ψ₂) and θ₁ = sinh(ψ₁): dividing ε by 4 halves the relative gap of the two steps."""

    def h(ψ):
        return [anp.sinh(ψ[0]), anp.exp(ψ[1])]

    def logpdf(ψ, a, s):
        θ = h(ψ)
        return -0.5 * ((a - θ[0] * s) / θ[1]) ** 2 - anp.log(θ[1]) - 0.5 * np.log(2 * np.pi)

    π, π_ψ = LinearGaussianPolicy(0.0), FunctionPolicy(2, lambda ψ, s, rng: s, logpdf)
    P, θ = SimpleRegulator(0.9), np.array([-0.4, 0.7])
    τs = rollouts(P, P.b, π, θ, 4, 200, 0)
    ψ = np.array([np.arcsinh(θ[0]), np.log(θ[1])])

    def gap(ε):
        M = replayed(NaturalPolicyUpdate, ε, γ=0.9)
        Δ = update(M, π, θ, τs=τs) - θ
        return np.linalg.norm(np.array(h(update(M, π_ψ, ψ, τs=τs))) - θ - Δ) / np.linalg.norm(Δ)

    for ε in (1e-3, 1e-4):
        assert gap(ε) / gap(ε / 4) == pytest.approx(2, rel=0.1)


# ---- sparse scores


@given(
    strategies.tabular_records(m=st.integers(1, 8), policies=lambda S, A: st.just(SoftmaxPolicy(S, A))),
    strategies.discounts,
    st.sampled_from([0.0, 0.1]),
)
def test_iterative_step_is_the_factored_one(record, γ, damping):
    """Also where G is singular, which a table's always is: the minimum-norm solution, to the solver's tolerance."""
    π, θ, τs = record
    G, R = scores_and_returns(replayed(NaturalPolicyUpdate, 0.1, γ=γ), π, θ, τs)
    singular = np.linalg.svd(G, compute_uv=False)
    assume(all(x > 1e-3 * singular[0] or x < 1e-13 for x in singular))
    assume(np.linalg.norm(G.T @ R) > 1e-6 * np.linalg.norm(R) or not R.any())
    iterative = natural_update(θ, TableScores.of(π, θ, τs), R, 0.1, damping)
    np.testing.assert_allclose(iterative, natural_update(θ, G, R, 0.1, damping), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("m", [30, 200])
@pytest.mark.parametrize("as_operator", [False, True])
def test_table_with_improbable_actions_gets_its_step_where_the_iteration_does_not_arrive(m, as_operator):
    """The smallest singular value is 1e-7 of the largest: ten times the iterations still miss by 0.5 and 17 %."""
    rng = np.random.default_rng(2)
    P, b = MDP.from_arrays(rng.dirichlet(np.ones(20), (20, 4)), rng.normal(size=(20, 4)), 0.9), np.full(20, 0.05)
    π, θ = SoftmaxPolicy(20, 4), 8 * rng.normal(size=80)
    τs = rollouts(P, b, π, θ, 40, m, 0)
    sparse, R = TableScores.of(π, θ, τs), returns(τs, 0.9)
    expected = natural_update(θ, π.scores(θ, τs), R, 0.1)  # of an array
    got = natural_update(θ, aslinearoperator(np.asarray(sparse)) if as_operator else sparse, R, 0.1)
    assert np.linalg.norm(got - expected) <= 1e-6 * np.linalg.norm(expected - θ)


FORMS = {
    "array": (lambda G: G.reshape(-1, G.shape[2]), lambda R: R.ravel()),
    "sparse": (lambda G: aslinearoperator(G.reshape(-1, G.shape[2])), lambda R: R.ravel()),
    "blocks": (lambda G: G, lambda R: R),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damping", [0.0, 0.5])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_returns_orthogonal_to_all_scores_leave_θ(form, damping, scale):
    """Up to rounding, which must not be blown up to a step of full length; a hundred times that is a gradient."""
    rng = np.random.default_rng(0)
    G, θ, damping = scale * rng.normal(size=(1, 50, 4)), rng.normal(size=4), damping * scale**2
    R = rng.normal(size=(1, 50))
    R[0] -= G[0] @ np.linalg.lstsq(G[0], R[0], rcond=None)[0]
    matrix, vector = FORMS[form]
    np.testing.assert_array_equal(natural_update(θ, matrix(G), vector(R), 0.1, damping), θ)
    slightly = R + 1e-10 * G[..., 0] / scale
    assert not np.array_equal(natural_update(θ, matrix(G), vector(slightly), 0.1, damping), θ)


@pytest.mark.parametrize("form", ["array", "blocks"])
@pytest.mark.parametrize("damping", [0.0, 1e-6, 0.2])
def test_opposite_returns_of_equal_trajectories_leave_θ(form, damping):
    """The gradient is 0, and the condition number 5,000 to 5e9: rounding times that would be a direction."""
    row, θ = [2088.33196324, 81768.76605807], np.array([-2.0, 0.075])
    matrix, vector = FORMS[form]
    G, R = np.array([[row, row]]), np.array([[-3.0, 3.0]])
    np.testing.assert_array_equal(natural_update(θ, matrix(G), vector(R), 0.1, damping), θ)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [3, 5])
def test_scores_of_another_length_than_θ_are_refused(form, n):
    matrix, vector = FORMS[form]
    with pytest.raises(ValueError, match=f"with n = {n}"):
        natural_update(np.zeros(n), matrix(np.ones((1, 6, 4))), vector(np.ones((1, 6))), 0.1)


@pytest.mark.parametrize("form", ["array", "sparse"])
@pytest.mark.parametrize("shape", [(5,), (7,), (6, 1), (1, 6, 1), ()])
def test_returns_that_do_not_belong_to_the_scores_are_refused(form, shape):
    matrix, _ = FORMS[form]
    with pytest.raises(ValueError, match=r"G has shape \(6, 4\) and R \("):
        natural_update(np.zeros(4), matrix(np.ones((1, 6, 4))), np.ones(shape), 0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_and_returns_that_are_not_finite_are_refused(bad):
    for form, (matrix, vector) in FORMS.items():
        G, R = np.ones((1, 6, 4)), np.ones((1, 6))
        with pytest.raises(ValueError, match="must be finite"):
            natural_update(np.zeros(4), matrix(G), vector(np.where(np.arange(6) == 2, bad, R)), 0.1)
        if form != "sparse":
            G[0, 1, 2] = bad
            with pytest.raises(ValueError, match="must be finite"):
                natural_update(np.zeros(4), matrix(G), vector(R), 0.1)


def test_iteration_that_does_not_arrive_says_so_where_the_matrix_is_too_large_to_factor(monkeypatch):
    """G has condition 1e12, with as many singular values in between as it has rows."""
    rng, n = np.random.default_rng(0), 40
    Q, Z = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    G, R = Q * np.logspace(0, -12, n) @ Z, np.ones(n)
    monkeypatch.setattr(natural_step, "FACTORED", n * n - 1)
    with pytest.warns(RuntimeWarning, match=f"not converged in {10 * n + 100} iterations: damping > 0"):
        got = natural_update(np.zeros(n), aslinearoperator(G), R, 0.1)
    assert (G.T @ R) @ got > 0
    damped, expected = (natural_update(np.zeros(n), X, R, 0.1, 1e-4) for X in (aslinearoperator(G), G))
    np.testing.assert_allclose(damped, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("m", [60, 400])
@pytest.mark.parametrize("Struct", [NaturalPolicyUpdate, TrustRegionUpdate])
def test_update_of_a_table_is_the_same_from_sparse_scores(Struct, m, dtype, monkeypatch):
    rng = np.random.default_rng(8)
    P, b = MDP.from_arrays(rng.dirichlet(np.ones(20), (20, 4)), rng.normal(size=(20, 4)), 0.9), np.full(20, 0.05)
    M = Struct(P, b, 15, m, 0.05, *([0.5] * (Struct is TrustRegionUpdate)))
    π, θ = SoftmaxPolicy(20, 4), rng.normal(size=80).astype(dtype)
    dense = update(M, π, θ, rng=1)
    monkeypatch.setattr(softmax, "DENSE", 0)
    sparse = update(M, π, θ, rng=1)
    rtol, atol, rounding = (1e-6, 1e-8, 1e-10) if dtype is np.float64 else (1e-4, 1e-4, 1e-5)
    np.testing.assert_allclose(sparse, dense, rtol=rtol, atol=atol)
    np.testing.assert_array_equal(update(M, π, θ, rng=1), sparse)
    assert sparse.dtype == dtype
    assert not np.array_equal(dense, θ)
    np.testing.assert_allclose((sparse - θ).reshape(20, 4).sum(axis=1), 0, atol=rounding)  # of minimum norm


def test_sparse_scores_without_a_gradient():
    τs = Trajectories([[0, 1], [1, 0]], [[0, 0], [0, 0]], [[1.0, 2.0], [3.0, 4.0]])  # one action: scores are 0
    π = SoftmaxPolicy(2, 1)
    G = TableScores.of(π, np.zeros(2), τs)
    np.testing.assert_array_equal(natural_update(np.ones(2), G, τs.r.sum(axis=1), 0.1), np.ones(2))


# ---- blocks: a table's rows for the surrogate direction


@given(generators, st.sampled_from([(1, 3, 2), (3, 1, 2), (4, 3, 3), (2, 2, 5)]), st.sampled_from([0.0, 0.1]))
def test_step_of_diagonal_blocks_is_that_of_the_whole_matrix(rng, shape, damping):
    """More rows than columns and fewer, full rank and one less, a block of zeros, and one whose scores are rounding."""
    (B, k, j), singular = shape, rng.random() < 0.5
    blocks, R, θ = rng.normal(size=shape), rng.normal(size=shape[:2]), rng.normal(size=B * j)
    if singular:
        blocks[0, :, -1] = blocks[0, :, 0]
        blocks[1:2] *= rng.choice([0.0, 1.0, 1e-16])
    whole = np.zeros((B, k, B, j))
    whole[np.arange(B), :, np.arange(B)] = blocks
    G = whole.reshape(B * k, B * j)
    for dtype, tolerance in ((np.float64, 1e-9), (np.float32, 1e-3)):
        x = θ.astype(dtype)
        step = natural_update(x, blocks, R, 0.1, damping)
        assert step.dtype == dtype
        np.testing.assert_allclose(step, natural_update(x, G, R.ravel(), 0.1, damping), rtol=tolerance, atol=tolerance)


@given(
    strategies.tabular_records(m=st.integers(1, 8), policies=lambda S, A: st.just(SoftmaxPolicy(S, A))),
    strategies.discounts,
    st.sampled_from(OVER_STEPS),
    st.sampled_from([0.0, 0.1]),
)
def test_merged_rows_of_a_table_have_the_moments_and_the_step_of_all_rows(record, γ, over_steps, damping):
    π, θ, τs = record
    M = replayed(NaturalPolicyUpdate, 0.1, γ=γ, direction="surrogate", over_steps=over_steps, damping=damping)
    G, R = scores_and_returns(M, π, θ, τs)
    rows, L = Policy.step_rows(π, θ, τs, surrogate(M, π, θ, τs).kl_share, local_rewards_to_go(τs, γ))
    gradient, F = rows.T @ L / len(L), rows.T @ rows / len(L)
    np.testing.assert_allclose(np.einsum("ska,sk->sa", G, R).ravel() / R.size, gradient, rtol=1e-9, atol=1e-12)
    for s, block in enumerate(np.einsum("ski,skj->sij", G, G) / R.size):
        i = slice(s * π.n_actions, (s + 1) * π.n_actions)
        np.testing.assert_allclose(block, F[i, i], rtol=1e-9, atol=1e-12)
        F[i, i] = 0
    np.testing.assert_array_equal(F, 0)
    singular = np.linalg.svd(rows, compute_uv=False)
    assume(all(x > 1e-4 * singular[0] or x < 1e-13 for x in singular))
    assume(np.linalg.norm(gradient) > 1e-6 * np.linalg.norm(L) or not L.any())
    expected = natural_update(θ, rows, L, 0.1, damping)
    np.testing.assert_allclose(update(M, π, θ, τs=τs), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("damping", [0.0, 0.01])
def test_surrogate_direction_of_a_large_table(damping):
    """2,000 parameters, 30,000 steps: the step is natural for F and ∇ as sums over the steps, and of minimum norm."""
    S, A, m, d, rng = 200, 10, 1_000, 30, np.random.default_rng(3)
    π, θ = SoftmaxPolicy(S, A), rng.normal(size=S * A)
    s = rng.integers(0, S, (m, d))
    τs = Trajectories(s, π(θ, s, rng), rng.normal(size=(m, d)))
    M = replayed(NaturalPolicyUpdate, 0.1, γ=0.9, direction="surrogate", damping=damping)
    Δ = (update(M, π, θ, τs=τs) - θ).reshape(S, A)
    p, share = np.exp(π.log_probabilities(θ, np.arange(S))), 0.9 ** np.arange(d) / (m * d)

    def summed(weights, values):
        """Σ weights · values · (e_a - π(· | s)) over the steps, (S, A)."""
        c = np.zeros((S, A))
        np.add.at(c, (τs.s, τs.a), weights * values)
        return c - p * c.sum(axis=1, keepdims=True)

    F_Δ = summed(share, Δ[τs.s, τs.a] - (p * Δ).sum(axis=1)[τs.s]) + damping * Δ
    g = summed(share, local_rewards_to_go(τs, 0.9))
    np.testing.assert_allclose(F_Δ, g * 0.2 / np.sum(g * Δ), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(Δ.sum(axis=1), 0, atol=1e-10)


@given(strategies.gaussian_records(), strategies.discounts, st.sampled_from(OVER_STEPS))
def test_surrogate_direction_of_any_sample_has_the_mean_slope_and_outer_product_of_its_steps(record, γ, over_steps):
    π, θ, τs = record
    M = replayed(NaturalPolicyUpdate, 0.1, γ=γ, direction="surrogate", over_steps=over_steps)
    G, R = scores_and_returns(M, π, θ, τs)
    g = loops.mean_over_steps(τs, γ, over_steps, lambda k, s, a, L: L * loops.score(π, θ, a, s))
    F = loops.mean_over_steps(
        τs, γ, over_steps, lambda k, s, a, L: γ**k * np.outer(loops.score(π, θ, a, s), loops.score(π, θ, a, s))
    )
    np.testing.assert_allclose(G.T @ R / len(G), g, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(G.T @ G / len(G), F, rtol=1e-8, atol=1e-8)


# ---- expectations: the whole population of trajectories stands for infinitely many


@pytest.mark.parametrize("γ", [1.0, 0.6])
@pytest.mark.parametrize("terminal", [False, True])
def test_natural_step_of_the_whole_population_is_the_exact_one(γ, terminal):
    π, θ, E = everything("linear", γ, 3, terminal)
    scores = enumeration.scores_of(π, θ)
    expected = θ + closed_form(E.utility_gradient(scores), E.fisher(scores), 0.05)
    np.testing.assert_allclose(
        update(replayed(NaturalPolicyUpdate, 0.05, γ=γ), π, θ, τs=population(E)), expected, rtol=1e-10
    )


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("terminal", [False, True])
def test_fisher_matrix_is_the_hessian_of_the_summed_undiscounted_divergence(name, terminal):
    """E[g(τ) g(τ)ᵀ] = Σ_k E[g_k g_kᵀ] = the Hessian at θ, also of the divergence of the trajectory distributions."""
    π, θ, E = everything(name, 0.5, 2, terminal)
    τs = population(E)
    G, _ = scores_and_returns(replayed(NaturalPolicyUpdate, 0.1), π, θ, τs)
    F = G.T @ G / len(G)
    steps = E.step_scores(enumeration.scores_of(π, θ))
    np.testing.assert_allclose(F, np.einsum("N,Nki,Nkj->ij", E.weights, steps, steps), atol=1e-12)
    M = replayed(NaturalPolicyUpdate, 0.1, γ=1.0, over_steps="sum")
    np.testing.assert_allclose(F, hessian_of(lambda x: surrogate_constraint(M, π, θ, x, τs), θ, 1e-2), atol=1e-5)

    def divergence(x):
        p_new = enumeration.softmax(enumeration.features_of(π), x)
        return E.expectation(-(np.log(E.ratios(p_new)) * E.mask).sum(axis=1))

    np.testing.assert_allclose(F, hessian_of(divergence, θ, 1e-2), atol=1e-5)


@pytest.mark.parametrize("γ", [1.0, 0.5])
@pytest.mark.parametrize("over_steps", OVER_STEPS)
def test_surrogate_direction_of_the_population_has_gradient_and_hessian_of_the_surrogates(γ, over_steps):
    """Σ p g L is the slope of the objective and Σ p g gᵀ the Hessian of the constraint, both by differences.

    The first holds on any sample, the second in expectation over the actions, hence the whole population. Where a
    trajectory's length depends on its actions only the sum over the steps has it.
    """
    for terminal in (False, True):
        π, θ, E = everything("linear", γ, 2, terminal)
        τs = population(E)
        M = replayed(NaturalPolicyUpdate, 0.1, γ=γ, direction="surrogate", over_steps=over_steps)
        G, L = scores_and_returns(M, π, θ, τs)
        slope = gradient_of(lambda x: surrogate_objective(M, π, θ, x, τs), θ, 1e-3)  # noqa: B023, called at once
        np.testing.assert_allclose(G.T @ L / len(G), slope, rtol=1e-8)
        if not terminal or over_steps == "sum":
            curvature = hessian_of(lambda x: surrogate_constraint(M, π, θ, x, τs), θ, 1e-2)  # noqa: B023
            np.testing.assert_allclose(G.T @ G / len(G), curvature, atol=1e-5)


@given(strategies.records(full=st.just(True)), strategies.discounts)
def test_mean_over_d_steps_lengthens_the_surrogate_s_step_by_root_d(record, γ):
    """Fisher matrix and gradient are both 1/d of the sums: the direction is the same."""
    π, θ, τs = record
    Δ, Δ_sum = (
        update(replayed(NaturalPolicyUpdate, 0.1, γ=γ, direction="surrogate", over_steps=o), π, θ, τs=τs) - θ
        for o in OVER_STEPS
    )
    np.testing.assert_allclose(Δ, np.sqrt(τs.r.shape[1]) * Δ_sum, rtol=1e-7, atol=1e-10)


def test_direction_and_over_steps_are_the_book_s_by_default():
    P, π, θ = SimpleRegulator(0.9), LinearGaussianPolicy(), np.array([-0.4, 0.7])
    τs = rollouts(P, P.b, π, θ, 4, 50, 1)
    book = update(replayed(NaturalPolicyUpdate, 0.1, γ=0.9), π, θ, τs=τs)
    explicit = replayed(NaturalPolicyUpdate, 0.1, γ=0.9, direction="trajectory", over_steps="mean", damping=0.0)
    np.testing.assert_array_equal(update(explicit, π, θ, τs=τs), book)
    other = update(replayed(NaturalPolicyUpdate, 0.1, γ=0.9, direction="surrogate"), π, θ, τs=τs)
    assert not np.allclose(other, book, rtol=1e-2)


@pytest.mark.parametrize("γ", [1.0, 0.9])
def test_divergence_along_the_natural_step_is_ε_to_second_order(γ):
    """Summed, undiscounted KL at θ + hΔ over h² ε tends to 1 linearly in h (regulator, closed form)."""
    θ = np.array([-0.3, 0.8])
    Δ = regulator.natural_update(γ, θ, 5, 0.1) - θ

    def excess(h):
        return abs(regulator.surrogate_constraint(1.0, θ, θ + h * Δ, 5, "sum") / (0.1 * h**2) - 1)

    G, r = moments(regulator.utility_gradient(γ, θ, 5), regulator.fisher(θ, 5))
    np.testing.assert_allclose(natural_update(θ, G, r, 0.1), θ + Δ, rtol=1e-12)
    assert excess(1e-1) / excess(1e-2) == pytest.approx(10, rel=0.1)
    assert excess(1e-2) / excess(1e-3) == pytest.approx(10, rel=0.1)


# ---- large samples: 5 standard errors, from the exact covariance of the moments

ROLLOUTS, ε = 20_000, 0.05


def exact_step(Struct, v, n):
    """The step as a function of the moments v = (∇, F flattened)."""
    g, F = v[:n], v[n:].reshape(n, n)
    return closed_form(g, F, ε) if Struct is NaturalPolicyUpdate else np.sqrt(2 * ε) * g / np.linalg.norm(g)


@pytest.mark.parametrize("Struct", [RestrictedPolicyUpdate, NaturalPolicyUpdate])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_large_samples_reach_the_exact_step(Struct, seed):
    γ, d = 0.8, 3
    π, θ, E = everything("linear", γ, d, terminal=True)
    g = E.step_scores(enumeration.scores_of(π, θ)).sum(axis=1)
    x = np.column_stack([g * E.returns()[:, None], np.einsum("Ni,Nj->Nij", g, g).reshape(len(g), -1)])
    mean = E.expectation(x)
    J = gradient_of(lambda v: exact_step(Struct, v, 2), mean, 1e-4)
    error = np.sqrt(np.diag(J @ E.covariance(x) @ J.T) / ROLLOUTS)
    P = MDP.from_arrays(T, R, γ, terminal=lambda s: np.asarray(s) == 2)
    θ_new = update(Struct(P, B, d, ROLLOUTS, ε), π, θ, rng=seed)
    assert (error < 0.05 * np.linalg.norm(θ_new - θ)).all()  # the bound says something
    assert (abs(θ_new - θ - exact_step(Struct, mean, 2)) <= 5 * error).all()


def test_table_of_logits_and_table_of_log_odds_reach_the_same_policy():
    """The Fisher matrix of the first is singular, that of the second is not."""
    table, θ, E = everything("table", 0.9, 3, terminal=True)
    τs, M = population(E), replayed(NaturalPolicyUpdate, 0.05, γ=0.9)
    p = table.log_probabilities(update(M, table, θ, τs=τs), np.arange(2))
    one_each = np.zeros((3, 2, 2))
    one_each[[0, 1], 1, [0, 1]] = 1.0  # nobody acts in the terminal state
    odds = LinearSoftmaxPolicy(one_each)
    q = odds.log_probabilities(update(M, odds, [θ[1] - θ[0], θ[3] - θ[2]], τs=τs), np.arange(2))
    np.testing.assert_allclose(p, q, rtol=1e-8)


@pytest.mark.parametrize("damping", [0.0, 0.3])
@pytest.mark.parametrize(("m", "n"), [(2, 5), (5, 5), (40, 3)])
def test_the_step_along_a_given_gradient_has_its_length_in_the_metric_of_the_scores(m, n, damping):
    """F = GᵀG/m + cI; without damping a part of the gradient outside the range of F is dropped."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        G, g, θ = rng.normal(size=(m, n)), rng.normal(size=n), rng.normal(size=n)
        F = G.T @ G / m + damping * np.eye(n)
        within = F @ np.linalg.pinv(F, hermitian=True) @ g
        u = np.linalg.pinv(F, hermitian=True) @ within
        expected = θ + u * np.sqrt(2 * 0.1 / (within @ u))
        np.testing.assert_allclose(natural_along(θ, G, g, 0.1, damping), expected, rtol=1e-8)
        for size in (1e-300, 1e300):
            np.testing.assert_allclose(natural_along(θ, G, size * g, 0.1, damping), expected, rtol=1e-8)


def test_the_step_along_a_gradient_that_is_made_of_the_scores_is_the_natural_step():
    rng = np.random.default_rng(0)
    G, R, θ = rng.normal(size=(30, 4)), rng.normal(size=30), rng.normal(size=4)
    for c in (0.0, 0.1):
        np.testing.assert_allclose(
            natural_along(θ, G, G.T @ R / 30, 0.2, c), natural_update(θ, G, R, 0.2, c), rtol=1e-9
        )


def test_a_gradient_up_to_the_least_is_no_direction():
    """√(gᵀu / N) of g = 3, F = 4, N = 1 is 3/2."""
    θ, G, g = np.zeros(1), np.array([[2.0]]), np.array([3.0])
    assert natural_along(θ, G, g, 0.5, least=1.5) == θ
    assert natural_along(θ, G, g, 0.5, least=1.4999) != θ
    four = np.repeat(G, 4, axis=0)  # the same F, N = 4
    assert natural_along(θ, four, g, 0.5, least=0.75) == θ
    assert natural_along(θ, four, g, 0.5, least=0.7499) != θ
    np.testing.assert_array_equal(natural_along(θ, np.zeros((0, 1)), g, 0.5, 0.1), θ)
    # with c = 5 the metric is 9, gᵀu = 1, and there are two rows
    assert natural_along(θ, G, g, 0.5, 5.0, least=1.001 / np.sqrt(2)) == θ
    assert natural_along(θ, G, g, 0.5, 5.0, least=0.999 / np.sqrt(2)) != θ


@pytest.mark.parametrize(("G", "g", "damping"), [(1.5e308, 1.0, 1.0), (1.0, np.inf, 0.0), (np.inf, 1.0, 0.0)])
def test_a_step_along_a_gradient_that_overflows_is_not_finite_and_leaks_no_warning(G, g, damping):
    """Each alone: the scores, scaled by √1.5 for the row of the damping; and what was not finite before."""
    with np.errstate(all="raise"):
        assert not np.isfinite(natural_along(np.zeros(1), np.array([[G], [1.0]]), np.array([g]), 0.1, damping)).any()


def test_a_difference_of_scores_that_is_rounding_of_float32_is_no_direction_of_a_given_gradient():
    """Two parameters that do the same: they share the step, however their scores and the gradient are rounded."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, θ = rng.normal(size=(30, 1)), np.zeros(2, np.float32)
        G = (np.hstack([x, x]) * (1 + 1e-7 * rng.normal(size=(30, 2)))).astype(np.float32)
        g = np.array([1.0, 1.0 + 1e-6], np.float32)
        half = np.sqrt(2 * 0.1 / np.mean(x**2)) / 2
        np.testing.assert_allclose(natural_along(θ, G, g, 0.1), [half, half], rtol=1e-4)


def test_scores_in_rows_of_different_lengths_are_named():
    with pytest.raises(TypeError, match=r"G = \[\[1\], \[1, 2\]\]: must have rows of one length"):
        natural_update([0.0], [[1], [1, 2]], [1.0, 1.0], 0.1)
