"""Policy search (chapter 10): searches of the parameter space that need U(π, θ) alone, no gradient of it.

A search is a struct M and the verb `optimize(M, π, U)`; one that moves a search distribution over the parameters also
has `optimize_dist`. A utility U is a `MonteCarloPolicyEvaluation` or any callable U(π, θ) -> number, asked row by row;
with an attribute `takes_population` that is True (see `PopulationUtility`) it is asked once a generation, for θ (k, n),
and returns (k,). A U with a parameter named rng gets the search's generator. A population is one array, a row each;
it is ranked by decreasing utility, equals in the order drawn, NaN last.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property, singledispatch
from numbers import Integral
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    brief,
    count,
    flag,
    function,
    not_negative,
    numbers,
    optional,
    parameters,
    positive,
    problem,
    refuse,
    shrink_factor,
)
from decision_making.sampling import default_rng, sample_start, start_distribution
from decision_making.simulation import rollouts, simulate
from decision_making.trajectories import returns

SYMMETRY = 1e-8  # of a covariance, relative to its largest entry
LOG_2π = float(np.log(2 * np.pi))


# Utilities


def _start(M: Any, attribute: Any, b: Any) -> None:
    if b is None and not _has_sampler(M.P):
        return
    start_distribution(M, attribute, b)
    S = getattr(M.P, "S", None)
    if S is not None and not callable(b) and not hasattr(b, "rvs") and len(b) != len(S):
        refuse(M, attribute.name, f"a vector of {len(b)}", f"one probability for each of the {len(S)} states of P")


def _has_sampler(P: Any) -> bool:
    """Whether P is rolled out by its TR, which takes parameters of each trajectory's own."""
    return rollouts.dispatch(type(P)) is rollouts.dispatch(object)


@frozen(eq=False)
class MonteCarloPolicyEvaluation:
    """U(π, θ): the mean return of m rollouts of depth d, each from a fresh start state (algorithm 10.1, equation 10.3).

    An unbiased estimate of the utility of depth d, of variance Var R(τ) / m.

    θ (n,) gives a number; a population θ (k, n) gives (k,) from one simulation of k·m trajectories, each row with
    rollouts of its own. `U(π)` without θ evaluates a policy of states, π(s) -> a on batches, which brings its own
    randomness. `rng`: None, an int or a Generator.

    Raises ValueError, naming the field, for a γ of P outside [0, 1] and for d or m below 1; on a call for a θ of the
    wrong length or not finite, and for a state, action or reward that is not finite.

    >>> from decision_making import LinearGaussianPolicy
    >>> from decision_making.problems import SimpleRegulator
    >>> P = SimpleRegulator()
    >>> U = MonteCarloPolicyEvaluation(P, P.b, d=10, m=10_000)
    >>> U(LinearGaussianPolicy(), [[0.0, 1.0], [-1.0, 0.0]], rng=0).round(1)  # exactly -46.45 and -0.19
    array([-46.4,  -0.2])
    """

    P: Any = field(validator=problem)  # problem
    b: Any = field(
        validator=_start, repr=brief
    )  # start state distribution; None for live environments, which reset themselves
    d: int = field(validator=count)  # depth: steps of a rollout
    m: int = field(validator=count)  # number of rollouts

    takes_population = True

    def __call__(self, π: Any, θ: Any = None, rng: Any = None) -> Any:
        """The estimate at θ (n,), a float; at each row of θ (k, n), a float64 array (k,)."""
        rng = default_rng(rng)
        if θ is None:
            s = sample_start(self.b, self.m, rng)
            return float(returns(simulate(self.P, s, π, self.d, rng), self.P.γ).mean())
        θs = population(θ) if np.ndim(θ) == 2 else parameters(θ)[None]
        check_length(π, θs)
        if _has_sampler(self.P):
            τs = rollouts(self.P, self.b, π, np.repeat(θs, self.m, axis=0), self.d, len(θs) * self.m, rng)
            us = returns(τs, self.P.γ).reshape(len(θs), self.m).mean(axis=1)
        else:  # live environments act under one θ at a time
            one = [rollouts(self.P, self.b, π, row, self.d, self.m, rng) for row in θs]
            us = np.array([returns(τs, self.P.γ).mean() for τs in one])
        return us if np.ndim(θ) == 2 else float(us[0])


