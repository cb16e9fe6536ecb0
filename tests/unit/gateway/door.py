"""The gateway's application with everything outside the process replaced: keys, Kafka, audit records, the clock."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import orjson

from services.gateway.api import Door, event_routes
from services.gateway.domain.accepted import Record
from services.gateway.domain.api_key import ApiKey, Scope
from services.gateway.key_book import PREFIX, KeyBook
from services.gateway.limits import Admission, RateLimiter
from services.gateway.prohibited import prohibited_records
from services.gateway.publisher import KafkaAwayError
from shared.events.reason_codes import Reason
from shared.runtime.http import build_app
from shared.runtime.prohibited import ProhibitedPaths
from shared.runtime.secret_keys import hash_secret

SECRET = "s" * 43
SECOND = 1_000_000_000  # nanoseconds
POS = ApiKey("00000000000000a1", hash_secret(SECRET), Scope("shop", "m1", None), 1000, active=True)
TILL = ApiKey("00000000000000a2", hash_secret(SECRET), Scope("shop", "m1", "t1"), 1000, active=True)
CRM = ApiKey("00000000000000a3", hash_secret(SECRET), Scope("shop", None, None), 1000, active=True)
REVOKED = ApiKey("00000000000000a4", hash_secret(SECRET), Scope("shop", "m1", None), 1000, active=False)
SLOW = ApiKey("00000000000000a5", hash_secret(SECRET), Scope("shop", "m1", None), 2, active=True)
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def bearer(key: ApiKey, secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": f"Bearer {PREFIX}_{key.key_id}_{secret}"}


@dataclass
class Clock:
    now: int = 0

    def __call__(self) -> int:
        return self.now


class Keys:
    def __init__(self, *keys: ApiKey) -> None:
        self.keys = {key.key_id: key for key in keys}
        self.asked = 0
        self.away = False

    async def find(self, key_id: str) -> ApiKey | None:
        self.asked += 1
        if self.away:
            raise OSError("no database")
        return self.keys.get(key_id)


@dataclass
class Kafka:
    """Remembers what was published; can be away, or slow until told to go on."""

    published: list[Record] = field(default_factory=list)
    away: bool = False
    held: asyncio.Event | None = None

    async def publish(self, records: Sequence[Record]) -> None:
        if self.held is not None:
            await self.held.wait()
        if self.away:
            raise KafkaAwayError("Kafka does not answer.")
        self.published.extend(records)


@dataclass
class Records:
    """The audit records of prohibited requests."""

    rows: list[tuple[str, str, str | None]] = field(default_factory=list)
    away: bool = False

    async def record(self, request_id: UUID, reason: Reason, method: str, path: str, key_id: str | None) -> None:
        if self.away:
            raise OSError("no database")
        self.rows.append((reason.code.value, path, key_id))


class Gateway:
    """The application and its surroundings; `http` speaks to it."""

    def __init__(self, *, requests: int = 100, total_bytes: int = 64 * 1024 * 1024) -> None:
        self.clock = Clock()
        self.store = Keys(POS, TILL, CRM, REVOKED, SLOW)
        self.keys = KeyBook(self.store, self.clock)
        self.kafka = Kafka()
        self.records = Records()
        door = Door(self.keys, RateLimiter(self.clock), Admission(requests, total_bytes), self.kafka, 1)

        async def ready() -> str | None:
            return None

        app = build_app("gateway", [event_routes(door)], ready)
        records = prohibited_records(self.records, self.keys)
        app.add_middleware(ProhibitedPaths, service="gateway", record=records, clock=self.clock)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")

    async def send(
        self, body: object, *, key: ApiKey = POS, content_type: str = STRUCTURED, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        all_headers = {"Content-Type": content_type, **bearer(key), **(headers or {})}
        return await self.http.post("/v1/events", content=content, headers=all_headers)


def purchase(event_id: str = "e1", *, source: str = "/pos/m1/t1", **changed: object) -> dict[str, object]:
    """A purchase of 128.00 by member `anna` of program `shop` at merchant `m1`."""
    data = {
        "program_id": "shop",
        "merchant_id": "m1",
        "store_id": "s1",
        "terminal_id": "t1",
        "receipt_id": f"r-{event_id}",
        "member_id": "anna",
        "currency": "CNY",
        "lines": [{"line_id": "1", "sku": "apple", "condition": "new", "quantity": 1, "net_minor": 12800}],
        "tenders": [{"kind": "cash", "amount_minor": 12800}],
        "total_minor": 12800,
        "channel": "store",
        **changed,
    }
    return _event(event_id, source, "purchase.completed", data)


def refund(event_id: str = "f1", *, source: str = "/pos/m1/t1", **changed: object) -> dict[str, object]:
    data = {
        "program_id": "shop",
        "merchant_id": "m1",
        "refund_id": f"refund-{event_id}",
        "receipt_id": "r-e1",
        "member_id": "anna",
        "currency": "CNY",
        "lines": [{"line_id": "1", "sku": "apple", "quantity": 1, "net_minor": 2800}],
        **changed,
    }
    return _event(event_id, source, "purchase.refunded", data)


def delivery(event_id: str = "d1", *, source: str = "/pos/m1/web", **changed: object) -> dict[str, object]:
    data = {
        "program_id": "shop",
        "merchant_id": "m1",
        "receipt_id": "r-e1",
        "member_id": "anna",
        "delivered_at": "2026-05-05T09:00:00+08:00",
        **changed,
    }
    return _event(event_id, source, "purchase.delivered", data)


def registration(
    event_id: str = "m1", *, source: str = "/crm/shop", name: str = "member.registered", **changed: object
) -> dict[str, object]:
    data = {
        "program_id": "shop",
        "member_id": "anna",
        "registered_at": "2026-01-01T08:00:00+08:00",
        "phone_verified": True,
        **changed,
    }
    return _event(event_id, source, name, data)


def drop(
    event_id: str = "d1", name: str = "recycling.collected", *, source: str = "/pos/m1/t1", **changed: object
) -> dict[str, object]:
    data = {
        "program_id": "shop",
        "station_id": "t1",
        "drop_id": f"drop-{event_id}",
        "member_id": "anna",
        "items": [{"material": "cardboard", "grams": 2500}],
        **changed,
    }
    return _event(event_id, source, name, data)


def referral(event_id: str = "a1", *, source: str = "/crm/shop", **changed: object) -> dict[str, object]:
    data = {"program_id": "shop", "inviter_id": "bert", "invitee_id": "anna", **changed}
    return _event(event_id, source, "referral.accepted", data)


def activity(event_id: str = "a1", *, source: str = "/crm/shop") -> dict[str, object]:
    data: dict[str, object] = {"program_id": "shop", "member_id": "anna", "activity_id": "quiz", "kind": "survey"}
    data["answers"] = {"q": 1}
    return _event(event_id, source, "activity.completed", data)


def contact(event_id: str = "c1", *, source: str = "/crm/shop", **changed: object) -> dict[str, object]:
    data = {"program_id": "shop", "member_id": "anna", "email": "anna@example.org", **changed}
    return _event(event_id, source, "contact.updated", data)


def _event(event_id: str, source: str, name: str, data: dict[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": f"greenpoints.{name}.v1",
        "time": "2026-05-04T10:30:00+08:00",
        "data": data,
    }
