"""Sarsa(λ) changes only the pairs that have a trace: the same bits as whole tables give, whatever happens between."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.model_uncertainty.learners import copied, part, put
from decision_making.model_uncertainty.model_free_methods.tables import TracesTable
from decision_making.model_uncertainty.model_free_methods.trails import SHARE, Trail

S, A = 6, 4  # a list of at most 6 pairs


def whole_tables(monkeypatch):
    monkeypatch.setattr(Trail, "noted", lambda self, k, which: None)


def lived(M, batch, seed, lately, ends=0.15, steps=40):
    """A table after random steps: some end, some are cut, and now and then it is copied, or a part of it goes on."""
    rng, model = np.random.default_rng(seed), dm.start(M, batch, Q=np.random.default_rng(seed).normal(size=(S, A)))
    for k in range(steps):
        s, a, s_next = (rng.integers(0, n, batch) for n in (S, A, S))
        ended = rng.random(batch) < ends
        dm.update(model, s, a, rng.normal(size=batch), s_next, terminated=ended if rng.random() < 0.8 else None)
        dm.end(model, rng.random(batch) < ends)
        if lately and k % 7 == 6:
            model = copied(model)
        if lately and k % 11 == 10 and batch:
            some = part(model, np.array([0]) if len(batch) == 1 else (np.array([0]), np.array([1])))
            dm.update(some, [1], [2], [0.5], [3])
            put(model, np.array([0]) if len(batch) == 1 else (np.array([0]), np.array([1])), some)
    return model


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("ends", [0.0, 0.15, 0.5])
def test_listed_pairs_give_the_bits_of_whole_tables(batch, replacing, ends, monkeypatch):
    for seed in range(3):
        M = dm.SarsaLambda(S, A, 0.9, 0.3, 0.8, replacing=replacing)
        listed = lived(M, batch, seed, True, ends)
        with monkeypatch.context() as patched:
            whole_tables(patched)
            dense = lived(M, batch, seed, True, ends)
        np.testing.assert_array_equal(listed.Q, dense.Q)
        np.testing.assert_array_equal(listed.N, dense.N)


def test_rates_of_each_replication_reach_its_listed_pairs(monkeypatch):
    M = dm.SarsaLambda(S, A, [0.9, 0.5, 1.0], [0.1, 0.3, 0.5], [0.2, 0.9, 1.0])
    listed = lived(M, (3,), 0, False)
    whole_tables(monkeypatch)
    np.testing.assert_array_equal(listed.Q, lived(M, (3,), 0, False).Q)


@given(st.lists(st.tuples(st.integers(0, 23), st.booleans(), st.booleans()), max_size=30))
@settings(max_examples=60)
def test_a_trail_lists_all_that_it_met_or_says_that_it_does_not_know(events):
    trail, met, late = Trail(np.zeros((2, S, A))), set(), 0
    for pair, clear, both in events:
        if clear:
            trail.clear(np.array([False, True]))
            met, late = set(), 0
        found = trail.noted(np.array([pair, 24 + pair]), np.array([both, True]))
        met.add(24 + pair)
        late += 1
        if found is None:
            assert trail.size.max() > S * A // SHARE
            continue
        assert met <= set(found[1].tolist())
        assert found.min() >= 0
        assert (found[0] < 24).all()
        assert (found[1] >= 24).all()
        assert late <= S * A // SHARE
        assert found.shape[1] == trail.size.max()


def test_a_model_that_begins_with_traces_is_taken_for_unknown_until_they_are_cleared():
    N = np.zeros((2, S, A))
    N[1, 3, 2] = 0.5
    trail, nothing = Trail(N), (np.array([0, 24]), np.array([False, False]))
    assert trail.noted(*nothing) is None
    trail.clear(np.array([True, False]))
    assert trail.noted(*nothing) is None
    trail.clear(np.array([False, True]))
    assert trail.noted(*nothing).shape == (2, 0)


def test_a_list_is_given_until_it_is_longer_than_its_share_of_the_table():
    trail, both = Trail(np.zeros((2, S, A))), np.array([True, True])
    assert trail.noted(np.array([0, 24]), np.array([False, False])).shape == (2, 0)
    for n in range(1, S * A // SHARE + 1):
        np.testing.assert_array_equal(trail.noted(np.array([n, 24 + n]), both)[1], 24 + np.arange(1, n + 1))
    for _ in range(3):
        assert trail.noted(np.array([1, 25]), both) is None


def test_a_part_that_went_on_by_itself_is_known_to_have_traces_elsewhere():
    """Its new traces decay with the rest; they stayed as they were."""
    model = dm.start(dm.SarsaLambda(S, A, 0.9, 0.3, 0.8), 2)
    for s in (0, 1):
        dm.update(model, [s, s], [0, 0], [1.0, 1.0], [s + 1, s + 1])
    some = part(model, np.array([0]))
    for s in (2, 3):
        dm.update(some, [s], [1], [1.0], [s + 1])
    put(model, np.array([0]), some)
    before = model.N[0, 2, 1]
    assert before > 0
    dm.update(model, [4, 4], [0, 0], [1.0, 1.0], [5, 5])
    assert model.N[0, 2, 1] == 0.9 * 0.8 * before


def test_short_episodes_are_learnt_from_by_lists(monkeypatch):
    """Else nothing would be gained: the whole table is never asked for."""
    model, told = dm.start(dm.SarsaLambda(S, A, 0.9, 0.3, 0.8), 5), []
    own = Trail.noted
    monkeypatch.setattr(Trail, "noted", lambda *given: told.append(own(*given)) or told[-1])
    P = dm.MDP.from_arrays(np.full((S, A, S), 1 / S), np.ones((S, A)), 0.9)
    dm.learn(P, model, dm.EpsilonGreedyExploration(0.5), 50, b=np.ones(S) / S, episode=6, rng=0)
    assert all(x is not None for x in told)
    assert max(x.shape[1] for x in told) == 5  # of the last step nothing is learnt


def test_a_saved_table_has_no_trail_in_it(tmp_path):
    M = dm.SarsaLambda(S, A, 0.9, 0.3, 0.8)
    model = lived(M, (2,), 1, False)
    assert "_trail" not in model.arrays()
    dm.save_model(tmp_path / "table.npz", model)
    again = dm.load_model(tmp_path / "table.npz", M)
    assert isinstance(again, TracesTable)
    for x in (model, again):
        dm.update(x, [0, 1], [1, 2], [1.0, 2.0], [2, 3])
    np.testing.assert_array_equal(model.Q, again.Q)
    np.testing.assert_array_equal(model.N, again.N)


@pytest.mark.parametrize("replacing", [False, True])
def test_the_end_of_one_replication_leaves_the_traces_of_the_others_alone(replacing):
    rng = np.random.default_rng(3)
    M = dm.SarsaLambda(4, 2, 0.9, 0.3, 0.7, replacing=replacing)
    both, alone = dm.start(M, 2), [dm.start(M), dm.start(M)]
    ended = 0
    for _ in range(60):
        s, a, s_next = rng.integers(4, size=2), rng.integers(2, size=2), rng.integers(4, size=2)
        r, terminated = rng.normal(size=2), rng.random(2) < 0.3
        ended += terminated[0] != terminated[1]
        dm.update(both, s, a, r, s_next, terminated=terminated)
        for i, model in enumerate(alone):
            dm.update(model, s[i], a[i], r[i], s_next[i], terminated=terminated[i])
    assert ended > 10
    for i, model in enumerate(alone):
        np.testing.assert_allclose(both.Q[i], model.Q, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(both.N[i], model.N, rtol=1e-12, atol=1e-14)
