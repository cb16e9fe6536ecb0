"""Every kind of fault that the long run draws from; a new one is entered here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.fault import Fault
from tests.faults.joining import Joining
from tests.faults.kills import CrashPoints, RandomKills
from tests.faults.lost_reply import LostReplies
from tests.faults.lost_store import LostStore
from tests.faults.outages import CLEAN, FAST, IMMEDIATE, KILLED, KafkaOutages, PostgresOutages
from tests.faults.zombie import Zombies


@dataclass(frozen=True, slots=True)
class Kind:
    """`make` builds the fault of one course, drawing what is to be drawn."""

    name: str
    make: Callable[[Random], Fault]


KINDS: Sequence[Kind] = (
    Kind("earning at every crash point", lambda _: CrashPoints("earning")),
    Kind("redemption at every crash point", lambda _: CrashPoints("redemption")),
    Kind("fraud monitoring at every crash point", lambda _: CrashPoints("fraud_monitoring")),
    Kind("notification at every crash point", lambda _: CrashPoints("notification")),
    Kind(
        "relays at every crash point",
        lambda _: CrashPoints("earning-relay", "redemption-relay", "fraud_monitoring-relay", "notification-relay"),
    ),
    Kind("local store deleted", lambda dice: LostStore(dice.randint(1, 3))),
    Kind("random kills", lambda dice: RandomKills(dice.randint(8, 14))),
    Kind("postgresql stopped", lambda _: PostgresOutages((FAST, IMMEDIATE), 2.0, 8.0)),
    Kind("kafka stopped", lambda _: KafkaOutages((KILLED, CLEAN), 2.0, 8.0)),
    Kind("joining and leaving", lambda dice: Joining(dice.randint(2, 4))),
    Kind("zombies", lambda _: Zombies()),
    Kind("lost replies", lambda dice: LostReplies(dice.randint(2, 5))),
)


def drawn(dice: Random, more: int) -> list[Kind]:
    """Every kind once, in an order of the seed's, then `more` drawn ones."""
    return [*dice.sample(KINDS, len(KINDS)), *dice.choices(KINDS, k=more)]
