"""What a platform's clock says of audio that never came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.dialects.media_chunks import READINGS, Chunks
from streamer.dialects.platform_clock import LEAST, PlatformClock
from streamer.types import AudioFrame, Gap
from tests.streamer.dialects.audiohook_client import opened

CHUNK = bytes(160)


def lost(chunks: Chunks, stamps: list[int | None], first: int = 1) -> float:
    """Give seconds told as lost of chunks of 20 ms with these times, numbered without a gap."""
    given = [event for number, stamp in enumerate(stamps, first) for event in chunks.put(number, CHUNK, stamp)]
    position = 0
    for event in given:
        if isinstance(event, AudioFrame):
            assert event.position == position
            position += 160
        else:
            position += event.samples
    return sum(event.samples for event in given if isinstance(event, Gap)) / 8000


def stamps(begin: int, number: int) -> list[int | None]:
    return [begin + 20 * chunk for chunk in range(number)]


class TestAStallOfTheStream:
    @pytest.mark.parametrize("seconds", [1, 5, 26, 60, 61, 3600])
    def test_without_a_missing_number_is_told_by_the_time(self, seconds: int) -> None:
        times = stamps(0, 100) + stamps(2000 + 1000 * seconds, 100)
        assert lost(Chunks("inbound", "customer", 1), times) == seconds

    @pytest.mark.parametrize("seconds", [1, 59, 61, 600])
    def test_with_missing_numbers_is_told_once(self, seconds: int) -> None:
        chunks = Chunks("inbound", "customer", 1)
        assert lost(chunks, stamps(0, 100)) == 0
        missing = 50 * seconds
        given = [
            event
            for number, stamp in enumerate(stamps(2000 + 1000 * seconds, 100), 101 + missing)
            for event in chunks.put(number, CHUNK, stamp)
        ]
        assert sum(event.samples for event in given if isinstance(event, Gap)) == seconds * 8000

    def test_after_which_everything_comes_in_a_burst_loses_nothing(self) -> None:
        # A platform that stamps when it sends: five seconds late, and then all at once.
        late: list[int | None] = [7000 + chunk for chunk in range(250)]
        assert lost(Chunks("inbound", "customer", 1), [*stamps(0, 100), *late, *stamps(7250, 100)]) == 0

    @pytest.mark.parametrize("times", [[1000] * 200, [*range(10_000, 0, -50)], [None] * 200, [1_705_312_200_000] * 99])
    def test_is_none_where_the_clock_stands_goes_back_or_is_not_there(self, times: list[int | None]) -> None:
        assert lost(Chunks("inbound", "customer", 1), times) == 0

    def test_is_seen_after_the_clock_began_anew(self) -> None:
        times = stamps(500_000, 50) + stamps(0, 50) + stamps(1000 + 5000, 50)
        assert lost(Chunks("inbound", "customer", 1), times) == 5

    def test_is_no_matter_of_one_odd_stamp(self) -> None:
        times = [*stamps(0, 50), 10**14, *stamps(1020, 50)]
        assert lost(Chunks("inbound", "customer", 1), times) == 0

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(READINGS, 80)), max_size=8), st.integers(0, 10**13))
    def test_sums_to_what_the_clock_says_however_often_it_happens(
        self, stalls: list[tuple[int, int]], begin: int
    ) -> None:
        times, now = stamps(begin, 30), begin + 600
        for seconds, number in stalls:
            now += 1000 * seconds
            times += stamps(now, number)
            now += 20 * number
        assert lost(Chunks("inbound", "customer", 1), times) == sum(seconds for seconds, _ in stalls)


class TestAudioHooksPosition:
    def test_that_is_ahead_of_the_audio_tells_what_never_came(self) -> None:
        client, _ = opened()
        client.dialect.receive_binary(b"\1\2" * 8000)
        client.say("ping", position="PT1S")
        client.dialect.receive_binary(b"\1\2" * 8000)
        assert not any(isinstance(event, Gap) for event in client.say("ping", position="PT9S"))
        client.dialect.receive_binary(b"\1\2" * 8000)
        gaps = [event for event in client.say("ping", position="PT10S") if isinstance(event, Gap)]
        assert [(gap.channel, gap.samples) for gap in gaps] == [("customer", 56_000), ("agent", 56_000)]
        client.dialect.receive_binary(b"\1\2" * 8000)
        for position in ("PT11S", "PT11S", "PT1S", "PT1S"):
            assert not any(isinstance(event, Gap) for event in client.say("ping", position=position))

    def test_that_audio_on_its_way_catches_up_with_tells_nothing(self) -> None:
        client, _ = opened()
        for second in range(4, 24, 4):
            assert not any(isinstance(event, Gap) for event in client.say("ping", position=f"PT{second}S"))
            client.dialect.receive_binary(b"\1\2" * 8000 * 4)
            assert not any(isinstance(event, Gap) for event in client.say("ping", position=f"PT{second}S"))

    def test_of_what_was_discarded_twice_counts_once(self) -> None:
        client, _ = opened()
        discards = [("PT1S", "PT2S"), ("PT1S", "PT2S"), ("PT2S", "PT2S"), ("PT0S", "PT1S")]
        gaps = [
            event.samples
            for start, discarded in discards
            for event in client.say("discarded", {"start": start, "discarded": discarded})
            if isinstance(event, Gap) and event.channel == "agent"
        ]
        assert gaps == [16_000, 8000]


class TestAClock:
    @given(st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(0, 1e6)), max_size=60))
    def test_never_finds_less_than_nothing(self, readings: list[tuple[float, float]]) -> None:
        clock = PlatformClock(3, 0.1)
        for told, heard in readings:
            missing = clock.missing(told, heard)
            assert missing == 0 or missing >= LEAST
