"""What is done about a violation, and while nobody listens. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from detector.types import Action
from lexicon.types import Severity

ACTIONS: Mapping[Severity, Action | None] = {
    Severity.BLOCK: Action.MUTE,
    # People look into these; the call goes on.
    Severity.ALERT: None,
    Severity.REVIEW: None,
}


class OnBlind(StrEnum):
    """What is done while what the agent says is not monitored. The seconds are counted whatever it is.

    ALERT: supervisors are told, loudly.
    MUTE: and the agent is muted until monitoring goes on.
    NOTHING: it stands in the record, and nobody is called.
    """

    ALERT = "alert"
    MUTE = "mute"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a block does.

    Attributes:
      seconds: after which a mute is lifted by itself; None leaves it until the violation is retracted or a supervisor
        lifts it.
      sound: what is played or whispered, as the platform names it.
      to: whom a call is handed to, as the platform names them.
    """

    action: Action = Action.MUTE
    seconds: float | None = None
    sound: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment does about violations.

    Attributes:
      usual: of rules that have no measure of their own.
      rules: measures by rule.
      blind_after: seconds without audio of a leg, on a socket that lives, after which it is not monitored.
      flat_after: the same for audio that holds nothing at all, not even a line's noise.
    """

    usual: Measure = Measure()
    rules: Mapping[str, Measure] = field(default_factory=dict)
    on_blind: OnBlind = OnBlind.ALERT
    blind_after: float = 2.0
    flat_after: float = 10.0

    def of(self, rule_id: str) -> Measure:
        """Give what a block for a rule does."""
        return self.rules.get(rule_id, self.usual)


USUAL = Policy()
"""A block mutes the agent until it is lifted, and blind spells are alerts."""
