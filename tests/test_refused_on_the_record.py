"""Calls that are not taken, over real sockets: whatever refuses them, they are on the record."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer.access.roles import Role
from streamer.record.event import Event
from streamer.settings import Limits
from tests.streamer.access.test_streams import Plane, call, start

OFFER = {"Audiohook-Session-Id": "s-1"}


def refused(plane: Plane) -> list[Mapping[str, Any]]:
    """Give what was told, as it comes out of the journal."""
    return [Event.from_json(one.to_json()).fields for one in plane.told() if one.type == "call.refused"]


async def hear(url: str, *messages: str | bytes) -> None:
    async with connect(url) as socket:
        with suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
            while True:
                await socket.recv()


async def unheard(url: str) -> None:
    with pytest.raises(InvalidStatus):
        await hear(url)


class TestACallIsOnTheRecord:
    @pytest.mark.parametrize(
        ("messages", "reason", "call_id"),
        [
            ([start(language="fr")], "bad_field", "c"),
            ([start(encoding="opus")], "bad_field", "c"),
            (["{"], "bad_json", None),
            ([b"\xff" * 160], "out_of_order", None),
            ([], "start_timeout", None),
            (["x" * (1 << 21)], "too_large", None),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_that_is_refused_by_its_first_message(
        self, messages: list[str | bytes], reason: str, call_id: str | None, tmp_path: Path
    ) -> None:
        plane = Plane(tmp_path, tokens=False, limits=Limits(start_timeout=0.2))
        async with plane.listening() as media:
            await hear(media.url, *messages)
            assert media.metrics.calls.labels("refused", reason)._value.get() == 1
        (told,) = refused(plane)
        assert (told["platform"], told["address"], told["reason"], told["call_id"], told["count"]) == (
            "native",
            "127.0.0.1",
            reason,
            call_id,
            1,
        )
        assert told["detail"]

    async def test_that_is_one_too_many(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        plane = Plane(tmp_path, tokens=False, limits=Limits(max_calls=1))
        async with plane.listening() as media, connect(media.url) as first:
            await first.send(start(call_id="c-1"))
            await first.recv()
            with caplog.at_level(logging.WARNING):
                await asyncio.gather(*(unheard(f"{media.url}?call_id=x-{number}") for number in range(30)))
        told = refused(plane)
        assert {one["reason"] for one in told} == {"overloaded"}
        # The last of them are told together, at the latest when the service stops.
        assert sum(one["count"] for one in told) == 30
        names = {one["call_id"] for one in told} | {name for one in told for name in one["call_ids"]}
        assert names == {None, *(f"x-{number}" for number in range(30))}
        assert any("x-1 of native from 127.0.0.1 refused" in line for line in caplog.messages)

    async def test_that_has_no_token(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            await call(media.url, start(call_id="c-9"))
        (told,) = refused(plane)
        assert (told["reason"], told["call_id"]) == ("unauthorised", "c-9")

    async def test_whose_connection_is_lost_before_it_begins(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False)
        async with (
            plane.listening() as media,
            connect(f"{media.url.removesuffix('/v1/calls')}/v1/twilio?callSid=CA7") as socket,
        ):
            await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
            socket.transport.abort()
        (told,) = refused(plane)
        assert (told["platform"], told["reason"], told["call_id"]) == ("twilio", "lost_before_start", "CA7")

    @pytest.mark.parametrize(
        ("path", "headers", "status", "platform", "reason"),
        [
            ("/v1/calls", {"Authorization": "Bearer wrong"}, 401, "native", "unauthorised"),
            ("/v1/calls", {"Origin": "https://evil.example"}, 403, "native", "forbidden_origin"),
            ("/v1/call?call_id=c-3", {}, 404, "", "no_such_path"),
            ("/v1/calls", {"Sec-WebSocket-Version": "12"}, 400, "native", "bad_upgrade"),
        ],
    )
    async def test_whose_socket_is_refused(
        self, path: str, headers: Mapping[str, str], status: int, platform: str, reason: str, tmp_path: Path
    ) -> None:
        plane = Plane(tmp_path)
        plane.token(Role.PLATFORM)
        async with plane.listening() as media:
            address = media.url.removesuffix("/v1/calls")
            with pytest.raises(InvalidStatus) as answer:
                async with connect(address + path, additional_headers=headers):
                    pass
            assert answer.value.response.status_code == status
        (told,) = refused(plane)
        assert (told["platform"], told["reason"]) == (platform, reason)
        assert told["call_id"] == ("c-3" if "c-3" in path else None)

    async def test_and_what_is_no_call_is_not(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False)
        async with plane.listening() as media:
            host, port = media.url.removeprefix("ws://").removesuffix("/v1/calls").split(":")
            for path in ("/healthz", "/v1/calls"):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert await reader.read(9) == b"HTTP/1.1 "
                writer.close()
        assert refused(plane) == []


async def test_text_from_outside_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plane = Plane(tmp_path, tokens=False)
    async with plane.listening() as media:
        with caplog.at_level(logging.WARNING), pytest.raises(InvalidStatus):
            async with connect(media.url + "x?call_id=a%0AERROR%20forged%1b%5b2J"):
                pass
    (line,) = [one for one in caplog.messages if "forged" in one]
    assert "\n" not in line
    assert "\x1b" not in line
