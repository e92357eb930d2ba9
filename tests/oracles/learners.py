"""The learners of chapters 15 to 17 one number at a time, as the book defines them."""

import itertools
import math

import numpy as np


def q_learning(Q, γ, α, steps):
    """Algorithm 17.2 on steps (s, a, r, s_next, terminated)."""
    Q = [list(map(float, row)) for row in Q]
    for s, a, r, s_next, terminated in steps:
        u = 0.0 if terminated else γ * max(Q[s_next])
        Q[s][a] += α * (r + u - Q[s][a])
    return np.array(Q)


def sarsa(Q, γ, α, steps, λ=None):
    """Algorithms 17.3 and 17.4 on steps (s, a, r): learnt from one call late; None among them ends an episode."""
    Q = np.array(Q, float)
    N, last = np.zeros_like(Q), None
    for step in steps:
        if step is None:
            last, N = None, np.zeros_like(Q)
            continue
        s, a, r = step
        if last is not None:
            i, j, reward = last
            δ = reward + γ * Q[s, a] - Q[i, j]
            if λ is None:
                Q[i, j] += α * δ
            else:
                N[i, j] += 1
                for pair in np.ndindex(*Q.shape):
                    Q[pair] += α * δ * N[pair]
                    N[pair] *= γ * λ
        last = (s, a, r)
    return Q, N


def counted(S, A, steps):
    """Counts N (S, A, S), tries (S, A) and rewards (S, A) of steps (s, a, r, s_next)."""
    N, ρ = np.zeros((S, A, S)), np.zeros((S, A))
    for s, a, r, s_next in steps:
        N[s, a, s_next] += 1
        ρ[s, a] += r
    return N, N.sum(axis=2), ρ


def prioritized_sweeping(S, A, γ, m, steps):
    """Algorithm 16.5 as listed: a dictionary for a queue, all pairs scanned for predecessors."""
    U, queue, seen, backups = [0.0] * S, {}, [], 0

    def lookahead(s, a):
        n = sum(1 for x in seen if x[:2] == (s, a))
        if n == 0:
            return 0.0
        return sum((r + γ * U[t]) / n for i, j, r, t in seen if (i, j) == (s, a))

    for step in steps:
        seen.append(step)
        queue[step[0]] = math.inf
        for _ in range(m):
            if not queue:
                break
            x = min(queue, key=lambda s: (-queue[s], s))
            del queue[x]
            u, U[x] = U[x], max(lookahead(x, a) for a in range(A))
            backups += 1
            for s, a in itertools.product(range(S), range(A)):
                n = sum(1 for y in seen if y[:2] == (s, a))
                if n:
                    p = sum(1 for y in seen if (*y[:2], y[3]) == (s, a, x)) / n * abs(U[x] - u)
                    if p > 1e-13:
                        queue[s] = max(queue.get(s, 0.0), p)
    return np.array(U), backups


def best_total(prior, h, payoffs=None):
    """The highest expected payoff of h pulls of a bandit with priors [(α, β), …], over all histories."""
    if h == 0:
        return 0.0
    totals = []
    for a, (α, β) in enumerate(prior):
        ρ, pay = α / (α + β), 1.0 if payoffs is None else payoffs[a]
        won, lost = ([*prior[:a], x, *prior[a + 1 :]] for x in ((α + 1, β), (α, β + 1)))
        totals.append(ρ * (pay + best_total(won, h - 1, payoffs)) + (1 - ρ) * best_total(lost, h - 1, payoffs))
    return max(totals)


def exact_total(π, prior, h):
    """The expected payoff in h pulls of a strategy π(α, β, k) -> probabilities of the arms, over all histories."""

    def go(α, β, k):
        if k == h:
            return 0.0
        total = 0.0
        for a, p in enumerate(π(α, β, k)):
            if p:
                ρ = α[a] / (α[a] + β[a])
                one = np.eye(len(α))[a]
                total += p * (ρ * (1 + go(α + one, β, k + 1)) + (1 - ρ) * go(α, β + one, k + 1))
        return total

    α, β = np.array(prior, float).T
    return go(α, β, 0)


def belief_value(D, R, γ, s, d):
    """Equation 16.10 over all policies of histories: U*(s, b) with d steps to go, by the recursion on copies."""
    if d == 0:
        return 0.0
    values = []
    for a in range(R.shape[1]):
        p = D[s, a] / D[s, a].sum()
        value = R[s, a]
        for t in range(len(p)):
            if p[t]:
                more = D.copy()
                more[s, a, t] += 1
                value += γ * p[t] * belief_value(more, R, γ, t, d - 1)
        values.append(value)
    return max(values)
