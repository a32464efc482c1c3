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

The pictures are `det-LANGUAGE.svg`, what is missed against what is false, and `reliability-LANGUAGE.svg`, how often
what was found is true, by how sure the detector was; the latter is of all degradations together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from rich.console import Console

from benchmarks import calls, machine
from benchmarks.calls import LabelledCall
from benchmarks.degraded import DEGRADATIONS, RATE, generator
from benchmarks.people_report import Measured, draw, show
from benchmarks.phrases import Found, Judged, judge
from benchmarks.served import of_checkout, serving
from benchmarks.streams import stream
from detector.types import MatchKind
from lexicon.loader import load
from lexicon.types import Severity
from streamer import loops, recordings
from streamer.client import Received

CLEAN = "clean"
SCAN = ("-c", "from streamer.cli import main; main()", "scan")
SEED = 1


@dataclass(frozen=True, slots=True)
class Way:
    """How recordings are listened to.

    Attributes:
      live: as calls, `parallel` at a time; else they are scanned.
      checkout: whose scan or service it is; this one's when None.
    """

    model: str = "base"
    live: bool = False
    parallel: int = 4
    checkout: Path | None = None

    def __str__(self) -> str:
        return f"live, {self.parallel} at once" if self.live else "scan"


def measure(recorded: Path, lexicon: Path, degradations: Sequence[str], way: Way, seed: int = SEED) -> Measured:
    """Listen to the recordings of a folder, degraded in each way, and hold what is found against what was said.

    Raises:
      SystemExit: there are none, one of their phrases has no rule, or they can't be scanned or degraded.
    """
    labelled = calls.read_set(recorded)
    rules = rules_of(lexicon, labelled)
    judged: dict[str, Judged] = {}
    unmonitored: dict[str, float] = {}
    with TemporaryDirectory(prefix="huazha") as folder:
        for name in degradations:
            with Console(stderr=True).status(f"Listening to {recorded.name}: {name}"):
                heard = degraded(labelled, name, Path(folder), seed)
                if way.live:
                    found, unmonitored[name] = loops.run(played(heard, lexicon, way))
                else:
                    found = scanned(heard, lexicon, way, Path(folder))
            judged[name] = judge(labelled, found, rules)
    minutes = sum(call.duration for call in labelled) / 60
    return Measured(
        labelled[0].language, minutes, len(rules), str(way), way.model, commit(way.checkout), judged, unmonitored
    )


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


def scanned(labelled: Sequence[LabelledCall], lexicon: Path, way: Way, folder: Path) -> list[Found]:
    """Scan recordings by the command, and read what it found.

    Raises:
      SystemExit: the command failed, or left a recording out.
    """
    out = folder / f"{labelled[0].path.parent.name}.jsonl"
    command = [sys.executable, *SCAN, *(str(call.path) for call in labelled), "--lexicon", str(lexicon)]
    command += ["--language", labelled[0].language, "--model", way.model, "--channels", "agent", "--no-journal"]
    command += ["--out", str(out), "--data", str(folder / "data")]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **of_checkout(way.checkout)
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
                written=row["match"] == MatchKind.EXACT,
            )


async def played(labelled: Sequence[LabelledCall], lexicon: Path, way: Way) -> tuple[list[Found], float]:
    """Play recordings as calls to a service in a process of its own, so many at a time.

    Returns:
      what it told of, and the seconds that were not monitored: of an overloaded machine nothing else is worth telling.
    """
    with TemporaryDirectory(prefix="huazha") as folder:
        config = Path(folder) / "huazha.toml"
        config.write_text(f"[limits]\nmax_calls = {way.parallel}\n", encoding="utf-8")
        options = ("--config", str(config), "--lexicon", str(lexicon))
        async with serving(way.model, *options, checkout=way.checkout) as service:
            turn = asyncio.Semaphore(way.parallel)

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
                written=message["match"] == MatchKind.EXACT,
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
    parser.add_argument("--seed", type=int, default=SEED, help="of the degradations (default: 1)")
    parser.add_argument("--checkout", type=Path, help="whose scan or service is measured (default: this one's)")
    parser.add_argument("--model", default="base", help="as in huazha scan (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, metavar="DIR", help="where to draw both pictures")
    options = parser.parse_args()
    recorded = options.folder.resolve()
    lexicon = (options.lexicon or recorded.with_name(f"{recorded.name}.yaml")).resolve()
    checkout = options.checkout.resolve() if options.checkout else None
    way = Way(options.model, options.way == "live", options.parallel, checkout)
    measured = measure(recorded, lexicon, options.degrade, way, options.seed)
    print(machine.line())
    show(measured)
    if options.json:
        summed = {"machine": machine.describe(), "seed": options.seed, **measured.figures()}
        options.json.write_text(json.dumps(summed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(measured, options.picture)


if __name__ == "__main__":
    main()
