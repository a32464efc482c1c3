"""Speech as it comes over a line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.recognition.sounds.training import augment
from streamer.recognition.sounds.training.augment import LINE, PACKET, RATE, Chances, Colour, Samples

SEEDS = st.integers(0, 2**32 - 1)
ALL = Chances(room=1, noise=1, babble=1, hum=1, clipping=1, telephone=1, lost=1)


def tone(hertz: float, length: int, rate: int = RATE) -> Samples:
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(length) / rate)).astype(np.float32)


@settings(max_examples=30)
@given(seed=SEEDS, length=st.integers(PACKET, 2 * RATE), chances=st.sampled_from([augment.USUAL, augment.CLEAN, ALL]))
def test_a_version_is_as_long_as_the_speech_and_within_full_scale(seed: int, length: int, chances: Chances) -> None:
    speech = tone(500, length)
    others = [tone(700, 100), tone(900, RATE)]
    one, two = (augment.disturbed(speech, np.random.default_rng(seed), others, chances) for _ in range(2))
    assert len(one) == length
    assert np.isfinite(one).all()
    assert np.abs(one).max() <= 1
    assert np.array_equal(one, two)


@given(seed=SEEDS)
def test_silence_stays_finite(seed: int) -> None:
    heard = augment.disturbed(np.zeros(RATE, dtype=np.float32), np.random.default_rng(seed), [], ALL)
    assert np.isfinite(heard).all()


@given(wanted=st.floats(0.001, 0.5), length=st.integers(200, 5000))
def test_sound_is_brought_to_a_level(wanted: float, length: int) -> None:
    assert augment.level(augment.levelled(tone(440, length), wanted)) == pytest.approx(wanted, rel=1e-3)


@given(decibels=st.floats(0, 40), seed=SEEDS, colour=st.sampled_from(["white", "pink", "brown"]))
def test_what_is_mixed_in_is_so_much_quieter(decibels: float, seed: int, colour: Colour) -> None:
    speech = tone(440, RATE)
    other = augment.noise(colour, RATE, np.random.default_rng(seed))
    added = augment.mixed(speech, other, decibels) - speech
    assert 20 * np.log10(augment.level(speech) / augment.level(added)) == pytest.approx(decibels, abs=0.1)


@pytest.mark.parametrize(("hertz", "passes"), [(100, False), (1000, True), (3900, False)])
def test_a_line_lets_a_band_through(hertz: float, passes: bool) -> None:
    sound = tone(hertz, LINE, LINE)
    kept = augment.level(augment.banded(sound, LINE, 300, 3400)) / augment.level(sound)
    assert kept > 0.95 if passes else kept < 0.6


@pytest.mark.parametrize("codec", list(augment.CODECS))
def test_a_codec_keeps_speech_and_its_length(codec: augment.Codec) -> None:
    line = tone(500, LINE + 3, LINE)
    heard = augment.CODECS[codec](line)
    assert len(heard) == len(line)
    assert np.corrcoef(line, heard)[0, 1] > 0.95


@given(seed=SEEDS)
def test_lost_packets_leave_the_others_as_they_were(seed: int) -> None:
    line = tone(500, LINE, LINE) + np.float32(0.2)
    heard = augment.with_packets_lost(line, np.random.default_rng(seed))
    packets = zip(line.reshape(-1, PACKET), heard.reshape(-1, PACKET), strict=True)
    kept = [np.array_equal(sent, got) for sent, got in packets]
    assert len(kept) == LINE // PACKET
    assert sum(kept) > len(kept) // 3


@given(seed=SEEDS)
def test_noise_is_the_darker_the_browner(seed: int) -> None:
    def centre(colour: Colour) -> float:
        power = np.abs(np.fft.rfft(augment.noise(colour, RATE, np.random.default_rng(seed)))) ** 2
        return float(np.average(np.arange(len(power)), weights=power))

    assert centre("brown") < centre("pink") < centre("white")
