"""The ground of learners: settings are frozen, a learnt model is one struct of arrays, `learn` and `replay` feed it.

The leading axes of every array of a model are its replications: seeds, or settings, or both. They share nothing, and
one run steps all of them together. A strategy π(model, s, rng) chooses the actions; it is frozen, too: what changes
with time is a function of `model.k`, the number of updates so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache, singledispatch
from typing import Any, ClassVar, Protocol, TypeVar

import attrs
import numpy as np

from decision_making.checks import Array, Field, Named, count, function, refuse
from decision_making.model_uncertainty.experience import Experience, Recorder
from decision_making.problem import RNG, Action, HasStart, HasTerminal, Simulable, State, offers
from decision_making.sampling import default_rng, indices, sample_start
from decision_making.sequential_problems.exact_solution_methods import Greedy
from decision_making.sequential_problems.exact_solution_methods.tables import tables
from decision_making.simulation import tally
from decision_making.speed import largest
from decision_making.structs import struct
from decision_making.trajectories import Trajectories
from decision_making.verbs import action_values, backup, end, greedy, learn, lookahead, start, unknown, update

__all__ = [
    "Exploration",
    "Learner",
    "action_values",
    "copied",
    "end",
    "greedy_policy",
    "learn",
    "replay",
    "revise",
    "start",
    "update",
    "value",
]

Model = TypeVar("Model", bound="Learner")


@struct(frozen=False)
class Learner:
    """What all learnt models have. Every field but M is an array whose leading axes are the replications."""

    M: Any  # settings
    k: Array  # updates so far (…)

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}  # of the numbers in an array, for files

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the replications; () for a single one."""
        return self.k.shape

    def arrays(self) -> dict[str, Array]:
        """The arrays by name, not copied."""
        return {a.name: getattr(self, a.name) for a in attrs.fields(type(self)) if a.name != "M"}

    def check_contents(self, arrays: Mapping[str, Array]) -> None:
        """ValueError where arrays of a file, of the right shapes, cannot be those of such a model."""

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in self.arrays().items() if name != "k")
        updates = f"{self.k.max(initial=0)} updates"
        return f"{type(self).__name__}({updates}, {shapes})"


class Exploration(Protocol):
    """A strategy: actions of a learnt model's replications in the states s."""

    def __call__(self, model: Any, s: Any, rng: np.random.Generator, /) -> Action:
        """An action for each replication (…)."""


# ---- settings


def how_many(x: Any) -> Any:
    """Attrs converter of S and A: a list of the states 0, 1, … stands for their number; what is no list is left."""
    if isinstance(x, np.ndarray | list | tuple | range) and np.array_equal(np.asarray(x), np.arange(len(x))):
        return len(x)
    return int(x) if isinstance(x, np.integer) else x


def rates(x: Any) -> Any:
    """Attrs converter: a list of numbers, one for each replication, as an array that cannot be written to."""
    if not isinstance(x, list | tuple | np.ndarray) or np.ndim(x) == 0:
        return x
    x = np.array(x, dtype=np.float64)
    x.setflags(write=False)
    return x


def each(check: Any) -> Any:
    """Attrs validator: what `check` allows, or an array of such numbers, one for each replication."""

    def checked(M: object, field: Field, x: Any) -> None:
        for y in x.ravel().tolist() if isinstance(x, np.ndarray) else [x]:
            check(M, field, y)

    return checked


def batch_shape(batch: Any) -> tuple[int, ...]:
    """The shape of the replications. ValueError where it is no int or tuple of whole numbers of at least 1."""
    shape = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    for n in shape:
        count(None, Named("batch"), n)
    return tuple(map(int, shape))


def initial(name: str, x: Any, batch: tuple[int, ...], shape: tuple[int, ...], least: float = -math.inf) -> Array:
    """x as a fresh float array (*batch, *shape), the same for each replication unless it has their axes.

    Raises ValueError, naming it, where it has another shape, or a number that is not finite or below `least`.
    """
    try:
        found = np.array(np.broadcast_to(np.asarray(x, dtype=np.float64), batch + shape))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} has shape {np.shape(x)}: must be of numbers {shape}, or {batch + shape}") from error
    if not (np.isfinite(found) & (found >= least)).all():
        bad = found[~(np.isfinite(found) & (found >= least))][0]
        refuse(None, name, float(bad), "finite" if least == -math.inf else f"finite and at least {least:g}")
    return found


