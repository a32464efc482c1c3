"""A clip, decoded again."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streamer.scan.report.sound import AROUND, LONGEST, PEAKS, AudioOf, Clip, clip

HUM = 300.0
"""Hertz."""


def humming(rate: int, channels: int, silent: tuple[float, float] = (0.0, 0.0)) -> AudioOf:
    """Give a recording of ten minutes whose first leg hums, but for some seconds; others are silent."""

    def audio(file: str, start: float, end: float) -> tuple[NDArray[np.float32], int]:
        times = np.arange(round(start * rate), round(end * rate)) / rate
        samples = np.zeros((len(times), channels), dtype=np.float32)
        samples[:, 0] = 0.5 * np.sin(2 * np.pi * HUM * times) * ((times < silent[0]) | (times >= silent[1]))
        return samples, rate

    return audio


def decoded(one: Clip) -> tuple[NDArray[np.float32], int]:
    kind, _, packed = one.mp3.partition(",")
    assert kind == "data:audio/mpeg;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(packed)), dtype="float32", always_2d=True)
    return samples, rate


class TestAClip:
    @pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_is_what_was_recorded_around_the_term(self, rate: int, channels: int) -> None:
        one = clip(humming(rate, channels), "a.wav", 60.0, 61.0, 600.0)
        assert one is not None
        assert one.start == 60.0 - AROUND
        assert one.end == pytest.approx(61.0 + AROUND, abs=0.001)
        samples, sounding = decoded(one)
        assert samples.shape[1] == channels
        assert len(samples) / sounding == pytest.approx(11.0, abs=0.01)
        loudest = np.argmax(np.abs(np.fft.rfft(samples[:, 0]))) * sounding / len(samples)
        assert loudest == pytest.approx(HUM, abs=1.0)
        assert np.max(np.abs(samples[:, 1:]), initial=0.0) < 0.01

    def test_does_not_begin_before_the_recording_nor_end_after_it(self) -> None:
        one = clip(humming(8000, 2), "a.wav", 2.0, 3.0, 6.0)
        assert one is not None
        assert (one.start, one.end) == (0.0, 6.0)

    def test_of_what_lasted_for_minutes_holds_its_beginning(self) -> None:
        one = clip(humming(8000, 2), "a.wav", 100.0, 400.0, 600.0)
        assert one is not None
        assert (one.start, one.end) == (100.0 - AROUND, 100.0 + LONGEST)

    def test_is_silent_where_it_must_be(self) -> None:
        one = clip(humming(8000, 2, silent=(61.0, 64.0)), "a.wav", 60.0, 61.0, 600.0)
        assert one is not None
        samples, rate = decoded(one)
        # But for what the encoder smears over the edges.
        quiet = samples[round(6.1 * rate) : round(8.9 * rate)]
        assert np.max(np.abs(quiet)) < 0.001
        assert np.max(np.abs(samples[round(9.2 * rate) :])) > 0.4

    def test_has_a_waveform_of_each_leg(self) -> None:
        one = clip(humming(8000, 2, silent=(61.0, 64.0)), "a.wav", 60.0, 61.0, 600.0)
        assert one is not None
        agent, customer = one.peaks
        assert len(agent) == len(customer) == 11 * PEAKS
        assert agent[: 6 * PEAKS] == (1.0,) * (6 * PEAKS)
        assert agent[6 * PEAKS : 9 * PEAKS] == (0.0,) * (3 * PEAKS)
        assert set(customer) == {0.0}

    def test_of_samples_that_are_no_numbers_is_made_all_the_same(self) -> None:
        broken = np.array([[np.nan], [np.inf], [-np.inf], [7.0]] * 4000, dtype=np.float32)
        one = clip(lambda *_: (broken, 8000), "a.wav", 1.0, 1.5, 2.0)
        assert one is not None
        assert np.all(np.isfinite(decoded(one)[0]))

    def test_is_none_where_the_recording_is_gone(self) -> None:
        assert clip(lambda *_: None, "a.wav", 1.0, 2.0, 60.0) is None
        assert clip(lambda *_: (np.zeros((0, 2), np.float32), 8000), "a.wav", 1.0, 2.0, 60.0) is None
        assert clip(humming(8000, 1), "a.wav", 0.0, 0.0, 0.0) is None
