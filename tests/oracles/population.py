"""A problem so small that all its trajectories can be recorded, each as often as it is probable.

A mean over these is the expectation, so that nothing about it is statistical. Probabilities of actions and states are
multiples of 1/4, so that whole numbers of trajectories can have them.
"""

import numpy as np

from decision_making import LinearSoftmaxPolicy, SoftmaxPolicy
from tests.oracles import enumeration

LOG3 = np.log(3)
T = np.array([[[0.25, 0.75, 0], [0.5, 0, 0.5]], [[0.5, 0.25, 0.25], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]])
R = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 2.0]])
B = np.array([0.25, 0.75, 0])
FEATURES = LOG3 * np.array([[[0, 0], [1, 0]], [[0, 0], [0.5, -0.5]], [[0, 0], [-0.5, -0.5]]])
POLICIES = {  # with parameters under which π(a | s) is (1/4, 3/4), (1/2, 1/2), (3/4, 1/4)
    "linear": (LinearSoftmaxPolicy(FEATURES), np.array([1.0, 1.0])),
    "table": (SoftmaxPolicy(3, 2), np.array([0, LOG3, 0, 0, LOG3, 0])),
}


def everything(name, γ, d, terminal, θ=None):
    """(π, θ, enumeration of all trajectories of depth d); the last state ends one where `terminal` is set."""
    π, θ_quarters = POLICIES[name]
    θ = θ_quarters if θ is None else θ
    p = enumeration.softmax(enumeration.features_of(π), θ)
    return π, θ, enumeration.enumerate_trajectories(T, R, γ, B, p, d, [False, False, terminal])


def population(E):
    """All trajectories of E, each as often as it is probable."""
    counts = E.weights * 4.0 ** (1 + 2 * E.r.shape[1])
    whole = np.rint(counts).astype(int)
    np.testing.assert_allclose(counts, whole, rtol=1e-9)
    return E.trajectories()[np.repeat(np.arange(len(whole)), whole // np.gcd.reduce(whole))]