@frozen(eq=False)
class PopulationUtility:
    """Marks f(π, θs), which maps a population θs (k, n) to utilities (k,), so that a search calls it once for all rows.

    >>> U = PopulationUtility(lambda π, θs: -(θs**2).sum(axis=1))
    >>> optimize(HookeJeevesPolicySearch([0.25, -0.5], 0.25, 0.5, 0.01), None, U)
    array([0., 0.])
    """

    f: Any = field(validator=function)  # (π, θs) or (π, θs, rng) -> (k,)

    takes_population = True

    def __call__(self, π: Any, θs: Array, rng: Any = None) -> Any:
        """f(π, θs), with rng where f has such a parameter."""
        return self.f(π, θs, rng=rng) if takes_rng(self.f) else self.f(π, θs)


def takes_rng(f: Any) -> bool:
    """Whether f has a parameter named rng."""
    try:
        return "rng" in inspect.signature(f).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return False


def utilities(U: Any, π: Any, θs: Array, rng: np.random.Generator) -> Array:
    """U of each row of θs (k, n), float64 (k,): one call where U takes a population, else row by row.

    U gets copies. Raises TypeError for a U that cannot be called, ValueError where it does not return one number for
    each row, and where the rows are not as long as π.n.
    """
    if not callable(U):
        raise TypeError(f"U = {U!r}: must be a MonteCarloPolicyEvaluation or a callable U(π, θ)")
    check_length(π, θs)
    more = {"rng": rng} if takes_rng(U) else {}
    at_once = bool(getattr(U, "takes_population", False))
    us = U(π, θs.copy(), **more) if at_once else [U(π, θ.copy(), **more) for θ in θs]
    us = numbers(us, "U(π, θ)")
    if us.shape != (len(θs),):
        wanted = f"must be ({len(θs)},)" if at_once else "must be one number for one θ (see PopulationUtility)"
        raise ValueError(f"U returned {us.shape} for θ {θs.shape if at_once else θs.shape[1:]}: {wanted}")
    return us


def population(θs: Any, name: str = "θ") -> Array:
    """θs as a fresh float array (k, n) of finite numbers: float32 stays, everything else becomes float64."""
    given = np.array(θs) if getattr(θs, "dtype", None) == np.float32 else numbers(θs, name)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"{name} has shape {given.shape}: must be (k, n), one parameter vector a row")
    return parameters(given.ravel(), name=name).reshape(given.shape)


def check_length(π: Any, θs: Array) -> None:
    """Raise ValueError if a policy that knows its number of parameters gets another."""
    n = getattr(π, "n", None)
    if isinstance(n, Integral) and θs.shape[-1] != n:
        raise ValueError(f"θ has {θs.shape[-1]} parameters: must have π.n = {n}")


def best_first(us: Array) -> Array:
    """Indices by decreasing utility, equals in their order, NaN last. ValueError if there is nothing but NaN."""
    if np.isnan(us).all():
        raise ValueError(f"all {len(us)} utilities of the population are NaN: nothing can be ranked")
    return np.argsort(-us, kind="stable")  # which puts NaN last


def elite(us: Array, m_elite: int) -> Array:
    """Indices of the m_elite best, the best first; NaN is never among them, so there may be fewer."""
    i = best_first(us)[:m_elite]
    return i[~np.isnan(us[i])]


# Search distributions


def _read_only(x: Array) -> Array:
    x.setflags(write=False)
    return x


