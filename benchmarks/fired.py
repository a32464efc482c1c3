"""What fired each block: the sound of the call, its text, or its text for what its sound had left open.

The messages of a call don't tell, so calls in this process are watched: what comes of a look at sound is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from unittest.mock import patch

from detector.types import SoundLook
from streamer.call import Call
from streamer.types import Block, Outgoing, ViolationReport


class Ear(StrEnum):
    """What a block came of.

    `SOUND`: a look at sound that was sure. `BOTH`: found in a look at sound, and fired when its text was known or had
    been weighed. `TEXT`: a look at text, whether or not sound bore it out.
    """

    SOUND = "sound"
    BOTH = "sound, then text"
    TEXT = "text"


class Firings:
    """What looks at sound found and fired, in the calls that were watched."""

    def __init__(self) -> None:
        self._found: dict[str, set[str]] = {}
        self._fired: dict[str, set[str]] = {}

    def note(self, call_id: str, told: Iterable[Outgoing]) -> None:
        """Take in what a call had to tell after a look at its sound."""
        for event in told:
            if isinstance(event, Block):
                self._fired.setdefault(call_id, set()).add(event.violation.id)
            elif isinstance(event, ViolationReport):
                self._found.setdefault(call_id, set()).add(event.violation.id)

    def taken(self, call_id: str, named: Mapping[str, str]) -> dict[str, str]:
        """Say what the blocks of a call that is over came of, and forget the call: another may have its name.

        Args:
          named: violations by term.
        """
        fired, found = self._fired.pop(call_id, set()), self._found.pop(call_id, set())
        return {
            term: Ear.SOUND if name in fired else Ear.BOTH if name in found else Ear.TEXT
            for term, name in named.items()
        }


Looked = Callable[[Call, str, SoundLook | None], list[Outgoing]]


@contextmanager
def watched() -> Iterator[Firings]:
    """Watch all calls of this process."""
    firings = Firings()

    def noted(looked: Looked) -> Looked:
        @wraps(looked)
        def one(call: Call, channel: str, look: SoundLook | None) -> list[Outgoing]:
            told = looked(call, channel, look)
            firings.note(call.id, told)
            return told

        return one

    with patch.object(Call, "looked", noted(Call.looked)):
        yield firings
