"""All trajectories of a tabular problem, each with its probability: every expectation is a finite sum.

Scores are derived by hand: of a softmax of θᵀf(s, a) the score is f(s, a) - Σ_a' π(a'|s) f(s, a'); a table of logits
is the case of one feature for each (s, a). Loops are explicit and arrays plain NumPy, for they check the library.
"""

from dataclasses import dataclass

import numpy as np

from decision_making import Trajectories


def one_feature_each(n_states, n_actions):
    """Features (S, A, S·A) that turn a linear softmax into a table, in C order [s, a]."""
    return np.eye(n_states * n_actions).reshape(n_states, n_actions, -1)


def features_of(π):
    """Features (S, A, n) of a SoftmaxPolicy or a LinearSoftmaxPolicy with a table of them."""
    return π.features if hasattr(π, "features") else one_feature_each(π.n_states, π.n_actions)


def softmax(features, θ):
    """π_θ(a | s) as an (S, A) array."""
    e = np.exp(features @ np.asarray(θ, dtype=float))
    return e / e.sum(axis=1, keepdims=True)


def softmax_scores(features, p):
    """∇log π(a | s) as an (S, A, n) array."""
    return features - np.einsum("sa,san->sn", p, features)[:, None]


@dataclass
class Enumeration:
    """N trajectories of depth d with their probabilities, under action probabilities p (S, A)."""

    weights: np.ndarray  # probabilities (N,), they sum to 1
    s: np.ndarray  # (N, d); padding repeats the last real state
    a: np.ndarray  # (N, d); likewise, 0 where there is no real step
    r: np.ndarray  # (N, d)
    mask: np.ndarray  # (N, d)
    s_end: np.ndarray  # (N,)
    terminated: np.ndarray  # (N,)
    p: np.ndarray  # (S, A)
    γ: float

    @property
    def lengths(self):
        return self.mask.sum(axis=1)

    def trajectories(self):
        """The same as the library's container; the weights stay here."""
        return Trajectories(self.s, self.a, self.r, self.mask, self.s_end, self.terminated)

    def expectation(self, x):
        """Σ probability · x for x (N, ...)."""
        return np.tensordot(self.weights, np.asarray(x), axes=1)

    def covariance(self, x):
        """Covariance matrix of x (N, n)."""
        mean = self.expectation(x)
        return np.einsum("N,Ni,Nj->ij", self.weights, x, x) - np.outer(mean, mean)

    def returns(self):
        """R(τ), (N,)."""
        return np.array([sum(self.γ**k * r for k, r in enumerate(τ)) for τ in self.r.tolist()])

    def rewards_to_go(self):
        """G_k discounted from the start, (N, d)."""
        N, d = self.r.shape
        return np.array([[sum(self.γ**j * self.r[i, j] for j in range(k, d)) for k in range(d)] for i in range(N)])

    def local_rewards_to_go(self):
        """L_k discounted from step k, (N, d)."""
        N, d = self.r.shape
        return np.array(
            [[sum(self.γ ** (j - k) * self.r[i, j] for j in range(k, d)) for k in range(d)] for i in range(N)]
        )

    def step_scores(self, scores):
        """g_k (N, d, n) from the table of scores (S, A, n); 0 on padding."""
        return scores[self.s, self.a] * self.mask[:, :, None]

    def utility(self):
        """U = E[R(τ)]."""
        return float(self.expectation(self.returns()))

    def utility_gradient(self, scores):
        """∇U = Σ ∇p(τ) R(τ), with ∇p(τ) = p(τ) g(τ)."""
        return self.expectation(self.step_scores(scores).sum(axis=1) * self.returns()[:, None])

    def fisher(self, scores):
        """Trajectory Fisher matrix E[g(τ) g(τ)ᵀ]."""
        g = self.step_scores(scores).sum(axis=1)
        return np.einsum("N,Ni,Nj->ij", self.weights, g, g)

    def share(self, over_steps="mean"):
        """What each step counts within its trajectory (N, d): 1 / its own length, or 1."""
        return self.mask / (np.maximum(self.lengths, 1)[:, None] if over_steps == "mean" else 1)

    def ratios(self, p_new):
        """w_k = π_new / π at the steps, (N, d)."""
        return (p_new / self.p)[self.s, self.a]

    def surrogate_objective(self, p_new, over_steps="mean"):
        """E[mean_k w_k G_k]."""
        return float(self.expectation((self.ratios(p_new) * self.rewards_to_go() * self.share(over_steps)).sum(axis=1)))

    def surrogate_constraint(self, p_new, over_steps="mean"):
        """E[mean_k γ^(k-1) KL(π ‖ π_new at s_k)]."""
        kl = (self.p * np.log(self.p / p_new)).sum(axis=1)[self.s]
        return float(self.expectation((self.γ ** np.arange(self.s.shape[1]) * kl * self.share(over_steps)).sum(axis=1)))


def enumerate_trajectories(T, R, γ, b, p, d, terminal=None):
    """Every trajectory of depth d with positive probability.

    T (S, A, S), R (S, A), b (S,), p (S, A) action probabilities; `terminal` (S,) marks states that end one.
    """
    n_states, n_actions = R.shape
    ends = np.zeros(n_states, bool) if terminal is None else np.asarray(terminal, bool)
    finished, going = [], [(float(b[s]), s, []) for s in range(n_states) if b[s] > 0]
    while going:
        weight, s, steps = going.pop()
        if ends[s] or len(steps) == d:
            finished.append((weight, s, steps))
            continue
        for a in range(n_actions):
            for s_next in range(n_states):
                probability = p[s, a] * T[s, a, s_next]
                if probability > 0:
                    going.append((weight * probability, s_next, [*steps, (s, a, R[s, a])]))
    N = len(finished)
    s_end = np.array([s for _, s, _ in finished])
    s, a = np.repeat(s_end[:, None], d, axis=1), np.zeros((N, d), dtype=int)
    r, mask = np.zeros((N, d)), np.zeros((N, d), dtype=bool)
    for i, (_, _, steps) in enumerate(finished):
        for k, step in enumerate(steps):
            s[i, k:], a[i, k:], r[i, k], mask[i, k] = *step[:2], step[2], True
    weights = np.array([weight for weight, _, _ in finished])
    return Enumeration(weights, s, a, r, mask, s_end, ends[s_end], p, γ)


def enumerate_problem(P, b, π, θ, d, n_terminal=0):
    """The same for a tabular MDP and a softmax policy; the last `n_terminal` states end a trajectory."""
    T, R = np.array(P.T.array), np.array(P.R.array)
    terminal = np.arange(len(R)) >= len(R) - n_terminal
    return enumerate_trajectories(T, R, P.γ, np.asarray(b, float), softmax(features_of(π), θ), d, terminal)


def scores_of(π, θ):
    """∇log π_θ(a | s) of a softmax policy as an (S, A, n) array."""
    features = features_of(π)
    return softmax_scores(features, softmax(features, θ))
