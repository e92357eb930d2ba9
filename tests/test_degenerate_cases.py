"""Awkward inputs of the updates of chapter 12: none hangs, none returns NaN, each says what it did."""

import math
import warnings

import attrs
import autograd.numpy as anp
import numpy as np
import pytest

from decision_making import (
    MDP,
    ClampedSurrogateUpdate,
    FunctionPolicy,
    LikelihoodRatioGradient,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionUpdate,
    clamped_gradient,
    explain,
    natural_update,
    step,
    surrogate_constraint,
    surrogate_objective,
    update,
)
from decision_making.problems import SimpleRegulator
from tests.support import replayed, unit_normal

REGULATOR = SimpleRegulator(0.9)

UPDATES = {  # (P, b, d, m) -> struct
    "ascent": lambda *f: PolicyGradientUpdate(RewardToGoGradient(*f), 0.01),
    "ascent_scaled_clipped": lambda *f: PolicyGradientUpdate(LikelihoodRatioGradient(*f), 0.1, L2_max=1, clip=(-1, 1)),
    "restricted": lambda *f: RestrictedPolicyUpdate(*f, 0.05),
    "natural": lambda *f: NaturalPolicyUpdate(*f, 0.05),
    "natural_damped": lambda *f: NaturalPolicyUpdate(*f, 0.05, damping=0.1),
    "natural_surrogate": lambda *f: NaturalPolicyUpdate(*f, 0.05, direction="surrogate", over_steps="sum"),
    "trust_region": lambda *f: TrustRegionUpdate(*f, 0.05, 0.5),
    "trust_region_surrogate": lambda *f: TrustRegionUpdate(*f, 0.05, 0.5, direction="surrogate", damping=0.1),
    "clamped": lambda *f: ClampedSurrogateUpdate(*f, 0.2, 0.05, 3),
    "penalized": lambda *f: PenalizedSurrogateUpdate(*f, 1.0, 0.05, 3, kl_target=0.01),
}
NATURAL = [name for name in UPDATES if name.startswith(("natural", "trust"))]
every_update = pytest.mark.parametrize("name", UPDATES)


def recorded(name, γ=0.9):
    """The update for recorded trajectories; its problem cannot be simulated."""
    return replayed(UPDATES[name], γ=γ)


def table_of(S, A, m, d, seed=0):
    """Random trajectories of a table of S states and A actions with random rewards."""
    rng = np.random.default_rng(seed)
    return Trajectories(rng.integers(0, S, (m, d)), rng.integers(0, A, (m, d)), rng.normal(size=(m, d)))


def stays(taken, θ):
    """Whether θ came back and the Step says so."""
    return (
        np.array_equal(taken.θ, θ)
        and not taken.accepted
        and taken.backtracks is None
        and "unchanged" in taken.reason
        and (taken.kl, taken.improvement) == (0.0, 0.0)
    )


# ---- zero gradients and singular Fisher matrices


@every_update
def test_zero_gradient_leaves_θ_unchanged(name):
    τs = table_of(2, 3, 5, 4)
    taken = step(recorded(name), SoftmaxPolicy(2, 3), np.arange(6.0), τs=Trajectories(τs.s, τs.a, 0 * τs.r))
    assert stays(taken, np.arange(6.0))


@every_update
def test_scores_that_cancel_leave_θ_unchanged(name):
    """Two trajectories with opposite scores and equal returns: the gradient is zero, the scores are not."""
    τs = Trajectories(np.zeros((2, 1)), [[1.0], [-1.0]], [[1.0], [1.0]])
    π = FunctionPolicy(1, lambda θ, s, rng: rng.normal(θ[0] + 0 * s), lambda θ, a, s: -0.5 * (a - θ[0]) ** 2)
    assert stays(step(recorded(name), π, [0.0], τs=τs), [0.0])


@every_update
def test_deterministic_policy_with_zero_scores(name):
    """One action only: its probability is 1 whatever θ is, and F̂ is entirely 0."""
    τs = table_of(3, 1, 4, 2)
    θ = np.array([0.5, -1.0, 2.0])
    assert stays(step(recorded(name), SoftmaxPolicy(3, 1), θ, τs=τs), θ)


