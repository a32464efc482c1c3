"""Genesys Cloud in small: plays a call over AudioHook, version 2. Pure.

It sends what https://developer.genesys.cloud/devapps/audiohook/session-walkthrough shows, and takes of a server what
https://github.com/purecloudlabs/audiohook-reference-implementation takes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from streamer.callers.caller import Dial, Message, Placed, Refused
from streamer.dialects.audiohook import PLATFORM
from streamer.dialects.audiohook_signature import secret_of
from streamer.types import Encoding

RATE = 8000
FIRST_PING, PINGS = RATE, 5 * RATE
"""Samples before the first ping, and between pings."""
LONGEST_TEXT = 65_535
REGION = re.compile(r"[a-z]{2,3}-[A-Za-z]{2,3}")
"""A language as AudioHook has it."""
TRACKS = {"customer": "external", "agent": "internal"}
REASONS = frozenset({"completed", "unauthorized", "error"})
DURATION = re.compile(r"PT(\d*\.)?\d+S")


class AudiohookCaller:
    """The client's side of one AudioHook session.

    Audio that is there before the server has opened the session waits for that, as it does at Genesys Cloud.

    Args:
      placed: its secrets are `api_key` and `signature_secret`, as the integration has them, and `token`, Huazha's,
        which goes into the integration's own parameters.
      now: seconds since 1970, for the signature.
      nonce: for the signature, and to tell this session from others of the call.
      probe: whether Genesys Cloud only tries the connection, without a call.
    """

    encoding = Encoding.MULAW
    sample_rate = RATE
    frame_seconds = 0.2

    def __init__(self, placed: Placed, *, now: float, nonce: str, probe: bool = False) -> None:
        self.channels: tuple[str, ...] = tuple(leg for leg in ("customer", "agent") if leg in placed.channels)
        self.over = False
        self.id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"session {placed.call_id} {nonce}"))
        self.organization = str(uuid.uuid5(uuid.NAMESPACE_OID, "organization"))
        self._placed = placed
        self._now = now
        self._nonce = nonce
        self._probe = probe
        self._seq = 0
        self._serverseq = 0
        self._position = 0
        self._media: list[dict[str, Any]] = self._offers()
        self._heard: list[int] | None = None
        self._open = self._closing = self._paused = False
        self._waiting: list[bytes] = []
        self._ended = False
        self._ping: int | None = None
        self._next_ping = FIRST_PING

    def dial(self, service: str) -> Dial:
        """Say how the socket is asked for."""
        url = service.rstrip("/") + PLATFORM.path
        headers = {
            "Audiohook-Organization-Id": self.organization,
            "Audiohook-Correlation-Id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"correlation {self._nonce}")),
            "Audiohook-Session-Id": self.id,
            "User-Agent": "GenesysCloud-AudioHook-Client",
        }
        if api_key := self._placed.secrets.get("api_key"):
            headers["X-API-KEY"] = api_key
            if secret := self._placed.secrets.get("signature_secret"):
                headers |= self._signature(url, headers, api_key, secret_of(secret))
        return Dial(url, headers)

    def begin(self) -> Sequence[Message]:
        """Open the session."""
        nobody = str(uuid.UUID(int=0))
        language = self._placed.language
        regional = language is not None and REGION.fullmatch(language) is not None
        custom = {
            **({} if language is None or regional else {"language": language}),
            **({"token": token} if (token := self._placed.secrets.get("token")) else {}),
        }
        participant = {
            "id": nobody if self._probe else str(uuid.uuid5(uuid.NAMESPACE_OID, f"participant {self._placed.call_id}")),
            "ani": "" if self._probe else "tel:+15555551234",
            "aniName": "" if self._probe else "John Doe",
            "dnis": "" if self._probe else "tel:+18005556789",
        }
        parameters = {
            "organizationId": self.organization,
            "conversationId": nobody if self._probe else self.conversation,
            "participant": participant,
            "media": self._media,
            **({"language": language} if regional else {}),
            **({"customConfig": custom} if custom else {}),
        }
        return [self._message("open", parameters)]

    @property
    def conversation(self) -> str:
        """The conversation's id: the call's, where that is a UUID as Genesys Cloud's are, else made of it."""
        try:
            return str(uuid.UUID(self._placed.call_id))
        except ValueError:
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"conversation {self._placed.call_id}"))

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Send a frame of interleaved samples, once the session is open."""
        if self._closing or self._paused:
            return []
        if not self._open:
            self._waiting.append(payload)
            return []
        samples = np.frombuffer(payload, dtype=np.uint8).reshape(-1, len(self.channels))
        self._position += len(samples)
        messages: list[Message] = [samples[:, self._heard].tobytes()] if self._heard and len(samples) else []
        if self._position >= self._next_ping and self._ping is None:
            messages.append(self._message("ping", {}))
            self._ping, self._next_ping = self._seq, self._position + PINGS
        return messages

    def receive(self, message: Message) -> Sequence[Message]:
        """Take in what the server says."""
        if self.over:
            raise Refused("something after closed")
        if isinstance(message, bytes):
            raise Refused("audio: AudioHook Monitor plays none")
        fields = self._server_message(message)
        parameters = fields["parameters"]
        match fields["type"]:
            case "opened":
                answer = self._opened(parameters)
            case "pong":
                answer = self._pong(fields["clientseq"])
            case "closed" if self._closing:
                self.over, answer = True, []
            case "disconnect":
                answer = self._disconnect(parameters)
            case "pause" | "resume" if self._open:
                answer = self.pause(on=fields["type"] == "pause")
            case "event" if self._open:
                answer = self._event(parameters)
            case "updated" | "reconnect":
                answer = []
            case other:
                raise Refused(f"type: {other} is not expected now")
        return answer

    def end(self) -> Sequence[Message]:
        """Close the session; where it isn't open yet, once it is."""
        self._ended = True
        return self._close("end") if self._open else []

    def _offers(self) -> list[dict[str, Any]]:
        tracks = [TRACKS[leg] for leg in self.channels]
        offers = [tracks, *([track] for track in tracks if len(tracks) > 1)]
        return [{"type": "audio", "format": "PCMU", "channels": offer, "rate": RATE} for offer in offers]

    def _server_message(self, text: str) -> dict[str, Any]:
        if len(text) > LONGEST_TEXT:
            raise Refused("a text message of more than 64 KiB")
        try:
            fields = json.loads(text)
        except ValueError:
            raise Refused("a text message that is no JSON") from None
        if not isinstance(fields, dict):
            raise Refused("a text message that is no object")
        for name, right in {
            "version": fields.get("version") == "2",
            "id": fields.get("id") == self.id,
            "type": isinstance(fields.get("type"), str),
            "seq": _is_number(fields.get("seq")),
            "clientseq": _is_number(fields.get("clientseq")),
            "parameters": isinstance(fields.get("parameters"), dict),
        }.items():
            if not right:
                raise Refused(f"{name}: is missing or wrong")
        if fields["seq"] != self._serverseq + 1:
            raise Refused(f"seq: is {fields['seq']} after {self._serverseq}")
        if fields["clientseq"] > self._seq:
            raise Refused(f"clientseq: is {fields['clientseq']}, but only {self._seq} were sent")
        self._serverseq = fields["seq"]
        return fields

    def _opened(self, parameters: dict[str, Any]) -> list[Message]:
        if self._open or self._closing:
            raise Refused("type: opened is not expected now")
        media = parameters.get("media")
        if not isinstance(media, list) or len(media) > 1 or any(chosen not in self._media for chosen in media):
            raise Refused("media: must be one of what was offered, or none")
        if not isinstance(parameters.get("startPaused", False), bool):
            raise Refused("startPaused: must be a boolean")
        if "discardTo" in parameters and not DURATION.fullmatch(str(parameters["discardTo"])):
            raise Refused("discardTo: must be a duration")
        languages = parameters.get("supportedLanguages", [])
        if not isinstance(languages, list) or not all(isinstance(language, str) for language in languages):
            raise Refused("supportedLanguages: must be strings")
        tracks = [TRACKS[leg] for leg in self.channels]
        self._heard = [tracks.index(track) for track in media[0]["channels"]] if media else []
        self._open = True
        said: list[Message] = self.pause(on=True) if parameters.get("startPaused") else []
        waiting, self._waiting = self._waiting, []
        said += [message for frame in waiting for message in self.audio(frame)]
        return [*said, *(self._close("end") if self._ended else [])]

    def _pong(self, clientseq: int) -> list[Message]:
        if self._ping is None:
            raise Refused("type: a pong without a ping")
        if clientseq != self._ping:
            raise Refused(f"clientseq: the pong's is {clientseq}, the ping's seq was {self._ping}")
        self._ping = None
        return []

    def _disconnect(self, parameters: dict[str, Any]) -> list[Message]:
        if parameters.get("reason") not in REASONS:
            raise Refused("reason: must be completed, unauthorized or error")
        if not isinstance(parameters.get("info", ""), str):
            raise Refused("info: must be a string")
        return self._close("disconnect")

    def _event(self, parameters: dict[str, Any]) -> list[Message]:
        entities = parameters.get("entities")
        if not isinstance(entities, list) or not all(
            isinstance(entity, dict) and isinstance(entity.get("type"), str) and "data" in entity for entity in entities
        ):
            raise Refused("entities: must be a list of types with their data")
        return []

    def pause(self, *, on: bool) -> list[Message]:
        """Let nobody hear the call for a while, as for a card's number, or let it be heard again."""
        if self._closing:
            return []
        self._paused = on
        if on:
            return [self._message("paused", {})]
        return [self._message("resumed", {"start": self._at(), "discarded": "PT0S"})]

    def _close(self, reason: str) -> list[Message]:
        if self._closing:
            return []
        self._closing = True
        return [self._message("close", {"reason": reason})]

    def _at(self) -> str:
        return f"PT{f'{self._position / RATE:.6f}'.rstrip('0').rstrip('.')}S"

    def _message(self, kind: str, parameters: dict[str, Any]) -> str:
        self._seq += 1
        return json.dumps(
            {
                "version": "2",
                "type": kind,
                "id": self.id,
                "seq": self._seq,
                "serverseq": self._serverseq,
                "position": self._at(),
                "parameters": parameters,
            },
            ensure_ascii=False,
        )

    def _signature(self, url: str, headers: dict[str, str], api_key: str, secret: bytes) -> dict[str, str]:
        """Sign the upgrade (RFC 9421), as https://developer.genesys.cloud/devapps/audiohook/security has it."""
        parts = urlsplit(url)
        own = {"ws": 80, "wss": 443}[parts.scheme]
        values = {
            "@request-target": parts.path,
            "@authority": (parts.hostname or "") if parts.port in {None, own} else parts.netloc.lower(),
            "audiohook-organization-id": headers["Audiohook-Organization-Id"],
            "audiohook-session-id": headers["Audiohook-Session-Id"],
            "audiohook-correlation-id": headers["Audiohook-Correlation-Id"],
            "x-api-key": api_key,
        }
        created = int(self._now)
        covered = " ".join(f'"{name}"' for name in values)
        parameters = (
            f'({covered});keyid="{api_key}";nonce="{self._nonce}";alg="hmac-sha256";'
            f"created={created};expires={created + 10}"
        )
        lines = [*(f'"{name}": {value}' for name, value in values.items()), f'"@signature-params": {parameters}']
        made = base64.b64encode(hmac.digest(secret, "\n".join(lines).encode(), hashlib.sha256)).decode()
        return {"Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{made}:"}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def callers(placed: Placed) -> list[AudiohookCaller]:
    """Give the one socket of a call."""
    nonce = base64.b64encode(secrets.token_bytes(18)).decode()
    return [AudiohookCaller(placed, now=time.time(), nonce=nonce)]
