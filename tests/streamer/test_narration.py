"""What a person at the prompt is told of a call."""

from __future__ import annotations

import io

from rich.console import Console

from streamer.narration import Narrator


def test_what_a_supervisor_orders_is_told_with_who_ordered_it() -> None:
    page = io.StringIO()
    narrator = Narrator(Console(file=page, width=200))
    narrator.tell(
        {"type": "block", "violation_id": "o-1", "action": "mute", "channel": "agent", "by": "Li Na"},
    )
    narrator.tell({"type": "unblock", "violation_id": "o-1", "reason": "lifted by a supervisor", "by": "Li Na"})
    assert "BLOCK mute agent: ordered by Li Na" in page.getvalue()
    assert "UNBLOCK o-1: lifted by a supervisor" in page.getvalue()
