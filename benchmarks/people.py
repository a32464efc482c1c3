"""How many of the phrases that people really said are blocked, and how many that nobody said?

Recordings of people at telephone quality, and a lexicon in which each phrase is a rule of its own. They are scanned by
`huazha scan`, or played as calls to `huazha serve` in real time, several at once; either may be another checkout's. A
phrase that was said is met by a block of its rule, on its channel, about when it was said. A block of a phrase that the
recording's transcript does not hold is false. A phrase that was said, though nobody marked it there, is neither.

The same is done to the recordings degraded: with six other people of the set 10 dB below (babble), over GSM 06.10
(gsm), and with one packet of 20 ms in twenty lost (loss). Intervals are Wilson's, 95 %, as if each phrase were somebody
else's.

    python -m benchmarks.people FOLDER [--lexicon FILE, FOLDER.yaml if not given] [--as scan|live [--parallel 4]]
        [--degrade clean babble gsm loss] [--checkout DIR] [--model base] [--json FILE] [--picture DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from benchmarks import calls, machine
from benchmarks.calls import LabelledCall
from benchmarks.degraded import DEGRADATIONS, RATE, generator
from benchmarks.phrases import Found, Judged, Rate, Share, curve, false_rates, judge, shares
from benchmarks.served import of_checkout, serving
from benchmarks.streams import percentile, stream
from lexicon.loader import load
from lexicon.types import Severity
from streamer import loops, recordings
from streamer.client import Received

CLEAN = "clean"
SCAN = ("-c", "from streamer.cli import main; main()", "scan")
NAMED = 12
"""Phrases that are named for each degradation; `--json` has all."""


def degraded(labelled: Sequence[LabelledCall], name: str, folder: Path, seed: int) -> list[LabelledCall]:
    """Write what a line does to recordings of one channel into a folder, as 16-bit WAV, and name what was written.

    Raises:
      SystemExit: a recording is none of a telephone line's.
    """
    if name == CLEAN:
        return list(labelled)
    played = [recordings.read(call.path) for call in labelled]
    if wide := [recording.path.name for recording in played if recording.sample_rate != RATE]:
        raise SystemExit(f"only recordings of {RATE} Hz are degraded; {', '.join(wide)} has another rate")
    heard = [np.ascontiguousarray(recording.samples[:, 0]) for recording in played]
    written = []
    for call, speech in zip(labelled, heard, strict=True):
        others = [other for by, other in zip(labelled, heard, strict=True) if by.voice != call.voice]
        rng = generator(seed, f"{name} {call.path.name}")
        samples = DEGRADATIONS[name](speech, others, rng)
        path = folder / name / call.path.name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, RATE, format="WAV", subtype="PCM_16")
        written.append(replace(call, path=path))
    return written


def scanned(
    labelled: Sequence[LabelledCall], lexicon: Path, model: str, checkout: Path | None, folder: Path
) -> list[Found]:
    """Scan recordings by the command, and read what it found.

    Raises:
      SystemExit: the command failed, or left a recording out.
    """
    out = folder / f"{labelled[0].path.parent.name}.jsonl"
    command = [sys.executable, *SCAN, *(str(call.path) for call in labelled), "--lexicon", str(lexicon)]
    command += ["--language", labelled[0].language, "--model", model, "--channels", "agent", "--no-journal"]
    command += ["--out", str(out), "--data", str(folder / "data")]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **of_checkout(checkout)
    )
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
    left_out = {call.path.name for call in labelled} - {Path(row["file"]).name for row in rows if "sha256" in row}
    if ended.returncode or left_out:
        raise SystemExit(f"the scan left {len(left_out)} recordings out, and said: {ended.stdout[-2000:]}")
    return list(reported(rows))


def reported(rows: Iterable[Mapping[str, Any]]) -> Iterator[Found]:
    """Read what a scan's lines say of violations; alerts are such, reviews are not."""
    for row in rows:
        if row.get("severity") in {Severity.BLOCK, Severity.ALERT} and "violation_id" in row:
            yield Found(
                Path(row["file"]).name,
                row["rule_id"],
                row["term"],
                row["channel"],
                row["start"],
                row["end"],
                row["severity"] == Severity.BLOCK,
                row["confidence"],
            )


