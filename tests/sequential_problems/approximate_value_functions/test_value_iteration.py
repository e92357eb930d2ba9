"""Approximate value iteration against loops over single states, and against the solvers of chapter 7."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.sparse import csr_array

import decision_making as dm
from decision_making import (
    MDP,
    ApproximateValueFunctionPolicy,
    ApproximateValueIteration,
    InterpolatedMDP,
    LinearRegressionValueFunction,
    LocallyWeightedValueFunction,
    MultilinearValueFunction,
    NearestNeighborValueFunction,
    NeuralCritic,
    NeuralRegressionValueFunction,
    SimplexValueFunction,
    fit,
    gaussian_kernel,
    inverse_distance_kernel,
    polynomial_bases,
    solve,
    sweeps,
)
from decision_making.problems import CartPole, HexWorld, MountainCar, SimpleRegulator
from decision_making.sequential_problems.approximate_value_functions.outcomes import absorbing, outcomes, positions
from tests.strategies import tabular_mdps


class Walk:
    """Numbers in a plane, pushed in one of two directions with noise of three outcomes; over where x > 2."""

    γ, S, T, A = 0.8, None, None, ("on", "back")
    noise, p = np.array([[0.3, -0.1], [0.0, 0.4], [-0.2, 0.0]]), np.array([0.2, 0.5, 0.3])

    def R(self, s, a):
        return s[..., 1] - 0.1 * (np.asarray(a) == "on")

    def terminal(self, s):
        return np.asarray(s)[..., 0] > 2

    def successors(self, s, a):
        push = np.where(np.asarray(a) == "on", 0.7, -0.4)
        return s + self.noise[:, None] + np.stack([push, 0 * push], axis=-1), self.p

    def TR(self, s, a, rng):
        s_next, p = self.successors(s, a)
        return s_next[rng.choice(3, len(s), p=p), np.arange(len(s))], self.R(s, a)


def by_loops(P, U, S):
    """max_a R(s, a) + γ Σ p U(s') for each state of S in turn, and Q (n, A)."""
    Q = []
    for s in S:
        Q.append([])
        for a in P.A:
            s_next, p = P.successors(s[None], np.array([a]))
            u = [0.0 if P.terminal(x[0]) else float(U(x[0])) for x in s_next]
            Q[-1].append(
                0.0 if P.terminal(s) else float(P.R(s, a)) + P.γ * sum(x * y for x, y in zip(p, u, strict=True))
            )
    return np.array(Q)


def representations():
    rng = np.random.default_rng(0)
    S = rng.uniform(-1, 3, (12, 2))
    grid = {"o": [-1, -1], "δ": [1, 0.8], "θ": rng.normal(size=(5, 4))}
    return {
        "nearest": NearestNeighborValueFunction(2, 2, S, rng.normal(size=12)),
        "kernel": LocallyWeightedValueFunction(gaussian_kernel(1.0), S, rng.normal(size=12)),
        "multilinear": MultilinearValueFunction(**grid),
        "simplex": SimplexValueFunction(**grid),
        "regression": LinearRegressionValueFunction(polynomial_bases(2, 2), rng.normal(size=6)),
        "network": NeuralRegressionValueFunction.start(NeuralCritic((2, 4), iterations=5), rng=0),
    }


every = pytest.mark.parametrize("name", representations())


def states_of(U):
    return getattr(U, "S", np.random.default_rng(1).uniform(-1, 3, (15, 2)))


@every
def test_a_sweep_backs_up_each_state_with_the_old_values_and_then_fits(name):
    U = representations()[name]
    S, before = states_of(U), U.θ.copy()
    found = list(sweeps(ApproximateValueIteration(U, S, 2), Walk()))
    assert len(found) == 3
    np.testing.assert_array_equal(found[0].θ, U.θ)
    for old, new in pairwise(found):
        u = by_loops(Walk(), old, S).max(axis=1)
        np.testing.assert_allclose(new.θ, fit(old, S, u).θ, atol=1e-9)
    np.testing.assert_array_equal(U.θ, before)
    np.testing.assert_array_equal(solve(ApproximateValueIteration(U, S, 2), Walk()).Uθ.θ, found[-1].θ)


@every
def test_the_policy_is_greedy_in_a_batch_of_any_shape(name):
    P, U = Walk(), representations()[name]
    π = ApproximateValueFunctionPolicy(P, U)
    s = np.random.default_rng(2).uniform(-1, 3, (2, 6, 2))
    Q = by_loops(P, U, s.reshape(-1, 2)).reshape(2, 6, 2)
    np.testing.assert_allclose(π.Q(s), Q, atol=1e-12)
    np.testing.assert_array_equal(π(s), np.array(P.A)[Q.argmax(axis=-1)])
    assert π(s[0, 0]) == π(s)[0, 0]
    np.testing.assert_allclose(π.U(s), np.where(P.terminal(s), 0, U(s)))
    assert P.terminal(s).any()


LOCAL = ["nearest", "kernel", "multilinear", "simplex"]
local = pytest.mark.parametrize("name", LOCAL)


@local
def test_fit_and_evaluate_never_enlarges_a_difference(name):
    U, rng = representations()[name], np.random.default_rng(3)
    s = rng.uniform(-2, 4, (50, 2))
    for _ in range(5):
        u, v = rng.normal(size=(2, U.θ.size))
        assert abs(fit(U, None, u)(s) - fit(U, U.S, v)(s)).max() <= abs(u - v).max() + 1e-12


@local
def test_sweeps_converge_to_one_fixed_point_from_any_start_at_rate_γ(name):
    U, P, rng = representations()[name], Walk(), np.random.default_rng(4)
    limit = solve(ApproximateValueIteration(U, None, 200), P).Uθ.θ
    for _ in range(3):
        start = fit(U, None, 10 * rng.normal(size=U.θ.size))
        for k, found in enumerate(sweeps(ApproximateValueIteration(start, None, 30), P)):
            assert abs(found.θ - limit).max() <= P.γ**k * abs(start.θ - limit).max() + 1e-9


@local
def test_a_local_representation_makes_a_finite_mdp_that_every_solver_of_chapter_7_takes(name):
    U, P = representations()[name], Walk()
    M = InterpolatedMDP(P, U)
    n = U.θ.size
    assert len(M.S) == n + 1
    π = solve(ApproximateValueIteration(fit(U, None, np.zeros(n)), None, 300), P)
    for solver in (
        dm.PolicyIteration(np.zeros(n + 1, int), 100),
        dm.ValueIteration(300),
        dm.GaussSeidelValueIteration(300),
        dm.LinearProgramFormulation(),
        dm.ModifiedPolicyIteration(300, 5),
    ):
        found = M.policy(solve(solver, M))
        np.testing.assert_allclose(found.Uθ.θ, π.Uθ.θ, atol=1e-8)
        assert type(found.Uθ) is type(U)
    for k, (u, v) in enumerate(
        zip(
            sweeps(ApproximateValueIteration(fit(U, None, np.zeros(n)), None, 5), P),
            sweeps(dm.ValueIteration(5), M),
            strict=True,
        )
    ):
        np.testing.assert_allclose(u.θ.ravel(), v[:-1], atol=1e-12, err_msg=f"sweep {k}")
        assert v[-1] == 0


@given(tabular_mdps(γ=st.sampled_from([0.0, 0.5, 0.9])), st.integers(1, 4))
def test_with_one_node_a_state_it_is_value_iteration(P, k):
    S = np.asarray(P.S)
    grid = MultilinearValueFunction(0.0, 1.0, np.zeros(len(S)))
    near = NearestNeighborValueFunction(1, lambda s, t: abs(s - t), S, np.zeros(len(S)))
    U = solve(dm.ValueIteration(k), P).U
    for found in (grid, near):
        π = solve(ApproximateValueIteration(found, S, k), P)
        np.testing.assert_allclose(π.Uθ(S), U, atol=1e-12)
        np.testing.assert_allclose(π.Q(S), dm.lookahead(P, U, S[:, None], P.A), atol=1e-12)
    sparse = np.asarray(P.T.array).reshape(-1, len(S))
    from scipy.sparse import csr_array

    Q = MDP.from_arrays(csr_array(sparse), P.R.array, P.γ)
    np.testing.assert_allclose(solve(ApproximateValueIteration(near, S, k), Q).Uθ.θ, U, atol=1e-12)


def test_a_tabular_problem_backs_up_some_of_its_states_only():
    rng = np.random.default_rng(0)
    P = MDP.from_arrays(rng.dirichlet(np.ones(6), (6, 3)), rng.normal(size=(6, 3)), 0.9)
    U = LocallyWeightedValueFunction(lambda s, t: 1.0 / (1 + abs(s - t)), [4, 1], [2.0, -1.0])
    found = solve(ApproximateValueIteration(U, [4, 1], 1), P).Uθ.θ
    u = U(np.arange(6))
    np.testing.assert_allclose(found, [max(P.R(s, a) + 0.9 * P.T.array[s, a] @ u for a in range(3)) for s in (4, 1)])


def test_states_with_names_are_found_by_name():
    def T(s, a, s_next):
        return float(s_next == ((s[0] + 1) % 3, 0))

    P = MDP(0.5, [(0, 0), (1, 0), (2, 0)], ["go"], T, lambda s, a: float(s[0]), None)
    U = NearestNeighborValueFunction(1, 2, [[0, 0], [1, 0], [2, 0]], np.zeros(3))
    π = solve(ApproximateValueIteration(U, None, 60), P)
    np.testing.assert_allclose(π.Uθ.θ, np.linalg.solve(np.eye(3) - 0.5 * np.eye(3)[[1, 2, 0]], [0, 1, 2]))
    assert π((1, 0)) == "go"


def test_mountain_car_on_a_grid_of_51():
    """Values and steps by a second program; the optimum is 106, 106, 86 steps."""
    P, starts = MountainCar(), np.array([[-0.5, 0], [-0.6, 0], [-0.4, 0]])
    for kind, U in (
        (MultilinearValueFunction, (-112.7941, -111.2030, -97.4192)),
        (SimplexValueFunction, (-113.6027, -111.5427, -97.7683)),
    ):
        π = solve(ApproximateValueIteration(kind.over(*P.state_bounds, 51), None, 1000, δ=1e-9), P)
        np.testing.assert_allclose(π.U(starts), U, atol=1e-4)
        τs = dm.simulate(P, starts, π, 200)
        np.testing.assert_array_equal(τs.lengths, [108, 108, 87])
        assert τs.terminated.all()


TILES = [(0, 1), (2, 0), (4, 1), (7, 2), (9, 0)]


def hex_distance(world):
    ij = np.array(world.tiles)

    def d(s, t):
        Δ = ij[s] - ij[t]
        return np.maximum(abs(Δ).max(axis=-1), abs(Δ.sum(axis=-1)))

    return d


def test_kernel_smoothing_on_hex_world():
    """Figure 8.3 with five tiles of our choice: numbers by a second program; the absorbing state has no place."""
    P = HexWorld()
    S = np.array([P.tiles.index(tile) for tile in TILES])
    U = LocallyWeightedValueFunction(inverse_distance_kernel(hex_distance(P)), S, np.zeros(5))
    M = ApproximateValueIteration(U, S, 500, δ=1e-12)
    θ = [found.θ for found in sweeps(M, P)]
    np.testing.assert_allclose(θ[1], [5, -10, -0.15, 0, 10], atol=1e-9)
    np.testing.assert_allclose(θ[2], [5, -10, -0.097314, 2.841654, 10], atol=1e-6)
    np.testing.assert_allclose(θ[-1], [5, -10, 1.192098, 4.817210, 10], atol=1e-6)
    π = solve(M, P)
    assert π.U(24) == 0
    assert dm.policy_evaluation(P, π)[:-1].mean() == pytest.approx(4.013481, abs=1e-6)


def test_nearest_neighbor_on_hex_world():
    P = HexWorld()
    S = np.array([P.tiles.index(tile) for tile in TILES])
    π = solve(
        ApproximateValueIteration(NearestNeighborValueFunction(1, hex_distance(P), S, np.zeros(5)), None, 500, δ=1e-12),
        P,
    )
    np.testing.assert_allclose(π.Uθ.θ, [5, -10, -1.5, 0, 10], atol=1e-6)
    assert dm.policy_evaluation(P, π)[:-1].mean() == pytest.approx(2.692700, abs=1e-6)


# Sampled problems


def test_samples_stand_for_a_distribution_that_is_not_known():
    """Enough draws come near the successors; the same seed gives the same answer."""
    P = Walk()
    U = MultilinearValueFunction.over([-1, -1], [3, 2], 5)
    known = solve(ApproximateValueIteration(U, None, 20), P)
    sampled = SimpleNamespace(γ=P.γ, S=None, T=None, A=P.A, TR=P.TR, R=P.R, terminal=P.terminal)
    M = ApproximateValueIteration(U, None, 20, samples=400, seed=1)
    found = solve(M, sampled)
    assert abs(found.Uθ.θ - known.Uθ.θ).max() < 0.25
    np.testing.assert_array_equal(solve(M, sampled).Uθ.θ, found.Uθ.θ)
    assert abs(solve(ApproximateValueIteration(U, None, 20, samples=400, seed=2), sampled).Uθ.θ - found.Uθ.θ).max() > 0
    np.testing.assert_allclose(
        InterpolatedMDP(sampled, U, samples=400, seed=1).policy(found.Uθ.θ.ravel()).Uθ.θ, found.Uθ.θ
    )
    s = np.array([[0.5, 0.5]])
    assert found(s).shape == (1,)
    network = representations()["network"]
    π = solve(ApproximateValueIteration(network, U.S, 2, samples=3), sampled)
    assert np.isfinite(π.U(U.S)).all()


def test_one_sample_of_a_deterministic_problem_is_the_problem():
    P = MountainCar()
    U = MultilinearValueFunction.over(*P.state_bounds, 9)
    bare = SimpleNamespace(γ=1.0, S=None, T=None, A=P.A, TR=P.TR, terminal=P.terminal)
    np.testing.assert_array_equal(
        solve(ApproximateValueIteration(U, None, 30, samples=1), bare).Uθ.θ,
        solve(ApproximateValueIteration(U, None, 30), P).Uθ.θ,
    )


def test_the_same_random_numbers_serve_every_action():
    """Two actions that do the same have the same utility, though each is sampled."""

    def TR(s, a, rng):
        return s + rng.normal(size=s.shape), s[:, 0]

    P = SimpleNamespace(γ=0.9, A=np.arange(2), TR=TR)
    M = InterpolatedMDP(P, MultilinearValueFunction.over([-2.0], [2.0], 9), samples=5)
    rows = M.T.matrix.toarray().reshape(10, 2, 10)
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])
    π = ApproximateValueFunctionPolicy(P, M.U, samples=5)
    Q = π.Q([[0.5], [0.1]])
    np.testing.assert_array_equal(Q[:, 0], Q[:, 1])