def _μ(μ: Any) -> Array:
    return _read_only(parameters(μ, name="μ"))


def _θ(θ: Any) -> Array:
    return _read_only(parameters(θ, name="θ"))


def _ψ(ψ: Any) -> Array:
    return _read_only(parameters(ψ, name="ψ"))


def _θs(θs: Any) -> Array:
    return _read_only(population(θs, "θs"))


def _covariance(Σ: Any) -> Array:
    Σ = numbers(Σ, "Σ")
    return _read_only((Σ + Σ.T) / 2 if _symmetric(Σ) else Σ)


def _symmetric(Σ: Array) -> bool:
    with np.errstate(invalid="ignore"):
        return Σ.ndim == 2 and Σ.shape[0] == Σ.shape[1] and bool((abs(Σ - Σ.T) <= SYMMETRY * abs(Σ).max()).all())


@frozen(eq=False, repr=False)
class GaussianSearchDistribution:
    """N(μ, Σ) over parameters; with variances Σ (n,) the components are independent, and `fit` keeps them so.

    A search distribution of your own needs `sample(m, rng) -> (m, n)`, and `fit(θs)` returning the same family for
    `CrossEntropyPolicySearch`, and `mode() -> (n,)` for `optimize`. Nothing here breaks on a singular Σ, such as that
    of m_elite <= n points, but `logpdf`: samples stay in its subspace, unless `added_variance` widens each refit.

    Raises ValueError, naming the field, for numbers that are not finite, shapes that disagree, a Σ that is not
    symmetric and positive semidefinite, a negative variance.

    >>> p = GaussianSearchDistribution([0.0, 3.0], 2 * np.eye(2))
    >>> p.fit([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0], [2.0, 3.0]])
    GaussianSearchDistribution(μ=[1.0, 2.0], Σ=[[1.0, 0.0], [0.0, 1.0]])
    """

    μ: Array = field(converter=_μ)  # mean (n,)
    Σ: Array = field(converter=_covariance)  # covariance (n, n), or variances (n,)
    added_variance: float = field(default=0.0, kw_only=True, validator=not_negative)  # to each variance, by fit

    def __attrs_post_init__(self) -> None:
        n = len(self.μ)
        if self.Σ.shape not in ((n,), (n, n)):
            refuse(self, "Σ", f"an array {self.Σ.shape}", f"({n}, {n}), or ({n},) variances, to go with μ")
        if not all_finite(self.Σ):
            refuse(self, "Σ", self.Σ.tolist(), "finite")
        if self.Σ.ndim == 1 and not (self.Σ >= 0).all():
            refuse(self, "Σ", self.Σ.tolist(), "variances >= 0")
        if self.Σ.ndim == 2 and not _symmetric(self.Σ):
            refuse(self, "Σ", self.Σ.tolist(), "symmetric")
        self._root  # noqa: B018  refuses what is not positive semidefinite

    @cached_property
    def _root(self) -> Array:
        """L (n, n) with L Lᵀ = Σ, lower triangular where Σ is not singular; (n,) standard deviations of variances."""
        if self.Σ.ndim == 1:
            return np.sqrt(self.Σ)
        try:
            return np.linalg.cholesky(self.Σ)
        except np.linalg.LinAlgError:
            λ, V = np.linalg.eigh(self.Σ)
            if λ[0] < -1e-10 * max(λ[-1], 0.0) or λ[-1] < 0:
                refuse(self, "Σ", self.Σ.tolist(), "positive semidefinite")
            return V * np.sqrt(np.maximum(λ, 0))

    def sample(self, m: int, rng: Any = None) -> Array:
        """m parameter vectors (m, n), of the float type of μ."""
        z = default_rng(rng).standard_normal((m, len(self.μ)))
        return (self.μ + (z * self._root if self.Σ.ndim == 1 else z @ self._root.T)).astype(self.μ.dtype)

    def fit(self, θs: Any) -> GaussianSearchDistribution:
        """The Gaussian of maximum likelihood for the rows of θs (k, n), k >= 1: covariance divided by k, not k - 1."""
        θs = population(θs, "θs")
        μ = θs.mean(axis=0, dtype=np.float64)
        if self.Σ.ndim == 1:
            Σ = np.square(θs - μ).mean(axis=0) + self.added_variance
        else:
            Σ = (θs - μ).T @ (θs - μ) / len(θs) + self.added_variance * np.eye(len(μ))
        return evolve(self, μ=μ.astype(self.μ.dtype), Σ=Σ)

    def mode(self) -> Array:
        """μ, a fresh array (n,)."""
        return self.μ.copy()

    def logpdf(self, θ: Any) -> Any:
        """log p(θ) of θ (n,), or of each row of θ (k, n). ValueError where Σ is singular: there is no density."""
        δ, L = np.asarray(θ, dtype=np.float64) - self.μ, self._root
        deviations = L if L.ndim == 1 else np.diagonal(L)
        if not ((deviations > 0).all() and (L.ndim == 1 or not np.triu(L, 1).any())):
            raise ValueError(f"Σ = {self.Σ.tolist()} is singular: there is no density")
        z = δ / L if L.ndim == 1 else np.linalg.solve(L, δ.T).T
        return -0.5 * np.square(z).sum(axis=-1) - np.log(deviations).sum() - 0.5 * len(self.μ) * LOG_2π

    def factored(self) -> Array:
        """ψ = (μ, A) in one vector (n + n²,), A in C order, with AᵀA = Σ: what `from_factor` takes."""
        A = np.diag(self._root) if self.Σ.ndim == 1 else self._root.T
        return np.concatenate([self.μ, A.ravel()])

    @classmethod
    def from_factor(cls, ψ: Any) -> GaussianSearchDistribution:
        """N(μ, AᵀA) from ψ = (μ, A), (n + n²,) (example 10.2): whatever A becomes, Σ is positive semidefinite.

        Raises ValueError if ψ has no such length.
        """
        μ, A = _mean_and_factor(ψ)
        return cls(μ, A.T @ A)

    @staticmethod
    def grad_logp(ψ: Any, θs: Array) -> Array:
        """∇ log p(θ | ψ) by ψ = (μ, A) for each row of θs (m, n), (m, n + n²) (example 10.2).

        Σ⁻¹(θ - μ) by μ, and A (∇_Σ + ∇_Σᵀ) with ∇_Σ = ½ Σ⁻¹(θ - μ)(θ - μ)ᵀΣ⁻¹ - ½ Σ⁻¹ by A. Raises ValueError if A is
        singular: the gradient grows without bound on the way there.
        """
        μ, A = _mean_and_factor(ψ)
        try:
            inverse = np.linalg.inv(A)
        except np.linalg.LinAlgError:
            raise ValueError(f"A = {A.tolist()} is singular: log p has no gradient") from None
        z = (θs - μ) @ inverse  # rows A⁻ᵀ(θ - μ), so that A ∇_Σ = ½ z (A⁻¹z)ᵀ - ½ A⁻ᵀ
        by_μ = z @ inverse.T
        by_A = z[:, :, None] * by_μ[:, None, :] - inverse.T
        return np.concatenate([by_μ, by_A.reshape(len(θs), -1)], axis=1)

    def __repr__(self) -> str:
        n = len(self.μ)
        if n > 4:
            return f"GaussianSearchDistribution(μ ({n},), Σ {self.Σ.shape})"
        return f"GaussianSearchDistribution(μ={self.μ.round(6).tolist()}, Σ={self.Σ.round(6).tolist()})"


