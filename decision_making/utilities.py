"""The check of functions that give utilities of states or beliefs, for which a policy is easily taken."""

from __future__ import annotations

from typing import Any

from decision_making.checks import Field, function, refuse
from decision_making.verbs import utility


def utility_function(M: object, field: Field, U: Any) -> None:
    """Attrs validator: a function that gives utilities, and no policy, which is called for actions."""
    function(M, field, U)
    if utility.dispatch(type(U)) is not utility.dispatch(object):
        refuse(M, field.name, U, "a function that gives utilities, as lambda b: utility(π, b) does", TypeError)
