"""Every metric by name, each with what a high value means to an operator."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

from shared.runtime.batch import Fate

EVENTS = Counter(
    "greenpoints_events_total",
    "Offsets handled, by fate; a high share of dead_lettered means a sender or a release is broken.",
    ["service", "topic", "fate"],
)
BATCH_SECONDS = Histogram(
    "greenpoints_batch_seconds",
    "From a decoded batch to its commit; high means the database is the limit.",
    ["service"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
BATCH_AGAIN = Counter(
    "greenpoints_batches_decided_again_total",
    "Batches that lost a claim or met a bad record; high means partitions contend or data is odd.",
    ["service"],
)
DATABASE_AWAY = Counter(
    "greenpoints_database_away_total",
    "Times the database did not answer; the partitions waited.",
    ["service"],
)
RELAYED = Counter("greenpoints_relayed_total", "Outbox rows published and acknowledged.", ["service"])
OUTBOX_ROWS = Gauge(
    "greenpoints_outbox_rows",
    "Rows the relay took at its last look; at its limit for long means it is behind.",
    ["service"],
)
REFUSED = Counter(
    "greenpoints_refusals_total", "Refusals by reason code, as the red lines count them.", ["service", "code"]
)

JOURNEY_SECONDS = Histogram(
    "greenpoints_journey_seconds",
    "From Kafka's first sight of what a till sent to this service's commit; high means a service or relay is behind.",
    ["service"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600),
)
POINTS = Counter(
    "greenpoints_points_total",
    "Points in the events this service applied, by event type; a sudden change means a rule or a sender changed.",
    ["service", "type"],
)


def count_fates(service: str, topic: str, fates: Mapping[Fate, int]) -> None:
    for fate, count in fates.items():
        EVENTS.labels(service, topic, fate.value).inc(count)


def count_points(service: str, points: Mapping[str, int]) -> None:
    for event_type, amount in points.items():
        POINTS.labels(service, event_type).inc(amount)
