"""What may follow an action in a problem of any kind, and which of its states are over (chapter 8)."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array, Named, are_probabilities, count, refuse
from decision_making.problem import Enumerable, HasActions, HasSuccessors, Simulable, offers
from decision_making.sampling import RNG, default_rng
from decision_making.sequential_problems.exact_solution_methods.tables import tables, terminal_states


def outcomes(P: object, s: Array, a: Array, samples: int | None = None, rng: RNG = None) -> tuple[Array, Array, Array]:
    """What may follow actions a (m,) in states s (m, ...): s_next (m, K, ...), probabilities (m, K), rewards (m,).

    From `P.successors`; or, with `samples`, that many draws of `P.TR`, all equally likely. Rewards are expectations.
    Raises TypeError, saying what is missing, where P has neither.
    """
    if offers(P, HasSuccessors):
        s_next, p, *more = P.successors(s, a)
        s_next = np.asarray(s_next)
        p = np.asarray(p, dtype=np.float64)
        p = np.broadcast_to(p[:, None] if p.ndim == 1 else p, s_next.shape[:2])
        r = np.asarray(more[0] if more else P.R(s, a), dtype=np.float64)  # type: ignore[attr-defined]
        r = (p * r).sum(axis=0) if r.ndim == 2 else r
        wrong = ~are_probabilities(p.T)
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ValueError(f"P.successors gives probabilities {p[:, i]} in state {s[i]}: they must sum to 1")
    elif samples is None or not offers(P, Simulable):
        refuse(
            None,
            "P",
            P,
            "a problem with tables, with successors(s, a), or, with samples=K, with TR(s, a, rng)",
            TypeError,
        )
    else:
        count(None, Named("samples"), samples)
        repeated = np.broadcast_to(s, (samples, *s.shape)).reshape(-1, *s.shape[1:])
        s_next, r = P.TR(repeated, np.tile(a, samples), default_rng(rng))
        s_next, r = np.asarray(s_next).reshape(samples, *s.shape), np.asarray(r).reshape(samples, len(s)).mean(axis=0)
        p = np.full((samples, len(s)), 1 / samples)
    return np.moveaxis(s_next, 0, 1), p.T, np.broadcast_to(r, len(s)).astype(np.float64)


def at_rest(over: Array, x: Array) -> Array:
    """Rewards or utilities x (n, A) of actions, with 0 where it is over; what is not available, -inf, never is."""
    return np.where(over[:, None] & ~np.isneginf(x), 0.0, x)


def absorbing(P: Enumerable) -> Array:
    """Which states of a tabular problem are over: its terminal ones, and those that pay 0 and lead to themselves."""
    T, R = tables(P)
    n_states, n_actions = R.shape
    s = np.arange(n_states)
    if isinstance(T, np.ndarray):
        stay = T[s, :, s]
    else:
        stay = np.stack([T[s * n_actions + a, s] for a in range(n_actions)], axis=1)
    return np.asarray((((stay == 1) & (R == 0)) | np.isneginf(R)).all(axis=1) | terminal_states(P))


def positions(states: Array, S: Array) -> Array:
    """Where each state of S stands in the list of all states; ValueError for one that does not."""
    if S.shape[1:] != states.shape[1:]:
        raise ValueError(f"S has shape {S.shape}: the states of P have shape {states.shape[1:]}")
    known = {x.tobytes(): i for i, x in enumerate(np.ascontiguousarray(states))}
    same = np.ascontiguousarray(S, dtype=states.dtype)
    found = [known.get(x.tobytes()) if np.array_equal(x, y) else None for x, y in zip(same, S, strict=True)]
    if None in found:
        raise ValueError(f"S has the state {S[found.index(None)]}: must be states of P")
    return np.array(found, dtype=np.intp)


def actions_of(P: object) -> Array:
    """The actions of P as an array. TypeError where it lists none."""
    if not offers(P, HasActions):
        refuse(None, "P", P, "a problem with a list A of actions", TypeError)
    return np.asarray(P.A)
