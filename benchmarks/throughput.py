"""How many windows a second does a model recognise in one place? Prints a line of JSON for each thing measured.

A process of its own, so that what hangs, crashes or fills a GPU's memory takes nothing else along; `benchmarks.gpu`
starts it. First what is there to compute on, then what is heard in the bundled calls, then, for each batch, windows a
second: of thorough looks (five readings, as when there is time) and of hurried ones, and what spectra and encoder take
of that.

    python -m benchmarks.throughput [MODEL] [--device cuda] [--compute-type float16] [--batch 4 16] [--workers 2]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls import LANGUAGES
from benchmarks.children import say
from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.errors import HuazhaError
from streamer.recognition import cuda, local, models
from streamer.recognition.devices import Wanted
from streamer.recognition.engine import stacked
from streamer.recognition.recognizer import Window
from streamer.recognition.whisper import MIN_FRAMES, WhisperRecognizer

LOOK, STEP = 3.0, 0.25
"""Seconds of audio in a window, about what is not yet committed of one in a call; and from one window to the next."""
LISTEN = 5.0
"""Seconds of audio in each of the windows that a call's text is heard in."""
REPEATS = 3
"""Times that spectra and encoder are timed by themselves."""
TIMED_IN = "zh"


def leg(language: str, channel: str = "agent") -> NDArray[np.float32]:
    """Give a leg of a bundled call at 16 kHz."""
    with resources.as_file(resources.files("streamer") / "data" / f"demo-{language}.wav") as file:
        recording = recordings.read(file)
    samples = np.ascontiguousarray(recording.samples[:, recording.channels.index(channel)])
    resampler = Resampler(recording.sample_rate)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def windows(audio: NDArray[np.float32], language: str, *, length: float, step: float) -> list[Window]:
    """Cut a leg into windows, of which no two are the same: what is measured over and over measures a cache."""
    size, apart = round(length * SAMPLE_RATE), round(step * SAMPLE_RATE)
    begins = range(0, max(1, len(audio) - size + 1), apart)
    return [
        Window("bundled", "agent", number, audio[at : at + size], at / SAMPLE_RATE, language)
        for number, at in enumerate(begins)
    ]


def spoken(looks: Sequence[Window]) -> list[Window]:
    """Keep the windows in which somebody speaks: those no fainter than half the leg's own level."""
    levels = [float(np.sqrt(np.mean(look.audio**2))) for look in looks]
    floor = float(np.sqrt(np.mean(np.square(levels)))) / 2
    return [look for look, level in zip(looks, levels, strict=True) if level >= floor]


def text(recognizer: WhisperRecognizer, language: str) -> str:
    """Give what is heard of the agent in a bundled call, one window after the other."""
    looks = windows(leg(language), language, length=LISTEN, step=LISTEN)
    return "".join(word.text for heard in recognizer.recognize(looks) for word in heard.words)


