"""The ground of learners (chapters 15 to 17, 25).

Settings are frozen, a learnt model is one struct of arrays, and `learn` and `replay` feed it.

The leading axes of every array of a model are its replications: seeds, or settings, or both. They are independent, and
one run advances all of them together. A strategy π(model, s, rng) chooses the actions; it is frozen, too: what changes
with time is a function of `model.k`, the number of updates so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache, singledispatch
from numbers import Integral
from typing import Any, ClassVar, Protocol, TypeVar

import attrs
import numpy as np

from decision_making.checks import (
    Array,
    Field,
    Named,
    all_finite,
    count,
    made_array,
    numbers,
    read_only,
    refuse,
    shortened,
)
from decision_making.dispatching import unknown
from decision_making.problem import RNG, Action, State
from decision_making.sampling import default_rng, indices
from decision_making.sequential_problems.exact_solution_methods import Greedy
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct
from decision_making.verbs import action_values, backup, end, greedy, lookahead, update

Model = TypeVar("Model", bound="Learner")
LARGEST = 1e200  # of rewards and of initial numbers: no sum of them overflows


@struct(frozen=False)
class Learner:
    """What all learnt models have. Every field but M is an array whose leading axes are the replications."""

    M: Any  # settings
    k: Array  # updates so far (…)

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}  # of the numbers in an array, for files
    growing: ClassVar[frozenset[str]] = frozenset()  # arrays (E,) that get longer as the model learns

    def __attrs_post_init__(self) -> None:
        for name, x in self.arrays().items():  # they are written through flat views, which only contiguous arrays have
            setattr(self, name, np.asarray(x, order="C"))

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the replications; () for a single one."""
        return self.k.shape

    def arrays(self) -> dict[str, Array]:
        """The arrays by name, not copied."""
        return {a.name: getattr(self, a.name) for a in attrs.fields(type(self)) if a.init and a.name != "M"}

    def changed(self) -> None:
        """Forget what was computed from the arrays: they were written to."""

    def check_contents(self, arrays: Mapping[str, Array]) -> None:
        """ValueError where arrays read from a file, of the right shapes, have values that no such model can have."""

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
    if isinstance(x, np.ndarray | list | tuple | range) and getattr(x, "shape", True) != ():
        return len(x) if all(isinstance(k, Integral) and k == i for i, k in enumerate(x)) else x
    return int(x) if isinstance(x, np.integer) else x


def rates(x: Any) -> Any:
    """Attrs converter: a list of numbers, one for each replication, as an array that cannot be written to.

    What is no such list is left for the validator.
    """
    try:
        found = numbers(x, "") if isinstance(x, list | tuple | np.ndarray) else None
    except TypeError:
        return x
    if found is None:
        return x
    return read_only(found) if found.ndim else found.item()


def each(check: Any) -> Any:
    """Attrs validator: what `check` allows, or an array of such numbers, one for each replication."""

    def checked(M: object, field: Field, x: Any) -> None:
        for y in x.ravel().tolist() if isinstance(x, np.ndarray) else [x]:
            check(M, field, y)

    return checked


def batch_shape(M: Any, batch: Any) -> tuple[int, ...]:
    """The shape of the replications of a model with the settings M.

    ValueError unless it is a whole number >= 1, or a tuple of these, and suits the settings of M that are arrays.
    """
    shape = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    for n in shape:
        count(None, Named("batch"), n)
    shape = tuple(map(int, shape))
    check_size("replications", math.prod(shape), "begin with fewer", NUMBERS)
    for name in rate_names(M):
        own_rate(M, name, shape)
    return shape


def rate_names(M: Any) -> list[str]:
    """The settings of which M has one for each replication."""
    found = (a.name for a in attrs.fields(type(M)) if a.converter is rates)
    return [name for name in found if isinstance(getattr(M, name), np.ndarray)]


def own_rate(M: Any, name: str, batch: tuple[int, ...]) -> Any:
    """The setting M.name: a number, or an array with one for each replication. ValueError for one of another shape."""
    x = getattr(M, name)
    if isinstance(x, np.ndarray) and x.shape != batch:
        raise ValueError(f"{type(M).__name__}.{name} has shape {x.shape}: must be {batch}, one for each replication")
    return x


