"""What an operator watches of fraud monitoring, each with what a high value means."""

from prometheus_client import Counter, Gauge, Histogram

SIGNALS = Counter(
    "greenpoints_fraud_findings_total",
    "Thresholds reached, repeats included; many of one rule mean an attack or a limit that is too low.",
    ["rule"],
)
TRIGGER_TO_HOLD = Histogram(
    "greenpoints_fraud_trigger_to_hold_seconds",
    "From an event's arrival in Kafka to its hold's commit; high means this service is behind.",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60),
)
FLUSH_SECONDS = Histogram(
    "greenpoints_fraud_flush_seconds",
    "From the first change of a batch to its acknowledgement by Kafka and the database.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
ESCALATED = Counter(
    "greenpoints_fraud_escalated_total", "Cases past their deadline; any at all means too few reviewers.", ["rule"]
)
WAITING_CASES = Gauge("greenpoints_fraud_waiting_cases", "Cases that wait for a person, by state.", ["state"])
READY = Gauge("greenpoints_fraud_stream_ready", "1 while the tables are recovered and events are read.")
RECOVERY_SECONDS = Gauge("greenpoints_fraud_recovery_seconds", "How long the last start or rebalance took to be ready.")
