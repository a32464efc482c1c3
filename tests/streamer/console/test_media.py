"""The media plane as the console sees it, over a real link."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streamer import loops
from streamer.console.media import MediaGone, MediaPlane


def test_that_is_gone_is_told_nothing_more_and_nobody_fails_of_that() -> None:
    async def talk() -> None:
        ours, theirs = socket.socketpair()
        media = MediaPlane(*await asyncio.open_connection(sock=ours))
        theirs.close()
        assert [frame async for frame in media.frames()] == []
        for cursor in range(5):
            media.say("kept", cursor=cursor)
            await asyncio.sleep(0)
        with pytest.raises(MediaGone):
            await media.ask("live")
        ours.close()

    # As the console runs: on other loops a write to what is closed is passed over anyway.
    loops.run(talk())
