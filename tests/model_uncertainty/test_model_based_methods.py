"""Chapter 16: counts, planners beside a linear program and the listing's queue, R-MAX, beliefs, sparse counts."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.problems import HexWorld
from tests.oracles.learners import belief_value, counted, prioritized_sweeping

S, A, γ = 4, 2, 0.8
steps = st.lists(
    st.tuples(
        st.integers(0, S - 1), st.integers(0, A - 1), st.integers(-4, 4).map(lambda r: r / 2), st.integers(0, S - 1)
    ),
    min_size=1,
    max_size=25,
)
R = np.random.default_rng(0).normal(size=(S, A))


def fed(M, τ, batch=(), rng=0):
    model, rng = dm.start(M, batch), np.random.default_rng(rng)
    for s, a, r, s_next in τ:
        dm.update(model, *(np.full(batch, x) for x in (s, a, r, s_next)), rng=rng)
    return model


def ml(planner, **options):
    return dm.MaximumLikelihoodMDP(S, A, γ, planner, **options)


def optimum(model, unvisited="end"):
    return dm.solve(dm.LinearProgramFormulation(), dm.estimated_mdp(model, unvisited)).U[:S]


@given(steps, st.permutations(range(25)))
@settings(max_examples=25)
def test_counts_are_those_of_the_steps_in_any_order(τ, order):
    N, n, ρ = counted(S, A, τ)
    shuffled = [τ[i] for i in order if i < len(τ)]
    for model in (fed(ml(dm.RandomizedUpdate(0)), τ), fed(ml(dm.RandomizedUpdate(0)), shuffled)):
        np.testing.assert_array_equal(model.N, N)
        np.testing.assert_array_equal(model.n, n)
        np.testing.assert_allclose(model.ρ, ρ, atol=1e-12)
    T, mean = model.tables()
    np.testing.assert_allclose(T[n > 0], N[n > 0] / n[n > 0, None])
    np.testing.assert_allclose(mean[n > 0], ρ[n > 0] / n[n > 0], atol=1e-12)
    assert not T[n == 0].any()
    assert not mean[n == 0].any()


@given(steps)
@settings(max_examples=30, deadline=None)
def test_a_full_update_solves_the_model_and_an_untried_pair_is_worth_nothing(τ):
    model = fed(ml(dm.FullUpdate()), τ)
    np.testing.assert_allclose(model.U, optimum(model), atol=1e-8)
    Q = dm.action_values(model)
    assert (Q[model.n == 0] == 0).all()
    for s in range(S):
        np.testing.assert_allclose(dm.action_values(model, s), Q[s], rtol=1e-12)
    P = dm.estimated_mdp(model, "uniform")
    np.testing.assert_allclose(P.T.array[model.n == 0], 1 / S)
    sparse = fed(ml(dm.FullUpdate(), sparse=True), τ)
    np.testing.assert_allclose(sparse.U, model.U, atol=1e-8)
    np.testing.assert_allclose(dm.action_values(sparse), Q, atol=1e-8)


@given(steps, st.sampled_from([1, 2, 3, 10]))
@settings(max_examples=30, deadline=None)
def test_prioritised_sweeping_is_the_listings(τ, m):
    """Dense, sparse, and a batch: the same states in the same order as with a queue and a scan of all pairs."""
    U, backups = prioritized_sweeping(S, A, γ, m, τ)
    planner = dm.PrioritizedUpdate(m, threshold=1e-13)
    for model in (fed(ml(planner), τ), fed(ml(planner, sparse=True), τ)):
        np.testing.assert_allclose(model.U, U, rtol=1e-9, atol=1e-9)
        assert model.backups == backups
    batch = fed(ml(planner), τ, 2)
    np.testing.assert_allclose(batch.U, [U, U], rtol=1e-9, atol=1e-9)
    assert batch.backups.tolist() == [backups] * 2


@given(steps)
@settings(max_examples=20, deadline=None)
def test_all_planners_end_at_the_same_values(τ):
    exact = fed(ml(dm.FullUpdate()), τ).U
    for planner in (dm.PrioritizedUpdate(3000), dm.RandomizedUpdate(500)):
        for sparse in (False, True):
            model = fed(ml(planner, sparse=sparse), τ)
            np.testing.assert_allclose(model.U, exact, atol=1e-8)
            low, high = min(0, *(r for _, _, r, _ in τ)), max(0, *(r for _, _, r, _ in τ))
            assert (low / (1 - γ) - 1e-9 <= model.U).all()
            assert (high / (1 - γ) + 1e-9 >= model.U).all()


def test_the_queue_lives_on_and_a_threshold_lets_small_priorities_go():
    τ = [(0, 0, 0.0, 1), (1, 0, 1.0, 2)]
    one = fed(ml(dm.PrioritizedUpdate(1)), τ)
    assert one.priority.tolist() == [1.0, 0.0, 0.0, 0.0]  # state 0 waits: U(1) has changed by 1
    more = dm.update(one, 3, 0, 0.0, 3)
    assert more.priority[0] == 1.0
    assert not fed(ml(dm.PrioritizedUpdate(1, threshold=1.0)), τ).priority.any()
    found = fed(ml(dm.PrioritizedUpdate(2)), τ)
    np.testing.assert_allclose(found.U, [γ, 1, 0, 0])


def test_full_updates_every_few_steps():
    model = dm.start(ml(dm.FullUpdate(every=3)))
    for k in range(1, 7):
        dm.update(model, 0, 0, 1.0, 0)
        assert (model.U[0] > 0) == (k >= 3)


def test_randomised_updates_back_up_the_state_that_was_left_first():
    for sparse in (False, True):
        model = fed(ml(dm.RandomizedUpdate(0), sparse=sparse), [(2, 1, 1.5, 3)])
        np.testing.assert_allclose(model.U, [0, 0, 1.5, 0])
        assert fed(ml(dm.RandomizedUpdate(4), sparse=sparse), [(2, 1, 1.5, 3)]).backups == 5


def test_the_books_call_of_a_planner():
    for sparse in (False, True):
        model = fed(ml(dm.RandomizedUpdate(0), sparse=sparse), [(0, 0, 0.0, 1), (1, 0, 1.0, 2)])
        assert model.U[0] == 0
        assert dm.update(dm.PrioritizedUpdate(1), model, 0, 0, 0.0, 1) is model
        np.testing.assert_allclose(model.U, [γ, 1, 0, 0])


@given(steps, st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_rmax_thinks_the_best_of_what_it_does_not_know(τ, m):
    top = 3.0
    model = fed(dm.RmaxMDP(S, A, γ, dm.FullUpdate(), m, top), τ)
    known = model.n >= m
    Q = dm.action_values(model)
    np.testing.assert_allclose(Q[~known], top / (1 - γ))
    for s in range(S):
        np.testing.assert_allclose(dm.action_values(model, s), Q[s], rtol=1e-9)
    assert (top / (1 - γ) + 1e-9 >= model.U).all()
    np.testing.assert_allclose(model.U, optimum(model), atol=1e-8)
    swept = fed(dm.RmaxMDP(S, A, γ, dm.PrioritizedUpdate(3000), m, top), τ)
    visited = np.unique([s for s, *_ in τ])
    np.testing.assert_allclose(swept.U[visited], [model.U[s] for s in visited], atol=top / (1 - γ))
    if known.all():
        np.testing.assert_allclose(model.U, fed(ml(dm.FullUpdate()), τ).U, atol=1e-9)


def test_frozen_counts_stop_at_m():
    τ = [(0, 0, 1.0, 1), (0, 0, 2.0, 1), (0, 0, 3.0, 2)]
    going = fed(dm.RmaxMDP(S, A, γ, dm.FullUpdate(), 2, 3.0), τ)
    frozen = fed(dm.RmaxMDP(S, A, γ, dm.FullUpdate(), 2, 3.0, freeze=True), τ)
    assert (going.n[0, 0], going.ρ[0, 0]) == (3, 6)
    assert (frozen.n[0, 0], frozen.ρ[0, 0]) == (2, 3)
    assert frozen.N[0, 0].tolist() == [0, 2, 0, 0]


def test_a_reward_above_r_max_is_warned_of():
    with pytest.warns(UserWarning, match=r"r = 5 is above r_max = 2"):
        fed(dm.RmaxMDP(S, A, γ, dm.FullUpdate(), 1, 2.0), [(0, 0, 5.0, 1)])


def test_rmax_learns_hex_world():
    P = HexWorld()
    model = dm.start(dm.RmaxMDP(25, 6, P.γ, dm.FullUpdate(every=10), 10, 10.0), 2)
    model, _ = dm.learn(P, model, dm.EpsilonGreedyExploration(0.0), 4000, rng=0, episode=10)
    assert (dm.value(model, P) > 3.9).all()  # of 4.1686


# ---- Bayesian models

D = np.array([[[1.0, 0, 2, 1]] * 2, [[0.5] * 4] * 2, [[3, 1, 0, 0]] * 2, [[0, 0, 0, 1.0]] * 2])


@given(steps)
@settings(max_examples=20, deadline=None)
def test_the_posterior_is_the_prior_and_the_counts(τ):
    model = fed(dm.BayesianMDP(S, A, D, R, γ, dm.FullUpdate()), τ)
    N, _, _ = counted(S, A, τ)
    np.testing.assert_array_equal(model.D, D + N)
    T, mean = model.tables()
    np.testing.assert_allclose(T, (D + N) / (D + N).sum(axis=2, keepdims=True))
    np.testing.assert_array_equal(mean, R)
    best = dm.solve(dm.LinearProgramFormulation(), dm.MDP.from_arrays(T, R, γ)).U
    np.testing.assert_allclose(model.U, best, atol=1e-8)
    np.testing.assert_allclose(dm.estimated_mdp(model).T.array, T)
    for s in range(S):
        np.testing.assert_allclose(dm.action_values(model, s), R[s] + γ * T[s] @ model.U, rtol=1e-9)
    for planner in (dm.PrioritizedUpdate(3000), dm.RandomizedUpdate(300)):
        s = τ[-1][0]
        swept = fed(dm.BayesianMDP(S, A, D, R, γ, planner), τ)
        assert swept.U[s] == pytest.approx(dm.action_values(swept, s).max(), abs=0.2) or len(τ) < 3


def test_draws_from_the_posterior_have_its_moments_and_its_zeros():
    model = dm.start(dm.BayesianMDP(S, A, D, R, γ, dm.FullUpdate()), 20_000)
    T = dm.posterior_sample(model, 0)
    assert T.shape == (20_000, S, A, S)
    np.testing.assert_allclose(T.sum(axis=-1), 1)
    assert not T[:, D == 0].any()
    mean = D / D.sum(axis=-1, keepdims=True)
    deviation = np.sqrt(mean * (1 - mean) / (D.sum(axis=-1, keepdims=True) + 1))
    assert (abs(T.mean(axis=0) - mean) <= 5 * deviation / np.sqrt(20_000) + 1e-12).all()
    np.testing.assert_allclose(T.std(axis=0), deviation, atol=0.01)
    some = dm.posterior_sample(model, 0, np.array([3, 5, 7]))
    assert some.shape == (3, S, A, S)
    tiny = dm.start(dm.BayesianMDP(2, 1, 1e-300, np.zeros((2, 1)), γ, dm.FullUpdate()))
    assert np.isfinite(dm.posterior_sample(tiny, 0)).all()


def test_posterior_sampling_solves_the_model_it_draws():
    M = dm.BayesianMDP(S, A, D, R, γ, dm.PosteriorSamplingUpdate())
    model = dm.update(dm.start(M, 3), [0, 1, 2], [0, 0, 1], 0.0, [1, 1, 0], rng=np.random.default_rng(4))
    T = dm.posterior_sample(model, np.random.default_rng(4))
    for i in range(3):
        U = dm.solve(dm.LinearProgramFormulation(), dm.MDP.from_arrays(T[i], R, γ)).U
        np.testing.assert_allclose(model.U[i], U, atol=1e-8)


def test_a_model_for_each_episode():
    M = dm.BayesianMDP(S, A, D, R, γ, dm.PosteriorSamplingUpdate(per_episode=True))
    model, rng, seen = dm.start(M, 2), np.random.default_rng(0), []
    for k in range(6):
        dm.update(model, [0, 1], [0, 0], 0.0, [1, 1], rng=rng)
        seen.append(model.U.copy())
        if k == 2:
            dm.end(model, [True, False])
    changed = [[bool((seen[k][i] != seen[k - 1][i]).any()) for k in range(1, 6)] for i in range(2)]
    assert changed == [[False, False, True, False, False], [False] * 5]


@given(st.integers(0, 100), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_planning_with_beliefs_is_the_best_over_all_histories(seed, d):
    rng = np.random.default_rng(seed)
    prior, rewards = rng.integers(0, 3, (2, 2, 2)) + np.eye(2)[:, None], rng.normal(size=(2, 2))
    model = dm.start(dm.BayesianMDP(2, 2, prior, rewards, 0.9, dm.RandomizedUpdate(0)))
    before = model.D.copy()
    for s in range(2):
        found = dm.bayes_adaptive_values(model, s, d)
        assert found.max() == pytest.approx(belief_value(prior.astype(float), rewards, 0.9, s, d), rel=1e-10)
    np.testing.assert_array_equal(model.D, before)
    U = np.array([3.0, -1.0])
    T, _ = model.tables()
    np.testing.assert_allclose(dm.bayes_adaptive_values(model, 0, 1, U), rewards[0] + 0.9 * T[0] @ U)


def test_trees_of_beliefs_that_are_too_large_are_refused():
    model = dm.start(dm.BayesianMDP(25, 6, 1.0, np.zeros((25, 6)), 0.9, dm.RandomizedUpdate(0)))
    with pytest.raises(ValueError, match="506,250,000 nodes in a tree of 4 steps"):
        dm.bayes_adaptive_values(model, 0, 4)
    with pytest.raises(ValueError, match="single"):
        dm.bayes_adaptive_values(dm.start(model.M, 2), 0, 1)


# ---- sparse counts


@given(steps)
@settings(max_examples=20, deadline=None)
def test_sparse_counts_are_the_dense_ones(τ):
    sparse, (N, n, ρ) = fed(ml(dm.RandomizedUpdate(0), sparse=True), τ), counted(S, A, τ)
    found = np.zeros((S * A, S))
    pair, s_next, count = sparse.seen()
    np.add.at(found, (pair, s_next), count)
    np.testing.assert_array_equal(found.reshape(S, A, S), N)
    assert len(pair) == np.count_nonzero(N)
    np.testing.assert_array_equal(sparse.n.reshape(S, A), n)
    np.testing.assert_allclose(sparse.ρ.reshape(S, A), ρ, atol=1e-12)
    sparse.check_contents(sparse.arrays())
    dense = fed(ml(dm.RandomizedUpdate(0)), τ)
    np.testing.assert_allclose(dm.action_values(sparse), dm.action_values(dense), atol=1e-12)
    np.testing.assert_allclose(dm.action_values(sparse, [[0, 1], [2, 3]]), dm.action_values(dense).reshape(2, 2, A))


def test_learning_with_sparse_counts_replays():
    P = HexWorld()
    M = dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.PrioritizedUpdate(5), sparse=True)
    dense = dm.start(attrs.evolve(M, sparse=False))
    model, τs = dm.learn(P, dm.start(M), dm.EpsilonGreedyExploration(0.2), 400, rng=0, episode=10)
    again = dm.replay(dm.start(M), τs)
    np.testing.assert_array_equal(again.U, model.U)
    half = dm.replay(dm.replay(dm.start(M), τs[:1]), τs)  # a copy in the middle takes its queue along
    assert half.n.sum() == 800
    np.testing.assert_allclose(dm.replay(dense, τs).U, model.U, rtol=1e-9, atol=1e-9)


def test_a_step_takes_no_time_that_grows_with_the_number_of_states():
    """Two millions of pairs: nothing of that length is made or scanned in a step."""
    import tracemalloc

    model = dm.start(dm.MaximumLikelihoodMDP(1_000_000, 2, 0.99, dm.PrioritizedUpdate(20), sparse=True))
    size = sum(x.nbytes for x in model.arrays().values())
    assert size < 80e6
    dm.update(model, 0, 0, 0.0, 1)
    tracemalloc.start()
    for s in range(1, 200):
        dm.update(model, s, 0, float(s == 199), s + 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6
    np.testing.assert_allclose(model.U[190:200], 0.99 ** np.arange(9, -1, -1))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dm.RmaxMDP(3, 2, 1.0, dm.PrioritizedUpdate(3), 1, 1.0), ValueError, r"γ = 1\.0: must be below 1"),
        (lambda: dm.RmaxMDP(3, 2, 0.9, dm.PrioritizedUpdate(3), 0, 1.0), ValueError, "m = 0"),
        (lambda: dm.RmaxMDP(3, 2, 0.9, dm.PrioritizedUpdate(3), 1, np.inf), ValueError, "r_max = inf"),
        (lambda: dm.MaximumLikelihoodMDP(3, 2, 1.0, dm.FullUpdate()), ValueError, "γ = 1.0.*FullUpdate"),
        (lambda: dm.MaximumLikelihoodMDP(3, 2, 0.9, 3), TypeError, "planner = 3"),
        (lambda: dm.MaximumLikelihoodMDP(3, 2, 0.9, dm.PosteriorSamplingUpdate()), TypeError, "planner = "),
        (lambda: dm.PrioritizedUpdate(0), ValueError, "m = 0"),
        (lambda: dm.PrioritizedUpdate(1, threshold=-1.0), ValueError, "threshold = -1"),
        (lambda: dm.RandomizedUpdate(-1), ValueError, "m = -1"),
        (lambda: dm.FullUpdate(every=0), ValueError, "every = 0"),
        (lambda: dm.BayesianMDP(S, A, 0.0, R, γ, dm.FullUpdate()), ValueError, "D = 0.0"),
        (lambda: dm.BayesianMDP(S, A, -D, R, γ, dm.FullUpdate()), ValueError, "D = "),
        (lambda: dm.BayesianMDP(S, A, 1.0, R[:2], γ, dm.FullUpdate()), ValueError, "R = "),
        (lambda: dm.BayesianMDP(S, A, 1.0, R * np.nan, γ, dm.FullUpdate()), ValueError, "R = "),
        (lambda: dm.start(ml(dm.FullUpdate()), N=-1.0), ValueError, "N = -1"),
        (lambda: dm.start(ml(dm.FullUpdate(), sparse=True), 5), ValueError, "batch = 5"),
        (lambda: dm.estimated_mdp(dm.start(ml(dm.FullUpdate()), 2)), ValueError, r"replications \(2,\)"),
        (lambda: dm.estimated_mdp(dm.start(ml(dm.FullUpdate())), "zero"), ValueError, "unvisited = 'zero'"),
    ],
)
def test_what_is_wrong_is_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


@pytest.mark.parametrize("U", [[np.nan, 0.0], [0.0], 1.0], ids=repr)
def test_utilities_beyond_the_tree_of_beliefs_are_checked(U):
    model = dm.start(dm.BayesianMDP(2, 2, 1.0, np.zeros((2, 2)), 0.9, dm.FullUpdate()))
    with pytest.raises(ValueError, match=r"U = .*finite utilities of the 2 states"):
        dm.bayes_adaptive_values(model, 0, 1, U)


ENDING = [
    (0, 0, 0.5, 3, True),
    (1, 1, 1.0, 0, False),
    (0, 1, -1.0, 1, False),
    (0, 0, 1.0, 3, True),
    (1, 0, 0.0, 2, False),
]


def value_where_state_3_ends(T, R):
    """U* (S,) by value iteration in plain Python, state 3 being worth 0."""
    U = [0.0] * S
    for _ in range(400):
        U = [
            0.0 if s == 3 else max(R[s][a] + γ * sum(T[s][a][x] * U[x] for x in range(S)) for a in range(A))
            for s in range(S)
        ]
    return U


@pytest.mark.parametrize("name", ["likelihood", "rmax", "bayes"])
@pytest.mark.parametrize("planner", [dm.FullUpdate(), dm.RandomizedUpdate(200), dm.PrioritizedUpdate(500)])
@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_a_terminal_state_is_worth_0_though_nothing_was_tried_there(name, planner, batch):
    n, N, ρ = (np.zeros(shape) for shape in ((S, A), (S, A, S), (S, A)))
    M = {
        "likelihood": dm.MaximumLikelihoodMDP(S, A, γ, planner),
        "rmax": dm.RmaxMDP(S, A, γ, planner, 2, 1.0),
        "bayes": dm.BayesianMDP(S, A, 0.5, R, γ, planner),
    }[name]
    model = dm.start(M, batch, U=np.full(S, 2.0))
    for s, a, r, s_next, ended in ENDING:
        n[s, a], N[s, a, s_next], ρ[s, a] = n[s, a] + 1, N[s, a, s_next] + 1, ρ[s, a] + r
        given = (np.full(batch, x) for x in (s, a, r, s_next))
        dm.update(model, *given, terminated=np.full(batch, ended), rng=0)
    if name == "bayes":
        T, Rs = (N + 0.5) / (n + 0.5 * S)[..., None], R
    else:
        T, Rs = N / np.maximum(n, 1)[..., None], ρ / np.maximum(n, 1)
    if name == "rmax":
        known = n >= 2
        T, Rs = np.where(known[..., None], T, np.eye(S)[:, None]), np.where(known, Rs, 1.0)
    U = value_where_state_3_ends(T.tolist(), Rs.tolist())
    assert (model.U[..., 3] == 0).all()
    assert (dm.action_values(model, np.full(batch, 3)) == 0).all()
    if isinstance(planner, dm.FullUpdate):
        assert np.allclose(model.U, U, atol=1e-9)
    one = model if batch == () else dm.part(model, (1, 2))
    for unvisited in ("end", "uniform"):
        P = dm.estimated_mdp(one, unvisited)
        if unvisited == "end" or name != "likelihood":
            solved = dm.policy_evaluation(P, dm.solve(dm.ValueIteration(500), P))
            assert np.allclose(solved[:S], U, atol=1e-9)
            assert solved[3] == 0
        assert P.T(3, 1, 3) == 1
        assert P.R(3, 1) == 0
    if name == "bayes":
        sure = dm.bayes_adaptive_values(one, 0, 1, U=np.full(S, 5.0))
        assert np.allclose(sure, R[0] + γ * 5 * T[0][:, :3].sum(axis=1))
        assert not dm.bayes_adaptive_values(one, 3, 3).any()


def test_r_max_does_not_hope_for_terminal_states_for_ever():
    T = np.zeros((3, 2, 3))
    T[0, 0, 1] = T[0, 1, 2] = T[1, :, 0] = T[2, :, 2] = 1
    P = dm.MDP.from_arrays(T, [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]], 0.9, terminal=lambda s: s == 2)
    for planner in (dm.FullUpdate(), dm.RandomizedUpdate(2), dm.PrioritizedUpdate(4)):
        model = dm.start(dm.RmaxMDP(3, 2, 0.9, planner, 2, 1.0))
        model, τs = dm.learn(P, model, dm.EpsilonGreedyExploration(0.0), 200, s=0, rng=0)
        assert dm.greedy_policy(model)[0] == 0
        assert τs.r[:, 100:].mean() == 0.5


@pytest.mark.parametrize("planner", [dm.FullUpdate(), dm.RandomizedUpdate(5), dm.PrioritizedUpdate(9)])
def test_a_sparse_model_knows_terminal_states_as_the_dense_one_does(planner):
    found = []
    for sparse in (False, True):
        model = dm.start(dm.MaximumLikelihoodMDP(S, A, γ, planner, sparse=sparse), U=np.full(S, 2.0))
        for s, a, r, s_next, ended in ENDING:
            dm.update(model, s, a, r, s_next, terminated=ended, rng=0)
        found.append(model.U)
    assert np.allclose(*found, atol=1e-12)
    assert found[0][3] == 0


def test_a_state_that_is_left_is_not_terminal_after_all():
    model = dm.start(dm.RmaxMDP(S, A, γ, dm.FullUpdate(), 1, 1.0))
    dm.update(model, 0, 0, 0.5, 1, terminated=True)
    assert model.U[1] == 0
    assert model.ended.tolist() == [False, True, False, False]
    dm.update(model, 1, 0, 0.5, 2)
    assert not model.ended.any()
    assert model.U[1] == pytest.approx(1 / (1 - γ))


def test_pairs_of_a_sparse_model_that_were_never_tried_lead_to_an_end():
    model = dm.start(dm.MaximumLikelihoodMDP(S, A, γ, dm.FullUpdate(), sparse=True))
    with pytest.raises(ValueError, match="unvisited = 'uniform': must be 'end' for a sparse model"):
        dm.estimated_mdp(model, "uniform")
    assert len(dm.estimated_mdp(model).S) == S + 1
