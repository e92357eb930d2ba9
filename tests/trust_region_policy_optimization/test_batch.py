"""The local model of a batch of steps: its bounds, its errors, and what it leaves alone."""

import itertools
import math

import attrs
import autograd.numpy as anp
import numpy as np
import pytest

from decision_making import FunctionPolicy, LinearCritic, Trajectories, TrustRegionPolicyOptimization, step
from decision_making.checks import rounding
from decision_making.policies.heads import Gaussian
from decision_making.policies.neural import NeuralPolicy
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization import NaturalPolicyUpdate, Status
from decision_making.trust_region_policy_optimization.batch import dot
from decision_making.trust_region_policy_optimization.update import batch, named_rule

CRITIC = LinearCritic(1)


def TRPO(rule="natural", **options):
    return TrustRegionPolicyOptimization(SimpleRegulator(), 8, CRITIC, rule=rule, **options)


def recorded(N=8, seed=0):
    rng = np.random.default_rng(seed)
    s, a, r = rng.normal(size=(N, 1, 1)), rng.normal(size=(N, 1, 1)), rng.normal(size=(N, 1))
    return Trajectories(s, a, r, terminated=np.ones(N, bool))


def coin(c, kl=None):
    """P(a = 1 | s) = 1 / (1 + exp(-θ c s)): a policy of one parameter, in units of c."""

    def logpdf(θ, a, s):
        z = θ[0] * c * s
        return a * z - anp.log(1 + anp.exp(z))

    return FunctionPolicy(1, lambda θ, s, rng: rng.integers(0, 2, np.shape(s)), logpdf, kl)


@pytest.mark.parametrize("n", [1, 1000, 65_535, 65_536, 65_537, 131_073, 200_001])
def test_dot_adds_every_product_once_in_double_precision(n):
    u, v = np.random.default_rng(n).normal(size=(2, n)).astype(np.float32)
    np.testing.assert_allclose(dot(u, v), math.fsum(u.astype(float) * v.astype(float)), rtol=1e-9, atol=1e-9)
    assert dot(np.ones(n, np.float32), np.ones(n, np.float32)) == n


@pytest.mark.parametrize("rule", ["natural", "trust_region"])
def test_the_largest_divergence_may_be_max_kl_itself(rule):
    π, τs = NeuralPolicy((1, 3), Gaussian(1)), recorded()
    θ, φ = π.init(0, last=1.0), CRITIC.init()
    free = step(TRPO(rule), π, θ, φ, τs=τs)
    there = batch(TRPO(rule), π, θ, τs, np.ones(8), 0).at(free.θ)
    within = step(TRPO(rule, max_kl=there.largest_kl), π, θ, φ, τs=τs)
    np.testing.assert_array_equal(within.θ, free.θ)
    below = step(TRPO(rule, max_kl=np.nextafter(there.largest_kl, 0)), π, θ, φ, τs=τs)
    assert not np.array_equal(below.θ, free.θ)
    assert rule == "trust_region" or below.status is Status.BEYOND_MAX_KL


@pytest.mark.parametrize("max_kl", [None, 1e3])
def test_an_objective_that_overflows_is_no_divergence_beyond_max_kl(max_kl):
    π, τs = NeuralPolicy((1, 3), Gaussian(1)), recorded()
    θ = π.init(0, last=1.0)
    here = batch(TRPO(max_kl=max_kl), π, θ, τs, np.full(8, 1.7e308), 0)
    point = here.at(θ + 0.1)
    assert point.overflows
    assert point.largest_kl < 1e3
    assert here.refusal(point) is Status.SURROGATE_OVERFLOWS
    far = batch(TRPO(max_kl=1e-9), π, θ, τs, np.ones(8), 0)
    assert far.refusal(far.at(θ + 0.1)) is Status.BEYOND_MAX_KL
    assert far.refusal(far.start) is None


