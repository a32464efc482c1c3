"""What the media plane must know of a platform: where its sockets come in, and what is spoken on them. Pure.

A platform is a module beside this one. It has a section of settings, a machine that speaks its protocol, and a
`Platform` that joins them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from streamer.dialects.events import Incoming
from streamer.errors import ProtocolError
from streamer.types import Outgoing

Leg = Literal["agent", "customer"]
LEGS: tuple[Leg, ...] = ("agent", "customer")


class Section(BaseModel):
    """A table of the settings; what is not known in it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The request that a socket was asked for with, and what the service gives the socket with it.

    Attributes:
      target: path and query, as on the request line.
      query: its parameters, percent-decoded; the last of a name.
      headers: by name in small letters; several of a name joined by a comma and a space.
      secure: whether it came over TLS that ended here.
      id: what a call is to be known by to which the platform gives no id.
      languages: that there are rules for, for a platform that asks.
    """

    target: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    secure: bool = False
    id: str = field(default_factory=lambda: f"unnamed-{uuid.uuid4().hex[:16]}")
    languages: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The path alone."""
        return self.target.partition("?")[0]


class Dialect(Protocol):
    """A platform's protocol on one socket, as a machine without sockets: messages in, events out, and back.

    A peer's mistake raises nothing. Before the call has begun it comes out as `Failed`, once, and every input after
    that is ignored; in mid-call a message that can't be understood is passed over, as `Skipped`.

    Attributes:
      leaving: whether the peer was told to go, and is to have an answer to its last word before the socket is closed.
    """

    @property
    def leaving(self) -> bool: ...

    def receive_text(self, message: str) -> list[Incoming]:
        """Take in a text message."""
        ...

    def receive_binary(self, message: bytes) -> list[Incoming]:
        """Take in a binary message."""
        ...

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way."""
        ...

    def send(self, event: Outgoing) -> str | None:
        """Put an event into words; None where the platform has none for it."""
        ...

    def send_error(self, error: ProtocolError) -> str | None:
        """Put a peer's mistake into words; None where the platform has none for it."""
        ...


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform, as the media plane sees it.

    Attributes:
      name: in settings (`[platforms.NAME]`), on the feed, and for `huazha call --as NAME`.
      path: where its sockets come in.
      dialect: begins a socket's conversation, given the request for it, the platform's section of the settings, and
        how many bytes a message may have.
      admit: says why a socket is refused, or None: given the request, the section, and seconds since 1970.
      signs: whether the section has what `admit` needs to know who asks; then no token of ours is wanted beside.
      subprotocols: of the WebSocket, as far as the platform insists on any.
      redials: whether it asks for a socket again, or reads why it had none, when that was answered by 503.
      joins: whether a socket may bring more of a call that goes on.
    """

    name: str
    path: str
    dialect: Callable[[Upgrade, Any, int], Dialect]
    admit: Callable[[Upgrade, Any, float], str | None] = lambda upgrade, section, now: None
    signs: Callable[[Any], bool] = lambda section: False
    subprotocols: tuple[str, ...] = ()
    redials: bool = False
    joins: bool = True
