"""The training loop: collect, step, report; stop, checkpoint, resume.

Every update draws from a stream of its own, made from (seed, update index). At every checkpoint boundary of every run,
interrupted or not, a problem with live environments ends its fragments and reseeds them from the same pair. So a run is
a function of its seed and its settings, and one that is resumed from its last checkpoint repeats what it lost and goes
on bit for bit. Where no environment is live a run that has reached its limits ends with a checkpoint too.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Protocol

import attrs
import numpy as np
from attrs import define, field

from decision_making.checks import Array, Named, count, parameters, refuse
from decision_making.files import path_of
from decision_making.policies import Policy
from decision_making.problem import RNG, Collects, Critic, Live, Problem, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.actor_critic import ActorCriticUpdate
from decision_making.sequential_problems.policy_gradient_optimization import (
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    Step,
    check_critic,
)
from decision_making.simulation import Tally, frozen, policy_parameters, tallied, tally
from decision_making.speed import reserved
from decision_making.training.callbacks import Callback
from decision_making.training.checkpoint import load_checkpoint, save_checkpoint
from decision_making.training.entries import Check, between, check_run, nothing
from decision_making.training.history import METRICS, History
from decision_making.training.limits import Limits
from decision_making.training.selection import check_player, kept_for_selection, selected, selects, steps_to_select
from decision_making.trajectories import Trajectories
from decision_making.trust_region_policy_optimization import TrustRegionPolicyOptimization
from decision_making.trust_region_policy_optimization.update import annealed
from decision_making.verbs import step

CHECKPOINT = "checkpoint.npz"
SELECTION = 1 << 16  # among the uses of random numbers in an update


class OfAProblem(Protocol):
    """An update of policies for a problem."""

    @property
    def P(self) -> Problem:
        """The problem."""


class FromSteps(Protocol):
    """An update that learns from environment steps, with a critic."""

    @property
    def P(self) -> Collects:
        """The problem."""

    @property
    def n(self) -> int:
        """Environment steps of an update."""

    @property
    def critic(self) -> Critic:
        """The critic."""


@define(eq=False)
class _Record:
    """An append-only buffer of numbers, with room reserved for four million from the start."""

    room: Array = field(factory=lambda: reserved(1 << 22))
    n: int = 0

    @property
    def numbers(self) -> Array:
        """What has been recorded, a view."""
        return self.room[: self.n]

    def extend(self, x: Sequence[float] | Array) -> None:
        """Append the numbers of x."""
        n = self.n + len(x)
        if n > len(self.room):
            room = reserved(2 * n)
            room[: self.n] = self.numbers
            self.room = room
        self.room[self.n : n] = x
        self.n = n


@define(eq=False)
class _Run:
    """The state that a checkpoint holds."""

    θ: Array
    φ: Array | None
    β: float | None
    update: int
    steps: int
    seconds: float
    rows: _Record = field(factory=_Record)  # METRICS of each update, one after the other
    returns: _Record = field(factory=_Record)  # of all finished episodes
    kept: dict[int, Array] = field(factory=dict)  # earlier policies that may be selected, by update

    @property
    def metrics(self) -> Array:
        """(updates, metrics)"""
        return self.rows.numbers.reshape(-1, len(METRICS))

    def reached(self, limits: Limits, to_select: int) -> str | None:
        """Which limit has been reached, where so many of the steps are not for updates; None where none has."""
        return limits.reached(self.update, self.steps + to_select, self.seconds, self.returns.numbers)


def train(
    M: object,
    π: Policy,
    θ: Array,
    φ: Array | None = None,
    *,
    rng: RNG = None,
    updates: int | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    threshold: float | None = None,
    window: int = 100,
    folder: Path | str | None = None,
    resume: bool = False,
    checkpoint_every: int = 50,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Update θ (and φ) by M until a limit is reached: so many updates, environment steps, seconds, or a mean return.

    M is any struct that `step` knows. `steps` counts what is simulated and what live environments do, also that which
    no trajectory holds. `threshold` stops when the mean return of the last `window` finished episodes reaches it. The δ
    of TRPO with `anneal` falls as the updates or steps run out, whichever do so first; with `selection` the last share
    of `steps` is for the choice among the last policies, of which θ of the result is one. Each `Callback` gets the
    metrics of an update and its Step, and stops the run by returning True. With a `folder` a checkpoint is written
    every `checkpoint_every` updates, and at the end where no environment is live; `resume=True` continues from it, with
    its seed and the state of every live problem that is a field of M, or of a field of it, and so on; not of one within
    a function of your own.

    A live problem, as that of `for_environment`, remembers the statistics of what it has seen: a second run with it is
    another one. For the same numbers again make M, π, θ, φ anew.

    Raises ValueError where no limit or a bad one is given, where a problem returns what is not finite, where only a
    threshold could stop the run but no episode ends, where only steps could but they are not known (those of a grad_U
    that is a function), and, naming file and entry, where a checkpoint is not whole or not one of this run, of this
    seed if one is given; FileExistsError where the folder holds a checkpoint and `resume` is not given; OSError, naming
    the file, where one cannot be written. The last checkpoint stays usable. Ctrl-C (KeyboardInterrupt) passes through,
    likewise.
    """
    limits = Limits(updates, steps, seconds, threshold, window)
    limits.check()
    count(None, Named("checkpoint_every"), checkpoint_every)
    if updates is seconds is None is not steps and isinstance(M, PolicyGradientUpdate) and callable(M.grad_U):
        raise ValueError(
            f"steps = {steps}: PolicyGradientUpdate.grad_U is a function, and what it simulates is not known; give "
            "updates or seconds"
        )
    check_critic(M, φ)
    if not (isinstance(callbacks, Sequence) and all(map(callable, callbacks))):
        refuse(None, "callbacks", callbacks, "a list of callables", TypeError)
    default_rng(rng)  # says what is wrong with it
    given = int(rng) if isinstance(rng, int | np.integer) else None
    seed = int(default_rng(rng).integers(2**63)) if given is None else given
    run, reason, to_select = _begun(M, π, θ, φ), None, steps_to_select(M, steps)
    file = None if folder is None else path_of(folder, "folder") / CHECKPOINT
    if to_select:
        check_player(M, π, run.θ)
    if resume:
        if file is None:
            raise ValueError("resume = True: needs the folder of the run")
        seed = _restore(run, M, file, given)
        reason = run.reached(limits, to_select)
    elif file is not None and file.exists():
        raise FileExistsError(f"{folder} holds the checkpoint of a run: give resume=True, or choose another folder")
    first = run.update
    while reason is None:
        if run.update == first or run.update % checkpoint_every == 0:
            for i, P in enumerate(live_problems(M), 1):
                P.restart(_stream(seed, run.update, i))
            if file is not None:
                _save(run, M, seed, file)
        taken, row = _one_update(_annealed(M, run, limits, to_select), π, run, seed)
        stopped = [callback(row, taken) for callback in callbacks]
        reason = run.reached(limits, to_select) or ("a callback" if any(map(is_true, stopped)) else None)
        if reason is None:
            n_envs = max([P.n_envs for P in live_problems(M)], default=1)
            limits.check_that_it_ends(run.update, run.steps, n_envs, run.returns.n)
    if file is not None and (run.update % checkpoint_every == 0 or not live_problems(M)):
        _save(run, M, seed, file)
    last, selection = run.kept | {run.update: run.θ}, None
    if isinstance(M, TrustRegionPolicyOptimization) and to_select and steps and reason == f"steps = {steps}":
        try:
            selection = selected(M.P, π, last, steps - run.steps, _stream(seed, run.update, SELECTION))
        except (RuntimeError, ValueError) as error:  # of the environment: what was learnt is not lost for it
            warnings.warn(f"the last policy is kept, others were not compared with it: {error}", stacklevel=2)
    θ = last[selection.update if selection else run.update]
    metrics, returns = run.metrics.copy(), run.returns.numbers.copy()
    return History(θ, run.φ, metrics, returns, f"stopped by {reason}", seed, selection)


