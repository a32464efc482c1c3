"""How many hours of calls are scanned in an hour, beside plain faster-whisper on the same files in the same run?

Three ways, one after the other in each round, in another order each time: Huazha's scan as `huazha scan` does it;
`WhisperModel.transcribe`; and `BatchedInferencePipeline`. The weights are the same, and so is the type that they are
computed in; each way has one thread a core, and each channel is heard by itself, since a scan must know who spoke.
faster-whisper is used as it comes (beam 5), with the language given and its VAD on. Decoding files counts for all.

Beside speed stands what came of it: the violations found (Huazha's as it reports them; in faster-whisper's text, as
the same lexicon finds them by exact text, and by sound), false blocks, and the error rate of the text.

    python -m benchmarks.scan CALLS [--rounds 3] [--model base] [--json FILE] [--picture docs/scan-speed.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Printed
from threadpoolctl import threadpool_limits

from benchmarks import calls, error_rates, machine
from benchmarks.calls import LabelledCall
from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Score, TranscriptUpdate
from lexicon.compiler import Table, compile_lexicon
from lexicon.loader import load, shipped
from lexicon.types import Severity
from streamer import recordings, service, settings
from streamer.audio import Resampler
from streamer.recognition import models
from streamer.recognition.recognizer import Recognizer
from streamer.recognition.words import TimedToken, to_words
from streamer.scan.results import Scanned
from streamer.scan.scanner import Job, Rules, at_once, scan_all, scanning
from streamer.scan.sources import Source

BATCH = 8
"""Chunks that faster-whisper decodes together: its own default."""
SAME_SOUND = 0.07
"""Distance up to which two texts are the same in the ear."""
HUAZHA, PLAIN, BATCHED = "huazha scan", "transcribe", "BatchedInferencePipeline"

Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pass:
    """What one way made of all calls.

    Attributes:
      seconds: that it took.
      texts: of each call, by channel.
      blocked: of each call, the channels, terms and seconds of what would be blocked; None where only text is there.
    """

    way: str
    seconds: float
    texts: Sequence[Text]
    blocked: Sequence[Sequence[tuple[str, str, float, float]]] | None = None


def by_huazha(recognizer: Recognizer, rules: Rules, labelled: Sequence[LabelledCall]) -> Pass:
    """Scan the calls as the command does."""
    jobs = [Job(Source(str(call.path), 0, None), call.language) for call in labelled]

    async def run() -> dict[str, Scanned]:
        found: dict[str, Scanned] = {}
        async with scanning(recognizer, rules, transcripts=True) as scanner:
            async for job, result in scan_all(scanner, jobs, at_once=at_once(recognizer)):
                assert isinstance(result, Scanned), result
                found[job.source.name] = result
        return found

    began = time.perf_counter()
    with threadpool_limits(1, user_api="blas"):
        found = asyncio.run(run())
    took = time.perf_counter() - began
    results = [found[str(call.path)] for call in labelled]
    return Pass(HUAZHA, took, [_transcribed(one) for one in results], [_blocked(one) for one in results])


def _transcribed(result: Scanned) -> Text:
    texts = dict.fromkeys(result.channels, "")
    for line in result.transcript or ():
        texts[line.channel] += f" {line.text}"
    return texts


def _blocked(result: Scanned) -> list[tuple[str, str, float, float]]:
    return [(one.channel, one.term, one.start, one.end) for one in result.found if one.severity == Severity.BLOCK]


def by_whisper(
    way: str, transcribe: Callable[..., Any], workers: int, labelled: Sequence[LabelledCall], **options: Any
) -> Pass:
    """Transcribe each channel of the calls by itself, as many at once as there are workers."""

    def hear(call: LabelledCall) -> Text:
        return {
            channel: "".join(segment.text for segment in transcribe(audio, language=call.language, **options)[0])
            for channel, audio in _channels(call).items()
        }

    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as threads:
        texts = list(threads.map(hear, labelled))
    return Pass(way, time.perf_counter() - began, texts)


def _channels(call: LabelledCall) -> dict[str, NDArray[np.float32]]:
    recording = recordings.read(call.path)
    audio = {}
    for column, name in enumerate(recording.channels):
        resampler = Resampler(recording.sample_rate)
        samples = np.ascontiguousarray(recording.samples[:, column])
        audio[name] = np.concatenate([resampler.push(samples), resampler.flush()])
    return audio


def hits(one: Pass, labelled: Sequence[LabelledCall], tables: Mapping[str, Table], *, sounds: bool) -> tuple[int, int]:
    """Count the labelled violations that were found, and the blocks that nothing was labelled for.

    Args:
      sounds: in text, whether what is written as something that sounds the same counts.
    """
    found = false = 0
    for number, call in enumerate(labelled):
        if one.blocked is not None:
            blocked = one.blocked[number]
            met = {m for m in call.marks if m.violation and any(m.met_by(s, e, c) for c, _, s, e in blocked)}
            found += len(met)
            stray = [b for b in blocked if not any(m.violation and m.met_by(b[2], b[3], b[0]) for m in call.marks)]
            false += sum(not call.holds(term, channel) for channel, term, _, _ in stray)
            continue
        terms = {c: _in_text(text, c, tables[call.language], sounds) for c, text in one.texts[number].items()}
        found += sum(mark.violation and mark.term in terms[mark.channel] for mark in call.marks)
        false += sum(not call.holds(term, channel) for channel, some in terms.items() for term in some)
    return found, false


def _in_text(text: str, channel: str, table: Table, sounds: bool) -> set[str]:
    """Give the terms that a text would be blocked for."""
    if not sounds:
        table = replace(table, sounds=None)
    words = to_words([TimedToken(text, 0.0, 0.2 * len(text), 1.0)], 0.0, 0.2 * len(text))
    detector = Detector(table, ACTIONS)
    reaction = detector.update(TranscriptUpdate(channel, words, (), True))
    decisions = list(reaction.decisions)
    for request in reaction.requests:
        same = request.distance <= SAME_SOUND
        decisions += detector.scored(Score(request.id, 0.0, 0.0 if same else -1000.0)).decisions
    return {decision.violation.term for decision in decisions if decision.action is not None}


def _rates(one: Pass, labelled: Sequence[LabelledCall]) -> dict[str, float]:
    return {
        language: error_rates.error_rate(
            ((call.said, text) for call, text in zip(labelled, one.texts, strict=True) if call.language == language),
            language,
        )
        for language in calls.LANGUAGES
    }


def _speeds(passes: Iterable[Pass], way: str, hours: float) -> list[float]:
    return [hours * 3600 / one.seconds for one in passes if one.way == way]


def draw(speeds: Mapping[str, Sequence[float]], picture: Path) -> None:
    """Draw the hours of calls an hour, each round a dot."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, axes = plt.subplots(figsize=(7, 2.2), layout="constrained")
    for at, (way, some) in enumerate(reversed([*speeds.items()])):
        axes.barh(at, median(some), color="#1a7f4b" if way == HUAZHA else "#9aa5b1", height=0.6)
        axes.plot(some, [at] * len(some), "o", color="#222", markersize=3)
        axes.text(median(some), at, f"  {median(some):.1f}", va="center", fontsize=9)
    axes.set_yticks(range(len(speeds)), [*speeds][::-1])
    axes.set(xlabel="hours of two-channel calls scanned in an hour")
    axes.margins(x=0.12)
    figure.savefig(picture)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--rounds", type=int, default=3, help="of all ways (default: 3)")
    parser.add_argument("--model", default="base", help="as in huazha scan (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, help="where to draw the speeds (SVG or PNG)")
    options = parser.parse_args()
    chosen = settings.load(None, {"model": options.model})
    labelled = calls.read(options.calls)
    hours = sum(call.duration for call in labelled) / 3600
    lexicon = load(shipped())
    tables = {language: compile_lexicon(lexicon, language) for language in calls.LANGUAGES}
    rules = Rules(lexicon.version, tables)
    recognizer = service.load_recognizer(chosen)
    workers = recognizer.concurrency
    compute, _ = models.compute_type()
    whisper = WhisperModel(
        str(models.resolve(options.model)), device="cpu", compute_type=compute, cpu_threads=1, num_workers=workers
    )
    batched = BatchedInferencePipeline(whisper)
    ways: list[Callable[[], Pass]] = [
        lambda: by_huazha(recognizer, rules, labelled),
        lambda: by_whisper(PLAIN, whisper.transcribe, workers, labelled, vad_filter=True),
        lambda: by_whisper(BATCHED, batched.transcribe, workers, labelled, batch_size=BATCH),
    ]
    console = Console(width=120)
    passes: list[Pass] = []
    with Console(stderr=True).status("Scanning") as status:
        for number in range(options.rounds):
            for listen in [*ways[number % len(ways) :], *ways[: number % len(ways)]]:
                passes.append(listen())
                status.update(f"Round {number + 1}: {passes[-1].way} took {passes[-1].seconds:.0f} s")
    speeds = {way: _speeds(passes, way, hours) for way in (HUAZHA, PLAIN, BATCHED)}
    printed = Printed("", "hours an hour (range)", "Huazha is", "violations", "false", "zh characters", "en words")
    figures: dict[str, Any] = {"machine": machine.describe(), "model": options.model, "hours": hours, "ways": {}}
    for way, some in speeds.items():
        last = next(one for one in reversed(passes) if one.way == way)
        rates = _rates(last, labelled)
        found = {
            name: hits(last, labelled, tables, sounds=sounds) for name, sounds in (("text", False), ("sound", True))
        }
        ratios = [ours / theirs for ours, theirs in zip(speeds[HUAZHA], some, strict=True)]
        printed.add_row(
            way,
            f"{median(some):.1f} ({min(some):.1f} to {max(some):.1f})",
            "" if way == HUAZHA else f"{median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})",
            str(found["text"][0]) if way == HUAZHA else f"{found['text'][0]}; by sound {found['sound'][0]}",
            str(found["text"][1]) if way == HUAZHA else f"{found['text'][1]}; by sound {found['sound'][1]}",
            f"{rates['zh']:.1%} wrong",
            f"{rates['en']:.1%} wrong",
        )
        figures["ways"][way] = {"speeds": some, "ratios": ratios, "found": found, "error rates": rates}
    wanted = sum(mark.violation for call in labelled for mark in call.marks)
    console.print(machine.line(), highlight=False)
    console.print(f"{hours * 60:.1f} minutes of calls, {wanted} violations labelled; {options.rounds} rounds")
    console.print(printed)
    if options.json:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(speeds, options.picture)


if __name__ == "__main__":
    main()
