"""The book's nonlinear program of Nash equilibria, for any number of agents (algorithm 24.5)."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array
from decision_making.multiagent_systems.multiagent_reasoning.policies import contracted, distribution
from decision_making.simple_game import SimpleGame


class NashProgram:
    """min over π, U of Σ_i (Uⁱ - Uⁱ(π)) subject to Uⁱ >= Uⁱ(aⁱ, π^-i) for all i and aⁱ, each πⁱ a distribution.

    The objective is at least 0 where the constraints hold, and 0 exactly at equilibria. The unknowns are one vector:
    the probabilities of all agents, then the utilities, in payoffs of which each agent's are scaled to a
    span of 1.
    """

    def __init__(self, P: SimpleGame):
        R = P.R.array.reshape(P.n, -1)
        least, span = R.min(axis=1, keepdims=True), P.spans[:, None]
        self.R = ((R - least) / np.where(span > 0, span, 1.0)).reshape(P.R.array.shape)
        self.n, self.ends = P.n, np.cumsum([0, *P.sizes])

    def split(self, z: Array) -> tuple[list[Array], Array]:
        """The policies and the utilities of a vector."""
        return [z[self.ends[i] : self.ends[i + 1]] for i in range(self.n)], z[self.ends[-1] :]

    def _derivative(self, R: Array, p: list[Array], i: int, j: int) -> Array:
        """∂Uⁱ(aⁱ, π^-i)/∂π^j(a^j), (Aⁱ, A^j)."""
        D = contracted(R, p, (min(i, j), max(i, j)))
        return D if i < j else D.T

    def objective(self, z: Array) -> tuple[float, Array]:
        """The sum of the gaps, if U is feasible, and its gradient."""
        p, U = self.split(z)
        slope = np.ones_like(z)
        slope[: self.ends[-1]] = 0
        total = float(U.sum())
        for R in self.R:
            for j in range(self.n):
                D = contracted(R, p, (j,))
                slope[self.ends[j] : self.ends[j + 1]] -= D
            total -= float(D @ p[-1])
        return total, slope

    def slack(self, z: Array) -> Array:
        """Uⁱ - Uⁱ(aⁱ, π^-i) of all actions, one agent after the other."""
        p, U = self.split(z)
        return np.concatenate([U[i] - contracted(R, p, (i,)) for i, R in enumerate(self.R)])

    def slack_slope(self, z: Array) -> Array:
        """The derivatives of `slack`."""
        p, _ = self.split(z)
        J = np.zeros((self.ends[-1], len(z)))
        for i, R in enumerate(self.R):
            rows = slice(self.ends[i], self.ends[i + 1])
            J[rows, self.ends[-1] + i] = 1
            for j in range(self.n):
                if j != i:
                    J[rows, self.ends[j] : self.ends[j + 1]] = -self._derivative(R, p, i, j)
        return J

    def solved(self, p: list[Array]) -> tuple[list[Array], int]:
        """The policies at which sequential quadratic programming ends, begun at p, and its number of iterations."""
        from scipy.optimize import minimize

        U = [float(contracted(R, p, (i,)).max()) for i, R in enumerate(self.R)]
        sums = np.zeros((self.n, self.ends[-1] + self.n))
        for i in range(self.n):
            sums[i, self.ends[i] : self.ends[i + 1]] = 1
        found = minimize(
            self.objective,
            np.concatenate([*p, U]),
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * self.ends[-1] + [(None, None)] * self.n,
            constraints=[
                {"type": "ineq", "fun": self.slack, "jac": self.slack_slope},
                {"type": "eq", "fun": lambda z: sums @ z - 1, "jac": lambda z: sums},
            ],
            options={"maxiter": 500, "ftol": 1e-14},
        )
        z = found.x if np.isfinite(found.x).all() else np.concatenate([*p, U])
        q, _ = self.split(z)
        usable = all(x.max() > 0 for x in q)
        return [distribution(x) for x in q] if usable else p, int(found.nit)
