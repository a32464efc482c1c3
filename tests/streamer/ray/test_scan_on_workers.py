"""A scan on two workers of a real cluster finds what a scan here finds, whoever dies on the way."""

from __future__ import annotations

import asyncio
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from streamer.errors import ClusterError
from streamer.recognition.whisper import WhisperRecognizer
from streamer.scan.results import Result, Scanned, Unreadable
from streamer.scan.scanner import Job, Rules, at_once, scan_all, scanning
from streamer.scan.sources import find
from streamer.settings import Settings
from tests.clusters import RayCluster
from tests.faults import DATA

pytestmark = [
    pytest.mark.xdist_group("model"),
    # Ray Client leaves its threads' channels to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LEXICON = load(shipped())


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """Ten recordings: the bundled calls, pieces of them, and one that is none."""
    folder = tmp_path_factory.mktemp("recordings")
    for language in ("zh", "en"):
        whole = folder / f"{language}.wav"
        shutil.copy(DATA / f"demo-{language}.wav", whole)
        samples, rate = soundfile.read(whole)
        for piece in range(3):
            soundfile.write(folder / f"{language}-{piece}.wav", samples[piece * 4 * rate :][: 6 * rate], rate)
    (folder / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    return [Job(source, Path(source.name).stem[:2]) for source in find([str(folder)]).sources]


@pytest.fixture(scope="module")
def here(whisper: WhisperRecognizer, jobs: list[Job]) -> dict[str, Result]:
    """What a scan on this machine finds, by file."""
    rules = Rules(LEXICON.version, {language: compile_lexicon(LEXICON, language) for language in ("zh", "en")})

    async def scan() -> dict[str, Result]:
        async with scanning(whisper, rules, transcripts=True) as scanner:
            return {result.file: result async for _, result in scan_all(scanner, jobs, at_once=at_once(whisper))}

    return asyncio.run(scan())


def gist(result: Result) -> object:
    """Give what must be the same wherever a recording is scanned.

    What shares a batch with a window changes its likelihoods in the last digits; in a call that was broken off, what
    hangs on those may be heard either way.
    """
    if isinstance(result, Unreadable):
        return result
    whole = Path(result.file).stem in {"zh", "en"}
    found = [(one.rule_id, one.term, one.channel) for one in result.found] if whole else []
    return result.key, result.about, result.channels, result.duration, result.speech_seconds, found


@pytest.fixture(autouse=True)
def imported(ray_installed: None) -> Iterator[None]:
    """Import Ray: what its own modules do that will be no more is Ray's affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray.data
    assert ray.data
    yield
    assert not ray.is_initialized()


def test_it_finds_the_same_though_a_worker_dies(
    ray_cluster: RayCluster, jobs: list[Job], here: dict[str, Result]
) -> None:
    from streamer.ray.scanning import plan, scan_on_ray

    killed: list[int] = []
    found: dict[str, Result] = {}
    for job, result in scan_on_ray(ray_cluster.client, jobs, plan(Settings(), LEXICON, transcripts=True)):
        assert result.file == job.source.name
        assert result.file not in found
        found[result.file] = result
        if not killed:
            killed += ray_cluster.scanners[:1]
            ray_cluster.kill(killed[0])
    assert killed
    assert {file: gist(result) for file, result in found.items()} == {file: gist(here[file]) for file in here}
    assert sum(isinstance(one, Unreadable) for one in found.values()) == 1


def test_it_leaves_out_what_is_known(ray_cluster: RayCluster, jobs: list[Job], here: dict[str, Result]) -> None:
    from streamer.ray.scanning import plan, scan_on_ray

    two = [job for job in jobs if Path(job.source.name).stem in {"zh-0", "zh-1"}]
    first, second = (here[job.source.name] for job in two)
    assert isinstance(first, Scanned)
    known = replace(first, file="under another name", speech_seconds=4711.0)
    told = plan(Settings(), LEXICON, [known.key], transcripts=True)
    found = {
        result.file: result
        for _, result in scan_on_ray(ray_cluster.client, two, told, lambda key, _: known if key == known.key else None)
    }
    assert found[first.file] == replace(known, file=first.file)
    assert gist(found[second.file]) == gist(second)


def test_it_says_in_a_line_that_no_worker_is_large_enough(ray_cluster: RayCluster, jobs: list[Job]) -> None:
    from streamer.ray.scanning import plan, scan_on_ray

    with pytest.raises(ClusterError, match="no node has 64 processors for a worker: 2 at most"):
        next(scan_on_ray(ray_cluster.client, jobs, plan(Settings(workers=64), LEXICON)))


def test_it_says_in_a_line_that_there_is_no_cluster(jobs: list[Job]) -> None:
    from streamer.ray.scanning import plan, scan_on_ray

    with pytest.raises(ClusterError, match="can't be joined"):
        next(scan_on_ray("ray://127.0.0.1:9", jobs, plan(Settings(), LEXICON)))


def test_no_secret_leaves_this_machine(tmp_path: Path) -> None:
    from streamer.ray.scanning import plan

    secrets = {"database": "postgresql+psycopg://huazha:secret@db/huazha", "model": "small", "workers": 2}
    told = plan(Settings.model_validate({**secrets, "data": tmp_path}), LEXICON)
    assert (told.settings.model, told.settings.workers, told.settings.database) == ("small", 2, None)
    assert told.settings.data != tmp_path
