"""What a dialect says of a message that it passes over."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.dialects.events import Incoming, Skipped
from streamer.errors import ProtocolError
from streamer.types import Gap


def skipped(events: Sequence[Incoming]) -> ProtocolError:
    """Give why the message was passed over; of the audio in it there may be gaps, and nothing else."""
    *gaps, event = events
    assert all(isinstance(gap, Gap) for gap in gaps), events
    assert isinstance(event, Skipped), events
    return event.error
