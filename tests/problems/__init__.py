"""What every problem promises, whatever it is: the checks that its test file calls."""

import numpy as np

from decision_making import rollouts, simulate
from decision_making.sampling import sample_start


def random_actions(P, m, rng):
    return rng.integers(len(P.A), size=m) if P.A is not None else rng.normal(size=m)


def visited(P, m=200, d=30, seed=0):
    """(m, ...) states on the way of uniformly random actions."""
    rng = np.random.default_rng(seed)
    s, seen = sample_start(P.b, m, rng), []
    for _ in range(d):
        s, _ = P.TR(s, random_actions(P, m, rng), rng)
        seen.append(s)
    return np.concatenate(seen)[rng.permutation(m * d)[:m]]


def check_batches(P, s, seed=0):
    """A batch keeps its shape, its inputs and its order, and the same seed gives the same bits."""
    rng = np.random.default_rng(seed)
    a = random_actions(P, len(s), rng)
    s_before, a_before = s.copy(), a.copy()
    s_next, r = P.TR(s, a, np.random.default_rng(seed))
    again, r_again = P.TR(s, a, np.random.default_rng(seed))
    assert s_next.shape == s.shape
    assert r.shape == (len(s),)
    assert r.dtype == np.float64
    np.testing.assert_array_equal(s_next, again)
    np.testing.assert_array_equal(r, r_again)
    np.testing.assert_array_equal(s, s_before)
    np.testing.assert_array_equal(a, a_before)
    assert not np.shares_memory(s, s_next)


def check_one_by_one(P, s, seed=0):
    """Where nothing is random, a batch is its rows one by one, and any leading axes will do."""
    a = random_actions(P, len(s), np.random.default_rng(seed))
    s_next, r = P.TR(s, a, np.random.default_rng(seed))
    for i in range(len(s)):
        one, r_one = P.TR(s[i : i + 1], a[i : i + 1], np.random.default_rng(seed))
        np.testing.assert_array_equal(one[0], s_next[i])
        assert r_one[0] == r[i]
    two, r_two = P.TR(s.reshape(2, -1, *s.shape[1:]), a.reshape(2, -1), np.random.default_rng(seed))
    np.testing.assert_array_equal(two.reshape(s.shape), s_next)
    np.testing.assert_array_equal(r_two.ravel(), r)


def check_terminal(P, s):
    """Terminal states absorb, pay 0, and are flagged row by row."""
    assert P.terminal(s).shape == (len(s),)
    assert P.terminal(s).dtype == np.bool_
    assert P.terminal(s).all()
    rng = np.random.default_rng(0)
    for a in P.A:
        s_next, r = P.TR(s, np.full(len(s), a), rng)
        np.testing.assert_array_equal(s_next, s)
        assert (r == 0).all()
        assert (P.R(s, np.full(len(s), a)) == 0).all()
    assert [bool(P.terminal(s[i : i + 1])[0]) for i in range(len(s))] == [True] * len(s)


def check_rollouts(P, d=20, m=300):
    """simulate and rollouts run, end where the problem ends, and give the same for the same seed."""

    def π(θ, s, rng):
        return random_actions(P, len(s), rng)

    τs, again = (rollouts(P, P.b, π, np.zeros(1), d, m, rng=3) for _ in range(2))
    for name in ("s", "a", "r", "mask", "s_end", "terminated"):
        np.testing.assert_array_equal(getattr(τs, name), getattr(again, name))
    if P.terminal is not None:
        np.testing.assert_array_equal(τs.terminated, P.terminal(τs.s_end))
        assert not P.terminal(τs.flat()[0]).any()
    if P.R is not None:
        s, a, r = τs.flat()
        np.testing.assert_allclose(r, P.R(s, a), atol=1e-12)
    policy_rng = np.random.default_rng(0)
    one = simulate(P, τs.s[:, 0], lambda s: random_actions(P, len(s), policy_rng), d, rng=4)
    assert len(one) == m
    return τs


def check_picture(P, states):
    """Pictures are images, and different states look different."""
    pictures = [P.draw(s) for s in states]
    for picture in pictures:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.shape == pictures[0].shape
        assert len(np.unique(picture.astype(int) @ [1, 256, 65536])) > 3
    for i in range(len(pictures)):
        for j in range(i):
            assert (pictures[i] != pictures[j]).any()
