"""The wall clock of one call leg, held against the audio that came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import inf

ODD = 1.0
"""Seconds that audio may be late, or a leg lack at its end, before that is anything but jitter."""
LONGEST = 30.0
"""Seconds of an outage told together, at most; the first is told at once, the next after twice as long each time."""
JITTER = 0.1
"""Seconds by which audio must catch up to count as catching up."""
STEADY = 2.0
"""Seconds of audio without catching up, after which what is missing is lost and not late."""

LOST = "the connection was lost"
NEVER_CAME = "this leg has not come"
NO_AUDIO = "no audio arrived"


class LegState(Enum):
    """Whether anything brings a leg's audio."""

    ABSENT = auto()
    PRESENT = auto()
    LOST = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Outage:
    """Audio that a leg lacks.

    Attributes:
      seconds: how much of it, up to now.
      reason: why, for people; None where there was nothing to hear, so that nothing is lost.
      lost: whether it can't come any more. What is only late may: it is told, and counted only if it never comes.
      told: seconds of it that were told as late before.
    """

    seconds: float
    reason: str | None
    lost: bool = True
    told: float = 0.0


class LegClock:
    """Says how much audio a leg should have brought by now, and what it means that it brought less.

    ```
    ABSENT --joined()--> PRESENT --lost()--> LOST --joined()--> PRESENT --ended()--> ENDED --joined()--> PRESENT
    ```

    Time stands still while the platform pauses the leg. Where audio comes faster than it was spoken (a recording that
    is played to the service, a sender that catches up), the clock goes with it, so that it is never behind the audio.
    A socket may be lost in a pause, and the pause end unseen: if the leg is paused when it is back, it was so all the
    time; if it brings audio, or never comes back, all from the loss on is missing.

    Args:
      now: second of any clock that only goes on; all other times are of the same.
      expected: whether the leg is missed before it has come.
      patience: seconds without audio on a live socket after which that is told.
    """

    def __init__(self, now: float, *, expected: bool, patience: float) -> None:
        self.state = LegState.ABSENT
        self.muted = False
        self.paused_seconds = 0.0
        self._expected = expected
        self._patience = patience
        self._began = now
        self._paused: float | None = None
        self._lost_in_pause: float | None = None
        self._abruptly = True
        self._first = False
        self._before = LegState.ABSENT
        self._joined = now
        self._told = 0.0
        self._next = ODD
        self._least = inf
        self._since = now

    @property
    def blind(self) -> bool:
        """Whether audio is missing at present, so far as was told."""
        gone = self.state is LegState.LOST or (self.state is LegState.ABSENT and self._expected)
        return self._told > 0.0 or (gone and self._next > ODD)

    def elapsed(self, now: float) -> float:
        """Seconds of the leg by the wall clock, pauses not among them."""
        return (now if self._paused is None else self._paused) - self._began - self.paused_seconds

    def missing(self, now: float, received: float) -> float:
        """Seconds of audio that have not come by now."""
        return max(0.0, self.elapsed(now) - received)

    def joined(self, now: float) -> None:
        """A socket brings the leg."""
        if self.state is LegState.PRESENT:
            return
        self._before, self._joined, self._first = self.state, now, True
        self.state = LegState.PRESENT

    def lost(self, now: float, *, abruptly: bool = True) -> None:
        """The socket that brought the leg was lost, or closed in order (not `abruptly`), as where a call ends."""
        self.state = LegState.LOST
        self._abruptly = abruptly
        if self._paused is not None and self._lost_in_pause is None:
            self._lost_in_pause = now

    def ended(self) -> None:
        """The platform says that the leg is over."""
        self.state = LegState.ENDED

    def pause(self, now: float, *, on: bool) -> None:
        """The platform lets nobody hear the leg, or lets it be heard again."""
        if on:
            self._paused = now if self._paused is None else self._paused
            self._first = self._first and self._lost_in_pause is None
        elif self._paused is not None:
            self.paused_seconds += now - self._paused
            self._paused = None
        self._lost_in_pause = None

    def arriving(self, now: float, received: float) -> Outage | None:
        """Audio is there, which ends a pause; gives what was lost before it, if it is the first of a socket."""
        self._unpause(now)
        first, self._first = self._first, False
        if not first:
            return None
        if not received and self.missing(now, received) < ODD:
            # The leg begins with its audio.
            self._began += self.missing(now, received)
            return None
        # What was sent on the new socket may come late, but it will come.
        missing = self.missing(self._joined, received)
        return self._lack(missing, self._reason) if missing else None

    def received(self, now: float, received: float, *, quiet: bool) -> Outage | None:
        """Audio has come; gives what turns out to be lost although the socket lives.

        Args:
          received: seconds of audio since the leg began.
          quiet: whether nobody is speaking, so that a gap cuts no word in two.
        """
        self._expected = True
        self._began = min(self._began, now - self.paused_seconds - received)
        missing = self.missing(now, received)
        self._told = min(self._told, missing)
        if missing < ODD:
            self._least, self._next = inf, ODD
            return None
        if missing < self._least - JITTER:
            # It catches up: what is late is not lost.
            self._least, self._since = missing, now
            return None
        if now - self._since < STEADY or not quiet:
            return None
        return self._lack(min(missing, self._least), NO_AUDIO)

    def outage(self, now: float, received: float) -> Outage | None:
        """Say what is to be told of the leg now; nothing, if all is well or nothing new."""
        missing = self.missing(now, received)
        if self.state is LegState.LOST:
            return self._lack(missing, LOST) if missing >= self._next else None
        if self.state is LegState.ABSENT:
            due = max(self._next, 0.0 if received else self._patience)
            return self._lack(missing, NEVER_CAME) if self._expected and missing >= due else None
        if self.state is LegState.ENDED or (self.muted and not self._told):
            return Outage(missing, None) if missing >= ODD else None
        untold = missing - self._told
        if untold < max(self._next, 0.0 if self._told else self._patience):
            return None
        self._told = missing
        self._grow()
        return Outage(untold, NO_AUDIO, lost=False)

    def finish(self, now: float, received: float) -> Outage | None:
        """The leg or the call is over: say what the leg lacks up to its end."""
        if self._lost_in_pause is not None:
            self._unpause(now)
        elif self._paused is not None:
            self.pause(now, on=False)
        missing = self.missing(now, received)
        if self.state is LegState.LOST:
            reason, odd = (LOST, 0.0) if self._abruptly else (NO_AUDIO, ODD)
            return Outage(missing, reason, told=min(self._told, missing)) if missing > odd else None
        if missing < ODD:
            return None
        if self.state is LegState.ABSENT:
            return Outage(missing, NEVER_CAME)
        excused = self.state is LegState.ENDED or (self.muted and not self._told)
        return Outage(missing, None if excused else NO_AUDIO, told=min(self._told, missing))

    @property
    def _reason(self) -> str | None:
        """Why nothing came before the present socket."""
        match self._before:
            case LegState.LOST:
                return LOST
            case LegState.ABSENT if self._expected:
                return NEVER_CAME
        # It was over, or nobody had picked up yet.
        return None

    def _unpause(self, now: float) -> None:
        if self._paused is not None:
            self.pause(now if self._lost_in_pause is None else self._lost_in_pause, on=False)

    def _lack(self, missing: float, reason: str | None) -> Outage:
        """Take what is missing for lost."""
        told, self._told, self._least = min(self._told, missing), 0.0, inf
        self._grow()
        return Outage(missing, reason, told=told)

    def _grow(self) -> None:
        self._next = min(2 * self._next, LONGEST)
