"""Where the lines of drawings go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from streamer.scan.report.days import trend
from streamer.scan.report.drawings import NAMED, ROW, chart, stacked, wave
from streamer.scan.report.sound import Clip
from streamer.scan.results import About
from tests.streamer.scan.invented import found, result

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)


def test_a_bar_s_parts_are_laid_end_to_end_the_gravest_first() -> None:
    parts = stacked({"review": 1, "block": 2, "new": 1}, 8)
    assert [(part.severity, part.start, part.size) for part in parts] == [
        ("block", 0.0, 25.0),
        ("review", 25.0, 12.5),
        ("new", 37.5, 12.5),
    ]


class TestAChart:
    @example([3])
    @example([0, 7])
    @given(st.lists(st.integers(0, 250), min_size=1, max_size=12))
    def test_holds_all_its_columns_and_a_scale_with_a_whole_middle(self, counts: list[int]) -> None:
        calls = [
            result(
                about=About(str(day), None, (MONDAY + timedelta(days=day)).isoformat()),
                found=tuple(found(f"v-{n}") for n in range(count)),
            )
            for day, count in enumerate(counts)
        ]
        one = chart(trend(calls, UTC))
        assert one.most >= max(counts)
        assert one.most % 2 == 0
        assert one.most <= max(2, 2.5 * max(counts))
        assert [sum(part.count for part in bar.parts) for bar in one.bars] == counts
        assert all(part.start >= 0 and part.start + part.size <= 100.01 for bar in one.bars for part in bar.parts)
        assert 1 <= sum(bar.named for bar in one.bars) <= NAMED

    def test_of_no_days_has_no_columns(self) -> None:
        assert chart(trend([], UTC)).bars == ()


class TestAWave:
    def test_marks_the_term_where_it_was_said(self) -> None:
        one = wave(Clip(55.0, 66.0, "", ((0.5,) * 220, (0.0,) * 220)), found(start=60.0, end=61.0))
        assert (one.width, one.height) == (220, 2 * ROW)
        assert (one.term_x, one.term_width) == (100.0, 20.0)

    @given(st.floats(0, 100), st.floats(0, 100))
    def test_never_marks_more_than_it_shows(self, start: float, seconds: float) -> None:
        one = wave(Clip(20.0, 30.0, "", ((1.0,) * 200,)), found(start=start, end=start + seconds))
        assert 0 <= one.term_x <= one.width
        assert one.term_width >= 1.0
        assert one.term_x + one.term_width <= one.width + 1.0
