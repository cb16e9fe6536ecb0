"""The command's own words in zh-CN and en, and how a change of a pack is told to somebody who does not read YAML."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast, get_args

from deploy.local.trouble import Trouble
from shared.languages import Language, in_words, read_catalogue
from shared.programs.changes.change import Change, Verdict
from shared.programs.findings import catalogue as catalogue_of_packs
from shared.programs.money import amount
from shared.programs.parts import field_names

_FOLDER = Path(__file__).parent / "translations"

VERDICTS: Mapping[Verdict, str] = {
    "better": "better",
    "neutral": "no difference to members",
    "undecided": "may be worse: counts as adverse",
    "worse": "worse: adverse",
}


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """The command's sentences, and the names of a pack's parts."""
    return {**catalogue_of_packs(language), **read_catalogue(_FOLDER, language)}


def text(language: Language, sentence: str, **values: object) -> str:
    return in_words(catalogue(language), sentence, values)


def chosen_language(wish: str | None) -> Language:
    """As asked for, else as the terminal's LANG says. Raises Trouble for a language there is none of."""
    if wish in get_args(Language):
        return cast(Language, wish)
    if wish is not None:
        raise Trouble("LANGUAGE_UNKNOWN", f"There is no language {wish}.", "Write zh-CN or en.")
    return "zh-CN" if os.environ.get("LANG", "").startswith("zh") else "en"


def told_path(language: Language, change: Change) -> str:
    """`rewards · fruit-box · price`, with the parts named in the language; ids stay as they are."""
    return " · ".join(catalogue(language).get(label(part), label(part)) for part in change.path)


def label(part: str) -> str:
    """A field's name as words; an id as it is."""
    return part.removesuffix("_minor").replace("_", " ") if part in field_names() else part


def told_value(language: Language, change: Change, value: str, currency: str) -> str:
    if change.path[-1].endswith("_minor") and value.isdecimal():
        return amount(int(value), currency)
    return value or text(language, "nothing")
