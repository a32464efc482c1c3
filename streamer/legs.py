"""The legs of one call: what their channels brought, held against the clock. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from streamer.channel import Channel
from streamer.leg_clock import LegClock, LegState, Outage
from streamer.types import AudioFrame, Blind, LegAccount


class Legs:
    """Keeps the account of every leg's time, and puts silence into a channel where audio is lost for good.

    Args:
      channels: of the call, by leg.
      clocks: of the same legs.
      clock: seconds, by which all clocks go.
    """

    def __init__(
        self, channels: Mapping[str, Channel], clocks: Mapping[str, LegClock], clock: Callable[[], float]
    ) -> None:
        self._channels = channels
        self._clocks = clocks
        self._clock = clock
        self._skipped: list[tuple[str, int]] = []
        self._behind: set[str] = set()
        self._closed = False

    @property
    def late(self) -> float:
        """Seconds of audio that should have come by now, of the leg on a live socket that lacks the most."""
        now = self._clock()
        return max(
            (
                clock.missing(now, self._channels[name].received)
                for name, clock in self._clocks.items()
                if clock.state is LegState.PRESENT
            ),
            default=0.0,
        )

    @property
    def deaf(self) -> list[str]:
        """The legs that are not monitored at present, as far as that was told."""
        return [
            name
            for name, channel in self._channels.items()
            if self._clocks[name].blind or channel.unusable or name in self._behind
        ]

    @property
    def accounts(self) -> dict[str, LegAccount]:
        """Each leg's seconds by what became of them; together they are the leg's time by the wall clock."""
        return {
            name: LegAccount(
                heard=channel.understood,
                silent=channel.received - channel.blind - channel.understood - channel.excused,
                blind=channel.blind,
                muted=channel.excused,
                paused=self._clocks[name].paused_seconds,
            )
            for name, channel in self._channels.items()
        }

    def receive(self, frame: AudioFrame) -> None:
        """Note samples of one leg."""
        name, channel, clock = frame.channel, self._channels[frame.channel], self._clocks[frame.channel]
        now = self._clock()
        if (outage := clock.arriving(now, channel.received)) is not None:
            self._fill(name, outage)
        if clock.muted and not channel.unusable:
            channel.excuse()
        channel.receive(frame.payload)
        if (outage := clock.received(now, channel.received, quiet=channel.quiet)) is not None:
            self._fill(name, outage)

    def joined(self, names: Sequence[str]) -> None:
        """A socket brings some of the legs."""
        for name in names:
            self._clocks[name].joined(self._clock())

    def left(self, names: Sequence[str], *, ended: bool, abruptly: bool = True) -> None:
        """No socket brings some of the legs any more: they are over (`ended`), or their connection is gone.

        Args:
          abruptly: whether it broke off; where it was closed in order, a call may have ended without a word.
        """
        for name in names:
            if ended:
                self._fill(name, self._clocks[name].finish(self._clock(), self._channels[name].received))
                self._clocks[name].ended()
            else:
                self._clocks[name].lost(self._clock(), abruptly=abruptly)
            self._channels[name].skip(0, None)

    def pause(self, names: Sequence[str], *, on: bool) -> None:
        """The platform lets nobody hear some of the legs for a while, or lets them be heard again.

        What was said last in them was said to its end; their time stands still.
        """
        for name in names:
            self._clocks[name].pause(self._clock(), on=on)
            if on:
                self._channels[name].skip(0, None)

    def mute(self, names: Collection[str]) -> None:
        """Say which legs are muted: what is silent in them is so by right."""
        for name, clock in self._clocks.items():
            clock.muted = name in names

    def watch(self, patience: float) -> list[Blind]:
        """Look at the clock, though nothing has come; report what may come, or be recognised, yet.

        Args:
          patience: seconds that a window may wait for the recogniser.
        """
        now, late = self._clock(), list[Blind]()
        self._behind = {name for name, channel in self._channels.items() if channel.is_late(now, patience)}
        for name, channel in self._channels.items():
            outage = self._clocks[name].outage(now, channel.received)
            if outage is not None and not outage.lost:
                end = self._clocks[name].elapsed(now)
                late.append(Blind(name, end - outage.seconds, end, outage.reason or ""))
            else:
                self._fill(name, outage)
            late += channel.late(now, patience)
        return late

    def lag(self, name: str, second: float) -> float:
        """Seconds since a second of a leg's audio, by the clock: audio that nobody has read yet is late, too."""
        received = self._channels[name].received
        return max(0.0, received + self._clocks[name].missing(self._clock(), received) - second)

    def close(self, at: float | None = None) -> None:
        """Stop the clocks, once; what the legs lack up to now is silent or blind.

        Args:
          at: second of the clock at which the call ended; now when absent.
        """
        now = self._clock() if at is None else at
        for name, channel in self._channels.items():
            if not self._closed:
                self._fill(name, self._clocks[name].finish(now, channel.received))
        self._closed = True

    def skipped(self) -> list[tuple[str, int]]:
        """Give the samples that were put in place of missing ones since this was last asked, by leg."""
        skipped, self._skipped = self._skipped, []
        return skipped

    def _fill(self, name: str, outage: Outage | None) -> None:
        """Put silence where audio is lost for good, so that times agree with the clock."""
        if outage is None:
            return
        channel = self._channels[name]
        samples = round(outage.seconds * channel.sample_rate)
        self._skipped.append((name, samples))
        channel.skip(samples, outage.reason, outage.told, muted=self._clocks[name].muted)
