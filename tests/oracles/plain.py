"""Chapters 7, 10 to 13 and TRPO in plain loops, written from the equations alone.

A trajectory is a list of (s, a, r), `τs` a list of them, some perhaps empty. `score(s, a)` is ∇log π_θ(a | s), a vector
of n; `logp(s, a)` and `logp_new(s, a)` are log-likelihoods at θ and at θ_new, `kl(s)` is KL(π_θ ‖ π_θ_new) at s.
"""

import numpy as np


def total_return(τ, γ):
    return sum(γ**k * r for k, (_, _, r) in enumerate(τ))


def to_go_from_start(τ, γ):
    return [sum(γ**j * τ[j][2] for j in range(k, len(τ))) for k in range(len(τ))]


def to_go_local(τ, γ):
    return [sum(γ ** (j - k) * τ[j][2] for j in range(k, len(τ))) for k in range(len(τ))]


def trajectory_score(τ, score, n):
    g = np.zeros(n)
    for s, a, _ in τ:
        g = g + score(s, a)
    return g


# ---- chapter 11


def likelihood_ratio(τs, γ, score, n):
    return sum(trajectory_score(τ, score, n) * total_return(τ, γ) for τ in τs) / len(τs)


def reward_to_go(τs, γ, score, n):
    g = np.zeros(n)
    for τ in τs:
        for (s, a, _), G in zip(τ, to_go_from_start(τ, γ), strict=True):
            g = g + score(s, a) * G
    return g / len(τs)


def baseline_subtraction(τs, γ, score, n, *, ratio_of_means=False, leave_one_out=False):
    m = len(τs)
    above, below, plain = np.zeros((m, n)), np.zeros((m, n)), []
    for i, τ in enumerate(τs):
        weighted = [γ**k * score(s, a) for k, (s, a, _) in enumerate(τ)]
        L = to_go_local(τ, γ)
        for k in range(len(τ)):
            above[i] += weighted[k] ** 2 * L[k]
            below[i] += weighted[k] ** 2
        plain.append((weighted, L))
    none = 3e-30 * below.max(axis=0)  # squares of scores that are 0 but for rounding
    g = np.zeros(n)
    for i, (weighted, L) in enumerate(plain):
        others = [j for j in range(m) if not (leave_one_out and j == i)]
        base = np.zeros(n)
        for c in range(n):
            if ratio_of_means:
                down = sum(below[j, c] for j in others)
                base[c] = sum(above[j, c] for j in others) / down if down > none[c] else 0.0
            else:
                ratios = [above[j, c] / below[j, c] if below[j, c] > none[c] else 0.0 for j in others]
                base[c] = sum(ratios) / len(others)
        for k in range(len(L)):
            g = g + weighted[k] * (L[k] - base)
    return g / m


# ---- chapter 12


def restricted(θ, g, ε):
    length = np.sqrt(np.sum(g**2))
    return θ + g * np.sqrt(2 * ε) / length if length > 0 else θ


def natural_direction(G, R, damping):
    """F⁺∇ and ∇ with F = GᵀG/m + cI and ∇ = GᵀR/m; None where the rank of F is a matter of rounding."""
    m, n = G.shape
    F, g = damping * np.eye(n), np.zeros(n)
    for x, R_i in zip(G, R, strict=True):
        F = F + np.outer(x, x) / m
        g = g + x * R_i / m
    values, vectors = np.linalg.eigh(F)
    largest = max(values[-1], 0.0)
    if largest == 0:
        return np.zeros(n), g
    lengths = np.linalg.svd(G, compute_uv=False)  # the squares of those below 1e-8 of the largest are lost in F
    if not damping and np.any((lengths > 1e-16 * lengths[0]) & (lengths < 1e-7 * lengths[0])):
        return None
    small = values < 1e-15 * largest
    if np.any((values < 1e-7 * largest) & ~small):
        return None
    inverse = np.where(small, 0.0, 1 / np.where(small, 1.0, values))
    return vectors @ (inverse * (vectors.T @ g)), g


def natural(θ, G, R, ε, damping=0.0):
    found = natural_direction(G, R, damping)
    if found is None:
        return None
    u, g = found
    size = g @ u
    scale = np.max(abs(R), initial=0.0) * np.max(abs(G), initial=0.0)
    if np.sqrt(max(size, 0.0)) <= 1e-9 * max(np.max(abs(R), initial=0.0), 1e-300) or scale == 0:
        return None if size > 0 else θ  # rounding decides
    return θ + u * np.sqrt(2 * ε / size)


