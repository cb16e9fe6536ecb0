"""Messages no till should send: each must end in the dead letters and leave its neighbours alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from services.operator.traffic.sent import Expected, Kind, Outcome, Sent


def poison(choice: int, healthy: Sent, event_id: str) -> Sent:
    """A spoilt copy of a healthy purchase under an id of its own; `choice` picks the way it is spoilt."""
    spoil = _WAYS[choice % len(_WAYS)]
    copy = replace(healthy, attributes={**healthy.attributes, "id": event_id}, kind=Kind.POISON, member_id=None)
    return spoil(copy)


def _dead_letter(code: str) -> Expected:
    return Expected(Outcome.DEAD_LETTER, code=code)


def _with(sent: Sent, code: str, **changes: Any) -> Sent:
    body = orjson.loads(sent.data) | changes
    return replace(sent, data=orjson.dumps(body), expected=_dead_letter(code))


def _broken_json(sent: Sent) -> Sent:
    return replace(sent, data=sent.data[: len(sent.data) // 2], expected=_dead_letter("MALFORMED"))


def _wrong_sum(sent: Sent) -> Sent:
    total_minor = orjson.loads(sent.data)["total_minor"]
    return _with(sent, "AMOUNTS_DO_NOT_SUM", total_minor=total_minor + 1)


def _money_as_text(sent: Sent) -> Sent:
    total_minor = orjson.loads(sent.data)["total_minor"]
    return _with(sent, "MALFORMED", total_minor=f"{total_minor // 100}.{total_minor % 100:02}")


def _unknown_program(sent: Sent) -> Sent:
    return _with(sent, "UNKNOWN_PROGRAM", program_id="fruit-stall-closed-in-2019")


def _unknown_type(sent: Sent) -> Sent:
    attributes = {**sent.attributes, "type": "greenpoints.purchase.imagined.v1"}
    return replace(sent, attributes=attributes, expected=_dead_letter("UNKNOWN_TYPE"))


_WAYS: tuple[Callable[[Sent], Sent], ...] = (
    _broken_json,
    _wrong_sum,
    _money_as_text,
    _unknown_program,
    _unknown_type,
)
