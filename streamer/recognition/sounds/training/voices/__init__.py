"""Voices that speak for training: each engine is a plug-in, `ENGINES` lists them.

An engine's voices are found in one folder (`--voices DIR`), by the form of their files; licences are those of the
voices, and allow that weights trained on their speech are given away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Samples = NDArray[np.float32]


class Voice(Protocol):
    """Somebody who speaks, or a family of speakers that are mixed anew for each sentence.

    Attributes:
      name: for people; of one speaker or one family.
      language: that is spoken.
      licence: of the speech, by its SPDX name where there is one.
      held: whether nothing of it is trained on.
      share: how often it is drawn, beside the others.
    """

    @property
    def name(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def held(self) -> bool: ...
    @property
    def share(self) -> float: ...

    def say(self, text: str, rng: Random) -> tuple[Samples, int]:
        """Speak a text at a random speed: samples at full scale 1, and samples a second."""
        ...


Engine = Callable[[str, Path | None], Sequence[Voice]]
"""Finds the voices of one engine for a language, in a folder of voices: none where its packages or files are absent."""
