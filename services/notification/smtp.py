"""Handing one e-mail over to the mail server, so that each step's failure means one thing.

What SMTP can promise: until DATA nothing was handed over; a 250 after it means the server has taken the message on.
If the connection breaks between the two, or the reply is none that the standard has, nobody can know. Errors name a
class of failure and no more: servers quote addresses in their answers.
"""

import contextlib
import ssl
from collections.abc import Awaitable, Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Self

import aiosmtplib

from services.notification.outcomes import Addressed
from services.notification.settings import NotificationSettings
from services.notification.wording import TextParts

_REFUSAL = 400  # RFC 5321, 4.2.1: 4yz and 5yz are refusals; what cannot be parsed comes as -1


class ServerAwayError(Exception):
    """The mail server does not answer, or lets nobody in: no message's fault."""


class RefusedError(Exception):
    """The server refused this message. `permanent`: it will refuse it again."""

    def __init__(self, code: int) -> None:
        super().__init__(f"smtp-{code}")
        self.error = f"smtp-{code}"
        self.permanent = code >= 500


class OutcomeUnknownError(Exception):
    """No reply that could be read came to the message handed over: the server may have it."""


class MarkLostError(Exception):
    """Between claim and hand-over the message was settled, or its contact changed: nothing was handed over."""


class MailServer:
    """One connection, for one message after the other. Use as `async with`."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        self._client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password.get_secret_value() or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=ssl.create_default_context() if settings.smtp_tls != "none" else None,
            timeout=settings.smtp_timeout_seconds,
            local_hostname="localhost",
        )
        self._sender = parseaddr(settings.smtp_sender)[1]

    async def __aenter__(self) -> Self:
        try:
            await self._client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ServerAwayError(type(error).__name__) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.close()

    async def hand_over(self, message: EmailMessage, address: str, begin: Callable[[], Awaitable[bool]]) -> None:
        """Returns when the server has taken the message on. `begin` marks it as maybe out, right before DATA.

        Raises RefusedError, ServerAwayError (nothing handed over), OutcomeUnknownError or MarkLostError.
        """
        is_ascii = address.isascii()
        try:
            await self._client.mail(
                self._sender,
                options=[] if is_ascii else ["SMTPUTF8"],
                encoding="ascii" if is_ascii else "utf-8",
            )
            await self._client.rcpt(address, encoding="ascii" if is_ascii else "utf-8")
        except aiosmtplib.SMTPResponseException as refused:
            await self._reset()
            if refused.code == aiosmtplib.SMTPStatus.domain_unavailable:  # 421: it is closing
                raise ServerAwayError("smtp-421") from None
            raise RefusedError(refused.code) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ServerAwayError(type(error).__name__) from None
        if not await begin():
            await self._reset()
            raise MarkLostError
        try:
            await self._client.data(message.as_bytes())
        except aiosmtplib.SMTPResponseException as refused:
            if refused.code < _REFUSAL:  # no refusal, and not the reply the standard wants: it may have been taken on
                raise OutcomeUnknownError from None
            await self._reset()
            raise RefusedError(refused.code) from None
        except (aiosmtplib.SMTPException, OSError):
            raise OutcomeUnknownError from None

    async def _reset(self) -> None:
        """Ready for the next message; a connection that broke meanwhile says so when that one begins."""
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await self._client.rset()


def compose(
    settings: NotificationSettings, addressed: Addressed, address: str, text: TextParts, language: str
) -> EmailMessage:
    """The message. Its Message-ID follows from its cause and its Date is the instant it was due: a copy is a copy."""
    name, sender = parseaddr(settings.smtp_sender)
    user, _, domain = address.rpartition("@")
    message = EmailMessage(SMTP if address.isascii() else SMTPUTF8)
    message["From"] = Address(name, addr_spec=sender)
    message["To"] = Address(username=user, domain=domain)
    message["Subject"] = text.subject
    message["Date"] = format_datetime(addressed.due_at)
    message["Message-ID"] = f"<{addressed.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.body)
    message["Content-Language"] = language
    return message
