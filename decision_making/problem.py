"""What a problem, a critic and a source of random numbers are: the types that signatures name.

They are protocols: a struct of your own is one if it has the members. Few problems have all that a problem may have,
and a field may be None where a struct lacks what it stands for (`MDP.terminal`, say); so `offers(P, HasTerminal)` asks,
where `isinstance` would find the field and not look into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array

if TYPE_CHECKING:
    from decision_making.trajectories import Trajectories

RNG: TypeAlias = int | np.random.Generator | np.random.SeedSequence | None
"""What gives random numbers (Scientific Python SPEC 7): None stands for fresh entropy, an int is a seed."""

State: TypeAlias = Any
"""A state, of whatever type the problem gives it: a whole number, a tuple, a vector; or an array, a state a row."""

Action: TypeAlias = Any
"""An action, likewise."""


class FrozenDistribution(Protocol):
    """A distribution with its parameters, as scipy.stats.norm(0.3, 0.1)."""

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Array:
        """`size` draws."""


class HasMoments(FrozenDistribution, Protocol):
    """A distribution of numbers that knows its mean and its variance."""

    def mean(self) -> float:
        """Its mean."""

    def var(self) -> float:
        """Its variance."""


StartDistribution: TypeAlias = ArrayLike | FrozenDistribution | Callable[[int, np.random.Generator], Array]
"""b: a probability vector over the states, a frozen scipy.stats distribution, or a function b(m, rng) -> s (m, ...)."""


class Problem(Protocol):
    """What every problem has, one that is simulated and one that collects steps from live environments."""

    @property
    def γ(self) -> float:
        """Discount factor in [0, 1]."""


class Simulable(Problem, Protocol):
    """A problem that is simulated from any state."""

    def TR(self, s: State, a: Action, rng: np.random.Generator, /) -> tuple[Array, Array]:
        """Next states and rewards of a batch: the first axis of s and of a counts its rows."""


class Enumerable(Problem, Protocol):
    """A problem with finitely many states and actions, and its model."""

    @property
    def S(self) -> Sequence[State] | Array:
        """The states."""

    @property
    def A(self) -> Sequence[Action] | Array:
        """The actions."""

    def T(self, s: State, a: Action, s_next: State, /) -> float:
        """Probability of s_next after a in s; an array where tabular problems are asked with arrays."""

    def R(self, s: State, a: Action, /) -> float:
        """Expected reward of a in s; an array where tabular problems are asked with arrays."""


class HasStates(Protocol):
    """A problem that lists its states, whether or not it has a model."""

    @property
    def S(self) -> Sequence[State] | Array:
        """The states."""


class HasActions(Protocol):
    """A problem that lists its actions."""

    @property
    def A(self) -> Sequence[Action] | Array:
        """The actions."""


class HasTerminal(Protocol):
    """A problem with states that end a trajectory."""

    def terminal(self, s: State, /) -> Array:
        """Whether each state of a batch is terminal."""


class HasSuccessors(Protocol):
    """A problem with few successors of each state and action."""

    def successors(self, s: State, a: Action, /) -> tuple[Array, ...]:
        """The K possible next states of a batch (K, ...), their probabilities (K, ...), and what else is known."""


class HasStart(Protocol):
    """A problem with a start distribution of its own."""

    @property
    def b(self) -> StartDistribution:
        """The start distribution."""


Actor: TypeAlias = Callable[[Array, Array, np.random.Generator], Array]
"""π(θ, s, rng) -> a: draws actions in a batch of states, as every `Policy` does."""


class Collects(Problem, Protocol):
    """A problem that gives a number of environment steps, going on from where it stands."""

    def collect(self, π: Actor, θ: Array, steps: int, rng: RNG = None) -> Trajectories:
        """`Trajectories` of so many steps under π_θ."""


class Live(Collects, Protocol):
    """A problem with live environments, which have a state of their own."""

    @property
    def n_envs(self) -> int:
        """Number of environments."""

    @property
    def episodes(self) -> tuple[Array, Array]:
        """Returns and lengths of the episodes that ended in the last `collect`."""

    def restart(self, seed: int | None, /) -> None:
        """End all episodes and start anew from the seed."""

    def state(self) -> Mapping[str, float | Array]:
        """Counts and statistics: with `restart` all that a resumed run needs."""

    def restore(self, state: Mapping[str, float | Array], /) -> None:
        """Put back what `state` gave."""


class HasStatistics(Protocol):
    """A problem that centres or scales what it gives by running statistics of what it has seen."""

    @property
    def acquainted(self) -> bool:
        """Whether it has seen what its statistics are of."""

    def frozen(self, *, learn: bool = True) -> AbstractContextManager[object]:
        """Within it they stay as they are; what was seen is added at the end, unless `learn` is False."""


class Parametric(Protocol):
    """A policy that knows its number of parameters."""

    @property
    def n(self) -> int:
        """Number of parameters."""


class Critic(Protocol):
    """A value function V_φ(s) with flat parameters φ."""

    def init(self, rng: RNG = None) -> Array:
        """Parameters φ (n,) to begin with."""

    def predict(self, φ: Array, s: Array, /) -> Array:
        """V_φ(s) of each state."""

    def fit(self, φ: Array, s: Array, targets: Array, rng: RNG = None, /) -> Array:
        """φ for which V_φ(s) is near the targets (N,) at the states s (N, ...)."""


Offer = TypeVar("Offer")


def offers(x: object, what: type[Offer]) -> TypeGuard[Offer]:
    """Whether x has every member of a protocol, no field of them None, and can call those that are methods.

    >>> from decision_making import MDP
    >>> P = MDP.from_arrays(T=[[[1.0]]], R=[[0.0]], γ=0.9)
    >>> offers(P, Enumerable), offers(P, HasTerminal)
    (True, False)
    """
    for name, called in _members(what):  # type: ignore[arg-type]  # a class can be hashed
        found = getattr(x, name, None)
        if found is None or (called and not callable(found)):
            return False
    return True


@cache
def _members(protocol: type) -> tuple[tuple[str, bool], ...]:
    """Name of each member of a protocol, and whether it is called."""
    bases = [base for base in protocol.__mro__ if Protocol in base.__mro__ and base is not Protocol]
    return tuple((name, callable(x)) for base in bases for name, x in vars(base).items() if not name.startswith("_"))
