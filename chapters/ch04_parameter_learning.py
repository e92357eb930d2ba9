# %% [markdown]
"""
# Chapter 4. Parameter learning

The structure of a network is known, its numbers are learnt from data. Data D are an array with a row for each variable
and a column for each datum. They are counted; what was believed before is counted too; and what is missing counts as
all that it may have been.
"""

# %%
import numpy as np
from scipy import stats

import decision_making as dm
from decision_making.pictures import learning_networks as pictures
from decision_making.pictures.notebooks import show

NAN = np.nan
A, B, C = (dm.Variable(name, 2) for name in "ABC")
FORK = [("A", "B"), ("C", "B")]
DATA = np.array([[0, 0, 1], [1, 1, 1], [1, 1, 1], [0, 0, 1]]).T  # of example 4.1

# %% [markdown]
# ## Examples 4.1 and 4.2: counts, and counts from before
#
# `statistics` counts how often each variable had each value, for each instantiation of its parents, the last parent
# fastest (algorithm 4.1). The uniform prior adds one to each (algorithm 4.2).


# %%
def example_4_1() -> list[np.ndarray]:
    """The counts of A, B given A and C, and C."""
    return dm.statistics([A, B, C], FORK, DATA)


def example_4_2() -> list[np.ndarray]:
    """Counts and pseudo-counts: the parameters of Dirichlet distributions."""
    return [α + m for α, m in zip(dm.prior([A, B, C], FORK), example_4_1(), strict=True)]


def estimates_of_example_4_1() -> dict[str, dm.BayesianNetwork]:
    """Both estimates as networks: of B nobody knows anything where A and C were never seen together."""
    return {
        "maximum likelihood": dm.maximum_likelihood([A, B, C], FORK, DATA, unseen="uniform"),
        "posterior mean": dm.posterior_mean([A, B, C], FORK, DATA),
    }


show(example_4_1)
show(example_4_2)

# %% [markdown]
# ## Section 4.2: beliefs about a probability
#
# A `Dirichlet` is a belief about probabilities; of two values it is a beta distribution. Every throw of a coin sharpens
# it.


# %%
def exercises_4_1_and_4_5() -> dict[str, float]:
    """Two of three throws are heads; one throw is."""
    three, one = dm.update(dm.Dirichlet([1, 1]), [1, 2]), dm.update(dm.Dirichlet([1, 1]), [0, 1])
    return {
        "α": three.α[1],
        "β": three.α[0],
        "mean": three.mean[1],
        "one, maximum likelihood": dm.maximum_likelihood([A], [], [[1]]).factors[0](A=1),
        "one, posterior mode": one.mode[1],
        "one, posterior mean": one.mean[1],
    }


def beta_posteriors() -> dict[str, np.ndarray]:
    """The density of the probability of heads after 0, 1, 3, 10 and 50 throws, two thirds of them heads."""
    x = np.linspace(0, 1, 401)
    found = {"probability of heads": x}
    for m in (0, 1, 3, 10, 50):
        heads = round(2 * m / 3)
        b = dm.update(dm.Dirichlet([1, 1]), [m - heads, heads])
        found[f"{heads} of {m}"] = stats.beta(b.α[1], b.α[0]).pdf(x)
    return found


show(beta_posteriors, pictures.densities)

# %% [markdown]
# ## Exercises 4.3 and 4.4: other distributions
#
# The likeliest Gaussian has the mean and the mean square of the data, the Laplace distribution their median. What is
# the likeliest rate of failures, if three machines failed after 132, 42 and 89 hours, and two still ran after 200?
# And which tables are the likeliest for ten data on the network $X_3 \to X_2 \leftarrow X_4 \leftarrow X_1$?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_4_3() -> float:
    """Three failures in all 663 hours: those that were cut short count in the denominator alone."""
    return dm.fit_exponential([132, 42, 89], [200, 200])


def exercise_4_4() -> dm.BayesianNetwork:
    """Ten data on four variables."""
    vars = [dm.Variable(f"X{k}", r) for k, r in ((1, 2), (2, 2), (3, 2), (4, 3))]
    D = [[int(x) for x in row] for row in ("0100010100", "1110100010", "1110000010", "2100022000")]
    edges = [("X1", "X4"), ("X4", "X2"), ("X3", "X2")]
    return dm.maximum_likelihood(vars, edges, D, unseen="uniform")


