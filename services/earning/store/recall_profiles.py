"""Profiles read again (0014): birthday, organisation and segments of members whose profile came before 0006.

Nothing is decided anew: sign-ups stay as they are, and a birthday is told by its timer, once a year, as any other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from services.earning.domain.birthdays import next_birthday
from shared.events.member_registered import MemberProfile, MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

# Who has a timer was heard since; a new one, even one for no birthday, says that the member's last words were found.
# Words that were declined when they came are none.
RECALL = """
WITH heard AS (
    SELECT DISTINCT ON (w.program_id, w.member_id) w.*
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
           WITH ORDINALITY AS w (event_key, program_id, member_id, birth_month_day, due_at, organisation_id, segments,
                                 place),
           LATERAL (SELECT outcome FROM decision WHERE event_key = w.event_key OFFSET 0) AS d,
           LATERAL (SELECT 1 FROM member
                     WHERE program_id = w.program_id AND member_id = w.member_id AND closed_at IS NULL OFFSET 0) AS m
     WHERE d.outcome <> 'declined'
     ORDER BY w.program_id, w.member_id, place
), claimed AS (
    INSERT INTO birthday_timer (program_id, member_id, birth_month_day, due_at)
    SELECT program_id, member_id, birth_month_day, due_at FROM heard
    ON CONFLICT DO NOTHING RETURNING program_id, member_id
)
UPDATE member AS m
   SET birth_month_day = h.birth_month_day, organisation_id = h.organisation_id, segments = h.segments::json
  FROM heard AS h JOIN claimed USING (program_id, member_id)
 WHERE m.program_id = h.program_id AND m.member_id = h.member_id
"""


async def recall_profiles(connection: Connection, running: Running, delivered: Sequence[Delivered]) -> None:
    """Enter what the last profile of each member says, where none was heard since birthdays are known."""
    now: datetime = await connection.fetchval("SELECT service_now()")
    rows = [
        (event.event_key, profile.program_id, profile.member_id, profile.birth_month_day,
         _due(profile, event.time, now, running.programs), profile.organisation_id,
         orjson.dumps(sorted(profile.segments)).decode() if profile.segments else None)
        for event in (each.required_event for each in delivered)
        if isinstance(profile := event.data, MemberRegistered | MemberUpdated)
        and running.programs.versions(profile.program_id)
    ]  # fmt: skip
    if rows:
        await connection.execute(RECALL, *map(list, zip(*rows, strict=True)))


def _due(profile: MemberProfile, said_at: datetime, now: datetime, programs: ProgramBook) -> datetime | None:
    """The first birthday after the profile that is not too old now, as for a profile that comes late."""
    if profile.birth_month_day is None:
        return None
    pack = programs.versions(profile.program_id)[-1].pack
    after = said_at
    if pack.max_event_age_days != "unlimited":
        after = max(after, now - timedelta(days=pack.max_event_age_days))
    return next_birthday(profile.birth_month_day, after, ZoneInfo(pack.time_zone))
