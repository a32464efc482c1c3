"""The commands about lexicons, as they print."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from streamer.lexicon_commands import app

LEXICON = """
lexicon: sales
language: LANGUAGE
rules:
  - id: sales
    category: guarantee
    severity: alert
    terms: [TERMS]
    sounds: {SOUNDS}
"""


def check(folder: Path, *options: str, terms: str, sounds: str = "", language: str = "zh") -> list[str]:
    text = LEXICON.replace("LANGUAGE", language).replace("TERMS", terms).replace("SOUNDS", sounds)
    file = folder / "sales.yaml"
    file.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["check", str(file), *options])
    assert done.exit_code == 0, done.output
    return done.stdout.replace(f"{file}: ", "").splitlines()


class TestCheck:
    def test_says_how_terms_in_doubt_are_listened_for(self, tmp_path: Path) -> None:
        _, *lines = check(tmp_path, terms="保本, 我行兜底, blockchain")
        assert lines == [
            "sounds   rule sales: 我行兜底 is listened for as wo xing dou di, wo hang dou di",
            "sounds   rule sales: blockchain can't be said as it is written: give its sounds",
        ]

    def test_doubts_nothing_that_the_rule_says_itself(self, tmp_path: Path) -> None:
        sounds = "我行兜底: [wo hang dou di, wo xing dou di], blockchain: bu luo ke chuan"
        _, *lines = check(tmp_path, terms="我行兜底, blockchain", sounds=sounds)
        assert lines == []

    def test_doubts_no_english_term(self, tmp_path: Path) -> None:
        _, *lines = check(tmp_path, terms="can't lose", language="en")
        assert lines == []

    def test_shows_the_sounds_of_every_term(self, tmp_path: Path) -> None:
        _, head, *rows = check(tmp_path, "--sounds", terms="保本, 行兜底", sounds="行兜底: [hang dou di, xing dou di]")
        assert head.split() == ["term", "sounds"]
        assert [row.split(maxsplit=1) for row in rows] == [
            ["保本", "bao ben" + " " * 17],
            ["行兜底", "hang dou di, xing dou di"],
        ]
