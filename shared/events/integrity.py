"""What a JSON text must not contain, whatever its schema: duplicate keys, U+0000, integers beyond 64 bits.

orjson refuses bad UTF-8, a byte order mark, NaN, lone surrogates and too deep nesting; it keeps the last of
two equal keys and turns huge integers into floats, so these are looked for here.
"""

import json
import re
from typing import Any, Final

import orjson

from shared.events.reason_codes import ReasonCode
from shared.events.rejected import Rejected

MAX_MESSAGE_BYTES: Final = 512 * 1024
# What our own services say of a largest message (each line with the rules that counted it) is longer than the
# message itself; it stays below the topics' max.message.bytes.
MAX_SERVICE_MESSAGE_BYTES: Final = 2 * 1024 * 1024 - 64 * 1024
MAX_INTEGER: Final = 2**63

# With all digits alike a byte search finds a long number.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER: Final = b"0" * 19
_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def load_json(raw: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> Any:
    """The text as Python values. Raises Rejected(MALFORMED) with one sentence."""
    if len(raw) > max_bytes:
        raise malformed(f"The message has {len(raw)} bytes; at most {max_bytes} are allowed.")
    try:
        loaded = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # The error's text names a position; its `doc` holds the message and is not repeated.
        raise malformed(f"The data is not valid UTF-8 JSON: {error.msg}.") from None
    try:
        written = orjson.dumps(loaded)
    except orjson.JSONEncodeError:
        # It writes fewer levels than it reads; one limit holds for every text.
        raise malformed("The data is nested too deeply.") from None
    if not is_clean(raw, written):
        _inspect(raw)
    return loaded


def is_sound(raw: bytes) -> bool:
    """True proves that `load_json` takes a text of this length, false proves nothing."""
    try:
        return is_clean(raw, orjson.dumps(orjson.loads(raw)))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return False


def is_clean(raw: bytes, written: bytes) -> bool:
    """A cheap sound screen: true proves that nothing forbidden is there, false proves nothing.

    `written` is what orjson read from `raw`, written again.

    Every key is followed by one colon, and a colon inside a string is written again as it was, unless an
    escape (`\\u003a`) spelled it. So without such escapes equal counts mean that no key was dropped.
    """
    if b"\\" in raw and b"\\u00" in raw:
        return False
    if _LONG_NUMBER in raw.translate(_DIGITS_ALIKE):
        return False
    return raw.count(b":") == written.count(b":")


def _inspect(raw: bytes) -> None:
    """The slow and exact check."""
    if b"\\u0000" in raw and _ESCAPED_NUL.search(raw) is not None:
        raise malformed("The data holds the character U+0000, which no field may contain.")
    try:
        json.loads(raw, object_pairs_hook=_distinct_keys, parse_int=_bounded_integer, parse_float=str)
    except RecursionError:
        raise malformed("The data is nested too deeply.") from None


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise malformed("The data holds an object that names a key twice.")
    return members


def _bounded_integer(digits: str) -> int:
    if len(digits) > 20 or not -MAX_INTEGER <= int(digits) < MAX_INTEGER:
        raise malformed("The data holds an integer beyond 64 bits.")
    return int(digits)


def require_utf8_json(content_type: str) -> str:
    """The media type in lower case; refuses a charset other than UTF-8."""
    media_type, _, parameters = content_type.lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "").rstrip(";")
    if charset not in ("", "charset=utf-8", "charset=utf8"):
        raise malformed("The event must be UTF-8: leave the charset out or say charset=utf-8.")
    return media_type.strip()


def malformed(message: str) -> Rejected:
    """The commonest refusal."""
    return Rejected(ReasonCode.MALFORMED, message)
