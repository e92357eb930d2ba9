"""The simulation of trajectories (algorithm 11.1).

m trajectories of depth d are simulated as one batch and returned as arrays with leading axes (m, d). In memory the
steps come first, (d, m), because a simulation writes one step of all trajectories at a time; the result is a
transposed view.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from attrs import define, field

from decision_making.checks import Array, Named, all_finite, count, function, numbers, parameters, refuse
from decision_making.problem import RNG, HasStatistics, HasTerminal, Parametric, Simulable, offers
from decision_making.sampling import default_rng, sample_start, start_distribution
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.trajectories import BLOCK, Trajectories, check_finite
from decision_making.verbs import rollouts

__all__ = [
    "SimulatedAgain",
    "Tally",
    "check_parameters",
    "frozen",
    "policy_parameters",
    "rollouts",
    "simulate",
    "start_states",
    "tallied",
    "tally",
]


@define(eq=False)
class Tally:
    """What has been simulated: the episodes that were used, in order, and the environment steps that were taken."""

    returns: list[Array] = field(factory=list)  # undiscounted returns of the episodes, one array for each `tally`
    lengths: list[Array] = field(factory=list)  # their numbers of steps, likewise
    weights: list[Array] = field(factory=list)  # their weights in an unbiased mean, likewise
    steps: int = 0  # environment steps taken, also those of episodes that were not used


_TALLIES: ContextVar[tuple[Tally, ...]] = ContextVar("_TALLIES", default=())


@contextmanager
def tallied() -> Iterator[Tally]:
    """A context that records all that is simulated within it: trajectories, and steps of live environments."""
    kept = Tally()
    token = _TALLIES.set((*_TALLIES.get(), kept))
    try:
        yield kept
    finally:
        _TALLIES.reset(token)


def tally(returns: Array, lengths: Array, steps: int, weights: Array | None = None) -> None:
    """Add E episodes and a number of environment steps to every tally that is being kept.

    returns (E,) are undiscounted, lengths (E,) their steps. weights (E,), which sum to 1, say how much each episode
    counts in a mean; without them all count the same.
    """
    for kept in _TALLIES.get():
        kept.returns.append(returns)
        kept.lengths.append(lengths)
        kept.weights.append(np.ones(len(returns)) if weights is None else weights * len(returns))
        kept.steps += steps


def tally_trajectories(τs: Trajectories, *, episodes: bool = True) -> None:
    """Add the steps and, unless they count already, the episodes, one a trajectory, to every tally that is kept."""
    if _TALLIES.get():
        R, lengths = τs.r.sum(axis=1, dtype=np.float64), τs.lengths
        tally(R[: None if episodes else 0], lengths[: None if episodes else 0], int(lengths.sum()))


def frozen(P: object, *, learn: bool = True) -> AbstractContextManager[object]:
    """A context in which the running statistics of P, if it has any, do not change.

    So all data of one update are on one scale. At its end the data seen are added to the statistics, if `learn` is
    True.
    """
    return P.frozen(learn=learn) if offers(P, HasStatistics) else nullcontext()


def simulate(P: Any, s: Any, π: Callable[[Array], Array], d: int, rng: RNG = None) -> Trajectories:
    """`Trajectories` of depth d of the problem P from the start states s (m, ...), with actions π(s) (algorithm 11.1).

    π and P.TR act on the whole batch. A trajectory ends in a state for which P.terminal is true. The random numbers of
    P.TR come from rng: None, an int or a numpy Generator; a π that is random has a generator of its own.

    Raises ValueError if d < 1, if a batch has the wrong length, or if a state, action or reward is not finite,
    naming the quantity, the trajectory and the step.
    """
    count(None, Named("d"), d)
    function(None, Named("π"), π)
    s = np.asarray(s)
    if s.ndim == 0 or len(s) == 0:
        raise ValueError(f"s has shape {s.shape}: must be a batch of start states, first axis m >= 1")
    record = _Record(P, len(s), d)
    record.simulate(slice(0, len(s)), s, π, default_rng(rng))
    return record.trajectories()


LARGEST = 1 << 40  # steps of all trajectories: rewards alone take 8 TB


@define(eq=False)
class _Record:
    """Room for m trajectories of depth d of P, time-major, filled by one block of trajectories after the other."""

    P: Any
    m: int
    d: int
    s: Any = None  # (d, m, ...)
    a: Any = None  # (d, m, ...)
    r: Any = None  # (d, m)
    mask: Any = None  # (d, m), only where P has terminal states
    s_end: Any = None  # (m, ...)
    terminated: Any = None  # (m,)

    def __attrs_post_init__(self) -> None:
        if not offers(self.P, Simulable):
            raise TypeError(f"P = {self.P!r}: must have a sampler TR(s, a, rng) to be simulated")
        check_steps(self.d, self.m)

    def simulate(self, block: slice, s: Array, π: Callable[[Array], Array], rng: np.random.Generator) -> None:
        """Algorithm 11.1 for the trajectories of the block, from the start states s."""
        m, terminal = len(s), self.P.terminal if offers(self.P, HasTerminal) else None
        ended = _never if terminal is None else lambda s: _rows(terminal(s), m, "terminal(s)").astype(bool)
        alive = ~ended(s)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is not finite, and named at the end
            for k in range(self.d):
                a = _rows(π(s), m, "the action batch π(s)")
                s_next, r = self.P.TR(s, a, rng)
                s_next, r = _rows(s_next, m, "s_next of TR"), _rows(r, m, "r of TR")
                if s.shape != s_next.shape or r.ndim != 1:
                    raise ValueError(
                        f"TR gave s_next {s_next.shape} and r {r.shape} in step {k} for states {s.shape}: must be "
                        f"{s.shape} and {(m,)}"
                    )
                if self.s is None:
                    self._allocate(s, a, r, s_next, masked=terminal is not None)
                if a.shape[1:] != self.a.shape[2:]:
                    raise ValueError(f"π(s) has shape {a.shape} in step {k}: was {(m, *self.a.shape[2:])} before")
                if s_next.dtype != self.s.dtype:
                    s_next = s_next.astype(self.s.dtype, casting="same_kind")
                if self.mask is not None:  # a trajectory that has ended repeats its last real state and action
                    self.mask[k, block], r, s_next = alive, np.where(alive, r, 0), _where(alive, s_next, s)
                    if k:
                        a, s = _where(alive, a, self.a[k - 1, block]), _where(alive, s, self.s[k - 1, block])
                _store(s, self.s[k], block)
                _store(a, self.a[k], block)
                _store(r, self.r[k], block)
                s = s_next
                if self.mask is not None:
                    alive = alive & ~ended(s)
        self.s_end[block], self.terminated[block] = s, ~alive

    def _allocate(self, s: Array, a: Array, r: Array, s_next: Array, masked: bool) -> None:
        """Make the arrays. States have the float type of the start states, or of s_next if these are whole numbers."""
        steps, dtype = (self.d, self.m), s.dtype if s.dtype.kind == "f" else s_next.dtype
        self.s, self.s_end = np.empty((*steps, *s.shape[1:]), dtype), np.empty((self.m, *s.shape[1:]), dtype)
        self.a = np.empty((*steps, *a.shape[1:]), a.dtype)
        self.r = np.empty(steps, r.dtype if r.dtype.kind == "f" else np.float64)
        self.mask = np.empty(steps, bool) if masked else None
        self.terminated = np.empty(self.m, bool)

    def trajectories(self, *, episodes: bool = True) -> Trajectories:
        """What was recorded; ValueError where it is not finite. Tallied with its episodes, or by its steps alone."""
        s, a = self.s.swapaxes(0, 1), self.a.swapaxes(0, 1)
        τs = Trajectories(s, a, self.r.T, None if self.mask is None else self.mask.T, self.s_end, self.terminated)
        check_finite(τs)
        tally_trajectories(τs, episodes=episodes)
        return τs


def check_steps(d: int, m: int) -> None:
    """TooLargeError where d steps of m trajectories are more than any memory holds."""
    check_size(f"steps in all, d = {d} of each of m = {m} trajectories", int(d) * int(m), "simulate fewer", LARGEST)


def _never(s: Array) -> Array:
    """No state of the batch s is terminal."""
    return np.zeros(len(s), dtype=bool)


def policy_parameters(π: object, θ: object, name: str = "θ") -> Array:
    """θ checked, (n,), for a policy π with n parameters. Raises TypeError if π is none, and the errors of a wrong θ."""
    if not (offers(π, Parametric) and callable(π)):
        refuse(None, "π", π, "a policy, such as SoftmaxPolicy(3, 2)", TypeError)
    return parameters(θ, π.n, name)


def check_parameters(π: Any, θ: Array) -> None:
    """Raise ValueError where θ, (n,) or (m, n), is not finite or not as long as a policy that knows its n wants it.

    TypeError if π cannot be called.
    """
    function(None, Named("π"), π)
    n = π.n if offers(π, Parametric) else None
    if θ.ndim not in (1, 2) or (isinstance(n, Integral) and θ.shape[-1] != n):
        raise ValueError(f"θ has shape {θ.shape}: must be (n,) or (m, n) with n = {n}")
    if not all_finite(θ):
        raise ValueError(f"θ = {θ}: every parameter must be finite")


def _rows(x: Any, m: int, what: str) -> Array:
    """x as an array with m rows; ValueError, naming it, if it has another number."""
    x = np.asarray(x)
    if x.ndim == 0 or len(x) != m:
        raise ValueError(f"{what} has shape {x.shape}: must hold one row for each of the {m} trajectories")
    return x


def _store(x: Array, rows: Array, block: slice) -> None:
    """rows[block] = x; TypeError where that would turn real numbers into whole ones."""
    if x.dtype == rows.dtype:
        rows[block] = x
    else:
        np.copyto(rows[block], x, casting="same_kind")


def _where(alive: Array, x: Array, old: Array) -> Array:
    """x in the rows where alive (m,) is true, old in the others."""
    return np.where(alive.reshape(alive.shape + (1,) * (x.ndim - 1)), x, old)


def start_states(b: Any, m: int, θ: Array, rng: np.random.Generator) -> Array:
    """m start states drawn from b, (m, ...); floating-point states get θ's dtype."""
    s = sample_start(b, m, rng)
    return s.astype(θ.dtype, copy=False) if s.dtype.kind == "f" and θ.dtype.kind == "f" else s


