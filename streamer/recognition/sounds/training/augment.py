"""What happens to speech between a mouth and a gateway: room, noise, a telephone's band and codecs, lost packets.

Everything is seeded: the same speech and the same state of the generator give the same samples.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second, of what comes in and what goes out."""
LINE = 8_000
"""Samples a second on a telephone line."""
PACKET = LINE // 50
"""Samples in a packet of 20 ms."""
QUIETEST = 1e-4
"""Root mean square below which sound is silence."""

Samples = NDArray[np.float32]
Random = np.random.Generator
Codec = Literal["mu-law", "a-law", "gsm", "none"]
Colour = Literal["white", "pink", "brown"]


@dataclass(frozen=True)
class Chances:
    """How often each thing happens, from 0 to 1; the first that is not given to chance is what most calls are.

    Attributes:
      telephone: band and codec of a line; else the sound stays wide.
      codecs: shares of mu-law, A-law, GSM full rate and none.
    """

    room: float = 0.25
    noise: float = 0.5
    babble: float = 0.25
    hum: float = 0.08
    clipping: float = 0.08
    telephone: float = 0.85
    lost: float = 0.2
    codecs: tuple[float, float, float, float] = (0.45, 0.2, 0.2, 0.15)


USUAL = Chances()
CLEAN = Chances(room=0, noise=0, babble=0, hum=0, clipping=0, lost=0, codecs=(1, 0, 0, 0), telephone=1)
"""A good line."""


def disturbed(speech: Samples, rng: Random, others: Sequence[Samples] = (), chances: Chances = USUAL) -> Samples:
    """Give one version of an utterance, as long as it is.

    Args:
      speech: at 16 kHz, full scale 1.
      others: what other people say: babble is mixed of it.
    """
    sound = speech
    if rng.random() < chances.room:
        sound = reverberated(sound, rng)
    if rng.random() < chances.babble and others:
        crowd = [others[index] for index in rng.integers(len(others), size=int(rng.integers(4, 9)))]
        sound = mixed(sound, babble(crowd, len(sound), rng), rng.uniform(5, 25))
    if rng.random() < chances.noise:
        colour: Colour = rng.choice(["white", "pink", "brown"])
        sound = mixed(sound, noise(colour, len(sound), rng), rng.uniform(5, 40))
    if rng.random() < chances.hum:
        sound = mixed(sound, hum(len(sound), rng), rng.uniform(10, 30))
    sound = levelled(sound, 10 ** (rng.uniform(-36, -12) / 20))
    if rng.random() < chances.clipping:
        sound = clipped(sound, rng.uniform(0.3, 0.9))
    if rng.random() < chances.telephone:
        sound = telephone(sound, rng, chances)
    return np.clip(sound, -1, 1).astype(np.float32)


def telephone(sound: Samples, rng: Random, chances: Chances = USUAL) -> Samples:
    """Send sound over a line: 300 to 3,400 Hz or about that, a codec, and packets that get lost."""
    line = soxr.resample(sound, RATE, LINE)
    line = banded(line, LINE, rng.uniform(150, 350), rng.uniform(3300, 3750))
    codec: Codec = rng.choice(["mu-law", "a-law", "gsm", "none"], p=chances.codecs)
    line = CODECS[codec](np.clip(line, -1, 1).astype(np.float32))
    if rng.random() < chances.lost:
        line = with_packets_lost(line, rng)
    return _fitted(soxr.resample(line, LINE, RATE), len(sound))


def level(sound: Samples) -> float:
    """Give the root mean square."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0


def levelled(sound: Samples, wanted: float) -> Samples:
    """Bring sound to a level (root mean square); silence stays as it is."""
    now = level(sound)
    return (sound * (wanted / now)).astype(np.float32) if now > QUIETEST else sound


def mixed(sound: Samples, other: Samples, decibels: float) -> Samples:
    """Add another sound, so many decibels below this one."""
    return (sound + levelled(other, level(sound) * 10 ** (-decibels / 20))).astype(np.float32)


def noise(colour: Colour, length: int, rng: Random) -> Samples:
    """Make noise whose power falls by 0 (white), 3 (pink) or 6 (brown) decibels an octave; level 0.1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    fall = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** fall
    return levelled(np.fft.irfft(spectrum, length).astype(np.float32), 0.1)


