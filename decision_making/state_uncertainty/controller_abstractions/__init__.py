"""Controller abstractions (chapter 23): policies with a finite memory instead of a belief, and how to find them.

A controller is in one of a few nodes. The node determines how to act, the observation which node comes next. The
utilities of all nodes in all states solve one system of linear equations, and so do their derivatives.
"""

from decision_making.simplexes import project_to_simplex
from decision_making.state_uncertainty.controller_abstractions.controller_gradient import (
    ControllerGradient,
)
from decision_making.state_uncertainty.controller_abstractions.controllers import (
    ControllerPolicy,
    controller_derivatives,
    controller_rollouts,
    evaluate_controller,
)
from decision_making.state_uncertainty.controller_abstractions.evaluation import ControllerDerivatives
from decision_making.state_uncertainty.controller_abstractions.nonlinear_programming import NonlinearProgramming
from decision_making.state_uncertainty.controller_abstractions.policy_iteration import (
    ControllerPolicyIteration,
    improve_controller,
)

__all__ = [
    "ControllerDerivatives",
    "ControllerGradient",
    "ControllerPolicy",
    "ControllerPolicyIteration",
    "NonlinearProgramming",
    "controller_derivatives",
    "controller_rollouts",
    "evaluate_controller",
    "improve_controller",
    "project_to_simplex",
]