def initial(name: str, x: Any, batch: tuple[int, ...], shape: tuple[int, ...], least: float = -math.inf) -> Array:
    """x as a fresh float array (*batch, *shape), the same for each replication unless it has their axes.

    Raises ValueError, naming it, where it has another shape, or a number that is not finite, huge or below `least`;
    TooLargeError, before anything is allocated, where it would not fit.
    """
    instead = "begin with fewer replications, or fewer states; MaximumLikelihoodMDP has `sparse` for many states"
    check_size(f"numbers in {name}", math.prod(batch + shape), instead, NUMBERS)
    try:
        found = np.array(np.broadcast_to(numbers(x, name), batch + shape), order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} has shape {np.shape(x)}: must be of numbers {shape}, or {batch + shape}") from error
    good = moderate(found) & (found >= least)
    if not good.all():
        allowed = f"finite, of size at most {LARGEST:g}" + (f", and at least {least:g}" if least > -math.inf else "")
        refuse(None, name, float(found[~good][0]), allowed)
    return found


def moderate(x: Any) -> Array:
    """Which numbers are finite, and small enough that a sum of many of them is finite, too."""
    return np.asarray(np.abs(np.asarray(x, np.float64)) <= LARGEST)  # not as float32, which LARGEST is beyond


# ---- models as arrays


@lru_cache(maxsize=64)
def replications(batch: tuple[int, ...]) -> Array:
    """The numbers 0, 1, … of the replications, (…); not to be written to."""
    i = np.arange(math.prod(batch)).reshape(batch)
    return read_only(i)


def rows_of(model: Learner, s: Any) -> Array:
    """The row of each state s (…) among all S states of all replications, one after the other."""
    s, i = np.asarray(s), replications(model.batch)
    return i.reshape(i.shape + (1,) * (s.ndim - i.ndim)) * model.M.S + s


def copied(model: Model) -> Model:
    """The same model with arrays of its own."""
    return attrs.evolve(model, **{name: x.copy() for name, x in model.arrays().items()})


def part(model: Model, i: Any) -> Model:
    """A model of the replications i alone, with arrays of its own; settings are taken apart with them.

    Raises TypeError unless it is a model; IndexError, naming them, for replications that it does not have.
    """
    known_model(model)
    try:
        replications(model.batch)[i]
    except (IndexError, ValueError) as error:
        raise IndexError(f"i = {shortened(i)}: must be among the replications {model.batch} ({error})") from error
    own = {name: getattr(model.M, name)[i] for name in rate_names(model.M)}
    M = attrs.evolve(model.M, **own) if own else model.M
    return attrs.evolve(model, M=M, **{name: x[i].copy() for name, x in model.arrays().items()})


def put(model: Learner, i: Any, some: Learner) -> None:
    """Write the replications of `some` back to the places i of the model."""
    for name, x in some.arrays().items():
        getattr(model, name)[i] = x
    model.changed()


# ---- what is handed in


def known_model(model: Any, kind: type[Model] = Learner) -> Model:  # type: ignore[assignment]
    """The model itself. TypeError unless it is a model, and of this kind."""
    if not isinstance(model, kind):
        what = "learnt model" if kind is Learner else kind.__name__
        refuse(None, "model", model, f"a {what}, as start(M) makes it", TypeError)
    return model


def known_states(model: Learner, name: str, s: Any, more: bool = False) -> Array:
    """States of the replications: indices (…) of a model with a table, else finite numbers (…, …).

    With `more` there may be several for each replication, on axes of their own, or one for all.
    """
    n, batch = getattr(model.M, "S", None), model.batch
    s = made_array(s, name)
    if n is not None:
        s = indices(name, s, n)
        if s.shape != batch and not (more and (s.ndim == 0 or s.shape[: len(batch)] == batch)):
            raise ValueError(f"{name} has shape {s.shape}: must be {batch}, a state for each replication")
        return s
    if s.dtype.kind not in "fiu" or not all_finite(s):
        raise ValueError(f"{name} = {shortened(s.tolist())}: must be finite numbers")
    if s.shape[: len(batch)] != batch:
        raise ValueError(f"{name} has shape {s.shape}: must begin with {batch}, a state for each replication")
    return s


def known_actions(model: Learner, a: Any) -> Array:
    """Actions of the replications (…): indices, or members of a list M.A of numbers."""
    a = listed_or_index(model, a)
    if a.shape != model.batch:
        raise ValueError(f"a has shape {a.shape}: must be {model.batch}, an action for each replication")
    return a


def listed_or_index(model: Learner, a: Any) -> Array:
    """Actions of any shape: indices, or members of a list M.A of numbers."""
    A, a = model.M.A, made_array(a, "a")
    if isinstance(A, int):
        return indices("a", a, A)
    if a.dtype.kind not in "fiu" or not np.isin(a, A).all():
        raise ValueError(f"a = {shortened(a.tolist())}: must be among the actions {shortened(np.asarray(A).tolist())}")
    return a


