"""The clamped surrogate update: which steps the clamp silences, and what the rest add up to."""

import math

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given, strategies as st

from decision_making import (
    ClampedSurrogateUpdate,
    LinearGaussianPolicy,
    PenalizedSurrogateUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    Trajectories,
    clamped_gradient,
    gradient,
    rollouts,
    standard_error,
    step,
    surrogate_objective,
    update,
)
from decision_making.problems import SimpleRegulator
from tests import strategies
from tests.oracles import enumeration, loops, regulator
from tests.oracles.population import everything, population
from tests.support import OVER_STEPS, gradient_of, replayed

COIN = SoftmaxPolicy(1, 2)
EVEN = np.zeros(2)
PROBABILITY = {p: np.array([math.log(p / (1 - p)), 0.0]) for p in (0.55, 0.65, 0.75)}  # of action 0


def clamp(ε, α=0.1, k_max=1, **options):
    return replayed(ClampedSurrogateUpdate, ε, α, k_max, **options)


def clamped_objective(π, θ, x, τs, γ, ε, over_steps):
    """Mean over τ and its steps of min(w G, clamp(w) G) in loops, and the smallest distance of a w to a kink."""
    ratios = []

    def term(k, s, a, G):
        ratios.append(w := loops.ratio(π, θ, x, a, s))
        return min(w * G, min(max(w, 1 - ε), 1 + ε) * G)

    value = loops.mean_over_steps(τs, γ, over_steps, term)
    return value, min(abs(w - edge) for w in ratios for edge in (1 - ε, 1 + ε))


records_and_candidates = strategies.records().flatmap(
    lambda record: st.tuples(st.just(record), strategies.parameters(record[0].n, 0.5, 1.5), strategies.discounts)
)


# ---- by hand


@pytest.mark.parametrize("p", PROBABILITY)
@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("r", [2.0, -3.0, 0.0])
def test_steps_that_count(p, a, r):
    """ε = 0.2; action 0 has ratios 1.1, 1.3, 1.5, action 1 has 0.9, 0.7, 0.5; the gradient is r w (1[a] - π) or 0."""
    w = 2 * p if a == 0 else 2 * (1 - p)
    counts = not (r > 0 and w > 1.2) and not (r < 0 and w < 0.8) and r != 0
    score = np.array([1.0 - p, p - 1.0]) if a == 0 else np.array([-p, p])
    g = clamped_gradient(clamp(0.2), COIN, EVEN, PROBABILITY[p], Trajectories.from_lists([[(0, a, r)]]))
    np.testing.assert_allclose(g, r * w * score if counts else np.zeros(2), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("a", "r"), [(0, 1.0), (1, -1.0)])
def test_ratio_on_the_edge_of_the_clamp_counts(a, r):
    """The ratios are 1.5 and 0.5: with ε exactly as far from 1 they count, with a little less they do not."""
    θ_new = PROBABILITY[0.75]
    w = loops.ratio(COIN, EVEN, θ_new, a, 0)
    edge = abs(w - 1)
    assert w in (1 + edge, 1 - edge)
    for ε, counts in ((edge, True), (np.nextafter(edge, 0) - 1e-15, False)):
        g = clamped_gradient(clamp(float(ε)), COIN, EVEN, θ_new, Trajectories.from_lists([[(0, a, r)]]))
        assert g.any() == counts


def test_mean_over_trajectories_of_the_mean_over_their_own_steps():
    """γ = ½, action 0 throughout with w = 1.1: rewards-to-go (2, 1) and (-4); the score is (0.45, -0.45)."""
    τs = Trajectories.from_lists([[(0, 0, 1.0), (0, 0, 2.0)], [(0, 0, -4.0)]])
    for over_steps, total in (("mean", (3 / 2 - 4) / 2), ("sum", (3 - 4) / 2)):
        M = clamp(0.2, γ=0.5, over_steps=over_steps)
        g = clamped_gradient(M, COIN, EVEN, PROBABILITY[0.55], τs)
        np.testing.assert_allclose(g, total * 1.1 * np.array([0.45, -0.45]), rtol=1e-12)


