"""Training from beginning to end: speech, states, fitting, thresholds, and the file of a head with its card.

    texts -> speech ----+
                        +-> states of whole utterances -> fit -> states of windows -> fit -> calibration -> head
    recordings ---------+

Each stage goes on where it was stopped; what is there already is not made again.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from lexicon.pronunciation import inventory
from streamer.errors import TrainingError
from streamer.recognition import models
from streamer.recognition.sounds import form
from streamer.recognition.sounds.head import Head
from streamer.recognition.sounds.training import calibrate, card, examples, recordings, speech, states
from streamer.recognition.sounds.training.shards import Stage

NEEDED = ("jax", "optax", "jieba", "wordfreq")
"""Packages of the extra `train`, without which there is no training at all; voices have theirs."""
SHARD_SECONDS = 125
"""Of speech in a shard, about."""
HELD = 0.1
"""Speech of voices that are held back, beside all other speech."""
AGAIN = 7e-4
"""Rate of learning from windows, where a head goes on from what it learned of whole utterances."""
PHRASES = 7000
"""That thresholds are set by."""

Told = Callable[[str, int, int], None]
"""Of progress: which stage, how much of it is done, of how much."""
PlanOf = TypeVar("PlanOf", speech.Plan, recordings.Plan, states.Plan)
Part = tuple[states.Plan, int]


@dataclass(frozen=True)
class Options:
    """What a head is trained on, and how.

    Attributes:
      model: a Whisper, as `streamer.recognition.models.resolve` knows it.
      root: of the stages' folders.
      hours: of synthetic speech.
      voices: folder of voices; None where there is none.
      recordings: folders of people's speech.
      versions: of each utterance, disturbed in different ways.
      processes: at once.
      first, fitting: how a head is fitted to whole utterances, and to windows.
    """

    language: str
    model: str
    root: Path
    hours: float
    voices: Path | None
    recordings: tuple[Path, ...]
    processes: int
    versions: int = 2
    seed: int = 1
    first: dict[str, Any] = field(default_factory=dict)
    fitting: dict[str, Any] = field(default_factory=dict)


def train(options: Options, out: Path, command: str, told: Told) -> str:
    """Train a head, and write its file; give its card.

    Args:
      command: that the card names.

    Raises:
      TrainingError: a package, a voice or a recording is missing.
      ModelError: of Whisper's weights.
    """
    units = inventory(options.language)
    if units is None:
        raise TrainingError("--language", f"{options.language}: its sounds are not known, those of zh and en are")
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        raise TrainingError(", ".join(absent), "not installed; pip install 'huazha[train]'")
    directory = models.resolve(options.model)
    with (directory / "model.bin").open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    about = form.About(options.language, units, options.model, sha256, 0)
    spoken = _spoken(options, told)
    compute_type = models.compute_type()[0]

    whole = [(states.Plan(plan, directory, sha256, compute_type, 1), shard) for plan, shard in spoken]
    first, about, _, _ = _fitted(options, whole, about, None, told)
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    cut = [
        (states.Plan(plan, directory, sha256, compute_type, options.versions, first, digest), shard)
        for plan, shard in spoken
    ]
    # Whole utterances as well: a scan reads longer windows.
    fitted, about, rate, found = _fitted(options, [*whole, *cut], about, first, told)

    # By windows alone: whether their texts are right was looked at when they were cut.
    held = [one for plan, shard in cut if plan.speech.held for one in examples.load(plan.stage, shard)]
    told("calibration", 0, 1)
    searched = calibrate.search(Head.load(fitted), held, PHRASES, options.seed)
    chosen = {name: calibrate.thresholds(searched, wanted) for name, wanted in calibrate.RATES.items()}
    known = calibrate.likelihood(searched)
    arrays, _ = form.read(fitted)
    form.write(out, arrays, replace(about, thresholds=chosen, likelihood=known))
    told("calibration", 1, 1)
    report = card.Report(
        command,
        {name: value for name, value in asdict(options).items() if name not in {"root", "processes"}},
        [row for row, _ in found],
        rate,
        chosen,
        {name: calibrate.recall(searched, scores) for name, scores in chosen.items()},
        calibrate.reliability(searched, known),
    )
    return card.written(out, options.model, options.language, report)


def _spoken(options: Options, told: Told) -> list[tuple[speech.Plan | recordings.Plan, int]]:
    """Make the shards of speech, and of recordings."""
    synthetic = [(plan, shard) for plan, shards in _plans(options) for shard in range(shards)]
    people = [
        recordings.Plan(options.root, options.language, options.seed, folder, held)
        for folder in options.recordings
        for held in (False, True)
    ]
    recorded = [(plan, shard) for plan in people for shard in range(plan.shards)]
    if not synthetic and not recorded:
        raise TrainingError("--hours, --recordings", "give hours of synthetic speech, recordings, or both")
    _make("speech", speech.speak, synthetic, options.processes, told)
    _make("recordings", recordings.read, recorded, options.processes, told)
    return [*synthetic, *recorded]


def _plans(options: Options) -> list[tuple[speech.Plan, int]]:
    """Share hours out among voices: how many shards each of them speaks."""
    if not options.hours:
        return []
    voices = speech.found(options.language, options.voices)
    plans = []
    for held, part in ((False, 1.0), (True, HELD)):
        some = [voice for voice in voices if voice.held is held]
        if not some:
            raise TrainingError("--voices", f"no voices of {options.language} that are known in {options.voices}")
        shards = options.hours * part * 3600 / SHARD_SECONDS / sum(voice.share for voice in some)
        for voice in some:
            plan = speech.Plan(options.root, options.language, options.seed, options.voices, voice.name)
            plans.append((plan, max(1, round(shards * voice.share))))
    return plans


def _fitted(
    options: Options, wanted: Sequence[Part], about: form.About, before: Path | None, told: Told
) -> tuple[Path, form.About, float, list[examples.Example]]:
    """Encode shards and fit a head to them: its file, what is known of it, its error rate, and all examples.

    Args:
      before: file of the head that it goes on from.
    """
    from streamer.recognition.sounds.training import fit  # noqa: PLC0415 - needs the extra `train`

    name = "windows" if before else "states"
    _make(name, states.encode, wanted, options.processes, told)
    found = [example for plan, shard in wanted for example in examples.load(plan.stage, shard)]
    learned, held = ([one for one in found if one[0].held is kept] for kept in (False, True))
    if not learned or not held:
        raise TrainingError(options.root, "there is too little speech: give more hours, or more recordings")
    chosen = options.fitting if before else options.first
    fitting = fit.Fitting(seed=options.seed, **chosen)
    made = sorted({(plan.stage.folder.name, shard) for plan, shard in wanted})
    folder = Stage(options.root, f"fit-{options.language}", {"of": made, **asdict(fitting)}).folder
    width = learned[0][1].shape[1]
    with threadpool_limits(options.processes):
        arrays, rate = fit.fit(
            fitting,
            learned,
            held,
            form.read(before)[0] if before else fit.initial(fitting, examples.measure(learned), about.classes),
            folder,
            lambda done, loss, best: told(f"fit to {name} (loss {loss:.3f}, wrong {best:.1%})", done, fitting.steps),
        )
    file = folder / "head.npz"
    known = replace(about, width=width)
    form.write(file, arrays, known)
    return file, known, rate, found


def _make(
    name: str,
    make: Callable[[PlanOf, int], None],
    wanted: Sequence[tuple[PlanOf, int]],
    processes: int,
    told: Told,
) -> None:
    """Make the shards that are missing, on several processes."""
    missing = [(plan, shard) for plan, shard in wanted if not plan.stage.has(shard)]
    told(name, len(wanted) - len(missing), len(wanted))
    if not missing:
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _alone) as pool:
        making = [pool.submit(make, plan, shard) for plan, shard in missing]
        try:
            for done, made in enumerate(as_completed(making), len(wanted) - len(missing) + 1):
                made.result()
                told(name, done, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _alone() -> None:
    """Keep a process of several to one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
