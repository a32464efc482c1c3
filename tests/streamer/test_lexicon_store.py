"""The lexicon that new calls get: followed as its files change, and never half."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streamer.errors import SettingsError
from streamer.lexicon_store import LexiconStore


def write(file: Path, term: str) -> None:
    file.write_text(
        f"lexicon: own\nlanguage: zh\nrules: [{{id: a, category: c, severity: alert, terms: [{term}]}}]\n",
        encoding="utf-8",
    )


def spoil(file: Path) -> None:
    file.write_text("lexicon: [", encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "own.yaml", "保本")
    return tmp_path / "own.yaml"


async def test_a_change_is_swapped_in_whole_and_calls_keep_what_they_have(file: Path) -> None:
    store = LexiconStore([file], {})
    before = store.current
    write(file, "刚兑")
    await store.reload()
    assert store.current.lexicon.rules[0].terms == ("刚兑",)
    assert before.lexicon.rules[0].terms == ("保本",)


async def test_a_wrong_change_keeps_the_last_good_one_and_says_so(file: Path) -> None:
    store = LexiconStore([file], {})
    before = store.current
    spoil(file)
    await store.reload()
    assert store.current is before
    assert "own.yaml" in store.trouble
    write(file, "保本")
    await store.reload()
    assert store.trouble == ""


async def test_files_are_followed(file: Path) -> None:
    store = LexiconStore([file], {})
    watching = asyncio.create_task(store.watch())
    before = store.current
    async with asyncio.timeout(20):
        while store.current is before:
            # Written until it is seen: watching begins some time after it is asked for.
            write(file, "刚兑")
            await asyncio.wait([watching], timeout=0.2)
    watching.cancel()
    assert store.current.lexicon.rules[0].terms == ("刚兑",)


def test_a_switch_for_no_rule_is_a_setting_that_is_wrong(file: Path) -> None:
    with pytest.raises(SettingsError, match="rules: z: is no rule"):
        LexiconStore([file], {"z": "off"})


def test_a_switch_that_can_not_be_carried_out_is_a_setting_that_is_wrong(file: Path) -> None:
    rule = "{id: a, category: c, severity: alert, metric: {name: silence, over: 20}}"
    file.write_text(f"lexicon: own\nlanguage: zh\nrules: [{rule}]\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="rules: a: can't block"):
        LexiconStore([file], {"a": "block"})
