"""Normal beliefs over vectors: the Kalman filter, the extended and the unscented one (algorithms 19.3 to 19.5).

Each is a prediction of the next state followed by a correction with the gain K = Σ_so S⁻¹, where Σ_so is the covariance
of predicted state and observation and S that of the observation. They differ in how these moments are found.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from attrs import evolve, field
from autograd import elementwise_grad

from decision_making.checks import (
    Array,
    Field,
    Named,
    all_finite,
    brief,
    function,
    is_number,
    numbers,
    optional,
    refuse,
    rounding,
)
from decision_making.structs import struct
from decision_making.verbs import update

SLACK = 1e-10  # a covariance may have eigenvalues this far below 0, relative to its trace

Difference = Callable[[Array, Array], Array]
"""difference(o, o_expected): the innovation, where o - o_expected is not it, as between two angles."""


def _array(x: Any) -> Array:
    """Attrs converter: numbers as an array; anything else is left for the validator, which knows the field's name."""
    try:
        return numbers(x, "")
    except TypeError:
        return x


def _rounded(x: Any) -> Any:
    """Attrs converter of a covariance: one given in float32 is made symmetric, without the eigenvalues below 0.

    Both only where they are as small as the rounding of float32 makes them; anything else is left for the validator.
    """
    Σ = _array(x)
    if not isinstance(Σ, np.ndarray) or np.asarray(x).dtype != np.float32 or not _is_square(Σ):
        return Σ
    turned = np.swapaxes(Σ, -1, -2)
    slack = rounding(abs(Σ).max(axis=(-2, -1), keepdims=True, initial=0.0), Σ.shape[-1], np.float32)
    even = (Σ + turned) / 2
    values, axes = np.linalg.eigh(even)
    if (abs(Σ - turned) > slack).any() or (values < -Σ.shape[-1] * slack[..., 0]).any():
        return Σ
    below = np.asarray((values < 0).any(axis=-1))[..., None, None]
    whole = (axes * np.maximum(values, 0)[..., None, :]) @ np.swapaxes(axes, -1, -2)
    return np.where(below, (whole + np.swapaxes(whole, -1, -2)) / 2, even)


def _is_square(Σ: Array) -> bool:
    """Whether Σ is one finite square matrix, or a batch of them."""
    return Σ.ndim >= 2 and Σ.shape[-1] == Σ.shape[-2] and all_finite(Σ)


def _numbers(M: object, attribute: Field, x: Any) -> None:
    """Attrs validator: an array of numbers."""
    if not isinstance(x, np.ndarray):
        refuse(M, attribute.name, x, "an array of numbers", TypeError)


def _covariance(M: object, attribute: Field, Σ: Array) -> None:
    """Attrs validator: symmetric and positive semidefinite, (..., n, n)."""
    _numbers(M, attribute, Σ)
    if not _is_square(Σ) or not _is_semidefinite(Σ):
        allowed = "a covariance: a finite, symmetric, positive semidefinite matrix"
        refuse(M, attribute.name, Σ.tolist() if Σ.size < 20 else f"an array {Σ.shape}", allowed)


def _is_semidefinite(Σ: Array) -> bool:
    """Whether square matrices are symmetric and positive semidefinite, up to `SLACK`."""
    slack = SLACK * abs(np.trace(Σ, axis1=-2, axis2=-1))[..., None]
    skew = abs(Σ - np.swapaxes(Σ, -1, -2)).max(axis=-1, initial=0.0)
    return bool((skew <= slack).all() and (np.linalg.eigvalsh(Σ) >= -slack).all())


def _one_covariance(M: object, attribute: Field, Σ: Array) -> None:
    """Attrs validator: one covariance (n, n)."""
    _covariance(M, attribute, Σ)
    if Σ.ndim != 2:
        refuse(M, attribute.name, f"an array {Σ.shape}", "one covariance (n, n), not a batch of them")


