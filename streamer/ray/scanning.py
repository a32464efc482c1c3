"""Recordings through Ray Data: every worker of a cluster scans as a machine alone does, with a recogniser of its own.

Ray Data runs on the cluster, in an actor that hands results out as they are there: datasets don't work over Ray Client,
and so a scan may be started from anywhere.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lexicon.compiler import compile_lexicon
from lexicon.types import Lexicon
from streamer.errors import ClusterError
from streamer.ray.joining import joined
from streamer.scan.results import Key, Result, Scanned, Unreadable
from streamer.scan.scanner import Job, Known, Rules, Scanner, scanning
from streamer.service import load_recognizer
from streamer.settings import Settings

T = TypeVar("T")

MOST_PIECES = 10_000
"""Pieces that recordings are divided into: one each, until there are so many that handing them out would take time."""
AT_ONCE = 3
"""Recordings that a worker has in hand for each of its processors, so that its batches are full."""
ATTEMPTS = 3
"""Workers that a recording may take with it before it is given up."""
RESTARTS = 20
"""Deaths of one worker that end the scan: it can't load its model, or its node is no good."""
LOST = "the workers that had it died"


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker is told.

    Attributes:
      settings: by which it loads its recogniser; of all others, such as secrets, none leaves this machine.
      lexicon: what is looked for, without the rules that are switched off.
      known: what needs no scan, since its results are here.
    """

    settings: Settings
    lexicon: Lexicon
    transcripts: bool
    known: frozenset[Key]

    @property
    def processors(self) -> int:
        """Of each worker."""
        return self.settings.workers or 1


def plan(settings: Settings, lexicon: Lexicon, known: Collection[Key] = (), *, transcripts: bool = False) -> Plan:
    """Plan a scan with a service's settings."""
    told = settings.model_dump(include={"model", "models", "device", "compute_type", "max_batch"})
    chosen = Settings.model_validate({**told, "workers": settings.workers or 1})
    return Plan(chosen, lexicon, transcripts, frozenset(known))


def scan_on_ray(
    address: str, jobs: Sequence[Job], plan: Plan, known: Known = lambda _key, _job: None
) -> Iterator[tuple[Job, Result]]:
    """Scan recordings on a cluster; give each result as it is there. Every node must see the recordings by their names.

    Args:
      address: `ray://HOST:10001` from anywhere, `auto` or `HOST:6379` on one of its nodes.
      known: gives what is known of a recording whose key is in the plan.

    Raises:
      RayMissing: Ray isn't installed.
      ClusterError: the cluster can't be joined, or fails.
    """
    with joined(address):
        import ray  # noqa: PLC0415 - an extra

        left = dict(enumerate(jobs))
        run = ray.remote(num_cpus=0)(Run).remote(plan, [*left.items()])
        try:
            while some := ray.get(run.take.remote()):
                for number, result in map(pickle.loads, some):
                    job = left.pop(number)
                    yield job, _renamed(known(result, job), job) if isinstance(result, Key) else result
        except ray.exceptions.RayError as error:
            raise ClusterError(address, f"failed: {_cause(error)}") from None
        for job in left.values():
            yield job, Unreadable(job.source.name, LOST)


class Run:
    """A scan, on the cluster.

    Args:
      jobs: with their numbers.
    """

    def __init__(self, plan: Plan, jobs: Sequence[tuple[int, Job]]) -> None:
        import ray  # noqa: PLC0415 - an extra

        most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        if most < plan.processors:
            raise ValueError(f"no node has {plan.processors} processors for a worker: {most} at most")
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        # What a worker took with it too often is told at the end, and costs no other recording.
        context.max_errored_blocks = -1
        workers = int(ray.cluster_resources().get("CPU", 0)) // plan.processors
        rows = ray.data.from_items(
            [{"job": pickle.dumps(job)} for job in jobs], override_num_blocks=min(len(jobs), MOST_PIECES)
        )
        at_once = AT_ONCE * plan.processors
        self._rows = iter(
            rows.map_batches(
                Worker,
                batch_size=1,
                fn_constructor_args=(ray.put(plan),),
                compute=ray.data.ActorPoolStrategy(
                    min_size=1,
                    max_size=max(1, workers),
                    max_tasks_in_flight_per_actor=at_once,
                    max_concurrent_calls_per_actor=at_once,
                    enable_true_multi_threading=True,
                ),
                num_cpus=plan.processors,
                num_gpus=1 if plan.settings.device == "cuda" else 0,
                max_restarts=RESTARTS,
                max_task_retries=ATTEMPTS,
            ).iter_rows()
        )

    def take(self) -> list[bytes]:
        """Wait for the next result; nothing after the last."""
        row = next(self._rows, None)
        return [] if row is None else [row["result"]]


class Worker:
    """Scans on a worker of the cluster: several recordings at once, so that its batches are full.

    Args:
      plan: a reference to it: it is sent once, however many workers there are.
    """

    def __init__(self, plan: Any) -> None:
        import ray  # noqa: PLC0415 - an extra

        self._plan: Plan = ray.get(plan)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        rules = {rule.language for rule in self._plan.lexicon.rules}
        tables = {language: compile_lexicon(self._plan.lexicon, language) for language in rules}
        recognizer = load_recognizer(self._plan.settings)
        self._scanning = scanning(
            recognizer, Rules(self._plan.lexicon.version, tables), transcripts=self._plan.transcripts
        )
        self._scanner: Scanner = self._wait(self._scanning.__aenter__())

    def __call__(self, rows: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Scan a recording."""
        (packed,) = rows["job"]
        number, job = pickle.loads(packed)  # noqa: S301 - it comes from a cluster that runs this very program
        return {"result": [pickle.dumps((number, self._wait(self._scan(job, number))))]}

    async def _scan(self, job: Job, number: int) -> Result | Key:
        try:
            return await self._scanner.scan(job, float(number), known=self._known)
        except _KnownAlready as known:
            return known.key

    def _known(self, key: Key, job: Job) -> None:
        if key in self._plan.known:
            raise _KnownAlready(key)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _KnownAlready(Exception):
    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key


def _renamed(known: Scanned | None, job: Job) -> Scanned:
    assert known is not None
    return replace(known, file=job.source.name, about=job.about)


def _cause(error: Exception) -> str:
    """Give the last line of what Ray says, which is where a traceback tells what went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