@every_update
def test_policy_without_parameters_in_it_has_zero_scores_and_stays(name):
    """Its log-likelihood does not so much as read θ."""
    π = FunctionPolicy(2, lambda θ, s, rng: s, lambda θ, a, s: 0 * s, lambda θ, θ_new, s: 0 * s)
    τs = Trajectories([[1.0, 2.0]], [[1.0, 1.0]], [[1.0, 1.0]])
    assert stays(step(recorded(name), π, [0, 1], τs=τs), [0.0, 1.0])


@every_update
def test_saturated_policy_with_vanishing_scores(name):
    """A probability that rounds to 1 has scores of 1e-300 or 0: the step is finite and probabilities stay ones."""
    τs = Trajectories(np.zeros((3, 2), int), np.zeros((3, 2), int), np.ones((3, 2)))
    for gap in (30.0, 690.0, 1e4):
        π, θ = SoftmaxPolicy(1, 2), np.array([gap, 0.0])
        taken = step(recorded(name), π, θ, τs=τs)
        assert np.isfinite(taken.θ).all()
        assert np.isfinite([taken.kl, taken.improvement]).all()


@pytest.mark.parametrize("name", NATURAL)
@pytest.mark.parametrize("m", [1, 2, 3])
def test_singular_fisher_with_fewer_rollouts_than_parameters(name, m):
    τs = table_of(4, 3, m, 2, seed=m)
    taken = step(recorded(name), SoftmaxPolicy(4, 3), np.zeros(12), τs=τs)
    assert np.isfinite(taken.θ).all()
    assert taken.accepted
    assert np.linalg.norm(taken.θ) < 5
    unvisited = ~np.isin(np.arange(4), τs.s)
    np.testing.assert_allclose(taken.θ.reshape(4, 3)[unvisited], 0, atol=1e-12)  # minimum norm: what nobody saw stays
    np.testing.assert_allclose(taken.θ.reshape(4, 3).sum(axis=1), 0, atol=1e-12)  # nor is a state's logit shift used


def test_zero_fisher_with_damping_is_still_no_direction():
    np.testing.assert_array_equal(natural_update(np.ones(2), np.zeros((3, 2)), np.ones(3), 0.1, 0.5), np.ones(2))


def test_slope_that_rounding_makes_negative_is_never_under_a_root():
    """Scores of rank 1 to rounding, returns of any size: the step is real and finite."""
    rng = np.random.default_rng(0)
    for size in (1e-300, 1e-8, 1.0, 1e150):
        G = np.outer(rng.normal(size=6), [1.0, 3.0]) * (1 + 1e-16 * rng.normal(size=(6, 2)))
        for R in (rng.normal(size=6), np.full(6, 1.0), np.eye(6)[0]):
            assert np.isfinite(natural_update(np.zeros(2), size * G, R, 0.1)).all()


# ---- line search


def test_nan_in_surrogate_is_rejected():
    """Where the likelihood of the candidate is NaN, so are objective and constraint: not one comparison holds."""

    def logpdf(θ, a, s):  # 0 · inf beyond θ = 0.1
        return -0.5 * (a - θ[0]) ** 2 + anp.where(θ[0] > 0.1, np.nan, 0.0)

    π = FunctionPolicy(1, lambda θ, s, rng: rng.normal(θ[0] + 0 * s), logpdf)
    τs = Trajectories([[0.0]], [[1.0]], [[1.0]])
    taken = step(replayed(TrustRegionUpdate, 0.5, 0.5), π, [0.0], τs=τs)  # points 1, 0.5, 0.25, 0.125, 0.0625
    assert (taken.θ[0], taken.backtracks) == (0.0625, 4)
    assert step(replayed(TrustRegionUpdate, 0.5, 0.5, max_backtracks=3), π, [0.0], τs=τs).backtracks is None


def test_infinite_surrogate_is_rejected():
    """The action is 100 standard deviations out: at the natural step √(2ε)/100 · αʲ the ratio may be infinite."""
    π = FunctionPolicy(
        1,
        lambda θ, s, rng: rng.normal(θ[0] + 0 * s),
        lambda θ, a, s: -0.5 * (a - θ[0]) ** 2,
        lambda θ, θ_new, s: 0 * θ[0] * s + 0 * θ_new[0],
    )
    τs = Trajectories([[0.0]], [[100.0]], [[1.0]])
    ε = 0.5 * 9_000.0**2  # points 90, 45, 22.5, 11.25, 5.625: log ratios 4950, ..., 1061.7, 546.7
    taken = step(replayed(TrustRegionUpdate, ε, 0.5), π, [0.0], τs=τs)
    assert taken.backtracks == 4
    assert taken.θ[0] == pytest.approx(5.625, rel=1e-12)
    assert np.isfinite(taken.improvement)


