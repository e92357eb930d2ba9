"""Nash equilibria (algorithm 24.5, and more reliable methods where they apply)."""

from __future__ import annotations

from functools import singledispatch
from itertools import product
from typing import Any, Literal, overload

import numpy as np
from attrs import field

from decision_making.checks import Array, count, one_of
from decision_making.multiagent_systems.multiagent_reasoning.dominance import (
    payoffs_of,
    pure_equilibria,
    reduced,
    undominated_actions,
)
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import (
    Closest,
    Equilibrium,
    certified,
    certified_each,
    largest_gain,
    one_game,
    polished,
)
from decision_making.multiagent_systems.multiagent_reasoning.lemke_howson import lemke_howson
from decision_making.multiagent_systems.multiagent_reasoning.nonlinear_program import NashProgram
from decision_making.multiagent_systems.multiagent_reasoning.policies import certain
from decision_making.multiagent_systems.multiagent_reasoning.supports import extreme_equilibria, number_of_systems
from decision_making.multiagent_systems.multiagent_reasoning.zero_sum import constant_sum, solve_matrix_game
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.simple_game import SimpleGame
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import solve

FEW = 1000  # pairs of supports up to which all are tried before pivoting
PAYOFFS = 1_000_000  # payoffs of a game for the nonlinear program
PIVOTS = (300, 3_000, 30_000)  # on the path of each label, in turn
ACTIONS = 400  # actions of all agents together, for the nonlinear program, too


@struct
class NashEquilibrium:
    """A Nash equilibrium of a simple game: each policy is a best response to the others (algorithm 24.5).

    `solve(M, P)` is an `Equilibrium`. "auto" first removes strictly dominated actions. For two agents it then takes a
    linear program if their payoffs have a constant sum, the first of all equilibria, pure ones first, if there are few
    actions, and else Lemke-Howson. For three agents or more it takes a pure equilibrium if there is one, else the
    book's nonlinear program. That is "nonlinear": it starts from the uniform policy and then from random ones, until
    the gap is small, and its result is solved once more on its support. The other names choose one of these methods. A
    Markov game is solved by "auto", "zero_sum", "nonlinear" (algorithm 25.5), or "logit", a path from uniform play.

    Raises ValueError where the method does not fit the game, `TooLargeError` where it would be too large.

    >>> solve(NashEquilibrium(), SimpleGame.zero_sum([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])).π[0].p.round(6)
    array([0.333333, 0.333333, 0.333333])
    """

    method: str = field(
        default="auto",
        validator=one_of("auto", "pure", "zero_sum", "supports", "lemke_howson", "nonlinear", "logit"),
    )  # by which it is found
    restarts: int = field(default=30, kw_only=True, validator=count)  # starts of the nonlinear program, at most
    rng: RNG = field(default=0, kw_only=True)  # random numbers of the starts


@solve.register
def solve_nash_equilibrium(M: NashEquilibrium, P: Any) -> Equilibrium:
    """One equilibrium, with its certificate."""
    return nash_equilibrium_of(P, M)


@singledispatch
def nash_equilibrium_of(P: Any, M: NashEquilibrium) -> Equilibrium:
    """`solve(M, P)`, dispatched on the game."""
    P = one_game(P, "NashEquilibrium")
    if M.method == "logit":
        raise ValueError("method = 'logit': is for Markov games; 'nonlinear' takes a simple game of any size")
    if M.method != "auto":
        p, iterations, exact = METHODS[M.method](M, P)
        return certified(P, p, M.method, iterations, exact=exact)
    left = undominated_actions(P)
    method, game = _fitting(G := reduced(P, left)), G
    p, iterations, exact = METHODS[method](M, game)
    p = [_among_all(q, stays) for q, stays in zip(p, left, strict=True)]
    return certified(P, p, method, iterations, exact=exact)


def _among_all(p: Array, left: Array) -> Array:
    """Probabilities (…, k) of the actions that are left, with a 0 for each of the others."""
    whole = np.zeros((*p.shape[:-1], len(left)))
    whole[..., left] = p
    return whole


def _fitting(P: SimpleGame) -> str:
    """The name of the method for a game without dominated actions."""
    if P.n == 2:
        if constant_sum(P):
            return "zero_sum" if max(P.sizes) > 1 else "pure"
        return "supports" if number_of_systems(*P.sizes) <= FEW else "lemke_howson"
    return "pure" if pure_equilibria(P).any() else "nonlinear"


def _two_agents(P: SimpleGame, method: str) -> tuple[Array, Array]:
    if P.n != 2:
        raise ValueError(f"method = {method!r}: is for 2 agents, not {P.n}; 'nonlinear' takes any number")
    return P.R.array[0], P.R.array[1]


