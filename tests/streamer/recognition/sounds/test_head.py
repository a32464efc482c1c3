"""What a head reads, against its formula written out; and its file, whole and damaged."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.errors import ModelDamaged
from streamer.recognition.sounds import form
from streamer.recognition.sounds.form import Arrays
from streamer.recognition.sounds.head import Head
from tests import heads

WIDTH = 12
ABOUT = heads.about(width=WIDTH)
ONES = "b1e0004c9b295b528e465cec05c5c51ee1b105d5f820ebf05f26c9a2d47f9d8d"
"""SHA-256 of the file of a head whose weights are all 1."""


def states(*lengths: int, seed: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0.0, 2.0, (len(lengths), max(lengths), WIDTH)).astype(np.float32)


def written_out(window: NDArray[np.float32], arrays: Arrays, blocks: int) -> NDArray[np.float64]:
    """Read one window frame by frame, number by number where that says more, in float64."""
    of = {name: array.astype(np.float64) for name, array in arrays.items()}
    rows = (window.astype(np.float64) - of["mean"]) / of["std"] * of["scale"] + of["shift"]
    for i in range(blocks):
        around = [np.zeros(rows.shape[1]), *rows, np.zeros(rows.shape[1])]
        frames = []
        for t in range(len(rows)):
            seen = sum(around[t + k] @ of[f"conv{i}.weight"][k] for k in range(3)) + of[f"conv{i}.bias"]
            normal = (seen - seen.mean()) / math.sqrt(seen.var() + 1e-5) * of[f"norm{i}.gain"] + of[f"norm{i}.bias"]
            frames.append(
                [x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) for x in normal.tolist()]
            )
        rows = np.array(frames) + (rows if i else 0)
    scores = rows @ of["out.weight"] + of["out.bias"]
    return np.array([row - math.log(sum(math.exp(x) for x in row)) for row in scores])


class TestReading:
    @pytest.mark.parametrize("blocks", [1, 2, 4])
    def test_is_as_the_formula_says(self, blocks: int) -> None:
        arrays = heads.arrays(WIDTH, blocks=blocks)
        (read,) = Head(arrays, ABOUT).read(window := states(9))
        assert read.dtype == np.float32
        np.testing.assert_allclose(read, written_out(window[0], arrays, blocks), atol=1e-4)

    @given(st.lists(st.integers(0, 12), min_size=1, max_size=5).filter(any), st.integers(0, 3))
    def test_of_a_window_is_the_same_in_every_batch(self, lengths: list[int], more: int) -> None:
        head = Head(heads.arrays(WIDTH), ABOUT)
        batch = np.full((len(lengths), max(lengths) + more, WIDTH), np.nan, dtype=np.float32)
        alone = states(*lengths)
        for window, source, length in zip(batch, alone, lengths, strict=True):
            window[:length] = source[:length]
        together = head.read(batch, lengths)
        for read, window, length in zip(together, alone, lengths, strict=True):
            np.testing.assert_allclose(read[:length], head.read(window[None, :length])[0], atol=1e-5)

    def test_gives_probabilities_of_states_of_either_type(self) -> None:
        head, window = Head(heads.arrays(WIDTH), ABOUT), states(7)
        read = head.read(window)
        assert read.shape == (1, 7, len(heads.UNITS) + 1)
        np.testing.assert_allclose(np.exp(read).sum(axis=2), 1.0, atol=1e-5)
        np.testing.assert_allclose(head.read(window.astype(np.float16)), read, atol=0.05)

    def test_refuses_the_states_of_another_whisper(self) -> None:
        with pytest.raises(ValueError, match="states of 8 numbers are not those of base, which have 12"):
            Head(heads.arrays(WIDTH), ABOUT).read(np.zeros((1, 5, 8), np.float32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    form.write(tmp_path / "base.zh.npz", heads.arrays(WIDTH), ABOUT)
    return tmp_path / "base.zh.npz"


class TestAFile:
    def test_gives_back_what_was_written(self, file: Path) -> None:
        head = Head.load(file)
        assert head.about == ABOUT
        np.testing.assert_allclose(head.read(states(7)), Head(heads.arrays(WIDTH), ABOUT).read(states(7)), atol=1e-5)

    def test_gives_back_what_scores_are_worth(self, tmp_path: Path) -> None:
        about = replace(
            ABOUT, thresholds={"candidate": (0.0, -1.5)}, likelihood=form.Likelihood(-4.0, 1.5, 1.0, 8, 0.25)
        )
        form.write(tmp_path / "head.npz", heads.arrays(WIDTH), about)
        assert Head.load(tmp_path / "head.npz").about == about

    def test_is_the_same_wherever_and_whenever_it_is_written(self, tmp_path: Path) -> None:
        for number, names in enumerate((sorted(heads.arrays(WIDTH)), sorted(heads.arrays(WIDTH), reverse=True))):
            file = tmp_path / f"{number}.npz"
            form.write(file, {name: np.ones(heads.arrays(WIDTH)[name].shape) for name in names}, ABOUT)
            assert hashlib.sha256(file.read_bytes()).hexdigest() == ONES

    @pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
    def test_that_is_cut_short_is_fetched_again(self, file: Path, kept: float) -> None:
        whole = file.read_bytes()
        file.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
        with pytest.raises(ModelDamaged, match=r"base\.zh\.npz: is no head of sounds, or is damaged .* fetch the file"):
            Head.load(file)

    def test_with_a_byte_changed_is_no_head(self, file: Path) -> None:
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 1
        file.write_bytes(whole)
        with pytest.raises(ModelDamaged, match="is damaged"):
            Head.load(file)

    def test_of_another_version_says_which_is_read(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(form, "VERSION", 9)
        with pytest.raises(ModelDamaged, match="is of version 1, and 9 is read here; fetch the file again, or train"):
            Head.load(file)

    @pytest.mark.parametrize("text", ["[]", '{"version": 1}', '{"version": 1, "thresholds": 3}', "zh", "\xff"])
    def test_that_does_not_say_what_it_is_is_no_head(self, tmp_path: Path, text: str) -> None:
        np.savez(
            tmp_path / "odd.npz",
            allow_pickle=False,
            about=np.frombuffer(text.encode("latin-1"), np.uint8),
            **heads.arrays(WIDTH),
        )
        with pytest.raises(ModelDamaged, match="train it again"):
            Head.load(tmp_path / "odd.npz")

    def test_that_runs_code_is_never_loaded(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "odd.npz", allow_pickle=True, about=np.array([print], dtype=object))
        with pytest.raises(ModelDamaged):
            Head.load(tmp_path / "odd.npz")

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"out.bias": np.zeros(3)}, r"out\.bias is \(3,\), not \(6,\)"),
            ({"norm1.gain": np.full(8, np.inf)}, r"norm1\.gain holds what is no number"),
            ({"out.weight": np.full((8, 6), 1e6)}, r"out\.weight holds what is no number"),
            ({"std": np.zeros(WIDTH)}, r"std holds what nothing can be divided by"),
            ({"conv2.weight": np.zeros((3, 8, 8))}, r"conv2\.bias, norm2\.bias, norm2\.gain: missing"),
            ({"conv0.weight": np.zeros((3, 384, 8))}, r"not \(3, 12, 8\), as 12 numbers a state want it"),
        ],
    )
    def test_is_not_written_where_its_arrays_do_not_fit(
        self, tmp_path: Path, changed: dict[str, NDArray[np.float64]], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            form.write(tmp_path / "odd.npz", {**heads.arrays(WIDTH), **changed}, ABOUT)

    def test_whose_arrays_do_not_fit_what_it_says_is_damaged(self, file: Path, tmp_path: Path) -> None:
        with np.load(file) as stored:
            fewer = {name: array for name, array in stored.items() if name != "out.bias"}
        np.savez(tmp_path / "fewer.npz", allow_pickle=False, **fewer)
        with pytest.raises(ModelDamaged, match=r"out\.bias: missing"):
            Head.load(tmp_path / "fewer.npz")