def babble(voices: Sequence[Samples], length: int, rng: Random) -> Samples:
    """Mix what several people say, each at a place and a level of his own; level 0.1."""
    crowd = np.zeros(length, dtype=np.float32)
    for voice in voices:
        turned = np.roll(np.resize(levelled(voice, 0.1), length), int(rng.integers(length)))
        crowd += turned * np.float32(rng.uniform(0.4, 1))
    return levelled(crowd, 0.1)


def hum(length: int, rng: Random) -> Samples:
    """Make mains hum, of 50 or 60 Hz with overtones; level 0.1."""
    times = np.arange(length) / RATE
    first = rng.choice([50.0, 60.0])
    tones = [rng.uniform(0.1, 1) / k * np.sin(2 * np.pi * (first * k * times + rng.random())) for k in range(1, 9)]
    return levelled(np.sum(tones, axis=0).astype(np.float32), 0.1)


def clipped(sound: Samples, share: float) -> Samples:
    """Cut off what is louder than a share of the loudest sample."""
    top = share * float(np.abs(sound).max(initial=0.0))
    return np.clip(sound, -top, top)


def reverberated(sound: Samples, rng: Random) -> Samples:
    """Put sound into a room: noise that decays by 60 dB in 0.15 to 0.6 s, below the direct sound."""
    decay = rng.uniform(0.15, 0.6)
    length = int(decay * RATE)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail[: int(rng.uniform(0.001, 0.01) * RATE)] = 0
    tail *= 10 ** (-rng.uniform(0, 12) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    size = len(sound) + length
    heard = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]
    return levelled(heard.astype(np.float32), level(sound))


def banded(sound: Samples, rate: int, low: float, high: float) -> Samples:
    """Keep a band of frequencies (hertz), with slopes of 24 dB an octave."""
    frequencies = np.fft.rfftfreq(len(sound), 1 / rate)
    gain = 1 / np.sqrt(1 + (low / np.maximum(frequencies, 1e-3)) ** 8) / np.sqrt(1 + (frequencies / high) ** 8)
    return np.fft.irfft(np.fft.rfft(sound) * gain, len(sound)).astype(np.float32)


def with_packets_lost(line: Samples, rng: Random) -> Samples:
    """Lose packets of 20 ms, alone and in bursts: nothing is heard for them, or the last one again."""
    begins, goes_on = rng.uniform(0.01, 0.06), rng.uniform(0.2, 0.6)
    repeated = rng.random() < 0.5
    heard = line.copy()
    gone = False
    for start in range(0, len(line), PACKET):
        gone = rng.random() < (goes_on if gone else begins)
        if gone:
            packet = heard[start : start + PACKET]
            last = heard[max(0, start - PACKET) : start]
            packet[:] = last[: len(packet)] if repeated and len(last) >= len(packet) else 0
    return heard


def _coded(form: str, subtype: str) -> Callable[[Samples], Samples]:
    def code(line: Samples) -> Samples:
        file = io.BytesIO()
        soundfile.write(file, line, LINE, format=form, subtype=subtype)
        file.seek(0)
        return _fitted(soundfile.read(file, dtype="float32")[0], len(line))

    return code


def _fitted(sound: Samples, length: int) -> Samples:
    """Cut sound to a length, or add silence to it: resampling and GSM's frames are rounded."""
    return np.pad(sound[:length], (0, max(0, length - len(sound)))).astype(np.float32)


CODECS: dict[Codec, Callable[[Samples], Samples]] = {
    "mu-law": _coded("WAV", "ULAW"),
    "a-law": _coded("WAV", "ALAW"),
    "gsm": _coded("WAV", "GSM610"),
    "none": lambda line: line,
}
