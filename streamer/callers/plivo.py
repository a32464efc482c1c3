"""Plivo in small. Pure.

https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from streamer.callers.caller import Placed
from streamer.callers.media_streams import MediaStreamsCaller, made_of
from streamer.dialects import plivo
from streamer.types import Encoding

ACCOUNT = "MAXXXXXXXXXXXXXXXXXX"


class PlivoCaller(MediaStreamsCaller):
    """Plivo's side of a `<Stream audioTrack="both" contentType="audio/x-l16;rate=16000">`.

    Its parameters stand in the address, since `extraHeaders` take letters and digits only; but for `token`, one of our
    tokens, which is kept out of addresses. It says nothing at the end, and closes. Secrets: `auth_token`, for the
    signature, and `token`.

    Args:
      now: seconds since 1970 at the start.
      nonce: for the signature.
    """

    path = "/v1/plivo"
    encoding = Encoding.PCM_S16LE
    sample_rate = 16_000

    def __init__(self, placed: Placed, now: float, nonce: str) -> None:
        super().__init__(placed)
        self._now = now
        self._nonce = nonce
        token = self.parameters.pop("token", None)
        self._extra_headers = "{}" if token is None else f"{{X-PH-token: {token}}}"

    def id_of(self, what: str) -> str:
        """Make a name for a conference, and a UUID for all else."""
        made = made_of(what, self._placed.call_id)
        return f"room{made}" if what == "conference" else str(uuid.UUID(made, version=4))

    def headers(self, url: str) -> Mapping[str, str]:
        """Sign the address."""
        token = self._placed.secrets.get("auth_token")
        if token is None:
            return {}
        signature = plivo.sign(url, self._nonce, token)
        return {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": self._nonce}

    def query(self) -> Mapping[str, str]:
        """Give the parameters."""
        return self.parameters

    def connected(self) -> Sequence[Mapping[str, Any]]:
        """Say nothing before the start."""
        return []

    def start(self) -> Mapping[str, Any]:
        """Give the stream's start."""
        return {
            "event": "start",
            "sequenceNumber": self.sequence(),
            "start": {
                "callId": self._placed.call_id,
                "streamId": self.id_of("stream"),
                "accountId": ACCOUNT,
                "tracks": sorted(self.tracks),
                "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": self.sample_rate},
            },
            "extra_headers": self._extra_headers,
        }

    def media(self, track: str, chunk: int, milliseconds: int, payload: str) -> Mapping[str, Any]:
        """Give a chunk of a track; its time is one of the day, not of the stream."""
        timestamp = str(int(self._now * 1000) + milliseconds)
        return {
            "event": "media",
            "sequenceNumber": self.sequence(),
            "streamId": self.id_of("stream"),
            "media": {"track": track, "timestamp": timestamp, "chunk": chunk, "payload": payload},
            "extra_headers": self._extra_headers,
        }

    def stop(self) -> Sequence[Mapping[str, Any]]:
        """Say nothing at the end."""
        return []


def callers(placed: Placed) -> list[PlivoCaller]:
    """Give the call's one socket."""
    return [PlivoCaller(placed, time.time(), str(secrets.randbelow(10**20)))]
