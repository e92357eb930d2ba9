"""Parameter vectors and populations of them, one a row, ranked by utility (chapter 10)."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, numbers, parameters, read_only, refuse
from decision_making.problem import Parametric, offers


def population(θs: ArrayLike, name: str = "θ") -> Array:
    """θs as a fresh float array (k, n) of finite numbers: float32 stays, everything else becomes float64."""
    single = isinstance(θs, np.ndarray | np.generic) and θs.dtype == np.float32
    given = np.array(θs) if single else numbers(θs, name)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"{name} has shape {given.shape}: must be (k, n), one parameter vector a row")
    return parameters(given.ravel(), name=name).reshape(given.shape)


def check_length(π: object, θs: Array) -> None:
    """Raise ValueError if a policy that knows its number of parameters gets another."""
    if offers(π, Parametric) and isinstance(π.n, Integral) and θs.shape[-1] != π.n:
        raise ValueError(f"θ has {θs.shape[-1]} parameters: must have π.n = {π.n}")


def best_first(us: Array) -> Array:
    """Indices by decreasing utility, equals in their order, NaN last. ValueError if there is nothing but NaN."""
    if np.isnan(us).all():
        raise ValueError(f"U: all {len(us)} utilities of the population are NaN: nothing can be ranked")
    return np.argsort(-us, kind="stable")  # which puts NaN last


def elite(us: Array, m_elite: int) -> Array:
    """Indices of the m_elite best, the best first; NaN is never among them, so there may be fewer."""
    i = best_first(us)[:m_elite]
    return i[~np.isnan(us[i])]


def check_elite(M: object, m_elite: int, m: int) -> None:
    """Raise ValueError where the elite would be larger than the population."""
    if m_elite > m:
        refuse(M, "m_elite", m_elite, f"at most m = {m}")


def start(x: ArrayLike, name: str) -> Array:
    """x as a read-only flat array of finite numbers, one at least."""
    found = parameters(x, name=name)
    if not len(found):
        raise ValueError(f"{name} has shape {found.shape}: must have one number at least")
    return read_only(found)


def start_θ(θ: ArrayLike) -> Array:
    """Attrs converter: θ as a read-only flat array of finite numbers (n,), n >= 1."""
    return start(θ, "θ")


def start_ψ(ψ: ArrayLike) -> Array:
    """Attrs converter: ψ as a read-only flat array of finite numbers (q,), q >= 1."""
    return start(ψ, "ψ")


def start_θs(θs: ArrayLike) -> Array:
    """Attrs converter: θs as a read-only population (m, n)."""
    return read_only(population(θs, "θs"))
