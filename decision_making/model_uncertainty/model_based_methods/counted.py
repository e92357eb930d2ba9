"""Maximum likelihood models and R-MAX, from counts of transitions (algorithms 16.1, 16.2 and 16.7)."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from attrs import field

from decision_making.checks import Array, count, discount, finite, flag, one_of, refuse
from decision_making.mdp import MDP
from decision_making.model_uncertainty.learners import (
    LARGEST,
    batch_shape,
    how_many,
    initial,
    known_model,
    moderate,
    revise,
    rows_of,
)
from decision_making.model_uncertainty.model_based_methods.planners import EXACT, PLANNERS, ModelBased, note_ends, plan
from decision_making.model_uncertainty.model_based_methods.sparse_counts import SparseCountedModel, start_sparse
from decision_making.structs import struct
from decision_making.verbs import start


def planner(M: Any, field: Any, x: Any) -> None:
    """Attrs validator: a planner."""
    if not isinstance(x, PLANNERS):
        refuse(M, field.name, x, f"one of {', '.join(p.__name__ for p in PLANNERS)}", TypeError)


def check_planner(M: Any, allowed: tuple[type, ...]) -> None:
    """Raise TypeError for a planner that does not suit the model, ValueError where it needs γ < 1."""
    if not isinstance(M.planner, allowed):
        refuse(M, "planner", M.planner, f"one of {', '.join(p.__name__ for p in allowed)}", TypeError)
    if isinstance(M.planner, EXACT) and not M.γ < 1:
        refuse(M, "γ", M.γ, f"below 1 with {type(M.planner).__name__}: a model may have no finite utilities")


@struct
class MaximumLikelihoodMDP:
    """A model with the frequencies seen: T = N(s, a, s') / N(s, a), R = ρ(s, a) / N(s, a) (algorithm 16.1, 16.1, 16.2).

    A pair that was never tried is worth 0, as if the episode ended: that is optimistic where rewards are negative and
    pessimistic where they are positive. `sparse` keeps one model, without replications, that stores only the
    transitions seen: for many states.
    """

    S: int = field(converter=how_many, validator=count)  # number of states
    A: int = field(converter=how_many, validator=count)  # number of actions
    γ: float = field(validator=discount)  # discount factor
    planner: Any = field(validator=planner)  # what is done about the utilities after each step
    sparse: bool = field(default=False, kw_only=True, validator=flag)  # whether only transitions seen take memory

    def __attrs_post_init__(self) -> None:
        check_planner(self, tuple(p for p in PLANNERS if p.__name__ != "PosteriorSamplingUpdate"))


@struct
class RmaxMDP:
    """R-MAX: pairs tried less than m times are worth r_max / (1 - γ), the others are as counted (algorithm 16.7, 16.3).

    So acting greedily explores: unknown pairs look best. r_max must be no less than any reward. A larger reward gives a
    warning, since a known pair may then look better than an unknown one. With `freeze` counts stop at m, as in the
    original method, and the model changes at most S·A times; the listing goes on counting.
    """

    S: int = field(converter=how_many, validator=count)  # number of states
    A: int = field(converter=how_many, validator=count)  # number of actions
    γ: float = field(validator=discount)  # discount factor, below 1
    planner: Any = field(validator=planner)  # what is done about the utilities after each step
    m: int = field(validator=count)  # tries from which on a pair is known
    r_max: float = field(validator=finite)  # largest reward there is
    freeze: bool = field(default=False, kw_only=True, validator=flag)  # whether counts stop at m

    def __attrs_post_init__(self) -> None:
        check_planner(self, tuple(p for p in PLANNERS if p.__name__ != "PosteriorSamplingUpdate"))
        if not self.γ < 1:
            refuse(self, "γ", self.γ, "below 1: what is not known would be worth r_max / 0")
        if not moderate(self.r_max):
            refuse(self, "r_max", self.r_max, f"of size at most {LARGEST:g}")


@struct(frozen=False, repr=False)
class CountedModel(ModelBased):
    """Counts and summed rewards, and the utilities of the model they make (`start(MaximumLikelihoodMDP(…))`)."""

    N: Array  # transitions s, a, s' (…, S, A, S)
    n: Array  # tries of s, a (…, S, A)
    ρ: Array  # summed rewards of s, a (…, S, A)

    bounds: ClassVar = {**ModelBased.bounds, "N": (0, 2.0**53), "n": (0, 2.0**53)}

    def tables(self) -> tuple[Array, Array]:
        """N / n and ρ / n; both 0 where nothing was tried."""
        n = np.maximum(self.n, 1)
        return self.N / n[..., None], self.ρ / n

    def rows(self, i: Array) -> tuple[Array, Array]:
        """The same for some states of all replications."""
        S, A = self.M.S, self.M.A
        n = np.maximum(self.n.reshape(-1, A)[i], 1)
        return self.N.reshape(-1, A, S)[i] / n[..., None], self.ρ.reshape(-1, A)[i] / n

    def columns(self, x: Array) -> Array:
        """N(s, a, x) / n(s, a)."""
        N = np.take_along_axis(self.N, x[..., None, None, None], axis=-1)[..., 0]
        return N / np.maximum(self.n, 1)

    def check_contents(self, arrays: Any) -> None:
        """ValueError where the tries are not the sums of the transitions."""
        if not np.array_equal(arrays["N"].sum(axis=-1), arrays["n"]):
            raise ValueError("n is not the sum of N over the next states")


@struct(frozen=False, repr=False)
class RmaxModel(CountedModel):
    """The counts of R-MAX (`start(RmaxMDP(…))`)."""

    def tables(self) -> tuple[Array, Array]:
        """As counted where a pair is known, else staying for ever with reward r_max (16.3, 16.4)."""
        T, R = CountedModel.tables(self)
        known = self.known()
        stay = np.eye(self.M.S)[:, None, :]
        return np.where(known[..., None], T, stay), np.where(known, R, self.M.r_max)

    def rows(self, i: Array) -> tuple[Array, Array]:
        """As counted where a pair is known; else an end with reward r_max / (1 - γ), which is worth the same."""
        T, R = CountedModel.rows(self, i)
        known = self.n.reshape(-1, self.M.A)[i] >= self.M.m
        return np.where(known[..., None], T, 0.0), np.where(known, R, self.M.r_max / (1 - self.M.γ))

    def columns(self, x: Array) -> Array:
        """0 where a pair is not known: its value does not depend on U."""
        return np.where(self.known(), CountedModel.columns(self, x), 0.0)

    def known(self) -> Array:
        """Which pairs were tried at least m times, (…, S, A)."""
        return self.n >= self.M.m


def _begun(M: Any, batch: tuple[int, ...], U: Any, N: Any, ρ: Any) -> tuple[Any, ...]:
    S, A = M.S, M.A
    N = initial("N", N, batch, (S, A, S), 0)
    ρ = initial("ρ", ρ, batch, (S, A))
    return (
        M,
        np.zeros(batch, int),
        initial("U", U, batch, (S,)),
        np.zeros((*batch, S)),
        np.zeros(batch, int),
        np.zeros((*batch, S), bool),
        N,
        N.sum(axis=-1),
        ρ,
    )


@start.register
def start_maximum_likelihood(
    M: MaximumLikelihoodMDP, batch: Any = (), *, U: Any = 0.0, N: Any = 0.0, ρ: Any = 0.0
) -> Any:
    """Nothing counted, utilities 0; or copies of the counts N (S, A, S), rewards ρ (S, A), utilities U (S,) given."""
    if M.sparse:
        shape = batch_shape(M, batch)
        if shape not in ((), (1,) * len(shape)) or np.any(N) or np.any(ρ):
            raise ValueError(f"batch = {batch!r}: must be () for a sparse model, which begins without counts")
        return start_sparse(M, U)
    return CountedModel(*_begun(M, batch_shape(M, batch), U, N, ρ))


@start.register
def start_rmax(M: RmaxMDP, batch: Any = (), *, U: Any = 0.0, N: Any = 0.0, ρ: Any = 0.0) -> RmaxModel:
    """Nothing counted, utilities 0; or copies of the counts N (S, A, S), rewards ρ (S, A), utilities U (S,) given."""
    return RmaxModel(*_begun(M, batch_shape(M, batch), U, N, ρ))


@revise.register
def revise_counts(model: CountedModel, s: Array, a: Array, r: Array, s_next: Array, terminated: Any, rng: Any) -> None:
    """Count the transition, then plan. A terminal state is counted like any other; its utility stays 0."""
    M = model.M
    if isinstance(M, RmaxMDP) and (r > M.r_max).any():
        warnings.warn(f"r = {r.max():g} is above r_max = {M.r_max:g}: the model is not optimistic", stacklevel=4)
    k = rows_of(model, s) * M.A + a
    one = np.ones(r.shape)
    if getattr(M, "freeze", False):
        one = np.where(model.n.reshape(-1).take(k) < M.m, one, 0.0)
    for x, i, more in ((model.N, k * M.S + s_next, one), (model.n, k, one), (model.ρ, k, one * r)):
        flat = x.reshape(-1)
        flat[i] = flat.take(i) + more
    note_ends(model, s, s_next, terminated)
    plan(M.planner, model, s, rng)


def estimated_mdp(model: ModelBased, unvisited: str = "end") -> MDP:
    """The learnt model of a single replication as a tabular `MDP` (algorithm 16.2), to be solved or simulated.

    Where a pair was never tried, its row of T is empty: "end" sends it to an additional last state, absorbing and with
    reward 0, as the learner assumes; "uniform" to all states with equal probability. States known to be terminal absorb
    and pay 0. Raises ValueError for several replications: `estimated_mdp(part(model, i))` is that of one; TypeError for
    a model without counts.
    """
    if isinstance(model, SparseCountedModel) and unvisited == "end":
        return model.estimates()
    one_of("end", "uniform")(None, _UNVISITED, unvisited)
    if isinstance(model, SparseCountedModel):
        refuse(None, "unvisited", unvisited, "'end' for a sparse model: not each transition fits")
    known_model(model, ModelBased)
    if model.batch != ():
        raise ValueError(f"model has replications {model.batch}: must be a single one, as part(model, i) gives it")
    T, R = model.tables()
    over, stay = model.ended[:, None], np.eye(len(R))[:, None]
    T, R = np.where(over[..., None], stay, T), np.where(over, 0.0, R)
    empty = T.sum(axis=-1) == 0
    if unvisited == "uniform" or not empty.any():
        T = np.where(empty[..., None], 1 / len(T), T)
        return MDP.from_arrays(T, R, model.M.γ)
    S, A = R.shape
    more = np.zeros((S + 1, A, S + 1))
    more[:S, :, :S], more[:S, :, S], more[S, :, S] = T, empty, 1
    return MDP.from_arrays(more, np.append(R, np.zeros((1, A)), axis=0), model.M.γ)


class _UNVISITED:
    name = "unvisited"
