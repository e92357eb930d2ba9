"""What a problem, a critic and a source of random numbers are: the types that signatures name.

They are protocols: a struct of your own needs no base class, it only has to have the members. Few problems have them
all. A problem may lack a member, or have a field that is None, as `MDP.terminal` is without terminal states. Code
therefore asks `offers(P, HasTerminal)`; `isinstance` would find the field and not notice that it is None.
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
"""A source of random numbers (Scientific Python SPEC 7): None takes fresh entropy, an int is a seed."""

State: TypeAlias = Any
"""A state of any type (a whole number, a tuple, a vector), or a batch: an array with one state in each row."""

Action: TypeAlias = Any
"""An action of any type, or a batch: an array with one action in each row."""


class FrozenDistribution(Protocol):
    """A distribution whose parameters are set, such as scipy.stats.norm(0.3, 0.1)."""

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Array:
        """`size` independent draws, (size, ...)."""


class HasMoments(FrozenDistribution, Protocol):
    """A distribution of numbers that knows its mean and its variance."""

    def mean(self) -> float:
        """Its mean."""

    def var(self) -> float:
        """Its variance."""


StartDistribution: TypeAlias = ArrayLike | FrozenDistribution | Callable[[int, np.random.Generator], Array]
"""b: a probability vector over the states, a frozen scipy.stats distribution, or a function b(m, rng) -> s (m, ...)."""


class Problem(Protocol):
    """What every problem has, whether it is simulated from given states or steps live environments."""

    @property
    def γ(self) -> float:
        """Discount factor in [0, 1]."""


class Simulable(Problem, Protocol):
    """A problem that is simulated from any state."""

    def TR(self, s: State, a: Action, rng: np.random.Generator, /) -> tuple[Array, Array]:
        """Next states s_next (m, ...) and rewards r (m,) for states s (m, ...) and actions a (m, ...)."""


class Enumerable(Problem, Protocol):
    """A problem with finitely many states and actions, and its model."""

    @property
    def S(self) -> Sequence[State] | Array:
        """The states."""

    @property
    def A(self) -> Sequence[Action] | Array:
        """The actions."""

    def T(self, s: State, a: Action, s_next: State, /) -> float:
        """Probability of s_next after action a in state s; a tabular problem takes arrays and returns an array."""

    def R(self, s: State, a: Action, /) -> float:
        """Expected reward of action a in state s; a tabular problem takes arrays and returns an array."""


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
        """Whether each state of a batch s (m, ...) is terminal, (m,)."""


class HasSuccessors(Protocol):
    """A problem with few successors of each state and action."""

    def successors(self, s: State, a: Action, /) -> tuple[Array, ...]:
        """The K possible next states (K, ...) of a batch, their probabilities, and perhaps more."""


class HasStart(Protocol):
    """A problem with a start distribution of its own."""

    @property
    def b(self) -> StartDistribution:
        """The start distribution."""


Actor: TypeAlias = Callable[[Array, Array, np.random.Generator], Array]
"""π(θ, s, rng) -> a: draws actions in a batch of states, as every `Policy` does."""


class Collects(Problem, Protocol):
    """A problem that runs its environments on from their current states for a given number of steps."""

    def collect(self, π: Actor, θ: Array, steps: int, rng: RNG = None) -> Trajectories:
        """`Trajectories` with that many steps in all, with actions drawn from π_θ."""


class Live(Collects, Protocol):
    """A problem with live environments, which have a state of their own."""

    @property
    def n_envs(self) -> int:
        """Number of environments."""

    @property
    def episodes(self) -> tuple[Array, Array]:
        """Undiscounted returns (E,) and lengths (E,) of the E episodes that ended in the last `collect`."""

    def restart(self, seed: int | None, /) -> None:
        """End all episodes and start anew from the seed."""

    def state(self) -> Mapping[str, float | Array]:
        """Counts and statistics by name; these and a `restart` are all that a resumed run needs."""

    def restore(self, state: Mapping[str, float | Array], /) -> None:
        """Set the counts and statistics to what `state` returned earlier."""


class HasStatistics(Protocol):
    """A problem that centres observations or scales rewards by running statistics of the data so far."""

    @property
    def acquainted(self) -> bool:
        """Whether the statistics come from data; before any data they are an initial guess."""

    def frozen(self, *, learn: bool = True) -> AbstractContextManager[object]:
        """A context in which the statistics do not change; at its end the data seen are added, if `learn` is True."""


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
        """V_φ(s), (N,), of the states s (N, ...)."""

    def fit(self, φ: Array, s: Array, targets: Array, rng: RNG = None, /) -> Array:
        """New parameters (n,), fitted from φ so that V_φ(s) is near the targets (N,) at the states s (N, ...)."""


Offer = TypeVar("Offer")


def offers(x: object, what: type[Offer]) -> TypeGuard[Offer]:
    """Whether x has every member of the protocol `what`: none of them is None, and its methods can be called.

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
    """The name of each member of a protocol, and whether it is a method."""
    bases = [base for base in protocol.__mro__ if Protocol in base.__mro__ and base is not Protocol]
    return tuple((name, callable(x)) for base in bases for name, x in vars(base).items() if not name.startswith("_"))
