"""How many connections are let in, and what becomes of those that hold their sockets open and say nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from streamer.connections import Connections, Seldom, limited, listening
from streamer.console.serving import serving
from streamer.settings import Limits

SOON = 0.2
"""Seconds that a request has in these tests."""
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nab"
WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class TestCounting:
    def test_there_is_a_limit_for_all_and_one_for_each(self) -> None:
        connections = Connections(4, 2)
        assert [connections.enter(peer) for peer in ("a", "a", "a", "b", "c", "d")] == [
            *(True, True, False, True, True, False)
        ]
        connections.leave("a")
        assert [connections.enter(peer) for peer in ("a", "a", "d")] == [True, False, False]

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("2001:db8::1", "2001:db8::2", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("::ffff:192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("fe80::1%eth0", "fe80::2%eth0", True),
        ],
    )
    def test_a_network_of_somebodys_is_one_address(self, one: str, other: str, same: bool) -> None:
        connections = Connections(10, 1)
        assert connections.enter(one)
        assert connections.enter(other) is not same

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())), st.integers(1, 5), st.integers(1, 5))
    def test_it_never_lets_in_more_and_forgets_nobody(
        self, steps: list[tuple[str, bool]], most: int, most_each: int
    ) -> None:
        connections, inside = Connections(most, most_each), list[str]()
        for peer, enters in steps:
            if enters:
                room = len(inside) < most and inside.count(peer) < most_each
                assert connections.enter(peer) == room
                inside += [peer] * room
            elif peer in inside:
                inside.remove(peer)
                connections.leave(peer)


def test_what_happens_often_is_said_seldom() -> None:
    now, said = [0.0], list[tuple[int, str]]()
    seldom = Seldom(lambda count, what: said.append((count, what)), lambda: now[0])
    for at in (0, 1, 2, 59, 61, 62):
        now[0] = at
        seldom.note(str(at))
    assert said == [(1, "0"), (4, "61")]


@asynccontextmanager
async def console(**limits: Any) -> AsyncIterator[int]:
    """Serve a small application as the console is served."""
    app = FastAPI()

    @app.get("/")
    async def page() -> str:
        return "here"

    @app.post("/")
    async def take(request: Request) -> int:
        return len(await request.body())

    @app.websocket("/feed")
    async def feed(feed: WebSocket) -> None:
        await feed.accept()
        async for text in feed.iter_text():
            await feed.send_text(text)

    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    async with serving(app, sock, None, Limits.model_validate(limits)):
        yield port


async def answer(port: int, *pieces: bytes) -> bytes:
    """Send some bytes, and give all that comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(pieces))
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


class TestRequestsThatNeverCome:
    @pytest.mark.parametrize(
        "sent",
        [
            b"",
            b"GET / HT",
            b"GET / HTTP/1.1\r\nHost: here\r\nX-Slow: ",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
        ],
    )
    async def test_their_sockets_are_closed(self, sent: bytes) -> None:
        async with console(request_timeout=SOON) as port:
            assert await answer(port, sent) == b""

    async def test_so_is_one_that_begins_after_another(self) -> None:
        async with console(request_timeout=SOON) as port:
            told = await answer(port, WHOLE, b"GET / HTTP/1.1\r\nHost: ")
            assert told.endswith(b'"here"')

    async def test_trickling_gains_no_time(self) -> None:
        async with console(request_timeout=SOON) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            asked = asyncio.create_task(reader.read())
            sent = 0
            while not asked.done():
                writer.write(b"G" if not sent else b"x")
                sent += 1
                await asyncio.wait([asked], timeout=SOON / 10)
            assert sent < 100
            writer.close()

    async def test_a_feed_lasts(self) -> None:
        async with console(request_timeout=SOON) as port, connect(f"ws://127.0.0.1:{port}/feed") as feed:
            # Another that is closed in the meantime is how long this one has been open at least.
            assert await answer(port, b"GET") == b""
            await feed.send("still here")
            assert await feed.recv() == "still here"

    async def test_a_handshake_of_a_platform_has_a_time_too(self) -> None:
        sock = listening("127.0.0.1", 0, 10, 10)
        async with serve(lambda socket: socket.wait_closed(), sock=sock, open_timeout=SOON) as server:
            port = server.sockets[0].getsockname()[1]
            for sent in (b"", b"GET /v1/calls HTTP/1.1\r\nHost: "):
                assert b"101" not in await answer(port, sent)


class TestTooManyConnections:
    async def test_more_than_there_may_be_are_closed_unread_until_one_ends(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with console(max_connections=3) as port:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for _ in range(20):
                assert await answer(port, WHOLE) == b""
            assert sum("connections refused" in record.message for record in caplog.records) == 1
            reader, writer = held.pop()
            writer.write(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert (await reader.read()).endswith(b'"here"')
            writer.close()
            assert await self.comes_in(port)
            for _, writer in held:
                writer.close()

    @staticmethod
    async def comes_in(port: int) -> bool:
        """Ask until the server has noticed that there is room."""
        for _ in range(1000):
            if (await answer(port, WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).endswith(b'"here"'):
                return True
        return False

    async def test_of_one_address_too(self) -> None:
        async with console(max_connections_per_address=1) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await answer(port, WHOLE) == b""
            reader, other = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
            other.write(WHOLE)
            assert (await reader.read(12)) == b"HTTP/1.1 200"
            for one in (writer, other):
                one.close()


async def test_a_system_without_more_sockets_is_said_once_and_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sock = limited(socket.create_server(("127.0.0.1", 0)), 10, 10)
    accept, spent, told = socket.socket.accept, [True], asyncio.Event()

    def spend(self: socket.socket) -> Any:
        if spent:
            told.set()
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", spend)
    caplog.set_level(logging.ERROR)
    server = await asyncio.start_server(lambda _, writer: writer.close(), sock=sock)
    port = sock.getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await told.wait()
    spent.clear()
    assert await reader.read() == b""
    assert [record.message for record in caplog.records] == [
        f"port {port}: no more connections can be taken: Too many open files"
    ]
    writer.close()
    server.close()
    await server.wait_closed()
