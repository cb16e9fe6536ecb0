"""A till of the fruit shop: makes and publishes small events for one test, under ids of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key, receipt_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine

PROGRAM = "fruit-shop"
MERCHANT = "fruit-shop-tests"


def purchase(
    receipt_id: str,
    member_id: str | None,
    *nets: int,
    program_id: str = PROGRAM,
    tenders: tuple[Tender, ...] | None = None,
    channel: str = "store",
    sku: str = "apple",
) -> PurchaseCompleted:
    """A receipt with one line of one piece per amount (fen)."""
    total = sum(nets)
    return PurchaseCompleted(
        program_id=program_id,
        merchant_id=MERCHANT,
        store_id="s1",
        terminal_id="t1",
        receipt_id=receipt_id,
        member_id=member_id,
        currency="CNY",
        lines=tuple(
            PurchaseLine(line_id=str(place), sku=f"{sku}-{place}", condition="new", quantity=1, net_minor=net)
            for place, net in enumerate(nets, 1)
        ),
        tenders=tenders or (Tender(kind="cash", amount_minor=total),),
        total_minor=total,
        channel=channel,  # type: ignore[arg-type]
    )


def refund(
    refund_id: str, receipt_id: str | None, member_id: str | None, *lines: tuple[str, int], quantity: int = 1
) -> PurchaseRefunded:
    """Lines are (line number, amount in fen) of a `purchase`."""
    return PurchaseRefunded(
        program_id=PROGRAM,
        merchant_id=MERCHANT,
        refund_id=refund_id,
        receipt_id=receipt_id,
        member_id=member_id,
        currency="CNY",
        lines=tuple(
            RefundLine(
                line_id=None if receipt_id is None else place, sku=f"apple-{place}", quantity=quantity, net_minor=net
            )
            for place, net in lines
        ),
    )


@dataclass(slots=True)
class Till:
    """Publishes straight to Kafka; `ago` days before now is the business time."""

    producer: AIOKafkaProducer
    unique: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    async def register(self, member_id: str, *, event_id: str | None = None, listed: bool = False) -> None:
        profile = MemberRegistered(
            program_id=PROGRAM,
            member_id=member_id,
            registered_at=self.now - timedelta(days=60),
            phone_verified=True,
            listed_party=listed,
        )
        await self.send(event_id or f"reg-{member_id}", profile, ago=60)

    async def send(
        self, event_id: str, data: EventData, *, ago: int = 0, key: str | None = None, source: str = "/pos/tests/t1"
    ) -> None:
        """Publish one event in structured mode, under the contract's key unless another is given."""
        member_id: str | None = getattr(data, data.MEMBER_FIELD or "", None)
        program_id: str = getattr(data, "program_id", PROGRAM)
        own = (
            member_key(program_id, member_id)
            if member_id is not None
            else receipt_key(program_id, getattr(data, "receipt_id", None) or event_id)
        )
        value = encode(event_id, source, data.TYPE, member_id, self.now - timedelta(days=ago), key or own, data)
        await self.raw(data.TOPIC, (key or own).encode(), value)

    async def raw(self, topic: str, key: bytes | None, value: bytes | None, headers: object = None) -> None:
        await self.producer.send_and_wait(topic, value, key=key, headers=headers or list(STRUCTURED_HEADERS))
