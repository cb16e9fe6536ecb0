"""How an OpenAPI document tells what any route may answer beside success: problem details (RFC 9457)."""

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_IN_BOTH: Final = {"type": "object", "properties": {"zh-CN": _TEXT, "en": _TEXT}}
PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "One sentence: what is wrong and what to do."},
        "code": {**_TEXT, "description": "Machine-readable; those of red lines are listed in docs/events.md."},
        "control": {"type": ["string", "null"], "description": "The red line that refuses, such as C16."},
        "reason": _IN_BOTH,
        "appeal": {**_IN_BOTH, "description": "Whom to ask for a review."},
        "request_id": {**_TEXT, "description": "What an appeal names."},
        "fields": {
            "type": "array",
            "items": {"type": "object", "properties": {"path": _TEXT, "message": _TEXT}},
        },
    },
    "additionalProperties": True,
}
_STATUS: Final = {
    400: "Not readable as HTTP or JSON",
    401: "No key, or one that is unknown, wrong or revoked",
    403: "Outside the key's scope, or a path that must not exist",
    404: "Nothing of this id, or not the caller's own",
    409: "Refused; nothing was changed. The code says why",
    422: "Not the contract; `fields` says where",
    429: "Too many requests; see Retry-After",
    503: "The database is away; see Retry-After",
}
PROBLEM_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}}}
    for status, text in _STATUS.items()
}
