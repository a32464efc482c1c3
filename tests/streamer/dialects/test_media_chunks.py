"""The chunks of a track: in order whatever comes, each once, and nothing waited for without end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dialects.media_chunks import AHEAD, LATE, WINDOW, Chunks
from streamer.types import AudioFrame, Gap

SIZE = 4


def payload(chunk: int) -> bytes:
    return chunk.to_bytes(SIZE, "big")


def chunks(width: int = 1) -> Chunks:
    return Chunks("inbound", "customer", width)


def told(queue: Chunks, numbers: list[int]) -> list[AudioFrame | Gap]:
    events = [event for number in numbers for event in queue.put(number, payload(number))]
    return [*events, *queue.flush()]


def numbers_of(events: list[AudioFrame | Gap]) -> list[int]:
    return [int.from_bytes(event.payload, "big") for event in events if isinstance(event, AudioFrame)]


@st.composite
def shuffled(draw: st.DrawFn) -> list[int]:
    """Chunks of which none is overtaken by as many others as are waited for."""
    count = draw(st.integers(1, 60))
    delays = draw(st.lists(st.integers(0, WINDOW - 1), min_size=count, max_size=count))
    return sorted(range(1, count + 1), key=lambda number: (number + delays[number - 1], number))


class TestATrack:
    @given(shuffled(), st.data())
    def test_is_whole_and_in_order_whatever_the_order_and_however_often_each_comes(
        self, numbers: list[int], data: st.DataObject
    ) -> None:
        queue = chunks()
        events: list[AudioFrame | Gap] = []
        for place, number in enumerate(numbers, 1):
            events += queue.put(number, payload(number))
            for late in data.draw(st.lists(st.sampled_from(numbers[:place]), max_size=3)):
                events += queue.put(late, payload(late))
        events += queue.flush()
        assert numbers_of(events) == sorted(numbers)
        assert not [event for event in events if isinstance(event, Gap)]
        assert [event.position for event in events if isinstance(event, AudioFrame)] == [
            SIZE * number for number in range(len(numbers))
        ]

    @given(st.sets(st.integers(1, 80), min_size=1))
    def test_has_a_gap_of_the_right_size_for_what_never_comes(self, came: set[int]) -> None:
        events = told(chunks(), sorted({*came, 1}))
        at = 0
        for event in events:
            if isinstance(event, Gap):
                at += event.samples
            else:
                assert event.position == at
                assert at == SIZE * (int.from_bytes(event.payload, "big") - 1)
                at += SIZE
        assert numbers_of(events) == sorted({*came, 1})

    def test_waits_for_one_that_is_missing_no_longer_than_the_window(self) -> None:
        queue = chunks()
        queue.put(1, payload(1))
        for number in range(3, 3 + WINDOW):
            assert queue.put(number, payload(number)) == []
        gap, *rest = queue.put(3 + WINDOW, payload(3 + WINDOW))
        assert gap == Gap("customer", SIZE, "chunks of the inbound track never came: 1 from 2 on")
        assert numbers_of(rest) == list(range(3, 4 + WINDOW))
        assert queue.put(2, payload(2)) == []
        assert numbers_of(queue.put(4 + WINDOW, payload(4 + WINDOW))) == [4 + WINDOW]

    def test_that_is_lost_at_its_very_beginning_is_measured_by_what_comes(self) -> None:
        first, *rest = told(chunks(), [3, 4])
        assert first == Gap("customer", 2 * SIZE, "chunks of the inbound track never came: 2 from 1 on")
        assert numbers_of(rest) == [3, 4]

    def test_counts_samples_of_two_bytes(self) -> None:
        events = told(chunks(2), [1, 3])
        assert events == [
            AudioFrame("customer", 0, payload(1)),
            Gap("customer", 2, "chunks of the inbound track never came: 1 from 2 on"),
            AudioFrame("customer", 4, payload(3)),
        ]

    def test_may_be_numbered_from_nothing(self) -> None:
        assert numbers_of(told(chunks(), [0, 1, 2])) == [0, 1, 2]

    def test_that_was_numbered_before_it_was_streamed_has_lost_nothing(self) -> None:
        assert [type(event) for event in told(chunks(), [5000, 5001])] == [AudioFrame, AudioFrame]

    def test_that_begins_to_count_anew_goes_on(self) -> None:
        queue = chunks()
        before = [event for number in range(1, LATE + 3) for event in queue.put(number, payload(number))]
        events = told(queue, [1, 2])
        assert numbers_of(events) == [1, 2]
        frame = events[0]
        assert isinstance(frame, AudioFrame)
        assert frame.position == SIZE * len(before)

    def test_that_jumps_further_than_can_be_lost_goes_on_from_there_after_what_was_held(self) -> None:
        queue = chunks()
        queue.put(1, payload(1))
        queue.put(3, payload(3))
        events = queue.put(AHEAD + 1000, payload(9))
        assert [type(event) for event in events] == [Gap, AudioFrame, AudioFrame]
        assert queue.due == AHEAD + 1001

    def test_without_numbers_is_taken_as_it_comes(self) -> None:
        queue = chunks()
        events = [event for number in range(4) for event in queue.put(None, payload(number))]
        assert numbers_of(events) == [0, 1, 2, 3]

    def test_of_empty_chunks_has_neither_frames_nor_gaps(self) -> None:
        queue = chunks()
        assert queue.put(1, b"") == []
        assert [queue.put(3, b""), queue.flush()] == [[], []]
        assert numbers_of(queue.put(4, payload(4))) == [4]

    @given(st.lists(st.none() | st.integers(0, 40) | st.integers(0, 10**15 - 1), max_size=80))
    @settings(max_examples=300)
    def test_of_any_numbers_holds_little_and_never_goes_back(self, numbers: list[int | None]) -> None:
        queue = chunks()
        at = 0
        for number in numbers:
            for event in queue.put(number, b"abcd"):
                if isinstance(event, AudioFrame):
                    assert event.position == at
                    at += SIZE
                else:
                    assert 0 < event.samples <= AHEAD * SIZE
                    at += event.samples
            assert len(queue.held) <= WINDOW
        queue.flush()
        assert not queue.held
