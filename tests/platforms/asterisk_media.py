"""Asterisk's external media in small: ARI's bridges, WebSocket channels and events, without any audio.

Written down from what Asterisk 22.10.1 did: `externalMedia` is answered 200 whether anybody takes the socket or not,
and where nobody does, the channel is destroyed soon after.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


@dataclass(slots=True)
class Media:
    """A WebSocket channel.

    Attributes:
      entering: tries to add it to a bridge that still find it outside of its application.
    """

    variables: Mapping[str, str]
    asked: Mapping[str, str] = field(default_factory=dict)
    entering: int = 0


class MediaStandIn:
    """The exchange: `app` is to be served.

    Attributes:
      huazha: whether anybody takes the sockets of new channels.
      media: WebSocket channels by id.
      bridges: ids of the channels in each.
      dialled: how often each channel was asked for.
      filters: of events, by application.
    """

    def __init__(self, *, user: str = "huazha", password: str = "ari-secret") -> None:
        self.huazha = True
        self.media: dict[str, Media] = {}
        self.bridges: dict[str, list[str]] = {}
        self.dialled: dict[str, int] = {}
        self.filters: dict[str, Any] = {}
        self.changed = asyncio.Event()
        self._basic = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self._events: set[WebSocket] = set()
        self.app = Starlette(
            routes=[
                WebSocketRoute("/ari/events", self._listen),
                Route("/ari/applications/{app}/eventFilter", self._filter, methods=["PUT"]),
                Route("/ari/bridges", lambda _: JSONResponse([*map(self._bridge, self.bridges)])),
                Route("/ari/bridges/{id}", self._look, methods=["GET"]),
                Route("/ari/bridges/{id}/addChannel", self._add, methods=["POST"]),
                Route("/ari/channels/externalMedia", self._dial, methods=["POST"]),
                Route("/ari/channels/{id}", self._channel, methods=["GET"]),
                Route("/ari/channels/{id}/variable", self._variable, methods=["GET"]),
            ]
        )

    async def tap(self, leg: str, variables: Mapping[str, str]) -> None:
        """Set up what the recipe sets up for a leg."""
        self.media[f"{leg}-media"] = Media(variables)
        self.bridges[f"{leg}-tap"] = [f"{leg}-spy"]
        await self._enter(f"{leg}-media", f"{leg}-tap")

    async def destroy(self, media: str) -> None:
        """End a WebSocket channel, as when its socket is lost."""
        del self.media[media]
        for channels in self.bridges.values():
            if media in channels:
                channels.remove(media)
        await self._tell("ChannelDestroyed", media, {"cause_txt": "Network out of order"})

    async def cut(self) -> None:
        """Close every connection for events."""
        for socket in [*self._events]:
            await socket.close()

    async def becomes(self, so: Callable[[], bool]) -> None:
        """Wait until something has become so."""
        while not so():
            self.changed.clear()
            await self.changed.wait()

    @property
    def followed(self) -> int:
        """Connections for events whose filter is set."""
        return len(self._events) if self.filters else 0

    async def _listen(self, socket: WebSocket) -> None:
        assert socket.query_params["subscribeAll"] == "true"
        if socket.headers.get("authorization") != self._basic:
            await socket.close()
            return
        await socket.accept()
        self._events.add(socket)
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self._events.discard(socket)
            self.changed.set()

    async def _filter(self, request: Request) -> Response:
        self.filters[request.path_params["app"]] = await request.json()
        self.changed.set()
        return JSONResponse({})

    async def _look(self, request: Request) -> Response:
        bridge = request.path_params["id"]
        return JSONResponse(self._bridge(bridge)) if bridge in self.bridges else _refusal(404, "Bridge not found")

    async def _channel(self, request: Request) -> Response:
        channel = request.path_params["id"]
        known = channel in self.media or any(channel in channels for channels in self.bridges.values())
        return JSONResponse(self._described(channel)) if known else _refusal(404, "Channel not found")

    async def _variable(self, request: Request) -> Response:
        media = self.media.get(request.path_params["id"])
        value = None if media is None else media.variables.get(request.query_params["variable"])
        return _refusal(404, "Provided variable was not found") if value is None else JSONResponse({"value": value})

    async def _dial(self, request: Request) -> Response:
        asked = dict(request.query_params)
        name = asked["channelId"]
        if name in self.media:
            return _refusal(409, "Channel with given unique ID already exists")
        self.dialled[name] = self.dialled.get(name, 0) + 1
        self.media[name] = Media((await request.json())["variables"], asked, entering=1)
        if not self.huazha:
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.destroy(name)))
        self.changed.set()
        return JSONResponse(self._described(name))

    async def _add(self, request: Request) -> Response:
        name = request.query_params["channel"]
        media = self.media.get(name)
        if media is None:
            return _refusal(400, "Channel not found")
        if media.entering:
            media.entering -= 1
            return _refusal(422, "Channel not in Stasis application")
        await self._enter(name, request.path_params["id"])
        return Response(status_code=204)

    async def _enter(self, media: str, bridge: str) -> None:
        self.bridges[bridge].append(media)
        self.changed.set()
        await self._tell("ChannelEnteredBridge", media, {"bridge": self._bridge(bridge)})

    async def _tell(self, kind: str, channel: str, more: Mapping[str, Any]) -> None:
        for socket in [*self._events]:
            await socket.send_json({"type": kind, "channel": self._described(channel), **more})

    def _bridge(self, name: str) -> dict[str, Any]:
        return {"id": name, "bridge_type": "mixing", "channels": self.bridges[name]}

    @staticmethod
    def _described(name: str) -> dict[str, Any]:
        technology = "WebSocket/huazha/0x7fc73c01a740" if name.endswith("-media") else f"Snoop/{name}-00000000"
        return {"id": name, "name": technology, "state": "Up"}


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
