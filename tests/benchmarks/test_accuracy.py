"""Which sets of people are measured beside the calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy import sets_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Calls, two sets of people, one without its lexicon, and a lexicon of nothing."""
    for name in ("zh", "human_zh", "human_en", "lacking"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.json").write_text("[]", encoding="utf-8")
    for name in ("human_zh", "human_en", "other"):
        (tmp_path / f"{name}.yaml").write_text("", encoding="utf-8")
    return tmp_path


def test_all_are_that_have_a_lexicon_beside_them(folder: Path) -> None:
    assert [path.name for path in sets_of(folder, None)] == ["human_en", "human_zh"]


def test_those_that_are_named_are_and_none_where_none_is(folder: Path) -> None:
    assert sets_of(folder, ["human_zh"]) == [folder / "human_zh"]
    assert sets_of(folder, []) == []


@pytest.mark.parametrize("name", ["lacking", "other", "zh"])
def test_what_is_named_and_is_no_such_set_is_a_mistake(folder: Path, name: str) -> None:
    with pytest.raises(SystemExit, match=name):
        sets_of(folder, ["human_zh", name])