def test_trust_region_needs_every_ratio_finite():
    """An infinite gain in one trajectory and an infinite loss in another are no number, and no acceptance."""
    τs = Trajectories(np.zeros((2, 1)), [[100.0], [90.0]], [[1.0], [-0.5]])
    π = FunctionPolicy(1, lambda θ, s, rng: rng.normal(θ[0] + 0 * s), lambda θ, a, s: -0.5 * (a - θ[0]) ** 2)
    M = replayed(TrustRegionUpdate, 1e7, 0.5, max_backtracks=0)
    assert not np.isfinite(surrogate_objective(M, π, [0.0], [82.5], τs))
    assert stays(step(M, π, [0.0], τs=τs), [0.0])


# ---- ratios


UNIT = unit_normal()


def test_ratio_of_densities_that_both_underflow_is_exact():
    """Densities exp(-5000) and exp(-4998) are 0, their ratio is e²."""
    τs, M = Trajectories([[0.0]], [[100.0]], [[1.0]]), replayed(ClampedSurrogateUpdate, 100.0, 0.1, 1)
    x = 100 - math.sqrt(100**2 - 4)
    assert surrogate_objective(M, UNIT, [0.0], [x], τs) == pytest.approx(math.exp(2), rel=1e-9)
    np.testing.assert_allclose(clamped_gradient(M, UNIT, [0.0], [x], τs), math.exp(2) * (100 - x), rtol=1e-9)


# the mean of the scores 100 and 90 times the rewards 1 and -½ is 27.5; at 82.5 the ratios are exp(4846) and exp(4022)
FAR = Trajectories(np.zeros((2, 1)), [[100.0], [90.0]], [[1.0], [-0.5]])
ASCENTS = {
    "clamped": lambda k_max: replayed(ClampedSurrogateUpdate, 0.2, 3.0, k_max),
    "penalized": lambda k_max: replayed(PenalizedSurrogateUpdate, 1.0, 3.0, k_max),
}


@pytest.mark.parametrize("name", ASCENTS)
def test_ratio_underflow_and_overflow_is_a_rejected_step(name):
    """The second of two ascents meets infinite ratios: θ stays, without a warning and without NaN."""
    taken = step(ASCENTS[name](2), UNIT, [0.0], τs=FAR)
    assert stays(taken, [0.0])
    assert "overflow" in taken.reason
    near = Trajectories(FAR.s, -FAR.a, FAR.r)  # to -82.5, where nothing overflows but the densities are exp(-150)
    back = Trajectories(FAR.s, np.array([[-100.0], [90.0]]), [[-1e-3], [0.0]])  # and one whose ratio underflows
    for τs in (near, back):
        assert np.isfinite(update(ASCENTS[name](2), UNIT, [0.0], τs=τs)).all()


@pytest.mark.parametrize("name", ASCENTS)
def test_ratio_that_overflows_after_the_last_ascent_is_a_rejected_step(name):
    """The ascent itself is finite, but where it ends the gain is ∞ - ∞."""
    taken = step(ASCENTS[name](1), UNIT, [0.0], τs=FAR)
    assert np.isfinite([taken.kl, taken.improvement]).all()
    assert stays(taken, [0.0])


def test_constraint_that_overflows_after_the_last_ascent_is_a_rejected_step():
    """(μ - μ')² is beyond the floating range: the divergence is infinite, β doubles and θ stays."""
    M = replayed(PenalizedSurrogateUpdate, 3.0, 1e160, 1, kl_target=0.1)
    taken = step(M, LinearGaussianPolicy(0.0), [0.0, 1.0], τs=Trajectories([[1.0]], [[1.0]], [[1.0]]))
    assert taken.β == 6.0
    assert np.isfinite([taken.kl, taken.improvement]).all()
    assert stays(taken, [0.0, 1.0])


