"""The heads that ship: whole, of the right Whisper, and able to hear the bundled call."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from lexicon.pronunciation import inventory
from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.recognition import models
from streamer.recognition.devices import Placement
from streamer.recognition.engine import Loader
from streamer.recognition.recognizer import Window
from streamer.recognition.sounds.ear import Ear
from streamer.recognition.sounds.finding import SHIPPED, find_all, whisper_sha256
from streamer.recognition.sounds.head import Head
from streamer.recognition.sounds.search import search_of

FILES = sorted(SHIPPED.glob("*.npz"))


def test_are_those_that_their_checksums_are_of() -> None:
    lines = (line.split() for line in (SHIPPED / "SHA256SUMS").read_text("ascii").splitlines())
    sums = {name: digest for digest, name in lines}
    assert sums == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FILES}


def test_are_under_ten_megabytes_together() -> None:
    assert 0 < sum(file.stat().st_size for file in FILES) < 10_000_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_tell_apart_what_this_version_knows_and_are_calibrated(file: Path) -> None:
    about = Head.load(file).about
    assert about.units == inventory(about.language)
    assert about.sha256 == whisper_sha256(models.resolve("base"))
    assert about.likelihood is not None
    assert about.thresholds.keys() == {"sure", "candidate"}
    assert (np.array(about.thresholds["sure"]) >= np.array(about.thresholds["candidate"])).all()


def test_hear_a_term_of_the_bundled_call_in_three_seconds_that_end_with_it() -> None:
    directory = models.resolve("base")
    head = find_all(directory)["zh"]
    ear = Ear(Loader(directory, Placement("cpu", 0, "int8", 1, 1)).engine("zh"), head)
    search = search_of(compile_lexicon(load(shipped()), "zh"), head.about)
    assert search is not None
    with resources.as_file(resources.files("streamer") / "data" / "demo-zh.wav") as path:
        call = recordings.read(path)
    speech = np.ascontiguousarray(call.samples[:, call.channels.index("agent")])
    audio = Resampler(call.sample_rate).push(speech)
    sure = set()
    for end in np.arange(1.0, len(audio) / SAMPLE_RATE, 0.15):
        start = max(0.0, end - 3.0)
        window = Window("", "agent", 0, audio[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)], start, "zh")
        sure |= {hit.use.phrase for hit in search(ear.hear([window])[0], "agent", paused=False).hits if hit.sure}
    assert sure
