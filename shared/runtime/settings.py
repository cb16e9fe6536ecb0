"""What a service process is told from outside: GREENPOINTS_… in its environment."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Role = Literal["consume", "relay", "serve"]


class Settings(BaseSettings):
    """One process's settings. Only tests and the demo may shift the clock or name a crash point."""

    model_config = SettingsConfigDict(env_prefix="GREENPOINTS_", extra="ignore")

    kafka: str
    database: SecretStr
    http_host: str = "127.0.0.1"
    http_port: int = 0
    http_shared_port: int = Field(default=0, ge=0, le=65_535)  # served by several processes at once; 0 = none
    environment: Literal["production", "demo", "test"] = "production"
    operator_token: SecretStr = SecretStr("")
    voucher_key: SecretStr = SecretStr("")  # redemption's: voucher codes follow from it (services/redemption/mint.py)
    roles: str = "consume,relay,serve"
    ordinal: int = 0
    niceness: int = Field(default=0, ge=0, le=19)  # how far it gives way where it shares cores with who must not wait
    clock_shift_seconds: int = 0
    crash_at: str = ""
    crash_after: int = Field(default=0, ge=0)
    stop_at: str = ""

    batch_records: int = Field(default=1000, ge=1, le=5000)
    poll_milliseconds: int = 200
    session_milliseconds: int = 10_000
    relay_rows: int = Field(default=2000, ge=1)
    relay_pause_milliseconds: int = 10
    sweep_milliseconds: int = 1000
    authorization_minutes: int = Field(default=15, ge=1, le=1440)  # redemption's: then a till's reservation ends
    quote_days: int = Field(default=30, ge=1, le=3650)  # redemption's: so long after its end a quote is deleted
    dead_letter_window: int = 2000
    dead_letter_percent: int = 95
    log_level: str = "INFO"

    @property
    def role_set(self) -> frozenset[str]:
        return frozenset(part.strip() for part in self.roles.split(",") if part.strip())

    @model_validator(mode="after")
    def _refuse_test_settings_in_production(self) -> Self:
        if self.environment == "production" and (self.clock_shift_seconds or self.crash_at or self.stop_at):
            raise ValueError(
                "GREENPOINTS_CLOCK_SHIFT_SECONDS, _CRASH_AT and _STOP_AT are for tests and the demo; "
                "unset them or set GREENPOINTS_ENVIRONMENT to test."
            )
        if unknown := self.role_set - {"consume", "relay", "serve"}:
            raise ValueError(f"GREENPOINTS_ROLES names {sorted(unknown)}; use consume, relay and serve.")
        return self
