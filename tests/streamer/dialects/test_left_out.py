"""What a platform leaves out, or does not fill in, is absent; a number is its text; a call without an id gets one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.dialects.audiohook import AudiohookDialect, AudiohookSettings
from streamer.dialects.dialect import Dialect, Upgrade
from streamer.dialects.freeswitch import FreeSwitchDialect, FreeSwitchSettings
from streamer.dialects.jambonz import JambonzDialect, JambonzSettings
from streamer.dialects.media_fields import agent_of, said
from streamer.dialects.native import NativeDialect
from streamer.dialects.vonage import VonageDialect, VonageSettings
from streamer.types import CallStarted
from tests.streamer.dialects.audiohook_client import HEADERS, OPEN
from tests.streamer.dialects.media_messages import BOTH, PLIVO_START, TELNYX_START, changed, opened

NOTHING = ["", " ", "\t", "{{agent}}", "{{ flow.variables.agent }}", "${agent}", "{agent}", "null", "undefined", None]
QUERY = {"uuid": "u-1", "rate": "8000", "mix": "mono"}
NATIVE = {"type": "start", "call_id": "c", "encoding": "mulaw", "sample_rate": 8000}
LISTEN = {"callSid": "c", "sampleRate": 8000, "mixType": "mono"}
CONNECTED = {"event": "websocket:connected", "content-type": "audio/l16;rate=8000", "call": "c"}


def freeswitch(query: dict[str, str]) -> Dialect:
    return FreeSwitchDialect(Upgrade("/", query, id="ours"), FreeSwitchSettings(), 1 << 20)


def call(dialect: Dialect, message: Any) -> CallStarted:
    events = dialect.receive_text(json.dumps(message))
    (started,) = [event for event in events if isinstance(event, CallStarted)]
    return started


def audiohook(custom: dict[str, Any]) -> CallStarted:
    dialect = AudiohookDialect(Upgrade("/", headers=HEADERS), AudiohookSettings(), 1 << 20)
    return call(dialect, changed(json.loads(OPEN), "parameters.customConfig", custom))


WITH: dict[str, Callable[[dict[str, Any]], CallStarted]] = {
    "native": lambda given: call(
        NativeDialect(1 << 20),
        {**NATIVE, **{name: given[name] for name in given if name != "agent"}, "metadata": given},
    ),
    "freeswitch": lambda given: call(freeswitch(QUERY), given),
    "jambonz": lambda given: call(JambonzDialect(Upgrade("/"), JambonzSettings(), 1 << 20), {**LISTEN, **given}),
    "vonage": lambda given: call(VonageDialect(Upgrade("/"), VonageSettings(), 1 << 20), {**CONNECTED, **given}),
    "audiohook": audiohook,
    "twilio": lambda given: call(opened("twilio"), changed(BOTH, "start.customParameters", given)),
    "signalwire": lambda given: call(opened("signalwire"), changed(BOTH, "start.customParameters", given)),
    "telnyx": lambda given: call(opened("telnyx"), changed(TELNYX_START, "start.custom_parameters", given)),
}


@pytest.mark.parametrize("platform", WITH)
class TestAParameter:
    @pytest.mark.parametrize("nothing", NOTHING)
    def test_that_says_nothing_is_absent(self, platform: str, nothing: str | None) -> None:
        started = WITH[platform](dict.fromkeys(("agent", "language", "token"), nothing))
        assert (agent_of(started.metadata), started.language, started.remarks) == (None, None, ())

    @pytest.mark.parametrize(("number", "text"), [(1042, "1042"), (1042.0, "1042"), (0, "0"), (-7, "-7"), (1.5, "1.5")])
    def test_that_is_a_number_is_its_text(self, platform: str, number: float, text: str) -> None:
        assert agent_of(WITH[platform]({"agent": number}).metadata) == text

    @pytest.mark.parametrize("agent", [True, [], {"id": 7}])
    def test_that_names_nobody_loses_no_call(self, platform: str, agent: Any) -> None:
        assert agent_of(WITH[platform]({"agent": agent}).metadata) is None

    def test_of_any_size_is_kept_within_bounds(self, platform: str) -> None:
        deep: Any = 1
        for _ in range(400):
            deep = {"x": [deep]}
        given = {"agent": "Li", "long": "y" * 40_000, "deep": deep, "half": "\ud800"}
        started = WITH[platform](given)
        assert len(json.dumps(started.metadata, ensure_ascii=False, allow_nan=False).encode()) < 17_000
        assert agent_of(started.metadata) == "Li"
        assert "metadata" in [remark.reason for remark in started.remarks]

    @pytest.mark.parametrize("language", ["cmn-Hans-CN", "zh_CN", "Chinese!", "en_US.UTF-8"])
    def test_of_a_language_loses_no_call(self, platform: str, language: str) -> None:
        if (platform, language) != ("native", "Chinese!"):
            assert WITH[platform]({"language": language}).language == language


class TestParametersOfAStream:
    @pytest.mark.parametrize("nothing", NOTHING)
    @pytest.mark.parametrize("name", ["agent_call_sid", "conference", "call", "leg", "track"])
    def test_that_say_nothing_leave_what_the_query_says(self, name: str, nothing: str | None) -> None:
        told = {"agent_call_sid": "CA1", "conference": "CF1", "call": "c-1", "leg": "agent", "track": "inbound"}
        dialect = opened("telnyx", told)
        with_nothing = call(dialect, changed(TELNYX_START, "start.custom_parameters", {name: nothing}))
        without = call(opened("telnyx", told), changed(TELNYX_START, "start.custom_parameters", {}))
        assert with_nothing == without

    def test_may_be_numbers(self) -> None:
        given = {"call": 4711, "agent_call_sid": 12, "conference": 7.0}
        started = call(opened("twilio"), changed(BOTH, "start.customParameters", given))
        assert (started.call_id, started.names["agent"], started.names["conference"]) == ("4711", "12", "7")


class TestACallWithoutAnId:
    @pytest.mark.parametrize("nothing", NOTHING)
    @pytest.mark.parametrize(
        ("open_", "message", "path"),
        [
            (lambda up: VonageDialect(up, VonageSettings(), 1 << 20), CONNECTED, "call"),
            (lambda up: JambonzDialect(up, JambonzSettings(), 1 << 20), LISTEN, "callSid"),
            (lambda up: FreeSwitchDialect(up, FreeSwitchSettings(), 1 << 20), QUERY, "uuid"),
            (lambda up: NativeDialect(1 << 20, up.id), NATIVE, "call_id"),
        ],
    )
    def test_is_heard_under_one_of_ours_and_says_so(
        self, open_: Callable[[Upgrade], Dialect], message: dict[str, Any], path: str, nothing: str | None
    ) -> None:
        started = call(open_(Upgrade("/", id="ours")), changed(message, path, nothing))
        assert (started.call_id, started.joins) == ("ours", False)
        (remark,) = started.remarks
        assert remark.reason == "call_id"
        assert "ours" in remark.detail

    @pytest.mark.parametrize(
        ("name", "start", "paths"),
        [
            ("twilio", BOTH, ["start.callSid"]),
            ("plivo", PLIVO_START, ["start.callId"]),
            ("telnyx", TELNYX_START, ["start.call_session_id", "start.call_control_id"]),
        ],
    )
    def test_of_a_media_stream_is_heard_as_well(self, name: str, start: dict[str, Any], paths: list[str]) -> None:
        for path in paths:
            start = changed(start, path, "")
        started = call(opened(name), start)
        assert started.call_id.startswith("unnamed-")
        assert not started.joins
        assert "call" not in started.names
        assert [remark.reason for remark in started.remarks] == ["call_id"]

    def test_has_one_of_its_own_each_time(self) -> None:
        assert Upgrade("/").id != Upgrade("/").id

    # Of the four samples that could be found in public, none has an id of the call.
    @pytest.mark.parametrize(
        "sample",
        [
            {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", "prop1": "value1"},
            {"event": "websocket:connected", "content-type": "audio/l16;rate=8000"},
            {
                "event": "websocket:connected",
                "content-type": "audio/l16;rate=16000",
                "language": "en-GB",
                "callerID": "4",
            },
            {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", "app": "audiosocket"},
        ],
    )
    def test_of_vonage_is_as_its_samples_have_it(self, sample: dict[str, Any]) -> None:
        started = call(VonageDialect(Upgrade("/"), VonageSettings(), 1 << 20), sample)
        assert started.call_id.startswith("unnamed-")


class TestWhatAPlatformSays:
    @given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()))
    def test_is_a_text_or_nothing_or_neither(self, value: Any) -> None:
        try:
            text = said(value)
        except TypeError:
            assert isinstance(value, bool | list)
            return
        assert text is None or text.strip()
        assert agent_of({"agent": value}) is None or len(agent_of({"agent": value}) or "") <= 128
