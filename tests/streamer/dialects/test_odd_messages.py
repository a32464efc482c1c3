"""Odd messages in mid-call, in every dialect: the audio before and after them is heard, and none is heard twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dialects.audiohook import AudiohookDialect, AudiohookSettings
from streamer.dialects.dialect import Dialect, Upgrade
from streamer.dialects.events import Failed, Incoming, Skipped
from streamer.dialects.freeswitch import FreeSwitchDialect, FreeSwitchSettings
from streamer.dialects.guard import IN_A_ROW
from streamer.dialects.jambonz import JambonzDialect, JambonzSettings
from streamer.dialects.native import NativeDialect
from streamer.dialects.vonage import VonageDialect, VonageSettings
from streamer.errors import Unintelligible
from streamer.types import AudioFrame, CallStarted, CallStopped, Gap
from tests.streamer.dialects.audiohook_client import HEADERS, OPEN
from tests.streamer.dialects.media_messages import BOTH, PLIVO_START, TELNYX_START, opened

LIMIT = 4096
MARK = [bytes([number]) * 160 for number in range(1, 60)]
"""Audio that can be told from all other, of 160 bytes: whole samples in every format here."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A dialect in which a call has begun, and how its audio is written."""

    begin: Callable[[], Dialect]
    start: str
    audio: Callable[[int], str | bytes]
    channel: str


def _media(number: int) -> str:
    media = {"track": "inbound", "chunk": number + 1, "payload": base64.b64encode(MARK[number]).decode()}
    return json.dumps({"event": "media", "media": media})


UPGRADE = Upgrade("/", {"uuid": "u-1", "rate": "8000", "mix": "mono"})
SPEAKERS = {
    "native": Speaker(
        lambda: NativeDialect(LIMIT),
        '{"type":"start","call_id":"c","encoding":"pcm_s16le","sample_rate":8000}',
        MARK.__getitem__,
        "agent",
    ),
    "freeswitch": Speaker(
        lambda: FreeSwitchDialect(UPGRADE, FreeSwitchSettings(), LIMIT), "{}", MARK.__getitem__, "agent"
    ),
    "jambonz": Speaker(
        lambda: JambonzDialect(Upgrade("/"), JambonzSettings(), LIMIT),
        '{"callSid":"c","sampleRate":8000,"mixType":"mono"}',
        MARK.__getitem__,
        "agent",
    ),
    "vonage": Speaker(
        lambda: VonageDialect(Upgrade("/"), VonageSettings(), LIMIT),
        '{"event":"websocket:connected","content-type":"audio/l16;rate=8000","call":"c"}',
        MARK.__getitem__,
        "agent",
    ),
    "audiohook": Speaker(
        lambda: AudiohookDialect(Upgrade("/", headers=HEADERS), AudiohookSettings(), LIMIT),
        OPEN.replace('{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000},', "").replace(
            '{"type":"audio","format":"PCMU","channels":["external"],"rate":8000},', ""
        ),
        MARK.__getitem__,
        "agent",
    ),
    **{
        name: Speaker(lambda name=name: opened(name), json.dumps(start), _media, "customer")  # type: ignore[misc]
        for name, start in (("twilio", BOTH), ("signalwire", BOTH), ("telnyx", TELNYX_START), ("plivo", PLIVO_START))
    },
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from(["event", "type", "start", "media", "parameters", "version", "id", "seq", "streamSid", "x"]),
    JSON | st.sampled_from(["media", "start", "connected", "ping", "update", {"track": "inbound"}, {"payload": "AAA"}]),
    min_size=1,
)
# What the platforms say by themselves in mid-call (a stop, a pause, a discard) is not odd.
ODD = (
    st.text(max_size=30).filter(lambda text: '"stop"' not in text)
    | FIELDS.map(json.dumps)
    | JSON.map(json.dumps)
    | st.just("[" * 3000)
    | st.just("x" * (LIMIT + 1))
    | st.just('{"event":"media","media":{"chunk":"1","payload":"AAAA"}}')
    | st.just(b"\0" * (LIMIT + 2))
    | st.just(b"\0" * 159)
)


def take(dialect: Dialect, message: str | bytes) -> list[Incoming]:
    return dialect.receive_text(message) if isinstance(message, str) else dialect.receive_binary(message)


def begun(platform: str) -> tuple[Speaker, Dialect]:
    speaker = SPEAKERS[platform]
    dialect = speaker.begin()
    assert any(isinstance(event, CallStarted) for event in take(dialect, speaker.start))
    return speaker, dialect


