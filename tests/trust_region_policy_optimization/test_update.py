"""The trust region policy optimization update on recorded batches, against plain probabilities and autograd.

The oracles know the network's layout and each head's probabilities, and nothing else of the library: discrete heads are
tables over all joint actions, the Gaussian its density, advantages loops over the steps of a trajectory, derivatives
autograd's of these.
"""

import copy
import itertools
import math
import pickle
import tracemalloc

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, hessian, jacobian

from decision_making import (
    NaturalPolicyUpdate,
    RestrictedPolicyUpdate,
    SoftmaxPolicy,
    TableCritic,
    Trajectories,
    TrustRegionUpdate,
    explain,
    step,
    update,
)
from decision_making.checks import rounding
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.policies.neural import NeuralPolicy
from decision_making.trust_region_policy_optimization import (
    LinearCritic,
    TrustRegionPolicyOptimization,
    conjugate_gradients,
)
from decision_making.trust_region_policy_optimization.update import (
    NAMED_RULES,
    batch,
    estimates,
    explained_variance,
    named_rule,
)

HEADS = [Categorical(3), MultiCategorical((2, 3)), Bernoulli(2), Gaussian(2)]
RULES = ["trust_region", "natural", "restricted", "penalized", "clamped", "gradient"]
ADVANTAGES = ["generalized", "baseline", "reward_to_go", "total_return"]
CRITIC = LinearCritic(3)
every_head = pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)


class Collected:
    """A problem that hands out one recorded batch and counts how often it was asked."""

    def __init__(self, γ=0.9, τs=None):
        self.γ, self.τs, self.asked = γ, τs, []

    def collect(self, π, θ, steps, rng):
        self.asked.append(steps)
        return self.τs


def TRPO(P=None, rule="trust_region", **options):
    """Settings that are not TRPO's own are those of its rule; ones that the rule has not are left out."""
    own = {a.alias for a in attrs.fields(TrustRegionPolicyOptimization)}
    of_rule = {a.name for a in attrs.fields(NAMED_RULES[rule][0])}
    settings = {name: options.pop(name) for name in [*options] if name not in own}
    settings = {name: x for name, x in settings.items() if name in of_rule}
    if settings:
        ε = {"ε": options.pop("δ", 0.01)} if rule in ("trust_region", "natural", "restricted") else {}
        rule = named_rule(rule, **(ε | settings))
    return TrustRegionPolicyOptimization(P or Collected(), 20, CRITIC, rule=rule, **options)


def case(head, seed=0, lengths=(5, 3, 1, 4, 5), dtype=np.float64):
    """(π, θ, φ, τs): fragments of unequal length, some terminated, padded with states, actions that must not count."""
    rng = np.random.default_rng(seed)
    π = NeuralPolicy((3, 4), head)
    θ = (π.init(seed, last=1.0) + 0.2 * rng.standard_normal(π.n)).astype(dtype)
    m, d = len(lengths), max(lengths)
    s = rng.normal(size=(m, d, 3)).astype(dtype)
    mask = np.arange(d) < np.array(lengths)[:, None]
    r = np.where(mask, rng.normal(size=(m, d)), 0).astype(dtype)
    terminated = np.arange(m) % 2 == 0
    truncated = np.arange(m) % 4 == 1  # the others were cut by the end of the batch
    τs = Trajectories(s, π(θ, s, rng), r, mask, rng.normal(size=(m, 3)).astype(dtype), terminated, truncated)
    return π, θ, rng.normal(size=CRITIC.n).astype(dtype), τs


# ---- the oracles


def outputs(π, θ, s):
    x, start = s, 0
    width = π.head.k if isinstance(π.head, Gaussian) else π.head.n_outputs
    shapes = list(zip(π.sizes, (*π.sizes[1:], width), strict=True))
    for layer, (i, o) in enumerate(shapes):
        W, b = anp.reshape(θ[start : start + i * o], (i, o)), θ[start + i * o : start + i * o + o]
        x = anp.dot(x, W) + b
        x = anp.tanh(x) if layer < len(shapes) - 1 else x
        start += i * o + o
    if isinstance(π.head, Gaussian):
        x = anp.concatenate([x, anp.ones((len(s), 1)) * θ[start:]], axis=1)
    return x


def table(head, z):
    """The probability of every joint action, (N, number of them)."""
    if isinstance(head, Bernoulli):
        choices = [anp.stack([1 / (1 + anp.exp(z[:, i])), 1 / (1 + anp.exp(-z[:, i]))], axis=1) for i in range(head.n)]
    else:
        sides = (head.n,) if isinstance(head, Categorical) else head.nvec
        ends = np.cumsum(sides)
        logits = [z[:, e - k : e] for k, e in zip(sides, ends, strict=True)]
        choices = [anp.exp(x) / anp.sum(anp.exp(x), axis=1, keepdims=True) for x in logits]
    p = choices[0]
    for q in choices[1:]:
        p = anp.reshape(p[:, :, None] * q[:, None, :], (len(z), -1))
    return p


def log_likelihoods(π, θ, a, s):
    z = outputs(π, θ, s)
    if isinstance(π.head, Gaussian):
        μ, σ = z[:, : π.head.k], anp.exp(z[:, π.head.k :])
        return anp.sum(anp.log(anp.exp(-((a - μ) ** 2) / (2 * σ**2)) / anp.sqrt(2 * np.pi * σ**2)), axis=1)
    sides = {Categorical: lambda h: (h.n,), MultiCategorical: lambda h: h.nvec, Bernoulli: lambda h: (2,) * h.n}
    index = np.ravel_multi_index(np.asarray(a, int).reshape(len(s), -1).T, sides[type(π.head)](π.head))
    return anp.log(table(π.head, z)[np.arange(len(s)), index])


def divergences(π, θ, θ_new, s):
    """KL(π_θ ‖ π_θ_new) in each state."""
    z, z_new = outputs(π, θ, s), outputs(π, θ_new, s)
    if isinstance(π.head, Gaussian):
        k = π.head.k
        μ, σ, μ_new, σ_new = z[:, :k], anp.exp(z[:, k:]), z_new[:, :k], anp.exp(z_new[:, k:])
        return anp.sum(anp.log(σ_new / σ) + (σ**2 + (μ - μ_new) ** 2) / (2 * σ_new**2) - 0.5, axis=1)
    p, p_new = table(π.head, z), table(π.head, z_new)
    return anp.sum(p * anp.log(p / p_new), axis=1)


def entropies(π, θ, s):
    z = outputs(π, θ, s)
    if isinstance(π.head, Gaussian):
        return np.sum(0.5 * np.log(2 * np.pi * np.e * np.exp(z[:, π.head.k :]) ** 2), axis=1)
    p = table(π.head, z)
    return -np.sum(p * np.log(p), axis=1)


def mean_kl(π, θ, τs):
    s, _, _ = τs.flat()
    return lambda θ_new: anp.mean(divergences(π, θ, θ_new, s))


def objective(π, θ, τs, A):
    """θ_new ↦ the mean of w Â over the real steps."""
    s, a, _ = τs.flat()
    return lambda θ_new: anp.mean(anp.exp(log_likelihoods(π, θ_new, a, s) - log_likelihoods(π, θ, a, s)) * A)


def value(φ, s):
    """The linear critic of degree 2."""
    return float(np.concatenate([s, s**2, [1.0]]) @ φ)