def test_samples_belong_to_their_state_and_action():
    P = SimpleNamespace(γ=0.9, TR=lambda s, a, rng: (s + 10 * a[:, None], a + s[:, 0]))
    s_next, p, r = outcomes(P, np.array([[1.0], [2.0], [3.0]]), np.array([0, 1, 5]), 4, 0)
    np.testing.assert_array_equal(s_next, np.repeat([[[1.0]], [[12.0]], [[53.0]]], 4, axis=1))
    np.testing.assert_array_equal(p, np.full((3, 4), 0.25))
    np.testing.assert_array_equal(r, [1, 3, 8])


def test_rewards_of_outcomes_are_averaged():
    def successors(s, a):
        return np.stack([s, s]), np.array([0.25, 0.75]), np.stack([4 + 0 * s[:, 0], 8 + 0 * s[:, 0]])

    P = SimpleNamespace(γ=0.0, A=np.arange(2), successors=successors)
    U = MultilinearValueFunction.over([0.0], [1.0], 3)
    np.testing.assert_allclose(solve(ApproximateValueIteration(U, None, 1), P).Uθ.θ, 7)


# Hazards


class TwoStates:
    """From 1 and from 2 the next state is 2, and nothing pays; the values are linear in s."""

    A = np.arange(1)

    def __init__(self, γ):
        self.γ = γ

    def R(self, s, a):
        return np.zeros(len(s))

    def successors(self, s, a):
        return np.full((1, *s.shape), 2.0), np.ones(1)


