"""What people of the recycling community do, each as one event's data or one Kafka record."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.events.contact_updated import ContactUpdated
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from tests.faults.record import Record

COMMUNITY = "community-recycling"
MERCHANT = "swap-shop-tests"
STATION, SCALE = "kiosk-gongshu", "scale-gongshu-1"
SOURCE = "/pos/tests/neighbours"
CONTACTS = ContactUpdated.TOPIC
DEVICE_SHARED_BY = 5  # members in a day: exactly so many, for with more the first to be found would be a race
_CALIBRATED_DAYS = 100


def weighed(material: str, grams: int) -> RecyclingItem:
    return RecyclingItem(material=material, grams=grams, scale_id=SCALE)


def counted(material: str, pieces: int) -> RecyclingItem:
    return RecyclingItem(material=material, pieces=pieces)


class Neighbours:
    """Makes the events; `until` is the instant from which days are counted back. Times are whole days before it."""

    def __init__(self, until: datetime) -> None:
        self._until = until

    def registered(
        self,
        member_id: str,
        *,
        locale: str | None = None,
        consents: Mapping[str, bool] | None = None,
        birth_year: int | None = None,
    ) -> Record:
        data = MemberRegistered(
            program_id=COMMUNITY,
            member_id=member_id,
            registered_at=self._ago(60),
            phone_verified=True,
            locale=locale,
            birth_year=birth_year,
            consents=dict(consents or {}),
        )
        return self.record(f"reg-{member_id}", data, member_id, days_ago=60)

    def updated(self, member_id: str, consents: Mapping[str, bool]) -> Record:
        data = MemberUpdated(
            program_id=COMMUNITY,
            member_id=member_id,
            registered_at=self._ago(60),
            phone_verified=True,
            consents=dict(consents),
        )
        return self.record(f"update-{member_id}", data, member_id, days_ago=50)

    def contact(self, member_id: str, name: str = "home", *, program_id: str = COMMUNITY) -> Record:
        """An address of theirs, named so that a message tells which one it went to."""
        email = f"{name}.{member_id}@mail.test"
        data = ContactUpdated(program_id=program_id, member_id=member_id, email=email)
        return self.record(f"contact-{name}-{member_id}", data, member_id, days_ago=40)

    def erased(self, member_id: str) -> Record:
        """No value: forget how to reach this member."""
        return Record(CONTACTS, member_key(COMMUNITY, member_id).encode(), None)

    def bought(
        self, member_id: str, place: int, *nets: int, days_ago: int = 20, used: bool = True, device: str | None = None
    ) -> Record:
        """A receipt of used goods, or of new ones, which earn nothing here."""
        total = sum(nets)
        data = PurchaseCompleted(
            program_id=COMMUNITY,
            merchant_id=MERCHANT,
            store_id="s1",
            terminal_id="t1",
            receipt_id=f"{member_id}-r{place}",
            member_id=member_id,
            currency="CNY",
            lines=tuple(
                PurchaseLine(
                    line_id=str(line),
                    sku=f"chair-{line}",
                    condition="second_hand" if used else "new",
                    quantity=1,
                    net_minor=net,
                )
                for line, net in enumerate(nets, 1)
            ),
            tenders=(Tender(kind="cash", amount_minor=total),),
            total_minor=total,
            channel="store",
            device_hash=device,
        )
        return self.record(f"{member_id}-b{place}", data, member_id, days_ago=days_ago)

    def refunded(
        self, member_id: str, place: int, *lines: tuple[str, int], days_ago: int = 20, word: str = "f"
    ) -> Record:
        """Lines are (line number, amount in fen) of the receipt `place`."""
        data = PurchaseRefunded(
            program_id=COMMUNITY,
            merchant_id=MERCHANT,
            refund_id=f"{member_id}-{word}{place}",
            receipt_id=f"{member_id}-r{place}",
            member_id=member_id,
            currency="CNY",
            lines=tuple(
                RefundLine(line_id=line, sku=f"chair-{line}", quantity=1, net_minor=net) for line, net in lines
            ),
        )
        return self.record(f"{member_id}-{word}{place}", data, member_id, days_ago=days_ago)

    def dropped(
        self,
        member_id: str,
        place: int,
        *items: RecyclingItem,
        event_id: str | None = None,
        station: str = STATION,
        photo: bool = False,
        calibrated_days: int = _CALIBRATED_DAYS,
        key: str | None = None,
    ) -> Record:
        data = RecyclingCollected(
            program_id=COMMUNITY,
            station_id=station,
            drop_id=f"{member_id}-d{place}",
            member_id=member_id,
            items=items,
            photo_sha256="ab" * 32 if photo else None,
            scale_calibrated_on=self._ago(calibrated_days).date(),
        )
        return self.record(event_id or f"{member_id}-c{place}", data, member_id, days_ago=15, key=key)

    def rejected(self, member_id: str, place: int, *items: RecyclingItem, by: str | None = None) -> Record:
        """Of the drop `place`; `by` names another member than its own."""
        data = RecyclingRejected(
            program_id=COMMUNITY,
            station_id=STATION,
            drop_id=f"{member_id}-d{place}",
            member_id=by or member_id,
            items=items,
            reason="mixed with rubbish",
        )
        return self.record(f"{member_id}-x{place}", data, by or member_id, days_ago=14)

    def accepted(self, inviter_id: str, invitee_id: str, word: str = "link") -> Record:
        data = ReferralAccepted(program_id=COMMUNITY, inviter_id=inviter_id, invitee_id=invitee_id)
        return self.record(f"{word}-{invitee_id}", data, invitee_id, days_ago=22)

    def record(
        self, event_id: str, data: EventData, member_id: str, *, days_ago: int, key: str | None = None
    ) -> Record:
        """In structured mode, under the contract's key unless another is given."""
        program_id: str = getattr(data, "program_id", COMMUNITY)
        own = key or member_key(program_id, member_id)
        value = encode(event_id, SOURCE, data.TYPE, member_id, self._ago(days_ago), own, data)
        return Record(data.TOPIC, own.encode(), value, STRUCTURED_HEADERS)

    def _ago(self, days: int) -> datetime:
        return self._until - timedelta(days=days)


def lane(*records: Record, twice: Sequence[int] = ()) -> list[tuple[Record, ...]]:
    """In this order; those at the places in `twice` are sent twice in a row."""
    return [(record,) * (2 if place in twice else 1) for place, record in enumerate(records)]
