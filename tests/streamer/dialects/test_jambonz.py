"""jambonz's listen: what tells of the call, whose voice is on which side, and every end."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from streamer.callers.caller import Placed, Refused
from streamer.callers.jambonz import JambonzCaller, callers
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Failed, Incoming
from streamer.dialects.jambonz import PLATFORM, JambonzDialect, JambonzSettings, State
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, ProtocolError, TooLarge
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, SignIn, Started
from tests.streamer.dialects.skipping import skipped

LIMIT = 1 << 20
# As jambonz sent it for a listen of a call that came in, with ids and addresses of nobody.
INBOUND: dict[str, Any] = {
    "sampleRate": 16000,
    "mixType": "mono",
    "callSid": "d5d1dffb-36fc-4314-81ef-054d41f06b8b",
    "direction": "inbound",
    "from": "+491234567890",
    "to": "+13234866320",
    "callId": "cf85413f-c6ed-123e-64b4-021b968ebcc3",
    "sbcCallid": "09ff53ed-2b3d-4e48-82b7-b0f8af80dd8d",
    "sipStatus": 200,
    "sipReason": "OK",
    "callStatus": "in-progress",
    "accountSid": "d88c9c57-3365-451c-98ae-a6a3cfdb8165",
    "traceId": "5322da038c1a38997eaa7f437c9f451c",
    "applicationSid": "3d1d5ceb-d371-4b2f-8e0e-35536e22c422",
    "fsSipAddress": "10.0.45.157:5070",
    "originatingSipIp": "192.0.2.45",
    "originatingSipTrunkName": "AWS Connect",
}
# What `lib/tasks/listen.js` makes of a listen in a dial: the properties of the dialled call, and of the verb.
NESTED = {**INBOUND, "mixType": "stereo", "sampleRate": 8000, "callSid": "child", "parentCallSid": "parent"}


def dialect(query: Mapping[str, str] | None = None, section: JambonzSettings | None = None) -> JambonzDialect:
    return JambonzDialect(Upgrade("/v1/jambonz", query or {}), section or JambonzSettings(), LIMIT)


def begun(said: Mapping[str, Any], query: Mapping[str, str] | None = None, first: Any = "agent") -> CallStarted:
    events = dialect(query, JambonzSettings(first=first)).receive_text(json.dumps(said))
    (event,) = [event for event in events if isinstance(event, CallStarted)]
    return event


def failure(events: list[Incoming]) -> ProtocolError:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error


class TestACall:
    def test_begins_with_what_jambonz_tells_of_it(self) -> None:
        assert dialect().receive_text(json.dumps(INBOUND)) == [
            CallStarted(
                INBOUND["callSid"],
                Encoding.PCM_S16LE,
                16_000,
                ("agent",),
                metadata={
                    "from": "+491234567890",
                    "to": "+13234866320",
                    "direction": "inbound",
                    "callId": INBOUND["callId"],
                    "originatingSipTrunkName": "AWS Connect",
                },
                platform="jambonz",
                names={"call": INBOUND["callSid"], "agent": INBOUND["callSid"], "account": INBOUND["accountSid"]},
                joins=True,
            )
        ]

    def test_in_a_dial_is_the_one_that_dialled_and_knows_both_legs(self) -> None:
        start = begun(NESTED)
        assert (start.call_id, start.channels) == ("parent", ("agent", "customer"))
        assert start.names == {
            "call": "parent",
            "agent": "parent",
            "customer": "child",
            "account": INBOUND["accountSid"],
        }

    def test_whose_it_is_may_be_written_in_capitals(self) -> None:
        assert begun({**NESTED, "leg": "Customer"}).channels == ("customer", "agent")

    @pytest.mark.parametrize("said_by", ["settings", "metadata", "query"])
    def test_may_be_the_customers_that_dials_the_agent(self, said_by: str) -> None:
        leg = {"leg": "customer"}
        start = begun(
            {**NESTED, **(leg if said_by == "metadata" else {})},
            leg if said_by == "query" else {},
            "customer" if said_by == "settings" else "agent",
        )
        assert start.channels == ("customer", "agent")
        assert (start.names["customer"], start.names["agent"]) == ("parent", "child")

    def test_takes_what_the_verbs_metadata_say(self) -> None:
        metadata = {
            "token": "hz_secret",
            "language": "zh",
            "agent": "1042",
            "campaign": "春",
            "call": "c-1",
            "customer_call_sid": "elsewhere",
        }
        sign_in, start = dialect().receive_text(json.dumps({**INBOUND, **metadata}))
        assert isinstance(start, CallStarted)
        assert sign_in == SignIn("hz_secret")
        assert (start.call_id, start.language, start.names["customer"]) == ("c-1", "zh", "elsewhere")
        assert (start.metadata["agent"], start.metadata["campaign"]) == ("1042", "春")
        assert "secret" not in repr([sign_in, start])

    def test_takes_its_language_from_the_address_too_but_no_token(self) -> None:
        (start,) = dialect({"language": "en-GB", "token": "hz_logged"}).receive_text(json.dumps(INBOUND))
        assert isinstance(start, CallStarted)
        assert start.language == "en-GB"
        assert "hz_logged" not in repr(start)

    def test_of_mixed_voices_is_held_against_the_agent(self) -> None:
        assert begun({**NESTED, "mixType": "mixed", "leg": "customer"}).channels == ("agent",)

    @given(st.binary(max_size=2000), st.lists(st.integers(0, 300), max_size=30), st.booleans())
    def test_is_the_same_wherever_its_audio_is_cut(self, audio: bytes, sizes: list[int], stereo: bool) -> None:
        channels = ("agent", "customer") if stereo else ("agent",)
        unit = 2 * len(channels)
        audio = audio[: len(audio) // unit * unit]
        machine = dialect()
        machine.receive_text(json.dumps({**NESTED, "mixType": "stereo" if stereo else "mono"}))
        heard = dict.fromkeys(channels, b"")
        at = 0
        for size in [*sizes, len(audio)]:
            for event in machine.receive_binary(audio[at : at + size * unit]):
                assert isinstance(event, AudioFrame)
                assert event.position * 2 == len(heard[event.channel])
                heard[event.channel] += event.payload
            at += size * unit
        samples = [audio[i : i + 2] for i in range(0, len(audio), 2)]
        for number, channel in enumerate(channels):
            assert heard[channel] == b"".join(samples[number :: len(channels)])
        assert machine.connection_lost() == [CallStopped("connection lost")]
        assert machine.state is State.STOPPED
        assert machine.connection_lost() == machine.receive_binary(b"\0\0\0\0") == machine.receive_text("{") == []

    @pytest.mark.parametrize(
        "later",
        [
            '{"event":"dtmf","dtmf":"1","duration":"1600"}',
            '{"type":"playDone","data":{"id":"x","playbackSeconds":"3"}}',
            '{"event":"mark","data":{"name":"m","event":"playout"}}',
            '{"event":"dtmf","dtmf":"1"}{"event":"dtmf","dtmf":"2"}',
        ],
    )
    def test_lets_later_texts_pass(self, later: str) -> None:
        machine = dialect()
        machine.receive_text(json.dumps(INBOUND))
        assert machine.receive_text(later) == []
        assert machine.receive_binary(b"\1\0") == [AudioFrame("agent", 0, b"\1\0")]

    def test_may_begin_with_more_texts_in_one(self) -> None:
        (start,) = dialect().receive_text(json.dumps(INBOUND) + '{"event":"dtmf","dtmf":"7","duration":"1600"}')
        assert isinstance(start, CallStarted)
        assert "7" not in repr(start.metadata).replace(INBOUND["from"], "").replace(INBOUND["callId"], "")

    def test_that_never_began_has_nothing_to_stop(self) -> None:
        assert dialect().connection_lost() == []

    def test_is_told_nothing(self) -> None:
        assert dialect().send(Started("zh@1", "base")) is None


class TestAMistake:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"callSid": "a\nb"}, "callSid"),
            ({"parentCallSid": [7]}, "parentCallSid"),
            ({"accountSid": True}, "accountSid"),
            ({"sampleRate": None}, "sampleRate"),
            ({"sampleRate": 64_000}, "sampleRate"),
            ({"sampleRate": True}, "sampleRate"),
            ({"mixType": None}, "mixType"),
            ({"mixType": ["mono"]}, "mixType"),
            ({"leg": "both"}, "parameter leg"),
            ({"token": {}}, "parameter token"),
        ],
    )
    def test_names_the_field(self, change: dict[str, Any], field: str) -> None:
        machine = dialect()
        error = failure(machine.receive_text(json.dumps({**INBOUND, **change})))
        assert isinstance(error, BadField)
        assert error.field == field
        assert machine.receive_text("{}") == machine.receive_binary(b"\0") == machine.connection_lost() == []

    def test_of_metadata_that_were_cut_off_says_why(self) -> None:
        error = failure(dialect().receive_text(json.dumps({**INBOUND, "x": "y" * 9000})[:8192]))
        assert isinstance(error, BadJson)
        assert "8 kB" in error.message

    @pytest.mark.parametrize("message", ["", "  ", "[]", '"x"', "{} []", "no", "[" * 100_000])
    def test_of_what_is_no_object(self, message: str) -> None:
        assert isinstance(failure(dialect().receive_text(message)), BadJson)

    def test_of_audio_before_the_text(self) -> None:
        assert isinstance(failure(dialect().receive_binary(b"\0\0")), OutOfOrder)

    def test_of_bytes_that_are_no_whole_samples(self) -> None:
        machine = dialect()
        machine.receive_text(json.dumps(NESTED))
        assert isinstance(skipped(machine.receive_binary(b"\0" * 6)), OddBytes)

    def test_of_messages_over_the_limit(self) -> None:
        assert isinstance(failure(dialect().receive_binary(b"\0" * (LIMIT + 1))), TooLarge)
        assert isinstance(failure(dialect().receive_text("保" * (LIMIT // 2))), TooLarge)

    def test_is_told_in_a_message_that_a_listen_takes(self) -> None:
        machine = dialect()
        said = machine.send_error(failure(machine.receive_text("{}")))
        assert json.loads(said)["data"]["field"] == "sampleRate"
        assert JambonzCaller(Placed("c")).receive(said) == []

    @given(
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.binary(max_size=40),
                st.sampled_from([json.dumps(INBOUND), json.dumps(NESTED), "lost", '{"event":"dtmf","dtmf":"1"}']),
                st.dictionaries(
                    st.sampled_from([*NESTED, "token", "leg", "language", "agent", "call", "track", "metadata"]),
                    st.recursive(
                        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
                        max_leaves=5,
                    ),
                ).map(lambda change: json.dumps({**NESTED, **change})),
            ),
            max_size=10,
        ),
    )
    @settings(max_examples=200)
    def test_of_any_kind_is_an_event_and_never_an_exception(self, messages: list[str | bytes]) -> None:
        machine = dialect()
        over = False
        for message in messages:
            if message == "lost":
                events = machine.connection_lost()
            elif isinstance(message, str):
                events = machine.receive_text(message)
            else:
                events = machine.receive_binary(message)
            assert not (over and events)
            for event in events:
                over = over or isinstance(event, Failed | CallStopped)
                if isinstance(event, Failed):
                    assert json.loads(machine.send_error(event.error))["type"] == "error"
                if isinstance(event, CallStarted):
                    json.dumps(dict(event.metadata), allow_nan=False).encode()


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class TestSigningIn:
    SECTION = JambonzSettings(username="jambonz", password=SecretStr("s3cret:保"))

    def test_lets_in_who_has_the_password(self) -> None:
        assert PLATFORM.signs(self.SECTION)
        assert PLATFORM.admit(Upgrade("/", headers=basic("jambonz", "s3cret:保")), self.SECTION, 0.0) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            basic("jambonz", "wrong"),
            basic("other", "s3cret:保"),
            basic("", ""),
            {"authorization": "Basic"},
            {"authorization": "Basic ***"},
            {"authorization": "Basic 保"},
            {"authorization": "Bearer hz_x"},
        ],
    )
    def test_keeps_everybody_else_out_and_tells_no_secret(self, headers: dict[str, str]) -> None:
        why = PLATFORM.admit(Upgrade("/", headers=headers), self.SECTION, 0.0)
        assert why
        assert "s3cret" not in why

    def test_is_not_asked_for_where_nothing_is_set(self) -> None:
        assert not PLATFORM.signs(JambonzSettings())
        assert PLATFORM.admit(Upgrade("/"), JambonzSettings(), 0.0) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            {"username": "x"},
            {"password": "x"},
            {"username": "a:b", "password": "x"},
            {"api_key": ""},
            {"address": "api.jambonz.cloud"},
            {"first": "caller"},
            {"timeout": 0},
            {"unknown": 1},
        ],
    )
    def test_and_everything_else_is_checked_when_it_is_set(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            JambonzSettings.model_validate(wrong)


class TestJambonzInSmall:
    @given(
        st.sampled_from([("agent",), ("customer",), ("agent", "customer"), ("customer", "agent")]),
        st.sampled_from([None, "zh"]),
        st.sampled_from([{}, {"token": "hz_t"}, {"username": "jambonz", "password": "p"}]),
        st.lists(st.binary(max_size=64).map(lambda data: data * 4), max_size=5),
    )
    def test_brings_the_same_samples(
        self, channels: tuple[str, ...], language: str | None, secrets: dict[str, str], frames: list[bytes]
    ) -> None:
        (caller,) = callers(Placed("c-1", channels, language, secrets))
        dial = caller.dial("ws://127.0.0.1:8765")
        target = dial.url.removeprefix("ws://127.0.0.1:8765")
        upgrade = Upgrade(target, headers={name.lower(): value for name, value in dial.headers.items()})
        assert (upgrade.path, dial.subprotocol) == (PLATFORM.path, PLATFORM.subprotocols[0])
        if "username" in secrets:
            section = JambonzSettings(username="jambonz", password=SecretStr("p"))
            assert PLATFORM.admit(upgrade, section, 0.0) is None
        machine = PLATFORM.dialect(upgrade, JambonzSettings(), LIMIT)
        sent = [*caller.begin(), *(message for frame in frames for message in caller.audio(frame)), *caller.end()]
        events: list[Incoming] = []
        for message in sent:
            events += machine.receive_text(message) if isinstance(message, str) else machine.receive_binary(message)
        assert caller.over
        (start,) = [event for event in events if isinstance(event, CallStarted)]
        assert (start.call_id, start.channels, start.language) == ("c-1", channels, language)
        assert start.names == caller.names
        assert ([event for event in events if isinstance(event, SignIn)] == [SignIn("hz_t")]) == ("token" in secrets)
        heard = {
            channel: b"".join(e.payload for e in events if isinstance(e, AudioFrame) and e.channel == channel)
            for channel in channels
        }
        audio = b"".join(frames)
        samples = [audio[i : i + 2] for i in range(0, len(audio), 2)]
        assert heard == {channel: b"".join(samples[number :: len(channels)]) for number, channel in enumerate(channels)}
        assert machine.connection_lost() == [CallStopped("connection lost")]

    @pytest.mark.parametrize(
        "message",
        [b"\0\0", "", "[]", "{}", '{"type":"block"}', '{"type":["json"]}', '{"type":"playAudio"}', "[" * 100_000],
    )
    def test_refuses_what_a_listen_throws_away(self, message: str | bytes) -> None:
        with pytest.raises(Refused):
            JambonzCaller(Placed("c")).receive(message)

    def test_plays_and_disconnects_as_a_listen_does(self) -> None:
        caller = JambonzCaller(Placed("c"))
        play = {"type": "playAudio", "data": {"audioContentType": "wav", "audioContent": "", "id": "n-1"}}
        (done,) = caller.receive(json.dumps(play))
        assert json.loads(str(done)) == {"type": "playDone", "data": {"id": "n-1"}}
        assert caller.receive('{"type":"killAudio"}') == []
        assert not caller.over
        assert caller.receive('{"type":"disconnect"}') == []
        assert caller.over