def two_states(γ, k, **options):
    U = LinearRegressionValueFunction(lambda s: s[..., None], [1.0])
    return [u.θ[0] for u in sweeps(ApproximateValueIteration(U, [1.0, 2.0], k, **options), TwoStates(γ))]


@pytest.mark.parametrize("γ", [0.5, 0.8, 0.9, 1.0])
def test_regression_multiplies_the_values_by_six_fifths_of_γ(γ):
    np.testing.assert_allclose(two_states(γ, 8), (6 * γ / 5) ** np.arange(9))


def test_divergence_of_regression_is_an_error_that_says_so():
    with pytest.raises(ArithmeticError, match=r"spectral radius 1.08: the sweeps diverge.*local value function"):
        two_states(0.9, 1000)
    assert two_states(0.9, 100, guard=False)[-1] == pytest.approx(1.08**100)
    with pytest.raises(ArithmeticError, match="not finite"):
        two_states(0.9, 10**5, guard=False)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_guard_does_not_depend_on_the_scale_of_the_values(scale):
    def last_sweep(θ):
        U = LinearRegressionValueFunction(lambda s: s[..., None], [θ])
        with pytest.raises(ArithmeticError, match="spectral radius") as found:
            solve(ApproximateValueIteration(U, [1.0, 2.0], 1000), TwoStates(0.9))
        return str(found.value).split(":")[0]

    assert last_sweep(scale) == last_sweep(1.0)


