"""Best responses and equilibria of plans against enumeration; joint controllers against plans and linear algebra."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.multiagent_systems.multiagent_reasoning import pure_equilibria
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import certified
from decision_making.multiagent_systems.state_uncertainty import belief_levels, best_responses, controllers, equilibria
from decision_making.problems import DecTiger, MultiCaregiverCryingBaby
from decision_making.sizes import TooLargeError
from tests.oracles import teams as oracle

SEEDS = st.integers(0, 10**6)
FEED, SING, IGNORE = range(3)


def mixed(P, seed, d=1):
    """Random mixtures of three plans, one an agent."""
    rng = np.random.default_rng(seed)
    found = []
    for plans in dm.create_conditional_plans(P, d):
        kept = rng.choice(len(plans), 3, replace=False)
        found.append(dm.SimpleGamePolicy(rng.dirichlet(np.ones(3)), plans[kept].tree()))
    return found


@given(SEEDS, st.booleans())
@settings(max_examples=8)
def test_best_responses_and_gaps_are_those_of_all_plans(seed, team):
    P = oracle.random_model(seed, team=team)
    U, lists = oracle.all_joint_values(P, 2)
    π = mixed(P, seed)
    weights = [np.zeros(len(x)) for x in lists]
    for w, πi, plans in zip(weights, π, lists, strict=True):
        for p, plan in zip(πi.p, πi.A, strict=True):
            w[plans.index(oracle.nested(plan))] += p
    for i in range(2):
        own = U[i if len(U) > 1 else 0]
        mine = own @ weights[1] if i == 0 else weights[0] @ own
        answer = dm.best_response(P, π, i)
        assert mine[lists[i].index(oracle.nested(answer))] == pytest.approx(mine.max())
        now = weights[i] @ mine
        assert dm.gap(P, π)[i] == pytest.approx(mine.max() - now, abs=1e-12)
        assert np.ravel(dm.utility(P, None, π))[i if not team else 0] == pytest.approx(now)


def test_a_best_response_of_three_agents_and_three_steps_is_the_best_of_all_plans():
    P = oracle.random_model(1, n=3, Ω=(2, 1, 2), sizes=(2, 2, 1))
    rng = np.random.default_rng(0)
    lists = [oracle.plans(A, Ω, 3) for A, Ω in zip(P.sizes, P.n_observations, strict=True)]
    π = [x[int(rng.integers(len(x)))] for x in lists]
    for i in (0, 1):
        best = max(oracle.utilities(P, [*π[:i], x, *π[i + 1 :]])[i] for x in lists[i])
        answer = dm.best_response(P, list(map(oracle.tree, π)), i)
        assert oracle.utilities(P, [*π[:i], oracle.nested(answer), *π[i + 1 :]])[i] == pytest.approx(best)


def test_the_numbers_of_an_agents_own_problem_are_counted(monkeypatch):
    """Its 2 actions, 2 observations, and from each of the other's plans and 3 states to each of 2 subplans and 3."""
    P = oracle.random_model(1, S=3)
    π = [x.tree()[1] for x in dm.create_conditional_plans(P, 1)]
    monkeypatch.setattr(best_responses, "NUMBERS", 2 * 2 * 3 * 6)
    assert len({id(x) for x in π[1].subplans.values()}) == 2
    answer = dm.best_response(P, π, 0)
    monkeypatch.setattr(best_responses, "NUMBERS", 2 * 2 * 3 * 6 - 1)
    with pytest.raises(TooLargeError, match="72 probabilities of an agent's own problem"):
        dm.best_response(P, π, 0)
    assert answer.subplans


def test_what_rounding_takes_from_a_best_response_is_no_gain(monkeypatch):
    P = oracle.random_model(2)
    π = [x.tree()[0] for x in dm.create_conditional_plans(P, 1)]
    U = dm.utility(P, None, π)
    monkeypatch.setattr(best_responses, "answer", lambda P, π, i, b: best_responses.Answer(π[i], U[i] - 1e-15))
    assert dm.gap(P, π).tolist() == [0, 0]


