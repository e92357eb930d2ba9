"""Critics: value functions with the three verbs `init`, `predict` and `fit`, which share nothing with the actor."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, all_finite, count, layers, not_negative, one_of, parameters, positive, widths
from decision_making.policies.network import ForwardPass, orthogonal, size, values
from decision_making.sampling import default_rng
from decision_making.trust_region_policy_optimization.adam import adam


def _rows(s: Any, width: int) -> Array:
    """States (..., width), one a row."""
    s = np.asarray(s)
    if s.shape[-1:] != (width,):
        raise ValueError(f"s has shape {s.shape}: states of this critic are vectors of {width}")
    return s.reshape(-1, width)


def _targets(targets: Any, N: int) -> Array:
    """Targets (N,) in float64."""
    targets = np.asarray(targets, np.float64)
    if targets.size != N:
        raise ValueError(f"targets has shape {targets.shape}: there must be one for each of the {N} states")
    return targets.ravel()


@frozen
class LinearCritic:
    """V_φ(s) = φᵀf(s), f the powers s_i .. s_i^degree of each component and 1, fitted by regularised least squares.

    Where the state has the time in it (gymnasium's TimeAwareObservation), the features are polynomial in the time too.
    The fit is exact, so it does not depend on the φ it starts from. Components should be of order 1; they are cut to
    [-10, 10].

    >>> critic = LinearCritic(1, degree=2)
    >>> s = np.linspace(-1, 1, 9)[:, None]
    >>> critic.fit(critic.init(), s, 1 + 2 * s[:, 0] ** 2).round(3)
    array([0., 2., 1.])
    """

    width: int = field(validator=count)  # of the state
    degree: int = field(default=2, validator=count)
    ridge: float = field(default=1e-6, kw_only=True, validator=not_negative)  # times N, added to fᵀf

    @property
    def n(self) -> int:
        """Number of parameters."""
        return self.width * self.degree + 1

    def init(self, rng: Any = None, *, dtype: Any = np.float64) -> Array:
        """φ = 0, (n,)."""
        return np.zeros(self.n, dtype)

    def _features(self, s: Array) -> Array:
        s = np.clip(_rows(s, self.width).astype(np.float64), -10, 10)
        return np.hstack([*(s**k for k in range(1, self.degree + 1)), np.ones((len(s), 1))])

    def predict(self, φ: Array, s: Array) -> Array:
        """V_φ(s) for states s (..., width)."""
        φ = parameters(φ, self.n, "φ")
        return np.asarray(self._features(s) @ φ, φ.dtype).reshape(np.shape(s)[:-1])

    def fit(self, φ: Array, s: Array, targets: Array, rng: Any = None) -> Array:
        """φ of the least-squares fit to targets (N,) at states s (N, width); φ itself where that is not finite."""
        φ, f = parameters(φ, self.n, "φ"), self._features(s)
        rows = np.vstack([f, np.sqrt(self.ridge * len(f)) * np.eye(self.n)])
        right = np.append(_targets(targets, len(f)), np.zeros(self.n))
        if not (all_finite(right) and all_finite(f)):
            return φ
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = np.linalg.lstsq(rows, right, rcond=None)[0].astype(φ.dtype)
        return fitted if all_finite(fitted) else φ


@frozen
class NeuralCritic:
    """V_φ(s), a tanh network, fitted to targets by least squares.

    `optimizer="lbfgs"` runs `iterations` of L-BFGS (scipy) on the whole batch; `optimizer="adam"` that many passes of
    Adam over minibatches in random order. φ is flat, like the θ of a network policy.

    >>> critic = NeuralCritic((1, 8), iterations=50)
    >>> s = np.linspace(-1, 1, 50)[:, None]
    >>> φ = critic.fit(critic.init(rng=0), s, s[:, 0] ** 2)
    >>> bool(abs(critic.predict(φ, s) - s[:, 0] ** 2).max() < 0.1)
    True
    """

    sizes: tuple[int, ...] = field(converter=widths, validator=layers)  # widths of the state and of the hidden layers
    optimizer: str = field(default="lbfgs", kw_only=True, validator=one_of("lbfgs", "adam"))
    iterations: int = field(default=10, kw_only=True, validator=count)  # of L-BFGS, or passes of Adam
    learning_rate: float = field(default=1e-3, kw_only=True, validator=positive)  # of Adam
    minibatch: int = field(default=128, kw_only=True, validator=count)  # of Adam

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
        rows = _rows(s, self.sizes[0]).astype(φ.dtype, copy=False)
        return values(φ, rows, self._shapes).reshape(np.shape(s)[:-1])

    def _forward(self, φ: Array, s: Array) -> ForwardPass:
        return ForwardPass(φ, s.astype(φ.dtype, copy=False), self._shapes)

    def fit(self, φ: Array, s: Array, targets: Array, rng: Any = None) -> Array:
        """φ after fitting V_φ to targets (N,) at states s (N, sizes[0]), starting from φ; φ itself is left alone.

        Returns φ where the fit is not finite.
        """
        φ, s = parameters(φ, self.n, "φ"), _rows(s, self.sizes[0])
        with np.errstate(over="ignore", invalid="ignore"):
            targets = _targets(targets, len(s)).astype(φ.dtype)
            if self.optimizer == "lbfgs":
                fitted = self._lbfgs(φ, s, targets)
            else:
                fitted = adam(
                    lambda φ, i: self._slope(φ, s[i], targets[i])[0],
                    *(φ, len(s), self.iterations, self.minibatch, self.learning_rate, default_rng(rng)),
                )
        return fitted if all_finite(fitted) else φ

    def _slope(self, φ: Array, s: Array, targets: Array) -> tuple[Array, Array]:
        """The gradient of ½ mean (V_φ(s) - target)², and the errors V_φ(s) - target (N,)."""
        forward = self._forward(φ, s)
        error = forward.outputs[:, 0] - targets
        return forward.pull(error[:, None] / np.asarray(len(error), error.dtype)), error

    def _loss(self, φ: Array, s: Array, targets: Array) -> tuple[float, Array]:
        """½ mean (V_φ(s) - target)² and its gradient."""
        slope, error = self._slope(φ, s, targets)
        return 0.5 * float(np.mean(error**2, dtype=np.float64)), slope

    def _lbfgs(self, φ: Array, s: Array, targets: Array) -> Array:
        from scipy.optimize import minimize  # imported where used

        def loss(x: Array) -> tuple[float, Array]:
            value, slope = self._loss(x.astype(φ.dtype), s, targets)
            return value, slope.astype(np.float64)

        found = minimize(
            loss, φ.astype(np.float64), jac=True, method="L-BFGS-B", options={"maxiter": self.iterations, "maxcor": 10}
        )
        return np.asarray(found.x, φ.dtype)