def loops(M, φ, τs):
    """Of the real steps: advantages before any normalisation, the critic's targets, the critic's values."""
    A, targets, V = [], [], []
    for i, τ in enumerate(τs):
        v = [value(φ, s) for s, _, _ in τ]
        after = [*v[1:], 0.0 if τs.terminated[i] else value(φ, τs.s_end[i])]
        δ = [r + M.P.γ * v_next - v_k for (_, _, r), v_next, v_k in zip(τ, after, v, strict=True)]
        for k in range(len(τ)):
            later = range(k, len(τ))
            Â = sum((M.P.γ * M.λ) ** (j - k) * δ[j] for j in later)
            left = sum(M.P.γ ** (j - k) * τ[j][2] for j in later)
            A.append(
                {
                    "generalized": Â,
                    "baseline": left + M.P.γ ** (len(τ) - k) * after[-1] - v[k],
                    "reward_to_go": left,
                    "total_return": sum(M.P.γ**j * r for j, (_, _, r) in enumerate(τ)),
                }[M.advantage]
            )
            targets.append(Â + v[k])
            V.append(v[k])
    return np.array(A), np.array(targets), np.array(V)


def advantages(M, φ, τs):
    A = loops(M, φ, τs)[0]
    return (A - A.mean()) / A.std() if M.normalize_advantages else A


def natural_step(M, π, θ, φ, τs):
    """θ + Δ with the dense solution for Δ."""
    g = grad(objective(π, θ, τs, advantages(M, φ, τs)))(θ)
    F = hessian(mean_kl(π, θ, τs))(θ) + M.update_rule.damping * np.eye(π.n)
    x = np.linalg.solve(F, g)
    return θ + math.sqrt(2 * M.δ / (x @ F @ x)) * x


def adam_by_hand(descent, θ, M, N, rng):
    """Kingma and Ba's algorithm 1 with their constants."""
    m, v, t = 0.0, 0.0, 0
    for _ in range(M.update_rule.k_max):
        order = rng.permutation(N)
        for i in np.split(order, range(M.minibatch, N, M.minibatch)):
            g, t = descent(θ, i), t + 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            θ = θ - M.update_rule.α * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return θ


# ---- objective, constraint and direction of the whole update


@every_head
@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_natural_step_is_the_dense_solution(head, advantage):
    π, θ, φ, τs = case(head)
    M = TRPO(rule="natural", cg_iterations=200, advantage=advantage, damping=0.1)
    took = step(M, π, θ, φ, τs=τs)
    np.testing.assert_allclose(took.θ - θ, natural_step(M, π, θ, φ, τs) - θ, rtol=1e-6, atol=1e-9)
    assert (took.accepted, took.reason) == (True, "stepped")


@every_head
@pytest.mark.parametrize("normalize", [True, False])
def test_kl_and_improvement_of_a_large_step_are_those_of_the_oracles(head, normalize):
    """δ = 0.7 is large enough for KL(old ‖ new) and KL(new ‖ old) to differ by more than any tolerance here."""
    π, θ, φ, τs = case(head, seed=3)
    M = TRPO(rule="natural", δ=0.7, normalize_advantages=normalize)
    took = step(M, π, θ, φ, τs=τs)
    s, _, _ = τs.flat()
    forward, backward = divergences(π, θ, took.θ, s).mean(), divergences(π, took.θ, θ, s).mean()
    assert abs(forward / backward - 1) > 0.05
    np.testing.assert_allclose(took.kl, forward, rtol=1e-9)
    f = objective(π, θ, τs, advantages(M, φ, τs))
    np.testing.assert_allclose(took.improvement, f(took.θ) - f(θ), rtol=1e-9)


def test_every_real_step_counts_the_same_whatever_the_length_of_its_fragment():
    """One batch cut differently, where the advantages do not depend on the cuts: the same step."""
    π, θ, φ, τs = case(Categorical(3), lengths=(4, 4, 4))
    s, a, r = τs.flat()
    M = TRPO(Collected(γ=0.0), advantage="reward_to_go")
    single = Trajectories(s[:, None], a[:, None], r[:, None], None, s, np.ones(12, bool))
    np.testing.assert_allclose(step(M, π, θ, φ, τs=τs).θ, step(M, π, θ, φ, τs=single).θ, rtol=1e-9)


# ---- Fisher products


def damped_fisher(M, π, θ, τs, damping, seed=0):
    return batch(M, π, θ, τs, np.zeros(τs.mask.sum()), seed).damped_fisher(damping)


@every_head
@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_damped_fisher_product_is_the_hessian_of_the_mean_kl_and_jacobians_around_the_metric(head, damping):
    π, θ, _, τs = case(head, seed=5)
    s, _, _ = τs.flat()
    F = damped_fisher(TRPO(), π, θ, τs, damping)
    matrix = np.array([F(e) for e in np.eye(π.n)])
    H = hessian(mean_kl(π, θ, τs))(θ) + damping * np.eye(π.n)
    np.testing.assert_allclose(matrix, H, rtol=1e-8, atol=1e-11 * abs(H).max())
    J, z = jacobian(lambda θ: outputs(π, θ, s))(θ), outputs(π, θ, s)
    metric = [fisher_information(head, x) for x in z]
    explicit = np.mean([j.T @ m @ j for j, m in zip(J, metric, strict=True)], axis=0) + damping * np.eye(π.n)
    np.testing.assert_allclose(matrix, explicit, rtol=1e-8, atol=1e-11 * abs(H).max())


def fisher_information(head, x):
    """Of one state's distribution in its own parameters: the expected outer product of the scores."""
    if isinstance(head, Gaussian):
        return np.diag(np.concatenate([np.exp(-2 * x[head.k :]), np.full(head.k, 2.0)]))
    scores = jacobian(lambda x: anp.log(table(head, x[None])[0]))(x)
    return scores.T @ (table(head, x[None])[0][:, None] * scores)


def test_a_share_of_the_states_is_a_subset_without_repeats():
    π, θ, _, τs = case(Categorical(3), lengths=(3, 2))
    s, a, _ = τs.flat()
    M, v = TRPO(fisher_subsample=0.4), np.random.default_rng(0).normal(size=π.n)
    subsets = [list(i) for i in itertools.combinations(range(5), 2)]
    products = np.array([π.fisher_product(θ, a[i], s[i])(v) for i in subsets])
    drawn = set()
    for seed in range(20):
        Fv = damped_fisher(M, π, θ, τs, 0.0, seed)(v)
        (match,) = np.flatnonzero(np.isclose(products, Fv, rtol=1e-10, atol=1e-14).all(axis=1))
        drawn.add(int(match))
    assert len(drawn) > 4
    one = damped_fisher(TRPO(fisher_subsample=1e-9), π, θ, τs, 0.0)(v)
    assert any(np.allclose(one, π.fisher_product(θ, a[[i]], s[[i]])(v), rtol=1e-10) for i in range(5))


def test_a_subsampled_step_still_keeps_to_the_constraint_on_all_states():
    for seed in range(8):
        π, θ, φ, τs = case(Gaussian(2), seed)
        took = step(TRPO(fisher_subsample=0.2, damping=1e-3), π, θ, φ, rng=seed, τs=τs)
        assert mean_kl(π, θ, τs)(took.θ) <= 0.01 * (1 + 1e-9)


# ---- conjugate gradients


def definite(n, seed=0, condition=100.0):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return Q @ np.diag(np.geomspace(1, condition, n)) @ Q.T, rng.normal(size=n)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_n_conjugate_gradients_solve_n_equations(n):
    F, g = definite(n)
    np.testing.assert_allclose(conjugate_gradients(lambda v: F @ v, g, n), np.linalg.solve(F, g), rtol=1e-7)


