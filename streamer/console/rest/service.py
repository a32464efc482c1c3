"""The service itself: who one is, statistics, the lexicon in force, health and metrics."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streamer.access.guard import TICKET_SECONDS
from streamer.budgets import CONSOLE_RELOAD, SILENT
from streamer.console import shapes
from streamer.console.desk import Desk
from streamer.console.rest.asking import Admin, AtDesk, AtDoor, Viewer, refusals, sensible
from streamer.errors import HuazhaError

router = APIRouter(prefix="/v1", tags=["service"])
open_router = APIRouter(tags=["monitoring"])


STUCK = SILENT
"""Seconds of the media plane's silence after which it does not count as well."""


@router.get("/me", responses=refusals())
async def me(desk: AtDesk, who: Viewer) -> shapes.Me:
    """Say who asks."""
    return shapes.Me(name=who.name, role=who.role, tokens=not desk.guard.open)


@router.post("/tickets", responses=refusals())
async def ticket(desk: AtDesk, who: Viewer) -> shapes.Ticket:
    """Give what opens the alert feed's socket, once."""
    return shapes.Ticket(ticket=desk.guard.ticket(who), expires_in=TICKET_SECONDS)


@router.get("/stats", responses=refusals(422, 503))
async def stats(
    desk: AtDesk,
    _: Viewer,
    start: Annotated[shapes.Moment | None, Query(alias="from")] = None,
    end: Annotated[shapes.Moment | None, Query(alias="to")] = None,
    zone: shapes.Phrase = "UTC",
    source: shapes.Source | None = None,
) -> shapes.Statistics:
    """Sum up violations by rule and by day, what people made of them, blocks and coverage."""
    with sensible():
        summed = await asyncio.to_thread(desk.statistics.of, start, end, zone, source)
    return shapes.Statistics.model_validate(summed)


@router.get("/access", responses=refusals(422, 503))
async def access(
    desk: AtDesk, _: Viewer, limit: shapes.Limit = 50, before: shapes.Phrase | None = None
) -> shapes.Access:
    """Give who was refused, who was given a token or lost it, and who heard evidence, the newest first."""
    with sensible():
        page = await asyncio.to_thread(desk.history.access, limit=limit, before=before)
    return shapes.Access.model_validate({"items": page.items, "next": page.next})


@router.get("/refused", responses=refusals(422, 503))
async def refused(
    desk: AtDesk, _: Viewer, limit: shapes.Limit = 50, before: shapes.Phrase | None = None
) -> shapes.RefusedCalls:
    """Give the calls that were offered and not taken, so that nobody listened to them, the newest first."""
    with sensible():
        page = await asyncio.to_thread(desk.history.refused, limit=limit, before=before)
    return shapes.RefusedCalls.model_validate({"items": page.items, "next": page.next})


@router.get("/lexicon", responses=refusals(503))
async def lexicon(desk: AtDesk, _: Viewer) -> shapes.Lexicon:
    """Give the rules in force."""
    now = await desk.rules.in_force()
    rules = await asyncio.to_thread(now.shown)
    return shapes.Lexicon(version=now.lexicon.version, trouble=now.trouble, rules=rules)


@router.post("/lexicon/try", responses=refusals(422, 503))
async def try_(said: shapes.Sentence, desk: AtDesk, _: Viewer) -> shapes.Tried:
    """Tell what a sentence of an agent's would fire, by its text alone."""
    return shapes.Tried.model_validate(await desk.rules.try_(said.text, said.language))


@router.post("/lexicon/reload", responses=refusals(503))
async def reload(desk: AtDesk, door: AtDoor, who: Admin) -> shapes.Reloaded:
    """Read the lexicon's files again; where they can't be read, the rules in force stay."""
    now = await desk.media.ask("reload", {"by": who.name}, patience=CONSOLE_RELOAD)
    await door.record("reload", now["trouble"] or now["version"], who.name)
    return shapes.Reloaded(**now)


@open_router.get("/healthz", response_model=None, responses={503: {"description": "Calls are not heard."}})
async def healthz(desk: AtDesk) -> JSONResponse:
    """200 while calls are heard, 503 when they are not: for load balancers and for people."""
    now = health(desk)
    return JSONResponse(now, 200 if now["healthy"] else 503)


@open_router.get("/metrics", response_class=PlainTextResponse)
async def metrics(desk: AtDesk) -> Response:
    """Give what both processes count, for Prometheus."""
    try:
        media = str((await desk.media.ask("metrics"))["text"])
    except HuazhaError:
        # What the console knows by itself says that the media plane is gone.
        media = ""
    _measure(desk)
    return Response(media + generate_latest(desk.metrics.registry).decode(), media_type=CONTENT_TYPE_LATEST)


def health(desk: Desk) -> dict[str, Any]:
    """Say how the service is, as far as the console knows."""
    now, silence = dict(desk.media.health), desk.media.silence
    if silence > STUCK or not now:
        now |= {"healthy": False, "reason": f"the media plane has said nothing for {silence:.0f} s"}
    durability = "degraded" if desk.durability.degraded else "ok"
    degraded = "; ".join(filter(None, [now.get("degraded", ""), desk.durability.detail]))
    return {**now, "degraded": degraded, "durability": durability, "durability_detail": desk.durability.detail}


def _measure(desk: Desk) -> None:
    """Bring gauges up to date."""
    now, measured, keeper, webhooks = health(desk), desk.metrics, desk.keeper, desk.webhooks
    measured.healthy.set(now["healthy"])
    measured.lexicon_trouble.set(bool(now.get("lexicon_trouble")))
    measured.restarts.set(now.get("console_restarts", 0))
    measured.clients.set(desk.hub.listeners)
    measured.degraded.set(desk.durability.degraded)
    measured.waiting.set(keeper.waiting)
    measured.webhooks_waiting.set(webhooks.waiting)
    measured.raise_to(measured.lost, keeper.lost + now.get("events_lost", 0))
    measured.raise_to(measured.webhooks_failed, webhooks.failed)
    measured.raise_to(measured.webhooks_given_up, webhooks.given_up)
