"""The sending sweeper: claims queued e-mails, decides each one's fate, hands them over, writes what came of it."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from services.notification import metrics, outcomes
from services.notification.domain.backoff import pause_after
from services.notification.domain.email_fate import GiveUp, Patience, Send, Suppress, Wait, email_fate
from services.notification.domain.language import language_of
from services.notification.settings import NotificationSettings
from services.notification.smtp import (
    MailServer,
    MarkLostError,
    OutcomeUnknownError,
    RefusedError,
    ServerAwayError,
    compose,
)
from services.notification.store import emails
from services.notification.store.emails import ClaimedEmail
from services.notification.store.texts import read_facts
from services.notification.wording import Facts, program_words, word
from shared.runtime import crash_points
from shared.runtime.postgres import Pool
from shared.runtime.service import Running

log = structlog.get_logger()

CLAIMED_AT_ONCE = 200
OUTCOME_UNKNOWN, NOT_WRITABLE = "outcome-unknown", "not-writable"
_LONGEST_PAUSE = 60.0


class EmailSender:
    """Sends while the channel is on. A message is handed over at most once: one whose hand-over nobody knows the end
    of is told as failed, never sent again; the inbox has it in any case."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        self._patience = Patience(
            contact=timedelta(seconds=settings.contact_seconds), news=timedelta(hours=settings.give_up_hours)
        )
        self._pause = 0.0  # while the server is away
        self._away_until = 0.0

    async def send_due(self, running: Running) -> None:
        """One round: everything that is due, as long as the server answers."""
        if asyncio.get_running_loop().time() < self._away_until:
            return
        lease = timedelta(seconds=self._settings.smtp_lease_seconds)
        while claimed := await emails.claim(running.pool, CLAIMED_AT_ONCE, lease):
            crash_points.reach("email_claimed")
            ready = await self._without_the_undeliverable(running.pool, claimed)
            if ready and not await self._deliver(running, ready):
                return

    async def tell_lost(self, running: Running) -> None:
        """E-mails whose sender died within the hand-over: nobody will ever know, and that is told."""
        async with running.pool.acquire() as connection, connection.transaction():
            for email in await emails.lost(connection, CLAIMED_AT_ONCE):
                outgoing = outcomes.failed(email.addressed, email.attempts, OUTCOME_UNKNOWN)
                await emails.settle(
                    connection,
                    email,
                    "unknown",
                    outgoing,
                    before="sending",
                    attempts=email.attempts,
                    error=OUTCOME_UNKNOWN,
                )
                metrics.count("email", "unknown")

    async def _without_the_undeliverable(
        self, pool: Pool, claimed: list[ClaimedEmail]
    ) -> deque[tuple[ClaimedEmail, str]]:
        """Those to be handed over now, each with its address; the others get their due here."""
        ready: deque[tuple[ClaimedEmail, str]] = deque()
        for email in claimed:
            match email_fate(email.queued, email.now, self._patience):
                case Send(address):
                    ready.append((email, address))
                case Wait(until):
                    await emails.postpone(pool, email, until)
                case Suppress(code):
                    outgoing = outcomes.suppressed(email.addressed, code)
                    if await emails.settle(
                        pool, email, "suppressed", outgoing, before="queued", attempts=email.attempts, code=code.value
                    ):
                        metrics.count("email", "suppressed", code)
                case GiveUp(error):
                    await self._fail(pool, email, error, before="queued", attempts=email.attempts)
        return ready

    async def _deliver(self, running: Running, ready: deque[tuple[ClaimedEmail, str]]) -> bool:
        """Over a few connections side by side; False when the server went away and the rest was given back."""
        facts = await read_facts(running.pool, [email.notice_id for email, _ in ready])
        senders = min(self._settings.smtp_connections, len(ready))
        results = await asyncio.gather(
            *(self._one_connection(running, ready, facts) for _ in range(senders)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if all(results):
            self._pause = self._away_until = 0.0
            metrics.EMAIL_AWAY.set(0)
            return True
        await emails.release(running.pool, [email for email, _ in ready])
        self._pause = min(max(1.0, self._pause * 2), _LONGEST_PAUSE)
        self._away_until = asyncio.get_running_loop().time() + self._pause
        metrics.EMAIL_AWAY.set(1)
        log.warning("mail server away, e-mails wait", seconds=self._pause)
        return False

    async def _one_connection(
        self, running: Running, ready: deque[tuple[ClaimedEmail, str]], facts: Mapping[UUID, Facts]
    ) -> bool:
        email: ClaimedEmail | None = None
        address = ""
        try:
            async with MailServer(self._settings) as server:
                while ready:
                    email, address = ready.popleft()
                    await _to_its_end(self._hand_over(running, server, email, address, facts[email.notice_id]))
                    email = None
        except ServerAwayError as away:
            log.info("mail server not answering", error=str(away))
            if email is not None:
                ready.append((email, address))
            return False
        except OutcomeUnknownError:
            return False
        return True

    async def _hand_over(
        self, running: Running, server: MailServer, email: ClaimedEmail, address: str, facts: Facts
    ) -> None:
        """Hand one e-mail over and write what came of it. Raises ServerAwayError or OutcomeUnknownError."""
        pool, language = running.pool, language_of(email.locale)
        try:
            text = word(facts, language, program_words(running.programs, facts.program_id, language))
            message = compose(self._settings, email.addressed, address, text, language)
        except Exception as error:  # this message's own fault: the others go on
            message_id = str(email.addressed.message_id)
            # the error's own text may quote the address
            log.warning("e-mail cannot be written", message=message_id, error=type(error).__name__)
            await self._fail(pool, email, NOT_WRITABLE, before="queued", attempts=email.attempts)
            return
        lease = timedelta(seconds=self._settings.smtp_lease_seconds)
        marked = False

        async def begin() -> bool:
            nonlocal marked
            marked = await emails.mark(pool, email, address, lease)
            if marked:
                crash_points.reach("email_marked")
            return marked

        try:
            await server.hand_over(message, address, begin)
        except MarkLostError:
            return
        except RefusedError as refused:
            await self._refused(pool, email, refused, marked=marked)
        except OutcomeUnknownError:
            outgoing = outcomes.failed(email.addressed, email.attempts + 1, OUTCOME_UNKNOWN)
            await emails.settle(
                pool, email, "unknown", outgoing, before="sending", attempts=email.attempts + 1, error=OUTCOME_UNKNOWN
            )
            metrics.count("email", "unknown")
            raise
        else:
            crash_points.reach("email_accepted_not_saved")
            outgoing = outcomes.sent(email.addressed)
            await emails.settle(pool, email, "sent", outgoing, before="sending", attempts=email.attempts + 1)
            metrics.count("email", "sent")

    async def _refused(self, pool: Pool, email: ClaimedEmail, refused: RefusedError, *, marked: bool) -> None:
        attempts = email.attempts + 1
        if refused.permanent or attempts >= self._settings.attempts:
            await self._fail(pool, email, refused.error, before="sending" if marked else "queued", attempts=attempts)
        else:
            pause = pause_after(attempts, timedelta(seconds=self._settings.retry_seconds))
            await emails.try_later(pool, email, pause, marked=marked)

    async def _fail(self, pool: Pool, email: ClaimedEmail, error: str, *, before: str, attempts: int) -> None:
        outgoing = outcomes.failed(email.addressed, attempts, error)
        if await emails.settle(pool, email, "failed", outgoing, before=before, attempts=attempts, error=error):
            metrics.count("email", "failed", error)


async def _to_its_end(handing_over: Coroutine[Any, Any, None]) -> None:
    """A process that is asked to stop finishes the hand-over it has begun: cut off, nobody would know its outcome."""
    task = asyncio.ensure_future(handing_over)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def erase_letters(running: Running) -> None:
    """Dead letters may hold what an erasure is about."""
    await emails.erase_letters(running.pool)