async def played(
    labelled: Sequence[LabelledCall], lexicon: Path, model: str, checkout: Path | None, parallel: int
) -> tuple[list[Found], float]:
    """Play recordings as calls to a service in a process of its own, so many at a time.

    Returns:
      what it told of, and the seconds that were not monitored: of an overloaded machine nothing else is worth telling.
    """
    with TemporaryDirectory(prefix="huazha") as folder:
        config = Path(folder) / "huazha.toml"
        config.write_text(f"[limits]\nmax_calls = {parallel}\n", encoding="utf-8")
        options = ("--config", str(config), "--lexicon", str(lexicon))
        async with serving(model, *options, checkout=checkout) as service:
            turn = asyncio.Semaphore(parallel)

            async def one(call: LabelledCall) -> tuple[list[Found], float]:
                async with turn:
                    messages = await stream(service.url, call)
                return list(told(call.path.name, messages)), messages[-1].message["blind_seconds"]

            heard = await asyncio.gather(*map(one, labelled))
    return [found for some, _ in heard for found in some], sum(blind for _, blind in heard)


def told(file: str, messages: Sequence[Received]) -> Iterator[Found]:
    """Read what a call's messages say of violations: blocked if a block ever came, else by how they ended."""
    blocks = {one.message["violation_id"]: one.at for one in reversed(messages) if one.message["type"] == "block"}
    last = {one.message["violation_id"]: one.message for one in messages if one.message["type"] == "violation"}
    for identity, message in last.items():
        alerted = message["severity"] == Severity.ALERT and message["status"] not in {"candidate", "retracted"}
        if identity in blocks or alerted:
            yield Found(
                file,
                message["rule_id"],
                message["term"],
                message["channel"],
                message["start"],
                message["end"],
                identity in blocks,
                message["confidence"],
                blocks.get(identity),
            )


def rules_of(lexicon: Path, labelled: Sequence[LabelledCall]) -> dict[str, str]:
    """Give each phrase's rule.

    Raises:
      SystemExit: a marked phrase has none.
    """
    language = labelled[0].language
    rules = {term: rule.id for rule in load([lexicon]).rules if rule.language == language for term in rule.terms}
    if lacking := {mark.term for call in labelled for mark in call.marks if mark.violation} - rules.keys():
        raise SystemExit(f"{lexicon} has no rule for {', '.join(sorted(lacking))}")
    return rules


def show(judged: Mapping[str, Judged], title: str) -> None:
    """Print the table, and name some of what was missed and what was false."""
    table = Table("", *judged, title=title)
    groups = {name: shares(one.phrases) for name, one in judged.items()}
    for group in groups[next(iter(groups))]:
        label = f"length {group}" if group.isdigit() else group
        table.add_row(label, *(_share(groups[name][group]) for name in judged))
    rates = {name: false_rates(one) for name, one in judged.items()}
    for rate in rates[next(iter(rates))]:
        table.add_row(rate, *(_rate(rates[name][rate]) for name in judged))
    late = {name: [phrase.late for phrase in one.phrases if phrase.late is not None] for name, one in judged.items()}
    if any(late.values()):
        for percent in (50, 95):
            table.add_row(
                f"seconds to the block, p{percent}", *(f"{percentile(some, percent)}" for some in late.values())
            )
    Console(width=40 + 32 * len(judged)).print(table)
    for name, one in judged.items():
        missed = [f"{phrase.file} {phrase.term}" for phrase in one.phrases if not phrase.blocked]
        false = [f"{found.file} {found.term}" for found in one.falsely_blocked]
        unmarked = [f"{found.file} {found.term}" for found in one.unmarked if found.blocked]
        for label, some in (("missed", missed), ("false", false), ("said, not marked", unmarked)):
            if some:
                more = f"; and {len(some) - NAMED} more" if len(some) > NAMED else ""
                print(f"{name}: {label}: {', '.join(some[:NAMED])}{more}")


def _share(share: Share) -> str:
    low, high = share.bounds
    return f"{share.some} of {share.of}: {share.value:.0%} ({low:.0%} to {high:.0%})"


def _rate(rate: Rate) -> str:
    low, high = rate.bounds
    return f"{rate.value:.3g} ({low:.2g} to {high:.2g}), {rate.times} in all"


