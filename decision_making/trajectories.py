"""Trajectories, their returns and rewards-to-go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, all_finite, count, discount, function, numbers, refuse, shortened
from decision_making.structs import struct

BLOCK = 8192  # trajectories simulated at a time: their working set stays in the cache


@struct(repr=False)
class Trajectories:
    """m trajectories, or fragments of them, of at most d steps: each row holds one, from its first column on.

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
    o: Any = field(default=None, kw_only=True)  # what was observed after each step (m, d, ...), in a POMDP

    def __attrs_post_init__(self) -> None:
        r = self.r if self.r.dtype.kind == "f" else numbers(self.r, "r")
        if r.ndim != 2 or 0 in r.shape:
            raise ValueError(f"r has shape {r.shape}: must be (m, d) with m >= 1 and d >= 1")
        m, d = r.shape
        o = None if self.o is None else np.asarray(self.o)
        for name, x in (("s", self.s), ("a", self.a), ("o", o)):
            if x is not None and x.shape[:2] != (m, d):
                raise ValueError(f"{name} has shape {x.shape}: must start with (m, d) = {(m, d)}, as r")
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
            ("o", o),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_lists(cls, τs: Sequence[Sequence[tuple[Any, Any, float]]]) -> Trajectories:
        """Trajectories of any lengths >= 1 from the book's lists of tuples (s, a, r).

        Raises ValueError where there is no trajectory or one without steps, TypeError for a step of another form.
        """
        try:
            lengths = [len(τ) for τ in τs]
        except TypeError:
            refuse(None, "τs", τs, "a list of lists of tuples (s, a, r)", TypeError)
        if not lengths or 0 in lengths:
            raise ValueError(
                f"τs: trajectories of lengths {shortened(lengths)}: there must be at least one, none without steps"
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
        o = None if self.o is None else self.o[i]
        return Trajectories(self.s[i], self.a[i], self.r[i], mask, s_end, self.terminated[i], self.truncated[i], o=o)

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


def check_trajectories(τs: Any) -> None:
    """Raise TypeError if τs is not a `Trajectories`."""
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


def last_steps(τs: Trajectories) -> Array:
    """True on the last real step of each trajectory, (m, d); a trajectory without steps has none."""
    after = np.zeros_like(τs.mask)
    after[:, :-1] = τs.mask[:, 1:]
    return np.asarray(τs.mask & ~after)


def states_after(τs: Trajectories) -> Array:
    """s_{k+1} of each real step, (m, d, ...): the next recorded state, or s_end, if it is known, after the last one."""
    s_next = np.concatenate([τs.s[:, 1:], τs.s[:, -1:]], axis=1)
    if τs.s_end is not None:
        s_next[last_steps(τs)] = τs.s_end[τs.mask[:, 0]]
    return s_next


def discounts(γ: float, d: int) -> Array:
    """γ^(k-1) for the steps k = 1..d, (d,), in float64; 0⁰ is 1."""
    return np.asarray(γ, dtype=np.float64) ** np.arange(d)


def returns(τs: Trajectories, γ: float) -> Array:
    """R(τ) = Σ_k γ^(k-1) r_k of each trajectory, (m,), in float64. ValueError naming the first that overflows."""
    _check(τs, γ)
    with np.errstate(over="ignore", invalid="ignore"):
        return _bounded("return", τs.r.astype(np.float64, copy=False) @ discounts(γ, τs.r.shape[1]))


def mean_return(R: Array) -> Array:
    """The mean of returns R (..., m) over their last axis, in float64; finite even where their sum overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = R.mean(axis=-1, dtype=np.float64)
    if all_finite(mean):
        return mean
    scale = np.where(np.isfinite(mean), 1.0, abs(R).max(axis=-1))
    return np.asarray(scale * (R / scale[..., None]).mean(axis=-1))


def rewards_to_go(τs: Trajectories, γ: float) -> Array:
    """G_k = Σ_{l≥k} γ^(l-1) r_l, discounted from the start of the trajectory (m, d), in float64; 0 on padding."""
    _check(τs, γ)
    return _bounded("reward-to-go", _backward(τs.r * discounts(γ, τs.r.shape[1]), 1.0))


def local_rewards_to_go(τs: Trajectories, γ: float) -> Array:
    """L_k = Σ_{l≥k} γ^(l-k) r_l, discounted from step k (m, d), in float64; G_k = γ^(k-1) L_k. 0 on padding."""
    _check(τs, γ)
    return _bounded("reward-to-go", _backward(τs.r.astype(np.float64), γ))


def _check(τs: Any, γ: Any) -> None:
    """Raise TypeError if τs is not a `Trajectories`, ValueError if γ is not in [0, 1]."""
    check_trajectories(τs)
    discount(None, Named("γ"), γ)


def _backward(x: Array, γ: float) -> Array:
    """x_k + γ x_{k+1} + γ² x_{k+2} + ... along the rows of x (m, d), in place, from the last step to the first."""
    x = x.T
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(len(x) - 2, -1, -1):
            x[k] += γ * x[k + 1]
    return x.T


def _bounded(what: str, x: Array) -> Array:
    """x (m, ...); ValueError naming the first trajectory in which it is not finite."""
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
    count(None, Named("groups"), groups)
    m = len(τs)
    groups = min(groups, m)
    if groups < 2:
        raise ValueError(f"groups = {groups} of m = {m} trajectories: a standard error needs at least 2")
    group = np.arange(m) * groups // m
    left_out = np.array([f(τs[np.flatnonzero(group != g)]) for g in range(groups)])
    return np.sqrt((groups - 1) / groups * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