def over(terms, over_steps):
    """The mean or the sum of a trajectory's steps; 0 of none."""
    total = sum(terms) if len(terms) else 0.0
    return total / max(len(terms), 1) if over_steps == "mean" else total


def surrogate_objective(τs, γ, logp, logp_new, over_steps="mean"):
    value = 0.0
    for τ in τs:
        G = to_go_from_start(τ, γ)
        value += over([np.exp(logp_new(s, a) - logp(s, a)) * G[k] for k, (s, a, _) in enumerate(τ)], over_steps)
    return value / len(τs)


def surrogate_constraint(τs, γ, kl, over_steps="mean"):
    return sum(over([γ**k * kl(s) for k, (s, _, _) in enumerate(τ)], over_steps) for τ in τs) / len(τs)


def clamped_gradient(τs, γ, ε, logp, logp_new, score_new, n, over_steps="mean"):
    """None where a ratio is at the edge of the clamp."""
    g = np.zeros(n)
    for τ in τs:
        G, terms = to_go_from_start(τ, γ), []
        for k, (s, a, _) in enumerate(τ):
            w = np.exp(logp_new(s, a) - logp(s, a))
            if min(abs(w - 1 - ε), abs(w - 1 + ε)) < 1e-6:
                return None
            flat = (G[k] > 0 and w > 1 + ε) or (G[k] < 0 and w < 1 - ε)
            terms.append(np.zeros(n) if flat else w * G[k] * score_new(s, a))
        g = g + over(terms, over_steps)
    return g / len(τs)


def line_search(f, g, θ, θ_new, ε, α, most):
    """(θ, backtracks), θ itself and None where nothing is found, "unclear" where rounding decides."""
    f_0 = f(θ)
    for j in range(most + 1):
        x = θ + α**j * (θ_new - θ)
        gap, gain = g(x) - ε, f(x) - f_0
        if abs(gap) < 1e-7 * ε or abs(gain) < 1e-9 * max(abs(f_0), abs(f(x)), 1e-12):
            return "unclear", None
        if gap <= 0 and gain > 0:
            return x, j
    return θ, None


# ---- chapter 13 and TRPO


def temporal_differences(rewards, values, γ, after=None):
    """of one trajectory: `after` is the value of the state after the last step, None where it is not known."""
    d = len(rewards)
    δ = []
    for k in range(d):
        if k < d - 1:
            δ.append(rewards[k] + γ * values[k + 1] - values[k])
        else:
            δ.append(0.0 if after is None else rewards[k] + γ * after - values[k])
    return δ


def generalized_advantages(δ, γ, λ):
    return [sum((γ * λ) ** (j - k) * δ[j] for j in range(k, len(δ))) for k in range(len(δ))]


def actor(τs, γ, λ, score, n, U, ends=None):
    """Σ over steps of γ^(k-1) g_k Â_k; `ends` are the values after the last steps, or None for the book's loops."""
    g = np.zeros(n)
    for i, τ in enumerate(τs):
        if not τ:
            continue
        δ = temporal_differences([r for _, _, r in τ], [U(s) for s, _, _ in τ], γ, None if ends is None else ends[i])
        A = generalized_advantages(δ, γ, λ)
        for k, (s, a, _) in enumerate(τ):
            g = g + γ**k * score(s, a) * A[k]
    return g / len(τs)


def critic(τs, γ, U, grad_U, n):
    g = np.zeros(n)
    for τ in τs:
        for (s, _, _), L in zip(τ, to_go_local(τ, γ), strict=True):
            g = g + (U(s) - L) * grad_U(s)
    return g / len(τs)


def conjugate_gradients(A, g, iterations, tolerance=1e-10):
    """The best x in the Krylov space of so many dimensions, by projection; None where it breaks down."""
    basis, v = [], g
    for _ in range(iterations):
        for _ in range(2):
            for q in basis:
                v = v - q * (q @ v)
        length = np.sqrt(v @ v)
        if length < 1e-6 * np.sqrt(g @ g):
            return None
        basis.append(v / length)
        v = A @ basis[-1]
        v = v / max(np.sqrt(v @ v), 1e-300) * np.sqrt(g @ g)
    Q = np.array(basis).T
    return Q @ np.linalg.solve(Q.T @ A @ Q, Q.T @ g)


def adam(grad, x, batches, rate):
    """Kingma and Ba's algorithm 1 over the given batches of rows."""
    m, v = np.zeros(len(x)), np.zeros(len(x))
    for t, rows in enumerate(batches, start=1):
        g = grad(x, rows)
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        x = x - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x


