"""Beliefs as sets of particles (algorithms 19.6 to 19.9): states that stand for the distribution they were drawn from.

`update(b, P, a, o, rng=...)` moves each particle by the model and keeps those that explain the observation. P has a
sampler, TRO(s, a, rng) or TR(s, a, rng), and observation probabilities or densities O(a, s_next, o) of whole batches
s_next; where densities underflow it may have their logarithm instead, log_O(a, s_next, o).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from attrs import evolve, field

from decision_making.checks import (
    Array,
    Field,
    brief,
    count,
    count_or_zero,
    not_negative,
    one_of,
    optional,
    positive,
    refuse,
)
from decision_making.mdp import Table
from decision_making.problem import RNG, Action, StartDistribution
from decision_making.sampling import default_rng, indices, sample_start, start_distribution
from decision_making.structs import struct
from decision_making.verbs import update

LARGEST = 700.0  # logarithm of a weight; e^710 is beyond all floats

Resampling = Literal["multinomial", "systematic"]


def _particles(M: object, attribute: Field, states: Array) -> None:
    """Attrs validator: at least one particle, all finite."""
    if states.ndim == 0 or len(states) == 0 or (states.dtype.kind == "f" and not np.isfinite(states).all()):
        refuse(M, attribute.name, f"an array {states.shape}", "one or more finite states, the first axis counting them")


@struct
class ParticleFilter:
    """m particles, each moved, weighted by the observation's probability, and drawn anew by weight (algorithm 19.6).

    The book draws each new particle independently (multinomial). With resampling="systematic" one random number places
    all m draws, so that a particle of weight w is kept ⌊mw⌋ or ⌈mw⌉ times: the same mean with less noise.

    Raises ValueError unless there is at least one particle and all are finite; `update` raises ValueError, naming a and
    o, where no particle explains the observation.
    """

    states: Array = field(converter=np.asarray, validator=_particles)  # particles (m, ...)
    resampling: Resampling = field(
        default="multinomial", kw_only=True, validator=one_of("multinomial", "systematic")
    )  # how particles are drawn by weight
    mean_weight: float | None = field(default=None, kw_only=True, repr=False)  # of the last update, near p(o | b, a)
    effective_size: float | None = field(default=None, kw_only=True, repr=False)  # of the last update: (Σw)²/Σw²


@struct
class RejectionParticleFilter:
    """m particles: old ones are drawn and moved until m have produced the same observation (algorithm 19.7).

    For observations that are discrete. `update` raises ValueError, naming a and o, where `max_tries` draws do not give
    m particles.
    """

    states: Array = field(converter=np.asarray, validator=_particles)  # particles (m, ...)
    max_tries: int | None = field(default=None, kw_only=True, validator=optional(count))  # draws; None: 1000 m


def _at_most_all(M: InjectionParticleFilter, attribute: Field, m_inject: Any) -> None:
    count_or_zero(M, attribute, m_inject)
    if m_inject > len(M.states):
        refuse(M, attribute.name, m_inject, f"at most the number of particles, {len(M.states)}")


@struct
class InjectionParticleFilter(ParticleFilter):
    """A particle filter whose last m_inject particles are drawn from D_inject at each update (algorithm 19.8)."""

    m_inject: int = field(validator=_at_most_all)  # number of particles injected
    D_inject: StartDistribution = field(validator=start_distribution)  # distribution of the states injected


@struct
class AdaptiveInjectionParticleFilter(ParticleFilter):
    """A particle filter that injects more particles when observations become less likely (algorithm 19.9).

    With w̄ the mean weight, w_slow += α_slow(w̄ - w_slow) and w_fast += α_fast(w̄ - w_fast); the share max(0, 1 - ν
    w_fast/w_slow) of the particles is drawn from D_inject. Where no particle explains the observation, all are drawn
    from D_inject. w_slow and w_fast may be None before the first update: then both begin with its w̄.
    """

    w_slow: float | None = field(validator=optional(not_negative))  # slow average of the mean weight
    w_fast: float | None = field(validator=optional(not_negative))  # fast average of the mean weight
    α_slow: float = field(validator=not_negative)  # rate of the slow average
    α_fast: float = field(validator=not_negative)  # rate of the fast average, larger
    ν: float = field(validator=positive)  # the larger, the later injection begins; at least 1
    D_inject: StartDistribution = field(validator=start_distribution)  # distribution of the states injected

    def __attrs_post_init__(self) -> None:
        if not self.α_slow <= self.α_fast <= 1:
            refuse(self, "α_fast", self.α_fast, f"a number from α_slow = {self.α_slow} to 1")


@update.register
def update_by_particle_filter(b: ParticleFilter, P: Any, a: Action, o: object, *, rng: RNG = None) -> ParticleFilter:
    """m particles after action a and observation o."""
    rng = default_rng(rng)
    states, w = _moved_and_weighted(b, P, a, o, rng)
    return evolve(b, states=states[resampled(_possible(w, a, o), len(states), b.resampling, rng)], **_said_by(w))


@update.register
def update_by_injection_particle_filter(
    b: InjectionParticleFilter, P: Any, a: Action, o: object, *, rng: RNG = None
) -> InjectionParticleFilter:
    """m - m_inject particles drawn by weight, then m_inject drawn from D_inject."""
    rng = default_rng(rng)
    states, w = _moved_and_weighted(b, P, a, o, rng)
    return evolve(b, states=_with_injected(b, states, _possible(w, a, o), b.m_inject, rng), **_said_by(w))


@update.register
def update_by_adaptive_injection_particle_filter(
    b: AdaptiveInjectionParticleFilter, P: Any, a: Action, o: object, *, rng: RNG = None
) -> AdaptiveInjectionParticleFilter:
    """Particles drawn by weight, and as many from D_inject as the averages of the weights demand."""
    rng = default_rng(rng)
    states, w = _moved_and_weighted(b, P, a, o, rng)
    m, mean = len(states), _said_by(w)["mean_weight"]
    w_slow, w_fast = (mean if x is None else x for x in (b.w_slow, b.w_fast))
    w_slow, w_fast = w_slow + b.α_slow * (mean - w_slow), w_fast + b.α_fast * (mean - w_fast)
    impossible = bool(np.isneginf(w).all())
    fallen = 1 - b.ν * w_fast / w_slow if w_slow > 0 else 0.0  # a slow average of 0 cannot fall
    m_inject = m if impossible else round(m * max(0.0, fallen))
    return evolve(b, states=_with_injected(b, states, w, m_inject, rng), w_slow=w_slow, w_fast=w_fast, **_said_by(w))


@update.register
def update_by_rejection_particle_filter(
    b: RejectionParticleFilter, P: Any, a: Action, o: object, *, rng: RNG = None
) -> RejectionParticleFilter:
    """The first m particles that produced the observation o itself."""
    rng = default_rng(rng)
    if getattr(P, "TRO", None) is None:
        refuse(None, "P", P, "a problem with a sampler TRO(s, a, rng) for a RejectionParticleFilter", TypeError)
    m, o = len(b.states), _known(P, o)
    limit = b.max_tries or 1000 * m
    kept: list[Array] = []
    accepted = tries = 0
    while accepted < m and tries < limit:
        batch = min(limit - tries, m if not accepted else max(m, 2 * (m - accepted) * tries // accepted))
        s = b.states[rng.integers(m, size=batch)]
        s_next, _, seen = P.TRO(s, _for_each(a, batch), rng)
        same = np.asarray(seen == np.asarray(o)).reshape(batch, -1).all(axis=1)
        kept.append(np.asarray(s_next)[same])
        accepted, tries = accepted + int(same.sum()), tries + batch
    if accepted < m:
        raise ValueError(
            f"o = {o!r} after a = {a!r}: {accepted} of {m} particles found in {tries} tries; the observation is too "
            "unlikely (or continuous) for rejection: use ParticleFilter, or raise max_tries"
        )
    return evolve(b, states=np.concatenate(kept)[:m])


def _moved_and_weighted(b: Any, P: Any, a: Action, o: object, rng: np.random.Generator) -> tuple[Array, Array]:
    """The particles after action a (m, ...), and the logarithms of their weights (m,); ValueError for a NaN."""
    return move_and_weigh(P, b.states, a, o, rng, (len(b.states),))


def move_and_weigh(
    P: Any, s: Array, a: Any, o: Any, rng: np.random.Generator, shape: tuple[int, ...] | None = None
) -> tuple[Array, Array]:
    """States s (*shape, ...) after action a, and the logarithms of O(a, s_next, o), (*shape,); shape is (K, m) if None.

    Raises ValueError for weights of another shape, and where one is NaN or infinite.
    """
    o, shape = _known(P, o), s.shape[:2] if shape is None else shape
    sampler: Callable[..., Any] | None = getattr(P, "TRO", None) or getattr(P, "TR", None)
    if sampler is None:
        refuse(None, "P", P, "a problem with a sampler, TRO(s, a, rng) or TR(s, a, rng)", TypeError)
    each = np.asarray(a)
    each = _for_each(a, shape[0]) if len(shape) == 1 else np.broadcast_to(each, (*shape, *each.shape[2:]))
    states = np.asarray(sampler(s, each, rng)[0])
    with np.errstate(divide="ignore"):
        log_O = getattr(P, "log_O", None)
        w = np.asarray(log_O(a, states, o) if log_O else np.log(P.O(a, states, o)), dtype=np.float64)
    if w.shape != shape or not (w < LARGEST).all():
        text = brief(np.exp(np.minimum(w, LARGEST)))
        raise ValueError(f"O(a, s_next, o) of {shape[-1]} states is {text}: must be weights of shape {shape}")
    return states, w


def _known(P: Any, o: Any) -> Any:
    """The observation o: of a tabular problem, an index into P.Ω. Raises ValueError unless it is one."""
    return indices("o", o, len(P.Ω)) if isinstance(getattr(P, "O", None), Table) else o


def _for_each(a: Action, m: int) -> Array:
    """The action a, m times."""
    return np.broadcast_to(np.asarray(a), (m, *np.shape(a)))


def _possible(w: Array, a: Action, o: object) -> Array:
    if np.isneginf(w).all():
        raise ValueError(
            f"o = {o!r} has probability 0 after a = {a!r} from each of the {len(w)} particles: more of them, or an "
            "AdaptiveInjectionParticleFilter, may explain it"
        )
    return w


def _said_by(w: Array) -> dict[str, Any]:
    """Mean weight and effective size of logarithms of weights (m,)."""
    top = w.max()
    if np.isneginf(top):
        return {"mean_weight": 0.0, "effective_size": 0.0}
    p = np.exp(w - top)
    return {"mean_weight": float(np.exp(top) * p.mean()), "effective_size": float(p.sum() ** 2 / (p**2).sum())}


def _with_injected(b: Any, states: Array, w: Array, m_inject: int, rng: np.random.Generator) -> Array:
    """m - m_inject of the states drawn by weight, followed by m_inject drawn from b.D_inject."""
    m = len(states)
    kept = states[resampled(w, m - m_inject, b.resampling, rng)] if m_inject < m else states[:0]
    if not m_inject:
        return kept
    new = sample_start(b.D_inject, m_inject, rng)
    if new.shape[1:] != kept.shape[1:]:
        raise ValueError(
            f"D_inject gives states of shape {new.shape[1:]}: must be of shape {kept.shape[1:]}, as particles"
        )
    both = kept.dtype if kept.dtype.kind == new.dtype.kind == "f" else np.result_type(kept, new)  # float32 stays
    return np.concatenate([kept, new]).astype(both, copy=False)


def resampled(w: Array, m: int, how: Resampling, rng: np.random.Generator) -> Array:
    """m indices (m,), each i drawn with probability proportional to exp(w_i), by the named way of resampling."""
    c = np.cumsum(np.exp(w - w.max()))
    u = rng.random(m) if how == "multinomial" else (rng.random() + np.arange(m)) / m
    return np.minimum(np.searchsorted(c, u * c[-1], side="right"), np.flatnonzero(w > -np.inf)[-1])
