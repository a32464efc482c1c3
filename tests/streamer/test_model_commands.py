"""What `huazha model list` says of languages whose terms are found by their sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexicon.pronunciation import inventory
from streamer.model_commands import heard_by_sound
from streamer.recognition.sounds import finding, form
from tests import heads


@pytest.fixture
def here(tmp_path: Path) -> dict[str, Path | None]:
    """Two models with a head each, one without, and one that is not on this machine."""
    for name, languages in (("bilingual", "zh en"), ("english", "en"), ("plain", "")):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "model.bin").write_text(name)
        for language in languages.split():
            units = inventory(language) or ()
            about = heads.about(language, finding.whisper_sha256(directory), units=units)
            form.write(directory / f"sounds.{language}.npz", heads.arrays(inner=2, units=units), about)
    return {name: tmp_path / name for name in ("bilingual", "english", "plain")} | {"elsewhere": None}


@pytest.mark.parametrize(
    ("model", "models", "languages"),
    [
        ("bilingual", {}, ["en", "zh"]),
        ("plain", {}, []),
        ("bilingual", {"en": "plain"}, ["zh"]),
        ("plain", {"en": "english", "zh": "english"}, ["en"]),
        ("elsewhere", {"zh": "bilingual"}, ["zh"]),
    ],
)
def test_a_language_is_heard_by_the_head_of_the_model_that_hears_it(
    here: dict[str, Path | None], model: str, models: dict[str, str], languages: list[str]
) -> None:
    assert heard_by_sound(model, models, here) == languages
