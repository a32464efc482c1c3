"""What does one update of the text cost, with few terms and with very many?

An update is 50 characters whose window is scanned anew, at every level short of verification. Texts are sorted by what
is found in them: nothing, something by its sound alone (among 100,000 terms most texts hold that), or a term as
written. Beside it, in the same run and over the same texts: the bare automata of ahocorasick_rs and pyahocorasick.
And what does a look at three seconds of sound cost: the shipped terms, and made-up ones up to the number, searched in
what a head would read of random sentences.

    python -m benchmarks.matcher [--terms 100 10000 100000] [--updates 2000] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import ahocorasick
import numpy as np
import yaml
from ahocorasick_rs import AhoCorasick
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Printed

from detector.hearing import Hearing
from detector.spotting import spotter_of
from detector.types import TranscriptUpdate, Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from lexicon.normalize import fold
from lexicon.pronunciation import BLANK, inventory
from lexicon.types import Lexicon, Rule, Severity
from streamer import loops
from streamer.lexicon_store import LexiconStore

LENGTH = 50
COMMON = "".join(chr(point) for point in range(0x4E00, 0x4E00 + 6000, 2))
LENGTHS = (3, 4, 4, 4, 5, 5, 6, 6, 7, 8)
FRAMES, SYLLABLE = 150, 11
"""Of a look at three seconds: frames of it, and of a syllable."""
WINDOWS, FLOOR = 200, -2.5
Over = TypeVar("Over")


def made_up_terms(count: int, chance: random.Random) -> list[str]:
    """Make different terms as long as those of real lexicons."""
    terms: set[str] = set()
    while len(terms) < count:
        terms.add("".join(chance.choices(COMMON, k=chance.choice(LENGTHS))))
    return sorted(terms)


def lexicon_of(terms: Sequence[str]) -> Lexicon:
    """Put a hundred terms to a rule."""
    rules = tuple(
        Rule(f"r{at}", "made-up", Severity.BLOCK, tuple(terms[at : at + 100]), "zh") for at in range(0, len(terms), 100)
    )
    return Lexicon("made-up", "made-up@0", rules)


def texts(count: int, chance: random.Random, terms: Sequence[str] = ()) -> list[str]:
    """Make texts, no two alike; with terms, each holds one."""
    made = []
    for _ in range(count):
        text = "".join(chance.choices(COMMON, k=LENGTH))
        if terms:
            term = chance.choice(terms)
            at = chance.randrange(LENGTH - len(term))
            text = text[:at] + term + text[at + len(term) :]
        made.append(text)
    return made


def sorted_texts(
    hearing: Hearing, count: int, chance: random.Random, terms: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """Make as many texts of each kind, or nearly: in which nothing is found, something by sound, a term."""
    misses: list[str] = []
    near: list[str] = []
    for text in texts(20 * count, chance):
        kind = near if hearing.take(update_of(text)) else misses
        if len(kind) < count:
            kind.append(text)
        if len(misses) == len(near) == count:
            break
    return misses, near or misses[:1], texts(count, chance, terms)


def posteriors(classes: int, chance: np.random.Generator) -> NDArray[np.float32]:
    """Make up what a head reads of a random sentence: mostly blank, and syllables that are mistaken for others."""
    heard = chance.normal(0, 1.5, (FRAMES, classes))
    heard[:, BLANK] += 10
    for at in range(2, FRAMES - 3, SYLLABLE):
        syllable = slice(at, at + int(chance.integers(1, 3)))
        heard[syllable, BLANK] -= 3
        heard[syllable, chance.integers(1, classes, 12)] += chance.uniform(0, 10, 12)
        heard[syllable, chance.integers(1, classes)] += chance.uniform(10, 16)
    heard -= np.log(np.exp(heard).sum(axis=1, keepdims=True))
    return heard.astype(np.float32)


def spotted(count: int, made_up: Sequence[str]) -> dict[str, float]:
    """Time the search for the shipped terms, and made-up ones up to a number, in windows of sound."""
    real = dict.fromkeys(term for rule in load(shipped()).rules if rule.language == "zh" for term in rule.terms)
    spotter = spotter_of(compile_lexicon(lexicon_of([*real, *made_up][:count]), "zh"))
    assert spotter is not None
    chance, classes = np.random.default_rng(count), len(inventory("zh") or ()) + 1
    return timed(lambda window: spotter.find(window, FLOOR), [posteriors(classes, chance) for _ in range(WINDOWS)])


def timed(work: Callable[[Over], object], over: Sequence[Over]) -> dict[str, float]:
    """Time each text or window by itself, in microseconds."""
    took = []
    for each in over:
        began = time.perf_counter_ns()
        work(each)
        took.append((time.perf_counter_ns() - began) / 1000)
    return {"p50_us": round(float(np.percentile(took, 50)), 1), "p99_us": round(float(np.percentile(took, 99)), 1)}


def update_of(text: str) -> TranscriptUpdate:
    return TranscriptUpdate(
        "agent", (), tuple(Word(char, i * 0.2, (i + 1) * 0.2) for i, char in enumerate(text)), False
    )


async def longest_hold(store: LexiconStore) -> float:
    """Give the longest time for which reading a lexicon again held up the event loop, in milliseconds."""
    reading = asyncio.create_task(store.reload())
    longest = 0.0
    while not reading.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - began - 0.001)
    return longest * 1000


def hold_of(terms: Sequence[str], suffix: str) -> float:
    """Measure `longest_hold` on a file of one kind."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"made-up.{suffix}")
        file.write_text(WRITTEN[suffix](terms), encoding="utf-8")
        return round(loops.run(longest_hold(LexiconStore([file], {}))), 1)


