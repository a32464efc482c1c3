"""Whatever a recording is written in: the same sound comes out, or a clear word on what is wrong."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.errors import RecordingError
from streamer.scan.decoding import decoded, form_of
from streamer.scan.forms import ENDINGS

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


def read(content: bytes, name: str) -> tuple[int, list[str], bool]:
    """Decode all of a file; give its samples, what is odd about it, and whether some of it is damaged."""
    with decoded(io.BytesIO(content), name) as sound:
        return sum(len(block) for block in sound.blocks), sound.notes, sound.broken_off


def written(form: str, subtype: str | None = None, seconds: float = 2.0) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(seconds, channels=1), RATE, subtype, format=form)
    return file.getvalue()


def sized(content: bytes, size: int) -> bytes:
    """Write another length of the audio into a WAV file's header."""
    at = content.index(b"data") + 4
    return content[:at] + struct.pack("<I", size) + content[at + 4 :]


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
        assert {"wav", "ulaw", "gsm", "m4a", "g722", "amr"} <= ENDINGS


CORPUS = sorted((Path(__file__).parents[2] / "corpus" / "recordings").iterdir())


class TestWrongHeaders:
    """What the file holds is read, whatever its header says about how long it is; and that is said."""

    @pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
    def test_what_once_broke_is_read(self, path: Path) -> None:
        wanted = int(path.name.split("-")[0])
        try:
            samples, _, _ = read(path.read_bytes(), path.name)
        except RecordingError:
            samples = 0
        assert samples == pytest.approx(wanted, rel=0.3)

    @pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW", "GSM610", "IMA_ADPCM", "FLOAT"])
    @pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 500])
    def test_a_length_that_is_not_there_yet_is_the_files(self, subtype: str, size: int) -> None:
        content = written("WAV", subtype)
        samples, notes, broken = read(sized(content, size), "a.wav")
        assert samples == pytest.approx(2 * RATE, rel=0.05)
        assert len(notes) == 1
        assert not broken
        assert read(content, "a.wav")[1] == []

    def test_what_was_cut_off_is_read_as_far_as_it_goes_and_said(self) -> None:
        content = written("WAV")
        samples, notes, _ = read(content[: len(content) // 2], "a.wav")
        assert samples == pytest.approx(RATE, rel=0.01)
        assert notes == ["the header says 2.0 s, and there are 1.0 s: those were read"]

    def test_what_follows_the_audio_is_no_audio(self) -> None:
        content = written("WAV")
        for more in (b"LIST\x04\0\0\0abcd", b"id3 \x03\0\0\0abc", b"LIST\x08\0\0\0abcdefgh" * 500, b"\0"):
            assert read(content + more, "a.wav")[:2] == (2 * RATE, [])

    @pytest.mark.parametrize(("form", "subtype"), [("FLAC", None), ("MP3", None), ("OGG", "OPUS"), ("OGG", "VORBIS")])
    def test_damage_costs_what_is_damaged_and_is_said(self, form: str, subtype: str | None) -> None:
        noise = np.random.default_rng(7).normal(0, 0.1, 30 * RATE).astype(np.float32)
        file = io.BytesIO()
        soundfile.write(file, noise, RATE, subtype, format=form)
        content = bytearray(file.getvalue())
        half = len(content) // 2
        for damaged in (content[: len(content) * 6 // 10], content[:half] + bytes(2000) + content[half + 2000 :]):
            samples, notes, _ = read(bytes(damaged), "a.bin")
            assert samples > 14 * RATE
            assert notes or samples == 30 * RATE

    def test_a_header_goes_before_a_name(self) -> None:
        content = written("WAV", "ULAW")
        assert form_of(io.BytesIO(content), "a.ulaw") == ""
        assert read(content, "a.ulaw")[0] == 2 * RATE

    @pytest.mark.parametrize(
        ("name", "headerless", "form"),
        [
            ("a.ulaw", None, "ulaw"),
            ("a.SLN16", "alaw", "sln16"),
            ("a.ulaw.3", None, "ulaw"),
            ("a.raw", None, ""),
            ("a.raw", "sln", "sln"),
            ("a.pcm", "alaw", "alaw"),
            ("a.wav", "alaw", ""),
        ],
    )
    def test_what_decides_how_bytes_are_read_has_a_name(self, name: str, headerless: str | None, form: str) -> None:
        assert form_of(io.BytesIO(bytes(100)), name, headerless) == form

    def test_a_form_is_read_whatever_the_file_is_called_by_now(self) -> None:
        content = written("RAW", "ULAW")
        with decoded(io.BytesIO(content), "a.sln", "ulaw") as sound:
            assert sum(len(block) for block in sound.blocks) == 2 * RATE

    @given(st.data())
    @settings(max_examples=150)
    def test_any_header_is_read_or_a_mistake(self, data: st.DataObject) -> None:
        form = data.draw(st.sampled_from(["WAV", "RF64", "AU", "AIFF", "W64", "CAF"]))
        content = bytearray(written(form, "ULAW", 0.2))
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, 120))
            content[at : at + 4] = data.draw(
                st.binary(min_size=4, max_size=4) | st.sampled_from([b"\xff" * 4, bytes(4)])
            )
        content = content[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=40))
        # Whatever else it raised would fail the test.
        with suppress(RecordingError):
            read(bytes(content), "a.wav")


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