def test_beliefs_of_a_level_are_counted_and_levels_may_end_before_they_are_too_many(monkeypatch):
    """Two levels between three steps: the belief of the first with 4 joint actions and observations, then up to 16."""
    P = oracle.random_model(3, S=3, team=True)
    b, rewards, reached = P.start(None), [P.rewards[0]] * 3, [P.M] * 2
    whole = belief_levels.belief_levels(b, rewards, reached)
    assert len(whole) == 3
    sizes = [len(level.B) * 4 * 4 * 3 for level in whole[:2]]
    for level, size in enumerate(sizes):
        monkeypatch.setattr(belief_levels, "NUMBERS", size)
        assert len(belief_levels.belief_levels(b, rewards[: level + 2], reached[: level + 1])) == level + 2
        monkeypatch.setattr(belief_levels, "NUMBERS", size - 1)
        with pytest.raises(TooLargeError, match=f"{size} numbers in the beliefs of one level"):
            belief_levels.belief_levels(b, rewards, reached)
        part = belief_levels.belief_levels(b, rewards, reached, partial=True)
        assert len(part) == level + 1
        assert part[-1].p is None
        np.testing.assert_allclose(part[-1].B, whole[level].B)
        np.testing.assert_allclose(part[-1].r, whole[level].r)
    monkeypatch.undo()
    kept = sum(len(level.B) * (3 + 4 + 2 * 4 * 4) for level in whole[:2])
    monkeypatch.setattr(belief_levels, "KEPT", kept)
    assert len(belief_levels.belief_levels(b, rewards, reached)) == 3
    monkeypatch.setattr(belief_levels, "KEPT", kept - 1)
    with pytest.raises(TooLargeError, match=f"{kept} numbers in the beliefs of all levels"):
        belief_levels.belief_levels(b, rewards, reached)
    assert len(belief_levels.belief_levels(b, rewards, reached, partial=True)) == 2


def test_of_actions_that_are_equally_good_but_for_rounding_the_first_is_taken():
    for Q, largest, first in (
        ([1e-14, 2e-14], 1.0, 0),
        ([1e-14, 2e-14], 1e-14, 1),
        ([1e6, 1e6 + 1e-7], 1.0, 0),
        ([1e-9, 2e-9], 1.0, 1),
        ([1e6, 1e6 + 1e-5], 1.0, 1),
        ([2, 3], 1.0, 1),
    ):
        assert belief_levels.best_actions_of(np.array([Q]), largest).tolist() == [first]


def test_the_belief_to_begin_with_may_be_given():
    P = DecTiger()
    listen = dm.create_conditional_plans(P, 0)[0].tree()[0]
    assert dm.best_response(P, [listen, listen], 1).a == 0
    assert dm.best_response(P, [listen, listen], 1, b=[1, 0]).a == 2
    np.testing.assert_allclose(dm.gap(P, [listen, listen], b=[1, 0]), [11, 11])
    np.testing.assert_allclose(dm.gap(P, [listen, listen]), 0)
    nobody = MultiCaregiverCryingBaby()
    with pytest.raises(ValueError, match="b = None: the POMG has no belief"):
        dm.utility(nobody, None, [listen, listen])


@given(SEEDS)
@settings(max_examples=6)
def test_equilibria_of_pruned_plans_are_equilibria_of_all(seed):
    P = oracle.random_model(seed)
    for M in (dm.POMGNashEquilibrium(None, 1), dm.POMGDynamicProgramming(None, 1)):
        found = dm.solve(M, P)
        assert found.status == "equilibrium"
        assert found.gap.max() <= 1e-8
        np.testing.assert_allclose(dm.utility(P, None, found), found.U, atol=1e-9)
        np.testing.assert_allclose(dm.gap(P, found), 0, atol=1e-8)


def test_a_mixed_equilibrium_is_not_made_pure():
    """Blocks 26.3 and 26.4 return the most probable plan of each agent, which need not be an equilibrium."""
    P = dm.POMG.from_arrays(
        np.ones((1, 2, 2, 1)), [[[[1.0, -1], [-1, 1]]], [[[-1.0, 1], [1, -1]]]], np.ones((2, 2, 1, 1, 1)), 0.5, b=[1.0]
    )
    found = dm.solve(dm.POMGNashEquilibrium(None, 0), P)
    assert not found.pure
    np.testing.assert_allclose([πi.p for πi in found], 0.5)
    assert found.gap.max() < 1e-9
    assert dm.gap(P, found.modes).max() == pytest.approx(2)


