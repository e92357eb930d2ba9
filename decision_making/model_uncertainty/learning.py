"""`learn` and `replay`: transitions of all replications, and the value of what was learnt (chapters 15 to 17)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from decision_making.checks import Array, Named, count, function, made_array, refuse, shortened
from decision_making.model_uncertainty.experience import Experience, Recorder
from decision_making.model_uncertainty.learners import (
    Exploration,
    Learner,
    copied,
    greedy_policy,
    known_actions,
    known_model,
    known_states,
    rewards,
    taken_in,
    update_learner,
)
from decision_making.problem import RNG, HasStart, HasTerminal, Simulable, offers
from decision_making.sampling import default_rng, sample_start, start_probabilities
from decision_making.sequential_problems.exact_solution_methods.evaluation import (
    chain_of_actions,
    check_available,
    evaluated,
)
from decision_making.sequential_problems.exact_solution_methods.tables import tables
from decision_making.simulation import tally
from decision_making.sizes import NUMBERS, check_size
from decision_making.trajectories import Trajectories
from decision_making.verbs import end, learn

Model = TypeVar("Model", bound=Learner)


@learn.register(object)
def learn_by_simulation(
    P: Any,
    model: Learner,
    π: Exploration,
    h: int,
    s: Any = None,
    *,
    b: Any = None,
    rng: RNG = None,
    episode: int | None = None,
) -> tuple[Any, Experience]:
    """`learn` in any problem with a sampler TR."""
    if not offers(P, Simulable):
        raise TypeError(f"P = {P!r}: must have a sampler TR(s, a, rng) to learn from")
    check_learning(model, π, h)
    if episode is not None:
        count(None, Named("episode"), episode)
    acting, planning = default_rng(rng).spawn(2)
    model, batch = copied(model), model.batch
    m = math.prod(batch)
    terminal = P.terminal if offers(P, HasTerminal) else None
    begin = _beginning(P, m, batch, s, b, terminal)
    restarts = terminal is not None or episode is not None
    record = Recorder(m, h, restarts)
    s, age = begin(m, acting), np.zeros(m, dtype=np.intp)
    shaped = _shaping(batch)
    known_states(model, "s", shaped(s))
    if terminal is not None and np.any(over := np.asarray(terminal(s), dtype=bool)):
        raise ValueError(f"s = {shortened(s[over][0].tolist())}: must not be terminal, for no step is made there")
    for k in range(h):
        action = known_actions(model, π(model, shaped(s), acting))
        a = action.reshape(m)
        s_next, r = map(np.asarray, P.TR(s, a, acting))
        ended = None if terminal is None else np.asarray(terminal(s_next), dtype=bool)
        paid, there = rewards(model, shaped(r)), known_states(model, "s_next", shaped(s_next))
        taken_in(model, shaped(s), action, paid, there, None if ended is None else shaped(ended), planning)
        if not restarts:
            record.note(k, s=s, a=a, r=r)
            s = s_next
            continue
        age += 1
        over = age == episode if ended is None else ended | (age == episode)
        flags = {"over": over} if ended is None else {"over": over, "ended": ended}
        record.note(k, s=s, a=a, r=r, s_next=s_next, **flags)
        s = s_next
        if over.any():
            end(model, over.reshape(batch))
            age[over] = 0
            new = begin(int(np.count_nonzero(over)), acting, over)
            s = s_next.astype(np.result_type(s_next, new))
            s[over] = new
            known_states(model, "s", shaped(s))
    τs = record.experience(s)
    tally(τs.r.sum(axis=1), τs.lengths, m * h)
    return model, τs


def check_learning(model: Any, π: Any, h: Any) -> None:
    """Raise TypeError or ValueError unless these can be learnt with, and what is seen fits in memory."""
    known_model(model)
    function(None, Named("π"), π)
    count(None, Named("h"), h)
    check_size("steps of all replications", int(h) * math.prod(model.batch), "learn in several runs", NUMBERS)


def _shaping(batch: tuple[int, ...]) -> Callable[[Array], Array]:
    """A function that reshapes the first axis of an array, that of all replications, to the shape of the batch."""
    return (lambda x: x) if len(batch) == 1 else (lambda x: x.reshape((*batch, *x.shape[1:])))


REDRAWS = 1000  # of start states that are terminal


def _beginning(P: Any, m: int, batch: tuple[int, ...], s: Any, b: Any, terminal: Any) -> Any:
    """A function (n, rng, which=None) that gives start states of n of the m replications, those of the mask `which`.

    An episode that would end before its first step is drawn anew.
    """
    if s is not None:
        s = made_array(s, "s")
        given = s.reshape(m, *s.shape[len(batch) :]) if s.shape[: len(batch)] == batch and batch else None
        given = np.repeat(s[None], m, axis=0) if given is None else given
        return lambda n, rng, which=None: given if which is None else given[which]
    if b is None and not offers(P, HasStart):
        raise ValueError("s = None and b = None: give one of them, for P has no start distribution")
    b = P.b if b is None else b

    def drawn(n: int, rng: np.random.Generator, which: Any = None) -> Array:
        s = sample_start(b, n, rng)
        for _ in range(REDRAWS if terminal is not None else 0):
            over = np.asarray(terminal(s), dtype=bool)
            if not over.any():
                return s
            s = np.array(s)
            s[over] = sample_start(b, int(np.count_nonzero(over)), rng)
        if terminal is not None:
            raise ValueError(f"b: gave {REDRAWS} terminal start states in a row; an episode must begin before it ends")
        return s

    return drawn


def replay(model: Model, τs: Trajectories, *, rng: RNG = None) -> Model:
    """A model that has learnt from recorded trajectories; the given one stays as it is.

    Row i of an `Experience` is fed to replication i, step after step: the experience that `learn` recorded, replayed
    from the same start with the same rng, gives the same model, bit for bit. Each row of other `Trajectories` is an
    episode; each replication gets the same number of them, in order, the first replication the first ones. Only
    planners that sample use the rng.

    Raises ValueError for a number of rows that does not suit the model, and the errors of `update`.
    """
    known_model(model)
    if not isinstance(τs, Trajectories):
        refuse(None, "τs", type(τs).__name__, "Trajectories", TypeError)
    seen = Experience.of(τs, model.batch)
    m, d = seen.r.shape
    if m != math.prod(model.batch):
        raise ValueError(f"τs has {m} rows: must be one for each of the {math.prod(model.batch)} replications")
    _, planning = default_rng(rng).spawn(2)
    model, batch = copied(model), model.batch
    for k in range(d):
        s, a, r, s_next = (x[:, k].reshape((*batch, *x.shape[2:])) for x in (seen.s, seen.a, seen.r, seen.s_next))
        ended = None if seen.ended is None else seen.ended[:, k].reshape(batch)
        update_learner(model, s, a, r, s_next, terminated=ended, rng=planning)
        if seen.over is not None and seen.over[:, k].any():
            end(model, seen.over[:, k].reshape(batch))
    return model


def value(model: Learner, P: Any, b: Any = None) -> Any:
    """The exact expected utility of each replication's greedy policy in the tabular problem P, (…).

    So a learning curve needs no rollouts. b is the distribution of the start states, by default P.b. Each different
    policy is evaluated once. Raises ValueError for γ = 1, where there is no b, and where a policy takes an action that
    is not available; TypeError for a P without tables and for what is no model.
    """
    known_model(model)
    if b is None:
        if not offers(P, HasStart):
            raise ValueError("b = None: must be a start distribution, for P has none")
        b = P.b
    T, R = tables(P)
    if getattr(model.M, "S", None) != len(R):
        raise ValueError(f"model: is of {getattr(model.M, 'S', None)} states: P has {len(R)}")
    if not P.γ < 1:
        raise ValueError(f"γ = {P.γ}: must be below 1, else a policy may have no finite utility")
    b = start_probabilities(b, len(R))
    policies, which = np.unique(greedy_policy(model).reshape(-1, len(R)), axis=0, return_inverse=True)
    U = utilities_of(T, R, P.γ, policies) @ b
    return U[which.ravel()].reshape(model.batch)[()]


def utilities_of(T: Any, R: Array, γ: float, a: Array) -> Array:
    """The utilities (N, S) of N policies a (N, S), in blocks that fit the cache."""
    n_states = len(R)
    if not isinstance(T, np.ndarray):
        return np.array([evaluated(*chain_of_actions(T, R, x), γ) for x in a])
    U, s = np.empty(a.shape), np.arange(n_states)
    check_available(np.broadcast_to(s, a.shape).ravel(), a.ravel(), R[s, a].ravel())
    block = max(1, (1 << 18) // n_states**2)
    for i in range(0, len(a), block):
        some = a[i : i + block]
        U[i : i + block] = np.linalg.solve(np.eye(n_states) - γ * T[s, some], R[s, some][..., None])[..., 0]
    return U
