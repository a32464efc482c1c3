"""The lexicon that new calls get: followed as its files change, and never half."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from detector import nearmiss
from lexicon.changes import MOST
from lexicon.normalize import fold
from streamer.errors import SettingsError
from streamer.lexicon_store import Compiled, LexiconStore


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


Until = Callable[[Callable[[], bool]], Awaitable[None]]


@asynccontextmanager
async def followed(store: LexiconStore) -> AsyncIterator[Until]:
    """Follow the files at a pace for tests; gives what waits until something is so."""
    watching = asyncio.create_task(store.watch(every=0.005))

    async def until(so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not so():
                await asyncio.wait([watching], timeout=0.005)

    yield until
    watching.cancel()


def is_in_force(store: LexiconStore, term: str) -> bool:
    return store.current.lexicon.rules[0].terms == (term,)


async def test_a_folder_swapped_behind_a_link_is_a_change(tmp_path: Path) -> None:
    # As Kubernetes brings a new version of a ConfigMap: the file is a link through a link, and neither is written to.
    for version, term in (("..v1", "保本"), ("..v2", "刚兑")):
        (tmp_path / version).mkdir()
        write(tmp_path / version / "own.yaml", term)
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "own.yaml").symlink_to("..data/own.yaml")
    store = LexiconStore([tmp_path / "own.yaml"], {})
    async with followed(store) as until:
        (tmp_path / "..tmp").symlink_to("..v2")
        (tmp_path / "..tmp").replace(tmp_path / "..data")
        await until(lambda: is_in_force(store, "刚兑"))


async def test_a_new_file_in_an_old_ones_place_is_a_change(file: Path) -> None:
    store = LexiconStore([file], {})
    async with followed(store) as until:
        write(file.with_suffix(".new"), "刚兑")
        os.utime(file.with_suffix(".new"), (1, 1))
        file.with_suffix(".new").replace(file)
        await until(lambda: is_in_force(store, "刚兑"))


async def test_a_file_that_is_gone_for_a_while_is_followed_when_it_is_back(file: Path) -> None:
    store = LexiconStore([file], {})
    async with followed(store) as until:
        await asyncio.to_thread(file.unlink)
        await until(lambda: bool(store.trouble))
        write(file, "刚兑")
        await until(lambda: is_in_force(store, "刚兑"))
    assert store.trouble == ""


async def test_what_is_written_beside_the_files_is_no_change(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LexiconStore([file], {})
    reloaded: list[str] = []
    looks = 0
    look = store._look

    async def reload(by: str = "file") -> None:
        reloaded.append(by)

    def counted() -> Any:
        nonlocal looks
        looks += 1
        file.with_suffix(".log").write_text(str(looks))
        return look()

    monkeypatch.setattr(store, "reload", reload)
    monkeypatch.setattr(store, "_look", counted)
    async with followed(store) as until:
        await until(lambda: looks > 20)
    assert reloaded == []


async def test_of_two_reloads_at_once_the_newer_text_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LexiconStore([file], {})
    compile_, compiling, go_on = store._compile, threading.Event(), threading.Event()

    def slow() -> Compiled:
        compiled = compile_()
        if not compiling.is_set():
            compiling.set()
            go_on.wait(20)
        return compiled

    monkeypatch.setattr(store, "_compile", slow)
    first = asyncio.create_task(store.reload())
    await asyncio.to_thread(compiling.wait, 20)
    write(file, "刚兑")
    second = asyncio.create_task(store.reload())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, second)
    assert store.current.lexicon.rules[0].terms == ("刚兑",)


async def test_a_change_is_told_with_what_is_different_and_by_whom(file: Path) -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []
    store = LexiconStore([file], {}, lambda kind, fields: told.append((kind, fields)))
    before = store.current.lexicon.version
    write(file, "刚兑")
    await store.reload("Li Na")
    (kind, fields), *more = told
    assert (kind, fields["by"], more) == ("lexicon.changed", "Li Na", [])
    assert (fields["before"], fields["after"]) == (before, store.current.lexicon.version)
    assert fields["terms_added"] == [{"rule": "a", "term": "刚兑"}]
    assert fields["terms_removed"] == [{"rule": "a", "term": "保本"}]
    assert store.change is not None
    assert (store.change["by"], store.change["counts"]["terms_added"]) == ("Li Na", 1)
    await store.reload("Li Na")
    assert len(told) == 1


async def test_a_change_that_failed_is_told_once_for_the_file_and_each_time_it_is_asked_for(file: Path) -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []
    store = LexiconStore([file], {}, lambda kind, fields: told.append((kind, fields)))
    spoil(file)
    for by in ("file", "file", "Li Na"):
        await store.reload(by)
    assert [(kind, fields["by"]) for kind, fields in told] == [("lexicon.failed", "file"), ("lexicon.failed", "Li Na")]
    assert "own.yaml" in told[0][1]["trouble"]


async def test_a_change_of_everything_is_told_in_bounds(file: Path) -> None:
    told: list[Mapping[str, Any]] = []
    store = LexiconStore([file], {}, lambda _kind, fields: told.append(fields))
    terms = ", ".join(f"保本{chr(0x4E00 + number)}" for number in range(3 * MOST))
    write(file, terms)
    await store.reload()
    assert len(told[0]["terms_added"]) == MOST
    assert told[0]["counts"]["terms_added"] == 3 * MOST


async def test_an_old_lexicon_is_freed_with_the_last_call_that_has_it(file: Path) -> None:
    store = LexiconStore([file], {})
    sounds = store.current.tables["zh"].sounds
    assert sounds is not None
    heard = fold("我们宝本", "zh").text
    assert nearmiss.find(sounds, heard, final=True)
    old = weakref.ref(sounds)
    del sounds
    write(file, "刚兑")
    await store.reload()
    gc.collect()
    assert old() is None
