"""jambonz in small: a `listen` that is nested in a `dial`. Pure.

- https://docs.jambonz.org/verbs/verbs/listen
- https://github.com/jambonz/jambonz-feature-server/blob/main/lib/tasks/listen.js
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence

from streamer.callers.caller import Dial, Message, Placed, Refused
from streamer.types import Encoding

ACCOUNT = "9351f46a-678c-43f5-b8a6-d4eb58d131af"
KINDS = frozenset(
    {"playAudio", "killAudio", "transcription", "transfer", "disconnect", "error", "json", "mark", "clearMarks"}
)
"""Types of message that a listen takes; any other is an error in jambonz's log."""


class JambonzCaller:
    """jambonz's side of one listen: `mono` of the first leg, or `stereo` with the first leg on the left.

    Args:
      placed: `call_id` is the SID of the call that runs the application, and that the first leg is on. Its secrets may
        have `username` and `password`, of `wsAuth`, and `token`, one of ours in the verb's metadata.

    Attributes:
      encoding, sample_rate, frame_seconds, channels, over: see `Caller`.
      names: SIDs of the account, of the call, and of each leg.
    """

    def __init__(self, placed: Placed) -> None:
        self.encoding = Encoding.PCM_S16LE
        self.sample_rate = 8000
        self.frame_seconds = 0.02
        self.channels = placed.channels
        self.over = False
        self._placed = placed
        second = "customer" if placed.channels[0] == "agent" else "agent"
        self.names: Mapping[str, str] = {
            "account": ACCOUNT,
            "call": placed.call_id,
            placed.channels[0]: placed.call_id,
            second: _sid(placed.call_id),
        }

    def dial(self, service: str) -> Dial:
        """Say how the socket is asked for."""
        secrets = self._placed.secrets
        headers = {}
        if "username" in secrets:
            code = base64.b64encode(f"{secrets['username']}:{secrets.get('password', '')}".encode()).decode()
            headers["Authorization"] = f"Basic {code}"
        return Dial(f"{service.rstrip('/')}/v1/jambonz", headers, "audio.jambonz.org")

    def begin(self) -> Sequence[Message]:
        """Give the text that tells of the call: of the one that the `dial` made, with the verb's metadata."""
        call = {
            "sampleRate": self.sample_rate,
            "mixType": "stereo" if len(self.channels) == 2 else "mono",
            "direction": "outbound",
            "traceId": hashlib.sha256(self._placed.call_id.encode()).hexdigest()[:32],
            "callerName": "",
            "callSid": _sid(self._placed.call_id),
            "parentCallSid": self._placed.call_id,
            "accountSid": ACCOUNT,
            "applicationSid": "e6de3ee7-3ccd-4d69-b6a2-b0d1f2cf1ab2",
            "from": "+15083084809",
            "to": "+15083728299",
            "callId": "fc5f8190-718a-123b-e6ba-023fd61c5256",
            "callStatus": "in-progress",
            "sipStatus": 200,
            "sipReason": "OK",
            "localSipAddress": "10.0.0.7:5060",
        }
        metadata = {
            "leg": self.channels[0],
            "language": self._placed.language,
            "token": self._placed.secrets.get("token"),
        }
        return [json.dumps({**call, **{name: value for name, value in metadata.items() if value is not None}})]

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Give a frame as jambonz sends it: as it is."""
        return [payload] if payload else []

    def receive(self, message: Message) -> Sequence[Message]:
        """Take in what the service says.

        Raises:
          Refused: jambonz would throw it away.
        """
        if isinstance(message, bytes):
            raise Refused("a listen without bidirectional streaming discards binary messages")
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            raise Refused("a listen takes JSON") from None
        kind = said.get("type") if isinstance(said, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            raise Refused(f"a listen takes a type of {', '.join(sorted(KINDS))}, and not {kind!r}")
        if kind == "disconnect":
            self.over = True
        if kind != "playAudio":
            return []
        data = said.get("data")
        if not isinstance(data, dict) or data.get("audioContentType") not in {"raw", "wav", "wave"}:
            raise Refused("playAudio wants data, with audioContentType raw, wav or wave")
        return [json.dumps({"type": "playDone", "data": {"id": data.get("id")}})]

    def end(self) -> Sequence[Message]:
        """Say nothing: jambonz closes the socket."""
        self.over = True
        return []


def callers(placed: Placed) -> list[JambonzCaller]:
    """Give the call's one listen."""
    return [JambonzCaller(placed)]


def _sid(call_id: str) -> str:
    """Make the SID of the call that is dialled, always the same of the same."""
    return str(uuid.UUID(hashlib.sha256(call_id.encode()).hexdigest()[:32]))
