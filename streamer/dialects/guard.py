"""What dialects share: what a peer does wrong ends no call that goes on, nor raises anything. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import IntEnum
from typing import Generic, TypeVar

from streamer.dialects.events import Failed, Incoming, Skipped
from streamer.dialects.metadata import bounded
from streamer.errors import ProtocolError, TooLarge, Unintelligible
from streamer.types import CallStarted, Gap, Remark

IN_A_ROW = 100
"""Messages in mid-call that can't be understood, with none between them that can, after which the call is given up."""

M = TypeVar("M", str, bytes)
S = TypeVar("S", bound=IntEnum)


class Guarded(ABC, Generic[S]):
    """A dialect whose `_text` and `_binary` may raise what the peer did wrong.

    Before the call has begun, that fails it. In mid-call the message is passed over, since the audio before and after
    it is worth more than the protocol: only `IN_A_ROW` of them end it.

    Args:
      state: in which it begins.
      failed: in which a mistake leaves it.
      deaf: in which it takes in nothing.
      under_way: in which the call goes on, and a mistake is passed over.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(
        self,
        state: S,
        *,
        failed: S,
        deaf: Collection[S],
        max_message_bytes: int,
        under_way: Collection[S] = (),
    ) -> None:
        self.state = state
        self._failed = failed
        self._deaf = deaf
        self._under_way = under_way
        self._max_message_bytes = max_message_bytes
        self._odd = 0

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

    def _lost(self, message: str | bytes) -> list[Gap]:
        """Give the audio that a message held which was passed over, as far as that is known."""
        return []

    def _guarded(self, take: Callable[[M], list[Incoming]], message: M, length: int) -> list[Incoming]:
        if self.state in self._deaf:
            return []
        try:
            if length > self._max_message_bytes:
                raise TooLarge(length, self._max_message_bytes)
            events = take(message)
        except ProtocolError as error:
            return self._mistaken(error, message)
        self._odd = 0
        return [_kept(event) if isinstance(event, CallStarted) else event for event in events]

    def _mistaken(self, error: ProtocolError, message: str | bytes) -> list[Incoming]:
        if self.leaving:
            # It was told to go, and why.
            return []
        if self.state in self._under_way:
            self._odd += 1
            if self._odd < IN_A_ROW:
                return [*self._lost(message), Skipped(error)]
            error = Unintelligible(self._odd, error)
        self.state = self._failed
        return [Failed(error)]


def _kept(started: CallStarted) -> CallStarted:
    """Give a call's announcement with no more metadata than are kept."""
    metadata, passed = bounded(started.metadata)
    if not passed:
        return replace(started, metadata=metadata)
    remark = Remark("metadata", f"more metadata came than are kept; cut for {', '.join(passed)}")
    return replace(started, metadata=metadata, remarks=(*started.remarks, remark))
