"""How the console asks the services: over HTTP, as the operator, naming the person it acts for."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from shared.events.topics import load_dead_letter_topics
from shared.runtime.trusted import trusted

ACTOR_HEADER = "Greenpoints-Actor"
_SECONDS = 10.0
_FILE_SECONDS = 60.0


class ServiceAwayError(Exception):
    """A service does not answer, or its address is not known."""

    def __init__(self, service: str, sentence: str) -> None:
        super().__init__(sentence)
        self.service = service
        self.code = "SERVICE_AWAY"
        self.sentence = sentence


class ServiceRefusedError(Exception):
    """A service answered with a problem: its status, code and sentence."""

    def __init__(self, service: str, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.service = service
        self.status = status
        self.code = code
        self.sentence = sentence


class Services:
    """A client for every service. `addresses` are all processes of each; the first one is asked."""

    def __init__(
        self, addresses: Mapping[str, tuple[str, ...]], token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.addresses = addresses
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"},
            timeout=_SECONDS,
            trust_env=False,
            verify=trusted(url for processes in addresses.values() for url in processes),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def names(self) -> tuple[str, ...]:
        """The services whose addresses are known."""
        return tuple(self.addresses)

    def names_with_dead_letters(self) -> tuple[str, ...]:
        """Those of them that consume topics, in the order they were given."""
        consumers = {group for topic in load_dead_letter_topics().values() for group in topic.producers}
        return tuple(name for name in self.addresses if name in consumers)

    async def get(
        self, service: str, path: str, params: Mapping[str, Any] | None = None, *, seconds: float | None = None
    ) -> Any:
        """The JSON answer; parameters that are None are left out. Raises ServiceAwayError, ServiceRefusedError."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return await self._ask(service, "GET", path, params=given, timeout=seconds or _SECONDS)

    async def post(self, service: str, path: str, body: Mapping[str, Any], *, actor: str) -> Any:
        """The same for a change; the service keeps `actor` with what was done."""
        return await self._ask(service, "POST", path, json=body, headers={ACTOR_HEADER: actor})

    async def file(self, service: str, path: str) -> bytes:
        """What a service offers as a file. Raises ServiceAwayError, ServiceRefusedError."""
        return (await self._send(service, "GET", path, timeout=_FILE_SECONDS)).content

    async def text(self, url: str, seconds: float) -> str:
        """What one process serves as text. Raises httpx.HTTPError."""
        answer = await self._client.get(url, timeout=seconds)
        answer.raise_for_status()
        return answer.text

    async def _ask(self, service: str, method: str, path: str, **request: Any) -> Any:
        answer = await self._send(service, method, path, **request)
        return answer.json() if answer.content else None

    async def _send(self, service: str, method: str, path: str, **request: Any) -> httpx.Response:
        known = self.addresses.get(service)
        if not known:
            raise ServiceAwayError(
                service, f"Where the {service} service answers is not known; set GREENPOINTS_SERVICE_URLS."
            )
        try:
            answer = await self._client.request(method, known[0] + path, **request)
        except httpx.HTTPError as error:
            raise ServiceAwayError(
                service, f"The {service} service does not answer ({type(error).__name__}); see its log."
            ) from error
        if answer.is_success:
            return answer
        raise _refusal(service, answer)


def _refusal(service: str, answer: httpx.Response) -> ServiceRefusedError:
    try:
        problem = answer.json()
        return ServiceRefusedError(service, answer.status_code, str(problem["code"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return ServiceRefusedError(
            service, answer.status_code, "REFUSED", f"The {service} service answered {answer.status_code}."
        )
