"""A dead letter as its topic gets it, and whether a topic takes a record of its size."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.events.topics import dead_letter_topic, load_topics
from shared.runtime.batch import (
    ARRIVAL_HEADER,
    ATTEMPT_HEADER,
    DeadLetter,
    Delivered,
    Headers,
    Outgoing,
    arrival_milliseconds,
)

LEFT_OUT_HEADER = "greenpoints-left-out"
_TOPIC_BYTES = 2 * 1024 * 1024  # of a topic that the contract does not name
_LETTER_BYTES = 4 * 1024 * 1024  # more than any topic takes
_LETTERS_BYTES = 64 * 1024 * 1024  # of one batch
_LEAST_BYTES = 64 * 1024
_FRAME_BYTES = 1024  # what Kafka writes around a record
_HEADER_FRAME_BYTES = 10


def most_bytes(letters: Sequence[DeadLetter]) -> int:
    """How many bytes of each key, value and headers one statement takes to the database.

    Only compressed records can have more: two megabytes may unpack to two thousand, which no statement takes, and the
    batch would fail for ever.
    """
    if sum(_bytes(letter.delivered) for letter in letters) <= _LETTERS_BYTES:
        return _LETTER_BYTES
    return max(_LEAST_BYTES, _LETTERS_BYTES // len(letters))


def dead_letter_record(service: str, letter: DeadLetter, most: int) -> Outgoing:
    """The raw message with its failure headers, for `<topic>.<group>.dlq`.

    What is longer than `most` or than the topic takes is left out, the value first, and a header names it: else it
    would wait in the outbox for ever, and all later dead letters of its key behind it.
    """
    delivered = letter.delivered
    own = tuple(h for h in delivered.headers if h[0] not in (ATTEMPT_HEADER, ARRIVAL_HEADER))
    row = Outgoing(
        dead_letter_topic(delivered.topic, service), delivered.key, "dead-letter",
        dead_letter_id(service, delivered), delivered.value, own,
    )  # fmt: skip
    most = min(most, _topic_bytes(delivered.topic))
    if _bytes_of(row) > most:
        row = row._replace(payload=b"", headers=(*own, (LEFT_OUT_HEADER, b"value")))
    if _bytes_of(row) > most:
        row = row._replace(key=None, headers=((LEFT_OUT_HEADER, b"value, key, headers"),))
    return row._replace(headers=(*(row.headers or ()), *_failure(service, letter)))


class Kept(NamedTuple):
    """What the table keeps of a record."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def kept(delivered: Delivered, most: int) -> Kept:
    """All of it, or of what is longer than `most` the beginning, and a header that names it: Kafka has it whole."""
    key, value, headers = delivered.key, delivered.value, delivered.headers
    sizes = {"key": len(key or b""), "value": len(value or b""), "headers": _header_bytes(headers)}
    cut = [name for name, size in sizes.items() if size > most]
    if not cut:
        return Kept(key, value, headers)
    told = (LEFT_OUT_HEADER, ", ".join(cut).encode())
    return Kept(
        None if key is None else key[:most],
        None if value is None else value[:most],
        (told,) if "headers" in cut else (*headers, told),
    )


def can_be_sent_again(letter: Outgoing) -> bool:
    """Whether the table had the record whole and its topic takes it without compression."""
    is_whole = all(name != LEFT_OUT_HEADER for name, _ in letter.headers or ())
    return is_whole and _bytes_of(letter) <= _topic_bytes(letter.topic)


def dead_letter_id(service: str, delivered: Delivered) -> UUID:
    """Derived from where the record lies, so that a crash and a retry name it alike."""
    place = f"{service}/{delivered.topic}/{delivered.partition}/{delivered.offset}"
    return uuid5(NAMESPACE_URL, f"greenpoints:dead-letter:{place}")


def storable(text: str) -> str:
    """PostgreSQL text holds no U+0000, and UTF-8 no lone surrogate; at most 2,000 characters."""
    return text.replace("\x00", "\\u0000").encode("utf-8", "backslashreplace").decode()[:2000]


def _topic_bytes(topic: str) -> int:
    """What `topic` takes; its dead-letter topics take as much and the failure headers."""
    known = load_topics().get(topic)
    return _TOPIC_BYTES if known is None else known.max_message_bytes


def _bytes(delivered: Delivered) -> int:
    return len(delivered.key or b"") + len(delivered.value or b"") + _header_bytes(delivered.headers)


def _bytes_of(row: Outgoing) -> int:
    return len(row.key or b"") + len(row.payload or b"") + _header_bytes(row.headers or ()) + _FRAME_BYTES


def _header_bytes(headers: Headers) -> int:
    return sum(len(name.encode()) + len(value or b"") + _HEADER_FRAME_BYTES for name, value in headers)


def _failure(service: str, letter: DeadLetter) -> Headers:
    delivered = letter.delivered
    return (
        ("greenpoints-error-code", letter.code.value.encode()),
        ("greenpoints-error-message", storable(letter.message).encode()),
        ("greenpoints-error-class", letter.error_class.encode()),
        ("greenpoints-original-topic", delivered.topic.encode()),
        ("greenpoints-original-partition", str(delivered.partition).encode()),
        ("greenpoints-original-offset", str(delivered.offset).encode()),
        ("greenpoints-first-seen", delivered.arrival.isoformat().encode()),
        ("greenpoints-group", service.encode()),
        (ATTEMPT_HEADER, str(delivered.attempt).encode()),
        (ARRIVAL_HEADER, str(arrival_milliseconds(delivered.arrival)).encode()),
    )
