"""Closing notices: which are due, and their messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.notification.domain.consent import Profile
from services.notification.domain.template import Channel, Template
from services.notification.outcomes import LOTS_NAMED
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Outgoing
from shared.runtime.ledger import OUTBOX_PART, outbox_arguments
from shared.runtime.postgres import Connection
from shared.runtime.statement import Part, gated_statement

# Locked first, read after: an earlier snapshot would miss causes that the lock waited for.
LOCK_DUE = """
    SELECT notice_id FROM notice WHERE state = 'gathering' AND close_at <= now()
     ORDER BY close_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
READ_DUE = f"""
    SELECT n.notice_id, n.program_id, n.member_id, n.template, n.causation_id, n.correlation_id, n.rule_version,
           n.opened_at, n.due_at, m.locale, m.birth_year, m.consents::text AS consents, now() AS now,
           ARRAY(SELECT c.lot_id FROM notice_cause AS c WHERE c.notice_id = n.notice_id AND c.lot_id IS NOT NULL
                  ORDER BY c.position LIMIT {LOTS_NAMED}) AS lot_ids
      FROM unnest($1::uuid[]) AS k (notice_id),
           LATERAL (SELECT * FROM notice WHERE notice_id = k.notice_id OFFSET 0) AS n
           LEFT JOIN LATERAL (SELECT * FROM member WHERE program_id = n.program_id AND member_id = n.member_id OFFSET 0)
                AS m ON true
     ORDER BY n.due_at, n.notice_id
"""  # noqa: S608 - a number of ours
SAVE_CLOSED = gated_statement(
    (Part("gate", "SELECT 1"),),
    (
        OUTBOX_PART,
        Part(
            "closed_notices",
            """
            UPDATE notice AS n SET state = 'closed'
              FROM gate, unnest(:closed::uuid[]) AS c (notice_id),
                   LATERAL (SELECT ctid FROM notice WHERE notice_id = c.notice_id OFFSET 0) AS there
             WHERE n.ctid = there.ctid AND n.state = 'gathering'
            RETURNING 1
            """,
            expects="closed",
        ),
        Part(
            "messages",
            """
            INSERT INTO message (message_id, notice_id, program_id, member_id, channel, state, code, next_attempt_at,
                                 told_event_id, settled_at)
            SELECT message_id, notice_id, program_id, member_id, channel, state, code,
                   CASE state WHEN 'queued' THEN now() END, told_event_id,
                   CASE WHEN state <> 'queued' THEN now() END
              FROM gate, unnest(:m_id::uuid[], :m_notice::uuid[], :m_program::text[], :m_member::text[],
                                :m_channel::text[], :m_state::text[], :m_code::text[], :m_told::uuid[])
                   WITH ORDINALITY AS m (message_id, notice_id, program_id, member_id, channel, state, code,
                                         told_event_id, place)
             ORDER BY place
            """,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A locked notice whose window is over. `profile` None: the member's has not arrived."""

    notice_id: UUID
    program_id: str
    member_id: str
    template: Template
    causation_id: str
    correlation_id: str
    rule_version: int | None
    opened_at: datetime
    due_at: datetime
    profile: Profile | None
    lot_ids: Sequence[UUID]
    now: datetime


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as it begins; `outgoing` tells its outcome where there already is one."""

    message_id: UUID
    notice: DueNotice
    channel: Channel
    state: str
    code: ReasonCode | None = None
    outgoing: Outgoing | None = None


async def lock_due(connection: Connection, limit: int) -> list[DueNotice]:
    """The earliest due notices that nobody else holds."""
    locked = [row["notice_id"] for row in await connection.fetch(LOCK_DUE, limit)]
    rows = await connection.fetch(READ_DUE, locked) if locked else []
    return [
        DueNotice(
            notice_id=row["notice_id"],
            program_id=row["program_id"],
            member_id=row["member_id"],
            template=Template(row["template"]),
            causation_id=row["causation_id"],
            correlation_id=row["correlation_id"],
            rule_version=row["rule_version"],
            opened_at=row["opened_at"],
            due_at=row["due_at"],
            profile=read_profile(row["locale"], row["birth_year"], row["consents"]),
            lot_ids=row["lot_ids"],
            now=row["now"],
        )
        for row in rows
    ]


def read_profile(locale: str | None, birth_year: int | None, consents: str | None) -> Profile | None:
    """From the member's row, None where there is none."""
    return None if consents is None else Profile(locale, birth_year, orjson.loads(consents))


async def save_closed(connection: Connection, notices: Sequence[DueNotice], messages: Sequence[NewMessage]) -> None:
    """Close the notices and write their messages, under the notices' locks."""
    outgoing = [message.outgoing for message in messages if message.outgoing is not None]
    arguments = {
        **outbox_arguments(outgoing),
        "closed": sorted(notice.notice_id for notice in notices),
        "m_id": [message.message_id for message in messages],
        "m_notice": [message.notice.notice_id for message in messages],
        "m_program": [message.notice.program_id for message in messages],
        "m_member": [message.notice.member_id for message in messages],
        "m_channel": [message.channel.value for message in messages],
        "m_state": [message.state for message in messages],
        "m_code": [message.code and message.code.value for message in messages],
        "m_told": [message.outgoing and message.outgoing.event_id for message in messages],
    }
    await connection.execute(SAVE_CLOSED.sql, *SAVE_CLOSED.arguments(arguments))
