"""Agents that learn a Markov game while they play it: fictitious play, gradient ascent, Nash Q-learning (25.7 to 25.9).

Settings are frozen; `start(M, batch)` makes the model, whose arrays have the replications as leading axes; `update`
changes it. States and actions are positions, joint actions a (…, n).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, flag, numbers, positive, refuse
from decision_making.markov_game import MG, check_markov_game
from decision_making.model_uncertainty.learners import Learner, batch_shape, flags, known_states, revise
from decision_making.multiagent_systems.multiagent_reasoning.nash_equilibrium import FEW, NashEquilibrium
from decision_making.multiagent_systems.multiagent_reasoning.policies import certain, contracted, draw, joint_positions
from decision_making.multiagent_systems.multiagent_reasoning.supports import number_of_systems
from decision_making.multiagent_systems.sequential_problems.policies import continuation
from decision_making.simple_game import SimpleGame
from decision_making.simplexes import nearest_distribution
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import solve, start, update


@struct
class _Settings:
    """The game and the agent that learns."""

    P: MG  # the game
    i: Any  # the agent that learns

    def __attrs_post_init__(self) -> None:
        check_markov_game(self.P)
        self.P.position(self.i)

    @property
    def at(self) -> int:
        """The place of the agent."""
        return self.P.position(self.i)

    @property
    def S(self) -> int:
        """The number of states."""
        return len(self.P.S)


@struct
class MGFictitiousPlay(_Settings):
    """A best response, one step ahead, to the frequencies of the others' actions in each state (algorithm 25.7).

    N[j] counts actions in states and starts at `prior`; Q(s, a) starts at Rⁱ(s, a). With U(s) = Σ_a Q(s, a) Π_j π^j(a^j
    | s), where π^j are the frequencies, also its own, the agent takes the first best aⁱ of Rⁱ + γ Σ T U against the
    others' frequencies, and after each step sets Q(s, a) ← Rⁱ(s, a) + γ Σ T(s' | s, a) U(s') for all a at the state s
    that it has left. The listing does so one joint action after the other, the first agent's changing fastest, so that
    later ones see the new values of earlier ones; with at_once=True all see the same U.
    """

    prior: float = field(default=1.0, kw_only=True, validator=positive)  # counts to begin with
    at_once: bool = field(default=False, kw_only=True, validator=flag)  # whether Q is set for all actions at once


@struct
class MGGradientAscent(_Settings):
    """Steps along its action values, learnt as in Q-learning, projected onto the simplex (algorithm 25.8).

    In step t, with α_t = 1/√t, Q(s, a) ← Q(s, a) + α_t (Rⁱ(s, a) + γ max_aⁱ' Q(s', (aⁱ', a^-i)) - Q(s, a)) at the
    actions a that all took, and πⁱ(s) ← the distribution nearest to πⁱ(s) + α α_t Q(s, (·, a^-i)). It acts by πⁱ mixed
    with the uniform policy, whose share is α_t. α = 1 is the book; with rewards of another scale its steps jump from
    corner to corner, and α = 1/`P.span` suits any game.
    """

    α: float = field(default=1.0, kw_only=True, validator=positive)  # factor of the step, 1/reward


@struct
class NashQLearning(_Settings):
    """Action values of all agents, learnt as if all played a Nash equilibrium (algorithm 25.9).

    Q^j(s, a) ← Q^j(s, a) + (R^j + γ U^j(s') - Q^j(s, a)) / √N(s, a), U^j(s') being utilities at an equilibrium of the
    simple game with payoffs Q(s', ·). The agent plays the equilibrium of Q(s, ·), mixed with the uniform policy whose
    share is 1/Σ_a N(s, a); N starts at 1. Each state's equilibrium is kept until its Q changes. The rule that selects
    it is deterministic, so that agents with the same experience agree on it. Convergence is only known where every
    stage game has a saddle point or an equilibrium that is best for all.
    """

    M: Any = field(default=None, kw_only=True)  # how equilibria of simple games are found; None: by the quickest method

    @property
    def method(self) -> Any:
        """The method for the simple games: for two agents with few actions the first of all equilibria."""
        few = self.P.n == 2 and number_of_systems(*self.P.sizes) <= FEW
        return self.M if self.M is not None else NashEquilibrium("supports" if few else "auto")


@struct(frozen=False, repr=False)
class GameLearner(Learner):
    """What learners of Markov games share."""

    def act(self, s: Array, rng: np.random.Generator) -> Array:
        """Positions (…) of the actions that it takes in the states s (…)."""
        return draw(self.behavior(s), rng)

    def behavior(self, s: Array) -> Array:
        """Probabilities (…, Aⁱ) of its actions in the states s (…)."""
        raise NotImplementedError

    @property
    def policy(self) -> Array:
        """Its policy without exploration in every state, (…, S, Aⁱ)."""
        raise NotImplementedError

    def at(self, s: Any = None) -> tuple[Array, ...]:
        """The index of the replications, and of a state for each."""
        grid = tuple(np.ogrid[tuple(slice(k) for k in self.batch)]) if self.batch else ()
        return grid if s is None else (*grid, s)


def own_part(Q: Array, a: Array, i: int) -> Array:
    """Q(·, a^-i), (…, Aⁱ), of action values (…, A¹, …, Aⁿ) and joint actions (…, n)."""
    n = a.shape[-1]
    for j in reversed(range(n)):
        if j != i:
            axis = Q.ndim - n + j if j < i else Q.ndim - 1
            Q = np.take_along_axis(Q, a[..., j].reshape(*a.shape[:-1], *(1,) * (Q.ndim - a.ndim + 1)), axis)
            Q = Q.squeeze(axis)
            n -= 1
    return Q


# ---- fictitious play


@struct(frozen=False, repr=False)
class FictitiousPlayModel(GameLearner):
    """What `MGFictitiousPlay` has learnt (`start(MGFictitiousPlay(P, i))`)."""

    N: Array  # counts (…, S, A¹ + … + Aⁿ), of one agent after the other
    Q: Array  # values of joint actions (…, S, A¹, …, Aⁿ)
    U: Array  # utilities (…, S) of the frequencies

    def counts(self, j: int) -> Array:
        """Counts of the actions of the agent at position j (…, S, A^j), the prior included."""
        ends = np.cumsum([0, *self.M.P.sizes])
        return np.asarray(self.N[..., ends[j] : ends[j + 1]])

    def frequencies(self) -> list[Array]:
        """Counts divided by their sums, (…, S, A^j) for each agent."""
        found = [self.counts(j) for j in range(self.M.P.n)]
        return [N / N.sum(axis=-1, keepdims=True) for N in found]

    @property
    def policy(self) -> Array:
        """The best responses in all states, (…, S, Aⁱ)."""
        P, i = self.M.P, self.M.at
        V = contracted(P.R.array[i] + continuation(P, self.U), self.frequencies(), (i,))
        return certain(V.argmax(axis=-1), P.sizes[i])

    def behavior(self, s: Array) -> Array:
        """All on the best response."""
        P, i = self.M.P, self.M.at
        counts = [self.counts(j)[self.at(s)] for j in range(P.n)]
        V = contracted(_ahead(self, s), [N / N.sum(axis=-1, keepdims=True) for N in counts], (i,))
        return certain(V.argmax(axis=-1), P.sizes[i])


def _ahead(model: FictitiousPlayModel, s: Array) -> Array:
    """Rⁱ(s, a) + γ Σ T(s' | s, a) U(s') of all joint actions at s, (…, A¹, …, Aⁿ)."""
    P = model.M.P
    return np.asarray(P.R.array[model.M.at][s] + P.γ * _expected(P, s, model.U).reshape(*s.shape, *P.sizes))


def _expected(P: MG, s: Array, U: Array) -> Array:
    """Σ T(s' | s, a) U(s') of all joint actions, (…, ΠA), for a state s (…) of each of the utilities U (…, S)."""
    T, k = P.T.matrix, math.prod(P.sizes)
    if isinstance(T, np.ndarray):
        return np.asarray((T.reshape(len(P.S), k, len(P.S))[s] @ U[..., None])[..., 0])
    flat, rows = s.ravel(), U.reshape(-1, len(P.S))
    return np.stack([T[x * k : (x + 1) * k] @ u for x, u in zip(flat, rows, strict=True)]).reshape(*s.shape, k)


@start.register
def start_fictitious_play(M: MGFictitiousPlay, batch: Any = ()) -> FictitiousPlayModel:
    """Every action was taken `prior` times in each state, and Q is the reward."""
    P, batch = M.P, batch_shape(M, batch)
    check_size("numbers of a learner", math.prod(batch) * P.R.array[0].size, "learn with fewer replications")
    N = np.full((*batch, M.S, sum(P.sizes)), float(M.prior))
    Q = np.array(np.broadcast_to(P.R.array[M.at], (*batch, M.S, *P.sizes)))
    return FictitiousPlayModel(M, np.zeros(batch, int), N, Q, Q.mean(axis=tuple(range(-P.n, 0))))


@revise.register
def revise_fictitious_play(
    model: FictitiousPlayModel, s: Array, a: Array, r: Any, s_next: Array, terminated: Any, rng: Any
) -> None:
    """Count, and set Q at s; rewards and s_next are not used, since the game itself is known."""
    P, here = model.M.P, model.at(s)
    for first, x in zip(np.cumsum([0, *P.sizes]), np.moveaxis(a, -1, 0), strict=False):
        model.N[(*here, first + x)] += 1
    π = [N / N.sum(axis=-1, keepdims=True) for N in (model.counts(j)[here] for j in range(P.n))]
    w = _joint(π)
    Q = model.Q[here]
    model.U[here] = (w * Q).sum(axis=tuple(range(-P.n, 0)))
    new = _ahead(model, s)
    if not model.M.at_once:
        new = _one_by_one(model, s, w, Q, new)
    model.Q[here] = new
    model.U[here] = (w * new).sum(axis=tuple(range(-P.n, 0)))


def _one_by_one(model: FictitiousPlayModel, s: Array, w: Array, Q: Array, new: Array) -> Array:
    """The new values where each joint action sees the U(s) that those before it left, the first agent's fastest."""
    P, k = model.M.P, math.prod(model.M.P.sizes)
    rows = s[..., None] * k + np.arange(k)
    T = P.T.matrix
    stay = T[rows, s[..., None]] if isinstance(T, np.ndarray) else np.asarray(T[rows.ravel(), np.repeat(s, k)])
    stay = P.γ * stay.reshape(*s.shape, k)
    if not stay.any():
        return new
    flat, old, w = (x.reshape(*s.shape, k) for x in (new.copy(), Q, w))
    change = np.zeros(s.shape)  # of U(s) so far
    for x in np.arange(k).reshape(P.sizes).ravel(order="F"):
        flat[..., x] += stay[..., x] * change
        change += w[..., x] * (flat[..., x] - old[..., x])
    return np.asarray(flat.reshape(new.shape))


def _joint(π: list[Array]) -> Array:
    """Π_j π^j(a^j) (…, A¹, …, Aⁿ) of distributions (…, A^j)."""
    w: Array = np.ones(())
    for q in π:
        w = w[..., None] * q.reshape(*q.shape[:-1], *(1,) * (w.ndim - q.ndim + 1), q.shape[-1]) if w.ndim else q
    return w


# ---- gradient ascent


@struct(frozen=False, repr=False)
class GradientAscentModel(GameLearner):
    """What `MGGradientAscent` has learnt."""

    Q: Array  # values of joint actions (…, S, A¹, …, Aⁿ)
    π: Array  # policy (…, S, Aⁱ)

    @property
    def policy(self) -> Array:
        """The present policy."""
        return self.π

    def behavior(self, s: Array) -> Array:
        """The policy mixed with the uniform one, whose share is 1/√t."""
        ε = 1 / np.sqrt(self.k + 1)[..., None]
        return np.asarray(ε / self.π.shape[-1] + (1 - ε) * self.π[self.at(s)])


@start.register
def start_gradient_ascent(M: MGGradientAscent, batch: Any = ()) -> GradientAscentModel:
    """The uniform policy, and Q = 0."""
    P, batch = M.P, batch_shape(M, batch)
    check_size("numbers of a learner", math.prod(batch) * P.R.array[0].size, "learn with fewer replications")
    k = P.sizes[M.at]
    return GradientAscentModel(
        M, np.zeros(batch, int), np.zeros((*batch, M.S, *P.sizes)), np.full((*batch, M.S, k), 1 / k)
    )


@revise.register
def revise_gradient_ascent(
    model: GradientAscentModel, s: Array, a: Array, r: Any, s_next: Array, terminated: Any, rng: Any
) -> None:
    """One step of Q, then one of the policy."""
    M, here = model.M, model.at(s)
    α = 1 / np.sqrt(model.k + 1)
    ahead = own_part(model.Q[model.at(s_next)], a, M.at).max(axis=-1)
    if terminated is not None:
        ahead = np.where(terminated, 0.0, ahead)
    taken = (*here, *np.moveaxis(a, -1, 0))
    model.Q[taken] += α * (r[..., M.at] + M.P.γ * ahead - model.Q[taken])
    gradient = own_part(model.Q[here], a, M.at)
    model.π[here] = nearest_distribution(model.π[here] + M.α * α[..., None] * gradient)


# ---- Nash Q-learning


@struct(frozen=False, repr=False)
class NashQModel(GameLearner):
    """What `NashQLearning` has learnt."""

    Q: Array  # values of joint actions for all agents (…, S, n, A¹, …, Aⁿ)
    N: Array  # visits, from 1 (…, S, A¹, …, Aⁿ)
    π: Array  # own policy at the equilibrium of each state (…, S, Aⁱ)
    U: Array  # utilities of all agents there (…, S, n)

    @property
    def policy(self) -> Array:
        """Its part of the equilibrium of each state."""
        return self.π

    def behavior(self, s: Array) -> Array:
        """That mixed with the uniform policy, whose share is 1/ΣN(s, ·)."""
        n = self.M.P.n
        ε = 1 / self.N[self.at(s)].sum(axis=tuple(range(-n, 0)))[..., None]
        return np.asarray(ε / self.π.shape[-1] + (1 - ε) * self.π[self.at(s)])

    def settle(self, i: tuple[int, ...]) -> None:
        """Find the equilibrium of the replication and state at index i."""
        M, Q = self.M, self.Q[i]
        found = solve(M.method, _game(Q))
        self.π[i], self.U[i] = found.π[M.at].p, found.U


def _game(Q: Array) -> SimpleGame:
    return SimpleGame(1.0, range(len(Q)), [range(k) for k in Q.shape[1:]], Q)


@start.register
def start_nash_q_learning(M: NashQLearning, batch: Any = ()) -> NashQModel:
    """Q = 0 of all agents, and N = 1."""
    P, batch = M.P, batch_shape(M, batch)
    check_size("numbers of a learner", math.prod(batch) * P.R.array.size, "learn with fewer replications")
    shape = (*batch, M.S)
    k = P.sizes[M.at]
    model = NashQModel(
        M,
        np.zeros(batch, int),
        np.zeros((*shape, P.n, *P.sizes)),
        np.ones((*shape, *P.sizes)),
        np.full((*shape, k), 1 / k),
        np.zeros((*shape, P.n)),
    )
    model.π[...] = solve(M.method, _game(np.zeros((P.n, *P.sizes)))).π[M.at].p
    return model


@revise.register
def revise_nash_q(model: NashQModel, s: Array, a: Array, r: Any, s_next: Array, terminated: Any, rng: Any) -> None:
    """One step of Q at (s, a), and the new equilibrium of s."""
    M, here = model.M, model.at(s)
    ahead = model.U[model.at(s_next)]
    if terminated is not None:
        ahead = np.where(terminated[..., None], 0.0, ahead)
    columns = tuple(np.moveaxis(a, -1, 0))
    model.N[(*here, *columns)] += 1
    α = 1 / np.sqrt(model.N[(*here, *columns)])
    taken = (*(x[..., None] for x in here), np.arange(M.P.n), *(x[..., None] for x in columns))
    model.Q[taken] += α[..., None] * (r + M.P.γ * ahead - model.Q[taken])
    for i in np.ndindex(*model.batch):
        model.settle((*i, int(s[i])))


# ---- one transition


@update.register
def update_game_learner(
    model: GameLearner, s: Any, a: Any, r: Any, s_next: Any, *, terminated: Any = None, rng: Any = None
) -> Any:
    """One transition: a (…, n) are the actions of all, r (…, n) their rewards, None for those of the game."""
    P = model.M.P
    s, s_next = known_states(model, "s", s), known_states(model, "s_next", s_next)
    a = joint_positions(model.M.P.sizes, model.batch, a)
    if r is None:
        r = np.moveaxis(P.R.array[(slice(None), s, *np.moveaxis(a, -1, 0))], 0, -1)
    r = numbers(r, "r")
    if r.shape != (*model.batch, P.n) or not np.isfinite(r).all():
        refuse(None, "r", r.tolist(), f"finite rewards of shape {(*model.batch, P.n)}, one an agent")
    if terminated is not None:
        terminated = flags(model, "terminated", terminated)
    taken_in(model, s, a, r, s_next, terminated)
    return model


def taken_in(model: GameLearner, s: Array, a: Array, r: Array, s_next: Array, terminated: Any) -> None:
    """`update` without checks of its arguments."""
    revise(model, s, a, r, s_next, terminated, None)
    model.k += 1
