"""The `.dpomdp` format: what is written is read again, every form of the grammar, and files that are none."""

import re
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.formats import dpomdp_text, parse_dpomdp, read_dpomdp, write_dpomdp
from decision_making.problems import (
    BroadcastChannel,
    CollaborativePredatorPrey,
    DecTiger,
    MeetingOnAGrid,
    RecyclingRobots,
    TwoGenerals,
)
from tests.oracles import teams as oracle

TIGER = """
# the tiger for two, in the words of the format
agents: 2
discount: 1
values: reward
states: tiger-left tiger-right
start:
uniform
actions:
listen open-left open-right
listen open-left open-right
observations:
hear-left hear-right
hear-left hear-right
T: * :
uniform
T: listen listen :
identity
O: * :
uniform
O: listen listen : tiger-left : hear-left hear-left : 0.7225
O: listen listen : tiger-left : hear-left hear-right : 0.1275
O: listen listen : tiger-left : hear-right hear-left : 0.1275
O: listen listen : tiger-left : hear-right hear-right : 0.0225
O: listen listen : tiger-right :
0.0225 0.1275 0.1275 0.7225
R: listen listen: * : * : * : -2
R: open-left open-left : tiger-left : * : * : -50
R: 2 2 : 1 : * : * : -50
R: open-left open-left : tiger-right : * : * : +20
R: 8 : tiger-left : * : * : 20
R: open-left open-right: * : * : * : -100
R: open-right open-left: * : * : * : -100
R: open-left listen: tiger-left : * : * : -101
R: listen open-right: tiger-right : * : * : -101
R: listen open-left: tiger-left : * : * : -101
R: open-right listen: tiger-right : * : * : -101
R: listen open-right: tiger-left : * : * : 9
R: listen open-left: tiger-right : * : * : 9
R: open-right listen: tiger-left : * : * : 9
R: open-left listen: tiger-right : * : * : 9
"""
HEAD = """agents: 2
discount: 0.9
values: reward
states: s t u
start: uniform
actions:
a b
2
observations:
2
yes no
"""
REST = "T: * :\nidentity\nO: * :\nuniform\n"
LINES = HEAD.count("\n") + 1


def same(P, Q, atol=0.0):
    for name in ("T", "O", "R"):
        np.testing.assert_allclose(getattr(P, name).array, getattr(Q, name).array, atol=atol)
    np.testing.assert_allclose(P.b, Q.b, atol=atol)
    assert P.γ == Q.γ


@pytest.mark.parametrize(
    "problem", [DecTiger, TwoGenerals, BroadcastChannel, RecyclingRobots, MeetingOnAGrid, CollaborativePredatorPrey]
)
def test_what_is_written_is_read_again(problem, tmp_path):
    P = problem()
    write_dpomdp(P, tmp_path / "a.dpomdp")
    Q = read_dpomdp(tmp_path / "a.dpomdp")
    same(P, Q)
    assert dpomdp_text(Q) == dpomdp_text(P)


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=10)
def test_random_models_are_read_again(seed, n):
    P = oracle.random_model(seed, n=n, team=True, sizes=(2, 1, 3), Ω=(2, 3, 1), S=2)
    same(P, parse_dpomdp(dpomdp_text(P)))


def test_the_tiger_from_a_file_is_the_tiger_in_code():
    P = parse_dpomdp(TIGER)
    same(P, DecTiger(), 1e-15)
    assert P.S == ("tiger-left", "tiger-right")
    assert P.A == (("listen", "open-left", "open-right"),) * 2
    assert dm.solve(dm.MultiagentAStar(None, 1), P).value == pytest.approx(-4)


@pytest.mark.parametrize(
    ("start", "b"),
    [
        ("start:\n0.5 0.25 0.25", [0.5, 0.25, 0.25]),
        ("start: 0.2 0.3 0.499999", [0.2, 0.3, 0.5]),
        ("start: t", [0, 1, 0]),
        ("start: 2", [0, 0, 1]),
        ("start include: s 2", [0.5, 0, 0.5]),
        ("start include:\ns 2", [0.5, 0, 0.5]),
        ("start exclude: s", [0, 0.5, 0.5]),
    ],
)
def test_every_form_of_a_start(start, b):
    P = parse_dpomdp(HEAD.replace("start: uniform", start) + REST)
    np.testing.assert_allclose(P.b, b, atol=1e-5)
    assert P.b.sum() == pytest.approx(1, abs=1e-15)


