"""What a dialect makes of a platform's messages. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.errors import ProtocolError
from streamer.types import AudioFrame, CallStarted, CallStopped, SignIn


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer broke the protocol; tell it so, and close."""

    error: ProtocolError


Incoming = SignIn | CallStarted | AudioFrame | CallStopped | Failed
