"""Clips on disk: whole, silenced where they must be, and gone in time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamer.audio import encode
from streamer.record.clips import Clip
from streamer.record.evidence import UNFINISHED, ClipDamaged, Evidence
from streamer.types import Encoding

RATE = 8000


def clip(violation_id: str = "v-1", silenced: tuple[tuple[float, float], ...] = ()) -> Clip:
    """Give two seconds, from second 5 of a call on, in which the agent hums."""
    hum = 0.5 * np.sin(np.arange(2 * RATE) * 0.3).astype(np.float32)
    audio = {"agent": encode(hum, Encoding.MULAW), "customer": encode(np.zeros_like(hum), Encoding.MULAW)}
    return Clip(violation_id, 5.0, "mulaw", RATE, audio, {"agent": silenced, "customer": ()})


def evidence(tmp_path: Path, *, days: float = 30, most: int = 1 << 30) -> Evidence:
    return Evidence(tmp_path / "evidence", days=days, most=most)


def test_a_clip_comes_back_on_both_channels(tmp_path: Path) -> None:
    store = evidence(tmp_path)
    kept = store.keep("c0ffee", clip())
    path = store.find("c0ffee", "v-1")
    assert path is not None
    samples, rate = soundfile.read(path)
    assert (samples.shape, rate) == ((2 * RATE, 2), RATE)
    assert (kept.start, kept.seconds, kept.bytes) == (5.0, 2.0, path.stat().st_size)
    assert kept.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_must_not_be_kept_is_silent(tmp_path: Path) -> None:
    store = evidence(tmp_path)
    store.keep("c0ffee", clip(silenced=((4.0, 5.5), (6.0, 6.5))))
    path = store.find("c0ffee", "v-1")
    assert path is not None
    samples, _ = soundfile.read(path)
    loud = np.abs(samples[:, 0]).reshape(4, -1).max(axis=1) > 0
    assert loud.tolist() == [False, True, False, True]


def test_it_can_be_drawn(tmp_path: Path) -> None:
    store = evidence(tmp_path)
    store.keep("c0ffee", clip())
    drawn = store.waveform("c0ffee", "v-1")
    assert drawn is not None
    assert (drawn.start, drawn.seconds) == (5.0, 2.0)
    assert drawn.peaks["agent"] == [pytest.approx(0.5, abs=0.02)] * 40
    assert max(drawn.peaks["customer"]) < 0.001


def test_there_is_nothing_where_nothing_was_kept(tmp_path: Path) -> None:
    store = evidence(tmp_path)
    assert store.find("c0ffee", "v-9") is None
    assert store.waveform("c0ffee", "v-9") is None


@pytest.mark.parametrize("name", ["..", "../secret", "a/b", "", "a" * 65, "v\0"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no such clip"):
        evidence(tmp_path).find(name, "v-1")


def test_the_old_go_by_days_and_the_oldest_by_bytes(tmp_path: Path) -> None:
    store = evidence(tmp_path, days=1)
    for number, age in enumerate((100_000, 50_000, 100)):
        store.keep("c0ffee", clip(f"v-{number}"))
        path = store.find("c0ffee", f"v-{number}")
        assert path is not None
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
        size = path.stat().st_size
    assert store.expire(1_000_000) == 1
    small = evidence(tmp_path, days=1, most=size)
    assert small.expire(1_000_000) == 1
    assert [small.find("c0ffee", f"v-{n}") is None for n in range(3)] == [True, True, False]


def test_a_clip_that_holds_nothing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no audio"):
        evidence(tmp_path).keep("c0ffee", Clip("v-1", 5.0, "mulaw", RATE, {"agent": b"", "customer": b""}, {}))
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("how", ["empty", "cut", "other", "no comment"])
def test_a_file_that_is_no_clip_any_more_says_so(tmp_path: Path, how: str) -> None:
    store = evidence(tmp_path)
    store.keep("c0ffee", clip())
    path = store.find("c0ffee", "v-1")
    assert path is not None
    whole = path.read_bytes()
    if how == "no comment":
        soundfile.write(path, np.zeros(RATE), RATE)
    else:
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "other": b"\0" * 5000}[how])
    with pytest.raises(ClipDamaged, match="v-1 in call c0ffee"):
        store.waveform("c0ffee", "v-1")


def test_folders_go_with_their_last_clip_and_what_a_dead_service_was_writing_after_a_minute(tmp_path: Path) -> None:
    store = evidence(tmp_path, days=1)
    for call in ("old", "young"):
        store.keep(call, clip())
    now = 2_000_000.0
    written = {"old": now - 100_000, "young": now}
    for call, at in written.items():
        path = store.find(call, "v-1")
        assert path is not None
        os.utime(path, (at, at))
    for name, age in (("old/v-2", UNFINISHED + 1), ("young/v-2", UNFINISHED - 1)):
        part = tmp_path / "evidence" / f"{name}.part"
        part.write_bytes(b"half")
        os.utime(part, (now - age, now - age))
    assert store.expire(now) == 1
    left = sorted(str(path.relative_to(tmp_path / "evidence")) for path in (tmp_path / "evidence").rglob("*"))
    assert left == ["young", "young/v-1.flac", "young/v-2.part"]


def test_a_clip_is_written_though_its_folder_is_tidied_up_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, real, tidied = evidence(tmp_path), os.fsync, list[int]()

    def fsync(file: int) -> None:
        real(file)
        if not tidied:
            tidied.append(file)
            store.tidy(float("inf"))

    monkeypatch.setattr(os, "fsync", fsync)
    store.keep("c0ffee", clip())
    assert store.find("c0ffee", "v-1") is not None
