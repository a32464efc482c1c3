"""What control ports have in common whose platforms have a call of its own for each leg, and fetch sounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from streamer.control.paths import is_one_segment
from streamer.control.port import Answer, Outcome, Target, unsupported

WORST = (Outcome.FAILED, Outcome.UNSUPPORTED, Outcome.ACCEPTED, Outcome.CONFIRMED)


def named(target: Target, what: str) -> str | None:
    """Give the platform's name for something of the call, or None.

    What could lead elsewhere in a path is taken for none, whether it is to be in a path or not: names come from a
    socket, and with an empty one, Plivo's request to hang a call up is that to hang up all the account's.
    """
    name = target.names.get(what, "")
    return name if is_one_segment(name) else None


def legs(target: Target) -> list[str]:
    """Give every leg that is known, by the platform's name for it, the customer's first."""
    known = (named(target, what) for what in ("customer", "agent", "call"))
    return list(dict.fromkeys(name for name in known if name is not None))


def nameless(what: str, leg: str, parameter: str) -> Answer:
    """Answer that a leg isn't known; `parameter` is what of it the stream may be given."""
    return unsupported(what, f"the {leg}'s call is not known; give it to the stream as the parameter {leg}_{parameter}")


def too_early(answer: Answer) -> Answer:
    """Take for a failure, in an action, what is none as a call begins: that somebody is not there yet."""
    return replace(answer, outcome=Outcome.FAILED) if answer.outcome is Outcome.ACCEPTED else answer


def is_address(sound: str) -> bool:
    """Tell whether a platform could fetch that."""
    return sound.startswith(("https://", "http://"))


def no_sound(what: str) -> Answer:
    """Answer that something is no sound."""
    return unsupported(what, "a sound must be the address of one, https://...")


def worst(answers: Iterable[Answer]) -> Answer:
    """Make one answer of those of several legs: no better than the worst of them, and no sooner than the last."""
    given = sorted(answers, key=lambda answer: WORST.index(answer.outcome))
    sent = [answer.sent for answer in given if answer.sent is not None]
    answered = [answer.answered for answer in given if answer.answered is not None]
    return replace(given[0], sent=min(sent, default=None), answered=max(answered, default=None))
