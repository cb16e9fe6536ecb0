"""A seeded fruit shop: registrations, purchases, refunds, and the mistakes real tills make.

Pure: the same seed and parameters give the same messages, byte for byte. Every message carries what must
become of it, computed here from the default rule alone (1 yuan of a receipt's earning lines = 1 point,
floored once per receipt), so that a demo can compare.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random

from services.operator.traffic.fruit import (
    ARTICLES,
    CARRIER_BAG,
    CURRENCY,
    MERCHANT_ID,
    PROGRAM_ID,
    STORES,
    TENDER_KINDS,
    TERMINALS_PER_STORE,
    Article,
)
from services.operator.traffic.message import message
from services.operator.traffic.poison import poison
from services.operator.traffic.sent import Expected, Kind, Outcome, Sent
from shared.events.event import EventData
from shared.events.keys import member_key, receipt_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine

FEN_PER_POINT = 100
_LONGEST_REFUND_DELAY = 3 * 24 * 3600  # seconds
_SHORTEST_REFUND_DELAY = 300


@dataclass(frozen=True, slots=True)
class Shares:
    """Per thousand purchases: how many are refunded, anonymous, sent twice, followed by a poison message."""

    refunded: int = 60
    anonymous: int = 30
    duplicate: int = 10
    poison: int = 5


@dataclass(frozen=True, slots=True)
class _Till:
    store_id: str
    terminal_id: str

    @property
    def source(self) -> str:
        return f"/pos/{MERCHANT_ID}/{self.terminal_id}"


def simulate(
    *,
    seed: int,
    members: int,
    purchases: int,
    until: datetime,
    days: int = 30,
    shares: Shares | None = None,
    first_members: int = 1,
) -> Iterator[Sent]:
    """Messages in order of business time, spread over the `days` before `until` (aware; no time is later).

    `members` register, `purchases` receipts follow; refunds, duplicates and poison come on top of these. So many
    `first_members` are there from the start and share what is bought before the others come.
    """
    if members < 1:
        raise ValueError("The simulation needs at least one member.")
    shop = _Shop(Random(seed), seed, until, days, shares or Shares())  # noqa: S311 - repeatable, not secret
    return shop.messages(members, purchases, first_members)


def run_name(seed: int, until: datetime) -> str:
    """What every event, member and receipt id of `simulate` with these arguments contains."""
    # A run at another time is other traffic: the same id with other content would be a dead letter.
    return f"{seed:x}-{int(until.timestamp()):x}"


class _Shop:
    def __init__(self, random: Random, seed: int, until: datetime, days: int, shares: Shares) -> None:
        self._random = random
        self._run = run_name(seed, until)
        self._until = until
        self._since = until - timedelta(days=days)
        self._shares = shares
        self._tills = [
            _Till(store, f"{store}-{number}") for store in STORES for number in range(1, TERMINALS_PER_STORE + 1)
        ]
        self._numbers = count(1)
        self._registered: list[str] = []
        # What follows from an earlier message, by the time at which it is due.
        self._later: list[tuple[datetime, int, Sent]] = []

    def messages(self, members: int, purchases: int, first_members: int) -> Iterator[Sent]:
        for time, member_id in self._timetable(members, purchases, first_members):
            while self._later and self._later[0][0] <= time:
                yield heapq.heappop(self._later)[2]
            if member_id is None:
                yield self._visit(time)
            else:
                self._registered.append(member_id)
                yield self._registration(member_id, time)
        while self._later:
            yield heapq.heappop(self._later)[2]

    def _timetable(self, members: int, purchases: int, first_members: int) -> list[tuple[datetime, str | None]]:
        """When somebody registers (a member id) or buys (None); the first members register first of all."""
        span = int((self._until - self._since).total_seconds())
        first = [f"m-{self._run}-{number}" for number in range(1, first_members + 1)]
        entries: list[tuple[datetime, str | None]] = [(self._since, member_id) for member_id in first]
        for number in range(first_members + 1, members + 1):
            # In the first half of the period, so that nearly everybody has time to buy.
            joined = self._since + timedelta(seconds=self._random.randint(1, span // 2))
            entries.append((joined, f"m-{self._run}-{number}"))
        for _ in range(purchases):
            entries.append((self._since + timedelta(seconds=self._random.randint(1, span)), None))
        return sorted(entries, key=lambda entry: entry[0])

    def _chance(self, per_thousand: int) -> bool:
        return self._random.randrange(1000) < per_thousand

    def _registration(self, member_id: str, time: datetime) -> Sent:
        data = MemberRegistered(
            program_id=PROGRAM_ID,
            member_id=member_id,
            registered_at=time,
            phone_verified=not self._chance(50),
            birth_month_day=f"{self._random.randint(1, 12):02}-{self._random.randint(1, 28):02}",
            locale="zh-CN",
            consents={"marketing": self._chance(600)},
        )
        source = f"/crm/{MERCHANT_ID}"
        expected = Expected(Outcome.REGISTERED)
        return _sent(
            f"register-{member_id}",
            source,
            time,
            member_id=member_id,
            data=data,
            kind=Kind.REGISTRATION,
            expected=expected,
        )

    def _visit(self, time: datetime) -> Sent:
        """One purchase; whatever follows from it is put down for later."""
        till = self._random.choice(self._tills)
        number = next(self._numbers)
        receipt = self._receipt(f"{self._run}-{number}", till, time)
        sent = _purchase(receipt, till, time)
        if receipt.member_id is not None and self._chance(self._shares.refunded):
            self._plan_refund(receipt, till, time)
        if self._chance(self._shares.duplicate):
            self._plan(time + timedelta(seconds=self._random.randint(1, 600)), _repeated(sent))
        if self._chance(self._shares.poison):
            self._plan(time, poison(self._random.randrange(1000), sent, f"poison-{self._run}-{number}"))
        return sent

    def _plan(self, time: datetime, sent: Sent) -> None:
        heapq.heappush(self._later, (time, next(self._numbers), sent))

    def _receipt(self, receipt_id: str, till: _Till, time: datetime) -> PurchaseCompleted:
        articles = self._random.sample(ARTICLES, self._random.randint(1, 6))
        lines = [self._line(str(place), article) for place, article in enumerate(articles, start=1)]
        if len(lines) < 6 and self._chance(100):
            lines.append(self._line(str(len(lines) + 1), CARRIER_BAG))
        total_minor = sum(line.net_minor for line in lines)
        return PurchaseCompleted(
            program_id=PROGRAM_ID,
            merchant_id=MERCHANT_ID,
            store_id=till.store_id,
            terminal_id=till.terminal_id,
            cashier_id=f"{till.store_id}-cashier-{self._random.randint(1, 5)}",
            receipt_id=receipt_id,
            member_id=None if self._chance(self._shares.anonymous) else self._random.choice(self._registered),
            currency=CURRENCY,
            lines=tuple(lines),
            tenders=(Tender(kind=self._random.choice(TENDER_KINDS), amount_minor=total_minor),),
            total_minor=total_minor,
            channel="store",
        )

    def _line(self, line_id: str, article: Article) -> PurchaseLine:
        quantity = self._random.choices((1, 2, 3), weights=(6, 3, 1))[0]
        gross_minor = quantity * article.unit_price_minor
        # Now and then a tenth off; the shop keeps the odd fen.
        discount_minor = gross_minor // 10 if article.earns and self._chance(80) else 0
        return PurchaseLine(
            line_id=line_id,
            sku=article.sku,
            name=article.name,
            category=article.category,
            labels=article.labels,
            condition="new",
            quantity=quantity,
            unit_price_minor=article.unit_price_minor,
            discount_minor=discount_minor or None,
            net_minor=gross_minor - discount_minor,
            earns=article.earns,
        )

    def _plan_refund(self, receipt: PurchaseCompleted, till: _Till, time: datetime) -> None:
        room = int((self._until - time).total_seconds())
        if room <= _SHORTEST_REFUND_DELAY:
            return
        delay = self._random.randint(_SHORTEST_REFUND_DELAY, min(room, _LONGEST_REFUND_DELAY))
        whole = self._chance(500)
        lines = receipt.lines if whole else (self._random.choice(receipt.lines),)
        taken = []
        for line in lines:
            quantity = line.quantity if whole else self._random.randint(1, line.quantity)
            net_minor = line.net_minor * quantity // line.quantity
            taken.append(RefundLine(line_id=line.line_id, sku=line.sku, quantity=quantity, net_minor=net_minor))
        when = time + timedelta(seconds=delay)
        self._plan(when, _refund(receipt, tuple(taken), till, when))


def _purchase(receipt: PurchaseCompleted, till: _Till, time: datetime) -> Sent:
    kind, expected = Kind.PURCHASE, Expected(Outcome.GRANTED, _points(receipt, {}))
    if receipt.member_id is None:
        kind, expected = Kind.ANONYMOUS, Expected(Outcome.DECLINED, code="ISSUE_TO_UNSPECIFIED")
    elif not expected.points:
        expected = Expected(Outcome.DECLINED, code="NO_QUALIFYING_TRANSACTION")
    return _sent(
        f"sale-{receipt.receipt_id}",
        till.source,
        time,
        member_id=receipt.member_id,
        data=receipt,
        kind=kind,
        expected=expected,
    )


def _refund(receipt: PurchaseCompleted, lines: tuple[RefundLine, ...], till: _Till, time: datetime) -> Sent:
    """The refund comes with its receipt, at the till that sold."""
    net_minor = sum(line.net_minor for line in lines)
    data = PurchaseRefunded(
        program_id=PROGRAM_ID,
        merchant_id=MERCHANT_ID,
        refund_id=f"{receipt.receipt_id}-r",
        receipt_id=receipt.receipt_id,
        member_id=receipt.member_id,
        currency=CURRENCY,
        lines=lines,
        tenders=(Tender(kind=receipt.tenders[0].kind, amount_minor=net_minor),),
        reason="fruit was spoilt",
    )
    refunded = {line.line_id: line.net_minor for line in lines if line.line_id is not None}
    points = _points(receipt, {}) - _points(receipt, refunded)
    expected = Expected(Outcome.CLAWED_BACK if points else Outcome.NOTHING_TAKEN, points)
    return _sent(
        f"refund-{receipt.receipt_id}",
        till.source,
        time,
        member_id=receipt.member_id,
        data=data,
        kind=Kind.REFUND,
        expected=expected,
    )


def _points(receipt: PurchaseCompleted, refunded: dict[str, int]) -> int:
    earning = (line.net_minor - refunded.get(line.line_id, 0) for line in receipt.lines if line.earns)
    return sum(earning) // FEN_PER_POINT


def _repeated(sent: Sent) -> Sent:
    """The till sends the very same bytes again."""
    expected = Expected(Outcome.ALREADY_SEEN)
    return Sent(sent.topic, sent.key, sent.attributes, sent.data, Kind.DUPLICATE, expected, sent.member_id)


def _sent(
    event_id: str,
    source: str,
    time: datetime,
    *,
    member_id: str | None,
    data: EventData,
    kind: Kind,
    expected: Expected,
) -> Sent:
    if member_id is not None:
        key = member_key(PROGRAM_ID, member_id)
    else:
        key = receipt_key(PROGRAM_ID, data.receipt_id if isinstance(data, PurchaseCompleted) else event_id)
    return message(event_id, source, time, data, key=key, member_id=member_id, kind=kind, expected=expected)
