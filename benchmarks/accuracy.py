"""How many violations are blocked, and how many blocks are right, at each level of matching?

Recognises labelled calls once, window by window on a virtual clock, and replays what was heard through the detector:
by text alone; with terms that sound the same; with terms that sound alike; and with each candidate weighed against the
audio, as the service does it. Beside that, how far the agreed text is from the labels, and how far what faster-whisper
makes of the whole recording is.

    python -m benchmarks.accuracy CALLS [--model base] [--json FILE] [--picture docs/verification.svg]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table as Printed

from benchmarks import calls, error_rates, machine
from benchmarks.calls import LabelledCall, Mark
from benchmarks.error_rates import WholeFile
from detector import verify
from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Decision, Score, ScoreRequest, TranscriptUpdate, Violation, Word
from lexicon.compiler import Table, compile_lexicon
from lexicon.loader import load, shipped
from streamer import recordings, service, settings
from streamer.audio import SAMPLE_RATE, Resampler, decode, encode
from streamer.channel import AFTER, BEFORE, Channel
from streamer.recognition.recognizer import Recognizer, Scoring, Window
from streamer.recognition.vad import SileroModel

FRAME = 0.02
TAKES = 0.2
"""Seconds of the virtual clock that a window takes, about what it takes on two cores."""
SAME_SOUND = 0.07
IMPOSSIBLE = -1000.0
LEVELS = ("text", "+ phonetic", "+ near miss", "+ verification")


@dataclass(frozen=True, slots=True)
class Look:
    """What one window changed, all that was heard in it, and its audio."""

    update: TranscriptUpdate
    words: tuple[Word, ...]
    audio: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as it was recognised, look by look, and its channels' audio at 16 kHz."""

    call: LabelledCall
    looks: Sequence[Look]
    audio: dict[str, NDArray[np.float32]]

    @property
    def agreed(self) -> dict[str, str]:
        """The text that was committed, by channel."""
        texts = dict.fromkeys(self.audio, "")
        for look in self.looks:
            texts[look.update.channel] += "".join(word.text for word in look.update.committed)
        return texts


Answer = Callable[[ScoreRequest, Look], Score]


def listen(recognizer: Recognizer, call: LabelledCall) -> Heard:
    """Recognise a call as the service would, on a virtual clock."""
    recording = recordings.read(call.path)
    looks: list[tuple[float, Look]] = []
    audio = {}
    for column, name in enumerate(recording.channels):
        samples = np.ascontiguousarray(recording.samples[:, column])
        resampler = Resampler(recording.sample_rate)
        received = resampler.push(decode(encode(samples, recording.encoding), recording.encoding))
        audio[name] = np.concatenate([received, resampler.flush()])
        channel = Channel(name, recording.encoding, recording.sample_rate, SileroModel())
        mono = replace(recording, samples=samples[:, None], channels=(name,))
        looks += _listen_to(recognizer, channel, list(mono.frames(FRAME)), call.language)
    return Heard(call, [look for _, look in sorted(looks, key=lambda one: one[0])], audio)


def _listen_to(
    recognizer: Recognizer, channel: Channel, frames: list[bytes], language: str
) -> Iterator[tuple[float, Look]]:
    due, now = 0.0, 0.0
    excerpt = None
    while True:
        if frames:
            channel.receive(frames.pop(0))
            if not frames:
                channel.finish()
            if (portion := channel.portion()) is not None:
                channel.take(portion.process())
        now += FRAME
        if excerpt is not None and now >= due:
            final, speech = excerpt.plan.final, excerpt.speech
            window = Window("", channel.name, 0, excerpt.audio, excerpt.start, language, final=final, speech=speech)
            (hypothesis,) = recognizer.recognize([window])
            yield now, Look(channel.heard(hypothesis)[0], hypothesis.words, excerpt.audio)
            excerpt = None
        if excerpt is None and (excerpt := channel.next()) is not None:
            due = now + TAKES
        if not frames and excerpt is None and channel.idle:
            return


