"""Aircraft collision avoidance solved on the grid of the authors' package (appendix F.6)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import field

from decision_making.checks import Array, brief
from decision_making.problem import State
from decision_making.problems import CollisionAvoidance
from decision_making.problems.collision_avoidance import H_START, RATE_START, RATES, T_START
from decision_making.sequential_problems.approximate_value_functions.grids import MultilinearValueFunction
from decision_making.sequential_problems.approximate_value_functions.models import InterpolatedMDP
from decision_making.sequential_problems.approximate_value_functions.policies import ApproximateValueFunctionPolicy
from decision_making.sequential_problems.approximate_value_functions.value_iteration import ApproximateValueIteration
from decision_making.sequential_problems.exact_solution_methods import iterative_policy_evaluation
from decision_making.structs import struct
from decision_making.verbs import solve

LOW = (-H_START, -RATE_START, min(RATES), 0.0)  # corners of the grid: h, ḣ, a_prev, t_col
HIGH = (H_START, RATE_START, max(RATES), T_START)
SIZES = (21, 21, len(RATES), round(T_START) + 1)
PREFERENCE = [1, 0, 2]  # of equally good actions: no advisory, descend, climb


@struct(repr=False)
class GridSolution:
    """Utilities of `CollisionAvoidance` by multilinear interpolation on a grid, and the policy that is greedy in them.

    The grid has h at 21 points from -200 to 200, ḣ at 21 points from -10 to 10, the three a_prev, t_col = 0..40. An
    episode stays on the nodes of the last two, so only h and ḣ are interpolated; beyond the grid the utilities are
    those at its edge. Without a policy they are the optimal ones; with one, s -> a on batches, they are that policy's.

    >>> grid = GridSolution(CollisionAvoidance())
    >>> grid.utility(np.array([0.0, 0.0, 0.0, 10.0])).round(6), int(grid(np.array([0.0, 5.0, 0.0, 10.0])))
    (np.float64(-0.708727), 1)
    """

    P: CollisionAvoidance  # problem
    policy: Callable[[Array], Array] | None = None  # s -> a on batches, whose utilities are wanted; None: the optimal
    greedy: ApproximateValueFunctionPolicy = field(init=False)  # in the utilities; without a preference among actions

    @greedy.default
    def _solve(self) -> ApproximateValueFunctionPolicy:
        grid = MultilinearValueFunction.over(LOW, HIGH, SIZES)
        decisions = SIZES[3]  # after which every episode is over
        if self.policy is None:
            return solve(ApproximateValueIteration(grid, None, decisions), self.P)
        model = InterpolatedMDP(self.P, grid)
        return model.policy(iterative_policy_evaluation(model, model.actions(self.policy), decisions))

    @property
    def U(self) -> Array:
        """The utilities at the nodes, (t_col, a_prev, h, ḣ)."""
        return self.greedy.Uθ.θ.transpose(3, 2, 0, 1)

    def utility(self, s: State) -> Array:
        """Utilities of states (..., 4), 0 after the closest approach."""
        return self.greedy.U(s)

    def Q(self, s: State) -> Array:
        """Expected utilities of the three actions in states (..., 4)."""
        return self.greedy.Q(s)

    def __call__(self, s: State) -> Array:
        """The greedy actions; where two are equally good, no advisory before the others."""
        return np.array(PREFERENCE)[self.Q(s)[..., PREFERENCE].argmax(axis=-1)]

    def __repr__(self) -> str:
        return f"GridSolution({self.P!r}, policy={brief(self.policy)})"
