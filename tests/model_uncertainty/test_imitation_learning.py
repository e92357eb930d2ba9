"""Chapter 18: closed forms, brute force over simplexes and spheres, all trajectories, finite differences."""

from itertools import pairwise, product

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from decision_making import (
    MDP,
    BehavioralCloning,
    CostSensitiveMultiClassifier,
    DataSetAggregation,
    Demonstrations,
    Discriminator,
    GenerativeAdversarialImitation,
    InverseReinforcementLearning,
    MaximumEntropyIRL,
    Mixture,
    OptimalPolicy,
    PolicyUpdates,
    SMILe,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionUpdate,
    action_frequencies,
    calc_policy_mixture,
    calc_weighting,
    discounted_state_visitations,
    expected_cost,
    feature_expectations,
    mean_log_likelihood,
    optimize,
    pair_indicators,
    pair_visitations,
    recorded_feature_expectations,
    rollouts,
    rounds,
    soft_policy,
    step,
)
from decision_making.model_uncertainty.imitation_learning import demonstrations, likelihood
from decision_making.model_uncertainty.imitation_learning.adversarial import paid
from decision_making.model_uncertainty.imitation_learning.aggregation import component_probabilities, expert_share

T = np.array([[[0.8, 0.2], [0.3, 0.7]], [[0.6, 0.4], [0.1, 0.9]]])
B = np.array([0.75, 0.25])
Π = np.array([[0.6, 0.4], [0.25, 0.75]])
P = MDP.from_arrays(T, np.zeros((2, 2)), 0.9)
MOVES = MDP.from_arrays([[[1.0, 0.0], [0.0, 1.0]]] * 2, np.zeros((2, 2)), 0.9)  # action j leads to state j
R = np.array([[0.3, -0.2], [0.5, 1.0]])
ONE_HOT = np.eye(4).reshape(2, 2, 4)
π = SoftmaxPolicy(2, 2)
RNG = np.random.default_rng(0)


def log_table(p):
    return np.log(np.asarray(p, dtype=float)).ravel()


def random_pairs(seed, n=60):
    rng = np.random.default_rng(seed)
    return Demonstrations(rng.integers(2, size=n), rng.integers(2, size=n))


# ---- demonstrations


def test_demonstrations_from_all_forms():
    τs = Trajectories.from_lists([[(0, 1, 5.0), (1, 0, 5.0)], [(1, 1, 5.0)]])  # triples: the reward is left out
    for D in (demonstrations(τs), demonstrations([(0, 1), (1, 0), (1, 1)]), Demonstrations([0, 1, 1], [1, 0, 1])):
        assert D.s.tolist() == [0, 1, 1]
        assert D.a.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("D", "error", "said"),
    [
        ([], ValueError, "D = .*nothing to imitate"),
        (3, TypeError, "D = 3: must be Demonstrations, Trajectories, or a list of pairs"),
        ([(0, 1, 2.0)], TypeError, "list of pairs"),
        ([(0, 1), ([0, 1], 1)], TypeError, "one shape"),
        ([(0.0, np.nan)], ValueError, r"Demonstrations.a\[0\] = nan: must be finite"),
        ([("x", 0)], TypeError, "Demonstrations.s"),
    ],
)
def test_bad_demonstrations_are_named(D, error, said):
    for M in (BehavioralCloning(0.1, 1, π), CostSensitiveMultiClassifier([0, 1], 0.1, lambda s, a, x: a != x, 1, π)):
        with pytest.raises(error, match=said):
            optimize(M, D, np.zeros(4))


def test_demonstrations_that_no_policy_could_have_produced():
    with pytest.raises(ValueError, match=r"a runs from 2 to 2: must lie in 0\.\.1"):
        optimize(BehavioralCloning(0.1, 1, π), [(0, 2)], np.zeros(4))
    with pytest.raises(ValueError, match="D has 2 states and 1 actions"):
        Demonstrations([0, 1], [1])
    M = MaximumEntropyIRL(MOVES, None, 3, ONE_HOT, 0.1, 1)
    with pytest.raises(ValueError, match=r"step 1 .* action 0 in state 1 to state 1 is not possible"):
        optimize(M, Trajectories(s=[[0, 1, 1]], a=[[1, 0, 0]], r=np.zeros((1, 3))), np.zeros(4))
    with pytest.raises(ValueError, match=r"step 2 .* action 0 in state 1 to state 1"):
        optimize(M, Trajectories(s=[[0, 1, 1]], a=[[1, 1, 0]], r=np.zeros((1, 3)), s_end=[1]), np.zeros(4))
    closed = MDP.from_arrays(MOVES.T.array, [[0.0, -np.inf], [0.0, 0.0]], 0.9)
    with pytest.raises(ValueError, match=r"step 0 .* action 1 in state 0 is not possible"):
        likelihood(
            MaximumEntropyIRL(closed, None, 3, ONE_HOT, 0.1, 1),
            Trajectories(s=[[0]], a=[[1]], r=[[0.0]]),
            np.zeros(4),
        )


# ---- cloning


