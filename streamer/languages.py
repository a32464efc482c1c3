"""The language that a tag means: BCP 47 (RFC 5646), as platforms and people write it. Pure."""

from __future__ import annotations

import re

from streamer.errors import HuazhaError

SAME = {"cmn": "zh", "zho": "zh", "chi": "zh", "eng": "en"}
"""Codes of ISO 639-2 and 639-3 for languages whose shorter code is used here."""
NAMES = {
    "chinese": "zh",
    "mandarin": "zh",
    "putonghua": "zh",
    "中文": "zh",
    "汉语": "zh",
    "普通话": "zh",
    "国语": "zh",
    "华语": "zh",
    "简体中文": "zh",
    "繁体中文": "zh",
    "漢語": "zh",
    "普通話": "zh",
    "國語": "zh",
    "華語": "zh",
    "簡體中文": "zh",
    "繁體中文": "zh",
    "cn": "zh",
    "chs": "zh",
    "cht": "zh",
    "zh-chs": "zh",
    "zh-cht": "zh",
    "cantonese": "yue",
    "粤语": "yue",
    "广东话": "yue",
    "粵語": "yue",
    "廣東話": "yue",
    "hokkien": "nan",
    "闽南语": "nan",
    "閩南語": "nan",
    "hakka": "hak",
    "客家话": "hak",
    "客家話": "hak",
    "shanghainese": "wuu",
    "上海话": "wuu",
    "english": "en",
    "英语": "en",
    "英語": "en",
    "英文": "en",
}
"""What people write instead of a tag: the name of a language, a country, or Windows' old names of scripts."""
GRANDFATHERED = {
    "i-hak": "hak",
    "zh-guoyu": "zh",
    "zh-min": "nan",
    "zh-min-nan": "nan",
    "zh-hakka": "hak",
    "zh-xiang": "hsn",
}
"""Tags that RFC 5646, section 2.2.8, keeps from before it, with what stands for them now."""
NOTHING = frozenset(
    {"", "und", "mul", "mis", "zxx", "*", "c", "posix", "any", "auto", "default", "multi", "none", "null"}
)
"""What says nothing: undetermined, several, none; the locale of a program that has none; what settings call that."""
CHINESE = {
    "yue": "Cantonese",
    "wuu": "Wu",
    "nan": "Min Nan",
    "hak": "Hakka",
    "hsn": "Xiang",
    "gan": "Gan",
    "cdo": "Min Dong",
    "cjy": "Jin",
    "lzh": "Literary Chinese",
}
"""Languages that are written as Chinese, and that nobody who knows Mandarin need understand."""

_LOCALE = re.compile(r"([^.@]+)(\.[a-z0-9-]+)?(@[a-z0-9]+)?")
"""A POSIX locale has its character set and a modifier behind it."""
_TAG = re.compile(r"([a-z]{2,3})((?:-[a-z0-9]{1,8})*)")


class NotALanguage(HuazhaError, ValueError):
    """What was said of a language is not understood."""

    def __init__(self) -> None:
        super().__init__("must be the tag of a language, as zh, zh-CN or en-GB")


def language_of(tag: str | None) -> str | None:
    """Give the language that a tag means, without region, script and whatever else there may be.

    `zh-Hans-CN`, `zh_CN.UTF-8`, `cmn`, `zho` and `Mandarin` are all `zh`. `zh` with any region is Mandarin, as RFC
    5646, section 4.1.2, has it; Cantonese is `yue` or `zh-yue`, and that is what is given for it.

    Returns:
      two letters of ISO 639-1 where the language has them, else three; None where the tag says nothing.

    Raises:
      NotALanguage: it can't be told what is meant.
    """
    plain = (tag or "").strip().replace("_", "-").lower()
    if locale := _LOCALE.fullmatch(plain):
        plain = locale[1]
    if plain in NOTHING:
        return None
    if plain in NAMES or plain in GRANDFATHERED:
        return NAMES.get(plain) or GRANDFATHERED[plain]
    match = _TAG.fullmatch(plain)
    if match is None:
        raise NotALanguage()
    primary, second = match[1], match[2][1:].partition("-")[0]
    # An extended language subtag stands for itself (section 2.2.2): zh-yue is yue.
    if SAME.get(primary, primary) == "zh" and re.fullmatch("[a-z]{3}", second):
        primary = second
    return None if primary in NOTHING else SAME.get(primary, primary)


def told(language: str) -> str:
    """Name a language for people, by its code."""
    return f"{language!r} ({CHINESE[language]}, which is not Mandarin)" if language in CHINESE else repr(language)