@rollouts.register(object)
def simulated_rollouts(P: Any, b: Any, π: Any, θ: Array, d: int, m: int, rng: RNG = None) -> Trajectories:
    """`rollouts` of any problem with a sampler TR, in blocks of `BLOCK` trajectories."""
    rng, θ = default_rng(rng), θ if isinstance(θ, np.ndarray) else numbers(θ, "θ")
    count(None, Named("d"), d)
    count(None, Named("m"), m)
    check_steps(d, m)
    function(None, Named("π"), π)
    check_parameters(π, θ)
    s = start_states(b, m, θ, rng)
    sampler = getattr(π, "sampler", None) or (lambda θ: lambda s, rng: π(θ, s, rng))
    record, draw = _Record(P, m, d), sampler(θ) if θ.ndim < 2 else None
    for i in (slice(j, j + BLOCK) for j in range(0, m, BLOCK)):
        record.simulate(i, s[i], partial(draw or sampler(θ[i]), rng=rng), rng)
    return record.trajectories()


@struct(frozen=False)
class SimulatedAgain:
    """The trajectories of `rollouts`, not stored but simulated again, block by block, each time they are read.

    To be given to `step` or `update` as τs where m·d steps would not fit in memory: it holds the m start states and
    one block of trajectories at a time. The price is time: an update reads the trajectories once for its direction,
    once for the surrogate objective at θ, and once for every other point that it looks at.

    The first reading draws from rng and leaves it in the state in which `rollouts` would. Later readings draw the same
    numbers from a copy made before. So π and P.TR must draw from no generator but the one they are given; ValueError
    where a later reading comes out different. A tally of what was simulated has the steps of every reading, and each
    episode once.
    """

    P: Any  # problem with a sampler TR
    b: Any = field(validator=start_distribution)  # start state distribution
    π: Any  # policy
    θ: Array = field(converter=parameters)  # (n,), the parameters that sample
    d: int = field(validator=count)  # depth: steps of a trajectory
    m: int = field(validator=count)  # number of trajectories
    rng: np.random.Generator = field(default=None, converter=default_rng)  # random numbers
    _before: np.random.Generator = field(init=False)  # copy of rng before the first reading
    _sums: list[tuple[float, ...]] | None = field(init=False, default=None)  # of the blocks, in the first reading
    _tallied: int = field(init=False, default=0)  # trajectories that count as episodes already

    def __attrs_post_init__(self) -> None:
        check_parameters(self.π, self.θ)
        self._before = copy.deepcopy(self.rng)

    def __len__(self) -> int:
        return self.m

    def blocks(self) -> Iterator[Trajectories]:
        """The trajectories in blocks of at most `BLOCK`. A reading that is broken off leaves no trace."""
        rng = copy.deepcopy(self._before)
        s, draw, sums = start_states(self.b, self.m, self.θ, rng), self.π.sampler(self.θ), []
        for i in range(0, self.m, BLOCK):
            some = s[i : i + BLOCK]
            record = _Record(self.P, len(some), self.d)
            record.simulate(slice(0, len(some)), some, partial(draw, rng=rng), rng)
            block = record.trajectories(episodes=i >= self._tallied)
            self._tallied = max(self._tallied, i + len(some))
            with np.errstate(over="ignore", invalid="ignore"):
                seen = (x.sum(dtype=np.float64) for x in (block.s, block.a, block.r, block.s_end))
                sums.append(tuple(map(float, seen)))
            yield block
        if self._sums is None:
            self._sums, self.rng.bit_generator.state = sums, rng.bit_generator.state
        elif sums != self._sums:
            raise ValueError(
                f"P = {self.P!r}: {self.m} trajectories came out different when they were simulated again from the "
                "same generator; b, π and TR may draw from the rng they are given alone"
            )

    def kept(self) -> Trajectories:
        """All of them at once, in memory."""
        return rollouts(self.P, self.b, self.π, self.θ, self.d, self.m, copy.deepcopy(self._before))
