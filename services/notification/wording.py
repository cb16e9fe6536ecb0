"""What a message says, in the member's language: a file per template and language in templates/."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.notification.domain.details import Details
from services.notification.domain.language import EN, ZH
from services.notification.domain.template import Template
from shared.events.reason_codes import ReasonCode, describe
from shared.programs.texts import Name
from shared.programs.versions import ProgramBook

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES: Mapping[str, Locale] = {ZH: Locale("zh", "CN", script="Hans"), EN: Locale("en")}
CAUSES_LISTED = 20


class TextParts(NamedTuple):
    """A subject line and a plain text, the same by e-mail and in the inbox."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class ListedCause:
    """One cause as the text lists it; `at` is when its points are or became available."""

    kind: str
    points: int
    reference: str | None
    at: datetime | None
    details: Details | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a notice tells: all of it is in notification's own books, none of it is contact data."""

    program_id: str
    template: Template
    points: int
    causes: int
    listed: Sequence[ListedCause]
    reason: str | None = None
    deadline: datetime | None = None
    note: str | None = None


class ProgramWords(NamedTuple):
    """How the program and its rewards and vouchers (by id) are called in one language, and where its day begins."""

    name: str
    zone: tzinfo
    called: Callable[[str], str] = str


def program_words(programs: ProgramBook, program_id: str, language: str) -> ProgramWords:
    """From the latest version; a program not known yet goes by its id, in UTC."""
    versions = programs.versions(program_id)
    if not versions:
        return ProgramWords(program_id, UTC)
    pack = versions[-1].pack

    def called(offer_id: str) -> str:
        """By the latest version that has it; by its id where none does."""
        for version in reversed(versions):
            for reward in version.pack.rewards:
                if reward.reward_id == offer_id:
                    return _in(language, reward.name)
            for voucher in version.pack.vouchers:
                if voucher.voucher_id == offer_id:
                    return _in(language, voucher.name)
        return offer_id

    return ProgramWords(_in(language, pack.name), ZoneInfo(pack.time_zone), called)


def _in(language: str, name: Name) -> str:
    return name.en if language == EN else name.zh_cn


def word(facts: Facts, language: str, program: ProgramWords) -> TextParts:
    """Subject and body; the template's first line is the subject."""
    text = (
        _environment()
        .get_template(f"{language}/{facts.template}.txt")
        .render(
            facts=facts,
            program=program.name,
            called=program.called,
            speak=Speech(language, program.zone),
        )
    )
    subject, _, body = text.strip().partition("\n")
    return TextParts(subject.strip(), body.strip() + "\n")


@dataclass(frozen=True, slots=True)
class Speech:
    """Numbers, days and names as the language writes them."""

    language: str
    zone: tzinfo

    def number(self, number: int) -> str:
        return format_decimal(number, locale=LANGUAGES[self.language])

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount of minor units, exactly."""
        amount = Decimal(amount_minor).scaleb(-get_currency_precision(currency))
        return format_currency(amount, currency, locale=LANGUAGES[self.language])

    def percent(self, hundredths: int) -> str:
        """Hundredths of a percent: 250 is 2.5%."""
        share = Decimal(hundredths).scaleb(-4)
        return format_percent(share, locale=LANGUAGES[self.language], decimal_quantization=False)

    def moment(self, instant: datetime) -> str:
        """Day and minute where the program is at home."""
        there, locale = instant.astimezone(self.zone), LANGUAGES[self.language]
        time = format_time(there, "short", locale=locale).replace("\u202f", " ")  # plain text: a plain space
        return f"{format_date(there, 'medium', locale=locale)} {time}"

    def last_day(self, ends_at: datetime) -> str:
        """The last day before an instant, where the program is at home: a day's end is the next one's beginning."""
        there = (ends_at - timedelta(microseconds=1)).astimezone(self.zone)
        return format_date(there, "medium", locale=LANGUAGES[self.language])

    def kind(self, kind: str) -> str:
        """What earned; a kind added later is called an activity."""
        kinds: Mapping[str, str] = _words(self.language)["kinds"]
        return kinds.get(kind.removeprefix("greenpoints.").removesuffix(".v1"), kinds["other"])

    def reason(self, reason: str) -> str:
        """A reason code in words for members; any other text is a person's own and stays as it is."""
        if reason not in ReasonCode.__members__:
            return reason
        words = describe(ReasonCode(reason))
        return words.en if self.language == EN else words.zh


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701
    )


@cache
def _words(language: str) -> Mapping[str, Any]:
    words: Mapping[str, Any] = yaml.safe_load((TEMPLATES / language / "words.yaml").read_text(encoding="utf-8"))
    return words
