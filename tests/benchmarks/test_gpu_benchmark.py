"""What `benchmarks.gpu` does, as far as that shows without a GPU, and what it says where there is none."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import ahocorasick_rs
import numpy as np
import pytest
from rich.console import Console

from benchmarks import bearable, gpu, throughput
from benchmarks.bearable import Most, Probe, most
from benchmarks.capacity import violations
from benchmarks.gpu_report import Measured, calls_table, difference, fastest, rates_table
from benchmarks.gpu_steps import lines
from streamer import settings
from streamer.audio import SAMPLE_RATE
from streamer.recognition.cuda import LIBRARY

FAR = time.monotonic() + 10_000_000


def library(file: Path) -> Path:
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def measured(batch: int, hurried: float, took: float, model: str = "base") -> Measured:
    return Measured(model, "float16", 2, batch, 50.0, 0.1, hurried, took, 5.0, 4.0, 0.0)


class TestPackages:
    def test_that_are_missing_are_named_as_the_project_has_them(self, tmp_path: Path) -> None:
        project = tmp_path / "pyproject.toml"
        project.write_text(
            '[project]\ndependencies = ["numpy>=2.0", "no-such-package[extra]>=1"]\n'
            '[project.optional-dependencies]\nmodels = ["no-such-weights==1.0"]\n'
        )
        assert gpu.lacking(project, ["base"]) == ["no-such-package[extra]>=1", "no-such-weights==1.0"]
        assert gpu.lacking(project, ["/models/turbo"]) == ["no-such-package[extra]>=1"]

    def test_are_all_here(self) -> None:
        assert gpu.lacking(gpu.ROOT / "pyproject.toml", ["base"]) == []

    def test_of_another_python_are_looked_through_as_well(self) -> None:
        assert gpu.sites(None) == sys.path
        more = gpu.sites(sys.executable)
        assert more[: len(sys.path)] == sys.path
        assert any(site.endswith("site-packages") for site in more[len(sys.path) :])
        with pytest.raises(SystemExit, match="--torch-python /no/python can't be asked"):
            gpu.sites("/no/python")


class TestLibraries:
    @pytest.fixture(autouse=True)
    def _no_toolkit(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("streamer.recognition.cuda.TOOLKITS", f"{tmp_path}/toolkit*")
        monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)

    def test_of_the_wanted_version_are_where_the_loader_will_look(self, tmp_path: Path) -> None:
        found = library(tmp_path / "site" / "nvidia" / "cublas" / "lib" / LIBRARY)
        library(tmp_path / "site" / "nvidia" / "cu13" / "lib" / "libcublas.so.13")
        beside = library(tmp_path / "site" / "nvidia" / "cudnn" / "lib" / "libcudnn.so.9")
        environment, told = gpu.provide([f"{tmp_path}/site"], tmp_path)
        assert environment == {"LD_LIBRARY_PATH": f"{found.parent}:{beside.parent}"}
        assert told == str(found)

    def test_of_another_version_stand_in_under_the_wanted_name_and_that_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LD_LIBRARY_PATH", "/before")
        library(tmp_path / "site" / "nvidia" / "cublas" / "lib" / "libcublas.so.9")
        found = library(tmp_path / "site" / "nvidia" / "cu13" / "lib" / "libcublas.so.13")
        for _ in range(2):
            environment, told = gpu.provide([f"{tmp_path}/site"], tmp_path)
        assert environment == {"LD_LIBRARY_PATH": f"{tmp_path}:{found.parent}:/before"}
        assert (tmp_path / LIBRARY).resolve() == found
        assert "nobody vouches for" in told

    def test_that_stand_in_are_what_a_process_gets_that_opens_the_wanted_name(self, tmp_path: Path) -> None:
        # Of no use to multiply with, but a library.
        found = library(tmp_path / "site" / "nvidia" / "cu13" / "lib" / "libcublas.so.13")
        shutil.copyfile(str(ahocorasick_rs.ahocorasick_rs.__file__), found)
        environment, _ = gpu.provide([f"{tmp_path}/site"], tmp_path)
        opened = f"import ctypes; ctypes.CDLL({LIBRARY!r}); print(open('/proc/self/maps').read())"
        done = subprocess.run(
            [sys.executable, "-c", opened], env=environment, capture_output=True, text=True, check=True
        )
        assert str(found) in done.stdout

    def test_that_are_nowhere_are_left_to_the_loader(self, tmp_path: Path) -> None:
        assert gpu.provide([f"{tmp_path}/site"], tmp_path) == ({}, f"whatever the loader finds as {LIBRARY}")


class TestTheSearch:
    """Against a service that bears so many calls, and no more."""

    def probed(self, at_once: int, fault: str = "", blocked: int = 9) -> Probe:
        return Probe(at_once, fault, 0.5, 0.9, blocked, 10, 0, 0.0, 1.0, 0.5, 0.0, 60.0)

    async def found(
        self, capacity: int, first: int, limit: int, probes: int = 100, blocked: int = 9
    ) -> tuple[Most, list[tuple[int, int, float]]]:
        asked: list[tuple[int, int, float]] = []

        async def attempt(at_once: int, rounds: int, share: float) -> Probe:
            asked.append((at_once, rounds, share))
            if len(asked) > probes:
                raise TimeoutError
            return self.probed(at_once, "" if at_once <= capacity else "late", blocked)

        return await most(attempt, 2, first, limit), asked

    @pytest.mark.parametrize("capacity", [1, 2, 7, 16, 23, 63])
    @pytest.mark.parametrize("first", [1, 2, 16])
    async def test_finds_the_exact_number(self, capacity: int, first: int) -> None:
        answer, asked = await self.found(capacity, first, 64)
        assert answer == Most(capacity, capacity + 1, cut=False)
        assert str(answer) == str(capacity)
        assert [at_once for at_once, _, _ in asked][:2] == [1, max(first, 2)]

    async def test_stops_at_the_most_it_may_try(self) -> None:
        answer, asked = await self.found(1000, 16, 64)
        assert str(answer) == "64 or more"
        assert [at_once for at_once, _, _ in asked] == [1, 16, 32, 64]

    async def test_asks_for_as_much_as_one_call_by_itself_had_blocked(self) -> None:
        _, asked = await self.found(64, 16, 64)
        assert [share for _, _, share in asked] == [0.0, 0.9, 0.9, 0.9]

    async def test_believes_that_it_is_too_late_only_when_that_shows_again_in_more_calls(self) -> None:
        _, asked = await self.found(20, 16, 32)
        (first, few), (again, many) = [(at_once, rounds) for at_once, rounds, _ in asked if at_once == 32]
        assert (first, again, many) == (32, 32, 2 * few)

    async def test_keeps_what_it_knows_when_the_time_is_up(self) -> None:
        assert str((await self.found(1000, 16, 256, probes=3))[0]) == "32 or more (time was up)"
        # One, sixteen, thirty-two twice, twenty-four, and no more time.
        assert str((await self.found(30, 16, 256, probes=5))[0]) == "24, fewer than 32 (time was up)"
        assert str((await self.found(30, 16, 256, probes=0))[0]) == "not known, for want of time"

    async def test_is_over_where_one_call_is_too_many_or_nothing_is_found(self) -> None:
        assert str((await self.found(0, 16, 64))[0]) == "none"
        assert str((await self.found(64, 16, 64, blocked=0))[0]) == "none"


class TestBundledCalls:
    def test_hold_what_must_be_blocked_within_them(self) -> None:
        takes = bearable.bundled()
        assert violations(takes) == 3
        assert all(take.call.path.exists() for take in takes)
        assert all(mark.end < take.recording.duration for take in takes for mark in take.call.marks)

    def test_make_windows_that_are_spoken_in_and_all_different(self) -> None:
        leg = throughput.leg("zh")
        looks = throughput.windows(leg, "zh", length=3.0, step=0.25)
        spoken = throughput.spoken(looks)
        assert 20 < len(spoken) < len(looks)
        assert {len(look.audio) for look in looks} == {3 * SAMPLE_RATE}
        assert len({look.audio.tobytes() for look in looks}) == len(looks)
        silence = throughput.windows(np.zeros_like(leg), "zh", length=3.0, step=0.25)
        assert throughput.spoken([*silence, *spoken]) == spoken


class TestAService:
    def test_is_told_where_to_compute_and_takes_all_calls(self, tmp_path: Path) -> None:
        fields: dict[str, str | int] = {
            "device": "cuda",
            "device_index": 0,
            "compute_type": "float16",
            "workers": 2,
            "max_batch": 16,
        }
        read = settings.load(bearable.settings(tmp_path, fields, 256), {})
        assert (read.device, read.compute_type, read.workers, read.max_batch) == ("cuda", "float16", 2, 16)
        assert (read.limits.max_calls or 0) > 256


class TestWhatFollows:
    def test_the_fastest_is_what_keeps_calls_in_time(self) -> None:
        rates = [measured(4, 100.0, 0.08), measured(16, 200.0, 0.16), measured(64, 220.0, 1.2)]
        assert fastest(rates, "base", 1.5) is rates[1]
        assert fastest(rates, "base", 3.0) is rates[2]
        assert fastest(rates[2:], "base", 1.5) is rates[2]
        assert fastest(rates, "large-v3", 1.5) is None

    def test_texts_differ_by_characters_of_one_language_and_words_of_the_other(self) -> None:
        exact = {"zh": "保本保收益", "en": "it is completely risk free"}
        heard = {"zh": "保本，报收益", "en": "It is completely risk."}
        assert difference(exact, heard, "zh") == pytest.approx(1 / 5)
        assert difference(exact, heard, "en") == pytest.approx(1 / 5)

    def test_tables_show_every_probe_and_what_was_found(self) -> None:
        console = Console(width=150, record=True, file=io.StringIO())
        probe = Probe(32, "late", 0.91, 1.73, 80, 96, 1, 0.0, 7.5, 1.9, 0.01, 61.0)
        nothing = Probe(64, "refused", None, None, 0, 0, 0, 0.0, 7.5, 1.9, None, 61.0)
        console.print(rates_table([measured(16, 200.0, 0.16)]))
        console.print(calls_table([("base", probe), ("base", nothing)], {"base": Most(31, 32, cut=False)}))
        text = console.export_text()
        for shown in ("float16", "200.0", "0.16", "1.73", "late", "refused", "–", "most: 31"):
            assert shown in text


class TestAProcessOfItsOwn:
    def test_that_fails_says_why(self) -> None:
        said = list(lines(["no-such-model", "--device", "cpu"], FAR))
        assert [next(iter(line)) for line in said] == ["there", "failed"]
        assert "neither a directory nor a model" in said[-1]["failed"]

    def test_is_ended_when_the_time_is_up(self) -> None:
        assert list(lines(["base", "--device", "cpu"], 0.0)) == [{"failed": "the time was up"}]

    def test_that_is_given_bad_arguments_is_told_by_its_status(self) -> None:
        assert list(lines(["--nonsense"], FAR)) == [{"failed": "it ended with status 2"}]


class TestTheCommand:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "gpu.json"

    def run(self, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks.gpu", *options, "--json", str(file)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    def test_without_a_gpu_says_so_and_has_not_failed(self, file: Path) -> None:
        done = self.run(file, "--device-index", "99")
        assert (done.returncode, done.stderr) == (0, "")
        assert "Not run: CTranslate2" in done.stdout
        assert "sees no GPU 99 here" in json.loads(file.read_text())["not_run"]

    def test_checks_what_is_here_without_measuring(self, file: Path) -> None:
        done = self.run(file, "--check")
        assert done.returncode == 0
        assert "Nothing is missing." in done.stdout
        assert not file.exists()

    @pytest.mark.xdist_group("model")
    def test_goes_all_the_way_on_a_processor(self, file: Path) -> None:
        little = ("--workers", "1", "--batch", "2", "--seconds", "0.1", "--most", "0")
        done = self.run(file, "--device", "cpu", *little, "--compute-type", "float32", "float16")
        assert done.returncode == 0, done.stderr
        figures = json.loads(file.read_text())
        assert figures["self_check"]["apart"] == {"zh": 0.0, "en": 0.0}
        assert "投资" in figures["self_check"]["here"]["zh"]
        (rate,) = figures["throughput"]
        assert (rate["model"], rate["compute_type"], rate["workers"], rate["batch"]) == ("base", "float32", 1, 2)
        assert all(rate[part] > 0 for part in ("thorough", "hurried", "spectrum", "encoder"))
        # What a processor does not compute is left out, and said.
        (left_out,) = figures["left_out"]
        assert "base in float16, batches of 2" in left_out
        assert f"Left out: {left_out}" in done.stdout