def _mean_and_factor(ψ: Any) -> tuple[Array, Array]:
    ψ = parameters(ψ, name="ψ")
    n = int((np.sqrt(1 + 4 * len(ψ)) - 1) / 2 + 0.5)
    if n * (n + 1) != len(ψ):
        raise ValueError(f"ψ has {len(ψ)} entries: must have n + n², a mean (n,) and a factor (n, n)")
    return ψ[:n], ψ[n:].reshape(n, n)


# Searches


@frozen(eq=False)
class HookeJeevesPolicySearch:
    """Move to the best of the 2n points θ ± α eᵢ if it is better than θ, else shrink α by c (algorithm 10.2).

    Ends when α <= ε, or after max_iterations, which only a utility without a maximum or one with noise needs. A lucky
    estimate of a U with noise can stand in the way of every later point: `reevaluate` estimates U(θ) afresh in every
    iteration, at 2n + 1 evaluations instead of 2n.

    Raises ValueError, naming the field, for a θ that is not finite, α <= 0, c outside (0, 1), ε <= 0 (with either of
    these the search would never end), max_iterations < 1.
    """

    θ: Array = field(converter=_θ)  # start (n,)
    α: float = field(validator=positive)  # step size
    c: float = field(validator=shrink_factor)  # step size reduction factor
    ε: float = field(validator=positive)  # step size that ends the search
    max_iterations: int = field(default=10_000, kw_only=True, validator=count)  # iterations at most
    reevaluate: bool = field(default=False, kw_only=True, validator=flag)  # estimate U(θ) anew in each iteration


