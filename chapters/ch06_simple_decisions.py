# %% [markdown]
"""
# Chapter 6. Simple decisions

A utility says how good outcomes are, a network how probable they are given a decision and what is known. The best
decision is the one with the highest expected utility; what it would be worth to know more first is the value of
information. The verb is `solve(P, evidence)`, P a decision network.
"""

# %%
import itertools
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import book
from decision_making.pictures import decisions
from decision_making.pictures.notebooks import show

# %% [markdown]
# ## Exercises 6.1 to 6.3: utilities of outcomes and lotteries
#
# Scaled to 0 and 1, a utility is the probability of the best outcome in a lottery of best and worst that is as good
# as the outcome: that is how it is asked for. With $U(A) = 450$, $U(B) = -150$ and $U(C) = 60$, what is that
# probability for C? And does $2U + 30$ order lotteries in another way than $U$ does?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercises_6_1_to_6_3() -> dict[str, Any]:
    """210/600 = 0.35; and no: scaled and shifted utilities order all lotteries as before."""
    U = np.array([5.0, 20.0, 0.0])
    even, certain = [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]
    return {
        "p": dm.normalized_utilities([450.0, -150.0, 60.0])[2],
        "U": [dm.expected_utility(U, p) for p in (even, certain)],
        "2U + 30": [dm.expected_utility(2 * U + 30, p) for p in (even, certain)],
    }


show(exercises_6_1_to_6_3)

# %% [markdown]
# ## Section 6.2: attitudes to risk
#
# Who is averse to risk takes less than the mean for a gamble: its certainty equivalent, the mean less a premium.


# %%
GAMBLE = [50.0, 100.0]
EQUALLY = [0.5, 0.5]


def certainty_equivalents() -> dict[str, float]:
    """What an even gamble on 50 and 100 is worth for certain under the utilities of section 6.2."""
    utilities: dict[str, Any] = {
        "logarithm": dm.PowerUtility(1),
        "power 0.5": dm.PowerUtility(0.5),
        "power 2": dm.PowerUtility(2),
        "exponential 0.01": dm.ExponentialUtility(0.01),
        "neutral": dm.PowerUtility(0),
    }
    return {name: dm.certainty_equivalent(U, GAMBLE, EQUALLY) for name, U in utilities.items()}


def risk_attitudes() -> dict[str, Any]:
    """Utilities of who is averse to risk, neutral to it, and seeks it."""
    utilities = {
        "averse: power 2": dm.PowerUtility(2),
        "exponential 0.03": dm.ExponentialUtility(0.03),
        "neutral": dm.PowerUtility(0),
        "seeking: x⁴": lambda x: x**4,
    }
    return {"x": np.linspace(10, 150, 200), "lottery": [20.0, 140.0], "utilities": utilities}


show(certainty_equivalents)
show(risk_attitudes, decisions.utilities)

# %% [markdown]
# ## Examples 6.3, exercises 6.5 and 6.6: two decisions
#
# An umbrella is brought or left once the forecast is known; a puppy that whines is fed or not.


# %%
def umbrella() -> dm.SimpleProblem:
    """Rain, its forecast, and an umbrella. How often rain is forecast does not matter once it is known."""
    rain, forecast, bring = (dm.Variable(name, 2) for name in ("rain", "forecast", "umbrella"))
    given = dm.Factor([forecast, rain], [[0.8, 0.2], [0.1, 0.9]])
    return dm.SimpleProblem.from_tables(
        [forecast, rain],
        [bring],
        [dm.Factor([forecast], [0.5, 0.5]), given],
        {"U": (["rain", "umbrella"], [[1.0, 0.9], [-1.0, -0.1]])},
        {"umbrella": ["forecast"]},
    )


def example_6_3() -> np.ndarray:
    """Expected utility of leaving and bringing the umbrella, forecast of sun first: one call for both forecasts."""
    return dm.expected_utilities(umbrella(), {"forecast": [0, 1]})


def puppy() -> dm.SimpleProblem:
    """A puppy that whines: fed a while ago or not, hungry or not, and what there is to do."""
    fed, hungry, feed = (dm.Variable(name, 2) for name in ("fed", "hungry", "feed"))
    return dm.SimpleProblem.from_tables(
        [fed, hungry],
        [feed],
        [dm.Factor([fed], [0.8, 0.2]), dm.Factor([fed, hungry], [[0.1, 0.9], [0.7, 0.3]])],
        {"U": (["feed", "hungry"], [[0.0, -1.0], [-0.5, -0.1]])},
    )


