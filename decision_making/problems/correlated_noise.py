"""Exploration by noise that is correlated in time, in some of the copies of an environment.

White noise has no direction, so that a trajectory stays near its start, and a task whose reward needs many steps in one
direction never shows it. An autoregressive process of order 1 keeps a direction for a while:

    ε_0 ~ N(0, I),   ε_t = ρ ε_(t-1) + √(1 - ρ²) ξ_t,   ξ_t ~ N(0, I),   a_t = μ_θ(s_t) + σ_θ ε_t.

Each ε_t is standard normal, so that an action taken without regard to the past has the policy's own distribution. Given
the past it is N(μ + ρ σ ε_(t-1), (1 - ρ²) σ²), and the state it is taken in depends on that past: a likelihood that
treats the noise as white, as every update does, is off-policy in these copies. The other copies keep white noise.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from decision_making.checks import Array
from decision_making.problem import Actor, offers

SHARE = 4  # one in so many copies has correlated noise


class Perturbs(Protocol):
    """A policy of real actions that can be given its noise."""

    def perturbed(self, θ: Array, s: Array, ε: Array) -> Array:
        """The actions in states s with the standard normal noise ε."""


def correlations(ρ: float, length: Array) -> Array:
    """ρ of each copy's next noise (n,): 0 at the start of an episode (length 0), and in three of four copies."""
    chosen = np.arange(len(length)) < -(-len(length) // SHARE)
    return np.where(chosen & (length > 0), ρ, 0.0)


def correlated(ε: Array, ρ: Array, ξ: Array) -> Array:
    """The noise (n, k) after ε: ρ ε + √(1 - ρ²) ξ, with ρ (n,) and white noise ξ (n, k).

    >>> correlated(np.array([[1.0], [1.0]]), np.array([0.6, 0.0]), np.array([[2.0], [2.0]])).ravel().tolist()
    [2.2, 2.0]
    """
    ρ = ρ[:, None]
    return ρ * ε + np.sqrt(1 - ρ**2) * ξ


def drawn(live: dict[str, Array], ρ: float, k: int, π: Actor, θ: Array, s: Array, rng: np.random.Generator) -> Array:
    """Actions of all copies; if they have k > 0 real numbers and ρ > 0, with noise that goes on from live["noise"].

    TypeError for a policy that cannot be given its noise.
    """
    if not (ρ and k):
        return π(θ, s, rng)
    if not offers(π, Perturbs):
        raise TypeError(
            f"noise_correlation = {ρ}: the policy must have perturbed(θ, s, ε), as a NeuralPolicy has; {π!r} has not"
        )
    length = live["length"]
    last = live.get("noise", np.zeros((len(length), k)))
    live["noise"] = correlated(last, correlations(ρ, length), np.asarray(rng.standard_normal(last.shape)))
    return π.perturbed(θ, s, live["noise"])