def test_a_gradient_that_is_not_finite_takes_no_iteration():
    π, τs = coin(1e10), Trajectories(np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 1)))
    here = batch(TRPO(), π, np.zeros(1), τs, np.full(3, 1.7e308), 0)
    assert not np.isfinite(here.natural(named_rule("natural"))).any()
    assert here.info["cg_iterations"] == 0
    assert math.isnan(here.info["cg_residual"])


@pytest.mark.parametrize("c", [1e-7, 1.0, 1e7])
def test_the_unit_of_a_parameter_decides_neither_the_step_nor_whether_there_is_one(c):
    """Three times the same action: advantages that sum to 0 cancel but for rounding, others do not."""
    π, s, a = coin(c), np.ones((3, 1)), np.ones((3, 1))
    τs, rule = Trajectories(s, a, 0 * s), NaturalPolicyUpdate.rule(0.02, direction="surrogate")
    θ = np.array([0.3]) / c
    rounded = batch(TRPO(), π, θ, τs, np.array([0.1, 0.7, -0.8]), 0)
    assert rounded.gradient() != 0
    np.testing.assert_array_equal(rounded.natural(rule), θ)
    p = 1 / (1 + np.exp(-0.3))
    moved = batch(TRPO(), π, θ, τs, np.array([1.0, 2.0, -1.0]), 0).natural(rule)
    np.testing.assert_allclose(c * (moved - θ), np.sqrt(2 * 0.02) / (1 - p), rtol=1e-6)  # F = (1 - p)² of one action


