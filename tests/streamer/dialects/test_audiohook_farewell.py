"""Genesys Cloud whose call is not taken, over a real socket: it closes the session itself, as the protocol has it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.streamer.dialects.audiohook_client import HEADERS, OPEN, SESSION
from tests.test_joined_calls import House, open_house

PATH = "/v1/audiohook"


async def heard(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        said: dict[str, Any] = json.loads(await socket.recv())
    return said


def message(kind: str, seq: int, serverseq: int, parameters: dict[str, Any]) -> str:
    """Write a message as `buildMessage` of the vendor's `clientsessionimpl.ts` does."""
    head = {"version": "2", "type": kind, "id": SESSION, "seq": seq, "serverseq": serverseq, "position": "PT0.2S"}
    return json.dumps({**head, "parameters": parameters}, separators=(",", ":"))


def dialled(house: House) -> connect:
    return connect(f"{house.address}{PATH}", compression=None, additional_headers=HEADERS)


class TestACallThatIsNotTaken:
    async def test_is_closed_by_the_client_and_only_then_is_the_socket(self, tmp_path: Path) -> None:
        """As `onDisconnectMessage` and `onClosedMessage` of the vendor's `clientsessionimpl.ts` want it."""
        async with open_house(tmp_path, language="xx") as house, dialled(house) as socket:
            await socket.send(OPEN)
            assert (await heard(socket))["type"] == "opened"
            disconnect = await heard(socket)
            assert (disconnect["type"], disconnect["parameters"]["reason"]) == ("disconnect", "error")
            # Audio and a ping were on their way.
            await socket.send(b"\xff" * 3200)
            await socket.send(message("ping", 2, 1, {}))
            await socket.send(message("close", 3, 2, {"reason": "disconnect"}))
            closed = await heard(socket)
            assert (closed["type"], closed["seq"], closed["clientseq"], closed["parameters"]) == ("closed", 3, 3, {})
            with pytest.raises(ConnectionClosed):
                await heard(socket)
        assert house.of("call.started") == []

    async def test_is_not_waited_for_without_end(self, tmp_path: Path) -> None:
        limits = {"send_timeout": 0.05}
        async with open_house(tmp_path, language="xx", limits=limits) as house, dialled(house) as socket:
            await socket.send(OPEN)
            assert [(await heard(socket))["type"] for _ in range(2)] == ["opened", "disconnect"]
            with pytest.raises(ConnectionClosed):
                await heard(socket)
