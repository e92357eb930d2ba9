"""Bounds by α-vectors and by points, held against plans of long horizons (algorithms 21.1 to 21.8)."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decision_making import (
    POMDP,
    QMDP,
    FastInformedBound,
    PointBasedValueIteration,
    RandomizedPointBasedValueIteration,
    SawtoothIteration,
    TriangulatedIteration,
    ValueIteration,
    alphavector_iteration,
    backup,
    baws_lowerbound,
    blind_lowerbound,
    exploratory_belief_expansion,
    greedy,
    lookahead,
    random_belief_expansion,
    randstep,
    solve,
    update,
    utility,
    value_iteration,
)
from decision_making.problems import CryingBaby, MachineReplacement, Tiger
from decision_making.state_uncertainty.offline_belief_state_planning import point_based_value_iteration
from decision_making.state_uncertainty.offline_belief_state_planning.belief_expansion import distinct
from tests.test_pomdp import random_pomdp

SMALL = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
H = 12  # horizon of the plans that the best utility is bracketed by, with γ = 0.5


def beliefs(n, B=40):
    return np.concatenate([np.eye(n), np.random.default_rng(1).dirichlet(np.ones(n), B)])


def bracket(P, b):
    """The best utility for ever of each belief, from below and from above."""
    u = (b @ value_iteration(P, H).Γ.T).max(axis=1)
    rest = P.γ**H * abs(P.R.array).max() / (1 - P.γ)
    return u - rest, u + rest


@given(st.integers(0, 10**6), SMALL)
@settings(max_examples=25)
def test_every_bound_is_on_its_side_of_the_best_utility(seed, sizes):
    P, b = random_pomdp(seed, sizes, 0.5), beliefs(sizes[0])
    least, most = bracket(P, b)
    upper = {kind: solve(kind(200, start="bound"), P) for kind in (QMDP, FastInformedBound)}
    qmdp, fib = (utility(upper[kind], b) for kind in (QMDP, FastInformedBound))
    assert (fib >= least - 1e-9).all()
    assert (qmdp >= fib - 1e-9).all()
    assert upper[QMDP].bound == upper[FastInformedBound].bound == "upper"
    assert (qmdp <= b @ solve(ValueIteration(200), P.mdp).U + 1e-9).all()
    blind = (b @ blind_lowerbound(P, 30).T).max(axis=1)
    points = solve(PointBasedValueIteration(beliefs(sizes[0], 3), 20), P)
    random = solve(RandomizedPointBasedValueIteration(beliefs(sizes[0], 3), 20, rng=seed), P)
    assert (baws_lowerbound(P)[0] <= blind + 1e-12).all()
    for u in (blind, utility(points, b), utility(random, b)):
        assert (u <= most + 1e-9).all()
    assert points.bound == random.bound == "lower"


@given(st.integers(0, 10**6), SMALL)
def test_qmdp_is_the_mdp_one_step_later(seed, sizes):
    P = random_pomdp(seed, sizes)
    U = solve(ValueIteration(400), P.mdp).U
    Q = P.R.array + P.γ * P.T.array @ U
    np.testing.assert_allclose(solve(QMDP(401), P).Γ, Q.T, atol=1e-9)


@given(st.integers(0, 10**6), SMALL)
def test_from_above_iterations_only_fall_and_by_less_each_time(seed, sizes):
    P = random_pomdp(seed, sizes)
    start = np.full((sizes[1], sizes[0]), P.R.array.max() / (1 - P.γ))
    for M in (QMDP(1), FastInformedBound(1)):
        Γ, change = start, np.inf
        for _ in range(20):
            Γ_new = update(P, M, Γ)
            assert (Γ_new <= Γ + 1e-12).all()
            step = abs(Γ_new - Γ).max()
            assert step <= P.γ * change + 1e-12
            Γ, change = Γ_new, step
        np.testing.assert_allclose(alphavector_iteration(P, type(M)(20), start), Γ)


@given(st.integers(0, 10**6), SMALL)
def test_the_informed_bound_is_its_sum_over_observations(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    n, A, Z = sizes
    Γ = rng.normal(size=(A, n))
    for a in range(A):
        for s in range(n):
            total = sum(max(sum(P.O(a, x, o) * P.T(s, a, x) * α[x] for x in range(n)) for α in Γ) for o in range(Z))
            assert update(P, FastInformedBound(1), Γ)[a, s] == pytest.approx(P.R(s, a) + P.γ * total)


@given(st.integers(0, 10**6), SMALL)
def test_both_upper_bounds_agree_where_transitions_are_certain(seed, sizes):
    n, A, _ = sizes
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    certain = POMDP.from_arrays(np.eye(n)[rng.integers(n, size=(n, A))], P.R.array, P.O.array, P.γ)
    np.testing.assert_allclose(solve(QMDP(50), certain).Γ, solve(FastInformedBound(50), certain).Γ, atol=1e-12)


def test_bounds_of_the_crying_baby():
    """Rows feed, sing, ignore; columns sated, hungry."""
    P = CryingBaby()
    expected = {
        (QMDP, 3): [[-5.81, -15.81], [-2.579, -24], [-2.079, -23.5]],
        (QMDP, 10): [[-11.215983, -21.215983], [-7.954515, -29.101304], [-7.454515, -28.601304]],
        (QMDP, 1000): [[-16.146789, -26.146789], [-12.885321, -34.032110], [-12.385321, -33.532110]],
        (FastInformedBound, 3): [[-5.81, -15.81], [-2.615, -24], [-2.439, -23.5]],
        (FastInformedBound, 10): [[-12.947154, -22.947154], [-9.715994, -30.500726], [-9.554297, -30.000726]],
        (FastInformedBound, 1000): [[-19.464286, -29.464286], [-16.233125, -37.017857], [-16.071429, -36.517857]],
    }
    for (kind, k), Γ in expected.items():
        np.testing.assert_allclose(solve(kind(k), P).Γ, Γ, atol=5e-7)
    np.testing.assert_allclose(baws_lowerbound(P), -100)
    np.testing.assert_allclose(blind_lowerbound(P, 3), [[-86.45, -96.45], [-76.694, -101.355], [-75.339, -100]])
    np.testing.assert_allclose(
        blind_lowerbound(P, 2000), [[-50, -60], [-52.368421, -105], [-47.368421, -100]], atol=5e-7
    )


def test_bounds_of_the_tiger():
    P = Tiger()
    np.testing.assert_allclose(solve(QMDP(1000), P).Γ, [[90, 200], [200, 90], [189, 189]], atol=1e-6)
    fib = [[-17.179487, 92.820513], [92.820513, -17.179487], [87.179487, 87.179487]]
    np.testing.assert_allclose(solve(FastInformedBound(1000), P).Γ, fib, atol=5e-7)
    assert baws_lowerbound(P)[0] == pytest.approx(-20)


def test_from_zeros_a_few_iterations_are_no_bound_where_rewards_are_positive():
    """Tiger: -1, 8.5 and 17.5 for k = 1, 2, 3, below the best utility 19.37."""
    P = Tiger()
    found = [solve(QMDP(k), P) for k in (1, 2, 3)]
    np.testing.assert_allclose([utility(π, P.b) for π in found], [-1, 8.5, 17.525], atol=0.03)
    assert all(π.bound is None for π in found)
    assert solve(QMDP(3), CryingBaby()).bound == "upper"  # no reward is positive
    assert solve(QMDP(3, start="bound"), P).bound == "upper"


def test_iterations_end_where_nothing_changes():
    P = CryingBaby()
    ended = solve(QMDP(10_000, δ=1e-3), P)
    limit = solve(QMDP(2000), P)
    assert 0 < abs(ended.Γ - limit.Γ).max() <= 1e-3 * P.γ / (1 - P.γ)


@pytest.mark.parametrize(
    "M",
    [
        *(QMDP(5), FastInformedBound(5), PointBasedValueIteration([[1.0, 0, 0]], 5), TriangulatedIteration(2, 5)),
        SawtoothIteration([9.0, 9.0, 9.0], [[1.0, 0, 0]], 5),
    ],
)
def test_without_a_discount_there_is_no_bound_for_ever(M):
    with pytest.raises(ValueError, match=r"γ = 1\.0: .* needs a discount below 1"):
        solve(M, MachineReplacement())


@given(st.integers(0, 10**6), SMALL)
def test_a_backup_is_the_best_lookahead_and_a_batch_is_its_rows(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    Γ, b = rng.normal(size=(3, sizes[0])), beliefs(sizes[0], 4)
    U = lambda b: (b @ Γ.T).max(axis=1)  # noqa: E731
    found = backup(P, Γ, b)
    u = greedy(P, U, b)[1]
    np.testing.assert_allclose((found.α * b).sum(axis=1), u, atol=1e-12)
    for i, row in enumerate(b):
        one = backup(P, Γ, row)
        np.testing.assert_allclose(one.α, found.α[i], atol=1e-14)
        assert lookahead(P, U, row, int(one.a)) == pytest.approx(u[i])


@given(st.integers(0, 10**6), SMALL, st.booleans())
def test_at_their_own_beliefs_points_never_fall(seed, sizes, random):
    """The listing's sweeps, which replace every vector, do: at 6 of 100 sweeps of random models."""
    P, B = random_pomdp(seed, sizes), beliefs(sizes[0], 4)
    u = np.full(len(B), -np.inf)
    for k in range(1, 6):
        M = RandomizedPointBasedValueIteration(B, k, rng=seed) if random else PointBasedValueIteration(B, k)
        π = solve(M, P)
        assert (utility(π, B) >= u - 1e-10).all()
        assert len(π.Γ) <= len(B)
        u = utility(π, B)


