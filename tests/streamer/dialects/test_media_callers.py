"""Twilio, SignalWire, Telnyx and Plivo in small, heard by the machine."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.callers.caller import Placed, Refused
from streamer.callers.media_streams import MediaStreamsCaller
from streamer.callers.plivo import PlivoCaller
from streamer.callers.signalwire import SignalWireCaller
from streamer.callers.telnyx import TelnyxCaller
from streamer.callers.twilio import TwilioCaller
from streamer.callers.twilio import callers as twilio_callers
from streamer.errors import OutOfOrder
from streamer.types import AudioFrame, CallStarted, CallStopped, SignIn, Started
from tests.streamer.dialects.media_messages import (
    BY_NAME,
    opened,
    said,
)


def caller_of(name: str, placed: Placed) -> MediaStreamsCaller:
    made = {"twilio": TwilioCaller, "signalwire": SignalWireCaller, "telnyx": TelnyxCaller}
    return PlivoCaller(placed, 1.7e9, "1") if name == "plivo" else made[name](placed)


class TestACaller:
    @given(
        st.sampled_from(sorted(BY_NAME)),
        st.sampled_from([("agent",), ("customer",), ("agent", "customer"), ("customer", "agent")]),
        st.binary(max_size=4000),
        st.integers(1, 400),
        st.sampled_from([None, "zh"]),
    )
    @settings(max_examples=60)
    def test_is_heard_as_it_spoke(
        self, name: str, channels: tuple[str, ...], audio: bytes, size: int, language: str | None
    ) -> None:
        caller = caller_of(name, Placed("c-1", channels, language, {"token": "hz_secret"}))
        unit = caller.encoding.width * len(channels)
        audio = audio[: len(audio) // unit * unit]
        query = caller.query()
        dialect = opened(name, query)
        sign_in, start = said(dialect, *[str(message) for message in caller.begin()])
        assert sign_in == SignIn("hz_secret")
        assert isinstance(start, CallStarted)
        assert set(start.channels) == set(channels)
        assert (start.call_id, start.encoding, start.sample_rate) == ("c-1", caller.encoding, caller.sample_rate)
        assert (start.language, start.metadata.get("token")) == (language, None)
        assert {key: start.names[key] for key in caller.names} == caller.names
        heard = dict.fromkeys(channels, b"")
        for at in range(0, len(audio), size * unit):
            for event in said(dialect, *[str(message) for message in caller.audio(audio[at : at + size * unit])]):
                assert isinstance(event, AudioFrame)
                assert event.position * caller.encoding.width == len(heard[event.channel])
                heard[event.channel] += event.payload
        width = caller.encoding.width
        samples = [audio[i : i + width] for i in range(0, len(audio), width)]
        for number, channel in enumerate(channels):
            assert heard[channel] == b"".join(samples[number :: len(channels)])
        ended = said(dialect, *[str(message) for message in caller.end()]) or dialect.connection_lost()
        assert ended == [CallStopped("connection lost" if name == "plivo" else "stop")]
        assert caller.over

    @pytest.mark.parametrize("name", sorted(BY_NAME))
    def test_takes_nothing_and_is_told_nothing(self, name: str) -> None:
        dialect = opened(name)
        assert dialect.send(Started("zh@1", "base")) is None
        assert dialect.send_error(OutOfOrder("no")) is None
        with pytest.raises(Refused):
            caller_of(name, Placed("c")).receive('{"event": "clear"}')

    def test_refuses_half_a_sample(self) -> None:
        with pytest.raises(ValueError, match="no multiple of 4"):
            caller_of("plivo", Placed("c")).audio(b"abc")

    def test_is_one_for_a_call(self) -> None:
        (caller,) = twilio_callers(Placed("CA1"))
        assert (caller.names["call"], caller.tracks) == ("CA1", ("outbound", "inbound"))
