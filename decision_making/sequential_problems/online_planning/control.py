"""Model predictive control: open-loop plans of real-valued actions under constraints (equations 9.4, 9.6 and 9.7).

The dynamics T and the reward R are functions of `autograd.numpy`, on batches with any leading axes, so that exact
derivatives go to the solver (SLSQP of scipy.optimize). Such problems can have several local optima: every plan is the
best feasible one found from several starts, and says how many starts ended in a feasible one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import attrs
import autograd.numpy as anp
import numpy as np
from attrs import field
from autograd import grad
from autograd.tracer import getval, isbox

from decision_making.checks import (
    Array,
    count,
    discount,
    function,
    made_array,
    numbers,
    one_of,
    optional,
    refuse,
    settings,
    shortened,
)
from decision_making.problem import RNG, State
from decision_making.sampling import default_rng
from decision_making.structs import struct
from decision_making.verbs import plan

FEASIBLE = 1e-6  # largest violation of a constraint that counts as none
FAR, FARTHEST = 1e6, 1e300  # actions so large may be on their way to infinity; and have come to it
LAST = 10  # doublings of actions that must be worth more


def _low(x: Any) -> Array:
    return np.atleast_1d(numbers(x, "low"))


def _high(x: Any) -> Array:
    return np.atleast_1d(numbers(x, "high"))


def _numbers(x: Any, name: str, shape: tuple[int, ...], several: bool = False) -> Any:
    """What a function gave for states with these leading axes: a number for each, or `several` on a last axis.

    Raises ValueError for another shape, TypeError for what is not made of numbers.
    """
    given, only = made_array(getval(x), name), "a number for each state of a batch"
    if given.dtype.kind not in "fiu":
        raise TypeError(f"{name} = {shortened(given.tolist())}: must be {only}")
    x = (x if isbox(x) else given) + 0.0
    if given.shape == () and shape == (1,):
        return anp.reshape(x, shape)
    if given.shape != shape and not (several and given.shape[:-1] == shape):
        raise ValueError(f"{name} has shape {given.shape}: must be {shape}, {only}")
    return x


def _noise(x: Any) -> Array:
    return numbers(x, "ε")


@struct(repr=False)
class ControlPlan:
    """A plan of real-valued actions from one state, or plans from each of a batch."""

    M: Any  # what made it
    s: State  # state, or batch of states
    a: Array  # first action (..., k)
    u: Any  # utility of the plan (...)
    actions: Array  # all actions (..., d, k); of several scenarios with actions of their own (..., m, d, k)
    states: Array  # the states they lead to (..., d + 1, n), or (..., m, d + 1, n)
    ends: Any  # (u, actions) of the feasible plan that each start ended in, the best first; of a batch a list of these

    def __repr__(self) -> str:
        return f"ControlPlan(a={np.asarray(self.a).tolist()}, u={self.u}, feasible from {len(self.ends)} starts)"


@struct(repr=False)
class ModelPredictiveControl:
    """d actions that maximise Σ γ^(k-1) R(s_k, a_k) + R_end(s_{d+1}), with s_{k+1} = T(s_k, a_k) (equation 9.4).

    Called with s it gives the first action; asked again after each step it is receding-horizon control. low <= a <=
    high in every component, and `constraint(s)` >= 0 in all states on the way. The problem is convex, and its optimum
    certain, where R and R_end are concave, T is linear and each constraint is concave in s. A batch is planned for
    state by state.

    Raises ValueError where no start ends in a plan that keeps the constraints to within 1e-6, and where actions have no
    bounds and the return none either.
    """

    T: Any = field(validator=function)  # (s, a) -> s_next, on batches (..., n) and (..., k)
    R: Any = field(validator=function)  # (s, a) -> reward (...)
    d: int = field(validator=count)  # number of actions
    low: Array = field(converter=_low)  # least action (k,)
    high: Array = field(converter=_high)  # largest action (k,)
    γ: float = field(default=1.0, kw_only=True, validator=discount)  # discount factor
    R_end: Any = field(default=None, kw_only=True, validator=optional(function))  # s -> value of the last state (...)
    constraint: Any = field(default=None, kw_only=True, validator=optional(function))  # s -> (..., j), to be >= 0
    starts: int = field(default=10, kw_only=True, validator=count)  # initial guesses
    rng: np.random.Generator = field(default=None, kw_only=True, converter=default_rng, repr=False)  # of the guesses

    def __attrs_post_init__(self) -> None:
        if self.low.ndim != 1 or self.low.shape != self.high.shape or np.isnan([self.low, self.high]).any():
            refuse(self, "low", self.low, f"a bound for each component, as high = {self.high}")
        if self.low.size == 0 or (self.low == np.inf).any():
            refuse(self, "low", self.low, "a number for each component of an action, or -inf where there is no bound")
        if (self.high == -np.inf).any():
            refuse(self, "high", self.high, "a number for each component of an action, or inf where there is no bound")
        if (self.low > self.high).any():
            refuse(self, "low", self.low, f"at most high = {self.high}")

    def __repr__(self) -> str:
        return settings(self)

    @property
    def scenarios(self) -> tuple[int, Array | None]:
        """How many there are, and their noise (m, d, ...); None without noise."""
        return 1, None

    def __call__(self, s: State, rng: RNG = None) -> Array:
        """The first action (k,) in the state s (n,), or (B, k) for a batch (B, n)."""
        return np.asarray(plan(self, s, rng=rng).a)


@struct(repr=False)
class MultiforecastControl(ModelPredictiveControl):
    """A plan for m forecasts of the noise, s_{k+1} = T(s_k, a_k, ε_ik) (equations 9.6 and 9.7).

    With `sequences="one"` all forecasts share one sequence, whose worst return is maximised (9.6); with "own" each has
    its own, of equal first actions, and the mean return is maximised (9.7): the first action then knows that the
    later ones will know more. For s' ~ N(T_s s + T_a a, Σ) draw ε (m, d, n) once from N(0, Σ) and add it: example
    9.11.
    """

    ε: Array = field(default=None, kw_only=True, converter=_noise, repr=False)  # noise (m, d, ...)
    sequences: str = field(default="one", kw_only=True, validator=one_of("one", "own"))  # of actions

    def __attrs_post_init__(self) -> None:
        ModelPredictiveControl.__attrs_post_init__(self)
        if self.ε.ndim < 2 or self.ε.shape[1] != self.d or len(self.ε) == 0 or not np.isfinite(self.ε).all():
            refuse(self, "ε", self.ε.shape, f"finite noise (m, d, ...) with d = {self.d}")

    @property
    def scenarios(self) -> tuple[int, Array | None]:
        """The forecasts."""
        return len(self.ε), self.ε


@struct
class _Program:
    """A plan from one state as a vector x: what it is worth, and what must not be negative."""

    M: ModelPredictiveControl
    s: Array  # (n,)
    unit: float = 1.0  # of the returns; the solver's tolerances are absolute

    @property
    def own(self) -> bool:
        """Whether every scenario has actions of its own after the first."""
        return getattr(self.M, "sequences", "one") == "own" and self.M.scenarios[0] > 1

    @property
    def worst(self) -> bool:
        """Whether the last entry of x is a bound below all returns."""
        return not self.own and self.M.scenarios[0] > 1

    def actions(self, x: Array) -> Any:
        """Actions (..., m, d, k) of every scenario, of plans x (..., n)."""
        M, k, lead = self.M, len(self.M.low), np.shape(x)[:-1]
        m = M.scenarios[0]
        if not self.own:
            sequence = anp.reshape(x[..., : M.d * k], (*lead, 1, M.d, k))
            return anp.concatenate([sequence] * m, axis=-3) if m > 1 else sequence
        first = anp.concatenate([anp.reshape(x[..., :k], (*lead, 1, 1, k))] * m, axis=-3)
        return anp.concatenate([first, anp.reshape(x[..., k:], (*lead, m, M.d - 1, k))], axis=-2)

    def states(self, a: Any) -> list[Any]:
        """The d + 1 states on the way, each (..., m, n)."""
        M, ε = self.M, self.M.scenarios[1]
        s = [np.broadcast_to(self.s, (*a.shape[:-2], len(self.s)))]
        for k in range(M.d):
            s.append(M.T(s[-1], a[..., k, :]) if ε is None else M.T(s[-1], a[..., k, :], ε[:, k]))
            if np.shape(s[-1]) != s[0].shape:
                raise ValueError(f"T(s, a) has shape {np.shape(s[-1])} for states {s[0].shape}: must be {s[0].shape}")
        return s

    def returns(self, x: Array) -> Any:
        """The return of each scenario (..., m), in units."""
        return self._returns(self.actions(x))

    def _returns(self, a: Any) -> Any:
        M, s, shape = self.M, self.states(a), a.shape[:-2]
        u = sum(M.γ**k * _numbers(M.R(s[k], a[..., k, :]), "R(s, a)", shape) for k in range(M.d))
        if M.R_end is not None:
            u = u + M.γ**M.d * _numbers(M.R_end(s[-1]), "R_end(s)", shape)
        return u / self.unit

    def cost(self, x: Array) -> Any:
        """What is minimised."""
        return -x[-1] if self.worst else -anp.mean(self.returns(x))

    def worth(self, x: Array) -> float:
        """The utility of a plan, in units: the mean of the returns, or the least where that is maximised."""
        u = self.returns(x)
        return float(np.min(u) if self.worst else np.mean(u))

    def slack(self, x: Array) -> Any:
        """What must not be negative, (..., J)."""
        a = self.actions(x)
        parts = [self._returns(a) - x[..., -1:]] if self.worst else []
        if self.M.constraint is not None:
            for s in self.states(a):
                c = _numbers(self.M.constraint(s), "constraint(s)", a.shape[:-2], several=True)
                parts.append(anp.reshape(c, (*np.shape(x)[:-1], -1)))
        return anp.concatenate(parts, axis=-1)

    def slopes(self, x: Array) -> Array:
        """The derivatives of `slack` (J, n), by one reverse pass over J copies of x."""
        J = len(self.slack(x))
        each = np.arange(J)
        return np.asarray(grad(lambda X: anp.sum(self.slack(X)[each, each]))(np.tile(x, (J, 1))))

    def bounds(self) -> list[tuple[float, float]]:
        """Of each entry of x."""
        M = self.M
        m = M.scenarios[0]
        steps = 1 + m * (M.d - 1) if self.own else M.d
        each = list(zip(M.low.tolist(), M.high.tolist(), strict=True)) * steps
        return [*each, (-np.inf, np.inf)] if self.worst else each

    def grows(self, x: Array, far: float) -> bool:
        """Whether actions without bounds reach far out, and doubling them for ever is worth more: none is the best.

        They are doubled until the return is no number any more, or their own size is at its end: then each of the last
        ten doublings, a few of which may lead up to x, must have been worth more, or the return be infinite.
        """
        bounds = np.array(self.bounds())
        out = np.isinf(np.where(x < 0, bounds[:, 0], bounds[:, 1]))
        if self.worst:
            out[-1] = False
        if np.max(abs(x[out]), initial=0.0) <= far:
            return False
        further, worths = np.where(out, x / 2**LAST, x), []
        while np.isfinite(worth := self.worth(further)) and np.max(abs(further[out])) < FARTHEST:
            worths.append(worth)
            x, further = further, np.where(out, 2 * further, further)
        gains = np.diff(worths)[-LAST:]
        if worth != np.inf and not (len(gains) == LAST and (gains > 1e-12 * np.maximum(1, np.abs(worths[-1]))).all()):
            return False
        if self.worst:
            x[-1] = self.worth(x)
        return self.M.constraint is None or bool(np.min(self.slack(x), initial=0.0) >= -FEASIBLE)

    def guesses(self, rng: np.random.Generator) -> list[Array]:
        """Where to start: the middle of the bounds, then uniform draws; where there is no bound, within 1 of 0."""
        bounds = np.array(self.bounds())
        low = np.where(np.isfinite(bounds[:, 0]), bounds[:, 0], np.minimum(bounds[:, 1], 1.0) - 2)
        high = np.where(np.isfinite(bounds[:, 1]), bounds[:, 1], low + 2)
        return [(low + high) / 2, *rng.uniform(low, high, (self.M.starts - 1, len(low)))]

    def scaled(self, guesses: list[Array]) -> _Program:
        """The same in units in which the steepest slope of the mean return at a guess is 1.

        The solver begins with steps as long as the slope, and ends where a step gains less than an absolute tolerance:
        without units a plan would depend on those of the rewards.
        """
        slope = grad(lambda x: anp.mean(self.returns(x)))
        slopes = [float(np.max(abs(slope(x)))) for x in guesses]
        return attrs.evolve(self, unit=max((x for x in slopes if 0 < x < np.inf), default=1.0))


def _solve(program: _Program, rng: np.random.Generator) -> list[Array]:
    """The feasible x that the starts end in, the best first."""
    from scipy.optimize import minimize

    guesses = program.guesses(rng)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Output seems independent of input")  # what is constant has slope 0
        program = program.scaled(guesses)
        for x in guesses if program.worst else []:
            x[-1] = np.min(program.returns(x))
    constrained = program.worst or program.M.constraint is not None
    given: list[dict[str, Any]] = []
    if constrained:
        given.append({"type": "ineq", "fun": program.slack, "jac": program.slopes})
    slope: Callable[[Array], Array] = grad(program.cost)
    seen: list[tuple[float, Array]] = []

    def cost_of(x: Array) -> float:
        cost = float(program.cost(x))
        if not seen or cost < seen[0][0] or np.isnan(seen[0][0]):
            seen[:] = [(cost, x.copy())]
        return cost

    found: list[tuple[float, Array]] = []
    nearest = np.inf
    for x in guesses:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent of input")
            end = minimize(
                cost_of,
                x,
                jac=slope,
                bounds=program.bounds(),
                constraints=given,
                method="SLSQP",
                options={"maxiter": 500, "ftol": 1e-13},
            ).x
            overflows = not np.isfinite(end).all()  # then the best plan on the way there counts
            end = np.clip(seen[0][1] if overflows else end, *np.array(program.bounds()).T)
            seen.clear()
            violation = -float(np.min(program.slack(end), initial=0.0)) if constrained else 0.0  # NaN where one is
            cost, grows = float(program.cost(end)), program.grows(end, 0.0 if overflows else FAR)
        if grows:
            raise ValueError(
                f"the return from {program.s.tolist()} still grows where actions are {np.max(abs(end)):.3g}: no plan "
                "is the best; give bounds low and high"
            )
        if np.isfinite(cost) and violation <= FEASIBLE:
            found.append((cost, end))
        elif np.isfinite(cost):
            nearest = min(nearest, violation)  # a NaN is not less
    low, high = program.M.low, program.M.high
    if not found and np.isinf(nearest):
        raise ValueError(
            f"the return or a constraint of every plan from {program.s.tolist()} is not a number, or not finite: T, R, "
            "R_end and constraint must give finite numbers for actions within low and high"
            + ("; a return may grow for ever where these are infinite" if np.isinf([low, high]).any() else "")
        )
    if not found:
        raise ValueError(
            f"no plan from {program.s.tolist()} keeps the constraints: {program.M.starts} starts, the nearest violates "
            f"one by {nearest:.3g}; more starts, a larger d or wider bounds may help"
        )
    return [x for _, x in sorted(found, key=lambda pair: pair[0])]


@plan.register
def plan_control(M: ModelPredictiveControl, s: State, *, rng: RNG = None) -> ControlPlan:
    """One program for each state."""
    states = numbers(s, "s")
    if states.ndim not in (1, 2) or not np.isfinite(states).all():
        raise ValueError(f"s = {s!r}: must be a finite state (n,) or a batch (B, n)")
    rng, parts = M.rng if rng is None else default_rng(rng), []
    for x in np.atleast_2d(states):
        program = _Program(M, x)
        found = _solve(program, rng.spawn(1)[0])
        ends = [(program.worth(y), _shared(program, program.actions(y))) for y in found]
        path = np.stack([np.asarray(y) for y in program.states(program.actions(found[0]))], axis=1)
        u, a = ends[0]
        first = a[0, 0] if program.own else a[0]
        parts.append((first, u, a, path if M.scenarios[1] is not None else path[0], ends))
    if states.ndim == 1:
        return ControlPlan(M, states, *parts[0])
    if not parts:  # of no states
        program = _Program(M, np.zeros(states.shape[1]))
        a = np.zeros((0, M.scenarios[0], M.d, len(M.low)))
        path = np.zeros((*a.shape[:2], M.d + 1, states.shape[1]))
        path, a = path if M.scenarios[1] is not None else path[:, 0], a if program.own else a[:, 0]
        return ControlPlan(M, states, np.zeros((0, len(M.low))), np.zeros(0), a, path, [])
    firsts, us, plans, paths, endings = (list(x) for x in zip(*parts, strict=True))
    return ControlPlan(M, states, np.array(firsts), np.array(us), np.array(plans), np.array(paths), endings)


def _shared(program: _Program, a: Any) -> Array:
    """Actions (m, d, k), or (d, k) where all scenarios share them."""
    return np.asarray(a if program.own else a[0])
