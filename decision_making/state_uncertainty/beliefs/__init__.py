"""Beliefs about a hidden state (chapter 19), and `update(b, P, a, o)` after an action and an observation.

A belief is a vector of probabilities (the discrete state filter), the mean and covariance of a normal distribution
(Kalman filters), or a set of particles. An update returns a new belief of the same kind; the old one is not changed.
"""

from decision_making.state_uncertainty.beliefs.discrete_state_filter import update_of_a_vector
from decision_making.state_uncertainty.beliefs.kalman_filters import (
    ExtendedKalmanFilter,
    GaussianModel,
    KalmanFilter,
    LinearGaussianModel,
    UnscentedKalmanFilter,
    unscented_transform,
)
from decision_making.state_uncertainty.beliefs.particle_beliefs import ParticleBeliefs
from decision_making.state_uncertainty.beliefs.particle_filters import (
    AdaptiveInjectionParticleFilter,
    InjectionParticleFilter,
    ParticleFilter,
    RejectionParticleFilter,
)
from decision_making.verbs import update

__all__ = [
    "AdaptiveInjectionParticleFilter",
    "ExtendedKalmanFilter",
    "GaussianModel",
    "InjectionParticleFilter",
    "KalmanFilter",
    "LinearGaussianModel",
    "ParticleBeliefs",
    "ParticleFilter",
    "RejectionParticleFilter",
    "UnscentedKalmanFilter",
    "unscented_transform",
    "update",
    "update_of_a_vector",
]
