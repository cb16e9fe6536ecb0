"""What became of replayed invoices, asked of earning's API."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from services.operator.online_retail.events import PROGRAM_ID
from services.operator.online_retail.report import (
    CLAWED_BACK,
    DEAD_LETTER,
    DECLINED,
    GRANTED,
    NOTHING_TO_TAKE,
    OPEN_CLAIM,
    PARTLY_OPEN_CLAIM,
    WAITING,
)

MOST_LETTERS = 1000
_INVOICES = ("greenpoints.purchase.completed.v1", "greenpoints.purchase.refunded.v1")
_NAMES = {
    "granted": GRANTED,
    "declined": DECLINED,
    "clawed_back": CLAWED_BACK,
    "nothing_to_take": NOTHING_TO_TAKE,
    "open_claim": OPEN_CLAIM,
    "partly_open_claim": PARTLY_OPEN_CLAIM,
}


class Asks(Protocol):
    """The part of `Operator` used here."""

    def get(self, service: str, path: str, **query: str | int | None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Outcomes:
    """`invoices` counts each invoice once by outcome and reason code; the rest are the program's totals now.

    A refund that came before its purchase counts as an open claim even after the claim was settled.
    """

    invoices: Mapping[str, int]
    issued: int
    clawed_back: int
    open_claims: int


def read_outcomes(operator: Asks) -> Outcomes:
    """Raises Trouble when earning does not answer."""
    decided = operator.get("earning", f"/v1/programs/{PROGRAM_ID}/outcomes")
    progress = operator.get("earning", f"/v1/programs/{PROGRAM_ID}/progress")
    invoices: Counter[str] = Counter()
    for row in decided:
        if row["event_type"] in _INVOICES:
            name = _NAMES.get(row["outcome"], row["outcome"])
            told = name if name == GRANTED or row["code"] is None else f"{name} {row['code']}"
            invoices[told] += row["events"]
    invoices += _dead_letters(operator)
    if progress["waiting"]:
        invoices[WAITING] = progress["waiting"]
    return Outcomes(invoices, progress["issued"], progress["clawed_back"], progress["open_claims"])


def _dead_letters(operator: Asks) -> Counter[str]:
    """This program's letters by code; an invoice sent in two replays is in two letters and counts once."""
    found: dict[bytes, str] = {}
    letters = operator.get("earning", "/v1/dead-letters", limit=MOST_LETTERS)
    for summary in letters:
        letter = operator.get("earning", f"/v1/dead-letters/{summary['dead_letter_id']}")
        if base64.b64decode(letter["key_base64"] or "").startswith(f"{PROGRAM_ID}/".encode()):
            value = base64.b64decode(letter["value_base64"] or "")
            found[_event_id(value)] = f"{DEAD_LETTER} {summary['code']}"
    return Counter(found.values())


def _event_id(value: bytes) -> bytes:
    """The replay's messages are whole JSON, whatever else is wrong with them."""
    try:
        return str(orjson.loads(value)["id"]).encode()
    except (ValueError, KeyError, TypeError):
        return value
