"""The search for the most calls at once, and what ends a probe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calls import LabelledCall, Mark
from benchmarks.capacity import NOISE, Search, Take, fault, paused, rounds_of, violations
from benchmarks.streams import Outcome
from streamer.recordings import LEGS, Recording
from streamer.types import Encoding

RATE = 8000
SECONDS = 2.0


def tried(capacity: int, first: int, most: int) -> tuple[int, list[int]]:
    """Search where exactly `capacity` calls hold."""
    search, numbers = Search(first, most), list[int]()
    while (number := search.next) is not None:
        numbers.append(number)
        search.tell(number, number <= capacity)
    return search.best, numbers


def outcome(*latencies: float, missed: int = 0) -> Outcome:
    told = {f"term {number}": seconds for number, seconds in enumerate(latencies)}
    return Outcome("call.wav", "zh", latencies=told, missed=["missed"] * missed)


def take() -> Take:
    samples = np.full((int(SECONDS * RATE), 2), 0.5, dtype=np.float32)
    marks = (Mark(True, "term", "agent", 1.5), Mark(True, "other", "agent", 1.9), Mark(False, "benign", "agent", 0.5))
    call = LabelledCall(Path("call.wav"), "zh", SECONDS, marks, {"agent": "", "customer": ""})
    return Take(call, Recording(Path("call.wav"), Encoding.MULAW, RATE, LEGS, samples))


class TestTheSearch:
    def test_doubles_then_halves_what_lies_between(self) -> None:
        assert tried(11, 1, 32) == (11, [1, 2, 4, 8, 16, 12, 10, 11])

    def test_stops_at_the_most(self) -> None:
        assert tried(100, 1, 12) == (12, [1, 2, 4, 8, 12])

    def test_goes_down_from_a_first_that_does_not_hold(self) -> None:
        assert tried(5, 8, 32) == (5, [8, 4, 6, 5])

    def test_finds_nothing_where_one_call_is_too_many(self) -> None:
        assert tried(0, 1, 32) == (0, [1])

    @given(st.integers(0, 70), st.integers(1, 70), st.integers(1, 64))
    def test_finds_the_exact_number_and_tries_none_twice(self, capacity: int, first: int, most: int) -> None:
        best, numbers = tried(capacity, first, most)
        assert best == min(capacity, most)
        assert len(numbers) == len(set(numbers)) <= 2 * most.bit_length() + 1
        assert all(1 <= number <= most for number in numbers)


class TestAProbe:
    def test_holds_while_all_that_is_still_to_come_may_be_blocked_at_once(self) -> None:
        assert not fault([], expected=19, bound=1.5, enough=17)
        assert not fault([outcome(9.0)], expected=19, bound=1.5, enough=17)

    def test_is_late_once_that_would_help_no_more(self) -> None:
        assert fault([outcome(9.0), outcome(9.0)], expected=19, bound=1.5, enough=17) == "late"

    def test_is_late_at_the_bound_itself(self) -> None:
        assert fault([outcome(1.5)], expected=1, bound=1.5, enough=1) == "late"
        assert not fault([outcome(1.49)], expected=1, bound=1.5, enough=1)

    def test_has_missed_once_too_few_can_be_blocked(self) -> None:
        assert not fault([outcome(0.5, missed=2)], expected=19, bound=1.5, enough=17)
        assert fault([outcome(0.5, missed=2), outcome(missed=1)], expected=19, bound=1.5, enough=17) == "missed"

    def test_with_nothing_to_block_holds(self) -> None:
        assert not fault([outcome()], expected=0, bound=1.5, enough=0)

    @pytest.mark.parametrize(
        ("share", "at_once", "rounds"), [(1.0, 1, 1), (1.0, 4, 2), (1.0, 8, 4), (0.25, 8, 1), (0.25, 32, 4)]
    )
    def test_lasts_about_as_long_whatever_is_tried(self, share: float, at_once: int, rounds: int) -> None:
        assert rounds_of(28, share, at_once) == rounds

    def test_of_few_calls_measures_two_on_every_line(self) -> None:
        assert rounds_of(5, 0.25, 16) * 5 >= 2 * 16


class TestASmallerShareOfSpeech:
    @pytest.mark.parametrize("share", [1.0, 0.5, 0.25, 0.3])
    def test_is_that_share_of_what_is_sent(self, share: float) -> None:
        quiet = paused(take(), share, np.random.default_rng(1))
        assert quiet.recording.duration == pytest.approx(SECONDS / share, abs=1 / RATE)
        assert quiet.call.duration == quiet.recording.duration

    def test_moves_the_marks_with_the_speech(self) -> None:
        quiet = paused(take(), 0.25, np.random.default_rng(1))
        speech = np.flatnonzero(quiet.recording.samples[:, 0] == 0.5)
        assert len(speech) == SECONDS * RATE
        assert [mark.end - speech[0] / RATE for mark in quiet.call.marks] == pytest.approx([1.5, 1.9, 0.5])

    def test_is_filled_with_faint_noise(self) -> None:
        quiet = paused(take(), 0.25, np.random.default_rng(1)).recording.samples
        noise = quiet[quiet[:, 0] != 0.5]
        assert noise.dtype == np.float32
        assert np.sqrt(np.mean(noise**2)) == pytest.approx(NOISE, rel=0.05)

    def test_holds_the_same_violations(self) -> None:
        assert violations([take(), paused(take(), 0.5, np.random.default_rng(1))]) == 4
