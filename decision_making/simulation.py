"""Trajectories and their simulation (algorithm 11.1), returns and rewards-to-go.

A batch is the unit: m trajectories of depth d are arrays with leading axes (m, d). They are stored step by step
(time-major) and shown trajectory by trajectory, because a simulation writes one step of all trajectories at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial, singledispatch
from numbers import Integral
from typing import Any

import numpy as np
from attrs import define, field, frozen

from decision_making.checks import Array, Named, all_finite, count, function, numbers
from decision_making.mdp import sample_start

BLOCK = 8192  # trajectories simulated at a time: their working set stays in the cache
KEPT = 1 << 22  # numbers of a record (34 MB) up to which it is kept, where reading it again means simulating again

# glibc hands freed arrays above a threshold back to the system and pays page faults to get them again. Freeing one
# array of 30 MB (never touched, so it costs nothing) raises that threshold; an update of 10,000 trajectories halves.
np.empty(30 << 20, np.uint8)


def default_rng(rng: Any) -> np.random.Generator:
    """A generator from None, an int, a SeedSequence or a generator (Scientific Python SPEC 7)."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng = {rng!r}: must be None, an int >= 0 or a numpy.random.Generator") from error


@frozen(eq=False, repr=False)
class Trajectories:
    """m trajectories or fragments of at most d steps; a row is one of them, left-aligned.

    Padding, where a trajectory is shorter than d, repeats its last real state and action with reward 0.
    Iterating gives the book's τ one by one, each a list of tuples (s, a, r); a slice gives fewer trajectories.

    Raises ValueError if the shapes disagree, the mask is not left-aligned, or a reward is paid on padding.

    >>> τs = Trajectories.from_lists([[(0.3, -0.1, -0.09), (0.2, 0.0, -0.04)], [(0.5, 0.5, -0.25)]])
    >>> τs
    Trajectories(m=2, d=2, steps=3, mean return -0.19, 0 terminated, 2 truncated, s (2, 2) float64, a (2, 2) float64)
    >>> [len(τ) for τ in τs], τs.mask.tolist()
    ([2, 1], [[True, True], [True, False]])
    """

    s: Array = field(converter=np.asarray)  # states (m, d, ...)
    a: Array = field(converter=np.asarray)  # actions (m, d, ...)
    r: Array = field(converter=np.asarray)  # rewards (m, d)
    mask: Any = field(default=None)  # True on real steps (m, d); None: all of them
    s_end: Any = field(default=None)  # the state after the last step (m, ...), if it is known
    terminated: Any = field(default=None)  # whether that state is terminal (m,); None: none of them
    truncated: Any = field(default=None)  # whether the trajectory was cut there (m,); None: all not terminated

    def __attrs_post_init__(self) -> None:
        r = self.r if self.r.dtype.kind == "f" else numbers(self.r, "r")
        if r.ndim != 2 or 0 in r.shape:
            raise ValueError(f"r has shape {r.shape}: must be (m, d) with m >= 1 and d >= 1")
        m, d = r.shape
        for name in ("s", "a"):
            if getattr(self, name).shape[:2] != (m, d):
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}: must start with (m, d) = {(m, d)}, as r"
                )
        mask = np.broadcast_to(True, (m, d)) if self.mask is None else np.asarray(self.mask, dtype=bool)
        if mask.shape != (m, d):
            raise ValueError(f"mask has shape {mask.shape}: must be (m, d) = {(m, d)}")
        if self.mask is not None and ((mask[:, 1:] & ~mask[:, :-1]).any() or np.any(r[~mask] != 0)):
            raise ValueError("mask: the real steps must come first in each row, and padding must have reward 0")
        terminated = np.zeros(m, dtype=bool) if self.terminated is None else np.asarray(self.terminated, dtype=bool)
        truncated = ~terminated if self.truncated is None else np.asarray(self.truncated, dtype=bool)
        for name, flag in (("terminated", terminated), ("truncated", truncated)):
            if flag.shape != (m,):
                raise ValueError(f"{name} has shape {flag.shape}: must be (m,) = {(m,)}")
        s_end = None if self.s_end is None else np.asarray(self.s_end)
        if s_end is not None and s_end.shape != (m, *self.s.shape[2:]):
            raise ValueError(f"s_end has shape {s_end.shape}: must be {(m, *self.s.shape[2:])}")
        for name, value in (
            ("r", r),
            ("mask", mask),
            ("terminated", terminated),
            ("truncated", truncated),
            ("s_end", s_end),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_lists(cls, τs: Sequence[Sequence[tuple[Any, Any, float]]]) -> Trajectories:
        """Trajectories of any lengths >= 1 from the book's lists of tuples (s, a, r)."""
        lengths = [len(τ) for τ in τs]
        if not lengths or 0 in lengths:
            raise ValueError(
                f"trajectories of lengths {lengths}: there must be at least one, each of at least one step"
            )
        if any(not isinstance(step, tuple | list) or len(step) != 3 for τ in τs for step in τ):
            raise TypeError("τs: each step of a trajectory must be a tuple (s, a, r)")
        d = max(lengths)
        padded = [[*τ, *([(τ[-1][0], τ[-1][1], 0.0)] * (d - len(τ)))] for τ in τs]
        s, a, r = (np.array([[step[i] for step in τ] for τ in padded]) for i in range(3))
        return cls(s, a, r.astype(np.float64), np.arange(d) < np.array(lengths)[:, None])

    @property
    def lengths(self) -> Array:
        """Number of real steps of each trajectory (m,)."""
        return np.count_nonzero(self.mask, axis=1)

    @cached_property
    def full(self) -> bool:
        """Whether no trajectory ended early."""
        return bool(self.mask.all())

    def flat(self) -> tuple[Array, Array, Array]:
        """The real steps (s, a, r), trajectory after trajectory; the first axis counts the N steps."""
        return self.s[self.mask], self.a[self.mask], self.r[self.mask]

    def __len__(self) -> int:
        return len(self.r)

    def __getitem__(self, i: Any) -> Any:
        """τs[i] is the i-th τ, a list of (s, a, r); τs[i:j] or an array of indices gives Trajectories."""
        if isinstance(i, int | np.integer):
            return [(self.s[i, k], self.a[i, k], self.r[i, k]) for k in range(np.count_nonzero(self.mask[i]))]
        s_end, mask = None if self.s_end is None else self.s_end[i], None if self.full else self.mask[i]
        return Trajectories(self.s[i], self.a[i], self.r[i], mask, s_end, self.terminated[i], self.truncated[i])

    def blocks(self) -> Iterator[Trajectories]:
        """The trajectories in blocks of at most `BLOCK`."""
        return (self[i : i + BLOCK] for i in range(0, len(self), BLOCK)) if len(self) > BLOCK else iter([self])

    def __iter__(self) -> Iterator[list[tuple[Any, Any, float]]]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        m, d = self.r.shape
        with np.errstate(over="ignore", invalid="ignore"):
            R = self.r.sum(axis=1, dtype=np.float64).mean()
        r = "" if self.r.dtype == np.float64 else f", r {self.r.dtype}"
        return (
            f"Trajectories(m={m}, d={d}, steps={self.mask.sum()}, mean return {R:.4g}, "
            f"{self.terminated.sum()} terminated, {self.truncated.sum()} truncated, "
            f"s {self.s.shape} {self.s.dtype}, a {self.a.shape} {self.a.dtype}{r})"
        )


def simulate(P: Any, s: Any, π: Callable[[Array], Array], d: int, rng: Any = None) -> Trajectories:
    """Roll out d steps from the batch of start states s (m, ...) with actions π(s) (algorithm 11.1).

    π and P.TR act on the whole batch. Where P.terminal says that a state is terminal the trajectory ends there.
    A π that draws random numbers brings its own generator; `rng` drives P.TR.

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
        if not callable(getattr(self.P, "TR", None)):
            raise TypeError(f"P = {self.P!r}: must have a sampler TR(s, a, rng) to be simulated")

    def simulate(self, block: slice, s: Array, π: Callable[[Array], Array], rng: np.random.Generator) -> None:
        """Algorithm 11.1 for the trajectories of the block, from the start states s."""
        m, terminal = len(s), getattr(self.P, "terminal", None)
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
                if (
                    self.mask is not None
                ):  # a trajectory that has ended keeps its last real state and action, and its end
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
        """The float type of the start states decides; whole-number starts take that of s_next."""
        steps, dtype = (self.d, self.m), s.dtype if s.dtype.kind == "f" else s_next.dtype
        self.s, self.s_end = np.empty((*steps, *s.shape[1:]), dtype), np.empty((self.m, *s.shape[1:]), dtype)
        self.a = np.empty((*steps, *a.shape[1:]), a.dtype)
        self.r = np.empty(steps, r.dtype if r.dtype.kind == "f" else np.float64)
        self.mask = np.empty(steps, bool) if masked else None
        self.terminated = np.empty(self.m, bool)

    def trajectories(self) -> Trajectories:
        """What was recorded; ValueError where it is not finite."""
        s, a = self.s.swapaxes(0, 1), self.a.swapaxes(0, 1)
        τs = Trajectories(s, a, self.r.T, None if self.mask is None else self.mask.T, self.s_end, self.terminated)
        check_finite(τs)
        return τs


def _never(s: Array) -> Array:
    return np.zeros(len(s), dtype=bool)


def check_parameters(π: Any, θ: Array) -> None:
    """Raise ValueError where θ, (n,) or (m, n), is not finite or not as long as a policy that knows its n wants it."""
    n = getattr(π, "n", None)
    if θ.ndim not in (1, 2) or (isinstance(n, Integral) and θ.shape[-1] != n):
        raise ValueError(f"θ has shape {θ.shape}: must be (n,) or (m, n) with n = {n}")
    if not all_finite(θ):
        raise ValueError(f"θ = {θ}: every parameter must be finite")


def _rows(x: Any, m: int, what: str) -> Array:
    x = np.asarray(x)
    if x.ndim == 0 or len(x) != m:
        raise ValueError(f"{what} has shape {x.shape}: must hold one row for each of the {m} trajectories")
    return x


def _store(x: Array, rows: Array, block: slice) -> None:
    if x.dtype == rows.dtype:
        rows[block] = x
    else:
        np.copyto(rows[block], x, casting="same_kind")


def _where(alive: Array, x: Array, old: Array) -> Array:
    return np.where(alive.reshape(alive.shape + (1,) * (x.ndim - 1)), x, old)


def check_trajectories(τs: Any) -> None:
    """Raise TypeError where τs are no `Trajectories`."""
    if not isinstance(τs, Trajectories):
        raise TypeError(f"τs = {type(τs).__name__}: must be Trajectories; Trajectories.from_lists builds them")


def check_finite(τs: Trajectories) -> None:
    """Raise ValueError naming the first state, action or reward of τs that is not finite."""
    for name, x in (("reward", τs.r), ("state", τs.s), ("action", τs.a)):
        if not all_finite(x):
            i, k = map(int, np.argwhere(~np.isfinite(x))[0][:2])
            raise ValueError(f"{name} of trajectory {i}, step {k} (counting from 0) is {x[i, k]}: must be finite")
    if τs.s_end is not None and not all_finite(τs.s_end):
        i = int(np.argwhere(~np.isfinite(τs.s_end))[0][0])
        k = int(τs.lengths[i])
        raise ValueError(f"state of trajectory {i}, step {k} (counting from 0) is {τs.s_end[i]}: must be finite")


def start_states(b: Any, m: int, θ: Array, rng: np.random.Generator) -> Array:
    """m start states from b; real ones have θ's type."""
    s = sample_start(b, m, rng)
    return s.astype(θ.dtype, copy=False) if s.dtype.kind == "f" and θ.dtype.kind == "f" else s


@singledispatch
def rollouts(P: Any, b: Any, π: Any, θ: Array, d: int, m: int, rng: Any = None) -> Trajectories:
    """m trajectories of depth d under π_θ from start states s ~ b; time and memory grow with m·d only.

    θ is (n,), or (m, n) for parameters of each trajectory's own. Dispatches on P; this is the case of an MDP or of
    any problem with a sampler TR. Simulated in blocks of `BLOCK` trajectories.
    """
    rng, θ = default_rng(rng), np.asarray(θ)
    count(None, Named("d"), d)
    count(None, Named("m"), m)
    check_parameters(π, θ)
    s = start_states(b, m, θ, rng)
    sampler = getattr(π, "sampler", None) or (lambda θ: lambda s, rng: π(θ, s, rng))
    record, draw = _Record(P, m, d), sampler(θ) if θ.ndim < 2 else None
    for i in (slice(j, j + BLOCK) for j in range(0, m, BLOCK)):
        record.simulate(i, s[i], partial(draw or sampler(θ[i]), rng=rng), rng)
    return record.trajectories()


@define(eq=False)
class Simulated:
    """The trajectories of `rollouts`, in blocks that are simulated anew at each reading: none of them is kept.

    The first reading draws from rng and leaves it as `rollouts` would, a later one from a copy of rng as it was. So π
    and P.TR may draw from their generator alone; ValueError where a later reading comes out different.
    """

    P: Any
    b: Any
    π: Any
    θ: Array  # (n,)
    d: int
    m: int
    rng: np.random.Generator
    _before: np.random.Generator = field(init=False)
    _rewards: list[float] | None = field(init=False, default=None)  # of the blocks, in sum, at the first reading

    def __attrs_post_init__(self) -> None:
        self._before = copy.deepcopy(self.rng)

    def __len__(self) -> int:
        return self.m

    def blocks(self) -> Iterator[Trajectories]:
        """The trajectories in blocks of at most `BLOCK`."""
        rng = self.rng if self._rewards is None else copy.deepcopy(self._before)
        s, draw, rewards = start_states(self.b, self.m, self.θ, rng), self.π.sampler(self.θ), []
        for i in range(0, self.m, BLOCK):
            some = s[i : i + BLOCK]
            record = _Record(self.P, len(some), self.d)
            record.simulate(slice(0, len(some)), some, partial(draw, rng=rng), rng)
            block = record.trajectories()
            with np.errstate(over="ignore", invalid="ignore"):
                rewards.append(float(block.r.sum(dtype=np.float64)))
            yield block
        if rewards != (self._rewards or rewards):
            raise ValueError(
                f"P = {self.P!r}: TR gave other rewards when {self.m} trajectories were simulated again from the same "
                "generator; it may draw from the rng it is given alone"
            )
        self._rewards = rewards

    def kept(self) -> Trajectories:
        """All of them at once, in memory."""
        return rollouts(self.P, self.b, self.π, self.θ, self.d, self.m, copy.deepcopy(self._before))


def rollouts_or_blocks(P: Any, b: Any, π: Any, θ: Array, d: int, m: int, rng: Any = None) -> Any:
    """`rollouts`; or `Simulated`, where their record would be large and the scores are small beside it."""
    simulable = rollouts.dispatch(type(P)) is rollouts.dispatch(object) and callable(getattr(P, "TR", None))
    if not simulable or 3 * m * d <= KEPT or π.n > d:
        return rollouts(P, b, π, θ, d, m, rng)
    return Simulated(P, b, π, θ, d, m, default_rng(rng))


def discounts(γ: float, d: int) -> Array:
    """γ^(k-1) for the steps k = 1..d; 0⁰ is 1."""
    return np.asarray(γ, dtype=np.float64) ** np.arange(d)


def returns(τs: Trajectories, γ: float) -> Array:
    """R(τ) = Σ γ^(k-1) r_k for each trajectory (m,), in float64. ValueError where one overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _bounded("return", τs.r.astype(np.float64, copy=False) @ discounts(γ, τs.r.shape[1]))


def rewards_to_go(τs: Trajectories, γ: float) -> Array:
    """G_k = Σ_{l≥k} γ^(l-1) r_l, discounted from the start of the trajectory (m, d), in float64; 0 on padding."""
    return _bounded("reward-to-go", _backward(τs.r * discounts(γ, τs.r.shape[1]), 1.0))


def local_rewards_to_go(τs: Trajectories, γ: float) -> Array:
    """L_k = Σ_{l≥k} γ^(l-k) r_l, discounted from step k (m, d), in float64; G_k = γ^(k-1) L_k. 0 on padding."""
    return _bounded("reward-to-go", _backward(τs.r.astype(np.float64), γ))


def _backward(x: Array, γ: float) -> Array:
    """x_k + γ x_{k+1} + γ² x_{k+2} + ... along the rows of x (m, d), in place, from the last step to the first."""
    x = x.T
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(len(x) - 2, -1, -1):
            x[k] += γ * x[k + 1]
    return x.T


def _bounded(what: str, x: Array) -> Array:
    if not all_finite(x):
        i = int(np.argwhere(~np.isfinite(x))[0][0])
        raise ValueError(f"{what} of trajectory {i} overflows: its rewards must have a finite sum")
    return x


def standard_error(f: Callable[[Trajectories], Any], τs: Trajectories, groups: int = 20) -> Array:
    """Standard error of the statistic f(τs), by the delete-a-group jackknife over `groups` groups of trajectories.

    f may be any function of recorded trajectories: a gradient, or an update, `lambda τs: update(M, π, θ, τs=τs)`.
    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 11. Relative error about
    1/√(2·groups).

    >>> τs = Trajectories.from_lists([[(0, 0, float(r))] for r in (1, 2, 4, 5)])
    >>> standard_error(lambda τs: τs.r.mean(), τs, groups=4).round(6)  # √(10/12), as the textbook has it
    np.float64(0.912871)
    """
    check_trajectories(τs)
    function(None, Named("f"), f)
    m = len(τs)
    groups = min(groups, m)
    if groups < 2:
        raise ValueError(f"groups = {groups} of m = {m} trajectories: a standard error needs at least 2")
    group = np.arange(m) * groups // m
    left_out = np.array([f(τs[np.flatnonzero(group != g)]) for g in range(groups)])
    return np.sqrt((groups - 1) / groups * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
