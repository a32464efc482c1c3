"""Voices that speak for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamer.recognition.sounds.training.voices import kokoro


@pytest.fixture
def styles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Styles that say whose they are: each number is its voice's."""
    monkeypatch.setattr(kokoro, "find_spec", lambda _: True)
    for number, name in enumerate(
        ("af_sarah", "am_adam", "bf_lily", "zf_xiaobei", "zf_xiaoni", "zm_yunxi", "zm_yunyang")
    ):
        np.full((510, 256), number, dtype=np.float32).tofile(tmp_path / f"{name}.bin")
    return tmp_path


def test_what_is_held_back_is_in_no_mixture(styles: Path) -> None:
    free, held = kokoro.find("zh", styles)
    assert (free.held, held.held) == (False, True)
    assert set(held.styles) == {"zf_xiaoni", "zm_yunxi"}
    assert not set(held.styles) & set(free.styles)


def test_a_language_without_voices_has_none(styles: Path, tmp_path: Path) -> None:
    assert not kokoro.find("fr", styles)
    assert not kokoro.find("zh", None)
    assert not kokoro.find("zh", tmp_path / "nowhere")


def test_speaking_is_mixed_of_the_language_alone(styles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers below 3 are English voices': they may colour the sound, not the way of speaking."""
    said: list[kokoro.Style] = []
    monkeypatch.setattr(kokoro._Model, "say", lambda _, __, style, ___: said.append(style))
    free, _ = kokoro.find("zh", styles)
    rng = np.random.default_rng(1)
    for _ in range(50):
        free.say("你好", rng)
    assert all((style[:, kokoro.TIMBRE :] >= 3 - 1e-5).all() for style in said)
    assert any((style[:, : kokoro.TIMBRE] < 3).all() for style in said)
