"""The gateway as its own process, or its application inside the test."""

import asyncio
import os
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from shared.runtime.trusted import trusted

TOKEN = uuid.uuid4().hex
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


def closed_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def gateway_process(kafka: str, dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    """`python -m services.gateway`, alive; stopped with SIGTERM, which it must obey with exit code 0."""
    port = closed_port()
    environment = {
        **os.environ,
        "GREENPOINTS_KAFKA": kafka,
        "GREENPOINTS_DATABASE": dsn,
        "GREENPOINTS_HTTP_PORT": str(port),
        "GREENPOINTS_OPERATOR_TOKEN": TOKEN,
        "GREENPOINTS_DELIVERY_SECONDS": "1",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.gateway", env=environment)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10, verify=trusted([])
        ) as http:
            await answers_with(http, "/healthz", 200)
            yield http
    finally:
        process.terminate()
        code = await asyncio.wait_for(process.wait(), 20)
    assert code == 0


async def answers_with(http: httpx.AsyncClient, path: str, status: int, seconds: float = 20) -> None:
    """Wait until a GET of `path` is answered with `status`."""
    found: int | None = None
    try:
        async with asyncio.timeout(seconds):
            while found != status:
                try:
                    found = (await http.get(path)).status_code
                except httpx.HTTPError:
                    found = None
                if found != status:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{path} answered {found}, not {status}, for {seconds} s") from None


async def new_key(http: httpx.AsyncClient, **scope: object) -> dict[str, str]:
    """Issue an API key and return the header that carries it."""
    answer = await http.post("/v1/api-keys", json=scope, headers=OPERATOR)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['api_key']}"}


async def records_of(kafka: str, topic: str, key: str, count: int) -> list["ConsumerRecord[bytes, bytes]"]:
    """The first `count` records of a key, in their order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        async with asyncio.timeout(20):
            while len(found) < count:
                record = await consumer.getone()
                if record.key == key.encode():
                    found.append(record)
    finally:
        await consumer.stop()
    return found
