"""What the console shows, tokens and evidence, held against the journal's chain."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update

from streamer.access.roles import Role
from streamer.access.tokens import Tokens
from streamer.record import database
from streamer.record.clips import Clip, not_kept
from streamer.record.deep import Clips, Examined, examine
from streamer.record.event import Event
from streamer.record.evidence import Evidence
from streamer.record.journal import Journal
from streamer.record.schema import calls, journal, scans, tokens, violations
from streamer.record.verify import verify
from tests.stories import BLOCK, STARTED, STOPPED, VIOLATION

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEPT = Clips(Path(), days=30, most=1 << 30, gateway="gw1")


class Kept:
    """A journal with two calls, a scan, tokens and a clip of each call."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.clips = replace(KEPT, folder=folder)
        self.evidence = Evidence(folder, days=30, most=1 << 30)
        self.journal = Journal(engine, gateway="gw1")
        self.cursor = 0
        for call in ("c0ffee", "f00d"):
            self.tell(call, "call.started", **STARTED)
            # As calls tell it: the signal, then the report.
            self.tell(call, "block", **BLOCK)
            self.tell(call, "violation", **VIOLATION)
            kept = self.evidence.keep(call, Clip("v-1", 0.0, "mulaw", 8000, {"agent": b"\x80" * 800}, {}))
            os.utime(folder / call / "v-1.flac", (NOW.timestamp(), NOW.timestamp()))
            self.tell(call, "evidence", violation_id="v-1", seconds=0.1, sha256=kept.sha256, bytes=kept.bytes)
            self.tell(call, "evidence", **not_kept("v-2", "the disk is full"))
            self.tell(call, "call.stopped", **STOPPED)
        began = {"scan": "s-1", "began": "2026-01-01T00:00:00.000Z"}
        self.journal.file([Event(0, "scan", NOW, fields=began)])
        store = Tokens(engine, self.journal)
        _, self.token = store.create("Li Na", Role.SUPERVISOR, None, NOW.timestamp())
        _, revoked = store.create("Wang", Role.VIEWER, 60.0, NOW.timestamp())
        store.revoke(revoked.id, NOW.timestamp())
        self.revoked = revoked.id

    def tell(self, call: str, kind: str, **fields: Any) -> None:
        self.cursor += 1
        self.journal.append([Event(self.cursor, kind, NOW, call, "c-1", "Li Na", fields)])

    def change(self, statement: Any) -> None:
        with database.writing(self.engine) as connection:
            connection.execute(statement)

    def examine(self, days: float = 1, signing: tuple[str, ...] = (), **changes: Any) -> Examined:
        return examine(self.engine, replace(self.clips, **changes), set(signing), now=NOW.timestamp() + days * 86_400)


@pytest.fixture
def kept(engine: Engine, tmp_path: Path) -> Kept:
    return Kept(engine, tmp_path / "evidence")


def test_what_nobody_touched_holds(kept: Kept) -> None:
    assert kept.examine() == Examined([], [], calls=2, clips=2, tokens=2)


HAND = {"name": "Eve", "role": "admin", "hash": "0" * 64, "created_at": 1, "id": "e0e0e0e0"}


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        (update(calls).where(calls.c.call == "f00d").values(violations=0, worst=None), "otherwise.*violations, worst"),
        (update(calls).where(calls.c.call == "f00d").values(agent="Wang"), "call f00d is shown otherwise.*: agent"),
        (delete(calls).where(calls.c.call == "f00d"), "call f00d is not shown"),
        (update(violations).where(violations.c.call == "f00d").values(verdict="false"), "otherwise.*: verdict"),
        (update(violations).where(violations.c.call == "c0ffee").values(fired=False), "otherwise.*: fired"),
        (delete(violations).where(violations.c.call == "c0ffee"), "violation v-1 of call c0ffee is not shown"),
        (delete(scans), "scan s-1 is not shown"),
        (insert(scans).values(scan="s-2", position=99, began=0, body="{}"), "scan s-2 is shown, and no row"),
        (insert(tokens).values(HAND), "token e0e0e0e0 of Eve, admin, is in the database, and the journal does not"),
        (update(tokens).where(tokens.c.role == "supervisor").values(role="admin"), "was changed since it was made"),
        (update(tokens).where(tokens.c.role == "supervisor").values(hash="0" * 64), "was changed since it was made"),
        (update(tokens).values(revoked_at=None), "Wang, viewer, is not revoked, though the journal says so"),
        (update(tokens).values(revoked_at=1), "Li Na, supervisor, was revoked by hand"),
        (delete(tokens).where(tokens.c.role == "viewer"), "was made, and is not in the database"),
    ],
)
def test_what_was_changed_by_hand_is_found_though_the_chain_holds(kept: Kept, statement: Any, flaw: str) -> None:
    kept.change(statement)
    assert verify(kept.engine, [], []).flaw is None
    (found,) = kept.examine().flaws
    assert re.search(flaw, found), found


