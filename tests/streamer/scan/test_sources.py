"""What paths, folders, patterns and addresses name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from streamer.errors import RecordingError, ScanError
from streamer.scan.sources import Source, digest, find


@pytest.fixture
def store() -> Iterator[str]:
    """An object store in memory, through fsspec as any other."""
    memory = fsspec.filesystem("memory")
    for name in ("/calls/a.wav", "/calls/deep/b.mp3", "/calls/notes.txt", "/calls/.hidden.wav"):
        memory.pipe(name, name.encode())
    yield "memory://calls"
    memory.rm("/calls", recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "deep/b.MP3", "deep/c.ulaw", "notes.txt", ".hidden/d.wav", "._a.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def names(sources: list[Source], below: Path) -> list[str]:
    return [str(Path(source.name).relative_to(below)) for source in sources]


class TestPaths:
    def test_a_folder_is_the_recordings_below_it(self, folder: Path) -> None:
        assert names(find([str(folder)]), folder) == ["a.wav", "deep/b.MP3", "deep/c.ulaw"]

    def test_a_file_is_taken_whatever_its_name(self, folder: Path) -> None:
        (found,) = find([str(folder / "notes.txt")])
        assert (found.size, found.name) == (9, str(folder / "notes.txt"))
        assert found.written_at is not None

    def test_a_pattern_is_what_it_matches(self, folder: Path) -> None:
        assert names(find([f"{folder}/*/*.[mu]*", f"{folder}/deep/*.MP3"]), folder) == ["deep/b.MP3", "deep/c.ulaw"]

    def test_a_name_with_a_bracket_is_a_name_first(self, folder: Path) -> None:
        (folder / "call [1].wav").touch()
        assert names(find([str(folder / "call [1].wav")]), folder) == ["call [1].wav"]

    def test_each_is_found_once(self, folder: Path) -> None:
        assert len(find([str(folder), str(folder / "a.wav"), f"{folder}/*.wav"])) == 4

    @pytest.mark.parametrize("name", ["nowhere.wav", "nowhere/*.wav", "", "deep/.."])
    def test_nothing_is_told_by_name(self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "empty").mkdir()
        monkeypatch.chdir(folder / "empty")
        with pytest.raises(ScanError) as told:
            find([name])
        assert told.value.name == name

    def test_what_it_holds_is_named_by_its_digest(self, folder: Path) -> None:
        (source,) = find([str(folder / "a.wav")])
        with source.open() as file:
            assert digest(file) == hashlib.sha256(b"a.wav").hexdigest()
            assert file.read() == b"a.wav"

    def test_a_file_that_is_gone_is_told_when_it_is_opened(self, folder: Path) -> None:
        (source,) = find([str(folder / "a.wav")])
        (folder / "a.wav").unlink()
        with pytest.raises(RecordingError, match="no such file"), source.open():
            pass


class TestObjectStores:
    def test_a_folder_is_the_recordings_below_it(self, store: str) -> None:
        assert [one.name for one in find([store])] == ["memory:///calls/a.wav", "memory:///calls/deep/b.mp3"]

    def test_a_pattern_is_what_it_matches(self, store: str) -> None:
        assert [one.name for one in find([f"{store}/*/*.mp3"])] == ["memory:///calls/deep/b.mp3"]

    def test_a_file_can_be_read_from_any_place(self, store: str) -> None:
        (found,) = find([f"{store}/a.wav"])
        assert found.size == len("/calls/a.wav")
        assert found.written_at is not None
        with found.open() as file:
            assert digest(file) == hashlib.sha256(b"/calls/a.wav").hexdigest()
            file.seek(7)
            assert file.read() == b"a.wav"

    @pytest.mark.parametrize("name", ["memory://nowhere/a.wav", "memory://nowhere", "memory://calls/*.xyz"])
    def test_nothing_is_told_by_name(self, store: str, name: str) -> None:
        with pytest.raises(ScanError, match="memory"):
            find([name])

    def test_a_store_that_nobody_knows_is_told(self) -> None:
        with pytest.raises(ScanError, match="nosuch"):
            find(["nosuch://bucket/a.wav"])

    def test_a_store_whose_package_is_missing_says_which(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
        with pytest.raises(ScanError, match="s3fs"):
            find(["s3://bucket/a.wav"])

    def test_what_is_gone_is_told_when_it_is_opened(self, store: str) -> None:
        (found,) = find([f"{store}/a.wav"])
        fsspec.filesystem("memory").rm("/calls/a.wav")
        with pytest.raises(RecordingError), found.open():
            pass
