"""Linear quadratic problems against example 7.4 and simulation (algorithm 7.11)."""

import attrs
import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.sequential_problems.exact_solution_methods import LinearQuadraticProblem, solve
from tests.sequential_problems.exact_solution_methods import a_problem
from tests.strategies import arrays, numbers

EXAMPLE_7_4 = LinearQuadraticProblem([[1, 1], [0, 1]], [0.5, 1], -np.eye(2), [-0.5], 5, Σ=0.1 * np.eye(2))


@st.composite
def linear_quadratic_problems(draw):
    k, n, h_max = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 5))
    B, C, D = (draw(arrays((i, i), numbers(-1.0, 1.0))) for i in (k, n, k))
    return LinearQuadraticProblem(
        draw(arrays((k, k), numbers(-1.0, 1.0))),
        draw(arrays((k, n), numbers(-1.0, 1.0))),
        -B @ B.T,
        -C @ C.T - 0.5 * np.eye(n),
        h_max,
        Σ=D @ D.T,
    )


def expected_reward(M, gains, s):
    """Of the steps of a linear policy with the given gains, first action first, from the moments of the state."""
    μ, C, total = np.asarray(s, dtype=float), np.zeros_like(M.Ts), 0.0
    for K in gains:
        Q = M.Rs + K.T @ M.Ra @ K
        total += μ @ Q @ μ + np.trace(Q @ C)
        closed = M.Ts + M.Ta @ K
        μ, C = closed @ μ, closed @ C @ closed.T + M.Σ
    return total


def test_example_7_4_gains():
    gains = [(0, 0), (-0.285714, -0.857143), (-0.461538, -1.076923), (-0.498915, -1.117860), (-0.504470, -1.124102)]
    policies = solve(EXAMPLE_7_4)
    assert len(policies) == 5
    np.testing.assert_allclose([π.K[0] for π in policies], gains, atol=5e-7)
    np.testing.assert_array_equal(policies[0]([3.0, -1.0]), [0.0])
    np.testing.assert_allclose(policies[1]([7.0, 7.0]), [-8.0], rtol=1e-12)
    assert repr(policies[1]) == "LinearQuadraticPolicy(K=[[-0.285714, -0.857143]])"


@given(linear_quadratic_problems(), st.data())
def test_the_gains_are_the_best_open_loop_actions(M, data):
    """Without noise the actions maximise one concave quadratic in all of them, solved at once."""
    k, n = M.Ta.shape
    s = data.draw(arrays(k, numbers(-2.0, 2.0)))
    state, response = s, np.zeros((k, n * (M.h_max - 1)))
    H, g = np.kron(np.eye(M.h_max - 1), M.Ra), np.zeros(n * (M.h_max - 1))
    for i in range(1, M.h_max):  # the state after i steps is `state` + `response` @ actions
        state, response = M.Ts @ state, M.Ts @ response
        response[:, (i - 1) * n : i * n] += M.Ta
        H, g = H + response.T @ M.Rs @ response, g + response.T @ M.Rs @ state
    best = np.linalg.solve(H, -g)[:n] if M.h_max > 1 else np.zeros(n)
    np.testing.assert_allclose(solve(M)[-1](s), best, atol=1e-9)


@given(linear_quadratic_problems(), st.data())
def test_the_utility_is_the_expected_reward_of_the_policies(M, data):
    s = data.draw(arrays(len(M.Ts), numbers(-2.0, 2.0)))
    policies = solve(M)
    expected = expected_reward(M, [π.K for π in reversed(policies)], s)
    assert policies[-1].U(s) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(linear_quadratic_problems(), st.data())
def test_no_other_gains_are_better(M, data):
    policies = solve(M)
    s = data.draw(arrays(len(M.Ts), numbers(-2.0, 2.0)))
    shape = policies[0].K.shape
    gains = [π.K + data.draw(arrays(shape, numbers(-0.5, 0.5))) for π in reversed(policies)]
    assert expected_reward(M, gains, s) <= policies[-1].U(s) + 1e-9


