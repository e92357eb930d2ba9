"""The simple regulator under a linear Gaussian policy in closed form.

s' ~ N(s + a, noise²), r = -s², s₁ ~ N(mean, sd²), a ~ N(θ₁ s, σ²) with σ = |θ₂| + σ_min. Everything follows from the
second moments M_k = E[s_k²]: M_{k+1} = (1 + θ₁)² M_k + σ² + noise². Reference: Kochenderfer, Wheeler and Wray,
Algorithms for Decision Making, appendix F.5 and equation 10.4.
"""

import numpy as np

MEAN, SD, NOISE = 0.3, 0.1, 0.1


def deviation(θ, σ_min=0.0):
    """σ of the policy."""
    return abs(float(θ[1])) + σ_min


def second_moments(θ, d, σ_min=0.0):
    """M_1..M_d."""
    M = [MEAN**2 + SD**2]
    while len(M) < d:
        M.append((1 + θ[0]) ** 2 * M[-1] + deviation(θ, σ_min) ** 2 + NOISE**2)
    return np.array(M)


def utility(γ, θ, d, σ_min=0.0):
    """U(θ) = -Σ γ^(k-1) M_k."""
    return -float(sum(γ**k * M for k, M in enumerate(second_moments(θ, d, σ_min))))


def utility_gradient(γ, θ, d, σ_min=0.0):
    """∇U(θ), from the derivatives of the recursion of M_k."""
    M, dM = second_moments(θ, d, σ_min), np.zeros(2)
    grad, sign = np.zeros(2), 1.0 if θ[1] >= 0 else -1.0
    for k in range(d):
        grad -= γ**k * dM
        dM = np.array(
            [
                2 * (1 + θ[0]) * M[k] + (1 + θ[0]) ** 2 * dM[0],
                (1 + θ[0]) ** 2 * dM[1] + 2 * deviation(θ, σ_min) * sign,
            ]
        )
    return grad


def fisher(θ, d, σ_min=0.0):
    """Trajectory Fisher matrix diag(Σ M_k / σ², 2 d / σ²)."""
    return np.diag([second_moments(θ, d, σ_min).sum(), 2.0 * d]) / deviation(θ, σ_min) ** 2


def kl(θ, θ_new, s, σ_min=0.0):
    """KL(N(θ₁ s, σ²) ‖ N(θ₁' s, σ'²))."""
    σ, σ_new = deviation(θ, σ_min), deviation(θ_new, σ_min)
    return np.log(σ_new / σ) + (σ**2 + ((θ[0] - θ_new[0]) * np.asarray(s)) ** 2) / (2 * σ_new**2) - 0.5


def surrogate_constraint(γ, θ, θ_new, d, over_steps="mean", σ_min=0.0):
    """E of the mean (or sum) over the steps of γ^(k-1) KL at s_k; the KL is linear in s_k²."""
    M = second_moments(θ, d, σ_min)
    total = sum(γ**k * kl(θ, θ_new, np.sqrt(M[k]), σ_min) for k in range(d))
    return float(total / d if over_steps == "mean" else total)


def value_coefficients(γ, θ, d, σ_min=0.0):
    """(p, q), each of d + 1 numbers, with V_k(s) = -(p_k s² + q_k) for the steps k..d; the last ones are 0."""
    p, q = np.zeros(d + 1), np.zeros(d + 1)
    for k in range(d - 1, -1, -1):
        p[k] = 1 + γ * (1 + θ[0]) ** 2 * p[k + 1]
        q[k] = γ * (q[k + 1] + p[k + 1] * (deviation(θ, σ_min) ** 2 + NOISE**2))
    return p, q


def surrogate_objective(γ, θ, θ_new, d, over_steps="mean", σ_min=0.0):
    """E_θ of the mean (or sum) over the steps of w_k G_k: old states, a new action, then the old policy."""
    (p, q), M = value_coefficients(γ, θ, d, σ_min), second_moments(θ, d, σ_min)
    next_square = (1 + θ_new[0]) ** 2 * M + deviation(θ_new, σ_min) ** 2 + NOISE**2
    Q = -M - γ * (p[1:] * next_square + q[1:])
    total = sum(γ**k * Q[k] for k in range(d))
    return float(total / d if over_steps == "mean" else total)


def restricted_update(γ, θ, d, ε):
    """θ + √(2ε) ∇U / ‖∇U‖."""
    g = utility_gradient(γ, θ, d)
    return θ + np.sqrt(2 * ε) * g / np.linalg.norm(g)


def natural_update(γ, θ, d, ε):
    """θ + u √(2ε / ∇Uᵀu) with u = F⁻¹∇U."""
    g = utility_gradient(γ, θ, d)
    u = g / np.diag(fisher(θ, d))
    return θ + u * np.sqrt(2 * ε / (g @ u))
