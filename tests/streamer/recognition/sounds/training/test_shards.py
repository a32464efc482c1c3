"""Shards of a stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamer.errors import TrainingError
from streamer.recognition.sounds.training.shards import Row, Stage

ROWS = [Row(0, 0, "你好", (223, 105), "one", "CC0-1.0", False), Row(0, 0, "再见", (380, 136), "two", "CC0-1.0", True)]
PARTS = [np.arange(6, dtype=np.float16).reshape(3, 2), np.ones((2, 2), dtype=np.float16)]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "states", {"seed": 1})
    stage.write(4, PARTS, ROWS)
    read = list(stage.read(4))
    assert [(row.start, row.length) for row, _ in read] == [(0, 3), (3, 2)]
    assert [(row.text, row.units, row.voice, row.held) for row, _ in read] == [
        ("你好", (223, 105), "one", False),
        ("再见", (380, 136), "two", True),
    ]
    for part, (_, array) in zip(PARTS, read, strict=True):
        assert np.array_equal(part, array)


def test_other_options_have_another_folder(tmp_path: Path) -> None:
    one, again, two = (Stage(tmp_path, "states", {"seed": seed}) for seed in (1, 1, 2))
    one.write(0, PARTS, ROWS)
    assert again.has(0)
    assert not two.has(0)
    assert '"seed": 1' in (one.folder / "manifest.json").read_text()


def test_a_shard_that_was_cut_short_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed after the array is in its place, and before what it holds is said."""
    stage = Stage(tmp_path, "states", {})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", _killed)
        with pytest.raises(KeyboardInterrupt):
            stage.write(0, PARTS, ROWS)
    assert not stage.has(0)
    stage.write(0, PARTS, ROWS)
    assert len(list(stage.read(0))) == 2


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "states", {})
    stage.write(0, PARTS, ROWS)
    (stage.folder / "00000.json").write_text("[{")
    with pytest.raises(TrainingError, match=r"00000.json: can't be read"):
        list(stage.read(0))


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
