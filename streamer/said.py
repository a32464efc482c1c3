"""What was said in a call so far, from its `transcript` events. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from streamer.record.event import Event

MOST = 500
"""Committed pieces of a call's text that are kept."""
PIECE = ("channel", "text", "start", "end")


class Said:
    """One call's text.

    Args:
      complete: whether it is known from the beginning.

    Attributes:
      complete: whether nothing is missing before its first piece.
      tentative: the text that may still change, by channel.
    """

    def __init__(self, *, complete: bool = True) -> None:
        self.complete = complete
        self.tentative: dict[str, str] = {}
        self._committed: deque[tuple[int, dict[str, Any]]] = deque(maxlen=MOST)

    @property
    def committed(self) -> list[dict[str, Any]]:
        """The text that stays, in pieces: channel, text, start and end."""
        return [piece for _, piece in self._committed]

    def take(self, event: Event) -> None:
        """Take in a transcript."""
        fields = event.fields
        if fields["committed"]:
            self._add([(event.cursor, {name: fields[name] for name in PIECE})])
            self.tentative.pop(fields["channel"], None)
        else:
            self.tentative[fields["channel"]] = fields["text"]

    def to_json(self) -> dict[str, Any]:
        """Give all of it, for `precede`."""
        return {
            "committed": [list(piece) for piece in self._committed],
            "tentative": dict(self.tentative),
            "complete": self.complete,
        }

    def precede(self, told: Mapping[str, Any]) -> None:
        """Take in what another, who has listened for longer, gave `to_json`; what is known already stays as it is."""
        known = list(self._committed)
        heard = {piece["channel"] for _, piece in known}
        earlier = [(cursor, piece) for cursor, piece in told["committed"] if not known or cursor < known[0][0]]
        self._committed.clear()
        self.complete = told["complete"]
        self._add([*earlier, *known])
        guesses = {channel: text for channel, text in told["tentative"].items() if channel not in heard}
        self.tentative = guesses | self.tentative

    def _add(self, pieces: Iterable[tuple[int, dict[str, Any]]]) -> None:
        for piece in pieces:
            if len(self._committed) == MOST:
                self.complete = False
            self._committed.append(piece)
