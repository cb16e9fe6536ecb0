"""Notification's metrics, each with what a high value means to an operator. No member, no address."""

from prometheus_client import Counter, Gauge

from shared.events.reason_codes import ReasonCode

MESSAGES = Counter(
    "greenpoints_messages_total",
    "Messages by channel and what became of them; many failed or unknown: look at the mail server.",
    ["channel", "state", "code"],
)
EMAIL_AWAY = Gauge("greenpoints_email_server_away", "1 while the mail server does not answer; e-mails wait meanwhile.")


def count(channel: str, state: str, code: ReasonCode | str | None = None) -> None:
    MESSAGES.labels(channel, state, "" if code is None else str(code)).inc()
