"""Recordings of every kind that a call can be made of, and clear errors for the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamer.audio import decode
from streamer.errors import RecordingError
from streamer.recordings import read
from streamer.types import Encoding

CODECS = {"ULAW": Encoding.MULAW, "ALAW": Encoding.ALAW, "PCM_16": Encoding.PCM_S16LE, "FLOAT": Encoding.PCM_S16LE}


def write(path: Path, channels: int = 2, rate: int = 8000, subtype: str = "PCM_16") -> Path:
    samples = np.random.default_rng(1).uniform(-0.9, 0.9, (rate // 4 + 3, channels))
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("subtype", CODECS)
def test_frames_hold_the_whole_recording_in_its_own_encoding(tmp_path: Path, subtype: str) -> None:
    recording = read(write(tmp_path / "call.wav", subtype=subtype))
    assert recording.encoding is CODECS[subtype]
    assert recording.channels == ("agent", "customer")
    sent = b"".join(recording.frames(0.02))
    assert np.abs(decode(sent, recording.encoding).reshape(-1, 2) - recording.samples).max() <= 1 / 32768


def test_mono_counts_as_the_agent_unless_said_otherwise(tmp_path: Path) -> None:
    file = write(tmp_path / "mono.wav", channels=1, rate=44_100)
    assert read(file).channels == ("agent",)
    assert read(file, ("customer",)).channels == ("customer",)


@pytest.mark.parametrize(
    ("channels", "rate", "problem"),
    [(3, 8000, "has 3 channels, not 2"), (1, 4000, "sample rate of 4000 Hz"), (1, 96_000, "sample rate of 96000 Hz")],
)
def test_what_no_call_can_be_is_told_why(tmp_path: Path, channels: int, rate: int, problem: str) -> None:
    with pytest.raises(RecordingError, match=problem):
        read(write(tmp_path / "odd.wav", channels=channels, rate=rate))


def test_what_is_no_recording_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        read(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(RecordingError, match="is no recording"):
        read(tmp_path / "text.wav")
