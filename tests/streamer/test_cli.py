"""The command as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.faults import DATA

HUAZHA = [sys.executable, "-c", "from streamer.cli import main; main()"]


def huazha(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HUAZHA, *arguments], capture_output=True, text=True, timeout=120, check=False)


class TestBadUse:
    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["call", "none.wav"], "none.wav: no such file"),
            (["call", str(DATA / "README.md")], "is no recording"),
            (["call", str(DATA / "demo-en.wav"), "--url", "ws://127.0.0.1:9/v1/calls"], "can't be reached"),
            (["call", str(DATA / "demo-en.wav"), "--url", "nonsense"], "can't be reached"),
            (["call", str(DATA / "demo-en.wav"), "--channels", "left,right"], "agent, customer, or both"),
            (["serve", "--config", "none.toml"], "none.toml: No such file"),
            (["serve", "--media-port", "99999"], "media_port"),
            (
                ["serve", "--lexicon", "none.yaml", "--media-port", "0", "--console-port", "0"],
                "none.yaml: No such file",
            ),
            (["serve", "--model", "none"], "neither a directory nor a model"),
            (["model", "get", "none"], "neither a directory nor a model"),
            (["nonsense"], "No such command"),
            (["call"], "Missing argument"),
        ],
    )
    def test_is_told_in_a_line_and_ends_with_2(self, arguments: list[str], problem: str) -> None:
        done = huazha(*arguments)
        told = re.sub(r"[\s│]+", " ", done.stderr)
        assert done.returncode == 2, done.stderr
        assert problem in told
        assert "Traceback" not in done.stderr


def test_it_tells_its_version() -> None:
    told = huazha("--version")
    assert (told.returncode, told.stdout) == (0, f"huazha {version('huazha')}\n")


@pytest.mark.parametrize("command", ["serve", "call", "demo", "model list", "model get"])
def test_help_has_an_example(command: str) -> None:
    done = huazha(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: huazha {command}" in done.stdout


@pytest.mark.xdist_group("model")
def test_serve_takes_a_call_and_stops_when_it_is_told_to(tmp_path: Path) -> None:
    config = tmp_path / "huazha.toml"
    config.write_text("media_port = 0\nconsole_port = 0\n")
    with subprocess.Popen([*HUAZHA, "serve", "--config", str(config)], stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        url = next(found[0] for line in service.stderr if (found := re.search(r"ws://\S+", line)))
        done = huazha("call", str(DATA / "demo-en.wav"), "--url", url, "--language", "en", "--speed", "4", "--json")
        service.send_signal(signal.SIGTERM)
        log = service.stderr.read()
        assert service.wait(30) == 0
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d{4}-\d\d-\d\d \S+ INFO call \S+ is over: .*[^ ]$", log, re.M), log
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert (messages[0]["type"], messages[-1]["type"]) == ("started", "stopped")
    assert "risk free" in [message["term"] for message in messages if message["type"] == "block"]


@pytest.mark.xdist_group("model")
def test_models_are_listed_with_what_was_chosen_and_fetched_by_name() -> None:
    directory = huazha("model", "get", "base").stdout.strip()
    assert (Path(directory) / "model.bin").is_file()
    listed = re.sub(r"\s+", " ", huazha("model", "list").stdout)
    assert "base installed packages" in listed
    assert "Every language is heard by base." in listed
    assert "Terms are found " in listed
    assert "Weights are computed in" in listed


def test_cheap_mistakes_are_found_before_a_model_is_looked_for(tmp_path: Path) -> None:
    file = tmp_path / "huazha.toml"
    file.write_text('model = "none"\n[policy.rules.no-such-rule]\naction = "alert"\n')
    done = huazha("serve", "--config", str(file), "--media-port", "0", "--console-port", "0")
    assert done.returncode == 2
    assert f"huazha: {file}:2: policy.rules.no-such-rule: is no rule of any lexicon here" in done.stderr
    assert "neither a directory nor a model" not in done.stderr
