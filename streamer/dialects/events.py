"""What a dialect makes of a platform's messages. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.errors import ProtocolError
from streamer.types import AudioFrame, CallStarted, CallStopped, Gap, Paused, SignIn


@dataclass(frozen=True, slots=True)
class Reply:
    """What the platform's protocol wants answered, at once."""

    message: str | bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more comes on this socket, and it is to be closed: a probe that was answered, for one."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer broke the protocol; tell it so, and close."""

    error: ProtocolError


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message in mid-call was not understood, and was passed over; the call goes on."""

    error: ProtocolError


Incoming = SignIn | CallStarted | AudioFrame | Gap | Paused | CallStopped | Reply | Closed | Failed | Skipped
