"""The rows the runtime itself writes with every batch: inbox, outbox, dead letters, gaps and the offset."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncpg.pgproto import pgproto

from shared.events.cloudevent import event_key
from shared.events.topics import load_topics
from shared.runtime.batch import (
    Batch,
    DeadLetter,
    Delivered,
    Fate,
    Headers,
    Outgoing,
)
from shared.runtime.dead_letter_record import dead_letter_id, dead_letter_record, kept, most_bytes, storable
from shared.runtime.statement import Part, microseconds

# One column of the load: which of the batch's events this service has already applied, each as the 16 bytes of its
# key and its content hash. LATERAL … OFFSET 0 here and in the services' loads: each key is looked up by itself, in
# its own hash partition, whatever the planner believes of tables that were empty a minute ago.
INBOX_COLUMNS = {
    "inbox": """
        SELECT array_agg(uuid_send(k.event_key) || i.content_hash)
          FROM unnest(:event_keys::uuid[]) AS k (event_key),
               LATERAL (SELECT content_hash FROM inbox WHERE event_key = k.event_key OFFSET 0) AS i
    """
}


def read_inbox(column: Sequence[bytes] | None) -> dict[object, bytes]:
    """Event key → content hash, from the column of INBOX_COLUMNS."""
    return {pgproto.UUID(known[:16]): known[16:] for known in column or ()}


OUTBOX_PART = Part(
    "outbox_rows",
    # the id is drawn above the sort, so ids rise in the order in which the batch decided
    """
    INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload, headers)
    SELECT topic, record_key, type, event_id, payload, headers::json
      FROM gate, unnest(:out_rows::outbox_row[]) WITH ORDINALITY
           AS o (topic, record_key, type, event_id, payload, headers, position)
     ORDER BY position
    """,
)
BATCH_PARTS = (
    Part(
        "inbox_rows",
        """
        INSERT INTO inbox (event_key, content_hash, event_time, topic, partition, record_offset)
        SELECT event_key, content_hash, instant(event_time), :topic, :partition, record_offset
          FROM gate, unnest(:in_rows::inbox_row[])
         ORDER BY event_key
        """,
    ),
    OUTBOX_PART,
    Part(
        "dead_letter_rows",
        """
        INSERT INTO dead_letter (dead_letter_id, topic, partition, record_offset, record_key, record_value, headers,
                                 code, message, error_class, fields, attempt, arrival)
        SELECT dead_letter_id, :topic, :partition, record_offset, record_key, record_value, headers::json,
               code, message, error_class, fields::json, attempt, arrival
          FROM gate, unnest(:dead_id::uuid[], :dead_offset::bigint[], :dead_key::bytea[], :dead_value::bytea[],
                            :dead_headers::text[], :dead_code::text[], :dead_message::text[], :dead_class::text[],
                            :dead_fields::text[], :dead_attempt::integer[], :dead_arrival::timestamptz[])
               AS d (dead_letter_id, record_offset, record_key, record_value, headers, code, message, error_class,
                     fields, attempt, arrival)
        """,
    ),
    Part(
        "gap_rows",
        """
        INSERT INTO offset_gap (topic, partition, from_offset, to_offset)
        SELECT :topic, :partition, from_offset, to_offset
          FROM gate, unnest(:gap_from::bigint[], :gap_to::bigint[]) AS g (from_offset, to_offset)
        """,
    ),
)


def outbox_arguments(outbox: Sequence[Outgoing]) -> dict[str, object]:
    """The rows for OUTBOX_PART, in the order in which they were decided."""
    return {
        "out_rows": [
            row if row.headers is None else (*row[:-1], pack_headers(row.headers))  # an Outgoing is such a row
            for row in outbox
        ]
    }


def pack_headers(headers: Headers) -> str:
    """Header values are bytes or nothing; latin-1 carries any bytes through JSON unchanged."""
    return json.dumps([[name, None if value is None else value.decode("latin-1")] for name, value in headers])


def unpack_headers(packed: str) -> Headers:
    return tuple((name, None if value is None else value.encode("latin-1")) for name, value in json.loads(packed))


@dataclass(slots=True)
class Postings:
    """Per batch: each offset's fate, the inbox rows and the dead letters."""

    batch: Batch
    service: str
    fates: Counter[Fate] = field(default_factory=Counter)
    applied: list[Delivered] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    points: Counter[str] = field(default_factory=Counter)  # of the applied events that name points, by type

    def settle(self, delivered: Delivered, fate: Fate) -> None:
        self.fates[fate] += 1
        if fate is Fate.APPLIED:
            self.applied.append(delivered)

    def dead_letter(self, letter: DeadLetter) -> None:
        self.fates[Fate.DEAD_LETTERED] += 1
        self.dead_letters.append(letter)

    def arguments(self, epoch: int, outbox: Sequence[Outgoing]) -> dict[str, object]:
        """Every parameter of the gate and of BATCH_PARTS."""
        batch, gaps = self.batch, self.batch.gaps()
        letters = self.dead_letters
        most = most_bytes(letters)
        records = [kept(letter.delivered, most) for letter in letters]
        published = (dead_letter_record(self.service, letter, most) for letter in letters if _is_published(letter))
        return {
            "topic": batch.topic,
            "partition": batch.partition,
            "epoch": epoch,
            "from_offset": batch.from_offset,
            "to_offset": batch.to_offset,
            **{fate.value: self.fates[fate] for fate in Fate if fate is not Fate.GAP},
            "gap": sum(end - start for start, end in gaps),
            "gap_from": [start for start, _ in gaps],
            "gap_to": [end for _, end in gaps],
            "in_rows": [_inbox_row(delivered) for delivered in self.applied],
            **outbox_arguments([*outbox, *published]),
            "dead_id": [dead_letter_id(self.service, letter.delivered) for letter in letters],
            "dead_offset": [letter.delivered.offset for letter in letters],
            "dead_key": [record.key for record in records],
            "dead_value": [record.value for record in records],
            "dead_headers": [pack_headers(record.headers) for record in records],
            "dead_code": [letter.code.value for letter in letters],
            "dead_message": [storable(letter.message) for letter in letters],
            "dead_class": [letter.error_class for letter in letters],
            "dead_fields": [
                json.dumps([{"path": storable(f.path), "message": storable(f.message)} for f in letter.fields])
                for letter in letters
            ],
            "dead_attempt": [letter.delivered.attempt for letter in letters],
            "dead_arrival": [letter.delivered.arrival for letter in letters],
        }  # fmt: skip


def _inbox_row(delivered: Delivered) -> tuple[object, ...]:
    """An erasure is no event: its key is the place where it lies, its time the record's."""
    event = delivered.event
    if event is None:
        place = f"{delivered.partition}/{delivered.offset}"
        key = event_key(f"/erasure/{delivered.topic}", place)
        return key, key.bytes, microseconds(delivered.recorded), delivered.offset
    return event.event_key, event.content_hash, microseconds(event.time), delivered.offset


def _is_published(letter: DeadLetter) -> bool:
    """Dead letters of a topic with personal data stay in the service's schema."""
    topic = load_topics().get(letter.delivered.topic)
    return topic is None or topic.has_dead_letters
