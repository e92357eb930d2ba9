# %% [markdown]
"""
# Chapter 14. Policy validation

A policy that is optimal for a model is not yet safe to use: the model may be wrong, the reward may miss what
matters, and failures may be too rare to be seen in a simulation. This chapter asks how good a policy is, how
sure one can be of that, and where it fails.

The problem here is collision avoidance: an aircraft meets an intruder 40 seconds from now and may be told to climb
or to descend. A collision is a distance below 50 m at the closest approach.
"""

# %%
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

import decision_making as dm
from decision_making.pictures import validation
from decision_making.pictures.notebooks import show
from decision_making.problems import CollisionAvoidance, HexWorld, StraightLineHexWorld
from decision_making.problems.collision_avoidance import NOISE, NOISE_PROBABILITY, RATES

P = CollisionAvoidance()
StatePolicy = Callable[[np.ndarray], np.ndarray]


def collided(s: np.ndarray) -> np.ndarray:
    """Whether the aircraft are too close at the closest approach, of states (..., 4)."""
    return (abs(s[..., 0]) < P.h_collision) & (abs(s[..., 3]) < 0.5)


def no_advisories(s: np.ndarray) -> np.ndarray:
    """The policy that never says anything."""
    return np.ones(np.shape(s)[:-1], dtype=int)


def policies() -> dict[str, StatePolicy]:
    """Three policies to be validated."""
    return {"no advisories": no_advisories, "simple": P.simple_policy, "optimal": dm.GridSolution(P)}


def encounters(π: StatePolicy, m: int, seed: int = 0, problem: CollisionAvoidance = P) -> dm.Trajectories:
    """m simulated encounters, to the closest approach."""
    rng = np.random.default_rng(seed)
    return dm.simulate(problem, problem.b(m, rng), π, 41, rng)


# %% [markdown]
# ## Example 14.1: metrics of three policies
#
# A metric is a number for each trajectory, $f(\pi) = E_\tau[f(\tau)]$ (equation 14.1). Safety is how often aircraft
# collide. But a pilot who is told to climb or descend at every encounter stops listening, so advisories count too.


# %%
def advised(τs: dm.Trajectories) -> np.ndarray:
    """Whether there was any advisory in each trajectory, (m,)."""
    return ((τs.a != 1) & τs.mask).any(axis=1)


def changes(τs: dm.Trajectories) -> np.ndarray:
    """How often the commanded rate changed in each trajectory, (m,)."""
    return ((np.array(RATES)[τs.a] != τs.s[..., 2]) & τs.mask).sum(axis=1)


def example_14_1(m: int = 20_000) -> dict[str, dict[str, dm.Estimate]]:
    """For each policy the estimates of three metrics from m encounters."""
    data = {}
    for name, π in policies().items():
        τs = encounters(π, m)
        data[name] = {
            "collision": dm.estimate(dm.ever(τs, collided), interval="exact"),
            "advisory": dm.estimate(advised(τs), interval="exact"),
            "changes": dm.estimate(changes(τs)),
        }
    return data


show(example_14_1)

# %% [markdown]
# ## Figure 14.1: more than a mean
#
# The distribution of a metric says more than its mean. Here it is the distance at the closest approach.
#
# Watch the simple policy push aside what it meets at the last moment, and the optimal one clear the first 100 m.


# %%
def figure_14_1(m: int = 10_000) -> dict[str, np.ndarray]:
    """The distance |h| at the closest approach, m, of m encounters under each policy, (m,)."""
    return {name: abs(encounters(π, m).s[:, -1, 0]) for name, π in policies().items()}


show(figure_14_1, validation.miss_distances)

# %% [markdown]
# ## Example 14.3 and exercise 14.2: how sure
#
# Three collisions in 10,000 encounters: the standard error is $\hat\sigma / \sqrt n$ (equation 14.5), and relative to
# the mean it is 58 % (equation 14.6). The book's interval, mean ± 1.96 standard errors, reaches below 0. For data of
# 0 and 1 there are better ones: an exact interval, and that of a Beta posterior.


# %%
def events(k: int, n: int) -> np.ndarray:
    """k ones and n - k zeros."""
    return np.arange(n) < k