@struct
class LinearGaussianModel:
    """s' ~ N(Ts s + Ta a, Σs) and o ~ N(Os s', Σo): states (n,), actions (l,), observations (k,).

    Raises ValueError, naming the field, for shapes that disagree, numbers that are not finite, and a Σ that is not
    symmetric and positive semidefinite.
    """

    Ts: Array = field(converter=_array, validator=_numbers, repr=brief)  # multiplies the state in the dynamics (n, n)
    Ta: Array = field(converter=_array, validator=_numbers, repr=brief)  # multiplies the action in the dynamics (n, l)
    Os: Array = field(converter=_array, validator=_numbers, repr=brief)  # maps states to observations (k, n)
    Σs: Array = field(converter=_rounded, validator=_one_covariance, repr=brief)  # covariance of the noise in s' (n, n)
    Σo: Array = field(converter=_rounded, validator=_one_covariance, repr=brief)  # covariance of the noise in o (k, k)

    def __attrs_post_init__(self) -> None:
        n, k = len(self.Σs), len(self.Σo)
        for name, shape in (("Ts", (n, n)), ("Ta", (n, *self.Ta.shape[1:2])), ("Os", (k, n))):
            x = getattr(self, name)
            if x.shape != shape or x.ndim != 2 or not all_finite(x):
                refuse(self, name, f"an array {x.shape}", f"finite and {shape}, to go with Σs and Σo")


@struct
class GaussianModel:
    """s' ~ N(fT(s, a), Σs) and o ~ N(fO(s'), Σo), with functions written in autograd.numpy for the extended filter.

    fT takes states (..., n) and actions (..., l), fO takes states (..., n); both treat each row separately. An update
    raises ValueError, naming the function, where it gives other than (..., n) or (..., k), to go with Σs and Σo.
    """

    fT: Callable[[Array, Array], Array] = field(validator=function)  # fT(s, a) -> mean of the next state (..., n)
    fO: Callable[[Array], Array] = field(validator=function)  # fO(s) -> mean of the observation (..., k)
    Σs: Array = field(converter=_rounded, validator=_one_covariance, repr=brief)  # covariance of the noise in s' (n, n)
    Σo: Array = field(converter=_rounded, validator=_one_covariance, repr=brief)  # covariance of the noise in o (k, k)


class HasNormalNoise(Protocol):
    """A model with normal noise in its dynamics and its observations."""

    @property
    def Σs(self) -> Array:
        """Covariance of the dynamics' noise (n, n)."""

    @property
    def Σo(self) -> Array:
        """Covariance of the observation's noise (k, k)."""


@struct
class KalmanFilter:
    """The belief N(μb, Σb) about the state of a `LinearGaussianModel`; the update is exact (algorithm 19.3).

    `update(b, P, a, o)`: μp = Ts μb + Ta a, Σp = Ts Σb Tsᵀ + Σs; with K = Σp Osᵀ (Os Σp Osᵀ + Σo)⁻¹ the new belief
    has the mean μp + K(o - Os μp) and the covariance (I - K Os) Σp, computed in Joseph's form, which stays symmetric
    and positive semidefinite. A batch of beliefs has μb (B, n) and Σb (B, n, n), with actions (B, l) and observations
    (B, k), or one of them for all. Raises ValueError for arrays of other shapes and numbers that are not finite.
    """

    μb: Array = field(converter=_array, validator=_numbers, repr=brief)  # mean (..., n)
    Σb: Array = field(converter=_rounded, validator=_covariance, repr=brief)  # covariance (..., n, n)
    difference: Difference | None = field(
        default=None, kw_only=True, validator=optional(function)
    )  # (o, o_expected) -> innovation; None: o - o_expected

    def __attrs_post_init__(self) -> None:
        if self.Σb.shape != (*self.μb.shape, self.μb.shape[-1] if self.μb.ndim else 0) or not all_finite(self.μb):
            refuse(self, "μb", f"an array {self.μb.shape}", f"finite, to go with Σb {self.Σb.shape}: (..., n)")