@pytest.mark.parametrize("optimizer", ["gradient", "L-BFGS"])
def test_tabular_cloning_finds_the_frequencies(optimizer):
    D = random_pairs(1)
    θ = optimize(BehavioralCloning(2.0, 400, π, optimizer=optimizer), D, np.zeros(4))
    N = np.zeros((2, 2))
    for s, a in zip(D.s, D.a, strict=True):
        N[s, a] += 1
    np.testing.assert_allclose(
        np.exp(π.logpdf(θ, [[0, 1]] * 2, [[0, 0], [1, 1]])), N / N.sum(1, keepdims=True), atol=1e-5
    )
    np.testing.assert_allclose(action_frequencies(D, 2, 2), N / N.sum(1, keepdims=True))


def test_one_step_of_cloning_is_the_mean_score():
    D, θ = [(0, 1), (0, 1), (1, 0)], np.zeros(4)
    # ∇log π = indicator - π = ±1/2; the mean over three pairs
    np.testing.assert_allclose(optimize(BehavioralCloning(0.3, 1, π), D, θ), np.array([-0.1, 0.1, 0.05, -0.05]))


def test_log_likelihood_does_not_fall_and_ridge_bounds_separable_data():
    D, found = random_pairs(2), []
    for k in range(1, 20):
        found.append(mean_log_likelihood(π, optimize(BehavioralCloning(1.0, k, π), D, np.ones(4)), D))
    assert (np.diff(found) >= 0).all()
    θ = optimize(BehavioralCloning(1.0, 3000, π, ridge=0.1), [(0, 1)], np.zeros(4))
    p = np.exp(π.logpdf(θ, [1], [0]))[0]
    assert θ[1] == pytest.approx((1 - p) / 0.1, rel=1e-6)  # where the slope 1 - p is that of the ridge


def test_unseen_states_are_uniform():
    assert action_frequencies([(0, 1)], 3, 4)[1:].tolist() == [[0.25] * 4] * 2


def test_cloning_leaves_its_arguments_alone_and_says_when_it_diverges():
    θ, D = np.zeros(4), random_pairs(3)
    s, a = D.s.copy(), D.a.copy()
    optimize(BehavioralCloning(1.0, 5, π), D, θ)
    assert θ.tolist() == [0] * 4
    assert (D.s == s).all()
    assert (D.a == a).all()
    with pytest.raises(ValueError, match="α = 1e\\+308: parameters are not finite"):
        optimize(BehavioralCloning(1e308, 5, π, ridge=10.0), [(0, 1)], np.ones(4))


def test_cost_sensitive_step_is_the_gradient_of_the_expected_cost():
    D, θ = random_pairs(4), np.array([0.3, -0.2, 0.1, 0.4])
    M = CostSensitiveMultiClassifier([0, 1], 0.7, lambda s, a, x: (1 + s) * abs(a - x) + 0.3 * x, 1, π)

    def cost(θ):
        p = np.exp(θ.reshape(2, 2)) / np.exp(θ.reshape(2, 2)).sum(1, keepdims=True)
        each = [p[s, x] * ((1 + s) * abs(a - x) + 0.3 * x) for s, a in zip(D.s, D.a, strict=True) for x in (0, 1)]
        return sum(each) / len(D)

    assert expected_cost(M, D, θ) == pytest.approx(cost(θ))
    np.testing.assert_allclose(optimize(M, D, θ), θ - 0.7 * approx_fprime(θ, cost, 1e-7), atol=1e-6)


def test_costs_change_what_is_done_where_the_expert_hesitates():
    D = [(0, 0)] * 6 + [(0, 1)] * 4  # mostly 0, but 0 where 1 is right costs ten times as much
    M = CostSensitiveMultiClassifier([0, 1], 1.0, lambda s, a, x: np.where(a > x, 10.0, 1.0) * (a != x), 300, π)
    θ = optimize(M, D, np.zeros(4))
    assert np.exp(π.logpdf(θ, [1], [0]))[0] > 0.9
    with pytest.raises(ValueError, match="C of pair 0 and action 0 is nan"):
        optimize(CostSensitiveMultiClassifier([0, 1], 1.0, lambda s, a, x: np.nan, 1, π), D, np.zeros(4))
    with pytest.raises(ValueError, match="C\\(s, a, a'\\) has shape"):
        optimize(CostSensitiveMultiClassifier([0, 1], 1.0, lambda s, a, x: np.ones(7), 1, π), D, np.zeros(4))


# ---- aggregation and mixing


def expert(s):
    return 1 - s


def test_one_round_of_aggregation_is_cloning():
    D, bc = random_pairs(5), BehavioralCloning(1.0, 7, π)
    M = DataSetAggregation(P, bc, 1, 4, 3, B, expert)
    assert optimize(M, D, np.zeros(4), rng=0).tolist() == optimize(bc, D, np.zeros(4)).tolist()


def test_aggregated_data_grow_and_are_labelled_by_the_expert():
    D = random_pairs(6, 11)
    M = DataSetAggregation(P, BehavioralCloning(1.0, 3, π), 4, 5, 3, B, expert)
    found = list(rounds(M, D, np.zeros(4), rng=0))
    assert [len(x.D) for x in found] == [11, 26, 41, 56]
    assert (found[-1].D.a[11:] == expert(found[-1].D.s[11:])).all()
    assert len(D) == 11
    for before, now in pairwise(found):  # warm: from where the round before ended
        assert now.θ.tolist() == optimize(M.bc, now.D, before.θ).tolist()
        assert (now.D.s[len(before.D) :] == now.τs.flat()[0]).all()


