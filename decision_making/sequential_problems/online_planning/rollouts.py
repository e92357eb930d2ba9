"""Rollouts: what a policy collects from a state on, and a lookahead over such estimates (algorithm 9.1)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, flag, function, optional, problem, refuse, settings
from decision_making.problem import RNG, Action, Simulable, State, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.exact_solution_methods.tables import ended
from decision_making.sequential_problems.online_planning.draws import Draws, draws_of
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model, after, one_each, pair_of
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan, counted, generator, planned
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import plan, randstep

Leaf = Callable[[Array], Array]  # states (N, ...) -> their values (N,)


@randstep.register(object)
def randstep_of_a_sampler(P: Any, s: State, a: Action, rng: RNG = None) -> tuple[Array, Array]:
    """A sampled step of a batch, (s_next, r): that of the problem, P.TR(s, a, rng) (algorithm 9.1)."""
    if not offers(P, Simulable):
        refuse(None, "P", P, "a problem with a sampler TR(s, a, rng)", TypeError)
    return pair_of(P.TR(s, a, default_rng(rng)))


def rollout(P: Any, s: State, π: Callable[[State], Action], d: int, rng: RNG = None) -> Array:
    """Σ γ^(t-1) r_t of d steps of the policy from each state of the batch s (m, ...), (m,) (algorithm 9.1).

    π acts on batches. Nothing is paid from a terminal state on. Raises ValueError unless d is a whole number >= 1, and
    where π or P.TR gives another number of actions, states or rewards, or rewards that are no numbers.

    >>> from decision_making.problems import MountainCar
    >>> rollout(MountainCar(), np.zeros((2, 2)), lambda s: np.full(len(s), 2), d=3)
    array([-3., -3.])
    """
    problem(None, Named("P"), P)
    count(None, Named("d"), d)
    function(None, Named("π"), π)
    s, rng, factor = np.asarray(s), default_rng(rng), 1.0
    if s.ndim == 0:
        refuse(None, "s", s, "a batch of states, with one on each row of the first axis")
    value, alive = np.zeros(len(s)), np.ones(len(s), bool)
    for _ in range(d):
        alive &= ~ended(P, s)
        if not alive.any():
            break
        s_next, r = randstep(P, s, one_each(π(s), len(s)), rng)
        s, r = after(s, s_next, r, partial(ended, P))
        value += factor * np.where(alive, r, 0.0)
        factor *= P.γ
    return value


@struct(repr=False)
class RolloutEstimate:
    """The value of a state as the mean of m rollouts of d steps: a leaf value U for the searches of this chapter.

    Without a policy the actions are drawn uniformly from those that are available. Drawn together with the search, so
    that the same seed gives the same estimates.
    """

    d: int = field(validator=count)  # depth of a rollout, steps
    π: Any = field(default=None, validator=optional(function))  # policy s -> a on batches; None: uniformly random
    m: int = field(default=1, validator=count)  # rollouts averaged for each state

    def __repr__(self) -> str:
        return settings(self)

    def values(self, model: Model, s: Array, draws: Draws, rows: Array) -> Array:
        """Estimates (N,) for the states of these rows; 0 where nothing more can be gained."""
        value, live = np.zeros(len(s)), ~model.ended(s)
        some = slice(None) if live.all() else np.flatnonzero(live)
        s, rows = s[some], rows[some]
        if len(s) == 0:
            return value
        for _ in range(self.m):
            if self.π is None:
                value[some] += model.wander(s, self.d, draws, rows)
            else:
                value[some] += model.run(s, self.d, lambda s: model.index(self.π(model.state(s))), draws, rows)
        return value / self.m


def leaf_values(U: Any, model: Model, s: Array, draws: Draws, rows: Array | None = None) -> Array:
    """U of the states (N,): estimated by rollouts, or asked of a function or an array; 0 in terminal states."""
    if isinstance(U, RolloutEstimate):
        return U.values(model, s, draws, np.arange(len(s)) if rows is None else rows)
    return np.where(model.terminal(s), 0.0, model.leaf(U, s))


def listed_leaves(U: Any, model: Model) -> Array | None:
    """U of all states (S,), 0 of terminal ones, where it is an array of finite numbers; else None."""
    if not isinstance(model, FiniteModel):
        return None
    u = np.asarray(U)
    if u.dtype.kind not in "iuf" or u.shape != (len(model.R),) or not np.isfinite(u).all():
        return None
    return u.astype(np.float64) if model.final is None else np.where(model.final, 0.0, u)


def leaf_function(U: Any, model: Model, draws: Draws) -> Leaf:
    """`leaf_values` of U as a function of the states; an array over all states is checked once."""
    u = listed_leaves(U, model)
    return u.take if u is not None else lambda s: leaf_values(U, model, s, draws)


@struct(repr=False)
class RolloutLookahead(OnlinePlanner):
    """Greedy with respect to rollouts: one step of lookahead, then d steps of the policy π (algorithm 9.1).

    m rollouts are averaged for each successor of probability above 0, where the book's listing rolls out from every
    state. Of a problem that has no model, m successors of each action are sampled instead. With `common` the actions
    are compared under the same random numbers.
    """

    π: Any = field(validator=optional(function))  # rollout policy s -> a on batches; None: uniformly random
    d: int = field(validator=count)  # depth of a rollout; the horizon is d + 1
    m: int = field(default=1, kw_only=True, validator=count)  # rollouts for each successor
    common: bool = field(default=False, kw_only=True, validator=flag)  # the same random numbers for every action

    exact = False

    def did(self, found: Plan) -> str:
        """A rollout from each successor."""
        each = "one rollout" if self.m == 1 else counted(self.m, "rollout")
        policy = "random actions" if self.π is None else "the rollout policy"
        return (
            f"followed {each} of {counted(self.d, 'step')} with {policy} from every successor of {self.origin(found)}."
        )


@plan.register
def plan_by_rollouts(M: RolloutLookahead, s: State, *, rng: RNG = None) -> Plan:
    """Q(s, a) = R(s, a) + γ Σ T(s' | s, a) · mean return of the rollouts from s'."""
    model = M._model
    s, single = model.rows(s)
    draws, A = draws_of(generator(M, rng), len(s)), model.n_actions
    check_size("rollouts", len(s) * A * M.m, "use fewer states at a time")
    estimate, Q = RolloutEstimate(M.d, M.π, M.m), np.full((len(s), A), -np.inf)
    exact = isinstance(model, FiniteModel) or callable(getattr(getattr(model, "P", None), "successors", None))
    live, ended = np.flatnonzero(~model.ended(s)), model.ended(s)
    Q[ended] = model.resting(s[ended])
    if exact and len(live):
        edges = model.edges(s[live])
        by_action = [np.flatnonzero(edges.pair % A == a) for a in range(A)] if M.common else [slice(None)]
        u, before = np.empty(len(edges.pair)), copy.deepcopy(draws)
        for some in by_action:
            given = copy.deepcopy(before) if M.common else draws
            u[some] = estimate.values(model, edges.s_next[some], given, np.zeros(len(u[some]), int))
        Q[live] = edges.r + model.γ * edges.expect(u) if model.γ > 0 else edges.r
    elif len(live):
        available, before = model.available(s[live]), copy.deepcopy(draws)
        once = RolloutEstimate(M.d, M.π)
        for a in range(A):
            rows = live if available is None else live[available[:, a]]
            given = copy.deepcopy(before) if M.common else draws
            many = np.repeat(rows, M.m)
            s_next, r = model.step(s[many], np.full(len(many), a), given, many)
            u = once.values(model, s_next, given, many)
            u = r + model.γ * u if model.γ > 0 else r
            Q[rows, a] = u.reshape(len(rows), M.m).mean(axis=1)
    return planned(M, s, Q, single)
