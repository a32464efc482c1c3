"""Reading lexicons: every field of the format, and an error with file and line for whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexicon.errors import LexiconConflict, LexiconError, LexiconInvalid, LexiconUnreadable
from lexicon.loader import MAX_BYTES, load, parse, parse_tsv
from lexicon.types import Near, Required, Rule, Scope, Severity

CORPUS = Path(__file__).parent.parent / "corpus" / "lexicon"

EVERYTHING = """
lexicon: bank-sales-zh
language: zh
rules:
  - id: promise-principal
    category: guarantee
    severity: block
    channel: any
    terms: [保本保收益, 承诺保本]
    allow: [不承诺保本]
    say_instead: 本产品不保证本金，理财有风险。
    source: 资管新规 第二条
    sounds: {承诺保本: cheng nuo bao ben, 不承诺保本: [bu cheng nuo bao ben, bu cen nuo bao ben]}
  - id: absolute-claim
    category: absolute
    severity: alert
    terms: [绝对]
    near: {any: [收益, 赚], within: 8, ordered: true}
  - id: risk-disclosure
    category: disclosure
    severity: review
    required: {by: end}
    terms: [理财非存款]
  - id: recording
    category: disclosure
    severity: alert
    required: {within: 60}
    terms: [通话会录音]
"""


class TestYaml:
    def test_is_read_with_every_field(self) -> None:
        lexicon = parse(EVERYTHING, "sales.yaml")
        assert lexicon.name == "bank-sales-zh"
        assert lexicon.rules == (
            Rule(
                id="promise-principal",
                category="guarantee",
                severity=Severity.BLOCK,
                terms=("保本保收益", "承诺保本"),
                language="zh",
                channel=Scope.ANY,
                allow=("不承诺保本",),
                say_instead="本产品不保证本金，理财有风险。",
                source="资管新规 第二条",
                sounds=(
                    ("承诺保本", ("cheng nuo bao ben",)),
                    ("不承诺保本", ("bu cheng nuo bao ben", "bu cen nuo bao ben")),
                ),
            ),
            Rule(
                "absolute-claim",
                "absolute",
                Severity.ALERT,
                ("绝对",),
                "zh",
                near=Near(("收益", "赚"), within=8, ordered=True),
            ),
            Rule("risk-disclosure", "disclosure", Severity.REVIEW, ("理财非存款",), "zh", required=Required(None)),
            Rule("recording", "disclosure", Severity.ALERT, ("通话会录音",), "zh", required=Required(60.0)),
        )

    def test_has_a_version_that_changes_with_any_byte(self) -> None:
        versions = {parse(text, "x").version for text in (EVERYTHING, EVERYTHING + "\n", EVERYTHING + "# note\n")}
        assert len(versions) == 3
        assert all(version.startswith("bank-sales-zh@") and len(version) == 26 for version in versions)

    @pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda file: file.stem)
    def test_that_is_wrong_is_told_file_and_line(self, file: Path) -> None:
        line = int(file.stem.split("-")[0]) or None
        with pytest.raises(LexiconError) as caught:
            load([file])
        assert (caught.value.file, caught.value.line) == (str(file), line)
        assert str(file) in str(caught.value)

    @given(st.text(max_size=200))
    def test_of_any_text_is_a_lexicon_or_a_lexicon_error(self, text: str) -> None:
        with pytest.raises(LexiconError):
            parse(text, "fuzz.yaml")

    @given(st.text("lexicon: language zh rules -[]{}id,&*!|>\n\t'\"", max_size=120))
    def test_of_anything_like_yaml_is_a_lexicon_or_a_lexicon_error(self, text: str) -> None:
        with pytest.raises(LexiconError):
            parse(text, "fuzz.yaml")


class TestFiles:
    def test_are_merged_in_order(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            rule = f"{{id: {name}, category: c, severity: block, terms: [保本]}}"
            (tmp_path / f"{name}.yaml").write_text(f"lexicon: {name}\nlanguage: zh\nrules: [{rule}]\n", "utf-8")
        lexicon = load([tmp_path / "one.yaml", tmp_path / "two.yaml"])
        assert lexicon.name == "one+two"
        assert [rule.id for rule in lexicon.rules] == ["one", "two"]

    def test_may_not_share_an_id(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            rule = "{id: same, category: c, severity: block, terms: [保本]}"
            (tmp_path / f"{name}.yaml").write_text(f"lexicon: {name}\nlanguage: zh\nrules: [{rule}]\n", "utf-8")
        with pytest.raises(LexiconConflict, match=r"rule same is in .*one\.yaml already") as caught:
            load([tmp_path / "one.yaml", tmp_path / "two.yaml"])
        assert caught.value.file == str(tmp_path / "two.yaml")

    def test_may_not_share_an_id_where_one_is_an_edited_copy_of_the_other(self, tmp_path: Path) -> None:
        (tmp_path / "shipped.yaml").write_text(EVERYTHING, "utf-8")
        (tmp_path / "copy.yaml").write_text(EVERYTHING.replace("[绝对]", "[肯定]"), "utf-8")
        with pytest.raises(LexiconConflict, match="promise-principal"):
            load([tmp_path / "shipped.yaml", tmp_path / "copy.yaml"])

    def test_that_are_not_there_or_no_text_are_told_so(self, tmp_path: Path) -> None:
        with pytest.raises(LexiconUnreadable, match="No such file"):
            load([tmp_path / "none.yaml"])
        (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(LexiconUnreadable, match="UTF-8"):
            load([tmp_path / "binary.yaml"])

    def test_that_are_huge_are_not_read(self, tmp_path: Path) -> None:
        for start in ("", "#", "##"):
            (tmp_path / "huge.yaml").write_text(start + "保" * (MAX_BYTES // 2), "utf-8")
            with pytest.raises(LexiconUnreadable, match="over 4 MB"):
                load([tmp_path / "huge.yaml"])


class TestTsv:
    def test_has_one_rule_for_a_category(self) -> None:
        rows = [
            "category\tseverity\tlang\tterm\tnote",
            "guarantee\tblock\tzh\t保本\t",
            "guarantee\tblock\tzh\t承诺收益\t",
            "allow\tallow\tzh\t不保本\t",
            "guarantee\tblock\ten\tguaranteed return\t",
            "required\trequired\tzh\t投资有风险\t",
            "required\trequired\tzh\t我是*银行的\t",
            "neg_pre\tcue\tzh\t不是\t",
        ]
        lexicon = parse_tsv("\n".join(rows), "terms.tsv")
        assert [(rule.id, rule.terms, rule.allow, rule.required) for rule in lexicon.rules] == [
            ("guarantee-block-zh", ("保本", "承诺收益"), ("不保本",), None),
            ("guarantee-block-en", ("guaranteed return",), (), None),
            ("required-required-zh-1", ("投资有风险",), (), Required(None)),
        ]

    def test_may_say_how_terms_are_said(self) -> None:
        rows = [
            "category\tseverity\tlang\tterm\tsounds",
            "guarantee\tblock\tzh\t行兜底\thang dou di; xing dou di",
            "guarantee\tblock\tzh\t保本\t",
            "allow\tallow\tzh\t不保本\tbu bao ben",
        ]
        (rule,) = parse_tsv("\n".join(rows), "terms.tsv").rules
        assert rule.sounds == (("行兜底", ("hang dou di", "xing dou di")), ("不保本", ("bu bao ben",)))

    @pytest.mark.parametrize(
        ("text", "line", "field"),
        [
            ("category\tseverity\tlang\tterm\tsounds\nc\tblock\tzh\t保本\tbao; ben ben3\n", 2, "sounds"),
            ("category\tseverity\tlang\tterm\tsounds\nc\tblock\tzh\t保本\tbao ben;\n", 2, "sounds"),
            ("category\tseverity\tterm\n", 1, "lang"),
            ("category\tseverity\tlang\tterm\nc\tstop\tzh\t保本\n", 2, "severity"),
            ("category\tseverity\tlang\tterm\nc\tblock\tzh\t，\n", 2, "term"),
            ("category\tseverity\tlang\tterm\nc\tblock\n", 2, "lang"),
            ("category\tseverity\tlang\tterm\nc\tblock\tzh-CN\t保本\n", 2, "lang"),
            ("category\tseverity\tlang\tterm\nc/d\tblock\tzh\t保本\n", 2, "category"),
            ("category\tseverity\tlang\tterm\nc\tblock\tzh\t保*本\n", 2, "term"),
            (f"category\tseverity\tlang\tterm\nc\tblock\tzh\t{'保' * 101}\n", 2, "term"),
            ("category\tseverity\tlang\tterm\n", None, None),
        ],
    )
    def test_that_is_wrong_is_told_line_and_column(self, text: str, line: int | None, field: str | None) -> None:
        with pytest.raises(LexiconInvalid) as caught:
            parse_tsv(text, "terms.tsv")
        assert (caught.value.line, caught.value.field) == (line, field)

    @pytest.mark.parametrize("term", ["保\r本", "保" * 200_000], ids=["carriage_return", "field_without_end"])
    def test_that_is_no_table_is_told_its_line(self, term: str) -> None:
        with pytest.raises(LexiconUnreadable) as caught:
            parse_tsv(f"category\tseverity\tlang\tterm\nc\tblock\tzh\t{term}\n", "terms.tsv")
        assert caught.value.line == 2

    @given(st.text('category severity lang term\t\nblock zh保,"\0', max_size=150))
    def test_of_any_text_is_a_lexicon_or_a_lexicon_error(self, text: str) -> None:
        with pytest.raises(LexiconError):
            parse_tsv(text, "fuzz.tsv")
