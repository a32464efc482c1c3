"""Violations: what was found, what people made of it, and the evidence."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from streamer.console import shapes
from streamer.console.desk import Desk
from streamer.console.rest.asking import (
    AtDesk,
    AtDoor,
    BadRequest,
    NotFound,
    Supervisor,
    Viewer,
    name_of,
    refusals,
    sensible,
)
from streamer.console.shapes import Limit, Name, Phrase
from streamer.record.history import ViolationFilter

router = APIRouter(prefix="/v1", tags=["violations"])


@router.get("/violations", responses=refusals(422, 503))
async def violations(
    desk: AtDesk,
    _: Viewer,
    rule: Phrase | None = None,
    category: Phrase | None = None,
    severity: shapes.Severity | None = None,
    status: shapes.Status | None = None,
    verdict: shapes.Verdict | shapes.NoVerdict | None = None,
    agent: Phrase | None = None,
    call: Phrase | None = None,
    q: Phrase | None = None,
    start: Annotated[shapes.Moment | None, Query(alias="from")] = None,
    end: Annotated[shapes.Moment | None, Query(alias="to")] = None,
    source: shapes.Source | None = None,
    scan: Name | None = None,
    limit: Limit = 50,
    before: Phrase | None = None,
) -> shapes.Violations:
    """Give violations, the newest first; mere candidates only where that status is asked for."""
    wanted = ViolationFilter(rule, category, severity, status, verdict, agent, call, q, start, end, source, scan)
    with sensible():
        page = await asyncio.to_thread(desk.history.violations, wanted, limit=limit, before=before)
    return shapes.Violations.model_validate({"items": page.items, "next": page.next})


@router.get("/violations/{call}/{violation_id}", responses=refusals(404, 422, 503))
async def violation(call: Name, violation_id: Name, desk: AtDesk, _: Viewer) -> shapes.ViolationWithEvents:
    """Give a violation with its steps, and who did what."""
    return shapes.ViolationWithEvents.model_validate(await _find(desk, call, violation_id))


@router.post("/violations/{call}/{violation_id}/review", responses=refusals(404, 422, 503))
async def review(
    call: Name, violation_id: Name, judged: shapes.Review, desk: AtDesk, who: Supervisor
) -> shapes.Reviewed:
    """Put on the record what a supervisor makes of a violation."""
    reason = judged.reason.strip()
    if judged.verdict == "false" and not reason:
        raise BadRequest("reason: say why it is none")
    found = await _find(desk, call, violation_id)
    fields = {"violation_id": violation_id, "verdict": judged.verdict, "reason": reason, "by": who.name}
    return shapes.Reviewed(cursor=await desk.media.publish("review", fields, name_of(found)))


@router.get(
    "/violations/{call}/{violation_id}/evidence.flac",
    response_class=FileResponse,
    responses={200: {"content": {"audio/flac": {}}}, **refusals(404, 422)},
)
async def evidence(call: Name, violation_id: Name, desk: AtDesk, door: AtDoor, who: Supervisor) -> FileResponse:
    """Give the clip, and put on the record who heard it."""
    path = await asyncio.to_thread(desk.evidence.find, call, violation_id)
    if path is None:
        raise _no_clip(call, violation_id)
    await door.record("evidence", f"{call}/{violation_id}", who.name)
    return FileResponse(path, media_type="audio/flac", filename=f"{call}-{violation_id}.flac")


@router.get("/violations/{call}/{violation_id}/waveform", responses=refusals(404, 422))
async def waveform(call: Name, violation_id: Name, desk: AtDesk, _: Supervisor) -> shapes.Waveform:
    """Give what the clip looks like."""
    found = await asyncio.to_thread(desk.evidence.waveform, call, violation_id)
    if found is None:
        raise _no_clip(call, violation_id)
    return shapes.Waveform(seconds=found.seconds, start=found.start, peaks=found.peaks)


async def _find(desk: Desk, call: str, violation_id: str) -> dict[str, Any]:
    found = await asyncio.to_thread(desk.history.violation, call, violation_id)
    if found is None:
        raise NotFound(f"there is no violation {violation_id} in call {call}")
    return found


def _no_clip(call: str, violation_id: str) -> NotFound:
    return NotFound(f"no evidence of {violation_id} in call {call} is kept, or it is kept no more")
