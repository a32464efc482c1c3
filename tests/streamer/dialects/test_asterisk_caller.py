"""Asterisk in small, beside the machine that it calls."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.callers.asterisk import AsteriskCaller, callers
from streamer.callers.caller import Placed, Refused
from streamer.dialects.asterisk import PLATFORM
from streamer.dialects.dialect import Upgrade
from streamer.types import AudioFrame, CallStarted
from tests.streamer.dialects.asterisk_messages import (
    LIMIT,
    SECTION,
    started,
)

PLACED = Placed("c-1", language="zh", secrets={"username": "pbx", "password": "media-secret"})


class TestTheCaller:
    @pytest.mark.parametrize("as_json", [False, True])
    @given(audio=st.binary(max_size=1000))
    def test_and_the_service_hear_the_same(self, as_json: bool, audio: bytes) -> None:
        for leg in PLACED.channels:
            caller = AsteriskCaller(PLACED, leg, as_json=as_json)
            dial = caller.dial("ws://127.0.0.1:8765")
            url = urlsplit(dial.url)
            upgrade = Upgrade(
                f"{url.path}?{url.query}",
                dict(parse_qsl(url.query)),
                {name.lower(): value for name, value in dial.headers.items()},
            )
            assert as_json is not bool(url.query)
            section = SECTION
            assert upgrade.path == PLATFORM.path
            assert dial.subprotocol in PLATFORM.subprotocols
            assert PLATFORM.admit(upgrade, section, 0.0) is None
            machine = PLATFORM.dialect(upgrade, section, LIMIT)
            chunks = [audio[at : at + 160] for at in range(0, len(audio), 160)]
            messages = [
                *caller.begin(),
                *(message for chunk in chunks for message in caller.audio(chunk)),
                *caller.end(),
            ]
            events = [
                event
                for message in messages
                for event in (
                    machine.receive_text(message) if isinstance(message, str) else machine.receive_binary(message)
                )
            ]
            assert events[0] == CallStarted(
                "c-1",
                caller.encoding,
                caller.sample_rate,
                caller.channels,
                "zh",
                platform="asterisk",
                names={"agent": "c-1-agent", "customer": "c-1-customer"},
                joins=True,
            )
            assert b"".join(event.payload for event in events[1:] if isinstance(event, AudioFrame)) == audio
            assert caller.over

    def test_dials_once_for_each_leg(self) -> None:
        assert [caller.channels for caller in callers(PLACED)] == [("agent",), ("customer",)]

    @pytest.mark.parametrize(
        ("as_json", "command", "answer"),
        [
            (False, "MARK_MEDIA m1", ["MEDIA_MARK_PROCESSED m1"]),
            (False, "STOP_MEDIA_BUFFERING", ["MEDIA_BUFFERING_COMPLETED"]),
            (False, "REPORT_QUEUE_DRAINED", ["QUEUE_DRAINED"]),
            (False, "PAUSE_MEDIA", []),
            (
                True,
                '{"command":"MARK_MEDIA","correlation_id":"m1"}',
                ['{"event":"MEDIA_MARK_PROCESSED","channel_id":"c-1-agent-media","correlation_id":"m1"}'],
            ),
            (True, '{"command": "ANSWER"}', []),
        ],
    )
    def test_carries_commands_out(self, as_json: bool, command: str, answer: list[str]) -> None:
        assert list(AsteriskCaller(PLACED, "agent", as_json=as_json).receive(command)) == answer

    @pytest.mark.parametrize("as_json", [False, True])
    def test_answers_what_the_service_can_read(self, as_json: bool) -> None:
        caller = AsteriskCaller(PLACED, "agent", as_json=as_json)
        (said,) = caller.receive('{"command":"GET_STATUS"}' if as_json else "GET_STATUS")
        assert isinstance(said, str)
        assert "queue_length" in said
        assert started().receive_text(said) == []

    def test_hangs_up_its_own_channel(self) -> None:
        caller = AsteriskCaller(PLACED, "agent", as_json=False)
        assert not caller.over
        assert caller.receive("HANGUP") == []
        assert caller.over

    @pytest.mark.parametrize(
        ("as_json", "message"),
        [
            (False, "hangup"),
            (False, ""),
            (False, "MARK_MEDIA " + "x" * 128),
            (False, '{"type":"started"}'),
            (True, "HANGUP"),
            (True, '["HANGUP"]'),
            (True, '{"type":"started"}'),
            (False, b"\0" * 161),
            (False, b"\0" * 65_600),
        ],
    )
    def test_refuses_what_asterisk_would_not_take(self, as_json: bool, message: str | bytes) -> None:
        with pytest.raises(Refused):
            AsteriskCaller(PLACED, "agent", as_json=as_json).receive(message)

    def test_takes_audio_of_whole_frames_and_of_any_length_while_it_buffers(self) -> None:
        caller = AsteriskCaller(PLACED, "agent", as_json=False)
        assert caller.receive(b"\0" * 320) == []
        caller.receive("START_MEDIA_BUFFERING")
        assert caller.receive(b"\0" * 7) == []
