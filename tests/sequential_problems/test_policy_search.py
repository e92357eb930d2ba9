"""Chapter 10: policy evaluation and searches against closed forms, definitions, the book's numbers, awkward inputs."""

from itertools import pairwise

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from decision_making import (
    CrossEntropyPolicySearch,
    EvolutionStrategies,
    GaussianSearchDistribution,
    GeneticPolicySearch,
    HookeJeevesPolicySearch,
    IsotropicEvolutionStrategies,
    LinearGaussianPolicy,
    MonteCarloPolicyEvaluation,
    PopulationUtility,
    SoftmaxPolicy,
    evolution_strategy_weights,
    exact,
    generations,
    optimize,
    optimize_dist,
    rollouts,
)
from decision_making.problems import CartPole, HexWorld, SimpleRegulator
from decision_making.sequential_problems.policy_search import best_first, elite
from decision_making.trajectories import returns
from tests import strategies
from tests.oracles import enumeration, regulator

π = LinearGaussianPolicy()
P = SimpleRegulator()
N = GaussianSearchDistribution
START = N([0.0, 3.0], 2 * np.eye(2))


def exact_utility(π, θ, γ=1.0):
    return regulator.utility(γ, θ, 10, 1e-5)


def bowl(π, θ):
    """A bowl with its maximum 0 at (-1, 0)."""
    return -((θ[0] + 1) ** 2) - 2 * θ[1] ** 2


@PopulationUtility
def bowls(π, θs):
    return -((θs[:, 0] + 1) ** 2) - 2 * θs[:, 1] ** 2