def is_true(answer: object) -> bool:
    """Whether a callback's answer is True; one that answers with something else, as with what it wrote, goes on."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def recorded_rows(M: object, π: Policy, θ: Array, φ: Array | None, file: Path, seed: int | None) -> list[list[float]]:
    """The METRICS of every update up to a checkpoint. Raises as `train` does where it cannot go on from it."""
    run = _begun(M, π, θ, φ)
    _restore(run, M, file, seed)
    rows: list[list[float]] = run.metrics.tolist()
    return rows


def live_problems(M: object) -> list[Live]:
    """The problems with live environments that hang under M, in the order of its fields."""
    return list(_live_under(M, {}))


def _live_under(x: object, seen: dict[int, object]) -> Iterator[Live]:
    if id(x) in seen:
        return
    seen[id(x)] = x
    if offers(x, Live):
        yield x
        return
    if isinstance(x, Mapping):
        below = list(x.values())
    elif isinstance(x, list | tuple):
        below = list(x)
    elif attrs.has(kind := type(x)):
        below = [getattr(x, a.name) for a in attrs.fields(kind)]
    else:
        below = [] if isinstance(x, type | ModuleType | FunctionType) else list(getattr(x, "__dict__", {}).values())
    for y in below:
        yield from _live_under(y, seen)


def _entries(M: object) -> list[tuple[str, Live]]:
    """What the entries of each live problem in a checkpoint begin with, and the problem."""
    return [(f"problem{i if i > 1 else ''}.", P) for i, P in enumerate(live_problems(M), 1)]


def _begun(M: object, π: Policy, θ: Array, φ: Array | None) -> _Run:
    φ = None if φ is None else parameters(φ, name="φ")
    rule = _rule(M)
    β = rule.β if isinstance(rule, PenalizedSurrogateUpdate) else None
    return _Run(policy_parameters(π, θ), φ, β, 0, 0, 0.0)


def _stream(seed: int, update: int, use: int) -> int:
    """A seed for one use in one update of one run."""
    return int(np.random.SeedSequence([seed, update, use]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _one_update(M: object, π: Policy, run: _Run, seed: int) -> tuple[Step, dict[str, float]]:
    rng, start = default_rng(_stream(seed, run.update, 0)), time.perf_counter()
    M = _with_penalty(M, run.β)
    critic = () if run.φ is None else (run.φ,)
    with tallied() as seen, ExitStack() as scales:
        for P in live_problems(M):
            scales.enter_context(frozen(P))
        if offers(M, FromSteps):
            taken = step(M, π, run.θ, *critic, rng=rng, τs=_collected(M, π, run.θ, rng, seen))
        else:
            taken = step(M, π, run.θ, *critic, rng=rng)
    finished, lengths, weights = (
        np.concatenate([np.empty(0), *parts]) for parts in (seen.returns, seen.lengths, seen.weights)
    )
    run.θ, run.φ, run.β = taken.θ, run.φ if taken.φ is None else taken.φ, taken.β
    run.update, run.steps = run.update + 1, run.steps + seen.steps
    run.kept = {u: run.kept.get(u, run.θ) for u in kept_for_selection(M, run.update)}
    passed = time.perf_counter() - start
    run.seconds += passed
    run.returns.extend(finished)
    row = dict.fromkeys(METRICS, math.nan) | {
        "update": run.update,
        "steps": run.steps,
        "seconds": run.seconds,
        "episodes": len(finished),
        "accepted": float(taken.accepted),
        "backtracks": math.nan if taken.backtracks is None else float(taken.backtracks),
        "steps_per_second": seen.steps / passed if passed > 0 else math.nan,
        **{name: value for name, value in taken.info.items() if name in METRICS},
    }
    if taken.kl is not None:
        row["kl"] = taken.kl
    if len(finished):
        row |= {f"return_{f.__name__}": float(f(finished)) for f in (np.median, np.min, np.max)}
        row |= {"return_mean": np.average(finished, weights=weights)}
        row |= {"episode_length": np.average(lengths, weights=weights)}
    row = {name: float(x) for name, x in row.items()}
    run.rows.extend([row[name] for name in METRICS])
    return taken, row


def _rule(M: object) -> object:
    """The rule of chapter 12 that M follows."""
    if isinstance(M, TrustRegionPolicyOptimization):
        return M.update_rule
    return M.rule if isinstance(M, ActorCriticUpdate) else M


def _with_penalty(M: object, β: float | None) -> object:
    """M with the penalty weight that the last update left, where its rule is penalized."""
    rule = _rule(M)
    if β is None or not isinstance(rule, PenalizedSurrogateUpdate):
        return M
    rule = attrs.evolve(rule, β=β)
    return attrs.evolve(M, rule=rule) if isinstance(M, TrustRegionPolicyOptimization | ActorCriticUpdate) else rule


def _annealed(M: object, run: _Run, limits: Limits, to_select: int) -> object:
    """M with the bound that it has after so much of the run's updates, or of the steps in which it learns."""
    passed = max(run.update / (limits.updates or math.inf), run.steps / ((limits.steps or math.inf) - to_select))
    return annealed(M, passed) if isinstance(M, TrustRegionPolicyOptimization) else M