# ---- models as arrays


@lru_cache(maxsize=64)
def replications(batch: tuple[int, ...]) -> Array:
    """The numbers 0, 1, … of the replications, (…); not to be written to."""
    i = np.arange(math.prod(batch)).reshape(batch)
    i.setflags(write=False)
    return i


def rows_of(model: Learner, s: Any) -> Array:
    """The row of each state s (…) among all S states of all replications, one after the other."""
    s, i = np.asarray(s), replications(model.batch)
    return i.reshape(i.shape + (1,) * (s.ndim - i.ndim)) * model.M.S + s


def copied(model: Model) -> Model:
    """The same model with arrays of its own."""
    return attrs.evolve(model, **{name: x.copy() for name, x in model.arrays().items()})


def part(model: Model, i: Any) -> Model:
    """A model of the replications i alone, with arrays of its own; settings are taken apart with them."""
    own = {a.name: x for a in attrs.fields(type(model.M)) if _goes_along(x := getattr(model.M, a.name), model.batch)}
    M = attrs.evolve(model.M, **{name: x[i] for name, x in own.items()}) if own else model.M
    return attrs.evolve(model, M=M, **{name: x[i].copy() for name, x in model.arrays().items()})


def put(model: Learner, i: Any, some: Learner) -> None:
    """Write the replications of `some` back to the places i of the model."""
    for name, x in some.arrays().items():
        getattr(model, name)[i] = x


def _goes_along(x: Any, batch: tuple[int, ...]) -> bool:
    return isinstance(x, np.ndarray) and batch != () and x.shape == batch


# ---- one transition