def as_yaml(terms: Sequence[str]) -> str:
    rules = [
        {"id": rule.id, "category": rule.category, "severity": "block", "terms": list(rule.terms)}
        for rule in lexicon_of(terms).rules
    ]
    return yaml.safe_dump({"lexicon": "made-up", "language": "zh", "rules": rules}, allow_unicode=True)


def as_tsv(terms: Sequence[str]) -> str:
    rows = (f"made-up-{at // 100}\tblock\tzh\t{term}\n" for at, term in enumerate(terms))
    return "category\tseverity\tlang\tterm\n" + "".join(rows)


WRITTEN = {"yaml": as_yaml, "tsv": as_tsv}


def measure(count: int, updates: int) -> dict[str, object]:
    """Measure at one number of terms."""
    chance = random.Random(count)
    terms = made_up_terms(count, chance)
    lexicon = lexicon_of(terms)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    table = compile_lexicon(lexicon, "zh")
    built = time.perf_counter() - began
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    bare = AhoCorasick(table.phrases)
    plain = ahocorasick.Automaton()
    for term in terms:
        plain.add_word(fold(term, "zh").text, term)
    plain.make_automaton()
    hearing = Hearing(table, "agent")
    misses, near, hits = sorted_texts(hearing, updates, chance, terms)
    prepared = {text: update_of(text) for text in (*misses, *near, *hits)}
    take = {
        label: timed(lambda text: hearing.take(prepared[text]), over)
        for label, over in (("no hit", misses), ("by sound", near), ("one hit", hits))
    }
    return {
        "terms": count,
        **take,
        "ahocorasick_rs": timed(lambda text: bare.find_matches_as_indexes(text, overlapping=True), misses),
        "pyahocorasick": timed(lambda text: list(plain.iter(text)), misses),
        "spotted": spotted(count, terms),
        "build_s": round(built, 2),
        "memory_mb": round(memory, 1),
        **{f"{suffix}_hold_ms": hold_of(terms, suffix) for suffix in WRITTEN},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matcher", description=__doc__.splitlines()[0])
    parser.add_argument("--terms", type=int, nargs="+", default=[100, 10_000, 100_000])
    parser.add_argument("--updates", type=int, default=2000, help="of each kind (default: 2000)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    options = parser.parse_args()
    sys.setswitchinterval(0.001)
    measure(100, 200)
    figures = [measure(count, options.updates) for count in options.terms]
    printed = Printed(*figures[0])
    for row in figures:
        printed.add_row(*(" / ".join(map(str, v.values())) if isinstance(v, dict) else str(v) for v in row.values()))
    Console(width=160).print(printed)
    print("microseconds: p50 / p99")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