@pytest.mark.parametrize("variant", ["book", "package"])
def test_the_caregivers_plans_are_those_of_enumeration(variant):
    P = MultiCaregiverCryingBaby(variant=variant)
    Π = dm.create_conditional_plans(P, 1)
    game = dm.plan_game(P, Π, [0.5, 0.5])
    trees = [x.tree() for x in Π]
    rng = np.random.default_rng(0)
    P_b = dm.POMG(P.γ, P.I, P.S, P.A, P.Ω, P.T, P.O, P.R, b=[0.5, 0.5])
    for k in rng.integers(27, size=(20, 2)):
        joint = [oracle.nested(x[j]) for x, j in zip(trees, k, strict=True)]
        np.testing.assert_allclose(game.R.array[:, k[0], k[1]], oracle.utilities(P_b, joint))
    assert pure_equilibria(game).sum() == {"book": 18, "package": 2}[variant]
    found = dm.solve(dm.POMGDynamicProgramming([0.5, 0.5], 1), P)
    assert found.game.sizes == (2, 2)
    values = [x.U.round(9).tolist() for x in dm.nash(found.game, all=True)]
    assert values == [[-7.5, -5.0], [-5.0, -10.0], [-7.5, -10.0]]
    (both,) = (x for x in dm.nash(found.game, all=True) if not x.exact or x.π[0].p.max() < 1)
    feeds = [[plan.a == FEED for plan in plans.tree()].index(True) for plans in found.Π]
    np.testing.assert_allclose([x.p[k] for x, k in zip(both.π, feeds, strict=True)], [7 / 27, 17 / 27])


def react():
    return dm.AgentController.from_nodes(3, [IGNORE, FEED], [[1, 0], [1, 0]])


def always(a):
    return dm.AgentController.from_nodes(3, [a], [[0, 0]])


@given(SEEDS)
@settings(max_examples=10)
def test_controllers_solve_their_equations(seed):
    """Equation (26.c), term by term, of random joint controllers."""
    P, rng = oracle.random_model(seed), np.random.default_rng(seed)
    π = [dm.AgentController(rng.dirichlet(np.ones(2), 2), rng.dirichlet(np.ones(2), (2, 2, 2))) for _ in range(2)]
    U = dm.evaluate_joint_controller(P, π)
    for x, y, s in product(range(2), repeat=3):
        total = np.zeros(2)
        for a in np.ndindex(2, 2):
            p = π[0].ψ[x, a[0]] * π[1].ψ[y, a[1]]
            total += p * P.R.array[(slice(None), s, *a)]
            for t, o0, o1, x2, y2 in product(range(2), repeat=5):
                q = P.T.array[(s, *a, t)] * P.O.array[(*a, t, o0, o1)]
                q *= π[0].η[x, a[0], o0, x2] * π[1].η[y, a[1], o1, y2]
                total += P.γ * p * q * U[:, x2, y2, t]
        np.testing.assert_allclose(U[:, x, y, s], total, atol=1e-10)


def test_a_controller_that_follows_a_plan_is_worth_it_but_for_what_comes_after():
    P = oracle.random_model(7, team=True, γ=0.5)
    π = [x.tree()[k] for x, k in zip(dm.create_conditional_plans(P, 2), (17, 90), strict=True)]
    controllers = dm.JointController.from_plans(P, π)
    span = abs(P.R.array).max() / (1 - P.γ)
    assert abs(dm.utility(P, None, controllers) - dm.utility(P, None, π)) <= P.γ**3 * span + 1e-12
    drawn = [c(0) for c in controllers]
    assert drawn == [x.a for x in π]
    assert dm.update(controllers[0], 0, drawn[0], 1) == 1 + (π[0].subplans[1] is not π[0].subplans[0])


@pytest.mark.parametrize("i", [0, 1])
def test_the_problem_of_one_agent_has_the_value_of_the_joint_controller(i):
    """The others' controllers make a POMDP; the agent's own one, followed there, is worth what it is in the game."""
    P, rng = oracle.random_model(11, S=3, sizes=(2, 3), Ω=(3, 2)), np.random.default_rng(1)
    π = [
        dm.AgentController(rng.dirichlet(np.ones(A), 2), rng.dirichlet(np.ones(2), (2, A, Ω)))
        for A, Ω in zip(P.sizes, P.n_observations, strict=True)
    ]
    alone, b = dm.best_response_pomdp(P, π, i), dm.responding_belief(P, π, i)
    own = dm.ControllerPolicy(alone, π[i].ψ, π[i].η)
    assert dm.utility(own, b) == pytest.approx(dm.utility(P, None, dm.JointController(π))[i])
    better = dm.solve(dm.NonlinearProgramming(b, 2, start=own, restarts=1, rng=0), alone)
    swapped = [dm.AgentController(better.ψ, better.η) if j == i else x for j, x in enumerate(π)]
    assert better.found.u >= dm.utility(own, b) - 1e-12
    assert dm.utility(P, None, dm.JointController(swapped))[i] == pytest.approx(better.found.u)


