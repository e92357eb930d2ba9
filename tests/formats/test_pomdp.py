"""The `.pomdp` format: what is written is read again, every form of the grammar, and files that are none."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decision_making import POMDP
from decision_making.formats import parse_pomdp, pomdp_text, read_pomdp, write_pomdp
from decision_making.mdp import SparseTable
from decision_making.problems import Catch, CryingBaby, MachineReplacement, RockSample, Tiger
from tests.test_pomdp import SIZES, random_pomdp

TIGER = """
# the tiger, in the words of the format
discount: 0.95
values: reward
states: tiger-left tiger-right
actions: listen open-left open-right
observations: heard-left heard-right
start: uniform
T: listen
identity
T:open-left
uniform
T : open-right : * uniform
O: listen
0.85 0.15
0.15 0.85
O: open-left
uniform
O: open-right : *
0.5 0.5
R: listen : * : * : * -1
R: open-left : tiger-left : * : * -100
R: open-left : 1 : * : * 10
R:open-right:tiger-left:*:* 10
R: open-right : tiger-right : * : * -100
"""


def same(P, Q, atol=0.0):
    for a, (T, T_Q) in enumerate(zip(P.transitions, Q.transitions, strict=True)):
        dense = [x if isinstance(x, np.ndarray) else x.toarray() for x in (T, T_Q)]
        np.testing.assert_allclose(*dense, atol=1e-15)
        np.testing.assert_allclose(P.O.array[a], Q.O.array[a], atol=1e-15)
    np.testing.assert_allclose(P.R.array, Q.R.array, atol=1e-12)
    assert (P.b is None) == (Q.b is None)
    if P.b is not None:
        np.testing.assert_allclose(P.b, Q.b, atol=1e-15)
    assert P.γ == Q.γ


@pytest.mark.parametrize(
    "P", [CryingBaby(), Tiger(), MachineReplacement(), Catch(), RockSample(3, [(1, 1)], start=(0, 0))]
)
def test_what_is_written_is_read_again(P, tmp_path):
    write_pomdp(P, tmp_path / "a.pomdp")
    same(P, read_pomdp(tmp_path / "a.pomdp"))
    assert pomdp_text(read_pomdp(tmp_path / "a.pomdp")) == pomdp_text(P)


@given(st.integers(0, 10**6), SIZES)
@settings(max_examples=20)
def test_random_models_are_read_again(seed, sizes):
    P = random_pomdp(seed, sizes)
    same(P, parse_pomdp(pomdp_text(P)))


def test_the_tiger_as_others_write_it():
    P, Q = parse_pomdp(TIGER), Tiger()
    order = [2, 0, 1]
    np.testing.assert_array_equal(P.T.array, Q.T.array[:, order])
    np.testing.assert_allclose(P.O.array, Q.O.array[order], atol=1e-15)
    np.testing.assert_array_equal(P.R.array, Q.R.array[:, order])
    np.testing.assert_array_equal(P.b, [0.5, 0.5])
    assert P.names["S"] == ("tiger-left", "tiger-right")


HEAD = "discount: 0.9\nvalues: reward\nstates: 3\nactions: 2\nobservations: 2\n"
REST = "T: * identity\nO: * uniform\n"


@pytest.mark.parametrize(
    ("start", "b"),
    [
        ("start: 0.5 0.25 0.25", [0.5, 0.25, 0.25]),
        ("start: 0.2 0.3 0.499999", [0.2, 0.3, 0.5]),
        ("start: uniform", [1 / 3] * 3),
        ("start: 2", [0, 0, 1]),
        ("start include: 0 2", [0.5, 0, 0.5]),
        ("start exclude: 0", [0, 0.5, 0.5]),
        ("start include: *", [1 / 3] * 3),
    ],
)
def test_every_form_of_a_start(start, b):
    np.testing.assert_allclose(parse_pomdp(HEAD + start + "\n" + REST).b, b, atol=1e-5)
    assert parse_pomdp(HEAD + REST).b is None


def test_rows_wildcards_and_what_overrides():
    P = parse_pomdp(
        HEAD
        + "start: 0 0.5 0.5\n"
        + REST
        + "T: 0 : 1\n0.1 0.2 0.7\nT: 1 : 2 reset\nT: * : 0 : 0 0.5\nT: * : 0 : 1 0.5\n"
        + "O: 1 : 2 : 0 1\nO: 1 : 2 : 1 0.0\n"
    )
    np.testing.assert_allclose(P.T.array[:, 0], [[0.5, 0.5, 0], [0.1, 0.2, 0.7], [0, 0, 1]])
    np.testing.assert_allclose(P.T.array[:, 1], [[0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5]])
    np.testing.assert_allclose(P.O.array[1], [[0.5, 0.5], [0.5, 0.5], [1, 0]])


def test_rewards_of_next_states_and_observations_are_expected():
    rewards = "R: 0 : 1 : * : * 1\nR: 0 : 1 : 2 : * 3\nR: 0 : 1 : 2 : 1 5\nR: 1 : 0 : 0\n2 4\nR: 1 : 1\n0 0\n1 3\n0 0\n"
    T = "T: 0 : 1\n0.1 0.2 0.7\n"
    P = parse_pomdp(HEAD + REST + T + rewards)
    assert P.R(1, 0) == pytest.approx(0.3 * 1 + 0.7 * (0.5 * 3 + 0.5 * 5))
    assert P.R(0, 1) == pytest.approx(3)
    assert P.R(1, 1) == pytest.approx(2)
    costs = parse_pomdp(HEAD.replace("reward", "cost") + REST + T + rewards)
    np.testing.assert_allclose(costs.R.array, -P.R.array)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: 'states:' must come before this"),
        ("discont: 0.9", "1: 'discont' begins no statement; did you mean discount?"),
        ("discount 0.9", "1: '0.9' stands where ':' is expected"),
        ("discount: x", "1: 'x' stands where a number is expected"),
        ("discount: nan", "1: 'nan' stands where a number is expected"),
        (HEAD.replace("0.9", "1.5") + REST, "discount = 1.5: must be given, a number from 0 to 1"),
        (HEAD.replace("discount: 0.9\n", "") + REST, "discount = None: must be given"),
        ("values: money", "1: values: 'money': must be reward or cost"),
        ("states:", "1: states: names or a number are missing"),
        ("states: 0", "1: states: 0 of them: must be from 1"),
        ("states: a b a", "1: states: names must differ"),
        ("states: 99999999999999999999", "states: 999999999999 of them"),
        ("T: 0 identity", "1: 'actions:' must come before this"),
        (HEAD + "T: 7 identity", "6: '7' is none of the 2 actions"),
        (HEAD.replace("states: 3", "states: left right up") + "T: 0 : lft : 0 1", "did you mean left?"),
        (HEAD + "T: 0 : 0 : 1 -0.1", "6: -0.1: must be a probability"),
        (HEAD + "T: 0 : 0\n0.5 0.5", "the file ends where 3 probabilities is expected"),
        (HEAD + "T: 0 : 0\n0.5 0.5 0.1\n" + "O: * uniform", "6: T of action 0 and state 0 sums to 1.1, not to 1"),
        (HEAD + "T: * identity\n", "O of action 0 and state 0 sums to 0, not to 1"),
        (HEAD + REST + "O: 0 identity", "8: identity needs as many observations as states"),
        (HEAD + REST + "T: 0 : 0 reset", "8: reset needs a start distribution before it"),
        (HEAD + REST + "start: 0.5 0.2 0.2", "start: the probabilities sum to 0.9, not to 1"),
        (HEAD + REST + "start exclude: *", "8: start: no state is left"),
        (HEAD + REST + "R: 0 5", "an action and a state are needed"),
        (HEAD + REST + "R: 0 : 0 : 0 : 0 inf", "8: 'inf' stands where a number is expected"),
        (HEAD.replace("states: 3", "states: 9000000") + REST, "are too many"),
        (HEAD + REST + "0.5", "8: '0.5' begins no statement"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_line(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_pomdp(text)


def sized(S, A, Ω):
    return f"discount: 0.9\nstates: {S}\nactions: {A}\nobservations: {Ω}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (sized(20_000, 1, 1) + "T: * uniform", "5: with this, 400,020,000 rows and numbers are set"),
        (sized(20_000, 1, 1) + "T: * : * uniform", "5: with this, 400,040,000 rows and numbers are set"),
        (sized(20_000, 1, 1) + "T: * : * : * 0.5", "5: with this, 400,020,000 rows and numbers are set"),
        (sized(20_000_000, 1, 1) + "T: * : 0 uniform", "5: with this, 20,000,000 rows and numbers are set"),
        (sized(20_000, 1, 1) + "start: uniform\nT: * : * reset", "6: with this, 400,040,000 rows and numbers are set"),
        (sized(6_000_000, 1, 1) + "T: * identity", "5: with this, 12,000,000 rows and numbers are set"),
        (sized(6_000_000, 2, 1) + "R: * : * : * : * 1", "5: with this, 12,000,000 rows and numbers are set"),
    ],
)
def test_wildcards_that_stand_for_too_much_are_refused_before_they_are_set(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_pomdp(text)


def test_rewards_that_would_take_too_many_averages_are_refused(monkeypatch):
    text = HEAD + REST + "R: 0 : 1 : * : 1 4\nR: 0 : 1 : 2 : 1 5"  # one state follows, with two observations
    monkeypatch.setattr("decision_making.formats.pomdp.PAID", 4)
    assert parse_pomdp(text).R(1, 0) == pytest.approx(2)
    monkeypatch.setattr("decision_making.formats.pomdp.PAID", 3)
    with pytest.raises(ValueError, match=r"9: R: more than 3 rewards of next states and observations"):
        parse_pomdp(text)


def test_zeros_of_a_wildcard_take_what_was_there_and_cost_no_memory():
    P = parse_pomdp(sized(2000, 1, 1) + "T: * uniform\nT: * : * : * 0.0\nT: * identity\nO: * uniform")
    assert P.T.matrix.nnz == 2000
    text = HEAD + "T: * identity\nT: 0 : 1 : * 0\nT: 0 : 1 : 2 1.0\nT: 0 : 2 : 2 0\nT: 0 : 2 : 0 1\nO: * uniform\n"
    np.testing.assert_array_equal(parse_pomdp(text).T.array[:, 0], [[1, 0, 0], [0, 0, 1], [1, 0, 0]])


def test_rows_that_sum_to_1_but_for_their_last_digit_are_scaled():
    head = "discount: 0.9\nvalues: reward\nstates: 3\nactions: 1\nobservations: 1\n"
    thirds = "T: 0 : 0\n0.333333 0.333333 0.333333\nT: 0 : 1\n0.5 0.25 0.25\nT: 0 : 2 uniform\n"
    P = parse_pomdp(head + thirds + "O: * uniform\n")
    np.testing.assert_allclose(P.T.array[0, 0], np.full(3, 1 / 3), rtol=1e-15)
    assert P.T.array[1, 0].tolist() == [0.5, 0.25, 0.25]  # and one that does is left alone


def test_a_model_of_many_transitions_is_kept_sparse():
    head = "discount: 0.9\nvalues: reward\nstates: 600\nactions: 3\nobservations: 1\n"
    P = parse_pomdp(head + "T: * identity\nO: * uniform\nR: * : 599 : * : * 1\n")
    assert isinstance(P.T, SparseTable)
    assert P.R.array[[0, 599]].tolist() == [[0, 0, 0], [1, 1, 1]]


def test_lines_may_end_as_on_any_system():
    text = HEAD + REST
    for end in ("\r\n", "\r"):
        P = parse_pomdp((text + "R: 0 : 0 : * : * 2 # paid\n").replace("\n", end))
        assert P.R(0, 0) == 2
        with pytest.raises(ValueError, match="8: 'x' begins no statement"):
            parse_pomdp((text + "x").replace("\n", end))


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "strange.pomdp"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"strange\.pomdp:1:1: is no text"):
        read_pomdp(path)
    path.write_text("discount: 0.9\nvalues: x\n")
    with pytest.raises(ValueError, match=r"strange\.pomdp:2: values"):
        read_pomdp(path)
    with pytest.raises(FileNotFoundError):
        read_pomdp(tmp_path / "none.pomdp")


@given(st.text(alphabet="TOR:*#. 01\nstartevluidcounx-", max_size=200))
@settings(max_examples=150)
def test_any_text_is_read_or_refused_by_name(text):
    try:
        parse_pomdp(HEAD + text)
    except ValueError as error:
        said = str(error)
    else:
        said = "text: read"
    assert said.startswith("text:")


@pytest.mark.parametrize("γ", [np.float64(0.9), np.float32(0.9), Fraction(9, 10), 1], ids=repr)
def test_a_discount_of_any_type_of_number_is_written_as_one(γ):
    P = POMDP.from_arrays([[[1.0]]], [[2.0]], [[[1.0]]], γ)
    assert parse_pomdp(pomdp_text(P)).γ == float(γ)


def test_the_only_state_may_be_named_as_the_start():
    text = "discount: 0.9\nstates: only\nactions: a\nobservations: o\nstart: {}\nT: a identity\nO: a uniform"
    for start in ("only", "1", "1.0", "uniform"):
        assert parse_pomdp(text.format(start)).b == [1.0]


def test_names_that_are_no_texts_become_numbers_with_a_letter():
    P = POMDP.from_arrays(np.eye(2)[:, None], [[1], [2]], [np.eye(2)], 0.9, names={"S": [(0, 1), (1, 1)], "Ω": [3, 4]})
    assert parse_pomdp(pomdp_text(P)).names == {"S": ("s0", "s1"), "A": ("a0",), "Ω": ("o0", "o1")}


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_a_start_is_read_back_bit_for_bit(seed, n):
    b = np.random.default_rng(seed).dirichlet(np.ones(n))
    P = POMDP.from_arrays(np.eye(n)[:, None], np.zeros((n, 1)), np.ones((1, n, 1)), 0.9, b=b)
    np.testing.assert_array_equal(parse_pomdp(pomdp_text(P)).b, b)
