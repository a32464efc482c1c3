"""Where a model is computed: what is chosen from what is there, and what is done when it can't be had."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ahocorasick_rs
import ctranslate2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer import service
from streamer.errors import SettingsError
from streamer.model_commands import described
from streamer.recognition import cuda, engine, local, models
from streamer.recognition.cuda import Card, libraries, read_card
from streamer.recognition.devices import CONTEXT, GPU_BATCH, ON_A_GPU, WINDOW, Facts, Gpu, Placement, Wanted, choose
from streamer.recognition.engine import Loader, on_host
from streamer.settings import Settings
from streamer.settings import load as load_settings

PROCESSOR = Facts(cores=2, types=frozenset({"int8", "int8_float32", "float32"}))
AMPERE = frozenset({"int8", "int8_float32", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32"})
PASCAL = frozenset({"int8", "int8_float32", "float32"})
LARGE = 3.1
"""Gigabytes of Whisper large-v3 in float16."""


def with_gpu(free: float | None = 80.0, types: frozenset[str] = AMPERE, trouble: str = "") -> Facts:
    return replace(PROCESSOR, gpus=1, gpu=Gpu("NVIDIA Test", types, free, trouble))


class TestWithoutAGpu:
    def test_the_processor_is_used_with_one_worker_a_core(self) -> None:
        placement = choose(Wanted(), PROCESSOR)
        assert (placement.device, placement.compute_type, placement.workers) == ("cpu", "int8", 2)
        assert placement.why_device == "CTranslate2 sees no GPU here"
        assert not placement.trouble

    def test_float32_is_left_where_nothing_smaller_is_computed(self) -> None:
        assert choose(Wanted(), replace(PROCESSOR, types=frozenset({"float32"}))).compute_type == "float32"

    def test_asking_for_one_is_told_why_not(self) -> None:
        with pytest.raises(SettingsError, match="device: is cuda, but CTranslate2 sees no GPU here"):
            choose(Wanted(device="cuda"), PROCESSOR)

    def test_a_type_that_only_gpus_compute_is_told_what_there_is(self) -> None:
        with pytest.raises(SettingsError, match=r"float16 is not computed .* int8, int8_float32"):
            choose(Wanted(compute_type="float16"), PROCESSOR)


class TestWithAGpu:
    def test_it_is_used_with_few_workers_and_large_batches(self) -> None:
        placement = choose(Wanted(), with_gpu(), LARGE)
        assert (placement.device, placement.compute_type) == ("cuda", "float16")
        assert (placement.workers, placement.max_batch) == (2, GPU_BATCH)

    def test_it_is_left_alone_where_the_processor_is_set(self) -> None:
        placement = choose(Wanted(device="cpu"), with_gpu(), LARGE)
        assert (placement.device, placement.why_device, placement.trouble) == ("cpu", "as it was set", "")

    @pytest.mark.parametrize(
        ("facts", "chosen"),
        [
            (with_gpu(24.0), "float16"),
            (with_gpu(4.0), "int8_float16"),
            (with_gpu(None), "float16"),
            (with_gpu(24.0, PASCAL), "int8_float32"),
            (with_gpu(24.0, frozenset({"float32"})), "float32"),
        ],
    )
    def test_the_type_is_the_best_that_it_computes_and_has_room_for(self, facts: Facts, chosen: str) -> None:
        assert choose(Wanted(), facts, LARGE).compute_type == chosen

    def test_less_memory_makes_smaller_batches_and_says_so(self) -> None:
        roomy, narrow = (choose(Wanted(), with_gpu(free), LARGE) for free in (80.0, 8.0))
        assert narrow.max_batch < roomy.max_batch
        assert "8.0 GB" in narrow.why_batches
        assert "GB" not in roomy.why_batches

    @pytest.mark.parametrize(
        ("facts", "trouble"),
        [
            (with_gpu(2.0), "NVIDIA Test has 2.0 GB of memory free, too little for weights of 3.1 GB"),
            (with_gpu(trouble=cuda.MISSING), "NVIDIA Test can't be used: libcublas.so.12 is not found"),
            (with_gpu(types=frozenset({"int16"})), "NVIDIA Test does not compute float16 or .*, but int16"),
            (replace(with_gpu(), gpu=None), "there is no GPU 0: CTranslate2 sees 1"),
        ],
    )
    def test_one_that_does_not_do_is_passed_over_with_a_word_or_refused(self, facts: Facts, trouble: str) -> None:
        placement = choose(Wanted(), facts, LARGE)
        assert placement.device == "cpu"
        with pytest.raises(SettingsError, match=trouble) as refused:
            choose(Wanted(device="cuda"), facts, LARGE)
        assert str(refused.value) == f"settings: device: is cuda, but {placement.trouble}"

    def test_a_type_that_it_does_not_compute_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="does not compute bfloat16"):
            choose(Wanted(device="cuda", compute_type="bfloat16"), with_gpu(types=PASCAL))

    def test_what_is_set_is_kept(self) -> None:
        wanted = Wanted("cuda", 1, "int8_bfloat16", workers=5, max_batch=48)
        placement = choose(wanted, with_gpu(8.0), LARGE)
        assert (placement.index, placement.compute_type) == (1, "int8_bfloat16")
        assert (placement.workers, placement.max_batch) == (5, 48)
        assert placement.why_type == placement.why_batches == "as it was set"

    @given(
        st.sampled_from([AMPERE, PASCAL, frozenset({"float32"}), frozenset()]),
        st.none() | st.floats(0.1, 200),
        st.floats(0, 20),
        st.none() | st.integers(1, 8),
    )
    def test_nothing_is_chosen_that_is_not_computed_or_has_no_room(
        self, types: frozenset[str], free: float | None, weights: float, workers: int | None
    ) -> None:
        placement = choose(Wanted(workers=workers), with_gpu(free, types), weights)
        assert placement.compute_type in (types if placement.device == "cuda" else PROCESSOR.types)
        assert 1 <= placement.max_batch <= GPU_BATCH
        if placement.device == "cuda" and free is not None:
            (memory,) = (part for name, part, _ in ON_A_GPU if name == placement.compute_type)
            assert CONTEXT + weights * (memory + WINDOW) <= free
            if placement.max_batch > 1:
                windows = placement.workers * placement.max_batch
                assert CONTEXT + weights * (memory + WINDOW * windows) <= free


class TestSettings:
    def test_say_where_to_compute(self, tmp_path: Path) -> None:
        file = tmp_path / "huazha.toml"
        file.write_text(
            'device = "cuda"\ndevice_index = 1\ncompute_type = "int8_float16"\nmax_batch = 32\nworkers = 3\n'
        )
        assert load_settings(file, {}).wanted == Wanted("cuda", 1, "int8_float16", 3, 32)

    def test_without_any_leave_all_to_what_is_there(self) -> None:
        assert Settings().wanted == Wanted()

    def test_of_a_gpu_that_is_not_there_are_refused_in_a_line(self) -> None:
        with pytest.raises(SettingsError, match=r"^settings: device: is cuda, but .* GPU"):
            service.load_recognizer(Settings(device="cuda", device_index=99))


class TestSentences:
    def test_say_what_was_chosen_and_why(self) -> None:
        lines = described(choose(Wanted(), PROCESSOR), "base")
        assert lines[0] == "It is computed on the processor: CTranslate2 sees no GPU here."
        assert lines[1].startswith("Weights are computed in int8: this processor")
        assert lines[2] == (
            "2 batches at once, of 4 windows at most: as many as this machine has cores, with one thread each."
        )
        assert len(lines) == 3

    def test_on_a_gpu_name_a_model_that_is_worth_it_unless_one_is_set(self) -> None:
        placement = choose(Wanted(), with_gpu(), LARGE)
        assert "large-v3-turbo" in described(placement, "base")[-1]
        assert not any("large-v3-turbo" in line for line in described(placement, "large-v3"))


class TestLibraries:
    @pytest.fixture(autouse=True)
    def _no_toolkit(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(cuda, "TOOLKITS", f"{tmp_path}/toolkit*")

    def put(self, *places: str) -> Iterator[Path]:
        """Put a library that can be loaded in places; it is none of CUDA's."""
        library = Path(str(ahocorasick_rs.ahocorasick_rs.__file__))
        for place in places:
            file = Path(place)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(library, file)
            yield file

    def test_are_found_where_packages_keep_them_in_the_order_of_the_folders(self, tmp_path: Path) -> None:
        wanted = [
            f"{tmp_path}/first/nvidia/cublas/lib/libcublas.so.12",
            f"{tmp_path}/second/torch/lib/libcublas.so.12",
            f"{tmp_path}/toolkit-12/libcublas.so.12",
        ]
        others = [
            f"{tmp_path}/first/nvidia/cu13/lib/libcublas.so.13",
            f"{tmp_path}/first/nvidia/cublas/lib/libcublasLt.so.12",
            f"{tmp_path}/first/other/lib/libcublas.so.12",
        ]
        list(self.put(*wanted, *others))
        sites = [tmp_path / "first", tmp_path / "second"]
        assert [str(file) for file in libraries(sites)] == wanted

    def test_of_any_version_are_found_by_their_major_version_alone(self, tmp_path: Path) -> None:
        folder = f"{tmp_path}/nvidia/cu13/lib"
        list(self.put(f"{folder}/libcublas.so.13", f"{folder}/libcublas.so.13.1.2"))
        assert [file.name for file in libraries([tmp_path], "*")] == ["libcublas.so.13"]

    def test_are_loaded_with_what_they_need(self, tmp_path: Path) -> None:
        folder = f"{tmp_path}/nvidia/cublas/lib"
        list(self.put(f"{folder}/libcublas.so.12", f"{folder}/libcublasLt.so.12"))
        assert cuda.load([tmp_path]) == ""

    def test_that_are_missing_or_damaged_are_named_with_what_to_do(self, tmp_path: Path) -> None:
        if cuda.load([]) == "":
            pytest.skip("cuBLAS is where the loader finds it")
        (damaged,) = self.put(f"{tmp_path}/torch/lib/libcublas.so.12")
        damaged.write_bytes(b"\x7fELF and no more")
        assert cuda.load([tmp_path]) == "libcublas.so.12 is not found: pip install nvidia-cublas-cu12"


