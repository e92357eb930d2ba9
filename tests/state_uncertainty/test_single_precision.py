"""Numbers in float32, as networks and environments give them: what follows is that of the same numbers in float64."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import csr_array

from decision_making import (
    MDP,
    POMDP,
    AdaptiveInjectionParticleFilter,
    ForwardSearch,
    GapHeuristicSearch,
    InjectionParticleFilter,
    KalmanFilter,
    LinearGaussianModel,
    NonlinearProgramming,
    ParticleFilter,
    PointBasedValueIteration,
    RandomizedPointBasedValueIteration,
    SawtoothHeuristicSearch,
    SawtoothIteration,
    SparseSampling,
    belief_rollouts,
    controller_rollouts,
    exploratory_belief_expansion,
    plan,
    policy_evaluation,
    solve,
    update,
    utility,
    value_iteration,
)
from decision_making.problems import Tiger
from tests.test_pomdp import random_pomdp

TIGER = Tiger()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_tables_in_single_precision_make_the_same_problem(seed, sparse):
    rng = np.random.default_rng(seed)
    P = random_pomdp(seed, (4, 2, 3))
    T, R, O, b = (x.astype(np.float32) for x in (P.T.array, P.R.array, P.O.array, rng.dirichlet(np.ones(4))))
    single = POMDP.from_arrays(csr_array(T.reshape(8, 4)) if sparse else T, R, O, 0.9, b=b)
    rows = np.stack(single.transitions, axis=1) if not sparse else single.T.matrix.toarray().reshape(4, 2, 4)
    for p, exact in ((rows, P.T.array), (single.O.array, P.O.array), (single.b, b)):
        assert p.dtype == np.float64
        np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-15)
        np.testing.assert_allclose(p, exact, atol=1e-6)
    B = rng.dirichlet(np.ones(4), 9)
    u, u_single = ((B @ value_iteration(x, 3).Γ.T).max(axis=1) for x in (P, single))
    np.testing.assert_allclose(u_single, u, atol=1e-5)
    V, V_single = (policy_evaluation(x.mdp, [0] * 4) for x in (P, single))
    np.testing.assert_allclose(V_single, V, atol=1e-4)


def test_beliefs_in_single_precision_are_beliefs():
    """Of random ones in float32 half were refused, by an error that showed numbers whose sum looks like 1."""
    rng, P = np.random.default_rng(0), random_pomdp(0, (5, 2, 2))
    B = rng.dirichlet(np.ones(5), 200)
    single = B.astype(np.float32)
    assert (abs(single.astype(float).sum(axis=1) - 1) > 1e-8).sum() > 50
    found = update(single, P, 0, 1)
    np.testing.assert_allclose(found, update(B, P, 0, 1), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-14)
    b = np.full(5, 0.2, np.float32)
    for _ in range(50):
        b = update(b, P, 1, 0).astype(np.float32)
    low, high = (lambda b: np.full(len(b), -99, np.float32)), (lambda b: np.full(len(b), 99, np.float32))
    for M in (
        ForwardSearch(P, 2, lambda b: np.zeros(len(b), np.float32)),
        SparseSampling(P, 2, 3, lambda b: np.zeros(len(b), np.float32), rng=0),
        GapHeuristicSearch(P, low, high, np.float32(0.5), 3, 3),
    ):
        Q, Q_single = (plan(M, x[:20], rng=0).Q for x in (B, single))
        np.testing.assert_allclose(Q_single, Q, atol=1e-3)


def test_solvers_take_beliefs_in_single_precision():
    P = random_pomdp(0, (3, 2, 2))
    B = np.array([[0.3, 0.3, 0.4], [0.15, 0.8, 0.05]], np.float32)
    assert (abs(B.astype(float).sum(axis=1) - 1) > 1e-8).all()
    for M in (
        PointBasedValueIteration(B, 5),
        RandomizedPointBasedValueIteration(B, 5, rng=0),
        SawtoothIteration(np.full(3, 99.0), B, 5),
        SawtoothHeuristicSearch(B[0], 0.1, 5, 5, 5),
    ):
        exact = type(M).__name__, utility(solve(M, P), B.astype(float) / B.astype(float).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(utility(solve(M, P), B), exact[1], atol=1e-9, err_msg=exact[0])
    found = solve(NonlinearProgramming(B[0], 1, restarts=1, rng=0), P)
    assert controller_rollouts(P, B[0], found, 2, 3, rng=0).r.shape == (3, 2)
    assert belief_rollouts(P, B[0], lambda b: np.zeros(len(b), int), 2, 3, rng=0).r.shape == (3, 2)
    np.testing.assert_allclose(exploratory_belief_expansion(P, B, rng=0).sum(axis=1), 1)


@pytest.mark.parametrize("seed", range(30))
def test_covariances_in_single_precision_are_covariances(seed):
    """Of a product in float32 one half is not the other to the last digit, and eigenvalues of 0 come out below it."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    A, L = (rng.normal(size=(n, k)).astype(np.float32) for k in (n, max(1, n - 1)))
    Σ = A @ (L @ L.T) @ A.T
    exact = A.astype(float) @ L @ L.T.astype(float) @ A.T
    b, exactly = KalmanFilter(np.ones(n, np.float32), Σ), KalmanFilter(np.ones(n), (exact + exact.T) / 2)
    np.testing.assert_allclose(b.Σb, exactly.Σb, atol=1e-5 * abs(exact).max())
    np.testing.assert_array_equal(b.Σb, b.Σb.T)
    sure = (Σ + Σ.T) / 2 + abs(Σ).max() * np.eye(n, dtype=np.float32)
    np.testing.assert_array_equal(KalmanFilter(np.ones(n), sure).Σb, sure)
    P = LinearGaussianModel(*(np.eye(n, dtype=np.float32),) * 3, Σ, np.eye(n, dtype=np.float32))
    found, right = (update(x, P, np.zeros(n, np.float32), np.ones(n, np.float32)) for x in (b, exactly))
    np.testing.assert_allclose(found.μb, right.μb, atol=1e-4)
    np.testing.assert_allclose(found.Σb, right.Σb, atol=1e-4)
    np.testing.assert_array_equal(found.Σb, found.Σb.T)
    batch = KalmanFilter(np.ones((2, n)), np.stack([Σ, np.eye(n, dtype=np.float32)]))
    np.testing.assert_allclose(batch.Σb[0], b.Σb, atol=1e-12 * abs(exact).max())
    for wrong in (-np.eye(n), np.eye(n) + np.triu(np.full((n, n), 1e-3), 1) * (n > 1) - 2 * np.eye(n) * (n == 1)):
        for scale in (1.0, 1e-9):
            with pytest.raises(ValueError, match="must be a covariance"):
                KalmanFilter(np.ones(n), (scale * wrong).astype(np.float32))
            with pytest.raises(ValueError, match="must be a covariance"):
                KalmanFilter(np.ones((2, n)), np.stack([np.eye(n), scale * wrong]).astype(np.float32))


