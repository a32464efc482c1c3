"""Whatever is told can be encoded, and what is fit stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.cleaning import DEEPEST, LEFT_OUT, clean, clean_text

_FIT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), inner)
    ),
    max_leaves=20,
)
_ANY = st.recursive(
    st.none() | st.floats() | st.text(st.characters()) | st.binary() | st.just(object()) | st.complex_numbers(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(_FIT)
def test_what_is_fit_stays_as_it_is(value: object) -> None:
    assert clean(value) == value


@given(_ANY)
def test_whatever_comes_can_be_encoded(value: object) -> None:
    text = json.dumps(clean(value), ensure_ascii=False, allow_nan=False)
    assert "\0" not in text.encode().decode()


@pytest.mark.parametrize(
    ("text", "cleaned"), [("保本", "保本"), ("a\udcffb", "a\ufffdb"), ("\0", "\ufffd"), ("😀", "😀")]
)
def test_text_loses_only_what_is_unfit(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_what_is_too_deep_is_left_out() -> None:
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    shallow = clean(deep)
    assert json.dumps(shallow, ensure_ascii=False).count("[") == DEEPEST
    assert LEFT_OUT in json.dumps(shallow, ensure_ascii=False)


def test_what_has_no_text_of_its_own_is_told_by_its_type() -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert clean({"detail": Mute()}) == {"detail": "Mute"}