class TestADriversAnswer:
    def test_is_read(self) -> None:
        told = read_card("NVIDIA H100 80GB HBM3, 81559, 80000, 580.159.04\n")
        assert told == Card("NVIDIA H100 80GB HBM3", 85.5, 83.9, "580.159.04")

    @pytest.mark.parametrize("answer", ["", "No devices were found", "NVIDIA, [N/A], [N/A], 580", "a, 1, 2"])
    def test_that_tells_nothing_is_nothing(self, answer: str) -> None:
        assert read_card(answer) is None

    def test_is_of_the_gpu_that_cuda_counts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text('#!/bin/sh\nfor last; do :; done\necho "${last#--id=}, 1000, 500, 1"\n')
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        visible = {"CUDA_VISIBLE_DEVICES": "3, GPU-abc"}
        names = [cuda.card(0, visible), cuda.card(1, visible), cuda.card(1, {})]
        assert [card and card.name for card in names] == ["3", "GPU-abc", "1"]

    def test_is_not_waited_for_where_there_is_no_driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert cuda.card(0, {}) is None


class OnAGpu:
    """States as CTranslate2 leaves them on a GPU: NumPy can't read them there."""

    device = "cuda"

    def __init__(self, states: ctranslate2.StorageView) -> None:
        self._states = states

    def to_device(self, device: ctranslate2.Device) -> ctranslate2.StorageView:
        assert device == ctranslate2.Device.cpu
        return self._states


