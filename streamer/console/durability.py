"""Whether what happens is being kept: told to everybody when it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


class Durability:
    """Sums up what keeps things: the journal, its signed heads, the evidence.

    Args:
      tell: tells everybody, as the fields of a `service` event.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._tell = tell
        self._troubles: dict[str, str] = {}

    @property
    def degraded(self) -> bool:
        return bool(self._troubles)

    @property
    def detail(self) -> str:
        """What is wrong, or an empty string."""
        return "; ".join(self._troubles.values())

    async def note(self, part: str, trouble: str) -> None:
        """Take in how one part is; an empty `trouble` says that it is well."""
        if self._troubles.get(part, "") == trouble:
            return
        if trouble:
            self._troubles[part] = trouble
        else:
            del self._troubles[part]
        await self._tell({"durability": "degraded" if self.degraded else "ok", "detail": self.detail})
