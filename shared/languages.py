"""zh-CN and en: English sentences are the message ids, translations/<locale>/*.po hold the Chinese.

The files are read when they are first asked for, so a translation needs no build step.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from babel.messages.pofile import read_po

Language = Literal["en", "zh-CN"]


def read_catalogue(folder: Path, language: Language) -> Mapping[str, str]:
    """Message id → text; empty for English. Raises ValueError where two files say one thing in two ways."""
    texts: dict[str, str] = {}
    if language == "en":
        return texts
    for path in sorted((folder / language.replace("-", "_")).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if not message.id or not isinstance(message.id, str) or not message.string:
                    continue
                text = cast(str, message.string)
                if texts.setdefault(message.id, text) != text:
                    raise ValueError(
                        f"{path.name} translates {message.id!r} otherwise than another file; agree on one."
                    )
    return texts


def in_words(catalogue: Mapping[str, str], sentence: str, values: Mapping[str, object]) -> str:
    """The sentence with its {places} filled; English where no translation is known."""
    found = catalogue.get(sentence, sentence)
    return found.format(**values) if values else found
