"""The steps of `benchmarks.gpu`, one after the other, each kept as soon as it is done."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import bearable, calls, machine
from benchmarks.bearable import Most, Probe, Prober
from benchmarks.calls import LANGUAGES
from benchmarks.capacity import Take
from benchmarks.error_rates import UNITS
from benchmarks.gpu_report import Measured, calls_table, difference, fastest, rates_table
from benchmarks.served import Died, serving
from streamer import loops, recordings
from streamer.errors import CallFailed
from streamer.recognition.devices import ON_A_GPU, on_processor

RATES = 0.5
"""Share of the time that rates may take, where calls are to be borne as well."""
LAST = 5.0
"""Seconds kept for putting the last service away."""
FIRST = {"cuda": 16, "cpu": 2}
BATCHES = {"cuda": (4, 16, 32), "cpu": (1, 4)}
SURPRISING = 0.05
"""Share of characters or words by which texts may differ without a warning: each type rounds in its own way."""


class Unusable(Exception):
    """There is nothing to measure on, or it does not work."""


def lines(arguments: Sequence[str], until: float) -> Generator[dict[str, Any], None, None]:
    """Run `benchmarks.throughput` in a process of its own and give what it says, as it says it.

    A last line holds what went wrong as `failed`, if anything did: also where it was killed, or the time was up.

    Args:
      until: the monotonic second at which it is ended.
    """
    command = [sys.executable, "-m", "benchmarks.throughput", *arguments]
    over = threading.Event()
    told = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:

        def end() -> None:
            over.set()
            process.kill()

        timer = threading.Timer(max(0.0, until - time.monotonic()), end)
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said = json.loads(line)
                told = said.get("failed", told)
                yield said
            process.wait()
        finally:
            timer.cancel()
            process.kill()
    if process.returncode and not told:
        yield {"failed": "the time was up" if over.is_set() else _status(process.returncode)}


class Steps:
    """Measures what it is asked to, until the time is up.

    Args:
      folder: for what is needed only meanwhile.
      until: the monotonic second at which the time is up.
      cublas: where that is, for people.
    """

    def __init__(self, options: argparse.Namespace, folder: Path, until: float, cublas: str) -> None:
        self._options = options
        self._folder = folder
        self._until = until - LAST
        self._console = Console(width=130)
        self._rates: list[Measured] = []
        self._texts: dict[str, dict[str, str]] = {}
        self._left_out: list[str] = []
        self._probes: list[tuple[str, Probe]] = []
        self._found: dict[str, Most] = {}
        self._figures: dict[str, Any] = {
            "machine": machine.describe() | {"cublas": cublas},
            "device": options.device,
            "bound": options.bound,
            "calls": str(options.calls or "bundled"),
        }

    def run(self) -> int:
        """Take the steps.

        Returns:
          the exit status: 1 where there is a device that does not work; 0 also where there is none.
        """
        # First, since it takes no time: a typing mistake in it should not wait for what comes before.
        takes = self._takes()
        try:
            there = self._look()
            if there is None:
                return 0
            types = self._types(there)
            self._check(types[0])
            for number, model in enumerate(self._options.model):
                for place, compute_type in enumerate(types):
                    left = len(types) * (len(self._options.model) - number) - place
                    self._measure(model, compute_type, left)
        except Unusable as reason:
            self._say(f"{reason} Nothing was measured.")
            self._keep(not_run=str(reason))
            return 1
        self._console.print(rates_table(self._rates))
        if self._options.most:
            loops.run(self._bear(takes))
        for left_out in self._left_out:
            self._say(f"Left out: {left_out}")
        self._keep()
        self._say(f"All of it is in {self._options.json}")
        return 0

    def _look(self) -> dict[str, Any] | None:
        """See what is here, and say so; None where there is no GPU to measure on."""
        options = self._options
        there: dict[str, Any] = self._ask("there", "What there is here can't be told")
        self._figures["machine"] |= there
        self._keep()
        card, gpu = there["card"], there["gpu"]
        self._say(machine.line())
        if options.device == "cpu":
            return there
        if gpu is None:
            named = f", though the driver names {card['name']}" if card else ""
            reason = f"CTranslate2 {there['ctranslate2']} sees no GPU {options.device_index} here{named}"
            self._say(f"Not run: {reason}. --device cpu is for a trial.")
            self._keep(not_run=reason)
            return None
        if gpu["trouble"]:
            raise Unusable(f"GPU {options.device_index} can't be used: {gpu['trouble']}.")
        if card:
            self._say(f"{card['name']}, {card['memory']} GB, {card['free']} of them free, driver {card['driver']}")
        self._say(f"CTranslate2 {there['ctranslate2']} computes {', '.join(gpu['types'])} on it")
        self._say(f"cuBLAS: {self._figures['machine']['cublas']}")
        return there

    def _types(self, there: Mapping[str, Any]) -> Sequence[str]:
        if self._options.compute_type:
            return list(self._options.compute_type)
        if self._options.device == "cpu":
            return [on_processor(there["processor_types"])[0]]
        return [name for name, _, _ in ON_A_GPU if name in there["gpu"]["types"]][:2]

    def _check(self, compute_type: str) -> None:
        """Hear the bundled calls on the device, and on the processor in full precision.

        Raises:
          Unusable: one of them can't.
        """
        model, device = self._options.model[0], self._options.device
        texts = []
        for where, computed in ((device, compute_type), ("cpu", "float32")):
            arguments = (model, "--compute-type", computed, "--seconds", "0")
            problem = f"The self-check of {model} in {computed} on {where} failed"
            texts.append(self._ask("text", problem, *arguments, device=where))
        here, exact = texts
        apart = {language: round(difference(exact, here, language), 4) for language in LANGUAGES}
        self._keep(self_check={"model": model, "type": compute_type, "here": here, "exact": exact, "apart": apart})
        told = ", ".join(f"{share:.1%} of {UNITS[language]} ({language})" for language, share in apart.items())
        self._say(
            f"Self-check: of {model} in {compute_type} on {device}, against float32 on the processor, {told} differ"
        )
        if max(apart.values()) > SURPRISING:
            self._say("Rounding does not explain as much: look at the texts before you believe the figures")

    def _measure(self, model: str, compute_type: str, left: int) -> None:
        """Measure windows a second in batches of every size.

        Args:
          left: how many are to be measured yet, this one among them; each gets its share of the time.
        """
        options, now = self._options, time.monotonic()
        until = now + (self._until - now) * (RATES if options.most else 1.0) / left
        batches = options.batch or BATCHES[options.device]
        arguments = [model, "--compute-type", compute_type, "--seconds", str(options.seconds)]
        arguments += ["--batch", *map(str, batches)]
        first = len(self._rates)
        gathered: dict[str, Any] = {"model": model, "compute_type": compute_type}
        with closing(self._child(*arguments, until=until)) as said:
            for line in said:
                if "placement" in line:
                    gathered["workers"] = line["placement"]["workers"]
                elif "text" in line:
                    reference = self._texts.setdefault(model, line["text"])
                    errors = (difference(reference, line["text"], language) for language in LANGUAGES)
                    gathered["apart"] = round(max(errors), 4)
                elif "batch" in line:
                    self._rates.append(Measured(**gathered, **line["batch"]))
                    self._keep()
                    self._say(str(self._rates[-1]))
                elif "failed" in line:
                    sizes = ", ".join(map(str, batches[len(self._rates) - first :]))
                    self._left_out.append(f"rates of {model} in {compute_type}, batches of {sizes}: {line['failed']}")

    async def _bear(self, takes: Sequence[Take]) -> None:
        """Find the most calls at once of each model."""
        names = list(self._options.model)
        for number, model in enumerate(names):
            best = fastest(self._rates, model, self._options.bound)
            if best is None:
                self._left_out.append(f"calls of {model}: its windows a second are not known")
                continue
            now = time.monotonic()
            until = now + (self._until - now) / (len(names) - number)
            try:
                self._found[model] = await self._most(best, takes, until)
            except* (Died, CallFailed) as failures:
                self._left_out.append(f"calls of {model}: the service failed: {failures.exceptions[0]}")
            except* TimeoutError:
                self._left_out.append(f"calls of {model}: the time was up before the service had begun")
            self._keep()
        self._console.print(calls_table(self._probes, self._found))

    async def _most(self, best: Measured, takes: Sequence[Take], until: float) -> Most:
        options = self._options
        fields = {
            "device": options.device,
            "device_index": options.device_index,
            "compute_type": best.compute_type,
            "workers": best.workers,
            "max_batch": best.batch,
        }
        config = bearable.settings(self._folder, fields, options.most)

        def keep(probe: Probe) -> None:
            self._probes.append((best.model, probe))
            self._keep()
            verdict = probe.fault or "borne"
            self._say(f"{best.model}, {probe.at_once} calls at once: p95 {probe.p95} s, {verdict}, {probe.took:.0f} s")

        async with asyncio.timeout(until - time.monotonic()) as beginning:
            async with serving(best.model, "--config", str(config)) as service:
                # From here on a probe ends itself when the time is up, so that what was found is not lost.
                beginning.reschedule(None)
                prober = Prober(service, takes, options.bound, until, keep)
                first = options.first or FIRST[options.device]
                return await bearable.most(prober, len(takes), first, options.most)

    def _takes(self) -> list[Take]:
        if self._options.calls is None:
            return bearable.bundled()
        return [Take(call, recordings.read(call.path)) for call in calls.read(self._options.calls)]

    def _ask(self, wanted: str, problem: str, *arguments: str, device: str | None = None) -> Any:
        """Get one answer of a process of its own.

        Raises:
          Unusable: it gives none.
        """
        answer, failed = None, "it says nothing"
        for line in self._child(*arguments, device=device):
            answer, failed = line.get(wanted, answer), line.get("failed", failed)
        if answer is None:
            raise Unusable(f"{problem}: {failed}.")
        return answer

    def _child(
        self, *arguments: str, device: str | None = None, until: float | None = None
    ) -> Generator[dict[str, Any], None, None]:
        options = self._options
        where = ["--device", device or options.device, "--device-index", str(options.device_index)]
        workers = ["--workers", str(options.workers)] if options.workers else []
        return lines([*arguments, *where, *workers], self._until if until is None else until)

    def _keep(self, **more: object) -> None:
        """Write all that is known by now; never half of it."""
        self._figures |= more
        self._figures["throughput"] = [asdict(one) for one in self._rates]
        self._figures["probes"] = [{"model": model, **asdict(probe)} for model, probe in self._probes]
        self._figures["found"] = {model: asdict(found) for model, found in self._found.items()}
        self._figures["left_out"] = self._left_out
        file = self._options.json
        beside = file.with_name(f".{file.name}")
        beside.write_text(json.dumps(self._figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, file)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _status(code: int) -> str:
    """Say how a process ended."""
    return f"it ended with status {code}" if code > 0 else f"it was ended by {signal.Signals(-code).name}"
