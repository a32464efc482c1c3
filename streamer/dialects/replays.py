"""Nonces of signed requests: each lets one socket in. Pure."""

from __future__ import annotations

from collections.abc import Hashable

REMEMBERED = 100_000
"""Nonces that are kept at once."""


class Replays:
    """Nonces that let a socket in, for as long as they could let in another.

    Only who has the secret can add one. Where there are too many all the same, the oldest is forgotten: to refuse a
    call would be worse than that somebody could open a socket a second time.

    Args:
      limit: nonces that are kept.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._until: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def take(self, nonce: Hashable, now: float, until: float) -> bool:
        """Remember a nonce `until` a second of the clock that `now` is of; False where it was here before."""
        if nonce in self._until and self._until[nonce] >= now:
            return False
        if len(self._until) >= self._limit:
            self._until = {nonce: end for nonce, end in self._until.items() if end >= now}
            if len(self._until) >= self._limit:
                del self._until[next(iter(self._until))]
        self._until[nonce] = until
        return True
