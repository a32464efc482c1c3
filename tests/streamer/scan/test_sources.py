"""What paths, folders, patterns and addresses name."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from streamer.errors import RecordingError, ScanError
from streamer.scan.sources import NOT_REGULAR, Listing, Source, digest, find


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


def names(listing: Listing, below: Path) -> list[str]:
    return [str(Path(source.name).relative_to(below)) for source in listing.sources]


class TestPaths:
    def test_a_folder_is_the_recordings_below_it(self, folder: Path) -> None:
        assert names(find([str(folder)]), folder) == ["a.wav", "deep/b.MP3", "deep/c.ulaw"]

    def test_a_file_is_taken_whatever_its_name(self, folder: Path) -> None:
        (found,) = find([str(folder / "notes.txt")]).sources
        assert (found.size, found.name) == (9, str(folder / "notes.txt"))
        assert found.written_at is not None

    def test_a_pattern_is_what_it_matches(self, folder: Path) -> None:
        assert names(find([f"{folder}/*/*.[mu]*", f"{folder}/deep/*.MP3"]), folder) == ["deep/b.MP3", "deep/c.ulaw"]

    def test_a_name_with_a_bracket_is_a_name_first(self, folder: Path) -> None:
        (folder / "call [1].wav").touch()
        assert names(find([str(folder / "call [1].wav")]), folder) == ["call [1].wav"]

    def test_each_is_found_once(self, folder: Path) -> None:
        assert len(find([str(folder), str(folder / "a.wav"), f"{folder}/*.wav"]).sources) == 4

    @pytest.mark.parametrize("name", ["nowhere.wav", "deep/..", "nul\0.wav"])
    def test_what_is_not_there_is_told_by_name(self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "empty").mkdir()
        monkeypatch.chdir(folder / "empty")
        with pytest.raises(ScanError) as told:
            find([name])
        assert told.value.name == name

    @pytest.mark.parametrize("name", ["nowhere/*.wav", "empty", ""])
    def test_what_holds_nothing_ends_nothing(self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "bare" / "empty").mkdir(parents=True)
        monkeypatch.chdir(folder / "bare")
        listing = find([name, str(folder / "a.wav")])
        assert (listing.empty, len(listing.sources)) == ([name], 1)

    def test_what_it_holds_is_named_by_its_digest(self, folder: Path) -> None:
        (source,) = find([str(folder / "a.wav")]).sources
        with source.open() as file:
            assert digest(file) == hashlib.sha256(b"a.wav").hexdigest()
            assert file.read() == b"a.wav"

    def test_a_file_that_is_gone_is_told_when_it_is_opened(self, folder: Path) -> None:
        (source,) = find([str(folder / "a.wav")]).sources
        (folder / "a.wav").unlink()
        with pytest.raises(RecordingError, match="no such file"), source.open():
            pass


class TestWhatFoldersHold:
    """Nothing in a folder is left out without a word, and nothing in it can stop or hang a scan."""

    def test_what_is_left_out_is_known(self, folder: Path) -> None:
        for name in ("b.raw", "c.pcm", "d.sln192", "e.wav.1", "F.WAVE", "g.sln48", "h.WAV.12.3", "i.1"):
            (folder / name).write_bytes(b"\x7f" * 10)
        listing = find([str(folder)])
        assert [Path(name).name for name in listing.skipped] == ["b.raw", "c.pcm", "i.1", "notes.txt"]
        assert {"d.sln192", "e.wav.1", "F.WAVE", "g.sln48", "h.WAV.12.3"} <= set(names(listing, folder))
        assert {"b.raw", "c.pcm"} <= set(names(find([str(folder)], ambiguous=True), folder))

    @pytest.mark.parametrize("beginning", [b"RIFF\x24\0\0\0WAVEfmt ", b"fLaC\0\0\0\x22", b"OggS\0\2", b"ID3\4\0"])
    def test_a_name_that_says_nothing_is_looked_into(self, tmp_path: Path, beginning: bytes) -> None:
        (tmp_path / "call-0001").write_bytes(beginning)
        (tmp_path / "call-0002").write_bytes(b"dear diary")
        listing = find([str(tmp_path)])
        assert names(listing, tmp_path) == ["call-0001"]
        assert listing.skipped == [str(tmp_path / "call-0002")]

    def test_linked_folders_are_followed_once_and_loops_end(self, folder: Path, tmp_path_factory: Any) -> None:
        other = tmp_path_factory.mktemp("other")
        (other / "x.wav").write_bytes(b"x")
        (other / "back").symlink_to(folder)
        (folder / "linked").symlink_to(other)
        (folder / "again").symlink_to(folder / "deep")
        (folder / "self").symlink_to(folder)
        (folder / "loop").symlink_to(folder / "loop")
        assert names(find([str(folder)]), folder) == ["a.wav", "deep/b.MP3", "deep/c.ulaw", "linked/x.wav"]

    def test_a_folder_that_cannot_be_listed_is_an_error(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # Who runs the tests may be allowed to read everything.
        scandir = os.scandir

        def refused(path: Any) -> Any:
            if Path(path).name == "deep":
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refused)
        first, second = find([str(folder)]).sources
        assert (Path(first.name).name, Path(second.name).name) == ("a.wav", "deep")
        with pytest.raises(RecordingError, match="can't be listed: permission denied"), second.open():
            pass

    @pytest.mark.parametrize("kind", ["pipe", "socket", "device", "broken link", "folder"])
    def test_what_is_no_file_is_an_error_and_never_waits(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "x.wav"
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "socket":
                with socket.socket(socket.AF_UNIX) as one:
                    one.bind(str(path))
            case "device":
                path.symlink_to("/dev/zero")
            case "broken link":
                path.symlink_to("nowhere")
            case "folder":
                path.mkdir()
        named = [] if kind == "folder" else find([str(tmp_path)]).sources
        for source in [*named, Source(str(path), 0, None)]:
            with pytest.raises(RecordingError), source.open():
                pass

    def test_a_file_that_becomes_a_pipe_never_waits(self, folder: Path) -> None:
        (source,) = find([str(folder / "a.wav")]).sources
        (folder / "a.wav").unlink()
        os.mkfifo(folder / "a.wav")
        with pytest.raises(RecordingError, match=NOT_REGULAR), source.open():
            pass

    def test_names_of_any_bytes_are_read(self, tmp_path: Path) -> None:
        name = os.path.join(os.fsencode(tmp_path), b"\xb5\xe7\xbb\xb0.wav")
        with open(name, "wb") as file:
            file.write(b"sound")
        (source,) = find([str(tmp_path)]).sources
        assert os.fsencode(source.name) == name
        with source.open() as opened:
            assert opened.read() == b"sound"


class TestObjectStores:
    def test_a_folder_is_the_recordings_below_it(self, store: str) -> None:
        assert [one.name for one in find([store]).sources] == ["memory:///calls/a.wav", "memory:///calls/deep/b.mp3"]

    def test_a_pattern_is_what_it_matches(self, store: str) -> None:
        assert [one.name for one in find([f"{store}/*/*.mp3"]).sources] == ["memory:///calls/deep/b.mp3"]

    def test_a_file_can_be_read_from_any_place(self, store: str) -> None:
        (found,) = find([f"{store}/a.wav"]).sources
        assert found.size == len("/calls/a.wav")
        assert found.written_at is not None
        with found.open() as file:
            assert digest(file) == hashlib.sha256(b"/calls/a.wav").hexdigest()
            file.seek(7)
            assert file.read() == b"a.wav"

    @pytest.mark.parametrize("name", ["memory://nowhere/a.wav", "memory://nowhere"])
    def test_what_is_not_there_is_told_by_name(self, store: str, name: str) -> None:
        with pytest.raises(ScanError, match="memory"):
            find([name])

    def test_what_is_left_out_and_what_matches_nothing_is_known(self, store: str) -> None:
        listing = find([store, "memory://calls/*.xyz"])
        assert listing.skipped == ["memory:///calls/notes.txt"]
        assert listing.empty == ["memory://calls/*.xyz"]
        assert [source.below for source in listing.sources] == ["a.wav", "b.mp3"]

    def test_a_pipe_behind_an_address_is_an_error_too(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "x.wav")
        (found,) = find([f"file://{tmp_path}/x.wav"]).sources
        with pytest.raises(RecordingError, match=NOT_REGULAR), found.open():
            pass

    def test_a_store_that_nobody_knows_is_told(self) -> None:
        with pytest.raises(ScanError, match="nosuch"):
            find(["nosuch://bucket/a.wav"])

    def test_a_store_whose_package_is_missing_says_which(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
        with pytest.raises(ScanError, match="s3fs"):
            find(["s3://bucket/a.wav"])

    def test_what_is_gone_is_told_when_it_is_opened(self, store: str) -> None:
        (found,) = find([f"{store}/a.wav"]).sources
        fsspec.filesystem("memory").rm("/calls/a.wav")
        with pytest.raises(RecordingError), found.open():
            pass
