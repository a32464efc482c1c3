"""Samples and calls, summed up by parts of the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.callers import Answer, Made, Manner
from benchmarks.soak import Sample, left_behind, parts
from benchmarks.streams import Outcome

CALM = Sample(at=0.0, live=0, wait=0.0, rss=700.0, handles=18, threads=12, tasks=5, blind=0.0, cpu=3.0)


def samples(length: int) -> list[Sample]:
    """Look once a second at a service that uses half a core and loses a tenth of a second each second."""
    return [
        replace(CALM, at=at, live=at % 3, rss=700 + at, wait=at / 100, blind=at / 10, cpu=3 + at / 2)
        for at in range(length + 1)
    ]


def made(at: float, *latencies: float, missed: int = 0, answer: Answer = Answer.GIVEN) -> Made:
    told = {f"term {number}": seconds for number, seconds in enumerate(latencies)}
    outcome = Outcome("call.wav", "zh", latencies=told, missed=["missed"] * missed)
    return Made(at, Manner.TO_THE_END, answer, outcome=outcome if answer is Answer.GIVEN else None)


class TestParts:
    def test_hold_what_was_seen_in_them(self) -> None:
        first, second = parts(samples(20), [], 20.0, count=2)
        assert (first.until, second.until) == (0.17, 0.33)
        assert (first.rss, second.rss) == (704.5, 715.0)
        assert (first.wait, second.wait) == (0.09, 0.2)
        assert (first.live, first.handles, first.threads, first.tasks) == (1, 18, 12, 5)

    def test_tell_what_was_used_since_the_part_before(self) -> None:
        first, second = parts(samples(20), [], 20.0, count=2)
        assert (first.cores, second.cores) == (0.5, 0.5)
        assert first.blind + second.blind == pytest.approx(2.0)

    def test_count_the_calls_that_ended_in_them_and_the_last_all_that_ended_later(self) -> None:
        calls = [
            made(3, 0.2, 0.4, missed=1),
            made(4, answer=Answer.REFUSED),
            made(12, 1.0),
            made(27, answer=Answer.NONE),
        ]
        first, second = parts(samples(20), calls, 20.0, count=2)
        assert (first.done, first.refused, first.unanswered, first.blocked, first.of) == (2, 1, 0, 2, 3)
        assert (first.p50, first.p95) == (0.3, 0.39)
        assert (second.done, second.refused, second.unanswered, second.blocked, second.of) == (2, 0, 1, 1, 1)

    def test_without_a_sample_are_left_out(self) -> None:
        assert parts([], [made(1)], 20.0) == []
        assert [part.until for part in parts(samples(6), [], 60.0)] == [0.1, 0.2]

    def test_without_a_block_have_no_latency(self) -> None:
        (only,) = parts(samples(5), [made(1)], 5.0, count=1)
        assert (only.p50, only.p95, only.blocked, only.of) == (None, None, 0, 0)


class TestWhatIsLeftBehind:
    def test_is_nothing_when_all_is_as_before_or_less(self) -> None:
        assert left_behind(CALM, replace(CALM, handles=17, rss=900.0)) == []

    def test_is_named(self) -> None:
        left = left_behind(CALM, replace(CALM, live=1, handles=20, tasks=8))
        assert left == ["calls: 1, 0 before", "handles: 20, 18 before", "tasks: 8, 5 before"]

    def test_is_not_known_of_a_service_that_died(self) -> None:
        assert left_behind(CALM, None) == []
