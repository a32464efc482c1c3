"""Where weights are computed, in which type, and how many windows at once: chosen from what is there, and why. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from streamer.errors import SettingsError

Device = Literal["auto", "cpu", "cuda"]
ComputeType = Literal[
    "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
]

PROCESSOR_BATCH = 4
GPU_BATCH = 16
"""Windows decoded together on a GPU: more of them gain little each, and all wait for the longest. Not measured."""
CAUTIOUS_BATCH = 8
"""As many on a GPU whose memory is not known."""
GPU_WORKERS = 2
"""One makes spectra and reads tokens while the other's batch is computed."""
CONTEXT = 1.0
"""Gigabytes of a GPU's memory for CUDA itself, cuBLAS's workspaces and what a model's copies for languages add."""
WINDOW = 0.2
"""Memory that a window takes while five readings of it are decoded, as a part of the weights': of Whisper large-v3
0.6 GB, from the shapes of its states. Not measured."""
ON_A_GPU: tuple[tuple[ComputeType, float, str], ...] = (
    ("float16", 1.0, "as the weights are stored"),
    ("int8_float16", 0.5, "in half the memory of float16"),
    ("int8_float32", 0.5, "this GPU computes nothing of 16 bits"),
    ("float32", 2.0, "this GPU computes nothing smaller"),
)
"""What is taken of what a GPU computes, the first that fits; its memory, as a part of float16's; and why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is set; None leaves a choice to what is there.

    Attributes:
      device_index: which GPU, as CUDA counts them.
      workers: batches at once.
      max_batch: windows in one.
    """

    device: Device = "auto"
    device_index: int = 0
    compute_type: ComputeType | None = None
    workers: int | None = None
    max_batch: int | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that CTranslate2 sees.

    Attributes:
      types: what it computes, as CTranslate2 names that.
      free: gigabytes (10^9 bytes) of memory that nobody uses; None where that is not known.
      trouble: why it can't be used, as far as that is known beforehand; empty where nothing speaks against it.
    """

    name: str
    types: frozenset[str]
    free: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to compute on.

    Attributes:
      types: what the processor computes.
      gpus: how many CTranslate2 sees.
      gpu: the one that is wanted, where there is one of that number.
    """

    cores: int
    types: frozenset[str]
    gpus: int = 0
    gpu: Gpu | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a model is computed.

    Attributes:
      index: the GPU's; 0 on the processor.
      why_device, why_type, why_batches: in a few words, for people.
      trouble: why a GPU that is there is not used, though nobody ruled it out; empty otherwise.
    """

    device: Literal["cpu", "cuda"]
    index: int
    compute_type: str
    workers: int
    max_batch: int
    why_device: str = ""
    why_type: str = ""
    why_batches: str = ""
    trouble: str = ""


def choose(wanted: Wanted, facts: Facts, weights: float = 0.0) -> Placement:
    """Choose a place for a model.

    Args:
      weights: gigabytes of them as they are stored, which is taken for float16; 0 where that is not known.

    Raises:
      SettingsError: what is set can't be had here.
    """
    if wanted.device == "cpu":
        return _on_processor(wanted, facts, "as it was set")
    trouble = _trouble(wanted, facts, weights)
    if not trouble:
        return _on_gpu(wanted, facts, weights)
    if wanted.device == "cuda":
        raise SettingsError("settings", "device", f"is cuda, but {trouble}")
    return _on_processor(wanted, facts, trouble, trouble if facts.gpus else "")


def on_processor(types: Collection[str]) -> tuple[ComputeType, str]:
    """Choose what weights are computed in on a processor, and say why.

    Args:
      types: what it computes, as CTranslate2 names that.
    """
    if "int8" in types:
        return "int8", "this processor computes it, with a fourth of the memory of float32 and about twice the speed"
    return "float32", "this processor computes nothing smaller"


def _on_processor(wanted: Wanted, facts: Facts, why: str, trouble: str = "") -> Placement:
    if wanted.compute_type is not None and wanted.compute_type not in facts.types:
        raise SettingsError(
            "settings",
            "compute_type",
            f"{wanted.compute_type} is not computed on this processor, which has {_listed(facts.types)}",
        )
    chosen, why_type = on_processor(facts.types)
    why_batches = "as many as this machine has cores, with one thread each"
    return Placement(
        "cpu",
        0,
        wanted.compute_type or chosen,
        wanted.workers or facts.cores,
        wanted.max_batch or PROCESSOR_BATCH,
        why,
        "as it was set" if wanted.compute_type else why_type,
        "as it was set" if wanted.workers else why_batches,
        trouble,
    )


def _on_gpu(wanted: Wanted, facts: Facts, weights: float) -> Placement:
    gpu = facts.gpu
    assert gpu is not None
    workers = wanted.workers or GPU_WORKERS
    chosen, why_type = wanted.compute_type, "as it was set"
    if chosen is None:
        chosen, _, why_type = next(one for one in ON_A_GPU if one[0] in gpu.types and _fits(one[1], gpu, weights))
    batch, why_batches = wanted.max_batch, "as it was set"
    if batch is None:
        batch, why_batches = _batch(_memory(chosen), gpu, weights, workers)
    why_device = "as it was set" if wanted.device == "cuda" else "CTranslate2 can use it"
    return Placement("cuda", wanted.device_index, chosen, workers, batch, why_device, why_type, why_batches)


def _trouble(wanted: Wanted, facts: Facts, weights: float) -> str:
    """Say why the wanted GPU can't be used; nothing where it can."""
    if not facts.gpus:
        return "CTranslate2 sees no GPU here"
    if facts.gpu is None:
        return f"there is no GPU {wanted.device_index}: CTranslate2 sees {facts.gpus}, counted from 0"
    if facts.gpu.trouble:
        return f"{facts.gpu.name} can't be used: {facts.gpu.trouble}"
    return _unfit(wanted, facts.gpu, weights)


