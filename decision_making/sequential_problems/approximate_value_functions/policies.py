"""The policy that is greedy in an approximate value function (equation 8.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Field, brief, refuse
from decision_making.problem import Action, Enumerable, State, offers
from decision_making.sequential_problems.approximate_value_functions.outcomes import (
    absorbing,
    actions_of,
    at_rest,
    outcomes,
    positions,
)
from decision_making.sequential_problems.approximate_value_functions.representations import (
    ApproximateValueFunction,
    with_parameters,
)
from decision_making.sequential_problems.exact_solution_methods.tables import ended, tables
from decision_making.speed import largest
from decision_making.structs import struct


def value_function(M: object, attribute: Field, U: ApproximateValueFunction) -> None:
    """Attrs validator: an approximate value function."""
    if not isinstance(U, ApproximateValueFunction):
        refuse(M, attribute.name, U, "an approximate value function, such as a MultilinearValueFunction", TypeError)


@struct(repr=False)
class ApproximateValueFunctionPolicy:
    """The policy that is greedy in U_θ: π(s) = argmax_a R(s, a) + γ Σ p U_θ(s') over what may follow (equation 8.1).

    It acts on batches of states. What may follow comes from tables, from `P.successors`, or from `samples` draws of
    `P.TR` with a fixed seed. Of equally good actions it takes the first of P.A.
    """

    P: Any  # problem
    Uθ: ApproximateValueFunction = field(validator=value_function)  # values of what follows
    samples: int | None = field(default=None, kw_only=True)  # draws where P must be sampled
    seed: int = field(default=0, kw_only=True)  # of these draws

    def U(self, s: State) -> Array:
        """U_θ(s) for a batch of states; 0 where it is over."""
        s, shape = self._flat(s)
        return self._values(s).reshape(shape)

    def Q(self, s: State) -> Array:
        """R(s, a) + γ Σ p U_θ(s') for every action, (..., A), -inf if not available; 0 where it is over."""
        s, shape = self._flat(s)
        return self._Q(s).reshape(*shape, -1)

    def __call__(self, s: State) -> Action:
        """The greedy actions."""
        return actions_of(self.P)[self.Q(s).argmax(axis=-1)]

    def sweep(self, S: Array) -> tuple[Callable[[Array], Array], float]:
        """θ -> max_a Q(s, a) at S (n,) with U_θ, and the largest |reward|; what follows is expanded once."""
        follow, r = self._following(S)
        r_max = float(abs(r[np.isfinite(r)]).max(initial=0))
        return lambda θ: largest(follow(with_parameters(self.Uθ, θ))), r_max

    def _Q(self, s: Array) -> Array:
        return self._following(s)[0](self.Uθ)

    def _following(self, s: Array) -> tuple[Callable[[ApproximateValueFunction], Array], Array]:
        """A function U -> Q(s, ·), (m, A), and the rewards (m, A)."""
        P, γ, over = self.P, self.P.γ, self._over(s)
        if offers(P, Enumerable):
            T, R = tables(P)
            i, live = positions(np.asarray(P.S), s), ~absorbing(P)
            rows = (i[:, None] * R.shape[1] + np.arange(R.shape[1])).ravel()
            chosen, states = T.reshape(-1, len(R))[rows], np.asarray(P.S)[live]

            def tabular(U: ApproximateValueFunction) -> Array:
                u = np.zeros(len(R))
                u[live] = U(states)
                return at_rest(over, R[i] + γ * (chosen @ u).reshape(len(s), -1))

            return tabular, R[i]
        found = [
            outcomes(P, s, np.full(len(s), a), self.samples, np.random.default_rng(self.seed)) for a in actions_of(P)
        ]
        s_next, p, r = (np.stack(x, axis=1) for x in zip(*found, strict=True))
        flat = s_next.reshape(-1, *s_next.shape[3:])
        live = ~(ended(P, flat) | np.repeat(over, p[0].size))

        def expanded(U: ApproximateValueFunction) -> Array:
            u = np.zeros(len(flat))
            u[live] = U(flat[live])
            return at_rest(over, r + γ * (p * u.reshape(p.shape)).sum(axis=-1))

        return expanded, r

    def _over(self, s: Array) -> Array:
        if offers(self.P, Enumerable):
            return absorbing(self.P)[positions(np.asarray(self.P.S), s)]
        return ended(self.P, s)

    def _values(self, s: Array) -> Array:
        u, live = np.zeros(len(s)), ~self._over(s)
        u[live] = self.Uθ(s[live])
        return u

    def _flat(self, s: State) -> tuple[Array, tuple[int, ...]]:
        """States as an array (m, ...) with one in each row, and the shape of the batch."""
        s = np.asarray(s)
        if offers(self.P, Enumerable):
            state = np.asarray(self.P.S).shape[1:]
            shape = s.shape[: s.ndim - len(state)]
        else:
            shape = np.shape(self.Uθ(s))
        return s.reshape(-1, *s.shape[len(shape) :]), shape

    def __repr__(self) -> str:
        return f"ApproximateValueFunctionPolicy({brief(self.P)}, {self.Uθ!r})"
