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
from streamer.record.clips import Clip, not_kept
from streamer.record.event import Event
from streamer.record.evidence import Evidence, Kept

log = logging.getLogger(__name__)

Publish = Callable[[str, Mapping[str, Any], CallName], Awaitable[object]]


class Intake:
    """Takes frames in, in their order.

    Args:
      publish: tells everybody of an event about a call.
      troubled: told why clips are not being written, and with an empty string when they are again.
      lost: called for each clip that is not kept.
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
        self._clips: asyncio.Queue[Frame] = asyncio.Queue()

    def take(self, frame: Frame) -> None:
        """Take in a frame."""
        if frame.what == "event":
            event = Event.from_json(frame.fields)
            self._hub.publish(event)
            if event.kept:
                self._keeper.put(event)
            if event.type == "evidence" and event.fields.get("sha256") is None:
                self._lost()
                log.error(
                    "no clip of %s in call %s: %s", event.fields["violation_id"], event.call, event.fields["detail"]
                )
        elif frame.what == "clip":
            # The media plane keeps it, and bounds their number, until it is told what became of it.
            self._clips.put_nowait(frame)

    async def write_clips(self) -> None:
        """Write clips, for ever."""
        while True:
            frame = await self._clips.get()
            try:
                await self._write(frame)
            except Exception:
                log.exception("it can't be told what became of a clip")
            self._clips.task_done()

    async def written(self, seconds: float) -> None:
        """Wait until no clip waits, so long at most; then say of the others that they are not kept."""
        try:
            async with asyncio.timeout(seconds):
                await self._clips.join()
        except TimeoutError:
            while not self._clips.empty():
                frame = self._clips.get_nowait()
                await self._tell(_about(frame), not_kept(frame.fields["violation_id"], "the service ended before"))

    async def _write(self, frame: Frame) -> None:
        """Write a clip, and tell what became of it: whatever is wrong with one, the next is written."""
        about, trouble = _about(frame), ""
        try:
            clip = _clip(frame)
            told = _told(clip, await asyncio.to_thread(self._evidence.keep, about.call, clip))
        except Exception as error:
            why = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
            told = not_kept(frame.fields["violation_id"], f"it can't be written: {why}")
            trouble = f"evidence can't be written: {why}"
        await self._tell(about, told)
        await self._troubled(trouble)

    async def _tell(self, about: CallName, told: Mapping[str, Any]) -> None:
        try:
            await self._publish("evidence", told, about)
        except HuazhaError as error:
            log.error("it can't be told what became of the clip of %s: %s", told["violation_id"], error)


def _told(clip: Clip, kept: Kept) -> dict[str, Any]:
    return {
        "violation_id": clip.violation_id,
        "seconds": round(kept.seconds, 3),
        "from": round(kept.start, 3),
        "sha256": kept.sha256,
        "bytes": kept.bytes,
    }


def _about(frame: Frame) -> CallName:
    return CallName(*(frame.fields[name] for name in ("call", "call_id", "agent")))


def _clip(frame: Frame) -> Clip:
    """Put a clip together again."""
    fields = {name: value for name, value in frame.fields.items() if name not in {"call", "call_id", "agent"}}
    audio = dict(_parts(frame.blob, fields.pop("lengths")))
    silenced = {name: tuple((start, end) for start, end in spans) for name, spans in fields.pop("silenced").items()}
    return Clip(**fields, audio=audio, silenced=silenced)


def _parts(blob: bytes, lengths: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
    begin = 0
    for name, length in lengths.items():
        yield name, blob[begin : begin + length]
        begin += length
