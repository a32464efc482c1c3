"""The console's process, put together: what the media plane tells goes to the feed, then to the journal."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from streamer.access.renewing import renew
from streamer.bus import CallName
from streamer.console.app import create_app
from streamer.console.desk import Desk
from streamer.console.intake import Intake
from streamer.console.media import MediaGone, MediaPlane
from streamer.console.serving import serving
from streamer.console.taking_up import take_up
from streamer.errors import HuazhaError
from streamer.link import BrokenLink, Frame
from streamer.record.event import Event
from streamer.record.heads import EVERY, Signer
from streamer.record.journal import JournalUnavailable
from streamer.settings import Settings

log = logging.getLogger(__name__)

SWEEP = 600.0
"""Seconds between two looks for evidence that has been kept long enough."""
CLIPS = 5.0
"""Seconds that the last clips have to be written when the service ends."""


async def run(link: socket.socket, listening: socket.socket) -> None:
    """Serve the console until the media plane is gone, and all that it told is written.

    Args:
      link: to the media plane, which says first by which settings.
      listening: where pages and programs connect.
    """
    reader, writer = await asyncio.open_connection(sock=link)
    media = MediaPlane(reader, writer)
    frames = media.frames()
    settings = Settings.model_validate((await anext(frames)).fields)
    try:
        desk = await asyncio.to_thread(Desk.open, settings, media)
        signer = await asyncio.to_thread(Signer, settings.data)
    except (HuazhaError, OSError, ValueError) as error:
        media.say("failed", message=str(error))
        await writer.drain()
        writer.close()
        return
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(create_app(desk), listening, settings.tls, settings.limits))
        media.say("ready", cursor=desk.hub.cursor)
        await _work(desk, signer, frames)
    writer.close()
    desk.engine.dispose()


async def _work(desk: Desk, signer: Signer, frames: AsyncIterator[Frame]) -> None:
    """Take in what the media plane tells until it is gone, and write the rest."""

    async def troubled(trouble: str) -> None:
        await desk.durability.note("evidence", trouble)

    async def publish(kind: str, fields: Mapping[str, Any], about: CallName) -> None:
        try:
            await desk.media.publish(kind, fields, about)
        except MediaGone:
            if not desk.media.over:
                raise
            # Nobody else tells anything any more, so that the next place in the order is free.
            intake.take(Frame("event", _after(desk.hub.cursor, kind, fields, about).to_json()))

    intake = Intake(
        desk.hub,
        desk.keeper,
        desk.evidence,
        publish=publish,
        troubled=troubled,
        lost=desk.metrics.evidence_failed.inc,
    )
    keeping = asyncio.create_task(desk.keeper.run(), name="journal")
    others = [
        asyncio.create_task(work, name=name)
        for name, work in (
            ("calls", take_up(desk)),
            ("clips", intake.write_clips()),
            ("heads", _sign(desk, signer)),
            ("evidence", _sweep(desk)),
            ("tokens", renew(desk.keyring)),
            ("webhooks", desk.webhooks.run()),
        )
    ]
    for task in (keeping, *others):
        task.add_done_callback(_say_why)
    try:
        async for frame in frames:
            intake.take(frame)
    except (BrokenLink, ConnectionError) as error:
        log.error("the media plane is gone: %s", error)
    await intake.written(CLIPS)
    desk.keeper.close()
    await keeping
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await _head(desk, signer, 0)


async def _sign(desk: Desk, signer: Signer) -> None:
    """Vouch for the journal's end now and then, for ever."""
    last = 0
    while True:
        await asyncio.sleep(EVERY)
        last = await _head(desk, signer, last)


async def _head(desk: Desk, signer: Signer, last: int) -> int:
    """Vouch for the journal's end, unless it is where it was; give where it is."""
    try:
        position, row_hash = await asyncio.to_thread(desk.journal.head)
        if position > last:
            await asyncio.to_thread(signer.sign, position, row_hash, int(time.time() * 1000))
    except JournalUnavailable:
        return last
    except OSError as error:
        await desk.durability.note("heads", f"the journal's heads can't be signed: {error.strerror or error}")
        return last
    await desk.durability.note("heads", "")
    return position


async def _sweep(desk: Desk) -> None:
    """Remove the evidence that has been kept long enough, for ever."""
    while True:
        try:
            await asyncio.to_thread(desk.evidence.expire, time.time())
        except OSError as error:
            log.error("old evidence can't be removed: %s", error)
        await asyncio.sleep(SWEEP)


def _after(cursor: int, kind: str, fields: Mapping[str, Any], about: CallName) -> Event:
    """Give an event that follows all others."""
    now = time.time()
    at = datetime.fromtimestamp(round(now, 3), UTC)
    return Event(max(cursor + 1, int(now * 1_000_000)), kind, at, about.call, about.call_id, about.agent, fields)


def _say_why(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("%s has stopped", task.get_name(), exc_info=task.exception())