def test_points_find_the_crying_baby_s_best_utility():
    P, B = CryingBaby(), np.array([[0.5, 0.5]])
    for seed in range(6):
        B = exploratory_belief_expansion(P, B, rng=seed)
    for M in (PointBasedValueIteration(B, 150), RandomizedPointBasedValueIteration(B, 150, rng=0)):
        assert utility(solve(M, P), P.b) == pytest.approx(-24.674935, abs=0.01)


@pytest.mark.parametrize("expand", [random_belief_expansion, exploratory_belief_expansion])
def test_new_beliefs_follow_old_ones(expand):
    P = random_pomdp(3, (3, 2, 2))
    B = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    larger = expand(P, B, rng=0)
    np.testing.assert_array_equal(larger[:2], B)
    assert 2 < len(larger) <= 4
    reachable = [update(b, P, a, o) for b in B for a in range(2) for o in range(2) if _possible(P, b, a, o)]
    for new in larger[2:]:
        assert min(abs(new - x).max() for x in reachable) < 1e-9
    np.testing.assert_array_equal(expand(P, B, rng=0), larger)
    assert len(expand(P, np.repeat(B, 3, axis=0), rng=0)) <= 2 + 6
    np.testing.assert_array_equal(expand(P, [1.0, 0.0, 0.0], rng=0), expand(P, B[1:], rng=0))


