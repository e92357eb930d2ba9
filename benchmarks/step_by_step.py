"""The natural update written down step by step, one action and one score at a time, as a first reading suggests."""

import autograd.numpy as np
from autograd import grad

from decision_making.checks import Array


def log_likelihood(θ: Array, a: float, s: float) -> Array:
    σ = np.abs(θ[1]) + 1e-5
    return -0.5 * ((a - θ[0] * s) / σ) ** 2 - np.log(σ) - 0.5 * np.log(2 * np.pi)


score = grad(log_likelihood)


def natural_update(θ: Array, m: int, d: int, γ: float, ε: float, rng: np.random.Generator) -> Array:
    g, F = np.zeros(2), np.zeros((2, 2))
    for _ in range(m):
        s, R, u = rng.normal(0.3, 0.1), 0.0, np.zeros(2)
        for k in range(d):
            a = rng.normal(θ[0] * s, abs(θ[1]) + 1e-5)
            u, R, s = u + score(θ, a, s), R - γ**k * s * s, rng.normal(s + a, 0.1)
        g, F = g + u * R / m, F + np.outer(u, u) / m
    x = np.linalg.solve(F, g)
    return θ + x * np.sqrt(2 * ε / (g @ x))