# ---- chapter 7


def lookahead(T, R, γ, U, s, a):
    return R[s][a] + γ * sum(T[s][a][x] * U[x] for x in range(len(U)))


def backup(T, R, γ, U, s):
    return max(lookahead(T, R, γ, U, s, a) for a in range(len(R[s])))


def swept(T, R, γ, actions, k):
    U = [0.0] * len(R)
    for _ in range(k):
        U = [lookahead(T, R, γ, U, s, actions[s]) for s in range(len(R))]
    return np.array(U)


def value_sweeps(T, R, γ, k, *, in_place=False):
    U = [0.0] * len(R)
    for _ in range(k):
        new = U if in_place else list(U)
        for s in range(len(R)):
            new[s] = backup(T, R, γ, U, s)
        U = new
    return np.array(U)


def riccati(Ts, Ta, Rs, Ra, h_max, Σ=None):
    """Gains K with a = -K s and the pairs (V, q), for each horizon 1..h_max."""
    V, q = np.array(Rs, float), 0.0
    found = [(np.zeros((Ta.shape[1], Ts.shape[0])), V, q)]
    for _ in range(h_max - 1):
        inverse = np.linalg.inv(Ta.T @ V @ Ta + Ra)
        K = inverse @ Ta.T @ V @ Ts
        q = q + (0.0 if Σ is None else float(np.sum(np.diag(Σ @ V))))
        V = Ts.T @ (V - V @ Ta @ inverse @ Ta.T @ V) @ Ts + Rs
        found.append((K, V, q))
    return found


# ---- chapter 10


def evolution_weights(m):
    raw = [max(0.0, np.log(m / 2 + 1) - np.log(i)) for i in range(1, m + 1)]
    return np.array([x / sum(raw) - 1 / m for x in raw])


def hooke_jeeves(θ, α, c, ε, U):
    """(θ, evaluations) of algorithm 10.2."""
    θ, u, n = np.array(θ, float), U(np.array(θ, float)), 1
    while α > ε:
        best, found = u, None
        for i in range(len(θ)):
            for sign in (-1, 1):
                x = θ.copy()
                x[i] += sign * α
                value, n = U(x), n + 1
                if value > best:
                    best, found = value, x
        if found is None:
            α = c * α
        else:
            θ, u = found, best
    return θ, n


# ---- policies


class Softmax:
    """π(a | s) ∝ exp θᵀf(s, a) with features f (S, A, n)."""

    def __init__(self, features, θ):
        self.f, self.θ, self.n = features, np.asarray(θ, float), features.shape[2]

    def p(self, s):
        z = [float(self.f[s, a] @ self.θ) for a in range(self.f.shape[1])]
        e = [np.exp(x - max(z)) for x in z]
        return np.array(e) / sum(e)

    def logp(self, s, a):
        z = np.array([float(self.f[s, b] @ self.θ) for b in range(self.f.shape[1])])
        return z[int(a)] - z.max() - np.log(np.sum(np.exp(z - z.max())))

    def score(self, s, a):
        p = self.p(s)
        return self.f[s, int(a)] - sum(p[b] * self.f[s, b] for b in range(len(p)))

    def entropy(self, s):
        return -sum(x * np.log(x) for x in self.p(s) if x > 0)

    def kl(self, new, s):
        return sum(x * (self.logp(s, a) - new.logp(s, a)) for a, x in enumerate(self.p(s)) if x > 0)


class LinearGaussian:
    """a ~ N(θ₁ s, (|θ₂| + σ_min)²)."""

    n = 2

    def __init__(self, σ_min, θ):
        self.θ, self.σ_min = np.asarray(θ, float), σ_min
        self.σ = abs(self.θ[1]) + σ_min

    def logp(self, s, a):
        return -np.log(self.σ) - 0.5 * np.log(2 * np.pi) - 0.5 * ((a - self.θ[0] * s) / self.σ) ** 2

    def score(self, s, a):
        e = a - self.θ[0] * s
        return np.array([e * s / self.σ**2, np.sign(self.θ[1]) * (e**2 - self.σ**2) / self.σ**3])

    def entropy(self, s):
        return 0.5 * np.log(2 * np.pi * np.e) + np.log(self.σ)

    def kl(self, new, s):
        difference = (self.θ[0] - new.θ[0]) * s
        return np.log(new.σ / self.σ) + (self.σ**2 + difference**2) / (2 * new.σ**2) - 0.5
