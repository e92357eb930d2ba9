"""What every search of chapter 10 promises, and what is refused."""

import attrs
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import (
    CrossEntropyPolicySearch,
    EvolutionStrategies,
    GeneticPolicySearch,
    HookeJeevesPolicySearch,
    IsotropicEvolutionStrategies,
    MonteCarloPolicyEvaluation,
    PopulationUtility,
    SoftmaxPolicy,
    generations,
    optimize,
    optimize_dist,
)
from decision_making.sequential_problems.policy_search.populations import best_first, elite
from tests.oracles import regulator
from tests.sequential_problems.policy_search import SEARCHES, START, N, P, bowl, bowls, searches, π


def exact_utility(π, θ, γ=1.0):
    return regulator.utility(γ, θ, 10, 1e-5)


by_search = pytest.mark.parametrize("M", SEARCHES, ids=lambda M: type(M).__name__)

by_long_search = pytest.mark.parametrize("M", searches(k_max=60, m=60), ids=lambda M: type(M).__name__)

DISTRIBUTIONS = [M for M in SEARCHES if not isinstance(M, HookeJeevesPolicySearch | GeneticPolicySearch)]


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
def test_a_utility_that_says_so_gets_the_generator_of_the_search(M):
    given = []

    def noisy(π, θ, *, rng=None):
        given.append(rng)
        return bowl(π, θ) + (0.01 * rng.standard_normal() if rng is not None else 0)

    optimize(M, None, noisy, rng=7)
    assert set(given) == {None}
    given.clear()
    noisy.takes_rng = True
    rng = np.random.default_rng(7)
    θ = optimize(M, None, noisy, rng=rng)
    assert all(x is rng for x in given)
    np.testing.assert_array_equal(θ, optimize(M, None, noisy, rng=7))
    with_rng = PopulationUtility(lambda π, θs, rng: np.array([noisy(π, θ, rng=rng) for θ in θs]), takes_rng=True)
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
    with pytest.raises(TypeError, match=r"optimize_dist knows .*CrossEntropyPolicySearch, EvolutionStrategies"):
        optimize_dist(M, None, bowl)


@by_long_search
def test_a_search_ends_near_the_best_policy_of_the_regulator(M):
    """Ten rollouts an evaluation; the exact utilities of the start are -46 and -406, the best is -0.19."""
    θ = optimize(M, π, MonteCarloPolicyEvaluation(P, P.b, 10, 10), rng=0)
    assert exact_utility(π, θ) > -1


def test_every_verb_refuses_an_unknown_search_and_says_what_it_knows():
    for verb in (optimize, optimize_dist, generations):
        with pytest.raises(TypeError, match=r"M = 3: .* knows .*CrossEntropyPolicySearch"):
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
