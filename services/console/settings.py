"""The console's settings: those of every process, where the services answer, and its sign-in."""

from collections.abc import Mapping

from pydantic import Field, SecretStr

from shared.runtime.settings import Settings


class ConsoleSettings(Settings):
    """`GREENPOINTS_<NAME>`.

    `service_urls` is JSON, service → address, or a list of addresses where it runs as several processes: the first is
    asked, all are measured. `console_url` is the address people type, where a proxy stands in front.
    """

    http_port: int = 8090
    service_urls: dict[str, str | list[str]] = Field(default_factory=dict)
    console_url: str = ""
    console_admin_password: SecretStr = SecretStr("")
    session_idle_minutes: int = Field(default=12 * 60, ge=1)
    session_hours: int = Field(default=24, ge=1)
    live_milliseconds: int = Field(default=300, ge=250, le=500)

    @property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Every process's address by service, without a slash at its end."""
        return {
            name: tuple(url.rstrip("/") for url in ([urls] if isinstance(urls, str) else urls))
            for name, urls in self.service_urls.items()
        }
