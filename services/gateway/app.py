"""The gateway's whole wiring: HTTP in, Kafka out; its own are API keys and the record of prohibited requests.

It publishes to pos.purchases.v1 (purchase.completed, purchase.refunded, purchase.delivered) and
members.profiles.v1 (member.registered), and consumes nothing.
"""

import asyncio
import logging
import sys
from pathlib import Path

import structlog
import uvloop
from fastapi import FastAPI, Request, Response
from pydantic import ValidationError

from services.gateway.api import Door, event_routes, key_routes
from services.gateway.key_book import UNANSWERED, KeyBook, database_away
from services.gateway.limits import Admission, RateLimiter
from services.gateway.metrics import CountRequests
from services.gateway.prohibited import prohibited_records
from services.gateway.publisher import Publisher
from services.gateway.settings import GatewaySettings
from services.gateway.store.api_keys import ApiKeyStore
from services.gateway.store.prohibited_requests import ProhibitedRequestStore
from shared.runtime.http import build_app, problem
from shared.runtime.log_lines import configure_logging
from shared.runtime.postgres import MIGRATIONS, Pool, connect_pool, migrate
from shared.runtime.process import serve_http, until_signalled
from shared.runtime.prohibited import ProhibitedPaths

log = structlog.get_logger()

OWN_MIGRATIONS = Path(__file__).parent / "migrations"


def gateway_app(settings: GatewaySettings, pool: Pool, publisher: Publisher) -> FastAPI:
    """The HTTP application over an open pool and a running publisher."""
    store = ApiKeyStore(pool)
    keys = KeyBook(store)
    door = Door(
        keys,
        RateLimiter(),
        Admission(settings.in_flight_requests, settings.in_flight_bytes),
        publisher,
        settings.body_seconds,
    )

    async def ready() -> str | None:
        if not publisher.answering:
            return "The gateway cannot reach Kafka."
        try:
            async with asyncio.timeout(2):
                await pool.fetchval("SELECT 1")
        except Exception:
            return "The gateway cannot reach its database."
        return None

    routers = [event_routes(door), key_routes(store, keys, settings.operator_token.get_secret_value())]
    app = build_app("GreenPoints gateway", routers, ready)
    for error in UNANSWERED:
        app.add_exception_handler(error, _on_database_away)
    records = prohibited_records(ProhibitedRequestStore(pool), keys)
    app.add_middleware(ProhibitedPaths, service="gateway", record=records)
    app.add_middleware(CountRequests)  # the outermost, so that it counts every answer
    return app


async def _on_database_away(_request: Request, error: Exception) -> Response:
    log.warning("database does not answer", error=error)
    return problem(database_away())


async def run(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT. Kafka may come and go; the database must be there at the start."""
    pool = await connect_pool(settings)
    try:
        async with pool.acquire() as connection:
            await migrate(connection, [MIGRATIONS, OWN_MIGRATIONS])
        publisher = Publisher(settings.kafka, delivery_seconds=settings.delivery_seconds)
        async with publisher.running():  # ends after the server, so that what it took is still published
            await until_signalled([serve_http(gateway_app(settings, pool, publisher), settings)])
    finally:
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()


def main() -> None:
    """Entry point of `python -m services.gateway`; exits 0 after a signal, 1 with a sentence otherwise."""
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        wrong = "; ".join(f"GREENPOINTS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"gateway cannot start: {wrong}. Set it in the environment.")
    configure_logging(settings.log_level)
    # The publisher says once that Kafka went and came; the client would say it several times a second.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    uvloop.run(run(settings))
