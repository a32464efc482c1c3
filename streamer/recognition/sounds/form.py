"""The file of a head of sounds: one `.npz` with its weights and what must be known of them.

| array | shape | type |
| --- | --- | --- |
| `about` | bytes of the JSON that `About` is written in | uint8 |
| `mean`, `std`, `scale`, `shift` | (width,) | float32 |
| `convI.weight`, for I = 0, 1, ... | (3, width, W) for the first, (3, W, W) for the others | float16 |
| `convI.bias`, `normI.gain`, `normI.bias` | (W,) | float16 |
| `out.weight` | (W, classes) | float16 |
| `out.bias` | (classes,) | float16 |

`streamer.recognition.sounds.head` says how they are computed with. There are as many blocks as there are `convI`; class
0 is blank, class i + 1 is unit i. The same weights make the same bytes, wherever and whenever they are written.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from math import exp
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.errors import ModelDamaged

VERSION = 1
"""Of this form."""
KERNEL = 3
"""States that a convolution sees at once: one before, one after."""
INPUT = ("mean", "std", "scale", "shift")
"""What states are brought to one measure by: of more digits, since means are large beside deviations."""
AGAIN = "fetch the file again, or train it again: huazha model train-sounds"

Floats = NDArray[np.floating]
Arrays = Mapping[str, Floats]


class Likelihood(NamedTuple):
    """Probability that a phrase was said where it was found.

    It is 1 / (1 + exp(-logit)), logit = offset + slope * score + units * (longer + steeper * score).

    Attributes:
      most: units; a phrase of more counts as one of so many.
    """

    offset: float
    slope: float
    longer: float
    most: int
    steeper: float = 0.0

    def of(self, score: float, units: int) -> float:
        """Give the probability at a score (nats lost per unit), for a phrase of so many units."""
        counted = min(units, self.most)
        logit = self.offset + self.slope * score + counted * (self.longer + self.steeper * score)
        return 1 / (1 + exp(-min(max(logit, -50.0), 50.0)))


@dataclass(frozen=True, slots=True)
class About:
    """What must be known of a head's weights.

    Attributes:
      language: as in `zh`, `en`.
      units: names of what is told apart, in the order of their classes, from class 1 on.
      whisper: the model whose encoder states are read, for people.
      sha256: of its `model.bin`, in hexadecimal digits: other weights have other states.
      width: numbers in one of its states.
      thresholds: scores by what they are for (nats lost per unit, at most 0), each for phrases of 1, 2, 3, ... units;
        the last holds for longer ones, too.
      likelihood: what a score is worth; None where the head was not calibrated.
      rate: states a second.
    """

    language: str
    units: tuple[str, ...]
    whisper: str
    sha256: str
    width: int
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    likelihood: Likelihood | None = None
    rate: int = 50

    @property
    def classes(self) -> int:
        """How many classes are told apart, blank among them."""
        return len(self.units) + 1


def write(path: Path, arrays: Arrays, about: About) -> None:
    """Write a head's file.

    Args:
      path: which ends in `.npz`.
      arrays: of any float type, by the names that stand above.

    Raises:
      ValueError: arrays are missing or too many, don't fit one another, or hold what is no float16.
    """
    with np.errstate(over="ignore"):
        stored: dict[str, Floats] = {
            name: arrays[name].astype(np.float32 if name in INPUT else np.float16) for name in sorted(arrays)
        }
    if problem := _problem(stored, about):
        raise ValueError(problem)
    text = json.dumps({"version": VERSION, **asdict(about)}, ensure_ascii=False, sort_keys=True)
    # NumPy gives its files in it a date of their own, 1980: nothing of the time or the machine goes in.
    np.savez(path, allow_pickle=False, about=np.frombuffer(text.encode(), np.uint8), **stored)


def read(path: Path) -> tuple[dict[str, Floats], About]:
    """Read a head's file: its arrays as they are stored, and what is known of them.

    Raises:
      ModelDamaged: it is no such file, is cut short, or is of another version.
      OSError: it can't be read.
    """
    try:
        # Not what `np.load` would make of other files: only this form is known.
        with zipfile.ZipFile(path) as file:
            stored = {name.removesuffix(".npy"): _array(file, name) for name in file.namelist()}
        about = json.loads(stored.pop("about").tobytes())
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError) as error:
        raise ModelDamaged(str(path), f"is no head of sounds, or is damaged ({error}); {AGAIN}") from None
    version = about.pop("version", None) if isinstance(about, dict) else None
    if version != VERSION:
        raise ModelDamaged(str(path), f"is of version {version}, and {VERSION} is read here; {AGAIN}")
    try:
        thresholds = {name: tuple(map(float, some)) for name, some in about["thresholds"].items()}
        likelihood = Likelihood(*about["likelihood"]) if about.get("likelihood") else None
        units = tuple(map(str, about["units"]))
        known = About(**about | {"units": units, "thresholds": thresholds, "likelihood": likelihood})
        problem = _problem(stored, known)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"it doesn't say what it is: {error}"
    if problem:
        raise ModelDamaged(str(path), f"is damaged: {problem}; {AGAIN}")
    return stored, known


def blocks(arrays: Arrays) -> int:
    """Count the convolutions."""
    return next(i for i in count() if f"conv{i}.weight" not in arrays)


def _array(file: zipfile.ZipFile, name: str) -> Floats:
    with file.open(name) as member:
        array: Floats = np.lib.format.read_array(member, allow_pickle=False)
        return array


def _problem(arrays: Arrays, about: About) -> str:
    """Say what is wrong with arrays; an empty string where nothing is."""
    if not (depth := blocks(arrays)):
        return "conv0.weight is missing"
    inner = arrays["conv0.weight"].shape[-1]
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(INPUT, (about.width,))
    for i in range(depth):
        shapes |= dict.fromkeys([f"conv{i}.bias", f"norm{i}.gain", f"norm{i}.bias"], (inner,))
        shapes[f"conv{i}.weight"] = (KERNEL, inner if i else about.width, inner)
    shapes |= {"out.weight": (inner, about.classes), "out.bias": (about.classes,)}
    if odd := sorted(shapes.keys() ^ arrays.keys()):
        return f"{', '.join(odd)}: missing, or not known here"
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            return f"{name} is {arrays[name].shape}, not {shape}, as {about.width} numbers a state want it"
        if not np.isfinite(arrays[name]).all():
            return f"{name} holds what is no number"
    return "" if (arrays["std"] > 0).all() else "std holds what nothing can be divided by"
