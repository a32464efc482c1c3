"""How calls were led, and the rules about it, on the REST interface and the feed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lexicon.loader import parse
from tests.stories import METRICS, STARTED, STOPPED
from tests.streamer.console.media import Console, MediaStandIn, console, hello, told

RULES = """
lexicon: small
language: zh
rules:
  - {id: promise, category: guarantee, severity: block, terms: [保本保收益], say_instead: 理财有风险。}
  - {id: long-silence, category: conduct, severity: review, metric: {name: silence, over: 20}}
"""


@pytest.fixture
async def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Console]:
    # Whenever the console asks which calls go on, as it does when it starts: the one told of here is not lost.
    monkeypatch.setattr(MediaStandIn, "live", property(lambda _: ["c0ffee"], lambda _, __: None), raising=False)
    file = tmp_path / "small.yaml"
    file.write_text(RULES, encoding="utf-8")
    async with console(tmp_path / "data", lexicon=[str(file)]) as running:
        running.media.lexicon = parse(RULES, "small.yaml")
        yield running


async def get(one: Console, path: str, **query: Any) -> Any:
    answer = await one.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestACall:
    async def test_has_none_while_it_goes_on(self, one: Console) -> None:
        await one.media.kept(one.media.tell("call.started", **STARTED))
        assert (await get(one, "/v1/calls/c0ffee"))["metrics"] is None
        async with one.feed() as feed:
            (live,) = (await hello(feed))["calls"]
        assert live["metrics"] is None

    async def test_is_told_with_its_own_when_it_is_over(self, one: Console) -> None:
        one.media.tell("call.started", **STARTED)
        async with one.feed() as feed:
            await hello(feed)
            last = one.media.tell("call.stopped", **STOPPED, metrics=METRICS)
            assert (await told(feed, "call.stopped"))["metrics"] == METRICS
        await one.media.kept(last)
        call = await get(one, "/v1/calls/c0ffee")
        assert (call["metrics"], call["missing"]) == (METRICS, [])
        assert (await get(one, "/v1/calls"))["items"][0]["metrics"] == METRICS

    async def test_of_a_journal_from_before_has_none(self, one: Console) -> None:
        one.media.tell("call.started", **STARTED)
        await one.media.kept(one.media.tell("call.stopped", **STOPPED))
        assert (await get(one, "/v1/calls/c0ffee"))["metrics"] is None


class TestTheLexicon:
    async def test_shows_a_rules_metric(self, one: Console) -> None:
        rules = {rule["id"]: rule for rule in (await get(one, "/v1/lexicon"))["rules"]}
        assert (rules["promise"]["terms"], rules["promise"]["metric"]) == (["保本保收益"], None)
        assert rules["long-silence"]["terms"] == []
        assert rules["long-silence"]["metric"] == {"name": "silence", "over": 20.0}

    async def test_tries_sentences_beside_it(self, one: Console) -> None:
        answer = await one.http.post("/v1/lexicon/try", json={"text": "保本保收益", "language": "zh"})
        assert [violation["rule_id"] for violation in answer.json()["violations"]] == ["promise"]