def test_a_row_of_rewards_is_one_for_each_joint_observation():
    P = parse_dpomdp(HEAD + REST + "R: 0 : s : *\n0 4 8 12\n")
    assert P.R.array[0, 0, 0] == pytest.approx(6)
    assert abs(P.R.array).sum() == pytest.approx(6)


@pytest.mark.parametrize("start", ["1", "1.0", "s", "uniform"])
def test_one_state_is_the_start_by_its_name_and_by_its_probability(start):
    P = parse_dpomdp(HEAD.replace("s t u", "s").replace("start: uniform", f"start: {start}") + REST)
    assert P.b.tolist() == [1]


def test_rows_matrices_wildcards_and_what_overrides():
    P = parse_dpomdp(
        HEAD + REST + "T: b 1 : s :\n0.1 0.2 0.7\nT: 3 : t : * : 0\nT: b 1 : t : s : 1.0\nT: a * : u :\nuniform\n"
        "T: 1 :\n0 0 1\n0 1 0\n1 0 0\nO: b 0 : s : 1 no : 1\nO: b 0 : s : 0 * : 0\nO: b 0 : s : 1 yes : 0\n"
        "O: a 1 :\n1 0 0 0\n0 1 0 0\n0 0 1 0\nO: a 0 : * :\n0 0 0 1\n"
    )
    np.testing.assert_allclose(P.T.array[:, 1, 1], [[0.1, 0.2, 0.7], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(P.T.array[2, 0, 0], 1 / 3)
    np.testing.assert_allclose(P.T.array[:, 0, 1], [[0, 0, 1], [0, 1, 0], [1, 0, 0]])  # joint action 1 overrides
    np.testing.assert_allclose(P.O.array[1, 0, 0], [[0, 0], [0, 1]])
    np.testing.assert_allclose(P.O.array[0, 1].reshape(3, 4), np.eye(4)[:3])
    np.testing.assert_allclose(P.O.array[0, 0].reshape(3, 4), [[0, 0, 0, 1]] * 3)


def test_a_model_without_a_start_is_written_with_a_uniform_one():
    P = dm.DecPOMDP.from_arrays(np.full((4, 2, 2, 4), 0.25), np.zeros((4, 2, 2)), np.full((2, 2, 4, 2, 2), 0.25), 0.5)
    assert P.b is None
    np.testing.assert_array_equal(parse_dpomdp(dpomdp_text(P)).b, np.full(4, 0.25))
    for other in (dm.POMG.from_arrays(P.T.array, np.zeros((2, 4, 2, 2)), P.O.array, 0.5), None, "agents: 2"):
        with pytest.raises(TypeError, match="must be a DecPOMDP"):
            dpomdp_text(other)


def test_the_last_colon_may_be_missing_where_the_numbers_stand_below():
    P = parse_dpomdp(HEAD + REST + "T: b 1 : s : s\n0.25\nT: b 1 : s : t\n0.75\n")
    np.testing.assert_array_equal(P.T.array[0, 1, 1], [0.25, 0.75, 0])


def test_rewards_of_what_follows_are_refused_by_their_number(monkeypatch):
    """Four joint actions, three states before and after, four joint observations: 144 rewards."""
    module = import_module("decision_making.formats.dpomdp")
    text = HEAD + REST + "R: a 0 : s : t : * : 1\n"
    monkeypatch.setattr(module, "MOST", 144)
    assert parse_dpomdp(text).R("s", ("a", 0)) == 0
    monkeypatch.setattr(module, "MOST", 143)
    with pytest.raises(
        ValueError, match=r"text:\d+:1: 144 rewards of next states and observations: must be at most 143"
    ):
        parse_dpomdp(text)


def test_rewards_of_next_states_and_observations_are_expected():
    rewards = (
        "R: b 1 : t : * : * : 1\nR: b 1 : t : u : * : 3\nR: b 1 : t : u : 1 no : 5\nR: a 0 : s : s :\n2 4 6 8\n"
        "R: a 1 : s :\n1 1 1 1\n2 2 2 2\n3 3 3 3\n"
    )
    T = "T: b 1 : t :\n0.1 0.2 0.7\nT: a 1 : s :\n0.5 0.25 0.25\n"
    P = parse_dpomdp(HEAD + REST + T + rewards)
    assert P.R("t", ("b", 1)) == pytest.approx(0.3 * 1 + 0.7 * (0.75 * 3 + 0.25 * 5))
    assert P.R("s", ("a", 0)) == pytest.approx(5)
    assert P.R("s", ("a", 1)) == pytest.approx(0.5 + 0.5 + 0.75)
    costs = parse_dpomdp(HEAD.replace("reward", "cost") + REST + T + rewards)
    np.testing.assert_allclose(costs.R.array, -P.R.array)
    again = parse_dpomdp(HEAD + REST + T + rewards + "R: b * : * : * : * : 7\n")  # a later line overrides
    assert again.R("t", ("b", 1)) == pytest.approx(7, abs=0)


def test_rows_that_nearly_sum_to_1_are_divided_by_their_sum():
    P = parse_dpomdp(HEAD + REST + "T: a 0 : s :\n0.333333 0.333333 0.333333\n")
    np.testing.assert_allclose(P.T.array[0, 0, 0], 1 / 3, atol=1e-15)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: 'agents:' must come before this"),
        ("agent: 2", "1:1: 'agent' begins no statement; did you mean agents?"),
        ("agents 2", "1:1: 'agents' begins no statement; ':' must follow"),
        ("agents:", "1:1: agents: names or a number are missing"),
        ("agents: 0", "1:9: agents: 0 of them: must be from 1 to 5,000"),
        ("agents: 17", "1:1: 17 agents: must be at most 16"),
        ("agents: 2\nagents: 2", "2:1: 'agents:' stands twice, first on line 1"),
        (HEAD.replace("0.9", "x"), "2:11: 'x' stands where a number is expected"),
        (HEAD.replace("0.9", "nan"), "2:11: 'nan' stands where a number is expected"),
        (HEAD.replace("0.9", "1_0"), "2:11: '1_0' stands where a number is expected"),
        (HEAD.replace("0.9", "1.5"), "2:11: discount = 1.5: must be from 0 to 1"),
        (HEAD.replace("0.9", "0.9 1"), "2:15: discount: one number is expected"),
        (HEAD.replace("reward", "money"), "3:9: values: 'money': must be reward or cost"),
        (HEAD.replace("s t u", "s t s"), "4:13: states: 's': names must differ"),
        (HEAD.replace("s t u", "s t *"), "4:13: states: '*': names must differ"),
        (HEAD.replace("s t u", "99999999999999999999"), "4:9: states: 999999999999 of them"),
        (HEAD.replace("start: uniform", "start: v"), "5:8: 'v' is none of the 3 states"),
        (HEAD.replace("start: uniform", "start: 0.5 0.2 0.2"), "5:8: start: the probabilities sum to 0.9, not to 1"),
        (HEAD.replace("start: uniform", "start: 0.5 0.5"), "5:12: 2 numbers: must be 3"),
        (HEAD.replace("start: uniform", "start exclude: *"), "5:1: start: no state is left"),
        (HEAD.replace("start: uniform", "start:"), "5:1: start: states or probabilities are missing"),
        (HEAD.replace("start: uniform\n", ""), f"{LINES - 2}:5: 'start:' must come before this"),
        (HEAD.replace("a b\n2\n", "a b\n"), "6:1: actions: 1 lines: must be 2, one of each agent"),
        (
            HEAD.replace("states: s t u\nstart: uniform\n", "start: uniform\nstates: s t u\n"),
            "4:1: 'states:' must come",
        ),
        (HEAD.replace("start: uniform", "start: uniform t u"), "5:8: 'uniform' stands where a number is expected"),
        (HEAD.replace("a b\n2\n", "a b\n2 up\n"), "8:1: actions: '2': names must differ, and be no numbers"),
        (HEAD + "T: a 0 : s : uniform 1 0", f"{LINES}:14: 'uniform' stands where a number is expected"),
        (HEAD + "T: a 0 : s : t : uniform", f"{LINES}:18: 'uniform' stands where a number is expected"),
        (HEAD + "T: a 7 :\nidentity", f"{LINES}:6: '7' is none of the 2 actions"),
        (HEAD + "T: a :\nidentity", f"{LINES}:4: 'a' is none of the 4 joint actions"),
        (HEAD + "T: a 0 1 :\nidentity", f"{LINES}:8: 3 actions: must be 2, one of each agent"),
        (HEAD + "T: a 0 : v : s : 1", f"{LINES}:10: 'v' is none of the 3 states"),
        (HEAD + "T: a 0 : s t : s : 1", f"{LINES}:12: one state is expected"),
        (HEAD + "T: a 0 : s : s : 1.5", f"{LINES}:18: 1.5: must be a probability"),
        (HEAD + "T: a 0 : s : s : -0.1", f"{LINES}:18: -0.1: must be a probability"),
        (HEAD + "T: a 0 : s : s : inf", f"{LINES}:18: 'inf' stands where a number"),
        (HEAD + "T: a 0 : s :\n0.5 0.5", f"{LINES + 1}:5: 2 numbers: must be 3"),
        (HEAD + "T: a 0 : s : s : s : 1", f"{LINES}:18: T: at most 3 positions stand before the number"),
        (HEAD + "T: a 0 : s :", f"{LINES}:10: T: a number, numbers, uniform or identity is missing"),
        (HEAD + "T: : s : s : 1", f"{LINES}:1: T: a joint action is needed"),
        (HEAD + "O: * :\nidentity", f"{LINES + 1}:1: identity is a matrix with as many columns as states"),
        (HEAD + "O: a 0 : s : maybe yes : 1", f"{LINES}:14: 'maybe' is none of the 2 observations"),
        (HEAD + "O: a 0 : s : 0 ye : 1", f"{LINES}:16: 'ye' is none of the 2 observations; did you mean yes?"),
        (HEAD + "R: a 0 : 5", f"{LINES}:1: R: a joint action and a state are needed"),
        (HEAD + "R: a 0 : s : * : * : x", f"{LINES}:22: 'x' stands where a number"),
        (HEAD + "T: * :\nidentity\n", f"{LINES}:1: O of joint action 0 and state 0 sums to 0, not to 1"),
        (
            HEAD + REST + "T: b 1 : t : t : 0.5\n",
            f"{LINES + 4}:1: T of joint action 3 and state 1 sums to 0.5, not to 1",
        ),
        (HEAD + REST + "* * : 1", f"{LINES + 4}:1: '*' begins no statement"),
        (HEAD.replace("s t u", "4999"), "make 99,960,004 numbers in T: must be at most 20,000,000"),
    ],
)
def test_what_is_no_such_file_is_named_with_line_and_column(text, said):
    with pytest.raises(ValueError, match=r"^text:\d+:\d+: ") as error:
        parse_dpomdp(text)
    assert said in str(error.value)