def _closest(P: SimpleGame) -> Closest:
    """The start, where each agent chooses each action with equal probability."""
    return Closest(P, [np.full(k, 1 / k) for k in P.sizes], polished, largest_gain)


def _pure(M: NashEquilibrium, P: SimpleGame) -> tuple[list[Array], int, bool]:
    stays = np.argwhere(pure_equilibria(P))
    if not len(stays):
        raise ValueError("method = 'pure': this game has no equilibrium in pure policies")
    return [certain(a, k) for k, a in zip(P.sizes, stays[0], strict=True)], 1, True


def _zero_sum(M: NashEquilibrium, P: SimpleGame) -> tuple[list[Array], int, bool]:
    A, _ = _two_agents(P, "zero_sum")
    if not constant_sum(P):
        raise ValueError("method = 'zero_sum': the payoffs of the two agents have no constant sum")
    p, exact = polished(P, solve_matrix_game(A), 1e-9)
    return p, 1, exact


def _supports(M: NashEquilibrium, P: SimpleGame) -> tuple[list[Array], int, bool]:
    x, y = extreme_equilibria(*_two_agents(P, "supports"))
    return [x[0], y[0]], number_of_systems(*P.sizes), True


def _lemke_howson(M: NashEquilibrium, P: SimpleGame) -> tuple[list[Array], int, bool]:
    A, B = _two_agents(P, "lemke_howson")
    closest, taken = _closest(P), 0
    labels = range(min(sum(P.sizes), M.restarts))
    for k_max, label in product(PIVOTS, labels):  # some paths are very long, those of most other labels are not
        found = lemke_howson(A, B, label, k_max)
        if found is None:
            taken += k_max
            continue
        taken += found[2]
        if closest.reaches(found[:2], 1e-9):
            break
    return closest.p, taken, closest.exact


def _nonlinear(M: NashEquilibrium, P: SimpleGame) -> tuple[list[Array], int, bool]:
    check_size("payoffs", P.R.array.size, "the nonlinear program sums over all of them at every step", PAYOFFS)
    check_size("actions", sum(P.sizes), "the nonlinear program factors matrices of that size at every step", ACTIONS)
    rng, program, closest, taken = default_rng(M.rng), NashProgram(P), _closest(P), 0
    for start in range(M.restarts):
        p = closest.p if start == 0 else [rng.dirichlet(np.ones(k)) for k in P.sizes]
        p, iterations = program.solved(p)
        taken += iterations
        if closest.reaches(p, 1e-2, 1e-4, 1e-6):
            break
    return closest.p, taken, closest.exact


METHODS: dict[str, Any] = {
    "pure": _pure,
    "zero_sum": _zero_sum,
    "supports": _supports,
    "lemke_howson": _lemke_howson,
    "nonlinear": _nonlinear,
}


@overload
def nash(P: SimpleGame, *, all: Literal[False] = False) -> Equilibrium: ...
@overload
def nash(P: SimpleGame, *, all: Literal[True]) -> list[Equilibrium]: ...
def nash(P: SimpleGame, *, all: bool = False) -> Equilibrium | list[Equilibrium]:
    """A Nash equilibrium of P, as `solve(NashEquilibrium(), P)`; with all=True the list of all, for one or two agents.

    There may be infinitely many: the list then has the extreme ones, of which all others are mixtures. It is never
    empty. Pure ones come first, then by the size of the supports.

    Raises ValueError for all=True with three agents or more (`pure_equilibria` finds all the pure ones),
    `TooLargeError` above 200,000 pairs of supports.

    >>> dinner_or_movie = SimpleGame.from_arrays([[2, 0], [0, 1]], [[1, 0], [0, 2]])
    >>> [x.U.round(4).tolist() for x in nash(dinner_or_movie, all=True)]
    [[2.0, 1.0], [1.0, 2.0], [0.6667, 0.6667]]
    """
    if not all:
        found: Equilibrium = solve(NashEquilibrium(), P)
        return found
    P = one_game(P, "nash")
    if P.n > 2:
        raise ValueError(
            f"all = True: is for 1 or 2 agents, not {P.n}; pure_equilibria lists the pure ones of any game"
        )
    if P.n == 1:
        (best,) = np.nonzero(pure_equilibria(P))
        return [certified(P, [certain(a, P.sizes[0])], "pure", exact=True) for a in best]
    left = undominated_actions(P)
    pair = extreme_equilibria(*payoffs_of(P, left))
    p = [_among_all(x, stays) for x, stays in zip(pair, left, strict=True)]
    return certified_each(P, p, "supports", number_of_systems(*(int(stays.sum()) for stays in left)), exact=True)
