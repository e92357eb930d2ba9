"""Imitation as classification: behavioral cloning (algorithm 18.1), and with costs of mistakes (exercise 18.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    all_finite,
    count,
    function,
    made_array,
    not_negative,
    numbers,
    of_class,
    one_of,
    positive,
    refuse,
)
from decision_making.model_uncertainty.imitation_learning.demonstrations import (
    Demonstrations,
    check_possible,
    demonstrations,
)
from decision_making.policies import Policy
from decision_making.policies.base import reverse_pass
from decision_making.problem import RNG
from decision_making.simulation import policy_parameters
from decision_making.structs import struct
from decision_making.verbs import optimize

policy = of_class(Policy, "a policy, such as SoftmaxPolicy(3, 2)")  # attrs validator


@struct
class BehavioralCloning:
    """θ ← θ + α mean ∇log π_θ(a | s), k_max times over all pairs of D (algorithm 18.1): maximum likelihood (18.1).

    Where the data are separable, so that some policy explains them wholly, no parameters maximize the likelihood: they
    grow as long as the iteration goes on, unless a `ridge` c subtracts ½ c ‖θ‖² from the mean log-likelihood. The
    optimizer "L-BFGS" takes k_max iterations of scipy's instead; α is then not used.

    `optimize(M, D, θ)` gives θ_new (n,), from D as `demonstrations` takes it; neither D nor θ is modified.

    >>> from decision_making import SoftmaxPolicy
    >>> M = BehavioralCloning(1.0, 200, SoftmaxPolicy(1, 2))
    >>> θ = optimize(M, [(0, 0), (0, 0), (0, 0), (0, 1)], np.zeros(2))
    >>> np.exp(M.π.logpdf(θ, [0, 1], [0, 0])).round(3)
    array([0.75, 0.25])
    """

    α: float = field(validator=positive)  # step factor
    k_max: int = field(validator=count)  # number of iterations
    π: Policy = field(validator=policy)  # policy, whose log-likelihood is differentiated
    optimizer: str = field(default="gradient", kw_only=True, validator=one_of("gradient", "L-BFGS"))  # of both
    ridge: float = field(default=0.0, kw_only=True, validator=not_negative)  # c, against parameters without bound


def _actions(A: Any) -> Array:
    """Attrs converter of A."""
    return made_array(A, "A")


@struct
class CostSensitiveMultiClassifier:
    """θ ← θ - α mean_D Σ_a' C(s, a, a') ∇π_θ(a' | s), k_max times (exercise 18.2): the least expected cost.

    C(s, a, a') is the cost of taking a' where the expert took a; it is asked with whole batches, s (N, 1, ...), a (N,
    1, ...) and a' (1, A, ...). Some mistakes are worse than others: the cost |a - a'| grows with the distance between
    the actions.

    `optimize(M, D, θ)` gives θ_new (n,).
    """

    A: Array = field(converter=_actions)  # all actions
    α: float = field(validator=positive)  # step factor
    C: Callable[[Array, Array, Array], Array] = field(validator=function)  # cost C(s, a_true, a_pred)
    k_max: int = field(validator=count)  # number of iterations
    π: Policy = field(validator=policy)  # policy over these actions

    def __attrs_post_init__(self) -> None:
        if self.A.ndim == 0 or len(self.A) == 0 or self.A.dtype.kind not in "fiu":
            refuse(self, "A", self.A, "a list of one action or more")


def mean_log_likelihood(π: Policy, θ: Array, D: Any) -> float:
    """Mean of log π_θ(a | s) over the pairs of D, in nats. Raises as `demonstrations` does."""
    D, θ = demonstrations(D), policy_parameters(π, θ)
    check_possible(π, θ, D)
    return float(np.mean(π.logpdf(θ, D.a, D.s), dtype=np.float64))


def expected_cost(M: CostSensitiveMultiClassifier, D: Any, θ: Array) -> float:
    """Mean over D of Σ_a' C(s, a, a') π_θ(a' | s)."""
    D, θ = demonstrations(D), policy_parameters(M.π, θ)
    return float(np.mean(np.sum(costs(M, D) * np.exp(M.π.logpdf(θ, *every_action(M, D))), axis=1)))


@optimize.register
def cloned(M: BehavioralCloning, D: Any, θ: Array, *, rng: RNG = None) -> Array:
    """Parameters (n,) of high likelihood of D; nothing is random.

    Raises ValueError naming the first pair that the policy gives no positive density, and where θ is no longer finite.
    """
    D, θ = demonstrations(D), policy_parameters(M.π, θ)
    check_possible(M.π, θ, D)

    def slope(θ: Array) -> tuple[float, Array]:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            pull, logp = M.π.at(θ, D.s).pullback(D.a)
            g = np.asarray(pull(np.full_like(logp, 1 / len(D)))) - M.ridge * θ
            return float(np.mean(logp, dtype=np.float64) - M.ridge / 2 * (θ @ θ)), g

    if M.optimizer == "L-BFGS":
        return climbed(slope, θ, M.k_max)
    return ascended(lambda θ: slope(θ)[1], θ, M.α, M.k_max)


@optimize.register
def classified(M: CostSensitiveMultiClassifier, D: Any, θ: Array, *, rng: RNG = None) -> Array:
    """Parameters (n,) of low expected cost on D; nothing is random."""
    D, θ = demonstrations(D), policy_parameters(M.π, θ)
    check_possible(M.π, θ, D)
    C, (a, s) = costs(M, D), every_action(M, D)

    def slope(θ: Array) -> Array:
        pull, p = reverse_pass(lambda θ: anp.exp(M.π.logpdf(θ, a, s)), θ)
        return np.asarray(pull((-C / len(D)).astype(p.dtype)))

    return ascended(slope, θ, M.α, M.k_max)


def costs(M: CostSensitiveMultiClassifier, D: Demonstrations) -> Array:
    """C(s, a, a') of each pair and each action, (N, A). ValueError where they are not finite or of another shape."""
    C = numbers(M.C(D.s[:, None], D.a[:, None], M.A[None]), "C(s, a, a')")
    try:
        C = np.broadcast_to(C, (len(D), len(M.A)))
    except ValueError as error:
        raise ValueError(f"C(s, a, a') has shape {C.shape}: must be (N, A) = {(len(D), len(M.A))}") from error
    if not all_finite(C):
        i, j = map(int, np.argwhere(~np.isfinite(C))[0])
        raise ValueError(f"C of pair {i} and action {M.A[j]} is {C[i, j]}: every cost must be finite")
    return C


def every_action(M: CostSensitiveMultiClassifier, D: Demonstrations) -> tuple[Array, Array]:
    """All actions beside the states of D: a (N, A, ...) and s (N, A, ...)."""
    shape = (len(D), len(M.A))
    a = np.broadcast_to(M.A[None], (*shape, *M.A.shape[1:]))
    return a, np.broadcast_to(D.s[:, None], (*shape, *D.s.shape[1:]))


def ascended(slope: Callable[[Array], Array], θ: Array, α: float, k_max: int) -> Array:
    """θ after k_max steps α slope(θ). ValueError where it is no longer finite."""
    for k in range(k_max):
        with np.errstate(over="ignore", invalid="ignore"):
            θ = (θ + α * slope(θ)).astype(θ.dtype, copy=False)
        if not all_finite(θ):
            raise ValueError(f"α = {α}: parameters are not finite after {k + 1} iterations; take a smaller one")
    return θ


def climbed(value_and_slope: Callable[[Array], tuple[float, Array]], θ: Array, k_max: int) -> Array:
    """θ after at most k_max iterations of L-BFGS up a function given with its gradient."""
    from scipy.optimize import minimize  # imported where used

    def down(x: Array) -> tuple[float, Array]:
        f, g = value_and_slope(x.astype(θ.dtype))
        if not (np.isfinite(f) and all_finite(g)):  # too far: the line search comes back
            return np.inf, np.zeros_like(x)
        return -f, -g.astype(np.float64)

    found = minimize(down, θ.astype(np.float64), jac=True, method="L-BFGS-B", options={"maxiter": k_max})
    return np.asarray(found.x, θ.dtype)
