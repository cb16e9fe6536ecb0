"""Profiles read again (0017): who is listed (C27), and the language, of members registered before 0007."""

from collections.abc import Sequence

from services.redemption.desk import Member
from services.redemption.domain.profile import ProfileWords
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.runtime.batch import Delivered
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

# Later words came first, so a row that is there stays; only an earlier registration is the member's. Whoever never
# registered has no wallet, and no profile.
RECALL = """
INSERT INTO member AS known (program_id, member_id, registered_at, listed_party, locale)
SELECT w.program_id, w.member_id, w.registered_at, w.listed_party, w.locale
  FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::boolean[], $5::text[])
       AS w (program_id, member_id, registered_at, listed_party, locale),
       LATERAL (SELECT 1 FROM wallet WHERE program_id = w.program_id AND member_id = w.member_id OFFSET 0) AS there
 ORDER BY w.program_id, w.member_id
ON CONFLICT (program_id, member_id) DO UPDATE SET registered_at = least(known.registered_at, excluded.registered_at)
 WHERE excluded.registered_at < known.registered_at OR known.registered_at IS NULL
"""


async def recall_profiles(connection: Connection, _running: Running, delivered: Sequence[Delivered]) -> None:
    """Enter the last words about each member who has no row; an update alone says nothing of when they registered."""
    said: dict[Member, ProfileWords] = {}
    for each in delivered:
        data = each.required_event.data
        if isinstance(data, MemberRegistered | MemberUpdated):
            member = (data.program_id, data.member_id)
            words = ProfileWords(
                data.registered_at, data.listed_party, data.locale, registers=isinstance(data, MemberRegistered)
            )
            said[member] = said[member].after(words) if member in said else words
    if said:
        rows = [
            (*member, words.registered_at if words.registers else None, words.listed_party, words.locale)
            for member, words in said.items()
        ]
        await connection.execute(RECALL, *map(list, zip(*rows, strict=True)))
