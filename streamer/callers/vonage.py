"""Vonage in small: a socket for each leg, as a participant that hears that leg alone. Pure.

https://developer.vonage.com/en/voice/voice-api/concepts/websockets
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from streamer.callers.caller import Dial, Message, Placed, Refused
from streamer.dialects import vonage
from streamer.types import Encoding

RATE = 16_000
FRAME = 640
"""Bytes of 20 ms, which is what each message must have, either way."""


class VonageCaller:
    """Vonage's side of one socket.

    Args:
      placed: its secrets may have `signature_secret`, for `"authorization": {"type": "vonage"}`; `application_id`, of
        the application that signs; and `token`, one of ours in the endpoint's headers.
      channel: the leg that the socket hears.
      now: seconds since 1970, for the signature.

    Attributes:
      encoding, sample_rate, frame_seconds, channels, over: see `Caller`.
      names: uuid of each leg.
    """

    def __init__(self, placed: Placed, channel: str, now: float) -> None:
        self.encoding = Encoding.PCM_S16LE
        self.sample_rate = RATE
        self.frame_seconds = 0.02
        self.channels: tuple[str, ...] = (channel,)
        self.over = False
        self.names: Mapping[str, str] = {leg: leg_uuid(leg, placed.call_id) for leg in ("agent", "customer")}
        self._placed = placed
        self._now = now

    def dial(self, service: str) -> Dial:
        """Say how the socket is asked for."""
        secrets = self._placed.secrets
        headers = {}
        if "signature_secret" in secrets:
            claims = {
                "iat": int(self._now),
                "jti": str(uuid.uuid4()),
                "iss": "Vonage",
                "payload_hash": hashlib.sha256(b"").hexdigest(),
                "api_key": "abcd1234",
                "application_id": secrets.get("application_id", "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"),
            }
            headers["Authorization"] = f"Bearer {vonage.signed(claims, secrets['signature_secret'])}"
        return Dial(f"{service.rstrip('/')}/v1/vonage", headers)

    def begin(self) -> Sequence[Message]:
        """Give the first message: the format, and the headers of the endpoint beside it."""
        headers: dict[str, Any] = {
            "call": self._placed.call_id,
            "leg": self.channels[0],
            **{f"{leg}_call_uuid": uuid for leg, uuid in self.names.items()},
            "language": self._placed.language,
            "token": self._placed.secrets.get("token"),
        }
        told = {name: value for name, value in headers.items() if value is not None}
        return [json.dumps({"event": "websocket:connected", "content-type": f"audio/l16;rate={RATE}", **told})]

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Give messages of 20 ms; a last one that would be shorter ends in silence."""
        return [payload[at : at + FRAME].ljust(FRAME, b"\0") for at in range(0, len(payload), FRAME)]

    def receive(self, message: Message) -> Sequence[Message]:
        """Take in what the service says.

        Raises:
          Refused: Vonage would not take it.
        """
        if isinstance(message, bytes):
            if len(message) != FRAME:
                raise Refused(f"each binary message must be {FRAME} bytes, 20 ms, and not {len(message)}")
            return []
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            raise Refused("a text must be a JSON object") from None
        match said:
            case {"action": "clear"}:
                return [json.dumps({"event": "websocket:cleared"})]
            case {"action": "notify", "payload": dict(payload)}:
                return [json.dumps({"event": "websocket:notify", "payload": payload})]
        raise Refused("a text must have the action clear, or notify with a payload")

    def end(self) -> Sequence[Message]:
        """Say nothing: Vonage closes the socket."""
        self.over = True
        return []


def callers(placed: Placed) -> list[VonageCaller]:
    """Give a socket for each leg of the call."""
    now = time.time()
    return [VonageCaller(placed, channel, now) for channel in placed.channels]


def leg_uuid(leg: str, call_id: str) -> str:
    """Make the uuid of a leg, always the same of the same."""
    return str(uuid.UUID(hashlib.sha256(f"{leg} of {call_id}".encode()).hexdigest()[:32]))
