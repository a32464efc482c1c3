"""What happened, as the alert feed, the journal and webhooks tell it; `docs/feed.md` lists the types. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PASSING = frozenset({"call.state", "transcript", "service"})
"""Types of events that are shown, and not kept."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
      cursor: its place among all events: grows, has gaps, never repeats.
      at: on the wall clock, UTC, to the millisecond.
      call, call_id, agent: the call that it is about: the service's name for it, the platform's, and who calls.
      fields: the type's own, as JSON has them.
    """

    cursor: int
    type: str
    at: datetime
    call: str | None = None
    call_id: str | None = None
    agent: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether it goes into the journal."""
        return self.type not in PASSING

    def to_json(self) -> dict[str, Any]:
        """Give the event as it is sent and stored."""
        about = {"call": self.call, "call_id": self.call_id, "agent": self.agent} if self.call is not None else {}
        return {"type": self.type, "at": written(self.at), "cursor": self.cursor, **about, **self.fields}

    @classmethod
    def from_json(cls, message: Mapping[str, Any]) -> Event:
        """Read what `to_json` wrote.

        Raises:
          KeyError, ValueError: it is no event.
        """
        rest = dict(message)
        kind, at, cursor = str(rest.pop("type")), read(rest.pop("at")), int(rest.pop("cursor"))
        # What is about no call may have such a field of its own: a call that was refused was never one here.
        about = {name: rest.pop(name, None) for name in ("call", "call_id", "agent") if "call" in message}
        return cls(cursor, kind, at, **about, fields=rest)


def written(at: datetime) -> str:
    """Write a time as RFC 3339 has it, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(at: str) -> datetime:
    """Read a time that `written` wrote, or any other of RFC 3339.

    Raises:
      ValueError: it is none, or names no zone.
    """
    time = datetime.fromisoformat(at)
    if time.tzinfo is None:
        raise ValueError(f"{at} names no time zone")
    return time.astimezone(UTC)