def test_values_that_change_their_sign_diverge_too():
    """The next state is -2: θ is multiplied by -1.08, which is no eigenvalue above 1."""

    class Turning(TwoStates):
        def successors(self, s, a):
            return np.full((1, *s.shape), -2.0), np.ones(1)

    U = LinearRegressionValueFunction(lambda s: s[..., None], [1.0])
    with pytest.raises(ArithmeticError, match=r"spectral radius 1\.08"):
        solve(ApproximateValueIteration(U, [1.0, 2.0], 1000), Turning(0.9))


def test_one_value_that_stays_does_not_hide_that_others_diverge():
    class WithEnd(TwoStates):
        def terminal(self, s):
            return s == 0

    U = LinearRegressionValueFunction(lambda s: s[..., None], [1.0])
    with pytest.raises(ArithmeticError, match=r"spectral radius 1\.08"):
        solve(ApproximateValueIteration(U, [1.0, 2.0, 0.0], 1000), WithEnd(0.9))


def test_values_beyond_all_numbers_are_noticed_where_a_critic_keeps_its_parameters():
    """As one whose line search refuses them does."""
    critic = SimpleNamespace(init=len, predict=lambda θ, s: θ * s, fit=lambda θ, s, u, rng: θ)
    U = NeuralRegressionValueFunction(critic, [1e308])
    with pytest.raises(ArithmeticError, match="sweep 1: the values are not finite any more"):
        solve(ApproximateValueIteration(U, [1.0, 2.0], 3), TwoStates(1.0))


