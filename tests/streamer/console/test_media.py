"""The media plane as the console sees it, over a real link, on the loop that the console runs on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streamer import loops
from streamer.console.media import MediaGone, MediaPlane
from streamer.link import Frame, FrameReader


def test_that_is_gone_is_told_nothing_more_and_nobody_fails_of_that() -> None:
    async def talk() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        media = MediaPlane(reader, ours)
        theirs.close()
        assert [frame async for frame in media.frames()] == []
        for cursor in range(5):
            media.say("kept", cursor=cursor)
            await asyncio.sleep(0)
        with pytest.raises(MediaGone):
            await media.ask("live")
        await media.close()
        media.say("beat")
        writer.close()

    loops.run(talk())


def test_that_was_killed_is_heard_to_its_end_whatever_it_was_told_meanwhile() -> None:
    async def listen() -> list[Frame]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        media = MediaPlane(reader, ours)
        for number in range(50):
            theirs.sendall(Frame("event", {"number": number}).to_bytes())
        theirs.close()
        heard = []
        media.say("beat")
        async for frame in media.frames():
            media.say("kept", cursor=1)
            heard.append(frame)
        await media.close()
        writer.close()
        return heard

    assert [frame.fields["number"] for frame in loops.run(listen())] == [*range(50)]


def test_that_reads_slowly_is_told_all_in_order() -> None:
    frame = Frame("kept", {"text": "x" * 10_000})

    def read(theirs: socket.socket) -> int:
        frames, count = FrameReader(), 0
        with theirs:
            while data := theirs.recv(1 << 16):
                count += sum(one == frame for one in frames.receive(data))
        return count

    async def talk() -> int:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        media = MediaPlane(reader, ours)
        for _ in range(500):
            media.say(frame.what, **frame.fields)
        reading = asyncio.create_task(asyncio.to_thread(read, theirs))
        await media.close()
        writer.close()
        return await reading

    assert loops.run(talk()) == 500
