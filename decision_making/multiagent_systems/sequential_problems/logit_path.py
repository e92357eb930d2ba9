"""The path of logit equilibria from uniform play to a Nash equilibrium (McKelvey and Palfrey 1995; Turocy 2005).

At a logit equilibrium of precision λ every agent plays the softmax response πⁱ(aⁱ | s) ∝ exp(λ qⁱ(s, aⁱ)) to all the
others, where qⁱ are the values of its actions if all keep to their policies, on the scale of its own rewards. Precision
0 is uniform play; as λ grows without bound the path ends at a Nash equilibrium. It may turn back in λ, so it is
followed by its length.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from decision_making.checks import Array
from decision_making.multiagent_systems.sequential_problems.nonlinear_program import ActionValues

NEAR = 1e-9  # largest error of an equation at a point of the path
STEP = (1e-7, 1e9)  # least and largest length of a step


class LogitPath(ActionValues):
    """The equations of logit equilibria: unknown are log-probabilities β, utilities U, and the precision λ.

    β(s, a) - β(s, a₀) = λ (q(s, a) - q(s, a₀)), Σ exp β(s, ·) = 1, and U(s) = Σ π q. The action a₀ is the likeliest.
    """

    def equations(self, x: Array) -> tuple[Array, Array]:
        """Their errors F (size,), and derivatives (size, size + 1) by all unknowns."""
        λ, β = x[-1], x[: self.ends[-1]]
        z = x[:-1].copy()
        z[: self.ends[-1]] = np.exp(β)
        p, U = self.split(z)
        F, J = [], np.zeros((self.size, self.size + 1))
        values, slopes = self.values(z), self.slopes(z)
        ends, first = [self.ends[i] for i in range(self.P.n)], 0
        for i, (q, D) in enumerate(zip(values, slopes, strict=True)):
            k, s = self.P.sizes[i], np.arange(self.S)
            b = β[ends[i] : ends[i] + self.S * k].reshape(self.S, k)
            D[:, :, : self.ends[-1]] *= z[: self.ends[-1]]  # by β instead of π
            top = b.argmax(axis=1)
            E = b - b[s, top][:, None] - λ * (q - q[s, top][:, None])
            E[s, top] = p[i].sum(axis=1) - 1
            rows = first + np.arange(self.S * k).reshape(self.S, k)
            block = -λ * (D - D[s, top][:, None, :])
            J[rows, : self.size] = block
            J[rows, -1] = -(q - q[s, top][:, None])
            own = ends[i] + np.arange(self.S * k).reshape(self.S, k)
            J[rows, own] += 1
            J[rows, own[s, top][:, None]] -= 1
            J[rows[s, top]] = 0
            J[rows[s, top][:, None], own] = p[i]
            F.append(E.ravel())
            first += self.S * k
            # utilities
            F.append(U[i] - (p[i] * q).sum(axis=1))
            here = first + s
            J[here, : self.size] = -(p[i][:, :, None] * D).sum(axis=1)
            J[here[:, None], own] -= p[i] * q
            J[here, self.ends[-1] + i * self.S + s] += 1
            first += self.S
        return np.concatenate(F), J

    def start(self) -> Array:
        """Uniform play, λ = 0."""
        p = [np.full((self.S, k), 1 / k) for k in self.P.sizes]
        z = self.joined(p, self.utilities(p))
        z[: self.ends[-1]] = np.log(z[: self.ends[-1]])
        return np.append(z, 0.0)

    def tangent(self, J: Array, before: Array) -> Array:
        """The direction (size + 1,) of the path, of length 1, that goes on from the direction before."""
        M = np.concatenate([J, before[None]])
        t = np.linalg.solve(M, np.append(np.zeros(self.size), 1.0))
        return np.asarray(t / np.linalg.norm(t))

    def points(self, k_max: int) -> Iterator[tuple[list[Array], float]]:
        """Policies and precision of the points of the path, at most k_max steps."""
        x = self.start()
        _, J = self.equations(x)
        t = self.tangent(J, np.append(np.zeros(self.size), 1.0))
        h = 0.1
        for _ in range(k_max):
            found = self.corrected(x + h * t, t)
            if found is None:
                h /= 4
                if h < STEP[0]:
                    return
                continue
            x, J, corrections = found
            t = self.tangent(J, t)
            h = min(h * (2.0 if corrections <= 3 else 1.0), STEP[1])
            z = x[: self.ends[-1]]
            yield self.split(np.append(np.exp(z), np.zeros(self.P.n * self.S)))[0], float(x[-1])

    def corrected(self, x: Array, t: Array) -> tuple[Array, Array, int] | None:
        """The point of the path in the plane through x normal to t, by Newton's steps; None where none is near."""
        plane, last = t @ x, np.inf
        for k in range(8):
            if x[: self.ends[-1]].max() > 1:
                return None
            F, J = self.equations(x)
            F = np.append(F, t @ x - plane)
            error = abs(F).max()
            if error <= NEAR * max(1.0, abs(x[-1])):
                return x, J, k
            if not error < 10 * last:
                return None
            last = error
            try:
                x = x - np.linalg.solve(np.concatenate([J, t[None]]), F)
            except np.linalg.LinAlgError:
                return None
            if not np.isfinite(x).all():
                return None
        return None