def test_aggregation_acts_by_the_learner():
    always = DataSetAggregation(MOVES, BehavioralCloning(50.0, 50, π), 2, 200, 2, [1.0, 0.0], np.zeros_like)
    *_, last = rounds(always, [(0, 1), (1, 1)], np.zeros(4), rng=0)  # a learner that was taught to go to 1
    assert (last.τs.s[:, 1] == 1).all()


def test_aggregation_begins_with_the_expert_where_there_are_no_data():
    M = DataSetAggregation(P, BehavioralCloning(1.0, 3, π), 1, 5, 3, B, expert)
    first = next(iter(rounds(M, None, np.zeros(4), rng=0)))
    assert len(first.D) == 15
    assert (first.D.a == expert(first.D.s)).all()


def test_an_expert_that_draws_gets_the_generator_and_one_of_wrong_length_is_named():
    class Drawn:
        takes_rng = True

        def __call__(self, s, rng):
            return rng.integers(2, size=len(s))

    M = SMILe(P, BehavioralCloning(1.0, 3, π), 2, 50, 3, B, 0.5, Drawn())
    first, again = (optimize(M, np.zeros(4), rng=7) for _ in range(2))
    assert first.θs.tolist() == again.θs.tolist()
    with pytest.raises(ValueError, match="πE\\(s\\) has shape"):
        optimize(SMILe(P, M.bc, 2, 50, 3, B, 0.5, lambda s: 0), np.zeros(4), rng=7)


@pytest.mark.parametrize("β", [0.01, 0.3, 1.0])
def test_weights_of_mixing(β):
    for k in range(6):
        p = component_probabilities(β, k)
        np.testing.assert_allclose(p, [(1 - β) ** k, *(β * (1 - β) ** i for i in range(k))], atol=1e-15)
        listed = component_probabilities(β, k, as_listed=True)
        assert listed.sum() == pytest.approx(1)
        assert listed[0] == (1 - β) ** max(k - 1, 0)
        np.testing.assert_allclose(listed[1:] * p[1:].sum(), p[1:] * listed[1:].sum(), atol=1e-15)
    assert expert_share(β, 1, as_listed=True) == 1  # the listing's expert acts alone for one round more


def test_mixing_labels_its_own_states_and_returns_components_alone():
    M = SMILe(P, BehavioralCloning(1.0, 3, π), 3, 40, 4, B, 0.25, expert)
    found = list(rounds(M, np.zeros(4), rng=0))
    np.testing.assert_allclose([x.expert for x in found], [0.75, 0.75**2, 0.75**3])
    weights, θs = found[-1].mixture
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights[1:] / weights[:-1], 0.75)
    assert θs.shape == (3, 4)
    assert [len(x.D) for x in found] == [160] * 3
    assert all((x.D.a == expert(x.D.s)).all() for x in found)
    np.testing.assert_array_equal(θs[1], optimize(M.bc, found[1].D, θs[0]))
    with pytest.raises(ValueError, match=r"SMILe.β = 0: must be a number > 0 and at most 1"):
        SMILe(P, M.bc, 3, 40, 4, B, 0, expert)


def test_a_mixture_draws_per_step_and_per_episode():
    sure = np.array([[900.0, 0, 900, 0], [0, 900, 0, 900]])
    mixture = optimize(SMILe(P, BehavioralCloning(1.0, 1, π), 2, 5, 2, B, 0.5, expert), np.zeros(4), rng=0)
    mixture = mixture._replace(weights=np.array([0.25, 0.75]), θs=sure)
    a = mixture.act(π, np.zeros(4000, int), rng=0)
    assert abs(a.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 4000)
    τs = rollouts(P, B, π, mixture.draw(400, rng=0), 3, 400, rng=1)
    assert (τs.a == τs.a[:, :1]).all()
    assert abs(τs.a[:, 0].mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 400)


# ---- maximum margin


def margin(μE, **options):
    def β(s, a):
        return np.eye(len(μE))[np.zeros_like(s)]

    return InverseReinforcementLearning(P, B, 3, 10, π, β, μE, lambda R, θ, rng: θ, 1e-3, **options)


POINTS = [(0.2, 0.8), (0.9, 0.1), (1.2, 0.9)]


