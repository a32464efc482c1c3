"""Webhooks in the settings: checked when they are read, handed over whole, and their secrets shown nowhere."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from streamer.errors import SettingsError
from streamer.record.event import PASSING
from streamer.settings import KeptType, Settings, Webhook, load

DOCS = Path(__file__).parents[3] / "docs" / "feed.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = SECRET.removeprefix("whsec_")


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"webhooks": [{"url": "https://example.com/huazha", "secret": SECRET, **changes}]})


def secret(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "huazha.toml"
    file.write_text(example)
    (one,) = load(file, {}).webhooks
    assert one.url == "https://example.com/huazha"
    assert one.secret.get_secret_value() == SECRET
    assert one.types == ("violation", "block", "block.result")
    assert one.allow_private is False


def test_the_types_are_those_that_the_documentation_says_are_kept() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \|.*\| (yes|no) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    # A scan is a process of its own, and posts nothing.
    assert {*get_args(KeptType), "scan"} == {kind for kind, kept in rows if kept == "yes"}
    assert set(PASSING) == {kind for kind, kept in rows if kept == "no"}


def test_the_console_s_process_gets_the_secret() -> None:
    handed_over = json.loads(settings().model_dump_json())
    assert Settings.model_validate(handed_over) == settings()


def test_nothing_else_shows_it() -> None:
    one = settings()
    for shown in (repr(one), str(one), f"{one.webhooks}", repr(one.model_dump()), str(one.webhooks[0].secret)):
        assert KEY not in shown


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_has_24_to_64_bytes(length: int) -> None:
    assert settings(secret=secret(length)).webhooks[0].secret.get_secret_value() == secret(length)


@pytest.mark.parametrize(
    ("field", "value", "about"),
    [
        ("secret", secret(23), "24 to 64 bytes"),
        ("secret", secret(65), "24 to 64 bytes"),
        ("secret", KEY, "whsec_"),
        ("secret", f"{SECRET}!", "base64"),
        ("secret", f"{SECRET}保本", "base64"),
        ("secret", "", "whsec_"),
        ("url", "ftp://example.com", "http or https"),
        ("url", "example.com/hook", "http or https"),
        ("url", "https://", "http or https"),
        ("url", "https://exa mple.com", "http or https"),
        ("url", "https://[::1", "port"),
        ("url", "https://example.com:99999", "port"),
        ("url", "https://Li:hunter2@example.com", "no user"),
        ("url", "https://example.com/" + "x" * 2000, "2000"),
        ("types", ["transcript"], "call.started"),
        ("types", ["nonsense"], "call.started"),
        ("allow_private", "perhaps", "boolean"),
        ("colour", "red", "is no setting; known are"),
    ],
)
def test_what_is_wrong_is_named_without_a_secret(tmp_path: Path, field: str, value: object, about: str) -> None:
    file = tmp_path / "wrong.toml"
    told = {"url": "https://example.com", "secret": SECRET, field: value}
    file.write_text("[[webhooks]]\n" + "".join(f"{name} = {json.dumps(one)}\n" for name, one in told.items()))
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert str(caught.value.field).startswith(f"webhooks.0.{field}")
    assert about in str(caught.value)
    assert KEY not in str(caught.value)
    assert secret(23).removeprefix("whsec_") not in str(caught.value)


def test_an_endpoint_is_named_by_its_url_and_there_once() -> None:
    one = Webhook.model_validate({"url": "https://example.com", "secret": SECRET})
    with pytest.raises(ValueError, match="a url of its own"):
        Settings(webhooks=(one, one))
