"""The checks of functions that give utilities of states or beliefs, for which a policy is easily taken."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from decision_making.checks import Array, Field, brief, function, numbers, refuse
from decision_making.verbs import utility


def utility_function(M: object, field: Field, U: Any) -> None:
    """Attrs validator: a function that gives utilities, and no policy, which is called for actions."""
    function(M, field, U)
    if utility.dispatch(type(U)) is not utility.dispatch(object):
        refuse(M, field.name, U, "a function that gives utilities, as lambda b: utility(π, b) does", TypeError)


def one_for_each(given: object, name: str, n: int, of: Literal["states", "beliefs"]) -> Array:
    """What a function, called `name` in errors, gave for n states or beliefs, as floats (n,): one for each, or for all.

    Raises TypeError where it gave no numbers, ValueError where they are neither one nor n.
    """
    values = numbers(given, f"{name}({of[0]})")
    if values.shape not in ((), (1,), (n,)):
        raise ValueError(f"{name} gave an array {values.shape} for {n} {of}: must be {(n,)}")
    return np.broadcast_to(values, (n,))


def check_below_infinity(u: Array, x: Any, name: str, of: Literal["states", "beliefs"]) -> None:
    """Raise ValueError, naming the first, where the utility (n,) of one of these states or beliefs is NaN or inf."""
    if not (u < np.inf).all():  # also where one is NaN
        i = int(np.argmin(u < np.inf))
        raise ValueError(f"{name} of {of[:-1]} {brief(x[i])} is {u[i]}: must be a number")


def utilities_of(U: Any, b: Array) -> Array:
    """U of the beliefs b (n, S), checked, (n,)."""
    u = one_for_each(U(b), "U", len(b), "beliefs")
    check_below_infinity(u, b, "U", "beliefs")
    return u
