"""Genesys Cloud's Conversations API, for calls that come in over AudioHook.

As of https://developer.genesys.cloud/routing/conversations/call-handling-guide and the API's own description, beside
https://developer.genesys.cloud/authorization/platform-auth/use-client-credentials for its tokens. Requests are answered
with 202 before they are carried out; whether they were, the conversation shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from streamer.control.legs import named
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Rest
from streamer.dialects.audiohook import AudiohookSettings

PURPOSES = {"agent": ("agent", "user"), "customer": ("customer", "external")}
"""What a leg's participants are there for."""
OVER = frozenset({"disconnected", "terminated"})
"""States of a participant who isn't on the call any more."""
LOOKS = (0.05, 0.1, 0.2, 0.4)
"""Seconds before each look at whether a request was carried out; the last ever again."""
EARLY = 60.0
"""Seconds before a token's end at which the next is fetched."""


class _Participant(BaseModel):
    id: str
    purpose: str | None = None
    state: str | None = None
    muted: bool | None = None
    disconnectType: str | None = None  # noqa: N815  the API's name
    monitoredParticipantId: str | None = None  # noqa: N815
    coachedParticipantId: str | None = None  # noqa: N815

    @property
    def listens(self) -> bool:
        """Whether it is somebody's supervisor, who isn't a party to the call."""
        return bool(self.monitoredParticipantId or self.coachedParticipantId)


class _Call(BaseModel):
    participants: list[_Participant]

    def on(self, channel: str) -> list[_Participant]:
        """Give those who are on the call on a leg."""
        return [
            one
            for one in self.participants
            if one.purpose in PURPOSES.get(channel, ()) and one.state == "connected" and not one.listens
        ]


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for: below the conversation's path."""

    method: str
    path: str
    json: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Deed:
    """Something to be done to a call.

    Attributes:
      name: for people.
      needs: the leg without which it can't be done, or None.
      requests: that it takes, given the call.
      shows: whether a call shows that it was done, given the call as it was before.
      again: whether to ask twice is to ask once.
    """

    name: str
    needs: str | None
    requests: Callable[[_Call], list[_Request]]
    shows: Callable[[_Call, _Call], bool]
    again: bool = True


class AudiohookPort(Port):
    """Mutes participants, ends conversations and hands them on, with the rights of an OAuth client."""

    def __init__(self, settings: AudiohookSettings, client_id: str, client_secret: SecretStr) -> None:
        self._timeout = settings.timeout
        login = settings.login or f"https://login.{settings.region}"
        self._auth = _ClientCredentials(login, client_id, client_secret)
        self._rest = Rest(
            settings.address or f"https://api.{settings.region}", auth=self._auth, timeout=settings.timeout
        )

    async def ready(self, target: Target) -> Answer:
        """Fetch a token, and look at the conversation."""
        return await self._do(target, _Deed("ready", None, lambda call: [], lambda call, before: True))

    async def mute(self, target: Target, channel: str) -> Answer:
        """Let nobody hear a leg: everybody who is on it."""
        return await self._do(target, _muting(channel, True))

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again."""
        return await self._do(target, _muting(channel, False))

    async def hangup(self, target: Target) -> Answer:
        """Disconnect all participants."""

        def over(call: _Call, before: _Call) -> bool:
            return all(one.state in OVER for one in call.participants)

        end = _Request("PATCH", "", {"state": "disconnected"})
        return await self._do(target, _Deed("hangup", None, lambda call: [end], over))

    async def transfer(self, target: Target, to: str) -> Answer:
        """Put somebody else in the agent's place: `user:ID`, `queue:ID`, or an address such as a number."""
        kind, colon, rest = to.partition(":")
        names = {"user": "userId", "queue": "queueId"}
        whom = {names[kind]: rest} if colon and kind in names else {"address": to}

        def handed_on(call: _Call, before: _Call) -> bool:
            agent = before.on("agent")[0].id
            return any(
                one.id == agent and one.state in OVER and (one.disconnectType or "").startswith("transfer")
                for one in call.participants
            )

        def instead(call: _Call) -> list[_Request]:
            agent = segment(call.on("agent")[0].id)
            return [_Request("POST", f"/participants/{agent}/replace", {"transferType": "Unattended", **whom})]

        # Asked for twice, it may be done twice: whoever took the call would be replaced in turn.
        return await self._do(target, _Deed("transfer", "agent", instead, handed_on, again=False))

    async def gone(self, target: Target, channel: str) -> bool:
        """See whether anybody is on a leg."""
        conversation = named(target, "conversation")
        if conversation is None:
            return False
        return await self._rest.gone(
            _conversation(conversation),
            lambda response: not _Call.model_validate_json(response.content).on(channel),
        )

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    async def _do(self, target: Target, deed: _Deed) -> Answer:
        conversation = named(target, "conversation")
        if conversation is None:
            return unsupported(deed.name, "the call's conversation is not known")
        path = _conversation(conversation)
        return self._auth.unsaid(await self._carry_out(deed, path, time.monotonic() + self._timeout))

    async def _carry_out(self, deed: _Deed, path: str, by: float) -> Answer:
        """Do a deed until `by`, a second of the monotonic clock; what is known of it by then."""
        before, answer = await self._look(path, by)
        requests: list[_Request] = []
        if before is not None and deed.needs and not before.on(deed.needs):
            answer = replace(answer, outcome=Outcome.FAILED, detail=f"nobody is on the {deed.needs}'s leg")
        elif before is not None:
            requests = deed.requests(before)
        sent = None
        for request in requests:
            answer = await self._rest.ask(
                request.method, path + request.path, json=request.json, again=deed.again, judge=_taken, by=by
            )
            sent = sent or answer.sent
            answer = replace(answer, sent=sent)
            if answer.outcome is Outcome.FAILED:
                break
        if before is None or sent is None:
            return answer
        for wait in _waits():
            call, looked = await self._look(path, by)
            if call is not None and deed.shows(call, before):
                return Answer(Outcome.CONFIRMED, sent=sent, answered=looked.answered)
            # Whether it was refused or only its answer got lost, one look tells.
            if answer.outcome is Outcome.FAILED or time.monotonic() + wait >= by:
                break
            await asyncio.sleep(wait)
        return replace(answer, answered=time.monotonic())

    async def _look(self, path: str, by: float) -> tuple[_Call | None, Answer]:
        found: list[_Call] = []

        def read(response: httpx.Response) -> Answer:
            try:
                found.append(_Call.model_validate_json(response.content))
            except ValidationError:
                return Answer(Outcome.FAILED, "answered with what is no conversation")
            return Answer(Outcome.CONFIRMED)

        answer = await self._rest.ask("GET", path, again=True, judge=read, by=by)
        return (found[-1] if found else None), answer


