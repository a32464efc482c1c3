"""How much a peer may send. Pure."""

from __future__ import annotations


class TokenBucket:
    """Allows `rate` units a second on average, and up to `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._filled = 0.0

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` units at `now` seconds, if they are there; what is refused costs nothing."""
        if now > self._filled:
            self._level = min(self._burst, self._level + self._rate * (now - self._filled))
            self._filled = now
        if amount > self._level:
            return False
        self._level -= amount
        return True