def _swap(folder: Path) -> None:
    (folder / "c0ffee" / "v-1.flac").write_bytes(b"other")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder / "c0ffee")


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (_swap, "the clip of v-1 in call c0ffee is another than was kept"),
        (_remove, "the clip of v-1 in call c0ffee is gone before its time"),
    ],
)
def test_evidence_that_is_another_or_gone_is_found(kept: Kept, change: Callable[[Path], None], flaw: str) -> None:
    change(kept.clips.folder)
    (found,) = kept.examine().flaws
    assert flaw in found


def test_evidence_may_be_gone_when_its_time_is_over(kept: Kept) -> None:
    shutil.rmtree(kept.clips.folder)
    assert kept.examine(days=31) == Examined([], [], calls=2, clips=0, tokens=2)


def test_evidence_of_another_gateway_is_to_be_looked_for_there(kept: Kept) -> None:
    shutil.rmtree(kept.clips.folder)
    found = kept.examine(gateway="gw2")
    assert found.flaws == []
    assert found.notes == ["2 clips are not here, but were kept by other gateways: verify there, too"]


def test_the_oldest_clips_may_be_gone_for_want_of_room(kept: Kept) -> None:
    shutil.rmtree(kept.clips.folder / "c0ffee")
    os.utime(kept.clips.folder / "f00d" / "v-1.flac", (NOW.timestamp() + 60, NOW.timestamp() + 60))
    size = (kept.clips.folder / "f00d" / "v-1.flac").stat().st_size
    found = kept.examine(most=size)
    assert (found.flaws, len(found.notes)) == ([], 1)


def test_clips_that_no_row_tells_of_are_a_hint_that_rows_were_cut_off(kept: Kept) -> None:
    with kept.engine.connect() as connection:
        last = connection.scalar(select(func.max(journal.c.position)))
    assert last is not None
    for table in (journal, calls, violations, scans):
        kept.change(delete(table).where(table.c.position > 6))
    kept.change(delete(tokens))
    assert verify(kept.engine, [], []).flaw is None
    found = kept.examine()
    assert found.flaws == []
    assert found.notes == ["1 clips are in the folder of evidence that no row tells of: were rows cut off?"]


def test_a_key_that_the_journal_never_told_of_is_said(kept: Kept) -> None:
    assert kept.examine(signing=("aa",)).notes == []
    fields = {"what": "key", "detail": "heads are signed with a new key", "by": "gw1", "key": "aa"}
    kept.journal.file([Event(0, "access", NOW, fields=fields)])
    assert kept.examine(signing=("aa",)).notes == []
    (found,) = kept.examine(signing=("aa", "bb")).notes
    assert found == "heads are signed with the key bb, which the journal never told of"


def test_a_token_of_a_role_that_there_is_not_is_a_flaw(kept: Kept) -> None:
    kept.change(update(tokens).where(tokens.c.id == kept.token.id).values(role="emperor"))
    (flaw,) = kept.examine().flaws
    assert flaw == f"token {kept.token.id} of Li Na, emperor, has a role that there is not"


def test_tokens_of_earlier_versions_are_known_by_what_the_journal_says_of_them(kept: Kept) -> None:
    old = {"id": "0d0d0d0d", "name": "Zhao", "role": "viewer", "hash": "1" * 64, "created_at": 1}
    kept.change(insert(tokens).values(old))
    fields = {"what": "token", "detail": "token 0d0d0d0d was made for Zhao: viewer, never expires", "by": "root"}
    kept.tell("c0ffee", "access", **fields)
    found = kept.examine()
    assert found.flaws == []
    assert found.notes == [
        "token 0d0d0d0d of Zhao, viewer, is older than the journal's word for its hash; make another and revoke it"
    ]


def test_a_row_of_which_no_sum_can_be_made_is_named(kept: Kept) -> None:
    with database.writing(kept.engine) as connection:
        kept.journal.file_within(connection, [Event(0, "call.started", NOW, "cafe", "c-9", None, STARTED)])
        connection.execute(delete(calls).where(calls.c.call == "cafe"))
        kept.journal.file_within(connection, [Event(0, "call.started", NOW, "cafe", "c-9", None, STARTED)])
    found = kept.examine()
    assert any("can't be summed up: IntegrityError" in flaw for flaw in found.flaws)