def _possible(P, b, a, o):
    return (b @ P.T.array[:, a] @ P.O.array[a])[o] > 0


def test_exploring_takes_the_successor_that_is_furthest_away():
    """Of the crying baby's three successors of a sated one: feeding stays there, the others do not."""
    P, B = CryingBaby(), np.array([[1.0, 0.0]])
    new = exploratory_belief_expansion(P, B, rng=0)[1]
    assert new[1] > 0.01


def test_a_random_step_of_beliefs_has_the_rewards_and_beliefs_of_the_model():
    P, m = Tiger(), 40_000
    b, r = randstep(P, np.tile([0.3, 0.7], (m, 1)), np.full(m, 0), rng=0)
    np.testing.assert_allclose(b, 0.5)
    assert r.mean() == pytest.approx(0.3 * -100 + 0.7 * 10, abs=5 * r.std() / np.sqrt(m))
    b, r = randstep(P, [0.5, 0.5], 2, rng=0)
    assert b.shape == (2,)
    assert r == -1
    for one, each in zip(*(randstep(P, np.full((5, 2), 0.5), a, rng=0) for a in (2, [2] * 5)), strict=True):
        np.testing.assert_array_equal(one, each)  # one action for all


@given(st.integers(0, 10**6), SMALL, st.booleans())
@settings(max_examples=20)
def test_no_vector_promises_more_than_its_action_allows(seed, sizes, random):
    """A plan that begins with a is worth at most what a is where the state is seen ever after; a vector has its own."""
    P, B = random_pomdp(seed, sizes, 0.5), beliefs(sizes[0], 4)
    Q = P.R.array + P.γ * P.T.array @ solve(ValueIteration(200), P.mdp).U
    for k in (1, 2, 6):
        M = RandomizedPointBasedValueIteration(B, k, rng=seed) if random else PointBasedValueIteration(B, k)
        π = solve(M, P)
        assert (Q.T[π.a] >= π.Γ - 1e-9).all()


