"""What is no media stream: one failure that names the field, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer.dialects import twilio
from streamer.dialects.events import Failed
from streamer.dialects.media_chunks import WINDOW
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, TooLarge
from streamer.types import AudioFrame, CallStopped
from tests.streamer.dialects.media_messages import (
    AUDIO,
    BOTH,
    BY_NAME,
    LIMIT,
    PLIVO_MEDIA,
    PLIVO_START,
    TELNYX_MEDIA,
    TELNYX_START,
    TWILIO_MEDIA,
    TWILIO_START,
    TWILIO_STOP,
    changed,
    failure,
    opened,
    said,
)
from tests.streamer.dialects.skipping import skipped


class TestAMistake:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("event", [3]),
            ("start", []),
            ("start.callSid", []),
            ("start.callSid", True),
            ("start.callSid", "a\nb"),
            ("start.callSid", "x" * 129),
            ("start.accountSid", {}),
            ("start.tracks", "inbound"),
            ("start.tracks", [1]),
            ("start.tracks", ["sideways"]),
            ("start.mediaFormat", None),
            ("start.mediaFormat.encoding", "audio/opus"),
            ("start.mediaFormat.sampleRate", 4000),
            ("start.mediaFormat.sampleRate", True),
            ("start.mediaFormat.sampleRate", None),
            ("start.customParameters", "a=1"),
        ],
    )
    def test_in_a_start_names_the_field(self, path: str, value: Any) -> None:
        error = failure(said(opened("twilio"), changed(TWILIO_START, path, value)))
        assert isinstance(error, BadField)
        assert error.field == path

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("language", ["zh"]),
            ("leg", "boss"),
            ("call", True),
            ("token", {}),
            ("token", "x" * 257),
            ("track", "x"),
            ("conference", [1]),
        ],
    )
    def test_in_a_parameter_names_it_and_not_its_value(self, name: str, value: Any) -> None:
        error = failure(said(opened("twilio"), changed(TWILIO_START, "start.customParameters", {name: value})))
        assert error.field == f"parameter {name}"
        assert "xx" not in error.message

    def test_in_a_list_of_parameters_names_what_is_missing(self) -> None:
        error = failure(said(opened("telnyx"), changed(TELNYX_START, "start.custom_parameters", [{"value": "7"}])))
        assert error.field == "start.custom_parameters.name"

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("media", None),
            ("media.track", "sideways"),
            ("media.track", None),
            ("media.payload", "no base64"),
            ("media.payload", 7),
            ("media.payload", "é"),
            ("streamSid", "MZ2"),
        ],
    )
    def test_in_media_names_the_field(self, path: str, value: Any) -> None:
        dialect = opened("twilio")
        said(dialect, BOTH)
        error = skipped(said(dialect, changed(TWILIO_MEDIA, path, value)))
        assert isinstance(error, BadField)
        assert error.field == path
        assert said(dialect, TWILIO_MEDIA, TWILIO_STOP) == [AudioFrame("agent", 0, AUDIO), CallStopped("stop")]
        assert dialect.connection_lost() == []

    @pytest.mark.parametrize("field", ["chunk", "timestamp"])
    @pytest.mark.parametrize("value", ["-1", 1.5, "9" * 16, "soon", [], None])
    def test_in_what_is_counted_is_not_worth_the_audio(self, field: str, value: Any) -> None:
        dialect = opened("twilio")
        said(dialect, BOTH)
        assert said(dialect, changed(TWILIO_MEDIA, f"media.{field}", value)) == [AudioFrame("agent", 0, AUDIO)]
        assert said(dialect, changed(TWILIO_MEDIA, "media.chunk", 2)) == [AudioFrame("agent", 160, AUDIO)]

    def test_of_half_a_sample(self) -> None:
        dialect = opened("telnyx")
        said(dialect, changed(TELNYX_START, "start.media_format", {"encoding": "L16", "sample_rate": "16000"}))
        error = skipped(said(dialect, changed(TELNYX_MEDIA, "media.payload", "AAAA")))
        assert isinstance(error, OddBytes)

    def test_of_a_second_start(self) -> None:
        dialect = opened("twilio")
        said(dialect, BOTH)
        assert isinstance(skipped(said(dialect, BOTH)), OutOfOrder)

    def test_of_much_media_without_a_start(self) -> None:
        dialect = opened("twilio")
        assert said(dialect, *[TWILIO_MEDIA] * WINDOW) == []
        assert isinstance(failure(said(dialect, TWILIO_MEDIA)), OutOfOrder)

    @pytest.mark.parametrize("message", ["", "[]", "null", "{", "[" * 60_000, '"event"'])
    def test_of_what_is_no_object(self, message: str) -> None:
        assert isinstance(failure(said(opened("plivo"), message)), BadJson)

    def test_of_a_message_that_is_binary_or_too_large(self) -> None:
        assert isinstance(failure(opened("twilio").receive_binary(b"{}")), BadJson)
        assert isinstance(failure(said(opened("twilio"), "保" * (LIMIT // 2))), TooLarge)

    @given(
        st.sampled_from(sorted(BY_NAME)),
        st.lists(
            st.text(max_size=40)
            | st.binary(max_size=10)
            | st.sampled_from([TWILIO_START, BOTH, TELNYX_START, PLIVO_START, TWILIO_MEDIA, TELNYX_MEDIA, PLIVO_MEDIA])
            .flatmap(
                lambda message: st.tuples(
                    st.just(message),
                    st.sampled_from(["event", "start", "media", "media.chunk", "start.tracks", "extra_headers", "x"]),
                    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.none()),
                    st.booleans(),
                )
            )
            .map(lambda drawn: json.dumps(changed(*drawn[:3]) if drawn[3] else drawn[0]))
            | st.sampled_from(["lost", json.dumps(TWILIO_STOP)]),
            max_size=15,
        ),
    )
    @settings(max_examples=300)
    def test_of_any_kind_is_an_event_and_never_an_exception(self, name: str, messages: list[str | bytes]) -> None:
        dialect = opened(name)
        failed = False
        for message in messages:
            if message == "lost":
                events = dialect.connection_lost()
            elif isinstance(message, str):
                events = dialect.receive_text(message)
            else:
                events = dialect.receive_binary(message)
            assert not (failed and events)
            failed = failed or any(isinstance(event, Failed) for event in events)


class TestSettings:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"tracks": {}},
            {"tracks": {"inbound": "agent", "outbound": "agent"}},
            {"tracks": {"sideways": "agent"}},
            {"tracks": {"inbound": "boss"}},
            {"l16": "middle"},
            {"timeout": 0},
            {"token": "hz"},
        ],
    )
    def test_are_refused_where_they_say_nothing_or_twice_the_same(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            twilio.TwilioSettings.model_validate(wrong)
