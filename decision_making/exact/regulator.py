"""Expectations on the simple regulator under the linear Gaussian policy, in closed form."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import frozen
from autograd import grad

from decision_making.checks import Array, all_finite
from decision_making.exact.expectation import Expectation
from decision_making.policies import LinearGaussianPolicy
from decision_making.policies.base import reverse_pass, weighted_score
from decision_making.problems import SimpleRegulator
from decision_making.trajectories import Trajectories, discounts

overflowing = np.errstate(divide="ignore", over="ignore", invalid="ignore")
NODES = 40  # quadrature nodes in each piece; doubling them changes only the tenth digit


@frozen(eq=False, slots=False)
class RegulatorExpectation(Expectation):
    """Expectations over trajectories of depth d with actions a ~ N(θ₁ s, σ²), σ = |θ₂| + σ_min.

    Second moments M_k = E[s_k²] are computed forward: M_{k+1} = (1 + θ₁)² M_k + σ² + 0.1², with 0.1 the noise of the
    regulator. The expected reward-to-go L_k from state s is -(p_k s² + q_k), with p and q computed backward:
    p_k = 1 + γ (1 + θ₁)² p_{k+1}, q_k = γ (q_{k+1} + p_{k+1} (σ² + 0.1²)).
    Where θ diverges so fast that the moments overflow, the utility is -inf, and `checked` raises ValueError.
    """

    P: SimpleRegulator  # problem
    b: Any  # start state distribution, with a mean and a variance
    π: LinearGaussianPolicy  # policy
    θ: Array  # (2,)
    d: int  # depth: steps of a trajectory
    over_steps: str = "mean"  # "mean" or "sum", of the surrogates

    def checked(self) -> RegulatorExpectation:
        """This local model itself; ValueError where the expected squares of the states overflow."""
        if not (all_finite(self.M) and all_finite(self.pq)):
            raise ValueError(f"θ = {self.θ}: the expected squares of the states overflow within d = {self.d} steps")
        return self

    def _σ(self, θ: Array) -> Any:
        """Standard deviation of the actions, |θ₂| + σ_min."""
        return anp.abs(θ[1]) + self.π.σ_min

    def _moments(self, θ: Array) -> list[Any]:
        """M_1 to M_d under θ, as numbers that autograd can differentiate."""
        M = [float(self.b.var()) + np.square(float(self.b.mean()))]
        for _ in range(self.d - 1):
            M.append((1 + θ[0]) ** 2 * M[-1] + self._σ(θ) ** 2 + self.P.noise**2)
        return M

    @cached_property
    @overflowing
    def M(self) -> Array:
        """E[s_k²], (d,)."""
        return np.array(self._moments(self.θ))

    @cached_property
    @overflowing
    def pq(self) -> Array:
        """p_k and q_k for k = 1..d+1, (2, d + 1)."""
        pq = np.zeros((2, self.d + 1))
        for k in range(self.d - 1, -1, -1):
            p, q = pq[:, k + 1]
            pq[:, k] = (
                1 + self.P.γ * (1 + self.θ[0]) ** 2 * p,
                self.P.γ * (q + p * (self._σ(self.θ) ** 2 + self.P.noise**2)),
            )
        return pq

    @cached_property
    def _γ_k(self) -> Array:
        """γ^(k-1), (d,)."""
        return discounts(self.P.γ, self.d)

    @property
    def _share(self) -> float:
        """Weight of a step in the surrogates."""
        return 1 / self.d if self.over_steps == "mean" else 1.0

    @overflowing
    def utility(self) -> float:
        """-Σ γ^(k-1) M_k."""
        return float(-self._γ_k @ self.M)

    def size(self) -> float:
        """-U, since no reward is positive."""
        return -self.utility()

    @overflowing
    def utility_gradient(self) -> Array:
        """∇U, by differentiating the recursion of the moments."""
        γ_k = self._γ_k
        vjp, U = reverse_pass(lambda θ: -sum(c * M for c, M in zip(γ_k, self._moments(θ), strict=True)), self.θ)
        return np.asarray(vjp(np.ones_like(U)))

    @overflowing
    def fisher(self) -> Array:
        """diag(Σ_k M_k / σ², 2 d / σ²)."""
        return np.diag([self.M.sum(), 2.0 * self.d]) / self._σ(self.θ) ** 2

    @overflowing
    def constraint_hessian(self) -> Array:
        """Hessian of the constraint at θ: share · Σ_k γ^(k-1) diag(M_k, 2) / σ²."""
        return self._share * np.diag([self._γ_k @ self.M, 2 * self._γ_k.sum()]) / self._σ(self.θ) ** 2

    @overflowing
    def objective(self, θ_new: Array) -> float:
        """Expected surrogate objective."""
        return float(self._objective(θ_new))

    @overflowing
    def objective_gradient(self, θ_new: Array) -> Array:
        """∇ of the expected surrogate objective, (2,)."""
        return np.asarray(grad(self._objective)(θ_new))

    def _objective(self, θ_new: Array) -> Any:
        """share · Σ_k γ^(k-1) E[L_k] with a_k ~ π_θ_new at the states of π_θ, and π_θ afterwards."""
        (p, q), γ, M = self.pq[:, 1:], self.P.γ, self.M
        after = p * ((1 + θ_new[0]) ** 2 * M + self._σ(θ_new) ** 2 + self.P.noise**2) + q
        return -self._share * anp.sum(self._γ_k * (M + γ * after))

    @overflowing
    def constraint(self, θ_new: Array) -> float:
        """Expected surrogate constraint, in nats."""
        return float(self._constraint(θ_new))

    @overflowing
    def constraint_gradient(self, θ_new: Array) -> Array:
        """∇ of the expected surrogate constraint, (2,)."""
        return np.asarray(grad(self._constraint)(θ_new))

    def _constraint(self, θ_new: Array) -> Any:
        """share · Σ_k γ^(k-1) E[KL(π_θ ‖ π_θ_new)] of two normal distributions, over s_k."""
        σ, σ_new = self._σ(self.θ), self._σ(θ_new)
        t = 2 * (anp.log(σ) - anp.log(σ_new))
        kl = 0.5 * (anp.expm1(t) - t + (θ_new[0] - self.θ[0]) ** 2 * self.M / σ_new**2)
        return self._share * anp.sum(self._γ_k * kl)

    @overflowing
    def clamped_gradient(self, θ_new: Array, ε: float) -> Array:
        """Expected clamped gradient by quadrature, for a normal b.

        Every reward is at most 0, so almost surely G_k < 0 and only the lower clamp acts: with E[L_k | s, a] for L_k,
        the expectation over a ~ π_θ_new at s_k ~ N(μ_k, v_k) of γ^(k-1) L_k ∇log π_θ_new where w >= 1 - ε. The actions
        are integrated between the roots of log w = log(1 - ε), a quadratic in a. Raises ValueError if b is not normal.
        """
        if getattr(getattr(self.b, "dist", None), "name", None) != "norm":
            raise ValueError("b: the exact clamped gradient of the regulator needs a normal scipy.stats distribution")
        (θ1, _), (η1, _), σ, σ_new = self.θ, θ_new, self._σ(self.θ), self._σ(θ_new)
        x, x_weight = np.polynomial.legendre.leggauss(NODES)
        μ, v = np.empty(self.d), np.empty(self.d)
        μ[0], v[0] = self.b.mean(), self.b.var()
        for k in range(1, self.d):
            μ[k], v[k] = (1 + θ1) * μ[k - 1], (1 + θ1) ** 2 * v[k - 1] + σ**2 + self.P.noise**2
        # log w - log(1 - ε) = A a² + B a + C at state s; without a lower clamp it is +inf
        A = 0.5 / σ**2 - 0.5 / σ_new**2
        log_edge = np.log(1 - ε) if ε < 1 else -np.inf

        def quadratic(s: Array) -> tuple[Array, Array]:
            B = s * (η1 / σ_new**2 - θ1 / σ**2)
            C = np.log(σ / σ_new) - log_edge + 0.5 * s**2 * (θ1**2 / σ**2 - η1**2 / σ_new**2)
            return B, C

        # the roots appear or vanish where the discriminant κ s² + c is 0: the states are integrated in pieces there
        kink = np.inf
        if ε < 1:
            κ = (η1 / σ_new**2 - θ1 / σ**2) ** 2 - 2 * A * (θ1**2 / σ**2 - η1**2 / σ_new**2)
            c = -4 * A * (np.log(σ / σ_new) - log_edge)
            kink = np.sqrt(-c / κ) if κ != 0 and -c / κ > 0 else np.inf
        sd = np.sqrt(v)[:, None]
        breaks = np.sort(
            np.clip(np.column_stack([-kink + 0 * μ, 0 * μ, kink + 0 * μ]), μ[:, None] - 9 * sd, μ[:, None] + 9 * sd)
        )
        # near a kink the integrand goes like a square root: nodes at sin(πx/2) make it smooth there
        y, y_weight = np.sin(np.pi / 2 * x), np.pi / 2 * np.cos(np.pi / 2 * x) * x_weight
        s, s_weight = _pieces(np.column_stack([μ[:, None] - 9 * sd, breaks, μ[:, None] + 9 * sd]), y, y_weight)
        s_weight = s_weight * np.exp(-0.5 * ((s - μ[:, None]) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))  # (d, I)
        B, C = quadratic(s)
        low, high = η1 * s - 9 * σ_new, η1 * s + 9 * σ_new
        root = np.sqrt(np.maximum(B**2 - 4 * A * C, 0)) if ε < 1 else np.zeros_like(s)
        roots = np.stack([-C / B, -C / B] if A == 0 else [(-B - root) / (2 * A), (-B + root) / (2 * A)], axis=-1)
        roots = np.where(np.isfinite(roots), roots, low[..., None])
        edges = np.sort(np.clip(roots, low[..., None], high[..., None]), axis=-1)
        a, a_weight = _pieces(np.concatenate([low[..., None], edges, high[..., None]], axis=-1), x, x_weight)
        s, s_weight = s[..., None], s_weight[..., None]  # against a (d, I, J)
        a_weight = a_weight * np.exp(-0.5 * ((a - η1 * s) / σ_new) ** 2) / (σ_new * np.sqrt(2 * np.pi))
        counts = A * a**2 + B[..., None] * a + C[..., None] >= 0 if ε < 1 else np.ones(a.shape, bool)
        p, q = self.pq[:, 1:, None, None]
        L = -(s**2 + self.P.γ * (p * ((s + a) ** 2 + self.P.noise**2) + q))
        weight = self._share * self._γ_k[:, None, None] * L * s_weight * a_weight * counts
        flat = (np.broadcast_to(y, a.shape).reshape(-1, 1) for y in (s, a, 0.0))
        return weighted_score(self.π, θ_new, Trajectories(*flat), weight.reshape(-1, 1))[0]


def _pieces(edges: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    """Quadrature nodes x and weights on [-1, 1], moved to each interval between consecutive edges (..., E).

    The nodes of all intervals are on one last axis, (..., (E - 1) · len(x)).
    """
    half = np.diff(edges, axis=-1)[..., None] / 2
    middle = (edges[..., :-1] + edges[..., 1:])[..., None] / 2
    shape = (*edges.shape[:-1], -1)
    return (middle + half * x).reshape(shape), (half * weight).reshape(shape)
