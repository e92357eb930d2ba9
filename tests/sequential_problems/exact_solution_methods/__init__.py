"""What the tests of chapter 7 share: one problem in three forms, and answers found without the library's solvers."""

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_array

from decision_making import MDP
from decision_making.problems.hex_world import DIRECTIONS
from decision_making.sequential_problems.exact_solution_methods import tensorform
from tests.strategies import numbers, tabular_mdps


def random_mdp(seed, γ=0.9):
    rng = np.random.default_rng(seed)
    return MDP.from_arrays(rng.dirichlet(np.ones(4), size=(4, 3)), rng.normal(size=(4, 3)), γ), rng


FORMS = ("dense", "sparse", "functions")

below_1 = st.sampled_from([0.0, 0.5, 0.9]) | numbers(0.0, 0.95)

small_mdps = tabular_mdps(γ=below_1)


def as_sparse(P):
    T, R = tensorform(P)
    return MDP.from_arrays(csr_array(T.reshape(-1, len(R))), R, P.γ)


def as_functions(P):
    """States are named by letters, actions by negative numbers, so that indices cannot pass for them."""
    T, R = tensorform(P)
    S, A = list("abcdefgh"[: R.shape[0]]), [-1 - a for a in range(R.shape[1])]
    return MDP(
        P.γ,
        S,
        A,
        lambda s, a, s_next: T[S.index(s), -1 - a, S.index(s_next)],
        lambda s, a: R[S.index(s), -1 - a],
        None,
    )


def in_form(P, form):
    return {"dense": lambda P: P, "sparse": as_sparse, "functions": as_functions}[form](P)


def value(P, a):
    """U^π of the actions a (S,) by a linear solve of its own."""
    T, R = tensorform(P)
    s = np.arange(len(R))
    return np.linalg.solve(np.eye(len(R)) - P.γ * T[s, a], R[s, a])


def a_problem(form="dense", γ=0.9):
    return in_form(random_mdp(7, γ)[0], form)


def large_mdp(side=100, γ=0.9):
    """A torus of side² hexes with six slippery moves and random rewards, sparse: 3 entries a row."""
    rng = np.random.default_rng(2)
    i, j = np.divmod(np.arange(side * side), side)
    neighbours = [(i + Δi) % side * side + (j + Δj) % side for Δi, Δj in DIRECTIONS]
    columns = np.stack([np.stack([neighbours[(a + t) % 6] for t in (0, 1, -1)], 1) for a in range(6)], 1)
    rows = np.repeat(np.arange(side * side * 6), 3)
    data = np.tile([0.7, 0.15, 0.15], side * side * 6)
    T = csr_array((data, (rows, columns.ravel())), (side * side * 6, side * side))
    return MDP.from_arrays(T, rng.normal(size=(side * side, 6)), γ)