@given(linear_quadratic_problems())
def test_noise_changes_the_utility_alone(M):
    for π, quiet in zip(solve(M), solve(attrs.evolve(M, Σ=None)), strict=True):
        np.testing.assert_array_equal(π.K, quiet.K)
        np.testing.assert_array_equal(π.V, quiet.V)
        assert quiet.q == 0 >= π.q


def test_utilities_stay_symmetric_over_a_long_horizon():
    policies = solve(attrs.evolve(EXAMPLE_7_4, h_max=500))
    assert all(np.array_equal(π.V, π.V.T) for π in policies)
    K, V = policies[-1].K, policies[-1].V
    closed = EXAMPLE_7_4.Ts + EXAMPLE_7_4.Ta @ K  # stationary by now: V satisfies the Riccati equation
    np.testing.assert_allclose(EXAMPLE_7_4.Rs + K.T @ EXAMPLE_7_4.Ra @ K + closed.T @ V @ closed, V, rtol=1e-12)


def test_linear_quadratic_policies_act_on_batches():
    π = solve(EXAMPLE_7_4)[3]
    s = np.random.default_rng(0).normal(size=(5, 4, 2))
    assert π(s).shape == (5, 4, 1)
    assert π.U(s).shape == (5, 4)
    for i in np.ndindex(5, 4):
        np.testing.assert_allclose(π(s)[i], π(s[i]), rtol=1e-12)
        assert π.U(s)[i] == pytest.approx(π.U(s[i]), rel=1e-12)


def test_only_the_symmetric_part_of_a_reward_counts():
    lopsided = attrs.evolve(EXAMPLE_7_4, Rs=[[-1, 3], [-3, -1]])
    np.testing.assert_array_equal(lopsided.Rs, -np.eye(2))


def test_a_linear_quadratic_problem_of_numbers():
    M = LinearQuadraticProblem(1, 1, -1, -1, 2)
    assert solve(M)[1].K.tolist() == [[-0.5]]  # minimises a² + (s + a)²


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Ts": np.ones((2, 3))}, r"LinearQuadraticProblem.Ts = .*array \(2, 3\).*must be \(2, 2\)"),
        ({"Ta": np.ones((3, 1))}, r"Ta = .*\(3, 1\).*must be \(2, 1\)"),
        ({"Rs": np.eye(3)}, r"Rs = .*\(3, 3\).*must be \(2, 2\)"),
        ({"Ra": -np.eye(2)}, r"Ra = .*\(2, 2\).*must be \(1, 1\)"),
        ({"Σ": np.ones((2, 1))}, r"Σ = .*\(2, 1\).*must be \(2, 2\)"),
        ({"Ts": [[1, np.nan], [0, 1]]}, r"Ts = .*nan.*must be finite"),
        ({"Rs": [[-1, 0], [0, np.inf]]}, r"Rs = .*inf.*must be finite"),
        ({"Rs": [[-1, 0], [0, 0.5]]}, r"Rs = \[\[-1.0, 0.0\], \[0.0, 0.5\]\]: must be negative semidefinite"),
        ({"Ra": [0.0]}, r"Ra = \[\[-?0.0\]\]: must be negative definite"),
        ({"Ra": [0.5]}, r"Ra = \[\[0.5\]\]: must be negative definite"),
        ({"Σ": [[1, 2], [2, 1]]}, r"Σ = .*must be positive semidefinite"),
        ({"h_max": 0}, r"h_max = 0: must be a whole number >= 1"),
        ({"h_max": 2.5}, r"h_max = 2.5: must be a whole number >= 1"),
    ],
)
def test_a_bad_linear_quadratic_problem_is_an_error(changes, said):
    with pytest.raises(ValueError, match=said):
        attrs.evolve(EXAMPLE_7_4, **changes)


def test_a_linear_quadratic_problem_is_itself_the_problem():
    with pytest.raises(TypeError, match=r"a LinearQuadraticProblem is itself the problem; call solve\(M\)"):
        solve(EXAMPLE_7_4, a_problem())