def test_margins_of_the_example():
    M, listed = margin([1, 0.5]), margin([1, 0.5], nonnegative=True)
    t, φ = calc_weighting(listed, POINTS[:1])
    np.testing.assert_allclose([t, *φ], [0.8, 1, 0], atol=1e-9)
    t, φ = calc_weighting(M, POINTS[:1])
    np.testing.assert_allclose([t, *φ], [0.854400, 0.936329, -0.351123], atol=1e-6)
    for x in (M, listed):
        np.testing.assert_allclose(calc_weighting(x, POINTS[:2])[1], [0.5**0.5] * 2, atol=1e-9)
        assert calc_weighting(x, POINTS[:2])[0] == pytest.approx(0.353553, abs=1e-6)
    np.testing.assert_allclose(calc_policy_mixture(M, POINTS[:2]), [3 / 14, 11 / 14])
    for x in (M, listed):
        assert calc_weighting(x, POINTS).t == 0  # the expert is inside: φ is not used
        assert not calc_weighting(x, POINTS).φ.any()
    λ = calc_policy_mixture(M, POINTS)
    np.testing.assert_allclose(λ @ POINTS, [1, 0.5], atol=1e-9)
    np.testing.assert_allclose(λ, [0.051948, 0.493507, 0.454545], atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("nonnegative", [False, True])
def test_margin_against_a_general_solver(seed, nonnegative):
    rng = np.random.default_rng(seed)
    k, i = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    μs, μE = rng.normal(size=(i, k)) + 0.5, rng.normal(size=k)
    t, φ = calc_weighting(margin(μE, nonnegative=nonnegative), μs)
    best = 0.0
    for _ in range(4):
        x0 = np.append(rng.normal(size=k) / k, -5.0)
        found = minimize(
            lambda x: -x[-1],
            x0,
            method="SLSQP",
            bounds=[(0, None) if nonnegative else (None, None)] * k + [(None, None)],
            constraints=[
                {"type": "ineq", "fun": lambda x: (μE - μs) @ x[:-1] - x[-1]},
                {"type": "ineq", "fun": lambda x: 1 - x[:-1] @ x[:-1]},
            ],
            options={"maxiter": 500, "ftol": 1e-12},
        )
        best = max(best, -found.fun if found.success else 0.0)
    assert t == pytest.approx(best, abs=1e-5)
    assert ((μE - μs) @ φ).min() >= t - 1e-9
    assert np.linalg.norm(φ) == pytest.approx(float(t > 0))
    assert (φ >= 0).all() or not nonnegative


@pytest.mark.parametrize("seed", range(8))
def test_mixture_is_optimal_and_nearer_than_any_on_a_grid(seed):
    rng = np.random.default_rng(seed)
    μs, μE = rng.normal(size=(3, 2)), rng.normal(size=2)
    λ = calc_policy_mixture(margin(μE), μs)
    assert (λ >= 0).all()
    assert λ.sum() == pytest.approx(1)
    slope = μs @ (λ @ μs - μE)  # conditions of optimality: equal on the support, larger elsewhere
    assert (slope >= slope[λ > 1e-9].min() - 1e-8).all()
    np.testing.assert_allclose(slope[λ > 1e-9], slope.min(), atol=1e-8)
    grid = np.array([(i, j, 50 - i - j) for i in range(51) for j in range(51 - i)]) / 50
    assert np.linalg.norm(λ @ μs - μE) <= np.linalg.norm(grid @ μs - μE, axis=1).min() + 1e-9


def test_duplicates_leave_the_distance_what_it_is():
    twice = np.array(POINTS[:2] * 2)
    λ = calc_policy_mixture(margin([1, 0.5]), twice)
    assert np.linalg.norm(λ @ twice - [1, 0.5]) == pytest.approx(0.353553, abs=1e-6)


def enumerated_expectations(γ, d, β):
    total = 0.0
    for s, a in product(product(range(2), repeat=d), product(range(2), repeat=d)):
        p = B[s[0]] * np.prod([Π[x, y] for x, y in zip(s, a, strict=True)])
        p *= np.prod([T[s[k], a[k], s[k + 1]] for k in range(d - 1)])
        total = total + p * sum(γ**k * β[s[k], a[k]] for k in range(d))
    return total


def test_feature_expectations_are_those_of_all_trajectories():
    β = RNG.random((2, 2, 3))
    settings = (P, B, 3, 4000, π, lambda s, a: β[s, a], [1.0] * 3, OptimalPolicy(P), 0.1)
    θ = log_table(Π)
    exact = feature_expectations(InverseReinforcementLearning(*settings, exact=True), θ)
    np.testing.assert_allclose(exact, enumerated_expectations(0.9, 3, β), rtol=1e-12)
    M = InverseReinforcementLearning(*settings)
    sampled = feature_expectations(M, θ, rng=3)
    τs = rollouts(P, B, π, θ, 3, 4000, rng=3)
    each = np.einsum("k,mkj->mj", 0.9 ** np.arange(3), β[τs.s, τs.a])
    np.testing.assert_allclose(sampled, each.mean(axis=0))
    assert (abs(sampled - exact) < 5 * each.std(axis=0) / np.sqrt(4000)).all()
    padded = Trajectories.from_lists([[(0, 1, 0.0), (1, 1, 0.0)], [(1, 0, 0.0)]])
    mean = (β[0, 1] + 0.9 * β[1, 1] + β[1, 0]) / 2
    np.testing.assert_allclose(recorded_feature_expectations(padded, 0.9, M.β), mean)


def test_apprentice_reaches_the_expectations_of_an_expert():
    β = np.eye(4).reshape(2, 2, 4)
    μE = np.einsum("k,ksa->sa", 0.9 ** np.arange(6), pair_visitations(P, B, Π, 6)).ravel()
    M = InverseReinforcementLearning(
        P, B, 6, 10, π, lambda s, a: β[s, a], μE, OptimalPolicy(P), 1e-2, exact=True, k_max=200
    )
    found = list(rounds(M, np.zeros(4), rng=0))
    t = [x.t for x in found]
    assert (np.diff(t) <= 1e-12).all()
    np.testing.assert_allclose(t, [x.distance for x in found], atol=1e-8)
    assert all(len(x.mixture.weights) == k for k, x in enumerate(found, 1))


def test_rounds_of_margins_end_at_the_limit():
    M = margin([1.0, 50.0], k_max=4)
    assert len(list(rounds(M, np.zeros(4), rng=0))) == 4
    assert len(optimize(M, np.zeros(4), rng=0).θs) == 4


def test_reward_of_an_optimal_policy_and_of_policy_updates():
    θ = OptimalPolicy(MOVES)(lambda s, a: R[s, a])
    assert θ.reshape(2, 2).argmax(axis=1).tolist() == [1, 1]  # to state 1, and stay
    RL = PolicyUpdates(TrustRegionUpdate(MOVES, B, 5, 200, ε=0.5, α=0.5), π, 15)
    a = rollouts(MOVES, B, π, RL(lambda s, a: R[s, a], np.zeros(4), 0), 5, 100, rng=0).a
    assert a.mean() > 0.9


# ---- maximum entropy


def test_visitations_of_the_example():
    pairs = pair_visitations(P, B, Π, 3)
    b = pairs.sum(axis=2) * 0.9 ** np.arange(3)[:, None]
    np.testing.assert_allclose(b, [[0.75, 0.25], [0.455625, 0.444375], [0.336023, 0.473977]], atol=1e-6)
    ρ = discounted_state_visitations(P, B, Π, 3)
    np.testing.assert_allclose(ρ, [1.541648, 1.168352], atol=1e-6)
    assert ρ.sum() == pytest.approx(2.71)
    np.testing.assert_allclose(discounted_state_visitations(P, B, Π, 3, scaled=True), [0.568874, 0.431126], atol=1e-6)
    with pytest.raises(ValueError, match="π has shape"):
        pair_visitations(P, B, np.ones((2, 2, 2)) / 2, 3)


def test_soft_policy_is_that_of_all_trajectories():
    γ, d = 0.9, 3
    weight = {}
    for start in range(2):
        for a in product(range(2), repeat=d):
            s = (start, *a[:-1])
            weight[start, a] = np.exp(sum(γ**k * R[s[k], a[k]] for k in range(d)))
    Z = [sum(w for (start, _), w in weight.items() if start == s) for s in range(2)]
    soft, V = soft_policy(MOVES, R, d)
    np.testing.assert_allclose(V, np.log(Z), rtol=1e-12)
    for (start, a), w in weight.items():
        s = (start, *a[:-1])
        p = np.prod([soft[k, s[k], a[k]] for k in range(d)])
        assert p == pytest.approx(w / Z[start], rel=1e-12)


def test_three_steps_of_the_example():
    soft, V = soft_policy(MOVES, R, 3)
    np.testing.assert_allclose(V, [2.904636, 3.781134], atol=1e-6)
    counts = np.einsum("k,ksa->sa", 0.9 ** np.arange(3), pair_visitations(MOVES, B, soft, 3))
    np.testing.assert_allclose(counts, [[0.657722, 0.716313], [0.415454, 0.920512]], atol=1e-6)


@pytest.mark.parametrize("problem", [P, MOVES], ids=["random", "deterministic"])
def test_expected_counts_are_the_gradient_of_the_partition_function(problem):
    def V(R):
        return B @ soft_policy(problem, R.reshape(2, 2), 4).V

    counts = np.einsum("k,ksa->sa", 0.9 ** np.arange(4), pair_visitations(problem, B, soft_policy(problem, R, 4).π, 4))
    np.testing.assert_allclose(counts.ravel(), approx_fprime(R.ravel(), V, 1e-6), atol=1e-5)


def unequal():
    return Trajectories.from_lists([[(0, 1, 0.0), (1, 1, 0.0), (1, 0, 0.0)], [(1, 0, 0.0)], [(0, 0, 0.0), (0, 1, 0.0)]])


def test_gradient_is_a_finite_difference_with_demonstrations_of_unequal_length():
    φ = np.array([0.3, -0.4, 0.2])
    β = RNG.normal(size=(2, 2, 3))
    for problem in (P, MOVES):
        M = MaximumEntropyIRL(problem, None, 5, β, 0.1, 1)
        found = likelihood(M, unequal(), φ)
        differences = approx_fprime(φ, lambda φ: likelihood(M, unequal(), φ).f, 1e-6)  # noqa: B023
        np.testing.assert_allclose(found.gradient, differences, atol=1e-5)
    brute = 0.0  # in the deterministic problem f is the log-likelihood, each demonstration among those of its length
    for τ in unequal():
        d, r = len(τ), β @ φ
        paths = [(τ[0][0], *a) for a in product(range(2), repeat=d)]
        totals = [sum(0.9**k * r[path[k], path[k + 1]] for k in range(d)) for path in paths]
        brute += sum(0.9**k * r[s, a] for k, (s, a, _) in enumerate(τ)) - np.log(np.sum(np.exp(totals)))
    assert likelihood(M, unequal(), φ).f == pytest.approx(brute, rel=1e-12)


def test_reward_as_a_function():
    def curved(φ):
        return φ[0] ** 2 * R + φ[1]

    M = MaximumEntropyIRL(P, None, 5, curved, 0.1, 1)
    φ = np.array([0.7, 0.2])
    differences = approx_fprime(φ, lambda φ: likelihood(M, unequal(), φ).f, 1e-6)
    np.testing.assert_allclose(likelihood(M, unequal(), φ).gradient, differences, atol=1e-5)
    with pytest.raises(ValueError, match=r"R\(φ\) has shape \(2,\)"):
        likelihood(MaximumEntropyIRL(P, None, 5, lambda φ: φ, 0.1, 1), unequal(), φ)


def test_one_step_with_indicators_gives_log_odds():
    bandit = MDP.from_arrays([[[1.0], [1.0]]], [[0.0, 0.0]], 1.0)
    D = Trajectories(s=np.zeros((4, 1), int), a=[[0], [0], [0], [1]], r=np.zeros((4, 1)))
    for optimizer in ("gradient", "L-BFGS"):
        M = MaximumEntropyIRL(bandit, None, 1, np.eye(2)[None], 0.5, 200, optimizer=optimizer)
        φ, soft = optimize(M, D, np.zeros(2))
        assert φ[0] - φ[1] == pytest.approx(np.log(3), abs=1e-5)
        np.testing.assert_allclose(soft[0, 0], [0.75, 0.25], atol=1e-5)


def all_trajectories_of(R):
    """Demonstrations in the proportions in which the soft policy of R makes them, near enough, from either start."""
    soft = soft_policy(MOVES, R, 3).π
    τs = [((s, *a[:2]), a) for s in range(2) for a in product(range(2), repeat=3)]
    p = [B[s[0]] * np.prod([soft[k, s[k], a[k]] for k in range(3)]) for s, a in τs]
    N = np.round(np.array(p) * 20_000).astype(int)
    s, a = (np.repeat([τ[i] for τ in τs], N, axis=0) for i in range(2))
    return Trajectories(s, a, np.zeros(a.shape))


def test_gradient_vanishes_at_the_truth_and_the_listings_does_not():
    D = all_trajectories_of(R)
    M = MaximumEntropyIRL(MOVES, None, 3, ONE_HOT, 0.1, 1)
    assert abs(likelihood(M, D, R.ravel()).gradient).max() / len(D) < 1e-3
    listed = MaximumEntropyIRL(MOVES, B, 3, ONE_HOT, 0.1, 1, as_listed=True)
    g = likelihood(listed, D, R.ravel()).gradient / len(D)
    assert g.sum() == pytest.approx(2.71 - 1, abs=1e-9)  # masses: Σ γ^(k-1) of the data, 1 of scaled visitations


def test_reward_found_gives_the_policy_not_the_reward():
    D = all_trajectories_of(R)
    M = MaximumEntropyIRL(MOVES, None, 3, ONE_HOT, 1e-4, 100, optimizer="L-BFGS")
    φ, soft = optimize(M, D, np.zeros(4))
    np.testing.assert_allclose(soft, soft_policy(MOVES, R, 3).π, atol=2e-3)
    assert φ.shape == (4,)
    f = [x.f for x in rounds(MaximumEntropyIRL(MOVES, None, 3, ONE_HOT, 2e-5, 20), D, np.zeros(4))]
    assert len(f) == 21
    assert (np.diff(f) > 0).all()


def test_shaped_rewards_explain_as_well():
    """γΦ(s') - Φ(s) telescopes where Φ is 0 at every possible end: here a third state, which absorbs."""
    moves = np.zeros((3, 2, 3))
    moves[0, 0, 1] = moves[0, 1, 2] = moves[1, :, 2] = moves[2, :, 2] = 1
    chain = MDP.from_arrays(moves, np.zeros((3, 2)), 0.9)
    R3, Φ = RNG.normal(size=(3, 2)), np.array([0.7, -1.3, 0.0])
    shaped = R3 + 0.9 * moves @ Φ - Φ[:, None]
    on_the_way = [0, 0, 1], [0, 1, 1]  # steps and states from which all ends are the third state
    np.testing.assert_allclose(
        soft_policy(chain, shaped, 3).π[on_the_way], soft_policy(chain, R3, 3).π[on_the_way], atol=1e-12
    )
    np.testing.assert_allclose(soft_policy(chain, R3 + 0.7, 3).π, soft_policy(chain, R3, 3).π, atol=1e-12)


def test_unavailable_actions_are_not_taken_and_start_of_ones_own():
    closed = MDP.from_arrays(MOVES.T.array, [[0.0, -np.inf], [0.0, 0.0]], 0.9)
    soft, V = soft_policy(closed, R, 3)
    assert (soft[:, 0] == [1, 0]).all()
    assert V[0] == pytest.approx(0.3 * 2.71)
    with_b = MaximumEntropyIRL(MOVES, [0.0, 1.0], 5, ONE_HOT, 0.1, 1)
    without = MaximumEntropyIRL(MOVES, None, 5, ONE_HOT, 0.1, 1)
    V = [soft_policy(MOVES, R, d).V for d in (1, 2, 3)]
    ours, theirs = (likelihood(M, unequal(), R.ravel()).f for M in (with_b, without))
    assert ours - theirs == pytest.approx(sum(V[i][0] - V[i][1] for i in (1, 2)))


def test_demonstrations_longer_than_the_depth_are_named():
    with pytest.raises(ValueError, match="a trajectory of 3 steps: must be at most d = 2"):
        likelihood(MaximumEntropyIRL(P, None, 2, ONE_HOT, 0.1, 1), unequal(), np.zeros(4))
    with pytest.raises(ValueError, match="φ has shape"):
        likelihood(MaximumEntropyIRL(P, None, 3, ONE_HOT, 0.1, 1), unequal(), np.zeros(3))
    with pytest.raises(TypeError, match="must be Trajectories"):
        likelihood(MaximumEntropyIRL(P, None, 3, ONE_HOT, 0.1, 1), [(0, 1)], np.zeros(4))


# ---- adversarial


def pairs_with(counts):
    s, a = np.divmod(np.repeat(np.arange(4), counts), 2)
    return Demonstrations(s, a)


@pytest.mark.parametrize("seed", range(3))
def test_best_discriminator_of_given_occupancies(seed):
    rng = np.random.default_rng(seed)
    one, two = rng.integers(5, 40, 4), rng.integers(5, 40, 4)
    C = Discriminator(pair_indicators(2, 2), 4, iterations=500)
    w = C.fit(C.init(0), pairs_with(one), pairs_with(two))
    p, q = one / one.sum(), two / two.sum()
    z = C.logits(w, *np.divmod(np.arange(4), 2))
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), p / (p + q), atol=1e-3)
    m = (p + q) / 2
    js = (p @ np.log(p / m) + q @ np.log(q / m)) / 2
    assert C.objective(w, pairs_with(one), pairs_with(two)) == pytest.approx(-2 * np.log(2) + 2 * js, abs=1e-6)


