"""The REST interface: what it tells, whom it lets do what, and what it leaves on the record."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from lexicon.loader import load, parse
from streamer.access import renewing
from streamer.access.roles import Role
from streamer.access.tokens import Tokens
from streamer.bus import CallName
from streamer.console import feed as feed_module
from streamer.console import media as media_module
from streamer.console.rest import service
from streamer.link import Frame
from streamer.record import database, heads
from tests.certificates import certify
from tests.stories import BLOCK, STARTED, STOPPED, VIOLATION, kept
from tests.streamer.console.media import Console, MediaStandIn, console, hello, told

RULES = """
lexicon: small
language: zh
rules:
  - id: promise
    category: guarantee
    severity: block
    terms: [保本保收益]
"""


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(RULES, encoding="utf-8")
    return file


@pytest.fixture
async def one(tmp_path: Path, lexicon: Path) -> AsyncIterator[Console]:
    def in_force(media: MediaStandIn) -> None:
        media.lexicon = load([lexicon])

    async with console(tmp_path / "data", in_force, lexicon=[str(lexicon)]) as running:
        yield running


async def a_call(one: Console, *, over: bool = False) -> None:
    """Let a call be made in which something forbidden is said."""
    one.media.tell("call.started", **STARTED)
    one.media.tell("violation", **VIOLATION)
    last = one.media.tell("block", **BLOCK)
    if over:
        last = one.media.tell("call.stopped", **STOPPED)
    await one.media.kept(last)


async def get(one: Console, path: str, **query: Any) -> Any:
    answer = await one.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestCalls:
    async def test_that_go_on_are_told_as_they_are_now(self, one: Console) -> None:
        await a_call(one)
        async with one.feed() as feed:
            await hello(feed)
            one.media.tell("call.state", duration=4.0, monitored=8.0, blind=0.0, lag=0.7, muted=True)
            await told(feed, "call.state")
        (call,) = (await get(one, "/v1/calls", live=True))["items"]
        assert (call["lag"], call["muted"], call["worst"], call["violations"]) == (0.7, True, "block", 1)

    async def test_that_are_over_are_told_with_their_account_and_events(self, one: Console) -> None:
        await a_call(one, over=True)
        call = await get(one, "/v1/calls/c0ffee")
        assert (call["outcome"], call["duration"], call["blind"], call["monitored"]) == ("completed", 9.5, 0.5, 18.5)
        assert [event["type"] for event in call["events"]] == ["call.started", "violation", "block", "call.stopped"]
        assert (await get(one, "/v1/calls", live=True))["items"] == []

    async def test_come_page_by_page(self, one: Console) -> None:
        for name in ("a", "b", "c"):
            last = one.media.tell("call.started", CallName(name, f"c-{name}", None), **STARTED)
        await one.media.kept(last)
        first = await get(one, "/v1/calls", limit=2)
        second = await get(one, "/v1/calls", limit=2, before=first["next"])
        assert [call["call"] for page in (first, second) for call in page["items"]] == ["c", "b", "a"]
        assert second["next"] is None

    async def test_that_never_were_are_not_found(self, one: Console) -> None:
        assert code(await one.http.get("/v1/calls/nobody")) == (404, "not_found")


class TestActions:
    async def test_reach_the_platform_and_the_record(self, one: Console) -> None:
        await a_call(one)
        async with one.feed() as feed:
            await hello(feed)
            wanted = {"action": "mute", "channel": "agent", "violation_id": "v-1"}
            answer = await one.http.post("/v1/calls/c0ffee/actions", json=wanted)
            record = await told(feed, "action")
        assert answer.json() == {"accepted": True, "detail": "the platform was asked"}
        assert ("order", {"call": "c0ffee", **wanted, "by": "local"}) in one.media.asked
        assert {name: record[name] for name in wanted} == wanted
        assert (record["by"], record["accepted"]) == ("local", True)

    async def test_that_the_platform_does_not_take_say_so(self, one: Console) -> None:
        await a_call(one)
        one.media.taken = False
        answer = await one.http.post("/v1/calls/c0ffee/actions", json={"action": "hangup"})
        assert answer.json()["accepted"] is False

    @pytest.mark.parametrize("over", ["over", "hung up meanwhile", "never was"])
    async def test_on_a_call_that_is_over_are_refused(self, one: Console, over: str) -> None:
        await a_call(one, over=over == "over")
        one.media.taken = None
        path = f"/v1/calls/{'nobody' if over == 'never was' else 'c0ffee'}/actions"
        assert code(await one.http.post(path, json={"action": "mute"})) == (409, "call_over")

    @pytest.mark.parametrize(
        "wanted", [{}, {"action": "shoot"}, {"action": "mute", "channel": "both"}, {"action": "mute", "x": 1}]
    )
    async def test_that_are_none_are_refused_by_field(self, one: Console, wanted: dict[str, Any]) -> None:
        assert code(await one.http.post("/v1/calls/c0ffee/actions", json=wanted)) == (422, "bad_field")

    async def test_wait_for_a_stuck_media_plane_only_so_long(
        self, one: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await a_call(one)
        monkeypatch.setattr(media_module, "PATIENCE", 0.05)
        one.media.silent = True
        assert code(await one.http.post("/v1/calls/c0ffee/actions", json={"action": "mute"})) == (503, "media_gone")
        assert (await one.http.get("/metrics")).status_code == 200


class TestViolations:
    async def test_are_found_by_what_was_said(self, one: Console) -> None:
        await a_call(one)
        (found,) = (await get(one, "/v1/violations", q="宝本", rule="promise", severity="block"))["items"]
        assert (found["term"], found["block"]["action"], found["agent"]) == ("保本", "mute", "Li Na")
        assert (await get(one, "/v1/violations", q="没有"))["items"] == []
        assert (await get(one, "/v1/violations", **{"from": "2200-01-01T00:00:00Z"}))["items"] == []

    async def test_are_judged_by_supervisors_and_the_record_says_by_whom(self, one: Console) -> None:
        await a_call(one)
        path = "/v1/violations/c0ffee/v-1"
        assert code(await one.http.post(f"{path}/review", json={"verdict": "false", "reason": " "})) == (
            400,
            "bad_request",
        )
        answer = await one.http.post(f"{path}/review", json={"verdict": "false", "reason": "a quotation"})
        async with one.feed() as feed:
            await hello(feed, after=answer.json()["cursor"] - 1)
            assert (await told(feed, "review"))["cursor"] == answer.json()["cursor"]
        await one.media.kept(one.media.tell("blind", channel="agent"))
        found = await get(one, path)
        assert (found["verdict"], found["verdict_by"], found["verdict_reason"]) == ("false", "local", "a quotation")
        assert [event["type"] for event in found["events"]] == ["violation", "block", "review"]
        assert (await get(one, "/v1/violations", verdict="none"))["items"] == []

    async def test_that_never_were_can_not_be_judged(self, one: Console) -> None:
        answer = await one.http.post("/v1/violations/c0ffee/v-9/review", json={"verdict": "true"})
        assert code(answer) == (404, "not_found")

    @pytest.mark.parametrize(
        "query",
        [{"limit": 0}, {"limit": "many"}, {"from": "yesterday"}, {"from": "2026-01-01T00:00:00"}, {"severity": "x"}],
    )
    async def test_asked_for_wrongly_are_refused_by_field(self, one: Console, query: dict[str, Any]) -> None:
        answer = await one.http.get("/v1/violations", params=query)
        assert code(answer) == (422, "bad_field")
        assert next(iter(query)) in answer.json()["error"]["message"]

    async def test_before_what_is_no_page_are_refused(self, one: Console) -> None:
        assert code(await one.http.get("/v1/violations", params={"before": "x"})) == (400, "bad_request")


class TestEvidence:
    async def test_is_kept_told_shown_and_played(self, one: Console) -> None:
        await a_call(one)
        tone = (np.sin(np.arange(8000) / 8) * 20_000).astype("<i2").tobytes()
        fields = {"call": "c0ffee", "call_id": "c-1", "agent": "Li Na", "violation_id": "v-1", "start": 2.0}
        fields |= {"encoding": "pcm_s16le", "sample_rate": 8000, "silenced": {"customer": [[2.0, 2.5]]}}
        lengths = {"agent": len(tone), "customer": len(tone)}
        async with one.feed() as feed:
            await hello(feed)
            one.media.send(Frame("clip", {**fields, "lengths": lengths}, tone + tone))
            kept = await told(feed, "evidence")
            clip = await one.http.get("/v1/violations/c0ffee/v-1/evidence.flac")
            heard = await told(feed, "access")
        assert (kept["seconds"], kept["from"], kept["bytes"]) == (1.0, 2.0, len(clip.content))
        assert clip.headers["content-type"] == "audio/flac"
        assert (heard["what"], heard["detail"], heard["by"]) == ("evidence", "c0ffee/v-1", "local")
        samples, _ = soundfile.read(io.BytesIO(clip.content))
        assert np.abs(samples[:4000, 1]).max() == 0.0 < np.abs(samples[4000:, 1]).max()
        wave = await get(one, "/v1/violations/c0ffee/v-1/waveform")
        assert (wave["seconds"], wave["from"], len(wave["peaks"]["agent"])) == (1.0, 2.0, 20)

    @pytest.mark.parametrize("path", ["v-1/evidence.flac", "v-1/waveform"])
    async def test_that_is_kept_no_more_is_not_found(self, one: Console, path: str) -> None:
        assert code(await one.http.get(f"/v1/violations/c0ffee/{path}")) == (404, "not_found")

    @pytest.mark.parametrize("name", ["..%2f..%2fetc", "a.b", "%00", "x" * 65])
    async def test_by_a_name_that_is_none_is_refused(self, one: Console, name: str) -> None:
        answer = await one.http.get(f"/v1/violations/c0ffee/{name}/evidence.flac")
        assert answer.status_code in {404, 422}


class TestTheLexicon:
    async def test_in_force_is_shown_and_tried(self, one: Console) -> None:
        shown = await get(one, "/v1/lexicon")
        assert [rule["id"] for rule in shown["rules"]] == ["promise"]
        tried = (await one.http.post("/v1/lexicon/try", json={"text": "我们保本保收益"})).json()
        assert [found["rule_id"] for found in tried["violations"]] == ["promise"]

    async def test_in_force_is_the_media_plane_s_whatever_the_file_holds_by_now(
        self, one: Console, lexicon: Path
    ) -> None:
        for content in (RULES.replace("保本保收益", "稳赚不赔"), "rules: ["):
            await asyncio.to_thread(lexicon.write_text, content, encoding="utf-8")
            one.media.trouble = "the lexicon was not renewed"
            shown = await get(one, "/v1/lexicon")
            assert [rule["terms"] for rule in shown["rules"]] == [["保本保收益"]]
            assert shown["trouble"] == "the lexicon was not renewed"

    async def test_is_brought_once_for_each_version_and_by_pages(self, one: Console) -> None:
        rules = "".join(f"  - {{id: r{n}, category: c, severity: alert, terms: [保本{n}]}}\n" for n in range(5))
        one.media.lexicon = parse(f"lexicon: large\nlanguage: zh\nrules:\n{rules}", "large.yaml")
        for _ in range(2):
            shown = await get(one, "/v1/lexicon")
            assert [rule["id"] for rule in shown["rules"]] == [f"r{n}" for n in range(5)]
            assert shown["version"] == one.media.lexicon.version
        asked = [about["after"] for name, about in one.media.asked if name == "rules"]
        assert asked == [0, 2, 4, 5, 0]

    async def test_can_not_be_shown_while_the_media_plane_is_silent(
        self, one: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("streamer.console.media.PATIENCE", 0.01)
        one.media.silent = True
        assert code(await one.http.get("/v1/lexicon")) == (503, "media_gone")

    async def test_in_a_language_without_rules_can_not_be_tried(self, one: Console) -> None:
        answer = await one.http.post("/v1/lexicon/try", json={"text": "guaranteed", "language": "en"})
        assert code(answer) == (400, "bad_request")

    async def test_is_read_again_and_that_is_on_the_record(self, one: Console) -> None:
        async with one.feed() as feed:
            await hello(feed)
            answer = await one.http.post("/v1/lexicon/reload")
            record = await told(feed, "access")
        assert answer.json() == {"version": "2", "trouble": ""}
        assert (record["what"], record["by"]) == ("reload", "local")


class TestHealth:
    async def test_is_the_media_plane_s_and_the_journal_s(self, one: Console) -> None:
        health = await get(one, "/healthz")
        assert (health["healthy"], health["durability"]) == (True, "ok")
        async with one.feed() as feed:
            await hello(feed)
            one.media.be(healthy=False, reason="recognition is 9 s behind")
            one.media.tell("blind", channel="agent")
            await told(feed, "blind")
        answer = await one.http.get("/healthz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "recognition is 9 s behind")

    async def test_is_bad_when_the_media_plane_says_nothing(
        self, one: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "STUCK", -1.0)
        assert (await one.http.get("/healthz")).status_code == 503
        assert "huazha_healthy 0.0" in (await one.http.get("/metrics")).text


class TestBounds:
    async def test_pages_of_elsewhere_are_kept_out(self, one: Console) -> None:
        answer = await one.http.get("/v1/me", headers={"Origin": "https://evil.example"})
        assert code(answer) == (403, "forbidden_origin")
        rebound = await one.http.get("/v1/me", headers={"Host": "evil.example"})
        assert code(rebound) == (403, "forbidden_origin")

    async def test_the_page_fetches_nothing_from_elsewhere(self, one: Console) -> None:
        policy = (await one.http.get("/")).headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy

    async def test_the_documentation_needs_no_network(self, one: Console) -> None:
        docs = (await one.http.get("/docs")).text
        assert "https://" not in docs
        assert (await one.http.get("/docs/static/swagger-ui-bundle.js")).status_code == 200
        assert "/v1/violations" in (await one.http.get("/openapi.json")).json()["paths"]

    async def test_a_huge_request_is_cut_off(self, one: Console) -> None:
        body = json.dumps({"text": "x" * 100_000})
        assert code(await one.http.post("/v1/lexicon/try", content=body)) == (413, "too_large")

    async def test_other_paths_are_not_found_and_said_so_in_json(self, one: Console) -> None:
        assert code(await one.http.get("/v1/nothing")) == (404, "not_found")
        assert code(await one.http.delete("/v1/calls")) == (405, "method_not_allowed")


class TestAccess:
    """Who was refused, given a token, or heard evidence: also what another process wrote."""

    async def test_tells_what_was_done_newest_first(self, one: Console) -> None:
        for detail in ("the first", "the second", "the third"):
            await one.media.kept(one.media.tell("access", None, what="reload", detail=detail, by="Li Na"))
        first = (await one.http.get("/v1/access", params={"limit": 2})).json()
        second = (await one.http.get("/v1/access", params={"limit": 2, "before": first["next"]})).json()
        assert [item["detail"] for item in first["items"]] == ["the third", "the second"]
        assert second["items"][0]["detail"] == "the first"
        # Only the key that heads are signed with may come besides, as soon as that is told.
        assert {item["what"] for item in second["items"][1:]} <= {"key"}
        assert second["next"] is None

    async def test_leaves_out_what_is_about_calls(self, one: Console) -> None:
        await a_call(one)
        found = (await one.http.get("/v1/access")).json()["items"]
        assert [item for item in found if item["what"] != "key"] == []

    async def test_tells_of_tokens_that_were_made_and_revoked_in_another_process(self, tmp_path: Path) -> None:
        config = tmp_path / "huazha.toml"
        config.write_text(f'data = "{tmp_path / "data"}"\n')
        admin = await huazha("token", "create", "--role", "admin", "--name", "Wang Fang", "--config", str(config))
        async with console(tmp_path / "data") as one:
            await a_call(one)
            one.http.headers["authorization"] = f"Bearer {admin}"
            await huazha("token", "create", "--role", "viewer", "--name", "Li Na", "--config", str(config))
            made = (await get(one, "/v1/access"))["items"][0]
            await huazha("token", "revoke", made["detail"].split()[1], "--config", str(config))
            items = (await get(one, "/v1/access"))["items"]
        assert "was made for Li Na" in made["detail"]
        assert items[1] == made
        assert "of Li Na was revoked" in items[0]["detail"]

    async def test_a_wrong_page_is_refused(self, one: Console) -> None:
        assert (await one.http.get("/v1/access", params={"before": "x"})).status_code == 400


async def huazha(*arguments: str) -> str:
    """Run a command as somebody else on the machine would; give what it prints."""
    command = [sys.executable, "-c", "from streamer.cli import main; main()", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    printed, problem = await process.communicate()
    assert process.returncode == 0, problem.decode()
    return printed.decode().strip()


class TestRoles:
    """With tokens, each may do what is theirs, and nothing more."""

    ASKED: tuple[tuple[str, str, Any, Role], ...] = (
        ("GET", "/v1/me", None, Role.VIEWER),
        ("POST", "/v1/tickets", None, Role.VIEWER),
        ("GET", "/v1/calls", None, Role.VIEWER),
        ("GET", "/v1/calls/c0ffee", None, Role.VIEWER),
        ("GET", "/v1/violations", None, Role.VIEWER),
        ("GET", "/v1/violations/c0ffee/v-1", None, Role.VIEWER),
        ("GET", "/v1/scans", None, Role.VIEWER),
        ("GET", "/v1/access", None, Role.VIEWER),
        ("GET", "/v1/stats", None, Role.VIEWER),
        ("GET", "/v1/lexicon", None, Role.VIEWER),
        ("POST", "/v1/lexicon/try", {"text": "您好"}, Role.VIEWER),
        ("GET", "/v1/violations/c0ffee/v-1/evidence.flac", None, Role.SUPERVISOR),
        ("GET", "/v1/violations/c0ffee/v-1/waveform", None, Role.SUPERVISOR),
        ("POST", "/v1/violations/c0ffee/v-1/review", {"verdict": "true"}, Role.SUPERVISOR),
        ("POST", "/v1/calls/c0ffee/actions", {"action": "mute"}, Role.SUPERVISOR),
        ("POST", "/v1/lexicon/reload", None, Role.ADMIN),
    )

    @pytest.fixture
    def tokens(self, tmp_path: Path) -> dict[Role, str]:
        engine = database.open_(f"sqlite:///{tmp_path / 'data' / 'journal.db'}")
        made = {role: Tokens(engine).create(f"a {role}", role, None, time.time())[0] for role in Role}
        engine.dispose()
        return made

    async def test_decide_over_every_request(self, tokens: dict[Role, str], one: Console) -> None:
        await a_call(one)
        refused: dict[tuple[str, str], list[Role]] = {(method, path): [] for method, path, _, _ in self.ASKED}
        for method, path, body, _ in self.ASKED:
            for role, token in tokens.items():
                signed = {"Authorization": f"Bearer {token}"}
                answer = await one.http.request(method, path, json=body, headers=signed)
                if answer.status_code == 403:
                    refused[method, path].append(role)
        expected = {
            (method, path): [role for role in tokens if not role.may(wanted)] for method, path, _, wanted in self.ASKED
        }
        assert refused == expected

    async def test_nobody_comes_in_without_a_token(self, tokens: dict[Role, str], one: Console) -> None:
        for method, path, body, _ in self.ASKED:
            for headers in ({}, {"Authorization": "Bearer hz_wrong"}, {"Authorization": f"Basic {tokens[Role.ADMIN]}"}):
                answer = await one.http.request(method, path, json=body, headers=headers)
                assert code(answer) == (401, "unauthorised")
                assert answer.headers["www-authenticate"] == "Bearer"

    async def test_a_ticket_opens_one_socket_once(self, tokens: dict[Role, str], one: Console) -> None:
        signed = {"Authorization": f"Bearer {tokens[Role.VIEWER]}"}
        ticket = (await one.http.post("/v1/tickets", headers=signed)).json()["ticket"]
        async with one.feed() as first:
            assert (await hello(first, ticket=ticket))["role"] == "viewer"
        async with one.feed() as second:
            assert (await hello(second, ticket=ticket))["code"] == "unauthorised"

    async def test_a_platform_does_not_hear_the_feed(self, tokens: dict[Role, str], one: Console) -> None:
        async with one.feed() as feed:
            assert (await hello(feed, token=tokens[Role.PLATFORM]))["code"] == "unauthorised"

    async def test_a_revoked_token_hears_no_more(
        self, tokens: dict[Role, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed_module, "CHECKED", 0.05)
        monkeypatch.setattr(renewing, "EVERY", 0.05)
        engine = database.open_(f"sqlite:///{tmp_path / 'data' / 'journal.db'}")
        async with console(tmp_path / "data") as one, one.feed() as feed:
            await hello(feed, token=tokens[Role.VIEWER])
            (row,) = (row for row in Tokens(engine).all() if row.identity.role is Role.VIEWER)
            await asyncio.to_thread(Tokens(engine).revoke, row.id, time.time())
            assert (await told(feed, "error"))["code"] == "unauthorised"
        engine.dispose()

    async def test_a_token_is_in_no_store(self, tokens: dict[Role, str], one: Console, tmp_path: Path) -> None:
        signed = {"Authorization": f"Bearer {tokens[Role.ADMIN]}"}
        await one.http.get("/v1/me", headers=signed)
        await one.http.get("/v1/me", headers={"Authorization": "Bearer hz_wrong"})
        for file in (tmp_path / "data").rglob("*"):
            if file.is_file():
                stored = file.read_bytes()
                assert not [role for role, token in tokens.items() if token.encode() in stored]
                assert b"hz_wrong" not in stored


async def test_the_key_that_heads_are_signed_with_is_told_once_and_signs_from_the_start(tmp_path: Path) -> None:
    for _ in range(2):
        async with console(tmp_path) as one:
            await one.media.kept(one.media.tell("blind", None))
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    (told,) = (event for event in kept(engine) if event.type == "access")
    last = len(kept(engine))
    engine.dispose()
    assert told.fields["what"] == "key"
    assert told.fields["key"] == (tmp_path / "journal.pub").read_text().strip()
    assert heads.read(tmp_path / "heads.jsonl")[-1].position == last


async def test_evidence_that_comes_last_is_told_although_nobody_is_there_to_number_it(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        await a_call(one)
        fields = {"call": "c0ffee", "call_id": "c-1", "agent": "Li Na", "violation_id": "v-1", "start": 2.0}
        fields |= {"encoding": "mulaw", "sample_rate": 8000, "silenced": {}, "lengths": {"agent": 8000}}
        one.media.send(Frame("clip", fields, b"\xff" * 8000))
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    *_, last = (event for event in kept(engine) if event.call is not None)
    engine.dispose()
    assert (last.type, last.call, last.fields["violation_id"]) == ("evidence", "c0ffee", "v-1")


async def test_with_a_certificate_it_is_served_over_tls_alone(tmp_path: Path) -> None:
    tls = certify(tmp_path)
    known = ssl.create_default_context(cafile=str(tls.certificate))
    async with console(tmp_path / "data", tls={"certificate": str(tls.certificate), "key": str(tls.key)}) as one:
        async with httpx.AsyncClient(base_url=f"https://localhost:{one.port}", verify=known) as http:
            assert (await http.get("/v1/me")).json()["role"] == "admin"
        with pytest.raises(httpx.HTTPError):
            await one.http.get("/v1/me")
