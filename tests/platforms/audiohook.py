"""Genesys Cloud's Conversations API and its login in small, strict.

As of https://developer.genesys.cloud/routing/conversations/call-handling-guide, the API's description
(`PATCH /api/v2/conversations/calls/{conversationId}`, `.../participants/{participantId}` and `POST .../replace`, each
answered before it is carried out) and https://developer.genesys.cloud/authorization/platform-auth/use-client-credentials.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.platforms.ports import Manner

PARTICIPANT = {"state": str, "muted": bool, "held": bool, "recording": bool, "confined": bool, "wrapupSkipped": bool}
"""Fields of a MediaParticipantRequest, as far as they are scalar."""
TRANSFER = {"transferType": str, "userId": str, "address": str, "userName": str, "queueId": str, "voicemail": bool}
"""Fields of a TransferRequest."""


class Lost(Response):
    """An answer that gets lost: the connection breaks off in it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})


@dataclass
class AudiohookStandIn:
    """An organisation's conversations, and one OAuth client that may do everything with them.

    Attributes:
      manner: of requests that would change something.
      slow: times a conversation is looked at before it shows what was asked for last.
      calls: conversations by id, each a list of participants as the API shows them.
      asked: requests below `/api`: method, path, and body.
      tokens: that are good.
      issued: how many were fetched.
      expires_in: seconds, of each token.
    """

    client_id: str = "3f2b1c7e-oauth-client"
    client_secret: str = "s3cret-of-the-oauth-client"
    manner: Manner = field(default_factory=Manner)
    slow: int = 1
    expires_in: int = 86_400
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    issued: int = 0
    _soon: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def app(self) -> Starlette:
        """Give the application: login and API at one address."""
        call = "/api/v2/conversations/calls/{call}"
        return Starlette(
            routes=[
                Route("/oauth/token", self._login, methods=["POST"]),
                Route(call, self._guarded(self._show), methods=["GET"]),
                Route(call, self._guarded(self._change(self._disconnect)), methods=["PATCH"]),
                Route(call + "/participants/{one}", self._guarded(self._change(self._update)), methods=["PATCH"]),
                Route(
                    call + "/participants/{one}/replace", self._guarded(self._change(self._replace)), methods=["POST"]
                ),
            ]
        )

    def place(self, call: str) -> None:
        """Begin a conversation: an agent's with a customer, after a queue let it go."""
        self.calls[call] = [
            participant("customer-1", "customer"),
            participant("acd-1", "acd", state="disconnected"),
            participant("agent-0", "agent", state="disconnected"),
            participant("agent-1", "agent"),
            {**participant("boss-1", "user"), "monitoredParticipantId": "agent-1"},
        ]

    def end(self, call: str) -> None:
        """Let everybody hang up."""
        for one in self.calls[call]:
            one.update(state="disconnected")

    def one(self, call: str, participant: str) -> dict[str, Any]:
        """Give a participant as it really is by now."""
        while self._soon:
            self._soon.pop(0)[1]()
        return next(one for one in self.calls[call] if one["id"] == participant)

    def writes(self) -> list[tuple[str, str, Any]]:
        """Give what was asked for that would change something."""
        return [asked for asked in self.asked if asked[0] != "GET"]

    async def _login(self, request: Request) -> Response:
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return _refusal(400, "invalid_request", "authorization and content type")
        if parse_qs((await request.body()).decode()) != {"grant_type": ["client_credentials"]}:
            return _refusal(400, "unsupported_grant_type", "grant_type")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        if name != self.client_id:
            return JSONResponse({"error": "invalid_client", "description": f"client not found: {name}"}, 400)
        if secret != self.client_secret:
            return JSONResponse({"error": "invalid_client", "description": f"authentication failed: {secret}"}, 401)
        self.issued += 1
        token = f"token-{self.issued}-of-the-client"
        self.tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": self.expires_in})

    def _guarded(self, take: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            body = await request.body()
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or token not in self.tokens:
                return _refusal(401, "bad.credentials", f"Invalid login credentials: {token}")
            self.asked.append((request.method, request.url.path, json.loads(body) if body else None))
            if request.path_params["call"] not in self.calls:
                return _refusal(404, "not.found", "The requested conversation was not found.")
            return await take(request)

        return guarded

    def _change(self, take: Callable[[Request, Any], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            if self.manner.deaf:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                return Response()
            await asyncio.sleep(self.manner.late)
            if self.manner.refuses is not None:
                return _refusal(self.manner.refuses, "not.authorized", "You are not authorized.")
            if request.headers.get("content-type") != "application/json":
                return _refusal(415, "unsupported.media.type", "content type")
            response = take(request, json.loads(await request.body()))
            if response.status_code < 300 and self.manner.loses:
                self.manner.loses -= 1
                return Lost()
            return response

        return changed

    async def _show(self, request: Request) -> Response:
        due = [change for looks, change in self._soon if looks <= 0]
        self._soon = [(looks - 1, change) for looks, change in self._soon if looks > 0]
        for change in due:
            change()
        call = request.path_params["call"]
        return JSONResponse({"id": call, "participants": self.calls[call], "otherMediaUris": []})

    def _disconnect(self, request: Request, body: Any) -> Response:
        call = request.path_params["call"]
        if body != {"state": "disconnected"}:
            return _refusal(400, "bad.request", "state")
        if all(one["state"] == "disconnected" for one in self.calls[call]):
            return _refusal(400, "bad.request", "The conversation is over.")
        self._later(lambda: [one.update(state="disconnected") for one in self.calls[call]])
        return JSONResponse({"id": call, "participants": self.calls[call]})

    def _update(self, request: Request, body: Any) -> Response:
        one = self._connected(request)
        if one is None or not _fits(body, PARTICIPANT):
            return _refusal(404 if one is None else 400, "bad.request", "participant or field")
        self._later(lambda: one.update(body))
        return Response(status_code=202)

    def _replace(self, request: Request, body: Any) -> Response:
        one = self._connected(request)
        if one is None or not _fits(body, TRANSFER) or body.get("transferType") not in {"Attended", "Unattended"}:
            return _refusal(404 if one is None else 400, "bad.request", "participant or field")
        if len({"userId", "queueId", "address"} & set(body)) != 1:
            return _refusal(400, "bad.request", "one of userId, queueId, address")

        def hand_on() -> None:
            one.update(state="disconnected", disconnectType="transfer")
            self.calls[request.path_params["call"]].append(
                participant(f"agent-{len(self.calls[request.path_params['call']])}", "agent")
            )

        self._later(hand_on)
        return Response(status_code=202)

    def _connected(self, request: Request) -> dict[str, Any] | None:
        there = self.calls[request.path_params["call"]]
        return next(
            (one for one in there if one["id"] == request.path_params["one"] and one["state"] == "connected"), None
        )

    def _later(self, change: Callable[[], Any]) -> None:
        self._soon.append((self.slow, change))


def participant(name: str, purpose: str, state: str = "connected") -> dict[str, Any]:
    """Give a participant as the API shows it."""
    return {"id": name, "purpose": purpose, "state": state, "muted": False, "held": False, "direction": "outbound"}


def _fits(body: Any, fields: dict[str, type]) -> bool:
    return (
        isinstance(body, dict)
        and bool(body)
        and all(name in fields and isinstance(value, fields[name]) for name, value in body.items())
    )


def _refusal(status: int, code: str, message: str) -> Response:
    return JSONResponse({"message": message, "code": code, "status": status, "errors": []}, status)
