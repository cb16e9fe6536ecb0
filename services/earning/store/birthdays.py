"""The birthday timer: tells by earning's own topic whose birthday has begun, once per member and year."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from services.earning.decide.route import EFFECTS, OWN_SOURCE
from services.earning.domain.birthdays import next_birthday
from shared.events.birthday_reached import BirthdayReached
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.programs.expiry import business_day
from shared.programs.rules import BirthdayRule
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Outgoing, outgoing_event
from shared.runtime.dead_letters import INSERT_OUTBOX
from shared.runtime.ledger import outbox_arguments
from shared.runtime.service import Running

TIMERS_AT_ONCE = 1000
# Row locks make it safe with several workers; rows that another one or a batch holds are left to the next round.
DUE = """
SELECT program_id, member_id, birth_month_day, due_at, told_year FROM birthday_timer
 WHERE due_at <= service_now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
ADVANCE = """
UPDATE birthday_timer AS t SET due_at = n.due_at, told_year = n.told_year, told = t.told + n.told
  FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::integer[])
       AS n (program_id, member_id, due_at, told_year, told)
 WHERE t.program_id = n.program_id AND t.member_id = n.member_id
"""


class _Moved(NamedTuple):
    """What became of one timer: the event it told, if any, and when it is due next."""

    program_id: str
    member_id: str
    due_at: datetime
    told_year: int | None
    told: Outgoing | None


async def tell_birthdays(running: Running) -> None:
    """Tell all birthdays that have begun by the database's clock. Twice, or by many workers, changes nothing."""
    while await _tell_some(running) == TIMERS_AT_ONCE:
        continue


async def _tell_some(running: Running) -> int:
    """One transaction; how many timers were due."""
    async with running.pool.acquire() as connection, connection.transaction():
        due = await connection.fetch(DUE, TIMERS_AT_ONCE)
        moved = [_moved(row, running.programs) for row in due]
        if not moved:
            return 0
        told = [timer.told for timer in moved if timer.told is not None]
        if told:
            await connection.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments(told)))
        await connection.execute(ADVANCE, *_columns(moved))
        return len(due)


def _columns(moved: Sequence[_Moved]) -> list[list[object]]:
    return [
        [timer.program_id for timer in moved],
        [timer.member_id for timer in moved],
        [timer.due_at for timer in moved],
        [timer.told_year for timer in moved],
        [int(timer.told is not None) for timer in moved],
    ]


def _moved(row: asyncpg.Record, programs: ProgramBook) -> _Moved:
    """A birthday is told where the version in force rewards it, and no other one of that year was told."""
    program_id, member_id, due_at = row["program_id"], row["member_id"], row["due_at"]
    zone = ZoneInfo(programs.versions(program_id)[-1].pack.time_zone)
    year = business_day(due_at, zone).year
    told, told_year = None, row["told_year"]
    version = programs.in_force(program_id, due_at)
    rules = () if version is None else version.pack.rules
    rewards = any(rule.enabled and isinstance(rule, BirthdayRule) for rule in rules)
    if rewards and (told_year is None or told_year < year):
        told, told_year = _event(program_id, member_id, row["birth_month_day"], due_at, zone), year
    return _Moved(program_id, member_id, next_birthday(row["birth_month_day"], due_at, zone), told_year, told)


def _event(program_id: str, member_id: str, birth_month_day: str, due_at: datetime, zone: ZoneInfo) -> Outgoing:
    """Its id follows from member and year, its time is the due instant: whenever it is told, it is the same event."""
    day, key = business_day(due_at, zone), member_key(program_id, member_id)
    event_id = derived_id(OWN_SOURCE, key, f"birthday/{day.year}")
    own = f"{OWN_SOURCE}#{event_id}"
    data = BirthdayReached(
        program_id=program_id,
        member_id=member_id,
        causation_id=own,
        correlation_id=own,
        birth_month_day=birth_month_day,
        day=day,
    )
    return outgoing_event(EFFECTS, key, event_id, OWN_SOURCE, member_id, due_at, data)