def searches(k_max=4, m=12):
    """One of each search, from around (0, 3) in the plane."""
    θs = START.sample(m, 0)
    return [
        HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.1),
        GeneticPolicySearch(θs, 0.25, 4, k_max),
        CrossEntropyPolicySearch(N([0.0, 3.0], 2 * np.eye(2), added_variance=0.01), m, m // 2, k_max),
        CrossEntropyPolicySearch(N([0.0, 3.0], [2.0, 2.0], added_variance=0.01), m, m // 2, k_max),
        EvolutionStrategies(N.from_factor, START.factored(), N.grad_logp, m, 0.1, k_max),
        IsotropicEvolutionStrategies([0.0, 1.0], 0.25, m, 0.05, k_max),
    ]


SEARCHES = searches()
by_search = pytest.mark.parametrize("M", SEARCHES, ids=lambda M: type(M).__name__)
by_long_search = pytest.mark.parametrize("M", searches(k_max=60, m=60), ids=lambda M: type(M).__name__)
DISTRIBUTIONS = [M for M in SEARCHES if not isinstance(M, HookeJeevesPolicySearch | GeneticPolicySearch)]


class Line:
    """s' = s, r = a: with a = θ₁ a rollout of depth d returns d θ₁ exactly. Counts the calls of TR."""

    γ, S = 1.0, None

    def __init__(self):
        self.calls = []

    def TR(self, s, a, rng):
        self.calls.append(len(s))
        return s, a


def first_parameter(θ, s, rng):
    return np.broadcast_to(θ[..., 0], s.shape).copy()


# Monte Carlo policy evaluation


def test_monte_carlo_evaluation_is_unbiased():
    """The mean of 1,000 estimates, within 5 of its standard errors of the closed form."""
    for θ in ([0.0, 1.0], [-0.8, 0.1], [-1.2, -0.3]):
        us = MonteCarloPolicyEvaluation(SimpleRegulator(0.9), P.b, 10, 4)(π, np.tile(θ, (1000, 1)), rng=0)
        error = us.std(ddof=1) / np.sqrt(len(us))
        assert abs(us.mean() - regulator.utility(0.9, θ, 10, 1e-5)) < 5 * error


@given(strategies.tabular_problems(), st.integers(1, 3), st.integers(1, 4))
def test_exercise_10_1_the_variance_is_that_of_a_return_over_m(problem, m, d):
    """1,500 estimates: their mean and variance within 5 standard errors, from the enumerated moments of R(τ)."""
    tabular, b, soft, θ = problem
    E = enumeration.enumerate_problem(tabular, b, soft, θ, d)
    R, n = E.returns(), 1500
    δ = R - E.expectation(R)
    variance, fourth = E.expectation(δ**2), E.expectation(δ**4)
    fourth = (fourth + 3 * (m - 1) * variance**2) / m**3  # of the mean of m returns
    us = MonteCarloPolicyEvaluation(tabular, b, d, m)(soft, np.tile(θ, (n, 1)), rng=1)
    assert abs(us.mean() - E.expectation(R)) <= 5 * np.sqrt(variance / m / n) + 1e-9
    spread = np.sqrt(max(fourth - (variance / m) ** 2, 0) / n)
    assert abs(us.var() - variance / m) <= 5 * spread + 5 * variance / m / n + 1e-9


def test_a_population_is_one_batched_simulation():
    line = Line()
    U = MonteCarloPolicyEvaluation(line, lambda m, rng: rng.random(m), 7, 5)
    np.testing.assert_array_equal(U(first_parameter, [[1.0, 9.0], [-2.0, 9.0], [0.5, 9.0]]), [7.0, -14.0, 3.5])
    assert line.calls == [15] * 7


def test_a_population_of_deterministic_rollouts_equals_its_rows_bit_for_bit():
    """Cart-pole from one start with a policy that draws nothing, depth 60; rollouts end at different times."""

    def sign(θ, s, rng):
        return np.asarray((s * θ).sum(axis=-1) > 0).astype(int)

    start = np.array([0.01, 0.02, -0.03, 0.04])
    U = MonteCarloPolicyEvaluation(CartPole(), lambda m, rng: np.tile(start, (m, 1)), 60, 2)
    θs = np.random.default_rng(0).standard_normal((20, 4))
    us = U(sign, θs, rng=0)
    np.testing.assert_array_equal(us, [U(sign, θ, rng=1) for θ in θs])
    assert len(np.unique(us)) > 3


def test_a_population_agrees_with_its_rows_statistically():
    θs = np.array([[0.0, 1.0], [-0.5, 0.3], [-1.0, 0.1]])
    U = MonteCarloPolicyEvaluation(P, P.b, 10, 4000)
    together, alone = U(π, θs, rng=0), [U(π, θ, rng=1 + i) for i, θ in enumerate(θs)]
    error = [returns(rollouts(P, P.b, π, θ, 10, 4000, 9), 1.0).std() / np.sqrt(4000) for θ in θs]
    assert np.all(abs(together - alone) < 5 * np.sqrt(2) * np.array(error))


def test_one_theta_is_a_population_of_one():
    U = MonteCarloPolicyEvaluation(P, P.b, 10, 3)
    u = U(π, [0.0, 1.0], rng=4)
    assert isinstance(u, float)
    assert U(π, [[0.0, 1.0]], rng=4).tolist() == [u]
    assert u == float(returns(rollouts(P, P.b, π, np.array([0.0, 1.0]), 10, 3, 4), 1.0).mean())


def test_a_policy_of_states_is_evaluated_without_parameters():
    hexes = HexWorld()
    b = np.eye(len(hexes.S))[3]
    U = MonteCarloPolicyEvaluation(hexes, b, 5, 400)
    θ = np.zeros(len(hexes.S) * len(hexes.A))
    θ[::6] = 50.0  # always action 0
    certain = SoftmaxPolicy(len(hexes.S), len(hexes.A))
    east = U(lambda s: np.zeros(len(s), int), rng=0)
    R = returns(rollouts(hexes, b, certain, θ, 5, 400, 1), hexes.γ)
    assert abs(east - R.mean()) <= 5 * R.std() * np.sqrt(2 / 400)


def test_live_environments_are_evaluated_row_by_row():
    from decision_making.problems import GymnasiumProblem

    cart = GymnasiumProblem("CartPole-v1", 1.0, n_envs=2)
    net = cart.policy((4,))
    us = MonteCarloPolicyEvaluation(cart, None, 15, 4)(net, np.stack([net.init(rng=0)] * 3), rng=0)
    assert us.shape == (3,)
    assert np.all((us > 5) & (us <= 15))


def test_float32_parameters_simulate_in_float32():
    seen = []

    def policy(θ, s, rng):
        seen.append((θ.dtype, s.dtype))
        return np.zeros_like(s)

    U = MonteCarloPolicyEvaluation(P, P.b, 2, 2)
    assert isinstance(U(policy, np.zeros(2, np.float32), rng=0), float)
    assert set(seen) == {(np.dtype(np.float32), np.dtype(np.float32))}


@pytest.mark.parametrize("θ", [[0.0], [0.0, 1.0, 2.0], [[0.0, 1.0, 2.0]], [0.0, np.nan], [[0.0, np.inf]], [[[0.0]]]])
def test_evaluation_refuses_parameters_that_do_not_suit_before_any_rollout(θ):
    def start(m, rng):
        raise AssertionError("simulated")

    with pytest.raises(ValueError, match="θ"):
        MonteCarloPolicyEvaluation(P, start, 3, 2)(π, θ)


# Kinds of utilities


@by_search
def test_rows_and_populations_are_the_same_to_a_search(M):
    """One call for all rows or one for each: the same bits."""
    calls = []

    @PopulationUtility
    def at_once(π, θs):
        calls.append(len(θs))
        return np.array([bowl(π, θ) for θ in θs])

    np.testing.assert_array_equal(optimize(M, None, bowl, rng=3), optimize(M, None, at_once, rng=3))
    assert calls == [len(g.us) for g in generations(M, None, bowl, rng=3)]


@by_search
def test_the_same_seed_gives_the_same_bits_and_no_global_state_is_used(M):
    U = MonteCarloPolicyEvaluation(P, P.b, 10, 4)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    θ = optimize(M, π, U, rng=5)
    np.testing.assert_array_equal(θ, optimize(M, π, U, rng=5))
    np.testing.assert_array_equal(θ, optimize(M, π, U, rng=np.random.default_rng(5)))
    assert not np.array_equal(θ, optimize(M, π, U, rng=6)) or isinstance(M, HookeJeevesPolicySearch)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@by_search
def test_a_utility_with_a_parameter_rng_gets_the_generator_of_the_search(M):
    given = []

    def noisy(π, θ, *, rng):
        given.append(rng)
        return bowl(π, θ) + 0.01 * rng.standard_normal()

    rng = np.random.default_rng(7)
    θ = optimize(M, None, noisy, rng=rng)
    assert all(x is rng for x in given)
    np.testing.assert_array_equal(θ, optimize(M, None, noisy, rng=7))
    with_rng = PopulationUtility(lambda π, θs, rng: np.array([noisy(π, θ, rng=rng) for θ in θs]))
    np.testing.assert_array_equal(θ, optimize(M, None, with_rng, rng=7))


@by_long_search
def test_a_search_ends_near_the_maximum_and_the_generations_lead_there(M):
    seen = list(generations(M, None, bowls, rng=0))
    assert len(seen) == getattr(M, "k_max", len(seen))
    np.testing.assert_array_equal(seen[-1].θ, optimize(M, None, bowls, rng=0))
    assert bowl(None, seen[-1].θ) > -0.1
    for g in seen:
        assert g.θs.shape == (len(g.us), 2)
        np.testing.assert_array_equal(g.us, bowls(None, g.θs))


@pytest.mark.parametrize("M", DISTRIBUTIONS, ids=lambda M: type(M).__name__)
def test_optimize_is_the_mode_of_the_last_distribution(M):
    p = optimize_dist(M, None, bowls, rng=2)
    np.testing.assert_array_equal(optimize(M, None, bowls, rng=2), p.μ)


@pytest.mark.parametrize("M", SEARCHES[:2], ids=lambda M: type(M).__name__)
def test_optimize_dist_refuses_a_search_without_a_distribution(M):
    with pytest.raises(TypeError, match="optimize_dist knows CrossEntropyPolicySearch, EvolutionStrategies"):
        optimize_dist(M, None, bowl)


@by_long_search
def test_a_search_ends_near_the_best_policy_of_the_regulator(M):
    """Ten rollouts an evaluation; the exact utilities of the start are -46 and -406, the best is -0.19."""
    θ = optimize(M, π, MonteCarloPolicyEvaluation(P, P.b, 10, 10), rng=0)
    assert exact_utility(π, θ) > -1


def test_every_verb_refuses_an_unknown_search_and_says_what_it_knows():
    for verb in (optimize, optimize_dist, generations):
        with pytest.raises(TypeError, match=r"M = 3: .* knows CrossEntropyPolicySearch"):
            verb(3, None, bowl)


def test_a_search_of_your_own_registers_with_optimize_dist():
    class Fixed:
        pass

    optimize_dist.register(Fixed, lambda M, π, U, *, rng=None: START)
    np.testing.assert_array_equal(optimize(Fixed(), None, bowl), [0.0, 3.0])


@by_search
@pytest.mark.parametrize(
    ("U", "error", "words"),
    [
        (3.0, TypeError, "U = 3.0: must be"),
        (lambda π, θ: θ, ValueError, "one number for one θ"),
        (PopulationUtility(lambda π, θs: 1.0), ValueError, r"must be \("),
        (PopulationUtility(lambda π, θs: θs), ValueError, r"must be \("),
    ],
    ids=["number", "vector", "scalar", "matrix"],
)
def test_utilities_that_do_not_suit_are_refused(M, U, error, words):
    with pytest.raises(error, match=words):
        optimize(M, None, U, rng=0)


@by_search
def test_a_policy_with_another_number_of_parameters_is_refused_before_any_evaluation(M):
    def U(π, θ):
        raise AssertionError("evaluated")

    with pytest.raises(ValueError, match=r"θ has 2 parameters: must have π.n = 4"):
        optimize(M, SoftmaxPolicy(2, 2), U, rng=0)


# Rank


increasing = st.sampled_from(
    [lambda u: 2 * u + 3, lambda u: u**3, np.arctan, lambda u: -np.exp(-u / 8), lambda u: np.sign(u) * np.sqrt(abs(u))]
)


@given(st.sampled_from(SEARCHES), increasing, st.integers(0, 1000))
def test_every_search_is_invariant_to_increasing_transformations_of_the_utility(M, f, seed):
    """The search sees the order only: the same points, bit for bit."""
    plain = list(generations(M, None, bowls, rng=seed))
    transformed = list(generations(M, None, PopulationUtility(lambda π, θs: f(bowls(π, θs))), rng=seed))
    for a, b in zip(plain, transformed, strict=True):
        np.testing.assert_array_equal(a.θs, b.θs)
        np.testing.assert_array_equal(a.θ, b.θ)


@given(st.lists(st.sampled_from([np.nan, -np.inf, np.inf, -1.0, 0.0, 2.5]), min_size=1, max_size=8))
def test_hazard_10_x_nan_ranks_last_and_equals_keep_their_order(us):
    us = np.array(us)
    if np.isnan(us).all():
        with pytest.raises(ValueError, match="NaN"):
            best_first(us)
        return
    expected = sorted(range(len(us)), key=lambda i: (np.isnan(us[i]), -us[i] if us[i] == us[i] else 0, i))
    assert best_first(us).tolist() == expected
    for m_elite in range(1, len(us) + 1):
        assert elite(us, m_elite).tolist() == [i for i in expected[:m_elite] if not np.isnan(us[i])]


@by_search
def test_hazard_10_x_a_nan_utility_never_wins(M):
    """NaN wherever θ₁ > 0: no generation ends there, and nothing in it is NaN."""

    def torn(π, θ):
        return np.nan if θ[0] > 0 else bowl(π, θ)

    for g in generations(M, None, torn, rng=1):
        assert np.isfinite(g.θ).all()
        assert g.u is None or not np.isnan(g.u)
    assert g.θ[0] <= 0.5


@by_search
def test_nothing_but_nan_moves_no_search(M):
    def nan(π, θ):
        return np.nan

    if isinstance(M, HookeJeevesPolicySearch):
        np.testing.assert_array_equal(optimize(M, None, nan), M.θ)
    else:
        with pytest.raises(ValueError, match="utilities of the population are NaN"):
            optimize(M, None, nan, rng=0)


# Hooke-Jeeves


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


@by_search
def test_hazard_10_2_no_search_mutates_what_it_was_given_nor_minds_a_utility_that_does(M):
    before = {f.name: np.copy(getattr(M, f.name)) for f in attrs.fields(type(M)) if f.name in ("θ", "θs", "ψ")}

    def vandal(π, θ):
        u = bowl(π, θ)
        θ[:] = 99.0
        return u

    kept = []

    def hoarder(π, θ):
        kept.append((θ, θ.copy()))
        return bowl(π, θ)

    reference = optimize(M, None, bowl, rng=1)
    np.testing.assert_array_equal(optimize(M, None, vandal, rng=1), reference)
    np.testing.assert_array_equal(optimize(M, None, hoarder, rng=1), reference)
    for θ, copy in kept:
        np.testing.assert_array_equal(θ, copy)
    for name, x in before.items():
        np.testing.assert_array_equal(getattr(M, name), x)
    reference[:] = 7.0  # what is returned belongs to the caller
    assert not np.array_equal(optimize(M, None, bowl, rng=1), reference)


def test_searches_copy_the_arrays_they_are_given():
    θ, θs = np.array([0.0, 1.0]), np.zeros((3, 2))
    M, G = HookeJeevesPolicySearch(θ, 1.0, 0.5, 0.1), GeneticPolicySearch(θs, 1.0, 1, 1)
    θ[:], θs[:] = 5.0, 5.0
    assert M.θ.tolist() == [0.0, 1.0]
    assert not G.θs.any()
    with pytest.raises(ValueError, match="read-only"):
        M.θ[0] = 1.0


@pytest.mark.parametrize("M", [M for M in SEARCHES if not hasattr(M, "D")], ids=lambda M: type(M).__name__)
def test_float32_stays_float32(M):
    name = next(f.name for f in attrs.fields(type(M)) if f.name in ("θ", "θs", "ψ", "p"))
    start = getattr(M, name)
    start = N(start.μ.astype(np.float32), start.Σ) if name == "p" else start.astype(np.float32)
    for g in generations(attrs.evolve(M, **{name: start}), None, bowls, rng=0):
        assert g.θs.dtype == g.θ.dtype == np.float32


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


# Genetic search


@given(st.integers(2, 8), st.integers(1, 8), st.integers(1, 5), st.integers(0, 1000))
def test_genetic_search_keeps_the_best_unchanged_as_the_last(m, m_elite, k_max, seed):
    θs = np.random.default_rng(seed).standard_normal((m, 2))
    M = GeneticPolicySearch(θs, 0.5, min(m_elite, m), k_max)
    seen = list(generations(M, None, bowls, rng=seed))
    np.testing.assert_array_equal(seen[0].θs, θs)
    assert [g.θs.shape for g in seen] == [(m, 2)] * k_max
    for old, new in pairwise(seen):
        np.testing.assert_array_equal(new.θs[-1], old.θs[np.argmax(old.us)])
        assert new.u >= old.u  # without noise it never falls
    np.testing.assert_array_equal(optimize(M, None, bowls, rng=seed), seen[-1].θs[np.argmax(seen[-1].us)])


def test_children_without_perturbation_are_copies_of_the_elite():
    M = GeneticPolicySearch(START.sample(40, 0), 0.0, 5, 2)
    first, second = generations(M, None, bowls, rng=0)
    best = first.θs[np.argsort(-first.us)[:5]]
    parents = np.array([np.flatnonzero((best == child).all(axis=1)) for child in second.θs])
    assert parents.shape == (40, 1)
    assert set(parents.ravel().tolist()) == {0, 1, 2, 3, 4}


def test_children_scatter_around_uniformly_drawn_parents_with_deviation_sigma():
    """One elite point: 20,000 children are N(best, σ²I), mean and variances within 5 standard errors."""
    M = GeneticPolicySearch(START.sample(20_001, 0), 0.25, 1, 2)
    first, second = generations(M, None, bowls, rng=0)
    δ = (second.θs[:-1] - first.θ) / 0.25
    assert np.all(abs(δ.mean(axis=0)) < 5 / np.sqrt(20_000))
    assert np.all(abs(np.cov(δ.T) - np.eye(2)) < 5 * np.array([[np.sqrt(2), 1], [1, np.sqrt(2)]]) / np.sqrt(20_000))
    far = GeneticPolicySearch(np.repeat([[-50.0, 0.0], [50.0, 0.0]], 500, axis=0), 0.1, 1000, 2)
    children = list(generations(far, None, bowls, rng=0))[1].θs[:-1]
    assert abs(np.mean(children[:, 0] < 0) - 0.5) < 5 * 0.5 / np.sqrt(999)


# Cross entropy


@given(st.integers(1, 12), st.integers(0, 1000), st.booleans())
def test_cross_entropy_with_all_samples_elite_is_a_maximum_likelihood_refit(m, seed, diagonal):
    p = N([0.0, 3.0], [2.0, 1.0]) if diagonal else START
    (g,) = generations(CrossEntropyPolicySearch(p, m, m, 1), None, bowls, rng=seed)
    np.testing.assert_allclose(g.p.μ, g.θs.mean(axis=0), atol=1e-12)
    Σ = np.cov(g.θs.T, bias=True)  # divided by m, not m - 1
    np.testing.assert_allclose(g.p.Σ, np.diag(Σ) if diagonal else Σ, atol=1e-12)


def test_cross_entropy_refits_to_the_best_only():
    for g in generations(CrossEntropyPolicySearch(START, 30, 5, 6), None, bowls, rng=0):
        best = g.θs[np.argsort(-g.us)[:5]]
        np.testing.assert_allclose(g.p.μ, best.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(g.p.Σ, np.cov(best.T, bias=True), atol=1e-12)


@pytest.mark.parametrize("m_elite", [1, 2])
def test_hazard_10_4_at_most_n_elite_points_go_on(m_elite):
    """The covariance is singular: samples stay in its subspace, the density is refused, nothing is NaN."""
    p = optimize_dist(CrossEntropyPolicySearch(START, 10, m_elite, 5), None, bowls, rng=0)
    assert np.isfinite(p.μ).all()
    assert np.linalg.matrix_rank(p.Σ, tol=1e-9 * np.trace(p.Σ) + 1e-30) < 2
    assert np.isfinite(p.sample(100, 0)).all()
    wide = N([0.0, 3.0], 2 * np.eye(2), added_variance=0.01)
    p = optimize_dist(CrossEntropyPolicySearch(wide, 10, m_elite, 5), None, bowls, rng=0)
    assert np.linalg.eigvalsh(p.Σ)[0] > 0.0099
    assert np.isfinite(p.logpdf(p.μ))


def test_hazard_10_4_the_distribution_shrinks_too_soon_unless_variance_is_added():
    """The maximum is two standard deviations from the start: 20 searches with 5 elite points of 25."""
    ends = {}
    for added in (0.0, 0.02):
        M = CrossEntropyPolicySearch(N([0.0, 3.0], 2 * np.eye(2), added_variance=added), 25, 5, 30)
        ends[added] = np.array([bowl(None, optimize(M, None, bowls, rng=seed)) for seed in range(20)])
    assert ends[0.0].min() < -0.5
    assert ends[0.02].min() > -0.1


def test_hazard_10_4_an_elite_that_coincides_is_a_point():
    p = START.fit(np.tile([0.5, -1.0], (4, 1)))
    np.testing.assert_array_equal(p.sample(3, 0), np.tile([0.5, -1.0], (3, 1)))
    with pytest.raises(ValueError, match="singular"):
        p.logpdf([0.5, -1.0])
    (g,) = generations(CrossEntropyPolicySearch(p, 4, 2, 1), None, bowls, rng=0)
    np.testing.assert_array_equal(g.θ, [0.5, -1.0])


@attrs.frozen(eq=False)
class Bernoulli:
    """A family of a user: independent coins, θ of zeros and ones."""

    ψ: np.ndarray

    def sample(self, m, rng):
        return (rng.random((m, len(self.ψ))) < self.ψ).astype(int)

    def fit(self, θs):
        return Bernoulli(θs.mean(axis=0))


class BernoulliWithMode(Bernoulli):
    def mode(self):
        return (self.ψ > 0.5).astype(int)

    def fit(self, θs):
        return BernoulliWithMode(θs.mean(axis=0))


def ones_and_zero(π, θ):
    return float(θ[0] + θ[1] - θ[2])


def test_cross_entropy_refits_a_family_of_the_user():
    p = optimize_dist(CrossEntropyPolicySearch(Bernoulli(np.full(3, 0.5)), 50, 10, 5), None, ones_and_zero, rng=0)
    assert p.ψ.tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(TypeError, match=r"must have mode\(\)"):
        optimize(CrossEntropyPolicySearch(Bernoulli(np.full(3, 0.5)), 50, 10, 5), None, ones_and_zero, rng=0)
    M = CrossEntropyPolicySearch(BernoulliWithMode(np.full(3, 0.5)), 50, 10, 5)
    assert optimize(M, None, ones_and_zero, rng=0).tolist() == [1, 1, 0]


# The Gaussian search distribution


@given(strategies.arrays((3, 3), strategies.numbers(-2.0, 2.0)), strategies.parameters(3), st.booleans())
def test_density_of_the_gaussian(B, μ, diagonal):
    Σ = B.T @ B + 0.1 * np.eye(3)
    p = N(μ, np.diag(Σ)) if diagonal else N(μ, Σ)
    q = stats.multivariate_normal(μ, np.diag(np.diag(Σ)) if diagonal else Σ)
    θs = q.rvs(5, random_state=0)
    np.testing.assert_allclose(p.logpdf(θs), q.logpdf(θs), rtol=1e-9, atol=1e-9)
    assert np.shape(p.logpdf(θs[0])) == ()
    assert p.logpdf(p.mode()) >= p.logpdf(θs).max()


@pytest.mark.parametrize(
    "Σ", [[[2.0, 0.9], [0.9, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]], [2.0, 0.0]]
)
def test_samples_have_the_mean_and_covariance(Σ):
    """50,000 samples, each moment within 5 standard errors; a singular Σ holds exactly."""
    p, n = N([1.0, -2.0], Σ), 50_000
    full = np.diag(Σ) if np.ndim(Σ) == 1 else np.array(Σ)
    θs = p.sample(n, 0)
    assert np.all(abs(θs.mean(axis=0) - p.μ) <= 5 * np.sqrt(np.diag(full) / n))
    error = np.sqrt((np.outer(np.diag(full), np.diag(full)) + full**2) / n)
    assert np.all(abs(np.cov(θs.T) - full) <= 5 * error + 1e-12)


def test_the_refit_maximises_the_likelihood():
    θs = START.sample(9, 1)
    p = START.fit(θs)
    best = p.logpdf(θs).sum()
    rng = np.random.default_rng(0)
    for _ in range(50):
        Σ = p.Σ + 0.05 * (B := rng.standard_normal((2, 2))) @ B.T
        assert N(p.μ + 0.05 * rng.standard_normal(2), Σ).logpdf(θs).sum() < best


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([np.nan], [1.0]), r"μ\[0\] = nan"),
        (([0.0, 0.0], [1.0]), "Σ = .*variances, to go with μ"),
        (([0.0], [[np.inf]]), "Σ = .*finite"),
        (([0.0, 0.0], [1.0, -1.0]), "variances >= 0"),
        (([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), "positive semidefinite"),
        (([0.0], [[-1.0]]), "positive semidefinite"),
    ],
)
def test_a_gaussian_that_is_none_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        N(*arguments)


