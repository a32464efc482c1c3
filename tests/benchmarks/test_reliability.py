"""Confidence held against the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.phrases import Found, Judged
from benchmarks.reliability import (
    BANDS,
    UNWRITTEN,
    WRITTEN,
    Told,
    bands,
    by_kind,
    draw,
    error,
    told_of,
    where_said_oftener,
)

FOUND = Found("a.wav", "p-1", "临界值", "agent", 4.2, 5.1, True, 0.9)


def told(*confidences: float, said: bool = True, written: bool = True) -> list[Told]:
    return [Told(confidence, said, written) for confidence in confidences]


class TestWhatIsTold:
    def test_is_all_that_was_found_and_what_was_said_unmarked_was_said(self) -> None:
        unmarked, false = replace(FOUND, confidence=0.6, written=True), replace(FOUND, confidence=0.3, blocked=False)
        judged = Judged((), (FOUND,), (false,), (unmarked,), 1.0)
        assert told_of([judged, judged]) == 2 * [
            Told(0.9, said=True, written=False),
            Told(0.6, said=True, written=True),
            Told(0.3, said=False, written=False),
        ]

    def test_is_told_apart_by_whether_the_text_has_it(self) -> None:
        both = [*told(0.9), *told(0.8, written=False)]
        assert by_kind(both) == {WRITTEN: both[:1], UNWRITTEN: both[1:]}


class TestBands:
    def test_hold_what_is_as_sure_and_how_much_of_it_was_said(self) -> None:
        some = bands([*told(0.72, 0.78), *told(0.75, said=False), *told(0.1)])
        assert [(band.low, band.said.some, band.said.of) for band in some] == [(0.1, 1, 1), (0.7, 2, 3)]
        assert some[1].confidence == pytest.approx(0.75)

    @pytest.mark.parametrize("tenths", range(BANDS))
    def test_begin_with_what_they_are_named_for(self, tenths: int) -> None:
        (band,) = bands(told(tenths / 10))
        assert band.low == tenths / 10

    def test_end_with_what_is_certain(self) -> None:
        (band,) = bands(told(0.95, 1.0))
        assert (band.low, band.said.of) == (0.9, 2)

    @given(st.lists(st.builds(Told, st.floats(0, 1), st.booleans(), st.booleans())))
    def test_hold_each_once_between_their_bounds(self, some: list[Told]) -> None:
        found = bands(some)
        assert sum(band.said.of for band in found) == len(some)
        assert all(band.low - 1e-9 <= band.confidence <= band.high + 1e-9 for band in found)


class TestTheError:
    def test_is_what_confidence_and_truth_are_apart_weighed_by_how_many_there_are(self) -> None:
        some = [*told(0.95, 0.95, 0.95), *told(0.25, said=False)]
        assert error(some) == pytest.approx((3 * 0.05 + 0.25) / 4)

    def test_of_nothing_is_none(self) -> None:
        assert error([]) == 0.0


def test_the_picture_tells_of_both_kinds_and_counts_all(tmp_path: Path) -> None:
    picture = tmp_path / "reliability.svg"
    some = [*told(*[0.95] * 7), *told(0.15, 0.15, said=False, written=False), *told(0.55, written=False)]
    draw(some, "zh", 6.6, picture)
    # Letters are drawn as outlines, with the text in a comment.
    comments = picture.read_text(encoding="utf-8")
    assert f"{WRITTEN} (7 found" in comments
    assert f"{UNWRITTEN} (3 found" in comments
    assert "said 66 times as often" in comments


def test_where_a_phrase_is_said_oftener_as_many_false_ones_are_a_smaller_share() -> None:
    # Of ten, two are false; where eight times as many are said, of 66.
    assert where_said_oftener(0.8, 8) == pytest.approx(64 / 66)
    assert [where_said_oftener(sure, 5) for sure in (0.0, 1.0)] == [0.0, 1.0]
