"""The model through which a search of chapter 9 asks a problem with functions on batches, or any problem."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, brief, discount, name_first, refuse
from decision_making.mdp import SparseTable, Table
from decision_making.pomdp import POMDP, BeliefMDP, belief
from decision_making.problem import Enumerable, HasActions, HasSuccessors, Simulable, offers
from decision_making.sequential_problems.approximate_value_functions.outcomes import outcomes, successors
from decision_making.sequential_problems.exact_solution_methods.tables import batch_of, ended
from decision_making.sequential_problems.online_planning.draws import Draws
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import (
    Edges,
    Model,
    after,
    mixed,
    pair_of,
    positions_in,
    some_action,
)
from decision_making.sizes import check_size
from decision_making.structs import struct


@struct(repr=False)
class BatchModel(Model):
    """A problem with functions on batches: TR, and perhaps successors, terminal and legal_actions."""

    P: Any  # problem
    ndim: int | None  # axes of one state; None where the problem does not say: an array is a batch
    γ: float = field(init=False)
    n_actions: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "γ", self.P.γ)
        object.__setattr__(self, "n_actions", len(self.P.A) if offers(self.P, HasActions) else 0)

    def rows(self, s: Any) -> tuple[Array, bool]:
        """The states as an array, with a first axis for the batch. Beliefs must be probabilities."""
        s = belief(s, len(self.P.P.S)) if isinstance(self.P, BeliefMDP) else np.asarray(s)
        if s.dtype.kind == "f" and not np.isfinite(s).all():
            raise ValueError(f"s = {brief(s)}: must be finite")
        axes = max(s.ndim - 1, 0) if self.ndim is None else self.ndim
        if s.ndim not in (axes, axes + 1):
            raise ValueError(f"s has shape {s.shape}: one state has {axes} axes, a batch one more")
        single = s.ndim == axes
        return (s[None] if single else s), single

    def action(self, a: Array) -> Any:
        """Elements of P.A; the actions themselves where the problem has no such list."""
        return batch_of(self.P.A)[a] if self.n_actions else a

    def index(self, a: Any) -> Array:
        """Positions in P.A; the actions themselves where the problem has no such list."""
        return positions_in(self.P.A, a) if self.n_actions else a

    def edges(self, s: Array) -> Edges:
        """Every action's successors, those of probability 0 left out."""
        N, A = len(s), self.n_actions
        K = len(successors(self.P, s[:1], self.action(np.zeros(min(N, 1), np.intp)))[0])
        size = A * K * N * int(np.prod(s.shape[1:]))
        check_size("numbers in the successors of one level", size, "use a smaller d, or SparseSampling")
        r, parts = np.empty((N, A)), []
        for a in range(A):
            actions = np.repeat(self.action(np.array([a])), N)
            s_next, p, r[:, a] = outcomes(self.P, s, actions)
            i, k = np.nonzero(p > 0)
            parts.append((i * A + a, s_next[i, k], p[i, k]))
        pair = np.concatenate([x[0] for x in parts])
        kept = np.argsort(pair, kind="stable")
        available = self.available(s)
        r = r if available is None else np.where(available, r, -np.inf)
        name_first(~(r < np.inf), "P.successors gave r", r, "numbers, or -inf where the action is not available")
        return Edges(
            r, pair[kept], np.concatenate([x[1] for x in parts])[kept], np.concatenate([x[2] for x in parts])[kept]
        )

    def step(self, s: Array, a: Array, draws: Draws, rows: Array) -> tuple[Array, Array]:
        """By P.TR, in float64."""
        return self.act(s, self.action(a), draws)

    def act(self, s: Array, a: Array, draws: Draws) -> tuple[Array, Array]:
        """By P.TR, in float64."""
        return after(s, *pair_of(self.P.TR(s, a, draws.rng)), self.ended)

    def wander(self, s: Array, d: int, draws: Draws, rows: Array) -> Array:
        """All actions, also those that do nothing."""
        if not self.n_actions:
            refuse("RolloutEstimate", "π", None, "a policy: the problem has no list A of actions to draw from")
        return self.run(s, d, lambda s: draws.rng.integers(self.n_actions, size=len(s)), draws, rows)

    def ended(self, s: Array) -> Array:
        """Where P.terminal is true."""
        return ended(self.P, s)

    terminal = ended

    def available(self, s: Array) -> Array | None:
        """`legal_actions` of the problem, if it has them."""
        legal = getattr(self.P, "legal_actions", None)
        if legal is None:
            return None
        available = np.asarray(legal(s), bool)
        if available.shape != (len(s), self.n_actions):
            raise ValueError(f"P.legal_actions gave an array {available.shape}: must be {(len(s), self.n_actions)}")
        return some_action(available, s)

    def key(self, s: Array) -> Array:
        """Of the bytes of a state the state itself where they fit, else a hash; -0.0 is 0.0.

        Of n states two are mistaken for one another with probability about n² / 2⁶⁵.
        """
        if s.dtype.kind not in "biuf":
            allowed = "numbers, to be told apart: only ProgressiveWidening and SparseSampling do without"
            refuse(None, "s", s, allowed, TypeError)
        size = int(np.prod(s.shape[1:]))
        flat = np.ascontiguousarray((s + 0).reshape(len(s), size))
        words = flat.astype(np.float64 if flat.dtype.kind == "f" else np.int64).view(np.uint64)
        key = words[:, 0].copy()
        if words.shape[1] > 1:
            key = mixed(key)
            for word in words.T[1:]:
                key = mixed(key ^ word)
        return key


def axes_of_a_state(P: Any) -> int | None:
    """The number of axes of one state, where the problem says it by its bounds."""
    bounds = getattr(P, "state_bounds", None)
    return None if bounds is None else np.ndim(bounds[0])


def model_of(P: Any, M: object, *, exact: bool, listed: bool = True) -> Model:
    """P as the search M asks it; `exact` where M needs all successors, `listed` where it tries the actions of P.A.

    A POMDP is the MDP of its beliefs.

    Raises TypeError, naming what is missing and which searches would do without it.
    """
    if not hasattr(P, "γ"):
        _refuse(P, M, "discount γ", "a problem is an MDP, or a struct with γ, A and TR(s, a, rng)")
    discount(M, Named("P.γ"), P.γ)
    if isinstance(P, POMDP):
        P = P.beliefs
    if listed and not offers(P, HasActions):
        _refuse(P, M, "list of actions A", "ProgressiveWidening takes propose(s, rng) instead")
    if listed and len(P.A) == 0:
        raise ValueError(f"{type(M).__name__}.P = {brief(P)}: must have at least one action in A")
    if not listed and not offers(P, Simulable):
        _refuse(P, M, "sampler TR(s, a, rng)", "actions that are proposed need one")
    if isinstance(getattr(P, "T", None), Table | SparseTable) or (offers(P, Enumerable) and len(P.S)):
        return FiniteModel(P)
    if exact and not offers(P, HasSuccessors):
        _refuse(
            P,
            M,
            "model: neither T and R over lists S and A nor successors(s, a)",
            "RolloutLookahead, SparseSampling and MonteCarloTreeSearch need only TR(s, a, rng)",
        )
    if not exact and not offers(P, Simulable):
        _refuse(P, M, "sampler TR(s, a, rng) and no model T", "ForwardSearch needs only successors(s, a)")
    return BatchModel(P, axes_of_a_state(P))


def _refuse(P: Any, M: object, missing: str, instead: str) -> NoReturn:
    raise TypeError(f"{type(M).__name__}.P = {brief(P)}: has no {missing}; {instead}")
