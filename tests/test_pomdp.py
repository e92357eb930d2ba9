"""The struct POMDP, its arrays, beliefs after an action, and lookahead in a POMDP (chapters 19 and 20)."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import sparse
from scipy.sparse import csr_array

from decision_making import MDP, POMDP, DeterminizedSparseTreeSearch, Trajectories, explain, lookahead
from decision_making.pomdp import belief, belief_rollouts, filtered, joint, next_beliefs, possible_successors
from decision_making.problems import CryingBaby

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))  # states, actions, observations


def distributions(rng, *shape):
    """Random distributions on the last axis, with some probabilities of exactly 0."""
    p = rng.dirichlet(np.ones(shape[-1]), shape[:-1]) * (rng.random(shape) < 0.7)
    p[..., -1] += p.sum(axis=-1) == 0
    return p / p.sum(axis=-1, keepdims=True)


def random_pomdp(seed, sizes, γ=0.9):
    rng = np.random.default_rng(seed)
    n, A, Z = sizes
    return POMDP.from_arrays(distributions(rng, n, A, n), rng.normal(size=(n, A)), distributions(rng, A, n, Z), γ)


def by_functions(P):
    """The same problem given by functions of named states, actions and observations."""
    S, A, Ω = ([f"{letter}{i}" for i in x] for letter, x in (("s", P.S), ("a", P.A), ("o", P.Ω)))
    return POMDP(
        *(P.γ, S, A, Ω),
        lambda s, a, s_next: P.T(S.index(s), A.index(a), S.index(s_next)),
        lambda s, a: P.R(S.index(s), A.index(a)),
        lambda a, s_next, o: P.O(A.index(a), S.index(s_next), Ω.index(o)),
        None,
        b=P.b,
    )


def beliefs(rng, B, n):
    return np.concatenate([rng.dirichlet(np.ones(n), B), np.eye(n)])


@given(st.integers(0, 10**6), SIZES)
def test_a_belief_after_several_steps_is_the_sum_over_all_paths(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    n, A, Z = sizes
    b0 = rng.dirichlet(np.ones(n))
    actions, seen = rng.integers(A, size=3), rng.integers(Z, size=3)
    weight = np.zeros(n)
    for path in itertools.product(range(n), repeat=4):
        w = b0[path[0]]
        for k in range(3):
            w *= P.T(path[k], actions[k], path[k + 1]) * P.O(actions[k], path[k + 1], seen[k])
        weight[path[-1]] += w
    b, likelihood = b0[None], 1.0
    for a, o in zip(actions, seen, strict=True):
        b, p = filtered(P, b, np.array([a]), np.array([o]))
        likelihood *= p[0]
    assert likelihood == pytest.approx(weight.sum(), abs=1e-12)
    if weight.sum() > 1e-9:
        np.testing.assert_allclose(b[0], weight / weight.sum(), atol=1e-9)


@given(st.integers(0, 10**6), SIZES)
def test_the_beliefs_after_all_observations_average_to_the_prediction(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    b = beliefs(rng, 3, sizes[0])
    for a in range(sizes[1]):
        b_next, p = next_beliefs(P, b, a)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        np.testing.assert_allclose((p[..., None] * b_next).sum(axis=1), b @ P.T.array[:, a], atol=1e-12)
        np.testing.assert_array_equal(b_next.sum(axis=-1)[p == 0], 0)


@given(st.integers(0, 10**6), SIZES)
def test_a_batch_of_beliefs_is_its_rows(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    b = beliefs(rng, 3, sizes[0])
    a, o = rng.integers(sizes[1], size=len(b)), rng.integers(sizes[2], size=len(b))
    found, p = filtered(P, b, a, o)
    for i, row in enumerate(b):
        b_next, p_next = next_beliefs(P, row, a[i])
        np.testing.assert_allclose(found[i], b_next[o[i]], atol=1e-14)
        assert p[i] == pytest.approx(p_next[o[i]])


@given(st.integers(0, 10**6), SIZES, st.floats(0, 1))
def test_before_it_is_normalised_a_belief_update_is_linear(seed, sizes, share):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    b, c = rng.dirichlet(np.ones(sizes[0]), 2)
    mixed = joint(P, share * b + (1 - share) * c, 0)
    np.testing.assert_allclose(mixed, share * joint(P, b, 0) + (1 - share) * joint(P, c, 0), atol=1e-12)


def test_an_observation_that_says_nothing_leaves_the_prediction_and_a_perfect_one_a_corner():
    T = np.array([[[0.3, 0.7]], [[0.6, 0.4]]])
    silent = POMDP.from_arrays(T, [[0.0], [0.0]], [[[1.0], [1.0]]], 0.9)
    perfect = POMDP.from_arrays(T, [[0.0], [0.0]], [np.eye(2)], 0.9)
    b = np.array([0.25, 0.75])
    np.testing.assert_allclose(next_beliefs(silent, b, 0)[0][0], b @ T[:, 0])
    np.testing.assert_allclose(next_beliefs(perfect, b, 0)[0], np.eye(2))


@given(st.integers(0, 10**6), SIZES)
def test_sparse_transitions_give_the_numbers_of_dense_ones(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    n = sizes[0]
    T = sparse.csr_array(P.T.array.reshape(-1, n))
    Q = POMDP.from_arrays(T, P.R.array, P.O.array, P.γ)
    b = beliefs(rng, 3, n)
    for a in range(sizes[1]):
        np.testing.assert_allclose(next_beliefs(Q, b, a)[0], next_beliefs(P, b, a)[0], atol=1e-14)
        U = rng.normal(size=(sizes[2], n))
        np.testing.assert_allclose(lookahead(Q, U, np.arange(n), a), lookahead(P, U, np.arange(n), a))


@given(st.integers(0, 10**6), SIZES)
def test_lookahead_from_a_state_is_the_double_sum(seed, sizes):
    """Algorithm 20.2, one term after the other."""
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    n, A, Z = sizes
    U = rng.normal(size=(Z, n))
    for s, a in itertools.product(range(n), range(A)):
        total = sum(P.T(s, a, x) * P.O(a, x, o) * U[o, x] for x in range(n) for o in range(Z))
        assert lookahead(P, lambda o, x: U[o, x], s, a) == pytest.approx(P.R(s, a) + P.γ * total)


@given(st.integers(0, 10**6), SIZES)
def test_lookahead_from_a_belief_with_linear_utilities_is_the_mean_over_its_states(seed, sizes):
    """Where U(b) = α·b the observation does not matter: Σ_s b(s) [R(s, a) + γ Σ_s' T(s, a, s') α(s')]."""
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    α, b = rng.normal(size=sizes[0]), beliefs(rng, 3, sizes[0])
    for a in range(sizes[1]):
        expected = b @ (P.R.array[:, a] + P.γ * P.T.array[:, a] @ α)
        np.testing.assert_allclose(lookahead(P, lambda b: b @ α, b, a), expected)
        assert lookahead(P, lambda b: b @ α, b[0], a) == pytest.approx(expected[0])


def test_impossible_observations_are_not_asked_about():
    P = CryingBaby()
    asked = []

    def U(b):
        asked.append(b)
        return np.full(len(b), -np.inf if (b.sum(axis=1) < 0.5).any() else -1.0)

    assert lookahead(P, U, np.array([1.0, 0.0]), 1) == pytest.approx(-0.5 - 0.9)  # a sated baby may be hungry next
    assert lookahead(P, U, np.array([0.0, 1.0]), 0) == pytest.approx(-15 - 0.9)
    assert all(np.allclose(b.sum(axis=1), 1) for b in asked)


def test_the_sampler_draws_transitions_and_observations_of_the_model():
    P, rng = random_pomdp(3, (3, 2, 3)), np.random.default_rng(0)
    m = 100_000
    for s, a in itertools.product(range(3), range(2)):
        s_next, r, o = P.TRO(np.full(m, s), np.full(m, a), rng)
        assert (r == P.R(s, a)).all()
        p = P.T.array[s, a][:, None] * P.O.array[a]  # of (s_next, o) together
        share = np.histogram2d(s_next, o, bins=[np.arange(4), np.arange(4)])[0] / m
        assert (abs(share - p) <= 5 * np.sqrt(p * (1 - p) / m)).all()


def test_functions_are_tabulated_once():
    P = random_pomdp(5, (3, 2, 2))
    Q = by_functions(P).tabulated()
    for name in "TRO":
        np.testing.assert_array_equal(getattr(Q, name).array, getattr(P, name).array)
    assert P.tabulated() is P
    with pytest.raises(TypeError, match=re.escape("POMDP.O = None")):
        POMDP(0.9, [0], [0], [0], lambda *_: 1.0, lambda *_: 0.0, None, None).tabulated()


def test_its_mdp_sees_the_states():
    P = random_pomdp(2, (3, 2, 2))
    assert isinstance(P.mdp, MDP)
    np.testing.assert_array_equal(P.mdp.T.array, P.T.array)
    s_next, r = P.mdp.TR(np.zeros(5, int), np.zeros(5, int), np.random.default_rng(0))
    assert s_next.shape == r.shape == (5,)


def test_rollouts_of_a_belief_policy_filter_what_is_observed():
    P, seen = random_pomdp(7, (3, 2, 2)), []

    def π(b):
        seen.append(b)
        return (b[:, 0] > 0.4).astype(int)

    b0 = np.array([0.2, 0.3, 0.5])
    τs = belief_rollouts(P, b0, π, d=4, m=50, rng=1)
    assert isinstance(τs, Trajectories)
    for i in range(50):
        b = b0
        for k in range(4):
            np.testing.assert_allclose(seen[k][i], b, atol=1e-12)
            assert τs.a[i, k] == (b[0] > 0.4)
            assert τs.r[i, k] == P.R(τs.s[i, k], τs.a[i, k])
            b = next_beliefs(P, b, τs.a[i, k])[0][τs.o[i, k]]
    again = belief_rollouts(P, b0, π, d=4, m=50, rng=1)
    np.testing.assert_array_equal(again.o, τs.o)
    np.testing.assert_array_equal(τs[10:20].o, τs.o[10:20])


def test_start_states_of_belief_rollouts_are_drawn_from_the_belief():
    P = random_pomdp(7, (3, 2, 2))
    b0, m = np.array([0.2, 0.0, 0.8]), 20_000
    share = np.bincount(belief_rollouts(P, b0, lambda b: 0, 1, m, rng=0).s[:, 0], minlength=3) / m
    assert (abs(share - b0) <= 5 * np.sqrt(b0 * (1 - b0) / m)).all()


@given(st.integers(0, 10**6), st.booleans())
def test_what_is_possible_and_what_is_observed_are_the_rows_of_the_joint_that_are_not_zero(seed, sparse):
    rng = np.random.default_rng(seed)
    T, O = (
        rng.random((4, 2, 4)) * (rng.random((4, 2, 4)) < 0.5),
        rng.random((2, 4, 3)) * (rng.random((2, 4, 3)) < 0.5),
    )
    T, O = T + np.eye(4)[:, None], O + np.eye(3)[rng.integers(3, size=(2, 4))]
    T, O = T / T.sum(axis=2, keepdims=True), O / O.sum(axis=2, keepdims=True)
    P = POMDP.from_arrays(csr_array(T.reshape(8, 4)) if sparse else T, rng.normal(size=(4, 2)), O, 0.9)
    B = np.concatenate([np.eye(4), rng.dirichlet(np.ones(4), 2)])
    found = possible_successors(P, B)
    whole = np.stack([joint(P, B, a) for a in range(2)])  # (A, B, Ω, S)
    pairs = [(a, i, o) for a, i, o in np.ndindex(2, len(B), 3) if whole[a, i, o].any()]
    assert [(int(x // len(B)), int(x % len(B)), int(o)) for x, o in zip(found.pair, found.o, strict=True)] == pairs
    np.testing.assert_allclose(found.x, [whole[k] for k in pairs])
    np.testing.assert_allclose(found.p, [whole[k].sum() for k in pairs])
    for a, (rows, first) in enumerate(P.observed_transitions):
        right = [T[s, a] * O[a, :, o] for s in range(4) for o in range(3)]
        np.testing.assert_allclose(rows.toarray(), [x for x in right if x.any()])
        starts = np.cumsum([0, *(sum((T[s, a] * O[a, :, o]).any() for o in range(3)) for s in range(4))])
        np.testing.assert_array_equal(first, starts[:-1])
    np.testing.assert_array_equal(P.seen, O.transpose(0, 2, 1))


def test_the_row_of_a_batch_that_is_no_belief_is_named():
    with pytest.raises(ValueError, match=re.escape("b = array([0.5, 0.6]): must be probabilities that sum to 1")):
        belief([[0.5, 0.5], [0.5, 0.6]], 2)
    with pytest.raises(ValueError, match=re.escape("b = array([-1.,  2.])")):
        belief([[0.5, 0.5], [-1.0, 2.0]], 2)


def test_the_start_belief_cannot_be_changed_and_the_one_given_can():
    b = np.array([0.3, 0.7])
    P = POMDP.from_arrays(np.tile(np.eye(2)[:, None], (1, 1, 1)), np.zeros((2, 1)), np.ones((1, 2, 1)), 0.9, b=b)
    with pytest.raises(ValueError, match="read-only"):
        P.b[0] = 1
    b[0] = 1
    assert P.b[0] == 0.3


def test_tables_of_functions_keep_the_start_belief():
    P = CryingBaby()
    whole = POMDP(P.γ, range(2), range(3), range(2), P.T, P.R, P.O, None, b=[0.25, 0.75], names=P.names)
    functions = POMDP(0.9, [0, 1], [0], [0], lambda *_: 0.5, lambda *_: 0.0, lambda *_: 1.0, None, b=[0.25, 0.75])
    assert whole.tabulated() is whole
    np.testing.assert_array_equal(functions.tabulated().b, [0.25, 0.75])
    drawn = POMDP(0.9, [0, 1], [0], [0], lambda *_: 0.5, lambda *_: 0.0, lambda *_: 1.0, None, b=lambda m, rng: [0] * m)
    assert drawn.tabulated().b is None


@given(st.integers(0, 10**6), SIZES)
def test_beliefs_with_an_action_each_are_followed_by_what_follows_each_alone(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    b = beliefs(rng, 3, sizes[0])
    a = rng.integers(sizes[1], size=len(b))
    b_next, p, r = P.beliefs.successors(b, a)
    assert b_next.shape == (sizes[2], len(b), sizes[0])
    for i in range(len(b)):
        for o in range(sizes[2]):
            x = np.array([P.O(a[i], s, o) * (b[i] @ P.T.array[:, a[i], s]) for s in range(sizes[0])])
            assert p[o, i] == pytest.approx(x.sum(), abs=1e-12)
            np.testing.assert_allclose(p[o, i] * b_next[o, i], x, atol=1e-12)
        assert r[i] == pytest.approx(b[i] @ P.R.array[:, a[i]])
    low, high = P.beliefs.state_bounds
    assert (low <= b).all() and (b <= high).all() and low.shape == high.shape == (sizes[0],)  # noqa: PT018


@pytest.mark.parametrize("names", [{"S": ["a"]}, {"A": "ab"}, {"O": ["x", "y"]}, {"Ω": 3}])
def test_names_that_do_not_fit_are_refused_where_they_are_given(names):
    with pytest.raises(ValueError, match=r"POMDP\.names\['.'\] = .*must be a name for each"):
        POMDP.from_arrays(np.eye(2)[:, None].repeat(2, 1), np.zeros((2, 2)), [np.eye(2)] * 2, 0.9, names=names)


def test_a_search_is_explained_where_only_some_things_have_names():
    for names, said in (({"A": ["go", "stay"]}, "0 0.5, 1 0.5"), ({"S": ["here", "there"]}, "here 0.5, there 0.5")):
        P = POMDP.from_arrays(np.eye(2)[:, None].repeat(2, 1), np.zeros((2, 2)), [np.eye(2)] * 2, 0.9, names=names)
        assert said in explain(DeterminizedSparseTreeSearch(P, 1, 5, np.zeros(2), rng=0), [0.5, 0.5])