class TestStates:
    VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

    @pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
    def test_are_read_in_each_type_that_is_computed_and_copied(self, kind: str) -> None:
        values = self.VALUES.copy()
        view = ctranslate2.StorageView.from_array(values)
        if kind != "float32":
            view = view.to(getattr(ctranslate2.DataType, kind))
        read = on_host(view)
        values[:] = 0
        assert read.dtype == (np.float16 if kind == "float16" else np.float32)
        np.testing.assert_array_equal(read, self.VALUES)

    def test_are_fetched_from_a_gpu(self) -> None:
        np.testing.assert_array_equal(on_host(OnAGpu(ctranslate2.StorageView.from_array(self.VALUES))), self.VALUES)


@pytest.mark.xdist_group("model")
class TestLoading:
    PLACEMENT = Placement("cpu", 0, "int8", 1, 1)

    def test_a_model_is_cut_for_each_language(self) -> None:
        loader = Loader(models.resolve(), self.PLACEMENT)
        assert loader.engine("zh").vocabulary < loader.engine("en").vocabulary < 51865

    def test_one_too_large_to_be_cut_is_loaded_once_for_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine, "LARGEST_CUT", 0)
        loader = Loader(models.resolve(), self.PLACEMENT)
        chinese, english = loader.engine("zh"), loader.engine("en")
        assert chinese.model is english.model
        assert chinese.start != english.start

    def test_spectra_have_the_bands_that_the_weights_want_whatever_stands_beside_them(self, tmp_path: Path) -> None:
        for file in models.resolve().iterdir():
            (tmp_path / file.name).symlink_to(file)
        (tmp_path / "preprocessor_config.json").write_text('{"feature_size": 128}')
        loaded = Loader(tmp_path, self.PLACEMENT).engine("en")
        assert loaded.features(np.zeros(16_000, dtype=np.float32), 100).shape == (80, 100)

    def test_a_gpu_that_fails_leaves_the_processor_and_a_line_in_the_log(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        real = local.facts
        monkeypatch.setattr(local, "facts", lambda wanted: real(wanted) if wanted.device == "cpu" else with_gpu())
        with caplog.at_level(logging.WARNING):
            recognizer = local.load(models.resolve(), "base", Wanted(device_index=99), ["en"])
        assert recognizer.placement.device == "cpu"
        (line,) = caplog.messages
        assert line.startswith("base is computed on the processor, not on a GPU, which fails: CUDA failed")
        with pytest.raises(SettingsError, match="is cuda, but the GPU fails: CUDA failed"):
            local.load(models.resolve(), "base", Wanted(device="cuda", device_index=99), ["en"])

    def test_weights_that_are_damaged_are_no_fault_of_a_gpu(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        for file in models.resolve().iterdir():
            if file.name == "model.bin":
                (tmp_path / file.name).write_bytes(file.read_bytes()[:1_000_000])
            else:
                (tmp_path / file.name).symlink_to(file)
        with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError, match="payload size"):
            local.load(tmp_path, "base", Wanted(device="cpu"), ["en"])
        assert caplog.messages == []

    def test_a_gpu_without_its_library_is_named_in_the_log(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        facts = replace(with_gpu(trouble=cuda.MISSING), types=local.facts(Wanted(device="cpu")).types)
        monkeypatch.setattr(local, "facts", lambda _: facts)
        with caplog.at_level(logging.WARNING):
            recognizer = local.load(models.resolve(), "base", Wanted(), ["en"])
        assert recognizer.placement.device == "cpu"
        assert "libcublas.so.12 is not found: pip install nvidia-cublas-cu12" in caplog.text
