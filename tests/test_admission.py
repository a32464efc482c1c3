"""A house that is full, over real sockets: who is told before the upgrade, who after, and who is still answered."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from streamer.callers.caller import Caller, Placed
from streamer.dialects.native import start_message, stop_message
from streamer.dialling import CALLERS
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.settings import Limits
from streamer.types import Encoding
from tests.faults import FaultyRecognizer, Running
from tests.streamer.access.test_streams import Plane, start

SPEECH = Path(__file__).parent.parent / "streamer" / "data" / "demo-zh.wav"


class Gated(FaultyRecognizer):
    """A recogniser whose workers are all at work until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = threading.Event()
        self.gate = threading.Event()

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        self.busy.set()
        assert self.gate.wait(20)
        return super().recognize(windows)


async def fill(url: str, call_id: str = "c-1") -> ClientConnection:
    """Take the one place that there is."""
    socket = await connect(url)
    await socket.send(start(call_id=call_id))
    assert json.loads(await socket.recv())["type"] == "started"
    return socket


@asynccontextmanager
async def dialled(url: str, caller: Caller) -> AsyncIterator[ClientConnection]:
    """Open a platform's socket, and say what it says first."""
    dial = caller.dial(url.removesuffix("/v1/calls"))
    offered = None if dial.subprotocol is None else [Subprotocol(dial.subprotocol)]
    async with connect(dial.url, additional_headers=dict(dial.headers), subprotocols=offered) as socket:
        for message in caller.begin():
            await socket.send(message)
        yield socket


class TestAFullHouse:
    @pytest.mark.parametrize(
        "path", ["/v1/calls", "/v1/calls?call_id=x-1", "/v1/asterisk?call=x-1&leg=agent"], ids=lambda path: path[4:]
    )
    async def test_is_told_before_the_upgrade_where_that_helps(self, path: str, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False, limits=Limits(max_calls=1))
        async with plane.listening() as media:
            first = await fill(media.url)
            with pytest.raises(InvalidStatus) as answer:
                await connect(media.url.removesuffix("/v1/calls") + path)
            response = answer.value.response
            assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
            assert b"no more calls" in response.body
            await first.send(stop_message())
            await first.wait_closed()
            async with await fill(media.url, "c-2"):
                pass
        (told,) = [one.fields for one in plane.told() if one.type == "call.refused"]
        assert (told["reason"], told["call_id"]) == ("overloaded", "x-1" if "x-1" in path else None)

    async def test_lets_in_another_socket_of_a_call_that_goes_on(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False, limits=Limits(max_calls=1))
        async with plane.listening() as media:
            agent, customer = CALLERS["asterisk"](Placed("c-1"))
            async with dialled(media.url, agent), dialled(media.url, customer) as second:
                await second.send(b"\xff" * 160)
                # Where the name of the call is in the address, another call's is refused.
                address = f"{media.url.removesuffix('/v1/calls')}/v1/asterisk?call=c-2"
                with pytest.raises(InvalidStatus):
                    async with connect(address):
                        pass
                assert media.live == 1

    async def test_is_told_after_the_start_where_only_that_says_which_call_it_is(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False, limits=Limits(max_calls=1))
        async with plane.listening() as media:
            await fill(media.url)
            (caller,) = CALLERS["twilio"](Placed("CA7"))
            async with dialled(media.url, caller) as socket:
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == 4503
        (told,) = [one.fields for one in plane.told() if one.type == "call.refused"]
        assert (told["platform"], told["reason"], told["call_id"]) == ("twilio", "overloaded", "CA7")


async def test_a_ping_is_answered_while_every_worker_of_the_recogniser_is_at_work(running: Running) -> None:
    """Audio goes on coming in, too: neither waits for the other."""
    recognizer = Gated()
    async with running(recognizer) as service, connect(service.media.url) as socket:
        await socket.send(
            start_message(call_id="c", encoding=Encoding.PCM_S16LE, sample_rate=8000, channels=["agent", "customer"])
        )
        await socket.recv()
        audio = SPEECH.read_bytes()[44 : 44 + 8 * 32_000]
        for at in range(0, len(audio), 640):
            await socket.send(audio[at : at + 640])
        await asyncio.to_thread(recognizer.busy.wait, 20)
        for _ in range(50):
            await socket.send(audio[:640])
            pong = await socket.ping()
            await pong
        assert not recognizer.gate.is_set()
        recognizer.gate.set()
        await socket.send(stop_message())
        messages = [json.loads(message) async for message in socket]
    assert messages[-1]["type"] == "stopped"
    assert messages[-1]["duration"] == 9.0
