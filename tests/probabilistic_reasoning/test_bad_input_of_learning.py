"""Wrong calls of chapters 4 and 5: each is one clear error that names what is wrong."""

import numpy as np
import pytest

import decision_making as dm
from tests.support import assert_refused, assert_short

X, Y = dm.Variable("x", 2), dm.Variable("y", 3)
V, D, EDGE = [X, Y], np.array([[0, 1, 1], [2, 0, 1]]), [("x", "y")]
LARGE = {
    "Dirichlet": dm.Dirichlet(np.ones((1000, 3))),
    "KernelDensity": dm.KernelDensity(dm.NormalKernel(0.1), np.zeros(10_000)),
    "EMEstimate": dm.fit(dm.ExpectationMaximization(EDGE, 300, restarts=20, tolerance=0.0), V, D, rng=0),
    "ExpectationMaximization": dm.ExpectationMaximization([(i, i + 1) for i in range(500)], restarts=3, α=2.0),
    "K2Search": dm.K2Search(range(1000), max_parents=3, score=dm.BDeuScore(10)),
    "LocalDirectedGraphSearch": dm.LocalDirectedGraphSearch([(i, i + 1) for i in range(500)], 10, restarts=3),
    "HillClimbing": dm.HillClimbing([(i, i + 1) for i in range(500)], 10, tabu=5, restarts=3, max_parents=3),
    "ExactGraphSearch": dm.ExactGraphSearch(score=dm.BICScore()),
}

