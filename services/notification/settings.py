"""What notification alone is told from outside, beside the settings of every process."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotificationSettings(BaseSettings):
    """`GREENPOINTS_<NAME>`. Without `smtp` (host:port) the e-mail channel is off. Times in seconds."""

    model_config = SettingsConfigDict(env_prefix="GREENPOINTS_", extra="ignore")

    smtp: str = Field(default="", pattern=r"^$|^[^:\s]+:\d{1,5}$")
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: Literal["none", "starttls", "tls"] = "none"
    smtp_sender: str = Field(
        default="GreenPoints <no-reply@greenpoints.invalid>", pattern=r"^[^<>\r\n]+<[^<>@\s]+@[^<>@\s]+>$"
    )
    smtp_connections: int = Field(default=4, ge=1, le=50)
    smtp_timeout_seconds: int = Field(default=30, ge=1, le=600)
    # After so long nobody waits for the server's answer any more; longer than any hand-over may take.
    smtp_lease_seconds: int = Field(default=180, ge=1)
    public_url: str = ""  # where members reach the inbox page; else the process's own address

    digest_seconds: int = Field(default=600, ge=1)  # grants and maturities of one member
    notice_seconds: int = Field(default=3, ge=0)  # everything else: what one cause makes arrives together
    quiet_seconds: int = Field(default=2, ge=0)  # a window closes when its causes have stopped coming for so long
    contact_seconds: int = Field(default=900, ge=0)  # how long an e-mail waits for its address and profile
    retry_seconds: int = Field(default=30, ge=1)  # the first pause after a temporary refusal; doubles each time
    attempts: int = Field(default=8, ge=1)
    give_up_hours: int = Field(default=72, ge=1)  # an older e-mail is no news

    @model_validator(mode="after")
    def _lease_outlives_the_hand_over(self) -> Self:
        """The server may take its time twice within DATA; only then is its silence an unknown outcome."""
        if self.smtp_lease_seconds <= 2 * self.smtp_timeout_seconds:
            raise ValueError(
                "GREENPOINTS_SMTP_LEASE_SECONDS must be more than twice GREENPOINTS_SMTP_TIMEOUT_SECONDS; raise it."
            )
        return self

    @property
    def smtp_host(self) -> str:
        return self.smtp.rpartition(":")[0]

    @property
    def smtp_port(self) -> int:
        return int(self.smtp.rpartition(":")[2])

    @property
    def email_on(self) -> bool:
        return bool(self.smtp)