def test_every_iterate_has_the_length_the_step_assumes_and_minimises_over_its_krylov_space():
    F, g = definite(8)
    iterates = []
    conjugate_gradients(lambda v: F @ v, g, 8, callback=lambda x, r: iterates.append(x.copy()))
    assert len(iterates) == 8
    K = np.empty((8, 0))
    for j, x in enumerate(iterates):
        np.testing.assert_allclose(g @ x, x @ F @ x, rtol=1e-9)
        np.testing.assert_allclose(x, conjugate_gradients(lambda v: F @ v, g, j + 1), rtol=1e-12)
        K = np.linalg.qr(np.column_stack([K, g if j == 0 else F @ K[:, -1]]))[0]
        np.testing.assert_allclose(x, K @ np.linalg.solve(K.T @ F @ K, K.T @ g), rtol=1e-6, atol=1e-9)


def test_tolerance_ends_the_iteration_and_holds():
    F, g = definite(10)
    products = []

    def counted(v):
        products.append(v)
        return F @ v

    loose = conjugate_gradients(counted, g, 100, tolerance=0.1)
    assert np.linalg.norm(F @ loose - g) <= 0.1 * np.linalg.norm(g)
    few = len(products)
    tight = conjugate_gradients(counted, g, 100, tolerance=1e-10)
    assert np.linalg.norm(F @ tight - g) <= 1e-9 * np.linalg.norm(g)
    assert few < len(products) - few <= 15


def test_the_iteration_ends_where_the_equations_are_solved():
    """k different eigenvalues take k products; no more are made of what is left, which is rounding."""
    for k in (1, 2, 3):
        F, products = np.diag(np.arange(12) % k + 1.0), []
        g = np.random.default_rng(k).normal(size=12)
        x = conjugate_gradients(lambda v: products.append(v) or F @ v, g, 12)  # noqa: B023
        np.testing.assert_allclose(x, g / np.diag(F), rtol=1e-9)
        assert len(products) == k


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_direction_where_there_is_none(dtype):
    g = np.array([1.0, -2.0, 0.5], dtype)
    for F in (lambda v: -v, lambda v: 0 * v, lambda v: np.nan * v, lambda v: v * np.array([1, -9, 1], dtype)):
        x = conjugate_gradients(F, g, 10)
        np.testing.assert_array_equal(x, np.zeros(3))
        assert x.dtype == dtype
    np.testing.assert_array_equal(conjugate_gradients(lambda v: v, 0 * g, 10), np.zeros(3))


def test_the_iteration_ends_before_a_direction_of_negative_curvature():
    """F bends up along g but not along the second direction: what the first one gave is kept, and its length fits."""
    F, g = np.diag([1.0, -1.0]), np.array([1.0, 0.1])
    x = conjugate_gradients(lambda v: F @ v, g, 2)
    np.testing.assert_allclose(x, (g @ g) / (g @ F @ g) * g, rtol=1e-12)
    np.testing.assert_allclose(g @ x, x @ F @ x, rtol=1e-12)


def test_a_singular_matrix_is_solved_where_it_can_be():
    F, g = np.diag([3.0, 2.0, 0.0]), np.array([1.0, -4.0, 0.0])
    np.testing.assert_allclose(conjugate_gradients(lambda v: F @ v, g, 50), [1 / 3, -2, 0], rtol=1e-12)


@pytest.mark.parametrize("cg_iterations", [1, 2, 3, 10, 100])
@every_head
def test_step_length_uses_the_whole_allowance_however_early_the_solution_stops(head, cg_iterations):
    π, θ, φ, τs = case(head, seed=2)
    M = TRPO(rule="natural", δ=0.02, damping=0.05, cg_iterations=cg_iterations)
    Δ = step(M, π, θ, φ, τs=τs).θ - θ
    F = hessian(mean_kl(π, θ, τs))(θ) + 0.05 * np.eye(π.n)
    np.testing.assert_allclose(0.5 * Δ @ F @ Δ, 0.02, rtol=1e-8)
    assert grad(objective(π, θ, τs, advantages(M, φ, τs)))(θ) @ Δ > 0


# ---- line search


def search_by_hand(M, π, θ, φ, τs):
    """(j, θ_new) of the first accepted point, and what each point before it failed."""
    f, g = objective(π, θ, τs, advantages(M, φ, τs)), mean_kl(π, θ, τs)
    natural = NaturalPolicyUpdate.rule(ε=M.δ, damping=M.update_rule.damping)
    Δ = step(attrs.evolve(M, rule=natural, max_kl=None), π, θ, φ, τs=τs).θ - θ
    largest = math.inf if M.max_kl is None else M.max_kl
    s, _, _ = τs.flat()
    failed = []
    for j in range(M.update_rule.max_backtracks + 1):
        θ_new = θ + M.update_rule.α**j * Δ
        near = g(θ_new) <= M.δ and divergences(π, θ, θ_new, s).max() <= largest
        better = f(θ_new) > f(θ)
        if near and better:
            return j, θ_new, failed
        failed.append((near, better))
    return None, θ, failed


@every_head
@pytest.mark.parametrize("max_kl", [None, 0.05])
def test_line_search_accepts_the_first_point_that_passes_both_tests(head, max_kl):
    seen = set()
    for seed, δ in itertools.product(range(6), (0.01, 0.3, 3.0)):
        π, θ, φ, τs = case(head, seed)
        M = TRPO(Collected(τs=τs), δ=δ, max_kl=max_kl, damping=1e-3, α=0.7, max_backtracks=6)
        j, θ_new, failed = search_by_hand(M, π, θ, φ, τs)
        took = step(M, π, θ, φ, τs=τs)
        seen |= {j, *failed}
        assert took.backtracks == j
        assert took.accepted == (j is not None)
        np.testing.assert_allclose(took.θ, θ_new, rtol=1e-12, atol=1e-14)
        if j is None:
            np.testing.assert_array_equal(took.θ, θ)
            assert took.reason.startswith("no step accepted: none of 7 points")
            assert f"{δ}" in took.reason
        else:
            assert took.reason.startswith(f"accepted after {j} backtrack")
            assert took.kl <= δ
            assert took.improvement > 0
        assert M.P.asked == []
    assert (False, True) in seen  # points too far away
    assert len([j for j in seen if isinstance(j, int) and j > 0]) >= 2


@every_head
def test_a_point_within_the_region_that_does_not_improve_is_passed_over(head):
    """With a wide region and five steps the natural step overshoots the best of the surrogate objective."""
    seen = set()
    for seed in range(15):
        π, θ, φ, τs = case(head, seed, lengths=(3, 2))
        M = TRPO(δ=2.0, damping=1e-3, α=0.6, max_backtracks=25)
        j, θ_new, failed = search_by_hand(M, π, θ, φ, τs)
        took = step(M, π, θ, φ, τs=τs)
        np.testing.assert_allclose(took.θ, θ_new, rtol=1e-12, atol=1e-14)
        assert took.backtracks == j
        seen |= set(failed)
    assert {(True, False), (False, True)} <= seen


def test_where_no_point_passes_θ_comes_back_bit_for_bit():
    π, θ, φ, τs = case(Categorical(3))
    took = step(TRPO(δ=5.0, damping=1e-3, max_backtracks=0), π, θ, φ, τs=τs)
    assert not took.accepted
    assert took.backtracks is None
    assert took.θ.tobytes() == θ.tobytes()
    assert (took.kl, took.improvement) == (0.0, 0.0)
    assert "none of 1 points" in took.reason
    assert "5.0" in took.reason
    assert took.info["surrogate_after"] == took.info["surrogate_before"]
    assert not np.array_equal(took.φ, φ)  # the critic learns whatever the policy does


