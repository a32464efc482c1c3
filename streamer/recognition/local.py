"""The recogniser of this machine, put where it computes best: a GPU that works, or the processor."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ctranslate2

from streamer.errors import SettingsError
from streamer.recognition import cuda, models
from streamer.recognition.devices import Facts, Gpu, Placement, Wanted, choose
from streamer.recognition.sounds import finding
from streamer.recognition.whisper import WhisperRecognizer

log = logging.getLogger(__name__)


def facts(wanted: Wanted) -> Facts:
    """Look what there is to compute on; at GPUs only where one may be used."""
    processor = Facts(os.cpu_count() or 1, frozenset(ctranslate2.get_supported_compute_types("cpu")))
    if wanted.device == "cpu":
        return processor
    gpus = ctranslate2.get_cuda_device_count()
    return replace(processor, gpus=gpus, gpu=_gpu(wanted.device_index) if wanted.device_index < gpus else None)


def place(wanted: Wanted, directory: Path | None) -> Placement:
    """Choose where a model is computed here.

    Args:
      directory: with its weights, where they are here.

    Raises:
      SettingsError: what is set can't be had here.
    """
    return choose(wanted, facts(wanted), models.weights(directory) / 1e9 if directory else 0.0)


def load(directory: Path, name: str, wanted: Wanted, languages: Sequence[str]) -> WhisperRecognizer:
    """Load a model, and make a dry run in each language: only that shows whether a GPU works.

    Args:
      directory: as `streamer.recognition.models.resolve` returns it.
      name: the model's name for people.

    Raises:
      ModelDamaged: the head that reads sounds off its states is.
      SettingsError: what is set can't be had here.
    """
    heads = finding.find_all(directory)
    log.info("%s: %s", name, finding.described([*heads]))
    placement = place(wanted, directory)
    if placement.trouble:
        log.warning("%s is computed on the processor, not on a GPU: %s", name, placement.trouble)
    try:
        return _warm(WhisperRecognizer(directory, name=name, placement=placement, heads=heads), languages)
    # CTranslate2 has no errors of its own: no memory left, no kernel for this GPU, an old driver.
    except RuntimeError as error:
        if placement.device == "cpu":
            raise
        if wanted.device == "cuda":
            raise SettingsError("settings", "device", f"is cuda, but the GPU fails: {error}") from None
        log.warning("%s is computed on the processor, not on a GPU, which fails: %s", name, error)
    elsewhere = place(replace(wanted, device="cpu"), directory)
    return _warm(WhisperRecognizer(directory, name=name, placement=elsewhere, heads=heads), languages)


def _warm(recognizer: WhisperRecognizer, languages: Sequence[str]) -> WhisperRecognizer:
    recognizer.warm(languages)
    return recognizer


def _gpu(index: int) -> Gpu:
    card = cuda.card(index)
    name, free = (card.name, card.free) if card else (f"GPU {index}", None)
    try:
        types = frozenset(ctranslate2.get_supported_compute_types("cuda", index))
    except RuntimeError as error:
        return Gpu(name, frozenset(), free, str(error))
    return Gpu(name, types, free, cuda.load())