def test_a_refit_to_nothing_is_refused():
    with pytest.raises(ValueError, match="θs has shape"):
        START.fit(np.empty((0, 2)))


def test_a_large_gaussian_of_variances_is_not_a_matrix():
    n = 20_000
    M = IsotropicEvolutionStrategies(np.zeros(n), 0.1, 4, 0.01, 1)
    p = optimize_dist(M, None, PopulationUtility(lambda π, θs: θs.sum(axis=1)), rng=0)
    assert p.Σ.shape == (n,)
    assert repr(p) == "GaussianSearchDistribution(μ (20000,), Σ (20000,))"


# Evolution strategies


WEIGHTS = {
    1: [0.0],
    2: [0.5, -0.5],
    3: [0.4708, -0.1375, -0.3333],
    4: [0.4804, 0.0196, -0.25, -0.25],
    6: [0.4190, 0.1262, -0.0451, -0.1667, -0.1667, -0.1667],
}


@pytest.mark.parametrize("m", WEIGHTS)
def test_exercise_10_8_weights(m):
    np.testing.assert_allclose(evolution_strategy_weights(m), WEIGHTS[m], atol=5e-5)


@given(st.integers(2, 500))
def test_weights_sum_to_0_and_never_rise(m):
    w = evolution_strategy_weights(m)
    assert w.shape == (m,)
    assert abs(w.sum()) < 1e-12
    assert np.all(np.diff(w) <= 0)
    assert w[0] > 0
    np.testing.assert_allclose(w[m // 2 + 1 :], -1 / m)


def plain_logp(ψ, θ):
    """log N(θ; μ, AᵀA) for autograd."""
    n = len(θ)
    A = anp.reshape(ψ[n:], (n, n))
    δ, Σ = θ - ψ[:n], anp.dot(A.T, A)
    return -0.5 * anp.dot(δ, anp.linalg.solve(Σ, δ)) - 0.5 * anp.linalg.slogdet(Σ)[1]


@given(strategies.arrays((2, 2), strategies.numbers(-0.5, 0.5)), strategies.parameters(2), st.integers(0, 100))
def test_example_10_2_gradient_of_the_gaussian(B, μ, seed):
    """Against autograd, and against the two formulas of the example with Σ."""
    A = B + np.array([[1.5, 0.0], [0.0, -1.5]])
    ψ, θs = np.concatenate([μ, A.ravel()]), np.random.default_rng(seed).standard_normal((4, 2))
    grads = N.grad_logp(ψ, θs)
    np.testing.assert_allclose(grads, [grad(plain_logp)(ψ, θ) for θ in θs], rtol=1e-8, atol=1e-8)
    inverse = np.linalg.inv(A.T @ A)
    for g, θ in zip(grads, θs, strict=True):
        by_Σ = 0.5 * inverse @ np.outer(θ - μ, θ - μ) @ inverse - 0.5 * inverse
        np.testing.assert_allclose(g[:2], inverse @ (θ - μ), rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(g[2:].reshape(2, 2), A @ (by_Σ + by_Σ.T), rtol=1e-8, atol=1e-8)


@given(strategies.arrays(6, strategies.numbers(-3.0, 3.0)))
def test_a_factor_makes_a_positive_semidefinite_covariance_whatever_it_is(ψ):
    p = N.from_factor(ψ)
    A = ψ[2:].reshape(2, 2)
    np.testing.assert_allclose(p.Σ, A.T @ A)
    again = N.from_factor(p.factored())
    np.testing.assert_allclose(again.μ, p.μ)
    np.testing.assert_allclose(again.Σ, p.Σ, atol=1e-7)


def test_the_covariance_of_evolution_strategies_stays_positive_semidefinite():
    M = EvolutionStrategies(N.from_factor, START.factored(), N.grad_logp, 10, 0.5, 100)
    for g in generations(M, None, bowls, rng=0):
        assert np.linalg.eigvalsh(g.p.Σ)[0] >= -1e-12 * np.trace(g.p.Σ)


def test_a_factor_of_the_wrong_length_and_a_singular_one_are_refused():
    with pytest.raises(ValueError, match=r"must have n \+ n²"):
        N.from_factor(np.zeros(5))
    with pytest.raises(ValueError, match="singular"):
        N.grad_logp(np.zeros(6), np.zeros((1, 2)))


def test_exercise_10_3_the_gradient_by_the_variance_has_no_bound():
    """∂log p/∂ν = -1/(2ν) + (θ - μ)²/(2ν²), and by A with ν = A² 2A times as much."""
    θ, μ = np.array([[0.7], [-0.2], [0.1]]), 0.1
    sizes = []
    for ν in (1.0, 1e-2, 1e-4, 1e-6):
        by_ν = -1 / (2 * ν) + (θ[:, 0] - μ) ** 2 / (2 * ν**2)
        by_A = N.grad_logp(np.array([μ, np.sqrt(ν)]), θ)[:, 1]
        np.testing.assert_allclose(by_A, 2 * np.sqrt(ν) * by_ν, rtol=1e-9)
        sizes.append(abs(by_ν).min())
    assert np.all(np.diff(np.log10(sizes)) > 1.2)  # even at θ = μ it grows as 1/ν


def bernoulli_gradient(ψ, θs):
    return θs / ψ - (1 - θs) / (1 - ψ)


def test_exercise_10_7_gradient_of_a_bernoulli():
    def logp(ψ, θ):
        return θ * anp.log(ψ) + (1 - θ) * anp.log(1 - ψ)

    for ψ in (0.1, 0.5, 0.8):
        grads = bernoulli_gradient(np.array([ψ]), np.array([[0], [1]]))[:, 0]
        np.testing.assert_allclose(grads, [grad(logp)(ψ, 0.0), grad(logp)(ψ, 1.0)], rtol=1e-12)
        assert (1 - ψ) * grads[0] + ψ * grads[1] == pytest.approx(0)


def test_evolution_strategies_with_a_bernoulli_of_the_user():
    M = EvolutionStrategies(BernoulliWithMode, np.full(3, 0.5), bernoulli_gradient, 40, 0.02, 25)
    assert optimize(M, None, ones_and_zero, rng=0).tolist() == [1, 1, 0]


@given(st.integers(2, 9), st.floats(0.01, 0.3), st.integers(0, 1000))
def test_a_step_of_evolution_strategies_is_its_formula(m, α, seed):
    """Σ w ∇log p over the samples by decreasing utility, with the gradient by autograd."""
    ψ = N([0.3, -0.2], [[1.0, 0.4], [0.4, 2.0]]).factored()
    (g,) = generations(EvolutionStrategies(N.from_factor, ψ, N.grad_logp, m, α, 1), None, bowls, rng=seed)
    step = sum(w * grad(plain_logp)(ψ, θ) for w, θ in zip(weights(m), g.θs[np.argsort(-g.us)], strict=True))
    expected = N.from_factor(ψ + α * step)
    np.testing.assert_allclose(g.p.μ, expected.μ, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(g.p.Σ, expected.Σ, rtol=1e-8, atol=1e-9)


def weights(m):
    """Equation 10.13, one by one."""
    raw = [max(0.0, np.log(m / 2 + 1) - np.log(i)) for i in range(1, m + 1)]
    return [w / sum(raw) - 1 / m for w in raw]


@given(st.integers(2, 11), st.floats(0.01, 2.0), st.floats(0.01, 0.3), st.integers(0, 1000))
def test_hazard_10_6_an_odd_m_is_rounded_down_and_mirrored_samples_sum_to_0(m, σ, α, seed):
    ψ = np.array([0.3, -0.2])
    (g,) = generations(IsotropicEvolutionStrategies(ψ, σ, m, α, 1), None, bowls, rng=seed)
    ε, h = (g.θs - ψ) / σ, m // 2
    assert len(ε) == 2 * h
    np.testing.assert_allclose(ε[:h], -ε[h:], atol=1e-12)
    np.testing.assert_allclose(ε.sum(axis=0), 0, atol=1e-12)
    step = sum(w * e for w, e in zip(weights(2 * h), ε[np.argsort(-g.us)], strict=True)) / σ
    np.testing.assert_allclose(g.θ, ψ + α * step, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(g.p.Σ, [σ**2, σ**2])


@given(st.sampled_from(SEARCHES[4:]), st.sampled_from([1e-3, 0.5, 1e3]), st.integers(0, 1000))
def test_a_step_is_at_most_alpha_times_the_largest_length(M, L2_max, seed):
    """Scaled, not turned: the same direction as without the bound."""

    M = attrs.evolve(M, k_max=1, ψ=np.append(np.zeros(2), M.ψ[2:]))  # from 0 the step is θ itself, without rounding

    def step(M):
        (g,) = generations(M, None, bowls, rng=seed)
        return g.θ

    plain, bounded = step(M), step(attrs.evolve(M, L2_max=L2_max))
    assert np.linalg.norm(bounded) <= M.α * L2_max * (1 + 1e-12)
    assert np.linalg.norm(bounded) <= np.linalg.norm(plain) * (1 + 1e-12)
    np.testing.assert_allclose(bounded[0] * plain[1], bounded[1] * plain[0], atol=1e-12)


def test_exercise_10_3_bounded_steps_keep_a_narrowing_gaussian_from_running_away():
    """Twenty searches: without the bound some end farther from the maximum than they began."""
    p = N([-0.5, 1.5], 0.5 * np.eye(2))
    ends = {}
    for L2_max in (None, 1.0):
        M = EvolutionStrategies(p.from_factor, p.factored(), p.grad_logp, 20, 0.1, 60, L2_max=L2_max)
        ends[L2_max] = [bowl(None, optimize(M, None, bowls, rng=seed)) for seed in range(20)]
    assert min(ends[None]) < bowl(None, p.μ) < -0.5 < min(ends[1.0])


def test_the_isotropic_step_is_that_of_evolution_strategies_with_a_fixed_covariance():
    """Equations 10.15 to 10.18: ∇ log N(θ; ψ, σ²I) = ε / σ."""
    σ, m = 0.5, 6
    M = IsotropicEvolutionStrategies([0.3, -0.2], σ, m, 0.1, 3)
    seen = list(generations(M, None, bowls, rng=0))

    class Replay:
        def __init__(self, ψ):
            self.ψ = ψ

        def sample(self, m, rng):
            return seen[rng].θs if isinstance(rng, int) else next(replayed)

        def mode(self):
            return self.ψ

    replayed = iter([g.θs for g in seen])
    general = EvolutionStrategies(Replay, M.ψ, lambda ψ, θs: (θs - ψ) / σ**2, m, 0.1, 3)
    for g, h in zip(seen, generations(general, None, bowls, rng=0), strict=True):
        np.testing.assert_allclose(g.θ, h.θ, rtol=1e-12)


def test_equation_10_11_the_score_estimate_is_the_gradient_of_the_smoothed_utility():
    """E U(θ) ∇_μ log p of a bowl under N(μ, Σ) is -2 (μ + (1, 0)) · (1, 2): 100,000 samples, 5 standard errors."""
    p = N([0.3, -0.2], [[0.5, 0.1], [0.1, 0.3]])
    θs = p.sample(100_000, 0)
    terms = bowls(None, θs)[:, None] * N.grad_logp(p.factored(), θs)[:, :2]
    error = terms.std(axis=0) / np.sqrt(len(terms))
    assert np.all(abs(terms.mean(axis=0) - [-2 * 1.3, 4 * 0.2]) < 5 * error)


@pytest.mark.parametrize("f", [lambda ψ, θs: ψ, lambda ψ, θs: θs[:, :1], lambda ψ, θs: np.zeros((len(θs), 7))])
def test_a_gradient_of_the_wrong_shape_is_refused(f):
    M = EvolutionStrategies(N.from_factor, START.factored(), f, 4, 0.1, 1)
    with pytest.raises(ValueError, match="grad_logp"):
        optimize(M, None, bowls, rng=0)


def test_a_step_that_overflows_is_an_error_not_nan():
    def large(ψ, θs):
        return 1e308 * np.ones((len(θs), len(ψ))) * np.sign(θs[:, :1])

    M = EvolutionStrategies(N.from_factor, START.factored(), large, 4, 1e10, 5)
    with pytest.raises(ValueError, match=r"α = .* too large"):
        optimize(M, None, PopulationUtility(lambda π, θs: θs[:, 0]), rng=0)


# What is refused on construction


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: HookeJeevesPolicySearch([np.inf], 1.0, 0.5, 0.1), r"θ\[0\] = inf"),
        (lambda: HookeJeevesPolicySearch([[1.0]], 1.0, 0.5, 0.1), "θ has shape"),
        (lambda: HookeJeevesPolicySearch([1.0], 0.0, 0.5, 0.1), "α = 0.0"),
        (lambda: HookeJeevesPolicySearch([1.0], 1.0, 0.5, 0.1, max_iterations=0), "max_iterations = 0"),
        (lambda: HookeJeevesPolicySearch([1.0], 1.0, 0.5, 0.1, reevaluate=1), "reevaluate = 1"),
        (lambda: GeneticPolicySearch([1.0, 2.0], 0.1, 1, 1), "θs has shape"),
        (lambda: GeneticPolicySearch([[1.0, 2.0]], 0.1, 1, 1), "at least 2"),
        (lambda: GeneticPolicySearch([[1.0], [np.nan]], 0.1, 1, 1), "θs"),
        (lambda: GeneticPolicySearch(np.zeros((3, 1)), 0.1, 4, 1), "m_elite = 4: must be at most m = 3"),
        (lambda: GeneticPolicySearch(np.zeros((3, 1)), 0.1, 0, 1), "m_elite = 0"),
        (lambda: GeneticPolicySearch(np.zeros((3, 1)), 0.1, 1, 0), "k_max = 0"),
        (lambda: GeneticPolicySearch(np.zeros((3, 1)), -0.1, 1, 1), "σ = -0.1"),
        (lambda: CrossEntropyPolicySearch(START, 4, 5, 1), "m_elite = 5: must be at most m = 4"),
        (lambda: CrossEntropyPolicySearch(START, 4, 2, 0), "k_max = 0"),
        (lambda: CrossEntropyPolicySearch(3, 4, 2, 1), "p = 3: must be a search distribution with sample and fit"),
        (lambda: CrossEntropyPolicySearch(stats.norm(), 4, 2, 1), "sample and fit"),
        (lambda: EvolutionStrategies(N.from_factor, np.zeros(6), N.grad_logp, 1, 0.1, 1), "m = 1: must be at least 2"),
        (lambda: EvolutionStrategies(N.from_factor, np.zeros(5), N.grad_logp, 4, 0.1, 1), "n²"),
        (lambda: EvolutionStrategies(lambda ψ: 3, np.zeros(6), N.grad_logp, 4, 0.1, 1), r"D\(ψ\) = 3"),
        (lambda: EvolutionStrategies(N.from_factor, np.zeros(6), None, 4, 0.1, 1), "grad_logp = None"),
        (lambda: EvolutionStrategies(N.from_factor, np.zeros(6), N.grad_logp, 4, 0.0, 1), "α = 0.0"),
        (lambda: IsotropicEvolutionStrategies([0.0], 0.0, 4, 0.1, 1), "σ = 0.0"),
        (lambda: IsotropicEvolutionStrategies([0.0], 1.0, 1, 0.1, 1), "m = 1: must be at least 2"),
        (lambda: IsotropicEvolutionStrategies([0.0], 1.0, 4, 0.1, 0), "k_max = 0"),
        (lambda: IsotropicEvolutionStrategies([0.0], 1.0, 4, 0.1, 1, L2_max=0), "L2_max = 0"),
        (lambda: PopulationUtility(3), "f = 3"),
    ],
)
def test_hazards_10_3_10_5_10_6_bad_fields_are_refused_by_name(build, words):
    with pytest.raises((TypeError, ValueError), match=words):
        build()