@pytest.mark.parametrize("N", [4, 64, 1024])
def test_advantages_are_no_direction_where_their_mean_is_within_the_error_of_a_sum(N):
    """Advantages ±1 and a little more of the first, N t: t is their mean, and the length of their projection."""
    π, s, a = coin(1.0), np.ones((N, 1)), np.ones((N, 1))
    θ, A = np.array([0.3]), np.tile([1.0, -1.0], N // 2)
    for size, moves in ((0.5, False), (2.0, True)):
        A[0] = 1 + N * size * math.sqrt(N) * rounding(1.0)
        moved = batch(TRPO(), π, θ, Trajectories(s, a, 0 * s), A, 0).natural(named_rule("natural", damping=0.0))
        assert (moved != θ) == moves


@pytest.mark.parametrize("unit", [1e-250, 1e-20, 1e20, 1e250])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_natural_step_is_the_same_in_any_unit_of_the_advantages(unit, sign):
    π, τs, rule = NeuralPolicy((1, 3), Gaussian(1)), recorded(), named_rule("natural", damping=1e-3)
    θ, A = π.init(0, last=1.0), np.arange(8.0) - 3
    there, moved = (batch(TRPO(), π, θ, τs, x, 0).natural(rule) for x in (A, sign * unit * A))
    assert abs(there - θ).max() > 1e-3
    np.testing.assert_allclose(moved - θ, sign * (there - θ), rtol=1e-6)
    one = coin(1.0), np.array([0.3]), Trajectories(*np.ones((3, 3, 1)))  # where the whole gradient has one sign
    there, moved = (batch(TRPO(), *one, x, 0).natural(rule) for x in (np.ones(3), np.full(3, sign * unit)))
    np.testing.assert_allclose(moved - 0.3, sign * (there - 0.3), rtol=1e-6)


@pytest.mark.parametrize("unit", [2.0**-20, 1.0, 2.0**40])
def test_curvature_that_is_only_rounding_is_no_direction(monkeypatch, unit):
    """Eigenvalues 1, 1e-4 and 1e-9 in single precision: after some iterations xᵀHx can come out below 0."""
    here = batch(TRPO(), NeuralPolicy((1, 3), Gaussian(1)), np.zeros(11, np.float32), recorded(), np.ones(8), 0)
    here = attrs.evolve(here, θ=np.zeros(3, np.float32))
    for seed in (30, 41, 284, 519, 789, 1120, 1231, 1374):
        rng = np.random.default_rng(seed)
        Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        H = (unit * (Q * [1, 1e-4, 1e-9]) @ Q.T).astype(np.float32)
        g = rng.normal(size=3).astype(np.float32)
        monkeypatch.setattr(type(here), "gradient", lambda self, g=g: g)
        monkeypatch.setattr(type(here), "damped_fisher", lambda self, c, H=H: lambda v: H @ v)
        assert np.isfinite(here.natural(named_rule("natural"))).all()


def test_all_states_in_the_fisher_matrix_take_no_random_numbers():
    π, τs, rng = NeuralPolicy((1, 3), Gaussian(1)), recorded(), np.random.default_rng(0)
    θ, before = π.init(0), rng.bit_generator.state
    step(TRPO(), π, θ, CRITIC.init(), rng=rng, τs=τs)
    assert rng.bit_generator.state == before
    step(TRPO(fisher_subsample=0.99), π, θ, CRITIC.init(), rng=rng, τs=τs)
    assert rng.bit_generator.state != before


@pytest.mark.parametrize(("share", "states"), [(1e-9, 1), (0.2, 2), (0.45, 4), (0.99, 8), (1.0, 8)])
def test_the_fisher_matrix_is_the_mean_over_the_share_of_the_states_rounded_and_at_least_one(share, states):
    """F of a state and an action is the square of the score s (a - p)."""
    π, θ, s = coin(1.0), np.array([0.3]), np.arange(1.0, 9.0)[:, None]
    τs = Trajectories(s, s % 2, 0 * s)
    of_each = (s * (s % 2 - 1 / (1 + np.exp(-0.3 * s)))) ** 2
    possible = [np.mean(some) + 0.5 for some in itertools.combinations(of_each[:, 0], states)]
    for seed in range(3):
        F = batch(TRPO(fisher_subsample=share), π, θ, τs, np.ones(8), seed).damped_fisher(0.5)
        assert min(abs(F(np.array([2.0])) - 2 * np.array(possible))) < 1e-12


def test_a_mean_divergence_below_0_by_rounding_is_0():
    π, τs = coin(1.0, lambda θ, θ_new, s: -1e-17 + 0 * s), Trajectories(*np.ones((3, 3, 1)))
    assert batch(TRPO(), π, np.zeros(1), τs, np.ones(3), 0).at(np.ones(1)).constraint == 0


def test_a_new_point_keeps_no_layers_of_the_network_since_the_line_search_needs_none():
    π, τs = NeuralPolicy((1, 3), Gaussian(1)), recorded()
    here = batch(TRPO(), π, π.init(0), τs, np.ones(8), 0)
    here.policy.fisher_product(here.τs.a)
    with pytest.raises(TypeError, match="kept no layers"):
        here.at(here.θ + 0.1).policy.fisher_product(here.τs.a)


def test_some_rows_of_a_batch_are_a_batch_with_the_same_settings():
    π, τs = NeuralPolicy((1, 3), Gaussian(1)), recorded()
    here = batch(TRPO(max_kl=0.7, cg_iterations=3, minibatch=5), π, π.init(0), τs, np.arange(8.0), 0)
    some = here.rows(np.array([5, 2]))
    np.testing.assert_array_equal(some.G[:, 0], [5.0, 2.0])
    np.testing.assert_array_equal(some.τs.s, τs.s[[5, 2]])
    names = "max_kl", "cg_iterations", "fisher_subsample", "minibatch", "γ"
    assert [getattr(some, x) for x in names] == [getattr(here, x) for x in names]
    θ_new = here.θ + 0.01
    parts = [here.rows(np.array([i])).at(θ_new).objective for i in range(8)]
    np.testing.assert_allclose(here.at(θ_new).objective, np.mean(parts), rtol=1e-12)
    assert attrs.evolve(here, G=2 * here.G).at(θ_new).objective == pytest.approx(2 * here.at(θ_new).objective)
