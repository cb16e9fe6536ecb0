"""Every route of every service, found in the applications themselves, those left out of OpenAPI included."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from fastapi import FastAPI

from services.console.app import build_console, console_app
from services.console.services import Services
from services.console.settings import ConsoleSettings
from services.earning.app import SERVICE as EARNING
from services.fraud_monitoring.app import service as fraud_monitoring
from services.fraud_monitoring.settings import FraudSettings
from services.gateway.app import gateway_app
from services.gateway.settings import GatewaySettings
from services.notification.app import notification
from services.notification.settings import NotificationSettings
from services.redemption.app import SERVICE as REDEMPTION
from shared.programs.versions import ProgramBook
from shared.runtime import arrivals, dead_letters
from shared.runtime.http import build_app
from shared.runtime.service import Running, Service
from shared.runtime.settings import Settings

_SETTINGS: Mapping[str, Any] = {
    "kafka": "unused",
    "database": "postgresql://unused",
    "environment": "test",
    "operator_token": "a-token-of-the-tests",
    "voucher_key": "a-key-of-the-tests-that-is-long-enough",
}
_NO_POOL = cast(Any, None)  # nothing is asked here, only looked at


class FoundRoute(NamedTuple):
    """One method of one path; parameters stand in braces, without their kind."""

    service: str
    method: str
    path: str


async def _ready() -> str | None:
    return None


def applications() -> Mapping[str, FastAPI]:
    """Each service's application, as its process serves it, without servers behind it."""
    return {
        "gateway": gateway_app(GatewaySettings(**_SETTINGS), _NO_POOL, _NO_POOL),
        "earning": _of(EARNING),
        "redemption": _of(REDEMPTION),
        "fraud_monitoring": _of(fraud_monitoring(FraudSettings(**_SETTINGS))),
        "notification": _of(notification(NotificationSettings(**_SETTINGS))),
        "console": console_app(
            build_console(ConsoleSettings(**_SETTINGS), _NO_POOL, Services({}, "a-token-of-the-tests"))
        ),
    }


def _of(service: Service[Any]) -> FastAPI:
    running = Running(Settings(**_SETTINGS), _NO_POOL, ProgramBook())
    routers = [dead_letters.routes(service.name, running), arrivals.routes(running), *service.routers(running)]
    return build_app(service.name, routers, _ready, service.middleware(running))


def every_route(apps: Mapping[str, FastAPI]) -> Sequence[FoundRoute]:
    found = {
        FoundRoute(service, method, path.replace(":path}", "}"))
        for service, app in apps.items()
        for methods, path in _walk(app.routes)
        for method in methods
    }
    return sorted(found)


def _walk(routes: Sequence[Any]) -> Iterator[tuple[Sequence[str], str]]:
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from _walk(included.routes)
        elif hasattr(route, "methods"):
            yield sorted(route.methods), route.path
