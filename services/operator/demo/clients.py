"""How the demo speaks to the services: one HTTP client each, one Kafka producer, an API key per program."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from aiokafka import AIOKafkaProducer

from services.operator.traffic import fruit
from services.operator.traffic.community import place
from services.operator.up import Greenpoints
from shared.runtime.trusted import trusted

_EVENTS_PER_SECOND = 100_000  # of a key: the demo's own pace is the limit
MERCHANTS = {fruit.PROGRAM_ID: fruit.MERCHANT_ID, place.PROGRAM_ID: place.MERCHANT_ID}


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of the services' addresses with the operator's token."""

    gateway: httpx.AsyncClient
    redemption: httpx.AsyncClient
    fraud_monitoring: httpx.AsyncClient
    notification: httpx.AsyncClient
    producer: AIOKafkaProducer


@asynccontextmanager
async def open_clients(greenpoints: Greenpoints) -> AsyncIterator[Clients]:
    """Everything is closed at the end."""
    trust = trusted(greenpoints.urls.values())
    token = {"Authorization": f"Bearer {greenpoints.operator_token}"}
    async with AsyncExitStack() as exits:
        opened = {
            name: await exits.enter_async_context(
                httpx.AsyncClient(
                    base_url=greenpoints.urls[name], headers=token, timeout=30, trust_env=False, verify=trust
                )
            )
            for name in ("gateway", "redemption", "fraud_monitoring", "notification")
        }
        producer = AIOKafkaProducer(bootstrap_servers=greenpoints.stack.kafka, enable_idempotence=True, acks="all")
        await producer.start()
        exits.push_async_callback(producer.stop)
        yield Clients(**opened, producer=producer)


@asynccontextmanager
async def api_keys(gateway: httpx.AsyncClient) -> AsyncIterator[Mapping[str, str]]:
    """An API key of the merchant of each program, by program; revoked at the end."""
    keys: dict[str, str] = {}
    async with AsyncExitStack() as exits:
        for program_id, merchant_id in MERCHANTS.items():
            wanted = {
                "program_id": program_id,
                "merchant_id": merchant_id,
                "events_per_second": _EVENTS_PER_SECOND,
            }
            issued = (await gateway.post("/v1/api-keys", json=wanted)).raise_for_status().json()
            keys[program_id] = issued["api_key"]
            exits.push_async_callback(_revoke, gateway, issued["key_id"])
        yield keys


async def _revoke(gateway: httpx.AsyncClient, key_id: str) -> None:
    with contextlib.suppress(httpx.HTTPError):  # it may have gone before us
        await gateway.delete(f"/v1/api-keys/{key_id}")
