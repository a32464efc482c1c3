"""Asterisk's manager interface in small, over TCP, as `main/manager.c` and `res/res_mutestream.c` speak.

Written down from what Asterisk 22.10.1 answered.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.platforms.ports import Manner

ACTIONS = {
    "Hangup": "Hangup channel.  (Priv: system,call,all)",
    "ListCommands": "List available manager commands.  (Priv: <none>)",
    "MuteAudio": "Mute an audio stream.  (Priv: system,all)",
    "Originate": "Originate a call.  (Priv: originate,all)",
    "Ping": "Keepalive command.  (Priv: <none>)",
    "Redirect": "Redirect (transfer) a call.  (Priv: call,all)",
    "Status": "List channel status.  (Priv: system,call,reporting,all)",
}
CHANGING = {"Hangup", "MuteAudio", "Originate", "Redirect"}
DIRECTIONS = {"in": {"in"}, "out": {"out"}, "all": {"in", "out"}}
LINE = 1024

Fields = Mapping[str, str]


@dataclass(slots=True)
class Channel:
    """A channel of the exchange.

    Attributes:
      muted: the directions in which it is silent.
      heard: what was mixed into it: the sound, and whether its peer hears that, too.
    """

    context: str = "outbound"
    extension: str = "s"
    application: str = "Dial"
    muted: set[str] = field(default_factory=set)
    heard: list[tuple[str, str]] = field(default_factory=list)


class AmiStandIn:
    """The exchange.

    Attributes:
      channels: by id.
      places: what the dialplan has, as `context,extension`.
      asked: the actions that would change something, and their fields.
      permitted: the actions that the user may ask for.
      connections: how many there were.
      pings: how many came.
      sounds: the context through which sounds are mixed in.
      manner: how it answers actions that would change something.
      silent: whether it takes everything in and says nothing, as what has died does.
      changed: set whenever a connection or a ping comes, or a connection goes.
    """

    def __init__(self, *, user: str = "huazha", secret: str = "ami-secret") -> None:
        self.channels: dict[str, Channel] = {}
        self.places = {"compliance,100"}
        self.asked: list[tuple[str, Fields]] = []
        self.permitted = set(ACTIONS)
        self.connections = 0
        self.pings = 0
        self.sounds = "huazha-sounds"
        self.manner = Manner()
        self.silent = False
        self._user, self._secret = user, secret
        self.changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()

    @property
    def open(self) -> int:
        """Connections that stand."""
        return len(self._writers)

    async def becomes(self, so: Callable[[], bool]) -> None:
        """Wait until something has become so."""
        while not so():
            self.changed.clear()
            await self.changed.wait()

    def place(self, call_id: str) -> None:
        """Set a call up, with channels of the ids that `streamer.callers.asterisk` names."""
        for leg in ("agent", "customer"):
            self.channels[f"{call_id}-{leg}"] = Channel()

    def end(self) -> None:
        """End every call."""
        self.channels.clear()

    def muted(self) -> set[str]:
        """Give the channels that are silent in some direction."""
        return {name for name, channel in self.channels.items() if channel.muted}

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Listen on a free port of loopback; gives it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            self.cut()
            await server.wait_closed()
            await asyncio.gather(*(task for task in self._serving if task), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        self._serving.add(asyncio.current_task())
        self.changed.set()
        challenge = f"{self.connections}94860478"
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        signed_in = False
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                assert all(len(line) < LINE for line in block.split(b"\r\n"))
                fields = dict(line.split(": ", 1) for line in block.decode().split("\r\n") if line)
                if self.silent:
                    continue
                name = fields["Action"]
                if name == "Challenge":
                    writer.write(_response(fields, "Success", Challenge=challenge))
                elif name == "Login":
                    key = hashlib.md5(f"{challenge}{self._secret}".encode()).hexdigest()
                    signed_in = (fields.get("Username"), fields.get("Key")) == (self._user, key)
                    if not signed_in:
                        writer.write(_response(fields, "Error", Message="Authentication failed"))
                        break
                    writer.write(_response(fields, "Success", Message="Authentication accepted"))
                    writer.write(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")
                elif not signed_in or name not in self.permitted:
                    writer.write(_response(fields, "Error", Message="Permission denied"))
                elif not await self._take(name, fields, writer):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            self.changed.set()
            writer.close()

    async def _take(self, name: str, fields: Fields, writer: asyncio.StreamWriter) -> bool:
        """Answer an action; false where the answer gets lost with the connection."""
        if name not in CHANGING:
            writer.write(self._answer(name, fields))
            return True
        self.asked.append((name, fields))
        if self.manner.deaf:
            return True
        await asyncio.sleep(self.manner.late)
        if self.manner.refuses is not None:
            writer.write(_response(fields, "Error", Message=f"Refused ({self.manner.refuses})"))
            return True
        answer = self._answer(name, fields)
        if self.manner.loses:
            self.manner.loses -= 1
            return False
        writer.write(answer)
        return True

    def _answer(self, name: str, fields: Fields) -> bytes:
        actions: Mapping[str, Callable[[Fields], bytes]] = {
            "Hangup": self._hang_up,
            "ListCommands": self._list,
            "MuteAudio": self._mute,
            "Originate": self._originate,
            "Ping": self._ping,
            "Redirect": self._redirect,
            "Status": self._status,
        }
        return actions[name](fields)

    def _ping(self, fields: Fields) -> bytes:
        self.pings += 1
        self.changed.set()
        return _response(fields, "Success", Ping="Pong", Timestamp="1795865664.767540")

    def _list(self, fields: Fields) -> bytes:
        return _response(fields, "Success", **{name: ACTIONS[name] for name in sorted(self.permitted)})

    def _mute(self, fields: Fields) -> bytes:
        channel = self.channels.get(fields["Channel"])
        if channel is None:
            return _response(fields, "Error", Message="No such channel")
        directions = DIRECTIONS.get(fields["Direction"])
        if directions is None:
            return _response(fields, "Error", Message="Failed to mute/unmute stream")
        (channel.muted.update if fields["State"] == "on" else channel.muted.difference_update)(directions)
        return _response(fields, "Success")

    def _hang_up(self, fields: Fields) -> bytes:
        # What begins with a slash is a regular expression, and would end other calls.
        assert not fields["Channel"].startswith("/")
        if self.channels.pop(fields["Channel"], None) is None:
            return _response(fields, "Error", Message="No such channel")
        return _response(fields, "Success", Message="Channel Hungup")

    def _redirect(self, fields: Fields) -> bytes:
        channel = self.channels.get(fields["Channel"])
        if channel is None:
            return _response(fields, "Error", Message=f"Channel does not exist: {fields['Channel']}")
        channel.context, channel.extension = fields["Context"], fields["Exten"]
        if f"{channel.context},{channel.extension}" not in self.places:
            del self.channels[fields["Channel"]]
        return _response(fields, "Success", Message="Redirect successful")

    def _originate(self, fields: Fields) -> bytes:
        extension, _, context = fields["Channel"].removeprefix("Local/").removesuffix("/n").partition("@")
        target = self.channels.get(fields["Variable"].removeprefix("HUAZHA_CHANNEL="))
        if context == self.sounds and extension in {"one", "both"} and target is not None:
            target.heard.append((fields["Data"], extension))
            self.channels[fields["ChannelId"]] = Channel(application=fields["Application"])
        return _response(fields, "Success", Message="Originate successfully queued")

    def _status(self, fields: Fields) -> bytes:
        name = fields["Channel"]
        channel = self.channels.get(name)
        if channel is None:
            return _response(fields, "Error", Message="No such channel")
        said: dict[str, Any] = {
            "Privilege": "Call",
            "Channel": f"PJSIP/{name}",
            "ChannelState": "6",
            "ChannelStateDesc": "Up",
            "Context": channel.context,
            "Exten": channel.extension,
            "Uniqueid": name,
            "Application": channel.application,
            "ActionID": fields["ActionID"],
        }
        return (
            _response(fields, "Success", EventList="start", Message="Channel status will follow")
            + _block({"Event": "Status", **said})
            + _block({"Event": "StatusComplete", "ActionID": fields["ActionID"], "EventList": "Complete", "Items": "1"})
        )


def _response(fields: Fields, response: str, **more: str) -> bytes:
    return _block({"Response": response, "ActionID": fields.get("ActionID", ""), **more})


def _block(fields: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"
