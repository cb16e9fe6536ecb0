"""Kafka and PostgreSQL that are away: 503 within the bound, and recovery by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import orjson
import pytest

from deploy.local.stack import Stack
from tests.infrastructure.fixtures import Database
from tests.integration.gateway.processes import answers_with, closed_port, gateway_process, new_key, records_of
from tests.unit.gateway.door import STRUCTURED, purchase


async def _sell(http: httpx.AsyncClient, key: dict[str, str], shop: str, event_id: str) -> httpx.Response:
    body = orjson.dumps(purchase(event_id, program_id=shop))
    return await http.post("/v1/events", content=body, headers={"Content-Type": STRUCTURED, **key})


@asynccontextmanager
async def _forwarded(port: int, kafka: str) -> AsyncIterator[None]:
    """Let `port` lead to Kafka."""
    host, _, kafka_port = kafka.rpartition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(kafka_port))
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(lead, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def test_it_starts_without_kafka_and_works_once_kafka_is_there(
    kafka: str, database: Database, unique: str
) -> None:
    port = closed_port()
    async with gateway_process(f"127.0.0.1:{port}", database.dsns["gateway"]) as http:
        await answers_with(http, "/readyz", 503)
        key = await new_key(http, program_id=unique, merchant_id="m1")
        away = await _sell(http, key, unique, "e1")
        assert (away.status_code, away.json()["code"]) == (503, "KAFKA_AWAY")
        assert int(away.headers["retry-after"]) > 0

        async with _forwarded(port, kafka):
            await answers_with(http, "/readyz", 200)
            back = await _sell(http, key, unique, "e1")

        assert back.status_code == 202
        assert len(await records_of(kafka, "pos.purchases.v1", f"{unique}/anna", 1)) == 1


async def test_a_broker_that_stops_answering_is_a_503_in_time_and_nothing_is_lost(
    stack: Stack, kafka: str, database: Database, unique: str
) -> None:
    if "kafka" not in stack.pids:
        pytest.skip("only a broker of our own can be paused")
    async with gateway_process(kafka, database.dsns["gateway"]) as http:
        await answers_with(http, "/readyz", 200)
        key = await new_key(http, program_id=unique, merchant_id="m1")
        assert (await _sell(http, key, unique, "e0")).status_code == 202
        os.kill(stack.pids["kafka"], signal.SIGSTOP)
        try:
            asked = time.monotonic()
            paused = await _sell(http, key, unique, "e1")
            waited = time.monotonic() - asked
            await answers_with(http, "/readyz", 503)
        finally:
            os.kill(stack.pids["kafka"], signal.SIGCONT)
        assert (paused.status_code, paused.json()["code"]) == (503, "KAFKA_AWAY")
        assert waited < 2  # the delivery bound of this process is 1 s

        await answers_with(http, "/readyz", 200)
        assert (await _sell(http, key, unique, "e1")).status_code == 202

    records = await records_of(kafka, "pos.purchases.v1", f"{unique}/anna", 2)
    assert {orjson.loads(record.value)["id"] for record in records} == {"e0", "e1"}


async def test_a_database_that_is_away_makes_it_unready(kafka: str, database: Database) -> None:
    async with gateway_process(kafka, database.dsns["gateway"]) as http:
        await answers_with(http, "/readyz", 200)
        key = await new_key(http, program_id="shop", merchant_id="m1")
        admin = await asyncpg.connect(database.admin_dsn)
        try:
            await admin.execute(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0')
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'gateway'",
                database.name,
            )
            await answers_with(http, "/readyz", 503)
            refused = await _sell(http, key, "shop", "e1")
        finally:
            await admin.execute(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT -1')
            await admin.close()
        assert (refused.status_code, refused.json()["code"]) == (503, "DATABASE_AWAY")
        await answers_with(http, "/readyz", 200)
        assert (await _sell(http, key, "shop", "e1")).status_code == 202
