"""Sawtooth, triangulation, and the search between bounds (algorithms 21.9, 21.10, 21.14 to 21.16)."""

import itertools
import math
import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array

from decision_making import (
    POMDP,
    FastInformedBound,
    FreudenthalTriangulation,
    SawtoothHeuristicSearch,
    SawtoothIteration,
    SawtoothPolicy,
    TriangulatedIteration,
    TriangulatedPolicy,
    belief_rollouts,
    belief_simplex,
    belief_vertices,
    greedy,
    lookahead,
    returns,
    search_for_seconds,
    solve,
    sweeps,
    utility,
)
from decision_making.problems import CryingBaby, MachineReplacement, Tiger
from decision_making.state_uncertainty.offline_belief_state_planning import sawtooth_heuristic_search
from decision_making.state_uncertainty.offline_belief_state_planning.sawtooth import Teeth
from tests.state_uncertainty.offline_belief_state_planning.test_bounds import SMALL, beliefs, bracket
from tests.test_pomdp import random_pomdp

SAWTOOTH = "decision_making.state_uncertainty.offline_belief_state_planning.sawtooth"


def sawtooth(seed, n, K=4):
    rng = np.random.default_rng(seed)
    P, V = random_pomdp(seed, (n, 1, 1)), rng.normal(size=n)
    B = rng.dirichlet(np.ones(n), K) * (rng.random((K, n)) < 0.7) + 0.1 * np.eye(n)[0]
    B /= B.sum(axis=1, keepdims=True)
    return SawtoothPolicy(P, V, B, B @ V - rng.random(K))


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_the_sawtooth_mixes_a_point_and_corners(seed, n):
    """For each point the largest weight that leaves no probability negative, by bisection."""
    π = sawtooth(seed, n)
    for b in beliefs(n, 10):
        best = b @ π.V
        for point, u in zip(π.B, π.U, strict=True):
            low, high = 0.0, 1.0
            for _ in range(60):
                λ = (low + high) / 2
                low, high = (λ, high) if (b - λ * point >= -1e-15).all() else (low, λ)
            best = min(best, low * u + (b - low * point) @ π.V)
        assert utility(π, b) == pytest.approx(best, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_the_sawtooth_lies_between_the_convex_hull_and_the_corners(seed, n):
    π = sawtooth(seed, n)
    points, values = np.vstack([np.eye(n), π.B]), np.concatenate([π.V, π.U])
    for b in beliefs(n, 5):
        hull = linprog(values, A_eq=points.T, b_eq=b).fun  # the lowest mixture of all points that gives b
        assert hull - 1e-7 <= utility(π, b) <= b @ π.V + 1e-12


@pytest.mark.parametrize(
    ("corners", "point", "right"), [(10.0, 9.0, 28 / 3), (0.0, -1.0, -2 / 3), (-10.0, -11.0, -32 / 3)]
)
def test_three_states_have_the_weights_of_the_text_not_of_the_listing(corners, point, right):
    """At (1/3, 1/3, 1/3) with a point at (1/2, 1/4, 1/4); the listing gives 10, -0.889 and -20.9."""
    π = SawtoothPolicy(MachineReplacement(0.9), np.full(3, corners), [[0.5, 0.25, 0.25]], [point])
    assert utility(π, np.full(3, 1 / 3)) == pytest.approx(right)


@given(st.integers(0, 10**6))
def test_with_two_states_it_interpolates_between_neighbours(seed):
    π = sawtooth(seed, 2, K=1)
    p = np.linspace(0, 1, 21)
    x, y = [0, π.B[0, 1], 1], [π.V[0], π.U[0], π.V[1]]
    np.testing.assert_allclose(utility(π, np.stack([1 - p, p], axis=1)), np.interp(p, x, y), atol=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_a_new_point_never_raises_the_sawtooth(seed, n):
    π, b = sawtooth(seed, n), beliefs(n, 20)
    more = SawtoothPolicy(π.P, π.V, np.vstack([π.B, b[-1]]), np.append(π.U, utility(π, b[-1]) - 0.1))
    assert (utility(more, b) <= utility(π, b) + 1e-12).all()
    assert utility(more, b[-1]) == pytest.approx(utility(π, b[-1]) - 0.1)


@given(st.integers(0, 10**6), SMALL)
@settings(max_examples=20)
def test_sawtooth_and_triangulated_iterations_stay_above_the_best_utility(seed, sizes):
    P, b = random_pomdp(seed, sizes, 0.5), beliefs(sizes[0])
    least, _ = bracket(P, b)
    V = solve(FastInformedBound(100, start="bound"), P).Γ.max(axis=0)
    u = b @ V
    for k in (1, 3, 10):
        now = utility(solve(SawtoothIteration(V, b[::4], k), P), b)
        assert (now <= u + 1e-10).all()
        assert (now >= least - 1e-9).all()
        u = now
    for m in (1, 2, 4):
        assert (utility(solve(TriangulatedIteration(m, 60, start="bound"), P), b) >= least - 1e-9).all()


def test_corners_that_are_not_backed_up_stall_the_bound():
    """Crying baby from (0.5, 0.5): -24.464286 for ever, the best utility is -24.674935."""
    P, B = CryingBaby(), beliefs(2)
    V = solve(FastInformedBound(2000), P).Γ.max(axis=0)
    assert utility(solve(SawtoothIteration(V, B, 200, corners=False), P), P.b) == pytest.approx(-24.464286, abs=0.01)
    assert utility(solve(SawtoothIteration(V, B, 200), P), P.b) == pytest.approx(-24.674935, abs=0.002)


def test_beliefs_are_backed_up_in_blocks_that_make_no_difference(monkeypatch):
    P, B = random_pomdp(3, (7, 2, 3), 0.9), beliefs(7, 5)
    V = solve(FastInformedBound(3, start="bound"), P).Γ.max(axis=0)
    whole = solve(SawtoothIteration(V, B, 4), P)
    for block in (1, 2 * 7 * 3, 4 * 7 * 3):
        monkeypatch.setattr(f"{SAWTOOTH}.BLOCK", block)
        found = solve(SawtoothIteration(V, B, 4), P)
        np.testing.assert_allclose(found.V, whole.V, rtol=1e-12)
        np.testing.assert_allclose(found.U, whole.U, rtol=1e-12)


def test_a_sweep_does_not_hold_the_next_beliefs_of_all_corners():
    """Of 700 states and 3 observations they are 12 MB an action, and the corners 4 MB."""
    T = np.full((700, 1, 700), 1 / 700)
    P = POMDP.from_arrays(T, np.ones((700, 1)), np.full((1, 700, 3), 1 / 3), 0.9)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(f"{SAWTOOTH}.BLOCK", 1 << 14)
        tracemalloc.start()
        solve(SawtoothIteration(np.full(700, 10.0), np.full((1, 700), 1 / 700), 1), P)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3e6


def test_corners_among_the_points_count_once():
    P, V = random_pomdp(4, (3, 2, 2)), np.full(3, 50.0)
    inner = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    for corners in (True, False):
        alone, with_corners = (
            solve(SawtoothIteration(V, B, 3, corners=corners), P) for B in (inner, np.vstack([np.eye(3), inner]))
        )
        np.testing.assert_array_equal(with_corners.B, inner)
        np.testing.assert_array_equal(with_corners.U, alone.U)
        assert (alone.V < 50).all() == corners
    only = solve(SawtoothIteration(V, np.eye(3), 1), P)
    np.testing.assert_allclose(only.V, (P.R.array + 0.9 * 50).max(axis=1))


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6))
def test_a_simplex_holds_its_belief(seed, n, m):
    T = FreudenthalTriangulation(n, m)
    vertices = belief_vertices(T)
    b = beliefs(n, 20)
    i, w = belief_simplex(T, b)
    assert (w >= 0).all()
    np.testing.assert_allclose(w.sum(axis=1), 1)
    np.testing.assert_allclose((w[..., None] * vertices[i]).sum(axis=1), b, atol=1e-8)
    used = [abs(vertices[i[k]] - b[k]).max(axis=1)[w[k] > 1e-12] for k in range(len(b))]
    assert max(x.max() for x in used) <= 1 / m + 1e-9  # the corners of one cell
    assert i.min() >= 0
    assert i.max() < len(T)
    j, v = belief_simplex(T, vertices)
    np.testing.assert_array_equal(np.take_along_axis(j, v.argmax(axis=1)[:, None], 1)[:, 0], np.arange(len(T)))
    np.testing.assert_array_equal(np.sort(v, axis=1), np.eye(n)[[-1] * len(T)])  # one vertex, whatever rounding says


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 5))
def test_linear_utilities_are_exact_on_the_grid_and_convex_ones_from_above(seed, n, m):
    rng, P = np.random.default_rng(seed), random_pomdp(seed, (n, 1, 1))
    vertices, b = belief_vertices(FreudenthalTriangulation(n, m)), beliefs(n, 20)
    α = rng.normal(size=(3, n))
    linear = TriangulatedPolicy(P, m, vertices @ α[0])
    np.testing.assert_allclose(utility(linear, b), b @ α[0], atol=1e-8)
    convex = TriangulatedPolicy(P, m, (vertices @ α.T).max(axis=1))
    assert (utility(convex, b) >= (b @ α.T).max(axis=1) - 1e-8).all()


