"""Asterisk's manager interface (AMI), sans-I/O: framing, signing in, and which answer belongs to which action. Pure.

A message is lines of `Name: value`, ended by an empty line. Asterisk greets with a line of its own; after that it
answers each action with a response, and lists of things with events besides, all of which repeat the action's ActionID.

- https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/AMI-v2-Specification/
- `main/manager.c` of Asterisk, where that is silent
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

LIMIT = 1 << 20
"""Bytes that a message may have; the list of all actions has some 6,000."""
LINE = 900
"""Bytes that a line of an action may have; Asterisk discards what is over 1,024."""
GREETING = b"Asterisk Call Manager/"
DENIED = (
    "Asterisk's manager interface takes another ami_user or ami_password, or its permit and deny let this machine not"
    " in: see manager.conf"
)


class AmiBroken(ConnectionError):
    """The other side does not speak as a manager interface does."""


class AmiDenied(Exception):
    """Asterisk lets us not in; to try again would not help."""


@dataclass(frozen=True, slots=True)
class Message:
    """What Asterisk said.

    Attributes:
      fields: by name in small letters; the first of a name.
    """

    fields: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


@dataclass(frozen=True, slots=True)
class Reply:
    """All that an action was answered.

    Attributes:
      response: the response itself.
      events: of the list that followed, without its last, which only says that it is complete.
    """

    response: Message
    events: tuple[Message, ...] = ()

    @property
    def done(self) -> bool:
        """Whether Asterisk did what it was asked for."""
        return self.response["response"] == "Success"

    @property
    def text(self) -> str:
        """What it says of it, for people."""
        return self.response["message"] or self.response["response"]


class Parser:
    """Cuts a stream of bytes into messages, wherever it is cut itself. Pure."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> list[Message]:
        """Take in bytes; give the messages that are whole by now. The greeting is one without fields.

        Raises:
          AmiBroken: that is no manager interface; nothing more can be read.
        """
        self._data += data
        return [*self._messages()]

    def _messages(self) -> Iterator[Message]:
        while True:
            end, gap = self._data.find(b"\r\n" if not self._greeted else b"\r\n\r\n"), 4 if self._greeted else 2
            seen = self._data if end < 0 else self._data[:end]
            if len(seen) > LIMIT:
                raise AmiBroken(f"sent a message of more than {LIMIT} bytes")
            greets = seen.startswith(GREETING) or (end < 0 and GREETING.startswith(seen))
            if not (self._greeted or greets):
                raise AmiBroken("did not greet as a manager interface does")
            if end < 0:
                return
            yield Message() if not self._greeted else _message(bytes(seen))
            self._greeted = True
            del self._data[: end + gap]


def _message(block: bytes) -> Message:
    fields: dict[str, str] = {}
    for line in block.decode(errors="replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return Message(fields)


def action(name: str, fields: Mapping[str, str]) -> bytes:
    """Put an action into bytes.

    Raises:
      ValueError: a field would be more than one line, or none that Asterisk reads.
    """
    lines = [f"{key}: {value}" for key, value in {"Action": name, **fields}.items()]
    for line in lines:
        if not line.isprintable() or len(line.encode()) > LINE:
            raise ValueError(f"a field of an action is one printable line of at most {LINE} bytes")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


class State(IntEnum):
    """Where a connection stands."""

    CONNECTED = 0
    CHALLENGED = 1
    SIGNING_IN = 2
    OPEN = 3


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Actions can be asked for."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An action was answered.

    Attributes:
      action_id: as `Talk.ask` gave it.
    """

    action_id: str
    reply: Reply


class Talk:
    """Our side of one connection. Pure: bytes in, events out, and bytes to send.

    ```
    CONNECTED --greeting--> CHALLENGED --challenge--> SIGNING_IN --accepted--> OPEN
    ```

    The password itself is never sent: signing in answers a challenge by MD5, as every manager interface takes it.

    Attributes:
      sending: bytes that are to be sent; whoever sends them clears it.
    """

    def __init__(self, user: str, secret: str) -> None:
        self.state = State.CONNECTED
        self.sending = bytearray()
        self._user, self._secret = user, secret
        self._parser = Parser()
        self._ids = itertools.count(1)
        self._lists: dict[str, tuple[Message, list[Message]]] = {}

    def receive(self, data: bytes) -> list[SignedIn | Answered]:
        """Take in bytes.

        Raises:
          AmiBroken: that is no manager interface.
          AmiDenied: it takes another user or password.
        """
        events: list[SignedIn | Answered] = []
        for message in self._parser.feed(data):
            match self.state:
                case State.CONNECTED:
                    self.state = State.CHALLENGED
                    self.ask("Challenge", {"AuthType": "MD5"})
                case State.CHALLENGED if message["response"]:
                    self._sign_in(message)
                case State.SIGNING_IN if message["response"]:
                    if message["response"] != "Success":
                        raise AmiDenied(DENIED)
                    self.state = State.OPEN
                    events.append(SignedIn())
                case State.OPEN:
                    events += self._answer(message)
        return events

    def ask(self, name: str, fields: Mapping[str, str]) -> str:
        """Ask for an action; gives its ActionID.

        Raises:
          ValueError: a field is none that Asterisk reads.
        """
        action_id = f"huazha-{next(self._ids)}"
        self.sending += action(name, {"ActionID": action_id, **fields})
        return action_id

    def _sign_in(self, message: Message) -> None:
        if not message["challenge"]:
            raise AmiBroken(f"gave no challenge to sign in with: {message['message']}")
        answer = hashlib.md5(f"{message['challenge']}{self._secret}".encode(), usedforsecurity=False).hexdigest()
        self.state = State.SIGNING_IN
        # No events: on a busy exchange they are thousands a second.
        self.ask("Login", {"AuthType": "MD5", "Username": self._user, "Key": answer, "Events": "off"})

    def _answer(self, message: Message) -> list[Answered]:
        action_id = message["actionid"]
        listing = message["eventlist"].lower()
        if message["response"]:
            if listing == "start":
                self._lists[action_id] = (message, [])
                return []
            return [Answered(action_id, Reply(message))]
        begun = self._lists.get(action_id)
        if begun is None:
            return []
        response, events = begun
        if not listing:
            events.append(message)
            return []
        del self._lists[action_id]
        return [Answered(action_id, Reply(response, tuple(events)))]
