"""Chapter 17: estimates, tables beside the book's scalar algorithms, functions, replay."""

from collections import deque

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.problems import HexWorld
from tests.oracles.learners import q_learning, sarsa

S, A = 4, 3
steps = st.lists(
    st.tuples(
        st.integers(0, S - 1),
        st.integers(0, A - 1),
        st.integers(-4, 4).map(lambda r: r / 2),
        st.integers(0, S - 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)
rates = st.sampled_from([0.0, 0.25, 0.5, 1.0])
discounts = st.sampled_from([0.0, 0.5, 0.9, 1.0])


def some_table(seed):
    return np.random.default_rng(seed).normal(size=(S, A))


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=20), st.sampled_from([0.1, 0.5]))
def test_estimates_are_the_mean_and_the_exponential_average(x, α):
    mean, recent = dm.IncrementalEstimate(0.0), dm.IncrementalEstimate([2.0, -1.0], α)
    for y in x:
        mean, recent = dm.update(mean, y), dm.update(recent, [y, y])
    assert float(mean.μ) == pytest.approx(np.mean(x))
    n = len(x)
    expected = sum((1 - α) ** (n - k) * α * y for k, y in enumerate(x, 1)) + (1 - α) ** n * np.array([2.0, -1.0])
    np.testing.assert_allclose(recent.μ, expected, rtol=1e-10, atol=1e-12)
    assert recent.m == n


def test_an_estimate_begins_with_a_copy_and_refuses_what_is_no_sample():
    μ = np.zeros(2)
    estimate = dm.IncrementalEstimate(μ, 0.5)
    dm.update(estimate, [1.0, 2.0])
    assert (μ == 0).all()
    for bad in ([np.nan, 1.0], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="x "):
            dm.update(estimate, bad)
    assert estimate.m == 1
    with pytest.raises(ValueError, match=r"α = 1\.5"):
        dm.IncrementalEstimate(0.0, 1.5)


@given(steps, rates, discounts, st.integers(0, 5))
@settings(max_examples=40)
def test_q_learning_is_the_books(τ, α, γ, seed):
    Q = some_table(seed)
    model = dm.start(dm.QLearning(S, A, γ, α), Q=Q)
    for s, a, r, s_next, terminated in τ:
        dm.update(model, s, a, r, s_next, terminated=terminated)
    np.testing.assert_allclose(model.Q, q_learning(Q, γ, α, τ), rtol=1e-12, atol=1e-12)
    assert model.k == len(τ)
    listing = dm.start(dm.QLearning(S, A, γ, α), Q=Q)
    for s, a, r, s_next, _ in τ:
        dm.update(listing, s, a, r, s_next)
    np.testing.assert_allclose(listing.Q, q_learning(Q, γ, α, [(*x[:4], False) for x in τ]), rtol=1e-12, atol=1e-12)


