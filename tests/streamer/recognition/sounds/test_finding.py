"""Which head a Whisper gets: its own, one that ships, or none; and never another's."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from lexicon.pronunciation import inventory
from streamer.errors import ModelDamaged
from streamer.recognition.sounds import form
from streamer.recognition.sounds.finding import described, find, find_all
from tests import heads


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A Whisper's; of its weights only the digest matters here."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "model.bin").write_bytes(b"weights")
    return directory


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    (tmp_path / "shipped").mkdir()
    return tmp_path / "shipped"


def put(
    file: Path, weights: bytes, language: str = "zh", whisper: str = "base", units: tuple[str, ...] | None = None
) -> None:
    units = units or inventory(language) or heads.UNITS
    about = heads.about(language, hashlib.sha256(weights).hexdigest(), units=units)
    form.write(file, heads.arrays(units=units), replace(about, whisper=whisper))


class TestAHead:
    def test_is_the_one_for_the_language_and_these_weights(self, directory: Path, shipped: Path) -> None:
        put(shipped / "base.zh.npz", b"weights")
        put(shipped / "another.zh.npz", b"other weights")
        put(shipped / "base.en.npz", b"weights", "en")
        for language in ("zh", "en"):
            found = find(directory, language, shipped)
            assert found is not None
            assert (found.about.language, found.about.sha256) == (language, hashlib.sha256(b"weights").hexdigest())

    def test_is_none_for_another_language_or_other_weights(self, directory: Path, shipped: Path) -> None:
        put(shipped / "base.zh.npz", b"weights")
        assert find(directory, "en", shipped) is None
        (directory / "model.bin").write_bytes(b"other weights")
        assert find(directory, "zh", shipped) is None

    def test_beside_the_weights_goes_before_those_that_ship(self, directory: Path, shipped: Path) -> None:
        put(shipped / "base.zh.npz", b"weights")
        put(directory / "sounds.zh.npz", b"weights", whisper="ours")
        found = find(directory, "zh", shipped)
        assert found is not None
        assert found.about.whisper == "ours"

    @pytest.mark.parametrize(("weights", "language"), [(b"other weights", "zh"), (b"weights", "en")])
    def test_beside_weights_that_it_was_not_trained_for_is_an_error(
        self, directory: Path, shipped: Path, weights: bytes, language: str
    ) -> None:
        put(directory / "sounds.zh.npz", weights, language)
        with pytest.raises(ModelDamaged, match=rf"sounds\.zh\.npz: reads {language} off another model\.bin"):
            find(directory, "zh", shipped)

    @pytest.mark.parametrize("place", ["model/sounds.en.npz", "shipped/base.en.npz"])
    @pytest.mark.usefixtures("shipped")
    def test_of_other_sounds_than_are_known_here_is_an_error(self, directory: Path, place: str) -> None:
        put(directory.parent / place, b"weights", "en", units=heads.UNITS)
        with pytest.raises(ModelDamaged, match="tells other sounds apart than this version of Huazha knows"):
            find(directory, "en", directory.parent / "shipped")


class TestHeads:
    def test_are_all_that_belong_to_a_whisper(self, directory: Path, shipped: Path) -> None:
        assert find_all(directory, shipped) == {}
        put(shipped / "small.zh.npz", b"other weights")
        put(shipped / "base.en.npz", b"weights", "en")
        put(directory / "sounds.zh.npz", b"weights", whisper="ours")
        assert {language: head.about.whisper for language, head in find_all(directory, shipped).items()} == {
            "en": "base",
            "zh": "ours",
        }

    def test_are_told_of_by_language(self) -> None:
        assert (
            described(["zh", "en"])
            == "terms are found by their sound and in text in en (in scans), zh; elsewhere in text only"
        )
        assert described([]) == "terms are found in text only, since there is no head that reads sounds"
