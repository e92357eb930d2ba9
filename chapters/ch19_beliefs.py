# %% [markdown]
"""
# Chapter 19. Beliefs

The state is hidden; what is known of it is a distribution, the belief. After an action and an observation Bayes'
rule gives the next belief: exactly where the states are few or everything is normal, with samples elsewhere.
"""

# %%
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
import numpy as np

import decision_making as dm
from decision_making.pictures import beliefs
from decision_making.pictures.notebooks import show
from decision_making.problems import CryingBaby

BABY = CryingBaby()
ACTIONS, HEARD = ("feed", "sing", "ignore"), ("cry", "quiet")

# %% [markdown]
# ## The discrete state filter
#
# $b'(s') \propto O(o \mid a, s') \sum_s T(s' \mid s, a) b(s)$ (algorithm 19.2). A baby is hungry or not, and cries more
# often when it is.
#
# Watch one cry raise the probability of hunger to 0.9, and feeding end all doubt.


# %%
def crying_baby() -> dict[str, object]:
    """The "steps", pairs of action and observation, the "beliefs" (6, 2) from (0.5, 0.5) on, and the "p" (5,) of each.

    "sing" are the beliefs after singing from (0.5, 0.5), when it then cries and when it is quiet.
    """
    steps = [("ignore", "cry"), ("feed", "quiet"), ("ignore", "quiet"), ("ignore", "quiet"), ("ignore", "cry")]
    b, p = [np.array([0.5, 0.5])], []
    for action, heard in steps:
        a, o = ACTIONS.index(action), HEARD.index(heard)
        p.append(_probability(b[-1], a, o))
        b.append(dm.update(b[-1], BABY, a, o))
    sing = [dm.update([0.5, 0.5], BABY, ACTIONS.index("sing"), o) for o in range(2)]
    return {"steps": steps, "beliefs": np.array(b), "p": np.array(p), "sing": np.array(sing)}


def _probability(b: np.ndarray, a: int, o: int) -> float:
    """p(o | b, a)."""
    return float((b @ BABY.T.array[:, a]) @ BABY.O.array[a][:, o])


show(crying_baby, beliefs.over_time)

# %% [markdown]
# ## The Kalman filter
#
# Where dynamics and observations are linear with normal noise, the belief stays normal, and its mean and covariance
# follow in closed form (algorithm 19.3). Here a mass has position and speed, and its position is observed.

# %%
MASS = dm.LinearGaussianModel([[1, 1], [0, 1]], [[0.5], [1]], [[1, 0]], 0.1 * np.eye(2), [[0.5]])


def kalman_filter() -> dict[str, np.ndarray]:
    """Means (3, 2) and the last covariance Σ (2, 2) after three steps from N(0, I), and the steady covariance."""
    b, means = dm.KalmanFilter([0, 0], np.eye(2)), []
    for a, o in ((1, 1.2), (0, 2), (-1, 2.1)):
        b = dm.update(b, MASS, [a], [o])
        means.append(b.μb)
    steady = b
    for _ in range(200):
        steady = dm.update(steady, MASS, [0], [0])
    return {"means": np.array(means), "Σ": b.Σb, "steady": steady.Σb}


