"""Numbers as they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexicon.normalize import fold
from lexicon.numerals import chinese, english


@pytest.mark.parametrize(
    ("number", "zh", "en"),
    [
        ("0", "零", "zero"),
        ("12", "十二", "twelve"),
        ("110", "一百一十", "one hundred ten"),
        ("10086", "一万零八十六", "ten thousand eighty six"),
        ("3500", "三千五百", "three thousand five hundred"),
        ("0571", "零五七一", "zero five seven one"),
        ("6.5", "六点五", "six point five"),
        (
            "1234567890123",
            "一二三四五六七八九零一二三",
            "one two three four five six seven eight nine zero one two three",
        ),
    ],
)
def test_are_said_as_people_say_them(number: str, zh: str, en: str) -> None:
    assert (chinese(number), english(number)) == (zh, en)


@pytest.mark.parametrize("text", ["100%安全", "百分之百安全", "百分百安全", "１００％安全"])
def test_percents_are_one(text: str) -> None:
    assert fold(text, "zh").text == "百分之一百安全"


@given(st.integers(0, 10**12 - 1))
def test_every_number_has_words_and_no_digits(number: int) -> None:
    assert not any(char in "0123456789" for char in chinese(str(number)) + english(str(number)))
