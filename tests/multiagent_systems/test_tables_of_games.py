"""Tables of Markov games and of games with a hidden state: each entry against the function or the array it is from."""

from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making.pomg import joint_indices

RNG = np.random.default_rng(0)
S, A, Ω = ("wet", "dry", "ice"), [("l", "r"), (0, 1, 2)], [("hot", "cold"), (7, 8)]
T = RNG.dirichlet(np.ones(3), size=(3, 2, 3))
O = RNG.dirichlet(np.ones(4), size=(2, 3, 3)).reshape(2, 3, 3, 2, 2)
R = RNG.normal(size=(2, 3, 2, 3))


def places(s, a):
    return S.index(s), A[0].index(a[0]), A[1].index(a[1])


def T_of(s, a, s_next):
    return T[(*places(s, a), S.index(s_next))]


def R_of(s, a):
    return R[(slice(None), *places(s, a))]


def O_of(a, s_next, o):
    _, i, j = places(s_next, a)
    return O[i, j, S.index(s_next), Ω[0].index(o[0]), Ω[1].index(o[1])]


@pytest.mark.parametrize("how", ["functions", "arrays", "sparse"])
def test_a_markov_game_is_asked_by_labels(how):
    given = {
        "functions": (T_of, R_of),
        "arrays": (T, R),
        "sparse": (csr_array(T.reshape(-1, 3)), R),
    }[how]
    P = dm.MG(0.5, ("x", "y"), S, A, *given)
    assert P.T.array.shape == (3, 2, 3, 3)
    for s, a in product(S, product(*A)):
        assert P.R(s, a).tolist() == R_of(s, a).tolist()
        assert [P.T(s, a, z) for z in S] == [T_of(s, a, z) for z in S]
    np.testing.assert_array_equal(P.T.array, T)
    P.R("wet", ("l", 0))[0] = 99
    np.array(P.R)[:] = 99
    np.testing.assert_array_equal(P.R.array, R)
    assert (repr(P.R), repr(P.T)) == ("StateReward(2, 3, 2, 3)", "JointTransition(3, 2, 3, 3)")
    assert repr(P) == "MG(γ=0.5, 2 agents, 3 states, 2 x 3 actions)"
    for wrong in (("l",), ("l", 0, 1)):
        with pytest.raises(ValueError, match="must be 2 actions, one of each agent"):
            P.R("wet", wrong)
    with pytest.raises(KeyError, match="'fog'"):
        P.T("wet", ("l", 0), "fog")


def test_entries_of_a_sparse_table_that_are_written_twice_are_added():
    rows = csr_array((np.full(4, 0.5), ([0, 0, 1, 1], [0, 0, 0, 1])), (2, 2))
    P = dm.MG.from_arrays(rows, np.zeros((1, 2, 1)), 0.5)
    assert P.T.array.tolist() == [[[1, 0]], [[0.5, 0.5]]]


@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 2, 2), (1, 2, 2, 2), (2, 0, 2, 2)])
def test_rewards_that_are_not_those_of_so_many_agents_are_refused(shape):
    with pytest.raises(ValueError, match=r"must be .n, S, A¹, …, Aⁿ., agents first"):
        dm.MG.from_arrays(T, np.zeros(shape), 0.5)


@pytest.mark.parametrize("γ", [0.0, 0.9, 1.0])
def test_what_is_no_gain_is_a_billionth_of_the_discounted_span_and_rounding(γ):
    R = np.array([[[[1.0, -3.0]], [[0.0, 2.0]]], [[[6.0, 6.0]], [[6.0, 6.0]]]])  # two agents, two states, 1 x 2 actions
    P = dm.MG.from_arrays(np.full((2, 1, 2, 2), 0.5), R, γ)
    steps = 1 / (1 - γ) if γ < 1 else 1
    np.testing.assert_allclose(P.spans, [5 * steps, 0])
    rounded = 8 * np.sqrt(4) * 2.0**-52 * steps
    np.testing.assert_allclose(P.no_gain, [5e-9 * steps + 3 * rounded, 6 * rounded], rtol=1e-12)


def test_agents_that_remember_are_where_their_last_joint_action_was():
    G = dm.SimpleGame.from_arrays([[1, 2, 3], [4, 5, 6]], [[6, 5, 4], [3, 2, 1]], γ=0.7, A=A, I=("x", "y"))
    P, again = dm.MG.remembering(G), dm.MG.repeated(G)
    assert (P.γ, again.γ, dm.MG.remembering(G, 0.0).γ, dm.MG.repeated(G, 0.0).γ) == (0.7, 0.7, 0, 0)
    assert tuple(product(*A)) == P.S
    assert (P.I, P.A, again.I, again.A) == (G.I, G.A) * 2
    for s, a, z in product(P.S, P.S, P.S):
        assert P.T(s, a, z) == (a == z)
        assert P.R(s, a).tolist() == G.R(a).tolist() == again.R("again", a).tolist()


# ---- hidden states


