"""What a service tells supervisors, heard where it tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from streamer.bus import Bus, CallName


@contextmanager
def overheard(bus: Bus, hear: Callable[[str, Mapping[str, Any]], None]) -> Iterator[None]:
    """Have each event heard, before anybody else is told of it.

    Args:
      hear: given an event's kind and its fields.
    """
    tell = bus.tell

    def listen(kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Any:
        hear(kind, dict(fields or {}))
        return tell(kind, about, fields)

    bus.tell = listen  # type: ignore[method-assign]
    try:
        yield
    finally:
        bus.tell = tell  # type: ignore[method-assign]
