"""A platform's control port: what a block does where the socket that brings the audio only listens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What came of something the platform was asked for.

    UNSUPPORTED: it can't be done there, or not with these settings; nothing was asked.
    ACCEPTED: the platform took the request, and says nothing of whether it was carried out.
    CONFIRMED: the platform says that it was carried out.
    FAILED: it was refused, or no answer came.
    """

    UNSUPPORTED = "unsupported"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A platform's answer.

    Attributes:
      detail: for people: what the platform said, or what would have to be set. Never holds a credential.
      sent: second of the port's clock at which the request had left; None where none has.
      answered: second of it at which the outcome was known.
      unsure: whether a failure may have been carried out all the same: the request had left, and nobody answered it.
      status: of HTTP, that the platform answered last; None where none came, or the platform speaks no HTTP.
    """

    outcome: Outcome
    detail: str = ""
    sent: float | None = None
    answered: float | None = None
    status: int | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The call that is meant.

    Attributes:
      names: `CallStarted.names`.
      say: sends a text message on the socket that the call came in on, where the platform takes orders there; tells
        whether it took it.
    """

    names: Mapping[str, str]
    say: Callable[[str], Awaitable[bool]] = field(repr=False)


class Port:
    """A platform's control port, for all its calls. What a platform can't do is left as it is here.

    No method raises for what the platform does: that is its answer. Each gives up by itself after the time that the
    platform's settings allow.

    Attributes:
      hears_muted: whether Huazha goes on hearing what a muted leg says.
    """

    hears_muted: bool = False

    async def ready(self, target: Target) -> Answer:
        """Make sure, as the call begins, that a block could be carried out; what is slow at first is done by that."""
        return Answer(Outcome.ACCEPTED)

    async def mute(self, target: Target, channel: str) -> Answer:
        """Let nobody hear a leg."""
        return unsupported("mute")

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again."""
        return unsupported("unmute")

    async def play(self, target: Target, sound: str) -> Answer:
        """Play a sound to both legs; `sound` as the platform names it: an address, a file."""
        return unsupported("play")

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play a sound that only one leg hears."""
        return unsupported("whisper")

    async def hangup(self, target: Target) -> Answer:
        """End the call."""
        return unsupported("hangup")

    async def transfer(self, target: Target, to: str) -> Answer:
        """Hand the customer to somebody else; `to` as the platform names them."""
        return unsupported("transfer")

    async def gone(self, target: Target, channel: str) -> bool:
        """Tell whether the platform says that a leg is not there any more; false where it says nothing."""
        return False

    async def aclose(self) -> None:
        """Let go of connections."""


def unsupported(what: str, why: str = "this platform has no way to do that") -> Answer:
    """Answer that something can't be done."""
    return Answer(Outcome.UNSUPPORTED, f"{what}: {why}")
