"""FreeSWITCH's forks: what the query and the metadata say together, the sides of the audio, and every end."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from streamer.callers.caller import Placed, Refused
from streamer.callers.freeswitch import FreeSwitchCaller, callers
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Closed, Failed, Incoming
from streamer.dialects.freeswitch import HELD, PLATFORM, FreeSwitchDialect, FreeSwitchSettings, State
from streamer.errors import BadField, OddBytes, ProtocolError, TooLarge
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, SignIn, Started
from tests.streamer.dialects.skipping import skipped

LIMIT = 1 << 20
UUID = "7dd5e34e-5db4-4edb-a166-757e5d29b941"
QUERY = {"uuid": UUID, "rate": "8000", "mix": "stereo"}
# The README of mod_audio_fork: `{to: '6173333456', from: '2061236666', callid: req.get('Call-Id')}` by JSON.stringify.
METADATA = '{"to":"6173333456","from":"2061236666","callid":"a84b4c76e66710"}'


def dialect(query: Mapping[str, str] = QUERY, section: FreeSwitchSettings | None = None) -> FreeSwitchDialect:
    return FreeSwitchDialect(Upgrade("/v1/freeswitch", query), section or FreeSwitchSettings(), LIMIT)


def started(events: list[Incoming]) -> CallStarted:
    (event,) = [event for event in events if isinstance(event, CallStarted)]
    return event


def failure(events: list[Incoming]) -> ProtocolError:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error


class TestACall:
    def test_begins_with_the_metadata_and_what_the_query_says(self) -> None:
        assert dialect().receive_text(METADATA) == [
            CallStarted(
                UUID,
                Encoding.PCM_S16LE,
                8000,
                ("agent", "customer"),
                metadata={"to": "6173333456", "from": "2061236666", "callid": "a84b4c76e66710"},
                platform="freeswitch",
                names={"agent": UUID},
                joins=True,
            )
        ]

    def test_may_be_told_of_in_the_metadata_alone(self) -> None:
        metadata = {"uuid": UUID, "rate": 16_000, "mix": "mono", "read": "customer", "language": "zh", "agent": 1007}
        start = started(dialect({}).receive_text(json.dumps(metadata)))
        assert (start.call_id, start.sample_rate, start.channels) == (UUID, 16_000, ("customer",))
        assert (start.language, start.metadata, start.names) == ("zh", {"agent": "1007"}, {"customer": UUID})

    @pytest.mark.parametrize("text", ["my custom payload", "", "[1]", '"uuid"', "{"])
    def test_needs_no_metadata_that_can_be_read_where_the_query_says_enough(self, text: str) -> None:
        assert started(dialect().receive_text(text)).metadata == {}

    def test_begins_with_audio_where_the_fork_has_no_metadata(self) -> None:
        machine = dialect()
        for _ in range(10):
            assert machine.receive_binary(b"\1\0\2\0" * 160) == []
        start, left, right = machine.receive_binary(b"\3\0\4\0" * 160)
        assert started([start]).call_id == UUID
        assert left == AudioFrame("agent", 0, b"\1\0" * 1600 + b"\3\0" * 160)
        assert right == AudioFrame("customer", 0, b"\2\0" * 1600 + b"\4\0" * 160)
        assert machine.receive_binary(b"\5\0\6\0") == [
            AudioFrame("agent", 1760, b"\5\0"),
            AudioFrame("customer", 1760, b"\6\0"),
        ]

    @pytest.mark.parametrize(
        ("query", "metadata"),
        [
            (QUERY, {"language": "zh", "token": "hz_secret"}),
            ({}, {**QUERY, "language": "zh", "token": "hz_secret"}),
            ({"uuid": UUID}, {"rate": 8000, "mix": "stereo", "language": "zh", "token": "hz_secret"}),
        ],
    )
    def test_may_have_its_metadata_after_some_audio(self, query: dict[str, str], metadata: dict[str, str]) -> None:
        """As mod_audio_stream may send them, of which its issues 121 and 44 tell, and its pull request 123 says why.

        `writeBinary` of `audio_streamer_glue.cpp` sends once the socket is connected, `send_initial_metadata` only when
        the callback for that has found the session.
        """
        machine = dialect(query)
        assert [machine.receive_binary(b"\1\0\2\0" * 160) for _ in range(3)] == [[], [], []]
        sign_in, start, left, right = machine.receive_text(json.dumps(metadata))
        assert sign_in == SignIn("hz_secret")
        assert started([start]).language == "zh"
        assert left == AudioFrame("agent", 0, b"\1\0" * 480)
        assert right == AudioFrame("customer", 0, b"\2\0" * 480)
        assert machine.receive_binary(b"\5\0\6\0")[0] == AudioFrame("agent", 480, b"\5\0")

    def test_has_metadata_of_any_text_however_late_they_come(self) -> None:
        machine = dialect()
        machine.receive_binary(b"\1\0\2\0" * 160)
        start, *frames = machine.receive_text("my custom payload")
        assert started([start]).metadata == {}
        assert len(frames) == 2

    def test_takes_rate_and_mix_from_the_settings_where_nothing_else_says_them(self) -> None:
        section = FreeSwitchSettings(rate=16_000, mix="mono", read="customer")
        machine = dialect({"uuid": UUID}, section)
        assert machine.receive_binary(b"\0" * 6400) == []
        start = started(machine.receive_binary(b"\0\0"))
        assert (start.sample_rate, start.channels) == (16_000, ("customer",))

    @pytest.mark.parametrize(
        ("mix", "read", "channels"),
        [
            ("mono", "agent", ("agent",)),
            ("mono", "customer", ("customer",)),
            ("stereo", "agent", ("agent", "customer")),
            ("stereo", "customer", ("customer", "agent")),
            ("mixed", "agent", ("agent",)),
            ("mixed", "customer", ("agent",)),
        ],
    )
    def test_has_the_leg_on_the_forks_own_channel_left(self, mix: str, read: str, channels: tuple[str, ...]) -> None:
        start = started(dialect({**QUERY, "mix": mix, "read": read}).receive_text("{}"))
        assert start.channels == channels
        assert start.names == {read: UUID}

    def test_may_be_said_in_capitals(self) -> None:
        start = started(dialect({**QUERY, "mix": "Stereo", "read": "Customer"}).receive_text("{}"))
        assert start.channels == ("customer", "agent")

    @pytest.mark.parametrize(("rate", "hertz"), [("8k", 8000), ("16K", 16_000), ("8000", 8000), ("24000", 24_000)])
    def test_has_the_rate_as_the_modules_write_it(self, rate: str, hertz: int) -> None:
        assert started(dialect({**QUERY, "rate": rate}).receive_text("{}")).sample_rate == hertz

    def test_that_two_forks_bring_is_joined_by_its_own_id(self) -> None:
        events = dialect({**QUERY, "call": "c-1"}).receive_text("{}")
        assert (started(events).call_id, started(events).names) == ("c-1", {"agent": UUID})

    def test_has_language_and_agent_from_the_metadata_rather_than_from_the_query(self) -> None:
        query = {**QUERY, "language": "en", "agent": "1001", "campaign": "spring"}
        start = started(dialect(query).receive_text('{"language":"zh","agent":"1007"}'))
        assert (start.language, start.metadata) == ("zh", {"campaign": "spring", "agent": "1007"})

    @pytest.mark.parametrize("query", [{}, {"token": "hz_secret"}])
    def test_that_comes_with_a_token_signs_in_first_and_keeps_it_out_of_everything_else(
        self, query: dict[str, str]
    ) -> None:
        text = "{}" if query else '{"token":"hz_secret","Password":"hz_secret","pin":"hz_secret"}'
        events = dialect({**QUERY, **query}).receive_text(text)
        assert events[0] == SignIn("hz_secret")
        assert "secret" not in repr(events)

    def test_lets_pass_what_is_sent_along_the_way(self) -> None:
        machine = dialect()
        assert started(machine.receive_binary(b"\0" * 6404)).metadata == {}
        assert machine.receive_text(METADATA) == []
        assert machine.receive_text('{"event":"dtmf","digit":"5"}') == []
        assert machine.state is State.STREAMING

    def test_whose_texts_came_as_one_begins_with_the_first(self) -> None:
        assert started(dialect().receive_text(METADATA + '{"uuid":"other"}')).metadata["to"] == "6173333456"

    @given(
        st.sampled_from(["mono", "stereo"]),
        st.binary(max_size=2000),
        st.lists(st.integers(1, 300), max_size=30),
    )
    def test_is_the_same_wherever_its_audio_is_cut(self, mix: str, audio: bytes, sizes: list[int]) -> None:
        machine = dialect({**QUERY, "mix": mix})
        channels = started(machine.receive_text("{}")).channels
        unit = 2 * len(channels)
        audio = audio[: len(audio) // unit * unit]
        heard = dict.fromkeys(channels, b"")
        at = 0
        for size in [*sizes, len(audio)]:
            chunk = audio[at : at + size * unit]
            for event in machine.receive_binary(chunk) if chunk else []:
                assert isinstance(event, AudioFrame)
                assert event.position * 2 == len(heard[event.channel])
                heard[event.channel] += event.payload
            at += size * unit
        samples = [audio[i : i + 2] for i in range(0, len(audio), 2)]
        for number, channel in enumerate(channels):
            assert heard[channel] == b"".join(samples[number :: len(channels)])


class TestAnEnd:
    def test_is_the_last_text_of_a_fork_that_was_stopped_with_one(self) -> None:
        machine = dialect()
        machine.receive_text("{}")
        assert machine.receive_text('{"event":"stop"}') == [CallStopped("stop")]
        assert machine.receive_text("{}") == machine.receive_binary(b"\0") == machine.connection_lost() == []

    def test_is_the_empty_message_of_a_graceful_shutdown(self) -> None:
        machine = dialect()
        machine.receive_text("{}")
        assert machine.receive_binary(b"") == [CallStopped("stop")]
        assert machine.receive_binary(b"") == []

    def test_is_the_closing_of_the_socket(self) -> None:
        machine = dialect()
        machine.receive_text("{}")
        assert machine.connection_lost() == [CallStopped("connection lost")]
        assert machine.connection_lost() == []

    def test_of_what_never_began_is_no_calls(self) -> None:
        assert dialect().connection_lost() == []
        assert dialect().receive_binary(b"") == [Closed()]


class TestAMistake:
    @pytest.mark.parametrize(
        ("query", "text", "field"),
        [
            ({"uuid": UUID, "mix": "mono"}, METADATA, "rate"),
            ({"uuid": UUID, "rate": "8000"}, METADATA, "mix"),
            ({**QUERY, "uuid": "a\nb"}, "{}", "uuid"),
            ({**QUERY, "call": "a b"}, "{}", "call"),
            ({**QUERY, "rate": "44100"}, "{}", "rate"),
            ({**QUERY, "mix": "both"}, "{}", "mix"),
            ({**QUERY, "read": "left"}, "{}", "read"),
            (QUERY, '{"uuid":"another"}', "uuid"),
            (QUERY, '{"rate":"16k"}', "rate"),
            (QUERY, '{"mix":"mono"}', "mix"),
            (QUERY, '{"rate":true}', "rate"),
            (QUERY, '{"rate":[8000]}', "rate"),
            (QUERY, '{"uuid":7}', "uuid"),
            (QUERY, '{"token":true}', "token"),
        ],
    )
    def test_names_the_field(self, query: dict[str, str], text: str, field: str) -> None:
        machine = dialect(query)
        error = failure(machine.receive_text(text))
        assert isinstance(error, BadField)
        assert error.field == field
        assert machine.receive_text("{}") == machine.receive_binary(b"\0\0") == machine.connection_lost() == []

    def test_of_audio_of_which_nothing_is_told_is_waited_for_but_not_for_long(self) -> None:
        machine = dialect({})
        assert [event for _ in range(HELD // 320) for event in machine.receive_binary(b"\0" * 320)] == []
        error = failure(machine.receive_binary(b"\0" * 320))
        assert (error.code, error.field) == ("bad_field", "rate")
        assert machine.receive_text(json.dumps(QUERY)) == []

    def test_of_a_query_is_told_with_the_first_audio(self) -> None:
        error = failure(dialect({**QUERY, "rate": "11025"}).receive_binary(b"\0" * 320))
        assert (error.code, error.field) == ("bad_field", "rate")

    def test_of_bytes_that_are_no_whole_samples(self) -> None:
        machine = dialect()
        machine.receive_text("{}")
        assert isinstance(skipped(machine.receive_binary(b"\0" * 6)), OddBytes)
        early = dialect()
        assert early.receive_binary(b"\0" * 6) == []
        assert isinstance(failure(early.receive_text("{}")), OddBytes)

    def test_of_messages_over_the_limit(self) -> None:
        assert isinstance(failure(dialect().receive_binary(b"\0" * (LIMIT + 1))), TooLarge)
        assert isinstance(failure(dialect().receive_text("保" * (LIMIT // 2))), TooLarge)

    def test_is_told_as_the_module_makes_an_event_of_it(self) -> None:
        machine = dialect()
        error = failure(machine.receive_text('{"rate":"9000"}'))
        said = machine.send_error(error)
        assert json.loads(said)["type"] == "error"
        assert json.loads(said)["data"]["field"] == "rate"
        assert FreeSwitchCaller(Placed(UUID)).receive(said) == []

    @pytest.mark.parametrize("depth", [900, 985, 1000, 100_000])
    def test_of_nesting_is_an_answer_at_any_depth(self, depth: int) -> None:
        text = f'{{"x": {"[" * depth}{"]" * depth}}}'
        assert started(dialect().receive_text(text)).call_id == UUID

    @given(
        st.dictionaries(st.sampled_from(["uuid", "rate", "mix", "read", "token", "agent"]), st.text(max_size=5)),
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.binary(max_size=40),
                st.sampled_from([METADATA, '{"event":"stop"}', "lost", "{}"]),
                st.dictionaries(
                    st.sampled_from(["uuid", "rate", "mix", "read", "language", "agent", "token", "call", "event"]),
                    st.recursive(
                        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
                        max_leaves=5,
                    ),
                ).map(json.dumps),
            ),
            max_size=10,
        ),
    )
    @settings(max_examples=200)
    def test_of_any_kind_is_an_event_and_never_an_exception(
        self, query: dict[str, str], messages: list[str | bytes]
    ) -> None:
        machine = dialect({**QUERY, **query} if "uuid" not in query else query)
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
                over = over or isinstance(event, Failed | CallStopped | Closed)
                if isinstance(event, Failed):
                    assert json.loads(machine.send_error(event.error))["type"] == "error"


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class TestSigningIn:
    SECTION = FreeSwitchSettings(username="fork", password=SecretStr("s3cret:保"))

    def test_lets_in_who_has_the_password(self) -> None:
        assert PLATFORM.signs(self.SECTION)
        assert PLATFORM.admit(Upgrade("/", headers=basic("fork", "s3cret:保")), self.SECTION, 0.0) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            basic("fork", "wrong"),
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
        assert not PLATFORM.signs(FreeSwitchSettings())
        assert PLATFORM.admit(Upgrade("/"), FreeSwitchSettings(), 0.0) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            {"username": "fork"},
            {"password": "x"},
            {"username": "a:b", "password": "x"},
            {"esl_password": "a\n\napi shutdown"},
            {"esl_password": ""},
            {"esl_user": "1000"},
            {"context": "a b"},
            {"rate": 44_100},
            {"unknown": 1},
        ],
    )
    def test_and_everything_else_is_checked_when_it_is_set(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            FreeSwitchSettings.model_validate(wrong)


class TestTheModuleInSmall:
    @given(
        st.sampled_from([("agent",), ("customer",), ("agent", "customer"), ("customer", "agent")]),
        st.sampled_from([None, "zh"]),
        st.sampled_from([{}, {"token": "hz_t"}, {"username": "fork", "password": "p"}]),
        st.lists(st.binary(max_size=64).map(lambda data: data * 4), max_size=5),
    )
    def test_brings_the_same_samples(
        self, channels: tuple[str, ...], language: str | None, secrets: dict[str, str], frames: list[bytes]
    ) -> None:
        (caller,) = callers(Placed(UUID, channels, language, secrets))
        dial = caller.dial("ws://127.0.0.1:8765")
        target = dial.url.removeprefix("ws://127.0.0.1:8765")
        headers = {name.lower(): value for name, value in dial.headers.items()}
        upgrade = Upgrade(target, dict(parse_qsl(target.partition("?")[2])), headers)
        assert (upgrade.path, dial.subprotocol) == (PLATFORM.path, PLATFORM.subprotocols[0])
        if "username" in secrets:
            section = FreeSwitchSettings(username="fork", password=SecretStr("p"))
            assert PLATFORM.admit(upgrade, section, 0.0) is None
        machine = PLATFORM.dialect(upgrade, FreeSwitchSettings(), LIMIT)
        sent = [*caller.begin(), *(message for frame in frames for message in caller.audio(frame)), *caller.end()]
        events: list[Incoming] = []
        for message in sent:
            events += machine.receive_text(message) if isinstance(message, str) else machine.receive_binary(message)
        assert caller.over
        begun = [event for event in events if isinstance(event, CallStarted)]
        if not begun:
            assert not any(isinstance(message, bytes) for message in sent)
            return
        assert (begun[0].call_id, begun[0].channels, begun[0].language) == (UUID, channels, language)
        assert ([event for event in events if isinstance(event, SignIn)] == [SignIn("hz_t")]) == ("token" in secrets)
        heard = {
            channel: b"".join(e.payload for e in events if isinstance(e, AudioFrame) and e.channel == channel)
            for channel in channels
        }
        audio = b"".join(frames)
        samples = [audio[i : i + 2] for i in range(0, len(audio), 2)]
        assert heard == {channel: b"".join(samples[number :: len(channels)]) for number, channel in enumerate(channels)}
        if language or "token" in secrets or audio:
            assert events[-1] == CallStopped("stop")

    @pytest.mark.parametrize(
        "message", [b"\0\0", "", "[]", "{}", '{"type":"block"}', '{"type":"playAudio"}', '{"type":["json"]}']
    )
    def test_refuses_what_the_module_throws_away(self, message: str | bytes) -> None:
        with pytest.raises(Refused):
            FreeSwitchCaller(Placed(UUID)).receive(message)

    def test_is_told_nothing_of_the_call(self) -> None:
        assert dialect().send(Started("zh@1", "base")) is None
