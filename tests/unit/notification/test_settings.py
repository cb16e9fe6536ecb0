"""Settings that would make the service say something untrue are refused at the start."""

import pytest
from pydantic import ValidationError

from services.notification.settings import NotificationSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp": "mail.test"},
        {"smtp": "mail.test:port"},
        {"smtp_tls": "maybe"},
        {"smtp_sender": "no address"},
        {"smtp_sender": "A <a@b.test>\r\nBcc: c@d.test"},
        {"smtp_timeout_seconds": 30, "smtp_lease_seconds": 60},
        {"digest_seconds": 0},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NotificationSettings(**wrong)  # type: ignore[arg-type]


def test_the_channel_is_off_unless_a_server_is_named() -> None:
    assert not NotificationSettings(smtp="").email_on
    named = NotificationSettings(smtp="mail.test:587")
    assert (named.email_on, named.smtp_host, named.smtp_port) == (True, "mail.test", 587)


def test_the_password_is_not_shown() -> None:
    assert "hunter" not in repr(NotificationSettings(smtp_password="hunter"))