def example_14_3() -> dict[str, dm.Estimate]:
    """Estimates from 3 collisions in 10,000, with each kind of interval."""
    kinds: tuple[Any, ...] = ("normal", "exact", "beta", "bootstrap", "skewed")
    return {kind: dm.estimate(events(3, 10_000), interval=kind, rng=0) for kind in kinds}


def exercise_14_2() -> dm.Estimate:
    """The estimate from 10 collisions in a million."""
    return dm.estimate(events(10, 1_000_000))


show(example_14_3)
show(exercise_14_2)

# %% [markdown]
# ## Exercise 14.1: the likelihood of a trajectory
#
# $p(\tau) = b(s_1) \prod_k T(s_{k+1} \mid s_k, a_k)$ (equation 14.2), here with $T(s' \mid s, a) = N(2s + a, 5^2)$
# and $b = N(5, 6^2)$. What is its logarithm for $s = 6$, $a = 2.2$, $s = 1.4$, $a = 0.7$, $s = 6$?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_14_1() -> float:
    """The log-likelihood of s = 6, a = 2.2, s = 1.4, a = 0.7, s = 6."""
    τs = dm.Trajectories([[6.0, 1.4]], [[2.2, 0.7]], [[0.0, 0.0]], s_end=[6.0])
    return float(
        dm.log_likelihood(τs, lambda s, a, s_next: stats.norm.logpdf(s_next, 2 * s + a, 5), stats.norm(5, 6))[0]
    )


show(exercise_14_1)

# %% [markdown]
# ## Exercises 14.3 and 14.4: importance sampling
#
# What is rare under $p$ is drawn from a proposal $q$ that makes it frequent, and weighted by $w = p/q$ (equation
# 14.12). For $p$ uniform on $[0, 5]$ and the event $|x| \le 1$, what is the best proposal, $q^* \propto f p$
# (equation 14.13)? How good is a single sample?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercises_14_3_and_14_4() -> dict[str, float]:
    """Uniform on [0, 1], where one sample, as 0.3, is exact: its weight, the estimate from it alone, the answer."""
    p, q, x = stats.uniform(0, 5), stats.uniform(0, 1), np.array([0.3])
    one = dm.importance_sampling(abs(x) <= 1, p.logpdf(x), q.logpdf(x))
    return {"weight": one.mean_weight, "estimate": one.mean, "exact": float(p.cdf(1))}


show(exercises_14_3_and_14_4)

# %% [markdown]
# ## A rare event, three ways
#
# $P(X > 4)$ of a standard normal is 3.17 in 100,000. Direct simulation sees almost none. A proposal at 4 sees one
# in two samples. If nobody knows where to put it, the cross-entropy method finds out: draw, keep the most severe
# samples, refit, until the event is no longer rare.
#
# Watch the intervals: the same 10,000 samples, and how much they say.


