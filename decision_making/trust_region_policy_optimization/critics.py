"""Critics: value functions with the three verbs `init`, `predict` and `fit`, which share nothing with the actor.

`init(rng)` gives first parameters φ (n,), `predict(φ, s)` the values V_φ(s) of a batch of states, and
`fit(φ, s, targets, rng)` the parameters after fitting V_φ to one target for each state. φ keeps its float type. A fit
that is not finite is not used: φ comes back as it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import numpy as np
from attrs import field
from numpy.typing import ArrayLike, DTypeLike

from decision_making.checks import (
    Array,
    all_finite,
    brief,
    count,
    function,
    layers,
    not_negative,
    numbers,
    one_of,
    parameters,
    positive,
    widths,
)
from decision_making.policies.network import ACTIVATIONS, Passes, orthogonal, size, values
from decision_making.sampling import RNG, default_rng, indices
from decision_making.structs import struct
from decision_making.trust_region_policy_optimization.adam import adam


def _rows(s: ArrayLike, width: int) -> Array:
    """States (..., width) as an array (N, width), one state a row."""
    s = np.asarray(s)
    if s.shape[-1:] != (width,):
        raise ValueError(f"s has shape {s.shape}: states of this critic are vectors of {width}")
    return s.reshape(-1, width)


def _targets(targets: ArrayLike, N: int) -> Array:
    """Targets as a float64 array (N,)."""
    targets = np.asarray(targets, np.float64)
    if targets.size != N:
        raise ValueError(f"targets has shape {targets.shape}: there must be one for each of the {N} states")
    return targets.ravel()


@struct(eq=True)
class TableCritic:
    """V_φ(s) = φ[s] for states that are whole numbers 0..n_states - 1, fitted by exact least squares.

    The fit gives every visited state the mean of its targets; a state that was not visited keeps its value. States
    outside 0..n_states - 1 are a ValueError, states that are not whole numbers a TypeError.

    >>> critic = TableCritic(3)
    >>> critic.fit(np.array([7.0, 7.0, 7.0]), np.array([0, 2, 2]), np.array([1.0, 2.0, 4.0]))
    array([1., 7., 3.])
    """

    n_states: int = field(validator=count)  # number of states

    @property
    def n(self) -> int:
        """Number of parameters."""
        return self.n_states

    def init(self, rng: RNG = None, *, dtype: DTypeLike = np.float64) -> Array:
        """φ = 0, (n_states,)."""
        return np.zeros(self.n, dtype)

    def predict(self, φ: Array, s: Array) -> Array:
        """V_φ(s) for states s of any shape."""
        return np.asarray(parameters(φ, self.n, "φ")[indices("s", s, self.n)])

    def fit(self, φ: Array, s: Array, targets: Array, rng: RNG = None) -> Array:
        """φ with the mean target of each visited state, for targets (N,) at states s (N,); φ if that is not finite."""
        φ, s = parameters(φ, self.n, "φ"), indices("s", s, self.n).ravel()
        visits, sums = np.bincount(s, minlength=self.n), np.bincount(s, _targets(targets, len(s)), self.n)
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = np.divide(sums, visits, out=φ.astype(np.float64), where=visits > 0).astype(φ.dtype)
        return fitted if all_finite(fitted) else φ


class LeastSquaresCritic(ABC):
    """V_φ(s) = φᵀf(s), fitted by regularised least squares; a subclass says what f, n and ridge are."""

    n: int  # number of features
    ridge: float

    @abstractmethod
    def _features(self, s: Array) -> Array:
        """f(s) for a batch of states, (..., n), in float64."""

    def init(self, rng: RNG = None, *, dtype: DTypeLike = np.float64) -> Array:
        """φ = 0, (n,)."""
        return np.zeros(self.n, dtype)

    def predict(self, φ: Array, s: Array) -> Array:
        """V_φ(s) for each state of the batch s."""
        φ, f = parameters(φ, self.n, "φ"), self._features(s)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(f.reshape(-1, self.n) @ φ, φ.dtype).reshape(f.shape[:-1])

    def fit(self, φ: Array, s: Array, targets: Array, rng: RNG = None) -> Array:
        """The φ that minimises Σ_k (V_φ(s_k) - target_k)² + N ridge ‖φ‖², for targets (N,) at N states s.

        It does not depend on the φ it starts from, which is returned where the fit is not finite.
        """
        φ, f = parameters(φ, self.n, "φ"), self._features(s).reshape(-1, self.n)
        rows = np.vstack([f, np.sqrt(self.ridge * len(f)) * np.eye(self.n)])
        right = np.append(_targets(targets, len(f)), np.zeros(self.n))
        if not all_finite(f):  # which has no singular values; targets that are not finite make a fit that is not
            return φ
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = np.linalg.lstsq(rows, right, rcond=None)[0].astype(φ.dtype)
        return fitted if all_finite(fitted) else φ


@struct(eq=True)
class FeatureCritic(LeastSquaresCritic):
    """V_φ(s) = φᵀf(s) with features f of your own, fitted by regularised least squares.

    `features` turns a batch of states into an array (..., n): states (...) where a state is a number, (..., k) where it
    is a vector. Raises ValueError where what it returns has another shape, TypeError where it is not made of numbers.

    >>> critic = FeatureCritic(lambda s: np.stack([np.ones_like(s), s, s**2], axis=-1), 3)
    >>> s = np.linspace(-1, 1, 9)
    >>> critic.fit(critic.init(), s, 1 + 2 * s**2).round(3)
    array([1., 0., 2.])
    """

    features: Callable[[Array], Array] = field(validator=function, repr=brief)  # s -> f(s), (..., n)
    n: int = field(validator=count)  # number of features
    ridge: float = field(default=1e-6, kw_only=True, validator=not_negative)  # times N, added to the diagonal of fᵀf

    def _features(self, s: Array) -> Array:
        s = np.asarray(s)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            f = numbers(self.features(s), "FeatureCritic.features(s)")
        if f.shape not in ((*s.shape, self.n), (*s.shape[:-1], self.n)):
            raise ValueError(
                f"FeatureCritic.features(s) has shape {f.shape} for s {s.shape}: must be {(*s.shape, self.n)}, "
                f"or {(*s.shape[:-1], self.n)} where a state is a vector"
            )
        return f


@struct(eq=True)
class LinearCritic(LeastSquaresCritic):
    """V_φ(s) = φᵀf(s), where f(s) are the powers s_i, ..., s_i^degree of each component s_i of the state, and 1.

    Fitted by regularised least squares. Components should be of order 1; they are clipped to [-10, 10]. If the time is
    a component of the state (gymnasium's TimeAwareObservation), V is polynomial in the time too.

    >>> critic = LinearCritic(1, degree=2)
    >>> s = np.linspace(-1, 1, 9)[:, None]
    >>> critic.fit(critic.init(), s, 1 + 2 * s[:, 0] ** 2).round(3)
    array([0., 2., 1.])
    """

    width: int = field(validator=count)  # number of components of the state
    degree: int = field(default=2, validator=count)  # highest power
    ridge: float = field(default=1e-6, kw_only=True, validator=not_negative)  # times N, added to the diagonal of fᵀf

    @property
    def n(self) -> int:  # type: ignore[override]
        """Number of parameters."""
        return self.width * self.degree + 1

    def _features(self, s: Array) -> Array:
        rows = np.clip(_rows(s, self.width).astype(np.float64), -10, 10)
        f = np.hstack([*(rows**k for k in range(1, self.degree + 1)), np.ones((len(rows), 1))])
        return f.reshape((*np.shape(s)[:-1], self.n))


@struct(eq=True)
class NeuralCritic:
    """V_φ(s) from a network, fitted to targets by least squares.

    `sizes` are the widths of the state and of the hidden layers; there is one output. `optimizer="lbfgs"` runs at most
    `iterations` of L-BFGS (scipy) on the whole batch; `optimizer="adam"` makes that many passes of Adam through the
    batch in minibatches, in random order. φ is flat, in the order of the θ of a `NeuralPolicy`.

    >>> critic = NeuralCritic((1, 8), iterations=50)
    >>> s = np.linspace(-1, 1, 50)[:, None]
    >>> φ = critic.fit(critic.init(rng=0), s, s[:, 0] ** 2)
    >>> bool(abs(critic.predict(φ, s) - s[:, 0] ** 2).max() < 0.1)
    True
    """

    sizes: tuple[int, ...] = field(converter=widths, validator=layers)  # widths of the state and of the hidden layers
    optimizer: str = field(default="lbfgs", kw_only=True, validator=one_of("lbfgs", "adam"))  # "lbfgs" or "adam"
    iterations: int = field(default=10, kw_only=True, validator=count)  # iterations of L-BFGS, or passes of Adam
    learning_rate: float = field(default=1e-3, kw_only=True, validator=positive)  # of Adam
    minibatch: int = field(default=128, kw_only=True, validator=count)  # states in a minibatch of Adam
    activation: str = field(default="tanh", kw_only=True, validator=one_of(*ACTIVATIONS))  # "tanh" or "relu"

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer."""
        return list(zip(self.sizes, (*self.sizes[1:], 1), strict=True))

    @property
    def n(self) -> int:
        """Number of parameters."""
        return size(self._shapes)

    def init(self, rng: RNG = None, *, dtype: DTypeLike = np.float64) -> Array:
        """First parameters φ (n,): orthogonal weights, times √2 but in the last layer, and zero biases."""
        return orthogonal(self._shapes, default_rng(rng), last=1.0).astype(dtype)

    def predict(self, φ: Array, s: Array) -> Array:
        """V_φ(s) for states s (..., sizes[0])."""
        φ = parameters(φ, self.n, "φ")
        rows = _rows(s, self.sizes[0]).astype(φ.dtype, copy=False)
        return values(φ, rows, self._shapes, self.activation).reshape(np.shape(s)[:-1])

    def fit(self, φ: Array, s: Array, targets: Array, rng: RNG = None) -> Array:
        """φ after fitting V_φ to targets (N,) at states s (N, sizes[0]), starting from φ, which is not modified.

        Returns φ where the fit is not finite. `rng` is for Adam: None, an int or a Generator.
        """
        φ, s = parameters(φ, self.n, "φ"), _rows(s, self.sizes[0])
        slope = partial(self._slope, Passes(self._shapes, self.activation))
        with np.errstate(over="ignore", invalid="ignore"):
            s, targets = s.astype(φ.dtype, copy=False), _targets(targets, len(s)).astype(φ.dtype)
            if self.optimizer == "lbfgs":
                fitted = lbfgs(lambda φ: slope(φ, s, targets), φ, self.iterations)
            else:
                fitted = adam(
                    lambda φ, i: slope(φ, s[i], targets[i])[0],
                    *(φ, len(s), self.iterations, self.minibatch, self.learning_rate, default_rng(rng)),
                )
        return fitted if all_finite(fitted) else φ

    def _slope(self, passes: Passes, φ: Array, s: Array, targets: Array) -> tuple[Array, Array]:
        """The gradient of ½ mean (V_φ(s) - target)², and the errors V_φ(s) - target (N,)."""
        forward = passes(φ, s)
        error = forward.outputs[:, 0] - targets
        return forward.pull(error[:, None] / len(error)), error


def lbfgs(slope: Callable[[Array], tuple[Array, Array]], φ: Array, iterations: int) -> Array:
    """φ after `iterations` of L-BFGS on ½ mean error², where slope(φ) is its gradient and the errors."""
    from scipy.optimize import minimize  # imported where used

    def loss(x: Array) -> tuple[float, Array]:
        gradient, error = slope(x.astype(φ.dtype))
        return 0.5 * float(np.mean(error**2, dtype=np.float64)), gradient.astype(np.float64)

    found = minimize(loss, φ.astype(np.float64), jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    return np.asarray(found.x, φ.dtype)
