"""What may follow an action in a problem of any kind, and which of its states are over (chapter 8)."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array, Named, are_probabilities, count, made_array, numbers, refuse
from decision_making.problem import Enumerable, HasActions, HasSuccessors, Simulable, offers
from decision_making.sampling import RNG, default_rng
from decision_making.sequential_problems.exact_solution_methods.tables import tables, terminal_states


def outcomes(P: object, s: Array, a: Array, samples: int | None = None, rng: RNG = None) -> tuple[Array, Array, Array]:
    """What may follow actions a (m,) in states s (m, ...): s_next (m, K, ...), probabilities (m, K), rewards (m,).

    From `P.successors`; or, with `samples`, that many draws of `P.TR`, all equally likely. Rewards are expectations.
    Raises TypeError, saying what is missing, where P has neither.
    """
    if offers(P, HasSuccessors):
        s_next, p, r = successors(P, s, a)
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


def successors(P: HasSuccessors, s: Array, a: Array) -> tuple[Array, Array, Array]:
    """What P.successors gives: s_next (K, m, ...), p (K, m), and rewards (m,) or (K, m), by P.R where it gives none.

    Raises TypeError or ValueError, saying what it gave, for anything else.
    """
    given = P.successors(s, a)
    if not isinstance(given, tuple | list) or len(given) < (2 if hasattr(P, "R") else 3):
        refuse(None, "P.successors(s, a)", given, "(s_next, p, r), or (s_next, p) of a problem with R(s, a)", TypeError)
    s_next, p = made_array(given[0], "s_next of P.successors"), numbers(given[1], "p of P.successors")
    r = numbers(given[2] if len(given) > 2 else P.R(s, a), "r of P.successors")  # type: ignore[attr-defined]
    K, m = len(s_next) if s_next.ndim else 0, len(s)
    if s_next.shape != (K, *s.shape) or p.shape not in ((K,), (K, m)) or r.shape not in ((), (m,), (K, m)):
        raise ValueError(
            f"P.successors gave s_next {s_next.shape}, p {p.shape} and r {r.shape} for states {s.shape}: must be "
            f"(K, {', '.join(map(str, s.shape))}), (K,) or (K, {m}), and ({m},) or (K, {m})"
        )
    return s_next, np.broadcast_to(p[:, None] if p.ndim == 1 else p, (K, m)), r


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
