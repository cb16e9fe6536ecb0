"""What every service serves: health, metrics, problem details (RFC 9457), and who may call."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware

from shared.events.rejected import told_errors
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.problem_answers import PROBLEM_ANSWERS
from shared.runtime.quick_route import RouterWithQuick

log = structlog.get_logger()
_bearer = HTTPBearer(auto_error=False)
# The framework's own: for every request it would look anew, in the environment too, whether somebody wants it.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
Actor = Annotated[str | None, Header(alias="Greenpoints-Actor", min_length=1, max_length=64)]


class ProblemError(Exception):
    """An answer other than success: one sentence, a machine-readable code, and what else the caller needs."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.extra = extra


def problem(error: ProblemError) -> Response:
    """application/problem+json with `code` beside the standard members."""
    body = {
        "type": f"urn:greenpoints:problem:{error.code.lower()}",
        "title": error.code,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        **error.extra,
    }
    return Response(orjson.dumps(body), error.status, headers=error.headers, media_type="application/problem+json")


def operator_guard(token: str) -> Callable[..., Awaitable[str]]:
    """A dependency that lets only the operator's bearer token in; an unset token lets nobody in.

    It says who acts: the person that the token's holder names in `Greenpoints-Actor`, else `operator`.
    """

    async def guard(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None, actor: Actor = None
    ) -> str:
        if credentials is None:
            raise ProblemError(
                401, "UNAUTHENTICATED", "Send the operator's token as a bearer token.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not token or not hmac.compare_digest(credentials.credentials.encode(), token.encode()):
            raise ProblemError(403, "FORBIDDEN", "This token is not the operator's; use GREENPOINTS_OPERATOR_TOKEN.")
        return actor if actor and actor.isprintable() else "operator"

    return guard


def build_app(
    title: str,
    routers: Sequence[APIRouter],
    ready: Callable[[], Awaitable[str | None]],
    middleware: Sequence[Middleware] = (),
) -> FastAPI:
    """The service's HTTP application; `ready` answers None, or the sentence that says what is missing.

    The last `middleware` is the outermost.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url="/openapi.json", telemetry=_NO_TELEMETRY)
    for layer in middleware:
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.include_router(_base_routes(ready))
    for router in routers:
        app.include_router(router, responses=PROBLEM_ANSWERS)
        if isinstance(router, RouterWithQuick):
            app.router.routes[:0] = router.quick

    @app.exception_handler(ProblemError)
    async def on_problem(_request: Request, error: ProblemError) -> Response:
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        fields = [{"path": told.path, "message": told.message} for told in told_errors(error.errors())]
        return problem(ProblemError(422, "MALFORMED", "The request does not fit the contract.", fields=fields))

    @app.exception_handler(StarletteHTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "REFUSED")
        headers = dict(error.headers) if error.headers else None  # a 405 says what is allowed
        return problem(ProblemError(error.status_code, code, str(error.detail), headers=headers))

    @app.exception_handler(asyncpg.DataError)
    async def on_unstorable(_request: Request, _error: asyncpg.DataError) -> Response:
        return problem(
            ProblemError(422, "MALFORMED", "A value of the request cannot be looked up; mend the path or body.")
        )

    async def on_database_away(request: Request, error: Exception) -> Response:
        log.warning("database away", method=request.method, route=request.url.path, error=error)
        return problem(
            ProblemError(
                503,
                "DATABASE_AWAY",
                "The database went away; whether the request was done is not known. Send the very same again later, "
                "with its Idempotency-Key.",
                headers={"Retry-After": "2"},
            )
        )

    for kind in DATABASE_AWAY:
        app.add_exception_handler(kind, on_database_away)

    @app.exception_handler(Exception)
    async def on_failure(request: Request, error: Exception) -> Response:
        log.error("request failed", method=request.method, route=request.url.path, error=error)
        return problem(ProblemError(500, "FAILED", "The service failed to answer; its log has the details. Try again."))

    return app


def _base_routes(ready: Callable[[], Awaitable[str | None]]) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive", "time": datetime.now(UTC).isoformat()}

    @router.get("/readyz")
    async def readyz() -> dict[str, str]:
        if (missing := await ready()) is not None:
            raise ProblemError(503, "NOT_READY", missing, headers={"Retry-After": "1"})
        return {"status": "ready"}

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