show(exercise_4_3)
show(exercise_4_4)

# %% [markdown]
# ## Section 4.3: without parameters
#
# A kernel around each observation gives a density (algorithm 4.3). Its bandwidth says how far one observation speaks.


# %%
def kernel_densities() -> dict[str, np.ndarray]:
    """Thirty numbers of a mixture, and the density by four bandwidths."""
    rng = np.random.default_rng(0)
    O = np.where(rng.random(30) < 0.6, rng.normal(0.3, 0.08, 30), rng.normal(0.7, 0.05, 30))
    x = np.linspace(0, 1, 401)
    found = {"x": x, "observations": O}
    for b in (0.01, 0.05, 0.1, 0.2):
        found[f"b = {b}"] = dm.kernel_density_estimate(dm.NormalKernel(b), O)(x)
    return found


show(kernel_densities, pictures.densities)

# %% [markdown]
# ## Exercises 4.6 and 4.7: what is missing
#
# A missing number may be filled in from its variable alone, from the nearest datum, or from a model of all of them.
# What do the first two say of the pairs (0.5, 1.0), (?, 0.3), (-0.6, -0.3), (0.1, 0.2)? And which first number is the
# likeliest beside 1.5, if pairs have mean (5, 2), variances 4 and 2, and covariance 1? How far do draws of it spread?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_4_6() -> dict[str, float]:
    """The missing number of four pairs."""
    D = [[0.5, NAN, -0.6, 0.1], [1.0, 0.3, -0.3, 0.2]]
    return {"marginal mode": dm.marginal_imputation(D)[0, 1], "nearest neighbour": dm.nearest_imputation(D)[0, 1]}


def exercise_4_7() -> dict[str, float]:
    """The likeliest is 5 + (1.5 - 2) / 2 = 4.75; many that are drawn have variance 4 - 1/2."""
    P = dm.MultivariateGaussian([5, 2], [[4, 1], [1, 2]])
    D = np.array([[NAN], [1.5]])
    drawn = dm.posterior_imputation(P, D, 20_000, rng=0)[:, 0, 0]
    return {"likeliest": dm.posterior_imputation(P, D)[0, 0], "mean": drawn.mean(), "variance": drawn.var()}


show(exercise_4_6)
show(exercise_4_7)

# %% [markdown]
# Expectation maximisation takes every way to complete the data, weighs each by its probability, counts, and starts
# again. The likelihood never falls; `rises` is the certificate.


# %%
PAIRS = np.array([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [NAN, 0], [NAN, 1], [1, NAN]]).T


def expectation_maximization(steps: int = 1000) -> dm.EMEstimate:
    """A and B, with three values missing, from P(a¹) = 0.5 and P(b¹ | a) = 0.4, 0.6."""
    start = dm.BayesianNetwork([A, B], [dm.Factor([A], [0.5, 0.5]), dm.Factor([A, B], [[0.6, 0.4], [0.4, 0.6]])])
    return dm.fit(dm.ExpectationMaximization([("A", "B")], steps, start=start, tolerance=0.0), [A, B], PAIRS)


def hidden_cause() -> dict[str, dm.EMEstimate]:
    """A cause that nobody sees, from four signs of it: a uniform start stays where it is, random ones do not."""
    H, signs = dm.Variable("H", 2), [dm.Variable(f"x{k}", 2) for k in range(4)]
    rows = np.array([[0.9, 0.1], [0.15, 0.85]])
    bn = dm.BayesianNetwork([H, *signs], [dm.Factor([H], [0.6, 0.4]), *(dm.Factor([H, x], rows) for x in signs)])
    D = dm.sample(bn, 2000, rng=0).T.astype(float)
    D[0] = NAN
    flat = dm.BayesianNetwork(bn.vars, [dm.Factor(φ.vars, np.full(φ.values.shape, 0.5)) for φ in bn.factors])
    starts = {"uniform": flat} | {f"random {k}": None for k in range(3)}
    return {
        name: dm.fit(dm.ExpectationMaximization(bn.graph, 60, start=start), bn.vars, D, rng=k)
        for k, (name, start) in enumerate(starts.items())
    }


show(hidden_cause, pictures.likelihoods)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 4` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("4")