def test_the_largest_reward_is_that_of_either_sign():
    def sweep(P, S):
        return ApproximateValueFunctionPolicy(P, representations()["network"]).sweep(S)[1]

    S = np.array([[0.0, -3.0], [0.0, 1.0]])
    assert sweep(Walk(), S) == pytest.approx(3.1)
    assert sweep(Walk(), -S) == pytest.approx(3.0)


def test_the_guard_looks_at_the_greedy_policy():
    """To stop would end everything; going on is better, and diverges."""

    class OrStop(TwoStates):
        A = np.arange(2)

        def R(self, s, a):
            return -1.0 * (a == 1)

        def successors(self, s, a):
            return np.where(a == 1, 3.0, 2.0)[None], np.ones(1)

        def terminal(self, s):
            return s == 3

    U = LinearRegressionValueFunction(lambda s: s[..., None], [1.0])
    with pytest.raises(ArithmeticError, match=r"spectral radius 1\.08"):
        solve(ApproximateValueIteration(U, [1.0, 2.0], 200), OrStop(0.9))


def test_divergence_of_what_is_not_linear_is_noticed_too():
    """The same two states with a critic, of which the guard knows no linear map: it asks whether changes grow."""
    critic = dm.FeatureCritic(lambda s: s[..., None], 1, ridge=0.0)
    U = NeuralRegressionValueFunction(critic, [1.0])
    with pytest.raises(ArithmeticError, match=r"where no return is above .*: the sweeps diverge"):
        solve(ApproximateValueIteration(U, [1.0, 2.0], 100), TwoStates(0.9))
    found = solve(ApproximateValueIteration(U, [1.0, 2.0], 100), TwoStates(0.8)).Uθ.θ
    np.testing.assert_allclose(found, 0.96**100, rtol=1e-6)


def test_what_does_not_diverge_goes_on():
    """Polynomials on the mountain car: for a while changes grow and the spectral radius is above 1, yet they settle."""
    assert two_states(0.83, 2000)[-1] < 1e-3
    P = MountainCar()
    S = MultilinearValueFunction.over(*P.state_bounds, 51).S
    U = LinearRegressionValueFunction(polynomial_bases(2, 6), np.zeros(28))
    assert np.isfinite(solve(ApproximateValueIteration(U, S, 300), P).U(S)).all()


