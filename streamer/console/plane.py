"""The console's process, put together: what the media plane tells goes to the feed, then to the journal."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine

from streamer.access.renewing import renew
from streamer.budgets import BEAT, CLIPS, DATABASE, JOURNAL
from streamer.bus import CallName
from streamer.console.app import create_app
from streamer.console.desk import Desk
from streamer.console.intake import Intake
from streamer.console.media import MediaGone, MediaPlane
from streamer.console.serving import serving
from streamer.console.taking_up import take_up
from streamer.errors import HuazhaError
from streamer.link import BrokenLink, Frame
from streamer.record import database
from streamer.record.event import Event
from streamer.record.heads import EVERY, Signer
from streamer.record.journal import JournalUnavailable
from streamer.settings import Settings
from streamer.supervision import Supervisor

log = logging.getLogger(__name__)

SWEEP = 600.0
"""Seconds between two looks for evidence that has been kept long enough."""
AGAIN = 2.0
"""Seconds between attempts to have a database that could not be had at the start."""


async def run(link: socket.socket, listening: socket.socket) -> None:
    """Serve the console until the media plane is gone, and all that it told is written.

    Args:
      link: to the media plane, which says first by which settings, and up to which cursor the journal has everything.
      listening: where pages and programs connect.
    """
    reader, writer = await asyncio.open_connection(sock=link)
    media = MediaPlane(reader, link)
    frames = media.frames()
    fields = dict((await anext(frames)).fields)
    acknowledged = int(fields.pop("acknowledged", 0))
    settings = Settings.model_validate(fields)
    try:
        engine = database.engine_of(settings.journal)
        trouble = await _prepared(engine)
        cursor = acknowledged if trouble else None
        desk = await asyncio.to_thread(Desk.open, settings, media, engine, cursor)
        signer = await asyncio.to_thread(Signer, settings.data)
    except (HuazhaError, OSError, ValueError) as error:
        media.say("failed", message=str(error))
        await media.close()
        writer.close()
        return
    # The media plane counts it and tells of it, and sees by itself when it has been well for long enough.
    supervisor = Supervisor(
        lambda _name, _trouble, _restarts: None,
        lambda name, trouble: media.say("failed", name=name, trouble=trouble),
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(create_app(desk), listening, settings.tls, settings.limits))
        media.say("ready", cursor=desk.hub.cursor)
        beating = supervisor.task("console.beat", partial(_beat, media))
        stack.callback(beating.cancel)
        await _work(desk, signer, frames, supervisor, trouble)
    await media.close()
    writer.close()
    desk.engine.dispose()


async def _prepared(engine: Engine) -> str:
    """Bring the database up to date; give why that could not be done in time, or an empty string."""
    try:
        async with asyncio.timeout(DATABASE):
            await asyncio.to_thread(database.prepare, engine)
    except database.DatabaseError as error:
        return str(error)
    except TimeoutError:
        return f"the journal's database has not answered for {DATABASE:.0f} s"
    return ""


async def _beat(media: MediaPlane) -> None:
    """Give signs of life, for ever."""
    while True:
        media.say("beat")
        await asyncio.sleep(BEAT)


async def _until_prepared(desk: Desk, trouble: str) -> None:
    """Wait for a database that could not be had at the start; then see to what was to be done with it then."""
    await desk.durability.note("database", trouble)
    while trouble:
        await asyncio.sleep(AGAIN)
        trouble = await _prepared(desk.engine)
    await desk.durability.note("database", "")
    log.warning("the journal's database can be had now")
    await asyncio.to_thread(desk.keyring.refresh)
    await take_up(desk)


async def _work(desk: Desk, signer: Signer, frames: AsyncIterator[Frame], supervisor: Supervisor, trouble: str) -> None:
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
    keeping = supervisor.task("console.journal", desk.keeper.run, once=True)
    others = [
        supervisor.task("console.clips", intake.write_clips),
        supervisor.task("console.heads", partial(_sign, desk, signer)),
        supervisor.task("console.evidence", partial(_sweep, desk)),
        supervisor.task("console.tokens", partial(renew, desk.keyring)),
        supervisor.task("console.webhooks", desk.webhooks.run, once=not desk.settings.webhooks),
        supervisor.task("console.health", partial(_look, supervisor)),
    ]
    if trouble:
        # Which calls go on is seen once the database can be had; whoever connects until then need not wait for that.
        desk.hub.ready.set()
        others.append(supervisor.task("console.database", partial(_until_prepared, desk, trouble), once=True))
    else:
        others.append(supervisor.task("console.calls", partial(take_up, desk), once=True))
    try:
        async for frame in frames:
            try:
                intake.take(frame)
            except Exception:
                desk.keeper.lost += frame.what == "event"
                log.exception("what the media plane told can't be taken in, and is lost: %s", frame.what)
    except (BrokenLink, ConnectionError) as error:
        log.error("the media plane is gone: %s", error)
    await intake.written(CLIPS)
    desk.keeper.close()
    # What is not written by then the media plane spools: it was not told otherwise.
    await asyncio.wait([keeping], timeout=JOURNAL)
    for task in (keeping, *others):
        task.cancel()
    await asyncio.gather(keeping, *others, return_exceptions=True)
    await _head(desk, signer, -1)


async def _look(supervisor: Supervisor) -> None:
    """See what is well again, for ever."""
    while True:
        await asyncio.sleep(BEAT)
        supervisor.look()


async def _sign(desk: Desk, signer: Signer) -> None:
    """Vouch for the journal's end now and then, for ever, with a key that the journal tells of."""
    # Even of an empty one, so that there is no key without a head.
    last = -1
    await asyncio.to_thread(_tell_of_key, desk, signer.public)
    while True:
        last = await _head(desk, signer, last)
        await asyncio.sleep(EVERY)


def _tell_of_key(desk: Desk, key: str) -> None:
    """Put the key into the journal, unless it is there: whoever has a copy of that knows another key by it."""
    fields = {"what": "key", "detail": f"heads are signed with the key {key}", "by": desk.settings.name, "key": key}
    try:
        if not desk.journal.tells_of_key(key):
            desk.journal.file([Event(0, "access", datetime.now(UTC), fields=fields)])
    except HuazhaError as error:
        log.error("it can't be told which key heads are signed with: %s", error)


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