def test_only_what_single_precision_rounds_is_changed_in_a_covariance():
    sure = np.array([[2.0, 0.3], [0.3, 1.7]], np.float32)
    for Σ in (sure, np.array([[1.0, 0.5], [0.5 + 1e-12, 1.0]]), np.array([[1.0, 0.0], [0.0, -1e-11]])):
        np.testing.assert_array_equal(KalmanFilter(np.zeros(2), Σ).Σb, Σ)


def test_large_densities_of_many_particles_have_a_mean():
    """The sum of 40,000 weights of e^699.9 is beyond all floats; their mean is not."""
    P = SimpleNamespace(TR=STILL.TR, log_O=lambda a, s, o: np.full(len(s), 699.9))
    b = AdaptiveInjectionParticleFilter(np.zeros(40_000), None, None, 0.1, 0.5, 1.0, stats.norm())
    found = update(b, P, 0, 0, rng=0)
    assert found.w_slow == found.w_fast == pytest.approx(np.exp(699.9))


def test_what_misses_the_sum_1_by_more_is_still_refused():
    with pytest.raises(ValueError, match=r"must be probabilities that sum to 1; their sum is 0\.9999"):
        update(np.array([0.5, 0.49999], np.float32), TIGER, 2, 0)
    with pytest.raises(ValueError, match=r"b has shape \(\)"):
        update(np.array(1, np.float32), TIGER, 2, 0)
    wrong = np.array([0.5, 0.50001], np.float32)
    with pytest.raises(ValueError, match=r"must be probabilities that sum to 1; their sum is 1\.0000"):
        update(wrong, TIGER, 2, 0)
    with pytest.raises(ValueError, match=r"their sum is 1\.0000001"):
        update([0.5, 0.5000001], TIGER, 2, 0)
    for T in (np.array([[wrong], [wrong]]), csr_array(np.array([wrong, wrong]))):
        with pytest.raises(ValueError, match=r"T\[0, 0\] sums to 1.0000"):
            MDP.from_arrays(T, [[0.0], [0.0]], 0.9)
        with pytest.raises(ValueError, match=r"T\[0, 0\] sums to 0.75"):
            MDP.from_arrays((T * np.float32(0.75)).astype(np.float32), [[0.0], [0.0]], 0.9)


DRIFT = SimpleNamespace(
    TR=lambda s, a, rng: (s + rng.standard_normal(s.shape, dtype=np.float32), np.zeros(len(s))),
    O=lambda a, s, o: np.exp(-((s - o) ** 2) / 2),
)
STILL = SimpleNamespace(TR=lambda s, a, rng: (s, np.zeros(len(s))), O=lambda a, s, o: np.ones(len(s)))


def test_particles_in_single_precision_stay_so():
    """Where none was injected they did, and from the first injection on they were float64."""
    s = np.random.default_rng(0).standard_normal(50, dtype=np.float32)
    D = stats.norm()
    for b in (
        ParticleFilter(s),
        InjectionParticleFilter(s, 5, D),
        InjectionParticleFilter(s, 50, D),
        AdaptiveInjectionParticleFilter(s, 1.0, 0.1, 0.1, 0.5, 1.0, D),
    ):
        assert update(b, DRIFT, 0, np.float32(0.3), rng=0).states.dtype == np.float32
    whole = InjectionParticleFilter(np.zeros(9, int), 3, lambda m, rng: np.full(m, 0.5))
    kept = update(whole, STILL, 0, 0.0, rng=0)
    assert (kept.states[-3:] == 0.5).all()  # a fraction is never cut off


def test_what_is_injected_has_the_shape_of_a_particle():
    b = InjectionParticleFilter(np.zeros((9, 2), np.float32), 3, stats.norm())
    with pytest.raises(ValueError, match=r"D_inject gives states of shape \(\): must be of shape \(2,\), as particles"):
        update(b, STILL, 0, 0, rng=0)
    vectors = InjectionParticleFilter(np.zeros((9, 2)), 3, stats.multivariate_normal([5.0, 5.0]))
    assert (update(vectors, STILL, 0, 0, rng=0).states != 0).any(axis=1).tolist() == [False] * 6 + [True] * 3


def test_where_nothing_is_injected_nothing_is_drawn():
    def never(m, rng):
        raise AssertionError(m)

    b = AdaptiveInjectionParticleFilter(np.zeros(9), None, None, 0.1, 0.5, 1.0, never)
    assert update(b, STILL, 0, 0, rng=0).states.shape == (9,)
