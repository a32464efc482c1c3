"""SignalWire in small. Pure.

https://developer.signalwire.com/compatibility-api/cxml/voice/stream
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from streamer.callers.caller import Placed
from streamer.callers.media_streams import MediaStreamsCaller, made_of
from streamer.types import Encoding

PROJECT = "b08dacad-2f6c-4de1-93d6-cc732e0c69c5"


class SignalWireCaller(MediaStreamsCaller):
    """SignalWire's side of a `<Start><Stream track="both_tracks" codec="L16@16000h">`.

    Secrets: `bearer`, one of our tokens, as `authBearerToken`, or `token`, the same as a parameter of the stream.
    """

    path = "/v1/signalwire"
    encoding = Encoding.PCM_S16LE
    sample_rate = 16_000

    def id_of(self, what: str) -> str:
        """Make a UUID."""
        return str(uuid.UUID(made_of(what, self._placed.call_id), version=4))

    def headers(self, url: str) -> Mapping[str, str]:
        """Sign in."""
        bearer = self._placed.secrets.get("bearer")
        return {} if bearer is None else {"Authorization": f"Bearer {bearer}"}

    def connected(self) -> Sequence[Mapping[str, Any]]:
        """Give what is said before the stream's start."""
        return [{"event": "connected", "protocol": "Call", "version": "0.2.0"}]

    def start(self) -> Mapping[str, Any]:
        """Give the stream's start."""
        return {
            "event": "start",
            "sequenceNumber": str(self.sequence()),
            "start": {
                "streamSid": self.id_of("stream"),
                "accountSid": PROJECT,
                "callSid": self._placed.call_id,
                "tracks": sorted(self.tracks),
                "mediaFormat": {"encoding": "audio/x-L16", "sampleRate": self.sample_rate, "channels": 1},
                "customParameters": self.parameters,
            },
            "streamSid": self.id_of("stream"),
        }

    def media(self, track: str, chunk: int, milliseconds: int, payload: str) -> Mapping[str, Any]:
        """Give a chunk of a track."""
        return {
            "event": "media",
            "sequenceNumber": str(self.sequence()),
            "media": {"track": track, "chunk": str(chunk), "timestamp": str(milliseconds), "payload": payload},
            "streamSid": self.id_of("stream"),
        }

    def stop(self) -> Sequence[Mapping[str, Any]]:
        """Give the stream's end."""
        return [{"event": "stop", "sequenceNumber": str(self.sequence()), "streamSid": self.id_of("stream")}]


def callers(placed: Placed) -> list[SignalWireCaller]:
    """Give the call's one socket."""
    return [SignalWireCaller(placed)]