def test_with_one_agent_the_problem_is_its_own():
    P = oracle.random_model(2, n=1, team=True)
    π = [dm.AgentController(np.full((1, 2), 0.5), np.ones((1, 2, 2, 1)))]
    alone = dm.best_response_pomdp(P, π, 0)
    U = dm.utility(dm.ControllerPolicy(alone, π[0].ψ, π[0].η), dm.responding_belief(P, π, 0))
    assert pytest.approx(dm.utility(P, None, dm.JointController(π))) == U


def test_always_feeding_costs_what_it_costs():
    P = MultiCaregiverCryingBaby()
    U = dm.evaluate_joint_controller(P, [always(FEED), always(IGNORE)])
    np.testing.assert_allclose(U[:, 0, 0], [[-25, -35], [0, -10]], atol=1e-9)
    assert dm.evaluate_joint_controller(P, [react(), always(SING)]).shape == (2, 2, 1, 2)


def test_an_undiscounted_or_too_large_controller_is_refused():
    one = dm.AgentController.from_nodes(3, [0], [[0, 0]])
    with pytest.raises(ValueError, match="γ = 1: a controller goes on for ever"):
        dm.evaluate_joint_controller(DecTiger(), [one, one])
    n = 60
    many = dm.AgentController(np.full((n, 3), 1 / 3), np.full((n, 3, 2, n), 1 / n))
    with pytest.raises(TooLargeError, match="7,200 pairs of a joint node and a state"):
        dm.evaluate_joint_controller(DecTiger(0.9), [many, many])


def test_rows_of_a_controller_are_probabilities_and_fit_each_other():
    ψ, η = np.full((2, 2), 0.5), np.full((2, 2, 2, 2), 0.5)
    for name, p, q in (
        ("ψ", [[0.5, 0.5], [0.5, 0.4]], η),
        ("η", ψ, np.where(np.arange(16).reshape(η.shape) == 9, 1, η)),
    ):
        with pytest.raises(ValueError, match=rf"(?s)AgentController.{name} = .*: must be probabilities that sum to 1"):
            dm.AgentController(p, q)
    for child in ([[0, 0]], [0, 0], [[0, 0]] * 3):
        with pytest.raises(ValueError, match=r"child has shape .*: must be \(X, Ω\), X = 2"):
            dm.AgentController.from_nodes(2, [0, 1], child)


def test_a_subplan_that_stands_in_several_places_is_one_node():
    P = oracle.random_model(7, team=True)
    end = dm.ConditionalPlan(1)
    middle = [dm.ConditionalPlan(a, {0: end, 1: end}) for a in (0, 1)]
    plan = dm.ConditionalPlan(0, dict(enumerate(middle)))
    made = dm.JointController.from_plans(P, [plan, plan])
    assert list(map(len, made)) == [4, 4]
    np.testing.assert_array_equal(made[0].ψ.argmax(axis=1), [0, 0, 1, 1])
    np.testing.assert_array_equal(made[0].η.argmax(axis=-1)[:, 0], [[1, 2], [3, 3], [3, 3], [0, 0]])


def test_numbers_of_joint_controllers_are_counted(monkeypatch):
    """4 joint nodes before and after, 4 joint actions, 6 joint observations; and 3 states, 2 nodes, 3 observations."""
    P, rng = oracle.random_model(11, S=3, Ω=(3, 2)), np.random.default_rng(1)
    π = [dm.AgentController(rng.dirichlet(np.ones(2), 2), rng.dirichlet(np.ones(2), (2, 2, Ω))) for Ω in (3, 2)]
    for limit, size, call in (
        ("NUMBERS", 4 * 4 * 4 * 6, lambda: dm.evaluate_joint_controller(P, π)),
        ("PAIRS", 4 * 3, lambda: dm.evaluate_joint_controller(P, π)),
        ("PAIRS", 3 * 2 * 3, lambda: dm.best_response_pomdp(P, π, 0)),
    ):
        monkeypatch.setattr(controllers, limit, size)
        call()
        monkeypatch.setattr(controllers, limit, size - 1)
        with pytest.raises(TooLargeError, match=f"{size} "):
            call()
        monkeypatch.undo()