def heard(events: Sequence[Incoming], channel: str) -> list[bytes]:
    frames = [event for event in events if isinstance(event, AudioFrame) and event.channel == channel]
    return [frame.payload for frame in frames if frame.payload in MARK]


@pytest.mark.parametrize("platform", SPEAKERS)
class TestAnOddMessage:
    @given(data=st.data())
    @settings(max_examples=60)
    def test_leaves_the_audio_before_and_after_it_heard(self, platform: str, data: st.DataObject) -> None:
        speaker, dialect = begun(platform)
        events: list[Incoming] = []
        number = 0
        for message in data.draw(st.lists(ODD, max_size=20)):
            events += take(dialect, speaker.audio(number))
            number += 1
            events += take(dialect, message)
        events += take(dialect, speaker.audio(number))
        events += dialect.connection_lost()
        assert not any(isinstance(event, Failed) for event in events)
        assert heard(events, speaker.channel) == MARK[: number + 1]
        assert sum(isinstance(event, CallStopped) for event in events) == 1
        positions: dict[str, int] = {}
        for event in events:
            if isinstance(event, AudioFrame | Gap):
                at = positions.setdefault(event.channel, 0)
                if isinstance(event, AudioFrame):
                    assert event.position == at
                    width = 2 if platform in {"native", "freeswitch", "jambonz", "vonage"} else 1
                    positions[event.channel] += len(event.payload) // width
                else:
                    positions[event.channel] += event.samples

    @pytest.mark.parametrize("message", ["{", "\ud800", "x" * (LIMIT + 1), b"\0" * (LIMIT + 2)])
    def test_of_which_there_are_only_such_ends_the_call_at_last(self, platform: str, message: str | bytes) -> None:
        _, dialect = begun(platform)
        if platform == "freeswitch" and message in {"{", "\ud800"}:
            # Whatever somebody has sent along the way is let pass there.
            assert [event for _ in range(2 * IN_A_ROW) for event in take(dialect, message)] == []
            return
        if platform in {"twilio", "signalwire", "telnyx", "plivo"} and len(message) > 1:
            message = message * 20
        for _ in range(IN_A_ROW - 1):
            assert sum(isinstance(event, Skipped) for event in take(dialect, message)) == 1
        (failed,) = [event for event in take(dialect, message) if isinstance(event, Failed)]
        assert isinstance(failed.error, Unintelligible)
        assert take(dialect, message) == []

    def test_among_good_ones_never_ends_it(self, platform: str) -> None:
        speaker, dialect = begun(platform)
        for number in range(3 * IN_A_ROW):
            assert not any(isinstance(event, Failed) for event in take(dialect, "null"))
            take(dialect, speaker.audio(number % len(MARK)))
        assert dialect.connection_lost()[-1] == CallStopped("connection lost")


class TestAudioInAnOddMessage:
    @pytest.mark.parametrize("platform", ["native", "freeswitch", "jambonz", "vonage"])
    @pytest.mark.parametrize(("length", "samples"), [(1, 0), (159, 79), (LIMIT + 1, LIMIT // 2)])
    def test_is_told_as_lost(self, platform: str, length: int, samples: int) -> None:
        speaker, dialect = begun(platform)
        gaps = [event for event in take(dialect, b"\0" * length) if isinstance(event, Gap)]
        assert [gap.samples for gap in gaps] == ([samples] if samples else [])
        (frame,) = take(dialect, speaker.audio(0))
        assert isinstance(frame, AudioFrame)
        assert frame.position == samples

    def test_in_a_pause_of_genesys_cloud_is_none(self) -> None:
        _, dialect = begun("audiohook")
        fields: dict[str, Any] = json.loads(OPEN)
        dialect.receive_text(json.dumps({**fields, "type": "paused", "seq": 2, "serverseq": 1, "parameters": {}}))
        assert [type(event) for event in dialect.receive_binary(b"\0" * (LIMIT + 2))] == [Skipped]

    def test_of_a_stream_of_one_track_needs_no_track(self) -> None:
        dialect = opened("plivo")
        dialect.receive_text(json.dumps(PLIVO_START))
        message = json.loads(_media(0))
        del message["media"]["track"]
        assert dialect.receive_text(json.dumps(message)) == [AudioFrame("customer", 0, MARK[0])]