def tracking(k: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """A simulated position "s" (k,), its observations "o" (k,), and the filter's "mean" and "deviation" (k,)."""
    rng, s, b = np.random.default_rng(seed), np.zeros(2), dm.KalmanFilter([0, 0], np.eye(2))
    rows = []
    for t in range(k):
        a = np.array([0.3 * np.cos(t / 4)])
        s = MASS.Ts @ s + MASS.Ta @ a + rng.multivariate_normal(np.zeros(2), MASS.Σs)
        o = MASS.Os @ s + rng.normal(0, np.sqrt(0.5), 1)
        b = dm.update(b, MASS, a, o)
        rows.append((s[0], o[0], b.μb[0], np.sqrt(b.Σb[0, 0])))
    return dict(zip(("s", "o", "mean", "deviation"), np.array(rows).T, strict=True))


show(kalman_filter)
show(tracking, beliefs.tracked)

# %% [markdown]
# ## Extended and unscented filters
#
# A sensor measures the distance $\sqrt{s_1^2 + 1}$ from a point beside the track. The extended filter replaces it by
# its tangent (algorithm 19.4), the unscented one by what becomes of a few points (algorithm 19.5).

# %%
RANGE = dm.GaussianModel(
    lambda s, a: s @ MASS.Ts.T + a @ MASS.Ta.T,
    lambda s: anp.sqrt(s[..., :1] ** 2 + 1),
    0.1 * np.eye(2),
    [[0.1]],
)


def range_sensor() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and covariance after one observation, 2.5, by the extended filter and the unscented one for each λ."""
    μ, Σ = [2.0, 0.0], np.diag([0.5, 0.1])
    filters: dict[str, Any] = {"extended": dm.ExtendedKalmanFilter(μ, Σ)}
    filters |= {f"unscented, λ = {λ}": dm.UnscentedKalmanFilter(μ, Σ, λ) for λ in (2.0, 0.0, -1.0)}
    found = {name: dm.update(b, RANGE, [0.0], [2.5]) for name, b in filters.items()}
    return {name: (b.μb, b.Σb) for name, b in found.items()}


def square_of_a_normal() -> dict[float, float]:
    """The variance of x², x ~ N(0, 1), by the unscented transform for each λ; it is 2."""
    return {λ: _variance_of_square(λ) for λ in (2.0, 1.0, 0.5, -0.5)}


def _variance_of_square(λ: float) -> float:
    """By its points and weights; λ + 1 = 3 is exact."""
    return float(dm.unscented_transform(np.zeros(1), np.eye(1), lambda x: x**2, λ)[1][0, 0])


show(range_sensor)
show(square_of_a_normal)

# %% [markdown]
# ## Particle filters
#
# A thousand states drawn from the belief stand for it (algorithm 19.6). As m grows their share of each state comes to
# its probability.


# %%
def particles(m: int = 20_000, seed: int = 0) -> dict[str, object]:
    """The share of hungry particles after "ignore, cry" with each filter, and the exact probability."""
    rng = np.random.default_rng(seed)
    s = rng.integers(2, size=m)
    filters: dict[str, Any] = {
        "weighted": dm.ParticleFilter(s),
        "systematic": dm.ParticleFilter(s, resampling="systematic"),
        "rejection": dm.RejectionParticleFilter(s),
    }
    ignore, cry = ACTIONS.index("ignore"), HEARD.index("cry")
    share = {name: dm.update(b, BABY, ignore, cry, rng=rng).states.mean() for name, b in filters.items()}
    return {"share": share, "exact": dm.update([0.5, 0.5], BABY, ignore, cry)[1], "m": m}


show(particles)

# %% [markdown]
# ## Adaptive injection
#
# When observations become less likely than they used to be, new particles are drawn from anywhere (algorithm 19.9).
# Watch the share of new particles rise while the weights are low, later with the larger ν.


# %%
def adaptive_injection() -> dict[str, object]:
    """Mean "weights" (6,), the ratio w_fast/w_slow (6,), and the share injected (6,) for each ν."""
    weights = np.array([0.8, 0.7, 0.05, 0.05, 0.05, 0.6])
    given = SimpleNamespace(TR=lambda s, a, rng: (s, 0.0), O=lambda a, s, o: np.full(len(s), o))
    ratios: list[float] = []
    shares = {}
    for ν in (1.0, 2.0):
        b, ratios = dm.AdaptiveInjectionParticleFilter(np.zeros(10), 1.0, 1.0, 0.01, 0.3, ν, [1.0]), []
        for w in weights:
            b = dm.update(b, given, 0, w, rng=0)
            ratios.append(b.w_fast / b.w_slow)
        shares[ν] = np.maximum(0, 1 - ν * np.array(ratios))
    return {"weights": weights, "ratio": np.array(ratios), "shares": shares}


show(adaptive_injection, beliefs.injection)

# %% [markdown]
# ## Exercise: a quiet night
#
# The baby is never fed, and is never heard to cry. What does one come to believe? Set $b' = b$ in the discrete
# filter.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def quiet_night() -> float:
    """Hunger h settles where 0.63 h² - 0.65 h + 0.02 = 0: at 2/63, and never at 0."""
    b = np.array([0.5, 0.5])
    for _ in range(100):
        b = dm.update(b, BABY, ACTIONS.index("ignore"), HEARD.index("quiet"))
    return float(b[1])


show(quiet_night)

# %% [markdown]
# ## Exercise: a walk, seen through noise
#
# A number takes steps with variance 1 and is seen with noise of variance 2. How sure does the Kalman filter become of
# it?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def walk_in_noise() -> float:
    """The variance before an observation solves V = 2 V / (V + 2) + 1, so V = 2, and 1 after it."""
    walk = dm.LinearGaussianModel([[1]], [[0]], [[1]], [[1]], [[2]])
    b = dm.KalmanFilter([0], [[5]])
    for _ in range(60):
        b = dm.update(b, walk, [0], [0])
    return float(b.Σb[0, 0])


show(walk_in_noise)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library. `decision-making chapter 19` prints the same
# table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("19")