@struct
class ExtendedKalmanFilter(KalmanFilter):
    """The belief N(μb, Σb) of a `GaussianModel`, whose functions are replaced by their tangents (algorithm 19.4).

    fT is differentiated at μb, fO at the predicted mean, by autograd. Raises ValueError, naming the derivative, where
    one is not finite.
    """


def _lambda(M: Any, attribute: Field, λ: Any) -> None:
    n = M.Σb.shape[-1]
    if not (is_number(λ) and n + λ > 0):
        refuse(M, attribute.name, λ, f"a number > -n = {-n}")


@struct
class UnscentedKalmanFilter(KalmanFilter):
    """The belief N(μb, Σb) of a `GaussianModel`, with moments from 2n + 1 points (algorithm 19.5).

    λ spreads the points: for a normal distribution λ = 3 - n also makes the fourth moment along each axis right, in one
    dimension λ = 2. A negative λ gives the centre a negative weight; where this makes a covariance indefinite,
    ValueError is raised.
    """

    λ: float = field(default=2.0, validator=_lambda)  # spread of the points, > -n


@update.register
def update_by_kalman_filter(b: KalmanFilter, P: LinearGaussianModel, a: Any, o: Any) -> KalmanFilter:
    """The exact belief after action a and observation o."""
    if not isinstance(P, LinearGaussianModel):
        refuse(None, "P", P, "a LinearGaussianModel for a KalmanFilter", TypeError)
    _check_fits(b, P)
    μp = b.μb @ P.Ts.T + _for_each("a", a, b, P.Ta.shape[1]) @ P.Ta.T
    Σp = P.Ts @ b.Σb @ P.Ts.T + P.Σs
    return _corrected(b, P, μp, Σp, o, μp @ P.Os.T, P.Os)


@update.register
def update_by_extended_kalman_filter(b: ExtendedKalmanFilter, P: GaussianModel, a: Any, o: Any) -> ExtendedKalmanFilter:
    """The belief after action a and observation o, with fT and fO linear around the means."""
    _check_model(P)
    _check_fits(b, P)
    a = _for_each("a", a, b)
    μp = _values("fT", P.fT(b.μb, a), P.Σs)
    Ts = _jacobian("fT", lambda s: P.fT(s, a), b.μb, P.Σs)
    expected = _values("fO", P.fO(μp), P.Σo)
    Os = _jacobian("fO", P.fO, μp, P.Σo)
    return _corrected(b, P, μp, Ts @ b.Σb @ np.swapaxes(Ts, -1, -2) + P.Σs, o, expected, Os)


def _corrected(b: Any, P: HasNormalNoise, μp: Array, Σp: Array, o: Any, expected: Array, Os: Array) -> Any:
    """The prediction N(μp, Σp) corrected by an observation that is linear in the state, with slope Os (..., k, n)."""
    across = Σp @ np.swapaxes(Os, -1, -2)  # covariance of state and observation (..., n, k)
    K = gain(across, Os @ across + P.Σo, P.Σo)
    keep = np.eye(Σp.shape[-1]) - K @ Os
    Σ = keep @ Σp @ np.swapaxes(keep, -1, -2) + K @ P.Σo @ np.swapaxes(K, -1, -2)
    return evolve(b, μb=μp + _times(K, _innovation(b, o, expected)), Σb=(Σ + np.swapaxes(Σ, -1, -2)) / 2)


def gain(across: Array, S: Array, Σo: Array) -> Array:
    """K = Σ_so S⁻¹ (..., n, k); where S is singular, by its pseudo-inverse: a certain component corrects nothing.

    Components that have noise of their own are measured in units of their standard deviation, so that none of them is
    taken for certain because another one, in other units, has larger numbers.
    """
    variance = abs(np.diagonal(S, axis1=-2, axis2=-1))
    d = np.sqrt(np.where(np.diagonal(Σo) > 0, variance, variance.max(axis=-1, keepdims=True)))
    d = np.where(d > 0, d, 1.0)
    across, C = across / d[..., None, :], S / (d[..., :, None] * d[..., None, :])
    try:
        np.linalg.cholesky(C - SLACK * np.trace(C, axis1=-2, axis2=-1)[..., None, None] * np.eye(C.shape[-1]))
    except np.linalg.LinAlgError:
        K = across @ np.linalg.pinv(C, rcond=SLACK, hermitian=True)
    else:
        K = np.swapaxes(np.linalg.solve(C, np.swapaxes(across, -1, -2)), -1, -2)
    return np.asarray(K / d[..., None, :])


