"""Refused sign-ins, as the alert feed tells them. Pure."""

from __future__ import annotations

from typing import Any

from streamer.errors import AccessDenied, ForbiddenOrigin
from streamer.limits import TokenBucket

RATE = 0.1
"""Refusals told a second, on average."""
BURST = 20.0
"""Refusals told at once."""


class Refusals:
    """Puts refusals into words, but not all of them: whoever tries token after token must not fill the journal."""

    def __init__(self) -> None:
        self._told = TokenBucket(RATE, BURST)
        self._untold = 0

    def note(self, what: str, address: str, error: AccessDenied | ForbiddenOrigin, now: float) -> dict[str, Any] | None:
        """Take in a refusal.

        Args:
          what: was asked for, as in `media stream`.
          address: of whoever asked.
          now: seconds.

        Returns:
          the fields of an `access` event; None when this one is only counted, and told with the next.
        """
        if not self._told.take(1, now):
            self._untold += 1
            return None
        name = error.name if isinstance(error, AccessDenied) else None
        more = f" (and {self._untold} more that were not told)" if self._untold else ""
        self._untold = 0
        return {"what": "refused", "detail": f"{what} from {address}: {error.message}{more}", "by": name or address}
