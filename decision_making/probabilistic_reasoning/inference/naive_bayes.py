"""Naive Bayes: features that are independent of each other given the class (section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from decision_making.checks import instance
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor, in_scope
from decision_making.probabilistic_reasoning.representation.factors import factor_list


def naive_bayes(prior: Factor, features: Sequence[Factor]) -> BayesianNetwork:
    """The network of a class and its features, P(c, o) = P(c) Π_i P(o_i | c).

    The prior is a factor of the class alone, each feature a factor of itself and the class. `infer` on it takes arrays
    of observations, classifies many objects at once, and does without those features that are not observed.
    Raises ValueError where a factor has another scope.
    """
    if len(instance(prior, "prior", Factor).vars) != 1:
        raise ValueError(f"prior = {prior!r}: must be a factor of the class alone")
    (c,) = prior.vars
    features = factor_list(features, "features")
    for φ in features:
        if len(φ.vars) != 2 or not in_scope(c.name, φ):
            raise ValueError(f"features: {φ!r} must be a factor of a feature and of {c.name}")
    others = [v for φ in features for v in φ.vars if v.name != c.name]
    return BayesianNetwork([c, *others], [prior, *features], [(c.name, v.name) for v in others])
