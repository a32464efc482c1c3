"""Which legs are muted: what asks for it, and what the platform has answered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Set
from enum import IntEnum

from streamer.control.port import Answer, Outcome

DONE = frozenset({Outcome.ACCEPTED, Outcome.CONFIRMED})


class Heard(IntEnum):
    """How a leg stands at the platform, as far as is known."""

    HEARD = 0
    UNSURE = 1
    MUTED = 2


class MuteLedger:
    """One call's mutes.

    Each is asked for by something, a violation or an order, and a leg is to be muted as long as anything asks for it.
    Whether it is muted is another matter: only the platform's answer tells. A request that nobody answered may have
    been carried out, so that the leg counts as perhaps muted until the platform says otherwise.

    A leg is the one that an order is about, by its role. Which channel is silenced for it is the control port's affair.
    """

    def __init__(self) -> None:
        self._asking: dict[str, str] = {}
        self._legs: dict[str, Heard] = {}

    def ask(self, name: str, leg: str) -> None:
        """A violation or an order asks for a leg to be muted."""
        self._asking[name] = leg

    def drop(self, name: str) -> str | None:
        """It asks no more; gives the leg, None where it did not ask."""
        return self._asking.pop(name, None)

    def wanted(self, leg: str) -> bool:
        """Whether anything asks for a leg to be muted."""
        return leg in self._asking.values()

    def standing(self, leg: str) -> Heard:
        """Tell how a leg stands."""
        return self._legs.get(leg, Heard.HEARD)

    def muted(self, leg: str, answer: Answer) -> None:
        """The platform has answered a mute."""
        if answer.outcome in DONE:
            self._legs[leg] = Heard.MUTED
        elif answer.unsure:
            self._legs[leg] = max(self.standing(leg), Heard.UNSURE)

    def unmuted(self, leg: str, answer: Answer) -> None:
        """The platform has answered an unmute."""
        if answer.outcome in DONE:
            self._legs.pop(leg, None)

    def end(self) -> None:
        """The platform has ended the call, and every mute with it."""
        self._asking.clear()
        self._legs.clear()

    @property
    def silent(self) -> Set[str]:
        """The legs that are muted, by what the platform has answered."""
        return {leg for leg, standing in self._legs.items() if standing is Heard.MUTED}

    @property
    def holding(self) -> dict[str, str]:
        """What asks for a leg that is muted, or may be: violations and orders, each with its leg."""
        return {name: leg for name, leg in self._asking.items() if self.standing(leg)}

    def stuck(self) -> Iterator[str]:
        """Give the legs that are muted, or may be, and that nothing asks for any more."""
        return (leg for leg in [*self._legs] if not self.wanted(leg))