@frozen(eq=False)
class GeneticPolicySearch:
    """Each generation is m - 1 children of the elite, θ + σ N(0, I), and the unchanged best, last (algorithm 10.3).

    The parent of a child is drawn uniformly from the m_elite best.

    Raises ValueError, naming the field, for fewer than 2 start points or any that is not finite, σ < 0, m_elite
    outside 1..m, k_max < 1.
    """

    θs: Array = field(converter=_θs)  # first population (m, n)
    σ: float = field(validator=not_negative)  # standard deviation of a child from its parent
    m_elite: int = field(validator=count)  # number of elite points
    k_max: int = field(validator=count)  # number of generations

    def __attrs_post_init__(self) -> None:
        if len(self.θs) < 2:
            refuse(self, "θs", self.θs.tolist(), "a population of at least 2, a parameter vector a row")
        _elite_of(self, len(self.θs))


def _elite_of(M: Any, m: int) -> None:
    if M.m_elite > m:
        refuse(M, "m_elite", M.m_elite, f"at most m = {m}")


def _verbs(*names: str) -> Any:
    """Attrs validator: something with these methods."""

    def check(M: Any, attribute: Any, p: Any) -> None:
        missing = [name for name in names if not callable(getattr(p, name, None))]
        if missing:
            refuse(M, attribute.name, p, f"a search distribution with {' and '.join(missing)}", TypeError)

    return check


@frozen(eq=False)
class CrossEntropyPolicySearch:
    """Draw m points from the search distribution and refit it to the m_elite best, k_max times (algorithm 10.4).

    p is a `GaussianSearchDistribution` or anything with `sample(m, rng)` and `fit(θs)`. The refit by maximum
    likelihood narrows too soon where the elite is few; see `GaussianSearchDistribution.added_variance`.

    Raises TypeError for a p without these, ValueError for m, m_elite or k_max below 1 and m_elite > m.
    """

    p: Any = field(validator=_verbs("sample", "fit"))  # initial search distribution
    m: int = field(validator=count)  # number of samples
    m_elite: int = field(validator=count)  # number of elite samples
    k_max: int = field(validator=count)  # number of iterations

    def __attrs_post_init__(self) -> None:
        _elite_of(self, self.m)


def _pairs(M: Any, attribute: Any, m: Any) -> None:
    count(M, attribute, m)
    if m < 2:
        refuse(M, attribute.name, m, "at least 2: the weights of fewer are all 0")