def _collected(M: FromSteps, π: Policy, θ: Array, rng: np.random.Generator, seen: Tally) -> Trajectories:
    """A batch of M's problem, reported here where the problem does not do it."""
    τs = M.P.collect(π, θ, M.n, rng)
    if seen.steps == 0:
        of_rows = τs.r.sum(axis=1, dtype=np.float64), τs.lengths
        returns, lengths = M.P.episodes if offers(M.P, Live) else of_rows
        tally(returns, lengths, int(τs.mask.sum()))
    return τs


def _save(run: _Run, M: object, seed: int, file: Path) -> None:
    arrays = _kept(run, M) | {"rows": run.metrics, "returns": run.returns.numbers}
    meta = {"seed": seed, "update": run.update, "steps": run.steps, "seconds": run.seconds, "β": run.β}
    save_checkpoint(file, arrays, meta | {"metrics": list(METRICS)})


def _kept(run: _Run, M: object) -> dict[str, Array]:
    """Parameters and states of live problems, by their entries in a checkpoint."""
    arrays = {"θ": run.θ} | ({} if run.φ is None else {"φ": run.φ})
    if selects(M):
        arrays["kept"] = np.array([*run.kept.values()], run.θ.dtype).reshape(-1, run.θ.size)
    return arrays | {f"{prefix}{name}": np.asarray(x) for prefix, P in _entries(M) for name, x in P.state().items()}


def _restore(run: _Run, M: object, file: Path, seed: int | None) -> int:
    """Put the checkpoint into the run and the problem, if all of it fits them; returns the seed."""
    arrays, meta = load_checkpoint(file)
    check_run(file, arrays, meta, _kept(run, M), seed=seed, β=_penalty(M), kept=lambda u: len(kept_for_selection(M, u)))
    for prefix, P in _entries(M):
        P.restore({name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)})
    run.θ, run.φ, run.β, run.seconds = arrays["θ"], arrays.get("φ"), meta["β"], float(meta["seconds"])
    run.update, run.steps = meta["update"], meta["steps"]
    run.rows.extend(arrays["rows"].ravel())
    run.returns.extend(arrays["returns"])
    run.kept = dict(zip(kept_for_selection(M, run.update), arrays.get("kept", ()), strict=True))
    return int(meta["seed"])


def _penalty(M: object) -> Check:
    """What the penalty weight in a checkpoint may be: what updates of M may leave."""
    rule = _rule(M)
    if not isinstance(rule, PenalizedSurrogateUpdate):
        return nothing
    if rule.kl_target is None:
        return between(rule.β, rule.β)
    return between(min(rule.β, rule.β_min), max(rule.β, rule.β_max))
