"""What a platform's own clock says of the audio that came: whether some of it never did. Pure."""

from __future__ import annotations

from collections import deque

LEAST = 0.5
"""Seconds that must be missing before they are told; less may be how the platform counts."""
MOST = 86_400.0
"""Seconds that can be missing at once; more is another clock."""


class PlatformClock:
    """Compares the platform's clock with the audio received.

    A clock may count what is spoken, or when it is sent. By the first, audio is missing once the clock has jumped; by
    the second, it may all come yet, in a burst during which the clock hardly moves. So a jump is believed when readings
    in a row agree on it. A clock that goes back, or repeats itself, makes nothing missing.

    Args:
      readings: in a row that must agree.
      tolerance: seconds that they may differ by.
    """

    def __init__(self, readings: int, tolerance: float) -> None:
        self._tolerance = tolerance
        self._ahead: deque[float] = deque(maxlen=readings)
        self._base: float | None = None

    def missing(self, told: float, heard: float) -> float:
        """Take a reading.

        Args:
          told: seconds on the platform's clock.
          heard: seconds of audio that came before it, those that are known to be lost among them.

        Returns:
          seconds that are lost beside these, to be counted in `heard` from now on; 0 if none.
        """
        if self._base is None:
            self._base = told - heard
        self._ahead.append(told - heard - self._base)
        if len(self._ahead) < (self._ahead.maxlen or 0) or max(self._ahead) - min(self._ahead) > self._tolerance:
            return 0.0
        ahead = min(self._ahead)
        if abs(ahead) < LEAST:
            return 0.0
        self._ahead.clear()
        if not LEAST <= ahead <= MOST:
            self._base += ahead
            return 0.0
        return ahead

    def pause(self) -> None:
        """Forget readings: the platform stops for a while, and its clock may, too."""
        self._ahead.clear()
        self._base = None