def _unfit(wanted: Wanted, gpu: Gpu, weights: float) -> str:
    """Say why a GPU that works does not do for a model; nothing where it does."""
    usable = [wanted.compute_type] if wanted.compute_type else [name for name, _, _ in ON_A_GPU]
    if not gpu.types & set(usable):
        return f"{gpu.name} does not compute {' or '.join(usable)}, but {_listed(gpu.types)}"
    # Whoever sets a type has counted the memory, or will be told.
    if not wanted.compute_type and not any(_fits(m, gpu, weights) for name, m, _ in ON_A_GPU if name in gpu.types):
        return f"{gpu.name} has {gpu.free:.1f} GB of memory free, too little for weights of {weights:.1f} GB"
    return ""


def _memory(chosen: str) -> float:
    """Give a type's memory as a part of float16's."""
    return next((memory for name, memory, _ in ON_A_GPU if name == chosen), 0.5 if chosen.startswith("int8") else 1.0)


def _fits(memory: float, gpu: Gpu, weights: float) -> bool:
    return gpu.free is None or gpu.free >= CONTEXT + weights * (memory + WINDOW)


def _batch(memory: float, gpu: Gpu, weights: float, workers: int) -> tuple[int, str]:
    """Choose how many windows are decoded together, and say why."""
    if gpu.free is None:
        return CAUTIOUS_BATCH, "the GPU's memory is not known"
    batch = GPU_BATCH
    while batch > 1 and CONTEXT + weights * (memory + workers * batch * WINDOW) > gpu.free:
        batch //= 2
    fewer = "" if batch == GPU_BATCH else f", no more than {gpu.free:.1f} GB of free memory hold"
    return batch, f"one batch is prepared while the other is computed{fewer}"


def _listed(types: Collection[str]) -> str:
    return ", ".join(sorted(types)) or "nothing"
