"""Fraud monitoring's books in a real database, and its routes over them, without a stream."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.fraud_monitoring import app
from services.fraud_monitoring.domain.finding import Finding, Suspect, found
from services.fraud_monitoring.domain.limits import DeviceSharedLimit
from services.fraud_monitoring.domain.seen import Seen, micros
from services.fraud_monitoring.domain.window import add, stretches
from services.fraud_monitoring.outcomes import distinct, outcome_of
from services.fraud_monitoring.settings import FraudSettings
from services.fraud_monitoring.store.save import save_held, save_outcomes
from shared.programs.versions import ProgramBook
from shared.runtime.http import build_app
from shared.runtime.postgres import MIGRATIONS, connect_pool, migrate
from shared.runtime.service import Running
from shared.runtime.settings import Settings

TOKEN, REVIEWER = "a-token-of-the-tests", "a-reviewer-of-the-tests"
REVIEW = timedelta(hours=72)
NOW = datetime.now(UTC).replace(microsecond=0)
LIMIT = DeviceSharedLimit()


def crowd(device: str, size: int, *, at: datetime = NOW) -> Finding:
    """A device with so many members m0, m1 …, all at one instant."""
    window: dict[int, dict[str, Seen]] = {}
    for number in range(size):
        cause = f"/pos/t1#{device}-{number}"
        seen = Seen(f"m{number}", micros(at), micros(at), 1, f"m{number}", f"key-{number}", cause, cause)
        window = add(window, seen, LIMIT, 0)
    (stretch,) = stretches(window, micros(at), LIMIT)
    suspects = tuple(Suspect(seen.member, seen) for seen in stretch.seen)
    key = f"shop/device/{device}"
    return found("DEVICE_SHARED", "shop", key, stretch, LIMIT, size, stretch.seen, suspects)


@dataclass(slots=True)
class Books:
    """The service's schema, and its HTTP application as callers meet it."""

    running: Running
    client: httpx.AsyncClient

    async def find(self, *findings: Finding) -> None:
        async with self.running.pool.acquire() as connection:
            await save_outcomes(connection, distinct(outcome_of(finding, REVIEW) for finding in findings))

    async def held(self, *rows: tuple[UUID, int, int]) -> None:
        async with self.running.pool.acquire() as connection:
            await save_held(connection, rows)

    async def cases(self, state: str = "open", **query: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/v1/cases", params={"state": state, **query})
        answer.raise_for_status()
        listed: list[dict[str, Any]] = answer.json()["cases"]
        return listed

    async def case(self, case_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = (await self.client.get(f"/v1/cases/{case_id}")).json()
        return shown

    async def decide(self, case_id: str, verdict: str, **more: Any) -> httpx.Response:
        body = {"verdict": verdict, "person": "li.na", "note": "looked at the receipts", **more}
        return await self.client.post(f"/v1/cases/{case_id}/decisions", json=body)

    async def outbox(self, type_: str) -> Sequence[Any]:
        return await self.running.pool.fetch(
            "SELECT * FROM outbox WHERE type = $1 ORDER BY id", f"greenpoints.{type_}.v1"
        )


@asynccontextmanager
async def books_in(dsn: str, *, clock_shift_seconds: int = 0) -> AsyncIterator[Books]:
    """Migrated; `clock_shift_seconds` moves the database's clock as the demo does."""
    settings = Settings.model_validate(
        {
            "kafka": "nowhere:1",
            "database": dsn,
            "environment": "test",
            "operator_token": TOKEN,
            "clock_shift_seconds": clock_shift_seconds,
        }
    )
    pool = await connect_pool(settings, size=4)
    async with pool.acquire() as connection:
        await migrate(connection, [MIGRATIONS, Path(app.__file__).parent / "migrations"])
    running = Running(settings, pool, ProgramBook())
    own = FraudSettings.model_validate({"reviewer_token": REVIEWER})

    async def ready() -> str | None:
        return None

    api = build_app("tests", app.service(own).routers(running), ready)
    transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://fraud", headers=headers) as client:
            yield Books(running, client)
    finally:
        await pool.close()