@given(st.integers(0, 10**6), SMALL)
@settings(max_examples=20)
def test_without_keeping_a_sweep_is_a_backup_at_every_belief(seed, sizes):
    """The listing's sweeps: all vectors are new ones, one step longer."""
    P, B = random_pomdp(seed, sizes, 0.5), beliefs(sizes[0], 4)
    Γ = baws_lowerbound(P)[None]
    for k in range(1, 4):
        Γ = np.unique(backup(P, Γ, np.unique(B, axis=0)).α, axis=0)
        np.testing.assert_allclose(solve(PointBasedValueIteration(B, k, keep=False), P).Γ, Γ, atol=1e-12)


def test_iterations_go_on_while_any_entry_changes():
    """State 1 absorbs and pays nothing: its entries never change, those of state 0 do."""
    P = POMDP.from_arrays([[[0.5, 0.5]], [[0.0, 1.0]]], [[1.0], [0.0]], np.ones((1, 2, 1)), 0.8)
    for kind in (QMDP, FastInformedBound):
        np.testing.assert_allclose(solve(kind(1000, δ=1e-9), P).Γ, [[1 / 0.6, 0]], atol=1e-8)
        assert solve(kind(1000, δ=0.5), P).Γ[0, 0] == pytest.approx(1.4)  # changes of 1, then 0.4


def test_exploring_measures_to_the_nearest_of_all_beliefs_so_far():
    P, B = random_pomdp(5, (3, 3, 2)), np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1]])
    for seed in range(5):
        rng = np.random.default_rng(seed)
        drawn = [randstep(P, B, np.full(3, a), rng=rng)[0] for a in range(3)]
        found = list(B)
        for k in range(3):
            far = [min(sum(abs(drawn[a][k] - b)) for b in found) for a in range(3)]
            found.append(drawn[int(np.argmax(far))][k])
        expected = [b for i, b in enumerate(found) if all(abs(b - c).max() > 1e-9 for c in found[:i])]
        np.testing.assert_array_equal(exploratory_belief_expansion(P, B, rng=seed), expected)


def test_beliefs_that_differ_by_rounding_are_one_and_keep_their_order():
    B = np.array([[0.5, 0.5], [0.2, 0.8], [0.5 + 1e-11, 0.5 - 1e-11], [0.5 + 1e-7, 0.5 - 1e-7], [0.2, 0.8]])
    np.testing.assert_array_equal(distinct(B), B[[0, 1, 3]])


def test_beliefs_backed_up_in_blocks_have_the_same_vectors(monkeypatch):
    P, rng = random_pomdp(2, (3, 2, 2)), np.random.default_rng(0)
    Γ, B = rng.normal(size=(4, 3)), beliefs(3, 10)
    whole = backup(P, Γ, B)
    monkeypatch.setattr(point_based_value_iteration, "BLOCK", 3 * 2 * 2 * 3)
    parts = backup(P, Γ, B)
    np.testing.assert_allclose(parts.α, whole.α, atol=1e-14)
    np.testing.assert_array_equal(parts.a, whole.a)
    monkeypatch.setattr(point_based_value_iteration, "SMALL", 0)
    monkeypatch.setattr(point_based_value_iteration, "FEW", 1.0)
    np.testing.assert_allclose(backup(P, Γ, B).α, whole.α, atol=1e-14)  # by sparse products


