"""Policies of α-vectors in files: what is written is read back, and what is no such file is refused by its line."""

import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import (
    AlphaVectorPolicy,
    LookaheadAlphaVectorPolicy,
    alpha_text,
    parse_alpha,
    read_alpha,
    write_alpha,
)
from decision_making.problems import CryingBaby
from tests.test_pomdp import random_pomdp

BABY = CryingBaby()


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 6))
def test_what_is_written_is_read_back_bit_for_bit(seed, n, A, k):
    rng, P = np.random.default_rng(seed), random_pomdp(seed, (n, A, 2))
    π = AlphaVectorPolicy(P, rng.normal(size=(k, n)) * 10.0 ** rng.integers(-9, 9, (k, n)), rng.integers(A, size=k))
    again = parse_alpha(alpha_text(π), P)
    np.testing.assert_array_equal(again.Γ, π.Γ)
    np.testing.assert_array_equal(again.a, π.a)


def test_a_file_as_pomdp_solve_writes_it_is_read(tmp_path):
    path = tmp_path / "baby.alpha"
    path.write_text("0\n-19.674935 -29.674935 \n\n2\n-16.305483 -38.251162 \n\n\n")
    π = read_alpha(path, BABY)
    np.testing.assert_array_equal(π.Γ, [[-19.674935, -29.674935], [-16.305483, -38.251162]])
    assert [int(π([1 - p, p])) for p in (0.28, 0.29)] == [2, 0]
    write_alpha(π, path)
    assert path.read_text() == "0\n-19.674935 -29.674935\n\n2\n-16.305483 -38.251162\n\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x: has no vector"),
        ("\n \n", "x: has no vector"),
        ("0", "x:1: 0 numbers: must be one for each of the problem's 2 states"),
        ("0\n1 2\n\n1", "x:4: 0 numbers"),
        ("3\n1 2", "x:1: '3': must be the number of one of 3 actions"),
        ("-1\n1 2", "x:1: '-1': must be"),
        ("0 1\n1 2", "x:1: '0 1': must be"),
        ("feed\n1 2", "x:1: 'feed': must be"),
        (f"{'9' * 5000}\n1 2", "x:1: '999"),
        ("0\n1 2 3", "x:2: 3 numbers"),
        ("\n0\n1 nan", "x:3: 'nan' stands where a number is expected"),
        ("0\n1 1e999", "x:2: '1e999' stands"),
        ("0\n1 two", "x:2: 'two' stands"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_line(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_alpha(text, BABY, "x")


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.alpha"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no text"):
        read_alpha(path, BABY)
    with pytest.raises(FileNotFoundError):
        read_alpha(tmp_path / "none.alpha", BABY)
    monkeypatch.setattr("decision_making.state_uncertainty.exact_belief_state_planning.alpha_files.MOST", 5)
    assert len(parse_alpha("0\n1 2\n1\n1 2", BABY).Γ) == 2
    with pytest.raises(ValueError, match=r"6 numbers in .*: must be at most 5"):
        parse_alpha("0\n1 2\n" * 3, BABY)


def test_only_vectors_with_actions_are_written():
    π = LookaheadAlphaVectorPolicy(BABY, [[1.0, 2.0]])
    with pytest.raises(TypeError, match="must be an AlphaVectorPolicy"):
        alpha_text(π)
    with pytest.raises(ValueError, match=re.escape("a = None: must be an action for each vector")):
        π.direct()
    known = LookaheadAlphaVectorPolicy(BABY, [[1.0, 2.0]], a=[1], bound="lower")
    assert known.direct().a.tolist() == [1]
    assert known.direct().bound == "lower"
    with pytest.raises(ValueError, match=re.escape("a = 'an array (2,)': must be None, or an action for each of 1")):
        LookaheadAlphaVectorPolicy(BABY, [[1.0, 2.0]], a=[1, 2])


def test_as_many_numbers_as_are_allowed_are_read(monkeypatch):
    text, module = "0\n1 2\n\n2\n3 4\n", "decision_making.state_uncertainty.exact_belief_state_planning.alpha_files"
    monkeypatch.setattr(f"{module}.MOST", 4)
    assert parse_alpha(text, CryingBaby()).Γ.tolist() == [[1, 2], [3, 4]]
    monkeypatch.setattr(f"{module}.MOST", 3)
    with pytest.raises(ValueError, match=r"4 numbers in .*: must be at most 3"):
        parse_alpha(text, CryingBaby())


def test_actions_that_were_whole_floats_are_written_as_numbers_of_actions():
    π = AlphaVectorPolicy(BABY, [[1.0, 0.0], [0.0, 1.0]], [0.0, 2.0])
    assert π([0.0, 1.0]) == 2
    assert π.a.dtype.kind == "i"
    np.testing.assert_array_equal(parse_alpha(alpha_text(π), BABY).a, [0, 2])


def test_a_mark_of_byte_order_is_no_part_of_the_first_number(tmp_path):
    path = tmp_path / "marked.alpha"
    path.write_bytes(b"\xef\xbb\xbf1\n2 3\n")
    assert read_alpha(path, BABY).a == [1]


def test_numbers_are_those_of_the_format_not_of_python():
    for text in ("0\n1_0 1\n", "٠\n1 1\n", "0\n١ 1\n"):
        with pytest.raises(ValueError, match=r"must be the number|where a number"):
            parse_alpha(text, BABY)