@frozen(eq=False)
class EvolutionStrategies:
    """Ascend Σᵢ wᵢ ∇ log p(θᵢ | ψ) over m samples from p(· | ψ), weighted by rank (algorithm 10.5, equation 10.12).

    The weights are those of `evolution_strategy_weights`, so that any increasing transformation of U leaves every
    step as it is. For a Gaussian with all its covariances (example 10.2):

        p = GaussianSearchDistribution(μ, Σ)
        EvolutionStrategies(p.from_factor, p.factored(), p.grad_logp, m, α, k_max)

    The gradient grows without bound as such a Gaussian narrows (exercise 10.3), and with it the steps; `L2_max` scales
    ∇ to that length at most.

    Raises TypeError for a D or grad_logp that cannot be called, or a D(ψ) without `sample`; ValueError for a ψ that
    is not finite, m < 2, α <= 0, k_max < 1; in a search where grad_logp has the wrong shape, or α is so large that ψ
    is no longer finite.
    """

    D: Any = field(validator=function)  # D(ψ) -> search distribution
    ψ: Array = field(converter=_ψ)  # its initial parameters (q,)
    grad_logp: Any = field(validator=function)  # grad_logp(ψ, θs) -> ∇ log p(θ | ψ) of each row of θs (m, n), (m, q)
    m: int = field(validator=_pairs)  # number of samples
    α: float = field(validator=positive)  # step factor
    k_max: int = field(validator=count)  # number of iterations
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # length of ∇ at most

    def __attrs_post_init__(self) -> None:
        _verbs("sample")(self, Named("D(ψ)"), self.D(self.ψ.copy()))


@frozen(eq=False)
class IsotropicEvolutionStrategies:
    """Evolution strategies with N(ψ, σ²I): ∇ = Σᵢ wᵢ εᵢ / σ over mirrored pairs ±ε (algorithm 10.6, equation 10.18).

    Only the mean moves. An odd m is rounded down to pairs. `L2_max` scales ∇ to that length at most.

    Raises ValueError, naming the field, for a ψ that is not finite, σ <= 0, m < 2, α <= 0, k_max < 1; in a search
    where α is so large that ψ is no longer finite.
    """

    ψ: Array = field(converter=_ψ)  # initial mean (n,)
    σ: float = field(validator=positive)  # standard deviation
    m: int = field(validator=_pairs)  # number of samples
    α: float = field(validator=positive)  # step factor
    k_max: int = field(validator=count)  # number of iterations
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # length of ∇ at most


def evolution_strategy_weights(m: int) -> Array:
    """Weights of m samples, the best first: they sum to 0 and never rise (algorithm 10.5, equation 10.13).

    wᵢ = max(0, log(m/2 + 1) - log i) / Σⱼ max(0, log(m/2 + 1) - log j) - 1/m. Raises ValueError for m < 1.

    >>> evolution_strategy_weights(3).round(4)
    array([ 0.4708, -0.1375, -0.3333])
    """
    count(None, Named("m"), m)
    w = np.maximum(0, np.log(m / 2 + 1) - np.log(np.arange(1, m + 1)))
    return w / w.sum() - 1 / m


# The verbs


@frozen(eq=False)
class Generation:
    """What a search has evaluated at once, and where it stands afterwards."""

    θs: Array  # points evaluated (k, n), in the order drawn
    us: Array  # their utilities (k,)
    θ: Any = None  # the point reached (n,): the best so far, or the mode of p; None where p has no mode
    u: Any = None  # utility of θ as it was evaluated; None where there is a p, whose mode is not evaluated
    p: Any = None  # the search distribution reached, where there is one
    α: Any = None  # step size reached (Hooke-Jeeves)


@singledispatch
def generations(M: Any, π: Any, U: Any, *, rng: Any = None) -> Iterator[Generation]:
    """The search by M, one `Generation` after the other; `optimize` and `optimize_dist` take the last.

    The lengths of all `us` add up to the number of evaluations. Hooke-Jeeves begins with its start, evaluated alone.

    Raises TypeError for an unknown M.
    """
    raise TypeError(f"M = {M!r}: generations knows {_known(generations)}")


