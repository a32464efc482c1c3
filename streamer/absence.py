"""What is missed of a call while no socket brings it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

Missed = tuple[Sequence[str], float]
"""Channels, and the second of the call up to which what they lack is lost."""


class Absence:
    """Keeps the time of a call over the loss of its sockets; seconds are of any clock that only goes on.

    A pause misses nothing: the platform wants nobody to hear a card's number, and the call's time stands still. Where
    the socket is lost meanwhile, the pause may end unseen. So what was lost of a call that was paused stays open until
    it is back: if it is paused then, it was so all the time; if it brings audio, all from the loss on is lost.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._paused = False
        self._open: Missed | None = None

    @property
    def begun(self) -> bool:
        """Whether audio has come before."""
        return bool(self._since)

    def received(self, now: float) -> None:
        """Audio has come; what was `missed` is settled."""
        self._since, self._paused = now, False

    def pause(self, now: float, *, on: bool) -> None:
        """The platform pauses the call, or resumes it."""
        self._paused = on
        if self.begun:
            self._since = now
        if on:
            self._open = None

    def lost(self, now: float) -> None:
        """A socket was lost."""
        if self._paused and self.begun:
            self._since = now

    def back(self, channels: Sequence[str], duration: float, now: float) -> Missed | None:
        """A socket brings channels of a call of this `duration` again; gives what it surely misses."""
        self._open = channels, duration + now - self._since
        return None if self._paused else self.missed()

    def missed(self) -> Missed | None:
        """Give what was open: audio comes, and time has gone on."""
        missed, self._open = self._open, None
        return missed
