"""Bayesian models, posterior sampling, and planning in the space of beliefs (algorithms 16.8 and 16.9)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, discount, numbers, refuse
from decision_making.model_uncertainty.learners import (
    batch_shape,
    how_many,
    initial,
    known_model,
    moderate,
    of_which,
    replications,
    revise,
    rows_of,
)
from decision_making.model_uncertainty.model_based_methods.counted import check_planner, planner
from decision_making.model_uncertainty.model_based_methods.planners import (
    PLANNERS,
    ModelBased,
    PosteriorSamplingUpdate,
    note_ends,
    plan,
    solved,
)
from decision_making.problem import RNG
from decision_making.sampling import default_rng, indices
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import end, start


def _table(x: Any) -> Any:
    return numbers(x, "R")


@struct
class BayesianMDP:
    """Dirichlet beliefs about the transitions, rewards being known (algorithm 16.8, equations 16.5 to 16.9).

    D is the prior, pseudo-counts α(s, a, s'): a number, or (S, A, S). An entry 0 means that the transition is
    impossible; every row must have an entry above 0. R (S, A) is known for all pairs, also those never tried.
    """

    S: int = field(converter=how_many, validator=count)  # number of states
    A: int = field(converter=how_many, validator=count)  # number of actions
    D: Any = field(repr=False)  # Dirichlet parameters of the prior, a number or (S, A, S)
    R: Array = field(converter=_table, repr=False)  # expected rewards (S, A)
    γ: float = field(validator=discount)  # discount factor
    planner: Any = field(validator=planner)  # what is done about the utilities after each step

    def __attrs_post_init__(self) -> None:
        check_planner(self, PLANNERS)
        if self.R.shape != (self.S, self.A) or not moderate(self.R).all():
            refuse(self, "R", self.R.tolist(), f"finite rewards, not huge, of shape {(self.S, self.A)}")
        D = numbers(self.D, "D")
        good = D.shape in ((), (self.S, self.A, self.S)) and np.isfinite(D).all() and (D >= 0).all()
        if not good or (D.sum(axis=-1) if D.ndim else D).min() <= 0:
            refuse(self, "D", self.D, f"> 0, or numbers >= 0 of {(self.S, self.A, self.S)} with none of its rows 0")


@struct(frozen=False, repr=False)
class BayesianModel(ModelBased):
    """The posterior, and the utilities of its mean or of a draw from it (`start(BayesianMDP(…))`)."""

    D: Array  # Dirichlet parameters (…, S, A, S)
    due: Array  # whether the next step of posterior sampling draws a model (…)

    _total: Array | None = field(init=False, default=None)  # sums of D over the next states (…, S, A); when needed

    bounds: ClassVar = {**ModelBased.bounds, "D": (0, 2.0**53)}

    def changed(self) -> None:
        """The sums are not known any more."""
        self._total = None

    def total(self) -> Array:
        """Σ D over the next states (…, S, A), kept: prioritised sweeping asks for all of them at every backup."""
        if self._total is None:
            self._total = self.D.sum(axis=-1)
        return self._total

    def tables(self) -> tuple[Array, Array]:
        """The posterior mean of T (16.9), and R."""
        T = self.D / self.D.sum(axis=-1, keepdims=True)
        return T, np.broadcast_to(self.M.R, T.shape[:-1])

    def rows(self, i: Array) -> tuple[Array, Array]:
        """The same for some states of all replications."""
        D = self.D.reshape(-1, self.M.A, self.M.S)[i]
        return D / D.sum(axis=-1, keepdims=True), self.M.R[i % self.M.S]

    def columns(self, x: Array) -> Array:
        """The posterior mean of T(x | s, a)."""
        return np.take_along_axis(self.D, x[..., None, None, None], axis=-1)[..., 0] / self.total()

    def check_contents(self, arrays: Any) -> None:
        """ValueError where a row of D is 0."""
        if not (arrays["D"].sum(axis=-1) > 0).all():
            raise ValueError("D has a row of zeros")


@start.register
def start_bayesian(M: BayesianMDP, batch: Any = (), *, U: Any = 0.0) -> BayesianModel:
    """The prior, and utilities 0 or a copy of those given."""
    batch, S = batch_shape(M, batch), M.S
    D = initial("D", M.D, batch, (S, M.A, S), 0)
    k, U, priority = np.zeros(batch, int), initial("U", U, batch, (S,)), np.zeros((*batch, S))
    begun = k, U, priority, np.zeros(batch, int), np.zeros((*batch, S), bool)
    return BayesianModel(M, *begun, D, np.ones(batch, bool))


@revise.register
def revise_bayesian(
    model: BayesianModel, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any
) -> None:
    """α(s, a, s') += 1, then plan; the reward is known already."""
    pair = rows_of(model, s) * model.M.A + a
    k = pair * model.M.S + s_next
    flat = model.D.reshape(-1)
    flat[k] = flat.take(k) + 1
    if model._total is not None:
        model._total.reshape(-1)[pair] = model.D.reshape(-1, model.M.S)[pair].sum(axis=-1)
    note_ends(model, s, s_next, terminated)
    plan(model.M.planner, model, s, rng)


def posterior_sample(model: BayesianModel, rng: RNG = None, which: Array | None = None) -> Array:
    """Transitions (…, S, A, S) drawn from the posterior; what has parameter 0 gets probability 0 (algorithm 16.9).

    With `which` (n,), numbers of replications, only these are drawn: (n, S, A, S). TypeError for a model without a
    posterior.
    """
    known_model(model, BayesianModel)
    D = model.D if which is None else model.D.reshape(-1, *model.D.shape[-3:])[which]
    x = default_rng(rng).standard_gamma(D)
    total = x.sum(axis=-1, keepdims=True)
    if not (total > 0).all():  # parameters so small that every draw underflowed: one outcome is certain then
        x = np.where(total > 0, x, D.max(axis=-1, keepdims=True) == D)
        total = x.sum(axis=-1, keepdims=True)
    return x / total


@plan.register
def plan_by_posterior_sampling(planner: PosteriorSamplingUpdate, model: BayesianModel, s: Array, rng: Any) -> None:
    """Algorithm 16.9."""
    which = np.flatnonzero(model.due) if planner.per_episode else replications(model.batch).ravel()
    rng = default_rng(rng)
    if which.size:
        solved(
            model,
            which,
            lambda i: posterior_sample(model, rng, i),
            lambda i: np.broadcast_to(model.M.R, (len(i), *model.M.R.shape)),
        )
    if planner.per_episode:
        model.due[...] = False


@end.register
def end_bayesian(model: BayesianModel, which: Any = None) -> BayesianModel:
    """A new model is due."""
    model.due[of_which(model, which)] = True
    return model


MOST_NODES, MOST_STEPS = 2_000_000, 500  # beliefs that a tree may have, and its depth


def bayes_adaptive_values(model: BayesianModel, s: int, d: int, U: Any = None) -> Array:
    """Q*(s, b, ·), (A,), over the next d steps, of a learner that plans to learn from them (equations 16.7 and 16.10).

        U*(s, b) = max_a R(s, a) + γ Σ P(s' | s, b, a) U*(s', b'),    b' being b with one more count of (s, a, s')

    The tree of all beliefs within d steps; beyond them the utilities U (S,), 0 by default. Its size grows as (A·S)^d:
    TooLargeError, before anything is allocated, for more than 2,000,000 nodes or 500 steps. ValueError for a model of
    several replications; TypeError for one without a posterior.
    """
    known_model(model, BayesianModel)
    count(None, Named("d"), d)
    M = model.M
    if model.batch != ():
        raise ValueError(f"model has replications {model.batch}: must be a single one")
    check_size("steps of a tree of beliefs", d, "take a smaller d", MOST_STEPS)
    check_size(f"nodes in a tree of {d} steps", (M.A * M.S) ** int(d), "take a smaller d", MOST_NODES)
    s = int(indices("s", s, M.S))
    leaf = np.zeros(M.S) if U is None else numbers(U, "U")
    if leaf.shape != (M.S,) or not np.isfinite(leaf).all():
        refuse(None, "U", U, f"finite utilities of the {M.S} states")
    leaf = np.where(model.ended, 0.0, leaf)
    return _expected(model.D.copy(), M.R, M.γ, model.ended, s, d, leaf)


def _expected(D: Array, R: Array, γ: float, ended: Array, s: int, d: int, leaf: Array) -> Array:
    """Q*(s, D, ·) by recursion, 0 in terminal states. D changes during the recursion and is restored at the end."""
    Q = R[s].astype(float)
    if ended[s]:
        return np.zeros_like(Q)
    for a in range(len(Q)):
        row = D[s, a]
        p = row / row.sum()
        if d == 1:
            Q[a] += γ * p @ leaf
            continue
        for s_next in np.flatnonzero(p):
            row[s_next] += 1
            Q[a] += γ * p[s_next] * _expected(D, R, γ, ended, int(s_next), d - 1, leaf).max()
            row[s_next] -= 1
    return Q
