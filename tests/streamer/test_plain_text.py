"""Text from outside on its way to a terminal, a log or a line of JSON."""

from __future__ import annotations

import json
import os
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.plain_text import LONGEST, json_line, plain

ANY_TEXT = st.text(st.characters(codec=None), max_size=80)
# Two halves of a character that happen to meet are one, for whoever reads JSON.
WHOLE_TEXT = st.text(max_size=80) | st.sampled_from(["\ud800", "a\udcb5z"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WHOLE_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WHOLE_TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("客户王芳，来电　3 次 naïve C:\\calls", "客户王芳，来电　3 次 naïve C:\\calls"),
        ("a\nINFO call c-777 is over", "a\\nINFO call c-777 is over"),
        ("\x1b[31mred\x1b[2J", "\\x1b[31mred\\x1b[2J"),
        ("\x9b31m\x7f\r\t\0", "\\x9b31m\\x7f\\r\\t\\x00"),
        ("invoice\u202egpj.exe\u2066\u200f", "invoice\\u202egpj.exe\\u2066\\u200f"),
        ("\u2028\u2029\u200b\ufeff", "\\u2028\\u2029\\u200b\\ufeff"),
        ("\ud800x", "\\ud800x"),
        ("\U000e0041", "\\U000e0041"),
        (os.fsdecode("中文.wav".encode("gbk")), "\\xd6\\xd0\\xce\\xc4.wav"),
    ],
)
def test_what_is_not_visible_is_escaped_and_nothing_else(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(ANY_TEXT)
def test_any_text_can_be_written_and_moves_no_cursor(text: str) -> None:
    shown = plain(text)
    shown.encode()
    assert all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in shown)
    assert plain(shown) == shown


def test_it_is_bounded_however_much_is_escaped() -> None:
    assert len(plain("x" * 10_000_000)) == LONGEST
    assert len(plain("\x1b" * 10_000, 100)) == 100
    assert plain("x" * 10_000, 10) == "xxxxxxxxx…"
    assert plain("x" * 10, 10) == "x" * 10


@given(JSON)
def test_a_line_of_json_shows_everything_and_keeps_its_value(value: Any) -> None:
    line = json_line(value)
    line.encode()
    assert all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in line)
    assert json.loads(line) == value
