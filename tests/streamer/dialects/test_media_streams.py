"""The machine of Twilio, SignalWire, Telnyx and Plivo: what their documents say, and what is lost of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from streamer.dialects import plivo, telnyx, twilio
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, Gap, SignIn
from tests.streamer.dialects.media_messages import (
    AUDIO,
    BOTH,
    PAYLOAD,
    PLIVO_MEDIA,
    PLIVO_START,
    TELNYX_MEDIA,
    TELNYX_START,
    TWILIO_CONNECTED,
    TWILIO_DTMF,
    TWILIO_MEDIA,
    TWILIO_START,
    TWILIO_STOP,
    changed,
    failure,
    opened,
    said,
)


class TestTwilio:
    def test_says_a_call_as_its_document_has_it(self) -> None:
        dialect = opened("twilio")
        assert said(dialect, TWILIO_CONNECTED) == []
        assert said(dialect, BOTH) == [
            CallStarted(
                "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                Encoding.MULAW,
                8000,
                ("customer", "agent"),
                metadata={"FirstName": "Jane", "LastName": "Doe", "RemoteParty": "Bob"},
                platform="twilio",
                names={
                    "call": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                    "account": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                    "customer": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                },
                joins=True,
            )
        ]
        assert said(dialect, TWILIO_MEDIA) == [AudioFrame("agent", 0, AUDIO)]
        mark = {"event": "mark", "streamSid": TWILIO_STOP["streamSid"], "mark": {"name": "my label"}}
        assert said(dialect, TWILIO_DTMF, mark, {"event": "of a later version"}) == []
        assert said(dialect, TWILIO_STOP) == [CallStopped("stop")]

    def test_brings_only_the_tracks_that_it_names(self) -> None:
        (start,) = said(opened("twilio"), TWILIO_START)
        assert isinstance(start, CallStarted)
        assert start.channels == ("customer",)

    def test_takes_what_is_played_to_an_agent_for_the_customer_where_the_agents_call_is_streamed(self) -> None:
        told = {"leg": "agent", "call": "c-7", "CustomerCallSid": "CA2", "conference": "CF1", "agent": "张三"}
        dialect = opened("twilio")
        (start,) = said(dialect, changed(BOTH, "start.customParameters", {**told, "language": "zh"}))
        assert isinstance(start, CallStarted)
        assert start.channels == ("agent", "customer")
        assert (start.call_id, start.language, start.metadata) == ("c-7", "zh", {"agent": "张三"})
        assert start.names == {
            "call": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            "account": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            "agent": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            "customer": "CA2",
            "conference": "CF1",
        }
        assert said(dialect, TWILIO_MEDIA) == [AudioFrame("customer", 0, AUDIO)]

    def test_takes_the_tracks_as_they_are_set(self) -> None:
        section = twilio.TwilioSettings(tracks={"outbound": "agent"})
        dialect = opened("twilio", section=section)
        (start,) = said(dialect, BOTH)
        assert isinstance(start, CallStarted)
        assert start.channels == ("agent",)
        assert start.names["customer"] == start.names["call"]
        assert said(dialect, changed(TWILIO_MEDIA, "media.track", "inbound")) == []

    def test_signs_in_with_a_parameter_that_nothing_else_keeps(self) -> None:
        sign_in, start = said(opened("twilio"), changed(BOTH, "start.customParameters", {"token": "hz_secret"}))
        assert sign_in == SignIn("hz_secret")
        assert isinstance(start, CallStarted)
        assert "secret" not in repr([sign_in, start])

    def test_signs_in_with_no_token_of_an_address(self) -> None:
        (start,) = said(opened("twilio", {"token": "hz_secret", "language": "en"}), BOTH)
        assert isinstance(start, CallStarted)
        assert start.language == "en"
        assert "secret" not in repr(start)


class TestSignalWire:
    @pytest.mark.parametrize("wrapped", [True, False])
    def test_says_a_call_as_its_document_has_it(self, wrapped: bool) -> None:
        """The document has every message in an envelope; a socket has none."""
        stream, call = "7d56cc11-536d-4a45-b4fb-ed3d55be843b", "76ac3c36-56da-4a3e-a0d6-b5f8df6da9ad"

        def put(raw: dict[str, Any]) -> dict[str, Any]:
            around = {"timestamp": "2025-09-26T16:25:04.794Z", "direction": "inbound", "eventType": raw["event"]}
            return {**around, "streamSid": stream, "rawEvent": raw} if wrapped else raw

        dialect = opened("signalwire")
        start = {
            "streamSid": stream,
            "accountSid": "b08dacad-2f6c-4de1-93d6-cc732e0c69c5",
            "callSid": call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-L16", "sampleRate": 24000, "channels": 1},
        }
        events = said(
            dialect,
            put({"event": "connected", "protocol": "Call", "version": "0.2.0"}),
            put({"event": "start", "sequenceNumber": "1", "start": start}),
        )
        assert events == [
            CallStarted(
                call,
                Encoding.PCM_S16LE,
                24_000,
                ("customer",),
                platform="signalwire",
                names={"call": call, "customer": call, "account": "b08dacad-2f6c-4de1-93d6-cc732e0c69c5"},
                joins=True,
            )
        ]
        media = {"track": "inbound", "chunk": "1001", "timestamp": "20041", "payload": PAYLOAD}
        assert said(dialect, put({"event": "media", "sequenceNumber": "1002", "media": media})) == [
            AudioFrame("customer", 0, AUDIO)
        ]
        dtmf = {"event": "dtmf", "streamSid": stream, "dtmf": {"duration": 2700, "digit": "8"}}
        mark = {"event": "mark", "streamSid": stream, "mark": {"name": "item_CK5XvgANb1jVorf5VQlKQ:43500"}}
        assert said(dialect, put(dtmf), put(mark), put({"event": "clear", "streamSid": stream})) == []
        assert said(dialect, put({"event": "stop", "sequenceNumber": "1002"})) == [CallStopped("stop")]


class TestTelnyx:
    def test_says_a_call_as_its_document_has_it(self) -> None:
        dialect = opened("telnyx")
        call = TELNYX_START["start"]
        assert isinstance(call, dict)
        assert said(dialect, {"event": "connected", "version": "1.0.0"}, TELNYX_START) == [
            CallStarted(
                "ff55a038-6f5d-11ef-9692-02420aeffb1f",
                Encoding.MULAW,
                8000,
                ("customer", "agent"),
                metadata={
                    "from": "+13122010094",
                    "to": "+13122123456",
                    "tags": ["TAG1", "TAG2"],
                    "customer_id": "customer_123",
                },
                platform="telnyx",
                names={
                    "call": call["call_control_id"],
                    "customer": call["call_control_id"],
                    "session": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
                },
                joins=True,
            )
        ]
        assert said(dialect, TELNYX_MEDIA) == [AudioFrame("customer", 0, AUDIO)]
        error = {"event": "error", "payload": {"code": 100002, "title": "malformed_frame", "detail": "invalid format"}}
        assert said(dialect, error, {"event": "dtmf", "dtmf": {"digit": "1"}}) == []
        assert said(dialect, {"event": "stop", "sequence_number": "5", "stop": {}}) == [CallStopped("stop")]

    def test_that_knows_of_no_sessions_goes_by_the_leg(self) -> None:
        start = changed(TELNYX_START, "start.call_session_id", None)
        (call,) = said(opened("telnyx"), start)
        assert isinstance(call, CallStarted)
        assert call.call_id == call.names["call"]
        assert "session" not in call.names

    @pytest.mark.parametrize(
        ("track", "channels"),
        [("inbound_track", ("customer",)), ("outbound", ("agent",)), ("both_tracks", ("customer", "agent"))],
    )
    def test_is_told_in_the_address_which_tracks_come(self, track: str, channels: tuple[str, ...]) -> None:
        (start,) = said(opened("telnyx", {"track": track}), TELNYX_START)
        assert isinstance(start, CallStarted)
        assert start.channels == channels

    @pytest.mark.parametrize("number", [1, "1"])
    def test_may_put_media_before_the_start_and_after_the_stop(self, number: int | str) -> None:
        dialect = opened("telnyx")
        assert said(dialect, changed(TELNYX_MEDIA, "media.chunk", number)) == []
        start, frame = said(dialect, TELNYX_START)
        assert isinstance(start, CallStarted)
        assert frame == AudioFrame("customer", 0, AUDIO)
        late = changed(TELNYX_MEDIA, "media.chunk", 2)
        assert said(dialect, {"event": "stop"}, late, TELNYX_START) == [CallStopped("stop")]

    def test_signs_in_with_the_token_that_the_stream_was_started_with(self) -> None:
        greeting = {"event": "connected", "version": "1.0.0", "connected": {telnyx.HEADER: "hz_secret"}}
        sign_in, start = said(opened("telnyx"), greeting, TELNYX_START)
        assert sign_in == SignIn("hz_secret")
        assert "secret" not in repr(start)

    def test_signs_in_with_no_secret_of_the_settings(self) -> None:
        greeting = {"event": "connected", "connected": {telnyx.HEADER: "bank"}}
        section = telnyx.TelnyxSettings(stream_auth_token=SecretStr("bank"))
        (start,) = said(opened("telnyx", section=section), greeting, TELNYX_START)
        assert isinstance(start, CallStarted)

    def test_may_have_its_parameters_as_it_was_given_them(self) -> None:
        given = [{"name": "language", "value": "zh"}, {"name": "customer_id", "value": "7"}]
        (start,) = said(opened("telnyx"), changed(TELNYX_START, "start.custom_parameters", given))
        assert isinstance(start, CallStarted)
        assert (start.language, start.metadata["customer_id"]) == ("zh", "7")

    @pytest.mark.parametrize("encoding", ["OPUS", "G722", "AMR-WB", "G729"])
    def test_is_told_what_to_set_where_its_codec_is_none_of_ours(self, encoding: str) -> None:
        error = failure(said(opened("telnyx"), changed(TELNYX_START, "start.media_format.encoding", encoding)))
        assert error.field == "start.media_format.encoding"
        assert "set stream_codec to PCMU, PCMA or L16" in error.message


class TestPlivo:
    def test_says_a_call_as_its_document_has_it(self) -> None:
        dialect = opened("plivo")
        call = "12345678-1234-1234-1234-123456789abc"
        assert said(dialect, PLIVO_START) == [
            CallStarted(
                call,
                Encoding.MULAW,
                8000,
                ("customer",),
                metadata={"userId": "12345", "sessionId": "abc-xyz"},
                platform="plivo",
                names={"call": call, "customer": call, "account": "MAXXXXXXXXXXXXXXXXXX"},
                joins=True,
            )
        ]
        assert said(dialect, PLIVO_MEDIA) == [AudioFrame("customer", 0, AUDIO)]
        dtmf = {"event": "dtmf", "streamId": PLIVO_MEDIA["streamId"], "dtmf": {"track": "inbound", "digit": "5"}}
        assert said(dialect, dtmf, {"event": "playedStream"}, {"event": "clearedAudio"}) == []
        assert dialect.connection_lost() == [CallStopped("connection lost")]

    @pytest.mark.parametrize(
        "written",
        [
            "agent=Li;a1=x:y",
            "agent=Li,a1=x:y",
            "{X-PH-agent: Li, X-PH-a1: x:y}",
            '{"X-PH-agent": "Li", "a1": "x:y"}',
            " agent = Li ; a1=x:y;nothing",
        ],
    )
    def test_writes_its_headers_in_several_ways(self, written: str) -> None:
        (start,) = said(opened("plivo"), {**PLIVO_START, "extra_headers": written})
        assert isinstance(start, CallStarted)
        assert start.metadata == {"agent": "Li", "a1": "x:y"}

    @pytest.mark.parametrize("written", ["{}", "", None])
    def test_may_have_no_headers(self, written: str | None) -> None:
        (start,) = said(opened("plivo"), {**PLIVO_START, "extra_headers": written})
        assert isinstance(start, CallStarted)
        assert start.metadata == {}

    @pytest.mark.parametrize("order", ["little", "big"])
    def test_sends_linear_samples_in_the_order_that_is_set(self, order: str) -> None:
        start = changed(PLIVO_START, "start.mediaFormat", {"encoding": "audio/x-l16", "sampleRate": 16000})
        dialect = opened("plivo", section=plivo.PlivoSettings.model_validate({"l16": order}))
        payload = base64.b64encode((1000).to_bytes(2, "little" if order == "little" else "big")).decode()
        _, frame = said(dialect, start, changed(PLIVO_MEDIA, "media.payload", payload))
        assert frame == AudioFrame("customer", 0, (1000).to_bytes(2, "little"))


class TestALoss:
    def test_is_told_and_each_track_counts_for_itself(self) -> None:
        dialect = opened("twilio")
        said(dialect, BOTH)
        inbound = changed(TWILIO_MEDIA, "media.track", "inbound")
        assert said(dialect, inbound, TWILIO_MEDIA) == [
            AudioFrame("customer", 0, AUDIO),
            AudioFrame("agent", 0, AUDIO),
        ]
        assert said(dialect, changed(inbound, "media.chunk", "4")) == []
        assert said(dialect, changed(TWILIO_MEDIA, "media.chunk", "2")) == [AudioFrame("agent", 160, AUDIO)]
        assert dialect.connection_lost() == [
            Gap("customer", 320, "chunks of the inbound track never came: 2 from 2 on"),
            AudioFrame("customer", 480, AUDIO),
            CallStopped("connection lost"),
        ]
        assert dialect.connection_lost() == []

    @pytest.mark.parametrize("listened", [["inbound", "outbound"], ["inbound"]])
    def test_is_none_where_the_tracks_are_counted_together(self, listened: list[str]) -> None:
        """A chunk's number may be the message's, less one, as in Plivo's own example: `sequenceNumber` 42, `chunk` 41.

        Nobody documents whether tracks share that count, and no message of two tracks was to be found in public.
        """
        tracks = {"inbound": "customer", "outbound": "agent"}
        section = plivo.PlivoSettings.model_validate({"tracks": {track: tracks[track] for track in listened}})
        dialect = opened("plivo", section=section)
        said(dialect, changed(PLIVO_START, "start.tracks", ["inbound", "outbound"]))
        for chunk in range(1, 1001):
            track = "outbound" if chunk % 2 else "inbound"
            media = {**PLIVO_MEDIA["media"], "track": track, "chunk": chunk}  # type: ignore[dict-item]
            (*frames,) = said(dialect, {**PLIVO_MEDIA, "sequenceNumber": chunk + 1, "media": media})
            heard = [AudioFrame(tracks[track], 160 * ((chunk - 1) // 2), AUDIO)]
            assert frames == (heard if track in listened else [])
        assert dialect.connection_lost() == [CallStopped("connection lost")]

    def test_is_told_where_the_tracks_are_counted_together_and_waited_for_as_ever(self) -> None:
        dialect = opened("telnyx")
        said(dialect, TELNYX_START)

        def chunk(number: int) -> list[Any]:
            media = {"track": "outbound" if number % 2 else "inbound", "chunk": str(number), "payload": PAYLOAD}
            return said(dialect, {**TELNYX_MEDIA, "media": media})

        assert chunk(1) == [AudioFrame("agent", 0, AUDIO)]
        assert chunk(3) == []
        # What the agent's track lacks was the customer's, and late.
        assert chunk(2) == [AudioFrame("customer", 0, AUDIO), AudioFrame("agent", 160, AUDIO)]
        assert chunk(4) == [AudioFrame("customer", 160, AUDIO)]
        # The fifth is lost: nobody knows whose it was.
        assert [event for number in range(6, 26) for event in chunk(number)] == []
        for number, track, channel in ((26, "inbound", "customer"), (27, "outbound", "agent")):
            assert chunk(number) == [
                Gap(channel, 160, f"chunks of the {track} track never came: 1 from 5 on"),
                *(AudioFrame(channel, 480 + 160 * frame, AUDIO) for frame in range(11)),
            ]

    def test_of_a_socket_that_began_no_call_stops_nothing(self) -> None:
        dialect = opened("twilio")
        assert dialect.connection_lost() == []
        assert said(dialect, BOTH) == []
