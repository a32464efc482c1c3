"""What every platform in small has: how it dials, and what it sends and answers on the socket. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streamer.types import Encoding

Message = str | bytes


@dataclass(frozen=True, slots=True)
class Dial:
    """How a socket is asked for.

    Attributes:
      url: of the service, with the platform's path and whatever it adds to it.
      headers: of the upgrade, beyond what a WebSocket has anyway.
      subprotocol: that it offers, or None.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    subprotocol: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that a platform is to make.

    Attributes:
      call_id: the platform's name for it.
      channels: the legs that there are.
      language: of the call, told as the platform would tell it; None says nothing.
      secrets: what the platform signs or signs in with, by the names that its caller gives them.
    """

    call_id: str
    channels: tuple[str, ...] = ("agent", "customer")
    language: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Refused(Exception):
    """The service said what this platform would not take."""


class Caller(Protocol):
    """A platform's side of one socket, as a machine without sockets.

    `dial`, then `begin` once the socket is open, `audio` for each frame, and `end`; `receive` whenever the service says
    something. Then the socket is closed once `over` is true, or the service closes it.

    Attributes:
      encoding, sample_rate: of the audio that it sends.
      frame_seconds: of audio that it sends at once.
      channels: the legs that it brings, in the order in which `audio` has their samples interleaved.
      over: whether this side is done.
    """

    encoding: Encoding
    sample_rate: int
    frame_seconds: float
    channels: tuple[str, ...]

    @property
    def over(self) -> bool: ...

    def dial(self, service: str) -> Dial:
        """Say how the socket is asked for; `service` is `ws://HOST:PORT`."""
        ...

    def begin(self) -> Sequence[Message]:
        """Give what the platform says first."""
        ...

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Give what the platform makes of a frame; the last may be shorter than others."""
        ...

    def receive(self, message: Message) -> Sequence[Message]:
        """Take in what the service says, and give the platform's answer.

        Raises:
          Refused: the platform would take that for a mistake.
        """
        ...

    def end(self) -> Sequence[Message]:
        """Give what the platform says when the audio has ended."""
        ...
