"""What a check of a pack found: a code, how bad it is, where in the pack, and one sentence in zh-CN and en."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from shared.events.reason_codes import ReasonCode, describe
from shared.languages import Language, in_words, read_catalogue

Severity = Literal["error", "warning", "note"]
Location = tuple[int | str, ...]
_FOLDER = Path(__file__).parent / "translations"


class Term(str):
    """A value of a sentence that has words of its own in each language."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """An `error` stops the pack from being applied, a `warning` and a `note` do not.

    `location` is the path of the part in the pack, as the file writes it. `sentence` is English with {places} that
    `values` fills; it is the id of the Chinese sentence in translations/.
    """

    code: ReasonCode
    severity: Severity
    location: Location
    sentence: str
    values: tuple[tuple[str, object], ...] = ()

    @property
    def control(self) -> str | None:
        """The red line's id, None where it is a matter of good sense alone."""
        return describe(self.code).control

    def text(self, language: Language) -> str:
        """What is wrong and what to do, in one sentence."""
        words = catalogue(language)
        values = {name: words.get(value, value) if isinstance(value, Term) else value for name, value in self.values}
        return in_words(words, self.sentence, values)


def finding(code: ReasonCode, severity: Severity, location: Location, sentence: str, **values: object) -> Finding:
    return Finding(code, severity, location, sentence, tuple(values.items()))


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """English sentence → that language's."""
    return read_catalogue(_FOLDER, language)
