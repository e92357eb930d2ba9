"""Hex world: its symmetries, published sweeps and policies, and its pictures (single rows: test_problems)."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.problems import HexWorld, StraightLineHexWorld
from decision_making.problems.hex_world import DIRECTIONS, STANDARD_REWARDS, STANDARD_TILES
from tests import problems
from tests.strategies import numbers

E, NE, NW, W, SW, SE = range(6)
maps = st.sets(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=8).map(sorted)


def table(P):
    return np.asarray(P.T), np.asarray(P.R)


def rotate(tile):
    """A sixth of a turn counter-clockwise: direction k becomes k + 1."""
    i, j = tile
    return -j, i + j


def mirror(tile):
    """In the east-west axis: direction k becomes -k."""
    i, j = tile
    return i + j, -j


def test_rotation_and_mirror_move_the_directions():
    for k, direction in enumerate(DIRECTIONS):
        assert rotate(direction) == DIRECTIONS[(k + 1) % 6]
        assert mirror(direction) == DIRECTIONS[-k % 6]


@given(maps, st.data(), numbers(0, 1), st.sampled_from([(rotate, 1, 1), (mirror, -1, 0)]))
def test_rotated_and_mirrored_maps_have_the_same_dynamics(tiles, data, p_intended, symmetry):
    turn, factor, shift = symmetry
    special = data.draw(st.sets(st.sampled_from(tiles), max_size=2))
    rewards = {tile: 1.0 + k for k, tile in enumerate(sorted(special))}
    T, R = table(HexWorld(0.9, tuple(tiles), rewards, p_intended))
    T_turned, R_turned = table(
        HexWorld(0.9, tuple(map(turn, tiles)), {turn(tile): r for tile, r in rewards.items()}, p_intended)
    )
    a = (factor * np.arange(6) + shift) % 6
    np.testing.assert_allclose(T_turned[:, a], T, atol=1e-15)
    np.testing.assert_allclose(R_turned[:, a], R, atol=1e-15)


@given(maps, numbers(0, 1))
def test_missing_neighbours_are_what_the_rewards_of_a_plain_tile_sum_to(tiles, p_intended):
    P = HexWorld(0.9, tuple(tiles), {}, p_intended)
    T, R = table(P)
    for s, (i, j) in enumerate(tiles):
        missing = sum((i + Δi, j + Δj) not in tiles for Δi, Δj in DIRECTIONS)
        assert R[s].sum() == pytest.approx(-missing)
        np.testing.assert_allclose(R[s], -T[s, :, s], atol=1e-15)
    np.testing.assert_allclose(T.sum(axis=2), 1, atol=1e-12)


def sweeps(P, n):
    T, R = table(P)
    U = np.zeros(len(R))
    for _ in range(n):
        U = (R + P.γ * T @ U).max(axis=1)
    return U


ALL_VALUES = {
    (0, 0): 4.137781,
    (1, 0): 4.290229,
    (2, 0): -10,
    (3, 0): 0.711472,
    (0, 1): 5,
    (1, 1): 4.308362,
    (2, 1): 3.357815,
    (-1, 2): 4.137781,
    (0, 2): 4.290229,
    (1, 2): 3.746754,
    (2, 2): 3.079491,
    (3, 2): 3.013494,
    (4, 2): 3.729922,
    (5, 2): 4.798163,
    (6, 2): 6.035967,
    (7, 2): 7.044383,
    (8, 2): 6.912224,
    (4, 1): 3.013494,
    (5, 0): 3.371243,
    (6, 0): 4.382552,
    (7, 0): 5.554385,
    (7, 1): 6.912224,
    (8, 1): 8.219178,
    (9, 0): 10,
}


def test_every_optimal_value():
    P = HexWorld()
    np.testing.assert_allclose(sweeps(P, 500)[:-1], [ALL_VALUES[tile] for tile in P.tiles], atol=1e-6)


@pytest.mark.parametrize(
    ("n", "tile", "U"),
    [(1, (0, 0), -0.15), (2, (0, 0), 2.97975), (2, (8, 1), 6), (3, (0, 0), 3.824783), (3, (8, 1), 7.62)],
)
def test_first_sweeps_of_value_iteration(n, tile, U):
    P = HexWorld()
    assert sweeps(P, n)[P.tiles.index(tile)] == pytest.approx(U, abs=1e-6)


def test_policy_iteration_from_always_east():
    """A tie keeps the old action."""
    P = HexWorld()
    T, R = table(P)
    s, a, changed = np.arange(25), np.zeros(25, int), []
    for _ in range(5):
        U = np.linalg.solve(np.eye(25) - 0.9 * T[s, a], R[s, a])
        Q = R + 0.9 * T @ U
        better = Q.max(axis=1) > Q[s, a] + 1e-9
        changed.append(int(better.sum()))
        a = np.where(better, Q.argmax(axis=1), a)
    assert changed == [18, 7, 4, 2, 0]


@pytest.mark.parametrize(("γ", "n"), [(0.9, 9), (0.5, 4)])
def test_sweeps_of_the_line_until_no_value_changes_by_one(γ, n):
    P = StraightLineHexWorld(γ)
    changes = [abs(sweeps(P, k + 1) - sweeps(P, k)).max() for k in range(12)]
    assert next(k for k, change in enumerate(changes, 1) if change < 1) == n


def gauss_seidel(P, order, U=None):
    T, R = table(P)
    U = np.zeros(len(R)) if U is None else U
    for s in order:
        U[s] = (R[s] + P.γ * T[s] @ U).max()
    return U


def test_gauss_seidel_on_the_line():
    P = StraightLineHexWorld()
    backwards = np.arange(7)[::-1]
    np.testing.assert_allclose(
        gauss_seidel(P, backwards), [-0.134881, 0.262094, 0.892212, 1.8924, 3.48, 6, 10, 0], atol=1e-6
    )
    for order, δ, n in ((range(7), 1, 9), (backwards, 1, 3), (range(7), 1e-6, 26), (backwards, 1e-6, 20)):
        U, k, change = np.zeros(8), 0, np.inf
        while change >= δ:
            before = U.copy()
            gauss_seidel(P, order, U)
            k, change = k + 1, abs(U - before).max()
        assert k == n
    np.testing.assert_allclose(gauss_seidel(StraightLineHexWorld(n=3), (2, 1, 0))[:3], (3.48, 6, 10), atol=1e-9)


def test_line_of_three_improves_to_east():
    P = StraightLineHexWorld(n=3)
    T, R = table(P)
    Q = R + 0.9 * T @ np.array([1.425240, 2.127660, 10, 0])
    np.testing.assert_allclose(Q[0], (1.425240, 0.527543, 0.282716, 0.282716, 0.282716, 0.527543), atol=2e-6)
    np.testing.assert_allclose(Q[1], (6.574468, 2.127660, 0.970067, 1.172370, 0.970067, 2.127660), atol=2e-6)
    np.testing.assert_allclose(sweeps(P, 1)[:3], (-0.3, -0.3, 10), atol=1e-12)
    np.testing.assert_allclose(sweeps(P, 2)[:3], (-0.57, 5.919, 10), atol=1e-12)


def test_straight_line_is_a_line_and_not_the_standard_map():
    P = StraightLineHexWorld()
    assert P.tiles == tuple((i, 0) for i in range(7))
    assert P.rewards == {(6, 0): 10.0}


def test_sampled_successors_and_rewards_agree_with_the_tables():
    P, m = HexWorld(), 40_000
    T, R = table(P)
    s, a = np.full(m, P.tiles.index((3, 0))), np.full(m, NW)
    s_next, r = P.TR(s, a, np.random.default_rng(0))
    share = np.bincount(s_next, minlength=25) / m
    p = T[s[0], NW]
    assert (abs(share - p) <= 5 * np.sqrt(p * (1 - p) / m)).all()
    assert abs(r.mean() - R[s[0], NW]) <= 1e-12


def test_batches():
    for P in (HexWorld(), StraightLineHexWorld()):
        rng = np.random.default_rng(0)
        problems.check_batches(P, rng.integers(len(P.S), size=10_000))
        τs = problems.check_rollouts(P)
        assert (τs.s[:, 0] < len(P.tiles)).all()
        end = np.full(6, len(P.tiles))
        s_next, r = P.TR(end, np.arange(6), rng)
        np.testing.assert_array_equal(s_next, end)
        assert (r == 0).all()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"r_bump": np.nan}, r"HexWorld\.r_bump = nan"),
        ({"r_bump": None}, r"HexWorld\.r_bump = None"),
        ({"p_intended": "0.7"}, r"HexWorld\.p_intended = '0\.7'"),
        ({"tiles": ((0, 0), (0, 0)), "rewards": {}}, r"HexWorld\.tiles = "),
        ({"tiles": (), "rewards": {}}, r"HexWorld\.tiles = "),
        ({"rewards": {(0, 0): np.inf}}, r"HexWorld\.rewards = "),
        ({"γ": 2}, r"HexWorld\.γ = 2"),
    ],
)
def test_faulty_fields_are_named(fields, said):
    with pytest.raises(ValueError, match=said):
        HexWorld(**fields)


@pytest.mark.parametrize("n", [0, 1, 2.5, True, None])
def test_faulty_length_of_a_line_is_refused(n):
    with pytest.raises(ValueError, match=f"n = {n}"):
        StraightLineHexWorld(n=n)


def test_the_standard_map_is_not_changed_by_its_users():
    HexWorld().rewards[0, 0] = 3.0
    assert HexWorld().rewards == STANDARD_REWARDS == {(0, 1): 5.0, (2, 0): -10.0, (9, 0): 10.0}
    assert len(STANDARD_TILES) == 24


def test_pictures():
    problems.check_picture(HexWorld(), range(25))
    problems.check_picture(StraightLineHexWorld(), range(8))
    with pytest.raises(ValueError, match=r"0\.\.24"):
        HexWorld().draw(25)