def test_nothing_is_told_where_both_do_the_same():
    D, C = random_pairs(8), Discriminator(pair_indicators(2, 2), 4, iterations=500)
    w = C.fit(C.init(1), D, D)
    assert C.objective(w, D, D) == pytest.approx(-2 * np.log(2), abs=1e-9)
    np.testing.assert_allclose(C.reward(w, D.s, D.a), np.log(2), atol=1e-4)


def test_logits_do_not_overflow():
    C = Discriminator(lambda s, a: np.stack([s, a], axis=-1), 2)
    w = np.array([1e4, 0.0, 0.0])
    s = np.array([1.0, -1.0])
    np.testing.assert_allclose(C.reward(w, s, s), [0, 1e4])
    assert C.objective(w, Demonstrations([1.0], [0.0]), Demonstrations([-1.0], [0.0])) == 0
    assert C.objective(-w, Demonstrations([1.0], [0.0]), Demonstrations([-1.0], [0.0])) == -2e4


@pytest.mark.parametrize("optimizer", ["adam", "L-BFGS"])
def test_a_discriminator_with_hidden_layers_learns_what_is_not_linear(optimizer):
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=300), np.sign(rng.normal(size=200)) * (3 + rng.random(200))
    C = Discriminator(
        lambda s, a: s[:, None], 1, (8,), optimizer=optimizer, iterations=150, learning_rate=0.02, minibatch=100
    )
    learner, D = Demonstrations(one, one), Demonstrations(two, two)
    w = C.init(0)
    before = w.copy()
    fitted = C.fit(w, learner, D, 0)
    assert (w == before).all()
    assert C.objective(w, learner, D) == pytest.approx(-2 * np.log(2), abs=0.1)
    assert C.objective(fitted, learner, D) > -0.4