def rewards(model: Learner, r: Any) -> Array:
    """Rewards of the replications (…), finite and not huge."""
    r = r if isinstance(r, np.ndarray) and r.dtype == np.float64 else numbers(r, "r")
    if r.shape != model.batch:
        r = np.broadcast_to(r, model.batch) if r.ndim == 0 else r
        if r.shape != model.batch:
            raise ValueError(f"r has shape {r.shape}: must be {model.batch}, a reward for each replication")
    if np.count_nonzero(moderate(r)) != r.size:
        i = int(np.argmin(moderate(r)))
        x, allowed = r.ravel()[i], f"every reward must be finite, of size at most {LARGEST:g}"
        why = "; -inf says that an action is not available, and learners know of none" if np.isneginf(x) else ""
        raise ValueError(f"r = {x} of replication {i}: {allowed}{why}")
    return r


def flags(model: Learner, name: str, x: Any) -> Array:
    """Truth values of the replications (…), or one for all."""
    x = made_array(x, name)
    if x.dtype.kind != "b" and not (x.dtype.kind in "fiu" and np.isin(x, (0, 1)).all()):
        refuse(None, name, x.tolist(), "True or False, one for each replication")
    if x.shape not in ((), model.batch):
        raise ValueError(f"{name} has shape {x.shape}: must be {model.batch}, one for each replication")
    return np.broadcast_to(x.astype(bool, copy=False), model.batch)


def of_which(model: Learner, which: Any) -> Any:
    """The replications of `end`'s argument, as an index."""
    return ... if which is None else flags(model, "which", which)


# ---- one transition


@singledispatch
def revise(model: Learner, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """`update` with checked arguments: the algorithm of a learner, a method for each kind of model."""
    unknown(revise, "model", model)


@update.register
def update_learner(
    model: Learner, s: Any, a: Any, r: Any, s_next: Any, *, terminated: Any = None, rng: RNG = None
) -> Any:
    """`update` of a learnt model: the arguments are checked, then the model is changed in place, and returned."""
    s, s_next = known_states(model, "s", s), known_states(model, "s_next", s_next)
    a, r = known_actions(model, a), rewards(model, r)
    if terminated is not None:
        terminated = flags(model, "terminated", terminated)
    taken_in(model, s, a, r, s_next, terminated, default_rng(rng) if rng is not None else None)
    return model


def taken_in(model: Learner, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """`update` without checks of its arguments."""
    revise(model, s, a, r, s_next, terminated, rng)
    model.k += 1


@end.register
def end_learner(model: Learner, which: Any = None) -> Learner:
    """Nothing to do."""
    of_which(model, which)
    return model


# ---- what a model expects


@singledispatch
def values(model: Learner, s: Array | None) -> Array:
    """`action_values` of checked states, or of all states for None: a method for each kind of model."""
    unknown(values, "model", model)


@action_values.register
def action_values_of_a_learner(model: Learner, s: Any = None) -> Array:
    """`action_values` of a learnt model: the states are checked."""
    return values(model, None if s is None else known_states(model, "s", s, more=True))


@lookahead.register
def lookahead_in_a_learner(model: Learner, s: State, a: Action) -> Any:
    """`lookahead` of a learnt model: a may have one axis more than s."""
    Q, a = action_values(model, s), action_indices(model, a)
    if a.shape[: Q.ndim - 1] != Q.shape[:-1] or a.ndim > Q.ndim:
        raise ValueError(f"a has shape {a.shape}: must be {Q.shape[:-1]} like s, or have one axis more")
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
    A, a = model.M.A, listed_or_index(model, a)
    if isinstance(A, int):
        return a
    order = np.argsort(A)
    return order[np.minimum(np.searchsorted(A, a, sorter=order), len(A) - 1)]


def listed(model: Learner, i: Array) -> Array:
    """The actions at the positions i of M.A."""
    A = model.M.A
    return i if isinstance(A, int) else np.asarray(A)[i]


def greedy_policy(model: Learner) -> Any:
    """The greedy actions of a tabular model in all states, (…, S); of any other model a function of the state.

    `policy_evaluation` takes those of one replication. The first of equally good actions is taken. Raises TypeError
    unless it is a model.
    """
    known_model(model)
    if getattr(model.M, "S", None) is None:
        return lambda s: greedy_in_a_learner(model, s).a
    return np.argmax(action_values(model), axis=-1)
