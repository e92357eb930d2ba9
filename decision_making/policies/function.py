"""A policy made of functions of your own, whose results on a batch are first compared with those of single calls."""

from __future__ import annotations

from collections.abc import Callable

import autograd.numpy as anp
import numpy as np
from attrs import field, frozen
from autograd.tracer import getval, isbox

from decision_making.checks import Array, count, count_or_zero, function, optional
from decision_making.policies.base import Policy, as_θ, components
from decision_making.sampling import RNG, default_rng


@frozen(eq=False)
class FunctionPolicy(Policy):
    """A policy made of `sample(θ, s, rng) -> a` and `logpdf(θ, a, s)`; `kl(θ, θ_new, s)` and `mode(θ, s)` are optional.

    All act on whole batches. In them the parameter axis of θ comes *first*: θ[0] is a number, or an array (m,) or
    (m, 1) where each of m trajectories has parameters of its own, so that `θ[0] * s` is right in every batch. `logpdf`
    and `kl` are written with `autograd.numpy`. `state_ndim` is the number of axes of one state: 0 if it is a number, 1
    if it is a vector.

    Without `kl` the surrogate constraint uses w - 1 - log w at the recorded actions, w = π_θ_new / π_θ, which is never
    negative and has the divergence as its expectation. The entropy in reports is the mean of -logpdf at the recorded
    actions, and Fisher products are those of the recorded scores.

    The first time that a function is used on a batch, it is compared with single calls: ValueError if it broadcasts
    wrongly. TypeError if autograd cannot differentiate it.

    >>> import autograd.numpy as anp
    >>> π = FunctionPolicy(
    ...     1,
    ...     sample=lambda θ, s, rng: rng.normal(θ[0] * s, 1.0),
    ...     logpdf=lambda θ, a, s: -0.5 * (a - θ[0] * s) ** 2 - 0.5 * anp.log(2 * anp.pi),
    ... )
    >>> π.logpdf(np.array([[1.0], [2.0]]), np.ones((2, 3)), np.ones((2, 3))).round(3)[:, 0]
    array([-0.919, -1.419])
    """

    n: int = field(validator=count)  # number of parameters
    _sample: Callable[..., Array] = field(validator=function)  # sample(θ, s, rng) -> actions
    _logpdf: Callable[..., Array] = field(validator=function)  # logpdf(θ, a, s) -> log-likelihoods
    _kl: Callable[..., Array] | None = field(default=None, validator=optional(function))  # kl(θ, θ_new, s), in nats
    _mode: Callable[..., Array] | None = field(default=None, validator=optional(function))  # mode(θ, s) -> actions
    state_ndim: int = field(default=0, kw_only=True, validator=count_or_zero)  # number of axes of one state
    _checked: set[str] = field(factory=set, init=False, repr=False)  # names of the functions that passed their check

    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        """Draw actions with `sample`."""
        s, θ = np.asarray(s), as_θ(θ)
        batch = self._batch(s)
        if batch and "sample" not in self._checked:
            self._check_sample(θ, s)
            self._checked.add("sample")
        a = np.asarray(self._sample(components(θ, len(batch)), s, default_rng(rng)))
        if a.shape[: len(batch)] != batch:
            raise ValueError(f"sample has shape {a.shape} for a batch {batch} of states: must start with {batch}")
        return a

    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log π_θ(a | s) from `logpdf`."""
        return self._evaluate("logpdf", self._logpdf, (θ,), (a, s))

    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """KL(π_θ ‖ π_θ_new) from `kl`; TypeError without one."""
        if self._kl is None:
            raise TypeError("FunctionPolicy.kl = None: give kl(θ, θ_new, s) to have the divergence in closed form")
        return self._evaluate("kl", self._kl, (θ, θ_new), (s,))

    def recorded_kl(self, θ: Array, θ_new: Array, a: Array, s: Array) -> Array:
        """From `kl` if it was given, else w - 1 - log w at the recorded actions, w = π_θ_new / π_θ."""
        if self._kl is not None:
            return self.kl(θ, θ_new, s)
        log_w = self.logpdf(θ_new, a, s) - self.logpdf(θ, a, s)
        return anp.expm1(log_w) - log_w

    def entropy(self, θ: Array, s: Array) -> Array:
        """TypeError: the functions do not say it. `recorded_entropy` estimates it."""
        raise TypeError("FunctionPolicy.entropy: not known; estimate it as the mean of -logpdf over sampled actions")

    def recorded_entropy(self, θ: Array, a: Array, s: Array) -> Array:
        """-log π_θ(a | s) at the recorded actions: its mean estimates the mean entropy if they were drawn from π_θ."""
        return -self.logpdf(θ, a, s)

    def mode(self, θ: Array, s: Array) -> Array:
        """The most likely action from `mode`; TypeError without one."""
        if self._mode is None:
            raise TypeError("FunctionPolicy.mode = None: give mode(θ, s) to have the most likely action")
        return np.asarray(self._mode(components(θ, len(self._batch(s))), s))

    def _batch(self, s: Array) -> tuple[int, ...]:
        """The batch axes of s."""
        shape = np.shape(s)
        if len(shape) < self.state_ndim:
            raise ValueError(f"s has shape {shape}: a state has state_ndim = {self.state_ndim} axes")
        return shape[: len(shape) - self.state_ndim]

    def _evaluate(self, name: str, f: Callable[..., Array], θs: tuple[Array, ...], data: tuple[Array, ...]) -> Array:
        """f(*θs, *data) with the parameter axes first, checked; the last of the data is s."""
        batch = self._batch(data[-1])
        if batch and 0 not in batch and name not in self._checked:
            self._check(name, f, tuple(as_θ(getval(θ)) for θ in θs), tuple(np.asarray(getval(x)) for x in data), batch)
            self._checked.add(name)
        traced = any(isbox(θ) for θ in θs)
        try:
            value = f(*(components(θ, len(batch)) for θ in θs), *data)
        except (TypeError, AttributeError, ValueError) as error:
            if traced:
                raise _not_differentiable(name, error) from error
            raise
        if traced and np.asarray(getval(value)).dtype == object:
            raise _not_differentiable(name, "a part of it lost the trace of θ")
        if traced and not isbox(value):
            self._check_constant(name, f, θs, data, len(batch))
        if np.shape(getval(value)) != batch:
            raise ValueError(f"{name} has shape {np.shape(getval(value))} on a batch {batch}: must be the same")
        return value

    def _check_constant(
        self, name: str, f: Callable[..., Array], θs: tuple[Array, ...], data: tuple[Array, ...], ndim: int
    ) -> None:
        """TypeError if f depends on θ though autograd saw no θ in it: functions of plain NumPy can lose it silently."""
        plain = [as_θ(getval(θ)) for θ in θs]
        with np.errstate(all="ignore"):
            here = np.asarray(f(*(components(x, ndim) for x in plain), *data))
            there = np.asarray(f(*(components(1.01 * x + 0.01, ndim) for x in plain), *data))
        if not np.array_equal(here, there, equal_nan=True):
            raise _not_differentiable(name, "its value does not carry the trace of θ")

    def _check(
        self,
        name: str,
        f: Callable[..., Array],
        θs: tuple[Array, ...],
        data: tuple[Array, ...],
        batch: tuple[int, ...],
    ) -> None:
        """ValueError if f on two rows of up to three steps, each row with its own parameters, is not single calls."""
        pick = np.ix_([0, batch[0] - 1], *([0, k // 2, k - 1] for k in batch[1:]))
        data = tuple(x[pick] for x in data)
        shape = data[-1].shape[: len(batch)]
        row = np.array([[1.0], [2.0]])
        own = tuple(θ.reshape(-1, self.n)[0] * (1 + 1e-3 * row) + 1e-3 * row for θ in θs)
        with np.errstate(all="ignore"):
            try:
                got = np.asarray(f(*(components(θ, len(shape)) for θ in own), *data))
            except Exception as error:
                raise ValueError(
                    f"{name} fails on a batch {shape} of steps ({error}): it must act on arrays"
                ) from error
            if got.shape != shape:
                raise ValueError(f"{name} has shape {got.shape} on a batch {shape} of steps: must be the same")
            for i in np.ndindex(shape):
                one = np.asarray(f(*(θ[i[0]] for θ in own), *(x[i] for x in data)))
                if one.shape != () or not np.allclose(got[i], one, rtol=1e-8, atol=1e-9, equal_nan=True):
                    raise ValueError(
                        f"{name} broadcasts wrongly: step {i} of a batch {shape} is {got[i]}, by itself it is {one}"
                    )

    def _check_sample(self, θ: Array, s: Array) -> None:
        """ValueError if `sample` does not act on a batch, or gives 32 copies of one state the same random action."""
        one, θ_one = s.reshape(-1, *s.shape[s.ndim - self.state_ndim :])[0], θ.reshape(-1, self.n)[0]
        copies = np.repeat(one[None], 32, axis=0)
        tiled = np.repeat(θ_one[:, None], 32, axis=1)
        rng = np.random.default_rng(0)  # its own stream: the check leaves the caller's numbers alone
        draws = []
        for _ in range(2):
            try:
                draws.append(np.asarray(self._sample(tiled, copies, rng)))
            except Exception as error:
                raise ValueError(f"sample fails on a batch of 32 states ({error}): it must act on arrays") from error
            if draws[-1].shape[:1] != (32,):
                raise ValueError(f"sample has shape {draws[-1].shape} for 32 states: its first axis must count them")
        constant = all((a == a[0]).all() for a in draws)
        if constant and not np.array_equal(draws[0], draws[1]):
            raise ValueError("sample draws its noise once for the whole batch: draw it with size=s.shape")


def _not_differentiable(name: str, why: object) -> TypeError:
    return TypeError(f"{name} cannot be differentiated ({why}): write it with autograd.numpy")