@singledispatch
def optimize(M: Any, π: Any, U: Any, *, rng: Any = None) -> Array:
    """Parameters θ (n,) of high utility U(π, θ), by the search M (algorithms 10.2 to 10.6).

    Of a search that moves a distribution this is the mode of the last one. The same rng, an int or a Generator in the
    same state, gives the same bits, if U draws from no other source. π is handed on to U; if it has a number of
    parameters n, it is checked.

    Raises TypeError for an unknown M or a U that cannot be called; ValueError for a U that does not return a number
    for each θ, or nothing but NaN for a population.
    """
    if optimize_dist.dispatch(type(M)) is optimize_dist.dispatch(object):
        raise TypeError(f"M = {M!r}: optimize knows {_known(optimize, optimize_dist)}")
    p = optimize_dist(M, π, U, rng=rng)
    if not callable(getattr(p, "mode", None)):
        raise TypeError(f"p = {p!r}: must have mode(); optimize_dist gives the distribution itself")
    return p.mode()


@singledispatch
def optimize_dist(M: Any, π: Any, U: Any, *, rng: Any = None) -> Any:
    """The search distribution that M ends with (algorithms 10.4 to 10.6); arguments and errors of `optimize`."""
    raise TypeError(f"M = {M!r}: optimize_dist knows {_known(optimize_dist)}")


def _known(*verbs: Any) -> str:
    return ", ".join(sorted(t.__name__ for verb in verbs for t in verb.registry if t is not object))


@optimize.register(HookeJeevesPolicySearch)
@optimize.register(GeneticPolicySearch)
def _(M: Any, π: Any, U: Any, *, rng: Any = None) -> Array:
    return _last(generations(M, π, U, rng=rng)).θ.copy()


@optimize_dist.register(CrossEntropyPolicySearch)
@optimize_dist.register(EvolutionStrategies)
@optimize_dist.register(IsotropicEvolutionStrategies)
def _(M: Any, π: Any, U: Any, *, rng: Any = None) -> Any:
    return _last(generations(M, π, U, rng=rng)).p


def _last(iterator: Iterator[Generation]) -> Generation:
    for generation in iterator:
        last = generation
    return last


@generations.register
def _(M: HookeJeevesPolicySearch, π: Any, U: Any, *, rng: Any = None) -> Iterator[Generation]:
    rng, θ, α = default_rng(rng), M.θ.copy(), M.α
    n = len(θ)
    directions = np.stack([-np.eye(n), np.eye(n)], axis=1).reshape(2 * n, n).astype(θ.dtype)  # -e₁, e₁, -e₂, ...
    if M.reevaluate:
        directions = np.concatenate([np.zeros((1, n), θ.dtype), directions])
    us = utilities(U, π, θ[None], rng)
    u = us[0]
    yield Generation(θ[None], us, θ, u, α=α)
    for _ in range(M.max_iterations):
        if α <= M.ε:
            return
        θs = θ + θ.dtype.type(α) * directions
        us = utilities(U, π, θs, rng)
        u = us[0] if M.reevaluate else u
        best = int(np.argmax(_nan_lowest(us)))
        if _nan_lowest(us[best]) > _nan_lowest(u):
            θ, u = θs[best], us[best]
        else:
            α = M.c * α
        yield Generation(θs, us, θ, u, α=α)


def _nan_lowest(u: Any) -> Any:
    return np.where(np.isnan(u), -np.inf, u)


