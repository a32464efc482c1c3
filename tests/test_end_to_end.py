"""Whole calls over real sockets: with the real model in both languages, and with neighbours that misbehave."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer import client, recordings
from streamer.dialects.native import start_message, stop_message
from streamer.errors import CallFailed, CallRefused
from streamer.recognition.whisper import WhisperRecognizer
from streamer.service import Service
from streamer.types import Encoding
from tests.engines import PlainWhisper
from tests.faults import DATA, FaultyRecognizer, Running

FASTER = 1.5
"""Times real time at which calls are played: as much faster as two cores can hear beside other tests."""

# What each bundled call holds: the rule that must block first, and the second at which its term ends.
VIOLATIONS = {"zh": ("insider", 10.63), "en": ("no-risk-en", 9.77)}


async def play(service: Service, language: str, *, speed: float = FASTER) -> list[dict[str, Any]]:
    recording = recordings.read(DATA / f"demo-{language}.wav")
    received = client.play(recording, service.media.url, call_id=f"c-{language}", language=language, speed=speed)
    return [message.message async for message in received]


def of_type(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == kind]


async def refusal(url: str, *messages: str | bytes) -> tuple[dict[str, Any], int]:
    """Send what must not be sent; give the error and the close code that come back."""
    async with connect(url, compression=None, max_size=None) as socket:
        with suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
        last: dict[str, Any] = {}
        with suppress(ConnectionClosed):
            while True:
                last = json.loads(await socket.recv())
    assert last["type"] == "error"
    assert socket.close_code is not None
    # Some platforms are told nothing else.
    assert str(socket.close_reason).startswith(f"{last['code']}: {last['message']}"[:100])
    return last, socket.close_code


def start(**changes: object) -> str:
    fields: dict[str, object] = {"type": "start", "call_id": "bad", "encoding": "mulaw", "sample_rate": 8000}
    return json.dumps({**fields, **changes})


@pytest.mark.xdist_group("model")
class TestACallThroughTheRealModel:
    @pytest.mark.parametrize("language", ["zh", "en"])
    async def test_is_blocked_for_its_violation(
        self, whisper: WhisperRecognizer, running: Running, language: str
    ) -> None:
        rule, end = VIOLATIONS[language]
        async with running(whisper) as service:
            messages = await play(service, language)
        blocks = of_type(messages, "block")
        first = next(block for block in blocks if block["rule_id"] == rule)
        assert (first["action"], first["channel"]) == ("mute", "agent")
        assert first["audio_end"] == pytest.approx(end, abs=0.5)
        assert first["audio_received"] >= first["audio_end"] - 0.3
        assert first["say_instead"]
        lives: dict[str, list[str]] = {}
        for violation in of_type(messages, "violation"):
            lives.setdefault(violation["violation_id"], []).append(violation["status"])
        assert [s for s in lives[first["violation_id"]] if s != "candidate"] == ["fired", "confirmed"]

    async def test_says_all_that_it_says_in_order_and_loses_nothing(
        self, whisper: WhisperRecognizer, running: Running
    ) -> None:
        async with running(whisper) as service:
            messages = await play(service, "en")
        assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
        assert {message["call_id"] for message in messages} == {"c-en"}
        assert (messages[0]["type"], messages[-1]["type"]) == ("started", "stopped")
        assert of_type(messages, "blind") == []
        assert messages[-1]["blind_seconds"] == 0
        fired = {v["violation_id"] for v in of_type(messages, "violation") if v["status"] == "fired"}
        retracted = {v["violation_id"] for v in of_type(messages, "violation") if v["status"] == "retracted"}
        assert messages[-1]["violations"] == len(fired - retracted)
        assert messages[-1]["duration"] == pytest.approx(14.85, abs=0.01)
        said = " ".join(
            transcript["text"]
            for transcript in of_type(messages, "transcript")
            if transcript["committed"] and transcript["channel"] == "agent"
        )
        assert "no investment is risk" in said
        assert said.lower().count("savings") == 1

    async def test_in_another_language_is_said_to_be_blind(self, whisper: WhisperRecognizer, running: Running) -> None:
        async with running(whisper) as service:
            recording = recordings.read(DATA / "demo-en.wav")
            received = client.play(recording, service.media.url, call_id="c", language="zh", speed=FASTER)
            messages = [message.message async for message in received]
        blind = [span for span in of_type(messages, "blind") if span["channel"] == "agent"]
        assert {span["reason"] for span in blind} == {"spoken in en"}
        assert sum(span["to"] - span["from"] for span in blind) > 3

    async def test_goes_on_beside_neighbours_that_send_garbage(
        self, whisper: WhisperRecognizer, running: Running
    ) -> None:
        async with running(whisper) as service:
            call = asyncio.create_task(play(service, "zh"))
            url = service.media.url
            for _ in range(5):
                assert (await refusal(url, '{"type": "start", '))[1] == 4400
                assert (await refusal(url, b"\0" * 160))[1] == 4409
                assert (await refusal(url, start(encoding="pcm_s16le"), *[b"odd"] * 100))[1] == 4410
                assert (await refusal(url, start(sample_rate=4000)))[1] == 4422
            messages = await call
            assert VIOLATIONS["zh"][0] in [block["rule_id"] for block in of_type(messages, "block")]
            assert messages[-1]["type"] == "stopped"
            assert service.media.live == 0

    async def test_is_counted_in_metrics_and_health(self, whisper: WhisperRecognizer, running: Running) -> None:
        async with running(whisper) as service, httpx.AsyncClient(base_url=service.console_url) as console:
            await play(service, "en")
            assert (await console.get("healthz")).json()["healthy"]
            health = service.health()
            assert health.audio_received == pytest.approx(2 * 14.85, abs=0.05)
            assert health.audio_monitored == pytest.approx(health.audio_received, abs=0.05)
            metrics = (await console.get("metrics")).text
            assert 'huazha_violations_total{rule="no-risk-en",severity="block"} 1.0' in metrics
            assert "huazha_match_to_signal_seconds_count" in metrics
            assert "\nhuazha_tasks " in metrics
            assert "c-en" not in metrics
            assert "话闸" in (await console.get("/")).text


class TestAPeerThatBreaksTheProtocol:
    @pytest.mark.parametrize(
        ("messages", "code", "close", "field"),
        [
            (["no json"], "bad_json", 4400, None),
            (["[1, 2]"], "bad_json", 4400, None),
            ([start(encoding="opus")], "bad_field", 4422, "encoding"),
            ([start(sample_rate=96_000)], "bad_field", 4422, "sample_rate"),
            ([start(language="fr")], "bad_field", 4422, "language"),
            ([start(language="zh-yue-HK")], "bad_field", 4422, "language"),
            ([start(language="Chinese!")], "bad_field", 4422, "language"),
            ([start(channels=["agent", "agent"])], "bad_field", 4422, "channels"),
            ([b"\0\0"], "out_of_order", 4409, None),
            ([stop_message()], "out_of_order", 4409, "type"),
            ([b"\0" * 1_100_000], "too_large", 4413, None),
            ([start(), *["{"] * 100], "unintelligible", 4410, None),
            ([start(), b"\0" * 8000 * 30], "too_fast", 4429, None),
        ],
    )
    async def test_gets_the_documented_error_and_close_code(
        self, running: Running, messages: list[str | bytes], code: str, close: int, field: str | None
    ) -> None:
        async with running(FaultyRecognizer()) as service:
            error, closed = await refusal(service.media.url, *messages)
            assert (error["code"], closed, error["field"]) == (code, close, field)
            assert service.media.live == 0

    async def test_of_a_message_that_brings_too_much_no_channel_takes_any(self, running: Running) -> None:
        async with running(FaultyRecognizer()) as service:
            two = start(encoding="mulaw", channels=["agent", "customer"])
            error, _ = await refusal(service.media.url, two, b"\0" * 2 * 8000 * 30)
            assert error["code"] == "too_fast"
            # What went by until it was refused is missing of both, and no more.
            assert service.metrics.value(service.metrics.received) < 10

    async def test_in_mid_call_is_heard_on_and_what_was_lost_by_it_is_told(self, running: Running) -> None:
        odd: list[str | bytes] = ["no json", "[1, 2]", '{"type":"x"}', start(), b"\0" * 1601, b"\0" * 1_100_000]
        whole = {"agent": 1042, "x": "y" * 50_000}
        async with running(FaultyRecognizer()) as service, connect(service.media.url, compression=None) as socket:
            await socket.send(start(channels=["agent", "customer"], language="cmn-Hans-CN", metadata=whole))
            for message in odd:
                await socket.send(message)
                await socket.send(b"\xff" * 1600)
            await socket.send(stop_message())
            messages = [json.loads(message) async for message in socket]
            counted = service.metrics.value(service.metrics.skipped)
            async with httpx.AsyncClient(base_url=service.console_url) as console:
                call = (await console.get("v1/calls")).json()["items"][0]
                events = (await console.get(f"v1/calls/{call['call']}")).json()["events"]
        assert (call["agent"], call["language"]) == ("1042", "zh")
        assert [event["reason"] for event in of_type(events, "call.remark")] == [
            "metadata",
            "bad_json",
            "bad_field",
            "out_of_order",
            "odd_bytes",
            "too_large",
        ]
        assert len(json.dumps(call["metadata"])) < 2000
        assert counted == len(odd)
        told = [(message["code"], message["field"]) for message in of_type(messages, "skipped")]
        assert told == [
            ("bad_json", None),
            ("bad_field", "type"),
            ("out_of_order", "type"),
            ("odd_bytes", "audio"),
            ("too_large", None),
        ]
        assert messages[-1]["type"] == "stopped"
        lost = (800 + 550_000) / 8000
        assert messages[-1]["duration"] == pytest.approx(lost + 0.1 * len(odd), abs=0.02)
        blind = of_type(messages, "blind")
        for channel in ("agent", "customer"):
            seconds = sum(one["to"] - one["from"] for one in blind if one["channel"] == channel)
            # The rest is digital silence, which may be told as blind, too.
            assert lost - 0.1 <= seconds <= messages[-1]["duration"] + 0.1

    async def test_is_asked_for_a_start_in_time(self, running: Running) -> None:
        async with running(FaultyRecognizer(), start_timeout=0.05) as service:
            assert (await refusal(service.media.url))[1] == 4408

    async def test_is_turned_away_when_the_house_is_full(self, running: Running) -> None:
        async with (
            running(FaultyRecognizer(), max_calls=1) as service,
            connect(service.media.url) as first,
        ):
            await first.send(start())
            assert json.loads(await first.recv())["type"] == "started"
            with pytest.raises(InvalidStatus) as full:
                await refusal(service.media.url, start())
            assert (full.value.response.status_code, full.value.response.headers["Retry-After"]) == (503, "5")
            with pytest.raises(CallRefused):
                async for _ in client.play(recordings.read(DATA / "demo-en.wav"), service.media.url, call_id="c"):
                    pass
            await first.send(stop_message())
            assert json.loads(await first.recv())["type"] == "stopped"

    async def test_is_not_found_on_an_unknown_path(self, running: Running) -> None:
        async with running(FaultyRecognizer()) as service:
            with pytest.raises(CallFailed, match="404"):
                async for _ in client.play(
                    recordings.read(DATA / "demo-en.wav"), service.media.url + "/nowhere", call_id="c"
                ):
                    pass

    async def test_that_hangs_up_without_a_word_leaves_nothing_behind(self, running: Running) -> None:
        async with running(FaultyRecognizer()) as service, connect(service.media.url) as socket:
            await socket.send(start())
            await socket.recv()
            await socket.send(b"\xff" * 8000)
            assert service.media.live == 1
        # Leaving the service waits for its calls.
        assert service.media.live == 0
        assert service.metrics.value(service.metrics.received) == 1.0


class TestARecogniserThatFails:
    async def test_is_reported_as_blindness(self, running: Running) -> None:
        async with running(FaultyRecognizer(broken=True)) as service:
            messages = await play(service, "en", speed=8.0)
        blind = of_type(messages, "blind")
        assert {span["reason"] for span in blind} == {"recognition failed"}
        lost = sum(span["to"] - span["from"] for span in blind)
        assert messages[-1]["type"] == "stopped"
        assert messages[-1]["blind_seconds"] == pytest.approx(lost, abs=0.02)
        assert lost > 5


async def test_mono_pcm_at_48_khz_is_a_call_too(running: Running) -> None:
    async with running(FaultyRecognizer()) as service, connect(service.media.url) as socket:
        await socket.send(
            start_message(
                call_id="c",
                encoding=Encoding.PCM_S16LE,
                sample_rate=48_000,
                channels=["agent"],
                language="en",
            )
        )
        for size in (2, 960, 96_000, 0, 1918):
            await socket.send(b"\0" * size)
        await socket.send(stop_message())
        messages = [json.loads(text) async for text in socket]
    assert messages[-1]["duration"] == pytest.approx((2 + 960 + 96_000 + 1918) / 2 / 48_000, abs=0.001)


@pytest.mark.xdist_group("model")
async def test_a_lesser_engine_is_enough_to_block_what_stands_in_the_text(running: Running) -> None:
    async with running(PlainWhisper()) as service:
        messages = await play(service, "en", speed=1.0)
    # Its looks are slow, so what each of them holds depends on the machine; one of the two is written in any case.
    assert {block["rule_id"] for block in of_type(messages, "block")} & {"no-risk-en", "like-a-deposit-en"}
    assert messages[-1]["type"] == "stopped"
