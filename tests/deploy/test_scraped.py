"""What a service shows at /metrics is what dashboard and alerts ask for, as Prometheus's own engine has it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from streamer import client, dialling, recordings, service
from streamer.callers.caller import Placed
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.settings import Settings
from tests.faults import DATA, Reciter
from tests.platforms.rigs import RIGS

DEPLOY = Path(__file__).parents[2] / "deploy"
PLATFORM = "freeswitch"
ASKED_FOR = {"instance": "huazha:8080", "job": "huazha"}
"""Labels that Prometheus gives what it scrapes."""
GRAFANA = {"$instance": ".*", "$__rate_interval": "4m", "$__range": "15m"}
"""Variables, as Grafana would put them into a query."""
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="there is no promtool (Debian: prometheus)"
)


class Failing(Reciter):
    """Recites, until it is told to fail."""

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        if self.broken:
            raise RuntimeError("no such luck")
        return super().recognize(windows)


@dataclass(frozen=True, slots=True)
class Shown:
    """What /metrics showed: before any call, and after one with a block, an odd one, and one nobody recognised."""

    before: str
    after: str

    @property
    def labels(self) -> dict[str, set[str]]:
        """Name the labels of each sample."""
        found: dict[str, set[str]] = {}
        for name, labels, _ in samples(self.after):
            found.setdefault(name, set(ASKED_FOR)).update(labels)
        return found


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, dict(sample.labels), sample.value


async def odd(url: str) -> None:
    """Hold a call in which a message can't be understood."""
    start = {"type": "start", "call_id": "c-0", "encoding": "mulaw", "sample_rate": 8000, "language": "zh"}
    async with connect(url) as socket:
        for message in (start, {"type": "odd"}, {"type": "stop"}):
            await socket.send(json.dumps(message))
        async for _ in socket:
            pass


async def heard(folder: Path) -> Shown:
    whole = recordings.read(DATA / "demo-zh.wav")
    # The agent speaks in it at once.
    recording = replace(whole, samples=whole.samples[: 6 * whole.sample_rate])
    placed = Placed("aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb", language="zh")
    recogniser = Failing("这款产品保本保收益您放心")
    async with RIGS[PLATFORM](placed) as rig:
        settings = Settings.model_validate(
            {
                "media_port": 0,
                "console_port": 0,
                "data": folder,
                "platforms": {PLATFORM: dict(rig.section)},
                "limits": {"rejoin_timeout": 0.2},
            }
        )
        async with service.running(settings, recogniser) as running, httpx.AsyncClient() as http:
            metrics = f"{running.console_url}metrics"
            before = (await http.get(metrics)).raise_for_status().text
            address = running.media.url.removesuffix("/v1/calls")
            async for _ in dialling.play([*rig.callers], recording, address, speed=2.0):
                pass
            await odd(running.media.url)
            recogniser.broken = True
            async for _ in client.play(recording, running.media.url, call_id="c-1", language="zh", speed=2.0):
                pass
            return Shown(before, (await http.get(metrics)).raise_for_status().text)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return asyncio.run(heard(tmp_path_factory.mktemp("heard")))


def drawn() -> Iterator[tuple[str, str, str]]:
    """Give every query of the dashboard, with where it stands and how its lines are named."""
    read: dict[str, Any] = json.loads((DEPLOY / "grafana" / "huazha.json").read_text(encoding="utf-8"))
    for panel in read["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']}/{target['refId']}", target["expr"], target.get("legendFormat", "")


def alerted() -> Iterator[tuple[str, str, str]]:
    """Give every query of an alert, with its name and what is said of it."""
    read = yaml.safe_load((DEPLOY / "prometheus" / "huazha.rules.yml").read_text(encoding="utf-8"))
    for group in read["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"], rule["annotations"]["description"]


def filled(query: str) -> str:
    for variable, value in GRAFANA.items():
        query = query.replace(variable, value)
    assert "$" not in query
    return query


def series(shown: Shown) -> list[dict[str, str]]:
    """Give what was scraped as promtool wants it: five times before the calls, and then after them."""
    early = {named(name, labels): value for name, labels, value in samples(shown.before)}
    late = {named(name, labels): value for name, labels, value in samples(shown.after)}
    return [
        {"series": one, "values": f"{f'{early[one]}x4' if one in early else '_x5'} {value}x10"}
        for one, value in late.items()
    ]


def named(name: str, labels: dict[str, str]) -> str:
    pairs = (f"{label}={json.dumps(value)}" for label, value in (labels | ASKED_FOR).items())
    return f"{name}{{{', '.join(pairs)}}}"


class TestMetrics:
    @needs_promtool
    def test_are_read_by_prometheus(self, shown: Shown) -> None:
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=shown.after, text=True, capture_output=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")

    def test_are_there_by_every_name_and_label_that_is_asked_for(self, shown: Shown) -> None:
        there = shown.labels
        for where, query, told in (*drawn(), *alerted()):
            names = set(re.findall(r"\bhuazha_\w+", query))
            assert names <= set(there), where
            labels = set().union(*(there[name] for name in names), ASKED_FOR)
            grouped = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
            matched = set(re.findall(r"[{,](\w+)=~?\"", query))
            named = set(re.findall(r"\{\{ ?(?:\$labels\.)?([a-z_]+) ?\}\}", told)) - {"end"}
            assert grouped | matched | named <= labels, where


@needs_promtool
def test_every_query_of_the_dashboard_draws_something(shown: Shown, tmp_path: Path) -> None:
    asked = [
        {"expr": f"count({filled(query)}) > bool 0", "eval_time": "8m", "exp_samples": [{"labels": "{}", "value": 1}]}
        for _, query, _ in drawn()
    ]
    unit = {"interval": "1m", "input_series": series(shown), "promql_expr_test": asked}
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [unit]}), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_every_alert_fires_when_it_should_and_no_other_beside_it() -> None:
    file = Path(__file__).with_name("alerts.yml")
    told = file.read_text(encoding="utf-8")
    assert [name for name, _, _ in alerted() if f'"{name}"' not in told] == []
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
