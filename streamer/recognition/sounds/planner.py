"""When to look for terms in the sound of one channel, and in which part of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class LookOptions:
    """The shape of looks, all in seconds.

    Attributes:
      hop: new audio that makes another look worth while.
      longest: a look holds the last so much; the longest term must fit into it.
      tail: audio after its end that is looked at, too.
      unknown: the beginning of a call in which looks don't wait for speech to be noticed.
    """

    hop: float = 0.15
    longest: float = 3.0
    tail: float = 0.3
    unknown: float = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """A stretch of a channel's audio to look for terms in, in seconds of call audio.

    Attributes:
      paused: silence had begun at its end.
    """

    start: float
    end: float
    paused: bool


class LookPlanner:
    """Plans the looks of one channel, never two at once.

    Whoever speaks is looked at every `hop`, and once more when nobody does any more. Under load a look comes later than
    it is due: it holds all that has come in by then, or the last `longest` seconds of it.
    """

    def __init__(self, options: LookOptions = LookOptions()) -> None:
        self._options = options
        self._received = 0.0
        self._quiet = inf
        self._ended = -inf
        self._looked = 0.0
        self._flying = False

    def speech_started(self) -> None:
        """Somebody begins to speak."""
        self._ended = inf

    def speech_ended(self, at: float) -> None:
        """Nobody speaks any more from a second of the call on."""
        self._ended = at

    def audio_received(self, until: float, quiet: float | None = None) -> None:
        """Audio has come in, up to `until` seconds of the call; silent since `quiet`, if it may go on."""
        self._received = until
        self._quiet = inf if quiet is None else quiet

    @property
    def due(self) -> bool:
        """Whether there is something to look at."""
        return self._due() is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is looked at, nor to be looked at."""
        return not self._flying and self._due() is None

    def next(self) -> Look | None:
        """Give the look that is due, if one is; it is then in flight until `landed`."""
        look = self._due()
        if look is not None:
            self._flying, self._looked = True, look.end
        return look

    def landed(self) -> None:
        """The look in flight was answered, or will not be: what it held is not looked at again for that."""
        self._flying = False

    def _due(self) -> Look | None:
        options = self._options
        if self._flying:
            return None
        speaking = self._ended == inf or self._received <= options.unknown
        end = self._received if speaking else min(self._received, self._ended + options.tail)
        done = not speaking and end >= self._ended + options.tail
        if end <= self._looked or (end - self._looked < options.hop - ROUNDING and not done):
            return None
        return Look(max(0.0, end - options.longest), end, done or self._quiet <= end - options.tail)