def test_update_is_α_times_each_gradient_at_the_point_reached():
    """Reward 1 for action 0: two ascents with α = 1, by hand."""
    τs = Trajectories.from_lists([[(0, 0, 1.0)]])

    def ascent(x):
        p = 1 / (1 + math.exp(x[1] - x[0]))
        return x + 2 * p * np.array([1 - p, p - 1])

    once = ascent(EVEN)
    np.testing.assert_allclose(once, [0.5, -0.5])
    np.testing.assert_allclose(update(clamp(0.9, 1.0, 1), COIN, EVEN, τs=τs), once, rtol=1e-12)
    np.testing.assert_allclose(update(clamp(0.9, 1.0, 2), COIN, EVEN, τs=τs), ascent(once), rtol=1e-12)


# ---- what it is the gradient of


@given(records_and_candidates, st.sampled_from([0.1, 0.2, 0.8, 2.0]), st.sampled_from(OVER_STEPS))
def test_gradient_is_the_derivative_of_the_clamped_objective_away_from_its_kinks(case, ε, over_steps):
    (π, θ, τs), x, γ = case
    M = clamp(ε, γ=γ, over_steps=over_steps)
    expected = gradient_of(lambda x: clamped_objective(π, θ, x, τs, γ, ε, over_steps)[0], x)
    value, distance = clamped_objective(π, θ, x, τs, γ, ε, over_steps)
    assume(distance > 1e-2)
    np.testing.assert_allclose(clamped_gradient(M, π, θ, x, τs), expected, rtol=1e-5, atol=1e-5)
    unclamped, _ = clamped_objective(π, θ, x, τs, γ, math.inf, over_steps)
    assert value <= unclamped  # term by term, and rounded sums keep the order
    assert unclamped == pytest.approx(surrogate_objective(M, π, θ, x, τs), rel=1e-9, abs=1e-9)
    at_θ, _ = clamped_objective(π, θ, θ, τs, γ, ε, over_steps)
    assert at_θ == pytest.approx(surrogate_objective(M, π, θ, θ, τs), rel=1e-12, abs=1e-12)


@given(strategies.records(full=st.just(True)), strategies.discounts, st.sampled_from([1e-9, 0.2, 5.0]))
def test_nothing_is_clamped_at_θ(record, γ, ε):
    """k_max = 1 is gradient ascent with 1/d of the reward-to-go gradient, for every ε."""
    π, θ, τs = record
    expected = gradient(replayed(RewardToGoGradient, γ=γ), π, θ, τs=τs) / τs.r.shape[1]
    np.testing.assert_allclose(update(clamp(ε, 0.3, 1, γ=γ), π, θ, τs=τs), θ + 0.3 * expected, rtol=1e-10, atol=1e-12)


def terms_of_the_slope(π, θ, x, τs, γ):
    """w G ∇log π_x of every step over the number of steps and trajectories, (N, n), one by one."""
    terms = []
    for τ in τs:
        for (s, a, _), G in zip(τ, loops.rewards_to_go(τ, γ), strict=True):
            terms.append(loops.ratio(π, θ, x, a, s) * G * loops.score(π, x, a, s) / len(τ) / len(τs))
    return np.array(terms)


@given(records_and_candidates)
def test_wide_clamp_gives_the_gradient_of_the_surrogate_objective(case):
    """Wider than any ratio, which may be 1e120."""
    (π, θ, τs), x, γ = case
    terms = terms_of_the_slope(π, θ, x, τs, γ)
    difference = abs(clamped_gradient(clamp(1e300, γ=γ), π, θ, x, τs) - terms.sum(axis=0))
    assert (difference <= 1e-10 * abs(terms).sum(axis=0) + 1e-12).all()


@given(records_and_candidates)
def test_lower_clamp_never_acts_on_positive_ratios_where_ε_is_1_or_more(case):
    (π, θ, τs), x, γ = case
    losses = Trajectories(τs.s, τs.a, -abs(τs.r), τs.mask)  # only the lower clamp can act
    for ε in (1.0, 3.0):
        np.testing.assert_array_equal(
            clamped_gradient(clamp(ε, γ=γ), π, θ, x, losses), clamped_gradient(clamp(1e12, γ=γ), π, θ, x, losses)
        )


