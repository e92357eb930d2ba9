# %% [markdown]
"""
# Chapter 3. Inference

Something of a network is known, something else is asked. The answer is exact where the network is not too densely
connected, and otherwise an estimate from samples. The verb is `infer(M, bn, query, evidence)`, M the method.
"""

# %%
from collections.abc import Callable
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import book
from decision_making.pictures import networks
from decision_making.pictures.notebooks import show

chapter_2 = book.script("2")  # the satellite and table 2.1
satellite, table_2_1 = chapter_2.satellite, chapter_2.table_2_1
KNOWN = {"D": 1, "C": 1}  # the satellite deviates, and is silent

# %% [markdown]
# ## Examples 3.1 to 3.3: product, sum, slice


# %%
def example_3_1() -> dm.Factor:
    """The product of two factors (algorithm 3.1)."""
    x, y, z = (dm.Variable(name, 2) for name in "xyz")
    return dm.Factor([x, y], [[0.3, 0.4], [0.2, 0.1]]) * dm.Factor([y, z], [[0.2, 0.0], [0.3, 0.5]])


def examples_3_2_and_3_3() -> dict[str, dm.Factor]:
    """Table 2.1 summed over y, and at y = 1 (algorithms 3.2 and 3.3)."""
    φ = table_2_1()
    at = dm.condition(φ, "y", 1)
    return {"sum": dm.marginalize(φ, "y"), "slice": at, "normalised": dm.normalize(at)}


show(examples_3_2_and_3_3)

# %% [markdown]
# ## Sections 3.1 and 3.3: has the battery failed?
#
# Exact inference sums the whole joint distribution (algorithm 3.4); variable elimination multiplies only what it must
# (algorithm 3.5).


# %%
def battery() -> dict[str, float]:
    """P(b¹ | d¹, c¹) by each exact method, and other posteriors of the satellite."""
    bn = satellite()
    asked = {
        "B | D, C": ("B", KNOWN),
        "S | D, C": ("S", KNOWN),
        "E | D, C": ("E", KNOWN),
        "B | E": ("B", {"E": 1}),
        "B | E, S": ("B", {"E": 1, "S": 1}),
    }
    found = {name: dm.infer(dm.VariableElimination(), bn, *x).values[1] for name, x in asked.items()}
    found["by the joint"] = dm.infer(dm.ExactInference(), bn, "B", KNOWN).values[1]
    found["by the tree"] = dm.infer(dm.JunctionTree(), bn, "B", KNOWN)["B"].values[1]
    found["P(evidence)"] = np.exp(dm.evidence_log_probability(dm.VariableElimination(), bn, KNOWN))
    return found


def posteriors_of_the_satellite() -> tuple[dm.BayesianNetwork, dict[str, int]]:
    """The network, drawn with the distribution of each variable given d¹ and c¹."""
    return satellite(), KNOWN


show(posteriors_of_the_satellite, networks.posteriors)

# %% [markdown]
# ## Exercise 3.3: naive Bayes
#
# What is the object of medium size that moves slowly? Arrays as evidence ask about many objects at once.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_3_3() -> np.ndarray:
    """P(vehicle, pedestrian, ball | size, slow) for a small, a medium and a large object."""
    c = dm.Variable("class", 3, ("vehicle", "pedestrian", "ball"))
    size, speed = dm.Variable("size", 3, ("small", "medium", "large")), dm.Variable("speed", 3)
    bn = dm.naive_bayes(
        dm.Factor([c], [0.80, 0.19, 0.01]),
        [
            dm.Factor([c, size], [[0.001, 0.009, 0.990], [0.200, 0.750, 0.050], [0.800, 0.199, 0.001]]),
            dm.Factor([c, speed], [[0.2, 0.2, 0.6], [0.5, 0.4, 0.1], [0.4, 0.4, 0.2]]),
        ],
    )
    return dm.infer(dm.VariableElimination(), bn, "class", {"size": ["small", "medium", "large"], "speed": 0}).values


show(exercise_3_3)

# %% [markdown]
# ## Sections 3.6 to 3.8: samples
#
# Direct sampling throws away what does not agree with the evidence, likelihood weighting fixes the evidence and weighs,
# Gibbs sampling walks through the states that agree.


# %%
def sampled_battery(m: int = 40_000) -> dict[str, dm.PosteriorEstimate]:
    """P(b¹ | d¹, c¹) by each method of sampling, with standard errors."""
    methods = {
        "direct": dm.DirectSampling(m),
        "weighted": dm.LikelihoodWeightedSampling(m),
        "Gibbs": dm.GibbsSampling(m, 10, chains=200),
    }
    return {name: dm.estimate_posterior(M, satellite(), "B", KNOWN, rng=0) for name, M in methods.items()}


def detection(p: float = 0.001) -> dm.BayesianNetwork:
    """A chemical C that is rarely there, and a detector D that errs as rarely (figure of section 3.7)."""
    C, D = dm.Variable("C", 2), dm.Variable("D", 2)
    return dm.BayesianNetwork([C, D], [dm.Factor([C], [1 - p, p]), dm.Factor([C, D], [[1 - p, p], [p, 1 - p]])])


def rare_detection(runs: int = 12) -> dict[str, Any]:
    """P(c¹ | d¹) by number of samples: likelihood weighting finds nothing for long, Gibbs sampling is right at once."""
    m = np.unique(np.logspace(1, 4.3, 24).astype(int))
    bn = detection()
    methods: dict[str, Callable[[int], object]] = {
        "likelihood weighting": dm.LikelihoodWeightedSampling,
        "Gibbs": lambda k: dm.GibbsSampling(k, 5, chains=min(int(k), 1000)),
    }
    found = {
        name: np.array([[dm.infer(M(k), bn, "C", {"D": 1}, rng=seed).values[1] for k in m] for seed in range(runs)])
        for name, M in methods.items()
    }
    exact = dm.infer(dm.VariableElimination(), bn, "C", {"D": 1}).values[1]
    return {"m": m, "methods": found, "exact": exact}


show(rare_detection, networks.estimates)

# %% [markdown]
# ## Section 3.9: Gaussian models


# %%
def example_3_7() -> dm.MultivariateGaussian:
    """x₁ given x₂ = 2 (algorithm 3.11)."""
    return dm.infer(dm.MultivariateGaussian([0, 1], [[3, 1], [1, 2]]), [0], [1], [2.0])


def exercise_3_7() -> dm.MultivariateGaussian:
    """Two grades given that the third is 90."""
    D = dm.MultivariateGaussian([81, 82, 80], [[25, -9, -16], [-9, 36, 16], [-16, 16, 36]])
    return dm.infer(D, [0, 1], [2], [90.0])


show(example_3_7)
show(exercise_3_7)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 3` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    book.compare("3")
