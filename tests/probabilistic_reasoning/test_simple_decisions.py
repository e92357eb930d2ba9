"""Decisions and the value of information against sums over all assignments; the hazards of chapter 6 by name."""

import itertools

import numpy as np
import pytest

import decision_making as dm
from decision_making.probabilistic_reasoning.simple_decisions.decision_networks import Situation
from tests.oracles import decisions as oracle
from tests.oracles.networks import satellite

EXACT, ELIMINATION = dm.ExactInference(), dm.VariableElimination()
by_test = pytest.mark.parametrize(
    ("query", "evidence", "value"),
    [
        (["O1"], {}, 0.4905),
        (["O2"], {}, 0.603),
        (["O3"], {}, 0.72),
        (["O1", "O2"], {}, 0.747135),
        (["O1", "O2", "O3"], {}, 0.7696215),
        (["O2"], {"O1": 1}, 0.5086917740),
        (["O3"], {"O1": 1}, 0.5449950446),
        (["O2", "O3"], {"O1": 1}, 0.5532636274),
        (["D"], {}, 0.9),
        (["D"], {"O1": 1}, 0.8027750248),
        ([], {}, 0.0),
    ],
)


def possible_evidence(P, seed):
    """Evidence of positive probability on some of the chance variables that no decision changes."""
    rng = np.random.default_rng(seed)
    x = dm.sample(P.network, 1, rng)[0]
    names = [v.name for v in P.chance_vars if v.name != "X9"]
    return {n: int(x[P.bn.number(n)]) for n in rng.permutation(names)[: rng.integers(0, len(names))].tolist()}


