"""Linear systems with Gaussian noise and quadratic rewards, whose state is observed with noise (section 20.6)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from attrs import evolve, field

from decision_making.checks import Array, brief, count, made_array_later, of_class, refuse
from decision_making.sequential_problems.exact_solution_methods import LinearQuadraticPolicy, LinearQuadraticProblem
from decision_making.state_uncertainty.beliefs.kalman_filters import KalmanFilter, LinearGaussianModel
from decision_making.structs import struct
from decision_making.verbs import solve, update, utility


@struct
class LinearQuadraticGaussianProblem:
    """A `LinearGaussianModel` with reward sᵀRs s + aᵀRa a, undiscounted over h_max steps (section 20.6).

    The best action is the one of algorithm 7.11 at the mean of the Kalman filter's belief: certainty equivalence. The
    noise lowers the utility, but changes no action. `solve(M)` gives h_max policies.

    Raises ValueError or TypeError, naming the field, as `LinearQuadraticProblem` does.
    """

    P: LinearGaussianModel = field(validator=of_class(LinearGaussianModel))  # how states move and are observed
    Rs: Array = field(converter=made_array_later, repr=brief)  # rewards of the state (n, n), negative semidefinite
    Ra: Array = field(converter=made_array_later, repr=brief)  # rewards of the action (l, l), negative definite
    h_max: int = field(validator=count)  # horizon in steps

    def __attrs_post_init__(self) -> None:
        _ = self.seen  # says what does not fit

    @cached_property
    def seen(self) -> LinearQuadraticProblem:
        """The same problem with its state observed."""
        return LinearQuadraticProblem(self.P.Ts, self.P.Ta, self.Rs, self.Ra, self.h_max, Σ=self.P.Σs)


@struct(repr=False)
class LinearQuadraticGaussianPolicy:
    """The optimal first action with h steps to go in the belief of a `KalmanFilter`, π(b) = K μb, and its utility.

    `utility(π, b)` is exact. With c_h the loss through noise, Σp = Ts Σ Tsᵀ + Σs the predicted covariance, and Σ' that
    after the observation, which is the same for all observations,

        U_h(μ, Σ) = μᵀ V_h μ + c_h(Σ),    c_h(Σ) = tr(Rs Σ) + tr(V_{h-1} (Σp - Σ')) + c_{h-1}(Σ'),    c_0 = 0.
    """

    M: LinearQuadraticGaussianProblem  # problem
    steps: tuple[LinearQuadraticPolicy, ...]  # policies for an observed state, with 1, ..., h steps to go

    def __call__(self, b: KalmanFilter) -> Array:
        """The action (..., l) in the belief b."""
        return self.steps[-1](_belief(self, b).μb)

    def __repr__(self) -> str:
        return f"LinearQuadraticGaussianPolicy(K={self.steps[-1].K.round(6).tolist()}, h={len(self.steps)})"


def _belief(π: LinearQuadraticGaussianPolicy, b: object) -> KalmanFilter:
    n = len(π.M.P.Σs)
    if not isinstance(b, KalmanFilter) or b.μb.shape[-1:] != (n,):
        refuse(None, "b", b, f"a KalmanFilter with {n} components", TypeError)
    return b


@solve.register
def solve_linear_quadratic_gaussian_problem(
    M: LinearQuadraticGaussianProblem, P: None = None
) -> list[LinearQuadraticGaussianPolicy]:
    """The policies with 1, 2, ..., h_max steps to go."""
    if P is not None:
        refuse(None, "P", P, "left out: the problem holds its model", TypeError)
    steps = tuple(solve(M.seen))
    return [LinearQuadraticGaussianPolicy(M, steps[:h]) for h in range(1, len(steps) + 1)]


@utility.register
def utility_of_linear_quadratic_gaussian(π: LinearQuadraticGaussianPolicy, b: KalmanFilter) -> Array:
    """The expected reward of the steps to go from the belief b, (...,)."""
    b, P = _belief(π, b), π.M.P
    u = np.einsum("...i,ij,...j->...", b.μb, π.steps[-1].V, b.μb)
    a, o = np.zeros(P.Ta.shape[1]), np.zeros(len(P.Σo))
    for later in (*π.steps[-2::-1], None):
        u = u + _trace(π.M.seen.Rs, b.Σb)
        if later is not None:
            predicted = P.Ts @ b.Σb @ P.Ts.T + P.Σs
            b = evolve(update(b, P, a, o), μb=b.μb)  # of the covariance alone
            u = u + _trace(later.V, predicted - b.Σb)
    return u


def _trace(V: Array, Σ: Array) -> Array:
    return np.einsum("ij,...ji->...", V, Σ)
