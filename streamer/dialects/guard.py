"""What dialects share: a peer's mistake comes out once, and nothing is taken in after it. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from enum import IntEnum
from typing import Generic, TypeVar

from streamer.dialects.events import Failed, Incoming
from streamer.errors import ProtocolError, TooLarge

M = TypeVar("M", str, bytes)
S = TypeVar("S", bound=IntEnum)


class Guarded(ABC, Generic[S]):
    """A dialect whose `_text` and `_binary` may raise what the peer did wrong.

    Args:
      state: in which it begins.
      failed: in which a mistake leaves it.
      deaf: in which it takes in nothing.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, state: S, *, failed: S, deaf: Collection[S], max_message_bytes: int) -> None:
        self.state = state
        self._failed = failed
        self._deaf = deaf
        self._max_message_bytes = max_message_bytes

    @property
    def leaving(self) -> bool:
        """Whether the peer has a last word yet: on most platforms it has none."""
        return False

    def receive_text(self, message: str) -> list[Incoming]:
        """Take in a text message."""
        return self._guarded(self._text, message, len(message.encode(errors="surrogatepass")))

    def receive_binary(self, message: bytes) -> list[Incoming]:
        """Take in a binary message."""
        return self._guarded(self._binary, message, len(message))

    @abstractmethod
    def _text(self, message: str) -> list[Incoming]: ...

    @abstractmethod
    def _binary(self, message: bytes) -> list[Incoming]: ...

    def _guarded(self, take: Callable[[M], list[Incoming]], message: M, length: int) -> list[Incoming]:
        if self.state in self._deaf:
            return []
        try:
            if length > self._max_message_bytes:
                raise TooLarge(length, self._max_message_bytes)
            return take(message)
        except ProtocolError as error:
            if self.leaving:
                # It was told to go, and why.
                return []
            self.state = self._failed
            return [Failed(error)]
