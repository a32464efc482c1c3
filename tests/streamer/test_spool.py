"""What the journal does not have is in a file, in order, until it has it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.bus import Bus, CallName
from streamer.spool import Spool

LI = CallName("c0ffee", "c-1", "李娜")


@pytest.fixture
def bus() -> Bus:
    now = iter(range(1_000_000))
    return Bus(lambda: 1_000.0 + next(now))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", "here:8765")
    yield spool
    spool.close()


def again(spool: Spool) -> Spool:
    """Give the spool of a service that comes after one that died."""
    spool.close()
    return Spool(spool._path.parent, "here:8765")


def test_what_is_not_acknowledged_comes_again_in_its_order_after_a_restart(spool: Spool, bus: Bus) -> None:
    told = [bus.tell("violation", LI, {"n": n, "heard": "保本"}) for n in range(5)]
    bus.tell("call.state", LI)
    spool.keep(bus)
    told.append(bus.tell("blind", LI))
    spool.keep(bus)
    assert spool.waiting == 6
    following = again(spool)
    assert [event.to_json() for event in following.restore()] == [event.to_json() for event in told]
    following.close()


def test_nothing_is_written_while_the_journal_keeps_up(spool: Spool, bus: Bus, tmp_path: Path) -> None:
    bus.acknowledge(bus.tell("violation", LI).cursor)
    spool.keep(bus)
    assert not (tmp_path / "spool").exists()


def test_all_is_forgotten_once_the_journal_has_it(spool: Spool, bus: Bus, tmp_path: Path) -> None:
    events = [bus.tell("violation", LI) for _ in range(2)]
    spool.keep(bus)
    bus.acknowledge(events[0].cursor)
    spool.keep(bus)
    assert spool.waiting == 2
    bus.acknowledge(events[1].cursor)
    spool.keep(bus)
    assert spool.waiting == 0
    assert list((tmp_path / "spool").iterdir()) == []


def test_it_is_for_its_owner_alone(spool: Spool, bus: Bus, tmp_path: Path) -> None:
    bus.tell("violation", LI)
    spool.keep(bus, at_once=True)
    (file,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@given(st.data())
def test_whatever_is_left_of_it_what_is_whole_is_read_and_the_rest_counted(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        bus, spool = Bus(lambda: 1_000.0), Spool(Path(folder), "here:8765")
        told = [bus.tell("violation", LI, {"n": n}) for n in range(4)]
        spool.keep(bus, at_once=True)
        whole = spool._path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        spool._path.write_bytes(whole[:cut])
        following = again(spool)
        restored = following.restore()
        lines = whole[:cut].count(b"\n")
        # A line of which nothing but its end is missing is whole.
        assert [event.to_json() for event in restored[:lines]] == [event.to_json() for event in told[:lines]]
        assert len(restored) + following.damaged == lines + (whole[:cut][-1:] not in {b"", b"\n"})
        # What follows is not spoiled by half a line.
        more = Bus(lambda: 2_000.0)
        more.restore(restored)
        last = more.tell("blind", LI)
        following.keep(more, at_once=True)
        last_one = again(following)
        assert last_one.restore()[-1].to_json() == last.to_json()
        last_one.close()


def test_a_full_disk_costs_nothing_that_is_in_memory(spool: Spool, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes, at: int) -> int:
        real(descriptor, data[:10], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.pwrite
    told = [bus.tell("violation", LI)]
    monkeypatch.setattr(os, "pwrite", full)
    spool.keep(bus, at_once=True)
    assert "No space left on device" in spool.trouble
    monkeypatch.setattr(os, "pwrite", real)
    told.append(bus.tell("blind", LI))
    spool.keep(bus, at_once=True)
    assert spool.trouble == ""
    following = again(spool)
    assert [event.cursor for event in following.restore()] == [event.cursor for event in told]
    assert following.damaged == 0
    following.close()


def test_it_is_bounded(tmp_path: Path, bus: Bus) -> None:
    spool = Spool(tmp_path, "here", most=1000)
    for _ in range(20):
        bus.tell("violation", LI, {"heard": "保本" * 10})
        spool.keep(bus, at_once=True)
    assert "full" in spool.trouble
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 1000
    spool.close()


def test_two_services_of_one_name_do_not_share_it(spool: Spool, bus: Bus, tmp_path: Path) -> None:
    bus.tell("violation", LI)
    spool.keep(bus, at_once=True)
    other, events = Spool(tmp_path / "spool", "here:8765"), Bus(lambda: 1.0)
    assert other.restore() == []
    events.tell("violation", LI)
    other.keep(events, at_once=True)
    assert "gateway" in other.trouble
    assert spool.waiting == 1