def test_files_that_are_no_text_or_not_there_are_refused(tmp_path):
    (tmp_path / "a.dpomdp").write_bytes(b"agents: \xff\xfe")
    with pytest.raises(ValueError, match=r"a.dpomdp:1:9: is no text"):
        read_dpomdp(tmp_path / "a.dpomdp")
    with pytest.raises(FileNotFoundError):
        read_dpomdp(tmp_path / "b.dpomdp")


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_file_is_read_or_refused_by_name(data):
    """Nothing but a model or one named error comes of it, whatever is cut, doubled or put in."""
    text = TIGER
    for _ in range(data.draw(st.integers(1, 3))):
        k = data.draw(st.integers(0, len(text) - 1))
        n = data.draw(st.integers(0, 12))
        put = data.draw(
            st.sampled_from(["", ":", "*", "\n", "-1", "1e999", "uniform", "T: ", "R:", "\x00", "ψ", "9" * 30])
        )
        text = text[:k] + put + text[k + n :]
    try:
        found, said = parse_dpomdp(text), ""
    except ValueError as error:
        found, said = DecTiger(), str(error)
    assert not said or re.match(r"text:\d+:\d+: ", said) or "DecPOMDP" in said, said
    assert np.isfinite(found.R.array).all()


@pytest.mark.parametrize(
    ("labels", "written"),
    [
        (("tiger left", "tiger_right"), "tiger-left tiger_right"),
        (("a b", "a-b"), "2"),  # would be alike
        (("start", "b"), "2"),  # a word of the format
        (("b", "start"), "2"),
        (("1st", "b"), "2"),  # no name
        (("b", "1st"), "2"),
        ((7, 8), "2"),
        (("b", 8), "2"),
    ],
)
def test_labels_that_the_format_can_have_stay(labels, written):
    P = oracle.random_model(0, team=True)
    P = dm.DecPOMDP(P.γ, P.I, labels, P.A, P.Ω, P.T.array, P.O.array, P.R.array, b=P.b)
    assert f"\nstates: {written}\n" in dpomdp_text(P)
    same(P, parse_dpomdp(dpomdp_text(P)))


def test_headers_without_a_colon_or_with_nothing_after_it_are_named():
    for line, said in (
        ("discount", "a:3:9: agents: '2': names must differ"),  # a line below the agents, it seems
        ("discount:", "a:4:1: discount: "),
        ("discount: 1 0.5", "a:4:13: discount: "),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            parse_dpomdp(TIGER.replace("discount: 1", line), "a")
