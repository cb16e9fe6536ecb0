"""What one event meets: the windows it may change, and what it leaves behind."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.fraud_monitoring.domain.device_seen import DeviceSeen
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.domain.limits import Limits
from services.fraud_monitoring.domain.seen import Seen, micros
from services.fraud_monitoring.shelves import Shelves
from shared.events.cloudevent import CloudEvent
from shared.events.event import CausedEvent
from shared.events.keys import member_key
from shared.events.points_held import PointsHeld
from shared.events.topics import load_topics
from shared.runtime.batch import Delivered
from shared.runtime.partitioner import partition_of


@dataclass(slots=True)
class Desk:
    """One event's; `sightings` go on to the devices' partitions, the rest to the books."""

    shelves: Shelves
    limits: Limits
    findings: list[Finding] = field(default_factory=list)
    sightings: list[DeviceSeen] = field(default_factory=list)
    held: list[tuple[PointsHeld, int]] = field(default_factory=list)  # with its offset

    def oldest(self, arrival: int) -> int:
        """Business time in microseconds before which nothing is counted, for an event of this arrival."""
        return arrival - timedelta(days=self.limits.late_days) // timedelta(microseconds=1)

    def counts(self, delivered: Delivered, program_id: str, member_id: str) -> bool:
        """Not what is too old, nor what lies in another member's partition: earning forwards that to the right one."""
        home = partition_of(member_key(program_id, member_id).encode(), load_topics()[delivered.topic].partitions)
        is_late = micros(delivered.required_event.time) < self.oldest(micros(delivered.arrival))
        return home == delivered.partition and not is_late


def reference(event: CloudEvent) -> str:
    """How outbound events name an event: its source and id."""
    return f"{event.source}#{event.id}"


def seen_of(
    delivered: Delivered, member_id: str, *, identity: str | None = None, amount: int = 1, other: str = ""
) -> Seen:
    """The event as windows keep it; counted once by `identity`, its event key unless something else is meant."""
    event = delivered.required_event
    name = reference(event)
    caused = event.data if isinstance(event.data, CausedEvent) else None
    return Seen(
        identity=identity or event.event_key.hex,
        at=micros(event.time),
        arrival=micros(delivered.arrival),
        amount=amount,
        member=member_id,
        event_key=event.event_key.hex,
        cause=name,
        correlation=name if caused is None else caused.correlation_id,
        other=other,
    )
