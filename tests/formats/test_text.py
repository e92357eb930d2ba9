"""What the readers of the formats share."""

import math

import pytest

from decision_making.formats import read_nfg
from decision_making.formats.text import is_whole, plain_number, read_text


@pytest.mark.parametrize(
    ("data", "at"),
    [(b"\xff", "1:1"), (b"a\nb\xff", "2:2"), ("é\n\né".encode() + b"\xc3", "3:2"), (b"\xef\xbb\xbfab\xff", "1:3")],
)
def test_what_is_no_text_is_refused_with_line_and_column(tmp_path, data, at):
    path = tmp_path / "a.nfg"
    path.write_bytes(data)
    for read in (read_text, read_nfg):
        with pytest.raises(ValueError, match=rf"a\.nfg:{at}: is no text: the byte 0x.. is not UTF-8"):
            read(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a").write_bytes("\ufeffé".encode())
    assert read_text(tmp_path / "a") == "é"


@pytest.mark.parametrize("text", ["1_0", "\u0661", "nan", "inf", "1e999", "", "x"])
def test_a_number_is_finite_and_in_plain_digits(text):
    assert math.isnan(plain_number(text))
    assert not is_whole(text)
    assert plain_number("-1.5e3") == -1500
    assert is_whole("12")
    assert not is_whole("-1")
