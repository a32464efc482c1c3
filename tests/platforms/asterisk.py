"""Asterisk's REST interface in small, over HTTP.

Follows https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/Channels_REST_API/, and where
that is silent `res/ari/resource_channels.c`, `res/stasis/control.c`, `res/res_stasis_playback.c` and
`res/res_stasis_snoop.c`. What is asked of a channel stands in a queue of its own, in turn; it is carried out by the
time of the next request, as the channel's thread would have done meanwhile. Setting a variable alone is answered only
once it was carried out, as `stasis_app_control_set_channel_var` waits for that.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.platforms.ports import Manner

DIRECTIONS = {"in": {"in"}, "out": {"out"}, "both": {"in", "out"}}
REASONS = {"normal", "busy", "congestion", "no_answer", "answered_elsewhere"}
SCHEMES = ("sound:", "recording:", "number:", "digits:", "characters:", "tone:")


@dataclass(slots=True)
class Channel:
    """A channel of the exchange.

    Attributes:
      app: the Stasis application that it is in, or None: then it is in the dialplan's `Dial`.
      muted: the directions in which it is silent.
      heard: what was played on it.
      stuck: whether its thread carries nothing out, as while a sound plays on it.
      snoops: on which channel it is, and into what direction it whispers.
      hung_up: looks that will still find it, once it was hung up.
    """

    app: str | None = "dialer"
    state: str = "Up"
    technology: str = "PJSIP"
    context: str = "outbound"
    extension: str = "s"
    muted: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    redirected: str | None = None
    stuck: bool = False
    snoops: tuple[str, str] | None = None
    entering: bool = False
    hung_up: int | None = None
    queue: list[Callable[[], None]] = field(default_factory=list)


class _Lost:
    """A response that breaks off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class AsteriskStandIn:
    """The exchange: `app` is to be served, and its address with `/ari` behind it is what the settings want.

    Attributes:
      channels: by id.
      playbacks: state by id.
      asked: the requests that would change something, as `METHOD path?query`.
      manner: how it answers those.
    """

    def __init__(
        self, *, user: str = "huazha", password: str = "ari-secret", apps: tuple[str, ...] = ("dialer",)
    ) -> None:
        self.channels: dict[str, Channel] = {}
        self.playbacks: dict[str, str] = {}
        self.asked: list[str] = []
        self.manner = Manner()
        self._apps = apps
        self._basic = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self._ids = itertools.count(1)
        route = "/ari/channels/{id:str}"
        self.app = Starlette(
            routes=[
                Route(route, self._guarded(self._get), methods=["GET"]),
                Route(route, self._guarded(self._hang_up), methods=["DELETE"]),
                Route(f"{route}/mute", self._guarded(self._mute), methods=["POST", "DELETE"]),
                Route(f"{route}/variable", self._guarded(self._read), methods=["GET"]),
                Route(f"{route}/variable", self._guarded(self._set), methods=["POST"]),
                Route(f"{route}/play", self._guarded(self._play), methods=["POST"]),
                Route(f"{route}/snoop/{{snoop:str}}", self._guarded(self._snoop), methods=["POST"]),
                Route(f"{route}/continue", self._guarded(self._continue), methods=["POST"]),
                Route(f"{route}/redirect", self._guarded(self._redirect), methods=["POST"]),
                Route("/ari/playbacks/{id:str}", self._guarded(self._playback), methods=["GET"]),
            ]
        )

    def place(self, call_id: str, *, app: str | None = "dialer") -> None:
        """Set a call up, with channels of the ids that `streamer.callers.asterisk` names."""
        for leg in ("agent", "customer"):
            self.channels[f"{call_id}-{leg}"] = Channel(app=app)

    def whispered(self, channel: str, direction: str) -> list[str]:
        """Tell what was mixed into a channel."""
        return [
            sound for other in self.channels.values() if other.snoops == (channel, direction) for sound in other.heard
        ]

    def _guarded(
        self, handle: Callable[[Request], Response | Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response | _Lost]]:
        async def answer(request: Request) -> Response | _Lost:
            if request.headers.get("authorization") != self._basic:
                challenge = {"WWW-Authenticate": 'Basic realm="Asterisk REST Interface"'}
                return JSONResponse({"message": "Authentication required"}, 401, challenge)
            self._go_on()
            if request.method == "GET":
                return await _done(handle(request))
            self.asked.append(f"{request.method} {request.url.path}?{request.url.query}")
            manner = self.manner
            if manner.deaf:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                return Response(status_code=204)
            await asyncio.sleep(manner.late)
            if manner.refuses is not None:
                return _refusal(manner.refuses, "Refused")
            done = await _done(handle(request))
            if manner.loses:
                manner.loses -= 1
                return _Lost()
            return done

        return answer

    def _go_on(self) -> None:
        """Let the channels' threads do what they would have done meanwhile."""
        for name, channel in list(self.channels.items()):
            if channel.hung_up is not None:
                channel.hung_up -= 1
                if channel.hung_up < 0:
                    del self.channels[name]
            while channel.queue and not channel.stuck:
                channel.queue.pop(0)()

    def _control(self, request: Request) -> Channel | Response:
        """Find a channel that is in a Stasis application, or say why not."""
        channel = self.channels.get(request.path_params["id"])
        if channel is None:
            return _refusal(404, "Channel not found")
        if channel.entering:
            channel.entering = False
            return _refusal(409, "Channel not in Stasis application")
        if channel.app is None:
            return _refusal(409, "Channel not in Stasis application")
        if channel.state != "Up":
            return _refusal(412, "Channel in invalid state")
        return channel

    def _get(self, request: Request) -> Response:
        name = request.path_params["id"]
        channel = self.channels.get(name)
        return _refusal(404, "Channel not found") if channel is None else JSONResponse(_described(name, channel))

    def _hang_up(self, request: Request) -> Response:
        channel = self.channels.get(request.path_params["id"])
        if channel is None:
            return _refusal(404, "Channel not found")
        if request.query_params.get("reason", "normal") not in REASONS:
            return _refusal(400, "Invalid reason for hangup provided")
        channel.hung_up = 1
        return Response(status_code=204)

    def _mute(self, request: Request) -> Response:
        channel = self._control(request)
        if isinstance(channel, Response):
            return channel
        directions = DIRECTIONS.get(request.query_params.get("direction", "both"))
        if directions is None:
            return _refusal(400, "Invalid direction specified")
        change = channel.muted.update if request.method == "POST" else channel.muted.difference_update
        channel.queue.append(lambda: change(directions))
        return Response(status_code=204)

    def _read(self, request: Request) -> Response:
        variable = request.query_params.get("variable")
        channel = self.channels.get(request.path_params["id"])
        if not variable:
            return _refusal(400, "Variable name is required")
        if channel is None:
            return _refusal(404, "Provided channel was not found")
        if variable not in channel.variables:
            return _refusal(404, "Provided variable was not found")
        return JSONResponse({"value": channel.variables[variable]})

    async def _set(self, request: Request) -> Response:
        variable = request.query_params.get("variable")
        if not variable:
            return _refusal(400, "Variable name is required")
        channel = self._control(request)
        if isinstance(channel, Response):
            return channel
        channel.variables.pop(variable, None)
        variables, value = channel.variables, request.query_params.get("value", "")
        channel.queue.append(lambda: variables.update({variable: value}))
        while variable not in channel.variables:
            self._go_on()
            await asyncio.sleep(0.005)
        return Response(status_code=204)

    def _play(self, request: Request) -> Response:
        channel = self._control(request)
        if isinstance(channel, Response):
            return channel
        media = request.query_params.get("media")
        if not media:
            return _refusal(500, "Failed to queue media for playback")
        playback = f"playback-{next(self._ids)}"
        self.playbacks[playback] = "queued"

        def play() -> None:
            if media.startswith(SCHEMES):
                channel.heard.append(media)
                self.playbacks[playback] = "playing"
            else:
                del self.playbacks[playback]

        channel.queue.append(play)
        said = {"id": playback, "media_uri": media, "target_uri": f"channel:{request.path_params['id']}"}
        return JSONResponse({**said, "language": "en", "state": "queued"}, 201)

    def _playback(self, request: Request) -> Response:
        state = self.playbacks.get(request.path_params["id"])
        if state is None:
            return _refusal(404, "Playback not found")
        return JSONResponse({"id": request.path_params["id"], "state": state})

    def _snoop(self, request: Request) -> Response:
        asked, snoop, target = request.query_params, request.path_params["snoop"], request.path_params["id"]
        directions = [asked.get(name) or "none" for name in ("spy", "whisper")]
        if not set(directions) <= {"none", *DIRECTIONS}:
            return _refusal(400, "Invalid direction specified for spy or whisper")
        if directions == ["none", "none"]:
            return _refusal(400, "Direction must be specified for at least spy or whisper")
        if not asked.get("app"):
            return _refusal(400, "Application name is required")
        if target not in self.channels:
            return _refusal(404, "Provided channel was not found")
        if snoop in self.channels or len(snoop) > 149:
            return _refusal(500, "Snoop channel could not be created")
        made = Channel(app=asked["app"], technology="Snoop", snoops=(target, directions[1]), entering=True)
        if asked["app"] in self._apps:
            self.channels[snoop] = made
        # Else it has come and gone: nobody takes it in.
        return JSONResponse(_described(snoop, made))

    def _continue(self, request: Request) -> Response:
        channel = self._control(request)
        if isinstance(channel, Response):
            return channel
        asked = request.query_params
        if not asked.get("priority", "1").isdecimal():
            return _refusal(400, "Requested priority is illegal")

        def go() -> None:
            channel.app = None
            channel.context = asked.get("context") or channel.context
            channel.extension = asked.get("extension") or "s"

        channel.queue.append(go)
        return Response(status_code=204)

    def _redirect(self, request: Request) -> Response:
        channel = self._control(request)
        if isinstance(channel, Response):
            return channel
        endpoint = request.query_params.get("endpoint")
        if not endpoint:
            return _refusal(400, "Required parameter 'endpoint' not provided.")
        technology, _, resource = endpoint.partition("/")
        if not technology or not resource:
            return _refusal(422, f"Endpoint parameter '{endpoint}' does not contain tech/resource")
        if technology.lower() != channel.technology.lower():
            return _refusal(422, f"Endpoint technology '{technology}' does not match channel technology")
        channel.queue.append(lambda: setattr(channel, "redirected", endpoint))
        return Response(status_code=204)


async def _done(response: Response | Awaitable[Response]) -> Response:
    return response if isinstance(response, Response) else await response


def _described(name: str, channel: Channel) -> dict[str, Any]:
    """Describe a channel as the model `Channel` has it."""
    return {
        "id": name,
        "name": f"{channel.technology}/{name}",
        "state": channel.state,
        "dialplan": {
            "context": channel.context,
            "exten": channel.extension,
            "priority": 1,
            "app_name": "Dial" if channel.app is None else "Stasis",
            "app_data": channel.app or "",
        },
        "language": "en",
    }


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
