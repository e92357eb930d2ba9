"""The book's nonlinear program of Nash equilibria of Markov games (algorithm 25.5), and their linear equations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decision_making.checks import Array
from decision_making.markov_game import MG
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import excess
from decision_making.multiagent_systems.multiagent_reasoning.policies import contracted, distribution
from decision_making.multiagent_systems.sequential_problems.policies import (
    continuation,
    gaps,
    joint_utility,
    mixed_transitions,
    optimal_values,
)


class ActionValues:
    """qⁱ(s, aⁱ) = Qⁱ(s, aⁱ, π^-i(s)) of all agents as functions of policies and utilities, and their derivatives.

    Q^i(s, a) = Rⁱ(s, a) + γ Σ T(s' | s, a) Uⁱ(s'). Each agent's rewards are scaled to a span of 1. A point is one
    vector z: the probabilities of all agents, then the utilities (n, S).
    """

    def __init__(self, P: MG):
        R = P.R.array.reshape(P.n, -1)
        least, span = R.min(axis=1, keepdims=True), np.ptp(R, axis=1, keepdims=True)
        self.R = ((R - least) / np.where(span > 0, span, 1.0)).reshape(P.R.array.shape)
        self.P, self.S = P, len(P.S)
        self.scaled = MG(P.γ, P.I, P.S, P.A, P.T, self.R)
        self.ends = np.cumsum([0, *(self.S * k for k in P.sizes)])
        self.size = self.ends[-1] + P.n * self.S

    def split(self, z: Array) -> tuple[list[Array], Array]:
        """The policies (S, Aⁱ) and the utilities (n, S) of a vector."""
        p = [z[self.ends[i] : self.ends[i + 1]].reshape(self.S, k) for i, k in enumerate(self.P.sizes)]
        return p, z[self.ends[-1] :].reshape(self.P.n, self.S)

    def joined(self, p: Sequence[Array], U: Array) -> Array:
        """The vector of policies and utilities."""
        return np.concatenate([*(q.ravel() for q in p), U.ravel()])

    def joint(self, U: Array) -> Array:
        """Qⁱ(s, a), (n, S, A¹, …, Aⁿ)."""
        return np.asarray(self.R + continuation(self.P, U))

    def values(self, z: Array) -> list[Array]:
        """qⁱ (S, Aⁱ)."""
        p, U = self.split(z)
        return [contracted(Q, p, (i,)) for i, Q in enumerate(self.joint(U))]

    def slopes(self, z: Array) -> list[Array]:
        """∂qⁱ/∂z, (S, Aⁱ, size): by the other policies in the same state, and by the own utilities of the next."""
        p, U = self.split(z)
        found, s = [], np.arange(self.S)
        for i, Q in enumerate(self.joint(U)):
            k = self.P.sizes[i]
            J = np.zeros((self.S, k, self.size))
            for j, m in enumerate(self.P.sizes):
                if j != i:
                    D = contracted(Q, p, (min(i, j), max(i, j)))
                    columns = self.ends[j] + s[:, None] * m + np.arange(m)
                    J[s[:, None], :, columns] = D.transpose(0, 2, 1) if i < j else D
            T = mixed_transitions(self.P, p, i)
            T = T if isinstance(T, np.ndarray) else T.toarray().reshape(self.S, k, self.S)
            own = self.ends[-1] + i * self.S
            J[:, :, own : own + self.S] = self.P.γ * T
            found.append(J)
        return found

    def sums(self) -> Array:
        """The rows (n·S, size) that add up each policy in each state."""
        rows = np.zeros((self.P.n * self.S, self.size))
        for i, k in enumerate(self.P.sizes):
            for s in range(self.S):
                first = self.ends[i] + s * k
                rows[i * self.S + s, first : first + k] = 1
        return rows

    def utilities(self, p: Sequence[Array]) -> Array:
        """The utilities (n, S) of a joint policy, in scaled rewards."""
        return joint_utility(self.scaled, p)


class NashProgram(ActionValues):
    """min over π, U of Σ_i Σ_s (Uⁱ(s) - Qⁱ(s, π(s))) subject to Uⁱ(s) >= Qⁱ(s, aⁱ, π^-i(s)), each πⁱ(s) a distribution.

    The objective is at least 0 where the constraints hold, and 0 exactly at equilibria.
    """

    def objective(self, z: Array) -> tuple[float, Array]:
        """The sum over agents and states, and its gradient."""
        (p, U), slope = self.split(z), np.zeros(self.size)
        total, ahead = float(U.sum()), mixed_transitions(self.P, p)
        for i, Q in enumerate(self.joint(U)):
            for j in range(self.P.n):
                D = contracted(Q, p, (j,))
                slope[self.ends[j] : self.ends[j + 1]] -= D.ravel()
            total -= float((D * p[-1]).sum())
            own = self.ends[-1] + i * self.S
            slope[own : own + self.S] = 1 - self.P.γ * np.asarray(ahead.sum(axis=0)).ravel()
        return total, slope

    def slack(self, z: Array) -> Array:
        """Uⁱ(s) - qⁱ(s, aⁱ) of all agents, states and actions."""
        _, U = self.split(z)
        return np.concatenate([(u[:, None] - q).ravel() for u, q in zip(U, self.values(z), strict=True)])

    def slack_slope(self, z: Array) -> Array:
        """The derivatives of `slack`."""
        J = -np.concatenate([x.reshape(-1, self.size) for x in self.slopes(z)])
        for i, k in enumerate(self.P.sizes):
            rows = np.arange(self.ends[i], self.ends[i + 1])
            J[rows, self.ends[-1] + i * self.S + np.arange(self.S * k) // k] += 1
        return J

    def solved(self, p: Sequence[Array]) -> tuple[list[Array], int]:
        """The policies at which sequential quadratic programming ends, begun at p, and its number of iterations."""
        from scipy.optimize import minimize

        U = np.stack([optimal_values(self.scaled, p, i)[0] for i in range(self.P.n)])
        z, sums = self.joined(p, U), self.sums()
        found = minimize(
            self.objective,
            z,
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * self.ends[-1] + [(None, None)] * (self.P.n * self.S),
            constraints=[
                {"type": "ineq", "fun": self.slack, "jac": self.slack_slope},
                {"type": "eq", "fun": lambda z: sums @ z - 1, "jac": lambda z: sums},
            ],
            options={"maxiter": 300, "ftol": 1e-14},
        )
        q, _ = self.split(found.x)
        usable = np.isfinite(found.x).all() and all((x.max(axis=-1) > 0).all() for x in q)
        return [distribution(x) for x in q] if usable else list(p), int(found.nit)


def solved_on_support(P: MG, supports: Sequence[Array], p: Sequence[Array]) -> list[Array] | None:
    """Policies on the supports (S, Aⁱ) at which all actions of a support are equally good, by Newton's steps from p.

    The equations are Uⁱ(s) = qⁱ(s, aⁱ) of the actions of the supports, and Σ πⁱ(s) = 1. None where the steps do not
    converge to probabilities. It is not checked that no other action is better.
    """
    V = ActionValues(P)
    p = [distribution(np.where(s, np.maximum(q, 1e-12), 0.0)) for s, q in zip(supports, p, strict=True)]
    z, sums = V.joined(p, V.utilities(p)), V.sums()
    played = np.concatenate([s.ravel() for s in supports])
    free = np.concatenate([played, np.ones(P.n * V.S, dtype=bool)])
    utility_of = np.concatenate([V.ends[-1] + i * V.S + np.arange(V.S * k) // k for i, k in enumerate(P.sizes)])[played]
    rows = np.arange(len(utility_of))
    for _ in range(30):
        q = np.concatenate([x.ravel() for x in V.values(z)])[played]
        J = -np.concatenate([x.reshape(-1, V.size) for x in V.slopes(z)])[played]
        J[rows, utility_of] += 1
        J = np.concatenate([J, sums])[:, free]
        F = np.concatenate([z[utility_of] - q, sums @ z - 1])
        try:
            step = np.linalg.solve(J, F)
        except np.linalg.LinAlgError:
            return None
        z[free] -= step
        if not abs(z[: V.ends[-1]]).max() <= 1e3:  # nor NaN
            return None
        if abs(step).max() <= 1e-13 * abs(z).max():
            break
    p, _ = V.split(z)
    return [distribution(x) for x in p] if z[: V.ends[-1]].min() >= -1e-11 else None


def largest_gain(P: MG, p: Sequence[Array]) -> float:
    """The largest gain of any agent from any state, in units of the largest gap that counts as none."""
    return excess(P, gaps(P, p, joint_utility(P, p)).max(axis=1))


def polished(P: MG, p: Sequence[Array], least: float) -> tuple[list[Array], bool]:
    """p, or the solution of the equations of its support if its gap is no larger; and whether it is the solution.

    The support in a state are the probabilities above `least` of the largest one.
    """
    better = solved_on_support(P, [q > least * q.max(axis=-1, keepdims=True) for q in p], p)
    if better is None:
        return list(p), False
    found, given = largest_gain(P, better), largest_gain(P, p)
    return (better, True) if found <= max(given, 1) else (list(p), False)
