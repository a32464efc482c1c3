"""One call's events and evidence, on their way to the bus: told after the platform was, never before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from detector.types import Status
from streamer import wire
from streamer.bus import Bus, CallName
from streamer.call import POLICY, Call
from streamer.record.chronicle import Chronicle, delivery, result
from streamer.record.clips import ClipRecorder, not_kept
from streamer.running_text import Hidden
from streamer.types import AudioFrame, Blind, Outgoing, Remark, Unblock, ViolationReport

NOTHING: Mapping[str, Any] = MappingProxyType({})
MOMENT = 60.0
"""Seconds up to which a violation happened somewhere: what is the whole call's, such as who talks more, has no clip."""
STATED = 1.0
"""Seconds between two words on how a call is."""


class Results:
    """Tells what came of a call's signals, also once nobody listens to the call any more.

    Args:
      bus: where to.
      name: what events say about the call.
    """

    def __init__(self, bus: Bus, name: CallName) -> None:
        self.name = name
        self._bus = bus

    def carried(
        self,
        violation_id: str,
        action: str,
        outcome: str,
        detail: str,
        *,
        sent: float | None,
        took: float | None,
        more: Mapping[str, Any] = NOTHING,
    ) -> None:
        """A platform's control port was asked to carry a signal out.

        Args:
          sent, took: seconds from the words reaching the detector until the request had left, and until its outcome
            was known.
          more: fields that only some results have.
        """
        kind, fields = result(violation_id, action, outcome, detail, took=took, sent=sent)
        self._bus.tell(kind, self.name, {**fields, **more})

    def delivered(self, violation_id: str, action: str, *, taken: bool, took: float) -> None:
        """It is known now whether the platform took a signal that it was told of before, on a slow socket."""
        kind, fields = delivery(violation_id, action, taken=taken, took=took)
        self._bus.tell(kind, self.name, fields)

    def lifted(self, unblock: Unblock) -> None:
        """A mute is lifted of a call that is over."""
        self._bus.tell(wire.kind(unblock), self.name, {**wire.fields(unblock), "by": POLICY})

    def uncontrolled(self, platform: str, detail: str) -> None:
        """Nothing could be done about this call at present."""
        self._bus.tell("control", self.name, {"platform": platform, "detail": detail})


class Reporter(Results):
    """Tells of one call.

    Args:
      bus: where to.
      name: what events say about the call.
      chronicle: puts them into words.
      clips: keeps audio as evidence, or None where none is kept.
    """

    def __init__(self, bus: Bus, name: CallName, chronicle: Chronicle, clips: ClipRecorder | None) -> None:
        super().__init__(bus, name)
        self._chronicle = chronicle
        self._clips = clips
        self._stated = 0.0
        kind, fields = chronicle.begin()
        bus.tell(kind, name, fields)

    def receive(self, frame: AudioFrame) -> None:
        """Take in audio that has been listened to."""
        if self._clips is not None:
            self._clips.receive(frame.channel, frame.payload)

    def told(self, event: Outgoing, *, delivered: bool | None, took: float) -> None:
        """The platform was told something, or should have been.

        Args:
          delivered: whether it took the message; None where its control port is asked instead.
          took: seconds until it had.
        """
        for kind, fields in self._chronicle.note(event, delivered=delivered, took=took):
            self._bus.tell(kind, self.name, fields)
        if self._clips is not None and isinstance(event, ViolationReport):
            violation = event.violation
            if violation.status is Status.FIRED and violation.end - violation.start <= MOMENT:
                self._clips.want(violation.id, violation.start, violation.end)

    def displaced(self, channel: str, by: str, address: str) -> None:
        """A socket still sends a leg that is taken from another one since.

        Args:
          by: the address of the one that is listened to.
          address: of the one that is not.
        """
        detail = f"two connections send the {channel}'s audio: what {by} sends is heard, what {address} sends is not"
        self._bus.tell(
            "call.displaced", self.name, {"channel": channel, "by": by, "address": address, "detail": detail}
        )

    def remark(self, remark: Remark) -> None:
        """Something is odd about the call, in spite of which it is listened to."""
        self._bus.tell("call.remark", self.name, {"reason": remark.reason, "detail": remark.detail})

    def skip(self, channel: str, samples: int) -> None:
        """Samples were lost."""
        if self._clips is not None:
            self._clips.skip(channel, samples)

    def hide(self, hidden: Sequence[Hidden]) -> None:
        """Keep nothing of what was said there."""
        if self._clips is not None:
            for one in hidden:
                self._clips.silence(one.channel, one.spans)
                self._clips.clear(one.channel, one.unclear)

    def miss(self, events: Sequence[Outgoing]) -> None:
        """Keep nothing of what nobody listened to: numbers may have been said there."""
        if self._clips is not None:
            for event in events:
                if isinstance(event, Blind):
                    self._clips.silence(event.channel, [(event.start, event.end)])

    def state(self, call: Call, lag: float, now: float, *, muted: bool) -> bool:
        """Say how the call is, unless that was said just now, and keep the clips that are complete.

        Args:
          lag: seconds from speech to text, at present.
          muted: whether a leg is muted, as far as is known.
          now: seconds of any clock that only goes on.

        Returns:
          Whether it was said.
        """
        self.hide(call.hidden())
        self._cut()
        if now - self._stated < STATED:
            return False
        self._stated = now
        self._bus.tell(
            "call.state",
            self.name,
            {
                "duration": round(call.duration, 1),
                "monitored": round(call.monitored, 1),
                "blind": round(call.blind, 1),
                "blind_now": call.legs.deaf,
                "lag": round(lag, 2),
                "muted": muted,
            },
        )
        return True

    def end(self, call: Call, outcome: str) -> None:
        """The call is over."""
        kind, fields = self._chronicle.end(outcome, duration=call.duration, blind=call.blind)
        self._bus.tell(kind, self.name, fields)
        self.hide(call.hidden())
        self._cut(over=True)

    def _cut(self, *, over: bool = False) -> None:
        if self._clips is not None:
            for clip in self._clips.due(over=over):
                if clip.empty:
                    why = "its audio was not received, or is not held any more"
                    self._bus.tell("evidence", self.name, not_kept(clip.violation_id, why))
                else:
                    self._bus.keep(self.name, clip)
