"""How a command reaches running services: addresses from the environment or a local run, and a client."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.local.stack import default_state_dir
from deploy.local.trouble import Trouble
from services.operator.local_run import local_runs
from shared.events.topics import load_dead_letter_topics
from shared.runtime.trusted import trusted

SERVICES = ("gateway", "earning", "redemption", "fraud_monitoring", "notification", "console")
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where services answer, and what an operator needs to speak to them; what is not known is absent."""

    urls: Mapping[str, str]
    operator_token: str = field(repr=False)
    kafka: str | None = None
    dsns: Mapping[str, str] = field(default_factory=dict, repr=False)

    def url(self, service: str) -> str:
        """Raises Trouble when this service's address is not known."""
        if service not in SERVICES:
            raise Trouble("SERVICE_UNKNOWN", f"There is no service {service}.", f"There are {', '.join(SERVICES)}.")
        if service not in self.urls:
            raise Trouble(
                "ADDRESS_UNKNOWN",
                f"Where the {service} service answers is not known.",
                f"Set GREENPOINTS_{service.upper()}_URL.",
            )
        return self.urls[service]

    def services_with_dead_letters(self) -> list[str]:
        """Those at hand that consume topics, in the order events flow."""
        consumers = {group for topic in load_dead_letter_topics().values() for group in topic.producers}
        return [name for name in self.urls if name in consumers]


def find_addresses(state_dir: Path | None = None, environment: Mapping[str, str] = os.environ) -> Addresses:
    """From `greenpoints up` or `demo` on this machine; each GREENPOINTS_… variable overrides its part.

    Raises Trouble when nothing runs and nothing is set.
    """
    given = {
        service: url.rstrip("/")
        for service in SERVICES
        if (url := environment.get(f"GREENPOINTS_{service.upper()}_URL"))
    }
    runs = local_runs(state_dir or default_state_dir())
    if len(runs) > 1 and not given:
        raise Trouble(
            "SEVERAL_RUNNING",
            f"{len(runs)} GreenPoints run on this machine.",
            "Set GREENPOINTS_STATE_DIR to the state directory of the one you mean.",
        )
    run = runs[0] if len(runs) == 1 else None
    if run is None and not given:
        raise Trouble(
            "NOT_RUNNING",
            "No GreenPoints is running here.",
            "Start it with `greenpoints up` in another terminal, or set GREENPOINTS_EARNING_URL, "
            "GREENPOINTS_REDEMPTION_URL and GREENPOINTS_OPERATOR_TOKEN.",
        )
    dsns = dict(run.dsns) if run else {}
    if audit := environment.get("GREENPOINTS_AUDIT_DATABASE"):
        dsns["greenpoints_audit"] = audit
    return Addresses(
        urls={**(run.urls if run else {}), **given},
        operator_token=environment.get("GREENPOINTS_OPERATOR_TOKEN") or (run.operator_token if run else ""),
        kafka=environment.get("GREENPOINTS_KAFKA") or (run.kafka if run else None),
        dsns=dsns,
    )


class Operator(AbstractContextManager["Operator"]):
    """Asks the services as the operator. A refusal or an outage is a Trouble, with the service's own code."""

    def __init__(self, addresses: Addresses, transport: httpx.BaseTransport | None = None) -> None:
        self.addresses = addresses
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {addresses.operator_token}"},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            verify=trusted(addresses.urls.values()),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, service: str, path: str, **query: str | int | None) -> Any:
        """The JSON answer. The path's parts must be quoted; parameters that are None are left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._ask(service, "GET", path, params=asked)

    def find(self, service: str, path: str, **query: str | int | None) -> Any | None:
        """Like get(), but None when there is no such thing."""
        try:
            return self.get(service, path, **query)
        except Trouble as trouble:
            if trouble.code == "NOT_FOUND":
                return None
            raise

    def post(self, service: str, path: str, body: Mapping[str, object]) -> Any:
        return self._ask(service, "POST", path, json={name: value for name, value in body.items() if value is not None})

    def delete(self, service: str, path: str) -> None:
        self._ask(service, "DELETE", path)

    def download(self, service: str, path: str) -> bytes:
        """The answer's bytes as they are."""
        return self._send(service, "GET", path).content

    def _ask(self, service: str, method: str, path: str, **request: Any) -> Any:
        answer = self._send(service, method, path, **request)
        return answer.json() if answer.content else None

    def _send(self, service: str, method: str, path: str, **request: Any) -> httpx.Response:
        url = self.addresses.url(service)
        try:
            answer = self._client.request(method, url + path, **request)
        except httpx.HTTPError as error:
            raise Trouble(
                "SERVICE_UNREACHABLE",
                f"The {service} service does not answer at {url} ({type(error).__name__}).",
                "See whether it runs, and try again.",
            ) from error
        if answer.is_success:
            return answer
        raise _trouble(service, answer)


def _trouble(service: str, answer: httpx.Response) -> Trouble:
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "REFUSED", f"It answered with status {answer.status_code}; its log says more."
    else:
        wrong = [f"{field['path']}: {field['message']}" for field in problem.get("fields", [])]
        detail = " ".join([detail, *wrong])
    return Trouble(code, f"The {service} service does not do this.", detail)