def figures(judged: Judged) -> dict[str, Any]:
    """Give all there is to tell, as JSON has it."""
    late = [phrase.late for phrase in judged.phrases if phrase.late is not None]
    return {
        "blocked": {name: {**asdict(one), "bounds": one.bounds} for name, one in shares(judged.phrases).items()},
        "false": {name: {**asdict(one), "bounds": one.bounds} for name, one in false_rates(judged).items()},
        "seconds to the block": {f"p{percent}": percentile(late, percent) for percent in (50, 95)},
        "phrases": [asdict(phrase) for phrase in judged.phrases],
        "false found": [asdict(found) for found in judged.false],
        "said, not marked": [asdict(found) for found in judged.unmarked],
        "curve": [*curve(judged)],
    }


def draw(judged: Mapping[str, Judged], title: str, picture: Path) -> None:
    """Draw what is missed against what is false, by the confidence from which all is blocked; dots are as it is."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    colours = ("#1a7f4b", "#c0262d", "#2b5fa8", "#b07a00")
    for (name, one), colour in zip(judged.items(), colours, strict=False):
        points = [*curve(one)]
        axes.step(
            [rate for _, _, rate in points], [missed for _, missed, _ in points], where="post", label=name, color=colour
        )
        blocks, rate = shares(one.phrases)["all"], false_rates(one)["false per term-hour"]
        axes.plot(rate.value, 1 - blocks.value, "o", color=colour, markersize=5)
    # One false in all there was: below it, where no logarithm is, the axis is even.
    least = 1 / max(one.term_hours for one in judged.values())
    axes.set_xscale("symlog", linthresh=least)
    axes.set(xlabel="false per term-hour", ylabel="share of phrases missed", xlim=(-least / 10, None), ylim=(0, 1))
    axes.set_title(title, fontsize=9)
    axes.legend(loc="upper right", fontsize=8)
    figure.savefig(picture)


def commit(checkout: Path | None) -> str:
    """Name a checkout's commit; empty where it is none."""
    where = checkout or Path(__file__).parent
    asked = subprocess.run(
        ["git", "-C", str(where), "describe", "--always", "--dirty", "--exclude", "*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.people", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="recordings of one channel and language, and their labels.json")
    parser.add_argument("--lexicon", type=Path, help="where each phrase is a rule (default: FOLDER.yaml)")
    parser.add_argument("--as", dest="way", choices=("scan", "live"), default="scan", help="(default: scan)")
    parser.add_argument("--parallel", type=int, default=4, help="calls at once, live (default: 4)")
    parser.add_argument(
        "--degrade", nargs="+", choices=(CLEAN, *DEGRADATIONS), default=[CLEAN], help="(default: clean)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the degradations (default: 1)")
    parser.add_argument("--checkout", type=Path, help="whose scan or service is measured (default: this one's)")
    parser.add_argument("--model", default="base", help="as in huazha scan (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, metavar="DIR", help="where to draw people-LANGUAGE.svg")
    options = parser.parse_args()
    recorded = options.folder.resolve()
    labelled = calls.read_set(recorded)
    language = labelled[0].language
    lexicon = (options.lexicon or recorded.with_name(f"{recorded.name}.yaml")).resolve()
    rules = rules_of(lexicon, labelled)
    checkout = options.checkout.resolve() if options.checkout else None
    judged: dict[str, Judged] = {}
    unmonitored: dict[str, float] = {}
    with TemporaryDirectory(prefix="huazha") as folder:
        for name in options.degrade:
            with Console(stderr=True).status(f"Listening: {name}"):
                heard = degraded(labelled, name, Path(folder), options.seed)
                if options.way == "scan":
                    found = scanned(heard, lexicon, options.model, checkout, Path(folder))
                else:
                    found, unmonitored[name] = loops.run(
                        played(heard, lexicon, options.model, checkout, options.parallel)
                    )
            judged[name] = judge(labelled, found, rules)
    minutes = sum(call.duration for call in labelled) / 60
    way = "scan" if options.way == "scan" else f"live, {options.parallel} at once"
    title = f"{language}, {minutes:.1f} minutes, {len(rules)} phrases listened for, {way}, {commit(checkout)}"
    print(machine.line())
    show(judged, title)
    for name, blind in unmonitored.items():
        print(f"{name}: {blind:.1f} s were not monitored")
    if options.json:
        summed = {"machine": machine.describe(), "commit": commit(checkout), "way": way, "model": options.model}
        summed |= {"minutes": minutes, "rules": len(rules), "seed": options.seed, "unmonitored": unmonitored}
        summed["degradations"] = {name: figures(one) for name, one in judged.items()}
        options.json.write_text(json.dumps(summed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(judged, title, options.picture / f"people-{language}.svg")


if __name__ == "__main__":
    main()
