"""Events that the journal does not have yet, in a file: a service that dies while its database is gone loses none."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from streamer.bus import Bus
from streamer.record.event import Event

log = logging.getLogger(__name__)

OVERDUE = 2.0
"""Seconds that the journal may take before what it does not have is spooled."""
MOST = 256 * 1024 * 1024
"""Bytes that are spooled at most; what comes after waits in memory alone."""


class Spool:
    """Keeps what a bus told and nobody has acknowledged: a line of JSON an event, in order, for its owner's eyes alone.

    Not safe to use from several threads at once.

    Args:
      folder: made when it is wanted.
      gateway: whose events these are; two services with one name can't have the same spool.
      most: bytes.

    Attributes:
      trouble: why events can't be spooled at present, or an empty string.
      damaged: lines that could not be read again.
    """

    def __init__(self, folder: Path, gateway: str, most: int = MOST) -> None:
        self._path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', gateway)}.jsonl"
        self._most = most
        self._file: int | None = None
        self._size = 0
        self._last = 0
        self.waiting = 0
        self.damaged = 0
        self.trouble = ""

    def restore(self) -> list[Event]:
        """Give what an earlier service left, in order; it stays in the file until it is acknowledged."""
        if not self._path.exists():
            return []
        try:
            held = self._open()
            lines = os.pread(held, os.fstat(held).st_size, 0).split(b"\n")
        except OSError as error:
            self._fail(error)
            return []
        events: dict[int, Event] = {}
        for line in filter(None, lines):
            try:
                event = Event.from_json(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                self.damaged += 1
                continue
            events[event.cursor] = event
        if self.damaged:
            log.error("%d events of %s can't be read, and are lost", self.damaged, self._path)
        restored = [events[cursor] for cursor in sorted(events)]
        self._last, self.waiting = max(events, default=0), len(restored)
        if not restored:
            self.clear()
        return restored

    def keep(self, bus: Bus, *, at_once: bool = False) -> None:
        """Write what is overdue, and forget all when the journal has it.

        Args:
          at_once: whether everything that is not acknowledged is overdue.
        """
        events = bus.overdue(0.0 if at_once or self.waiting else OVERDUE)
        if events:
            try:
                self._write(events)
            except OSError as error:
                bus.not_spooled(events)
                self._fail(error)
            else:
                self.trouble = ""
        if self.waiting and bus.acknowledged >= self._last:
            self.clear()

    def clear(self) -> None:
        """Forget all that is spooled."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            self._fail(error)
            return
        if self.waiting:
            log.warning("the %d events that were spooled are in the journal", self.waiting)
        self.close()
        self.waiting, self.trouble = 0, ""

    def close(self) -> None:
        """Let others have the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, events: Sequence[Event]) -> None:
        lines = [json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":")) for event in events]
        data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        held = self._open()
        if self._size + len(data) > self._most:
            raise OSError(f"it is full ({self._most // (1024 * 1024)} MB)")
        try:
            at = self._size
            while data:
                written = os.pwrite(held, data, at)
                at, data = at + written, data[written:]
            os.fsync(held)
        except OSError:
            # Half a line would spoil the next.
            os.ftruncate(held, self._size)
            raise
        if not self.waiting:
            log.error("the journal does not have what happens; it is spooled in %s", self._path)
        self._size = at
        self._last, self.waiting = events[-1].cursor, self.waiting + len(events)

    def _open(self) -> int:
        if self._file is not None:
            return self._file
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(held).st_size
            if size and os.pread(held, 1, size - 1) != b"\n":
                # Whoever wrote it died over its last line.
                size += os.pwrite(held, b"\n", size)
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except BlockingIOError:
            os.close(held)
            raise OSError("another service has it; give each a name of its own: gateway") from None
        except OSError:
            os.close(held)
            raise
        self._file, self._size = held, size
        return held

    def _fail(self, error: OSError) -> None:
        trouble = f"events can't be spooled in {self._path}: {error.strerror or error}"
        if trouble != self.trouble:
            log.error("%s; they wait in memory", trouble)
        self.trouble = trouble
