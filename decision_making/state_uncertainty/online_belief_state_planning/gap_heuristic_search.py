"""Search between bounds from the current belief, until they meet there (algorithm 22.4)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, flag, not_negative
from decision_making.pomdp import POMDP, Belief, next_beliefs
from decision_making.problem import RNG
from decision_making.sequential_problems.online_planning import Plan
from decision_making.sequential_problems.online_planning.plans import counted
from decision_making.state_uncertainty.online_belief_state_planning.belief_planner import (
    BeliefPlanner,
    beliefs_of,
    planned,
)
from decision_making.structs import struct
from decision_making.utilities import one_for_each, utility_function
from decision_making.verbs import plan


@struct(repr=False)
class GapHeuristicSearch(BeliefPlanner):
    """k_max descents from the belief to where the bounds are furthest apart, which they tighten (algorithm 22.4).

    A descent takes the action that is best by the upper bound and the observation whose gap is the furthest above
    δ/γ^depth, weighted by its probability unless weighted=False; it ends where none is above, or at depth d_max. On the
    way back both bounds are backed up, and neither ever loosens. The search ends when the gap at the root is at most δ,
    or when nothing changes any more because beliefs beyond d_max would be needed. The action is the best by lookahead
    to the lower bound. (The listing takes the largest gap, whatever its probability, and may replace a tight bound by a
    looser one.)

    Ulo and Uhi take batches of beliefs (B, S) and give their bounds (B,), as `utility` of policies of chapter 21 does.
    The plan's `tree` is a `BeliefTree`. Raises ValueError for bounds that are not finite, or a lower one that is above
    the upper one by more than rounding.
    """

    Ulo: Any = field(validator=utility_function)  # lower bound of the utility of beliefs (B, S) -> (B,)
    Uhi: Any = field(validator=utility_function)  # upper bound, likewise
    δ: float = field(validator=not_negative)  # gap at the root at which the search ends
    k_max: int = field(validator=count)  # number of descents at most
    d_max: int = field(validator=count)  # depth of a descent at most
    weighted: bool = field(default=True, kw_only=True, validator=flag)  # whether a gap is weighted by its probability

    def did(self, found: Plan) -> str:
        """The bounds at the root, and why the search ended."""
        tree = found.tree
        why = {
            "gap closed": f"the gap is at most {self.δ:g}",
            "k_max": f"it made {counted(self.k_max, 'descent')}",
            "d_max": f"nothing changes within {counted(self.d_max, 'step')}",
        }[tree.reason]
        worth = f"the best plan is worth between {tree.lower[0]:.4g} and {tree.upper[0]:.4g}"
        met = counted(found.visits, "belief")
        return f"met {met} from {self.origin(found)}, and found that {worth}; it ended as {why}."


@struct(repr=False, frozen=False)
class BeliefTree:
    """The beliefs that a search met, and their bounds. Node 0 is the root."""

    b: list[Array]  # beliefs (S,)
    lower: list[float]  # lower bound at each
    upper: list[float]  # upper bound at each
    below: dict[int, tuple[Array, Array, Array]]  # of a node: numbers of its children and probabilities (A, Ω), R (A,)
    reason: Literal["gap closed", "k_max", "d_max", ""] = ""  # why the search ended

    def __repr__(self) -> str:
        return f"BeliefTree({len(self.b)} beliefs, [{self.lower[0]:.6g}, {self.upper[0]:.6g}], {self.reason})"

    @property
    def gap(self) -> float:
        """The difference of the bounds at the root."""
        return max(self.upper[0] - self.lower[0], 0.0)


@plan.register
def plan_by_gap_heuristic_search(M: GapHeuristicSearch, b: Belief, *, rng: RNG = None) -> Plan:
    """One belief after the other; u and Q are lower bounds, `tree` a list of trees where b is a batch."""
    b, single = beliefs_of(M, b)
    found = [_searched(M, M.P, x) for x in b]
    Q = np.array([_values(M.P, tree, 0, tree.lower) for tree in found]).reshape(len(b), len(M.P.A))
    trees = found[0] if single else found
    return planned(M, b, single, Q.argmax(axis=1), Q, visits=np.array([len(x.b) for x in found]), tree=trees)


def _searched(M: GapHeuristicSearch, P: POMDP, b: Array) -> BeliefTree:
    """The tree after all descents from b (S,)."""
    tree = BeliefTree([], [], [], {})
    _add(M, tree, b[None])
    _expand(M, P, tree, 0)
    _back_up(P, tree, 0)
    for _ in range(M.k_max):
        if tree.gap <= M.δ:
            break
        if not _descend(M, P, tree):
            tree.reason = "d_max"
            return tree
    tree.reason = "gap closed" if tree.gap <= M.δ else "k_max"
    return tree


def _descend(M: GapHeuristicSearch, P: POMDP, tree: BeliefTree) -> bool:
    """One descent and the backups on the way back; whether it changed anything."""
    node, path, before = 0, [0], (len(tree.b), tree.lower[:], tree.upper[:])
    for depth in range(1, M.d_max + 1):
        child, p, _ = tree.below[node]
        a = int(np.argmax(_values(P, tree, node, tree.upper)))
        excess = P.γ**depth * np.array([tree.upper[i] - tree.lower[i] for i in child[a]]) - M.δ  # at the root
        excess = np.where(p[a] > 0, excess * (p[a] if M.weighted else 1), 0)
        o = int(excess.argmax())
        if excess[o] <= 0:
            break
        node = int(child[a, o])
        if node not in tree.below:
            _expand(M, P, tree, node)
        path.append(node)
    for node in reversed(path):
        _back_up(P, tree, node)
    return (len(tree.b), tree.lower, tree.upper) != before


def _add(M: GapHeuristicSearch, tree: BeliefTree, b: Array) -> Array:
    """New nodes for the beliefs b (n, S); their numbers (n,)."""
    lower, upper = (one_for_each(U(b), name, len(b), "beliefs") for name, U in (("Ulo", M.Ulo), ("Uhi", M.Uhi)))
    wrong = ~(lower <= upper + 1e-6 * (1 + abs(upper)))  # also where one is NaN
    if wrong.any() or not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        i = int(wrong.argmax())
        raise ValueError(
            f"Ulo = {lower[i]:g} and Uhi = {upper[i]:g} of {brief(b[i])}: must be a lower and an upper bound"
        )
    first = len(tree.b)
    tree.b.extend(b)
    tree.lower.extend(lower.tolist())
    tree.upper.extend(upper.tolist())
    return np.arange(first, len(tree.b))


def _expand(M: GapHeuristicSearch, P: POMDP, tree: BeliefTree, node: int) -> None:
    """The beliefs after each action and each observation of positive probability become nodes."""
    b = tree.b[node]
    following, p = (np.stack(x) for x in zip(*(next_beliefs(P, b, a) for a in range(len(P.A))), strict=True))
    child = np.zeros(p.shape, np.intp)
    child[p > 0] = _add(M, tree, following[p > 0])
    tree.below[node] = child, p, b @ P.R.array


def _values(P: POMDP, tree: BeliefTree, node: int, bound: list[float]) -> Array:
    """`lookahead` of each action to the bound of the children, (A,)."""
    child, p, r = tree.below[node]
    u = np.array([bound[i] for i in child.ravel()]).reshape(child.shape)
    return np.asarray(r + P.γ * (p * u).sum(axis=1))


def _back_up(P: POMDP, tree: BeliefTree, node: int) -> None:
    """Both bounds of a node from those of its children; neither loosens."""
    tree.lower[node] = max(tree.lower[node], float(_values(P, tree, node, tree.lower).max()))
    tree.upper[node] = min(tree.upper[node], float(_values(P, tree, node, tree.upper).max()))
