"""The gateway's metrics, each with what a high value means to an operator."""

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter(
    "greenpoints_gateway_requests_total",
    "Requests by route and status; many 4xx mean a sender is misconfigured, many 503 that Kafka is away.",
    ["route", "status"],
)
PUBLISHED = Counter(
    "greenpoints_gateway_events_published_total", "Events that Kafka acknowledged, by topic.", ["topic"]
)
PUBLISH_SECONDS = Histogram(
    "greenpoints_gateway_publish_seconds",
    "From the producer to Kafka's acknowledgement; high means Kafka is slow.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
IN_FLIGHT = Gauge("greenpoints_gateway_requests_in_flight", "Requests admitted and not yet answered.")
KAFKA_ANSWERS = Gauge("greenpoints_gateway_kafka_answers", "1 while Kafka answers, 0 while it is away.")


class CountRequests:
    """Counts each request by its route's template, never by its path, and by its status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                REQUESTS.labels(route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, counted)
