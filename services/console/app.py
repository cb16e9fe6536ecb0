"""The console's whole wiring: pages for a browser over what the services and Kafka tell.

It consumes and publishes nothing and reads no other schema: services are asked over HTTP, Kafka for its offsets. Its
own are operators, their sessions and the log of what they did.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import uvloop
from fastapi import APIRouter, Depends, FastAPI
from pydantic import ValidationError
from starlette.middleware.gzip import GZipMiddleware

from services.console.answers import answer_as_pages
from services.console.assets import CachedFiles
from services.console.console import Console
from services.console.dead_letter_runs import Runs
from services.console.first_run import first_admin
from services.console.guard import SecurityHeaders, refuse_foreign
from services.console.live.hub import Hub
from services.console.live.source import RenderCache
from services.console.measures import Measures
from services.console.pages import PAGES, live, sign_in
from services.console.passwords import Passwords
from services.console.readings.lag_watch import LagWatch
from services.console.readings.tail import Tail
from services.console.services import Services
from services.console.settings import ConsoleSettings
from services.console.store.actions import ActionLog
from services.console.store.operators import OperatorStore
from services.console.store.sessions import SessionStore
from services.console.view import STATIC, NavEntry, View
from shared.runtime.http import build_app
from shared.runtime.log_lines import configure_logging
from shared.runtime.postgres import MIGRATIONS, Pool, connect_pool, migrate
from shared.runtime.process import serve_http, until_signalled

log = structlog.get_logger()

OWN_MIGRATIONS = Path(__file__).parent / "migrations"
_SWEEP_SECONDS = 300


def build_console(settings: ConsoleSettings, pool: Pool, services: Services) -> Console:
    """Everything a page works with."""
    sessions = SessionStore(pool, idle_minutes=settings.session_idle_minutes, hours=settings.session_hours)

    async def is_signed_in(session_hash: bytes) -> bool:
        try:
            return await sessions.find(session_hash) is not None
        except Exception as error:  # a database that is away ends no stream
            log.warning("a session cannot be checked", error=error)
            return True

    actions = ActionLog(pool)
    return Console(
        settings=settings,
        pool=pool,
        operators=OperatorStore(pool),
        sessions=sessions,
        passwords=Passwords(),
        actions=actions,
        services=services,
        lag=LagWatch(settings.kafka),
        tail=Tail(settings.kafka),
        measures=Measures(services),
        runs=Runs(services, actions),
        hub=Hub(settings.live_milliseconds / 1000, is_signed_in),
        renders=RenderCache(),
        view=View([NavEntry(page.path, page.title, page.right) for page in PAGES if page.title is not None]),
    )


def console_app(console: Console) -> FastAPI:
    """The HTTP application. Every route refuses changes that come from another site."""

    async def ready() -> str | None:
        try:
            await console.pool.fetchval("SELECT 1", timeout=2)
        except Exception:
            return "The console cannot reach its database."
        return None

    routers: list[APIRouter] = [sign_in.routes(console), live.routes(console)]
    for page in PAGES:
        routers.append(page.routes(console))
        for topic, opener in page.live.items():
            console.hub.offer(topic, partial(opener, console))
    guarded = APIRouter(dependencies=[Depends(refuse_foreign)])
    for router in routers:
        guarded.include_router(router)
    app = build_app("GreenPoints console", [guarded], ready)
    app.state.sessions = console.sessions
    app.mount(f"/static/{console.view.version}", CachedFiles(directory=STATIC))
    answer_as_pages(app, console)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(SecurityHeaders)  # the outermost, so that every answer has them
    return app


async def run(settings: ConsoleSettings) -> None:
    """Serve until SIGTERM or SIGINT. Kafka and the services may come and go; the database must be there at first."""
    pool = await connect_pool(settings)
    try:
        async with pool.acquire() as connection:
            await migrate(connection, [MIGRATIONS, OWN_MIGRATIONS])
        async with Services(settings.addresses, settings.operator_token.get_secret_value()) as services:
            console = build_console(settings, pool, services)
            if (sentence := await first_admin(console)) is not None:
                print(sentence, flush=True)
            async with _watching(console):
                app = console_app(console)
                parts: list[Awaitable[None]] = [
                    serve_http(app, settings),
                    console.hub.end_with_process(),
                    _sweep(console.sessions),
                ]
                await until_signalled(parts)
    finally:
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()


@asynccontextmanager
async def _watching(console: Console) -> AsyncIterator[None]:
    await console.lag.start()
    await console.measures.start()
    try:
        yield
    finally:
        await console.measures.stop()
        await console.lag.stop()
        await console.tail.close()


async def _sweep(sessions: SessionStore) -> None:
    """Forget what has run out, now and then."""
    while True:
        try:
            await sessions.sweep()
        except Exception as error:
            log.warning("old sessions stay for now", error=error)
        await asyncio.sleep(_SWEEP_SECONDS)


def main() -> None:
    """Entry point of `python -m services.console`; exits 0 after a signal, 1 with a sentence otherwise."""
    try:
        settings = ConsoleSettings()
    except ValidationError as error:
        wrong = "; ".join(f"GREENPOINTS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"console cannot start: {wrong}. Set it in the environment.")
    configure_logging(settings.log_level)
    uvloop.run(run(settings))
