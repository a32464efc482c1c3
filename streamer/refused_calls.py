"""Calls that were offered and not taken, as the alert feed tells them: an unmonitored call is on the record. Pure."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from detector.masking import mask_json
from streamer.limits import TokenBucket
from streamer.plain_text import plain

BURST = 20.0
"""Refusals of one address for one reason that are told one by one, at once."""
RATE = 1 / 60
"""The same a second, after that."""
ALL_BURST, ALL_RATE = 200.0, 1.0
"""The same of all addresses together."""
PERIOD = 60.0
"""Seconds for which other refusals are counted before their sum is told."""
MOST_SOURCES = 200
"""Addresses and reasons that are counted apart; of what is beyond them, one sum a reason is told."""
MOST_IDS = 100
"""Call ids that a sum names."""
LONGEST_ID = 128
LONGEST_DETAIL = 300
ELSEWHERE = "several"
"""The address of sums that are of more than one."""

ID_NAMES = (
    "call_id",
    "call",
    "HUAZHA_CALL",
    "callSid",
    "callId",
    "call_session_id",
    "call_control_id",
    "conversationId",
    "conversation_uuid",
    "uuid",
    "channel_id",
    "audiohook-session-id",
)
"""Where platforms say which call it is: in the request for the socket, or in its first message."""
DEPTH = 4
"""How deep in a message an id is looked for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was not taken.

    Attributes:
      platform: which one offered it; empty where the path is of none.
      address: of its peer.
      call_id: the platform's name for the call, as far as it came to be known.
      reason: for programs: an error's code, or `lost_before_start`.
      detail: for people.
    """

    platform: str
    address: str
    call_id: str | None
    reason: str
    detail: str

    @property
    def fields(self) -> dict[str, Any]:
        """What a `call.refused` event says of it. Text from outside is bounded, printable, and masked."""
        fields: dict[str, Any] = {
            "platform": self.platform,
            "address": plain(self.address, LONGEST_ID),
            "call_id": None if self.call_id is None else plain(self.call_id, LONGEST_ID),
            "reason": self.reason,
            "detail": plain(self.detail, LONGEST_DETAIL),
            "count": 1,
            "call_ids": [],
        }
        return {name: mask_json(value) for name, value in fields.items()}


@dataclass(slots=True)
class _Source:
    bucket: TokenBucket
    since: float = 0.0
    count: int = 0
    call_ids: list[str] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)


class RefusedCalls:
    """Tells the first refusals of each address at once and one by one, and what follows in sums, once a minute.

    Whoever is refused thousands of times must not fill the journal.
    """

    def __init__(self) -> None:
        self._all = TokenBucket(ALL_RATE, ALL_BURST)
        self._sources: OrderedDict[tuple[str, str, str], _Source] = OrderedDict()

    def note(self, refusal: Refusal, now: float) -> dict[str, Any] | None:
        """Take in a refusal.

        Args:
          now: seconds of any clock that only goes on.

        Returns:
          The fields of a `call.refused` event; None when this one is told later, in a sum.
        """
        source = self._source(refusal, now)
        fields = refusal.fields
        if not source.count:
            source.since = now
        if source.bucket.take(1, now) and self._all.take(1, now):
            return fields
        source.count += 1
        if fields["call_id"] is not None and len(source.call_ids) < MOST_IDS:
            source.call_ids.append(fields["call_id"])
        source.last = fields
        return None

    def sums(self, now: float, *, over: bool = False) -> Iterator[dict[str, Any]]:
        """Give the fields of `call.refused` events for what was counted for a minute; all of it when it is `over`."""
        for (_, address, _), source in [*self._sources.items()]:
            if source.count and (over or now - source.since >= PERIOD):
                told = {"address": address, "call_id": None, "count": source.count, "call_ids": source.call_ids}
                source.count, source.call_ids = 0, []
                yield {**source.last, **told}

    @property
    def untold(self) -> bool:
        """Whether there are refusals that were only counted."""
        return any(source.count for source in self._sources.values())

    def _source(self, refusal: Refusal, now: float) -> _Source:
        key = (refusal.platform, plain(refusal.address, LONGEST_ID), refusal.reason)
        if key not in self._sources and len(self._sources) >= MOST_SOURCES:
            self._forget(now)
        if key not in self._sources and len(self._sources) >= MOST_SOURCES:
            key = (refusal.platform, ELSEWHERE, refusal.reason)
        if key not in self._sources:
            self._sources[key] = _Source(TokenBucket(RATE, BURST), now)
        self._sources.move_to_end(key)
        return self._sources[key]

    def _forget(self, now: float) -> None:
        """Forget the source that was quiet for the longest, if nothing of it is untold."""
        for key, source in self._sources.items():
            if not source.count and now - source.since >= PERIOD:
                del self._sources[key]
                return


def offered_id(source: Mapping[str, Any], depth: int = DEPTH) -> str | None:
    """Find the platform's name for a call in a request's parameters or headers, or in a message."""
    for name in ID_NAMES:
        found = source.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return str(found)
    if depth > 0:
        for inner in source.values():
            if isinstance(inner, Mapping):
                found = offered_id(inner, depth - 1)
                if found is not None:
                    return found
    return None


def offered_id_in(message: str) -> str | None:
    """Find the same in a message that could not be understood, if it is JSON at all."""
    try:
        read = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return offered_id(read) if isinstance(read, dict) else None
