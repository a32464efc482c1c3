"""Blocks carried out by Vonage, over its Voice API.

`PUT /v1/calls/{uuid}` is answered 204, which says that it was done (RFC 9110, section 15.3.5), and nothing else does:
what a call tells of itself has its status, but not whether it is muted.

- https://developer.vonage.com/en/api/voice
- https://developer.vonage.com/en/getting-started/concepts/authentication#json-web-tokens
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
import uuid
from collections.abc import Generator, Mapping
from http import HTTPStatus
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from streamer.control.legs import named
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Rest
from streamer.dialects.dialect import LEGS
from streamer.dialects.vonage import VonageSettings, read_key

LIFE = 120
"""Seconds that a token is good for: each request has its own."""
ENDED = frozenset({"completed", "failed", "rejected", "busy", "cancelled", "timeout", "unanswered"})
"""States of a leg that is over."""

_ADDRESS = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"\+?([0-9]{3,15})")
_SIP = re.compile(r"sips?:\S+")


class Signer(httpx.Auth):
    """Signs each request with a token of its own: a JWT by the application's key (RS256)."""

    def __init__(self, application: str, key: RSAPrivateKey) -> None:
        self._application = application
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request."""
        request.headers["Authorization"] = f"Bearer {self.token(int(time.time()))}"
        yield request

    def token(self, now: int) -> str:
        """Make a token, in seconds since 1970."""
        claims = {"application_id": self._application, "iat": now, "exp": now + LIFE, "jti": str(uuid.uuid4())}
        parts = ({"alg": "RS256", "typ": "JWT"}, claims)
        said = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        return f"{said}.{_base64url(self._key.sign(said.encode(), PKCS1v15(), SHA256()))}"


class VonagePort(Port):
    """The control port of one application.

    `Target.names` has the uuid of a leg by the leg.
    """

    def __init__(self, settings: VonageSettings, rest: Rest) -> None:
        self._timeout = settings.timeout
        self._number = settings.number
        self._rest = rest

    async def ready(self, target: Target) -> Answer:
        """See whether Vonage knows the agent's leg, and takes the application's key."""
        path = _path(target, "agent")
        if path is None:
            return unsupported("ready", _missing("agent"))
        return await self._rest.ask("GET", path, again=True, judge=_running)

    async def mute(self, target: Target, channel: str) -> Answer:
        """Let nobody hear a leg."""
        return await self._act("mute", target, channel, {"action": "mute"}, again=True)

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again."""
        return await self._act("unmute", target, channel, {"action": "unmute"}, again=True)

    async def play(self, target: Target, sound: str) -> Answer:
        """Play a sound to each leg, at once."""
        if not _ADDRESS.fullmatch(sound):
            return unsupported("play", "must be the address of an MP3 or WAV that Vonage can fetch")
        for leg in LEGS:
            if _path(target, leg) is None:
                return unsupported("play", _missing(leg))
        answers = await asyncio.gather(*(self._stream(target, leg, sound) for leg in LEGS))
        return _together(dict(zip(LEGS, answers, strict=True)))

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play a sound to one leg."""
        if not _ADDRESS.fullmatch(sound):
            return unsupported("whisper", "must be the address of an MP3 or WAV that Vonage can fetch")
        if _path(target, channel) is None:
            return unsupported("whisper", _missing(channel))
        return await self._stream(target, channel, sound)

    async def hangup(self, target: Target) -> Answer:
        """Hang up whatever legs are known."""
        legs = [leg for leg in LEGS if _path(target, leg) is not None]
        if not legs:
            return unsupported("hangup", _missing("agent"))
        answers = await asyncio.gather(*(self._end(target, leg) for leg in legs))
        return _together(dict(zip(legs, answers, strict=True)))

    async def transfer(self, target: Target, to: str) -> Answer:
        """Connect the customer to a number or a SIP address, or have their leg go on with an NCCO from an address."""
        destination: dict[str, Any] = {"type": "ncco"}
        if _ADDRESS.fullmatch(to):
            destination["url"] = [to]
        elif number := _NUMBER.fullmatch(to):
            destination["ncco"] = [self._connect({"type": "phone", "number": number[1]})]
        elif _SIP.fullmatch(to):
            destination["ncco"] = [self._connect({"type": "sip", "uri": to})]
        else:
            return unsupported("transfer", "must be a number, a SIP address, or the address of an NCCO")
        body = {"action": "transfer", "destination": destination}
        answer = await self._act("transfer", target, "customer", body, again=False)
        if answer.outcome is not Outcome.CONFIRMED:
            return answer
        return Answer(Outcome.ACCEPTED, "whether anybody is there, Vonage doesn't say", answer.sent, answer.answered)

    async def gone(self, target: Target, channel: str) -> bool:
        """See whether a leg has ended."""
        path = _path(target, channel)
        return path is not None and await self._rest.gone(path, lambda response: _status(response) in ENDED)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    def _connect(self, endpoint: Mapping[str, str]) -> Mapping[str, Any]:
        caller = {} if self._number is None else {"from": self._number}
        return {"action": "connect", **caller, "endpoint": [endpoint]}

    async def _act(self, what: str, target: Target, leg: str, body: Mapping[str, Any], *, again: bool) -> Answer:
        path = _path(target, leg)
        if path is None:
            return unsupported(what, _missing(leg))
        return await self._rest.ask("PUT", path, again=again, judge=_done, json=body)

    async def _stream(self, target: Target, leg: str, sound: str) -> Answer:
        # Not again: it would begin anew.
        path = f"{_path(target, leg)}/stream"
        return await self._rest.ask("PUT", path, again=False, judge=_started, json={"stream_url": [sound], "loop": 1})

    async def _end(self, target: Target, leg: str) -> Answer:
        until = time.monotonic() + self._timeout
        answer = await self._act("hangup", target, leg, {"action": "hangup"}, again=True)
        # A leg may have gone with the other one, or by a request whose answer was lost.
        left = until - time.monotonic()
        if answer.outcome is not Outcome.FAILED or answer.sent is None or left <= 0:
            return answer
        try:
            async with asyncio.timeout(left):
                response = await self._rest.get(_path(target, leg) or "")
        except TimeoutError:
            return answer
        if response is None or _status(response) not in ENDED:
            return answer
        return Answer(Outcome.CONFIRMED, "the leg has ended", answer.sent, time.monotonic())


def _done(response: httpx.Response) -> Answer:
    if response.status_code == HTTPStatus.NO_CONTENT:
        return Answer(Outcome.CONFIRMED)
    return Answer(Outcome.ACCEPTED, f"Vonage answered {response.status_code}")


def _started(response: httpx.Response) -> Answer:
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = None
    if message == "Stream started":
        return Answer(Outcome.CONFIRMED, message)
    return Answer(Outcome.ACCEPTED, "Vonage does not say that the sound was begun")


def _running(response: httpx.Response) -> Answer:
    status = _status(response)
    if status is None or status in ENDED:
        return Answer(Outcome.FAILED, f"the agent's leg is {status or 'of no status'}")
    return Answer(Outcome.CONFIRMED, f"the agent's leg is {status}")


def _status(response: httpx.Response) -> str | None:
    try:
        status = response.json()["status"]
    except (ValueError, KeyError, TypeError):
        return None
    return status if isinstance(status, str) else None


def _together(answers: Mapping[str, Answer]) -> Answer:
    """Make one answer of what was asked of several legs: what came of the worst."""
    order = (Outcome.FAILED, Outcome.UNSUPPORTED, Outcome.ACCEPTED, Outcome.CONFIRMED)
    worst = min((answer.outcome for answer in answers.values()), key=order.index)
    details = [
        f"{leg}: {answer.detail}" for leg, answer in answers.items() if answer.outcome is worst and answer.detail
    ]
    sent = [answer.sent for answer in answers.values() if answer.sent is not None]
    answered = [answer.answered for answer in answers.values() if answer.answered is not None]
    return Answer(worst, "; ".join(details), max(sent, default=None), max(answered, default=None))


def _path(target: Target, leg: str) -> str | None:
    uuid = named(target, leg)
    return f"v1/calls/{segment(uuid)}" if uuid else None


def _missing(leg: str) -> str:
    return f"the {leg}'s leg is not known: put {leg}_call_uuid into the endpoint's headers"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def open_port(settings: VonageSettings) -> VonagePort | None:
    """Open the control port, where there are an application and its key."""
    if settings.application_id is None or settings.private_key is None:
        return None
    signer = Signer(settings.application_id, read_key(settings.private_key))
    rest = Rest(f"{settings.address.rstrip('/')}/", auth=signer, timeout=settings.timeout)
    return VonagePort(settings, rest)
