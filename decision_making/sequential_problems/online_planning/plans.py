"""What a search of a state found, and what all searches of chapter 9 have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, settings
from decision_making.problem import RNG, Action, State
from decision_making.sampling import default_rng
from decision_making.sequential_problems.online_planning.batch_model import model_of
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.structs import struct
from decision_making.verbs import plan


@struct(repr=False)
class Plan:
    """What a search found for one state, or for each state of a batch; what it returns is `plan(M, s).a`.

    Where one state was given the leading axes (...) are not there.
    """

    M: Any  # the search
    s: State  # state, or batch of states
    a: Action  # chosen actions (...)
    u: Any  # their utilities (...)
    Q: Array  # utility of each action (..., A), -inf where it was not tried or is not available; 0 where s is the end
    N: Array | None = None  # how often each action was tried (..., A), where that is counted
    visits: Any = None  # states that the search visited, leaves included (...)
    tree: Any = None  # what was built: its levels, its nodes, or a table of utilities

    def __repr__(self) -> str:
        return f"Plan({type(self.M).__name__}, a={brief(self.a)}, u={brief(self.u)}, visits={brief(self.visits)})"


@struct(repr=False)
class OnlinePlanner:
    """A search from the current state: called with s it gives an action, with a batch of states an action for each."""

    P: Any  # problem
    rng: np.random.Generator = field(default=None, kw_only=True, converter=default_rng, repr=False)  # random numbers
    _model: Model = field(init=False, repr=False)

    exact = True  # whether the search needs all successors, not only samples of them

    @property
    def listed(self) -> bool:
        """Whether it tries the actions of the list P.A."""
        return True

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_model", model_of(self.P, self, exact=self.exact, listed=self.listed))

    def __repr__(self) -> str:
        return settings(self)

    def __call__(self, s: State, rng: RNG = None) -> Action:
        """The action in s, or an array of actions for a batch of states; rng replaces the search's own generator."""
        return plan(self, s, rng=rng).a

    def did(self, found: Plan) -> str:
        """What it did, the rest of a sentence that begins with its name."""
        return f"looked ahead from {self.origin(found)}."

    def origin(self, found: Plan) -> str:
        """The state that it began in, if that is short to say."""
        s = found.s
        return "the state" if np.ndim(s) > 1 else f"state {s if np.ndim(s) == 0 else brief(s)}"

    def action_name(self, found: Plan, i: int | None) -> str:
        """What the problem calls the action of index i; None: the chosen one."""
        return str(found.a if i is None else self._model.action(np.array([i]))[0])


def counted(n: float, what: str, many: str | None = None) -> str:
    """A number of things, which may be huge; `many` is their plural where it is not that with an s.

    >>> counted(1, "step"), counted(2000, "visit")
    ('1 step', '2,000 visits')
    """
    things = what if n == 1 else many or what + "s"
    return f"{n:,.0f} {things}" if n < 1e15 else f"{n:.3g} {things}"


def simulated(M: Any, found: Plan, what: str = "simulation") -> str:
    """How many simulations of how many steps a search made, and from where."""
    return f"{counted(M.m, what)} of up to {counted(M.d, 'step')} from {M.origin(found)}"


def generator(M: OnlinePlanner, rng: RNG) -> np.random.Generator:
    """rng as a generator, that of M where it is None."""
    return M.rng if rng is None else default_rng(rng)


def best(Q: Array) -> Array:
    """The first best action of each row (N, A). ValueError where a utility is NaN."""
    bad = np.isnan(Q)
    if bad.any():
        row, a = map(int, np.argwhere(bad)[0])
        raise ValueError(f"the utility of action {a} in state {row} of the batch is nan: rewards and U must be numbers")
    return np.asarray(np.argmax(Q, axis=1))


def best_available(model: Model, s: Array, Q: Array) -> Array:
    """The first best action of each row; where none is worth anything, or was tried, the first that is available."""
    a = best(Q)
    lost = np.flatnonzero(np.isneginf(Q).all(axis=1))
    available = model.available(s[lost]) if len(lost) else None
    if available is not None:
        a[lost] = available.argmax(axis=1)
    return a


def planned(
    M: OnlinePlanner,
    s: State,
    Q: Array,
    single: bool,
    *,
    N: Array | None = None,
    visits: Array | int | None = None,
    tree: Any = None,
    a: Array | None = None,
) -> Plan:
    """The `Plan` of states whose actions have the utilities Q (B, A); it takes the first best where a is not given."""
    a = best_available(M._model, s, Q) if a is None else a
    u = Q[np.arange(len(Q)), a]
    visits = None if visits is None else np.full(a.shape, visits)
    chosen, states = M._model.action(a), M._model.state(s)
    if not single:
        return Plan(M, states, chosen, u, Q, N, visits, tree)
    counts = None if N is None else N[0]
    return Plan(M, states[0], chosen[0], float(u[0]), Q[0], counts, None if visits is None else visits[0].item(), tree)
