"""The native protocol's machine: every cut of a call, every message out of place, every byte that is no protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.types import Action, MatchKind, Missing, Status, Violation
from streamer.dialects.events import Failed, Incoming
from streamer.dialects.native import NativeDialect, State, start_message, stop_message
from streamer.errors import BadField, OddBytes, OutOfOrder, TooLarge
from streamer.types import (
    AudioFrame,
    Blind,
    Block,
    CallStarted,
    CallStopped,
    Encoding,
    LegAccount,
    Outgoing,
    SignIn,
    Started,
    Stopped,
    Transcript,
    ViolationReport,
)
from tests.streamer.dialects.skipping import skipped

CORPUS = Path(__file__).parent.parent / "corpus" / "native"
LIMIT = 1 << 20


def started(encoding: Encoding = Encoding.MULAW, channels: tuple[str, ...] = ("agent",)) -> NativeDialect:
    dialect = NativeDialect(LIMIT)
    (event,) = dialect.receive_text(
        start_message(call_id="c-1", encoding=encoding, sample_rate=8000, channels=channels, language="zh")
    )
    assert event == CallStarted("c-1", encoding, 8000, channels, "zh", False, {})
    return dialect


def failure(events: list[Incoming]) -> Exception:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error


class TestACall:
    @given(
        st.sampled_from(Encoding),
        st.sampled_from([("agent",), ("customer",), ("agent", "customer"), ("customer", "agent")]),
        st.binary(max_size=2000),
        st.lists(st.integers(0, 300), max_size=30),
    )
    def test_is_the_same_wherever_its_audio_is_cut(
        self, encoding: Encoding, channels: tuple[str, ...], audio: bytes, sizes: list[int]
    ) -> None:
        unit = encoding.width * len(channels)
        audio = audio[: len(audio) // unit * unit]
        dialect = started(encoding, channels)
        heard = dict.fromkeys(channels, b"")
        at = 0
        for size in [*sizes, len(audio)]:
            for event in dialect.receive_binary(audio[at : at + size * unit]):
                assert isinstance(event, AudioFrame)
                assert event.position * encoding.width == len(heard[event.channel])
                heard[event.channel] += event.payload
            at += size * unit
        samples = [audio[i : i + encoding.width] for i in range(0, len(audio), encoding.width)]
        for number, channel in enumerate(channels):
            assert heard[channel] == b"".join(samples[number :: len(channels)])
        assert dialect.receive_text(stop_message()) == [CallStopped("stop")]
        assert dialect.state is State.STOPPED

    def test_may_tell_more_than_it_is_asked(self) -> None:
        message = {"type": "start", "call_id": "c", "encoding": "alaw", "sample_rate": 16_000, "vendor": {"x": 1}}
        (event,) = NativeDialect(LIMIT).receive_text(json.dumps({**message, "metadata": {"campaign": "春"}}))
        assert event == CallStarted("c", Encoding.ALAW, 16_000, ("agent",), None, False, {"campaign": "春"})

    def test_that_comes_with_a_token_signs_in_first_and_keeps_it_out_of_everything_else(self) -> None:
        message = {"type": "start", "call_id": "c", "encoding": "alaw", "sample_rate": 8000, "token": "hz_secret"}
        sign_in, start = NativeDialect(LIMIT).receive_text(json.dumps(message))
        assert sign_in == SignIn("hz_secret")
        assert start == CallStarted("c", Encoding.ALAW, 8000, ("agent",))
        assert "secret" not in repr([sign_in, start])

    def test_that_loses_its_connection_stops_once(self) -> None:
        dialect = started()
        assert dialect.connection_lost() == [CallStopped("connection lost")]
        assert dialect.connection_lost() == []

    def test_that_never_began_has_nothing_to_stop(self) -> None:
        assert NativeDialect(LIMIT).connection_lost() == []


class TestAMistake:
    @pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda file: file.stem)
    def test_that_once_hurt_gets_its_documented_answer(self, file: Path) -> None:
        (event,) = NativeDialect(LIMIT).receive_text(file.read_text(encoding="utf-8"))
        answer = event.error.code if isinstance(event, Failed) else "started"
        assert answer == file.stem.split("-")[0]
        if isinstance(event, CallStarted):
            assert event.call_id
            json.dumps(event.metadata, ensure_ascii=False, allow_nan=False).encode()

    def test_names_the_field(self) -> None:
        error = failure(NativeDialect(LIMIT).receive_text('{"type":"start","call_id":"c","encoding":"gsm"}'))
        assert isinstance(error, BadField)
        assert error.field == "encoding"

    def test_of_a_message_over_the_limit(self) -> None:
        assert isinstance(skipped(started().receive_binary(b"\0" * (LIMIT + 1))), TooLarge)

    def test_of_a_text_over_the_limit_is_counted_in_bytes(self) -> None:
        assert isinstance(skipped(started().receive_text("保" * (LIMIT // 2))), TooLarge)

    @pytest.mark.parametrize("depth", [200, 900, 950, 975, 985, 990, 995, 1000, 100_000])
    def test_of_nesting_is_an_answer_at_any_depth(self, depth: int) -> None:
        start = start_message(call_id="c", encoding=Encoding.ALAW, sample_rate=8000, channels=["agent"])
        (event,) = NativeDialect(LIMIT).receive_text(f'{start[:-1]}, "metadata": {{"x": {"[" * depth}{"]" * depth}}}}}')
        assert isinstance(event, CallStarted) or (
            isinstance(event, Failed) and event.error.code in {"bad_json", "bad_field"}
        )

    def test_of_bytes_that_are_no_whole_samples(self) -> None:
        dialect = started(Encoding.PCM_S16LE, ("agent", "customer"))
        assert isinstance(skipped(dialect.receive_binary(b"\0" * 6)), OddBytes)

    @pytest.mark.parametrize(
        "message",
        [stop_message(), b"", start_message(call_id="x", encoding=Encoding.ALAW, sample_rate=8000, channels=["agent"])],
    )
    def test_of_anything_after_the_stop(self, message: str | bytes) -> None:
        dialect = started()
        dialect.receive_text(stop_message())
        events = dialect.receive_text(message) if isinstance(message, str) else dialect.receive_binary(message)
        assert isinstance(failure(events), OutOfOrder)

    @given(
        st.lists(
            st.one_of(
                st.text(max_size=40),
                st.binary(max_size=40),
                st.sampled_from(
                    [
                        stop_message(),
                        start_message(call_id="c", encoding=Encoding.ALAW, sample_rate=8000, channels=["agent"]),
                        "lost",
                    ]
                ),
                st.recursive(
                    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
                    max_leaves=10,
                ).map(json.dumps),
            ),
            max_size=15,
        )
    )
    @settings(max_examples=300)
    def test_of_any_kind_is_an_event_and_never_an_exception(self, messages: list[str | bytes]) -> None:
        dialect = NativeDialect(LIMIT)
        failed = False
        for message in messages:
            if message == "lost":
                events = dialect.connection_lost()
            elif isinstance(message, str):
                events = dialect.receive_text(message)
            else:
                events = dialect.receive_binary(message)
            assert not (failed and events)
            for event in events:
                failed = failed or isinstance(event, Failed)
                if isinstance(event, Failed):
                    assert json.loads(dialect.send_error(event.error))["type"] == "error"


VIOLATION = Violation(
    id="v-1",
    status=Status.FIRED,
    rule_id="promise",
    category="guarantee",
    severity="block",
    term="保本",
    heard="保本",
    match=MatchKind.EXACT,
    confidence=0.91,
    channel="agent",
    start=1.00049,
    end=1.4,
    say_instead="理财有风险。",
)

ON_THE_WIRE: list[tuple[Outgoing, dict[str, object]]] = [
    (Started("zh@1", "base"), {"type": "started", "lexicon_version": "zh@1", "model": "base"}),
    (
        Transcript("agent", "您好", True, 0.12345, 0.5),
        {"type": "transcript", "channel": "agent", "text": "您好", "committed": True, "start": 0.123, "end": 0.5},
    ),
    (
        ViolationReport(VIOLATION),
        {
            "type": "violation",
            "violation_id": "v-1",
            "status": "fired",
            "rule_id": "promise",
            "category": "guarantee",
            "severity": "block",
            "term": "保本",
            "heard": "保本",
            "match": "exact",
            "confidence": 0.91,
            "channel": "agent",
            "start": 1.0,
            "end": 1.4,
        },
    ),
    (
        Block(VIOLATION, Action.MUTE, 2.12, 0.3333),
        {
            "type": "block",
            "violation_id": "v-1",
            "action": "mute",
            "channel": "agent",
            "rule_id": "promise",
            "term": "保本",
            "audio_end": 1.4,
            "audio_received": 2.12,
            "match_to_signal_ms": 0.333,
            "say_instead": "理财有风险。",
        },
    ),
    (
        Blind("customer", 3.0, 4.5, "recognition failed"),
        {"type": "blind", "channel": "customer", "from": 3.0, "to": 4.5, "reason": "recognition failed"},
    ),
    (
        Stopped(
            10.0,
            1,
            (Missing("risk", "disclosure", "alert", ("投资有风险",), None),),
            1.5,
            legs={"agent": LegAccount(6.0, 2.5, 1.5, paused=30.0)},
        ),
        {
            "type": "stopped",
            "duration": 10.0,
            "violations": 1,
            "missing": [
                {
                    "rule_id": "risk",
                    "category": "disclosure",
                    "severity": "alert",
                    "terms": ["投资有风险"],
                    "within": None,
                }
            ],
            "blind_seconds": 1.5,
            "legs": {"agent": {"heard": 6.0, "silent": 2.5, "blind": 1.5, "muted": 0.0, "paused": 30.0}},
            "metrics": None,
        },
    ),
]


class TestWhatIsSent:
    @pytest.mark.parametrize(("event", "fields"), ON_THE_WIRE, ids=lambda value: type(value).__name__)
    def test_has_the_contracts_fields_and_no_others(self, event: Outgoing, fields: dict[str, object]) -> None:
        assert json.loads(started().send(event)) == {**fields, "call_id": "c-1", "seq": 1}

    def test_is_numbered_without_a_gap(self) -> None:
        dialect = started()
        sent = [json.loads(dialect.send(event))["seq"] for event, _ in ON_THE_WIRE]
        sent.append(json.loads(dialect.send_error(OutOfOrder("no")))["seq"])
        assert sent == list(range(1, len(ON_THE_WIRE) + 2))

    def test_before_a_call_has_begun_names_none(self) -> None:
        assert json.loads(NativeDialect(LIMIT).send_error(BadField("type", "is wrong"))) == {
            "type": "error",
            "call_id": None,
            "seq": 1,
            "code": "bad_field",
            "message": "type: is wrong",
            "field": "type",
        }