# %%
def a_rare_event(n: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Estimates of P(X > 4) from n samples by three proposals, the exact value, and the levels of cross entropy."""
    rng = np.random.default_rng(seed)
    p = dm.GaussianSearchDistribution([0.0], [1.0], added_variance=0.1)
    found = dm.cross_entropy_proposal(p, lambda x: x[:, 0], 4.0, 1000, 100, 20, rng)
    data: dict[str, Any] = {"exact": float(stats.norm.sf(4)), "levels": found.levels}
    proposals: dict[str, Any] = {
        "direct": p,
        "N(4, 1)": dm.GaussianSearchDistribution([4.0], [1.0]),
        "cross entropy": found.q,
    }
    for name, q in proposals.items():
        x = q.sample(n, rng)
        data[name] = dm.importance_sampling(x[:, 0] > 4, p.logpdf(x), q.logpdf(x))
    return data


show(a_rare_event, validation.rare_event)

# %% [markdown]
# ## Section 14.2: where to start
#
# Let encounters begin 20 seconds before the closest approach, and let the proposal draw start states in proportion to
# how likely a collision is from there. Only the start differs, so the weight is $b(s_1)/q(s_1)$. One draw in a hundred
# is from anywhere: a proposal must not be 0 where a failure is possible, and so no weight is above 100.
#
# Watch where the collisions are: direct sampling spends most of its encounters where nothing can happen.


# %%
def risky_starts(m: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Start states (m, 2), h and ḣ, drawn directly and by the proposal, and which of them end in a collision.

    "risk" (81, 81) is the collision probability on a grid of h and ḣ, interpolated: what the proposal is made of.
    """
    rng, π = np.random.default_rng(seed), dm.GridSolution(P)
    h, rate = np.linspace(-200, 200, 81), np.linspace(-10, 10, 81)
    grid = np.stack(np.broadcast_arrays(h[:, None], rate, 0.0, 20.0), axis=-1)
    risk = -dm.GridSolution(CollisionAvoidance(r_change=0.0), π).utility(grid)
    data: dict[str, Any] = {"h": h, "rate": rate, "risk": risk}
    width, anywhere = np.array([h[1] - h[0], rate[1] - rate[0]]), np.full(risk.size, 1 / risk.size)
    for name, q in {"direct": anywhere, "proposal": 0.99 * risk.ravel() / risk.sum() + 0.01 * anywhere}.items():
        cell = rng.choice(risk.size, m, p=q)
        start = np.zeros((m, 4))
        start[:, :2] = grid.reshape(-1, 4)[cell, :2] + width * rng.uniform(-0.5, 0.5, (m, 2))
        start[:, 3] = 20.0
        failed = dm.ever(dm.simulate(P, start, π, 21, rng), collided)
        log_p, log_q = np.full(m, -np.log(risk.size)), np.log(q[cell])
        data[name] = {"s": start[:, :2], "failed": failed, "estimate": dm.importance_sampling(failed, log_p, log_q)}
    return data


show(risky_starts, validation.risky_starts)

# %% [markdown]
# ## Example 14.4: when the model is wrong
#
# A policy is made for one limit of the vertical acceleration, and flown with another.
#
# Watch the policy that was made for a strong aircraft fail in a weak one: it waits too long.


# %%
def example_14_4(m: int = 4000, limits: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)) -> dict[str, Any]:
    """Collision estimates under true "limits" for policies made for 0.25, 1 and 1.25 m/s²; the same noise for all."""
    data: dict[str, Any] = {"limits": np.array(limits)}
    for made_for in (0.25, 1.0, 1.25):
        π = dm.GridSolution(CollisionAvoidance(acceleration=made_for))
        flown = (encounters(π, m, 0, CollisionAvoidance(acceleration=limit)) for limit in limits)
        data[f"made for {made_for:g} m/s²"] = [dm.estimate(dm.ever(τs, collided), interval="exact") for τs in flown]
    return data


show(example_14_4, validation.robustness)

# %% [markdown]
# ## Robust dynamic programming
#
# If any of several models may be the true one, back up with the worst of them for each state and action,
# $U(s) \leftarrow \max_a \min_i [R_i(s, a) + \gamma \sum_{s'} T_i(s' \mid s, a) U(s')]$ (equation 14.14). Here they are
# hex worlds in which a move goes where it should with probability 0.5, 0.7 or 0.9.


# %%
def robust_utilities() -> dict[str, Any]:
    """Robust utilities of the line (8,) and of the standard map (25,), and the optimal ones of each model."""
    line = {"tiles": tuple((i, 0) for i in range(7)), "rewards": {(6, 0): 10.0}}
    M, data = dm.RobustValueIteration(2000, δ=1e-12), {}
    for name, options in {"line": line, "map": {}}.items():
        models: list[Any] = [HexWorld(p_intended=p, **options) for p in (0.5, 0.7, 0.9)]  # type: ignore[arg-type]
        each = [dm.solve(dm.ValueIteration(2000, δ=1e-12), model).U for model in models]
        data[name] = {"robust": dm.solve(M, dm.ModelSet(models)).U, "each": np.array(each), "P": models[1]}
    return data


show(robust_utilities)

# %% [markdown]
# ## Example 14.5: trade-offs
#
# Fewer collisions cost more advisories. Optimal policies for collisions that cost $\lambda$ and changes that cost
# $1 - \lambda$ lie on a curve; the simple policy can be varied by its two thresholds. What no other policy dominates
# is the Pareto front.
#
# Watch how far most of the simple policies are from it.