def test_sizes_and_simplices_of_grids():
    grids = [(2, 10), (3, 2), (3, 4), (4, 5), (10, 3)]
    assert [len(FreudenthalTriangulation(n, m)) for n, m in grids] == [11, 6, 15, 56, 220]
    T = FreudenthalTriangulation(4, 2)
    i, w = belief_simplex(T, [0.1, 0.2, 0.3, 0.4])
    some = w > 1e-9
    order = np.lexsort(belief_vertices(T)[i][some].T[::-1])[::-1]
    np.testing.assert_allclose(
        belief_vertices(T)[i][some][order], [[0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5]]
    )
    np.testing.assert_allclose(w[some][order], [0.2, 0.4, 0.4])


def test_triangulated_bounds_of_the_crying_baby_and_the_tiger():
    for P, expected in (
        (CryingBaby(), {1: -19.266055, 2: -23.728814, 4: -24.626726, 10: -24.674935}),
        (Tiger(), {1: 200, 2: 67.867868, 10: 28.188567, 50: 19.473127}),
    ):
        for m, u in expected.items():
            assert utility(solve(TriangulatedIteration(m, 600), P), P.b) == pytest.approx(u, abs=1e-5)


@pytest.mark.parametrize("kind", ["sawtooth", "triangulated"])
def test_greedy_is_lookahead_to_the_interpolated_utility(kind):
    P, rng = random_pomdp(9, (3, 2, 2)), np.random.default_rng(0)
    grid = belief_vertices(FreudenthalTriangulation(3, 4))
    π = (
        SawtoothPolicy(P, rng.normal(size=3), grid[4:7], rng.normal(size=3) - 2)
        if kind == "sawtooth"
        else TriangulatedPolicy(P, 4, rng.normal(size=len(grid)))
    )
    b = beliefs(3, 10)
    Q = np.stack([lookahead(P, lambda x: utility(π, x), b, a) for a in range(2)], axis=1)
    a, u = greedy(π, b)
    np.testing.assert_allclose(u, Q.max(axis=1), atol=1e-9)
    np.testing.assert_array_equal(a, Q.argmax(axis=1))
    np.testing.assert_array_equal(π(b), a)
    assert π(b[0]) == a[0]


