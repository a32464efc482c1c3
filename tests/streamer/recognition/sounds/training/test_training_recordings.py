"""Recorded speech of people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lexicon.pronunciation import pronounce
from streamer.errors import TrainingError
from streamer.recognition.sounds.training import recordings
from streamer.recognition.sounds.training.augment import RATE
from streamer.recognition.sounds.training.recordings import Plan

TEXT = "今天天气很好"
HELD = next(name for name in map(str, range(100)) if recordings.is_held(name))
FREE = next(name for name in map(str, range(100)) if not recordings.is_held(name))


def folder(place: Path, *lines: tuple[str, ...]) -> Path:
    place.mkdir()
    sound = np.sin(np.arange(22_050 * 2) / 10) * 0.2
    soundfile.write(place / "one.wav", np.stack([sound, sound], axis=1), 22_050)
    (place / "recordings.tsv").write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return place


def test_speakers_are_held_back_as_a_whole(tmp_path: Path) -> None:
    lines = [("one.wav", TEXT, name, "CC0-1.0") for name in (HELD, FREE, HELD)]
    people = folder(tmp_path / "people", *lines)
    held, free = (Plan(tmp_path, "zh", 1, people, held) for held in (True, False))
    assert [one.speaker for one in recordings.listed(held)] == [HELD, HELD]
    assert [one.speaker for one in recordings.listed(free)] == [FREE]
    assert held.shards == free.shards == 1


def test_a_recording_becomes_an_utterance(tmp_path: Path) -> None:
    plan = Plan(tmp_path, "zh", 1, folder(tmp_path / "people", ("one.wav", TEXT, FREE, "CC0-1.0")), False)
    recordings.read(plan, 0)
    ((row, samples),) = plan.stage.read(0)
    assert row.units == pronounce(TEXT, "zh")[0]
    assert (row.voice, row.licence, row.held) == (f"people:{FREE}", "CC0-1.0", False)
    assert len(samples) == pytest.approx(2 * RATE, abs=2)


@pytest.mark.parametrize("text", ["今天买3个苹果", "今天买 iPhone 手机", "好"])
def test_what_nobody_knows_the_sound_of_is_left_out(tmp_path: Path, text: str) -> None:
    plan = Plan(tmp_path, "zh", 1, folder(tmp_path / "people", ("one.wav", text, FREE, "CC0-1.0")), False)
    recordings.read(plan, 0)
    assert not plan.stage.rows(0)


def test_what_is_wrong_with_a_table_is_told(tmp_path: Path) -> None:
    short = folder(tmp_path / "short", ("one.wav", TEXT, FREE, "CC0-1.0"), ("one.wav", TEXT))
    with pytest.raises(TrainingError, match=r"recordings.tsv:2: has 2 columns"):
        recordings.listed(Plan(tmp_path, "zh", 1, short, False))
    absent = folder(tmp_path / "absent", ("two.wav", TEXT, FREE, "CC0-1.0"))
    with pytest.raises(TrainingError, match=r"two.wav: can't be read"):
        recordings.read(Plan(tmp_path, "zh", 1, absent, False), 0)
    with pytest.raises(TrainingError, match="can't be read"):
        recordings.listed(Plan(tmp_path, "zh", 1, tmp_path / "nowhere", False))
