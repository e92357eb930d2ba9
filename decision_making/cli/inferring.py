"""The command that asks a Bayesian network: `infer` (chapter 3)."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from decision_making import verbs
from decision_making.checks import suggestion
from decision_making.cli.messages import note, one_line_errors, say
from decision_making.cli.options import at_least, whole_number
from decision_making.formats import read_bif
from decision_making.probabilistic_reasoning.inference import (
    JunctionTree,
    LikelihoodWeightedSampling,
    NoSampleAgreesError,
    PosteriorEstimate,
    VariableElimination,
    estimate_posterior,
    evidence_log_probability,
)
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor


def infer(
    file: Annotated[Path, typer.Argument(help="A network in the format .bif, or that packed as .gz.")],
    query: Annotated[list[str] | None, typer.Option(help="A variable to ask for; may be repeated. None: all.")] = None,
    evidence: Annotated[list[str] | None, typer.Option(help="What is known, NAME=STATE; may be repeated.")] = None,
    together: Annotated[bool, typer.Option("--joint", help="The joint distribution of what is asked.")] = False,
    samples: Annotated[
        int, typer.Option(parser=whole_number, metavar="NUMBER", help="Also estimate by so many weighted samples.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="What the samples follow from.")] = 0,
    picture: Annotated[Path | None, typer.Option(help="Draw the network with its posteriors into this file.")] = None,
) -> None:
    """Print posteriors of a Bayesian network. Example: decision-making infer asia.bif --query lung --evidence xray=yes

    With --samples each exact probability has beside it the estimate and its standard error.
    """
    with one_line_errors():
        at_least("--samples", samples, 0)
        at_least("--seed", seed, 0)
        bn = read_bif(file)
        known: dict[str, int] = {}
        for text in evidence or []:
            seen, value = _known(bn, text)
            if seen in known:
                raise ValueError(f"--evidence {text}: there is evidence on {seen} already")
            known[seen] = value
        names = query or [v.name for v in bn.vars if v.name not in known]
        if together:
            factors = [verbs.infer(VariableElimination(), bn, names, known)]
        else:
            factors = list(verbs.infer(JunctionTree(), bn, dict.fromkeys(names), known).values())
        if known:
            log_p = evidence_log_probability(VariableElimination(), bn, known)
            say(f"P(evidence) = {_probability(log_p)}")
        for φ, found in zip(factors, _estimates(bn, factors, known, samples, seed), strict=True):
            for line in _lines(φ, found):
                say(line)
        if picture is not None:
            from decision_making.pictures.canvas import write_figure
            from decision_making.pictures.networks import posteriors

            say(write_figure(posteriors((bn, known)), picture))


def _probability(log_p: float) -> str:
    """A probability, with its logarithm behind it; the logarithm alone where it is too small for a float.

    >>> [_probability(x) for x in (-2.75, 1e-16, -800.0)]
    ['0.0639279 (exp(-2.750000))', '1 (exp(0.000000))', 'exp(-800.000000)']
    """
    logarithm, p = f"exp({min(round(log_p, 6), 0.0) + 0.0:.6f})", math.exp(min(log_p, 0.0))
    return f"{p:.6g} ({logarithm})" if p >= sys.float_info.min else logarithm


def _known(bn: BayesianNetwork, text: str) -> tuple[str, int]:
    """A variable and its value from a text NAME=STATE; names may have equals signs in them."""
    cuts = [k for k, letter in enumerate(text) if letter == "="]
    if not cuts:
        raise ValueError(f"--evidence {text}: must be NAME=STATE")
    cut = next((k for k in cuts if text[:k] in bn.index), cuts[0])
    v = bn.vars[bn.number(text[:cut])]
    state = text[cut + 1 :]
    if state not in v.labels:
        raise ValueError(f"--evidence {text}: must be one of {', '.join(v.labels)}{suggestion(state, v.labels)}")
    return v.name, v.labels.index(state)


def _estimates(
    bn: BayesianNetwork, factors: list[Factor], known: dict[str, int], samples: int, seed: int
) -> list[PosteriorEstimate | None]:
    """Each of the answers by so many samples; None, with a note, where no sample agrees with what is known."""
    if samples:
        M = LikelihoodWeightedSampling(samples)
        try:
            return [estimate_posterior(M, bn, [v.name for v in φ.vars], known, seed) for φ in factors]
        except NoSampleAgreesError:
            note(f"--samples {samples}: none agrees with the evidence, so that they estimate nothing; use more")
    return [None] * len(factors)


def _lines(φ: Factor, found: PosteriorEstimate | None) -> list[str]:
    """A line for each assignment: its states, probability, and estimate with its standard error."""
    rows = [[v.labels[k] for v, k in zip(φ.vars, a.values(), strict=True)] for a in φ.table]
    widths = [max(len(row[k]) for row in rows) for k in range(len(φ.vars))]
    lines = ["", ", ".join(v.name for v in φ.vars)]
    if found is not None:
        lines[1] += f"   (exact, and {found.effective_size:.0f} effective samples)"
    for k, row in enumerate(rows):
        text = "  ".join(name.ljust(width) for name, width in zip(row, widths, strict=True))
        line = f"  {text}  {φ.values.flat[k]:.6f}"
        if found is not None:
            line += f"  {found.factor.values.flat[k]:.6f} ± {found.standard_error.flat[k]:.6f}"
        lines.append(line)
    return lines