def test_max_kl_bounds_the_divergence_in_every_state():
    π, θ, φ, τs = case(Gaussian(2), seed=1)
    s, _, _ = τs.flat()
    free = divergences(π, θ, step(TRPO(), π, θ, φ, τs=τs).θ, s).max()
    took = step(TRPO(max_kl=free / 3), π, θ, φ, τs=τs)
    assert took.accepted
    assert divergences(π, θ, took.θ, s).max() <= free / 3
    assert took.kl <= 0.01


@pytest.mark.parametrize("rule", ["natural", "restricted", "penalized", "clamped", "gradient"])
def test_a_rule_without_a_search_gives_up_a_step_beyond_max_kl_and_says_so(rule):
    π, θ, φ, τs = case(Gaussian(2), seed=1)
    took = step(TRPO(rule=rule, max_kl=1e-9), π, θ, φ, rng=0, τs=τs)
    assert not took.accepted
    assert took.θ.tobytes() == θ.tobytes()
    assert "max_kl = 1e-09" in took.reason
    assert step(TRPO(rule=rule, max_kl=1e9), π, θ, φ, rng=0, τs=τs).accepted


# ---- collecting


@pytest.mark.parametrize("rule", RULES)
def test_a_step_on_recorded_data_collects_nothing_and_one_without_collects_n_steps_once(rule):
    π, θ, φ, τs = case(Bernoulli(2))
    P = Collected(τs=τs)
    M = TrustRegionPolicyOptimization(P, 17, CRITIC, rule=rule, δ=1.0)
    on_record = step(M, π, θ, φ, rng=1, τs=τs)
    _ = on_record.kl, on_record.improvement
    assert P.asked == []
    collected = step(M, π, θ, φ, rng=1)
    _ = collected.kl, collected.improvement
    assert P.asked == [17]
    np.testing.assert_array_equal(collected.θ, on_record.θ)
    np.testing.assert_array_equal(collected.φ, on_record.φ)


def test_recorded_data_suffice_for_a_problem_that_cannot_collect():
    π, θ, φ, τs = case(Bernoulli(2))

    class Bare:
        γ = 0.9

    assert step(TRPO(Bare()), π, θ, φ, τs=τs).accepted
    with pytest.raises(TypeError, match="collect"):
        step(TRPO(Bare()), π, θ, φ)


# ---- invariances and nothing to learn


