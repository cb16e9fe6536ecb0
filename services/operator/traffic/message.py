"""One simulated event as a message, ready to be sent in either content mode."""

from __future__ import annotations

from datetime import datetime

from services.operator.traffic.sent import Expected, Kind, Sent
from shared.events.event import EventData
from shared.events.fields import format_timestamp


def message(
    event_id: str,
    source: str,
    time: datetime,
    data: EventData,
    *,
    key: str,
    member_id: str | None,
    kind: Kind,
    expected: Expected,
) -> Sent:
    """`key` is the record's; `member_id` whom it is about, None for nobody."""
    attributes = {
        "id": event_id,
        "source": source,
        "type": data.TYPE,
        "time": format_timestamp(time),
        "partitionkey": key,
    }
    if member_id is not None:
        attributes["subject"] = member_id
    body = data.model_dump_json(exclude_none=True).encode()
    return Sent(data.TOPIC, key, attributes, body, kind, expected, member_id)