@pytest.mark.parametrize(("P", "best", "δ"), [(CryingBaby(), -24.674935, 0.01), (Tiger(), 19.371368, 0.05)])
def test_the_search_closes_its_gap_around_the_best_utility(P, best, δ):
    """The listing's never does: it backs up neither the start nor the corners."""
    π = solve(SawtoothHeuristicSearch(P.b, δ, 100, 1000, 100), P)
    assert π.found.reason == "gap closed"
    assert 0 <= π.found.gap <= δ
    assert π.found.lower - 1e-5 <= best <= π.found.upper + 1e-5
    assert utility(π, P.b) == pytest.approx(π.found.lower)
    assert π.bound == "lower"


def test_bounds_of_a_search_only_tighten():
    P = Tiger()
    found = [π.found for π in sweeps(SawtoothHeuristicSearch(P.b, 1e-9, 20, 12, 50), P)]
    assert (np.diff([x.lower for x in found]) >= -1e-12).all()
    assert (np.diff([x.upper for x in found]) <= 1e-12).all()
    assert {x.reason for x in found} == {"k_max"}
    assert [x.rounds for x in found] == list(range(13))
    assert solve(SawtoothHeuristicSearch(P.b, 1e-9, 20, 3, 50), P).found == found[3]


def test_the_search_s_policy_pays_what_it_proved():
    P, m = CryingBaby(), 4000
    π = solve(SawtoothHeuristicSearch(P.b, 0.01, 100, 1000, 100), P)
    R = returns(belief_rollouts(P, P.b, π, 120, m, rng=0), P.γ)
    assert R.mean() + 5 * R.std() / np.sqrt(m) >= π.found.lower
    assert R.mean() - 5 * R.std() / np.sqrt(m) <= π.found.upper


@given(st.integers(0, 10**6), SMALL)
@settings(max_examples=15)
def test_searches_of_random_problems_bracket_the_best_utility(seed, sizes):
    P = random_pomdp(seed, sizes, 0.5)
    b = beliefs(sizes[0], 1)[-1]
    least, most = bracket(P, b[None])
    found = solve(SawtoothHeuristicSearch(b, 1e-3, 30, 200, 50), P).found
    assert found.lower <= most + 1e-9
    assert found.upper >= least - 1e-9
    assert found.reason in ("gap closed", "k_max", "no excess")
    assert found.reason != "gap closed" or found.gap <= 1e-3


@pytest.mark.parametrize(
    ("n", "m", "size"),
    [
        *((100, 4, "= 4421275 v"), (10**30, 2, "= 5"), (2, 10**30, "= 1000"), (1000, 1000, "= more than 2^60 v")),
        (2, 200_000, "= 200001 v"),
        *((61, 60, f"= {math.comb(120, 60)} v"), (62, 61, "= more than 2^60 v")),
    ],
)
def test_a_grid_that_does_not_fit_is_refused_with_its_size(n, m, size):
    with pytest.raises(ValueError, match=re.escape(f"C(m + n - 1, n - 1) {size}") + ".*ertices are at most 200000"):
        FreudenthalTriangulation(n, m)
    assert len(FreudenthalTriangulation(2, 199_999)) == 200_000