@generations.register
def _(M: GeneticPolicySearch, π: Any, U: Any, *, rng: Any = None) -> Iterator[Generation]:
    rng, θs = default_rng(rng), M.θs.copy()
    for _ in range(M.k_max):
        us = utilities(U, π, θs, rng)
        parents = elite(us, M.m_elite)
        best = θs[parents[0]]
        yield Generation(θs, us, best, us[parents[0]])
        parents = rng.choice(parents, len(θs) - 1)
        children = θs[parents] + M.σ * rng.standard_normal((len(parents), θs.shape[1]))
        θs = np.concatenate([children.astype(θs.dtype), best[None]])


@generations.register
def _(M: CrossEntropyPolicySearch, π: Any, U: Any, *, rng: Any = None) -> Iterator[Generation]:
    rng, p = default_rng(rng), M.p
    for _ in range(M.k_max):
        θs = _sampled(p, M.m, rng)
        us = utilities(U, π, θs, rng)
        p = p.fit(θs[elite(us, M.m_elite)])
        yield Generation(θs, us, _mode(p), p=p)


@generations.register
def _(M: EvolutionStrategies, π: Any, U: Any, *, rng: Any = None) -> Iterator[Generation]:
    rng, ψ, w = default_rng(rng), M.ψ.copy(), evolution_strategy_weights(M.m)
    p = M.D(ψ.copy())
    for _ in range(M.k_max):
        θs = _sampled(p, M.m, rng)
        us = utilities(U, π, θs, rng)
        grad = w @ _gradients(M, ψ, θs[best_first(us)])
        ψ = _ascended(M, ψ, grad)
        p = M.D(ψ.copy())
        yield Generation(θs, us, _mode(p), p=p)


@generations.register
def _(M: IsotropicEvolutionStrategies, π: Any, U: Any, *, rng: Any = None) -> Iterator[Generation]:
    rng, ψ, n = default_rng(rng), M.ψ.copy(), len(M.ψ)
    w, Σ = evolution_strategy_weights(2 * (M.m // 2)), np.full(n, M.σ**2)
    for _ in range(M.k_max):
        ε = rng.standard_normal((M.m // 2, n))
        ε = np.concatenate([ε, -ε])  # mirrored
        θs = (ψ + M.σ * ε).astype(ψ.dtype)
        us = utilities(U, π, θs, rng)
        grad = w @ ε[best_first(us)] / M.σ
        ψ = _ascended(M, ψ, grad)
        p = GaussianSearchDistribution(ψ, Σ)
        yield Generation(θs, us, p.mode(), p=p)


def _sampled(p: Any, m: int, rng: np.random.Generator) -> Array:
    """m samples from p, (m, n)."""
    θs = np.asarray(p.sample(m, rng))
    if θs.ndim != 2 or len(θs) != m:
        raise ValueError(f"sample({m}, rng) of {type(p).__name__} has shape {θs.shape}: must be ({m}, n)")
    return θs


def _mode(p: Any) -> Any:
    return p.mode() if callable(getattr(p, "mode", None)) else None


def _gradients(M: EvolutionStrategies, ψ: Array, θs: Array) -> Array:
    """∇ log p(θ | ψ) of each row of θs, (m, q)."""
    grads = np.asarray(M.grad_logp(ψ.copy(), θs), dtype=np.float64)
    if grads.shape != (len(θs), len(ψ)):
        raise ValueError(
            f"grad_logp(ψ, θs) has shape {grads.shape} for θs {θs.shape}: must be {(len(θs), len(ψ))}, a gradient by ψ "
            "for each row of θs"
        )
    return grads


def _ascended(M: Any, ψ: Array, grad: Array) -> Array:
    """ψ + α ∇, ∇ scaled to length L2_max at most, or a ValueError where that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if M.L2_max is not None and (length := np.linalg.norm(grad)) > M.L2_max:
            grad = grad / length * M.L2_max
        ψ_new = (ψ + M.α * grad).astype(ψ.dtype)
    if not all_finite(ψ_new):
        raise ValueError(f"ψ + α∇ is not finite, with ∇ = {grad}: α = {M.α} may be too large")
    return ψ_new
