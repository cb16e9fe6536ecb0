"""The community's events as messages, each with what must become of it."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from services.operator.traffic.community.people import Person
from services.operator.traffic.community.place import (
    CRM_SOURCE,
    CURRENCY,
    FEN_PER_POINT,
    MERCHANT_ID,
    PROGRAM_ID,
    STORE_ID,
    TERMINALS,
    TILL_SOURCE,
    Article,
    Station,
    drop_points,
)
from services.operator.traffic.message import message
from services.operator.traffic.sent import Expected, Kind, Outcome, Reward, Sent
from shared.events.contact_updated import ContactUpdated
from shared.events.event import EventData
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted


def registered(person: Person) -> Sent:
    data = MemberRegistered(
        program_id=PROGRAM_ID,
        member_id=person.member_id,
        registered_at=person.joined,
        phone_verified=True,
        locale=person.locale,
        consents={"marketing": person.email is not None},
    )
    expected = Expected(Outcome.REGISTERED)
    return _sent(f"register-{person.member_id}", CRM_SOURCE, person.joined, person.member_id, data,
                 Kind.REGISTRATION, expected)  # fmt: skip


def contact(person: Person) -> Sent:
    """Where to write to; only notification reads it."""
    data = ContactUpdated(program_id=PROGRAM_ID, member_id=person.member_id, email=person.email)
    expected = Expected(Outcome.KEPT)
    return _sent(f"contact-{person.member_id}", CRM_SOURCE, person.joined, person.member_id, data,
                 Kind.CONTACT, expected)  # fmt: skip


def referral(person: Person, time: datetime) -> Sent:
    """The invitee names the inviter; nobody earns by it until the invitee's first order."""
    if person.inviter_id is None:
        raise ValueError(f"{person.member_id} was invited by nobody.")
    data = ReferralAccepted(program_id=PROGRAM_ID, inviter_id=person.inviter_id, invitee_id=person.member_id)
    return _sent(f"referral-{person.member_id}", CRM_SOURCE, time, person.member_id, data,
                 Kind.REFERRAL, Expected(Outcome.REFERRAL))  # fmt: skip


def purchase(
    person: Person, receipt_id: str, article: Article, time: datetime, *, rewards: tuple[Reward, ...] = ()
) -> Sent:
    """One used article; `rewards` are what this order makes others and the buyer earn beside its own points."""
    line = PurchaseLine(
        line_id="1",
        sku=article.sku,
        name=article.name,
        category="second_hand",
        condition="second_hand",
        quantity=1,
        unit_price_minor=article.unit_price_minor,
        net_minor=article.unit_price_minor,
    )
    terminal_id = TERMINALS[len(receipt_id) % len(TERMINALS)]
    data = PurchaseCompleted(
        program_id=PROGRAM_ID,
        merchant_id=MERCHANT_ID,
        store_id=STORE_ID,
        terminal_id=terminal_id,
        receipt_id=receipt_id,
        member_id=person.member_id,
        currency=CURRENCY,
        lines=(line,),
        tenders=(Tender(kind="alipay", amount_minor=article.unit_price_minor),),
        total_minor=article.unit_price_minor,
        channel="store",
        device_hash=person.device,
    )
    expected = Expected(Outcome.GRANTED, article.unit_price_minor // FEN_PER_POINT, rewards=rewards)
    return _sent(f"sale-{receipt_id}", f"{TILL_SOURCE}/{terminal_id}", time, person.member_id, data,
                 Kind.PURCHASE, expected)  # fmt: skip


def refund(
    person: Person, receipt_id: str, article: Article, time: datetime, *, taken: tuple[Reward, ...] = ()
) -> Sent:
    """The whole receipt comes back; `taken` are the rewards that go with it."""
    data = PurchaseRefunded(
        program_id=PROGRAM_ID,
        merchant_id=MERCHANT_ID,
        refund_id=f"{receipt_id}-r",
        receipt_id=receipt_id,
        member_id=person.member_id,
        currency=CURRENCY,
        lines=(RefundLine(line_id="1", sku=article.sku, quantity=1, net_minor=article.unit_price_minor),),
        tenders=(Tender(kind="alipay", amount_minor=article.unit_price_minor),),
        reason="does not fit",
    )
    points = article.unit_price_minor // FEN_PER_POINT
    source = f"{TILL_SOURCE}/{TERMINALS[len(receipt_id) % len(TERMINALS)]}"
    return _sent(f"refund-{receipt_id}", source, time, person.member_id, data,
                 Kind.REFUND, Expected(Outcome.CLAWED_BACK, points, taken=taken))  # fmt: skip


def drop(person: Person, drop_id: str, station: Station, items: tuple[RecyclingItem, ...], time: datetime) -> Sent:
    """A drop, photographed; the scale was calibrated a month before. Too heavy for the station earns nothing (C11)."""
    data = RecyclingCollected(
        program_id=PROGRAM_ID,
        station_id=station.station_id,
        drop_id=drop_id,
        member_id=person.member_id,
        items=items,
        photo_sha256=sha256(drop_id.encode()).hexdigest(),
        operator_id=f"{station.station_id}-keeper",
        scale_calibrated_on=time.date().replace(day=1),
    )
    points = drop_points(items)
    expected = Expected(Outcome.GRANTED, points)
    if sum(item.grams or 0 for item in items) > station.capacity_grams:
        expected = Expected(Outcome.DECLINED, code="WEIGHT_IMPLAUSIBLE")
    elif not points:
        expected = Expected(Outcome.DECLINED, code="NO_QUALIFYING_TRANSACTION")
    return _sent(f"drop-{drop_id}", f"{TILL_SOURCE}/{station.station_id}", time, person.member_id, data,
                 Kind.DROP, expected)  # fmt: skip


def rejection(person: Person, drop_id: str, station: Station, items: tuple[RecyclingItem, ...], time: datetime) -> Sent:
    """The sorters found the first of the drop's items wrong: the drop is judged again without it."""
    data = RecyclingRejected(
        program_id=PROGRAM_ID,
        station_id=station.station_id,
        drop_id=drop_id,
        member_id=person.member_id,
        items=items[:1],
        reason="soiled with food",
    )
    points = drop_points(items) - drop_points(items[1:])
    return _sent(
        f"reject-{drop_id}",
        f"{TILL_SOURCE}/{station.station_id}",
        time,
        person.member_id,
        data,
        Kind.REJECTION,
        Expected(Outcome.CLAWED_BACK if points else Outcome.NOTHING_TAKEN, points),
    )


def _sent(
    event_id: str, source: str, time: datetime, member_id: str, data: EventData, kind: Kind, expected: Expected
) -> Sent:
    key = member_key(PROGRAM_ID, member_id)
    return message(event_id, source, time, data, key=key, member_id=member_id, kind=kind, expected=expected)