CALLS = {
    "statistics": (lambda: dm.statistics(V, EDGE, D.T), ValueError, r"D has shape \(3, 2\): must be \(2, m\)"),
    "statistics, of what": (lambda: dm.statistics(3), TypeError, "x = 3: statistics knows"),
    "statistics, variables": (lambda: dm.statistics([3], [], D), TypeError, "list of Variables"),
    "statistics, twice": (lambda: dm.statistics([X, X], [], D), ValueError, "^vars: x is there twice"),
    "statistics, texts": (lambda: dm.statistics(V, EDGE, D.astype(str)), TypeError, "D has dtype"),
    "statistics, things": (
        lambda: dm.statistics([X], [], [["a", None]]),
        TypeError,
        "must be an array of whole numbers",
    ),
    "statistics, ragged": (lambda: dm.statistics(V, EDGE, [[0, 1], [0]]), TypeError, "D = .*rows of one length"),
    "statistics, too large": (
        lambda: dm.statistics([X], [], [[10**400]]),
        TypeError,
        "must be an array of whole numbers",
    ),
    "statistics, infinite": (
        lambda: dm.statistics([X], [], [[np.inf]]),
        ValueError,
        r"D\[0, 0\] = inf: x has the values",
    ),
    "statistics, graph": (lambda: dm.statistics(V, [("x", "z")], D), ValueError, "G: 'z' is no variable"),
    "statistics, cycle": (lambda: dm.statistics(V, [(0, 1), (1, 0)], D), ValueError, "G: .* is a cycle"),
    "statistics, no graph": (lambda: dm.statistics(V, 3, D), TypeError, "G = 3: must be a networkx.DiGraph or a list"),
    "prior": (lambda: dm.prior(V, [("y", "y")]), ValueError, "y -> y is a cycle"),
    "maximum_likelihood": (lambda: dm.maximum_likelihood(V, EDGE, D, "zero"), ValueError, "unseen = 'zero'"),
    "posterior_mean": (lambda: dm.posterior_mean(V, EDGE, D, 0), ValueError, r"Dirichlet\.α"),
    "posterior_mean, arrays": (
        lambda: dm.posterior_mean(V, EDGE, D, [np.ones((1, 2))]),
        ValueError,
        r"shapes \(1, 2\), \(2",
    ),
    "posterior_mean, of what": (
        lambda: dm.posterior_mean(V, EDGE, D, np.array(1)),
        ValueError,
        "α: must be a number, or",
    ),
    "posterior_mean, ragged": (lambda: dm.posterior_mean([X], [], D[:1, 1:] * 0, [[[1], [1, 2]]]), TypeError, "α = "),
    "Dirichlet, too large": (lambda: dm.Dirichlet([1, 1.1e100]), ValueError, "from 1e-100 to 1e.100"),
    "Dirichlet, too small": (lambda: dm.Dirichlet([1, 0.9e-100]), ValueError, "from 1e-100 to 1e.100"),
    "Dirichlet, many counts": (
        lambda: dm.Dirichlet([1, 1]).log_evidence([1, 1.1e100]),
        *(ValueError, r"counts of shape \(2,\): must be numbers >= 0 and at most 1e\+100, 2 in a row"),
    ),
    "Dirichlet": (lambda: dm.Dirichlet([1, 0]), ValueError, r"Dirichlet\.α = \[1, 0\]: must be numbers > 0"),
    "Dirichlet, a number": (lambda: dm.Dirichlet(3), ValueError, r"Dirichlet\.α = 3"),
    "Dirichlet, update": (lambda: dm.update(dm.Dirichlet([1, 1]), [1, -1]), ValueError, "counts of shape"),
    "Dirichlet, counts": (lambda: dm.Dirichlet([1, 1]).log_evidence([1, 1, 1]), ValueError, r"counts of shape \(3,\)"),
    "fit_gaussian": (lambda: dm.fit_gaussian([np.nan]), ValueError, "D: must be finite numbers"),
    "fit_gaussian, too large": (lambda: dm.fit_gaussian([-1.1e100]), ValueError, r"of size at most 1e\+100$"),
    "fit_gaussian, nothing": (lambda: dm.fit_gaussian([]), ValueError, r"D has shape \(0,\)"),
    "fit_gaussian_network": (lambda: dm.fit_gaussian_network([(0, 2)], [[1.0], [2.0]]), ValueError, "2 is no variable"),
    "fit_laplace": (lambda: dm.fit_laplace([[1], [2]]), ValueError, r"D has shape \(2, 1\): must be \(m,\)"),
    "fit_exponential": (lambda: dm.fit_exponential([1], [-1]), ValueError, "cut: must be a list of times"),
    "fit_exponential, too long": (lambda: dm.fit_exponential([1.1e100]), ValueError, r"known: .* at most 1e\+100"),
    "fit_exponential, none": (lambda: dm.fit_exponential([], [3]), ValueError, "known: must have at least one time"),
    "NormalKernel": (lambda: dm.NormalKernel(0), ValueError, r"NormalKernel\.b = 0: must be a finite number > 0"),
    "NormalKernel, at NaN": (lambda: dm.NormalKernel(1)([0, np.nan]), ValueError, "x = .* none of them NaN"),
    "NormalKernel, at a text": (lambda: dm.NormalKernel(1)("a"), TypeError, "x = 'a': must be an array of numbers"),
    "KernelDensity, at NaN": (
        lambda: dm.KernelDensity(dm.NormalKernel(1), [0])(np.nan),
        ValueError,
        "none of them NaN",
    ),
    "KernelDensity, shape": (
        lambda: dm.KernelDensity(lambda x: 1.0, [0])([0, 1]),
        *(ValueError, r"KernelDensity\.φ gave .*: must be numbers >= 0 of the shape of x, \(2, 1\)"),
    ),
    "KernelDensity, below 0": (
        lambda: dm.KernelDensity(lambda x: x, [0])([-1]),
        *(ValueError, r"KernelDensity\.φ gave array\(\[\[-1\.\]\]\)"),
    ),
    "KernelDensity": (lambda: dm.KernelDensity(dm.NormalKernel(1), []), ValueError, r"KernelDensity\.O"),
    "KernelDensity, numbers": (lambda: dm.KernelDensity(abs, [np.inf]), ValueError, r"KernelDensity\.O"),
    "kernel_density_estimate": (lambda: dm.kernel_density_estimate(0.1, [1]), TypeError, r"φ = 0\.1: must be callable"),
    "marginal_imputation": (lambda: dm.marginal_imputation([[np.nan]]), ValueError, r"D\[0\] has no value"),
    "marginal_imputation, too large": (
        lambda: dm.marginal_imputation([[np.nan, 2e100]]),
        *(ValueError, r"of size at most 1e\+100, or NaN where one is missing"),
    ),
    "marginal_imputation, vars": (lambda: dm.marginal_imputation([[2]], [X]), ValueError, r"D\[0, 0\] = 2: x has"),
    "nearest_imputation": (
        lambda: dm.nearest_imputation([[np.nan, 1], [1, np.nan]]),
        ValueError,
        "no datum that shares",
    ),
    "posterior_imputation": (lambda: dm.posterior_imputation(3, D), TypeError, "P = 3: posterior_imputation knows"),
    "posterior_imputation, draws": (
        lambda: dm.posterior_imputation(dm.MultivariateGaussian([0], [[1]]), [[np.nan]], 0),
        *(ValueError, "draws = 0"),
    ),
    "posterior_imputation, too many draws": (
        lambda: dm.posterior_imputation(dm.MultivariateGaussian([0], [[1]]), [[np.nan, 1.0]], 2**30 + 1),
        *(dm.TooLargeError, "2,147,483,650 numbers of completed data"),
    ),
    "posterior_imputation, too many draws of a network": (
        lambda: dm.posterior_imputation(dm.posterior_mean([X], [], [[0]]), [[None]], 10**400),
        *(dm.TooLargeError, "more than 1e300 numbers of completed data"),
    ),
    "posterior_imputation, rows": (
        lambda: dm.posterior_imputation(dm.MultivariateGaussian([0], [[1]]), [[1], [2]]),
        *(ValueError, r"must be \(1, m\)"),
    ),
    "posterior_imputation, singular": (
        lambda: dm.posterior_imputation(dm.MultivariateGaussian([0] * 3, np.ones((3, 3))), [[np.nan], [1], [1]]),
        *(ValueError, "their covariance is singular"),
    ),
    "ExpectationMaximization": (lambda: dm.ExpectationMaximization([], 0), ValueError, "k_max = 0"),
    "ExpectationMaximization, α": (
        lambda: dm.ExpectationMaximization([], α=0.5),
        ValueError,
        r"α = 0\.5: must be .* >= 1",
    ),
    "ExpectationMaximization, large α": (
        lambda: dm.ExpectationMaximization([], α=1.1e100),
        *(ValueError, r"must be a number >= 1 and at most 1e\+100"),
    ),
    "ExpectationMaximization, start": (lambda: dm.ExpectationMaximization([], start=3), TypeError, "start = 3"),
    "ExpectationMaximization, another start": (
        lambda: dm.fit(dm.ExpectationMaximization(EDGE, start=dm.posterior_mean(V, [], D)), V, D),
        *(ValueError, "must be a network of the same variables on the graph G"),
    ),
    "ExpectationMaximization, no data": (
        lambda: dm.fit(dm.ExpectationMaximization([]), V, D[:, :0]),
        *(ValueError, "must have at least one variable and one datum"),
    ),
    "ExpectationMaximization, rng": (
        lambda: dm.fit(dm.ExpectationMaximization([]), V, D, rng=-1),
        ValueError,
        "rng = -1",
    ),
    "bayesian_score": (
        lambda: dm.bayesian_score(V, EDGE, D - 1),
        ValueError,
        r"D\[0, 0\], of x, is missing|D\[0, 0\] = -1",
    ),
    "bayesian_score, score": (
        lambda: dm.bayesian_score(V, EDGE, D, "BIC"),
        TypeError,
        "score = 'BIC': must be callable",
    ),
    "bayesian_score, class": (
        lambda: dm.bayesian_score(V, EDGE, D, dm.BDeuScore),
        *(TypeError, r"score = .*: must be an instance, as in BDeuScore\(\)"),
    ),
    **{
        f"{M.__name__}, class of the score": (
            lambda M=M, given=given: M(*given, score=dm.BICScore),
            *(TypeError, rf"{M.__name__}\.score = .*: must be an instance, as in BICScore\(\)"),
        )
        for M, given in (
            (dm.K2Search, [V]),
            (dm.LocalDirectedGraphSearch, [[], 1]),
            (dm.HillClimbing, []),
            (dm.ExactGraphSearch, []),
            (dm.PartiallyDirectedGraphSearch, []),
        )
    },
    "bayesian_score, of nothing": (
        lambda: dm.bayesian_score(V, EDGE, D, lambda *given: None),
        *(ValueError, "score gave None: must be a finite number"),
    ),
    "bayesian_score, NaN": (
        lambda: dm.bayesian_score([X], [], np.arange(2)[None], lambda *given: np.nan),
        *(ValueError, "score gave nan: must be a finite number"),
    ),
    "bayesian_score_component, ragged": (
        lambda: dm.bayesian_score_component([1, [2]], [[1]]),
        *(TypeError, "M = .*: must be an array of numbers"),
    ),
    "bayesian_score_component": (
        lambda: dm.bayesian_score_component([[1, 2]], [[1, 1, 1]]),
        ValueError,
        "of the shape of α",
    ),
    "bayesian_score_component, α": (lambda: dm.bayesian_score_component([[1]], [[0]]), ValueError, r"Dirichlet\.α"),
    "K2Score": (lambda: dm.K2Score(0), ValueError, r"K2Score\.α = 0"),
    "K2Score, text": (lambda: dm.K2Score("a"), ValueError, r"K2Score\.α = 'a'"),
    "K2Score, truth": (lambda: dm.K2Score(True), ValueError, r"K2Score\.α = True"),
    "ExpectationMaximization, text": (lambda: dm.ExpectationMaximization([], α="a"), ValueError, "α = 'a': must be a"),
    "fit_exponential, at once": (lambda: dm.fit_exponential([0]), ValueError, "not all times may be 0"),
    "NormalKernel, things": (
        lambda: dm.NormalKernel(1)(np.array(["a"], dtype=object)),
        *(TypeError, r"x = array\(\['a'\], dtype=object\): must be an array of numbers"),
    ),
    "KernelDensity, partly below 0": (
        lambda: dm.KernelDensity(lambda x: x, [0])([-1, 1]),
        ValueError,
        "must be numbers >= 0",
    ),
    "K2Score, too small": (lambda: dm.K2Score(1e-101), ValueError, "must be a number > 0, from 1e-100 to 1e.100"),
    "BDeuScore, too large": (lambda: dm.BDeuScore(1.1e100), ValueError, "must be a number > 0, from 1e-100 to 1e.100"),
    "BDeuScore": (lambda: dm.BDeuScore(-1), ValueError, r"BDeuScore\.ess = -1"),
    "BICScore": (lambda: dm.BICScore()([1]), TypeError, "missing"),
    "K2Search": (lambda: dm.K2Search("xy"), TypeError, r"K2Search\.ordering = 'xy': must be a list"),
    "K2Search, ordering": (lambda: dm.fit(dm.K2Search(["x", "z"]), V, D), ValueError, "'z' is no variable"),
    "K2Search, one": (lambda: dm.K2Search(np.array(3)), TypeError, r"K2Search\.ordering = array\(3\): must be a list"),
    "K2Search, names": (
        lambda: dm.fit(dm.K2Search([["x"], "y"]), V, D),
        ValueError,
        r"ordering: \['x'\] is no variable",
    ),
    "K2Search, truth": (lambda: dm.fit(dm.K2Search([True, 0]), V, D), ValueError, "ordering: True is no variable"),
    "K2Search, halves": (lambda: dm.fit(dm.K2Search([1.0, 0.0]), V, D), ValueError, r"ordering: 1\.0 is no variable"),
    "K2Search, max_parents": (lambda: dm.K2Search([0], max_parents=0), ValueError, "max_parents = 0"),
    "LocalDirectedGraphSearch": (lambda: dm.LocalDirectedGraphSearch(None, 0), ValueError, "k_max = 0"),
    "LocalDirectedGraphSearch, restarts": (
        lambda: dm.LocalDirectedGraphSearch(None, 1, restarts=-1),
        *(ValueError, "restarts = -1"),
    ),
    "HillClimbing": (lambda: dm.HillClimbing(tabu=-1), ValueError, "tabu = -1"),
    "HillClimbing, reversal": (lambda: dm.HillClimbing(reversal=1), ValueError, "reversal = 1: must be True or False"),
    "ExactGraphSearch": (lambda: dm.ExactGraphSearch(max_parents=0.5), ValueError, r"max_parents = 0\.5"),
    "PartiallyDirectedGraphSearch": (lambda: dm.PartiallyDirectedGraphSearch(score=3), TypeError, "score = 3"),
    "PartiallyDirectedGraphSearch, start": (
        lambda: dm.fit(dm.PartiallyDirectedGraphSearch([(0, 1), (1, 0)]), V, D),
        *(ValueError, r"PartiallyDirectedGraphSearch\.G: .* is a cycle"),
    ),
    "rand_graph_neighbor": (lambda: dm.rand_graph_neighbor([(1, 1)]), ValueError, "an edge from 1 to itself"),
    "are_markov_equivalent": (lambda: dm.are_markov_equivalent([(0, 1)], 3), TypeError, "G, H = 3: must be a networkx"),
    "are_markov_equivalent, nodes": (
        lambda: dm.are_markov_equivalent([([0], 1)], []),
        *(TypeError, "G, H: nodes must be hashable"),
    ),
    "cpdag, None": (lambda: dm.cpdag([(0, None)]), ValueError, "G: has an edge with None"),
    "cpdag": (lambda: dm.cpdag([(0, 1), (1, 2), (2, 0)]), ValueError, "G: has a cycle"),
    "pdag_to_dag": (lambda: dm.pdag_to_dag([(0, 1), (1, 2), (2, 0)]), ValueError, "P: no directed graph"),
    "number_of_dags": (lambda: dm.number_of_dags(-1), ValueError, "n = -1"),
    "directed_acyclic_graphs": (lambda: next(dm.directed_acyclic_graphs(9)), dm.TooLargeError, "use at most 6 nodes"),
    "fit": (lambda: dm.fit("K2", V, D), TypeError, "M = 'K2': fit knows"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_clear_error(name):
    assert_refused(*CALLS[name])


@pytest.mark.parametrize("name", LARGE)
def test_what_is_printed_fits_three_lines(name):
    assert_short(LARGE[name])
