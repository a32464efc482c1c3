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


def test_nothing_that_a_service_says_reaches_the_terminal_as_a_command() -> None:
    page = io.StringIO()
    narrator = Narrator(Console(file=page, width=200, force_terminal=True), "demo")
    narrator.tell({"type": "error", "code": "bad_field", "message": "x\x1b[2J\n\u202eovert"})
    narrator.tell({"type": "unblock", "violation_id": "v-1\x9b31m", "reason": "\ud800"})
    told = page.getvalue()
    assert "x\\x1b[2J\\n\\u202eovert" in told
    assert "v-1\\x9b31m: \\ud800" in told
    assert "\x1b[2J" not in told
    assert told.count("\n") == 2
