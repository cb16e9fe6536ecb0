"""The command's own words in zh-CN and en."""

from pathlib import Path

from services.operator.words import Words

_WORDS = Words(Path(__file__).parent / "translations")
catalogue, text = _WORDS.catalogue, _WORDS.text
