"""What Twilio, SignalWire, Telnyx and Plivo in small have in common: a stream that only listens. Pure.

The caller's `names` are what the control port is told of the call, so that one in small can be given it beforehand.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from streamer.callers.caller import Dial, Message, Placed, Refused
from streamer.types import Encoding

TRACKS = {"customer": "inbound", "agent": "outbound"}
"""The customer's call is streamed: what comes in from them, and what goes out to them."""


class MediaStreamsCaller:
    """A platform's side of one socket; what it says is a subclass's affair.

    Attributes:
      encoding, sample_rate, frame_seconds, channels, over: see `Caller`.
      tracks: that are streamed, in the order of the channels.
      names: ids of the call, its legs and its conference.
      parameters: with which the stream was set up.
    """

    path: ClassVar[str]
    encoding = Encoding.MULAW
    sample_rate = 8000
    frame_seconds = 0.02

    def __init__(self, placed: Placed) -> None:
        self.channels = placed.channels
        self.tracks = tuple(TRACKS[channel] for channel in placed.channels)
        self.over = False
        self._placed = placed
        self._sequence = 0
        self._chunks = 0
        self._milliseconds = 0
        self.names: Mapping[str, str] = {
            "call": placed.call_id,
            "customer": placed.call_id,
            "agent": self.id_of("agent"),
            "conference": self.id_of("conference"),
        }
        self.parameters = {"conference": self.names["conference"], "agent_call_sid": self.names["agent"]}
        if placed.language is not None:
            self.parameters["language"] = placed.language
        if "token" in placed.secrets:
            self.parameters["token"] = placed.secrets["token"]

    def id_of(self, what: str) -> str:
        """Make an id of something that belongs to the call, as the platform makes them."""
        raise NotImplementedError

    def connected(self) -> Sequence[Mapping[str, Any]]:
        """Give what is said before the stream's start."""
        return [{"event": "connected", "protocol": "Call", "version": "1.0.0"}]

    def start(self) -> Mapping[str, Any]:
        """Give the stream's start."""
        raise NotImplementedError

    def media(self, track: str, chunk: int, milliseconds: int, payload: str) -> Mapping[str, Any]:
        """Give a chunk of a track; milliseconds since the start."""
        raise NotImplementedError

    def stop(self) -> Sequence[Mapping[str, Any]]:
        """Give what is said at the end."""
        raise NotImplementedError

    def headers(self, url: str) -> Mapping[str, str]:
        """Give what the upgrade has beyond others."""
        return {}

    def query(self) -> Mapping[str, str]:
        """Give the parameters that stand in the address."""
        return {}

    def sequence(self) -> int:
        """Number the next message."""
        self._sequence += 1
        return self._sequence

    def dial(self, service: str) -> Dial:
        """Say how the socket is asked for."""
        query = self.query()
        url = f"{service.rstrip('/')}{self.path}{'?' if query else ''}{urlencode(query)}"
        return Dial(url, self.headers(url))

    def begin(self) -> Sequence[Message]:
        """Give what is said first."""
        return [json.dumps(message) for message in (*self.connected(), self.start())]

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Give a message for each track."""
        width, count = self.encoding.width, len(self.channels)
        unit = width * count
        if len(payload) % unit:
            raise ValueError(f"{len(payload)} bytes are no multiple of {unit}, one sample of each channel")
        self._chunks += 1
        messages = []
        for number, track in enumerate(self.tracks):
            samples = b"".join(payload[at : at + width] for at in range(number * width, len(payload), unit))
            text = base64.b64encode(samples).decode()
            messages.append(json.dumps(self.media(track, self._chunks, self._milliseconds, text)))
        self._milliseconds += len(payload) // unit * 1000 // self.sample_rate
        return messages

    def receive(self, message: Message) -> Sequence[Message]:
        """Take nothing: the stream only listens.

        Raises:
          Refused: always.
        """
        raise Refused("a stream that only listens may be sent nothing; on Twilio that is its error 31924")

    def end(self) -> Sequence[Message]:
        """Give what is said at the end."""
        self.over = True
        return [json.dumps(message) for message in self.stop()]


def made_of(what: str, call_id: str) -> str:
    """Make 32 hexadecimal digits that are always the same of the same."""
    return hashlib.sha256(f"{what} of {call_id}".encode()).hexdigest()[:32]
