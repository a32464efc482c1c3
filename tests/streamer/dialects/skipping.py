"""What a dialect says of a message that it passes over."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.dialects.events import Incoming, Reply, Skipped
from streamer.errors import ProtocolError
from streamer.types import Gap


def skipped(events: Sequence[Incoming]) -> ProtocolError:
    """Give why the message was passed over; beside it there may be gaps, and a word to the client."""
    (error,) = [event.error for event in events if isinstance(event, Skipped)]
    assert all(isinstance(event, Gap | Skipped | Reply) for event in events), events
    return error
