"""A dead letter as its topic gets it, and whether a topic takes a record of its size."""

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
_FRAME_BYTES = 1024  # what Kafka writes around a record
_HEADER_FRAME_BYTES = 10


def dead_letter_record(service: str, letter: DeadLetter) -> Outgoing:
    """The raw message with its failure headers, for `<topic>.<group>.dlq`.

    A compressed record may unpack to more than a topic takes, and would wait in the outbox for ever, all dead letters
    of its key behind it. So what does not fit is left out, the value first, and a header names it; the table has all.
    """
    delivered = letter.delivered
    own = tuple(h for h in delivered.headers if h[0] not in (ATTEMPT_HEADER, ARRIVAL_HEADER))
    row = Outgoing(
        dead_letter_topic(delivered.topic, service), delivered.key, "dead-letter",
        dead_letter_id(service, delivered), delivered.value, own,
    )  # fmt: skip
    if not fits(delivered.topic, row):
        row = row._replace(payload=b"", headers=(*own, (LEFT_OUT_HEADER, b"value")))
    if not fits(delivered.topic, row):
        row = row._replace(key=None, headers=((LEFT_OUT_HEADER, b"value, key, headers"),))
    return row._replace(headers=(*(row.headers or ()), *_failure(service, letter)))


def dead_letter_id(service: str, delivered: Delivered) -> UUID:
    """Derived from where the record lies, so that a crash and a retry name it alike."""
    place = f"{service}/{delivered.topic}/{delivered.partition}/{delivered.offset}"
    return uuid5(NAMESPACE_URL, f"greenpoints:dead-letter:{place}")


def fits(topic: str, row: Outgoing) -> bool:
    """Whether `topic` takes a record like this. Its dead-letter topics take as much and the failure headers."""
    known = load_topics().get(topic)
    most = _TOPIC_BYTES if known is None else known.max_message_bytes
    headers = sum(len(name.encode()) + len(value or b"") + _HEADER_FRAME_BYTES for name, value in row.headers or ())
    return len(row.key or b"") + len(row.payload or b"") + headers + _FRAME_BYTES <= most


def storable(text: str) -> str:
    """PostgreSQL text holds no U+0000, and UTF-8 no lone surrogate; at most 2,000 characters."""
    return text.replace("\x00", "\\u0000").encode("utf-8", "backslashreplace").decode()[:2000]


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