@pytest.mark.parametrize("seed", range(20))
def test_expected_utilities_are_sums_over_all_assignments(seed):
    P = oracle.random_problem(seed, zeros=0.2 * (seed % 2), two=seed % 5 > 0)
    evidence = possible_evidence(P, seed)
    if seed % 5 > 2:
        evidence["X9"] = seed % 2  # what follows a decision
    shape = [v.r for v in P.decision_vars]
    right = np.reshape([oracle.expected_utility(P, d, evidence)[0] for d in oracle.decisions(P, evidence)], shape)
    for M in (None, ELIMINATION, EXACT):
        assert np.allclose(dm.expected_utilities(P, evidence, M), right, atol=1e-11, rtol=1e-11)
    a, u = dm.solve(P, evidence)
    assert u == pytest.approx(right.max(), abs=1e-11)
    assert [a[v.name] for v in P.decision_vars] == [
        int(k) for k in np.unravel_index(np.flatnonzero(right.ravel() > right.max() - 1e-11)[0], shape)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_value_of_information_is_its_definition_and_never_negative(seed):
    P = oracle.random_problem(seed, zeros=0.25 * (seed % 3 == 0), two=seed % 2 > 0)
    evidence = possible_evidence(P, seed + 50)
    rng = np.random.default_rng(seed)
    names = [v.name for v in P.chance_vars if v.name != "X9"]
    query = rng.permutation(names)[: rng.integers(1, 3)].tolist()
    right = oracle.value_of_information(P, query, evidence)
    for M in (ELIMINATION, EXACT):
        found = dm.value_of_information(P, query, evidence, M)
        assert found >= 0
        assert found == pytest.approx(right, abs=1e-11)
    everything = dm.value_of_information(P, names, evidence)
    assert found <= everything + 1e-12
    one = dm.value_of_information(P, query[:1], evidence)  # the chain rule
    rest = sum(p * dm.value_of_information(P, query, evidence | o) for o, p in oracle.outcomes(P, query[:1], evidence))
    assert found == pytest.approx(one + rest, abs=1e-11)


@pytest.mark.parametrize("seed", [0, 1, 3, 5, 6, 7])
def test_a_plan_of_observations_is_the_best_recursion(seed):
    P = oracle.random_problem(seed, zeros=0.2 * (seed % 2), two=False)
    evidence = possible_evidence(P, seed + 7) if seed % 3 == 0 else {}
    rng = np.random.default_rng(seed)
    names = [v.name for v in P.chance_vars if v.name not in evidence][:3]
    costs = {n: float(c) for n, c in zip(names, 0.15 * rng.random(len(names)), strict=True)}
    plan = dm.plan_observations(P, costs, evidence)
    now = oracle.best(P, evidence)
    assert plan.expected_utility == pytest.approx(oracle.planned(P, costs, evidence), abs=1e-11)
    assert plan.value == pytest.approx(plan.expected_utility - now, abs=1e-11)
    assert plan.value >= 0
    assert followed(P, plan, costs, evidence, {}) == pytest.approx(plan.expected_utility, abs=1e-11)
    for k in range(len(names) + 1):
        for some in itertools.combinations(names, k):  # no fixed set of observations is better
            fixed = dm.value_of_information(P, some, evidence) - sum(costs[n] for n in some)
            assert plan.value >= fixed - 1e-12
    free = dm.plan_observations(P, dict.fromkeys(names, 0), evidence).value
    assert free == pytest.approx(dm.value_of_information(P, names, evidence), abs=1e-12)


def followed(P, plan, costs, evidence, known):
    """Expected utility, costs taken off, of who does what the plan says."""
    name = plan.observe(known)
    if name is None:
        return oracle.expected_utility(P, dict(plan.decide(known)), {**evidence, **known})[0]
    outcomes = oracle.outcomes(P, [name], {**evidence, **known})
    return -costs[name] + sum(p * followed(P, plan, costs, evidence, {**known, **o}) for o, p in outcomes)


@by_test
def test_value_of_the_tests_of_example_6_4(query, evidence, value):
    P = oracle.diagnosis()
    assert dm.value_of_information(P, query, evidence) == pytest.approx(value, abs=1e-10)
    assert dm.value_of_information(P, query, evidence, EXACT) == pytest.approx(value, abs=1e-10)


@pytest.mark.parametrize(
    ("evidence", "decision", "value"),
    [
        ({}, 0, -1),
        ({"O1": 0}, 0, -0.0100908174),
        ({"O1": 1}, 1, -1),
        ({"O1": 0, "O2": 1}, 0, -0.0325536128),
        ({"O1": 1, "O2": 0}, 0, -0.1041939369),
    ],
)
def test_decisions_of_example_6_4(evidence, decision, value):
    a, u = dm.solve(oracle.diagnosis(), evidence)
    assert (a, u) == ({"T": decision}, pytest.approx(value, abs=1e-10))


def test_a_tie_is_the_first_decision_and_all_are_listed():
    P = oracle.diagnosis()
    assert dm.solve(P)[0] == {"T": 0}
    assert dm.best_decisions(P) == [{"T": 0}, {"T": 1}]
    assert dm.best_decisions(P, {"O1": 1}) == [{"T": 1}]
    x = dm.Variable("x", 3)
    decisions = [dm.Variable("a", 2), dm.Variable("b", 2)]
    thirds = dm.Factor([x], [0.1, 0.2, 0.7])
    worth = np.zeros((3, 2, 2))
    worth[:, 0, 1], worth[:, 1, 0] = [3.0, 0.0, 0.0], [0.1, 0.1, 0.1 * 19 / 7]  # 0.3 and 0.1(0.3) + 0.27 by rounding
    tied = dm.SimpleProblem.from_tables([x], decisions, [thirds], {"U": (["x", "a", "b"], worth)})
    EU = dm.expected_utilities(tied)
    right = np.tensordot([0.1, 0.2, 0.7], worth, axes=1)
    assert np.allclose(EU, right, atol=1e-15)
    assert dm.solve(tied)[0] == {"a": 0, "b": 1}  # b is the faster one


def test_many_cases_are_the_cases_one_by_one():
    P = oracle.diagnosis()
    cases = {"O1": [0, 1, 1, 0], "O2": [0, 1, 0, 1]}
    a, u = dm.solve(P, cases)
    single = [dm.solve(P, {"O1": i, "O2": j}) for i, j in zip(*cases.values(), strict=True)]
    assert a["T"].tolist() == [x["T"] for x, _ in single]
    assert u.tolist() == pytest.approx([x for _, x in single])
    voi = dm.value_of_information(P, "O3", cases)
    each = [dm.value_of_information(P, "O3", {"O1": i, "O2": j}) for i, j in zip(*cases.values(), strict=True)]
    assert voi.shape == (4,)
    assert voi == pytest.approx(each, abs=1e-13)
    fixed = dm.solve(P, {"T": [1, 0], "O1": 1})
    assert fixed[0]["T"].tolist() == [1, 0]
    assert fixed[1] == pytest.approx([-1, -1.972249752], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_values_of_information_of_many_cases_are_those_of_each(seed):
    P = oracle.random_problem(seed, two=seed % 2 > 0)
    names = [v.name for v in P.chance_vars if v.name != "X9"]
    seen, asked = names[0], names[1:] or names
    r = P.bn.vars[P.bn.number(seen)].r
    found = dm.value_of_information(P, asked, {seen: list(range(r))})
    each = [oracle.value_of_information(P, asked, {seen: k}) for k in range(r)]
    assert found == pytest.approx(each, abs=1e-12)
    worth = dm.expected_utilities(P, {seen: list(range(r))})
    assert np.allclose(worth, [dm.expected_utilities(P, {seen: k}) for k in range(r)], atol=1e-13)


def test_evidence_on_a_decision_fixes_it():
    P = oracle.diagnosis()
    assert dm.solve(P, {"T": 1, "O1": 0}) == ({"T": 1}, pytest.approx(-1))
    assert dm.expected_utilities(P, {"T": 1}).shape == ()
    assert dm.value_of_information(P, "O1", {"T": 1}) == 0  # it can change nothing any more
    with pytest.raises(ValueError, match="T is a decision: it has a value, and no likelihood"):
        dm.solve(P, {"T": dm.Likelihood([1, 2])})


def test_soft_evidence_is_an_observed_child():
    P = oracle.diagnosis()
    soft = dm.Likelihood([0.55, 0.005])  # as O1 = 0
    assert dm.solve(P, {"D": soft})[1] == pytest.approx(-0.0100908174, abs=1e-10)
    hard = dm.value_of_information(P, "O2", {"O1": 0})
    assert dm.value_of_information(P, "O2", {"D": soft}) == pytest.approx(hard, abs=1e-12)


def test_utilities_of_several_variables_add_up_and_need_not_be_deterministic():
    x, d, u = dm.Variable("x", 2), dm.Variable("d", 2), dm.Variable("u", 3)
    noisy = dm.Factor([x, d, u], [[[0.2, 0.3, 0.5], [1, 0, 0]], [[0, 0, 1], [0.5, 0.5, 0]]])
    bn = dm.BayesianNetwork([u, x, d], [noisy, dm.Factor([x], [0.4, 0.6]), dm.Factor([d], [1, 0])])
    bn = dm.BayesianNetwork(bn.vars, bn.factors, [("x", "u"), ("d", "u")])
    P = dm.SimpleProblem(bn, ["x"], ["d"], "u", {"u": [1.0, 0.0, 4.0]})
    assert dm.expected_utilities(P) == pytest.approx([0.4 * 2.2 + 0.6 * 4, 0.4 + 0.6 * 0.5])
    assert dm.solve(P)[0] == {"d": 0}  # the network's own P(d) does not matter


def test_edges_into_a_decision_are_what_is_known_then():
    P = oracle.diagnosis()
    assert P.information == {"T": ("O1", "O2", "O3")}
    assert P.bn.parents[P.bn.number("T")] == tuple(P.bn.number(n) for n in ("O1", "O2", "O3"))
    assert P.network.parents[P.bn.number("T")] == ()


def test_affine_utilities_keep_the_decision():
    P = oracle.diagnosis()
    Q = dm.SimpleProblem(P.bn, P.chance_vars, P.decision_vars, P.utility_vars, {"U": 2.5 * P.utilities["U"] + 7})
    for evidence in ({}, {"O1": 0}, {"O1": 1}, {"O2": 1, "O3": 0}):
        a, u = dm.solve(P, evidence)
        b, w = dm.solve(Q, evidence)
        assert a == b
        assert w == pytest.approx(2.5 * u + 7)
    assert dm.value_of_information(Q, "O1") == pytest.approx(2.5 * 0.4905)


def test_example_6_3_umbrella():
    rain, forecast, bring = dm.Variable("rain", 2), dm.Variable("forecast", 2), dm.Variable("umbrella", 2)
    P = dm.SimpleProblem.from_tables(
        [forecast, rain],
        [bring],
        [dm.Factor([forecast], [0.5, 0.5]), dm.Factor([forecast, rain], [[0.8, 0.2], [0.1, 0.9]])],
        {"U": (["rain", "umbrella"], [[1, 0.9], [-1, -0.1]])},
    )
    assert dm.expected_utilities(P, {"forecast": 1}) == pytest.approx([-0.8, 0])
    assert dm.expected_utilities(P, {"forecast": 0}) == pytest.approx([0.6, 0.7])


# ---- hazards


def test_value_of_information_skips_what_has_probability_0():
    c, o, d = dm.Variable("c", 2), dm.Variable("o", 3), dm.Variable("d", 2)
    never = dm.Factor([c, o], [[0.7, 0.3, 0], [0.2, 0.8, 0]])  # o = 2 does not occur
    P = dm.SimpleProblem.from_tables([c, o], [d], [dm.Factor([c], [0.5, 0.5]), never], {"U": (["c", "d"], np.eye(2))})
    assert dm.value_of_information(P, "o") == pytest.approx(0.25)
    assert dm.value_of_information(P, "o", M=dm.DirectSampling(20_000), rng=0) == pytest.approx(0.25, abs=0.03)
    plan = dm.plan_observations(P, {"o": 0.2})
    assert plan.value == pytest.approx(0.05)
    with pytest.raises(ValueError, match=r"known = {'o': 2}: has probability 0"):
        plan.decide({"o": 2})


def test_a_decision_that_the_evidence_rules_out_is_not_taken():
    x, d = dm.Variable("x", 2), dm.Variable("d", 3)
    follows = dm.Factor([d, x], [[1, 0], [0.5, 0.5], [0, 1]])
    P = dm.SimpleProblem.from_tables([x], [d], [follows], {"U": (["d"], [9.0, 1.0, 2.0])})
    assert dm.expected_utilities(P, {"x": 1}).tolist() == [-np.inf, 1, 2]
    assert dm.solve(P, {"x": 1}) == ({"d": 2}, 2)
    with pytest.raises(dm.ImpossibleEvidenceError):
        dm.solve(P, {"x": 1, "d": 0})
    indifferent = dm.SimpleProblem.from_tables([x], [d], [follows], {"U": (["d"], [0.0, 0.0, 0.0])})
    assert dm.solve(indifferent, {"x": 1}) == ({"d": 1}, 0)


def test_what_a_decision_changes_is_not_observed_before_it():
    x, d, y = dm.Variable("x", 2), dm.Variable("d", 2), dm.Variable("y", 2)
    follows = dm.Factor([d, x], [[0.9, 0.1], [0.2, 0.8]])
    P = dm.SimpleProblem.from_tables(
        [x, y], [d], [follows, dm.Factor([x, y], np.eye(2))], {"U": (["x", "d"], np.eye(2))}
    )
    for name in "xy":
        with pytest.raises(ValueError, match=f"the probability of {name} depends on d"):
            dm.value_of_information(P, name)
    assert dm.value_of_information(P, "x", {"d": 0}) == 0  # once the decision is fixed
    assert dm.value_of_information(P, "y", {"x": 1}) == 0
    with pytest.raises(ValueError, match="the probability of y depends on d"):
        dm.value_of_information(P, "y", {"x": dm.Likelihood([0.5, 0.6])})  # soft evidence does not cut the way
    free, seen = dm.Variable("free", 2), dm.Variable("seen", 2)
    collider = dm.Factor([free, d, seen], [[[0.9, 0.1], [0.5, 0.5]], [[0.3, 0.7], [0.2, 0.8]]])
    Q = dm.SimpleProblem.from_tables(
        [free, seen], [d], [dm.Factor([free], [0.5, 0.5]), collider], {"U": (["free", "d"], np.eye(2))}
    )
    assert dm.value_of_information(Q, "free") == pytest.approx(0.5)
    for known in (1, dm.Likelihood([0.3, 0.7])):  # what follows from both makes them depend on each other
        with pytest.raises(ValueError, match="the probability of free depends on d"):
            dm.value_of_information(Q, "free", {"seen": known})


def test_soft_evidence_on_what_is_asked_does_not_make_it_known():
    x, d = dm.Variable("x", 2), dm.Variable("d", 2)
    follows = dm.Factor([d, x], [[0.9, 0.1], [0.2, 0.8]])
    P = dm.SimpleProblem.from_tables([x], [d], [follows], {"U": (["x", "d"], np.eye(2))})
    with pytest.raises(ValueError, match="the probability of x depends on d"):
        dm.value_of_information(P, "x", {"x": dm.Likelihood([1.0, 1.0])})
    with pytest.raises(ValueError, match="the probability of x depends on d"):
        dm.plan_observations(P, {"x": 0.0}, {"x": dm.Likelihood([1.0, 2.0])})


def test_rounding_makes_no_value_negative():
    """Tests that cannot change the decision: what is gained is 0 and not -1e-17."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        c, o, d = dm.Variable("c", 3), dm.Variable("o", 4), dm.Variable("d", 3)
        worth = rng.random((3, 3)) + np.array([5.0, 0, 0])
        P = dm.SimpleProblem.from_tables(
            [c, o],
            [d],
            [dm.Factor([c], rng.dirichlet([1] * 3)), dm.Factor([c, o], rng.dirichlet([1] * 4, 3))],
            {"U": (["c", "d"], worth)},
        )
        assert 0 <= dm.value_of_information(P, "o") < 1e-14
        plan = dm.plan_observations(P, {"o": 0.0})
        assert plan.value == 0
        assert plan.observe() is None  # of equally good ways it decides
        given, _ = Situation(P, None, None, None).outcomes(["o"])
        gain = given.max(axis=-1).sum() - given.sum(axis=0).max()
        assert abs(gain) < 1e-14  # so nothing but rounding was cut off


def test_sampled_values_are_near_and_may_be_negative():
    P = oracle.diagnosis()
    M = dm.LikelihoodWeightedSampling(20_000)
    assert dm.expected_utilities(P, {"O1": 1}, M, rng=0) == pytest.approx([-1.97224975, -1], abs=0.2)
    assert dm.solve(P, {"O1": 1}, M, rng=0)[0] == {"T": 1}
    assert dm.value_of_information(P, "O1", {}, M, rng=1) == pytest.approx(0.4905, abs=0.1)
    few = [dm.value_of_information(P, "O2", {"T": 0}, dm.LikelihoodWeightedSampling(20), rng=k) for k in range(20)]
    assert min(few) < 0 < max(few)
    same = [dm.value_of_information(P, "O1", {}, dm.LikelihoodWeightedSampling(20), rng=5) for _ in range(2)]
    assert same[0] == same[1]


@pytest.mark.parametrize("seed", range(4))
def test_chains_move_although_a_utility_is_a_function_of_its_parents(seed):
    """With the utility among what is drawn, each chain would stay for ever at the state it begins in."""
    x, a = dm.Variable("x", 2), dm.Variable("a", 2)
    P = dm.SimpleProblem.from_tables(
        [x], [a], [dm.Factor([x], [0.7, 0.3])], {"U": (["x", "a"], [[1, 0.9], [-1, -0.1]])}
    )
    M, error = dm.GibbsSampling(4000, 10), np.sqrt(0.21 / 4000)  # of P(x), whose draws are independent
    worth = dm.expected_utilities(P, {}, M, rng=seed)
    assert worth[0] == pytest.approx(0.4, abs=5 * 2 * error)
    assert worth[1] == pytest.approx(0.6, abs=5 * 1 * error)
    assert dm.solve(P, {}, M, rng=seed)[0] == {"a": 1}
    assert dm.solve(P, {"x": 1}, M, rng=seed) == ({"a": 1}, -0.1)
    # of P(x) once more, and of the utility of deciding at once
    assert dm.value_of_information(P, "x", {}, M, rng=seed) == pytest.approx(0.07, abs=5 * (1.1 + 1) * error)


@pytest.mark.parametrize("ordering", [["x", "a", "U"], ["x", "a"], [2, 0, 1], [1, 2]], ids=str)
def test_an_ordering_of_chains_is_of_the_problems_variables(ordering):
    """By number too, where the utility is the first."""
    x, a, u = dm.Variable("x", 2), dm.Variable("a", 2), dm.Variable("U", 4)
    tables = [dm.Factor([x, a, u], np.eye(4).reshape(2, 2, 4)), dm.Factor([x], [0.7, 0.3]), dm.Factor([a], [0.5, 0.5])]
    bn = dm.BayesianNetwork([u, x, a], tables)
    P = dm.SimpleProblem(bn, [x], [a], [u], {"U": [1, 0.9, -1, -0.1]})
    M = dm.GibbsSampling(4000, 10, ordering=ordering)
    assert dm.solve(P, {}, M, rng=0)[0] == {"a": 1}


@pytest.mark.parametrize("M", [dm.GibbsSampling(20), dm.DirectSampling(20), dm.LikelihoodWeightedSampling(20)], ids=str)
def test_a_utility_of_decisions_alone_is_sampled_without_an_error(M):
    P = dm.SimpleProblem.from_tables([], [dm.Variable("a", 2)], [], {"U": (["a"], [3, 4]), "V": ([], 0.5)})
    assert dm.solve(P, {}, M, rng=0) == ({"a": 1}, 4.5)


def test_a_satellite_that_is_sent_home_or_not():
    """Evidence on a large part of the network beside the decision changes nothing if it is d-separated."""
    bn = satellite()
    d = dm.Variable("d", 2)
    P = dm.SimpleProblem.from_tables(
        bn.vars, [d], bn.factors, {"U": (["B", "d"], [[10, 4], [-200, 4]]), "cost": (["d"], [0, -1])}
    )
    p = 0.0753054932
    assert dm.expected_utilities(P, {"D": 1, "C": 1}) == pytest.approx([10 - 210 * p, 3], abs=1e-7)


def test_a_plan_takes_its_costs_by_name_and_says_what_is_wrong():
    P = oracle.diagnosis()
    plan = dm.plan_observations(P, {"O3": 0.1, "O1": 0.1})
    assert [v.name for v in plan.vars] == ["O3", "O1"]
    assert plan.observe() == "O3"
    assert plan.observe({"O3": 1}) == "O1"
    assert plan.decide({"O3": 1, "O1": 1}) == {"T": 1}
    for known, said in (({"O2": 1}, "'O2' must be one of O3, O1"), ({"O1": 2}, "O1 = 2")):
        with pytest.raises(ValueError, match=said):
            plan.observe(known)
    assert dm.plan_observations(P, {}).value == 0
    assert dm.plan_observations(P, {"O1": 9, "O2": 9}).observe() is None


def test_a_decision_fixed_in_each_case_is_told_in_each_case():
    decided, worth = dm.solve(oracle.diagnosis(), {"T": np.array([0, 1, 0]), "O1": 1})
    assert decided["T"].tolist() == [0, 1, 0]
    assert worth[1] == pytest.approx(-1)


def test_the_value_of_information_by_sampling_follows_from_its_seed():
    P, M = oracle.diagnosis(), dm.LikelihoodWeightedSampling(400)
    first, again = (dm.value_of_information(P, "O1", None, M, rng=3) for _ in range(2))
    assert first == again == pytest.approx(0.4905, abs=0.2)
    assert first != dm.value_of_information(P, "O1", None, M, rng=4)


def test_answers_about_one_case_are_plain_numbers():
    P = oracle.diagnosis()
    assert type(dm.solve(P)[1]) is type(dm.value_of_information(P, "O1")) is float


def choice(worth, states=None):
    """A problem of one decision, and nothing else."""
    d = dm.Variable("d", len(worth), states)
    return dm.SimpleProblem.from_tables([], [d], [], {"U": (["d"], worth)})


@pytest.mark.parametrize("utilities", [["U"], "U", 3, None, {}, {"U": [0, -10, -1], "V": [1]}])
def test_utilities_are_a_mapping_from_each_utility_variable(utilities):
    P = oracle.diagnosis()
    with pytest.raises(ValueError, match=r"SimpleProblem\.utilities = .*: must be a mapping from each of \['U'\]"):
        dm.SimpleProblem(P.bn, P.chance_vars, P.decision_vars, P.utility_vars, utilities)


def test_differences_are_rounding_by_the_size_of_the_utilities_whatever_their_sign():
    sizes = [
        Situation(choice(np.array(x)), None, None, None).rounding() for x in ([-8.0, 0, -1], [8.0, 0, 1], [4.0, 0, 1])
    ]
    assert sizes[0] == sizes[1] == 2 * sizes[2] > 0
    assert dm.best_decisions(choice([0.0, 0.0])) == [{"d": 0}, {"d": 1}]
    assert dm.best_decisions(choice([-1.0, -1 - 1e-9, -1 - 1e-16])) == [{"d": 0}, {"d": 2}]


def test_a_decision_that_is_fixed_by_an_array_without_axes_is_that_value():
    P = oracle.diagnosis()
    assert dm.solve(P, {"T": np.array(1)}) == dm.solve(P, {"T": 1})


def test_a_decision_that_is_fixed_by_the_name_of_its_value_is_told_by_its_number():
    P = choice([3.0, 1.0, 2.0], ("a", "b", "c"))
    assert dm.solve(P, {"d": "b"}) == ({"d": 1}, 1.0)
    decided, worth = dm.solve(P, {"d": ["c", "a"]})
    assert decided["d"].tolist() == [2, 0]
    assert worth.tolist() == [2, 3]


def test_a_plan_is_of_one_case_and_says_where_to_decide():
    P = oracle.diagnosis()
    for seen in ([0, 1], (0, 1), np.array([0, 1])):
        with pytest.raises(ValueError, match="evidence: has arrays of cases; must be that of one case"):
            dm.plan_observations(P, {"O1": 0.1}, {"O2": seen})
    plan = dm.plan_observations(P, {"O1": 9.0, "O2": 9.0})
    assert (plan.chosen == -1).all()
    assert type(plan.value) is type(plan.expected_utility) is float
    for observe in (dm.value_of_information, lambda P, query: dm.plan_observations(P, dict.fromkeys(query, 0.1))):
        with pytest.raises(ValueError, match="query: O1 is asked for twice"):
            observe(P, ["O1", P.bn.number("O1")])
