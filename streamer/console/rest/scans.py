"""Scans of recordings that have ended; what they found is among calls and violations."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from streamer.console import shapes
from streamer.console.rest.asking import AtDesk, Viewer, refusals, sensible
from streamer.console.shapes import Limit, Phrase

router = APIRouter(prefix="/v1", tags=["scans"])


@router.get("/scans", responses=refusals(422, 503))
async def scans(desk: AtDesk, _: Viewer, limit: Limit = 50, before: Phrase | None = None) -> shapes.Scans:
    """Give scans, the newest first; `next` asks for the page after."""
    with sensible():
        page = await asyncio.to_thread(desk.history.scans, limit=limit, before=before)
    return shapes.Scans.model_validate({"items": page.items, "next": page.next})