def exercises_6_6_and_6_7() -> dict[str, Any]:
    """Expected utilities of not feeding and feeding, and what it is worth to ask whether the puppy was fed."""
    return {"EU": dm.expected_utilities(puppy()), "VOI": dm.value_of_information(puppy(), "fed")}


show(example_6_3)
show(exercises_6_6_and_6_7)

# %% [markdown]
# ## Example 6.4: tests before a treatment
#
# Chance is drawn in circles, decisions in squares, utilities in diamonds; dashed edges are what the decision may know.


# %%
def diagnosis() -> dm.SimpleProblem:
    """Treat or not, a disease D, and three tests of different quality; the book leaves their numbers open."""
    D, T = dm.Variable("D", 2), dm.Variable("T", 2)
    rates = {"O1": (0.45, 0.995), "O2": (0.3, 0.97), "O3": (0.1, 0.9)}
    tests = [dm.Variable(name, 2) for name in rates]
    tables = [dm.Factor([D, o], [[1 - a, a], [1 - b, b]]) for o, (a, b) in zip(tests, rates.values(), strict=True)]
    return dm.SimpleProblem.from_tables(
        [D, *tests],
        [T],
        [dm.Factor([D], [0.9, 0.1]), *tables],
        {"U": (["T", "D"], [[0.0, -10.0], [-1.0, -1.0]])},
        {"T": ["O1", "O2", "O3"]},
    )


def example_6_4() -> dict[str, Any]:
    """The best decision and its expected utility by what the tests say, and P(d¹) then."""
    P = diagnosis()
    known: dict[str, dict[str, int]] = {
        "none": {},
        "o1 0": {"O1": 0},
        "o1 1": {"O1": 1},
        "o1 0, o2 1": {"O1": 0, "O2": 1},
        "o1 1, o2 0": {"O1": 1, "O2": 0},
    }
    exact = dm.VariableElimination()
    found = {name: (dm.infer(exact, P.network, "D", e).values[1], *dm.solve(P, e)) for name, e in known.items()}
    return {"found": found, "tie": dm.best_decisions(P)}


show(example_6_4)
show(diagnosis, decisions.decision_network)

# %% [markdown]
# ## Section 6.6: what are the tests worth?
#
# Never less than nothing, never more than knowing the disease itself, and less together than the sum of each.


# %%
def values_of_tests() -> dict[str, float]:
    """The value of information of tests, alone and together, before and after one that was positive."""
    P = diagnosis()
    asked: dict[str, tuple[list[str], dict[str, int]]] = {
        "O1": (["O1"], {}),
        "O2": (["O2"], {}),
        "O3": (["O3"], {}),
        "O1, O2": (["O1", "O2"], {}),
        "O1, O2, O3": (["O1", "O2", "O3"], {}),
        "O2 | o1": (["O2"], {"O1": 1}),
        "O3 | o1": (["O3"], {"O1": 1}),
        "O2, O3 | o1": (["O2", "O3"], {"O1": 1}),
        "D": (["D"], {}),
        "D | o1": (["D"], {"O1": 1}),
    }
    return {name: dm.value_of_information(P, *x) for name, x in asked.items()}


def costs_of_tests(points: int = 41) -> dict[str, Any]:
    """Sets of tests and their values, and the value of the best plan of tests, by the cost of a test."""
    P, names = diagnosis(), ["O1", "O2", "O3"]
    sets = [some for k in range(1, 4) for some in itertools.combinations(names, k)]
    cost = np.linspace(0, 0.8, points)
    plans = [dm.plan_observations(P, dict.fromkeys(names, float(c))) for c in cost]
    return {
        "sets": {", ".join(some): (len(some), dm.value_of_information(P, some)) for some in sets},
        "cost": cost,
        "plan": np.array([plan.value for plan in plans]),
    }


def plan_of_tests() -> list[str | None]:
    """At a cost of 0.1 a test: the first test, and the next after each of its results."""
    plan = dm.plan_observations(diagnosis(), {"O1": 0.1, "O2": 0.1, "O3": 0.1})
    first = plan.observe()
    return [first, *(plan.observe({str(first): k}) for k in range(2))]


show(values_of_tests)
show(costs_of_tests, decisions.value_of_information)
show(plan_of_tests)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 6` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    book.compare("6")
