"""Asterisk's media socket: the messages of its documentation, in both forms, and all that is none."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dialects.asterisk import FORMATS, HELD, PLATFORM, AsteriskSettings, State, admit
from streamer.dialects.dialect import Dialect, Upgrade
from streamer.dialects.events import Failed, Skipped
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, TooLarge
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, Gap, SignIn, Started
from tests.streamer.dialects.asterisk_messages import (
    CHANGELOG,
    FIRST_RELEASES,
    JSON,
    LIMIT,
    OTHERS,
    PLAIN,
    SECTION,
    dialect,
    failure,
    started,
)
from tests.streamer.dialects.skipping import skipped


class TestMediaStart:
    @pytest.mark.parametrize("message", [PLAIN, JSON])
    def test_begins_a_call_in_either_form(self, message: str) -> None:
        (event,) = dialect().receive_text(message)
        assert event == CallStarted(
            "pbx1-123456789.999", Encoding.MULAW, 8000, ("agent",), platform="asterisk", joins=True
        )

    def test_of_the_first_releases_gives_the_channels_name_for_want_of_an_id(self) -> None:
        (event,) = dialect().receive_text(FIRST_RELEASES)
        assert isinstance(event, CallStarted)
        assert event.call_id == "WebSocket/connectionid"

    def test_keeps_the_exchanges_own_variables_to_itself(self) -> None:
        (event,) = dialect().receive_text(CHANGELOG)
        assert isinstance(event, CallStarted)
        assert (event.call_id, event.metadata) == ("1761245643.1", {})

    def test_takes_leg_call_and_language_from_the_address(self) -> None:
        query = {
            "leg": "customer",
            "call": "1763991234.12",
            "language": "zh",
            "agent_channel": "1763991234.12",
            "customer_channel": "1763991240.13",
            "agent": "王芳",
            "campaign": "spring",
        }
        (event,) = dialect(query).receive_text(PLAIN)
        assert event == CallStarted(
            "1763991234.12",
            Encoding.MULAW,
            8000,
            ("customer",),
            "zh",
            metadata={"agent": "王芳", "campaign": "spring"},
            platform="asterisk",
            names={"agent": "1763991234.12", "customer": "1763991240.13"},
            joins=True,
        )

    def test_takes_them_from_channel_variables_too_and_believes_those_first(self) -> None:
        message = json.loads(JSON)
        message["channel_variables"] |= {
            "HUAZHA_CALL": "c-1",
            "HUAZHA_LEG": "customer",
            "HUAZHA_AGENT_CHANNEL": "a.1",
            "HUAZHA_AGENT": "Wang",
            "language": "en",
            "PIN": "4711",
        }
        (event,) = dialect({"call": "c-2", "leg": "agent", "language": "zh", "campaign": "x"}).receive_text(
            json.dumps(message)
        )
        assert isinstance(event, CallStarted)
        assert (event.call_id, event.channels, event.language) == ("c-1", ("customer",), "en")
        assert event.names == {"agent": "a.1"}
        assert event.metadata == {"campaign": "x", "agent": "Wang"}

    def test_believes_nothing_of_the_address_about_the_call_where_variables_came(self) -> None:
        # What v(...) said for an earlier call stays in the address of later ones.
        sticky = {
            "call": "OLD",
            "leg": "customer",
            "agent_channel": "old-agent",
            "customer_channel": "old-customer",
            "language": "en",
            "token": "hz_old",
            "agent": "Wang",
            "campaign": "spring",
        }
        message = json.loads(JSON)
        message["channel_variables"]["HUAZHA_LANGUAGE"] = "zh"
        (event,) = dialect(sticky).receive_text(json.dumps(message))
        assert isinstance(event, CallStarted)
        assert (event.call_id, event.channels, event.language) == ("pbx1-123456789.999", ("agent",), "zh")
        assert event.names == {}
        assert event.metadata == {"campaign": "spring"}
        (remark,) = event.remarks
        assert remark.reason == "address"
        assert "agent, agent_channel, call, customer_channel, language, leg, token" in remark.detail
        assert "hz_old" not in repr(event)

    @pytest.mark.parametrize("value", ["", "  ", "${UNSET}", None])
    def test_believes_nothing_of_it_even_where_the_variables_were_left_empty(self, value: str | None) -> None:
        message = json.loads(JSON)
        message["channel_variables"]["huazha_agent_channel"] = value
        (event,) = dialect({"agent_channel": "old-agent"}).receive_text(json.dumps(message))
        assert isinstance(event, CallStarted)
        assert event.names == {}
        assert [remark.reason for remark in event.remarks] == ["address"]

    def test_has_nothing_to_remark_where_both_say_the_same(self) -> None:
        message = json.loads(JSON)
        message["channel_variables"] |= {"HUAZHA_CALL": "c-1", "HUAZHA_LEG": "agent"}
        (event,) = dialect({"call": "c-1", "leg": "agent", "language": ""}).receive_text(json.dumps(message))
        assert isinstance(event, CallStarted)
        assert (event.call_id, event.remarks) == ("c-1", ())

    def test_believes_a_variable_with_our_name_before_one_without(self) -> None:
        message = json.loads(JSON)
        message["channel_variables"] |= {"HUAZHA_CALL": "ours", "call": "another's"}
        (event,) = dialect().receive_text(json.dumps(message))
        assert isinstance(event, CallStarted)
        assert event.call_id == "ours"

    def test_takes_numbers_for_their_text_and_what_is_empty_for_nothing(self) -> None:
        message = json.loads(JSON)
        message["channel_variables"] |= {"HUAZHA_CALL": 4711, "HUAZHA_AGENT": 1042, "HUAZHA_LEG": "", "HUAZHA_X": [1]}
        (event,) = dialect().receive_text(json.dumps(message))
        assert isinstance(event, CallStarted)
        assert (event.call_id, event.channels, event.metadata) == ("4711", ("agent",), {"agent": 1042})

    def test_with_a_token_signs_in_first_and_keeps_it_out_of_everything_else(self) -> None:
        sign_in, start = dialect({"token": "hz_secret", "call": "c"}).receive_text(PLAIN)
        assert sign_in == SignIn("hz_secret")
        assert isinstance(start, CallStarted)
        assert "hz_secret" not in repr([sign_in, start])

    @pytest.mark.parametrize("name", FORMATS)
    def test_names_a_format_that_can_be_listened_to(self, name: str) -> None:
        (event,) = dialect().receive_text(PLAIN.replace("ulaw", name))
        assert isinstance(event, CallStarted)
        assert (event.encoding, event.sample_rate) == FORMATS[name]

    @pytest.mark.parametrize("name", ["opus", "g722", "g729", "speex", "slin96", "slin192", "ulaw2"])
    def test_of_another_format_is_refused_with_what_to_dial_instead(self, name: str) -> None:
        error = failure(dialect().receive_text(PLAIN.replace("ulaw", name)))
        assert isinstance(error, BadField)
        assert error.field == "format"
        assert name in error.message
        assert "c(ulaw)" in error.message

    def test_may_call_legs_as_the_settings_do(self) -> None:
        section = AsteriskSettings(leg="customer", legs={"a": "agent", "b": "customer"})
        for query, leg in (
            ({}, "customer"),
            ({"leg": "a"}, "agent"),
            ({"leg": "A"}, "agent"),
            ({"leg": "b"}, "customer"),
        ):
            (event,) = dialect(query, section).receive_text(PLAIN)
            assert isinstance(event, CallStarted)
            assert event.channels == (leg,)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"leg": "supervisor"}, "leg"),
            ({"call": "x" * 129}, "call"),
            ({"call": "a\nb"}, "call"),
            ({"agent_channel": "a\x1b[2J"}, "agent_channel"),
        ],
    )
    def test_with_a_wrong_parameter_names_it(self, query: dict[str, str], field: str) -> None:
        error = failure(dialect(query).receive_text(PLAIN))
        assert isinstance(error, BadField)
        assert error.field == field

    def test_without_any_name_of_the_call_gives_it_one_and_says_so(self) -> None:
        (event,) = dialect().receive_text("MEDIA_START format:ulaw")
        assert isinstance(event, CallStarted)
        assert event.call_id.startswith("unnamed-")
        assert not event.joins
        assert [remark.reason for remark in event.remarks] == ["call_id"]

    def test_that_comes_again_is_passed_over(self) -> None:
        assert isinstance(skipped(started().receive_text(PLAIN)), OutOfOrder)


class TestACall:
    @given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=2000), st.lists(st.integers(0, 300), max_size=30))
    def test_is_the_same_wherever_its_audio_is_cut(self, name: str, audio: bytes, sizes: list[int]) -> None:
        width = FORMATS[name][0].width
        audio = audio[: len(audio) // width * width]
        machine = started(name)
        heard, at = b"", 0
        for size in [*sizes, len(audio)]:
            for event in machine.receive_binary(audio[at : at + size * width]):
                assert isinstance(event, AudioFrame)
                assert (event.channel, event.position * width) == ("agent", len(heard))
                heard += event.payload
            at += size * width
        assert heard == audio
        assert machine.connection_lost() == [CallStopped("connection lost")]

    @given(st.sampled_from(["ulaw", "slin16"]), st.lists(st.binary(max_size=400), max_size=8), st.binary(max_size=400))
    def test_that_is_heard_before_its_start_loses_nothing(self, name: str, early: list[bytes], late: bytes) -> None:
        width = FORMATS[name][0].width
        early = [chunk[: len(chunk) // width * width] for chunk in early]
        late = late[: len(late) // width * width]
        machine = dialect()
        assert [machine.receive_binary(chunk) for chunk in early] == [[]] * len(early)
        events = [*machine.receive_text(PLAIN.replace("ulaw", name)), *machine.receive_binary(late)]
        assert isinstance(events[0], CallStarted)
        heard = b""
        for event in events[1:]:
            assert isinstance(event, AudioFrame)
            assert event.position * width == len(heard)
            heard += event.payload
        assert heard == b"".join(early) + late

    @given(st.sampled_from(["ulaw", "slin16"]), st.lists(st.integers(1, 20_000), min_size=4, max_size=8))
    def test_that_is_heard_long_before_its_start_keeps_its_time(self, name: str, sizes: list[int]) -> None:
        width = FORMATS[name][0].width
        audio = bytes(number % 251 for number in range(sum(sizes) * width))
        machine = dialect()
        at = 0
        for size in sizes:
            machine.receive_binary(audio[at : at + size * width])
            at += size * width
        _, *events = machine.receive_text(PLAIN.replace("ulaw", name))
        lost = sum(event.samples for event in events if isinstance(event, Gap))
        (frame,) = [event for event in events if isinstance(event, AudioFrame)]
        assert frame.position == lost
        assert len(frame.payload) <= HELD
        assert frame.payload == audio[lost * width :]
        assert machine.receive_binary(b"\0" * width) == [AudioFrame("agent", len(audio) // width, b"\0" * width)]

    @pytest.mark.parametrize("message", OTHERS)
    @pytest.mark.parametrize("begun", [False, True])
    def test_is_not_touched_by_other_events(self, message: str, begun: bool) -> None:
        machine = started() if begun else dialect()
        state = machine.state
        assert machine.receive_text(message) == []
        assert machine.state is state

    def test_that_loses_its_connection_stops_once(self) -> None:
        machine = started()
        assert machine.connection_lost() == [CallStopped("connection lost")]
        assert machine.connection_lost() == []
        assert machine.state is State.STOPPED

    def test_that_never_began_has_nothing_to_stop(self) -> None:
        machine = dialect()
        machine.receive_binary(b"\0" * 160)
        assert machine.connection_lost() == []

    def test_is_told_nothing(self) -> None:
        machine: Dialect = started()
        assert machine.send(Started("zh@1", "base")) is None
        assert machine.send_error(BadField("format", "wrong")) is None


class TestAMistake:
    def test_of_samples_that_are_not_whole_is_a_gap_and_no_end(self) -> None:
        machine = started("slin")
        events = machine.receive_binary(b"\0" * 321)
        assert isinstance(skipped(events), OddBytes)
        assert isinstance(events[0], Gap)
        assert events[0].samples == 160
        assert machine.receive_binary(b"\0" * 2) == [AudioFrame("agent", 160, b"\0" * 2)]

    def test_of_samples_before_the_start_that_turn_out_not_to_be_whole_is_one_too(self) -> None:
        machine = dialect()
        machine.receive_binary(b"\0" * 321)
        start, gap = machine.receive_text(PLAIN.replace("ulaw", "slin"))
        assert isinstance(start, CallStarted)
        assert isinstance(gap, Gap)
        assert gap.samples == 160
        assert machine.receive_binary(b"\0" * 2) == [AudioFrame("agent", 160, b"\0" * 2)]

    def test_of_size_is_counted_in_bytes(self) -> None:
        assert isinstance(skipped(started().receive_binary(b"\0" * (LIMIT + 1))), TooLarge)
        assert isinstance(skipped(started().receive_text("保" * (LIMIT // 2))), TooLarge)
        assert isinstance(failure(dialect().receive_text("保" * (LIMIT // 2))), TooLarge)

    @pytest.mark.parametrize("message", ["", "hello there", "{", '{"event": 1}', "[]", "media_start"])
    def test_in_a_text_ends_no_call(self, message: str) -> None:
        machine = started()
        skipped(machine.receive_text(message))
        assert machine.receive_binary(b"\0" * 160) == [AudioFrame("agent", 0, b"\0" * 160)]

    def test_of_audio_after_the_end_is_nothing(self) -> None:
        machine = started()
        machine.connection_lost()
        assert machine.receive_binary(b"\0") == []

    @pytest.mark.parametrize("message", ["", " ", "hello there", "media_start format:ulaw", "123", "[]", "{}"])
    def test_of_what_is_no_event(self, message: str) -> None:
        error = failure(dialect().receive_text(message))
        assert isinstance(error, BadField)
        assert error.field == "event"

    @pytest.mark.parametrize("message", ["{", '{"event": MEDIA_START}', '{"a":' * 100_000])
    def test_of_what_is_no_json(self, message: str) -> None:
        assert isinstance(failure(dialect().receive_text(message)), BadJson)

    def test_shuts_the_ears(self) -> None:
        machine = dialect()
        failure(machine.receive_text("hello"))
        assert machine.receive_text(PLAIN) == machine.receive_binary(b"\0") == machine.connection_lost() == []

    @given(
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.binary(max_size=40),
                st.sampled_from([FIRST_RELEASES, PLAIN, JSON, CHANGELOG, *OTHERS, "lost"]),
                st.fixed_dictionaries(
                    {"event": st.just("MEDIA_START") | st.text(max_size=5)},
                    optional={
                        "format": st.sampled_from(["ulaw", "slin"]) | st.none() | st.text(max_size=5),
                        "channel_id": st.integers() | st.text(max_size=5),
                        "channel_variables": st.lists(st.none(), max_size=1)
                        | st.dictionaries(
                            st.sampled_from(["HUAZHA_CALL", "leg", "token", "language", "PIN", "HUAZHA_\n\x1b[2J"]),
                            st.none() | st.text(st.characters(), max_size=5) | st.just("\ud800"),
                        ),
                    },
                ).map(json.dumps),
            ),
            max_size=12,
        )
    )
    @settings(max_examples=300)
    def test_of_any_kind_is_an_event_and_never_an_exception(self, messages: list[str | bytes]) -> None:
        machine = dialect()
        failed = False
        for message in messages:
            if message == "lost":
                events = machine.connection_lost()
            elif isinstance(message, str):
                events = machine.receive_text(message)
            else:
                events = machine.receive_binary(message)
            assert not (failed and events)
            errors = [event.error for event in events if isinstance(event, Failed | Skipped)]
            assert all(f"{error} {error.field}".isprintable() for error in errors)
            failed = failed or any(isinstance(event, Failed) for event in events)
            json.dumps(
                [{**e.metadata, **e.names} for e in events if isinstance(e, CallStarted)], ensure_ascii=False
            ).encode()


class TestAnUpgrade:
    @staticmethod
    def basic(pair: str) -> dict[str, str]:
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def test_with_the_password_of_the_settings_is_let_in(self) -> None:
        assert PLATFORM.signs(SECTION)
        assert admit(Upgrade("/v1/asterisk", {}, self.basic("pbx:media-secret")), SECTION, 0.0) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            basic("pbx:wrong"),
            basic("other:media-secret"),
            basic("pbx:media-secret2"),
            {"authorization": "Bearer media-secret"},
            {"authorization": "Basic"},
            {"authorization": "Basic ===="},
            {"authorization": "Basic ÿ"},
        ],
    )
    def test_with_any_other_is_not_and_is_told_no_secret(self, headers: dict[str, str]) -> None:
        said = admit(Upgrade("/v1/asterisk", {}, headers), SECTION, 0.0)
        assert said
        assert "secret" not in said

    def test_needs_none_where_none_is_set(self) -> None:
        assert not PLATFORM.signs(AsteriskSettings())
        assert admit(Upgrade("/v1/asterisk"), AsteriskSettings(), 0.0) is None

    def test_is_answered_with_the_subprotocol(self) -> None:
        assert (PLATFORM.name, PLATFORM.path, PLATFORM.subprotocols) == ("asterisk", "/v1/asterisk", ("media",))
