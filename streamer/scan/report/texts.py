"""Everything the report says, in English and Chinese; `report.js` fills in the same way. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Scan report", "录音扫描报告"),
    "page.title": ("Huazha scan report", "话闸录音扫描报告"),
    "page.titled": ("{name} · Huazha scan report", "{name} · 话闸录音扫描报告"),
    "language.other": ("中文", "English"),
    "language": ("Language: switch to Chinese", "语言：切换为英文"),
    "print": ("Print", "打印"),
    "sections": ("Sections", "目录"),
    "nav.summary": ("Summary", "概览"),
    "nav.violations": ("Violations", "违规"),
    "nav.undisclosed": ("Disclosures", "告知缺失"),
    "nav.unreadable": ("Unreadable", "无法读取"),
    "nav.made": ("How made", "生成方式"),
    "period": ("Calls of {first} to {last}", "通话日期 {first} 至 {last}"),
    "period.day": ("Calls of {first}", "通话日期 {first}"),
    "severity.block": ("Block", "阻断"),
    "severity.alert": ("Alert", "警示"),
    "severity.review": ("Review", "复核"),
    "channel.agent": ("Agent", "坐席"),
    "channel.customer": ("Customer", "客户"),
    "agent.unknown": ("Agent unknown", "坐席未知"),
    # The summary.
    "headline.found": (
        "{bad} of {calls} {calls#call|calls} {bad#holds|hold} something that may not be said",
        "{calls} 通通话中，{bad} 通说了不该说的话",
    ),
    "headline.clean": ("Nothing forbidden was heard in {calls} {calls#call|calls}", "{calls} 通通话中未听到违禁内容"),
    "headline.none": ("No call was scanned", "没有扫描任何通话"),
    "lead.block": (
        "{n} {n#violation|violations} of the gravest kind: live, the agent would have been stopped.",
        "最严重的违规 {n} 处：若在实时监听中，坐席会被当场阻断。",
    ),
    "lead.undisclosed": (
        "A required disclosure was not heard in {n} {n#call|calls}.",
        "{n} 通通话未听到必须作出的告知。",
    ),
    "lead.unheard": (
        "{share} of the speech could not be recognised: about it this report says nothing.",
        "{share} 的语音未能识别，本报告对这部分不作判断。",
    ),
    "lead.unreadable": (
        "{n} {n#file|files} could not be read, and {n#was|were} not checked.",
        "{n} 个文件无法读取，未检查。",
    ),
    "tile.calls": ("Calls scanned", "扫描通话"),
    "tile.hours": ("{hours} h of recordings", "录音 {hours} 小时"),
    "tile.violations": ("Violations", "违规"),
    "tile.bad": ("Calls with violations", "违规通话占比"),
    "tile.of": ("{n} of {all}", "{n} / {all}"),
    "tile.undisclosed": ("Disclosures missing", "告知缺失"),
    "tile.in_calls": ("in {n} {n#call|calls}", "涉及 {n} 通通话"),
    "tile.heard": ("Speech heard", "语音识别覆盖率"),
    "tile.unreadable": ("unreadable {n#file|files}: {n}", "无法读取的文件：{n}"),
    "days.title": ("By day", "每日趋势"),
    "weeks.title": ("By week", "每周趋势"),
    "months.title": ("By month", "每月趋势"),
    "days.unknown": ("Without a date: {n} {n#call|calls}", "日期未知：{n} 通"),
    "days.column": (
        "{name}: {violations} {violations#violation|violations} in {calls} {calls#call|calls}",
        "{name}：{calls} 通通话，违规 {violations} 处",
    ),
    "days.none": ("The days of these calls are not known.", "这些通话的日期未知。"),
    "column.day": ("From", "起始日"),
    "column.calls": ("Calls", "通话"),
    "column.violations": ("Violations", "违规"),
    "rules.title": ("Violations by rule", "各规则违规"),
    "rules.none": ("No violations.", "没有违规。"),
    "column.rule": ("Rule", "规则"),
    "required.title": ("Disclosures missing, by rule", "各规则告知缺失"),
    "required.none": ("All required disclosures were heard.", "必须作出的告知均已听到。"),
    "agents.title": ("By agent", "各坐席"),
    "agents.note": (
        "Talk: the agent's share of all that was said. Pace: characters (Chinese) or words (English) a minute of the"
        " agent's own speech. Silence and overlap: shares of the call in which nobody speaks, or both do.",
        "说话占比：坐席说话时间占双方说话总时间的比例。语速：坐席每分钟说话的字数（中文）或词数（英文）。"
        "静默、重叠：无人说话、双方同时说话的时间占通话的比例。",
    ),
    "column.agent": ("Agent", "坐席"),
    "column.hours": ("Hours", "时长"),
    "column.undisclosed": ("Disclosures missing", "告知缺失"),
    "column.talk": ("Talk", "说话占比"),
    "column.pace": ("Pace", "语速"),
    "column.silence": ("Silence", "静默"),
    "column.longest": ("Longest silence", "最长静默"),
    "column.overlap": ("Overlap", "重叠"),
    "pace.characters": ("{n} chars/min", "{n} 字/分"),
    "pace.words": ("{n} words/min", "{n} 词/分"),
    "seconds": ("{n} s", "{n} 秒"),
    "hours": ("{n} h", "{n} 小时"),
    "more": ("{n} more", "另外 {n} 项"),
    "left_out": ("{n} more: see the CSV beside this page.", "另有 {n} 项未列出，见同名 CSV 文件。"),
    # Each violation.
    "filter": ("Show", "筛选"),
    "filter.severity": ("By severity", "按级别"),
    "filter.rule": ("Rule", "规则"),
    "filter.agent": ("Agent", "坐席"),
    "filter.any": ("all", "全部"),
    "filter.text": ("Search in what was said, names and files", "搜索内容、姓名、文件"),
    "filter.shown": ("Shown: {n} of {all}", "显示 {n} / {all}"),
    "filter.clear": ("Show all", "显示全部"),
    "filter.nothing": ("No violation is like that.", "没有符合条件的违规。"),
    "violations.none": ("Nothing forbidden was heard.", "未听到违禁内容。"),
    "violations.cut": (
        "This page lists {n} of {all} violations, the gravest first; the CSV beside it has them all.",
        "本页只列出 {all} 处违规中最严重的 {n} 处；同名 CSV 文件列有全部违规。",
    ),
    "violations.clips": (
        "Clips are given for {n} of the violations listed, the gravest of each rule first.",
        "所列违规中 {n} 处附有录音片段，按规则从最严重的选取。",
    ),
    "heard": ("heard as “{heard}”", "识别为“{heard}”"),
    "fact.measured": ("Measured", "实测"),
    "match.phonetic": ("by its sound", "读音匹配"),
    "match.exact": ("word for word", "字面一致"),
    "say": ("Say instead: {text}", "应改说：{text}"),
    "fact.rule": ("Rule", "规则"),
    "fact.source": ("Reason", "依据"),
    "fact.confidence": ("Confidence", "置信度"),
    "fact.file": ("File", "文件"),
    "fact.in_call": ("In the recording", "录音中位置"),
    "number": ("Violation {n}", "违规 {n}"),
    "wave": (
        "Waveform of {start} to {end}; the term is marked from {term_start} to {term_end}.",
        "{start} 至 {end} 的波形，违禁词标记在 {term_start} 至 {term_end}。",
    ),
    "clip": ("Recording of {start} to {end}", "录音 {start} 至 {end}"),
    "clip.term": ("Play from the term", "从违禁词处播放"),
    "clip.gone": (
        "No clip: the recording is not there any more, or has changed since it was scanned.",
        "无录音片段：录音已不存在，或扫描后有改动。",
    ),
    "clip.beyond": ("No clip: this page holds clips of {n} violations.", "无录音片段：本页最多附 {n} 处违规的录音。"),
    # Disclosures, files, and how it was made.
    "undisclosed.title": ("Calls without a required disclosure", "缺少告知的通话"),
    "undisclosed.none": ("All required disclosures were heard.", "必须作出的告知均已听到。"),
    "column.missing": ("What should have been said", "应说而未说"),
    "column.call": ("Call", "通话"),
    "column.clock": ("Time", "时间"),
    "any_of": ("any of: {terms}", "任选其一：{terms}"),
    "by.end": ("by the call's end", "通话结束前"),
    "by.within": ("in the first {n} s", "开始 {n} 秒内"),
    "unreadable.title": ("Files that could not be read", "无法读取的文件"),
    "unreadable.none": ("All files could be read.", "所有文件均可读取。"),
    "column.file": ("File", "文件"),
    "column.error": ("Why", "原因"),
    "made.title": ("How this was made", "生成方式"),
    "made.at": ("Made", "生成时间"),
    "made.version": ("Huazha", "话闸版本"),
    "made.lexicon": ("Lexicon", "词库"),
    "made.model": ("Model", "模型"),
    "made.language": ("Languages", "语言"),
    "made.legs": ("Legs", "声道"),
    "made.tables": ("The same as tables", "同样内容的表格"),
    "made.note": (
        "Terms are found by machine in what was recognised by machine: listen before you judge. Numbers of customers"
        " are masked in all texts, and silent in the clips.",
        "以上内容由机器识别、机器查找，判定前请先听录音。客户的号码在文本中已遮盖，在录音片段中已静音。",
    ),
    "language.zh": ("Chinese", "中文"),
    "language.en": ("English", "英文"),
}
"""By key: English, Chinese. `{name}` is filled in; `{name#one|many}` is a word for the number of that name."""

_PLACE = re.compile(r"\{(\w+)(?:#([^|}]*)\|([^}]*))?\}")


def filled(text: str, values: Mapping[str, object]) -> str:
    """Fill values into a text."""

    def value(place: re.Match[str]) -> str:
        name, one, many = place.groups()
        given = str(values.get(name, ""))
        if one is None:
            return given
        return str(one if given == "1" else many)

    return _PLACE.sub(value, text)
