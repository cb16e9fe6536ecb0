"""The command's own words in zh-CN and en, and the reasons earning gives."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.operator.printed import plain
from services.operator.words import Words
from shared.events.reason_codes import ReasonCode, describe
from shared.languages import Language, in_words

_WORDS = Words(Path(__file__).parent / "translations")
catalogue, text = _WORDS.catalogue, _WORDS.text


def reason(language: Language, parts: Mapping[str, Any] | None) -> str:
    """A reason as earning tells it, {"sentence", "values"}; of a newer earning perhaps in English. None: nothing."""
    if parts is None:
        return ""
    return plain(in_words(catalogue(language), parts["sentence"], parts["values"]))


def refusal(language: Language, code: str) -> str:
    """A code's sentence; a code of a newer service stands alone."""
    if code not in ReasonCode.__members__:
        return plain(code)
    told = describe(ReasonCode(code))
    return f"{code}: {told.zh if language == 'zh-CN' else told.en}"