def test_growth_for_a_while_is_not_taken_for_divergence():
    """Values go from one parameter to the next, the last time a hundredfold, and out; one stays with factor γ."""
    β = np.zeros((15, 5))
    β[:5] = np.eye(5)
    β[[10, 11, 12, 14], [1, 2, 3, 4]] = 100.0, 1.0, 1.0, 1.0
    P = SimpleNamespace(γ=0.5, A=[0], successors=lambda s, a: (s[None] + 10, np.ones(1)), R=lambda s, a: 0.0 * s)
    U = LinearRegressionValueFunction(lambda s: β[np.asarray(s, int)], [0.0, 0.0, 0.0, 1.0, 1e-3])
    θ = [u.θ.round(9).tolist() for u in sweeps(ApproximateValueIteration(U, np.arange(5.0), 4), P)]
    assert θ[1:4] == [[0, 0, 0.5, 0, 5e-4], [0, 0.25, 0, 0, 2.5e-4], [12.5, 0, 0, 0, 1.25e-4]]
    assert θ[4] == [0, 0, 0, 0, 6.25e-5]


def test_a_local_representation_is_never_said_to_diverge():
    """γ = 1 and a reward in every step for ever: the values grow without bound, as they should."""
    P = SimpleNamespace(γ=1.0, A=[0], successors=lambda s, a: (s[None], np.ones(1)), R=lambda s, a: np.ones(len(s)))
    U = solve(ApproximateValueIteration(MultilinearValueFunction(0.0, 1.0, [0, 0]), None, 500), P).Uθ
    np.testing.assert_allclose(U.θ, 500)


def test_δ_ends_the_sweeps_at_the_first_small_change():
    U, P = representations()["multilinear"], Walk()
    θ = [u.θ.ravel() for u in sweeps(ApproximateValueIteration(U, None, 1000, δ=0.01), P)]
    change = abs(np.diff(θ, axis=0)).max(axis=1)
    assert change[-1] < 0.01
    assert (change[1:-1] >= 0.01).all()


def test_absorbing_states_have_the_value_0_and_are_not_asked_for():
    """Wherever an absorbing state would lie, and whatever a terminal one pays."""
    P = MDP.from_arrays([[[0, 1.0]], [[0, 1.0]]], [[2.0], [0.0]], 0.9)
    U = NearestNeighborValueFunction(1, lambda s, t: abs(s - t), [0], [50.0])
    assert solve(ApproximateValueIteration(U, None, 1), P).Uθ.θ == [2.0]
    ended = MDP.from_arrays([[[1.0, 0]], [[1.0, 0]]], [[2.0], [7.0]], 0.9, terminal=lambda s: s == 1)
    U = NearestNeighborValueFunction(1, lambda s, t: abs(s - t), [0, 1], [0, 9])
    π = solve(ApproximateValueIteration(U, None, 3), ended)
    assert π.Uθ.θ.tolist() == pytest.approx([2 * (1 + 0.9 + 0.81), 0])
    assert π.U([0, 1])[1] == 0
    assert π.Q([1]).tolist() == [[0]]


def test_actions_that_are_not_available_are_not_taken():
    P = MDP.from_arrays([[[1.0, 0], [0, 0]], [[0, 0], [0, 1.0]]], [[1.0, -np.inf], [-np.inf, 0.0]], 0.5)
    U = NearestNeighborValueFunction(1, lambda s, t: abs(s - t), [0, 1], [0, 0])
    π = solve(ApproximateValueIteration(U, None, 50), P)
    np.testing.assert_allclose(π.Uθ.θ, [2, 0])
    assert π([0, 1]).tolist()[0] == 0
    assert InterpolatedMDP(P, U).R.array[0, 1] == -np.inf
    assert ApproximateValueFunctionPolicy(P, fit(U, None, [5, 9])).U([0, 1]).tolist() == [
        5,
        0,
    ]


@pytest.mark.parametrize(
    ("P", "said"),
    [
        (SimpleRegulator(0.9), "list A"),
        (CartPole(), "samples=K"),
        (SimpleNamespace(γ=0.9, A=[0]), "successors"),
        (3, "list A"),
    ],
)
def test_a_problem_that_lacks_something_is_an_error_that_says_what(P, said):
    U = MultilinearValueFunction.over(-np.ones(4), np.ones(4), 3)
    with pytest.raises(TypeError, match=said):
        solve(ApproximateValueIteration(U, None, 3), P)


def test_probabilities_that_do_not_sum_to_1_are_an_error():
    P = SimpleNamespace(γ=0.9, A=[0], successors=lambda s, a: (s[None], np.array([0.9])), R=lambda s, a: s[:, 0])
    with pytest.raises(ValueError, match="sum to 1"):
        solve(ApproximateValueIteration(MultilinearValueFunction.over([0.0], [1.0], 3), None, 3), P)
    one = SimpleNamespace(successors=lambda s, a: (s[None], 1.0 - (s == 7.0).T), R=lambda s, a: s[:, 0])
    with pytest.raises(ValueError, match=r"probabilities \[0\.\] in state \[7\.\]"):
        outcomes(one, np.array([[5.0], [7.0], [6.0]]), np.zeros(3, int))


