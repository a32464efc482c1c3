"""Vonage's Voice API in small, over HTTP.

Follows https://developer.vonage.com/en/api/voice (the OpenAPI document `voice.yml`), and
https://developer.vonage.com/en/getting-started/concepts/authentication#json-web-tokens for the tokens. It takes each
token once: the guide wants a `jti` that is unique.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from streamer.callers.vonage import leg_uuid
from tests.platforms.ports import Manner

APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
SWITCHES = {
    "mute": ("muted", True),
    "unmute": ("muted", False),
    "earmuff": ("deaf", True),
    "unearmuff": ("deaf", False),
}
ENDPOINTS = {"phone": ("number", re.compile(r"[0-9]{3,15}")), "sip": ("uri", re.compile(r"sips?:\S+"))}


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Make an application's key."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """Write a key down, as Vonage's dashboard gives it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(slots=True)
class Leg:
    """A leg of a call.

    Attributes:
      muted: whether nobody hears it.
      deaf: whether it hears nobody.
      heard: the addresses that were played to it.
      destination: what it was transferred to.
    """

    status: str = "answered"
    muted: bool = False
    deaf: bool = False
    heard: list[str] = field(default_factory=list)
    destination: Mapping[str, Any] | None = None


class _Lost:
    """A response that breaks off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class VonageStandIn:
    """The platform: `app` is to be served, and its address is what the settings want.

    Attributes:
      legs: by uuid.
      asked: the requests that would change something, as path and body.
      manner: how it answers those.
      ends_together: whether the other leg of a call ends with one.
    """

    def __init__(self, *, application: str = APPLICATION, key: rsa.RSAPrivateKey | None = None) -> None:
        self.legs: dict[str, Leg] = {}
        self.asked: list[tuple[str, Any]] = []
        self.manner = Manner()
        self.ends_together = False
        self._application = application
        self._public = (key or private_key()).public_key()
        self._seen: set[str] = set()
        path = "/v1/calls/{uuid:str}"
        self.app = Starlette(
            routes=[
                Route(path, self._guarded(self._get), methods=["GET"]),
                Route(path, self._guarded(self._update), methods=["PUT"]),
                Route(f"{path}/stream", self._guarded(self._stream), methods=["PUT"]),
            ]
        )

    def place(self, call_id: str) -> None:
        """Set a call up, with legs of the uuids that `streamer.callers.vonage` names."""
        for leg in ("agent", "customer"):
            self.legs[leg_uuid(leg, call_id)] = Leg()

    def end(self) -> None:
        """Let everybody hang up."""
        for leg in self.legs.values():
            leg.status = "completed"

    def muted(self) -> set[str]:
        """Tell which legs nobody hears."""
        return {uuid for uuid, leg in self.legs.items() if leg.muted}

    def _guarded(
        self, handle: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response | _Lost]]:
        async def answer(request: Request) -> Response | _Lost:
            wrong = self._unauthorised(request.headers.get("authorization", ""))
            if wrong is not None:
                return JSONResponse({"type": "UNAUTHORIZED", "error_title": f"Unauthorized: {wrong}"}, 401)
            if request.method == "GET":
                return await handle(request)
            self.asked.append((request.url.path, await _body(request)))
            manner = self.manner
            if manner.deaf:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                return Response(status_code=204)
            await asyncio.sleep(manner.late)
            if manner.refuses is not None:
                return _refusal(manner.refuses, "Refused")
            done = await handle(request)
            if manner.loses:
                manner.loses -= 1
                return _Lost()
            return done

        return answer

    def _unauthorised(self, authorization: str) -> str | None:
        """Say what is wrong with a token."""
        scheme, _, token = authorization.partition(" ")
        parts = token.split(".")
        if scheme != "Bearer" or len(parts) != 3:
            return "no token"
        try:
            self._public.verify(_bytes(parts[2]), ".".join(parts[:2]).encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "the signature"
        header, claims = json.loads(_bytes(parts[0])), json.loads(_bytes(parts[1]))
        now = time.time()
        if header != {"alg": "RS256", "typ": "JWT"} or claims.get("application_id") != self._application:
            return "the application"
        if not claims["iat"] - 5 <= now < claims["exp"] <= claims["iat"] + 86_400:
            return "the time"
        if claims["jti"] in self._seen:
            return "the jti"
        self._seen.add(claims["jti"])
        return None

    async def _get(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        leg = self.legs.get(uuid)
        if leg is None:
            return _refusal(404, "Not Found")
        return JSONResponse({"uuid": uuid, "conversation_uuid": f"CON-{uuid}", "status": leg.status})

    async def _update(self, request: Request) -> Response:
        body = await _body(request)
        leg = self._live(request)
        if isinstance(leg, Response):
            return leg
        action = body.get("action") if isinstance(body, dict) else None
        if action in SWITCHES and len(body) == 1:
            name, value = SWITCHES[action]
            setattr(leg, name, value)
        elif action == "hangup" and len(body) == 1:
            leg.status = "completed"
            for other in self.legs.values() if self.ends_together else ():
                other.status = "completed"
        elif action == "transfer" and set(body) == {"action", "destination"} and _leads(body["destination"]):
            leg.destination = {name: value for name, value in body["destination"].items() if name != "type"}
        else:
            return _refusal(400, "Bad Request")
        return Response(status_code=204)

    async def _stream(self, request: Request) -> Response:
        body = await _body(request)
        leg = self._live(request)
        if isinstance(leg, Response):
            return leg
        known = isinstance(body, dict) and set(body) <= {"stream_url", "loop", "level"}
        addresses = body.get("stream_url") if known else None
        if not isinstance(addresses, list) or len(addresses) != 1 or not isinstance(body.get("loop", 1), int):
            return _refusal(400, "Bad Request")
        if not isinstance(addresses[0], str) or not addresses[0].startswith("http"):
            return _refusal(400, "Bad Request")
        leg.heard.append(addresses[0])
        return JSONResponse({"message": "Stream started", "uuid": request.path_params["uuid"]})

    def _live(self, request: Request) -> Leg | Response:
        leg = self.legs.get(request.path_params["uuid"])
        if leg is None:
            return _refusal(404, "Not Found")
        if leg.status == "completed":
            return _refusal(400, "Call is not in progress")
        return leg


def _leads(destination: Any) -> bool:
    """Whether a destination is an NCCO, or the address of one."""
    if not isinstance(destination, dict) or destination.get("type") != "ncco":
        return False
    if set(destination) == {"type", "url"}:
        urls = destination["url"]
        return isinstance(urls, list) and len(urls) == 1 and str(urls[0]).startswith("http")
    if set(destination) != {"type", "ncco"} or len(destination["ncco"]) != 1:
        return False
    connect = destination["ncco"][0]
    if not set(connect) <= {"action", "from", "endpoint"} or connect.get("action") != "connect":
        return False
    if not connect.get("from", "447700900000").isdecimal() or len(connect.get("endpoint", ())) != 1:
        return False
    endpoint = connect["endpoint"][0]
    name, form = ENDPOINTS.get(endpoint.get("type"), ("", re.compile("")))
    return set(endpoint) == {"type", name} and form.fullmatch(endpoint[name]) is not None


async def _body(request: Request) -> Any:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


def _bytes(code: str) -> bytes:
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


def _refusal(status: int, title: str) -> Response:
    return JSONResponse({"type": title.upper().replace(" ", "_"), "error_title": title}, status)
