"""Nash equilibria of Markov games (algorithm 25.5, and more reliable methods)."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.markov_game import MG
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import Closest, Equilibrium
from decision_making.multiagent_systems.multiagent_reasoning.iterated_responses import IteratedBestResponse
from decision_making.multiagent_systems.multiagent_reasoning.nash_equilibrium import (
    NashEquilibrium,
    nash_equilibrium_of,
)
from decision_making.multiagent_systems.multiagent_reasoning.zero_sum import constant_sum
from decision_making.multiagent_systems.sequential_problems.equilibria import certified
from decision_making.multiagent_systems.sequential_problems.logit_path import LogitPath
from decision_making.multiagent_systems.sequential_problems.nonlinear_program import (
    NashProgram,
    largest_gain,
    polished,
)
from decision_making.multiagent_systems.sequential_problems.policies import probabilities, uniform
from decision_making.multiagent_systems.sequential_problems.zero_sum import ShapleyIteration
from decision_making.sampling import default_rng
from decision_making.sizes import check_size
from decision_making.verbs import solve

UNKNOWNS = 300  # of the nonlinear program, which factors matrices of that size at every step
PATH = 3000  # of the logit path, which solves a linear system of that size at every step
STEPS = 1000  # along the path, at most
EVERY = 5  # points of the path between two looks at the gap
ROUNDS = 50  # of best responses in turn, which may converge

Found = tuple[list[Array], str, int, bool]


@nash_equilibrium_of.register
def nash_equilibrium_of_a_markov_game(P: MG, M: NashEquilibrium) -> Equilibrium:
    """One equilibrium of stationary policies, with its certificate from every state.

    By "auto": two agents whose rewards add up to a constant, `ShapleyIteration`; else best responses in turn, if they
    converge; else the path of logit equilibria from uniform play ("logit"). "nonlinear" is the book's program, from
    uniform policies and then from random ones: it often ends where agents still gain.
    """
    if not P.γ < 1:
        raise ValueError(f"γ = {P.γ}: must be below 1, else a joint policy may have no finite utility")
    if M.method not in METHODS:
        known = ", ".join(map(repr, METHODS))
        raise ValueError(f"method = {M.method!r}: is for simple games; Markov games are solved by {known}")
    p, method, iterations, exact = METHODS[M.method](M, P)
    return certified(P, p, method, iterations, exact=exact)


def _auto(M: NashEquilibrium, P: MG) -> Found:
    if constant_sum(P):
        return _zero_sum(M, P)
    found = solve(IteratedBestResponse(ROUNDS, order="cyclic"), P)
    if found.status == "equilibrium":
        return probabilities(P, found.π), found.method, found.iterations, True
    return _logit(M, P)


def _zero_sum(M: NashEquilibrium, P: MG) -> Found:
    found = solve(ShapleyIteration(δ=1e-12 * (P.span or 1.0), evaluate=True), P)
    p, exact = probabilities(P, found.π), False
    if len(P.S) * (P.n + sum(P.sizes)) <= PATH:  # the equations of the supports are dense, and need no solution here
        p, exact = polished(P, p, 1e-9)
    return p, found.method, found.iterations, exact


def _closest(P: MG) -> Closest:
    """To begin with, uniform policies."""
    return Closest(P, [q.p for q in uniform(P)], polished, largest_gain)


def _logit(M: NashEquilibrium, P: MG) -> Found:
    path = LogitPath(P)
    check_size("unknowns", path.size, "look for best responses in turn, or give fewer states", PATH)
    closest, k = _closest(P), 0
    for k, (p, _) in enumerate(path.points(STEPS), 1):
        if k % EVERY == 0 and closest.reaches(p, 1e-3):
            break
    return closest.p, "logit", k, closest.exact


def _nonlinear(M: NashEquilibrium, P: MG) -> Found:
    program = NashProgram(P)
    check_size("unknowns", program.size, "method='logit' solves larger games", UNKNOWNS)
    rng, closest, taken = default_rng(M.rng), _closest(P), 0
    for start in range(M.restarts):
        p = closest.p if start == 0 else [rng.dirichlet(np.ones(k), len(P.S)) for k in P.sizes]
        p, iterations = program.solved(p)
        taken += iterations
        if closest.reaches(p, 1e-2, 1e-4, 1e-6):
            break
    return closest.p, "nonlinear", taken, closest.exact


METHODS: dict[str, Any] = {"auto": _auto, "zero_sum": _zero_sum, "logit": _logit, "nonlinear": _nonlinear}