@given(records_and_candidates, st.sampled_from([0.05, 0.3]))
def test_sign_of_the_rewards_decides_which_clamp_can_act(case, ε):
    """Dropping the steps beyond the other clamp by hand changes nothing."""
    (π, θ, τs), x, γ = case
    w = np.exp(π.logpdf(x, τs.a, τs.s) - π.logpdf(θ, τs.a, τs.s))
    for sign, beyond in ((-1.0, w < 1 - ε), (1.0, w > 1 + ε)):
        total = np.zeros(π.n)
        one_sign = Trajectories(τs.s, τs.a, sign * abs(τs.r), τs.mask)
        for i, τ in enumerate(one_sign):
            for k, G in enumerate(loops.rewards_to_go(τ, γ)):
                if not beyond[i, k] and G != 0:
                    single = Trajectories(τs.s[i : i + 1, k : k + 1], τs.a[i : i + 1, k : k + 1], [[1.0]])
                    total += w[i, k] * G * π.scores(x, single)[0] / len(τ) / len(τs)
        np.testing.assert_allclose(clamped_gradient(clamp(ε, γ=γ), π, θ, x, one_sign), total, rtol=1e-9, atol=1e-10)


# ---- invariances it has and has not


@given(records_and_candidates, st.sampled_from([0.25, 2.0]))
def test_gradient_is_proportional_to_positive_rewards_and_the_update_to_rewards_times_α(case, c):
    (π, θ, τs), x, γ = case
    M, scaled = clamp(0.2, 0.01, 3, γ=γ), Trajectories(τs.s, τs.a, c * τs.r, τs.mask)
    np.testing.assert_array_equal(clamped_gradient(M, π, θ, x, scaled), c * clamped_gradient(M, π, θ, x, τs))
    np.testing.assert_array_equal(update(M, π, θ, τs=scaled), update(evolve(M, α=0.01 * c), π, θ, τs=τs))


def test_constant_added_to_the_rewards_changes_the_mask():
    """-1 becomes +1 where w = 1.3: a step that counted no longer does."""
    for r, counts in ((-1.0, True), (1.0, False)):
        g = clamped_gradient(clamp(0.2), COIN, EVEN, PROBABILITY[0.65], Trajectories.from_lists([[(0, 0, r)]]))
        assert g.any() == counts


def test_not_invariant_to_the_scale_of_the_rewards():
    τs = Trajectories.from_lists([[(0, 0, 1.0)], [(0, 1, -0.5)]])
    scaled = Trajectories(τs.s, τs.a, 10 * τs.r)
    M = clamp(0.2, 0.1, 5)
    assert not np.allclose(update(M, COIN, EVEN, τs=τs), update(M, COIN, EVEN, τs=scaled), rtol=1e-2)


def test_every_tuple_clamped_stands_still():
    """After the first ascent the ratios are 2p > 1.2 with G > 0 and 2(1-p) < 0.8 with G < 0; then nothing moves."""
    τs = Trajectories.from_lists([[(0, 0, 1.0)], [(0, 1, -1.0)]])
    first = update(clamp(0.2, 1.0, 1), COIN, EVEN, τs=τs)
    assert 2 / (1 + math.exp(first[1] - first[0])) > 1.2
    np.testing.assert_array_equal(update(clamp(0.2, 1.0, 1000), COIN, EVEN, τs=τs), first)
    assert step(clamp(0.2, 1.0, 1000), COIN, EVEN, τs=τs).accepted


@given(records_and_candidates)
def test_sum_over_d_steps_is_d_times_the_mean(case):
    (π, θ, τs), x, γ = case
    assume(τs.full)
    mean, total = (clamped_gradient(clamp(0.2, γ=γ, over_steps=o), π, θ, x, τs) for o in OVER_STEPS)
    np.testing.assert_allclose(total, τs.r.shape[1] * mean, rtol=1e-12, atol=1e-12)


# ---- expectations


