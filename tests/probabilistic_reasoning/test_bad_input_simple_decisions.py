"""Wrong calls of chapter 6: each is one clear error that names what is wrong."""

import re

import numpy as np
import pytest

import decision_making as dm
from tests.oracles.decisions import diagnosis
from tests.support import assert_refused, assert_short

P = diagnosis()
X, D = dm.Variable("x", 2), dm.Variable("d", 2)
φ = dm.Factor([X], [0.5, 0.5])


def made(**other):
    given = {
        "bn": P.bn,
        "chance_vars": P.chance_vars,
        "decision_vars": P.decision_vars,
        "utility_vars": P.utility_vars,
        "utilities": P.utilities,
    }
    return lambda: dm.SimpleProblem(**given | other)


CALLS = {
    "SimpleProblem": (made(bn=3), TypeError, "SimpleProblem.bn = 3: must be a BayesianNetwork"),
    "SimpleProblem, chance": (made(chance_vars=3), TypeError, "SimpleProblem.chance_vars = 3"),
    "SimpleProblem, left out": (made(chance_vars=["D"]), ValueError, "O1 is 0 times in chance_vars"),
    "SimpleProblem, twice": (made(decision_vars=["T", "O1"]), ValueError, "O1 is 2 times"),
    "SimpleProblem, unknown": (made(decision_vars=["Q"]), ValueError, "'Q': must be one of"),
    "SimpleProblem, another r": (made(decision_vars=[dm.Variable("T", 3)]), ValueError, "is Variable('T', 2) in the"),
    "SimpleProblem, other states": (
        made(decision_vars=[dm.Variable("T", 2, ("a", "b"))]),
        *(ValueError, "whose value 0 is 'a' is Variable('T', 2) whose values have no names in the network"),
    ),
    "SimpleProblem, no utility": (
        made(utility_vars=[], chance_vars=[*P.chance_vars, "U"], utilities={}),
        *(ValueError, "utility_vars: must have one or more"),
    ),
    "SimpleProblem, utility with children": (
        made(chance_vars=["O1", "O2", "O3", "U"], utility_vars=["D"], utilities={"D": [0, 1]}),
        *(ValueError, "D has children"),
    ),
    "SimpleProblem, names of utilities": (made(utilities={"V": [0]}), ValueError, "a mapping from each of ['U']"),
    "SimpleProblem, number of utilities": (made(utilities={"U": [0]}), ValueError, "3 finite numbers"),
    "SimpleProblem, NaN": (made(utilities={"U": [0, np.nan, 1]}), ValueError, "utilities['U'] = [0, nan, 1]"),
    "SimpleProblem, words": (made(utilities={"U": ["a", "b", "c"]}), TypeError, "utilities['U']"),
    "SimpleProblem.from_tables": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [], {}),
        *(ValueError, "0 of them; must be one for each of 1 chance"),
    ),
    "SimpleProblem.from_tables, names": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["y"], [0, 1])}),
        *(ValueError, "utilities of U: 'y' must be one of x, d"),
    ),
    "SimpleProblem.from_tables, chance": (
        lambda: dm.SimpleProblem.from_tables(["x"], [D], [φ], {}),
        *(TypeError, "chance.vars = ['x']: must be a list of Variables"),
    ),
    "SimpleProblem.from_tables, decisions": (
        lambda: dm.SimpleProblem.from_tables([X], [3], [φ], {}),
        *(TypeError, "decisions.vars = [3]: must be a list of Variables"),
    ),
    "SimpleProblem.from_tables, factors": (
        lambda: dm.SimpleProblem.from_tables([X], [D], φ, {}),
        *(TypeError, "factors = Factor(x: [0.5, 0.5]): must be a list of Factors"),
    ),
    "SimpleProblem.from_tables, utilities": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], [1]),
        *(TypeError, "utilities = [1]: must be a mapping"),
    ),
    "SimpleProblem.from_tables, a pair": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": [1, 2, 3]}),
        *(TypeError, "utilities of U = [1, 2, 3]: must be a pair"),
    ),
    "SimpleProblem.from_tables, no pair": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": 3}),
        *(TypeError, "utilities of U = 3: must be a pair"),
    ),
    "SimpleProblem.from_tables, no names": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (3, [1, 2])}),
        *(TypeError, "utilities of U = 3: must be a list of names"),
    ),
    "SimpleProblem.from_tables, no name": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": ([["x"]], [1, 2])}),
        *(ValueError, "utilities of U: ['x'] must be one of x, d"),
    ),
    "SimpleProblem.from_tables, known": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x"], [0, 1])}, ["x"]),
        *(TypeError, "information = ['x']: must be a mapping"),
    ),
    "SimpleProblem.from_tables, shape": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x"], [0, 1, 2])}),
        *(ValueError, "must be finite numbers, (2,) for x"),
    ),
    "SimpleProblem.from_tables, NaN": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x", "d"], [[0, 1], [np.nan, 1]])}),
        *(ValueError, "must be finite numbers, (2, 2) for x, d"),
    ),
    "SimpleProblem.from_tables, information": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x"], [0, 1])}, {"d": ["z"]}),
        *(ValueError, "information of d: 'z' must be one of"),
    ),
    "SimpleProblem.from_tables, information for no decision": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x"], [0, 1])}, {"x": ["d"]}),
        *(ValueError, "information: 'x' must be one of d"),
    ),
    "SimpleProblem.from_tables, information without decisions": (
        lambda: dm.SimpleProblem.from_tables([X], [], [φ], {"U": (["x"], [0, 1])}, {"x": []}),
        *(ValueError, "information: 'x' must be none: there are none"),
    ),
    "SimpleProblem.from_tables, information of itself": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x"], [0, 1])}, {"d": ["d"]}),
        *(ValueError, "information of d: 'd' must be one of x"),
    ),
    "SimpleProblem.from_tables, twice": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"U": (["x", "x"], np.eye(2))}),
        *(ValueError, "utilities of U: 'x' is there twice"),
    ),
    "SimpleProblem.from_tables, a utility like another": (
        lambda: dm.SimpleProblem.from_tables([X], [D], [φ], {"x": (["x"], [0, 1])}),
        *(ValueError, "utilities: 'x' is the name of another variable"),
    ),
    "solve, by name and by number": (
        lambda: dm.solve(P, {"O1": 0, P.bn.number("O1"): 1}),
        *(ValueError, "O1 is there twice, by name and by number"),
    ),
    "plan_observations, likelihoods of cases": (
        lambda: dm.plan_observations(P, {"O1": 0.1}, {"O2": dm.Likelihood([[1.0, 2.0], [2.0, 1.0]])}),
        *(ValueError, "must be that of one case"),
    ),
    "solve": (lambda: dm.solve(P, {"O1": 7}), ValueError, "O1 = 7"),
    "solve, unknown": (lambda: dm.solve(P, {"Q": 7}), ValueError, "'Q': must be one of"),
    "solve, evidence": (lambda: dm.solve(P, 7), TypeError, "evidence = 7: must be a mapping"),
    "solve, a utility": (lambda: dm.solve(P, {"U": 0}), ValueError, "U is a utility, which is not observed"),
    "solve, M": (lambda: dm.solve(P, {}, dm.JunctionTree()), TypeError, "a method that samples"),
    "expected_utilities": (lambda: dm.expected_utilities(3), TypeError, "P = 3: must be a SimpleProblem"),
    "best_decisions": (lambda: dm.best_decisions(P, {"O1": [0, 1]}), ValueError, "must be that of one case"),
    "value_of_information": (
        lambda: dm.value_of_information(P, "T"),
        *(ValueError, "T must be a chance variable, one of D, O1"),
    ),
    "value_of_information, query": (
        lambda: dm.value_of_information(P, None),
        *(TypeError, "query = None: must be the name of a variable, or a list of names"),
    ),
    "value_of_information, twice": (
        lambda: dm.value_of_information(P, ["O1", "O1"]),
        *(ValueError, "O1 is asked for twice"),
    ),
    "plan_observations": (lambda: dm.plan_observations(P, {"O1": -1}), ValueError, "O1 = -1: must be a finite number"),
    "plan_observations, names": (lambda: dm.plan_observations(P, ["O1"]), TypeError, "costs = ['O1']: must be"),
    "plan_observations, cases": (
        lambda: dm.plan_observations(P, {"O1": 0}, {"O2": [0, 1]}),
        *(ValueError, "must be that of one case"),
    ),
    "plan_observations, M": (
        lambda: dm.plan_observations(P, {"O1": 0}, M=dm.DirectSampling(3)),
        *(TypeError, "must be VariableElimination or ExactInference"),
    ),
    "ObservationPlan": (lambda: dm.plan_observations(P, {"O1": 0}).observe({"D": 0}), ValueError, "'D' must be one of"),
    "ObservationPlan, known": (
        lambda: dm.plan_observations(P, {"O1": 0}).decide(["O1"]),
        *(TypeError, "known = ['O1']: must be a mapping"),
    ),
    "QuadraticUtility, too large": (
        lambda: dm.QuadraticUtility(4)(-1e200),
        *(ValueError, "x = array(-1.e+200): must be such that its utility is a floating-point number"),
    ),
    "QuadraticUtility": (lambda: dm.QuadraticUtility(0), ValueError, "λ = 0"),
    "QuadraticUtility, beyond": (lambda: dm.QuadraticUtility(4)(2), ValueError, "x = 2: must be a finite number below"),
    "ExponentialUtility": (lambda: dm.ExponentialUtility(-1), ValueError, "λ = -1"),
    "PowerUtility": (lambda: dm.PowerUtility(-1), ValueError, "λ = -1"),
    "PowerUtility, nothing": (
        lambda: dm.PowerUtility(2)([1, 0]),
        ValueError,
        "x = [1, 0]: must be a finite number > 0",
    ),
    "certainty_equivalent": (
        lambda: dm.certainty_equivalent(dm.PowerUtility(1), [-1, 1], [0.5, 0.5]),
        *(ValueError, "x = array([-1.,  1.]): must be a finite number > 0"),
    ),
    "certainty_equivalent, falling": (
        lambda: dm.certainty_equivalent(lambda x: -x, [1, 2], [0.5, 0.5]),
        *(ValueError, "must rise"),
    ),
    "certainty_equivalent, constant": (
        lambda: dm.certainty_equivalent(lambda x: 3.0, [1, 2], [0.5, 0.5]),
        *(ValueError, "must rise"),
    ),
    "certainty_equivalent, hole": (
        lambda: dm.certainty_equivalent(lambda x: x if abs(x) > 0.6 else np.nan, [-1, 1], [0.5, 0.5]),
        *(ValueError, "must be a finite number"),
    ),
    "certainty_equivalent, of what": (
        lambda: dm.certainty_equivalent(3, [1, 2], [0.5, 0.5]),
        *(TypeError, "U = 3: must be callable"),
    ),
    "certainty_equivalent, infinite": (
        lambda: dm.certainty_equivalent(np.log, [0, 2], [0.5, 0.5]),
        *(ValueError, "U(0) = array(-inf): must be a finite number"),
    ),
    "certainty_equivalent, text": (
        lambda: dm.certainty_equivalent(lambda x: "a", [1, 2], [0.5, 0.5]),
        *(TypeError, "U(x) = 'a': must be an array of numbers"),
    ),
    "certainty_equivalent, two": (
        lambda: dm.certainty_equivalent(lambda x: [x], [1, 2], [0.5, 0.5]),
        *(ValueError, "U(1) = array([1.]): must be a finite number"),
    ),
    "risk_premium": (lambda: dm.risk_premium(np.log, [1, 2], [0.5, 0.6]), ValueError, "that sum to 1"),
    "expected_utility": (lambda: dm.expected_utility([1, 2, 3], [0.5, 0.5]), ValueError, "2 finite numbers"),
    "expected_utility, shapes": (
        lambda: dm.expected_utility(np.ones((3, 2)), np.full((2, 2), 0.5)),
        *(ValueError, r"U has shape (3, 2)"),
    ),
    "normalized_utilities": (lambda: dm.normalized_utilities([1, 1]), ValueError, "not all be equally good"),
    "normalized_utilities, NaN": (lambda: dm.normalized_utilities([1, np.nan]), ValueError, "finite numbers"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_clear_error(name):
    call, error, said = CALLS[name]
    assert_refused(call, error, re.escape(said))


def test_too_many_decisions_or_observations_are_refused_before_they_are_allocated():
    many = [dm.Variable(f"d{k}", 10) for k in range(10)]
    large = dm.SimpleProblem.from_tables([X], many, [φ], {"U": (["x"], [0, 1])})
    with pytest.raises(dm.TooLargeError, match="entries of the answer"):
        dm.solve(large)
    tests = [dm.Variable(f"o{k}", 2) for k in range(17)]
    factors = [dm.Factor([X, o], [[0.9, 0.1], [0.2, 0.8]]) for o in tests]
    wide = dm.SimpleProblem.from_tables([X, *tests], [D], [φ, *factors], {"U": (["x", "d"], [[0, 1], [1, 0]])})
    with pytest.raises(dm.TooLargeError, match=r"258,280,326 entries of the plan"):
        dm.plan_observations(wide, {o.name: 0.1 for o in tests})


def test_utilities_cannot_be_changed_afterwards():
    given = np.array([0.0, 1.0, 2.0])
    Q = dm.SimpleProblem(P.bn, P.chance_vars, P.decision_vars, P.utility_vars, {"U": given})
    given[0] = 99
    assert Q.utilities["U"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        Q.utilities["U"][0] = 99


def test_what_is_printed_fits_three_lines():
    plan = dm.plan_observations(P, {"O1": 0.1, "O2": 0.1, "O3": 0.1})
    for x in (P, plan, dm.PowerUtility(2)):
        assert_short(x)
