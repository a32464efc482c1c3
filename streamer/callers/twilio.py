"""Twilio in small. Pure.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamer.callers.caller import Placed
from streamer.callers.media_streams import MediaStreamsCaller, made_of
from streamer.dialects import twilio

ACCOUNT = "AC" + "0" * 32


class TwilioCaller(MediaStreamsCaller):
    """Twilio's side of a `<Start><Stream track="both_tracks">`.

    Secrets: `auth_token`, for the signature, and `token`, one of ours, as a parameter of the stream. There is no query:
    `<Stream>` takes none in its address.
    """

    path = "/v1/twilio"

    def id_of(self, what: str) -> str:
        """Make a SID."""
        kind = {"agent": "CA", "conference": "CF", "stream": "MZ"}[what]
        return kind + made_of(what, self._placed.call_id)

    def headers(self, url: str) -> Mapping[str, str]:
        """Sign the address."""
        token = self._placed.secrets.get("auth_token")
        return {} if token is None else {"X-Twilio-Signature": twilio.sign(url, token)}

    def start(self) -> Mapping[str, Any]:
        """Give the stream's start."""
        return {
            "event": "start",
            "sequenceNumber": str(self.sequence()),
            "start": {
                "accountSid": ACCOUNT,
                "streamSid": self.id_of("stream"),
                "callSid": self._placed.call_id,
                "tracks": sorted(self.tracks),
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
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
        return [
            {
                "event": "stop",
                "sequenceNumber": str(self.sequence()),
                "stop": {"accountSid": ACCOUNT, "callSid": self._placed.call_id},
                "streamSid": self.id_of("stream"),
            }
        ]


def callers(placed: Placed) -> list[TwilioCaller]:
    """Give the call's one socket."""
    return [TwilioCaller(placed)]