def test_wrong_discriminators_are_named():
    with pytest.raises(ValueError, match=r"β\(s, a\) has shape \(3,\) for 3 pairs"):
        Discriminator(lambda s, a: s, 1).inputs(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="of pair 1: must be finite"):
        Discriminator(lambda s, a: s[:, None], 1).inputs(np.array([0.0, np.inf]), np.zeros(2))
    with pytest.raises(ValueError, match="hidden = 'x'"):
        Discriminator(lambda s, a: s, 1, "x")


def test_adversarial_imitation_steps_on_the_recorded_trajectories_and_finds_the_expert():
    D = rollouts(P, B, π, log_table([[0.9, 0.1], [0.1, 0.9]]), 5, 400, rng=0)
    M = GenerativeAdversarialImitation(
        TrustRegionUpdate(P, B, 5, 300, ε=0.1, α=0.5), π, Discriminator(pair_indicators(2, 2), 4, ridge=1e-3), 25
    )
    θ = np.zeros(4)
    found = list(rounds(M, D, θ, rng=0))
    first = found[0]
    again = step(M.update, π, θ, τs=paid(M.C, first.w, first.τs))
    assert again.θ.tolist() == first.θ.tolist()
    assert first.taken.kl <= 0.1
    assert not θ.any()
    np.testing.assert_allclose(
        np.exp(π.logpdf(found[-1].θ, [[0, 1]] * 2, [[0, 0], [1, 1]])), [[0.9, 0.1], [0.1, 0.9]], atol=0.1
    )
    assert found[-1].objective < first.objective  # less is told at the end
    assert optimize(M, D, θ, rng=0)[0].tolist() == found[-1].θ.tolist()


