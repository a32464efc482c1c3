"""AudioHook in small, beside the machine that it calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamer.callers.audiohook import AudiohookCaller, callers
from streamer.callers.caller import Message, Placed, Refused
from streamer.dialects.audiohook import PLATFORM, AudiohookDialect
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Closed, Incoming, Reply
from streamer.errors import Overloaded
from streamer.types import AudioFrame, CallStopped, SignIn
from tests.streamer.dialects.audiohook_client import (
    CALL,
    EXTERNAL,
    SESSION,
    STEREO,
    answer,
    call,
    dialect,
)


def _connect(caller: AudiohookCaller, **of: Any) -> AudiohookDialect:
    headers = {name.lower(): value for name, value in caller.dial("ws://127.0.0.1:8765").headers.items()}
    return dialect(Upgrade(PLATFORM.path, headers=headers), **of)


def _play(caller: AudiohookCaller, machine: AudiohookDialect, frames: list[bytes], *, late: bool) -> list[Incoming]:
    """Play a call; answers come at once, or only after the audio has ended."""
    heard: list[Incoming] = []
    to_server: list[Message] = list(caller.begin())
    to_client: list[Message] = []

    def pass_on(*, answers: bool) -> None:
        while to_server or (answers and to_client):
            while to_server:
                message = to_server.pop(0)
                take = machine.receive_text if isinstance(message, str) else machine.receive_binary
                events = take(message)  # type: ignore[arg-type]
                heard.extend(events)
                to_client.extend(event.message for event in events if isinstance(event, Reply))
            while answers and to_client:
                to_server.extend(caller.receive(to_client.pop(0)))

    pass_on(answers=not late)
    for frame in frames:
        to_server.extend(caller.audio(frame))
        pass_on(answers=not late)
    to_server.extend(caller.end())
    pass_on(answers=True)
    return heard


class TestACallOfItsOwn:
    @pytest.mark.parametrize("late", [False, True])
    @pytest.mark.parametrize(
        ("legs", "heard"),
        [
            (("agent", "customer"), ("customer", "agent")),
            (("agent",), ("agent",)),
            (("customer",), ("customer",)),
        ],
    )
    def test_brings_every_sample_to_its_leg(self, legs: tuple[str, ...], heard: tuple[str, ...], late: bool) -> None:
        caller = AudiohookCaller(Placed(CALL, channels=legs, language="zh"), now=0, nonce="n" * 24)
        assert caller.channels == heard
        frame = int(caller.frame_seconds * caller.sample_rate) * len(heard)
        audio = bytes(i * 7 % 251 for i in range(frame * 60 + 4 * len(heard)))
        frames = [audio[i : i + frame] for i in range(0, len(audio), frame)]
        events = _play(caller, _connect(caller), frames, late=late)
        started = call(events)
        assert (started.call_id, started.channels, started.language) == (CALL, heard, "zh")
        for number, leg in enumerate(heard):
            payloads = [event.payload for event in events if isinstance(event, AudioFrame) and event.channel == leg]
            assert b"".join(payloads) == audio[number :: len(heard)]
        assert events[-1] == CallStopped("stop")
        assert caller.over

    def test_pings_and_counts_on(self) -> None:
        caller = AudiohookCaller(Placed("c-1"), now=0, nonce="n" * 24)
        events = _play(caller, _connect(caller), [b"\xff" * 3200] * 100, late=False)
        kinds = [answer(event)["type"] for event in events if isinstance(event, Reply)]
        assert kinds == ["opened", "pong", "pong", "pong", "pong", "closed"]

    def test_tells_token_and_language_as_the_platform_would(self) -> None:
        placed = Placed(CALL, language="zh-CN", secrets={"token": "hz_1"})
        caller = AudiohookCaller(placed, now=0, nonce="n" * 24)
        events = _play(caller, _connect(caller), [], late=False)
        assert SignIn("hz_1") in events
        assert call(events).language == "zh-CN"

    def test_that_only_tries_the_connection_is_no_call(self) -> None:
        caller = AudiohookCaller(Placed(CALL), now=0, nonce="n" * 24, probe=True)
        events = _play(caller, _connect(caller), [], late=False)
        assert [type(event) for event in events] == [Reply, Reply, Closed]
        assert caller.over

    def test_that_is_refused_closes(self) -> None:
        caller = AudiohookCaller(Placed(CALL), now=0, nonce="n" * 24)
        machine = _connect(caller)
        caller.begin()
        said = machine.send_error(Overloaded())
        assert said is not None
        (close,) = (json.loads(message) for message in caller.receive(said))
        assert (close["type"], close["parameters"]) == ("close", {"reason": "disconnect"})

    def test_is_another_session_of_the_same_call_each_time(self) -> None:
        (one,), (two,) = callers(Placed("c-1")), callers(Placed("c-1"))
        assert one.id != two.id
        assert one.conversation == two.conversation


def _ready(*, open_: bool = True) -> AudiohookCaller:
    caller = AudiohookCaller(Placed(CALL), now=0, nonce="n" * 24)
    caller.begin()
    if open_:
        caller.receive(_from_server(caller, "opened", {"media": [STEREO]}))
    return caller


def _from_server(caller: AudiohookCaller, kind: str, said: Any = None, **other: Any) -> str:
    head = {"version": "2", "type": kind, "id": caller.id, "seq": 1, "clientseq": 1}
    return json.dumps({**head, "parameters": said or {}, **other})


class TestTheCaller:
    @pytest.mark.parametrize(
        ("kind", "parameters", "other", "why"),
        [
            ("opened", {"media": [{**STEREO, "format": "L16"}]}, {}, "media"),
            ("opened", {"media": [STEREO, EXTERNAL]}, {}, "media"),
            ("opened", {}, {}, "media"),
            ("opened", {"media": [STEREO], "startPaused": 1}, {}, "startPaused"),
            ("opened", {"media": [STEREO], "discardTo": "1"}, {}, "discardTo"),
            ("opened", {"media": [STEREO], "supportedLanguages": "zh"}, {}, "supportedLanguages"),
            ("opened", {"media": [STEREO]}, {"seq": 2}, "seq"),
            ("opened", {"media": [STEREO]}, {"seq": True}, "seq"),
            ("opened", {"media": [STEREO]}, {"clientseq": 2}, "clientseq"),
            ("opened", {"media": [STEREO]}, {"version": "1"}, "version"),
            ("opened", {"media": [STEREO]}, {"id": SESSION}, "id"),
            ("opened", {"media": [STEREO]}, {"parameters": None}, "parameters"),
            ("closed", {}, {}, "closed"),
            ("pong", {}, {}, "pong"),
            ("pause", {}, {}, "pause"),
            ("event", {"entities": []}, {}, "event"),
            ("started", {}, {}, "started"),
            ("disconnect", {"reason": "full"}, {}, "reason"),
            ("disconnect", {"reason": "error", "info": 1}, {}, "info"),
        ],
    )
    def test_takes_nothing_that_the_vendors_client_does_not(
        self, kind: str, parameters: Any, other: dict[str, Any], why: str
    ) -> None:
        caller = _ready(open_=False)
        with pytest.raises(Refused, match=why):
            caller.receive(_from_server(caller, kind, parameters, **other))

    @pytest.mark.parametrize("message", [b"\xff", "no", "[]", "x" * 65_536])
    def test_takes_nothing_that_is_no_message(self, message: str | bytes) -> None:
        with pytest.raises(Refused):
            _ready().receive(message)

    def test_takes_no_second_opening(self) -> None:
        caller = _ready()
        with pytest.raises(Refused, match="opened"):
            caller.receive(_from_server(caller, "opened", {"media": [STEREO]}, seq=2))

    def test_takes_a_pong_for_its_ping_alone(self) -> None:
        caller = _ready()
        assert [json.loads(one)["type"] for one in caller.audio(b"\xff" * 16_000) if isinstance(one, str)] == ["ping"]
        with pytest.raises(Refused, match="clientseq"):
            caller.receive(_from_server(caller, "pong", seq=2))

    def test_takes_nothing_after_closed(self) -> None:
        caller = _ready()
        caller.end()
        caller.receive(_from_server(caller, "closed", seq=2))
        with pytest.raises(Refused, match="after closed"):
            caller.receive(_from_server(caller, "updated", seq=3))

    @pytest.mark.parametrize("entities", [None, [1], [{"type": "transcript"}]])
    def test_takes_events_with_their_data_alone(self, entities: Any) -> None:
        caller = _ready()
        with pytest.raises(Refused, match="entities"):
            caller.receive(_from_server(caller, "event", {"entities": entities}, seq=2))

    def test_pauses_when_it_is_asked_to(self) -> None:
        caller = _ready()
        (paused,) = caller.receive(_from_server(caller, "pause", seq=2))
        assert json.loads(paused)["type"] == "paused"
        assert caller.audio(b"\xff" * 1600) == []
        (resumed,) = caller.receive(_from_server(caller, "resume", seq=3))
        assert json.loads(resumed)["parameters"] == {"start": "PT0S", "discarded": "PT0S"}
        assert caller.audio(b"\xff" * 1600) == [b"\xff" * 1600]
