"""A dead letter in the visitor's words, and as much of it as he may see. Pure."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from services.console.domain.rights import Right
from services.console.readings.masking import masked, masked_key
from services.console.visitor import Visitor
from shared.events.reason_codes import ReasonCode, describe
from shared.languages import Language

Letter = Mapping[str, Any]
_SHOWN_CHARACTERS = 20_000


def reason_of(code: str, language: Language) -> str | None:
    """What a code means; None for one that only a newer service knows."""
    if code not in ReasonCode.__members__:
        return None
    reason = describe(ReasonCode(code))
    return reason.zh if language == "zh-CN" else reason.en


def shown_summary(letter: Letter, visitor: Visitor) -> dict[str, Any]:
    """A line of a list. A message may quote an id: who may not see ids reads it without what it quotes."""
    return {**letter, "said": letter["message"] if visitor.may(Right.SEE_IDS) else letter["error"]}


def shown_letter(letter: Letter, visitor: Visitor) -> dict[str, Any]:
    """The whole letter. `value` and `key` are text, None where there is nothing; `hidden` says what is kept back."""
    whole = visitor.may(Right.SEE_IDS)
    key, value = _text(letter["key_base64"]), _text(letter["value_base64"])
    content = _json(value)
    if not whole:
        value = None if content is None else _pretty(masked(content))
    elif content is not None:
        value = _pretty(content)
    return {
        **shown_summary(letter, visitor),
        "key": key if whole or key is None else masked_key(key),
        "value": value if value is None else value[:_SHOWN_CHARACTERS],
        "is_cut": value is not None and len(value) > _SHOWN_CHARACTERS,
        "hidden": not whole and content is None and letter["value_base64"] is not None,
        "is_json": content is not None,
        "headers": _headers(letter["headers"], whole=whole),
        "fields": json.loads(letter["fields"]) if whole else [],
        "settled_reason": letter["settled_reason"],
    }


def _headers(headers: Sequence[Sequence[str | None]], *, whole: bool) -> list[tuple[str, str | None]]:
    """Names and values; the service tells bytes as latin-1."""
    shown = []
    for name, told in headers:
        value = None if told is None else told.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
        named = str(name)
        shown.append((named, value if whole else masked({named: value})[named]))
    return shown


def _text(encoded: str | None) -> str | None:
    return None if encoded is None else base64.b64decode(encoded).decode("utf-8", "backslashreplace")


def _json(text: str | None) -> Any:
    """The object or list a text holds, else None."""
    try:
        content = orjson.loads(text or "")
    except ValueError:
        return None
    return content if isinstance(content, dict | list) else None


def _pretty(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