def test_paid_trajectories_have_no_reward_on_padding():
    C = Discriminator(pair_indicators(2, 2), 4)
    τs = paid(C, np.zeros(5), unequal())
    np.testing.assert_allclose(τs.r, np.log(2) * τs.mask)


def test_updates_that_cannot_step_are_named():
    with pytest.raises(TypeError, match="update = 3: must be one of"):
        GenerativeAdversarialImitation(3, π, Discriminator(pair_indicators(2, 2), 4), 2)


def ending(rng, n_states=4, n_actions=2, γ=0.9):
    """A deterministic problem in which some states other than 0 are terminal, though their tables go on."""
    to, over = rng.integers(n_states, size=(n_states, n_actions)), rng.random(n_states) < 0.4
    over[0] = False
    R = rng.normal(size=(n_states, n_actions))
    return MDP.from_arrays(np.eye(n_states)[to], R, γ, terminal=lambda s: over[s]), to, over


def runs_that_may_end(to, over, s, d):
    """The pairs of every trajectory of at most d steps from s, with its last state."""
    if d == 0 or over[s]:
        return [([], s)]
    return [
        ([(s, a), *rest], end) for a, x in enumerate(to[s]) for rest, end in runs_that_may_end(to, over, int(x), d - 1)
    ]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("γ", [0.0, 0.9, 1.0])
