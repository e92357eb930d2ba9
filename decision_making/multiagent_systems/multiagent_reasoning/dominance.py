"""Dominant and dominated actions, and pure equilibria, found by comparing entries (chapter 24)."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import one_game
from decision_making.multiagent_systems.multiagent_reasoning.policies import of_agent
from decision_making.simple_game import SimpleGame, check_game


def dominant_actions(P: SimpleGame, i: Any, *, strict: bool = False) -> Array:
    """Whether each action of agent i is a dominant strategy, a best response to all actions of the others, (…, Aⁱ).

    With strict=True: always the only best response.

    >>> from decision_making.problems import PrisonersDilemma
    >>> dominant_actions(PrisonersDilemma(), 0)
    array([False,  True])
    """
    check_game(P)
    k = P.position(i)
    V = np.moveaxis(of_agent(P, k), len(P.batch) + k, -1)
    V = V.reshape(*P.batch, -1, V.shape[-1])  # (..., what the others do, Ai)
    best = V.max(axis=-1, keepdims=True) <= V
    if strict:
        best &= best.sum(axis=-1, keepdims=True) == 1
    return np.asarray(best.all(axis=-2))


def undominated_actions(P: SimpleGame) -> list[Array]:
    """Which actions of each agent (Aⁱ,) are left after repeatedly removing those that another action always beats.

    No equilibrium uses a removed action: it is strictly worse than some other action, whatever the others do. P is one
    game.
    """
    P = one_game(P, "undominated_actions")
    left = [np.ones(k, dtype=bool) for k in P.sizes]
    R = [of_agent(P, i).swapaxes(0, i) for i in range(P.n)]  # the actions of its agent come first in each
    looked, i = 0, 0  # agents in turn without an action to remove
    while looked < P.n:
        V = R[i].reshape(len(R[i]), -1)  # (Ai, what the others do)
        ever_best = (V.max(axis=0) <= V).any(axis=1)  # such an action is not always beaten
        beaten = [] if ever_best.all() else _beaten(V, ever_best)
        if beaten:
            left[i][np.flatnonzero(left[i])[beaten]] = False
            R = [np.delete(r, beaten, axis=0 if j == i else i or j) for j, r in enumerate(R)]
        looked, i = 0 if beaten else looked + 1, (i + 1) % P.n
    return left


def _beaten(V: Array, ever_best: Array) -> list[int]:
    """The rows of V that another row exceeds in every column.

    What exceeds a row has the larger first entry, and of such rows one is exceeded by none: with rows in falling order
    of their first entries each is compared only with those that stay, which mostly are few.
    """
    stay, n, found = np.empty_like(V), 0, []
    for k in np.argsort(-V[:, 0], kind="stable").tolist():
        if not ever_best[k] and (V[k] < stay[:n]).all(axis=1).any():
            found.append(k)
        else:
            stay[n] = V[k]
            n += 1
    return found


def payoffs_of(P: SimpleGame, left: list[Array]) -> Array:
    """The payoffs of these actions only."""
    return P.R.array if all(s.all() for s in left) else P.R.array[(slice(None), *np.ix_(*left))]


def reduced(P: SimpleGame, left: list[Array]) -> SimpleGame:
    """The game with these actions only."""
    if all(s.all() for s in left):
        return P
    A = [[a for a, stays in zip(Ai, s, strict=True) if stays] for Ai, s in zip(P.A, left, strict=True)]
    return SimpleGame(P.γ, P.I, A, payoffs_of(P, left))


def pure_equilibria(P: SimpleGame) -> Array:
    """Whether each joint action (…, A¹, …, Aⁿ) is a Nash equilibrium: nobody alone has an action that pays more.

    >>> pure_equilibria(SimpleGame.from_arrays([[2, 0], [0, 1]], [[1, 0], [0, 2]]))
    array([[ True, False],
           [False,  True]])
    """
    check_game(P)
    stays = np.ones((*P.batch, *P.sizes), dtype=bool)
    for i in range(P.n):
        R = of_agent(P, i)
        stays &= R.max(axis=len(P.batch) + i, keepdims=True) <= R
    return stays