# %%
def simple_policy(h: float, t: float) -> StatePolicy:
    """The simple policy with thresholds h, m, and t, s."""
    return lambda s: np.where((abs(s[..., 0]) < h) & (s[..., 3] < t), np.where(s[..., 0] > 0, 2, 0), 1)


def example_14_5(m: int = 2000) -> dict[str, np.ndarray]:
    """Collision and advisory probabilities, (K, 2), of the optimal policies for λ and of simple ones, and the front."""
    λs = (0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
    optimal = [dm.GridSolution(CollisionAvoidance(r_collision=-λ, r_change=λ - 1)) for λ in λs]
    simple = [simple_policy(h, t) for h in (50.0, 75.0, 100.0, 150.0) for t in (10.0, 20.0, 30.0, 40.0)]
    metrics = [
        (dm.ever(τs, collided).mean(), advised(τs).mean()) for τs in (encounters(π, m) for π in optimal + simple)
    ]
    x = np.array(metrics)
    return {
        "optimal": x[: len(λs)],
        "simple": x[len(λs) :],
        "front": dm.pareto_front(x, maximize=False),
        "λ": np.array(λs),
    }


show(example_14_5, validation.trade_off)


# %% [markdown]
# ## Exercise 14.5
#
# Four policies, three metrics, more is better: which are dominated?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_14_5() -> np.ndarray:
    """Which of the four are on the front."""
    return dm.pareto_front([[2.7, 1.1, 2.8], [1.8, 2.8, 4.5], [9.0, 4.5, 2.3], [5.3, 6.0, 2.8]])


show(exercise_14_5)

# %% [markdown]
# ## Algorithm 14.1: the adversary
#
# An adversary chooses what happens to the policy: it wants low rewards, and plausible ways, weighted by $\lambda$. Here
# the policy goes east on a line of seven tiles, and 10 is paid at its end.


# %%
def adversary_on_the_line() -> dict[float, dict[str, np.ndarray]]:
    """For each λ the adversary's utilities U (8,) and what it moves to, a (8,)."""
    data = {}
    for λ in (0.5, 1.0, 2.0):
        π = dm.solve(dm.LinearProgramFormulation(), dm.adversarial(StraightLineHexWorld(), np.zeros(8, dtype=int), λ))
        data[λ] = {"U": π.U, "a": np.array([π(s) for s in range(8)])}
    return data


show(adversary_on_the_line)

# %% [markdown]
# ## The most likely failure
#
# With nothing paid but $\ln T$, nothing discounted, and an end without a failure forbidden (equation 14.16), the
# adversary finds the most likely failure. That is a problem of search (appendix E): its actions are what the noise may
# be, its reward their log-probabilities. Paths that meet in a state are continued as one.
#
# Watch what it takes to bring each policy into a collision, from 100 m above and 20 s before.


# %%
def ways_of(π: StatePolicy) -> dm.Search:
    """The search problem of an adversary that chooses the noise while the policy flies, to the closest approach."""
    log_p = np.log(NOISE_PROBABILITY)
    return dm.Search(
        None,
        A=lambda s: np.broadcast_to(s[..., 3:] > 0.5, (*s.shape[:-1], 3)),
        T=lambda s, noise: P.successor(s, π(s), np.array(NOISE)[noise]),
        R=lambda s, noise: log_p[noise],
    )


def most_likely_collisions(h: float = 100.0, t: float = 20.0) -> dict[str, dict[str, Any]]:
    """For each policy the states (t + 1, 4) of its most likely collision from (h, 0, 0, t), and its log-probability."""
    start, data = np.array([h, 0.0, 0.0, t]), {}
    for name, π in policies().items():
        ways = ways_of(π)
        noise = dm.plan(
            ways, start, int(t), lambda s: np.where(collided(s), 0.0, -np.inf), lambda s: np.log(0.5) * s[:, 3]
        )
        data[name] = {"s": dm.follow_plan(ways, start, noise), "log p": float(np.log(NOISE_PROBABILITY)[noise].sum())}
    return data


show(most_likely_collisions, validation.likeliest_collisions)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 14` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("14")