def test_an_equilibrium_of_plans_says_whether_it_is_pure_and_how_many_plans_there_are():
    tiger = DecTiger().game
    found = dm.solve(dm.POMGNashEquilibrium(None, 0), tiger)
    assert found.pure
    assert repr(found) == ("PlanEquilibrium(equilibrium by all plans: pure, of 3 x 3 plans, U = [-2, -2], gap 0.0e+00)")
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    half = dm.POMG.from_arrays(np.ones((1, 2, 2, 1)), [[pennies], [-pennies]], np.ones((2, 2, 1, 1, 1)), 0.9, b=[1.0])
    found = dm.solve(dm.POMGNashEquilibrium(None, 0), half)
    assert not found.pure
    assert "mixed, of 2 x 2 plans" in repr(found)
    π = [dm.SimpleGamePolicy([1.0], found.π[0].A[:1]), found.π[1]]
    assert not dm.PlanEquilibrium(π, found.U, found.gap, "local", "x", found.Π, found.game).pure


def test_payoffs_of_a_game_of_plans_are_counted(monkeypatch):
    P = oracle.random_model(3)
    Π = dm.create_conditional_plans(P, 1)
    monkeypatch.setattr(equilibria, "CELLS", 2 * 8 * 8)
    assert dm.plan_game(P, Π).sizes == (8, 8)
    assert dm.solve(dm.POMGNashEquilibrium(None, 1), P).status == "equilibrium"
    monkeypatch.setattr(equilibria, "CELLS", 2 * 8 * 8 - 1)
    for call, instead in (
        (lambda: dm.plan_game(P, Π), "prune the plans"),
        (lambda: dm.solve(dm.POMGNashEquilibrium(None, 1), P), "use POMGDynamicProgramming"),
    ):
        with pytest.raises(TooLargeError, match=f"128 payoffs of the game of plans: .*{instead}"):
            call()
    with pytest.raises(TooLargeError, match=r"plans of one agent: .*use POMGDynamicProgramming"):
        dm.solve(dm.POMGNashEquilibrium(None, 5), P)
    with pytest.raises(TypeError, match="P = 3"):
        dm.plan_game(3, Π)


def test_what_is_no_equilibrium_of_all_plans_is_told_with_its_gap():
    """Of these plans agent 0 has the best one, agent 1 has not; plans of probability 0 are left out."""
    P = oracle.random_model(4, S=3)
    Π = dm.create_conditional_plans(P, 1)
    game = dm.plan_game(P, Π)
    second = np.eye(8)[3]
    first = np.eye(8)[int((game.R.array[0] @ second).argmax())]
    for p in ([first, second], [first, first[::-1] * 0.5 + second * 0.5]):
        found = equilibria.plan_equilibrium(P, P.start(None), Π, game, certified(game, p, ""), "x")
        np.testing.assert_allclose(found.gap, dm.gap(game, p), atol=1e-12)
        assert found.gap[1] > 0.01
        assert found.status == "local"
        assert all((πi.p > 0).all() for πi in found)
        np.testing.assert_allclose(found.U, dm.utility(P, None, found), atol=1e-12)
    below = equilibria.answer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equilibria, "answer", lambda *a: below(*a)._replace(u=-1e9))
        assert equilibria.plan_equilibrium(P, P.start(None), Π, game, certified(game, p, ""), "x").gap.tolist() == [
            0,
            0,
        ]


def test_what_is_no_joint_plan_is_refused_and_a_plan_of_probability_0_does_not_matter():
    P = oracle.random_model(4)
    short, long = (dm.create_conditional_plans(P, d)[0].tree()[0] for d in (0, 1))
    for π in ([long], [long, 3], [3, long], [long] * 3):
        for call in (lambda π: dm.evaluate_plan(P, π), lambda π: dm.utility(P, None, π)):
            with pytest.raises(TypeError, match="2 conditional plans"):
                call(π)
    with pytest.raises(TypeError, match="2 conditional plans or mixtures of them"):
        dm.utility(P, None, [dm.SimpleGamePolicy([1.0], ["a"]), long])
    for call in (dm.evaluate_plan, lambda P, π: dm.best_response(P, π, 0), lambda P, π: dm.utility(P, None, π)):
        with pytest.raises(ValueError, match=r"plans of \[2, 1\] actions: must be as many"):
            call(P, [long, short])
    mixture = dm.SimpleGamePolicy([0.0, 1.0], [short, long])
    np.testing.assert_allclose(dm.utility(P, None, [mixture, long]), dm.utility(P, None, [long, long]))
