"""One service process from start to stop: database, programs, consumer, relay, HTTP, in one event loop."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Awaitable
from typing import Any

import asyncpg
import structlog
import uvicorn
import uvloop
from aiokafka.errors import KafkaConnectionError
from pydantic import ValidationError

from shared.programs.versions import ProgramBook
from shared.runtime import arrivals, crash_points, dead_letters
from shared.runtime.batch import DeskT
from shared.runtime.dead_letter_limit import NearlyEverythingBadError
from shared.runtime.give_way import give_way
from shared.runtime.http import build_app
from shared.runtime.kept_memory import keep_memory
from shared.runtime.log_lines import configure_logging
from shared.runtime.postgres import MIGRATIONS, connect_pool, migrate
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.relay import Relay
from shared.runtime.service import Running, Service, Timer
from shared.runtime.settings import Settings
from shared.runtime.worker import Worker, WorkerStoppedError

log = structlog.get_logger()


def main(service: Service[DeskT]) -> None:
    """Entry point of `python -m services.<name>`; exits 0 after SIGTERM or SIGINT, 1 with a sentence otherwise."""
    try:
        settings = Settings()  # what is required comes from the environment
    except ValidationError as error:
        missing = "; ".join(f"GREENPOINTS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"{service.name} cannot start: {missing}. Set it in the environment.")
    configure_logging(settings.log_level)
    give_way(settings.niceness)
    crash_points.arm(settings.crash_at, settings.crash_after)
    crash_points.arm_stop(settings.stop_at)
    keep_memory()
    gc.freeze()
    gc.set_threshold(500_000, 20, 100)  # a batch makes many objects that die by themselves; saves an eighth of its time
    try:
        uvloop.run(run(service, settings))
    except (WorkerStoppedError, NearlyEverythingBadError) as stopped:
        sys.exit(f"{service.name} stopped: {stopped}")
    except KafkaConnectionError as away:
        sys.exit(f"{service.name} cannot reach Kafka at {settings.kafka}: {away}. Start it, or mend GREENPOINTS_KAFKA.")
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InvalidPasswordError) as away:
        sys.exit(f"{service.name} cannot use its database or port: {away}. Mend GREENPOINTS_DATABASE or _HTTP_PORT.")


async def run(service: Service[DeskT], settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, or until a part fails in a way that no retry mends."""
    pool = await connect_pool(settings, size=16)
    async with pool.acquire() as connection:
        await migrate(connection, [MIGRATIONS, service.migrations])
    running = Running(settings, pool, ProgramBook())
    feed = ProgramFeed(running, service.adopt_program)
    await feed.start()
    try:
        await _run_roles(service, running, feed)
    finally:
        await feed.stop()
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()


async def _run_roles(service: Service[DeskT], running: Running, feed: ProgramFeed) -> None:
    roles = running.settings.role_set
    parts: list[Awaitable[None]] = []
    if "consume" in roles:
        if service.topics:
            parts.append(Worker(service, running, feed).run())
        parts.extend(service.workers(running, feed))
        parts.extend(_every(sweep, running) for sweep in service.sweepers)
    if "relay" in roles:
        parts.append(Relay(service.name, running.settings).run())
    if "serve" in roles:
        parts.append(_serve(service, running))
    await until_signalled(parts)


async def until_signalled(parts: list[Awaitable[None]]) -> None:
    """Run the parts side by side; the first that ends is a failure and raised, a signal ends them all in peace."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Future[None]] = [asyncio.ensure_future(part) for part in parts]
    waiter = asyncio.create_task(stop.wait())
    try:
        parties: list[asyncio.Future[Any]] = [*tasks, waiter]
        await asyncio.wait(parties, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and not waiter.done():
                if not task.cancelled():
                    task.result()
                raise RuntimeError("A part of the service ended, which none may before it is told to.")
    finally:
        for party in parties:
            party.cancel()
        await asyncio.gather(*tasks, waiter, return_exceptions=True)


async def _serve(service: Service[DeskT], running: Running) -> None:
    async def ready() -> str | None:
        try:
            await running.pool.fetchval("SELECT 1", timeout=2)
        except Exception:
            return f"{service.name} cannot reach its database."
        return None

    shared = [dead_letters.routes(service.name, running), arrivals.routes(running)]
    routers = [*shared, *service.routers(running)]
    middleware = service.middleware(running)
    await serve_http(build_app(f"GreenPoints {service.name}", routers, ready, middleware), running.settings)


async def serve_http(app: object, settings: Settings) -> None:
    """Serve until cancelled; signals are the process's own business."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,  # as all libraries log here
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve(_listening(settings)))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait([serving], timeout=5)
        raise


def _listening(settings: Settings) -> list[socket.socket] | None:
    """The process's own port and the shared one, which the kernel deals connections of to all that listen there.

    None where no port is shared. Raises OSError where a port is taken.
    """
    if not settings.http_shared_port:
        return None
    listening = []
    for port in (settings.http_port, settings.http_shared_port):
        family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port == settings.http_shared_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.http_host, port))
        listening.append(listener)
    return listening


async def _every(sweep: Timer, running: Running) -> None:
    """A sweeper again and again; a failure is told and tried again, for what it does is idempotent."""
    while True:
        try:
            await sweep(running)
        except Exception as error:
            log.warning("sweep failed, trying again", sweep=sweep.__name__, error=error)
        await asyncio.sleep(running.settings.sweep_milliseconds / 1000)