@given(steps, rates, discounts, st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 5), st.integers(2, 5))
@settings(max_examples=40)
def test_sarsa_with_and_without_traces_is_the_books(τ, α, γ, λ, seed, episode):
    Q = some_table(seed)
    plain, traces = dm.start(dm.Sarsa(S, A, γ, α), Q=Q), dm.start(dm.SarsaLambda(S, A, γ, α, λ), Q=Q)
    kept = dm.start(dm.Sarsa(S, A, γ, α, at_end="keep"), Q=Q)
    told = []
    for i, (s, a, r, s_next, _) in enumerate(τ, 1):
        for model in (plain, traces, kept):
            dm.update(model, s, a, r, s_next)
        told.append((s, a, r))
        if i % episode == 0:
            for model in (plain, traces, kept):
                dm.end(model)
            told.append(None)
    np.testing.assert_allclose(plain.Q, sarsa(Q, γ, α, told)[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(traces.Q, sarsa(Q, γ, α, told, λ)[0], rtol=1e-10, atol=1e-12)
    through = [x for x in told if x is not None]
    np.testing.assert_allclose(kept.Q, sarsa(Q, γ, α, through)[0], rtol=1e-12, atol=1e-12)


def test_sarsa_learns_from_a_terminal_step_at_once():
    """The last reward of an episode is not lost, and the next episode's first pair is not what came after."""
    for M in (dm.Sarsa(S, A, 0.9, 0.5), dm.SarsaLambda(S, A, 0.9, 0.5, 0.8), dm.SarsaLambda(S, A, 0.9, 0.5, 0.8)):
        model = dm.start(M)
        dm.update(model, 0, 1, 1.0, 1, terminated=False)
        dm.update(model, 1, 2, 4.0, 3, terminated=True)
        assert model.Q[1, 2] == 2.0  # 0.5 · 4
        first = 0.5 * 1.0
        assert model.Q[0, 1] == pytest.approx(first + (0.5 * 0.9 * 0.8 * 4.0 if isinstance(M, dm.SarsaLambda) else 0))
        assert not model.has_last
        before = model.Q.copy()
        dm.update(model, 2, 0, 0.0, 1, terminated=False)
        np.testing.assert_array_equal(model.Q, before)


def test_the_last_step_is_dropped_or_kept_only_where_an_episode_was_cut():
    for at_end, expected in (("drop", [False, True]), ("keep", [True, True])):
        for make in (
            lambda at_end=at_end: dm.Sarsa(S, A, 0.9, 0.5, at_end=at_end),
            lambda at_end=at_end: dm.SarsaLambda(S, A, 0.9, 0.5, 0.5, at_end=at_end),
        ):
            model = dm.start(make(), 2)
            dm.update(model, [0, 0], [0, 0], [1.0, 1.0], [1, 1])
            dm.end(model, [True, False])
            assert model.has_last.tolist() == expected


def test_replacing_traces_do_not_grow():
    for replacing, top in ((False, 1 + 0.5), (True, 1.0)):
        model = dm.start(dm.SarsaLambda(S, A, 1.0, 0.1, 0.5, replacing=replacing))
        for _ in range(3):
            dm.update(model, 0, 0, 0.0, 0)
        assert model.N[0, 0] == 0.5 * top


def test_with_one_action_sarsa_is_q_learning_one_call_later():
    rng = np.random.default_rng(0)
    s = rng.integers(0, S, 50)
    late, early = dm.start(dm.Sarsa(S, 1, 0.9, 0.3)), dm.start(dm.QLearning(S, 1, 0.9, 0.3))
    before = early.Q.copy()
    for i in range(49):
        r = float(rng.normal())
        dm.update(late, s[i], 0, r, s[i + 1])
        np.testing.assert_array_equal(late.Q, before)
        dm.update(early, s[i], 0, r, s[i + 1])
        before = early.Q.copy()


@given(steps, st.integers(0, 3))
@settings(max_examples=20)
def test_shaping_shifts_q_by_the_potential(τ, seed):
    """Rewards r + γΦ(s') - Φ(s) from Q = -Φ (equation 17.15)."""
    Φ = np.random.default_rng(seed).normal(size=S)
    plain, shaped = dm.start(dm.QLearning(S, A, 0.9, 0.5)), dm.start(dm.QLearning(S, A, 0.9, 0.5), Q=-Φ[:, None] + 0)
    for s, a, r, s_next, _ in τ:
        dm.update(plain, s, a, r, s_next)
        dm.update(shaped, s, a, r + 0.9 * Φ[s_next] - Φ[s], s_next)
    np.testing.assert_allclose(shaped.Q, plain.Q - Φ[:, None], rtol=1e-10, atol=1e-10)


def test_sweeps_with_rate_1_over_a_deterministic_world_contract():
    rng = np.random.default_rng(3)
    T, R = np.eye(S)[rng.integers(0, S, (S, A))], rng.normal(size=(S, A))
    P = dm.MDP.from_arrays(T, R, 0.8)
    U = dm.policy_evaluation(P, dm.solve(dm.PolicyIteration(np.zeros(S, int), 50), P))
    best = R + 0.8 * T @ U
    model = dm.start(dm.QLearning(S, A, 0.8, 1.0))
    for k in range(1, 40):
        for s in range(S):
            for a in range(A):
                dm.update(model, s, a, R[s, a], int(T[s, a].argmax()))
        assert abs(model.Q - best).max() <= 0.8**k * abs(best).max() + 1e-12


def test_q_learning_stays_within_its_bounds():
    P = HexWorld()
    model = dm.start(dm.QLearning(25, 6, 0.9, 0.7), 20)
    for k in range(5):
        model, _ = dm.learn(P, model, dm.EpsilonGreedyExploration(0.5), 100, rng=k, episode=20)
        assert model.Q.min() >= -10 / (1 - 0.9) - 1e-9
        assert model.Q.max() <= 10 / (1 - 0.9) + 1e-9


def test_relabelled_states_and_actions_permute_the_table():
    rng = np.random.default_rng(5)
    p, q = rng.permutation(S), rng.permutation(A)
    for M in (dm.QLearning(S, A, 0.9, 0.3), dm.Sarsa(S, A, 0.9, 0.3), dm.SarsaLambda(S, A, 0.9, 0.3, 0.7)):
        one, other = dm.start(M), dm.start(M)
        for _ in range(60):
            s, a, s_next, r = rng.integers(S), rng.integers(A), rng.integers(S), rng.normal()
            dm.update(one, s, a, r, s_next)
            dm.update(other, p[s], q[a], r, p[s_next])
        np.testing.assert_array_equal(other.Q[p][:, q], one.Q)


# ---- functions in place of tables


def quadratic(θ, s, a):
    return θ[0] * s + θ[1] * s * a + θ[2] * a**2 + θ[3] * anp.sin(s)


def frozen_error(θ, target, s, a):
    return 0.5 * (target - quadratic(θ, s, a)) ** 2


@given(st.integers(0, 30))
@settings(max_examples=20)
def test_the_semi_gradient_is_that_of_the_error_with_the_target_held(seed):
    rng = np.random.default_rng(seed)
    θ, (s, a, r, s_next) = rng.normal(size=4), (rng.normal(), 1.0, rng.normal(), rng.normal())
    M = dm.GradientQLearning([-1, 0, 1], 0.9, quadratic, None, θ, 0.1, limit=1e9)
    target = r + 0.9 * max(quadratic(θ, s_next, b) for b in (-1, 0, 1))
    h = 1e-6
    slope = [
        (frozen_error(θ + h * e, target, s, a) - frozen_error(θ - h * e, target, s, a)) / (2 * h) for e in np.eye(4)
    ]
    model = dm.update(dm.start(M), s, a, r, s_next)
    np.testing.assert_allclose(model.θ, θ - 0.1 * np.array(slope), rtol=1e-6, atol=1e-8)
    ended = dm.update(dm.start(M), s, a, r, s_next, terminated=True)
    slope = [(frozen_error(θ + h * e, r, s, a) - frozen_error(θ - h * e, r, s, a)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(ended.θ, θ - 0.1 * np.array(slope), rtol=1e-6, atol=1e-8)
    short = dm.update(dm.start(dm.GradientQLearning([-1, 0, 1], 0.9, quadratic, None, θ, 0.1)), s, a, r, s_next)
    move, full = short.θ - θ, model.θ - θ
    assert np.linalg.norm(move) == pytest.approx(min(0.1, np.linalg.norm(full)))
    np.testing.assert_allclose(move / np.linalg.norm(move), full / np.linalg.norm(full), rtol=1e-8)


@given(steps, st.sampled_from([0.1, 1.0]))
@settings(max_examples=20)
def test_indicator_features_make_it_tabular(τ, α):
    table = dm.start(dm.QLearning(S, A, 0.9, α))
    Q = dm.LinearQ(lambda s: np.eye(S)[np.asarray(s, int)], A)
    linear = dm.start(dm.GradientQLearning(A, 0.9, Q, None, np.zeros(S * A), α, limit=1e9))
    for s, a, r, s_next, terminated in τ:
        dm.update(table, s, a, r, s_next, terminated=terminated)
        dm.update(linear, float(s), a, r, float(s_next), terminated=terminated)
    np.testing.assert_allclose(linear.θ.reshape(A, S).T, table.Q, rtol=1e-12, atol=1e-12)


def test_a_linear_q_agrees_with_its_plain_form_on_any_shape():
    rng = np.random.default_rng(0)
    Q = dm.LinearQ(lambda s: np.stack([s[..., 0], s[..., 1] ** 2, s[..., 0] * 0 + 1], axis=-1), 2)

    def plain(θ, s, a):
        β = (s[..., 0], s[..., 1] ** 2, 1.0)
        return sum(x * (θ[i] * (1 - a) + θ[i + 3] * a) for i, x in enumerate(β))

    θ, s, a = rng.normal(size=(6, 7)), rng.normal(size=(7, 2)), rng.integers(0, 2, 7)
    np.testing.assert_allclose(Q(θ, s, a), plain(θ, s, a))
    np.testing.assert_allclose(Q.values(θ, s), np.stack([plain(θ, s, i) for i in (0, 1)], axis=-1))
    x, y = (dm.start(dm.GradientQLearning(2, 0.9, f, None, np.zeros(6), 0.3), 7, θ=θ.T) for f in (Q, plain))
    for model in (x, y):
        dm.update(model, s, a, rng.normal(size=7) * 0 + 1, s[::-1])
    np.testing.assert_allclose(x.θ, y.θ, rtol=1e-12)
    np.testing.assert_allclose(dm.action_values(x, s), dm.action_values(y, s), rtol=1e-12)


def test_a_gradient_of_the_wrong_shape_and_a_step_to_infinity_are_named():
    wrong = dm.GradientQLearning(2, 0.9, lambda θ, s, a: θ[0] * s, lambda θ, s, a: np.zeros(3), [1.0], 0.1)
    with pytest.raises(ValueError, match=r"∇Q has shape \(3,\): must be \(1,\)"):
        dm.update(dm.start(wrong), 1.0, 0, 1.0, 1.0)
    huge = dm.GradientQLearning(2, 1.0, lambda θ, s, a: θ[0] * s, None, [1e200], 1.0, limit=1e300)
    model = dm.start(huge)
    with pytest.raises(ValueError, match="θ would not stay finite"):
        dm.update(model, 1e200, 0, 1.0, 1e300)
    assert model.θ.tolist() == [1e200]
    assert model.k == 0


def test_the_callers_parameters_stay_as_they_are():
    θ = np.array([0.5])
    model = dm.start(dm.GradientQLearning([1.0, 2.0], 0.9, lambda θ, s, a: θ[0] * s * a, None, θ, 0.5))
    dm.update(model, 1.0, 2.0, 1.0, 1.0)
    assert θ.tolist() == [0.5]
    assert model.θ.tolist() != [0.5]


# ---- replay


def replayed(**options):
    return dm.ReplayGradientQLearning(
        [-1, 1], 0.9, lambda θ, s, a: θ[0] * s * a + θ[1], None, [0.1, 0.2], 0.1, **options
    )


@pytest.mark.parametrize("as_listed", [False, True])
@pytest.mark.parametrize(("capacity", "m"), [(5, 1), (5, 3), (4, 4), (1, 1)])
def test_the_ring_keeps_what_a_queue_would(capacity, m, as_listed):
    M = replayed(capacity=capacity, m=m, m_grad=3, as_listed=as_listed)
    model, queue, rng = dm.start(M, 2), deque(), np.random.default_rng(0)
    for k in range(30):
        step = (float(k), [-1, 1][k % 2], float(rng.normal()), k + 0.5, k % 3 == 0)
        dm.update(model, *(np.full(2, x) for x in step[:4]), terminated=np.full(2, step[4]), rng=0)
        if len(queue) == capacity:
            for _ in range(m):
                queue.popleft()
            if not as_listed:
                queue.append(step)
        else:
            queue.append(step)
        for i in range(2):
            j = (model.first[i] + np.arange(model.size[i])) % capacity
            kept = [x[i, j].tolist() for x in (model.s, model.a, model.r, model.s_next, model.ended)]
            assert list(zip(*kept, strict=True)) == list(queue)


def test_nothing_is_learnt_before_the_buffer_is_full():
    model = dm.start(replayed(capacity=4, m=1, m_grad=2))
    for _ in range(4):
        dm.update(model, 1.0, 1, 1.0, 1.0, rng=0)
        assert model.θ.tolist() == [0.1, 0.2]
    dm.update(model, 1.0, 1, 1.0, 1.0, rng=0)
    assert model.θ.tolist() != [0.1, 0.2]


def test_the_step_is_the_mean_over_the_buffer():
    """With very many draws; each draw is a step of gradient Q-learning from the same θ."""
    rng = np.random.default_rng(1)
    M = replayed(capacity=6, m=1, m_grad=40_000, limit=1e9)
    model, plain = dm.start(M), dm.GradientQLearning([-1, 1], 0.9, M.Q, None, M.θ, 0.1, limit=1e9)
    moves = []
    for k in range(6):
        step = rng.normal(), [-1, 1][k % 2], rng.normal(), rng.normal()
        dm.update(model, *step, terminated=k == 2, rng=0)
        moves.append(dm.update(dm.start(plain), *step, terminated=k == 2).θ - M.θ)
    dm.update(model, 0.0, 1, 0.0, 0.0, rng=0)
    moves = np.array(moves)
    error = moves.std(axis=0) / np.sqrt(40_000)
    assert (abs(model.θ - M.θ - moves.mean(axis=0)) < 5 * error + 1e-12).all()


def test_settings_of_replay_may_differ_between_replications():
    rng, α, γ = np.random.default_rng(2), np.array([0.1, 0.3]), np.array([0.5, 0.9])
    both = dm.start(
        dm.ReplayGradientQLearning([-1, 1], γ, lambda θ, s, a: θ[0] * s * a, None, [0.1], α, capacity=1, m=1, m_grad=1),
        2,
    )
    ones = [
        dm.start(
            dm.ReplayGradientQLearning(
                [-1, 1], γ[i], lambda θ, s, a: θ[0] * s * a, None, [0.1], α[i], capacity=1, m=1, m_grad=1
            )
        )
        for i in range(2)
    ]
    for _ in range(5):
        step = rng.normal(size=2), np.array([1, -1]), rng.normal(size=2), rng.normal(size=2)
        dm.update(both, *step, rng=0)
        for i, one in enumerate(ones):
            dm.update(one, *(x[i] for x in step), rng=0)
    np.testing.assert_allclose(both.θ[:, 0], [one.θ[0] for one in ones], rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: replayed(capacity=3, m=4, m_grad=1), "m = 4: must be at most the capacity 3"),
        (lambda: replayed(capacity=0, m=1, m_grad=1), "capacity = 0"),
        (lambda: dm.update(dm.start(replayed(capacity=3, m=1, m_grad=1)), [0.0, 1.0], 1, 0.0, 0.0), "s has shape"),
        (lambda: dm.GradientQLearning([1, 1], 0.9, quadratic, None, [0.0], 0.1), "A = "),
        (lambda: dm.GradientQLearning([], 0.9, quadratic, None, [0.0], 0.1), "A = "),
        (lambda: dm.GradientQLearning("ab", 0.9, quadratic, None, [0.0], 0.1), "A = "),
        (lambda: dm.GradientQLearning(2, 0.9, quadratic, None, [np.nan], 0.1), "θ"),
        (lambda: dm.GradientQLearning(2, 0.9, quadratic, None, [0.0], 1.5), "α = 1.5"),
        (lambda: dm.GradientQLearning(2, 0.9, quadratic, None, [0.0], 0.5, limit=0), "limit = 0"),
        (lambda: dm.SarsaLambda(3, 2, 0.9, 0.1, 1.5), "λ = 1.5"),
        (lambda: dm.Sarsa(3, 2, 0.9, 0.1, at_end="stop"), "at_end = 'stop'"),
        (lambda: dm.QLearning(3, 2, 1.5, 0.1), "γ = 1.5"),
    ],
)
def test_what_is_wrong_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("replayed", [False, True])
def test_linear_q_with_listed_actions_moves_as_with_their_places(replayed):
    Q = dm.LinearQ(lambda s: np.stack([s, s * 0 + 1], axis=-1), 3)
    kind, more = (dm.ReplayGradientQLearning, (1, 1, 2)) if replayed else (dm.GradientQLearning, ())
    found = []
    for A in (3, [-1.0, 2.5, 7.0]):
        model = dm.start(kind(A, 0.9, Q, None, np.arange(6.0), 0.1, *more))
        for s, i, r in [(0.5, 2, 1.0), (0.2, 1, -1.0), (0.1, 2, 3.0)]:
            dm.update(model, s, i if A == 3 else A[i], r, s / 2, rng=0)
        found.append(model.θ)
    assert np.array_equal(*found)
    assert not np.array_equal(found[0], np.arange(6.0))


@pytest.mark.parametrize(("kind", "more"), [(dm.GradientQLearning, ()), (dm.ReplayGradientQLearning, (4, 1, 2))])
def test_linear_q_of_another_number_of_actions_is_refused(kind, more):
    with pytest.raises(ValueError, match=r"Q = .*must be of 3 actions, as many as A has"):
        kind(3, 0.9, dm.LinearQ(lambda s: s, 2), None, np.zeros(4), 0.1, *more)
