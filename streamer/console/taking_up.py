"""Calls that the journal knows as live when the console starts: those that are, it shows, and the others it ends."""

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
        now = await desk.media.ask("live")
        left = await asyncio.to_thread(desk.history.left_open, now["gateway"])
    except HuazhaError as error:
        log.error("it can't be told which calls go on: %s", error)
        return
    desk.hub.service.update(now["service"])
    live = set(now["calls"])
    for call in left:
        if call["call"] in live:
            desk.hub.calls.take_up(Event.from_json(event) for event in call["events"])
        else:
            await _end(desk, call)


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
