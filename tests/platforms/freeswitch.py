"""A stand-in of FreeSWITCH's event socket: as strict as mod_event_socket and mod_commands are, and as odd.

It follows their source, where the documentation
(https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_event_socket_1048924/,
https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_commands_1966741/) leaves things open:

- https://github.com/signalwire/freeswitch/blob/master/src/mod/event_handlers/mod_event_socket/mod_event_socket.c
- https://github.com/signalwire/freeswitch/blob/master/src/mod/applications/mod_commands/mod_commands.c
- https://github.com/signalwire/freeswitch/blob/master/src/switch_ivr_async.c
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.platforms.ports import Manner

NO_CHANNEL = "-ERR No such channel!\n"
AUDIO_USAGE = "-USAGE: <uuid> [start [read|write] [[mute|level] <level>]|stop]\n"
DISPLACE_USAGE = "-USAGE: <uuid> [start|stop] <path> [<limit>] [mux]\n"
GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
CHANGING = frozenset({"uuid_audio", "uuid_displace", "uuid_kill", "uuid_transfer"})


@dataclass(slots=True)
class Channel:
    """One leg.

    Attributes:
      peer: uuid of the channel that it is bridged to.
      media: whether it has any; without, uuid_audio does nothing, and says +OK.
      muted: directions: `read` is what its phone sends, `write` what that is sent.
      displaced: files that are played into it, and whether over what it hears.
    """

    peer: str | None = None
    media: bool = True
    muted: set[str] = field(default_factory=set)
    displaced: dict[str, bool] = field(default_factory=dict)


@dataclass(slots=True)
class FreeSwitch:
    """The switch.

    Attributes:
      password: of the event socket.
      users: of the directory, `USER@DOMAIN`, and their passwords.
      acl: whether the address of who connects is let in.
      channels: by uuid.
      files: that can be played.
      killed: causes, by the uuid of the channel.
      transferred: where to, by the uuid of the channel: extension, dialplan, context.
      asked: API commands, as they came.
      connections: how many there were.
      refusal: what is answered while the manner refuses.
    """

    password: str = "ClueCon"
    users: dict[str, str] = field(default_factory=dict)
    acl: bool = True
    manner: Manner = field(default_factory=Manner)
    channels: dict[str, Channel] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    killed: dict[str, str] = field(default_factory=dict)
    transferred: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    refusal: str = "-ERR Operation Failed\n"
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def bridge(self, first: str, second: str) -> None:
        """Let two channels talk to each other."""
        self.channels[first] = Channel(second)
        self.channels[second] = Channel(first)

    def hears(self, uuid: str, other: str) -> bool:
        """Whether the phone of a channel hears that of another: by neither's muting, and nothing played instead."""
        listener, speaker = self.channels[uuid], self.channels[other]
        bridged = listener.peer == other and speaker.peer == uuid
        return (
            bridged
            and "write" not in listener.muted
            and "read" not in speaker.muted
            and all(listener.displaced.values())
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve on loopback; gives the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            self.hang_up()
            await server.wait_closed()

    def hang_up(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            if self.acl:
                await self._converse(reader, writer)
            else:
                writer.write(_message("text/rude-rejection", "Access Denied, go away.\n"))
            writer.write(_message("text/disconnect-notice", GOODBYE))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: auth/request\n\n")
        known = False
        while True:
            # A command ends with an empty line; its first line is the command, and headers may follow.
            block = (await reader.readuntil(b"\n\n")).decode().strip("\n").split("\n")
            word, _, rest = block[0].partition(" ")
            if word == "exit":
                writer.write(_reply("+OK bye"))
                return
            if word in {"auth", "userauth"}:
                known = self._knows(word, rest)
                writer.write(_reply("+OK accepted" if known else "-ERR invalid"))
                if not known:
                    return
            elif not known or word != "api" or len(block) > 1:
                writer.write(_reply("-ERR command not found"))
            else:
                name = rest.partition(" ")[0]
                self.asked.append(rest)
                manner = self.manner if name in CHANGING else Manner()
                if manner.deaf:
                    continue
                await asyncio.sleep(manner.late)
                body = self.refusal if manner.refuses is not None else self._carry_out(rest)
                if manner.loses:
                    manner.loses -= 1
                    writer.transport.abort()
                    return
                writer.write(_message("api/response", body or "-ERR no reply\n"))
            await writer.drain()

    def _knows(self, word: str, credentials: str) -> bool:
        if word == "auth":
            return credentials == self.password
        user, _, password = credentials.partition(":")
        return self.users.get(user) == password

    def _carry_out(self, command: str) -> str:
        name, _, rest = command.partition(" ")
        commands: dict[str, Callable[[list[str]], str]] = {
            "uuid_audio": self._audio,
            "uuid_buglist": self._buglist,
            "uuid_displace": self._displace,
            "uuid_exists": lambda words: "true" if words[0] in self.channels else "false",
            "uuid_getvar": self._getvar,
            "uuid_kill": self._kill,
            "uuid_transfer": self._transfer,
        }
        return commands[name](rest.split(" ")) if name in commands else f"-ERR {name} command not found\n"

    def _audio(self, words: list[str]) -> str:
        if len(words) < 2:
            return AUDIO_USAGE
        channel = self.channels.get(words[0])
        if channel is None:
            return NO_CHANNEL + "+OK\n"
        if words[1] == "stop":
            channel.muted.clear()
            return "+OK\n"
        if words[1] != "start" or len(words) != 5 or words[2] not in {"read", "write"} or words[3] != "mute":
            return AUDIO_USAGE
        if channel.media:
            (channel.muted.add if int(words[4]) else channel.muted.discard)(words[2])
        return "+OK\n"

    def _buglist(self, words: list[str]) -> str:
        channel = self.channels.get(words[0])
        if channel is None:
            return ""
        bugs = [("mod_audio_fork", "(null)"), *([("audio", "mute")] if channel.muted else [])]
        bugs += [("displace", file) for file in channel.displaced]
        listed = "".join(
            f" <media-bug>\n  <function>{function}</function>\n  <target>{target}</target>\n"
            "  <thread-locked>0</thread-locked>\n </media-bug>\n"
            for function, target in bugs
        )
        return f"<media-bugs>\n{listed}</media-bugs>\n"

    def _displace(self, words: list[str]) -> str:
        if not 3 <= len(words) <= 5 or words[1] not in {"start", "stop"}:
            return DISPLACE_USAGE
        channel = self.channels.get(words[0])
        if channel is None:
            return "-ERR Cannot locate session!\n"
        file = words[2]
        if words[1] == "stop":
            return (
                "-ERR Cannot stop displace session!\n" if channel.displaced.pop(file, None) is None else "+OK Success\n"
            )
        if len(words) > 3 and not words[3].isdigit():
            return DISPLACE_USAGE
        if file not in self.files or file in channel.displaced or not channel.media:
            return "-ERR Cannot displace session!\n"
        channel.displaced[file] = len(words) == 5 and "m" in words[4]
        return "+OK Success\n"

    def _getvar(self, words: list[str]) -> str:
        if len(words) != 2:
            return "-USAGE: <uuid> <var>\n"
        channel = self.channels.get(words[0])
        if channel is None:
            return NO_CHANNEL
        return channel.peer if words[1] == "bridge_uuid" and channel.peer else "_undef_"

    def _kill(self, words: list[str]) -> str:
        channel = self.channels.pop(words[0], None)
        if channel is None:
            return NO_CHANNEL
        self.killed[words[0]] = words[1] if len(words) > 1 else "NORMAL_CLEARING"
        if channel.peer is not None:
            # The bridge is over, and by hangup_after_bridge the other leg goes, too.
            self.channels.pop(channel.peer, None)
        return "+OK\n"

    def _transfer(self, words: list[str]) -> str:
        if not 2 <= len(words) <= 4 or words[1].startswith("-"):
            return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
        channel = self.channels.get(words[0])
        if channel is None:
            return NO_CHANNEL
        to, dialplan, context = (*words[1:], "XML", "default")[:3]
        self.transferred[words[0]] = (to, dialplan, context)
        if channel.peer in self.channels:
            self.channels[channel.peer].peer = None
        channel.peer = None
        return "+OK\n"


def _message(kind: str, body: str) -> bytes:
    return f"Content-Type: {kind}\nContent-Length: {len(body.encode())}\n\n{body}".encode()


def _reply(text: str) -> bytes:
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()
