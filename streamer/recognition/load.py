"""How far recognition is behind, and what is given up for it. Pure."""

from __future__ import annotations

from enum import IntEnum

SMOOTHING = 2.0
"""Seconds in which an old wait loses most of its weight: one slow batch is no overload."""
CALM = 0.6
"""By how much a wait must fall below the bound at which something was given up, before it is taken up again."""


SOON = 0.3
"""Seconds that turns may wait, in the mean, while looks are thorough."""
REFUSED = 3.0
"""Seconds that a turn counts as having waited which a recogniser turned away: a third of them are too much load."""


class Relief(IntEnum):
    """What is given up; each step holds those before it. Before the first, looks are further apart."""

    NOTHING = 0
    CUSTOMERS = 1
    NEW_CALLS = 2


BOUNDS = {Relief.CUSTOMERS: 1.0, Relief.NEW_CALLS: 1.8}
"""Seconds that turns wait for the recogniser, in the mean, at which a step is taken."""


class Load:
    """Follows the waits of turns; a step is taken when they are too long, and taken back when they are short again."""

    def __init__(self) -> None:
        self.relief = Relief.NOTHING
        self._mean = 0.0
        self._at = 0.0

    @property
    def in_time(self) -> bool:
        """Whether turns come so soon that there is time for thorough looks."""
        return self._mean < SOON

    def waited(self, seconds: float, now: float) -> None:
        """Take in how long a batch's oldest turn had waited when it began.

        Args:
          now: seconds of any clock that goes on.
        """
        weight = min(1.0, (now - self._at) / SMOOTHING) if self._at else 1.0
        self._mean += weight * (seconds - self._mean)
        self._at = now
        steps = [step for step, bound in BOUNDS.items() if self._mean >= bound * (CALM if step <= self.relief else 1)]
        self.relief = max(steps, default=Relief.NOTHING)


class TwoLoads:
    """Load of looks for text and of looks for sounds, which are many and soon: the former must show all the same."""

    def __init__(self) -> None:
        self._text, self._sounds = Load(), Load()

    @property
    def relief(self) -> Relief:
        """What must be given up for the one or the other."""
        return max(self._text.relief, self._sounds.relief)

    @property
    def in_time(self) -> bool:
        """Whether turns of both kinds come so soon that there is time for thorough looks."""
        return self._text.in_time and self._sounds.in_time

    def waited(self, seconds: float, now: float, *, sounds: bool = False, others: bool = True) -> None:
        """Take in how long a batch's oldest turn had waited when it began.

        Args:
          now: seconds of any clock that goes on.
          sounds: whether it was a look for sounds.
          others: whether turns of the other kind wait. Where none do, none has to wait: what is over is no load.
        """
        own, other = (self._sounds, self._text) if sounds else (self._text, self._sounds)
        own.waited(seconds, now)
        if not others:
            other.waited(0.0, now)
