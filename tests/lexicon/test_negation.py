"""What denies a thing, and what only seems to."""

from __future__ import annotations

import pytest

from lexicon.negation import denied


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("我们不能说", "的"),
        ("这不是百分百", ""),
        ("没有", ""),
        ("您是问", "吗"),
        ("", "吗？"),
        ("", "是不可能的"),
        ("谁都不能", ""),
    ],
)
def test_mandarin_is_denied_asked_or_repeated(before: str, after: str) -> None:
    assert denied("zh", before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("您不用担心，我们银行是", "，"),
        ("不但", "而且"),
        ("没问题，", ""),
        ("这个不是存款，", "的"),
        ("不是别的，但", ""),
        ("我跟您说", "的"),
    ],
)
def test_mandarin_only_seems_to_be(before: str, after: str) -> None:
    assert not denied("zh", before, after)


def test_english_is_denied_nearby_and_not_across_a_turn() -> None:
    assert denied("en", " we are not saying it is ", "")
    assert denied("en", " there is no ", "")
    assert not denied("en", " not a deposit but ", "")
    assert not denied("en", " if you do not pay today ", "")
    assert not denied("en", " it is completely ", "")


def test_other_languages_have_no_cues() -> None:
    assert not denied("fr", "ne pas ", "")
