"""Training from beginning to end, as far as it goes without the extra `train`."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import TrainingError
from streamer.recognition.sounds.training import pipeline
from streamer.recognition.sounds.training.pipeline import Options


def options(root: Path, language: str = "zh") -> Options:
    return Options(language, "base", root, 0.0, None, (), 1)


def trained(chosen: Options) -> str:
    return pipeline.train(chosen, chosen.root / "out.npz", "huazha model train-sounds", lambda *_: None)


def test_a_language_whose_sounds_are_not_known_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="fr: its sounds are not known"):
        trained(options(tmp_path, "fr"))


def test_packages_that_are_not_installed_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "NEEDED", ("numpy", "no_such_package"))
    with pytest.raises(TrainingError, match=r"^no_such_package: not installed"):
        trained(options(tmp_path))


def test_training_on_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "NEEDED", ())
    with pytest.raises(TrainingError, match="give hours of synthetic speech, recordings, or both"):
        trained(options(tmp_path))
