"""What the media plane tells: to everybody at once, then into the journal, and clips into the folder of evidence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from streamer.bus import CallName
from streamer.console.hub import Hub
from streamer.console.keeper import Keeper
from streamer.errors import HuazhaError
from streamer.link import Frame
from streamer.record.clips import Clip
from streamer.record.event import Event
from streamer.record.evidence import Evidence, Kept

log = logging.getLogger(__name__)

CLIPS = 64
"""Clips that wait to be written at most: a minute of telephone audio is half a megabyte."""

Publish = Callable[[str, Mapping[str, Any], CallName], Awaitable[object]]


class Intake:
    """Takes frames in, in their order.

    Args:
      publish: tells everybody of an event about a call.
      troubled: told why clips are not being written, and with an empty string when they are again.
      lost: called for each clip that could not be written.
    """

    def __init__(
        self,
        hub: Hub,
        keeper: Keeper,
        evidence: Evidence,
        *,
        publish: Publish,
        troubled: Callable[[str], Awaitable[None]],
        lost: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._keeper = keeper
        self._evidence = evidence
        self._publish = publish
        self._troubled = troubled
        self._lost = lost
        self._clips: asyncio.Queue[tuple[CallName, Clip]] = asyncio.Queue(CLIPS)

    def take(self, frame: Frame) -> None:
        """Take in a frame."""
        if frame.what == "event":
            event = Event.from_json(frame.fields)
            self._hub.publish(event)
            if event.kept:
                self._keeper.put(event)
        elif frame.what == "clip":
            try:
                self._clips.put_nowait(_clip(frame))
            except asyncio.QueueFull:
                self._lost()
                log.error("more clips wait to be written than there is room for; one is lost")

    async def write_clips(self) -> None:
        """Write clips, for ever."""
        while True:
            await self._write(*await self._clips.get())
            self._clips.task_done()

    async def written(self) -> None:
        """Wait until no clip waits."""
        await self._clips.join()

    async def _write(self, about: CallName, clip: Clip) -> None:
        try:
            kept = await asyncio.to_thread(self._evidence.keep, about.call, clip)
        except OSError as error:
            self._lost()
            log.error("a clip can't be written: %s", error)
            await self._troubled(f"evidence can't be written: {error.strerror or error}")
            return
        await self._troubled("")
        try:
            await self._publish("evidence", _told(clip, kept), about)
        except HuazhaError as error:
            log.error("a clip was written, and can't be told of: %s", error)


def _told(clip: Clip, kept: Kept) -> dict[str, Any]:
    return {
        "violation_id": clip.violation_id,
        "seconds": round(kept.seconds, 3),
        "from": round(kept.start, 3),
        "sha256": kept.sha256,
        "bytes": kept.bytes,
    }


def _clip(frame: Frame) -> tuple[CallName, Clip]:
    """Put a clip together again."""
    fields = dict(frame.fields)
    about = CallName(*(fields.pop(name) for name in ("call", "call_id", "agent")))
    audio = dict(_parts(frame.blob, fields.pop("lengths")))
    silenced = {name: tuple((start, end) for start, end in spans) for name, spans in fields.pop("silenced").items()}
    return about, Clip(**fields, audio=audio, silenced=silenced)


def _parts(blob: bytes, lengths: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
    begin = 0
    for name, length in lengths.items():
        yield name, blob[begin : begin + length]
        begin += length
