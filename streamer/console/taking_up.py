"""Calls that the journal knows as live when the console starts: those that are, it shows, and the others it ends.

Whoever connects meanwhile is greeted only then: a page would show no call, and nothing of what was said in it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from streamer.bus import CallName
from streamer.console.desk import Desk
from streamer.errors import HuazhaError
from streamer.record.event import Event

log = logging.getLogger(__name__)


async def take_up(desk: Desk) -> None:
    """Show the calls that go on, and say of the others that they broke off with the service that heard them."""
    try:
        for call in await _show(desk):
            await _end(desk, call)
    finally:
        desk.hub.ready.set()


async def _show(desk: Desk) -> list[dict[str, Any]]:
    """Show the calls that go on; give those that broke off.

    These are neither live nor on their way to the journal, and were open there before that was asked and are still: a
    call may begin or end meanwhile.
    """
    gateway = desk.settings.name
    try:
        left = await asyncio.to_thread(desk.history.left_open, gateway)
        now = await desk.media.ask("live")
        still = {call["call"] for call in await asyncio.to_thread(desk.history.left_open, gateway)}
    except HuazhaError as error:
        log.error("it can't be told which calls go on: %s", error)
        return []
    desk.hub.service.update(now["service"])
    going_on = set(now["calls"])
    live = [call for call in left if call["call"] in going_on]
    for call in live:
        desk.hub.calls.take_up(Event.from_json(event) for event in call["events"])
    # What was said stands in no journal: only the media plane still knows it.
    await asyncio.gather(*(_recall(desk, call["call"]) for call in live))
    desk.hub.ready.set()
    known = going_on | set(now["ending"])
    return [call for call in left if call["call"] in still - known]


async def _recall(desk: Desk, call: str) -> None:
    try:
        desk.hub.calls.recall(call, await desk.media.ask("said", {"call": call}))
    except HuazhaError as error:
        log.error("what was said in call %s before can't be had: %s", call, error)


async def _end(desk: Desk, call: dict[str, Any]) -> None:
    fields = {
        "outcome": "lost",
        "duration": call["duration"],
        "violations": call["violations"],
        "missing": [],
        "blind_seconds": call["blind"],
        "metrics": None,
    }
    try:
        await desk.media.publish("call.stopped", fields, CallName(call["call"], call["call_id"], call["agent"]))
    except HuazhaError as error:
        log.error("it can't be told that call %s broke off: %s", call["call_id"], error)