@singledispatch
def revise(model: Learner, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """What `update` does, once its arguments are checked: the body of a learner, a method for each kind of model."""
    unknown(revise, "model", model)


@update.register
def update_learner(
    model: Learner, s: Any, a: Any, r: Any, s_next: Any, *, terminated: Any = None, rng: RNG = None
) -> Any:
    """`update` of a learnt model: the arguments are checked, then the model is changed in place, and returned."""
    s, s_next = known_states(model, "s", s), known_states(model, "s_next", s_next)
    a, r = known_actions(model, a), rewards(model, r)
    if terminated is not None:
        terminated = np.broadcast_to(np.asarray(terminated, dtype=bool), model.batch)
    revise(model, s, a, r, s_next, terminated, default_rng(rng) if rng is not None else None)
    model.k += 1
    return model


def known_states(model: Learner, name: str, s: Any) -> Array:
    """States of the replications: indices (…) of a model with a table, else finite numbers (…, …)."""
    n = getattr(model.M, "S", None)
    s = np.asarray(s)
    if n is not None:
        s = indices(name, s, n)
        if s.shape != model.batch:
            raise ValueError(f"{name} has shape {s.shape}: must be {model.batch}, a state for each replication")
        return s
    if s.dtype.kind not in "fiu" or not np.isfinite(s).all():
        raise ValueError(f"{name} = {s.tolist()}: must be finite numbers"[:200])
    if s.shape[: len(model.batch)] != model.batch:
        raise ValueError(f"{name} has shape {s.shape}: must begin with {model.batch}, a state for each replication")
    return s


def known_actions(model: Learner, a: Any) -> Array:
    """Actions of the replications (…): indices, or members of a list M.A of numbers."""
    A, a = model.M.A, np.asarray(a)
    if isinstance(A, int):
        a = indices("a", a, A)
    elif not np.isin(a, A).all():
        raise ValueError(f"a = {a.tolist()}: must be among the actions {np.asarray(A).tolist()}"[:300])
    if a.shape != model.batch:
        raise ValueError(f"a has shape {a.shape}: must be {model.batch}, an action for each replication")
    return a


def rewards(model: Learner, r: Any) -> Array:
    """Rewards of the replications (…), finite."""
    r = np.asarray(r, dtype=np.float64)
    if r.shape != model.batch:
        r = np.broadcast_to(r, model.batch) if r.ndim == 0 else r
        if r.shape != model.batch:
            raise ValueError(f"r has shape {r.shape}: must be {model.batch}, a reward for each replication")
    if np.count_nonzero(np.isfinite(r)) != r.size:
        i = int(np.argmin(np.isfinite(r)))
        raise ValueError(f"r = {r.ravel()[i]} of replication {i}: every reward must be finite")
    return r


@end.register
def end_learner(model: Learner, which: Any = None) -> Learner:
    """Nothing to do."""
    return model


# ---- what a model expects


@lookahead.register
def lookahead_in_a_learner(model: Learner, s: State, a: Action) -> Any:
    """`lookahead` of a learnt model: a may have one axis more than s."""
    Q, a = action_values(model, s), action_indices(model, a)
    more = a.ndim >= Q.ndim
    return np.take_along_axis(Q, a if more else a[..., None], axis=-1)[(...,) if more else (..., 0)][()]


@greedy.register
def greedy_in_a_learner(model: Learner, s: State) -> Greedy:
    """`greedy` of a learnt model."""
    Q = action_values(model, s)
    best = np.argmax(Q, axis=-1)
    return Greedy(listed(model, best), np.take_along_axis(Q, best[..., None], axis=-1)[..., 0][()])


@backup.register
def backup_in_a_learner(model: Learner, s: State) -> Any:
    """`backup` of a learnt model."""
    return action_values(model, s).max(axis=-1)


def action_indices(model: Learner, a: Any) -> Array:
    """The position of each action in M.A."""
    A = model.M.A
    if isinstance(A, int):
        return indices("a", a, A)
    order = np.argsort(A)
    return order[np.minimum(np.searchsorted(A, a, sorter=order), len(A) - 1)]


def listed(model: Learner, i: Array) -> Array:
    """The actions at the positions i of M.A."""
    A = model.M.A
    return i if isinstance(A, int) else np.asarray(A)[i]


def greedy_policy(model: Learner) -> Any:
    """The greedy actions of a tabular model in all states, (…, S); of any other model a function of the state.

    They are what `policy_evaluation` takes, of one replication. The first of equally good actions is taken.
    """
    if getattr(model.M, "S", None) is None:
        return lambda s: greedy_in_a_learner(model, s).a
    return np.argmax(action_values(model), axis=-1)


def value(model: Learner, P: Any, b: Any = None) -> Any:
    """The exact expected utility of each replication's greedy policy in the tabular problem P, (…).

    So a learning curve needs no rollouts. b is the distribution of the start states, by default P.b. Each different
    policy is evaluated once. Raises ValueError for γ = 1, and where there is no b; TypeError for a P without tables.
    """
    if b is None:
        if not offers(P, HasStart):
            raise ValueError("b = None: must be a start distribution, for P has none")
        b = P.b
    T, R = tables(P)
    if getattr(model.M, "S", None) != len(R):
        raise ValueError(f"model: is of {getattr(model.M, 'S', None)} states: P has {len(R)}")
    if not P.γ < 1:
        raise ValueError(f"γ = {P.γ}: must be below 1, else a policy may have no finite utility")
    policies, which = np.unique(greedy_policy(model).reshape(-1, len(R)), axis=0, return_inverse=True)
    U = utilities_of(T, R, P.γ, policies) @ np.asarray(b, dtype=np.float64)
    return U[which.ravel()].reshape(model.batch)[()]


def utilities_of(T: Any, R: Array, γ: float, a: Array) -> Array:
    """The utilities (N, S) of N policies a (N, S), in blocks that fit the cache."""
    n_states = len(R)
    if not isinstance(T, np.ndarray):
        from decision_making.sequential_problems.exact_solution_methods.evaluation import chain_of_actions, evaluated

        return np.array([evaluated(*chain_of_actions(T, R, x), γ) for x in a])
    U, s = np.empty(a.shape), np.arange(n_states)
    block = max(1, (1 << 18) // n_states**2)
    for i in range(0, len(a), block):
        some = a[i : i + block]
        U[i : i + block] = np.linalg.solve(np.eye(n_states) - γ * T[s, some], R[s, some][..., None])[..., 0]
    return U


# ---- many transitions


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
    begin = _beginning(P, m, batch, s, b)
    terminal = P.terminal if offers(P, HasTerminal) else None
    restarts = terminal is not None or episode is not None
    record = Recorder(m, h, restarts)
    s, age = begin(m, acting), np.zeros(m, dtype=np.intp)
    for k in range(h):
        a = known_actions(model, π(model, s.reshape(*batch, *s.shape[1:]), acting)).reshape(m)
        s_next, r = P.TR(s, a, acting)
        s_next, r = np.asarray(s_next), np.asarray(r)
        ended = None if terminal is None else np.asarray(terminal(s_next), dtype=bool)
        x = [y.reshape(*batch, *y.shape[1:]) for y in (s, a, r, s_next)]
        update_learner(model, *x, terminated=None if ended is None else ended.reshape(batch), rng=planning)
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
            s = s_next.copy()
            s[over] = begin(int(np.count_nonzero(over)), acting, over)
    τs = record.experience(s)
    tally(τs.r.sum(axis=1), τs.lengths, m * h)
    return model, τs


def check_learning(model: Any, π: Any, h: Any) -> None:
    """Raise TypeError or ValueError unless these can be learnt with."""
    if not isinstance(model, Learner):
        refuse(None, "model", model, "a learnt model, as start(M) makes it", TypeError)
    function(None, Named("π"), π)
    count(None, Named("h"), h)


def _beginning(P: Any, m: int, batch: tuple[int, ...], s: Any, b: Any) -> Any:
    """A function (n, rng, which=None) that gives start states of n of the m replications, those of the mask `which`."""
    if s is not None:
        s = np.asarray(s)
        given = s.reshape(m, *s.shape[len(batch) :]) if s.shape[: len(batch)] == batch and batch else None
        given = np.repeat(s[None], m, axis=0) if given is None else given
        return lambda n, rng, which=None: given if which is None else given[which]
    if b is None and not offers(P, HasStart):
        raise ValueError("s = None and b = None: give one of them, for P has no start distribution")
    b = P.b if b is None else b
    return lambda n, rng, which=None: sample_start(b, n, rng)


def replay(model: Model, τs: Trajectories, *, rng: RNG = None) -> Model:
    """A model that has learnt from recorded trajectories; the given one stays as it is.

    Of an `Experience` row i is fed to replication i, step after step: what `learn` gave, replayed from the same start
    with the same rng, gives the same bits. Of other `Trajectories` each row is an episode; they are shared out evenly
    in order, all rows of a replication after each other. The rng has no use but for planners that draw.

    Raises ValueError for as many rows as do not suit the model, and for what `update` refuses.
    """
    if not isinstance(model, Learner):
        refuse(None, "model", model, "a learnt model, as start(M) makes it", TypeError)
    if not isinstance(τs, Trajectories):
        refuse(None, "τs", type(τs).__name__, "Trajectories", TypeError)
    seen = Experience.of(τs, model.batch)
    m, d = seen.r.shape
    if m != math.prod(model.batch):
        raise ValueError(f"τs has {m} rows: must be one for each of the {math.prod(model.batch)} replications")
    _, planning = default_rng(rng).spawn(2)
    model, batch = copied(model), model.batch
    for k in range(d):
        s, a, r, s_next = (x[:, k].reshape(*batch, *x.shape[2:]) for x in (seen.s, seen.a, seen.r, seen.s_next))
        ended = None if seen.ended is None else seen.ended[:, k].reshape(batch)
        update_learner(model, s, a, r, s_next, terminated=ended, rng=planning)
        if seen.over is not None and seen.over[:, k].any():
            end(model, seen.over[:, k].reshape(batch))
    return model


def rows_at(x: Array, i: Array) -> Array:
    """The rows i (…) of x, whose last axis they are, all other axes taken as one: (…, x.shape[-1])."""
    return x.reshape(-1, x.shape[-1]).take(i, axis=0)


def best_at(x: Array, i: Array) -> Array:
    """The largest entry of each of these rows, (…)."""
    rows = rows_at(x, i)
    return rows.max(axis=-1) if rows.ndim != 2 else largest(rows)
