"""Critics: value functions with the three verbs `init`, `predict` and `fit`, which share nothing with the actor."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, count, one_of, parameters, positive
from decision_making.policies.base import reverse_pass
from decision_making.policies.network import network, orthogonal, size
from decision_making.simulation import default_rng


def _sizes(sizes: Any) -> tuple[int, ...]:
    return tuple(sizes)


@frozen
class NeuralCritic:
    """V_φ(s), a tanh network, fitted to targets by least squares.

    `optimizer="lbfgs"` runs `iterations` of L-BFGS (scipy) on the whole batch; `optimizer="adam"` that many passes of
    Adam (Kingma and Ba 2015) over minibatches in random order. φ is flat, like the θ of a network policy.

    >>> critic = NeuralCritic((1, 8), iterations=50)
    >>> s = np.linspace(-1, 1, 50)[:, None]
    >>> φ = critic.fit(critic.init(rng=0), s, s[:, 0] ** 2)
    >>> bool(abs(critic.predict(φ, s) - s[:, 0] ** 2).max() < 0.1)
    True
    """

    sizes: tuple[int, ...] = field(converter=_sizes)  # widths of the state and of the hidden layers
    optimizer: str = field(default="lbfgs", kw_only=True, validator=one_of("lbfgs", "adam"))
    iterations: int = field(default=10, kw_only=True, validator=count)  # of L-BFGS, or passes of Adam
    learning_rate: float = field(default=1e-3, kw_only=True, validator=positive)  # of Adam
    minibatch: int = field(default=128, kw_only=True, validator=count)  # of Adam

    def __attrs_post_init__(self) -> None:
        for width in self.sizes or (0,):
            count(self, type("sizes", (), {"name": "sizes"}), width)

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes, (*self.sizes[1:], 1), strict=True))

    @property
    def n(self) -> int:
        """Number of parameters."""
        return size(self._shapes)

    def init(self, rng: Any = None, *, dtype: Any = np.float64) -> Array:
        """φ with orthogonal weights and zero biases, (n,)."""
        return orthogonal(self._shapes, default_rng(rng), last=1.0).astype(dtype)

    def predict(self, φ: Array, s: Array) -> Array:
        """V_φ(s) for states s (..., sizes[0])."""
        φ = parameters(φ, self.n, "φ")
        return np.asarray(self._values(φ, np.asarray(s).reshape(-1, self.sizes[0]))).reshape(np.shape(s)[:-1])

    def _values(self, φ: Array, s: Array) -> Array:
        return network(φ, s.astype(φ.dtype, copy=False), self._shapes)[:, 0]

    def fit(self, φ: Array, s: Array, targets: Array, rng: Any = None) -> Array:
        """φ after fitting V_φ to targets (N,) at states s (N, sizes[0]), starting from φ; φ itself is left alone."""
        φ = parameters(φ, self.n, "φ")
        s, targets = np.asarray(s).reshape(-1, self.sizes[0]), np.asarray(targets, φ.dtype).ravel()
        fitted = (
            self._lbfgs(φ, s, targets) if self.optimizer == "lbfgs" else self._adam(φ, s, targets, default_rng(rng))
        )
        return fitted if np.isfinite(fitted).all() else φ

    def _loss(self, φ: Array, s: Array, targets: Array) -> tuple[float, Array]:
        """½ mean (V_φ(s) - target)² and its gradient."""
        vjp, V = reverse_pass(lambda φ: self._values(φ, s), φ)
        error = V - targets
        return 0.5 * float(np.mean(error**2, dtype=np.float64)), vjp(error / np.asarray(len(error), error.dtype))

    def _lbfgs(self, φ: Array, s: Array, targets: Array) -> Array:
        from scipy.optimize import minimize  # imported where used

        def loss(x: Array) -> tuple[float, Array]:
            value, slope = self._loss(x.astype(φ.dtype), s, targets)
            return value, slope.astype(np.float64)

        found = minimize(
            loss, φ.astype(np.float64), jac=True, method="L-BFGS-B", options={"maxiter": self.iterations, "maxcor": 10}
        )
        return np.asarray(found.x, φ.dtype)

    def _adam(self, φ: Array, s: Array, targets: Array, rng: np.random.Generator) -> Array:
        mean, square, step = np.zeros_like(φ), np.zeros_like(φ), 0
        for _ in range(self.iterations):
            order = rng.permutation(len(s))
            for start in range(0, len(s), self.minibatch):
                i = order[start : start + self.minibatch]
                _, g = self._loss(φ, s[i], targets[i])
                step += 1
                mean += 0.1 * (g - mean)
                square += 0.001 * (g * g - square)
                slope = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
                φ = (φ - self.learning_rate * slope).astype(φ.dtype)
        return φ