def test_nothing_is_done_in_terminal_states_by_the_soft_policy_and_its_gradient(seed, γ):
    rng, d = np.random.default_rng(seed), 4
    P, to, over = ending(rng, γ=γ)
    R = rng.normal(size=(4, 2))
    runs = runs_that_may_end(to, over, 0, d)
    weight = np.exp([sum(γ**k * R[pair] for k, pair in enumerate(pairs)) for pairs, _ in runs])
    assert soft_policy(P, R, d).V[0] == pytest.approx(np.log(weight.sum()))
    M = MaximumEntropyIRL(P, None, d, np.eye(8).reshape(4, 2, 8), 0.1, 1)
    expected = np.zeros(8)
    for (pairs, end), p in zip(runs, weight / weight.sum(), strict=True):
        more = d - len(pairs)
        s, a = (np.array([[pair[i] for pair in pairs] + [0] * more]) for i in range(2))
        D = Trajectories(s, a, np.zeros((1, d)), np.arange(d)[None] < len(pairs), np.array([end]))
        expected += p * likelihood(M, D, R.ravel()).gradient
    assert np.allclose(expected, 0, atol=1e-12)  # the data come from the model


@pytest.mark.parametrize("seed", range(6))
def test_visitations_and_exact_features_stop_at_terminal_states_as_rollouts_do(seed):
    P, to, over = ending(np.random.default_rng(seed))
    π, d = SoftmaxPolicy(4, 2), 5
    expected = np.zeros((4, 2))
    for pairs, _ in runs_that_may_end(to, over, 0, d):
        for k, pair in enumerate(pairs):
            expected[pair] += 0.9**k / 2 ** len(pairs)
    start = [1.0, 0.0, 0.0, 0.0]
    M = InverseReinforcementLearning(
        P,
        start,
        d,
        1,
        π,
        lambda s, a: np.eye(8)[2 * np.asarray(s) + a],
        np.ones(8),
        lambda R, θ, rng: θ,
        0.1,
        exact=True,
    )
    assert np.allclose(feature_expectations(M, np.zeros(8)), expected.ravel())
    assert np.allclose(discounted_state_visitations(P, start, np.full((4, 2), 0.5), d), expected.sum(axis=1))


def test_visitations_of_which_there_are_none_cannot_be_scaled():
    P = MDP.from_arrays(T, np.zeros((2, 2)), 0.9, terminal=lambda s: s == 1)
    with pytest.raises(ValueError, match=r"b = .*all terminal"):
        discounted_state_visitations(P, [0.0, 1.0], Π, 3, scaled=True)


def test_an_optimal_policy_for_a_learnt_reward_is_paid_nothing_in_terminal_states():
    move = np.zeros((3, 2, 3))
    move[0, 0, 1] = move[0, 1, 2] = move[1, :, 1] = move[2, :, 2] = 1
    P = MDP.from_arrays(move, np.zeros((3, 2)), 0.9, terminal=lambda s: s == 2)
    θ = OptimalPolicy(P)(lambda s, a: np.where(s == 2, 9.0, 1.0))
    assert θ.reshape(3, 2)[0].argmax() == 0  # 1 for ever, not 9 for ever


def test_steps_from_a_terminal_state_are_no_demonstration():
    P = MDP.from_arrays(T, np.zeros((2, 2)), 0.9, terminal=lambda s: s == 1)
    M = MaximumEntropyIRL(P, None, 2, ONE_HOT, 0.1, 1)
    with pytest.raises(ValueError, match=r"trajectory 0, step 1 .*action 0 in state 1 is not possible"):
        optimize(M, Trajectories(np.array([[0, 1]]), np.zeros((1, 2), int), np.zeros((1, 2))), np.zeros(4))


def test_a_mixture_acts_in_one_state_and_in_none():
    mixture, π = Mixture(np.array([0.5, 0.5]), np.array([[0.0, 900.0], [0.0, 900.0]])), SoftmaxPolicy(1, 2)
    assert mixture.act(π, 0, rng=0) == 1
    assert mixture.act(π, np.zeros(0, int), rng=0).shape == (0,)
