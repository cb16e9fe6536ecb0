"""The worker's store: which notices are gathering, and what a batch adds to them."""

from collections.abc import Sequence

from services.notification.desk import NotificationDesk, Windows
from services.notification.domain.notice import Notice, NoticeKey
from services.notification.domain.template import Template
from services.notification.notice_keys import notice_key
from services.notification.store.save import save_batch
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.ledger import INBOX_COLUMNS, Postings, read_inbox
from shared.runtime.postgres import Connection
from shared.runtime.statement import load_statement

LOAD = load_statement(
    {
        **INBOX_COLUMNS,
        "told": """
            SELECT array_agg(k.event_key)
              FROM unnest(:event_keys::uuid[]) AS k (event_key),
                   LATERAL (SELECT FROM notice_cause WHERE event_key = k.event_key OFFSET 0) AS known
        """,
        "newest": """
            SELECT array_agg((n.notice_id, n.program_id, n.member_id, n.template, n.group_key, n.due_at, n.points,
                              n.causes, n.state = 'gathering'))
              FROM unnest(:programs::text[], :members::text[], :templates::text[], :groups::text[])
                       AS k (program_id, member_id, template, group_key),
                   LATERAL (SELECT * FROM notice
                             WHERE program_id = k.program_id AND member_id = k.member_id AND template = k.template
                               AND group_key = k.group_key
                             ORDER BY due_at DESC, state DESC LIMIT 1 OFFSET 0) AS n
        """,
    }
)


class NoticeBooks:
    """Nothing is locked: a notice that the sweeper closed between load and save loses its claim, and the batch is
    decided again."""

    transactional = False

    def __init__(self, windows: Windows, quiet_seconds: int) -> None:
        self._windows = windows
        self._quiet_seconds = quiet_seconds

    async def load(
        self, connection: Connection, _partition: int, events: Sequence[Delivered], _programs: ProgramBook
    ) -> tuple[NotificationDesk, dict[object, bytes]]:
        """One query."""
        keys = sorted({key for told in events if (key := notice_key(told.required_event.data)) is not None})
        row = await connection.fetchrow(
            LOAD.sql,
            *LOAD.arguments(
                {
                    "event_keys": [delivered.required_event.event_key for delivered in events],
                    "programs": [key.program_id for key in keys],
                    "members": [key.member_id for key in keys],
                    "templates": [key.template.value for key in keys],
                    "groups": [key.group for key in keys],
                }
            ),
        )
        assert row is not None  # noqa: S101 - sub-selects alone always make one row
        desk = NotificationDesk(windows=self._windows, told=set(row["told"] or ()))
        for notice_id, program_id, member_id, template, group, due_at, points, causes, is_open in row["newest"] or ():
            key = NoticeKey(program_id, member_id, Template(template), group)
            desk.newest[key] = Notice(notice_id, key, due_at, points, causes, is_open)
        return desk, read_inbox(row["inbox"])

    async def settle(self, _connection: Connection, _desk: NotificationDesk) -> None:
        """Nothing has to be fetched between deciding and saving."""

    async def save(self, connection: Connection, postings: Postings, epoch: int, desk: NotificationDesk) -> bool:
        return await save_batch(connection, desk, postings.arguments(epoch, desk.outbox), self._quiet_seconds)
