"""Whoever changes the journal is found out, and told where."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, update

from streamer.record import chain, database, heads
from streamer.record.event import Event
from streamer.record.heads import Head, Signer
from streamer.record.journal import Journal
from streamer.record.schema import journal
from streamer.record.verify import Verdict, verify

ROWS = 12
COLUMNS = ["cursor", "type", "at", "call", "violation_id", "body", "previous", "hash"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    told = [
        Event(n, "blind", datetime(2026, 1, 2, 0, 0, n, tzinfo=UTC), "c0ffee", "c-1", None, {"violation_id": f"v-{n}"})
        for n in range(1, ROWS + 1)
    ]
    Journal(engine).append(told)
    yield engine
    engine.dispose()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path / "data")


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(journal).order_by(journal.c.position)))


def sign(signer: Signer, engine: Engine, position: int) -> Head:
    return signer.sign(position, rows(engine)[position - 1].hash, 1)


def check(engine: Engine, *signed: Head, signer: Signer | None = None) -> Verdict:
    return verify(engine, signed, [signer.public] if signer else [])


def changed(value: object) -> object:
    if isinstance(value, int):
        return value + 1000
    text = str(value)
    return ("b" if text.startswith("a") else "a") + text[1:]


def test_what_nobody_touched_holds(engine: Engine, signer: Signer) -> None:
    told: list[tuple[int, int]] = []
    verdict = verify(engine, [sign(signer, engine, ROWS)], [signer.public], lambda *now: told.append(now))
    assert verdict == Verdict(ROWS, 1, None)
    assert told[-1] == (ROWS, ROWS)


def test_an_empty_one_holds(tmp_path: Path) -> None:
    assert check(database.open_(f"sqlite:///{tmp_path / 'empty.db'}")) == Verdict(0, 0, None)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("position", [1, 5, ROWS])
def test_a_row_that_was_changed_is_named(engine: Engine, column: str, position: int) -> None:
    row = rows(engine)[position - 1]
    with database.writing(engine) as connection:
        new = changed(getattr(row, column))
        connection.execute(update(journal).where(journal.c.position == position).values({column: new}))
    flaw = check(engine).flaw
    assert flaw is not None
    assert flaw.position == position


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(position=st.integers(1, ROWS), at=st.integers(0, 10_000), sign=st.characters(codec="utf-8"))
def test_not_a_sign_of_a_row_s_text_can_be_another(engine: Engine, position: int, at: int, sign: str) -> None:
    body = rows(engine)[position - 1].body
    at %= len(body)
    other = body[:at] + sign + body[at + 1 :]
    if other == body:
        return
    try:
        with database.writing(engine) as connection:
            connection.execute(update(journal).where(journal.c.position == position).values(body=other))
        flaw = check(engine).flaw
        assert flaw is not None
        assert flaw.position == position
    finally:
        with database.writing(engine) as connection:
            connection.execute(update(journal).where(journal.c.position == position).values(body=body))


@pytest.mark.parametrize("position", [1, 5, ROWS - 1])
def test_a_row_that_is_gone_is_missed(engine: Engine, position: int) -> None:
    with database.writing(engine) as connection:
        connection.execute(delete(journal).where(journal.c.position == position))
    assert str(check(engine).flaw) == f"row {position}: is missing"


def test_rows_that_were_closed_up_do_not_follow_each_other(engine: Engine) -> None:
    with database.writing(engine) as connection:
        connection.execute(delete(journal).where(journal.c.position == 5))
        connection.execute(update(journal).where(journal.c.position == 6).values(position=5))
    flaw = check(engine).flaw
    assert flaw is not None
    assert flaw.position == 5
    assert "does not follow" in flaw.about


def test_an_end_that_was_cut_off_is_missed_by_the_head(engine: Engine, signer: Signer) -> None:
    head = sign(signer, engine, ROWS)
    with database.writing(engine) as connection:
        connection.execute(delete(journal).where(journal.c.position > 7))
    assert check(engine).flaw is None
    flaw = check(engine, head, signer=signer).flaw
    assert flaw is not None
    assert flaw.position == 8
    assert f"row {ROWS}" in flaw.about


def test_a_chain_that_was_written_anew_is_another_than_was_signed(engine: Engine, signer: Signer) -> None:
    head = sign(signer, engine, 6)
    previous = chain.BEGINNING
    with database.writing(engine) as connection:
        for row in rows(engine):
            body = row.body.replace("c-1", "c-2")
            new = {"body": body, "previous": previous, "hash": (previous := chain.link(previous, body))}
            connection.execute(update(journal).where(journal.c.position == row.position).values(new))
    assert check(engine).flaw is None
    flaw = check(engine, head, signer=signer).flaw
    assert flaw is not None
    assert flaw.position == 6
    assert "written anew" in flaw.about


def test_a_head_that_was_forged_is_found_out(engine: Engine, signer: Signer, tmp_path: Path) -> None:
    head = sign(signer, engine, 6)
    forged = Head(head.position, "f" * 64, head.at, head.signature, head.key)
    stranger = sign(Signer(tmp_path / "other"), engine, 6)
    for one in (forged, stranger, Head(6, head.hash, head.at, "not hexadecimal", head.key)):
        flaw = check(engine, one, signer=signer).flaw
        assert flaw is not None
        assert "not signed" in flaw.about


class TestTheKey:
    def test_is_nobody_else_s_to_read_and_stays_the_same(self, tmp_path: Path) -> None:
        first, again = Signer(tmp_path / "data"), Signer(tmp_path / "data")
        assert first.public == again.public
        assert stat.S_IMODE((tmp_path / "data" / "journal.key").stat().st_mode) == 0o600
        assert (tmp_path / "data" / "journal.pub").read_text().strip() == first.public

    def test_leaves_its_heads_in_a_file_that_bears_being_cut_short(self, signer: Signer, tmp_path: Path) -> None:
        signed = [signer.sign(n, "a" * 64, n) for n in (1, 2)]
        file = tmp_path / "data" / "heads.jsonl"
        assert heads.read(file) == signed
        file.write_text(file.read_text()[:-5])
        assert heads.read(file) == signed[:1]

    @pytest.mark.parametrize("left", [1, 5, 20, 150, -1])
    @pytest.mark.parametrize("after", [b"", b"\0" * 100], ids=["alone", "zeros"])
    def test_goes_on_after_a_head_that_was_torn_as_the_machine_died(
        self, signer: Signer, tmp_path: Path, left: int, after: bytes
    ) -> None:
        signed = [signer.sign(n, "a" * 64, n) for n in (1, 2)]
        file = tmp_path / "data" / "heads.jsonl"
        first, second = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(first + second[:left] + after)
        again = Signer(tmp_path / "data")
        signed += [again.sign(n, "a" * 64, n) for n in (3, 4)]
        told: list[str] = []
        whole = left == -1
        assert heads.read(file, told.append) == (signed if whole else [signed[0], *signed[2:]])
        assert told == ([] if whole and not after else [f"{file}, line 2: was torn while it was written"])

    def test_one_that_stands_behind_a_torn_one_in_its_line_counts(self, signer: Signer, tmp_path: Path) -> None:
        """As earlier versions went on after a crash."""
        signed = [signer.sign(n, "a" * 64, n) for n in (1, 2, 3)]
        file = tmp_path / "data" / "heads.jsonl"
        first, second, third = file.read_text().splitlines()
        file.write_text(f"{first}\n{second[:30]}{third}\n")
        told: list[str] = []
        assert heads.read(file, told.append) == [signed[0], signed[2]]
        assert told == [f"{file}, line 2: was torn while it was written"]

    @pytest.mark.parametrize("line", ['{"position": 1}', "[]", "PNG", "7", '{"other": 1', "\x7f\xff"])
    def test_a_file_that_holds_something_else_is_said_to_with_the_line(
        self, signer: Signer, tmp_path: Path, line: str
    ) -> None:
        signer.sign(1, "a" * 64, 1)
        file = tmp_path / "data" / "heads.jsonl"
        with file.open("a", encoding="latin-1") as out:
            out.write(f"{line}\n")
        with pytest.raises(ValueError, match=r"heads\.jsonl, line 2: .* is no head"):
            heads.read(file)


def test_two_heads_for_one_row_that_differ_are_found_out(engine: Engine, signer: Signer) -> None:
    """Whoever has the key may sign a journal that was written anew; the copy kept elsewhere tells."""
    there, anew = sign(signer, engine, 5), signer.sign(5, "0" * 64, 1)
    verdict = check(engine, anew, there, signer=signer)
    assert verdict.flaw is not None
    assert (verdict.flaw.position, "differ" in verdict.flaw.about) == (5, True)


def test_a_head_of_other_types_is_none(tmp_path: Path, signer: Signer, engine: Engine) -> None:
    sign(signer, engine, 5)
    file = tmp_path / "data" / "heads.jsonl"
    file.write_text(file.read_text().replace('"position": 5', '"position": "5"'))
    with pytest.raises(ValueError, match="is no head"):
        heads.read(file)
