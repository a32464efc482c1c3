"""Whatever a recording is written in: the same sound comes out, or a clear word on what is wrong."""

from __future__ import annotations

import io
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.errors import RecordingError
from streamer.scan.decoding import SUFFIXES, decoded

RATE = 8000


def tone(seconds: float = 2.0, channels: int = 2, rate: int = RATE) -> NDArray[np.float32]:
    """A tone of 440 Hz, half as loud in each further channel."""
    at = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * at)
    return np.stack([wave / 2**column for column in range(channels)], axis=1).astype(np.float32)


def heard(file: io.BytesIO, name: str) -> tuple[int, NDArray[np.float32]]:
    file.seek(0)
    with decoded(file, name) as sound:
        nothing = np.zeros((0, sound.channels), dtype=np.float32)
        return sound.sample_rate, np.concatenate([nothing, *sound.blocks])


def loudness(samples: NDArray[np.float32]) -> list[float]:
    return [float(np.sqrt(np.mean(samples[:, column] ** 2))) for column in range(samples.shape[1])]


class TestForms:
    @pytest.mark.parametrize(
        ("name", "form", "subtype"),
        [
            ("a.wav", "WAV", "PCM_16"),
            ("a.wav", "WAV", "PCM_24"),
            ("a.wav", "WAV", "FLOAT"),
            ("a.wav", "WAV", "ULAW"),
            ("a.wav", "WAV", "ALAW"),
            ("a.wav", "WAV", "IMA_ADPCM"),
            ("a.wav", "WAV", "MS_ADPCM"),
            ("a.flac", "FLAC", "PCM_16"),
            ("a.mp3", "MP3", "MPEG_LAYER_III"),
            ("a.ogg", "OGG", "VORBIS"),
            ("a.opus", "OGG", "OPUS"),
            ("a.au", "AU", "ULAW"),
            ("a.aiff", "AIFF", "PCM_16"),
            ("misnamed.txt", "WAV", "PCM_16"),
        ],
    )
    def test_stereo_stays_stereo(self, name: str, form: str, subtype: str) -> None:
        file = io.BytesIO()
        soundfile.write(file, tone(), RATE, subtype, format=form)
        rate, samples = heard(file, name)
        assert rate == RATE
        assert len(samples) == pytest.approx(2 * RATE, rel=0.1)
        assert loudness(samples) == pytest.approx([0.354, 0.177], rel=0.1)

    @pytest.mark.parametrize(
        ("name", "subtype", "rate"),
        [
            ("a.ulaw", "ULAW", 8000),
            ("a.AL", "ALAW", 8000),
            ("a.sln", "PCM_16", 8000),
            ("a.sln16", "PCM_16", 16_000),
            ("a.gsm", "GSM610", 8000),
            ("a.vox", "VOX_ADPCM", 8000),
        ],
    )
    def test_what_exchanges_write_without_a_header_is_known_by_its_name(
        self, name: str, subtype: str, rate: int
    ) -> None:
        file = io.BytesIO()
        soundfile.write(file, tone(channels=1, rate=rate), rate, subtype, format="RAW")
        found, samples = heard(file, name)
        assert found == rate
        assert len(samples) == pytest.approx(2 * rate, rel=0.02)
        assert loudness(samples) == pytest.approx([0.354], rel=0.15)

    @pytest.mark.parametrize(
        ("name", "codec", "form", "channels"),
        [
            ("a.m4a", "aac", "mp4", 2),
            ("a.g722", "g722", "g722", 1),
            ("a.webm", "libopus", "webm", 2),
        ],
    )
    def test_what_else_there_is_comes_by_ffmpeg(self, name: str, codec: str, form: str, channels: int) -> None:
        rate = 16_000 if codec == "g722" else 48_000 if codec == "libopus" else 44_100
        file = io.BytesIO()
        with av.open(file, "w", format=form) as container:
            layout = "stereo" if channels == 2 else "mono"
            stream = container.add_stream(codec, rate=rate, layout=layout)
            assert isinstance(stream, av.AudioStream)
            wave = np.ascontiguousarray((tone(channels=channels, rate=rate) * 32767).astype(np.int16).reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        found, samples = heard(file, name)
        assert found == rate
        assert len(samples) == pytest.approx(2 * rate, rel=0.1)
        assert loudness(samples) == pytest.approx([0.354, 0.177][:channels], rel=0.15)

    def test_all_these_names_are_recordings(self) -> None:
        assert {".wav", ".ulaw", ".gsm", ".m4a", ".g722", ".amr"} <= SUFFIXES


class TestMistakes:
    @pytest.mark.parametrize("content", [b"", b"RIFF", b"Dear diary", bytes(5000)])
    def test_what_is_no_recording_is_told(self, content: bytes) -> None:
        with pytest.raises(RecordingError) as told:
            heard(io.BytesIO(content), "a.wav")
        assert str(told.value).startswith("a.wav: ")

    @pytest.mark.parametrize("rate", [4000, 96_000])
    def test_a_rate_that_no_call_has_is_told(self, rate: int) -> None:
        file = io.BytesIO()
        soundfile.write(file, tone(rate=rate), rate, format="WAV")
        with pytest.raises(RecordingError, match=f"{rate} Hz"):
            heard(file, "a.wav")

    def test_a_film_without_sound_is_told(self) -> None:
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("mpeg4", rate=5, width=16, height=16, pix_fmt="yuv420p")
            for packet in [*stream.encode(av.VideoFrame(16, 16, "yuv420p")), *stream.encode(None)]:
                container.mux(packet)
        with pytest.raises(RecordingError, match="no sound"):
            heard(file, "a.mp4")

    def test_a_recording_that_was_cut_short_is_heard_as_far_as_it_goes(self) -> None:
        file = io.BytesIO()
        soundfile.write(file, tone(), RATE, format="WAV")
        _, samples = heard(io.BytesIO(file.getvalue()[: len(file.getvalue()) // 2]), "a.wav")
        assert len(samples) == pytest.approx(RATE, rel=0.01)

    def test_what_is_no_number_is_silence(self) -> None:
        file = io.BytesIO()
        broken = tone()
        broken[100:200] = np.nan
        broken[300] = np.inf
        soundfile.write(file, broken, RATE, "FLOAT", format="WAV")
        _, samples = heard(file, "a.wav")
        assert np.isfinite(samples).all()

    def test_a_codec_that_nobody_knows_is_a_mistake(self) -> None:
        file = io.BytesIO()
        soundfile.write(file, tone(0.3), RATE, format="WAV")
        content = bytearray(file.getvalue())
        # So many bits a sample that FFmpeg has no codec for it.
        content[35] ^= 1
        with pytest.raises(RecordingError, match="codec"):
            heard(io.BytesIO(bytes(content)), "a.wav")

    @given(st.data())
    @settings(max_examples=60)
    def test_damaged_bytes_are_sound_or_a_mistake(self, data: st.DataObject) -> None:
        form, name = data.draw(st.sampled_from([("WAV", "a.wav"), ("FLAC", "a.flac"), ("OGG", "a.ogg")]))
        file = io.BytesIO()
        soundfile.write(file, tone(0.3), RATE, format=form)
        content = bytearray(file.getvalue())
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
            content[at] ^= data.draw(st.integers(1, 255))
        # Whatever else it raised would fail the test.
        with suppress(RecordingError):
            _, samples = heard(io.BytesIO(bytes(content[: data.draw(st.integers(0, len(content)))])), name)
            assert np.isfinite(samples).all()
