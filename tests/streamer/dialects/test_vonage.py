"""Vonage's socket: what the first message says, whose voice it is, who is let in, and every end."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from streamer.callers.caller import Placed, Refused
from streamer.callers.vonage import FRAME, VonageCaller, callers
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Failed, Incoming
from streamer.dialects.vonage import (
    PLATFORM,
    Admission,
    State,
    VonageDialect,
    VonageSettings,
    admit,
    read_key,
    signed,
    verified,
)
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, ProtocolError, TooLarge
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, SignIn, Started
from tests.platforms.vonage import pem, private_key
from tests.streamer.dialects.skipping import skipped

LIMIT = 1 << 20
# The guide's example of a first message, as it stands there.
DOCUMENTED = """{
    "event":"websocket:connected",
    "content-type":"audio/l16;rate=16000",
    "language": "en-GB",
    "callerID": "447700900123"
}"""
DTMF = '{"event":"websocket:dtmf","digit":"5","duration":260}'
CONNECTED: dict[str, Any] = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", "call": "c-1"}
NAMELESS = {name: value for name, value in CONNECTED.items() if name != "call"}


def dialect(query: Mapping[str, str] | None = None, section: VonageSettings | None = None) -> VonageDialect:
    return VonageDialect(Upgrade("/v1/vonage", query or {}), section or VonageSettings(), LIMIT)


def begun(said: Mapping[str, Any] | str, query: Mapping[str, str] | None = None, leg: Any = "agent") -> CallStarted:
    text = said if isinstance(said, str) else json.dumps(said)
    events = dialect(query, VonageSettings(leg=leg)).receive_text(text)
    (event,) = [event for event in events if isinstance(event, CallStarted)]
    return event


def failure(events: list[Incoming]) -> ProtocolError:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error


class TestACall:
    def test_begins_with_the_documented_message(self) -> None:
        assert begun(DOCUMENTED, {"call": "c-1"}) == CallStarted(
            "c-1",
            Encoding.PCM_S16LE,
            16_000,
            ("agent",),
            "en-GB",
            metadata={"callerID": "447700900123"},
            platform="vonage",
            joins=True,
        )

    @pytest.mark.parametrize("rate", [8000, 16_000, 24_000])
    @pytest.mark.parametrize("form", ["audio/l16;rate={}", "audio/L16; rate={}", "audio/l16 ;rate={}"])
    def test_has_the_rate_that_it_says(self, rate: int, form: str) -> None:
        assert begun({**CONNECTED, "content-type": form.format(rate)}).sample_rate == rate

    def test_takes_what_the_endpoints_headers_say(self) -> None:
        headers = {
            "token": "hz_secret",
            "language": "zh",
            "leg": "customer",
            "agent": "1042",
            "campaign": {"id": 7},
            "agent_call_uuid": "a-uuid",
            "customerCallUuid": "c-uuid",
        }
        sign_in, start = dialect().receive_text(json.dumps({**CONNECTED, **headers}))
        assert isinstance(start, CallStarted)
        assert sign_in == SignIn("hz_secret")
        assert (start.call_id, start.language, start.channels) == ("c-1", "zh", ("customer",))
        assert start.names == {"agent": "a-uuid", "customer": "c-uuid"}
        assert start.metadata == {"agent": "1042", "campaign": {"id": 7}}
        assert "secret" not in repr([sign_in, start])

    def test_is_known_by_its_conversation_where_it_has_no_name(self) -> None:
        conversation = {"conversation_uuid": "CON-1"}
        assert begun({**CONNECTED, **conversation}).call_id == "c-1"
        assert begun({**NAMELESS, **conversation}).call_id == "CON-1"

    def test_may_be_told_of_in_the_address_but_for_a_token(self) -> None:
        start = begun(NAMELESS, {"call": "c-9", "leg": "customer", "token": "hz_logged"})
        assert (start.call_id, start.channels) == ("c-9", ("customer",))
        assert "hz_logged" not in repr(start)

    def test_brings_the_leg_that_is_set_where_nothing_says_it(self) -> None:
        assert begun(CONNECTED, leg="customer").channels == ("customer",)

    @given(st.binary(max_size=2000), st.lists(st.integers(0, 300), max_size=30))
    def test_is_the_same_wherever_its_audio_is_cut(self, audio: bytes, sizes: list[int]) -> None:
        audio = audio[: len(audio) // 2 * 2]
        machine = dialect()
        machine.receive_text(json.dumps(CONNECTED))
        heard = b""
        at = 0
        for size in [*sizes, len(audio)]:
            for event in machine.receive_binary(audio[at : at + size * 2]):
                assert isinstance(event, AudioFrame)
                assert (event.channel, event.position * 2) == ("agent", len(heard))
                heard += event.payload
            at += size * 2
        assert heard == audio
        assert machine.connection_lost() == [CallStopped("connection lost")]
        assert machine.state is State.STOPPED
        assert machine.connection_lost() == machine.receive_binary(b"\0") == machine.receive_text("{") == []

    @pytest.mark.parametrize(
        "later",
        [
            DTMF,
            '{"event":"websocket:cleared"}',
            '{"event":"websocket:notify","payload":{"x":1}}',
            '{"event":"websocket:new"}',
        ],
    )
    def test_lets_later_texts_pass(self, later: str) -> None:
        machine = dialect()
        machine.receive_text(json.dumps(CONNECTED))
        assert machine.receive_text(later) == []
        assert machine.receive_binary(b"\1\0") == [AudioFrame("agent", 0, b"\1\0")]

    def test_that_never_began_has_nothing_to_stop(self) -> None:
        assert dialect().connection_lost() == []

    def test_is_told_nothing_which_the_others_would_hear(self) -> None:
        assert dialect().send(Started("zh@1", "base")) is None
        assert dialect().send_error(OutOfOrder("no")) is None


class TestAMistake:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"event": None}, "event"),
            ({"content-type": None}, "content-type"),
            ({"content-type": "audio/l16"}, "content-type"),
            ({"content-type": "audio/l16;rate=44100"}, "content-type"),
            ({"content-type": "audio/x-mulaw;rate=8000"}, "content-type"),
            ({"call": "a\nb"}, "parameter call"),
            ({"leg": "both"}, "parameter leg"),
            ({"call": ["c"]}, "parameter call"),
            ({"token": True}, "parameter token"),
            ({"agent_call_uuid": {}}, "parameter agent_call_uuid"),
        ],
    )
    def test_names_the_field(self, change: dict[str, Any], field: str) -> None:
        machine = dialect()
        error = failure(machine.receive_text(json.dumps({**CONNECTED, **change})))
        assert isinstance(error, BadField)
        assert error.field == field
        assert machine.receive_text("{}") == machine.receive_binary(b"\0") == machine.connection_lost() == []

    @pytest.mark.parametrize("message", ["", "[]", '"x"', "no", "[" * 100_000])
    def test_of_what_is_no_object(self, message: str) -> None:
        assert isinstance(failure(dialect().receive_text(message)), BadJson)

    def test_of_what_comes_before_the_first_message(self) -> None:
        assert isinstance(failure(dialect().receive_text(DTMF)), OutOfOrder)
        assert isinstance(failure(dialect().receive_binary(b"\0\0")), OutOfOrder)

    def test_of_a_second_first_message(self) -> None:
        machine = dialect()
        machine.receive_text(json.dumps(CONNECTED))
        assert isinstance(skipped(machine.receive_text(json.dumps(CONNECTED))), OutOfOrder)

    def test_of_bytes_that_are_no_whole_samples(self) -> None:
        machine = dialect()
        machine.receive_text(json.dumps(CONNECTED))
        assert isinstance(skipped(machine.receive_binary(b"\0" * 641)), OddBytes)

    def test_of_messages_over_the_limit(self) -> None:
        assert isinstance(failure(dialect().receive_binary(b"\0" * (LIMIT + 1))), TooLarge)
        assert isinstance(failure(dialect().receive_text("保" * (LIMIT // 2))), TooLarge)

    @given(
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.binary(max_size=40),
                st.sampled_from([json.dumps(CONNECTED), DTMF, "lost"]),
                st.dictionaries(
                    st.sampled_from([*CONNECTED, "token", "leg", "language", "agent", "conversation_uuid", "track"]),
                    st.recursive(
                        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
                        max_leaves=5,
                    ),
                ).map(lambda change: json.dumps({**CONNECTED, **change})),
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
                if isinstance(event, CallStarted):
                    json.dumps(dict(event.metadata), allow_nan=False).encode()


NOW = 1_700_000_000.0
SECRET = "s3cret"
CLAIMS = {"iat": int(NOW), "jti": "j-1", "iss": "Vonage", "api_key": "abcd1234", "application_id": "app-1"}


def asked(token: str, scheme: str = "Bearer") -> Upgrade:
    return Upgrade("/v1/vonage", headers={"authorization": f"{scheme} {token}"})


def coded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class TestTheToken:
    SECTION = VonageSettings(signature_secret=SecretStr(SECRET), application_id="app-1")

    def test_lets_one_socket_in(self) -> None:
        door = Admission()
        again = asked(signed(CLAIMS, SECRET))
        assert door.admit(again, self.SECTION, NOW) is None
        assert "used before" in str(door.admit(again, self.SECTION, NOW + 1))
        assert door.admit(asked(signed({**CLAIMS, "jti": "j-2"}, SECRET)), self.SECTION, NOW) is None
        nameless = asked(signed({name: CLAIMS[name] for name in CLAIMS if name != "jti"}, SECRET))
        assert [door.admit(nameless, self.SECTION, NOW) for _ in range(2)] == [None, None]

    def test_that_the_specification_gives_is_verified(self) -> None:
        # jwt.io's example of HS256, which every library is tried with.
        token = (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
            ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
            ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        )
        assert verified(token, "your-256-bit-secret") == {"sub": "1234567890", "name": "John Doe", "iat": 1516239022}
        assert verified(token, "your-256-bit-secreT") is None

    @pytest.mark.parametrize("age", [0, 299, -299])
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_lets_vonage_in(self, age: int, scheme: str) -> None:
        assert PLATFORM.signs(self.SECTION)
        claims = {**CLAIMS, "iat": int(NOW) - age}
        assert admit(asked(signed(claims, SECRET), scheme), self.SECTION, NOW) is None

    def test_need_not_tell_its_application(self) -> None:
        claims = {name: value for name, value in CLAIMS.items() if name != "application_id"}
        assert admit(asked(signed(claims, SECRET)), self.SECTION, NOW) is None

    @pytest.mark.parametrize(
        "change",
        [
            {"iat": int(NOW) - 301},
            {"iat": int(NOW) + 301},
            {"iat": None},
            {"iat": "now"},
            {"iat": True},
            {"iat": float("nan")},
            {"iat": 10**400},
            {"exp": NOW - 1},
            {"exp": "never"},
            {"application_id": "app-2"},
        ],
    )
    def test_must_say_what_it_should(self, change: dict[str, Any]) -> None:
        why = admit(asked(signed({**CLAIMS, **change}, SECRET)), self.SECTION, NOW)
        assert why
        assert SECRET not in why

    @pytest.mark.parametrize(
        "upgrade",
        [
            Upgrade("/v1/vonage"),
            asked(""),
            asked("a.b"),
            asked("..."),
            asked("保.保.保"),
            asked("\ud800.a.b"),
            asked(signed(CLAIMS, "other")),
            asked(signed(CLAIMS, SECRET), "Basic"),
            asked(signed(CLAIMS, SECRET)[:-2]),
            asked(f"{coded({'alg': 'none'})}.{coded(CLAIMS)}."),
            asked(signed([], SECRET)),  # type: ignore[arg-type]
        ],
    )
    def test_must_be_signed(self, upgrade: Upgrade) -> None:
        why = admit(upgrade, self.SECTION, NOW)
        assert why
        assert SECRET not in why

    @pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS512"}, {}, [], "HS256"])
    def test_of_another_algorithm_is_none_even_if_it_is_signed(self, header: Any) -> None:
        said = f"{coded(header)}.{coded(CLAIMS)}"
        mac = hmac.digest(SECRET.encode(), said.encode(), "sha256")
        signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert verified(f"{said}.{signature}", SECRET) is None

    @given(st.text(max_size=60))
    def test_of_any_kind_is_refused_and_never_an_exception(self, token: str) -> None:
        assert admit(asked(token), self.SECTION, NOW)

    def test_is_not_asked_for_where_nothing_is_set(self) -> None:
        assert not PLATFORM.signs(VonageSettings())
        assert admit(Upgrade("/"), VonageSettings(), NOW) is None


class TestSettings:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"leg": "caller"},
            {"signature_secret": ""},
            {"max_age": 0},
            {"address": "api.nexmo.com"},
            {"number": "+4930"},
            {"timeout": 0},
            {"unknown": 1},
        ],
    )
    def test_are_checked(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            VonageSettings.model_validate(wrong)

    @pytest.mark.parametrize(
        "key", ["", "SECRET-KEY", "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----"]
    )
    def test_of_a_key_that_is_none_are_refused_without_the_key(self, key: str) -> None:
        with pytest.raises(ValidationError) as refused:
            VonageSettings.model_validate({"private_key": key})
        assert "RSA private key" in str(refused.value)
        assert "SECRET" not in str(refused.value)

    def test_take_a_key_and_show_nothing_of_it(self) -> None:
        settings = VonageSettings.model_validate({"private_key": pem(private_key())})
        assert settings.private_key is not None
        assert read_key(settings.private_key).key_size == 2048
        assert "BEGIN" not in repr(settings)


class TestVonageInSmall:
    @given(
        st.sampled_from([("agent",), ("customer",), ("agent", "customer"), ("customer", "agent")]),
        st.sampled_from([None, "zh"]),
        st.sampled_from([{}, {"token": "hz_t"}, {"signature_secret": SECRET}]),
        st.lists(st.binary(max_size=1400), max_size=4),
    )
    def test_brings_the_same_samples_on_a_socket_for_each_leg(
        self, channels: tuple[str, ...], language: str | None, secrets: dict[str, str], frames: list[bytes]
    ) -> None:
        placed = Placed("c-1", channels, language, secrets)
        assert [caller.channels for caller in callers(placed)] == [(channel,) for channel in channels]
        for channel in channels:
            caller = VonageCaller(placed, channel, NOW)
            dial = caller.dial("ws://127.0.0.1:8765")
            target = dial.url.removeprefix("ws://127.0.0.1:8765")
            headers = {name.lower(): value for name, value in dial.headers.items()}
            upgrade = Upgrade(target, dict(parse_qsl(target.partition("?")[2])), headers)
            assert upgrade.path == PLATFORM.path
            if "signature_secret" in secrets:
                section = VonageSettings(signature_secret=SecretStr(SECRET))
                assert admit(upgrade, section, NOW + 5) is None
            machine = PLATFORM.dialect(upgrade, VonageSettings(), LIMIT)
            sent = [*caller.begin(), *(message for frame in frames for message in caller.audio(frame)), *caller.end()]
            events: list[Incoming] = []
            for message in sent:
                events += machine.receive_text(message) if isinstance(message, str) else machine.receive_binary(message)
            assert caller.over
            (start,) = [event for event in events if isinstance(event, CallStarted)]
            assert (start.call_id, start.channels, start.language) == ("c-1", (channel,), language)
            assert start.names == caller.names
            assert (SignIn("hz_t") in events) == ("token" in secrets)
            heard = b"".join(event.payload for event in events if isinstance(event, AudioFrame))
            # Each message has 20 ms; what is missing of a frame is silence.
            assert heard == b"".join(frame + b"\0" * (-len(frame) % FRAME) for frame in frames)
            assert machine.connection_lost() == [CallStopped("connection lost")]

    @pytest.mark.parametrize(
        "message", [b"\0" * 320, "", "[]", "{}", '{"action":"mute"}', '{"action":"notify"}', "[" * 100_000]
    )
    def test_refuses_what_vonage_would_not_take(self, message: str | bytes) -> None:
        with pytest.raises(Refused):
            VonageCaller(Placed("c"), "agent", NOW).receive(message)

    def test_answers_what_it_takes(self) -> None:
        caller = VonageCaller(Placed("c"), "agent", NOW)
        assert caller.receive(b"\0" * FRAME) == []
        assert [json.loads(str(said)) for said in caller.receive('{"action":"clear"}')] == [
            {"event": "websocket:cleared"}
        ]
        assert [json.loads(str(said)) for said in caller.receive('{"action":"notify","payload":{"x":1}}')] == [
            {"event": "websocket:notify", "payload": {"x": 1}}
        ]
