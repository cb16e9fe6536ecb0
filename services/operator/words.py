"""A command's own words in zh-CN and en."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.languages import Language, in_words, read_catalogue


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one command, read once a language from `<folder>/<language>/*.po`."""

    folder: Path
    _read: dict[Language, Mapping[str, str]] = field(default_factory=dict, compare=False)

    def catalogue(self, language: Language) -> Mapping[str, str]:
        if language not in self._read:
            self._read[language] = read_catalogue(self.folder, language)
        return self._read[language]

    def text(self, language: Language, sentence: str, **values: object) -> str:
        return in_words(self.catalogue(language), sentence, values)
