"""jambonz's REST API in small, over HTTP.

Follows https://docs.jambonz.org/reference/rest-call-control/calls/update-call, and where that is silent
`lib/routes/api/accounts.js` of jambonz-api-server, and `lib/http-routes/api/update-call.js`,
`lib/session/call-session.js` and `lib/tasks/dial.js` of jambonz-feature-server. Where jambonz answers 202 and then
drops a request, so does this; where it would take a field that it doesn't know for none, this refuses it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from streamer.callers.caller import Placed
from streamer.callers.jambonz import ACCOUNT, JambonzCaller
from tests.platforms.ports import Manner

ONE_OF: Mapping[str, frozenset[str]] = {
    "call_status": frozenset({"completed", "no-answer"}),
    "listen_status": frozenset({"pause", "silence", "resume"}),
    "mute_status": frozenset({"mute", "unmute"}),
    "conf_hold_status": frozenset({"hold", "unhold"}),
    "conf_mute_status": frozenset({"mute", "unmute"}),
}
HOOKS = ("call_hook", "child_call_hook")


@dataclass(slots=True)
class Call:
    """A call that jambonz knows.

    Attributes:
      parent: the call that dialled it.
      verb: that it is in; a call that was dialled has none of its own.
      status: as `call_status` tells it.
      muted: whether nobody hears it.
      heard: the addresses that were played to it.
      hook: the address that it was sent to.
      ends_after: looks that still find it in progress, once it was hung up.
      forgotten: whether it isn't known any longer once it has ended.
    """

    parent: str | None = None
    verb: str = "dial"
    status: str = "in-progress"
    muted: bool = False
    heard: list[str] = field(default_factory=list)
    hook: str | None = None
    ends_after: int = 0
    ending: bool = False
    forgotten: bool = False


class _Lost:
    """A response that breaks off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})


class JambonzStandIn:
    """The platform: `app` is to be served, and its address with `/v1` behind it is what the settings want.

    Attributes:
      calls: by SID.
      asked: the bodies of requests that would change something, with the SID.
      dropped: what was answered 202, and then not done, as jambonz's log would have it.
      manner: how it answers those.
    """

    def __init__(self, *, api_key: str = "jambonz-key", account: str = ACCOUNT) -> None:
        self.calls: dict[str, Call] = {}
        self.asked: list[tuple[str, Any]] = []
        self.dropped: list[str] = []
        self.manner = Manner()
        self._bearer = f"Bearer {api_key}"
        self._account = account
        path = "/v1/Accounts/{account:str}/Calls/{call:str}"
        self.app = Starlette(
            routes=[
                Route(path, self._guarded(self._get), methods=["GET"]),
                Route(path, self._guarded(self._update), methods=["PUT", "POST"]),
            ]
        )

    def place(self, call_id: str, *, verb: str = "dial") -> None:
        """Set a call up that dialled another, with the SIDs that `streamer.callers.jambonz` names."""
        names = JambonzCaller(Placed(call_id)).names
        self.calls[call_id] = Call(verb=verb)
        self.calls[names["customer"]] = Call(parent=call_id)

    def end(self) -> None:
        """Let everybody hang up."""
        for call in self.calls.values():
            call.status = "completed"

    def muted(self) -> set[str]:
        """Tell which calls nobody hears."""
        return {sid for sid, call in self.calls.items() if call.muted}

    def _guarded(
        self, handle: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response | _Lost]]:
        async def answer(request: Request) -> Response | _Lost:
            if request.headers.get("authorization") != self._bearer:
                return PlainTextResponse("Unauthorized", 401)
            if request.path_params["account"] != self._account:
                return _refusal(403, "insufficient privileges")
            if request.method == "GET":
                return await handle(request)
            manner = self.manner
            self.asked.append((request.path_params["call"], await _body(request)))
            if manner.deaf:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                return Response(status_code=202)
            await asyncio.sleep(manner.late)
            if manner.refuses is not None:
                return _refusal(manner.refuses, "refused")
            done = await handle(request)
            if manner.loses:
                manner.loses -= 1
                return _Lost()
            return done

        return answer

    async def _get(self, request: Request) -> Response:
        sid = request.path_params["call"]
        call = self.calls.get(sid)
        if call is None:
            return PlainTextResponse("Not Found", 404)
        if call.ending:
            call.ends_after -= 1
            if call.ends_after < 0:
                call.status = "completed"
        if call.status == "completed" and call.forgotten:
            return PlainTextResponse("Not Found", 404)
        told = {"call_sid": sid, "account_sid": self._account, "call_status": call.status, "direction": "outbound"}
        return JSONResponse(told if call.parent is None else {**told, "parent_call_sid": call.parent})

    async def _update(self, request: Request) -> Response:
        body = await _body(request)
        wrong = _wrong(body)
        if wrong is not None:
            return _refusal(400, wrong)
        sid = request.path_params["call"]
        call = self.calls.get(sid)
        if call is None:
            return PlainTextResponse("Not Found", 404)
        session = self.calls[call.parent] if call.parent else call
        # A feature server that no longer has the call refuses it, of which the API server makes its own fault.
        if session.status == "completed" or session.ending:
            return PlainTextResponse("Internal Server Error", 500)
        self._do(session, call, body)
        return PlainTextResponse("Accepted", 202)

    def _do(self, session: Call, call: Call, body: Mapping[str, Any]) -> None:
        in_dial = session.verb == "dial"
        children = [child for child in self.calls.values() if child.parent and self.calls[child.parent] is session]
        if body.get("call_status") == "completed":
            for ending in (session, *children):
                ending.ending = True
        elif "call_hook" in body or "child_call_hook" in body:
            if "child_call_hook" in body and not (in_dial and children):
                self.dropped.append("child_call_hook")
                return
            for name, moved in (("call_hook", [session]), ("child_call_hook", children)):
                for one in moved if name in body else []:
                    one.hook = body[name]["url"]
        elif "mute_status" in body:
            if session.verb not in {"dial", "conference"}:
                self.dropped.append("mute_status")
            else:
                call.muted = body["mute_status"] == "mute"
        if "whisper" in body:
            verbs = body["whisper"]
            # An object with a `url` is taken for a hook, and a hook is fetched of which nothing is known here.
            if isinstance(verbs, list) and all(map(_plays, verbs)) and session.verb in {"dial", "listen"}:
                call.heard += [verb["url"] for verb in verbs]
            else:
                self.dropped.append("whisper")


def _plays(verb: Any) -> bool:
    return isinstance(verb, dict) and verb.get("verb") == "play" and isinstance(verb.get("url"), str)


async def _body(request: Request) -> Any:
    # express.json() reads nothing else.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return {}
    try:
        return json.loads(await request.body())
    except ValueError:
        return {}


def _wrong(body: Any) -> str | None:
    """Say what jambonz would refuse in an update."""
    if not isinstance(body, dict):
        return "the body must be an object"
    unknown = set(body) - {*ONE_OF, *HOOKS, "whisper"}
    if unknown:
        return f"not known here: {', '.join(sorted(unknown))}"
    kinds = set(body) - {"whisper"}
    if not kinds and "whisper" not in body:
        return "no valid options supplied to updateCall"
    if len(kinds) > 1 and kinds != set(HOOKS):
        return "multiple options are not allowed in updateCall"
    for name, values in ONE_OF.items():
        if name in body and body[name] not in values:
            return f"invalid {name}"
    for name in HOOKS:
        if name in body and not (isinstance(body[name], dict) and isinstance(body[name].get("url"), str)):
            return f"invalid {name}"
    return None


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"msg": message}, status)
