"""The gateway's settings: those of every process, its port and its bounds."""

from pydantic import Field

from shared.runtime.settings import Settings


class GatewaySettings(Settings):
    """`GREENPOINTS_<NAME>`; times in seconds, sizes in bytes."""

    http_port: int = 8080
    delivery_seconds: int = Field(default=5, ge=1, le=60)
    body_seconds: int = Field(default=15, ge=1, le=300)
    in_flight_requests: int = Field(default=512, ge=1)
    in_flight_bytes: int = Field(default=64 * 1024 * 1024, ge=4 * 1024 * 1024)
