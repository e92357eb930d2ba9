"""What a sampling method estimates: the distribution of a query, and its standard errors (chapter 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import Array, brief
from decision_making.probabilistic_reasoning.inference.elimination import VariableElimination, evidence_log_probability
from decision_making.probabilistic_reasoning.inference.evidence import Likelihood, NoSampleAgreesError, Question
from decision_making.probabilistic_reasoning.representation import Factor
from decision_making.sizes import TooLargeError
from decision_making.structs import struct

CHEAP = 2**20  # entries of the tables of an exact answer that only explains an error


@struct
class PosteriorEstimate:
    """The distribution of a query by sampling, with its error."""

    factor: Factor  # the estimate, on the query's variables
    standard_error: Array = field(repr=brief)  # of each of its numbers, of the same shape; inf of one sample
    effective_size: float  # how many independent samples it is worth
    agreed: int  # samples that agree with the evidence, or have a weight above 0
    probability: float | None = None  # the estimate of P(evidence), where the method has one
    r_hat: float | None = None  # near 1 where the chains agree with each other, for many chains


def estimate_posterior(M: object, bn: Any, query: Any, evidence: Any = None, rng: Any = None) -> PosteriorEstimate:
    """What `infer` returns for a method that samples, with standard errors and the effective number of samples.

    Raises TypeError for a method that does not sample, and otherwise what `infer` raises.
    """
    if type(M) not in ESTIMATORS:
        raise TypeError(f"M = {M!r}: must be one of {', '.join(t.__name__ for t in ESTIMATORS)}")
    q = Question(bn, query, evidence)
    q.single(M)
    q.check_answer()
    found: PosteriorEstimate = ESTIMATORS[type(M)](M, q, rng)
    return found


Estimator = TypeVar("Estimator", bound=Callable[..., Any])
ESTIMATORS: dict[type, Any] = {}  # the methods that sample, each with what makes its estimate


def infer_by_sampling(M: object, bn: Any, query: Any, evidence: Any = None, *, rng: Any = None) -> Factor:
    """The distribution of the query given the evidence, estimated from samples."""
    return estimate_posterior(M, bn, query, evidence, rng).factor


def sampling_method(M: type) -> Callable[[Estimator], Estimator]:
    """Decorator of what makes the estimate of a method: `infer` and `estimate_posterior` then know it."""

    def register(f: Estimator) -> Estimator:
        ESTIMATORS[M] = f
        verbs.infer.register(M, infer_by_sampling)
        return f

    return register


def cells(x: Array, q: Question) -> Array:
    """The position of each sample, a column of x (n, m), in the array of the query's free variables."""
    code = np.zeros(x.shape[1], dtype=np.intp)
    for i in q.free:
        code = code * q.bn.vars[i].r + x[i]
    return code


def shape(q: Question) -> tuple[int, ...]:
    """The shape of the answer on the query's free variables."""
    return tuple(q.bn.vars[i].r for i in q.free)


def spread(q: Question, errors: Array) -> Array:
    """Standard errors of the free variables' numbers at their place among the query's, 0 elsewhere."""
    full = np.zeros([q.bn.vars[i].r for i in q.query])
    full[tuple(q.hard.get(i, slice(None)) for i in q.query)] = errors
    return full


def nothing_agrees(q: Question, m: int) -> ValueError:
    """The error where no sample agrees with the evidence, which may be impossible or only improbable."""
    known: dict[Any, Any] = q.hard | {i: Likelihood(x) for i, x in q.soft.items()}
    try:
        log_p = evidence_log_probability(VariableElimination(max_entries=CHEAP), q.bn, known)
    except TooLargeError:
        return NoSampleAgreesError(
            f"none of {m} samples agrees with {q.names()}, which may be impossible; use a larger m"
        )
    if log_p == -np.inf:
        return q.impossible()
    return NoSampleAgreesError(
        f"none of {m} samples agrees with {q.names()}, whose probability is exp({log_p:.6g}); use a larger m, "
        "LikelihoodWeightedSampling, or an exact method"
    )
