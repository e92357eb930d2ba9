"""K independent weighted particle filters at once: arrays (K, m, ...) that one call of the model moves.

The filters of algorithms 19.6 to 19.9 resample after every observation. Here particles keep the logarithms of their
weights, and a filter resamples only when its effective size has fallen. The likelihood of all observations so far is
estimated, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve, field

from decision_making.checks import Array, Named, brief, count, numbers, one_of, probability, refuse
from decision_making.problem import RNG, Action, StartDistribution
from decision_making.sampling import default_rng, indices, sample_start
from decision_making.state_uncertainty.beliefs.particle_filters import Resampling, move_and_weigh
from decision_making.structs import struct
from decision_making.verbs import update


def _logarithms(x: Any) -> Any:
    return None if x is None else numbers(x, "log_weights")


@struct
class ParticleBeliefs:
    """K beliefs of m weighted particles each, which `update` moves together.

    Actions and observations are arrays with one for each belief, (K, ...), or one number for all.
    Each particle is moved and weighted by the probability of the observation, w ← w O(a, s', o). A belief whose
    effective size (Σw)²/Σw² falls below `resample` times m is drawn anew with equal weights; with resample=1 that is
    algorithm 19.6 (unless all weights are equal), with 0 it is never done. Random numbers of one belief do not depend
    on what the others observe.

    Raises ValueError unless states are a (K, m, ...) array of finite numbers, and for weights of another shape or NaN;
    `update` raises ValueError, naming the belief, where none of its particles explains the observation.
    """

    states: Array = field(converter=np.asarray, repr=brief)  # particles (K, m, ...)
    log_weights: Array = field(default=None, converter=_logarithms)  # log weights (K, m) up to a constant; None: equal
    resample: float = field(default=0.5, kw_only=True, validator=probability)  # share of m at which it is done
    how: Resampling = field(
        default="systematic", kw_only=True, validator=one_of("multinomial", "systematic")
    )  # as in `ParticleFilter`
    log_likelihood: Array = field(default=None, kw_only=True, repr=False)  # estimated log p of all observations (K,)

    def __attrs_post_init__(self) -> None:
        x = self.states
        if x.ndim < 2 or not x.size or (x.dtype.kind == "f" and not np.isfinite(x).all()):
            refuse(self, "states", f"an array {x.shape}", "finite, (K, m, ...) with one belief and particle at least")
        if self.log_weights is None:
            object.__setattr__(self, "log_weights", np.zeros(x.shape[:2]))
        w = self.log_weights
        if w.shape != x.shape[:2] or not (w < np.inf).all() or np.isneginf(w).all(axis=1).any():
            refuse(self, "log_weights", brief(w), f"{x.shape[:2]}, below infinity, with a finite one for each belief")
        if self.log_likelihood is None:
            object.__setattr__(self, "log_likelihood", np.zeros(len(x)))

    @classmethod
    def drawn(cls, b: StartDistribution, K: int, m: int, *, rng: RNG = None, **options: Any) -> ParticleBeliefs:
        """K beliefs of m particles each, drawn from the distribution b. ValueError for K < 1 or m < 1."""
        count(None, Named("K"), K)
        count(None, Named("m"), m)
        s = np.asarray(sample_start(b, K * m, default_rng(rng)))
        return cls(s.reshape(K, m, *s.shape[1:]), **options)

    @property
    def weights(self) -> Array:
        """Weights that sum to 1 in each belief (K, m)."""
        w = np.exp(self.log_weights - self.log_weights.max(axis=1, keepdims=True))
        return np.asarray(w / w.sum(axis=1, keepdims=True))

    @property
    def effective_size(self) -> Array:
        """(Σw)²/Σw² (K,): as many equally weighted particles would estimate as well."""
        return 1 / (self.weights**2).sum(axis=1)

    @property
    def mean(self) -> Array:
        """Weighted means of the states (K, ...)."""
        return np.einsum("km,km...->k...", self.weights, self.states)

    def probabilities(self, n_states: int) -> Array:
        """Shares of the states 0, ..., n_states - 1 (K, n_states), of states that are indices, else ValueError."""
        count(None, Named("n_states"), n_states)
        K = len(self.states)
        cells = np.arange(K)[:, None] * n_states + indices("states", self.states, n_states)
        return np.bincount(cells.ravel(), self.weights.ravel(), K * n_states).reshape(K, n_states)


@update.register
def update_of_particle_beliefs(b: ParticleBeliefs, P: Any, a: Action, o: Any, *, rng: RNG = None) -> ParticleBeliefs:
    """The beliefs after actions a and observations o, arrays (K, ...) or a number for all."""
    rng = default_rng(rng)
    K, m = b.states.shape[:2]
    states, w = move_and_weigh(P, b.states, _for_each("a", a, K), _for_each("o", o, K), rng)
    w = b.log_weights + w
    u = rng.random((K, 1) if b.how == "systematic" else (K, m))  # drawn for all: none depends on another
    top = w.max(axis=1, keepdims=True)
    lost = np.flatnonzero(np.isneginf(top[:, 0]))
    if len(lost):
        raise ValueError(
            f"o has probability 0 after a from all {m} particles of belief {lost[0]}: more of them may explain it"
        )
    before = np.exp(b.log_weights - b.log_weights.max(axis=1, keepdims=True))
    p = np.exp(w - top)
    more = top[:, 0] + np.log(p.sum(axis=1)) - b.log_weights.max(axis=1) - np.log(before.sum(axis=1))
    few = np.flatnonzero(p.sum(axis=1) ** 2 < b.resample * m * (p**2).sum(axis=1))
    w = w - top
    if len(few):
        states = np.array(states)
        states[few] = np.take_along_axis(
            states[few], _resampled(p[few], u[few], b.how).reshape(len(few), m, *(1,) * (states.ndim - 2)), axis=1
        )
        w[few] = 0.0
    return evolve(b, states=states, log_weights=w, log_likelihood=b.log_likelihood + more)


def _for_each(name: str, x: Any, K: int) -> Any:
    """x for each belief, with an axis of length 1 for its particles."""
    x = np.asarray(x)
    if x.ndim and len(x) != K:
        raise ValueError(f"{name} has shape {x.shape}: must be one for all, or one for each of {K} beliefs")
    return x[:, None] if x.ndim else x


def _resampled(p: Array, u: Array, how: Resampling) -> Array:
    """m indices a row (N, m), each i drawn with probability proportional to p_i (N, m)."""
    m = p.shape[1]
    c = np.cumsum(p, axis=1)
    c /= c[:, -1:]
    u = (u + np.arange(m)) / m if how == "systematic" else u
    rows = np.arange(len(p))[:, None]  # one increasing row after the other: one search serves all
    found = np.searchsorted((c + rows).ravel(), (u + rows).ravel(), side="right").reshape(p.shape) - rows * m
    last = m - 1 - (p[:, ::-1] > 0).argmax(axis=1)
    return np.minimum(found, last[:, None])
