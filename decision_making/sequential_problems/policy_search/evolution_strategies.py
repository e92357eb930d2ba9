"""Evolution strategies: gradient ascent on the parameters of a search distribution (algorithms 10.5 and 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from attrs import field

from decision_making.checks import Array, Field, Named, all_finite, count, function, optional, positive, refuse
from decision_making.problem import RNG, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.policy_search.generations import Generation, last_distribution
from decision_making.sequential_problems.policy_search.populations import best_first, start_ψ
from decision_making.sequential_problems.policy_search.search_distributions import (
    GaussianSearchDistribution,
    SearchDistribution,
    mode,
    sampled,
)
from decision_making.sequential_problems.policy_search.utilities import Utility, utilities
from decision_making.structs import struct
from decision_making.verbs import generations, optimize_dist

LARGEST = 1 << 32  # samples of which there are weights


def _pairs(M: object, attribute: Field, m: int) -> None:
    count(M, attribute, m)
    if m < 2:
        refuse(M, attribute.name, m, "at least 2: the weights of fewer are all 0")


@struct
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

    D: Callable[[Array], SearchDistribution] = field(validator=function)  # D(ψ) -> search distribution
    ψ: Array = field(converter=start_ψ)  # its initial parameters (q,)
    grad_logp: Callable[[Array, Array], Array] = field(validator=function)  # (ψ, θs) -> ∇ log p of each row, (m, q)
    m: int = field(validator=_pairs)  # number of samples
    α: float = field(validator=positive)  # step factor
    k_max: int = field(validator=count)  # number of iterations
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # length of ∇ at most

    def __attrs_post_init__(self) -> None:
        p = self.D(self.ψ.copy())
        if not offers(p, SearchDistribution):
            refuse(self, "D(ψ)", p, "a search distribution with sample", TypeError)


@struct
class IsotropicEvolutionStrategies:
    """Evolution strategies with N(ψ, σ²I): ∇ = Σᵢ wᵢ εᵢ / σ over mirrored pairs ±ε (algorithm 10.6, equation 10.18).

    Only the mean moves. An odd m is rounded down to pairs. `L2_max` scales ∇ to that length at most.

    Raises ValueError, naming the field, for a ψ that is not finite, σ <= 0, m < 2, α <= 0, k_max < 1; in a search
    where α is so large that ψ is no longer finite.
    """

    ψ: Array = field(converter=start_ψ)  # initial mean (n,)
    σ: float = field(validator=positive)  # standard deviation
    m: int = field(validator=_pairs)  # number of samples
    α: float = field(validator=positive)  # step factor
    k_max: int = field(validator=count)  # number of iterations
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # length of ∇ at most


optimize_dist.register(EvolutionStrategies, last_distribution)
optimize_dist.register(IsotropicEvolutionStrategies, last_distribution)


def evolution_strategy_weights(m: int) -> Array:
    """Weights of m samples, the best first: they sum to 0 and never rise (algorithm 10.5, equation 10.13).

    wᵢ = max(0, log(m/2 + 1) - log i) / Σⱼ max(0, log(m/2 + 1) - log j) - 1/m. Raises ValueError for m < 1.

    >>> evolution_strategy_weights(3).round(4)
    array([ 0.4708, -0.1375, -0.3333])
    """
    count(None, Named("m"), m)
    if m > LARGEST:
        refuse(None, "m", m, f"at most {LARGEST}")
    w = np.maximum(0, np.log(m / 2 + 1) - np.log(np.arange(1, m + 1)))
    return w / w.sum() - 1 / m


@generations.register
def generations_of_evolution_strategies(
    M: EvolutionStrategies, π: object, U: Utility, *, rng: RNG = None
) -> Iterator[Generation]:
    """The samples of each iteration and the distribution after its step."""
    rng, ψ, w = default_rng(rng), M.ψ.copy(), evolution_strategy_weights(M.m)
    p = M.D(ψ.copy())
    for _ in range(M.k_max):
        θs = sampled(p, M.m, rng)
        us = utilities(U, π, θs, rng)
        grad = w @ _gradients(M, ψ, θs[best_first(us)])
        ψ = _ascended(M, ψ, grad)
        p = M.D(ψ.copy())
        yield Generation(θs, us, mode(p), p=p)


@generations.register
def generations_of_isotropic_evolution_strategies(
    M: IsotropicEvolutionStrategies, π: object, U: Utility, *, rng: RNG = None
) -> Iterator[Generation]:
    """The mirrored samples of each iteration and the distribution after its step."""
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


def _gradients(M: EvolutionStrategies, ψ: Array, θs: Array) -> Array:
    """∇ log p(θ | ψ) of each row of θs, (m, q)."""
    grads = np.asarray(M.grad_logp(ψ.copy(), θs), dtype=np.float64)
    if grads.shape != (len(θs), len(ψ)):
        raise ValueError(
            f"grad_logp(ψ, θs) has shape {grads.shape} for θs {θs.shape}: must be {(len(θs), len(ψ))}, a gradient by ψ "
            "for each row of θs"
        )
    return grads


def _ascended(M: EvolutionStrategies | IsotropicEvolutionStrategies, ψ: Array, grad: Array) -> Array:
    """ψ + α ∇, ∇ scaled to length L2_max at most. ValueError where that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if M.L2_max is not None and (length := np.linalg.norm(grad)) > M.L2_max:
            grad = grad / length * M.L2_max
        ψ_new = (ψ + M.α * grad).astype(ψ.dtype)
    if not all_finite(ψ_new):
        raise ValueError(f"ψ + α∇ is not finite, with ∇ = {grad}: α = {M.α} may be too large")
    return ψ_new