def replay(heard: Heard, table: Table, answer: Answer) -> list[Violation]:
    """Run a call's text through a detector; give what is blocked when all is said."""
    detector = Detector(table, ACTIONS)
    blocked: dict[str, Violation] = {}
    for look in heard.looks:
        decisions, requests = list[Decision](), list[ScoreRequest]()
        for reaction in (detector.update(look.update), detector.reread(look.update)):
            decisions += reaction.decisions
            requests += reaction.requests
        for request in requests:
            decisions += detector.scored(answer(request, look)).decisions
        for decision in decisions:
            if decision.action is not None:
                blocked[decision.violation.id] = decision.violation
    return list(blocked.values())


def weigh(recognizer: Recognizer, heard: Heard) -> Answer:
    """Answer as the service does, from the audio."""

    def answer(request: ScoreRequest, look: Look) -> Score:
        again = request.within(look.words)
        start, end = (round(max(0.0, at) * SAMPLE_RATE) for at in (request.start - BEFORE, request.end + AFTER))
        audio = look.audio if again else heard.audio[request.channel][start:end]
        texts = again or request.alone()
        question = Scoring("", "", request.id, audio, heard.call.language, texts.heard, texts.instead, 0.0)
        (likelihoods,) = recognizer.score([question])
        return question.answer(likelihoods)

    return answer


def _levels(table: Table, weighed: Answer) -> dict[str, tuple[Table, Answer]]:
    def by_distance(most: float) -> Answer:
        return lambda request, _: Score(request.id, 0.0, 0.0 if request.distance <= most else IMPOSSIBLE)

    answers = (by_distance(-1), by_distance(SAME_SOUND), by_distance(1), weighed)
    tables = (replace(table, sounds=None), table, table, table)
    return dict(zip(LEVELS, zip(tables, answers, strict=True), strict=True))


@dataclass(slots=True)
class Tally:
    """What became of the violations, and of the blocks."""

    hits: list[str]
    missed: list[str]
    false: list[str]
    unmarked: list[str]


def judge(heard: Heard, blocked: Sequence[Violation], tally: Tally) -> None:
    """Hold blocks against marks; a term that was said, though nobody marked it, is neither right nor false."""
    call, met = heard.call, set[Mark]()
    for violation in blocked:
        mark = next((m for m in call.marks if m.met_by(violation.start, violation.end, violation.channel)), None)
        name = f"{call.path.name} {violation.term}"
        if mark is not None and mark.violation:
            met.add(mark)
        elif mark is None and call.holds(violation.term, violation.channel):
            tally.unmarked.append(name)
        else:
            tally.false.append(name)
    for mark in call.marks:
        if mark.violation:
            (tally.hits if mark in met else tally.missed).append(f"{call.path.name} {mark.term}")


def curve(heard: Sequence[Heard], tables: dict[str, Table], answers: Sequence[Answer]) -> list[tuple[float, bool]]:
    """Give the cost of each candidate that was weighed, and whether a violation was spoken there."""
    points: list[tuple[float, bool]] = []
    for call, answer in zip(heard, answers, strict=True):
        detector = Detector(tables[call.call.language], ACTIONS)
        for look in call.looks:
            for request in (*detector.update(look.update).requests, *detector.reread(look.update).requests):
                violation, score = detector.named(request.id), answer(request, look)
                lost = score.heard - score.instead
                syllables = detector.syllables(violation.term)
                cost = verify.cost(request.distance, lost, syllables, early=request.early)
                points.append((cost, any(_meets(mark, violation) for mark in call.call.marks)))
                detector.scored(score)
    return points


def _meets(mark: Mark, violation: Violation) -> bool:
    return mark.violation and mark.met_by(violation.start, violation.end, violation.channel)


