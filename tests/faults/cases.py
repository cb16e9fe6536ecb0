"""The awkward cases, each with members of its own: what comes too early, twice, elsewhere, changed or not at all.

A lane's events keep their order, whatever comes between them; a member's registration is in the base (handled in
peace, before) unless the case is about its being late.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from services.operator.traffic.poison import poison
from services.operator.traffic.sent import Expected, Kind, Outcome, Sent
from shared.events.event import EventData
from shared.events.fields import format_timestamp
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key, receipt_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.purchase_refunded import PurchaseRefunded
from shared.runtime.partitioner import partition_of
from tests.faults.record import PAIR_PREFIX, PARTITIONS, Pair, Record, Spend, Unit
from tests.infrastructure.till import MERCHANT, PROGRAM, purchase, refund

SOURCE = "/pos/tests/faults"
_MORE_THAN_ANYBODY_HAS = 10**7
_MOST_PAIRS = 12
_WAYS_TO_POISON = 5


class Cases:
    """Collects `base`, `lanes`, `base_spends`, `spends` and `pairs`; see Traffic for what each is."""

    def __init__(self, random: Random, run: str, until: datetime) -> None:
        self.base: list[Record] = []
        self.lanes: list[list[Unit]] = []
        self.base_spends: list[Spend] = []
        self.spends: list[Spend] = []
        self.pairs: list[Pair] = []
        self._random = random
        self._run = run
        self._until = until

    def fill(self, records: int) -> None:
        """Every case once, then again in turn until there are about that many records."""
        ways: Sequence[Callable[[str], list[Unit]]] = (
            self._late_registration,
            self._late_registration_and_early_refund,
            self._early_refund,
            self._several_refunds,
            self._refund_without_receipt,
            self._refund_elsewhere,
            self._refund_for_another_member,
            self._same_id_other_body,
            self._receipt_again_under_another_id,
            self._online_order,
            self._misplaced,
            self._registration_under_a_wrong_key,
            self._two_members_one_receipt,
            self._redeemer,
            self._debtor,
            self._rubbish,
        )
        round_ = 0
        while round_ == 0 or self._size() < records:
            for way in ways:
                if way == self._two_members_one_receipt and round_ >= _MOST_PAIRS:
                    continue  # each makes two batches go event by event: many would hide what a fault costs
                name = way.__name__.strip("_").replace("_", "-")
                self.lanes.append(way(f"{name}-{self._run}-{round_}"))
            round_ += 1

    def _size(self) -> int:
        return len(self.base) + sum(len(unit) for lane in self.lanes for unit in lane)

    def _late_registration(self, name: str) -> list[Unit]:
        """Purchases wait for it. One refund a receipt and none without receipt: those could overtake each other."""
        lane = [self._bought(name, place, repeats=place % 2) for place in range(3)]
        lane.insert(2, (self._registered(name),))
        return [*lane, (self._refunded(name, 1, ("1", 100)),) * 2]

    def _late_registration_and_early_refund(self, name: str) -> list[Unit]:
        return [(self._refunded(name, 0, ("1", 300)),), self._bought(name, 0), (self._registered(name),)]

    def _early_refund(self, name: str) -> list[Unit]:
        """In part, and of everything."""
        self.base.append(self._registered(name))
        nets = self._nets()
        whole = [(str(line), net) for line, net in enumerate(nets, 1)]
        lane = [(self._refunded(name, 0, ("1", 200)),), self._bought(name, 0)]
        return [*lane, (self._refunded(name, 1, *whole),), self._bought(name, 1, nets=nets)]

    def _several_refunds(self, name: str) -> list[Unit]:
        """Line by line, each repeated at once, then one piece more than was bought."""
        self.base.append(self._registered(name))
        nets = self._nets(least=3)
        lane = [self._bought(name, 0, nets=nets)]
        for line, net in enumerate(nets, 1):
            back = self._refunded(name, 0, (str(line), net), refund_id=f"{name}-back-{line}")
            lane.append((back, back))
        over = self._refunded(name, 0, ("1", nets[0]), refund_id=f"{name}-over")
        return [*lane, (over,)]

    def _refund_without_receipt(self, name: str) -> list[Unit]:
        """The newest purchase first; what matches nothing stays open until a purchase from before turns up."""
        self.base.append(self._registered(name))
        back = refund(f"{name}-f", None, name, ("1", 400), ("2", 400), quantity=2)
        older = self._bought(name, 0, nets=(900, 800), days_ago=25)
        newer = self._bought(name, 1, nets=(700,), days_ago=24)
        late = self._bought(name, 2, nets=(500, 650, 450), days_ago=26)
        return [older, newer, (self._record(f"{name}-f", back, name, days_ago=20),), late]

    def _refund_elsewhere(self, name: str) -> list[Unit]:
        """Under another key, without and with its member. Its receipt is in the base: else it might come first."""
        self.base.append(self._registered(name))
        lane: list[Unit] = []
        for place, member_id in enumerate((None, name)):
            self.base += self._bought(name, place)
            data = refund(f"{name}-f{place}", f"{name}-r{place}", member_id, ("1", 150))
            back = self._record(f"{name}-f{place}", data, member_id, days_ago=19, key=f"{PROGRAM}/elsewhere-{name}")
            lane.append((back,) * (1 + place))
        return lane

    def _refund_for_another_member(self, name: str) -> list[Unit]:
        other = f"{name}-other"
        self.base += [self._registered(name), self._registered(other), *self._bought(name, 0)]
        data = refund(f"{name}-f", f"{name}-r0", other, ("1", 100))
        return [(self._record(f"{name}-f", data, other, days_ago=19),)]

    def _same_id_other_body(self, name: str) -> list[Unit]:
        self.base.append(self._registered(name))
        first, other = self._bought(name, 0, nets=(1_000,))[0], self._bought(name, 0, nets=(2_000, 300))[0]
        return [(first, other), (first,), (other,)]

    def _receipt_again_under_another_id(self, name: str) -> list[Unit]:
        self.base.append(self._registered(name))
        data = purchase(f"{name}-r0", name, *self._nets())
        return [(self._record(f"{name}-{which}", data, name, days_ago=21),) for which in ("one", "two", "one")]

    def _online_order(self, name: str) -> list[Unit]:
        """Delivered so lately that its points wait for days yet, or never; one piece comes back before."""
        self.base.append(self._registered(name))
        nets = self._nets(least=2)
        lane: list[Unit] = [(self._delivered(name, 9, "unknown"),)]  # of no receipt: a dead letter
        for place in range(3):
            data = purchase(f"{name}-r{place}", name, *nets, channel="online")
            lane.append((self._record(f"{name}-b{place}", data, name, days_ago=12),))
        lane.append((self._refunded(name, 1, ("2", nets[1])),))
        lane += [(self._delivered(name, place, "there"),) for place in (0, 1)]
        return [*lane, (self._delivered(name, 1, "again"),)]

    def _misplaced(self, name: str) -> list[Unit]:
        """Forwarded to their member, after or before what lies right: so nothing is refunded here."""
        self.base.append(self._registered(name))
        data = [purchase(f"{name}-r{place}", name, *self._nets()) for place in range(3)]
        own = member_key(PROGRAM, name)
        elsewhere = (partition_of(own.encode(), PARTITIONS) + self._random.randint(1, 7)) % PARTITIONS
        wrong_key = self._record(f"{name}-b0", data[0], name, days_ago=15, key=f"{PROGRAM}/stranger-{name}")
        wrong_place = self._record(f"{name}-b1", data[1], name, days_ago=15, partition=elsewhere)
        right = self._record(f"{name}-b2", data[2], name, days_ago=15)
        also_right = self._record(f"{name}-b0", data[0], name, days_ago=15)
        return [(wrong_key, wrong_key), (wrong_place,), (right,), (also_right,)]

    def _registration_under_a_wrong_key(self, name: str) -> list[Unit]:
        bought = [self._bought(name, place) for place in range(2)]
        return [bought[0], (self._registered(name, key=f"{PROGRAM}/stranger-{name}"),), bought[1]]

    def _two_members_one_receipt(self, name: str) -> list[Unit]:
        """At once, in two partitions, the same lines: who wins is the one race that is left in."""
        first = f"{PAIR_PREFIX}{name}-0"
        home = partition_of(member_key(PROGRAM, first).encode(), PARTITIONS)
        second = next(
            other
            for other in (f"{PAIR_PREFIX}{name}-{number}" for number in range(1, 200))
            if partition_of(member_key(PROGRAM, other).encode(), PARTITIONS) != home
        )
        self.base += [self._registered(first), self._registered(second)]
        nets = self._nets()
        records = tuple(
            self._record(f"{name}-for-{member}", purchase(f"{name}-r", member, *nets), member, days_ago=16)
            for member in (first, second)
        )
        self.pairs.append(Pair((first, second), (f"{name}-for-{first}", f"{name}-for-{second}"), sum(nets) // 100))
        return [records]

    def _redeemer(self, name: str) -> list[Unit]:
        """Spends surely covered amounts of matured points, while younger ones come and go: none of them spendable."""
        self.base.append(self._registered(name))
        for place in range(3):
            self.base += self._bought(name, place, nets=(5_000, 1_250), days_ago=30 - place)
        self.spends += [Spend(name, self._random.randint(1, 30), f"{name}-k{place}") for place in range(4)]
        self.spends.append(Spend(name, _MORE_THAN_ANYBODY_HAS, f"{name}-greedy", 409))
        young = [self._bought(name, 10 + place, nets=(900, 450), days_ago=1) for place in range(2)]
        return [young[0], (self._refunded(name, 10, ("1", 900), days_ago=1),), young[1]]

    def _debtor(self, name: str) -> list[Unit]:
        """Spent all in the base, then brings goods back: owes, and repays with the next purchase, which is matured.

        Only one more purchase: of several, whichever the sweeper met first would repay.
        """
        self.base += [self._registered(name), *self._bought(name, 0, nets=(4_000, 2_000), days_ago=28)]
        self.base_spends.append(Spend(name, 60, f"{name}-all"))
        lane: list[Unit] = [(self._refunded(name, 0, ("1", 4_000)),)]
        if self._random.random() < 0.7:
            lane.append(self._bought(name, 1, nets=(self._random.choice((1_500, 6_000)),), days_ago=14))
        if self._random.random() < 0.5:
            lane.append((self._refunded(name, 0, ("2", 2_000), refund_id=f"{name}-rest"),))
        return lane

    def _rubbish(self, name: str) -> list[Unit]:
        """What is no event at all, in both topics, and every kind of poison, in the middle of a member's good ones."""
        self.base.append(self._registered(name))
        key = member_key(PROGRAM, name).encode()
        nothing = Record(PurchaseCompleted.TOPIC, key, None, STRUCTURED_HEADERS)
        noise = Record(MemberRegistered.TOPIC, key, self._random.randbytes(200), STRUCTURED_HEADERS)
        future = self._bought(name, 1, days_ago=-2)[0]
        poisoned = tuple(self._poisoned(name, way) for way in range(_WAYS_TO_POISON))
        return [(nothing, self._bought(name, 0)[0], noise), (future,), poisoned, self._bought(name, 2)]

    def _poisoned(self, member_id: str, way: int) -> Record:
        data = purchase(f"{member_id}-r5", member_id, *self._nets())
        key, time = member_key(PROGRAM, member_id), format_timestamp(self._until - timedelta(days=20))
        attributes = {"source": SOURCE, "type": data.TYPE, "time": time, "partitionkey": key, "subject": member_id}
        body = data.model_dump_json(exclude_none=True).encode()
        healthy = Sent(data.TOPIC, key, attributes, body, Kind.PURCHASE, Expected(Outcome.GRANTED))
        spoilt = poison(way, healthy, f"{member_id}-poison-{way}")
        return Record(spoilt.topic, key.encode(), spoilt.data, tuple(spoilt.binary_headers()))

    def _nets(self, least: int = 1) -> tuple[int, ...]:
        """What 1 to 6 lines cost, in fen."""
        return tuple(self._random.randint(300, 9_000) for _ in range(self._random.randint(least, 6)))

    def _registered(self, member_id: str, *, key: str | None = None) -> Record:
        data = MemberRegistered(
            program_id=PROGRAM,
            member_id=member_id,
            registered_at=self._until - timedelta(days=60),
            phone_verified=True,
        )
        return self._record(f"reg-{member_id}", data, member_id, days_ago=60, key=key)

    def _bought(
        self, member_id: str, place: int, *, nets: Sequence[int] = (), days_ago: int = 20, repeats: int = 0
    ) -> Unit:
        data = purchase(f"{member_id}-r{place}", member_id, *(nets or self._nets()))
        return (self._record(f"{member_id}-b{place}", data, member_id, days_ago=days_ago),) * (1 + repeats)

    def _refunded(
        self, member_id: str, place: int, *lines: tuple[str, int], days_ago: int = 18, refund_id: str | None = None
    ) -> Record:
        """Of the receipt `place`, at the right key."""
        event_id = refund_id or f"{member_id}-f{place}"
        data: PurchaseRefunded = refund(event_id, f"{member_id}-r{place}", member_id, *lines)
        return self._record(event_id, data, member_id, days_ago=days_ago)

    def _delivered(self, member_id: str, place: int, word: str) -> Record:
        data = PurchaseDelivered(
            program_id=PROGRAM,
            merchant_id=MERCHANT,
            receipt_id=f"{member_id}-r{place}",
            member_id=member_id,
            delivered_at=self._until - timedelta(hours=3),
        )
        return self._record(f"{member_id}-{word}{place}", data, member_id, days_ago=0)

    def _record(
        self,
        event_id: str,
        data: EventData,
        member_id: str | None,
        *,
        days_ago: int,
        key: str | None = None,
        partition: int | None = None,
    ) -> Record:
        """In structured mode, under the contract's key unless another is given."""
        own = receipt_key(PROGRAM, event_id) if member_id is None else member_key(PROGRAM, member_id)
        time = self._until - timedelta(days=days_ago)
        value = encode(event_id, SOURCE, data.TYPE, member_id, time, key or own, data)
        return Record(data.TOPIC, (key or own).encode(), value, STRUCTURED_HEADERS, partition)