@pytest.mark.parametrize("name", ["ascent", "clamped", "penalized"])
def test_step_beyond_the_largest_number_is_rejected_without_a_warning(name):
    """A gradient of 1e300 times a step factor of 1e10."""
    M = {
        "ascent": PolicyGradientUpdate(replayed(RewardToGoGradient), 1e10),
        "clamped": replayed(ClampedSurrogateUpdate, 0.2, 1e10, 2),
        "penalized": replayed(PenalizedSurrogateUpdate, 1.0, 1e10, 2),
    }[name]
    taken = step(M, UNIT, [0.0], τs=Trajectories([[0.0]], [[1.0]], [[1e300]]))
    assert stays(taken, [0.0])
    assert "overflow" in taken.reason


@pytest.mark.parametrize("name", ["ascent", "restricted", "natural"])
def test_accepted_step_reports_no_nan(name):
    """Both ratios overflow, with rewards of either sign: the surrogate at the new θ has no value."""
    M = {
        "ascent": PolicyGradientUpdate(replayed(RewardToGoGradient), 1e3),
        "restricted": replayed(RestrictedPolicyUpdate, 1e10),
        "natural": replayed(NaturalPolicyUpdate, 1e10),
    }[name]
    τs = Trajectories([[0.0], [0.0]], [[1e5], [1e5 + 1]], [[2.0], [-1.0]])

    def kl(θ, θ_new, s):
        return 0 * s + anp.inf * (θ_new[0] - θ[0]) - anp.inf * (θ_new[0] - θ[0])

    π = FunctionPolicy(1, lambda θ, s, rng: s, lambda θ, a, s: a * θ[0], kl=kl)
    taken = step(M, π, [0.0], τs=τs)
    assert taken.accepted
    assert (taken.kl, taken.improvement) == (math.inf, -math.inf)
    assert "overflows" in explain(taken)


@pytest.mark.parametrize("name", UPDATES)
def test_step_beyond_float32_is_rejected_without_a_warning(name):
    """Bounds and step factors that only float64 can hold."""
    M = recorded(name)
    big = {x: 1e300 for x in ("α", "ε") if hasattr(M, x) and not (x == "α" and isinstance(M, TrustRegionUpdate))}
    τs = Trajectories([[1.0], [1.0]], [[1.0], [-1.0]], [[1.0], [-2.0]])
    taken = step(attrs.evolve(M, **big), LinearGaussianPolicy(), np.array([0.0, 1.0], np.float32), τs=τs)
    if name == "ascent_scaled_clipped":
        assert "overflow" in taken.reason
    assert stays(taken, np.array([0.0, 1.0], np.float32))
    assert taken.θ.dtype == np.float32


# ---- data that is not finite


@every_update
@pytest.mark.parametrize(("quantity", "bad"), [("reward", np.inf), ("state", np.nan), ("action", np.nan)])
def test_quantity_that_is_not_finite_is_named_with_trajectory_and_step(name, quantity, bad):
    arrays = {x: np.ones((3, 2)) for x in "sar"}
    arrays[quantity[0]][1, 1] = bad
    with pytest.raises(ValueError, match=rf"{quantity} of trajectory 1, step 1 .* must be finite"):
        step(recorded(name), LinearGaussianPolicy(), [0.0, 1.0], τs=Trajectories(**arrays))


@every_update
def test_simulated_reward_that_is_not_finite_is_named(name):
    def TR(s, a, rng):
        return s, np.where(np.arange(len(s)) == 2, np.nan, 1.0)

    M = UPDATES[name](MDP(0.9, None, None, None, None, TR), lambda m, rng: np.ones(m), 3, 4)
    with pytest.raises(ValueError, match="reward of trajectory 2, step 0 "):
        step(M, LinearGaussianPolicy(), [0.0, 1.0], rng=0)


@pytest.mark.parametrize("name", [n for n in UPDATES if n not in ("clamped", "penalized")])
def test_score_that_is_not_finite_is_named(name):
    """log-likelihood √θ at θ = 0 has an infinite slope."""
    π = FunctionPolicy(1, lambda θ, s, rng: s, lambda θ, a, s: anp.sqrt(θ[0]) * a)
    with pytest.raises(ValueError, match="score of trajectory 0, step 0 "):
        step(recorded(name), π, [0.0], τs=Trajectories([[1.0, 1.0]], [[1.0, 1.0]], [[1.0, 1.0]]))


