"""The e-mail queue: claimed, marked before the hand-over, settled after it.

queued → sending → sent, failed or unknown; queued → suppressed or failed. Only the mark lets a message out, and it
can be won once: a claim is but a turn, and lapses with its claimer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from services.notification.domain.email_fate import QueuedEmail
from services.notification.domain.template import Channel, Template
from services.notification.outcomes import LOTS_NAMED, Addressed
from services.notification.store.close import read_profile
from shared.runtime.batch import Outgoing
from shared.runtime.ledger import OUTBOX_PART, outbox_arguments
from shared.runtime.postgres import Connection, Pool
from shared.runtime.statement import Part, gated_statement

CLAIM = """
    UPDATE message AS m SET next_attempt_at = now() + $2
      FROM (SELECT message_id FROM message WHERE state = 'queued' AND next_attempt_at <= now()
             ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
     WHERE m.message_id = due.message_id
    RETURNING m.message_id
"""
FACTS = f"""
    SELECT m.message_id, m.notice_id, m.channel, m.attempts, m.created_at, n.program_id, n.member_id, n.template,
           n.causation_id, n.correlation_id, n.rule_version, n.due_at, p.locale, p.birth_year,
           p.consents::text AS consents, c.email, c.erased_at IS NOT NULL AS erased, now() AS now,
           ARRAY(SELECT s.lot_id FROM notice_cause AS s WHERE s.notice_id = n.notice_id AND s.lot_id IS NOT NULL
                  ORDER BY s.position LIMIT {LOTS_NAMED}) AS lot_ids
      FROM unnest($1::uuid[]) WITH ORDINALITY AS k (message_id, place),
           LATERAL (SELECT * FROM message WHERE message_id = k.message_id OFFSET 0) AS m,
           LATERAL (SELECT * FROM notice WHERE notice_id = m.notice_id OFFSET 0) AS n
           LEFT JOIN LATERAL (SELECT * FROM member WHERE program_id = n.program_id AND member_id = n.member_id OFFSET 0)
                AS p ON true
           LEFT JOIN LATERAL (SELECT * FROM contact WHERE program_id = n.program_id AND member_id = n.member_id
                               OFFSET 0) AS c ON true
     ORDER BY k.place
"""  # noqa: S608 - a number of ours
# The last look before the hand-over: still queued, and the contact still names this address.
MARK = """
    UPDATE message AS m SET state = 'sending', attempts = m.attempts + 1, lease_until = now() + $3
     WHERE m.message_id = $1 AND m.state = 'queued' AND m.attempts = $4
       AND EXISTS (SELECT FROM contact AS c WHERE c.program_id = m.program_id AND c.member_id = m.member_id
                      AND c.email = $2)
    RETURNING m.attempts
"""
POSTPONE = """
    UPDATE message SET next_attempt_at = $2 WHERE message_id = $1 AND state = 'queued'
"""
RELEASE = """
    UPDATE message AS m SET next_attempt_at = now()
      FROM unnest($1::uuid[]) AS k (message_id),
           LATERAL (SELECT ctid FROM message WHERE message_id = k.message_id OFFSET 0) AS there
     WHERE m.ctid = there.ctid AND m.state = 'queued'
"""
# Refused for now: back into the queue, whether or not the hand-over had begun.
TRY_LATER = """
    UPDATE message SET state = 'queued', attempts = $2, lease_until = NULL, next_attempt_at = now() + $3
     WHERE message_id = $1 AND state = $4 AND attempts = $5
"""
LOST = """
    SELECT message_id FROM message WHERE state = 'sending' AND lease_until < now()
     ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
"""
SETTLE = gated_statement(
    (
        Part(
            "gate",
            """
            UPDATE message
               SET state = :state::text, code = :code::text, error = :error::text, attempts = :attempts::integer,
                   told_event_id = :told::uuid, settled_at = now(), lease_until = NULL, next_attempt_at = NULL
             WHERE message_id = :message::uuid AND state = :before::text
            RETURNING 1
            """,
        ),
    ),
    (OUTBOX_PART,),
)
# The same place as the letters' key; what came with the erasure in one batch has its very time.
ERASE_LETTERS = """
    UPDATE dead_letter AS d
       SET record_value = NULL, headers = '[]',
           state = CASE d.state WHEN 'open' THEN 'discarded' ELSE d.state END,
           settled_by = coalesce(d.settled_by, 'erasure'), settled_at = coalesce(d.settled_at, now()),
           settled_reason = coalesce(d.settled_reason, 'the member''s contact data was erased')
      FROM (SELECT ctid, record_key, first_seen FROM dead_letter
             WHERE topic = 'members.contacts.v1' AND record_value IS NOT NULL OFFSET 0) AS kept,
           LATERAL (SELECT FROM contact WHERE record_key = kept.record_key AND last_erased_at >= kept.first_seen
                     OFFSET 0) AS erased
     WHERE d.ctid = kept.ctid
"""


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """An e-mail in hand: what decides its fate, and what its outcome will name."""

    notice_id: UUID
    queued: QueuedEmail
    addressed: Addressed
    locale: str | None
    attempts: int
    now: datetime


async def claim(pool: Pool, limit: int, lease: timedelta) -> list[ClaimedEmail]:
    """Take the earliest due e-mails for as long as `lease`; nobody else is given them meanwhile."""
    async with pool.acquire() as connection:
        taken = [row["message_id"] for row in await connection.fetch(CLAIM, limit, lease)]
        return [_claimed(row) for row in await connection.fetch(FACTS, taken)] if taken else []


async def mark(pool: Pool, email: ClaimedEmail, address: str, lease: timedelta) -> bool:
    """Whether this hand-over may begin: from here on the message may be out."""
    won = await pool.fetchval(MARK, email.addressed.message_id, address, lease, email.attempts)
    return won is not None


async def postpone(pool: Pool, email: ClaimedEmail, until: datetime) -> None:
    """Look at it again then."""
    await pool.execute(POSTPONE, email.addressed.message_id, until)


async def release(pool: Pool, emails: Sequence[ClaimedEmail]) -> None:
    """Give back what was claimed and not begun."""
    await pool.execute(RELEASE, [email.addressed.message_id for email in emails])


async def try_later(pool: Pool, email: ClaimedEmail, pause: timedelta, *, marked: bool) -> None:
    """Only our own turn: another sender may have taken over since."""
    before, counted = ("sending", email.attempts + 1) if marked else ("queued", email.attempts)
    await pool.execute(TRY_LATER, email.addressed.message_id, email.attempts + 1, pause, before, counted)


async def settle(
    pool: Pool | Connection,
    email: ClaimedEmail,
    state: str,
    outgoing: Outgoing,
    *,
    before: str,
    attempts: int,
    code: str | None = None,
    error: str | None = None,
) -> bool:
    """Write the outcome and tell it, together; False when another had settled it before."""
    arguments = {
        **outbox_arguments([outgoing]),
        "message": email.addressed.message_id,
        "state": state,
        "before": before,
        "code": code,
        "error": error,
        "attempts": attempts,
        "told": outgoing.event_id,
    }
    return bool(await pool.fetchval(SETTLE.sql, *SETTLE.arguments(arguments)))


async def lost(connection: Connection, limit: int) -> list[ClaimedEmail]:
    """E-mails whose hand-over began and whose sender never said how it ended."""
    found = [row["message_id"] for row in await connection.fetch(LOST, limit)]
    return [_claimed(row) for row in await connection.fetch(FACTS, found)] if found else []


async def erase_letters(pool: Pool) -> None:
    """Empty the dead letters of members whose contact data was erased."""
    await pool.execute(ERASE_LETTERS)


def _claimed(row: asyncpg.Record) -> ClaimedEmail:
    template = Template(row["template"])
    return ClaimedEmail(
        notice_id=row["notice_id"],
        queued=QueuedEmail(
            template=template,
            cause_year=row["due_at"].year,
            queued_at=row["created_at"],
            profile=read_profile(row["locale"], row["birth_year"], row["consents"]),
            email=row["email"],
            erased=bool(row["erased"]),
        ),
        addressed=Addressed(
            message_id=row["message_id"],
            channel=Channel(row["channel"]),
            template=template,
            program_id=row["program_id"],
            member_id=row["member_id"],
            causation_id=row["causation_id"],
            correlation_id=row["correlation_id"],
            rule_version=row["rule_version"],
            due_at=row["due_at"],
            lot_ids=row["lot_ids"],
        ),
        locale=row["locale"],
        attempts=row["attempts"],
        now=row["now"],
    )
