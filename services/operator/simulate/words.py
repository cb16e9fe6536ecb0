"""The command's own words in zh-CN and en."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from shared.languages import Language, in_words, read_catalogue

_FOLDER = Path(__file__).parent / "translations"


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    return read_catalogue(_FOLDER, language)


def text(language: Language, sentence: str, **values: object) -> str:
    return in_words(catalogue(language), sentence, values)
