"""A gateway whose recognisers are elsewhere: what it tells when they are gone, or full, and that it goes on after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from streamer import client, recordings
from streamer.ray.addresses import ingress
from streamer.ray.asking import Asking
from streamer.ray.recognizer import RayRecognizer
from streamer.recognition import recovery
from streamer.service import Service
from tests.faults import DATA, Reciter, Running
from tests.standing_in import StandIn

Message = dict[str, Any]


class Anybody(Reciter):
    """Hears its text whoever speaks: which leg a window is of, a cluster isn't told."""

    name = "elsewhere"

    def _within(self, window: Any) -> Any:
        return tuple(word for word in self._words if window.start <= word.start and word.end <= window.end)


@pytest.fixture
def cluster() -> Iterator[StandIn]:
    stand_in = StandIn(Anybody("我这边有内部消息", start=10.0))
    stand_in.start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def recognizer(cluster: StandIn) -> Iterator[RayRecognizer]:
    asking = Asking(ingress(cluster.address))
    yield RayRecognizer(asking.post)
    asking.close()


async def play(service: Service, meanwhile: Callable[[float], None] = lambda _: None) -> list[Message]:
    """Play the bundled Mandarin call as fast as it goes; `meanwhile` is told of the seconds that were heard."""
    recording = recordings.read(DATA / "demo-zh.wav")
    messages = []
    async for received in client.play(recording, service.media.url, call_id="c", language="zh", speed=8.0):
        messages.append(received.message)
        meanwhile(max(received.message.get("end", 0.0), received.message.get("to", 0.0)))
    return messages


def blind(messages: list[Message]) -> set[str]:
    return {message["reason"] for message in messages if message["type"] == "blind"}


async def healthy(service: Service, wanted: bool) -> str:
    """Wait until the service is as healthy as is wanted; give what `/healthz` says."""
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(20):
        while True:
            answer = await http.get(f"{service.console_url}healthz")
            if (answer.status_code == 200) is wanted:
                return answer.text


async def test_a_call_is_heard_there_and_blocked_here(recognizer: RayRecognizer, running: Running) -> None:
    async with running(recognizer) as service:
        messages = await play(service)
        assert service.health().model == "elsewhere"
    assert [message["rule_id"] for message in messages if message["type"] == "block"] == ["insider"]
    assert blind(messages) == set()


async def test_what_a_full_cluster_turns_away_is_blind_and_counted(
    cluster: StandIn, recognizer: RayRecognizer, running: Running
) -> None:
    async with running(recognizer) as service:
        cluster.refuses = 429
        messages = await play(service)
        counted = service.metrics.unrecognised.labels("recognisers overloaded")._value.get()
        assert service.health().healthy
    assert "recognisers overloaded" in blind(messages)
    assert counted >= 2
    assert messages[-1]["type"] == "stopped"


async def test_a_call_outlives_its_cluster_and_is_heard_again_when_it_is_back(
    cluster: StandIn, recognizer: RayRecognizer, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "SEEK", 0.05)
    async with running(recognizer) as service:
        cluster.stop()
        messages = await play(service)
        assert blind(messages) == {"recognisers out of reach"}
        assert messages[-1]["type"] == "stopped"
        assert "recognisers out of reach" in await healthy(service, False)
        cluster.start()
        await healthy(service, True)
        assert [message["rule_id"] for message in await play(service) if message["type"] == "block"] == ["insider"]
