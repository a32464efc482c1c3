"""What both of Asterisk's control ports need to know of a call's channels. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from streamer.control.port import Answer, Outcome, unsupported
from streamer.dialects.asterisk import Muting

OTHER: Mapping[str, str] = {"agent": "customer", "customer": "agent"}


def muted_at(leg: str, muting: Muting) -> tuple[str, str]:
    """Give the leg on whose channel a leg is silenced, and the direction there.

    At its mouth, what comes `in` on its own channel is silenced, before anybody hears it, Huazha included; at the
    ear, what goes `out` on the other's channel, and Huazha goes on hearing the leg.
    """
    return (leg, "in") if muting == "mouth" else (OTHER.get(leg, leg), "out")


def place_of(to: str) -> dict[str, str] | None:
    """Read `CONTEXT,EXTENSION[,PRIORITY]`; None where it is something else."""
    parts = [part.strip() for part in to.split(",")]
    if len(parts) not in {2, 3} or not all(parts):
        return None
    return dict(zip(("context", "extension", "priority"), (*parts, "1"), strict=False))


def nowhere(to: str) -> str:
    """Say why a customer who was sent on is gone."""
    return f"the customer's channel has ended instead: see whether the dialplan has {to}"


def nameless(what: str, leg: str) -> Answer:
    """Answer that a leg's channel is not known."""
    variable, parameter = f"HUAZHA_{leg.upper()}_CHANNEL", f"{leg}_channel="
    return unsupported(
        what,
        f"the {leg}'s channel is not known; set {variable}, or put {parameter} into the address of the socket",
    )


def not_ready(leg: str) -> Answer:
    """Answer, as a call begins, that the channel on which the agent would be muted is not known."""
    # The customer's is made known by the socket that brings that leg, which may come later.
    known = nameless("mute", leg)
    return known if leg == "agent" else Answer(Outcome.ACCEPTED, known.detail)
