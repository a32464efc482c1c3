"""Codecs against the reference's own formulas, resampling without seams, and the ring buffer against a list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio import SAMPLE_RATE, Resampler, RingBuffer, decode, encode
from streamer.types import Encoding


def reference_mulaw(code: int) -> int:
    """Expand one mu-law code as in the ITU-T G.191 software tools, to 16 bits."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def reference_alaw(code: int) -> int:
    """Expand one A-law code as in the ITU-T G.191 software tools, to 16 bits."""
    code ^= 0x55
    magnitude, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    magnitude = magnitude + 8 if segment == 0 else (magnitude + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


class TestG711:
    @pytest.mark.parametrize(
        ("encoding", "reference"), [(Encoding.MULAW, reference_mulaw), (Encoding.ALAW, reference_alaw)]
    )
    def test_every_code_expands_as_the_reference_says(self, encoding: Encoding, reference: object) -> None:
        assert callable(reference)
        expanded = decode(bytes(range(256)), encoding) * 32768
        assert [int(level) for level in expanded] == [reference(code) for code in range(256)]

    @pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
    def test_every_code_survives_a_round_trip(self, encoding: Encoding) -> None:
        codes = bytes(range(256))
        # Mu-law has two codes for zero, 0x7F and 0xFF; silence is sent as the second.
        expected = bytes(0xFF if encoding is Encoding.MULAW and code == 0x7F else code for code in codes)
        assert encode(decode(codes, encoding), encoding) == expected

    @given(st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=50))
    def test_a_sample_is_coded_as_the_nearest_level(self, samples: list[float]) -> None:
        levels = decode(bytes(range(256)), Encoding.ALAW)
        wanted = np.array(samples, dtype=np.float32)
        coded = decode(encode(wanted, Encoding.ALAW), Encoding.ALAW)
        nearest = np.abs(levels[None, :] - wanted[:, None]).min(axis=1)
        assert np.all(np.abs(coded - wanted) <= nearest + 1 / 32768)


class TestPcm:
    @given(st.lists(st.integers(-32768, 32767), max_size=100))
    def test_survives_a_round_trip(self, levels: list[int]) -> None:
        payload = np.array(levels, dtype="<i2").tobytes()
        assert encode(decode(payload, Encoding.PCM_S16LE), Encoding.PCM_S16LE) == payload

    def test_over_full_scale_is_clipped(self) -> None:
        loud = np.array([2.0, -2.0], dtype=np.float32)
        assert decode(encode(loud, Encoding.PCM_S16LE), Encoding.PCM_S16LE).tolist() == [32767 / 32768, -1.0]


RATES = [8000, 11_025, 16_000, 22_050, 44_100, 48_000]


class TestResampling:
    @given(st.sampled_from(RATES), st.lists(st.integers(1, 3000), max_size=30), st.integers(0, 2**32 - 1))
    @settings(max_examples=40)
    def test_leaves_no_seam_wherever_the_stream_is_cut(self, rate: int, sizes: list[int], seed: int) -> None:
        samples = np.random.default_rng(seed).uniform(-1, 1, rate // 2).astype(np.float32)
        whole, cut = Resampler(rate), Resampler(rate)
        expected = np.concatenate([whole.push(samples), whole.flush()])
        pieces, at = [], 0
        for size in sizes:
            pieces.append(cut.push(samples[at : at + size]))
            at += size
        pieces += [cut.push(samples[at:]), cut.flush()]
        assert np.array_equal(np.concatenate(pieces), expected)
        assert len(expected) == pytest.approx(len(samples) * SAMPLE_RATE / rate, abs=2)

    @pytest.mark.parametrize("rate", RATES)
    def test_a_tone_stays_where_it_is_in_pitch_and_time(self, rate: int) -> None:
        resampler = Resampler(rate)
        seconds = np.arange(rate) / rate
        tone = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)
        heard = np.concatenate([resampler.push(tone), resampler.flush()])
        expected = np.sin(2 * np.pi * 1000 * np.arange(len(heard)) / SAMPLE_RATE)
        middle = slice(1000, len(heard) - 1000)
        assert np.abs(heard[middle] - expected[middle]).max() < 0.01


class TestRingBuffer:
    @given(
        st.integers(1, 50),
        st.lists(st.tuples(st.sampled_from(["append", "skip", "discard"]), st.integers(0, 120)), max_size=40),
    )
    def test_holds_what_a_list_would(self, capacity: int, steps: list[tuple[str, int]]) -> None:
        ring, everything, start = RingBuffer(capacity), np.zeros(0, dtype=np.float32), 0
        for step, size in steps:
            if step != "discard":
                new = np.arange(len(everything), len(everything) + size, dtype=np.float32)
                if step == "append":
                    ring.append(new)
                else:
                    new[:] = 0
                    ring.skip(size)
                everything = np.concatenate([everything, new])
                start = max(start, len(everything) - capacity)
            else:
                ring.discard(size)
                start = min(max(start, size), len(everything))
            assert (ring.start, ring.end) == (start, len(everything))
            assert np.array_equal(ring.read(start, len(everything)), everything[start:])

    def test_refuses_what_it_does_not_hold(self) -> None:
        ring = RingBuffer(10)
        ring.append(np.zeros(15, dtype=np.float32))
        for start, end in ((4, 10), (10, 16), (12, 11)):
            with pytest.raises(IndexError):
                ring.read(start, end)