def hidden_corridor(seed, cells=6, k=5):
    """A POMDP that shows which of some cells it is in and hides one of k values, as Tag does; T is sparse."""
    rng, S = np.random.default_rng(seed), cells * k
    T, O = np.zeros((S, 2, S)), np.zeros((2, S, cells))
    for s in range(S):
        for a in range(2):
            cell = min(max(s // k + 2 * a - 1, 0), cells - 1)
            T[s, a, cell * k : cell * k + k] = rng.dirichlet(np.ones(k)) * 0.3 + 0.7 * np.eye(k)[s % k]
        O[:, s, s // k] = 1
    return POMDP.from_arrays(csr_array(T.reshape(S * 2, S)), rng.normal(size=(S, 2)), O, 0.9, b=np.full(S, 1 / S))


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 40))
@settings(max_examples=25)
def test_teeth_of_beliefs_with_few_states_are_those_of_all(seed, k, K):
    """The comparison of supports gives what every point against every belief gives."""
    rng, n = np.random.default_rng(seed), 30
    sparse = (rng.random((K + 20, n)) < k / n) * rng.random((K + 20, n)) + np.eye(n)[rng.integers(n, size=K + 20)]
    B = sparse / sparse.sum(axis=1, keepdims=True)
    V = rng.normal(size=n)
    U = B[:K] @ V - rng.normal(size=K)
    grown, teeth = Teeth(B[:0], V, U[:0]), Teeth(B[:K], V, U)
    grown.add(B[: K // 2])
    grown.add(B[K // 2 : K])
    grown.set(V, U)
    right = np.zeros(len(B))
    for i, b in enumerate(B):
        for p, u in zip(B[:K], U, strict=True):
            right[i] = min(right[i], (b[p > 0] / p[p > 0]).min() * (u - p @ V))
    for found in (teeth, grown):
        np.testing.assert_allclose(found(B), right, atol=1e-12)
        np.testing.assert_allclose(found._of_few_states(B), right, atol=1e-12)
    assert (teeth._of_few_states(np.eye(n)[:1] * 0) == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_wide_search_of_many_states_has_bounds_on_the_right_sides(seed, monkeypatch):
    """Sparse products, forgotten points and corners in blocks change no bound's side; simulations lie between."""
    for name, x in (("SMALL", 1), ("FEW", 1.0)):
        monkeypatch.setattr(f"{SAWTOOTH}.{name}", x)
    for name, x in (("FEW_STATES", 4), ("CORNERS_EVERY", 2), ("MOST_POINTS", 30), ("BLOCK", 7)):
        monkeypatch.setattr(f"{SAWTOOTH}_heuristic_search.{name}", x)
    P = hidden_corridor(seed)
    found = list(sweeps(SawtoothHeuristicSearch(P.b, 1e-3, 30, 8, 200, width=8), P))
    lower, upper = np.array([[π.found.lower, π.found.upper] for π in found]).T
    assert (np.diff(lower) >= -1e-12).all()
    assert (np.diff(upper) <= 1e-12).all()
    assert lower[-1] <= upper[-1]
    assert upper[-1] - lower[-1] < 0.3 * (upper[0] - lower[0])
    plain = solve(SawtoothHeuristicSearch(P.b, 1e-3, 30, 8, 200), P).found
    assert plain.lower <= upper[-1]
    assert plain.upper >= lower[-1]
    m = 2000
    for π in (found[-1], found[-1].direct()):
        R = returns(belief_rollouts(P, P.b, π, 80, m, rng=seed), P.γ)
        assert lower[-1] - 5 * R.std() / np.sqrt(m) - 0.01 <= R.mean() <= upper[-1] + 5 * R.std() / np.sqrt(m) + 0.01


@given(st.integers(0, 10**6), SMALL, st.integers(2, 5))
@settings(max_examples=15)
def test_wide_searches_of_random_problems_bracket_the_best_utility(seed, sizes, width):
    P = random_pomdp(seed, sizes, 0.5)
    b = beliefs(sizes[0], 1)[-1]
    least, most = bracket(P, b[None])
    for π in sweeps(SawtoothHeuristicSearch(b, 1e-3, 30, 20, 50, width=width), P):
        assert π.found.lower <= most + 1e-9
        assert π.found.upper >= least - 1e-9
        assert utility(π, b) == pytest.approx(π.found.lower)


def test_a_search_for_seconds_gives_policies_as_they_improve():
    P = Tiger()
    M = SawtoothHeuristicSearch(P.b, 1e-3, 60, 1000, 1000, width=4)
    found = [π.found for π in search_for_seconds(M, P, 60)]
    assert found[-1].reason == "gap closed"
    assert (np.diff([x.lower for x in found]) >= 0).all()
    assert (np.diff([x.upper for x in found]) <= 0).all()
    assert len(found) > 5
    assert found[0].backups == 0
    few = list(search_for_seconds(M, P, 60, every=50))
    assert [π.found.backups for π in few] == [0, found[-1].backups]
    assert next(iter(search_for_seconds(M, P, 1e-9))).found.rounds == 0
    assert len(list(search_for_seconds(M, P, 1e-9))) <= 2


def test_teeth_in_blocks_and_after_more_points_are_those_of_all(monkeypatch):
    rng, n = np.random.default_rng(0), 6
    B = rng.dirichlet(np.ones(n), 9) * (rng.random((9, n)) < 0.5) + 0.1 * np.eye(n)[rng.integers(n, size=9)]
    B /= B.sum(axis=1, keepdims=True)
    V = rng.normal(size=n)
    U = B @ V - rng.random(9)
    right = Teeth(B, V, U)(B)
    grown = Teeth(B[:4], V, U[:4])
    grown._of_few_states(B)  # what is prepared for the points so far is prepared anew for more
    grown.add(B[4:])
    grown.set(V, U)
    np.testing.assert_allclose(grown._of_few_states(B), right, atol=1e-14)
    monkeypatch.setattr(f"{SAWTOOTH}.BLOCK", 2 * len(grown.states))
    np.testing.assert_array_equal(grown(B), right)
    monkeypatch.setattr(f"{SAWTOOTH}.BLOCK", 1)
    np.testing.assert_array_equal(grown(B), right)


@pytest.mark.parametrize(
    ("least", "which"), [(1, [3, 1]), (2, [3, 1]), (3, [3, 1, 2]), (6, [3, 1, 2, 0, 5, 4]), (99, [3, 1, 2, 0, 5, 4])]
)
def test_a_batch_is_filled_from_below_and_then_with_the_latest(least, which, monkeypatch):
    monkeypatch.setattr(f"{SAWTOOTH}_heuristic_search.BATCH", least)
    assert sawtooth_heuristic_search._batch([[3, 1], [1, 2], [0]], 5).tolist() == which


def test_so_many_sweeps_shrink_a_distance_of_1():
    for γ, accuracy in ((0.9, 0.1), (0.5, 0.25), (0.99, 0.999)):
        k = sawtooth_heuristic_search._sweeps(γ, accuracy)
        assert γ**k <= accuracy * (1 + 1e-12)
        assert k == 1 or γ ** (k - 1) > accuracy
    assert sawtooth_heuristic_search._sweeps(0.0, 0.1) == sawtooth_heuristic_search._sweeps(0.9, 1.0) == 1


def some_bounds(seed=1, n=5):
    P = random_pomdp(seed, (n, 2, 2))
    bounds = sawtooth_heuristic_search._Bounds(P, np.full(n, 1 / n), 100, 1e-3)
    return P, bounds, np.random.default_rng(seed).dirichlet(np.ones(n), 8)


def test_points_are_numbered_once_and_the_oldest_but_the_start_are_forgotten(monkeypatch):
    _, bounds, B = some_bounds()
    assert bounds.met(B).tolist() == list(range(1, 9))
    assert bounds.met(np.vstack([B[2], bounds.B[0], B[2] + 1e-12])).tolist() == [3, 0, 3]
    bounds.back_up(np.array([0, 2, 7, 8]))
    monkeypatch.setattr(f"{SAWTOOTH}_heuristic_search.MOST_POINTS", 9)
    bounds.forget()
    assert len(bounds.B) == 9
    monkeypatch.setattr(f"{SAWTOOTH}_heuristic_search.MOST_POINTS", 3)
    U = bounds.U.copy()
    bounds.forget()
    np.testing.assert_array_equal(bounds.B, np.vstack([np.full(5, 0.2), B[6:]]))
    np.testing.assert_array_equal(bounds.U, U[[0, 7, 8]])
    assert bounds.met(B[[7, 6, 0]]).tolist() == [2, 1, 3]  # the forgotten one is new again
    assert (bounds.upper(bounds.B) <= bounds.U + 1e-12).all()


def test_backups_at_beliefs_and_corners_are_lookaheads_to_the_bounds(monkeypatch):
    """Both bounds at a belief, and the upper one at corners, by the sum over actions and observations written out."""
    for few, block in ((5, 256), (4, 2)):  # of 5 states
        monkeypatch.setattr(f"{SAWTOOTH}_heuristic_search.FEW_STATES", few)
        monkeypatch.setattr(f"{SAWTOOTH}_heuristic_search.BLOCK", block)
        P, bounds, B = some_bounds()
        bounds.met(B)
        for _ in range(3):
            lower, upper = ([ahead(P, bound, b) for b in bounds.B] for bound in (bounds.lower, bounds.upper))
            corners = [ahead(P, bounds.upper, e) for e in np.eye(5)]
            low, high, V = bounds.lower(bounds.B), bounds.upper(bounds.B), bounds.V.copy()
            bounds.back_up(np.arange(9))
            if few < 5:
                np.testing.assert_array_equal(bounds.V, V)
                corners = [ahead(P, bounds.upper, e) for e in np.eye(5)]
                bounds.tighten_corners()
            teeth = Teeth(bounds.B, bounds.V, bounds.U)  # anew of what the bounds are now
            np.testing.assert_allclose(bounds.teeth(bounds.B), teeth(bounds.B), atol=1e-12)
            np.testing.assert_allclose(bounds.V, np.minimum(V, corners), atol=1e-12)
            np.testing.assert_allclose(bounds.U, np.minimum(high, upper), atol=1e-12)
            np.testing.assert_allclose(bounds.lower(bounds.B), np.maximum(low, lower), atol=1e-9)
        assert bounds.backups == 27
        before = bounds.lower(np.vstack([bounds.B, np.eye(5)]))
        k = len(bounds.Γ)
        bounds.prune()
        assert len(bounds.Γ) <= min(k, 9 + 5)
        np.testing.assert_array_equal(bounds.lower(np.vstack([bounds.B, np.eye(5)])), before)


def ahead(P, bound, b):
    """max_a R(b, a) + γ Σ_o bound of what follows, which grows in proportion."""
    M = P.T.array.transpose(1, 0, 2)[:, None] * P.O.array.transpose(0, 2, 1)[:, :, None]  # (A, Ω, S, S)
    return max(
        b @ P.R.array[:, a] + P.γ * sum(float(bound((b @ M[a, o])[None])[0]) for o in range(M.shape[1]))
        for a in range(M.shape[0])
    )


@pytest.mark.parametrize("b", [[0, 1 + 5e-9], [5e-9, 1], [1, 5e-9], [1 - 5e-9, 0], [0, 0, 1 + 5e-9], [0, 1 + 5e-9, 0]])
def test_a_belief_whose_sum_is_off_by_rounding_lies_in_the_grid(b):
    T = FreudenthalTriangulation(len(b), 10)
    i, w = belief_simplex(T, b)
    assert (w >= 0).all()
    assert w.sum() == pytest.approx(1)
    np.testing.assert_allclose(w @ belief_vertices(T)[i], b, atol=2e-8)


def test_from_the_bound_a_sweep_is_one_step_and_the_highest_reward_for_ever():
    P, m = random_pomdp(4, (3, 2, 2)), 3
    R, vertices = P.R.array, belief_vertices(FreudenthalTriangulation(3, m))
    found = solve(TriangulatedIteration(m, 1, start="bound"), P).V
    np.testing.assert_allclose(found, (vertices @ R).max(axis=1) + 0.9 * R.max() / 0.1)
    np.testing.assert_allclose(solve(TriangulatedIteration(m, 1), P).V, (vertices @ R).max(axis=1))


def test_without_points_the_sawtooth_is_the_plane_through_the_corners():
    P, V, b = random_pomdp(4, (3, 2, 2)), np.array([1.0, 2.0, 4.0]), beliefs(3, 5)
    π = SawtoothPolicy(P, V, np.empty((0, 3)), [])
    np.testing.assert_allclose(utility(π, b), b @ V)
    np.testing.assert_allclose(greedy(π, b)[1], (b @ (P.R.array + 0.9 * P.T.array @ V)).max(axis=1))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_utilities_that_are_not_finite_are_refused_and_none_can_be_changed(wrong):
    P, V = CryingBaby(), np.array([1.0, 2.0])
    for made in (
        lambda: SawtoothPolicy(P, [1.0, wrong], [[0.5, 0.5]], [0.0]),
        lambda: SawtoothPolicy(P, V, [[0.5, 0.5], [0.2, 0.8]], [0.0, wrong]),
        lambda: TriangulatedPolicy(P, 1, [wrong, 1.0]),
    ):
        with pytest.raises(ValueError, match="finite"):
            made()
    π, grid = SawtoothPolicy(P, V, [[0.5, 0.5]], [0.0]), TriangulatedPolicy(P, 1, V)
    for x in (π.V, π.B, π.U, grid.V):
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 0
    assert V[0] == 1


@pytest.mark.parametrize(("d", "γ", "seed"), [(1, 0.5, 3), (2, 0.5, 1), (1, 0.8, 5), (3, 0.8, 9)])
def test_a_search_where_beliefs_beyond_its_depth_would_be_needed_says_that_there_is_no_excess(d, γ, seed):
    """It ends ten rounds after the last that moved a bound by more than rounding, and ten more would move none."""
    P = random_pomdp(seed, (3, 2, 2), γ)
    M = SawtoothHeuristicSearch(np.full(3, 1 / 3), 1e-9, d, 1000, 100)
    found = [π.found for π in sweeps(M, P)]
    assert found[-1].reason == "no excess"
    assert [x.reason for x in found[:-1]] == ["k_max"] * (len(found) - 1)
    assert found[-1].gap > 1e-4
    assert len(found) < 100
    assert found[-1].gap == pytest.approx(found[-11].gap, abs=1e-10)
    *_, bounds = (x.bounds for x in sawtooth_heuristic_search._moments(M, P))
    for _ in range(10):
        for B in reversed(list(sawtooth_heuristic_search._descent(bounds, M))):
            bounds.back_up(bounds.met(B))
    assert bounds.gap == pytest.approx(found[-1].gap, abs=1e-10)


def test_a_search_without_a_discount_is_refused_by_its_name():
    with pytest.raises(ValueError, match="SawtoothHeuristicSearch needs a discount"):
        solve(SawtoothHeuristicSearch([1.0, 0.0, 0.0], 0.1, 5, 5, 5), MachineReplacement())


def test_without_a_future_a_search_has_nothing_to_do():
    found = solve(SawtoothHeuristicSearch([0.3, 0.7], 1e-9, 5, 5, 5), random_pomdp(3, (2, 2, 2), 0.0)).found
    assert (found.gap, found.rounds, found.reason) == (0.0, 0, "gap closed")


def test_policies_within_a_round_count_the_rounds_that_are_over():
    P, over = Tiger(), -1
    for x in sawtooth_heuristic_search._moments(SawtoothHeuristicSearch(P.b, 1e-3, 20, 6, 50, width=3), P):
        over += x.over
        assert x.rounds == over
    assert over == 6


@pytest.mark.parametrize(
    ("seconds", "every", "told"),
    [(99, 0, "acefhh"), (4, 0, "acd"), (1, 0, "aa"), (99, 2, "acegh"), (99, 50, "ah"), (7, 2, "acegg")],
)
def test_a_search_for_seconds_tells_of_tighter_bounds_by_the_clock(seconds, every, told, monkeypatch):
    """Eight states of a search, a second each; the bounds at the start change at c, e, f and h."""
    bounds = [(0, 9), (0, 9), (1, 9), (1, 9), (1, 8), (2, 8), (2, 8), (2, 7)]
    moments = [
        SimpleNamespace(
            bounds=SimpleNamespace(at_start=x),
            over=i in (0, 3, 7),
            rounds=(i + 1) // 4,
            policy=lambda δ, name=name: name,
        )
        for i, (name, x) in enumerate(zip("abcdefgh", bounds, strict=True))
    ]
    clock = itertools.count()
    monkeypatch.setattr(sawtooth_heuristic_search, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(sawtooth_heuristic_search, "_moments", lambda M, P: iter(moments))
    found = search_for_seconds(SawtoothHeuristicSearch([1.0, 0.0], 0.1, 5, 5, 5), CryingBaby(), seconds, every)
    assert "".join(found) == told


@given(st.integers(0, 10**6), SMALL, st.booleans())
@settings(max_examples=15)
def test_the_sawtooth_is_asked_of_the_actions_that_may_be_the_best(seed, sizes, few):
    """The best action has what the sawtooth says of all that may follow it; no other has more, and none too little."""
    P = random_pomdp(seed, sizes)
    bounds = sawtooth_heuristic_search._Bounds(P, np.full(sizes[0], 1 / sizes[0]), 1 if few else 50, 1e-3)
    B = beliefs(sizes[0], 8)
    for _ in range(3):
        bounds.back_up(bounds.met(B[:5]))
    Q, following, u = bounds.ahead(B)
    right = np.zeros_like(Q)
    for (i, b), a in itertools.product(enumerate(B), range(sizes[1])):
        x = [b @ (P.T.array[:, a] * P.O.array[a, :, o]) for o in range(sizes[2])]
        right[i, a] = b @ P.R.array[:, a] + P.γ * bounds.upper(np.array(x)).sum()
    np.testing.assert_allclose(Q.max(axis=1), right.max(axis=1), atol=1e-12)
    assert (Q - right >= -1e-12).all()
    best = following.pair // len(B) == Q.argmax(axis=1)[following.pair % len(B)]
    np.testing.assert_allclose(u[best], bounds.upper(following.x[best]), atol=1e-12)


def plain_descent(P, bounds, M):
    """The beliefs of a round by loops: for each the best upper action, and what may follow by how much it matters."""
    aim, level, levels = max(M.δ, 0.1 * bounds.gap), [(bounds.B[0], 1.0)], []
    T, O = P.T.array, P.O.array
    for depth in range(1, M.d + 1):
        levels.append(np.array([b for b, _ in level]))
        found = []
        for b, weight in level:
            ahead = [
                b @ P.R.array[:, a]
                + P.γ * sum(float(bounds.upper((b @ (T[:, a] * O[a, :, o]))[None])[0]) for o in range(O.shape[2]))
                for a in range(T.shape[1])
            ]
            a = int(np.argmax(ahead))
            for o in range(O.shape[2]):
                x = b @ (T[:, a] * O[a, :, o])
                if x.sum() > 0:
                    gap = float((bounds.upper(x[None]) - bounds.lower(x[None]))[0])
                    matters = weight * (gap - x.sum() * aim / P.γ**depth)
                    if matters > 0:
                        found.append((matters, x / x.sum(), P.γ * weight * x.sum()))
        found.sort(key=lambda case: -case[0])
        merged = {}
        for _, b, weight in found[: M.width]:
            same = next((key for key in merged if np.allclose(key, b, atol=1e-8)), tuple(b))
            merged[same] = merged.get(same, 0.0) + weight
        level = [(np.array(b), weight) for b, weight in sorted(merged.items())]
        if not level:
            break
    return levels


@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([1e-3, 0.3]), st.integers(1, 6))
@settings(max_examples=15)
def test_a_round_follows_the_beliefs_whose_gaps_matter_most(seed, width, δ, d):
    P = random_pomdp(seed, (3, 2, 3), 0.8)
    M = SawtoothHeuristicSearch(np.full(3, 1 / 3), δ, d, 5, 20, width=width)
    bounds = sawtooth_heuristic_search._Bounds(P, M.b, 20, δ)
    for _ in range(2):
        found, expected = list(sawtooth_heuristic_search._descent(bounds, M)), plain_descent(P, bounds, M)
        assert len(found) == len(expected)
        for B, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(B, right, atol=1e-9)
        for B in reversed(found):
            bounds.back_up(bounds.met(B))


def test_vectors_that_are_not_needed_are_left_out_once_they_are_twice_as_many():
    P = Tiger()
    for x in sawtooth_heuristic_search._moments(SawtoothHeuristicSearch(P.b, 1e-3, 30, 15, 50, width=3), P):
        assert len(x.bounds.Γ) <= 2 * x.bounds.kept


@pytest.mark.parametrize(("n", "looks"), [(2, 0), (3, 3), (4, 3), (5, 0)])
def test_corners_are_looked_at_every_so_many_rounds_if_they_are_neither_few_nor_too_many(n, looks, monkeypatch):
    """Few ones are backed up with every belief."""
    module, rounds = sawtooth_heuristic_search, []
    for name, x in (("FEW_STATES", 2), ("MANY_STATES", 4), ("CORNERS_EVERY", 2)):
        monkeypatch.setattr(module, name, x)
    monkeypatch.setattr(module._Bounds, "tighten_corners", lambda bounds: rounds.append(bounds.backups))
    found = solve(SawtoothHeuristicSearch(np.full(n, 1 / n), 1e-9, 5, 7, 2), random_pomdp(n, (n, 2, 2))).found
    assert found.rounds == 7
    assert len(rounds) == looks


def test_a_look_at_the_corners_is_a_move_of_the_bound_if_it_lowers_one():
    _, bounds, _ = some_bounds()
    bounds.V = bounds.V + 1.0
    bounds.moved = False
    bounds.tighten_corners()
    assert bounds.moved
    for _ in range(2000):
        bounds.moved = False
        bounds.tighten_corners()
        if not bounds.moved:
            break
    assert not bounds.moved


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_a_bound_moves_if_it_does_by_more_than_rounding_of_its_size(size):
    _, bounds, _ = some_bounds()
    bounds.V, bounds.moved = np.array([-size, 0.0]), False
    bounds.notice(np.array([0.0, 0.5e-12 * size, -1.0]))
    assert not bounds.moved
    bounds.notice(np.array([0.0, 2e-12 * size, -1.0]))
    assert bounds.moved
    bounds.notice(np.zeros(2))
    assert bounds.moved  # until it is set anew


@pytest.mark.parametrize(
    ("at_start", "gap", "reason"),
    [
        ((2.0, 2.5), 0.5, "gap closed"),
        ((2.0, 2.5 + 1e-9), 0.5 + 1e-9, "k_max"),
        ((2.0 + 1e-15, 2.0), 0.0, "gap closed"),
    ],
)
def test_a_gap_is_closed_at_δ_and_is_never_negative(at_start, gap, reason, monkeypatch):
    _, bounds, _ = some_bounds()
    monkeypatch.setattr(sawtooth_heuristic_search._Bounds, "at_start", at_start)
    found = sawtooth_heuristic_search._Moment(bounds, 3, "k_max", True).policy(0.5).found
    assert (found.gap, found.reason, found.rounds) == (pytest.approx(gap, abs=1e-8), reason, 3)
    assert found.gap >= 0


@pytest.mark.parametrize("seed", [9, 18, 21])
def test_an_action_that_is_better_only_without_the_sawtooth_is_asked_of_it_too(seed):
    """The best of all actions is that of the bound, with the sawtooth at every belief that may follow."""
    P = random_pomdp(seed, (3, 2, 2))
    bounds = sawtooth_heuristic_search._Bounds(P, np.full(3, 1 / 3), 1, 1e-3)
    B = beliefs(3, 8)
    for _ in range(3):
        bounds.back_up(bounds.met(B[:5]))
    right = [ahead(P, bounds.upper, b) for b in B]
    np.testing.assert_allclose(bounds.ahead(B)[0].max(axis=1), right, atol=1e-12)


@pytest.mark.parametrize("tiny", [5e-324, 1e-310])
def test_a_point_with_a_probability_of_nearly_nothing_is_a_point(tiny):
    π = SawtoothPolicy(Tiger(), [1.0, 1.0], [[1 - tiny, tiny]], [0.5])
    assert utility(π, [0.5, 0.5]) == 0.75
    assert utility(π, [1.0, 0.0]) == 1.0
