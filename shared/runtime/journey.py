"""How long what a till sent takes to reach each service's books, from Kafka's first sight of it.

Of each batch the first event that made one of ours gives it the instant to carry on, in a header; each service measures
what carries one. So a busy system is sampled, its oldest event of a batch first, and a quiet one is measured whole.
"""

import time
from datetime import datetime

from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.events.topics import load_topics
from shared.runtime import telemetry
from shared.runtime.batch import ORIGIN_HEADER, Batch, Delivered, Outgoing, arrival_milliseconds


def origin_of(delivered: Delivered) -> datetime | None:
    """When the journey began that this record goes on; None when it is not known, or a replay began it anew."""
    if delivered.attempt > 1:
        return None
    if delivered.origin is not None:
        return delivered.origin
    topic = load_topics().get(delivered.topic)
    return delivered.arrival if topic is not None and topic.is_inbound else None


def carry_on(outbox: list[Outgoing], made_from: int, origin: datetime) -> bool:
    """Give the first event of ours at or after `made_from` the header; False when there is none."""
    for place in range(made_from, len(outbox)):
        if outbox[place].headers is None:
            header = (ORIGIN_HEADER, str(arrival_milliseconds(origin)).encode())
            outbox[place] = outbox[place]._replace(headers=(*STRUCTURED_HEADERS, header))
            return True
    return False


def measure(service: str, batch: Batch) -> None:
    """After the commit: the batch's first record, and each that carries an origin."""
    now = time.time()
    for place, delivered in enumerate(batch.delivered):
        if (place == 0 or delivered.origin is not None) and (origin := origin_of(delivered)) is not None:
            telemetry.JOURNEY_SECONDS.labels(service).observe(max(now - origin.timestamp(), 0.0))
