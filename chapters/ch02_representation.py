# %% [markdown]
"""
# Chapter 2. Representation

A belief about several discrete variables is a table with a probability for each assignment of values. It grows
exponentially. A Bayesian network keeps only how each variable depends on a few others.
"""

# %%
from itertools import pairwise

import numpy as np

import decision_making as dm
from decision_making.pictures import networks
from decision_making.pictures.notebooks import show

# %% [markdown]
# ## Table 2.1: a joint distribution
#
# A `Factor` is an array with a named axis for each variable; `φ.table` reads it as the book's dictionary.


# %%
def table_2_1() -> dm.Factor:
    """The joint distribution of three binary variables."""
    x, y, z = (dm.Variable(name, 2) for name in "xyz")
    return dm.Factor([x, y, z], np.reshape([0.08, 0.31, 0.09, 0.37, 0.01, 0.05, 0.02, 0.07], (2, 2, 2)))


def marginals_of_table_2_1() -> dict[str, dm.Factor]:
    """P(x), P(y), P(z), and their product: three parameters that nearly are the seven."""
    φ = table_2_1()
    single = {
        "x": dm.marginalize(dm.marginalize(φ, "y"), "z"),
        "y": dm.marginalize(dm.marginalize(φ, "x"), "z"),
        "z": dm.marginalize(dm.marginalize(φ, "x"), "y"),
    }
    return {**single, "product": dm.product(single.values())}


def conditional_of_table_2_1() -> np.ndarray:
    """P(x⁰ | y, z) for yz = 00, 01, 10, 11."""
    φ = table_2_1()
    rows = [dm.normalize(dm.condition(φ, {"y": y, "z": z})) for y in range(2) for z in range(2)]
    return np.array([row(x=0) for row in rows])


show(marginals_of_table_2_1)

# %% [markdown]
# ## Example 2.5: a satellite
#
# Failures of the battery B or the solar panel S can make the electrical system E fail, and that shows as a deviation D
# of the orbit and a loss of communication C. Ten numbers are enough where the joint distribution has 31.


# %%
def satellite() -> dm.BayesianNetwork:
    """The network of example 2.5."""
    B, S, E, D, C = (dm.Variable(name, 2) for name in "BSEDC")
    e = np.array([[0.10, 0.96], [0.95, 0.99]])  # P(e¹ | b, s)
    factors = [
        dm.Factor([B], [0.99, 0.01]),
        dm.Factor([S], [0.98, 0.02]),
        dm.Factor([B, S, E], np.stack([1 - e, e], axis=-1)),
        dm.Factor([E, D], [[0.96, 0.04], [0.03, 0.97]]),
        dm.Factor([E, C], [[0.98, 0.02], [0.01, 0.99]]),
    ]
    return dm.BayesianNetwork([B, S, E, D, C], factors, [("B", "E"), ("S", "E"), ("E", "D"), ("E", "C")])


def example_2_5() -> dict[str, float]:
    """Numbers of parameters, and two probabilities of full assignments (algorithm 2.3)."""
    bn = satellite()
    return {
        "parameters": bn.parameters,
        "of the joint": 2 ** len(bn.vars) - 1,
        "P(b0, s0, e0, d1, c0)": dm.probability(bn, {"B": 0, "S": 0, "E": 0, "D": 1, "C": 0}),
        "P(nothing is wrong)": dm.probability(bn, dict.fromkeys("BSEDC", 0)),
    }


def network_of_the_satellite() -> tuple[dm.BayesianNetwork, dict[str, int]]:
    """The network, drawn with the marginal distribution of each variable."""
    return satellite(), {}


show(network_of_the_satellite, networks.posteriors)

# %% [markdown]
# ## Section 2.6: what the structure says
#
# B and S are independent, until one knows of E or anything that follows from it: a failure of the battery then
# explains away one of the panel.


# %%
def conditional_independence() -> dict[str, bool]:
    """Some independences that the graph implies, and some that it does not."""
    bn = satellite()
    return {
        "B, S": dm.d_separated(bn, "B", "S"),
        "B, S given E": dm.d_separated(bn, "B", "S", ["E"]),
        "B, S given D": dm.d_separated(bn, "B", "S", ["D"]),
        "D, C": dm.d_separated(bn, "D", "C"),
        "D, C given E": dm.d_separated(bn, "D", "C", ["E"]),
        "B, D given E": dm.d_separated(bn, "B", "D", ["E"]),
    }


show(conditional_independence)

# %% [markdown]
# ## Exercise: a chain
#
# Ten binary variables in a row, each depending on the one before it. How many parameters has the network, and how
# many has the joint distribution?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def chain_of_ten() -> dict[str, int]:
    """One parameter for the first variable and two for each other: 1 + 9 · 2, where the joint has 2¹⁰ - 1."""
    vars = [dm.Variable(f"X{k}", 2) for k in range(10)]
    follows = [dm.Factor([x, y], [[0.9, 0.1], [0.2, 0.8]]) for x, y in pairwise(vars)]
    bn = dm.BayesianNetwork(vars, [dm.Factor(vars[:1], [0.5, 0.5]), *follows], list(pairwise(range(10))))
    return {"of the network": bn.parameters, "of the joint": 2 ** len(bn.vars) - 1}


show(chain_of_ten)

# %% [markdown]
# ## Exercise: explaining away, in numbers
#
# The electrical system of the satellite has failed. How likely is it that the battery did? And how likely once the
# solar panel is known to have failed? Use the definition $P(b \mid e) = P(b, e) / P(e)$.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def explaining_away() -> dict[str, float]:
    """P(b¹), P(b¹ | e¹) and P(b¹ | e¹, s¹): the failure speaks for the battery, until the panel explains it as well."""
    joint = dm.product(satellite().factors)
    for name in "DC":
        joint = dm.marginalize(joint, name)
    without = dm.marginalize(joint, "S")
    return {
        "P(b1)": float(dm.marginalize(without, "E")(B=1)),
        "P(b1 | e1)": float(dm.normalize(dm.condition(without, {"E": 1}))(B=1)),
        "P(b1 | e1, s1)": float(dm.normalize(dm.condition(joint, {"E": 1, "S": 1}))(B=1)),
    }


show(explaining_away)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 2` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("2")