@pytest.mark.parametrize("γ", [1.0, 0.6])
@pytest.mark.parametrize("over_steps", OVER_STEPS)
def test_gradient_of_the_whole_population_is_the_expectation(γ, over_steps):
    """What decides is the sampled reward-to-go: with its expectation Q in its place the number is another one."""
    π, θ, E = everything("linear", γ, 3, terminal=True)
    θ_new, ε = θ + np.array([0.5, -0.9]), 0.15
    p_new = enumeration.softmax(π.features, θ_new)
    w, G = E.ratios(p_new), E.rewards_to_go()
    g = E.step_scores(enumeration.softmax_scores(π.features, p_new)) * E.share(over_steps)[:, :, None]

    def expectation(weight):
        beyond = ((weight > 0) & (w > 1 + ε)) | ((weight < 0) & (w < 1 - ε))
        return E.expectation((np.where(beyond, 0, w * weight)[:, :, None] * g).sum(axis=1))

    got = clamped_gradient(clamp(ε, γ=γ, over_steps=over_steps), π, θ, θ_new, population(E))
    np.testing.assert_allclose(got, expectation(G), rtol=1e-10)
    Q = np.zeros_like(G)
    for k in range(3):  # the mean of G_k over the trajectories that agree in (s_k, a_k)
        for s in range(3):
            for a in range(2):
                same = (E.s[:, k] == s) & (E.a[:, k] == a) & E.mask[:, k]
                if same.any():
                    Q[same, k] = np.average(G[same, k], weights=E.weights[same])
    assert not np.allclose(got, expectation(Q), rtol=1e-2)


@pytest.mark.parametrize(
    ("γ", "θ", "expected"),
    [
        (1.0, (0.0, 1.0), (4.446531, -0.923486)),
        (0.9, (0.0, 1.0), (1.925073, -0.867415)),
        (0.9, (-0.5, 0.5), (-0.019686, -0.584212)),
        (0.9, (-0.8, 0.1), (0.018937, -0.153109)),
    ],
)
def test_regulator_table_within_5_standard_errors(γ, θ, expected):
    """Expected clamped gradients at θ + (-0.1, 0.02), depth 10, ε = 0.2."""
    P, π, θ = SimpleRegulator(γ), LinearGaussianPolicy(0.0), np.array(θ)
    M, θ_new = clamp(0.2, γ=γ), θ + np.array([-0.1, 0.02])
    τs = rollouts(P, P.b, π, θ, 10, 20_000, 12)
    got = clamped_gradient(M, π, θ, θ_new, τs)
    error = standard_error(lambda τs: clamped_gradient(M, π, θ, θ_new, τs), τs, groups=20)
    assert (abs(got - expected) <= 5 * error).all()
    assert (error < 0.2 * np.linalg.norm(expected)).all()  # the bound says something


def test_clamped_gradient_may_point_back_where_all_rewards_are_negative():
    """Past the edge of the clamp its first component is positive, away from the optimum; the surrogate's is not."""
    P, π, θ = SimpleRegulator(1.0), LinearGaussianPolicy(0.0), np.array([0.0, 1.0])
    θ_new = np.array([-0.1, 1.02])
    τs = rollouts(P, P.b, π, θ, 10, 40_000, 13)
    assert clamped_gradient(clamp(0.2), π, θ, θ_new, τs)[0] > 0
    assert clamped_gradient(clamp(1e12), π, θ, θ_new, τs)[0] < 0
    slope = gradient_of(lambda x: regulator.surrogate_objective(1.0, θ, x, 10), θ_new)
    assert slope[0] < 0


def test_a_struct_without_a_bound_to_clamp_at_is_named():
    P = SimpleRegulator(γ=0.9)
    M = PenalizedSurrogateUpdate(P, P.b, 3, 4, 1.0, 0.1, 2)
    with pytest.raises(TypeError, match=r"M = .*: must be a struct with an ε, such as ClampedSurrogateUpdate"):
        clamped_gradient(M, COIN, EVEN, EVEN, Trajectories.from_lists([[(0, 1, 1.0)]]))
