"""Field types of the event contract (design: "Rules for every type").

Money is an integer in minor units of a currency, points are integers, weights are grams, times carry an
offset and are kept as UTC. Every type is strict: `1.0`, `"1"` and `true` are no integers.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

# JSON readers in other languages keep integers exact up to here.
MAX_SAFE_INTEGER = 2**53
MAX_LINES = 2_000
MAX_QUANTITY = 1_000_000

# Controls, soft hyphen, zero-width and direction marks, line separators, surrogates, specials. Written as
# plain ranges so that Rust, ECMAScript and Python regular expressions all read it alike.
UNPRINTABLE_RANGES = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f"
    r"\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\uffff"
)
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE_RANGES}]")
# Rust strings hold no surrogates and its syntax writes code points as \u{…}.
_RUST_RANGES = re.sub(r"\\u([0-9a-f]{4})", r"\\u{\1}", UNPRINTABLE_RANGES.replace(r"\ud800-\udfff", ""))
PRINTABLE_IN_RUST = f"^[^{_RUST_RANGES}]*$"
PROGRAM_ID_IN_RUST = f"^[^/{_RUST_RANGES}]*$"  # the first "/" of a record key ends the program
PRINTABLE_IN_SCHEMA = f"^[^{UNPRINTABLE_RANGES}]*$"

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_FIRST_YEAR, _LAST_YEAR = 1000, 8999
_FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

T = TypeVar("T")


def is_printable(text: str) -> bool:
    """Whether the text holds no control, invisible or direction-changing character."""
    if text.isascii():
        return text.isprintable()
    return _UNPRINTABLE.search(text) is None


def parse_timestamp(value: object) -> datetime:
    """An RFC 3339 time with offset, or an aware datetime, as UTC; digits finer than microseconds are cut off.

    Raises ValueError with one sentence for anything else, and for a text outside the years 1000 to 8999: nobody can
    count days or months from the ends of the calendar.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs an offset, such as 2026-01-31T09:30:00+08:00")
        return value.astimezone(UTC)
    if isinstance(value, str) and _is_as_we_write(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass  # why is said below
    if not isinstance(value, str) or _RFC_3339.fullmatch(value) is None:
        raise ValueError("a time is written as RFC 3339 with offset, such as 2026-01-31T09:30:00+08:00")
    try:
        instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("the time names an instant that does not exist") from None
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ValueError(f"the time lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return instant


def _is_as_we_write(text: str) -> bool:
    """Whether it has the signs of `format_timestamp`, where digits only may stand between: nearly always."""
    size = len(text)
    return (
        (size == 20 or (size == 27 and text[19] == "."))
        and text[4] == text[7] == "-"
        and text[10] == "T"
        and "1" <= text[0] <= "7"  # well inside the years of `parse_timestamp`
        and text[13] == text[16] == ":"
        and text[-1] == "Z"
    )


def format_timestamp(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`; microseconds only where there are some."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def field_timestamp(value: object) -> datetime:
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise PydanticCustomError("timestamp", str(error)) from None


def _field_date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if _FULL_DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("full_date", "a date is an existing day written as YYYY-MM-DD")


def null_means(default: T) -> Callable[[object], object]:
    """A sender may write null where a field with a default is absent."""

    def replace(value: object) -> object:
        return default if value is None else value

    return replace


def _text(
    low: int, high: int, rust_pattern: str = PRINTABLE_IN_RUST, schema_pattern: str | None = None
) -> tuple[StringConstraints, WithJsonSchema]:
    schema = {
        "type": "string",
        "minLength": low,
        "maxLength": high,
        "pattern": schema_pattern or (PRINTABLE_IN_SCHEMA if rust_pattern == PRINTABLE_IN_RUST else rust_pattern),
    }
    return (
        StringConstraints(strict=True, min_length=low, max_length=high, pattern=rust_pattern),
        WithJsonSchema(schema),
    )


_IDENTIFIER = _text(1, 128)
_PROGRAM_ID = _text(1, 128, PROGRAM_ID_IN_RUST, f"^[^/{UNPRINTABLE_RANGES}]*$")
_CAUSE_ID = _text(1, 300)
_FREE_TEXT = _text(0, 500)
_CURRENCY = _text(3, 3, "^[A-Z]{3}$")
_UUID = _text(36, 36, "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_CODE = _text(1, 64, "^[A-Z][A-Z0-9_]*$")
_SHA256 = _text(64, 64, "^[0-9a-f]{64}$")
_MONTH_DAY = _text(
    5,
    5,
    "^(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))$",
)

Identifier = Annotated[str, *_IDENTIFIER]
ProgramId = Annotated[str, *_PROGRAM_ID]
# The id of the event that led to this one; a caller may name it together with its source.
CauseId = Annotated[str, *_CAUSE_ID]
FreeText = Annotated[str, *_FREE_TEXT]
Currency = Annotated[str, *_CURRENCY]
UuidText = Annotated[str, *_UUID]
# A reason code as text: a consumer must read codes that were added after it was built.
Code = Annotated[str, *_CODE]
Sha256Hex = Annotated[str, *_SHA256]
MonthDay = Annotated[str, *_MONTH_DAY]

MinorUnits = Annotated[int, Field(strict=True, ge=0, le=MAX_SAFE_INTEGER)]
SignedMinorUnits = Annotated[int, Field(strict=True, ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Points = Annotated[int, Field(strict=True, ge=0, le=MAX_SAFE_INTEGER)]
SignedPoints = Annotated[int, Field(strict=True, ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Quantity = Annotated[int, Field(strict=True, ge=-MAX_QUANTITY, le=MAX_QUANTITY)]
PositiveQuantity = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]
Grams = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_SAFE_INTEGER)]

Timestamp = Annotated[
    datetime,
    BeforeValidator(field_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
FullDate = Annotated[date, BeforeValidator(_field_date), WithJsonSchema({"type": "string", "format": "date"})]


MinorUnitsOrZero = Annotated[MinorUnits, BeforeValidator(null_means(0), json_schema_input_type=MinorUnits | None)]
TrueByDefault = Annotated[
    bool, Field(strict=True), BeforeValidator(null_means(True), json_schema_input_type=bool | None)
]
FalseByDefault = Annotated[
    bool, Field(strict=True), BeforeValidator(null_means(False), json_schema_input_type=bool | None)
]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("not_unique", "the list names something twice")
    return values


# After a Python-side step the items are Python values, so only the sequence itself is read leniently
# (a list for a tuple); its items stay strict.
Identifiers = Annotated[
    tuple[Identifier, ...],
    Field(strict=False, max_length=200),
    BeforeValidator(null_means(()), json_schema_input_type=list[Identifier] | None),
]
UniqueIdentifiers = Annotated[tuple[Identifier, ...], Field(max_length=200), AfterValidator(_unique)]

PointsClass = Literal["CONSUMPTION", "GREEN_ACTION", "PROMO"]
TenderKind = Literal["cash", "card", "wechat_pay", "alipay", "gift_card", "voucher", "points"]
Condition = Literal["new", "second_hand"]
Channel = Literal["store", "online", "service"]
ClawBackPolicy = Literal["deficit", "within_balance", "only_pending"]
