"""Publish-to-balance latency: probe members buy, and their balance is asked until it shows the points."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from deploy.local.trouble import Trouble
from services.operator.demo.clients import Clients
from services.operator.traffic.fruit import CURRENCY, MERCHANT_ID, PROGRAM_ID
from services.operator.traffic.message import message
from services.operator.traffic.sent import Expectation, Expected, Kind, Outcome, Sent
from shared.events.event import EventData
from shared.events.kafka_binding import CONTENT_TYPE
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender

POINTS = 10
TERMINAL = "probe-1"
_PAUSE_SECONDS = 0.1  # between two probes of a member
_POLL_SECONDS = 0.02  # a latency is too long by up to this and one answer of redemption
_LOST_SECONDS = 60


@dataclass(slots=True)
class Prober:
    """Two probe members, one behind the gateway and one behind Kafka; `nanoseconds` has one entry per purchase.

    The clock runs from before the purchase is sent to after the answer that shows its points, pending or not. The
    first purchase of each member waits for the registration too and is not counted.
    """

    run: str
    api_key: str
    clients: Clients
    expectation: Expectation
    nanoseconds: list[int] = field(default_factory=list)
    by_http: int = 0
    by_kafka: int = 0

    @property
    def sent(self) -> int:
        return self.by_http + self.by_kafka

    async def probe(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; each purchase under way is still waited for. Raises Trouble for lost points."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._member(f"probe-{self.run}-http", stop))
            group.create_task(self._member(f"probe-{self.run}-kafka", stop))

    async def _member(self, member_id: str, stop: asyncio.Event) -> None:
        await self._send(registration(member_id))
        number = 0
        while number < 2 or not stop.is_set():
            number += 1
            started = time.monotonic_ns()
            await self._send(purchase(member_id, f"{member_id}-{number}"))
            await self._until_issued(member_id, number * POINTS)
            if number > 1:
                self.nanoseconds.append(time.monotonic_ns() - started)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _send(self, sent: Sent) -> None:
        self.expectation.add(sent)
        if (sent.member_id or "").endswith("-http"):
            headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {self.api_key}"}
            answer = await self.clients.gateway.post("/v1/events", content=sent.structured(), headers=headers)
            answer.raise_for_status()
            self.by_http += 1
        else:
            producer = self.clients.producer
            await producer.send(sent.topic, sent.data, key=sent.key.encode(), headers=sent.binary_headers())
            self.by_kafka += 1

    async def _until_issued(self, member_id: str, points: int) -> None:
        address = f"/v1/programs/{PROGRAM_ID}/members/{member_id}/balance"
        try:
            async with asyncio.timeout(_LOST_SECONDS):
                while True:
                    answer = await self.clients.redemption.get(address)
                    if answer.status_code == httpx.codes.OK and answer.json()["issued"] >= points:
                        return
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise Trouble(
                "PROBE_LOST",
                f"The points of probe member {member_id} did not show within {_LOST_SECONDS} s.",
                "Look at the services' logs.",
            ) from None


def registration(member_id: str) -> Sent:
    now = datetime.now(UTC)
    data = MemberRegistered(program_id=PROGRAM_ID, member_id=member_id, registered_at=now, phone_verified=True)
    return _sent(f"register-{member_id}", now, member_id, data, Kind.REGISTRATION, Expected(Outcome.REGISTERED))


def purchase(member_id: str, receipt_id: str) -> Sent:
    """A receipt worth POINTS points, bought now."""
    net_minor = POINTS * 100
    line = PurchaseLine(line_id="1", sku="probe-apple", condition="new", quantity=1, net_minor=net_minor)
    data = PurchaseCompleted(
        program_id=PROGRAM_ID,
        merchant_id=MERCHANT_ID,
        store_id="probe",
        terminal_id=TERMINAL,
        receipt_id=receipt_id,
        member_id=member_id,
        currency=CURRENCY,
        lines=(line,),
        tenders=(Tender(kind="cash", amount_minor=net_minor),),
        total_minor=net_minor,
        channel="store",
    )
    expected = Expected(Outcome.GRANTED, POINTS)
    return _sent(f"sale-{receipt_id}", datetime.now(UTC), member_id, data, Kind.PURCHASE, expected)


def _sent(event_id: str, time: datetime, member_id: str, data: EventData, kind: Kind, expected: Expected) -> Sent:
    source = f"/pos/{MERCHANT_ID}/{TERMINAL}"
    key = member_key(PROGRAM_ID, member_id)
    return message(event_id, source, time, data, key=key, member_id=member_id, kind=kind, expected=expected)
