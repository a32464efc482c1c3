"""Metadata are cut to what is kept of them, and say so; they are never refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.dialects.metadata import BYTES, CUT, DEPTH, ELLIPSIS, NAMES, TEXT, bounded, too_deep

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=60,
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


class TestMetadata:
    def test_that_are_small_are_kept_as_they_are(self) -> None:
        metadata = {"campaign": "春", "tags": ["a", 1, 2.5, True, None], "of": {"x": {"y": []}}}
        assert bounded(metadata) == (metadata, [])

    @pytest.mark.parametrize(
        ("value", "passed"),
        [
            (nested(DEPTH), "depth"),
            (nested(900), "depth"),
            ("x" * (TEXT + 1), "text"),
            ("保" * 900_000, "text"),
            (["x" * 1000] * 100, "bytes"),
            ({"y" * 1000: 1}, "text"),
            ({str(number): 1 for number in range(NAMES + 1)}, "names"),
            ([1] * 100_000, "names"),
            ("\ud800", "value"),
            ({"\udfff": 1}, "value"),
            (float("inf"), "value"),
            (float("nan"), "value"),
        ],
    )
    def test_that_are_too_much_are_cut_and_say_so(self, value: Any, passed: str) -> None:
        kept, told = bounded({"x": value})
        assert passed in told
        assert kept[CUT] == told

    def test_are_cut_where_a_text_is_and_show_it(self) -> None:
        kept, _ = bounded({"x": "a" * 2000})
        assert kept["x"] == "a" * (TEXT - 1) + ELLIPSIS

    def test_keep_who_the_agent_is_whatever_else_has_to_go(self) -> None:
        kept, told = bounded({**{f"x{number}": "y" * 1000 for number in range(500)}, "agent": "Li"})
        assert (kept["agent"], told) == ("Li", ["bytes"])

    def test_may_use_the_name_of_the_mark(self) -> None:
        assert bounded({CUT: 5}) == ({CUT: 5}, [])

    @given(st.dictionaries(st.text(), VALUES))
    def test_are_always_within_the_bounds(self, metadata: dict[str, Any]) -> None:
        kept, passed = bounded(metadata)
        written = json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
        assert len(written) <= BYTES + 200
        assert depth_of(kept) <= DEPTH
        assert bounded(kept)[0] == kept
        if not passed:
            assert json.loads(written) == json.loads(json.dumps(metadata))

    @given(st.lists(st.text(max_size=3000), max_size=300), st.integers(0, 40))
    def test_are_bounded_in_size_however_large_they_come(self, texts: list[str], depth: int) -> None:
        value: Any = texts
        for _ in range(depth):
            value = {"in": value, "beside": texts[:3]}
        kept, _ = bounded({"x": value})
        assert len(json.dumps(kept, ensure_ascii=False).encode()) <= BYTES + 200


@given(VALUES, st.integers(0, 4))
def test_is_too_deep_what_has_more_within_each_other(value: Any, left: int) -> None:
    assert too_deep(value, left) == (depth_of(value) > left)


def test_however_deep_it_is_that_is_told() -> None:
    assert too_deep(nested(900))