FALLING = np.array([[0.9, 0.1], [0.4, 0.6]])  # beliefs of which one loses where all vectors of a sweep are replaced


@pytest.mark.parametrize("scale", [1, 100])
def test_where_all_vectors_are_replaced_a_utility_may_fall_and_else_never(scale):
    P = random_pomdp(70, (2, 2, 2))
    P = POMDP.from_arrays(P.T.array, scale * P.R.array, P.O.array, P.γ)
    changes = {}
    for keep in (True, False):
        u = [utility(solve(PointBasedValueIteration(FALLING, k, keep=keep), P), FALLING) for k in range(1, 9)]
        changes[keep] = np.diff(u, axis=0).min()
    assert changes[False] < -0.8 * scale
    assert changes[True] >= -1e-9


def random_sweeps(P, B, k_max, rng):
    """Algorithm 21.8 in its words: the vectors of the last sweep and their actions."""
    R, T, O = P.R.array, P.T.array, P.O.array
    Γ, acts = [np.full(len(R), R.min(axis=0).max() / (1 - P.γ))], [int(R.min(axis=0).argmax())]

    def best(b):
        return max(range(len(Γ)), key=lambda i: Γ[i] @ b)

    def longer(b):
        found = []
        for a in range(R.shape[1]):
            α = R[:, a].copy()
            for o in range(O.shape[2]):
                M = T[:, a] * O[a, :, o]
                α += P.γ * M @ Γ[best(b @ M)]
            found.append(α)
        a = max(range(len(found)), key=lambda a: found[a] @ b)
        return found[a], a

    for _ in range(k_max):
        left, new, new_acts = list(range(len(B))), [], []
        while left:
            b = B[int(rng.choice(left))]
            α, a = longer(b)
            if α @ b < Γ[best(b)] @ b:
                α, a = Γ[best(b)], acts[best(b)]
            new.append(α)
            new_acts.append(a)
            left = [i for i in left if max(x @ B[i] for x in new) < Γ[best(B[i])] @ B[i]]
        Γ, acts = new, new_acts
    return np.array(Γ), acts


@given(st.integers(0, 10**6), SMALL, st.integers(1, 5))
@settings(max_examples=15)
def test_random_sweeps_are_those_of_the_algorithm_in_its_words(seed, sizes, k):
    P = random_pomdp(seed, sizes)
    _random_sweeps_agree(P, np.unique(beliefs(sizes[0], 6), axis=0), k, seed)


def test_random_sweeps_keep_an_old_vector_that_is_better():
    for problem in (4, 70, 101, 158, 199, 205, 265, 269):
        for seed in range(2):
            for k in (3, 4, 7):
                _random_sweeps_agree(random_pomdp(problem, (2, 2, 2)), np.unique(FALLING, axis=0), k, seed)


def _random_sweeps_agree(P, B, k, seed):
    Γ, acts = random_sweeps(P, B, k, np.random.default_rng(seed))
    π = solve(RandomizedPointBasedValueIteration(B, k, rng=seed), P)
    order = np.lexsort(np.round(Γ, 6).T[::-1])
    _, first = np.unique(np.round(Γ[order], 6), axis=0, return_index=True)
    np.testing.assert_allclose(π.Γ, Γ[order][first], atol=1e-9)
    np.testing.assert_array_equal(π.a, np.array(acts)[order][first])


def test_a_first_vector_that_stands_by_rounding_has_its_own_action():
    """The states never change: to be paid r for ever is r now and later what r for ever is worth, but for rounding."""
    T, stood = np.eye(2)[:, None].repeat(2, axis=1), 0
    for r in np.linspace(0.05, 0.95, 60):
        P = POMDP.from_arrays(T, [[5.0, r], [-5.0, r]], np.ones((2, 2, 1)), 0.9)
        for M in (PointBasedValueIteration, RandomizedPointBasedValueIteration):
            assert solve(M([[0.5, 0.5]], 1), P).a.tolist() == [1]
        stood += r + 0.9 * baws_lowerbound(P)[0] < baws_lowerbound(P)[0]
    assert stood > 0