def draw(points: Sequence[tuple[float, bool]], picture: Path) -> None:
    """Draw how many true and other candidates pass, by the cost at which the line is drawn."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    steps = np.linspace(0, 6, 121)
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for wanted, label, colour in ((True, "violation spoken there", "#1a7f4b"), (False, "nothing spoken", "#c0262d")):
        costs = np.array([cost for cost, true in points if true is wanted])
        share = [float(np.mean(costs <= step)) if len(costs) else 0.0 for step in steps]
        axes.step(steps, share, where="post", label=f"{label} ({len(costs)} candidates)", color=colour)
    bounds = (("block", verify.EVEN), ("alert", verify.EVEN + float(np.log(1 / verify.ALERT - 1)) / verify.SHARPNESS))
    for name, at in bounds:
        axes.axvline(at, color="#666", linestyle=":")
        axes.text(at + 0.05, 0.03, f"{name} up to {at:.2f}", rotation=90, va="bottom", fontsize=8)
    axes.set(xlabel="cost: 4 x distance + nats lost a syllable", ylabel="share of candidates", ylim=(0, 1.02))
    axes.legend(loc="center right", fontsize=8)
    figure.savefig(picture)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--model", default="base", help="as in huazha serve (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, help="where to draw the verification curve (SVG or PNG)")
    options = parser.parse_args()
    recognizer = service.load_recognizer(settings.load(None, {"model": options.model}))
    labelled = calls.read(options.calls)
    tracked = partial(track, total=len(labelled), console=Console(stderr=True), transient=True)
    with ThreadPoolExecutor(recognizer.concurrency) as threads:
        streams = threads.map(lambda call: listen(recognizer, call), labelled)
        heard = list(tracked(streams, "Recognising"))
        whole_file = WholeFile(options.model, workers=recognizer.concurrency)
        read = threads.map(lambda one: whole_file.hear(one.audio, one.call.language), heard)
        whole = list(tracked(read, "Transcribing whole files"))
    lexicon = load(shipped())
    tables = {language: compile_lexicon(lexicon, language) for language in calls.LANGUAGES}
    answers = [weigh(recognizer, call) for call in heard]
    figures: dict[str, object] = {"machine": machine.describe(), "model": options.model}
    printed = Printed("", *LEVELS)
    errors = Printed("errors", "stream", "whole file", "stream against whole file")
    details: list[str] = []
    for language in calls.LANGUAGES:
        tallies = {level: Tally([], [], [], []) for level in LEVELS}
        for call, answer in zip(heard, answers, strict=True):
            if call.call.language == language:
                for level, (table, answered) in _levels(tables[language], answer).items():
                    judge(call, replay(call, table, answered), tallies[level])
        printed.add_row(
            f"{language} recall", *(f"{len(t.hits)} of {len(t.hits) + len(t.missed)}" for t in tallies.values())
        )
        printed.add_row(f"{language} false blocks", *(str(len(t.false)) for t in tallies.values()))
        texts = [(c.call.said, c.agreed, w) for c, w in zip(heard, whole, strict=True) if c.call.language == language]
        found = error_rates.rates(texts, language)
        errors.add_row(f"{language} {error_rates.UNITS[language]}", *(f"{rate:.1%}" for rate in asdict(found).values()))
        figures[language] = {
            level: {"hits": len(t.hits), "missed": t.missed, "false": t.false, "said but not marked": t.unmarked}
            for level, t in tallies.items()
        } | {"error rates": asdict(found)}
        last = tallies[LEVELS[-1]]
        details += [f"missed  {name}" for name in last.missed] + [f"false   {name}" for name in last.false]
        details += [f"said, not marked  {name}" for name in last.unmarked]
    console = Console(width=120)
    console.print(machine.line(), highlight=False)
    console.print(printed, errors)
    print("\n".join(details))
    if options.json:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(curve(heard, tables, answers), options.picture)


if __name__ == "__main__":
    main()