def test_a_reward_of_the_state_is_not_averaged():
    """Ten times 0.1 is not 1 in floating point, and the reward is what was given all the same."""
    P = SimpleNamespace(successors=lambda s, a: (np.stack(10 * [s]), np.full(10, 0.1)), R=lambda s, a: s[:, 0])
    assert outcomes(P, np.array([[3.0], [7.0]]), np.zeros(2, int))[2].tolist() == [3.0, 7.0]


def test_states_that_are_not_the_representation_s_own_are_refused():
    U = representations()["multilinear"]
    with pytest.raises(ValueError, match="its own states S"):
        solve(ApproximateValueIteration(U, U.S + 0.5, 3), Walk())
    with pytest.raises(ValueError, match="its own states S"):
        fit(U, U.S[:-1], np.zeros(19))
    solve(ApproximateValueIteration(U, U.S + 1e-12, 1), Walk())
    with pytest.raises(ValueError, match="one for each of the 20 states"):
        fit(U, None, np.zeros(19))
    with pytest.raises(ValueError, match=r"U\[3\] = inf"):
        fit(U, None, np.where(np.arange(20) == 3, np.inf, 0))


def test_states_that_the_problem_does_not_have_are_refused():
    P = MDP.from_arrays(np.full((3, 1, 3), 1 / 3), np.zeros((3, 1)), 0.9)
    U = NearestNeighborValueFunction(1, lambda s, t: abs(s - t), [0, 7], [0, 0])
    with pytest.raises(ValueError, match="S has the state 7"):
        solve(ApproximateValueIteration(U, None, 3), P)
    with pytest.raises(ValueError, match=r"0\.5"):
        ApproximateValueFunctionPolicy(P, U)(0.5)


@pytest.mark.parametrize("outside", ["clamp", "refuse", "extrapolate"])
def test_a_successor_outside_the_grid_is_clamped_refused_or_no_finite_mdp(outside):
    U = MultilinearValueFunction.over([-1.0, -1.0], [1.0, 1.0], 3, outside=outside)
    if outside == "clamp":
        assert InterpolatedMDP(Walk(), U)
        return
    with pytest.raises(ValueError, match={"refuse": "must lie in the grid", "extrapolate": "extrapolate"}[outside]):
        InterpolatedMDP(Walk(), U)


def test_what_is_no_local_representation_makes_no_finite_mdp():
    with pytest.raises(TypeError, match="local"):
        InterpolatedMDP(Walk(), representations()["regression"])


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ((3, None, 3), TypeError, "Uθ ="),
        ((representations()["regression"], None, 3), ValueError, "S ="),
        ((representations()["regression"], [], 3), ValueError, "S ="),
        ((representations()["simplex"], None, 0), ValueError, "k_max ="),
        ((representations()["regression"], [[1.0, 2.0], [3.0]], 3), ValueError, "S = .*states of one shape"),
        ((representations()["regression"], 3.0, 3), ValueError, "S = .*at least one state"),
    ],
)
def test_bad_fields_are_named(fields, error, said):
    with pytest.raises(error, match=said):
        ApproximateValueIteration(*fields)


def test_a_policy_by_another_name_has_its_utilities_on_the_grid():
    """`actions` turns π(s) into indices: its utilities by chapter 7 are those of a loop over single states."""
    P, U = Walk(), representations()["multilinear"]
    M = InterpolatedMDP(P, U)
    a = M.actions(lambda s: np.where(s[:, 1] > 0, "back", "on"))
    u = M.policy(dm.policy_evaluation(M, a)).Uθ
    Q = by_loops(P, u, U.S)
    np.testing.assert_allclose(Q[np.arange(20), np.where(U.S[:, 1] > 0, 1, 0)], u.θ.ravel(), atol=1e-9)
    assert M.actions(lambda s: np.full(len(s), "back")).tolist() == [1] * 20 + [0]
    for wrong in ("up", ["up", "on"] + 9 * ["on", "back"]):
        with pytest.raises(ValueError, match="must be an action of P"):
            M.actions(lambda s, wrong=wrong: np.broadcast_to(wrong, len(s)))
    with pytest.raises(ValueError, match="for each of the 20 states"):
        M.actions(lambda s: np.full(21, "on"))
    with pytest.raises(ValueError, match="U has 1 values: must be one for each of the 20 states"):
        M.value_function(3.0)


