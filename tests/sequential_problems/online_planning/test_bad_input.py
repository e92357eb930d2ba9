"""A catalogue of wrong calls of chapter 9: each is one clear error that names the field and what is allowed."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import HexWorld

NAN, INF = math.nan, math.inf
P, U = HexWorld(), np.zeros(25)
move = lambda s, a: s + a  # noqa: E731
pay = lambda s, a: -((s + a) ** 2).sum(-1)  # noqa: E731

KINDS = {
    "count": (ValueError, [0, -1, 2.5, "3", None, True, NAN]),
    "not_negative": (ValueError, [-1e-9, NAN, -INF, "1", None]),
    "positive": (ValueError, [0, -1.0, NAN, INF, "1", None]),
    "discount": (ValueError, [-0.1, 1.1, NAN, "0.9", None]),
    "flag": (ValueError, [1, "yes", None]),
    "choice": (ValueError, ["median", "", 3, None]),
    "function": (TypeError, [3, "f", None]),
    "optional function": (TypeError, [3, "f"]),
    "statistics": (TypeError, [3, [1.0], "N"]),
    "pair": (ValueError, [(0.0, 0.5), (1.0, 1.5), (1.0,), 3, None, (NAN, 0.5)]),
    "problem": (TypeError, [3, None, "HexWorld"]),
}
STRUCTS = [
    (dm.RolloutEstimate, {"d": 3}, {"d": "count", "π": "optional function", "m": "count"}),
    (
        dm.RolloutLookahead,
        {"P": P, "π": None, "d": 3},
        {"P": "problem", "π": "optional function", "d": "count", "m": "count", "common": "flag"},
    ),
    (dm.ForwardSearch, {"P": P, "d": 3, "U": U}, {"P": "problem", "d": "count"}),
    (
        dm.BranchAndBound,
        {"P": P, "d": 3, "Ulo": U, "Qhi": np.zeros((25, 6))},
        {"P": "problem", "d": "count", "memo": "flag", "check": "flag"},
    ),
    (dm.SparseSampling, {"P": P, "d": 3, "m": 2, "U": U}, {"P": "problem", "d": "count", "m": "count"}),
    (
        dm.MonteCarloTreeSearch,
        {"P": P, "N": None, "Q": None, "d": 3, "m": 2, "c": 1.0, "U": U},
        {
            **{"P": "problem", "N": "statistics", "Q": "statistics", "d": "count", "m": "count", "c": "not_negative"},
            **{"trees": "count", "by": "choice", "streams": "choice"},
        },
    ),
    (
        dm.ProgressiveWidening,
        {"P": P, "d": 3, "m": 2, "c": 1.0, "U": U},
        {
            **{
                "P": "problem",
                "d": "count",
                "m": "count",
                "c": "not_negative",
                "actions": "pair",
                "successors": "pair",
            },
            "propose": "optional function",
        },
    ),
    (
        dm.HeuristicSearch,
        {"P": P, "Uhi": U, "d": 3, "m": 2},
        {"P": "problem", "d": "count", "m": "count", "zero_at_end": "flag"},
    ),
    (
        dm.LabeledHeuristicSearch,
        {"P": P, "Uhi": U, "d": 3, "δ": 0.1},
        {"P": "problem", "d": "count", "δ": "positive", "zero_at_end": "flag", "max_simulations": "count"},
    ),
    (dm.OpenLoopPlanning, {"P": P, "d": 3}, {"P": "problem", "d": "count", "outcome": "choice"}),
    (
        dm.ModelPredictiveControl,
        {"T": move, "R": pay, "d": 3, "low": [-1.0], "high": [1.0]},
        {
            **{"T": "function", "R": "function", "d": "count", "γ": "discount", "R_end": "optional function"},
            **{"constraint": "optional function", "starts": "count"},
        },
    ),
    (
        dm.MultiforecastControl,
        {"T": move, "R": pay, "d": 3, "low": [-1.0], "high": [1.0], "ε": np.zeros((2, 3, 1))},
        {"sequences": "choice", "d": "count"},
    ),
]
FIELDS = [
    pytest.param(cls, good, name, value, KINDS[kind][0], id=f"{cls.__name__}.{name}={value!r}")
    for cls, good, fields in STRUCTS
    for name, kind in fields.items()
    for value in KINDS[kind][1]
]


@pytest.mark.parametrize(("cls", "good", "name", "value", "error"), FIELDS)
def test_wrong_field_is_named_with_its_value(cls, good, name, value, error):
    with pytest.raises(error) as raised:
        cls(**{**good, name: value})
    said = str(raised.value)
    assert re.search(rf"\b{name}\b", said), said
    assert repr(value) in said or isinstance(value, tuple | list), said


@pytest.mark.parametrize(("cls", "good"), [x[:2] for x in STRUCTS], ids=lambda x: getattr(x, "__name__", ""))
def test_the_good_calls_of_the_catalogue_are_good_and_print_on_a_line(cls, good):
    M = cls(**good)
    assert "\n" not in repr(M)
    assert "0x" not in repr(M)
    assert len(repr(M)) <= 360


free = SimpleNamespace(γ=0.9, A=np.arange(2), TR=lambda s, a, rng: (s, np.zeros(len(s))), state_bounds=([0.0], [1.0]))
CALLS = {
    "plan(3)": (lambda: dm.plan(3, 0), TypeError, "M = 3: plan knows .*MonteCarloTreeSearch"),
    "unknown state": (lambda: dm.ForwardSearch(P, 2, U)(25), ValueError, r"s runs from 25 to 25: must lie in 0\.\.24"),
    "half a state": (lambda: dm.ForwardSearch(P, 2, U)(0.5), TypeError, "s has dtype float64"),
    "a leaf value of letters": (
        lambda: dm.ForwardSearch(P, 2, lambda s: ["a"] * len(s))(0),
        *(TypeError, r"U\(s\) = \['a'.*: must be an array of numbers"),
    ),
    "statistics by state": (
        lambda: dm.MonteCarloTreeSearch(P, {0: 1}, {0: 1.0}, 2, 2, 1.0, U),
        *(TypeError, r"N = \{0: 1\}: must be None, or a dictionary with \(state, action\) as keys"),
    ),
    "a negative count": (
        lambda: dm.MonteCarloTreeSearch(P, {(0, 1): -1}, {(0, 1): 1.0}, 2, 2, 1.0, U),
        *(ValueError, r"N\[\(0, 1\)\] = -1: must be a whole number >= 0"),
    ),
    "half a visit": (
        lambda: dm.MonteCarloTreeSearch(P, {(0, 1): 1.5}, {(0, 1): 1.0}, 2, 2, 1.0, U),
        *(ValueError, r"N\[\(0, 1\)\] = 1\.5: must be a whole number >= 0"),
    ),
    "a value NaN": (
        lambda: dm.MonteCarloTreeSearch(P, {(0, 1): 2.0}, {(0, 1): NAN}, 2, 2, 1.0, U),
        *(ValueError, r"Q\[\(0, 1\)\] = nan: must be a finite number"),
    ),
    "state NaN": (lambda: dm.SparseSampling(free, 2, 2, U)([NAN]), ValueError, r"s = array\(\[nan\]\): must be finite"),
    "state of other axes": (
        lambda: dm.SparseSampling(free, 2, 2, U)(np.zeros((2, 2, 2))),
        *(ValueError, r"s has shape \(2, 2, 2\): one state has 1 axes, a batch one more"),
    ),
    "rng": (lambda: dm.ForwardSearch(P, 2, U)(0, rng="x"), TypeError, "rng = 'x': must be None"),
    "N without Q": (
        lambda: dm.MonteCarloTreeSearch(P, {(0, 0): 1}, None, 3, 2, 1.0, U),
        *(ValueError, "Q = None: must be a dictionary with the keys of N"),
    ),
    "N of boards": (
        lambda: dm.MonteCarloTreeSearch(free, {(0, 0): 1}, {(0, 0): 1.0}, 3, 2, 1.0, U),
        *(ValueError, "N = .*must be None, for a problem that does not list its states S"),
    ),
    "statistics of many trees": (
        lambda: dm.statistics(dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 2, 1.0, U, trees=2), 0)),
        *(ValueError, "need a problem that lists its states, by='state' and a single tree"),
    ),
    "statistics of a far row": (
        lambda: dm.statistics(dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 2, 1.0, U), [0, 1]), 4000),
        *(ValueError, "row = 4000: must be below 2048"),
    ),
    "Qhi of another shape": (
        lambda: dm.BranchAndBound(P, 2, U, np.zeros((25, 3)))(0),
        *(ValueError, "Qhi gave .*: must be a number for each of the 6 actions"),
    ),
    "no action": (
        lambda: dm.SparseSampling(
            SimpleNamespace(**vars(free), legal_actions=lambda s: np.zeros((len(s), 2), bool)), 2, 2, U
        )(np.zeros((1, 1))),
        *(ValueError, "has no available action, and is not terminal"),
    ),
    "policy of unknown actions": (
        lambda: dm.RolloutLookahead(P, lambda s: np.full(len(s), 9), 2)(0),
        *(ValueError, r"π\(s\) runs from 9 to 9: must lie in 0\.\.5"),
    ),
    "rollout, d": (lambda: dm.rollout(P, [0], print, 0), ValueError, "d = 0: must be a whole number >= 1"),
    "rollout, π": (lambda: dm.rollout(P, [0], 3, 1), TypeError, "π = 3: must be callable"),
    "sparse_sampling, d": (lambda: dm.sparse_sampling(P, 0, -1, 2, U), ValueError, "d = -1"),
    "forward_search, d": (lambda: dm.forward_search(P, 0, -1, U), ValueError, "d = -1"),
    "branch_and_bound, d": (lambda: dm.branch_and_bound(P, 0, -1, U, U), ValueError, "d = -1"),
    "explain a batch": (
        lambda: dm.explain(dm.ForwardSearch(P, 2, U), [0, 1]),
        ValueError,
        "explain one state at a time",
    ),
    "open loop without S": (
        lambda: dm.OpenLoopPlanning(SimpleNamespace(**vars(free), successors=lambda s, a: (s[None], [1.0])), 2)([0.0]),
        *(TypeError, "needs a problem that lists its states S; ModelPredictiveControl plans in real numbers"),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_call_is_one_clear_error(name):
    call, error, said = CALLS[name]
    with pytest.raises(error, match=said):
        call()


def test_random_steps_come_from_the_generator_given():
    """`randstep`, `extract_policy`, `extract_solved_policy` and `TooLargeError` are in other files; `Plan` and
    `ControlPlan` are made by `plan`."""
    s, _ = dm.randstep(P, np.zeros(2, dtype=int), np.zeros(2, dtype=int), 1)
    assert s.shape == (2,)


@pytest.mark.parametrize("U", [None, 3.0, "x", [], [1.0], [1.0, 2.0, 3.0], ["a", "b"]], ids=repr)
def test_a_leaf_value_that_is_no_table_of_the_states_is_named(U):
    P = dm.MDP.from_arrays(np.tile(np.eye(2)[::-1, None], (1, 2, 1)), np.zeros((2, 2)), 0.9)
    for M in (dm.ForwardSearch(P, 1, U), dm.SparseSampling(P, 1, 2, U), dm.BranchAndBound(P, 1, U, np.ones((2, 2)))):
        with pytest.raises(ValueError, match=r"\bU = "):
            M(0)
    with pytest.raises(ValueError, match="Qhi = "):
        dm.BranchAndBound(P, 1, np.zeros(2), U)(1)
