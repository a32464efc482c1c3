"""What passes between a dialect and a call: audio and its bounds one way, signals the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from detector.types import Action, CallMetrics, Missing, Violation


class Encoding(StrEnum):
    """Sample encodings of a media stream."""

    MULAW = "mulaw"
    ALAW = "alaw"
    PCM_S16LE = "pcm_s16le"

    @property
    def width(self) -> int:
        """Bytes a sample."""
        return 2 if self is Encoding.PCM_S16LE else 1


# --- from the platform ---


@dataclass(frozen=True, slots=True)
class SignIn:
    """A token that came with the call's first message; a call's other events don't hold it, so that nobody keeps it."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a call, in spite of which it is listened to.

    Attributes:
      reason: for programs: `language`, `call_id`, `metadata`, `address`, or the code of the `ProtocolError` that a
        message was passed over for.
      detail: for people.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call's first event.

    Attributes:
      sample_rate: hertz, of the audio on the wire.
      channels: the legs, in the order in which their samples are interleaved.
      language: the call's, as the platform says it (see `streamer.languages`), or None where it doesn't.
      transcripts: whether the platform wants the running text.
      metadata: whatever the platform sent along; handed on, never interpreted.
      platform: which one it is.
      names: what the platform's control port calls the call and its legs.
      joins: whether other sockets may bring the same call, too: another leg of it, or the same again after the first
        was lost. `channels` are those that this socket brings.
      remarks: what was odd about how the call was announced.
    """

    call_id: str
    encoding: Encoding
    sample_rate: int
    channels: tuple[str, ...]
    language: str | None = None
    transcripts: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    platform: str = "native"
    names: Mapping[str, str] = field(default_factory=dict)
    joins: bool = False
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """Samples of one channel.

    Attributes:
      position: index of the first sample since the call's start, at the wire's rate.
      payload: the samples in the call's encoding, without those of other channels.
    """

    channel: str
    position: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples of one channel that are lost: what comes next in it follows after them.

    Attributes:
      samples: how many, at the wire's rate.
      reason: why, for people.
    """

    channel: str
    samples: int
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The platform lets nobody hear the call for a while (`on`), or lets it be heard again: nothing is missed by that.

    No audio comes in between; the call's time stands still.
    """

    on: bool


@dataclass(frozen=True, slots=True)
class CallStopped:
    """A call's last event; `reason` is `stop` when the platform said so, else what ended it."""

    reason: str


# --- to the platform ---


@dataclass(frozen=True, slots=True)
class Started:
    """The call is being listened to."""

    lexicon_version: str
    model: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Text of one channel, committed (final) or tentative; times in seconds of call audio."""

    channel: str
    text: str
    committed: bool
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class ViolationReport:
    """A violation, at each step of its life."""

    violation: Violation


@dataclass(frozen=True, slots=True)
class Block:
    """Stop the agent now.

    Attributes:
      audio_received: seconds of the call's audio that had arrived when the signal was made.
      match_to_signal_ms: from the words reaching the detector to the signal being made.
    """

    violation: Violation
    action: Action
    audio_received: float
    match_to_signal_ms: float


@dataclass(frozen=True, slots=True)
class Unblock:
    """Take a block back: the violation was none."""

    violation_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """What a supervisor wants done, by hand.

    Attributes:
      id: unique within the call, `o-1` and up.
      action: `mute`, `unmute`, `play`, `hangup` or `transfer`.
      violation_id: why, or None.
      by: who.
    """

    id: str
    action: str
    channel: str
    violation_id: str | None
    by: str


@dataclass(frozen=True, slots=True)
class Blind:
    """Audio of a channel that was not monitored, in seconds of call audio."""

    channel: str
    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class LegAccount:
    """What became of each second of a leg, by the wall clock.

    Attributes:
      heard: speech that was recognised.
      silent: nobody spoke.
      blind: not monitored.
      muted: silent by right, since the leg was muted and brought nothing.
      paused: silent by right, since the platform let nobody hear it; not in the call's time.
    """

    heard: float
    silent: float
    blind: float
    muted: float = 0.0
    paused: float = 0.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """The call's account of itself; `metrics` is None where the call broke off before it could give one.

    Attributes:
      legs: each leg's seconds by what became of them.
    """

    duration: float
    violations: int
    missing: tuple[Missing, ...]
    blind_seconds: float
    metrics: CallMetrics | None = None
    legs: Mapping[str, LegAccount] = field(default_factory=dict)


Outgoing = Started | Transcript | ViolationReport | Block | Unblock | Order | Blind | Stopped
