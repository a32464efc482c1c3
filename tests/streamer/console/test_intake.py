"""Clips that come in: each is written or told not to be, whatever is wrong with the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import soundfile

from streamer.bus import CallName
from streamer.console.hub import Hub
from streamer.console.intake import Intake
from streamer.console.keeper import Keeper
from streamer.link import Frame
from streamer.record.clips import Clip
from streamer.record.evidence import Evidence, Kept

LI = CallName("c0ffee", "c-1", "Li Na")


def clip(violation_id: str, samples: bytes = b"\xff" * 800) -> Frame:
    about = {**asdict(LI), "violation_id": violation_id, "start": 1.0, "encoding": "mulaw", "sample_rate": 8000}
    return Frame("clip", {**about, "silenced": {}, "lengths": {"agent": len(samples)}}, samples)


class Trying:
    """An intake, what it tells, and a folder of evidence with faults as the test wants them."""

    def __init__(self, folder: Path) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.troubles: list[str] = []
        self.lost = 0
        self.evidence = Evidence(folder, days=1, most=1 << 30)
        keeper = Keeper(lambda _: None, kept=lambda _: None, durable=self._troubled)
        self.intake = Intake(
            Hub(), keeper, self.evidence, publish=self._publish, troubled=self._troubled, lost=lambda: None
        )

    async def take(self, *frames: Frame) -> None:
        for frame in frames:
            self.intake.take(frame)
        writing = asyncio.create_task(self.intake.write_clips())
        await self.intake.written(60)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing

    async def _publish(self, kind: str, fields: Mapping[str, Any], about: CallName) -> None:
        assert (kind, about) == ("evidence", LI)
        self.told.append(fields)

    async def _troubled(self, trouble: str) -> None:
        self.troubles.append(trouble)


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), soundfile.LibsndfileError(1, "FLAC: "), MemoryError(), KeyError("x")],
)
async def test_a_clip_that_can_not_be_written_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    trying, keep = Trying(tmp_path), Evidence.keep

    def fail_first(self: Evidence, call: str, one: Clip) -> Kept:
        if one.violation_id == "v-1":
            raise error
        return keep(self, call, one)

    monkeypatch.setattr(Evidence, "keep", fail_first)
    await trying.take(clip("v-1"), clip("v-2"))
    first, second = trying.told
    assert (first["violation_id"], first["sha256"], first["bytes"]) == ("v-1", None, 0)
    assert first["detail"].startswith("it can't be written: ")
    assert second["sha256"] is not None
    assert [bool(trouble) for trouble in trying.troubles] == [True, False]


@pytest.mark.parametrize("odd", [{"lengths": 7}, {"silenced": {"agent": [[1]]}}, {"encoding": "opus"}, {"start": None}])
async def test_a_clip_of_which_nothing_can_be_made_is_told_of(tmp_path: Path, odd: dict[str, Any]) -> None:
    trying, whole = Trying(tmp_path), clip("v-1")
    await trying.take(Frame("clip", {**whole.fields, "silenced": {"agent": [[0, 1]]}, **odd}, whole.blob), clip("v-2"))
    assert [told["sha256"] is None for told in trying.told] == [True, False]


async def test_one_without_audio_is_told_of_and_leaves_no_file(tmp_path: Path) -> None:
    trying = Trying(tmp_path / "evidence")
    await trying.take(clip("v-1", b""))
    assert trying.told[0]["detail"] == "it can't be written: the clip holds no audio"
    assert not (tmp_path / "evidence").exists()


async def test_what_is_not_written_when_the_service_ends_is_told_of(tmp_path: Path) -> None:
    trying = Trying(tmp_path)
    trying.intake.take(clip("v-1"))
    await trying.intake.written(0)
    assert trying.told[0]["detail"] == "the service ended before"


async def test_each_that_is_not_kept_is_counted(tmp_path: Path) -> None:
    lost: list[int] = []
    trying = Trying(tmp_path)
    keeper = Keeper(lambda _: None, kept=lambda _: None, durable=trying._troubled)
    intake = Intake(
        Hub(), keeper, trying.evidence, publish=trying._publish, troubled=trying._troubled, lost=lambda: lost.append(1)
    )
    about = {"at": "2026-01-02T00:00:00.000Z", **asdict(LI), "violation_id": "v-1"}
    intake.take(Frame("event", {"type": "evidence", "cursor": 1, "sha256": "0", **about}))
    intake.take(Frame("event", {"type": "evidence", "cursor": 2, "sha256": None, "detail": "gone", **about}))
    assert lost == [1]
