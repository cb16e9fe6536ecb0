"""From an HTTP request to the events in it: limits of size and time, and the content types understood."""

import asyncio
from typing import Final

import orjson
from starlette.requests import ClientDisconnect, Request

from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.http_binding import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, decode_request
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.runtime.http import ProblemError

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_UTF8: Final = ("", "charset=utf-8", "charset=utf8")
_LEAST_RESERVED: Final = 4096


def content_type_of(request: Request) -> str:
    """The content type, if it is one of the three modes. Raises ProblemError 415, or 422 for a repeated header."""
    names = [name for name, _ in request.headers.items() if name == "content-type" or name.startswith("ce-")]
    if len(names) != len(set(names)):
        raise ProblemError(422, "MALFORMED", "A content-type or ce- header is there twice; send each once.")
    content_type = request.headers.get("content-type", "")
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
    binary = media_type == "application/json" and "ce-id" in names
    charset = parameters.replace(" ", "").replace('"', "")
    encoded = request.headers.get("content-encoding", "identity").lower() != "identity"
    if encoded or charset not in _UTF8 or not (binary or media_type in (STRUCTURED, BATCH)):
        raise ProblemError(
            415, "UNSUPPORTED_MEDIA_TYPE",
            f"Send {STRUCTURED} (one event), {BATCH} (a JSON array of events), or application/json with the "
            "attributes as ce- headers; in UTF-8, not compressed.",
            headers={"Accept": f"{STRUCTURED}, {BATCH}, application/json"},
        )  # fmt: skip
    return content_type


def is_batch(content_type: str) -> bool:
    return content_type.lower().startswith(BATCH)


def most_bytes(request: Request, content_type: str) -> int:
    """How large the body may become: what it declares, else its mode's limit. Raises ProblemError 413."""
    limit = MAX_BATCH_BYTES if is_batch(content_type) else MAX_MESSAGE_BYTES
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal():
        return limit
    if int(declared) > limit:
        raise _too_large(limit)
    return max(int(declared), _LEAST_RESERVED)


async def read_body(request: Request, limit: int, seconds: int) -> bytes:
    """At most `limit` bytes within `seconds`. Raises ProblemError 413, 408 or 400."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise ProblemError(
            408, "BODY_TOO_SLOW", f"The body did not arrive within {seconds} s; send it again."
        ) from None
    except ClientDisconnect:
        raise ProblemError(400, "DISCONNECTED", "The client went away before the body was complete.") from None
    return b"".join(chunks)


def events_in(request: Request, content_type: str, body: bytes) -> list[CloudEvent | Rejected]:
    """Each event of the request, decoded or rejected. Raises ProblemError 413 for a batch of too many."""
    if is_batch(content_type) and _count(body) > MAX_BATCH_EVENTS:
        raise ProblemError(
            413, "TOO_LARGE", f"A batch has at most {MAX_BATCH_EVENTS} events; send several smaller batches."
        )
    return decode_request(content_type, request.headers, body)


def _count(body: bytes) -> int:
    """The elements of a JSON array; a text that is none is the decoder's to explain."""
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 0
    return len(events) if isinstance(events, list) else 0


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, "TOO_LARGE", f"The body is larger than {limit} bytes; send less at once.")
