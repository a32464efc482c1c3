"""What is done about a violation. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from detector.types import Action
from lexicon.types import Severity

ACTIONS: Mapping[Severity, Action | None] = {
    Severity.BLOCK: Action.MUTE,
    # People look into these; the call goes on.
    Severity.ALERT: None,
    Severity.REVIEW: None,
}
