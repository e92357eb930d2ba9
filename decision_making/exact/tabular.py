"""Expectations on tabular problems, by dynamic programming over steps and states."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from attrs import frozen

from decision_making.checks import Array
from decision_making.exact.expectation import Expectation
from decision_making.policies import Policy
from decision_making.policies.base import reverse_pass, weighted_score
from decision_making.problem import HasTerminal, offers
from decision_making.sequential_problems.policy_gradient_optimization import Surrogate
from decision_making.trajectories import Trajectories, discounts

MAX_TRAJECTORIES = 2_000_000  # that are enumerated at most


@frozen(eq=False, slots=False)
class TabularExpectation(Expectation):
    """Expectations over the trajectories of depth d under π_θ; a trajectory ends in a terminal state.

    Occupancies (d, S) are computed forward, values backward. A mean over the steps of a trajectory divides by its own
    length, so with terminal states the backward pass keeps a value for each possible number of steps left.
    """

    P: Any  # problem
    b: Array  # (S,)
    π: Policy  # policy
    θ: Array  # (n,)
    d: int  # depth: steps of a trajectory
    over_steps: str = "mean"  # "mean" or "sum", of the surrogates

    @cached_property
    def grid(self) -> Trajectories:
        """All pairs (s, a) as single steps, (S·A, 1)."""
        n_states, n_actions = self.P.R.array.shape
        s, a = np.divmod(np.arange(n_states * n_actions), n_actions)
        return Trajectories(s[:, None], a[:, None], np.zeros((len(s), 1)))

    @cached_property
    def p(self) -> Array:
        """π_θ(a | s), (S, A)."""
        return np.exp(self._logp(self.θ))

    def _logp(self, θ: Array) -> Array:
        """log π_θ(a | s), (S, A)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(self.π.logpdf(θ, self.grid.a, self.grid.s)).reshape(self.P.R.array.shape)

    @cached_property
    def ends(self) -> Array:
        """Whether a state is terminal, (S,)."""
        n_states = len(self.b)
        if not offers(self.P, HasTerminal):
            return np.zeros(n_states, bool)
        return np.asarray(self.P.terminal(np.arange(n_states)), dtype=bool)

    @cached_property
    def occupancy(self) -> Array:
        """P(s_k = s and the trajectory has a step k), (d, S)."""
        α = np.empty((self.d, len(self.b)))
        α[0] = np.where(self.ends, 0, self.b)
        for k in range(1, self.d):
            α[k] = np.where(self.ends, 0, np.einsum("s,sa,sat->t", α[k - 1], self.p, self.P.T.array))
        return α

    @cached_property
    def _backward(self) -> tuple[Array, Array, Array]:
        """For each step k: E[L_k | s_k, a_k], E[share | s_k, a_k] and E[share · L_k | s_k, a_k], each (d, S, A).

        share is the weight of a step in the surrogates, 1/length or 1; L_k is the local reward-to-go.
        """
        T, R, d, γ = self.P.T.array, self.P.R.array, self.d, self.P.γ
        T_on = np.where(self.ends, 0, T)  # transitions after which the trajectory goes on
        T_end = T[:, :, self.ends].sum(axis=2)
        Q, share, shared = (np.empty((d, *R.shape)) for _ in range(3))
        first = 0 if self.ends.any() else None  # without terminal states there is one length only, d
        # rows j: the probability of exactly (first + j + 1) steps from here, and the reward collected when so
        chance, value = np.ones((1, *R.shape)), R[None].copy()
        for k in range(d - 1, -1, -1):
            if k < d - 1:
                e, v = (np.einsum("jsa,sa->js", x, self.p) for x in (chance, value))
                chance, value = np.einsum("sat,jt->jsa", T_on, e), γ * np.einsum("sat,jt->jsa", T_on, v)
                if first is not None:
                    chance, value = np.concatenate([T_end[None], chance]), np.concatenate([0 * T_end[None], value])
                value = value + R * chance
            lengths = np.arange(k + 1, d + 1) if first is not None else np.array([d])
            weight = 1 / lengths if self.over_steps == "mean" else np.ones(len(lengths))
            Q[k] = value.sum(axis=0)
            share[k] = np.einsum("j,jsa->sa", weight, chance)
            shared[k] = np.einsum("j,jsa->sa", weight, value)
        return Q, share, shared

    def _discounted(self, x: Array) -> Array:
        """Σ_k γ^(k-1) P(s_k) x_k over the steps, for x (d, S) or (d, S, A)."""
        α = self.occupancy * discounts(self.P.γ, self.d)[:, None]
        return np.einsum("ks,ks...->s...", α, x)

    def utility(self) -> float:
        """Σ_k γ^(k-1) E[R(s_k, a_k)]."""
        return self._expected_sum(self.P.R.array)

    def size(self) -> float:
        """Σ_k γ^(k-1) E|R(s_k, a_k)|."""
        return self._expected_sum(abs(self.P.R.array))

    def _expected_sum(self, R: Array) -> float:
        """Σ_k γ^(k-1) E[R(s_k, a_k)], for rewards R (S, A)."""
        return float(np.sum(self._discounted(np.broadcast_to(self.p * R, (self.d, *self.p.shape)))))

    def utility_gradient(self) -> Array:
        """Σ_k γ^(k-1) E[∇log π(a_k | s_k) Q_k(s_k, a_k)], the policy gradient theorem."""
        return self._score(self.θ, self.p * self._discounted(self._backward[0]))

    def fisher(self) -> Array:
        """Σ_k E[g_k g_kᵀ]; the cross terms of the steps vanish in expectation."""
        return self._outer(self.occupancy.sum(axis=0)[:, None])

    @cached_property
    def _visits(self) -> Array:
        """Σ_k γ^(k-1) P(s_k = s) E[share | s_k = s], (S,)."""
        return np.sum(self.p * self._discounted(self._backward[1]), axis=1)

    def constraint_hessian(self) -> Array:
        """Hessian of the constraint at θ: Σ_k γ^(k-1) E[share F(s_k)], F(s) the Fisher matrix of π_θ(· | s)."""
        return self._outer(self._visits[:, None])

    def surrogate_fisher(self) -> Array:
        """Σ_k γ^(k-1) E[share g_k g_kᵀ]: not the Hessian where a_k decides the length, and with it the share."""
        return self._outer(self._discounted(self._backward[1]))

    def objective(self, θ_new: Array) -> float:
        """Expected surrogate objective."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.sum(np.exp(self._logp(θ_new)) * self._discounted(self._backward[2])))

    def objective_gradient(self, θ_new: Array) -> Array:
        """∇ of the expected surrogate objective, (n,)."""
        return self._score(θ_new, np.exp(self._logp(θ_new)) * self._discounted(self._backward[2]))

    def constraint(self, θ_new: Array) -> float:
        """Expected surrogate constraint, in nats."""
        return max(float(self._kl(θ_new)[1]), 0.0)

    def constraint_gradient(self, θ_new: Array) -> Array:
        """∇ of the expected surrogate constraint, (n,)."""
        vjp, kl = self._kl(θ_new)
        return np.asarray(vjp(np.ones_like(kl)))

    def _kl(self, θ_new: Array) -> Any:
        """The vector-Jacobian product of the constraint at θ_new, and its value."""
        visits = (self._visits[:, None] * self.p).reshape(-1, 1)
        logp = self._logp(self.θ).reshape(-1, 1)
        cross = float(np.sum(visits * np.where(visits > 0, logp, 0)))
        seen = np.flatnonzero(visits)  # a pair (s, a) of probability 0 contributes 0 · log 0 = 0
        s, a, v = self.grid.s[seen], self.grid.a[seen], visits[seen]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return reverse_pass(lambda θ: cross - (v * self.π.logpdf(θ, a, s)).sum(), θ_new)

    def clamped_gradient(self, θ_new: Array, ε: float) -> Array:
        """Expected clamped gradient by enumeration: the sign of the *sampled* G_k decides what is clamped."""
        τs, probability = self.trajectories
        surrogate = Surrogate(self.π, self.θ, τs, self.P.γ, self.over_steps, probability)
        return surrogate.clamped_gradient(θ_new, ε)

    @cached_property
    def trajectories(self) -> tuple[Trajectories, Array]:
        """All possible trajectories and their probabilities (N,); ValueError if N would exceed 2 million."""
        T, R = self.P.T.array, self.P.R.array
        probability = self.b[self.b > 0]
        s_k = np.flatnonzero(self.b > 0)
        s, a, r, mask = (np.empty((len(s_k), 0), dtype) for dtype in (int, int, float, bool))
        for _ in range(self.d):
            on = ~self.ends[s_k]
            # one branch for each action and successor of a trajectory that goes on, one for each that has ended
            branches = np.where(on, (self.p[s_k] > 0) @ np.ones(R.shape[1]) * (T > 0).sum(axis=2).max(), 1).sum()
            if branches > 4 * MAX_TRAJECTORIES:
                raise ValueError(self._too_many(branches))
            i, a_k, s_next = np.nonzero(on[:, None, None] & (self.p[s_k] > 0)[:, :, None] & (T[s_k] > 0))
            ended = np.flatnonzero(~on)
            rows = np.concatenate([i, ended])
            if len(rows) > MAX_TRAJECTORIES:
                raise ValueError(self._too_many(len(rows)))
            go = np.arange(len(rows)) < len(i)
            last_s = s[ended, -1:].ravel() if s.shape[1] else s_k[ended]
            last_a = a[ended, -1:].ravel() if a.shape[1] else np.zeros(len(ended), int)
            column = (
                np.concatenate([s_k[i], last_s]),
                np.concatenate([a_k, last_a]),
                np.concatenate([R[s_k[i], a_k], np.zeros(len(ended))]),
                go,
            )
            p = np.concatenate([probability[i] * self.p[s_k[i], a_k] * T[s_k[i], a_k, s_next], probability[ended]])
            s, a, r, mask = (np.column_stack([x[rows], c]) for x, c in zip((s, a, r, mask), column, strict=True))
            probability, s_k = p, np.concatenate([s_next, s_k[ended]])
        return Trajectories(s, a, r, mask, s_k, self.ends[s_k]), probability

    def _too_many(self, n: float) -> str:
        return (
            f"d = {self.d}: about {n:.2g} trajectories to enumerate, at most {MAX_TRAJECTORIES} are; the clamped "
            "gradient depends on the sign of the sampled reward-to-go and has no other exact form"
        )

    def _score(self, θ: Array, c: Array) -> Array:
        """Σ c ∇log π_θ(a | s) over all states and actions, for weights c (S, A), (n,)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return weighted_score(self.π, θ, self.grid, c.reshape(-1, 1))[0]

    def _outer(self, visits: Array) -> Array:
        """Σ visits(s, a) π_θ(a | s) g gᵀ with the scores g of all pairs (s, a), for visits (S, A) or (S, 1), (n, n)."""
        g = np.asarray(self.π.scores(self.θ, self.grid))
        return (g * (visits * self.p).reshape(-1, 1)).T @ g