@pytest.mark.parametrize("how", ["functions", "arrays"])
def test_a_game_with_a_hidden_state_is_asked_by_labels(how):
    given = (T_of, O_of, R_of) if how == "functions" else (T, O, R)
    P = dm.POMG(0.5, ("x", "y"), S, A, Ω, *given)
    for s, a in product(S, product(*A)):
        assert P.R(s, a).tolist() == R_of(s, a).tolist()
        assert [P.T(s, a, z) for z in S] == [T_of(s, a, z) for z in S]
        for o in product(*Ω):
            assert P.O(a, s, o) == O_of(a, s, o)
    P.R("wet", ("l", 0))[0] = 99
    np.array(P.R)[:] = 99
    np.testing.assert_array_equal(P.R.array, R)
    for call, error, said in (
        (lambda: P.T("wet", ("l", 0)), TypeError, "2 arguments: must be 3"),
        (lambda: P.T("wet", ("l",), "dry"), ValueError, "must be 2 entries, one of each agent"),
        (lambda: P.O(("l", 0), "wet", ("hot", 9)), KeyError, "9: must be one of 7, 8"),
    ):
        with pytest.raises(error, match=said):
            call()
    assert repr(P) == "POMG(γ=0.5, 2 agents, 3 states, 2 x 3 actions, 2 x 2 observations)"
    assert repr(P.O) == "JointTable(2, 3, 3, 2, 2)"
    team = dm.DecPOMDP(0.5, ("x", "y"), S, A, Ω, T_of, O_of, lambda s, a: R_of(s, a).sum())
    np.testing.assert_array_equal(team.R.array, P.team.R.array)
    np.testing.assert_array_equal(P.team.R.array, R[0] + R[1])
    assert team.R("ice", ("r", 2)) == R[:, 2, 1, 2].sum()


def test_joint_indices_count_the_last_agent_first():
    assert joint_indices((2, 3)).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


def test_models_of_one_game_keep_what_it_has():
    P = dm.POMG(0.5, ("x", "y"), S, A, Ω, T, O, R, b=[0.5, 0.25, 0.25])
    for Q in (P.team, P.team.game, P.team.discounted(0.25)):
        assert (Q.I, Q.S, Q.A, Q.Ω) == (P.I, P.S, P.A, P.Ω)
        assert Q.γ == (0.25 if Q is not P.team and isinstance(Q, dm.DecPOMDP) else 0.5)
        assert Q.start().tolist() == [0.5, 0.25, 0.25]
        np.testing.assert_array_equal(Q.T.array, T)
        np.testing.assert_array_equal(Q.O.array, O)
    np.testing.assert_array_equal(P.team.game.R.array, [R[0] + R[1]] * 2)
    shared = P.team.shared
    np.testing.assert_allclose(shared.R.array, (R[0] + R[1]).reshape(3, 6))
    assert (P.rewards.shape, P.team.rewards.shape) == ((2, 3, 6), (1, 3, 6))
    assert P.start([0, 0, 1.0]).tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="the POMG has no belief to begin with"):
        dm.POMG(0.5, ("x", "y"), S, A, Ω, T, O, R).start()
    with pytest.raises(ValueError, match="one belief"):
        P.start(np.full((2, 3), 1 / 3))


def test_values_of_functions_have_the_shape_of_their_table():
    for change, said in (
        ({"R": lambda s, a: 1.0}, "must be 2 rewards, one of each agent"),
        ({"T": lambda s, a, z: [1.0]}, "must be a number"),
        ({"R": R[:1]}, r"POMG.R has shape \(1, 3, 2, 3\): must be \(2, 3, 2, 3\)"),
        ({"O": np.where(O.max() == O, np.inf, O)}, r"POMG.O\[1, 1, 1, 0, 0\] = inf: must be finite"),
    ):
        with pytest.raises(ValueError, match=said):
            dm.POMG(0.5, ("x", "y"), S, A, Ω, **({"T": T, "O": O, "R": R} | change))


@pytest.mark.parametrize(("name", "size"), [("T", 54), ("O", 72), ("products T O", 216)])
def test_tables_that_do_not_fit_are_refused_and_those_that_just_fit_are_not(monkeypatch, name, size):
    """3·6·3 entries of T, 6·3·4 of O, 2·3·6 of R, and 6·4·3·3 products."""
    monkeypatch.setattr("decision_making.pomg.MOST", size - 1)
    with pytest.raises(
        dm.TooLargeError, match=f"{size} .*{name}" if name.startswith("p") else f"{size} entries of {name}"
    ):
        assert dm.POMG(0.5, ("x", "y"), S, A, Ω, T, O, R).M is None
    monkeypatch.setattr("decision_making.pomg.MOST", 216)
    assert dm.POMG(0.5, ("x", "y"), S, A, Ω, T, O, R).M.shape == (6, 4, 3, 3)


@pytest.mark.parametrize(
    ("T_shape", "O_shape"), [((2, 2), (2, 2, 2)), ((2,), (2, 2, 2)), ((2, 2, 2), (2, 2)), ((2, 2, 2, 2), (2, 2, 2))]
)
def test_arrays_of_another_number_of_agents_are_refused(T_shape, O_shape):
    with pytest.raises(ValueError, match=r"T has shape .* and O .*: must be"):
        dm.POMG.from_arrays(np.full(T_shape, 0.5), np.zeros((1, 2, 2)), np.full(O_shape, 0.5), 0.9)
