"""What telephone lines do to calls, done to recordings: other people's voices, GSM, lost packets. Seeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

import numpy as np

from streamer.recognition.sounds.training.augment import CODECS, LINE, PACKET, Random, Samples, babble, mixed

VOICES = 6
"""Voices in a babble."""
BABBLE = 10.0
"""Decibels by which a babble is below who is to be heard."""
LOST = 0.05
"""Share of packets that get lost."""

Degradation = Callable[[Samples, Sequence[Samples], Random], Samples]
"""Takes what was spoken and what others speak, as a line has it: at 8 kHz, full scale 1."""


def with_babble(speech: Samples, others: Sequence[Samples], rng: Random) -> Samples:
    """Have several other people speak behind somebody."""
    crowd = [others[index] for index in rng.permutation(len(others))[:VOICES]]
    return np.clip(mixed(speech, babble(crowd, len(speech), rng), BABBLE), -1, 1)


def over_gsm(speech: Samples, _: Sequence[Samples], __: Random) -> Samples:
    """Send speech over GSM 06.10 (full rate, 13 kbit/s) and back."""
    return CODECS["gsm"](speech)


def with_packets_lost(speech: Samples, _: Sequence[Samples], rng: Random) -> Samples:
    """Lose packets, each for itself; nothing is heard for them."""
    lost = rng.random(-(-len(speech) // PACKET)) < LOST
    return np.where(np.repeat(lost, PACKET)[: len(speech)], np.float32(0), speech)


DEGRADATIONS: Mapping[str, Degradation] = {"babble": with_babble, "gsm": over_gsm, "loss": with_packets_lost}
RATE = LINE
"""Of what is degraded, in samples a second."""


def generator(seed: int, name: str) -> Random:
    """Give a recording's own chance, whatever else is degraded."""
    return np.random.default_rng([seed, crc32(name.encode())])
