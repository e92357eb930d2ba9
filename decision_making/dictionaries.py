"""Tabular models as dictionaries, gymnasium's form, read into arrays."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from decision_making.checks import ROW_SUM_TOLERANCE, Array, is_number, refuse, shortened

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Outcome: TypeAlias = Sequence[Any]
"""(p, s_next, r), or (p, s_next, r, terminated) with a flag that says whether the transition ends the episode."""

Dictionary: TypeAlias = Mapping[Hashable, Mapping[Hashable, Sequence[Outcome]]]
"""table[s][a]: the possible outcomes of action a in state s."""


class Arrays(NamedTuple):
    """A dictionary as arrays; where some transition ends, or some state has no actions, one state more, the last."""

    T: csr_array  # transition probabilities (S A, S)
    R: Array  # expected rewards (S, A); -inf where an action is not available
    r: Array  # mean reward of each entry of T, in its order; -inf where an action is not available
    states: list[Any]  # the names of the states, without the end
    actions: list[Any]  # the names of the actions


def arrays(table: Dictionary) -> Arrays:
    """T, R and the reward of each transition of a model table[s][a] = [(p, s_next, r, terminated), ...].

    Raises TypeError for a table of another form; ValueError, naming s and a, for probabilities that are negative or do
    not sum to 1, rewards that are not finite, and a next state that is not among the states.
    """
    from scipy.sparse import csr_array

    if not isinstance(table, Mapping) or not all(isinstance(x, Mapping) for x in table.values()) or not table:
        refuse(
            None, "table", table, "a dictionary table[s][a] = [(p, s_next, r), ...] of at least one state", TypeError
        )
    states, actions = _named(table), _named(dict.fromkeys(a for s in table for a in table[s]) or {0: None})
    number = {s: i for i, s in enumerate(states)}
    entries = [_entry(table, number, len(states), s, a) for s in states for a in actions]
    over = [not table[s] for s in states]
    has_end = any(over) or any(j == len(states) for rows in entries for j, _, _ in rows)
    n, m = len(states) + has_end, len(actions)
    R = np.zeros((n, m))
    rows, columns, p, r = [], [], [], []
    for i, found in enumerate(entries):
        if over[i // m]:
            found = [(len(states), 1.0, 0.0)]
        elif not found:  # not available; it stays, so that every row of T has the entries that r speaks of
            found = [(i // m, 1.0, -np.inf)]
        R[i // m, i % m] = sum(q * x for _, q, x in found)
        rows += [i] * len(found)
        columns += [j for j, _, _ in found]
        p += [q for _, q, _ in found]
        r += [x for _, _, x in found]
    if has_end:
        rows += range(m * len(states), m * n)
        columns, p, r = columns + [n - 1] * m, p + [1.0] * m, r + [0.0] * m
    key, place = np.unique(np.array(rows) * n + columns, return_inverse=True)
    total = np.bincount(place, p)
    kept = total > 0
    paid = np.bincount(place, np.multiply(p, r))[kept] / total[kept]
    T = csr_array((total[kept], np.divmod(key[kept], n)), (n * m, n))
    return Arrays(T, R, paid, states, actions)


def _named(names: Mapping[Hashable, Any]) -> list[Any]:
    """The keys; whole numbers 0, 1, ... in that order, others as they stand."""
    keys = list(names)
    numbers = all(isinstance(x, int | np.integer) and not isinstance(x, bool) for x in keys)
    return list(range(len(keys))) if numbers and set(keys) == set(range(len(keys))) else keys


def _entry(table: Dictionary, number: Mapping[Any, int], end: int, s: Any, a: Any) -> list[tuple[int, float, float]]:
    """The outcomes of a in s as (number of the next state, p, r), the end for those that terminate."""
    found, where = [], f"table[{s!r}][{a!r}]"
    outcomes = table[s].get(a, [])
    for x in outcomes:
        if not isinstance(x, tuple | list) or len(x) not in (3, 4):
            raise TypeError(f"{where} has {shortened(x)}: must be (p, s_next, r) or (p, s_next, r, terminated)")
        p, s_next, r, *terminated = x
        if not (is_number(p) and p >= 0):
            raise ValueError(f"{where} has p = {p!r}: must be a probability")
        if not is_number(r):
            raise ValueError(f"{where} has r = {r!r}: must be a finite number")
        if s_next not in number:
            raise ValueError(f"{where} leads to {shortened(s_next)}: must be one of the states of the table")
        found.append((end if terminated and terminated[0] else number[s_next], float(p), float(r)))
    total = sum(p for _, p, _ in found)
    if found and abs(total - 1) > ROW_SUM_TOLERANCE:
        raise ValueError(f"{where} has probabilities that sum to {total:.9g}: they must sum to 1")
    if a in table[s] and not found:
        raise ValueError(f"{where} has no outcome: leave the action out where it is not available")
    return found


def gymnasium_table(env: Any, **options: Any) -> tuple[Dictionary, Array | None]:
    """The table P of a gymnasium environment, or of the one of that name, and its start distribution or None.

    Raises ValueError, with gymnasium's reason, where there is none of that name; TypeError where it has no table.
    """
    if isinstance(env, str):
        import gymnasium

        try:
            with gymnasium.make(env, **options) as made:
                return _table_in(made, env)
        except gymnasium.error.Error as error:
            raise ValueError(f"env = {env!r}: {error}") from error
    return _table_in(env, env)


def _table_in(env: Any, given: object) -> tuple[Dictionary, Array | None]:
    """The table of an environment, `given` as that or by name, and its start distribution or None."""
    inner = getattr(env, "unwrapped", env)
    table = getattr(inner, "P", None)
    if not isinstance(table, Mapping):
        refuse(
            None,
            "env",
            given,
            "a gymnasium environment that keeps its model as a table P, such as FrozenLake-v1; "
            "problems.GymnasiumProblem, and `decision-making train`, take any",
            TypeError,
        )
    b = getattr(inner, "initial_state_distrib", None)
    return table, None if b is None else np.asarray(b, dtype=np.float64)