@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e6])
@pytest.mark.parametrize("rule", RULES)
def test_normalised_advantages_make_the_step_indifferent_to_the_scale_of_rewards(rule, scale):
    π, θ, φ, τs = case(Categorical(3))
    scaled = attrs.evolve(τs, r=scale * τs.r)  # and a critic that scales with them
    M = TRPO(rule=rule)
    a, b = step(M, π, θ, φ, rng=0, τs=τs), step(M, π, θ, scale * φ, rng=0, τs=scaled)
    np.testing.assert_allclose(a.θ, b.θ, rtol=1e-7, atol=1e-10)
    assert a.backtracks == b.backtracks


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e3, 1e140])
@pytest.mark.parametrize("rule", ["trust_region", "natural", "restricted"])
def test_steps_of_a_given_length_are_indifferent_to_the_scale_of_rewards_even_of_raw_advantages(rule, scale):
    π, θ, φ, τs = case(Categorical(3))
    M = TRPO(rule=rule, normalize_advantages=False)
    scaled = attrs.evolve(τs, r=scale * τs.r)
    a, b = step(M, π, θ, φ, τs=τs), step(M, π, θ, scale * φ, τs=scaled)
    assert b.accepted
    np.testing.assert_allclose(a.θ, b.θ, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("rule", RULES)
@every_head
def test_zero_advantages_leave_θ_bit_for_bit(head, rule, normalize):
    π, θ, _, τs = case(head)
    idle = attrs.evolve(τs, r=0 * τs.r)
    took = step(TRPO(rule=rule, normalize_advantages=normalize), π, θ, CRITIC.init(), rng=0, τs=idle)
    assert not took.accepted
    assert took.θ.tobytes() == θ.tobytes()
    assert "θ is unchanged" in took.reason
    assert math.isnan(took.info["explained_variance"])
    assert took.info["surrogate_before"] == took.info["surrogate_after"] == 0


def test_equal_advantages_carry_no_preference():
    π, θ, _, τs = case(Categorical(3), lengths=(1, 1, 1, 1))
    equal = attrs.evolve(τs, r=np.full((4, 1), 0.1), terminated=np.ones(4, bool))
    took = step(TRPO(), π, θ, CRITIC.init(), τs=equal)
    assert took.θ.tobytes() == θ.tobytes()
    assert math.isnan(took.info["explained_variance"])


# ---- the first-order rules


def ppo_loss(π, θ, τs, A, ε):
    s, a, _ = τs.flat()
    logp = log_likelihoods(π, θ, a, s)

    def loss(θ_new, i):
        w = anp.exp(log_likelihoods(π, θ_new, a[i], s[i]) - logp[i])
        return -anp.mean(anp.minimum(w * A[i], anp.clip(w, 1 - ε, 1 + ε) * A[i]))

    return loss


@every_head
@pytest.mark.parametrize("minibatch", [18, 7])
def test_clamped_is_adam_on_the_clamped_loss(head, minibatch):
    π, θ, φ, τs = case(head)
    M = TRPO(rule="clamped", minibatch=minibatch, k_max=6, α=0.03, ε=0.1)
    loss = ppo_loss(π, θ, τs, advantages(M, φ, τs), 0.1)
    expected = adam_by_hand(grad(loss), θ, M, 18, np.random.default_rng(4))
    took = step(M, π, θ, φ, rng=4, τs=τs)
    np.testing.assert_allclose(took.θ, expected, rtol=1e-7, atol=1e-9)
    s, a, _ = τs.flat()
    w = np.exp(log_likelihoods(π, took.θ, a, s) - log_likelihoods(π, θ, a, s))
    assert ((w > 1.1) | (w < 0.9)).any()  # so that the clamp had something to do


@every_head
@pytest.mark.parametrize("minibatch", [18, 7])
@pytest.mark.parametrize("β", [0.0, 2.5])
def test_penalized_is_adam_on_objective_minus_penalty(head, minibatch, β):
    π, θ, φ, τs = case(head)
    M = TRPO(rule="penalized", minibatch=minibatch, k_max=4, α=0.02, β=β)
    A, (s, a, _) = advantages(M, φ, τs), τs.flat()
    logp = log_likelihoods(π, θ, a, s)

    def loss(θ_new, i):
        w = anp.exp(log_likelihoods(π, θ_new, a[i], s[i]) - logp[i])
        return anp.mean(β * divergences(π, θ, θ_new, s[i]) - w * A[i])

    expected = adam_by_hand(grad(loss), θ, M, 18, np.random.default_rng(4))
    took = step(M, π, θ, φ, rng=4, τs=τs)
    np.testing.assert_allclose(took.θ, expected, rtol=1e-7, atol=1e-9)
    assert took.β == β


def test_β_adapts_to_the_divergence_the_step_came_out_at():
    π, θ, φ, τs = case(Categorical(3))
    M = TRPO(rule="penalized", α=0.01, β=0.8)

    def β(**options):
        return step(attrs.evolve(M, rule=attrs.evolve(M.rule, **options)), π, θ, φ, rng=0, τs=τs).β

    kl = step(M, π, θ, φ, rng=0, τs=τs).kl
    np.testing.assert_allclose(kl, mean_kl(π, θ, τs)(step(M, π, θ, φ, rng=0, τs=τs).θ), rtol=1e-9)
    assert β() == 0.8
    assert β(kl_target=kl / 1.51) == 1.6
    assert β(kl_target=kl / 1.49) == 0.8
    assert β(kl_target=kl * 1.49) == 0.8
    assert β(kl_target=kl * 1.51) == 0.4
    assert β(kl_target=kl / 10, β_max=1.25) == 1.25
    assert β(kl_target=kl * 10, β_min=0.7) == 0.7
    assert β(kl_target=kl, β_max=0.5) == 0.5


@pytest.mark.parametrize("rule", ["trust_region", "natural", "restricted", "clamped", "gradient"])
def test_rules_without_a_penalty_have_no_β(rule):
    π, θ, φ, τs = case(Categorical(3))
    assert step(TRPO(rule=rule, kl_target=0.01), π, θ, φ, τs=τs).β is None


@every_head
def test_gradient_is_one_first_step_of_adam_on_the_whole_batch(head):
    π, θ, φ, τs = case(head)
    M = TRPO(rule="gradient", α=0.01, minibatch=3)  # of the other rules
    g = grad(objective(π, θ, τs, advantages(M, φ, τs)))(θ)
    expected = θ + 0.01 * g / (abs(g) + 1e-8)
    np.testing.assert_allclose(step(M, π, θ, φ, τs=τs).θ, expected, rtol=1e-9)


@every_head
def test_restricted_goes_a_given_distance_along_the_gradient(head):
    π, θ, φ, τs = case(head)
    M = TRPO(rule="restricted", δ=0.02)
    g = grad(objective(π, θ, τs, advantages(M, φ, τs)))(θ)
    took = step(M, π, θ, φ, τs=τs)
    np.testing.assert_allclose(took.θ, θ + 0.2 * g / np.linalg.norm(g), rtol=1e-9)


# ---- advantages


@pytest.mark.parametrize("advantage", ADVANTAGES)
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("γ", "λ"), [(0.9, 0.8), (1.0, 1.0), (0.5, 0.0), (0.0, 0.9)])
def test_advantages_targets_and_values_are_those_of_the_loops(advantage, normalize, γ, λ):
    _, _, φ, τs = case(Categorical(3))
    M = TRPO(Collected(γ), advantage=advantage, normalize_advantages=normalize, λ=λ)
    A, targets, V = estimates(M, φ, τs)
    np.testing.assert_allclose(A, advantages(M, φ, τs), rtol=1e-10, atol=1e-13)
    _, expected_targets, expected_V = loops(M, φ, τs)
    np.testing.assert_allclose(targets, expected_targets, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(V, expected_V, rtol=1e-12)


def test_a_cut_bootstraps_and_a_terminal_state_does_not():
    _, _, φ, τs = case(Categorical(3), lengths=(2, 2))
    M = TRPO(normalize_advantages=False, λ=0.5)
    cut = attrs.evolve(τs, terminated=np.zeros(2, bool), truncated=np.ones(2, bool))
    ended = attrs.evolve(τs, terminated=np.ones(2, bool), truncated=np.zeros(2, bool))
    by_the_batch = attrs.evolve(τs, terminated=np.zeros(2, bool), truncated=np.zeros(2, bool))
    difference = (estimates(M, φ, cut)[0] - estimates(M, φ, ended)[0]).reshape(2, 2)
    V_end = np.array([value(φ, s) for s in τs.s_end])
    np.testing.assert_allclose(difference, 0.9 * V_end[:, None] * [0.45, 1.0], rtol=1e-9)
    np.testing.assert_array_equal(estimates(M, φ, by_the_batch)[0], estimates(M, φ, cut)[0])
    # what a terminal state is worth to the critic must not matter, nor what stands in the padding
    elsewhere = attrs.evolve(ended, s_end=ended.s_end + 5)
    np.testing.assert_array_equal(estimates(M, φ, elsewhere)[0], estimates(M, φ, ended)[0])


def test_padding_does_not_count():
    π, θ, φ, τs = case(Gaussian(2))
    other = attrs.evolve(
        τs,
        s=np.where(τs.mask[..., None], τs.s, 3.0),
        a=np.where(τs.mask[..., None], τs.a, -2.0),
    )
    for rule in RULES:
        M = TRPO(rule=rule)
        a, b = step(M, π, θ, φ, rng=0, τs=τs), step(M, π, θ, φ, rng=0, τs=other)
        assert a.θ.tobytes() == b.θ.tobytes()
        assert a.φ.tobytes() == b.φ.tobytes()
        assert a.info == b.info


def test_a_cut_whose_last_state_was_not_kept_is_refused():
    π, θ, φ, τs = case(Categorical(3))
    with pytest.raises(ValueError, match=r"s_end = None: trajectory 1 was cut"):
        step(TRPO(), π, θ, φ, τs=attrs.evolve(τs, s_end=None))
    all_ended = attrs.evolve(τs, s_end=None, terminated=np.ones(5, bool))
    assert step(TRPO(), π, θ, φ, τs=all_ended).accepted


# ---- what is measured


@every_head
@pytest.mark.parametrize("rule", RULES)
def test_metrics_are_right(head, rule):
    π, θ, φ, τs = case(head, seed=4)
    M = TRPO(rule=rule, cg_iterations=4, normalize_advantages=False)
    took = step(M, π, θ, φ, rng=0, τs=τs)
    A, targets, V = loops(M, φ, τs)
    s, _, _ = τs.flat()
    f = objective(π, θ, τs, A)
    expected = {
        "surrogate_before": A.mean(),
        "surrogate_after": f(took.θ),
        "explained_variance": 1 - np.var(targets - V) / np.var(targets),
        "entropy": entropies(π, θ, s).mean(),
    }
    if rule in ("trust_region", "natural"):
        g, F = grad(f)(θ), hessian(mean_kl(π, θ, τs))(θ) + 0.1 * np.eye(π.n)
        x = conjugate_gradients(lambda v: F @ v, g, 4)
        expected |= {"cg_iterations": 4, "cg_residual": np.linalg.norm(F @ x - g) / np.linalg.norm(g)}
    assert took.info.keys() == expected.keys()
    for name, number in expected.items():
        assert isinstance(took.info[name], float), name
        np.testing.assert_allclose(took.info[name], number, rtol=1e-6, atol=1e-12, err_msg=name)


def test_cg_iterations_counts_those_that_were_needed():
    π, θ, φ, τs = case(Categorical(3))
    info = step(TRPO(cg_iterations=500, damping=10.0), π, θ, φ, τs=τs).info
    assert 2 < info["cg_iterations"] < 31
    assert info["cg_residual"] < 1e-9


def test_explained_variance():
    targets = np.array([1.0, 2.0, 4.0])
    assert explained_variance(targets, targets) == 1
    assert explained_variance(targets, targets + 3) == 1  # a constant error is not a variance
    np.testing.assert_allclose(explained_variance(targets, 0 * targets), 0)
    np.testing.assert_allclose(explained_variance(targets, -targets), -3)
    for unit in (1e200, -1e200, 1e-200):  # whose squares are not floats
        np.testing.assert_allclose(explained_variance(unit * targets, 0.5 * unit * targets), 0.75)
    for constant in (0.0, 0.1, 1e8 + 0.1):  # the mean of three of the latter is not exactly their value
        assert math.isnan(explained_variance(np.full(3, constant), np.arange(3.0)))
    for size in (2.0**-300, 1.0, 2.0**300):  # constant up to rounding, and not
        for share, known in ((1.0, False), (1.125, True)):
            nearly = size * np.array([1, 1 - 2 * share * rounding(1.0)])
            assert math.isnan(explained_variance(nearly, np.zeros(2))) != known


def test_the_critic_is_fitted_to_advantage_plus_value_at_the_visited_states():
    π, θ, φ, τs = case(Categorical(3))
    for advantage in ADVANTAGES:
        M = TRPO(advantage=advantage)
        _, targets, _ = loops(M, φ, τs)
        s, _, _ = τs.flat()
        np.testing.assert_allclose(step(M, π, θ, φ, τs=τs).φ, CRITIC.fit(φ, s, targets), rtol=1e-8, err_msg=advantage)


# ---- number types, repeatability, what is left alone


@every_head
@pytest.mark.parametrize("rule", RULES)
def test_float32_stays_float32_and_near_float64(head, rule):
    π, θ, φ, τs = case(head, dtype=np.float32)
    M = TRPO(rule=rule, **({} if rule == "trust_region" else {"α": 0.01, "k_max": 3}), minibatch=64)
    took = step(M, π, θ, φ, rng=0, τs=τs)
    assert took.θ.dtype == took.φ.dtype == np.float32
    double = attrs.evolve(
        τs,
        s=τs.s.astype(float),
        r=τs.r.astype(float),
        s_end=τs.s_end.astype(float),
        a=τs.a.astype(np.result_type(τs.a, float) if isinstance(head, Gaussian) else τs.a.dtype),
    )
    exact = step(M, π, θ.astype(float), φ.astype(float), rng=0, τs=double)
    assert exact.θ.dtype == exact.φ.dtype == np.float64
    np.testing.assert_allclose(took.θ, exact.θ, atol=2e-4)
    assert all(type(x) is float for x in took.info.values())


@every_head
def test_products_and_directions_in_float32(head):
    π, θ, _, τs = case(head, dtype=np.float32)
    F = damped_fisher(TRPO(), π, θ, τs, 0.1)
    assert F(θ).dtype == np.float32
    x = conjugate_gradients(F, θ, 10)
    assert x.dtype == np.float32
    assert x.any()


@pytest.mark.parametrize("rule", RULES)
def test_same_seed_same_bits_and_nothing_is_changed_in_place(rule):
    π, θ, φ, τs = case(Gaussian(2))
    arrays = {"θ": θ, "φ": φ, **{name: getattr(τs, name) for name in ("s", "a", "r", "mask", "s_end", "terminated")}}
    before = {name: x.tobytes() for name, x in arrays.items()}
    for x in arrays.values():
        x.flags.writeable = False
    M = TRPO(rule=rule, minibatch=5, fisher_subsample=0.5)
    a, b, c = (step(M, π, θ, φ, rng=seed, τs=τs) for seed in (3, np.random.default_rng(3), 4))
    assert a.θ.tobytes() == b.θ.tobytes()
    assert a.φ.tobytes() == b.φ.tobytes()
    assert a.info == b.info
    if rule not in ("gradient", "restricted"):  # the only ones without chance in them
        assert not np.array_equal(a.θ, c.θ)
    assert {name: x.tobytes() for name, x in arrays.items()} == before
    assert not np.shares_memory(a.θ, θ)


def test_update_gives_the_pair_of_parameters():
    π, θ, φ, τs = case(Categorical(3))
    took = step(TRPO(), π, θ, φ, τs=τs)
    θ_new, φ_new = update(TRPO(), π, θ, φ, τs=τs)
    np.testing.assert_array_equal(θ_new, took.θ)
    np.testing.assert_array_equal(φ_new, took.φ)


# ---- what is refused


def named(name):
    return f"TrustRegionPolicyOptimization\\.{name} = "


def test_without_φ_there_is_no_step():
    π, θ, _, τs = case(Categorical(3))
    for act in (step, update):
        with pytest.raises(TypeError, match=r"φ = None: TrustRegionPolicyOptimization needs its critic's parameters"):
            act(TRPO(Collected(τs=τs)), π, θ, τs=τs)


def test_parameters_of_the_wrong_length_or_not_finite_are_refused_before_anything_is_collected():
    π, θ, φ, τs = case(Categorical(3))
    M = TRPO(Collected(τs=τs))
    with pytest.raises(ValueError, match=r"θ has shape \(30,\): must be a flat array of 31 numbers"):
        step(M, π, θ[:-1], φ)
    with pytest.raises(ValueError, match=r"θ\[0\] = nan"):
        step(M, π, np.full_like(θ, np.nan), φ)
    with pytest.raises(ValueError, match=r"φ\[0\] = inf"):
        step(M, π, θ, np.full_like(φ, np.inf))
    with pytest.raises(TypeError, match="rng = 'seed'"):
        step(M, π, θ, φ, rng="seed")
    assert M.P.asked == []
    with pytest.raises(ValueError, match=r"φ has shape \(6,\): must be a flat array of 7 numbers"):
        step(M, π, θ, φ[:-1], τs=τs)


@pytest.mark.parametrize("name", ["s", "a", "r"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_recorded_data_that_are_not_finite_are_named(name, bad):
    π, θ, φ, τs = case(Gaussian(2))
    x = getattr(τs, name).copy()
    x[3, 2] = bad
    what = {"s": "state", "a": "action", "r": "reward"}[name]
    with pytest.raises(ValueError, match=rf"{what} of trajectory 3, step 2 \(counting from 0\)"):
        step(TRPO(), π, θ, φ, τs=attrs.evolve(τs, **{name: x}))


def test_an_end_state_that_is_not_finite_is_named():
    π, θ, φ, τs = case(Gaussian(2))
    s_end = τs.s_end.copy()
    s_end[1] = np.nan
    with pytest.raises(ValueError, match=r"state of trajectory 1, step 3 \(counting from 0\)"):
        step(TRPO(), π, θ, φ, τs=attrs.evolve(τs, s_end=s_end))


@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_rewards_whose_sum_overflows_are_refused(advantage):
    π, θ, φ, τs = case(Gaussian(2))
    with pytest.raises(ValueError, match="overflow"):
        step(TRPO(Collected(1.0), λ=1.0, advantage=advantage), π, θ, φ, τs=attrs.evolve(τs, r=τs.mask * 1e308))


@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_the_first_trajectory_whose_rewards_overflow_is_named(advantage):
    """Trajectories 1 and 3 have a sum beyond all floats, from their first steps on only."""
    _, _, φ, τs = case(Gaussian(2))
    r = np.where(np.arange(5) < 2, 1e308, 0) * np.array([0, 1, 0, 1, 0])[:, None]
    with pytest.raises(ValueError, match="of trajectory 1 overflows"):
        estimates(TRPO(Collected(1.0), λ=1.0, advantage=advantage), φ, attrs.evolve(τs, r=r))


@pytest.mark.parametrize("rule", RULES)
def test_a_gradient_that_overflows_float32_moves_nothing(rule):
    π, θ, φ, τs = case(Gaussian(2), dtype=np.float32)
    huge = attrs.evolve(τs, r=τs.r.astype(float) * 1e300)
    took = step(TRPO(rule=rule, normalize_advantages=False), π, θ, φ, rng=0, τs=huge)
    assert not took.accepted
    assert took.θ.tobytes() == θ.tobytes()
    assert "θ is unchanged" in took.reason
    if rule in ("natural", "restricted"):
        assert "the step overflows" in took.reason
    assert np.isfinite(took.φ).all()


@pytest.mark.parametrize("rule", RULES)
def test_an_action_the_policy_could_not_have_drawn_is_named(rule):
    π, θ, φ, τs = case(Gaussian(2))
    θ[-2:] = -400.0  # log σ: whatever is not the mean has density 0
    a = np.where(τs.mask[..., None], π.mode(θ, τs.s), 0.0)
    assert step(TRPO(rule=rule), π, θ, φ, τs=attrs.evolve(τs, a=a)).info["entropy"] < -700
    a[3, 2] += 1.0
    with pytest.raises(ValueError, match=r"log-likelihood of trajectory 3, step 2 \(counting from 0\) is -inf"):
        step(TRPO(rule=rule), π, θ, φ, τs=attrs.evolve(τs, a=a))


@pytest.mark.parametrize("scale", [30.0, 1e3, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_head
def test_extreme_parameters_give_finite_steps(head, dtype, scale):
    """Nearly deterministic choices, saturated units, very small and very large deviations; with and without damping."""
    π, θ, φ, τs = case(head, dtype=dtype)
    θ = (scale * θ).astype(dtype)
    if isinstance(head, Gaussian):
        θ[:-2] = np.clip(θ[:-2], -1e3, 1e3)  # beyond, float32 cannot tell means and actions apart at such deviations
        θ[-2:] = (-4.0, 30.0)
    τs = attrs.evolve(τs, a=π(θ, τs.s, np.random.default_rng(0)))
    for rule, wide in itertools.product(RULES, ({}, {"δ": 50.0}, {"damping": 0.0})):
        long = {"α": 1.0} if wide.get("δ") and rule != "trust_region" else {}
        took = step(TRPO(rule=rule, **wide, **long, cg_iterations=50), π, θ, φ, rng=0, τs=τs)
        assert all(np.isfinite(x).all() for x in (took.θ, took.φ, took.kl, took.improvement))
        assert all(math.isfinite(x) for x in took.info.values())
        if rule == "trust_region" and took.accepted:
            assert took.kl <= wide.get("δ", 0.01)
            assert took.improvement > 0


@pytest.mark.parametrize("rule", RULES)
def test_trajectories_without_a_step_leave_policy_and_critic(rule):
    """Every start state is terminal."""
    π, θ, φ, τs = case(Gaussian(2))
    empty = attrs.evolve(τs, r=0 * τs.r, mask=np.zeros_like(τs.mask), terminated=np.ones(len(τs), bool), truncated=None)
    taken = step(TRPO(rule=rule), π, θ, φ, rng=0, τs=empty)
    np.testing.assert_array_equal(taken.θ, θ)
    np.testing.assert_array_equal(taken.φ, φ)
    assert (taken.accepted, taken.kl, taken.improvement) == (False, 0.0, 0.0)
    assert "did not move θ: every start state is terminal" in explain(taken)


@pytest.mark.parametrize("rule", ["trust_region", "natural"])
def test_a_gradient_that_is_rounding_is_no_direction(rule):
    """One state and one action that was taken: advantages of mean 0 cancel but for rounding."""
    π, a = SoftmaxPolicy(1, 2), np.zeros((3, 1), int)
    for seed in range(100):
        r = np.random.default_rng(seed).normal(size=(3, 1))
        ended = Trajectories(a, a, r, terminated=[True] * 3)
        M = TrustRegionPolicyOptimization(Collected(), 3, TableCritic(1), rule=rule)
        taken = step(M, π, np.zeros(2), np.zeros(1), τs=ended)
        assert not taken.accepted, r
        np.testing.assert_array_equal(taken.θ, np.zeros(2))


# ---- memory


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [500, pytest.param(3160, marks=pytest.mark.slow)])
def test_step_takes_at_most_twelve_vectors_of_parameters_and_the_activations(width, dtype):
    """250,000 parameters, and ten million: their Fisher matrix would take 800 TB."""
    π, rng, N = NeuralPolicy((4, width, width), Gaussian(2)), np.random.default_rng(0), 16
    θ, s = (rng.standard_normal(π.n) / np.sqrt(width)).astype(dtype), rng.normal(size=(N, 1, 4)).astype(dtype)
    τs = Trajectories(s, π(θ, s, rng), rng.normal(size=(N, 1)), None, s[:, 0])
    M = attrs.evolve(TRPO(cg_iterations=3), critic=LinearCritic(4))
    φ = M.critic.init(dtype=dtype)
    step(M, π, θ, φ, rng=0, τs=τs)  # what is imported where used
    tracemalloc.start()
    try:
        taken = step(M, π, θ, φ, rng=0, τs=τs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    activations = N * (2 * width + 4) * θ.itemsize
    assert taken.accepted
    assert peak < 12 * θ.nbytes + 4 * activations + 200_000


def test_conjugate_gradients_leave_what_the_product_returns_alone():
    """Also where it returns its argument."""
    np.testing.assert_allclose(conjugate_gradients(lambda v: v, np.array([1.0, 2.0]), 5), [1.0, 2.0])


@pytest.mark.parametrize("rule", [TrustRegionUpdate.rule(0.02, 0.8), RestrictedPolicyUpdate.rule(0.02)])
def test_a_bound_given_beside_a_rule_of_another_is_refused_even_if_it_is_the_usual_one(rule):
    P = Collected()
    assert TrustRegionPolicyOptimization(P, 20, CRITIC, rule=rule).δ == 0.02
    assert TrustRegionPolicyOptimization(P, 20, CRITIC, 0.02, rule=rule).update_rule.ε == 0.02
    for δ in (0.01, 0.03):
        with pytest.raises(ValueError, match=rf"δ = {δ}.*left out, or the rule's ε = 0.02"):
            TrustRegionPolicyOptimization(P, 20, CRITIC, rule=rule, δ=δ)


def a_gated_step(rule, V, *, gate, δ=0.05, targets=None):
    """A step on a batch of single steps without discount, so that the targets are the rewards; V are the critic's."""
    rng = np.random.default_rng(11)
    m, π = 60, NeuralPolicy((3, 4), Categorical(3))
    r = rng.normal(size=m) if targets is None else targets
    s, a = rng.normal(size=(m, 1, 3)), rng.integers(0, 3, (m, 1))
    τs = Trajectories(s, a, r[:, None], np.ones((m, 1), bool), s[:, 0], np.ones(m, bool))

    class Knows:
        """A critic that has V in the states of the batch."""

        def init(self, rng):
            return np.zeros(1)

        def predict(self, φ, states):
            return V(r) if len(states) == m else np.zeros(len(states))

        def fit(self, φ, states, targets, rng):
            return φ

    M = TrustRegionPolicyOptimization(Collected(0.0), m, Knows(), δ, rule=rule, gate=gate)
    return step(M, π, π.init(3, last=1.0), np.zeros(1), rng=0, τs=τs)


@pytest.mark.parametrize("rule", ["trust_region", "natural", "restricted"])
@pytest.mark.parametrize(
    ("V", "share"),
    [
        (lambda r: r, 1.0),  # all explained
        (lambda r: 0.6 * r, 1 - 0.4**2),
        (lambda r: 0.1 * r + 7, 1 - 0.9**2),
        (lambda r: 0.02 * r, 0.1),  # explained .0396, less than the gate
        (lambda r: -r, 0.1),  # worse than nothing
        (np.zeros_like, 0.1),
    ],
)
def test_gate_bounds_the_step_by_what_the_critic_explained(rule, V, share):
    gated, plain = a_gated_step(rule, V, gate=0.1), a_gated_step(rule, V, gate=None, δ=0.05 * share)
    np.testing.assert_allclose(gated.θ, plain.θ, rtol=1e-9)
    assert gated.rule.ε == pytest.approx(0.05 * share)


def test_gate_of_constant_targets_is_the_least_share():
    for V in (np.zeros_like, lambda r: r):
        taken = a_gated_step("natural", V, gate=0.2, targets=np.full(60, 3.0))
        assert math.isnan(taken.info["explained_variance"])
        assert taken.rule.ε == pytest.approx(0.2 * 0.05)


@pytest.mark.parametrize("rule", ["penalized", "clamped", "gradient"])
def test_gate_leaves_rules_without_a_bound_as_they_are(rule):
    found = [a_gated_step(rule, np.zeros_like, gate=gate).θ for gate in (None, 0.01)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("gate", [0.0, -1, 1.5, math.nan, True, "x"])
def test_gate_that_is_no_share_is_refused(gate):
    with pytest.raises(ValueError, match="gate = "):
        TrustRegionPolicyOptimization(Collected(), 10, CRITIC, gate=gate)


def test_a_rule_replaced_by_attrs_evolve_brings_its_own_bound():
    P, wide = Collected(), TrustRegionUpdate.rule(0.5, 0.8)
    for M in (TRPO(P), TRPO(P, rule="clamped"), TrustRegionPolicyOptimization(P, 20, CRITIC, rule=wide)):
        evolved = attrs.evolve(M, rule=RestrictedPolicyUpdate.rule(0.02))
        assert evolved.δ == evolved.update_rule.ε == 0.02
        assert attrs.evolve(evolved, n=7).δ == 0.02
        assert attrs.evolve(evolved, rule="natural").update_rule.ε == 0.01
    asked = attrs.evolve(TrustRegionPolicyOptimization(P, 20, CRITIC, δ=0.03), rule="natural")
    assert asked.δ == asked.update_rule.ε == 0.03  # a bound that was asked for stays, and stays in the way
    with pytest.raises(ValueError, match=r"δ = 0.03.*left out, or the rule's ε = 0.5"):
        attrs.evolve(asked, rule=wide)
    assert attrs.evolve(asked, rule=wide, **{"δ": None}).δ == 0.5


def test_the_bound_is_shown_and_taken_by_position_and_by_either_name():
    P = Collected()
    made = TrustRegionPolicyOptimization(P, 20, CRITIC, 0.03), TrustRegionPolicyOptimization(P, 20, CRITIC, delta=0.03)
    for M in (*made, pickle.loads(pickle.dumps(made[0])), copy.deepcopy(made[0])):
        assert M.δ == 0.03
        assert "δ=0.03" in repr(M)
        assert "_δ" not in repr(M)


def test_the_usual_settings_are_those_of_sb3_contrib_and_stable_baselines3_but_for_λ_and_cg_iterations():
    """And the evidence comes by place, settings by name only; `rule` may be left out and is the trust region."""
    fields = attrs.fields(TrustRegionPolicyOptimization)
    assert [f.name for f in fields if not f.kw_only] == ["P", "n", "critic", "_δ"]
    expected = {"rule": "trust_region", "λ": 0.97, "cg_iterations": 10, "fisher_subsample": 1.0, "minibatch": 64}
    expected |= {"max_kl": None, "gate": None, "anneal": 0.0, "selection": 0.0, "advantage": "generalized"}
    expected |= {"normalize_advantages": True}
    assert {f.name: f.default for f in fields if f.kw_only} == expected
    M = TrustRegionPolicyOptimization(Collected(), 20, CRITIC)
    assert M.δ == M.update_rule.ε == named_rule("natural").ε == named_rule("restricted").ε == 0.01
    assert M.update_rule.damping == named_rule("natural").damping == 0.1
    assert (M.update_rule.α, M.update_rule.max_backtracks) == (0.8, 10)
    for rule in ("trust_region", "natural"):  # the surrogates are of single steps, and so is their natural direction
        assert attrs.evolve(M, rule=rule).update_rule.direction == "surrogate"
    clamped, penalized = named_rule("clamped"), named_rule("penalized")
    assert (clamped.ε, penalized.β) == (0.2, 1.0)
    assert clamped.α == penalized.α == named_rule("gradient").α == 3e-4
    assert clamped.k_max == penalized.k_max == 10


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"critic": 3}, TypeError, r"critic = 3: must be a critic, with init\(rng\), predict"),
        ({"n": 0}, ValueError, "n = 0"),
        ({"P": None}, TypeError, "P = None"),
        ({"rule": 3}, TypeError, "rule = 3: must be one of 'trust_region', .* or a struct of chapter 12: Clamped"),
        ({"rule": "trust"}, ValueError, "rule = 'trust': must be one of 'trust_region'"),
        ({"δ": 0.0}, ValueError, "δ = 0.0"),
        ({"λ": 1.5}, ValueError, "λ = 1.5"),
        ({"cg_iterations": 0}, ValueError, "cg_iterations = 0"),
        ({"fisher_subsample": 0.0}, ValueError, "fisher_subsample = 0.0"),
        ({"max_kl": 0.0}, ValueError, "max_kl = 0.0"),
        ({"advantage": "none"}, ValueError, "advantage = 'none': must be one of 'generalized'"),
        ({"normalize_advantages": 2}, (TypeError, ValueError), "normalize_advantages = 2"),
        ({"minibatch": 0}, ValueError, "minibatch = 0"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else None,
)
def test_settings_that_are_none_are_named(settings, error, said):
    with pytest.raises(error, match=said):
        TrustRegionPolicyOptimization(**{"P": Collected(), "n": 20, "critic": CRITIC} | settings)


def test_rules_and_records_that_are_none_are_named():
    with pytest.raises(ValueError, match="name = 'clamp': must be one of 'trust_region'"):
        named_rule("clamp")
    with pytest.raises(ValueError, match=r"ε = -0.1"):
        named_rule("clamped", ε=-0.1)
    with pytest.raises(TypeError, match="width"):
        named_rule("clamped", width=1)
    assert named_rule("natural", epsilon=0.3).ε == 0.3
    π, θ, φ, _ = case(Categorical(3))
    with pytest.raises(TypeError, match="τs = "):
        step(TRPO(), π, θ, φ, τs=[1.0])


def test_the_explanation_names_the_rule_the_ascents_and_what_the_critic_knew():
    π, θ, φ, τs = case(Categorical(3))
    said = {rule: explain(step(TRPO(rule=rule), π, θ, φ, rng=0, τs=τs)) for rule in RULES}
    for rule, text in said.items():
        assert ("an ascent is a pass of Adam through minibatches" in text) == (rule in ("clamped", "penalized"))
        assert ("by one step of Adam with α = 0.0003; nothing bounds the divergence" in text) == (rule == "gradient")
        info = step(TRPO(rule=rule), π, θ, φ, rng=0, τs=τs).info
        assert {type(x) for x in info.values()} == {float}  # which JSON can write
        known = info["explained_variance"]
        assert f"fitted to this batch's targets; before, it explained {known:.0%} of their variance." in text
    no_steps = attrs.evolve(τs, r=0 * τs.r, mask=np.zeros_like(τs.mask))
    for rule in RULES:  # the penalty weight stays
        assert step(TRPO(rule=rule), π, θ, φ, τs=no_steps).β == (1.0 if rule == "penalized" else None)
    nothing = step(TRPO(), π, θ, φ, τs=no_steps)
    assert "The critic had nothing to be fitted to." in explain(nothing)
    assert (nothing.kl, nothing.improvement) == (0, 0)
    same = Trajectories(*(x[:1, :1] for x in (τs.s, τs.a, τs.r)), terminated=[True])  # one target has no variance
    assert "The critic was fitted to this batch's targets." in explain(step(TRPO(), π, θ, φ, τs=same))
