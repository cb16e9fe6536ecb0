"""The console's two languages. English sentences are the message ids; translations/<locale>/*.po hold the Chinese.

The catalogues are read at start, so a translation needs no build step.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import cast

from babel import Locale
from babel.dates import format_datetime

from shared.languages import Language, in_words, read_catalogue

Translate = Callable[..., str]
LANGUAGES: Mapping[Language, str] = {"zh-CN": "中文", "en": "English"}
_FOLDER = Path(__file__).parent / "translations"
_LOCALES: Mapping[Language, Locale] = {"en": Locale.parse("en"), "zh-CN": Locale.parse("zh_CN")}


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Message id → text; empty for English. Two files may not say one thing in two ways."""
    return read_catalogue(_FOLDER, language)


def text(language: Language, sentence: str, **values: object) -> str:
    """The sentence in that language, with its {places} filled; English where no translation is known."""
    return in_words(catalogue(language), sentence, values)


def moment(language: Language, at: datetime, *, day: bool = True) -> str:
    """An instant in UTC to the second."""
    if language == "zh-CN":
        pattern = "y年M月d日 HH:mm:ss" if day else "HH:mm:ss"
    else:
        pattern = "d MMM y, HH:mm:ss" if day else "HH:mm:ss"
    return format_datetime(at, pattern, tzinfo=None, locale=_LOCALES[language]) + " UTC"


def preferred_language(cookie: str | None, accepted: str) -> Language:
    """What the visitor chose, else the first of ours that the browser asks for, else English."""
    if cookie in LANGUAGES:
        return cast(Language, cookie)
    wishes = []
    for place, part in enumerate(accepted.split(",")[:20]):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), place, tag.lower()))
        except ValueError:
            continue
    for _, _, tag in sorted(wishes):
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "en"
