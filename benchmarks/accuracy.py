"""How many violations are blocked, and how many blocks are right, at each level of matching?

Recognises labelled calls, window by window on a virtual clock, and replays what was heard through the detector: by text
alone; with terms that sound the same; with terms that sound alike; with each candidate weighed against the audio; and,
where a head reads sounds in the language, with terms heard in the sound itself. For the last, calls are recognised once
more, as the service does it there: text is looked at less often, and sounds besides. Beside that, how far the agreed
text (of the last level that there is) is from the labels, and how far what faster-whisper makes of the whole recording.

Where CALLS holds sets of people as well (CALLS/NAME with a labels.json, and CALLS/NAME.yaml), they are scanned as
`benchmarks.people` does it: recall by length and by what was done to the recordings, false by term-hour, and how often
what was found is true. Their pictures, the curve of what is missed against what is false among them, go beside the
verification curve.

    python -m benchmarks.accuracy CALLS [--people [NAME ...], all if not given] [--degrade clean babble gsm loss]
        [--model base] [--json FILE] [--picture docs/verification.svg]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table as Printed
from threadpoolctl import threadpool_limits

from benchmarks import calls, error_rates, machine, people, people_report
from benchmarks.calls import Mark
from benchmarks.degraded import DEGRADATIONS
from benchmarks.error_rates import WholeFile
from benchmarks.levels import LEVELS, Answer, Heard, Look, levels, listen, weigh
from detector import verify
from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Violation
from lexicon.compiler import Table, compile_lexicon
from lexicon.loader import load, shipped
from streamer import service, settings
from streamer.recognition.sounds.search import live_search_of


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
    """Give the cost of each candidate found in text that was weighed, and whether a violation was spoken there."""
    points: list[tuple[float, bool]] = []
    for call, answer in zip(heard, answers, strict=True):
        detector = Detector(tables[call.call.language], ACTIONS)
        for look in (look for look in call.looks if isinstance(look, Look)):
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


def sets_of(folder: Path, names: Sequence[str] | None) -> list[Path]:
    """Give the sets of people in a folder, each with its lexicon beside it: those that are named, or all.

    Raises:
      SystemExit: one that is named isn't there.
    """
    found = {
        path.stem: path.with_suffix("")
        for path in sorted(folder.glob("*.yaml"))
        if (path.with_suffix("") / calls.LABELS).exists()
    }
    if missing := set(names or ()) - found.keys():
        raise SystemExit(f"{folder} holds no set of people {', '.join(sorted(missing))} with a lexicon beside it")
    return [*found.values()] if names is None else [found[name] for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument(
        "--people", nargs="*", metavar="NAME", help="sets of people in it (default: all; none if none is named)"
    )
    degradations = (people.CLEAN, *DEGRADATIONS)
    parser.add_argument(
        "--degrade", nargs="+", choices=degradations, default=degradations, help="of people (default: all)"
    )
    parser.add_argument("--model", default="base", help="as in huazha serve (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, help="where to draw the verification curve (SVG or PNG)")
    options = parser.parse_args()
    folder = options.calls.resolve()
    sets = sets_of(folder, options.people)
    console = Console(width=120)
    console.print(machine.line(), highlight=False)
    figures: dict[str, Any] = {"machine": machine.describe(), "model": options.model}
    figures |= in_calls(folder, options.model, options.picture, console)
    for recorded in sets:
        measured = people.measure(
            recorded, recorded.with_suffix(".yaml"), options.degrade, people.Way(options.model), people.SEED
        )
        people_report.show(measured)
        figures[recorded.name] = measured.figures()
        if options.picture:
            people_report.draw(measured, options.picture.parent)
    if options.json:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def in_calls(folder: Path, model: str, picture: Path | None, console: Console) -> dict[str, Any]:
    """Measure labelled calls at each level, and print that; give the figures by language."""
    recognizer = service.load_recognizer(settings.load(None, {"model": model}))
    labelled = calls.read(folder)
    lexicon = load(shipped())
    tables = {language: compile_lexicon(lexicon, language) for language in calls.LANGUAGES}
    searches = {name: live_search_of(table, recognizer.abilities(name).sounds) for name, table in tables.items()}
    hears = [call for call in labelled if searches[call.language] is not None]
    progress = Console(stderr=True)
    # As in the service: products as small as a head's gain nothing from more threads.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(recognizer.concurrency) as threads:
        tracked = partial(track, total=len(labelled), console=progress, transient=True)
        plain = list(tracked(threads.map(lambda call: listen(recognizer, call), labelled), "Recognising"))
        again = threads.map(lambda call: listen(recognizer, call, searches[call.language]), hears)
        listened = track(again, "Listening to sounds", total=len(hears), console=progress, transient=True)
        sounded = {one.call.path: (one, weigh(recognizer, one)) for one in listened}
        whole_file = WholeFile(model, workers=recognizer.concurrency)
        read = threads.map(lambda one: whole_file.hear(one.audio, one.call.language), plain)
        whole = list(tracked(read, "Transcribing whole files"))
    answers = [weigh(recognizer, call) for call in plain]
    figures: dict[str, Any] = {}
    printed = Printed("", *LEVELS)
    errors = Printed("errors", "stream", "whole file", "stream against whole file")
    details: list[str] = []
    for language in calls.LANGUAGES:
        tallies: dict[str, Tally] = {}
        texts = []
        for call, answer, text in zip(plain, answers, whole, strict=True):
            if call.call.language == language:
                heard = sounded.get(call.call.path)
                texts.append((call.call.said, (heard[0] if heard else call).agreed, text))
                for level, blocked in levels(tables[language], call, answer, heard).items():
                    judge(call, blocked, tallies.setdefault(level, Tally([], [], [], [])))
        if not tallies:
            continue
        recalls = [f"{len(t.hits)} of {len(t.hits) + len(t.missed)}" for t in tallies.values()]
        without = ["no head"] * (len(LEVELS) - len(tallies))
        printed.add_row(f"{language} recall", *recalls, *without)
        printed.add_row(f"{language} false blocks", *(str(len(t.false)) for t in tallies.values()))
        found = error_rates.rates(texts, language)
        errors.add_row(f"{language} {error_rates.UNITS[language]}", *(f"{rate:.1%}" for rate in asdict(found).values()))
        figures[language] = {
            level: {"hits": len(t.hits), "missed": t.missed, "false": t.false, "said but not marked": t.unmarked}
            for level, t in tallies.items()
        } | {"error rates": asdict(found)}
        last = [*tallies.values()][-1]
        details += [f"missed  {name}" for name in last.missed] + [f"false   {name}" for name in last.false]
        details += [f"said, not marked  {name}" for name in last.unmarked]
    console.print(printed, errors)
    print("\n".join(details))
    if picture:
        draw(curve(plain, tables, answers), picture)
    return figures


if __name__ == "__main__":
    main()
