"""Calls: those that go on, those that were, and what supervisors have done about them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from streamer.console import shapes
from streamer.console.desk import Desk
from streamer.console.rest.asking import AtDesk, CallOver, NotFound, Supervisor, Viewer, name_of, refusals, sensible
from streamer.console.shapes import Limit, Name, Phrase
from streamer.record.history import CallFilter

router = APIRouter(prefix="/v1", tags=["calls"])

TAKEN = {True: "the platform was asked", False: "the platform did not take the message"}


@router.get("/calls", responses=refusals(422, 503))
async def calls(
    desk: AtDesk,
    _: Viewer,
    live: bool | None = None,
    agent: Phrase | None = None,
    call_id: Phrase | None = None,
    start: Annotated[shapes.Moment | None, Query(alias="from")] = None,
    end: Annotated[shapes.Moment | None, Query(alias="to")] = None,
    source: shapes.Source | None = None,
    scan: Name | None = None,
    limit: Limit = 50,
    before: Phrase | None = None,
) -> shapes.Calls:
    """Give calls, the newest first; `next` asks for the page after."""
    wanted = CallFilter(live, agent, call_id, start, end, source, scan)
    with sensible():
        page = await asyncio.to_thread(desk.history.calls, wanted, limit=limit, before=before)
    return shapes.Calls.model_validate({"items": [_now(desk, item) for item in page.items], "next": page.next})


@router.get("/calls/{call}", responses=refusals(404, 422, 503))
async def call(call: Name, desk: AtDesk, _: Viewer) -> shapes.CallWithEvents:
    """Give a call, with all that is kept of it."""
    found = await asyncio.to_thread(desk.history.call, call)
    if found is None:
        raise NotFound(f"there is no call {call}")
    return shapes.CallWithEvents.model_validate({**_now(desk, found), "events": found["events"]})


@router.post("/calls/{call}/actions", responses=refusals(409, 422, 503))
async def act(call: Name, wanted: shapes.Act, desk: AtDesk, who: Supervisor) -> shapes.Acted:
    """Ask the platform to do something about a call that goes on."""
    item = desk.hub.calls.item(call)
    if item is None:
        raise CallOver(call)
    order = {"call": call, **wanted.model_dump(), "by": who.name}
    taken = (await desk.media.ask("order", order))["taken"]
    detail = TAKEN.get(taken, "the call was over")
    fields = {**wanted.model_dump(), "by": who.name, "accepted": bool(taken), "detail": detail}
    await desk.media.publish("action", fields, name_of(item))
    if taken is None:
        raise CallOver(call)
    return shapes.Acted(accepted=taken, detail=detail)


def _now(desk: Desk, item: dict[str, Any]) -> dict[str, Any]:
    """Give a call as it is at this moment, if it goes on."""
    return desk.hub.calls.item(item["call"]) or item
