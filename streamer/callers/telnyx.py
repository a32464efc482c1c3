"""Telnyx in small. Pure.

https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from streamer.callers.caller import Placed
from streamer.callers.media_streams import TRACKS, MediaStreamsCaller, made_of
from streamer.dialects.telnyx import HEADER

USER = "3e6f995f-85f7-4705-9741-53b116d28237"


class TelnyxCaller(MediaStreamsCaller):
    """Telnyx's side of a `streaming_start` with `stream_track` and `stream_codec` PCMU.

    The call is the session; `names["call"]` is the `call_control_id` of the customer's leg. Secrets:
    `stream_auth_token`, and `token`, one of ours, as a parameter of the stream.
    """

    path = "/v1/telnyx"

    def __init__(self, placed: Placed) -> None:
        super().__init__(placed)
        leg = self.id_of("customer")
        self.names = {**self.names, "call": leg, "customer": leg, "session": placed.call_id}

    def id_of(self, what: str) -> str:
        """Make the `call_control_id` of a leg, and a UUID for all else."""
        made = made_of(what, self._placed.call_id)
        return f"v3:{made}" if what in TRACKS else str(uuid.UUID(made, version=4))

    def headers(self, url: str) -> Mapping[str, str]:
        """Sign in."""
        token = self._placed.secrets.get("stream_auth_token")
        return {} if token is None else {HEADER: token}

    def query(self) -> Mapping[str, str]:
        """Tell of one track: the start doesn't tell which come."""
        return {"track": self.tracks[0]} if len(self.tracks) == 1 else {}

    def connected(self) -> Sequence[Mapping[str, Any]]:
        """Give what is said before the stream's start."""
        said = {"event": "connected", "version": "1.0.0"}
        return [{**said, "connected": self.headers("")} if self.headers("") else said]

    def start(self) -> Mapping[str, Any]:
        """Give the stream's start."""
        return {
            "event": "start",
            "sequence_number": str(self.sequence()),
            "start": {
                "user_id": USER,
                "call_control_id": self.names["call"],
                "call_session_id": self._placed.call_id,
                "from": "+13122010094",
                "to": "+13122123456",
                "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
                "custom_parameters": self.parameters,
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            },
            "stream_id": self.id_of("stream"),
        }

    def media(self, track: str, chunk: int, milliseconds: int, payload: str) -> Mapping[str, Any]:
        """Give a chunk of a track."""
        return {
            "event": "media",
            "sequence_number": str(self.sequence()),
            "media": {"track": track, "chunk": str(chunk), "timestamp": str(milliseconds), "payload": payload},
            "stream_id": self.id_of("stream"),
        }

    def stop(self) -> Sequence[Mapping[str, Any]]:
        """Give the stream's end."""
        return [
            {
                "event": "stop",
                "sequence_number": str(self.sequence()),
                "stop": {"user_id": USER, "call_control_id": self.names["call"]},
                "stream_id": self.id_of("stream"),
            }
        ]


def callers(placed: Placed) -> list[TelnyxCaller]:
    """Give the call's one socket."""
    return [TelnyxCaller(placed)]
