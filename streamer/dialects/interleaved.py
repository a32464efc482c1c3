"""Bare samples on a socket: those of one channel, or of several, interleaved sample by sample. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from streamer.errors import OddBytes
from streamer.types import AudioFrame, Gap

_FORMATS: Mapping[int, Literal["B", "H"]] = {1: "B", 2: "H"}
"""How memory of so many bytes a sample is looked at: faster than through an array, for every message that comes."""


class Interleaved:
    """Cuts messages into frames, and counts samples.

    Args:
      channels: in the order of their samples.
      width: bytes a sample.

    Attributes:
      unit: bytes of one sample of each channel.
      position: samples of each channel so far, those lost among them.
    """

    def __init__(self, channels: Sequence[str], width: int) -> None:
        self.channels = tuple(channels)
        self.width = width
        self.unit = width * len(self.channels)
        self.position = 0

    def take(self, message: bytes) -> list[AudioFrame]:
        """Give the frames of a message, one for each channel; none of an empty one.

        Raises:
          OddBytes: it is no whole number of samples of each channel. Platforms write whole ones only, so that nothing
            says how to go on from half a one.
        """
        if len(message) % self.unit:
            raise OddBytes(len(message), self.unit)
        if not message:
            return []
        samples, number = memoryview(message).cast(_FORMATS[self.width]), len(self.channels)
        position = self.position
        self.position += len(samples) // number
        return [AudioFrame(name, position, samples[i::number].tobytes()) for i, name in enumerate(self.channels)]

    def passed_over(self, message: str | bytes) -> list[Gap]:
        """Count the samples of a message that could not be taken, if it was audio; half a sample at its end is none."""
        samples = len(message) // self.unit if isinstance(message, bytes) else 0
        return self.lose(samples, f"a message of {len(message)} bytes of audio could not be taken")

    def lose(self, samples: int, reason: str) -> list[Gap]:
        """Count samples that never come; none makes no gap."""
        self.position += samples
        return [Gap(channel, samples, reason) for channel in self.channels if samples]
