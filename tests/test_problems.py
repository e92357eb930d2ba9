"""The problems of appendix F against published numbers and their own definitions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.problems import HexWorld, SimpleRegulator, StraightLineHexWorld
from tests import strategies
from tests.oracles import regulator

E, NE, NW, W, SW, SE = range(6)

# simple regulator


def test_regulator_moves_by_the_action_plus_noise_and_pays_for_the_state_acted_in():
    m, P = 40_000, SimpleRegulator(0.9)
    s, a = np.full(m, 0.5), np.full(m, -0.2)
    s_next, r = P.TR(s, a, np.random.default_rng(0))
    assert (r == -0.25).all()
    assert abs(s_next.mean() - 0.3) <= 5 * 0.1 / np.sqrt(m)
    assert abs(((s_next - 0.3) ** 2).mean() - 0.01) <= 5 * 0.01 * np.sqrt(2 / m)
    assert P.R(0.5, 123.0) == -0.25


def test_regulator_starts_at_point_three_give_or_take_point_one():
    b = SimpleRegulator().b
    assert (b.mean(), b.std()) == (0.3, 0.1)


@given(st.integers(1, 4), st.integers(1, 4))
def test_regulator_takes_batches_of_any_shape_and_keeps_float32(m, d):
    P, rng = SimpleRegulator(), np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        s = np.ones((m, d), dtype)
        s_next, r = P.TR(s, s, rng)
        assert s_next.shape == r.shape == (m, d)
        assert s_next.dtype == r.dtype == dtype
        assert len(np.unique(s_next)) == m * d
        assert (s == 1).all()


PUBLISHED = [  # θ, then U for (d, γ) = (10, 0.9), (10, 1), (20, 0.9)
    ([-1, 0], -0.155132, -0.190000, -0.177842),
    ([-1, 0.1], -0.210264, -0.280000, -0.255685),
    ([-0.5, 0], -0.198671, -0.248889, -0.228951),
    ([-0.5, 0.2], -0.477225, -0.711111, -0.628626),
    ([0, 0], -0.888833, -1.450000, -1.425851),
    ([0, 1], -24.639929, -46.450000, -56.168621),
]


@pytest.mark.parametrize(("θ", "U_1", "U_2", "U_3"), PUBLISHED)
def test_regulator_s_simulated_utility_is_the_published_one(θ, U_1, U_2, U_3):
    """An independent loop over P.TR: neither `simulate` nor a policy object."""
    for d, γ, U in ((10, 0.9, U_1), (10, 1.0, U_2), (20, 0.9, U_3)):
        assert regulator.utility(γ, θ, d) == pytest.approx(U, abs=1e-6)
        P, m, rng = SimpleRegulator(γ), 4000, np.random.default_rng(d)
        s, R = P.b.rvs(m, random_state=rng), np.zeros(m)
        for k in range(d):
            s, r = P.TR(s, θ[0] * s + θ[1] * rng.normal(size=m), rng)
            R += γ**k * r
        assert abs(R.mean() - U) <= 5 * R.std(ddof=1) / np.sqrt(m)


# hex world


def table(P):
    return np.asarray(P.T), np.asarray(P.R)


def index(P, *tile):
    return P.tiles.index(tile)


@pytest.mark.parametrize("p_intended", [0.7, 1.0, 0.0, 0.4])
def test_hex_world_rows_are_distributions_and_the_end_absorbs(p_intended):
    P = HexWorld(p_intended=p_intended)
    T, R = table(P)
    np.testing.assert_allclose(T.sum(axis=2), 1, atol=1e-12)
    assert (T[-1, :, -1] == 1).all()
    assert (R[-1] == 0).all()
    if p_intended == 1:
        assert set(np.unique(T)) == {0, 1}


def test_hex_world_counts():
    P = HexWorld()
    T, R = table(P)
    assert T.shape == (25, 6, 25)
    assert np.count_nonzero(T) == 329
    plain = [s for s, tile in enumerate(P.tiles) if tile not in P.rewards]
    assert len(plain) == 21
    assert R[plain].sum() == pytest.approx(-60)
    assert R.sum() == pytest.approx(-30)
    np.testing.assert_allclose(R[plain], -np.array([T[s, :, s] for s in plain]), atol=1e-15)


def test_hex_world_tiles_are_in_the_book_s_order():
    rows = {j: sorted(i for i, k in HexWorld().tiles if k == j) for j in range(3)}
    assert rows == {0: [0, 1, 2, 3, 5, 6, 7, 9], 1: [0, 1, 2, 4, 7, 8], 2: list(range(-1, 9))}
    P = HexWorld()
    assert [index(P, *tile) for tile in ((2, 0), (0, 1), (-1, 2), (8, 2), (4, 1), (9, 0))] == [2, 4, 7, 16, 17, 23]


def test_hex_world_single_rows():
    P = HexWorld()
    T, R = table(P)
    np.testing.assert_allclose(R[index(P, 0, 0)], [-0.15, -0.15, -0.85, -1, -1, -0.85], atol=1e-12)
    np.testing.assert_allclose(R[index(P, 3, 0)], [-1, -0.85, -0.15, -0.15, -0.85, -1], atol=1e-12)
    for tile, a, successors in (
        ((0, 0), E, {(1, 0): 0.7, (0, 1): 0.15, (0, 0): 0.15}),
        ((3, 0), NW, {(2, 1): 0.7, (2, 0): 0.15, (3, 0): 0.15}),
    ):
        expected = np.zeros(25)
        for successor, p in successors.items():
            expected[index(P, *successor)] = p
        np.testing.assert_allclose(T[index(P, *tile), a], expected, atol=1e-12)


@pytest.mark.parametrize(("tile", "reward"), [((0, 1), 5), ((2, 0), -10), ((9, 0), 10)])
def test_hex_world_reward_tiles_pay_for_every_action_and_end(tile, reward):
    P = HexWorld()
    T, R = table(P)
    assert (R[index(P, *tile)] == reward).all()
    assert (T[index(P, *tile), :, -1] == 1).all()


def test_hex_world_starts_uniformly_on_the_tiles():
    b = HexWorld().b
    np.testing.assert_allclose(b[:-1], 1 / 24)
    assert b[-1] == 0


def optimal_values(P, sweeps=600):
    T, R = table(P)
    U = np.zeros(len(R))
    for _ in range(sweeps):
        U = (R + P.γ * T @ U).max(axis=1)
    return U, (R + P.γ * T @ U).argmax(axis=1)


def test_hex_world_optimal_values_are_the_published_ones():
    P = HexWorld()
    U, a = optimal_values(P)
    pins = {
        (0, 0): (4.137781, NE),
        (1, 0): (4.290229, NW),
        (3, 0): (0.711472, NW),
        (1, 1): (4.308362, W),
        (2, 1): (3.357815, NW),
        (-1, 2): (4.137781, SE),
        (0, 2): (4.290229, SW),
        (2, 2): (3.079491, W),
        (3, 2): (3.013494, E),
        (6, 2): (6.035967, E),
        (7, 2): (7.044383, SE),
        (8, 2): (6.912224, SW),
        (4, 1): (3.013494, NE),
        (7, 0): (5.554385, NE),
        (8, 1): (8.219178, SE),
    }
    for tile, (value, action) in pins.items():
        assert U[index(P, *tile)] == pytest.approx(value, abs=1e-6)
        assert a[index(P, *tile)] == action
    assert U[[index(P, *tile) for tile in ((2, 0), (0, 1), (9, 0))]] == pytest.approx([-10, 5, 10])
    assert U[:-1].mean() == pytest.approx(4.168631, abs=1e-6)


@pytest.mark.parametrize(("γ", "values"), [(0.5, (1.895658, -0.787772)), (0.99, (4.901402, 3.508447))])
def test_hex_world_optimal_values_at_other_discounts(γ, values):
    P = HexWorld(γ)
    U, _ = optimal_values(P, 3000)
    assert (U[index(P, 0, 0)], U[index(P, 3, 0)]) == pytest.approx(values, abs=1e-6)


def test_hex_world_always_east():
    P = HexWorld()
    T, R = table(P)
    U = np.linalg.solve(np.eye(25) - 0.9 * T[:, E], R[:, E])
    got = [U[index(P, *tile)] for tile in ((0, 0), (2, 1), (8, 1))]
    assert got == pytest.approx([-5.570161, -7.261658, -1.891892], abs=1e-6)
    assert U[:-1].mean() == pytest.approx(-4.789586, abs=1e-6)


def test_straight_line_of_seven():
    P = StraightLineHexWorld()
    assert len(P.S) == 8
    U, a = optimal_values(P)
    assert pytest.approx([2.370930, 3.223459, 4.211309, 5.355961, 6.682304, 8.219178, 10, 0], abs=1e-6) == U
    assert (a[:6] == E).all()
    T, R = table(P)
    Q = R + P.γ * T @ U
    np.testing.assert_allclose(Q[:, [NE, NW]], Q[:, [SE, SW]], atol=1e-12)


def test_straight_line_of_three():
    P = StraightLineHexWorld(0.9, 3)
    T, R = table(P)
    s, a = np.arange(4), np.array([E, NE, SW, E])
    np.testing.assert_allclose(T[s, a], [[0.3, 0.7, 0, 0], [0, 0.85, 0.15, 0], [0, 0, 0, 1], [0, 0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(R[s, a], [-0.3, -0.85, 10, 0], atol=1e-12)
    U = np.linalg.solve(np.eye(4) - 0.9 * T[s, a], R[s, a])
    np.testing.assert_allclose(U, [1.425240, 2.127660, 10, 0], atol=1e-6)
    assert optimal_values(P)[0] == pytest.approx([6.682304, 8.219178, 10, 0], abs=1e-6)


@given(strategies.numbers(0.0, 1.0), st.integers(0, 99))
def test_hex_world_samples_only_possible_successors_and_the_expected_reward(p_intended, seed):
    P, rng = HexWorld(p_intended=p_intended), np.random.default_rng(seed)
    T, R = table(P)
    s, a = rng.integers(25, size=500), rng.integers(6, size=500)
    s_next, r = P.TR(s, a, rng)
    assert (T[s, a, s_next] > 0).all()
    assert (r == R[s, a]).all()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"p_intended": 1.5}, r"HexWorld\.p_intended = 1\.5"),
        ({"p_intended": np.nan}, r"HexWorld\.p_intended = nan"),
        ({"rewards": {(50, 50): 1.0}}, r"HexWorld\.rewards = \[\(50, 50\)\]"),
    ],
)
def test_faulty_hex_world_names_the_field(fields, said):
    with pytest.raises(ValueError, match=said):
        HexWorld(**fields)


def test_line_of_one_tile_is_refused():
    with pytest.raises(ValueError, match="n = 1"):
        StraightLineHexWorld(0.9, 1)
