"""What is kept around a violation, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.record.clips import LATE, Clip, ClipRecorder

RATE = 100


def recorder(**changes: float) -> ClipRecorder:
    """Give one for a call in which everything was listened to."""
    one = ClipRecorder("mulaw", RATE, 1, ["agent", "customer"], **changes)
    for channel in ("agent", "customer"):
        one.clear(channel, None)
    return one


def hear(one: ClipRecorder, start: float, end: float) -> list[Clip]:
    """Take in seconds of a call in which byte n is n modulo 251 for the agent, and silence for the customer."""
    clips = []
    for at in range(int(start * RATE), int(end * RATE), 10):
        one.receive("agent", bytes((at + i) % 251 for i in range(10)))
        one.receive("customer", bytes(10))
        clips += one.due()
    return clips


def said(start: float, seconds: float) -> bytes:
    return bytes(n % 251 for n in range(round(start * RATE), round((start + seconds) * RATE)))


def test_a_clip_holds_ten_seconds_before_and_after_on_both_channels() -> None:
    one = recorder()
    assert hear(one, 0, 25) == []
    one.want("v-1", 20.0, 21.0)
    (clip,) = hear(one, 25, 60)
    assert (clip.violation_id, clip.start) == ("v-1", 10.0)
    assert clip.audio == {"agent": said(10, 21), "customer": bytes(21 * RATE)}


def test_a_call_s_ends_cut_it_short() -> None:
    one = recorder()
    hear(one, 0, 5)
    one.want("v-1", 3.0, 4.0)
    (clip,) = one.due(over=True)
    assert (clip.start, clip.audio["agent"]) == (0.0, said(0, 5))


def test_one_that_is_told_too_late_begins_later() -> None:
    one = recorder()
    hear(one, 0, 100)
    one.want("v-1", 60.0, 61.0)
    (clip,) = one.due()
    assert 60.0 < clip.start <= 100 - LATE
    assert clip.audio["agent"][:1] == said(clip.start, 1)[:1]


def test_what_must_be_silenced_is_named() -> None:
    one = recorder()
    hear(one, 0, 25)
    one.silence("customer", [(1.0, 2.0), (19.0, 20.0)])
    one.want("v-1", 20.0, 21.0)
    (clip,) = hear(one, 25, 31)
    assert clip.silenced == {"agent": (), "customer": ((19.0, 20.0),)}


def test_a_clip_waits_until_it_is_clear_what_must_be_silenced() -> None:
    one = recorder()
    hear(one, 0, 25)
    one.want("v-1", 20.0, 21.0)
    one.clear("agent", 24.0)
    assert hear(one, 25, 35) == []
    one.silence("agent", [(24.0, 26.0)])
    one.clear("agent", None)
    (clip,) = one.due()
    assert clip.silenced["agent"] == ((24.0, 26.0),)


def test_what_does_not_become_clear_in_time_is_silenced() -> None:
    one = recorder()
    hear(one, 0, 25)
    one.want("v-1", 20.0, 21.0)
    one.clear("agent", 24.0)
    (clip,) = hear(one, 25, 60)
    assert clip.silenced["agent"] == ((24.0, 31.0),)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.floats(0, 100), st.floats(0.1, 3))
def test_any_cut_of_the_audio_gives_the_same_clip(cuts: list[int], start: float, length: float) -> None:
    audio = bytes(n % 251 for n in range(150 * RATE))
    clips = []
    for sizes in ([1000], cuts):
        one, at, told, found = recorder(), 0, False, list[Clip]()
        while at < len(audio):
            for size in sizes:
                piece = audio[at : at + size]
                one.receive("agent", piece)
                one.receive("customer", piece)
                at += len(piece)
                if not told and at / RATE >= start + length:
                    one.want("v-1", start, start + length)
                    told = True
                found += one.due()
        found += one.due(over=True)
        clips.append(found)
    (whole,), (cut,) = clips
    assert cut.audio["agent"] == audio[round(cut.start * RATE) :][: len(cut.audio["agent"])]
    assert cut.start == pytest.approx(whole.start, abs=2 * 3000 / RATE)


def test_what_is_lost_is_silent_in_it_and_what_comes_after_keeps_its_place() -> None:
    one = recorder()
    hear(one, 0, 20)
    for channel in ("agent", "customer"):
        one.skip(channel, 2 * RATE)
    one.want("v-1", 19.0, 23.0)
    (clip,) = hear(one, 22, 40)
    assert clip.start == 9.0
    assert clip.audio["agent"] == said(9, 11) + b"\xff" * (2 * RATE) + said(22, 11)


@pytest.mark.parametrize(("encoding", "width", "silent"), [("alaw", 1, b"\xd5"), ("pcm_s16le", 2, b"\0\0")])
def test_silence_is_written_as_the_encoding_has_it(encoding: str, width: int, silent: bytes) -> None:
    one = ClipRecorder(encoding, RATE, width, ["agent"])
    one.receive("agent", b"\1" * (RATE * width))
    one.skip("agent", RATE)
    one.want("v-1", 1.0, 2.0)
    (clip,) = one.due(over=True)
    assert clip.audio["agent"] == b"\1" * (RATE * width) + silent * RATE


def test_a_loss_of_hours_costs_no_memory_and_what_comes_after_keeps_its_place() -> None:
    one = recorder()
    hear(one, 0, 5)
    for channel in ("agent", "customer"):
        one.skip(channel, 3600 * RATE)
    one.want("v-1", 3610.0, 3611.0)
    (clip,) = hear(one, 3605, 3630)
    assert clip.start == 3600.0
    assert clip.audio["agent"] == b"\xff" * (5 * RATE) + said(3605, 16)


def test_a_clip_that_a_long_loss_breaks_off_ends_with_it() -> None:
    one = recorder()
    hear(one, 0, 25)
    one.want("v-1", 20.0, 21.0)
    for channel in ("agent", "customer"):
        one.skip(channel, 3600 * RATE)
    (clip,) = one.due()
    assert (clip.violation_id, clip.start, clip.audio["agent"]) == ("v-1", 10.0, said(10, 15))
    assert one.due(over=True) == []


def test_what_nobody_was_ever_said_to_have_listened_to_is_silenced() -> None:
    one = ClipRecorder("mulaw", RATE, 1, ["agent", "customer"])
    one.clear("agent", None)
    hear(one, 0, 25)
    one.want("v-1", 20.0, 21.0)
    (clip,) = one.due(over=True)
    assert clip.silenced == {"agent": (), "customer": ((0.0, 31.0),)}


def test_one_of_which_nothing_is_held_is_empty() -> None:
    one = recorder()
    hear(one, 0, 15)
    for channel in ("agent", "customer"):
        one.skip(channel, 45 * RATE)
    hear(one, 60, 61)
    one.want("v-1", 12.0, 13.0)
    (clip,) = one.due()
    assert clip.empty