def unscented_transform(
    μ: Array, Σ: Array, f: Callable[[Array], Array], λ: float
) -> tuple[Array, Array, Array, Array, Array]:
    """Mean and covariance of f(x), x ~ N(μ, Σ), from 2n + 1 points: (μ', Σ', points, f(points), weights).

    The points (..., 2n + 1, n) are μ and then μ ± the columns of L, with L Lᵀ = (n + λ)Σ; the weights (2n + 1,) are
    λ/(n + λ) and 1/(2(n + λ)). f takes them as a batch. Exact where f is affine; the mean also where it is quadratic.

    Raises ValueError for λ <= -n, a Σ that is not a covariance, and shapes that disagree.
    """
    function(None, Named("f"), f)
    μ, Σ = vectors("μ", μ), _rounded(Σ)
    _covariance(None, Named("Σ"), Σ)
    n = μ.shape[-1]
    if Σ.shape[-1] != n:
        refuse(None, "Σ", f"an array {Σ.shape}", f"(..., {n}, {n}), to go with μ")
    if not (is_number(λ) and n + λ > 0):
        refuse(None, "λ", λ, f"a number > -n = {-n}")
    return _transformed(μ, Σ, f, λ)


def _transformed(μ: Array, Σ: Array, f: Callable[[Array], Array], λ: float) -> tuple[Array, Array, Array, Array, Array]:
    """`unscented_transform` without checks of its arguments, for a filter's own prediction."""
    n = μ.shape[-1]
    L = np.swapaxes(factor((n + λ) * Σ), -1, -2)  # its rows are the columns of the factor
    offsets = np.stack([L, -L], axis=-2).reshape(*L.shape[:-2], 2 * n, n)  # +1, -1, +2, -2, ...
    points = np.concatenate([μ[..., None, :], μ[..., None, :] + offsets], axis=-2)
    weights = np.full(2 * n + 1, 1 / (2 * (n + λ)))
    weights[0] = λ / (n + λ)
    y = numbers(f(points), "f(points)")
    if y.shape[:-1] != points.shape[:-1]:
        raise ValueError(f"f(points) has shape {y.shape}: must be vectors for points of shape {points.shape}")
    mean = weights @ y
    return mean, cross_covariance(y, mean, y, mean, weights), points, y, weights


def factor(Σ: Array) -> Array:
    """L with L Lᵀ = Σ (..., n, n): Cholesky's where Σ is positive definite, else from its eigenvectors."""
    try:
        return np.linalg.cholesky(Σ)
    except np.linalg.LinAlgError:
        values, vectors_ = np.linalg.eigh(Σ)
        return vectors_ * np.sqrt(np.maximum(values, 0))[..., None, :]


def cross_covariance(x: Array, μx: Array, y: Array, μy: Array, weights: Array) -> Array:
    """Σ_i w_i (x_i - μx)(y_i - μy)ᵀ over the points (..., N, n) and (..., N, k), (..., n, k)."""
    Δx, Δy = x - μx[..., None, :], y - μy[..., None, :]
    return np.swapaxes(Δx * weights[:, None], -1, -2) @ Δy


