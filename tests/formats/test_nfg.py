"""The `.nfg` format: what is written is read again, both versions of the grammar, and files that are none."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import decision_making as dm
from decision_making.formats import nfg_text, parse_nfg, read_nfg, write_nfg
from decision_making.problems import PrisonersDilemma, TravelersDilemma

PAYOFFS = """NFG 1 R "two by three" { "row" "column" } { 2 3 }

1 10 2 20
3 30 4 40
5 50 6 60
"""
NAMES = r"""NFG 1 D "a \"title\"" { "Player 1" "Player 2" }
{ { "1" "2" "3" }
{ "up" "down" }
}
"a comment"
{
{ "one" 1, -1 }
{ "half" 1/2 -.5 }
{ 1e1, +2. }
}
1 2 3 0 1 1
"""


def test_the_first_agent_s_action_changes_fastest():
    P = parse_nfg(PAYOFFS)
    assert P.R.array[0].tolist() == [[1, 3, 5], [2, 4, 6]]
    np.testing.assert_array_equal(P.R.array[1], 10 * P.R.array[0])
    assert P.I == ("row", "column")
    assert P.A == (("1", "2"), ("1", "2", "3"))
    assert P.R(("2", "1")).tolist() == [2, 20]


def test_outcomes_are_numbered_from_one_and_zero_is_none():
    P = parse_nfg(NAMES)
    assert P.A == (("1", "2", "3"), ("up", "down"))
    assert P.R.array[0].T.tolist() == [[1, 0.5, 10], [0, 1, 1]]
    assert P.R.array[1].T.tolist() == [[-1, -0.5, 2], [0, -1, -1]]


def test_three_agents():
    text = 'NFG 1 R "" { "a" "b" "c" } { 2 1 2 } ' + " ".join(map(str, range(12)))
    assert parse_nfg(text).R.array[:, :, 0].tolist() == [[[0, 6], [3, 9]], [[1, 7], [4, 10]], [[2, 8], [5, 11]]]


def test_names_that_are_missing_or_alike_are_numbers():
    P = parse_nfg('NFG 1 R "" { "" "" } { { "x" "x" } { "u" "v" } } 1 2 3 4 5 6 7 8')
    assert (P.I, P.A) == (("1", "2"), (("1", "2"), ("u", "v")))
    assert parse_nfg('NFG 1 R "" { "" "b" } { { "x" } { "u" } } 1 2').I == ("1", "2")


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize("P", [PrisonersDilemma(), TravelersDilemma(high=9), parse_nfg(NAMES)])
def test_what_is_written_is_read_again(P, outcomes, tmp_path):
    write_nfg(P, tmp_path / "a.nfg", title="a game", outcomes=outcomes)
    Q = read_nfg(tmp_path / "a.nfg")
    np.testing.assert_array_equal(Q.R.array, P.R.array)
    assert tuple(tuple(map(str, Ai)) for Ai in P.A) == Q.A
    assert tuple(map(str, P.I)) == Q.I
    assert nfg_text(Q, title="a game", outcomes=outcomes) == nfg_text(P, title="a game", outcomes=outcomes)


names = st.text(min_size=1, max_size=6).filter(lambda x: x.encode("utf-8", "ignore").decode() == x)


@given(st.data(), st.booleans())
def test_any_game_is_read_as_it_was_written(data, outcomes):
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    n = len(sizes)
    size = n * int(np.prod(sizes))
    numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e300, 1e300))
    R = data.draw(st.lists(numbers, min_size=size, max_size=size))
    A = [data.draw(st.lists(names, min_size=k, max_size=k, unique=True)) for k in sizes]
    P = dm.SimpleGame(1, [f"agent {i}" for i in range(n)], A, np.reshape(R, (n, *sizes)))
    Q = parse_nfg(nfg_text(P, title=data.draw(names), outcomes=outcomes))
    np.testing.assert_array_equal(Q.R.array, P.R.array)
    assert (Q.A, Q.I) == (P.A, P.I)


HEAD = 'NFG 1 R "t" { "a" "b" } { 1 2 } '
WRONG = {
    "": "a:1:1: the file ends where NFG is expected",
    "EFG 2 R": "a:1:1: 'EFG' stands where NFG",
    "NFG 2 R": "a:1:5: '2' stands where the version 1",
    "NFG 1 X": "a:1:7: 'X' stands where R or D",
    "NFG 1 R t": "a:1:9: 't' stands where a title",
    'NFG 1 R "t': "a:1:9: a quoted text does not end",
    'NFG 1 R "t" { }': "at least one agent",
    'NFG 1 R "t" { "a" { 2 }': "a:1:19: '{' stands where the name of an agent in quotes, or }",
    'NFG 1 R "t"\n{ "a" "b" }\n{ 2 }': "a:3:3: actions of 1 agents: must be of 2",
    'NFG 1 R "t" { "a" } { 0 }': "a:1:23: '0': must be a whole number from 1",
    'NFG 1 R "t" { "a" } { { } }': "a:1:23: at least one action",
    'NFG 1 R "t" { "a" } { ²  }': "must be a whole number from 1",
    'NFG 1 R "t" { "a" "b" } { 9999 9999 } 1': "a:1:32: 99,980,001 joint actions of 2 agents are too many",
    'NFG 1 R "t" { "a" } { 9999999999999999999 }': "must be a whole number from 1",
    HEAD + "1 2 3": "the file ends where one of 4 payoffs is expected",
    HEAD + "1 2 3 4 5": "a:1:41: '5' stands where the file should end",
    HEAD + "1 2\n3 x": "a:2:3: 'x': must be a number",
    HEAD + "1 2 3 nan": "'nan': must be a number",
    HEAD + "1 2 3 1_0": "'1_0': must be a number",
    HEAD + "1 2 3 1/0": "'1/0': must be a finite number",
    HEAD + "1 2 3 1e999": "'1e999': must be a finite number",
    HEAD + "1 2 3 1e99999999": "must be a number",
    HEAD + "1 2 3 1/2/3": "must be a number",
    HEAD + "1 2 3 -": "must be a number",
    HEAD + "1 2 3 .": "must be a number",
    HEAD + "1 2 3 ٣": "must be a number",
    HEAD + "1 2 3 " + "9" * 5000: "must be a number",
    HEAD + "{ { 1 } } 1 1": "one of 2 payoffs is expected",
    HEAD + "{ { 1 2 3 } } 1 1": "} is expected",
    HEAD + "{ { 1 2 } } 1 2": "a:1:47: '2': must be a whole number from 0 to 1",
    HEAD + "{ { 1 2 } } 1": "the file ends where the number of an outcome",
    HEAD + "{ 1 2 } 1 1": "an outcome in braces",
    HEAD + "{ { 1 2 }": "the file ends where an outcome in braces",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_with_its_line_and_column(text):
    with pytest.raises(ValueError, match=r"^a:\d+:\d+: ") as error:
        parse_nfg(text, "a")
    assert WRONG[text] in str(error.value)
    assert len(str(error.value)) < 250


@given(st.text(alphabet=' \n"{}\\123/.-eNFGRa,', max_size=40))
def test_any_text_is_a_game_or_a_named_error(text):
    for head in ("", HEAD):
        try:
            parse_nfg(head + text, "a")
        except ValueError as error:
            assert str(error).startswith("a:")  # noqa: PT017


def test_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "a.nfg"
    path.write_bytes(b"NFG 1 R \xff\xfe")
    with pytest.raises(ValueError, match="is no text"):
        read_nfg(path)
    path.write_bytes(b"\xef\xbb\xbf" + PAYOFFS.encode())
    assert read_nfg(path).sizes == (2, 3)
    with pytest.raises(OSError, match=r"b\.nfg"):
        read_nfg(tmp_path / "b.nfg")


def test_many_games_are_no_file():
    with pytest.raises(ValueError, match="batch"):
        nfg_text(dm.SimpleGame.from_arrays(*np.zeros((2, 4, 2, 2))))
    with pytest.raises(TypeError, match="SimpleGame"):
        nfg_text("game")
