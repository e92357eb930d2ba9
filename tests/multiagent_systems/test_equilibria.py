"""Nash and correlated equilibria: against brute force over supports, closed forms and linear programs."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import linprog

import decision_making as dm
from decision_making.multiagent_systems.multiagent_reasoning.lemke_howson import lemke_howson
from decision_making.multiagent_systems.multiagent_reasoning.nonlinear_program import NashProgram
from decision_making.multiagent_systems.multiagent_reasoning.supports import number_of_systems
from decision_making.problems import PrisonersDilemma, RockPaperScissors, TravelersDilemma
from tests.oracles import games as oracle

ALMOST = dm.SimpleGame.from_arrays([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
CLIMB = dm.SimpleGame.from_arrays([[-4, 0], [-1, -5]], [[-4, -1], [0, -5]])
DINNER = dm.SimpleGame.from_arrays([[2, 0], [0, 1]], [[1, 0], [0, 2]])
CHICKEN = dm.SimpleGame.from_arrays([[6, 2], [7, 0]], [[6, 7], [2, 0]])


def random_game(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return dm.SimpleGame.from_arrays(*rng.normal(size=(len(sizes), *sizes)))


@pytest.mark.parametrize(
    ("P", "expected"),
    [
        (PrisonersDilemma(), [(0, 0, -3, -3)]),
        (RockPaperScissors(), [(1 / 3, 1 / 3, 0, 0)]),
        (ALMOST, [(1 / 3, 1 / 3, 1 / 3, 1 / 3)]),
        (CLIMB, [(1, 0, 0, -1), (0, 1, -1, 0), (0.625, 0.625, -2.5, -2.5)]),
        (DINNER, [(1, 1, 2, 1), (0, 0, 1, 2), (2 / 3, 1 / 3, 2 / 3, 2 / 3)]),
        (CHICKEN, [(1, 0, 2, 7), (0, 1, 7, 2), (2 / 3, 2 / 3, 14 / 3, 14 / 3)]),
    ],
)
def test_all_equilibria_of_the_books_games(P, expected):
    found = [(x.π[0].p[0], x.π[1].p[0], *x.U) for x in dm.nash(P, all=True)]
    assert np.array(found) == pytest.approx(np.array(expected), abs=1e-12)
    assert dm.nash(P).status == "equilibrium"


@pytest.mark.parametrize("sizes", [(2, 2), (2, 4), (3, 3), (4, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_all_equilibria_are_those_of_brute_force_and_odd_in_number(sizes, seed):
    P = random_game(*sizes, seed=seed)
    found = sorted(np.concatenate([q.p for q in x.π]).round(8).tolist() for x in dm.nash(P, all=True))
    expected = sorted(np.concatenate(pair).round(8).tolist() for pair in oracle.equilibria(*P.R.array))
    assert len(found) % 2 == 1
    assert np.array(found) == pytest.approx(np.array(expected), abs=1e-7)


@pytest.mark.parametrize("sizes", [(3,), (2, 3), (2, 3, 2)])
def test_pure_equilibria_are_those_that_no_change_improves(sizes):
    rng = np.random.default_rng(3)
    for _ in range(20):
        P = dm.SimpleGame.from_arrays(*rng.integers(-1, 2, size=(len(sizes), *sizes)))
        assert list(map(tuple, np.argwhere(dm.pure_equilibria(P)))) == oracle.pure_equilibria(P.R.array)


def test_degenerate_games_have_an_equilibrium_by_every_method():
    rng = np.random.default_rng(0)
    for _ in range(40):
        P = dm.SimpleGame.from_arrays(*rng.integers(-1, 2, size=(2, *rng.integers(1, 5, 2))))
        for found in (
            *(dm.solve(dm.NashEquilibrium(M), P) for M in ("supports", "lemke_howson")),
            *dm.nash(P, all=True),
        ):
            assert found.status == "equilibrium"
            assert dm.gap(P, found).max() <= 1e-9
        pure = {tuple(a) for a in oracle.pure_equilibria(P.R.array)}
        assert pure <= {tuple(q.p.argmax() for q in x) for x in dm.nash(P, all=True) if all(q.p.max() == 1 for q in x)}


def test_extreme_equilibria_of_a_game_with_a_line_of_them():
    """Agent 2 does not care; agent 1 does, where P(column 1) is not 1/2."""
    P = dm.SimpleGame.from_arrays([[1, 0], [0, 1]], [[0, 0], [0, 0]])
    found = {tuple(np.concatenate([q.p for q in x]).round(9).tolist()) for x in dm.nash(P, all=True)}
    assert found == {(1, 0, 1, 0), (0, 1, 0, 1), (1, 0, 0.5, 0.5), (0, 1, 0.5, 0.5)}


def test_all_payoffs_equal():
    P = dm.SimpleGame.from_arrays(np.zeros((2, 3)), np.zeros((2, 3)))
    assert len(dm.nash(P, all=True)) == 6
    for M in ("auto", "zero_sum", "supports", "lemke_howson", "nonlinear"):
        assert dm.solve(dm.NashEquilibrium(M), P).gap.max() == 0
        assert dm.solve(dm.NashEquilibrium(M), P).status == "equilibrium"
    assert dm.solve(dm.CorrelatedEquilibrium(), P).gap.max() == 0


@pytest.mark.parametrize("shape", [(1, 4), (3, 3), (7, 4)])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e9])
def test_zero_sum_games_have_the_value_of_the_columns_linear_program(shape, scale):
    A = scale * np.random.default_rng(sum(shape)).normal(size=shape)
    found = dm.solve(dm.NashEquilibrium("zero_sum"), dm.SimpleGame.zero_sum(A))
    m, n = shape  # agent 2's program: min u subject to A y <= u
    other = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.hstack([A / scale, -np.ones((m, 1))]),
        b_ub=np.zeros(m),
        A_eq=[[1.0] * n + [0.0]],
        b_eq=[1.0],
        bounds=[(0, None)] * n + [(None, None)],
    )
    assert found.U[0] == pytest.approx(other.fun * scale, rel=1e-7)
    x, y = (q.p for q in found)
    assert found.gap.sum() == pytest.approx((A @ y).max() - (x @ A).min(), abs=1e-12 * scale)  # the duality gap
    assert found.gap.max() <= 1e-9 * scale
    assert found.exact


@pytest.mark.parametrize("kind", range(4))
def test_pivots_of_zero_sum_games_end_with_ties_and_with_payoffs_that_nearly_tie(kind):
    """A rounding that a small pivot multiplies must not lead astray: once the gap was a half of the span."""
    rng = np.random.default_rng(kind)
    for _ in range(60):
        m, n = rng.integers(1, 25, 2)
        places = np.subtract.outer(np.arange(m), np.arange(n))
        A = (
            rng.integers(-1, 2, (m, n)) * 1.0,
            rng.integers(0, 2, (m, n)) + 1e-7 * rng.normal(size=(m, n)),
            np.sign(places) * 1.0,
            np.exp(8 * rng.normal(size=(m, n))),
        )[kind]
        found = dm.solve(dm.NashEquilibrium("zero_sum"), dm.SimpleGame.zero_sum(A))
        assert found.gap.max() <= 1e-6 * np.ptp(A)
        x, y = (q.p for q in found)
        assert (A @ y).max() - (x @ A).min() == pytest.approx(found.gap.sum(), abs=1e-12 * abs(A).max())


@pytest.mark.parametrize(("scale", "more"), [(1, 0), (1, 1e10), (1e10, 0)])
def test_large_payoffs_of_one_agent_do_not_make_an_equilibrium_of_what_another_gains_by(scale, more):
    """Matching pennies; agent 2 counts in other units. Best responses go round, and one gains 2 each time."""
    B = np.array([[-1, 1], [1, -1]])
    P = dm.SimpleGame.from_arrays(-B, scale * B + more)
    assert dm.nash(P).status == "equilibrium"
    np.testing.assert_allclose(dm.nash(P).π[0].p, [0.5, 0.5], atol=1e-5)
    for game, π in ((P, [{0: 1}, {1: 1}]), (dm.MG.repeated(P, 0.5), [[[1.0, 0.0]], [[0.0, 1.0]]])):
        found = dm.solve(dm.IteratedBestResponse(8, π), game)
        assert found.status == "cycle"
        assert found.gap[0].max() >= 2
        assert dm.solve(dm.NashEquilibrium("nonlinear"), game).gap[0].max() <= 1e-5
    unfair = dm.solve(dm.CorrelatedEquilibrium(), P)
    assert unfair.gap[0] <= 1e-6


def test_constant_sum_counts_as_zero_sum():
    P = dm.SimpleGame.from_arrays([[3, 1], [0, 2]], [[2, 4], [5, 3]])
    assert dm.nash(P).method == "zero_sum"
    assert dm.nash(P).U.tolist() == pytest.approx([1.5, 3.5])


@pytest.mark.parametrize("size", [2, 5, 12, 30])
def test_lemke_howson_ends_at_equilibria_from_every_label(size):
    P = random_game(size, size + 1, seed=size)
    A, B = P.R.array
    for label in range(0, 2 * size + 1, max(1, size // 3)):
        x, y, pivots = lemke_howson(A, B, label)
        assert (A @ y).max() - x @ A @ y <= 1e-8
        assert (x @ B).max() - x @ B @ y <= 1e-8
        assert pivots >= 2
    assert lemke_howson(A, B, 0, k_max=1) is None
    found = dm.solve(dm.NashEquilibrium("lemke_howson"), P)
    assert found.exact
    assert found.gap.max() <= 1e-12


def test_the_travelers_dilemma_has_the_lowest_claims():
    """A tiny gap far from the only equilibrium is not enough: the nonlinear program stops at claims of 15 and more."""
    P = TravelersDilemma()
    found = dm.nash(P)
    assert [q.mode for q in found] == [2, 2]
    assert found.U.tolist() == [2, 2]
    assert found.gap.tolist() == [0, 0]


@pytest.mark.parametrize("sizes", [(2, 2, 2), (3, 2, 2)])
def test_three_agents_have_a_certified_equilibrium(sizes):
    for seed in range(3):
        P = random_game(*sizes, seed=seed)
        found = dm.solve(dm.NashEquilibrium("nonlinear"), P)
        p = [q.p for q in found]
        worst = max(max(oracle.deviations(P.R.array, p, i)) - oracle.utility(P.R.array, p, i) for i in P.I)
        assert worst <= 1e-8
        assert found.status == "equilibrium"


def test_three_agents_who_want_to_differ_mix():
    """Odd one out: who differs from the other two wins 1. Without the pure ones, all of them mix evenly."""
    R = np.zeros((3, 2, 2, 2))
    for a in np.ndindex(2, 2, 2):
        for i in range(3):
            R[(i, *a)] = sum(x == a[i] for x in a) == 1
    P = dm.SimpleGame(1, range(3), [(0, 1)] * 3, R)
    found = dm.solve(dm.NashEquilibrium("nonlinear"), P)
    assert found.gap.max() <= 1e-9
    assert dm.nash(P).method == "pure"


@pytest.mark.parametrize("sizes", [(2, 3), (2, 2, 3)])
def test_derivatives_of_the_nonlinear_program_are_differences(sizes):
    program = NashProgram(random_game(*sizes))
    z, h = np.random.default_rng(0).random(sum(sizes) + len(sizes)), 1e-6
    for e in np.eye(len(z)):
        assert program.objective(z)[1] @ e == pytest.approx(
            (program.objective(z + h * e)[0] - program.objective(z - h * e)[0]) / (2 * h), abs=1e-8
        )
        slope = (program.slack(z + h * e) - program.slack(z - h * e)) / (2 * h)
        assert program.slack_slope(z) @ e == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("R", [[[3.0, -1.0], [7.0, 2.0]], [[0.03, -0.01], [0.07, 0.02]], [[5.0, 5.0], [5.0, 5.0]]])
def test_the_nonlinear_program_is_of_payoffs_from_0_to_1(R):
    """Of each agent, on a scale of its own: what one has in millions does not hide what another has in ones."""
    program = NashProgram(dm.SimpleGame.from_arrays(R, np.multiply(R, 0.5) - 100))
    np.testing.assert_allclose(program.R[0], (np.array(R) - np.min(R)) / (np.ptp(R) or 1))
    np.testing.assert_allclose(program.R[1], program.R[0])


def test_the_nonlinear_program_begins_at_a_feasible_point_and_takes_back_what_is_none(monkeypatch):
    program, asked = NashProgram(random_game(2, 3, 2)), {}
    start = [np.array([0.25, 0.75]), np.array([0.5, 0.25, 0.25]), np.array([0.0, 1.0])]

    def minimize(objective, x0, *, constraints, bounds, **options):
        asked.update(x0=x0, slack=constraints[0], sums=constraints[1], bounds=bounds)
        return SimpleNamespace(x=asked["ends"], nit=3)

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    for ends, expected in (
        (np.ones(10), [[0.5, 0.5], [1 / 3] * 3, [0.5, 0.5]]),
        (np.zeros(10), start),  # no distribution
        (np.append(np.zeros(2), np.ones(8)), start),  # of one agent
        (np.append(np.nan, np.ones(9)), start),
    ):
        asked["ends"] = ends
        found, iterations = program.solved(start)
        assert iterations == 3
        for q, r in zip(found, expected, strict=True):
            np.testing.assert_allclose(q, r)
    np.testing.assert_array_equal(asked["x0"][:7], np.concatenate(start))
    slack = asked["slack"]["fun"](asked["x0"])
    assert slack.min() >= 0
    assert [part.min() for part in np.split(slack, [2, 5])] == pytest.approx([0, 0, 0])  # U is what the best gives
    assert asked["sums"]["fun"](asked["x0"]).tolist() == [0, 0, 0]
    assert (asked["sums"]["jac"](asked["x0"]) @ np.arange(10.0)).tolist() == [1, 9, 11]
    assert asked["bounds"] == [(0, 1)] * 7 + [(None, None)] * 3


def test_one_agent_takes_what_is_best():
    P = dm.SimpleGame.from_arrays([1.0, 3.0, 3.0])
    assert dm.nash(P).U.tolist() == [3]
    assert [x.π[0].mode for x in dm.nash(P, all=True)] == [1, 2]


def test_methods_that_do_not_fit_say_so():
    three, mixed = random_game(2, 2, 2), RockPaperScissors()
    for M, P, said in (
        ("supports", three, "for 2 agents, not 3"),
        ("zero_sum", CHICKEN, "no constant sum"),
        ("pure", mixed, "no equilibrium in pure"),
    ):
        with pytest.raises(ValueError, match=said):
            dm.solve(dm.NashEquilibrium(M), P)
    with pytest.raises(ValueError, match="1 or 2 agents, not 3"):
        dm.nash(three, all=True)
    with pytest.raises(ValueError, match="batch"):
        dm.nash(dm.SimpleGame.from_arrays(*np.zeros((2, 4, 2, 2))))
    with pytest.raises(ValueError, match="did you mean"):
        dm.NashEquilibrium("suports")


def test_sizes_are_refused_before_anything_is_computed():
    assert number_of_systems(3, 3) == 9 + 9 + 1
    with pytest.raises(ValueError, match=r"pairs of supports: must be at most 200,000"):
        dm.nash(random_game(20, 20), all=True)
    with pytest.raises(ValueError, match="numbers in the constraints"):
        dm.solve(dm.CorrelatedEquilibrium(), dm.SimpleGame.from_arrays(*np.zeros((2, 400, 400))))
    with pytest.raises(ValueError, match="payoffs: must be"):
        dm.solve(dm.NashEquilibrium("nonlinear"), dm.SimpleGame.from_arrays(*np.zeros((2, 1000, 1000))))


# ---- correlated equilibria


def test_correlated_equilibria_of_the_book():
    assert dm.solve(dm.CorrelatedEquilibrium(), RockPaperScissors()).p == pytest.approx(np.full((3, 3), 1 / 9))
    assert dm.solve(dm.CorrelatedEquilibrium(), PrisonersDilemma()).p == pytest.approx(np.array([[0, 0], [0, 1.0]]))
    best = dm.solve(dm.CorrelatedEquilibrium(), ALMOST)
    assert best.p == pytest.approx((1 - np.eye(3)) / 6)
    assert best.U.tolist() == pytest.approx([0.5, 0.5])
    assert dm.solve(dm.CorrelatedEquilibrium(), CHICKEN).p == pytest.approx(np.array([[0.5, 0.25], [0.25, 0]]))
    fair = dm.solve(dm.CorrelatedEquilibrium("egalitarian"), DINNER)
    assert fair.U.tolist() == pytest.approx([1.5, 1.5])
    assert dm.solve(dm.CorrelatedEquilibrium("dictatorial", agent=1), DINNER).U.tolist() == pytest.approx([1, 2])
    assert dm.solve(dm.CorrelatedEquilibrium("plutocratic"), CHICKEN).U.max() == pytest.approx(7)


@pytest.mark.parametrize("sizes", [(3, 4), (2, 3, 2)])
def test_correlated_equilibria_obey_their_definition_and_beat_every_nash(sizes):
    P = random_game(*sizes, seed=5)
    R = P.R.array
    for objective in ("utilitarian", "egalitarian", "plutocratic"):
        π = dm.solve(dm.CorrelatedEquilibrium(objective), P)
        for i, k in enumerate(sizes):
            for a in range(k):
                gains = [(np.take(π.p, a, i) * (np.take(R[i], b, i) - np.take(R[i], a, i))).sum() for b in range(k)]
                assert max(gains) <= π.gap[i] + 1e-12
        assert π.gap.max() <= 1e-8
        assert dm.utility(P, π) == pytest.approx([(π.p * r).sum() for r in R])
        for x in dm.nash(P, all=True) if P.n == 2 else [dm.nash(P)]:
            of = {"utilitarian": np.sum, "egalitarian": np.min, "plutocratic": np.max}[objective]
            assert of(π.U) >= of(x.U) - 1e-8
            product = np.einsum("a,b->ab" if P.n == 2 else "a,b,c->abc", *(q.p for q in x))
            assert dm.gap(P, dm.JointCorrelatedPolicy(product)).max() <= 1e-9


def test_gap_of_a_distribution_that_is_no_equilibrium():
    """Both cooperate for certain: each gains 1 by defecting. The gain of an action never recommended is 0."""
    P = PrisonersDilemma()
    π = dm.JointCorrelatedPolicy({("cooperate", "cooperate"): 1.0}, P.A)
    assert dm.gap(P, π).tolist() == [1, 1]
    assert dm.utility(P, π, 1) == -1


def test_joint_correlated_policies():
    π = dm.JointCorrelatedPolicy({("a", 0): 1, ("b", 1): 3})
    assert π(("b", 1)) == 0.75
    assert π(("a", 1)) == π(("c", 0)) == 0
    assert {π(rng=k) for k in range(50)} == {("a", 0), ("b", 1)}
    assert [q.p.tolist() for q in π.marginals] == [[0.25, 0.75]] * 2
    with pytest.raises(ValueError, match="not all of them 0"):
        dm.JointCorrelatedPolicy(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="weight for each joint action"):
        dm.JointCorrelatedPolicy(np.ones((2, 2)), [(0, 1), (0, 1, 2)])
    with pytest.raises(KeyError, match="'a': must be one of"):
        dm.utility(CHICKEN, π)


def test_a_dictator_with_small_payoffs_gets_its_best_although_others_have_large_ones():
    """Chicken: the best of agent 0 is that it goes ahead and the other one gives way, whatever the other's unit is."""
    for small, large in ((1e-9, 1e9), (1e-310, 1.0), (1.0, 1e250)):
        P = dm.SimpleGame.from_arrays(small * np.array([[6, 2], [7, 0]]), large * np.array([[6, 7], [2, 0]]))
        π = dm.solve(dm.CorrelatedEquilibrium("dictatorial", agent=0), P)
        np.testing.assert_allclose(π.p, [[0, 0], [1, 0]], atol=1e-7)
        assert (π.gap <= 1e-7 * P.spans).all()