class _ClientCredentials(httpx.Auth):
    """Tokens of an OAuth client: fetched once, kept until shortly before they end, and anew when one is refused."""

    def __init__(self, login: str, client_id: str, client_secret: SecretStr) -> None:
        self._url = f"{login.rstrip('/')}/oauth/token"
        self._client = httpx.BasicAuth(client_id, client_secret.get_secret_value())
        self._credentials = (client_id, client_secret)
        self._fetching = asyncio.Lock()
        self._token = SecretStr("")
        self._until = 0.0

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send a request with a token; where there is none to be had, the refusal of that is the answer."""
        async with self._fetching:
            if time.monotonic() >= self._until and not await self._took((yield self._asking(request))):
                return
            token = self._token
        request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        async with self._fetching:
            # Unless somebody else has fetched one in the meantime.
            if self._token == token and not await self._took((yield self._asking(request))):
                return
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request

    def unsaid(self, answer: Answer) -> Answer:
        """Take credentials out of what is told: a refusal may quote them."""
        client_id, client_secret = self._credentials
        detail = answer.detail
        for secret in (client_secret.get_secret_value(), self._token.get_secret_value(), client_id):
            if secret:
                detail = detail.replace(secret, "...")
        return replace(answer, detail=detail)

    def _asking(self, request: httpx.Request) -> httpx.Request:
        asking = httpx.Request(
            "POST",
            self._url,
            data={"grant_type": "client_credentials"},
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        return next(self._client.auth_flow(asking))

    async def _took(self, response: httpx.Response) -> bool:
        await response.aread()
        if not response.is_success:
            return False
        try:
            granted = _Granted.model_validate_json(response.content)
        except ValidationError:
            raise httpx.RemoteProtocolError("the login answered with what is no token") from None
        self._token = granted.access_token
        self._until = time.monotonic() + max(0.0, granted.expires_in - EARLY)
        return True


class _Granted(BaseModel):
    access_token: SecretStr
    expires_in: float


def _conversation(name: str) -> str:
    return f"/api/v2/conversations/calls/{segment(name)}"


def _muting(channel: str, muted: bool) -> _Deed:
    def requests(call: _Call) -> list[_Request]:
        paths = [f"/participants/{segment(one.id)}" for one in call.on(channel)]
        return [_Request("PATCH", path, {"muted": muted}) for path in paths]

    def shows(call: _Call, before: _Call) -> bool:
        meant = {one.id for one in before.on(channel)}
        there = [one for one in call.participants if one.id in meant and one.state not in OVER]
        return bool(there) and all(bool(one.muted) is muted for one in there)

    return _Deed("mute" if muted else "unmute", channel, requests, shows)


def _taken(response: httpx.Response) -> Answer:
    return Answer(Outcome.ACCEPTED, "taken, but not seen to be carried out")


def _waits() -> Iterator[float]:
    yield from LOOKS
    while True:
        yield LOOKS[-1]


def open_port(settings: AudiohookSettings) -> AudiohookPort | None:
    """Open the control port; None where no OAuth client is set."""
    if settings.oauth_client_id is None or settings.oauth_client_secret is None:
        return None
    return AudiohookPort(settings, settings.oauth_client_id, settings.oauth_client_secret)