def test_blocks_of_states_change_nothing(monkeypatch):
    from decision_making.sequential_problems.approximate_value_functions import models

    for name in ("multilinear", "regression"):
        U = representations()[name]
        M = ApproximateValueIteration(U, states_of(U), 3)
        whole = solve(M, Walk()).Uθ.θ
        monkeypatch.setattr(models, "ROWS", 6)
        np.testing.assert_allclose(solve(M, Walk()).Uθ.θ, whole, atol=1e-13)
        monkeypatch.setattr(models, "ROWS", 1)  # fewer than the actions of one state
        np.testing.assert_allclose(solve(M, Walk()).Uθ.θ, whole, atol=1e-13)
        monkeypatch.undo()


def test_what_is_printed_says_what_was_solved():
    M = InterpolatedMDP(MountainCar(), MultilinearValueFunction.over(*MountainCar().state_bounds, 5))
    assert (
        repr(M) == "InterpolatedMDP of MountainCar(γ=1.0): 25 states of MultilinearValueFunction and the end, 3 actions"
    )
    assert "5 x 5 nodes" in repr(M.policy(np.zeros(25)))


def test_absorbing_states_of_sparse_tables_are_those_of_dense_ones():
    """0 stays and pays nothing, 1 is paid, 2 has one action which stays, 3 may leave, 4 is terminal."""
    T = np.eye(5)[[[0, 0], [1, 1], [2, 1], [3, 3], [0, 1]]]
    T[3, 1] = [0.5, 0, 0, 0.5, 0]
    R = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, -np.inf], [0.0, 0.0], [5.0, 5.0]])
    for tables in (T, csr_array(T.reshape(10, 5))):
        P = MDP.from_arrays(tables, R, 0.9, terminal=lambda s: np.asarray(s) == 4)
        assert absorbing(P).tolist() == [True, False, True, False, True]
        U = NearestNeighborValueFunction(1, lambda s, t: abs(s - t), [0, 1, 2, 3, 4], [7, 1, 7, 3, 7])
        π = ApproximateValueFunctionPolicy(P, U)
        assert π.U(np.arange(5)).tolist() == [0, 1, 0, 3, 0]
        np.testing.assert_allclose(π.Q([1, 3, 4]), [[0.9, 1.9], [2.7, 1.35], [0, 0]])


def test_states_of_another_shape_than_the_problem_s_are_refused():
    with pytest.raises(ValueError, match=r"S has shape \(2, 3\): the states of P have shape \(\)"):
        positions(np.arange(4), np.zeros((2, 3)))
    assert positions(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([[2, 0], [0, 1], [2, 0]])).tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match=r"S has the state 7: must be states of P"):
        positions(np.arange(4), np.array([1, 7]))


def test_where_it_is_over_an_action_that_is_not_available_is_not_chosen():
    """State 1 is never left and pays nothing; action 0 is not available there, and not in the interpolated MDP."""
    T = [[[0.5, 0.5], [0.5, 0.5]], [[0.0, 0.0], [0.0, 1.0]]]
    P = MDP.from_arrays(T, [[1.0, 2.0], [-np.inf, 0.0]], 0.9)
    U = NearestNeighborValueFunction(1, 1, [0, 1], [0.0, 0.0])
    π = solve(ApproximateValueIteration(U, None, 30), P)
    assert π.Q([0, 1])[1].tolist() == [-np.inf, 0.0]
    assert π([0, 1]).tolist() == [1, 1]
    finite = InterpolatedMDP(P, U)
    assert (finite.R(1, 0), finite.R(1, 1)) == (-np.inf, 0.0)
    assert solve(dm.ValueIteration(30), finite)([0, 1]).tolist() == [1, 1]


@pytest.mark.parametrize("d", [1, lambda s, t: abs(s - t)], ids=["norm", "function"])
def test_a_problem_that_is_over_everywhere_is_worth_nothing(d):
    P = MDP.from_arrays([[[1.0]]], [[0.0]], 0.9)
    U = NearestNeighborValueFunction(1, d, [0], [5.0])
    assert solve(ApproximateValueIteration(U, None, 2), P).U([0, 0]).tolist() == [0.0, 0.0]
    assert U(np.zeros(0)).shape == (0,)
