"""AudioHook's machine: the vendor's own messages, every number out of place, every byte that is no protocol."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dialects.audiohook import NOBODY, PLATFORM, AudiohookSettings, State
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Closed, Failed
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, Overloaded, TooLarge, Unauthorised
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, Gap, Paused, SignIn, Started
from tests.streamer.dialects.audiohook_client import (
    CALL,
    CONNECTOR,
    EXTERNAL,
    HEADERS,
    INTERNAL,
    LIMIT,
    OPEN,
    ORGANIZATION,
    PARTICIPANT,
    SESSION,
    STEREO,
    Client,
    answer,
    call,
    dialect,
    failure,
    opened,
    opening,
)
from tests.streamer.dialects.skipping import skipped


class TestOpen:
    def test_is_answered_before_anything_else(self) -> None:
        reply, started = dialect().receive_text(OPEN)
        assert answer(reply) == {
            "version": "2",
            "type": "opened",
            "seq": 1,
            "clientseq": 1,
            "id": SESSION,
            "parameters": {"startPaused": False, "media": [STEREO]},
        }
        assert started == CallStarted(
            CALL,
            Encoding.MULAW,
            8000,
            ("customer", "agent"),
            metadata={"ani": "+1-555-555-1234", "aniName": "John Doe", "dnis": "+1-800-555-6789"},
            platform="audiohook",
            names={"conversation": CALL, "participant": PARTICIPANT, "organization": ORGANIZATION},
            joins=True,
        )

    def test_of_an_audio_connector_brings_one_leg_and_a_language(self) -> None:
        reply, started = dialect(Upgrade(PLATFORM.path)).receive_text(json.dumps(CONNECTOR))
        assert answer(reply)["id"] == CONNECTOR["id"]
        assert answer(reply)["parameters"]["media"] == [EXTERNAL]
        assert isinstance(started, CallStarted)
        assert started.channels == ("customer",)
        assert started.language == "en-us"
        assert started.metadata == {"ani": "tel:+491604697810", "dnis": "+493070016507"}

    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [
            ([STEREO, EXTERNAL, INTERNAL], STEREO),
            ([EXTERNAL, INTERNAL, STEREO], STEREO),
            (
                [{**STEREO, "channels": ["internal", "external"]}, INTERNAL],
                {**STEREO, "channels": ["internal", "external"]},
            ),
            ([EXTERNAL, INTERNAL], INTERNAL),
            ([EXTERNAL], EXTERNAL),
            ([{**STEREO, "format": "L16"}, {**STEREO, "rate": 16000}, 7, {"channels": {}}, EXTERNAL], EXTERNAL),
        ],
    )
    def test_chooses_one_of_what_is_offered_as_it_is_offered(self, offered: list[Any], chosen: dict[str, Any]) -> None:
        _, events = opened(media=offered)
        assert answer(events[0])["parameters"]["media"] == [chosen]
        legs = {"external": "customer", "internal": "agent"}
        assert call(events).channels == tuple(legs[track] for track in chosen["channels"])

    def test_gives_the_channels_the_legs_that_are_set(self) -> None:
        client = Client(dialect(channels={"external": "agent", "internal": "customer"}))
        assert call(client.say("open", opening(media=[EXTERNAL, INTERNAL]))).channels == ("agent",)

    @pytest.mark.parametrize("channels", [{"external": "agent"}, {"external": "agent", "internal": "agent"}])
    def test_needs_a_leg_for_each_channel(self, channels: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="a leg each"):
            AudiohookSettings.model_validate({"channels": channels})

    @pytest.mark.parametrize("media", [[], [{**STEREO, "format": "L16"}], [{**STEREO, "channels": ["external"] * 2}]])
    def test_without_audio_that_can_be_heard_is_refused(self, media: list[Any]) -> None:
        _, events = opened(media=media)
        assert failure(events).field == "parameters.media"

    def test_takes_what_the_integration_adds(self) -> None:
        _, events = opened(
            language="zh-CN",
            customConfig={"campaign": "春", "agent": "li", "token": "hz_secret", "language": "zh"},
            inputVariables={"queue": "gold"},
        )
        assert events[1] == SignIn("hz_secret")
        started = call(events)
        assert started.language == "zh"
        assert started.metadata["campaign"] == "春"
        assert started.metadata["agent"] == "li"
        assert started.metadata["queue"] == "gold"
        assert "hz_secret" not in repr(events)

    @pytest.mark.parametrize(
        ("custom", "query", "field", "language"),
        [
            ("en", "fr", "de-DE", "en"),
            (None, "fr", "de-DE", "fr"),
            (None, None, "de-DE", "de-DE"),
            (None, None, "", None),
        ],
    )
    def test_takes_the_language_from_the_nearest(
        self, custom: str | None, query: str | None, field: str, language: str | None
    ) -> None:
        upgrade = Upgrade(PLATFORM.path, query={"language": query} if query else {}, headers=HEADERS)
        _, events = opened(upgrade, customConfig={"language": custom}, language=field)
        assert call(events).language == language

    def test_of_a_client_that_asks_for_languages_gets_a_list(self) -> None:
        upgrade = Upgrade(PLATFORM.path, headers=HEADERS, languages=("en", "zh"))
        _, events = opened(upgrade, supportedLanguages=True)
        told = answer(events[0])["parameters"]["supportedLanguages"]
        assert {"zh-CN", "en-US", "en-GB"} <= set(told)
        # As the vendor's client checks them.
        assert all(re.fullmatch("[a-z]{2,3}-[A-Za-z]{2,3}", tag) for tag in told)

    def test_lets_pass_what_is_new(self) -> None:
        _, events = opened(continuedSessions=[{"id": SESSION, "serverseq": 4, "clientseq": 9}], vendor={"x": None})
        assert call(events).call_id == CALL


class TestAProbe:
    def test_is_answered_and_never_a_call(self) -> None:
        nobody = {"id": NOBODY, "ani": "", "aniName": "", "dnis": ""}
        client, events = opened(conversationId=NOBODY, participant=nobody)
        (reply,) = events
        assert answer(reply)["type"] == "opened"
        assert client.dialect.receive_binary(b"\xff" * 3) == []
        assert client.say("discarded", {"start": "PT0S", "discarded": "PT1S"}) == []
        reply, closed = client.say("close", {"reason": "end"})
        assert answer(reply)["type"] == "closed"
        assert closed == Closed()

    def test_that_is_cut_off_was_no_call_either(self) -> None:
        client, _ = opened(conversationId=NOBODY)
        assert client.dialect.connection_lost() == []


class TestNumbers:
    def test_are_of_every_message_and_say_the_last_that_came(self) -> None:
        client, events = opened()
        said = [answer(events[0])]
        client.say("error", {"code": 400, "message": "no matter"})
        said += [answer(client.say("ping", {"rtt": "PT0.0125S"})[0])]
        said += [answer(client.say("update", {"language": "en-US"})[0])]
        client.say("dtmf", {"digit": "5"})
        said += [answer(client.say("close", {"reason": "end"})[0])]
        assert [(one["type"], one["seq"], one["clientseq"]) for one in said] == [
            ("opened", 1, 1),
            ("pong", 2, 3),
            ("updated", 3, 4),
            ("closed", 4, 6),
        ]
        assert {one["id"] for one in said} == {SESSION}

    @pytest.mark.parametrize("seq", [0, 3, 17])
    def test_of_the_client_that_do_not_follow_on_one_another_are_followed(self, seq: int) -> None:
        client, _ = opened()
        pong, odd = client.say("ping", seq=seq)
        assert (answer(pong)["type"], answer(pong)["clientseq"]) == ("pong", seq)
        error = skipped([odd])
        assert isinstance(error, OutOfOrder)
        assert error.field == "seq"
        assert len(client.say("ping", seq=seq + 1)) == 1

    def test_that_come_twice_are_one_message(self) -> None:
        client, _ = opened()
        assert len(client.say("discarded", {"start": "PT0S", "discarded": "PT1S"})) == 2
        again = client.say("discarded", {"start": "PT0S", "discarded": "PT1S"}, seq=2)
        assert isinstance(skipped(again), OutOfOrder)
        assert len(again) == 1

    def test_before_the_session_is_open_are_strict(self) -> None:
        assert failure(Client(dialect()).say("ping", seq=2)).field == "seq"

    def test_of_the_server_can_be_said_late_but_not_early(self) -> None:
        client, _ = opened()
        assert answer(client.say("ping", serverseq=0)[0])["seq"] == 2
        pong, odd = client.say("ping", serverseq=9)
        assert answer(pong)["type"] == "pong"
        assert skipped([odd]).field == "serverseq"

    def test_of_a_disconnect_go_on_from_there(self) -> None:
        client, _ = opened()
        said = client.dialect.send_error(Overloaded())
        assert said is not None
        assert json.loads(said) == {
            "version": "2",
            "type": "disconnect",
            "seq": 2,
            "clientseq": 1,
            "id": SESSION,
            "parameters": {"reason": "error", "info": Overloaded().message},
        }

    def test_of_one_who_may_not_come_in_say_so(self) -> None:
        said = dialect().send_error(Unauthorised("no token"))
        assert said is not None
        assert json.loads(said)["parameters"] == {"reason": "unauthorized", "info": "no token"}


class TestAudio:
    @given(st.sampled_from([STEREO, EXTERNAL, INTERNAL]), st.binary(max_size=4000), st.lists(st.integers(0, 900)))
    def test_is_the_same_however_it_is_cut(self, media: dict[str, Any], audio: bytes, sizes: list[int]) -> None:
        client, events = opened(media=[media])
        channels = call(events).channels
        audio = audio[: len(audio) // len(channels) * len(channels)]
        heard = dict.fromkeys(channels, b"")
        at = 0
        for size in [*sizes, len(audio)]:
            for event in client.dialect.receive_binary(audio[at : at + size * len(channels)]):
                assert isinstance(event, AudioFrame)
                assert event.position == len(heard[event.channel])
                heard[event.channel] += event.payload
            at += size * len(channels)
        assert [heard[channel] for channel in channels] == [audio[i :: len(channels)] for i in range(len(channels))]

    def test_that_was_discarded_is_a_gap_in_every_channel(self) -> None:
        client, _ = opened()
        client.dialect.receive_binary(b"\1\2" * 800)
        gaps = client.say("discarded", {"start": "PT0.1S", "discarded": "PT0.3S"})
        assert [(gap.channel, gap.samples) for gap in gaps if isinstance(gap, Gap)] == [
            ("customer", 2400),
            ("agent", 2400),
        ]
        frames = client.dialect.receive_binary(b"\1\2")
        assert [frame.position for frame in frames if isinstance(frame, AudioFrame)] == [3200, 3200]
        assert client.say("discarded", {"start": "PT0.4S", "discarded": "PT0S"}) == []

    def test_of_a_pause_is_neither_heard_nor_missed(self) -> None:
        client, _ = opened()
        client.dialect.receive_binary(b"\1\2" * 800)
        assert client.say("paused") == [Paused(True)]
        assert client.say("paused") == []
        assert client.dialect.receive_binary(b"\1\2" * 800) == []
        assert client.say("resumed", {"start": "PT0.1S", "discarded": "PT10S"}) == [Paused(False)]
        assert client.say("resumed", {"start": "PT0.1S", "discarded": "PT0S"}) == []
        frames = client.dialect.receive_binary(b"\1\2")
        assert [frame.position for frame in frames if isinstance(frame, AudioFrame)] == [800, 800]

    def test_of_half_a_sample_is_a_mistake(self) -> None:
        client, _ = opened()
        assert isinstance(skipped(client.dialect.receive_binary(b"\1\2\3")), OddBytes)

    def test_before_the_session_is_open_is_a_mistake(self) -> None:
        assert isinstance(failure(dialect().receive_binary(b"\1\2")), OutOfOrder)

    def test_over_the_limit_is_a_mistake(self) -> None:
        client, _ = opened()
        assert isinstance(skipped(client.dialect.receive_binary(b"\0" * (LIMIT + 2))), TooLarge)


class TestTheEnd:
    @pytest.mark.parametrize(
        ("reason", "told"),
        [
            ("end", "stop"),
            ("disconnect", "stop"),
            ("reconnect", "connection lost"),
            ("error", "Genesys Cloud closed the session for an error"),
        ],
    )
    @pytest.mark.parametrize("paused", [False, True])
    def test_is_answered_at_once(self, reason: str, told: str, paused: bool) -> None:
        client, _ = opened()
        if paused:
            client.say("paused")
        reply, stopped = client.say("close", {"reason": reason})
        assert answer(reply)["type"] == "closed"
        assert stopped == CallStopped(told)
        assert client.dialect.connection_lost() == []
        assert client.say("ping") == []
        assert client.dialect.receive_binary(b"\1\2") == []
        assert client.dialect.send_error(Overloaded()) is None

    def test_of_a_client_that_was_told_to_disconnect_is_answered_and_nothing_else_it_says_is(self) -> None:
        """Message by message what `app/audiohook/src/client/clientsessionimpl.ts` of the vendor's client sends.

        On `disconnect` it closes the session (`onDisconnectMessage`), and gives ten seconds for `closed`. Of a socket
        that is closed before, it says "closed unexpectedly".
        """
        client, _ = opened()
        client.dialect.receive_binary(b"\1\2" * 1600)
        leaving = [client.dialect.leaving]
        assert client.dialect.send_error(Overloaded()) is not None
        leaving.append(client.dialect.leaving)
        client.serverseq += 1
        assert client.dialect.receive_binary(b"\1\2" * 1600) == []
        assert client.say("ping") == []
        assert client.dialect.receive_text("{") == []
        assert client.dialect.receive_text("x" * (LIMIT + 1)) == []
        reply, done = client.say("close", {"reason": "disconnect"})
        assert (answer(reply)["type"], answer(reply)["seq"], answer(reply)["clientseq"]) == ("closed", 3, 3)
        assert done == Closed()
        assert [*leaving, client.dialect.leaving] == [False, True, False]
        assert client.say("close", {"reason": "disconnect"}) == []
        assert client.dialect.connection_lost() == []

    def test_of_a_client_that_lost_count_and_was_told_so_is_answered(self) -> None:
        client, _ = opened()
        client.say("ping", seq=7)
        assert client.dialect.send_error(Overloaded()) is not None
        reply, _ = client.say("close", {"reason": "disconnect"}, seq=8)
        assert (answer(reply)["type"], answer(reply)["clientseq"]) == ("closed", 8)

    @pytest.mark.parametrize("paused", [False, True])
    def test_without_a_close_is_a_lost_connection(self, paused: bool) -> None:
        client, _ = opened()
        if paused:
            client.say("paused")
        assert client.dialect.connection_lost() == [CallStopped("connection lost")]
        assert client.dialect.connection_lost() == []

    def test_before_a_call_is_none(self) -> None:
        client = Client(dialect())
        assert client.dialect.connection_lost() == []
        reply, closed = client.say("close", {"reason": "error"})
        assert answer(reply)["type"] == "closed"
        assert closed == Closed()


class TestAMistake:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"version": "1"}, "version"),
            ({"version": None}, "version"),
            ({"id": "session"}, "id"),
            ({"id": PARTICIPANT}, "id"),
            ({"type": 1}, "type"),
            ({"seq": "1"}, "seq"),
            ({"seq": True}, "seq"),
            ({"serverseq": -1}, "serverseq"),
            ({"position": "1.5"}, "position"),
            ({"position": "PT-1S"}, "position"),
            ({"parameters": []}, "parameters"),
            ({"type": "paused"}, "type"),
        ],
    )
    def test_in_what_every_message_has_names_the_field(self, change: dict[str, Any], field: str) -> None:
        error = failure(dialect().receive_text(json.dumps({**json.loads(OPEN), **change})))
        assert error.field == field

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"organizationId": "org"}, "organizationId"),
            ({"organizationId": PARTICIPANT}, "organizationId"),
            ({"conversationId": None}, "conversationId"),
            ({"participant": {"id": "x"}}, "participant.id"),
            ({"participant": {"id": PARTICIPANT, "ani": [5]}}, "participant.ani"),
            ({"media": {}}, "media"),
            ({"language": ["zh"]}, "language"),
            ({"customConfig": []}, "customConfig"),
            ({"customConfig": {"token": "x" * 257}}, "customConfig.token"),
            ({"customConfig": {"language": True}}, "customConfig.language"),
        ],
    )
    def test_in_the_opening_names_the_field_and_opens_nothing(self, change: dict[str, Any], field: str) -> None:
        client, events = opened(**change)
        error = failure(events)
        assert isinstance(error, BadField)
        assert error.field == f"parameters.{field}"
        assert client.dialect.state is State.FAILED

    def test_never_says_a_token(self) -> None:
        _, events = opened(customConfig={"token": ["hz_secret"]})
        assert "hz_secret" not in repr(events) + str(failure(events))

    @pytest.mark.parametrize("discarded", ["PT100000S", "PT1e9S", "PTS", "1", 1, None])
    def test_in_what_was_discarded_is_bounded(self, discarded: object) -> None:
        client, _ = opened()
        error = skipped(client.say("discarded", {"start": "PT0S", "discarded": discarded}))
        assert error.field == "parameters.discarded"

    def test_of_opening_twice(self) -> None:
        client, _ = opened()
        assert isinstance(skipped(client.say("open", opening())), OutOfOrder)

    @pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, f'{{"x": {"9" * 5000}}}'])
    def test_of_what_is_no_message(self, text: str) -> None:
        assert isinstance(failure(dialect().receive_text(text)), BadJson)

    def test_of_a_text_over_the_limit_is_counted_in_bytes(self) -> None:
        assert isinstance(failure(dialect().receive_text("保" * (LIMIT // 2))), TooLarge)

    def test_is_told_once(self) -> None:
        machine = dialect()
        machine.receive_text("no")
        assert machine.receive_text(OPEN) == []
        assert machine.receive_binary(b"\1\2") == []
        assert machine.connection_lost() == []

    @given(
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.binary(max_size=40),
                st.tuples(
                    st.sampled_from(["open", "close", "paused", "resumed", "discarded", "ping", "update", "x"]),
                    st.dictionaries(
                        st.sampled_from(["reason", "start", "discarded", "media", "customConfig", "language"]),
                        st.sampled_from(["end", "PT1S", "PT.5S", [STEREO], {}, None, 3, "\ud800", "中"]),
                    ),
                    st.booleans(),
                ),
            ),
            max_size=15,
        )
    )
    @settings(max_examples=300)
    def test_of_any_kind_is_an_event_and_never_an_exception(self, messages: list[Any]) -> None:
        client = Client(dialect())
        failed = False
        for message in messages:
            if isinstance(message, tuple):
                kind, parameters, whole = message
                events = client.say(kind, opening(**parameters) if whole else parameters)
            elif isinstance(message, str):
                events = client.dialect.receive_text(message)
            else:
                events = client.dialect.receive_binary(message)
            if failed:
                # Told to disconnect, a client may close, once.
                assert not events or (answer(events[0])["type"], events[1:]) == ("closed", [Closed()])
                continue
            for event in events:
                if isinstance(event, Failed):
                    failed = True
                    said = client.dialect.send_error(event.error)
                    assert said is not None
                    assert json.loads(said)["type"] == "disconnect"


class TestWhatIsSent:
    def test_is_nothing_that_was_not_asked_for(self) -> None:
        client, _ = opened()
        assert client.dialect.send(Started("zh@1", "base")) is None
        assert answer(client.say("ping")[0])["seq"] == 2