@update.register
def update_by_unscented_kalman_filter(
    b: UnscentedKalmanFilter, P: GaussianModel, a: Any, o: Any
) -> UnscentedKalmanFilter:
    """The belief after action a and observation o, with moments from points drawn anew for the observation."""
    _check_model(P)
    _check_fits(b, P)
    a = _for_each("a", a, b)
    a = a[..., None, :] if a.ndim > 1 else a
    μp, Σp, *_ = _transformed(b.μb, b.Σb, lambda s: _values("fT", P.fT(s, a), P.Σs), b.λ)
    Σp = Σp + P.Σs
    expected, S, points, seen, weights = _transformed(μp, Σp, lambda s: _values("fO", P.fO(s), P.Σo), b.λ)
    S = S + P.Σo
    K = gain(cross_covariance(points, μp, seen, expected, weights), S, P.Σo)
    Σ = Σp - K @ S @ np.swapaxes(K, -1, -2)
    try:
        return evolve(b, μb=μp + _times(K, _innovation(b, o, expected)), Σb=(Σ + np.swapaxes(Σ, -1, -2)) / 2)
    except ValueError as error:
        if b.λ >= 0:
            raise
        raise ValueError(f"λ = {b.λ}: the weights of its points give no covariance here; use λ >= 0") from error


def _check_model(P: object) -> None:
    if not isinstance(P, GaussianModel):
        refuse(None, "P", P, "a GaussianModel with functions fT and fO", TypeError)


def _check_fits(b: KalmanFilter, P: HasNormalNoise) -> None:
    """Raise ValueError unless the belief and the model have as many components."""
    if b.μb.shape[-1] != len(P.Σs):
        refuse(b, "μb", f"an array {b.μb.shape}", f"(..., {len(P.Σs)}), to go with Σs of the model")


def _for_each(name: str, x: Any, b: KalmanFilter, n: int | None = None) -> Array:
    """x, called `name` in errors, as `vectors`: one for all beliefs of b, or one for each."""
    x, many = vectors(name, x, n), b.μb.shape[:-1]
    try:
        np.broadcast_to(x, (*many, x.shape[-1]))
    except ValueError as error:
        allowed = f"one for all, or one for each of {many} beliefs" if many else "a vector, for one belief"
        raise ValueError(f"{name} has shape {x.shape}: must be {allowed}") from error
    return x


def vectors(name: str, x: Any, n: int | None = None) -> Array:
    """x, called `name` in errors, as vectors (..., n) of finite numbers; one number is a vector of length 1."""
    x = np.atleast_1d(numbers(x, name))
    if not all_finite(x) or (n is not None and x.shape[-1] != n):
        raise ValueError(f"{name} = {brief(x)}: must be finite{f' and of length {n}' if n else ''}")
    return x


def _innovation(b: KalmanFilter, o: Any, expected: Array) -> Array:
    o = _for_each("o", o, b, expected.shape[-1])
    if b.difference is None:
        return o - expected
    x = numbers(b.difference(o, expected), "difference(o, o_expected)")
    if x.shape != np.broadcast_shapes(o.shape, expected.shape) or not all_finite(x):
        raise ValueError(f"difference(o, o_expected) is {brief(x)}: must be finite vectors, as o is")
    return x


def _times(K: Array, x: Array) -> Array:
    return np.einsum("...nk,...k->...n", K, x)


def _values(name: str, x: Any, Σ: Array) -> Array:
    """What fT or fO gave, vectors with a component for each of the noise, which has the covariance Σ."""
    x = numbers(x, name)
    if not all_finite(x) or x.shape[-1:] != Σ.shape[-1:]:
        raise ValueError(f"{name} gives {brief(x)}: must be finite vectors (..., {len(Σ)}), to go with its noise")
    return x


def _jacobian(name: str, f: Callable[[Array], Array], x: Array, Σ: Array) -> Array:
    """∂f_i/∂x_j at each row of x (..., n), by autograd, (..., k, n). ValueError where it is not finite."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # values that are not finite are named below
        warnings.filterwarnings("ignore", "Output seems independent of input")  # a component that is constant
        J = np.stack([elementwise_grad(lambda x, i=i: f(x)[..., i])(x) for i in range(len(Σ))], axis=-2)
    if not all_finite(J):
        raise ValueError(f"the derivative of {name} at {brief(x)} is {brief(J)}: must be finite")
    return J