@pytest.mark.parametrize("name", NATURAL)
def test_action_of_probability_zero_is_named(name):
    τs = Trajectories(np.ones((2, 2)), np.array([[0.0, 1.0], [0.0, 1e200]]), np.ones((2, 2)))
    with pytest.raises(ValueError, match="log-likelihood of trajectory 1, step 1 "):
        update(recorded(name), LinearGaussianPolicy(0.0), [0, 1], τs=τs)


@every_update
def test_returns_that_overflow_are_named(name):
    τs = Trajectories(np.zeros((2, 3)), np.ones((2, 3)), [[1.0] * 3, [1e308] * 3])
    with pytest.raises(ValueError, match="of trajectory 1 overflows"):
        step(recorded(name, γ=1.0), LinearGaussianPolicy(), [0.0, 1.0], τs=τs)


# ---- sizes and types


@every_update
@pytest.mark.parametrize(("m", "d"), [(1, 1), (1, 5), (5, 1)])
def test_one_trajectory_or_one_step(name, m, d):
    taken = step(UPDATES[name](REGULATOR, REGULATOR.b, d, m), LinearGaussianPolicy(), [0.0, 1.0], rng=m)
    assert np.isfinite(taken.θ).all()
    assert taken.θ.shape == (2,)
    assert np.isfinite([taken.kl, taken.improvement]).all()


@every_update
def test_trajectories_of_unequal_length_are_padded_without_effect(name):
    """Two more columns of padding, with other states and actions in them, change nothing."""
    τs = Trajectories.from_lists([[(0, 1, 1.0), (1, 0, -0.5), (1, 1, 2.0)], [(1, 1, 0.5)], [(0, 0, -1.0), (0, 1, 1.5)]])
    wide = [np.pad(x, ((0, 0), (0, 2))) for x in (τs.s, τs.a, τs.r, τs.mask)]
    wide[0][~wide[3]], wide[1][~wide[3]] = 1, 0
    π, θ = SoftmaxPolicy(2, 2), np.array([0.1, 0.2, -0.3, 0.4])
    expected, got = (step(recorded(name), π, θ, τs=x) for x in (τs, Trajectories(*wide)))
    np.testing.assert_allclose(got.θ, expected.θ, rtol=1e-12, atol=1e-14)
    assert got.kl == pytest.approx(expected.kl, rel=1e-9, abs=1e-15)
    assert expected.accepted


def test_short_trajectories_divide_by_their_own_length():
    """A short and a long trajectory: the mean of what each is alone, not the mean over all steps."""
    long, short = [(0, 0, 1.0)] * 5, [(0, 1, 3.0)]
    π, θ, x = SoftmaxPolicy(1, 2), np.zeros(2), np.array([0.3, -0.2])
    M = replayed(ClampedSurrogateUpdate, 0.9, 0.1, 1, γ=0.9)
    for f in (surrogate_objective, surrogate_constraint, clamped_gradient):
        both, alone = (
            f(M, π, θ, x, Trajectories.from_lists([long, short])),
            [f(M, π, θ, x, Trajectories.from_lists([τ])) for τ in (long, short)],
        )
        np.testing.assert_allclose(both, np.mean(alone, axis=0), rtol=1e-12)


@every_update
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_start_states_that_are_all_terminal_leave_θ_unchanged(name, dtype):
    """There is no step to learn from, whatever the policy and the direction."""
    T, features = np.full((3, 2, 3), 1 / 3), np.random.default_rng(0).normal(size=(3, 2, 4))
    P = MDP.from_arrays(T, np.ones((3, 2)), 0.9, terminal=lambda s: np.asarray(s) == 2)
    for π in (SoftmaxPolicy(3, 2), LinearSoftmaxPolicy(features)):
        θ = np.arange(π.n, dtype=dtype)
        taken = step(UPDATES[name](P, [0.0, 0.0, 1.0], 4, 3), π, θ, rng=0)
        assert stays(taken, θ)
        assert taken.θ.dtype == dtype
    P, θ = MDP(0.9, None, None, None, None, lambda s, a, rng: (s, a), terminal=lambda s: s == 1), np.ones(2, dtype)
    assert stays(step(UPDATES[name](P, lambda m, rng: np.ones(m), 4, 3), LinearGaussianPolicy(), θ, rng=0), θ)


def test_natural_update_without_rows_returns_θ():
    θ = np.array([1.0, 2.0])
    np.testing.assert_array_equal(natural_update(θ, np.empty((0, 2)), np.empty(0), 0.1, damping=0.1), θ)