def rate(recognizer: WhisperRecognizer, looks: Sequence[Window], batch: int, seconds: float) -> tuple[float, float]:
    """Recognise batches in as many threads as the recogniser gains from, for so many seconds, and count.

    Returns:
      windows a second, of all threads together; and the seconds that a batch took, in the mean.
    """

    def batches(worker: int) -> Iterator[list[Window]]:
        # Each begins elsewhere, so that no two do the same at the same time.
        turn = itertools.islice(itertools.cycle(looks), worker * len(looks) // recognizer.concurrency, None)
        while True:
            yield list(itertools.islice(turn, batch))

    def work(worker: int) -> int:
        for done, several in enumerate(batches(worker), 1):
            recognizer.recognize(several)
            if time.perf_counter() >= until:
                return done
        raise AssertionError("there is always another batch")

    # A device sets itself up for a shape when that first comes.
    recognizer.recognize(next(batches(0)))
    with ThreadPoolExecutor(recognizer.concurrency) as threads:
        began = time.perf_counter()
        until = began + seconds
        done = sum(threads.map(work, range(recognizer.concurrency)))
        took = time.perf_counter() - began
    return round(done * batch / took, 2), round(took * recognizer.concurrency / done, 3)


def measure(recognizer: WhisperRecognizer, looks: Sequence[Window], batch: int, seconds: float) -> dict[str, float]:
    """Measure batches of one size: the fields of `benchmarks.gpu_report.Measured` that are of them."""
    engine = recognizer.engine(looks[0].language)
    some = [look.audio for look in itertools.islice(itertools.cycle(looks), batch)]
    batched = stacked([engine.features(audio, MIN_FRAMES) for audio in some])
    spectrum = _seconds(lambda: [engine.features(audio, MIN_FRAMES) for audio in some])
    # It comes back when the device has done it.
    encoder = _seconds(lambda: engine.model.encode(batched))
    thorough, thorough_took = rate(recognizer, looks, batch, seconds)
    hurried, hurried_took = rate(recognizer, [replace(look, thorough=False) for look in looks], batch, seconds)
    return {
        "batch": batch,
        "thorough": thorough,
        "thorough_took": thorough_took,
        "hurried": hurried,
        "hurried_took": hurried_took,
        "spectrum": round(1000 * spectrum / batch, 2),
        "encoder": round(1000 * encoder / batch, 2),
    }


def there(device: str, index: int) -> dict[str, Any]:
    """Say what there is to compute on."""
    wanted = Wanted(device="cpu" if device == "cpu" else "auto", device_index=index)
    facts = local.facts(wanted)
    card = None if device == "cpu" else cuda.card(index)
    return {
        "ctranslate2": version("ctranslate2"),
        "cores": facts.cores,
        "processor_types": sorted(facts.types),
        "gpus": facts.gpus,
        "gpu": {"types": sorted(facts.gpu.types), "trouble": facts.gpu.trouble} if facts.gpu else None,
        "card": asdict(card) if card else None,
    }


def _seconds(work: Callable[[], object]) -> float:
    """Time something, when it has been done once; the mean of some times."""
    work()
    began = time.perf_counter()
    for _ in range(REPEATS):
        work()
    return (time.perf_counter() - began) / REPEATS


def _measure(options: argparse.Namespace) -> None:
    wanted = Wanted(options.device, options.device_index, options.compute_type, options.workers, max(options.batch))
    directory = models.resolve(options.model)
    placement = local.place(wanted, directory)
    began = time.perf_counter()
    recognizer = WhisperRecognizer(directory, name=Path(options.model).name, placement=placement)
    recognizer.warm(LANGUAGES)
    loaded = round(time.perf_counter() - began, 1)
    say({"placement": asdict(placement), "loaded": loaded})
    say({"text": {language: text(recognizer, language) for language in LANGUAGES}})
    looks = spoken(windows(leg(TIMED_IN), TIMED_IN, length=LOOK, step=STEP))
    for batch in options.batch if options.seconds else ():
        say({"batch": measure(recognizer, looks, batch, options.seconds)})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="as in huazha serve; without, only says what there is to compute on")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="default: cuda")
    parser.add_argument("--device-index", type=int, default=0, help="of the GPU (default: 0)")
    parser.add_argument("--compute-type", help="as CTranslate2 names it (default: what the device does best)")
    parser.add_argument("--batch", type=int, nargs="+", default=[4, 16], help="windows together (default: 4 16)")
    parser.add_argument("--workers", type=int, help="batches at once (default: what suits the device)")
    parser.add_argument("--seconds", type=float, default=4.0, help="that each is measured; 0 for the text alone")
    options = parser.parse_args()
    try:
        say({"there": there(options.device, options.device_index)})
        if options.model is not None:
            _measure(options)
    except (HuazhaError, RuntimeError) as error:
        # CTranslate2's own errors are of the latter kind.
        say({"failed": str(error)})
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
