"""The recognisers of a cluster, as one: windows go there, words come back, and all that is to be known stays here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from streamer.errors import ClusterError, RecognitionFailed
from streamer.ray import parcels
from streamer.ray.addresses import ingress
from streamer.ray.asking import Asking
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window

T = TypeVar("T")

IN_FLIGHT = 64
"""Windows of one gateway that are on their way at once; more wait here, where the most urgent goes first."""
LISTENED_TO = object()
"""What stands for a window's trace: its audio, which is sent again when texts are weighed against it.

The encoded window itself is a megabyte, and stayed where it was made. To send each back would cost twenty times what
the words cost, and to find the replica that has it would tie a call to one; to encode it again costs 0.15 s of a
processor, and only where something may be a term.
"""


class RayRecognizer:
    """Asks the recognisers of a cluster.

    Args:
      post: asks them; raises `RecognitionFailed` where that comes to nothing.
      concurrency: windows that are asked for at once.

    Raises:
      RecognitionFailed: nobody answers.
      ValueError: somebody else does.
    """

    def __init__(self, post: Callable[[bytes], bytes], *, concurrency: int = IN_FLIGHT) -> None:
        self._post = post
        self.concurrency = concurrency
        introduction = parcels.unpack_introduction(post(parcels.pack_introduction_wanted()))
        self.name = introduction.model
        # The cluster makes its batches of the windows of all gateways: one that is sent need not wait for others.
        self._abilities = replace(introduction.abilities, max_batch=1)

    def abilities(self, language: str) -> Abilities:
        """Say what can be done: the same in every language."""
        return self._abilities

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        """Recognise windows of one language; each says how long it waited for a recogniser.

        Raises:
          RecognitionFailed: it could not be done.
        """
        began = time.monotonic()
        heard = _read(parcels.unpack_heard, self._post(parcels.pack_windows(windows)))
        _complete(heard.hypotheses, windows)
        self.name = heard.model
        waited = max(0.0, time.monotonic() - began - heard.busy)
        trace = LISTENED_TO if self._abilities.scores else None
        return [replace(one, trace=one.trace and trace, waited=waited) for one in heard.hypotheses]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        """Weigh texts by listening to their audio again.

        Raises:
          RecognitionFailed: it could not be done.
        """
        likelihoods = _read(parcels.unpack_likelihoods, self._post(parcels.pack_scorings(questions)))
        _complete(likelihoods, questions)
        return likelihoods

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        """Refuse: no cluster is asked for sounds.

        Raises:
          RecognitionFailed: always.
        """
        raise RecognitionFailed(f"{self.name} hears no sounds")


def connect(address: str, *, concurrency: int = IN_FLIGHT) -> RayRecognizer:
    """Find the recognisers at `ray://HOST:PORT/APPLICATION`.

    Raises:
      ClusterError: there are none, or they are of another version.
    """
    asking = Asking(ingress(address))
    try:
        return RayRecognizer(asking.post, concurrency=concurrency)
    except (RecognitionFailed, ValueError) as error:
        asking.close()
        raise ClusterError(address, str(error)) from None


def _read(unpack: Callable[[bytes], T], answer: bytes) -> T:
    try:
        return unpack(answer)
    except ValueError as error:
        raise RecognitionFailed(f"the cluster {error}") from None


def _complete(answers: Sequence[object], asked: Sequence[object]) -> None:
    if len(answers) != len(asked):
        raise RecognitionFailed(f"the cluster gives {len(answers)} answers to {len(asked)} questions")