@every_update
def test_trajectories_that_end_in_a_terminal_state(name):
    """States 0 and 1 end in state 2 after steps of their own number; nothing after that is learnt from."""
    T = np.zeros((3, 2, 3))
    T[0, :, 1] = T[1, 0, 2] = T[1, 1, 1] = T[2, :, 2] = 1
    P = MDP.from_arrays(T, [[1.0, -1.0], [0.5, 2.0], [1e6, -1e6]], 0.9, terminal=lambda s: np.asarray(s) == 2)
    taken = step(UPDATES[name](P, [1.0, 0.0, 0.0], 6, 40), SoftmaxPolicy(3, 2), np.zeros(6), rng=0)
    assert taken.accepted
    np.testing.assert_array_equal(taken.θ[4:], 0)


@every_update
def test_integer_and_list_θ_are_converted(name):
    τs, π = table_of(2, 2, 6, 3), SoftmaxPolicy(2, 2)
    expected = update(recorded(name), π, np.array([1.0, 0.0, 0.0, 2.0]), τs=τs)
    assert not np.array_equal(expected, np.rint(expected))
    for θ in ([1, 0, 0, 2], (1, 0, 0, 2), np.array([1, 0, 0, 2]), np.array([1, 0, 0, 2], np.int8)):
        got = update(recorded(name), π, θ, τs=τs)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", NATURAL)
def test_scalar_θ_is_an_array_of_one(name):
    τs = Trajectories(np.zeros((2, 1)), [[1.0], [-0.5]], [[1.0], [0.2]])
    np.testing.assert_array_equal(update(recorded(name), UNIT, 0.0, τs=τs), update(recorded(name), UNIT, [0.0], τs=τs))


@every_update
def test_float32_θ_stays_float32(name):
    """Recorded data in float64: the step is that of float64 to the precision of float32."""
    τs, π = table_of(2, 2, 200, 4), SoftmaxPolicy(2, 2)
    θ = np.array([0.5, 0.0, -0.25, 1.0])
    single, double = (step(recorded(name), π, x, τs=τs) for x in (θ.astype(np.float32), θ))
    assert single.θ.dtype == np.float32
    assert double.θ.dtype == np.float64
    np.testing.assert_allclose(single.θ - θ, double.θ - θ, rtol=2e-3, atol=2e-6)
    assert isinstance(single.kl, float)


def test_discrete_actions_that_are_no_whole_numbers_are_refused():
    τs = Trajectories(np.zeros((1, 1)), [[0.5]], [[1.0]])
    with pytest.raises(TypeError, match="whole numbers"):
        update(recorded("natural"), SoftmaxPolicy(1, 2), [0.0, 0.0], τs=τs)


def test_σ_parameter_crosses_zero_and_goes_on():
    """Where a step carries θ₂ past 0 the policy is N(θ₁ s, |θ₂|²), and the next update starts from there."""
    τs = Trajectories([[1.0], [1.0]], [[0.0], [0.02]], [[1.0], [1.0]])
    π, M = LinearGaussianPolicy(), recorded("restricted")
    θ = update(M, π, [0.0, 0.1], τs=τs)
    assert θ[1] < 0
    mirrored = θ * [1, -1]
    np.testing.assert_allclose(update(M, π, θ, τs=τs), update(M, π, mirrored, τs=τs) * [1, -1], rtol=1e-10)


# ---- parameters


@every_update
@pytest.mark.parametrize("θ", [[0.0], [0.0, 1.0, 2.0], [[0.0, 1.0]], [0.0, np.inf], [np.nan, 1.0], ["a", "b"]])
def test_bad_θ_is_refused_before_any_rollout(name, θ):
    def TR(s, a, rng):
        raise AssertionError("simulated")

    def b(m, rng):
        raise AssertionError("drawn")

    M = UPDATES[name](MDP(0.9, None, None, None, None, TR), b, 3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ValueError, TypeError), match="θ"):
            update(M, LinearGaussianPolicy(), θ)


def test_complex_θ_is_refused_and_not_cut_to_its_real_part():
    with pytest.raises((ValueError, TypeError), match="θ"):
        update(recorded("natural"), LinearGaussianPolicy(), [0, 1 + 1j], τs=Trajectories([[1.0]], [[1.0]], [[1.0]]))
