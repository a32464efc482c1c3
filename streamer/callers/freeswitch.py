"""FreeSWITCH in small: mod_audio_fork on the channel of one leg. Pure.

- https://github.com/drachtio/drachtio-freeswitch-modules/blob/main/modules/mod_audio_fork/README.md
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from urllib.parse import urlencode

from streamer.callers.caller import Dial, Message, Placed, Refused
from streamer.types import Encoding

KINDS = frozenset({"playAudio", "killAudio", "transcription", "transfer", "disconnect", "error", "json"})
"""Types of message that the module takes; any other is an error in its log."""


class FreeSwitchCaller:
    """One fork: `mono` of one leg, or `stereo` with the first leg on the channel that the fork is on.

    Args:
      placed: its secrets may have `username` and `password`, which the module signs in with, and `token`, one of ours
        that goes into the metadata.
    """

    def __init__(self, placed: Placed) -> None:
        self.encoding = Encoding.PCM_S16LE
        self.sample_rate = 8000
        self.frame_seconds = 0.02
        self.channels = placed.channels
        self._placed = placed
        self._over = False

    @property
    def over(self) -> bool:
        """Whether this side is done."""
        return self._over

    def dial(self, service: str) -> Dial:
        """Say how the socket is asked for."""
        query = {
            "uuid": self._placed.call_id,
            "rate": str(self.sample_rate),
            "mix": "stereo" if len(self.channels) == 2 else "mono",
            "read": self.channels[0],
        }
        secrets = self._placed.secrets
        headers = {}
        if "username" in secrets:
            code = base64.b64encode(f"{secrets['username']}:{secrets.get('password', '')}".encode()).decode()
            headers["Authorization"] = f"Basic {code}"
        return Dial(f"{service}/v1/freeswitch?{urlencode(query)}", headers, "audio.drachtio.org")

    def begin(self) -> Sequence[Message]:
        """Give the metadata that the fork was started with; without any, the module sends no text."""
        metadata = {"language": self._placed.language, "token": self._placed.secrets.get("token")}
        told = {name: value for name, value in metadata.items() if value is not None}
        return [json.dumps(told)] if told else []

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Give a frame as the module sends it: as it is."""
        return [payload] if payload else []

    def receive(self, message: Message) -> Sequence[Message]:
        """Take in what the service says: the module answers nothing, it makes an event of it.

        Raises:
          Refused: the module would throw it away.
        """
        if isinstance(message, bytes):
            raise Refused("mod_audio_fork discards binary messages")
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            raise Refused("mod_audio_fork takes JSON") from None
        kind = said.get("type") if isinstance(said, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            raise Refused(f"mod_audio_fork takes a type of {', '.join(sorted(KINDS))}, and not {kind!r}")
        if kind == "playAudio" and not isinstance(said.get("data"), dict):
            raise Refused("mod_audio_fork wants data with playAudio")
        return []

    def end(self) -> Sequence[Message]:
        """Give the last text of `uuid_audio_fork ${uuid} stop`; then the module closes the socket."""
        self._over = True
        return [json.dumps({"event": "stop"})]


def callers(placed: Placed) -> list[FreeSwitchCaller]:
    """Give the forks of a call: one brings all of its legs."""
    return [FreeSwitchCaller(placed)]
