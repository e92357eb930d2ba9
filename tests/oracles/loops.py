"""The sums of chapter 12 as the book writes them: one step of one trajectory at a time.

θ and θ_new are parameters (n,), s and a the state and the action of one step, τ a trajectory as a list of (s, a, r).
"""

import numpy as np
from autograd import grad


def rewards_to_go(τ, γ):
    """Σ_{j >= k} γ^(j-1) r_j for each step k, discounted from the start of the trajectory."""
    return [sum(γ**j * τ[j][2] for j in range(k, len(τ))) for k in range(len(τ))]


def score(π, θ, a, s):
    """∇log π_θ(a | s), (n,)."""
    return grad(lambda θ: π.logpdf(θ, np.array([a]), np.array([s]))[0])(θ)


def ratio(π, θ, θ_new, a, s):
    """π_θ_new(a | s) / π_θ(a | s)."""
    a, s = np.array([a]), np.array([s])
    return float(np.exp(π.logpdf(θ_new, a, s) - π.logpdf(θ, a, s))[0])


def mean_over_steps(τs, γ, over_steps, f):
    """Mean over trajectories of the mean (or sum) over their own steps k of f(k, s, a, the reward-to-go)."""
    total = 0.0
    for τ in τs:
        terms = [f(k, s, a, G) for k, ((s, a, _), G) in enumerate(zip(τ, rewards_to_go(τ, γ), strict=True))]
        total = total + sum(terms) / (len(terms) if over_steps == "mean" else 1)
    return total / len(τs)
